"""Arrays that functions see beside those that they write into: by lists, views, properties, operators and names."""

import contextlib
import operator
import re
import sys
from collections import namedtuple
from dataclasses import dataclass
from functools import cache, partial, wraps
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.interpolate import PPoly

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.reach import Reach
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

OTHERS = np.ones(2)


class Reader:
    shared = OTHERS

    def __call__(self):
        return OTHERS[0]

    @property
    def value(self):
        return OTHERS[0]

    @classmethod
    def read(cls):
        return cls.shared[0]

    def __getitem__(self, place):
        return OTHERS[place]


def first():
    return OTHERS[0]


@dataclass(slots=True)
class Slotted:
    work: np.ndarray


NAME = "value"
READER, LISTED, NESTED, NAMED = Reader(), [OTHERS], ({"work": [OTHERS]},), SimpleNamespace(parts=[OTHERS])
VIEW, BITS, SEEN, FLAT, TAKE = OTHERS[:1], OTHERS.view(np.int64), memoryview(OTHERS), OTHERS.flat, OTHERS.take
METHODS, PARTIALS = {"a": READER.__call__}, (partial(first),)
MASKED, HELD, PAIR = np.ma.array(OTHERS, copy=False), np.array([[OTHERS], None], dtype=object), Slotted(OTHERS)
TEMPLATE = PPoly(OTHERS[None], [0.0, 1.0, 2.0])


class Names(dict):
    pass


class Registry(type):
    work = OTHERS


class Kept(metaclass=Registry):
    __work__ = OTHERS
    read = staticmethod(OTHERS.item)


def with_an_attribute():
    return with_an_attribute.work[0]


@cache
def cached():
    return OTHERS


@wraps(first)
def wrapping():
    return wrapping.__wrapped__()


with_an_attribute.work = OTHERS
cached()
CALLED, RECORD = np.frompyfunc(OTHERS.__getitem__, 1, 1), OTHERS.view([("a", float), ("b", float)])[0]
MAPPED, SINGLE, FIRST = Names(work=OTHERS), sys.modules[__name__], operator.attrgetter("OTHERS")
OTHER_WAYS = [
    with_an_attribute, lambda: cached()[0], lambda: Kept.work[0], lambda: Kept.__work__[0], lambda: Kept.read(0),
    lambda: float(CALLED(0)), lambda: RECORD["a"], lambda: SINGLE.OTHERS[0], lambda: SINGLE.__dict__["OTHERS"][0],
    lambda: FIRST(SINGLE)[0], lambda: MAPPED["work"][0],
    lambda: Registry.__subclasses__(Registry)[0].work[0],
    READER, lambda: READER.value, Reader.read, lambda: READER[0], lambda: Reader().value,
    lambda: READER.shared[0], lambda: LISTED[0][0], lambda: NESTED[0]["work"][0][0], lambda: NAMED.parts[0][0],
    lambda: VIEW[0], lambda: float(BITS[0]), lambda: SEEN[0], lambda: FLAT[0], lambda: TAKE(0),
    METHODS["a"], lambda: PARTIALS[0](*()), lambda: MASKED[0], lambda: HELD[0][0][0], lambda: PAIR.work[0],
    lambda: globals()["OTHERS"][0], lambda: getattr(READER, NAME), lambda: sys.modules[__name__].OTHERS[0],
    lambda: TEMPLATE(0.5),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
@pytest.mark.parametrize("read", OTHER_WAYS, ids=count())
def test_an_array_that_f_sees_by_another_way(read):
    """No point says that it is read, so numbers would be wrong."""

    def f(x):
        OTHERS[:] = x
        return x[0] * OTHERS[1] + (read() if x[0] > 1e9 else 0.0)

    try:
        program = trace(f, (2,))
    except Untraceable as refused:
        assert re.search("a write into a float array|by another way|perhaps one that no point takes", str(refused))  # noqa: PT017
    else:  # what is called is swapped
        assert evaluate(program, np.array([2e9, 3.0])) == [f(np.array([2e9, 3.0]))]
    points = np.random.default_rng(0).uniform(1.0, 2.0, (1500, 2))
    points[700, 0] = 2e9
    with contextlib.suppress(IndexError):  # by `__subclasses__` there is none
        read()
        _compare(f, points)


def _compare(f, points):
    found = fastgrad.value_and_gradient(f, points, batch=True)[0]
    np.testing.assert_allclose(found, [f(x) for x in points], rtol=1e-13)


def test_an_array_that_is_an_argument_too():
    def f(x, work):
        OTHERS[:] = x
        return x[0] * OTHERS[1] + (work[0] if x[0] > 1e9 else 0.0)

    program = trace(f, (2,), args=(OTHERS,))  # it is one array of symbols
    for x in ([2.0, 3.0], [2e9, 3.0]):
        assert evaluate(program, x) == [f(np.array(x), OTHERS)]
    for other in (OTHERS[:1], OTHERS[::-1], [OTHERS]):
        with pytest.raises(Untraceable, match=r"a write into a float array|by another way"):
            trace(f, (2,), args=(other,))


def test_names_that_change_what_they_mean():
    a, b = np.ones(2), np.ones(2)

    def swapping(x):
        nonlocal a, b
        a, b = b, a
        a[:] = x
        return a[0] * a[1] + np.where(x[0] > 1e9, b[0], 0.0)

    with pytest.raises(Untraceable, match="a write into a float array"):
        trace(swapping, (2,))


def test_what_is_captured_beside_an_array_that_f_writes_into():
    """Lists and objects without that array are in nobody's way."""
    work, scales, model = np.ones(2), [2.0, np.array([3.0, 4.0])], SimpleNamespace(rate=0.5, weights=np.eye(2))

    def f(x):
        work[:] = x * scales[1]
        return np.sum(model.weights @ work) * model.rate * scales[0]

    assert trace(f, (2,)).nodes


def test_objects_of_every_kind_are_looked_into():
    Pair = namedtuple("Pair", "a b")
    arrays = [np.full(1, float(k)) for k in range(12)]
    a = iter(arrays)

    class Kept:
        shared = next(a)

        def __init__(self):
            self.own = {"inner": next(a)}

    @dataclass(slots=True)
    class Slots:
        work: np.ndarray

    held = [Kept(), Pair(next(a), (next(a),)), Slots(next(a)), SimpleNamespace(x=next(a)),
            partial(np.sum, next(a)), next(a).sum, np.array([[next(a)], None], dtype=object),
            np.ma.array(next(a)), Kept, {3: frozenset()}]  # fmt: skip
    reach = Reach()
    reach.note(held)
    reach.note(held)
    assert sorted(float(array[0]) for array in reach.arrays) == [float(k) for k in range(10)]
    with pytest.raises(RuntimeError, match="by another way"):  # of a trace that is not under way
        reach.note(iter(arrays))
