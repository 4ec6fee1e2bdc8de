"""Trace a function: call it once with symbols, and keep what it does to them as a program."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from math import prod
from threading import RLock
from typing import Any

import numpy as np

from ..program import Operand, Program
from . import arrayfunctions  # noqa: F401  # fills the tables of rules
from .arrays import Symbols
from .refusals import Untraceable, refuse
from .substitution import Retargeted, watched
from .symbols import Flag, Symbol, Trace

__all__ = ["Untraceable", "trace"]


_alone = RLock()  # filters of warnings belong to the process: of two threads one would restore the other's


def trace(
    f: Callable[..., Any],
    shape: tuple[int, ...],
    *,
    args: tuple[Any, ...] = (),
    rows: Sequence[tuple[int, ...]] = (),
    scalar: bool = False,
    budget: int = 20_000,
) -> Program:
    """Record what f does with one point.

    Parameters
    ----------
    f : callable
        Called as ``f(x, *args, *one row of each batch argument)``.
    shape : tuple of int
        Shape of a point.
    args : tuple
        Arguments after x, as they are.
    rows : sequence of tuple of int
        Shapes of one row of each batch argument.
    scalar : bool
        Whether f takes a number instead of an array.
    budget : int
        Largest number of operations.

    Returns
    -------
    Program

    Raises
    ------
    Untraceable
        With the reason; it is not an Exception, because f may catch those.
    """
    recording = Trace(budget)
    with _alone, recording, warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        x = _symbols(recording, "x", 0, () if scalar else shape)
        starts = np.cumsum([0, *map(prod, rows)]).tolist()
        arguments = [_symbols(recording, "b", start, row) for start, row in zip(starts, rows, strict=False)]
        try:
            target = Retargeted(f)
            with watched(target.catches):
                result = target.function(x, *args, *arguments)
            outputs, result_shape = _outputs(recording, result)
        except Exception as error:
            raise Untraceable(recording.reason or _why(error)) from error
        if recording.reason:
            raise Untraceable(recording.reason)
    nodes, outputs, constants = _live(recording, outputs)
    return Program(1 if scalar else prod(shape), starts[-1], nodes, outputs, result_shape, constants)


def _why(error: Exception) -> str:
    if "arrays used as indices" in str(error):
        return "f selects elements by a mask; write np.where(mask, a, b)"
    return " ".join(f"f raised {type(error).__name__} when traced: {error}".split())


def _symbols(recording: Trace, tag: str, start: int, shape: tuple[int, ...]) -> Any:
    """An array of symbols, or one symbol."""
    if shape == ():
        return Symbol(recording, (tag, start))
    values = np.empty(prod(shape), dtype=object)
    values[:] = [Symbol(recording, (tag, start + i)) for i in range(len(values))]
    return values.reshape(shape).view(Symbols)


def _outputs(recording: Trace, result: Any) -> tuple[tuple[Operand, ...], tuple[int, ...]]:
    """What f returns, as operands, and its shape."""
    if type(result) in (Symbol, Flag, float):
        shape, values = (), [result]
    else:
        array = np.asarray(result, dtype=object)
        shape, values = array.shape, array.ravel().tolist()
    operands = []
    for value in values:
        operand = recording.operand(value)
        if operand is None:
            refuse(f"f returns a {type(value).__name__}, which is no number")
        operands.append(operand)
    return tuple(operands), shape


def _live(
    recording: Trace, outputs: tuple[Operand, ...]
) -> tuple[tuple[tuple[Any, ...], ...], tuple[Operand, ...], tuple[float, ...]]:
    """The nodes and constants on which the outputs depend, numbered anew."""
    needed: set[Any] = set(outputs)
    nodes = recording.nodes
    for j in range(len(nodes) - 1, -1, -1):
        if ("v", j) in needed:
            needed.update(nodes[j][1:])
    number: dict[Any, Any] = {}
    kept = [j for j in range(len(nodes)) if ("v", j) in needed]
    slots = [s for s in range(len(recording.constants)) if ("c", s) in needed]
    if len(kept) == len(nodes) and len(slots) == len(recording.constants):
        return tuple(nodes), outputs, tuple(recording.constants)
    number.update({("v", j): ("v", new) for new, j in enumerate(kept)})
    number.update({("c", s): ("c", new) for new, s in enumerate(slots)})
    renamed = tuple((nodes[j][0], *(number.get(o, o) for o in nodes[j][1:])) for j in kept)
    return renamed, tuple(number.get(o, o) for o in outputs), tuple(recording.constants[s] for s in slots)
