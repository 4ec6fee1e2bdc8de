"""check_gradient itself: tolerances and bad input."""

import numpy as np
import pytest

import fastgrad
from fastgrad.checking.check import check_gradient


def test_tolerances():
    x = np.array([1.0, 2.0])
    f, g = lambda x: np.sum(x**2), lambda x: 2 * x * 1.001
    assert check_gradient(f, g, x, raises=False).verdict == "wrong"
    assert check_gradient(f, g, x, rtol=0.01).ok
    assert check_gradient(f, g, x, atol=0.01).ok
    assert check_gradient(f, g, x, atol=0.01, elementwise=True).ok


W = np.ones((2, 3))


BAD = {
    "f": (TypeError, lambda: check_gradient(W, W, W), "f must be a function"),
    "shape": (ValueError, lambda: check_gradient(np.sum, np.ones(3), W), r"shape \(3,\), x has \(2, 3\)"),
    "complex": (TypeError, lambda: check_gradient(np.sum, W * 1j, W), "complex"),
    "None": (TypeError, lambda: check_gradient(np.sum, None, W), "real numbers"),
    "dict for array": (TypeError, lambda: check_gradient(np.sum, {"a": W}, W), "dict"),
    "array for dict": (TypeError, lambda: check_gradient(lambda p: 1.0, W, {"a": W}), "form of x"),
    "other names": (ValueError, lambda: check_gradient(lambda p: 1.0, {"b": W}, {"a": W}), "none of which"),
    "integers": (TypeError, lambda: check_gradient(lambda p: 1.0, {"a": W}, {"a": [1, 2]}), "got list"),
    "tied": (ValueError, lambda: check_gradient(lambda p: 1.0, {"a": W}, {"a": W, "b": W[1:]}), "share memory"),
    "nan": (ValueError, lambda: check_gradient(np.sum, W, W * np.nan), "x is nan at"),
    "vector": (ValueError, lambda: check_gradient(lambda x: x, W, W), "one number"),
    "scalar grad": (ValueError, lambda: check_gradient(np.sum, lambda x: 3.0, W), "gradient in x's form"),
    "rtol": (ValueError, lambda: check_gradient(np.sum, W, W, rtol=-1.0), "rtol=-1.0"),
    "sample": (ValueError, lambda: check_gradient(np.sum, W, W, sample=7), "sample=7"),
    "args": (TypeError, lambda: check_gradient(np.sum, W, W, args=1), "args must be a tuple"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    error, call, message = BAD[case]
    with pytest.raises(error, match=message):
        call()


def test_the_name_at_the_top():
    assert fastgrad.check_gradient is check_gradient
