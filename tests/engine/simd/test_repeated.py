"""Kernels that are bound once for points that arrive again and again."""

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError
from fastgrad.engine.arguments import read_call
from fastgrad.engine.simd import comparison, looks, repeated
from fastgrad.formulas import stencils
from fastgrad.llvm import machine

ROWS = np.random.default_rng(1).uniform(-2.0, 2.0, (21, 3))


def f(x):
    return np.sin(x[0] * x[1]) + x[2] ** 2


def several(x):
    return np.array([x[0] * x[1], np.exp(x[2])])


def call_of(f, x, table_of=stencils.gradient, **options):
    what = {"args": (), "batch_args": (), "batch": x.ndim > 1, "method": "central", "order": 2}
    return read_call(f, x, table_of, **(what | {"h": None, "rel_step": None} | options))[1]


def repeat(f, x, table_of=stencils.gradient, tail=None, **options):
    call = call_of(f, x, table_of, **options)
    return repeated.repeat(call, x.shape[: x.ndim - 1], call.points.shape if tail is None else tail).run


@pytest.mark.parametrize(
    "options", [{}, {"order": 4}, {"h": 1e-4}, {"rel_step": 1e-5}, {"h": np.array([1e-4, 1e-5, 1e-6])}]
)
def test_other_points_give_the_bits_of_the_operation(options):
    run = repeat(f, ROWS[0], **options)
    for row in ROWS:
        assert run(row).tolist() == fastgrad.gradient(f, row, engine="simd", **options).tolist()


@pytest.mark.parametrize("count", [8, 9, 16, 21])
def test_many_points_give_the_bits_of_the_operation(count):
    run = repeat(f, ROWS[:count])
    for points in (ROWS[:count], ROWS[-count:], ROWS[count - 1 :: -1] if count == 21 else ROWS[:count] + 1.0):
        assert run(points).tolist() == fastgrad.gradient(f, points, batch=True, engine="simd").tolist()


def test_values_jacobians_and_hessians():
    run = repeat(f, ROWS[0], value=True)
    for row in ROWS:
        value, slope = run(row)
        assert type(value) is np.float64
        assert value == pytest.approx(f(row), rel=1e-15)
        assert slope.tolist() == fastgrad.gradient(f, row, engine="simd").tolist()
    run = repeat(several, ROWS[0], stencils.jacobian, vector=True)
    assert run(ROWS[5]).tolist() == fastgrad.jacobian(several, ROWS[5], engine="simd").tolist()
    run = repeat(f, ROWS[0], stencils.hessian, (3, 3))
    assert run(ROWS[5]).tolist() == fastgrad.hessian(f, ROWS[5], engine="simd").tolist()


def test_exact_derivatives_are_compiled():
    run = repeat(f, ROWS[0], method="exact")
    for row in ROWS:
        np.testing.assert_allclose(run(row), fastgrad.gradient(f, row, method="exact"), rtol=1e-15)


def test_results_are_new_arrays_and_x_is_not_kept():
    run, x = repeat(f, ROWS[0]), ROWS[0].copy()
    first = run(x)
    kept = first.tolist()
    x[:] = 0.0
    run(ROWS[1])
    assert first.tolist() == kept


@pytest.mark.parametrize("layout", ["every other", "backwards", "Fortran", "read-only"])
def test_points_may_lie_anyhow(layout):
    points = {
        "every other": np.repeat(ROWS, 2, axis=1)[:, ::2],
        "backwards": np.ascontiguousarray(ROWS[::-1])[::-1],
        "Fortran": np.asfortranarray(ROWS),
        "read-only": ROWS.copy(),
    }[layout]
    points.setflags(write=False)
    assert repeat(f, ROWS)(points).tolist() == fastgrad.gradient(f, ROWS, batch=True, engine="simd").tolist()


def test_points_where_f_itself_is_to_be_asked():
    run = repeat(lambda x: np.log(x[0]), np.ones(1))
    assert run(np.array([-1.0])) is None
    assert run(np.array([2.0])).tolist() == fastgrad.gradient(lambda x: np.log(x[0]), np.array([2.0]), engine="simd")
    assert repeat(f, ROWS[0], h=1e-9)(np.array([1.0, 1.0, 1e12])) is None  # the step vanishes


def test_threads_share_it(at_once):
    run, wrong = repeat(f, ROWS[0]), []
    wanted = [fastgrad.gradient(f, row, engine="simd").tolist() for row in ROWS]

    def work(start):
        for turn in range(300):
            n = (start + turn) % len(ROWS)
            if run(ROWS[n]).tolist() != wanted[n]:
                wrong.append(n)

    at_once(work, range(4))
    assert wrong == []


def test_what_is_not_worth_it(monkeypatch):
    if machine.lanes() > 2:
        with pytest.raises(EngineError, match="fewer than the processor has lanes"):
            repeat(f, ROWS[:2])
    monkeypatch.setattr(repeated, "LONGEST_EXACT", 3)
    wide = lambda x: np.sum(np.sin(np.arange(1.0, 21.0) * x[0]))  # of which NumPy computes all terms at once
    with pytest.raises(EngineError, match="too long to be worth compiling"):
        repeat(wide, ROWS[0], method="exact")


def test_one_thing_after_the_other_is_worth_it(monkeypatch):
    monkeypatch.setattr(repeated, "LONGEST_EXACT", 3)

    def in_turn(x):
        v = x[0]
        for k in range(20):
            v = np.sin(v + k * x[1]) + x[2]
        return v

    run = repeat(in_turn, ROWS[0], method="exact")
    for row in ROWS[:3]:
        np.testing.assert_allclose(run(row), fastgrad.gradient(in_turn, row, method="exact"), rtol=1e-14)


def test_most_results_that_are_zero_go_another_way():
    wide = np.linspace(0.1, 1.0, 60)
    with pytest.raises(EngineError, match="most of its results are 0"):
        repeat(lambda x: x**2, wide, stencils.jacobian, vector=True)


def branching(x):
    return x[0] ** 2 * x[1] if x[2] < 1.0 else x[1] ** 3


def test_sides_that_are_taken_later_are_compared_once(monkeypatch):
    """By NumPy first, and then by a kernel that tells them apart."""
    looked, done = [], []
    monkeypatch.setattr(looks, "compare_new_sides", lambda *_: looked.append(len(done)))
    run = repeat(branching, np.array([1.0, 2.0, 0.5]))
    for _ in range(40):
        done.append(run(np.array([1.0, 2.0, 3.0])))
    np.testing.assert_allclose(done, [[0.0, 12.0, 0.0]] * 40, rtol=1e-9)
    assert looked == list(range(looks.BY_NUMPY))
    run(np.array([1.0, 2.0, 0.5]))
    assert looked[looks.BY_NUMPY :] == [40]


def test_where_f_differs_on_a_later_side_it_is_asked_itself_each_time(monkeypatch):
    run = repeat(branching, np.array([1.0, 2.0, 0.5]))

    def differs(call, n, point, found):
        raise EngineError

    monkeypatch.setattr(comparison, "_check_elsewhere", differs)
    there, elsewhere = np.array([1.0, 2.0, 0.5]), np.array([1.0, 2.0, 3.0])
    assert [run(there) is None for _ in range(20)] == [False] * 20
    assert [run(elsewhere) is None for _ in range(20)] == [True] * 20
    assert run(there) is not None
