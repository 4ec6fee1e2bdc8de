"""Addresses of SciPy's functions, and what compiled code gets of them."""

import sys

import numpy as np
import pytest

import fastgrad
from fastgrad.llvm import scipyfunctions
from fastgrad.llvm.calls import Unsupported
from fastgrad.llvm.vectormath import Vectors
from fastgrad.program.specials import BY_LIBRARY

special = pytest.importorskip("scipy.special")


def test_the_operations_of_programs_are_these():
    assert set(scipyfunctions.COUNTS) == set(BY_LIBRARY)


@pytest.mark.parametrize("name", BY_LIBRARY)
def test_every_one_has_an_address_and_scipys_bits(name):
    assert scipyfunctions.symbol(name) == f"fastgrad.scipy.{name}"
    function, count = getattr(special, name), scipyfunctions.COUNTS[name]
    points = np.random.default_rng(0).uniform(0.05, 0.95, (2000, count))
    points[:, :-1] = 1.5
    f = lambda x: function(*[1.5] * (count - 1), x[count - 1])
    values, _ = fastgrad.value_and_gradient(f, points, batch=True, engine="simd")
    np.testing.assert_array_equal(values, function(*points.T))


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    scipyfunctions.symbol.cache_clear()
    assert scipyfunctions.symbol("erfinv") is None
    with pytest.raises(Unsupported, match="the operation 'erfinv'"):
        Vectors(2).apply("erfinv", "%x")
    scipyfunctions.symbol.cache_clear()


def test_another_signature(monkeypatch):
    monkeypatch.setitem(scipyfunctions.COUNTS, "erfinv", 2)
    scipyfunctions.symbol.cache_clear()
    assert scipyfunctions.symbol("erfinv") is None
    scipyfunctions.symbol.cache_clear()


def test_operations_that_nobody_knows():
    with pytest.raises(Unsupported, match="the operation 'frobnicate'"):
        Vectors(4).apply("frobnicate", "%x")
