"""check_gradient: is this gradient right, and if not, which elements are wrong?"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..engine.arguments import check_args, check_function, refuse_bounds
from ..engine.python.mutation import check_unchanged, held, restored
from ..operations.gradients import gradient
from ..results import ConstantFunctionWarning
from ..transforms.functions import grad as gradient_function
from .claims import gradient_of, movable, parts, value_of, widened, writer_of
from .slopes import Loss
from .survey import CONSTANT, Survey
from .verdict import GradientCheck


def check_gradient(
    f: Callable[..., Any],
    grad: Any,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    against: str = "differences",
    elementwise: bool = False,
    sample: int | None = None,
    rtol: float | None = None,
    atol: float = 0.0,
    bounds: Any = None,
    detect_kinks: bool = True,
    raises: bool = True,
    rng: np.random.Generator | int | None = 0,
) -> GradientCheck:
    """Whether a gradient that was derived by hand, or by a program, is right; and where it is not.

    Slopes of f along random lines through x are compared with those of the gradient. Every line moves all elements,
    each by a random sign. One wrong element shows on every line, since nothing can cancel it: it is found with
    certainty, if its error is above the `resolution` of the report. Of several wrong elements at least one such line in
    two shows something, whatever they are. There are nine lines for an array, and five or more that see each array of a
    dict: errors stay unseen with a probability below 1/512, in a dict below 1/32. On two more lines elements of large
    gradients move less, so that small ones show beside them. Then f is evaluated 30 times,
    or four times per array and 14 times more if that is more, however many elements there are.

    Where slopes disagree, the step is varied and the elements are searched, with some hundred evaluations more. No
    verdict hangs on one step.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``, a number. It may read the arrays through a closure, as in ``lambda params: net.loss(x, t)``:
        they are moved in place and restored bit for bit, also when f raises or Ctrl-C arrives.
    grad : callable, array_like or dict
        ``grad(x, *args)``, or the gradient itself, in the form of x. The class `Variable` says that f is a loss of
        Variables, whose ``backward`` is checked. So is a callable other than f that returns a `Variable` of one element
        for the arrays of x, as a loss of the functions in `fastgrad.variable` does. A number is no gradient of several
        elements.
    x : ndarray or dict of ndarray
        Where. Lists, integers and read-only arrays are copied, so f has to read its argument.
    args : tuple
        Further arguments of f and grad.
    against : {"differences", "exact"}
        "exact": every element is compared with ``gradient(f, x, method="exact")``, for which f must read its argument
        and trace; no step has a say. Only whether an element that differs lies at a kink is asked of differences.
    elementwise : bool
        Check every element, by two evaluations each.
    sample : int, optional
        Check so many elements, drawn at random.
    rtol, atol : float
        An element may be off by ``atol + rtol * |element|``, and by the noise of f as measured. By default rtol is
        1e-5, and 1.5e-4 where f or x is of single precision.
    detect_kinks : bool
        False: where slopes to the left and to the right differ, the gradient is wrong.
    raises : bool
        False: return the report whatever it says.
    rng : numpy.random.Generator or int
        Draws lines and elements; a number is a seed.

    Returns
    -------
    GradientCheck
        The report: ``print`` it. ``ok``, ``verdict``, ``arrays`` and ``worst`` hold what it says, ``to_dict()``
        everything. Verdicts: "ok"; "wrong"; "kink", right so far as can be said beside an edge of f such as that of
        relu, abs, max; "inconclusive", where f is too noisy.

    Raises
    ------
    AssertionError
        With the report as its text, where the verdict is "wrong" or "inconclusive".
    EngineError
        f does not trace, with ``against="exact"``.
    TypeError, ValueError
        Arrays that cannot be moved, x that is not finite, a gradient that does not have x's form, f in its place.

    Warns
    -----
    ConstantFunctionWarning
        f does not react to x, and the gradient is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad import check_gradient
    >>> x = np.linspace(0.1, 1.0, 10)
    >>> check_gradient(lambda x: np.sum(np.sin(x)), np.cos, x).verdict
    'ok'
    >>> check_gradient(lambda x: np.sum(np.sin(x)), lambda x: -np.cos(x), x, elementwise=True)
    Traceback (most recent call last):
        ...
    AssertionError: gradient: wrong (10 elements, ... evaluations of f)
        name  shape  worst relative error  verdict
        x     (10,)  2.0e+00               wrong
      x: its sign is flipped
      x[0]: analytic -0.995004, numerical 0.995004, relative error 2, step 3.8e-06: wrong
    ...
    """
    check_function(f)
    refuse_bounds(bounds, "check_gradient")
    further, generator = check_args(args), np.random.default_rng(rng)
    allowed = _tolerance("rtol", rtol), _tolerance("atol", atol) or 0.0
    point, arrays = movable(x)
    exact = _exact_gradient(f, point, further, elementwise, sample) if _is_exact(against) else None
    with held(point):
        wide, own = widened(f, grad, point, arrays, further), list(arrays.values())
        before = [w.copy() for w in own]
        moved, arrays = wide or (point, arrays)
        loss = Loss(value_of(f, grad, moved, further), arrays, *allowed, single=wide is not None)
    with loss.moving(), restored(own, before):
        with held(point, "grad"):
            given = gradient_of(f, grad, point, further)
        loss.check_unchanged(writer_of(grad))
        check_unchanged(own, before, writer_of(grad))
        survey = Survey(loss, parts(given, point, arrays), detect_kinks, generator)
        report = _report(survey, exact, elementwise, sample)
    if survey.constant and report.ok:
        warnings.warn(CONSTANT, ConstantFunctionWarning, stacklevel=2)
    if raises and not report.ok:
        raise AssertionError(str(report))
    return report


def _report(survey: Survey, exact: Any, elementwise: bool, sample: int | None) -> GradientCheck:
    if exact is not None:
        return survey.exactly(exact)
    return survey.elements(sample) if elementwise or sample is not None else survey.lines()


def _is_exact(against: Any) -> bool:
    if against not in ("differences", "exact"):
        msg = f"against={against!r} is unknown; use 'differences' or 'exact'"
        raise ValueError(msg)
    return bool(against == "exact")


def _exact_gradient(f: Any, point: Any, args: tuple[Any, ...], elementwise: bool, sample: Any) -> Any:
    """The derivatives by all elements, array by array."""
    if elementwise or sample is not None:
        msg = "against='exact' checks every element: leave elementwise and sample out"
        raise ValueError(msg)
    if isinstance(point, Mapping):
        found = gradient_function(f, method="exact")(point, *args)
        return np.concatenate([*(np.ravel(part) for part in found.values()), np.empty(0)]).astype(float)
    return np.ravel(gradient(f, point, args=args, method="exact")).astype(float)


def _tolerance(name: str, given: Any) -> float | None:
    if given is None:
        return None
    if (
        isinstance(given, bool)
        or not isinstance(given, (int, float, np.floating, np.integer))
        or not 0 <= given < np.inf
    ):
        msg = f"{name}={given!r} must be a number from 0; leave it out for one that suits the precision"
        raise ValueError(msg)
    return float(given)
