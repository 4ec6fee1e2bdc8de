"""Checks before an array program is believed: against the loss itself, in place, here and elsewhere.

The arrays are put back bit for bit, also when the loss raises or Ctrl-C arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.python.mutation import check_unchanged, restore, restored
from ..formulas.stencils import Stencil
from ..results import EPS
from .nodes import Array, RefusedError, evaluated
from .randomness import random_states
from .recording import Recording, elsewhere
from .sweep import gradients, roundings
from .ties import OWN, has_ties

Value = Callable[[], float]
Direction = Mapping[str, Array]

SCALES = (1e-3, 0.1)
"""By how much all parameters are moved, beside the size of each."""

SMALL = 1e-6
"""Of how large a loss is nearby: a value so far below comes from terms that cancel, or from a perfect fit."""

CHANGES = "it gives another value when it is called again: it counts, draws random numbers, or changes what it reads"


@dataclass(frozen=True)
class Room:
    """Memory for a check of an exact gradient; of new memory the pages take as long as the loss.

    Attributes
    ----------
    direction : dict of ndarray
        By name; an array of two names is moved once.
    length : float
        Of that.
    originals : list of ndarray
        For copies of these arrays ...
    moves : list of ndarray
        ... and for how far they are moved.
    """

    direction: Direction
    length: float
    originals: list[Array]
    moves: list[Array]


def settled_value(value: Value, arrays: Sequence[Array]) -> float:
    """The loss, called twice with the same answer and the same random numbers left."""
    with restored(arrays) as originals:
        first, states, second = value(), random_states(), value()
        _check_unchanged(arrays, originals)
    if states != random_states() or not (first == second or (np.isnan(first) and np.isnan(second))):
        raise RefusedError(CHANGES)
    return _finite(first)


def _check_unchanged(arrays: Sequence[Array], originals: Sequence[Array]) -> None:
    """The loss must not write into the arrays."""
    try:
        check_unchanged(arrays, originals)
    except ValueError as error:
        raise RefusedError(str(error)) from error


def _finite(value: float) -> float:
    if not np.isfinite(value):
        msg = f"its value is {value}"
        raise RefusedError(msg)
    return value


def check_values(recording: Recording, value: Value, arrays: Mapping[str, Array], reference: float) -> float:
    """The program against the loss: here, and with all parameters moved by irregular amounts, little and much.

    Returns how large the loss is at these places, in whose roundings differences are judged.
    """
    pairs = [(float(recording.result.value), reference)]
    rng = np.random.default_rng(1)
    for scale in SCALES:
        with restored(list(arrays.values())):
            _move_all(arrays, scale, rng)
            moved = {node: arrays[name].astype(np.float64) for name, node in recording.parameters.items()}
            own = float(evaluated(recording.order, moved)[recording.result])
            pairs.append((own, value()))
    size = max(abs(real) for _, real in pairs[:2])
    for (own, real), where in zip(pairs, ("here", *["with all arrays moved"] * 2), strict=True):
        _compare(own, real, size, arrays, where, recording)
    return size


def check_value(recording: Recording, arrays: Mapping[str, Array], reference: float) -> None:
    """A program that was believed before against the loss: here."""
    _compare(float(recording.result.value), reference, abs(reference), arrays, "here", recording)


def _compare(
    own: float, real: float, size: float, arrays: Mapping[str, Array], where: str, recording: Recording
) -> None:  # fmt: skip
    off = abs(own - real)
    if not off <= _allowed(arrays) * max(abs(real), SMALL * size) and own != real and not off <= roundings(recording):
        msg = f"the program gives {own!r} {where}, the loss {real!r}: it decides by values, or keeps state"
        raise RefusedError(msg)


def _move_all(arrays: Mapping[str, Array], scale: float, rng: np.random.Generator) -> None:
    """By irregular amounts, beside the size of each array."""
    for w in {id(w): w for w in arrays.values()}.values():
        typical = np.sqrt(np.mean(np.square(w.astype(np.float64)))) if w.size else 0.0
        np.add(w, scale * max(typical, 0.01) * rng.standard_normal(w.shape), out=w, casting="same_kind")


def _allowed(arrays: Mapping[str, Array]) -> float:
    """The relative error of a value: a program of float32 arrays computes in float64."""
    return max((1e-4 if np.finfo(w.dtype).eps > 1e-10 else 1e-9) for w in arrays.values())


def check_elements(
    arrays: Mapping[str, Array], found: Mapping[str, Array], places: Mapping[str, Any],
    steps: Mapping[str, Any], formula: Stencil, size: float, quotient: Any, recording: Recording,
) -> None:  # fmt: skip
    """The loss's own differences, in place, at a few elements of each array: drawn ones and the steepest."""
    numbers = sum(abs(n) for n, _, _ in formula.terms)
    rng = np.random.default_rng(2)
    for name, w in arrays.items():
        count = len(places[name])
        if not count:
            continue
        steepest = int(np.abs(found[name]).argmax())
        for number in {*rng.integers(0, count, 3).tolist(), steepest}:
            place = places[name][number]
            h = np.broadcast_to(np.reshape(steps[name], -1), w.size)[place]
            (real,) = quotient(w, np.array([place]), h)
            noise = 256 * (np.finfo(w.dtype).eps if w.dtype.itemsize < 8 else EPS) * size
            off = abs(real - found[name][number])
            if not off <= numbers * noise + 1e-5 * abs(real) and not off <= 2 * numbers * roundings(recording):
                msg = (
                    f"element {place} of {name or 'the array'} changes the loss by {float(real)!r}, "
                    f"the program by {float(found[name][number])!r}"
                )
                raise RefusedError(msg)


