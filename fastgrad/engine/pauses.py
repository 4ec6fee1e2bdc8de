"""A fork, whoever makes it, waits until other threads have imported and compiled what they are at.

A child has only the thread that forked. What another thread had locked stays locked there for ever: the child of a
program that forks (multiprocessing does) while a thread makes its first compiled call would hang at its own first one.
"""

from __future__ import annotations

import logging  # noqa: F401  Numba imports it, and in a thread, during a fork, it would release what it had not locked
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from operator import attrgetter
from time import monotonic, sleep
from types import FrameType
from typing import Any

PATIENCE_SECONDS = 60.0  # f may wait, while it is traced, for the very thread that forks
POLL_SECONDS = 1e-3
_IMPORTING = "<frozen importlib"  # the file of what Python imports by

_HOUSE = __name__.partition(".")[0]
_PACKAGES = (_HOUSE, "numba", "llvmlite")
_LOCKS = (  # in the order in which they are taken; the inner ones of Numba and LLVM, which can be tried
    (f"{_HOUSE}.program.trace.recording", "alone"),
    (f"{_HOUSE}.engine.jit.functions", "lock"),
    ("numba.core.compiler_lock", "global_compiler_lock._lock"),
    (f"{_HOUSE}.llvm.machine", "lock"),
    (f"{_HOUSE}.llvm.memory", "lock"),
    ("llvmlite.binding.ffi", "lib._lock._lock"),
)


class _Held(threading.local):
    """The locks that this thread has taken because it forks."""

    def __init__(self) -> None:
        self.locks: list[Any] = []


_held = _Held()


def _loaded_locks() -> Iterator[Any]:
    """Those of modules that are loaded: what is not cannot be at work."""
    for name, path in _LOCKS:
        module = sys.modules.get(name)
        with suppress(AttributeError):  # not there yet, or any more in another version
            if module is not None:
                yield attrgetter(path)(module)


def _others_import() -> bool:
    """Whether another thread is importing something for this house or for its compilers."""
    own = threading.get_ident()
    return any(_imports(frame) for thread, frame in sys._current_frames().items() if thread != own)


def _imports(frame: FrameType | None) -> bool:
    importing = ours = False
    while frame and not (importing and ours):
        importing = importing or frame.f_code.co_filename.startswith(_IMPORTING)
        ours = ours or str(frame.f_globals.get("__name__")).partition(".")[0] in _PACKAGES
        frame = frame.f_back
    return importing and ours


def _take_all() -> bool:
    for lock in _loaded_locks():
        if not lock.acquire(blocking=False):
            _release()
            return False
        _held.locks.append(lock)
    return True


def _release() -> None:
    while _held.locks:
        _held.locks.pop().release()


def _pause() -> None:
    """Take all locks at a moment when nothing is being imported."""
    until = monotonic() + PATIENCE_SECONDS
    while monotonic() < until:
        if _take_all():
            if not _others_import():
                return
            _release()
        sleep(POLL_SECONDS)


def register() -> None:
    """Have every fork of this process wait."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_pause, after_in_parent=_release, after_in_child=_release)
