"""Points of a lower precision in blocks: the bits of all at once, and memory for some blocks only."""

import tracemalloc
import warnings

import numpy as np
import pytest

import fastgrad
from fastgrad.operations import blocks

N = 3_001
RNG = np.random.default_rng(5)
X = RNG.uniform(0.5, 2.0, (N, 2)).astype(np.float32)
SIDE = RNG.uniform(0.5, 2.0, N)


def wave(x):
    return np.sin(x[0] * x[1])


def two(x):
    return np.array([x[0] * x[1], np.exp(-x[0])])


@pytest.fixture(autouse=True)
def _short_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 1_024)


OPERATIONS = {
    fastgrad.gradient: (wave, (N, 2)),
    fastgrad.hessian: (wave, (N, 2, 2)),
    fastgrad.jacobian: (two, (N, 2, 2)),
}


@pytest.mark.parametrize("kind", [np.float32, np.float16])
@pytest.mark.parametrize("method", ["central", "forward", "exact"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.__name__)
def test_bits_of_float64_rounded(operation, method, kind):
    f, shape = OPERATIONS[operation]
    x = X.astype(kind)
    expected = operation(f, x.astype(float), batch=True, method=method).astype(kind)
    for out in (None, np.empty(shape, kind), np.empty(shape[::-1], kind).T):
        assert np.array_equal(operation(f, x, batch=True, method=method, out=out), expected)
    assert np.array_equal(operation(f, np.asfortranarray(x), batch=True, method=method), expected)


@pytest.mark.parametrize("engine", ["simd", "jit"])
@pytest.mark.parametrize("how", [{}, {"h": [1e-3, 1e-2]}, {"rel_step": np.full((N, 2), 1e-3)}])
def test_steps_of_a_block(engine, how):
    _check_facts(wave, engine=engine, **how)


def test_rows_of_batch_arguments():
    _check_facts(lambda x, side: np.sin(x[0] * x[1]) * side, engine="simd", batch_args=(SIDE,))


def _check_facts(f, **how):
    got = fastgrad.gradient(f, X, batch=True, full_output=True, **how)
    expected = fastgrad.gradient(f, X.astype(float), batch=True, full_output=True, **how)
    assert np.array_equal(got.value, expected.value.astype(np.float32))
    assert (got.nfev, got.engine) == (expected.nfev, expected.engine)
    assert np.array_equal(got.h, expected.h)


def test_values_beside_gradients():
    value, slope = fastgrad.value_and_gradient(wave, X, batch=True)
    wide = fastgrad.value_and_gradient(wave, X.astype(float), batch=True)
    assert np.array_equal(value, wide[0].astype(np.float32))
    assert np.array_equal(slope, wide[1].astype(np.float32))


def test_what_f_is_not_defined_at_stays_at_its_point():
    x = X.copy()
    x[[0, 1_500, N - 1]] = np.nan
    got = fastgrad.gradient(wave, x, batch=True)
    assert np.array_equal(got, fastgrad.gradient(wave, x.astype(float), batch=True).astype(np.float32), equal_nan=True)
    assert np.isnan(got).any(axis=1).sum() == 3


def test_the_step_that_vanishes_is_named_as_ever():
    with pytest.raises(ValueError, match="vanishes beside x=") as narrow:
        fastgrad.gradient(wave, X, batch=True, h=1e-30)
    with pytest.raises(ValueError, match="vanishes beside x=") as wide:
        fastgrad.gradient(wave, X.astype(float), batch=True, h=1e-30)
    assert str(narrow.value) == str(wide.value)


def test_progress_counts_all_points():
    seen = []
    fastgrad.gradient(wave, X, batch=True, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (N, N)


def test_python_where_f_cannot_be_compiled():
    def f(x):
        return float(str(x[0] * x[1]))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fastgrad.results.PerformanceWarning)
        got = fastgrad.gradient(f, X, batch=True, full_output=True)
        expected = fastgrad.gradient(f, X.astype(float), batch=True)
    assert got.engine == "python"
    assert np.array_equal(got.value, expected.astype(np.float32))


def test_a_function_that_does_not_read_its_point():
    with pytest.warns(fastgrad.ConstantFunctionWarning):
        fastgrad.gradient(lambda x: 3.0, X, batch=True, engine="simd")


def test_long_steps_are_noticed():
    with pytest.warns(fastgrad.StepWarning):
        fastgrad.hessian(lambda x: np.exp(1e5 * (x[0] - 1.0)) + x[1], np.minimum(X, 1), batch=True)


def test_each_point_is_compared_as_of_float64():
    """A type that f looks at shows at the last point only."""

    def f(x):
        return x[0] * 2.0 if isinstance(x[1], float) and x[1] > 0 else x[0] + x[1]

    x = X.copy()
    x[-1, 1] = -1.0
    got = fastgrad.gradient(f, x, batch=True)
    assert np.array_equal(got, fastgrad.gradient(f, x.astype(float), batch=True).astype(np.float32))


@pytest.mark.parametrize("method", ["central", "exact"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.__name__)
def test_memory_is_that_of_a_block(operation, method):
    f, shape = OPERATIONS[operation]
    x = np.tile(X, (100, 1))
    out = np.empty((len(x), *shape[1:]), np.float32)
    operation(f, X, batch=True, method=method, out=out[:N])
    tracemalloc.start()
    operation(f, x, batch=True, method=method, out=out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * x.nbytes  # all at once: four times as much, or more


@pytest.mark.parametrize("flat", [300_000, 300])
def test_a_function_that_is_flat_at_the_first_points_is_not_constant(flat):
    x = np.zeros((400_000 if flat > 1000 else 2000, 2), np.float32)
    x[flat:, 0] = 2.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fastgrad.gradient(lambda x: np.maximum(x[0] - 1.0, 0.0) ** 2, x, batch=True)
    assert np.count_nonzero(found) == len(x) - flat
    with pytest.warns(fastgrad.ConstantFunctionWarning):
        fastgrad.gradient(lambda x: 0.0 * x[0], x, batch=True)
