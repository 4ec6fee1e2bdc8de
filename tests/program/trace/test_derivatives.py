"""Derivatives that f takes itself, differentiated: against closed forms, differences and each other."""

import numpy as np
import pytest

import fastgrad
from fastgrad import derivative, grad, gradient, hessian, hessian_diagonal, hvp, jacobian, jvp, vjp
from fastgrad import value_and_gradient as both
from fastgrad.program.trace.derivatives import derivative_inside, given_inside
from fastgrad.program.trace.recording import Untraceable, trace

RNG = np.random.default_rng(3)
POINT = np.array([0.7, 1.3, 0.4])
POINTS = POINT + RNG.uniform(0.0, 0.5, (40, 3))
TIMES = np.linspace(0.1, 1.0, 5)
MATRIX = RNG.normal(size=(3, 3))
EXACT = "exact"
SCALE = 2.0


def wave(p, t):
    return p[0] * np.tanh(p[1] * t + p[2])


def residual(p):
    """A differential equation at some times, of a solution with parameters."""
    slope = derivative(lambda t: wave(p, t), TIMES, method=EXACT)
    return np.mean((slope + wave(p, TIMES)) ** 2)


def residual_of_second_order(p):
    return np.mean((derivative(lambda t: wave(p, t), TIMES, n=2, method=EXACT) + np.sin(wave(p, TIMES))) ** 2)


def one_by_one(p):
    return sum(derivative(lambda t: wave(p, t), float(t), method=EXACT) ** 2 for t in TIMES)


def newton(x):
    y = x[0]
    for _ in range(3):
        y = y - (y**3 - x[1]) / derivative(lambda t: t**3 - x[1], y, method=EXACT)
    return y * x[2]


def cubes(y):
    return SCALE * np.sum(y**3)


def two(y):
    return np.array([y[0] * y[1], np.sin(y[2])])


slope_of_cubes = grad(cubes, method=EXACT)


def by_an_import(x):
    from fastgrad import gradient as of

    return np.sum(of(cubes, x, method=EXACT) ** 2)


def descent(x):
    """What a step of descent leaves, by the step's length."""
    params = {"a": {"w": x[:2]}, "b": x[2]}
    loss = lambda p: np.sum((p["a"]["w"] - 1.0) ** 2) + p["b"] ** 4
    slopes = grad(loss, method=EXACT)(params)
    return loss({"a": {"w": x[:2] - 0.1 * slopes["a"]["w"]}, "b": x[2] - 0.1 * slopes["b"]})


def with_value(x):
    other = x + 0.0
    value, slope = both(lambda y: np.log(np.sum(y**2)) * other[0], x, method=EXACT)
    return value * slope[1] + slope[0]


class Network:
    def __init__(self):
        self.w, self.v = RNG.normal(size=(4, 3)), RNG.normal(size=4)

    def energy(self, x):
        return self.v @ np.tanh(self.w @ x)

    def force(self, x):
        return np.sum(gradient(self.energy, x, method=EXACT) ** 2)


