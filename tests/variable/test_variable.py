"""Variable: the fifth notebook's transcript, and every rule against differences of plain NumPy in random directions."""

import gc
import math
import threading
import weakref

import numpy as np
import pytest

import fastgrad
import fastgrad.variable as F
from fastgrad import Variable
from fastgrad.formulas.samples import SAMPLES
from fastgrad.variable import InvalidType, grad, no_backprop_mode

FLOATS = [np.float16, np.float32, np.float64]
floats = pytest.mark.parametrize("dtype", FLOATS, ids=["float16", "float32", "float64"])


def variable(*numbers, dtype=np.float64):
    return Variable(np.array(numbers, dtype))


# --- the transcript ------------------------------------------------------------------------------


def test_the_transcript_refuses_a_float():
    with pytest.raises(TypeError, match=r"numpy\.ndarray.* expected\. Actual: <class 'float'>"):
        Variable(5.0)


def test_the_transcript_of_the_parabola():
    x = Variable(np.array([5.0]))
    y = x**2 - 2 * x + 1
    assert repr(y.data) == "array([16.])"
    y.backward()
    assert repr(x.grad) == "array([8.])"
    dy = 2 * x - 2
    assert repr(dy.data) == "array([8.])"
    assert [type(a[0]) for a in (x.data, y.data, x.grad)] == [np.float64] * 3


def test_the_transcript_in_half_precision():
    x = Variable(np.array([5.0], dtype=np.float16))
    y = x**2 - 2 * x + 1
    y.backward()
    assert x.grad[0] == 8.0
    assert type(x.grad[0]) is np.float16


def test_the_posts_that_follow_print_the_output_gradient():
    x = Variable(np.linspace(-1, 1, 21).astype(np.float16))
    y = x**2 - 2 * x + 1
    y.grad = np.ones(21, np.float16)
    y.backward()
    np.testing.assert_array_equal(x.grad, 2 * x.data - 2)
    z = variable(3.0) ** 2
    z.backward()
    assert z.grad == [1.0]


# --- rules against differences -------------------------------------------------------------------

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


@cases
@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")
def test_single_precision_is_kept(case):
    ours, _, points = case
    xs = [Variable(p.astype(np.float32)) for p in points]
    y = ours(*xs)
    assert y.dtype == np.float32
    y.grad = np.ones(y.shape, np.float32)
    y.backward()
    assert [x.grad.dtype for x in xs] == [np.float32] * len(xs)
    gs = grad([y], xs, enable_double_backprop=True)
    assert [g.dtype for g in gs] == [np.float32] * len(xs)
    for g, x in zip(gs, xs, strict=True):
        np.testing.assert_array_equal(g.data, x.grad)


def test_every_function_of_the_module_has_a_case():
    tested = " ".join(CASES)
    assert [name for name in F.functions.__all__ if name not in tested and name != "as_variable"] == []


@pytest.mark.parametrize("name", ["rosenbrock", "ackley", "rastrigin", "styblinski"])
def test_samples_backpropagated(name):
    sample = SAMPLES[name]
    x = Variable(np.array(sample.point))
    if name == "ackley":
        y = -20 * F.exp(-0.2 * F.sqrt(F.mean(x**2))) - F.exp(F.mean(F.cos(2 * np.pi * x))) + 20 + np.e
    else:
        y = sample.f(x)
    y.backward()
    np.testing.assert_allclose(x.grad, sample.gradient(np.array(sample.point)), rtol=1e-13)


def test_hessian_vector_product():
    def f(x):
        return np.sum(np.exp(np.sin(x)) * x) + np.sum(x[1:] * x[:-1] ** 2) + np.max(x) ** 3

    x, v = Variable(np.array([0.3, -0.7, 1.1])), np.array([1.0, -2.0, 0.5])
    (g,) = grad([f(x)], [x], enable_double_backprop=True)
    (product,) = grad([np.sum(g * v)], [x])
    np.testing.assert_allclose(product.data, fastgrad.hvp(f, x.data, v, order=6), rtol=1e-7)


