"""Which step would suit, where the truncation of a central difference is far above its round-off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..engine.call import Call
from ..program.program import Program
from ..program.schedule import schedule
from ..program.truncation import third_along
from ..results import EPS

Array = NDArray[np.float64]

LONGEST = 10_000  # operations of all third derivatives, which are made in some tenths of a second
LOOKED_AT = 4  # points of a call
FAR = 10.0  # times: as far truncation is above round-off, and as much better the other step


@dataclass(frozen=True)
class Error:
    """What a central difference of order 2 leaves at a coordinate, and with the step that would suit."""

    coordinate: int
    left: float
    step: float
    least: float

    def __str__(self) -> str:
        return (
            f"the step leaves an error of about {self.left:.1e} at coordinate {self.coordinate}, "
            f"h={self.step:.1e} there one of {self.least:.1e}"
        )


def suitable_step(call: Call, program: Program) -> Error | None:
    """The coordinate with the largest error of those that gain from another step, at some of the points; or None.

    Of values known to ``eps * |f|`` the error is ``h**2 * |f'''| / 6 + eps * |f| / h``, least at the cube root of
    ``3 * eps * |f| / |f'''|``. (W. Press et al., "Numerical Recipes", 3rd ed., section 5.7.)
    """
    stencil = call.table.stencil
    known = stencil.method == "central" and stencil.order == 2 and stencil.derivative == 1 and call.bounds is None
    known = known and len(program.outputs) == 1  # not the parts of a complex number
    if not known or call.adaptive or 4 * program.inputs * len(program.nodes) > LONGEST:
        return None
    points = _some(call)
    rows, rule = call.points.row(points), call.steps.part(points, (call.points.count, program.inputs))
    batch = [part[points].reshape(len(points), -1) for part in call.batch]
    columns = np.concatenate([rows, *batch], axis=1).T
    steps = rule.in_rows(rows)
    errors, left = [], LONGEST
    for i, (x, h) in enumerate(zip(rows.T, steps.T, strict=True)):
        made = third_along(program, i, left)
        if made is None:
            return None
        left -= len(made.nodes)
        errors.append(_worst(i, schedule(made).values(columns, made.constants), x, h))
    return max((e for e in errors if e), key=lambda e: e.left, default=None)


def _some(call: Call) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, call.points.count - 1, LOOKED_AT).astype(np.intp))


def _worst(i: int, values: Array, x: Array, h: Array) -> Error | None:
    """Of the points; the values of f are taken for as uncertain as its change by the rounding of x makes them."""
    f, slope, third = values
    with np.errstate(all="ignore"):
        noise, bend = EPS * np.maximum(np.abs(f), np.abs(slope * x)), np.abs(third)
        truncation, rounding = h**2 * bend / 6.0, noise / h
        best = np.cbrt(3.0 * noise / bend)
        least = best**2 * bend / 6.0 + noise / best
        gains = (truncation > FAR * rounding) & (truncation > FAR * least) & np.isfinite(truncation) & (least > 0.0)
    if not gains.any():
        return None
    n = int(np.argmax(np.where(gains, truncation, 0.0)))
    return Error(i, float(truncation[n] + rounding[n]), float(best[n]), float(least[n]))
