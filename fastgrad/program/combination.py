"""Sums of sums in which terms cancel: what several of them have in common is not added and subtracted again.

``S[e_i + e_j] - S[e_i] - S[e_j]`` of a sum of many terms is that of the few that move with both coordinates; where none
does it is 0 without round-off. The Hessian of Rosenbrock's function of 20 variables is 711 nodes instead of 2 054, and
its kernel runs 1.6 times as fast.
"""

from __future__ import annotations

from heapq import heappop, heappush

from .code import Code
from .program import SUMS, ZERO, Operand

Weighted = tuple[float, Operand]
Scaling = tuple[tuple[str, Operand], ...]
"""What a sum is multiplied with or divided by, the outermost first; the same at all points."""
Terms = dict[tuple[Scaling, Operand], float]


def total(code: Code, weighted: list[Weighted]) -> Operand:
    """The sum of some numbers, each with its weight."""
    found = ZERO
    for weight, operand in weighted:
        found = code.add(found, code.mul(("k", weight), operand))
    return found


class Combination:
    """Sums of the sums along directions; what is added up in each is found once."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self._terms: dict[Operand, Terms] = {}

    def of(self, parts: list[tuple[float, list[Weighted]]]) -> Operand:
        """The sum of some sums, each with its factor; term by term where these are no more than those of one sum."""
        code = self.code
        if len(parts) > 1:
            left, most = Terms(), 0
            for factor, weighted in parts:
                for weight, operand in weighted:
                    for place, inner in self.terms(operand).items():
                        left[place] = left.get(place, 0.0) + factor * weight * inner
                most = max(most, sum(len(self.terms(operand)) for _, operand in weighted))
            left = {place: factor for place, factor in left.items() if factor}
            if len(left) <= most:
                return _sum(code, left)
        return total(code, [(factor, total(code, weighted)) for factor, weighted in parts])

    def terms(self, operand: Operand) -> Terms:
        """What is added up in a sum. Later nodes are opened first, each once, however often others read it."""
        if operand not in self._terms:
            self._terms[operand] = _opened(self.code, operand)
        return self._terms[operand]


def _opened(code: Code, operand: Operand) -> Terms:
    found, sums, heap = Terms(), Terms(), list[tuple[int, Scaling]]()

    def give(scaling: Scaling, operand: Operand, factor: float) -> None:
        place = (scaling, operand)
        terms = sums if _is_sum(code, operand) else found
        if terms is sums and place not in sums:
            heappush(heap, (-int(operand[1]), scaling))
        terms[place] = terms.get(place, 0.0) + factor

    if operand != ZERO:
        give((), operand, 1.0)
    while heap:
        negative, scaling = heappop(heap)
        factor = sums.pop((scaling, ("v", -negative)))
        name, *operands = code.nodes[-negative]
        if name in SUMS:
            give(scaling, operands[0], -factor if name == "neg" else factor)
            for other in operands[1:]:
                give(scaling, other, -factor if name == "-" else factor)
        else:
            fixed, inner = _scale(name, operands)
            give((*scaling, (name, fixed)), inner, factor)
    return found


def _is_sum(code: Code, operand: Operand) -> bool:
    """Whether a node is a sum, or scaled by what is the same at all points.

    No product with a literal: half the changes to both sides is one term, whose parts are much larger than it.
    """
    name, *operands = code.node(operand)
    if name not in {"*", "/"}:
        return name in SUMS
    fixed, _ = _scale(name, operands)
    return (name, fixed[0]) != ("*", "k") and code.is_fixed(fixed)


def _scale(name: str, operands: list[Operand]) -> tuple[Operand, Operand]:
    """What is the same at all points in a scaled sum, and the sum."""
    return (operands[0], operands[1]) if name == "*" else (operands[1], operands[0])


def _sum(code: Code, terms: Terms) -> Operand:
    """Those that are scaled in one way are added first."""
    groups: dict[tuple[Scaling, float], Operand] = {}
    for (scaling, operand), factor in terms.items():
        before = groups.get((scaling, abs(factor)), ZERO)
        groups[scaling, abs(factor)] = (code.add if factor > 0.0 else code.sub)(before, operand)
    weighted = []
    for (scaling, factor), scaled in groups.items():
        inner = scaled
        for name, fixed in reversed(scaling):
            inner = code.div(inner, fixed) if name == "/" else code.mul(fixed, inner)
        weighted.append((factor, inner))
    return total(code, weighted)
