"""Functions that write into what they reach: what they count is no constant, and sides not taken change nothing."""

import functools
import itertools
import time

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError
from fastgrad.program.trace.recording import Untraceable, trace

B = np.array([1.0, 2.0, 3.0])
HELD = {"w": B}
NUMBERS = [1.0, 2.0]
CALLS = {"n": 0}
TIMES = 0
X = np.array([[-0.5, 2.0, 1.0], [-1.5, 0.5, 3.0]])  # no point takes the side that writes


class Model:
    def __init__(self):
        self.w, self.seen = np.ones(2), []

    def step(self):
        self.w += 1.0
        return self.w[0]


MODEL = Model()


def renamed(x):
    if x[0] > 0:
        t = np.asarray(B)
        t += 1
        return x[0]
    return x[1] * B[0]


def renamed_before(x):
    t = x * 2.0
    if x[0] > 0:
        t = np.asarray(B)
        t += 1
    return t[1] * B[0]


def with_out(x):
    if x[0] > 0:
        np.multiply(B, 2.0, out=B)
    return x[1] * B[0]


def in_place(x):
    if x[0] > 0:
        np.fill_diagonal(B.reshape(1, 3), 5.0)
        return x[0]
    return x[1] * B[0]


def view_of_a_dict(x):
    t = HELD["w"]
    if x[0] > 0:
        t *= 3.0
    return x[1] * B[0]


def longer(x):
    t = NUMBERS
    if x[0] > 0:
        t += [1.0]
    return x[1] * len(NUMBERS)


def by_method(x):
    if x[0] > 0:
        MODEL.seen.append(1)
        return x[0] * MODEL.step()
    return x[1] * MODEL.w[0]


def counting(x):
    if x[0] > 0:
        CALLS["n"] += 1
        return x[0]
    return x[1]


def default_list(x, seen=[]):  # noqa: B006
    if x[0] > 0:
        seen.append(1)
        return x[0]
    return x[1] * (1.0 + len(seen))


def default_array(x, *, w=np.array([1.0, 2.0])):  # noqa: B008
    if x[0] > 0:
        w += 1.0
    return x[1] * w[0]


def helped(x):
    return added(x[0]) + x[1]


def added(t):
    if t > 0:
        w = np.asarray(B)
        w += 1.0
        return t * w[0]
    return t * B[0]


def of_a_global(x):
    global TIMES  # noqa: PLW0603
    if x[0] > 0:
        TIMES += 1
        return x[0]
    return x[1]


WRITING = [
    renamed, renamed_before, with_out, in_place, view_of_a_dict, longer, by_method, counting, default_list,
    default_array, helped, of_a_global,
]  # fmt: skip


def state():
    held = (default_list.__defaults__, default_array.__kwdefaults__)
    return repr((B, NUMBERS, CALLS, TIMES, MODEL.w, MODEL.seen, held))


@pytest.mark.parametrize("f", WRITING)
@pytest.mark.parametrize("how", [{"engine": "simd"}, {"method": "exact"}], ids=str)
def test_what_f_would_not_have_written_is_as_before(f, how):
    before = state()
    expected = fastgrad.gradient(f, X, batch=True, engine="python")
    try:
        found = fastgrad.gradient(f, X, batch=True, **how)
    except EngineError as refused:
        assert "keeps" in str(refused)  # noqa: PT017
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-8)
    assert state() == before


def test_what_counts_calls_is_traced():
    assert trace(counting, (3,)).branches
    assert trace(default_list, (3,)).branches


def test_what_reads_what_it_wrote_keeps_state():
    def adds(x, total=[0.0]):  # noqa: B006
        total[0] += 1.0
        return x[0] + total[0] if x[0] > 0 else x[1]

    with pytest.raises(Untraceable, match="keep"):
        trace(adds, (3,))
    assert adds.__defaults__ == ([0.0],)


def _counted(next_number):
    return lambda x: np.sum(x) * next_number()


def _by_list():
    c = [0]

    def number():
        c[0] += 1
        return c[0]

    return number


def _by_attribute():
    def number():
        number.n = getattr(number, "n", 0) + 1
        return float(number.n)

    return number


def _by_array():
    a = np.zeros(2)

    def number():
        a[1] += 1.0
        return float(a[1])

    return number


def _by_iterator():
    count = itertools.count()
    return lambda: next(count)


@pytest.mark.parametrize("make", [_by_list, _by_attribute, _by_array, _by_iterator])
def test_what_counts_its_calls_has_no_program(make):
    with pytest.raises(Untraceable, match="traced again"):
        trace(_counted(make()), (2,))


class Ticking:
    def __init__(self):
        self.n = 0

    def __getitem__(self, key):
        self.n += 1
        return self.n

    def __float__(self):
        return self[0] / 2

    def __len__(self):
        return self[0]


TICKING, ENDING, TICKS = Ticking(), iter([1.0, 2.0]), {"next": itertools.count().__next__}
UNKNOWN = {
    "a method of a list": [5.0, 4.0, 3.0, 2.0, 1.0].pop,
    "of an iterator": itertools.count().__next__,
    "a clock": time.perf_counter,
    "a partial": functools.partial(next, itertools.count()),
    "an iterator that ends": lambda: sum(ENDING),
    "by key": lambda: 2.0 * TICKS["next"](),
    "by item": lambda: TICKING[0],
    "as a number": lambda: float(TICKING),
    "by length": lambda: len(TICKING),
}


@pytest.mark.parametrize("number", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_unknown_is_traced_again(number):
    with pytest.raises(EngineError, match="traced again"):
        fastgrad.gradient(_counted(number), np.ones((50, 2)), batch=True, engine="simd")


def test_what_only_notes_its_calls_has_one():
    noted, calls = [], itertools.count()

    def f(x):
        noted.append(next(calls))
        return np.sum(x * x)

    assert len(trace(f, (2,)).nodes) == 3
    assert noted == [0]  # what the second trace left is taken back
    trace(f, (2,))
    assert noted == [0, 2]  # and code that was traced twice is known