FUNCTIONS = {
    "a differential equation": residual,
    "one of second order": residual_of_second_order,
    "numbers": one_by_one,
    "Newton": newton,
    "gradient": lambda x: np.sum(gradient(cubes, x, method=EXACT) ** 2),
    "grad": lambda x: np.sum(grad(cubes, method=EXACT)(x) ** 2),
    "an object": lambda x: np.sum(slope_of_cubes(x) ** 2),
    "an import": by_an_import,
    "a module": lambda x: np.sum(fastgrad.gradient(cubes, x, method=EXACT) * x),
    "arguments": lambda x: np.sum(gradient(lambda y, a, b: np.sum(y**2) * a * b, x, args=(x[0], 3.0), method=EXACT)),
    "its own arguments": lambda x: np.sum(grad(lambda y, a: np.sum(y**3) * a, method=EXACT)(x, x[1])),
    "points": lambda x: np.sum(
        gradient(lambda y: np.sum(y**2 * x[0]), np.outer([1.0, 2.0], x), batch=True, method=EXACT) ** 2
    ),
    "rows of others": lambda x: np.sum(
        gradient(lambda y, b: np.sum(y**2) * b, np.outer([1.0, 2.0], x), batch_args=(x[:2],), batch=True, method=EXACT)
    ),
    "values of points": lambda x: np.sum(both(cubes, np.outer([1.0, 2.0], x), batch=True, method=EXACT)[0]),
    "value and slope": with_value,
    "jacobian": lambda x: np.linalg.det(jacobian(lambda y: np.append(two(y) * y[0], y[1] ** 2), x, method=EXACT)),
    "hessian": lambda x: np.trace(hessian(lambda y: np.sum(np.sin(y) * y @ MATRIX), x, method=EXACT)),
    "its diagonal": lambda x: np.sum(hessian_diagonal(lambda y: np.prod(y) * np.sum(y**2), x, method=EXACT)),
    "hvp": lambda x: np.sum(hvp(lambda y: np.sum(np.exp(y) * y[::-1]), x, x * 2.0, method=EXACT)),
    "jvp": lambda x: np.sum(jvp(two, x, MATRIX[0], method=EXACT) * x[:2]),
    "vjp": lambda x: np.sum(vjp(two, x, x[:2], method=EXACT) ** 2),
    "hessp": lambda x: np.sum(fastgrad.transforms.hessp(cubes, method=EXACT)(x, x)),
    "a branch": lambda x: np.sum(gradient(lambda y: y[0] ** 3 if y[0] > y[1] else y[0] * y[1] ** 2, x, method=EXACT)),
    "a where": lambda x: np.sum(gradient(lambda y: np.sum(np.where(y > 1.25, y**2, np.exp(y))), x, method=EXACT) * x),
    "numbers alone": lambda x: np.sum(gradient(cubes, np.array([1.0, 2.0]), method=EXACT)) * x[0] ** 2,
    "differences of numbers": lambda x: np.sum(gradient(lambda y: y @ y, np.array([1.0, 2.0]))) * x[0] ** 2,
    "a dict": descent,
    "a method": Network().force,
}


