"""What a case and a contestant are, and how they are judged: accuracy first, then time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter, sleep
from typing import Any

import numpy as np

TOLERANCE = 1e-6
ONE_SIDED = 1e-4  # one-sided differences have half the digits
BLOCK = 10**6

SECONDS = 0.15
PAUSE = 0.01  # OpenMP's threads were seen to spin for up to 8 ms after their work
SLOW = 0.5

Array = np.ndarray


@dataclass(frozen=True)
class Contestant:
    """A library ready to run on a case.

    Attributes
    ----------
    run : callable
        Does the work and returns the derivative (`own_clock`: the seconds that it took).
    exact : ndarray or None
        What `run` should return.
    tolerance : float
        The relative error that is let through.
    share : float
        The part of the case's points at which it runs; its time is divided by it.
    """

    run: Callable[[], Any]
    exact: Array | None
    tolerance: float = TOLERANCE
    share: float = 1.0
    own_clock: bool = False


@dataclass(frozen=True, eq=False)
class Case:
    """One thing to compute, at one size.

    Attributes
    ----------
    family, name, title : str
        The table, the id, the words above the column.
    size, tiny : int
        Points, nodes along an axis or coordinates; and how few do for a check of agreement (0: none is made).
    problem : callable
        size -> whatever the contestants' builders need.
    contestants : dict
        Library -> builder of its `Contestant` from the problem. Only builders import libraries: an ImportError there
        means "not installed".
    ratios : dict
        Figures to reach: a library's time over fastgrad's, at least; below 1 it may be faster by that much.
    """

    family: str
    name: str
    title: str
    size: int
    tiny: int
    problem: Callable[[int], Any] = field(repr=False)
    contestants: dict[str, Callable[[Any], Contestant]] = field(repr=False)
    ratios: dict[str, float] = field(default_factory=dict)


def largest_error(got: Any, exact: Array) -> float:
    """Relative to the exact value or to its root mean square, whichever is larger; NaN where something is."""
    got, exact = np.asarray(got), np.asarray(exact)
    if got.shape != exact.shape:
        msg = f"the result has shape {got.shape}, wanted is {exact.shape}"
        raise AssertionError(msg)
    scale = np.linalg.norm(exact) / np.sqrt(exact.size)
    a, b = got.reshape(-1), exact.reshape(-1)
    blocks = [slice(start, start + BLOCK) for start in range(0, a.size, BLOCK)]
    return float(np.max([np.max(np.abs(a[s] - b[s]) / np.maximum(np.abs(b[s]), scale)) for s in blocks]))


def into(p: Any, run: Callable[[], object]) -> Contestant:
    """A contestant that writes into the `out` of a problem, which has the `exact` result too."""
    p.out.fill(np.nan)

    def filled() -> Array:
        run()
        return p.out

    return Contestant(filled, p.exact)


def check(contestant: Contestant) -> float | None:
    """Run once and return the largest error.

    Raises
    ------
    AssertionError
        It is larger than the tolerance.
    """
    got = contestant.run()
    if contestant.exact is None:
        return None
    error = largest_error(got, contestant.exact)
    assert error <= contestant.tolerance, f"relative error {error:.1e}, {contestant.tolerance:.0e} is let through"
    return error


def measure(benchmark: Any, contestant: Contestant) -> None:
    """A turn of some 0.15 seconds, after a pause for the last contestant's threads and a run that wakes one's own."""
    if contestant.own_clock:
        benchmark.extra_info["seconds"] = benchmark.pedantic(contestant.run, rounds=1, iterations=1)
        return
    sleep(PAUSE)
    start = perf_counter()
    contestant.run()
    once = perf_counter() - start
    iterations = max(1, round(1e-3 / once))
    rounds = max(1, min(200, round(SECONDS / (once * iterations))))
    benchmark.pedantic(contestant.run, rounds=rounds, iterations=iterations, warmup_rounds=int(once < SLOW))
