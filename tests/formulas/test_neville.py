"""Neville's scheme: what another one may take over, and how values that are rounded are told."""

import numpy as np
import pytest

from fastgrad.formulas.neville import CONVERGED, EXHAUSTED, ROSE, Refined, exponents, halved
from fastgrad.formulas.stencils import stencil

CENTRAL, SECOND = stencil(1, 2), stencil(2, 2)


def found(value, error, status=CONVERGED):
    one = lambda v, kind=float: np.array([[v]], kind)
    return Refined(one(value), one(error), one(status, int), np.ones(1), np.ones(1))


@pytest.mark.parametrize(
    ("mine", "theirs", "wanted"),
    [
        ((1.0, 1e-3), (1.0001, 1e-6), 1.0001),  # a smaller error
        ((1.0, 1e-6), (1.0001, 1e-3), 1.0),
        ((1.0, 1e-6), (2.0, 1e-9), 1.0),  # a contradiction
        ((0.0, 0.0), (2.0, 1e-3), 2.0),  # f has not differed at all
        ((0.0, 0.0), (2.0, 1.0), 0.0),  # ... nor do larger steps agree about it
        ((0.0, 0.0), (np.nan, np.nan), 0.0),
    ],
)
def test_what_is_taken_over(mine, theirs, wanted):
    own = found(*mine)
    own.improve(np.array([0]), found(*theirs))
    assert own.value[0, 0] == wanted


def estimate(f, x, formula):
    """As `halved` asks for it, of a function of one variable."""

    def ask(elements, steps):
        h = steps[:, None]
        values = {k: f(x + k * h) for k in formula.offsets} | {0: f(x + 0.0 * h)}
        pairs = [(c, formula.offsets[a], formula.offsets[b]) for c, a, b in formula.terms]
        total = sum(c * (values[a] - values[b]) for c, a, b in pairs)
        size = sum(abs(c) * (abs(values[a]) + abs(values[b])) for c, a, b in pairs)
        divisor = formula.denominator * h**formula.derivative
        return total / divisor, 2.0**-53 * size / divisor

    return ask


def test_smooth_functions_converge():
    result = halved(estimate(np.sin, 0.7, CENTRAL), np.full(1, 0.17), CENTRAL)
    assert result.value[0, 0] == pytest.approx(np.cos(0.7), rel=1e-12)
    assert abs(result.value[0, 0] - np.cos(0.7)) <= result.error[0, 0]
    assert result.status[0, 0] == CONVERGED


@pytest.mark.parametrize("digits", [3, 5])
@pytest.mark.parametrize(("formula", "exact"), [(CENTRAL, np.cos), (SECOND, lambda x: -np.sin(x))])
def test_values_that_are_rounded_do_not_converge_to_0(digits, formula, exact):
    for x in np.random.default_rng(0).uniform(0.3, 1.2, 20):
        result = halved(estimate(lambda v: np.round(np.sin(v), digits), x, formula), np.full(1, 0.1), formula)
        if result.value[0, 0] == 0.0 and formula is CENTRAL:
            assert result.status[0, 0] in (ROSE, EXHAUSTED)
        if formula is CENTRAL:
            assert abs(result.value[0, 0] - exact(x)) <= 10.0 * result.error[0, 0]


@pytest.mark.parametrize("f", [lambda x: 3.0 * x, np.square, lambda x: (x - 1.0) ** 3], ids=["3x", "square", "cube"])
def test_exact_functions_have_no_noise(f):
    """Their differences have few digits, as those of values that are rounded, but finer ones at smaller steps."""
    for x in (1.0, 0.75, 2.0**-9):
        result = halved(estimate(f, x, CENTRAL), np.full(1, 0.125), CENTRAL)
        assert result.status[0, 0] == CONVERGED
        assert result.error[0, 0] < 1e-13 * max(1.0, abs(result.value[0, 0]))


def test_each_column_removes_a_power():
    assert exponents(CENTRAL)[:3].tolist() == [2, 4, 6]
    assert exponents(stencil(1, 1, "forward"))[:3].tolist() == [1, 2, 3]
