"""Calls of functions of single numbers on vectors, lane by lane: the C library's and SciPy's.

Symbols are looked up before they are used, because a missing one would end the process.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache

from . import scipyfunctions
from .binding import llvm
from .lanes import Lanes


class Unsupported(Exception):
    """An operation that this machine has no function for."""


@cache
def load_libraries() -> None:
    """Make the C library's functions known to LLVM."""
    with suppress(RuntimeError):  # another platform: the process has loaded its own
        llvm.load_library_permanently("libm.so.6")


class Calls(Lanes):
    """Writes such calls."""

    def by_library(self, name: str, *operands: str) -> str:
        """The C library's function, lane by lane."""
        load_libraries()
        if not llvm.address_of_symbol(name):
            msg = f"the function {name!r}"
            raise Unsupported(msg)
        self.declare(name, "double", *["double"] * len(operands))
        return self._by_lanes(name, operands)

    def by_scipy(self, name: str, *operands: str) -> str:
        """SciPy's function, lane by lane."""
        known = scipyfunctions.symbol(name) if name in scipyfunctions.COUNTS else None
        if known is None:
            msg = f"the operation {name!r}"
            raise Unsupported(msg)
        self.declare(known, "double", *["double"] * len(operands), "i32")
        return self._by_lanes(known, operands, ", i32 0")  # whether another one is to be looked for, as a method's

    def _by_lanes(self, name: str, operands: tuple[str, ...], more: str = "") -> str:
        result = "poison"
        for lane in range(self.lanes):
            scalars = [self.emit(f"extractelement {self.double} {o}, i32 {lane}") for o in operands]
            value = self.emit(f"call double @{name}({', '.join(f'double {s}' for s in scalars)}{more})")
            result = self.emit(f"insertelement {self.double} {result}, double {value}, i32 {lane}")
        return result
