"""Second derivatives of scalar functions: the Hessian, and its product with a vector."""

from __future__ import annotations

from typing import Any, Literal, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike

from ..chunks.frames import applied, is_frame
from ..chunks.lazy import by_rows
from ..engine.arguments import (
    Array,
    Bounds,
    Function,
    Options,
    Progress,
    Step,
    check_differences,
    check_function,
    check_scheme,
    read_call,
    read_call_along,
    read_steps,
    refuse_bounds,
)
from ..engine.call import Rows, Workers
from ..engine.numbers import is_dask
from ..engine.options import Labelled, Many, Numbers
from ..formulas import stencils
from ..formulas.steps import Steps, direction_step, step_within
from ..results import Result
from . import recent
from .asked import Asked
from .solve import differentiate


@overload
def hessian(f: Function, x: Any, *, full_output: Literal[True], **options: Unpack[Many]) -> Result: ...
@overload
def hessian(f: Function, x: Labelled, *, full_output: bool = ..., **options: Unpack[Many]) -> Any: ...
@overload
def hessian(f: Function, x: float, *, full_output: Literal[False] = ..., **options: Unpack[Many]) -> np.float64: ...
@overload
def hessian(f: Function, x: ArrayLike, *, full_output: Literal[False] = ..., **options: Unpack[Many]) -> Array: ...
def hessian(
    f: Function, x: Numbers, *, args: tuple[Any, ...] = (), batch_args: tuple[Any, ...] = (),
    batch: bool = False, method: str = "central", order: int = 2, h: Step = None, rel_step: Step = None,
    bounds: Bounds = None, engine: str = "auto", workers: Workers = None, out: Array | None = None,
    progress: Progress = False, full_output: bool = False,
) -> Any:  # fmt: skip
    """Hessian of a scalar function, from values of f alone.

    Second differences along e_i and e_i + e_j: ``2 H[i, j] = S(e_i + e_j) - S(e_i) - S(e_j)``. That takes
    ``order * D * (D + 1) / 2 + 1`` evaluations (central), D**2 + D + 1 at order 2, and is symmetric bit for bit.

    Parameters
    ----------
    f, x, args, batch, method, order, engine, workers, out, progress, full_output
        As in `gradient`.
    h, rel_step : array_like, optional
        As in `gradient`; by default ``c_p * eps**(1/(p+2)) * max(1, |x_i|)``, some 1e-4 at order 2. Second derivatives
        are less accurate than first ones: about ``eps**(p/(p+2))``, 1e-8 at order 2 and 1e-12 at order 8.
    bounds : optional
        As in `gradient`. Mixed differences move two coordinates: where one turns to one side, all of its point do.

    Returns
    -------
    ndarray or Result
        (D, D), or the shape of a point twice; with ``batch=True`` N of them. The dtype is x's (float64 for integers).

    Raises
    ------
    TypeError, ValueError, EngineError
        As in `gradient`.

    Warns
    -----
    ConstantFunctionWarning, PerformanceWarning
        As in `gradient`.
    StepWarning
        f changes on a length far below a step.

    Examples
    --------
    >>> import numpy as np, fastgrad
    >>> fastgrad.hessian(lambda x: x[0] ** 2 * x[1], np.array([1.0, 2.0]), order=4).round(6)
    array([[4., 2.],
           [2., 0.]])
    """
    short = not (full_output or progress) and bounds is workers is None
    asked = Asked(f, x, out, args, batch_args, method, order, h, rel_step, engine)
    key = recent.key_of(asked, batch, "hessian") if short and (batch or asked.is_traced) else None
    if (found := recent.again(key, x, out)) is not None:
        return found
    check_function(f)
    check_scheme(method, order)
    how = Options(engine, workers, out, progress, full_output)
    what: dict[str, Any] = {"args": args, "batch_args": batch_args, "method": method, "order": order, "bounds": bounds}
    what |= {"h": h, "rel_step": rel_step}
    if type(x) is not np.ndarray and is_frame(x):
        return applied(hessian, f, x, how, batch=batch, **what)
    if batch and not isinstance(x, np.ndarray) and is_dask(x):
        return by_rows(hessian, f, x, how, **what)
    given, call = read_call(f, x, stencils.hessian, batch=batch, **what)
    result = differentiate(call, given, how, lead=given.shape[:1] if batch else (), tail=call.points.shape * 2)
    recent.note(key, call, engine, result)
    return result


