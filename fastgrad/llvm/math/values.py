"""Vectors with operators, so that formulas read like formulas; each operator is one instruction."""

from __future__ import annotations

from collections.abc import Sequence

from ..lanes import Lanes

ROUNDS = 1.5 * 2.0**52  # added to a number of less than 2**51 it rounds to whole ones, which then are the lowest bits
_SIGN = -(1 << 63)
BITS = 0x4338000000000000  # of that number


class Value:
    """A vector of doubles."""

    __slots__ = ("name", "v")

    def __init__(self, v: Lanes, name: str) -> None:
        self.v, self.name = v, name

    @classmethod
    def of(cls, v: Lanes, number: float) -> Value:
        """A number in all lanes."""
        return cls(v, v.splat(number))

    def text(self, other: Value | float) -> str:
        """The register of another vector, or a literal."""
        return other.name if isinstance(other, Value) else self.v.splat(other)

    def _with(self, operation: str, a: str, b: str) -> Value:
        return Value(self.v, self.v.emit(f"{operation} {self.v.double} {a}, {b}"))

    def __add__(self, other: Value | float) -> Value:
        return self._with("fadd", self.name, self.text(other))

    def __sub__(self, other: Value | float) -> Value:
        return self._with("fsub", self.name, self.text(other))

    def __mul__(self, other: Value | float) -> Value:
        return self._with("fmul", self.name, self.text(other))

    def __truediv__(self, other: Value | float) -> Value:
        return self._with("fdiv", self.name, self.text(other))

    def __rsub__(self, other: float) -> Value:
        return self._with("fsub", self.text(other), self.name)

    def __rtruediv__(self, other: float) -> Value:
        return self._with("fdiv", self.text(other), self.name)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Value:
        return Value(self.v, self.v.emit(f"fneg {self.v.double} {self.name}"))

    def __abs__(self) -> Value:
        return Value(self.v, self.v.intrinsic("fabs", self.name))

    def times(self, factor: Value | float, plus: Value | float) -> Value:
        """self * factor + plus, rounded once where the processor can, else twice."""
        if not self.v.fused:
            return self * factor + plus
        return Value(self.v, self.v.intrinsic("fma", self.name, self.text(factor), self.text(plus)))

    def sqrt(self) -> Value:
        return Value(self.v, self.v.intrinsic("sqrt", self.name))

    def signed(self, other: Value) -> Value:
        """With the sign of another."""
        return Value(self.v, self.v.intrinsic("copysign", self.name, other.name))

    def bits(self) -> Bits:
        return Bits(self.v, self.v.emit(f"bitcast {self.v.double} {self.name} to {self.v.ints}"))

    def compare(self, how: str, other: Value | float) -> Mask:
        """LLVM's comparison: "olt", "ugt", ... ; those with u are true where one of both is NaN."""
        return Mask(self.v, self.v.compare(how, self.name, self.text(other)))


