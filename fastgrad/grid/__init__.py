"""Derivatives of values that were sampled on a grid, and fields of gradients of functions on one."""

from ..operations.calls import telling as _telling
from . import matrices as _matrices
from . import operators as _operators

__all__ = ["curl", "divergence", "gradient", "laplacian", "matrix"]

curl = _telling(_operators.curl, __name__)
divergence = _telling(_operators.divergence, __name__)
gradient = _telling(_operators.gradient, __name__)
laplacian = _telling(_operators.laplacian, __name__)
matrix = _telling(_matrices.matrix, __name__)
