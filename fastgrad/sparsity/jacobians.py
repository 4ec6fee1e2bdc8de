"""Sparse Jacobians: columns that share no row are moved together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from numpy.typing import ArrayLike

from ..engine.arguments import Bounds, Function, Step, check_args, check_function, read_points, read_steps
from ..engine.call import Workers
from ..engine.limits import read_bounds
from ..engine.options import SparseScheme
from ..formulas import stencils
from ..operations.jacobians import jacobian as dense
from ..results import Result
from . import between, groups
from .agreement import check_pattern
from .patterns import Pattern, read_pattern
from .structures import detected
from .task import Task, as_matrices, by_definition, check_request, warn_if_all_zero

if TYPE_CHECKING:
    from scipy.sparse import csr_array


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
    return detected(f, points, check_args(args)).jacobian


@overload
def jacobian(
    f: Function, x: ArrayLike, *, batch: bool = ..., full_output: Literal[True], **options: Unpack[SparseScheme]
) -> Result: ...
@overload
def jacobian(
    f: Function,
    x: ArrayLike,
    *,
    batch: Literal[False] = ...,
    full_output: Literal[False] = ...,
    **options: Unpack[SparseScheme],
) -> csr_array: ...
@overload
def jacobian(
    f: Function,
    x: ArrayLike,
    *,
    batch: Literal[True],
    full_output: Literal[False] = ...,
    **options: Unpack[SparseScheme],
) -> list[csr_array]: ...
@overload
def jacobian(
    f: Function, x: ArrayLike, *, batch: bool, full_output: bool = ..., **options: Unpack[SparseScheme]
) -> Any: ...
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
    bounds: Bounds = None,
    engine: str = "auto",
    workers: Workers = None,
    check: bool = True,
    full_output: bool = False,
) -> Any:
    """Sparse Jacobian, for `order` evaluations per *group* of columns instead of per column.

    A tridiagonal matrix has three groups whatever its size: 6 evaluations (central). Each entry is the same difference
    over the same step as in `fastgrad.jacobian`.

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
    args, batch, method, order, h, rel_step, bounds, engine, workers
        As in `fastgrad.jacobian`. Groups with a column that turns to one side are moved twice. ``engine="reference"``
        takes the entries from the dense Jacobian.
    check : bool
        Whether to make sure that a given pattern lacks no entry, by two evaluations along an irregular direction and
        two more for each output that seems wrong; of a batch at eight of the points. A small entry that is missing,
        below 1e-6 of its row or beside the round-off of its output, can escape.
    full_output : bool
        A `Result`: `status` is per stored entry, `h` in x's shape, `nfev` without those of `check`.

    Returns
    -------
    scipy.sparse.csr_array, list of them or Result
        (M, D), with all entries of the pattern, also those that are zero, row by row; one per point with
        ``batch=True``. The dtype is x's (float64 for integers, float32 for float16).

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
    workers = check_request(f, method, order, engine, workers, "sparsity.jacobian")
    given, points = read_points(x, batch)
    limits = read_bounds(bounds, given, points)
    table = stencils.jacobian(0, order, method)  # for its stencil, and to say that f is constant
    steps = read_steps(given, points, table, h, rel_step)
    args = check_args(args)
    wanted = detected(f, points, args, limits).jacobian if pattern is None else read_pattern(pattern, points.dimension)
    task = Task(f, points, wanted, table.stencil, steps, args, limits)
    by_groups = groups if limits is None or task.is_exact else between
    found = by_definition(task, dense) if engine == "reference" else by_groups.differentiate(task, engine, workers)
    if check and pattern is not None and engine != "reference":
        check_pattern(task, found)
    warn_if_all_zero(task, table, found, vector=True)
    return as_matrices(found, task, given, batch, full_output)
