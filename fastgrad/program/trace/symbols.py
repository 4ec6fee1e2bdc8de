"""Symbols that stand for numbers while a function is traced: every operation on one appends a node."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

import numpy as np

from ..operands import RESULTS
from ..program import BOOLEAN, Operand
from . import integers
from .narrowtypes import is_narrow, type_of_result
from .operators import COMPLEXES, with_list, with_other
from .places import is_asked_by_f
from .refusals import REFUSALS, BranchesError, active, check_dtype, refuse, refusing, unhashable

RULES: dict[np.ufunc, Callable[..., Any]] = {}
"""What a ufunc does with single values."""


_ARITHMETIC = {"+", "-", "*", "/", "neg", "abs", "pow", "mod", "floordiv", "max", "min"}
KEPT = "f uses what it kept from an earlier call; let it keep no values computed from x"
_RAISING = {"/", "pow", "mod", "floordiv"}  # where NumPy gives inf or NaN
_WHOLE = {"+", "-", "*", "neg", "abs", "mod", "floordiv", "max", "min", "fmax", "fmin", "select"}
_SIGNED = {"neg", "*", "mod", "floordiv"}  # of which 0 has a sign where they are of floats
_COUNTED = {"tofloat", "select", "+", "-", "*"}
_COMPARING = {"lt", "le", "gt", "ge", "eq", "ne"}


class Trace:
    """The nodes recorded so far. A trace that was refused once stays refused, whatever f catches."""

    def __init__(self, budget: int) -> None:
        self.nodes: list[tuple[Any, ...]] = []
        self.constants: list[float] = []
        self.guards: list[Operand] = []  # results of functions that raise in Python where these are not finite
        self.reason = ""
        self.outermost: FrameType | None = None  # who traces; what is called from there is f's
        self.pythons: set[Operand] = set()  # Python's there: floats, whose division by 0 raises, and bools
        self.integers: set[Operand] = set()  # nodes that may be integers of Python's, or counts ...
        self.counted: set[Operand] = set()  # ... and those that are for sure
        self.narrow: dict[Operand, np.dtype[Any]] = {}  # what is no float64 in Python, inputs and parameters too
        # What is an integer there, and its largest size, where batch arguments are some or a branch chose one of two.
        self.whole: dict[Operand, int] = {}
        self.fills = False  # whether f writes into arrays, so that those it makes have to take symbols ...
        self.picks = self.counts = False  # ... or picks their elements by traced integers, or counts by them
        self.unpacked = False  # whether f takes Python's numbers out of arrays
        self.paths: Any = None  # what decides about the truth of a symbol ...
        self.branches = False  # ... and whether that was asked where nothing does
        self.decided = False  # whether there is another way through f than this one
        self.said = False  # whether a value was put into a text
        self.parts: list[Any] = []  # weak references to arrays, and to parts that were taken of them, and where
        self.unwritten: Any = None  # where a part was changed that has not been put back
        self._budget = budget
        self._raising: set[Operand] = set()  # nodes where Python's arithmetic raises
        self._memo: dict[tuple[Any, ...], Any] = {}
        self._slots: dict[float | bytes, Operand] = {}

    def __enter__(self) -> Self:
        self._outer, self.outermost = getattr(active, "trace", None), sys._getframe(1)
        active.trace = self
        return self

    def __exit__(self, *_: object) -> None:
        active.trace, self.outermost = self._outer, None
        self.paths = None
        self._memo.clear()

    def node(self, *key: Any) -> Any:
        """The symbol of a node; equal nodes are one."""
        return self.at(key)

    def at(self, key: tuple[Any, ...]) -> Any:
        """As `node`; the way that every operation goes, in a microsecond."""
        found = self._memo.get(key)
        if found is None:
            if (n := len(self.nodes)) >= self._budget:
                refuse(f"f takes more than {self._budget} operations on single numbers")
            if self.whole or self.pythons or self.unpacked or self.integers or self.narrow or key[0] == "tofloat":
                self._note(key)
            found = self._memo[key] = (Flag if key[0] in BOOLEAN else Symbol)(self, RESULTS[n])
            self.nodes.append(key)
            if key[0] in _SIGNED and found.key in self.counted and found.key in self.pythons:
                found = self._memo[key] = self._unsigned(found.key)
        elif self._raising and found.key in self._raising:  # on another way through f
            self.guards.append(found.key)
        return found

    def _unsigned(self, key: Operand) -> Symbol:
        """One of Python's integers, whose 0 has no sign; NumPy's may be floats in an array without being asked."""
        found: Symbol = self.at(("+", ("k", 0.0), key))
        self.count(found.key)
        if key in self.whole:
            self.whole[found.key] = self.whole[key]
        return found

    def count(self, key: Operand) -> None:
        """Note that a node is an integer; from here on it is known which constants are."""
        self.integer(0)
        self.integers.add(key)
        self.counted.add(key)

    def _note(self, key: tuple[Any, ...]) -> None:
        if self.narrow and (kind := type_of_result(self, key)):
            self.narrow["v", len(self.nodes)] = kind
        if self.whole:
            integers.note_size(self, key)
        if self.pythons or self.unpacked:
            self._check_pythons(key)
        if key[0] == "tofloat" or (self.integers and key[0] in _WHOLE):
            integers.note(self, key)

    def _check_pythons(self, key: tuple[Any, ...]) -> None:
        """Arithmetic of Python's own floats is Python's too."""
        name, *operands = key
        if (name in _ARITHMETIC or name in _COMPARING) and all(map(self._is_pythons, operands)):
            self.pythons.add(("v", len(self.nodes)))
            if name in _RAISING:
                self._raising.add(("v", len(self.nodes)))
                self.guards.append(("v", len(self.nodes)))

    def _is_pythons(self, operand: Operand) -> bool:
        return operand[0] in "kc" or operand in self.pythons or (operand[0] in "xb" and self.unpacked)

    def operand(self, value: Any) -> Operand | None:
        """A number as an operand, None if it is none."""
        kind = type(value)
        if kind is Symbol:
            return self._own(value)
        if kind is float or (kind is int and not self.whole):  # before others: an array's elements each meet a 1
            return self.constant(1.0 * value)
        if kind is Literal:
            return ("k", value.value)
        if issubclass(kind, Flag):
            return self.node("tofloat", self._own(value)).key  # type: ignore[no-any-return]
        return self._number(value)

    def _number(self, value: Any) -> Operand | None:
        if isinstance(value, np.longdouble):
            refuse("f computes with numpy.longdouble")
        if isinstance(value, np.number) and is_narrow(value.dtype):
            return self._of_type(value)
        if isinstance(value, (int, float, np.floating, np.integer, np.bool_)):
            whole = bool(self.whole) and isinstance(value, (int, np.integer, np.bool_))
            return self.integer(value) if whole else self.constant(float(value))
        return None

    def _of_type(self, value: Any) -> Operand:
        """The slot of a parameter that keeps its type."""
        slot = self.constant(float(value), value.dtype.char)
        self.narrow[slot] = value.dtype
        return slot

    def integer(self, value: Any) -> Operand:
        """The slot of a parameter that is an integer."""
        slot = self.constant(float(value), "integer")
        self.whole[slot] = abs(int(value))
        return slot

    def constant(self, value: float, kind: str = "") -> Operand:
        """The slot of a parameter; 0.0 and -0.0 have two, and so have 2 and 2.0 where types matter."""
        bits = value if value and not kind and value == value else struct.pack("d", value) + kind.encode()  # noqa: PLR0124
        slot = self._slots.get(bits)
        if slot is None:
            slot = self._slots[bits] = ("c", len(self.constants))
            self.constants.append(value)
        return slot

    def _own(self, value: Traced) -> Operand:
        if value.trace is not self:
            refuse(KEPT)
        return value.key


class Literal:
    """A number that belongs to the structure of a program, such as the 1 of a reciprocal."""

    __slots__ = ("value",)

    def __init__(self, value: float) -> None:
        self.value = value


OBJECT = np.dtype(object)


class Traced:
    """A number or a mask of a trace."""

    __slots__ = ("key", "trace")
    shape: tuple[int, ...] = ()
    ndim, size = 0, 1

    def __init__(self, trace: Trace, key: Operand) -> None:
        self.trace, self.key = trace, key

    def __bool__(self) -> bool:
        trace = getattr(active, "trace", None)
        if trace is not self.trace:
            refuse(KEPT)
        if trace.paths is None:
            trace.branches = True
            raise BranchesError
        return bool(trace.paths.asked(self._truth()))

    def _truth(self) -> Operand:
        mask: Operand = self.trace.node("ne", self.key, ("k", 0.0)).key
        return mask

    @property
    def dtype(self) -> np.dtype[Any]:
        """f sees the type of the number, NumPy's own code that of an object."""
        return self.type if is_asked_by_f() else OBJECT

    @property
    def type(self) -> np.dtype[Any]:
        """That of the number which it stands for."""
        if isinstance(self, Flag):
            return np.dtype(bool)
        return self.trace.narrow.get(self.key, np.dtype(int if self.key in self.trace.whole else float))

    def __deepcopy__(self, memo: Any) -> Traced:
        return self

    def item(self) -> Traced:
        self.trace.unpacked = True
        return self

    tolist = item

    def copy(self) -> Traced:
        return self

    conjugate = conj = __copy__ = copy

    @property
    def real(self) -> Traced:
        return self

    @property
    def imag(self) -> Any:
        return 0.0

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        check_dtype(dtype)
        return as_number(self)


