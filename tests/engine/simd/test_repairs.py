"""What is not finite is f's own; all else keeps its bits."""

import math

import numpy as np
import pytest

from fastgrad import gradient, jacobian
from fastgrad.engine.call import Call, Grid, Rows
from fastgrad.engine.simd import displaced, repairs
from fastgrad.engine.simd.repairs import mend, not_finite_in
from fastgrad.formulas import reference, stencils
from fastgrad.formulas.steps import Steps, default_factor

STEPS = Steps("default", np.asarray(default_factor(1, 2)))
X = np.random.default_rng(0).uniform(0.5, 1.5, (12, 2))


def not_finite(call):
    """f's values, where f has none."""
    return np.full((call.points.count, 1), np.nan)


def f(x):
    return x[0] * x[1] ** 2


def call(f=f, points=None, **options):
    return Call(f, points or Rows(X, (2,)), stencils.gradient(2), STEPS, **options)


def test_only_broken_points_are_written():
    out = np.full((12, 2), 7.0)
    out[[3, 8], 1] = math.nan, -math.inf
    mend(call(), out, None, np.array([3, 8]), not_finite)
    for n in range(12):
        expected = reference.gradient(f, X[n])
        assert out[n].tolist() == ([7.0, expected[1]] if n in (3, 8) else [7.0, 7.0])


def test_values_are_mended_too():
    out, values = np.ones((12, 2)), np.ones(12)
    values[5] = math.nan
    mend(call(value=True), out, values, not_finite_in(call(value=True), out, values, [(0, 4), (4, 12)]), not_finite)
    assert values.tolist() == [1.0] * 5 + [f(X[5])] + [1.0] * 6
    assert (out == 1.0).all()


def test_an_error_of_f_arrives():
    out = np.ones((12, 2))
    out[4, 0] = math.nan
    with pytest.raises(ValueError, match=r"domain|positive|nonnegative"):
        mend(call(lambda x: math.log(-abs(x[0]))), out, None, np.array([4]), not_finite)


@pytest.mark.parametrize(("broken", "asked"), [(True, 3), (False, 12)])
def test_of_many_points_the_rest_is_believed_if_f_agrees(monkeypatch, broken, asked):
    monkeypatch.setattr(repairs, "REPEATED", 3)
    seen = set()

    def g(x):
        seen.add(int(np.abs(X - x).sum(axis=1).argmin()))
        return math.nan if broken else f(x)

    out = np.full((12, 2), math.nan)
    mend(call(g), out, None, np.arange(12), not_finite)
    assert len(seen) == asked
    assert np.isnan(out).all() == broken


@pytest.mark.parametrize("width", [3, repairs.SEGMENT + 2])
def test_items_of_a_grid_are_segments_of_its_rows(width):
    grid = Grid((np.array([0.5, 1.0]), np.linspace(1.0, 2.0, width)))
    out = np.zeros((grid.count, 2))
    out[width - 1], out[-1] = math.nan, math.nan  # the last nodes of both rows
    each = repairs.segments(grid)
    mend(call(points=grid), out, None, not_finite_in(call(points=grid), out, None, [(0, each)]), not_finite)
    assert out[width - 1].tolist() == reference.gradient(f, np.array([0.5, 2.0])).tolist()
    assert np.isnan(out[-1]).all()
    mend(call(points=grid), out, None, not_finite_in(call(points=grid), out, None, [(each, 2 * each)]), not_finite)
    assert out[-1].tolist() == reference.gradient(f, np.array([1.0, 2.0])).tolist()


NOT_MOVING = {
    "min": lambda x: np.minimum(x - x, 0.7),
    "abs": lambda x: np.abs(x - x),
    "clip": lambda x: np.clip(x - x, -1.0, 1.0),
    "where": lambda x: np.where(x - x > 0, 1.0, 0.0 * x),
    "beside another": lambda x: np.exp(x - x) + 0.0 * x[::-1],
}


@pytest.mark.parametrize("options", [{}, {"order": 4}, {"method": "forward"}], ids=str)
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", NOT_MOVING)
def test_outputs_that_do_not_move_are_not_finite_where_f_is_not(name, value, options):
    f, x = NOT_MOVING[name], np.array([value, 1.0, 2.0])
    with np.errstate(all="ignore"):
        found, wanted = (jacobian(f, x, engine=engine, **options) for engine in ("simd", "python"))
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("numbers", [10, displaced.NUMBERS])
def test_what_takes_too_much_memory_is_f_s_own(monkeypatch, numbers):
    def steep(x):
        with np.errstate(all="ignore"):
            return np.sum(1.0 / (1.0 + np.exp(-1e3 * np.diff(x))))

    asked = []
    fill = displaced.DisplacedCode.fill
    monkeypatch.setattr(displaced, "NUMBERS", numbers)
    monkeypatch.setattr(displaced.DisplacedCode, "fill", lambda *given: asked.append(1) or fill(*given))
    x = np.array([0.5, 1.5, 0.4, 0.41, 0.42])
    found = gradient(steep, x, engine="simd")
    np.testing.assert_allclose(found, gradient(steep, x, engine="python"), rtol=1e-8, atol=1e-8)
    assert bool(asked) == (numbers > 10)
