"""Rules for tracing NumPy's functions of arrays: products, choices and rearrangements."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import (
    FUNCTIONS,
    LOOPS,
    Symbols,
    as_computed,
    as_floats,
    elementwise,
    holds_complex,
    holds_symbols,
    is_mask,
    method,
    part,
    wrap,
)
from .elementwise import ask_where, select, sinc, traced
from .reductions import max_, min_, numbers, objects, only, sum_
from .refusals import check_dtype, refuse
from .selected import decided
from .selection import nonzero
from .spectra import singular_values

_SELECT = np.frompyfunc(select, 3, 1)
_SINC = np.frompyfunc(lambda a: sinc(a) if traced(a) else float(np.sinc(a)), 1, 1)


def _factors(a: Any, b: Any) -> tuple[Any, Any]:
    """The operands of a product; of masks alone NumPy makes a mask."""
    if is_mask(a) and is_mask(b):
        refuse("f multiplies comparisons as matrices; write np.where(mask, 1.0, 0.0)")
    return numbers(a), numbers(b)


def _matmul(a: Any, b: Any) -> Any:
    if is_mask(a) and is_mask(b):  # one of the products is true
        return elementwise(np.greater, _matmul(numbers(a) * 1.0, numbers(b) * 1.0), 0.0)
    a, b = _factors(a, b)
    if a.ndim == 0 or b.ndim == 0:
        refuse("f applies @ to a single number")
    if a.shape[-1] != b.shape[-min(2, b.ndim)]:
        refuse(f"f multiplies matrices of shapes {a.shape} and {b.shape}")
    if b.ndim > 1:  # one axis each for rows, columns and the sum, which is the last
        b = np.swapaxes(b, -1, -2) if a.ndim == 1 else np.swapaxes(b, -1, -2)[..., None, :, :]
        a = a if a.ndim == 1 else a[..., :, None, :]
    return sum_(LOOPS[np.multiply](a, b), axis=-1)


LOOPS[np.matmul] = _matmul


def _dot(a: Any, b: Any, out: Any = None) -> Any:
    only("out", out)
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return elementwise(np.multiply, *_factors(a, b))
    if np.ndim(b) > 2:
        refuse("f takes np.dot of arrays with more than two dimensions")
    return _matmul(a, b)


def _inner(a: Any, b: Any, /) -> Any:
    return _dot(a, objects(b).T)


def _vdot(a: Any, b: Any, /) -> Any:
    return _matmul(_conjugate(a).ravel(), objects(b).ravel())


def _conjugate(a: Any) -> Any:
    return elementwise(np.conjugate, objects(a)) if holds_complex(a) else objects(a)


def _outer(a: Any, b: Any, out: Any = None) -> Any:
    only("out", out)
    a, b = _factors(a, b)
    return elementwise(np.multiply, a.ravel()[:, None], b.ravel())


def _trace(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, out: Any = None) -> Any:
    check_dtype(dtype)
    return sum_(np.diagonal(numbers(a), offset, axis1, axis2), axis=-1, out=out)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    values = numbers(x)
    matrix = (values.ndim if axis is None else len(np.atleast_1d(axis))) == 2
    if holds_complex(values):
        if matrix and ord in (2, -2, "nuc"):
            refuse("f takes singular values of a complex matrix")
        values = objects(elementwise(np.absolute, values))
    vector = axis is not None or values.ndim == 1
    if matrix and ord in (1, -1, 2, -2, np.inf, -np.inf, "nuc"):
        return _matrix_norms(values, ord, (0, 1) if axis is None else axis, keepdims)
    if ord is not None and not (ord == "fro" if matrix else isinstance(ord, (int, float)) and vector):
        refuse(f"f takes np.linalg.norm with ord={ord!r}")
    if ord in (None, 2, "fro"):
        return elementwise(np.sqrt, sum_(elementwise(np.square, values), axis, keepdims=keepdims))
    size = elementwise(np.absolute, values)
    if ord in (np.inf, -np.inf):
        return (max_ if ord > 0 else min_)(size, axis, None, keepdims)
    if ord == 0:
        return sum_(elementwise(np.not_equal, values, 0.0), axis, keepdims=keepdims)
    total = sum_(size if ord == 1 else elementwise(np.power, size, ord), axis, keepdims=keepdims)
    return total if ord == 1 else elementwise(np.power, total, 1 / ord)


def _matrix_norms(values: Any, ord: Any, axis: Any, keepdims: Any) -> Any:
    """Those of the matrices in two axes of an array."""
    stack = np.moveaxis(values, axis, (-2, -1))
    found = np.empty(stack.shape[:-2], dtype=object)
    for place in np.ndindex(found.shape):
        found[place] = _matrix_norm(stack[place], ord)
    if keepdims:
        places = [k % values.ndim for k in axis]
        return found.reshape([1 if k in places else n for k, n in enumerate(values.shape)])
    return found[()]


def _matrix_norm(values: Any, ord: Any) -> Any:
    if ord == "nuc":
        return sum_(singular_values(values))
    if abs(ord) == 2:
        return singular_values(values)[0 if ord == 2 else -1]
    sums = sum_(elementwise(np.absolute, values), axis=0 if abs(ord) == 1 else 1)
    return (max_ if ord > 0 else min_)(sums)


def _where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    if x is None or y is None:
        return nonzero(condition)
    return _SELECT(objects(condition), *map(objects, as_computed((x, y))))


def _select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    if not all(is_mask(condition) or isinstance(condition, bool) for condition in condlist):
        refuse("f calls np.select with conditions that are no comparisons")
    result = objects(default)
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = _where(condition, choice, result)
    return result


_UNSET = np._NoValue


def _clip(a: Any, a_min: Any = _UNSET, a_max: Any = _UNSET, out: Any = None, **limits: Any) -> Any:
    only("out", out)
    if limits and (limits.keys() - {"min", "max"} or a_min is not _UNSET or a_max is not _UNSET):
        refuse(f"f calls np.clip with {', '.join(limits)}")
    if not limits and (a_min is _UNSET or a_max is _UNSET):
        refuse("f calls np.clip without a limit; write None")
    return _clipped(a, limits.get("min"), limits.get("max")) if limits else _clipped(a, a_min, a_max)


def _clipped(a: Any, min: Any = None, max: Any = None) -> Any:
    """np.clip, and the method's names of the limits."""
    if is_mask(a) or (min is None and max is None):
        refuse("f clips comparisons, or clips to no limits")
    a = a if min is None else elementwise(np.maximum, min, a)  # of two zeros what is clipped counts, for its sign
    return a if max is None else elementwise(np.minimum, max, a)


