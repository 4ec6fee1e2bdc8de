"""Which step: by precision, derivative, order and |x|.

The error of a difference quotient for the n-th derivative at order p has two parts. Truncation is
``C * h**p * |f^(p+n)|``; round-off is about ``eps * |f| / h**n``, because each value of f is known to a relative
``eps`` only. The sum is least where both have the same size, at a multiple of ``eps**(1/(p+n))``, and there the
relative error is about ``eps**(p/(p+n))``: 4e-11 for first derivatives at order 2, 1e-14 at order 8. The natural
length on which f changes is unknown; ``max(1, |x_i|)`` stands for it. Hence the default

    h_i = c_p * eps**(1/(p+n)) * max(1, |x_i|),   c_p = 2/p,

rounded down to a power of two: then x ± k*h and 1/(2*h) carry no rounding error of their own. The factor c_p keeps
the outermost point of a wide stencil about as far from x as that of a narrow one. From the fifth derivative on
weights add up to so much that c_p is twice that, from the seventh on four times (at order 2 twice): of sin, exp and
1/(1 + x**2) the eighth derivative is off by 1e-4 to 1e-2 then, without it by all it is. (J. Nocedal and S. Wright,
"Numerical Optimization", 2nd ed., section 8.1; W. Press et al., "Numerical Recipes", 3rd ed., section 5.7.)

The complex step, ``Im f(x + i*h) / h``, subtracts nothing, so only truncation is left, of the size of h squared, and h
may be as small as floats allow: ``2**-200 * max(1, |x_i|)``, some 6e-61. That is far below the lengths of physics
(1e-35 m), and slopes down to 1e-247 still leave a normal float. Beside an x below 1e-51 it is ``2**-30 * |x_i|``, some
1e-18 of truncation, so that log(x) or 1/x at 1e-100 feel it as a small step too; it ends at 2**-1040, as floats do.
(W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40, 1998.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import frexp, inf, ldexp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..results import EPS
from .stencils import COMPLEX, Stencil

Array = NDArray[np.float64]

FEW = 6  # coordinates up to which Python's floats are faster than arrays
_EXPONENT = np.int64(0x7FF0000000000000)
# Refined steps are powers of two times this: 2, 1 and 1/2 are all blind to cos(2 pi x). It is no simple multiple of
# usual periods, and its 17 bits leave x + h exact.
IRREGULAR = 95348 / 65536
DROWNED = 1e-4  # of its step: less far a coordinate is not moved along a direction, its changes would be lost in f
_SMALLEST, _LARGEST = 2.0**-1022, 2.0**1023
LARGEST_FACTOR = 0.9  # below 1 nothing overflows; of half precision and eighth derivatives it would be above
_COMPLEX_FACTOR = 2.0**-200
# Coordinates, but for 0, below which the complex step is a fixed part of them, and the least step.
COMPLEX_SMALL, COMPLEX_PART, COMPLEX_LEAST = 2.0**-170, 2.0**-30, 2.0**-1040


def default_factor(derivative: int, order: int, eps: float = EPS) -> float:
    """``c_p * eps**(1/(p+n))``, the default step at |x| <= 1 before rounding down to a power of two.

    Examples
    --------
    >>> f"{default_factor(1, 2):.2e}"
    '6.06e-06'
    """
    wider = 1.0 if derivative <= 4 else 2.0 if derivative <= 6 or order == 2 else 4.0
    return float(min(wider * min(1.0, 2.0 / order) * eps ** (1.0 / (order + derivative)), LARGEST_FACTOR))


def _factor(formula: Stencil, eps: float = EPS) -> float:
    return _COMPLEX_FACTOR if formula.method == COMPLEX else default_factor(formula.derivative, formula.order, eps)


def power_of_two_below(h: Any) -> Array:
    """h with its mantissa cleared: the largest power of two not above h; inf for inf and NaN."""
    return (np.asarray(h, dtype=np.float64).view(np.int64) & _EXPONENT).view(np.float64)


def _few_powers(size: float, scale: Array) -> Array:
    """``power_of_two_below(size * max(1, scale))`` in Python's floats: for two coordinates 1.5 us less."""
    least = ldexp(0.5, frexp(size)[1])
    powers = [
        least if s <= 1.0 else ldexp(0.5, frexp(size * s)[1]) if s < inf else inf for s in scale.reshape(-1).tolist()
    ]
    return np.array(powers).reshape(scale.shape)


