"""Threads below Python that share the chunks of a kernel: woken in 40 us, and for the next job in less than one.

They are threads of the system that never see Python, so that neither the interpreter's lock nor its end, nor who puts
other things in the place of its threads, has to do with them; one is made in 0.15 ms, Python's in 0.7. Where the system
is not Linux there are none. What they run and the memory they share is never freed: a thread that sleeps until the
process ends may be in it.
"""

from __future__ import annotations

import ctypes
import signal
import threading
from ctypes import POINTER, addressof, c_char, c_int, c_size_t, c_void_p
from functools import cache
from struct import Struct
from time import perf_counter
from typing import Any, NamedTuple

from . import teamcode
from .interrupts import deferred_interrupt, imported

DEEPEST = 0.01  # seconds of a debt; a process may stand still for hours

LARGEST = 1000  # helpers; ten bits count them
MOST_CHUNKS = 1024  # of a job
BUDGET = 0.05  # seconds, the longest wait for Ctrl-C

_STACK = 8 << 20  # bytes: musl's own are too few
_PAGE = 4096  # bytes, of which a fork copies all as they are at one moment
_ATTRIBUTES = 256  # bytes; pthread_attr_t has 56 on x86, 64 on ARM
_NEEDED = ("pthread_create", "syscall", "clock_gettime", "sched_getcpu")  # LLVM ends a process that misses one
_Job = c_char * (8 * len(teamcode.JOB) + MOST_CHUNKS)
_GIVEN, _FOUND = Struct(f"{teamcode.JOB.index('saw')}q"), Struct("3q")  # ctypes takes 2 us more to write the words
_FOUND_AT, _MARKS = 8 * teamcode.JOB.index("own"), 8 * len(teamcode.JOB)


class Outcome(NamedTuple):
    """What is left of a job: [begin, end). And how long an item took on this thread, if it did any.

    `marks` are what chunks saw that saw something: the value, and the first item and the one after the last.
    """

    begin: int
    end: int
    seconds: float
    marks: list[tuple[int, int, int]]


