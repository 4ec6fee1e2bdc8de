"""The compiled f beside f itself at a few points: what cannot be traced soundly mostly shows there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ...formulas.stencils import Stencil, Table, hvp, stencil
from ...formulas.steps import direction_step, irregular
from ...formulas.values import as_number, precision
from ...program.look import agree, quiet
from ...program.program import Program
from ...program.roundings import rounded_by
from ...program.schedule import schedule
from ...results import EPS, EngineError
from ..call import Call, batch_rows
from .coverage import Mask, Sides, Tied, covering, sample, takes_sides

Array = NDArray[np.float64]

LATER = 128  # points of a call that say which sides it takes, where its program is there; 0.3 ms for 100 nodes
FEW_LOOKED_AT = 4  # points, when NumPy runs what has been traced
FEW_SLOPES = 16  # points at which the slopes of an f that branches are compared, besides those of its sides
_NEAR, _FAR = 2.0**-20, 2.0**-4
_SHORT = (2.0**-7, 2.0**-11)  # steps that see the waves of a sine wherever it is, and those of a steep tangent
_MULTIPLIED = 5_000  # nodes of f, up to which a Hessian of which some entries are wanted is multiplied by a vector
_MOST_THERE = 2  # of third derivatives a difference beside a point sees little but noise
_KINKS = frozenset(
    {"select", "abs", "sign", "copysign", "max", "min", "fmax", "fmin", "sqrt", "cbrt", "hypot", "pow", "tofloat"}
)
_RESOLVED = 2.0**13  # spacings of floats in a displacement that is off by less than 1e-4


@lru_cache(maxsize=256)
def _irregular(dimension: int, far: float) -> Array:
    """Displacements that no symmetry of f cancels."""
    displacements: Array = far * irregular(dimension)
    return displacements


Slopes = Callable[[Array], Array]  # the exact derivatives at points in columns
Rounded = Callable[[Array], Array]  # what rounding does to f's outputs at a point with its rows
Evaluate = Callable[[Array, Array], list[list[float]]]  # f's outputs at points, with the rows of batch arguments
Sizes = Callable[[Array], float]  # of what is added up at a point with its rows
_ORDER = 1e-13  # of which a sum in another order may be off


def compare(call: Call, program: Program, lanes: int, evaluate: Evaluate, sizes: Sizes | None = None) -> None:
    """Compare the compiled f with f itself at up to four points, each displaced in every coordinate.

    What looks at types or keeps state may go another way at one point than at others: the first and the last are among
    them, and as many as there are lanes cost one run of a kernel. Of a function that chooses, more points: so many
    that each side that the call's points take is seen. `sizes` are for sums that are not in f's order.
    """
    first, count = call.finite(), call.points.count
    places = list(dict.fromkeys((first, count - 1, count // 3, 2 * count // 3)))[:lanes]
    (point, numbers), *others = _evaluated(call, places, evaluate)
    if not _is_missed(program, numbers):
        _check(call, first, point, numbers, sizes)
    with quiet():  # f may warn at its first point, where it would anyway
        for n, (point, numbers) in zip(places[1:], others, strict=True):
            if not _is_missed(program, numbers):
                _check_elsewhere(call, n, point, numbers, sizes)
        if count > len(places):
            _compare_sides(call, program, lanes, evaluate, sizes, covering(call, program, places))


def _compare_sides(
    call: Call, program: Program, lanes: int, evaluate: Evaluate, sizes: Sizes | None, places: list[int]
) -> None:
    for start in range(0, len(places), lanes):
        some = places[start : start + lanes]
        for n, (point, numbers) in zip(some, _evaluated(call, some, evaluate), strict=True):
            if np.isfinite(numbers).all():  # else f itself is asked
                _check_elsewhere(call, n, point, numbers, sizes)


def _is_missed(program: Program, numbers: list[float]) -> bool:
    """Whether a point beside a sampled one may go a way that has not been traced, where f itself is asked."""
    return program.sampled and not np.isfinite(numbers).all()


def compare_new_sides(
    call: Call, program: Program, sides: Sides, slopes_of: Callable[[Table], Slopes] | None = None
) -> None:  # fmt: skip
    """Compare a program that is kept with f, where points take sides that no points of earlier calls have taken.

    And its exact derivatives with differences, where `slopes_of` gives those of a table.
    """
    places, new = sides.unseen(call, program, LATER)
    places = [n for n in places if np.isfinite(call.points.row(n)).all()]  # elsewhere f itself is asked
    if not places:
        return
    steps = schedule(program)
    evaluate: Evaluate = lambda points, rows: steps.values(np.concatenate([points, rows], axis=1).T).T.tolist()
    with quiet():
        for n, (point, numbers) in zip(places, _evaluated(call, places, evaluate), strict=True):
            _check_elsewhere(call, n, point, numbers)
    if slopes_of is not None:
        _compare_slopes(call, program, [(n,) for n in places], slopes_of)
    sides.note(new)


def _evaluated(call: Call, places: list[int], evaluate: Evaluate) -> list[tuple[Array, list[float]]]:
    """Points beside some of the call's, and f's outputs there."""
    points = np.array([_moved(call, n) for n in places])
    few = len(places)
    rows = np.concatenate([batch_rows(call, slice(n, n + 1)) for n in places]) if call.batch else np.empty((few, 0))
    return list(zip(points, evaluate(points, rows), strict=True))


def _moved(call: Call, n: int, far: float = _NEAR) -> Array:
    """A point beside another one."""
    row = call.points.row(n)
    with np.errstate(over="ignore", invalid="ignore"):
        moved = _irregular(row.size, far) * (1.0 + np.abs(row))
        if far > _NEAR:  # not to the other side of 0, where f may have no end
            most = np.where(row == 0.0, np.inf, np.maximum(np.abs(row) / 2.0, _NEAR))
            moved = np.clip(moved, -most, most)
        return call.inside(n, row + moved)


def _check_elsewhere(call: Call, n: int, point: Array, found: list[float], sizes: Sizes | None = None) -> None:
    """As `_check`; f may raise where its results are not finite, and is asked there."""
    try:
        _check(call, n, point, found, sizes)
    except EngineError:
        raise
    except Exception as error:
        if np.isfinite(found).all():
            msg = f"f raises {type(error).__name__} where traced it gives {found[0]!r}"
            raise EngineError(msg) from error


def _check(call: Call, n: int, point: Array, found: list[float], sizes: Sizes | None = None) -> None:
    plain = call.f(call.argument(point), *call.args_at(n))
    if type(plain) is not np.float64 and precision(plain) > EPS:
        msg = f"f returns {plain.dtype}, whose rounding vectors of doubles do not reproduce"
        raise EngineError(msg)
    single = len(found) == 1
    expected = [float(plain if type(plain) is np.float64 else as_number(plain))] if single else np.ravel(plain).tolist()
    for a, b in zip(found, expected, strict=True):
        if not agree(a, b) and not (sizes and abs(a - b) <= _ORDER * sizes(_beside_rows(call, n, point))):
            msg = f"traced, f gives {a!r} where it gives {b!r} in Python: {_OTHERWISE if a == a else _LEFT}"  # noqa: PLR0124
            raise EngineError(msg)


_OTHERWISE = "it keeps state, is random or looks at types"
_LEFT = (
    "it does there what is left to f itself, as an integral that quad would bisect, numbers in an order where some are "
    f"equal, or a loop of more turns than have been traced; or {_OTHERWISE}"
)


def _beside_rows(call: Call, n: int, point: Array) -> Array:
    """A point with its rows of batch arguments."""
    return np.concatenate([point, batch_rows(call, slice(n, n + 1))[0]]) if call.batch else point


def compare_slopes(call: Call, program: Program, slopes_of: Callable[[Table], Slopes]) -> None:
    """Compare exact derivatives with a difference of f along an irregular direction, where they agree at once.

    A kink or a singularity may be near the first point; then others have their turn before f is refused. Of a function
    that branches, on each side that points take and at some more: of a bisection some find a root and others an end.
    """
    count, sides = call.points.count, list[int]()
    if takes_sides(call, program):
        sides = sorted({*covering(call, program), *sample(count, FEW_SLOPES).tolist()})
    _compare_slopes(call, program, [(call.finite(), count - 1), *((n,) for n in sides)], slopes_of)


def compare_ties(call: Call, program: Program, tied: list[Tied], slopes_of: Callable[[Table], Slopes]) -> None:
    """Compare exact derivatives at points where f goes a way of its own with differences of f, which looks beside.

    Along what leads away from there, too: of a direction of many coordinates others might hide it. And f's values.
    """
    call = _as_product(call, program)
    if call.table.stencil.derivative > _MOST_THERE:
        raise EngineError(_UNTOLD.format(call.points.row(tied[0].place)))
    slopes, steps = slopes_of(call.table), schedule(program) if not program.tables else None
    rounded = rounded_by(program)
    with quiet():
        for n, *_ in tied if steps else ():
            numbers = steps.values(_beside_rows(call, n, call.points.row(n))[:, None])[:, 0].tolist() if steps else []
            if np.isfinite(numbers).all():  # else f itself is asked
                _check_elsewhere(call, n, call.points.row(n), numbers)
        ways = ((tie, some) for tie in tied for some in (tie.coordinates, None))
        there = (_differing_there(call, t.place, slopes, rounded, some, t.is_undefined) for t, some in ways)
        _refuse(next(filter(None, there), ()))


_UNTOLD = (
    "f goes a way of its own at {}, as by x == 0, where differences tell no derivative above the second; leave that "
    "point out"
)


def _as_product(call: Call, program: Program) -> Call:
    """What some entries of a Hessian should add up to is not known, but what the whole one gives with a vector is."""
    if call.table.name.startswith(("hessian at", "hessian_diagonal")):
        return replace(call, table=hvp(call.points.dimension, 2, call.table.stencil.method))
    return call


def _compare_slopes(
    call: Call, program: Program, places: list[tuple[int, ...]], slopes_of: Callable[[Table], Slopes]
) -> None:  # fmt: skip
    """Beside one of each of several points; and at each itself, of an f with kinks."""
    product = _as_product(call, program)
    if product is not call and len(program.nodes) > _MULTIPLIED:
        return
    call, slopes = product, slopes_of(product.table)
    rounded = rounded_by(program)
    with quiet():
        differing = next(filter(None, (_differing_everywhere(call, some, slopes, rounded) for some in places)), ())
        if (
            not differing
            and call.table.stencil.derivative <= _MOST_THERE
            and not _KINKS.isdisjoint([n[0] for n in program.nodes])
        ):
            there = dict.fromkeys(n for some in places for n in some)
            differing = next(filter(None, (_differing_there(call, n, slopes, rounded) for n in there)), ())
    _refuse(differing)


def _refuse(differing: tuple[float, ...]) -> None:
    if differing:
        msg = (
            f"along a direction its exact derivative is {differing[0]:.9g}, but differences of f give "
            f"{differing[1]:.9g}: f has kinks or jumps at the points, goes a way of its own there, as by x == 0, "
            "or is not what its trace says"
        )
        raise EngineError(msg)


def _differing_everywhere(
    call: Call, places: tuple[int, ...], slopes: Slopes, rounded: Rounded
) -> tuple[float, ...]:  # fmt: skip
    """The exact derivative and a difference at the first point that tells, if they agree at none."""
    worst: tuple[float, ...] = ()
    for far in (_NEAR, _FAR):
        for n in dict.fromkeys(places):
            with suppress(Exception):  # f may raise beside its points
                differing = _differing(call, n, _moved(call, n, far), slopes, rounded)
                if differing is None:
                    return ()
                worst = worst or differing
    return worst


def _differing(
    call: Call, n: int, point: Array, slopes: Slopes, rounded: Rounded
) -> tuple[float, ...] | None:  # fmt: skip
    """The exact derivative along a direction and a difference, where they disagree at all of some steps.

    The shortest has no say where the derivative is 0: between the jumps of a staircase every difference is.
    Nothing where floats at the point are too far apart for a step that sees f's waves, as the steps of a sine at 1e10.
    """
    formula = stencil(call.table.stencil.derivative)
    direction, found = _along_irregularly(call, n, point, slopes)
    step = float(direction_step(point[None], direction[None], formula)[0])
    more = (step / 64.0, step * 8.0, *((step / 4096.0, *_SHORT) if np.any(found) else ()))
    most, pairs = _reach(point, direction, step), list[tuple[Array, Array]]()
    steps = (step, *(min(t, most) for t in more))
    for t in steps:
        difference, noise = _quotient(call, n, point, t * direction, formula, t**formula.derivative)
        gap = np.abs(found - difference)
        allowed = 1e-4 * np.maximum(np.abs(found), np.abs(difference)) + noise
        if (gap > allowed).any():  # where terms cancel, or the trace is another function
            more_noise = 8.0 * rounded(_beside_rows(call, n, point)) / t**formula.derivative
            noise, allowed = noise + more_noise, allowed + more_noise
        pairs.append((difference, noise))
        if (formula.derivative == 1 or t == step) and not (gap > allowed).any():
            return None
    if formula.derivative > 1:
        return _contradicted(found, steps, *map(np.array, zip(*pairs, strict=True)))
    if np.any(found) and not _resolved(point, min(step, *_SHORT) * direction):
        return ()
    worst = int(np.argmax(gap))
    return float(found[worst]), float(difference[worst])


def _differing_there(
    call: Call, n: int, slopes: Slopes, rounded: Rounded, moving: Mask | None = None, alone: bool = False
) -> tuple[float, ...]:
    """The exact derivative at a point itself and a difference, where it lies far beside those of both sides.

    So it does where f goes a way of its own that no point beside takes, as by `if x == 0`; at a kink it is between.
    Where that way is `alone`, as that for NaN, f may jump, and two steps need not agree: x * log(x) is vertical at 0.
    """
    point = call.points.row(n)
    with suppress(Exception):  # f may raise beside its points
        direction, found = _along_irregularly(call, n, point, slopes, moving)
        step = float(direction_step(point[None], direction[None], stencil(call.table.stencil.derivative))[0])
        fine = moving is not None and call.table.stencil.derivative == 1
        within, farther = (1e-5, 0.25) if fine else (1e-3, 16.0)
        first, off = _beside(call, n, point, step, direction, found, within, alone)
        least = 8.0 * rounded(_beside_rows(call, n, point)) / step**call.table.stencil.derivative if off.any() else 0.0
        off &= np.abs(found - first) > least
        if not off.any():
            return ()
        second, also = _beside(call, n, point, farther * step, direction, found, within, alone)
        wrong = off & also & (alone | (np.abs(first - second) <= 1e-2 * np.maximum(np.abs(first), np.abs(second))))
        if wrong.any():
            k = int(np.argmax(wrong))
            return float(found[k]), float(first[k])
    return ()


def _reach(point: Array, direction: Array, step: float) -> float:
    """How far a check may go where the step itself reaches no coordinate's 0: on its other side f may have no end."""
    with np.errstate(all="ignore"):
        zeros = np.abs(point / direction)
    return float(max(step, zeros[zeros > step].min(initial=np.inf) / 2.0))


