"""How noisy values of f are, and the step that suits noise.

Values that are measured, sampled or iterated are uncertain by far more than their last digit. Of a central difference
of order 2 with values known to s the error is

    s / h + h**2 * |f'''| / 6,   least at   h = (3 * s / |f'''|)**(1/3),

which is the rule of `steps` with s for round-off. Two numbers are to be found, both by differences of values.

*The noise.* Of values on a short line a smooth function leaves nothing in higher differences, while the noise grows in
them by a known factor: the k-th differences of independent values with standard deviation s have the variance
``s**2 * (2k)! / (k!)**2``. Where three levels of the table of differences tell the same s, that is it. (ECnoise:
J. More and S. Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33, 2011.)

*The third derivative.* Of ``g(d) = (f(x + d) - f(x - d)) / 2`` the difference ``g(4d) - 4 g(d)`` is
``10 d**3 f'''``, but for d**5. It is taken at the shortest d = 4**k * start at which it stands out of the noise; that d
is about the step that is looked for, so nothing is extrapolated.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..results import EPS
from .steps import power_of_two_below

Array = NDArray[Any]

VALUES = 8  # on a line
ALIKE = 4.0  # times that the noise of three levels may differ
SPACING = 2.0**-24  # of the line, relative to max(1, |x|)
OTHER, TRIES = 2.0**8, 3  # times that the next try is shorter or longer, and how many there are

WIDER = 4.0  # the outer of two distances, over the inner one
APART = 10.0  # d**3 f''' in the difference of these
SPREAD = 3.0  # its standard deviation, over that of f: sqrt((1 + 16) / 2)
STANDS = 8.0  # times: beyond, a third derivative is taken for one; it then is known to a part in 8, the step to 1 in 20
LEAST = 2.0**-20  # relative noise from which the first distance is taken; of an f that is 0 at x it is not known


def noise_of(values: Array) -> tuple[Array, Array]:
    """The noise of values along the first axis of which there are `VALUES`, NaN where none is seen; where they repeat.

    Repeated values lie too close together, or f is constant.
    """
    levels, turns, gamma, table = [], [], 1.0, values
    with np.errstate(all="ignore"):
        for k in range(1, len(values) - 1):
            table = np.diff(table, axis=0)
            gamma *= k / (2.0 * (2 * k - 1))
            levels.append(np.sqrt(gamma * np.mean(table**2, axis=0)))
            turns.append((table.min(axis=0) < 0.0) & (table.max(axis=0) > 0.0))
        noise = np.full(values.shape[1:], np.nan)
        for k in range(len(levels) - 3, -1, -1):
            some = np.array(levels[k : k + 3])
            same = turns[k] & (some.max(axis=0) <= ALIKE * some.min(axis=0))
            noise = np.where(same, levels[k], noise)
        repeat = 2 * (np.diff(values, axis=0) == 0.0).sum(axis=0) >= len(values) - 1
    return np.where(repeat, np.nan, noise), repeat


def with_round_off(noise: Any, values: Array, eps: float = EPS) -> Array:
    """Noise, at least that of the rounding of such values."""
    return np.asarray(np.maximum(np.nan_to_num(noise), eps / 2.0 * np.abs(values)))


def first_distance(x: Array, noise: Array, values: Array) -> Array:
    """Where to look for a third derivative first: about a fourth of the step for an f that changes on max(1, |x|)."""
    with np.errstate(all="ignore"):
        relative = np.where(values == 0.0, LEAST, np.clip(noise / np.abs(values), EPS, LEAST)).max(axis=-1)
    d: Array = power_of_two_below(np.cbrt(relative) / WIDER * np.maximum(1.0, np.abs(x)))
    return d


class Third(NamedTuple):
    """What is known of the third derivative: at distances d (P,) the difference of two (P, M), and f's noise (P, M)."""

    d: Array
    difference: Array
    noise: Array

    @property
    def stands(self) -> Array:
        """Whether it stands out of the noise of any output."""
        return np.asarray((np.abs(self.difference) > STANDS * SPREAD * self.noise).any(axis=1))

    @property
    def size(self) -> Array:
        """The largest that it may be, where it does not stand out; else as it was found."""
        seen = np.abs(self.difference)
        known = np.where(seen > STANDS * SPREAD * self.noise, seen, STANDS * SPREAD * self.noise)
        return np.asarray(known / (APART * self.d**3)[:, None])

    def step(self) -> Array:
        """The step that suits the output that asks for the shortest, a power of two."""
        with np.errstate(all="ignore"):
            h = np.cbrt(3.0 * self.noise / self.size)
            h = np.where(h > 0.0, h, np.inf).min(axis=1)
        nearest: Array = power_of_two_below(np.sqrt(2.0) * np.where(np.isfinite(h), h, self.d))
        return nearest

    def error(self, h: Array) -> Array:
        """What is to be expected of a central difference with this step."""
        with np.errstate(all="ignore"):
            truncation = np.where(self.size > 0.0, h[:, None] ** 2 * self.size / 6.0, 0.0)
            return np.asarray(self.noise / h[:, None] + truncation)