def _round(a: Any, decimals: Any = 0, out: Any = None) -> Any:
    only("out", out)
    digits = operator.index(decimals)
    if is_mask(a):
        refuse("f rounds comparisons")
    if digits == 0:
        return elementwise(np.rint, a)
    scale = 10.0 ** abs(digits)
    first, second = (np.multiply, np.divide) if digits > 0 else (np.divide, np.multiply)
    return elementwise(second, elementwise(np.rint, elementwise(first, a, scale)), scale)


def _nan_to_num(x: Any, copy: Any = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    only("copy", copy, True)
    largest = np.finfo(float).max
    result = _where(elementwise(np.equal, x, np.inf), largest if posinf is None else posinf, x)
    result = _where(elementwise(np.equal, x, -np.inf), -largest if neginf is None else neginf, result)
    return _where(elementwise(np.isnan, x), nan, result)


def _full(a: Any, value: Any, dtype: Any, shape: Any) -> Any:
    check_dtype(dtype)
    if is_mask(a) and dtype is None:
        refuse("f makes an array like an array of comparisons; give it dtype=float")
    result = np.empty(np.shape(a) if shape is None else shape, dtype=object).view(Symbols)
    result.view(np.ndarray)[...] = value if value is None else as_floats(objects(value))
    return result


def _zeros_like(a: Any, dtype: Any = None, order: Any = "K", subok: Any = True, shape: Any = None) -> Any:
    return _full(a, 0.0, dtype, shape)


def _ones_like(a: Any, dtype: Any = None, order: Any = "K", subok: Any = True, shape: Any = None) -> Any:
    return _full(a, 1.0, dtype, shape)


def _empty_like(prototype: Any, /, dtype: Any = None, order: Any = "K", subok: Any = True, shape: Any = None) -> Any:
    return _full(prototype, None, dtype, shape)


def _full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: Any = True, shape: Any = None
) -> Any:
    return _full(a, fill_value, dtype, shape)


def _copy(a: Any, order: Any = "K", subok: Any = False) -> Any:
    only("order", order, *"KCFA")
    return objects(a).copy()


