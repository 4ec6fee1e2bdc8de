"""Derivatives for optimizers that are not finite where f is: the warning names bounds=."""

import math
import warnings

import numpy as np
import pytest
from scipy.optimize import Bounds, minimize

from fastgrad import StepWarning, grad, hess, value_and_grad
from fastgrad.transforms.edges import warn_at_edge

DATA = np.random.default_rng(0).normal(3.0, 0.002, 50)
X = np.array([3.0, 1e-6])


def likelihood(p):
    if p[1] <= 0:
        return math.inf
    return len(DATA) * math.log(p[1]) + np.sum((DATA - p[0]) ** 2) / (2 * p[1] ** 2)


def of_numpy(p):
    return np.inf if p[1] <= 0 else p[0] ** 2 + p[1]


@pytest.mark.parametrize("f", [likelihood, of_numpy])
@pytest.mark.parametrize("make", [grad, value_and_grad, hess])
def test_f_is_finite_here_and_not_beside(make, f):
    g = make(f)
    for _ in range(3):
        with pytest.warns(
            StepWarning, match=rf"finite at x and not within a step of x\[1\]=1e-06.*{make.__name__}\(f, bounds"
        ):
            g(X)
    for x in ([3.0, -1.0], [3.0, 0.5]):
        g(np.array(x))


@pytest.mark.parametrize(
    "bounds", [Bounds([-9.0, 1e-6], 9.0), (np.array([-9.0, 1e-6]), 9.0), [(None, 9.0), (1e-6, None)]]
)
def test_bounds_in_all_forms(bounds):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grad(lambda p: np.inf * p[0], bounds=bounds)(X)


def test_with_full_output():
    with pytest.warns(StepWarning, match="bounds="):
        grad(likelihood, full_output=True)(X)


@pytest.mark.parametrize(
    "options", [{"bounds": [(None, None), (1e-6, None)]}, {"method": "exact"}, {"method": "adaptive"}]
)
def test_what_it_tells_to_write_is_finite(options):
    assert np.isfinite(grad(likelihood, **options)(X)).all()


def test_not_of_many_points_and_once_for_a_line():
    g = grad(of_numpy, batch=True)
    g(np.stack([X, X]))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        g = grad(of_numpy)
        for _ in range(5):
            g(X)
    assert len(seen) == 1
    assert seen[0].filename == __file__


def test_a_fit_that_would_end_at_once_says_so():
    start, bounds = [2.9, 0.1], [(None, None), (1e-6, None)]
    with pytest.warns(StepWarning, match="bounds="):
        minimize(likelihood, start, jac=grad(likelihood), bounds=bounds, method="L-BFGS-B")
    found = minimize(likelihood, start, jac=grad(likelihood, bounds=bounds), bounds=bounds, method="L-BFGS-B")
    assert found.x == pytest.approx([DATA.mean(), DATA.std()], rel=1e-3)


def test_f_that_raises_when_asked_again():
    def f(x):
        raise ValueError

    with pytest.warns(StepWarning, match="bounds="):
        warn_at_edge("grad", f, X, (), {}, np.array([1.0, np.nan]))
