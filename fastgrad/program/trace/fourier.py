"""Rules for tracing numpy.fft and scipy.fft: transforms of some hundred numbers, by their smallest factors."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import FUNCTIONS, LOOPS, Objects, elementwise, wrap
from .complexnumbers import both
from .reductions import objects

_TURNS = (1.0 + 0.0j, 1.0j, -1.0 + 0.0j, -1.0j)


def _root_of_unity(k: int, n: int) -> complex:
    """exp(2 pi i k / n); quarter turns exactly."""
    quarters, rest = divmod(4 * (k % n), n)
    return cmath.exp(2j * math.pi * (k % n) / n) if rest else _TURNS[quarters]


def _transform(values: list[Any], sign: int) -> list[Any]:
    """Of the transforms of every p-th number that of all, p being the smallest factor."""
    n = len(values)
    p = next((p for p in range(2, math.isqrt(n) + 1) if n % p == 0), n)
    if p == 1:
        return values
    inner = [_transform(values[start::p], sign) for start in range(p)] if p < n else [[value] for value in values]
    found = []
    for k in range(n):
        total = inner[0][k % (n // p)]
        for start in range(1, p):
            total = total + _root_of_unity(sign * start * k, n) * inner[start][k % (n // p)]
        found.append(total)
    return found


def _scale(norm: str | None, n: int, sign: int) -> float:
    if norm == "ortho":
        return 1.0 / math.sqrt(n)
    return 1.0 / n if (norm == "forward") == (sign < 0) else 1.0


def _along(a: Objects, axis: int, how: Callable[[list[Any]], list[Any]]) -> Objects:
    """A function of rows of numbers along an axis."""
    rows = np.moveaxis(a, axis, -1)
    found = [how(row.tolist()) for row in rows.reshape(-1, rows.shape[-1])]
    made = np.empty((len(found), len(found[0]) if found else 0), dtype=object)
    for row, values in zip(made, found, strict=True):
        row[:] = values
    return np.moveaxis(made.reshape(*rows.shape[:-1], made.shape[1]), -1, axis)


def _resized(row: list[Any], n: int | None) -> list[Any]:
    return row if n is None else [*row[:n], *[0.0] * (n - len(row))]


def _fft(sign: int, half: bool = False) -> Callable[..., Any]:
    def rule(a: Any, n: Any = None, axis: Any = -1, norm: Any = None) -> Any:
        def how(row: list[Any]) -> list[Any]:
            row = _resized(row, n)
            scale, found = _scale(norm, len(row), sign), _transform(row, sign)
            return [value * (scale + 0.0j) for value in (found[: len(row) // 2 + 1] if half else found)]

        return _along(objects(a), axis, how)

    return rule


def _irfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None) -> Any:
    def how(row: list[Any]) -> list[Any]:
        count = 2 * (len(row) - 1) if n is None else n
        half = _resized(row, count // 2 + 1)
        ends = [both(half[0])[0], *([both(half[-1])[0]] if count % 2 == 0 else [])]  # real, whatever is given
        inner = half[1 : len(half) - (count % 2 == 0)]
        whole = [ends[0], *inner, *ends[1:], *[elementwise(np.conjugate, value) for value in reversed(inner)]]
        scale = _scale(norm, count, 1)
        return [both(value)[0] * scale for value in _transform(whole, 1)]

    return _along(objects(a), axis, how)


def _of_axes(single: Callable[..., Any], default: tuple[int, ...] | None) -> Callable[..., Any]:
    def rule(a: Any, s: Any = None, axes: Any = default, norm: Any = None) -> Any:
        found = objects(a)
        chosen = range(found.ndim)[-len(s) :] if axes is None and s is not None else axes
        for k, axis in enumerate(range(found.ndim) if chosen is None else chosen):
            found = np.asarray(single(found, None if s is None else s[k], axis, norm), dtype=object)
        return found

    return rule


_OTHER = {"backward": "forward", "forward": "backward", "ortho": "ortho", None: "forward"}
"""The norm of a transform in the other direction."""


def _hfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None) -> Any:
    return _irfft(elementwise(np.conjugate, objects(a)), n, axis, _OTHER[norm])


def _ihfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None) -> Any:
    return elementwise(np.conjugate, np.asarray(_half(a, n, axis, _OTHER[norm]), dtype=object))


_forward, _backward, _half = _fft(-1), _fft(1), _fft(-1, half=True)
FUNCTIONS.update({
    np.fft.fft: _forward, np.fft.ifft: _backward, np.fft.rfft: _half, np.fft.irfft: _irfft,
    np.fft.hfft: _hfft, np.fft.ihfft: _ihfft,
    np.fft.fft2: _of_axes(_forward, (-2, -1)), np.fft.ifft2: _of_axes(_backward, (-2, -1)),
    np.fft.fftn: _of_axes(_forward, None), np.fft.ifftn: _of_axes(_backward, None),
})  # fmt: skip


def _real_forward(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """That of real numbers along the last axis, then that of complex ones along the others."""
    found, axes = objects(a), _all_axes(a, s, axes)
    lengths = [None] * len(axes) if s is None else list(s)
    found = objects(_half(found, lengths[-1], axes[-1], norm))
    return _of_axes(_forward, None)(found, None if s is None else lengths[:-1], axes[:-1], norm)


def _real_backward(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    axes = _all_axes(a, s, axes)
    lengths = [None] * len(axes) if s is None else list(s)
    found = _of_axes(_backward, None)(a, None if s is None else lengths[:-1], axes[:-1], norm)
    return _irfft(found, lengths[-1], axes[-1], norm)


def _all_axes(a: Any, s: Any, axes: Any) -> list[int]:
    every = list(range(np.ndim(a)))
    return list(axes) if axes is not None else every[-len(s) :] if s is not None else every


FUNCTIONS.update({
    np.fft.rfft2: _real_forward, np.fft.irfft2: _real_backward,
    np.fft.rfftn: lambda a, s=None, axes=None, norm=None: _real_forward(a, s, axes, norm),
    np.fft.irfftn: lambda a, s=None, axes=None, norm=None: _real_backward(a, s, axes, norm),
})  # fmt: skip


def _shifted(sign: int) -> Callable[..., Any]:
    def rule(x: Any, axes: Any = None) -> Any:
        array = objects(x)
        chosen = range(array.ndim) if axes is None else np.atleast_1d(axes)
        for axis in chosen:
            half = array.shape[axis] // 2
            array = np.roll(array, half if sign > 0 else -half, axis)
        return wrap(array)

    return rule


FUNCTIONS.update({np.fft.fftshift: _shifted(1), np.fft.ifftshift: _shifted(-1)})


def _as_scipys(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule with the arguments of SciPy's function of that name, of which some say how it is computed."""

    def call(x: Any, *given: Any, overwrite_x: Any = False, workers: Any = None, plan: Any = None, **named: Any) -> Any:
        return rule(x, *given[:3], **named)  # then overwrite_x and workers

    return call


