"""Ctrl-C waits, and is not lost."""

import signal
import subprocess
import sys
import threading

import pytest

from fastgrad.llvm.interrupts import deferred_interrupt, loading


def test_an_interrupt_arrives_at_the_end():
    done = []

    def work():
        with deferred_interrupt():
            for _ in range(2):
                signal.raise_signal(signal.SIGINT)
                done.append("alive")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["alive", "alive"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_callers_handler_is_asked_and_put_back():
    seen = []
    handler = lambda number, frame: seen.append(number)
    before = signal.signal(signal.SIGINT, handler)
    try:
        with deferred_interrupt():
            signal.raise_signal(signal.SIGINT)
            assert seen == []
        assert seen == [signal.SIGINT]
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_error_inside_puts_the_handler_back():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), deferred_interrupt():
        1 / 0  # noqa: B018
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_leave_signals_alone():
    found = []

    def work():
        with deferred_interrupt():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]


def test_an_interrupt_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with deferred_interrupt():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np, fastgrad
x = np.ones((20, 2))
timer = threading.Timer(float(sys.argv[1]), os.kill, (os.getpid(), signal.SIGINT))
timer.start()
try:
    while True:
        fastgrad.gradient(lambda x: x[0] * x[1], x, batch=True, engine="jit")
except KeyboardInterrupt:
    pass
timer.join()
assert fastgrad.gradient(lambda x: x[0] * x[1], x, batch=True, engine="jit").shape == (20, 2)
"""


@pytest.mark.parametrize("seconds", ["0.02", "0.15", "0.4"])
def test_a_compiler_is_imported_whole(seconds):
    """In the first second of the first call Numba is being imported."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, seconds], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_loaded_costs_nothing():
    with loading("sys"):
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with loading("no.such.module"):
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler


HALF_IMPORTED = """
import signal, sys
import numpy as np, fastgrad

class Interrupting:
    left = 1
    def find_spec(self, name, path=None, target=None):
        if name == "llvmlite.binding.newpassmanagers" and self.left:
            self.left = 0
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
signal.signal(signal.SIGINT, signal.default_int_handler)
exec(sys.argv[1])
for turn in range(2):
    try:
        call()
        print("done", turn)
    except KeyboardInterrupt:
        print("interrupted", turn)
"""
CALLS = {
    "points": "call = lambda: fastgrad.gradient(lambda x: x[0] * x[1], np.ones((500, 2)), batch=True)",
    "weights": """
random = np.random.default_rng(0)
a, params = random.normal(size=(200, 60)), {"W": random.normal(size=(60, 40)), "V": random.normal(size=(40, 30))}
loss = lambda p: np.sum(np.tanh(np.tanh(a @ p["W"]) @ p["V"]) ** 2)
call = lambda: fastgrad.weight_gradient(loss, params, engine="arrays")
""",
}


@pytest.mark.parametrize("name", CALLS)
def test_an_interrupted_import_of_llvm_is_no_end(name):
    done = subprocess.run(
        [sys.executable, "-c", HALF_IMPORTED, CALLS[name]], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split("\n")[:2] == ["interrupted 0", "done 1"], done.stderr


def test_another_interpreter_than_the_main_one_is_told(monkeypatch):
    def refuses(number, handler):
        raise ValueError

    monkeypatch.setattr(signal, "signal", refuses)
    with pytest.raises(RuntimeError, match=r"main interpreter only.*engine='python'"), deferred_interrupt():
        pass
