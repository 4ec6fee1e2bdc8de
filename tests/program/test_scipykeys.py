"""Kept traces of functions that read SciPy's interpolators and rotations."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.freshness import Watch
from fastgrad.program.keys import unchanging

interpolate = pytest.importorskip("scipy.interpolate")
transform = pytest.importorskip("scipy.spatial.transform")
X = np.linspace(0.0, 3.0, 9)
Y = np.sin(X) + X**2
KINDS = {
    "CubicSpline": lambda y: interpolate.CubicSpline(X, y),
    "Pchip": lambda y: interpolate.PchipInterpolator(X, y),
    "Akima": lambda y: interpolate.Akima1DInterpolator(X, y),
    "BSpline": lambda y: interpolate.make_interp_spline(X, y),
    "UnivariateSpline": lambda y: interpolate.UnivariateSpline(X, y, s=0),
    "interp1d": lambda y: interpolate.interp1d(X, y),
    "interp1d cubic": lambda y: interpolate.interp1d(X, y, kind="cubic"),
    "grid": lambda y: interpolate.RegularGridInterpolator((X,), y),
}
PLACES = np.array([0.7, 1.9])


class Holder:
    spline = None


def of(spline):
    return lambda x: x[1] * np.sum(spline(x[:1]))


def of_an_attribute(spline):
    held = Holder()
    held.spline = spline
    return lambda x: x[1] * np.sum(held.spline(x[:1]))


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_interpolators_by_their_numbers(make):
    one, same, other = make(Y), make(Y), make(2.0 * Y)
    keys = [unchanging(of(spline), ()) for spline in (one, same, other)]
    assert keys[0] is not None
    assert keys[0] == keys[1]
    assert keys[0] != keys[2]
    assert unchanging(of_an_attribute(one), ()) is not None


def written(spline):
    """The spline, whose numbers are others now."""
    for name in ("c", "_y", "values"):
        if isinstance(getattr(spline, name, None), np.ndarray):
            getattr(spline, name)[...] *= 3.0
            return
    spline._eval_args[1][...] *= 3.0


@pytest.mark.parametrize("name", sorted(KINDS.keys() - {"interp1d cubic"}))
def test_numbers_that_are_written_into_them_are_seen(name):
    spline = KINDS[name](Y.copy())
    f = of(spline)
    g = fastgrad.grad(f)
    first = g(PLACES)
    assert (g(PLACES) == first).all()
    watch = Watch()
    unchanging(f, (), watch)
    fresh = watch.is_fresh()
    assert fresh()
    written(spline)
    assert not fresh()
    np.testing.assert_allclose(g(PLACES), 3.0 * first, rtol=1e-8)


def test_rotations_by_their_numbers():
    R = transform.Rotation
    one, other = R.from_rotvec([0.1, 0.2, 0.3]), R.from_rotvec([0.1, 0.2, 0.4])
    make = lambda known: lambda x: np.sum((R.from_rotvec(x) * known).as_matrix()[0])
    keys = [unchanging(make(known), ()) for known in (one, R.from_rotvec([0.1, 0.2, 0.3]), other)]
    if keys[0] is None:
        pytest.skip("this SciPy's rotations do not show their quaternions")
    assert keys[0] == keys[1]
    assert keys[0] != keys[2]
    several = R.random(3, rng=0)
    g = fastgrad.grad(lambda x: np.sum(several.apply(x)[0]))
    point = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(g(point), several.as_matrix()[0].sum(axis=0), rtol=1e-8)
    several[0] = R.identity()
    np.testing.assert_allclose(g(point), np.ones(3), rtol=1e-8)


def test_methods_of_ones_own_have_no_key():
    spline = KINDS["BSpline"](Y)
    f, watch = of_an_attribute(spline), Watch()
    unchanging(f, (), watch)
    fresh = watch.is_fresh()
    spline.integrate = lambda a, b: 0.0
    assert unchanging(f, ()) is None
    assert not fresh()


def test_methods_that_a_class_gets_are_seen(monkeypatch):
    kind = interpolate.BSpline
    f, watch = of(KINDS["BSpline"](Y)), Watch()
    before, fresh = unchanging(f, (), watch), watch.is_fresh()
    assert fresh()
    own = kind.__call__
    monkeypatch.setattr(kind, "__call__", lambda self, x, **options: 2.0 * own(self, x, **options))
    assert not fresh()
    assert unchanging(f, ()) != before
