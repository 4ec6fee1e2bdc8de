"""fastgrad.grid against np.gradient, exact derivatives and polynomials."""

import itertools
import warnings

import numpy as np
import pytest

from fastgrad.grid import operators as grid
from tests.grid.samples import coordinates, same, samples

pytestmark = pytest.mark.usefixtures("no_short_cut", "no_copies")

ACCURACIES = (2, 4, 6, 8)
SHAPES = [(3,), (9,), (1000,), (4, 3), (3, 70), (17, 9), (5, 4, 6), (3, 3, 3, 5), (1, 7, 1, 5), (40, 300), (6, 5, 2)]
DTYPES = ["f8", "f4", "i4", "u1", ">f8", "f2"]
SPACINGS = [
    "none",
    "float",
    "int",
    "float64",
    "float32",
    "numbers",
    "coordinates",
    "float32 coordinates",
    "mixed",
    "even",
]


def spacing(kind, lengths):
    return {
        "none": [],
        "float": [0.3],
        "int": [3],
        "float64": [np.float64(0.3)],
        "float32": [np.float32(0.3)],
        "numbers": [0.1 * (k + 1) for k in range(len(lengths))],
        "coordinates": [coordinates(n) for n in lengths],
        "float32 coordinates": [coordinates(n, "f4") for n in lengths],
        "mixed": [coordinates(n) if k % 2 else 0.7 for k, n in enumerate(lengths)],
        "even": [np.arange(n) for n in lengths],
    }[kind]


# --- np.gradient's contract -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_bit_is_that_of_numpy(shape, dtype):
    values = samples(shape, dtype)
    long = tuple(k for k, n in enumerate(shape) if n > 2)
    choices = {long, long[-1:], long[::-1], (long[0],), long[0] - len(shape)}
    for axis, edge_order, kind in itertools.product(choices, (1, 2), SPACINGS):
        lengths = [shape[k] for k in np.atleast_1d(axis)]
        given = spacing(kind, lengths)
        expected = np.gradient(values, *given, axis=axis, edge_order=edge_order)
        same(grid.gradient(values, *given, axis=axis, edge_order=edge_order), expected)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_nan_and_inf_stay_local_and_are_silent(dtype):
    values = samples((40, 50), dtype)
    values[7, 9], values[20, 30] = np.nan, np.inf
    with np.errstate(all="ignore"):
        expected = np.gradient(values)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(grid.gradient(values), expected)
        higher = grid.gradient(values, accuracy=4)
    assert [np.isnan(part).sum() for part in higher] == [4, 4]


# --- vector calculus --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "f2"])
@pytest.mark.parametrize("kind", ["none", "float", "coordinates", "mixed"])
def test_divergence_and_curl_are_sums_of_gradients(kind, dtype):
    field = samples((3, 15, 16, 17), dtype)
    given = spacing(kind, field.shape[1:])
    wide = field.astype(np.float64)
    slopes = [np.gradient(part, *given, edge_order=2) for part in wide]
    tolerance = {"f2": 0.3, "f4": 1e-4}.get(dtype, 1e-12)
    divergence = grid.divergence(field, *given, edge_order=2)
    curl = grid.curl(list(field), *given, edge_order=2)
    assert divergence.dtype == curl.dtype == (np.float64 if dtype == "i4" else np.dtype(dtype))
    np.testing.assert_allclose(divergence, slopes[0][0] + slopes[1][1] + slopes[2][2], rtol=0, atol=tolerance)
    expected = [slopes[b][a] - slopes[a][b] for a, b in ((1, 2), (2, 0), (0, 1))]
    np.testing.assert_allclose(curl, expected, rtol=0, atol=tolerance)
    flat = grid.curl(field[:2, :, :, 0], 0.5, edge_order=1)
    expected = np.gradient(wide[1, :, :, 0], 0.5)[0] - np.gradient(wide[0, :, :, 0], 0.5)[1]
    np.testing.assert_allclose(flat, expected, rtol=0, atol=tolerance)


def test_laplacian_of_numpy_float32_and_out():
    values = samples((50, 60))
    h = 0.5
    inner = (values[2:] - 2 * values[1:-1] + values[:-2])[:, 1:-1] / h**2
    inner += (values[:, 2:] - 2 * values[:, 1:-1] + values[:, :-2])[1:-1] / h**2
    got = grid.laplacian(values, h)
    np.testing.assert_allclose(got[1:-1, 1:-1], inner, rtol=0, atol=1e-10)
    out = np.full((50, 60), np.nan)
    assert grid.laplacian(values, h, out=out) is out
    assert (out == got).all()
    single = grid.laplacian(values.astype("f4"), h)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, got, rtol=0, atol=2e-3)
    assert (grid.laplacian(values, axis=()) == 0).all()


@pytest.mark.parametrize("accuracy", ACCURACIES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_identities(order, accuracy):
    """curl grad = 0 and div curl = 0 on a periodic grid, where differences along different axes commute."""
    values = np.asarray(samples((12, 14, 13)), order=order)
    options = {"periodic": True, "accuracy": accuracy}
    slopes = grid.gradient(values, 0.5, **options)
    assert np.abs(grid.curl(slopes, 0.5, **options)).max() < 1e-11
    field = samples((3, 12, 14, 13))
    assert np.abs(grid.divergence(grid.curl(field, 0.5, **options), 0.5, **options)).max() < 1e-11


def test_axes_of_a_field():
    field = samples((2, 8, 3, 9))
    got = grid.divergence(field, 0.5, coordinates(9), axis=(0, 2))
    expected = np.gradient(field[0], 0.5, axis=0) + np.gradient(field[1], coordinates(9), axis=2)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "values",
    [np.arange(5.0), np.ones((9, 9), complex), np.ma.ones(7), np.ones((300, 300))],
    ids=lambda v: f"{type(v).__name__} of {v.dtype}, {v.size}",
)
def test_progress_is_told_whoever_computes(values):
    told = []
    grid.gradient(values, progress=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] > 0
