"""The numbers of a Variable and those of its gradient, before anything is done with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .graph import Node
from .operands import checked

Array = NDArray[Any]


class Numbers(Node):
    """A node of the graph that shows its array and its gradient, and checks what is put in their place."""

    __slots__ = ("name",)

    name: str | None

    @property
    def data(self) -> Array:
        return self._data

    @data.setter
    def data(self, data: Array) -> None:
        new = checked(data)
        if (new.shape, new.dtype) != (self._data.shape, self._data.dtype):
            self._grad = None
        self._data = new

    array = data

    @property
    def grad(self) -> Array | None:
        return self._grad

    @grad.setter
    def grad(self, g: Array | None) -> None:
        if g is not None:
            self._check_grad(g)
        self._grad = g

    def _check_grad(self, g: Any) -> None:
        if not isinstance(g, np.ndarray):
            msg = f"grad must be {np.ndarray} or None. Actual: {type(g)}; write y.grad = np.ones_like(y.data)"
            raise TypeError(msg)
        if g.dtype != self.dtype:
            msg = (
                f"Dtype of data and grad mismatch\ngrad: {g.dtype} != data: "
                f"{self.dtype}\nwrite grad.astype({str(self.dtype)!r})"
            )
            raise TypeError(msg)
        if g.shape != self.shape:
            msg = (
                f"Shape of data and grad mismatch\ngrad: {g.shape} != data: "
                f"{self.shape}\nthe gradient has one number for each of data"
            )
            raise ValueError(msg)

    def cleargrad(self) -> None:
        """Forget the gradient, to which the next `backward` would add."""
        self._grad = None

    def item(self) -> Any:
        """The only element, as a Python number."""
        return self._data.item()

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def size(self) -> int:
        return self._data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._data.dtype

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        head = f"variable {self.name}(" if self.name else "variable("
        shape = f", shape={self.shape}" if self.size == 0 and self.ndim > 1 else ""
        return f"{head}{np.array2string(self._data, separator=', ', prefix=head, suffix=')')}{shape})"
