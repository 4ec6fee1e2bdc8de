"""Which engine runs a call, and the run itself."""

from __future__ import annotations

import warnings
from dataclasses import replace
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..formulas.steps import irregular
from ..formulas.values import as_number, as_numbers
from ..program import look
from ..results import EPS, ConstantFunctionWarning, EngineError, PerformanceWarning, users_level
from . import threads
from .call import Call, Kernel
from .points import Output, Rows, Target
from .python import arrays, buffer, complexsteps

Array = NDArray[np.float64]

ENGINES = ("auto", "simd", "jit", "python", "reference")

# Up to this many calls of f Python is the faster engine: a call costs 1 to 10 us, a trace with its check 0.1 to 1 ms,
# its first compilation 20 to 400 ms (from disk 1 to 10). A function whose trace is kept gains no earlier: with D = 100
# the first gradient of Rosenbrock's function in a process takes 650 ms (from disk 100, most of it to import LLVM), each
# by Python 1.3 ms, so that a lower number would pay only after 500 of them (80) ...
TRACED_CALLS = 1_000
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

_warned: dict[int, Any] = {}  # by identity; the code objects are kept, so that no other one takes their number


class Plan(NamedTuple):
    """The engine, its kernel where it is a compiled one, and why no faster engine was taken."""

    engine: str
    kernel: Kernel | None = None
    reason: str = ""


def check_engine(engine: str) -> None:
    """Raise ValueError for a name that is no engine's."""
    if engine not in ENGINES:
        msg = f"engine={engine!r} is unknown; use one of {', '.join(map(repr, ENGINES))}"
        raise ValueError(msg)


def plan(call: Call, engine: str, out: Output, values: Array | None = None) -> Plan:
    """Pick the engine, by the call alone and never by earlier calls, and prepare it to fill `out` and `values`.

    Raises
    ------
    EngineError
        An engine that was asked for by name cannot run f.
    """
    if engine == "python":
        return Plan(engine, reason="engine='python' was asked for")
    if engine == "auto" and (count := call.total) <= TRACED_CALLS:
        return Plan("python", reason=f"{count} calls of f take less time than compiling it")
    reasons = []
    for name in ("simd", "jit") if engine == "auto" else (engine,):
        if engine == "auto" and name == "jit" and call.total <= PYTHON_CALLS:
            reasons.append(f"{call.total} calls of f take less time than compiling it by Numba")
            continue
        try:
            kernel = _PREPARE[name](call, out, values, RECOMPILATIONS if engine == "auto" else None)
            return Plan(name, kernel, "; ".join(reasons))
        except EngineError as refused:
            if engine != "auto":
                msg = f"engine={engine!r} cannot run this function: {refused}"
                raise EngineError(msg) from refused
            reasons.append(str(refused))
    return Plan("python", reason="; ".join(reasons))


def plan_ahead(call: Call, engine: str) -> tuple[Plan, tuple[int, ...]]:
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
    few = engine == "auto" and call.total <= TRACED_CALLS
    named = "python" if few else engine
    if named in {"python", "reference"} and not call.vector:
        return Plan(named, reason=f"engine={named!r} was asked for"), ()
    with np.errstate(all="ignore"):
        there, value = _called_somewhere(call)
        if there is None:
            return _plan_by_trace(call, named, value)
        shape = as_numbers(value).shape if call.vector else np.shape(as_number(value))
        if named == "reference":
            return Plan(named), shape
        return plan(there, named, _room(there), np.empty(1) if call.value else None), shape


def _room(call: Call) -> Output:
    """Where the outputs of a call go that is only planned."""
    columns = len(call.table.parts)
    if call.vector:
        return Target(lambda shape: np.empty((call.points.count, prod(shape), columns)))
    return np.empty((call.points.count, columns))


def _called_somewhere(call: Call) -> tuple[Call | None, Any]:
    """The call at a point where f returns something, and that; None and the error where it raises."""
    ones = np.ones(call.points.layout) if call.bounds is None else np.clip(1.0, *call.bounds)
    calls = [call, replace(call, points=Rows(ones, call.points.shape))]
    number, answer = look.first_answer(call.f, ((c.argument(c.points.row(0)), *c.args_at(0)) for c in calls))
    return None if number is None else calls[number], answer


def _plan_by_trace(call: Call, named: str, error: Exception) -> tuple[Plan, tuple[int, ...]]:
    """The plan for a function that raises at the points that were made up."""
    from .simd import launch  # noqa: PLC0415  importing LLVM takes as long as all the rest

    try:
        shape = launch.traced_shape(call)
    except Exception:  # noqa: BLE001  f's own again, of a function that cannot be traced
        if call.vector or named == "auto":
            raise ValueError(_unknown(call, error)) from error
        return Plan(named), ()
    return Plan("simd" if named == "auto" else named), shape


