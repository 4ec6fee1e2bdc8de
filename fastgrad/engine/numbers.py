"""What is given for x, bounds and axes as floating-point arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..formulas.values import unmasked
from ..program.captures import home

Array = NDArray[Any]


def is_dask(x: Any) -> bool:
    """Whether x is a dask array; dask itself need not be there."""
    return type(x) is not np.ndarray and home(type(x)).startswith("dask.array")


def real_array(x: Any, name: str = "x") -> Array:
    """x as a floating-point array, integers as float64; no copy where none is needed."""
    if type(x) is np.ndarray and x.dtype == np.float64:
        return x
    if type(x) is float or (type(x) is int and abs(x) < 2**53):
        return np.array(x, np.float64)
    if is_dask(x):
        msg = (
            f"{name} is a dask array, all of which would have to be computed first; "
            "write .compute(), or batch=True in gradient, value_and_gradient, jacobian and hessian, "
            "which take its rows as points"
        )
        raise TypeError(msg)
    if isinstance(x, Mapping):
        msg = (
            f"{name} is a {type(x).__name__}; write grad(f)({name}), or value_and_grad(f)({name}), which take dicts, "
            f"as jac(f)({name}) and hess(f)({name}) do"
        )
        raise TypeError(msg)
    try:
        array = np.asarray(unmasked(x, name))
    except ValueError:
        msg = f"{name} is ragged: its rows have different lengths; give an array of numbers"
        if any(isinstance(part, np.ndarray) for part in x):
            msg += f", or write grad(f)({name}) for a list of arrays"
        raise TypeError(msg) from None
    if array.dtype.kind == "f":
        return array
    if array.dtype.kind in "iub":
        return array.astype(np.float64)
    raise TypeError(_not_real(name, array.dtype, type(x)))


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A view of an array in which nobody can write."""
    view = array.view()
    view.flags.writeable = False
    return view


def _not_real(name: str, dtype: np.dtype[Any], kind: type) -> str:
    if dtype.kind == "c":
        return f"{name} is complex ({dtype}); derivatives are taken along real coordinates: pass {name}.real"
    return f"{name} must hold real numbers, got {dtype} from {kind.__name__}; write np.asarray({name}, float)"
