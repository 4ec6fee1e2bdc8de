"""Arrays of symbols, and how NumPy's functions find their rules."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..captures import home
from ..program import ZERO
from .narrowtypes import is_narrow, with_types
from .operators import COMPLEXES, any_complex
from .parts import changes_part, check_is_whole, taken
from .places import is_asked_by_f
from .powers import check_power
from .refusals import REFUSALS, WRITES, check_dtype, refuse, refusing
from .symbols import OBJECT, RULES, Flag, Literal, Symbol, Traced, as_number

Objects = NDArray[np.object_]

LOOPS: dict[np.ufunc, Callable[..., Any]] = {}
"""What a ufunc does with arrays of objects."""
METHODS: dict[str, Callable[..., Any]] = {}
"""Methods of ufuncs: reduce, accumulate, outer."""
FUNCTIONS: dict[Any, Callable[..., Any]] = {}
"""NumPy's functions that are not ufuncs."""
OTHERS: dict[type, Callable[..., Any]] = {}
"""What ufuncs do with other arrays than NumPy's own and those of symbols."""
LATER: list[Callable[[np.ufunc], Callable[..., Any] | None]] = []
"""Who knows the loops of ufuncs that may not be there yet, of other libraries than NumPy."""


def _of_numbers_only(name: str, reason: str) -> Callable[..., Any]:
    """A method that needs numbers: without them refused."""

    def call(self: Symbols, *args: Any, **options: Any) -> Any:
        if holds_symbols((self, *args)):
            refuse(reason)
        return getattr(real(self), name)(*args, **options)

    return call


class Symbols(np.ndarray[Any, np.dtype[np.object_]]):
    """An array of symbols and numbers."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return call_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return call_function(function, args, options)

    @property
    def dtype(self) -> np.dtype[Any]:
        """f sees the type of the numbers, NumPy's own code that of objects."""
        return number_type(self) if is_asked_by_f() else OBJECT

    def __deepcopy__(self, memo: Any) -> Symbols:
        return self.copy()


for _name in ("__format__", "__str__", "__repr__", "__reduce_ex__", "__reduce__"):
    setattr(Symbols, _name, refusing(REFUSALS[_name]))
for _name in ("tobytes", "tofile", "dump", "dumps"):
    setattr(Symbols, _name, refusing(f"f takes the bytes of its argument ({_name})"))
    setattr(Traced, _name, refusing(f"f takes the bytes of its argument ({_name})"))
for _name in ["argpartition", "choose"]:
    setattr(Symbols, _name, _of_numbers_only(_name, f"f uses {_name}, which depends on the order of the data"))

for _name in ("byteswap", "getfield", "setfield", "newbyteorder"):
    setattr(Symbols, _name, refusing(f"f treats the bytes of its argument ({_name})"))
for _name in ("ctypes", "data", "__array_interface__", "__array_struct__"):
    setattr(Symbols, _name, property(refusing(f"f takes the memory of its argument ({_name})")))
for _name in ("ctypes", "data"):  # NumPy itself asks whatever it is given for the others, which symbols do not have
    setattr(Traced, _name, property(refusing(f"f takes the memory of its argument ({_name})")))
# Since Python 3.12; before, `mentions` sees who asks for a buffer.
Symbols.__buffer__ = refusing("f takes the memory of its argument (a buffer)")  # type: ignore[attr-defined]
Symbols.real = property(lambda self: part(self, "real"))  # type: ignore[assignment, method-assign]
Symbols.imag = property(lambda self: part(self, "imag"))  # type: ignore[assignment, method-assign]


def overlap(a: Any, b: Any) -> bool:
    """Whether two arrays may share memory, as plain ones, of which NumPy does not ask the rules."""
    return np.may_share_memory(a.view(np.ndarray), b.view(np.ndarray))


AS_NUMBER = np.frompyfunc(as_number, 1, 1)
_USUAL = frozenset({Symbols, Symbol, Flag, Literal, np.ndarray, np.float64, float, int, bool})


