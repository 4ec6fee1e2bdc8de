"""Checks before an array program is believed: against the loss itself, in place, here and elsewhere.

The arrays are put back bit for bit, also when the loss raises or Ctrl-C arrives.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..engine.python.mutation import check_unchanged, restore
from ..formulas.stencils import Stencil
from ..results import EPS
from .nodes import Array, RefusedError, evaluated
from .recording import Recording

Value = Callable[[], float]

SCALES = (1e-3, 0.1)
"""By how much all parameters are moved, beside the size of each."""

CHANGES = "it gives another value when it is called again: it counts, draws random numbers, or changes what it reads"


@contextmanager
def restored(arrays: Sequence[Array]) -> Iterator[None]:
    """What is moved is put back."""
    originals = [w.copy() for w in arrays]
    try:
        yield
    finally:
        restore(arrays, originals)


def settled_value(value: Value, arrays: Sequence[Array]) -> float:
    """The loss, called twice with the same answer and the same random numbers left."""
    originals = [w.copy() for w in arrays]
    try:
        first, states, second = value(), _random_states(), value()
        check_unchanged(arrays, originals)
    except ValueError as error:
        restore(arrays, originals)
        raise RefusedError(str(error)) from error
    if states != _random_states() or not (first == second or (np.isnan(first) and np.isnan(second))):
        raise RefusedError(CHANGES)
    if not np.isfinite(first):
        msg = f"its value is {first}"
        raise RefusedError(msg)
    return first


def _random_states() -> Any:
    return random.getstate(), str(np.random.get_state())  # noqa: NPY002  those that the user's loss draws from


@contextmanager
def random_numbers_kept() -> Iterator[None]:
    """The random numbers that the loss would have drawn without the checks."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def check_values(recording: Recording, value: Value, arrays: Mapping[str, Array], reference: float) -> None:
    """The program against the loss: here, and with all parameters moved by irregular amounts, little and much."""
    allowed = _allowed(arrays)
    _check_near(float(recording.result.value), reference, allowed, "here")
    rng = np.random.default_rng(1)
    for scale in SCALES:
        with restored(list(arrays.values())):
            for w in arrays.values():
                typical = np.sqrt(np.mean(np.square(w.astype(np.float64)))) if w.size else 0.0
                w += (scale * max(typical, 0.01) * rng.standard_normal(w.shape)).astype(w.dtype)
            moved: dict[Any, Any] = {node: arrays[name].astype(np.float64) for name, node in
                                     recording.parameters.items()}  # fmt: skip
            own = float(evaluated(recording.order, moved)[recording.result])
            _check_near(own, value(), allowed, "with all arrays moved")


def _allowed(arrays: Mapping[str, Array]) -> float:
    """The relative error of a value: a program of float32 arrays computes in float64."""
    return max((1e-4 if np.finfo(w.dtype).eps > 1e-10 else 1e-9) for w in arrays.values())


def _check_near(own: float, real: float, allowed: float, where: str) -> None:
    if not abs(own - real) <= allowed * max(abs(real), 1e-3) and own != real:
        msg = f"the program gives {own!r} {where}, the loss {real!r}: it decides by values, or keeps state"
        raise RefusedError(msg)


def check_elements(
    arrays: Mapping[str, Array], found: Mapping[str, Array], places: Mapping[str, Any],
    steps: Mapping[str, Any], formula: Stencil, reference: float, quotient: Any,
) -> None:  # fmt: skip
    """The loss's own differences, in place, at a few elements of each array: drawn ones and the steepest."""
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
            noise = 256 * (np.finfo(w.dtype).eps if w.dtype.itemsize < 8 else EPS) * max(abs(reference), 1.0)
            noise *= sum(abs(n) for n, _, _ in formula.terms)
            if not abs(real - found[name][number]) <= noise + 1e-5 * abs(real):
                msg = (
                    f"element {place} of {name or 'the array'} changes the loss by {real!r}, "
                    f"the program by {found[name][number]!r}"
                )
                raise RefusedError(msg)


def check_slope(value: Value, arrays: Mapping[str, Array], gradients: Mapping[str, Array], reference: float) -> None:
    """An exact gradient against one central difference of the loss along an irregular direction."""
    rng = np.random.default_rng(3)
    along = {name: rng.standard_normal(w.shape) for name, w in arrays.items()}
    norm = np.sqrt(sum(float(np.sum(v * v)) for v in along.values())) or 1.0
    eps = max(float(np.finfo(w.dtype).eps) for w in arrays.values())
    size = max((float(np.abs(w).max(initial=0.0)) for w in arrays.values()), default=1.0)
    exact = sum(float(np.sum(along[name] * gradients[name])) for name in arrays) / norm
    worst = np.inf
    for t in (eps ** (1 / 3), eps ** (1 / 3) / 16, eps ** (1 / 3) * 16):  # of one that suits, kinks and curves differ
        t = t * max(size, 1e-3) * max(norm, 1.0) ** 0.5
        values = []
        for sign in (1, -1):
            with restored(list(arrays.values())):
                for name, w in arrays.items():
                    w += (sign * t / norm * along[name]).astype(w.dtype)
                values.append(value())
        real = (values[0] - values[1]) / (2 * t)
        noise = 32 * eps * max(abs(reference), abs(values[0]), 1e-3) / t
        worst = min(worst, abs(real - exact) / (noise + 1e-3 * abs(real) + 1e-300))
        if worst <= 1.0:
            return
    msg = f"along an irregular direction the loss changes by {real!r}, by its exact gradient {exact!r}"
    raise RefusedError(msg)
