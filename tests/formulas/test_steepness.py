"""Whether f changes on a length far below the step: what is suspicious, and what decides."""

import numpy as np
import pytest

from fastgrad.formulas.steepness import CLOSER, difference, disagree, ends, is_any_suspicious, ratios
from fastgrad.formulas.stencils import ORDERS, stencil

EPS = np.finfo(float).eps
SCHEMES = [(n, order, method) for n in (1, 2) for method, orders in ORDERS.items() for order in orders]


def around(f, formula, x, h):
    return np.array([f(x + k * h) for k in formula.displaced])


def suspicious(f, formula, x, h, eps=EPS):
    with np.errstate(all="ignore"):
        return bool(ratios(formula, np.asarray(f(x)), around(f, formula, x, h), eps))


def steep(x):
    return np.exp(1e3 * x)


@pytest.mark.parametrize(("n", "order", "method"), SCHEMES)
def test_an_exponential_far_steeper_than_the_step_is_long(n, order, method):
    formula = stencil(n, order, method)
    if len(formula.displaced) > 1:
        assert suspicious(steep, formula, 0.0, -1e-2 if method == "backward" else 1e-2)


@pytest.mark.parametrize(("n", "order", "method"), SCHEMES)
@pytest.mark.parametrize("f", [np.sin, np.exp, lambda x: x**2 + 1.0, np.log1p], ids=["sin", "exp", "square", "log1p"])
def test_smooth_functions_are_not_suspicious(n, order, method, f):
    formula = stencil(n, order, method)
    for x in (0.3, 0.7, 1.4):
        assert not suspicious(f, formula, x, 2.0**-8)


def test_what_is_lost_in_rounding_is_not_suspicious():
    formula = stencil(1, 2, "central")
    assert ratios(formula, np.array(1.0), np.array([1.0 + 1e-12, 1.0]), EPS) == 0.0
    assert ratios(formula, np.array(1.0), np.array([1.0 + 1e-9, 1.0]), EPS) > 1e3
    assert ratios(formula, np.array(1.0), np.array([1.0 + 1e-9, 1.0]), float(np.finfo(np.float32).eps)) == 0.0


@pytest.mark.parametrize("values", [[np.nan, 1.0], [np.inf, 1.0], [0.0, -np.inf], [np.nan, np.nan]])
def test_what_is_not_finite_is_not_suspicious(values):
    assert ratios(stencil(1, 2, "central"), np.array(0.5), np.array(values), EPS) == 0.0
    assert not is_any_suspicious(0.5, values, EPS)


def test_pythons_floats_say_the_same():
    rng, formula = np.random.default_rng(0), stencil(1, 2, "central")
    seen = set()
    for _ in range(500):
        center, a, b = rng.choice([0.0, 1.0, -3.0, 1e-12]), *(rng.choice([0.0, 1.0]) + 10 ** rng.uniform(-16, 8, 2))
        with np.errstate(all="ignore"):
            wanted = bool(ratios(formula, np.array(center), np.array([a, b]), EPS))
        assert is_any_suspicious(float(center), [a, b], EPS) == wanted
        seen.add(wanted)
    assert seen == {True, False}


@pytest.mark.parametrize(("n", "order", "method"), SCHEMES)
def test_differences_of_a_parabola(n, order, method):
    """A first difference, also of second derivatives."""
    formula, f = stencil(n, order, method), lambda x: 3.0 * x**2 + x
    for h in (0.5, 0.5 * CLOSER):
        values = np.array([f(2.0 + k * h) for k in ends(formula)])
        found = difference(formula, np.asarray(f(2.0)), values, h)
        middle = 0.0 if n == 1 else (min(ends(formula)) + max(ends(formula))) / 2 * h
        wanted = 13.0 + 6.0 * middle if (n, order) != (1, 1) else found
        assert found == pytest.approx(wanted, rel=1e-12)


def test_differences_disagree_by_more_than_half():
    far, near = np.array([1.0, 1.0, 1.0, 0.0, -1.0, np.nan]), np.array([1.4, 2.1, 0.4, 0.0, 1.0, 1.0])
    assert disagree(far, near, np.ones(6)).tolist() == [False, True, True, False, True, False]
    assert disagree(far, near, np.full(6, 300.0)).tolist() == [False] * 6
