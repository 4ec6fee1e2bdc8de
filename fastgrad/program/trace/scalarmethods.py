"""What single numbers of NumPy's have in common with arrays: methods of a traced one, and those that give Python's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import call_function, method, plain, wrap
from .elementwise import ask_where, is_pythons
from .symbols import RULES, Flag, Literal, Symbol, Traced

_OF_ARRAYS = """
    all any argmax argmin clip cumprod cumsum flatten max mean min prod ravel repeat reshape round squeeze std sum take
    transpose var
"""
"""Methods of an array without axes; of Python's floats, which have none, f raises and is not what its trace says."""


def _by_array(name: str) -> Callable[..., Any]:
    def call(self: Traced, *args: Any, **options: Any) -> Any:
        found = getattr(wrap(plain(self)), name)(*args, **options)
        return found[()] if isinstance(found, np.ndarray) and not found.ndim else found

    return call


def _rounded(self: Symbol, digits: Any = None) -> Any:
    found = call_function(np.round, (self, digits or 0), {})
    if digits and (is_pythons(self) or self.trace.unpacked):
        _ask_beside_ties(self, int(digits))
    if digits is None:  # an integer, of which NaN and inf are none: Python raises; and whose 0 has no sign
        found = found + Literal(0.0)
        self.trace.guards.append(self.key)
        self.trace.count(found.key)
        self.trace.pythons.add(found.key)
    return found


def _ask_beside_ties(value: Symbol, digits: int) -> None:
    """Python rounds the number that a float is, NumPy its product with 100: 2.675 is a bit less, 267.5 is a tie."""
    scaled = RULES[np.absolute](value * 10.0**digits if digits > 0 else value / 10.0**-digits)
    beside = RULES[np.absolute](scaled - RULES[np.floor](scaled) - 0.5)
    ask_where(RULES[np.less_equal](beside, RULES[np.maximum](scaled, 1.0) * 1e-15))


def _unpacking(name: str) -> Callable[..., Any]:
    """item and tolist, which give numbers of Python."""

    def rule(a: Any, *args: Any) -> Any:
        for value in a.flat:
            if isinstance(value, Traced):
                value.trace.unpacked = True
        return getattr(a.view(np.ndarray), name)(*args)

    return rule


for _name in _OF_ARRAYS.split():
    setattr(Symbol, _name, _by_array(_name))
for _name in ("all", "any", "sum"):
    setattr(Flag, _name, _by_array(_name))
Symbol.T = property(lambda self: self)  # type: ignore[attr-defined]
Symbol.__round__ = _rounded  # type: ignore[attr-defined]
for _name in ("item", "tolist"):
    method(_name, _unpacking(_name))
