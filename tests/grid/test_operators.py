"""fastgrad.grid against np.gradient, exact derivatives and polynomials."""

import itertools
import subprocess
import sys
import warnings

import numpy as np
import pytest

from fastgrad import grid
from fastgrad.grid import arrays

ACCURACIES = (2, 4, 6, 8)
OPERATIONS = {"gradient": grid.gradient, "laplacian": grid.laplacian}
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


@pytest.fixture(autouse=True)
def no_short_cut(monkeypatch):
    """Small arrays are np.gradient's business otherwise."""
    monkeypatch.setattr(arrays, "SMALL", 0)
    monkeypatch.setattr(arrays, "SHORT", 0)


def samples(shape, dtype="f8", seed=0):
    return (100 * np.random.default_rng(seed).uniform(0, 1, shape)).astype(dtype)


def coordinates(n, dtype="f8"):
    return np.cumsum(np.random.default_rng(n).uniform(0.3, 1.0, n)).astype(dtype)


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


def same(got, expected):
    assert type(got) is type(expected)
    pairs = zip(got, expected, strict=True) if isinstance(expected, tuple) else [(got, expected)]
    for a, b in pairs:
        assert type(a) is type(b)
        assert a.dtype == b.dtype
        assert a.strides == b.strides
        np.testing.assert_array_equal(a, b)


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


@pytest.mark.parametrize("dtype", ["f8", "f4", "i2"])
@pytest.mark.parametrize(
    "view",
    [
        np.asfortranarray,
        lambda a: a.T,
        lambda a: a[::2, ::3],
        lambda a: a[::-1, :, ::-1],
        lambda a: a.transpose(2, 0, 1),
        lambda a: np.broadcast_to(a[:1], a.shape),
        lambda a: a[:, :, 1],
        lambda a: np.frombuffer(b"x" + a.tobytes(), a.dtype, offset=1).reshape(a.shape),
    ],
    ids=["fortran", "transposed", "gaps", "reversed", "permuted", "broadcast", "plane", "misaligned"],
)
def test_arrays_in_any_layout(view, dtype):
    values = view(samples((10, 12, 11), dtype))
    given = [coordinates(n) for n in values.shape]
    for edge_order in (1, 2):
        same(grid.gradient(values, edge_order=edge_order), np.gradient(values, edge_order=edge_order))
        same(grid.gradient(values, *given, edge_order=edge_order), np.gradient(values, *given, edge_order=edge_order))


def test_lists_and_read_only_arrays():
    same(grid.gradient([1, 2, 4, 7]), np.gradient([1, 2, 4, 7]))
    same(grid.gradient([[1.0, 2.0], [3.0, 7.0]], 2, 1), np.gradient([[1.0, 2.0], [3.0, 7.0]], 2, 1))
    values = samples((6, 7))
    values.flags.writeable = False
    same(grid.gradient(values), np.gradient(values))


@pytest.mark.parametrize(
    "values",
    [
        np.arange(6) * (1 + 2j),
        np.array(["2020-01-01", "2020-01-03", "2020-01-09"], "M8[D]"),
        np.array([1, 5, 7], "m8[s]"),
        np.arange(5, dtype=np.longdouble) ** 2,
        np.array([1, 2.5, 7], object),
        np.ma.array([1.0, 2.0, 4.0, 9.0], mask=[0, 1, 0, 0]),
        np.zeros((0, 4)),
    ],
    ids=["complex", "datetime", "timedelta", "longdouble", "object", "masked", "empty"],
)
def test_what_numpy_alone_knows(values):
    axis = -1
    same(grid.gradient(values, axis=axis), np.gradient(values, axis=axis))
    with pytest.raises(TypeError, match="real numbers in plain arrays"):
        grid.gradient(values if values.size else values * 1j, axis=axis, accuracy=4)


def test_no_axes():
    assert grid.gradient(np.float64(3.0)) == np.gradient(np.float64(3.0)) == ()
    assert grid.gradient(samples((4, 5)), axis=()) == ()