def test_third_derivative():
    x = Variable(np.array(2.0))
    y = x**4
    for expected in (32.0, 48.0, 48.0, 24.0):
        (y,) = grad([y], [x], enable_double_backprop=True)
        assert y.item() == expected


# --- kinks and corners ---------------------------------------------------------------------------


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


def test_every_largest_element_gets_the_whole_gradient():
    assert gradient_of(F.max, 1.0, 3.0, 3.0) == [0.0, 1.0, 1.0]


def test_ignored_labels_and_the_reductions_of_the_loss():
    x, t = A - 0.5, Variable(LABELS)
    no = F.softmax_cross_entropy(Variable(x), t, reduce="no")
    rows = -np.log(soft(x, 1))
    np.testing.assert_allclose(no.data, [rows[0, 2], 0, rows[2, 0]], rtol=1e-14)
    assert F.softmax_cross_entropy(Variable(x), t).item() == pytest.approx(no.data.sum() / 2)
    assert F.softmax_cross_entropy(Variable(x), t, normalize=False).item() == pytest.approx(no.data.sum() / 3)
    assert F.softmax_cross_entropy(Variable(x), np.full(3, -1)).item() == 0.0


def test_labels_of_a_picture():
    x, t = RNG.random((2, 3, 4, 5)), RNG.integers(0, 3, (2, 4, 5))
    expected = -np.log(np.take_along_axis(soft(x, 1), t[:, None], axis=1)).mean()
    assert F.softmax_cross_entropy(Variable(x), t).item() == pytest.approx(expected, rel=1e-14)


# --- the graph -----------------------------------------------------------------------------------


def test_leaves_accumulate_until_cleared():
    x = variable(5.0)
    y = x**2 - 2 * x + 1
    y.backward()
    y.backward()
    assert x.grad == [16.0]
    x.cleargrad()
    assert x.grad is None
    y.backward()
    assert x.grad == [8.0]


def test_results_on_the_way_keep_their_gradient_only_if_asked():
    x = variable(3.0)
    z = x**2
    y = z + 4 * z
    y.backward()
    assert (z.grad, y.grad.tolist(), x.grad.tolist()) == (None, [1.0], [30.0])
    y.backward(retain_grad=True)
    assert (z.grad.tolist(), y.grad.tolist(), x.grad.tolist()) == ([5.0], [1.0], [60.0])
    (2 * y).backward()
    assert (z.grad, y.grad, x.grad.tolist()) == (None, None, [120.0])


def test_gradients_share_no_memory():
    x, w, y = variable(1.0, 2.0), variable(3.0, 4.0), None
    y = (x + w).reshape(2, 1)
    y.grad = np.ones((2, 1))
    y.backward(retain_grad=True)
    x.grad *= 5
    assert (w.grad.tolist(), y.grad.tolist()) == ([1.0, 1.0], [[1.0], [1.0]])
    s = variable(1.0, 2.0)
    s.sum().backward()
    s.grad += 1
    assert s.grad.tolist() == [2.0, 2.0]


def test_a_gradient_arrives_once_all_uses_have_been_summed():
    """Walked in the order of the calls, a long path beside a short one would count twice."""
    x = variable(2.0)
    a = x * 1
    b = a * a
    c = b * a
    (a + (c * b)).backward()
    assert x.grad == [1 + 5 * 2.0**4]


