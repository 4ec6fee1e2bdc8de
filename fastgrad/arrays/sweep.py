"""Exact gradients of array programs: one sweep back through the four kinds of node, in two to three times f's work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..formulas.broadcasting import summed_to
from ..program.saturation import ASIDE
from ..results import EPS
from .nodes import Array, Node, RefusedError, refuse
from .pointwise import partials
from .recording import Recording, elsewhere
from .values import LARGE
from .wholes import Whole, backward

Rooms = dict[tuple[Node, int], Array]

_ENDING = (np.sqrt, np.arcsin, np.arccos, np.arccosh, np.power)  # not defined beyond a place where they are vertical
_ZERO, _ONE = np.float64(0.0), np.float64(1.0)


@dataclass(frozen=True)
class SweepForm:
    """How a sweep is done.

    Attributes
    ----------
    careful : Recording, optional
        Nothing comes back, whatever the derivative, where nothing came, nor where a root of this program ends at rest.
    rooms : dict of ndarray, optional
        Memory for what comes back, by node and number of the argument.
    """

    careful: Recording | None
    rooms: Rooms | None

    def times(self, node: Node, k: int, bar: Any, x: Any) -> Any:
        """A product of a node's shape, for its argument number k."""
        if self.rooms is None or node.size < LARGE:
            return bar * x
        if (node, k) not in self.rooms:
            self.rooms[node, k] = np.empty(node.shape)
        return np.multiply(bar, x, out=self.rooms[node, k])


def gradients(recording: Recording, rooms: Rooms | None = None, seed: Any = _ONE) -> dict[str, Array]:
    """The derivatives of the result by all elements of the parameters, by name; of an array, times `seed` and summed.

    Of a `where` only the branch that is taken counts: what is not finite there meets a 0 that stays 0.
    """
    bars = _swept(recording, SweepForm(None, rooms), seed)
    if not all(np.isfinite(bar).all() for bar in bars.values()):
        bars = _swept(recording, SweepForm(recording, rooms), seed)
    return bars


def swept_back(
    recording: Recording, seed: Any, rule: Callable[[Node, Any], list[tuple[Node, Any]]], start: Node | None = None
) -> dict[Node, Any]:
    """What comes back to the parameters if `seed` comes to a node, the result by default, by a rule for all nodes."""
    bars: dict[Node, Any] = {start or recording.result: seed}
    with np.errstate(all="ignore"):
        for node in reversed(recording.order):
            bar = bars.pop(node, None) if node.kind != "parameter" else None
            if bar is not None:
                for argument, more in rule(node, bar):
                    bars[argument] = bars[argument] + more if argument in bars else more
    return bars


def roundings(recording: Recording) -> float:
    """How far the result may be off by rounding, to first order: each number once, by how much the result reacts to it.

    A perfect fit's -log(1 + 1e-7) has the roundings of 1, not those of 1e-7.
    """
    total = 0.0

    def rule(node: Node, bar: Any) -> list[tuple[Node, Any]]:
        nonlocal total
        if node.is_float:
            total += float(np.sum(np.abs(_spread(bar, node.shape) * node.value)))
        found: list[tuple[Node, Any]] = _RULES[node.kind](node, bar, SweepForm(None, None))
        return found

    try:
        swept_back(recording, _ONE, rule)
    except RefusedError:  # of something without a derivative nothing is known
        return 0.0
    return EPS * total if np.isfinite(total) else 0.0


def _swept(recording: Recording, way: SweepForm, seed: Any) -> dict[str, Array]:
    bars = swept_back(recording, seed, lambda node, bar: _RULES[node.kind](node, bar, way))
    given = set(map(id, way.rooms.values())) if way.rooms else set()
    return {name: _own(bars.get(node, _ZERO), node.shape, given) for name, node in recording.parameters.items()}


def _own(bar: Any, shape: tuple[int, ...], given: set[int]) -> Array:
    """An array that nobody else has: what came back itself where it is one, for pages of new memory take time."""
    if type(bar) is np.ndarray and bar.base is None and bar.shape == shape and id(bar) not in given:
        given.add(id(bar))
        return bar
    return np.array(np.broadcast_to(bar, shape))


