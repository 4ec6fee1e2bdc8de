"""scipy.signal, scipy.ndimage and scipy.spatial.distance at symbols, beside SciPy's own."""

import numpy as np
import pytest
import scipy.spatial
from scipy import ndimage, signal
from scipy.spatial import distance

import fastgrad
from fastgrad.program import scipys
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable
from fastgrad.program.trace.signals import DISTANCES, LINEAR, LONGEST, SIGNALS

RNG = np.random.default_rng(0)
Y, IMAGE, KERNEL, PLACES = (RNG.normal(size=shape) for shape in ((30,), (6, 7), (3, 3), (4, 2)))
SECTIONS, (B, A) = signal.butter(4, 0.3, output="sos"), signal.butter(2, 0.3)
WAVE, PICTURE = lambda x: np.sin(Y * x[0]) + x[1], lambda x: IMAGE * x[0] + np.sin(IMAGE * x[1])
SQUARE = lambda v: (v**2).sum()

FORMS = {
    "signal.convolve": lambda x: SQUARE(signal.convolve(WAVE(x), [x[0], 1.0, x[1]])),
    "signal.convolve, same": lambda x: signal.convolve(WAVE(x), [x[0], 1.0, x[1], 2.0], mode="same") @ Y,
    "signal.convolve, shorter": lambda x: SQUARE(signal.convolve([x[0], 1.0, x[1]], Y, mode="valid")),
    "signal.fftconvolve": lambda x: SQUARE(signal.fftconvolve(PICTURE(x), KERNEL * x[0], mode="valid")),
    "signal.oaconvolve": lambda x: SQUARE(signal.oaconvolve(WAVE(x), Y[:5])),
    "signal.correlate": lambda x: signal.correlate(WAVE(x), [x[0], 1.0, x[1], 3.0], mode="same") @ Y,
    "signal.convolve2d": lambda x: SQUARE(signal.convolve2d(PICTURE(x), KERNEL * x[1], mode="same")),
    "signal.correlate2d": lambda x: SQUARE(signal.correlate2d(PICTURE(x), KERNEL * x[1], mode="valid")),
    "signal.lfilter": lambda x: SQUARE(signal.lfilter([x[0], 0.1], [2.0, x[1] * 0.1, 0.05], WAVE(x))),
    "signal.lfilter, axis": lambda x: SQUARE(signal.lfilter(B, A, PICTURE(x), axis=0)),
    "signal.filtfilt": lambda x: SQUARE(signal.filtfilt(B, A, WAVE(x))),
    "signal.sosfilt": lambda x: SQUARE(signal.sosfilt(SECTIONS, WAVE(x))),
    "signal.sosfiltfilt": lambda x: SQUARE(signal.sosfiltfilt(SECTIONS, WAVE(x))),
    "signal.savgol_filter": lambda x: SQUARE(signal.savgol_filter(WAVE(x), 7, 2)),
    "signal.detrend": lambda x: SQUARE(signal.detrend(WAVE(x))),
    "signal.resample": lambda x: SQUARE(signal.resample(WAVE(x), 20)),
    "signal.resample_poly": lambda x: SQUARE(signal.resample_poly(WAVE(x), 2, 3)),
    "signal.decimate": lambda x: SQUARE(signal.decimate(WAVE(x), 2)),
    "ndimage.gaussian_filter": lambda x: SQUARE(ndimage.gaussian_filter(PICTURE(x), 1.0, mode="constant", cval=2.0)),
    "ndimage.gaussian_filter1d": lambda x: SQUARE(ndimage.gaussian_filter1d(WAVE(x), 2.0)),
    "ndimage.uniform_filter": lambda x: SQUARE(ndimage.uniform_filter(PICTURE(x), 3)),
    "ndimage.uniform_filter1d": lambda x: SQUARE(ndimage.uniform_filter1d(WAVE(x), size=4)),
    "ndimage.convolve": lambda x: SQUARE(ndimage.convolve(PICTURE(x), KERNEL)),
    "ndimage.convolve1d": lambda x: SQUARE(ndimage.convolve1d(WAVE(x), Y[:4])),
    "ndimage.correlate": lambda x: SQUARE(ndimage.correlate(PICTURE(x), KERNEL, mode="wrap")),
    "ndimage.correlate1d": lambda x: SQUARE(ndimage.correlate1d(WAVE(x), Y[:3])),
    "ndimage.sobel": lambda x: SQUARE(ndimage.sobel(PICTURE(x), axis=0)),
    "ndimage.prewitt": lambda x: SQUARE(ndimage.prewitt(PICTURE(x))),
    "ndimage.laplace": lambda x: SQUARE(ndimage.laplace(PICTURE(x))),
    "ndimage.gaussian_laplace": lambda x: SQUARE(ndimage.gaussian_laplace(PICTURE(x), 1.0)),
    "ndimage.zoom": lambda x: SQUARE(ndimage.zoom(PICTURE(x), 1.5, order=1)),
    "ndimage.shift": lambda x: SQUARE(ndimage.shift(PICTURE(x), (0.5, 1.25))),
    "ndimage.rotate": lambda x: SQUARE(ndimage.rotate(PICTURE(x), 30.0, order=1)),
    "ndimage.affine_transform": lambda x: SQUARE(ndimage.affine_transform(PICTURE(x), [0.9, 1.1])),
    "ndimage.map_coordinates": lambda x: ndimage.map_coordinates(PICTURE(x), [[1.5, 2.2], [3.1, 0.4]]).sum(),
    "ndimage.spline_filter": lambda x: SQUARE(ndimage.spline_filter(PICTURE(x))),
    "ndimage.spline_filter1d": lambda x: SQUARE(ndimage.spline_filter1d(WAVE(x))),
    "distance.cdist": lambda x: distance.cdist(PLACES * x[0], PLACES + x[1] + 3.0).sum(),
    "distance.cdist, squares": lambda x: np.exp(-distance.cdist(PLACES, PLACES * x, "sqeuclidean") / x[1]).sum(),
    "distance.cdist, cubes": lambda x: distance.cdist(PLACES, PLACES * x + 4.0, "minkowski", p=3).sum(),
    "distance.pdist": lambda x: (scipy.spatial.distance.pdist(PLACES * x) ** 3).sum(),
    "distance.pdist, sums": lambda x: distance.pdist(PLACES * x, "cityblock") @ Y[:6],
    "distance.pdist, largest": lambda x: distance.pdist(PLACES * x, "chebyshev") @ Y[:6],
    "distance.squareform": lambda x: distance.squareform(distance.pdist(PLACES * x))[:3, :3] @ KERNEL[0] @ KERNEL[1],
    "distance.squareform, back": lambda x: distance.squareform(np.outer(x, x) * [[0.0, 1.0], [1.0, 0.0]])[0],
    "distance.euclidean": lambda x: distance.euclidean(x, [0.0, 1.0]),
    "distance.sqeuclidean": lambda x: distance.sqeuclidean(x, [0.0, 1.0]),
    "distance.cosine": lambda x: distance.cosine(x, [0.0, 1.0]),
    "distance.cdist, cosines": lambda x: distance.cdist(PLACES, PLACES * x, "cosine").sum(),
    "distance.correlation": lambda x: distance.correlation([x[0], 1.0, x[1] ** 2, 2.0], [0.3, x[0], 1.0, 4.0]),
    "distance.mahalanobis": lambda x: distance.mahalanobis(x, [0.0, 1.0], [[2.0, 0.5], [0.5, x[0]]]),
    "distance.cityblock": lambda x: distance.cityblock(x, [0.0, 3.0]),
    "distance.chebyshev": lambda x: distance.chebyshev(x, [0.0, 5.0]),
    "distance.minkowski": lambda x: distance.minkowski(x, [0.0, 5.0], 3) + distance.minkowski(x, [0.0, 5.0]),
}


