"""Rules for tracing elementwise functions of single numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import LOOPS
from .narrowtypes import is_narrow
from .operators import COMPLEX, COMPLEXES, any_complex
from .refusals import refuse
from .symbols import RULES, Flag, Literal, Symbol, Traced, as_number

LARGEST_POWER = 64
"""Integer powers up to this one are products."""

_UNARY = {
    "sqrt": "sqrt", "fabs": "abs", "absolute": "abs", "negative": "neg", "floor": "floor", "ceil": "ceil",
    "trunc": "trunc", "rint": "rint", "sign": "sign", "sin": "sin", "cos": "cos", "tan": "tan", "arcsin": "asin",
    "arccos": "acos", "arctan": "atan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "arcsinh": "asinh",
    "arccosh": "acosh", "arctanh": "atanh", "exp": "exp", "exp2": "exp2", "expm1": "expm1", "log": "log",
    "log2": "log2", "log10": "log10", "log1p": "log1p", "cbrt": "cbrt", "isnan": "isnan", "isinf": "isinf",
    "isfinite": "isfinite",
}  # fmt: skip
_BINARY = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "minimum": "min", "maximum": "max", "fmin": "fmin",
    "fmax": "fmax", "copysign": "copysign", "arctan2": "atan2", "hypot": "hypot", "remainder": "mod", "fmod": "fmod",
    "floor_divide": "floordiv", "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge",
    "equal": "eq", "not_equal": "ne",
}  # fmt: skip


_OF_INTEGERS = {"remainder", "fmod", "floor_divide"}
"""Functions of a mask and an integer that NumPy computes in integers."""


def traced(*values: Any) -> bool:
    """Whether one of the values is a symbol or a mask."""
    return any([isinstance(value, Traced) for value in values])  # noqa: C419  half the time


def is_pythons(value: Any) -> bool:
    """Whether a number is one of Python's, whose division by 0 raises."""
    return value.key in value.trace.pythons if isinstance(value, Symbol) else type(value) in (int, float)


def as_pythons(value: Any) -> Any:
    """A value that is one of Python's, as what one of its functions gives."""
    if isinstance(value, Traced):
        value.trace.pythons.add(value.key)
    return value


def guard(*values: Any) -> None:
    """f itself is asked where one of these numbers, or a part of it, is not finite."""
    for value in values:
        for part in (value.real, value.imag) if isinstance(value, Traced) else ():
            if isinstance(part, Traced):
                part.trace.guards.append(part.key)


def ask_where(condition: Any) -> None:
    """f itself is asked where a condition holds."""
    guard(select(condition, math.nan, 0.0))


def record(name: str, *values: Any) -> Any:
    """Append a node with numbers for operands."""
    trace = next(value.trace for value in values if isinstance(value, Traced))
    operands = [trace.operand(value) for value in values]
    return _of_others(name, operands, values) if None in operands else trace.node(name, *operands)


def _of_others(name: str, operands: list[Any], values: tuple[Any, ...]) -> Any:
    """The operation by its rule for complex numbers; refused for anything else that is no number."""
    if any_complex(values) and name in COMPLEX:
        return COMPLEX[name](*values)
    odd = values[operands.index(None)]
    if type(odd) in COMPLEXES:
        return refuse(f"f computes with complex numbers, for which {name} has no rule for tracing")
    return refuse(f"f combines its argument with a {type(odd).__name__}")


def _known(ufunc: np.ufunc, values: tuple[Any, ...]) -> Any:
    """The result for plain numbers; as Python's type, in which arrays of objects hold all but narrow ones."""
    result = ufunc(*values)
    return tuple(map(_as_pythons, result)) if isinstance(result, tuple) else _as_pythons(result)


def _as_pythons(value: Any) -> Any:
    return value if is_narrow(value.dtype) else value.item()


def _register(ufunc: np.ufunc, rule: Callable[..., Any]) -> None:
    """Use a rule where a value is traced, the function itself where none is."""

    def apply(*values: Any) -> Any:
        return rule(*values) if traced(*values) else _known(ufunc, values)

    RULES[ufunc] = apply
    LOOPS[ufunc] = np.frompyfunc(apply, ufunc.nin, ufunc.nout)
    if ufunc.nin <= 2:  # NumPy's loops over objects call the method of the function's name
        setattr(Symbol, ufunc.__name__, apply)


def _ruled(*ufuncs: np.ufunc) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(rule: Callable[..., Any]) -> Callable[..., Any]:
        for ufunc in ufuncs:
            _register(ufunc, rule)
        return rule

    return register


def _no_masks(name: str, *values: Any) -> None:
    """Functions of bools have other types in NumPy (half precision, logical or)."""
    if all(isinstance(value, (Flag, bool, np.bool_)) for value in values):
        refuse(f"f takes np.{name} of comparisons; write np.where(mask, 1.0, 0.0), & or |")


