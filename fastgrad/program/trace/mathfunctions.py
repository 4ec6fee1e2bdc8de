"""Rules for tracing the functions of the module math."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from operator import index
from types import BuiltinFunctionType, SimpleNamespace
from typing import Any

import numpy as np

from .arrays import Symbols, call_function
from .elementwise import record, select, traced
from .refusals import refuse
from .symbols import RULES, Literal, Traced
from .truths import as_truth

_UFUNCS = {
    **{
        name: name
        for name in [
            "sqrt",
            "exp",
            "exp2",
            "expm1",
            "log1p",
            "log2",
            "log10",
            "cbrt",
            "sin",
            "cos",
            "tan",
            "sinh",
            "cosh",
            "tanh",
            "hypot",
            "fmod",
        ]
    },
    **{
        name: name
        for name in ["floor", "ceil", "trunc", "fabs", "copysign", "degrees", "radians", "isnan", "isinf", "isfinite"]
    },
    **{f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")},
    "pow": "power",
}


def _shim(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of math that records itself for symbols."""
    rule = _RULES.get(name)

    def call(*args: Any, **options: Any) -> Any:
        if not (any(map(_holds_symbols, args)) or traced(*options.values())):
            return function(*args, **options)
        if any(isinstance(arg, np.ndarray) for arg in args) and name not in _OF_SEQUENCES:
            refuse(f"math.{name} takes a number, f gives it an array; write np.{name}")
        if rule is None:
            refuse(f"f uses math.{name}, which has no rule for tracing")
        return guarded(name, rule(*args, **options))

    return call


def guarded(name: str, result: Any) -> Any:
    """A result, one of Python's; noted where math would raise: for a number outside the domain or an overflow."""
    if isinstance(result, Traced):
        if name in ("floor", "ceil", "trunc"):  # integers, whose 0 has no sign
            result = RULES[np.add](result, Literal(0.0))
        if result.key[0] == "v":
            result.trace.pythons.add(result.key)
            if name in ("floor", "ceil", "trunc"):
                result.trace.count(result.key)
        if name not in _NEVER_RAISING:
            result.trace.guards.append(result.key)
    return result


def _holds_symbols(arg: Any) -> bool:
    return isinstance(arg, Symbols) or traced(arg) or (isinstance(arg, (list, tuple)) and traced(*arg))


def _log(a: Any, base: Any = None, /) -> Any:
    logarithm = RULES[np.log](a)
    if base is None:
        return logarithm
    return guarded("log", logarithm) / guarded("log", RULES[np.log](base))


def _hypot(*parts: Any) -> Any:
    if len(parts) == 2:
        return RULES[np.hypot](*parts)
    return RULES[np.sqrt](
        call_function(np.sum, (np.array([part * part for part in parts], dtype=object).view(Symbols),), {})
    )


def _of_integers(name: str) -> Callable[..., int]:
    """A function of math that takes integers: which ones is decided."""
    return lambda *values: getattr(math, name)(*map(index, values))


def _fsum(parts: Any, /) -> Any:
    """The sum, and that of what its roundings leave out: Knuth's TwoSum."""
    total, left = 0.0, 0.0
    for part in parts:
        before, total = total, total + part
        added = total - before
        left = left + ((before - (total - added)) + (part - added))
    return total + left


def _dist(p: Any, q: Any, /) -> Any:
    return _hypot(*(a - b for a, b in zip(p, q, strict=True)))


def _prod(parts: Any, /, *, start: Any = 1) -> Any:
    for part in parts:
        start = start * part
    return start


def _modf(a: Any, /) -> tuple[Any, Any]:
    """The part behind the point, of an infinity 0, and the number before it."""
    whole = RULES[np.trunc](a)
    part = select(RULES[np.isinf](a), RULES[np.copysign](0.0, a), a - whole)
    return guarded("fabs", part), guarded("fabs", whole)


def _ldexp(a: Any, i: Any, /) -> Any:
    if traced(i):
        refuse("f calls math.ldexp with a traced exponent; write a * 2.0**exponent")
    return a * 2.0**i


def _remainder(a: Any, b: Any, /) -> Any:
    """What is left of a beside the nearest multiple of b, of two the even one; all steps are exact."""
    size, half = RULES[np.absolute](b), RULES[np.fmod](a, b)
    left = RULES[np.absolute](half)
    beyond = RULES[np.subtract](size, left)  # left > beyond: more than a half
    is_odd = RULES[np.not_equal](RULES[np.fmod](RULES[np.rint](RULES[np.divide](a - half, b)), 2.0), 0.0)
    over = RULES[np.logical_or](left > beyond, RULES[np.logical_and](RULES[np.equal](left, beyond), is_odd))
    less = RULES[np.subtract](half, RULES[np.copysign](size, half))
    return select(RULES[np.isinf](b), a, select(over, less, half))


def _isclose(a: Any, b: Any, *, rel_tol: Any = 1e-09, abs_tol: Any = 0.0) -> Any:
    """By the larger of both numbers, and not as NumPy's; infinities are close to themselves."""
    larger = RULES[np.maximum](RULES[np.absolute](a), RULES[np.absolute](b))
    apart = RULES[np.absolute](RULES[np.subtract](a, b))
    close = RULES[np.less_equal](apart, RULES[np.maximum](RULES[np.multiply](rel_tol, larger), abs_tol))
    usual = RULES[np.logical_and](close, RULES[np.isfinite](larger))
    return as_truth(RULES[np.logical_or](RULES[np.equal](a, b), usual))


_NEVER_RAISING = {
    "atan", "atan2", "asinh", "tanh", "fabs", "copysign", "degrees", "radians", "isnan", "isinf", "isfinite", "cbrt",
    "dist", "prod", "erf", "erfc", "isclose",
}  # fmt: skip
_RECORDED = {"erf": "erf", "erfc": "erfc", "gamma": "tgamma", "lgamma": "lgamma"}
_OF_SEQUENCES = {"fsum", "dist", "prod"}
_RULES: dict[str, Callable[..., Any]] = {
    **{name: _of_integers(name) for name in ("comb", "factorial", "gcd", "isqrt", "lcm", "perm")},
    **{name: RULES[getattr(np, ufunc)] for name, ufunc in _UFUNCS.items()},
    **{name: partial(record, node) for name, node in _RECORDED.items()},
    "log": _log,
    "hypot": _hypot,
    "fsum": _fsum,
    "dist": _dist,
    "prod": _prod,
    "modf": _modf,
    "ldexp": _ldexp,
    "isclose": _isclose,
    "remainder": _remainder,
}
SHIMS: dict[str, Any] = {
    name: _shim(name, value) if isinstance(value, BuiltinFunctionType) else value
    for name, value in vars(math).items()
    if not name.startswith("__")
}
"""What a traced function gets instead of the functions of math."""
SHIM_MODULE = SimpleNamespace(**SHIMS)
