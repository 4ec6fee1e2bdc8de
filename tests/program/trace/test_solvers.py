"""SciPy's solvers, minimizers and integrators of functions that depend on x: refused, and quietly."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import Untraceable, trace
from fastgrad.program.trace.solvers import solver

optimize, integrate = pytest.importorskip("scipy.optimize"), pytest.importorskip("scipy.integrate")
brentq = optimize.brentq
T = np.arange(4.0)


def cubic(p):
    return lambda z: z**3 + p[0] * z - p[1]


def two(p):
    return lambda z: [z[0] + p[0] * z[1] - 1.0, z[0] ** 2 + z[1] - p[1]]


SOLVED = {
    "brentq": lambda p: brentq(lambda z: z**3 + p[0] * z - p[1], 0, 5),
    "args": lambda p: brentq(lambda z, a: z**3 + a * z - 1.0, 0, 5, args=(p[0],)),
    "newton": lambda p: optimize.newton(lambda z: z**3 + p[0] * z - p[1], 0.5),
    "root_scalar": lambda p: optimize.root_scalar(cubic(p), bracket=(0, 5)).root,
    "fsolve": lambda p: optimize.fsolve(cubic(p), 0.5)[0],
    "root": lambda p: optimize.root(two(p), [0.5, 0.2]).x[0],
    "leastsq": lambda p: optimize.leastsq(lambda z: [z[0] - p[0], z[0] - p[1]], [1.0])[0][0],
    "least_squares": lambda p: optimize.least_squares(lambda z: z - p, [1.0, 1.0]).x[0],
    "minimize": lambda p: optimize.minimize(lambda z: (z[0] - p[0]) ** 2 + p[1], [0.0]).fun,
    "minimize_scalar": lambda p: optimize.minimize_scalar(lambda z: (z - p[0]) ** 2).x * p[1],
    "curve_fit": lambda p: optimize.curve_fit(lambda t, a: a * t * p[0], T, T)[0][0],
    "odeint": lambda p: integrate.odeint(lambda y, t: -p[0] * y, 1.0, T)[-1, 0] * p[1],
    "solve_ivp": lambda p: integrate.solve_ivp(lambda t, y: -p[0] * y, (0.0, 1.0), [1.0]).y[0, -1] * p[1],
    "quad_vec": lambda p: integrate.quad_vec(lambda t: np.exp(-p[0] * t), 0.0, 1.0)[0] * p[1],
}


@pytest.mark.parametrize("name", SOLVED)
def test_they_are_refused_without_a_word(name, capfd):
    with pytest.raises(Untraceable, match="with a function that depends on x: how often it is called"):
        trace(SOLVED[name], (2,))
    assert not "".join(capfd.readouterr())


@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
def test_the_choice_of_the_engine_says_nothing_either(capfd):
    points = np.random.default_rng(0).uniform(0.5, 1.0, (400, 2))
    found = fastgrad.gradient(SOLVED["root"], points, batch=True)
    assert not "".join(capfd.readouterr())
    np.testing.assert_array_equal(found, fastgrad.gradient(SOLVED["root"], points, batch=True, engine="python"))


def test_what_depends_on_nothing_is_a_number():
    f = lambda p: brentq(lambda z: z**2 - 2.0, 0, 5) * p[0] + optimize.fsolve(lambda z: z - 3.0, 1.0)[0] * p[1]
    np.testing.assert_allclose(evaluate(trace(f, (2,)), [1.0, 2.0]), f([1.0, 2.0]), rtol=1e-14)


def test_errors_of_theirs_are_their_own():
    with pytest.raises(Untraceable, match="different signs"):
        trace(lambda p: brentq(lambda z: z**2 + 1.0, 0, 5) * p[0], (2,))


def test_of_numbers_it_is_the_function_itself():
    assert solver(brentq, "scipy.optimize")(lambda z: z - 2.0, 0, b=5) == brentq(lambda z: z - 2.0, 0, 5)
    assert solver(optimize.curve_fit, "scipy.optimize")(lambda t, a: a * t, T, 2.0 * T)[0] == pytest.approx([2.0])


def test_rosenbrocks_function():
    points = np.random.default_rng(0).uniform(-1.0, 2.0, (30, 5))
    values, slopes = fastgrad.value_and_gradient(optimize.rosen, points, batch=True, method="exact")
    np.testing.assert_allclose(values, [optimize.rosen(x) for x in points], rtol=1e-15)
    np.testing.assert_allclose(slopes, [optimize.rosen_der(x) for x in points], rtol=1e-12, atol=1e-11)
    of_columns, x = lambda x: np.sum(optimize.rosen(x.reshape(3, 2)) ** 2), np.arange(6.0) / 4
    reference = fastgrad.gradient(of_columns, x, engine="python")
    np.testing.assert_allclose(fastgrad.gradient(of_columns, x, engine="simd"), reference, rtol=1e-6)
