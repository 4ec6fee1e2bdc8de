"""Is this gradient right? `check_gradient`, its report, and the forms of other courses and libraries."""

from .check import check_gradient
from .verdict import ArrayCheck, ElementCheck, GradientCheck

__all__ = ["ArrayCheck", "ElementCheck", "GradientCheck", "check_gradient"]
