"""The step rule: sizes, exactness, and errors."""

from itertools import product

import numpy as np
import pytest

from fastgrad.formulas import steps
from fastgrad.formulas.stencils import ORDERS, stencil

X = np.array([0.0, 1e-300, 1e-9, 0.3, -1.0, 1.7, -1e3, 1e9, 1e300])


def test_default_sizes():
    eps = np.finfo(float).eps
    for order, c in [(2, 1.0), (4, 1 / 2), (6, 1 / 3), (8, 1 / 4)]:
        for n in (1, 2, 3, 4):
            assert steps.default_factor(n, order) == pytest.approx(c * eps ** (1 / (order + n)), rel=1e-14)


def test_power_of_two_below():
    powers = 2.0 ** np.arange(-1022, 1024)
    assert (steps.power_of_two_below(powers) == powers).all()
    assert (steps.power_of_two_below(np.nextafter(powers, np.inf)) == powers).all()
    assert (steps.power_of_two_below(np.nextafter(powers[1:], 0)) == powers[:-1]).all()
    assert (steps.power_of_two_below([np.inf, np.nan]) == np.inf).all()


@pytest.mark.parametrize(("n", "order"), [(n, p) for n in (1, 2, 3, 4) for p in ORDERS["central"]])
def test_default_steps_follow_the_formula_and_are_exact(n, order):
    formula = stencil(n, order)
    h = steps.choose_steps(X, formula).at(X)
    ideal = steps.default_factor(n, order) * np.maximum(1.0, np.abs(X))
    assert ((h <= ideal) & (ideal < 2 * h)).all()
    assert (np.frexp(h)[0] == 0.5).all()
    for k in formula.offsets:
        moved = (X + k * h)[3:]  # beside tiny x the sum is rounded, but the distance between both sides is not
        assert (moved - X[3:] == k * h[3:]).all()


@pytest.mark.parametrize(("n", "order"), [(n, p) for n in range(1, 9) for p in ORDERS["central"]])
def test_few_coordinates_have_the_steps_of_many(n, order):
    rule = steps.choose_steps(X, stencil(n, order))
    x = np.concatenate([X, [-0.0, np.nextafter(1.0, 2.0), -2.0, 1.7e308, np.inf, -np.inf, np.nan]])
    assert x.size > steps.FEW
    alone = [rule.at(x[i : i + 1]).tobytes() for i in range(x.size)]
    assert b"".join(alone) == rule.at(x).tobytes()


@pytest.mark.parametrize("order", ORDERS["central"])
@pytest.mark.parametrize("h", [1e-4, 3e-5, 0.1])
def test_given_steps_are_taken_exactly(order, h):
    x = np.random.default_rng(0).standard_normal(1000) * 100
    x = x[np.abs(x) > 1.0]
    formula = stencil(1, order)
    taken = steps.choose_steps(x, formula, h).at(x)
    np.testing.assert_allclose(taken, h, rtol=1e-8)
    for k in formula.offsets:
        same_binade = np.frexp(x + k * taken)[1] <= np.frexp(x)[1]
        assert same_binade.mean() > 0.9
        exact = (x + k * taken) - x == k * taken
        assert (exact | ~same_binade).all()
        assert exact.all() or abs(k) > 1


def test_relative_steps():
    x = np.array([0.0, 10.0, -0.001])
    np.testing.assert_allclose(steps.choose_steps(x, stencil(), rel_step=1e-3).at(x), [1e-3, 1e-2, 1e-6], rtol=1e-9)


def test_precision_of_f_sets_default_steps_only():
    formula, eps = stencil(), float(np.finfo(np.float32).eps)
    coarse = steps.with_precision(steps.choose_steps(X, formula), formula, eps)
    assert coarse.at(0.0) == 2.0**-8  # eps32**(1/3) = 0.0049
    given = steps.choose_steps(X[:6], formula, 1e-4)
    assert steps.with_precision(given, formula, eps) is given


def test_nan_and_inf_give_steps_without_warnings():
    for given in ({}, {"h": 1e-4}, {"rel_step": 1e-4}):
        h = steps.choose_steps(np.array([np.nan, np.inf, 1.0]), stencil(), **given).at(np.array([np.nan, np.inf, 1.0]))
        assert not np.isfinite(h[1])
        assert h[2] > 0


