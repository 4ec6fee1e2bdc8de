"""What newcomers try first: it works, or the error or the warning says what to write instead."""

from typing import NamedTuple

import numpy as np
import pytest

from fastgrad import (
    derivative,
    gradient,
    gradient_field,
    hessian,
    jacobian,
    jvp,
    nn,
    numerical_gradient,
    value_and_gradient,
    weight_gradient,
)

POINTS = np.random.default_rng(0).normal(size=(1000, 2))
SAMPLES = np.sin(np.linspace(0.0, 1.0, 20))
LABELS = np.eye(2)[[0, 1, 0]]
AXES = [np.linspace(0.0, 1.0, 4), np.linspace(0.0, 1.0, 3)]


def wave(x):
    return np.sin(x[0] * x[1])


def wave_of_rows(X):
    return np.sin(X[:, 0] * X[:, 1])


def product(x, y):
    return x * y


def several(x):
    return np.array([x[0] * x[1], x[0]])


def net():
    return nn.TwoLayerNet(4, 3, 2)


class Line:
    """A network by hand whose loss takes one argument, which is not its weights."""

    def __init__(self):
        self.params = {"W": np.ones((2, 2))}

    def loss(self, x):
        return float(np.sum((x @ self.params["W"]) ** 2))


class Try(NamedTuple):
    name: str
    call: object
    error: type
    parts: list


SAMPLES_GIVEN = ["must be a function, got", "grid.gradient(samples, spacing)"]
ROWS_AT_ONCE = ["f takes all points at once", "batch=True it gets one point, of shape (2,)", "x[0] for X[:, 0]"]
UNPACKED = ["missing 1 required positional argument: 'y'", "one array", "lambda x: f(x[0], x[1])"]

SAMPLED = [
    Try("gradient of samples", lambda: gradient(SAMPLES, 0.05), TypeError, SAMPLES_GIVEN),
    Try("gradient of a list", lambda: gradient([1.0, 4.0, 9.0], 1.0), TypeError, SAMPLES_GIVEN),
    Try("derivative of samples", lambda: derivative(SAMPLES, 0.05), TypeError, SAMPLES_GIVEN),
    Try("field of samples", lambda: gradient_field(np.ones((4, 3)), AXES), TypeError, SAMPLES_GIVEN),
]

ROWS = [
    Try("f of rows", lambda: gradient(wave_of_rows, POINTS, batch=True), IndexError, ROWS_AT_ONCE),
    Try("f of two rows", lambda: gradient(wave_of_rows, POINTS[:2], batch=True), IndexError, ROWS_AT_ONCE),
    Try(
        "f of rows by axis",
        lambda: gradient(lambda X: (X**2).sum(axis=1), POINTS, batch=True),
        np.exceptions.AxisError,
        ROWS_AT_ONCE,
    ),
    Try(
        "f of rows with args of rows",
        lambda: gradient(lambda X, a: a * X[:, 0], POINTS, batch=True, batch_args=(POINTS[:, 0],)),
        IndexError,
        ROWS_AT_ONCE,
    ),
    Try(
        "many outputs of rows",
        lambda: jacobian(lambda X: np.stack([X[:, 0], X[:, 1]], axis=1), POINTS, batch=True),
        IndexError,
        ROWS_AT_ONCE,
    ),
    Try("points without batch", lambda: gradient(wave, POINTS), ValueError, ["(1000, 2)", "one point", "batch=True"]),
    Try("three points without batch", lambda: gradient(wave, POINTS[:3]), ValueError, ["(3, 2)", "batch=True"]),
    Try("value: points without batch", lambda: value_and_gradient(wave, POINTS), ValueError, ["batch=True"]),
    Try("Hessian: points without batch", lambda: hessian(wave, POINTS[:9]), ValueError, ["(9, 2)", "batch=True"]),
    Try("columns without batch", lambda: gradient(wave, POINTS.T), ValueError, ["(2, 1000)", "x.T", "batch=True"]),
    Try(
        "f of rows without batch",
        lambda: gradient(wave_of_rows, POINTS),
        ValueError,
        ["all rows of x, of shape (1000, 2), at once", "x[0] for X[:, 0]", "batch=True"],
    ),
    Try("numbers", lambda: gradient(np.square, SAMPLES), ValueError, ["shape (20,)", "or derivative(f, x)"]),
    Try("second derivatives", lambda: hessian(np.square, SAMPLES), ValueError, ["or derivative(f, x, n=2)"]),
]

SEVERAL = [
    Try("f of two numbers", lambda: gradient(product, [1.0, 2.0]), TypeError, UNPACKED),
    Try("f of two numbers, batch", lambda: gradient(product, POINTS, batch=True), TypeError, UNPACKED),
    Try("f of two numbers, Hessian", lambda: hessian(product, [1.0, 2.0]), TypeError, UNPACKED),
    Try("f of two numbers, field", lambda: gradient_field(product, AXES), TypeError, UNPACKED),
    Try("f of two numbers, book", lambda: numerical_gradient(product, np.ones(2)), TypeError, UNPACKED),
    Try("f of two numbers, number", lambda: derivative(product, 1.0), TypeError, ["args=(y,)", "x[0], x[1]"]),
    Try(
        "f of five numbers",
        lambda: gradient(lambda a, b, c, d, e: a + b + c + d + e, np.ones(5)),
        TypeError,
        ["lambda x: f(*x)"],
    ),
    Try(
        "args forgotten",
        lambda: gradient(lambda x, scale: scale * np.sum(x), np.ones(5)),
        TypeError,
        ["f gets x alone", "args=(scale,)"],
    ),
    Try("f of nothing", lambda: gradient(lambda: 1.0, np.ones(2)), TypeError, ["lambda x: f()", "let f take x"]),
]

