"""Complex values of real coordinates: the derivative of the real part and that of the imaginary part, as one.

Engines know real numbers alone. Of an f that has returned a complex number another function is made, whose outputs are
both parts: a closure, which Numba compiles with f where that pays. A function of one variable on whole arrays has to
return an array of their shape, so its parts are differentiated one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.arguments import Options, check_out
from ..engine.call import Call, Rows
from ..engine.choose import warn_if_constant
from ..formulas import stencils
from ..formulas.values import as_number, unmasked
from ..results import Result, status_of, users_level

Array = NDArray[Any]
Function = Callable[..., Any]
Differentiate = Callable[..., Any]

OPERATIONS = {"gradient", "jacobian", "derivative"}


def can_be_made(call: Call) -> bool:
    """Whether the derivative of a complex f would be made of those of its parts."""
    table = call.table
    plain = call.v is None and isinstance(call.points, Rows) and not (table.is_exact or table.is_complex)
    return plain and table.name in OPERATIONS


def suit(call: Call) -> bool:
    """The same of an f that has returned a complex number: not where it does so beside the points only."""
    if not can_be_made(call):
        return False
    try:
        return any(np.iscomplexobj(call.value_at(n)) for n in range(call.points.count))
    except Exception:  # noqa: BLE001  of arrays alone f may know what to do
        return call.scalar


def is_complex(out: Any) -> bool:
    """Whether a caller's array is for complex numbers."""
    return isinstance(out, np.ndarray) and out.dtype.kind == "c"


def differentiate(by: Differentiate, call: Call, given: Array, how: Options) -> Any:
    """The complex derivative in the precision of x, or a Result, by what differentiates real functions."""
    if call.scalar:
        return _finished(_one_by_one(by, call, given, how), call, given, how)
    real = with_both(call, how.workers)
    lead = given.shape[:1] if given.ndim > len(call.points.shape) else ()
    full = by(real, given, _real_options(how), lead=lead, tail=call.points.shape)
    value, error, noise = (_halved(part, len(lead)) for part in (full.value, full.error, full.noise))
    return _finished(replace(full, value=value, error=error, noise=noise), call, given, how)


def with_both(call: Call, workers: Any = None) -> Call:
    """The call of the real function whose outputs are the parts of f's, all real ones first.

    Raises
    ------
    ValueError
        f returned more than one number where it should return one.
    """
    value = call.value_at(call.finite())
    if not call.vector:
        as_number(np.real(value))
    table = stencils.jacobian(call.points.dimension, call.table.stencil.order, call.table.stencil.method)
    return replace(call, f=_both(call.f, value, workers), table=table, vector=True, value=False)


def values_of(call: Call) -> Array:
    """f at all points."""
    return np.array([np.reshape(call.value_at(n), ()) for n in range(call.points.count)], dtype=complex)


def _both(f: Function, value: Any, workers: Any) -> Function:
    """Both parts of what f returns, one array; it travels to other processes where f does, or can be compiled."""
    plain = np.isscalar(value) or isinstance(value, np.ndarray)
    single = np.asarray(value).dtype == np.complex64  # whose precision a tuple of two numbers does not show
    if callable(workers) or not plain or single:
        return partial(_parts_of, f)

    def of_numbers(x: Any, *args: Any) -> Any:
        number = f(x, *args)
        return number.real, number.imag

    def of_arrays(x: Any, *args: Any) -> Any:
        array = f(x, *args)
        return np.concatenate((array.real, array.imag))

    return _as_users(of_arrays if np.ndim(value) else of_numbers)


def _as_users(function: Any) -> Function:
    """Code that is no file of this package's: a trace looks for what it leaves behind in the user's functions alone."""
    function.__code__ = function.__code__.replace(co_filename="<both parts of f>")
    return function  # type: ignore[no-any-return]


def _parts_of(f: Function, x: Any, *args: Any) -> Any:
    array = np.asarray(unmasked(f(x, *args), "what f returned"))
    return np.concatenate([array.real, array.imag]) if array.ndim else np.stack([array.real, array.imag])


def _real_of(f: Function, x: Any, *args: Any) -> Any:
    return np.real(f(x, *args))


def _imaginary_of(f: Function, x: Any, *args: Any) -> Any:
    return np.imag(f(x, *args))


def _one_by_one(by: Differentiate, call: Call, given: Array, how: Options) -> Result:
    """Both parts of a function of one variable, first axis first."""
    real, imaginary = (
        by(replace(call, f=partial(part, call.f)), given, _real_options(how), looks=False)
        for part in (_real_of, _imaginary_of)
    )
    error = None if real.error is None else np.stack([real.error, imaginary.error])
    h = np.minimum(real.h, imaginary.h)
    value = np.stack([real.value, imaginary.value])
    if value.size:
        warn_if_constant(replace(call, f=partial(_parts_of, call.f)), value, users_level(1))
    each = None if real.evaluations is None else real.evaluations + imaginary.evaluations
    return Result(value, error, None, h, real.nfev + imaginary.nfev, real.engine, evaluations=each)


def _real_options(how: Options) -> Options:
    return Options(how.engine, how.workers, None, how.progress, full_output=True)


def _halved(both: Any, leading: int) -> Any:
    """Real parts and imaginary ones along a new first axis, from the first axis of f's output."""
    if both is None:
        return None
    array = np.asarray(both)
    size = array.shape[leading]
    pairs = array.reshape(*array.shape[:leading], 2, size // 2, *array.shape[leading + 1 :])
    return np.moveaxis(pairs, leading, 0)


def _finished(halves: Result, call: Call, given: Array, how: Options) -> Any:
    """The complex result in its shape, written where it was asked for; what is told of it besides."""
    dtype, value = np.result_type(given.dtype, np.complex64), halves.value
    shape = value.shape[1:] if call.vector else given.shape
    result = check_out(how.out, shape, dtype, given)
    with np.errstate(all="ignore"):
        result.real, result.imag = (part.reshape(shape) for part in value)
    found = result[()] if how.out is None and not result.ndim else result
    if not how.full_output:
        return found
    error = None if halves.error is None else np.hypot(*halves.error).reshape(shape).astype(given.dtype)[()]
    noise = halves.noise
    if noise is not None:
        noise = np.maximum(*noise).reshape(shape[: len(shape) - len(call.points.shape)])[()]
    nfev = halves.nfev + (not call.scalar)
    return replace(halves, value=found, error=error, status=status_of(found), nfev=nfev, noise=noise)
