"""Sparse Hessians: only the pairs of coordinates that mix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import stencils
from ..arguments import check_args, check_function, check_scheme, check_workers
from ..curvature import hessian as dense
from ..engine.call import Call
from ..engine.plan import TRACED_CALLS, check_engine, warn_if_constant
from ..engine.refusals import Untraceable
from ..request import Array, Function, Options, Step, differentiate, read_points, read_steps
from ..results import as_number, users_level
from .agreement import check_curvature, check_missing
from .jacobians import as_matrices, read_pattern
from .patterns import Pattern, scipy_sparse
from .structures import Structure, a_point, detected, structure_of
from .task import Found, options_of

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
    try:
        return structure.hessian
    except OverflowError as refused:
        msg = f"{refused}, too many for a sparse Hessian: use fastgrad.hessian, or pass pattern= if most of them are 0"
        raise ValueError(msg) from None


@dataclass(frozen=True, eq=False)
class _Entries:
    """A symmetric pattern, and its entries on the diagonal and above, which are computed."""

    pattern: Pattern

    def __post_init__(self) -> None:
        rows, columns, dimension = self.pattern.rows, self.pattern.columns, self.pattern.shape[1]
        upper = rows <= columns
        self.rows, self.columns = rows[upper], columns[upper]
        keys = np.minimum(rows, columns) * dimension + np.maximum(rows, columns)
        self.places = np.searchsorted(keys[upper], keys)