for _name, _reason in REFUSALS.items():
    setattr(Traced, _name, refusing(_reason))


def _binary(name: str, swap: bool = False) -> Any:
    def method(self: Symbol, other: Any) -> Any:
        trace = self.trace
        operand = other.key if type(other) is Symbol and other.trace is trace else trace.operand(other)
        if operand is None:
            return with_other(name, self, other, swap)
        return trace.at((name, operand, self.key) if swap else (name, self.key, operand))

    return method


def _by_rule(ufunc: np.ufunc, swap: bool = False) -> Any:
    """An operator of two values whose rule is that of a ufunc."""

    def method(self: Traced, other: Any) -> Any:
        ruled = type(other) in (int, float) or type(other) in COMPLEXES  # the rule makes no constant of a 2
        if not ruled and self.trace.operand(other) is None:
            return with_list(ufunc, self, other, swap)
        return RULES[ufunc](other, self) if swap else RULES[ufunc](self, other)

    return method


def _of_one(ufunc: np.ufunc) -> Any:
    def method(self: Traced) -> Any:
        return RULES[ufunc](self)

    return method


class Symbol(Traced):
    """A number of a trace."""

    __slots__ = ()
    __add__, __radd__ = _binary("+"), _binary("+", swap=True)
    __sub__, __rsub__ = _binary("-"), _binary("-", swap=True)
    __mul__, __rmul__ = _binary("*"), _binary("*", swap=True)
    __truediv__, __rtruediv__ = _binary("/"), _binary("/", swap=True)
    __mod__, __rmod__ = _binary("mod"), _binary("mod", swap=True)
    __floordiv__, __rfloordiv__ = _binary("floordiv"), _binary("floordiv", swap=True)
    __lt__, __le__, __gt__, __ge__ = _binary("lt"), _binary("le"), _binary("gt"), _binary("ge")
    __eq__, __ne__ = _binary("eq"), _binary("ne")
    __pow__, __rpow__ = _by_rule(np.power), _by_rule(np.power, swap=True)
    __divmod__, __rdivmod__ = _by_rule(np.divmod), _by_rule(np.divmod, swap=True)
    __abs__, __neg__ = _of_one(np.absolute), _of_one(np.negative)
    __floor__, __ceil__, __trunc__ = _of_one(np.floor), _of_one(np.ceil), _of_one(np.trunc)

    def __pos__(self) -> Symbol:
        return self

    def __hash__(self) -> int:
        return hash(self.__index__()) if self._is_whole() else unhashable(self)

    def _is_whole(self) -> bool:
        return self.key in self.trace.whole or self.key in self.trace.integers

    def __index__(self) -> int:
        """Of what is counted by masks their truth is asked; of other integers whether they are 0, 1, 2 and so on."""
        trace, (kind, place), whole = self.trace, self.key, self._is_whole()
        masks = kind == "v" and trace.nodes[int(place)][0] in _COUNTED
        if trace.paths is None and (masks or (whole and trace.counts)):
            trace.branches = True
            raise BranchesError
        return int(trace.paths.integer(self)) if whole and trace.paths else refuse(REFUSALS["__index__"])


