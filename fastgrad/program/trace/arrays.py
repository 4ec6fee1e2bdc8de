"""Arrays of symbols, and how NumPy's functions find their rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..captures import home
from .refusals import REFUSALS, refuse, refusing
from .symbols import RULES, Flag, Symbol, Traced, as_number, check_dtype

Objects = NDArray[np.object_]

LOOPS: dict[np.ufunc, Callable[..., Any]] = {}
"""What a ufunc does with arrays of objects."""
METHODS: dict[str, Callable[..., Any]] = {}
"""Methods of ufuncs: reduce, accumulate, outer."""
FUNCTIONS: dict[Any, Callable[..., Any]] = {}
"""NumPy's functions that are not ufuncs."""
LATER: list[Callable[[np.ufunc], Callable[..., Any] | None]] = []
"""Who knows the loops of ufuncs that may not be there yet, of other libraries than NumPy."""


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


_MASKED = "f assigns an array through a mask; write np.where(mask, new, old)"

for _name in ("__format__", "__str__", "__repr__", "__reduce_ex__", "__reduce__"):
    setattr(Symbols, _name, refusing(REFUSALS[_name]))
for _name in ("tobytes", "tofile", "dump", "dumps"):
    setattr(Symbols, _name, refusing(f"f takes the bytes of its argument ({_name})"))
    setattr(Traced, _name, refusing(f"f takes the bytes of its argument ({_name})"))
for _name in ["argmax", "argmin", "sort", "argsort", "partition", "argpartition", "nonzero", "searchsorted", "choose"]:
    setattr(Symbols, _name, refusing(f"f uses {_name}, which depends on the order of the data"))

for _name in ("byteswap", "getfield", "setfield", "newbyteorder"):
    setattr(Symbols, _name, refusing(f"f treats the bytes of its argument ({_name})"))
for _name in ("ctypes", "data", "__array_interface__", "__array_struct__"):
    setattr(Symbols, _name, property(refusing(f"f takes the memory of its argument ({_name})")))
for _name in ("ctypes", "data"):  # NumPy itself asks whatever it is given for the others, which symbols do not have
    setattr(Traced, _name, property(refusing(f"f takes the memory of its argument ({_name})")))
# Since Python 3.12; before, `mentions` sees who asks for a buffer.
Symbols.__buffer__ = refusing("f takes the memory of its argument (a buffer)")  # type: ignore[attr-defined]
Symbols.real = property(lambda self: self)  # type: ignore[assignment, method-assign]
Symbols.imag = property(refusing("f takes the imaginary part of a traced value"))  # type: ignore[assignment, method-assign]

AS_NUMBER = np.frompyfunc(as_number, 1, 1)


def is_mask(index: Any) -> bool:
    """Whether an array holds comparisons, traced or not."""
    if isinstance(index, np.ndarray) and index.dtype == object:
        return any(type(v) in (Flag, bool) for v in index.flat)
    return type(index) is Flag or getattr(index, "dtype", None) == bool


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
    except Exception as error:  # noqa: BLE001  # whatever NumPy raises
        refuse(f"np.{ufunc.__name__}: {error}")
    return tuple(map(wrap, result)) if type(result) is tuple else wrap(result)


def _unlisted(ufunc: np.ufunc) -> Callable[..., Any]:
    """np.frompyfunc and np.vectorize make ufuncs that run Python on each element."""
    if ufunc.types == ["O" * ufunc.nin + "->" + "O" * ufunc.nout]:
        return ufunc
    found = next((loop for look in LATER if (loop := look(ufunc))), None)
    return found or refuse(f"f uses the ufunc {ufunc.__name__}, which has no rule for tracing")


def _store(out: Any, result: Any) -> Any:
    target = out[0] if isinstance(out, tuple) else out
    if not (isinstance(target, np.ndarray) and target.dtype == object and np.shape(result) == target.shape):
        refuse("f writes into a float array (out= or an in-place operator); allocate it with np.zeros_like(x)")
    if is_mask(target) and not is_mask(result):
        refuse("f writes numbers into an array of comparisons")
    target[...] = result
    return target


def call_function(function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Apply the rule of a NumPy function."""
    name = f"{home(function)}.{function.__name__}".replace("numpy.", "np.", 1)
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
    except Exception as error:  # noqa: BLE001
        refuse(f"{name} as f uses it cannot be traced: {error}")


def _scalar_ufunc(self: Traced, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    return call_ufunc(ufunc, method, inputs, options)


def _scalar_function(self: Traced, function: Any, types: Any, args: Any, options: Any) -> Any:
    return call_function(function, args, options)


def _rounded(self: Symbol, digits: Any = None) -> Any:
    return call_function(np.round, (self, digits or 0), {})


def _astype(a: Any, dtype: Any, *, copy: bool = True) -> Any:
    check_dtype(dtype)
    return np.asarray(AS_NUMBER(a.view(np.ndarray)), dtype=object) if copy or is_mask(a) else a


def _unpacking(name: str) -> Callable[..., Any]:
    """item and tolist, which give numbers of Python."""

    def rule(a: Any, *args: Any) -> Any:
        for value in a.flat:
            if isinstance(value, Traced):
                value.trace.unpacked = True
        return getattr(a.view(np.ndarray), name)(*args)

    return rule


Traced.__array_ufunc__ = _scalar_ufunc  # type: ignore[attr-defined]
Traced.__array_function__ = _scalar_function  # type: ignore[attr-defined]
Symbol.__round__ = _rounded  # type: ignore[attr-defined]
method("astype", _astype)
for _name in ("item", "tolist"):
    method(_name, _unpacking(_name))
