"""What every test has in common."""

import gc
import sys

import pytest


def pytest_collection_finish():
    """Thousands of tests and the modules they import live to the end, and nobody looks through them for rubbish again.

    Numba makes so many small objects that each of its compilations took 1.6 times as long, and still 1.2 times with the
    rubbish looked for after each 700 of them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown():
    """Threads of dask would stay for the tests that fork, which is refused beside other threads."""
    threaded = sys.modules.get("dask.threaded")
    if threaded is not None and threaded.default_pool is not None:
        threaded.default_pool.shutdown()
        threaded.default_pool = None
