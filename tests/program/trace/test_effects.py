"""What f does on ways that no point takes is not done; where one takes them, it is done as in Python."""

import logging
import os
import sys
import time

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