BAD = {
    "too few": lambda g: g(np.ones((1, 5))),
    "too few for edges": lambda g: g(np.ones((2, 5)), edge_order=2),
    "edge_order": lambda g: g(np.ones(5), edge_order=3),
    "spacings": lambda g: g(np.ones((5, 5)), 1, 2, 3),
    "2-D coordinates": lambda g: g(np.ones((5, 5)), np.ones((5, 5)), 1.0),
    "length": lambda g: g(np.ones((5, 6)), np.arange(6), np.arange(6)),
    "axis": lambda g: g(np.ones((5, 6)), axis=2),
    "repeated axis": lambda g: g(np.ones((5, 6)), axis=(0, 0)),
    "bool": lambda g: g(np.ones(5, bool)),
    "text": lambda g: g(np.array(["a", "b"])),
    "text spacing": lambda g: g(np.ones(5), "a"),
    "float axis": lambda g: g(np.ones(5), axis=1.0),
    "edge_order None": lambda g: g(np.ones(5), edge_order=None),
    "keyword": lambda g: g(np.ones(5), spacing=2),
    "zero with edges": lambda g: g(np.ones(5), 0, edge_order=2),
    "ragged": lambda g: g([[1.0, 2.0], [1.0]]),
}


@pytest.mark.parametrize("name", [name for name in BAD if name != "keyword"])
def test_errors_are_those_of_numpy(name):
    with np.errstate(all="ignore"), pytest.raises(Exception) as expected:
        BAD[name](np.gradient)
    with pytest.raises(type(expected.value)) as got:
        BAD[name](grid.gradient)
    assert (type(got.value), str(got.value)) == (type(expected.value), str(expected.value))
    for operation in (grid.laplacian, lambda v, *s, **k: grid.divergence([v] * np.ndim(v), *s, **k)):
        with pytest.raises((TypeError, ValueError, ZeroDivisionError)):
            BAD[name](operation)
    with pytest.raises(TypeError):
        BAD["keyword"](grid.gradient)


def test_duplicate_coordinates_warn_as_in_numpy():
    x, values = np.array([0.0, 1.0, 1.0, 2.0, 4.0]), samples(5)
    with pytest.warns(RuntimeWarning):
        expected = np.gradient(values, x)
    with pytest.warns(RuntimeWarning, match="duplicates"):
        same(grid.gradient(values, x), expected)


def test_small_arrays_have_the_same_bits(monkeypatch):
    values, x = samples((30, 40)), coordinates(40)
    here = grid.gradient(values, 0.3, x)
    monkeypatch.setattr(arrays, "SMALL", 1 << 20)
    same(grid.gradient(values, 0.3, x), here)


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


# --- order, exactness, periods ----------------------------------------------------------------------------------------


def mapped(n, accuracy):
    t = np.arange(n) * (2 * np.pi / n)
    return t + 0.3 * np.sin(t)


@pytest.mark.parametrize("accuracy", ACCURACIES)
@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("name", OPERATIONS)
def test_order_of_convergence(name, graded, periodic, accuracy):
    errors = []
    for n in (64, 128) if graded and name == "gradient" else (32, 64):
        x = mapped(n, accuracy) if graded else np.arange(n) * (2 * np.pi / n)
        options = {"periodic": True, "period": 2 * np.pi} if periodic else {}
        got = OPERATIONS[name](np.sin(x), x if graded else x[1], accuracy=accuracy, edge_order=2, **options)
        exact = np.cos(x) if name == "gradient" else -np.sin(x)
        half = accuracy // 2 + 1
        errors.append([np.abs(got - exact)[s].max() for s in (slice(half, -half), slice(0, half), slice(-half, None))])
    orders = np.log2(np.array(errors[0]) / errors[1])
    assert (orders > accuracy - 1.0).all(), orders
    if not graded and periodic:
        np.testing.assert_allclose(orders[0], accuracy, atol=0.15)


