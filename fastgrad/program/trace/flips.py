"""Eigenvectors and singular vectors, whose signs nothing tells: what f makes of them must not depend on these.

Each vector has a bit. A number that changes its sign with some vectors has their bits, and what f returns must have
none: a product has the bits of one of its factors alone, a sum those that all its terms have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from ..program import SUMS, ZERO, Operand
from .elementwise import guard, record, traced
from .refusals import refuse
from .symbols import Literal, Symbol, Trace

SIGNS = (
    "f depends on the signs of eigenvectors or singular vectors, which nothing tells; let them cancel, as in v @ v.T, "
    "abs(v) or v * np.sign(v[0])"
)
INSIDE = "f takes eigenvectors or singular vectors and a derivative, of which nothing tells the signs; take one of them"
_ODD = frozenset({
    "neg", "sign", "sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh", "cbrt", "rint", "trunc", "erf",
})  # fmt: skip
_EVEN = frozenset({"abs", "cos", "cosh", "isnan", "isinf", "isfinite", "hypot"})
_UNKNOWN = -1


@dataclass
class _Signs:
    """What a trace knows of signs: the bits of numbers and of vectors, and whether f takes derivatives itself."""

    bits: dict[Operand, int] = field(default_factory=dict)
    vectors: dict[tuple[Any, ...], int] = field(default_factory=dict)
    differentiates: bool = False


_signs: WeakKeyDictionary[Trace, _Signs] = WeakKeyDictionary()


def note_derivative(trace: Trace) -> None:
    """f takes a derivative, whose numbers have other bits than those that they are made of."""
    _signs.setdefault(trace, _Signs()).differentiates = True


def of_either_sign(values: list[Any], like: Symbol) -> list[Any]:
    """The numbers of a vector, or of two that change signs together, of a trace; the same ones once more alike."""
    known = _signs.setdefault(like.trace, _Signs())
    number = known.vectors.setdefault(tuple(v.key if traced(v) else v for v in values), len(known.vectors))
    return [v if not traced(v) and v == 0.0 else _marked(v, like, number, known) for v in values]


def _marked(value: Any, like: Symbol, number: int, known: _Signs) -> Any:
    """A number as another node than it is in other vectors."""
    scale = 2.0 ** (1 + number % 1000)
    found = record("*", value if traced(value) else _with_nodes(value, like), Literal(scale))
    found = record("*", found, Literal(1.0 / scale))
    known.bits[found.key] = 1 << number
    return found


def _with_nodes(value: float, like: Symbol) -> Any:
    """A known number as one of the trace; a choice between two equal literals would not be one for LLVM."""
    guard(like)
    return record("+", Literal(value), record("isnan", like))


def check(trace: Trace, outputs: Iterable[Operand]) -> None:
    """Refuse what depends on signs."""
    known = _signs.get(trace)
    if known is None or not known.bits:
        return
    if known.differentiates:
        refuse(INSIDE)
    found: dict[Operand, int] = {}
    zeros = {ZERO, *(("c", s) for s, value in enumerate(trace.constants) if value == 0.0)}
    for j, (name, *operands) in enumerate(trace.nodes):
        own = known.bits.get(("v", j))
        found["v", j] = _of_node(name, operands, [found.get(o, 0) for o in operands], zeros) if own is None else own
        if _is_zero(name, operands, zeros):
            zeros.add(("v", j))
            found["v", j] = 0
    if any(found.get(o, 0) for o in outputs):
        refuse(SIGNS)


def _is_zero(name: str, operands: list[Operand], zeros: set[Operand]) -> bool:
    """Whether a node is 0 for all finite numbers, as the products beside a diagonal are."""
    if name == "*":
        return not zeros.isdisjoint(operands)
    return zeros.issuperset(operands) if name in SUMS else name == "/" and operands[0] in zeros


def _of_node(name: str, operands: list[Operand], bits: list[int], zeros: set[Operand]) -> int:
    if _UNKNOWN in bits or not any(bits):
        return min(bits, default=0)
    if name in _EVEN or (name in ("eq", "ne") and not zeros.isdisjoint(operands)):
        return 0
    if name in _ODD or name == "copysign":
        return bits[-1]
    if name in ("*", "/"):
        return bits[0] ^ bits[1]
    return _of_terms(name, operands, bits, zeros)


def _of_terms(name: str, operands: list[Operand], bits: list[int], zeros: set[Operand]) -> int:
    """What all terms of a sum have, or both sides of a choice; 0 has whatever is wanted."""
    first = 1 if name == "select" else 0
    found = {b for o, b in zip(operands[first:], bits[first:], strict=True) if o not in zeros}
    is_one = len(found) == 1 and not any(bits[:first])
    return found.pop() if is_one and (first or name in SUMS) else _UNKNOWN