def _beside(
    call: Call, n: int, point: Array, t: float, direction: Array, found: Array, within: float, alone: bool
) -> tuple[Array, NDArray[np.bool_]]:
    """A difference of f, and where an exact derivative is farther from it than ten times those of both sides."""
    n_th = call.table.stencil.derivative
    moved = (point + k * t * direction for k in range(-n_th, n_th + 1))
    values = np.array([np.array(call.f(call.argument(x), *call.args_at(n))).ravel() for x in moved], dtype=float)
    differences = np.diff(values, n_th, axis=0) / t**n_th
    difference = (differences[n_th // 2] + differences[(n_th + 1) // 2]) / 2.0
    allowed = 1e3 * EPS * np.abs(values).max(axis=0) / t**n_th
    allowed += 0.0 if alone else 10.0 * np.abs(differences[-1] - differences[0])
    return difference, np.abs(found - difference) > allowed + within * np.abs(difference)


def _quotient(call: Call, n: int, point: Array, by: Array, formula: Stencil, per: float) -> tuple[Array, Array]:
    """A difference quotient of each output, and the noise in it."""
    places = (point + k * by for k in formula.offsets)
    values = np.array([np.array(call.f(call.argument(x), *call.args_at(n))).ravel() for x in places], dtype=float)
    total = sum(number * (values[a] - values[b]) for number, a, b in formula.terms)
    return total / (formula.denominator * per), 1e3 * EPS * np.abs(values).max(axis=0) / per


def _contradicted(
    found: Array, steps: tuple[float, ...], differences: Array, noises: Array
) -> tuple[float, ...] | None:
    """A higher derivative and a difference, where two steps see another one, the same, and no step sees it.

    A step tells where its noise is small beside what it sees: that of short ones agrees with anything.
    """
    size = np.maximum(np.abs(found), np.abs(differences))
    tells = noises <= 0.1 * size
    off = tells & (np.abs(found - differences) > 1e-2 * size + noises)
    wrong = off & ~(tells & ~off).any(axis=0)
    for a, b in combinations(range(len(steps)), 2):
        if 0.5 < steps[a] / steps[b] < 2.0:  # of equal ones the waves between have the same say
            continue
        largest = np.maximum(np.abs(differences[a]), np.abs(differences[b]))
        same = np.abs(differences[a] - differences[b]) <= 1e-2 * largest + noises[a] + noises[b]
        seen = wrong[a] & wrong[b] & same
        if seen.any():
            k = int(np.argmax(seen))
            return float(found[k]), float(differences[a][k])
    return None


def _resolved(point: Array, displacement: Array) -> bool:
    """Whether floats at a point are dense enough for a displacement of it to have its length."""
    moves = displacement != 0.0
    return bool((np.abs(displacement) >= _RESOLVED * np.spacing(np.abs(point)))[moves].all())


def _along_irregularly(
    call: Call, n: int, point: Array, slopes: Slopes, moving: Mask | None = None
) -> tuple[Array, Array]:
    """A direction, and f's exact derivative along it, as often as the table differentiates, for each output.

    Of some coordinates alone, if they are named, where each has a part of its own.
    """
    table, d = call.table, point.size
    along_v = bool((table.units == d).any())
    weights = 0.5 + irregular(d if along_v or table.stencil.derivative > 1 else table.count)
    if moving is not None and len(weights) == d and (along_v or table.along_axes or table.stencil.derivative > 1):
        weights = np.where(moving, weights, 0.0)
    beside = [batch_rows(call, slice(n, n + 1))[0]] if call.batch else []
    beside += [weights, np.ones(1)] if along_v else []
    found = slopes(np.concatenate([point, *beside])[:, None]).reshape(-1, len(table.scale))
    if table.stencil.derivative == 1 and not along_v:
        direction = np.zeros(d)
        np.add.at(direction, table.units, table.signs * np.repeat(weights, np.diff(table.starts)))
        return direction, found @ weights
    if table.along_axes:
        return np.ones(1), found[:, 0]
    if table.stencil.derivative == 1:
        return weights, found[:, 0]
    return weights, found @ (weights if along_v else np.outer(weights, weights).ravel())