def as_float(value: Any) -> Any:
    """A value as an array of floats holds it: a mask as 1.0 or 0.0, an integer as a float; None is no number yet."""
    return widened(as_number(value)) if isinstance(value, Traced) or value is None else _as_plain(value)


def _as_plain(value: Any) -> float | complex:
    return complex(value) if type(value) in COMPLEXES else float(value)


as_floats = np.frompyfunc(as_float, 1, 1)


def widened(value: Any) -> Any:
    """A number of a narrow type as one of NumPy's own float64 and int64, where it is stored or added up as such."""
    if isinstance(value, np.number) and is_narrow(value.dtype):
        return value.item()
    if not isinstance(value, Symbol) or value.key not in value.trace.narrow:
        return value
    trace, kinds = value.trace, value.trace.narrow
    trace.narrow = {}
    try:
        return trace.node("select", trace.node("eq", ZERO, ZERO).key, value.key, ZERO)
    finally:
        trace.narrow = kinds


def holds_symbols(value: Any) -> bool:
    """Whether a value is traced, or an array or a sequence with traced elements."""
    if isinstance(value, np.ndarray):
        return value.dtype == object and any(isinstance(v, Traced) for v in value.view(np.ndarray).flat)
    if isinstance(value, (list, tuple)):
        return any(map(holds_symbols, value))
    return isinstance(value, Traced) or hasattr(type(value), "__traced__")


def real(value: Any) -> Any:
    """Arrays of symbols that hold numbers only, as NumPy's own arrays; in sequences too."""
    if isinstance(value, Symbols):
        return np.array(value.view(np.ndarray).tolist(), number_type(value)).reshape(value.shape)
    return type(value)(map(real, value)) if type(value) in (list, tuple) else value


def number_type(array: Symbols) -> np.dtype[Any]:
    """The type of the numbers that an array's elements stand for."""
    return np.dtype(complex) if holds_complex(array) else type_of_first(array)


def type_of_first(array: Symbols) -> np.dtype[Any]:
    """As `number_type`, but that one complex number among others is enough to make all complex."""
    first = next(iter(array.view(np.ndarray).flat), None)
    if isinstance(first, Traced):
        return first.type
    if isinstance(first, np.generic):
        return first.dtype
    return np.dtype(bool if type(first) is bool else float)


def holds_complex(value: Any) -> bool:
    """Whether an array, or a number, is complex."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        return any_complex(value.view(np.ndarray).ravel().tolist())
    return type(value) in COMPLEXES or getattr(value, "dtype", OBJECT).kind == "c"


def part(value: Any, name: str) -> Any:
    """The real or the imaginary part of a number or an array; of real ones the one is itself."""
    if name == "real" and not holds_complex(value):
        return value
    if not isinstance(value, np.ndarray):
        return getattr(value, name)
    return wrap(taken(value, name)) if holds_complex(value) else np.zeros(value.shape)


def of_numbers(function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A function of NumPy's on arrays that hold numbers only; what it makes of floats takes symbols again."""
    copies = list[tuple[Symbols, NDArray[Any]]]()

    def copied(value: Any) -> Any:
        if isinstance(value, Symbols):
            copies.append((value, real(value)))
            return copies[-1][1]
        return type(value)(map(copied, value)) if type(value) in (list, tuple) else value

    result = function(*map(copied, args), **{name: copied(value) for name, value in options.items()})
    for array, copy in copies:  # some functions write into what they are given
        array.view(np.ndarray)[...] = copy
    many = type(result) is tuple
    made = [
        np.array(part, dtype=object).view(Symbols) if type(part) is np.ndarray and part.dtype == np.float64 else part
        for part in (result if many else [result])
    ]
    return tuple(made) if many else made[0]


