"""How changes go through elementary functions: by their addition theorems, whose other side is a function of the step.

exp(c + d) - exp(c - d) is 2 exp(c) sinh(d), and sinh of a small d takes three instructions. So the function itself is
computed once at x, for f and for all directions, and nearly equal numbers are not subtracted.

An operand is c + d and c - d at both points, d = h s its slope, c = z + g its mean, g = h² e beside x.
"""

from __future__ import annotations

from .changes import Identity, Moved
from .program import HALF, MINUS_ONE, ONE, ZERO, Operand

QUARTER: Operand = ("k", 0.25)


class Function(Identity):
    """One of an operand; d² and what is made of it."""

    name = ""

    def write(self, parts: list[Moved], wanted: bool) -> None:
        (a,), code = parts, self.code
        d = code.mul(self.walk.h, a.s)
        self.q, self.half = code.mul(d, d), code.mul(HALF, code.mul(a.s, a.s))  # d², s² / 2
        self.g = code.mul(self.walk.square, a.e)
        self.slope(a)
        if wanted:
            self.distance(a)
            self.centre()

    def slope(self, a: Moved) -> None:
        raise NotImplementedError

    def distance(self, a: Moved) -> None:
        """What the mean's distance is of."""
        raise NotImplementedError

    def of(self, name: str, a: Operand) -> Operand:
        """One of the ratios; 1 of 0."""
        return ONE if a == ZERO else self.code.keep(name, a)

    def rounded(self, name: str) -> Operand:
        """2 (cosh(d) - 1) / d², or that of the cosine with a minus."""
        once = self.of(name, self.code.mul(QUARTER, self.q))
        return self.code.mul(once, once)

    def even(self, name: str, sign: Operand) -> Operand:
        """cosh(d) or cos(d)."""
        code = self.code
        return code.add(ONE, code.mul(sign, code.mul(code.mul(HALF, self.q), self.rounded(name))))


class Exponential(Function):
    """exp, and exp less one: of y = exp(z) the rest is y (exp(g) (cosh(d) ± sinh(d)) - 1)."""

    def slope(self, a: Moved) -> None:
        code = self.code
        self.y = self.base(a)
        self.further = self.of("expc", self.g)  # (exp(g) - 1) / g
        self.s = code.mul(code.mul(self.y, a.s), self.of("sinhc", self.q))
        if self.g != ZERO:
            self.s = code.mul(self.s, code.add(ONE, code.mul(self.g, self.further)))

    def base(self, a: Moved) -> Operand:
        """exp(z)."""
        return self.z

    def distance(self, a: Moved) -> None:
        code = self.code
        total = code.mul(self.half, self.rounded("sinhc"))
        if a.e != ZERO:
            total = code.add(total, code.mul(code.mul(a.e, self.further), self.even("sinhc", ONE)))
        self.e = code.mul(self.y, total)


class ExponentialLessOne(Exponential):
    def base(self, a: Moved) -> Operand:
        """Not z + 1, which has no digits left at -40."""
        return self.code.keep("exp", a.z)


class Logarithm(Function):
    """log(c ± d) = log(z) + log(1 + g / z) + log(1 - r²) / 2 ± atanh(r), r = d / c; all divided by log(base)."""

    more, scale = ZERO, ONE  # what is added to the operand

    def slope(self, a: Moved) -> None:
        code = self.code
        self.ratio = code.mul(a.s, code.div(ONE, code.add(self.more, a.c)))  # which directions share, if c is z
        r = code.mul(self.walk.h, self.ratio)
        self.r2 = code.mul(r, r)
        self.s = code.mul(self.scale, code.mul(self.ratio, self.of("atanhc", self.r2)))

    def distance(self, a: Moved) -> None:
        code = self.code
        squared = code.mul(HALF, code.mul(self.ratio, self.ratio))
        total = code.neg(code.mul(squared, self.of("logc", code.neg(self.r2))))
        if a.e != ZERO:
            z = code.add(self.more, a.z)
            total = code.add(total, code.mul(code.div(a.e, z), self.of("logc", code.div(self.g, z))))
        self.e = code.mul(self.scale, total)


class LogarithmOfMore(Logarithm):
    more = ONE


class LogarithmToTwo(Logarithm):
    scale = ("k", 1.4426950408889634)


class LogarithmToTen(Logarithm):
    scale = ("k", 0.4342944819032518)


