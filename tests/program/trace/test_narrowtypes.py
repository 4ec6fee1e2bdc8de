"""Numbers of uint8, float32 and their like: what a trace does with them is NumPy's, or is refused."""

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError, gradient, value_and_gradient
from fastgrad.program.trace.narrowtypes import is_narrow, with_types

BYTES = np.array([10, 60, 130, 250], np.uint8)
SMALL = np.array([1, 200, 100], np.uint8)
INTEGERS = np.array([1, 2_000_000_000, 3], np.int32)
SIGNED = np.array([-128, 5, 100], np.int8)
HALVES = np.array([1.0, 0.1, 0.3], np.float16)
SINGLES = np.array([1.0, 0.1, 0.3], np.float32)
FLAGS, OTHERS = np.array([False, True, True]), np.array([False, True, False])
DATA = np.random.default_rng(0).uniform(size=(20, 3)).astype(np.float32)
LABELS = (np.arange(20) % 2).astype(np.uint8)
FIRST, POINT = np.array([0.5, 0.6, 1.3]), np.array([2.5, 1.4, 0.7])


def odd_sum(x):
    i = int(x[0])
    return (BYTES[i + 1] + BYTES[i]) * x[0]


def interpolated(x):
    i = int(x[1])
    return (SMALL[i + 1] - SMALL[i]) * (x[1] - i) + SMALL[i]


class Picture:
    def __init__(self):
        self.pixels = BYTES

    def value(self, x):
        return self.pixels[int(x[0])] * self.pixels[int(x[1])] * x[2]