@dataclass(frozen=True)
class Steps:
    """How the step at a coordinate follows from its value; engines evaluate the same formulas.

    Attributes
    ----------
    rule : {"default", "complex", "absolute", "relative", "book"}
        default: ``power_of_two_below(size * max(1, |x|))``; absolute: size; relative: ``size * |x|``, size where x is
        0; book: size to the bit, whatever step that makes; also the h of a complex step, which vanishes beside nothing;
        complex: as default, but beside a tiny x a part of it.
    size : ndarray
        The factor or the step, to be broadcast against the points.
    """

    rule: str
    size: Array

    def at(self, x: Any) -> Array:
        """The steps really taken at coordinates x.

        A given step becomes ``(|x| + h) - |x|``: x + h and x - h are then exact, and so is x + k*h unless it crosses a
        power of two. The step that is divided by is the step that was taken.
        """
        if self.rule == "book":
            return self.size
        scale = np.abs(x, dtype=np.float64)
        if self.rule == "complex":
            part = np.maximum(power_of_two_below(scale * COMPLEX_PART), COMPLEX_LEAST)
            h: Array = power_of_two_below(self.size * np.maximum(scale, 1.0))
            return np.where((scale < COMPLEX_SMALL) & (scale > 0.0), part, h)
        if self.rule == "default":  # the factor is below 1: nothing overflows
            few = self.size.ndim == 0 and scale.size <= FEW
            return (
                _few_powers(self.size.item(), scale) if few else power_of_two_below(self.size * np.maximum(scale, 1.0))
            )
        with np.errstate(all="ignore"):
            h = self.size if self.rule == "absolute" else np.where(scale == 0.0, self.size, self.size * scale)
            result: Array = (scale + h) - scale
            return result

    def in_rows(self, x: Array) -> Array:
        """The steps really taken at points in rows, one for each coordinate."""
        h: Array = self.at(x)
        return h if h.shape == x.shape else np.broadcast_to(h, x.shape)

    def part(self, some: Any, layout: tuple[int, ...]) -> Steps:
        """Those of some of the points, which are rows of this layout."""
        return Steps(self.rule, np.broadcast_to(self.size, layout)[some]) if self.size.ndim else self

    def check(self, x: Array) -> None:
        """Raise ValueError where a given step is below the spacing of floats at x; name a workable one."""
        if self.rule not in {"default", "complex", "book"}:
            self.checked(x)

    def checked(self, x: Array) -> Array:
        """`in_rows`, after `check`."""
        h = self.in_rows(x)
        if not h.all() and self.rule not in {"default", "complex", "book"}:
            gone = (h == 0.0) & np.isfinite(x)
            if gone.any():
                name, size = "h" if self.rule == "absolute" else "rel_step", np.broadcast_to(self.size, x.shape)
                raise ValueError(_vanishing(name, float(size[gone].flat[0]), float(x[gone].flat[0])))
        return h

    def options(self, n: int | None, shape: tuple[int, ...]) -> dict[str, Any]:
        """The arguments h and rel_step that mean the same, for point n of several, in a point's shape."""
        size = self.size if n is None or self.size.ndim < 2 else self.size[n]
        size = size.reshape(shape) if size.ndim else size
        return {"default": {}, "complex": {}, "relative": {"rel_step": size}}.get(self.rule, {"h": size})


