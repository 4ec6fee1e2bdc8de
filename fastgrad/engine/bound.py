"""Code with its arrays, ready to run: `fill` does the work, in chunks that threads share, and says what ran."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..results import EPS
from . import kernels, threads
from .call import Call, Output, Rows, Workers, reserved, without_points
from .kernels import Kernel
from .python import buffer, complexsteps, mapped

Array = NDArray[np.float64]
Fill = Callable[[Array, Array], bool]  # derivatives at points into an array; False where it is to be done otherwise


class Facts(NamedTuple):
    """What ran, how often it called f, and the precision of what f returned; of refined steps more.

    `error` and `status` lie as the outputs do, `steps` as the points; `steep` is a point and a coordinate along which f
    changes suspiciously, if values beside x were looked at; `each` lies as `steps` and counts evaluations; `noise` is
    that of f where it was asked for.
    """

    engine: str
    nfev: int
    eps: float = EPS
    error: Array | None = None
    status: NDArray[np.intp] | None = None
    steps: Array | None = None
    steep: tuple[int, int] | None = None
    each: NDArray[np.intp] | None = None
    noise: Array | None = None


class Code(Protocol):
    """What an engine's `compile_call` makes: it knows f and the table, and no arrays.

    Attributes
    ----------
    eps : float
        Precision of what f returns.
    description : str
        How f is run, for `explain`.
    is_shared : bool
        Whether threads share its work.
    """

    @property
    def eps(self) -> float: ...
    @property
    def description(self) -> str: ...
    @property
    def is_shared(self) -> bool: ...
    def bind(self, call: Call, out: Output, values: Array | None = None) -> Bound:
        """The code for a call of the same f and table, with the arrays for derivatives and for f's values."""


def _nothing() -> None:
    """What most have to do when their items are done."""


@dataclass(slots=True)
class Bound:
    """Compiled code with the arrays of a call.

    Attributes
    ----------
    engine : str
    call : Call
    work : callable
        ``work(start, stop)`` does some of the items.
    items, grain : int
        How many there are, and in which multiples they are handed out.
    units : int
        What progress counts to: points, or coordinates of a single point.
    eps : float
        Precision of what f returns.
    finish : callable
        To be called when all items are done.
    pace : Pace, optional
        How long an item takes, known from call to call.
    kernel : Kernel, optional
        The work, if it is machine code.
    """

    engine: str
    call: Call
    work: Callable[[int, int], object]
    items: int
    grain: int
    units: int
    eps: float = EPS
    finish: Callable[[], None] = _nothing
    pace: threads.Pace | None = None
    kernel: Kernel | None = None

    def fill(self, workers: Workers = None, progress: Any = False) -> Facts:
        """Fill the arrays; `workers` are threads, by default all cores; a map is for what is not compiled."""
        self.run(workers, progress)
        return Facts(self.engine, self.call.evaluations, self.eps)

    def run(self, workers: Workers = None, progress: Any = False) -> None:
        """Do all items."""
        used = None if callable(workers) else workers
        if progress:
            with threads.progress_report(progress, _unit(self.call)) as report:
                self._share(used, report)
        elif self.items <= self.grain:
            self.work(0, self.items)
        else:
            self._share(used, None)
        self.finish()

    def _share(self, workers: int | None, report: threads.Report | None) -> None:
        used, pace, how = workers or threads.cores(), self.pace, dict[str, Any]()
        if self.kernel and pace and pace.seconds and not report:
            seconds, how["worth"] = kernels.at_once(self.kernel, self.items, pace.seconds, used)
            if seconds:
                pace.seconds = seconds if seconds * self.items > threads.MEASURABLE_SECONDS else pace.seconds
                return
        how["report"] = report and (lambda done, total: report(self.units * done // total, self.units))
        how |= {"pace": pace, "kernel": self.kernel}
        threads.run(self.work, self.items, workers=used, grain=self.grain, **how)


@dataclass(slots=True)
class Interpreted:
    """The python engine with the arrays of a call."""

    call: Call
    out: Output
    values: Array | None

    def fill(self, workers: Workers = None, progress: Any = False) -> Facts:
        """Fill the arrays; `workers` are forked processes, by default none, or a function like map."""
        if progress:
            with threads.progress_report(progress, _unit(self.call)) as report:
                return self._apply(workers, report)
        return self._apply(workers, None)

    def _apply(self, workers: Workers, report: threads.Report | None) -> Facts:
        apply = complexsteps.apply if self.call.table.is_complex else buffer.apply
        if callable(workers) and self.call.points.count:
            count, eps, steep = mapped.apply(apply, self.call, self.out, self.values, report, workers)
            return Facts("python", count, eps or EPS, steep=steep)
        processes = 1 if callable(workers) else workers or 1
        count, eps, *where = apply(self.call, self.out, self.values, report, processes)
        return Facts("python", count, eps, steep=where[0] if where else None)


def bound_at_once(call: Call, out: Output, shape: tuple[int, ...], fill: Callable[[Array], object]) -> Bound:
    """What fills the derivatives, (N, M K), of all points in one go."""
    count = call.points.count
    flat = reserved(out, shape).reshape(count, -1)
    return Bound("simd", call, lambda start, stop: fill(flat), count, count, count)


def bound_anew(code: Code, call: Call) -> Fill:
    """What fills other arrays of the shapes of a call's, which it does not hold."""
    rest, layout = without_points(call), call.points.layout

    def fill(x: Array, out: Array) -> bool:
        code.bind(rest.at(Rows(x.reshape(layout), rest.points.shape)), out).run()
        return True

    return fill


class Choice(NamedTuple):
    """The engine, its code where it is one that compiles, and why no faster engine was taken."""

    engine: str
    code: Code | None = None
    reason: str = ""

    def bind(self, call: Call, out: Output, values: Array | None = None) -> Bound | Interpreted:
        """The engine with arrays: out[n, k] for the derivatives, values[n] for f.

        `call` has the f and the table that were chosen for; its points may be others.
        """
        return Interpreted(call, out, values) if self.code is None else self.code.bind(call, out, values)


def _unit(call: Call) -> str:
    return "coordinate" if call.points.count == 1 else "point"
