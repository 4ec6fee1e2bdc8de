"""Sparse Hessians: only the pairs of coordinates that mix."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike

from ..engine.arguments import Bounds, Function, Options, Step, check_args, check_function, read_points, read_steps
from ..engine.call import Call, Workers
from ..engine.choose import TRACED_CALLS
from ..engine.limits import read_bounds
from ..engine.options import SparseScheme
from ..formulas import stencils
from ..formulas.values import as_number
from ..operations.hessians import hessian as dense
from ..operations.solve import differentiate
from ..program.dependence import DenseError
from ..program.trace.refusals import Untraceable
from ..results import EPS, Result
from . import between
from .agreement import check_curvature, check_missing
from .patterns import Pattern, read_pattern
from .structures import Structure, a_point, detected, of_a_point, structure_of
from .task import Found, Task, as_matrices, by_definition, check_request, warn_if_all_zero

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Evaluations of terms, node by node in NumPy, take as long as this many of f written in arrays.
COST_OF_TERMS = 4


def hessian_pattern(f: Function, x: ArrayLike, *, args: tuple[Any, ...] = ()) -> Pattern:
    """Which pairs of coordinates mix in second derivatives of f, found by tracing f; for `hessian`.

    The pattern is structural, as in `pattern`. Sums mix nothing, products factor with factor, and any other function
    all that it depends on, ``abs`` and ``np.where`` too.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``, one number, written in NumPy.
    x : array_like
        One point, of which the shape counts.
    args : tuple
        Arguments after x.

    Returns
    -------
    Pattern
        Symmetric, of shape (D, D).

    Raises
    ------
    ValueError
        f cannot be traced, and the text says why; it returns more than one number; it mixes everything.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad import sparsity
    >>> chain = lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2)
    >>> sparsity.hessian_pattern(chain, np.zeros(10_000)).nnz
    29998
    """
    check_function(f)
    _, points = read_points(x, batch=False)
    return _detected(detected(f, points, check_args(args)))


def _detected(structure: Structure) -> Pattern:
    as_number(np.empty(structure.program.shape))  # raises, and says what f returned
    return structure.hessian


@overload
def hessian(
    f: Function, x: ArrayLike, *, batch: bool = ..., full_output: Literal[True], **options: Unpack[SparseScheme]
) -> Result: ...
@overload
def hessian(
    f: Function,
    x: ArrayLike,
    *,
    batch: Literal[False] = ...,
    full_output: Literal[False] = ...,
    **options: Unpack[SparseScheme],
) -> csr_array: ...
@overload
def hessian(
    f: Function,
    x: ArrayLike,
    *,
    batch: Literal[True],
    full_output: Literal[False] = ...,
    **options: Unpack[SparseScheme],
) -> list[csr_array]: ...
@overload
def hessian(
    f: Function, x: ArrayLike, *, batch: bool, full_output: bool = ..., **options: Unpack[SparseScheme]
) -> Any: ...
def hessian(
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
    """Sparse Hessian of a scalar function: only the pairs of coordinates that mix, symmetric bit for bit.

    An f that traces and is a sum of terms is evaluated term by term: coordinates that share no term move together.
    The chain ``np.sum((x[1:] - x[:-1]**2)**2)`` takes 7 evaluations of its terms, whatever its length. Any other f
    takes `order` evaluations per coordinate and per pair that mixes, and one.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``, one number from an array of a point's shape.
    x : array_like
        One point with D coordinates; with ``batch=True`` points along the first axis, as in (N, D).
    pattern : Pattern, sparse matrix or array_like, optional
        Which entries can be other than zero, (D, D); one triangle is enough. By default it is found by tracing f, at
        every call unless f captures nothing that could change.
    args, batch, method, order, h, rel_step, bounds, workers
        As in `fastgrad.hessian`. Where a formula does not fit between bounds f is not taken apart into terms.
    engine : str
        As in `fastgrad.hessian`; terms are evaluated with ``"auto"`` only, where they take less time or the pattern is
        to be found. ``"reference"`` takes the entries from the dense Hessian.
    check : bool
        Whether to make sure that a given pattern lacks no entry: where f's terms are known, from them; else by three
        more evaluations along an irregular direction, of a batch at eight of the points, in which an entry that is
        missing escapes if it is below 1e-3 of the sum of all.
    full_output : bool
        A `Result`: `status` is per stored entry, `h` in x's shape, `nfev` the evaluations of f or of its terms,
        `engine` "terms" for these.

    Returns
    -------
    scipy.sparse.csr_array, list of them or Result
        (D, D), with all entries of the pattern, also those that are zero, row by row; one per point with
        ``batch=True``. The dtype is x's (float64 for integers, float32 for float16).

    Raises
    ------
    TypeError, ValueError, EngineError
        As in `fastgrad.hessian`; f cannot be traced and no pattern is given; the pattern has another shape than the
        Hessian or lacks an entry.
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
    >>> f = lambda x: np.sum(x[1:] * x[:-1] ** 2)
    >>> sparsity.hessian(f, np.array([1.0, 2.0, 3.0, 4.0])).toarray().round(6)
    array([[4., 2., 0., 0.],
           [2., 6., 4., 0.],
           [0., 4., 8., 6.],
           [0., 0., 6., 0.]])
    """
    workers = check_request(f, method, order, engine, workers, "sparsity.hessian")
    given, points = read_points(x, batch)
    limits = read_bounds(bounds, given, points)
    args = check_args(args)
    table = stencils.hessian(0, order, method)  # for its stencil, and to say that f is constant
    steps = read_steps(given, points, table, h, rel_step)
    structure = detected(f, points, args, limits) if pattern is None else None
    wanted = _detected(structure) if structure else _symmetric(pattern, points.dimension)
    task = Task(f, points, wanted, table.stencil, steps, args, limits)
    structure = structure or _known(task, engine)
    found = _found(task, structure, engine, workers)
    if check and pattern is not None and engine != "reference":
        _check(task, structure, found)
    warn_if_all_zero(task, table, found)
    return as_matrices(found, task, given, batch, full_output)


def _symmetric(given: Any, dimension: int) -> Pattern:
    """A caller's pattern with both triangles."""
    pattern = read_pattern(given, dimension)
    if pattern.shape[0] != dimension:
        msg = (
            f"pattern has shape {pattern.shape}, but the Hessian at {dimension} coordinates is square: "
            f"({dimension}, {dimension})"
        )
        raise ValueError(msg)
    return pattern.symmetric


