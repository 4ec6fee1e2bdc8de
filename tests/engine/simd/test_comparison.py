"""Exact derivatives beside differences of f: higher ones, seen with much noise, and at the points themselves."""

import numpy as np
import pytest

from fastgrad import EngineError, derivative, grad, gradient, hess, hessian, hessian_diagonal, hvp, sparsity


def root(x):
    """By bisection, whose ends are constants to a trace, and one step of Newton's: the first derivative is right."""
    low, high = 0.0, 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = middle**3 + x[0] * middle - x[1] - 1.0 > 0.0
        low, high = (low, middle) if above else (middle, high)
    t = 0.5 * (low + high)
    return t - (t**3 + x[0] * t - x[1] - 1.0) / (3.0 * t * t + x[0])


def table(x):
    """A fine one of a sine, with its slopes between."""
    nearest = np.floor(1e6 * x) * 1e-6
    return np.sin(nearest) + (x - nearest) * np.cos(nearest)


X = np.array([0.3, 0.4])
OTHERS = {
    "hessian": lambda: hessian(root, X, method="exact"),
    "hessians": lambda: hessian(root, np.tile(X, (40, 1)), batch=True, method="exact"),
    "hess": lambda: hess(root, method="exact")(X),
    "hvp": lambda: hvp(root, X, X, method="exact"),
    "second": lambda: derivative(lambda t: root([t, 0.4]), 0.3, n=2, method="exact"),
    "third": lambda: derivative(lambda t: root([t, 0.4]), 0.3, n=3, method="exact"),
    "third of a table": lambda: derivative(table, 0.5123, n=3, method="exact"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_higher_derivatives_that_differences_contradict(name):
    with pytest.raises(EngineError, match=r"its exact derivative is .*, but differences of f give"):
        OTHERS[name]()


WAVES = {
    "short": lambda t: np.sin(1e5 * t),
    "short beside a large number": lambda t: np.sin(1e5 * t) + 1e6,
    "long beside a larger one": lambda t: np.sin(300.0 * t) + 1e10,
    "steep": lambda t: np.arctan(300.0 * t) + 1e6,
    "a pole": lambda t: 1.0 / t + 1e10,
    "nothing but noise": lambda t: 1e-9 * t**4 + 1e10,
}


@pytest.mark.parametrize("name", WAVES)
@pytest.mark.parametrize("n", [2, 3, 4])
def test_what_no_difference_resolves_is_believed(name, n):
    for t in (0.37, -1.3, 1e-4):
        assert np.isfinite(derivative(WAVES[name], t, n=n, method="exact"))


def own_way(x):
    """Smooth, and 0 at 0 in a way that says nothing of its slope."""
    return np.tanh(x[0]) if x[0] != 0.0 else 0.0


def masked(x):
    return np.where(x[0] > 0.0, x[0], 0.0) - np.where(x[0] < 0.0, -x[0], 0.0)


def signed(x):
    return np.sign(x[0]) * np.log1p(np.abs(x[0]))


@pytest.mark.parametrize("f", [own_way, masked, signed])
def test_a_way_that_only_the_point_goes(f):
    for call in (
        lambda: gradient(f, np.zeros(1), method="exact"),
        lambda: grad(f, method="exact")(np.zeros(1)),
        lambda: gradient(f, np.array([[0.0], [1.0]] * 20), batch=True, method="exact"),
        lambda: derivative(lambda t: f([t]), 0.0, method="exact"),
    ):
        with pytest.raises(EngineError, match=r"exact derivative is -?0, but differences of f give"):
            call()
    assert gradient(f, np.ones(1), method="exact") == pytest.approx(gradient(f, np.ones(1)), rel=1e-8)


def test_a_way_that_a_later_point_goes():
    slope = grad(own_way, method="exact")
    slope(np.ones(1))
    with pytest.raises(EngineError, match="way of its own"):
        slope(np.zeros(1))


KINKS = {
    "abs": (lambda x: np.abs(x[0]), 0.0),
    "relu": (lambda x: np.maximum(x[0], 0.0), 0.5),
    "if": (lambda x: x[0] if x[0] > 0.0 else 0.25 * x[0], 0.25),
    "corner": (lambda x: np.maximum(np.maximum(x[0], 0.0), 3.0 * x[0]), 4.0 / 3.0),
    "jump": (lambda x: np.where(x[0] == 0.0, 0.0, 1.0 + x[0]), 0.0),
    "steep": (lambda x: np.where(x[0] > 0.0, 1e4 * x[0], 0.0), 0.0),
    "flat": (lambda x: np.abs(x[0]) ** 3, 0.0),
}


@pytest.mark.parametrize("name", KINKS)
def test_kinks_are_no_ways_of_their_own(name):
    f, slope = KINKS[name]
    assert gradient(f, np.zeros(1), method="exact") == pytest.approx([slope])


BENT = {
    "quotient": lambda x: np.sin(x[0]) / x[0] if x[0] != 0.0 else 1.0,
    "softplus": lambda x: np.log1p(np.exp(-np.abs(x[0]))) + np.maximum(x[0], 0.0),
    "maximum": lambda x: np.maximum(x[0] ** 2, 0.0),
    "sizes": lambda x: np.maximum(x[0], -x[0]) * np.abs(x[0]),
}


@pytest.mark.parametrize("name", BENT)
def test_second_derivatives_that_only_the_point_has(name):
    for call in (
        lambda: hessian(BENT[name], np.zeros(1), method="exact"),
        lambda: derivative(lambda t: BENT[name]([t]), 0.0, n=2, method="exact"),
    ):
        with pytest.raises(EngineError, match="differences of f give"):
            call()


@pytest.mark.parametrize("name", ["abs", "relu", "if", "corner", "jump", "steep", "flat"])
def test_kinks_of_second_derivatives(name):
    f, _ = KINKS[name]
    assert np.isfinite(hessian(f, np.zeros(1), method="exact")).all()
    assert hessian(lambda x: np.maximum(x[0], 0.0) ** 2, np.zeros(1), method="exact") == [[0.5]]


def test_waves_behind_a_mask():
    for f in (lambda t: np.where(t > 0.0, np.sin(1e5 * t), t), lambda t: np.maximum(np.cos(3e4 * t), -2.0)):
        for n in (1, 2):
            assert np.isfinite(derivative(f, 0.37, n=n, method="exact"))


ONLY_THERE = {
    "a kink between": (lambda x: np.cos(np.abs(x[0] - x[1])), [1.0, 1.0]),
    "a kink at 0": (lambda x: np.cosh(np.abs(x[0])) + x[1], [0.0, 1.0]),
    "two sides": (lambda x: np.maximum(x[0], -x[0]) ** 2 + x[1], [0.0, 1.0]),
    "a case": (lambda x: np.where(x[0] == 0, 0, x[0] ** 2) + x[1], [0.0, 1.0]),
    "a staircase": (lambda x: np.floor(1e8 * x[0]) * 1e-8 * x[0] + x[1], [1.0, 1.0]),
}


@pytest.mark.parametrize("name", ONLY_THERE)
def test_some_entries_of_a_hessian_are_checked_as_all_are(name):
    f, point = ONLY_THERE[name]
    for points in (np.array(point), np.tile(point, (5, 1)), np.tile(point, (2000, 1))):
        for operation in (hessian, hessian_diagonal):
            with pytest.raises(EngineError, match="f has kinks or jumps at the points"):
                operation(f, points, batch=points.ndim == 2, method="exact")
    with pytest.raises(EngineError, match="f has kinks or jumps at the points"):
        sparsity.hessian(f, np.array(point), method="exact", pattern=np.ones((2, 2)))


def test_diagonals_of_smooth_functions_with_kinks_elsewhere():
    f = lambda x: np.sum(np.abs(x) ** 3) + x[0] ** 2 * x[1]
    for x in ([1.0, 2.0], [0.0, 2.0]):
        found = hessian_diagonal(f, np.array(x), method="exact")
        np.testing.assert_allclose(found, np.diag(hessian(f, np.array(x), method="exact")), rtol=1e-14)
