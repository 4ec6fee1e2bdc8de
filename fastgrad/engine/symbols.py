"""Symbols that stand for numbers while a function is traced: every operation on one appends a node."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .program import BOOLEAN, Operand

Objects = NDArray[np.object_]

_active = threading.local()


class Untraceable(BaseException):
    """f does something that cannot be traced; not an Exception, because f may catch those."""


class Trace:
    """The nodes recorded so far. A trace that was refused once stays refused, whatever f catches."""

    def __init__(self, budget: int) -> None:
        self.nodes: list[tuple[Any, ...]] = []
        self.constants: list[float] = []
        self.reason = ""
        self._budget = budget
        self._memo: dict[tuple[Any, ...], Any] = {}
        self._slots: dict[bytes, Operand] = {}

    def __enter__(self) -> Trace:
        self._outer = getattr(_active, "trace", None)
        _active.trace = self
        return self

    def __exit__(self, *_: object) -> None:
        _active.trace = self._outer
        self._memo.clear()

    def node(self, *key: Any) -> Any:
        """The symbol of a node; equal nodes are one."""
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._append(key)
        return found

    def _append(self, key: tuple[Any, ...]) -> Any:
        count = len(self.nodes)
        if count >= self._budget:
            self.refuse(f"f takes more than {self._budget} operations on single numbers")
        self.nodes.append(key)
        return (Flag if key[0] in BOOLEAN else Symbol)(self, ("v", count))

    def operand(self, value: Any) -> Operand | None:
        """A number as an operand, None if it is none."""
        kind = type(value)
        if kind is Symbol:
            return self._own(value)
        if kind is float:
            return self.constant(value)
        if kind is Literal:
            return ("k", value.value)
        if kind is Flag:
            return self.node("tofloat", self._own(value)).key  # type: ignore[no-any-return]
        return self._number(value)

    def _number(self, value: Any) -> Operand | None:
        if isinstance(value, (complex, np.complexfloating)):
            self.refuse("f computes with complex numbers")
        if isinstance(value, np.longdouble):
            self.refuse("f computes with numpy.longdouble")
        if isinstance(value, (int, float, np.floating, np.integer, np.bool_)):
            return self.constant(float(value))
        return None

    def constant(self, value: float) -> Operand:
        """The slot of a parameter; 0.0 and -0.0 have two."""
        bits = struct.pack("d", value)
        slot = self._slots.get(bits)
        if slot is None:
            slot = self._slots[bits] = ("c", len(self.constants))
            self.constants.append(value)
        return slot

    def _own(self, value: Traced) -> Operand:
        if value.trace is not self:
            self.refuse("f uses what it kept from an earlier call; let it keep no values computed from x")
        return value.key

    def refuse(self, reason: str) -> NoReturn:
        self.reason = self.reason or reason
        raise Untraceable(reason)


def refuse(reason: str) -> NoReturn:
    """Give up the trace that runs in this thread."""
    trace = getattr(_active, "trace", None)
    if trace is not None:
        trace.refuse(reason)
    raise Untraceable(reason)


class Literal:
    """A number that belongs to the structure of a program, such as the 1 of a reciprocal."""

    __slots__ = ("value",)

    def __init__(self, value: float) -> None:
        self.value = value


_FLOAT = (
    "f turns a traced value into a float: float(), a write into a float array (allocate it with np.zeros_like(x)), or a "
    "function outside NumPy and math"
)
_REFUSALS = {
    "__bool__": "f branches on its data; write np.where(...), np.maximum or np.minimum instead of if, while, and, or, not",
    "__float__": _FLOAT,
    "__int__": "f turns a traced value into an integer; use np.floor or np.trunc",
    "__index__": "f uses a traced value as an index or a count",
    "__complex__": "f turns a traced value into a complex number",
    "__format__": "f formats a traced value as text",
    "__str__": "f turns a traced value into text",
    "__repr__": "f turns a traced value into text",
    "__reduce_ex__": "f pickles a traced value",
    "__bytes__": "f turns a traced value into bytes",
}


def refusing(reason: str) -> Callable[..., Any]:
    def method(self: Any, *_: Any, **__: Any) -> Any:
        refuse(reason)

    return method


class Traced:
    """A number or a mask of a trace."""

    __slots__ = ("key", "trace")
    __hash__ = None  # type: ignore[assignment]
    dtype: np.dtype[Any] = np.dtype(object)
    shape: tuple[int, ...] = ()
    ndim, size = 0, 1

    def __init__(self, trace: Trace, key: Operand) -> None:
        self.trace, self.key = trace, key

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return call_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return call_function(function, args, options)

    def __deepcopy__(self, memo: Any) -> Traced:
        return self

    def __copy__(self) -> Traced:
        return self

    def item(self) -> Traced:
        return self

    tolist = copy = conjugate = conj = item

    @property
    def real(self) -> Traced:
        return self

    @property
    def imag(self) -> Any:
        refuse("f takes the imaginary part of a traced value")

    def astype(self, dtype: Any, copy: bool = True) -> Traced:
        check_dtype(dtype)
        return self


for _name, _reason in _REFUSALS.items():
    setattr(Traced, _name, refusing(_reason))


def _binary(name: str, swap: bool = False) -> Any:
    def method(self: Symbol, other: Any) -> Any:
        trace = self.trace
        operand = trace.operand(other)
        if operand is None:
            return NotImplemented
        return trace.node(name, operand, self.key) if swap else trace.node(name, self.key, operand)

    return method


def _by_rule(ufunc: np.ufunc, swap: bool = False) -> Any:
    """An operator whose rule is that of a ufunc."""

    def method(self: Traced, *others: Any) -> Any:
        if others and self.trace.operand(others[0]) is None:
            return NotImplemented
        return RULES[ufunc](*others, self) if swap else RULES[ufunc](self, *others)

    return method


class Symbol(Traced):
    """A number of a trace."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]
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
    __abs__, __neg__ = _by_rule(np.absolute), _by_rule(np.negative)
    __floor__, __ceil__, __trunc__ = _by_rule(np.floor), _by_rule(np.ceil), _by_rule(np.trunc)

    def __pos__(self) -> Symbol:
        return self

    def __round__(self, digits: Any = None) -> Any:
        return call_function(np.round, (self, digits or 0), {})


