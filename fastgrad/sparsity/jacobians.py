"""Sparse Jacobians: columns that share no row are moved together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import stencils
from ..arguments import check_args, check_function, check_scheme, check_workers
from ..engine.call import Call, Rows
from ..engine.plan import check_engine, warn_if_constant
from ..engine.refusals import Untraceable
from ..jacobians import jacobian as dense
from ..request import Array, Function, Step, read_points, read_steps
from ..results import EPS, Result, status_of, users_level
from . import groups
from .agreement import check_pattern
from .patterns import Pattern, scipy_sparse
from .structures import structure_of


def pattern(f: Function, x: ArrayLike, *, args: tuple[Any, ...] = ()) -> Pattern:
    """Which outputs of f depend on which coordinates, found by tracing f; for `jacobian`.

    The pattern is structural: it does not depend on the values in x, and has an entry wherever f's arithmetic leads
    from a coordinate to an output, in both branches of a ``np.where`` too. Time and memory are linear in the number of
    f's operations.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``, numbers of any shape from an array of x's shape, written in NumPy.
    x : array_like
        One point, of which the shape counts.
    args : tuple
        Arguments after x.

    Returns
    -------
    Pattern
        Of shape (M, D).

    Raises
    ------
    ValueError
        f cannot be traced; the text says why.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad import sparsity
    >>> sparsity.pattern(lambda x: x[1:] - x[:-1] ** 2, np.zeros(10_000))
    Pattern of shape (9999, 10000): 19998 entries, 2 groups of columns
    """
    check_function(f)
    _, points = read_points(x, batch=False)
    return _detected(f, points, check_args(args))


def _detected(f: Function, points: Rows, args: tuple[Any, ...]) -> Pattern:
    try:
        return structure_of(f, a_point(points), args).jacobian
    except Untraceable as refused:
        msg = f"the pattern cannot be found by tracing f: {refused}. Pass pattern=, a matrix of scipy.sparse or a 0/1 array with a row per output and a column per coordinate"
        raise ValueError(msg) from None


def a_point(points: Rows) -> Array:
    """The first point without NaN and inf, the first one or zeros; in its own shape."""
    finite = np.flatnonzero(np.isfinite(points.values).all(axis=1))
    if not points.count:
        return np.zeros(points.shape)
    return points.row(int(finite[0]) if finite.size else 0).reshape(points.shape)


def jacobian(
    f: Function,
    x: ArrayLike,
    *,
    pattern: Any = None,
    args: tuple[Any, ...] = (),
    batch: bool = False,
    method: str = "central",
    order: int = 2,
    h: Step = None,
    rel_step: Step = None,
    engine: str = "auto",
    workers: int | None = None,
    check: bool = True,
    full_output: bool = False,
) -> Any:
    """Sparse Jacobian, for `order` evaluations per *group* of columns instead of per column.

    A tridiagonal matrix has three groups whatever its size: 6 evaluations (central), and 2 for `check`. Each entry is
    the same difference over the same step as in `fastgrad.jacobian`.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``: M numbers, in an array of any shape, from an array of a point's shape.
    x : array_like
        One point with D coordinates; with ``batch=True`` points along the first axis, as in (N, D).
    pattern : Pattern, sparse matrix or array_like, optional
        Which entries can be other than zero, (M, D). By default it is found by tracing f, at every call unless f
        captures nothing that could change; ``sparsity.pattern(f, x)`` or ``sparsity.Pattern(matrix)`` does that, and
        the grouping, once.
    args, batch, method, order, h, rel_step, engine, workers
        As in `fastgrad.jacobian`. ``engine="reference"`` takes the entries from the dense Jacobian.
    check : bool
        Whether to make sure that the pattern lacks no entry, by two evaluations along an irregular direction and two
        more for each output that seems wrong; of a batch at eight of the points. A small entry that is missing, below
        1e-6 of its row (1e-3 for one-sided differences), can escape.
    full_output : bool
        A `Result`: `status` is per stored entry, `h` in x's shape, `nfev` without those of `check`.

    Returns
    -------
    scipy.sparse.csr_array, list of them or Result
        (M, D), with all entries of the pattern, also those that are zero, row by row; one per point with ``batch=True``.
        The dtype is x's (float64 for integers, float32 for float16).

    Raises
    ------
    TypeError, ValueError, EngineError
        As in `fastgrad.jacobian`; f cannot be traced and no pattern is given; the pattern has another shape than the
        Jacobian or lacks an entry.
    ImportError
        scipy is not installed.

    Warns
    -----
    ConstantFunctionWarning, PerformanceWarning
        As in `fastgrad.gradient`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad import sparsity
    >>> f = lambda x: x[1:] - x[:-1] ** 2
    >>> pattern = sparsity.pattern(f, np.zeros(4))
    >>> sparsity.jacobian(f, np.array([1.0, 2.0, 3.0, 4.0]), pattern=pattern).toarray().round(8)
    array([[-2.,  1.,  0.,  0.],
           [ 0., -4.,  1.,  0.],
           [ 0.,  0., -6.,  1.]])
    """
    scipy_sparse()
    check_function(f)
    check_scheme(method, order)
    check_engine(engine)
    workers = check_workers(workers, engine)
    given, points = read_points(x, batch)
    table = stencils.jacobian(points.dimension, order, method)
    steps = read_steps(given, points, table, h, rel_step)
    args = check_args(args)
    wanted = _detected(f, points, args) if pattern is None else read_pattern(pattern, points.dimension)
    task = groups.Task(f, points, wanted, table.stencil, steps, args)
    found = _by_definition(task) if engine == "reference" else groups.differentiate(task, engine, workers)
    if check and points.count and engine != "reference":
        check_pattern(task, found)
    if found.data.size and not found.data.any():
        call = Call(f, points, table, steps, args, vector=True)
        warn_if_constant(call, found.data, users_level())
    return as_matrices(found, given, wanted, batch, full_output)


def read_pattern(given: Any, dimension: int) -> Pattern:
    """A caller's pattern, or ValueError where it does not have a column per coordinate."""
    pattern = given if isinstance(given, Pattern) else Pattern(given)
    if pattern.shape[1] != dimension:
        msg = f"pattern has shape {pattern.shape}, but x has {dimension} coordinates; it needs a column for each"
        raise ValueError(msg)
    return pattern