def _ufunc(node: Node, bar: Any, way: SweepForm) -> list[tuple[Node, Any]]:
    if node.how is np.where:
        return _where(node, bar)
    if node.how in _PRODUCTS and not way.careful:
        return _by_products(node, bar, way)
    found: list[tuple[Node, Any]] = []
    if not any(a.moves and a.is_float for a in node.args):  # numbers made of truths have no derivative
        return found
    for argument, partial in partials(node):
        slope = _at_ends(node, argument, partial, way.careful) if way.careful else partial
        product = bar if isinstance(slope, float) and slope == 1.0 else bar * slope
        if way.careful:
            product = np.where(np.equal(bar, 0.0), 0.0, product)
        found.append((argument, summed_to(_spread(product, node.shape), argument.shape)))
    return found


def _at_ends(node: Node, argument: Node, partial: Any, recording: Recording) -> Any:
    """A partial derivative that is 0 where a root ends and what it is of rests: as a norm's at the origin, whose sides
    mirror each other."""
    ended = np.broadcast_to(np.isinf(partial), node.shape) & np.isfinite(node.value)
    if node.how not in _ENDING or not ended.any() or not _is_real_beside(node, ended, recording):
        return partial
    seed = summed_to(np.where(ended, _irregular(node), 0.0), argument.shape)
    bars = swept_back(recording, seed, lambda n, bar: _RULES[n.kind](n, bar, SweepForm(None, None)), argument)
    rests = all(np.equal(bars.get(parameter, 0.0), 0.0).all() for parameter in recording.parameters.values())
    return np.where(ended, 0.0, partial) if rests else partial


def _irregular(node: Node) -> Any:
    """Numbers between 1 and 2 that cancel nothing."""
    return 1.0 + np.modf(np.sqrt(5.0) / 2 * np.arange(node.size))[0].reshape(node.shape)


def _is_real_beside(node: Node, ended: Any, recording: Recording) -> bool:
    """Whether its values are no NaN on either side: (x**3)**0.5 ends at 0, and there is nothing to mirror."""
    place = recording.order.index(node)
    for side in (ASIDE, -ASIDE):
        moved = {
            name: p.value + side * np.maximum(1.0, np.abs(p.value)) * _irregular(p)
            for name, p in recording.parameters.items()
        }
        if np.isnan(elsewhere(recording, moved).order[place].value[ended]).any():
            return False
    return True


def _spread(x: Any, shape: tuple[int, ...]) -> Any:
    return x if x.shape == shape else np.broadcast_to(x, shape)


def _by_products(node: Node, bar: Any, way: SweepForm) -> list[tuple[Node, Any]]:
    """The same for functions whose derivatives are made of what is there: half of the time of a table of partials."""
    if len(node.args) == 2 and node.args[0] is node.args[1] and node.how is np.multiply:
        return [(node.args[0], _doubled(way.times(node, 0, bar, node.args[0].value)))]
    found = []
    for k, a in enumerate(node.args):
        if a.moves and a.is_float:
            product, is_negative = _PRODUCTS[node.how](node, k, bar, way)
            back = summed_to(_spread(product, node.shape), a.shape)
            found.append((a, -back if is_negative else back))
    return found


def _doubled(x: Any) -> Any:
    return np.add(x, x, out=x) if type(x) is np.ndarray else x + x


def _of_divide(node: Node, k: int, bar: Any, _way: SweepForm) -> tuple[Any, bool]:
    quotient = bar / node.args[1].value
    return (quotient, False) if k == 0 else (quotient * node.value, True)


_PRODUCTS: Mapping[Any, Callable[[Node, int, Any, SweepForm], tuple[Any, bool]]] = {
    np.add: lambda _node, _k, bar, _way: (bar, False),
    np.subtract: lambda _node, k, bar, _way: (bar, k == 1),
    np.negative: lambda _node, _k, bar, _way: (bar, True),
    np.multiply: lambda node, k, bar, way: (way.times(node, k, bar, node.args[1 - k].value), False),
    np.divide: _of_divide,
    np.square: lambda node, k, bar, way: (_doubled(way.times(node, k, bar, node.args[0].value)), False),
    np.exp: lambda node, k, bar, way: (way.times(node, k, bar, node.value), False),
    np.log: lambda node, _k, bar, _way: (bar / node.args[0].value, False),
}
"""What comes back to an argument from what came to the value of a function, and whether with the other sign."""


