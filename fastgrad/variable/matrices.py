"""NumPy's products and matrix functions on Variables of any size, each with its derivative as a product of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from .functions import as_variable, sqrt
from .operands import InvalidType
from .operators import Variable, implements, record, refuse_name
from .rules import Axis, Rule


def _flipped(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


def _each(g: Any) -> Any:
    """A number for each matrix of a stack, with the axes of the matrices."""
    return g[..., None, None]


def _columns(b: Any, g: Any) -> Any:
    """Right-hand sides, or their gradients, as matrices."""
    return g[:, None] if b.ndim == 1 else g


def _matrix_product(g: Any, y: Any, a: Any, b: Any) -> Any:
    right = _columns(b, np.linalg.solve(_flipped(a), g))
    return -np.matmul(right, _flipped(_columns(b, y)))


_INV = Rule("inv", np.linalg.inv, (lambda g, y, a: -np.matmul(np.matmul(_flipped(y), g), _flipped(y)),))
_DET = Rule("det", np.linalg.det, (lambda g, y, a: _each(g * y) * _flipped(np.linalg.inv(a)),))
_SOLVE = Rule("solve", np.linalg.solve, (_matrix_product, lambda g, y, a, b: np.linalg.solve(_flipped(a), g)))
_LOGDET = Rule("slogdet", lambda a: np.linalg.slogdet(a)[1], (lambda g, y, a: _each(g) * _flipped(np.linalg.inv(a)),))


@implements(np.linalg.inv)
def _inv(a: Any) -> Variable:
    return record(_INV, a)


@implements(np.linalg.det)
def _det(a: Any) -> Variable:
    return record(_DET, a)


@implements(np.linalg.slogdet)
def _slogdet(a: Any) -> Any:
    sign = np.linalg.slogdet(a.array)[0]
    return type(np.linalg.slogdet(np.eye(1)))(sign, record(_LOGDET, a))


@implements(np.linalg.solve)
def _solve(a: Any, b: Any) -> Variable:
    return record(_SOLVE, a, b)


# --- products --------------------------------------------------------------------------------------------------------


@implements(np.outer)
def _outer(a: Any, b: Any, out: Any = None) -> Variable:
    if out is not None:
        refuse_name("outer", ["out"])
    columns: Variable = np.multiply(np.reshape(a, (-1, 1)), np.reshape(b, (1, -1)))  # type: ignore[assignment]
    return columns


@implements(np.inner)
def _inner(a: Any, b: Any, /) -> Variable:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)  # type: ignore[no-any-return]
    return _contracted(a, b, (np.ndim(a) - 1,), (np.ndim(b) - 1,))


@implements(np.vdot)
def _vdot(a: Any, b: Any, /) -> Variable:
    return np.reshape(a, -1) @ np.reshape(b, -1)  # type: ignore[no-any-return]


@implements(np.tensordot)
def _tensordot(a: Any, b: Any, axes: Any = 2) -> Variable:
    if isinstance(axes, int):
        return _contracted(a, b, tuple(range(np.ndim(a) - axes, np.ndim(a))), tuple(range(axes)))
    left, right = (tuple(np.atleast_1d(part).tolist()) for part in axes)
    return _contracted(a, b, left, right)


def _contracted(a: Any, b: Any, left: tuple[int, ...], right: tuple[int, ...]) -> Variable:
    """The product along some axes of both, as one of matrices."""
    first, last = np.shape(a), np.shape(b)
    left, right = tuple(i % len(first) for i in left), tuple(i % len(last) for i in right)
    rows = [i for i in range(len(first)) if i not in left]
    columns = [i for i in range(len(last)) if i not in right]
    count = int(np.prod([first[i] for i in left]))
    flat = np.reshape(np.transpose(a, (*rows, *left)), (-1, count))
    beside = np.reshape(np.transpose(b, (*right, *columns)), (count, -1))
    shape = (*(first[i] for i in rows), *(last[i] for i in columns))
    return np.reshape(np.matmul(flat, beside), shape)  # type: ignore[return-value]


@implements(np.einsum)
def _einsum(*operands: Any, **options: Any) -> Variable:
    subscripts, *arrays = operands
    if not isinstance(subscripts, str) or options.keys() - {"optimize"}:
        refuse_name("einsum", [*options] or ["operands before subscripts"])
    terms, result = _terms(subscripts.replace(" ", ""))
    if len(terms) != len(arrays) or any(len(set(term)) < len(term) or "." in term for term in (*terms, result)):
        msg = "np.einsum on Variables takes subscripts without ellipsis, and no letter twice in one of them; "
        raise InvalidType(msg + "take np.diagonal first")
    shapes = dict(pair for term, a in zip(terms, arrays, strict=True) for pair in zip(term, np.shape(a), strict=True))
    products = tuple(_einsum_product(k, terms, result, shapes) for k in range(len(terms)))
    rule = Rule("einsum", lambda *values: np.einsum(f"{','.join(terms)}->{result}", *values), products)
    return record(rule, *arrays)


def _terms(subscripts: str) -> tuple[list[str], str]:
    """Those of the operands and of the result, by default the letters that occur once."""
    inputs, arrow, result = subscripts.partition("->")
    letters = inputs.replace(",", "")
    return inputs.split(","), result if arrow else "".join(sorted(c for c in set(letters) if letters.count(c) == 1))


def _einsum_product(k: int, terms: list[str], result: str, shapes: dict[str, int]) -> Any:
    """The gradient of operand k: the other ones and that of the result, contracted; along its own letters repeated."""
    others = [term for i, term in enumerate(terms) if i != k]
    known = {*result, *"".join(others)}
    own = "".join(c for c in terms[k] if c in known)

    def product(g: Any, y: Any, *inputs: Any) -> Any:
        rest = [v for i, v in enumerate(inputs) if i != k]
        found = np.einsum(f"{','.join([result, *others])}->{own}", g, *rest)
        if own == terms[k]:
            return found
        shape = tuple(shapes[c] if c in known else 1 for c in terms[k])
        return np.broadcast_to(np.reshape(found, shape), tuple(shapes[c] for c in terms[k]))

    return product


# --- sums of squares -------------------------------------------------------------------------------------------------


@implements(np.var)
def _var(
    a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: bool = False,
    **options: Any,
) -> Variable:  # fmt: skip
    if dtype is not None or out is not None or options:
        refuse_name("var", ["dtype, out or others"])
    deviation = as_variable(a) - np.mean(a, axis=axis, keepdims=True)
    total = np.sum(deviation * deviation, axis=axis, keepdims=keepdims)
    return total / (a.size // max(total.size, 1) - ddof)  # type: ignore[no-any-return]


@implements(np.std)
def _std(a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: bool = False,
         **options: Any) -> Variable:  # fmt: skip
    return sqrt(_var(a, axis, dtype, out, ddof, keepdims, **options))


@implements(np.diff)
def _diff(a: Any, n: int = 1, axis: int = -1, **options: Any) -> Variable:
    if options:
        refuse_name("diff", options)
    before, after = [slice(None)] * a.ndim, [slice(None)] * a.ndim
    before[axis], after[axis] = slice(None, -1), slice(1, None)
    return as_variable(a) if n == 0 else _diff(a[tuple(after)] - a[tuple(before)], n - 1, axis)


_CUMSUM = Rule(
    "cumsum", np.cumsum, (lambda g, y, a, axis: np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis),), exact=True
)


@implements(np.cumsum)
def _cumsum(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Variable:
    if dtype is not None or out is not None:
        refuse_name("cumsum", ["dtype or out"])
    return record(_CUMSUM, np.reshape(a, -1) if axis is None else a, axis=0 if axis is None else axis)