def _linspace(start: Any, stop: Any, num: Any = 50, endpoint: Any = True, retstep: Any = False) -> Any:
    only("retstep", retstep, False)
    start, stop, num = numbers(start), numbers(stop), operator.index(num)
    parts = num - 1 if endpoint else num
    steps = np.arange(num, dtype=float).reshape(-1, *(1,) * max(start.ndim, stop.ndim))
    if parts <= 0:
        return elementwise(np.add, start, steps)
    step = elementwise(np.divide, elementwise(np.subtract, stop, start), float(parts))
    result = objects(elementwise(np.add, elementwise(np.multiply, steps, step), start))
    if endpoint:
        result[-1] = stop[()]
    return result


def _logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: Any = True, base: Any = 10.0, dtype: Any = None, axis: Any = 0
) -> Any:
    check_dtype(dtype)
    return elementwise(np.power, base, _linspace(start, stop, num, endpoint))


def _geomspace(
    start: Any, stop: Any, num: Any = 50, endpoint: Any = True, dtype: Any = None, axis: Any = 0
) -> Any:  # of numbers of one sign
    sign = elementwise(np.sign, start)
    low, high = (elementwise(np.log10, elementwise(np.absolute, v)) for v in (start, stop))
    result = elementwise(np.multiply, sign, _logspace(low, high, num, endpoint, dtype=dtype))
    result[0] = start
    if endpoint and len(result) > 1:
        result[-1] = stop
    return result


def _trim_zeros(filt: Any, trim: Any = "fb", axis: Any = None) -> Any:
    """Zeros that are known; where a traced number at an end is one f itself is asked."""
    only("axis", axis)
    values = objects(filt).tolist()
    kept = [i for i, value in enumerate(values) if traced(value) or value != 0.0]
    start, stop = (kept[0], kept[-1] + 1) if kept else (len(filt), 0)
    for end, place in (("f", start), ("b", stop - 1)):
        if kept and end in trim.lower() and traced(values[place]):
            ask_where(elementwise(np.equal, values[place], 0.0))
    return filt[start if "f" in trim.lower() else 0 : stop if "b" in trim.lower() else len(filt)]


def _result_type(*arrays_and_dtypes: Any) -> Any:
    kinds = [v if isinstance(v, (type, np.dtype, str)) else _kind(v) for v in arrays_and_dtypes]
    return np.result_type(*kinds)


def _kind(value: Any) -> Any:
    if not holds_symbols(value) and not isinstance(value, Symbols):
        return value
    return np.dtype(bool if is_mask(value) else complex if holds_complex(value) else float)


def _sliding_window_view(x: Any, window_shape: Any, axis: Any = None, **options: Any) -> Any:
    return np.lib.stride_tricks.sliding_window_view(x.view(np.ndarray), window_shape, axis, **options)


def _vecdot(a: Any, b: Any, axis: Any = -1) -> Any:
    return sum_(elementwise(np.multiply, numbers(_conjugate(a)), numbers(b)), axis=axis)


def _matvec(a: Any, b: Any) -> Any:
    return _matmul(a, numbers(b)[..., None])[..., 0]


def _vecmat(a: Any, b: Any) -> Any:
    return _matmul(numbers(a)[..., None, :], b)[..., 0, :]


def _unwrap(p: Any, discont: Any = None, axis: Any = -1, *, period: Any = 2 * np.pi) -> Any:
    """Numbers without jumps by more than half a period, each moved by whole ones."""
    values, half = np.moveaxis(numbers(p), axis, 0), period / 2.0
    steps = objects(elementwise(np.subtract, values[1:], values[:-1]))
    inside = elementwise(np.subtract, elementwise(np.remainder, elementwise(np.add, steps, half), period), half)
    rising = elementwise(np.logical_and, elementwise(np.equal, inside, -half), elementwise(np.greater, steps, 0.0))
    moved = elementwise(np.subtract, _where(rising, half, inside), steps)
    limit = half if discont is None else max(float(discont), half)
    moved = _where(elementwise(np.less, elementwise(np.absolute, steps), limit), 0.0, moved)
    total = FUNCTIONS[np.cumsum](moved, axis=0)
    found = np.concatenate([values[:1], objects(elementwise(np.add, values[1:], total))])
    return np.moveaxis(found, 0, axis)


def _is_real(x: Any) -> Any:
    return elementwise(np.equal, part(x, "imag"), 0.0) if holds_complex(x) else np.ones(np.shape(x), dtype=bool)[()]


for _ufunc, _product in (("vecdot", _vecdot), ("matvec", _matvec), ("vecmat", _vecmat)):
    if hasattr(np, _ufunc):
        LOOPS[getattr(np, _ufunc)] = _product
