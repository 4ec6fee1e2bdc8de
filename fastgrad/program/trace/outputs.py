"""What a traced function returned, as a program."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from ..operands import RESULTS
from ..program import Operand, Program
from ..sigmoids import Nodes, with_ones
from . import flips
from .failures import NoNumberError
from .operators import COMPLEXES
from .parts import check_all_written
from .refusals import refuse
from .symbols import Flag, Symbol, Trace
from .truths import Truth

_SINGLE = (Symbol, Flag, Truth, float)


def outputs_of(recording: Trace, result: Any) -> tuple[tuple[Operand, ...], tuple[int, ...]]:
    """What f returns, as operands, and its shape."""
    check_all_written(recording)
    if type(result) in _SINGLE:
        shape, values = (), [result]
    else:
        array = np.asarray(result, dtype=object)
        shape, values = array.shape, array.ravel().tolist()
    operands = []
    for value in values:
        single = value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value
        operand = recording.operand(single)
        if operand is None and type(single) in COMPLEXES:
            refuse("f returns complex numbers; of these gradient, jacobian and derivative are made by differences")
        if operand is None:
            why = f"f returns a {type(value).__name__}, which is no number"
            raise NoNumberError(why)
        operands.append(operand)
    return tuple(operands), shape


def guarded(recording: Trace, outputs: tuple[Operand, ...], guards: Sequence[Operand]) -> tuple[Operand, ...]:
    """f's outputs, not finite where a function of math raises."""
    if not guards:
        return outputs
    from .guards import with_guards  # noqa: PLC0415  few functions use math

    return with_guards(recording, outputs, guards)


def _are_all_read(nodes: Nodes, constants: int, outputs: tuple[Operand, ...]) -> bool:
    """Whether each node is read by a later one or is an output: then all are needed, which is seen at once."""
    read, count = set(chain(outputs, chain.from_iterable(nodes))), len(nodes)
    every = chain(map(RESULTS.__getitem__, range(count)), zip("c" * constants, range(constants), strict=True))
    return read.issuperset(every)


def program_of(recording: Trace, outputs: tuple[Operand, ...], shape: tuple[int, ...]) -> Program:
    """The nodes and constants on which outputs depend, numbered anew; the caller knows of how many inputs."""
    flips.check(recording, outputs)
    nodes, raises = with_ones(recording.nodes, recording.constants), bool(recording.guards)
    if _are_all_read(nodes, len(recording.constants), outputs):
        return Program(0, 0, tuple(nodes), outputs, shape, tuple(recording.constants), raises=raises)
    needed: set[Any] = set(outputs)
    for j in range(len(nodes) - 1, -1, -1):
        if ("v", j) in needed:
            needed.update(nodes[j][1:])
    kept = [j for j in range(len(nodes)) if ("v", j) in needed]
    slots = [s for s in range(len(recording.constants)) if ("c", s) in needed]
    number: dict[Any, Any] = {("v", j): ("v", new) for new, j in enumerate(kept)}
    number.update({("c", s): ("c", new) for new, s in enumerate(slots)})
    renamed = tuple((nodes[j][0], *(number.get(o, o) for o in nodes[j][1:])) for j in kept)
    constants = tuple(recording.constants[s] for s in slots)
    return Program(0, 0, renamed, tuple(number.get(o, o) for o in outputs), shape, constants, raises=raises)