def _mixed(name: str) -> Any:
    """Arithmetic of a mask with a number; of two masks NumPy and Python disagree."""

    def method(self: Flag, other: Any) -> Any:
        if isinstance(other, (Flag, bool, np.bool_)):
            refuse("f computes with two comparisons as numbers; write & and |, or np.where(mask, 1.0, 0.0)")
        return getattr(as_number(self), name)(other)

    return method


class Flag(Traced):
    """A mask of a trace: the result of a comparison."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]
    __and__ = __rand__ = _by_rule(np.logical_and)
    __or__ = __ror__ = _by_rule(np.logical_or)
    __xor__ = __rxor__ = _by_rule(np.logical_xor)
    __invert__ = _by_rule(np.logical_not)


for _name in [
    "add",
    "radd",
    "sub",
    "rsub",
    "mul",
    "rmul",
    "truediv",
    "rtruediv",
    "mod",
    "rmod",
    "floordiv",
    "rfloordiv",
    "pow",
    "rpow",
    "lt",
    "le",
    "gt",
    "ge",
    "eq",
    "ne",
]:
    setattr(Flag, f"__{_name}__", _mixed(f"__{_name}__"))
for _name in ("neg", "pos", "abs", "round", "floor", "ceil", "trunc"):
    setattr(Flag, f"__{_name}__", refusing("f computes with a comparison; write np.where(mask, 1.0, 0.0)"))


def as_number(value: Any) -> Any:
    """A mask as 1.0 or 0.0, anything else as it is."""
    return value.trace.node("tofloat", value.key) if type(value) is Flag else value


class Symbols(np.ndarray[Any, np.dtype[np.object_]]):
    """An array of symbols and numbers."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return call_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return call_function(function, args, options)

    def __deepcopy__(self, memo: Any) -> Symbols:
        return self.copy()

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, (np.ndarray, Flag)) and index.dtype == object and is_mask(index):
            value = call_function(np.where, (index, value, self), {}) if np.ndim(value) == 0 else refuse(_MASKED)
            index = ...
        super().__setitem__(index, value)

    def astype(self, dtype: Any, *_: Any, copy: bool = True, **options: Any) -> Any:
        check_dtype(dtype)
        if options:
            refuse("x.astype with options other than copy cannot be traced")
        return wrap(AS_NUMBER(self.view(np.ndarray)))

    @property
    def real(self) -> Any:
        return self

    @property
    def imag(self) -> Any:
        refuse("f takes the imaginary part of a traced value")


_MASKED = "f assigns an array through a mask; write np.where(mask, new, old)"

for _name in ("__format__", "__str__", "__repr__", "__reduce_ex__", "__reduce__"):
    setattr(Symbols, _name, refusing(_REFUSALS.get(_name, _REFUSALS["__reduce_ex__"])))
for _name in ("tobytes", "tofile", "dump", "dumps"):
    setattr(Symbols, _name, refusing(f"f takes the bytes of its argument ({_name})"))
