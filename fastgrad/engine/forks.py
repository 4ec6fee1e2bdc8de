"""Work in forked processes: for functions that read live objects, which threads would disturb and pickle would copy.

Each child has the memory of the parent at the fork, so that ``net.W is x`` stays true there, and moves the elements of
its own copy; the parent's arrays are never touched. Results go into memory that all share.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import selectors
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..llvm.interrupts import deferred_interrupt
from ..results import PerformanceWarning, users_level
from . import answers, pauses
from .kernels import team
from .pool import NAME, pool
from .threads import Report

Array = NDArray[Any]

CHUNKS = 16  # for each child: a slow one takes fewer
MOST_CHUNKS = 1024  # as many tokens as the smallest pipe holds: writing more would wait for ever
POLL_SECONDS = 0.1  # between reports of progress

_BLAS = (  # what sets the number of threads in the libraries that NumPy is built with
    "scipy_openblas_set_num_threads64_", "scipy_openblas_set_num_threads", "openblas_set_num_threads64_",
    "openblas_set_num_threads", "MKL_Set_Num_Threads", "bli_thread_set_num_threads",
)  # fmt: skip


_PARENT_DEATH = 1  # PR_SET_PDEATHSIG of Linux, the only system on which processes are forked here

_told: set[str] = set()

pauses.register()


def shared(shape: tuple[int, ...], dtype: Any = np.float64) -> Array:
    """An array of zeros that children and parent both write."""
    size = prod(shape) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap.mmap(-1, max(size, 1)), dtype, prod(shape)).reshape(shape)


def obstacle(moved: Sequence[Array] = ()) -> str:
    """Why this process must not fork now, or an empty string."""
    if not sys.platform.startswith("linux"):
        return f"processes are forked on Linux only, not on {sys.platform}"
    if threading.current_thread() is not threading.main_thread():
        return "processes are forked from the main thread only"
    others = [t.name for t in threading.enumerate() if t is not threading.current_thread() and not _is_harmless(t)]
    if others:
        return f"a fork could copy a lock that another thread holds (running: {', '.join(others[:3])})"
    if any(map(_is_shared, moved)):
        return (
            "the array lies in memory that processes share (of a mapped file?), where they would disturb each other; "
            "pass x.copy()"
        )
    return ""


def possible(moved: Sequence[Array] = ()) -> bool:
    """Whether this process may fork; if not, a warning says why, once for each reason."""
    reason = obstacle(moved)
    kind = reason.partition(" (")[0]
    if reason and kind not in _told:
        _told.add(kind)
        text = f"workers are not used, f runs in this process alone: {reason}"
        warnings.warn(text, PerformanceWarning, stacklevel=users_level())
    return not reason


def _is_shared(array: Array) -> bool:
    """Whether an array lies in memory that a fork does not copy, such as that of a file: children would write there."""
    address = array.__array_interface__["data"][0]
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
        span, mode = line.split(maxsplit=2)[:2]
        start, stop = (int(part, 16) for part in span.split("-"))
        if start <= address < stop:
            return mode.endswith("s")
    return False


def _is_harmless(thread: threading.Thread) -> bool:
    """Our pool's threads are ended before a fork;
    tqdm's monitor sleeps nearly always and outlives every progress bar."""
    return thread.name.startswith(NAME) or type(thread).__module__ == "tqdm._monitor"


