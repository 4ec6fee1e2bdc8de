"""logsumexp, softmax and others of scipy.special that are no ufuncs, in f."""

import math

import mpmath
import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.exponentialsums import FUNCTIONS, logsumexp
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

special = pytest.importorskip("scipy.special")
W = np.array([1.0, 2.0, -0.5])
M = np.array([[0.3, 1.0, -2.0], [0.1, 0.2, 4.0]])
CASES = {
    "logsumexp": special.logsumexp,
    "logsumexp along an axis": lambda x: np.sum(special.logsumexp(x * M, axis=1)),
    "logsumexp with its axis kept": lambda x: np.sum(x * special.logsumexp(x * M, axis=1, keepdims=True)),
    "logsumexp with weights": lambda x: special.logsumexp(x, b=np.array([1.0, 2.0, 0.5])),
    "logsumexp of traced weights": lambda x: special.logsumexp(W, b=x),
    "logsumexp of a list": lambda x: special.logsumexp([x[0], x[1], 0.0]),
    "softmax": lambda x: W @ special.softmax(x),
    "softmax along an axis": lambda x: np.sum(M * special.softmax(x * M, axis=1)),
    "log_softmax": lambda x: special.log_softmax(x)[1],
    "log_softmax along an axis": lambda x: np.sum(M * special.log_softmax(x * M, axis=0)),
    "polygamma": lambda x: np.sum(special.polygamma(0, x + 3) + special.polygamma(1, x + 3)),
    "polygamma of higher orders": lambda x: sum(np.sum(special.polygamma(n, x + 3)) for n in range(2, 11)),
    "multigammaln": lambda x: special.multigammaln(x[0] + 3.0, 3),
}
if hasattr(special, "softplus"):
    CASES["softplus"] = lambda x: np.sum(special.softplus(x))
POINTS = np.random.default_rng(0).uniform(-1.5, 2.0, (300, 3))


def test_every_rule_has_its_case():
    assert {name.split()[0] for name in CASES} >= set(FUNCTIONS) - {"softplus"}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    f = CASES[name]
    points = np.abs(POINTS) + 0.1 if "weights" in name else POINTS
    values, exact = fastgrad.value_and_gradient(f, points, batch=True, method="exact")
    np.testing.assert_allclose(values, [f(x) for x in points], rtol=2e-14, atol=2e-15)
    central = fastgrad.gradient(f, points, batch=True, order=6, engine="simd")
    np.testing.assert_allclose(central, exact, rtol=2e-9, atol=2e-9)
    second = fastgrad.hessian(f, points[:5], batch=True, method="exact")
    plain = fastgrad.hessian(f, points[:5], batch=True, order=6, engine="python")
    np.testing.assert_allclose(second, plain, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(fastgrad.gradient(f, points[0], method="exact"), exact[0], rtol=1e-14)


@pytest.mark.parametrize("n", range(2, 11))
def test_polygamma_of_higher_orders(n):
    points = np.array([[1e-3], [0.1], [0.5], [1.0], [1.5], [3.3], [20.0], [1e4]])
    found = fastgrad.value_and_gradient(lambda x: special.polygamma(n, x[0]), points, batch=True, method="exact")
    for numbers, order in zip(found, (n, n + 1), strict=True):
        exact = [float(mpmath.polygamma(order, x)) for x in points.ravel().tolist()]
        np.testing.assert_allclose(numbers.ravel(), exact, rtol=2e-15)
    below = np.array([[-0.5], [-1.4]])
    found = fastgrad.gradient(lambda x: special.polygamma(n, x[0]), below, batch=True, method="exact")
    exact = [float(mpmath.polygamma(n + 1, x)) for x in below.ravel().tolist()]
    np.testing.assert_allclose(found.ravel(), exact, rtol=1e-13, atol=1e-12 * math.factorial(n))
    with pytest.raises(Untraceable, match="order"):
        trace(lambda x: special.polygamma(x[0], 2.0), (1,))


def test_sums_of_large_and_infinite_numbers():
    rows = np.array(
        [[1e3, 1e3 + 1, -1e3], [-1e4, -1e4, -1e4], [-np.inf, 0.0, 1.0], [700.5, 0.0, 1e300], [0.5, 1.5, 2.5]]
    )
    points = np.tile(rows, (100, 1))
    f = CASES["logsumexp"]
    with np.errstate(all="ignore"):
        values, slopes = fastgrad.value_and_gradient(f, points, batch=True, method="exact")
        np.testing.assert_allclose(values[:5], special.logsumexp(rows, axis=1), rtol=1e-15)
        np.testing.assert_allclose(slopes[:5], special.softmax(rows, axis=1), rtol=1e-14, atol=1e-300)
    for row in ([np.inf, 0.0, 0.0], [-np.inf] * 3, [np.nan, 0.0, 0.0]):
        assert str(fastgrad.value_and_gradient(f, np.tile(row, (200, 1)), batch=True)[0][0]) == str(
            special.logsumexp(row)
        )


def test_the_slope_of_softmax_has_all_its_digits():
    for x in (np.array([30.0, -5.0, 1.0]), np.array([0.2, 0.2, 0.2])):
        p = special.softmax(x)
        np.testing.assert_allclose(fastgrad.gradient(CASES["logsumexp"], x, method="exact"), p, rtol=1e-14)
        hessian = fastgrad.hessian(CASES["logsumexp"], x, method="exact")
        np.testing.assert_allclose(hessian, np.diag(p) - np.outer(p, p), rtol=1e-10, atol=1e-16)


def test_what_has_no_rule_is_refused():
    for f, said in (
        (lambda x: np.sum(special.polygamma(11, x)), "order"),
        (lambda x: np.sum(special.multigammaln(x, 2)), "of an array"),
    ):
        with pytest.raises(Untraceable, match=said):
            trace(f, (3,))


def test_numbers_go_to_scipy():
    assert fastgrad.gradient(lambda x: x[0] * special.logsumexp(W), np.ones(1)) == pytest.approx([special.logsumexp(W)])
    assert math.isclose(logsumexp([0.0, 0.0]), math.log(2.0))


@pytest.mark.parametrize("axis", [None, 1])
def test_sums_of_both_signs(axis):
    b = np.array([[1.0, -2.0, 0.5], [-1.5, 0.2, 0.1]])
    f = lambda x: np.stack(special.logsumexp(x.reshape(2, 3), axis=axis, b=b, return_sign=True))
    x = np.random.default_rng(0).normal(size=6)
    np.testing.assert_allclose(evaluate(trace(f, (6,)), x), np.ravel(f(x)), rtol=1e-13)
    found, wanted = (fastgrad.jacobian(f, x, **how) for how in ({"method": "exact"}, {"engine": "python"}))
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-8)