def test_long_chains_neither_recurse_nor_stay():
    x = variable(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1e-5
    middle = weakref.ref(y)
    y.backward()
    assert x.grad == [1.0]
    del y
    assert middle() is None


def test_fan_out_costs_one_visit_a_node():
    x = variable(1.0)
    y = x
    for _ in range(200):
        y = y + y
    y.backward()
    assert x.grad == [2.0**200]


def test_the_graph_goes_with_its_last_variable():
    x = variable(1.0)
    gc.disable()
    try:
        z = F.sin(x)
        held = weakref.ref(z), weakref.ref(z.data)
        y = F.exp(z)[[0]] * 2
        del z
        assert held[0]() is not None
        y.backward(retain_grad=True)
        (g,) = grad([y], [x], enable_double_backprop=True)
        del y, g
        assert [h() for h in held] == [None, None]
    finally:
        gc.enable()


def test_nothing_is_remembered_in_no_backprop_mode():
    x = variable(5.0)
    with no_backprop_mode():
        y = x**2
        with pytest.raises(ZeroDivisionError), no_backprop_mode():
            _ = 1 / 0
        assert not (x * 2)._inputs
    y.backward()
    assert x.grad is None
    (x**2).backward()
    assert x.grad == [10.0]


def test_no_backprop_mode_is_of_one_thread():
    x, inside, done = variable(5.0), threading.Event(), threading.Event()

    def other():
        with no_backprop_mode():
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    try:
        assert inside.wait(10)
        (x**2).backward()
        assert x.grad == [10.0]
    finally:
        done.set()
        thread.join()


def test_threads_differentiate_a_shared_graph():
    x = variable(*np.linspace(0, 1, 50))
    y = F.sum(F.exp(F.sin(x)) * x)
    found = [None] * 8

    def work(i):
        found[i] = grad([y], [x])[0].data

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    y.backward()
    assert all(np.array_equal(g, x.grad) for g in found)


def test_constants_get_no_gradient():
    x, c = variable(2.0), Variable(np.array([3.0]), requires_grad=False)
    y = x * c
    y.backward()
    assert (x.grad.tolist(), c.grad) == ([3.0], None)
    assert not (c * 2).requires_grad


def test_a_failure_leaves_gradients_alone():
    x = variable(1.0, 2.0)
    y = F.sum(x * x)
    x.data = np.ones(3)
    with pytest.raises(ValueError, match=r"x\.data got another shape"):
        y.backward()
    assert x.grad is None


def test_new_data_do_not_change_what_was_computed():
    x = variable(2.0)
    y = x**3
    x.data = np.array([100.0])
    y.backward()
    assert x.grad == [12.0]
    with pytest.raises(RuntimeError, match=r"x\.data was replaced"):
        grad([y], [x], enable_double_backprop=True)


def test_gradient_descent_in_place():
    x = variable(0.0, 0.0)
    for _ in range(100):
        x.cleargrad()
        F.sum((x - np.array([1.0, -2.0])) ** 2).backward()
        x.data -= 0.1 * x.grad
    np.testing.assert_allclose(x.array, [1.0, -2.0], atol=1e-8)


def test_an_index_changed_later_changes_nothing():
    x, index = variable(1.0, 2.0), np.array([0, 0])
    y = F.sum(x[index])
    index[:] = 1
    y.backward()
    assert x.grad.tolist() == [2.0, 0.0]


@pytest.mark.parametrize("index", [((0, 0),), [0, 0], range(1), (np.int64(0), Ellipsis), np.array([0, -2])])
def test_every_kind_of_index(index):
    x = variable(1.0, 2.0)
    y = x[index]
    y.grad = np.ones_like(y.data)
    y.backward()
    assert x.grad.tolist() == [float(y.size), 0.0]


def test_mask_of_nothing():
    y = Variable(EMPTY)[np.empty((0, 3), bool)]
    y.grad = np.ones(y.shape)
    y.backward()
    assert y.shape == (0,)


# --- grad ----------------------------------------------------------------------------------------


def test_grad_leaves_every_grad_alone():
    x, other = variable(3.0), variable(1.0)
    y = x**3
    (first, missing) = grad([y], [x, other])
    assert (first.data.tolist(), missing, x.grad, y.grad) == ([27.0], None, None, None)
    assert not first._inputs


def test_grad_of_several_outputs_from_given_gradients():
    x = variable(3.0, 4.0)
    a, b = x**2, F.sum(x)
    (g,) = grad([a, b], [x], [variable(1.0, 10.0), None])
    assert g.data.tolist() == [7.0, 81.0]


def test_grad_stops_at_results_on_the_way():
    x = variable(3.0)
    z = x**2
    (g,) = grad([z**2], [z])
    assert g.data.tolist() == [18.0]


def test_gradients_of_gradients_by_backward():
    x = variable(3.0)
    (g,) = grad([x**3], [x], enable_double_backprop=True)
    g.backward()
    assert x.grad == [18.0]


# --- data types ----------------------------------------------------------------------------------


@floats
@pytest.mark.parametrize("constant",
                         [2, 2.0, True, np.float64(2), np.float16(2), np.int64(2), np.array([2.0]), np.array(2)],
                         ids=["int", "float", "bool", "float64", "float16", "int64", "array", "0-d"])  # fmt: skip
def test_constants_take_the_type_of_the_variable(dtype, constant):
    x = variable(3.0, dtype=dtype)
    two = float(np.max(constant))
    pairs = [(x + constant, 3 + two), (constant - x, two - 3), (constant * x, 3 * two), (x / constant, 3 / two)]
    pairs += [
        (x**constant, 3**two),
        (constant**x, two**3),
        (x // constant, 3 // two),
        (F.maximum(constant * x, x), 3 * two),
    ]
    for y, expected in pairs:
        assert (y.dtype, y.data.tolist()) == (dtype, [expected])


@floats
def test_half_and_single_precision_through_a_network(dtype):
    w, b = Variable(np.ones((3, 2), dtype)), Variable(np.zeros(3, dtype))
    loss = F.softmax_cross_entropy(F.linear(np.ones((4, 2), dtype), w, b), np.zeros(4, int))
    loss.backward()
    assert (loss.dtype, w.grad.dtype, b.grad.dtype) == (dtype,) * 3
    np.testing.assert_allclose(b.grad, [-2 / 3, 1 / 3, 1 / 3], rtol=2 * float(np.finfo(dtype).eps))


def test_integers_go_forward_only():
    n = variable(1, 2, dtype=int)
    assert (2 * n - 1)[::-1].sum().data == 4
    with pytest.raises(InvalidType, match=r"backward\(\) needs floats. Actual: int64"):
        F.sum(n).backward()


# --- what an array does --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.array([5.0]), "variable([5.])"),
        (np.array(5.0), "variable(5.)"),
        (np.array([1, 2]), "variable([1, 2])"),
        (np.eye(2), "variable([[1., 0.],\n          [0., 1.]])"),
    ],
    ids=["one", "0-d", "int", "matrix"],
)
def test_repr(array, text):
    assert repr(Variable(array)) == str(Variable(array)) == text


