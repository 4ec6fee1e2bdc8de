"""Functions that Numba compiles: the user's, and the kernels around each; and Numba's errors as ours.

A function that the user has compiled already is compiled again from its source, with the options of `kernels`.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FunctionType, MethodType
from typing import Any

import numba as nb
import numpy as np
from numba import config, types
from numba.core.errors import NumbaError, NumbaWarning, UnsupportedBytecodeError
from numba.np import numpy_support
from numpy.typing import NDArray

from ...formulas.values import as_number, as_numbers
from ...llvm.interrupts import deferred_interrupt
from ...program.captures import NotFrozenError, captured, content, is_compiled, plain_function
from ...program.look import agree, quiet
from ...program.trace.retargeted import check_errors
from ...results import EPS, EngineError
from ..call import Call
from . import callees
from .callees import frozen, uses_math
from .deviations import deviation
from .integers import adds_booleans, inverts_booleans, makes_integers, odd_integers
from .kernels import compiler, part
from .linking import Shape, linked
from .numbers import Numbers
from .rows import check_types, doubtful, extremes, places, rest, rest_at, seen
from .singles import widens_singles

Array = NDArray[np.float64]

LARGE = 1 << 20  # bytes of an array that f may write into
KEPT = 1024  # code objects, and functions of one of them, before all are forgotten

lock = threading.RLock()  # Numba compiles one function at a time anyway; the memo below needs it


@dataclass(frozen=True)
class Function:
    """A function with the values that it captured, as Numba has it, and the kernels that call it.

    Attributes
    ----------
    raises : bool
        Whether it computes with Python's floats, those of math, whose division by 0 raises in Python.
    plain : bool
        Whether it is to give what Python gives; what the user compiled gives what Numba gives.
    integers : dict
        Whether it computes with integers, by the types of its arguments.
    """

    compiled: Any
    raises: bool = False
    plain: bool = True
    kernels: dict[Hashable, Any] = field(default_factory=dict)
    refusals: dict[Hashable, str] = field(default_factory=dict)
    integers: dict[Hashable, bool] = field(default_factory=dict)

    def kernel(self, shape: Shape, numbers: Numbers, *x: Any) -> Any:
        """A loop around f, for a stencil; `x` are the types of what is varied."""
        place = (shape.key, shape.signature, shape.batch, numbers)
        if place not in self.kernels:
            with compiling():
                functions = [self._called(given, shape.arguments) for given in x]
                self.kernels[place] = linked(shape, numbers, dict(zip(x, functions, strict=True)))
        return self.kernels[place]

    def _called(self, given: Any, arguments: tuple[Any, ...]) -> Any:
        """f compiled for exactly these arguments; one with defaults or ``*args`` is called by another function."""
        signature = self.compiled.fold_argument_types((given, *arguments), {})[1]
        if signature not in self.compiled.overloads:
            self.compiled.compile(signature)
        if signature == (given, *arguments):
            return self.compiled.overloads[signature]
        inner = self.compiled
        caller, both = part(lambda x, args: inner(x, *args)), (given, types.Tuple(arguments))
        caller.compile(both)
        return caller.overloads[both]


@dataclass
class Versions:
    """The functions of one code object, by what they captured, and how many there have been.

    What Numba refuses of one of them it refuses of those that captured other floats.
    """

    count: int = 0
    functions: dict[Hashable, Function] = field(default_factory=dict)
    refusals: dict[Hashable, dict[Hashable, str]] = field(default_factory=dict)


_versions: dict[Hashable, Versions] = {}


def counts() -> tuple[int, int]:
    """How many functions and kernels are kept."""
    kept = [function for versions in _versions.values() for function in versions.functions.values()]
    return len(kept), sum(len(function.kernels) for function in kept)


def check_possible(call: Call) -> None:
    """Raise EngineError for what no compilation helps."""
    if config.DISABLE_JIT:
        msg = "Numba's compiler is switched off; unset NUMBA_DISABLE_JIT"
        raise EngineError(msg)
    check_types(call)
    check_errors(call.f)


def function_of(call: Call, recompilations: int | None) -> Function:
    """f for Numba, from the memo when its code and what it captures have been seen.

    A captured number is part of the compiled code; `recompilations` says how often it may change.

    Raises
    ------
    EngineError
        f is none that Numba can compile.
    """
    function = plain_function(call.f)
    if not isinstance(function, FunctionType):
        kind = "a bound method" if isinstance(function, MethodType) else f"a {type(function).__name__}"
        msg = f"Numba cannot compile f: it is {kind}; write it as a plain function"
        raise EngineError(msg)
    if function.__kwdefaults__:
        name = next(iter(function.__kwdefaults__))
        msg = (
            f"Numba gives the keyword-only argument {name!r} of f no default; write def f(x, {name}=...) without the *"
        )
        raise EngineError(msg)
    # a plain function keeps Python's IndexError, one that was compiled before the option it was given
    plain = function is call.f  # else math's functions give its user NaN
    checked = bool(getattr(call.f, "targetoptions", {"boundscheck": True}).get("boundscheck"))
    try:
        key = (captured(function), checked, plain)
    except NotFrozenError as refused:
        msg = f"Numba cannot compile f: {refused}"
        raise EngineError(msg) from None
    code = content(function.__code__)
    if len(_versions) >= KEPT:
        _versions.clear()
    versions = _versions.setdefault(code, Versions())
    if key not in versions.functions:
        if recompilations is not None and versions.count > recompilations:
            msg = (
                f"the numbers that f captures changed {versions.count} times, each a new compilation; "
                "pass them by args="
            )
            raise EngineError(msg)
        if len(versions.functions) >= KEPT:
            versions.functions.clear()
            versions.refusals.clear()
        versions.count += 1
        source, refusals = (
            frozen(function, checked=checked, raises=plain),
            versions.refusals.setdefault(_kinds(key), {}),
        )
        made = Function(compiler(boundscheck=checked)(source), plain and uses_math(function), plain, refusals=refusals)
        versions.functions[key] = made
    return versions.functions[key]


def _kinds(key: Any) -> Any:
    """A key without the values of floats, on which no type depends."""
    if type(key) is not tuple:
        return key
    return key[:1] if len(key) == 2 and key[0] in _FLOATS else tuple(map(_kinds, key))


_FLOATS = ("float", "float64", "float32")


def compile_for(function: Function, *kinds: Any) -> Any:
    """Compile f for types of arguments, with the defaults of those not given; Numba's type of what it returns.

    What Numba has refused once it would refuse again, after a tenth of a second.
    """
    compiled = function.compiled
    if kinds in function.refusals:
        raise EngineError(function.refusals[kinds])
    try:
        if function.plain:
            callees.check_variables(compiled.py_func)
        with compiling():
            signature = compiled.fold_argument_types(kinds, {})[1]
            if signature not in compiled.overloads:
                compiled.compile(signature)
        made = compiled.overloads[signature]
        if function.plain and kinds not in function.integers:
            _check_arithmetic(made, callees.has_negatives(compiled.py_func))
            function.integers[kinds] = makes_integers(made)
    except EngineError as refused:
        text, name = str(refused), callees.refused(compiled.py_func, refused.__cause__)
        function.refusals[kinds] = text.replace("compile f:", f"compile {name!r}, which f calls:") if name else text
        raise EngineError(function.refusals[kinds]) from refused.__cause__
    return made.signature.return_type


def _check_arithmetic(compiled: Any, negative: bool) -> None:
    if odd := odd_integers(compiled, negative):
        raise EngineError(odd)
    if adds_booleans(compiled):
        msg = "Numba makes integers of the booleans that f adds, NumPy booleans; write & and |, or np.where"
        raise EngineError(msg)
    if inverts_booleans(compiled):
        msg = "Numba takes ~ of booleans for that of NumPy's, where that of Python's is an integer; write not"
        raise EngineError(msg)
    if otherwise := deviation(compiled):
        raise EngineError(otherwise)
    if widens_singles(compiled):
        msg = "f computes with float32 and a number of Python's, as Numba does otherwise: in float64; write float64"
        raise EngineError(msg)


def numba_type(value: Any) -> Any:
    with _translated(ValueError):
        return nb.typeof(value)


def precision_of(returns: Any) -> float:
    """The precision of a value of Numba's type `returns`."""
    dtype = returns.dtype if isinstance(returns, types.Array) else returns
    return float(np.finfo(numpy_support.as_dtype(dtype)).eps) if isinstance(dtype, types.Float) else EPS