def _unknown(call: Call, error: Exception) -> str:
    tried = f"f raised {type(error).__name__} ({error}) at {call.points.row(0)} and at ones, and cannot be traced"
    if call.vector:
        return (
            f"{tried}: the shape of its output is unknown; "
            "let it return an array of that shape there, of NaN for example"
        )
    return f"{tried}: no engine can be chosen without data; name one, as engine='python'"


def plan_for_array(call: Call, out: Array) -> Plan | None:
    """The simd engine for a function of one variable on so many points that tracing pays.

    None where f cannot be traced, or on an array does not do what it does on each number.
    """
    if call.total <= ARRAY_CALLS or call.is_complex:
        return None
    try:
        if not arrays.is_elementwise(call):
            return None
        return Plan("simd", _PREPARE["simd"](call, out, None, None))
    except Exception:  # noqa: BLE001  a call of f with the whole array, which comes next, says it better
        return None


def _simd(call: Call, out: Any, values: Array | None, _limit: int | None) -> Any:
    if call.is_complex:
        msg = "method='complex' runs on jit and python, simd knows real numbers only"
        raise EngineError(msg)
    from .simd import launch  # noqa: PLC0415  importing LLVM takes as long as all the rest

    return launch.prepare(call, out, values)


def _jit(call: Call, out: Any, values: Array | None, limit: int | None) -> Any:
    if call.is_complex:
        from .jit import complexloops  # noqa: PLC0415

        return complexloops.prepare(call, out, values, recompilations=limit)
    from .jit import blackbox  # noqa: PLC0415  importing Numba takes four times as long as the rest

    return blackbox.prepare(call, out, values, recompilations=limit)


_PREPARE = {"simd": _simd, "jit": _jit}


class Facts(NamedTuple):
    """What ran, how often it called f, and the precision of what f returned; of refined steps more.

    `error` and `status` lie as the outputs do, `steps` as the points.
    """

    engine: str
    nfev: int
    eps: float = EPS
    error: Array | None = None
    status: NDArray[np.intp] | None = None
    steps: Array | None = None


def run(
    call: Call, chosen: Plan, out: Output, values: Array | None = None, workers: int | None = 1, progress: Any = False
) -> Facts:
    """Fill out[n, k] with the derivatives and values[n] with f.

    Of compiled code `workers` are threads, by default all cores; of Python forked processes, by default none.
    """
    single = call.points.count == 1
    with threads.progress_report(progress, "coordinate" if single else "point") as report:
        if chosen.kernel is None:
            apply = complexsteps.apply if call.is_complex else buffer.apply
            return Facts("python", *apply(call, out, values, report, workers or 1))
        kernel = chosen.kernel
        scaled = report and (lambda done, total: report(kernel.units * done // total, kernel.units))
        if kernel.items <= kernel.grain and not report:
            kernel.work(0, kernel.items)
        else:
            threads.run(
                kernel.work, kernel.items, workers=workers or threads.cores(), grain=kernel.grain, report=scaled
            )
        kernel.finish()
        return Facts(chosen.engine, call.evaluations, kernel.eps)


def run_on_arrays(call: Call, out: Array, progress: Any = False) -> Facts | None:
    """A function of one variable on all points at once, from Python; None where f refuses arrays."""
    done = (complexsteps if call.is_complex else arrays).apply_to_arrays(call, out)
    if not done:
        return None
    with threads.progress_report(progress, "point") as report:
        if report:
            report(call.points.count, call.points.count)
    return Facts("python", *done)


def plan_and_run(
    call: Call, out: Output, values: Array | None, engine: str, workers: int | None, progress: Any = False
) -> Facts:
    """As `run`, on the engine that suits the call; a function of one variable on whole arrays, if it takes them."""
    chosen = None
    if call.scalar and isinstance(out, np.ndarray) and call.points.count > 1 and engine in {"auto", "python"}:
        chosen = plan_for_array(call, out) if engine == "auto" else None
        facts = None if chosen else run_on_arrays(call, out, progress)
        if facts:
            return facts
    chosen = chosen or plan(call, engine, out, values)
    if chosen.kernel is None and call.total > PYTHON_CALLS:
        warn_if_slow(call, chosen, users_level(1))
    return run(call, chosen, out, values, workers, progress)


def warn_if_slow(call: Call, chosen: Plan, level: int) -> None:
    """Say once per function that Python is about to call it very often, and why."""
    if chosen.kernel or call.total <= PYTHON_CALLS:
        return
    if id(getattr(call.f, "__code__", call.f)) not in _warned:
        keep_quiet(call.f)
        text = f"f is called {call.total:,} times from Python: {chosen.reason}"
        warnings.warn(text, PerformanceWarning, stacklevel=level)


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
    part = np.real if call.is_complex else np.asarray
    return look.reacts(call.f, call.argument(row), call.argument(moved), call.args_at(n), part)
