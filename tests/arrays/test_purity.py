"""What a kept program may have read of packages."""

import datetime
import io
import math
import operator
import random
import re
import time
from fractions import Fraction

import numpy as np
import pytest
from scipy import special

from fastgrad.arrays.purity import are_pure, is_fixed, is_pure

PURE = {
    "sum": np.sum, "norm": np.linalg.norm, "exp": math.exp, "len": len, "linalg": np.linalg, "math": math,
    "float64": np.float64, "add": operator.add,
}  # fmt: skip
IMPURE = {
    "load": np.load, "numbers": np.random, "a generator": np.random.default_rng, "a random number": random.random,
    "the time": time.time, "times": time, "open": io.open, "eval": eval, "globals": globals, "now": datetime.datetime,
}  # fmt: skip
FIXED = {
    "exp": np.exp, "mean": np.mean, "expit": special.expit, "fraction": Fraction(1, 2), "pattern": re.compile("a"),
    "date": datetime.date(2020, 1, 1),
}  # fmt: skip
CHANGING = {
    "of Python": np.frompyfunc(abs, 1, 1), "polynomial": np.poly1d([1, 2]), "generator": random.Random(),
    "text": io.StringIO(),
}  # fmt: skip


@pytest.mark.parametrize("name", PURE)
def test_pure(name):
    assert is_pure(PURE[name])


@pytest.mark.parametrize("name", IMPURE)
def test_not_pure(name):
    assert not is_pure(IMPURE[name])


def test_names():
    assert are_pure(["sum", "exp"])
    assert not are_pure(["sum", "open"])


@pytest.mark.parametrize("name", FIXED)
def test_fixed(name):
    assert is_fixed(FIXED[name])


@pytest.mark.parametrize("name", CHANGING)
def test_not_fixed(name):
    assert not is_fixed(CHANGING[name])
