"""Which engine runs a call, and the engines."""

from . import jit, python, simd  # their modules are imported where they are needed: LLVM and Numba take their time

__all__ = ["jit", "python", "simd"]
