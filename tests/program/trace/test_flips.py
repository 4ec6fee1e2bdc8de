"""Which numbers change their signs with a vector."""

import numpy as np
import pytest

from fastgrad.program.trace import flips
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable


def made(use):
    """A function of x[0] and x[1] as parts of one vector, and of x[2] of another."""

    def f(x):
        values = x.view(np.ndarray).tolist()
        p, q = flips.of_either_sign(values[:2], values[2])
        (r,) = flips.of_either_sign(values[2:3], values[2])
        return use(p, q, r)

    return f


EVEN = [
    lambda p, q, r: p * q + r * r,
    lambda p, q, r: abs(p) + abs(r) * p * q,
    lambda p, q, r: p / q + np.cos(p) + np.cosh(r),
    lambda p, q, r: (p + q) * np.sin(q - p),
    lambda p, q, r: (2.0 * p - q) * np.sign(q) * r * np.tanh(r),
    lambda p, q, r: np.where(abs(p) > abs(q), p, -q) * p,
    lambda p, q, r: np.hypot(p, r) + np.copysign(abs(q), p) * q,
    lambda p, q, r: p * r * q * r,
    lambda p, q, r: (p * 2.0 + r * 0.0) * (q + 0.0 * r),
    lambda p, q, r: np.array([p, r]) @ np.diag([2.0, 3.0]) @ np.array([p, r]),
    lambda p, q, r: (p * (0.0 * q + r * 0.0) + q) * p,
]
ODD = [
    lambda p, q, r: p,
    lambda p, q, r: p * r,
    lambda p, q, r: (p + r) * q,
    lambda p, q, r: abs(p + r),
    lambda p, q, r: abs(p + 1.0),
    lambda p, q, r: np.exp(p),
    lambda p, q, r: np.where(p > 0, q, q) * q,
    lambda p, q, r: np.where(abs(p) > 1.0, p, r) * p,
    lambda p, q, r: np.maximum(p, q),
    lambda p, q, r: p**3,
    lambda p, q, r: np.arctan2(p, q),
    lambda p, q, r: (p > q) * 1.0,
    lambda p, q, r: np.exp(p * 0.0 + q),
]


@pytest.mark.parametrize(("use", "even"), [*[(f, True) for f in EVEN], *[(f, False) for f in ODD]], ids=range(24))
def test_what_has_no_sign_of_its_own(use, even):
    f = made(use)
    if even:
        assert trace(f, (3,)).nodes
    else:
        with pytest.raises(Untraceable, match="depends on the signs"):
            trace(f, (3,))


def test_the_same_vector_is_one_and_zeros_have_no_sign():
    def f(x):
        values = x.view(np.ndarray).tolist()
        once, again = (flips.of_either_sign(values[:2], values[2]) for _ in range(2))
        return once[0] * again[1] + flips.of_either_sign([0.0, 1.0], values[2])[0]

    assert trace(f, (3,)).nodes
    with pytest.raises(Untraceable, match="depends on the signs"):
        trace(lambda x: flips.of_either_sign([0.0, 1.0], x[2])[1] * x[0], (3,))