def is_mask(index: Any) -> bool:
    """Whether an array holds comparisons, traced or not."""
    if isinstance(index, np.ndarray) and index.dtype == object:
        return any(isinstance(v, (Flag, bool)) for v in index.flat)
    return isinstance(index, Flag) or getattr(index, "dtype", None) == bool


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
        value = np.asarray(value, dtype=object if holds_symbols(value) else None)
    if hasattr(type(value), "__traced__"):
        refuse("f combines the elements that a mask selects with an array; write np.where(mask, a, b)")
    if not isinstance(value, np.ndarray):
        return value
    if type(value) not in (np.ndarray, Symbols, np.memmap) and not hasattr(value, "__table__"):
        refuse(f"f mixes its argument with a {type(value).__name__}")
    if value.dtype.char not in "?bBhHiIlLqQefdDO":
        refuse(f"f mixes its argument with an array of {value.dtype}")
    return with_types(value) if is_narrow(value.dtype) else value.view(np.ndarray)


def _is_wide(value: Any) -> bool:
    """Whether it is one of NumPy's float64 or int64, or an array of some, in which others are computed with it."""
    if isinstance(value, (np.ndarray, np.number)) and value.dtype != OBJECT:
        return not is_narrow(value.dtype) and value.dtype.kind in "iufc"
    if type(value) is Symbol:
        return not value.trace.unpacked and value.key not in value.trace.pythons and value.type == np.float64
    return type(value) is Symbols and number_type(value) in (np.float64, np.int64, np.complex128)


def as_computed(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arrays of other types than float64 as NumPy computes with them: as float64 beside such, else in their own."""
    if not any(isinstance(v, (np.ndarray, np.number)) and is_narrow(v.dtype) for v in inputs):
        return inputs
    wide, many = any(map(_is_wide, inputs)), any(isinstance(v, (np.ndarray, list, tuple)) for v in inputs)

    def computed(value: Any) -> Any:
        if not isinstance(value, (np.ndarray, np.number)) or not is_narrow(value.dtype):
            return value
        if wide:
            return np.asarray(value, dtype=np.float64)[()]
        return with_types(np.asarray(value)) if many else value  # of one number NumPy's loops would make Python's

    return tuple(map(computed, inputs))


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Apply the rule of a ufunc."""
    if not _USUAL.issuperset(map(type, inputs)):
        found = _of_others(ufunc, method, inputs)
        if found is not None:
            return found
    out = options.pop("out", None)
    options.pop("subok", None)
    where = options.pop("where", True) if method == "__call__" and out is not None else True
    if method != "__call__":
        result = guarded(f"np.{ufunc.__name__}.{method}", METHODS.get(method), (ufunc, *inputs), options)
    elif set(options) == {"axis"} and ufunc.signature and ufunc in LOOPS:
        result = LOOPS[ufunc](*inputs, **options)
    elif options and not _are_usual(options, inputs):
        refuse(f"np.{ufunc.__name__} with the keyword {next(iter(options))!r} cannot be traced")
    else:
        result = elementwise(ufunc, *inputs)
    if where is not True:  # elsewhere what is there stays
        result = FUNCTIONS[np.where](where, result, out[0] if isinstance(out, tuple) else out)
    return result if out is None else _store(out, result)


def _are_usual(options: dict[str, Any], inputs: tuple[Any, ...]) -> bool:
    """Whether options say no more than that numbers are float64."""
    kind = options.get("dtype")
    usual = set(options) <= {"dtype", "casting", "order"} and (kind is None or np.dtype(kind) == np.float64)
    return usual and not any(map(is_mask, inputs))


def _of_others(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...]) -> Any:
    """What is made of arguments with rules of their own, None if there are none."""
    if any(hasattr(type(value), "__traced__") for value in inputs):
        return NotImplemented
    rule = next((OTHERS[type(value)] for value in inputs if type(value) in OTHERS), None)
    return rule(ufunc, *inputs) if rule and method == "__call__" else None


