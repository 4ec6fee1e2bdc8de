"""Derivatives of noisy functions: the noise at each point, and the step that suits it at each coordinate.

f is asked at rows of points. Where it raises farther away than the step that is taken in the end, it has no value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.bound import Facts
from ..engine.call import Call, Output, Target, Workers
from ..engine.threads import progress_report
from ..formulas.digits import may_be_rounded, precision_of
from ..formulas.neville import CONVERGED, NOT_FINITE
from ..formulas.noise import (
    OTHER,
    SPACING,
    TRIES,
    VALUES,
    WIDER,
    Third,
    first_distance,
    noise_of,
    with_round_off,
)
from ..formulas.stencils import stencil
from ..formulas.steps import irregular
from ..results import EPS
from .partials import DifferenceQuotients, Sampler

Array = NDArray[Any]

LEVELS = 6  # of distances, to either side of the first


def fill(call: Call, out: Output, values: Array | None, engine: str, workers: Workers, progress: Any) -> Facts:
    """Fill `out` with central differences at steps that suit the noise, and `values` with f at the points."""
    sampler = Sampler(call, engine, workers, call.total)
    partials = DifferenceQuotients(sampler)
    count, columns = call.points.layout
    owners, units = np.divmod(np.arange(count * columns), max(columns, 1))
    base, noise = sampler.at_points(np.arange(count)), noise_at_points(call, sampler)
    with progress_report(progress, "coordinate") as report:
        h, *found = _found(partials, owners, units, noise[owners], base[owners])
        if report:
            report(len(owners), len(owners))
    single = not isinstance(out, Target)
    array = out.reserve(sampler.shape) if isinstance(out, Target) else out
    parts = [a[:, 0].reshape(array.shape) if single else _of_outputs(a, count, columns) for a in found]
    array[...] = parts[0]
    if values is not None:
        values[:] = base[:, 0]
    return Facts(
        sampler.engine, sampler.nfev, sampler.eps, parts[1], parts[2], h.reshape(count, columns), each=partials.asked,
        noise=noise,
    )  # fmt: skip


def _found(partials: DifferenceQuotients, owners: Array, units: Array, noise: Array, base: Array) -> tuple[Array, ...]:
    """The steps (P,), the derivatives (P, M), their errors and status."""
    if not owners.size:
        return np.empty(0), noise, noise, np.empty(noise.shape, np.intp)
    third = _Search(partials, owners, units, noise, base).found()
    h = third.step()
    derivative, _ = partials.quotients(owners, units, h, stencil(1, 2))
    finite = np.isfinite(derivative)
    return h, derivative, np.where(finite, third.error(h), np.nan), np.where(finite, CONVERGED, NOT_FINITE)


def _of_outputs(found: Array, count: int, columns: int) -> Array:
    """(N * D, M) as (N, M, D)."""
    return found.reshape(count, columns, found.shape[1]).swapaxes(1, 2).copy()


def noise_at_points(call: Call, sampler: Sampler) -> Array:
    """The noise of each output at each point, (N, M), not below its round-off."""
    base = sampler.at_points(np.arange(call.points.count))
    if call.noise != "estimate":
        return with_round_off(np.full(base.shape, call.noise), base, sampler.eps)
    noise, size = np.full(base.shape, np.nan), np.abs(base)
    spacing, points = np.full(len(base), SPACING), np.arange(len(base))
    for _ in range(TRIES):
        seen = _on_lines(call, sampler, points, spacing[points])
        found, repeat = noise_of(seen)
        found = np.fmax(found, _of_digits(seen))
        noise[points] = np.where(np.isnan(noise[points]), found, noise[points])
        with np.errstate(all="ignore"):
            size[points] = np.fmax(size[points], np.abs(seen).max(axis=0))
        spacing[points] *= np.where(repeat.any(axis=1), OTHER, 1.0 / OTHER)
        points = points[np.isnan(noise[points]).any(axis=1)]
        if not points.size:
            break
    return with_round_off(noise, size, sampler.eps)


def _of_digits(seen: Array) -> Array:
    """The noise of values (VALUES, P, M) that are rounded, by their digits; NaN of others."""
    noise = np.full(seen.shape[1:], np.nan)
    for place in zip(*np.nonzero(np.isfinite(seen).all(axis=0)), strict=True):
        values = seen[(slice(None), *place)].tolist()
        if may_be_rounded(values[0]) and (eps := precision_of(values)) > EPS:
            noise[place] = eps * max(map(abs, values)) / 12**0.5  # of a number that is rounded to multiples
    return noise


def _on_lines(call: Call, sampler: Sampler, points: Array, spacing: Array) -> Array:
    """f at some points and beside them in an irregular direction, `VALUES` times: (VALUES, P, M)."""
    x = sampler.x[points]
    signs = np.where(np.arange(x.shape[1]) % 2, -1.0, 1.0)
    v = np.broadcast_to(signs * irregular(x.shape[1]), x.shape) * spacing[:, None] * np.maximum(1.0, np.abs(x))
    if call.bounds is not None:
        low, high = (b[points] for b in call.bounds)
        with np.errstate(all="ignore"):
            v = np.where(high - x >= x - low, np.minimum(np.abs(v), (high - x) / VALUES), -np.abs(v))
            v = np.maximum(v, (low - x) / VALUES)
    rows = x[:, None, :] + np.arange(1, VALUES)[:, None] * v[:, None, :]
    beside = sampler.at(rows, points, np.ones(len(points), dtype=bool))
    return np.concatenate([sampler.at_points(points)[None], beside.swapaxes(0, 1)])


class _Search:
    """The shortest distances at which third derivatives stand out of the noise, for pairs of a point and a coordinate.

    Distances grow by `WIDER` where none does, as far as f has values and x is not left behind; where one stands at
    once they shrink, as long as it does.
    """

    def __init__(self, partials: DifferenceQuotients, owners: Array, units: Array, noise: Array, base: Array) -> None:
        self.partials, self.owners, self.units, self.noise = partials, owners, units, noise
        self.x = partials.x[owners, units]
        self.d = first_distance(self.x, noise, base)
        self.inner, self.outer = (self._half(np.arange(len(owners)), k * self.d) for k in (1.0, WIDER))

    def found(self) -> Third:
        """What is known at the distances that the search ends with."""
        some = np.arange(len(self.owners))
        third = self._third(some)
        down = third.stands | ~self._is_known(some)
        self._shrink(some[down])
        self._grow(some[~down])
        return self._third(some)

    def _third(self, some: Array) -> Third:
        with np.errstate(all="ignore"):
            return Third(self.d[some], self.outer[some] - WIDER * self.inner[some], self.noise[some])

    def _is_known(self, some: Array) -> Array:
        return np.asarray(np.isfinite(self.inner[some] + self.outer[some]).any(axis=1))

    def _half(self, some: Array, d: Array) -> Array:
        """Half of the change of f between two points at this distance from x."""
        far = np.stack([d, -d], axis=1)
        above, below = self.partials.beside(self.owners[some], self.units[some], far).swapaxes(0, 1)
        with np.errstate(all="ignore"):
            return np.asarray((above - below) / 2.0)

    def _grow(self, some: Array) -> None:
        for _ in range(LEVELS):
            d = WIDER * self.d[some]
            some = some[~self._third(some).stands & (WIDER * d <= np.maximum(1.0, np.abs(self.x[some])))]
            if not some.size:
                return
            d = WIDER * self.d[some]
            outer = self._half(some, WIDER * d)
            known = np.isfinite(outer).any(axis=1)
            some, d, outer = some[known], d[known], outer[known]
            self.d[some], self.inner[some], self.outer[some] = d, self.outer[some], outer

    def _shrink(self, some: Array) -> None:
        for _ in range(LEVELS):
            if not some.size:
                return
            d = self.d[some] / WIDER
            inner, known = self._half(some, d), self._is_known(some)
            with np.errstate(all="ignore"):
                loud = Third(d, self.inner[some] - WIDER * inner, self.noise[some]).stands
            better = loud | ~known
            some, d, inner = some[better], d[better], inner[better]
            self.d[some], self.outer[some], self.inner[some] = d, self.inner[some], inner
            some = some[loud[better] | ~self._is_known(some)]
