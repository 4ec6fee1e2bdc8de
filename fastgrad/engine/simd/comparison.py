"""The compiled f beside f itself at a few points: what cannot be traced soundly mostly shows there."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...formulas.steps import irregular
from ...formulas.values import as_number, precision
from ...program.look import agree, quiet
from ...results import EPS, EngineError
from ..call import Call
from .arguments import Block, Form, batch_rows

Array = NDArray[np.float64]


@lru_cache(maxsize=256)
def _irregular(dimension: int) -> Array:
    """Small displacements that no symmetry of f cancels."""
    displacements: Array = 2.0**-20 * irregular(dimension)
    return displacements


def compare(call: Call, code: Any, form: Form) -> None:
    """Compare the compiled f with f itself at up to four points, each displaced in every coordinate.

    What looks at types or keeps state may go another way at one point than at others: the first and the last are among
    them, and as many as there are lanes cost one run of the kernel.
    """
    first, count = call.finite(), call.points.count
    places = list(dict.fromkeys((first, count - 1, count // 3, 2 * count // 3)))[: form.lanes]
    value, block = code.family.value(code.program, code.table, form), Block(code.program, form.lanes, 0.0)
    points = np.array([_moved(call, n) for n in places])
    rows = np.concatenate([batch_rows(call, slice(n, n + 1)) for n in places]) if call.batch else np.empty((count, 0))
    found = block.evaluate(value, points, rows)
    _check(call, first, points[0], found[0])
    if len(places) > 1:
        with quiet():  # f may warn at its first point, where it would anyway
            for n, point, numbers in zip(places[1:], points[1:], found[1:], strict=True):
                _check_elsewhere(call, n, point, numbers)


def _moved(call: Call, n: int) -> Array:
    """A point near another one."""
    row = call.points.row(n)
    with np.errstate(over="ignore", invalid="ignore"):
        return call.inside(n, row + _irregular(row.size) * (1.0 + np.abs(row)))


def _check_elsewhere(call: Call, n: int, point: Array, found: list[float]) -> None:
    """As `_check`; f may raise where its results are not finite, and is asked there."""
    try:
        _check(call, n, point, found)
    except EngineError:
        raise
    except Exception as error:
        if np.isfinite(found).all():
            msg = f"f raises {type(error).__name__} where traced it gives {found[0]!r}"
            raise EngineError(msg) from error


def _check(call: Call, n: int, point: Array, found: list[float]) -> None:
    plain = call.f(call.argument(point), *call.args_at(n))
    if type(plain) is not np.float64 and precision(plain) > EPS:
        msg = f"f returns {plain.dtype}, whose rounding vectors of doubles do not reproduce"
        raise EngineError(msg)
    single = len(found) == 1
    expected = [float(plain if type(plain) is np.float64 else as_number(plain))] if single else np.ravel(plain).tolist()
    for a, b in zip(found, expected, strict=True):
        if not agree(a, b):
            msg = f"traced, f gives {a!r} where it gives {b!r} in Python: it keeps state, is random or looks at types"
            raise EngineError(msg)