class Team:
    """Helpers, as many as were wanted at one time. Several threads may ask for them; one at a time has them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.refused = False
        self._base = 0  # where the memory is that helpers share
        self._share: Any = None
        self._dismiss: Any = None
        self._help = 0
        self._handles: list[c_void_p] = []
        self.ended = 0.0  # the last job, or one that was not worth to be shared
        self.debt = 0.0  # seconds that the last jobs took longer than alone

    def can_help(self, wanted: int) -> bool:
        """Whether this system has helpers, so many now if it lets them be made."""
        if len(self._handles) < min(wanted, LARGEST) and not self.refused:
            with deferred_interrupt(), self.lock:
                self._grow(min(wanted, LARGEST))
        return not self.refused

    def share(
        self, kernel: Any, argument: int, start: int, stop: int, chunk: int, wanted: int, *, rouse: bool,
        patience: float = 0.0,
    ) -> Outcome | None:  # fmt: skip
        """Have a kernel do items [start, stop) in MOST_CHUNKS chunks at most; None while another thread has the team.

        So many helpers are wanted; those who sleep are woken if they shall be. After it they look out for the next job
        for some seconds of `patience`, before they sleep.
        """
        count = -(-(stop - start) // chunk)
        job = _Job()
        times = int(1e9 * BUDGET), rouse, int(1e9 * patience)
        _GIVEN.pack_into(job, 0, kernel.address, argument, start, stop, chunk, count, wanted, *times)
        begun = perf_counter()
        saw = self._share(addressof(job), 0, self._base)
        if saw < 0:
            return None
        own, taken, spent = _FOUND.unpack_from(job, _FOUND_AT)
        front, back = taken & 0xFFFFFFFF, taken >> 32
        begin, end = start + front * chunk, min(start + (count - back) * chunk, stop)
        begin = min(begin, end)
        seconds = 1e-9 * spent / (own * chunk) if own else 0.0
        self.ended = perf_counter()
        late = self.ended - begun - seconds * (stop - start - (end - begin)) if own else 0.0
        self.debt = min(max(self.debt + late, 0.0), DEEPEST)
        return Outcome(begin, end, seconds, _marks(job, start, stop, chunk) if saw else [])

    def dismiss(self) -> None:
        """End the threads, which a fork would not copy; the next job makes others."""
        with deferred_interrupt(), self.lock:
            if self._handles:
                self._dismiss(0, 0, self._base)
            while self._handles:
                _library().pthread_join(self._handles.pop(), None)
            self._clear()

    def forget(self) -> None:
        """Begin anew in the child of a fork, which has no helpers, whatever they were at in the parent."""
        self.lock = threading.Lock()
        self._handles = []
        if self._base:
            ctypes.memset(self._base, 0, teamcode.SIZE)

    def _clear(self) -> None:
        """Nobody is there, and nobody is to go."""
        if self._base:
            for name, size in (("ending", 4), ("members", 8), ("threads", 8 * teamcode.FEW)):
                ctypes.memset(self._base + teamcode.WORDS[name], 0, size)

    def _grow(self, wanted: int) -> None:
        if not self._base:
            self._begin()
        while len(self._handles) < wanted and not self.refused and self._one_more():
            pass

    def _begin(self) -> None:
        """The code and the memory, if this system has what they need."""
        machine = imported(f"{__package__}.machine")
        text = teamcode.text(machine.triple())
        self.refused = not text or not all(hasattr(_library(), name) for name in _NEEDED)
        if self.refused:
            return
        # LLVM's passes take 26 ms for it, a quarter of the first call that wants it, and nothing runs faster by them.
        self._share, self._dismiss, helper = machine.functions(text, "share", "dismiss", "help", quick=True)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(helper.engine))
        self._help = helper.address
        memory = _library().calloc(1, teamcode.SIZE + _PAGE)
        self._base = -(-memory // _PAGE) * _PAGE
        self.refused = self._dismiss(0, 0, self._base) < 0  # as in a sandbox that forbids it
        self._clear()

    def _one_more(self) -> bool:
        """Start a thread; False where the process gets no more of them. Signals are for Python's threads."""
        attributes, handle = ctypes.create_string_buffer(_ATTRIBUTES), c_void_p()
        library = _library()
        library.pthread_attr_init(attributes)
        library.pthread_attr_setstacksize(attributes, _STACK)
        signals = signal.valid_signals() - {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        try:
            failed = library.pthread_create(ctypes.byref(handle), attributes, self._help, self._base)
            if not failed:
                self._handles.append(handle)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        library.pthread_attr_destroy(attributes)
        return not failed


@cache
def _library() -> Any:
    """The C library's threads and memory."""
    library = ctypes.CDLL(None)  # of which a system that is not Linux is not asked for anything
    library.calloc.restype, library.calloc.argtypes = c_void_p, [c_size_t, c_size_t]
    library.pthread_attr_setstacksize.argtypes = [c_void_p, c_size_t]
    library.pthread_create.argtypes = [POINTER(c_void_p), c_void_p, c_void_p, c_void_p]
    library.pthread_join.argtypes = [c_void_p, c_void_p]
    for name in ("pthread_attr_init", "pthread_attr_destroy"):
        getattr(library, name).argtypes = [c_void_p]
    for name in ("pthread_attr_init", "pthread_attr_setstacksize", "pthread_create", "pthread_join"):
        getattr(library, name).restype = c_int
    return library


def _marks(job: Any, start: int, stop: int, chunk: int) -> list[tuple[int, int, int]]:
    firsts = [(mark, start + k * chunk) for k, mark in enumerate(job.raw[_MARKS:]) if mark]
    return [(mark, first, min(first + chunk, stop)) for mark, first in firsts]
