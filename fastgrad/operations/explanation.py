"""Which engine runs a gradient, and why not a faster one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import points
from ..chunks.frames import applied, is_frame
from ..engine import threads
from ..engine.arguments import (
    Array,
    Bounds,
    Function,
    Noise,
    Options,
    Progress,
    Step,
    check_function,
    check_map,
    check_scheme,
    read_call,
)
from ..engine.bound import Choice, Code
from ..engine.call import Call, Workers
from ..engine.choose import check_engine, choose
from ..engine.options import Numbers
from ..engine.simd.traces import UntracedError
from ..formulas import stencils
from ..formulas.values import ComplexError
from ..results import EngineError, Explanation
from . import parts
from .hints import refuse_dict
from .solve import check_combination, none_ran


def explain(
    f: Function, x: Numbers, *, args: tuple[Any, ...] = (), batch_args: tuple[Any, ...] = (),
    batch: bool = False, method: str = "central", order: int = 2, h: Step = None, rel_step: Step = None,
    bounds: Bounds = None, side: Step = None, noise: Noise = None, engine: str = "auto", workers: Workers = None,
    out: Array | None = None, progress: Progress = False, full_output: bool = False,
) -> Explanation:  # fmt: skip
    """Which engine `gradient` would use for the same arguments, and why not a faster one.

    Of ``method="exact"`` it says of how many operations f is, and f with its derivatives. Of central differences of
    order 2 by machine code, whose error is mostly truncation, it says which step would leave how much: from f's exact
    third derivatives at some of the points. f is compiled if it takes that to know, but not differentiated; `out` is
    not written, `progress` and `full_output` change nothing.

    Returns
    -------
    Explanation
        A string of one line with the attributes `engine` and `reason`.

    Examples
    --------
    >>> import numpy as np, fastgrad
    >>> print(fastgrad.explain(lambda x: np.sum(x**2), np.ones(3)))
    python: 6 calls of f from Python; 6 calls of f take less time than compiling it
    """
    check_engine(engine)
    used = check_map(workers, engine)
    check_function(f)
    refuse_dict(x, "explain")
    check_scheme(method, order)
    what: dict[str, Any] = {"args": args, "batch_args": batch_args, "method": method, "order": order, "bounds": bounds}
    what |= {"h": h, "rel_step": rel_step, "side": side, "noise": noise}
    if type(x) is not np.ndarray and is_frame(x):
        of_frame: Explanation = applied(explain, f, x, Options(engine, workers), batch=batch, **what)
        return of_frame
    call = read_call(f, x, stencils.gradient, batch=batch, **what)[1]
    check_combination(call, engine)
    threads_used = used if isinstance(used, int) else threads.cores()
    try:
        return _explanation(call, engine, threads_used)
    except ComplexError:
        if not parts.suit(call):
            raise
    return _explanation(parts.with_both(call, workers), engine, threads_used)


def _explanation(call: Call, engine: str, threads_used: int) -> Explanation:
    if not call.points.count or not call.points.dimension:
        return Explanation(none_ran(engine), "no coordinates, nothing to do")
    if engine == "reference":
        return Explanation(engine, "the definition in plain NumPy")
    by_arrays = points.described(call, engine == "arrays") if engine in {"auto", "arrays"} else ""
    if by_arrays:
        return Explanation("arrays", by_arrays)
    try:
        return _of_choice(call, choose(call, engine), threads_used)
    except EngineError as refused:
        untraced = engine == "auto" and isinstance(refused.__cause__, UntracedError)
        each = points.described_each(call) if untraced else ""
        if not each:
            raise
        return Explanation("arrays", f"{_counted(call.points.count, 'point')}, {each}", str(refused))


def _of_choice(call: Call, chosen: Choice, threads_used: int) -> Explanation:
    if chosen.code is not None and call.table.is_exact:
        return Explanation(chosen.engine, _explanation_of_exact(call, chosen.code, threads_used), chosen.reason)
    if chosen.code is not None:
        used = _counted(threads_used if chosen.code.is_shared else 1, "thread")
        how = f"{call.total:,} calls of f {chosen.code.description}, {used}{_other_step(call, chosen)}"
        return Explanation(chosen.engine, how, chosen.reason)
    return Explanation(chosen.engine, f"{call.total:,} calls of f from Python", chosen.reason)


def _other_step(call: Call, chosen: Choice) -> str:
    from .suitable import suitable_step  # noqa: PLC0415  no gradient needs it

    program = getattr(chosen.code, "program", None)
    error = suitable_step(call, program) if program is not None else None
    return f"; {error}" if error else ""


def _explanation_of_exact(call: Call, code: Code, threads_used: int) -> str:
    used = _counted(threads_used if code.is_shared else 1, "thread")
    return f"{_counted(call.points.count, 'point')}, {code.description}, {used}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
