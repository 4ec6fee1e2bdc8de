"""Results past the cache are those through it, bit for bit."""

import numpy as np
import pytest

import fastgrad
from fastgrad.engine.simd import arguments
from fastgrad.engine.simd.emission import is_light
from fastgrad.formulas import stencils
from fastgrad.llvm import machine
from fastgrad.program.differences import StepSource, differences
from fastgrad.program.trace.recording import trace

RNG = np.random.default_rng(5)
LANES = machine.lanes()


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2) + x[0] * x[-1]


def neighbours(x):
    return x * np.concatenate((x[1:], x[:1]))


def shifted(shape, by):
    """An array that begins some numbers after a multiple of 64 bytes, between numbers that are to stay."""
    size = int(np.prod(shape))
    memory = np.full(size + 32, -7.0)
    first = (-memory.ctypes.data // 8) % 8 + 8 + by
    return memory, slice(first, first + size)


@pytest.mark.parametrize("by", [0, 1, 5])
@pytest.mark.parametrize("count", [1, LANES - 1, LANES, LANES + 1, 50, 1003])
@pytest.mark.parametrize("dimension", [1, 2, 3, 10, 45])
@pytest.mark.parametrize("options", [{}, {"h": 1e-4}, {"method": "exact"}], ids=str)
def test_the_same_bits(monkeypatch, options, dimension, count, by):
    x = RNG.standard_normal((count, dimension))
    expected = fastgrad.gradient(rosenbrock, x, batch=True, **options)
    memory, place = shifted(x.shape, by)
    monkeypatch.setattr(arguments, "last_cache", lambda: 0)
    found = fastgrad.gradient(rosenbrock, x, batch=True, out=memory[place].reshape(x.shape), **options)
    np.testing.assert_array_equal(found, expected)
    memory[place] = -7.0
    assert (memory == -7.0).all()


@pytest.mark.parametrize("dimension", [2, 7, 30])
def test_more_results_than_coordinates(monkeypatch, dimension):
    x = RNG.standard_normal((101, dimension))
    expected = fastgrad.jacobian(neighbours, x, batch=True, workers=1)
    monkeypatch.setattr(arguments, "last_cache", lambda: 0)
    np.testing.assert_array_equal(fastgrad.jacobian(neighbours, x, batch=True), expected)


def test_what_is_not_finite_is_found(monkeypatch):
    x = RNG.standard_normal((1000, 3))
    x[[3, 500, 999], 1] = np.nan
    monkeypatch.setattr(arguments, "last_cache", lambda: 0)
    values, found = fastgrad.value_and_gradient(rosenbrock, x, batch=True)
    for array in (values, found.sum(axis=1)):
        assert np.flatnonzero(np.isnan(array)).tolist() == [3, 500, 999]


def test_which_kernels_wait_for_memory():
    light = lambda f, table: is_light(differences(trace(f, (10,)), table, StepSource("absolute")))
    assert light(rosenbrock, stencils.gradient(10))
    assert light(neighbours, stencils.jacobian(10))
    assert not light(lambda x: np.sum(np.sin(x)), stencils.gradient(10))
    assert not light(lambda x: np.sum(x[1:] / (1.0 + x[:-1] ** 2)), stencils.gradient(10))


def test_only_large_dense_arrays_in_rows(monkeypatch):
    form = arguments.KernelForm(LANES, "default", "uniform", "rows", "rows", False, 0, True)
    wide, x = np.zeros((100, 40)), np.zeros((100, 4))
    assert not arguments.is_streamed(form, wide, wide)
    assert not arguments.is_streamed(form, x, x)
    monkeypatch.setattr(arguments, "last_cache", lambda: 5 * wide.nbytes + 1)
    assert not arguments.is_streamed(form, wide, wide)
    monkeypatch.setattr(arguments, "last_cache", lambda: 5 * wide.nbytes)
    assert arguments.is_streamed(form, wide, wide)
    monkeypatch.setattr(arguments, "last_cache", lambda: int(1.6 * x.nbytes) + 1)
    assert not arguments.is_streamed(form, x, x)
    monkeypatch.setattr(arguments, "last_cache", lambda: int(1.6 * x.nbytes))
    assert arguments.is_streamed(form, x, x)
    assert not arguments.is_streamed(form, x, np.zeros((100, 5))[:, :4])
    assert not arguments.is_streamed(form._replace(source="any"), x, x)
    assert not arguments.is_streamed(form._replace(out="columns"), x, x)


def test_the_last_cache_has_a_size():
    assert arguments.last_cache() >= 1 << 20


@pytest.mark.parametrize("lanes", [2, 4, 8])
def test_any_number_of_lanes(monkeypatch, lanes):
    x = RNG.standard_normal((211, 11))
    expected = [fastgrad.gradient(rosenbrock, x, batch=True, **options) for options in ({}, {"method": "exact"})]
    monkeypatch.setattr(machine, "lanes", lambda: lanes)
    monkeypatch.setattr(arguments, "last_cache", lambda: 0)
    found = [fastgrad.gradient(rosenbrock, x, batch=True, **options) for options in ({}, {"method": "exact"})]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("lanes", [2, 4, 8])
@pytest.mark.parametrize("dimension", [1, 2, 3, 6, 13])
def test_points_in_rows_are_read_and_written_whole(monkeypatch, lanes, dimension):
    x = RNG.standard_normal((2 * lanes + 1, dimension))
    monkeypatch.setattr(machine, "lanes", lambda: lanes)
    for points in (x, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2]):
        found = fastgrad.gradient(lambda y: np.sum(1.5 * y * y), points, batch=True, method="exact", engine="simd")
        np.testing.assert_array_equal(found, 3.0 * x)
