"""docs/accuracy.md: the error of every library at every case, its evaluations and its time; how honest errors are.

python bench/accuracy.py           # measures and writes the page
python bench/accuracy.py --tiny    # everything once: agreement, no timing, nothing is written
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from math import inf, isnan
from time import perf_counter
from typing import Any

import numpy as np
import precision
from functions import Array
from machine import machine
from precision import PROBLEMS, Job, Problem
from report import ROOT, duration, table, write

from fastgrad.formulas.samples import CURVES, SAMPLES

PAGE = ROOT / "docs" / "accuracy.md"
US = "fastgrad"

LIBRARIES: dict[str, Callable[[Problem], Job | None]] = {
    "fastgrad, order 2": precision.ours,
    "fastgrad, order 4": partial(precision.ours, order=4),
    "fastgrad, order 8": partial(precision.ours, order=8),
    "fastgrad, adaptive": partial(precision.ours, method="adaptive"),
    "scipy 2-point": partial(precision.scipy, method="2-point"),
    "scipy 3-point": partial(precision.scipy, method="3-point"),
    "scipy.differentiate": precision.scipy_differentiate,
    "numdifftools": precision.numdifftools,
    "jacobi": precision.jacobi,
    "statsmodels": precision.statsmodels,
}
ESTIMATING = ("fastgrad, adaptive", "scipy.differentiate", "numdifftools", "jacobi")

GOAL = 1e-13  # errors below count as equal
ALIKE = 2.0  # and so do errors that differ by less than this factor
CLOSE = 1.25  # times within this factor are equal
AGREE = 1e-9  # what adaptive reaches in every case that is not in ROUGH
ROUGH = {"noisy": 1e-2}
PROMISED = 0.99  # of the true errors are below adaptive's estimate
ROUNDED = 2.0**-51  # exact values are rounded too

# Why fastgrad is not ahead: (case, what is lost) -> a sentence for the page. A lost row without one is an error.
CHEAP = (
    "f costs next to nothing, so the time is that of the bookkeeping. adaptive keeps it for all elements together, in "
    "NumPy: with `batch=True`, many coordinates or a dearer f it hardly counts, "
    "at one cheap point it is most of the time."
)
REASONS: dict[tuple[str, str], str] = {(p.name, "time"): CHEAP for p in PROBLEMS if p.kind != "hessian"} | {
    ("noisy", "error"): "numdifftools begins with steps of 2 and more, over which this noise averages out; where f is "
    "known as well as here, `h=` does the same.",
    ("noisy", "evaluations"): "steps are halved until differences should shrink again, and over noise they never do; a "
    "given `h` with `order=8` takes 8.",
    ("ions", "time"): "only adaptive is exact here, and its steps are found for each coordinate first.",
}


@dataclass(frozen=True)
class Measured:
    """What a library made of a case; the time is NaN where it was not taken."""

    error: float
    evaluations: int
    seconds: float


Row = dict[str, Measured]

# Measuring ------------------------------------------------------------------------------------------------------------


class Counter:
    """f, and at how many points it was evaluated."""

    def __init__(self, f: Callable[[Array], Any], dimension: int) -> None:
        self.f, self.dimension, self.points = f, dimension, 0

    def __call__(self, x: Array) -> Any:
        self.points += np.size(x) // self.dimension
        return self.f(x)


def measured(build: Callable[[Problem], Job | None], problem: Problem, *, timed: bool) -> Measured | None:
    counter = Counter(problem.f, problem.x.size)
    counted = build(replace(problem, f=counter))
    job = build(problem)
    if counted is None or job is None:
        return None
    value, _ = counted()
    return Measured(problem.error(value), counter.points, best_time(job) if timed else np.nan)


def best_time(job: Job, budget: float = 0.03) -> float:
    """The best of some runs, at least three, after one that warms up."""
    job()
    times: list[float] = []
    while len(times) < 3 or sum(times) < budget:
        start = perf_counter()
        job()
        times.append(perf_counter() - start)
    return min(times)


def measure(problem: Problem, *, timed: bool) -> Row:
    results = {name: measured(build, problem, timed=timed) for name, build in LIBRARIES.items()}
    return {name: result for name, result in results.items() if result is not None}


# Verdicts -------------------------------------------------------------------------------------------------------------


def exact_ones(row: Row) -> Row:
    """Those that are as exact as the most exact."""
    limit = max(ALIKE * min(inf if isnan(m.error) else m.error for m in row.values()), GOAL)
    return {name: m for name, m in row.items() if m.error <= limit}


def lost(row: Row) -> list[str]:
    """In what fastgrad is behind: error, or, among those that are as exact, evaluations and time."""
    best = exact_ones(row)
    us = [m for name, m in best.items() if name.startswith(US)]
    them = [m for name, m in best.items() if not name.startswith(US)]
    if not us:
        return ["error"]
    found = []
    if min(m.evaluations for m in us) > min((m.evaluations for m in them), default=inf):
        found.append("evaluations")
    if min(m.seconds for m in us) > CLOSE * min((m.seconds for m in them), default=inf):
        found.append("time")
    return found


def reasons(rows: dict[str, Row]) -> list[str]:
    """Why fastgrad is not ahead in some rows: a line for each reason.

    Raises
    ------
    KeyError
        It is not, and nobody wrote why.
    """
    titles: dict[tuple[str, str], list[str]] = {}
    for problem in PROBLEMS:
        for what in lost(rows[problem.name]):
            if (problem.name, what) not in REASONS:
                msg = f"{problem.name}: behind in {what}, and REASONS does not say why: {rows[problem.name]}"
                raise KeyError(msg)
            titles.setdefault((what, REASONS[problem.name, what]), []).append(problem.title)
    return [f"- *{what}* ({'; '.join(names)}): {reason}" for (what, reason), names in titles.items()]


# Honesty --------------------------------------------------------------------------------------------------------------

POINTS = 25  # of each curve
FEW = 4  # of each function of several variables
KINKED = {"huber"}


def sweep() -> Iterator[Problem]:
    """Many smooth functions at random points: the samples of fastgrad.formulas.samples."""
    rng = np.random.default_rng(0)
    for each in CURVES.values():
        for at in rng.uniform(*each.box, POINTS):
            yield precision.curve(each.name, each.name, each.f, at, float(each.derivatives[0](np.array(at))))
    for sample in SAMPLES.values():
        if sample.name not in KINKED:
            for x in rng.uniform(*sample.box, (FEW, sample.dimension or len(sample.point))):
                yield Problem(sample.name, sample.name, on_columns(sample.f), x, sample.gradient(x))


def on_columns(f: Callable[[Array], Any]) -> Callable[[Array], Any]:
    """f of one point, also for points in columns."""

    def of_all(x: Array) -> Any:
        return f(x) if x.ndim == 1 else np.apply_along_axis(f, 0, x)

    return of_all


@dataclass
class Honesty:
    """Relative errors of a library, true and estimated, one entry an element;
    and how many it covered or had no number for."""

    true: list[float] = field(default_factory=list)
    estimated: list[float] = field(default_factory=list)
    covered: int = 0
    missing: int = 0

    def add(self, problem: Problem, found: precision.Found) -> None:
        value, error = (np.reshape(each, problem.exact.shape).ravel() for each in found)
        exact = problem.exact.ravel()
        finite = np.isfinite(value) & np.isfinite(error)
        apart, size = np.abs(value - exact), np.where(exact == 0.0, 1.0, np.abs(exact))
        self.covered += int((apart[finite] <= error[finite] + ROUNDED * size[finite]).sum())
        self.missing += int((~finite).sum())
        self.true += (apart / size)[finite].tolist()
        self.estimated += (error / size)[finite].tolist()

    @property
    def share(self) -> float:
        return self.covered / len(self.true)


def honesty(problems: list[Problem]) -> dict[str, Honesty]:
    found = {name: Honesty() for name in ESTIMATING}
    for problem in problems:
        for name, result in found.items():
            if job := LIBRARIES[name](problem):
                result.add(problem, job())
    return found


# The page -------------------------------------------------------------------------------------------------------------


def accuracies(rows: dict[str, Row]) -> list[str]:
    """A row a case, a column a library: error, evaluations, time; then the reasons."""
    titles = {problem.name: problem.title for problem in PROBLEMS}
    lines = [[titles[name], *(cell(row, library) for library in LIBRARIES)] for name, row in rows.items()]
    why = reasons(rows)
    return [*table(["", *LIBRARIES], lines), *(["", "Where fastgrad is behind, and why:", "", *why] if why else [])]


def cell(row: Row, library: str) -> str:
    if library not in row:
        return ""
    found = row[library]
    error = f"{found.error:.0e}".replace("0e+00", "0") if np.isfinite(found.error) else "none"
    bold = f"**{error}**" if library in exact_ones(row) else error
    return f"{bold}<br>{found.evaluations}<br>{duration(found.seconds)}"


def honesties(found: dict[str, Honesty]) -> list[str]:
    head = ["", "numbers", "no number", "error covered", "median error", "median estimate"]
    rows = [
        [
            name,
            str(len(each.true)),
            str(each.missing),
            f"{100 * each.share:.1f} %",
            f"{np.median(each.true):.0e}",
            f"{np.median(each.estimated):.0e}",
        ]
        for name, each in found.items()
    ]
    return table(head, rows)


def check(rows: dict[str, Row], found: dict[str, Honesty]) -> None:
    """Whether adaptive keeps what is promised: exact everywhere, and errors that can be believed."""
    adaptive = "fastgrad, adaptive"
    for name, row in rows.items():
        assert row[adaptive].error <= ROUGH.get(name, AGREE), f"{name}: error {row[adaptive].error:.1e}"
    assert found[adaptive].share >= PROMISED, f"only {found[adaptive].share:.3f} of the errors are covered"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="everything once: agreement, no timing, nothing is written")
    tiny = parser.parse_args().tiny
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of steps that leave the domain of a function
        rows = {problem.name: measure(problem, timed=not tiny) for problem in PROBLEMS}
        found = honesty([*PROBLEMS, *sweep()])
    check(rows, found)
    if tiny:
        print(f"{len(rows)} cases, {len(found['fastgrad, adaptive'].true)} estimated errors: as promised")
        return
    for marker, lines in {"cases": accuracies(rows), "estimates": honesties(found)}.items():
        write(PAGE, marker, lines)
    write(PAGE, "machine", [f"{machine()}, {date.today()}. Written by `make bench`."])
    print("\n".join(reasons(rows)))


if __name__ == "__main__":
    main()