def _of_axes_or_one(rule: Callable[..., Any], default: Any) -> Callable[..., Any]:
    """A rule for several axes, of which SciPy takes a single one, too."""

    def call(x: Any, s: Any = None, axes: Any = default, norm: Any = None) -> Any:
        return rule(x, s, (axes,) if isinstance(axes, int) else axes, norm)

    return call


def _by_matrix(function: Callable[..., Any]) -> Callable[..., Any]:
    """A cosine or a sine transform by what SciPy makes of unit vectors."""

    def call(x: Any, type: Any = 2, n: Any = None, axis: Any = -1, norm: Any = None, *_: Any, **how: Any) -> Any:
        a = np.moveaxis(objects(x), axis, -1)
        more = {"orthogonalize": how.get("orthogonalize")}
        matrix = function(np.eye(a.shape[-1]), type=type, n=n, axis=0, norm=norm, **more)
        return np.moveaxis(np.asarray(LOOPS[np.matmul](a, matrix.T), dtype=object), -1, axis)

    return call


_ALONG_ONE = {name: FUNCTIONS[getattr(np.fft, name)] for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")}
_ALONG_SEVERAL = {"fft2": (-2, -1), "ifft2": (-2, -1), "fftn": None, "ifftn": None}
TRANSFORMS: dict[str, Callable[..., Any]] = {
    **{name: _as_scipys(rule) for name, rule in _ALONG_ONE.items()},
    **{
        name: _as_scipys(_of_axes_or_one(FUNCTIONS[getattr(np.fft, name)], default))
        for name, default in _ALONG_SEVERAL.items()
    },
    "fftshift": _shifted(1),
    "ifftshift": _shifted(-1),
}
"""What functions of scipy.fft do with symbols, by name."""
BY_MATRICES = frozenset({"dct", "idct", "dst", "idst"})
"""Those that are a known matrix each."""


def transform(name: str, function: Callable[..., Any]) -> Callable[..., Any] | None:
    """The rule for a function of scipy.fft, if there is one."""
    return _by_matrix(function) if name in BY_MATRICES else TRANSFORMS.get(name)
