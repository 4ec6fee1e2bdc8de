"""What f does on ways that no point takes is not done; where one takes them, it is done as in Python."""

import functools
import heapq
import logging
import os
import sys
import time
from os import makedirs

import numpy as np
import pytest

import fastgrad
from fastgrad.program.trace import effects

POINTS = np.random.default_rng(0).uniform(0.3, 0.9, (3000, 3))
DONE = []


def ends_the_program(x):
    if np.any(x < 0.0):
        print("negative")  # noqa: T201
        sys.exit(1)
    return np.sum(np.sqrt(x))


def raises_the_end(x):
    if x[0] < 0.0:
        raise SystemExit(2)
    return np.sum(x**2)


def saves(x):
    if x[0] < 0.0:
        np.savetxt(PLACE, np.ones(2))
    return np.sum(x**2)


def opens(x):
    if x[0] < 0.0:
        with open(PLACE, "a") as file:
            file.write("x")
    return np.sum(x**2)


def runs(x):
    if x[0] < 0.0:
        os.system(f"touch {PLACE}")
    return np.sum(x**2)


def asks(x):
    return np.sum(x**2) * (float(input("a number: ")) if x[0] < 0.0 else 1.0)


def sleeps(x):
    if x[0] < 0.0:
        time.sleep(1000.0)
    return np.sum(x**2)


def tells(x):
    if x[0] < 0.0:
        sys.stderr.write("negative")
        logging.getLogger("f").error("negative")
    return np.sum(x**2)


def helper(x):
    if x[1] < 0.0:
        sys.exit("negative")
    return x[1]


def by_a_helper(x):
    return helper(x) ** 2 + np.sum(x)


LAST, PLACE = 0.0, "bad.txt"


def prints_and_stores(x):
    global LAST  # noqa: PLW0603
    if x[0] < 0.0:
        print("negative")  # noqa: T201
        LAST = 1.0
    return np.sum(x**2)


ACTING = [
    ends_the_program, raises_the_end, saves, opens, runs, asks, sleeps, tells, by_a_helper, prints_and_stores,
]  # fmt: skip


@pytest.mark.usefixtures("nothing_hangs")
@pytest.mark.parametrize("f", ACTING)
def test_nothing_is_done_where_no_point_goes(f, tmp_path, monkeypatch, capfd, caplog):
    monkeypatch.chdir(tmp_path)
    caplog.set_level("INFO")
    wanted = fastgrad.gradient(f, POINTS[:50], batch=True, engine="python")
    for _ in range(2):
        found = fastgrad.gradient(f, POINTS, batch=True)
        np.testing.assert_allclose(found[:50], wanted, rtol=1e-7)
        assert fastgrad.explain(f, POINTS, batch=True).engine == "simd"
        np.testing.assert_allclose(fastgrad.gradient(f, POINTS, batch=True, method="exact")[:50], wanted, rtol=1e-8)
        np.testing.assert_allclose(fastgrad.grad(f)(POINTS[0]), wanted[0], rtol=1e-8)
        np.testing.assert_allclose(fastgrad.grad(f, method="exact")(POINTS[0]), wanted[0], rtol=1e-8)
        assert np.isfinite(fastgrad.hessian(f, POINTS[0], method="exact")).all()
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
    assert LAST == 0.0


@pytest.mark.parametrize("f", [ends_the_program, raises_the_end, by_a_helper])
def test_where_a_point_goes_the_program_ends(f):
    points = POINTS.copy()
    points[1234] *= -1.0
    with pytest.raises(SystemExit):
        fastgrad.gradient(f, points, batch=True)


def test_where_a_point_goes_the_file_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    points = POINTS.copy()
    points[5] *= -1.0
    found = fastgrad.gradient(opens, points, batch=True)
    np.testing.assert_allclose(found, 2.0 * points, rtol=1e-7)
    assert (tmp_path / PLACE).exists()


