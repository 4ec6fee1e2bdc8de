"""Forks of anybody's beside threads that import and compile for the first time."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from fastgrad import gradient, grid
from fastgrad.engine import pauses

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

# While Python's own pool of threads is being imported a fork releases a lock of it that was not taken: it comes first.
FIRST_CALL = """
import concurrent.futures.thread, os, sys, threading, time
import numpy as np
import fastgrad
from fastgrad import grid

X, VALUES = np.ones((3000, 2)), np.ones((600, 600))
CALLS = {
    "simd": lambda k: fastgrad.gradient(lambda x: np.sin(x[0]) * x[1] + k, X, batch=True),
    "jit": lambda k: fastgrad.gradient(lambda x: np.sin(x[0]) * x[1] + k, X, batch=True, engine="jit"),
    "grid": lambda k: grid.gradient(VALUES),
}
call = CALLS[sys.argv[1]]
thread = threading.Thread(target=call, args=(0.0,))
thread.start()
time.sleep(float(sys.argv[2]))
process = os.fork()
if process == 0:
    call(1.0)
    os._exit(7)
thread.join()
until = time.monotonic() + 60
while time.monotonic() < until:
    ended, status = os.waitpid(process, os.WNOHANG)
    if ended:
        sys.exit(os.waitstatus_to_exitcode(status) != 7)
    time.sleep(0.02)
os.kill(process, 9)
sys.exit("the child hangs")
"""


# A child by Numba takes seconds: it has one moment.
MOMENTS = [*[(name, moment) for name in ("simd", "grid") for moment in (0.002, 0.02, 0.1)], ("jit", 0.02)]


@pytest.mark.parametrize(("name", "moment"), MOMENTS)
def test_a_child_of_a_first_call_can_compile(name, moment, tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", FIRST_CALL, name, str(moment)]
    environment = {**os.environ, "FASTGRAD_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=200)
    assert (done.returncode, done.stderr) == (0, "")


def load_all():
    gradient(lambda x: x[0] * x[1], np.ones((3, 2)), batch=True, engine="jit")
    gradient(lambda x: x[0] * x[1], np.ones((3, 2)), batch=True, engine="simd")
    grid.gradient(np.ones((400, 400)))


def test_every_lock_is_found():
    load_all()
    locks = list(pauses._loaded_locks())
    assert len(locks) == len(pauses._LOCKS) == len({id(lock) for lock in locks})
    for lock in locks:
        assert lock.acquire(blocking=False)
        lock.release()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
@pytest.mark.parametrize("number", range(6))
def test_a_fork_waits_for_a_lock(number):
    load_all()
    lock, taken, order = list(pauses._loaded_locks())[number], threading.Event(), []

    def hold():
        with lock:
            taken.set()
            time.sleep(0.2)
            order.append("released")

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    process = os.fork()
    if process == 0:
        os._exit(0 if lock.acquire(blocking=False) else 1)
    order.append("forked")
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert order == ["released", "forked"]
    assert all(lock.acquire(blocking=False) for lock in pauses._loaded_locks())
    for lock in pauses._loaded_locks():
        lock.release()


def test_a_thread_forks_in_the_middle_of_its_own_work():
    load_all()
    locks = list(pauses._loaded_locks())
    for lock in locks:
        lock.acquire()
    begun = time.monotonic()
    process = os.fork()
    if process == 0:
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert time.monotonic() - begun < pauses.PATIENCE_SECONDS / 2
    for lock in locks:
        lock.release()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_patience_ends(monkeypatch):
    load_all()
    monkeypatch.setattr(pauses, "PATIENCE_SECONDS", 0.05)
    lock, end = next(pauses._loaded_locks()), threading.Event()

    def hold():
        with lock:
            end.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    process = os.fork()
    if process == 0:
        os._exit(0)
    end.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert pauses._held.locks == []
