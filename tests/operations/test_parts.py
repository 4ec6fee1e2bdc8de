"""f with complex values at real x: the derivative of both parts."""

import math
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fastgrad import (
    ConstantFunctionWarning,
    EngineError,
    PerformanceWarning,
    derivative,
    explain,
    grad,
    gradient,
    jac,
    jacobian,
    value_and_gradient,
)
from fastgrad.engine.call import Call, Rows
from fastgrad.formulas import stencils
from fastgrad.formulas.steps import Steps
from fastgrad.operations.parts import can_be_made, suit

X = np.array([0.3, 2.0])
EXACT = np.array([2j * np.exp(0.3j), np.exp(0.3j)])


def wave(x):
    return np.exp(1j * x[0]) * x[1]


def several(x):
    return np.array([x[0] + 0j, 1j * x[1] ** 2, x[0] * x[1] * (1 + 2j)])


def of_several(x):
    return np.array([[1.0, 0.0], [0.0, 2j * x[1]], [x[1] * (1 + 2j), x[0] * (1 + 2j)]])


@pytest.mark.parametrize(
    ("options", "reached"),
    [
        ({}, 1e-9),
        ({"order": 4}, 1e-11),
        ({"method": "forward"}, 1e-9),
        ({"method": "adaptive"}, 1e-12),
        ({"engine": "python"}, 1e-9),
        ({"engine": "reference"}, 1e-9),
        ({"engine": "jit"}, 1e-9),
        ({"h": 1e-5}, 1e-9),
        ({"bounds": (0.0, 2.0)}, 1e-9),
        ({"side": 1}, 1e-9),
        ({"noise": 1e-10}, 1e-5),
        ({"workers": map}, 1e-9),
    ],
)
def test_gradients(options, reached):
    found = gradient(wave, X, **options)
    assert found.dtype == np.complex128
    assert np.abs(found - EXACT).max() < reached


def test_both_parts_are_those_of_real_functions():
    found = gradient(wave, X)
    assert found.real.tolist() == gradient(lambda x: wave(x).real, X).tolist()
    assert found.imag.tolist() == gradient(lambda x: wave(x).imag, X).tolist()


def test_many_points():
    points = np.random.default_rng(0).normal(size=(5, 2))
    found = gradient(wave, points, batch=True)
    assert found.shape == (5, 2)
    for n, x in enumerate(points):
        assert found[n].tolist() == gradient(wave, x).tolist()


@pytest.mark.parametrize("method", ["central", "adaptive"])
def test_jacobians(method):
    found = jacobian(several, X, method=method)
    assert np.abs(found - of_several(X)).max() < 1e-9
    many = jacobian(several, np.stack([X, 2 * X]), batch=True, method=method)
    assert np.abs(many - [of_several(X), of_several(2 * X)]).max() < 1e-8
    deep = jacobian(lambda x: several(x).reshape(3, 1), X, method=method)
    assert deep.tolist() == found.reshape(3, 1, 2).tolist()
    listed = jacobian(lambda x: list(several(x)), X, method=method)
    assert listed.tolist() == found.tolist()
    assert np.abs(jacobian(wave, X, method=method) - EXACT).max() < 1e-9


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("method", ["central", "adaptive"])
def test_derivatives_of_numbers_and_arrays(n, method):
    x = np.linspace(0.0, 2.0, 7)
    exact = 1j**n * np.exp(1j * x)
    assert np.abs(derivative(lambda x: np.exp(1j * x), x, n=n, method=method) - exact).max() < 1e-6
    number = derivative(lambda x: np.exp(1j * x), 2.0, n=n, method=method)
    assert abs(number - exact[-1]) < 1e-6
    assert np.ndim(number) == 0
    numbers = derivative(lambda x: complex(math.cos(x), math.sin(x)), x, n=n, method=method)
    assert np.abs(numbers - exact).max() < 1e-6


def test_values():
    value, slope = value_and_gradient(wave, X)
    assert value == wave(X)
    assert np.abs(slope - EXACT).max() < 1e-9
    values, slopes = value_and_gradient(wave, np.stack([X, X]), batch=True)
    assert values.tolist() == [wave(X)] * 2
    assert slopes.shape == (2, 2)
    _, full = value_and_gradient(wave, X, full_output=True)
    assert full.nfev == gradient(wave, X, full_output=True).nfev + 1


def test_all_that_is_told():
    full = gradient(wave, X, method="adaptive", full_output=True)
    assert full.value.dtype == np.complex128
    assert full.error.dtype == np.float64
    assert (np.abs(full.value - EXACT) <= full.error).all()
    assert full.status.tolist() == [0, 0]
    assert full.h.shape == (2,)
    noisy = gradient(wave, np.stack([X, X, X]), batch=True, noise=1e-9, full_output=True)
    assert noisy.noise.tolist() == [1e-9] * 3
    line = derivative(lambda x: np.exp(1j * x), np.ones(3), method="adaptive", full_output=True)
    assert line.error.shape == line.h.shape == line.status.shape == (3,)
    assert gradient(lambda x: wave(x) * np.nan, X, full_output=True).status.tolist() == [-3, -3]


@pytest.mark.parametrize(("dtype", "expected"), [("f2", "c8"), ("f4", "c8"), ("f8", "c16"), ("i8", "c16")])
def test_the_precision_of_x(dtype, expected):
    found = gradient(wave, np.array([1, 2], dtype))
    assert found.dtype == expected
    assert np.abs(found - [2j * np.exp(1j), np.exp(1j)]).max() < 1e-2