USUAL, FINE = (1e-3, 16.0), (1e-5, 0.25)
"""How far an exact slope may be from those of both sides, and another step in units of the first."""


def check_gradient(value: Value, arrays: Mapping[str, Array], recording: Recording, found: Mapping[str, Array]) -> None:
    """An exact gradient against central differences along an irregular direction; at a kink, of another point."""
    reason = _difference_along(value, arrays, found, along(arrays))
    if reason and _is_beside_both_sides(value, arrays, found, *(FINE if has_ties(recording) else USUAL)):
        msg = f"{reason}; {OWN}"
        raise RefusedError(msg)
    if reason:
        rng = np.random.default_rng(4)
        with restored(list(arrays.values())):
            _move_all(arrays, SCALES[0], rng)
            reason = _difference_along(value, arrays, gradients(elsewhere(recording, arrays)), along(arrays))
    if reason:
        raise RefusedError(reason)


def room_for(arrays: Mapping[str, Array]) -> Room:
    direction = along(arrays)
    return Room(
        direction,
        _length(direction),
        [np.empty_like(arrays[name]) for name in direction],
        list(map(np.empty_like, direction.values())),
    )


def value_again(value: Value, arrays: Mapping[str, Array], room: Room, usual: Mapping[str, Any]) -> float:
    """The loss, called once in `usual` ways of NumPy's: random numbers are not among what it reads."""
    own = [arrays[name] for name in room.direction]
    for w, original in zip(own, room.originals, strict=True):
        np.copyto(original, w)
    try:
        with np.errstate(**usual):
            found = value()
        _check_unchanged(own, room.originals)
    except BaseException:
        restore(own, room.originals)
        raise
    return _finite(found)


def check_gradient_again(value: Value, arrays: Mapping[str, Array], found: Mapping[str, Array], room: Room) -> None:
    """An exact gradient of a program that was believed before, along its own irregular direction."""
    reason = _difference_along(value, arrays, found, room.direction, room)
    if reason:
        raise RefusedError(reason)


def along(arrays: Mapping[str, Array]) -> Direction:
    """An irregular direction, by name; an array of two names is moved once."""
    own = {id(w): name for name, w in arrays.items()}.values()
    rng = np.random.default_rng(3)
    return {name: rng.standard_normal(arrays[name].shape) for name in own}


def _difference_along(
    value: Value,
    arrays: Mapping[str, Array],
    found: Mapping[str, Array],
    direction: Direction,
    room: Room | None = None,
) -> str:
    """What is wrong along an irregular direction, or nothing.

    One of three steps has to agree: of curvature and of round-off each has a step that suits.
    """
    length = room.length if room else _length(direction)
    eps, step = _precision(arrays, direction), _step(arrays, direction, length)
    exact = sum(_product(v, found[name]) for name, v in direction.items()) / length
    real = exact
    for t in (step, step / 16, step * 16):
        above, below = _values_along(value, arrays, direction, t / length, room)
        real = (above - below) / (2 * t)
        noise = 32 * eps * max(abs(above), abs(below)) / t
        if abs(real - exact) <= noise + 1e-5 * abs(real):
            return ""
    return f"along an irregular direction the loss changes by {real!r}, by its exact gradient {exact!r}"


def _is_beside_both_sides(
    value: Value, arrays: Mapping[str, Array], found: Mapping[str, Array], within: float, farther: float
) -> bool:
    """Whether the exact slope is far from those of both sides, for two steps that see the same: at a kink it is not."""
    direction, at, seen = along(arrays), value(), list[float]()
    length, eps = _length(direction), _precision(arrays, direction)
    exact = sum(_product(v, found[name]) for name, v in direction.items()) / length
    for t in (_step(arrays, direction, length) * np.array([1.0, farther])).tolist():
        above, below = _values_along(value, arrays, direction, t / length, None)
        seen.append((above - below) / (2 * t))
        sides, noise = abs(above - 2 * at + below) / t, 32 * eps * max(abs(above), abs(below)) / t
        if abs(seen[-1] - exact) <= 10 * sides + noise + within * abs(seen[-1]):
            return False
    return abs(seen[0] - seen[1]) <= 0.1 * abs(exact - seen[0])


def _precision(arrays: Mapping[str, Array], direction: Direction) -> float:
    return max(float(np.finfo(arrays[name].dtype).eps) for name in direction)


def _step(arrays: Mapping[str, Array], direction: Direction, length: float) -> float:
    size = max(_largest(arrays[name]) for name in direction)
    return float(_precision(arrays, direction) ** (1 / 3) * max(size, 1e-3) * length**0.5)


def _length(direction: Direction) -> float:
    return float(np.sqrt(sum(_product(v, v) for v in direction.values()))) or 1.0


def _product(v: Array, w: Array) -> float:
    return float(np.dot(v.reshape(-1), w.reshape(-1)))


def _largest(w: Array) -> float:
    """Of the sizes of its elements."""
    return float(max(w.max(initial=0.0), -w.min(initial=0.0)))


def _values_along(
    value: Value, arrays: Mapping[str, Array], direction: Direction, t: float, room: Room | None
) -> tuple[float, float]:
    """The loss with all arrays moved along a direction, and back along it."""
    moved = [arrays[name] for name in direction]
    moves = room.moves if room else [np.empty_like(v) for v in direction.values()]
    with restored(moved, room.originals if room else None) as originals:
        values = []
        for v, by in zip(direction.values(), moves, strict=True):
            np.multiply(t, v, out=by)
        for move in (np.add, np.subtract):
            for w, original, by in zip(moved, originals, moves, strict=True):
                move(original, by, out=w, casting="same_kind")
            values.append(value())
    return values[0], values[1]