class Wave(Function):
    """sin, cos, sinh, cosh: y(c + d) - y(c - d) is twice the partner at c times sin(d) or sinh(d).

    y'' is `sign` times y, y' `turn` times the partner.
    """

    partner, ratio, sign, turn = "cos", "sinc", MINUS_ONE, ONE

    def slope(self, a: Moved) -> None:
        code = self.code
        self.other = code.mul(self.turn, code.keep(self.partner, a.z))
        at = self.other
        if self.g != ZERO:
            g2 = code.mul(self.g, self.g)
            self.far = self.of(self.ratio, g2)  # sin(g) / g
            once = self.of(self.ratio, code.mul(QUARTER, g2))
            self.bent = code.mul(self.sign, code.mul(HALF, code.mul(once, once)))  # (cos(g) - 1) / g²
            cosine = code.add(ONE, code.mul(g2, self.bent))
            at = code.add(code.mul(at, cosine), code.mul(code.mul(self.sign, self.z), code.mul(self.g, self.far)))
        self.s = code.mul(code.mul(at, a.s), self.of(self.ratio, self.q))

    def distance(self, a: Moved) -> None:
        code = self.code
        bend = code.mul(self.sign, code.mul(self.half, self.rounded(self.ratio)))
        if a.e != ZERO:
            even = self.even(self.ratio, self.sign)
            bend = code.add(bend, code.mul(code.mul(code.mul(a.e, self.g), self.bent), even))
            moved = code.mul(code.mul(code.mul(a.e, self.far), even), self.other)
            self.e = code.add(code.mul(self.z, bend), moved)
        else:
            self.e = code.mul(self.z, bend)


class Cosine(Wave):
    partner, turn = "sin", MINUS_ONE


class HyperbolicSine(Wave):
    partner, ratio, sign = "cosh", "sinhc", ONE


class HyperbolicCosine(Wave):
    partner, ratio, sign = "sinh", "sinhc", ONE


class HyperbolicTangent(Function):
    """(T ± t) / (1 ± T t) at both points, T = tanh(c), t = tanh(d)."""

    def slope(self, a: Moved) -> None:
        code = self.code
        self.flat = code.sub(ONE, code.mul(self.z, self.z))
        self.way, there, flat = ZERO, self.z, self.flat
        if self.g != ZERO:  # (T - tanh(z)) / h²
            short = self.of("tanhc", code.mul(self.g, self.g))
            below = code.add(ONE, code.mul(self.z, code.mul(self.g, short)))
            self.way = code.mul(self.flat, code.div(code.mul(a.e, short), below))
            there = code.add(self.z, code.mul(self.walk.square, self.way))
            flat = code.sub(ONE, code.mul(there, there))
        t = code.mul(a.s, self.of("tanhc", self.q))  # tanh(d) / h
        below = code.sub(ONE, code.mul(code.mul(self.walk.square, code.mul(t, t)), code.mul(there, there)))
        self.s = code.div(code.mul(flat, t), below)
        self.back = code.mul(there, code.mul(t, self.s))

    def distance(self, a: Moved) -> None:
        self.e = self.code.sub(self.way, self.back)


class Softplus(Function):
    """log(1 + exp(a)): by the changes of 1 + exp(a) over itself, of which a sigmoid is the share that moves."""

    def slope(self, a: Moved) -> None:
        code = self.code
        share = code.div(ONE, code.add(ONE, code.keep("exp", code.neg(a.z))))
        self.way = ZERO
        if self.g != ZERO:
            short = self.of("expc", self.g)
            moved = code.mul(share, code.mul(self.g, short))  # of 1 + exp(z), over itself
            self.way = code.mul(code.mul(share, code.mul(a.e, short)), self.of("logc", moved))
            share = code.div(code.mul(share, code.add(ONE, code.mul(self.g, short))), code.add(ONE, moved))
        bend = self.rounded("sinhc")
        ratio = code.div(
            code.mul(share, code.mul(a.s, self.of("sinhc", self.q))),
            code.add(ONE, code.mul(share, code.mul(code.mul(HALF, self.q), bend))),
        )
        r = code.mul(self.walk.h, ratio)
        self.s = code.mul(ratio, self.of("atanhc", code.mul(r, r)))
        self.both = code.mul(code.mul(share, code.sub(ONE, share)), bend)

    def distance(self, a: Moved) -> None:
        code = self.code
        bend = code.mul(code.mul(self.half, self.both), self.of("logc", code.mul(self.q, self.both)))
        self.e = code.add(self.way, bend)


FUNCTIONS: dict[str, type[Function]] = {
    "exp": Exponential,
    "expm1": ExponentialLessOne,
    "log": Logarithm,
    "log1p": LogarithmOfMore,
    "log2": LogarithmToTwo,
    "log10": LogarithmToTen,
    "sin": Wave,
    "cos": Cosine,
    "sinh": HyperbolicSine,
    "cosh": HyperbolicCosine,
    "tanh": HyperbolicTangent,
    "softplus": Softplus,
}
"""What is known of a function's changes, if the middle of both points is x."""
