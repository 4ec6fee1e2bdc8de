"""Exact derivatives at one point of what returns arrays, and second ones: by programs that agree with the function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from . import agreement
from .live import believed, checking
from .losses import ArrayLoss
from .nodes import Array, RefusedError, constant, ordered, reduce, reshape, ufunc
from .randomness import random_numbers_kept
from .recording import Recording, elsewhere, record
from .sweep import gradients
from .tangents import gradients_along, tangent
from .ties import OWN, has_ties

Outputs = Callable[[], Array]


def jacobian(loss: ArrayLoss, outputs: Outputs) -> tuple[Array, tuple[int, ...]]:
    """The derivatives of all outputs by all elements of the array "", and the shape of the outputs.

    Raises
    ------
    RefusedError
        The function cannot be recorded, or its program does not agree with it.
    """
    usual = np.geterr()
    with checking():
        recording, weights = _recorded(loss, outputs, usual)
        shape, x = recording.result.shape, loss.arrays[""]
        count = recording.result.size
        if count <= x.size:
            seeds = np.eye(count).reshape(count, *shape)
            rows = [gradients(recording, seed=seed)[""].reshape(-1) for seed in seeds]
            found = np.array(rows).reshape(count, x.size)
        else:
            units = np.eye(x.size).reshape(x.size, *x.shape)
            found = np.stack([tangent(recording, {"": unit}).reshape(-1) for unit in units], axis=-1)
        _compare(weights @ found, _of_sum(recording, weights), "its Jacobian")
    return found, shape


def along(loss: ArrayLoss, outputs: Outputs, v: Array) -> tuple[Array, tuple[int, ...]]:
    """The derivatives of all outputs along a direction, and the shape of the outputs."""
    usual = np.geterr()
    with checking():
        recording, weights = _recorded(loss, outputs, usual)
        found = tangent(recording, {"": v})
        slopes = _of_sum(recording, weights)
        parts = np.abs(slopes * v.reshape(-1)).sum()
        _compare(np.array([weights @ found.reshape(-1)]), np.array([slopes @ v.reshape(-1)]), "its derivative", parts)
    return found.reshape(-1), recording.result.shape


def hessian_times(loss: ArrayLoss, directions: Array) -> Array:
    """The Hessian of a loss times each of some directions, in rows."""
    usual, x = np.geterr(), loss.arrays[""]
    with checking():
        recording = record(loss.function, loss.arrays, loss.argument)
        believed(loss, recording, usual)
        if has_ties(recording):
            raise RefusedError(OWN)
        with random_numbers_kept(recording.generators):
            agreement.check_gradient(loss.value, loss.arrays, recording, gradients(recording))
        found = np.array([gradients_along(recording, {"": v.reshape(x.shape)})[""].reshape(-1) for v in directions])
        _check_second(recording, x, directions, found)
    return found


def _recorded(loss: ArrayLoss, outputs: Outputs, usual: Mapping[str, Any]) -> tuple[Recording, Array]:
    """The program of the outputs, and the numbers times which their sum has been compared with the function."""
    recording = record(loss.function, loss.arrays, loss.argument, whole=True)
    with random_numbers_kept(recording.generators):
        first = np.asarray(outputs(), np.float64)
    if first.shape != recording.result.shape:
        msg = f"it returns an array of shape {first.shape}, its program one of shape {recording.result.shape}"
        raise RefusedError(msg)
    flat = np.abs(first.reshape(-1))
    sizes = np.where(np.isfinite(flat) & (flat > 0), flat, 1.0)  # so that none drowns in the others
    weights = np.random.default_rng(6).uniform(0.5, 1.5, flat.size) / sizes

    def value() -> float:
        return float(weights @ np.asarray(outputs(), np.float64).reshape(-1))

    total = reduce(np.add, ufunc(np.multiply, reshape(recording.result, (-1,)), constant(weights)))
    summed = replace(recording, result=total, order=ordered([total]))
    own = ArrayLoss(loss.function, loss.argument, value, loss.arrays)
    believed(own, summed, usual)
    with random_numbers_kept(recording.generators):
        agreement.check_gradient(value, loss.arrays, summed, gradients(summed))
    return recording, weights


def _of_sum(recording: Recording, weights: Array) -> Array:
    return gradients(recording, seed=weights.reshape(recording.result.shape))[""].reshape(-1)


def _compare(found: Array, wanted: Array, what: str, size: float = 0.0) -> None:
    """Two ways to the same numbers."""
    both = np.isfinite(found) & np.isfinite(wanted)
    error = np.abs(found - wanted)[both]
    if not np.all(error <= 1e-9 * max(float(np.abs(wanted[both]).max(initial=0.0)), size)):
        msg = f"{what} forward and its gradient back do not agree"
        raise RefusedError(msg)


def _check_second(recording: Recording, x: Array, directions: Array, found: Array) -> None:
    """Products with a Hessian against differences of the program's own gradient, along their sum."""
    weights = np.random.default_rng(7).uniform(0.5, 1.5, len(directions))
    v, product = weights @ directions, weights @ found
    length = float(np.abs(v).max())
    if not length or not np.isfinite(product).all():
        return
    t = np.finfo(np.float64).eps ** (1 / 3) * max(float(np.abs(x).max()), 1e-3) / length
    above, below = (gradients(elsewhere(recording, {"": x + sign * t * v.reshape(x.shape)}))[""] for sign in (1, -1))
    real = ((above - below) / (2 * t)).reshape(-1)
    noise = 1e-4 * np.abs(product).max() + 64 * np.finfo(np.float64).eps * np.abs(above).max() / t
    if not np.all(np.abs(real - product) <= noise):
        msg = "its second derivatives do not agree with differences of its gradient, as at a kink"
        raise RefusedError(msg)
