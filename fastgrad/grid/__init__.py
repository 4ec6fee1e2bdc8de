"""Derivatives of values that were sampled on a grid, and fields of gradients of functions on one."""

from .matrices import matrix
from .operators import curl, divergence, gradient, laplacian

__all__ = ["curl", "divergence", "gradient", "laplacian", "matrix"]
