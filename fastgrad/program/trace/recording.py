"""Trace a function: call it once with symbols, and keep what it does to them as a program."""

from __future__ import annotations

import gc
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from math import prod
from threading import RLock
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any
from weakref import ref

import numpy as np

from ..captures import home, instructions, is_installed, parts, rebuilt
from ..program import Operand, Program
from . import arrayfunctions  # noqa: F401  # fills the tables of rules
from .arrays import Symbols
from .leftovers import Noted, may_write
from .mathfunctions import SHIM_MODULE, SHIMS
from .mentions import check_attributes, check_code, check_object
from .paths import Paths, RestartError, Way, fold
from .refusals import Untraceable, refuse
from .symbols import Flag, Symbol, Trace


@lru_cache(maxsize=1024)
def _catches(code: CodeType) -> bool:
    """Whether a function handles exceptions."""
    if any(_catches(const) for const in code.co_consts if isinstance(const, CodeType)):
        return True
    opcodes = [i.opname for i in instructions(code)] if code.co_exceptiontable else []
    return opcodes.count("PUSH_EXC_INFO") > opcodes.count("WITH_EXCEPT_START")


class Retargeted:
    """A function with math's functions swapped for ones that trace; the user's own is not changed.

    Attributes
    ----------
    function : callable
        The function to call; f itself where it uses none of them.
    catches : bool
        Whether it handles exceptions.
    codes : dict of code
        Its own, and that of the user's functions that it mentions.
    """

    def __init__(self, f: Any) -> None:
        self.catches = False
        self.codes: dict[CodeType, None] = {}
        self._done: dict[int, Any] = {}
        self.function = self._swap(f)
        if self.function is f and not isinstance(f, (FunctionType, MethodType, type)) and _is_users_object(f):
            self.function = self._swap(f.__call__)

    def _swap(self, value: Any) -> Any:
        """A value that f reaches, swapped where that matters."""
        kind = type(value)
        if kind is FunctionType:
            return self._function(value)
        if kind is ModuleType:
            return SHIM_MODULE if value is math else value
        if kind is BuiltinFunctionType:
            return SHIMS.get(value.__name__, value) if home(value) == "math" else value
        return self._with_parts(value) if kind in (MethodType, partial) else self._object(value)

    def _object(self, value: Any) -> Any:
        check_object(value)
        if home(type(value)).startswith("numba."):  # the function that Numba compiled
            source = getattr(value, "py_func", None)
            return self._swap(source) if isinstance(source, FunctionType) else value
        return value

    def _function(self, function: FunctionType) -> Any:
        code = function.__code__
        if id(function) in self._done or is_installed(code.co_filename):
            return self._done.get(id(function), function)
        self._done[id(function)] = function  # for functions that call themselves or each other
        check_code(code)
        self.codes[code] = None
        self.catches |= _catches(code)
        self._done[id(function)] = self._with_parts(function)
        return self._done[id(function)]

    def _with_parts(self, value: Any) -> Any:
        """A function, method or partial whose parts are swapped; itself where none of them is another."""
        new = {}
        code = getattr(getattr(value, "__func__", value), "__code__", None)
        for kind, name, part in parts(value):
            if code is not None and type(part) is not FunctionType:
                check_attributes(code, part, self.codes)
            swapped = self._swap(part)
            if swapped is not part:
                new[kind, name] = swapped
        return rebuilt(value, new) if new else value


@contextmanager
def watched(catches: bool) -> Iterator[None]:
    """Refuse a function that catches an exception: what NumPy raises for symbols, it may not for numbers."""
    if not catches:
        yield
        return

    def see(frame: FrameType, event: str, arg: Any) -> Any:
        if event == "exception" and not issubclass(arg[0], (StopIteration, GeneratorExit)):
            refuse(f"f catches or raises {arg[0].__name__} when traced: {arg[1]}")
        return see

    def enter(frame: FrameType, event: str, arg: Any) -> Any:
        frame.f_trace_lines = False
        code = frame.f_code
        return see if code.co_exceptiontable and not is_installed(code.co_filename) and _catches(code) else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


def _is_users_object(value: Any) -> bool:
    call = getattr(type(value), "__call__", None)  # noqa: B004
    return isinstance(call, FunctionType) and not is_installed(call.__code__.co_filename)


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
        return (x, *args, *(_symbols(recording, "b", start, row) for start, row in zip(starts, rows, strict=False)))

    with alone, recording, warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            paths, ways = _explored(recording, noted, f, arguments)
            outputs, result_shape = _together(recording, ways)
        except Exception as error:
            raise Untraceable(recording.reason or _why(error)) from error
        if recording.reason:
            raise Untraceable(recording.reason)
    nodes, outputs, constants = _live(recording, outputs)
    raises = any(way.raised or way.guards for way in ways)
    dimension = 1 if scalar else prod(shape)
    return Program(dimension, starts[-1], nodes, outputs, result_shape, constants, raises=raises, branches=paths.branches)


def _explored(
    recording: Trace, noted: Noted, f: Callable[..., Any], arguments: Callable[[], tuple[Any, ...]]
) -> tuple[Paths, list[Way]]:
    """The ways through f; before, what it may write into is noted."""
    target = Retargeted(f)
    if may_write(target.codes):
        noted.look(f, arguments()[1:])
    apart = set[Any]()
    with watched(target.catches):
        while True:
            paths = Paths(recording, apart)
            try:
                return paths, paths.explore(lambda: _outputs(recording, target.function(*arguments())))
            except RestartError:
                recording.guards = []


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
