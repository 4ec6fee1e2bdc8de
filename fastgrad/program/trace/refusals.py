"""Why a function is not traced."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from .places import is_of_library, place_of

active = threading.local()
"""The trace that runs in this thread, as the attribute `trace`."""


class Untraceable(BaseException):
    """f does something that cannot be traced; not an Exception, because f may catch those."""


ON_BOTH_SIDES = "f branches, and what it does on one side would be done on both"


class ManyWaysError(Untraceable):
    """There are more ways through f than can be traced; points may take few of them."""


class OneWayError(ManyWaysError):
    """One way through f cannot be traced; points may take others."""


class BranchesError(BaseException):
    """f asks whether a traced value is true; not an Exception, because f may catch those."""


def refuse(reason: str, kind: type[Untraceable] = Untraceable) -> NoReturn:
    """Give up the trace that runs in this thread; it stays refused, whatever f catches."""
    trace = getattr(active, "trace", None)
    if trace is None:
        msg = f"a value from tracing f is in use after the trace: {reason}"
        raise RuntimeError(msg)
    reason += place_of(sys._getframe(1), trace.outermost)
    trace.reason = trace.reason or reason
    raise kind(reason)


def check_dtype(dtype: Any) -> None:
    """A type that f asks for is to be that of a trace."""
    if dtype is not None and np.dtype(dtype).char not in "dO":
        refuse(f"f asks for {np.dtype(dtype)}; only float64 is traced")


def unhashable(value: Any) -> NoReturn:
    """What Python says of an array, and a trace of a number that is no integer: f may catch it."""
    name = type(value).__name__
    msg = f"f looks a traced value up in a dict or a set; of integers and bools it may (unhashable type: {name!r})"
    raise TypeError(msg)


def refuse_code(reason: str) -> NoReturn:
    """Give up what f's code says, which is read before a trace of f runs, too."""
    if getattr(active, "trace", None) is None:
        raise Untraceable(reason)
    refuse(reason)


TEXT = "f turns a traced value into text"
REFUSALS = {
    "__float__": "f turns a traced value into a float: a write into a float array that is not made in f (copy it by "
    "np.array(a)) or not of float64, or a function outside NumPy and math",
    "__int__": "f turns a traced value into an integer: a write into an array of integers (make it of floats), or a "
    "function outside NumPy and math; use np.floor or np.trunc",
    "__index__": "f uses a traced value as an index or a count",
    "__complex__": "f turns a traced value into a complex number",
    "__format__": TEXT,
    "__str__": TEXT,
    "__repr__": TEXT,
    "__reduce_ex__": "f pickles a traced value",
    "__reduce__": "f pickles a traced value",
    "__bytes__": "f turns a traced value into bytes",
}
"""Special methods that numbers have and symbols refuse."""
_OF_LIBRARY = (  # where no other way to trace f helps
    "f calls a function of a library that turns a traced value into a float, and has no rule for tracing"
)
WRITES = "f writes into a float array (out= or an in-place operator); write a = a + b, or make it by np.zeros(n)"


def refusing(reason: str) -> Callable[..., Any]:
    """A method that refuses.

    A debugger may print what is left over from a trace. And one way through f may put a value into the text of what it
    raises; of a way that goes on with a text the trace is refused in the end.
    """

    def method(self: Any, *_: Any, **__: Any) -> Any:
        trace = getattr(active, "trace", None)
        if reason == TEXT and (trace is None or trace.paths is not None):
            if trace is not None:
                trace.said = True
            return "<a value from tracing f>"
        refuse(_OF_LIBRARY if reason == REFUSALS["__float__"] and is_of_library(sys._getframe(1)) else reason)

    return method
