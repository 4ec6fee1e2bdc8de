"""Both sides of a branch run, one after the other, and what they assign put together: the tools of `rewriting`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, NoReturn

import numpy as np

from ..captures import home, is_installed, is_users_function
from ..program import Operand
from .arrays import overlap
from .elementwise import as_mask, logical_not
from .joins import ApartError, join
from .leftovers import HARMLESS, MUTATING
from .paths import NOTHING, Paths, foreign
from .refusals import active
from .symbols import Traced
from .truths import as_truth, different, identical


def _paths() -> Paths | None:
    return getattr(getattr(active, "trace", None), "paths", None)


def _truth(paths: Paths | None, test: Any, site: int) -> Operand | bool:
    """A test's mask, if it is not known and its sides may be put together; else which side is taken."""
    if paths is None or not isinstance(test, (Traced, bool)):
        return bool(test)
    mask = as_mask(test)
    if isinstance(mask, bool):
        return mask
    known = paths.known(mask.key)
    if known is not None:
        return known
    return paths.decide(mask.key) if site in paths.apart else mask.key


def choose(test: Any, yes: Callable[[], Any], no: Callable[[], Any], site: int) -> Any:
    """``yes() if test else no()``."""
    paths = _paths()
    mask = _truth(paths, test, site)
    if isinstance(mask, bool) or paths is None:
        return yes() if mask else no()
    results = []
    for side, run in ((True, yes), (False, no)):
        paths.enter(site, mask, side)
        results.append(run())
        paths.leave(mask, side)
    try:
        return join(paths, mask, *results)
    except ApartError:
        paths.take_apart(site)


def both_true(first: Any, second: Callable[[], Any], site: int) -> Any:
    """The truth of ``first and second()``."""
    return choose(first, lambda: _as_truth(second()), lambda: False, site)


def one_true(first: Any, second: Callable[[], Any], site: int) -> Any:
    """The truth of ``first or second()``."""
    return choose(first, lambda: True, lambda: _as_truth(second()), site)


def _as_truth(value: Any) -> Any:
    return as_truth(as_mask(value)) if isinstance(value, Traced) else bool(value)


def negated(value: Any) -> Any:
    """The truth of ``not value``."""
    return as_truth(logical_not(value)) if isinstance(value, Traced) else not value


class Both:
    """A rewritten ``if``: going through it gives the sides to be run, one or both."""

    def __init__(self, test: Any, site: int, names: tuple[str, ...], stored: tuple[str, ...]) -> None:
        space = sys._getframe(1).f_locals
        self._paths, self._site, self._names = _paths(), site, names
        self._before = [space.get(name, NOTHING) for name in names]
        self._results: list[list[Any]] = []
        self._arrays: list[Any] = []
        self._mask = _truth(self._paths, test, site)
        if not isinstance(self._mask, bool):
            self._arrays = [space.get(name) for name in stored if not isinstance(space.get(name), _NUMBERS)]
            if not all((type(a) is list or _is_of_objects(a)) and _is_flat(a) for a in self._arrays):
                self._take_apart()

    def __iter__(self) -> Iterator[bool]:
        paths, mask = self._paths, self._mask
        if isinstance(mask, bool) or paths is None:
            yield bool(mask)
            return
        kept, after = _copies(self._arrays), []
        for side in (True, False):
            _fill(self._arrays, kept)
            paths.enter(self._site, mask, side)
            yield side
            paths.leave(mask, side)
            after.append(_copies(self._arrays))
        try:
            for array, yes, no in zip(self._arrays, *after, strict=True):
                _join_elements(paths, mask, array, yes, no)
        except ApartError:
            self._take_apart()

    def start(self) -> list[Any]:
        """The variables as they were before."""
        return self._before

    def leave(self) -> None:
        """Note the variables at the end of a side."""
        space = sys._getframe(1).f_locals
        found = [space.get(name, NOTHING) for name in self._names]
        if not isinstance(self._mask, bool) and any(_is_shared(value, space) for value in found):
            self._take_apart()
        self._results.append(found)

    def merged(self) -> list[Any]:
        """The variables behind the branch."""
        if len(self._results) == 1 or self._paths is None:
            return self._results[0]
        assert not isinstance(self._mask, bool)
        try:
            return [join(self._paths, self._mask, *pair) for pair in zip(*self._results, strict=True)]
        except ApartError:
            self._take_apart()

    def _take_apart(self) -> NoReturn:
        assert self._paths is not None
        self._paths.take_apart(self._site)


