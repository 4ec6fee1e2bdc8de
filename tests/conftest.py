"""What every test has in common."""

import gc
import sys

import pytest


def pytest_collection_finish():
    """Thousands of tests and the modules they import live to the end, and nobody looks through them for rubbish again.

    Numba makes so many small objects that each of its compilations took 1.6 times as long.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_threads_of_dask():
    """Its threads would stay for the tests that fork, which is refused beside other threads."""
    yield
    threaded = sys.modules.get("dask.threaded")
    if threaded is not None and threaded.default_pool is not None:
        threaded.default_pool.shutdown()
        threaded.default_pool = None
