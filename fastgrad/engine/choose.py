"""Which engine runs a call: chosen by the call alone; its code compiled, bound to arrays and run."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..formulas.steps import irregular
from ..formulas.values import as_number, as_numbers
from ..llvm.interrupts import imported
from ..program import look
from ..results import ConstantFunctionWarning, EngineError, PerformanceWarning, users_level
from . import threads
from .bound import Choice, Code, Facts
from .call import Call, Output, Rows, Workers
from .python import arrays, complexsteps, elementwise
from .python.buffer import FEW
from .simd import few, traces

Array = NDArray[np.float64]

# Importing LLVM takes as long as all the rest, Numba four times as long.
_SIMD, _JIT, _JIT_OF_COMPLEX = (f"{__package__}.{name}" for name in ("simd.code", "jit.code", "jit.complexcode"))

ENGINES = ("auto", "simd", "jit", "python", "reference", "arrays")

# Up to this many calls of f Python is the faster engine: a call costs 1 to 10 us, a trace with its check 0.1 to 1 ms,
# its first compilation 20 to 400 ms (from disk 1 to 10). A function whose trace is kept gains no earlier: with D = 100
# the first gradient of Rosenbrock's function in a process takes 650 ms (from disk 100, most of it to import LLVM), each
# by Python 1.3 ms, so that a lower number would pay only after 500 of them (80) ...
TRACED_CALLS = 1_000
# ... unless NumPy runs f's program on all displaced points at once, for which nothing is compiled: at one point with
# D = 100 the first gradient of Rosenbrock's function takes 4 ms instead of 1.3, others 0.13; at three 6 instead of 30,
# others 0.8. Of sin(x0 x1) at twenty points the first takes 0.4 ms instead of 0.2, others 0.05.
NUMPY_CALLS = 64
# ... and a compilation by Numba 0.4 to 1 s.
PYTHON_CALLS = 10_000

# A call of f on a whole array costs 5 to 20 ns a value, so tracing pays later:
# with 10^6 values of sin 1.4 ms against 38.
ARRAY_CALLS = 200_000

RECOMPILATIONS = 3  # of one code object whose captured numbers change, before auto takes python

CONSTANT = (
    "every difference is zero and f does not react to its argument. If f reads its data through a closure, as in "
    "lambda W: net.loss(x, t), it never looks at the array it is called with: use "
    "fastgrad.numerical_gradient(f, net.W), which moves the elements of that very array in place"
)

ARRAYS = (
    "engine='arrays' runs gradient and value_and_gradient at one point, without bounds, by fixed steps or exact, and "
    "jacobian, hessian, jvp and hvp by method='exact'; leave the engine out"
)

NOISY = "noise= says that f's values are not those of a formula, and it is not traced"

_warned: dict[int, Any] = {}  # by identity; the code objects are kept, so that no other one takes their number


def check_engine(engine: str) -> None:
    """Raise ValueError for a name that is no engine's."""
    if engine not in ENGINES:
        msg = f"engine={engine!r} is unknown; use one of {', '.join(map(repr, ENGINES))}"
        raise ValueError(msg)


def choose(call: Call, engine: str, out: Output | None = None) -> Choice:
    """Pick the engine, by the call alone and never by earlier calls, and compile.

    Of `out`, where it is there already, counts how its elements lie.

    Raises
    ------
    EngineError
        An engine that was asked for by name cannot run f.
    """
    if engine == "arrays":
        raise EngineError(ARRAYS)
    if call.table.is_exact:
        return _choose_exact(call, out, engine)
    if engine == "python" or (engine == "auto" and call.noise is not None):
        return Choice("python", reason=NOISY if engine == "auto" else "engine='python' was asked for")
    if engine == "auto" and (count := call.total) <= TRACED_CALLS:
        code = few.differences_code(call) if _suits_numpy(call) else None
        return Choice("simd" if code else "python", code, f"{count} calls of f take less time than compiling it")
    if engine == "auto" and call.total <= PYTHON_CALLS and traces.is_brief(call):
        why = f"{call.total} calls of f, which has no loop, take less time than tracing it, which each call would"
        return Choice("python", reason=why)
    reasons = []
    for name in ("simd", "jit") if engine == "auto" else (engine,):
        if engine == "auto" and name == "jit" and call.total <= PYTHON_CALLS:
            reasons.append(f"{call.total} calls of f take less time than compiling it by Numba")
            continue
        try:
            code = _COMPILE[name](call, out, RECOMPILATIONS if engine == "auto" else None)
            return Choice(name, code, "; ".join(reasons))
        except EngineError as refused:
            if engine != "auto":
                msg = f"engine={engine!r} cannot run this function: {refused}"
                raise EngineError(msg) from refused
            reasons.append(str(refused))
    return Choice("python", reason="; ".join(reasons))


