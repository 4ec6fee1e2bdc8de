"""Honest comparisons: the contestants take turns, the best time of each counts."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable
from functools import cache
from time import perf_counter, sleep

import numba
import numpy as np

from fastgrad.engine.threads import cores


def race(contestants: dict[str, Callable[[], object]], seconds: float = 5.0, pause: float = 0.0) -> dict[str, float]:
    """Seconds of the best run of each contestant; they run in turns until the time is over, five turns at least.

    OpenMP leaves its threads spinning for a while, in the next contestant's time. With a pause a turn is that pause and
    two runs: in the second the contestant's own threads are awake and nobody else's.
    """
    best = dict.fromkeys(contestants, np.inf)
    for run in contestants.values():
        run()
    start, turns = perf_counter(), 0
    while perf_counter() - start < seconds or turns < 5:
        for name, run in contestants.items():
            if pause:
                sleep(pause)
            for _ in range(2 if pause else 1):
                begin = perf_counter()
                run()
                best[name] = min(best[name], perf_counter() - begin)
        turns += 1
    return best


@cache
def compiled_modules() -> dict[str, str]:
    """An environment in which Python keeps compiled modules, as it does for installed packages."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": tempfile.mkdtemp()}


def machine() -> str:
    """One line on where the numbers come from."""
    return (
        f"{platform.system()} {platform.machine()}, {cores()} cores, Python {platform.python_version()}, "
        f"NumPy {np.__version__}, Numba {numba.__version__}"
    )
