"""One-dimensional difference weights from exact rationals, and the table of every operation.

A derivative of any kind here is a combination of one-dimensional stencils along *directions*. An operation is
therefore a `Table`: its directions, one stencil for all of them, and how the results along the directions combine.
Engines know only how to apply a table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, lru_cache
from hashlib import blake2b
from itertools import pairwise
from math import factorial, lcm

import numpy as np
from numpy.typing import NDArray

from .properties import cached_property

ORDERS = {"central": (2, 4, 6, 8), "forward": tuple(range(1, 9)), "backward": tuple(range(1, 9))}
COMPLEX = "complex"  # a method without differences, for first derivatives
EXACT = "exact"  # the derivative itself, from f's trace


@dataclass(frozen=True)
class Stencil:
    """Weights of the n-th derivative of a function of one variable.

    ``sum(n * (F[a] - F[b]) for n, a, b in terms) / (denominator * h**derivative)``, where
    ``F[k] = f(x + offsets[k]*h)``. The weights of a derivative add up to zero, so they can be written as differences;
    in this form a constant function gives exactly zero whatever its value. Of method "complex" the one offset is along
    the imaginary axis, and ``Im F[0] / h`` is the derivative, without terms.
    """

    derivative: int
    order: int
    method: str
    offsets: tuple[int, ...]
    terms: tuple[tuple[int, int, int], ...]
    denominator: int

    @cached_property
    def base(self) -> int:
        """Position of offset 0, -1 where the stencil does not evaluate f at x itself."""
        return self.offsets.index(0) if 0 in self.offsets else -1

    @cached_property
    def displaced(self) -> tuple[int, ...]:
        """The other offsets, in the order of the terms; a complex step has one, and no terms."""
        if self.method == COMPLEX:
            return self.offsets
        return tuple(self.offsets[q] for _, *pair in self.terms for q in pair if q != self.base)

    @cached_property
    def pairs(self) -> tuple[tuple[int, int, int], ...]:
        """The terms by positions in `displaced`, -1 for offset 0."""
        place = {k: q for q, k in enumerate(self.displaced)} | {0: -1}
        return tuple((n, place[self.offsets[a]], place[self.offsets[b]]) for n, a, b in self.terms)


def weights(derivative: int, offsets: tuple[int, ...]) -> tuple[Fraction, ...]:
    """Exact weights w with ``sum(w * f(x + o*h)) / h**derivative`` exact for polynomials below degree ``len(offsets)``.

    They solve ``sum(w * o**k) = derivative! * (k == derivative)`` for k = 0, 1, ... (B. Fornberg, "Generation of
    finite difference formulas on arbitrarily spaced grids", Math. Comp. 51, 1988), by elimination over the rationals.

    Examples
    --------
    >>> [str(w) for w in weights(1, (-2, -1, 0, 1, 2))]
    ['1/12', '-2/3', '0', '2/3', '-1/12']
    """
    size = len(offsets)
    rows = [
        [Fraction(o**k) for o in offsets] + [Fraction(factorial(derivative) if k == derivative else 0)]
        for k in range(size)
    ]
    for i in range(size):
        pivot = next(r for r in range(i, size) if rows[r][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [a / rows[i][i] for a in rows[i]]
        for r in range(size):
            if r != i:
                rows[r] = [a - rows[r][i] * b for a, b in zip(rows[r], rows[i], strict=True)]
    return tuple(row[-1] for row in rows)


@cache
def stencil(derivative: int = 1, order: int = 2, method: str = "central") -> Stencil:
    """The stencil of a derivative at an order of accuracy.

    Parameters
    ----------
    derivative : int
        1, 2, ...
    order : int
        The error falls as ``h**order``: 2, 4, 6, 8 for central differences, 1 to 8 for one-sided ones.
    method : {"central", "forward", "backward", "complex", "exact"}

    Raises
    ------
    ValueError
        Unknown method, or an order or a derivative that the method does not have.

    Examples
    --------
    >>> stencil(1, 2).terms, stencil(1, 2).denominator
    (((1, 1, 0),), 2)
    """
    if method == COMPLEX:
        return _complex_step(derivative, order)
    if method == EXACT:
        return _no_step(derivative, order)
    if method not in ORDERS:
        msg = f"method={method!r} is unknown; use one of {', '.join(map(repr, (*ORDERS, COMPLEX, EXACT)))}"
        raise ValueError(msg)
    if order not in ORDERS[method]:
        msg = f"order={order!r} does not exist for method={method!r}; use one of {', '.join(map(str, ORDERS[method]))}"
        raise ValueError(msg)
    if method == "central":
        half = (derivative + order - 1) // 2
        offsets = tuple(k for k in range(-half, half + 1) if k or derivative % 2 == 0)
    else:
        sign = 1 if method == "forward" else -1
        offsets = tuple(sorted(sign * k for k in range(derivative + order)))
    exact = weights(derivative, offsets)
    denominator = lcm(*(w.denominator for w in exact))
    numbers = {o: int(w * denominator) for o, w in zip(offsets, exact, strict=True)}
    if 0 in offsets:
        pairs = [(numbers[o], o, 0) for o in sorted(offsets, key=abs) if o]
    else:
        pairs = [(numbers[o], o, -o) for o in offsets if o > 0]
    terms = tuple((n, offsets.index(a), offsets.index(b)) for n, a, b in pairs if n)
    return Stencil(derivative, order, method, offsets, terms, denominator)


def _complex_step(derivative: int, order: int) -> Stencil:
    if derivative != 1:
        msg = f"method='complex' gives first derivatives, not n={derivative}; use method='central' with a higher order"
        raise ValueError(msg)
    if order != 2:
        msg = f"order={order!r} means nothing to method='complex', whose error is rounding alone; leave order out"
        raise ValueError(msg)
    return Stencil(derivative, order, COMPLEX, (1,), (), 1)


def _no_step(derivative: int, order: int) -> Stencil:
    if order != 2:
        msg = f"order={order!r} means nothing to method='exact', which makes no differences; leave order out"
        raise ValueError(msg)
    return Stencil(derivative, order, EXACT, (), (), 1)


@dataclass(frozen=True, eq=False)
class Table:
    """An operation: directions, a stencil, a combination.

    Displacements are counted in *scaled unit vectors*: number i < D moves coordinate i by its step, number D moves
    all coordinates along the vector v that the call gives (jvp, hvp) by the step of v.

    Attributes
    ----------
    name : str
    stencil : Stencil
    units, signs : (P,) int arrays
        The unit vectors that directions consist of, those of the first, then those of the second, ...
    starts : (R + 1,) int array
        ... Direction r is the sum of ``signs[p] * unit(units[p])`` for p from ``starts[r]`` to before
        ``starts[r + 1]``, each unit at most once: one, two, or a set of coordinates that move together.
    parts, factors : (K, 3) int arrays
        Output k is the sum of ``factors[k, q] * S[parts[k, q]]``, S being the stencil's sums along the directions ...
    divisors, scale : (K, n) and (K,) int arrays
        ... divided by ``scale[k]`` and the steps of the unit vectors ``divisors[k]``.
    along_axes : bool
        Whether direction d is that of coordinate d, and output d the derivative along it.
    """

    name: str
    stencil: Stencil
    units: NDArray[np.intp]
    signs: NDArray[np.intp]
    starts: NDArray[np.intp]
    parts: NDArray[np.intp]
    factors: NDArray[np.intp]
    divisors: NDArray[np.intp]
    scale: NDArray[np.intp]
    along_axes: bool = False

    @cached_property
    def count(self) -> int:
        """The number of directions."""
        return len(self.starts) - 1

    @cached_property
    def is_value(self) -> bool:
        """Whether there is no direction, and the one output is f itself."""
        return not self.count and len(self.scale) == 1

    @cached_property
    def is_complex(self) -> bool:
        """Whether points are moved along the imaginary axis."""
        return self.stencil.method == COMPLEX

    @cached_property
    def is_exact(self) -> bool:
        """Whether nothing is moved: derivatives are those of f's program."""
        return self.stencil.method == EXACT

    @cached_property
    def uses_base(self) -> bool:
        """Whether f at the point itself counts: hvp's sums come in pairs whose shares of it cancel."""
        return self.is_value or self.is_exact or (self.stencil.base >= 0 and bool(self.factors.sum(axis=1).any()))

    @cached_property
    def displacements(self) -> int:
        """Points of all stencils beside x itself."""
        return self.count * len(self.stencil.displaced)

    @cached_property
    def directions(self) -> list[tuple[tuple[int, int], ...]]:
        """(unit vector, sign) pairs of each direction."""
        pairs = list(zip(self.units.tolist(), self.signs.tolist(), strict=True))
        return [tuple(pairs[first:last]) for first, last in pairwise(self.starts.tolist())]

    @cached_property
    def key(self) -> tuple[str, Stencil, int]:
        """What tells tables apart: everything else follows from it."""
        return (self.name, self.stencil, len(self.scale))

    def by(self, formula: Stencil) -> Table:
        """The same directions and combinations by another formula for the same derivative."""
        return replace(self, stencil=formula, scale=self.scale // self.stencil.denominator * formula.denominator)

    def combine(self, sums: NDArray[np.float64], steps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outputs (..., K) from the directions' sums (..., R) and the unit vectors' steps (..., D; with v D + 1)."""
        if self.along_axes:  # nothing to pick, which takes 8 us
            n = self.stencil.derivative
            return sums / (self.stencil.denominator * (steps if n == 1 else steps**n))
        total = sums[..., self.parts[:, 0]] * self.factors[:, 0]
        for q in range(1, self.parts.shape[1]):
            total = total + sums[..., self.parts[:, q]] * self.factors[:, q]
        result: NDArray[np.float64] = total / (self.scale * steps[..., self.divisors].prod(axis=-1))
        return result


def _ints(values: object, columns: int) -> NDArray[np.intp]:
    return np.array(values, dtype=np.intp).reshape(-1, columns)


def _along_axes(name: str, dimension: int, formula: Stencil) -> Table:
    """One direction per coordinate, one output per direction."""
    axes = np.arange(dimension)
    return Table(
        name,
        formula,
        units=axes,
        signs=np.ones_like(axes),
        starts=np.arange(dimension + 1),
        parts=axes[:, None],
        factors=np.ones((dimension, 1), dtype=np.intp),
        divisors=np.repeat(axes[:, None], formula.derivative, axis=1),
        scale=np.full(dimension, formula.denominator),
        along_axes=True,
    )


@lru_cache(maxsize=1)
def value() -> Table:
    """No direction: f itself, at points that somebody else has displaced."""
    none = np.empty(0, dtype=np.intp)
    one = np.ones(1, dtype=np.intp)
    return Table("value", stencil(), none, none, 0 * one, *(np.empty((1, 0), dtype=np.intp),) * 3, one)


@lru_cache(maxsize=64)
def derivative(n: int = 1, order: int = 2, method: str = "central") -> Table:
    """f: R -> R: one direction, the stencil of the n-th derivative."""
    return _along_axes("derivative", 1, stencil(n, order, method))


@lru_cache(maxsize=64)
def gradient(dimension: int, order: int = 2, method: str = "central") -> Table:
    """The D coordinate directions."""
    return _along_axes("gradient", dimension, stencil(1, order, method))


@lru_cache(maxsize=64)
def jacobian(dimension: int, order: int = 2, method: str = "central") -> Table:
    """The D coordinate directions; f has many outputs, vjp combines them afterwards."""
    return _along_axes("jacobian", dimension, stencil(1, order, method))


def jacobian_in_groups(groups: NDArray[np.intp], order: int = 2, method: str = "central") -> Table:
    """Directions that move all coordinates of a group, each by its own step; a coordinate of group -1 stays.

    Of columns that share no row the entry of row m and column i is the sum along i's group of output m, divided by the
    stencil's denominator and the step of i. The results are these sums: by which step to divide depends on m.
    """
    moving = np.argsort(groups, kind="stable")[np.count_nonzero(groups < 0) :]
    count = int(groups.max(initial=-1)) + 1
    one = np.ones((count, 1), dtype=np.intp)
    return Table(
        f"jacobian in {count} groups, {blake2b(groups.astype(np.int64).tobytes(), digest_size=8).hexdigest()}",
        stencil(1, order, method),
        units=moving,
        signs=np.ones_like(moving),
        starts=np.searchsorted(groups[moving], np.arange(count + 1)),
        parts=np.arange(count)[:, None],
        factors=one,
        divisors=one[:, :0],
        scale=one[:, 0],
    )


@lru_cache(maxsize=64)
def jvp(dimension: int, order: int = 2, method: str = "central") -> Table:
    """The one direction v, which is unit number D."""
    formula = stencil(1, order, method)
    v = _ints([dimension], 1)
    one = np.ones(1, dtype=np.intp)
    return Table(
        "jvp",
        formula,
        units=v[0],
        signs=one,
        starts=np.arange(2),
        parts=v * 0,
        factors=v * 0 + 1,
        divisors=v,
        scale=formula.denominator * one,
    )


@lru_cache(maxsize=64)
def hessian(dimension: int, order: int = 2, method: str = "central") -> Table:
    """Second derivatives along e_i and e_i + e_j; polarisation gives the mixed ones.

    ``2 H[i, j] = S[e_i + e_j] - S[e_i] - S[e_j]``: order * D * (D + 1) / 2 + 1 evaluations, D**2 + D + 1 at order 2,
    and a matrix that is symmetric bit for bit.
    """
    axes = np.arange(dimension)
    row, column = np.minimum.outer(axes, axes).ravel(), np.maximum.outer(axes, axes).ravel()
    return _second_derivatives("hessian", row, column, stencil(2, order, method))


@lru_cache(maxsize=64)
def hessian_diagonal(dimension: int, order: int = 2, method: str = "central") -> Table:
    """Second derivatives along the D coordinate directions."""
    return _along_axes("hessian_diagonal", dimension, stencil(2, order, method))


def entries_of_hessian(
    row: NDArray[np.intp], column: NDArray[np.intp], order: int = 2, method: str = "central"
) -> Table:
    """Some entries of the Hessian, row <= column: only the directions that they need."""
    places = np.stack([row, column]).astype(np.int64)
    name = f"hessian at {len(row)} places, {blake2b(places.tobytes(), digest_size=8).hexdigest()}"
    return _second_derivatives(name, row, column, stencil(2, order, method))


def _second_derivatives(name: str, row: NDArray[np.intp], column: NDArray[np.intp], formula: Stencil) -> Table:
    axes = np.unique(np.append(row, column))
    i, j = np.searchsorted(axes, row), np.searchsorted(axes, column)
    off = row != column
    keys, place = np.unique(i[off] * len(axes) + j[off], return_inverse=True)
    pairs = axes[np.stack(np.divmod(keys, max(1, len(axes))), axis=1)]
    direction = i.copy()
    direction[off] = len(axes) + place
    return Table(
        name,
        formula,
        units=np.append(axes, pairs),
        signs=np.ones(len(axes) + pairs.size, dtype=np.intp),
        starts=np.append(np.arange(len(axes)), len(axes) + 2 * np.arange(len(pairs) + 1)),
        parts=np.stack([direction, i, j], axis=1),
        factors=np.where(off[:, None], [1, -1, -1], [1, 0, 0]),
        divisors=np.stack([row, column], axis=1),
        scale=formula.denominator * np.where(off, 2, 1),
    )


@lru_cache(maxsize=64)
def hvp(dimension: int, order: int = 2, method: str = "central") -> Table:
    """Second derivatives along e_i + v and e_i - v:
    ``4 (H v)[i] = S[e_i + v] - S[e_i - v]``, 2 * order * D evaluations."""
    formula = stencil(2, order, method)
    axes = np.arange(dimension)
    v = np.full_like(axes, dimension)
    return Table(
        "hvp",
        formula,
        units=np.repeat(np.stack([axes, v], axis=1), 2, axis=0).ravel(),
        signs=np.tile([1, 1, 1, -1], dimension),
        starts=2 * np.arange(2 * dimension + 1),
        parts=np.stack([2 * axes, 2 * axes + 1], axis=1),
        factors=np.tile(_ints([1, -1], 2), (dimension, 1)),
        divisors=np.stack([axes, v], axis=1),
        scale=np.full(dimension, 4 * formula.denominator),
    )
