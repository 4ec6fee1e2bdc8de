"""What `check_gradient` is given: arrays to move in place, a loss, and the gradient that is claimed for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.arguments import FLOATS, check_function, movable_array
from ..engine.numbers import argument_array, real_array
from ..engine.python.mutation import WRITES
from ..formulas.values import as_number, precision_shown
from ..program.captures import shares_state
from ..variable import Variable

Array = NDArray[Any]

ASIDE = 1e-3
_DOUBLE = 1e-12


def movable(x: Any) -> tuple[Any, dict[str, Array]]:
    """The argument for f, and the arrays in it that are to be moved, by name.

    Raises
    ------
    TypeError, ValueError
        Arrays of a dict that cannot be moved in place or share memory; elements that are not finite.
    """
    if isinstance(x, Mapping):
        point: Any = x
        arrays = {str(name): movable_array(w, f"x[{name!r}]") for name, w in x.items()}
    else:
        whole = argument_array(x)
        shared = isinstance(x, np.ndarray) and np.may_share_memory(whole, x)
        in_place = shared and whole.dtype in FLOATS and whole.flags.writeable
        point = x if in_place else np.array(whole, dtype=whole.dtype if whole.dtype in FLOATS else np.float64)
        arrays = {"x": np.asarray(point)}
    _check_apart(arrays)
    for name, w in arrays.items():
        _check_finite(w, name if isinstance(x, Mapping) else "")
    return point, arrays


def widened(f: Callable[..., Any], grad: Any, point: Any, arrays: dict[str, Array], args: tuple[Any, ...]) -> Any:
    """The argument and its arrays in double precision, where f takes those instead and computes with them; or None.

    In single precision a step is so long that kinks between x and its ends look like a wrong gradient.
    """
    single = any(w.dtype.itemsize < 8 for w in arrays.values())
    if not single or _is_variable_class(grad) or shares_state(f, list(arrays.values())):
        return None
    wide = {name: w.astype(np.float64) for name, w in arrays.items()}
    names = dict(zip(point, wide, strict=True)) if isinstance(point, Mapping) else {}
    whole: Any = {key: wide[name] for key, name in names.items()} if names else wide["x"]
    near = as_number(f(point, *args))
    try:
        value = f(whole, *args)
        for w in wide.values():
            np.add(w, ASIDE * np.maximum(1.0, np.abs(w)), out=w)
        here, beside = as_number(value), as_number(f(whole, *args))
    except Exception:  # noqa: BLE001  f may refuse other arrays than its own in any way
        return None
    for name, w in wide.items():
        w[...] = arrays[name]
    fits = abs(near - here) <= ASIDE * abs(near) and here != beside and precision_shown(value) < _DOUBLE
    return (whole, wide) if fits else None


def _check_apart(arrays: dict[str, Array]) -> None:
    for a, b in combinations(arrays, 2):
        if np.may_share_memory(arrays[a], arrays[b]) and np.shares_memory(arrays[a], arrays[b]):
            msg = f"x[{a!r}] and x[{b!r}] share memory, so moving one moves the other; pass one of them"
            raise ValueError(msg)


def _check_finite(w: Array, name: str) -> None:
    bad = np.argwhere(~np.isfinite(w))
    if len(bad):
        place = tuple(map(int, bad[0]))
        what = f"x[{name!r}]" if name else "x"
        msg = f"{what} is {w[place]} at {place}; a gradient can be checked at finite numbers only"
        raise ValueError(msg)


# --- losses and gradients --------------------------------------------------------------------------------------------

INSTEAD = "for the backward of a loss of Variables write check_gradient(loss, fastgrad.Variable, x)"


def value_of(f: Callable[..., Any], grad: Any, point: Any, args: tuple[Any, ...]) -> Callable[[], Any]:
    """f at the present elements of the arrays; f takes Variables where `grad` says so."""
    if _is_variable_class(grad):
        return lambda: _array_of(f(_variables(point), *args))
    return lambda: _array_of(f(point, *args))


def gradient_of(f: Callable[..., Any], grad: Any, point: Any, args: tuple[Any, ...]) -> Any:
    """The gradient that is claimed: an array or a dict. A loss is none, unless it says by a Variable what it is."""
    if _is_variable_class(grad):
        return _backward(f, point, args)
    if not callable(grad):
        return grad
    check_function(grad, "grad")
    given, whole = grad(point, *args), isinstance(point, Mapping)
    if _is_variable(given):
        if not whole and given.size == np.size(point) and (given.size != 1 or given.shape == np.shape(point)):
            return _of_one_meaning(given)
        if grad == f:
            msg = f"grad is f itself, which is no gradient in x's form; {INSTEAD}"
            raise ValueError(msg)
        return _backward(grad, point, args)
    if not isinstance(given, Mapping) and np.size(given) == 1 and (whole or np.size(point) != 1):
        msg = f"grad returned one number, {given!r}, which is no gradient in x's form: is it a loss, as f is? {INSTEAD}"
        raise ValueError(msg)
    return given


def writer_of(grad: Any) -> str:
    """What is said where x was written into while the gradient was computed."""
    if _is_variable_class(grad):
        return WRITES
    return (
        "grad writes into its argument, the array whose elements are being moved; x has been restored. "
        "Let grad work on a copy (x = x.copy())"
    )


def _of_one_meaning(given: Any) -> Any:
    """The numbers of a Variable in x's form: of one element it may be a gradient or a loss."""
    if given.size == 1:
        msg = (
            f"grad returned a Variable of x's shape, {given.shape}: the gradient, or a loss? Return .array of a "
            f"gradient; {INSTEAD}"
        )
        raise ValueError(msg)
    return given.array


