"""From the spacing of samples along an axis to the formula at every node: which neighbours, and their weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import stencils

Array = NDArray[Any]
ACCURACIES = (2, 4, 6, 8)

DIFFERENCE = "difference"  # (f0 - f1) / w0
COMBINATION = "combination"  # w0 * f0 + w1 * f1 + w2 * f2
PAIRS = "pairs"  # (w0 * (f0 - f1) + w1 * (f2 - f3) + ...) / w[-1]
AROUND = "around"  # w0 * (f1 - f0) + w1 * (f2 - f0) + ...: zero for constants, whatever their value
THREE_POINTS = "three points"  # COMBINATION, whose weights are computed from the coordinates of the three


@dataclass(frozen=True)
class SampleFormula:
    """What is computed from the samples at `taps` nodes; `wide`: in float64, also of float32 samples."""

    kind: str
    taps: int
    wide: bool

    @property
    def weights(self) -> int:
        counts = {DIFFERENCE: 1, COMBINATION: self.taps, PAIRS: self.taps // 2 + 1, AROUND: self.taps - 1}
        return counts.get(self.kind, 1)


@dataclass(frozen=True)
class Line:
    """A derivative along one axis of n nodes.

    Attributes
    ----------
    inner, edge : Formula
        At the nodes start, ..., stop - 1, and at the others.
    offsets : (taps,) int array
        The neighbours of an inner node.
    inner_weights : callable
        (a, b) -> weights of the inner nodes a, ..., b - 1: one row for each or, unless `uneven`, one for all.
    edge_taps, edge_weights : (n - stop + start, taps or weights) arrays
        For each node before `start` and from `stop` on.
    coordinates : array of float64, optional
        Of the nodes, where the inner formula is that of three points, whose weights need not be made beforehand.
    """

    n: int
    start: int
    stop: int
    inner: SampleFormula
    offsets: Array
    inner_weights: Callable[[int, int], Array]
    uneven: bool
    edge: SampleFormula
    edge_taps: Array
    edge_weights: Array
    coordinates: Array | None = None

    def edge_rows(self, start: int, stop: int) -> Array:
        """Positions among the edge's rows of the nodes in [start, stop) that belong to the edges."""
        left = np.arange(start, min(stop, self.start))
        return np.concatenate([left, np.arange(max(start, self.stop), stop) - self.stop + self.start])

    def nodes(self, start: int, stop: int) -> Array:
        """The nodes, sorted, whose samples the derivatives at [start, stop) need."""
        first, last = max(start, self.start), min(stop, self.stop)
        low, high = start, stop
        if first < last:
            low, high = min(low, first + self.offsets.min()), max(high, last + self.offsets.max())
        others = set(self.edge_taps[self.edge_rows(start, stop)].ravel().tolist())
        before, after = sorted(k for k in others if k < low), sorted(k for k in others if k >= high)
        return np.concatenate([np.array(before, np.int64), np.arange(low, high), np.array(after, np.int64)])

    def part(self, start: int, stop: int, nodes: Array) -> Line:
        """The same derivative at [start, stop) alone, along an axis that has only `nodes` of this one."""
        begin = int(np.searchsorted(nodes, start))
        first = min(max(start, self.start), stop)
        last = max(min(stop, self.stop), first)
        rows = self.edge_rows(start, stop)
        shift = begin - start
        # the rows of the edges are counted from node 0 of an axis: nodes before `start` take places that nothing reads
        unread = np.zeros((begin, self.edge_taps.shape[1]), dtype=np.int64)
        taps = np.concatenate([unread, np.searchsorted(nodes, self.edge_taps[rows])])
        weights = np.concatenate([np.zeros((begin, self.edge_weights.shape[1])), self.edge_weights[rows]])
        return replace(
            self, n=len(nodes), start=first + shift, stop=last + shift, edge_taps=taps, edge_weights=weights,
            inner_weights=lambda a, b: self.inner_weights(a - shift, b - shift), coordinates=None,
        )  # fmt: skip

    def stored(self) -> Line:
        """The same with its weights computed, so that it goes to another process without the coordinates."""
        rows = self.inner_weights(self.start, self.stop)
        kept = _stored(rows, self.start) if self.uneven else _always(rows)
        return replace(self, inner_weights=kept, coordinates=None)

    def negative(self) -> Line:
        """The derivative's negative, to the last bit."""
        return replace(
            self, inner_weights=lambda a, b: _negated(self.inner, self.inner_weights(a, b)),
            edge_weights=_negated(self.edge, self.edge_weights), coordinates=None,
        )  # fmt: skip

    def widened(self) -> Line:
        """The same in float64, so that the sum of several can be."""
        return replace(self, inner=replace(self.inner, wide=True), edge=replace(self.edge, wide=True))