def differences(f, x, h=2e-3):
    """Eight points of f along each coordinate."""
    weights = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
    rows = [[w * (f(x + k * h * e) - f(x - k * h * e)) for k, w in weights.items()] for e in np.eye(len(x))]
    return np.sum(rows, axis=1) / h


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_and_hessians(name):
    f = FUNCTIONS[name]
    exact = gradient(f, POINT, method=EXACT)
    np.testing.assert_allclose(exact, differences(f, POINT), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(grad(f, method=EXACT)(POINT), exact, rtol=1e-13, atol=1e-14)
    many = gradient(f, POINTS, batch=True, method=EXACT)
    np.testing.assert_allclose(many[7], differences(f, POINTS[7]), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(gradient(f, POINTS, batch=True, order=8, engine="simd"), many, rtol=1e-8, atol=1e-9)
    curves = hessian(f, POINT, method=EXACT)
    np.testing.assert_allclose(curves, jacobian(lambda x: gradient(f, x, method=EXACT), POINT, order=8), atol=1e-7)


def test_values_are_those_of_f():
    for f in (residual, newton, descent):
        value, _ = both(f, POINT, method=EXACT)
        assert value == pytest.approx(f(POINT), rel=1e-14)


def test_what_the_function_inside_captures_is_constant_there():
    """The classical trap: d/dy (x d/dz (z y) at z = x) at y = x is x, not 2 x."""

    def f(x):
        a = x[0]
        return derivative(lambda y: a * derivative(lambda z: z * y, a, method=EXACT), a, method=EXACT) * x[1]

    np.testing.assert_array_equal(gradient(f, np.array([3.0, 5.0]), method=EXACT), [5.0, 3.0])
    same = lambda x: derivative(lambda y: x[0] * y, x[0], method=EXACT)
    np.testing.assert_array_equal(gradient(same, np.array([3.0]), method=EXACT), [1.0])


def test_derivatives_of_derivatives_of_derivatives():
    third = lambda x: derivative(
        lambda t: derivative(lambda s: derivative(lambda r: r**5, s, method=EXACT), t, method=EXACT), x[0], method=EXACT
    )
    np.testing.assert_allclose(gradient(third, np.array([2.0]), method=EXACT), [240.0], rtol=1e-14)


def test_a_jacobian_with_zeros():
    f = lambda x: jacobian(lambda y: y**2, x, method=EXACT)
    np.testing.assert_array_equal(jacobian(f, POINT, method=EXACT), 2.0 * np.einsum("ij,ik->ijk", np.eye(3), np.eye(3)))


def test_a_function_inside_that_does_not_depend_on_its_argument():
    f = lambda x: np.sum(gradient(lambda y: x[0] * 2.0, x + 1.0, method=EXACT)) + x[1]
    with pytest.warns(fastgrad.ConstantFunctionWarning):
        found = gradient(f, POINT, method=EXACT)
    np.testing.assert_array_equal(found, [0.0, 1.0, 0.0])


def test_what_changes_between_calls(monkeypatch):
    slope = grad(FUNCTIONS["an object"], method=EXACT)
    before = slope(POINT)
    np.testing.assert_array_equal(slope(POINT), before)
    monkeypatch.setitem(globals(), "SCALE", 4.0)
    np.testing.assert_allclose(slope(POINT), 4.0 * before, rtol=1e-14)
    np.testing.assert_allclose(gradient(FUNCTIONS["gradient"], POINT, method=EXACT), 4.0 * before, rtol=1e-14)


def test_functions_of_fastgrad_that_are_replaced(monkeypatch):
    f = lambda x: np.sum(fastgrad.gradient(cubes, x, method=EXACT))
    before = gradient(f, POINT, method=EXACT)
    monkeypatch.setattr(fastgrad, "gradient", lambda f, x, method: f(x) * 2.0)
    np.testing.assert_allclose(gradient(f, POINT, method=EXACT), 2.0 * before * POINT / 2.0, rtol=1e-14)


REFUSED = {
    "a difference": (lambda x: np.sum(gradient(cubes, x)), "by method='central' .* write method='exact' inside of f"),
    "one of what is captured": (lambda x: derivative(lambda t: t * x[0], 2.0), "write method='exact' inside of f"),
    "an adaptive one": (lambda x: np.sum(gradient(cubes, x, method="adaptive")), "by method='adaptive'"),
    "a step": (
        lambda x: jacobian(two, x, method=EXACT, full_output=True).value[0, 0],
        "takes a derivative with full_output, which is not traced",
    ),
    "one number": (
        lambda x: np.sum(gradient(lambda y: y * x, x + 1.0, method=EXACT)),
        r"returned shape \(3,\), not one",
    ),
    "a curve": (lambda x: np.sum(hessian(lambda y: y * x, x + 1.0, method=EXACT)), r"returned shape \(3,\), not one"),
    "one variable": (
        lambda x: np.sum(derivative(lambda y: y[::-1] * x, x + 1.0, method=EXACT)),
        "mixes the elements of its argument",
    ),
    "another shape": (lambda x: np.sum(derivative(lambda y: y @ x, x + 1.0, method=EXACT)), "returned shape .* for"),
    "a curve of a dict": (
        lambda x: fastgrad.hess(lambda p: np.sum(p["a"] ** 2), method=EXACT)({"a": x})["a"]["a"][0, 0],
        "the hessian of a function of a dict",
    ),
    "single numbers": (
        lambda x: x[0] * gradient(lambda y: np.sum(y**2) * x[0], np.ones(2, np.float32), method=EXACT)[0],
        r"a derivative at float32, .* give x.astype\(float\)",
    ),
    "text": (
        lambda x: gradient(np.sum, [x[0], "a"], method=EXACT)[0],
        "a derivative at what is no number",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_what_to_write(name):
    f, reason = REFUSED[name]
    with pytest.raises(Untraceable, match=reason):
        trace(f, (3,))


def test_only_functions_of_fastgrad_have_stand_ins():
    assert derivative_inside(cubes) is None
    assert derivative_inside(fastgrad.numerical_gradient) is None
    assert given_inside(cubes, lambda f: f) is None


def slope_of(g, y, **options):
    return derivative(g, y, method=EXACT, **options)


def thrice(q):
    """6 q; the functions read q, as well as their own arguments, which begin as the same number."""
    return slope_of(lambda y: slope_of(lambda z: slope_of(lambda w: w * z**3, q), y), q)


def curved(q):
    """2 q + 2 q, of y in the middle."""
    return slope_of(lambda y: slope_of(lambda z: slope_of(lambda w: w**2 * z**2, q), y, n=2) * y, q)


@pytest.mark.parametrize(("f", "wanted"), [(thrice, (3.0, 4.9)), (curved, (2.5, 3.5))])
def test_arguments_that_begin_as_the_same_number_are_told_apart(f, wanted):
    """Behind a guard that is closed at all other points."""
    guarded = lambda x: x[1] * x[0] + np.maximum(x[1] - 1.0, 0.0) ** 2 * f(x[0] * 1.0)
    points = np.random.default_rng(0).uniform(0.3, 0.9, (2000, 2))
    points[777] = 0.7, 1.5
    np.testing.assert_allclose(gradient(guarded, points, batch=True, method=EXACT)[777], wanted, rtol=1e-14)
    np.testing.assert_allclose(gradient(guarded, points, batch=True)[777], wanted, rtol=1e-8)
    kept = grad(guarded, method=EXACT)
    kept(np.array([0.7, 0.5]))
    np.testing.assert_allclose(kept(np.array([0.7, 1.5])), wanted, rtol=1e-14)


OUTSIDE = {
    "log": lambda x: slope_of(np.log, x[0]) * x[1],
    "arctanh": lambda x: slope_of(lambda t: np.arctanh(t - 1.5), x[0]) * x[1],
    "a second derivative": lambda x: slope_of(lambda t: t * np.log(t), x[0], n=2) * x[1],
    "a logarithm that does not matter": lambda x: slope_of(lambda t: t + 0.0 * np.log(t), x[0]) * x[1],
    "a gradient": lambda x: np.sum(gradient(lambda y: np.log(y[0]) * y[1], x, method=EXACT)),
    "a hessian": lambda x: np.trace(hessian(lambda y: np.log(y[0]) * y[1] ** 2, x, method=EXACT)),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", OUTSIDE)
def test_where_the_inner_function_is_undefined_its_derivative_is(name):
    f = OUTSIDE[name]
    points = np.random.default_rng(0).uniform(0.3, 0.9, (1500, 2)) + (0.3 if name == "arctanh" else 0.0)
    points[5] = -0.7, 0.5
    for method in ("central", EXACT):
        value, slope = both(f, points, batch=True, method=method)
        assert np.isnan(value[5])
        assert np.isnan(slope[5]).all()
        assert value[6] == pytest.approx(f(points[6]), rel=1e-14)


def test_arguments_by_name():
    pair = fastgrad.value_and_grad(lambda y, a: y[0] ** 2 * a, method=EXACT)
    found = gradient(lambda x: np.sum(pair(x, a=x[1])[1]), POINT, method=EXACT)
    np.testing.assert_allclose(found, [2.0 * POINT[1], 2.0 * POINT[0], 0.0], rtol=1e-15)

    def of_a_default(x):
        def g(y, *, a=x[0]):
            return a * y**2

        return derivative(g, 2.0, method=EXACT)

    np.testing.assert_allclose(gradient(of_a_default, POINT, method=EXACT), [4.0, 0.0, 0.0], rtol=1e-15)


def test_rows_of_float32_keep_their_type():
    """NumPy multiplies them in float32."""
    rows, points = np.array([0.1, 1.0 / 3.0, 0.7], np.float32), POINTS[:3]
    f = lambda x: np.sum(
        gradient(lambda y, b: np.sum(y**2) * (b * b) * x[0], points, batch=True, batch_args=(rows,), method=EXACT)
    )
    value, slope = both(f, POINT, method=EXACT)
    assert value == pytest.approx(f(POINT), rel=1e-14)
    np.testing.assert_allclose(slope, [f(POINT) / POINT[0], 0.0, 0.0], rtol=1e-14)
