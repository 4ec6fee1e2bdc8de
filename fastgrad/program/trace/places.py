"""Where in the user's code something happens, as reasons tell it."""

from __future__ import annotations

import linecache
import os
import sys
from types import FrameType, TracebackType

import numpy as np

from ..captures import is_installed, is_own

LONGEST = 80  # characters of a line that are quoted


def place_of(frame: FrameType | None, outermost: FrameType | None) -> str:
    """The line of f in which this frame was reached; "" where none of the frames up to `outermost` is the user's."""
    while frame is not None and frame is not outermost:
        if not is_installed(frame.f_code.co_filename):
            return _quoted(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return ""


def place_of_error(traceback: TracebackType | None, outermost: FrameType | None) -> str:
    """The line of f in which an exception was raised."""
    while traceback is not None and traceback.tb_frame is outermost:
        traceback = traceback.tb_next
    found = ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not is_installed(code.co_filename):
            found = _quoted(code.co_filename, traceback.tb_lineno)
        traceback = traceback.tb_next
    return found


def _quoted(path: str, line: int) -> str:
    text = " ".join(linecache.getline(path, line).split())
    quoted = f": {text[:LONGEST]}{'...' if len(text) > LONGEST else ''}" if text else ""
    return f" (line {line} of {os.path.basename(path)}{quoted})"


def is_asked_by_f() -> bool:
    """Whether the user's code asks for an attribute, and not NumPy's or ours; to be called by the property itself."""
    return not is_installed(sys._getframe(2).f_code.co_filename)


def is_of_library(frame: FrameType) -> bool:
    """Whether code of an installed package runs that is neither NumPy's nor this one."""
    path = frame.f_code.co_filename
    return is_installed(path) and not is_own(path) and not path.startswith(_NUMPYS)


_NUMPYS = os.path.dirname(np.__file__)
