"""The key of a kept trace: a white list of what cannot change unseen.

What a function reads is proved from its code and what that reaches: numbers, strings, arrays of up to 256 kB by their
bytes and by whether f may write into them, lists and dicts of such, functions of the same kind, what NumPy and math had
when this module was imported, and SciPy's own functions and distributions. Whatever else it mentions, it may read
another value of at its next call, and has no key.
"""

from __future__ import annotations

import builtins
import cmath
import dis
import hashlib
import math
import operator
import os
from collections.abc import Hashable
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from . import members, scipykeys, scipys
from .captures import content, function_parts, home, is_compiled, is_own, is_pythons_class, loaded, plain_function
from .freshness import Watch, overlaps
from .members import Chain
from .nested import content_of_own, gives_derivatives, is_package, name_of_derivative
from .scipykeys import ChangesError

# Bytes of an array that is compared: 0.2 ms, where tracing takes 2 us for each number that f reads, at least. Up to
# WHOLE they are in the key as they are, which takes less time than their digest.
LARGEST_ARRAY, WHOLE = 1 << 18, 1 << 14
LONGEST = 256  # elements of a list or dict, of which each takes half a microsecond

_NUMPYS = os.path.join(os.path.dirname(np.__file__), "")
_SPACES = (np, np.linalg, np.fft, math, cmath, operator)
_PLACES = set(map(id, _SPACES))
_SCIPYS = ("scipy", "scipy.special", "scipy.fft", "scipy.spatial", "scipy.spatial.transform", *scipys.WITH_RULES)
# Functions of NumPy that read a file, a setting or the clock, and makers of attributes' readers.
_READING = {
    "load", "loadtxt", "genfromtxt", "fromfile", "fromregex", "fromstring", "frombuffer", "from_dlpack", "memmap",
    "datetime64", "datetime_as_string", "geterr", "geterrcall", "getbufsize", "seterr", "seterrcall", "setbufsize",
    "get_printoptions", "set_printoptions", "printoptions", "array2string", "array_repr", "array_str", "show_config",
    "show_runtime", "info", "save", "savez", "savez_compressed", "savetxt", "test", "attrgetter", "isscalar",
    "isrealobj", "iscomplexobj", "issubdtype", "result_type", "can_cast", "min_scalar_type", "common_type",
    "typename", "methodcaller", "shares_memory", "may_share_memory", "isfortran", "is_", "is_not",
}  # fmt: skip
# Not isinstance and its like: what a symbol is not, a number may be at later points, which no check sees. Nor print.
_BUILTINS = {
    "abs", "all", "any", "bin", "bool", "bytes", "chr", "complex", "dict", "divmod", "enumerate", "filter", "float",
    "format", "frozenset", "hex", "int", "iter", "len", "list", "map", "max", "min", "next", "oct", "ord", "pow",
    "range", "repr", "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple", "zip", "Ellipsis",
    "NotImplemented",
}  # fmt: skip
_NUMBERS = {
    type(None), bool, int, float, complex, str, np.bool_, np.float16, np.float32, np.float64, np.longdouble,
    np.complex64, np.complex128, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64,
}  # fmt: skip
_HIDDEN = {
    "IMPORT_NAME", "LOAD_NAME", "LOAD_BUILD_CLASS", "LOAD_FROM_DICT_OR_GLOBALS", "LOAD_CLASSDEREF", "LOAD_SUPER_ATTR",
    "STORE_GLOBAL", "DELETE_GLOBAL", "STORE_NAME", "DELETE_DEREF",
}  # fmt: skip
# Of a frame, and what symbols have otherwise than numbers.
_UNLIKE = {
    "dtype", "itemsize", "nbytes", "strides", "flags", "base", "is_integer", "gi_frame", "gi_code", "cr_frame",
    "tb_frame", "f_globals", "f_locals", "f_back", "f_builtins",
}  # fmt: skip
_SETTABLE = (FunctionType, type(np.sum))  # what takes attributes of the user's, as classes do that Python made
_SINGLE = (None, True, False, ...)
_LOADS = {"LOAD_GLOBAL", "LOAD_DEREF"}


