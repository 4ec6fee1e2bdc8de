"""Kernels that threads below Python share: the same bits, exceptions, Ctrl-C, progress, several callers, forks."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import fastgrad
from fastgrad.engine import forks, kernels, threads
from fastgrad.engine.kernels import Kernel

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no threads below Python on this system")

RNG = np.random.default_rng(5)


def wave(x):
    return np.sin(x[0] * x[1]) + x[0]


@pytest.fixture
def always(monkeypatch):
    """Share the shortest work, in the smallest chunks."""
    monkeypatch.setattr(threads, "SERIAL_SECONDS", 0.0)
    monkeypatch.setattr(threads, "MEASURABLE_SECONDS", 0.0)
    monkeypatch.setattr(kernels, "SERIAL_SECONDS", 0.0)
    monkeypatch.setattr(kernels, "ROUSING_SECONDS", 0.0)
    monkeypatch.setattr(kernels, "HELPING_SECONDS", 1e-9)
    monkeypatch.setattr(kernels, "SMALLEST_SECONDS", 0.0)
    monkeypatch.setattr(kernels, "TOLERATED_SECONDS", 1e9)
    asked = []
    share = kernels.team.share

    def watched(*given, **how):
        done = share(*given, **how)
        asked.append(done)
        return done

    monkeypatch.setattr(kernels.team, "share", watched)
    return asked


@pytest.fixture
def without(monkeypatch):
    """A system without such threads."""
    monkeypatch.setattr(kernels.team, "refused", True)


@pytest.mark.parametrize("count", [1, 2, 31, 64, 1000, 4099])
@pytest.mark.parametrize("method", ["central", "exact"])
def test_the_same_bits_on_any_number_of_threads(always, method, count):
    x = RNG.normal(size=(count, 2))
    for points in (x, np.asfortranarray(x)):
        alone, (values, beside) = [
            call(wave, points, batch=True, method=method, workers=1, engine="simd")
            for call in (fastgrad.gradient, fastgrad.value_and_gradient)
        ]
        for workers in (2, 3, 9):
            found = fastgrad.gradient(wave, points, batch=True, method=method, workers=workers, engine="simd")
            np.testing.assert_array_equal(found, alone)
            both = fastgrad.value_and_gradient(wave, points, batch=True, method=method, workers=workers, engine="simd")
            np.testing.assert_array_equal(both[0], values)
            np.testing.assert_array_equal(both[1], beside)
    assert always or count < 32


def test_the_same_bits_of_a_field(always):
    axes = np.linspace(-1.0, 1.0, 90), np.linspace(-2.0, 2.0, 1500)
    alone = fastgrad.gradient_field(wave, axes, workers=1)
    for _ in range(3):
        np.testing.assert_array_equal(fastgrad.gradient_field(wave, axes, workers=4), alone)
    assert always


def test_without_helpers_python_threads_do_it(always, without):
    x = RNG.normal(size=(3000, 2))
    alone = fastgrad.gradient(wave, x, batch=True, workers=1, engine="simd")
    np.testing.assert_array_equal(fastgrad.gradient(wave, x, batch=True, workers=3, engine="simd"), alone)
    assert always == []


def test_points_that_are_not_finite_are_asked_wherever_they_are(always):
    x = np.abs(RNG.normal(size=(3000, 2)))
    x[[0, 1, 700, 701, 2999]] *= -1.0

    def f(p):
        return np.log(p[0]) * p[1]

    with np.errstate(all="ignore"):
        alone = fastgrad.gradient(f, x, batch=True, workers=1, engine="simd")
        for workers in (2, 5):
            found = fastgrad.gradient(f, x, batch=True, workers=workers, engine="simd")
            np.testing.assert_array_equal(found, alone)
    assert np.isnan(alone[:, 0]).sum() == 5
    assert any(done.marks for done in always if done)


def test_an_exception_arrives(always):
    x = RNG.normal(size=(3000, 2))
    fastgrad.gradient(wave, x, batch=True, h=1e-6, workers=3, engine="simd")
    x[1234] = 1e14
    texts = []
    for workers in (1, 3, 3):
        with pytest.raises(ValueError, match="h=") as caught:
            fastgrad.gradient(wave, x, batch=True, h=1e-6, workers=workers, engine="simd")
        texts.append(str(caught.value))
    assert texts == texts[:1] * 3
    assert any(done.marks for done in always if done)
    x[1234] = 1.0
    fastgrad.gradient(wave, x, batch=True, h=1e-6, workers=3, engine="simd")


class Slow:
    """A kernel of Python's, which a team that is not native shares: items take some time."""

    def __init__(self, total, seconds):
        self.done, self.seconds = np.zeros(total, int), seconds

    def __call__(self, start, stop, argument):
        time.sleep(self.seconds * (stop - start))
        self.done[start:stop] += 1
        return 0


def test_alone_while_another_has_the_team(monkeypatch):
    work, answers = Slow(40, 1e-3), []

    def refusing(*given, **how):
        answers.append(len(answers))

    monkeypatch.setattr(kernels.team, "share", refusing)
    seen = []
    kernels.share(
        Kernel(work, 0, lambda *mark: pytest.fail(str(mark))), 0, 40, workers=2, seconds=2e-3, grain=4,
        report=lambda *given: seen.append(given),
    )  # fmt: skip
    assert (work.done == 1).all()
    assert seen == [(24, 40), (40, 40)]  # no more than may be waited for at a time, then it asks again
    assert len(answers) == 2


