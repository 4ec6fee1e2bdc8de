"""Jobs for other threads: begun ones are waited for, others never begin."""

from __future__ import annotations

import threading

import pytest

from fastgrad.engine.pool import NAME, Job, Pool

PATIENCE = 10.0


@pytest.fixture
def pool():
    made = Pool()
    yield made
    made.close()


def given(pool, call):
    job = Job(call)
    pool.give(job)
    return job


def test_a_job_runs_on_another_thread(pool):
    names, begun = [], threading.Event()
    job = given(pool, lambda: (names.append(threading.current_thread().name), begun.set()))
    assert begun.wait(PATIENCE)
    job.finish()
    assert names[0].startswith(NAME)
    assert job.error is None


def test_an_exception_is_kept(pool):
    begun = threading.Event()

    def fail():
        begun.set()
        raise KeyError("here")  # noqa: EM101

    job = given(pool, fail)
    assert begun.wait(PATIENCE)
    job.finish()
    assert repr(job.error) == "KeyError('here')"


def test_a_job_that_has_not_begun_never_does():
    done = []
    job = Job(lambda: done.append(1))
    job.finish()
    job.run()
    assert done == []


def test_a_job_that_has_begun_is_waited_for(pool):
    begun, go, done = threading.Event(), threading.Event(), []

    def call():
        begun.set()
        go.wait(PATIENCE)
        done.append(1)

    job = given(pool, call)
    assert begun.wait(PATIENCE)
    threading.Timer(0.05, go.set).start()
    job.finish()
    assert done == [1]


def test_as_many_threads_as_jobs_at_one_time(pool):
    together = threading.Barrier(4, timeout=PATIENCE)
    for _ in range(2):
        jobs = [given(pool, together.wait) for _ in range(3)]
        together.wait()
        for job in jobs:
            job.finish()
            assert job.error is None
    names = [t.name for t in threading.enumerate()]
    assert all(f"{NAME}_{k}" in names for k in range(3))


def test_closed_it_has_no_threads_and_makes_others(pool):
    before = set(threading.enumerate())
    given(pool, int)
    pool.close()
    assert set(threading.enumerate()) <= before
    begun = threading.Event()
    given(pool, begun.set)
    assert begun.wait(PATIENCE)


class _Interrupted:
    """A lock that Ctrl-C arrives at, before it is taken or just afterwards."""

    def __init__(self, lock, when):
        self.lock, self.when = lock, [*when]

    def acquire(self):
        when = self.when.pop(0) if self.when else ""
        if when == "before":
            raise KeyboardInterrupt
        self.lock.acquire()
        if when == "after":
            raise KeyboardInterrupt

    def release(self):
        self.lock.release()


@pytest.mark.parametrize("when", [["before"], ["after"], ["before", "before", "after"]], ids=str)
def test_ctrl_c_while_waiting(pool, when):
    begun, go, done = threading.Event(), threading.Event(), []

    def call():
        begun.set()
        go.wait(PATIENCE)
        done.append(1)

    job = Job(call)
    job._ended = _Interrupted(job._ended, when)
    pool.give(job)
    assert begun.wait(PATIENCE)
    threading.Timer(0.05, go.set).start()
    with pytest.raises(KeyboardInterrupt):
        job.finish()
    assert done == [1]
    job.finish()