def _calls(task: Task) -> int:
    """Evaluations of f without a look at its terms."""
    rows, columns, _ = task.pattern.upper
    directions = np.count_nonzero(np.bincount(np.append(rows, columns))) + np.count_nonzero(rows < columns)
    return task.points.count * (1 + int(directions) * (len(task.formula.offsets) - 1))


def _known(task: Task, engine: str) -> Structure | None:
    """What is known of f where that may save time;
    None of an f that cannot be traced, or whose terms depend on too much."""
    if engine != "auto" or task.is_exact or _calls(task) <= TRACED_CALLS:
        return None
    try:
        limits = of_a_point(task.points, task.bounds)
        structure = structure_of(task.f, a_point(task.points, task.bounds), task.args, limits, task.points.owner)
        structure.terms  # noqa: B018  # found now
    except (Untraceable, DenseError):
        return None
    return structure


def _found(task: Task, structure: Structure | None, engine: str, workers: Workers) -> Found:
    if engine == "reference":
        return by_definition(task, dense)
    by_terms = structure and engine == "auto" and not task.is_exact and between.fits(task)
    found = _by_terms(task, structure) if structure and by_terms else None
    found = found or _by_table(task, engine, workers)
    return replace(found, data=found.data[:, task.pattern.upper[2]])


def _check(task: Task, structure: Structure | None, found: Found) -> None:
    """Whether a pattern lacks an entry."""
    try:
        places = structure.hessian if structure else None
    except DenseError:
        places = None
    if structure and places:
        check_missing(task, places, structure.terms)
    else:
        check_curvature(task, found)


def _by_terms(task: Task, structure: Structure) -> Found | None:
    """The terms of f, if that takes less time than f."""
    terms, formula = structure.terms, task.formula
    nfev = task.points.count * terms.evaluations(task.pattern, formula)
    if nfev * COST_OF_TERMS > _calls(task):
        return None
    task.steps.check(task.points.values)
    h = task.steps_at(EPS)
    data = np.empty((task.points.count, len(task.pattern.upper[0])))
    for n in range(task.points.count):
        data[n] = terms.second_derivatives(task.points.row(n), h[n], task.pattern, formula)
    return Found(data, h, EPS, nfev, "terms")


def _by_table(task: Task, engine: str, workers: Workers) -> Found:
    points, formula = task.points, task.formula
    table = stencils.entries_of_hessian(*task.pattern.upper[:2], formula.order, formula.method)
    call = Call(task.f, points, table, task.steps, task.args, bounds=task.bounds)
    how = Options(engine, workers, None, False, full_output=True)
    x = points.values.reshape(points.count, *points.shape)
    full = differentiate(call, x, how, lead=(points.count,), tail=(len(table.scale),))
    h = task.steps_at(EPS) if task.is_exact else full.h.reshape(points.layout)
    return Found(full.value, h, EPS, full.nfev, full.engine)
