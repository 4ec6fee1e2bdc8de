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


@pytest.mark.parametrize("value", [np.sum, np.linalg.norm, math.exp, len, np.linalg, math, np.float64, operator.add])
def test_pure(value):
    assert is_pure(value)


@pytest.mark.parametrize(
    "value",
    [
        np.load,
        np.random,
        np.random.default_rng,
        random.random,
        time.time,
        time,
        io.open,
        eval,
        globals,
        datetime.datetime,
    ],
)
def test_not_pure(value):
    assert not is_pure(value)


def test_names():
    assert are_pure(["sum", "exp"])
    assert not are_pure(["sum", "open"])


@pytest.mark.parametrize(
    "value", [np.exp, np.mean, special.expit, Fraction(1, 2), re.compile("a"), datetime.date(2020, 1, 1)]
)
def test_fixed(value):
    assert is_fixed(value)


@pytest.mark.parametrize("value", [np.frompyfunc(abs, 1, 1), np.poly1d([1, 2]), random.Random(), io.StringIO()])
def test_not_fixed(value):
    assert not is_fixed(value)