def few_steps(xs: list[float], formula: Stencil, h: float | None) -> list[float] | None:
    """The default steps at few coordinates, or given ones, as `Steps.at`; None where one vanishes or is not finite."""
    sizes = [abs(x) for x in xs]
    if not all(s < inf for s in sizes):
        return None
    if h is not None:
        taken = [(s + h) - s for s in sizes]
        return taken if all(0.0 < t < inf for t in taken) else None
    size: float = _default_steps(formula.derivative, formula.order, False).size.item()
    least = ldexp(0.5, frexp(size)[1])
    return [least if s <= 1.0 else ldexp(0.5, frexp(size * s)[1]) for s in sizes]


def choose_steps(x: Array, formula: Stencil, h: Any = None, rel_step: Any = None) -> Steps:
    """The rule for a call. Whether a given step vanishes beside x is for `Steps.check`, or for the engine, to see.

    Raises
    ------
    ValueError
        Both h and rel_step; a step that is not positive and finite or does not fit x's shape.
    """
    if h is None and rel_step is None:
        return _default_steps(formula.derivative, formula.order, formula.method == COMPLEX)
    if h is not None and rel_step is not None:
        msg = f"both h={h!r} and rel_step={rel_step!r} were given; give one of them"
        raise ValueError(msg)
    name, rule, given = ("h", "absolute", h) if h is not None else ("rel_step", "relative", rel_step)
    if formula.method == COMPLEX:
        if name == "rel_step":
            msg = (
                f"rel_step={rel_step!r} is not for method='complex', whose step needs no size of x: "
                "leave it out, or give h"
            )
            raise ValueError(msg)
        rule = "book"
    return Steps(rule, _checked_size(name, given, x.shape))


def with_precision(steps: Steps, formula: Stencil, eps: float) -> Steps:
    """Default steps for an f whose results have precision eps; given steps stay as they are."""
    if steps.rule != "default":
        return steps
    return _default_steps(formula.derivative, formula.order, formula.method == COMPLEX, eps)


@lru_cache(maxsize=256)
def _default_steps(derivative: int, order: int, along_i: bool, eps: float = EPS) -> Steps:
    size = np.asarray(_COMPLEX_FACTOR if along_i else default_factor(derivative, order, eps))
    size.setflags(write=False)
    return Steps("complex" if along_i else "default", size)


def direction_step(x: Array, v: Array, formula: Stencil, h: Any = None, rel_step: Any = None, eps: float = EPS) -> Any:
    """The step t of the displacement t*v: the longest that moves no coordinate by more than its default step.

    h is t itself; rel_step is relative to the largest coordinate that v moves (to 1 where that is 0). A row of x and v
    is a point; t = 1 where v is 0.
    """
    given = choose_steps(np.zeros(()), formula, h, rel_step)
    if given.rule in {"default", "complex"}:
        return step_within(v, with_precision(given, formula, eps).at(x))
    largest, length = _largest(np.where(v == 0.0, 0.0, x)), _largest(v)
    with np.errstate(all="ignore"):
        if given.rule == "relative":
            t = given.size * np.where(largest == 0.0, 1.0, largest) / length
        else:
            t = np.broadcast_to(given.size, length.shape)
        return np.where(length == 0.0, 1.0, np.clip(t, _SMALLEST, _LARGEST))[()]


def _largest(a: Array) -> Array:
    """max|a| of each row."""
    return _along_rows(np.maximum, np.abs(a), 0.0)


def _along_rows(ufunc: np.ufunc, a: Array, initial: float) -> Array:
    """The least or the largest of each row; NumPy's own reduction takes 20 times as long over rows of two."""
    if a.ndim < 2 or not 0 < a.shape[1] < len(a):
        return np.asarray(ufunc.reduce(a, axis=-1, initial=initial))
    result = a[:, 0].copy()
    for i in range(1, a.shape[1]):
        ufunc(result, a[:, i], out=result)
    return result


def step_within(v: Array, h: Array) -> Any:
    """The longest t with which t*v moves no coordinate by more than its step in h."""
    t = _along_rows(np.minimum, _lengths(v, h), np.inf)
    return np.where(t == np.inf, 1.0, np.clip(t, _SMALLEST, _LARGEST))[()]


