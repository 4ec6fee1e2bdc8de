"""Rules for tracing scipy.signal, scipy.ndimage and scipy.spatial.distance.

What is linear in an array is found by what SciPy itself makes of unit vectors: filters, resampling, interpolation of
images at known places.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import Objects, call_function, elementwise, holds_symbols, wrap
from .elementwise import guard
from .reductions import numbers
from .refusals import refuse
from .symbols import RULES, Traced

LONGEST = 1024
"""Elements of an array that goes through a linear function, which is called once for each."""
_divide = RULES[np.divide]


# --- linear functions ------------------------------------------------------------------------------------------------


def linear(function: Callable[..., Any], place: int) -> Callable[..., Any]:
    """A function of SciPy's that is linear in its argument of that number, up to a constant."""

    def rule(*args: Any, **options: Any) -> Any:
        given = [args[place]] if len(args) > place else []
        rest = (*args[:place], *args[place + 1 :], *options.values())
        if not given or holds_symbols(rest):
            refuse(f"f calls {function.__name__} with more than its data traced, or with these by name")
        values = numbers(given[0])
        if values.size > LONGEST:
            refuse(f"f calls {function.__name__} of {values.size} numbers, of which {LONGEST} are traced")
        return by_columns(lambda v: function(*args[:place], v, *args[place + 1 :], **options), values)

    return rule


def by_columns(function: Callable[..., Any], values: Objects) -> Any:
    """What a function makes of 0, and of each element alone; f itself is asked where one is not finite."""
    zero = np.zeros(values.shape)
    first = np.asarray(function(zero.copy()))
    if first.dtype.kind != "f":
        refuse("f calls a function of SciPy's that gives complex numbers or integers")
    found = first.ravel().astype(object)
    for k, value in enumerate(values.ravel().tolist()):
        unit = zero.copy()
        unit.flat[k] = 1.0
        column = np.asarray(function(unit)).ravel() - first.ravel()
        guard(value)
        for j in np.flatnonzero(column):
            term = value * float(column[j])
            found[j] = term if type(found[j]) is float and found[j] == 0.0 else found[j] + term
    return wrap(found.reshape(first.shape))


LINEAR = {
    "scipy.signal": {
        "filtfilt": 2, "sosfilt": 1, "sosfiltfilt": 1,
        **dict.fromkeys(("savgol_filter", "detrend", "resample", "resample_poly", "decimate"), 0),
    },
    "scipy.ndimage": dict.fromkeys((
        "gaussian_filter", "gaussian_filter1d", "uniform_filter", "uniform_filter1d", "convolve", "convolve1d",
        "correlate", "correlate1d", "sobel", "prewitt", "laplace", "gaussian_laplace", "zoom", "shift", "rotate",
        "affine_transform", "map_coordinates", "spline_filter", "spline_filter1d",
    ), 0),
}  # fmt: skip
"""Functions by their modules, and in which of their arguments they are linear."""


# --- convolutions ----------------------------------------------------------------------------------------------------


def _full(a: Objects, b: Objects) -> Objects:
    """All sums of products: each element of the smaller array moves the larger one."""
    a, b = (a, b) if a.size >= b.size else (b, a)
    found = np.full(tuple(m + n - 1 for m, n in zip(a.shape, b.shape, strict=True)), 0.0, dtype=object)
    for place in np.ndindex(b.shape):
        if isinstance(b[place], Traced) or b[place] != 0.0:
            there = tuple(slice(k, k + n) for k, n in zip(place, a.shape, strict=True))
            found[there] = found[there] + a * b[place]
    return found


