"""What of SciPy is there, where f has imported it: fastgrad itself never does."""

from __future__ import annotations

import os
import sys
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

_UFUNCS = "scipy.special._ufuncs"


def module(name: str) -> ModuleType | None:
    """One of SciPy's modules, if it has been imported."""
    return sys.modules.get(name)


def is_own_ufunc(value: Any) -> bool:
    """Whether a ufunc is one of scipy.special, of SciPy's own files: what else has its name may do anything."""
    if type(value) is not np.ufunc:
        return False
    place = module(_UFUNCS)
    return (
        place is not None
        and vars(place).get(value.__name__) is value
        and _lies_in_scipy(getattr(place, "__file__", None))
    )


def is_own_function(value: Any) -> bool:
    """Whether a function of Python's is of SciPy's own files."""
    return type(value) is FunctionType and _lies_in_scipy(value.__code__.co_filename)


def _lies_in_scipy(path: str | None) -> bool:
    scipy = module("scipy")
    folder = os.path.join(os.path.dirname(getattr(scipy, "__file__", None) or "/nowhere/"), "")
    return path is not None and path.startswith(folder)
