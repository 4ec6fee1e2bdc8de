"""check_gradient itself: tolerances and bad input."""

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError
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


# --- against the derivative itself ------------------------------------------------------------------------------------


def test_a_right_gradient_agrees_with_the_exact_one():
    x = np.linspace(0.1, 1.0, 10)
    report = check_gradient(lambda x: np.sum(np.sin(x)), np.cos, x, against="exact", rtol=1e-12)
    assert (report.verdict, report.mode, report.checked) == ("ok", "exact", 10)


def test_each_wrong_element_is_named_beside_the_exact_one():
    x = np.linspace(0.1, 1.0, 10)

    def wrong(x):
        g = np.cos(x)
        g[3] *= 1.0 + 1e-9  # which no difference sees
        return g

    f = lambda x: np.sum(np.sin(x))
    assert check_gradient(f, wrong, x, elementwise=True).verdict == "ok"
    report = check_gradient(f, wrong, x, against="exact", rtol=1e-11, raises=False)
    assert [(e.index, e.verdict) for e in report.worst] == [((3,), "wrong")]
    assert report.worst[0].numerical == pytest.approx(np.cos(x[3]), rel=1e-15)
    with pytest.raises(AssertionError, match=r"x\[3\]"):
        check_gradient(f, wrong, x, against="exact", rtol=1e-11)


def test_dicts_and_further_arguments_beside_the_exact_one():
    p = {"w": np.array([[1.0, 2.0]]), "b": np.array(3.0)}
    f = lambda p, a: a * np.sum(p["w"] ** 2) * p["b"]
    right = lambda p, a: {"w": 2.0 * a * p["w"] * p["b"], "b": a * np.sum(p["w"] ** 2)}
    assert check_gradient(f, right, p, args=(2.0,), against="exact").verdict == "ok"
    flipped = lambda p, a: right(p, a) | {"w": -right(p, a)["w"]}
    report = check_gradient(f, flipped, p, args=(2.0,), against="exact", raises=False)
    assert [a.verdict for a in report.arrays] == ["wrong", "ok"]
    assert "its sign is flipped" in str(report)


def test_kinks_beside_the_exact_one():
    relu = lambda x: np.sum(np.maximum(x, 0.0))
    step = lambda x: (x > 0).astype(float)
    x = np.array([1.0, 0.0, -1.0])
    assert check_gradient(relu, step, x, against="exact").verdict == "kink"
    report = check_gradient(relu, step, x, against="exact", detect_kinks=False, raises=False)
    assert report.verdict == "wrong"


def test_what_cannot_be_compared_with_an_exact_gradient():
    x = np.array([1.0, 2.0])
    with pytest.raises(EngineError, match="needs a trace of f"):
        check_gradient(lambda x: abs(float(str(x[0]))) * x[1], lambda x: x[::-1], x, against="exact")
    with pytest.raises(ValueError, match="checks every element"):
        check_gradient(np.sum, np.ones_like, x, against="exact", elementwise=True)
    with pytest.raises(ValueError, match="against='jax' is unknown"):
        check_gradient(np.sum, np.ones_like, x, against="jax")
    report = check_gradient(lambda x: np.sum(np.cbrt(x)), np.ones_like, x * 0.0, against="exact", raises=False)
    assert report.verdict == "inconclusive"
