"""zeta and lambertw in f against 40 digits; polygamma is held with the functions made of exponentials."""

import mpmath
import numpy as np
import pytest

import fastgrad
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

special = pytest.importorskip("scipy.special")


def slope(f, place, order):
    with mpmath.workdps(40):
        return float(mpmath.diff(f, tuple(map(mpmath.mpf, place)), order, h=mpmath.mpf(10) ** -12))


@pytest.mark.parametrize("s", [1.0001, 1.5, 2.0, 7.0, 30.0])
@pytest.mark.parametrize("q", [1e-3, 0.5, 1.0, 40.0])
def test_zeta(s, q):
    found = fastgrad.gradient(lambda x: special.zeta(x[0], x[1]), np.array([s, q]), method="exact")
    wanted = [slope(mpmath.zeta, (s, q), order) for order in ((1, 0), (0, 1))]
    np.testing.assert_allclose(found, wanted, rtol=1e-14)


def test_zeta_of_riemann_and_of_arrays():
    f = lambda x: np.sum(special.zeta(x + 1.0))
    x = np.array([0.3, 1.0, 4.0])
    wanted = [slope(mpmath.zeta, (v + 1.0,), (1,)) for v in x]
    np.testing.assert_allclose(fastgrad.gradient(f, x, method="exact"), wanted, rtol=1e-14)
    points = np.tile(x, (300, 1))
    points[3] = -0.5  # where f itself is asked
    found = fastgrad.gradient(f, points, batch=True)
    np.testing.assert_allclose(found[0], wanted, rtol=1e-6)
    np.testing.assert_allclose(found[3], fastgrad.gradient(f, points[3], engine="python"), rtol=1e-12)


PLACES = (-0.3599, -0.3, -1e-3, 0.0, 1e-9, 0.5, np.e, 100.0, 1e10, 1e150)


@pytest.mark.parametrize("z", PLACES)
def test_lambertw(z):
    f = lambda x: special.lambertw(x[0]).real
    with mpmath.workdps(40):
        w = mpmath.lambertw(mpmath.mpf(z)).real
        first, second = 1 / (mpmath.exp(w) * (1 + w)), -(w + 2) / (mpmath.exp(2 * w) * (1 + w) ** 3)
    x = np.array([z])
    assert fastgrad.gradient(f, x, method="exact")[0] == pytest.approx(float(first), rel=2e-15)
    assert fastgrad.hessian(f, x, method="exact")[0, 0] == pytest.approx(float(second), rel=5e-15)


def test_lambertw_elsewhere():
    f = lambda x: np.abs(special.lambertw(x[0])) + np.real(special.lambertw(x[0])) * x[1]
    points = np.random.default_rng(0).uniform(-1.0, 1.0, (200, 2))
    found = fastgrad.gradient(f, points, batch=True, engine="simd")
    wanted = [fastgrad.gradient(f, x, engine="python") for x in points]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    with pytest.raises(Untraceable, match="another branch than 0"):
        trace(lambda x: special.lambertw(x[0], -1).real, (1,))
