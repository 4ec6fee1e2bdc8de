"""What every test has in common."""

import gc


def pytest_collection_finish():
    """Thousands of tests and the modules they import live to the end, and nobody looks through them for rubbish again.

    Numba makes so many small objects that each of its compilations took 1.6 times as long.
    """
    gc.collect()
    gc.freeze()
