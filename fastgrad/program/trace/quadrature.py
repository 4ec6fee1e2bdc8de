"""scipy.integrate.quad of a function that depends on what f is given: by Gauss and Kronrod's rule of 21 points.

QUADPACK's QAGS begins with it, and ends there where the error that it estimates is small enough; where it would go on
f itself is asked. Piessens et al., QUADPACK, 1983.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .elementwise import ask_where, traced
from .refusals import refuse
from .symbols import RULES

_PLACES = (
    0.9956571630258081, 0.9739065285171717, 0.9301574913557082, 0.8650633666889845, 0.7808177265864169,
    0.6794095682990244, 0.5627571346686047, 0.4333953941292472, 0.2943928627014602, 0.14887433898163122, 0.0,
)  # fmt: skip
_WEIGHTS = (
    0.011694638867371874, 0.032558162307964725, 0.054755896574351995, 0.07503967481091996, 0.0931254545836976,
    0.10938715880229764, 0.12349197626206584, 0.13470921731147334, 0.14277593857706009, 0.1477391049013385,
    0.14944555400291692,
)  # fmt: skip
_OF_GAUSS = (0.06667134430868814, 0.1494513491505806, 0.21908636251598204, 0.26926671930999635, 0.29552422471475287)
_EPSILON, _TINY = float(np.finfo(float).eps), float(np.finfo(float).tiny)
_abs, _max, _min = RULES[np.absolute], RULES[np.maximum], RULES[np.minimum]


def quad(own: Callable[..., Any]) -> Callable[..., Any]:
    """SciPy's `quad`, of symbols too: whether an integrand gives some shows when it is called."""

    def rule(
        func: Any, a: Any, b: Any, args: Any = (), full_output: Any = 0, epsabs: Any = 1.49e-8, epsrel: Any = 1.49e-8,
        **options: Any,
    ) -> Any:  # fmt: skip
        given = args if isinstance(args, tuple) else (args,)
        if not (traced(a, b) or np.isfinite([a, b]).all()):
            return own(func, a, b, args, full_output, epsabs, epsrel, **options)
        center, half = 0.5 * (a + b), 0.5 * (b - a)
        values = [(func(center - half * place, *given), func(center + half * place, *given)) for place in _PLACES[:-1]]
        middle = func(center, *given)
        if not traced(a, b, middle, *[value for pair in values for value in pair]):
            return own(func, a, b, args, full_output, epsabs, epsrel, **options)
        if full_output or set(options) - {"limit", "limlst", "maxp1"}:
            refuse("f calls scipy.integrate.quad with full_output=, points= or weight=, which cannot be traced")
        return _integral(values, middle, half, epsabs, epsrel)

    return rule


def _integral(values: list[tuple[Any, Any]], middle: Any, half: Any, epsabs: float, epsrel: float) -> tuple[Any, Any]:
    """The integral and its error, as QUADPACK's DQK21 has them."""
    sums = [below + above for below, above in values]
    found: Any = _WEIGHTS[-1] * middle
    size: Any = _WEIGHTS[-1] * _abs(middle)
    for weight, total, (below, above) in zip(_WEIGHTS, sums, values, strict=False):
        found, size = found + weight * total, size + weight * (_abs(below) + _abs(above))
    by_gauss = sum(weight * total for weight, total in zip(_OF_GAUSS, sums[1::2], strict=True))
    mean = 0.5 * found
    spread = _WEIGHTS[-1] * _abs(middle - mean)
    for weight, (below, above) in zip(_WEIGHTS, values, strict=False):
        spread = spread + weight * (_abs(below - mean) + _abs(above - mean))
    length = _abs(half)
    result, size, spread = found * half, size * length, spread * length
    raw = _abs((found - by_gauss) * half)
    share = _min(1.0, 200.0 * raw / _max(spread, _TINY))
    error = _max(spread * share * RULES[np.sqrt](share), 50.0 * _EPSILON * size)
    bound = _max(epsabs, epsrel * _abs(result))
    ask_where(RULES[np.greater](error, bound))
    ask_where(RULES[np.logical_and](RULES[np.equal](error, spread), RULES[np.not_equal](error, 0.0)))
    return result, error
