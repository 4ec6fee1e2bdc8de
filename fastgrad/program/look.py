"""One look at f: what is asked of it before and while it runs, in one place for all engines.

`Look` holds f and what is known of it: the shape and the precision of what it returns, and whether it writes into its
argument or keeps it. Calls of f go through it. The functions below ask what one call of f does not show.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..formulas.values import as_number, as_numbers, may_be_single, precision, precision_by_digits
from ..results import EPS

Array = NDArray[Any]
Function = Callable[..., Any]
Result = TypeVar("Result")

_FLOAT64 = np.dtype(np.float64)


class CoarserError(Exception):
    """f returns numbers of a lower precision than the steps were made for: they have to be larger."""

    def __init__(self, eps: float) -> None:
        self.eps = eps


def with_steps_for_f(run: Callable[[float], Result]) -> Result:
    """``run(eps)``, anew with the precision that f has shown where that is lower; it may fall more than once."""
    eps = EPS
    while True:
        try:
            return run(eps)
        except CoarserError as low:
            if low.eps <= eps:
                raise
            eps = low.eps


class WroteError(Exception):
    """f wrote into an argument that was lent to it, only not at its first call."""


def _one(_: Any) -> int:
    return 1


references: Callable[[Any], int] = getattr(sys, "getrefcount", _one)
"""How many references to an array there are: more after a call of f than before, and f has kept it, or a view of it."""


def _tell() -> bool:
    """Whether reference counts tell an array that was kept, or seen through a view, from one that was let go."""
    attic: list[Any] = []

    def noticed(f: Any) -> bool:
        array = np.empty(2)
        held = references(array)
        f(array)
        return references(array) != held

    keeping = (attic.append, lambda x: attic.append(x[1:]), lambda x: attic.append(x[None].T))
    return all(map(noticed, keeping)) and not any(map(noticed, (np.sum, lambda x: x[0], lambda x: x[1:].sum())))


COUNTS_TELL = _tell()


def precision_around(values: Any, between: Callable[[], Any]) -> float:
    """The precision of f's values around a point by their digits; those of a plain sum may be few there.

    So f is asked between them, too, where it has all of its digits.
    """
    found, single = precision_by_digits(values), False
    if found > EPS:
        with quiet(), suppress(Exception):  # it is only a question
            single = may_be_single(as_numbers(between()))
    return found if single else EPS


class Look:
    """f, and what is known of it.

    An engine lends f a buffer in which it moves a coordinate at a time. That is as good as an argument of f's own until
    f writes into it or keeps it: to notice that is a matter of 30 ns a call, and of the engine's loop::

        held = references(buffer)
        value = look.read(look.call(buffer))
        if references(buffer) != held:
            buffer = look.leave(buffer)

    Attributes
    ----------
    call : callable
        f of a buffer and `args`. The first call looks at what f returns and does, with an array of its own; later ones
        are f itself, or f of copies where it writes into its argument or keeps it.
    read : callable
        What f returned as a float, or as an array of float64 which f may use again.
    count : int
        How often f was called; who calls in a loop adds the number.
    eps : float
        The precision of what f returns, the lowest that was seen.
    shape : tuple of int, optional
        That of what f returns: () where it must be one number, None as long as it is not known.
    doubtful : bool
        Whether its numbers of float64 may be float32 in truth: what it returned first has no more digits.
    steep : (int, int), optional
        A point and a coordinate along which f changes suspiciously.
    """

    steep: tuple[int, int] | None

    def __init__(
        self,
        f: Function,
        args: tuple[Any, ...] = (),
        shape: tuple[int, ...] | None = (),
        reserve: Callable[[tuple[int, ...]], object] | None = None,
    ) -> None:
        self.f, self.args, self.shape, self._reserve = f, args, shape, reserve
        self.read: Callable[[Any], Any] = self._numbers if reserve else as_number
        self.count, self.eps, self.steep, self.doubtful = 0, EPS, None, False
        self.call: Callable[[Any], Any] = self._first

    def _first(self, buffer: Any) -> Any:
        given = buffer.copy()
        held = references(given)
        value = self.f(given, *self.args)
        if precision(value) > self.eps:
            self.count += 1
            self.eps = precision(value)
            raise CoarserError(self.eps)
        result = self.read(value)
        self.doubtful = self.eps == EPS and may_be_single(result)
        del value  # it may be the argument, which f need not have kept
        kept = references(given) != held or not COUNTS_TELL
        wrote = given.tobytes() != buffer.tobytes() or given.shape != buffer.shape or given.dtype is not buffer.dtype
        self.call = self._on_copy if kept or wrote else self._with_args if self.args else self.f
        return result

    def _with_args(self, buffer: Any) -> Any:
        return self.f(buffer, *self.args)

    def _on_copy(self, buffer: Any) -> Any:
        return self.f(buffer.copy(), *self.args)

    def _numbers(self, value: Any) -> Any:
        if type(value) is np.ndarray and value.dtype is _FLOAT64 and value.shape == self.shape:
            return value  # who calls copies at once: f may use its array again
        array = as_numbers(value)
        assert self._reserve is not None
        self._reserve(array.shape)
        self.shape = array.shape
        return array

    def of_precision(self, eps: float) -> Look:
        """This look, of an f that has shown this precision, be it in a forked process."""
        self.eps = max(self.eps, eps)
        return self

    def check_digits(self, values: Any, between: Callable[[], Any], *args: Any) -> None:
        """Raise CoarserError where f's values around a point, and at one between them, have float32's digits."""
        self.doubtful = False
        found = precision_around(values, lambda: self.ask(between(), *args))
        if found > self.eps:
            self.eps = found
            raise CoarserError(found)

    def leave(self, buffer: Array) -> Array:
        """f has kept this buffer, which is its own from now on: another one, of which f gets copies."""
        self.call = self._on_copy
        return buffer.copy()

    def give_copies(self) -> None:
        """f has written into what was lent to it."""
        self.call = self._on_copy

    def ask(self, x: Any, *args: Any) -> Any:
        """f of an argument that is its own, counted, with a look at the precision of what it returns."""
        self.count += 1
        value = self.f(x, *args)
        self.eps = max(self.eps, precision(value))
        return value


# --- what one call does not show --------------------------------------------------------------------------------------


@contextmanager
def quiet() -> Iterator[None]:
    """f is called where the user did not ask for it: what it warns of there is not for the user."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def is_elementwise(f: Function, values: Array, args: tuple[Any, ...] = ()) -> bool:
    """Whether f gives on an array what it gives on each of its numbers; it gets a copy."""
    with np.errstate(all="ignore"):
        together = np.asarray(f(values.copy(), *args))
        single = [as_number(f(np.float64(x), *args)) for x in values]
    return together.shape == values.shape and np.allclose(together, single, rtol=1e-9, atol=0.0, equal_nan=True)


