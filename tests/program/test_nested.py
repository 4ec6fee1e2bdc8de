"""What is known to be fastgrad's own, and what only looks so."""

import math

import numpy as np
import pytest

import fastgrad
from fastgrad.program.nested import GIVING, OPERATIONS, gives_derivatives, is_package, name_of_derivative


def test_every_name_is_one_of_the_package_or_of_its_transforms():
    for name in (*OPERATIONS, *GIVING):
        function = getattr(fastgrad, name, None) or getattr(fastgrad.transforms, name)
        assert name_of_derivative(function) == name
    assert OPERATIONS.issuperset(operation for operation, _ in GIVING.values())


@pytest.mark.parametrize("value", [np.sum, math.sin, fastgrad.numerical_gradient, fastgrad.explain, 1.0, None])
def test_others_have_no_name(value):
    assert name_of_derivative(value) is None


def test_a_function_that_says_it_is_one():
    def gradient(f, x):
        return x

    gradient.__module__ = "fastgrad"
    assert name_of_derivative(gradient) is None


def test_what_gives_derivatives():
    assert gives_derivatives(fastgrad.grad(np.sum))
    assert gives_derivatives(fastgrad.transforms.hessp(np.sum))
    assert not gives_derivatives(np.sum)
    assert not gives_derivatives(fastgrad.Variable(np.ones(2)))


def test_modules():
    assert is_package(fastgrad)
    assert is_package(fastgrad.transforms)
    assert not is_package(np)
    assert not is_package(fastgrad.grad)
