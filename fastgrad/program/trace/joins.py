"""What the two sides of a branch give, as one value."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..program import Operand
from .arrays import Symbols, holds_complex
from .elementwise import is_pythons, select
from .integers import LARGEST
from .paths import NOTHING, Paths
from .symbols import Flag, Symbol, Trace, Traced
from .truths import as_truth, is_pythons_bool

_NUMBERS = (Traced, int, float, np.number, np.bool_)


class ApartError(Exception):
    """Two values cannot be put together: they stay those of two ways through f."""


def join(paths: Paths, mask: Operand, yes: Any, no: Any) -> Any:
    """The value of a mask's two sides, with what Python would know of its type.

    Raises
    ------
    ApartError
        They are no numbers, nor arrays or tuples of some, of one shape.
    """
    if yes is no:
        return yes
    if yes is NOTHING or no is NOTHING:
        return NOTHING
    if holds_complex(yes) != holds_complex(no):
        raise ApartError
    if isinstance(yes, _NUMBERS) and isinstance(no, _NUMBERS):
        return _number(paths, mask, yes, no)
    if isinstance(yes, np.ndarray) and isinstance(no, np.ndarray) and yes.shape == no.shape:
        return _array(paths, mask, yes, no)
    if type(yes) is type(no) is tuple and len(yes) == len(no):
        return tuple(join(paths, mask, a, b) for a, b in zip(yes, no, strict=True))
    if type(yes) is type(no) is str and yes == no:
        return yes
    raise ApartError


def _number(paths: Paths, mask: Operand, yes: Any, no: Any) -> Any:
    if type(yes) is type(no) and not isinstance(yes, Traced) and repr(yes) == repr(no):
        return yes
    if any(_is_integer(value) and abs(value) > LARGEST for value in (yes, no)):
        raise ApartError
    if paths.typed and kind(paths.trace, yes) is not kind(paths.trace, no):
        raise ApartError
    if is_pythons_bool(yes) is not is_pythons_bool(no) and _is_mask(yes) and _is_mask(no):
        raise ApartError
    result = select(Flag(paths.trace, mask), yes, no)
    if isinstance(result, Flag) and is_pythons_bool(yes):
        return as_truth(result)
    if type(result) is Symbol and (is_pythons(yes) or is_pythons(no)):
        paths.trace.pythons.add(result.key)
    return result


def _is_mask(value: Any) -> bool:
    return isinstance(value, (Flag, bool, np.bool_))


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def kind(trace: Trace, value: Any) -> type:
    """The type that a number has in Python; a mask may be of either kind."""
    if type(value) is Symbol:
        own = value.key in trace.pythons or trace.unpacked
        return int if own and value.key in trace.whole else float if own else value.type.type
    return type(value)


def _array(paths: Paths, mask: Operand, yes: Any, no: Any) -> Any:
    """An array of its own, which f may not write into: in Python it would be one of the two."""
    if yes.dtype.char not in "dO?" or no.dtype.char not in "dO?":
        raise ApartError
    result = np.empty(yes.shape, dtype=object)
    pairs = zip(yes.flat, no.flat, strict=True)
    for place, (a, b) in enumerate(pairs):
        result.flat[place] = join(paths, mask, a, b)
    result.flags.writeable = False
    return result.view(Symbols)
