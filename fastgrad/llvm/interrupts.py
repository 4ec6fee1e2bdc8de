"""Ctrl-C waits while code is compiled, or a compiler imported: interrupted it leaves a process that never compiles."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from importlib import import_module
from typing import Any

_NOTHING: AbstractContextManager[None] = nullcontext()

SUBINTERPRETER = (
    "code is compiled in a process's main interpreter only: Numba's waits forever in another. Write engine='python', "
    "or run in the main one: of mod_wsgi by WSGIApplicationGroup %{GLOBAL}"
)


@contextmanager
def deferred_interrupt() -> Iterator[None]:
    """Let Ctrl-C wait: LLVM calls back into Python while it compiles, where an exception would be dropped."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    arrived: list[Any] = []
    try:
        signal.signal(signal.SIGINT, lambda *signal_and_frame: arrived.append(signal_and_frame))
    except ValueError:
        raise RuntimeError(SUBINTERPRETER) from None
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if arrived:
        handler(*arrived[0])


@cache
def imported(module: str) -> Any:
    """A module that compiles, as `loading` imports it."""
    with loading(module):
        return import_module(module)


def loading(module: str) -> AbstractContextManager[None]:
    """Let Ctrl-C wait while a module of that name is imported for the first time; Numba takes 1.2 s."""
    return _NOTHING if module in sys.modules else deferred_interrupt()
