"""Files and stores that a field of known shape goes to, and slabs of so many rows."""

import numpy as np
import zarr

from fastgrad.grid import files

X, Y = np.linspace(-2.0, 2.0, 23), np.linspace(0.0, 1.0, 14)
SHAPE = (2, 23, 14)


def wave(p):
    return np.sin(p[0] * p[1]) * p[0]


def memmap(path, shape=SHAPE, dtype=np.float64, order=False):
    return np.lib.format.open_memmap(path, "w+", shape=shape, dtype=dtype, fortran_order=order)


def store(chunks, shape=SHAPE, **options):
    return zarr.create_array(store={}, shape=shape, chunks=chunks, **{"dtype": "f8", **options})


def rows_of(monkeypatch, rows, plane=2 * 14):
    """Slabs of so many nodes of the first axis."""
    monkeypatch.setattr(files, "SLAB", 8 * plane * rows)
