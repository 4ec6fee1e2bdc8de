"""Chunks on a pool of threads: every item once, exceptions, Ctrl-C, progress, fork."""

import os
import signal
import threading
import time
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad
from fastgrad.engine import threads

MAIN = threading.main_thread()


def on_main():
    return threading.current_thread() is MAIN


@pytest.fixture(scope="module", autouse=True)
def small_chunks():
    """Hand out chunks of the smallest size from the first measurement on, however short the work."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SERIAL_SECONDS", "MEASURABLE_SECONDS", "SMALLEST_SECONDS"):
            patch.setattr(threads, name, 0.0)
        yield


class Recorder:
    """Work that notes its chunks and how many of them are running."""

    def __init__(self, seconds=0.0):
        self.chunks, self.names, self.seconds = [], set(), seconds
        self.started = self.ended = 0
        self.lock = threading.Lock()

    def __call__(self, start, stop):
        with self.lock:
            self.chunks.append((start, stop))
            self.names.add(threading.current_thread().name)
            self.started += 1
        try:
            if self.seconds:
                time.sleep(self.seconds * (stop - start))
        finally:
            with self.lock:
                self.ended += 1

    def items(self):
        return sorted(i for chunk in self.chunks for i in range(*chunk))

    def is_still(self):
        """Nothing runs, and nothing starts any more."""
        before = self.started
        running = self.started - self.ended
        time.sleep(0.05)
        return running == 0 and self.started == before


@settings(max_examples=150, deadline=None)
@given(total=st.integers(0, 400), workers=st.integers(1, 5), grain=st.integers(1, 9))
def test_every_item_exactly_once(total, workers, grain):
    work, seen = Recorder(), []
    threads.run(work, total, workers=workers, grain=grain, report=lambda *a: seen.append(a))
    assert work.items() == list(range(total))
    assert all(start % grain == 0 and start < stop for start, stop in work.chunks)
    assert all(stop % grain == 0 or stop == total for _, stop in work.chunks)
    assert seen == sorted(seen)
    assert {t for _, t in seen} <= {total}
    assert seen[-1:] == ([(total, total)] if total else [])
    assert work.is_still() if total == 400 else work.started == work.ended


@pytest.mark.parametrize(("total", "workers"), [(10_000, 1), (10_000, 3), (1, 4), (5, 64)])
def test_without_the_small_chunks(total, workers):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "SERIAL_SECONDS", 0.5e-3)
        patch.setattr(threads, "MEASURABLE_SECONDS", 20e-6)
        patch.setattr(threads, "SMALLEST_SECONDS", 0.1e-3)
        work = Recorder()
        threads.run(work, total, workers=workers)
        assert work.items() == list(range(total))
        slow = Recorder(1e-5)
        threads.run(slow, min(total, 1000), workers=workers)
        assert slow.items() == list(range(min(total, 1000)))


def test_nothing_to_do():
    seen = []
    threads.run(lambda start, stop: pytest.fail("called"), 0, workers=3, report=lambda *a: seen.append(a))
    assert seen == []


def test_workers_are_used_and_no_more_than_asked_for():
    work = Recorder(1e-3)
    threads.run(work, 60, workers=3)
    assert 2 <= len(work.names) <= 3
    assert MAIN.name in work.names
    alone = Recorder(1e-4)
    threads.run(alone, 60, workers=1)
    assert alone.names == {MAIN.name}


def test_a_long_chunk_is_cut_for_ctrl_c():
    work = Recorder(1e-3)
    threads.run(work, 300, workers=1)
    assert max(stop - start for start, stop in work.chunks) <= 55


class OddError(BaseException):
    """Not an Exception, and not to be built again from its arguments."""

    def __init__(self, *, where):
        super().__init__()
        self.where = where


@pytest.mark.parametrize("where", ["first chunk", "this thread", "another thread", "everywhere"])
@pytest.mark.parametrize("kind", [ValueError, OddError])
def test_exceptions_arrive_unchanged_and_stop_the_work(where, kind):
    errors = []
    work = Recorder(1e-3)

    def failing(start, stop):
        work(start, stop)
        fails = {
            "first chunk": start == 0,
            "this thread": start > 20 and on_main(),
            "another thread": not on_main(),
            "everywhere": start > 20,
        }[where]
        if fails:
            errors.append(ValueError("here") if kind is ValueError else OddError(where="here"))
            raise errors[-1]

    with pytest.raises(kind) as caught:
        threads.run(failing, 200, workers=3)
    assert any(caught.value is e for e in errors)
    assert work.is_still()
    assert len(work.items()) < 200
    again = Recorder()
    threads.run(again, 100, workers=3)  # the pool lives on
    assert again.items() == list(range(100))


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("after", [0, 30, 200])
def test_exceptions_of_the_report_arrive_and_stop_the_work(after, kind):
    work, error = Recorder(5e-4), kind()

    def report(done, total):
        if done >= after:
            raise error

    with pytest.raises(kind) as caught:
        threads.run(work, 200, workers=2, report=report)
    assert caught.value is error
    assert work.is_still()
    assert (len(work.items()) == 200) == (after == 200)


def test_the_report_is_called_here_only():
    names = set()
    threads.run(Recorder(1e-4), 100, workers=3, report=lambda *_: names.add(threading.current_thread().name))
    assert names == {MAIN.name}


def test_ctrl_c_while_working_waits_for_running_chunks():
    work = Recorder(2e-3)

    def interrupted(start, stop):
        work(start, stop)
        if not on_main() and not signal_sent:
            signal_sent.append(True)
            os.kill(os.getpid(), signal.SIGINT)

    signal_sent = []
    with pytest.raises(KeyboardInterrupt):
        threads.run(interrupted, 1000, workers=2)
    assert work.is_still()
    assert len(work.items()) < 1000


def test_ctrl_c_while_waiting_for_the_last_chunk_waits_for_it():
    total, mine, other = 40, [], []
    state = {"running": 0}

    def work(start, stop):
        if on_main():
            time.sleep(1e-3)
            mine.append(stop - start)
            return
        other.append(stop - start)
        state["running"] += 1
        if len(other) == 1:
            deadline = time.monotonic() + 5.0
            while sum(mine) + sum(other) < total and time.monotonic() < deadline:
                time.sleep(1e-3)
            time.sleep(0.02)  # by now the main thread only waits
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
        state["running"] -= 1

    with pytest.raises(KeyboardInterrupt):
        threads.run(work, total, workers=2)
    running = state["running"]
    time.sleep(0.2 if running else 0.0)
    assert running == 0, "run came back while a chunk was still writing"


def test_no_work_goes_on_when_a_thread_cannot_be_started(monkeypatch):
    work, give, started = Recorder(1e-3), threads.pool.give, []

    def failing(job):
        if started:
            raise RuntimeError("can't start new thread")  # noqa: EM101
        started.append(job)
        give(job)

    monkeypatch.setattr(threads.pool, "give", failing)
    with pytest.raises(RuntimeError, match="can't start"):
        threads.run(work, 200, workers=3)
    assert work.is_still()


def test_what_is_known_of_the_pace_is_not_measured_again():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "SERIAL_SECONDS", 1.0)
        pace, first, again = threads.Pace(), Recorder(1e-4), Recorder(1e-4)
        threads.run(first, 80, workers=2, pace=pace)
        assert 0.9e-4 < pace.seconds < 1e-2
        threads.run(again, 80, workers=2, pace=pace)
        assert len(first.chunks) > 1
        assert again.chunks == [(0, 80)]
        threads.run(again, 0, workers=2, pace=pace)
        slow = threads.Pace()
        slow.seconds = 1e-9  # what it seemed to be makes chunks too long, once
        threads.run(first, 300, workers=1, pace=slow)
        assert slow.seconds > 0.9e-4


def test_runs_inside_runs_and_side_by_side():
    works = [Recorder(1e-4) for _ in range(6)]

    def outer(start, stop):
        for i in range(start, stop):
            threads.run(works[i], 50, workers=3)

    threads.run(outer, 3, workers=2)
    others = [threading.Thread(target=threads.run, args=(w, 50), kwargs={"workers": 2}) for w in works[3:]]
    for t in others:
        t.start()
    for t in others:
        t.join()
    assert all(w.items() == list(range(50)) for w in works)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_starts_its_own_threads():
    threads.run(Recorder(1e-3), 30, workers=3)  # the pool of the parent exists
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        signal.alarm(20)  # a child that hangs dies
        good = False
        try:
            work = Recorder(1e-3)
            threads.run(work, 30, workers=3)
            good = work.items() == list(range(30)) and len(work.names) > 1
        finally:
            os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_cores():
    assert 1 <= threads.cores() <= (os.cpu_count() or 1)


def test_progress_report():
    def report(done, total):
        pass

    with threads.progress_report(report, "point") as used:
        assert used is report
    with threads.progress_report(False, "point") as used:
        assert used is None


def test_progress_bar(capsys):
    pytest.importorskip("tqdm")
    with threads.progress_report(True, "point") as used:
        used(3, 8)
        used(8, 8)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "8.00/8.00" in captured.err


@pytest.mark.parametrize("progress", ["yes", 3, 0.5, [print]], ids=str)
def test_progress_is_no_text(progress):
    with pytest.raises(TypeError, match=r"progress=.* must be True, False, or a function"):
        fastgrad.gradient(lambda x: x[0] ** 2, np.ones((9, 1)), batch=True, progress=progress)