class Bits:
    """A vector of 64 bits each, or of whole numbers."""

    __slots__ = ("name", "v")

    def __init__(self, v: Lanes, name: str) -> None:
        self.v, self.name = v, name

    @classmethod
    def of(cls, v: Lanes, number: int) -> Bits:
        """A number in all lanes."""
        return cls(v, v.whole(number))

    def _with(self, operation: str, other: Bits | int) -> Bits:
        text = other.name if isinstance(other, Bits) else self.v.whole(other)
        return Bits(self.v, self.v.emit(f"{operation} {self.v.ints} {self.name}, {text}"))

    def __add__(self, other: Bits | int) -> Bits:
        return self._with("add", other)

    def __sub__(self, other: Bits | int) -> Bits:
        return self._with("sub", other)

    def __and__(self, other: Bits | int) -> Bits:
        return self._with("and", other)

    def __or__(self, other: Bits | int) -> Bits:
        return self._with("or", other)

    def __xor__(self, other: Bits | int) -> Bits:
        return self._with("xor", other)

    def __lshift__(self, count: int) -> Bits:
        return self._with("shl", count)

    def __rshift__(self, count: int) -> Bits:
        return self._with("lshr", count)

    def signed_shift(self, count: int) -> Bits:
        """To the right, with copies of the highest bit."""
        return self._with("ashr", count)

    def is_negative(self) -> Mask:
        """Where the highest bit is set."""
        return Mask(self.v, self.v.emit(f"icmp slt {self.v.ints} {self.name}, zeroinitializer"))

    def equals(self, number: int) -> Mask:
        return Mask(self.v, self.v.emit(f"icmp eq {self.v.ints} {self.name}, {self.v.whole(number)}"))

    def exceeds(self, number: int) -> Mask:
        """As numbers without a sign."""
        return Mask(self.v, self.v.emit(f"icmp ugt {self.v.ints} {self.name}, {self.v.whole(number)}"))

    def double(self) -> Value:
        """The doubles with these bits."""
        return Value(self.v, self.v.emit(f"bitcast {self.v.ints} {self.name} to {self.v.double}"))

    def number(self) -> Value:
        """The doubles that are equal to these whole numbers of less than 2**51."""
        return (self + BITS).double() - ROUNDS


class Mask:
    """A bit for each lane."""

    __slots__ = ("name", "v")

    def __init__(self, v: Lanes, name: str) -> None:
        self.v, self.name = v, name

    def _with(self, operation: str, other: str) -> Mask:
        return Mask(self.v, self.v.emit(f"{operation} {self.v.mask} {self.name}, {other}"))

    def __or__(self, other: Mask) -> Mask:
        return self._with("or", other.name)

    def __and__(self, other: Mask) -> Mask:
        return self._with("and", other.name)

    def __xor__(self, other: Mask) -> Mask:
        return self._with("xor", other.name)

    def __invert__(self) -> Mask:
        return self._with("xor", f"<{', '.join(['i1 true'] * self.v.lanes)}>")

    def choose(self, a: Value | float, b: Value | float) -> Value:
        """a where the mask is set, else b."""
        texts = [x.name if isinstance(x, Value) else self.v.splat(x) for x in (a, b)]
        return Value(self.v, self.v.select(self.name, *texts))


Found = tuple[Value, Mask | None]  # a function's result, and where it is none


def polynomial(x: Value, coefficients: Sequence[float]) -> Value:
    """By pairs, and pairs of these: a third of the chain of Horner's rule for two instructions more."""
    terms: list[Value | float] = list(coefficients)
    while len(terms) > 1:
        joined: list[Value | float] = [x.times(b, a) for a, b in zip(terms[::2], terms[1::2], strict=False)]
        terms = joined + terms[2 * len(joined) :]
        x = x * x if len(terms) > 1 else x
    assert isinstance(terms[0], Value)
    return terms[0]


def rounded(x: Value, scale: float) -> tuple[Value, Bits]:
    """The nearest whole numbers to x * scale, as doubles and in the lowest bits of others."""
    far = x.times(scale, ROUNDS)
    return far - ROUNDS, far.bits()


def keeping_sign(found: Value, x: Value) -> Value:
    """What has the sign of x, but for 0, whose sign is lost in sums."""
    return (found.bits() | (x.bits() & _SIGN)).double()


def exact_product(a: Value, b: Value) -> tuple[Value, Value]:
    """a * b as a sum of two."""
    high = a * b
    if a.v.fused:
        return high, a.times(b, -high)
    (a0, a1), (b0, b1) = split(a), split(b)
    return high, ((a0 * b0 - high) + a0 * b1 + a1 * b0) + a1 * b1


def split(a: Value) -> tuple[Value, Value]:
    """A number as a sum of two with half of its bits each."""
    high = (a.bits() & -(1 << 27)).double()
    return high, a - high


def sum_of(a: Value, b: Value) -> tuple[Value, Value]:
    """a + b as a sum of two, where |a| >= |b|, or a is 0."""
    total = a + b
    return total, b - (total - a)
