"""SciPy calls our functions of functions back: with further arguments, in each of its solvers.

Each recipe of docs/optimize.md is here, with an oracle of its own.
"""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import odeint, solve_ivp
from scipy.optimize import (
    Bounds,
    NonlinearConstraint,
    basinhopping,
    curve_fit,
    fsolve,
    least_squares,
    minimize,
    newton,
    root,
)

import fastgrad
from fastgrad import derivative, grad, gradient, hessian, hvp, jacobian, value_and_grad
from fastgrad.transforms import for_minimize, hess, hessp, jac, solvers

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
    [(method, {}) for method in solvers.FIRST]
    + [(method, {"hess": hess}) for method in solvers.SECOND if method != "dogleg"]
    + [(method, {"hessp": hessp}) for method in solvers.PRODUCTS],
    ids=lambda given: given if isinstance(given, str) else "".join(given),
)
def test_minimize(method, more, args):
    given = {name: transform(valley) for name, transform in more.items()}
    given |= {"options": {"maxfun": 1000}} if method == "TNC" else {}
    found = minimize(valley, START, args=args, method=method, jac=grad(valley), **given)
    assert found.success
    np.testing.assert_allclose(found.x, 1.0, atol=1e-4 if method not in {"SLSQP", "TNC"} else 5e-3)


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


# --- bounds: f is defined between them only, and raises elsewhere ---------------------------------------------------

PAIRS = [(0.5, 3.0), (0.5, None), (None, 3.0)]
BEST = np.array([0.5, 1.0, 3.0])


def inside(x):
    """Least at 0.2, 1, 4 but for the bounds."""
    if x[0] < 0.5 or x[1] < 0.5 or x[2] > 3.0:
        msg = f"called at {x}"
        raise ValueError(msg)
    return np.sum((x - np.array([0.2, 1.0, 4.0])) ** 2) + np.sqrt(x[0] - 0.5) + np.sqrt(3.0 - x[2])


def inside_smooth(x):
    if x[0] < 0.5 or x[1] < 0.5 or x[2] > 3.0:
        msg = f"called at {x}"
        raise ValueError(msg)
    return np.sum((x - np.array([0.2, 1.0, 4.0])) ** 2)


@pytest.mark.parametrize("bounds", [PAIRS, Bounds([0.5, 0.5, -np.inf], [3.0, np.inf, 3.0])], ids=["pairs", "Bounds"])
@pytest.mark.parametrize("solver", ["L-BFGS-B", "TNC", "SLSQP"])
@pytest.mark.parametrize("f", [inside, inside_smooth])
def test_bounds(f, solver, bounds):
    for found in (
        minimize(f, [1.0, 1.5, 2.0], jac=grad(f, bounds=bounds), bounds=bounds, method=solver),
        minimize(f, [1.0, 1.5, 2.0], **for_minimize(f, solver, bounds=bounds)),
        minimize(value_and_grad(f, bounds=bounds), [1.0, 1.5, 2.0], jac=True, bounds=bounds, method=solver),
    ):
        assert found.success
        within = 5e-3 if solver == "SLSQP" else 1e-5  # that ends where f falls by 1e-6
        np.testing.assert_allclose(found.x, BEST, atol=within)


def test_bounds_of_second_derivatives():
    bounds = Bounds([0.5, 0.5, -np.inf], [3.0, np.inf, 3.0], keep_feasible=True)
    found = minimize(inside_smooth, [1.0, 1.5, 2.0], **for_minimize(inside_smooth, "trust-constr", bounds=bounds))
    np.testing.assert_allclose(found.x, BEST, atol=1e-3)


def test_derivatives_that_leave_the_bounds_fail_loudly():
    with pytest.raises(ValueError, match="called at"):
        minimize(inside, [1.0, 1.5, 2.0], jac=grad(inside), bounds=PAIRS, method="L-BFGS-B")


@pytest.mark.parametrize("solver", ["L-BFGS-B", "trust-constr"])
def test_exact_derivatives_between_bounds(solver):
    def cost(x):
        return np.sum(x - np.sqrt(x))

    found = minimize(cost, [1.0, 1.0], **for_minimize(cost, solver, bounds=[(0.01, 1), (0.5, None)], method="exact"))
    np.testing.assert_allclose(found.x, [0.25, 0.5], atol=1e-3)


def test_least_squares_between_bounds():
    def roots(p, t, y):
        return np.sqrt(p[0]) * np.exp(-p[1] * t) - y

    bounds = ([0.0, 0.0], [4.0, 2.0])
    for b in (bounds, Bounds(*bounds)):
        given = {"jac": jac(roots, bounds=b), "bounds": b, "args": (TIMES, 2 * np.exp(-3 * TIMES))}
        found = least_squares(roots, [4.0, 0.0], **given)
        assert found.x[1] == pytest.approx(2.0)
        assert found.x[0] < 4.0