WEIGHTS = [
    Try(
        "loss of nothing",
        lambda: weight_gradient(lambda: 1.0, net().params),
        TypeError,
        ["weight_gradient(lambda params: loss(), params)"],
    ),
    Try(
        "a network's loss",
        lambda: weight_gradient((model := net()).loss, model.params),
        TypeError,
        ["'t'", "weight_gradient(lambda params: net.loss(x, t), params)"],
    ),
    Try(
        "a network's loss with args",
        lambda: weight_gradient((model := net()).loss, model.params, args=(np.ones((3, 4)), LABELS)),
        TypeError,
        ["weight_gradient(lambda params: net.loss(x, t), params)"],
    ),
    Try(
        "a loss of one argument",
        lambda: weight_gradient((model := Line()).loss, model.params),
        ValueError,
        ["weight_gradient(lambda params: net.loss(x), params)"],
    ),
    Try(
        "the network itself",
        lambda: weight_gradient(lambda params: 1.0, net()),
        TypeError,
        ["TwoLayerNet", "net.params"],
    ),
    Try(
        "a network's loss, book",
        lambda: numerical_gradient((model := net()).loss, model.params["W1"]),
        TypeError,
        ["lambda x: f(x, t)"],
    ),
]

RETURNED = [
    Try(
        "value and gradient",
        lambda: gradient(lambda x: (np.sum(x**2), 2 * x), np.ones(3)),
        ValueError,
        ["perhaps its value and its gradient", "lambda x: f(x)[0]"],
    ),
]

FORMS = [
    Try("dict", lambda: gradient(lambda p: p["a"], {"a": 1.0}), TypeError, ["x is a dict", "grad(f)(x)"]),
    Try("dict, Hessian", lambda: hessian(lambda p: p["a"], {"a": 1.0}), TypeError, ["x is a dict", "hess(f)(x)"]),
    Try("dict, Jacobian", lambda: jacobian(lambda p: p["a"], {"a": 1.0}), TypeError, ["x is a dict", "jac(f)(x)"]),
    Try("list of arrays", lambda: gradient(sum, [np.ones(2), np.ones(3)]), TypeError, ["ragged", "grad(f)(x)"]),
]

CALLS = [
    Try("samples alone", lambda: gradient(SAMPLES), TypeError, ["'x'", "gradient(f, x)", "grid.gradient(samples"]),
    Try(
        "a list alone", lambda: derivative([1.0, 4.0]), TypeError, ["'x'", "derivative(f, x)", "grid.gradient(samples"]
    ),
    Try("f alone", lambda: gradient(wave), TypeError, ["'x'", "write gradient(f, x), or grad(f)"]),
    Try("f alone, Hessian", lambda: hessian(wave), TypeError, ["'x'", "write hessian(f, x), or hess(f)"]),
    Try("f alone, Jacobian", lambda: jacobian(several), TypeError, ["'x'", "write jacobian(f, x), or jac(f)"]),
    Try("f alone, value", lambda: value_and_gradient(wave), TypeError, ["or value_and_grad(f)"]),
    Try("no direction", lambda: jvp(several, np.ones(2)), TypeError, ["'v'", "write jvp(f, x, v)"]),
    Try("no axes", lambda: gradient_field(wave), TypeError, ["'axes'", "write gradient_field(f, axes)"]),
    Try("nothing", gradient, TypeError, ["'f' and 'x'", "write gradient(f, x)"]),
    Try(
        "a step by place", lambda: gradient(wave, np.ones(2), 1e-4), TypeError, ["by name", "gradient(f, x, h=0.0001)"]
    ),
    Try("which derivative by place", lambda: derivative(np.sin, 1.0, 2), TypeError, ["derivative(f, x, n=2)"]),
    Try(
        "further arguments by place",
        lambda: jacobian(lambda x, a: a * x, np.ones(2), np.ones(2)),
        TypeError,
        ["2 positional arguments but 3", "jacobian(f, x, args=(...,))"],
    ),
    Try("an option that does not exist", lambda: gradient(wave, np.ones(2), step=1e-4), TypeError, ["'step'"]),
]

TABLE = CALLS + FORMS + SAMPLED + ROWS + SEVERAL + WEIGHTS + RETURNED


@pytest.mark.parametrize("row", TABLE, ids=[row.name for row in TABLE])
def test_errors_name_the_right_call(row):
    with pytest.raises(row.error) as caught:
        row.call()
    assert type(caught.value) is row.error
    for part in row.parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("operation", "f", "x", "parts"),
    [
        (gradient, wave, POINTS.T, ["coordinates 2 to 999", "(2, 1000)", "x.T"]),
        (gradient, lambda x: wave(x) + x[2], np.ones((3, 50)), ["coordinates 3 to 49", "(3, 50)", "x.T"]),
        (value_and_gradient, wave, POINTS.T[:, :20], ["coordinates 2 to 19", "x.T"]),
        (jacobian, several, POINTS.T[:, :20], ["coordinates 2 to 19", "x.T"]),
        (hessian, wave, POINTS.T[:, :20], ["coordinates 2 to 19", "x.T"]),
    ],
    ids=["gradient", "three coordinates", "value_and_gradient", "jacobian", "hessian"],
)
def test_points_in_columns(operation, f, x, parts):
    with pytest.warns(UserWarning, match=r"write x\.T") as seen:
        operation(f, x, batch=True)
    assert all(part in str(seen[0].message) for part in parts)
    assert seen[0].filename == __file__


def test_points_that_were_taken_for_one():
    with pytest.warns(UserWarning, match=r"never reads x\[2:\].*\(10, 2\).*batch=True"):
        jacobian(several, POINTS[:10])
