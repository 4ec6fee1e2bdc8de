"""fastgrad.compiled: derivatives inside compiled code, to the bits of the jit engine."""

import importlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest

from fastgrad import compiled, gradient, jacobian

X = np.array([0.5, 2.0, 0.7])
ROWS = np.random.default_rng(0).uniform(0.0, 1.0, (50, 3))


@numba.njit
def f(x):
    return np.sin(x[0] * x[1]) * x[2] + (x[0] ** 2 if x[0] > 0.6 else 0.0)


@numba.njit
def scaled(x, a, b=1.0):
    return a * np.sum(x**2) + b * x[0]


@numba.njit
def circle(x, r):
    return x[0] ** 2 + x[1] ** 2 - r**2, x[0] - x[1]


# A compilation takes a second, and what the same f and options give is compiled once: these two are for several tests.
RELATIVE = {"method": "forward", "order": 3, "rel_step": 1e-4}
ABSOLUTE = {"method": "backward", "h": 1e-6}


def test_bits_of_the_jit_engine():
    assert np.array_equal(compiled.grad(f, **RELATIVE)(X), gradient(f, X, engine="jit", **RELATIVE))
    result = compiled.jacobian(circle, **ABSOLUTE)(X, 2.0)
    assert np.array_equal(result, jacobian(circle, X, args=(2.0,), engine="jit", **ABSOLUTE))


def test_arguments_and_defaults():
    g = compiled.grad(scaled)
    np.testing.assert_allclose(g(X, 3, 0.5), 6 * X + [0.5, 0, 0], rtol=1e-9)
    np.testing.assert_allclose(g(X, 3), 6 * X + [1, 0, 0], rtol=1e-9)


def test_arrays_of_any_layout():
    whole, g = np.arange(12).reshape(2, 6)[:, ::2], compiled.grad(numba.njit(lambda x: np.sum(x**3)), order=4)
    for given in (whole, whole[:0]):
        result = g(given)
        np.testing.assert_allclose(result, 3.0 * given**2, rtol=1e-11, atol=1e-10)
        assert (result.dtype, result.shape) == (np.float64, given.shape)


def test_single_precision_takes_larger_steps():
    single = numba.njit(lambda x: np.float32(np.sum(x * x)))
    result = compiled.grad(single)(X)
    assert np.array_equal(result, gradient(single, X, engine="jit"))
    np.testing.assert_allclose(result, 2 * X, rtol=1e-4)


def test_functions_that_write_into_their_argument():
    @numba.njit
    def writing(x):
        x[0, 0] *= 3
        return x * x

    @numba.njit
    def number(x):
        return np.sum(writing(x))

    x = np.arange(1.0, 13.0).reshape(2, 6)[:, ::2]
    x.flags.writeable = False
    slopes = np.array([[18.0, 6.0, 10.0], [14.0, 18.0, 22.0]])
    np.testing.assert_allclose(compiled.grad(number)(x), slopes, rtol=1e-8)
    full = compiled.jacobian(writing)(x)
    assert full.shape == (2, 3, 2, 3)
    np.testing.assert_allclose(full.reshape(6, 6), np.diag(slopes.ravel()), atol=1e-7)
    assert np.array_equal(x, [[1.0, 3.0, 5.0], [7.0, 9.0, 11.0]])


def test_newton_inside_compiled_code():
    jac = compiled.jacobian(circle, **ABSOLUTE)

    @numba.njit
    def newton(x, r):
        for _ in range(12):
            value, j = circle(x, r), jac(x, r)
            determinant = j[0, 0] * j[1, 1] - j[0, 1] * j[1, 0]
            x[0] -= (j[1, 1] * value[0] - j[0, 1] * value[1]) / determinant
            x[1] -= (j[0, 0] * value[1] - j[1, 0] * value[0]) / determinant
        return x

    np.testing.assert_allclose(newton(np.array([3.0, 0.5]), 2.0), np.sqrt(2.0), rtol=1e-14)


def test_parallel_loops_and_threads():
    g = compiled.grad(f)

    @numba.njit(parallel=True)
    def fill(rows, out):
        for n in numba.prange(len(rows)):
            slope = g(rows[n])
            for i in range(len(slope)):
                out[n, i] = slope[i]

    out = np.empty_like(ROWS)
    fill(ROWS, out)
    expected = gradient(f, ROWS, batch=True, engine="jit")
    assert np.array_equal(out, expected)
    with ThreadPoolExecutor(4) as pool:
        assert np.array_equal(list(pool.map(g, ROWS)), expected)
    assert g.targetoptions["nogil"]


USER = """
import numba, numpy as np
from fastgrad import compiled

@numba.njit
def f(x, r):
    return x[0] ** 2 + x[1] ** 2 - r**2, np.sin(x[0] - x[1])

slope = compiled.grad(numba.njit(lambda x, a: f(x, a)[1] * a))
jac = compiled.jacobian(f)

@numba.njit(cache=True)
def both(x, r):
    return slope(x, r), jac(x, r)

def bits():
    return b"".join(part.tobytes() for part in both(np.array([3.0, 0.5]), 2.0)).hex()
"""

ANOTHER = """
import numba, numpy as np, user_of_compiled as user
from fastgrad import compiled
other = compiled.grad(numba.njit(lambda x, a: a * x[1]))(np.ones(2), 3.0)
print(user.bits(), sum(user.both.stats.cache_hits.values()), other.round(9).tolist(), user.slope(np.zeros(2), 1.0))
"""


def test_functions_of_the_user_are_kept_on_disk(tmp_path, monkeypatch):
    (tmp_path / "user_of_compiled.py").write_text(USER)
    monkeypatch.syspath_prepend(tmp_path)
    own = importlib.import_module("user_of_compiled").bits()
    values = np.frombuffer(bytes.fromhex(own)).reshape(3, 2)
    np.testing.assert_allclose(values[1:], [[6.0, 1.0], np.cos(2.5) * np.array([1, -1])], rtol=1e-9)
    np.testing.assert_allclose(values[0], 2 * values[2], rtol=1e-9)
    given = [sys.executable, "-c", ANOTHER]
    done = subprocess.run(given, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.stderr, done.stdout) == ("", f"{own} 1 [0.0, 3.0] [ 1. -1.]\n")


def test_the_same_function_is_compiled_once():
    assert compiled.grad(f) is compiled.grad(f)
    assert compiled.grad(f) is not compiled.grad(f, order=4)


def test_steps_that_vanish_are_seen_inside_compiled_code():
    with pytest.raises(ValueError, match="vanishes beside a coordinate"):
        compiled.grad(f, **RELATIVE)(np.full(3, 5e-324))
    with pytest.raises(ValueError, match="vanishes beside a coordinate"):
        compiled.jacobian(circle, **ABSOLUTE)(1e20 * X, 2.0)


@pytest.mark.parametrize("make", [compiled.grad, compiled.jacobian])
def test_errors(make):
    with pytest.raises(TypeError, match=r"f must be compiled by Numba, got function; write @numba\.njit above it"):
        make(lambda x: x[0])
    with pytest.raises(ValueError, match=r"h has shape \(2,\).*give one number"):
        make(f, h=[1e-5, 1e-5])
    with pytest.raises(ValueError, match="order=3 does not exist"):
        make(f, order=3)
    with pytest.raises(ValueError, match="method='complex' works on"):
        make(f, method="complex")
    with pytest.raises(ValueError, match="both h"):
        make(f, h=1e-5, rel_step=1e-5)
