"""Ways through a function that branches on its data: traced one after the other, put together by selects.

The truth of a symbol is answered by a script of decisions. The function is called again and again, depth first, until
both sides of each decision have been taken; what follows from earlier decisions is no decision. Helper functions are
explored on their own (`explored`), so that the ways through two of them add up and do not multiply.

Where a way raises, its results are NaN, and f itself is asked there. A helper's number may be lost on the way to f's
result, as in ``max(0.0, nan)``, so that what raises is noted as a guard, as functions of math are.
"""

from __future__ import annotations

import collections
import dis
import functools
import heapq
import itertools
import math
import operator
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any, NoReturn

from ..captures import is_installed, is_own
from ..program import ZERO, Operand
from .failures import is_fs_own
from .implications import Fact, canonical, implied
from .leftovers import Noted
from .refusals import REFUSALS, TEXT, ManyWaysError, refuse
from .sampling import PointSample
from .symbols import Trace

WAYS = 256  # through f or one of its helpers; a loop that ends by data has as many as turns
DECISIONS = 200  # on one way
SAMPLED = 5  # times as many where points say which sides are taken: most decisions have one
ANSWERS = 20_000  # to questions whose answer is known, on one way; a loop that asks nothing else does not end
REPLAYED = 400_000  # operations that all calls of f while it is traced may take, some 0.4 s; at each call 20 ms
REPLAYED_ANEW = 20_000

Path = tuple[tuple[Operand, bool], ...]
"""Conditions and how they were decided."""


class Missing:
    """What a way that raises gives, or a variable that one side does not set; to compute with it would raise."""

    def _no(self, *_: Any, **__: Any) -> Any:
        refuse("f uses a variable that only one side of a branch sets")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = _no
    __getitem__ = __bool__ = __call__ = __lt__ = __gt__ = __le__ = __ge__ = __float__ = __iter__ = __neg__ = __abs__ = (
        _no
    )
    __array__ = __array_ufunc__ = _no


NOTHING = Missing()


class RestartError(BaseException):
    """Something cannot be put together and is taken apart from now on; not an Exception, because f may catch those."""


@dataclass(frozen=True)
class Way:
    """One way through a function: its decisions, what it returned, and what must be finite if it is to be believed."""

    path: Path
    result: Any
    guards: tuple[Operand, ...]
    raised: bool = False


class _Frame:
    """A function that is being explored: the decisions of this turn, how many were asked, and what is known."""

    def __init__(self, script: list[list[Any]]) -> None:
        self.script, self.asked, self.facts = script, 0, [dict[Fact, int]()]
        self.supposed: list[tuple[Operand, bool]] = []


