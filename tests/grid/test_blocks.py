"""Samples in dask arrays against the same samples in memory: the same bits, whatever the chunks."""

import dask
import dask.array as da
import numpy as np
import pytest

from fastgrad import grid
from fastgrad.grid.blocks import check_samples

RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(23, 19, 13))
UNEVEN = [np.cumsum(RNG.uniform(0.3, 1.0, n)) for n in VALUES.shape]
PERIODS = [c[-1] - c[0] + 0.5 for c in UNEVEN]
BLOCKS = [(7, 7, 13), (1, 19, 5), ((12, 11), (1,) * 19, (13,))]
SPACINGS = {"1": (), "a number": (0.3,), "coordinates": UNEVEN}


@pytest.fixture(autouse=True)
def on_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def same(lazy, expected):
    """A lazy array that promises what it is, and the bits of `expected`."""
    assert isinstance(lazy, da.Array)
    assert (lazy.shape, lazy.dtype, type(lazy._meta)) == (expected.shape, expected.dtype, np.ndarray)
    found = lazy.compute()
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(found, expected)


def lazily(operation, values, chunks, *spacing, **options):
    return operation(da.from_array(values, chunks=chunks), *spacing, **options)


def all_same(lazy, expected):
    if isinstance(expected, tuple):
        assert isinstance(lazy, tuple)
        for a, b in zip(lazy, expected, strict=True):
            same(a, b)
    else:
        same(lazy, expected)


@pytest.mark.parametrize("operation", [grid.gradient, grid.laplacian], ids=["gradient", "laplacian"])
@pytest.mark.parametrize("spacing", SPACINGS.values(), ids=SPACINGS.keys())
@pytest.mark.parametrize("accuracy", [2, 8])
@pytest.mark.parametrize("chunks", BLOCKS, ids=str)
def test_samples_have_the_bits_of_one_call(operation, spacing, accuracy, chunks):
    for periodic in (False, (True, False, True)):
        period = [p if closed else None for p, closed in zip(PERIODS, (True, False, True), strict=True)]
        options = {
            "accuracy": accuracy,
            "periodic": periodic,
            "period": period if len(spacing) == 3 and periodic else None,
        }
        all_same(lazily(operation, VALUES, chunks, *spacing, **options), operation(VALUES, *spacing, **options))


@pytest.mark.parametrize("dtype", ["f4", "i4", "u1", ">f8"])
@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize("axis", [None, 1, (2, 0)])
def test_samples_of_other_types_have_numpys_bits(dtype, edge_order, axis):
    values = (100 * VALUES).astype(dtype)
    options = {"axis": axis, "edge_order": edge_order}
    all_same(lazily(grid.gradient, values, (7, 7, 13), **options), np.gradient(values, **options))


@pytest.mark.parametrize("operation", [grid.divergence, grid.curl], ids=["divergence", "curl"])
@pytest.mark.parametrize("periodic", [False, True])
def test_fields_of_samples(operation, periodic):
    field = [VALUES, VALUES[::-1] ** 2, (3 * VALUES).astype("f4")]
    lazy = [da.from_array(field[0], chunks=BLOCKS[0]), da.from_array(field[1], chunks=BLOCKS[1]), field[2]]
    options = {"accuracy": 4, "periodic": periodic, "period": PERIODS if periodic else None}
    same(operation(lazy, *UNEVEN, **options), operation(field, *UNEVEN, **options))


def test_a_plane_curl_of_one_array():
    field = np.stack([VALUES[0], VALUES[1]])
    same(grid.curl(da.from_array(field, chunks=(1, 9, 9)), 0.5), grid.curl(field, 0.5))
    same(grid.laplacian(da.from_array(field, chunks=1), axis=()), np.zeros_like(field))
    assert grid.gradient(da.ones((3, 3)), axis=()) == ()


def test_short_rows_and_long_axes():
    short = RNG.normal(size=(4000, 3))
    same(lazily(grid.gradient, short, (700, 3), axis=0, accuracy=6), grid.gradient(short, axis=0, accuracy=6))
    long, x = RNG.normal(size=(2, 150_000)), np.cumsum(RNG.uniform(0.3, 1.0, 150_000))
    same(lazily(grid.gradient, long, (1, 140_000), x, axis=1), grid.gradient(long, x, axis=1))


def test_chunks_that_are_too_small_are_merged():
    sizes = (1, 2, 3, 1, 15, 1)
    found = [lazily(grid.gradient, VALUES[:, 0, 0], (sizes,), accuracy=accuracy).chunks for accuracy in (2, 4, 8)]
    assert found == [((3, 3, 17),), ((6, 17),), ((23,),)]


@pytest.mark.parametrize("dtype", ["G", "f2", "?", "M8[s]", "O"])
def test_samples_of_types_without_a_formula_are_refused(dtype):
    with pytest.raises(
        TypeError, match=r"plain float32, float64, complex64, complex128 or integers, got ndarray of .*x\.astype"
    ):
        check_samples(da.zeros(5, dtype=dtype, chunks=2), "x")


@pytest.mark.parametrize("dtype", ["f8", ">f8", "f4", "i2", "u8", "c16", "c8", ">c16"])
def test_samples_that_are_taken_stay_lazy(dtype):
    samples = da.zeros(5, dtype=dtype, chunks=2)
    assert check_samples(samples) is samples


def test_masked_chunks_are_no_plain_arrays():
    with pytest.raises(TypeError, match="MaskedArray of float64"):
        check_samples(da.ma.masked_greater(da.ones(5, chunks=2), 0.5))
