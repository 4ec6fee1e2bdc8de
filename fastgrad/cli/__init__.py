"""The command ``fastgrad``."""

from .commands import main

__all__ = ["main"]
