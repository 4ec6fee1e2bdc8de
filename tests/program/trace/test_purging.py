"""Caches and long containers that f reaches: nothing of a trace stays in them, and f works as before."""

import bisect
import contextlib
import functools
import heapq
import itertools
import types

import numpy as np
import pytest

import fastgrad
from fastgrad.program.trace.purging import purge
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.symbols import Trace

POINTS = np.random.default_rng(0).uniform(0.0, 4.0, (1500, 2))


@functools.cache
def table(hot):
    return 2.0 if hot else 3.0


@functools.lru_cache(maxsize=4)
def of_a_tuple(k):
    return float(k[0]) ** 2 + k[1]


@functools.lru_cache
def squared(v):
    return v * v


class Model:
    last = None

    @functools.lru_cache  # noqa: B019
    def of_an_integer(self, n):
        return float(n) ** 2

    @functools.cache  # noqa: B019
    def of_a_flag(self, hot):
        return 2.0 if hot else 3.0


MODEL, LONG_MEMO, LONG_SET, MEMO = Model(), {("old", k): 0.0 for k in range(1001)}, set(range(2000)), {}


def of_a_long_memo(x):
    n = int(x[0])
    if n not in LONG_MEMO:
        LONG_MEMO[n] = float(n) ** 2
    return LONG_MEMO[n] * x[1]


def of_a_long_set(x):
    LONG_SET.add(int(x[0]))
    return x[0] * x[1]


def by_a_method(x):
    MEMO.__setitem__(x[0] > 1.0, 2.0)
    return x[0] * x[1]


FUNCTIONS = {
    "a flag": lambda x: table(x[0] > 1.0) * x[1],
    "any": lambda x: table(np.any(x > 2.0)) * x[1],
    "both": lambda x: table((x[0] > 1.0) & (x[1] > 1.0)) * x[1],
    "a tuple": lambda x: of_a_tuple((int(x[0]), 2)) * x[1],
    "a value": lambda x: squared(x[0]) * x[1],
    "a known number": lambda x: squared(3.0) * x[1],
    "a method": lambda x: MODEL.of_an_integer(int(x[0])) * x[1],
    "a method of a flag": lambda x: MODEL.of_a_flag(x[0] > 1.0) * x[1],
    "a long memo": of_a_long_memo,
    "a long set": of_a_long_set,
    "a method that writes": by_a_method,
}


def held():
    return [*LONG_MEMO, *LONG_MEMO.values(), *LONG_SET, *MEMO]


@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_nothing_stays_and_f_works_as_before(f):
    wanted = fastgrad.gradient(f, POINTS, batch=True, engine="python")
    for _ in range(2):
        np.testing.assert_allclose(fastgrad.gradient(f, POINTS, batch=True), wanted, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(fastgrad.grad(f)(POINTS[0]), wanted[0], rtol=1e-8, atol=1e-8)
        try:
            found = fastgrad.gradient(f, POINTS[:3], batch=True, method="exact")
            np.testing.assert_allclose(found, wanted[:3], rtol=1e-8, atol=1e-8)
        except fastgrad.EngineError as refused:
            assert "keeps" in str(refused)  # noqa: PT017
        assert isinstance(f(POINTS[0]), float)
        assert all(isinstance(each, (int, float, tuple, np.bool_)) for each in held())


@pytest.mark.parametrize("name", ["a flag", "a tuple", "a value", "a method of a flag"])
def test_functions_with_a_cache_trace(name):
    assert trace(FUNCTIONS[name], (2,)).nodes


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_leaves_nothing(stop):
    history, turns, model = [0.0], itertools.count(1), Model()

    def f(x):
        model.last = x
        history[0] = x[0]
        squared(x[1])
        if next(turns) == 1:
            raise stop
        return np.sum(x**2)

    with pytest.raises(stop):
        fastgrad.gradient(f, POINTS, batch=True)
    assert model.last is None
    assert history == [0.0]
    assert f(POINTS[0]) == pytest.approx(np.sum(POINTS[0] ** 2))


def test_what_is_a_traces_goes():
    memo = {"a": 1.0}

    def g(x):
        return memo["a"] * x[0]

    purge(g, ())
    assert memo == {"a": 1.0}
    with Trace(9) as recording:
        memo["b"] = [recording.node("sin", ("x", 0))]
    purge(g, ())
    assert memo == {"a": 1.0}


HEAP, HISTORY, BEST, LOG = [], [], [], types.SimpleNamespace(rows=[])
NOTE = HISTORY.append


def pushes(x):
    heapq.heappush(HEAP, x[0])
    return x[0] * x[1]


def by_a_bound_method(x):
    NOTE(x[0])
    return x[0] * x[1]


def in_order(x):
    bisect.insort(BEST, x[0])
    return x[0] * x[1]


def in_a_namespace(x):
    list(map(LOG.rows.append, x))
    return x[0] * x[1]


@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
@pytest.mark.parametrize("f", [pushes, by_a_bound_method, in_order, in_a_namespace])
def test_lists_that_others_write_into(f):
    for call in (
        lambda: fastgrad.gradient(f, POINTS[:300], batch=True),
        lambda: fastgrad.gradient(f, POINTS[0], method="exact"),
    ):
        with contextlib.suppress(fastgrad.EngineError):
            call()
        assert {type(v) for v in (*HEAP, *HISTORY, *BEST, *LOG.rows)} <= {np.float64}
        assert f(POINTS[0]) == POINTS[0, 0] * POINTS[0, 1]
