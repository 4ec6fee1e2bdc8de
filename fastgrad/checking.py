"""check_gradient: is this gradient right, and if not, which elements are wrong?

The fast mode takes slopes along random lines through x. Each element moves by a random sign and a random size, so one wrong
element shows on every line, and several can hide each other on a line with a probability of at most 1/2. Where a line
disagrees, halves of it are taken until single elements are left.
"""

from __future__ import annotations

import heapq
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arguments import check_args, check_function, real_array
from .results import ConstantFunctionWarning
from .slopes import Line, Loss
from .symptoms import hints
from .verdict import ArrayCheck, ElementCheck, GradientCheck, worst_of
from .weights import movable

Array = NDArray[Any]
Places = NDArray[np.intp]

LINES = 28  # evaluations that the lines of a gradient take which is right, in dicts of up to four arrays
SEARCH = 240  # evaluations that a search for wrong elements may take
NAMED = 5  # elements that a search names
CLOSELY = 50  # elements of an elementwise check whose errors are traced to their causes

CONSTANT = "f does not react to x at all: if it reads other arrays through a closure, pass those very arrays, such as net.params"


def check_gradient(
    f: Callable[..., Any],
    grad: Any,
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    elementwise: bool = False,
    sample: int | None = None,
    rtol: float | None = None,
    atol: float = 0.0,
    detect_kinks: bool = True,
    raises: bool = True,
    rng: np.random.Generator | int | None = 0,
) -> GradientCheck:
    """Whether a gradient that was derived by hand, or by a program, is right; and where it is not.

    Slopes of f along random lines through x are compared with those of the gradient. Every line moves all elements, each
    by a random sign. One wrong element shows on every line, since nothing can cancel it: it is found with certainty, if
    its error is above the `resolution` of the report. Of several wrong elements at least one such line in two shows
    something, whatever they are. There are eleven lines for an array, and seven or more that see each array of a dict:
    errors stay unseen with a probability below 1/2048, in a dict below 1/128. Then f is evaluated 30 times, or four times
    per array and 14 times more if that is more, however many elements there are.

    Where slopes disagree, the step is varied and the elements are searched, with some hundred evaluations more. No verdict
    hangs on one step.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``, a number. It may read the arrays through a closure, as in ``lambda params: net.loss(x, t)``: they
        are moved in place and restored bit for bit, also when f raises or Ctrl-C arrives.
    grad : callable, array_like or dict
        ``grad(x, *args)``, or the gradient itself, in the form of x. A callable that returns a `Variable` of one element
        when it is given one (a dict of them for a dict) is a loss, whose ``backward`` is checked; so is f itself if
        `grad` is the class `Variable`.
    x : ndarray or dict of ndarray
        Where. Lists, integers and read-only arrays are copied, so f has to read its argument.
    args : tuple
        Further arguments of f and grad.
    elementwise : bool
        Check every element, by two evaluations each.
    sample : int, optional
        Check so many elements, drawn at random.
    rtol, atol : float
        An element may be off by ``atol + rtol * |element|``, and by the noise of f as measured. By default rtol is 1e-5,
        and 1.5e-4 where f or x is of single precision.
    detect_kinks : bool
        False: where slopes to the left and to the right differ, the gradient is wrong.
    raises : bool
        False: return the report whatever it says.
    rng : numpy.random.Generator or int
        Draws lines and elements; a number is a seed.

    Returns
    -------
    GradientCheck
        The report: ``print`` it. ``ok``, ``verdict``, ``arrays`` and ``worst`` hold what it says, ``to_dict()`` everything.
        Verdicts: "ok"; "wrong"; "kink", right so far as can be said beside an edge of f such as that of relu, abs, max;
        "inconclusive", where f is too noisy.

    Raises
    ------
    AssertionError
        With the report as its text, where the verdict is "wrong" or "inconclusive".
    TypeError, ValueError
        Arrays that cannot be moved, x that is not finite, a gradient that does not have x's form.

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
    further, generator = check_args(args), np.random.default_rng(rng)
    allowed = _tolerance("rtol", rtol), _tolerance("atol", atol) or 0.0
    point, arrays = movable(x)
    loss = Loss(value_of(f, grad, point, further), arrays, *allowed)
    with loss.moving():
        given = gradient_of(f, grad, point, further)
        loss.check_unchanged()
        check = Check(loss, parts(given, point, arrays), detect_kinks, generator)
        report = check.all_elements(sample) if elementwise or sample is not None else check.random_lines()
    if check.constant and report.ok:
        warnings.warn(CONSTANT, ConstantFunctionWarning, stacklevel=2)
    if raises and not report.ok:
        raise AssertionError(str(report))
    return report


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


class Check:
    """A check under way: the loss with its gradient, the lines taken, what is known of every array."""

    def __init__(self, loss: Loss, claimed: dict[str, Array | None], kinks: bool, rng: np.random.Generator) -> None:
        self.loss, self.kinks, self.rng = loss, kinks, rng
        self.names = list(claimed)
        self.claimed = claimed
        self.verdicts: dict[str, list[str]] = {name: ["ok"] for name in claimed}
        self.errors = dict.fromkeys(claimed, 0.0)
        self.hints: dict[str, list[str]] = {name: [] for name in claimed}
        self.worst: list[ElementCheck] = []
        self.own: dict[str, list[Line]] = {}
        flat = [self._flat(name, w) for name, w in loss.arrays.items()]
        self.broken = np.flatnonzero(~np.isfinite(np.concatenate([*flat, np.empty(0)])))
        g = np.concatenate([*flat, np.empty(0)])
        g[self.broken] = 0.0
        loss.set_gradient(g)
        self._note_broken(np.concatenate([*flat, np.empty(0)]))

    def _flat(self, name: str, w: Array) -> Array:
        """The gradient of an array in its order; what is missing counts as 0, what is transposed as if it were not."""
        part = self.claimed[name]
        if part is None:
            self._say(name, "wrong", "the gradient has no entry of this name: is it forgotten?", np.inf)
            return np.zeros(w.size)
        if part.shape != w.shape:
            self._say(name, "wrong", f"it has the shape {part.shape}, x has {w.shape}: transposed? write .T", np.inf)
            part = part.T
        return part.reshape(-1).astype(np.float64)

    def _say(self, name: str, verdict: str, hint: str = "", error: float = 0.0) -> None:
        self.verdicts[name].append(verdict)
        self.errors[name] = max(self.errors[name], error)
        if hint and hint not in self.hints[name]:
            self.hints[name].append(hint)

    def _note_broken(self, given: Array) -> None:
        for place in self.broken.tolist():
            name = self.names[self.loss.array_of(place)]
            self._say(name, "wrong", "it is not finite", np.inf)
            if len(self.worst) < NAMED:
                line = self.loss.axis(place)
                slope = self.loss.slope(line, line.step)
                self.worst.append(self._element(place, given[place], slope, "wrong"))

    @property
    def constant(self) -> bool:
        """Whether f has not reacted to anything."""
        lines = [line for lines in self.own.values() for line in lines if len(line.where)]
        slopes = [slope for line in lines for slope in line.slopes.values()]
        return bool(slopes) and all(slope.left == slope.right == 0.0 for slope in slopes)

    # --- the fast mode -----------------------------------------------------------------------------------------------

    def random_lines(self) -> GradientCheck:
        """Lines of each array, lines of all arrays together, and a search where one of them disagrees."""
        self._measure()
        everything = self._places(0, len(self.names))
        together = max(6, (LINES - 4 * sum(map(len, self.own.values()))) // 2) if len(everything) else 0
        lines = [line for name in self.names for line in self.own[name]]
        lines += [self.loss.line(everything, self.rng) for _ in range(together)]
        for line in lines:
            self._judge(line)
        self._explain()
        return self._report("fast", len(lines))

    def _places(self, first: int, last: int) -> Places:
        """The elements of arrays number first to last - 1 whose gradient is a number."""
        return np.setdiff1d(np.arange(self.loss.starts[first], self.loss.starts[last]), self.broken, assume_unique=True)

    def _measure(self) -> None:
        """Lines of each array at two steps, three in all or more, and the noise that they show."""
        places = [self._places(k, k + 1) for k in range(len(self.names))]
        filled = sum(len(p) > 0 for p in places)
        each = -(-3 // filled) if filled else 0
        for name, where in zip(self.names, places, strict=True):
            self.own[name] = [self.loss.line(where, self.rng) for _ in range(each)] if len(where) else []
            for line in self.own[name]:
                self.loss.slope(line, line.step)
                self.loss.slope(line, 2 * line.step)
        self.loss.measure([line for lines in self.own.values() for line in lines])

    def _judge(self, line: Line) -> None:
        verdict = self.loss.judge(line, self.kinks)
        holders = self._holders(line)
        if verdict in {"ok", "inconclusive"}:
            for name in holders:
                self._say(name, verdict, error=self._error(line) if len(holders) == 1 else 0.0)
            return
        found = self._search(line, verdict)
        if len(holders) == 1:
            self._say(holders[0], verdict, error=self._error(line))
        elif verdict == "wrong" and not any(axis.verdict == "wrong" for axis in found):
            for name in holders:
                self._say(name, "inconclusive", "all arrays together disagree with f, no single element stands out")

    def _holders(self, line: Line) -> list[str]:
        """The arrays that a line moves."""
        first, last = self.loss.array_of(int(line.where[0])), self.loss.array_of(int(line.where[-1]))
        return [name for name, w in zip(self.names, self.loss.arrays.values(), strict=True) if w.size][:0] or [
            self.names[k] for k in range(first, last + 1) if self.loss.starts[k] < self.loss.starts[k + 1]
        ]

    def _error(self, line: Line) -> float:
        """The difference along a line, relative to the length of the gradient there."""
        slope = line.found
        if slope is None or not np.isfinite(slope.difference) or slope.difference == 0.0:
            return 0.0
        own = float(np.hypot.reduce(self.loss.g[line.where] * line.v))
        return abs(slope.difference) / max(own, abs(slope.central))

    def _search(self, line: Line, verdict: str) -> list[Line]:
        """Look for the elements to which a line owes its difference; no array is searched twice for long."""
        known = {axis for axis in self.searched}
        if len(known) >= NAMED:
            return []
        measure = by_gap if verdict == "kink" else by_difference
        found = search(self.loss, line, measure, self.kinks, SEARCH, NAMED)
        for axis in found:
            self._note(axis)
        return found
