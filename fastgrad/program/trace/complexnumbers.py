"""Complex numbers of a trace: two real parts each, whose operations are written out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import FUNCTIONS
from .elementwise import as_pythons, ask_where, guard, is_pythons, logical_and, logical_not, logical_or, select
from .operators import COMPLEX, COMPLEXES, with_other
from .reductions import objects
from .refusals import refuse, refusing
from .symbols import RULES, Literal, Symbol, Traced, as_number

_NUMBERS = (Traced, Literal, int, float, complex, np.number, np.bool_)
Parts = tuple[Any, Any]
_UNRULED = "f uses a complex number where tracing has rules for real ones only"
OF_COMPLEX = "f makes real numbers of complex ones; write z.real"

_hypot, _exp, _log, _sqrt, _abs = (RULES[u] for u in (np.hypot, np.exp, np.log, np.sqrt, np.absolute))
_sin, _cos, _sinh, _cosh, _atan2 = (RULES[u] for u in (np.sin, np.cos, np.sinh, np.cosh, np.arctan2))


class Complex(Traced):
    """A complex number of a trace; one of its parts may be known."""

    __slots__ = ("im", "re")
    __hash__ = None  # type: ignore[assignment]
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
        return self if np.dtype(dtype).char == "D" else refuse(OF_COMPLEX)

    def __pos__(self) -> Complex:
        return self


COMPLEXES.add(Complex)


def as_complex(value: Any) -> Any:
    """A number as an array of complex numbers holds it."""
    re, im = both(value)
    return value if type(value) is Complex else Complex(re, im) if isinstance(re, Traced) else complex(re, im)


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


class Zero(float):
    """A 0 whose sign depends on x, and so does that of its negative."""

    def __neg__(self) -> Zero:
        return self


_KNOWN = (int, float, Zero)


def _is_zero(value: Any) -> bool:
    return type(value) in _KNOWN and value == 0.0


def _times(a: Any, b: Any) -> Any:
    """A product of real numbers; what is 0 or 1 whatever x is need not be computed, as an exponential of it."""
    for known, other in ((a, b), (b, a)):
        if type(known) in _KNOWN and isinstance(other, Traced) and known in (0.0, 1.0, -1.0):
            return Zero() if known == 0.0 else other if known == 1.0 else RULES[np.negative](other)
    return _signed(a * b, Zero in (type(a), type(b)))


def _signed(value: Any, depends: bool) -> Any:
    return Zero() if depends and value == 0.0 else value


def _plus(a: Any, b: Any) -> Any:
    """Of two zeros 0, if one of them is; the sign of another one may depend on x."""
    for known, other in ((a, b), (b, a)):
        if _is_zero(known) and isinstance(other, Traced):
            return other
    if isinstance(a, Traced) or isinstance(b, Traced):
        return a + b
    return _signed(a + b, Zero in (type(a), type(b)) and not any(map(_is_positive_zero, (a, b))))


def _minus(a: Any, b: Any) -> Any:
    if isinstance(a, Traced) or isinstance(b, Traced):
        return a if _is_zero(b) else float(a) - b if type(a) in _KNOWN else a - b
    return _signed(a - b, Zero in (type(a), type(b)) and not _is_positive_zero(a))


def _is_positive_zero(value: Any) -> bool:
    return type(value) in (int, float) and value == 0.0 and math.copysign(1.0, value) > 0.0


def _sum(a: Any, b: Any) -> Any:
    (p, q), (r, s) = parts(a), parts(b)
    return made(_plus(p, r), _plus(0.0 if q is None else q, 0.0 if s is None else s))


def _negative(a: Any) -> Any:
    p, q = both(a)
    return made(-p, -q)


def _difference(a: Any, b: Any) -> Any:
    (p, q), (r, s) = parts(a), parts(b)
    return made(_minus(p, r), _minus(0.0 if q is None else q, 0.0 if s is None else s))


def _product(a: Any, b: Any) -> Any:
    (p, q), (r, s) = parts(a), parts(b)
    if q is None or s is None:
        factor, (re, im) = (p, (r, s)) if q is None else (r, (p, both(a)[1]))
        return made(_beside_zero(_times(factor, re), -1.0, im), _beside_zero(_times(factor, im), 1.0, re))
    return made(_minus(_times(p, r), _times(q, s)), _plus(_times(p, s), _times(q, r)))


def _beside_zero(product: Any, sign: float, other: Any) -> Any:
    """A product to which that of the other part with the 0 that a real number has is added, where its sign counts."""
    if type(product) is Zero and type(other) in (int, float):
        return _plus(product, sign * (0.0 * other))
    return product


def _quotient(a: Any, b: Any) -> Any:
    """Divided by the length first, whose square overflows at 1e155."""
    r, s = parts(b)
    if s is None:
        p, q = both(a)
        return _noted(made(_divided(p, r), _divided(q, r)), a, b)
    if type(b) is not Complex:
        with np.errstate(all="ignore"):
            return _product(a, complex(np.divide(1.0, np.complex128(b))))
    length = _length(b)
    p, q = both(_product(a, made(r / length, -(s / length))))
    return _noted(made(_divided(p, length), _divided(q, length)), a, b)


def _noted(found: Any, *operands: Any) -> Any:
    """What is made of Python's numbers: where it is not finite Python raises, as at a division by 0."""
    own = all(is_pythons(part) or type(part) is Zero for operand in operands for part in both(operand))
    return of_pythons(found) if own else found


