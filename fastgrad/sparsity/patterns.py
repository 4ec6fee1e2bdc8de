"""Which entries of a matrix can be other than zero, in the form that derivatives need."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.numbers import real_array
from ..formulas.properties import cached_property
from .colours import colour

Array = NDArray[Any]
Ints = NDArray[np.intp]

PICTURED = 64  # squares to a side of a pattern's picture in notebooks

NEEDS_SCIPY = "sparse matrices are scipy's, which is not installed; write: pip install 'fastgrad[sparse]'"


class Pattern:
    """Which entries of a matrix can be other than zero, with its columns in groups that are moved together.

    Made once and used for many points.

    Parameters
    ----------
    structure : sparse matrix, array_like or Pattern
        Of scipy.sparse, in any format: its stored entries count, whatever their value. Of an array the entries that
        are not zero.

    Attributes
    ----------
    shape : tuple of int
        (M, D).
    nnz : int
        The number of entries.
    rows, columns : ndarray of int
        The places of the entries, row by row.
    groups : ndarray of int
        (D,): the group of each column; -1 for a column without entries. Computed when first asked for.

    Raises
    ------
    TypeError, ValueError
        Not a matrix of numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad import sparsity
    >>> pattern = sparsity.Pattern(np.eye(5) + np.eye(5, k=1) + np.eye(5, k=-1))
    >>> pattern
    Pattern of shape (5, 5): 13 entries, 3 groups of columns
    >>> pattern.groups
    array([0, 1, 2, 0, 1])
    """

    shape: tuple[int, int]
    rows: Ints
    columns: Ints

    def __init__(self, structure: Any) -> None:
        if isinstance(structure, Pattern):
            self.shape, rows, columns = structure.shape, structure.rows, structure.columns
        else:
            self.shape, rows, columns = _entries(structure)
        keys = np.unique(rows.astype(np.int64) * max(self.shape[1], 1) + columns)
        self.rows, self.columns = (part.astype(np.intp) for part in np.divmod(keys, max(self.shape[1], 1)))
        for part in (self.rows, self.columns):
            part.flags.writeable = False

    @classmethod
    def at(cls, shape: tuple[int, int], rows: Any, columns: Any) -> Pattern:
        """From the places of the entries, in any order; a place may come twice."""
        empty = cls(np.zeros((0, 0)))
        empty.shape, empty.rows, empty.columns = shape, np.asarray(rows, np.intp), np.asarray(columns, np.intp)
        return cls(empty)

    def __repr__(self) -> str:
        return f"Pattern of shape {self.shape}: {self.nnz} entries, {self.count} groups of columns"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self._picture()}"

    def _picture(self) -> str:
        """The entries as dark squares, several to a square where there are more than fit."""
        most = max(*self.shape, 1)
        cells = min(most, PICTURED)
        side = 200 / cells
        places = np.unique(np.stack([self.columns, self.rows], axis=1) * cells // most, axis=0) * side
        squares = "".join(f'<rect x="{x:.4g}" y="{y:.4g}" width="{side:.4g}" height="{side:.4g}"/>' for x, y in places)
        width, height = (200 * n / most for n in self.shape[::-1])
        frame = f'<rect width="{width:.4g}" height="{height:.4g}" fill="none" stroke="currentColor"/>'
        return f'<svg width="{width:.4g}" height="{height:.4g}" fill="currentColor">{frame}{squares}</svg>'

    @property
    def nnz(self) -> int:
        return len(self.rows)

    @cached_property
    def groups(self) -> Ints:
        found = colour(self.shape, self.rows, self.columns)
        found.flags.writeable = False
        return found

    @property
    def count(self) -> int:
        """The number of groups."""
        return int(self.groups.max(initial=-1)) + 1

    @cached_property
    def of_entries(self) -> Ints:
        """The group of each entry."""
        return self.groups[self.columns]

    def matrix(self, values: Array | None = None) -> Any:
        """A new ``scipy.sparse.csr_array`` of this pattern with these values, ones by default, one per entry."""
        values = np.ones(self.nnz) if values is None else values
        columns, starts = self._indices
        return scipy_sparse().csr_array((values, columns.copy(), starts.copy()), shape=self.shape)

    @cached_property
    def _indices(self) -> tuple[Array, Array]:
        """Columns, and where each row starts, as scipy keeps them."""
        kind = np.int32 if max(self.nnz, *self.shape) < 2**31 else np.int64
        starts = np.searchsorted(self.rows, np.arange(self.shape[0] + 1))
        return self.columns.astype(kind), starts.astype(kind)

    @cached_property
    def _keys(self) -> Ints:
        """The entries as sorted numbers."""
        return self.rows * self.shape[1] + self.columns

    def lacking(self, other: Pattern) -> Pattern:
        """The entries of another pattern of this shape that are not in this one."""
        place = np.minimum(np.searchsorted(self._keys, other._keys), max(0, self.nnz - 1))
        new = self._keys[place] != other._keys if self.nnz else np.ones(other.nnz, dtype=bool)
        return Pattern.at(self.shape, other.rows[new], other.columns[new])

    @cached_property
    def symmetric(self) -> Pattern:
        """The pattern with both (i, j) and (j, i); itself where it has them."""
        rows, columns = np.append(self.rows, self.columns), np.append(self.columns, self.rows)
        both = Pattern.at(self.shape, rows, columns)
        return self if both.nnz == self.nnz else both

    @cached_property
    def upper(self) -> tuple[Ints, Ints, Ints]:
        """Rows and columns of the entries with row <= column; where among these each entry is, or its mirror image."""
        keys = np.minimum(self.rows, self.columns) * self.shape[1] + np.maximum(self.rows, self.columns)
        upper = self.rows <= self.columns
        return self.rows[upper], self.columns[upper], np.searchsorted(keys[upper], keys)


def read_pattern(given: Any, dimension: int) -> Pattern:
    """A caller's pattern, or ValueError where it does not have a column per coordinate."""
    pattern = given if isinstance(given, Pattern) else Pattern(given)
    if pattern.shape[1] != dimension:
        msg = f"pattern has shape {pattern.shape}, but x has {dimension} coordinates; it needs a column for each"
        raise ValueError(msg)
    return pattern


def scipy_sparse() -> Any:
    """The module, or ImportError that names the extra."""
    try:
        from scipy import sparse  # noqa: PLC0415  an extra
    except ImportError:
        raise ImportError(NEEDS_SCIPY) from None
    return sparse


def _entries(structure: Any) -> tuple[tuple[int, int], Array, Array]:
    """Shape and places of what a caller gives."""
    if hasattr(structure, "tocoo"):
        found = structure.tocoo()
        shape, rows_and_columns = found.shape, tuple(getattr(found, "coords", None) or (found.row, found.col))
    else:
        array = real_array(structure, "pattern")
        shape, rows_and_columns = array.shape, array.nonzero()
    if len(shape) != 2:
        msg = f"pattern has shape {shape}; it must be a matrix, a row per output of f and a column per coordinate"
        raise ValueError(msg)
    rows, columns = rows_and_columns
    return (int(shape[0]), int(shape[1])), rows, columns
