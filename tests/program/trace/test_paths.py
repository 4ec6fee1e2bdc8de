"""Ways through a function: in which order, with which decisions, and how they come together."""

import collections
import functools
import heapq
import itertools
import logging

import numpy as np
import pytest

from fastgrad import gradient
from fastgrad.program.program import evaluate
from fastgrad.program.trace.paths import NOTHING, Paths, fold
from fastgrad.program.trace.recording import ManyWaysError, trace
from fastgrad.program.trace.refusals import Untraceable
from fastgrad.program.trace.sampling import PointSample
from fastgrad.program.trace.symbols import Symbol, Trace


def explored(run, sample=None):
    """The ways through a function of three symbols, as their decisions and results."""
    recording = Trace(1000)
    with recording:
        points = None if sample is None else PointSample(recording, np.asarray(sample), 3)
        paths = Paths(recording, set(), points, alone=False, swap=lambda f: f)
        return paths.explore(lambda: run([Symbol(recording, ("x", i)) for i in range(3)]))


def test_depth_first_true_before_false():
    def run(x):
        if x[0] > 1:
            return "a" if x[1] > 1 else "b"
        return "c"

    ways = explored(run)
    assert [way.result for way in ways] == ["a", "b", "c"]
    assert [[value for _, value in way.path] for way in ways] == [[True, True], [True, False], [False]]
    assert fold(ways, lambda mask, yes, no: (mask[1], yes, no)) == (0, (1, "a", "b"), "c")


def test_what_follows_is_not_decided():
    def run(x):
        return (x[0] > 1, x[0] > 1, x[0] > 1, not x[0] > 1) if x[0] > 1 and x[0] > x[1] and x[1] < x[0] else 0

    assert len(explored(run)) == 3
    both = explored(lambda x: 1 if (x[0] > 1) & (x[1] > 1) and x[1] > 1 and x[0] > 1 else 0)
    assert [way.result for way in both] == [1, 0]


def test_a_loop_that_asks_only_what_it_knows():
    """It does not end on a way on which what would end it is known to be false."""

    def run(x):
        turns = 0
        while turns % 3 > x[0]:
            turns += 3
        while not x[0] > 1:
            turns += 1
        return turns

    with pytest.raises(ManyWaysError, match="what it knows, on one way"):
        explored(run)


def test_ways_that_raise():
    def run(x):
        if x[0] > 1:
            raise ValueError
        if not x[1] > 0:
            raise AssertionError
        return 1.0 / 0.0 if x[2] > 0 else "fine"

    ways = explored(run)
    assert [way.raised for way in ways] == [True, True, False, True]
    assert [way.result is NOTHING for way in ways] == [True, True, False, True]
    with pytest.raises(ValueError, match="always"):
        explored(lambda x: (_ for _ in ()).throw(ValueError("always")))
    with pytest.raises(AttributeError):
        explored(lambda x: x[0].what if x[0] > 1 else 1)


def test_points_say_which_sides_are_taken():
    def run(x):
        turns = 0
        while x[0] > turns:
            turns += 1
        return turns

    ways = explored(run, [[2.5, 0, 0], [3.5, 0, 0]])
    assert [way.result for way in ways if not way.raised] == [4, 3]
    assert sum(way.raised for way in ways) == 4  # fewer turns than three, and more than four
    with pytest.raises(ManyWaysError, match="more than 200 decisions"):
        explored(run)


def test_a_value_in_the_text_of_an_error():
    def f(x):
        if x[0] > 1:
            msg = f"{x[0]:.3f} is above 1"
            raise ValueError(msg)
        return x[0]

    assert trace(f, (1,)).raises
    program = trace(lambda x: len(str(x[0])) if x[0] > 1 else x[0], (1,))
    assert evaluate(program, [0.5]) == [0.5]
    assert np.isnan(evaluate(program, [2.0]))  # f itself is asked there
    with pytest.raises(Untraceable, match="into text"):
        trace(lambda x: len(str(x[0])) * (2.0 if x[0] > 1 else x[0]), (1,))


LOGGER = logging.getLogger(__name__)


