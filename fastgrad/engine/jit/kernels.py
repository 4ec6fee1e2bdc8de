"""How Numba compiles: f, the loops around it, and the serial kernels that threads share."""

from __future__ import annotations

from typing import Any

import numba as nb

# nogil, because kernels run on threads; NumPy's error model, because Python's turns each division into a branch; never
# fastmath, which would fold (x + h) - x to h.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}  # nobody calls it from C
njit: Any = nb.njit(**OPTIONS)

# Loops and parts of them are called from compiled code only; without wrappers for Python they compile a third faster.
part: Any = nb.njit(**OPTIONS, no_cpython_wrapper=True)
inlined: Any = nb.njit(**OPTIONS, no_cpython_wrapper=True, forceinline=True)
# A long part of one loop, pasted by Numba itself: LLVM would optimise it twice, a first call took 1.35 times as long.
pasted: Any = nb.njit(**OPTIONS, no_cpython_wrapper=True, inline="always")


def compiler(boundscheck: bool) -> Any:
    """The decorator for the user's f."""
    return nb.njit(**OPTIONS, boundscheck=boundscheck)


def kernel(function: Any) -> Any:
    """What does not call f; kept on disk, where there is a folder that can be written."""
    try:
        return nb.njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # Numba found no folder
        return njit(function)
