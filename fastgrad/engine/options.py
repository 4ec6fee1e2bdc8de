"""The options of derivatives as types: what checkers and editors know of them, function by function.

The overloads of public functions name what decides of the result's type, and take the rest together from here; the
functions themselves have their real signatures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypedDict, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..results import Result
from .call import Workers

Array = NDArray[Any]


class Formula(TypedDict, total=False):
    """Of all derivatives of functions, sparse ones too."""

    args: tuple[Any, ...]
    method: str
    order: int
    h: ArrayLike | None
    rel_step: ArrayLike | None
    bounds: Any
    engine: str
    workers: Workers


class Scheme(Formula, total=False):
    """Of those in arrays."""

    out: Array | None
    progress: bool | Callable[[int, int], object]


class Many(Scheme, total=False):
    """Of those at many points."""

    batch: bool
    batch_args: tuple[Any, ...]


class SidedScheme(Scheme, total=False):
    """Of first derivatives, and others of one variable."""

    side: ArrayLike | None


class Sided(Many, total=False):
    """As `Many`, of first derivatives."""

    side: ArrayLike | None
    noise: float | str | None


class RowOptions(SidedScheme, total=False):
    """As `Sided`, where `batch` decides of the type."""

    batch_args: tuple[Any, ...]
    noise: float | str | None


class SparseScheme(Formula, total=False):
    """Of sparse ones."""

    pattern: Any
    check: bool


class Live(TypedDict, total=False):
    """Of gradients in live arrays."""

    args: tuple[Any, ...]
    mask: Any
    sample: int | None
    rng: np.random.Generator | int | None
    method: str
    order: int
    h: ArrayLike | None
    rel_step: ArrayLike | None
    bounds: Any
    engine: str
    workers: int | None
    progress: bool | Callable[[int, int], object]


class Labelled(Protocol):
    """A Series, DataFrame or DataArray: the result is of its kind."""

    def to_numpy(self) -> Any: ...


Numbers = ArrayLike | Labelled


class GradientFunction(Protocol):
    """What `grad` returns, and `jac` and `hess`: of a dict of arrays a dict of them."""

    @overload
    def __call__(self, x: Labelled, *args: Any) -> Any: ...
    @overload
    def __call__(self, x: Mapping[Any, Any], *args: Any) -> dict[Any, Any]: ...
    @overload
    def __call__(self, x: float, *args: Any) -> np.float64: ...
    @overload
    def __call__(self, x: list[Array], *args: Any) -> list[Any]: ...
    @overload
    def __call__(self, x: ArrayLike, *args: Any) -> Array: ...


class ValueFunction(Protocol):
    """What `value_and_grad` returns."""

    @overload
    def __call__(self, x: Labelled, *args: Any) -> tuple[Any, Any]: ...
    @overload
    def __call__(self, x: Mapping[Any, Any], *args: Any) -> tuple[np.float64, dict[Any, Any]]: ...
    @overload
    def __call__(self, x: list[Array], *args: Any) -> tuple[np.float64, list[Any]]: ...
    @overload
    def __call__(self, x: ArrayLike, *args: Any) -> tuple[np.float64, Array]: ...


class ResultFunction(Protocol):
    """What they return with ``full_output=True``."""

    def __call__(self, x: Any, *args: Any) -> Result: ...
