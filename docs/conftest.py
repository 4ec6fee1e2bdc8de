"""What pytest leaves alone when it looks for examples in these pages, and what it tidies after each page."""

import sys

import pytest

collect_ignore = ["conf.py", "drawings.py"]


@pytest.fixture(autouse=True)
def no_threads_of_dask():
    """They would keep the pages after this one from forking."""
    yield
    if "dask.threaded" in sys.modules:
        pools = sys.modules["dask.threaded"].pools
        for pool in [pool for of_thread in pools.values() for pool in of_thread.values()]:
            pool.shutdown()
        pools.clear()
        default, sys.modules["dask.threaded"].default_pool = sys.modules["dask.threaded"].default_pool, None
        if default is not None:
            default.shutdown()