def _suits_numpy(call: Call) -> bool:
    """Whether all displaced points are computed at once where f's program is at hand: enough of them, a usual table."""
    table, second = call.table, call.table.stencil.derivative == 2
    usual = second or (table.along_axes and table.stencil.derivative == 1)
    plain = call.v is None and not (call.scalar or table.is_complex)
    alone = call.bounds is None and not (call.expected or call.adaptive or call.often)
    if not (usual and plain and alone and isinstance(call.points, Rows)):
        return False
    return call.total >= NUMPY_CALLS and (second or call.points.count > 1 or call.points.dimension > FEW)


def _choose_exact(call: Call, out: Output | None, engine: str) -> Choice:
    """The one engine that has f's program; differences would be something else."""
    try:
        by_numpy = engine == "auto" and call.is_few
        return Choice("simd", few.exact_code(call) if by_numpy else _simd(call, out, None))
    except EngineError as refused:
        msg = f"method='exact' needs a trace of f: {refused}. Or use method='central' or 'adaptive', which call f"
        raise EngineError(msg) from refused


def choose_ahead(call: Call, engine: str) -> tuple[Choice, tuple[int, ...]]:
    """The engine for all points, of which none is known, and the shape of f's output where that is asked for.

    `call` has one point, which is made up. f is called there unless the number of calls or the engine's name says all;
    where it raises it is called at ones, and where it raises there too, what it records when traced must do.

    Raises
    ------
    EngineError
        An engine that was asked for by name cannot run f.
    ValueError
        f can neither be called nor traced, and the engine or the shape would depend on it.
    """
    call = replace(call, ahead=True)
    few = engine == "auto" and call.total <= TRACED_CALLS and not call.table.is_exact
    named = "python" if few else engine
    if named in {"python", "reference"} and not call.vector:
        return Choice(named, reason=f"engine={named!r} was asked for"), ()
    with np.errstate(all="ignore"):
        there, value = _called_somewhere(call)
        if there is None:
            return _choose_by_trace(call, named, value)
        shape = as_numbers(value).shape if call.vector else np.shape(as_number(value))
        if named == "reference":
            return Choice(named), shape
        return choose(there, named), shape


def _called_somewhere(call: Call) -> tuple[Call | None, Any]:
    """The call at a point where f returns something, and that; None and the error where it raises."""
    ones = np.ones(call.points.layout) if call.bounds is None else np.clip(1.0, *call.bounds)
    calls = [call, replace(call, points=Rows(ones, call.points.shape))]
    number, answer = look.first_answer(call.f, ((c.argument(c.points.row(0)), *c.args_at(0)) for c in calls))
    return None if number is None else calls[number], answer


def _choose_by_trace(call: Call, named: str, error: Exception) -> tuple[Choice, tuple[int, ...]]:
    """The choice for a function that raises at the points that were made up."""
    try:
        shape = traces.traced_shape(call)
    except Exception:  # noqa: BLE001  f's own again, of a function that cannot be traced
        if call.vector or named == "auto":
            raise ValueError(_unknown(call, error)) from error
        return Choice(named), ()
    return Choice("simd" if named == "auto" else named), shape


def _unknown(call: Call, error: Exception) -> str:
    tried = f"f raised {type(error).__name__} ({error}) at {call.points.row(0)} and at ones, and cannot be traced"
    if call.vector:
        return (
            f"{tried}: the shape of its output is unknown; "
            "let it return an array of that shape there, of NaN for example"
        )
    return f"{tried}: no engine can be chosen without data; name one, as engine='python'"


