"""Derivatives of values that were sampled on a grid, and how fast the machine copies memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numba
import numpy as np
import rivals
from contest import Array, Case, Contestant

from fastgrad import grid
from fastgrad.engine import threads

CHUNK = 1 << 16


@dataclass(frozen=True)
class Samples:
    """Values, a spacing or coordinates for each axis, np.gradient's own result, and an array that holds one."""

    values: Array
    spacing: Sequence[Any]
    exact: Array
    out: Array


def samples(count: int, dimension: int, uneven: bool = False) -> Samples:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(count,) * dimension)
    spacing = [np.cumsum(generator.uniform(0.5, 1.0, count)) if uneven else 0.25 for _ in range(dimension)]
    exact = np.array(np.gradient(values, *spacing))
    return Samples(values, spacing, exact, np.full_like(exact, np.nan))


def fresh(p: Samples) -> Contestant:
    return Contestant(lambda: grid.gradient(p.values, *p.spacing), p.exact)


def into(p: Samples) -> Contestant:
    p.out.fill(np.nan)
    return Contestant(lambda: grid.gradient(p.values, *p.spacing, out=p.out), p.exact)


def np_gradient(p: Samples) -> Contestant:
    return Contestant(lambda: np.gradient(p.values, *p.spacing), p.exact)


def jax_gradient(p: Samples) -> Contestant:
    library = rivals.jax_in_float64()
    run = library.jit(lambda values: library.numpy.gradient(values, *p.spacing))
    values = library.numpy.asarray(p.values)
    return Contestant(lambda: [np.asarray(part.block_until_ready()) for part in run(values)], p.exact)


def findiff(p: Samples) -> Contestant:
    """Its edges are of second order; what is compared is the interior."""
    from findiff import Diff

    parts = [Diff(k, h, acc=2) for k, h in enumerate(p.spacing)]
    inner = (slice(None), *[slice(1, -1)] * p.values.ndim)
    results: list[Any] = []

    def run() -> Any:
        results[:] = [part(p.values) for part in parts]
        return results

    run()
    if np.allclose(np.array(results)[inner], p.exact[inner]):
        return Contestant(run, None)
    msg = "findiff's interior is not np.gradient's"
    raise AssertionError(msg)


def copy(p: Samples) -> Contestant:
    """As many bytes as a gradient moves: one array in, one for each axis out, at the pace of a copy."""
    target = np.ones_like(p.out).reshape(-1)
    return _copying(p, lambda: target)


def copy_to_new_memory(p: Samples) -> Contestant:
    """The same into memory that the system has yet to clear, as for a gradient without `out`."""
    return _copying(p, lambda: np.empty(p.out.size))


def _copying(p: Samples, make: Callable[[], Array]) -> Contestant:
    source = p.out.reshape(-1)
    pieces = -(-source.size // CHUNK)
    share = 2 * p.values.ndim / (p.values.ndim + 1)

    def run() -> None:
        threads.run(partial(_copy, source, make()), pieces, workers=threads.cores())

    return Contestant(run, None, share=share)


@numba.njit(nogil=True)
def _copy(source, target, start, stop):  # type: ignore[no-untyped-def]
    for k in range(start * CHUNK, min(stop * CHUNK, source.size)):
        target[k] = source[k]


GRADIENT: dict[str, Callable[[Samples], Contestant]] = {
    "fastgrad": fresh,
    "fastgrad, out=": into,
    "np.gradient": np_gradient,
    "findiff": findiff,
    "JAX": jax_gradient,
    "a copy of the bytes": copy,
    "a copy to new memory": copy_to_new_memory,
}
UNEVEN = {name: GRADIENT[name] for name in ("fastgrad", "fastgrad, out=", "np.gradient", "JAX")}

# The Laplacian --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wave:
    """sin(x) cos(y) on a periodic square, and minus twice that."""

    values: Array
    h: float
    exact: Array


def wave(count: int) -> Wave:
    x = np.arange(count) * (2 * np.pi / count)
    values = np.sin(x)[:, None] * np.cos(x)
    return Wave(values, float(x[1]), -2 * values)


def laplacian(p: Wave) -> Contestant:
    return Contestant(lambda: grid.laplacian(p.values, p.h), p.exact, tolerance=100 * p.h)


def laplacian_into(p: Wave) -> Contestant:
    out = np.full_like(p.values, np.nan)
    return Contestant(lambda: grid.laplacian(p.values, p.h, out=out), p.exact, tolerance=100 * p.h)


def gradient_twice(p: Wave) -> Contestant:
    """The way with np.gradient."""

    def twice(values: Array, h: float, axis: int) -> Array:
        return np.gradient(np.gradient(values, h, axis=axis, edge_order=2), h, axis=axis, edge_order=2)

    def run() -> Array:
        return sum(twice(p.values, p.h, k) for k in range(2))

    return Contestant(run, p.exact, tolerance=100 * p.h)


def findiff_laplacian(p: Wave) -> Contestant:
    from findiff import Diff

    operator = Diff(0, p.h, acc=2) ** 2 + Diff(1, p.h, acc=2) ** 2
    return Contestant(lambda: operator(p.values), p.exact, tolerance=100 * p.h)


LAPLACIAN: dict[str, Callable[[Wave], Contestant]] = {
    "fastgrad": laplacian,
    "fastgrad, out=": laplacian_into,
    "np.gradient": gradient_twice,
    "findiff": findiff_laplacian,
}


def _case(
    name: str, title: str, count: int, tiny: int, dimension: int, ratios: dict[str, float], **spacing: bool
) -> Case:
    entrants = UNEVEN if spacing else GRADIENT
    return Case("grid", name, title, count, tiny, partial(samples, dimension=dimension, **spacing), entrants, ratios)


CASES = (
    _case(
        "plane", "gradient, 4096 x 4096", 4096, 400, 2,
        {"np.gradient": 4.0, "findiff": 2.0, "JAX": 2.0, "a copy to new memory": 0.6},
    ),
    _case("cube", "gradient, 256 x 256 x 256", 256, 60, 3, {"np.gradient": 4.0, "findiff": 2.0, "JAX": 2.0}),
    _case("uneven", "gradient, uneven, 4096 x 4096", 4096, 400, 2, {"np.gradient": 7.0, "JAX": 2.0}, uneven=True),
    Case("grid", "laplacian", "Laplacian, 4096 x 4096", 4096, 400, wave, LAPLACIAN, {"np.gradient": 6.0}),
)  # fmt: skip
