"""The options of derivatives of samples as types, and what decides of the type of a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Never, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from ..engine.options import Labelled


class Stencils(TypedDict, total=False):
    """Of operators as matrices."""

    edge_order: int
    accuracy: int
    periodic: Any
    period: Any


class Formulas(Stencils, total=False):
    """Of operators that run."""

    workers: int | None
    progress: bool | Callable[[int, int], object]


Unknown = np.ndarray[tuple[Never, Never, Never, Never], Any]
"""Samples on nobody knows how many axes: no other shape has such a type."""

Several = tuple[int, int, *tuple[int, ...]]
"""Axes, of which there are at least two."""

Row = Sequence[float] | np.ndarray[tuple[int], Any]
"""Samples along one axis, as far as checkers of types know that."""

Sheet = np.ndarray[tuple[int, int, *tuple[int, ...]], Any]
"""Samples on several axes."""

Fields = Sequence[Labelled] | Mapping[Any, Any]
"""DataArrays, or a Dataset."""

Components = ArrayLike | Sequence[ArrayLike]
