"""How changes go through elementary functions: by their addition theorems, whose other side is a function of the step.

exp(c + d) - exp(c - d) is 2 exp(c) sinh(d), and sinh of a small d takes three instructions. So the function itself is
computed once at x, for f and for all directions, and nearly equal numbers are not subtracted.

An operand is c + d and c - d at both points, d = h s its slope, c = z + g its mean, g = h² e beside x.
"""

from __future__ import annotations

from functools import partial
from math import nan

from .changes import DirectionWalk, Identity, Moved, Rule, Still
from .code import Code
from .program import HALF, MINUS_ONE, ONE, ZERO, Operand, Program
from .sigmoids import SoftplusNode

LN2: Operand = ("k", 0.6931471805599453)


class FunctionChange(Identity):
    """One of an operand; d² and what is made of it."""

    def write(self, parts: list[Moved], wanted: bool) -> None:
        code, walk = self.code, self.walk
        self.moves, self.further = self.operand(parts)
        squared = code.mul(self.moves, self.moves)
        self.q, self.half = code.mul(walk.square, squared), code.mul(HALF, squared)  # d², s² / 2
        self.g = code.mul(walk.square, self.further)
        self.slope(parts[0])
        if wanted:
            self.distance(parts[0])
            self.centre()

    def operand(self, parts: list[Moved]) -> tuple[Operand, Operand]:
        """Slope and distance of what the function is of."""
        return parts[0].s, parts[0].e

    def slope(self, a: Moved) -> None:
        raise NotImplementedError

    def distance(self, a: Moved) -> None:
        """What the mean's distance is of."""
        raise NotImplementedError

    def of(self, name: str, a: Operand) -> Operand:
        """One of the ratios; 1 of 0."""
        return ONE if a == ZERO else self.code.keep(name, a)

    def even(self, name: str, sign: Operand) -> Operand:
        """cosh(d) or cos(d)."""
        code = self.code
        return code.add(ONE, code.mul(sign, code.mul(code.mul(HALF, self.q), self.of(name, self.q))))


class Exponential(FunctionChange):
    """exp: of y = exp(z) the rest is y (exp(g) (cosh(d) ± sinh(d)) - 1)."""

    def slope(self, a: Moved) -> None:
        code = self.code
        self.y = self.base(a)
        self.more = self.of("expc", self.g)  # (exp(g) - 1) / g
        self.s = code.mul(code.mul(self.y, self.moves), self.of("sinhc", self.q))
        if self.g != ZERO:
            self.s = code.mul(self.s, code.add(ONE, code.mul(self.g, self.more)))

    def base(self, a: Moved) -> Operand:
        """exp(z)."""
        return self.z

    def distance(self, a: Moved) -> None:
        code = self.code
        total = code.mul(self.half, self.of("coshc", self.q))
        if self.g != ZERO:
            total = code.add(total, code.mul(code.mul(self.further, self.more), self.even("coshc", ONE)))
        self.e = code.mul(self.y, total)


class ExponentialLessOne(Exponential):
    def base(self, a: Moved) -> Operand:
        """Not z + 1, which has no digits left at -40."""
        return self.code.keep("exp", a.z)


class PowerOfTwo(Exponential):
    def operand(self, parts: list[Moved]) -> tuple[Operand, Operand]:
        return self.code.mul(LN2, parts[0].s), self.code.mul(LN2, parts[0].e)


class Powers(Exponential):
    """a ** b, of which one moves: exp(b log(a)). That takes no logarithm where it is a: only its changes."""

    @classmethod
    def fits(cls, moving: int) -> bool:
        return moving == 1

    def operand(self, parts: list[Moved]) -> tuple[Operand, Operand]:
        (a, b), code = parts, self.code
        if isinstance(a, Still):
            log = code.keep("log", a.z)
            return code.mul(log, b.s), code.mul(log, b.e)
        return self.times(b.z, a)

    def times(self, factor: Operand, a: Moved) -> tuple[Operand, Operand]:
        """The changes of a multiple of log(a)."""
        mul, changes = self.code.mul, Logs(self.walk, a)
        return mul(factor, changes.slope), mul(factor, changes.distance)


class CubeRoot(Powers):
    def operand(self, parts: list[Moved]) -> tuple[Operand, Operand]:
        return self.times(("k", 1 / 3), parts[0])


