"""Numerical gradients by central differences, as fast as the machine allows.

The book's names (`numerical_diff`, `numerical_gradient`, `numerical_gradient_2d`, `gradient_descent`, `tangent_line`)
are drop-ins. The modern ones (`gradient`, `value_and_gradient`, `derivative`, `gradient_field`) never change their
input, choose the step by precision, and compile the function where that pays; `explain` says what they do.
"""

from .book import gradient_descent, numerical_diff, numerical_gradient, numerical_gradient_2d, tangent_line
from .derivatives import derivative, explain, gradient, value_and_gradient
from .fields import gradient_field
from .results import ConstantFunctionWarning, EngineError, Explanation, PerformanceWarning, Result

__version__ = "0.1.0"

__all__ = [
    "ConstantFunctionWarning",
    "EngineError",
    "Explanation",
    "PerformanceWarning",
    "Result",
    "derivative",
    "explain",
    "gradient",
    "gradient_descent",
    "gradient_field",
    "numerical_diff",
    "numerical_gradient",
    "numerical_gradient_2d",
    "tangent_line",
    "value_and_gradient",
]
