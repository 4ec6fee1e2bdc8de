"""What to write instead, where a call cannot have been meant as it is: f's error with the right call, and rows of x
that f never reads.

Nothing here runs as long as f returns what it should. Then f is asked again, at most three times, to see what it is
made for: one point, all of them, or several numbers.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.call import Call, Rows
from ..formulas.steps import irregular
from ..program import look

Array = NDArray[Any]
Function = Callable[..., Any]

_KINDS = {TypeError, ValueError, IndexError, AttributeError, np.exceptions.AxisError}

SEEN = 5  # points, of which f of all of them gets some
LONG, TIMES = 8, 3  # coordinates, and times as many as points, from which unread ones are no matter of taste

COLUMNS = (
    "f never reads coordinates {k} to {last} of the points: with batch=True each row of x, of shape {shape}, is one "
    "point. If its columns are the points, write x.T"
)
POINTS = (
    "f never reads x[{k}:]: x, of shape {shape}, is one point here. If its rows are points, write batch=True"
)  # fmt: skip

OF_DICTS = {
    "explain": (
        "explain is for gradient, at one array: grad(f, full_output=True)(x).engine says it of a dict; of a network's "
        "weights the gradient is weight_gradient(f, x)"
    ),
    "propagate": (
        "propagate takes one array: write propagate(lambda v: f(dict(zip(x, v))), list(x.values()), cov) for a dict of "
        "numbers"
    ),
}
"""What to write where the functions of a dict are no help."""


def refuse_dict(x: Any, name: str) -> None:
    """Raise TypeError for a dict in an operation for which `grad` and its relatives do not stand in."""
    if isinstance(x, Mapping):
        msg = f"x is a {type(x).__name__}; {OF_DICTS[name]}"
        raise TypeError(msg)


def raise_with_hint(call: Call, error: Exception) -> None:
    """Raise the error of f again, of the same type, with what to write instead, if that can be told."""
    text = _hint(call, error) if type(error) in _KINDS else ""
    if text:
        raise _longer(error, text) from (error if _is_of_f(call.f, error) else None)


def raise_with_signature(f: Function, error: Exception, given: int, size: int, *, has_args: bool = True) -> None:
    """The same for functions that cannot be called with so many arguments, the first an array of `size` numbers."""
    text = _of_signature(f, given, size, has_args) if type(error) is TypeError else ""
    if text:
        raise _longer(error, text) from None


def _longer(error: Exception, text: str) -> Exception:
    longer = type(error)(f"{error}; {text}")
    for note in getattr(error, "__notes__", ()):
        longer.add_note(note)
    return longer


def _is_of_f(f: Function, error: Exception) -> bool:
    """Whether f's own code was running when it was raised."""
    code, trace = getattr(f, "__code__", None), error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code is code:
            return True
        trace = trace.tb_next
    return code is None


def _hint(call: Call, error: Exception) -> str:
    """What to write instead, or an empty string."""
    points = call.points
    given = 1 + len(call.args) + len(call.batch)
    if type(error) is TypeError:
        text = _of_signature(call.f, given, 1 if call.scalar else points.dimension)
        if text:
            return text
    if not isinstance(points, Rows) or call.scalar or call.v is not None:
        return ""
    with look.quiet(), suppress(Exception):
        if points.count > 1:
            return _of_rows(call, points)
        x = points.row(0).reshape(points.shape)
        if str(error).startswith("f returned an array of shape"):
            return _of_shape(call, x)
        return _of_points(call, x) if x.ndim == 2 and not call.vector else ""
    return ""


# --- f of several arguments -------------------------------------------------------------------------------------------


def _of_signature(f: Function, given: int, size: int, has_args: bool = True) -> str:
    """What to write for an f that cannot be called with so many arguments; an empty string where it can be."""
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):  # of built-in functions some have none
        return ""
    with suppress(TypeError):
        signature.bind(*range(given))
        return ""
    kinds = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    taken = [p for p in signature.parameters.values() if p.kind in kinds]
    needed = [p.name for p in taken if p.default is inspect.Parameter.empty]
    if not taken:
        return "f gets the array that is differentiated: write lambda x: f(), or let f take x"
    return _unpacked(needed, given, size, has_args) if len(needed) > given else ""