def elementwise(ufunc: np.ufunc, *inputs: Any) -> Any:
    """A ufunc of numbers, symbols and arrays of them."""
    if ufunc not in LOOPS and not holds_symbols(inputs):
        return of_numbers(ufunc, inputs, {})
    loop, inputs = LOOPS.get(ufunc) or _unlisted(ufunc), as_computed(inputs)
    if ufunc is np.power:
        check_power(*inputs)
    if ufunc in RULES and not any(isinstance(v, (np.ndarray, list, tuple)) for v in inputs):
        return RULES[ufunc](*inputs)
    try:
        result = loop(*map(plain, inputs))
    except Exception as error:  # noqa: BLE001  # whatever NumPy raises
        refuse(f"np.{ufunc.__name__}: {_told(error)}")
    if type(result) is tuple:
        return tuple(map(wrap, result))
    return _masks(result) if _makes_masks(ufunc) else wrap(result)


@lru_cache(maxsize=256)
def _makes_masks(ufunc: np.ufunc) -> bool:
    return "?" in (ufunc.types[0][-1], ufunc.types[-1][-1])


def _masks(result: Any) -> Any:
    """Masks that are all known are NumPy's own: of two of them + is or."""
    if type(result) is np.ndarray and not holds_symbols(result) and is_mask(result):
        return result.astype(bool)
    return wrap(result)


def _unlisted(ufunc: np.ufunc) -> Callable[..., Any]:
    """np.frompyfunc and np.vectorize make ufuncs that run Python on each element."""
    if ufunc.types == ["O" * ufunc.nin + "->" + "O" * ufunc.nout]:
        return ufunc
    found = next((loop for look in LATER if (loop := look(ufunc))), None)
    return found or refuse(f"f uses the ufunc {ufunc.__name__}, which has no rule for tracing")


def _store(out: Any, result: Any) -> Any:
    target = out[0] if isinstance(out, tuple) else out
    if not (isinstance(target, np.ndarray) and target.dtype == object and np.shape(result) == target.shape):
        refuse(WRITES)
    if is_mask(target) and not is_mask(result):
        refuse("f writes numbers into an array of comparisons")
    if changes_part(target):
        target.view(np.ndarray)[...] = result
    else:
        target[...] = result
    return target


PUTTING = {np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis}
"""Functions of NumPy's that write into an array."""


def call_function(function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Apply the rule of a NumPy function."""
    if function not in FUNCTIONS and not holds_symbols((*args, *options.values())):
        return of_numbers(function, args, options)
    name = f"{home(function)}.{function.__name__}".replace("numpy.", "np.", 1)
    if function in PUTTING and isinstance(args[0], np.ndarray):
        check_is_whole(args[0])
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
    out = options.get("out")
    if isinstance(out, np.ndarray):
        options = {key: value for key, value in options.items() if key != "out"}
    try:
        result = wrap(rule(*args, **options))
        return _store(out, result) if isinstance(out, np.ndarray) else result
    except Exception as error:  # noqa: BLE001
        refuse(f"{name} as f uses it cannot be traced: {_told(error)}")


def _told(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"an element of np.empty has not been written ({text})" if "NoneType" in text else text


def _scalar_ufunc(self: Traced, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    return call_ufunc(ufunc, method, inputs, options)


def _scalar_function(self: Traced, function: Any, types: Any, args: Any, options: Any) -> Any:
    return call_function(function, args, options)


def astype(a: Any, dtype: Any, *, copy: bool = True) -> Any:
    """The method of arrays of real numbers."""
    if np.dtype(dtype).char not in "dO" and not holds_symbols(a):
        return real(a).astype(dtype)
    check_dtype(dtype)
    return np.asarray(AS_NUMBER(a.view(np.ndarray)), dtype=object) if copy or is_mask(a) else a


Traced.__array_ufunc__ = _scalar_ufunc  # type: ignore[attr-defined]
Traced.__array_function__ = _scalar_function  # type: ignore[attr-defined]
method("astype", astype)
