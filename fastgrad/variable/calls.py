"""A call of one of NumPy's functions with Variables somewhere in its arguments."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from .functions import concat
from .operators import Variable


class _Hole:
    def __init__(self, number: int) -> None:
        self.number = number


def _filled(argument: Any, parts: list[Any]) -> Any:
    """An argument with values in its holes."""
    if isinstance(argument, _Hole):
        return parts[argument.number]
    if isinstance(argument, dict):
        return {key: _filled(part, parts) for key, part in argument.items()}
    if type(argument) in (list, tuple):
        return type(argument)(_filled(part, parts) for part in argument)
    return argument


class VariableCall:
    """A call of a function with Variables somewhere in its arguments."""

    def __init__(self, function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        self.function, self.variables = function, list[Variable]()
        self.args, self.options = self._holed(args), self._holed(options)
        self.ends = [*accumulate((v.size for v in self.variables), initial=0)]

    def _holed(self, argument: Any) -> Any:
        """An argument with numbers of Variables in their places."""
        if isinstance(argument, Variable):
            self.variables.append(argument)
            return _Hole(len(self.variables) - 1)
        if isinstance(argument, dict):
            return {key: self._holed(part) for key, part in argument.items()}
        return type(argument)(map(self._holed, argument)) if type(argument) in (list, tuple) else argument

    def of(self, parts: list[Any]) -> Any:
        """The function of other values of the Variables."""
        return self.function(*_filled(self.args, parts), **_filled(self.options, parts))

    def parts(self) -> Iterator[tuple[int, int, Variable]]:
        """The Variables, with their places in the row of all their elements."""
        yield from zip(self.ends, self.ends[1:], self.variables, strict=False)

    def of_row(self, z: Any) -> Any:
        """The function of all values in a row."""
        return self.of([z[start:stop].reshape(v.shape) for start, stop, v in self.parts()])

    def row(self) -> Variable:
        """The Variables' elements in a row."""
        flat = [v.reshape(-1) for v in self.variables]
        return flat[0] if len(flat) == 1 else concat(flat, axis=0)
