"""Functions of Variables with the same in plain NumPy, and points away from kinks."""

import numpy as np
import pytest

import fastgrad.variable as F

_RNG = np.random.default_rng(5)
A, B, ROW, COLUMN = (_RNG.uniform(0.2, 0.8, shape) for shape in [(3, 4), (3, 4), (4,), (3, 1)])
CUBE, M, VECTOR, STACK = (_RNG.uniform(0.2, 0.8, shape) for shape in [(2, 3, 4), (4, 5), (4,), (2, 4, 3)])
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
    "matmul, transposed": (lambda a, b: F.matmul(a, b, True, True), lambda a, b: a.T @ b.T, [A, _RNG.random((5, 3))]),
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
    "linear": (F.linear, lambda x, w, b: x.reshape(2, 12) @ w.T + b, [CUBE, _RNG.random((5, 12)), _RNG.random(5)]),
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
