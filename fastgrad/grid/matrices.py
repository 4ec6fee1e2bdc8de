"""Derivatives of samples as sparse matrices: row i holds the weights of the samples in the derivative at node i."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from ..sparsity.patterns import scipy_sparse
from .operators import gradient
from .options import Several, Stencils

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Array = NDArray[Any]

COLUMNS = 256  # of the identity that are differentiated at a time, where an axis closes


@overload
def matrix(shape: int, *spacing: Any, axis: int | None = ..., **options: Unpack[Stencils]) -> csr_array: ...
@overload
def matrix(shape: tuple[int, ...], *spacing: Any, axis: int, **options: Unpack[Stencils]) -> csr_array: ...
@overload
def matrix(shape: tuple[int], *spacing: Any, axis: None = ..., **options: Unpack[Stencils]) -> csr_array: ...
@overload
def matrix(
    shape: Several, *spacing: Any, axis: Several | None = ..., **options: Unpack[Stencils]
) -> tuple[csr_array, ...]: ...
@overload
def matrix(shape: tuple[int, ...], *spacing: Any, axis: Any = ..., **options: Unpack[Stencils]) -> Any: ...
def matrix(
    shape: int | tuple[int, ...], *spacing: Any, axis: Any = None, edge_order: int = 1, accuracy: int = 2,
    periodic: Any = False, period: Any = None,
) -> Any:  # fmt: skip
    """The matrices of `gradient` for samples of a shape, taken in C order.

    Parameters
    ----------
    shape : int or tuple of int
        That of the samples.
    *spacing, axis, edge_order, accuracy, periodic, period
        As in `gradient`.

    Returns
    -------
    scipy.sparse.csr_array or tuple of them
        One for each axis: ``(matrix @ values.ravel()).reshape(shape)`` is the derivative along it. It needs the extra
        `sparse`.

    Raises
    ------
    TypeError, ValueError
        As in `gradient`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad import grid
    >>> print(grid.matrix(4, 0.5).toarray())
    [[-2.  2.  0.  0.]
     [-1.  0.  1.  0.]
     [ 0. -1.  0.  1.]
     [ 0.  0. -2.  2.]]
    """
    sizes = (int(shape),) if np.ndim(shape) == 0 else tuple(map(int, shape))  # type: ignore[arg-type]
    axes = range(len(sizes)) if axis is None else np.atleast_1d(axis).tolist()
    axes = [range(len(sizes))[k] for k in axes]  # IndexError for one that does not exist
    given = list(spacing) or [1.0]
    given = given * len(axes) if len(given) == 1 and np.ndim(given[0]) == 0 else given
    if len(given) != len(axes):
        msg = f"{len(given)} spacings were given for {len(axes)} axes; give one number, or one for each axis"
        raise ValueError(msg)
    made = []
    for number, (k, s) in enumerate(zip(axes, given, strict=True)):
        closes, length = (p[number] if isinstance(p, (list, tuple)) else p for p in (periodic, period))
        options = {"edge_order": edge_order, "accuracy": accuracy, "periodic": closes, "period": length}
        made.append(_along(sizes, k, _of_axis(sizes[k], s, options)))
    return made[0] if len(made) == 1 else tuple(made)


def _along(sizes: tuple[int, ...], k: int, own: Any) -> Any:
    """The matrix of an axis for all samples."""
    sparse = scipy_sparse()
    before, after = (sparse.eye_array(prod(part)) for part in (sizes[:k], sizes[k + 1 :]))
    return sparse.csr_array(sparse.kron(sparse.kron(before, own), after))


def _of_axis(size: int, spacing: Any, options: dict[str, Any]) -> Any:
    """The matrix for one row of samples, from the derivatives of few vectors: columns that are far apart share one."""
    half = options["accuracy"] + options["edge_order"] + 2
    width = 2 * half + 1
    if options["periodic"] or size <= 2 * width:
        return _by_columns(size, spacing, options)
    probes = np.zeros((size, width))
    probes[np.arange(size), np.arange(size) % width] = 1.0
    found = gradient(probes, spacing, axis=0, **options)
    rows = np.arange(size)[:, None]
    columns = rows + np.arange(-half, half + 1)
    inside = (columns >= 0) & (columns < size)
    data = np.take_along_axis(found, columns % width, axis=1)
    kept = inside & (data != 0.0)
    places = np.broadcast_to(rows, columns.shape)[kept], columns[kept]
    return scipy_sparse().csr_array((data[kept], places), shape=(size, size))


def _by_columns(size: int, spacing: Any, options: dict[str, Any]) -> Any:
    sparse, parts = scipy_sparse(), []
    for start in range(0, size, COLUMNS):
        some = np.eye(size, min(COLUMNS, size - start), -start)
        parts.append(sparse.csr_array(gradient(some, spacing, axis=0, **options)))
    return sparse.csr_array(sparse.hstack(parts))
