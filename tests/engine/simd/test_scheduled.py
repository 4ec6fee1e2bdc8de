"""Exact derivatives at a few points by NumPy."""

import math

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError, gradient, hvp, jacobian
from fastgrad.engine.call import Call, Rows
from fastgrad.engine.simd import scheduled
from fastgrad.formulas import stencils
from fastgrad.formulas.steps import Steps
from fastgrad.program.trace.recording import trace


def call_of(f, points, table, **more):
    points = np.asarray(points, float)
    return Call(f, Rows(points, points.shape[1:]), table, Steps("default", np.asarray(1.0)), (), **more)


def f(x):
    return np.sin(x[0]) * x[1] ** 2


def test_programs_of_one_structure_share_a_schedule():
    table = stencils.gradient(2, method="exact")
    programs = [trace(lambda x, w=w: w * f(x), (2,)) for w in (2.0, 3.0)]
    made = [scheduled.scheduled(program, table) for program in programs]
    assert made[0] is made[1]
    columns = np.array([[0.5], [2.0]])
    found = [scheduled.derivatives(program, table)(columns) for program in programs]
    assert np.allclose(3.0 * found[0], 2.0 * found[1], rtol=1e-15)


def test_zeros_that_are_not_computed_are_there():
    program, table = trace(lambda x: np.sin(x) * 2.0, (60,)), stencils.jacobian(60, method="exact")
    x = np.linspace(0.0, 1.0, 60)
    found = scheduled.derivatives(program, table)(x[:, None])[:, 0].reshape(60, 60)
    assert np.allclose(found, np.diag(2.0 * np.cos(x)), rtol=1e-15)


def test_what_lies_beside_the_points():
    table = stencils.jvp(2, method="exact")
    v, w = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 6.0])
    call = call_of(lambda x, w: f(x) * w, [[0.5, 1.5], [2.5, 3.5]], table, v=v, t=np.ones(2), batch=(w,))
    columns = [[0.5, 2.5], [1.5, 3.5], [5.0, 6.0], [1.0, 3.0], [2.0, 4.0], [1.0, 1.0]]
    assert scheduled.beside(call).tolist() == columns
    assert scheduled.beside(call, np.array([1])).tolist() == [column[1:] for column in columns]


def test_one_point_takes_no_kernel_and_rows_have_the_bits_of_all():
    points = np.random.default_rng(2).normal(size=(600, 3))
    f = lambda x: np.sin(x[0]) * x[1] + np.exp(x[2]) * x[0] ** 2
    assert "by NumPy" in str(fastgrad.explain(f, points[0], method="exact"))
    assert "by NumPy" not in str(fastgrad.explain(f, points[:1], method="exact", batch=True))
    for operation in (fastgrad.gradient, fastgrad.hessian):
        every = operation(f, points, batch=True, method="exact")
        for count in (1, 7, 17):
            assert (operation(f, points[:count], batch=True, method="exact") == every[:count]).all()
        for options in ({"engine": "simd"}, {"engine": "simd", "workers": 1}):
            assert all((operation(f, points[n], method="exact", **options) == every[n]).all() for n in range(9))
    every = fastgrad.gradient(f, points, batch=True, method="exact")
    for options in ({}, {"workers": 1}, {"workers": 2}, {"engine": "simd"}):
        g = fastgrad.grad(f, method="exact", **options)
        assert all((g(points[n]) == every[n]).all() for n in range(9))


def test_description():
    call = call_of(f, [[0.5, 2.0]], stencils.gradient(2, method="exact"))
    code = scheduled.checked_code(call, trace(f, (2,)))
    assert code.description == "f of 3 operations, with its derivatives 7, by NumPy"


def test_points_that_raise_are_asked():
    def logarithm(x):
        return math.log(x[0])

    call = call_of(logarithm, [[1.0], [-1.0]], stencils.gradient(1, method="exact"))
    program, out = trace(logarithm, (1,)), np.full((2, 1), np.nan)
    scheduled.recompute(program, call, out, None, np.array([0]))
    assert out[0] == 1.0
    with pytest.raises(ValueError, match=r"math domain error|expected a positive input"):
        scheduled.recompute(program, call, out, None, np.array([0, 1]))


def test_points_are_computed_again():
    program, table = trace(f, (2,)), stencils.gradient(2, method="exact")
    call, out = call_of(f, [[0.5, 2.0], [1.0, 3.0]], table), np.full((2, 2), np.nan)
    scheduled.recompute(program, call, out, None, np.array([1]))
    assert np.isnan(out[0]).all()
    assert np.allclose(out[1], [9.0 * np.cos(1.0), 6.0 * np.sin(1.0)], rtol=1e-15)


