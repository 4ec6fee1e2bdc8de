"""One call as the engines see it: the function, its points, the table and the steps; and where derivatives go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..formulas.stencils import Table
from ..formulas.steps import Steps, direction_step, with_precision
from ..program.look import CoarserError
from ..results import EPS

Array = NDArray[np.float64]
Workers = int | Callable[..., Any] | None
"""Threads or processes, or a function like map, which gets the calls of an f that is not compiled."""

USUAL_LEVELS = 6  # steps that a refined derivative of a smooth function tries
SEGMENT = 1024  # nodes of a grid's row to an item: small enough to share, long enough to make its start-up small


class Rows:
    """Points given one per row; `shape` is the shape in which f gets a point.

    Those of a lower precision, `is_narrow`, become float64 where they are asked for: all only where they have to.
    `owner` is the array that the user has, of which these are a copy where f might write into it meanwhile; `is_single`
    says that this is one point, and no row of several.
    """

    __slots__ = ("count", "dimension", "given", "is_narrow", "is_single", "layout", "owner", "shape")

    def __init__(self, given: NDArray[Any], shape: tuple[int, ...], owner: NDArray[Any] | None = None) -> None:
        self.given, self.shape, self.is_narrow = given, shape, given.dtype.itemsize < 8
        self.owner, self.is_single = given if owner is None else owner, owner is not None
        self.count: int = given.shape[0]
        self.dimension: int = given.shape[1]
        self.layout = (self.count, self.dimension)

    @property
    def values(self) -> Array:
        """All points in float64."""
        if self.is_narrow:
            self.given, self.is_narrow = self.given.astype(np.float64), False
        return self.given

    def row(self, n: Any) -> Array:
        row: Array = self.given[n]
        return row.astype(np.float64) if self.is_narrow else row


class Grid:
    """The nodes of a grid in C order; no coordinates are stored but the axes'."""

    __slots__ = ("axes", "count", "dimension", "layout", "shape")

    def __init__(self, axes: tuple[Array, ...]) -> None:
        self.axes, self.shape = axes, (len(axes),)
        self.count, self.dimension = prod(map(len, axes)), len(axes)
        self.layout = (self.count, self.dimension)

    def row(self, n: Any) -> Array:
        """The coordinates of a node, or of some nodes in rows, as those of `Rows`."""
        node = np.unravel_index(n, tuple(map(len, self.axes)))
        return np.stack([axis[i] for axis, i in zip(self.axes, node, strict=True)], axis=-1)


