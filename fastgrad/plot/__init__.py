"""Pictures with matplotlib: gradient fields, descents, and the error of a difference quotient against its step."""

from .axes import BLUE as BLUE
from .axes import ORANGE as ORANGE
from .descents import descent
from .errors import convergence
from .fields import quiver, streamplot

__all__ = ["convergence", "descent", "quiver", "streamplot"]