def test_repr_tells_the_name_and_the_shape_of_nothing():
    assert repr(Variable(np.eye(2), name="x")) == "variable x([[1., 0.],\n            [0., 1.]])"
    assert repr(Variable(EMPTY)) == "variable([], shape=(0, 3))"


def test_attributes_of_an_array():
    a = np.ones((2, 3), np.float32)
    x = Variable(a, name="x", grad=a)
    assert x.data is x.array is x.grad is a
    assert (x.shape, x.ndim, x.size, x.dtype, len(x), x.name) == ((2, 3), 2, 6, np.float32, 2, "x")
    assert (np.shape(x), np.ndim(x), np.size(x), np.argmax(x)) == ((2, 3), 2, 6, 0)
    assert [row.shape for row in x] == [(3,), (3,)]
    assert x.T.shape == (3, 2)
    x.array = np.zeros(2)
    assert (x.data.tolist(), x.grad) == ([0.0, 0.0], None)
    assert variable(2.5).item() == 2.5


def test_leaves_can_be_copied_and_results_cannot():
    import copy
    import pickle

    x = Variable(np.array([1.0]), name="x", grad=np.array([2.0]))
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert (other.data.tolist(), other.name, other.grad.tolist()) == ([1.0], "x", [2.0])
    with pytest.raises(TypeError, match="with a graph cannot be copied"):
        copy.copy(x * 2)


