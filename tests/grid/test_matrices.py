"""The matrices of the grid's derivatives: applied to samples they give what the operators give."""

import numpy as np
import pytest

from fastgrad import grid
from fastgrad.grid import matrices

RNG = np.random.default_rng(0)
UNEVEN = np.cumsum(0.5 + RNG.random(300))


@pytest.mark.parametrize("size", [20, 300])
@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize("accuracy", [2, 4, 6, 8])
@pytest.mark.parametrize("spacing", [0.25, UNEVEN], ids=["even", "uneven"])
def test_one_axis(size, spacing, accuracy, edge_order):
    spacing = spacing if np.ndim(spacing) == 0 else spacing[:size]
    values = RNG.normal(size=size)
    made = grid.matrix(size, spacing, accuracy=accuracy, edge_order=edge_order)
    expected = grid.gradient(values, spacing, accuracy=accuracy, edge_order=edge_order)
    np.testing.assert_allclose(made @ values, expected, rtol=1e-10, atol=1e-10)
    assert made.nnz < 12 * size


@pytest.mark.parametrize("accuracy", [2, 8])
@pytest.mark.parametrize("size", [20, 300, 601])
def test_axes_that_close(size, accuracy):
    values = RNG.normal(size=size)
    made = grid.matrix((size,), 0.5, periodic=True, accuracy=accuracy)
    np.testing.assert_allclose(made @ values, grid.gradient(values, 0.5, periodic=True, accuracy=accuracy), atol=1e-12)
    assert made.nnz == accuracy * size


def test_several_axes():
    values, x = RNG.normal(size=(5, 60, 7)), np.sort(RNG.random(60))
    made = grid.matrix(values.shape, 0.1, x, 2.0, periodic=(False, False, True))
    expected = grid.gradient(values, 0.1, x, 2.0, periodic=(False, False, True))
    for m, e in zip(made, expected, strict=True):
        np.testing.assert_allclose((m @ values.ravel()).reshape(values.shape), e, rtol=1e-9, atol=1e-9)
    one = grid.matrix(values.shape, x, axis=-2)
    np.testing.assert_allclose((one @ values.ravel()).reshape(values.shape), expected[1], rtol=1e-9, atol=1e-9)


def test_rows_are_weights():
    np.testing.assert_array_equal(grid.matrix(9, accuracy=4).toarray()[4, 2:7] * 12, [1, -8, 0, 8, -1])


def test_errors():
    with pytest.raises(TypeError, match="invalid number of arguments"):
        grid.matrix((3, 4, 5), 1.0, 2.0)
    with pytest.raises(TypeError, match="interpreted as an integer"):
        grid.matrix((3.5, 4))
    with pytest.raises(ValueError, match="repeated axis"):
        grid.matrix((3, 4), axis=(0, 0))
    with pytest.raises(IndexError):
        grid.matrix((3, 4), axis=2)
    with pytest.raises(ValueError, match="too small"):
        grid.matrix(1)


@pytest.mark.parametrize("periodic", [[True], [True, False, True], np.array([True, False, True])], ids=repr)
def test_one_flag_for_each_axis(periodic):
    with pytest.raises(ValueError, match=f"periodic has {len(periodic)} entries for 2 axes"):
        grid.matrix((8, 9), periodic=periodic)
    flags = np.array([True, False])
    for a, b in zip(grid.matrix((8, 9), periodic=flags), grid.matrix((8, 9), periodic=(True, False)), strict=True):
        assert (a != b).nnz == 0


@pytest.mark.parametrize("columns", [7, 256])
def test_columns_in_blocks(columns, monkeypatch):
    monkeypatch.setattr(matrices, "COLUMNS", columns)
    made = grid.matrix(20, 0.5, periodic=True, accuracy=4)
    np.testing.assert_array_equal(made.toarray(), grid.gradient(np.eye(20), 0.5, axis=0, periodic=True, accuracy=4))
