"""What a wrong gradient looks like: another sign, a factor, a transposed matrix, a forgotten term."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

CLOSE = 1e-3  # of the length of what is compared: a symptom need not explain the last digit


def hints(name: str, gradient: Array, x: Array, others: dict[str, Array], lines: Array, slopes: Array) -> list[str]:
    """What explains the slopes along some lines through an array.

    `lines` holds one line per row, flat; `slopes` the numerical slopes along them; `others` the further gradients of
    the call. One line is explained by many things by chance, three by none.
    """
    if not gradient.any():
        return ["the gradient is 0 everywhere, f does depend on this array: is its gradient forgotten?"]
    power = int(np.frexp(max(np.abs(gradient).max(), np.abs(slopes).max()))[1])
    gradient, slopes = np.ldexp(gradient, -power), np.ldexp(slopes, -power)  # squares of 1e195 overflow
    others = {other: np.ldexp(part, -power) for other, part in others.items()}
    g = gradient.reshape(-1)
    found = _factor(g, lines, slopes, gradient.shape) + _rearranged(gradient, lines, slopes)
    for other, candidate in others.items():
        if candidate.shape == gradient.shape and _explains(candidate.reshape(-1), lines, slopes):
            found.append(f"this is the gradient of {other}: are {name} and {other} swapped?")
    return found or _decay(g, x.reshape(-1), lines, slopes, power)


def _explains(candidate: Array, lines: Array, slopes: Array) -> bool:
    moved = lines * candidate
    return bool((np.abs(moved.sum(axis=1) - slopes) <= CLOSE * np.hypot.reduce(moved, axis=1)).all())


def _fitted(basis: Array, slopes: Array) -> float:
    """The factor by which a basis comes closest to the slopes."""
    square = float(basis @ basis)
    return float(basis @ slopes) / square if square else 0.0


def _factor(g: Array, lines: Array, slopes: Array, shape: tuple[int, ...]) -> list[str]:
    """The gradient times a number."""
    factor = _fitted(lines @ g, slopes)
    if not factor or not _explains(factor * g, lines, slopes):
        return []
    size = abs(factor)
    sign = "its sign is flipped" if factor < 0 else ""
    if abs(size - 1) < CLOSE:
        return [sign] if sign else []
    much = f"the gradient is too {'small' if size > 1 else 'large'} by the factor {_named(max(size, 1 / size), shape)}"
    return [f"{much}, and {sign}" if sign else much]


def _named(factor: float, shape: tuple[int, ...]) -> str:
    whole = round(factor)
    if abs(factor - whole) > CLOSE * factor:
        return f"{factor:.6g}"
    of = f", the length of axis {shape.index(whole)}" if whole in shape else ": a sum for a mean, or a mean for a sum?"
    return f"{whole}{of if whole > 2 else ''}"


def _rearranged(gradient: Array, lines: Array, slopes: Array) -> list[str]:
    """The gradient with its axes the other way round."""
    if gradient.ndim < 2:
        return []
    if gradient.shape == gradient.T.shape and _explains(gradient.T.reshape(-1), lines, slopes):
        return ["it is transposed: write .T"]
    turned = gradient.reshape(gradient.T.shape).T
    if _explains(turned.reshape(-1), lines, slopes):
        return ["it is reshaped where it should be transposed: write .T in place of .reshape"]
    return []


def _decay(g: Array, x: Array, lines: Array, slopes: Array, power: int) -> list[str]:
    """A multiple of x is missing: the derivative of a penalty on the weights."""
    rest = slopes - lines @ g
    factor = _fitted(lines @ x, rest)
    moved = factor * lines * x
    if not factor or (np.abs(moved.sum(axis=1) - rest) > CLOSE * np.hypot.reduce(moved, axis=1)).any():
        return []
    factor = float(np.ldexp(factor, power))
    return [f"what is missing is {factor:.4g} * x: the gradient of a penalty {factor / 2:.4g} * sum(x**2)?"]