@dataclass(slots=True)
class Call:
    """What an engine needs to know. Nothing changes it, but freezing would take a microsecond at each call.

    Attributes
    ----------
    f : callable
        Called as ``f(x, *args)``, x in the shape of a point, or a float where `scalar` is set.
    points : Rows or Grid
    table : Table
    steps : Steps
    args : tuple
        The same for all points ...
    batch : tuple of ndarray
        ... and arrays of which f gets the rows of its point after them.
    value : bool
        Whether f(x) is wanted beside the derivative.
    scalar : bool
        Whether f takes a number instead of an array (`derivative`) ...
    whole : tuple of int
        ... and the shape of the array that holds all these numbers.
    vector : bool
        Whether f may return an array, whose shape is kept (`jacobian`, `jvp`); the output is then a `Target`.
    v : ndarray, optional
        One direction per point, (N, D): unit vector number D of the table ...
    t : ndarray, optional
        ... and its steps (N,), for an f whose results have the precision of float64.
    adaptive : bool
        Whether steps are refined for every element.
    bounds : tuple of two ndarrays, optional
        The lowest and the highest coordinates at which f may be called, in the layout of the points ...
    fits : float
        ... and the precision of f's results for whose steps there is room.
    noise : float or str, optional
        The size of f's noise, where that is more than round-off, or "estimate".
    expected : int
        Evaluations of the whole computation, where this call is a part of one: they choose the engine.
    ahead : bool
        Whether its points are made up: f is looked at before there are any.
    often : bool
        Whether it is going to be repeated at other points, so that the best code pays even for one.
    """

    f: Callable[..., Any]
    points: Rows | Grid
    table: Table
    steps: Steps
    args: tuple[Any, ...] = ()
    batch: tuple[Array, ...] = ()
    value: bool = False
    scalar: bool = False
    whole: tuple[int, ...] = ()
    vector: bool = False
    v: Array | None = None
    t: Array | None = None
    adaptive: bool = False
    bounds: tuple[Array, Array] | None = None
    fits: float = EPS
    noise: float | str | None = None
    expected: int = 0
    ahead: bool = False
    often: bool = False

    def at(self, points: Rows) -> Call:
        """The same call at other points, in a third of the time of `replace`."""
        made = object.__new__(Call)
        for name in Call.__slots__:
            setattr(made, name, getattr(self, name))
        made.points = points
        return made

    @property
    def needs_base(self) -> bool:
        """Whether f is evaluated at the point itself."""
        return self.value or self.table.uses_base

    @property
    def moves_coordinates(self) -> bool:
        """Whether a direction moves a single coordinate; jvp moves all along v and nothing else."""
        return self.table.along_axes or int(self.table.units.min(initial=self.points.dimension)) < self.points.dimension

    @property
    def is_few(self) -> bool:
        """Whether exact derivatives are not worth a kernel, if NumPy can make them: at one point that is no row.

        A kernel rounds otherwise in the last place, and a row's bits are the same whatever rows are beside it.
        """
        return isinstance(self.points, Rows) and self.points.is_single and not self.often

    @property
    def looks_beside(self) -> bool:
        """Whether what is known of f around x tells that steps are too long: of Hessians always, else at one point."""
        table = self.table
        if self.v is not None or self.bounds is not None or self.adaptive or self.expected or self.scalar:
            return False
        if self.noise is not None:
            return False
        known = table.name in {"hessian", "hessian_diagonal"} or (
            table.along_axes and self.points.count == 1 and self.needs_base
        )
        return known and not (table.is_exact or table.is_complex)

    @property
    def evaluations(self) -> int:
        """Calls of f that the table makes."""
        return self.points.count * (self.table.displacements + self.needs_base)

    @property
    def total(self) -> int:
        """Calls of f that the whole computation is expected to make."""
        return self.expected or self.evaluations * (USUAL_LEVELS if self.adaptive or self.noise is not None else 1)

    def steps_for(self, eps: float) -> Steps:
        """The steps for an f whose results have precision eps.

        Raises
        ------
        CoarserError
            Between the bounds there was found room for smaller ones only.
        """
        if self.bounds is not None and eps > self.fits and self.steps.rule == "default":
            raise CoarserError(eps)
        return self.steps if eps == EPS else with_precision(self.steps, self.table.stencil, eps)

    def t_for(self, eps: float) -> Array | None:
        """The steps along v for an f whose results have precision eps; given ones stay as they are."""
        if self.v is None or self.steps.rule != "default" or eps == EPS:
            return self.t
        t: Array = direction_step(self.points.row(slice(None)), self.v, self.table.stencil, eps=eps)
        return t

    def argument(self, row: Array) -> Any:
        """A fresh argument for f from a row of coordinates."""
        return np.float64(row[0]) if self.scalar else np.array(row.reshape(self.points.shape))

    def args_at(self, n: int) -> tuple[Any, ...]:
        """What f gets after x at a point."""
        return (*self.args, *(rows[n] for rows in self.batch)) if self.batch else self.args

    def value_at(self, n: int) -> Any:
        """What f returns at a point."""
        return self.f(self.argument(self.points.row(n)), *self.args_at(n))

    def inside(self, n: int, row: Array) -> Array:
        """A row near point n, moved to where f may be called."""
        return row if self.bounds is None else np.clip(row, self.bounds[0][n], self.bounds[1][n])

    def finite(self) -> int:
        """The number of the first point without NaN and inf, or 0."""
        if np.isfinite(self.points.row(0)).all() or isinstance(self.points, Grid):
            return 0
        finite = np.flatnonzero(np.isfinite(self.points.given).all(axis=1))
        return int(finite[0]) if finite.size else 0


def without_points(call: Call) -> Call:
    """The same call of no points, to be kept: it does not hold those that it was made with."""
    return replace(call, points=Rows(np.empty((0, call.points.dimension)), call.points.shape))


def subset(call: Call, picks: NDArray[np.intp]) -> Call:
    """The same call at some of its points, given as rows."""
    points, size = call.points, call.steps.size
    rows = points.row(picks)
    steps = replace(call.steps, size=size[picks]) if size.ndim == 2 else call.steps
    v, t = (None if a is None else a[picks] for a in (call.v, call.t))
    batch = tuple(rows[picks] for rows in call.batch)
    bounds = None if call.bounds is None else (call.bounds[0][picks], call.bounds[1][picks])
    return replace(call, points=Rows(rows, points.shape), steps=steps, v=v, t=t, batch=batch, bounds=bounds)


def segments(grid: Grid) -> int:
    """Items to a row of a grid along its last axis."""
    return -(-len(grid.axes[-1]) // SEGMENT)


def batch_rows(call: Call, points: slice | NDArray[np.intp]) -> Array:
    """The batch arguments side by side, a row for each point.

    Kernels read a row without a stride: of arrays in Fortran's order NumPy makes one in Fortran's order.
    """
    parts = [np.asarray(a[points], dtype=np.float64).reshape(len(a[points]), -1) for a in call.batch]
    return np.ascontiguousarray(np.concatenate(parts, axis=1))


class Target:
    """Where the derivatives of an f with an output of any shape go: made as soon as f has shown that shape."""

    def __init__(self, make: Callable[[tuple[int, ...]], Array]) -> None:
        self._make = make
        self.shape: tuple[int, ...] | None = None
        self.array: Array | None = None

    def reserve(self, shape: tuple[int, ...]) -> Array:
        """The array to fill, (N, M, K): N points, M the size of f's output, K outputs of the table.

        Raises
        ------
        ValueError
            f returned another shape before, or the caller's `out` does not fit.
        """
        if self.array is None:
            self.shape, self.array = shape, self._make(shape)
        elif shape != self.shape:
            msg = f"f returned an array of shape {shape} after one of shape {self.shape}; it must keep to one shape"
            raise ValueError(msg)
        return self.array


Output = Array | Target


def reserved(out: Output, shape: tuple[int, ...]) -> Array:
    """The array of an output; that of a target is made now."""
    return out.reserve(shape) if isinstance(out, Target) else out
