"""Products of 0 and infinity, in derivatives of an f that is finite, which are known to be 0.

Two kinds. An operation has overflowed, or its partial derivative has, and what follows has levelled off: of
1 / (1 + exp(-x)) at -800 the exponential is infinite, and f, which is 0, hears nothing of it any more. In reverse mode
the derivative that comes back is 0 then. And u does not change where its square root, say, ends: of sqrt(x * x) at 0
both sides mirror each other. That shows in forward mode. Everywhere else such a product stays NaN: exp(log(x)) at 0 is
0 times infinity too, and its slope is 1.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite, nan

import numpy as np
from numpy.typing import NDArray

from .code import Code
from .dependence import live
from .extrema import Extrema
from .program import BOOLEAN, MINUS_ONE, ONE, SUMS, ZERO, Operand, Program

Array = NDArray[np.float64]

SIGNS = "signs"
ASIDE = 2.0**-17  # of 1 + its cube a float sees that it is more than 1
_NAN: Operand = ("k", nan)
_ABSORBING = frozenset({
    "sqrt", "cbrt", "asinh", "acosh", "hypot", "log", "log2", "log10", "log1p", "digamma", "j0", "j1",
})  # fmt: skip  # of infinity
_DOMAINS = {
    **dict.fromkeys(("log", "log2", "log10"), (True, ZERO)),
    "log1p": (True, MINUS_ONE),
    "atanh": (False, ONE),
}  # what has slopes beyond its domain, and whether that is below a limit, or above
_BLIND = frozenset({
    "max", "min", "fmax", "fmin", "floor", "ceil", "trunc", "rint", "sign", "copysign", "mod", "fmod", "logit", "xlogy",
    "xlog1py",
})  # fmt: skip
_ADDING = SUMS | {"select", "sum"}
_COUNTING = SUMS | {"*", "/", "max", "min", "sum"}
REVERSE, FORWARD = "reverse", "forward"
_OVERFLOWING = frozenset(
    {"exp", "exp2", "expm1", "sinh", "cosh", "*", "hypot", "/", "pow", "inverse", "tgamma", "erfcx"}
)
_POLES = {"/": 1, "pow": 0, "inverse": 0, "tgamma": 0}  # the operand that is 0 at a pole, where nothing has overflowed
_ENDING = frozenset({"sqrt", "asin", "acos", "acosh", "pow"})  # not defined beyond a place where they are vertical


def signs_of(code: Code, program: Program) -> list[Operand]:
    """Numbers that are not finite where an output is NaN, or infinite by an overflow inside, and its slopes are finite.

    A logarithm has a slope below 0, and one of 0 at infinity; a larger number or a step are blind to NaN, and so is
    what x is only added to. Where a sign is false, more is computed than needed.
    """
    signs: dict[Operand, None] = {}
    counts, firsts = _counts(program), Extrema(program).firsts
    for j in live(program):
        name, *operands = program.nodes[j]
        own = [code.own(o) for o in operands]
        if name in _ABSORBING:
            signs.update(dict.fromkeys(o for o in own if o[0] != "k"))
        if name in _DOMAINS:
            below, limit = _DOMAINS[name]
            a = code.apply("abs", own[0]) if name == "atanh" else own[0]
            signs[code.select(code.apply("lt" if below else "gt", a, limit), _NAN, ZERO)] = None
        if name in _BLIND or j in firsts:
            signs[code.of[j]] = None
        if name == "/" and operands[1] in counts:  # a mean of nothing, whose terms have no slopes
            signs[code.select(code.apply("eq", own[1], ZERO), _NAN, ZERO)] = None
    return list(signs | dict.fromkeys(_added(code, program)))


def _counts(program: Program) -> set[Operand]:
    """Nodes that are made of comparisons by sums."""
    found = set[Operand]()
    for j, (name, *operands) in enumerate(program.nodes):
        inside = [o for o in operands if o[0] not in "kc"]
        if name == "tofloat" or (name in _COUNTING and inside and found.issuperset(inside)):
            found.add(("v", j))
    return found


def _added(code: Code, program: Program) -> list[Operand]:
    """What is no node and gets to an output by sums, fixed factors and branches alone.

    A number that is one side of a branch, as minus infinity where a prior has no mass, counts where it is chosen.
    """
    found, chosen, stack = dict[Operand, None](), dict[Operand, None](), list(program.outputs)
    while stack:
        operand = stack.pop()
        if operand in found:
            continue
        found[operand] = None
        name, *operands = program.nodes[int(operand[1])] if operand[0] == "v" else ("",)
        if name == "select" and any(o[0] in "kc" for o in operands[1:]):
            fixed = [code.own(o) if o[0] in "kc" else ZERO for o in operands[1:]]
            chosen[code.select(code.own(operands[0]), *fixed)] = None
            operands = [o for o in operands if o[0] not in "kc"]
        stack += _added_by(name, operands)
    return [*chosen, *(o for o in found if o[0] in "xbcd" or (o[0] == "k" and not isfinite(o[1])))]


def overflowed(program: Program, x: Array, values: Array) -> NDArray[np.bool_]:
    """The points (P,) at which a node has overflowed that is more than added to an output, or a density's support ends.

    `x` are the coordinates with their batch arguments, in columns, `values` those of all nodes.
    """
    spaces = {"x": x, "b": x[program.inputs :], "v": values}
    found, added = np.zeros(x.shape[1], dtype=bool), _only_added(program)
    for j, (name, *operands) in enumerate(program.nodes):
        if name == "within":
            found |= np.isinf(values[j])
        may = name in _OVERFLOWING | {"+", "-"}
        if may and (("v", j) not in added or _adds_infinity(program, operands)):
            found |= _overflows(values[j], name, operands, spaces)
    return found


def _only_added(program: Program) -> set[Operand]:
    """Nodes that get to an output by sums, fixed factors and branches alone, or are compared with a fixed number."""
    otherwise = set[Operand]()
    for j in reversed(range(len(program.nodes))):
        name, *operands = program.nodes[j]
        if name in BOOLEAN and any(o[0] in "kc" for o in operands):
            continue
        if ("v", j) in otherwise:
            otherwise.update(operands)
        else:
            otherwise.update(set(operands) - set(_added_by(name, operands)))
    return {("v", j) for j in range(len(program.nodes))} - otherwise


def _added_by(name: str, operands: list[Operand]) -> list[Operand]:
    """The operands that a node adds, times fixed factors."""
    if name in _ADDING:
        return operands[1:] if name == "select" else operands
    if name == "*" and any(o[0] in "kc" for o in operands):
        return [o for o in operands if o[0] not in "kc"]
    return operands[:1] if name == "/" and operands[1][0] in "kc" else []


def _overflows(value: Array, name: str, operands: list[Operand], spaces: dict[str, Array]) -> NDArray[np.bool_]:
    """Where a node is infinite and no number is that it reads."""
    here = np.isinf(value)
    for place, (tag, number) in enumerate(operands):
        if tag in spaces:
            row = spaces[tag][int(number)]
            here &= np.isfinite(row) & ((row != 0.0) | (place != _POLES.get(name)))
    return here


def _adds_infinity(program: Program, operands: list[Operand]) -> bool:
    """Whether an operand is infinite whatever x is, as the logarithm of a density outside its support."""
    constants = program.constants
    return any(abs(constants[int(o[1])] if o[0] == "c" else o[1]) == inf for o in operands if o[0] in "kc")


def product(
    code: Code, program: Program, j: int, a: Operand, partial: Operand, mode: str,
    multiply: Callable[[Operand, Operand], Operand], poles: list[Operand],
) -> Operand:  # fmt: skip
    """A derivative, in forward mode that of the operand, times a partial derivative of node j.

    Where both are finite there is no mask: that would be 0 whatever x is, and have no derivative of its own.
    """
    whole = multiply(a, partial)
    name, *operands = program.nodes[j]
    if name in _OVERFLOWING and (mode == FORWARD or a[0] == "v"):
        mask = _has_overflowed(code, program, j, poles) if mode == FORWARD else _is_flat(code, a, partial)
        if name in _POLES:
            mask = code.apply("and", mask, code.apply("ne", code.own(operands[_POLES[name]]), ZERO))
        whole = code.select(mask, ZERO, whole)
    if name in _ENDING and mode == FORWARD and a[0] == "v":
        mask = code.apply("and", _is_flat(code, a, partial), code.apply("isfinite", code.of[j]))
        whole = code.select(mask, ZERO, whole)
    return whole


def _has_overflowed(code: Code, program: Program, j: int, poles: list[Operand]) -> Operand:
    """Where a node is infinite, and nothing before it was divided by 0: of 1 / (3 * (1 / x) + 1) at 0 the slope is 1/3.

    `poles` are the masks of the nodes before, so far.
    """
    for name, *operands in program.nodes[len(poles) : j + 1]:
        here = code.apply("eq", code.own(operands[_POLES[name]]), ZERO) if name in _POLES else ZERO
        for k in {int(o[1]) for o in operands if o[0] == "v"}:
            here = poles[k] if here == ZERO else here if poles[k] == ZERO else code.apply("or", here, poles[k])
        poles.append(here)
    infinite = code.apply("isinf", code.of[j])
    return infinite if poles[j] == ZERO else code.apply("and", infinite, code.apply("not", poles[j]))


def _is_flat(code: Code, a: Operand, partial: Operand) -> Operand:
    """Where a derivative is 0 and the other factor no number."""
    return code.apply("and", code.apply("eq", a, ZERO), code.apply("not", code.apply("isfinite", partial)))
