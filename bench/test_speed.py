"""Every contestant of every case: agreement with the exact derivative, then time. `make bench`; `make bench-check`."""

from __future__ import annotations

import gc
import warnings
from functools import lru_cache

import pytest
from contest import Case, Contestant, check, measure

# They warn about their own code, and about steps that they try and drop.
WARNING = {"numdifftools", "jacobi", "scipy.differentiate", "statsmodels"}


@lru_cache(maxsize=1)
def on_stage(case: Case, size: int) -> tuple[object, dict[str, tuple[Contestant, float | None]]]:
    """The problem of the case that is running, and the contestants that have passed the check, with their errors."""
    gc.collect()
    return case.problem(size), {}


def contestant(case: Case, size: int, library: str) -> tuple[Contestant, float | None]:
    problem, ready = on_stage(case, size)
    if library not in ready:
        built = case.contestants[library](problem)
        ready[library] = built, check(built)
    return ready[library]


def test_speed(entry, benchmark, request, missing):
    case, turn, library = entry
    tiny = request.config.option.tiny
    with warnings.catch_warnings():
        if library in WARNING:
            warnings.simplefilter("ignore")
        try:
            ready, error = contestant(case, case.tiny if tiny else case.size, library)
        except ImportError as reason:
            missing[library] = str(reason)
            pytest.skip(f"{library}: not installed ({reason})")
        about = {"family": case.family, "case": case.name, "size": case.size, "library": library, "turn": turn}
        benchmark.extra_info.update(about, error=error, share=ready.share)
        if tiny:
            benchmark.pedantic(ready.run)
        else:
            measure(benchmark, ready)
