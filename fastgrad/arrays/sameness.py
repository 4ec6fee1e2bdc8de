"""Whether a recording would be made again just so: what it was made from, and what is there now."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from .facts import TOKENS, FactsWalk
from .nodes import Array, Node
from .rebuild import Rebuilder
from .tokens import RecordedFacts, UnknownError

SMALL = 256
"""Elements; so few are compared as bytes."""


def noted(roots: tuple[Any, ...], arrays: list[Array], copies: Rebuilder, used: set[Node]) -> RecordedFacts | None:
    """What a recording was made from; `used` are the nodes whose values it has in it. None where that is unknown."""
    facts = RecordedFacts()
    walk = FactsWalk(arrays, facts, copies, used)
    try:
        for root in roots:
            walk.over(root)
    except (UnknownError, KeyError, RecursionError):
        return None
    return facts if len(facts.tokens) <= TOKENS and not copies.generators else None


def settle(facts: RecordedFacts | None, used: set[Node], looked_at: set[Node]) -> RecordedFacts | None:
    """Of arrays that a program reads as they are, `used`, and of which nothing else came, no values are kept.

    `looked_at` are the constants from which others were computed, or that decided something. An array that was lent for
    such a use may change unseen: then nothing is known.
    """
    if facts is None:
        return None
    for place, node in list(facts.nodes.items()):
        value = facts.values[place]
        assert value is not None
        if node in used and node not in looked_at and node.size >= SMALL:
            facts.values[place] = None
        elif not value.flags.writeable:
            return None
        else:
            del facts.nodes[place]
    return facts


def hold(facts: RecordedFacts, roots: tuple[Any, ...], arrays: list[Array]) -> dict[Node, Array] | None:
    """The values of what is read anew if a recording would be made from the same today, None if not."""
    if any(reference() is None for reference in facts.references):
        return None
    own = list({id(w): w for w in arrays}.values())
    if any(np.may_share_memory(a, b) for a, b in combinations(own, 2)):  # which is refused
        return None
    walk = FactsWalk(arrays, facts)
    try:
        for root in roots:
            walk.over(root)
    except Exception:  # noqa: BLE001  also IndexError and KeyError, of what is new; whatever the user's objects raise
        return None
    if walk.at < len(facts.tokens) or not all(_same(facts.values[k], array) for k, array in walk.compared):
        return None
    anew = ((k, array) for k, array in walk.compared if facts.values[k] is None)
    return {facts.nodes[k]: np.asarray(array, np.float64, order="C") for k, array in anew}


def _same(kept: Array | None, array: Array) -> bool:
    """Bit for bit; floats are kept as float64. What is read anew may be any."""
    if kept is None:
        return True
    array = array if array.dtype == kept.dtype else array.astype(kept.dtype)
    if array.size < SMALL:
        return array.tobytes() == kept.tobytes()
    if kept.dtype == np.float64:
        return bool(np.array_equal(array.view(np.int64), kept.view(np.int64)))
    return bool(np.array_equal(array, kept))
