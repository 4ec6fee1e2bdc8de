"""Numerical gradients by central differences, as fast as the machine allows.

The book's names (`numerical_diff`, `numerical_gradient`, `numerical_gradient_2d`, `gradient_descent`, `tangent_line`)
are drop-ins. The modern ones (`gradient`, `value_and_gradient`, `derivative`, `gradient_field`, `jacobian`, `hessian`,
the products `jvp`, `vjp`, `hvp`, the functions of functions `grad`, `value_and_grad`, `jac`, `hess`, and `propagate`)
never change their input, choose the step by precision, and compile the function where that pays; `explain` says what
they do.
"""

from . import compiled as compiled
from . import grid as grid
from . import nn as nn
from . import plot as plot
from . import sparsity as sparsity
from . import transforms as transforms
from .book.dropins import gradient_descent, numerical_diff, numerical_gradient, numerical_gradient_2d, tangent_line
from .checking import check_gradient
from .grid.fields import gradient_field
from .nn.weights import weight_gradient
from .operations.explanation import explain
from .operations.gradients import derivative, gradient, value_and_gradient
from .operations.hessians import hessian, hessian_diagonal, hvp
from .operations.jacobians import jacobian, jvp
from .operations.propagation import propagate
from .results import ConstantFunctionWarning, EngineError, Explanation, PerformanceWarning, Result, StepWarning
from .transforms.functions import grad, hess, jac, value_and_grad, vjp
from .variable import Variable

__version__ = "0.1.0"

__all__ = [
    "ConstantFunctionWarning",
    "EngineError",
    "Explanation",
    "PerformanceWarning",
    "Result",
    "StepWarning",
    "Variable",
    "check_gradient",
    "derivative",
    "explain",
    "grad",
    "gradient",
    "gradient_descent",
    "gradient_field",
    "hess",
    "hessian",
    "hessian_diagonal",
    "hvp",
    "jac",
    "jacobian",
    "jvp",
    "numerical_diff",
    "numerical_gradient",
    "numerical_gradient_2d",
    "propagate",
    "tangent_line",
    "value_and_grad",
    "value_and_gradient",
    "vjp",
    "weight_gradient",
]

_SUBMODULES = (
    "book", "checking", "compiled", "grid", "nn", "plot", "results", "sparsity", "transforms", "variable"
)  # fmt: skip


def __dir__() -> list[str]:
    """What is public: no rooms of the house that importing the others leaves here."""
    return sorted([*__all__, *_SUBMODULES, "__version__"])
