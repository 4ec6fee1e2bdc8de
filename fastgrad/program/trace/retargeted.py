"""A copy of f in which functions that do not trace are swapped for ones that do; the user's own is not changed."""

from __future__ import annotations

import builtins
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import _lru_cache_wrapper, lru_cache, partial
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from ...results import EngineError
from ..captures import (
    home,
    instructions,
    is_compiled,
    is_installed,
    is_users_function,
    is_users_module,
    loaded,
    names,
    parts,
    plain_function,
    rebuilt,
    with_code,
)
from ..loops import repeats
from ..members import function_of, in_class, is_plain
from . import complexmath, mathfunctions
from .builtinfunctions import MODULES, builtin_shims
from .derivatives import given_inside
from .failures import is_explicit
from .leftovers import stored_globals
from .maskedarrays import as_captured
from .mentions import asks_identity, check_attributes, check_code, check_identity, check_object
from .numpymodule import NUMPYS, vectorized
from .refusals import Untraceable, refuse, refuse_code
from .replacements import holds_symbols, replaced, with_replaced_parts
from .tables import as_table, indexes
from .workspace import Workspace

_KINDS = {FunctionType, BuiltinFunctionType, np.ufunc, type(np.sum), type}


def _is_numpys(value: Any) -> bool:
    """Whether it is a function or a module of NumPy's."""
    if type(value) is ModuleType:
        return value.__name__.partition(".")[0] == "numpy"
    return type(value) in _KINDS and home(value).partition(".")[0] == "numpy"


@lru_cache(maxsize=1024)
def _catches(code: CodeType) -> bool:
    """Whether a function handles exceptions."""
    return _handles(code) or any(_catches(const) for const in code.co_consts if isinstance(const, CodeType))


def _handles(code: CodeType) -> bool:
    opcodes = [i.opname for i in instructions(code)] if code.co_exceptiontable else []
    return opcodes.count("PUSH_EXC_INFO") > opcodes.count("WITH_EXCEPT_START")


def is_of_whole_arrays(f: Any) -> bool:
    """Whether neither f nor a function of the user's that it mentions goes over numbers one by one."""
    try:
        codes = Retargeted(f).codes
    except Untraceable:
        return False
    return bool(codes) and not repeats(codes)


def catches_errors(f: Any) -> bool:
    """Whether f, or a function of the user's that it mentions, may handle what NumPy raises where it is told to."""
    try:
        target = Retargeted(f)
    except Untraceable:
        return False  # nor is it traced
    return target.catches and any(map(_catches_errors, target.codes))


@lru_cache(maxsize=1024)
def _catches_errors(code: CodeType) -> bool:
    if any(_catches_errors(const) for const in code.co_consts if isinstance(const, CodeType)):
        return True
    steps, matched = instructions(code) if code.co_exceptiontable else (), list[Any]()
    for k, step in enumerate(steps):
        if step.opname == "CHECK_EXC_MATCH":
            kinds = steps[k - 1]
            several = kinds.opname == "BUILD_TUPLE"
            matched += [one.argval for one in steps[k - 1 - kinds.argval : k - 1]] if several else [kinds.argval]
    return _handles(code) and (not matched or any(map(_is_of_errors, matched)))


def _is_of_errors(name: Any) -> bool:
    """Whether an exception of this name may be one of NumPy's errors; of other names than Python's nothing is known."""
    kind = getattr(builtins, str(name), None)
    return not isinstance(kind, type) or any(issubclass(error, kind) for error in (FloatingPointError, RuntimeWarning))


def check_errors(f: Any) -> None:
    """Raise EngineError where NumPy's errors are exceptions, by np.seterr or as warnings, and f handles some.

    A program has no exceptions: where f goes on by another way it gives NaN, or 0 by what it does not read.
    """
    if _raises() and catches_errors(f):
        msg = "NumPy's floating-point errors raise (np.seterr, or warnings as errors), and f catches exceptions"
        raise EngineError(msg)


def _raises() -> bool:
    if not {"raise", "call"}.isdisjoint(np.geterr().values()):
        return True
    of_all = (
        action for action, text, kind, *_ in warnings.filters if text is None and issubclass(RuntimeWarning, kind)
    )
    return next(of_all, "default") == "error"


