"""Complex numbers of a trace: two real parts each, whose operations are written out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import FUNCTIONS, astype, holds_complex, is_mask, method
from .elementwise import is_pythons, logical_and, logical_not, logical_or, select
from .operators import COMPLEX, COMPLEXES, with_other
from .reductions import objects
from .refusals import refuse, refusing
from .symbols import RULES, Literal, Symbol, Traced, as_number, check_dtype

_NUMBERS = (Traced, Literal, int, float, complex, np.number, np.bool_)
Parts = tuple[Any, Any]
_UNRULED = "f uses a complex number where tracing has rules for real ones only"
_REAL = "f makes real numbers of complex ones; write z.real"

_hypot, _exp, _log, _sqrt, _abs = (RULES[u] for u in (np.hypot, np.exp, np.log, np.sqrt, np.absolute))
_sin, _cos, _sinh, _cosh, _atan2 = (RULES[u] for u in (np.sin, np.cos, np.sinh, np.cosh, np.arctan2))


class Complex(Traced):
    """A complex number of a trace; one of its parts may be known."""

    __slots__ = ("im", "re")
    __hash__ = None
    key = property(refusing(_UNRULED))

    def __init__(self, re: Any, im: Any) -> None:
        self.re, self.im = re, im
        self.trace = next(part.trace for part in (re, im) if isinstance(part, Traced))

    @property
    def type(self) -> np.dtype[Any]:
        return np.dtype(complex)

    @property
    def real(self) -> Any:
        return self.re

    @property
    def imag(self) -> Any:
        return self.im

    def conjugate(self) -> Any:
        return made(self.re, -self.im)

    conj = conjugate

    def _truth(self) -> Any:
        return _different(self, 0.0).key

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """Itself; of it as a real number NumPy warns."""
        return self if np.dtype(dtype).char == "D" else refuse(_REAL)

    def __pos__(self) -> Complex:
        return self


COMPLEXES.add(Complex)


def as_complex(value: Any) -> Any:
    """A number as an array of complex numbers holds it."""
    re, im = both(value)
    return value if type(value) is Complex else Complex(re, im) if isinstance(re, Traced) else complex(re, im)


_AS_COMPLEX = np.frompyfunc(as_complex, 1, 1)


def _astype(a: Any, dtype: Any, *, copy: bool = True) -> Any:
    """Of real numbers complex ones; of these no real ones, for which NumPy warns."""
    if np.dtype(dtype).char == "D" and not is_mask(a):
        return np.asarray(_AS_COMPLEX(a.view(np.ndarray)), dtype=object)
    if holds_complex(a):
        refuse(_REAL)
    return astype(a, dtype, copy=copy)


method("astype", _astype)


def _number_as(self: Traced, dtype: Any, copy: bool = True) -> Any:
    if np.dtype(dtype).char == "D":
        return as_complex(self)
    check_dtype(dtype)
    return self


Symbol.astype = _number_as  # type: ignore[method-assign]


def made(re: Any, im: Any) -> Any:
    """A complex number of two parts."""
    if isinstance(re, Traced) or isinstance(im, Traced):
        return Complex(re, im)
    return complex(re, im)


def parts(value: Any) -> Parts:
    """The real part and the imaginary one, which a real number has not."""
    if type(value) is Complex:
        return value.re, value.im
    if type(value) in COMPLEXES:
        return float(value.real), float(value.imag)
    return (value.value if type(value) is Literal else as_number(value)), None


def both(value: Any) -> Parts:
    """The same, 0 of a real number."""
    re, im = parts(value)
    return re, 0.0 if im is None else im


def _times(a: Any, b: Any) -> Any:
    """A product of real numbers; what is 0 or 1 whatever x is need not be computed, as an exponential of it."""
    for known, other in ((a, b), (b, a)):
        if type(known) in (int, float) and known in (0.0, 1.0, -1.0):
            return 0.0 if known == 0.0 else other if known == 1.0 else -other
    return a * b


def _plus(a: Any, b: Any) -> Any:
    for known, other in ((a, b), (b, a)):
        if type(known) in (int, float) and known == 0.0:
            return other
    return a + b


def _minus(a: Any, b: Any) -> Any:
    return a if type(b) in (int, float) and b == 0.0 else -b if type(a) in (int, float) and a == 0.0 else a - b


def _sum(a: Any, b: Any) -> Any:
    (p, q), (r, s) = parts(a), parts(b)
    return made(_plus(p, r), s if q is None else q if s is None else _plus(q, s))


def _negative(a: Any) -> Any:
    p, q = both(a)
    return made(-p, -q)


def _difference(a: Any, b: Any) -> Any:
    (p, q), (r, s) = parts(a), parts(b)
    return made(_minus(p, r), -s if q is None else q if s is None else _minus(q, s))


def _product(a: Any, b: Any) -> Any:
    (p, q), (r, s) = parts(a), parts(b)
    if q is None or s is None:
        factor, (re, im) = (p, (r, s)) if q is None else (r, (p, q))
        return made(_times(factor, re), _times(factor, im))
    return made(_minus(_times(p, r), _times(q, s)), _plus(_times(p, s), _times(q, r)))


def _quotient(a: Any, b: Any) -> Any:
    """Divided by the length first, whose square overflows at 1e155."""
    r, s = parts(b)
    if s is None:
        p, q = both(a)
        return made(_divided(p, r), _divided(q, r))
    if type(b) is not Complex:
        with np.errstate(all="ignore"):
            return _product(a, complex(np.divide(1.0, np.complex128(b))))
    length = _length(b)
    p, q = both(_product(a, made(r / length, -(s / length))))
    return made(_divided(p, length), _divided(q, length))


def _divided(a: Any, b: Any) -> Any:
    return 0.0 if type(a) in (int, float) and a == 0.0 else a / b


def _length(a: Any) -> Any:
    """The absolute value; one of Python's of parts that are Python's, which raises where it is 0 and divides."""
    p, q = both(a)
    if type(q) in (int, float) and q == 0.0:
        return _abs(p)
    if type(p) in (int, float) and p == 0.0:
        return _abs(q)
    found = _hypot(p, q)
    if is_pythons(p) and is_pythons(q):
        found.trace.pythons.add(found.key)
    return found


def angle(a: Any) -> Any:
    """The argument of a complex number."""
    p, q = both(a)
    return _atan2(q, p)


def _exponential(a: Any) -> Any:
    p, q = both(a)
    size = _exp(p)
    return made(_times(size, _cos(q)), _times(size, _sin(q)))


def _logarithm(a: Any) -> Any:
    return made(_log(_length(a)), angle(a))


def _scaled_logarithm(base: float) -> Callable[[Any], Any]:
    def rule(a: Any) -> Any:
        p, q = both(_logarithm(a))
        return made(p * (1.0 / math.log(base)), q * (1.0 / math.log(base)))

    return rule


def _root(a: Any) -> Any:
    """The one to the right of 0, above the cut along the negative numbers."""
    p, q = both(a)
    larger = _sqrt((_abs(p) + _length(a)) * 0.5)
    smaller = _abs(q) / (2.0 * select(larger == 0.0, 1.0, larger))
    is_left = p < 0.0
    re, im = select(is_left, smaller, larger), select(is_left, larger, smaller)
    return made(re, RULES[np.copysign](im, q))


def _power(a: Any, b: Any) -> Any:
    """Products for small integers, as NumPy and Python have it; 0 to a power that has no logarithm is left to f."""
    p, q = parts(b)
    if not isinstance(b, Traced) and not q and float(p).is_integer() and abs(p) <= _MOST_PRODUCTS:
        found = _integer_power(a, abs(int(p)))
        return _quotient(1.0, found) if p < 0 else found
    logarithm = complex(np.log(np.complex128(a))) if not isinstance(a, Traced) else _logarithm(a)
    return _exponential(_product(b, logarithm))


_MOST_PRODUCTS = 64


def _integer_power(a: Any, n: int) -> Any:
    if n == 0:
        return 1.0 + 0.0j
    half = a if n == 1 else _integer_power(a, n // 2)
    whole = half if n == 1 else _product(half, half)
    return _product(whole, a) if n % 2 and n > 1 else whole


def _sine(a: Any) -> Any:
    p, q = both(a)
    return made(_times(_sin(p), _cosh(q)), _times(_cos(p), _sinh(q)))


def _cosine(a: Any) -> Any:
    p, q = both(a)
    return made(_times(_cos(p), _cosh(q)), -_times(_sin(p), _sinh(q)))


def turned(rule: Callable[[Any], Any], back: complex) -> Callable[[Any], Any]:
    """A hyperbolic function by its trigonometric one of i a."""
    return lambda a: _product(back, rule(_product(1j, a)))


def _tangent(a: Any) -> Any:
    return _quotient(_sine(a), _cosine(a))


def _equal(a: Any, b: Any) -> Any:
    (p, q), (r, s) = both(a), both(b)
    return logical_and(RULES[np.equal](p, r), RULES[np.equal](q, s))


def _different(a: Any, b: Any) -> Any:
    return logical_not(_equal(a, b))


def _either(name: str) -> Callable[[Any], Any]:
    return lambda a: logical_or(*map(RULES[getattr(np, name)], both(a)))


def _finite(a: Any) -> Any:
    return logical_and(*map(RULES[np.isfinite], both(a)))


def _chosen(mask: Any, a: Any, b: Any) -> Any:
    (p, q), (r, s) = both(a), both(b)
    return made(select(mask, p, r), select(mask, q, s))


COMPLEX.update({
    "+": _sum, "-": _difference, "*": _product, "/": _quotient, "neg": _negative, "abs": _length, "pow": _power,
    "exp": _exponential, "log": _logarithm, "log2": _scaled_logarithm(2.0), "log10": _scaled_logarithm(10.0),
    "sqrt": _root, "sin": _sine, "cos": _cosine, "tan": _tangent, "sinh": turned(_sine, -1j),
    "cosh": turned(_cosine, 1.0), "tanh": turned(_tangent, -1j), "eq": _equal, "ne": _different,
    "isnan": _either("isnan"), "isinf": _either("isinf"), "isfinite": _finite, "select": _chosen,
})  # fmt: skip


def _operator(name: str, swap: bool = False) -> Any:
    def method(self: Complex, other: Any) -> Any:
        if isinstance(other, _NUMBERS):
            return COMPLEX[name](other, self) if swap else COMPLEX[name](self, other)
        return with_other(name, self, other, swap)

    return method


for _method, _name in (("add", "+"), ("sub", "-"), ("mul", "*"), ("truediv", "/"), ("pow", "pow")):
    setattr(Complex, f"__{_method}__", _operator(_name))
    setattr(Complex, f"__r{_method}__", _operator(_name, swap=True))
for _method, _name in (("eq", "eq"), ("ne", "ne")):
    setattr(Complex, f"__{_method}__", _operator(_name))
for _method, _rule in (("neg", _negative), ("abs", _length)):
    setattr(Complex, f"__{_method}__", lambda self, rule=_rule: rule(self))
for _ufunc in (np.add, np.subtract, np.multiply, np.divide, np.negative, np.absolute, np.sqrt, np.exp, np.log):
    setattr(Complex, _ufunc.__name__, lambda *values, ufunc=_ufunc: RULES[ufunc](*values))

_ANGLE = np.frompyfunc(angle, 1, 1)


def _angles(z: Any, deg: Any = False) -> Any:
    found = _ANGLE(objects(z))
    return found * (180.0 / math.pi) if deg else found


FUNCTIONS[np.angle] = _angles