class Paths:
    """Answers what a symbol's truth is.

    Attributes
    ----------
    apart : set
        Code, and places in it, whose sides cannot be put together and are separate ways through f.
    alone : bool
        Whether helper functions may be explored on their own; f might catch what they raise.
    swap : callable
        What makes a function of the user's one that traces.
    branches : int
        How often something was decided, or put together.
    typed : bool
        Whether f asks for types, so that numbers of two types are not put together.
    noted : Noted
        What f may write into.
    sides : list
        The places of which both sides are being run, innermost last.
    """

    def __init__(
        self,
        trace: Trace,
        apart: set[Any],
        sample: PointSample | None,
        *,
        alone: bool,
        typed: bool = False,
        noted: Noted | None = None,
        swap: Callable[[Any], Any],
        anew: bool = False,
    ) -> None:
        self._replayed = REPLAYED_ANEW if anew else REPLAYED
        self.trace, self.apart, self.alone, self.swap = trace, apart, alone, swap
        self._sample, self.noted, self.typed = sample, noted or Noted(), typed
        self.branches, self.sides = 0, list[Any]()
        self._frames: list[_Frame] = []
        self._turns = self._answered = 0
        self._outer: list[list[Operand]] = []  # guards outside the sides that are being run
        trace.paths = self

    def asked(self, key: Operand) -> bool:
        """The truth of a mask, if Python asks for it: NumPy compares objects otherwise than numbers, such as NaN."""
        if not _is_pythons(sys._getframe(2)) and not self._is_of_keys(key):
            refuse("f calls a function that compares numbers and has no rule for tracing")
        return self.decide(key)

    def _is_of_keys(self, key: Operand) -> bool:
        """Whether a dict compares what it has found by what is known of it, which is no NaN."""
        known = self.known(key)
        return known is True or (known is False and self.trace.nodes[int(key[1])][0] == "eq")

    def decide(self, key: Operand) -> bool:
        """The truth of a mask on this way."""
        known = self.known(key)
        if known is not None:
            return known
        frame = self._frames[-1]
        if self._sample is not None and len(frame.facts) > 1:
            sides = self._sample.sides(self._supposed(), key)
            if len(sides) == 1:
                return self._only(frame, key, sides.pop())
        if frame.asked == len(frame.script):
            if frame.asked >= DECISIONS * (1 if self._sample is None else SAMPLED):
                refuse(f"f takes more than {DECISIONS} decisions on one way through it{_LOOP}", ManyWaysError)
            frame.script.append(self._first(key))
        decided, value, _ = frame.script[frame.asked]
        if decided != key:
            refuse(_STATE)
        frame.asked += 1
        return self._decided(frame, key, value)

    def _decided(self, frame: _Frame, key: Operand, value: bool) -> bool:
        frame.supposed.append((key, value))
        self.branches += 1
        self.trace.decided = True
        self.learn(key, value)
        return bool(value)

    def _only(self, frame: _Frame, key: Operand, value: bool) -> bool:
        """What all points decide that take one side of what is put together: others have no say, so it is no way."""
        nan = self.trace.constant(math.nan)
        self.trace.guards.append(self.either(key, *((ZERO, nan) if value else (nan, ZERO))))
        return self._decided(frame, key, value)

    def _first(self, key: Operand) -> list[Any]:
        """A decision, which side comes first, and whether that is all: what no point takes is left to f itself."""
        sides = {True, False} if self._sample is None else self._sample.sides(self._supposed(), key)
        return [key, True, False] if len(sides) > 1 else [key, sides.pop(), None]

    def _supposed(self) -> list[tuple[Operand, bool]]:
        """What is known of the points of this way, whether it was decided or holds on the side that is run."""
        return [pair for frame in self._frames for pair in frame.supposed]

    def integer(self, symbol: Any) -> int:
        """The integer that a symbol is on this way."""
        found = self._count(symbol.key)
        if found is not None:
            return found
        if not self.trace.counts:
            refuse(REFUSALS["__index__"])
        number, step = (0, 1) if symbol >= 0 else (-1, -1)
        while symbol > number if step > 0 else symbol < number:
            number += step
        self.learn((symbol == number).key, True)
        self._frames[-1].facts[-1]["is", symbol.key] = number
        if hash(number) == _SHARED:  # a dict asks whether it is the other one
            self.learn((symbol == -3 - number).key, False)
        return number

    def _count(self, key: Operand) -> int | None:
        """The integer that a number made of masks and integers is; None of others."""
        kind, place = key
        if kind in "kc":
            value = self.trace.constants[int(place)] if kind == "c" else place
            return int(value) if float(value).is_integer() else None
        name, *operands = self.trace.nodes[int(place)] if kind == "v" else ("",)
        if name in ("tofloat", "select"):
            chosen = self.decide(operands[0])
            return int(chosen) if name == "tofloat" else self._count(operands[1 if chosen else 2])
        parts = [self._count(o) for o in operands] if name in _COUNTING else [None]
        return None if None in parts else _COUNTING[name](*parts)

    def known(self, key: Operand) -> bool | None:
        """The truth of a mask where it follows from what was decided."""
        fact, negated = canonical(self.trace.nodes, key)
        answer = implied(self._fact, fact)
        if answer is None and fact[0] == "eq":
            answer = self._are_equal(*fact[1:])
        if answer is None:
            return None
        self._answered += 1
        if self._answered > ANSWERS:
            refuse(f"f asks more than {ANSWERS:,} times what it knows, on one way through it{_LOOP}", ManyWaysError)
        return answer != negated

    def _are_equal(self, a: Operand, b: Operand) -> bool | None:
        """Whether two integers are one, where both are known on this way."""
        first, second = (self._fact(("is", key)) if key[0] == "v" else self._count(key) for key in (a, b))
        return None if first is None or second is None else first == second

    def _fact(self, fact: Fact) -> int | None:
        for frame in reversed(self._frames):
            for facts in reversed(frame.facts):
                if fact in facts:
                    return facts[fact]
        return None

    def learn(self, key: Operand, value: bool) -> None:
        """Note that a mask is true, or false, from here on."""
        fact, negated = canonical(self.trace.nodes, key)
        truth = value != negated
        self._frames[-1].facts[-1][fact] = truth
        if (fact[0], truth) in (("and", True), ("or", False)):
            for part in fact[1:]:
                self.learn(part, truth)

    def enter(self, place: Any, mask: Operand, side: bool) -> None:
        """Run one side of what is put together, where its mask is true, or false."""
        self._frames[-1].facts.append({})
        self._frames[-1].supposed.append((mask, side))
        self.learn(mask, side)
        self.sides.append(place)
        self._outer.append(self.trace.guards)
        self.trace.guards = []

    def leave(self, mask: Operand, side: bool) -> None:
        """The side has run: what must be finite there must be so only where it is taken."""
        self._frames[-1].facts.pop()
        supposed = self._frames[-1].supposed
        del supposed[supposed.index((mask, side)) :]
        self.sides.pop()
        self.branches += 1
        found, self.trace.guards = dict.fromkeys(self.trace.guards), self._outer.pop()
        self.trace.guards += [self.either(mask, *((key, ZERO) if side else (ZERO, key))) for key in found]

    def explore_f(self, run: Callable[[], Any]) -> list[Way]:
        """All ways through f, each from what was there before: called in Python, it would have gone one of them."""

        def alone() -> Any:
            try:
                result = run()
                if not self.noted.is_left() and self.noted.has_changed():
                    self._repeat(run, result)
                return result
            finally:
                self.noted.take_back()

        return self.explore(alone)

    def _repeat(self, run: Callable[[], Any], result: Any) -> None:
        """Call f again on the same way, where it has written into what it reaches."""
        frame, branches = self._frames[-1], self.branches
        again = self._frames[-1] = _Frame(frame.script[: frame.asked])
        if run() != result or (again.asked, len(again.script)) != (frame.asked, frame.asked):
            refuse(_STATE)
        self._frames[-1], self.branches = frame, branches

    def explore(self, run: Callable[[], Any]) -> list[Way]:
        """All ways through a function, in depth-first order, true before false."""
        script, ways, guards, sides = list[Any](), list[Way](), self.trace.guards, len(self.sides)
        outer = len(self._outer)
        while True:
            self._frames.append(_Frame(script))
            self.trace.guards, known = [], len(script)
            try:
                ways.append(self._turn(run, sides))
            finally:
                asked = self._frames.pop().asked
                found, self.trace.guards = self.trace.guards, guards
                del self.sides[sides:], self._outer[outer:]
            script = script[:asked]
            path = tuple((k, v) for k, v, _ in script)
            ways[-1] = replace(ways[-1], path=path, guards=tuple(dict.fromkeys(found)))
            ways += [_untaken(path[: i + 1]) for i in range(known, len(script)) if script[i][2] is None]
            self._check_limits(len(ways))
            while script and script[-1][2] is not False:
                script.pop()
            if not script:
                return ways
            script[-1] = [script[-1][0], not script[-1][1], True]

    def _turn(self, run: Callable[[], Any], sides: int) -> Way:
        before, self.trace.said, self._answered = self.trace.said, False, 0
        self.trace.unwritten = None
        try:
            result = run()
        except (Exception, SystemExit) as error:
            if not is_fs_own(error):
                raise
            if len(self.sides) > sides:  # one side of what is put together raises
                self.take_apart(self.sides[-1])
            if not self._frames[-1].asked:
                raise
            return Way((), NOTHING, (), raised=True)
        finally:
            said, self.trace.said = self.trace.said, before
        if said:  # f itself is asked on that way, which writes or prints it
            if len(self.sides) > sides:
                self.take_apart(self.sides[-1])
            if not self._frames[-1].asked:
                refuse(TEXT)
            return Way((), NOTHING, (), raised=True)
        return Way((), result, ())

    def take_apart(self, place: Any) -> NoReturn:
        """Explore a place's sides as separate ways from now on."""
        self.apart.add(place)
        raise RestartError

    def _check_limits(self, ways: int) -> None:
        self._turns += 1
        if ways > WAYS * (1 if self._sample is None else SAMPLED):
            refuse(f"f has more than {WAYS} ways through it{_LOOP}", ManyWaysError)
        if self._turns * len(self.trace.nodes) > self._replayed:
            refuse(f"the ways through f take more than {self._replayed:,} operations to trace{_LOOP}", ManyWaysError)

    def note(self, ways: list[Way]) -> None:
        """Note what the ways of a helper must have finite, each where it is taken, for the function that calls it."""
        nan = self.trace.constant(math.nan)
        asked = [(*way.guards, *([nan] if way.raised else [])) for way in ways]
        for key in dict.fromkeys(itertools.chain.from_iterable(asked)):
            there = [replace(way, result=key if key in keys else ZERO) for way, keys in zip(ways, asked, strict=True)]
            self.trace.guards.append(fold(there, self.either))

    def either(self, mask: Operand, yes: Operand, no: Operand) -> Operand:
        """One number or another one, by a mask."""
        return yes if yes == no else self.trace.node("select", mask, yes, no).key


