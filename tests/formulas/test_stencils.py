"""Weights against published tables and polynomials; tables against the definition."""

from fractions import Fraction

import numpy as np
import pytest

from fastgrad.formulas import stencils
from fastgrad.formulas.stencils import ORDERS, stencil, weights

# B. Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids",
# Math. Comp. 51 (1988), tables 1, 3
PUBLISHED = [
    (1, (-1, 0, 1), "-1/2 0 1/2"),
    (1, (-2, -1, 0, 1, 2), "1/12 -2/3 0 2/3 -1/12"),
    (1, (-3, -2, -1, 0, 1, 2, 3), "-1/60 3/20 -3/4 0 3/4 -3/20 1/60"),
    (1, (-4, -3, -2, -1, 0, 1, 2, 3, 4), "1/280 -4/105 1/5 -4/5 0 4/5 -1/5 4/105 -1/280"),
    (2, (-1, 0, 1), "1 -2 1"),
    (2, (-2, -1, 0, 1, 2), "-1/12 4/3 -5/2 4/3 -1/12"),
    (2, (-4, -3, -2, -1, 0, 1, 2, 3, 4), "-1/560 8/315 -1/5 8/5 -205/72 8/5 -1/5 8/315 -1/560"),
    (3, (-2, -1, 0, 1, 2), "-1/2 1 0 -1 1/2"),
    (4, (-3, -2, -1, 0, 1, 2, 3), "-1/6 2 -13/2 28/3 -13/2 2 -1/6"),
    (1, (0, 1, 2, 3), "-11/6 3 -3/2 1/3"),
    (2, (0, 1, 2, 3), "2 -5 4 -1"),
]
ALL = [(n, p, method) for n in (1, 2, 3, 4) for method, orders in ORDERS.items() for p in orders]


@pytest.mark.parametrize(("derivative", "offsets", "expected"), PUBLISHED)
def test_weights_are_the_published_ones(derivative, offsets, expected):
    assert weights(derivative, offsets) == tuple(map(Fraction, expected.split()))


def apply_exactly(formula, power: int, x: Fraction, h: Fraction) -> Fraction:
    values = [(x + k * h) ** power for k in formula.offsets]
    total = sum(c * (values[a] - values[b]) for c, a, b in formula.terms)
    return total / (formula.denominator * h**formula.derivative)


@pytest.mark.parametrize(("n", "p", "method"), ALL)
def test_exact_for_polynomials_and_for_no_higher_degree(n, p, method):
    formula, x, h = stencil(n, p, method), Fraction(3, 2), Fraction(1, 3)

    def exact(power):
        return np.prod([Fraction(power - i) for i in range(n)]) * x ** (power - n) if power >= n else 0

    for power in range(n + p):
        assert apply_exactly(formula, power, x, h) == exact(power)
    assert apply_exactly(formula, n + p, x, h) != exact(n + p)


@pytest.mark.parametrize(("n", "p", "method"), ALL)
def test_terms_use_each_offset(n, p, method):
    formula = stencil(n, p, method)
    used = {i for _, a, b in formula.terms for i in (a, b)}
    assert used == set(range(len(formula.offsets)))
    assert (formula.base >= 0) == (method != "central" or n % 2 == 0)


def test_evaluations_are_the_fewest():
    assert [len(stencil(1, p).offsets) for p in (2, 4, 6, 8)] == [2, 4, 6, 8]
    assert [len(stencil(2, p).offsets) for p in (2, 4, 6, 8)] == [3, 5, 7, 9]
    assert [len(stencil(1, p, "forward").offsets) for p in (1, 2, 3)] == [2, 3, 4]


@pytest.mark.parametrize("arguments", [(1, 3), (1, 0), (1, 10), (1, 9, "forward"), (1, 2, "sideways")])
def test_unknown_orders_and_methods(arguments):
    with pytest.raises(ValueError, match="use one of"):
        stencil(*arguments)


# --- tables: applied here by their definition to a quadratic, whose derivatives the stencils give exactly -------------

D = 3
Q = np.array([[2.0, 1.0, -1.0], [1.0, 4.0, 3.0], [-1.0, 3.0, 6.0]])
X, V, H = np.array([1.0, 2.0, -3.0]), np.array([1.0, -2.0, 0.5]), np.array([0.5, 0.25, 0.125])
T = 0.25


def quadratic(x):
    return 0.5 * x @ Q @ x + x.sum()


def apply(table):
    """S along every direction, then the combination."""
    units = [*np.diag(H), T * V]
    formula, sums = table.stencil, []
    for pairs in table.directions:
        direction = sum(sign * units[unit] for unit, sign in pairs)
        values = [quadratic(X + k * direction) for k in formula.offsets]
        sums.append(sum(c * (values[a] - values[b]) for c, a, b in formula.terms))
    return table.combine(np.array(sums), np.array([*H, T])[: D if table.along_axes else None])


@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_tables_of_first_derivatives(order):
    exact = Q @ X + 1.0
    np.testing.assert_allclose(apply(stencils.gradient(D, order)), exact, rtol=1e-12)
    np.testing.assert_allclose(apply(stencils.jacobian(D, order)), exact, rtol=1e-12)
    np.testing.assert_allclose(apply(stencils.jvp(D, order)), [exact @ V], rtol=1e-12)


@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_tables_of_second_derivatives(order):
    hessian = apply(stencils.hessian(D, order)).reshape(D, D)
    np.testing.assert_allclose(hessian, Q, rtol=1e-10)
    assert (hessian == hessian.T).all()
    np.testing.assert_allclose(apply(stencils.hvp(D, order)), Q @ V, rtol=1e-10)


def test_tables_evaluate_what_the_design_counts():
    hessian = stencils.hessian(D)
    assert hessian.count * (len(hessian.stencil.offsets) - 1) + 1 == D * D + D + 1
    hvp = stencils.hvp(D)
    assert hvp.count * (len(hvp.stencil.offsets) - 1) == 4 * D
    assert stencils.derivative(3, 4).count == 1


def test_one_bad_direction_stays_alone():
    table = stencils.hessian(D)
    sums = np.ones(table.count)
    sums[0] = np.nan
    bad = np.isnan(table.combine(sums, np.ones(D)).reshape(D, D))
    assert bad[0].all()
    assert bad[:, 0].all()
    assert not bad[1:, 1:].any()


def test_groups_move_their_coordinates_by_their_own_steps():
    table = stencils.jacobian_in_groups(np.array([1, 0, -1, 1]))
    assert table.directions == [((1, 1),), ((0, 1), (3, 1))]
    assert (table.count, table.displacements, len(table.scale)) == (2, 4, 2)
    assert table.combine(np.array([3.0, 5.0]), np.full(4, 0.25)).tolist() == [3.0, 5.0]
    same, other = (stencils.jacobian_in_groups(np.array([1, 0, last, 1])) for last in (-1, 0))
    assert table.key == same.key != other.key