# --- errors --------------------------------------------------------------------------------------

X, SINGLE, INTEGER = variable(1.0, 2.0), variable(1.0, 2.0, dtype=np.float32), variable(1, 2, dtype=int)


def in_place(array):
    array += X


ERRORS = {
    "float": (lambda: Variable(5.0), TypeError, r"numpy.ndarray.* expected. Actual: <class 'float'>; write Variable"),
    "number": (lambda: Variable(np.float64(5)), TypeError, "expected. Actual: <class 'numpy.float64'>"),
    "list": (lambda: Variable([5.0]), TypeError, "expected. Actual: <class 'list'>"),
    "variable": (lambda: Variable(X), TypeError, r"Variable'>; write Variable\(data.array\)"),
    "masked": (lambda: Variable(np.ma.array([1.0])), TypeError, "MaskedArray"),
    "objects": (lambda: Variable(np.array([None])), TypeError, "holds numbers. Actual: an array of object"),
    "new data": (lambda: setattr(X, "data", 5.0), TypeError, "expected. Actual: <class 'float'>"),
    "function of float": (lambda: F.sin(0.5), TypeError, "expected. Actual: <class 'float'>"),
    "no gradient": ((2 * X).backward, ValueError, r"shape \(2,\) needs y.grad.*write y.grad = np.ones_like"),
    "no element": (lambda: Variable(EMPTY).backward(), ValueError, r"shape \(0, 3\) needs y.grad"),
    "grad float": (lambda: setattr(X, "grad", 1.0), TypeError, "grad must be <class 'numpy.ndarray'> or None"),
    "grad type": (lambda: setattr(X, "grad", SINGLE.data), TypeError, r"(?s)Dtype.*grad: float32 != data: float64"),
    "grad shape": (lambda: setattr(X, "grad", np.ones(3)), ValueError, r"(?s)Shape.*grad: \(3,\) != data: \(2,\)"),
    "beyond the type": (lambda: variable(1, dtype=np.int8) + 300, InvalidType, "int64 != int8"),
    "mixed": (lambda: X + SINGLE, InvalidType, r"(?s)Expect: .*lhs.dtype == rhs.dtype\nActual: float64 != float32"),
    "mixed, one function": (lambda: F.matmul(SINGLE, X), InvalidType, "Actual: float32 != float64"),
    "mixed, several": (lambda: F.concat([X, X, SINGLE], 0), InvalidType, "float64 != float32"),
    "integer power": (lambda: INTEGER**2, InvalidType, r"x.dtype.kind == 'f'\nActual: int64"),
    "power of integers": (lambda: 2**INTEGER, InvalidType, "Actual: int64"),
    "integer sine": (lambda: np.sin(INTEGER), InvalidType, "sin of floats"),
    "half of an integer": (lambda: INTEGER * 0.5, InvalidType, "float64 != int64"),
    "complex": (lambda: X * 1j, InvalidType, "complex128 != float64"),
    "text": (lambda: X + np.array(["a", "b"]), TypeError, "must be a number or an array of numbers"),
    "beside a list": (lambda: X / [1, 2], TypeError, "unsupported operand"),
    "floor division of None": (lambda: X // None, TypeError, "unsupported operand"),
    "==": (lambda: X == SINGLE, TypeError, r"do not support == operator. You could use `array`"),
    "!=": (lambda: X != 1, TypeError, "do not support != operator"),
    "<": (lambda: X < 1, TypeError, "do not support < operator"),
    "<=": (lambda: X <= 1, TypeError, "do not support <= operator"),
    ">": (lambda: np.ones(2) < X, TypeError, "do not support < operator"),
    ">=": (lambda: X >= 1, TypeError, "do not support >= operator"),
    "> of a variable": (lambda: X > 1, TypeError, "do not support > operator"),
    "hash": (lambda: {X: 1}, TypeError, "unhashable"),
    "bool": (lambda: not X, TypeError, "cannot be evaluated as a bool; use the `array`"),
    "number of it": (lambda: float(X[0]), TypeError, r"write float\(y.array\) or y.item\(\)"),
    "math": (lambda: math.sin(X[0]), TypeError, r"write float\(y.array\)"),
    "array": (lambda: np.asarray(X), TypeError, "cannot be converted to an array"),
    "array of them": (lambda: np.array([X, X]), TypeError, "cannot be converted to an array"),
    "as an index": (lambda: X[INTEGER], TypeError, "cannot be converted to an array"),
    "in place": (lambda: in_place(np.ones(2)), TypeError, r"np.add cannot write a Variable into an array.*y = x \+ v"),
    "unknown ufunc": (
        lambda: np.floor(X), TypeError, "np.floor does not work on Variables, which know NumPy's absolute, add",
    ),
    "unknown function": (lambda: np.stack([X, X]), TypeError, "np.stack does not work on Variables.*`array`"),
    "ufunc method": (lambda: np.add.reduce(X), TypeError, "np.add.reduce does not work"),
    "ufunc option": (lambda: np.sin(X, where=[True, False]), TypeError, "np.sin with where does not work"),
    "reduction option": (lambda: np.sum(X, 0, np.float32), TypeError, "positional"),
    "condition": (lambda: np.where(X, X, 0), TypeError, "needs a condition of bools"),
    "clip limits": (lambda: F.clip(X, X, None), TypeError, "needs numbers or arrays"),
    "dot": (lambda: np.dot(X, Variable(np.ones((1, 2, 3)))), InvalidType, "write a @ b"),
    "shapes": (lambda: X + np.ones(3), ValueError, "broadcast"),
    "one-hot": (lambda: F.softmax_cross_entropy(np.eye(2), np.eye(2)), TypeError, r"\(2,\) of int.*argmax\(axis=1\)"),
    "label": (lambda: F.softmax_cross_entropy(np.eye(2), np.array([0, 2])), ValueError, "label 2, but x has 2 classes"),
    "negative label": (lambda: F.softmax_cross_entropy(np.eye(2), np.array([0, -2])), ValueError, "label -2"),
    "scores": (lambda: F.softmax_cross_entropy(X, np.array(0)), ValueError, r"needs rows of scores, got shape \(2,\)"),
    "reduce": (
        lambda: F.softmax_cross_entropy(np.eye(2), np.array([0, 1]), reduce="sum"), ValueError, "'mean' or 'no'",
    ),
    "all pairs": (lambda: F.mean_squared_error(X, np.ones((2, 1))), ValueError, r"one shape, got \(2,\) and \(2, 1\)"),
    "nothing joined": (lambda: F.concat([]), ValueError, "at least one array"),
    "grad of one": (lambda: grad(X, X), TypeError, r"outputs must be a list of Variables.*grad\(\[y\], \[x\]\)"),
    "grad by an array": (lambda: grad([X], [X.data]), TypeError, "inputs must be a list of Variables"),
    "grad of integers": (lambda: grad([INTEGER], [INTEGER]), InvalidType, "int64"),
    "grad outputs": (lambda: grad([X], [X], []), ValueError, "list of 1 Variables"),
    "grad output array": (lambda: grad([X], [X], [np.ones(2)]), TypeError, r"write Variable\(g\)"),
    "grad output shape": (lambda: grad([X], [X], [variable(1.0)]), ValueError, "Shape of data and grad mismatch"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), ERRORS.values(), ids=ERRORS)
def test_error(call, error, text):
    with pytest.raises(error, match=text):
        call()
