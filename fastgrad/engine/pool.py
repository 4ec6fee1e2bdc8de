"""Threads that wait for jobs. Whoever gave one waits for it only if it has begun: a thread that wakes late finds none.

Of `concurrent.futures` a job takes three times as long to be handed over, and has to be waited for though nothing is
left of it to do.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue

NAME = "fastgrad"


class Job:
    """A call for another thread, and how it ended."""

    __slots__ = ("_begun", "_call", "_ended", "error", "has_ended")

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._begun, self._ended = threading.Lock(), threading.Lock()
        self._ended.acquire()
        self.has_ended = False
        self.error: BaseException | None = None

    def run(self) -> None:
        """On the thread that took it."""
        if not self._begun.acquire(blocking=False):
            return
        try:
            self._call()
        except BaseException as error:  # noqa: BLE001  it is raised where the job came from
            self.error = error
        finally:
            self.has_ended = True
            self._ended.release()

    def finish(self) -> None:
        """Wait until it has ended, also when Ctrl-C arrives meanwhile: it writes the output. Not begun, it never is."""
        if self._begun.acquire(blocking=False):
            return
        interrupted = None
        while not self.has_ended:
            try:
                self._ended.acquire()  # which an exception may follow at once: the lock is taken then, and all is over
            except BaseException as error:  # noqa: BLE001  it is raised when nothing writes any more
                interrupted = interrupted or error
        if interrupted is not None:
            raise interrupted


class _Crew:
    """As many threads as there were jobs at one time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.jobs: SimpleQueue[Job | None] = SimpleQueue()
        self.threads: list[threading.Thread] = []
        self.idle = self.waiting = 0

    def give(self, job: Job) -> None:
        with self.lock:
            if self.waiting >= self.idle:
                name = f"{NAME}_{len(self.threads)}"
                thread = threading.Thread(target=self.work, name=name, daemon=True)
                thread.start()
                self.threads.append(thread)
                self.idle += 1
            self.waiting += 1
        self.jobs.put(job)

    def work(self) -> None:
        while (job := self.jobs.get()) is not None:
            with self.lock:
                self.waiting, self.idle = self.waiting - 1, self.idle - 1
            job.run()
            del job  # and what it holds
            with self.lock:
                self.idle += 1

    def end(self) -> None:
        for _ in self.threads:
            self.jobs.put(None)
        for thread in self.threads:
            thread.join()


class Pool:
    """Threads that are kept for jobs to come; a forked child starts without any, as they survive no fork."""

    def __init__(self) -> None:
        self._crew = _Crew()

    def give(self, job: Job) -> None:
        """Have a thread do a job."""
        self._crew.give(job)

    def forget(self) -> None:
        """Begin anew."""
        self._crew = _Crew()

    def close(self) -> None:
        """End the threads, which a fork would not copy; the next job makes others."""
        crew, self._crew = self._crew, _Crew()
        crew.end()


pool = Pool()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.forget)