def _plain_rule(ufunc: str, name: str) -> Callable[..., Any]:
    def rule(*values: Any) -> Any:
        if any(isinstance(value, Flag) for value in values):
            if name in ("eq", "ne") and all(isinstance(value, (Flag, bool, np.bool_)) for value in values):
                differ = logical_xor(*values)
                return logical_not(differ) if name == "eq" else differ
            _no_masks(ufunc, *(v for v in values if isinstance(v, Flag) or ufunc not in _OF_INTEGERS))
        return record(name, *values)

    return rule


for _ufunc, _name in {**_UNARY, **_BINARY}.items():
    _register(getattr(np, _ufunc), _plain_rule(_ufunc, _name))
for _function in (np.add, np.subtract, np.multiply, np.negative):
    LOOPS[_function] = _function  # their loops over objects call the operators, which is faster
LOOPS[np.square] = np.square


@_ruled(np.square)
def _square(a: Any) -> Any:
    return a * a


@_ruled(np.reciprocal)
def _reciprocal(a: Any) -> Any:
    _no_masks("reciprocal", a)
    if type(a) is Symbol and a.key in a.trace.whole:
        refuse("f takes np.reciprocal of an integer, which is one too; write 1 / a")
    return _inverse(a)


def _inverse(a: Any) -> Any:
    return record("/", Literal(1.0), a)


@_ruled(np.positive)
def _same(a: Any) -> Any:
    _no_masks("positive", a)
    return a


@_ruled(np.conjugate)
def _conjugate(a: Any) -> Any:
    _no_masks("conjugate", a)
    return a.conj()


@_ruled(np.divmod)
def _divmod(a: Any, b: Any) -> Any:
    return RULES[np.floor_divide](a, b), RULES[np.remainder](a, b)


@_ruled(np.power, np.float_power)
def power(a: Any, b: Any) -> Any:
    """Powers; a constant exponent is part of the structure."""
    if type(a) is not Symbol:
        _no_masks("power", a)
    if isinstance(b, Traced) or type(b) in COMPLEXES:
        return record("pow", a, b)
    if not np.isscalar(b):
        refuse(f"f takes a power with the exponent {b!r}")
    p = float(b)  # type: ignore[arg-type]
    if p.is_integer() and abs(p) <= LARGEST_POWER:
        return _of_pythons(a, _integer_power(a, int(p))) if abs(p) > 1 else _integer_power(a, int(p))
    if p == 0.5 and type(a) is Symbol:  # unlike sqrt, pow is 0.0 at -0.0
        return _of_pythons(a, RULES[np.sqrt](a + Literal(0.0)))
    return record("pow", a, Literal(p))


def _of_pythons(a: Any, found: Any) -> Any:
    """A power, which of one of Python's numbers raises where it overflows, and is complex where it is none."""
    if type(a) is Symbol and type(found) is Symbol and (is_pythons(a) or (a.trace.unpacked and a.key[0] in "xb")):
        found.trace.guards.append(as_pythons(found).key)
    return found


def _powers(a: Any, b: Any) -> Any:
    """Powers of arrays. Squares of symbols alone are a product of arrays, in a third of the time."""
    if type(b) in (int, float) and b == 2 and set(map(type, a.ravel().tolist())) == {Symbol}:
        return a * a
    return _powers_one_by_one(a, b)


_powers_one_by_one, LOOPS[np.power] = LOOPS[np.power], _powers


