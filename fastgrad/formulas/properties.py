"""`functools.cached_property` without its lock, which it has up to Python 3.11: a fork can leave it locked for ever."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeVar

Value = TypeVar("Value")


class cached_property(functools.cached_property[Value]):
    """What a method returns, computed when it is first asked for and kept with the object; perhaps by two threads."""

    lock: Any

    def __init__(self, method: Callable[[Any], Value]) -> None:
        super().__init__(method)
        self.lock = nullcontext()
