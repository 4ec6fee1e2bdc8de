"""Pictures with matplotlib: gradient fields, descents, and the error of a difference quotient against its step."""

from .figures import convergence, descent, quiver, streamplot

__all__ = ["convergence", "descent", "quiver", "streamplot"]