def output(call: Call, value: Any) -> Array:
    """What f returned, as one number unless it may return many."""
    return as_numbers(value) if call.vector else np.array(as_number(value))


def probe(call: Call, function: Function, argument: Callable[[Array], Any], parts: Sequence[Any]) -> tuple[Any, Any]:
    """Compile f for the arguments of a call, and compare it with f; Numba's type of what it returns, and the shape.

    `argument` makes f's argument of a row of coordinates; `parts` of what f returns are compared. The first must be
    numbers, and gives the shape.
    """
    first, *others = places(call)
    kinds = (numba_type(argument(call.points.row(first))), *seen(rest_types(call), len(call.batch)))
    returns = compile_for(function, *kinds)
    shape = _compare(call, function, first, argument, parts)
    if function.plain:
        others += extremes(call) if function.integers[kinds] else []
        with quiet():
            for n in others:
                _compare_elsewhere(call, function, n, argument, parts)
    return returns, shape


def _compare_elsewhere(call: Call, function: Function, n: int, argument: Any, parts: Sequence[Any]) -> None:
    """As `_compare`; where f raises compiled f must raise, too, or give what is asked about afterwards."""
    try:
        _compare(call, function, n, argument, parts)
    except EngineError:
        raise
    except Exception as error:
        if _hides(call, function, n, argument, parts):
            msg = f"f raises {type(error).__name__} where compiled by Numba it gives a number"
            raise EngineError(msg) from error


