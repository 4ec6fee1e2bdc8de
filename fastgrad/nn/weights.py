"""Gradients of a loss in its weights: arrays, or dicts of arrays such as a network's parameters."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays.choice import live_sums
from ..arrays.losses import ArrayLoss
from ..arrays.nodes import RefusedError
from ..engine.arguments import (
    check_args,
    check_fixed_steps,
    check_function,
    check_live_engine,
    check_workers,
    movable_array,
    refuse_bounds,
    refuse_steps,
)
from ..engine.options import Live
from ..engine.python import mutation
from ..engine.threads import Report, progress_report
from ..formulas.stencils import EXACT, stencil
from ..formulas.steps import choose_steps, irregular, with_precision
from ..formulas.values import as_number, precision_shown
from ..operations.gradients import gradient
from ..program.captures import is_compiled
from ..program.look import quiet
from ..results import ConstantFunctionWarning, EngineError, users_level
from .hints import check_loss, of_own_network, raise_with_network

Array = NDArray[Any]

CONSTANT = (
    "the loss is the same at all displaced weights, and where all of them are moved: it does not read these arrays. "
    "Pass the very arrays that it reads, such as net.params"
)
UNREAD = (
    "the loss is the same wherever {} of params is moved: it does not read that array, but perhaps another one that "
    "has taken its place; pass the very arrays that it reads, such as net.params"
)


@overload
def weight_gradient(
    loss: Callable[..., Any], params: Mapping[Any, Any], **options: Unpack[Live]
) -> dict[Any, Array]: ...
@overload
def weight_gradient(loss: Callable[..., Any], params: Array, **options: Unpack[Live]) -> Array: ...
def weight_gradient(
    loss: Callable[..., Any], params: Any, *, args: tuple[Any, ...] = (), mask: Any = None, sample: int | None = None,
    rng: np.random.Generator | int | None = 0, method: str = "central", order: int = 2, h: ArrayLike | None = None,
    rel_step: ArrayLike | None = None, bounds: Any = None, engine: str = "auto", workers: int | None = None,
    progress: bool | Callable[[int, int], object] = False,
) -> Any:  # fmt: skip
    """Gradient of a loss in all its weights, or in some of them.

    The elements of the given arrays are moved in place, one at a time, and restored bit for bit, also when the loss
    raises or Ctrl-C arrives: so a loss may read them through a closure, as in ``lambda params: net.loss(x, t)``. A loss
    that computes with whole arrays of NumPy is recorded as a program instead, where that pays, and the arrays are moved
    only to check it. An ``@njit`` loss of one array runs compiled, coordinates over threads. For the networks of
    `fastgrad.nn` their own ``numerical_gradient`` is faster still.

    Parameters
    ----------
    loss : callable
        ``loss(params, *args)``, a number.
    params : ndarray or dict of ndarray
        The weights: writeable arrays of float64, float32 or float16, of any shape.
    args : tuple
        Further arguments of the loss; how the data reach an ``@njit`` loss.
    mask : array_like of bool, or a dict of them, optional
        Which elements to differentiate, in the form of `params`. Arrays that a dict leaves out are not differentiated.
    sample : int, optional
        Differentiate only so many elements, drawn at random among all (those of `mask`).
    rng : numpy.random.Generator or int, optional
        Draws the sample; a number is a seed.
    method, order, h, rel_step
        As in `gradient`; the steps follow the lower precision of the array and of what the loss returns. exact: the
        derivative itself, by the chain rule back through the recorded program, in the time of a few losses.
    engine : {"auto", "python", "arrays"}
        python: the loss is called for each element. arrays: by its program, or EngineError with the reason. auto: the
        program where the loop would take more than 1e8 operations and it pays.
    workers : int, optional
        Threads for an ``@njit`` loss, all cores by default. For any other the number of forked processes (Linux, no
        other threads), 1 by default; each has a copy of all objects, and what the loss changes in them is lost.
    progress : bool or callable
        True: a progress bar with the time left on stderr (extra `progress`); a callable gets (done, total).

    Returns
    -------
    ndarray or dict of ndarray
        Gradients in the form, shapes and dtypes of `params`; NaN where no derivative was asked for.

    Raises
    ------
    TypeError, ValueError
        Params that cannot be moved in place, a mask that does not fit, a loss that returns no single number.
    EngineError
        ``method="exact"`` or ``engine="arrays"`` for a loss that cannot be recorded; the text says why.
    RuntimeError
        A forked process was killed.

    Warns
    -----
    ConstantFunctionWarning
        The loss does not react to the arrays, or to one of them.
    PerformanceWarning
        `workers` were asked for where processes cannot be forked, once for each reason. Once per loss: the loop is
        about to do more than 1e10 operations.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad import weight_gradient
    >>> class Net:
    ...     def __init__(self):
    ...         self.params = {"W": np.array([[1.0, 2.0], [3.0, 4.0]]), "b": np.array([0.5, -0.5])}
    ...     def loss(self, x):
    ...         return np.sum((x @ self.params["W"] + self.params["b"]) ** 2)
    >>> net, x = Net(), np.array([1.0, -1.0])
    >>> grads = weight_gradient(lambda params: net.loss(x), net.params)
    >>> grads["W"].round(6), grads["b"].round(6)
    (array([[-3., -5.],
           [ 3.,  5.]]), array([-3., -5.]))
    >>> some = weight_gradient(lambda params: net.loss(x), net.params, sample=2)
    >>> sum(int(np.isfinite(g).sum()) for g in some.values())
    2
    """
    check_function(loss, "loss")
    further, used = check_args(args), check_workers(workers, "jit")
    check_loss(loss, params, further)
    arrays = _arrays(params)
    _check_scheme(method, order, h, rel_step, bounds, engine)
    scheme: dict[str, Any] = {"method": method, "order": order, "h": h, "rel_step": rel_step}
    whole = mask is None and sample is None
    if is_compiled(loss) and method != EXACT and (_is_dict(params) or whole):
        return _of_compiled(loss, params, further, used, progress, scheme)
    places = _places(arrays, _mask_by_name(mask, params), sample, rng)
    live = ArrayLoss(loss, _argument(params, further), lambda: as_number(loss(params, *further)), arrays)
    with mutation.held(params):
        if method == EXACT:
            with progress_report(progress, "weight") as report:
                parts = _exactly(live, places, engine, report)
        else:
            scheme["eps"] = precision_shown(_first(loss, params, further, list(arrays.values())))
            parts = _moved(live, places, engine, used or 1, progress, scheme)
    return parts if _is_dict(params) else parts[""]


def _check_scheme(method: Any, order: Any, h: Any, rel_step: Any, bounds: Any, engine: Any) -> None:
    check_fixed_steps(method, order, "weight_gradient")
    check_live_engine(engine)
    refuse_bounds(bounds, "weight_gradient")
    if method == EXACT:
        refuse_steps(h, rel_step)


def _argument(params: Any, further: tuple[Any, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """What the loss gets, of what stands for the arrays."""
    if _is_dict(params):
        return lambda arrays: (dict(arrays), *further)
    return lambda arrays: (arrays[""], *further)


def _exactly(
    live: ArrayLoss, places: dict[str, NDArray[np.intp]], engine: str, report: Report | None
) -> dict[str, Array]:
    if engine == "python":
        msg = "method='exact' is made of the loss's program, which engine='python' does not have; leave the engine out"
        raise EngineError(msg)
    from ..arrays.live import exact  # noqa: PLC0415  loads much that few losses need

    try:
        _, found = exact(live)
    except RefusedError as refused:
        msg = (
            f"method='exact' needs a program of the loss, which cannot be recorded: {refused}. Or use "
            f"method='central', which calls it{of_own_network(live.function)}"
        )
        raise EngineError(msg) from refused
    if report:
        report(*[sum(map(len, places.values()))] * 2)
    _tell_of_unread(live, {name: g for name, g in found.items() if len(places[name])})
    out = {}
    for name, w in live.arrays.items():
        if len(places[name]) == w.size:
            out[name] = found[name].astype(w.dtype, copy=False)
            continue
        out[name] = np.full(w.shape, np.nan, w.dtype)
        out[name].reshape(-1)[places[name]] = found[name].reshape(-1)[places[name]]
    return out


def _arrays(params: Any) -> dict[str, Array]:
    if not _is_dict(params):
        return {"": movable_array(params, "params")}
    return {name: movable_array(w, f"params[{name!r}]") for name, w in params.items()}


def _is_dict(params: Any) -> bool:
    return isinstance(params, Mapping)


def _of_compiled(
    loss: Any, params: Any, args: tuple[Any, ...], workers: int | None, progress: Any, scheme: dict[str, Any]
) -> Any:
    if _is_dict(params):
        msg = "an @njit loss takes one array, not a dict; write lambda params: loss(params['W'], params['b']) around it"
        raise TypeError(msg)
    return gradient(loss, params, args=args, engine="jit", workers=workers, progress=progress, **scheme)


def _mask_by_name(mask: Any, params: Any) -> Any:
    if mask is not None and _is_dict(mask) != _is_dict(params):
        msg = f"mask must have the form of params, a {type(params).__name__}, got {type(mask).__name__}"
        raise TypeError(msg)
    return mask if mask is None or _is_dict(mask) else {"": mask}


def _places(
    arrays: dict[str, Array], mask: Any, sample: Any, rng: np.random.Generator | int | None
) -> dict[str, NDArray[np.intp]]:
    """The flat numbers of the elements to differentiate."""
    if mask is None:
        places = {name: np.arange(w.size) for name, w in arrays.items()}
    else:
        unknown = [name for name in mask if name not in arrays]
        if unknown:
            msg = f"mask has {unknown}, which params has not; params has {list(arrays)}"
            raise ValueError(msg)
        places = {name: _masked(mask.get(name, np.zeros(w.shape, bool)), w, name) for name, w in arrays.items()}
    return places if sample is None else _drawn(places, sample, np.random.default_rng(rng))


def _masked(mask: Any, w: Array, name: str) -> NDArray[np.intp]:
    given = np.asarray(mask)
    if given.dtype != np.bool_ or given.shape != w.shape:
        msg = (
            f"mask{f'[{name!r}]' * bool(name)} has shape {given.shape} and dtype {given.dtype}, "
            f"it must be bool of shape {w.shape}"
        )
        raise ValueError(msg)
    return np.flatnonzero(given)


def _drawn(places: dict[str, NDArray[np.intp]], sample: Any, rng: np.random.Generator) -> dict[str, NDArray[np.intp]]:
    total = sum(map(len, places.values()))
    if isinstance(sample, bool) or not isinstance(sample, (int, np.integer)) or not 0 < sample <= total:
        msg = f"sample={sample!r} must be a whole number from 1 to the {total} elements there are"
        raise ValueError(msg)
    chosen, start, drawn = np.sort(rng.choice(total, sample, replace=False)), 0, {}
    for name, numbers in places.items():
        here = chosen[(chosen >= start) & (chosen < start + len(numbers))] - start
        drawn[name], start = numbers[here], start + len(numbers)
    return drawn


def _moved(
    live: ArrayLoss,
    places: dict[str, NDArray[np.intp]],
    engine: str,
    workers: int,
    progress: Any,
    scheme: dict[str, Any],
) -> dict[str, Array]:
    formula, arrays = stencil(1, scheme["order"], scheme["method"]), dict(live.arrays)
    steps = {name: _step(w, name, scheme) for name, w in arrays.items()}
    found = None if engine == "python" else live_sums(live, places, steps, formula, engine, progress)
    sums = list(found.values()) if found else _loop(live.value, arrays, places, steps, formula, workers, progress)
    _tell_of_unread(live, {name: s for name, s in zip(arrays, sums, strict=True) if len(s)})
    out = {}
    for (name, w), total in zip(arrays.items(), sums, strict=True):
        with np.errstate(all="ignore"):
            out[name] = np.full(w.shape, np.nan, w.dtype)
            part = total / (formula.denominator * np.reshape(steps[name], -1)[places[name]].astype(np.float64))
            out[name].reshape(-1)[places[name]] = part
    return out


def _tell_of_unread(live: ArrayLoss, slopes: Mapping[str, Array]) -> None:
    """Warn of arrays by which no derivative is other than 0, and of which the loss is the same where they are moved."""
    still = [name for name, found in slopes.items() if not found.any()]
    if slopes and len(still) == len(slopes) and not _reacts(live.value, dict(live.arrays)):
        warnings.warn(CONSTANT, ConstantFunctionWarning, stacklevel=users_level())
        return
    if of_own_network(live.function):  # whose params are those that it reads
        return
    unread = [name for name in still if not _reads(live, name)]
    if unread:
        warnings.warn(UNREAD.format(", ".join(map(repr, unread))), ConstantFunctionWarning, stacklevel=users_level())


def _loop(
    value: Callable[[], float], arrays: dict[str, Array], places: dict[str, NDArray[np.intp]], steps: dict[str, Any],
    formula: Any, workers: int, progress: Any,
) -> list[Array]:  # fmt: skip
    with progress_report(progress, "weight") as report:
        return mutation.sums(
            value, list(arrays.values()), list(places.values()), list(steps.values()), formula,
            workers=workers, report=report,
        )  # fmt: skip


def _first(loss: Callable[..., Any], params: Any, further: tuple[Any, ...], arrays: list[Array]) -> Any:
    """What the loss returns before any element is moved."""
    try:
        with mutation.held(params, "the loss"), mutation.unwritten(arrays):
            first = loss(params, *further)
            as_number(first)
    except BaseException as error:
        raise_with_network(loss, params, error)
        raise
    return first


def _step(w: Array, name: str, scheme: dict[str, Any]) -> Array:
    """The steps that are really taken, in the array's precision."""
    formula = stencil(1, scheme["order"], scheme["method"])
    x = w.astype(np.float64)
    steps = choose_steps(x, formula, scheme["h"], scheme["rel_step"])
    steps = with_precision(steps, formula, max(scheme["eps"], float(np.finfo(w.dtype).eps)))
    with np.errstate(all="ignore"):
        scale = np.abs(w)
        h = np.asarray((scale + np.broadcast_to(steps.at(x), x.shape).astype(w.dtype)) - scale)
    gone = (h == 0) & np.isfinite(x)
    if gone.any():
        msg = (
            f"the step vanishes beside params{f'[{name!r}]' * bool(name)}={float(x[gone].flat[0])!r} in {w.dtype}; "
            "leave h and rel_step out"
        )
        raise ValueError(msg)
    return h


def _reacts(value: Callable[[], float], arrays: Mapping[str, Array], beside: Mapping[str, Array] | None = None) -> bool:
    """Whether the loss changes, or cannot be had, when every element is moved by an irregular amount, beside others."""
    others = beside or {}
    try:
        with mutation.restored([*arrays.values(), *others.values()]):
            _move(others)
            before = value()
            _move(arrays)
            return value() != before
    except Exception:  # noqa: BLE001  whatever the loss raises, it has looked at the arrays
        return True


def _reads(live: ArrayLoss, name: str) -> bool:
    """Whether the loss changes, or cannot be had, where an array is NaN, or is moved beside all others.

    NaN is seen behind zeros and before a mean is taken away, what is moved by comparisons.
    """
    own = live.arrays[name]
    with quiet():
        try:
            with mutation.restored([own]):
                before = live.value()
                own[...] = np.nan
                if live.value() != before:
                    return True
        except Exception:  # noqa: BLE001  as above
            return True
        return _reacts(live.value, {name: own}, {other: w for other, w in live.arrays.items() if other != name})


def _move(arrays: Mapping[str, Array]) -> None:
    for w in arrays.values():
        w[...] += irregular(w.size).reshape(w.shape).astype(w.dtype)
