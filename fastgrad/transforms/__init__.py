"""Functions of functions, under JAX's names and as SciPy calls them, and the product of a vector with the Jacobian."""

from .functions import grad, hess, hessp, jac, value_and_grad, vjp
from .solvers import for_minimize

__all__ = ["for_minimize", "grad", "hess", "hessp", "jac", "value_and_grad", "vjp"]
