"""Arrays that are read and written: layouts, out, what is refused."""

import numpy as np
import pytest

from fastgrad import grid
from fastgrad.grid import arrays
from tests.grid.samples import coordinates, same, samples

pytestmark = pytest.mark.usefixtures("no_short_cut")


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
    if values.size and values.dtype.char not in "dD":
        with pytest.raises(TypeError, match="real or complex numbers in plain or masked arrays"):
            grid.gradient(values, axis=axis, accuracy=4)


def test_small_arrays_have_the_same_bits(monkeypatch):
    values, x = samples((30, 40)), coordinates(40)
    here = grid.gradient(values, 0.3, x)
    monkeypatch.setattr(arrays, "SMALL", 1 << 20)
    same(grid.gradient(values, 0.3, x), here)


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


@pytest.mark.parametrize("n", [9, 300_000])
@pytest.mark.parametrize("accuracy", [2, 4])
def test_out_that_holds_the_coordinates_is_refused(n, accuracy, monkeypatch):
    """Weights of a long axis are made as it goes, of coordinates that are results by then."""
    monkeypatch.undo()
    x, values = coordinates(n), samples(n)
    for operation in (grid.gradient, grid.laplacian, lambda v, x, **o: grid.divergence([v], x, **o)):
        with pytest.raises(ValueError, match="shares memory"):
            operation(values, x, accuracy=accuracy, out=x)
    same(grid.gradient(values, x, accuracy=accuracy, out=x.copy()), grid.gradient(values, x, accuracy=accuracy))


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
    assert grid.divergence(samples((2, 5, 5)) * 1j).dtype == np.complex128
    assert type(grid.laplacian(np.ma.array([1.0, 2.0, 3.0, 4.0]))) is np.ma.MaskedArray


PIECES = {
    "gaps": lambda v: np.repeat(v, 2)[::2], "backwards": lambda v: v[::-1], "int": lambda v: (9 * v).astype(np.int64),
    "uint8": lambda v: (9 * v).astype(np.uint8), "other order": lambda v: v.astype(">f8"),
    "rows backwards": lambda v: v.reshape(50, -1)[::-1, ::-1], "columns": lambda v: v.reshape(50, -1).T[::-1],
    "every other": lambda v: v.reshape(50, -1)[:, ::2], "floats": lambda v: v.astype(np.float32)[::-1],
    "complex": lambda v: (v + 1j * v**2)[::-1], "records": lambda v: np.rec.array([v, v], names="a,b").a,
}  # fmt: skip


@pytest.mark.parametrize("loose", [0, 1 << 20])
@pytest.mark.parametrize("name", PIECES)
def test_samples_with_gaps_or_of_other_kinds_are_copied_whole(name, loose, monkeypatch):
    monkeypatch.setattr(arrays, "LOOSE", loose)
    values = PIECES[name](np.random.default_rng(0).uniform(0, 20, 3000))
    before = values.copy()
    x = [np.sort(np.random.default_rng(k).uniform(0, 1, n)) for k, n in enumerate(values.shape)]
    for spacing, how in (((), {}), ((0.3,), {}), (x, {}), (x, {"edge_order": 2})):
        got, expected = grid.gradient(values, *spacing, **how), np.gradient(values, *spacing, **how)
        for a, b in zip(*((g,) if isinstance(g, np.ndarray) else g for g in (got, expected)), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(values, before)
    plain = np.array(values, values.dtype if values.dtype.kind in "fc" else float).astype(
        values.dtype.newbyteorder("=") if values.dtype.kind in "fc" else float
    )
    high = grid.gradient(values, 0.3, accuracy=6, axis=0)
    np.testing.assert_array_equal(high, grid.gradient(plain, 0.3, accuracy=6, axis=0))
