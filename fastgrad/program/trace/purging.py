"""What is left of a trace in caches and in containers too long to be noted: it goes, as a memo may forget anything."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from functools import _lru_cache_wrapper
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from ..captures import is_installed, names
from .heldplaces import holds_what_is_traced
from .leftovers import OBJECTS


def purge(f: Any, args: tuple[Any, ...]) -> None:
    """Empty the caches that a function reaches, and take out of dicts and sets what is a trace's."""
    todo, seen = deque[Any]((f, *args)), set[int]()
    while todo and len(seen) < OBJECTS:
        value = todo.popleft()
        if id(value) not in seen:
            seen.add(id(value))
            with suppress(Exception):  # an object may refuse to be looked at
                _clean(value)
                todo.extend(_inside(value))


def _clean(value: Any) -> None:
    if isinstance(value, _lru_cache_wrapper):
        value.cache_clear()
    elif isinstance(value, dict):
        left = [(k, v) for k, v in value.items() if not (holds_what_is_traced(k) or holds_what_is_traced(v))]
        if len(left) < len(value):
            value.clear()
            value.update(left)
    elif isinstance(value, (list, deque)):
        kept = [v for v in value if not holds_what_is_traced(v)]
        if len(kept) < len(value):
            value.clear()
            value.extend(kept)
    elif isinstance(value, set):
        left = [v for v in value if not holds_what_is_traced(v)]
        if len(left) < len(value):
            value.clear()
            value.update(left)


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, _lru_cache_wrapper):
        yield value.__wrapped__
    elif isinstance(value, MethodType):
        yield from (value.__func__, value.__self__)
    elif isinstance(value, FunctionType):
        if not is_installed(value.__code__.co_filename):
            yield from (cell.cell_contents for cell in value.__closure__ or ())
            yield from (value.__globals__[name] for name in names(value.__code__) if name in value.__globals__)
            yield from (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values(), value.__dict__)
    elif isinstance(value, BuiltinFunctionType):
        yield value.__self__
    elif isinstance(value, (list, tuple)):
        yield from value[:OBJECTS]
    elif isinstance(value, dict):
        yield from value.values()
    elif type(space := getattr(value, "__dict__", None)) is dict:
        yield from space.values()
        yield from (v for kind in type(value).__mro__[:-1] for v in vars(kind).values())
