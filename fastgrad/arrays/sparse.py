"""Matrices of scipy.sparse in a loss, with numbers that do not depend on the parameters: products with recorders."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..program.captures import home
from .nodes import refuse
from .recorder import Recorder, recorder_of
from .wholes import Whole


def is_sparse(value: Any) -> bool:
    """Whether it is a matrix or an array of scipy.sparse."""
    return home(type(value)).startswith("scipy.sparse._") and hasattr(type(value), "tocoo")


class Sparse:
    """Stands for a matrix: products with recorders are its own as well, with their derivatives."""

    __array_ufunc__ = None

    def __init__(self, own: Any) -> None:
        self._own = own

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # of which f, or a function of a library's that it calls, may ask
        return type(self._own)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._own, name)
        if not callable(found) or isinstance(found, type):
            return _seen(found)
        return wraps(found)(lambda *args, **options: _seen(found(*map(_own, args), **options)))

    def __getitem__(self, index: Any) -> Any:
        return _seen(self._own[index])

    def __matmul__(self, x: Any) -> Any:
        return _product(self._own, x) if type(x) is Recorder else _seen(self._own @ _own(x))

    def __rmatmul__(self, x: Any) -> Any:
        return (self.T @ recorder_of(x).T).T

    def __mul__(self, x: Any) -> Any:
        if type(x) is not Recorder:
            return _seen(self._own * _own(x))
        is_matrix = any(base.__name__ == "spmatrix" for base in type(self._own).__mro__)  # of an array * is no product
        return self @ x if is_matrix and x.ndim else refuse("it changes the entries of a sparse matrix")

    def __rmul__(self, x: Any) -> Any:
        return refuse("it changes the entries of a sparse matrix") if type(x) is Recorder else _seen(x * self._own)

    def dot(self, x: Any) -> Any:
        return self @ x


def _with_own(operation: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: _seen(operation(*map(_own, values)))


for _name in ("add", "sub", "truediv", "neg", "pow"):
    setattr(Sparse, f"__{_name}__", _with_own(getattr(operator, _name)))


def _own(value: Any) -> Any:
    return value._own if type(value) is Sparse else value


def _seen(value: Any) -> Any:
    """What a loss sees of a result: another matrix, an array that it may fill."""
    if is_sparse(value):
        return Sparse(value)
    return recorder_of(value) if type(value) is np.ndarray and value.dtype.kind == "f" else value


def _product(own: Any, x: Recorder) -> Recorder:
    if own.dtype.kind not in "fiub" or x.ndim not in (1, 2) or own.ndim != 2 or own.shape[1] != x.shape[0]:
        refuse(f"it multiplies a sparse array of {own.dtype} and shape {own.shape} by one of shape {x.shape}")
    matrix = own.tocsr().astype(np.float64)
    turned = matrix.T
    return Recorder(
        Whole(
            "a sparse product", lambda bar, _y, _x: (turned @ bar,), lambda dx, _y, _x: matrix @ dx, is_linear=True
        ).node(lambda v: matrix @ v, x.node)
    )