def telling(x):
    if x[0] > 2.0:
        print("large", x[0])  # noqa: T201
        LOGGER.warning("large: %s", x[0])
    elif x[0] > 1.5:
        print("rather large")  # noqa: T201
        LOGGER.warning("rather large")
    return x[0] ** 2 * x[1]


def test_nothing_is_told_of_ways_that_no_point_takes(capsys, caplog):
    points = np.random.default_rng(0).uniform(0.5, 1.4, (2_000, 2))
    for options in ({}, {"engine": "simd"}, {"method": "exact"}):
        assert gradient(telling, points, batch=True, full_output=True, **options).engine == "simd"
    assert not capsys.readouterr().out
    assert not caplog.records
    points[700, 0] = 2.5
    found = gradient(telling, points, batch=True, engine="simd")
    np.testing.assert_allclose(found[700], [5.0 * points[700, 1], 6.25], rtol=1e-8)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 4
    assert all(line.startswith("large 2.") for line in said)
    assert len(caplog.records) == 4


@functools.total_ordering
class Priced:
    def __init__(self, price):
        self.price = price

    def __eq__(self, other):
        return self.price == other.price

    def __hash__(self):
        return hash(self.price)

    def __lt__(self, other):
        return self.price < other.price


def in_groups(x):
    groups = collections.defaultdict(float)
    for v in x:
        groups[v > 1] += v
    return groups[True] * x[0]


def by_an_order_of_all(x):
    a, b = Priced(x[0]), Priced(x[1])
    return (max(a, b)).price * x[2]


OF_PYTHONS_MODULES = {
    "heapq": lambda x: heapq.nsmallest(2, x)[1] * x[0] + sum(heapq.nlargest(2, x)),
    "merge": lambda x: sum(v * k for k, v in enumerate(heapq.merge([x[0]], [x[1]]))),
    "Counter": lambda x: collections.Counter(v > 1 for v in x)[True] * x[0],
    "Counter of integers": lambda x: collections.Counter(int(2 * v) for v in x)[2] * x[0],
    "a set of integers": lambda x: len({int(v) for v in x}) * x[1],
    "total_ordering": by_an_order_of_all,
    "defaultdict": in_groups,
    "takewhile": lambda x: sum(v for v in itertools.takewhile(lambda v: v < 1.5, x)),
    "groupby": lambda x: sum(max(g) for _, g in itertools.groupby(x, key=lambda v: v > 1)),
}


@pytest.mark.parametrize("name", OF_PYTHONS_MODULES)
def test_pythons_own_modules_compare_as_f_would(name):
    f, points = OF_PYTHONS_MODULES[name], np.random.default_rng(0).uniform(0.5, 2.0, (60, 3))
    found = gradient(f, points, batch=True, engine="simd")
    np.testing.assert_allclose(found, gradient(f, points, batch=True, engine="python"), atol=1e-9)


def test_numpys_own_comparisons_of_objects_are_refused():
    for f in (
        lambda x: np.median(np.array([x[0], 2.0, 3.0])) if x[0] > 0 else 0.0,
        lambda x: np.maximum(np.array([x[0], 2.0]).view(np.ndarray), 0.0).sum() if x[0] > 0 else 0.0,
    ):
        try:
            program = trace(f, (1,))
        except Untraceable:
            continue
        for x in (1.0, 2.5, 7.0, -1.0):  # by rules of NumPy's functions
            assert evaluate(program, [x]) == [f(np.array([x]))]


def test_a_variable_that_one_side_sets():
    with pytest.raises(Untraceable, match="only one side"):
        explored(lambda x: NOTHING + x[0])


class Labelled:
    def __init__(self, value):
        self.value = value

    def __str__(self):
        return f"<{self.value}>"


@pytest.mark.parametrize("hold", [lambda v: {"a": v}, Labelled, lambda v: ([v], 1), lambda v: f"{v}"], ids=range(4))
def test_what_holds_x_is_told_where_points_take_that_way(hold, capsys):
    def f(x):
        if x[0] > 2.0:
            print(hold(x[0]))  # noqa: T201
        return x[0] ** 2 * x[1]

    points = np.random.default_rng(0).uniform(0.5, 1.4, (600, 2))
    points[[70, 300], 0] = 2.5
    gradient(f, points, batch=True, engine="simd")
    assert len(capsys.readouterr().out.splitlines()) == 8
