"""Complex samples and masks: in every operation, layout and type, with out= and without."""

import numpy as np
import pytest

from fastgrad import grid
from fastgrad.formulas.spacings import numpy_line, uneven_line, uniform_line
from fastgrad.grid import arrays
from fastgrad.grid.numbers import as_array, pairs, real_dtype, spread

RNG = np.random.default_rng(0)
U, V = RNG.uniform(0.5, 2.0, (2, 12, 14))
X = np.cumsum(RNG.uniform(0.5, 1.0, 12))
OPTIONS = {
    "plain": {},
    "edges": {"edge_order": 2},
    "accuracy": {"accuracy": 4},
    "periodic": {"accuracy": 6, "periodic": True, "period": (20.0, None)},
}
OPERATIONS = {
    "gradient": lambda v, **o: grid.gradient(v, X, 0.5, **o),
    "one axis": lambda v, **o: grid.gradient(v, X, axis=0, **{**o, **({"period": 20.0} if "period" in o else {})}),
    "laplacian": lambda v, **o: grid.laplacian(v, X, 0.5, **o),
    "divergence": lambda v, **o: grid.divergence([v, v[::-1] + v], X, 0.5, **o),
    "curl": lambda v, **o: grid.curl([v, v[::-1] + v], X, 0.5, **o),
}


def parts(result):
    return list(result) if isinstance(result, tuple) else [result]


# --- complex ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("dtype", ["c16", "c8", ">c16"])
def test_complex_samples_are_differentiated_part_by_part(name, options, dtype):
    operation, how, z = OPERATIONS[name], OPTIONS[options], (U + 1j * V).astype(dtype)
    if options in {"plain", "edges"} and name in {"gradient", "one axis"}:
        expected = [np.gradient(z, X, 0.5, **how)[0]] if name == "one axis" else np.gradient(z, X, 0.5, **how)
    else:
        real, imaginary = parts(operation(z.real.copy(), **how)), parts(operation(z.imag.copy(), **how))
        expected = [a + 1j * b for a, b in zip(real, imaginary, strict=True)]
    for got, right in zip(parts(operation(z, **how)), expected, strict=True):
        assert (got.dtype.newbyteorder("="), got.shape) == (np.dtype(dtype).newbyteorder("="), right.shape)
        np.testing.assert_array_equal(got, right)


@pytest.mark.parametrize(
    "view",
    [
        np.asfortranarray,
        lambda a: a.T,
        lambda a: a[::2, ::3],
        lambda a: a[::-1],
        lambda a: np.broadcast_to(a[:1], a.shape),
    ],
    ids=["fortran", "transposed", "gaps", "reversed", "broadcast"],
)
def test_complex_arrays_in_any_layout(view):
    z = view(U + 1j * V)
    expected = grid.gradient(z.real.copy(), accuracy=4), grid.gradient(z.imag.copy(), accuracy=4)
    for got, real, imaginary in zip(grid.gradient(z, accuracy=4), *expected, strict=True):
        np.testing.assert_array_equal(got, real + 1j * imaginary)
    whole = np.full((2, *z.shape), np.nan, complex)[..., ::1]
    assert grid.gradient(z, accuracy=4, out=whole) is whole
    np.testing.assert_array_equal(whole[1], expected[0][1] + 1j * expected[1][1])


def test_an_infinite_part_leaves_the_other_alone():
    z = U + 1j * V
    z[5, 5] = complex(np.inf, 1.0)
    got = grid.laplacian(z, X, 0.5)
    np.testing.assert_array_equal(got.imag, grid.laplacian(z.imag.copy(), X, 0.5))
    assert not np.isfinite(got.real).all()


def test_real_and_complex_components_together():
    got = grid.divergence([U, 1j * V], X, 0.5)
    np.testing.assert_array_equal(got.real, grid.gradient(U, X, axis=0))
    np.testing.assert_array_equal(got.imag, grid.gradient(V, 0.5, axis=1))


def test_complex_files(tmp_path):
    z = np.lib.format.open_memmap(tmp_path / "z.npy", "w+", complex, (30, 40))
    z[:] = RNG.standard_normal((30, 40)) + 1j * RNG.standard_normal((30, 40))
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", complex, (2, 30, 40))
    assert grid.gradient(z, accuracy=4, out=out) is out
    np.testing.assert_array_equal(out, grid.gradient(np.array(z), accuracy=4))