def reacts(
    f: Function, first: Any, second: Any, args: tuple[Any, ...] = (), part: Callable[[Any], Any] = np.asarray
) -> bool:
    """Whether f takes another value at a second point. If it raises, or returns NaN, it has looked at its argument.

    Both points become f's own. `part` is of what f returns, such as the real one.
    """
    try:
        with quiet():
            before, after = (as_numbers(part(f(x, *args))) for x in (first, second))
            return not np.array_equal(before, after)
    except Exception:  # noqa: BLE001  whatever f raises, it has looked at its argument
        return True


def first_answer(f: Function, places: Iterable[Sequence[Any]]) -> tuple[int | None, Any]:
    """The number of the first place, x and further arguments, where f returns something, and that.

    None and the first error where f raises everywhere.
    """
    error: Exception | None = None
    for number, (x, *args) in enumerate(places):
        try:
            return number, f(x, *args)
        except Exception as raised:  # noqa: BLE001  whatever it is, the places are made up
            error = error or raised
    return None, error


def agree(found: Any, plain: Any, *, by_largest: bool = False) -> bool:
    """Whether a compiled form gives what f gives in Python, but for rounding, which is measured by each number.

    By the largest finite one where f's outputs come of sums in which the smaller ones drown.
    """
    if isinstance(found, float) and isinstance(plain, float):  # a microsecond; arrays take ten
        size = max(abs(found), abs(plain))
        near = abs(found - plain) <= 1e-8 * size + 1e-14 and size < np.inf
        return found == plain or near or (found != found and plain != plain)  # noqa: PLR0124  NaN
    found, plain = np.asarray(found, dtype=np.float64), np.asarray(plain, dtype=np.float64)
    if found.shape != plain.shape:
        return False
    with np.errstate(all="ignore"):
        sizes = np.maximum(np.abs(found), np.abs(plain))
        finite = np.isfinite(sizes)
        allowed: Any = 1e-8 * sizes.max(initial=0.0, where=finite) if by_largest else 1e-8 * sizes + 1e-14
        near = finite & (np.abs(found - plain) <= allowed)
        return bool(((found == plain) | near | (np.isnan(found) & np.isnan(plain))).all())
