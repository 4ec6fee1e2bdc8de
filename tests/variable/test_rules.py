"""The rules of Variables against differences, and their gradients at kinks and corners."""

import math

import numpy as np
import pytest

import fastgrad.variable as F
from fastgrad import Variable
from fastgrad.variable import grad
from fastgrad.variable.rules import RULES
from tests.variable.cases import cases


def variable(*numbers, dtype=np.float64):
    return Variable(np.array(numbers, dtype))


def difference(f, points, directions):
    """Five points of f along the directions: an error of about 1e-10."""

    def along(h):
        return f(*[x + h * d for x, d in zip(points, directions, strict=True)])

    h = 2.0**-9
    return (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)


@cases
@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")
def test_rule(case):
    ours, plain, points = case
    rng = np.random.default_rng(1)
    # Kinks lie at 0.3, 0.5 and 0.6; the points keep their distance from them and from each other.
    xs = [Variable(p.copy()) for p in points]
    y = ours(*xs)
    np.testing.assert_allclose(y.data, plain(*points), rtol=1e-14, atol=1e-15)
    assert (y.shape, y.dtype) == (np.shape(plain(*points)), np.float64)
    y.grad = weights = np.asarray(rng.standard_normal(y.shape))
    y.backward()
    for _ in range(3):
        directions = [np.asarray(rng.uniform(-1, 1, x.shape)) / 100 for x in points]
        expected = np.sum(weights * difference(plain, points, directions))
        got = sum(np.sum(x.grad * d) for x, d in zip(xs, directions, strict=True))
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-11)
    assert all((x.grad.shape, x.grad.dtype) == (p.shape, p.dtype) for x, p in zip(xs, points, strict=True))


@cases
@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")
def test_rule_differentiated_twice(case):
    """The gradient along one direction, differentiated along another, against differences of the gradient."""
    ours, _, points = case
    rng = np.random.default_rng(2)
    u, v = ([np.asarray(rng.uniform(-1, 1, x.shape)) for x in points] for _ in range(2))

    def slopes(*arrays, twice=False):
        xs = [Variable(np.asarray(a)) for a in arrays]
        y = ours(*xs)
        y = (y * Variable(np.cos(np.arange(y.size)).reshape(y.shape), requires_grad=False)).sum()
        gs = grad([y], xs, enable_double_backprop=twice)
        return xs, [(g * w).sum() for g, w in zip(gs, u, strict=True)]

    xs, sums = slopes(*[p.copy() for p in points], twice=True)
    second = grad(sums, xs)
    expected = difference(lambda *a: sum(s.item() for s in slopes(*a)[1]), points, [w / 100 for w in v])
    got = sum(np.sum(g.data * w) / 100 for g, w in zip(second, v, strict=True) if g is not None)
    np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-10)


def gradient_of(f, *numbers):
    x = variable(*numbers)
    y = f(x)
    y.grad = np.ones_like(y.data)
    y.backward()
    return x.grad.tolist()