def test_steps_suit_the_precision_of_f():
    for f in (lambda x: np.complex64(wave(x)), lambda x: np.array([wave(x)], np.complex64)):
        found = gradient(f, X, full_output=True)
        assert found.h.min() > 1e-3
        assert np.abs(found.value - EXACT).max() < 1e-3
    found = derivative(lambda x: np.exp(1j * x).astype(np.complex64), X)
    assert np.abs(found - 1j * np.exp(1j * X)).max() < 1e-3


def test_an_array_to_write_into():
    out = np.empty(2, complex)
    assert gradient(wave, X, out=out) is out
    assert out.tolist() == gradient(wave, X).tolist()
    assert gradient(np.sum, X, out=out).tolist() == [1.0, 1.0]
    assert derivative(lambda x: 1j * x, X, out=out).tolist() == [1j, 1j]
    into = np.empty((3, 2), complex)
    assert jacobian(several, X, out=into) is into


def test_functions_of_functions():
    slope = grad(wave)
    assert slope(X).tolist() == slope(X).tolist() == gradient(wave, X).tolist()
    tree = grad(lambda p: np.exp(1j * p["a"]) * p["b"])({"a": 0.3, "b": 2.0})
    assert abs(tree["a"] - EXACT[0]) < 1e-9
    assert abs(tree["b"] - EXACT[1]) < 1e-9
    assert np.abs(jac(several)(X) - of_several(X)).max() < 1e-9


@pytest.mark.parametrize("engine", ["simd", "jit"])
def test_both_parts_are_compiled(engine):
    points = np.random.default_rng(0).normal(size=(5000, 2))
    assert explain(wave, points, batch=True).engine == "simd"
    full = gradient(wave, points, batch=True, engine=engine, full_output=True)
    assert full.engine == engine
    exact = np.stack([1j * np.exp(1j * points[:, 0]) * points[:, 1], np.exp(1j * points[:, 0])], axis=1)
    assert np.abs(full.value - exact).max() < 1e-8
    assert explain(wave, X).engine == "python"


@pytest.mark.parametrize("engine", ["auto", "simd"])
def test_calls_again_and_values_that_become_complex(engine):
    points = np.random.default_rng(0).normal(size=(5000, 2))
    found = [gradient(wave, points, batch=True, engine=engine) for _ in range(4)]
    assert all(np.array_equal(found[0], other) for other in found[1:])
    k = 1.5
    f = lambda x: k**0.5 + 0.125 * x[0]
    assert gradient(f, points, batch=True, engine=engine)[0].round(6).tolist() == [0.125, 0.0]
    k = -0.75
    for _ in range(3):
        assert gradient(f, points, batch=True, engine=engine)[0].round(6).tolist() == [0.125 + 0.0j, 0.0j]


def test_python_says_that_it_is_slow():
    points, held = np.ones((3000, 2)), {}
    f = lambda x: wave(x) * float(str(x[1])) / x[1] if held is not None else held.pop()
    with pytest.warns(PerformanceWarning, match="called 12,000 times from Python"):
        found = gradient(f, points, batch=True, full_output=True)
    assert found.engine == "python"


def test_engines_that_cannot():
    with pytest.raises(EngineError, match="complex"):
        gradient(wave, X, engine="arrays")
    with pytest.raises(TypeError, match="complex"):
        gradient(wave, X, method="exact")


def test_processes():
    with ThreadPoolExecutor(2) as pool:
        assert gradient(wave, X, workers=pool.map).tolist() == gradient(wave, X).tolist()


def test_constant_functions():
    for call in (lambda: gradient(lambda x: 1j, X), lambda: derivative(lambda x: 1j, 1.0)):
        with pytest.warns(ConstantFunctionWarning):
            assert not np.any(call())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert derivative(lambda x: 1j * x, np.ones(2)).tolist() == [1j, 1j]
        assert gradient(lambda x: 1j * x[0], X).tolist() == [1j, 0j]


def test_several_complex_numbers_are_no_gradient():
    with pytest.raises(ValueError, match=r"shape \(3,\); it must return one number, or use jacobian"):
        gradient(several, X)


def test_complex_only_where_it_is_negative():
    root = lambda x: (float(x[0]) - 1.0) ** 0.5
    assert gradient(root, [0.75])[0] == pytest.approx(-1j, abs=1e-8)
    assert gradient(root, [1.25])[0] == pytest.approx(1.0, abs=1e-8)
    assert gradient(root, [[1.25], [0.75]], batch=True).ravel() == pytest.approx([1.0, -1j], abs=1e-8)
    with pytest.raises(TypeError, match="f returned complex"):  # beside x only: there is no derivative at x
        gradient(root, [1.0])


def test_which_derivatives_can_be_made_of_parts():
    rows = Rows(X[None], (2,))
    steps = Steps("default", np.asarray(1e-5))
    for table in (stencils.gradient(2), stencils.jacobian(2, 4, "forward"), stencils.derivative(2)):
        assert can_be_made(Call(wave, rows, table, steps))
        assert suit(Call(wave, rows, table, steps))
        assert not suit(Call(np.sum, rows, table, steps))
    for table in (stencils.hessian(2), stencils.jvp(2), stencils.gradient(2, method="exact")):
        assert not can_be_made(Call(wave, rows, table, steps))


def test_pandas():
    pandas = pytest.importorskip("pandas")
    found = gradient(lambda s: np.exp(1j * s["a"]) * s["b"], pandas.Series({"a": 0.3, "b": 2.0}))
    assert list(found.index) == ["a", "b"]
    assert np.abs(found.to_numpy() - EXACT).max() < 1e-9