def run(work: Callable[[int, int], object], total: int, workers: int, report: Report | None = None) -> None:
    """Call ``work(start, stop)`` in children until [0, total) is done.

    An exception in a child arrives here with its traceback as a note; the other children are ended first.

    Raises
    ------
    RuntimeError
        A child was killed.
    """
    pool.close()
    team.dismiss()
    chunks = min(total, CHUNKS * workers, MOST_CHUNKS)
    bounds = [total * k // chunks for k in range(chunks + 1)]
    queue, feed = os.pipe()
    os.write(feed, b"".join(k.to_bytes(4, "little") for k in range(chunks)))
    os.close(feed)
    done = shared((workers,), np.int64)
    children: dict[int, int] = {}  # pipe: process
    try:
        try:
            for k in range(min(workers, chunks)):
                _start(lambda k=k: _take_chunks(work, bounds, queue, done, k), children)  # type: ignore[misc]
            _wait(children, lambda: report(int(done.sum()), total) if report else None)
        finally:
            _end(children)
    finally:
        _end(children)  # of those left by a Ctrl-C that came as they were to be ended
        os.close(queue)


def _take_chunks(work: Callable[[int, int], object], bounds: list[int], queue: int, done: Array, k: int) -> None:
    while token := os.read(queue, 4):
        chunk = int.from_bytes(token, "little")
        start, stop = bounds[chunk], bounds[chunk + 1]
        work(start, stop)
        done[k] += stop - start


def _start(task: Callable[[], None], children: dict[int, int]) -> None:
    """Fork a child that runs the task, tells how it ended through a pipe, and ends."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):  # closed, or none: what a child would write again
            stream.flush()
    answer, tell = os.pipe()
    try:
        parent = os.getpid()
        with deferred_interrupt():  # an interrupt must not lead the child into the parent's code
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # threads of BLAS, which stops them before a fork
                process = os.fork()
            if process == 0:
                _live(task, tell, parent)
            children[answer] = process
    finally:
        os.close(tell)
        if answer not in children:
            os.close(answer)


def _live(task: Callable[[], None], tell: int, parent: int) -> None:
    """All of a child's life; whatever happens, it never returns into the parent's code."""
    try:
        _die_with(parent)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets Ctrl-C too, and ends its children
        _one_blas_thread()
        message = answers.answer(task)
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, ValueError, OSError):
                stream.flush()
        with open(tell, "wb") as pipe:
            pipe.write(message)
    finally:
        os._exit(0)


def _die_with(parent: int) -> None:
    """Let this process be killed as soon as its parent is gone, however that ended."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None, use_errno=True).prctl(_PARENT_DEATH, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it went before the kernel was told
        os._exit(0)


def _wait(children: dict[int, int], tick: Callable[[], object]) -> None:
    """Until every child has told that it is done; raises what one of them tells instead."""
    with selectors.DefaultSelector() as selector:
        told, warned = {pipe: bytearray() for pipe in children}, dict[Any, Any]()
        for pipe in children:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select(POLL_SECONDS):
                part = os.read(key.fd, 1 << 16)
                told[key.fd] += part
                if not part or answers.is_done(bytes(told[key.fd])):
                    selector.unregister(key.fd)
                    answers.warn_again(bytes(told[key.fd]), warned)
                    _understand(bytes(told[key.fd]), children[key.fd])
            tick()


def _understand(message: bytes, process: int) -> None:
    if answers.is_done(message):
        return
    error = answers.failure(message)
    if error is None:
        msg = (
            f"a forked worker (process {process}) ended before its work was done: killed by a signal, perhaps for lack "
            "of memory, or the function ended the process; leave workers out to run in this process"
        )
        raise RuntimeError(msg)
    raise error


def _end(children: dict[int, int]) -> None:
    """No child is left behind, neither running nor as a zombie;
    what is ended is forgotten, so that it can be called again."""
    with deferred_interrupt():
        while children:
            pipe, process = children.popitem()
            os.close(pipe)
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(process, 0)


def _one_blas_thread() -> None:
    """A child has one core; threads of its own would only wait for each other."""
    for path in _loaded_libraries():
        with suppress(OSError):  # replaced on disk since it was loaded
            library = ctypes.CDLL(path)
            for name in _BLAS:
                with suppress(AttributeError):
                    getattr(library, name)(1)


def _loaded_libraries() -> set[str]:
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    paths = {line.split(maxsplit=5)[-1] for line in lines if ".so" in line}
    return {p for p in paths if any(name in Path(p).name.lower() for name in ("blas", "mkl_rt", "blis"))}
