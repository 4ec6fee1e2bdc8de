"""Rows of small arrays without boxes: np.gradient's bits, and those of the boxes where np.gradient has no formula."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from fastgrad import grid
from fastgrad.grid import arrays, flat

SHAPES = [(301,), (40, 3), (3, 200), (21, 33), (9, 10, 11), (3, 4, 5, 7)]


@pytest.fixture
def rows(monkeypatch):
    """Arrays that np.gradient would get otherwise go by rows; what did."""
    for name in ("SMALL", "SHORT"):
        monkeypatch.setattr(arrays, name, 0)
    monkeypatch.setattr(arrays, "EVEN", -1)
    monkeypatch.setattr(flat, "PART", 1)
    done = []
    plain = flat.compute
    monkeypatch.setattr(flat, "compute", lambda *given: (done.append(given), plain(*given))[1])
    return done


def uneven(n, dtype=float):
    return np.cumsum(np.random.default_rng(n).uniform(0.5, 1.5, n)).astype(dtype)


SPACING = {
    "none": lambda shape: (),
    "number": lambda shape: (0.3,),
    "int": lambda shape: tuple(range(2, 2 + len(shape))),
    "float32": lambda shape: (np.float32(0.3),),
    "float64": lambda shape: (np.float64(0.3),),
    "uneven": lambda shape: tuple(map(uneven, shape)),
    "uneven float32": lambda shape: tuple(uneven(n, np.float32) for n in shape),
    "mixed": lambda shape: tuple(uneven(n) if k % 2 else 0.7 for k, n in enumerate(shape)),
}


def both(a, b):
    return zip(*(part if isinstance(part, (tuple, list)) else (part,) for part in (a, b)), strict=True)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("spacing", SPACING.values(), ids=SPACING)
def test_bits_of_numpy(rows, spacing, shape, dtype, order):
    values = np.asarray(np.random.default_rng(0).normal(size=shape), dtype, order=order)
    values.flat[[0, 7, values.size // 2]] = np.nan, np.inf, -np.inf
    for edge_order in (1, 2):
        with np.errstate(all="ignore"):
            expected = np.gradient(values, *spacing(shape), edge_order=edge_order)
        got = grid.gradient(values, *spacing(shape), edge_order=edge_order)
        for a, b in both(got, expected):
            assert (a.dtype, a.strides) == (b.dtype, b.strides)
            np.testing.assert_array_equal(a, b)
    assert len(rows) == 2


@pytest.mark.parametrize("accuracy", [2, 4, 8])
@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("spacing", ["number", "uneven"])
def test_bits_of_boxes(rows, monkeypatch, spacing, periodic, accuracy):
    values, given = np.random.default_rng(0).normal(size=(23, 31)), SPACING[spacing]((23, 31))
    how = {"accuracy": accuracy, "periodic": periodic, "period": 100.0 if periodic and spacing == "uneven" else None}
    by_rows = grid.gradient(values, *given, **how)
    second = grid.laplacian(values, *given[:1], axis=0, **how)
    assert len(rows) == 2
    monkeypatch.setattr(arrays, "FLAT", -1)
    for a, b in both(by_rows, grid.gradient(values, *given, **how)):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(second, grid.laplacian(values, *given[:1], axis=0, **how))
    assert len(rows) == 2


def test_what_does_not_lie_in_one_row(rows):
    values = np.random.default_rng(0).normal(size=(40, 60))
    for some in (values[::2], values[:, 1:], values.astype(">f8"), np.ma.array(values)):
        for a, b in both(grid.gradient(some), np.gradient(some)):
            np.testing.assert_array_equal(a, b)
    out = np.empty((2, 60, 40)).transpose(0, 2, 1)
    grid.gradient(values, out=out)
    np.testing.assert_array_equal(out, np.gradient(values))
    assert not rows


TABLE = np.stack([uneven(300), -uneven(300), uneven(600)[::2]], axis=1)
COORDINATES = {
    "every other": uneven(600)[::2],
    "backwards": uneven(300)[::-1],
    "a column": TABLE[:, 1],
    "another column, backwards": TABLE[::-1, 2],
    "read-only": np.broadcast_to(uneven(300), (2, 300))[0],
}


@pytest.mark.parametrize("x", COORDINATES.values(), ids=COORDINATES)
@pytest.mark.parametrize("by_boxes", [False, True])
def test_coordinates_that_lie_apart(rows, monkeypatch, x, by_boxes):
    if by_boxes:
        monkeypatch.setattr(arrays, "FLAT", -1)
    for values in (np.sin(x), np.sin(x).astype(np.float32), np.stack([np.sin(x), np.cos(x)])):
        np.testing.assert_array_equal(grid.gradient(values, x, axis=-1), np.gradient(values, x, axis=-1))
    assert len(rows) == (0 if by_boxes else 3)


def test_an_axis_in_the_middle_of_many_short_ones_goes_by_boxes(rows, monkeypatch):
    monkeypatch.setattr(flat, "PART", 1 << 9)
    values = np.random.default_rng(0).normal(size=(20, 20, 3))
    grid.gradient(values, uneven(20), axis=1)
    assert not rows
    grid.gradient(values, 0.1, axis=1)
    assert len(rows) == 1


def test_small_arrays_load_no_compiler_and_larger_ones_no_numba():
    text = """
import sys, numpy as np
from fastgrad import grid
grid.gradient(np.arange(20_000.0), 0.1)
assert "llvmlite" not in sys.modules
grid.gradient(np.arange(200_000.0), 0.1)
assert "llvmlite" in sys.modules and "numba" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", text], check=True)
