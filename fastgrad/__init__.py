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
from .grid import fields as _fields
from .nn.weights import weight_gradient
from .operations import explanation as _explanation
from .operations import gradients as _gradients
from .operations import hessians as _hessians
from .operations import jacobians as _jacobians
from .operations import propagation as _propagation
from .operations.calls import telling as _telling
from .results import ConstantFunctionWarning, EngineError, Explanation, PerformanceWarning, Result, StepWarning
from .transforms import functions as _functions
from .transforms.functions import grad, hess, jac, value_and_grad
from .variable import Variable

__version__ = "0.1.0"

derivative = _telling(_gradients.derivative, __name__)
explain = _telling(_explanation.explain, __name__)
gradient = _telling(_gradients.gradient, __name__)
gradient_field = _telling(_fields.gradient_field, __name__)
hessian = _telling(_hessians.hessian, __name__)
hessian_diagonal = _telling(_hessians.hessian_diagonal, __name__)
hvp = _telling(_hessians.hvp, __name__)
jacobian = _telling(_jacobians.jacobian, __name__)
jvp = _telling(_jacobians.jvp, __name__)
propagate = _telling(_propagation.propagate, __name__)
value_and_gradient = _telling(_gradients.value_and_gradient, __name__)
vjp = _telling(_functions.vjp, __name__)

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