_MASK = "f computes with a comparison; write np.where(mask, 1.0, 0.0)"


def _of_two(name: str, a: Flag, b: Any) -> Any:
    """Of NumPy's masks a product is and, a sum is or; of Python's they are integers."""
    rule = _LOGIC.get(name)
    pythons = a.trace.unpacked or any(v.key in a.trace.pythons for v in (a, b) if isinstance(v, Flag))
    if rule is None or (pythons and rule in (np.logical_and, np.logical_or)):
        refuse("f computes with two comparisons as numbers; write & and |, or np.where(mask, 1.0, 0.0)")
    return RULES[rule](a, b)


_LOGIC: dict[str, Any] = {"__mul__": np.logical_and, "__rmul__": np.logical_and, "__add__": np.logical_or}
_LOGIC |= {"__radd__": np.logical_or, "__eq__": np.equal, "__ne__": np.not_equal}


def _mixed(name: str) -> Any:
    """Arithmetic of a mask with a number, or with another mask."""

    def method(self: Flag, other: Any) -> Any:
        if isinstance(other, (Flag, bool, np.bool_)):
            return _of_two(name, self, other)
        return getattr(as_number(self), name)(other)

    return method


class Flag(Traced):
    """A mask of a trace: the result of a comparison."""

    __slots__ = ()
    __and__ = __rand__ = _by_rule(np.bitwise_and)
    __or__ = __ror__ = _by_rule(np.bitwise_or)
    __xor__ = __rxor__ = _by_rule(np.bitwise_xor)

    def _truth(self) -> Operand:
        return self.key

    def __int__(self) -> int:
        return int(bool(self))

    __hash__ = __int__

    def __index__(self) -> int:
        """Of one of Python's, as `any` gives; NumPy's are no indices of lists, and no counts."""
        return int(bool(self)) if self.key in self.trace.pythons else refuse(REFUSALS["__index__"])

    def __float__(self) -> float:
        return float(bool(self))

    def __invert__(self) -> Any:
        if self.trace.unpacked or self.key in self.trace.pythons:
            refuse(
                "f applies ~ to a comparison of Python's numbers, where it is arithmetic; write not, or np.logical_not"
            )
        return RULES[np.logical_not](self)


for _name in ("add", "sub", "mul", "truediv"):
    setattr(Flag, f"__{_name}__", _mixed(f"__{_name}__"))
    setattr(Flag, f"__r{_name}__", _mixed(f"__r{_name}__"))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Flag, f"__{_name}__", _mixed(f"__{_name}__"))
_REFUSED = ("neg", "pos", "abs", "round", "floor", "ceil", "trunc", "pow", "rpow", "mod", "rmod")
for _name in (*_REFUSED, "floordiv", "rfloordiv", "divmod", "rdivmod"):  # these of integers in NumPy
    setattr(Flag, f"__{_name}__", refusing(_MASK))


def as_number(value: Any) -> Any:
    """A mask as 1.0 or 0.0, anything else as it is."""
    return value.trace.node("tofloat", value.key) if isinstance(value, Flag) else value
