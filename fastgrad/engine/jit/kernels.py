"""How Numba compiles the serial kernels that threads share."""

from __future__ import annotations

from typing import Any

import numba as nb


def kernel(function: Any) -> Any:
    """Without Python's lock, with NumPy's divisions by zero;
    kept on disk, where there is a folder that can be written."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return nb.njit(cache=True, **options)(function)
    except RuntimeError:  # Numba found no folder
        return nb.njit(**options)(function)
