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
        raise TypeError(_of_dict(name, type(x)))
    try:
        array = np.asarray(unmasked(x, name))
    except ValueError:
        msg = f"{name} is ragged: its rows have different lengths; give an array of numbers"
        if name == "x" and any(isinstance(part, np.ndarray) for part in x):
            msg += ", or write grad(f)(x) for a list of arrays"
        raise TypeError(msg) from None
    if array.dtype.kind == "f":
        return array
    if array.dtype.kind in "iub":
        return array.astype(np.float64)
    raise TypeError(_not_real(name, array.dtype, type(x)))


_PLAIN = {np.ndarray, np.float64, float, int}

OPERATORS = frozenset(
    f"__{side}{name}__"
    for side in ("", "r", "i")
    for name in ("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow")
) | {"__array_ufunc__", "__neg__", "__abs__"}


def argument_array(x: Any, name: str = "x") -> Array:
    """As `real_array`, of what f is asked with: a plain array, beside which operators of x's own would be lost."""
    if type(x) is list or type(x) is tuple:
        if len(x) and getattr(x[0], "ndim", 0):
            for k, part in enumerate(x):
                check_operators(part, f"{name}[{k}]")
    elif type(x) not in _PLAIN:
        check_operators(x, name)
    return real_array(x, name)


def check_operators(x: Any, name: str) -> None:
    """Raise TypeError for arrays whose operators are not those of plain ones, with which f is asked."""
    kind = type(x).__name__
    if home(type(x)).startswith(_TRACED):
        raise TypeError(_NESTED)
    if isinstance(x, np.ndarray) and type(x) is not np.ndarray and _has_own_operators(type(x)):
        msg = (
            f"{name} is a {kind}, whose operators are not those of arrays, and f would be asked with a plain one: give "
            f"{name}.view(np.ndarray), and lambda x: f(x.view({kind})) for f"
        )
        raise TypeError(msg)
    if _has_labels_or_units(x):
        msg = (
            f"{name} is a {kind}, and f would be asked with plain numbers, which have no labels or units to go by: "
            f"give np.asarray({name}); of pandas and xarray gradient(f, x), jacobian and hessian keep labels of x"
        )
        raise TypeError(msg)


_OWN = f"{__package__.partition('.')[0]}."
_TRACED = f"{_OWN}program.trace."
_NESTED = (
    "f calls a function of fastgrad with what it was given: inside of f only gradient, jacobian, hessian, derivative, "
    "jvp, vjp, hvp, grad and its like are traced, by method='exact'; write one of these, or method='central' for f"
)


def _has_labels_or_units(x: Any) -> bool:
    """Whether x is a Series, a DataFrame, a DataArray or a quantity, which are more than their numbers to f."""
    if isinstance(x, np.ndarray) or is_dask(x) or home(type(x)).startswith(_OWN):
        return False
    if hasattr(type(x), "__array_function__"):
        return True
    of_both = any(home(base).startswith(("pandas.", "xarray.")) for base in type(x).__mro__)
    return of_both and (hasattr(x, "index") or hasattr(x, "dims"))


def _has_own_operators(kind: type) -> bool:
    """Whether what f computes with arrays of a class is something else; masked ones with no mask are as plain ones."""
    own = kind.__mro__[: kind.__mro__.index(np.ndarray)]
    return np.ma.MaskedArray not in own and any(OPERATORS & vars(base).keys() for base in own)


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A view of an array in which nobody can write."""
    view = array.view()
    view.flags.writeable = False
    return view


def _of_dict(name: str, kind: type) -> str:
    if name != "x":
        return f"{name} is a {kind.__name__}; give an array of numbers, such as list({name}.values())"
    return (
        f"x is a {kind.__name__}; write grad(f)(x), or value_and_grad(f)(x), which take dicts, as jac(f)(x) and "
        "hess(f)(x) do, or weight_gradient(f, x) for a network's weights"
    )


def _not_real(name: str, dtype: np.dtype[Any], kind: type) -> str:
    if dtype.kind == "c":
        return f"{name} is complex ({dtype}); derivatives are taken along real coordinates: pass {name}.real"
    return f"{name} must hold real numbers, got {dtype} from {kind.__name__}; write np.asarray({name}, float)"