def _is_listed(name: str, value: Any) -> bool:
    if name.startswith("_") or name in _READING:
        return False
    if isinstance(value, FunctionType):
        return value.__code__.co_filename.startswith(_NUMPYS)
    return isinstance(value, (np.ufunc, BuiltinFunctionType, type, type(np.sum)))


def _list() -> dict[int, Any]:
    """The objects that are always the same, by their number; they are kept, so that it stays theirs."""
    spaces = [value for space in _SPACES for name, value in vars(space).items() if _is_listed(name, value)]
    own = [v for name, v in vars(builtins).items() if name in _BUILTINS or _is_error(v)]
    return {id(value): value for value in (*spaces, *own)}


def _is_error(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


_ALWAYS = _list()


class _Reading(NamedTuple):
    """What a code object looks up."""

    content: Hashable
    names: tuple[str, ...]  # as global variables
    chains: dict[str, tuple[Chain, ...]]  # the attributes that are taken of a global or captured variable
    proved: bool  # whether it looks up nothing else
    stores: bool  # whether it sets attributes


_readings: dict[int, tuple[CodeType, _Reading]] = {}  # kept with the code, so that its number stays its own


class _Notes:
    """What is noted on the way: all that is read, where that is wanted, arrays, and which lists and dicts there are."""

    __slots__ = ("arrays", "containers", "watch")

    def __init__(self, watch: Watch | None, arrays: list[Any] | None) -> None:
        self.watch, self.arrays, self.containers = watch, [] if arrays is None else arrays, list[int]()


def unchanging(
    f: Any, args: tuple[Any, ...], watch: Watch | None = None, arrays: list[Any] | None = None
) -> Hashable | None:
    """A key of all that a call's trace depends on: small arrays by their bytes, helpers by their content.

    None where something may change unseen: a file, a property, a set, a large array. What the key depends on is noted
    by `watch`; the arrays among it go to `arrays`.
    """
    try:
        notes = _Notes(watch, arrays)
        key: tuple[Hashable, ...] = (_callable(f, notes), tuple([_value(value, notes) for value in args]))
        if len(notes.containers) > 1:  # which of them are one: what f writes into one of them it sees in the other
            key = (*key, tuple(map(notes.containers.index, notes.containers)))
        return (*key, overlaps(notes.arrays)) if len(notes.arrays) > 1 else key
    except (ChangesError, RecursionError):
        return None


def _callable(f: Any, notes: _Notes) -> Hashable:
    """The key of a function, of a method, or of an object that is called as one."""
    if type(f) is FunctionType:
        return _function(f, notes)
    if type(f) is partial:
        return _partial(f, notes)
    if type(f) is MethodType and type(f.__func__) is FunctionType and members.is_plain(f.__self__):
        return _method(f.__func__, f.__self__, notes)
    if type(f) is MethodType or not members.is_plain(f):
        raise ChangesError
    return _member(f, ("__call__",), notes)


def _partial(f: partial[Any], notes: _Notes) -> Hashable:
    """A function with some of its arguments; one of our own is always the same."""
    if vars(f):
        raise ChangesError
    own = isinstance(f.func, FunctionType) and is_own(f.func.__code__.co_filename)
    for name in f.keywords if notes.watch else ():
        notes.watch.note_name(f.keywords, name)  # type: ignore[union-attr]
    named = [(name, _value(value, notes)) for name, value in f.keywords.items()]
    return (f.func if own else _callable(f.func, notes), *[_value(value, notes) for value in f.args], *named)


def _function(function: FunctionType, notes: _Notes) -> Hashable:
    """The values of whatever the code looks up, in its own order."""
    reading = _reading(function.__code__)
    if not reading.proved or function.__dict__:
        raise ChangesError
    if notes.watch:
        notes.watch.note_function(function)
    space, chains, held = function.__globals__, reading.chains, []
    for name in reading.names:
        # A name that is nowhere is for f's first call to complain of.
        value = space[name] if name in space else _builtin(function, name, notes)
        if notes.watch:
            notes.watch.note_name(space, name)
        held.append(_variable(value, chains[name], reading, notes))
    if function.__closure__:
        for kind, name, value in function_parts(function, _no_names):
            of_cell = _variable(value, chains[name], reading, notes) if kind == "cell" else _value(value, notes)
            held.append((name, of_cell))
    elif function.__defaults__ or function.__kwdefaults__:
        held += [(name, _value(value, notes)) for _, name, value in function_parts(function, _no_names)]
    return (reading.content, *held)


def _builtin(function: FunctionType, name: str, notes: _Notes) -> Any:
    space = cast(Any, function).__builtins__
    if notes.watch:
        notes.watch.note_name(space, name)
    return space.get(name)


def _no_names(_: CodeType) -> tuple[str, ...]:
    return ()


def _variable(value: Any, chains: tuple[Chain, ...], reading: _Reading, notes: _Notes) -> Hashable:
    """The value of a global or captured variable, or what is taken of it."""
    if type(value) is ModuleType:
        return _attributes(value, chains, notes)
    if gives_derivatives(value):
        return _derivative(value, notes)
    if members.is_plain(value) and not home(type(value)).startswith("scipy."):
        if reading.stores or not chains or () in chains:
            raise ChangesError
        return _object(value, chains, notes)
    return _value(value, notes)


def _object(value: Any, chains: tuple[Chain, ...], notes: _Notes) -> Hashable:
    """What is taken of an object; which object that is does not matter."""
    return tuple([(chain, _member(value, chain, notes)) for chain in chains])


def _member(value: Any, chain: Chain, notes: _Notes) -> Hashable:
    """An attribute, or a method with what it reads of its object, or one of them of an attribute."""
    if home(type(value)).startswith("scipy."):
        return _of_scipy(value, notes)
    name, *rest = chain
    function = members.function_of(value, name)
    if function is not None:
        if notes.watch:
            notes.watch.note_method(value, name, function)
        return _method(function, value, notes)
    static = members.static_function_of(value, name)
    if static is not None:
        if notes.watch:
            notes.watch.note_attribute(value, name, static)
        return _function(static, notes)
    if not members.is_stored(value, name):
        raise ChangesError
    found = getattr(value, name, ChangesError)  # a slot may be empty
    if notes.watch:
        notes.watch.note_attribute(value, name, found)
    return _member(found, tuple(rest), notes) if rest and members.is_plain(found) else _value(found, notes)


def _method(function: FunctionType, value: Any, notes: _Notes) -> Hashable:
    chains = members.of_first_argument(function.__code__)
    if chains is None or _reading(function.__code__).stores:
        raise ChangesError
    return (_function(function, notes), _object(value, chains, notes))


def _attributes(module: ModuleType, chains: tuple[Chain, ...], notes: _Notes) -> Hashable:
    """What a function takes of a module; all of it is on the list, or a number, or one of SciPy's ufuncs."""
    of_scipy = module.__name__ in _SCIPYS and scipys.module(module.__name__) is module
    if not (id(module) in _PLACES or of_scipy or is_package(module)):
        raise ChangesError
    return (module.__name__, *[_value(_at(module, chain, notes), notes) for chain in chains])


def _at(value: Any, chain: Chain, notes: _Notes) -> Any:
    for name in chain:
        if type(value) is not ModuleType:
            if scipykeys.is_known_class(value):
                break  # whose methods are part of its key
            if isinstance(value, _SETTABLE) or (isinstance(value, type) and is_pythons_class(value)):
                raise ChangesError
            break  # an attribute of what the module gave
        if notes.watch:
            notes.watch.note_name(vars(value), name)
        value = getattr(value, name, None)
    return value


def _value(value: Any, notes: _Notes) -> Hashable:
    kind = type(value)
    if kind in _NUMBERS:
        return (kind, repr(value))
    if _ALWAYS.get(id(value)) is value or (kind is np.ufunc and scipys.is_own_ufunc(value)):
        return cast(Hashable, value)
    if kind is np.ndarray and value.dtype.kind in "fiubc" and value.nbytes <= LARGEST_ARRAY:
        if notes.watch:
            notes.watch.note_array(value)
        notes.arrays.append(value)
        return (value.shape, value.strides, value.dtype.str, value.flags.writeable, _numbers(value))
    if kind is tuple:
        return tuple([_value(part, notes) for part in value])
    if kind in (list, dict):
        return _container(value, notes)
    return _known_function(value, notes)


def _container(value: Any, notes: _Notes) -> Hashable:
    """A list or dict, by what lies in it: what f does to it is another key's at the next call."""
    if len(value) > LONGEST:
        raise ChangesError
    notes.containers.append(id(value))
    if notes.watch:
        notes.watch.note_container(value)
    if type(value) is list:
        return (list, *[_value(part, notes) for part in value])
    return (dict, *[(_value(name, notes), _value(part, notes)) for name, part in value.items()])


def _numbers(array: NDArray[Any]) -> bytes:
    """Those of an array; of many their digest, so that keys are small."""
    numbers = array.tobytes()
    return numbers if len(numbers) <= WHOLE else hashlib.sha256(numbers).digest()


def _known_function(value: Any, notes: _Notes) -> Hashable:
    if type(value) is partial:
        return _partial(value, notes)
    if type(value) is MethodType:
        return _callable(value, notes)
    if (told := content_of_own(value)) is not None:
        return cast(Hashable, told)
    if type(value) is FunctionType:
        return value if scipys.place_of(value) or name_of_derivative(value) else _function(value, notes)
    if is_compiled(value):
        return (value, _function(plain_function(value), notes))
    return _of_scipy(value, notes)


def _of_scipy(value: Any, notes: _Notes) -> Hashable:
    return scipykeys.key(value, notes.watch, lambda part: _value(part, notes))


def _derivative(value: Any, notes: _Notes) -> Hashable:
    """The key of what gives derivatives of a function."""
    options = tuple([(name, _value(option, notes)) for name, option in value.options.items()])
    if notes.watch:
        for name in ("f", "options"):
            notes.watch.note_attribute(value, name, getattr(value, name))
        for name in value.options:
            notes.watch.note_name(value.options, name)
    return (value.operation.__name__, _callable(value.f, notes), options)


def _reading(code: CodeType) -> _Reading:
    known = _readings.get(id(code))
    if known is None:
        if len(_readings) > 4096:
            _readings.clear()
        known = _readings[id(code)] = (code, _read(code))
    return known[1]


def _read(code: CodeType) -> _Reading:
    chains: dict[str, set[Chain]] = {name: set() for name in (*loaded(code), *code.co_freevars)}
    proved, stores = True, False
    for each in members.codes(code):
        instructions = members.instructions(each)
        for place, now in enumerate(instructions):
            proved &= not _is_hidden(now, code) and not _tells_objects_apart(now, instructions[place - 1])
            stores |= now.opname in members.STORES
            if now.opname in _LOADS and now.argval in chains:
                chains[now.argval].add(members.chain_after(instructions[place + 1 :]))
    return _Reading(content(code), loaded(code), {k: tuple(sorted(v)) for k, v in chains.items()}, proved, stores)


def _tells_objects_apart(now: dis.Instruction, before: dis.Instruction) -> bool:
    """Whether it matters which of equal objects is there: `is`, but for None and its like."""
    if now.opname != "IS_OP" or before.opname == "LOAD_COMMON_CONSTANT":  # Python 3.14 asks whether `all` is its own
        return False
    return not (before.opname == "LOAD_CONST" and before.argval in _SINGLE)


def _is_hidden(now: dis.Instruction, code: CodeType) -> bool:
    """Whether an instruction reads or leaves something where no key looks."""
    if now.opname in members.ATTRIBUTES:
        return now.argval.startswith("__") or now.argval in _UNLIKE
    return now.opname in _HIDDEN or (now.opname == "STORE_DEREF" and now.argval in code.co_freevars)
