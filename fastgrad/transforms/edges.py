"""Where f is finite at x and not beside it: a derivative that an optimizer asks for says so, once for each line.

An optimizer that gets a derivative that is not finite often stops and calls that a success.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any

import numpy as np

from ..engine.arguments import Array, Function
from ..formulas.stencils import EXACT
from ..formulas.values import as_number
from ..results import Result, StepWarning, users_level

EDGE = (
    "f is finite at x and not within a step of x[{place}]={x!r}, so that its derivative is not finite: give {name}(f, "
    "bounds=...) the bounds inside which f is defined, or method='exact'"
)


def warn_at_edge(name: str, f: Function, x: Array, args: tuple[Any, ...], how: dict[str, Any], found: Any) -> None:
    """A StepWarning where f is finite at one point and its derivative by differences is not.

    f is called once more where its value is not there yet.
    """
    slope = found[-1] if type(found) is tuple else found
    slope = slope.value if isinstance(slope, Result) else slope
    differences = how.get("method", "central") != EXACT and how.get("bounds") is None and not how.get("batch")
    if not differences or np.isfinite(slope).all():
        return
    with suppress(Exception), np.errstate(all="ignore"):  # whatever f raises now it has not raised before
        value = found[0] if type(found) is tuple else as_number(f(x, *args))
        if not np.isfinite(value):
            return
    place = _coordinate(np.asarray(slope).reshape(x.size, -1), x.shape)
    text = EDGE.format(place=", ".join(map(str, place)), x=float(x[tuple(place)]), name=name)
    warnings.warn(text, StepWarning, stacklevel=users_level())


def _coordinate(slope: Array, shape: tuple[int, ...]) -> list[int]:
    """One along which the derivative is not finite: of a Hessian by its diagonal, if that shows it."""
    bad = ~np.isfinite(slope)
    own = np.diagonal(bad) if bad.shape[1] > 1 and np.diagonal(bad).any() else bad.any(axis=1)
    return [int(k) for k in np.unravel_index(int(own.argmax()), shape)]
