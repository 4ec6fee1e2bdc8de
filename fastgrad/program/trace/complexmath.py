"""Rules for tracing the functions of the module cmath, and Python's complex."""

from __future__ import annotations

import cmath
from collections.abc import Callable
from types import BuiltinFunctionType, SimpleNamespace
from typing import Any

import numpy as np

from . import complexinverses  # noqa: F401  # it fills the table of rules
from .complexnumbers import Complex, angle, as_complex, both, made, of_pythons
from .elementwise import as_pythons, traced
from .numpymodule import StandIn
from .operators import COMPLEX
from .refusals import refuse
from .symbols import RULES, Traced, as_number


def _shim(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of cmath that records itself for symbols; where it would raise the trace is not finite."""
    rule = _RULES.get(name)

    def call(*args: Any, **options: Any) -> Any:
        if not traced(*args, *options.values()):
            return function(*args, **options)
        if rule is None:
            refuse(f"f uses cmath.{name}, which has no rule for tracing")
        return _each_of_pythons(rule(*args, **options))

    return call


def _each_of_pythons(value: Any) -> Any:
    return tuple(map(of_pythons, value)) if type(value) is tuple else of_pythons(value)


def _logarithm(z: Any, base: Any = None, /) -> Any:
    found = COMPLEX["log"](z)
    return found if base is None else COMPLEX["/"](found, COMPLEX["log"](base) if traced(base) else cmath.log(base))


def _rect(r: Any, phi: Any, /) -> Any:
    return made(r * RULES[np.cos](phi), r * RULES[np.sin](phi))


_RULES: dict[str, Callable[..., Any]] = {
    **{name: COMPLEX[name] for name in ("exp", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{name: COMPLEX[name] for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh")},
    **{name: COMPLEX[name] for name in ("isnan", "isinf", "isfinite")},
    "log": _logarithm, "phase": angle, "polar": lambda z: (COMPLEX["abs"](z), angle(z)), "rect": _rect,
}  # fmt: skip
SHIMS: dict[str, Any] = {
    name: _shim(name, value) if isinstance(value, BuiltinFunctionType) else value
    for name, value in vars(cmath).items()
    if not name.startswith("__")
}
"""What a traced function gets instead of the functions of cmath."""
SHIM_MODULE = SimpleNamespace(**SHIMS)


class PythonsComplex(complex, metaclass=StandIn):
    """complex."""

    __module__ = "builtins"  # as it says itself
    own = complex
    dtype = np.dtype(complex)  # NumPy asks a class that it does not know

    def __new__(cls, real: Any = 0.0, imag: Any = 0.0) -> Any:
        if not isinstance(real, Traced) and not isinstance(imag, Traced):
            return complex(real, imag) if imag else complex(real)
        whole = COMPLEX["+"](real, COMPLEX["*"](1j, imag)) if Complex in (type(real), type(imag)) else None
        made_of = Complex(as_number(real), as_number(imag)) if whole is None else as_complex(whole)
        for part in both(made_of):
            as_pythons(part)
        return made_of
