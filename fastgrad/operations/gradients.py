"""The operations on functions: validate, pick the table and the steps, hand them to an engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike

from ..chunks.frames import applied, is_frame
from ..chunks.lazy import by_rows
from ..engine.arguments import (
    Array,
    Bounds,
    Function,
    Noise,
    Options,
    Progress,
    Step,
    check_args,
    check_function,
    check_scheme,
    formulas_of,
    own,
    read_call,
    read_steps,
)
from ..engine.call import Call, Rows, Workers
from ..engine.limits import beside, check_bounds
from ..engine.numbers import argument_array, is_dask
from ..engine.options import Labelled, Numbers, RowOptions, Sided, SidedScheme
from ..engine.python.buffer import FEW
from ..formulas import stencils
from ..results import Result
from . import onepoint, parts, recent
from .asked import Asked
from .solve import differentiate


@overload
def gradient(f: Function, x: Any, *, full_output: Literal[True], **options: Unpack[Sided]) -> Result: ...
@overload
def gradient(f: Function, x: Labelled, *, full_output: bool = ..., **options: Unpack[Sided]) -> Any: ...
@overload
def gradient(f: Function, x: float, *, full_output: Literal[False] = ..., **options: Unpack[Sided]) -> np.float64: ...
@overload
def gradient(f: Function, x: ArrayLike, *, full_output: Literal[False] = ..., **options: Unpack[Sided]) -> Array: ...
def gradient(
    f: Function, x: Numbers, *, args: tuple[Any, ...] = (), batch_args: tuple[Any, ...] = (),
    batch: bool = False, method: str = "central", order: int = 2, h: Step = None, rel_step: Step = None,
    bounds: Bounds = None, side: Step = None, noise: Noise = None, engine: str = "auto", workers: Workers = None,
    out: Array | None = None, progress: Progress = False, full_output: bool = False,
) -> Any:  # fmt: skip
    """Gradient of a scalar function, by central differences, at one point or at many.

    ``g[i] = (f(x + h_i e_i) - f(x - h_i e_i)) / (2 h_i)`` at order 2; wider stencils at higher orders.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``, a number from an array of a point's shape. An array of one element counts as a number. Where f
        returns complex numbers the result holds the derivatives of both parts, ``g.real`` and ``g.imag``.
    x : array_like
        One point, an array of any shape; with ``batch=True`` points of any shape along the first axis, as in (N, D).
        Never changed. Integers become float64. With ``batch=True`` also a dask array (extra `dask`): the result is a
        lazy one.
    args : tuple
        Further arguments of f, the same for all points.
    batch_args : tuple of array_like
        Further arguments that run with the points: f gets ``f(x, *args, *rows)``, the row of its point of each.
    batch : bool
        Whether x holds many points. f stays a function of one point.
    method : {"central", "forward", "backward", "adaptive", "complex", "exact"}
        The side(s) of x at which f is evaluated. adaptive: central differences at steps that shrink until the error of
        each element stops falling, extrapolated to step 0: some 1e-13 of relative error for 10 to 30 evaluations a
        coordinate, with an estimate of it in `full_output`. Where one side is NaN it takes the other. complex:
        ``Im f(x + 1j*h*e_i) / h``, exact to rounding for an f that takes complex numbers and is analytic; on jit and
        python, and ValueError or TypeError where it is seen not to be. exact: the derivative itself, by the chain rule
        from f's trace, to rounding; EngineError with the reason where f does not trace. At a kink each operation takes
        the mean of its two sides: 0 for abs at 0, 1/2 for ``np.maximum(x, 0)``, 1/k each for k equal maxima.
    order : int
        Order of accuracy: 2, 4, 6, 8 (central, and what adaptive begins with), 1 to 8 (one-sided).
    h, rel_step : array_like, optional
        Absolute step, or step relative to ``|x_i|`` (to 1 where x_i is 0): a number or one per coordinate. By default
        ``c_p * eps**(1/(p+1)) * max(1, |x_i|)`` rounded down to a power of two, eps that of what f returns. The step
        really taken is what is divided by. For adaptive the first step, by default ``|x_i| / 4`` at most.
    bounds : (lb, ub), list of tuples or scipy.optimize.Bounds, optional
        f is never called outside: each a number or an array, of a point's shape or of x's; or one (lowest, highest) for
        each coordinate, None for none. A list of tuples is always read as such pairs. Near a bound the formula
        turns to one side and keeps its order, or shortens its step. Between equal bounds the derivative is NaN, and
        second and higher ones where the steps would be so short that round-off leaves no digit.
    side : array_like, optional
        1: f is called at x and above only, -1: at x and below, 0: on both sides; a number or one per coordinate. The
        derivative from that side, at a kink or where f is defined on one side; with ``method="adaptive"`` at refined
        steps, with an estimate of the error.
    noise : float or "estimate", optional
        The standard deviation of f's values, or the size of their noise, where it is far above round-off: simulations,
        measurements, iterations that stop early. With "estimate" it is found by differences of 8 to 22 values at and
        beside each point. Steps then suit the noise, ``(3 * noise / |f'''|)**(1/3)``, for 6 to 18 evaluations a
        coordinate (central, order 2), or are refined down to it (adaptive); `full_output` tells the error to expect and
        the noise. f is not traced, unless an engine is named that does.
    engine : {"auto", "simd", "jit", "python", "reference", "arrays"}
        simd: f is traced and compiled on vectors. jit: f is compiled by Numba. python: f is called as it is. arrays: at
        one point, f is recorded as a program of whole arrays, of which only what a coordinate changes is computed
        again. auto: python up to 1 000 calls of f, then simd where f can be traced, else python up to 10 000 calls, and
        above that jit where f can be compiled; arrays where f reads much data and that pays (`explain` says). For 400
        to 1 000 calls at several points simd runs f's trace by NumPy, if f reads nothing that may change unseen. An
        engine given by name never falls back.
    workers : int or callable, optional
        Threads of a compiled engine; all cores by default. Of an f that is not compiled the number of forked processes
        (Linux), or a function like map that gets its calls: ``pool.map`` of any pool of processes, everywhere. Results
        do not depend on it.
    out : ndarray, optional
        Written in place and returned: the result's shape and dtype, no memory shared with x.
    progress : bool or callable
        True: a progress bar on stderr (extra `progress`); a callable gets (done, total).
    full_output : bool
        Return a `Result`: value, status, h, nfev, engine; with ``method="adaptive"`` the estimated error too.

    Returns
    -------
    ndarray or Result
        Shape and dtype of x (float64 for integers), complex where f is.

    Raises
    ------
    TypeError
        f is no function, x is not real, or f does not return a number.
    ValueError
        A shape, step, order or name that does not exist or fit, or f returns more than one number.
    EngineError
        The engine given by name cannot run f.

    Warns
    -----
    ConstantFunctionWarning
        f does not react to its argument at all.
    StepWarning
        f changes on a length far below the step; seen of a one-sided formula at one point.
    PerformanceWarning
        Once per function: f cannot be compiled and is called more than 10 000 times.

    Examples
    --------
    >>> import numpy as np, fastgrad
    >>> fastgrad.gradient(lambda x: np.sin(x[0] * x[1]), np.array([0.5, 2.0])).round(9)
    array([1.08060461, 0.27015115])
    >>> fastgrad.gradient(lambda x: np.sum(x**2), np.array([[3.0, 4.0], [0.0, 2.0]]), batch=True)
    array([[6., 8.],
           [0., 4.]])
    """
    short = not (full_output or progress) and bounds is side is noise is workers is None
    asked = Asked(f, x, out, args, batch_args, method, order, h, rel_step, engine)
    again = batch or asked.is_traced or (type(x) is np.ndarray and x.size > FEW)
    key = recent.key_of(asked, batch) if short and again else None
    found = None if key is None else recent.again(key, x, out)
    if found is None and short:
        found = onepoint.gradient_of_a_row(asked) if batch else onepoint.gradient(asked) if key is None else None
    if found is not None:
        return found
    check_function(f)
    check_scheme(method, order)
    how = Options(engine, workers, out, progress, full_output)
    what: dict[str, Any] = {"args": args, "batch_args": batch_args, "method": method, "order": order, "bounds": bounds}
    what |= {"h": h, "rel_step": rel_step, "side": side, "noise": noise}
    if type(x) is not np.ndarray and is_frame(x):
        return applied(gradient, f, x, how, batch=batch, **what)
    if batch and not isinstance(x, np.ndarray) and is_dask(x):
        return by_rows(gradient, f, x, how, **what)
    given, call = read_call(f, x, stencils.gradient, batch=batch, **what)
    result = differentiate(call, given, how)
    recent.note(key, call, engine, result)
    return result


@overload
def value_and_gradient(
    f: Function, x: Any, *, batch: bool = ..., full_output: Literal[True], **options: Unpack[RowOptions]
) -> tuple[Any, Result]: ...
@overload
def value_and_gradient(
    f: Function, x: Labelled, *, batch: bool = ..., full_output: bool = ..., **options: Unpack[RowOptions]
) -> tuple[Any, Any]: ...
@overload
def value_and_gradient(
    f: Function,
    x: float,
    *,
    batch: Literal[False] = ...,
    full_output: Literal[False] = ...,
    **options: Unpack[RowOptions],
) -> tuple[np.float64, np.float64]: ...
@overload
def value_and_gradient(
    f: Function,
    x: ArrayLike,
    *,
    batch: Literal[False] = ...,
    full_output: Literal[False] = ...,
    **options: Unpack[RowOptions],
) -> tuple[np.float64, Array]: ...
@overload
def value_and_gradient(
    f: Function, x: ArrayLike, *, batch: Literal[True], full_output: Literal[False] = ..., **options: Unpack[RowOptions]
) -> tuple[Array, Array]: ...
def value_and_gradient(
    f: Function, x: Numbers, *, args: tuple[Any, ...] = (), batch_args: tuple[Any, ...] = (),
    batch: bool = False, method: str = "central", order: int = 2, h: Step = None, rel_step: Step = None,
    bounds: Bounds = None, side: Step = None, noise: Noise = None, engine: str = "auto", workers: Workers = None,
    out: Array | None = None, progress: Progress = False, full_output: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """f(x) and its gradient, for one evaluation more than the gradient alone.

    Parameters, errors and warnings are those of `gradient`; `out` is for the gradient.

    Returns
    -------
    value : float or (N,) ndarray
    gradient : ndarray or Result

    Examples
    --------
    >>> import numpy as np, fastgrad
    >>> value, slope = fastgrad.value_and_gradient(lambda x: np.sum(x**2), np.array([3.0, 4.0]))
    >>> print(value, slope)
    25.0 [6. 8.]
    """
    if not (full_output or progress or batch) and bounds is side is noise is workers is None:
        asked = Asked(f, x, out, args, batch_args, method, order, h, rel_step, engine)
        both = onepoint.value_and_gradient(asked)
        if both is not None:
            return both
    check_function(f)
    check_scheme(method, order)
    how = Options(engine, workers, out, progress, full_output)
    what: dict[str, Any] = {"args": args, "batch_args": batch_args, "method": method, "order": order, "bounds": bounds}
    what |= {"h": h, "rel_step": rel_step, "side": side, "noise": noise}
    if type(x) is not np.ndarray and is_frame(x):
        value, slope = applied(value_and_gradient, f, x, how, batch=batch, **what)
        return value, slope
    if batch and not isinstance(x, np.ndarray) and is_dask(x):
        value, slope = by_rows(value_and_gradient, f, x, how, **what)
        return value, slope
    given, call = read_call(f, x, stencils.gradient, batch=batch, value=True, **what)
    return _with_values(call, given, how, batch)


def _with_values(call: Call, given: Array, how: Options, batch: bool) -> tuple[Any, Any]:
    values = np.empty(call.points.count)
    slope: Any = differentiate(call, given, how, values)
    kind = np.asarray(slope.value if how.full_output else slope).dtype
    if kind.kind == "c":
        values = parts.values_of(call)
        slope = replace(slope, nfev=slope.nfev + len(values)) if how.full_output else slope
    with np.errstate(all="ignore"):
        value = values.astype(kind, copy=False)
    return value if batch else value[0], slope


@overload
def derivative(
    f: Function, x: Any, *, n: int = ..., full_output: Literal[True], **options: Unpack[SidedScheme]
) -> Result: ...
@overload
def derivative(
    f: Function, x: Labelled, *, n: int = ..., full_output: bool = ..., **options: Unpack[SidedScheme]
) -> Any: ...
@overload
def derivative(
    f: Function, x: float, *, n: int = ..., full_output: Literal[False] = ..., **options: Unpack[SidedScheme]
) -> np.float64: ...
@overload
def derivative(
    f: Function, x: ArrayLike, *, n: int = ..., full_output: Literal[False] = ..., **options: Unpack[SidedScheme]
) -> Array: ...
def derivative(
    f: Function, x: Numbers, *, n: int = 1, args: tuple[Any, ...] = (), method: str = "central", order: int = 2,
    h: Step = None, rel_step: Step = None, bounds: Bounds = None, side: Step = None, engine: str = "auto",
    workers: Workers = None, out: Array | None = None, progress: Progress = False, full_output: bool = False,
) -> Any:  # fmt: skip
    """n-th derivative of a function of one variable, for each element of x.

    f is called on whole arrays and, if it refuses them, on one element at a time. A few calls more, mostly on 48 of
    the elements, see whether each is by itself; of an f that takes no fewer than all, one for each binary digit of
    their number. Above 200 000 evaluations (100 000 values at order 2) f is compiled, where it can be traced.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``: R -> R, or R -> C, each part by itself.
    x : array_like
        Any shape, also a number.
    n : int
        Which derivative: 1 to 8. The default step is ``c_p * eps**(1/(p+n)) * max(1, |x|)``, from the fifth on two to
        four times that. Of values of f alone little is left of high ones, some three digits of the eighth;
        ``method="exact"`` loses none.
    args, method, order, h, rel_step, bounds, side, engine, workers, out, progress, full_output
        As in `gradient`.

    Returns
    -------
    ndarray, float or Result
        Shape and dtype of x.

    Raises
    ------
    TypeError, ValueError, EngineError
        As in `gradient`. ValueError also where f of an array is not elementwise, as ``x * np.sum(x)`` is not.

    Examples
    --------
    >>> import numpy as np, fastgrad
    >>> print(fastgrad.derivative(np.exp, 0.0).round(9))
    1.0
    >>> fastgrad.derivative(np.sin, np.array([0.0, 1.0]), n=2, order=6).round(9)
    array([ 0.        , -0.84147098])
    """
    if not (full_output or progress) and out is bounds is side is workers is None:
        found = onepoint.derivative(f, x, n, args, method, order, h, rel_step, engine)
        if found is not None:
            return found
    _check_number(n)
    check_function(f)
    check_scheme(method, order)
    how = Options(engine, workers, out, progress, full_output)
    if type(x) is not np.ndarray and is_frame(x):
        what: dict[str, Any] = {"n": n, "args": args, "method": method, "order": order, "bounds": bounds}
        return applied(derivative, f, x, how, batch=False, h=h, rel_step=rel_step, side=side, **what)
    given = argument_array(x)
    points = Rows(own(given).reshape(given.size, 1), (1,), given)
    table = stencils.derivative(int(n), order, formulas_of(method))
    steps, adaptive = read_steps(given, points, table, h, rel_step), method == "adaptive"
    both = check_bounds(
        bounds if side is None else beside(bounds, side, given, given.shape, method), given, given.shape
    )
    limits = both and (both[0].reshape(points.layout), both[1].reshape(points.layout))
    rest, whole = check_args(args), given.shape
    call = Call(f, points, table, steps, rest, scalar=True, whole=whole, adaptive=adaptive, bounds=limits)
    return differentiate(call, given, how)


def _check_number(n: Any) -> None:
    if np.ndim(n) or n not in range(1, 9):
        msg = f"n={n!r} must be 1, 2, 3, 4, 5, 6, 7 or 8, the number of the derivative"
        raise ValueError(msg)
