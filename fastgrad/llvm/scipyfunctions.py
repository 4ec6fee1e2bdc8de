"""SciPy's functions of single numbers as compiled code calls them: lane by lane, by their addresses.

`scipy.special.cython_special` has them for Cython, with what they take and give written beside. Programs have such
operations only where f has brought SciPy along.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from .binding import llvm

COUNTS = {
    **dict.fromkeys((
        "erfinv", "erfcinv", "ndtri", "k0", "k1", "k0e", "k1e", "y0", "y1", "ellipk", "ellipe", "expi", "exp1", "dawsn",
        "erfi", "spence",
    ), 1),
    **dict.fromkeys((
        "jv", "yv", "iv", "kv", "ive", "kve", "gammainc", "gammaincc", "gammaincinv", "gammainccinv", "stdtr",
        "stdtrit",
    ), 2),
    **dict.fromkeys(("betainc", "betaincc", "betaincinv", "hyp1f1"), 3),
    "hyp2f1": 4,
}  # fmt: skip
"""How many numbers each of them takes."""


@cache
def symbol(name: str) -> str | None:
    """The name under which LLVM knows a function of SciPy's, from now on; None where this SciPy has it not."""
    address = _address(name)
    if address is None:
        return None
    known = f"fastgrad.scipy.{name}"
    llvm.add_symbol(known, address)
    return known


def _address(name: str) -> int | None:
    try:
        from scipy.special import cython_special  # noqa: PLC0415  an extra, which f has imported
    except ImportError:
        return None
    signature = f"double ({'double, ' * COUNTS[name]}int __pyx_skip_dispatch)"
    functions: dict[str, Any] = cython_special.__pyx_capi__
    for own in (name, f"__pyx_fuse_0{name}", f"__pyx_fuse_1{name}"):  # of several types the one of doubles
        if own in functions and _text(functions[own]) == signature:
            return _pointer(functions[own], signature.encode())
    return None


def _text(capsule: Any) -> str:
    """What a capsule says that it holds."""
    named = ctypes.pythonapi.PyCapsule_GetName
    named.restype, named.argtypes = ctypes.c_char_p, [ctypes.py_object]
    return (named(capsule) or b"").decode()


def _pointer(capsule: Any, name: bytes) -> int:
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(pointer(capsule, name))
