"""The partial derivatives of every operation by its operands: one table for reverse and forward mode.

At a kink an operation has the mean of its two sides: 0 for abs at 0, 1/2 for a relu; of k equal numbers whose maximum
is taken each has 1/k. Masks have no derivative, and `select` is linear in its branches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from . import saturation, specialrules
from .code import Code
from .entries import ENTRY
from .extrema import Extrema
from .masks import Products
from .program import BOOLEAN, MINUS_ONE, ONE, OPERATIONS, TWO, ZERO, Operand, Program

LN2, LN10 = math.log(2.0), math.log(10.0)
LEAST = math.ulp(0.0)


class Term:
    """An operand with operators, so that rules read as formulas."""

    def __init__(self, code: Code, key: Operand) -> None:
        self.code, self.key = code, key

    def of(self, name: str, *terms: Any) -> Term:
        """The operation of that name, of terms and numbers."""
        keys = [t.key if isinstance(t, Term) else ("k", float(t)) for t in terms]
        return Term(self.code, self.code.apply(name, *keys))

    def __getattr__(self, name: str) -> Callable[..., Term]:
        return lambda *others: self.of(name, self, *others)

    def __add__(self, other: Any) -> Term:
        return self.of("+", self, other)

    def __radd__(self, other: Any) -> Term:
        return self.of("+", other, self)

    def __sub__(self, other: Any) -> Term:
        return self.of("-", self, other)

    def __rsub__(self, other: Any) -> Term:
        return self.of("-", other, self)

    def __mul__(self, other: Any) -> Term:
        return self.of("*", self, other)

    def __rmul__(self, other: Any) -> Term:
        return self.of("*", other, self)

    def __truediv__(self, other: Any) -> Term:
        return self.of("/", self, other)

    def __rtruediv__(self, other: Any) -> Term:
        return self.of("/", other, self)

    def __neg__(self) -> Term:
        return self.of("neg", self)

    def __and__(self, other: Any) -> Term:
        return self.of("and", self, other)

    def __or__(self, other: Any) -> Term:
        return self.of("or", self, other)

    def where(self, a: Any, b: Any) -> Term:
        """a where this mask is set, else b."""
        return self.of("select", self, a, b)


Rule = Callable[..., tuple[Any, ...]]


def _power(y: Term, a: Term, b: Term) -> tuple[Any, Any]:
    """0 by a where b is 0 and 1/a no number, or b infinite and a ** b 0; and 0 by b where a is 0.

    Elsewhere b = 0 is no mask: the derivative by both is 1/a there.
    """
    if b.key[0] == "k":
        return b * a.of("pow", a, b - 1.0), 0.0
    flat = (b.eq(0.0) & a.of("not", (1.0 / a).isfinite())) | (b.isinf() & y.eq(0.0))
    by_a = flat.where(0.0, b * a.pow(flat.where(1.0, b - 1.0)))
    return by_a, a.eq(0.0).where(0.0, y * a.log())


def _larger(a: Term, b: Term) -> tuple[Any, Any]:
    if a.key == b.key:
        return 0.5, 0.5
    share = a.eq(b).where(0.5, 1.0)
    return a.lt(b).where(0.0, share), b.lt(a).where(0.0, share)


def _of_numbers(wins: str, a: Term, b: Term) -> tuple[Any, Any]:
    """As `_larger`; of a number and NaN the number counts."""
    if a.key == b.key:
        return 0.5, 0.5
    share = a.eq(b).where(0.5, 1.0)
    return (
        b.isnan().where(1.0, a.of(wins, a, b).where(share, 0.0)),
        a.isnan().where(1.0, a.of(wins, b, a).where(share, 0.0)),
    )


def _hypot(y: Term, a: Term, b: Term) -> tuple[Any, Any]:
    """0 at the origin, where the second derivatives are as infinite as those of a root: one of the least number is."""
    scale = y.eq(0.0).where(LEAST, y)
    return a / scale, b / scale


def _atan2(y: Term, a: Term, b: Term) -> tuple[Any, Any]:
    """Divided by the length twice: its square overflows at 1e155. An infinite operand leaves no slope."""
    length = a.hypot(b)
    far = length.isinf()
    return far.where(0.0, b / length / length), far.where(0.0, -a / length / length)


def _tanh(y: Term, a: Term) -> tuple[Any]:
    """1 - y * y has no digits left at a = 20; the other form has a kink at 0, which third derivatives would see."""
    e = (-2.0 * a.abs()).exp()
    return (a.abs().lt(1.0).where((1.0 - y) * (1.0 + y), 4.0 * e / ((1.0 + e) * (1.0 + e))),)


RULES: dict[str, Rule] = {
    "+": lambda y, a, b: (1.0, 1.0),
    "-": lambda y, a, b: (1.0, -1.0),
    "*": lambda y, a, b: (b, a),
    "/": lambda y, a, b: (1.0 / b, -(y * (1.0 / b))),
    "neg": lambda y, a: (-1.0,),
    "abs": lambda y, a: (a.sign(),),
    "sqrt": lambda y, a: (0.5 / y,),
    "cbrt": lambda y, a: (1.0 / (3.0 * (y * y)),),
    "exp": lambda y, a: (y,),
    "exp2": lambda y, a: (LN2 * y,),
    "expm1": lambda y, a: (a.exp(),),  # y + 1 has no digits left at a = -40
    "log": lambda y, a: (1.0 / a,),
    "log2": lambda y, a: (1.0 / (LN2 * a),),
    "log10": lambda y, a: (1.0 / (LN10 * a),),
    "log1p": lambda y, a: (1.0 / (1.0 + a),),
    "sin": lambda y, a: (a.cos(),),
    "cos": lambda y, a: (-a.sin(),),
    "tan": lambda y, a: (1.0 + y * y,),
    "asin": lambda y, a: (1.0 / ((1.0 - a) * (1.0 + a)).sqrt(),),
    "acos": lambda y, a: (-1.0 / ((1.0 - a) * (1.0 + a)).sqrt(),),
    "atan": lambda y, a: (1.0 / (1.0 + a * a),),
    "sinh": lambda y, a: (a.cosh(),),
    "cosh": lambda y, a: (a.sinh(),),
    "tanh": _tanh,
    "asinh": lambda y, a: (1.0 / a.hypot(1.0),),
    "acosh": lambda y, a: (1.0 / ((a - 1.0).sqrt() * (a + 1.0).sqrt()),),  # the square overflows at 1e155
    "atanh": lambda y, a: (1.0 / ((1.0 - a) * (1.0 + a)),),
    "pow": _power,
    "atan2": _atan2,
    "hypot": _hypot,
    "max": lambda y, a, b: _larger(a, b),
    "min": lambda y, a, b: _larger(b, a),
    "fmax": lambda y, a, b: _of_numbers("ge", a, b),
    "fmin": lambda y, a, b: _of_numbers("le", a, b),
    "copysign": lambda y, a, b: (a.sign() * a.of("copysign", 1.0, b), 0.0),
    "mod": lambda y, a, b: (1.0, -a.floordiv(b)),
    "fmod": lambda y, a, b: (1.0, -(a / b).trunc()),
    **dict.fromkeys(("floor", "ceil", "trunc", "rint", "sign", "tofloat", "power"), lambda y, a: (0.0,)),
    "floordiv": lambda y, a, b: (0.0, 0.0),
    "inverse": lambda y, a: (-(y * y),),
    **specialrules.RULES,
}
"""The partial derivatives of a node y by its operands."""
_LINEAR = {
    "+": (ONE, ONE),
    "-": (ONE, MINUS_ONE),
    "neg": (MINUS_ONE,),
}  # most of all nodes, for which no terms are made
SIZES = frozenset({"abs", "hypot", "sqrt"})
"""Operations whose squares are smooth where they themselves are not, or may be."""
assert set(OPERATIONS) == set(RULES) | BOOLEAN | {"select"}


class Partials:
    """The partial derivatives of a program's nodes, written as nodes of a code.

    Attributes
    ----------
    inner : set of int
        Nodes inside a maximum or a minimum of many numbers, whose derivatives go by.
    firsts : dict of Operand
        Of a `select` that keeps a NaN which comes first, the maximum or minimum to which its derivative belongs.
    careful : bool
        Whether 0 times infinity is 0 where that is known.
    product : callable
        A product of two derivatives, 0 where the first is masked.
    """

    def __init__(self, code: Code, program: Program, *, careful: bool = False) -> None:
        self.code, self.program, self.careful = code, program, careful
        extrema = Extrema(program)
        self.inner, self.firsts, self._leaves = extrema.inner, extrema.firsts, extrema.leaves
        self._poles: list[Operand] = []
        products = Products(code, program)
        self.product = products.of if products.needed else code.mul

    def times(self, j: int, a: Operand, partial: Operand, *, forward: bool = False) -> Operand:
        """A derivative times a partial derivative of node j, 0 where the derivative is masked."""
        if not self.careful:
            return self.product(a, partial)
        mode = saturation.FORWARD if forward else saturation.REVERSE
        return saturation.product(self.code, self.program, j, a, partial, mode, self.product, self._poles)

    def of(self, j: int) -> list[tuple[Operand, Operand]]:
        """(operand of the program, partial derivative); the derivative is not that of a mask or a `select`."""
        name, *operands = self.program.nodes[j]
        if name in _LINEAR:
            return list(zip(operands, _LINEAR[name], strict=True))
        if name == ENTRY:
            return [(operands[1], ZERO)]
        if name == "*":
            a, b = operands
            if a == b:
                return self._of_square(a)
            return [(a, self.code.own(b)), (b, self.code.own(a))]
        y = Term(self.code, self.code.of[j])
        if j in self._leaves:
            return list(self._shares(y, self._leaves[j]))
        terms = [Term(self.code, self.code.own(o)) for o in operands]
        found = RULES[name](y, *terms)
        return [(o, p.key if isinstance(p, Term) else ("k", p)) for o, p in zip(operands, found, strict=True)]

    def _of_square(self, a: Operand) -> list[tuple[Operand, Operand]]:
        """That of a length, or of a root, is smooth where these are 0."""
        name, *inner = self.program.nodes[a[1]] if self._is_smooth_square(a) else ("", self._without_sign(a))
        if name == "sqrt":
            return [(inner[0], ONE)]
        return [(o, self.code.mul(TWO, self.code.own(o))) for o in inner]

    def _is_smooth_square(self, a: Operand) -> bool:
        """Whether an operand is a length, or the root of what is never negative: f has no end where it is 0."""
        name, *inner = self.program.nodes[a[1]] if a[0] == "v" else ("",)
        return name == "hypot" or (name == "sqrt" and self._is_never_negative(inner[0]))

    def _is_never_negative(self, root: Operand) -> bool:
        """Whether it is a sum of squares."""
        stack = [root]
        while stack:
            name, *inner = self.program.nodes[stack[-1][1]] if stack[-1][0] == "v" else ("",)
            if name != "+" and not (name == "*" and inner[0] == inner[1]) and name != "abs":
                return False
            stack.pop()
            stack += inner if name == "+" else ()
        return True

    def _without_sign(self, a: Operand) -> Operand:
        """What an operand is the size of; its square has no kink, and other derivatives than the size at 0."""
        node = self.program.nodes[int(a[1])] if a[0] == "v" else ("",)
        return node[1] if node[0] == "abs" else a

    def _shares(self, y: Term, leaves: list[Operand]) -> Iterator[tuple[Operand, Operand]]:
        """Of the largest of many numbers those that are equal to it share its derivative."""
        masks = [y.eq(Term(self.code, self.code.own(o))) for o in leaves]
        count: Any = 0.0
        for mask in masks:
            count = mask.tofloat() + count
        share = 1.0 / count
        for o, mask in zip(leaves, masks, strict=True):
            yield o, mask.where(share, 0.0).key