def of_pythons(found: Any) -> Any:
    """What Python's own functions give: its parts are Python's, and finite."""
    for part in (found.real, found.imag) if isinstance(found, Traced) else ():
        if isinstance(part, Symbol):
            guard(as_pythons(part))
    return found


def _divided(a: Any, b: Any) -> Any:
    return Zero() if _is_zero(a) and isinstance(b, Traced) else a / b


def _length(a: Any) -> Any:
    """The absolute value; one of Python's of parts that are Python's, which raises where it is 0 and divides."""
    p, q = both(a)
    if _is_zero(q) or _is_zero(p):
        return _noted(_abs(p if _is_zero(q) else q), a)
    return _noted(_hypot(p, q), a)


def angle(a: Any) -> Any:
    """The argument of a complex number."""
    p, q = both(a)
    return argument(q, p)


def argument(y: Any, x: Any) -> Any:
    """The angle of a point; of one on the cut, on whose side the sign of a 0 decides, f itself is asked."""
    ask_on_cut(y, x)
    if not _is_positive_zero(x):
        ask_where(logical_and(RULES[np.equal](y, 0.0), RULES[np.equal](x, 0.0)))
    return _atan2(y, x)


def ask_on_cut(y: Any, x: Any) -> None:
    """f itself is asked where x is below 0 and y is 0, whose sign a trace does not always have; a known one it has."""
    is_left, is_there = RULES[np.less](x, 0.0), isinstance(y, Traced) or type(y) is Zero
    if is_there and (is_left is True or isinstance(is_left, Traced)):
        ask_where(logical_and(RULES[np.equal](y, 0.0), is_left))


def _exponential(a: Any) -> Any:
    p, q = both(a)
    size = _exp(p)
    return made(_times(size, _cos(q)), _times(size, _sin(q)))


def _logarithm(a: Any) -> Any:
    return made(_log(_length(a)), angle(a))


def _finite_logarithm(a: Any) -> Any:
    """Of 0 f itself is asked: a power of it may be 0."""
    found = _logarithm(a)
    guard(found.real)
    return found


def _scaled_logarithm(base: float) -> Callable[[Any], Any]:
    def rule(a: Any) -> Any:
        p, q = both(_logarithm(a))
        return made(p * (1.0 / math.log(base)), q * (1.0 / math.log(base)))

    return rule


def _root(a: Any) -> Any:
    """The one to the right of 0; choices instead of sizes, so that what is smooth has its slope on the axes too."""
    p, q = both(a)
    ask_on_cut(q, p)
    is_left = RULES[np.less](p, 0.0)
    larger = _sqrt((select(is_left, -p, p) + _length(a)) * 0.5)
    other = q / (2.0 * select(RULES[np.equal](larger, 0.0), 1.0, larger))
    return made(select(is_left, _abs(other), larger), select(is_left, RULES[np.copysign](larger, q), other))


def _power(a: Any, b: Any) -> Any:
    """Products for small integers, as NumPy and Python have it; 0 to a power that has no logarithm is left to f."""
    p, q = parts(b)
    if not isinstance(b, Traced) and not q and float(p).is_integer() and abs(p) <= _MOST_PRODUCTS:
        found = _integer_power(a, abs(int(p)))
        return _quotient(1.0, found) if p < 0 else _noted(found, a)
    with np.errstate(all="ignore"):
        known = None if isinstance(a, Traced) else complex(np.log(np.complex128(a)))
    return _noted(_exponential(_product(b, _finite_logarithm(a) if known is None else known)), a, b)


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
    """A hyperbolic function by its trigonometric one of i a, or the other way round."""
    return lambda a: _product(back, rule(_product(1j, a)))


def _hyperbolic_tangent(a: Any) -> Any:
    """By 1 / cosh of the real part, which becomes 0 where cosh overflows."""
    p, q = both(a)
    e = _exp(-select(RULES[np.less](p, 0.0), -p, p))
    inverse, t = 2.0 * e / (1.0 + e * e), RULES[np.tanh](p)
    c, s = _cos(q), _sin(q)
    below = c * c + t * t * (s * s)
    return made(t / below, inverse * inverse * (s * c) / below)


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
    "sqrt": _root, "sin": _sine, "cos": _cosine, "sinh": turned(_sine, -1j), "cosh": turned(_cosine, 1.0),
    "tan": turned(_hyperbolic_tangent, -1j), "tanh": _hyperbolic_tangent, "eq": _equal, "ne": _different,
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
