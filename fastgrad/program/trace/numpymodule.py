"""The module numpy as f sees it while it is traced: what makes arrays takes symbols, and so do lists with symbols.

NumPy asks arguments whether they have a rule, but not the elements of lists. Here they are asked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

import numpy as np

from . import (  # noqa: F401  # they fill the tables of rules
    arrayfunctions,
    casts,
    complexinverses,
    domains,
    factors,
    fourier,
    interpolation,
    maskedarrays,
    masking,
    ordering,
    padding,
    polynomials,
    scalarmethods,
    sets,
    statistics,
    vectors,
)
from .arrays import FUNCTIONS, LOOPS, Symbols, call_function, elementwise, holds_symbols, wrap
from .creation import MAKING
from .reductions import objects
from .symbols import Traced


def _is_list_of_symbols(value: Any) -> bool:
    return type(value) in (list, tuple) and holds_symbols(value)


def _of_lists(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy's that has a rule, of lists with symbols too; np.take does not ask its places either."""

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if any(map(_is_list_of_symbols, args)) or (function is np.take and holds_symbols((*args, *options.values()))):
            return call_function(function, args, options)
        return function(*args, **options)

    return call


class _Ufunc:
    """A ufunc, of lists with symbols too."""

    def __init__(self, ufunc: np.ufunc) -> None:
        self._ufunc = ufunc
        self.__module__, self.__name__ = "numpy", ufunc.__name__

    def __call__(self, *args: Any, **options: Any) -> Any:
        if not options and any(map(_is_list_of_symbols, args)):
            return elementwise(self._ufunc, *args)
        return self._ufunc(*args, **options)

    def reduce(self, array: Any, *args: Any, **options: Any) -> Any:
        """The method, of a list of symbols too."""
        return self._ufunc.reduce(wrap(objects(array)) if _is_list_of_symbols(array) else array, *args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ufunc, name)

    def __eq__(self, other: object) -> bool:  # the same key of a table
        return other is self or other is self._ufunc

    def __hash__(self) -> int:
        return hash(self._ufunc)


class StandIn(type):
    """The type of a class that stands for another one: what is one of the latter is one of it."""

    own: type

    def __init__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> None:
        super().__init__(name, bases, space)
        cls.__name__ = cls.__qualname__ = cls.own.__name__

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, cls.own)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, cls.own)

    def __eq__(cls, other: object) -> bool:
        return other is cls.own or other is cls

    def __hash__(cls) -> int:
        return hash(cls.own)


class Float64(np.float64, metaclass=StandIn):
    """np.float64, of which a symbol is one."""

    __module__ = "numpy"
    own = np.float64

    def __new__(cls, value: Any = 0.0) -> Any:
        if isinstance(value, Symbols):
            return value.astype(float, copy=False)  # which shares its memory
        return value.astype(float) if isinstance(value, Traced) else np.float64(value)


class Int64(np.int64, metaclass=StandIn):
    """np.int64, of which no symbol is one."""

    __module__ = "numpy"
    own = np.int64

    def __new__(cls, value: Any = 0) -> Any:
        return value.astype(np.int64) if isinstance(value, (Traced, Symbols)) else np.int64(value)


class Vectorized(np.vectorize, metaclass=StandIn):
    """np.vectorize, whose function may give a number for one element and a symbol for another."""

    __module__ = "numpy"
    own = np.vectorize

    def __call__(self, *args: Any, **options: Any) -> Any:
        usual = self.signature is None and not self.excluded and self.otypes is None and not options
        if not usual or not holds_symbols(args):
            return super().__call__(*args, **options)
        return elementwise(np.frompyfunc(self.pyfunc, len(args), 1), *args)


def vectorized(own: Any, function: Any) -> Any:
    """What stands for an object of np.vectorize, of another function."""
    return Vectorized(function, own.otypes, own.__doc__, own.excluded or None, own.cache, own.signature)


NUMPYS: dict[Any, Any] = {
    **{function: _of_lists(function) for function in FUNCTIONS},
    **{ufunc: _Ufunc(ufunc) for ufunc in LOOPS},
    **{getattr(np, name): make for name, make in MAKING.items()},
    np.float64: Float64,
    np.int64: Int64,
    np.vectorize: Vectorized,
}
"""What f gets in the place of NumPy's functions and modules."""


def _module(own: ModuleType, **other: Any) -> ModuleType:
    """A module with shims, and in all else like its own."""
    module = ModuleType(own.__name__, own.__doc__)
    vars(module).update({name: value for name, value in vars(own).items() if not name.startswith("__")})
    held = {name: value for name, value in vars(own).items() if callable(value)}
    vars(module).update({name: NUMPYS[value] for name, value in held.items() if value in NUMPYS})
    vars(module).update(other, __getattr__=lambda name: getattr(own, name))
    return module


NUMPYS[np.linalg] = _module(np.linalg)
NUMPYS[np.fft] = _module(np.fft)
NUMPYS[np.ma] = _module(np.ma, **maskedarrays.shims())
NUMPYS[np] = _module(np, linalg=NUMPYS[np.linalg], fft=NUMPYS[np.fft], ma=NUMPYS[np.ma])