if hasattr(np.linalg, "vecdot"):
    FUNCTIONS[np.linalg.vecdot] = lambda x1, x2, /, *, axis=-1: _vecdot(x1, x2, axis)
    FUNCTIONS[np.linalg.matmul] = lambda x1, x2, /: _matmul(x1, x2)
    FUNCTIONS[np.linalg.outer] = lambda x1, x2, /: _outer(x1, x2)
    FUNCTIONS[np.linalg.trace] = lambda x, /, *, offset=0, dtype=None: _trace(x, offset, -2, -1, dtype)
    FUNCTIONS[np.linalg.matrix_norm] = lambda x, /, *, keepdims=False, ord="fro": _norm(x, ord, (-2, -1), keepdims)
    FUNCTIONS[np.linalg.vector_norm] = lambda x, /, *, axis=None, keepdims=False, ord=2: _norm(
        objects(x).ravel() if axis is None else x, ord, axis, keepdims
    )
FUNCTIONS[np.lib.stride_tricks.sliding_window_view] = _sliding_window_view

FUNCTIONS.update({
    np.dot: _dot, np.inner: _inner, np.vdot: _vdot, np.outer: _outer, np.trace: _trace, np.linalg.norm: _norm,
    np.where: _where, np.select: _select, np.clip: _clip, np.round: _round, np.around: _round,
    np.nan_to_num: _nan_to_num, np.zeros_like: _zeros_like, np.ones_like: _ones_like, np.empty_like: _empty_like,
    np.full_like: _full_like, np.copy: _copy, np.linspace: _linspace, np.sinc: lambda x: _SINC(objects(x)),
    np.real: lambda val: part(val, "real"), np.imag: lambda val: part(val, "imag"), np.logspace: _logspace,
    np.geomspace: _geomspace, np.result_type: _result_type,
    np.unwrap: _unwrap, np.isreal: _is_real, np.iscomplexobj: holds_complex,
    np.isrealobj: lambda x: not holds_complex(x), np.trim_zeros: _trim_zeros,
    np.iscomplex: lambda x: elementwise(np.logical_not, _is_real(x)),
})  # fmt: skip

_ARRAY_METHODS: dict[str, Callable[..., Any]] = {"dot": _dot, "clip": _clipped, "round": _round, "trace": _trace}
for _name, _rule in _ARRAY_METHODS.items():
    method(_name, _rule)
for _name in ("conj", "conjugate"):  # of real numbers the array itself
    method(_name, lambda a: elementwise(np.conjugate, a) if holds_complex(a) else a)


def _as_it_is(function: Any) -> Callable[..., Any]:
    """NumPy's own code, for functions that only move elements or combine them with +, -, * and slices."""

    def rule(*args: Any, **options: Any) -> Any:
        result = function._implementation(*decided(args), **options)
        return type(result)(map(wrap, result)) if type(result) in (list, tuple) else result

    return rule


_MOVING = """
    reshape ravel transpose swapaxes moveaxis rollaxis squeeze expand_dims atleast_1d atleast_2d atleast_3d
    concatenate stack vstack hstack dstack column_stack split array_split vsplit hsplit dsplit roll flip fliplr flipud
    rot90 tile repeat append insert delete resize take take_along_axis diag diagonal diagflat tril triu broadcast_to
    broadcast_arrays meshgrid shape ndim size block pad matrix_transpose permute_dims concat unstack copyto
    fill_diagonal put put_along_axis
"""
_COMBINING = """
    diff ediff1d gradient trapezoid cross kron tensordot einsum einsum_path polyval vander convolve correlate
    apply_along_axis
"""


def _correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    result = np.correlate._implementation(numbers(a), _conjugate(v), mode)  # type: ignore[attr-defined]
    return wrap(result)


FUNCTIONS[np.correlate] = _correlate
for _name in (_MOVING + _COMBINING).split():
    if hasattr(np, _name):
        FUNCTIONS.setdefault(getattr(np, _name), _as_it_is(getattr(np, _name)))
for _name in ("cross", "tensordot", "matrix_transpose", "diagonal"):
    if hasattr(np.linalg, _name):
        FUNCTIONS[getattr(np.linalg, _name)] = _as_it_is(getattr(np.linalg, _name))
if hasattr(np, "astype"):
    FUNCTIONS[np.astype] = lambda x, dtype, /, *, copy=True, device=None: x.astype(dtype)
if hasattr(np, "fix"):  # deprecated since NumPy 2.5
    FUNCTIONS[np.fix] = lambda x: elementwise(np.trunc, x)
