"""Options of the benchmarks, and what their JSON says beside the times."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # its modules import each other by their plain names

BLAS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

# A library reads them once, when NumPy is imported.
if "numpy" not in sys.modules:
    os.environ.update(dict.fromkeys(BLAS, "1"))


def pytest_addoption(parser):
    group = parser.getgroup("fastgrad")
    group.addoption("--tiny", action="store_true", help="every case once, as small as it gets: agreement, no timing")
    group.addoption("--family", default="", help="only the cases of this family")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    if config.option.tiny:
        config.option.benchmark_disable = True
    elif any(os.environ.get(name) != "1" for name in BLAS):
        msg = f"NumPy was imported before its BLAS could be limited; set {'=1 '.join(BLAS)}=1 first, as make bench does"
        raise pytest.UsageError(msg)


def pytest_generate_tests(metafunc):
    """Case, then turn, then library, so that contestants take turns."""
    if "entry" not in metafunc.fixturenames:
        return
    from cases import CASES, TURNS, smallest

    config = metafunc.config.option
    cases = [case for case in (smallest() if config.tiny else CASES) if config.family in ("", case.family)]
    turns = range(1 if config.tiny else TURNS)
    entries = [(case, turn, library) for case in cases for turn in turns for library in case.contestants]
    metafunc.parametrize("entry", entries, ids=[f"{c.family}-{c.name}-{c.size}-{t}-{l}" for c, t, l in entries])


def pytest_benchmark_update_json(config, benchmarks, output_json):
    from machine import machine

    output_json["machine"] = machine()
    output_json["missing"] = config.stash.get(MISSING, {})


MISSING = pytest.StashKey[dict[str, str]]()
"""Library -> why it does not take part."""


@pytest.fixture(scope="session")
def missing(request):
    return request.config.stash.setdefault(MISSING, {})
