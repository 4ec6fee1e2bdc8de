"""LLVM, for whoever needs it first: Ctrl-C waits while it is imported, which would leave it half imported."""

from .interrupts import loading

with loading("llvmlite.binding"):
    import llvmlite
    import llvmlite.binding as llvm

__all__ = ["llvm", "llvmlite"]
