"""Rules for tracing functions of Python that compare numbers: one way through them instead of one for each order."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from .arrays import holds_symbols
from .elementwise import as_mask, is_pythons, logical_and, logical_or, record, select, traced
from .joins import kind
from .refusals import active
from .symbols import RULES, Symbol
from .truths import as_truth


def _extreme(name: str, node: str) -> Callable[..., Any]:
    """max and min, which keep what they have unless the next one is beyond it: so NaN stays where it comes first."""
    real = getattr(builtins, name)

    def choose(best: Any, item: Any) -> Any:
        if not traced(best, item):
            return real(best, item)
        result = record(node, best, item)
        if traced(best):
            result = select(RULES[np.isnan](best), best, result)
        if is_pythons(item) or is_pythons(best):
            result.trace.pythons.add(result.key)
        return result if traced(best) or best == best else best  # noqa: PLR0124  NaN

    def call(*values: Any, **options: Any) -> Any:
        items = _items(values[0]) if len(values) == 1 else list(values)
        arrays = any(isinstance(v, np.ndarray) for v in items or ())
        if options or items is None or arrays or not traced(*items) or _differ(items):
            return real(*(values if len(values) != 1 or items is None else (items,)), **options)
        return reduce(choose, items)

    return call


def _items(values: Any) -> Any:
    """The elements of what can be gone through, once; None of anything else, which raises in Python."""
    return list(values) if hasattr(values, "__iter__") or hasattr(values, "__getitem__") else None


def _differ(items: Any) -> bool:
    """Whether f may ask which one of numbers of several types it has got: then each is one of a way through f."""
    paths = getattr(getattr(active, "trace", None), "paths", None)
    return paths is not None and paths.typed and len({kind(paths.trace, item) for item in items or ()}) > 1


def _sorted(values: Any, /, *, key: Any = None, reverse: Any = False) -> list[Any]:
    """Odd-even transposition, stable as Python's; NaN has no order, so that f itself is asked there."""
    items = list(values)
    if key is not None or _differ(items) or not traced(*items):
        return sorted(items, key=key, reverse=reverse)
    for item in items:
        if isinstance(item, Symbol):
            item.trace.guards.append(item.key)
    for turn in range(len(items)):
        for i in range(turn % 2, len(items) - 1, 2):
            a, b = items[i : i + 2]
            swap = a < b if reverse else b < a
            items[i], items[i + 1] = select(swap, b, a), select(swap, a, b)
    return items


def _folded(name: str, rule: Callable[[Any, Any], Any], start: bool) -> Callable[[Any], Any]:
    """any and all of all elements; those behind the one that decides change nothing."""
    real = getattr(builtins, name)

    def call(values: Any, /) -> Any:
        items = _items(values)
        if items is None or not traced(*items):
            return real(values if items is None else items)
        return as_truth(reduce(rule, map(as_mask, items), start))

    return call


def _told(*values: Any, **_: Any) -> None:
    """Nothing is told of ways that perhaps no point takes; f itself is asked where one takes a way that tells of x."""
    trace = getattr(active, "trace", None)
    if trace and any(map(holds_symbols, values)):
        trace.said = True
    for value in values:
        str(value)  # which tells the trace what else holds x, as a dict does or an object of the user's


class SilentLogger:
    """A logger, or the module, that logs nothing of a trace."""

    def __init__(self, own: Any) -> None:
        self._own = own

    def __getattr__(self, name: str) -> Any:
        return _told if name in _LOGGING else getattr(self._own, name)


_LOGGING = {"debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "log"}


def logs(value: Any) -> bool:
    """Whether a value is a logger of Python's, or their module."""
    logging = sys.modules.get("logging")
    return logging is not None and (value is logging or isinstance(value, logging.Logger))


PYTHONS: dict[str, Any] = {
    "max": _extreme("max", "fmax"),
    "min": _extreme("min", "fmin"),
    "sorted": _sorted,
    "any": _folded("any", logical_or, start=False),
    "all": _folded("all", logical_and, start=True),
    "print": _told,
}
"""What a traced function gets instead of Python's functions of these names."""
