"""What a Variable holds and shows."""

import numpy as np
import pytest

import fastgrad.variable as F
from fastgrad import Variable
from fastgrad.variable import grad
from fastgrad.variable.numbers import Numbers


def variable(*numbers, dtype=np.float64):
    return Variable(np.array(numbers, dtype))


EMPTY = np.empty((0, 3))


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


def test_a_variable_is_made_of_its_numbers():
    x = Variable(np.ones((2, 3)), name="x")
    assert isinstance(x, Numbers)
    assert (x.shape, x.ndim, x.size, x.name) == ((2, 3), 2, 6, "x")