_STATE = "f decides otherwise when it is called again: it keeps state"
_LOOP = (
    ": a loop whose number of turns depends on data, or many branches; write np.where, np.maximum or np.minimum, or "
    "let helper functions return what each branch gives"
)


def foreign(function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A call of a function that must not ask for the truth of symbols."""
    return function(*args, **options)


_SHARED = hash(-1)  # and of -2
_COUNTING: dict[str, Callable[..., int]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_ASKING = {
    "UNARY_NOT", "CONTAINS_OP", "COMPARE_OP", "TO_BOOL", "FOR_ITER", "BINARY_SUBSCR", "STORE_SUBSCR", "DELETE_SUBSCR",
}  # fmt: skip
_PYTHONS_OWN = {module.__file__ for module in (collections, functools, heapq)}
"""Modules of Python's that compare as f would, in Python."""


def _is_pythons(frame: FrameType) -> bool:
    """Whether a statement or operator of the user's asks, or one of this package, which knows what it does."""
    code = frame.f_code
    if is_installed(code.co_filename):
        path = code.co_filename
        return (is_own(path) and code is not foreign.__code__) or path in _PYTHONS_OWN
    name = dis.opname[code.co_code[frame.f_lasti]]
    return "JUMP" in name or name in _ASKING


def _untaken(path: Path) -> Way:
    """The other side of a decision of which no point takes it."""
    *before, (key, value) = path
    return Way((*before, (key, not value)), NOTHING, (), raised=True)


def fold(ways: list[Way], join: Callable[[Operand, Any, Any], Any], depth: int = 0) -> Any:
    """One result of all ways by `join(mask, if true, if false)`; they lie in depth-first order."""
    if len(ways) == 1:
        return ways[0].result
    key = ways[0].path[depth][0]
    sides = [[way for way in ways if way.path[depth][1] is side] for side in (True, False)]
    return join(key, fold(sides[0], join, depth + 1), fold(sides[1], join, depth + 1))
