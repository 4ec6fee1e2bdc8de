"""Rules for tracing functions of SciPy's that are made of a series or of steps: polygamma, zeta, lambertw."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .arrays import plain
from .complexnumbers import as_complex
from .elementwise import record, select, traced
from .refusals import refuse
from .symbols import RULES, Literal

_BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330]
_HIGHEST, _STEPS = 10, 16


def each(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule of single numbers as one of arrays."""
    return lambda *values: np.frompyfunc(rule, len(values), 1)(*map(plain, values))


_POLYGAMMAS = {0: each(lambda a: record("digamma", a)), 1: each(lambda a: record("trigamma", a))}


def polygamma(n: Any, x: Any) -> Any:
    """The derivatives of digamma."""
    if traced(n) or np.ndim(n) or n not in range(_HIGHEST + 1):
        refuse(f"f uses polygamma of no whole order of 0 to {_HIGHEST}, which has no rule for tracing")
    return (_POLYGAMMAS[n] if n in _POLYGAMMAS else each(partial(_of_order, int(n))))(x)


def _of_order(n: int, x: Any) -> Any:
    """Steps to an x from which the series takes ten terms; below -2 f itself is asked.

    (NIST Digital Library of Mathematical Functions, 5.5.2 and 5.15.8.)
    """
    power, far = RULES[np.power], x + Literal(float(_STEPS))
    total: Any = far * Literal(0.0)
    for k, number in reversed([*enumerate(_BERNOULLI, 1)]):
        factor = number * math.factorial(2 * k + n - 1) / math.factorial(2 * k)
        total = total + power(far, -(2 * k + n)) * Literal(factor)
    total = total + power(far, -(n + 1)) * Literal(math.factorial(n) / 2)
    total = total + power(far, -n) * Literal(float(math.factorial(n - 1)))
    for k in range(_STEPS - 1, -1, -1):
        total = total + power(x + Literal(float(k)), -(n + 1)) * Literal(float(math.factorial(n)))
    return select(x > Literal(-2.0), total * Literal(float((-1) ** (n + 1))), math.nan)


def zeta(x: Any, q: Any = None) -> Any:
    """The sum of (q + n)**-x; Riemann's without q."""
    return each(_zeta)(x, 1.0 if q is None else q)


def _zeta(s: Any, q: Any) -> Any:
    """Ten terms, and Euler's and Maclaurin's sum of the others; where they do not converge f itself is asked.

    (NIST Digital Library of Mathematical Functions, 25.11.5 and 2.10.1.)
    """
    if not traced(s, q):
        s = s + Literal(0.0)
    power, far = RULES[np.power], q + float(_TERMS)
    total: Any = 0.0
    factor, over = s * power(far, -s), 1.0 / far
    for k, number in enumerate(_BERNOULLI, 1):
        factor = factor * over
        total = total + factor * (number / math.factorial(2 * k))
        factor = factor * (s + (2.0 * k - 1.0)) * (s + 2.0 * k) * over
    total = total + 0.5 * power(far, -s) + power(far, 1.0 - s) / (s - 1.0)
    for n in range(_TERMS - 1, -1, -1):
        total = total + power(q + float(n), -s)
    allowed = RULES[np.logical_and](RULES[np.greater](s, 1.0), RULES[np.greater](q, 0.0))
    return select(allowed, total, math.nan)


_TERMS = 10


def lambertw(z: Any, k: Any = 0, tol: Any = 1e-8) -> Any:
    """The number w of which w exp(w) is z: of real numbers above -1/e a real one; elsewhere f itself is asked."""
    if traced(k) or np.ndim(k) or k != 0:
        refuse("f calls lambertw for another branch than 0, which cannot be traced")
    return each(_lambertw)(z)


def _lambertw(z: Any) -> Any:
    """Halley's steps from a logarithm, or from the series at -1/e.

    (R. M. Corless et al., "On the Lambert W function", Advances in Computational Mathematics 5, 1996.)
    """
    if not traced(z):
        z = z + Literal(0.0)
    log1p, exp = RULES[np.log1p], RULES[np.exp]
    inside = RULES[np.greater](z, LEAST)
    near = select(inside, z, 1.0)
    is_above = RULES[np.greater](near, 0.0)
    size = log1p(select(is_above, near, 0.0))
    p = RULES[np.sqrt](2.0 * math.e * select(is_above, 0.0, near) + 2.0)
    w = select(is_above, size * (1.0 - log1p(size) / (2.0 + size)), p * (1.0 + p * (p * (11 / 72) - 1 / 3)) - 1.0)
    for _ in range(_HALLEY):
        e = exp(w)
        off = w * e - near
        w = w - off / (e * (w + 1.0) - (w + 2.0) * off / (2.0 * w + 2.0))
    return as_complex(select(inside, w, math.nan))


_HALLEY = 5
LEAST = -0.36
"""Nearer to -1/e no digit of a step is right."""
FUNCTIONS: dict[str, Callable[..., Any]] = {f.__name__: f for f in (polygamma, zeta, lambertw)}
"""What functions of scipy.special do with arrays of symbols, by name."""
