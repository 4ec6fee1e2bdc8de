"""From a call to its result: where the numbers go, and in which form."""

import functools

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError
from fastgrad.engine.arguments import Options
from fastgrad.engine.call import Call, Rows
from fastgrad.formulas import reference, stencils
from fastgrad.formulas.steps import Steps, default_factor
from fastgrad.operations.solve import check_combination, differentiate, none_ran

STEPS = Steps("default", np.asarray(default_factor(1, 2)))
X = np.random.default_rng(0).uniform(0.5, 1.5, (4, 3))


def how(engine="python", out=None, full_output=False):
    return Options(engine, None, out, False, full_output)


def call(f, table, x=X, **options):
    return Call(f, Rows(np.asarray(x, float), x.shape[1:]), table, STEPS, **options)


@pytest.mark.parametrize("engine", ["python", "reference"])
def test_the_caller_s_memory_is_filled_however_it_lies(engine):
    f, expected = (
        lambda x: np.sum(x**2) * x[0],
        np.array([reference.gradient(lambda x: np.sum(x**2) * x[0], x) for x in X]),
    )
    for out in (np.empty((4, 3)), np.empty((3, 4)).T, np.empty((8, 6))[::2, ::2], np.empty((4, 3))[::-1]):
        assert differentiate(call(f, stencils.gradient(3)), X, how(engine, out), tail=(4, 3)) is out
        assert (out == expected).all()


def test_single_precision_is_rounded_once():
    f = lambda x: np.sum(x**3)
    found = differentiate(call(f, stencils.gradient(3)), X.astype(np.float32), how(), tail=(4, 3))
    assert found.dtype == np.float32
    assert (found == np.array([reference.gradient(f, x) for x in X]).astype(np.float32)).all()


def test_no_direction_is_zero_whatever_f_gives():
    v, t = np.array([[1.0, 0, 0], [0, 0, 0], [0, 1.0, 0], [0, 0, 0]]), np.full(4, 2.0**-17)
    found = differentiate(call(lambda x: np.nan * x[0], stencils.jvp(3), v=v, t=t), X, how(), tail=(4,))
    assert np.isnan(found[[0, 2]]).all()
    assert found[[1, 3]].tolist() == [0.0, 0.0]


def test_nothing_to_do_has_a_result():
    empty = np.empty((0, 3))
    full = differentiate(call(np.sum, stencils.gradient(3), empty), empty, how("auto", full_output=True))
    assert (full.value.shape, full.nfev, full.engine) == ((0, 3), 0, "python")
    assert none_ran("simd") == "simd"
    values = np.empty(2)
    differentiate(call(lambda x: 5.0, stencils.gradient(0), np.empty((2, 0))), np.empty((2, 0)), how(), values)
    assert values.tolist() == [5.0, 5.0]


def test_what_does_not_go_together():
    bounds = (X - 1.0, X + 1.0)
    with pytest.raises(ValueError, match="imaginary axis"):
        check_combination(call(np.sum, stencils.gradient(3, 2, "complex"), bounds=bounds), "python")
    refined = call(np.sum, stencils.gradient(3), adaptive=True, bounds=bounds)
    check_combination(refined, "python")
    with pytest.raises(EngineError, match="without bounds"):
        check_combination(refined, "reference")


class Reading:
    def __init__(self, array):
        self.array = array

    def __call__(self, x):
        return np.sum(x**2 * self.array)


@pytest.mark.parametrize("engine", ["auto", "python", "reference", "simd"])
def test_out_is_no_array_that_f_reads(engine):
    w, v = np.ones((4, 3)), np.arange(3.0)
    readers = [
        lambda x: np.sum(x**2 * w[0]),
        lambda x, w=w: np.sum(x * w[1]),
        functools.partial(lambda a, x: np.sum(x * a[0]), w[:1]),
        Reading(w[2]),
    ]
    for f in readers:
        with pytest.raises(ValueError, match="out shares memory with an array that f reads"):
            fastgrad.gradient(f, X, batch=True, out=w, engine=engine)
    assert (w == 1.0).all()
    with pytest.raises(ValueError, match="f reads"):
        fastgrad.gradient(Reading(v), X[0], out=v[::-1], engine=engine)
    assert fastgrad.gradient(readers[0], X, batch=True, out=np.empty((4, 3)), engine=engine).shape == (4, 3)
