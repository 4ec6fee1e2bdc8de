"""Sides and steps between bounds, as pure functions:
no formula leaves them, none gives up an order or a step in vain."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgrad.formulas import sides
from fastgrad.formulas.sides import CENTRAL, NOWHERE, ONE_SIDED, TWO_POINT
from fastgrad.formulas.stencils import ORDERS, stencil

SCHEMES = [(method, order) for method in ("central", "forward", "backward") for order in ORDERS[method]]
FREE = (np.array([-np.inf]), np.array([np.inf]))


def fit(x, h, low, high, asked):
    scheme = sides.fit(
        *(np.array([float(a)]) for a in (x, h)), (np.array([float(low)]), np.array([float(high)])), asked
    )
    return int(scheme.kind[0]), float(scheme.step[0])


def points(x, kind, step, asked):
    """The coordinates at which f is evaluated."""
    formula = sides.formula_of(kind, asked)
    if formula is None:
        return np.empty(0)
    return x + np.array(formula.offsets) * step


@settings(max_examples=400, deadline=None)
@given(
    x=st.floats(-1e6, 1e6),
    below=st.one_of(st.just(0.0), st.just(np.inf), st.floats(1e-18, 1e3)),
    above=st.one_of(st.just(0.0), st.just(np.inf), st.floats(1e-18, 1e3)),
    exponent=st.integers(-33, 8),  # the step is no less than the spacing of floats at x
    scheme=st.sampled_from(SCHEMES),
    n=st.integers(1, 4),
)
def test_no_point_is_outside(x, below, above, exponent, scheme, n):
    asked = stencil(n, scheme[1], scheme[0])
    low, high = x - below, x + above
    kind, step = fit(x, 2.0**exponent, low, high, asked)
    found = points(x, kind, step, asked)
    assert ((low <= found) & (found <= high)).all()
    assert len(set(found)) == len(found)  # no step vanishes beside x
    assert abs(step) <= 2.0**exponent or kind == TWO_POINT
    if low == high:
        assert kind == NOWHERE
    elif n == 1:
        assert kind != NOWHERE


@settings(max_examples=200, deadline=None)
@given(x=st.floats(-1e3, 1e3), below=st.floats(0.0, 1e3), above=st.floats(1e-6, 1e3), scheme=st.sampled_from(SCHEMES))
def test_room_is_the_largest_step_inside(x, below, above, scheme):
    asked, low, high = stencil(1, scheme[1], scheme[0]), x - below, x + above
    kind, step = fit(x, 2.0**-30, low, high, asked)
    bounds, found = (np.array([low]), np.array([high])), sides.SidesScheme(np.array([kind]), np.array([step]))
    largest = float(sides.room(np.array([x]), bounds, found, asked)[0])
    inside, outside = (points(x, kind, np.copysign(k * largest, step), asked) for k in (1, 4))
    assert ((low <= inside) & (inside <= high)).all()
    assert ((outside < low) | (high < outside)).any()


@pytest.mark.parametrize(("method", "order"), SCHEMES)
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_without_active_bounds_nothing_changes(method, order, n):
    asked = stencil(n, order, method)
    x, h = np.array([0.3, -7.0, 0.0]), np.array([2.0**-10, 2.0**-3, 1e-3])
    plain = sides.asked_for(x, h, asked)
    reach = (n + order) * h
    for bounds in ((x - np.inf, x + np.inf), (x - 2 * reach, x + 2 * reach)):
        scheme = sides.fit(x, h, bounds, asked)
        assert (scheme.kind == plain.kind).all()
        assert (scheme.step == plain.step).all()
    assert (np.sign(plain.step) == (-1 if method == "backward" else 1)).all()


@pytest.mark.parametrize("order", ORDERS["central"])
def test_on_a_bound_the_formula_turns_and_keeps_order_and_step(order):
    asked = stencil(1, order)
    for low, high, side in ((1.0, 9.0, 1), (-9.0, 1.0, -1)):
        kind, step = fit(1.0, 0.125, low, high, asked)
        assert (kind, step) == (ONE_SIDED, side * 0.125)
        assert sides.formula_of(kind, asked).order == order


def test_a_central_formula_with_a_little_less_room_keeps_its_side():
    asked = stencil(1, 2)
    assert fit(1.0, 0.5, 0.75, 9.0, asked) == (CENTRAL, 0.25)
    assert fit(1.0, 0.5, 0.96875, 9.0, asked) == (ONE_SIDED, 0.5)


@pytest.mark.parametrize(("method", "sign"), [("forward", 1), ("backward", -1)])
def test_one_sided_formulas_keep_their_side_while_their_step_fits(method, sign):
    asked = stencil(1, 2, method)
    far, near = (9.0, 1.25) if sign > 0 else (-9.0, 0.75)
    assert fit(1.0, 0.125, *sorted((1.0, far)), asked) == (ONE_SIDED, sign * 0.125)
    assert fit(1.0, 0.125, *sorted((1.0 - sign * 9.0, near)), asked) == (ONE_SIDED, sign * 0.125)  # 2 * 0.125 just fits
    assert fit(1.0, 0.25, *sorted((1.0 - sign * 9.0, near)), asked) == (ONE_SIDED, -sign * 0.25)
    assert fit(1.0, 0.125, *sorted((1.0 - sign * 9.0, 1.0)), asked) == (ONE_SIDED, -sign * 0.125)


@pytest.mark.parametrize("order", ORDERS["central"])
def test_boxes_narrower_than_the_step_shorten_it_to_what_fits(order):
    asked = stencil(1, order)
    kind, step = fit(0.5, 0.25, 0.5 - 2.0**-20, 0.5 + 2.0**-20, asked)
    assert kind == CENTRAL
    assert 2.0**-21 < abs(step) * asked.offsets[-1] <= 2.0**-20
    kind, step = fit(0.5, 0.25, 0.5, 0.5 + 2.0**-20, asked)
    assert kind == ONE_SIDED
    assert 2.0**-21 < step * order <= 2.0**-20


def test_adjacent_floats_leave_the_first_difference_or_nothing():
    x = 1.0
    up = float(np.nextafter(x, 2.0))
    for order in ORDERS["central"]:
        assert fit(x, 0.125, x, up, stencil(1, order)) == (TWO_POINT, up - x)
        assert fit(up, 0.125, x, up, stencil(1, order)) == (TWO_POINT, x - up)
        assert fit(x, 0.125, x, up, stencil(2, order))[0] == NOWHERE  # a second derivative needs three points
        assert fit(x, 0.125, x, x, stencil(1, order))[0] == NOWHERE


def test_coordinates_choose_for_themselves():
    x = np.array([[0.0, 1.0], [0.5, 0.5]])
    scheme = sides.fit(x, np.full(x.shape, 2.0**-6), (np.zeros(x.shape), np.ones(x.shape)), stencil(1, 2))
    assert scheme.kind.tolist() == [[ONE_SIDED, ONE_SIDED], [CENTRAL, CENTRAL]]
    assert (np.sign(scheme.step) == [[1, -1], [1, 1]]).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_points_that_are_no_numbers_do_not_disturb(value):
    scheme = sides.fit(np.array([value, 0.0]), np.array([0.125, 0.125]), (FREE[0], FREE[1]), stencil(1, 2))
    assert (scheme.kind[1], scheme.step[1]) == (CENTRAL, 0.125)
