"""Work shared out to forked processes: every item once, results and the count of calls come back."""

import sys

import numpy as np
import pytest

from fastgrad.engine.call import Target
from fastgrad.engine.python import workers
from fastgrad.program.look import Look, WroteError

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked on Linux only")


def squares(seen):
    """Fills out with the squares of the points' numbers, values with the numbers."""

    def some(start, stop, out, values, tick):
        array = out.reserve(()) if isinstance(out, Target) else out
        for n in range(start, stop):
            seen.count += 1
            array[n] = n**2
            if values is not None:
                values[n] = n
            tick(n)

    return some


@pytest.mark.parametrize("count", [1, 2, 3, 50])
@pytest.mark.parametrize("many", [1, 2, 3])
def test_points(count, many):
    seen, out, values, told = Look(np.sum), np.empty(count), np.empty(count), []
    seen.count = 5
    workers.over_points(count, seen, many, squares(seen), out, values, lambda *done: told.append(done))
    assert out.tolist() == [n**2 for n in range(count)]
    assert values.tolist() == list(range(count))
    assert seen.count == 5 + count
    assert all(total == count for _, total in told)


def test_points_of_a_target_that_the_first_one_makes():
    seen, target = Look(np.sum), Target(lambda shape: np.empty(20))
    workers.over_points(20, seen, 2, squares(seen), target, None, None)
    assert target.array.tolist() == [n**2 for n in range(20)]


def test_directions_but_the_first():
    seen, values = Look(np.sum), np.zeros(12)
    values[:2] = -1.0

    def along(some, far):
        for r in some:
            seen.count += 2
            far[2 * r : 2 * r + 2] = r

    workers.over_directions(6, seen, 2, along, values, None)
    assert values.tolist() == [-1.0, -1.0, *np.repeat(np.arange(1.0, 6.0), 2)]
    assert seen.count == 10


def test_what_a_child_notices_arrives():
    def along(some, far):
        raise WroteError

    with pytest.raises(WroteError):
        workers.over_directions(6, Look(np.sum), 2, along, np.zeros(6), None)


def test_one_is_always_possible():
    assert workers.possible(1) == 1
    assert workers.possible(3) == 3
