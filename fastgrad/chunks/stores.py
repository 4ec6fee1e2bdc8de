"""What can be written to block by block: the arrays of zarr and h5py."""

from __future__ import annotations

from typing import Any

import numpy as np

STORE = ("shape", "dtype", "ndim", "__getitem__", "__setitem__")


def is_store(out: Any) -> bool:
    """Whether blocks can be put into `out`, and it is no array that computes itself (as those of dask do)."""
    plain = not isinstance(out, np.ndarray) and not hasattr(out, "__array_ufunc__")
    return plain and all(hasattr(out, name) for name in STORE)
