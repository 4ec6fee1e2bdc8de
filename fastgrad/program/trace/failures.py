"""Errors on a way through f: whether f fails there in Python too, with numbers, or only because it is traced."""

from __future__ import annotations

import dis
from types import TracebackType

from ..captures import is_installed, is_own

_OF_VALUES = (
    "empty", "zero-size", "is not in list", "x not in list", "x not in tuple", "not in deque", "values to unpack",
    "math domain error", "math range error",
)  # fmt: skip


class NoNumberError(TypeError):
    """f returns what is no number, as None where no `return` is reached; on one way of several it is f itself's."""


def is_fs_own(error: BaseException) -> bool:
    """Whether f fails there in Python too: by a statement of its own, of a place, a quotient, of nothing that is found.

    What is known of a way is what all its points have in common, so that f itself says it at each of them.
    """
    place = _innermost(error.__traceback__)
    if isinstance(error, (SystemExit, ArithmeticError, IndexError, NoNumberError)) or _is_raised(place):
        return True
    if isinstance(error, ValueError):
        return any(text in str(error) for text in _OF_VALUES)
    if place is None or is_installed(place.tb_frame.f_code.co_filename):
        return False
    if isinstance(error, (TypeError, AttributeError)):  # a variable that is None until something is found
        return "NoneType" in str(error)
    return isinstance(error, (KeyError, StopIteration, UnboundLocalError))


def is_explicit(place: TracebackType | None) -> bool:
    """Whether a raise or an assert statement of the user's made an exception."""
    return _is_raised(_innermost(place))


def _innermost(place: TracebackType | None) -> TracebackType | None:
    """Where it was raised; of what this package calls in the place of f, where f calls it."""
    found = place
    while place:
        if not is_own(place.tb_frame.f_code.co_filename):
            found = place
        place = place.tb_next
    return found


def _is_raised(place: TracebackType | None) -> bool:
    if place is None or is_installed(place.tb_frame.f_code.co_filename):
        return False
    return dis.opname[place.tb_frame.f_code.co_code[place.tb_lasti]] == "RAISE_VARARGS"
