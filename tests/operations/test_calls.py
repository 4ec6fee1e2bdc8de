"""Functions that tell what to write for calls that do not fit them; the texts are in test_first_tries.py."""

import inspect
import pickle

import numpy as np
import pytest

import fastgrad
from fastgrad import gradient
from fastgrad.operations import gradients
from fastgrad.operations.calls import telling


def test_what_is_told_has_the_functions_own_signature_and_travels():
    for name in ("gradient", "derivative", "hessian", "jvp", "gradient_field", "explain", "vjp", "propagate"):
        function = getattr(fastgrad, name)
        assert next(iter(inspect.signature(function).parameters)) == "f"
        assert "options" not in inspect.signature(function).parameters
        assert function.__name__ == name
        assert pickle.loads(pickle.dumps(function)) is function


def test_type_errors_of_f_are_its_own():
    def f(x):
        raise TypeError

    with pytest.raises(TypeError) as caught:
        gradient(f, np.ones(2))
    assert str(caught.value) == ""
    assert caught.traceback[-1].name == "f"


def test_what_fits_is_passed_on():
    seen = telling(lambda f, x, *, h=None: (f, x, h), "here")
    assert seen(1, 2, h=3) == seen(f=1, x=2, h=3) == (1, 2, 3)
    assert seen.__module__ == "here"
    assert gradient(np.sum, np.ones(2)).tolist() == gradients.gradient(np.sum, np.ones(2)).tolist()


def test_names_that_do_not_exist_are_pythons_business():
    with pytest.raises(TypeError) as caught:
        gradient(np.sum, np.ones(2), step=1e-4)
    assert str(caught.value) == "gradient() got an unexpected keyword argument 'step'"
