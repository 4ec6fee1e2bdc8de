"""Error, gamma and Bessel functions as operations of programs, computed without machine code.

Those that the module math has are Python's, number by number, so that SciPy is not needed for them, nor for the
derivatives of log(gamma). A program has one of the others only where f itself has brought SciPy along.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

FAR = 12.0  # from where the series in 1/x have all their digits
_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)  # of Bernoulli's numbers
_TRIGAMMA = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)


def _of_numbers(function: Callable[[float], float], at_poles: Callable[[float], float] | None = None) -> Any:
    """A function of math as one of arrays; infinite where it overflows."""

    def single(x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return math.copysign(math.inf, x)
        except ValueError:
            assert at_poles is not None
            return at_poles(x)

    each = np.frompyfunc(single, 1, 1)

    def of_arrays(a: ArrayLike) -> Any:
        return np.asarray(each(a), dtype=np.float64)[()]

    return of_arrays


def _pole_of_gamma(x: float) -> float:
    """At whole numbers below 0 it is none; at 0 it is infinite."""
    return math.copysign(math.inf, x) if x == 0.0 else math.nan


def _far(x: Any, change: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Numbers moved by whole steps, those below 0 mirrored, to where a series holds; and the sum of the changes."""
    y = np.where(x < 0.0, 1.0 - x, x)
    total = np.zeros_like(y)
    while (low := y < FAR).any():
        total += np.where(low, change(y), 0.0)
        y = np.where(low, y + 1.0, y)
    return y, total


def digamma(a: ArrayLike) -> Any:
    """The derivative of log(gamma)."""
    x = np.asarray(a, dtype=np.float64)
    y, steps = _far(x, lambda y: -1.0 / y)
    z = 1.0 / (y * y)
    found = np.log(y) - (0.5 / y + z * np.polyval(_DIGAMMA[::-1], z)) + steps
    r = x - np.rint(x)
    mirrored = np.where(r == 0.0, np.nan, found - np.pi / np.tan(np.pi * r))
    return np.where(x < 0.0, mirrored, found)[()]


def trigamma(a: ArrayLike) -> Any:
    """The second derivative of log(gamma)."""
    x = np.asarray(a, dtype=np.float64)
    y, steps = _far(x, lambda y: 1.0 / (y * y))
    z = 1.0 / (y * y)
    found = 1.0 / y * (1.0 + 0.5 / y + z * np.polyval(_TRIGAMMA[::-1], z)) + steps
    wave = np.pi / np.sin(np.pi * (x - np.rint(x)))
    return np.where(x < 0.0, wave * wave - found, found)[()]


def _softplus(a: ArrayLike) -> Any:
    """log(1 + exp(a))."""
    return np.where(np.less(a, 0.0), 0.0, a) + np.log1p(np.exp(-np.abs(a)))


def scipys(name: str) -> Callable[..., Any]:
    """One of SciPy's, looked up when it is called."""

    def function(*values: ArrayLike) -> Any:
        from scipy import special  # noqa: PLC0415  an extra, which f has imported

        return getattr(special, name)(*values)

    return function


def mills(a: ArrayLike) -> Any:
    """The inverse of Mills' ratio: the normal density over the distribution, which is the slope of its logarithm."""
    x = np.asarray(a, dtype=np.float64)
    below = math.sqrt(2.0 / math.pi) / scipys("erfcx")(np.where(x < 0.0, x, 0.0) * -math.sqrt(0.5))
    above = np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi) / scipys("ndtr")(np.where(x < 0.0, 0.0, x))
    return np.where(x < 0.0, below, above)[()]


def _within(a: ArrayLike) -> Any:
    """0 of what is not negative, minus infinity of the rest."""
    return np.where(np.less(a, 0.0), -np.inf, np.where(np.isnan(a), a, 0.0))[()]


def _logabs(a: ArrayLike) -> Any:
    return np.log(np.abs(a))


_SCIPYS = (
    "erfcx", "log_ndtr", "i0e", "i1e", "j0", "j1", "logit", "xlogy", "xlog1py", "entr", "rel_entr",
)  # fmt: skip
BY_LIBRARY = (
    "erfinv", "erfcinv", "ndtri", "k0", "k1", "k0e", "k1e", "y0", "y1", "ellipk", "ellipe", "expi", "exp1", "dawsn",
    "erfi", "spence", "jv", "yv", "iv", "kv", "ive", "kve", "gammainc", "gammaincc", "gammaincinv", "gammainccinv",
    "stdtr", "stdtrit", "betainc", "betaincc", "betaincinv", "hyp1f1", "hyp2f1",
)  # fmt: skip
"""Functions that compiled code calls, as NumPy does; derivatives are by the last argument alone."""
GAMMAS = ("lgamma", "tgamma", "digamma", "trigamma")
OPERATIONS: dict[str, Callable[..., Any]] = {
    "erf": _of_numbers(math.erf),
    "erfc": _of_numbers(math.erfc),
    "lgamma": _of_numbers(math.lgamma, lambda x: math.inf),
    "tgamma": _of_numbers(math.gamma, _pole_of_gamma),
    "digamma": digamma,
    "trigamma": trigamma,
    "mills": mills,
    "softplus": _softplus,
    "within": _within,
    "logabs": _logabs,
    "xlogabs": lambda a, b: scipys("xlogy")(a, np.abs(b)),
    **{name: scipys(name) for name in (*_SCIPYS, *BY_LIBRARY)},
}