@pytest.mark.parametrize("accuracy", ACCURACIES)
@pytest.mark.parametrize("graded", [False, True])
def test_polynomials_are_exact(graded, accuracy):
    x = coordinates(30) - 8.0 if graded else np.arange(30) * 0.5 - 7.0
    for degree in range(accuracy + 1):
        values = np.stack([(x / 8) ** degree] * 3, axis=1)
        slope = degree * (x / 8) ** max(degree - 1, 0) / 8
        bend = degree * (degree - 1) * (x / 8) ** max(degree - 2, 0) / 64
        along = x if graded else 0.5
        got = grid.gradient(values, along, axis=0, accuracy=accuracy, edge_order=2)
        np.testing.assert_allclose(got, np.stack([slope] * 3, axis=1), rtol=0, atol=2e-13)
        got = grid.laplacian(values, along, axis=0, accuracy=accuracy)
        np.testing.assert_allclose(got, np.stack([bend] * 3, axis=1), rtol=0, atol=3e-12)


@pytest.mark.parametrize("accuracy", ACCURACIES[1:])
@pytest.mark.parametrize("along", [0.1, coordinates(20)], ids=["even", "uneven"])
def test_constants_give_zero(along, accuracy):
    for operation in OPERATIONS.values():
        assert not np.any(operation(np.full((20, 20), 1e10 / 3), along, along, accuracy=accuracy))


@pytest.mark.parametrize("accuracy", ACCURACIES)
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("falling", [False, True])
def test_the_seam_is_like_the_interior(falling, name, accuracy):
    """Rolling the samples rolls the result."""
    n, period = 24, 2 * np.pi
    x = mapped(n, accuracy)
    x = x[::-1].copy() if falling else x
    values = np.stack([np.exp(np.sin(x)), np.cos(x)], axis=1)
    plain = OPERATIONS[name](values, x, axis=0, accuracy=accuracy, periodic=True, period=period)
    turned = np.concatenate([x[9:], x[:9] + (-period if falling else period)])
    rolled = OPERATIONS[name](np.roll(values, -9, 0), turned, axis=0, accuracy=accuracy, periodic=True, period=period)
    np.testing.assert_allclose(np.roll(rolled, 9, 0), plain, rtol=0, atol=1e-11)
    even = OPERATIONS[name](values, 0.1, axis=0, accuracy=accuracy, periodic=True)
    turned = OPERATIONS[name](np.roll(values, -9, 0), 0.1, axis=0, accuracy=accuracy, periodic=True)
    assert (np.roll(turned, 9, 0) == even).all()


def test_periodic_axes_one_by_one():
    values = samples((12, 13, 14))
    got = grid.gradient(values, 0.5, periodic=(True, False, True))
    wrapped = np.pad(values, [(1, 1), (0, 0), (1, 1)], mode="wrap")
    expected = [part[1:-1, :, 1:-1] for part in np.gradient(wrapped, 0.5)]
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_period_longer_than_the_number_of_steps_is_an_uneven_seam():
    x = np.arange(10.0)
    got = grid.gradient(x, 1.0, periodic=True, period=12.0)
    np.testing.assert_allclose(got, grid.gradient(x, x + 0.0, periodic=True, period=12.0))


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


# --- out, threads, boxes, files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "f2"])
def test_out_in_all_its_forms(dtype):
    values = samples((20, 30), dtype)
    expected = np.gradient(values, 0.5)
    kind = expected[0].dtype
    whole = np.empty((2, 20, 30), kind)
    assert grid.gradient(values, 0.5, out=whole) is whole
    parts = (np.empty((20, 30), kind), np.empty((30, 20), kind).T)
    assert grid.gradient(values, 0.5, out=parts) is parts
    gaps = np.empty((2, 20, 60), kind)[..., ::2]
    grid.gradient(values, 0.5, out=gaps)
    one = np.empty((20, 30), kind)
    assert grid.gradient(values, 0.5, axis=1, out=one) is one
    for k in (0, 1):
        for got in (whole[k], parts[k], gaps[k], *([one] if k else [])):
            np.testing.assert_array_equal(got, expected[k])


