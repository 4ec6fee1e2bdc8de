"""Sparse Jacobians and Hessians: for a handful of evaluations where most entries are zero, whatever their number.

The pattern of a function that can be traced is found; of any other it is given. Results are matrices of scipy.sparse
(``pip install 'fastgrad[sparse]'``).
"""

from .hessians import hessian, hessian_pattern
from .jacobians import jacobian, pattern
from .patterns import Pattern

__all__ = ["Pattern", "hessian", "hessian_pattern", "jacobian", "pattern"]
