"""How many numbers a loss reads, at a glance: whether it is worth a recording."""

from __future__ import annotations

import types
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ..program.captures import loaded, parts

OBJECTS = 300
"""Looked at, at most: some 0.1 ms."""


def numbers(loss: Any, *more: Any) -> int:
    """Elements of the float arrays that a loss reaches, through closures, attributes, lists and globals."""
    seen: set[int] = set()
    waiting: list[Any] = [loss, *more]
    total = 0
    while waiting and len(seen) < OBJECTS:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, np.ndarray):
            total += value.size if value.dtype.kind == "f" else 0
        else:
            waiting.extend(_inside(value))
    return total


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from list(value.values())[:OBJECTS]
    elif isinstance(value, (list, tuple)):
        yield from value[:OBJECTS]
    elif isinstance(value, types.FunctionType):
        space = value.__globals__
        yield from (space[name] for name in loaded(value.__code__) if name in space)
        yield from (part for kind, _, part in parts(value) if kind != "global")
    elif isinstance(value, (types.MethodType, partial)):
        yield from (part for _, _, part in parts(value))
    elif not isinstance(value, (type, types.ModuleType)):
        own = getattr(value, "__dict__", None)
        yield from own.values() if type(own) is dict else ()
