"""The normal density of several numbers in f."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.trace import multivariate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

stats = pytest.importorskip("scipy.stats")
COV = np.array([[2.0, 0.3, 0.1], [0.3, 1.0, 0.2], [0.1, 0.2, 0.5]])
MEAN = np.array([0.1, -0.2, 0.3])
ROWS = np.random.default_rng(0).normal(size=(4, 3))
normal, frozen = stats.multivariate_normal, stats.multivariate_normal(MEAN, COV)
CASES = {
    "of x": lambda x: normal.logpdf(x, MEAN, COV),
    "frozen": frozen.logpdf,
    "of data": lambda x: np.sum(normal.logpdf(ROWS, x, COV)),
    "its density": lambda x: normal.pdf(x, mean=MEAN, cov=COV),
    "without a mean": lambda x: normal.logpdf(x, cov=COV),
    "of one number": lambda x: normal.logpdf(x[0], 0.3, 2.0) + np.sum(normal.logpdf(x, 0.3, 2.0)),
    "of variances": lambda x: normal.logpdf(x, MEAN, [1.0, 2.0, 3.0]),
    "of rows": lambda x: np.sum(normal.logpdf(ROWS * x, MEAN, COV)),
    "frozen inside": lambda x: stats.multivariate_normal(MEAN, COV).logpdf(x),
    "frozen around x": lambda x: stats.multivariate_normal(x, COV).logpdf(ROWS).sum(),
    "a covariance": lambda x: np.sum(normal.logpdf(ROWS, MEAN, COV + np.outer(x, x))),
    "a covariance and a mean": lambda x: np.sum(normal.logpdf(ROWS, x, np.diag(1.0 + x**2) + 0.5)),
    "its own": lambda x: stats.multivariate_normal(x, cov=COV * np.exp(x[0])).logpdf(x**2),
    "variances": lambda x: normal.logpdf(x, MEAN, [0.1 + x[0] ** 2, 2.0, 3.0]),
    "one variance": lambda x: normal.pdf(ROWS, MEAN, 0.1 + x[0] ** 2).sum() + normal.logpdf(x[1], 0.2, 1.0 + x[2] ** 2),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    f, points = CASES[name], np.random.default_rng(1).normal(size=(60, 3))
    values, exact = fastgrad.value_and_gradient(f, points, batch=True, method="exact")
    np.testing.assert_allclose(values, [f(x) for x in points], rtol=1e-13)
    plain = fastgrad.gradient(f, points[:4], batch=True, order=6, engine="python")
    np.testing.assert_allclose(exact[:4], plain, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True, engine="simd"), exact, rtol=1e-6, atol=1e-8)


def test_the_gradient_is_that_of_the_quadratic_form():
    x = np.array([0.7, 0.2, -0.4])
    wanted = -np.linalg.solve(COV, x - MEAN)
    np.testing.assert_allclose(fastgrad.gradient(CASES["of x"], x, method="exact"), wanted, rtol=1e-14)
    np.testing.assert_allclose(fastgrad.hessian(CASES["frozen"], x, method="exact"), -np.linalg.inv(COV), rtol=1e-13)


def test_what_has_no_rule_is_refused():
    for f, said in (
        (lambda x: normal.logpdf(ROWS[0], MEAN, COV * x[0], allow_singular=True), "options that have no rule"),
        (lambda x: normal.cdf(x, MEAN, COV), r"multivariate_normal\.cdf"),
        (lambda x: normal.logpdf(x, MEAN, np.diag([1.0, 1.0, 0.0]), allow_singular=True), "singular"),
    ):
        with pytest.raises(Untraceable, match=said):
            trace(f, (3,))


def test_a_traced_covariance_that_is_none_is_f_to_judge():
    f = lambda x: normal.logpdf(x, MEAN, COV - x[0] * np.eye(3))
    points = np.tile([[0.1, 0.2, 0.3], [0.2, 1.0, 0.0]], (30, 1))
    np.testing.assert_allclose(
        fastgrad.gradient(f, points, batch=True, engine="simd"),
        fastgrad.gradient(f, points, batch=True, engine="python"), rtol=1e-6, atol=1e-8,
    )  # fmt: skip
    points[7, 0] = 0.5
    for how in ({"engine": "simd"}, {"engine": "python"}, {"method": "exact"}):
        with pytest.raises((ValueError, fastgrad.EngineError)):
            fastgrad.gradient(f, points, batch=True, **how)
    nearly = lambda x: normal.logpdf(x, MEAN, np.outer(x, x) + 1e-11 * np.eye(3))
    for how in ({"engine": "simd"}, {"engine": "python"}):
        with pytest.raises(np.linalg.LinAlgError):
            fastgrad.gradient(nearly, points, batch=True, **how)


def test_numbers_alone():
    assert multivariate.logpdf(normal, MEAN, MEAN, COV) == pytest.approx(normal.logpdf(MEAN, MEAN, COV))