def _convolve(in1: Any, in2: Any, mode: Any = "full", method: Any = "auto", axes: Any = None) -> Any:
    a, b = numbers(in1), numbers(in2)
    if a.ndim != b.ndim or not a.size or not b.size or axes is not None:
        refuse("f convolves arrays of different dimensions, without elements, or along some axes")
    found = _full(a, b)
    for value in (*a.ravel().tolist(), *b.ravel().tolist()):  # by Fourier transforms one NaN makes all NaN
        guard(value)
    if mode == "full":
        return wrap(found)
    if mode not in ("same", "valid"):
        refuse(f"f convolves with mode={mode!r}")
    if mode == "valid" and any(m < n for m, n in zip(a.shape, b.shape, strict=True)):
        a, b = b, a
    sizes = a.shape if mode == "same" else tuple(m - n + 1 for m, n in zip(a.shape, b.shape, strict=True))
    starts = [(whole - size) // 2 for whole, size in zip(found.shape, sizes, strict=True)]
    return wrap(found[tuple(slice(k, k + n) for k, n in zip(starts, sizes, strict=True))])


def _correlate(in1: Any, in2: Any, mode: Any = "full", method: Any = "auto") -> Any:
    b = numbers(in2)
    if mode == "valid" and any(m < n for m, n in zip(np.shape(in1), b.shape, strict=False)):
        refuse("f correlates an array with a larger one")
    return _convolve(in1, b[(slice(None, None, -1),) * b.ndim], mode)


def _plane(rule: Callable[..., Any]) -> Callable[..., Any]:
    def call(in1: Any, in2: Any, mode: Any = "full", boundary: Any = "fill", fillvalue: Any = 0) -> Any:
        if boundary != "fill" or fillvalue:
            refuse("f convolves with boundary= or fillvalue=, which cannot be traced")
        return rule(in1, in2, mode)

    return call


def _lfilter(b: Any, a: Any, x: Any, axis: Any = -1, zi: Any = None) -> Any:
    """The recursion along one axis."""
    if zi is not None:
        refuse("f calls scipy.signal.lfilter with zi=")
    rows, first = np.moveaxis(numbers(x), axis, 0), np.ravel(numbers(a))[0]
    forward, back = ([_divide(v, first) for v in np.ravel(numbers(values)).tolist()] for values in (b, a))
    found = np.empty(rows.shape, dtype=object)
    for n in range(len(rows)):
        total: Any = rows[n] * forward[0]
        for k in range(1, min(len(forward), n + 1)):
            total = total + rows[n - k] * forward[k]
        for k in range(1, min(len(back), n + 1)):
            total = total - found[n - k] * back[k]
        found[n] = total
    return wrap(np.moveaxis(found, 0, axis))


# --- distances -------------------------------------------------------------------------------------------------------


def _distance(metric: Any, a: Any, b: Any, p: Any = 2) -> Any:
    """Along the last axis."""
    orders = {"euclidean": 2, "cityblock": 1, "chebyshev": np.inf, "minkowski": p}
    if metric in ("cosine", "correlation"):
        return _angle(a, b, centered=metric == "correlation")
    difference = wrap(numbers(a) - numbers(b))
    if metric == "sqeuclidean":
        return call_function(np.sum, (elementwise(np.square, difference), -1), {})
    if metric not in orders:
        refuse(f"f takes distances by the metric {metric!r}")
    return call_function(np.linalg.norm, (difference, orders[metric], -1), {})


def _angle(a: Any, b: Any, *, centered: bool) -> Any:
    """1 less the cosine of the angle, which no rounding takes below 0."""
    a, b = (wrap(numbers(v)) for v in (a, b))
    if centered:
        a, b = (v - call_function(np.mean, (v, -1), {"keepdims": True}) for v in (a, b))
    ab, aa, bb = (call_function(np.sum, (u * v, -1), {}) for u, v in ((a, b), (a, a), (b, b)))
    return call_function(np.clip, (1.0 - ab / elementwise(np.sqrt, aa * bb), 0.0, 2.0), {})


def _mahalanobis(u: Any, v: Any, VI: Any) -> Any:
    difference = wrap(numbers(u) - numbers(v))
    return elementwise(np.sqrt, call_function(np.dot, (call_function(np.dot, (difference, VI), {}), difference), {}))


def _cdist(XA: Any, XB: Any, metric: Any = "euclidean", *, out: Any = None, p: Any = 2) -> Any:
    a, b = (wrap(numbers(v)) for v in (XA, XB))
    return _distance(metric, a[:, None, :], b[None, :, :], p)


def _pdist(X: Any, metric: Any = "euclidean", *, out: Any = None, p: Any = 2) -> Any:
    rows = wrap(numbers(X))
    first, second = np.triu_indices(len(rows), 1)
    return _distance(metric, rows[first], rows[second], p)


def _between(metric: str) -> Callable[..., Any]:
    def rule(u: Any, v: Any, w: Any = None) -> Any:
        if w is not None:
            refuse(f"f calls scipy.spatial.distance.{metric} with weights")
        return _distance(metric, u, v)

    return rule


def _minkowski(u: Any, v: Any, p: Any = 2, w: Any = None) -> Any:
    return _between("euclidean")(u, v, w) if p == 2 else _distance("minkowski", u, v, p)


def _squareform(X: Any, force: Any = "no", checks: Any = True) -> Any:
    """A vector of the distances of pairs as a matrix, and back."""
    values = numbers(X)
    if values.ndim == 2:
        return wrap(values[np.triu_indices(len(values), 1)])
    count = int((1 + np.sqrt(1 + 8 * len(values))) // 2)
    if count * (count - 1) // 2 != len(values):
        refuse(f"f calls squareform of {len(values)} numbers, which are no matrix")
    found = np.full((count, count), 0.0, dtype=object)
    found[np.triu_indices(count, 1)] = values
    return wrap(found + found.T)


SIGNALS: dict[str, Callable[..., Any]] = {
    "convolve": _convolve, "fftconvolve": _convolve, "oaconvolve": _convolve, "correlate": _correlate,
    "convolve2d": _plane(_convolve), "correlate2d": _plane(_correlate), "lfilter": _lfilter,
}  # fmt: skip
DISTANCES: dict[str, Callable[..., Any]] = {
    "cdist": _cdist, "pdist": _pdist, "minkowski": _minkowski, "squareform": _squareform,
    "mahalanobis": _mahalanobis, "cosine": _between("cosine"), "correlation": _between("correlation"),
    **{name: _between(name) for name in ("euclidean", "sqeuclidean", "cityblock", "chebyshev")},
}  # fmt: skip
