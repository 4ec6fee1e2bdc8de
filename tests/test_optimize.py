"""SciPy calls our functions of functions back: with further arguments, in each of its solvers."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import fsolve, least_squares, minimize, root

import fastgrad
from fastgrad import grad, hessian, hvp, jacobian, value_and_grad
from fastgrad.transforms import hess, hessp, jac

START = np.array([-1.2, 1.0, 0.5])
TIMES = np.linspace(0.0, 1.0, 20)


def valley(x, a=100.0):
    return np.sum(a * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def residuals(p, t, y):
    return p[0] * np.exp(-p[1] * t) - y


def equations(x, a):
    return np.array([x[0] + 0.5 * (x[0] - x[1]) ** 3 - a, 0.5 * (x[1] - x[0]) ** 3 + x[1]])


def oscillator(t, y, mu):
    return np.array([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])


@pytest.mark.parametrize("args", [(), (10.0,)], ids=["no args", "args"])
@pytest.mark.parametrize(
    ("method", "more"),
    [("BFGS", {}), ("L-BFGS-B", {}), ("Newton-CG", {"hess": hess}), ("Newton-CG", {"hessp": hessp}),
     ("trust-exact", {"hess": hess}), ("trust-krylov", {"hessp": hessp})],
    ids=["BFGS", "L-BFGS-B", "hess", "hessp", "trust-exact", "trust-krylov"],
)  # fmt: skip
def test_minimize(method, more, args):
    given = {name: transform(valley) for name, transform in more.items()}
    found = minimize(valley, START, args=args, method=method, jac=grad(valley), **given)
    assert found.success
    np.testing.assert_allclose(found.x, 1.0, atol=1e-4)


def test_minimize_with_value_and_gradient():
    found = minimize(value_and_grad(valley), START, args=(10.0,), jac=True, method="BFGS")
    np.testing.assert_allclose(found.x, 1.0, atol=1e-6)
    plain = minimize(valley, START, args=(10.0,), method="BFGS")
    assert found.nfev < plain.nfev


@pytest.mark.parametrize("method", ["trf", "lm", "dogbox"])
def test_least_squares(method):
    y = 2 * np.exp(-3 * TIMES)
    found = least_squares(residuals, [1.0, 1.0], jac=jac(residuals), args=(TIMES, y), method=method)
    np.testing.assert_allclose(found.x, [2.0, 3.0], rtol=1e-8)


def test_roots():
    found = root(equations, [0.0, 0.0], args=(1.0,), jac=jac(equations))
    assert found.success
    np.testing.assert_allclose(equations(found.x, 1.0), 0.0, atol=1e-10)
    np.testing.assert_allclose(fsolve(equations, [0.0, 0.0], args=(1.0,), fprime=jac(equations)), found.x, rtol=1e-10)


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
def test_solve_ivp(method):
    def slope(t, y, mu):
        return jacobian(lambda y: oscillator(t, y, mu), y)

    given = {"args": (100.0,), "method": method, "rtol": 1e-8, "atol": 1e-10}
    ours, own = (solve_ivp(oscillator, (0, 2), [2.0, 0.0], jac=jac, **given) for jac in (slope, None))
    assert ours.success
    np.testing.assert_allclose(ours.y[:, -1], own.y[:, -1], rtol=1e-6)


def test_transforms_are_their_operations():
    v = np.array([1.0, 2.0, 3.0])
    how = {"engine": "simd"}
    assert np.array_equal(hess(valley, order=4)(START, 10.0), hessian(valley, START, args=(10.0,), order=4, **how))
    assert np.array_equal(hessp(valley)(START, v, 10.0), hvp(valley, START, v, args=(10.0,)))
    assert np.array_equal(jac(equations)(START, 2.0), jacobian(equations, START, args=(2.0,), **how))
    assert np.array_equal(jac(equations, args=(2.0,))(START), jacobian(equations, START, args=(2.0,), **how))
    assert hessp(valley).__name__ == "hvp_of_valley"
    for transform in (jac, hess, hessp):
        with pytest.raises(TypeError, match="unexpected keyword argument 'step'"):
            transform(valley, step=1)
        with pytest.raises(TypeError, match="must be a function"):
            transform(START)
    assert fastgrad.transforms.jac is jac
