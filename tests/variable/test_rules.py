"""The rules of Variables against differences, and their gradients at kinks and corners."""

import math

import numpy as np
import pytest

import fastgrad.variable as F
from fastgrad import Variable
from fastgrad.variable import grad
from fastgrad.variable.rules import RULES


def variable(*numbers, dtype=np.float64):
    return Variable(np.array(numbers, dtype))


RNG = np.random.default_rng(5)


A, B, ROW, COLUMN = (RNG.uniform(0.2, 0.8, shape) for shape in [(3, 4), (3, 4), (4,), (3, 1)])


CUBE, M, VECTOR, STACK = (RNG.uniform(0.2, 0.8, shape) for shape in [(2, 3, 4), (4, 5), (4,), (2, 4, 3)])


SCALAR, EMPTY = np.array(0.4), np.empty((0, 3))


LABELS = np.array([2, -1, 0])


PLACES = np.array([[0, 2, 0], [1, 1, 1]])


def soft(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def entropy(x, t):
    chosen = np.log(soft(x, 1))[np.arange(len(t)), t]
    return -chosen[t != -1].mean()


SAME_NAME = ["sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "exp", "log", "log2", "log10"]


SAME_NAME += ["sqrt", "square", "absolute"]


# name: (our function, the same in plain NumPy, and in CASES the inputs)
ELEMENTWISE = {
    name: (getattr(F, name), getattr(np, name))
    for name in SAME_NAME
} | {
    "sigmoid": (F.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    "relu": (lambda x: F.relu(x - 0.5), lambda x: np.maximum(x - 0.5, 0)),
    "leaky_relu": (lambda x: F.leaky_relu(x - 0.5), lambda x: np.where(x < 0.5, 0.2 * (x - 0.5), x - 0.5)),
    "softplus": (lambda x: F.softplus(x, 2.0), lambda x: np.log1p(np.exp(2 * x)) / 2),
    "clip": (lambda x: F.clip(x, 0.3, 0.6), lambda x: np.clip(x, 0.3, 0.6)),
    "clip above": (lambda x: F.clip(x, None, 0.6), lambda x: np.minimum(x, 0.6)),
    "negative": (lambda x: -x, lambda x: -x),
    "constants": (lambda x: (2 - x) / (3 * x + 1) - 1 / x, lambda x: (2 - x) / (3 * x + 1) - 1 / x),
    "powers": (lambda x: x**3 + x**-1.5 + 2.5**x, lambda x: x**3 + x**-1.5 + 2.5**x),
    "fan-out": (lambda x: x * x + x * (x + x), lambda x: 3 * x * x),
}  # fmt: skip


SHAPES = {"matrix": A, "row": ROW, "0-d": SCALAR, "empty": EMPTY}


CASES = {
    f"{name}, {shape}": (ours, plain, [x]) for name, (ours, plain) in ELEMENTWISE.items() for shape, x in SHAPES.items()
} | {
    f"{name}, {shape}": (f, f, list(pair))
    for name, f in {
        "add": lambda a, b: a + b,
        "subtract": lambda a, b: a - b,
        "multiply": lambda a, b: a * b,
        "divide": lambda a, b: a / b,
        "power": lambda a, b: a**b,
    }.items()
    for shape, pair in {
        "alike": (A, B), "row": (A, ROW), "column and row": (COLUMN, ROW), "cube": (ROW, CUBE), "0-d": (SCALAR, CUBE),
        "two 0-d": (SCALAR, SCALAR), "empty": (EMPTY, EMPTY[:, :1]),
    }.items()
} | {
    f"matmul, {shape}": (F.matmul, np.matmul, list(pair))
    for shape, pair in {
        "matrices": (A, M), "vectors": (VECTOR, ROW), "matrix vector": (A, VECTOR), "vector matrix": (VECTOR, M),
        "stack matrix": (CUBE, M), "matrix stack": (A, STACK), "stack vector": (CUBE, VECTOR),
        "vector stack": (VECTOR, STACK), "stacks": (CUBE, STACK[:1]), "empty": (EMPTY, A),
    }.items()
} | {
    f"{name}, axis={axis}, keepdims={keep}, {x.ndim}-d": (
        lambda x, f=name, o=(axis, keep): getattr(F, f)(x, *o),
        lambda x, f=name, o=(axis, keep): getattr(np, f)(x, axis=o[0], keepdims=o[1]),
        [x],
    )
    for name in ("sum", "mean", "max", "min")
    for axis, x in ((None, A), (0, A), (-1, CUBE), ((0, 2), CUBE), (None, SCALAR))
    for keep in (False, True)
} | {
    "maximum": (F.maximum, np.maximum, [A, B]),
    "minimum, row": (F.minimum, np.minimum, [A, ROW]),
    "matmul, transposed": (lambda a, b: F.matmul(a, b, True, True), lambda a, b: a.T @ b.T, [A, RNG.random((5, 3))]),
    "sum, empty": (F.sum, np.sum, [EMPTY]),
    "sum, no rows": (lambda x: F.sum(x, axis=0), lambda x: np.sum(x, axis=0), [EMPTY]),
    "mean, no rows": (lambda x: F.mean(x, axis=1), lambda x: np.mean(x, axis=1), [EMPTY]),
    "logsumexp": (F.logsumexp, lambda x: np.log(np.sum(np.exp(x))), [A]),
    "logsumexp, axis": (lambda x: F.logsumexp(x, -1), lambda x: np.log(np.sum(np.exp(x), axis=-1)), [CUBE]),
    "logsumexp, 0-d": (F.logsumexp, lambda x: x, [SCALAR]),
    "softmax": (F.softmax, lambda x: soft(x, 1), [CUBE]),
    "softmax, axis": (lambda x: F.softmax(x, axis=-1), lambda x: soft(x, -1), [ROW]),
    "log_softmax": (F.log_softmax, lambda x: np.log(soft(x, 1)), [A]),
    "log_softmax, axis": (lambda x: F.log_softmax(x, 0), lambda x: np.log(soft(x, 0)), [A]),
    "reshape": (lambda x: F.reshape(x, (2, -1)), lambda x: x.reshape(2, -1), [A]),
    "reshape, method": (lambda x: x.reshape(4, 3), lambda x: x.reshape(4, 3), [A]),
    "transpose": (F.transpose, np.transpose, [CUBE]),
    "transpose, axes": (lambda x: F.transpose(x, (1, -1, 0)), lambda x: x.transpose(1, -1, 0), [CUBE]),
    "transpose, method": (lambda x: x.transpose(1, 0) @ x + x.T @ x, lambda x: 2 * x.T @ x, [A]),
    "squeeze": (F.squeeze, np.squeeze, [COLUMN]),
    "squeeze, axis": (lambda x: F.squeeze(x, 1), lambda x: x[:, 0], [COLUMN]),
    "broadcast_to": (lambda x: F.broadcast_to(x, (2, 3, 4)), lambda x: np.broadcast_to(x, (2, 3, 4)), [COLUMN]),
    "concat": (lambda a, b: F.concat([a, b, a]), lambda a, b: np.concatenate([a, b, a], axis=1), [A, COLUMN]),
    "concat, axis": (lambda a, b: F.concat((a, B, b), -2), lambda a, b: np.concatenate((a, B, b), axis=-2), [A, B]),
    "index": (lambda x: x[1], lambda x: x[1], [A]),
    "slices": (lambda x: x[::-2, None, 1:], lambda x: x[::-2, None, 1:], [A]),
    "mask": (lambda x: x[A > 0.5], lambda x: x[A > 0.5], [A]),
    "nothing": (lambda x: x[[]], lambda x: x[[]], [A]),
    "repeated": (lambda x: x[[0, 2, 0, 0]], lambda x: x[[0, 2, 0, 0]], [A]),
    "repeated pairs": (lambda x: x[tuple(PLACES)], lambda x: x[tuple(PLACES)], [A]),
    "index and slice": (lambda x: x[..., np.array([1, 1]), :2], lambda x: x[..., np.array([1, 1]), :2], [CUBE]),
    "rows": (lambda x: sum((i * row for i, row in enumerate(x)), 0 * x[0]), lambda x: x[1] + 2 * x[2], [A]),
    "scatter": (
        lambda x: x.scatter((3, 2), (np.array([0, 2, 2, 0]), 1)),
        lambda x: np.array([[0 * x[0], x[0] + x[3]], [0 * x[0]] * 2, [0 * x[0], x[1] + x[2]]]), [ROW],
    ),
    "mean_squared_error": (F.mean_squared_error, lambda a, b: np.mean((a - b) ** 2), [A, B]),
    "softmax_cross_entropy": (lambda x: F.softmax_cross_entropy(x, LABELS), lambda x: entropy(x, LABELS), [A]),
    "linear": (F.linear, lambda x, w, b: x.reshape(2, 12) @ w.T + b, [CUBE, RNG.random((5, 12)), RNG.random(5)]),
    "numpy, elementwise": (lambda x: np.tanh(np.multiply(A, x)) + np.abs(x),) * 2 + ([ROW],),
    "numpy, two": (lambda a, b: np.add(a, np.maximum(a, b)) / np.power(b, 2) + np.power(2.0, a),) * 2 + ([A, ROW],),
    "numpy, reductions": (lambda x: np.sum(np.max(x, axis=1)) * np.mean(x, 0, keepdims=True) - np.min(x),) * 2 + ([A],),
    "numpy, dot": (lambda a, b: np.dot(np.dot(a, b), np.dot(2.0, VECTOR[0])),) * 2 + ([A, M],),
    "numpy, where": (lambda a, b: np.where(A > 0.5, a, b) + np.where(A > 0.4, 1.0, a),) * 2 + ([A, ROW],),
    "numpy, shapes": (
        lambda x: np.concatenate([np.transpose(x), np.swapaxes(x, 0, 1), np.reshape(x, (4, 3))], axis=1),
    ) * 2 + ([A],),
    "numpy, limits": (lambda x: np.clip(x, 0.3, 0.6) + np.squeeze(np.broadcast_to(x, (1, 3, 4))),) * 2 + ([A],),
}  # fmt: skip


cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


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