def _negated(formula: SampleFormula, weights: Array) -> Array:
    if formula.kind != PAIRS:
        return -weights
    return np.concatenate([weights[:, :-1], -weights[:, -1:]], axis=1)


# --- np.gradient's own ------------------------------------------------------------------------------------------------


_BESIDE, _AROUND = np.array([1, -1]), np.array([-1, 0, 1])


def numpy_line(n: int, spacing: Any, edge_order: int, dtype: np.dtype[Any]) -> Line:
    """np.gradient's formulas:
    `spacing` is a number or the coordinates, in the precision in which NumPy subtracts them."""
    kind, taps, edge_weights = _edges(n, spacing, edge_order)
    edge = SampleFormula(kind, len(taps[0]), _widens(dtype, edge_weights))
    ends = np.array(taps), np.array(edge_weights, np.float64).reshape(2, -1)
    if np.ndim(spacing) == 0:
        step = 2.0 * spacing
        inner = SampleFormula(DIFFERENCE, 2, _widens(dtype, [step]))
        return Line(n, 1, n - 1, inner, _BESIDE, _always([[step]]), False, edge, *ends)
    inner = SampleFormula(COMBINATION, 3, _widens(dtype, [spacing]))
    return Line(
        n, 1, n - 1, inner, _AROUND, lambda a, b: _three_points(np.diff(spacing[a - 1 : b + 1])), True, edge, *ends,
        _as_doubles(spacing),
    )  # fmt: skip


def _as_doubles(x: Array) -> Array | None:
    """Coordinates as machine code reads them, one after the other; None where they are of another type."""
    return np.ascontiguousarray(x) if x.dtype == np.float64 else None


def _always(weights: Any) -> Callable[[int, int], Array]:
    row = np.array(weights, np.float64)
    return lambda a, b: row


def _stored(rows: Array, start: int) -> Callable[[int, int], Array]:
    return lambda a, b: rows[a - start : b - start]


def _three_points(apart: Array) -> Array:
    left, right = apart[:-1], apart[1:]
    with np.errstate(all="ignore"):
        weights = [
            -(right) / (left * (left + right)),
            (right - left) / (left * right),
            left / (right * (left + right)),
        ]
    return np.stack(weights, axis=-1).astype(np.float64)


def _edges(n: int, spacing: Any, edge_order: int) -> tuple[str, list[list[int]], list[Any]]:
    uniform = np.ndim(spacing) == 0
    if edge_order == 1:
        ends = [spacing, spacing] if uniform else [spacing[1] - spacing[0], spacing[-1] - spacing[-2]]
        return DIFFERENCE, [[1, 0], [n - 1, n - 2]], ends
    taps = [[0, 1, 2], [n - 3, n - 2, n - 1]]
    if uniform:
        first = [-1.5 / spacing, 2.0 / spacing, -0.5 / spacing]
        return COMBINATION, taps, [*first, 0.5 / spacing, -2.0 / spacing, 1.5 / spacing]
    with np.errstate(all="ignore"):
        a, b = np.diff(spacing[:3])
        first = [-(2.0 * a + b) / (a * (a + b)), (a + b) / (a * b), -a / (b * (a + b))]
        a, b = np.diff(spacing[-3:])
        return COMBINATION, taps, [*first, b / (a * (a + b)), -(b + a) / (a * b), (2.0 * b + a) / (b * (a + b))]


def _widens(dtype: np.dtype[Any], weights: list[Any]) -> bool:
    """Whether NumPy computes products of such samples and these weights in float64."""
    return dtype == np.float64 or any(np.result_type(np.empty(1, dtype), w) == np.float64 for w in weights)


# --- of higher order, and periodic ------------------------------------------------------------------------------------


def uniform_line(
    n: int, spacing: Any, derivative: int, accuracy: int, edge: int, *, periodic: bool, dtype: Any
) -> Line:
    """Central differences of samples at equal distances; `edge` samples in the formulas at the edges."""
    half = stencils.stencil(derivative, accuracy).offsets[-1]
    kind, offsets, weights = _central(derivative, accuracy, spacing)
    inner = SampleFormula(kind, len(offsets), kind != DIFFERENCE or _widens(dtype, [2.0 * spacing]))
    if periodic:
        nodes = _ends(n, half)
        ends = inner, (nodes[:, None] + offsets) % n, np.repeat(weights, 2 * half, axis=0)
    else:
        ends = SampleFormula(AROUND, edge, wide=True), *_uniform_edges(n, half, edge, derivative, float(spacing))
    return Line(n, half, n - half, inner, offsets, _always(weights), False, *ends)


def _ends(n: int, half: int) -> Array:
    return np.concatenate([np.arange(half), np.arange(n - half, n)])


