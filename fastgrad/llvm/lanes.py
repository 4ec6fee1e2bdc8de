"""Vectors in LLVM IR: registers, literals, comparisons; what machine code is written with, one instruction a call."""

from __future__ import annotations

import struct
from functools import cache

from .binding import llvm


def constant(value: float) -> str:
    """A double in LLVM's notation, bit for bit."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


# Literals in all lanes are half of a kernel's text: LLVM since 19 reads them in short, in three quarters of the time.
_SPLATS = llvm.llvm_version_info[0] >= 19


@cache
def is_fused() -> bool:
    """Whether this processor multiplies and adds in one instruction."""
    triple: str = llvm.get_process_triple()
    return not triple.startswith(("x86_64", "amd64")) or bool(llvm.get_host_cpu_features().get("fma"))


class Lanes:
    """Writes the body of a function; values are names of SSA registers, all of them vectors of `lanes` doubles.

    Attributes
    ----------
    fused : bool
        Whether products may be added in one instruction; elsewhere that would be a call.
    declared : dict
        What the body needs in its module: a text for each name.
    """

    def __init__(self, lanes: int, *, fused: bool | None = None) -> None:
        self.lanes, self.lines, self.count = lanes, [""], 0
        self.fused = is_fused() if fused is None else fused
        self.declared: dict[str, str] = {}
        self.double, self.mask, self.ints = (f"<{lanes} x {t}>" for t in ("double", "i1", "i64"))

    # --- text --------------------------------------------------------------------------------------------------------

    def emit(self, text: str) -> str:
        """One instruction; its result."""
        self.count += 1
        self.lines.append(f"  %r{self.count} = {text}")
        return f"%r{self.count}"

    def do(self, text: str) -> None:
        """One instruction without a result, or a label."""
        self.lines.append(text if text.endswith(":") else f"  {text}")

    def declare(self, name: str, result: str, *arguments: str) -> str:
        """A pure external function."""
        self.declared[name] = f"declare {result} @{name}({', '.join(arguments)}) #1"
        return name

    def splat(self, value: float) -> str:
        """A literal in all lanes."""
        return self._everywhere(f"double {constant(value)}")

    def whole(self, number: int) -> str:
        """A whole number in all lanes."""
        return self._everywhere(f"i64 {number}")

    def _everywhere(self, one: str) -> str:
        return f"splat ({one})" if _SPLATS else "<" + ", ".join([one] * self.lanes) + ">"

    def broadcast(self, scalar: str) -> str:
        """A scalar register in all lanes."""
        one = self.emit(f"insertelement {self.double} poison, double {scalar}, i32 0")
        return self.shuffle(one, "poison", [0] * self.lanes)

    def shuffle(self, a: str, b: str, picks: list[int], width: int | None = None) -> str:
        """Elements of a and b, `width` lanes each, by number."""
        source = f"<{width or self.lanes} x double>"
        order = ", ".join(f"i32 {p}" for p in picks)
        return self.emit(f"shufflevector {source} {a}, {source} {b}, <{len(picks)} x i32> <{order}>")

    def least(self, a: str, b: str) -> str:
        """The smaller of two whole numbers."""
        return self.emit(f"call i64 @{self.declare('llvm.smin.i64', 'i64', 'i64', 'i64')}(i64 {a}, i64 {b})")

    def lanes_from(self, first: str) -> str:
        """A mask of the lanes from one on."""
        one = self.emit(f"insertelement {self.ints} poison, i64 {first}, i32 0")
        zeros = ", ".join(["i32 0"] * self.lanes)
        each = self.emit(f"shufflevector {self.ints} {one}, {self.ints} poison, <{self.lanes} x i32> <{zeros}>")
        own = ", ".join(f"i64 {lane}" for lane in range(self.lanes))
        return self.emit(f"icmp sge {self.ints} <{own}>, {each}")

    def added_up(self, a: str) -> str:
        """The sum of all lanes, in all lanes."""
        apart = self.lanes // 2
        while apart:
            turned = self.shuffle(a, "poison", [(lane + apart) % self.lanes for lane in range(self.lanes)])
            a, apart = self.emit(f"fadd {self.double} {a}, {turned}"), apart // 2
        return a

    # --- what all functions are made of ------------------------------------------------------------------------------

    def compare(self, how: str, a: str, b: str) -> str:
        return self.emit(f"fcmp {how} {self.double} {a}, {b}")

    def select(self, mask: str, a: str, b: str) -> str:
        return self.emit(f"select {self.mask} {mask}, {self.double} {a}, {self.double} {b}")

    def intrinsic(self, name: str, *operands: str) -> str:
        full = self.declare(f"llvm.{name}.v{self.lanes}f64", self.double, *[self.double] * len(operands))
        return self.call(full, *operands)

    def call(self, name: str, *operands: str) -> str:
        """A function of vectors."""
        return self.emit(f"call {self.double} @{name}({', '.join(f'{self.double} {o}' for o in operands)})")

    def is_nan(self, a: str) -> str:
        return self.compare("uno", a, a)

    def any(self, mask: str) -> str:
        """Whether a mask is set in some lane: one bit."""
        return self.emit(f"icmp ne i{self.lanes} {self.emit(f'bitcast {self.mask} {mask} to i{self.lanes}')}, 0")
