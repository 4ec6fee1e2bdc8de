"""Trace a function: call it once with symbols, and keep what it does to them as a program."""

from __future__ import annotations

import gc
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from threading import RLock
from typing import Any
from weakref import ref

import numpy as np

from ..program import Operand, Program
from .arrays import Symbols
from .creation import may_fill
from .leftovers import Noted, may_write
from .paths import Paths, RestartError, Way, fold
from .places import place_of_error
from .refusals import Untraceable, refuse
from .retargeted import Retargeted, watched
from .symbols import Flag, Symbol, Trace
from .tables import as_table

__all__ = ["Untraceable", "trace"]


alone = RLock()  # filters of warnings belong to the process: of two threads one would restore the other's


def trace(
    f: Callable[..., Any],
    shape: tuple[int, ...],
    *,
    args: tuple[Any, ...] = (),
    rows: Sequence[tuple[int, ...]] = (),
    types: Sequence[np.dtype[Any]] = (),
    bits: Sequence[int] = (),
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
        Shapes of one row of each batch argument ...
    types : sequence of dtype
        ... and their types; float64 by default ...
    bits : sequence of int
        ... and how many their largest integers have, 0 for floats.
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
    noted, reason, made = Noted(), "", None
    recording = Trace(budget)
    alive = ref(recording)
    try:
        made = _recorded(recording, noted, f, shape, args, rows, types, bits, scalar)
    except Untraceable as refused:
        reason = str(refused)
    del recording
    if made is None or noted.is_left() or _lives(alive):
        noted.take_back()
        raise Untraceable(reason or KEEPS.format(noted.kept or "an object"))
    return made


KEEPS = "f keeps what it computes from x, in {}; a traced value is no number. Let f keep copies of numbers outside it"


def _lives(alive: ref[Trace]) -> bool:
    """Whether a symbol, and with it its trace, is still held by somebody."""
    if alive() is not None:
        gc.collect()
    return alive() is not None


def _recorded(
    recording: Trace,
    noted: Noted,
    f: Callable[..., Any],
    shape: tuple[int, ...],
    args: tuple[Any, ...],
    rows: Sequence[tuple[int, ...]],
    types: Sequence[np.dtype[Any]],
    bits: Sequence[int],
    scalar: bool,
) -> Program:
    starts = np.cumsum([0, *map(prod, rows)]).tolist()
    _note_types(recording, starts, types, bits)

    def arguments() -> tuple[Any, ...]:
        """Fresh ones: f may write into them."""
        x = _symbols(recording, "x", 0, () if scalar else shape)
        return (x, *map(as_table, args), *map(partial(_symbols, recording, "b"), starts, rows))

    with alone, recording, warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            made = _explored(recording, noted, f, arguments)
        except Exception as error:
            place = place_of_error(error.__traceback__, recording.outermost)
            raise Untraceable(recording.reason or _why(error) + place) from error
        if recording.reason:
            raise Untraceable(recording.reason)
    return replace(made, inputs=1 if scalar else prod(shape), rows=starts[-1])


def _explored(
    recording: Trace, noted: Noted, f: Callable[..., Any], arguments: Callable[[], tuple[Any, ...]]
) -> Program:
    """The ways through f as one program; before, what it may write into is noted."""
    target = Retargeted(f)
    if may_write(target.codes):
        noted.look(f, arguments()[1:])
    recording.fills = any(map(may_fill, target.codes))
    apart = set[Any]()
    with watched(target.catches):
        while True:
            paths = Paths(recording, apart)
            try:
                ways = paths.explore(lambda: _outputs(recording, target.function(*arguments())))
                break
            except RestartError:
                recording.guards = []
    outputs, shape = _together(recording, ways)
    raises = any(way.raised or way.guards for way in ways)
    nodes, outputs, constants = _live(recording, outputs)
    return Program(0, 0, nodes, outputs, shape, constants, raises=raises, branches=paths.branches)


def _together(recording: Trace, ways: list[Way]) -> tuple[tuple[Operand, ...], tuple[int, ...]]:
    """The outputs of all ways as one; NaN where one raises or a function of math would."""
    shapes = {way.result[1] for way in ways if not way.raised}
    if len(shapes) != 1:
        refuse("f raises on each way through it" if not shapes else f"f returns {len(shapes)} shapes, by its data")
    (shape,) = shapes
    nan = (recording.constant(math.nan),) * prod(shape)
    sound = [replace(way, result=nan if way.raised else _guarded(recording, way)) for way in ways]

    def join(mask: Operand, yes: tuple[Operand, ...], no: tuple[Operand, ...]) -> tuple[Operand, ...]:
        pairs = zip(yes, no, strict=True)
        return tuple(a if a == b else recording.node("select", mask, a, b).key for a, b in pairs)

    return fold(sound, join), shape


def _guarded(recording: Trace, way: Way) -> tuple[Operand, ...]:
    if not way.guards:
        return way.result[0]  # type: ignore[no-any-return]
    from .guards import with_guards  # noqa: PLC0415  few functions use math

    return with_guards(recording, way.result[0], way.guards)


def _note_types(
    recording: Trace, starts: list[int], types: Sequence[np.dtype[Any]], bits: Sequence[int]
) -> None:  # fmt: skip
    """Which batch arguments NumPy may compute with in their own types, and how large integers are."""
    for start, stop, count in zip(starts, starts[1:], bits, strict=False):
        if count:
            recording.whole |= {("b", i): 2**count for i in range(start, stop)}
    for start, stop, kind in zip(starts, starts[1:], types, strict=False):
        if kind not in (np.float64, np.int64):
            recording.narrow |= {("b", i): kind for i in range(start, stop)}


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