@overload
def hessian_diagonal(f: Function, x: Any, *, full_output: Literal[True], **options: Unpack[Many]) -> Result: ...
@overload
def hessian_diagonal(f: Function, x: Labelled, *, full_output: bool = ..., **options: Unpack[Many]) -> Any: ...
@overload
def hessian_diagonal(
    f: Function, x: float, *, full_output: Literal[False] = ..., **options: Unpack[Many]
) -> np.float64: ...  # fmt: skip
@overload
def hessian_diagonal(
    f: Function, x: ArrayLike, *, full_output: Literal[False] = ..., **options: Unpack[Many]
) -> Array: ...  # fmt: skip
def hessian_diagonal(
    f: Function, x: Numbers, *, args: tuple[Any, ...] = (), batch_args: tuple[Any, ...] = (),
    batch: bool = False, method: str = "central", order: int = 2, h: Step = None, rel_step: Step = None,
    bounds: Bounds = None, engine: str = "auto", workers: Workers = None, out: Array | None = None,
    progress: Progress = False, full_output: bool = False,
) -> Any:  # fmt: skip
    """The diagonal of the Hessian without the rest: 2*D + 1 evaluations at order 2, ``order * D + 1`` in general.

    Parameters
    ----------
    f, x, args, batch_args, batch, method, order, h, rel_step, bounds, engine, workers, out, progress, full_output
        As in `hessian`; each coordinate has a side and a step of its own between bounds.

    Returns
    -------
    ndarray or Result
        Shape and dtype of x (float64 for integers).

    Raises
    ------
    TypeError, ValueError, EngineError
        As in `gradient`.

    Examples
    --------
    >>> import numpy as np, fastgrad
    >>> fastgrad.hessian_diagonal(lambda x: x[0] ** 2 * x[1] ** 3, np.array([1.0, 2.0]), order=4).round(6)
    array([16., 12.])
    """
    short = not (full_output or progress) and bounds is workers is None
    asked = Asked(f, x, out, args, batch_args, method, order, h, rel_step, engine)
    key = recent.key_of(asked, batch, "hessian_diagonal") if short and (batch or asked.is_traced) else None
    if (found := recent.again(key, x, out)) is not None:
        return found
    check_function(f)
    check_differences(method, order)
    how = Options(engine, workers, out, progress, full_output)
    what: dict[str, Any] = {"args": args, "batch_args": batch_args, "method": method, "order": order, "bounds": bounds}
    what |= {"h": h, "rel_step": rel_step}
    if type(x) is not np.ndarray and is_frame(x):
        return applied(hessian_diagonal, f, x, how, batch=batch, **what)
    given, call = read_call(f, x, stencils.hessian_diagonal, batch=batch, **what)
    result = differentiate(call, given, how)
    recent.note(key, call, engine, result)
    return result


@overload
def hvp(f: Function, x: Any, v: Numbers, *, full_output: Literal[True], **options: Unpack[Many]) -> Result: ...
@overload
def hvp(f: Function, x: Labelled, v: Numbers, *, full_output: bool = ..., **options: Unpack[Many]) -> Any: ...
@overload
def hvp(
    f: Function, x: float, v: Numbers, *, full_output: Literal[False] = ..., **options: Unpack[Many]
) -> np.float64: ...
@overload
def hvp(
    f: Function, x: ArrayLike, v: Numbers, *, full_output: Literal[False] = ..., **options: Unpack[Many]
) -> Array: ...
def hvp(
    f: Function, x: Numbers, v: Numbers, *, args: tuple[Any, ...] = (), batch_args: tuple[Any, ...] = (),
    batch: bool = False, method: str = "central", order: int = 2, h: Step = None, rel_step: Step = None,
    bounds: Bounds = None, engine: str = "auto", workers: Workers = None, out: Array | None = None,
    progress: Progress = False, full_output: bool = False,
) -> Any:  # fmt: skip
    """The Hessian times v, without the Hessian: 4*D evaluations at order 2, ``2 * order * D`` at the others.

    ``4 (H v)[i] = S(e_i + v) - S(e_i - v)``, S being second differences.

    Parameters
    ----------
    f, x, args, batch, method, order, engine, workers, out, progress, full_output
        As in `gradient`. The `h` of a `Result` has x's shape.
    v : array_like
        Of x's shape; with ``batch=True`` one per point, or one of a point's shape for all. v = 0 gives zeros.
    h, rel_step : array_like, optional
        As in `hessian`; along v no coordinate moves by more than such a step. Where one would move by less than 1e-4
        of its step, v is split and the products with the parts are added.

    Returns
    -------
    ndarray or Result
        Shape and dtype of x (float64 for integers).

    Raises
    ------
    TypeError, ValueError, EngineError
        As in `gradient`; v of another shape than x.

    Warns
    -----
    ConstantFunctionWarning, PerformanceWarning
        As in `gradient`.

    Examples
    --------
    >>> import numpy as np, fastgrad
    >>> fastgrad.hvp(lambda x: x[0] ** 2 * x[1], np.array([1.0, 2.0]), np.array([1.0, 1.0]), order=4).round(6)
    array([6., 2.])
    """
    check_function(f)
    check_scheme(method, order)
    refuse_bounds(bounds, "hvp")
    what: dict[str, Any] = {"args": args, "batch_args": batch_args, "batch": batch, "method": method, "order": order}
    what |= {"h": h, "rel_step": rel_step}
    how = Options(engine, workers, out, progress, full_output)
    if type(x) is not np.ndarray and is_frame(x):
        return applied(hvp, f, x, how, v, **what)
    given, direction, call = read_call_along(f, x, v, stencils.hvp, _steps_along, **what)
    return differentiate(call, given, how, inputs=(direction,))


def _steps_along(
    given: Array, points: Rows, v: Array, table: stencils.Table, h: Any, rel_step: Any
) -> tuple[Array, Steps]:
    """The steps of v, and those of the coordinates."""
    steps = read_steps(given, points, table, h, rel_step)
    if steps.rule == "default":
        return np.asarray(direction_step(points.values, v, table.stencil)), steps
    return np.asarray(step_within(v, steps.at(points.values))), steps