def _is_variable(value: Any) -> bool:
    return hasattr(value, "backward") and hasattr(value, "array")


def _is_variable_class(grad: Any) -> bool:
    return isinstance(grad, type) and _is_variable(grad)


def _array_of(value: Any) -> Any:
    return value.array if _is_variable(value) else value


def _variables(point: Any) -> Any:
    return {name: Variable(w) for name, w in point.items()} if isinstance(point, Mapping) else Variable(point)


def _backward(loss: Callable[..., Any], point: Any, args: tuple[Any, ...]) -> Any:
    """The gradient of a loss of Variables, 0 where it does not depend on one."""
    leaves = _variables(point)
    y = loss(leaves, *args)
    if not _is_variable(y) or y.size != 1:
        got = f"a Variable of shape {y.shape}" if _is_variable(y) else f"{type(y).__name__} of shape {np.shape(y)}"
        msg = (
            f"grad returned {got} for the Variables made of x; it must return the gradient in x's form, or, as a loss, "
            "a Variable of one element"
        )
        raise ValueError(msg)
    y.backward()
    if isinstance(point, Mapping):
        return {name: _or_zeros(leaf.grad, point[name]) for name, leaf in leaves.items()}
    return _or_zeros(leaves.grad, point)


def _or_zeros(grad: Any, w: Array) -> Any:
    return np.zeros_like(w) if grad is None else _array_of(grad)


# --- parts -----------------------------------------------------------------------------------------------------------


def parts(given: Any, point: Any, arrays: dict[str, Array]) -> dict[str, Array | None]:
    """The gradient of each array in float64, in its own shape or in that shape turned round; None where there is none.

    Raises
    ------
    TypeError, ValueError
        A gradient that has another form or another shape, or does not hold real numbers.
    """
    if isinstance(point, Mapping) != isinstance(given, Mapping):
        msg = (
            f"the gradient is of the type {type(given).__name__}, x is {type(point).__name__}; give it in the form of x"
        )
        raise TypeError(msg)
    if not isinstance(given, Mapping):
        return {"x": _part(given, "the gradient", arrays["x"])}
    by_name = {str(name): part for name, part in given.items()}
    if arrays and not by_name.keys() & arrays.keys():
        msg = f"the gradient has {list(by_name)}, none of which x has; x has {list(arrays)}"
        raise ValueError(msg)
    return {
        name: None if by_name.get(name) is None else _part(by_name[name], f"the gradient of {name!r}", w)
        for name, w in arrays.items()
    }


def _part(given: Any, what: str, w: Array) -> Array:
    array = real_array(_array_of(given), what).astype(np.float64)
    if array.shape not in {w.shape, w.shape[::-1]}:
        msg = f"{what} has shape {array.shape}, x has {w.shape} there; each element of x needs its derivative"
        raise ValueError(msg)
    return array