# --- trust, but verify ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 40])
def test_f_that_keeps_state_is_refused(count):
    calls = []

    def counted(x):
        calls.append(None)
        return np.sum(x**2) * (1.0 if len(calls) < 2 else len(calls))

    with pytest.raises(EngineError, match="method='exact' needs a trace of f"):
        gradient(counted, np.ones((count, 2)), batch=True, method="exact")


@pytest.mark.parametrize("count", [1, 40])
def test_kinks_and_steep_places_are_no_reason_to_refuse(count):
    for g, x in (
        (lambda x: np.sum(np.abs(x)), [0.0, 0.0]),
        (lambda x: np.sum(np.maximum(x, 0.0) ** 2), [0.0, 1e-9]),
        (lambda x: np.sum(np.sin(1e5 * x)), [0.1, 0.2]),
        (lambda x: np.sum(1.0 / x), [1e-8, 1.0]),
        (lambda x: np.sum(np.exp(x)), [700.0, -700.0]),
        (lambda x: np.sum(np.sqrt(x)), [0.0, 1.0]),
        (lambda x: np.sum(np.floor(1e3 * x) + x), [0.1, 0.2]),
        (lambda x: np.sum(x**2) * 1e-300, [1.0, 2.0]),
        (lambda x: np.sum(x**2) + 1e18, [1.0, 2.0]),
        (lambda x: np.log(np.sum(x)), [1e-300, 0.0]),
    ):
        assert gradient(g, np.array([x] * count), batch=True, method="exact").shape == (count, 2)


@pytest.mark.parametrize("d", [2, 300])
def test_one_direction_suffices_for_every_operation(d):
    x, v = np.linspace(0.5, 1.0, d), np.linspace(1.0, -1.0, d)
    g = lambda x: np.sum(x[1:] * x[:-1] ** 2)
    product = 2.0 * np.append(x[1:], 0.0) * v
    product[:-1] += 2.0 * x[:-1] * v[1:]
    product[1:] += 2.0 * x[:-1] * v[:-1]
    assert np.allclose(hvp(g, x, v, method="exact"), product, rtol=1e-13)
    assert np.allclose(jacobian(lambda x: x * x[::-1], x, method="exact") @ v, v * x[::-1] + x * v[::-1], atol=1e-13)


MIRRORED = {
    "norm": (lambda x: np.sqrt(np.sum(x**2)) + np.sum((x - 1) ** 2), 0.0, -2.0),
    "linalg": (lambda x: np.linalg.norm(x) + np.sum(x), 0.0, 1.0),
    "std": (lambda x: np.std(x) + 3 * np.sum(x), 2.0, 3.0),
    "distance": (lambda x: np.sqrt(np.sum((x[1:] - x[:-1]) ** 2)) + np.sum(x**2), 0.5, 1.0),
}


@pytest.mark.parametrize("d", [3, 60, 130])
@pytest.mark.parametrize("name", MIRRORED)
def test_both_sides_of_a_norm_mirror_each_other_however_many_coordinates(name, d):
    f, place, slope = MIRRORED[name]
    x = np.full(d, place)
    np.testing.assert_allclose(gradient(f, x, method="exact", engine="simd"), slope, rtol=1e-12)
    points = np.random.default_rng(0).normal(size=(30, d))
    points[[4, 21]] = x
    found = gradient(f, points, batch=True, method="exact")
    np.testing.assert_allclose(found[[4, 21]], slope, rtol=1e-12)
    assert np.isfinite(found).all()
    outputs = jacobian(lambda x: np.stack([f(x), np.sum(x)]), x, method="exact")
    np.testing.assert_allclose(outputs, [np.full(d, slope), np.ones(d)], rtol=1e-12)


@pytest.mark.parametrize("d", [4, 130])
def test_a_cubic_root_of_a_cube_does_not(d):
    assert np.isnan(gradient(lambda x: np.cbrt(np.sum(x**3)), np.zeros(d), method="exact", engine="simd")).all()


def test_long_derivatives_are_never_compiled():
    """A median of 80 numbers has 23,000 nodes with its derivatives: LLVM takes seconds."""
    data = np.random.default_rng(0).normal(size=80)
    f = lambda x: np.median(np.abs(data - x[0]) ** 1.5 - np.hypot(x[0] * data, x[1]))
    points = np.random.default_rng(1).uniform(0.2, 1.0, (40, 2))
    for count in (1, 40):
        assert "by NumPy" in str(fastgrad.explain(f, points[:count], batch=True, method="exact"))
    found = fastgrad.gradient(f, points, batch=True, method="exact")
    assert (found[:3] == fastgrad.gradient(f, points[:3], batch=True, method="exact")).all()
    np.testing.assert_allclose(found, fastgrad.gradient(f, points, batch=True, engine="python"), atol=1e-8)
