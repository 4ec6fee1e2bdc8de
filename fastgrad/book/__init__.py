"""Other people's names: the book's functions, the checks of courses, Chainer's checks."""

from .backward import NondifferentiableError, check_backward, numerical_grad
from .courses import eval_numerical_gradient, eval_numerical_gradient_array, grad_check_sparse, rel_error
from .dropins import gradient_descent, numerical_diff, numerical_gradient, numerical_gradient_2d, tangent_line

__all__ = [
    "NondifferentiableError",
    "check_backward",
    "eval_numerical_gradient",
    "eval_numerical_gradient_array",
    "grad_check_sparse",
    "gradient_descent",
    "numerical_diff",
    "numerical_grad",
    "numerical_gradient",
    "numerical_gradient_2d",
    "rel_error",
    "tangent_line",
]