REFUSED = {
    "overlap": (lambda v, o: grid.gradient(v, axis=0, out=v), "shares memory"),
    "partial overlap": (lambda v, o: grid.gradient(v[:-1], axis=0, out=v[1:]), "shares memory"),
    "overlap of a field": (lambda v, o: grid.divergence([v, v + 1], out=v), "shares memory"),
    "overlap of a curl": (lambda v, o: grid.curl([v, v + 1], out=v), "shares memory"),
    "overlap of a Laplacian": (lambda v, o: grid.laplacian(v, out=v), "shares memory"),
    "overlapping outs": (lambda v, o: grid.gradient(v, out=(o[0], o[0])), "share memory"),
    "shape": (lambda v, o: grid.gradient(v, out=o[:, :-1]), "shape"),
    "dtype": (lambda v, o: grid.gradient(v, out=o.astype("f4")), "dtype"),
    "number": (lambda v, o: grid.gradient(v, out=(o[0],)), "1 arrays for 2 axes"),
    "accuracy": (lambda v, o: grid.gradient(v, accuracy=3), "accuracy=3"),
    "samples": (lambda v, o: grid.gradient(v[:4], accuracy=4), "4 samples, accuracy=4 needs 5"),
    "samples of a Laplacian": (lambda v, o: grid.laplacian(v[:3]), "3 samples, accuracy=2 needs 4"),
    "order": (lambda v, o: grid.gradient(v, [0, 2, 1, *range(3, 9)], 1, accuracy=4), "rise or fall"),
    "duplicates": (lambda v, o: grid.laplacian(v, [0, 1, 1.0, *range(3, 9)], 1), "rise or fall"),
    "nan": (lambda v, o: grid.gradient(v, [np.nan, *range(1, 9)], 1, accuracy=4), "rise or fall"),
    "no spacing": (lambda v, o: grid.gradient(v, 0.0, accuracy=4), "other than 0"),
    "no period": (lambda v, o: grid.gradient(v, coordinates(9), 1, periodic=True), "write period="),
    "short period": (lambda v, o: grid.gradient(v, coordinates(9), 1, periodic=(1, 0), period=1.0), "must be longer"),
    "stray period": (lambda v, o: grid.gradient(v, period=9.0), "not periodic"),
    "periods": (lambda v, o: grid.gradient(v, periodic=True, period=[1, 2, 3]), "3 entries for 2 axes"),
    "workers": (lambda v, o: grid.gradient(v, workers=0), "workers=0"),
    "components": (lambda v, o: grid.divergence([v, v, v]), "3 components"),
    "components of a curl": (lambda v, o: grid.curl([v[0]]), "two of both"),
    "shapes": (lambda v, o: grid.curl([v, v[:-1]]), "one shape"),
}


@pytest.mark.filterwarnings("ignore:coordinates contain duplicates")
@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, words = REFUSED[name]
    with pytest.raises(ValueError, match=words):
        call(samples((9, 9)), np.zeros((2, 9, 9)))