def test_a_debt_is_paid_before_work_is_shared_again(always, monkeypatch):
    monkeypatch.setattr(kernels, "TOLERATED_SECONDS", 0.5e-3)
    pace, total = threads.Pace(), 400

    def call():
        pace.seconds = 1e-5  # four milliseconds of work, half of one is paid
        seconds, worth = kernels.at_once(kernel, total, pace.seconds, 2)
        if not seconds:
            threads.run(lambda start, stop: None, total, workers=2, pace=pace, kernel=kernel, worth=worth)

    kernel = Kernel(Slow(total, 0.0), 0, lambda *mark: None)
    monkeypatch.setattr(kernels.team, "share", lambda *given, **how: shared.append(1))
    monkeypatch.setattr(kernels.team, "debt", 1.8e-3)
    shared, before = [], []
    for _ in range(5):
        before.append(len(shared))
        call()
    assert before == [0, 0, 0, 0, 1]
    assert kernels.team.debt == pytest.approx(0.3e-3)


def test_progress(always):
    x, seen = RNG.normal(size=(3000, 2)), []
    alone = fastgrad.gradient(wave, x, batch=True, workers=1, engine="simd")
    found = fastgrad.gradient(wave, x, batch=True, workers=2, engine="simd", progress=lambda *given: seen.append(given))
    np.testing.assert_array_equal(found, alone)
    assert seen == sorted(seen)
    assert seen[-1] == (3000, 3000)
    assert {total for _, total in seen} == {3000}


def test_calls_inside_calls(always):
    x = RNG.normal(size=(2000, 2))
    alone, inner = fastgrad.gradient(wave, x, batch=True, workers=1, engine="simd"), []

    def report(done, total):
        inner.append(fastgrad.gradient(wave, x, batch=True, workers=3, engine="simd"))

    outer = fastgrad.gradient(wave, x, batch=True, workers=3, engine="simd", progress=report)
    np.testing.assert_array_equal(outer, alone)
    assert inner
    assert all((found == alone).all() for found in inner)


def test_several_callers(always, at_once):
    points = [RNG.normal(size=(500 + 37 * k, 2)) for k in range(6)]
    wanted = [fastgrad.gradient(wave, x, batch=True, workers=1, engine="simd") for x in points]
    wrong = []

    def call(k):
        for _ in range(60):
            found = fastgrad.gradient(wave, points[k], batch=True, workers=3, engine="simd")
            if not (found == wanted[k]).all():
                wrong.append(k)

    at_once(call, range(6))
    assert wrong == []


LARGE = RNG.normal(size=(200_000, 2))


def heavy(x):
    y = x[0]
    for _ in range(40):
        y = np.sin(y * x[1])
    return y


def test_ctrl_c_arrives_and_nothing_is_written_afterwards():
    out, arrived = np.zeros_like(LARGE), 0
    fastgrad.gradient(heavy, LARGE[:2000], batch=True, method="central", engine="simd")
    for pause in (0.01, 0.03, 0.06, 0.1):
        timer = threading.Timer(pause, os.kill, (os.getpid(), signal.SIGINT))
        try:
            timer.start()
            while True:  # until it arrives
                fastgrad.gradient(heavy, LARGE, batch=True, method="central", engine="simd", out=out, workers=2)
        except KeyboardInterrupt:
            arrived += 1
        before = out.copy()
        time.sleep(0.03)
        np.testing.assert_array_equal(out, before)
        timer.join()
    assert arrived == 4
    few = LARGE[:3000]
    alone = fastgrad.gradient(heavy, few, batch=True, workers=1, engine="simd")
    np.testing.assert_array_equal(fastgrad.gradient(heavy, few, batch=True, workers=2, engine="simd"), alone)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_of_a_fork_starts_its_own(always):
    x = RNG.normal(size=(3000, 2))
    alone = fastgrad.gradient(wave, x, batch=True, workers=1, engine="simd")
    fastgrad.gradient(wave, x, batch=True, workers=3, engine="simd")
    for _ in range(5):
        child = os.fork()
        if child == 0:
            signal.alarm(30)  # a child that hangs dies
            good = False
            try:
                before = len(os.listdir("/proc/self/task"))
                found = fastgrad.gradient(wave, x, batch=True, workers=3, engine="simd")
                good = bool((found == alone).all()) and before == 1 and len(os.listdir("/proc/self/task")) == 3
            finally:
                os._exit(0 if good else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_before_our_own_forks_they_are_gone(always):
    x = RNG.normal(size=(3000, 2))
    fastgrad.gradient(wave, x, batch=True, workers=3, engine="simd")
    before, seen = len(os.listdir("/proc/self/task")), forks.shared((4,))

    def look(start, stop):
        seen[start:stop] = len(os.listdir("/proc/self/task"))

    if forks.obstacle():
        pytest.skip(forks.obstacle())
    forks.run(look, 4, 2)
    time.sleep(0.02)  # what has ended is seen for a moment
    assert before - len(os.listdir("/proc/self/task")) >= 2
    fastgrad.gradient(wave, x, batch=True, workers=3, engine="simd")


END = """
import threading, time
import numpy as np
import fastgrad

def f(x):
    y = x[0]
    for _ in range(40):
        y = np.sin(y * x[1])
    return y

x = np.random.default_rng(0).normal(size=(400_000, 2))
calls = lambda: [fastgrad.gradient(f, x, batch=True, workers=2, engine="simd") for _ in range(100)]
threading.Thread(target=calls, daemon=True).start()
time.sleep(2.0)
"""


def test_a_process_ends_in_the_middle_of_a_call():
    done = subprocess.run([sys.executable, "-c", END], check=False, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