class Logs:
    """Changes of log(c ± d) = log(z) + log(1 + g / z) + log(1 - r²) / 2 ± atanh(r), r = d / c.

    They are those of log(-a), too, so that (-2) ** 3 has its own.
    """

    def __init__(self, walk: DirectionWalk, a: Moved, more: Operand = ZERO) -> None:
        self.walk, self.code, self.a, self.more = walk, walk.code, a, more
        code, c = self.code, self.code.add(more, a.c)
        self.ratio = code.mul(a.s, code.div(ONE, c))  # which directions share, if c is z
        r = code.mul(walk.h, self.ratio)
        self.r2 = code.mul(r, r)
        if a.e != ZERO:  # z may be positive, and both points negative
            same = code.keep("gt", code.mul(c, code.add(more, a.z)), ZERO)
            self.r2 = code.keep("select", same, self.r2, ("k", nan))

    @property
    def slope(self) -> Operand:
        return self.code.mul(self.ratio, self.code.keep("atanhc", self.r2))

    @property
    def distance(self) -> Operand:
        """Of the mean from log(z)."""
        code, a = self.code, self.a
        squared = code.mul(HALF, code.mul(self.ratio, self.ratio))
        total = code.neg(code.mul(squared, code.keep("logc", code.neg(self.r2))))
        if a.e == ZERO:
            return total
        z = code.add(self.more, a.z)
        g = code.mul(self.walk.square, a.e)
        return code.add(total, code.mul(code.div(a.e, z), code.keep("logc", code.div(g, z))))


class Logarithm(Identity):
    """log, divided by that of a base."""

    more, scale = ZERO, ONE  # what is added to the operand

    def write(self, parts: list[Moved], wanted: bool) -> None:
        changes = Logs(self.walk, parts[0], self.more)
        self.s = self.code.mul(self.scale, changes.slope)
        if wanted:
            self.e = self.code.mul(self.scale, changes.distance)
            self.centre()


class LogarithmOfMore(Logarithm):
    more = ONE


class LogarithmToTwo(Logarithm):
    scale = ("k", 1.4426950408889634)


class LogarithmToTen(Logarithm):
    scale = ("k", 0.4342944819032518)


class Wave(FunctionChange):
    """sin, cos, sinh, cosh: y(c + d) - y(c - d) is twice the partner at c times sin(d) or sinh(d).

    y'' is `sign` times y, y' `turn` times the partner.
    """

    partner, ratio, bend, sign, turn = "cos", "sinc", "cosc", MINUS_ONE, ONE

    def slope(self, a: Moved) -> None:
        code = self.code
        self.other = code.mul(self.turn, code.keep(self.partner, a.z))
        at = self.other
        if self.g != ZERO:
            g2 = code.mul(self.g, self.g)
            self.far = self.of(self.ratio, g2)  # sin(g) / g
            self.bent = code.mul(self.sign, code.mul(HALF, self.of(self.bend, g2)))  # (cos(g) - 1) / g²
            cosine = code.add(ONE, code.mul(g2, self.bent))
            at = code.add(code.mul(at, cosine), code.mul(code.mul(self.sign, self.z), code.mul(self.g, self.far)))
        self.s = code.mul(code.mul(at, a.s), self.of(self.ratio, self.q))

    def distance(self, a: Moved) -> None:
        code = self.code
        bend = code.mul(self.sign, code.mul(self.half, self.of(self.bend, self.q)))
        if a.e != ZERO:
            even = self.even(self.bend, self.sign)
            bend = code.add(bend, code.mul(code.mul(code.mul(a.e, self.g), self.bent), even))
            moved = code.mul(code.mul(code.mul(a.e, self.far), even), self.other)
            self.e = code.add(code.mul(self.z, bend), moved)
        else:
            self.e = code.mul(self.z, bend)


class Cosine(Wave):
    partner, turn = "sin", MINUS_ONE


class HyperbolicSine(Wave):
    partner, ratio, bend, sign = "cosh", "sinhc", "coshc", ONE


class HyperbolicCosine(Wave):
    partner, ratio, bend, sign = "sinh", "sinhc", "coshc", ONE


class Tangent(FunctionChange):
    """(T ± t) / (1 ∓ T t) at both points, T = tan(c), t = tan(d); of tanh with the other sign."""

    ratio, sign = "tanc", ONE

    def slope(self, a: Moved) -> None:
        code = self.code
        self.way, there = ZERO, self.z
        if self.g != ZERO:  # (T - tan(z)) / h²
            short = self.of(self.ratio, code.mul(self.g, self.g))
            below = code.sub(ONE, code.mul(self.sign, code.mul(self.z, code.mul(self.g, short))))
            self.way = code.mul(self._steepness(self.z), code.div(code.mul(a.e, short), below))
            there = code.add(self.z, code.mul(self.walk.square, self.way))
        t = code.mul(a.s, self.of(self.ratio, self.q))  # tan(d) / h
        below = code.sub(ONE, code.mul(code.mul(self.walk.square, code.mul(t, t)), code.mul(there, there)))
        self.s = code.div(code.mul(self._steepness(there), t), below)
        self.bend = code.mul(self.sign, code.mul(there, code.mul(t, self.s)))

    def _steepness(self, y: Operand) -> Operand:
        """The derivative."""
        return self.code.add(ONE, self.code.mul(self.sign, self.code.mul(y, y)))

    def distance(self, a: Moved) -> None:
        self.e = self.code.add(self.way, self.bend)


