"""Extrema that cancel, as the largest exponent of a softmax: of which no derivative and no difference need be taken.

A function that takes M from its exponents, and divides by their sum or adds M to its logarithm, is the same whatever M
is. What each node makes of M is followed: v + d M, or v exp(d M), where v does not depend on M. Where all such d become
0 again before anything else is done with them, M cancels, and does not move: along one coordinate the exponentials of
others stay where they are. A cross-entropy of ten classes takes less than half of the time for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from heapq import heappop, heappush
from typing import NamedTuple

from .program import SUMS, Operand, Program

EXTREMA = frozenset({"max", "min", "fmax", "fmin", "select"})
_KEPT, _KEPT_APART = "_held", "_held_apart"
_SHOWING = SUMS | {"neg", "sum", "*", "/", "log", "sqrt"}  # what is not finite where what it reads is not

Factors = tuple[tuple[Operand, int], ...]
"""Constants of f, whatever their values are, and to which powers."""


class ExponentPart(NamedTuple):
    """d, a number times factors, and whether it is that of a factor exp(d M)."""

    degree: float
    factors: Factors = ()
    is_power: bool = False

    def fits(self, other: ExponentPart) -> bool:
        return self.factors == other.factors and self.is_power == other.is_power

    def times(self, factor: Operand, sign: int) -> ExponentPart | None:
        """M multiplied by a constant, or divided by it."""
        tag, number = factor
        if tag == "k":
            return self._replace(degree=self.degree * number**sign) if number else None
        powers = dict(self.factors)
        powers[factor] = powers.get(factor, 0) + sign
        return self._replace(factors=tuple(sorted((f, n) for f, n in powers.items() if n)))


Parts = list[ExponentPart | None]


def held(program: Program, *, apart: bool = False) -> frozenset[int]:
    """The extrema on which a program's outputs depend only by rounding; kept with the program.

    Where they stay and points are `apart`, an exponent that moves by 700 within a step overflows, and f is to be asked:
    what compares numbers, or is 0 or 1 at infinity, must not hide that.
    """
    kept, name = vars(program), _KEPT_APART if apart else _KEPT
    if name not in kept:
        kept[name] = _held(program, apart)
    found: frozenset[int] = kept[name]
    return found


def _held(program: Program, apart: bool) -> frozenset[int]:
    if not any(node[0] in EXTREMA for node in program.nodes):
        return frozenset()
    uses = defaultdict[int, list[int]](list)
    for j, (_, *operands) in enumerate(program.nodes):
        for k in {int(k) for tag, k in operands if tag == "v"}:
            uses[k].append(j)
    outputs = {int(k) for tag, k in program.outputs if tag == "v"}
    extrema = [j for j, node in enumerate(program.nodes) if node[0] in EXTREMA and _is_taken_off(program, j, uses[j])]
    return frozenset(j for j in extrema if _cancels(program, j, uses, outputs, apart))


def _is_taken_off(program: Program, j: int, uses: list[int]) -> bool:
    """Whether something is only added to others and taken from them: no unit of a network is, nor an inner extremum."""
    nodes = [program.nodes[k] for k in uses]
    return all(node[0] in {"+", "-"} for node in nodes) and any(
        node[0] == "-" and node[2] == ("v", j) for node in nodes
    )


def _cancels(program: Program, j: int, uses: dict[int, list[int]], outputs: set[int], apart: bool) -> bool:
    parts, waiting, without = {j: ExponentPart(1.0)}, list(uses[j]), set[Operand]()
    waiting.sort()
    done = j
    while waiting:
        k = heappop(waiting)
        if k == done:
            continue
        done, (name, *operands) = k, program.nodes[k]
        own = [parts.get(int(o[1])) if o[0] == "v" else None for o in operands]
        if any(own):
            rule = _RULES.get(name)
            part = rule(own, operands) if rule else None
            if part is None or (part.degree and k in outputs):
                return False
        elif name not in _SHOWING or (name == "/" and operands[1] in without):
            return False
        else:
            part = ExponentPart(0.0)
        if part.degree:
            parts[k] = part
        else:
            without.add(("v", k))
        for following in uses[k] if part.degree or apart else ():
            heappush(waiting, following)
    return j not in outputs


# --- what a node makes of the parts of its operands, None where one has none; None where that is not known


def _sum(parts: Parts, sign: int = 1) -> ExponentPart | None:
    a, b = parts
    if a and b:
        if not a.fits(b) or (a.is_power and a.degree != b.degree):
            return None
        return a if a.is_power else a._replace(degree=a.degree + sign * b.degree)
    only, by = (a, 1) if a else (b, sign)
    return None if only is None or only.is_power else only._replace(degree=by * only.degree)


def _product(parts: Parts, operands: list[Operand], sign: int = 1) -> ExponentPart | None:
    a, b = parts
    if a and b:
        return a._replace(degree=a.degree + sign * b.degree) if a.is_power and a.fits(b) else None
    only, by, other = (a, 1, operands[1]) if a else (b, sign, operands[0])
    if only is None or only.is_power:
        return only and only._replace(degree=by * only.degree)
    return only.times(other, sign) if other[0] in "kc" and (a or sign > 0) else None


def _alike(parts: Parts, operands: list[Operand]) -> ExponentPart | None:
    """Of an extremum, and of what one of two others is."""
    a, b = parts[-2:]
    return a if a == b and not any(parts[:-2]) else None


def _exponential(parts: Parts, operands: list[Operand]) -> ExponentPart | None:
    (a,) = parts
    return None if a is None or a.is_power else a._replace(is_power=True)


def _logarithm(parts: Parts, operands: list[Operand]) -> ExponentPart | None:
    (a,) = parts
    return a._replace(is_power=False) if a and a.is_power else None


def _negative(parts: Parts, operands: list[Operand]) -> ExponentPart | None:
    (a,) = parts
    return a if a is None or a.is_power else a._replace(degree=-a.degree)


_RULES: dict[str, Callable[[Parts, list[Operand]], ExponentPart | None]] = {
    "+": lambda parts, _: _sum(parts), "-": lambda parts, _: _sum(parts, -1), "neg": _negative,
    "*": _product, "/": lambda parts, operands: _product(parts, operands, -1), "exp": _exponential,
    "log": _logarithm, **dict.fromkeys(EXTREMA, _alike),
}  # fmt: skip