def _is_shared(value: Any, space: dict[str, Any]) -> bool:
    """Whether an array has two names: put together with another one it would be neither."""
    arrays = [other for other in space.values() if isinstance(other, np.ndarray)]
    return isinstance(value, np.ndarray) and sum(overlap(value, other) for other in arrays) > 1


_NUMBERS = (Traced, int, float, np.number, np.bool_)


def _is_of_objects(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == object


def _is_flat(array: Any) -> bool:
    """Whether a copy of an array or list holds all that may be written: a list in it would be the same in the copy."""
    values = array if isinstance(array, list) else array.flat
    return all(isinstance(value, (*_NUMBERS, str, type(None))) for value in values)


def _copies(arrays: list[Any]) -> list[Any]:
    return [list(a) if isinstance(a, list) else a.copy() for a in arrays]


def _fill(arrays: list[Any], values: list[Any]) -> None:
    for array, value in zip(arrays, values, strict=True):
        array[:] = value


def _join_elements(paths: Paths, mask: Operand, array: Any, yes: Any, no: Any) -> None:
    if len(yes) != len(no):
        raise ApartError
    if isinstance(array, list):
        array[:] = [join(paths, mask, a, b) for a, b in zip(yes, no, strict=True)]
    else:
        array.flat[:] = [join(paths, mask, a, b) for a, b in zip(yes.flat, no.flat, strict=True)]


def _plain_call(function: Any, args: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """A function of the user's behind a method or an object, with what it gets; anything else as it is."""
    if type(function) is MethodType and is_users_function(function.__func__):
        return function.__func__, (function.__self__, *args)
    if isinstance(function, type) or type(function) is FunctionType:
        return function, args
    if type(function) is partial and not function.keywords:
        return _plain_call(function.func, (*function.args, *args))
    call = getattr(type(function), "__call__", None)  # noqa: B004
    return (call, (function, *args)) if is_users_function(call) else (function, args)


def _initialiser(kind: Any) -> Any:
    """What initialises objects of a class of the user's, which nothing else makes; None of anything else."""
    usual = isinstance(kind, type) and type(kind) is type and getattr(kind, "__new__", None) is object.__new__
    initialise = getattr(kind, "__init__", None) if usual else None
    return initialise if is_users_function(initialise) else None


def called(function: Any, /, *args: Any, **options: Any) -> Any:
    """A call; of two sides that are put together neither may write into what the other one reads."""
    paths = _paths()
    if paths is not None:
        function, args = _plain_call(function, args)
        if is_users_function(function) or type(function) is BuiltinFunctionType:
            function = paths.swap(function)
        elif initialise := _initialiser(function):
            made = object.__new__(function)
            called(initialise, made, *args, **options)
            return made
        if paths.sides and (not _is_harmless(function) or _is_given_out(function, args, options)):
            paths.take_apart(paths.sides[-1])
        if _is_numpys(function):
            return foreign(function, args, options)
    return function(*args, **options)


def _is_numpys(function: Any) -> bool:
    """Whether a function is NumPy's, or a method of its arrays."""
    owner = getattr(function, "__self__", None)
    return isinstance(function, np.ufunc) or isinstance(owner, (np.ndarray, np.ufunc)) or home(function)[:5] == "numpy"


def _is_given_out(function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> bool:
    """Whether a call says where its results go."""
    return "out" in options or len(args) > getattr(function, "nin", len(args))  # a ufunc, or what stands for one


_WRITING = {*MUTATING, "next", "setattr", "delattr", "open", "input", "print", "iter"}


def _is_harmless(function: Any) -> bool:
    """Whether a function writes into nothing, as far as its name says."""
    if getattr(function, "__name__", "") in _WRITING:
        return False
    if isinstance(function, FunctionType):  # of the user's those that write into nothing are `explored`
        return is_installed(function.__code__.co_filename)
    owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
    if isinstance(function, (BuiltinFunctionType, MethodType)) and isinstance(owner, (np.ndarray, Traced)):
        return name in HARMLESS
    known = home(function).partition(".")[0] in ("numpy", "math", "builtins", "scipy") or isinstance(function, np.ufunc)
    return known and (owner is None or isinstance(function, BuiltinFunctionType))


TOOLS: dict[str, Any] = {
    "__fg_both": Both, "__fg_choose": choose, "__fg_and": both_true, "__fg_or": one_true, "__fg_not": negated,
    "__fg_call": called, "__fg_is": identical, "__fg_is_not": different,
}  # fmt: skip
"""What the rewritten code of a function calls."""