def test_read_only_out_and_complex_fields():
    out = np.empty((2, 5, 5))
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        grid.gradient(samples((5, 5)), out=out)
    with pytest.raises(TypeError, match="complex"):
        grid.divergence(samples((2, 5, 5)) * 1j)
    with pytest.raises(TypeError, match="Masked"):
        grid.laplacian(np.ma.array([1.0, 2.0, 3.0, 4.0]))


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4"])
@pytest.mark.parametrize("accuracy", [2, 8])
def test_bits_do_not_depend_on_boxes_and_threads(monkeypatch, accuracy, dtype):
    from fastgrad.grid import boxes

    values, x = samples((22, 18, 19), dtype), [coordinates(22), 0.3, coordinates(19)]
    closed = {"periodic": (True, True, False), "period": (100.0, None, None), "accuracy": accuracy}
    calls = [
        lambda **k: grid.gradient(values, *x, accuracy=accuracy, **k),
        lambda **k: grid.gradient(values, *x, **closed, **k),
        lambda **k: [grid.laplacian(values, *x, **closed, **k)],
        lambda **k: grid.curl([values, values[::-1], values[:, ::-1]], *x, **closed, **k),
    ]
    expected = [call(workers=1) for call in calls]
    for name in ("ROW", "ONE_ROW", "PLANE", "BOX", "COPIED_BOX"):
        monkeypatch.setattr(boxes, name, 7)
    monkeypatch.setattr(boxes, "SHORTEST", 3)
    monkeypatch.setattr(boxes, "LONG", 20)
    for call, wanted in zip(calls, expected, strict=True):
        for a, b in zip(call(workers=3), wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def test_long_uneven_axes():
    """Their weights are made box by box."""
    n = (1 << 17) + 1001
    values, x = samples(n), coordinates(n)
    same(grid.gradient(values, x, edge_order=2), np.gradient(values, x, edge_order=2))


def test_stores_past_the_cache(monkeypatch):
    from fastgrad.grid import boxes

    monkeypatch.setattr(boxes, "STREAMED", 0)
    for shape, dtype in itertools.product([(70, 301), (5,), (6, 3)], ["f8", "f4"]):
        values = samples(shape, dtype)
        out = np.empty((len(shape), *shape), dtype)
        grid.gradient(values, np.float64(0.3), out=out[0] if len(shape) == 1 else out)
        np.testing.assert_array_equal(out if len(shape) > 1 else out[0], np.gradient(values, np.float64(0.3)))


def test_progress_counts_boxes():
    seen = []
    grid.gradient(samples((300, 300)), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] > 0


def test_files(tmp_path, monkeypatch):
    from fastgrad.grid import boxes, files

    monkeypatch.setattr(files, "SLAB", 1 << 12)
    monkeypatch.setattr(boxes, "BOX", 1 << 9)
    values = samples((64, 32))
    np.save(tmp_path / "values.npy", values)
    for mode in ("r", "c"):
        stored = np.load(tmp_path / "values.npy", mmap_mode=mode)
        if mode == "c":
            stored[3, 3] = values[3, 3] = 5.0  # a change that is in this process alone
        out = np.lib.format.open_memmap(tmp_path / f"out{mode}.npy", "w+", shape=(2, 64, 32))
        assert grid.gradient(stored, out=out) is out
        same(grid.gradient(stored), np.gradient(stored))
        assert (out == np.gradient(values)).all()
        assert (np.load(tmp_path / f"out{mode}.npy") == np.gradient(values)).all()


MEMORY = """
import resource, sys, numpy as np
from fastgrad import grid
values = np.load(sys.argv[1], mmap_mode="r")
out = np.lib.format.open_memmap(sys.argv[2], "w+", shape=(2, *values.shape))
grid.gradient(np.ones((600, 600)), out=np.empty((2, 600, 600)))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
grid.gradient(values, out=out)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, out[0, 100, 7])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss has other units")
def test_files_do_not_stay_in_memory(tmp_path):
    stored = np.lib.format.open_memmap(tmp_path / "values.npy", "w+", shape=(4096, 4096))
    stored[:] = np.arange(4096.0)[:, None]
    stored.flush()
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "values.npy"), str(tmp_path / "out.npy")]
    kilobytes, value = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert int(kilobytes) < 96 * 1024, "of 384 MB"
    assert value == "1.0"


PEAK = """
import resource, sys
import subprocess
import sys

import numpy as np
from fastgrad import grid
side = 3000
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
values = np.random.default_rng(0).standard_normal((side, side))
coordinates = np.cumsum(1.0 + np.random.default_rng(1).random(side))
spacing = {"even": (0.5,), "uneven": (coordinates, coordinates)}[sys.argv[1]]
small = tuple(s[:400] if np.ndim(s) else s for s in spacing)
grid.gradient(values[:400, :400], *small, accuracy=4)
before = peak()
result = grid.gradient(values, *spacing, accuracy=4)
print((peak() - before - sum(r.nbytes for r in result)) / 2**20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts kilobytes on Linux only")
@pytest.mark.parametrize("spacing", ["even", "uneven"])
def test_peak_memory_is_that_of_the_output_and_little_more(spacing):
    done = subprocess.run([sys.executable, "-c", PEAK, spacing], check=True, capture_output=True, text=True)
    assert float(done.stdout) < 64
