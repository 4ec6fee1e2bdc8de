"""What is computed of a transpose is computed of the matrix: the same values, gradients and no transposes left."""

import numpy as np
import pytest

from fastgrad import weight_gradient
from fastgrad.arrays.nodes import Node, constant, ordered, reduce, reshape, transpose, ufunc
from fastgrad.arrays.recording import record
from fastgrad.arrays.transposes import TURNED, untransposed

RNG = np.random.default_rng(0)
X, LABELS = RNG.normal(size=(12, 5)), RNG.integers(0, 4, 12)
COLUMN, ROW, WHOLE = RNG.normal(size=(4, 1)), RNG.normal(size=(1, 12)), RNG.normal(size=(4, 12))


def of_columns(z):
    """The book's softmax."""
    z = z.T
    z = z - np.max(z, axis=0)
    y = np.exp(z) / np.sum(np.exp(z), axis=0)
    return y.T


def of_rows(z):
    z = z - np.max(z, axis=1, keepdims=True)
    return np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)


def turns(result):
    return sum(node.kind == "move" and node.how[1] == TURNED for node in ordered([result]))


FORMS = {
    "softmax": of_columns,
    "one axis kept": lambda z: (z.T - np.mean(z.T, axis=0, keepdims=True)).T,
    "over samples": lambda z: z.T / np.sum(np.exp(z.T), axis=1, keepdims=True),
    "over samples, not kept": lambda z: np.sum(z.T**2, axis=1),
    "of all": lambda z: np.sum(np.tanh(z.T)) * z.T,
    "a column, a row, a matrix beside it": lambda z: (z.T * COLUMN + ROW) * WHOLE,
    "numbers": lambda z: np.maximum(2.0 * z.T, 0.1) ** 2,
    "twice": lambda z: np.tanh(z.T.T).T,
    "with the matrix itself": lambda z: z.T @ z + np.sum(z.T, axis=1),
    "what is left": lambda z: np.cumsum(z.T, axis=0) * z.T,
    "a vector of weights": lambda z: z.T * np.sum(z, axis=1),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_gradients_are_those_of_the_loop(form):
    params = {"W": RNG.normal(size=(5, 4)), "b": RNG.normal(size=4)}

    def loss(p):
        return np.sum(np.sin(form(X @ p["W"] + p["b"])))

    loop = weight_gradient(loss, params, engine="python")
    for how in ({"engine": "arrays"}, {"method": "exact"}):
        found = weight_gradient(loss, params, **how)
        for name in params:
            np.testing.assert_allclose(found[name], loop[name], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["softmax", "one axis kept", "numbers", "twice"])
def test_no_transposes_are_left(name):
    z = Node("parameter", value=RNG.normal(size=(12, 4)))
    if name == "softmax":
        turned = transpose(z, (1, 0))
        shifted = ufunc(np.subtract, turned, reduce(np.maximum, turned, 0))
        e = ufunc(np.exp, shifted)
        result = transpose(ufunc(np.divide, e, reduce(np.add, e, 0)), (1, 0))
        expected = of_columns(z.value)
    elif name == "one axis kept":
        turned = transpose(z, (1, 0))
        result = transpose(ufunc(np.subtract, turned, reduce(np.add, turned, 0, keepdims=True)), (1, 0))
        expected = z.value - z.value.sum(axis=1, keepdims=True)
    elif name == "numbers":
        result = transpose(ufunc(np.multiply, transpose(z, (1, 0)), constant(WHOLE)), (1, 0))
        expected = z.value * WHOLE.T
    else:
        result, expected = transpose(ufunc(np.exp, transpose(transpose(z, (1, 0)), (1, 0))), (1, 0)), np.exp(z.value).T
    made = untransposed(result)
    np.testing.assert_allclose(made.value, expected, rtol=1e-15)
    assert turns(made) == (name == "twice")


def test_what_has_no_transposes_is_left_alone():
    z = Node("parameter", value=X)
    result = reduce(np.add, reshape(ufunc(np.exp, z), (60,)))
    assert untransposed(result) is result


def test_other_axes_stay():
    z = Node("parameter", value=RNG.normal(size=(2, 3, 4)))
    result = ufunc(np.exp, transpose(z, (2, 0, 1)))
    assert untransposed(result) is result
    np.testing.assert_array_equal(result.value, np.exp(z.value.transpose(2, 0, 1)))


def test_the_books_softmax_is_the_other_one():
    """Both become one program."""

    def program(softmax):
        def loss(p):
            return -np.sum(np.log(softmax(X @ p["W"])[np.arange(12), LABELS]))

        recording = record(loss, {"W": RNG.normal(size=(5, 4))}, lambda arrays: (dict(arrays),))
        return [(node.kind, node.shape) for node in ordered([recording.result])]

    assert program(of_columns) == program(of_rows)
