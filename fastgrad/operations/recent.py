"""Derivatives that are asked for again, of the same function, at points that lie as those before: at many, or exact.

A call then costs its kernel and some 10 us, a fifth of what reading it costs when all is warm; where the points before
have driven that code from the caches, it costs several times as much.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import points
from ..engine.bound import Facts, Fill
from ..engine.call import Call, Rows, without_points
from ..engine.choose import choose
from ..program.freshness import Watch, shares
from ..program.keys import unchanging
from ..results import EngineError
from . import longsteps
from .asked import Asked, is_plain

Array = NDArray[Any]

KEPT = 8
_ENGINES = ("auto", "simd")

_ONCE = object()
_NEVER = object()
_kept: dict[Hashable, Any] = {}  # of a call its function and what fills, or one of these two

Look = Callable[[Array, Array], object]  # what is to be looked at beside the points, and the derivatives there


def key_of(asked: Asked, batch: bool, what: str = "gradient") -> Hashable | None:
    """What a call is known by, beside `what` is asked; None of those that are no usual ones."""
    f, x, out, args, _, method, order, h, rel_step, engine = asked
    if args or type(f) is not FunctionType or not asked.is_usual or engine not in _ENGINES or not _lies_well(x):
        return None
    if out is not None and not (is_plain(out) and _lies_well(out) and out.flags.writeable):
        return None
    lie = (x.shape, x.strides, None if out is None else (out.shape, out.strides))
    return (what, id(f), lie, method, order, h, rel_step, engine, bool(batch))


def _lies_well(x: Array) -> bool:
    return x.ndim > 0 and x.flags.aligned and (x.ndim == 2 or x.flags.c_contiguous)


def again(key: Hashable, x: Any, out: Array | None) -> Array | None:
    """The derivatives, if all is as it was; None where the call has to be read, as those are that have no key."""
    kept = _kept.get(key)
    if type(kept) is not tuple:
        return None
    _, is_fresh, arrays, fill, shape, look = kept
    made = np.empty(shape) if out is None else out
    if not is_fresh():
        _kept.pop(key, None)
        return None
    if (out is not None and np.may_share_memory(x, out)) or shares(x, arrays) or shares(made, arrays):
        return None
    # What is not finite, or reacts to nothing, is a matter for those who tell of it: they are asked from now on.
    if not fill(x, made) or not _reacts(made):
        _kept[key] = _NEVER
        return None
    if look:
        look(x, made)
    return made


def _reacts(made: Array) -> bool:
    """Whether some derivative is not 0, and some by the last coordinate."""
    return bool(made.flat[-1] or made[..., -1].any()) and bool(made.flat[0] or made.any())


def note(key: Hashable, call: Call, engine: str, result: Array) -> None:
    """That a call has been read, for the next one; the second time what it needs is kept, of one that has a key."""
    if key is None:
        return
    before = _kept.pop(key, None)
    if len(_kept) >= KEPT:
        with suppress(RuntimeError, StopIteration):  # another thread keeps something at this moment
            _kept.pop(next(iter(_kept)), None)
    _kept[key] = _ONCE if before is None else (before is _ONCE and _prepared(call, engine, result)) or _NEVER


def _prepared(
    call: Call, engine: str, result: Array
) -> tuple[Any, Callable[[], bool], list[Array], Fill, tuple[int, ...], Look | None] | None:
    """None of a function that reads what may change unseen, or objects, which are not to be kept alive."""
    if call.adaptive:  # of several kernels, among whose results is chosen
        return None
    watch = Watch()
    if result.dtype.kind == "c":  # of both parts of f, which another function returned
        return None
    if not result.size or unchanging(call.f, (), watch) is None or watch.has_objects:
        return None
    if engine == "auto" and points.has_much_data(call):
        return None
    try:
        again = getattr(choose(call, engine, result).code, "again", None)
    except EngineError:  # a program of whole arrays did it
        return None
    fill = again(call, result) if again and watch.is_fresh()() else None
    look = partial(_look, without_points(call), call.points.layout) if call.looks_beside else None
    return fill and (call.f, watch.is_fresh(), watch.arrays, fill, result.shape, look)


def _look(call: Call, layout: tuple[int, ...], x: Array, made: Array) -> None:
    """Warn where a step is far too long."""
    there = call.at(Rows(x.reshape(layout), call.points.shape))
    longsteps.look(there, Facts("simd", 0), made.reshape(layout[0], -1))
