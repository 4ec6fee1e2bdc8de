"""What is moved of a program: parts of one long array as arrays of their own, without what need not move.

An optimizer hands weights to a loss in one vector.

Of a vector each element is moved by itself: a network of two layers takes minutes. As the matrices that the loss makes
of it, elements are moved block by block: those of a column change the same places.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .blocks import Places
from .nodes import Array, Node, move, ordered
from .recording import Recording

SMALLEST, MOST = 2, 64
"""Elements of a part, and parts of an array."""

Positions = NDArray[np.intp]
Uses = Mapping[Node, list[Node]]


class SectionPart(NamedTuple):
    """Of which array, and which of its elements, in the order of the part's own."""

    name: str
    positions: Positions


@dataclass(frozen=True)
class Sections:
    """A program of parts of its arrays, only what moves with them; an array that stays whole is its own one part.

    Attributes
    ----------
    recording : Recording
    parts : dict of Part
        By their names in that recording.
    """

    recording: Recording
    parts: Mapping[str, SectionPart]

    def places(self, places: Places) -> Places:
        """Flat places in arrays, as such in parts."""
        return {name: at[at >= 0] for name, at in self._inside(places).items()}

    def steps(self, steps: Mapping[str, Any]) -> dict[str, Any]:
        """Steps of the elements of arrays, or one for all, of those of parts."""
        found = {}
        for name, (owner, positions) in self.parts.items():
            h = np.reshape(steps[owner], -1)
            found[name] = h if len(h) == 1 else h[positions]
        return found

    def joined(self, found: Mapping[str, Array], places: Places) -> dict[str, Array]:
        """What was found for the elements at places in parts, for those in arrays."""
        out = {name: np.zeros(len(given)) for name, given in places.items()}
        for name, at in self._inside(places).items():
            out[self.parts[name].name][at >= 0] = found[name]
        return out

    def _inside(self, places: Places) -> dict[str, Positions]:
        """For each place in an array that in a part of it, -1 where it is none of its."""
        found = {}
        for name, (owner, positions) in self.parts.items():
            where = np.full(max(int(places[owner].max(initial=-1)), int(positions.max(initial=-1))) + 1, -1)
            where[positions] = np.arange(len(positions))
            found[name] = where[places[owner]]
        return found


def sectioned(recording: Recording) -> Sections:
    """A program of the matrices and vectors that it makes of its arrays, where it makes any of them."""
    uses = defaultdict[Node, list[Node]](list)
    for node in recording.order:
        for a in dict.fromkeys(node.args):
            uses[a].append(node)
    parameters, parts, new = dict[str, Node](), dict[str, SectionPart](), dict[Node, Node]()
    names = (name for name in map(str, count()) if name not in recording.parameters)
    shared = len(set(recording.parameters.values())) < len(recording.parameters)
    for name, node in recording.parameters.items():
        sections = {} if shared or len(node.shape) != 1 else _sections(node, uses, recording.result)
        if not any(len(section.shape) > 1 for section in sections):
            parameters[name], parts[name] = node, SectionPart(name, np.arange(node.size))
            continue
        for section, positions in _with_rest(node, sections).items():
            part = next(names)
            parameters[part], parts[part] = Node("parameter", value=section.value), SectionPart(name, positions)
            new[section] = parameters[part]
        own = {parameters[part]: p.positions for part, p in parts.items() if p.name == name}
        new[node] = move(_assembling(node, list(own.values())), *own)
    program = _of_parts(recording, parameters, new) if new else recording
    return Sections(replace(program, order=_that_moves(program.order)), parts)


def _sections(node: Node, uses: Uses, result: Node) -> dict[Node, Positions]:
    """What is made of elements of an array by moving them, each element in one of these at most."""
    taken, found = np.zeros(node.size, bool), dict[Node, Positions]()
    for user in uses[node]:
        at, end = _moved(user, node, np.arange(node.size).reshape(node.shape)), user
        if at is None or at.size < SMALLEST or len(found) == MOST or taken[at.reshape(-1)].any():
            continue
        while len(uses[end]) == 1 and (more := _moved(uses[end][0], end, at)) is not None and more.size == at.size:
            at, end = more, uses[end][0]
        if end is not result:
            taken[at.reshape(-1)] = True
            found[end] = at.reshape(-1)
    return found


def _moved(user: Node, node: Node, at: Positions) -> Positions | None:
    """Where the elements come from that a move picks out, each once."""
    if user.kind != "move" or user.args != (node,) or not user.is_float:
        return None
    places = np.asarray(user.how[0](at))
    return places if len(np.unique(places)) == places.size else None


def _with_rest(node: Node, sections: dict[Node, Positions]) -> dict[Node, Positions]:
    """The sections, and what is in none of them."""
    rest = np.setdiff1d(np.arange(node.size), np.concatenate(list(sections.values())))
    left = {Node("parameter", value=np.asarray(node.value).reshape(-1)[rest]): rest} if len(rest) else {}
    return sections | left


def _assembling(node: Node, positions: list[Positions]) -> Any:
    """What makes the array of its parts."""

    def assembled(*parts: Any) -> Any:
        flat = np.empty(node.size, np.result_type(*parts))
        for part, at in zip(parts, positions, strict=True):
            flat[at] = part.reshape(-1)
        return flat.reshape(node.shape)

    return assembled


def _of_parts(recording: Recording, parameters: Mapping[str, Node], new: dict[Node, Node]) -> Recording:
    """The program, of what stands for its arrays and parts of them."""
    for node in recording.order:
        args = tuple([new.get(a, a) for a in node.args])
        if node not in new and args != node.args:
            new[node] = node.again(args, node.value)
    result = new[recording.result]
    return replace(recording, result=result, parameters=parameters, order=ordered([result]))


def _that_moves(order: list[Node]) -> list[Node]:
    """The nodes without those of which all that is made cancels."""
    needed = {order[-1]}
    for node in reversed(order):
        if node in needed and node.how != "shift":
            needed.update(node.args)
    return [node for node in order if node in needed]
