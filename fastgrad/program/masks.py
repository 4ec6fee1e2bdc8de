"""Products with what is masked: 0 times infinity is 0 where a branch of f is not taken, however branches are nested."""

from __future__ import annotations

from functools import reduce
from math import isfinite

from .code import Code
from .program import ZERO, Operand, Program

_MASKING = frozenset({"select", "max", "min", "fmax", "fmin", "pow"})
_CARRIED = frozenset({"neg", "*", "/"})


class Products:
    """The products of derivatives with partial derivatives.

    A sum of what is masked by several conditions is 0 where none holds, and its product with a partial derivative is to
    be 0 there too, though that is infinite or NaN.
    """

    def __init__(self, code: Code, program: Program) -> None:
        self.code = code
        self.needed = not _MASKING.isdisjoint([node[0] for node in program.nodes])
        self._active: list[Operand | None] = []  # of each node the mask beyond which it is 0, if there is one
        self._finite: list[bool] = []  # of each node whether it is finite whatever x is

    def of(self, a: Operand, partial: Operand) -> Operand:
        """A derivative times a partial derivative."""
        code = self.code
        mask = None if self._is_finite(partial) else self.active(a)
        if mask is None:
            return code.mul(a, partial)
        name, *parts = code.node(a)
        if name == "select" and ZERO in parts and not any(map(self.active, parts)):
            return code.mul(a, partial)
        return code.select(mask, code.mul(a, partial), ZERO)

    def active(self, a: Operand) -> Operand | None:
        """Where an operand is not masked; None if it never is."""
        if a[0] != "v":
            return None
        while len(self._active) <= int(a[1]):
            self._active.append(self._mask_of(*self.code.nodes[len(self._active)]))
        return self._active[int(a[1])]

    def _is_finite(self, partial: Operand) -> bool:
        """Whether a partial derivative is finite whatever x is; one choice follows another in long chains."""
        tag, value = partial
        if tag != "v":
            return tag == "c" or (tag == "k" and isfinite(value))
        while len(self._finite) <= int(value):
            name, *parts = self.code.nodes[len(self._finite)]
            self._finite.append(name == "select" and all(map(self._is_finite, parts[1:])))
        return self._finite[int(value)]

    def _mask_of(self, name: str, *operands: Operand) -> Operand | None:
        if name == "select":
            mask, *branches = operands
            inside = [self._within(m, b) for m, b in zip((mask, self.code.apply("not", mask)), branches, strict=True)]
            return self._either(*inside) if self._is_masked(operands) else None
        if name in "+-":
            masks = [self.active(o) for o in operands]
            return None if None in masks else self._either(*masks)
        if name in _CARRIED:
            factors = list(dict.fromkeys([mask for mask in map(self.active, operands) if mask]))
            return reduce(self._both, factors) if factors else None
        return None

    def _is_masked(self, operands: tuple[Operand, ...]) -> bool:
        return any(branch == ZERO or self.active(branch) for branch in operands[1:])

    def _within(self, mask: Operand, branch: Operand) -> Operand | None:
        if branch == ZERO:
            return None
        inner = self.active(branch)
        return self.code.apply("and", mask, inner) if inner else mask

    def _both(self, a: Operand, b: Operand) -> Operand:
        return self.code.apply("and", a, b)

    def _either(self, *masks: Operand | None) -> Operand:
        there = list(dict.fromkeys(mask for mask in masks if mask))
        return there[0] if len(there) == 1 else self.code.apply("or", *there)