def test_what_only_looks_does_not_act():
    def looks(x):
        return np.sum(x) if x[0] > sys.float_info.epsilon and os.environ.get("HOME") != "" else 0.0

    assert not effects.act([looks.__code__])
    assert effects.act([helper.__code__, opens.__code__])
    assert not effects.act([helper.__code__])  # a way that ends is one that raises


LARGE, SORTED, TURNS, OPENS = np.zeros(100_000), [3, 2, 1], iter([1, 2, 3]), open
HOOKS, PARTIAL = [os.mkdir], functools.partial(open, PLACE, "w")


def by_an_imported_name(x):
    if x[0] < 0.0:
        makedirs(PLACE)
    return x[0] * x[1]


def by_another_name(x):
    if x[0] < 0.0:
        OPENS(PLACE, "w")
    return x[0] * x[1]


def in_a_list(x):
    if x[0] < 0.0:
        HOOKS[0](PLACE)
    return x[0] * x[1]


def in_a_partial(x):
    if x[0] < 0.0:
        PARTIAL()
    return x[0] * x[1]


def into_a_large_array(x):
    if x[0] < 0.0:
        LARGE[:] = -1.0
    return x[0] * x[1]


def into_a_heap(x):
    if x[0] < 0.0:
        heapq.heappush(SORTED, 0)
    return x[0] * x[1]


def from_an_iterator(x):
    return x[0] * x[1] * (next(TURNS) if x[0] < 0.0 else 1.0)


INDIRECT = [
    by_an_imported_name, by_another_name, in_a_list, in_a_partial, into_a_large_array, into_a_heap, from_an_iterator,
]  # fmt: skip


@pytest.mark.parametrize("f", INDIRECT)
def test_nor_by_other_names_or_into_what_cannot_be_put_back(f, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wanted = POINTS[:, [1, 0, 0]] * [1.0, 1.0, 0.0]
    np.testing.assert_allclose(fastgrad.gradient(f, POINTS, batch=True), wanted, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(fastgrad.gradient(f, POINTS[0], method="exact"), wanted[0], rtol=1e-12)
    assert fastgrad.explain(f, POINTS, batch=True).engine == "simd"
    assert list(tmp_path.iterdir()) == []
    assert not LARGE.any()
    assert SORTED == [3, 2, 1]
    assert TURNS.__length_hint__() == 3


MODE = 0


def cost(v):
    return v * MODE if v > 0 else -v


def sets_what_another_reads(x):
    global MODE  # noqa: PLW0603
    MODE = 1 if x[1] > 0.89 else 0
    return cost(x[0]) + x[1]


@functools.singledispatch
def by_class(v):
    return 2.0 * v


@by_class.register(float)
def _of_floats(v):
    return 3.0 * v


@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
@pytest.mark.parametrize("f", [sets_what_another_reads, lambda x: by_class(x[0]) * np.exp(-4e3 * (x[1] - 0.6) ** 2)])
def test_what_copies_of_functions_would_not_see_is_refused(f):
    found = fastgrad.value_and_gradient(f, POINTS[:400], batch=True)[0]
    np.testing.assert_allclose(found, [f(x) for x in POINTS[:400]], rtol=1e-13)
    with pytest.raises(fastgrad.EngineError, match=r"another function reads|class of its argument"):
        fastgrad.gradient(f, POINTS, batch=True, engine="simd")


def fills_it(x):
    LARGE[:] = -1.0
    return x[0]


FILLING = {"fills": fills_it}


def by_what_a_dict_holds(x):
    return x[0] * x[1] if x[0] > 0.0 else FILLING["fills"](x)


def test_nor_into_large_arrays_by_what_has_no_name_in_f():
    found = fastgrad.gradient(by_what_a_dict_holds, POINTS, batch=True)
    np.testing.assert_allclose(found, POINTS[:, [1, 0, 0]] * [1.0, 1.0, 0.0], rtol=1e-8, atol=1e-9)
    assert not LARGE.any()