class HyperbolicTangent(Tangent):
    ratio, sign = "tanhc", MINUS_ONE


class Softplus(FunctionChange):
    """log(1 + exp(a)): by the changes of 1 + exp(a) over itself, of which a sigmoid is the share that moves."""

    def slope(self, a: Moved) -> None:
        code = self.code
        share, rest = self.shares(a)
        self.way = ZERO
        if self.g != ZERO:
            short = self.of("expc", self.g)
            moved = code.mul(share, code.mul(self.g, short))  # of 1 + exp(z), over itself
            self.way = code.mul(code.mul(share, code.mul(self.further, short)), self.of("logc", moved))
            more = code.add(ONE, moved)
            share = code.div(code.mul(share, code.add(ONE, code.mul(self.g, short))), more)
            rest = code.div(rest, more)
        self.s = code.mul(self.moves, code.keep("softplusc", share, self.q))
        self.both = code.mul(code.mul(share, rest), self.of("coshc", self.q))

    def shares(self, a: Moved) -> tuple[Operand, Operand]:
        """Of exp(z) and of 1 in their sum."""
        code = self.code
        share = code.div(ONE, code.add(ONE, code.keep("exp", code.neg(a.z))))
        return share, code.sub(ONE, share)

    def distance(self, a: Moved) -> None:
        code = self.code
        bend = code.mul(code.mul(self.half, self.both), self.of("logc", code.mul(self.q, self.both)))
        self.e = code.add(self.way, bend)


class LogarithmOfSigmoid(Softplus):
    """`factor` times softplus of `side` times u, where f has exp(u)."""

    def __init__(
        self,
        walk: DirectionWalk,
        z: Operand,
        parts: list[Moved],
        wanted: bool,
        factor: Operand = ONE,
        side: Operand = ONE,
    ) -> None:
        self.factor, self.side = factor, side
        super().__init__(walk, z, parts, wanted)

    def operand(self, parts: list[Moved]) -> tuple[Operand, Operand]:
        inner, self.exponential = parts
        return self.code.mul(self.side, inner.s), self.code.mul(self.side, inner.e)

    def slope(self, a: Moved) -> None:
        super().slope(a)
        self.s = self.code.mul(self.factor, self.s)

    def shares(self, a: Moved) -> tuple[Operand, Operand]:
        code = self.code
        rest = code.div(ONE, code.add(ONE, self.exponential.z))
        share = code.mul(self.exponential.z, rest)
        return (share, rest) if self.side == ONE else (rest, share)

    def distance(self, a: Moved) -> None:
        super().distance(a)
        self.e = self.code.mul(self.factor, self.e)


def of_sigmoid(program: Program, found: SoftplusNode) -> tuple[Rule, tuple[Operand, ...]]:
    """What writes the changes of a sigmoid's logarithm, and of what."""
    rule = partial(LogarithmOfSigmoid, factor=("k", found.factor), side=("k", found.side))
    return rule, (program.nodes[found.exponential][1], ("v", found.exponential))


_DEFINED = {"log": ZERO, "log2": ZERO, "log10": ZERO, "log1p": MINUS_ONE}  # from where


def witness(code: Code, name: str, a: Operand) -> Operand:
    """What is finite where a function of a is: its change is made of something else than the function itself."""
    if name in _DEFINED:
        return code.keep("select", code.keep("gt", a, _DEFINED[name]), a, ("k", nan))
    return a if name in {"sin", "cos", "softplus", "cbrt"} else code.keep("exp" if name == "expm1" else name, a)


FUNCTIONS: dict[str, type[Identity]] = {
    "exp": Exponential,
    "expm1": ExponentialLessOne,
    "exp2": PowerOfTwo,
    "pow": Powers,
    "cbrt": CubeRoot,
    "log": Logarithm,
    "log1p": LogarithmOfMore,
    "log2": LogarithmToTwo,
    "log10": LogarithmToTen,
    "sin": Wave,
    "cos": Cosine,
    "sinh": HyperbolicSine,
    "cosh": HyperbolicCosine,
    "tan": Tangent,
    "tanh": HyperbolicTangent,
    "softplus": Softplus,
}
"""What is known of a function's changes, if the middle of both points is x."""
