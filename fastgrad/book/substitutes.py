"""The book's gradients by other engines than its loop: compiled loops, machine code, programs of whole arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays.choice import live_sums
from ..arrays.losses import ArrayLoss
from ..engine import threads
from ..engine.bound import Choice
from ..engine.call import Call, Rows
from ..engine.choose import choose, warn_if_slow
from ..formulas import stencils
from ..formulas.steps import Steps
from ..results import EngineError
from .loop import FIRST, Array, Function, book_step, check_visible, gradient_by_loop, number


def by_arrays(f: Function, x: Array, h: float, engine: str, progress: Any) -> Array | None:
    """The same by f's program of whole arrays; None where the loop is to do it."""
    step = book_step(x, h)
    check_visible(x, step)
    loss = ArrayLoss(f, lambda arrays: (arrays[""],), lambda: number(f(x), x), {"": x})
    found = live_sums(loss, {"": np.arange(x.size)}, {"": step}, FIRST, engine, progress)
    if found is None:
        return None
    with np.errstate(all="ignore"):
        grad: Array = (found[""].reshape(x.shape) / (2 * step)).astype(x.dtype)
    return grad


def by_a_compiled_loop(f: Function, x: Array, h: float, workers: int, progress: Any) -> Array:
    """The same arithmetic in a compiled loop; in Python where f captures what Numba cannot see live."""
    step = book_step(x, h)
    check_visible(x, step)
    out = np.empty((1, x.size))
    points = Rows(x.reshape(1, -1).astype(np.float64, copy=False), x.shape)
    size = np.asarray(step, dtype=np.float64)
    call = Call(f, points, stencils.gradient(x.size), Steps("book", size.reshape(1, -1) if size.ndim else size))
    try:
        chosen = choose(call, "jit", out)
    except EngineError as refused:
        warn_if_slow(call, Choice("python", reason=str(refused)), 3)
        return gradient_by_loop(f, x, h, progress, workers=workers)
    chosen.bind(call, out).fill(workers, progress)
    return out.reshape(x.shape).astype(x.dtype)


def many_rows(f: Function, X: Array, h: float) -> Array | None:
    """The modern engines with the same h, None where f cannot be compiled."""
    step = book_step(X, h)
    check_visible(X, step)
    out = np.empty(X.shape)
    call = Call(f, Rows(X, X.shape[1:]), stencils.gradient(X.shape[1]), Steps("absolute", np.asarray(float(step))))
    chosen = choose(call, "auto", out)
    warn_if_slow(call, chosen, 3)
    if chosen.code is None:
        return None
    chosen.bind(call, out).fill(threads.cores())
    return out
