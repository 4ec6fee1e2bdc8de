"""Which lines and elements a gradient is checked on, and what follows from them for each array.

In the fast mode every line moves each of its elements by a random sign and a random size. One wrong element shows on
all of them. Several can cancel: with the largest error on one side and the sum of the others on the other, of the two
signs that the largest can have one leaves at least its size, so a line shows something with a probability of at
least 1/2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rays import Ray, Slope
from .search import by_difference, by_gap, search
from .slopes import Loss
from .symptoms import hints
from .verdict import VERDICTS, ArrayCheck, ElementCheck, GradientCheck, worst_of

Array = NDArray[Any]
Places = NDArray[np.intp]

LINES = 28  # evaluations for the lines of a dict of up to four arrays; with f at x, twice, it is 30
TOGETHER = 6  # lines of all arrays together, at least
BALANCED = (0.0, 0.25)  # of them the last ones: how many elements have a smaller part of the slope than any other
SEARCH = 240  # evaluations that a search may take
ROUNDS = 3  # searches in an array, each without the elements that were found before
NAMED = 5  # wrong elements that are enough
CLOSELY = 50  # elements of an elementwise check whose errors are traced to their causes
KEPT = 100  # elements in a report
ROUNDING = 1e-13  # of what is typical of an array: by so much two correct gradients differ

CONSTANT = (
    "f does not react to x at all: if it reads other arrays through a closure, "
    "pass those very arrays, such as net.params"
)
KINK = "f has a kink (relu, abs, max, clip) within a step of x, where the gradient can be one of several"
MANY = "kinks hide other elements from random lines: elementwise=True checks each of them"
TOGETHER_WRONG = "all arrays together disagree with f, but no single element stands out"
OTHERS = "all other elements agree"


class Survey:
    """A check under way: the loss and its gradient, the lines taken, and what is known of every array."""

    def __init__(self, loss: Loss, claimed: dict[str, Array | None], kinks: bool, rng: np.random.Generator) -> None:
        self.loss, self.kinks, self.rng = loss, kinks, rng
        self.claimed, self.names = claimed, list(claimed)
        self.verdicts: dict[str, list[str]] = {name: [] for name in claimed}
        self.hints: dict[str, list[str]] = {name: [] for name in claimed}
        self.errors = dict.fromkeys(claimed, 0.0)
        self.worst: dict[int, ElementCheck] = {}
        self.own: dict[str, list[Ray]] = {name: [] for name in claimed}
        g = np.concatenate([*(self._flat(name, w) for name, w in loss.arrays.items()), np.empty(0)])
        self.broken = np.flatnonzero(~np.isfinite(g))
        loss.set_gradient(np.where(np.isfinite(g), g, 0.0))
        self._measure()
        self._note_broken(g)

    @property
    def constant(self) -> bool:
        """Whether f has not reacted to anything."""
        slopes = [slope for line in self._all_own() for slope in line.slopes.values()]
        return bool(slopes) and all(slope.left == slope.right == 0.0 for slope in slopes)

    def _flat(self, name: str, w: Array) -> Array:
        """The gradient of an array in its order: what is missing as 0, what is transposed as if it were not."""
        part = self.claimed[name]
        if part is None:
            self._say(name, "wrong", "the gradient has no entry of this name: is it forgotten?", 1.0)
            return np.zeros(w.size)
        if part.shape != w.shape:
            self._say(name, "wrong", f"its shape is {part.shape}, that of x {w.shape}: is it transposed? write .T", 1.0)
            part = part.T
        return part.reshape(-1)

    def _note_broken(self, g: Array) -> None:
        """Elements of the gradient that are NaN or infinite need no line."""
        for place in self.broken.tolist():
            name = self.names[self.loss.array_of(place)]
            self._say(name, "wrong", "the gradient is not finite", np.inf)
            if len(self.worst) < NAMED:
                line = self.loss.axis(place)
                self._note(place, self.loss.slope(line, line.step)._replace(analytic=g[place]), "wrong", np.inf)

    def _say(self, name: str, verdict: str, hint: str = "", error: float = 0.0) -> None:
        self.verdicts[name].append(verdict)
        self.errors[name] = max(self.errors[name], error)
        if hint and hint not in self.hints[name]:
            self.hints[name].append(hint)

    def _places(self, name: str | None = None) -> Places:
        """The elements of an array, or of all, whose gradient is a number."""
        k = self.names.index(name) if name is not None else 0
        first, last = self.loss.starts[k], self.loss.starts[k + 1 if name is not None else -1]
        return np.setdiff1d(np.arange(first, last), self.broken, assume_unique=True)

    def _all_own(self) -> list[Ray]:
        return [line for lines in self.own.values() for line in lines]

    def _measure(self) -> None:
        """Lines of each array, three in all or more, at two steps, and the noise that they show."""
        places = {name: self._places(name) for name in self.names}
        each = -(-3 // max(sum(len(p) > 0 for p in places.values()), 1))
        for name, where in places.items():
            self.own[name] = [self.loss.line(where, self.rng) for _ in range(each if len(where) else 0)]
        for line in self._all_own():
            self.loss.slope(line, line.step)
            self.loss.slope(line, 2 * line.step)
        self.loss.measure(self._all_own())

    # --- the fast mode -----------------------------------------------------------------------------------------------

    def lines(self) -> GradientCheck:
        """Lines of each array, lines of all arrays together, and a search where one of them disagrees."""
        everything, own = self._places(), self._all_own()
        more = max(TOGETHER, LINES // 2 - 2 * len(own)) if len(everything) else 0
        lines = own + [self.loss.line(everything, self.rng) for _ in range(more)]
        beyond = len(lines) - len(BALANCED) * (more > 0)
        lines[beyond:] = map(self.loss.balanced, lines[beyond:], BALANCED)
        for k, line in enumerate(lines):
            holders = self._holders(line)
            verdict = self.loss.judge(line, self.kinks)
            if k >= beyond and verdict == "inconclusive":
                continue  # it would have shown more than the others, which have their verdicts
            alone = len(holders) == 1
            for name in holders if alone or verdict == "inconclusive" else []:
                # whether it is wrong the search will say: kinks of many elements can look alike
                self._say(name, "ok" if verdict == "wrong" else verdict, error=self._error(line) if alone else 0.0)
        self._pursue([line for line in lines if line.verdict in {"wrong", "kink"}])
        self._explain()
        return self._report("fast", len(lines))

    def _holders(self, line: Ray) -> list[str]:
        """The arrays that a line moves."""
        ends = np.searchsorted(line.where, self.loss.starts).tolist()
        return [name for name, a, b in zip(self.names, ends[:-1], ends[1:], strict=True) if a < b]

    def _error(self, line: Ray) -> float:
        """The difference along a line, relative to the length of the gradient there."""
        slope = line.found
        if slope is None or not np.isfinite(slope.difference) or slope.difference == 0.0:
            return 0.0
        return abs(slope.difference) / max(float(np.hypot.reduce(self.loss.g[line.where] * line.v)), abs(slope.central))

    def _pursue(self, lines: list[Ray]) -> None:
        """Search each array once; lines of all arrays only where no array's own line has shown anything."""
        seen: set[str] = set()
        for line in sorted(lines, key=lambda line: -VERDICTS.index(line.verdict)):
            holders = self._holders(line)
            if not seen.isdisjoint(holders):
                continue
            found, explained = ([], False) if self.constant else self._hunt(line)
            seen |= {self.names[self.loss.array_of(place)] for place in found} or set(holders)
            if line.verdict == "wrong" and not explained:
                for name in {self.names[self.loss.array_of(place)] for place in found} or holders:
                    self._say(name, "wrong", "" if found or len(holders) == 1 else TOGETHER_WRONG)

    def _hunt(self, line: Ray) -> tuple[list[int], bool]:
        """The elements to which a line owes its difference, and whether they explain it:
        the others agree without them."""
        every, found = line.where, []
        for _ in range(ROUNDS):
            axes = search(self.loss, line, by_difference, self.kinks, SEARCH, NAMED)
            if not axes and line.verdict == "kink":
                axes = search(self.loss, line, by_gap, self.kinks, SEARCH, NAMED)
            for axis in axes:
                self._note_axis(axis)
            found += [int(axis.where[0]) for axis in axes]
            rest = np.setdiff1d(every, found, assume_unique=True)
            if not axes:
                break
            line = self.loss.line(rest, self.rng)
            if not len(rest) or self.loss.judge(line, self.kinks) == "ok":
                self._close(found)
                return found, True
            if line.verdict == "inconclusive" or (len(found) >= NAMED and line.verdict == "wrong"):
                break
        if line.verdict == "kink":
            for name in self._holders(line):
                self._say(name, "kink", MANY)
        return found, line.verdict == "kink"

    def _close(self, found: list[int]) -> None:
        """What was found explains all: the other elements agree, where an array has others."""
        holders = [self.names[self.loss.array_of(place)] for place in found]
        for name in set(holders):
            if "wrong" in self.verdicts[name] and holders.count(name) < len(self._places(name)):
                self._say(name, "wrong", OTHERS)

    def _note_axis(self, axis: Ray) -> None:
        """What was found for one element."""
        slope, place = axis.found, int(axis.where[0])
        name = self.names[self.loss.array_of(place)]
        self._say(name, axis.verdict, error=self._error(axis) if axis.verdict == "wrong" else 0.0)
        if slope is not None:
            self._note(place, slope, axis.verdict, self._error(axis))

    def _note(self, place: int, slope: Slope, verdict: str, error: float) -> None:
        k, scale = self.loss.array_of(place), float(self.loss.scale[place])
        shape = list(self.loss.arrays.values())[k].shape
        index = tuple(map(int, np.unravel_index(place - self.loss.starts[k], shape)))
        numerical, analytic = slope.central / scale, slope.analytic / scale
        self.worst[place] = ElementCheck(self.names[k], index, analytic, numerical, error, slope.step * scale, verdict)

    # --- element by element ------------------------------------------------------------------------------------------

    def elements(self, sample: Any) -> GradientCheck:
        """Every element, or some drawn at random."""
        chosen = self._places()
        if sample is not None:
            if isinstance(sample, bool) or not isinstance(sample, (int, np.integer)) or not 0 < sample <= len(chosen):
                msg = f"sample={sample!r} must be a whole number from 1 to the {len(chosen)} elements there are"
                raise ValueError(msg)
            chosen = np.sort(self.rng.choice(chosen, int(sample), replace=False))
        counted = dict.fromkeys(VERDICTS, 0)
        for place in chosen.tolist():
            verdict = self._element(place, closely=counted["wrong"] < CLOSELY)
            counted[verdict] += 1
        self._explain()
        return self._report("elementwise" if sample is None else "sample", len(chosen))

    def _element(self, place: int, closely: bool) -> str:
        axis, name = self.loss.axis(place), self.names[self.loss.array_of(place)]
        if closely:
            verdict = self.loss.judge(axis, self.kinks)
        else:
            axis.found = self.loss.slope(axis, axis.step)
            verdict = axis.verdict = "ok" if self.loss.agrees(axis, axis.step) else "wrong"
        if verdict != "ok":
            self._note_axis(axis)
        elif axis.found is not None:
            typical = (
                max(abs(axis.found.central), self.loss.length(axis)) or 1.0
            )  # of f that is 0 wherever it was asked
            self._say(name, "ok", error=abs(axis.found.difference) / typical)
        return verdict

    # --- against the derivative itself -------------------------------------------------------------------------------

    def exactly(self, exact: Array) -> GradientCheck:
        """Every element beside the exact derivative; whether one that differs lies at a kink, differences say."""
        chosen, g = self._places(), self.loss.g
        with np.errstate(all="ignore"):
            allowed = self.loss.atol + self.loss.rtol * np.abs(exact) + ROUNDING * self.loss.typical
            agree = np.isfinite(exact) & (np.abs(g - exact) <= allowed)
        for name in self.names:
            self._say(name, "ok")
        for number, place in enumerate(chosen[~agree[chosen]].tolist()):
            self._differing(place, float(exact[place]), closely=number < CLOSELY)
        self._explain()
        return self._report("exact", len(chosen))

    def _differing(self, place: int, exact: float, closely: bool) -> None:
        axis, name = self.loss.axis(place), self.names[self.loss.array_of(place)]
        if not np.isfinite(exact):
            self._say(name, "inconclusive", f"the exact derivative is {exact} at element {place}")
            return
        at_kink = closely and self.loss.judge(axis, self.kinks) == "kink"
        slope = self.loss.slope(axis, axis.step)
        axis.found = slope._replace(central=exact * float(self.loss.scale[place]))
        axis.verdict = "kink" if at_kink else "wrong"
        self._note_axis(axis)

    # --- what is said ------------------------------------------------------------------------------------------------

    def _explain(self) -> None:
        """Hints for every array that is not right."""
        for name in self.names:
            verdict = worst_of(self.verdicts[name])
            if verdict == "wrong" and self.constant:
                self._say(name, "wrong", CONSTANT)
            elif verdict == "wrong" and self.claimed[name] is not None and len(self._places(name)):
                self._compare(name)
            elif verdict == "inconclusive":
                self._say(name, verdict, self._doubt())
            elif verdict == "kink":
                self._say(name, verdict, KINK)

    def _compare(self, name: str) -> None:
        """Compare the slopes along three lines of an array with what the usual mistakes would give."""
        k, lines = self.names.index(name), list(self.own[name])
        start, stop = self.loss.starts[k], self.loss.starts[k + 1]
        while len(lines) < 3:
            lines.append(self.loss.line(self._places(name), self.rng))
        slopes = np.array([self.loss.slope(line, line.step).central for line in lines])
        dense = np.zeros((len(lines), stop - start))
        for row, line in zip(dense, lines, strict=True):
            row[line.where - start] = line.v
        others = {other: part for other, part in self.claimed.items() if other != name and part is not None}
        w = self.loss.arrays[name]
        for hint in hints(
            name, self.loss.g[start:stop].reshape(w.shape), self.loss.x[start:stop], others, dense, slopes
        ):
            self._say(name, "wrong", hint)

    def _doubt(self) -> str:
        """Why there is no verdict."""
        loss = self.loss
        if not np.isfinite(loss.start):
            return f"f(x) is {loss.start}"
        if not all(np.isfinite(slope.central) for line in self._all_own() for slope in line.slopes.values()):
            return "f is not finite beside x"
        if loss.noise <= 2 * loss.eps * loss.largest:
            return (
                f"the rounding of f, about {loss.noise:.1g}, hides this gradient; compute f in float64, or give an atol"
            )
        return (
            f"f is too noisy for a verdict: its values are off by about {loss.noise:.1g}, far more than by rounding (a "
            "random mask? float32 inside? an iteration that stops early?)"
        )

    def _resolution(self, name: str, mode: str) -> float:
        """The error of one element that would have been seen."""
        loss, k = self.loss, self.names.index(name)
        own = slice(loss.starts[k], loss.starts[k + 1])
        scale = float(loss.scale[own].min(initial=np.inf))  # slopes are by t, which moves an element by its scale
        if mode != "fast":
            noise = loss.noise_at(loss.step(1)) / scale
            # one that shorter steps, whose noise is larger, do not excuse: they did up to 1.41 times the tolerance
            return 1.5 * float(loss.atol + loss.rtol * np.abs(loss.g[own]).max(initial=0.0) + noise)
        seen = [
            loss.allowed(line, line.found) + loss.noise_at(line.found.step) for line in self.own[name] if line.found
        ]
        return 2 * min(seen, default=0.0) / scale  # an element moves by half of its scale at least

    def _report(self, mode: str, checked: int) -> GradientCheck:
        arrays = [
            ArrayCheck(
                name, w.shape, worst_of(self.verdicts[name]), self.errors[name],
                self._resolution(name, mode), tuple(self.hints[name]),
            )
            for name, w in self.loss.arrays.items()
        ]  # fmt: skip
        ranked = sorted(self.worst.values(), key=_rank)
        return GradientCheck(tuple(arrays), tuple(ranked[:KEPT]), mode, checked, self.loss.evaluations, self.loss.noise)


def _rank(e: ElementCheck) -> tuple[int, float, str, tuple[int, ...]]:
    """The worst first; relative errors count as alike in two digits."""
    return -VERDICTS.index(e.verdict), -float(f"{e.error:.1e}"), e.name, e.index