_FUNCTIONS: dict[str, Mapping[str, Any]] = {"math": mathfunctions.SHIMS, "cmath": complexmath.SHIMS}


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

    def __init__(
        self, f: Any, *, branching: bool = False, merging: bool = False, workspace: Workspace | None = None
    ) -> None:
        self.catches, self._branching, self._merging, self._workspace = False, branching, merging, workspace
        self.codes: dict[CodeType, None] = {}
        self._done: dict[int, Any] = {}
        self._open: dict[int, Any] = {}  # functions that are being swapped ...
        self._waiting: dict[int, list[tuple[Any, str]]] = {}  # ... and copies of others that call them by a name
        self._made: dict[Any, FunctionType] = {}  # swapped for these, which are kept, so that their numbers stay theirs
        self.function = self._function(f) if is_users_function(f) else self.swapped(f)
        if self.function is f and not isinstance(f, (FunctionType, MethodType, type)) and _is_users_object(f):
            self.function = self.swapped(f.__call__)
        if workspace:
            self.function = workspace.around(self.function)
        self.check_globals()

    def check_globals(self) -> None:
        """Refuse a global variable that one function sets and another one reads: copies of them have one each."""
        for code in self.codes:
            stored = set(stored_globals(code))
            if stored and any(not stored.isdisjoint(loaded(other)) for other in self.codes if other is not code):
                refuse_code(
                    f"f sets a global variable ({min(stored)}) that another function reads; give it as an argument"
                )

    def helper(self, function: FunctionType) -> Any:
        """A function that f calls; where f branches, one that is explored on its own."""
        swapped = function if function in self._made else self._function(function)
        if swapped in self._made or not self._branching or is_installed(function.__code__.co_filename):
            return swapped
        from .calls import explored  # noqa: PLC0415

        alone = self._done[id(function)] = explored(function, swapped)
        self._made[alone] = function
        return alone

    def swapped(self, value: Any) -> Any:
        """A value that f reaches, swapped where that matters."""
        kind = type(value)
        if (stand_in := given_inside(value, self.swapped) or replaced(value)) is not value:
            return stand_in
        if _is_numpys(value):
            return NUMPYS.get(value, value)
        if kind in (FunctionType, _lru_cache_wrapper, np.vectorize):
            return self._function_like(value)
        if kind is ModuleType:
            return MODULES.get(value) or (self._module(value) if is_users_module(value) else self._silent(value))
        if kind is BuiltinFunctionType:
            return self._rules(home(value)).get(value.__name__, value)
        return self._with_parts(value) if kind in (MethodType, partial) else self._object(value)

    def _module(self, value: ModuleType) -> ModuleType:
        """What stands for a module of the user's: those of its functions that are mentioned are swapped."""
        made = self._done.setdefault(id(value), _UsersModule(value))
        space = vars(value)
        for name in {name for code in self.codes for name in names(code)}.intersection(space):
            own = space[name]
            if name not in vars(made) and (_is_function(own) or (type(own) is ModuleType and is_users_module(own))):
                object.__setattr__(made, name, own)  # a module may be its own
                object.__setattr__(made, name, self.swapped(own))
        return made  # type: ignore[no-any-return]

    def _function_like(self, value: Any) -> Any:
        if isinstance(value, np.vectorize):
            return vectorized(value, self.swapped(value.pyfunc))
        return self.helper(value) if type(value) is FunctionType else self._uncached(value)

    def _uncached(self, value: Any) -> Any:
        """A function with a cache, of numbers; of symbols the one inside, since they are not to stay in the cache."""
        inner = self.swapped(value.__wrapped__)

        def call(*args: Any, **options: Any) -> Any:
            return (inner if holds_symbols(*args, *options.values()) else value)(*args, **options)

        return call

    def _silent(self, value: Any) -> Any:
        """What stands for a logger of Python's, or their module; anything else as it is."""
        if not self._branching:
            return value
        from .pythonfunctions import SilentLogger, logs  # noqa: PLC0415

        return SilentLogger(value) if logs(value) else value

    def _rules(self, module: str) -> Mapping[str, Any]:
        """What there is for the functions of a module."""
        if module == "builtins" and self._branching:
            from .pythonfunctions import PYTHONS  # noqa: PLC0415

            return PYTHONS
        return _FUNCTIONS.get(module, {})

    def _object(self, value: Any) -> Any:
        check_object(value)
        if (silent := self._silent(value)) is not value:
            return silent
        call = getattr(type(value), "__call__", None) if _is_users_object(value) else None  # noqa: B004
        if isinstance(call, FunctionType) and call.__code__ not in self.codes:
            self._function(call)  # what it writes into is noted, as that of a function is
        if (single := _of_numbers(value)) is not None:
            return vectorized(np.vectorize(single), self.swapped(single))
        return self.swapped(plain_function(value)) if is_compiled(value) else as_captured(value)

    def _function(self, function: FunctionType) -> Any:
        code = function.__code__
        if hasattr(function, "registry") and hasattr(function, "dispatch"):
            refuse_code("f calls a function that goes by the class of its argument (functools.singledispatch)")
        if id(function) in self._done or is_installed(code.co_filename):
            return self._done.get(id(function), function)
        self._done[id(function)] = self._open[id(function)] = function  # which calls itself, or is called by others
        check_code(code)
        self.codes[code] = None
        self.catches |= _catches(code)
        swapped = self._with_parts(function)
        what = "branches" if self._merging and not self.catches else "calls" if self._branching else "identities"
        found = self._rewritten(swapped, what) if self._branching or asks_identity(code) else swapped
        self._done[id(function)] = found
        del self._open[id(function)]
        for copy, name in self._waiting.pop(id(function), ()):
            copy.__globals__[name] = found
        return found

    def _rewritten(self, function: FunctionType, what: str) -> FunctionType:
        from .merging import TOOLS  # noqa: PLC0415
        from .rewriting import rewritten  # noqa: PLC0415

        own = function.__code__
        code = own if stored_globals(own) else rewritten(own, what)
        check_identity(code)
        return function if code is own else with_code(function, code, TOOLS)

    def _with_parts(self, value: Any) -> Any:
        """A function, method or partial whose parts are swapped; itself where none of them is another."""
        new = {}
        code = getattr(getattr(value, "__func__", value), "__code__", None)
        picks = code is not None and indexes(code)
        shared = type(value) is FunctionType and bool(stored_globals(value.__code__))  # a copy would not be seen to
        calling = []
        # Functions come first: what they write into is left as it is.
        for kind, name, part in sorted(parts(value, loaded), key=lambda each: type(each[2]) is not FunctionType):
            if code is not None and type(part) is not FunctionType:
                check_attributes(code, part, self.codes)
            if kind == "global" and not shared and id(part) in self._open:
                calling.append(name)
            swapped = self._workspace.swapped(part) if self._workspace else part
            if swapped is part:
                swapped = as_table(part) if picks and type(part) is np.ndarray else self.swapped(part)
            if swapped is part and code is not None:
                codes = (code, *self.codes)
                swapped = with_replaced_parts(part, codes, self._methods(part, codes), self._workspace)
            if self._workspace:
                self._workspace.exchanged(part, swapped)
            if swapped is not part and not (shared and _is_numpys(part)):
                new[kind, name] = swapped
        if type(value) is FunctionType and not shared:
            new |= builtin_shims(value.__code__, value.__globals__)
            new |= _pythons(value) if self._branching else {}
        return self._with_callees(value, rebuilt(value, new) if new else value, calling)

    def _with_callees(self, value: Any, made: Any, calling: list[str]) -> Any:
        """A function that calls some that are being swapped, by names of its own for these."""
        if calling and made is value:
            made = rebuilt(value, {("global", name): value.__globals__[name] for name in calling})
        for name in calling:
            self._waiting.setdefault(id(value.__globals__[name]), []).append((made, name))
        return made

    def _methods(self, value: Any, codes: tuple[CodeType, ...]) -> dict[str, FunctionType]:
        """The methods of an object that code mentions, and that use what is swapped."""
        mentioned = {name for code in codes for name in names(code)} if is_plain(value) else ()
        found = {name: function_of(value, name) for name in mentioned}
        new = {name: self._function(function) for name, function in found.items() if function is not None}
        for name in mentioned:
            if type(cached := in_class(type(value), name)) is _lru_cache_wrapper:
                found[name], new[name] = None, self.swapped(cached.__wrapped__)
        return {name: function for name, function in new.items() if function is not found[name]}