for _name in ["argmax", "argmin", "sort", "argsort", "partition", "argpartition", "nonzero", "searchsorted", "choose"]:
    setattr(Symbols, _name, refusing(f"f uses {_name}, which depends on the order of the data"))

AS_NUMBER = np.frompyfunc(as_number, 1, 1)


def is_mask(index: Any) -> bool:
    """Whether an array holds comparisons, traced or not."""
    if isinstance(index, np.ndarray) and index.dtype == object:
        return any(type(v) in (Flag, bool) for v in index.flat)
    return type(index) is Flag or getattr(index, "dtype", None) == bool


def check_dtype(dtype: Any) -> None:
    if dtype is not None and np.dtype(dtype).char not in "dO":
        refuse(f"f asks for {np.dtype(dtype)}; only float64 is traced")


def wrap(result: Any) -> Any:
    """An array of objects as Symbols, anything else as it is."""
    return result.view(Symbols) if type(result) is np.ndarray and result.dtype == object else result


def plain(value: Any) -> Any:
    """An argument of a ufunc as something that NumPy does not hand back to us."""
    if isinstance(value, Traced):
        box = np.empty((), dtype=object)
        box[()] = value
        return box
    if isinstance(value, (list, tuple)):
        value = np.asarray(value)
    if not isinstance(value, np.ndarray):
        return value
    if type(value) not in (np.ndarray, Symbols, np.memmap):
        refuse(f"f mixes its argument with a {type(value).__name__}")
    if value.dtype.char not in "?bBhHiIlLqQefdO":
        refuse(f"f mixes its argument with an array of {value.dtype}")
    return value.view(np.ndarray)


RULES: dict[np.ufunc, Callable[..., Any]] = {}
"""What a ufunc does with single values."""
LOOPS: dict[np.ufunc, Callable[..., Any]] = {}
"""What a ufunc does with arrays of objects."""
METHODS: dict[str, Callable[..., Any]] = {}
"""Methods of ufuncs: reduce, accumulate, outer."""
FUNCTIONS: dict[Any, Callable[..., Any]] = {}
"""NumPy's functions that are not ufuncs."""


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Apply the rule of a ufunc."""
    out = options.pop("out", None)
    options.pop("subok", None)
    if method != "__call__":
        result = guarded(f"np.{ufunc.__name__}.{method}", METHODS.get(method), (ufunc, *inputs), options)
    elif options:
        refuse(f"np.{ufunc.__name__} with the keyword {next(iter(options))!r} cannot be traced")
    else:
        result = elementwise(ufunc, *inputs)
    return result if out is None else _store(out, result)


def elementwise(ufunc: np.ufunc, *inputs: Any) -> Any:
    """A ufunc of numbers, symbols and arrays of them."""
    loop = LOOPS.get(ufunc) or _unlisted(ufunc)
    if ufunc in RULES and not any(isinstance(v, (np.ndarray, list, tuple)) for v in inputs):
        return RULES[ufunc](*inputs)
    try:
        result = loop(*map(plain, inputs))
    except Exception as error:
        refuse(f"np.{ufunc.__name__}: {error}")
    return tuple(map(wrap, result)) if type(result) is tuple else wrap(result)


def _unlisted(ufunc: np.ufunc) -> Callable[..., Any]:
    """np.frompyfunc and np.vectorize make ufuncs that run Python on each element."""
    if ufunc.types == ["O" * ufunc.nin + "->" + "O" * ufunc.nout]:
        return ufunc
    refuse(f"f uses the ufunc {ufunc.__name__}, which has no rule for tracing")


def _store(out: Any, result: Any) -> Any:
    target = out[0] if isinstance(out, tuple) else out
    if not (isinstance(target, np.ndarray) and target.dtype == object and np.shape(result) == target.shape):
        refuse("f writes into a float array (out= or an in-place operator); allocate it with np.zeros_like(x)")
    target[...] = result
    return target


def call_function(function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Apply the rule of a NumPy function."""
    name = f"{function.__module__}.{function.__name__}".replace("numpy.", "np.", 1)
    return guarded(name, FUNCTIONS.get(function), args, options)


def method(name: str, rule: Callable[..., Any]) -> None:
    """Make a rule a method of arrays of symbols."""

    def call(self: Symbols, *args: Any, **options: Any) -> Any:
        return guarded(f"x.{name}", rule, (self, *args), options)

    setattr(Symbols, name, call)


def guarded(name: str, rule: Callable[..., Any] | None, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Run a rule. Errors inside it are refusals: f would otherwise be free to catch them and return something else."""
    if rule is None:
        refuse(f"f uses {name}, which has no rule for tracing")
    try:
        return wrap(rule(*args, **options))
    except Exception as error:
        refuse(f"{name} as f uses it cannot be traced: {error}")