def test_complex_samples_in_dask():
    da = pytest.importorskip("dask.array")
    for dtype in ("c16", "c8"):
        z = (U + 1j * V).astype(dtype)
        lazy, other = da.from_array(z, chunks=(5, 6)), da.from_array(z[::-1].copy(), chunks=(4, 14))
        for got, expected in (
            (grid.gradient(lazy, X, 0.5, accuracy=4)[0], grid.gradient(z, X, 0.5, accuracy=4)[0]),
            (grid.gradient(lazy, 0.5, axis=1, periodic=True), grid.gradient(z, 0.5, axis=1, periodic=True)),
            (grid.gradient(lazy, 0.5, axis=1), np.gradient(z, 0.5, axis=1)),
            (grid.laplacian(lazy, X, 0.5), grid.laplacian(z, X, 0.5)),
            (grid.curl([lazy, other], X, 0.5), grid.curl([z, z[::-1]], X, 0.5)),
        ):
            assert got.dtype == expected.dtype == np.dtype(dtype)
            np.testing.assert_allclose(
                got.compute(scheduler="synchronous"), expected, rtol=1e-6 if dtype == "c8" else 0
            )


def test_pairs_lie_in_the_same_memory():
    for z in (np.ones((3, 4), complex), np.ones((3, 4), "c8").T, np.ones(6, ">c16")[::2]):
        both = pairs(z)
        assert np.shares_memory(both, z)
        assert both.shape == (*z.shape, 2)
        both[..., 1] = 7.0
        assert (z == 1 + 7j).all()
    assert real_dtype(np.dtype(">c8")) == np.dtype(">f4")
    assert pairs(U) is U


# --- masks ------------------------------------------------------------------------------------------------------------

MASK = np.zeros((12, 14), bool)
MASK[3, 4] = MASK[8, 0] = MASK[0, 9] = MASK[11, 13] = True


@pytest.fixture(params=["small", "large"])
def size(request, monkeypatch):
    """Small arrays are np.gradient's business otherwise."""
    if request.param == "large":
        monkeypatch.setattr(arrays, "SMALL", 0)
        monkeypatch.setattr(arrays, "SHORT", 0)
        monkeypatch.setattr(arrays, "EVEN", -1)
        for name in ("COPIED", "COPIED_ROWS", "LOOSE"):
            monkeypatch.setattr(arrays, name, 0)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("dtype", ["f8", "f4", "c16", "i8"])
def test_masks_stay_and_spread_to_what_reads_them(name, options, dtype, size):
    operation, how, plain = OPERATIONS[name], OPTIONS[options], (100 * U).astype(dtype)
    values = np.ma.array(plain, mask=MASK, fill_value=-5)
    poisoned = plain.astype(np.result_type(dtype, "f4") if dtype != "i8" else "f8")
    poisoned[MASK] = np.nan
    for got, clean, seen in zip(*(parts(operation(v, **how)) for v in (values, plain, poisoned)), strict=True):
        assert type(got) is np.ma.MaskedArray
        mask = np.ma.getmaskarray(got)
        assert mask[np.isnan(seen)].all(), "whatever reads a masked element is masked"
        assert 0 < mask.sum() < mask.size
        np.testing.assert_allclose(got.data[~mask], clean[~mask], rtol=1e-5 if dtype == "f4" else 0)


@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize("spacing", [(), (0.5,), (X, 0.5)], ids=["none", "number", "uneven"])
def test_masks_are_those_of_numpy(edge_order, spacing):
    values = np.ma.array(U, mask=MASK)
    expected = np.gradient(values, *spacing, edge_order=edge_order)
    own = grid.divergence([values, np.ma.zeros(U.shape)], *spacing, edge_order=edge_order)
    np.testing.assert_array_equal(np.ma.getmaskarray(own), np.ma.getmaskarray(expected[0]))
    for got, right in zip(grid.gradient(values, *spacing, edge_order=edge_order), expected, strict=True):
        assert type(got) is type(right)
        np.testing.assert_array_equal(got.data, right.data)
        np.testing.assert_array_equal(got.mask, right.mask)


OUTS = {
    "whole": lambda shape: np.ma.empty((2, *shape)),
    "whole, masked before": lambda shape: np.ma.masked_all((2, *shape)),
    "hard mask": lambda shape: np.ma.masked_all((2, *shape)).harden_mask(),
    "parts": lambda shape: (np.ma.empty(shape), np.ma.array(np.empty(shape), mask=True)),
    "gaps": lambda shape: np.ma.empty((2, shape[0], 2 * shape[1]))[..., ::2],
}