def _central(derivative: int, accuracy: int, spacing: Any) -> tuple[str, Array, Array]:
    stencil = stencils.stencil(derivative, accuracy)
    scale = stencil.denominator * float(spacing) ** derivative
    near = [(n, stencil.offsets[a], stencil.offsets[b]) for n, a, b in stencil.terms]
    if derivative == 1 and accuracy == 2:
        return DIFFERENCE, np.array([1, -1]), np.array([[2.0 * spacing]], np.float64)
    if derivative == 1:
        pairs = [o for _, a, b in near for o in (a, b)]
        return PAIRS, np.array(pairs), np.array([[n for n, _, _ in near] + [scale]], np.float64)
    return AROUND, np.array([0, *(a for _, a, _ in near)]), np.array([[n / scale for n, _, _ in near]])


def _uniform_edges(n: int, half: int, count: int, derivative: int, spacing: float) -> tuple[Array, Array]:
    """The first `count` samples for nodes before `half`, the last for those at the other end."""
    taps, weights = _one_sided(half, count, derivative)
    shift = np.repeat([0, n - count], half)[:, None]
    return taps + shift, weights / spacing**derivative


@cache
def _one_sided(half: int, count: int, derivative: int) -> tuple[Array, Array]:
    """The node and the others among 0, ..., count - 1, and the others' weights, at the first and at the last nodes."""
    taps, rows = [], []
    for node in [*range(half), *range(count - half, count)]:
        others = [k for k in range(count) if k != node]
        exact = stencils.weights(derivative, tuple(k - node for k in range(count)))
        taps.append([node, *others])
        rows.append([float(exact[k]) for k in others])
    return np.array(taps), np.array(rows)


def uneven_line(x: Array, derivative: int, points: int, edge: int, period: float | None) -> Line:
    """Through the nearest `points` samples (an odd number) inside, `edge` at the edges; `period` closes the axis."""
    n, half = len(x), points // 2
    offsets = np.array([0, *(o for o in range(-half, half + 1) if o)])
    nodes, inner = _ends(n, half), SampleFormula(AROUND, points, wide=True)
    if period is None:
        window = np.where(nodes < half, 0, n - edge)[:, None] + np.arange(edge)
        others = window[window != nodes[:, None]].reshape(len(nodes), edge - 1)
        taps = np.concatenate([nodes[:, None], others], axis=1)
        ends = SampleFormula(AROUND, edge, wide=True), taps, fornberg(x[taps], derivative)
    else:
        turns, taps = np.divmod(nodes[:, None] + offsets, n)
        ends = inner, taps, fornberg(x[taps] + turns * period, derivative)
    return Line(
        n, half, n - half, inner, offsets, lambda a, b: fornberg(x[np.arange(a, b)[:, None] + offsets], derivative),
        True, *ends,
    )  # fmt: skip


def periodic_three_points(x: Array, period: float, dtype: np.dtype[Any]) -> Line:
    """np.gradient's formula inside, also across the seam."""
    n = len(x)
    formula = SampleFormula(COMBINATION, 3, _widens(dtype, [x]))
    around = np.stack([np.diff([x[-1] - period, x[0], x[1]]), np.diff([x[-2], x[-1], x[0] + period])], axis=1)
    return Line(
        n, 1, n - 1, formula, _AROUND, lambda a, b: _three_points(np.diff(x[a - 1 : b + 1])), True,
        formula, np.array([[n - 1, 0, 1], [n - 2, n - 1, 0]]), _three_points(around)[0],
        _as_doubles(x),
    )  # fmt: skip


def fornberg(x: Array, derivative: int) -> Array:
    """Weights of the samples at x[:, 1:] for the derivative at x[:, 0], which has minus their sum.

    The recursion of B. Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids", Math. Comp. 51
    (1988), for all rows at once. Distances are taken from the node first, so that its place costs no digits.
    """
    z = (x - x[:, :1]).astype(np.float64)
    rows, count = z.shape
    weights = np.zeros((derivative + 1, count, rows))
    weights[0, 0] = 1.0
    product = np.ones(rows)
    for i in range(1, count):
        last, product = product, np.ones(rows)
        for j in range(i):
            apart = z[:, i] - z[:, j]
            product = product * apart
            if j == i - 1:
                for k in range(min(i, derivative), -1, -1):
                    before = k * weights[k - 1, i - 1] if k else 0.0
                    weights[k, i] = last * (before - z[:, i - 1] * weights[k, i - 1]) / product
            for k in range(min(i, derivative), -1, -1):
                before = k * weights[k - 1, j] if k else 0.0
                weights[k, j] = (z[:, i] * weights[k, j] - before) / apart
    return weights[derivative, 1:].T
