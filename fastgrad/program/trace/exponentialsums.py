"""Rules for tracing SciPy's functions of arrays that are made of sums of exponentials, and some of numbers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import elementwise, plain
from .elementwise import record, select, traced
from .reductions import max_, numbers, sum_
from .refusals import refuse
from .seriesfunctions import each
from .specialfunctions import log_gamma
from .symbols import RULES, Literal


def shift(a: Any) -> Any:
    """The nearest whole number, which has no slope, or 0 where that is not finite."""
    if not traced(a):
        return float(np.rint(a)) if math.isfinite(a) else 0.0
    return select(RULES[np.isfinite](a), RULES[np.rint](a), 0.0)


_SHIFT = np.frompyfunc(shift, 1, 1)


def _shifted(a: Any, axis: Any) -> tuple[Any, Any]:
    """A matrix without about its largest number, of which no exponential overflows, and that."""
    top = _SHIFT(plain(max_(a, axis, None, True)))
    return elementwise(np.subtract, a, top), top


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: Any = False, return_sign: Any = False) -> Any:
    """log(sum(b exp(a)))."""
    values = np.atleast_1d(numbers(a))
    if b is not None:
        values, b = np.broadcast_arrays(values, numbers(b))
    shifted, top = _shifted(values, axis)
    terms = elementwise(np.exp, shifted)
    total = sum_(terms if b is None else elementwise(np.multiply, b, terms), axis, keepdims=True)
    sign = np.asarray(elementwise(np.sign, total))
    total = elementwise(np.absolute, total) if return_sign else total
    found = np.asarray(elementwise(np.add, elementwise(np.log, total), top))
    results = (found, sign) if keepdims else (found.squeeze(axis=axis)[()], sign.squeeze(axis=axis)[()])
    return results if return_sign else results[0]


def softmax(x: Any, axis: Any = None) -> Any:
    """exp(x) over their sum."""
    terms = elementwise(np.exp, _shifted(np.atleast_1d(numbers(x)), axis)[0])
    return elementwise(np.divide, terms, sum_(terms, axis, keepdims=True))


def log_softmax(x: Any, axis: Any = None) -> Any:
    """Its logarithm."""
    shifted = _shifted(np.atleast_1d(numbers(x)), axis)[0]
    total = sum_(elementwise(np.exp, shifted), axis, keepdims=True)
    return elementwise(np.subtract, shifted, elementwise(np.log, total))


_SOFTPLUS = each(lambda a: record("softplus", a) if traced(a) else float(np.logaddexp(0.0, a)))


def softplus(x: Any, **options: Any) -> Any:
    """log(1 + exp(x))."""
    if options:
        refuse(f"f calls softplus with the keyword {next(iter(options))!r}, which cannot be traced")
    return _SOFTPLUS(x)


def multigammaln(a: Any, d: Any) -> Any:
    """log(gamma) of d dimensions: d of one, and a constant."""
    if not traced(a):
        refuse("f uses multigammaln of an array, which has no rule for tracing")
    total: Any = Literal(operator.index(d) * (d - 1) * 0.25 * math.log(math.pi))
    for j in range(d):
        total = log_gamma(a - Literal(0.5 * j)) + total
    return total


FUNCTIONS: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (logsumexp, softmax, log_softmax, softplus, multigammaln)
}
"""What functions of scipy.special that are no ufuncs do with arrays of symbols, by name."""
