"""What every test has in common."""

import gc
import importlib
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's job in the background: Ctrl-C would never arrive
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.load_profile("ci")  # the same examples in each run

gc.disable()  # a tenth of the time of collection; from its end on there is little to look through


def pytest_sessionstart(session):
    """Of two processes that both have to compile all tests the second begins at the end, and each compiles a half.

    pytest's rewriting of assertions takes twelve seconds, of which nothing is left where it is found on disk.
    """
    tests, asked = Path(__file__).parent, [Path(argument).absolute() for argument in session.config.args]
    if os.environ.get("PYTEST_XDIST_WORKER") != "gw1" or tests not in asked:
        return
    for path in sorted(tests.rglob("test_*.py"), reverse=True):
        name = ".".join(path.relative_to(session.config.rootpath).with_suffix("").parts)
        with suppress(Exception, pytest.skip.Exception):  # what is wrong with it is told when it is collected
            importlib.import_module(name)


FORKING = {
    "test_forks.py", "test_machine.py", "test_mutation.py", "test_team.py", "test_walk.py", "test_workers.py",
}  # fmt: skip
LOOKING_THROUGH_MEMORY = {
    "test_births.py", "test_graph.py", "test_leftovers.py", "test_linking.py", "test_purging.py", "test_rebuild.py",
    "test_recent.py", "test_recording.py", "test_rubbish.py", "test_shelf.py", "test_tokens.py",
}  # fmt: skip


def pytest_collection_modifyitems(items):
    """First those that copy their process, while it is small: after a gigabyte of compiled code a copy takes 0.1 s.

    Then those that look through all objects for rubbish: 2 s at the end, and in a copy of the process as long.
    """
    files = [FORKING, LOOKING_THROUGH_MEMORY]
    items.sort(key=lambda item: next((k for k, names in enumerate(files) if item.path.name in names), len(files)))


def pytest_collection_finish():
    """Thousands of tests and the modules they import live to the end, and nobody looks through them for rubbish again.

    Numba makes so many small objects that each of its compilations took 1.6 times as long, and still 1.2 times with the
    rubbish looked for after each 700 of them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    gc.enable()


_generators: dict[str, list[tuple[np.random.Generator, dict]]] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """A test draws the same numbers from its module's generators whatever ran before it."""
    module = getattr(item, "module", None)
    if module is None:
        return
    if module.__name__ not in _generators:
        found = [value for value in vars(module).values() if isinstance(value, np.random.Generator)]
        _generators[module.__name__] = [(generator, generator.bit_generator.state) for generator in found]
    for generator, state in _generators[module.__name__]:
        generator.bit_generator.state = state


@pytest.fixture
def at_once():
    """Calls a function with each of some numbers, in as many threads, and waits for all of them."""

    def call(function, numbers):
        threads = [threading.Thread(target=function, args=(n,)) for n in numbers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return call


@pytest.fixture
def nothing_hangs():
    """A test that waits for ever fails after half a minute."""
    if not hasattr(signal, "alarm"):
        yield
        return

    def too_long(*_):
        raise TimeoutError

    previous = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown():
    """Threads of dask would stay for the tests that fork, which is refused beside other threads."""
    threaded = sys.modules.get("dask.threaded")
    if threaded is not None and threaded.default_pool is not None:
        threaded.default_pool.shutdown()
        threaded.default_pool = None
