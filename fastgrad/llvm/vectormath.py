"""Vectors in LLVM IR: arithmetic, comparisons, sin, exp, ...

On glibc the elementary functions are libmvec's, a call for all lanes (five times the scalar functions); elsewhere, or
where a symbol is missing, the C library's, lane by lane. Every symbol is looked up before it is used, because a missing
one would end the process. ``FASTGRAD_VECTOR_MATH=0`` turns libmvec off.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from functools import cache

import llvmlite.binding as llvm

# libmvec's letter for a vector ISA, by lanes of doubles; x86-64 only
_VARIANTS = {2: "b", 4: "d", 8: "e"}

# node name -> name in the C library
FUNCTIONS = {
    name: name
    for name in (
        "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
        "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "cbrt", "hypot", "pow", "fmod",
    )
}  # fmt: skip

_ARITHMETIC = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
_INTRINSICS = {"abs": "fabs", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "rint": "rint"}
_COMPARES = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
_LOGIC = {"and": "and", "or": "or", "xor": "xor"}


EXPONENT = 0x7FF0000000000000
INVERSE = 0x7FE0000000000000  # minus the bits of a power of two: the bits of its inverse


class Unsupported(Exception):
    """An operation that this machine has no function for."""


@cache
def load_libraries() -> None:
    """Make the C library's functions known to LLVM."""
    for name in ("libm.so.6", "libmvec.so.1"):
        try:
            llvm.load_library_permanently(name)
        except RuntimeError:  # another platform: the process has loaded its own
            continue


def enabled() -> bool:
    """Whether libmvec may be used."""
    return os.environ.get("FASTGRAD_VECTOR_MATH", "1").lower() not in {"0", "off", "no", "false"}


def constant(value: float) -> str:
    """A double in LLVM's notation, bit for bit."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


class Vectors:
    """Writes the body of a function; values are names of SSA registers, all of them vectors of `lanes` doubles."""

    def __init__(self, lanes: int) -> None:
        self.lanes, self.lines, self.count = lanes, [""], 0
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
        return "<" + ", ".join([f"double {constant(value)}"] * self.lanes) + ">"

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

    # --- operations --------------------------------------------------------------------------------------------------

    def apply(self, name: str, *operands: str) -> str:
        """The result of a program's node."""
        if name in _ARITHMETIC:
            return self.emit(f"{_ARITHMETIC[name]} {self.double} {operands[0]}, {operands[1]}")
        if name in _COMPARES:
            return self.compare(_COMPARES[name], *operands)
        if name in _LOGIC:
            return self.emit(f"{_LOGIC[name]} {self.mask} {operands[0]}, {operands[1]}")
        if name in _INTRINSICS:
            return self.intrinsic(_INTRINSICS[name], *operands)
        if name in FUNCTIONS:
            return self.function(FUNCTIONS[name], *operands)
        if name in _COMPOSED:
            return _COMPOSED[name](self, *operands)
        msg = f"the operation {name!r}"
        raise Unsupported(msg)

    def compare(self, how: str, a: str, b: str) -> str:
        return self.emit(f"fcmp {how} {self.double} {a}, {b}")

    def select(self, mask: str, a: str, b: str) -> str:
        return self.emit(f"select {self.mask} {mask}, {self.double} {a}, {self.double} {b}")

    def intrinsic(self, name: str, *operands: str) -> str:
        full = self.declare(f"llvm.{name}.v{self.lanes}f64", self.double, *[self.double] * len(operands))
        return self._call(full, *operands)

    def _call(self, name: str, *operands: str) -> str:
        return self.emit(f"call {self.double} @{name}({', '.join(f'{self.double} {o}' for o in operands)})")

    def function(self, name: str, *operands: str) -> str:
        """An elementary function, of vectors where libmvec has it."""
        load_libraries()
        vector = f"_ZGV{_VARIANTS.get(self.lanes, '?')}N{self.lanes}{'v' * len(operands)}_{name}"
        if enabled() and llvm.address_of_symbol(vector):
            return self._call(self.declare(vector, self.double, *[self.double] * len(operands)), *operands)
        if not llvm.address_of_symbol(name):
            msg = f"the function {name!r}"
            raise Unsupported(msg)
        return self._lane_by_lane(self.declare(name, "double", *["double"] * len(operands)), *operands)

    def _lane_by_lane(self, name: str, *operands: str) -> str:
        result = "poison"
        for lane in range(self.lanes):
            scalars = [self.emit(f"extractelement {self.double} {o}, i32 {lane}") for o in operands]
            value = self.emit(f"call double @{name}({', '.join(f'double {s}' for s in scalars)})")
            result = self.emit(f"insertelement {self.double} {result}, double {value}, i32 {lane}")
        return result

    def is_nan(self, a: str) -> str:
        return self.compare("uno", a, a)


def _negate(v: Vectors, a: str) -> str:
    return v.emit(f"fneg {v.double} {a}")