@pytest.mark.parametrize(
    ("given", "fragment"),
    [
        ({"h": 0.0}, "positive"),
        ({"h": -1e-4}, "positive"),
        ({"h": np.nan}, "positive"),
        ({"h": np.inf}, "finite"),
        ({"h": "small"}, "one number or one per coordinate"),
        ({"h": [1e-4, 1e-4]}, "one per coordinate"),
        ({"h": 1e-4, "rel_step": 1e-4}, "give one of them"),
        ({"rel_step": -1.0}, "positive"),
    ],
)
def test_bad_steps(given, fragment):
    with pytest.raises(ValueError, match=fragment):
        steps.choose_steps(np.ones(3), stencil(), **given)


@pytest.mark.parametrize(
    ("name", "x", "use"),
    [("h", 1e20, "h"), ("rel_step", 3.0, "rel_step"), ("rel_step", -1e-310, "h"), ("rel_step", 5e-324, "h")],
)
def test_vanishing_steps_name_a_workable_one(name, x, use):
    chosen = steps.choose_steps(np.array([x]), stencil(), **{name: 1e-17})
    with pytest.raises(ValueError, match=f"{name}=1e-17 vanishes beside x=") as error:
        chosen.check(np.array([x]))
    workable = float(str(error.value).split(f"use {use}=")[1].split()[0])
    assert 0.0 < steps.choose_steps(np.array([x]), stencil(), **{use: workable}).at(np.array([x]))[0] < np.inf


def test_direction_step():
    formula = stencil()
    t = steps.direction_step(np.array([1e3, 1.0]), np.array([0.0, -10.0]), formula)
    ideal = steps.default_factor(1, 2) / 10  # the coordinate that v does not move has no say
    assert t <= ideal < 2 * t
    x, v = np.array([1e3, 1.0, -0.5]), np.array([3.0, -0.1, 2.5])
    h = steps.choose_steps(x, formula).at(x)
    assert steps.direction_step(x, v, formula) == (h / abs(v)).min()
    assert steps.direction_step(x, v * 0.0, formula) == 1.0
    assert steps.direction_step(np.array([1e3, 2.0]), np.array([0.0, 1.0]), formula, rel_step=1e-3) == 2e-3
    assert steps.direction_step(np.ones(2), np.ones(2), formula, 1e-3) == 1e-3


def test_directions_are_split_where_coordinates_would_drown():
    h = np.ones(3)
    assert len(steps.split_direction(np.array([1.0, 2e-4, 0.0]), h)) == 1
    v = np.array([[1.0, 1e-5, 1e-10], [1e-9, 0.0, 1.0], [0.0, 0.0, 0.0]])
    parts = steps.split_direction(v, h)
    moved = [np.argwhere(part).tolist() for part in parts]
    assert moved == [[[0, 0], [1, 2]], [[0, 1], [1, 0]], [[0, 2]]]
    assert (sum(parts) == v).all()
    for odd in (np.nan, np.inf, 5e-324):
        assert len(steps.split_direction(np.array([1.0, odd, 1.0]), h)) <= 2
    assert len(steps.split_direction(np.ones(3), np.array([1e9, np.inf, 1.0]))) == 2


@pytest.mark.parametrize("order", ORDERS["central"])
def test_high_derivatives_have_wider_steps_and_nothing_overflows(order):
    eps, c = np.finfo(float).eps, 2 / order
    for n, wider in ((5, 2), (6, 2), (7, 2 if order == 2 else 4), (8, 2 if order == 2 else 4)):
        assert steps.default_factor(n, order) == pytest.approx(wider * c * eps ** (1 / (order + n)), rel=1e-14)
        assert steps.default_factor(n, order, float(np.finfo(np.float16).eps)) < 1.0


def test_irregular_amounts_cancel_in_no_combination_of_neighbours():
    amounts = steps.irregular(1000)
    assert amounts.min() >= 0.25
    assert amounts.max() <= 0.75
    for signs in product((1.0, -1.0), repeat=5):
        assert np.abs(np.convolve(amounts, signs, "valid")).min() > 1e-6
        assert np.abs(np.convolve(amounts, signs[:4], "valid")).min() > 1e-6