def _by_definition(task: groups.Task) -> groups.Found:
    """The entries of the dense Jacobian."""
    size = task.steps.size.reshape(-1, *task.points.shape) if task.steps.size.ndim else task.steps.size
    step = {"default": {}, "absolute": {"h": size}, "relative": {"rel_step": size}}[task.steps.rule]
    full = dense(
        task.f, task.points.values.reshape(-1, *task.points.shape), args=task.args, batch=True, engine="reference",
        order=task.formula.order, method=task.formula.method, full_output=True, **step,
    )  # fmt: skip
    count, (rows, columns) = task.points.count, task.pattern.shape
    if count:
        groups.check_outputs(task.pattern, full.value.shape[1 : full.value.ndim - len(task.points.shape)])
    data = full.value.reshape(count, rows, columns)[:, task.pattern.rows, task.pattern.columns]
    return groups.Found(data, full.h.reshape(task.points.layout), EPS, full.nfev, full.engine)


def as_matrices(found: groups.Found, given: Array, pattern: Pattern, batch: bool, full_output: bool) -> Any:
    """A matrix, a list of them, or a result with either."""
    dtype = np.promote_types(given.dtype, np.float32) if given.dtype != np.longdouble else given.dtype
    with np.errstate(all="ignore"):
        data = found.data.astype(dtype, copy=False)
    matrices = [pattern.matrix(row) for row in data]
    value, status = (matrices, status_of(data)) if batch else (matrices[0], status_of(data)[0])
    if not full_output:
        return value
    return Result(value, None, status, found.h.reshape(given.shape), found.nfev, found.engine)
