"""Python's float, int, type, isinstance and hasattr, for a function that is traced.

`float` must return a float, and no symbol is one; so f gets a class in its place, which is the same in all else.
"""

from __future__ import annotations

import builtins
import cmath
import math
from collections.abc import Mapping
from functools import lru_cache
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from ..captures import instructions, loaded
from . import complexmath, mathfunctions
from .arrays import Symbols
from .complexnumbers import Complex
from .elementwise import as_pythons, record
from .numpymodule import NUMPYS, StandIn
from .refusals import refuse
from .replacements import replaced
from .symbols import Flag, Literal, Traced, as_number
from .tables import NumberTable


def _single(value: Any) -> Any:
    """The element of an array that has one, where NumPy converts it to a number; later ones need it without axes."""
    if not isinstance(value, Symbols):
        return value
    float(np.zeros(value.shape))  # raises as it does
    return value.view(np.ndarray).item()


class Float(float, metaclass=StandIn):
    """float."""

    __module__ = "builtins"  # as it says itself
    own = float
    dtype = np.dtype(float)  # NumPy asks a class that it does not know

    def __new__(cls, value: Any = 0.0) -> Any:
        """A symbol is a float of Python's from here on, whose division by 0 raises."""
        value = _single(value)
        if isinstance(value, Traced):
            number = as_number(value)  # an integer is a float from here on, of which -0.0 is another one than 0.0
            return as_pythons(number + Literal(-0.0) if number.key in number.trace.counted else number)
        return float(value)


class Int(int, metaclass=StandIn):
    """int."""

    __module__ = "builtins"
    own = int
    dtype = np.dtype(int)

    def __new__(cls, value: Any = 0, *base: Any) -> Any:
        """A number that is no float of this size raises in Python; the trace is not finite there."""
        value = _single(value)
        if isinstance(value, Flag):
            return as_pythons(as_number(value))
        if isinstance(value, Traced):
            whole = as_pythons(record("trunc", value) + Literal(0.0))  # of Python's integers 0 has no sign
            whole.trace.guards.append(whole.key)
            whole.trace.count(whole.key)
            return whole
        return int(value, *base)


class Type(type, metaclass=StandIn):
    """type."""

    __module__ = "builtins"
    own = type

    def __new__(cls, value: Any, *more: Any, **options: Any) -> Any:
        if isinstance(value, Traced) and not more:
            return _type(value)
        return np.ndarray if isinstance(value, (Symbols, NumberTable)) and not more else type(value, *more, **options)


def _type(value: Traced) -> Any:
    """The type of the number that a symbol stands for, as f sees it."""
    trace, key = value.trace, value.key
    if key not in trace.pythons and not (trace.unpacked and key[0] in "xb"):
        return NUMPYS.get(value.type.type, value.type.type)
    if key not in trace.pythons or (key in trace.integers and key not in trace.whole):
        refuse("f asks for the type of a number that may be one of several when it is traced")
    return bool if isinstance(value, Flag) else int if key in trace.whole else float


def _hasattr(value: Any, name: str) -> bool:
    return hasattr(_type(value) if isinstance(value, Traced) else value, name)


_OWN = "f asks whether a number of Python's is one of NumPy's; a traced one is either"


def _isinstance(value: Any, kind: Any) -> bool:
    """Of a symbol what NumPy's number is that it stands for."""
    if isinstance(value, Traced):
        if isinstance(kind, tuple):
            return any(_isinstance(value, one) for one in kind)
        if isinstance(value, Complex):
            found = issubclass(complex, kind)
            return found if found == issubclass(np.complex128, kind) else refuse(_OWN)
        found = issubclass(value.type.type, kind)
        if value.key in value.trace.pythons and any(found != issubclass(own, kind) for own in _owns(value)):
            refuse(_OWN)
        return found or isinstance(value, kind)
    return isinstance(value, kind)


def _owns(value: Traced) -> list[type]:
    """The types of Python's that a number may have."""
    trace, key = value.trace, value.key
    if isinstance(value, Flag):
        return [bool]
    return [int] if key in trace.whole else [int, float] if key in trace.integers else [float]


def _import(name: str, *args: Any) -> Any:
    """An import inside f, which gets what the others get."""
    module = builtins.__import__(name, *args)
    return NUMPYS.get(module, MODULES.get(module)) or replaced(module)


MODULES: dict[ModuleType, Any] = {math: mathfunctions.SHIM_MODULE, cmath: complexmath.SHIM_MODULE}
"""What f gets for Python's modules of functions."""


_SHIMS: dict[str, Any] = {
    "float": Float, "int": Int, "complex": complexmath.PythonsComplex, "type": Type, "isinstance": _isinstance,
    "hasattr": _hasattr,
}  # fmt: skip
_WITH_IMPORT = {**vars(builtins), "__import__": _import}


@lru_cache(maxsize=1024)
def _imports(code: CodeType) -> bool:
    inner = [const for const in code.co_consts if isinstance(const, CodeType)]
    return any(i.opname == "IMPORT_NAME" for i in instructions(code)) or any(map(_imports, inner))


@lru_cache(maxsize=1024)
def _compares_types(code: CodeType) -> bool:
    """Whether f may ask ``type(v) is float``, which of the class in its place is not so."""
    inner = [const for const in code.co_consts if isinstance(const, CodeType)]
    return "type" in loaded(code) and any(i.opname == "IS_OP" for c in (code, *inner) for i in instructions(c))


def builtin_shims(code: CodeType, space: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """What f gets for those of Python's functions that it looks up, as parts of `rebuilt`."""
    wanted = {name for name in loaded(code) if name in _SHIMS and name not in space}
    if _compares_types(code):
        wanted -= {"float", "int"}
    found = {("global", name): _SHIMS[name] for name in wanted}
    return {**found, ("global", "__builtins__"): _WITH_IMPORT} if _imports(code) else found
