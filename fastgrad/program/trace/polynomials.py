"""Rules for tracing NumPy's older functions of polynomials, whose coefficients begin with the highest power."""

from __future__ import annotations

from collections.abc import Callable
from math import factorial, prod, tau
from typing import Any

import numpy as np

from .arrays import FUNCTIONS, LOOPS, Objects, elementwise, holds_symbols
from .elementwise import ask_where, traced
from .reductions import numbers, objects
from .refusals import refuse

NEARLY = 1e-8  # what np.allclose takes for 0


def _polyfit(x: Any, y: Any, deg: Any, rcond: Any = None, full: Any = False, w: Any = None, cov: Any = False) -> Any:
    """The coefficients of a polynomial through traced values at known places, on which they depend linearly."""
    if full or cov or holds_symbols((x, w)):
        refuse("f calls np.polyfit at traced places or with traced weights, or asks for more than the coefficients")
    known = np.asarray(x, dtype=float)
    return LOOPS[np.matmul](np.polyfit(known, np.eye(len(known)), deg, rcond, w=w).astype(object), numbers(y))


def _coefficients(p: Any) -> Objects:
    return np.atleast_1d(objects(getattr(p, "coeffs", p)))


def _as_given(found: Any, *given: Any) -> Any:
    """A polynomial where one was given."""
    return np.poly1d(found) if any(isinstance(p, np.poly1d) for p in given) else found


def _polyder(p: Any, m: int = 1) -> Any:
    found = _coefficients(p)
    for _ in range(m):
        powers = np.arange(len(found) - 1, 0, -1.0)
        found = objects(elementwise(np.multiply, found[:-1], powers)) if len(powers) else found[:0]
    return _as_given(found, p)


def _polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    constants = [0.0] * m if k is None else np.broadcast_to(objects(k), (m,)).tolist()
    found = _coefficients(p)
    for constant in constants:
        found = np.append(objects(elementwise(np.divide, found, np.arange(len(found), 0, -1.0))), constant)
    return _as_given(found, p)


def _added(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    def rule(a1: Any, a2: Any) -> Any:
        a, b = _coefficients(a1), _coefficients(a2)
        length = max(len(a), len(b))
        a, b = (np.concatenate([np.zeros(length - len(c)).astype(object), c]) for c in (a, b))
        return _as_given(elementwise(ufunc, a, b), a1, a2)

    return rule


def _polymul(a1: Any, a2: Any) -> Any:
    """Leading zeros are left out, of arrays too."""
    a, b = (FUNCTIONS[np.trim_zeros](_coefficients(p), "f") for p in (a1, a2))
    a, b = (p if len(p) else np.zeros(1) for p in (a, b))
    return _as_given(FUNCTIONS[np.convolve](a, b), a1, a2)


def _polydiv(u: Any, v: Any) -> tuple[Any, Any]:
    """Quotient and remainder; where the latter begins with what is nearly 0, which NumPy trims, f itself is asked."""
    rest, divisor = _coefficients(u).copy(), _coefficients(v)
    if not traced(*rest.tolist(), *divisor.tolist()):
        return np.polydiv(u, v)
    places = max(len(rest) - len(divisor) + 1, 1)
    quotient = np.zeros(places).astype(object)
    for k in range(places if len(rest) >= len(divisor) else 0):
        quotient[k] = elementwise(np.divide, rest[k], divisor[0])
        rest[k : k + len(divisor)] -= elementwise(np.multiply, quotient[k], divisor)
    rest = rest[max(len(rest) - len(divisor) + 1, 0) :]
    if len(rest) > 1 and traced(rest[0]):
        ask_where(elementwise(np.less_equal, elementwise(np.absolute, rest[0]), NEARLY))
    return _as_given(quotient, u, v), _as_given(rest, u, v)


def _poly(seq_of_zeros: Any) -> Any:
    """The coefficients of the product of x - z."""
    zeros = objects(seq_of_zeros)
    if zeros.ndim != 1:
        refuse("f takes the characteristic polynomial of a matrix; write np.linalg.det")
    found = np.ones(1).astype(object)
    for zero in zeros.tolist():
        found = objects(FUNCTIONS[np.convolve](found, np.array([1.0, -zero], dtype=object)))
    return found


def _i0(x: Any) -> Any:
    """The series of the square, whose terms are positive; far out that of the reciprocal.

    (NIST Digital Library of Mathematical Functions, 10.25.2 and 10.40.1.)
    """
    size, square = elementwise(np.absolute, numbers(x)), elementwise(np.square, numbers(x))
    is_near = elementwise(np.less, size, _FAR)
    near = _horner(_where(is_near, square, 0.0), [0.25**k / factorial(k) ** 2 for k in range(60)])
    far = _where(is_near, _FAR, size)
    waves = _horner(elementwise(np.divide, 0.125, far), [_odd_squares(k) / factorial(k) for k in range(20)])
    scale = elementwise(np.divide, elementwise(np.exp, far), elementwise(np.sqrt, elementwise(np.multiply, tau, far)))
    return _where(is_near, near, elementwise(np.multiply, scale, waves))[()]


_FAR = 25.0


def _odd_squares(count: int) -> float:
    return float(prod((2 * k - 1) ** 2 for k in range(1, count + 1)))


def _horner(x: Any, coefficients: list[float]) -> Any:
    found: Any = coefficients[-1]
    for c in coefficients[-2::-1]:
        found = elementwise(np.add, elementwise(np.multiply, found, x), c)
    return found


def _where(mask: Any, a: Any, b: Any) -> Objects:
    return objects(FUNCTIONS[np.where](mask, a, b))


FUNCTIONS.update({
    np.i0: _i0, np.polyfit: _polyfit, np.polyder: _polyder, np.polyint: _polyint, np.polyadd: _added(np.add),
    np.polysub: _added(np.subtract), np.polymul: _polymul, np.polydiv: _polydiv, np.poly: _poly,
})  # fmt: skip
