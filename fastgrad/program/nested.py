"""Functions of fastgrad's own that f calls to take a derivative itself."""

from __future__ import annotations

import sys
from types import FunctionType, ModuleType
from typing import Any

from .captures import home

PACKAGE = __package__.partition(".")[0]

OPERATIONS = frozenset({
    "derivative", "gradient", "value_and_gradient", "jacobian", "hessian", "hessian_diagonal", "jvp", "hvp", "vjp",
})  # fmt: skip
"""Called as ``gradient(f, x)``."""

GIVING = {
    "grad": ("gradient", 0), "value_and_grad": ("value_and_gradient", 0), "jac": ("jacobian", 0),
    "hess": ("hessian", 0), "hessp": ("hvp", 1),
}  # fmt: skip
"""What gives a function of x, the operation that this one does, and how many vectors it takes behind x."""


def is_package(value: Any) -> bool:
    """Whether it is fastgrad itself, or a module of it."""
    return type(value) is ModuleType and value.__name__.partition(".")[0] == PACKAGE


def content_of_own(value: Any) -> Any:
    """What tells an object of fastgrad's own that does not change from others; None of anything else."""
    return value.content if home(type(value)) == f"{PACKAGE}.transforms.trees" else None


def name_of_derivative(value: Any) -> str | None:
    """The name of one of these functions; None of anything else."""
    if type(value) is not FunctionType or (value.__name__ not in OPERATIONS and value.__name__ not in GIVING):
        return None
    place = home(value)
    own = place.partition(".")[0] == PACKAGE and vars(sys.modules[place]).get(value.__name__) is value
    return value.__name__ if own else None


def gives_derivatives(value: Any) -> bool:
    """Whether it is what `grad` and its like return."""
    return home(type(value)) == f"{PACKAGE}.transforms.derivative" and value.operation.__name__ in OPERATIONS