CORNERS = {
    "relu": (F.relu, 0.0, 0.0),
    "leaky_relu": (F.leaky_relu, 0.0, 0.2),
    "itself": (lambda x: +x, 0.0, 1.0),
    "absolute": (abs, 0.0, 0.0),
    "clip, lower end": (lambda x: F.clip(x, 0, 1), 0.0, 1.0),
    "clip, upper end": (lambda x: F.clip(x, 0, 1), 1.0, 1.0),
    "maximum, first": (lambda x: F.maximum(x, variable(1.0)), 1.0, 1.0),
    "maximum, second": (lambda x: F.maximum(variable(1.0), x), 1.0, 0.0),
    "minimum, first": (lambda x: F.minimum(x, np.array([1.0])), 1.0, 1.0),
    "power 0": (lambda x: x**0, 0.0, 0.0),
    "power 1": (lambda x: x**1, 0.0, 1.0),
    "power 2": (lambda x: x**2, 0.0, 0.0),
    "variable power 0": (lambda x: x ** variable(0.0), 0.0, 0.0),
    "power of 0": (lambda x: variable(0.0) ** x, 2.0, 0.0),
    "sqrt": (F.sqrt, 0.0, math.inf),
    "sigmoid, far left": (F.sigmoid, -800.0, 0.0),
    "softplus, far right": (F.softplus, 800.0, 1.0),
    "softplus, far left": (F.softplus, -800.0, 0.0),
    "logsumexp, far right": (F.logsumexp, 1000.0, 1.0),
    "floor division": (lambda x: x // 2 + x, 3.0, 1.0),
}


@pytest.mark.parametrize(("f", "at", "expected"), CORNERS.values(), ids=CORNERS)
def test_gradient_at_a_corner(f, at, expected):
    assert gradient_of(f, at) == [expected]


def test_negative_base_has_no_derivative_by_its_exponent():
    b = variable(2.0)
    (variable(-3.0) ** b).backward()
    assert np.isnan(b.grad)


TIES = {  # f, x, its gradient
    "max": (F.max, [1.0, 3.0, 3.0], [0.0, 0.5, 0.5]),
    "min": (F.min, [1.0, 1.0, 3.0, 1.0, 1.0], [0.25, 0.25, 0.0, 0.25, 0.25]),
    "one": (F.max, [1.0, 3.0, 2.0], [0.0, 1.0, 0.0]),
    "itself": (lambda v: F.max(F.concat([v, v], axis=0)), [1.0, 3.0], [0.0, 1.0]),
    "itself, of two": (lambda v: F.maximum(v, v), [1.0, 3.0], [1.0, 1.0]),
    "itself, of two, smaller": (lambda v: np.minimum(v * 1.0, v), [1.0, 3.0], [1.0, 1.0]),
    "itself and a copy": (lambda v: F.max(F.concat([v, v.reshape(2)[::-1]], axis=0)), [3.0, 3.0], [0.5, 0.5]),
    "rows": (lambda v: F.max(v.reshape(2, 2), axis=1), [3.0, 3.0, 1.0, 2.0], [0.5, 0.5, 0.0, 1.0]),
    "columns": (lambda v: F.min(v.reshape(2, 2), axis=0, keepdims=True), [3.0, 2.0, 3.0, 4.0], [0.5, 1.0, 0.5, 0.0]),
    "two axes": (lambda v: F.max(v.reshape(2, 1, 2), axis=(0, 2)), [3.0, 3.0, 3.0, 3.0], [0.25] * 4),
    "numpy": (np.max, [2.0, 2.0], [0.5, 0.5]),
    "infinite": (F.max, [np.inf, np.inf], [0.5, 0.5]),
}


@pytest.mark.parametrize("name", TIES)
def test_equal_largest_elements_share_the_gradient(name):
    f, x, expected = TIES[name]
    assert gradient_of(f, *x) == expected
    v = Variable(np.array(x, np.float32))
    (slope,) = grad([f(v)], [v], enable_double_backprop=True)
    assert (slope.dtype, slope.data.tolist()) == (np.float32, expected)


@pytest.mark.parametrize("function", [np.sum, np.max, np.min, F.logsumexp])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_reductions_of_a_number(function, axis):
    v = Variable(np.array(3.0))
    y = function(v, axis=axis)
    y.backward()
    assert (y.shape, y.item(), v.grad.shape, v.grad.item()) == ((), 3.0, (), 1.0)


def test_each_rule_has_its_name():
    assert all(name == rule.name for name, rule in RULES.items())


def test_the_slope_of_a_power_changes_with_its_exponent_at_0():
    a, b = variable(2.0), variable(0.0)
    (slope,) = grad([a**b], [a], enable_double_backprop=True)
    assert grad([slope], [b])[0].array == pytest.approx(0.5)