def _integer_power(a: Any, n: int) -> Any:
    """Products by repeated squaring."""
    if n < 0:
        return _inverse(_integer_power(a, -n))
    if n == 0:
        return 1.0
    half = a if n == 1 else _integer_power(a, n // 2)
    return half if n == 1 else half * half * a if n % 2 else half * half


def select(mask: Any, a: Any, b: Any) -> Any:
    """One element of np.where."""
    if not isinstance(mask, Traced):
        return a if as_mask(mask) else b
    if all(isinstance(value, (Flag, bool, np.bool_)) for value in (a, b)):
        return logical_or(logical_and(mask, a), logical_and(logical_not(mask), b))
    trace = mask.trace
    operands = [trace.operand(value) for value in (a, b)]
    if None in operands:
        return (
            COMPLEX["select"](mask, a, b) if any_complex((a, b)) else refuse("np.where with values that are no numbers")
        )
    return trace.node("select", as_mask(mask).key, *operands)


def as_mask(value: Any) -> Any:
    """The truth of a number."""
    if isinstance(value, Flag):
        value.trace.operand(value)  # refuses masks of another trace
        return value
    if type(value) is int and value in (~True, ~False):  # in an array of NumPy's bools it would be not value
        refuse("f applies ~ to an array of comparisons in which some are known; write np.logical_not")
    return record("ne", value, Literal(0.0)) if isinstance(value, Traced) else bool(value)


def _logic(name: str, absorbing: bool) -> Callable[[Any, Any], Any]:
    """and, or; known masks never reach the program."""

    def rule(a: Any, b: Any) -> Any:
        a, b = as_mask(a), as_mask(b)
        for known, other in ((a, b), (b, a)):
            if isinstance(known, bool):
                return known if known is absorbing else other
        return a.trace.node(name, a.key, b.key)

    return rule


logical_and, logical_or = _logic("and", absorbing=False), _logic("or", absorbing=True)


def logical_not(a: Any) -> Any:
    a = as_mask(a)
    return not a if isinstance(a, bool) else a.trace.node("not", a.key)


def logical_xor(a: Any, b: Any) -> Any:
    a, b = as_mask(a), as_mask(b)
    for known, other in ((a, b), (b, a)):
        if isinstance(known, bool):
            return logical_not(other) if known else other
    return a.trace.node("xor", a.key, b.key)


def _bitwise(rule: Callable[..., Any]) -> Callable[..., Any]:
    def checked(*values: Any) -> Any:
        if not all(isinstance(value, (Flag, bool, np.bool_)) for value in values):
            refuse("f applies & | ^ or ~ to numbers; compare them first")
        return rule(*values)

    return checked


_ruled(np.logical_and)(logical_and)
_ruled(np.logical_or)(logical_or)
_ruled(np.logical_xor)(logical_xor)
_ruled(np.logical_not)(logical_not)
_ruled(np.bitwise_and)(_bitwise(logical_and))
_ruled(np.bitwise_or)(_bitwise(logical_or))
_ruled(np.bitwise_xor)(_bitwise(logical_xor))
_ruled(np.invert)(_bitwise(logical_not))


@_ruled(np.signbit)
def _signbit(a: Any) -> Any:
    return record("copysign", Literal(1.0), a) < Literal(0.0)


@_ruled(np.heaviside)
def _heaviside(a: Any, at_zero: Any) -> Any:
    a = as_number(a) + Literal(0.0) if traced(a) else a
    at = RULES[np.equal](a, 0.0)
    return select(at, at_zero, select(RULES[np.greater](a, 0.0), 1.0, select(RULES[np.less](a, 0.0), 0.0, a)))


def _log_sum(exp: np.ufunc, log1p: Callable[[Any], Any], unit: float) -> Callable[[Any, Any], Any]:
    """Logarithm of a sum of two powers, of whose base the logarithm is `unit`; equal infinite arguments apart.

    Near each other, where a larger one has a kink, the mean and half the difference have all derivatives.
    """

    def rule(a: Any, b: Any) -> Any:
        larger, apart = RULES[np.maximum](a, b), a - b
        rest = log1p(RULES[exp](-abs(apart)))
        far = select(RULES[np.equal](a, b), larger + Literal(math.log(2) / unit), larger + rest)
        is_near = RULES[np.less](abs(apart), 1.0)
        half = select(is_near, apart * Literal(unit / 2), 0.0)
        near = 0.5 * a + 0.5 * b + RULES[np.log](2.0 * RULES[np.cosh](half)) * Literal(1 / unit)
        return select(is_near, near, far)

    return rule


_logaddexp = _log_sum(np.exp, RULES[np.log1p], 1.0)


@_ruled(np.logaddexp)
def _log_sum_of_two(a: Any, b: Any) -> Any:
    """Beside 0, as losses have it, one operation of which nearly all is known."""
    if not traced(a) and a == 0.0:
        return record("softplus", b)
    return record("softplus", a) if not traced(b) and b == 0.0 else _logaddexp(a, b)


_register(np.logaddexp2, _log_sum(np.exp2, lambda v: RULES[np.log1p](v) * Literal(1 / math.log(2)), math.log(2)))


def _scaling(factor: float) -> Callable[[Any], Any]:
    def rule(a: Any) -> Any:
        _no_masks("radians", a)
        return a * Literal(factor)

    return rule


_ruled(np.deg2rad, np.radians)(_scaling(math.pi / 180))
_ruled(np.rad2deg, np.degrees)(_scaling(180 / math.pi))


def sinc(a: Any) -> Any:
    """One element of np.sinc; near 0 a series, as the quotient's derivative has no digits left there."""
    y = a * Literal(math.pi)
    square, near = y * y, Literal(0.0)
    for n in range(9, -1, -1):
        near = near * square + Literal((-1.0) ** n / math.factorial(2 * n + 1))
    is_near = RULES[np.less](abs(y), 1.0)
    y = select(is_near, 1.0, y)
    return select(is_near, near, RULES[np.sin](y) / y)


@_ruled(np.modf)
def _modf(a: Any) -> Any:
    rest = select(RULES[np.isinf](a), record("copysign", Literal(0.0), a), RULES[np.fmod](a, 1.0))
    return rest, record("trunc", a)


@_ruled(np.ldexp)
def _ldexp(a: Any, exponent: Any) -> Any:
    if isinstance(exponent, Traced):
        refuse("f takes np.ldexp with a traced exponent; write a * 2.0**exponent")
    return a * Literal(math.ldexp(1.0, int(exponent)))