# --- recipes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["SLSQP", "trust-constr"])
def test_constraints(solver):
    def circle(x):
        return np.array([x[0] ** 2 + x[1] ** 2])

    constraint = NonlinearConstraint(circle, 1.0, 1.0, jac=jac(circle))
    found = minimize(np.sum, [-1.0, 0.5], constraints=constraint, **for_minimize(np.sum, solver))
    np.testing.assert_allclose(found.x, -np.sqrt(0.5), atol=1e-4)


@pytest.mark.parametrize("method", ["lm", "trf", "dogbox"])
def test_curve_fit(method):
    def decay(t, size, rate):
        return size * np.exp(-rate * t)

    def slopes(t, *p):
        return jacobian(lambda p: decay(t, *p), p)

    y = decay(TIMES, 2.0, 3.0) + 0.01 * np.cos(50 * TIMES)
    ours, own = (curve_fit(decay, TIMES, y, p0=[1, 1], method=method, jac=jac) for jac in (slopes, None))
    np.testing.assert_allclose(ours[0], own[0], rtol=1e-6)
    np.testing.assert_allclose(ours[1], own[1], rtol=1e-4)


def test_newton():
    f = np.cos
    first, second = (lambda x: derivative(f, x)), (lambda x: derivative(f, x, n=2))
    assert newton(f, 1.0, fprime=first, fprime2=second) == pytest.approx(np.pi / 2)
    np.testing.assert_allclose(newton(f, np.array([1.0, 4.0]), fprime=first), [np.pi / 2, 3 * np.pi / 2])


def test_odeint():
    def predators(y, t, a):
        return np.array([y[0] * (1 - y[1]), a * y[1] * (y[0] - 1)])

    slope = jac(predators)
    ours, own = (odeint(predators, [2.0, 1.0], TIMES, args=(1.5,), Dfun=d) for d in (slope, None))
    np.testing.assert_allclose(ours, own, rtol=1e-6)
    first = odeint(
        lambda t, y, a: predators(y, t, a), [2.0, 1.0], TIMES, args=(1.5,), tfirst=True,
        Dfun=lambda t, y, a: jacobian(lambda y: predators(y, t, a), y),
    )  # fmt: skip
    np.testing.assert_allclose(first, own, rtol=1e-6)


def test_basinhopping():
    found = basinhopping(valley, START, niter=2, minimizer_kwargs=for_minimize(valley), rng=0)
    np.testing.assert_allclose(found.x, 1.0, atol=1e-4)


def test_numbers_one_by_one():
    def cost(a, b):
        return (a - 1) ** 2 + a * b**2

    def slope(*p):
        return gradient(lambda p: cost(*p), p)

    np.testing.assert_allclose(slope(2.0, 3.0), [11.0, 12.0], rtol=1e-8)


def test_a_sampler_that_steps_along_slopes():
    """Hamiltonian steps keep the energy, and samples of a normal distribution have its mean and deviation."""
    rng, logarithm = np.random.default_rng(0), value_and_grad(lambda q: -0.5 * np.sum(((q - 2.0) / [1.0, 3.0]) ** 2))
    q, found = np.zeros(2), []
    for _ in range(400):
        momentum = start = rng.normal(size=2)
        before, slope = logarithm(q)
        new = q
        for _ in range(8):
            momentum = momentum + 0.15 * slope
            new = new + 0.3 * momentum
            value, slope = logarithm(new)
            momentum = momentum + 0.15 * slope
        change = value - before - 0.5 * (momentum @ momentum - start @ start)
        assert abs(change) < 0.2
        q = new if np.log(rng.random()) < change else q
        found.append(q)
    np.testing.assert_allclose(np.mean(found, axis=0), 2.0, atol=0.6)
    np.testing.assert_allclose(np.std(found, axis=0), [1.0, 3.0], rtol=0.2)


def test_standard_errors():
    """Those of statsmodels, which has the likelihood's derivatives by hand."""
    sm = pytest.importorskip("statsmodels.api")
    frame = pd.DataFrame({"dose": np.arange(12.0), "hits": [2, 3, 2, 5, 4, 8, 6, 11, 9, 15, 18, 17]})

    def loss(p, frame):
        rate = p[0] + p[1] * frame["dose"].to_numpy()
        return np.sum(np.exp(rate) - frame["hits"].to_numpy() * rate)

    start = pd.Series({"const": 0.0, "dose": 0.0})
    found = minimize(loss, start, args=(frame,), jac=grad(loss))
    point = pd.Series(found.x, index=start.index)
    theirs = sm.Poisson(frame["hits"], sm.add_constant(frame[["dose"]])).fit(disp=False)
    for method in ("central", "exact"):
        covariance = np.linalg.inv(hessian(loss, point, args=(frame,), method=method))
        np.testing.assert_allclose(np.sqrt(np.diag(covariance)), theirs.bse, rtol=1e-4)
    np.testing.assert_allclose(found.x, theirs.params, rtol=1e-4)