def _hides(call: Call, function: Function, n: int, argument: Any, parts: Sequence[Any]) -> bool:
    """Whether compiled f gives a number that nobody would ask about."""
    try:
        found = function.compiled(argument(call.points.row(n)), *rest_at(call, n))
        return not function.raises or bool(np.isfinite(output(call, parts[0](found))).all())
    except Exception:  # noqa: BLE001  of whatever kind
        return False


def rest_types(call: Call) -> tuple[Any, ...]:
    """Numba's types of what a loop gets after x."""
    return tuple(map(numba_type, rest(call)))


def _compare(call: Call, function: Function, n: int, argument: Callable[[Array], Any], parts: Sequence[Any]) -> Any:
    """Numba's version of a plain function must give what the function gives: it freezes state and random numbers."""
    x, given = argument(call.points.row(n)), rest_at(call, n)
    before = [row.tobytes() for row in given[len(call.args) :]]
    held = [*_numbers_in(call.args)]
    raw = _compiled_value(call, function, n, x, given)
    if held != [*_numbers_in(call.args)]:
        msg = "f writes into an array of args=, which threads would share; make that array in f"
        raise EngineError(msg)
    if before != [row.tobytes() for row in given[len(call.args) :]]:
        msg = "f writes into a row of batch_args; let it work on a copy, as row.copy()"
        raise EngineError(msg)
    found = [output(call, part(raw)) for part in parts]
    if not _computes_otherwise(call.f):
        plain = _plain_value(call, n, x)
        for part, compiled in zip(parts, found, strict=True) if plain is not None else ():
            _check_same(call, compiled, output(call, part(plain)))
    return found[0].shape


def _plain_value(call: Call, n: int, x: Any) -> Any:
    """What f returns; of one that Numba has compiled, which has what it captured then, None where it raises."""
    try:
        return call.f(x.copy(), *call.args_at(n))
    except Exception:
        if not is_compiled(call.f):
            raise
        return None


def _computes_otherwise(function: Any) -> bool:
    """Whether the user has had a function compiled with other rules, as for quotients by 0 or NaN, than it is here."""
    options = getattr(function, "targetoptions", {}) if is_compiled(function) else {}
    return bool(options.get("fastmath")) or "error_model" in options


def _numbers_in(value: Any) -> Iterator[bytes]:
    """Those of arrays, also in lists and tuples; of large ones the first."""
    if isinstance(value, np.ndarray):
        yield value.tobytes() if value.nbytes <= LARGE else value.flat[: LARGE // value.itemsize].tobytes()
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _numbers_in(part)


def _compiled_value(call: Call, function: Function, n: int, x: Any, given: tuple[Any, ...]) -> Any:
    """What compiled f returns; what Numba raises, as its eigvals does of complex ones, is no error of f's."""
    try:
        return function.compiled(x.copy(), *given)
    except Exception as error:
        call.f(x.copy(), *call.args_at(n))
        msg = f"compiled by Numba, f raises {type(error).__name__} ({error}) where it gives a number in Python"
        raise EngineError(msg) from error


def _check_same(call: Call, compiled: Array, plain: Array) -> None:
    if compiled.shape == plain.shape == () and compiled == plain:  # 2.5 us instead of 40
        return
    if agree(compiled, plain, by_largest=True):
        return
    a, b = (v[()].tolist() if v.size < 5 else f"an array of shape {v.shape}" for v in (compiled, plain))
    msg = f"compiled by Numba, f gives {a} where it gives {b} in Python: it keeps state or is random"
    if kinds := doubtful(call):
        msg += f", or computes with {', '.join(kinds)} of batch_args, as Numba does otherwise; pass them as float64"
    raise EngineError(msg)


@contextmanager
def compiling() -> Iterator[None]:
    """Ctrl-C waits, Numba's advice on the user's code is left out, its errors become ours."""
    with deferred_interrupt(), _translated(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore", NumbaWarning)
        yield


@contextmanager
def _translated(more: type[Exception] = NumbaError) -> Iterator[None]:
    """Numba's errors at compilation as ours; ImportError is `@` without SciPy, NotImplementedError float16."""
    try:
        yield
    except (NumbaError, UnsupportedBytecodeError, NotImplementedError, ImportError, more) as error:
        msg = f"Numba cannot compile f: {_first_line(error)}"
        raise EngineError(msg) from error


def _first_line(error: BaseException) -> str:
    """The line of Numba's report that says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    noise = ("Failed in nopython", "During:", "Overload", "There are", "File ", "- ", ">>>", "This error", "def ")
    said = next((line for line in lines if not line.startswith(noise)), type(error).__name__)
    call = next((line.removeprefix(">>> ") for line in lines if line.startswith(">>> ")), "")
    return f"{said} {call}" if said.endswith(":") and call else said