class _UsersModule(ModuleType):
    """What stands for a module of the user's: what is not swapped lies there, and what is set is set there."""

    def __init__(self, own: ModuleType) -> None:
        super().__init__(own.__name__)
        object.__setattr__(self, "__fg_own", own)

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["__fg_own"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        vars(self).pop(name, None)
        setattr(vars(self)["__fg_own"], name, value)


@contextmanager
def watched(catches: bool, workspace: Workspace | None = None) -> Iterator[None]:
    """Refuse a function that catches an exception: what NumPy raises for symbols, it may not for numbers.

    With a workspace, what the functions reach that are entered is looked at too.
    """
    if not catches and workspace is None:
        yield
        return

    def see(frame: FrameType, event: str, arg: Any) -> Any:
        if event == "exception" and issubclass(arg[0], Exception) and not _is_sound(arg):
            refuse(f"f catches or raises {arg[0].__name__} when traced: {arg[1]}")
        return see

    def enter(frame: FrameType, event: str, arg: Any) -> Any:
        frame.f_trace_lines = False
        code = frame.f_code
        if workspace:
            workspace.reach.look(frame)
        return (
            see
            if catches and code.co_exceptiontable and not is_installed(code.co_filename) and _catches(code)
            else None
        )

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


def _pythons(function: FunctionType) -> dict[tuple[str, str], Any]:
    """The functions of Python that a function looks up and that have rules."""
    from .pythonfunctions import PYTHONS  # noqa: PLC0415

    space = function.__globals__
    found = [name for name in loaded(function.__code__) if name in PYTHONS and name not in space]
    return {("global", name): PYTHONS[name] for name in found}


def _is_sound(raised: Any) -> bool:
    """Whether Python raises it too, whatever the numbers are: by the user's own statement, or at an end."""
    kind, _, place = raised
    return issubclass(kind, StopIteration) or is_explicit(place)


def _is_function(value: Any) -> bool:
    """Whether it is a function, of Python or compiled, with a cache, or one of all elements."""
    return type(value) in (FunctionType, _lru_cache_wrapper, np.vectorize) or home(type(value)).startswith("numba.")


def _of_numbers(value: Any) -> Any:
    """The function of numbers that numba.vectorize has compiled; None of anything else."""
    own = getattr(value, "_dispatcher", None) if type(value).__name__ == "DUFunc" else None
    return getattr(own, "py_func", None) if home(type(value)).startswith("numba.") else None


def _is_users_object(value: Any) -> bool:
    call = getattr(type(value), "__call__", None)  # noqa: B004
    return isinstance(call, FunctionType) and not is_installed(call.__code__.co_filename)
