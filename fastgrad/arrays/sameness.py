"""Whether a recording would be made again just so: what it was made from, and what is there now."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from .facts import TOKENS, Walk
from .nodes import Array, Node
from .rebuild import Rebuilder
from .tokens import Facts, UnknownError

SMALL = 256
"""Elements; so few are compared as bytes."""


def noted(roots: tuple[Any, ...], arrays: list[Array], copies: Rebuilder, used: set[Node]) -> Facts | None:
    """What a recording was made from; `used` are the nodes whose values it has in it. None where that is unknown."""
    facts = Facts()
    walk = Walk(arrays, facts, copies, used)
    try:
        for root in roots:
            walk.over(root)
    except (UnknownError, KeyError, RecursionError):
        return None
    return facts if len(facts.tokens) <= TOKENS and not copies.generators else None


def hold(facts: Facts, roots: tuple[Any, ...], arrays: list[Array]) -> bool:
    """Whether a recording would be made from the same today."""
    if any(reference() is None for reference in facts.references):
        return False
    own = list({id(w): w for w in arrays}.values())
    if any(np.may_share_memory(a, b) for a, b in combinations(own, 2)):  # which is refused
        return False
    walk = Walk(arrays, facts)
    try:
        for root in roots:
            walk.over(root)
    except Exception:  # noqa: BLE001  also IndexError and KeyError, of what is new; whatever the user's objects raise
        return False
    return walk.at == len(facts.tokens) and all(_same(facts.values[k], array) for k, array in walk.compared)


def _same(kept: Array, array: Array) -> bool:
    """Bit for bit; floats are kept as float64."""
    array = array if array.dtype == kept.dtype else array.astype(kept.dtype)
    if array.size < SMALL:
        return array.tobytes() == kept.tobytes()
    if kept.dtype == np.float64:
        return bool(np.array_equal(array.view(np.int64), kept.view(np.int64)))
    return bool(np.array_equal(array, kept))
