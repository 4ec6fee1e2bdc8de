"""pandas' Series and DataFrames, and DataArrays of points: numbers for the engines, labels for f and for the result.

pandas is never imported: who passes a Series has done so. f gets the simplest of three that gives what f gives for a
Series, at the point and near it: plain numbers, which can be traced; numbers that are read by label; a Series. For a
DataArray, whose arithmetic goes by the names of its dimensions, these are plain numbers and a DataArray.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.arguments import Function, Options
from ..engine.limits import check_bounds
from ..engine.numbers import real_array
from ..formulas.steps import irregular
from ..program import look
from ..program.captures import home
from ..results import Result
from .coordinates import is_labelled

Array = NDArray[Any]
Operation = Callable[..., Any]

PATTERNS = 4  # of missing numbers that are looked at
_PLAIN = {float, int, list, tuple, np.ndarray, np.float64}


def is_frame(x: Any) -> bool:
    """Whether x is a Series, a DataFrame or a DataArray."""
    return type(x) not in _PLAIN and (_is_of_pandas(x) or (is_labelled(x) and hasattr(x, "dims")))


def _is_of_pandas(x: Any) -> bool:
    return hasattr(x, "index") and any(home(base).startswith("pandas.") for base in type(x).__mro__)


def applied(operation: Operation, f: Function, x: Any, how: Options, *along: Any, batch: bool, **what: Any) -> Any:
    """The operation at the numbers of x, its result in the form of x; `along` are v, u or a covariance."""
    form = _Form(x, batch)
    of_x = form.labels is not None or operation.__name__ not in {"vjp", "propagate"}
    others = [form.in_order(a, "the second array") if of_x else a for a in along]
    options = {name: form.in_order(value, name) for name, value in what.items()}
    options |= {name: getattr(how, name) for name in Options.__slots__}
    options |= {"batch": True} if batch else {}
    function, outputs = form.function(f, what["args"], what.get("batch_args", ()), options.get("bounds"))
    result = operation(function, form.numbers, *others, **options)
    if isinstance(result, str) or how.out is not None:
        return result
    if isinstance(result, tuple):
        return form.value(result[0], outputs), form.result(operation.__name__, result[1], outputs)
    return form.result(operation.__name__, result, outputs)


class Named:
    """A point whose numbers are read by label or place, as those of a Series or the columns of a DataFrame."""

    def __init__(self, numbers: Any, places: Mapping[Hashable, int]) -> None:
        self._numbers, self._places = numbers, places
        self.values = self.iloc = numbers

    def to_numpy(self) -> Any:
        return self.values

    @property
    def loc(self) -> Named:
        return self

    def __getitem__(self, label: Any) -> Any:
        place = [self._places[one] for one in label] if isinstance(label, list) else self._places[label]
        return self._numbers[place] if self._numbers.ndim == 1 else self._numbers[:, place]

    def __getattr__(self, label: str) -> Any:
        if label.startswith("_") or label not in self._places:
            raise AttributeError(label)
        return self[label]


class _Form:
    """Where the numbers of x stand, and by which labels: those of a Series, or of a DataFrame's columns."""

    def __init__(self, x: Any, batch: bool) -> None:
        self.x, self.batch, self.numbers = x, batch, real_array(x)
        self.labels = None if is_labelled(x) else x.index if x.ndim == 1 else x.columns
        self.is_series = self.labels is not None and x.ndim == 1

    # --- what f gets ---

    def function(self, f: Function, args: Any, batch_args: Any, bounds: Any) -> tuple[Function, Any]:
        """f of plain numbers, and the labels of what it returns if it has some; it is not asked out of bounds."""
        if not self.numbers.size or (self.batch and self.numbers.ndim == 1) or not callable(f):
            return f, None
        point = self.numbers[0] if self.batch else self.numbers
        further = (*args, *(np.asarray(a)[0] for a in batch_args))
        near = point + irregular(point.size).reshape(point.shape) * np.maximum(1.0, np.abs(point))
        limits = check_bounds(bounds, self.numbers, point.shape)
        if limits:
            near = np.clip(near, *((limit[0] for limit in limits) if self.batch else limits))
        of_frame, places = self._on_frames(f), [point, near, *self._with_nan()]
        wanted = [_asked(of_frame, place, further) for place in places]
        outputs = None if self.labels is None else getattr(wanted[0], "index", None)
        if all(value is None for value in wanted):
            return (f if _asked(f, point, further) is not None else of_frame), outputs
        labels = {} if self.labels is None else {label: k for k, label in enumerate(self.labels)}
        for function in (f, partial(_by_label, f, labels)) if labels else (f,):
            found = [_asked(function, place, further) for place in places]
            if all(_is_same(a, b) for a, b in zip(found, wanted, strict=True) if b is not None):
                return function, outputs
        return of_frame, outputs

    def _with_nan(self) -> Array:
        """Some of the points with NaN, which pandas leaves out of means and sums, at different places."""
        if not self.batch:
            return self.numbers[:0]
        missing = np.isnan(self.numbers.reshape(len(self.numbers), -1))
        _, first = np.unique(missing, axis=0, return_index=True)
        found: Array = self.numbers[[n for n in first if missing[n].any()][:PATTERNS]]
        return found

    def _on_frames(self, f: Function) -> Function:
        x, labels, is_series = self.x, self.labels, self.batch or self.is_series
        if labels is None:
            point = x.isel({x.dims[0]: 0}, drop=True) if self.batch else x
            return lambda numbers, *args: f(point.copy(data=numbers), *args)
        row = type(x.iloc[0]) if self.batch else type(x)
        rows = x.index

        def on_frames(numbers: Any, *args: Any) -> Any:
            if is_series:
                return f(row(numbers, index=labels), *args)
            return f(row(numbers, index=rows, columns=labels), *args)

        return on_frames

    # --- what comes with x ---

    def in_order(self, value: Any, name: str) -> Any:
        """Steps, directions, bounds and covariances in the order of x's labels."""
        if isinstance(value, tuple) and name == "bounds":
            return tuple(self.in_order(bound, name) for bound in value)
        if self.labels is None and is_labelled(value) and set(value.dims) & set(self.x.dims):
            return self._along_dimensions(value, name)
        if self.labels is None or not _is_of_pandas(value) or name == "batch_args":
            return value
        axes = [value.index] if value.ndim == 1 else [value.index, value.columns]
        size, rows = len(self.labels), value
        if value.ndim == 2 and value.shape != (size, size):
            axes = axes[1:]
        for axis in axes:
            if len(axis) != size or not axis.is_unique or not self.labels.isin(axis).all():
                msg = (
                    f"{name} has the labels {list(axis)}, x has {list(self.labels)}; give it those, or write "
                    ".to_numpy() for numbers in x's order"
                )
                raise ValueError(msg)
        if value.ndim == 1:
            return rows.loc[self.labels].to_numpy()
        return (rows.loc[self.labels, self.labels] if len(axes) == 2 else rows[list(self.labels)]).to_numpy()

    def _along_dimensions(self, value: Any, name: str) -> Any:
        """The numbers of a DataArray in the order of the dimensions of x, or of one point of it."""
        dims, x = self.x.dims[self.batch and value.ndim < self.x.ndim :], self.x
        known = [d for d in dims if d in x.indexes and d in value.indexes]
        if set(value.dims) != set(dims) or not all(value.indexes[d].equals(x.indexes[d]) for d in known):
            msg = (
                f"{name} has the dimensions {value.dims}, x has {dims}, or other coordinates along them; give it those "
                "of x, or write .values for numbers in x's order"
            )
            raise ValueError(msg)
        return value.transpose(*dims).values

    # --- what comes back ---

    def value(self, value: Any, outputs: Any) -> Any:
        """f's values: a row for each point, or as f returns them."""
        if self.batch and np.shape(value) == self.numbers.shape[:1]:
            return self._column(value)
        return self._series(value, outputs) if outputs is not None and np.ndim(value) == 1 else value

    def result(self, name: str, found: Any, outputs: Any) -> Any:
        """A derivative, or a `Result`, with labels where it has the axes of x or of f's output."""
        if not isinstance(found, Result):
            return self._labelled(name, found, outputs)
        parts = {part: getattr(found, part) for part in ("value", "error", "status")}
        parts = {part: a if a is None else self._labelled(name, a, outputs) for part, a in parts.items()}
        for part in ("h", "evaluations"):
            array = getattr(found, part)
            parts[part] = None if array is None else self._labelled("gradient", array, None)
        return replace(found, **parts)

    def _labelled(self, name: str, array: Any, outputs: Any) -> Any:
        if np.shape(array) == self.numbers.shape and name not in {"jvp", "propagate"}:
            return self._like_x(array)
        if not self.is_series or np.ndim(array) not in {1, 2}:
            return array
        if np.ndim(array) == 1:
            return self._series(array, outputs) if outputs is not None else array
        rows, columns = {"hessian": (self.labels,) * 2, "jacobian": (outputs, self.labels)}.get(name, (outputs,) * 2)
        return array if columns is None else type(self.x.to_frame())(array, index=rows, columns=columns)

    def _like_x(self, array: Array) -> Any:
        if self.labels is None:
            like = self.x.copy(deep=False, data=array)
            like.attrs, like.name = {}, None  # the units of x and its name are not those of a derivative
            return like
        if self.is_series:
            return self._series(array, self.x.index)
        return type(self.x)(array, index=self.x.index, columns=self.x.columns)

    def _series(self, array: Array, labels: Any) -> Any:
        kind = type(self.x) if self.is_series else type(self.x.iloc[0])
        return kind(array, index=labels)

    def _column(self, values: Array) -> Any:
        """A number for each point."""
        if self.labels is not None:
            return self._series(values, self.x.index)
        along = self.x.dims[1:]
        column = self.x.isel(dict.fromkeys(along, 0), drop=True).copy(deep=False, data=values)
        column.attrs, column.name = {}, None
        return column


def _by_label(f: Function, places: Mapping[Hashable, int], numbers: Any, *args: Any) -> Any:
    return f(Named(numbers, places), *args)


def _asked(f: Function, place: Array, args: tuple[Any, ...]) -> Any:
    """What f returns there, None where it raises."""
    try:
        with look.quiet():
            return f(place.copy(), *args)
    except Exception:  # noqa: BLE001  whatever f raises of an argument of the wrong kind
        return None


def _is_same(found: Any, wanted: Any) -> bool:
    try:
        both = (np.atleast_1d(np.asarray(a, complex)).view(float) for a in (found, wanted))
        return found is not None and look.agree(*both)
    except (TypeError, ValueError):
        return False