def test_every_function_has_its_form():
    named = {form.partition(",")[0] for form in FORMS}
    rules = {"signal": {*SIGNALS, *LINEAR["scipy.signal"]}, "ndimage": {*LINEAR["scipy.ndimage"]}}
    rules["spatial.distance"] = {*DISTANCES}
    for module, names in rules.items():
        assert names == scipys.WITH_RULES[f"scipy.{module}"]
        assert {f"{module.removeprefix('spatial.')}.{name}" for name in names} <= named


@pytest.mark.parametrize("name", FORMS)
def test_values_and_derivatives(name):
    f, points = FORMS[name], np.random.default_rng(1).uniform(0.6, 1.9, (9, 2))
    program, wanted = trace(f, (2,)), [f(x) for x in points]
    np.testing.assert_allclose([evaluate(program, x)[0] for x in points], wanted, rtol=1e-11, atol=1e-11)
    wanted = fastgrad.gradient(f, points, batch=True, engine="python")
    for method in ("central", "exact"):
        found = fastgrad.gradient(f, points, batch=True, engine="simd", method=method)
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8 * np.abs(wanted).max())


def test_an_infinite_element_goes_to_f_itself():
    """A transform makes NaN of all, where a sum over what is not 0 leaves most of the others."""
    f = lambda x: signal.resample(np.exp(Y * x[0]), 10)[0] * 1.0
    points = np.ones((400, 1))
    points[3] = 1e5
    with np.errstate(all="ignore"):
        found = fastgrad.gradient(f, points, batch=True, engine="simd")
    assert np.isnan(found[3]).all()
    assert np.isfinite(np.delete(found, 3)).all()


@pytest.mark.filterwarnings("ignore:Use of fft convolution")
@pytest.mark.parametrize("method", ["direct", "fft", "auto"])
def test_one_nan_in_a_convolution(method):
    """By a transform it makes NaN of all, by sums not: f itself is asked."""
    f = lambda x: signal.convolve(x, [1.0, 2.0, 3.0], "same", method)[5]
    points = np.random.default_rng(0).uniform(-2.0, 2.0, (400, 6))
    points[5, 0] = np.nan
    found = fastgrad.gradient(f, points, batch=True)
    np.testing.assert_allclose(found[5], fastgrad.gradient(f, points[5], engine="python"), atol=1e-8)


def test_what_is_refused():
    for f, reason in (
        (lambda x: ndimage.shift(IMAGE, x).sum(), "more than its data traced"),
        (lambda x: signal.sosfilt(SECTIONS * x[0], Y).sum(), "more than its data traced"),
        (lambda x: signal.detrend(np.arange(LONGEST + 1.0) * x[0]).sum(), f"{LONGEST + 1} numbers"),
        (lambda x: signal.lfilter(B, A, Y * x[0], zi=[0.0, 0.0])[0].sum(), "zi="),
        (lambda x: signal.convolve2d(IMAGE * x[0], KERNEL, boundary="wrap").sum(), "boundary="),
        (lambda x: distance.cdist(PLACES * x, PLACES, "canberra").sum(), "metric 'canberra'"),
        (lambda x: distance.euclidean(x, [1.0, 2.0], [1.0, 3.0]), "with weights"),
    ):
        with pytest.raises(Untraceable, match=reason):
            trace(f, (2,))