def _choose_for_array(call: Call, out: Array) -> Choice | None:
    """The simd engine for a function of one variable on so many points that tracing pays.

    None where f cannot be traced, or on an array does not do what it does on each number.
    """
    if call.total <= ARRAY_CALLS or call.table.is_complex:
        return None
    try:
        return Choice("simd", _simd(call, out, None)) if arrays.is_elementwise(call) else None
    except Exception:  # noqa: BLE001  a call of f with the whole array, which comes next, says it better
        return None


def _simd(call: Call, out: Output | None, _limit: int | None) -> Code:
    if call.table.is_complex:
        msg = "method='complex' runs on jit and python, simd knows real numbers only"
        raise EngineError(msg)
    made: Code = imported(_SIMD).compile_call(call, out)
    return made


def _jit(call: Call, out: Output | None, limit: int | None) -> Code:
    made: Code
    if call.table.is_complex:
        made = imported(_JIT_OF_COMPLEX).compile_call(call, limit)
    else:
        made = imported(_JIT).compile_call(call, out, limit)
    return made


_COMPILE = {"simd": _simd, "jit": _jit}


def run(call: Call, out: Output, values: Array | None, engine: str, workers: Workers, progress: Any = False) -> Facts:
    """Choose, compile, bind, fill; a function of one variable on whole arrays, if it takes them."""
    chosen = None
    if call.scalar and isinstance(out, np.ndarray) and call.points.count > 1:
        if call.table.is_exact or engine not in {"auto", "python"}:
            elementwise.check_numbers(call)
        else:
            chosen = _choose_for_array(call, out) if engine == "auto" else None
            facts = None if chosen else _run_on_arrays(call, out, progress)
            if facts:
                return facts
    chosen = chosen or choose(call, engine, out)
    if chosen.code is None and call.total > PYTHON_CALLS:
        warn_if_slow(call, chosen, users_level(1))
    return chosen.bind(call, out, values).fill(workers, progress)


def _run_on_arrays(call: Call, out: Array, progress: Any) -> Facts | None:
    """A function of one variable on all points at once, from Python; None where f refuses arrays."""
    done = (complexsteps if call.table.is_complex else arrays).apply_to_arrays(call, out)
    if not done:
        return None
    with threads.progress_report(progress, "point") as report:
        if report:
            report(call.points.count, call.points.count)
    return Facts("python", *done)


def warn_if_slow(call: Call, chosen: Choice, level: int) -> None:
    """Say once per function that Python is about to call it very often, and why."""
    if chosen.code is not None or call.total <= PYTHON_CALLS:
        return
    warn_once(call.f, f"f is called {call.total:,} times from Python: {chosen.reason}", level + 1)


def warn_once(f: Any, text: str, level: int | None = None) -> None:
    """A PerformanceWarning, once per function."""
    if id(getattr(f, "__code__", f)) not in _warned:
        keep_quiet(f)
        warnings.warn(text, PerformanceWarning, stacklevel=users_level() if level is None else level)


def keep_quiet(f: Any) -> None:
    """f's caller has been told that Python calls it very often."""
    code = getattr(f, "__code__", f)
    _warned[id(code)] = code


def warn_if_constant(call: Call, out: Array, level: int) -> None:
    """Zeros everywhere are the right answer only if f reads its argument."""
    if out.size and not out[:99].any() and not out.any() and not _reads_its_argument(call):
        warnings.warn(CONSTANT, ConstantFunctionWarning, stacklevel=level)


def _reads_its_argument(call: Call) -> bool:
    """Whether f takes another value when every coordinate moves by an irregular amount of size max(1, |x_i|)."""
    n = call.finite()
    row = call.points.row(n)
    moved = call.inside(n, row + irregular(row.size) * np.maximum(1.0, np.abs(row)))
    part = np.real if call.table.is_complex else np.asarray
    return look.reacts(call.f, call.argument(row), call.argument(moved), call.args_at(n), part)