def _extreme(how: str) -> Callable[[Vectors, str, str], str]:
    """np.minimum, np.maximum: NaN where either is NaN. One machine instruction returns b where a is NaN."""

    def extreme(v: Vectors, a: str, b: str) -> str:
        chosen = v.select(v.compare(how, a, b), a, b)
        return v.select(v.is_nan(a), a, chosen)

    return extreme


def _ignoring_nan(how: str) -> Callable[[Vectors, str, str], str]:
    def extreme(v: Vectors, a: str, b: str) -> str:
        chosen = v.select(v.compare(how, a, b), a, b)
        return v.select(v.is_nan(b), a, chosen)

    return extreme


def _sign(v: Vectors, a: str) -> str:
    zero, one, minus = v.splat(0.0), v.splat(1.0), v.splat(-1.0)
    rest = v.select(v.compare("oeq", a, zero), zero, a)
    return v.select(v.compare("ogt", a, zero), one, v.select(v.compare("olt", a, zero), minus, rest))


def _copysign(v: Vectors, a: str, b: str) -> str:
    return v.intrinsic("copysign", a, b)


def _signs_differ(v: Vectors, rest: str, b: str) -> str:
    """Where a remainder is not zero and has another sign than the divisor."""
    zero = v.splat(0.0)
    differ = v.emit(f"xor {v.mask} {v.compare('olt', rest, zero)}, {v.compare('olt', b, zero)}")
    return v.emit(f"and {v.mask} {differ}, {v.compare('une', rest, zero)}")


def _mod(v: Vectors, a: str, b: str) -> str:
    """np.mod: fmod, moved to the sign of the divisor; a zero has the divisor's sign."""
    rest = v.function("fmod", a, b)
    moved = v.select(_signs_differ(v, rest, b), v.apply("+", rest, b), rest)
    return v.select(v.compare("oeq", rest, v.splat(0.0)), _copysign(v, v.splat(0.0), b), moved)


def _floordiv(v: Vectors, a: str, b: str) -> str:
    """np.floor_divide: the quotient after the remainder is taken off, rounded."""
    zero, rest, ratio = v.splat(0.0), v.function("fmod", a, b), v.apply("/", a, b)
    exact = v.apply("/", v.apply("-", a, rest), b)
    exact = v.select(_signs_differ(v, rest, b), v.apply("-", exact, v.splat(1.0)), exact)
    floor = v.intrinsic("floor", exact)
    up = v.compare("ogt", v.apply("-", exact, floor), v.splat(0.5))
    floor = v.select(up, v.apply("+", floor, v.splat(1.0)), floor)
    floor = v.select(v.compare("oeq", exact, zero), _copysign(v, zero, ratio), floor)
    return v.select(v.compare("oeq", b, zero), ratio, floor)


def _is_inf(v: Vectors, a: str) -> str:
    return v.compare("oeq", v.intrinsic("fabs", a), v.splat(float("inf")))


def _is_finite(v: Vectors, a: str) -> str:
    return v.compare("olt", v.intrinsic("fabs", a), v.splat(float("inf")))


def _not(v: Vectors, a: str) -> str:
    return v.emit(f"xor {v.mask} {a}, <{', '.join(['i1 true'] * v.lanes)}>")


def _power(v: Vectors, a: str) -> str:
    """The power of two below a number without its sign: its exponent alone."""
    bits = v.emit(f"bitcast {v.double} {a} to {v.ints}")
    return v.emit(f"bitcast {v.ints} {v.emit(f'and {v.ints} {bits}, {_all(v, EXPONENT)}')} to {v.double}")


def _inverse(v: Vectors, a: str) -> str:
    """1/a of a power of two: a subtraction of exponents."""
    bits = v.emit(f"bitcast {v.double} {a} to {v.ints}")
    return v.emit(f"bitcast {v.ints} {v.emit(f'sub {v.ints} {_all(v, INVERSE)}, {bits}')} to {v.double}")


def _all(v: Vectors, number: int) -> str:
    return f"<{', '.join([f'i64 {number}'] * v.lanes)}>"


def _to_float(v: Vectors, a: str) -> str:
    return v.emit(f"uitofp {v.mask} {a} to {v.double}")


_COMPOSED: dict[str, Callable[..., str]] = {
    "neg": _negate,
    "min": _extreme("olt"),
    "max": _extreme("ogt"),
    "fmin": _ignoring_nan("olt"),
    "fmax": _ignoring_nan("ogt"),
    "sign": _sign,
    "copysign": _copysign,
    "mod": _mod,
    "floordiv": _floordiv,
    "isnan": Vectors.is_nan,
    "isinf": _is_inf,
    "isfinite": _is_finite,
    "not": _not,
    "select": Vectors.select,
    "tofloat": _to_float,
    "power": _power,
    "inverse": _inverse,
}
