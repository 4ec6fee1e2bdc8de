"""Inverse functions of complex numbers, and some others.

(W. Kahan, "Branch cuts for complex elementary functions", in: The State of the Art in Numerical Analysis, 1987.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .complexnumbers import argument, both, made, turned
from .elementwise import select
from .operators import COMPLEX
from .symbols import RULES

_asinh, _atan2, _log1p = RULES[np.arcsinh], RULES[np.arctan2], RULES[np.log1p]


def _beside(a: Any, to_right: bool) -> tuple[Any, Any]:
    """The parts of sqrt(1 + a), or of sqrt(1 - a)."""
    return both(COMPLEX["sqrt"](COMPLEX["+" if to_right else "-"](1.0, a)))


def _arcsine(a: Any) -> Any:
    (p, q), (r, s) = _beside(a, False), _beside(a, True)
    return made(_atan2(both(a)[0], p * r - q * s), _asinh(p * s - q * r))


def _arccosine(a: Any) -> Any:
    (p, q), (r, s) = _beside(a, False), _beside(a, True)
    return made(2.0 * _atan2(p, r), _asinh(r * q - s * p))


def _area_cosine(a: Any) -> Any:
    (p, q), (r, s) = both(COMPLEX["sqrt"](COMPLEX["-"](a, 1.0))), _beside(a, True)
    return made(_asinh(p * r + q * s), 2.0 * _atan2(q, r))


def _arctangent(a: Any) -> Any:
    """Half of an angle, and a quarter of the logarithm of a ratio of distances from i and -i."""
    p, q = both(a)
    below = p * p + (q - 1.0) * (q - 1.0)
    return made(0.5 * argument(2.0 * p, (1.0 - q) * (1.0 + q) - p * p), 0.25 * _log1p(4.0 * q / below))


def _exponential_less_one(a: Any) -> Any:
    p, q = both(a)
    half = RULES[np.sin](q * 0.5)
    return made(RULES[np.expm1](p) * RULES[np.cos](q) - 2.0 * half * half, RULES[np.exp](p) * RULES[np.sin](q))


def _logarithm_of_one_more(a: Any) -> Any:
    """As NumPy has it, without digits of the real part near 0."""
    return COMPLEX["log"](COMPLEX["+"](1.0, a))


def _sign(a: Any) -> Any:
    """0 of 0, else of length 1."""
    p, q = both(a)
    length = COMPLEX["abs"](a)
    length = select(length == 0.0, 1.0, length)
    return made(p / length, q / length)


COMPLEX.update({
    "asin": _arcsine, "acos": _arccosine, "atan": _arctangent, "acosh": _area_cosine,
    "asinh": turned(_arcsine, -1j), "atanh": turned(_arctangent, -1j), "expm1": _exponential_less_one,
    "log1p": _logarithm_of_one_more, "exp2": lambda a: COMPLEX["pow"](2.0, a), "sign": _sign,
})  # fmt: skip