def _unpacked(needed: list[str], given: int, size: int, has_args: bool) -> str:
    """What to write for an f that needs more arguments than it gets."""
    several, rest, names = len(needed) - given + 1, ", *args" if given > 1 else "", ", ".join(needed)
    parts = "*x" if several > 4 else ", ".join(f"x[{k}]" for k in range(several))
    unpacked, further = f"lambda x{rest}: f({parts}{rest})", ", ".join(needed[1:]) + "," * (len(needed) == 2)
    if not has_args:
        return f"f gets one array: write {unpacked if size == several else f'lambda x: f({names})'}"
    if size == several:
        return f"f gets one array: write {unpacked}, or args=({further}) for what is not differentiated"
    return f"f gets x alone: write args=({further}), or {unpacked} if x is an array of these"


# --- f of one point and of many ---------------------------------------------------------------------------------------


def _of_rows(call: Call, points: Rows) -> str:
    """f takes all points at once."""
    some = min(points.count, SEEN)
    some -= some == points.shape[0]
    rows = points.row(slice(some)).reshape(some, *points.shape)
    shape = np.shape(call.f(rows.copy(), *call.args, *(a[:some] for a in call.batch)))
    if shape[:1] != (some,) or (not call.vector and shape[1:] not in {(), (1,)}):
        return ""
    return (
        f"f takes all points at once, but with batch=True it gets one point, of shape {points.shape}: write x[0] for "
        f"X[:, 0], or gradient(lambda x: f(x[None])[0], X, batch=True)"
    )


def _of_shape(call: Call, x: Array) -> str:
    """f returned an array, for one point of that shape."""
    shape = np.shape(call.f(x.copy(), *call.args))
    if x.ndim == 1 and shape == x.shape and not call.value and look.is_elementwise(call.f, x[:3], call.args):
        n = call.table.stencil.derivative
        return f"or derivative(f, x{f', n={n}' * (n > 1)}), if f takes one number"
    return _of_matrix(call, x, shape) if x.ndim == 2 else ""


def _of_matrix(call: Call, x: Array, shape: tuple[int, ...]) -> str:
    if shape in {x.shape[:1], (len(x), 1)} and not _takes(call, x[0]):
        return (
            f"f takes all rows of x, of shape {x.shape}, at once: for the gradient at each row let f take one point, "
            "x[0] for X[:, 0], and write batch=True"
        )
    return _of_points(call, x)


def _of_points(call: Call, x: Array) -> str:
    """Whether f is made for the columns or the rows of x, which were taken for one point."""
    one = f"x, of shape {x.shape}, is one point here: if its"
    if len(x) < x.shape[1] and _takes(call, x[:, 0]):
        return f"{one} columns are points, write x.T and batch=True"
    return f"{one} rows are points, write batch=True" if _takes(call, x[0]) else ""


def _takes(call: Call, point: Array) -> bool:
    """Whether f gives one number for such a point."""
    try:
        return np.size(call.f(point.copy(), *call.args)) == 1
    except Exception:  # noqa: BLE001  whatever f raises
        return False


# --- what f never reads -----------------------------------------------------------------------------------------------


def warn_of_unread(call: Call, target: Array, level: int) -> None:
    """Points in columns, and points that were taken for one: the trailing coordinates never matter.

    Looked for only where a point has many more coordinates than there are points, or rows than columns.
    """
    points = call.points
    size, shape = points.dimension, points.shape
    one = points.count == 1 and len(shape) == 2
    k = shape[1] if one else points.count
    length = shape[0] if one else size
    if length < max(LONG, TIMES * k) or not k or call.v is not None or call.scalar or (one and not call.vector):
        return
    read = k * shape[1] if one else k
    outputs, others = divmod(target.shape[-1], size)
    if others:  # some entries of a Hessian
        return
    by_coordinate = target.reshape(-1, size) if outputs == 1 else target.reshape(-1, size, outputs)
    if by_coordinate[0, -1].any() or by_coordinate[:, read:].any() or not by_coordinate.any() or _reads(call, read):
        return
    if one:
        text = POINTS.format(k=k, shape=shape)
    elif len(shape) == 1:
        text = COLUMNS.format(k=k, last=size - 1, shape=points.layout)
    else:
        return
    warnings.warn(text, UserWarning, stacklevel=level)


def _reads(call: Call, start: int) -> bool:
    """Whether f takes another value when the coordinates from `start` on are moved."""
    n = call.finite()
    row, moved = call.points.row(n), call.points.row(n).copy()
    moved[start:] += (irregular(row.size) * np.maximum(1.0, np.abs(row)))[start:]
    moved = call.inside(n, moved)
    return look.reacts(call.f, call.argument(row), call.argument(moved), call.args_at(n))
