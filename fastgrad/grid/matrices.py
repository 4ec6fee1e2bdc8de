"""Derivatives of samples as sparse matrices: row i holds the weights of the samples in the derivative at node i."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from ..formulas.spacings import Line
from ..sparsity.patterns import scipy_sparse
from .arrays import fill
from .options import Several, Stencils
from .spacing import lines_of, read_scheme, required_axes

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
    samples = np.broadcast_to(0.0, shape)
    scheme, axes = read_scheme(edge_order, accuracy, None), required_axes(samples, spacing, axis, edge_order)
    lines = lines_of(samples, axes, periodic, period, 1, scheme)
    made = [_along(samples.shape, k, _of_axis(line)) for k, line in lines]
    return made[0] if len(made) == 1 else tuple(made)


def _along(sizes: tuple[int, ...], k: int, own: Any) -> Any:
    """The matrix of an axis for all samples."""
    sparse = scipy_sparse()
    before, after = (sparse.eye_array(prod(part)) for part in (sizes[:k], sizes[k + 1 :]))
    return sparse.csr_array(sparse.kron(sparse.kron(before, own), after))


def _of_axis(line: Line) -> Any:
    """The matrix for one row of samples, from the derivatives of few vectors: columns that are far apart share one."""
    size, half = line.n, _reach(line)
    width = 2 * half + 1
    if size <= 2 * width:
        return _by_columns(line)
    probes = np.zeros((size, width))
    probes[np.arange(size), np.arange(size) % width] = 1.0
    found = _derivatives(line, probes)
    rows = np.arange(size)[:, None]
    columns = rows + np.arange(-half, half + 1)
    inside = (columns >= 0) & (columns < size)
    data = np.take_along_axis(found, columns % width, axis=1)
    kept = inside & (data != 0.0)
    places = np.broadcast_to(rows, columns.shape)[kept], columns[kept]
    return scipy_sparse().csr_array((data[kept], places), shape=(size, size))


def _reach(line: Line) -> int:
    """How far from its node a sample may be that a derivative needs; all the way along an axis that closes."""
    nodes = np.concatenate([np.arange(line.start), np.arange(line.stop, line.n)])
    apart = np.abs(line.edge_taps - nodes[:, None])
    return int(max(apart.max(initial=0), np.abs(line.offsets).max(initial=0)))


def _by_columns(line: Line) -> Any:
    sparse, parts = scipy_sparse(), []
    for start in range(0, line.n, COLUMNS):
        some = np.eye(line.n, min(COLUMNS, line.n - start), -start)
        parts.append(sparse.csr_array(_derivatives(line, some)))
    return sparse.csr_array(sparse.hstack(parts))


def _derivatives(line: Line, columns: Array) -> Array:
    """Those of samples in columns."""
    out = np.empty_like(columns)
    fill([out], [(0, columns, 0, line)], None, False, fresh=True)
    return out
