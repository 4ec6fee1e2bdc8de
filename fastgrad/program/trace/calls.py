"""Helper functions of f, explored on their own: the ways through two of them add up and do not multiply."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import Any

import numpy as np

from ..captures import is_users_function, loaded, parts
from ..program import Operand
from .arrays import overlap
from .joins import ApartError, join
from .leftovers import writes_in_place, writes_outside
from .paths import NOTHING, Paths, Way, fold
from .refusals import active
from .symbols import Traced

_NUMBERS = (Traced, int, float, str, np.number, np.bool_, type(None))


def explored(own: FunctionType, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose ways are put together where it returns; itself where it may write into what others see.

    `own` is the user's, whose code says so.
    """
    codes = [f.__code__ for f in _reached(own, {})]
    if writes_outside(codes):
        return function
    lent = not writes_in_place(codes)
    place = own.__code__

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        paths: Paths | None = getattr(getattr(active, "trace", None), "paths", None)
        given = (*args, *options.values())
        here = paths is not None and paths.alone and place not in paths.apart
        if paths is None or not here or not all(_is_plain(value, lent) for value in given):
            return function(*args, **options)
        ways = paths.explore(lambda: function(*args, **options))
        if len(ways) > 1 and any(isinstance(way.result, np.ndarray) and _is_given(way.result, given) for way in ways):
            paths.take_apart(place)
        if len(ways) > 1 and not lent and paths.noted.has_changed():  # by an operator, into what is no argument
            paths.take_apart(place)
        return _together(paths, place, ways)

    return call


def _together(paths: Paths, place: Any, ways: list[Way]) -> Any:
    if len(ways) == 1 and not ways[0].path:
        paths.trace.guards.extend(ways[0].guards)
        return ways[0].result

    def joined(mask: Operand, yes: Any, no: Any) -> Any:
        return no if yes is NOTHING else yes if no is NOTHING else join(paths, mask, yes, no)

    paths.note(ways)
    try:
        return fold(ways, joined)
    except ApartError:
        paths.take_apart(place)


def _is_given(result: Any, given: tuple[Any, ...]) -> bool:
    """Whether what a helper returns is memory of an argument: put together with another array it would be neither."""
    return any(overlap(result, value) for value in given if isinstance(value, np.ndarray))


def _is_plain(value: Any, lent: bool) -> bool:
    """Whether a helper cannot write into an argument, or call it."""
    if isinstance(value, tuple):
        return all(_is_plain(v, lent) for v in value)
    return isinstance(value, _NUMBERS) or (lent and isinstance(value, (np.ndarray, list)))


def _reached(function: FunctionType, found: dict[FunctionType, None]) -> dict[FunctionType, None]:
    """A function and the user's functions that it mentions, and theirs."""
    found[function] = None
    for _, _, part in parts(function, loaded):
        if is_users_function(part) and part not in found:
            _reached(part, found)
    return found
