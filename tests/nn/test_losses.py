"""The functions of networks at known points, and the forms of labels."""

import numpy as np
import pytest

from fastgrad.nn import MLP
from fastgrad.nn.losses import cross_entropy_error, mean_squared_error, relu, sigmoid, softmax
from tests.nn.oracles import assert_same, bits, book, data, plain_predict, rng


def test_sigmoid_at_known_points_and_at_the_ends():
    np.testing.assert_allclose(sigmoid(np.log([1.0, 3.0, 1 / 3])), [0.5, 0.75, 0.25], rtol=1e-15)
    assert sigmoid([-np.inf, -1e308, -750.0, 40.0, np.inf]).tolist() == [0.0, 0.0, 0.0, 1.0, 1.0]
    assert np.isnan(sigmoid(np.nan))
    assert sigmoid(0) == 0.5
    assert np.isscalar(sigmoid(0.0))


def test_relu():
    assert relu([-np.inf, -1.0, -0.0, 0.0, 2.0, np.inf]).tolist() == [0.0, 0.0, 0.0, 0.0, 2.0, np.inf]
    assert np.isnan(relu(np.nan))
    x = np.array([[-1.0, 2.0]])
    assert relu(x).tolist() == [[0.0, 2.0]]
    assert x.tolist() == [[-1.0, 2.0]]


def test_softmax_of_rows_and_of_one_sample():
    rows = np.log([[1.0, 2.0, 5.0], [3.0, 3.0, 2.0]])
    expected = np.array([[1, 2, 5], [3, 3, 2]]) / 8
    np.testing.assert_allclose(softmax(rows), expected, rtol=1e-15)
    np.testing.assert_allclose(softmax(rows + np.array([[1e8], [-1e8]])), expected, rtol=1e-7)
    for row, e in zip(rows, expected, strict=True):
        np.testing.assert_allclose(softmax(row), e, rtol=1e-15, strict=True)
    np.testing.assert_allclose(softmax(rows[None])[0], expected, rtol=1e-15)
    assert softmax([1e300, -1e300, 0.0]).tolist() == [1.0, 0.0, 0.0]
    assert softmax([-np.inf, 0.0]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, bool])
def test_whole_numbers_do_not_wrap_around(dtype):
    """Pixels are uint8: 0 - 255 is 1 there, -1 is 255."""
    info = (0, 1) if dtype is bool else (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype != np.int64 else (-9, 200)
    x = np.array(info, dtype)
    wide = x.astype(np.float64)
    np.testing.assert_array_equal(softmax(x), softmax(wide), strict=True)
    np.testing.assert_array_equal(sigmoid(x), sigmoid(wide), strict=True)
    assert mean_squared_error(x, x[::-1]) == mean_squared_error(wide, wide[::-1])
    assert mean_squared_error(wide, x[::-1]) == mean_squared_error(wide, wide[::-1])


def test_single_precision_stays():
    x = np.array([-1.0, 2.0], np.float32)
    assert {f(x).dtype for f in (sigmoid, relu, softmax)} == {np.dtype(np.float32)}


def test_cross_entropy_error_with_the_books_guard():
    y = np.array([[0.1, 0.6, 0.3], [0.0, 0.25, 0.75], [1.0, 0.0, 0.0]])
    expected = -(np.log(0.6 + 1e-7) + np.log(1e-7) + np.log(1 + 1e-7)) / 3
    np.testing.assert_allclose(cross_entropy_error(y, [1, 0, 0]), expected, rtol=1e-15)
    np.testing.assert_allclose(cross_entropy_error(y[0], 1), -np.log(0.6 + 1e-7), rtol=1e-15)
    np.testing.assert_allclose(cross_entropy_error(y[0].tolist(), [0, 1, 0]), -np.log(0.6 + 1e-7), rtol=1e-15)


def test_mean_squared_error_is_a_mean_over_samples():
    y, t = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[0.0, 2.0], [3.0, 1.0]])
    assert mean_squared_error(y, t) == (0.5 * 1 + 0.5 * 16) / 2
    assert mean_squared_error(y[1], t[1]) == 8.0
    assert mean_squared_error([[1.0], [2.0]], [3.0, 2.0]) == 1.0  # one output: targets in a row


LABELS = {
    "list": [1, 0, 3, 3, 2, 1],
    "int64": np.array([1, 0, 3, 3, 2, 1]),
    "uint8": np.array([1, 0, 3, 3, 2, 1], np.uint8),
    "whole floats": np.array([1.0, 0.0, 3.0, 3.0, 2.0, 1.0]),
    "column": np.array([[1], [0], [3], [3], [2], [1]]),
    "one-hot": np.eye(4, dtype=int)[[1, 0, 3, 3, 2, 1]],
    "one-hot uint8": np.eye(4, dtype=np.uint8)[[1, 0, 3, 3, 2, 1]],
    "one-hot bool": np.eye(4, dtype=bool)[[1, 0, 3, 3, 2, 1]],
    "one-hot float": np.eye(4)[[1, 0, 3, 3, 2, 1]],
    "one-hot float32, Fortran": np.asfortranarray(np.eye(4, dtype=np.float32)[[1, 0, 3, 3, 2, 1]]),
}


@pytest.mark.parametrize("form", LABELS)
def test_forms_of_labels(form):
    net, (x, _) = MLP((3, 5, 4), rng=rng()), data()
    expected = -np.mean(np.log(plain_predict(net, "sigmoid", x)[np.arange(6), [1, 0, 3, 3, 2, 1]] + 1e-7))
    np.testing.assert_allclose(net.loss(x, LABELS[form]), expected, rtol=1e-14)
    assert bits(net.numerical_gradient(x, LABELS[form])) == bits(net.numerical_gradient(x, LABELS["list"]))
    assert bits(net.gradient(x, LABELS[form])) == bits(net.gradient(x, LABELS["list"]))
    assert net.accuracy(x, LABELS[form]) == net.accuracy(x, LABELS["list"])


@pytest.mark.parametrize("label", [2, np.int64(2), np.uint8(2), [2], [0, 0, 1, 0], np.eye(4)[2]], ids=repr)
def test_one_sample(label):
    net, x = MLP((3, 5, 4), "tanh", rng=rng()), data()[0][0]
    y = plain_predict(net, "tanh", x)
    np.testing.assert_allclose(net.predict(x), y, rtol=1e-13, strict=True)
    np.testing.assert_allclose(net.loss(x, label), -np.log(y[2] + 1e-7), rtol=1e-13)
    grads = net.numerical_gradient(x, label)
    assert_same(grads, book(lambda: net.loss(x, label), net.params), atol=1e-9)
    assert bits(grads) == bits(net.numerical_gradient(x[None], [2]))
    assert_same(net.gradient(x, label), grads, atol=1e-7)
    assert net.accuracy(x, label) == float(y.argmax() == 2)


@pytest.mark.parametrize("samples", [1, 3])
def test_one_output(samples):
    """With one output, labels are 0 or rows [1]."""
    net, x = MLP((2, 1), rng=rng()), data(samples, 2)[0]
    for t in ([0] * samples, np.ones((samples, 1))):
        assert abs(net.loss(x, t)) < 2e-7
        assert all((abs(g) < 1e-9).all() for g in net.numerical_gradient(x, t).values())
