"""The error of a difference quotient against its step, as it is drawn."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest

import fastgrad
from fastgrad import plot
from fastgrad.plot.errors import convergence

EPS = np.finfo(float).eps


def lines(ax):
    return {line.get_label(): line.get_xydata() for line in ax.lines}


def test_errors_are_those_of_the_textbook():
    h, error = lines(plot.convergence(np.sin, 1.0, math.cos(1.0), orders=2))["order 2"].T
    assert (h == np.logspace(-16, 0, 161)).all()
    for step, drawn in zip(h, error, strict=True):
        quotient = (math.sin(1.0 + step) - math.sin(1.0 - step)) / (2 * step)
        assert drawn == pytest.approx(abs(quotient - math.cos(1.0)), rel=1e-6, abs=4 * EPS / step)


def test_a_step_that_vanishes_gives_the_derivative_as_error():
    ax = plot.convergence(lambda x: 0.01 * x**2 + 0.1 * x, 5, 0.2, steps=[1.0, 1e-50, 1e-16, 1e-4])
    for order in (2, 4):
        h, error = lines(ax)[f"order {order}"].T
        assert list(h) == [1e-50, 1e-16, 1e-4, 1.0]
        assert list(error[:2]) == [0.2, 0.2]
        assert (error[2:] < 1e-10).all()
    shaded = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    np.testing.assert_allclose([shaded.x0, shaded.x1], [1e-50, np.spacing(5.0) / 2], rtol=1e-6)


def test_nothing_is_shaded_where_no_step_vanishes():
    assert not plot.convergence(np.exp, 0.0).patches
    assert not plot.convergence(np.exp, 1.0, steps=[1e-10, 1e-3]).patches


def test_guide_lines():
    found = lines(plot.convergence(np.exp, 1.0, math.e, orders=[2, 4]))
    for order, factor in ((2, math.e / 6), (4, math.e / 30)):
        h, guide = found[f"truncation $\\propto h^{order}$"].T
        drawn = ~np.isnan(guide)
        assert drawn.sum() > 20
        np.testing.assert_allclose(guide[drawn], factor * h[drawn] ** order, rtol=0.02)
    (label,) = (name for name in found if name.startswith("round-off"))
    h, guide = found[label].T
    np.testing.assert_allclose(guide[10:100], EPS * 2 * math.e / h[10:100], rtol=1e-12)


def test_a_parabola_has_no_truncation():
    assert not any("truncation" in name for name in lines(plot.convergence(lambda x: x * x, 3.0, 6.0)))


def test_stars_mark_the_default_steps():
    ax = plot.convergence(np.exp, 100.0, math.exp(100.0), orders=[2, 8])
    stars = [line for line in ax.lines if line.get_marker() == "*" and len(line.get_xdata())]
    for star, order in zip(stars, (2, 8), strict=True):
        result = fastgrad.derivative(np.exp, 100.0, order=order, full_output=True)
        assert star.get_xdata()[0] == result.h
        assert star.get_ydata()[0] == pytest.approx(abs(result.value - math.exp(100.0)), rel=1e-3)


def test_without_exact_the_best_difference_stands_in():
    given = lines(plot.convergence(math.sin, 1.0, math.cos(1.0), ax=plt.figure().add_subplot()))["order 2"]
    found = lines(plot.convergence(math.sin, 1.0, ax=plt.figure().add_subplot()))["order 2"]
    np.testing.assert_allclose(found, given, rtol=0, atol=1e-13)


def test_an_error_of_zero_is_drawn_at_half_a_rounding():
    _, error = lines(plot.convergence(lambda x: x * x, 1.0, 2.0, orders=2, steps=[0.25, 0.5]))["order 2"].T
    assert list(error) == [EPS, EPS]
    _, error = lines(plot.convergence(lambda x: x * x, 0.0, 0.0, orders=4, ax=plt.figure().add_subplot()))["order 4"].T
    assert (error > 0).all()


def test_convergence_keywords():
    ax = plot.convergence(np.exp, 1.0, ls=":", c="blue")
    assert [(line.get_linestyle(), line.get_color()) for line in ax.lines if line.get_label().startswith("order")] == [
        (":", "blue")
    ] * 2


BAD_CONVERGENCES = {
    "no function": ((3, 1.0), {}, TypeError, "f must be a function"),
    "a point": ((np.exp, [1.0, 2.0]), {}, ValueError, r"x must be one finite number, got shape \(2,\)"),
    "nan": ((np.exp, np.nan), {}, ValueError, "x must be one finite number, got nan"),
    "order 3": ((np.exp, 1.0), {"orders": (2, 3)}, ValueError, "order=3 does not exist"),
    "order in words": ((np.exp, 1.0), {"orders": "two"}, ValueError, "order='two' does not exist"),
    "step 0": ((np.exp, 1.0), {"steps": [1.0, 0.0]}, ValueError, r"steps must be positive and finite, got 0\.0"),
    "step nan": ((np.exp, 1.0), {"steps": [1.0, np.nan]}, ValueError, "steps must be positive and finite, got nan"),
    "no steps": ((np.exp, 1.0), {"steps": []}, ValueError, "steps must be positive and finite, got none"),
    "no derivative": ((lambda x: x * math.nan, 1.0), {}, ValueError, "the derivative of f.* got nan"),
    "exact of no number": ((np.exp, 1.0, [1.0, 2.0]), {}, ValueError, r"the derivative of f.* got shape \(2,\)"),
}


@pytest.mark.parametrize(("arguments", "options", "error", "says"), BAD_CONVERGENCES.values(), ids=BAD_CONVERGENCES)
def test_bad_convergences(arguments, options, error, says):
    with pytest.raises(error, match=says):
        plot.convergence(*arguments, **options)
    assert plt.get_fignums() == []


def test_a_function_undefined_at_large_steps_keeps_its_other_errors():
    ax = plot.convergence(np.log, 0.5, 2.0, orders=2)
    h, error = lines(ax)["order 2"].T
    assert np.isnan(error[h > 0.5]).all()
    assert np.isfinite(error[h < 0.49]).all()
    ax.figure.canvas.draw()


def test_a_curve_for_each_order_on_the_axes_given():
    _, ax = plt.subplots()
    h = [1e-2, 1e-1, 1e-3]
    assert convergence(np.sin, 0.5, np.cos(0.5), orders=[2, 4, 6], steps=h, ax=ax) is ax
    curves = {line.get_label(): line for line in ax.lines if line.get_label().startswith("order")}
    assert list(curves) == ["order 2", "order 4", "order 6"]
    for order, line in zip((2, 4, 6), curves.values(), strict=True):
        assert line.get_xdata().tolist() == sorted(h)
        falls = line.get_ydata()[2] / line.get_ydata()[1]
        if order < 6:
            assert falls == pytest.approx(10.0**order, rel=0.05)
    with pytest.raises(ValueError, match="order"):
        convergence(np.sin, 0.5, orders=3, ax=ax)