def _lengths(v: Array, h: Array) -> Array:
    """How often v goes into the step of each coordinate; inf where it moves nothing, or x is no number."""
    with np.errstate(all="ignore"):
        lengths: Array = np.where((v == 0.0) | (h == np.inf), np.inf, np.minimum(h / np.abs(v), _LARGEST))
    return lengths


def split_direction(v: Array, h: Array) -> list[Array]:
    """Directions that add up to v, in each of which no coordinate moves by less than 1e-4 of the longest step for it.

    In a row of v, coordinates of similar h/|v| stay together; the first part holds those that v moves farthest. v
    itself, in a list, is the usual result.
    """
    lengths = _lengths(v, h)
    parts: list[Array] = []
    while True:
        least = _along_rows(np.minimum, lengths, np.inf)
        late = (lengths * DROWNED > least[..., None]) & (lengths < np.inf)
        if not late.any():
            return [*parts, v]
        parts.append(np.where(late, 0.0, v))
        v, lengths = np.where(late, v, 0.0), np.where(late, lengths, np.inf)


def sizes_along(x: Array, v: Array) -> tuple[Any, Any]:
    """The size of x, counted in v: of the coordinate that v moves farthest; with |x_i| and with max(1, |x_i|) for it.

    Coordinates close to 0 beside others are as large as these, up to 1. Both are 1 where v is 0.
    """
    size = np.abs(x)
    moved = _largest(np.where(v == 0.0, 0.0, x))
    moved = np.where(moved == 0.0, 1.0, np.minimum(moved, 1.0))[..., None]
    return step_within(v, np.maximum(size, moved)), step_within(v, np.maximum(size, 1.0))


def irregular(count: int) -> Array:
    """Amounts between 1/4 and 3/4 without a pattern, by which to move elements and see whether a function reacts."""
    k = np.arange(1, count + 1)  # a multiple of k alone would leave x0 - x1 - x2 + x3 as it is
    amounts: Array = 0.25 + 0.5 * np.modf(0.61803398874989 * k + np.e * (np.sqrt(k) - 1.0))[0]
    return amounts


def check_direction(x: Array, v: Array, t: Any, name: str) -> None:
    """Raise ValueError where a given step along v leaves x as it is."""
    with np.errstate(all="ignore"):
        still = (x + t[..., None] * v == x) & np.isfinite(x)  # what is not finite moves nowhere, and is NaN
        gone = (still | (v == 0.0)).all(axis=-1) & v.any(axis=-1)
    if gone.any():
        n = int(np.flatnonzero(gone)[0])
        msg = f"{name} vanishes beside x={x[n]!r}: x + t*v == x with the step t={float(t[n])!r}; leave {name} out"
        raise ValueError(msg)


def _checked_size(name: str, given: Any, shape: tuple[int, ...]) -> Array:
    if type(given) is float and 0.0 < given < np.inf:  # the usual case, 10 us faster
        return np.array(given)
    try:
        size = np.asarray(given)
        if size.dtype.kind not in "fiu":
            raise TypeError
        size = size.astype(np.float64)
        np.broadcast_to(size, shape)
    except (TypeError, ValueError):
        msg = f"{name}={given!r} does not fit x of shape {shape}; give one number or one per coordinate"
        raise ValueError(msg) from None
    if not (np.isfinite(size) & (size > 0.0)).all():
        msg = f"{name}={given!r} must be positive and finite; leave it out for a step that suits the precision"
        raise ValueError(msg)
    return size


def _vanishing(name: str, step: float, x: float) -> str:
    workable = default_factor(1, 2) * max(1.0, abs(x))
    use, reason = f"{name}={workable:.1g}", ""
    if name == "rel_step" and abs(x) < workable:  # a workable one is above 1, or no float at all
        use, reason = f"h={workable:.1g}", "no relative step suits an x so close to 0, "
    elif name == "rel_step":
        use = f"rel_step={workable / abs(x):.1g}"
    return f"{name}={step!r} vanishes beside x={x!r} (x + h == x); {reason}use {use} or leave it out"