def _where(node: Node, bar: Any) -> list[tuple[Node, Any]]:
    """To each branch where it is taken."""
    mask, *branches = node.args
    parts = np.where(mask.value, bar, 0.0), np.where(mask.value, 0.0, bar)
    pairs = [(a, part) for a, part in zip(branches, parts, strict=True) if a.moves and a.is_float]
    return [(a, summed_to(np.broadcast_to(part, node.shape), a.shape)) for a, part in pairs]


def _move(node: Node, bar: Any, _way: SweepForm) -> list[tuple[Node, Any]]:
    _, key = node.how
    bar = _spread(bar, node.shape)
    if key and key[0] == "reshape":
        return [(node.args[0], bar.reshape(node.args[0].shape))]
    if key and key[0] == "transpose":
        return [(node.args[0], bar.transpose(np.argsort(key[1])))]
    return [(a, _gathered(node, k, bar)) for k, a in enumerate(node.args) if a.moves and a.is_float]


def _gathered(node: Node, k: int, bar: Any) -> Any:
    """What came back to argument number k, from all places to which its elements were moved."""
    places, single = sources(node, k)
    argument = node.args[k]
    flat = bar.reshape(-1)
    if (places < 0).any():
        flat, places = flat[places >= 0], places[places >= 0]
    if single:
        total: Any = np.zeros(argument.size)
        total[places] = flat
    else:
        total = np.bincount(places, weights=flat, minlength=argument.size)
    return total.reshape(argument.shape)


def sources(node: Node, k: int) -> tuple[Any, bool]:
    """From which element of argument number k each element of a move comes, -1 for others; whether from one each."""
    if ("sources", k) not in node.kept:
        function, _ = node.how
        positions = [
            np.arange(a.size).reshape(a.shape) if n == k else np.full(a.shape, -1) for n, a in enumerate(node.args)
        ]
        places = np.asarray(function(*positions)).reshape(-1)
        kept = places[places >= 0]
        counts = np.bincount(kept, minlength=1)
        node.kept["sources", k] = places, bool(counts.max(initial=0) <= 1)
    found: tuple[Any, bool] = node.kept["sources", k]
    return found


def _reduce(node: Node, bar: Any, _way: SweepForm) -> list[tuple[Node, Any]]:
    function, axes, keepdims = node.how
    (x,) = node.args
    spread = bar if keepdims or not node.shape else np.expand_dims(_spread(bar, node.shape), axes)
    if function is np.add:
        return [(x, np.broadcast_to(spread, x.shape))]
    ties = ties_of(node)
    share = spread / ties.sum(axis=axes, keepdims=True)
    return [(x, np.where(ties, share, 0.0))]


def ties_of(node: Node) -> Any:
    """Which elements are the extreme ones of what is reduced."""
    _, axes, keepdims = node.how
    return node.args[0].value == np.asarray(node.value if keepdims else np.expand_dims(node.value, axes))


def spread_over(node: Node, bar: Any) -> list[tuple[Node, Any]]:
    """What comes back through a node that is linear, or linear where its choices stay as they are."""
    if node.kind == "ufunc":
        return _where(node, bar)
    found: list[tuple[Node, Any]] = _RULES[node.kind](node, bar, SweepForm(None, None))
    return found


def _matmul(node: Node, bar: Any, _way: SweepForm) -> list[tuple[Node, Any]]:
    a, b = node.args
    bar, found = _spread(bar, node.shape), []
    if a.moves:
        found.append((a, summed_to(np.matmul(bar, np.swapaxes(b.value, -1, -2)), a.shape)))
    if b.moves:
        found.append((b, summed_to(np.matmul(np.swapaxes(a.value, -1, -2), bar), b.shape)))
    return found


def _other(node: Node, bar: Any, _way: SweepForm) -> list[tuple[Node, Any]]:
    """Positions and truths have no derivative, nor has what cancels."""
    if isinstance(node.how, Whole):
        return backward(node, bar)
    return [] if node.how == "shift" or not node.is_float else refuse(f"np.{node.how} has no derivative")


_RULES: Mapping[str, Any] = {
    "ufunc": _ufunc, "move": _move, "reduce": _reduce, "matmul": _matmul, "other": _other
}  # fmt: skip
