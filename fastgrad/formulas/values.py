"""What f returned, as numbers: one or many, the imaginary part, the precision; and masks, which are none."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..results import EPS

Array = NDArray[Any]


_FLOAT = np.dtype(np.float64)


class ComplexError(TypeError):
    """f returned complex numbers where real ones are needed."""


def as_number(value: Any) -> float:
    """What f returned as a float; arrays of one element count as numbers.

    Raises
    ------
    TypeError
        Not a real number.
    ValueError
        More than one number, or none.
    """
    if type(value) is float or type(value) is np.float64:
        return float(value)
    if isinstance(value, (tuple, list)) and len(value) == 2 and np.ndim(value[0]) < np.ndim(value[1]):
        msg = (
            f"f returned a {type(value).__name__} of a number and an array, perhaps its value and its gradient; "
            "it must return one number: write lambda x: f(x)[0]"
        )
        raise ValueError(msg)
    try:
        array = np.asarray(value)
    except ValueError:
        msg = f"f returned a ragged {type(value).__name__}, rows of different lengths; it must return one number"
        raise ValueError(msg) from None
    _check_real(value, array, "one real number")
    if array.size != 1:
        msg = f"f returned an array of shape {array.shape}; it must return one number, or use jacobian(f, x)"
        raise ValueError(msg)
    return float(array.reshape(())[()])


def _check_real(value: Any, array: Array, wanted: str) -> None:
    unmasked(value, "what f returned")
    if array.dtype.kind not in "fiub":
        kind = f"{type(value).__name__} {value!r}" if array.ndim == 0 else f"array of {array.dtype}"
        msg = f"f returned {kind}; it must return {wanted}"
        if array.dtype.kind == "c":
            msg += " (of a complex result, return .real or abs())"
            raise ComplexError(msg)
        raise TypeError(msg)


def refuse_complex(value: Any) -> None:
    """Raise TypeError for complex numbers that come of what f returned."""
    array = np.asarray(value)
    if array.dtype.kind == "c":
        _check_real(value, array, "real numbers")


def unmasked(x: Any, name: str) -> Any:
    """x itself; TypeError for masked elements, of which NumPy would take what lies below the mask."""
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        msg = (
            f"{name} has masked elements, which are no numbers; take those that are with .compressed(), or numbers for "
            "all with .filled(...)"
        )
        raise TypeError(msg)
    return x


def as_numbers(value: Any) -> NDArray[np.float64]:
    """What f returned as an array of its own, of any shape: f may use its array again.

    Raises
    ------
    TypeError
        Not real numbers, or rows of different lengths.
    """
    if type(value) is np.ndarray and value.dtype is _FLOAT:
        return value.copy()  # a microsecond; to look at it takes four
    try:
        array = np.array(value)
    except ValueError:
        msg = f"f returned a ragged {type(value).__name__}: its rows have different lengths; return an array of numbers"
        raise TypeError(msg) from None
    _check_real(value, array, "real numbers")
    return array.astype(np.float64, copy=False)


def imaginary_part(value: Any) -> Any:
    """The imaginary part of what f returned for a complex argument, from which method="complex" reads the derivative.

    Raises
    ------
    TypeError
        Not complex numbers of double precision.
    """
    if type(value) is np.complex128 or type(value) is complex:
        return value.imag
    with suppress(ValueError):  # ragged: `as_numbers` says so
        array = np.asarray(value)
        if array.dtype.kind == "c" and array.dtype != np.complex64:
            return array.imag
        if array.dtype.kind in "fiubc":
            lost = "loses so small an imaginary part" if array.dtype.kind == "c" else "has no imaginary part"
            msg = (
                f"f returned {array.dtype} for a complex argument, which {lost}, and with it the derivative; leave out "
                "abs, .real, float() and other precisions, write a constant c as c + 0 * x[0], or use method='central'"
            )
            raise TypeError(msg)
    return as_numbers(value)


def precision(value: Any) -> float:
    """Machine epsilon of what f returned; a dtype that is not NumPy's, as a tensor has, says nothing."""
    dtype = getattr(value, "dtype", None)
    single = isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize < 8
    return float(np.finfo(dtype).eps) if single else EPS


def precision_shown(value: Any) -> float:
    """That of a number that f returned, by its type and its digits."""
    return max(precision(value), precision_by_digits(as_number(value)))


_SINGLE = float(np.finfo(np.float32).eps)
_DIGITS = 2.0**24  # a float32 has 24 binary digits
_FEW = 64


def may_be_single(value: Any) -> bool:
    """Whether a float, or all of an array, has no more digits than a float32: of others one in 2^29 has not."""
    if type(value) is float or type(value) is np.float64:
        return (math.frexp(value)[0] * _DIGITS).is_integer()
    array = np.asarray(value, dtype=np.float64)
    if array.size <= _FEW:  # a microsecond; arrays take eight
        return all((math.frexp(number)[0] * _DIGITS).is_integer() for number in array.ravel().tolist())
    return bool(_are_integers(np.frexp(array)[0] * _DIGITS).all())


def precision_by_digits(values: Any) -> float:
    """Machine epsilon of numbers of float64 that f returned around points, by their digits.

    A model that computes in float32 and returns ``float(loss)`` gives numbers that are all float32: with steps for
    float64, of its gradient one digit is left. One of them must fill its digits; whole numbers and halves do not, and
    a short decimal such as 1e10, which somebody has written, says nothing.
    """
    given = np.asarray(values, dtype=np.float64)
    if given.size <= _FEW and not may_be_single(given):  # a microsecond; arrays take ten
        return EPS
    numbers = np.frexp(given)[0] * _DIGITS
    if not _are_integers(numbers[numbers != 0.0]).all():
        return EPS
    full = given[~(_are_integers(numbers / 16.0) == 1.0)].ravel()[:_FEW].tolist()
    return EPS if all(float(f"{number:.7g}") == number for number in full) else _SINGLE


def _are_integers(numbers: Any) -> Array:
    with np.errstate(invalid="ignore"):
        return np.asarray(numbers - np.floor(numbers) == 0.0)


def with_errors(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function for which NumPy's errors are what they are now: f may branch on them."""
    usual = np.geterr()

    def call(*args: Any) -> Any:
        with np.errstate(**usual):
            return function(*args)

    return call
