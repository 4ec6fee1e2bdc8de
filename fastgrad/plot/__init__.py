"""Pictures with matplotlib: gradient fields, descents, and the error of a difference quotient against its step."""

from .errors import convergence
from .figures import descent, quiver, streamplot

__all__ = ["convergence", "descent", "quiver", "streamplot"]