@pytest.mark.parametrize("how", [{}, {"accuracy": 4}], ids=["numpy", "kernels"])
@pytest.mark.parametrize("name", OUTS)
def test_masks_go_into_out(name, how, size):
    values, out = np.ma.array(U, mask=MASK), OUTS[name](U.shape)
    expected = grid.gradient(values, **how)
    assert grid.gradient(values, out=out, **how) is out
    for k, right in enumerate(expected):
        np.testing.assert_array_equal(np.ma.getmaskarray(out[k]), np.ma.getmaskarray(right))
        np.testing.assert_array_equal(out[k].compressed(), right.compressed())
    assert np.array_equal(values.mask, MASK)
    grid.gradient(U, out=out, **how)  # nothing is masked any more
    for k, right in enumerate(grid.gradient(U, **how)):
        assert not np.ma.is_masked(out[k])
        np.testing.assert_array_equal(out[k], right)


def test_masks_go_into_out_of_sums():
    values, other = np.ma.array(U, mask=MASK), V
    for call, shape in (
        (lambda **o: grid.laplacian(values, **o), U.shape),
        (lambda **o: grid.divergence([other, values], **o), U.shape),
        (lambda **o: grid.curl([values, other], **o), U.shape),
    ):
        out, expected = np.ma.empty(shape), call()
        assert call(out=out) is out
        np.testing.assert_array_equal(out.mask, expected.mask)
        np.testing.assert_array_equal(out.compressed(), expected.compressed())
        with pytest.raises(TypeError, match=r"no room for masks; write out=np\.ma\.empty\(\(12, 14\), 'float64'\)"):
            call(out=np.empty(shape))
    cube = np.ma.masked_greater(RNG.uniform(0, 1, (3, 5, 6, 7)), 0.99)
    out, expected = np.ma.empty(cube.shape), grid.curl(cube)
    assert grid.curl(cube, out=out) is out
    np.testing.assert_array_equal(out.mask, expected.mask)


def test_plain_out_has_room_where_nothing_is_masked():
    out, values = np.empty((2, *U.shape)), np.ma.array(U)
    assert grid.gradient(values, out=out) is out
    np.testing.assert_array_equal(out, np.gradient(U))
    with pytest.raises(TypeError, match="no room for masks"):
        grid.gradient(np.ma.array(U, mask=MASK), out=out)
    with pytest.raises(TypeError, match="no room for masks"):
        grid.gradient(np.ma.array(U, mask=MASK), out=tuple(out), accuracy=4)


def test_out_with_the_mask_of_the_values():
    values = np.ma.array(U, mask=MASK.copy())
    out = np.ma.array(np.empty(U.shape), mask=values.mask, copy=False)
    if np.shares_memory(np.ma.getmask(out), np.ma.getmask(values)):
        with pytest.raises(ValueError, match="shares its mask"):
            grid.gradient(values, axis=0, out=out)
    assert np.array_equal(values.mask, MASK)


def test_lists_of_masked_arrays_keep_their_masks():
    rows = list(np.ma.array(U, mask=MASK))
    assert np.array_equal(as_array(rows).mask, MASK)
    for how in ({}, {"accuracy": 4}):
        for got, expected in zip(
            grid.gradient(rows, **how), grid.gradient(np.ma.array(U, mask=MASK), **how), strict=True
        ):
            np.testing.assert_array_equal(np.ma.getmaskarray(got), np.ma.getmaskarray(expected))


def test_masked_coordinates_are_refused():
    for values in (U, np.tile(U, (40, 40))):
        x = np.ma.array(np.arange(float(len(values))) ** 1.5, mask=np.arange(len(values)) == 3)
        for operation in (grid.gradient, grid.laplacian):
            with pytest.raises(ValueError, match="coordinates are masked"):
                operation(values, x, axis=0)


LINES = {
    "even": numpy_line(9, 0.5, 1, np.dtype(float)),
    "edges": numpy_line(9, 0.5, 2, np.dtype(float)),
    "uneven": numpy_line(9, X[:9], 1, np.dtype(float)),
    "accuracy": uniform_line(9, 0.5, 1, 4, 5, periodic=False, dtype=float),
    "periodic": uniform_line(9, 0.5, 1, 6, 7, periodic=True, dtype=float),
    "all edges": uniform_line(5, 0.5, 1, 4, 5, periodic=False, dtype=float),
    "uneven, periodic": uneven_line(X[:9], 1, 5, 5, 20.0),
}


@pytest.mark.parametrize("name", LINES)
def test_a_mask_spreads_to_the_nodes_that_read_it(name):
    line = LINES[name]
    taps = {node: (node + line.offsets).tolist() for node in range(line.start, line.stop)}
    taps |= dict(zip([*range(line.start), *range(line.stop, line.n)], line.edge_taps.tolist(), strict=True))
    for place in range(line.n):
        mask = np.zeros((2, line.n, 3), bool)
        mask[1, place, 2] = True
        found = spread(mask, 1, line)
        assert np.flatnonzero(found[1, :, 2]).tolist() == sorted(node for node in taps if place in taps[node])
        assert found.sum() == found[1, :, 2].sum()