# What NumPy computes in its own small type, after a first point at which that does not show.
SMALL_TYPES = {
    "a sum of bytes": odd_sum,
    "an interpolation in bytes": interpolated,
    "an object's": Picture().value,
    "an argument's": lambda x, a=BYTES: (a[int(x[0])] + a[int(x[1])]) * x[2],
    "rounded": lambda x: float((SMALL + round(x[0] * 50))[1]) * x[1],
    "a where": lambda x: float((np.where(x[0] > 1, SMALL, np.uint8(1)) * np.uint8(3)).sum()) * x[1],
    "squares": lambda x: float(np.square(np.where(x[0] > 1, SMALL, np.uint8(0))).sum()) * x[1],
    "a larger type": lambda x: float(INTEGERS[int(x[0]) - 1] * 2) * x[0],
    "a sign": lambda x: -float(abs(SIGNED[int(x[0]) - 2])) * x[0],
    "made in f": lambda x: (np.array([250, 3], np.uint8)[int(x[0]) - 2] + np.uint8(10)) * x[0],
    "cast in f": lambda x: float(np.array([250.0, 3.0]).astype("u1")[int(x[0]) - 2] + np.uint8(10)) * x[0],
    "halves": lambda x: HALVES[int(x[0])] * HALVES[int(x[1])] * x[0],
    "singles": lambda x: float((np.where(x[0] > 1, SINGLES, np.float32(1)) * np.float32(3))[1]) * x[1],
    "singles and a float of Python's": lambda x: float(SINGLES[1] * float(x[0])) * x[1],
    "maximum": lambda x: float(np.maximum(np.where(x[0] > 1, SMALL, SMALL), 3)[1] + np.uint8(100)) * x[1],
    "two flags": lambda x: (FLAGS[int(x[0]) - 1] + OTHERS[int(x[1])]) * x[0],
    "half of two flags": lambda x: (FLAGS[int(x[0]) - 1] + FLAGS[int(x[1])]) / 2 * x[0],
    "beyond the type": lambda x: float(SMALL[0] + 300 * int(x[0])) * x[1],
    "a power of integers": lambda x: float(np.power(2, 1 - int(x[0]))) * x[1],
    "powers of integers": lambda x: float((np.arange(1, 4) ** (1 - int(x[0]))).sum()) * x[1],
    "a power of NumPy's integer": lambda x: float(np.int64(2) ** (1 - int(x[0]))) * x[1],
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::fastgrad.PerformanceWarning")
@pytest.mark.parametrize("name", SMALL_TYPES)
def test_numbers_are_numpys_or_none(name):
    f = SMALL_TYPES[name]
    try:
        gradient(f, FIRST, method="exact")
    except (EngineError, OverflowError, ValueError):
        return  # of what is refused nothing is kept
    try:
        wanted = f(POINT)
    except (OverflowError, ValueError) as error:
        with pytest.raises((type(error), EngineError)):
            gradient(f, POINT, method="exact")
        return
    try:
        value, slope = value_and_gradient(f, POINT, method="exact")
    except EngineError:
        return
    assert value == pytest.approx(float(wanted), rel=1e-15)
    np.testing.assert_allclose(slope, gradient(f, POINT, engine="python", order=4), rtol=1e-7, atol=1e-7)


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::fastgrad.PerformanceWarning")
@pytest.mark.parametrize("name", SMALL_TYPES)
def test_many_points(name):
    """A few of the points go where NumPy wraps, rounds or raises."""
    f, points = SMALL_TYPES[name], np.tile(FIRST, (3000, 1))
    points[1234] = POINT
    points[:, 2] += np.linspace(0.0, 0.1, 3000)
    try:
        wanted = [f(x) for x in points]
    except (OverflowError, ValueError) as error:
        with pytest.raises(type(error)):
            gradient(f, points, batch=True)
        return
    value, slope = value_and_gradient(f, points, batch=True)
    np.testing.assert_allclose(value, np.array(wanted, float), rtol=1e-15)
    np.testing.assert_allclose(slope, gradient(f, points, batch=True, engine="python"), rtol=1e-6, atol=1e-6)


def written(x, values):
    b = np.zeros(3)
    b[:] = values
    return (b[0] + b[1]) * x[1]


def placed(ufunc, x):
    b = np.ones(2)
    ufunc.at(b, [0, 1, 0], SINGLES)
    return b * x[0]


# What NumPy makes float64 of, together with x.
WIDE = {
    "a product": lambda x: SMALL @ x + np.sum(SMALL * x[0]),
    "residuals": lambda x: np.sum((DATA @ x - LABELS) ** 2),
    "a choice": lambda x: np.sum(np.where(LABELS == 1, np.log1p(np.exp(-DATA @ x)), np.log1p(np.exp(DATA @ x)))),
    "weights": lambda x: np.sum(LABELS * np.log1p(np.exp(DATA @ x))) + np.sum((1 - LABELS) * (DATA @ x) ** 2),
    "single numbers": lambda x: np.float32(0.1) * x[0] * x[1] + np.uint8(200) * x[2] + np.int16(7),
    "a table": lambda x: SMALL[int(x[0])] * x[1] + SINGLES[int(x[1])] * x[2],
    "a mask": lambda x: np.sum(np.where(x > 1, SMALL, 0) * x),
    "a sum of bytes": lambda x: np.sum(np.where(x > 1, SMALL, 0.5)) * x[0],
    "einsum": lambda x: np.einsum("ij,j->", DATA, x) + np.dot(DATA, x).sum() + np.convolve(SINGLES, x).sum(),
    "a table of singles": lambda x: (
        np.interp(x[0], np.arange(3, dtype=np.float32), SINGLES) + np.polyval(SINGLES, x[1])
    ),
    "limits": lambda x: np.clip(x, SMALL.min(), SMALL.max()).sum() * x[0],
    "stacked": lambda x: np.concatenate([SMALL, x]).sum() * x[0],
    "one by one": lambda x: sum(a * b for a, b in zip(SMALL, x, strict=True)) + sum(map(float, SMALL)) * x[0],
    "an index": lambda x: x[INTEGERS % 3].sum() * INTEGERS[2],
    "bytes that are added up": lambda x: np.sum(SMALL, where=x > 0.5) * x[0] + np.mean(SMALL, where=x > 0) * x[1],
    "chosen and added up": lambda x: (
        np.where(x > 1, SMALL, SMALL).sum() * x[0] + np.cumsum(np.where(x > 1, 250, SMALL))[2]
    ),
    "chosen beside zeros": lambda x: (np.where(x > 0, SINGLES, np.zeros(3)) + SINGLES) @ x,
    "written into zeros": lambda x: written(x, np.where(x > 0, SINGLES, 0)) * x[0],
    "added in place": lambda x: placed(np.add, x) @ x[:2] + placed(np.multiply, x) @ x[1:],
    "averaged": lambda x: np.average(x, weights=SMALL) + np.average(np.outer(x, x), axis=0, weights=SMALL)[1],
    "a covariance": lambda x: np.cov(SINGLES, x)[0, 1] + np.cov(x, SINGLES)[1, 1] * x[0],
    "comparisons": lambda x: np.sum(np.where(DATA[:, 0] > 0.5, x[0] ** 2, x[1])) + (SMALL[0] == 1) * x[0],
}


@pytest.mark.parametrize("name", WIDE)
def test_what_numpy_widens_is_traced(name):
    f = WIDE[name]
    value, found = value_and_gradient(f, POINT, method="exact", engine="simd")
    assert value == pytest.approx(f(POINT), rel=1e-14)
    np.testing.assert_allclose(found, gradient(f, POINT, order=6, engine="python"), rtol=1e-8, atol=1e-9)
    many = np.tile(POINT, (2000, 1))
    np.testing.assert_allclose(gradient(f, many, batch=True, engine="simd")[7], found, rtol=1e-6, atol=1e-6)


def test_which_types_are_narrow():
    assert [t for t in "?bBhHiIQefdDg" if is_narrow(np.dtype(t))] == [*"bBhHiIQef"]
    assert not is_narrow(np.dtype(np.int64))


def test_elements_keep_their_types():
    assert [type(v) for v in with_types(BYTES[:2])] == [np.uint8] * 2
    assert [type(v) for v in with_types(np.ones(1))] == [float]
    assert with_types(DATA).shape == DATA.shape


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::fastgrad.PerformanceWarning")
def test_reasons_say_what_to_write():
    with pytest.raises(EngineError, match=r"computes with a uint8 without x, .* write a\.astype\(float\)"):
        gradient(odd_sum, POINT, method="exact")
    rows = np.full(2, 100, np.uint8)
    f = lambda x, b: float(b + 60 * int(x[0])) * x[1]
    with pytest.raises(EngineError, match=r"uint8 of batch_args without x, .* labels\.astype\(float\)"):
        gradient(f, np.ones((2, 3)), batch=True, batch_args=(rows,), method="exact")
    assert fastgrad.explain(f, np.ones((2000, 3)), batch=True, batch_args=(np.tile(rows, 1000),)).engine == "python"
