"""SciPy's functions of several numbers from tables: values, derivatives, and what lies beyond their ends."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import interpolate, ndimage

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

RNG = np.random.default_rng(0)
AXES = np.linspace(0.0, 3.0, 30), np.sort(RNG.uniform(0.0, 4.0, 25))
HEIGHTS = RNG.normal(size=(30, 25))
GRID = interpolate.RegularGridInterpolator(AXES, HEIGHTS)
OPEN = interpolate.RegularGridInterpolator(AXES, HEIGHTS, bounds_error=False, fill_value=None)
FRAMED = interpolate.RegularGridInterpolator(AXES, HEIGHTS, bounds_error=False, fill_value=0.5)
SPACE = interpolate.RegularGridInterpolator((*AXES, np.array([-1.0, 0.5, 1.0])), RNG.normal(size=(30, 25, 3, 2)))
NEAREST = interpolate.RegularGridInterpolator(AXES, HEIGHTS, method="nearest")
BY_CUBICS = interpolate.RegularGridInterpolator(AXES, HEIGHTS, method="cubic", bounds_error=False)
FEW = np.linspace(0.0, 2.5, 7)
QUINTIC = interpolate.RegularGridInterpolator((FEW, FEW), RNG.normal(size=(7, 7, 2)), method="quintic")
CUBIC = interpolate.RectBivariateSpline(*AXES, HEIGHTS)
MIXED = interpolate.RectBivariateSpline(*AXES, HEIGHTS, kx=1, ky=5)
SCATTERED = RNG.uniform(0.0, 2.0, (2, 80))
SMOOTH = interpolate.SmoothBivariateSpline(*SCATTERED, np.sin(SCATTERED[0]) * SCATTERED[1], s=0.1)
TCK = interpolate.bisplrep(*SCATTERED, np.cos(SCATTERED[0]) * SCATTERED[1], s=0.1)
IMAGE = RNG.normal(size=(7, 6))


def pixels(x, **options):
    return ndimage.map_coordinates(IMAGE, [[2.0 * x[0], x[0]], [x[1], 2.0 * x[1]]], **options)


FUNCTIONS = {
    "on a grid": lambda x: GRID(x)[0] * x[1],
    "on a grid, a pair": lambda x: np.sum(GRID((x[0], x[1]))),
    "on a grid, rows": lambda x: GRID([[x[0], x[1]], [x[1], x[0]]]).sum(),
    "on a grid, beyond": lambda x: OPEN(2.0 * x)[0],
    "on a grid, framed": lambda x: FRAMED(2.0 * x)[0],
    "in space": lambda x: SPACE([x[0], x[1], 0.1]).sum(),
    "a grid made in f": lambda x: interpolate.RegularGridInterpolator(AXES, HEIGHTS)(0.4 * x + 0.9)[0],
    "the nearest node": lambda x: NEAREST(x)[0] * x[1] + NEAREST([0.3, 0.9])[0],
    "the nearest node by name": lambda x: FRAMED(2.0 * x, method="nearest")[0] * x[0],
    "cubics on a grid": lambda x: BY_CUBICS(x)[0] * x[1],
    "cubics on a grid, beyond": lambda x: BY_CUBICS([[2.0 * x[0], x[1]]])[0],
    "quintics of several numbers": lambda x: QUINTIC(x) @ np.array([1.0, 2.0]) @ [1.0],
    "a surface": lambda x: CUBIC(x[0], x[1])[0, 0] * x[1],
    "a surface at pairs": lambda x: CUBIC.ev(x[0], x[1]) * x[1] + CUBIC(x, x[::-1], grid=False).sum(),
    "a surface on a grid": lambda x: np.sum(CUBIC([x[0], x[0] + x[1]], [0.5 * x[1], x[1], 3.0]) ** 2),
    "a surface at one known coordinate": lambda x: CUBIC.ev(1.5, x[0]) * x[1],
    "slopes of a surface": lambda x: CUBIC.ev(x[0], x[1], dx=1) + CUBIC(x[0], x[1], dx=1, dy=2)[0, 0],
    "beyond a surface": lambda x: CUBIC.ev(3.0 * x[0] - 2.0, 3.0 * x[1]) * x[1],
    "of other degrees": lambda x: MIXED.ev(x[0], x[1]) + MIXED.ev(x[1], x[0], dy=3),
    "a smooth surface": lambda x: SMOOTH.ev(x[0], x[1]) * SMOOTH(1.0, 1.0)[0, 0],
    "a derived surface": lambda x: CUBIC.partial_derivative(1, 0)(x[0], x[1])[0, 0],
    "bisplev": lambda x: interpolate.bisplev(x[0], x[1], TCK) * x[1] + interpolate.bisplev(x[0], x[1], TCK, dx=1),
    "bisplev of a row": lambda x: interpolate.bisplev(x[0], [0.5, x[1]], TCK) @ np.array([1.0, 2.0]),
    **{f"an image, order {k}": (lambda x, k=k: pixels(x, order=k).sum() * x[1]) for k in range(6)},
    "an image and beyond": lambda x: pixels(1.6 * x, cval=0.7).sum() * x[1],
    "a filtered image": lambda x: pixels(x, order=2, prefilter=False).sum(),
    "the edge of an image": lambda x: pixels(1.6 * x, order=1, mode="nearest").sum(),
    "pixels beyond the edge": lambda x: pixels(1.6 * x, order=0, mode="nearest").sum() * x[1],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(name):
    f, points = FUNCTIONS[name], np.random.default_rng(1).uniform(0.61, 1.93, (50, 2))
    program = trace(f, (2,))
    wanted = [float(f(x)) for x in points]
    np.testing.assert_allclose([evaluate(program, x)[0] for x in points], wanted, rtol=1e-10, atol=1e-11)
    reference = fastgrad.gradient(f, points, batch=True, engine="python")
    for method in ("central", "exact"):
        found = fastgrad.gradient(f, points, batch=True, engine="simd", method=method)
        np.testing.assert_allclose(found, reference, rtol=1e-5, atol=1e-5)


def test_exact_slopes_are_those_of_the_surface():
    points = np.random.default_rng(1).uniform(0.1, 2.9, (100, 2))
    found = fastgrad.gradient(lambda x: CUBIC.ev(x[0], x[1]), points, batch=True, method="exact")
    wanted = np.stack([CUBIC.ev(*points.T, dx=1), CUBIC.ev(*points.T, dy=1)], axis=1)
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("places", [0.0, 1.0, 2.5, 5.0, 6.0], ids=str)
@pytest.mark.parametrize("order", range(4))
def test_images_at_pixels_and_edges(places, order):
    f = lambda x: ndimage.map_coordinates(IMAGE, x[:, None], order=order, cval=9.0)[0]
    program = trace(f, (2,))
    for beside in (-1e-9, 0.0, 1e-9):
        x = np.array([places + beside, 4.0])
        np.testing.assert_allclose(evaluate(program, x)[0], f(x), atol=1e-6)


def test_numbers_that_are_none_are_those_of_the_whole_row():
    points = np.full((40, 2), 1.3)
    points[3, 0] = np.nan
    for f in (
        lambda x: CUBIC.ev(x[0], x[1]), lambda x: FRAMED(x, method="nearest")[0], lambda x: OPEN(x)[0],
        lambda x: BY_CUBICS(x)[0],
    ):  # fmt: skip
        found = fastgrad.gradient(f, points, batch=True, engine="simd")
        assert np.isnan(found[3]).any()
        assert np.isfinite(np.delete(found, 3, axis=0)).all()


def test_where_scipy_raises_f_itself_is_asked():
    points = np.tile([[1.0, 1.5]], (400, 1))
    points[7] = [5.0, 1.5]
    falling = lambda x: CUBIC([x[0], 2.0], x[1]).sum()
    for f, said in ((lambda x: GRID(x)[0], "out of bounds"), (falling, "strictly increasing")):
        with pytest.raises(ValueError, match=said):
            fastgrad.gradient(f, points, batch=True, engine="simd")


def test_a_table_that_changes_between_calls():
    surface, points = (
        interpolate.RectBivariateSpline(*AXES, HEIGHTS),
        np.random.default_rng(1).uniform(0.6, 1.9, (9, 2)),
    )
    image = IMAGE.copy()
    f = lambda x: surface.ev(x[0], x[1]) + ndimage.map_coordinates(image, [[x[0]], [x[1]]], order=1)[0]
    before = fastgrad.gradient(f, points, batch=True)
    surface.tck[2][...] *= 2.0
    image *= 2.0
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True), 2.0 * before, rtol=1e-7, atol=1e-7)


def test_what_is_refused():
    of_integers = np.arange(12).reshape(3, 4)
    with_pchips = interpolate.RegularGridInterpolator(AXES, HEIGHTS, method="pchip")
    for f, reason in (
        (lambda x: with_pchips(x)[0], "method='pchip'"),
        (lambda x: GRID(x, method="cubic")[0], "method='cubic'"),
        (lambda x: CUBIC([2.0, 1.0], x[0])[0, 0], "do not ascend"),
        (lambda x: CUBIC(x[0], x[1], dx=3)[0, 0], "for its derivatives"),
        (lambda x: interpolate.RectBivariateSpline(FEW, FEW, np.outer(FEW, FEW) * x[0]), "of traced numbers"),
        (lambda x: ndimage.map_coordinates(of_integers, x[:, None])[0], "not of float64"),
        (lambda x: pixels(x, mode="wrap").sum(), "mode='wrap' and order=3"),
        (lambda x: pixels(x, mode="nearest").sum(), "mode='nearest' and order=3"),
        (lambda x: ndimage.map_coordinates(IMAGE * x[0], x[:, None])[0], "a traced image at traced places"),
        (lambda x: ndimage.map_coordinates(IMAGE, [x])[0], "one row for each axis"),
    ):
        with pytest.raises(Untraceable, match=reason):
            trace(f, (2,))


ALONE = """
import sys
import numpy as np
from scipy import ndimage
import fastgrad
image = np.arange(48.0).reshape(6, 8) ** 1.5
f = lambda x: ndimage.map_coordinates(image, [[x[0]], [x[1]]], order=1)[0]
assert "scipy.interpolate" not in sys.modules
print(fastgrad.gradient(f, np.array([1.3, 2.4]), method="exact").round(6).tolist())
"""


def test_an_image_needs_nothing_that_f_has_not_imported():
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert done.stdout == "[45.381336, 5.337532]\n"
