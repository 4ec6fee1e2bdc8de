"""What stands beside a Variable: constants, data types, indices."""

import numpy as np
import pytest

import fastgrad.variable as F
from fastgrad import Variable
from fastgrad.variable import InvalidType
from fastgrad.variable.operands import checked, constant, fixed

FLOATS = [np.float16, np.float32, np.float64]
floats = pytest.mark.parametrize("dtype", FLOATS, ids=["float16", "float32", "float64"])


def variable(*numbers, dtype=np.float64):
    return Variable(np.array(numbers, dtype))


EMPTY = np.empty((0, 3))


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


def test_integers_go_forward_only():
    n = variable(1, 2, dtype=int)
    assert (2 * n - 1)[::-1].sum().data == 4
    with pytest.raises(InvalidType, match=r"backward\(\) needs floats. Actual: int64"):
        F.sum(n).backward()


def test_constants_are_cast_where_nothing_is_lost():
    assert constant(2, np.dtype(np.float32)).dtype == np.float32
    assert constant(np.array([1.0, 2.0]), np.dtype(np.int64)).tolist() == [1, 2]
    with pytest.raises(InvalidType, match=r"constant\.dtype"):
        constant(np.array([1.5]), np.dtype(np.int64))


def test_an_index_is_kept_as_arrays_of_its_own():
    rows = [0, 2]
    kept = fixed((rows, slice(1)))
    rows[0] = 1
    assert kept[0].tolist() == [0, 2]
    assert kept[1] == slice(1)


def test_arrays_of_numbers_are_kept_as_they_are():
    data = np.ones(3)
    assert checked(data) is data
    for wrong in ([1.0], np.array(["a"])):
        with pytest.raises(TypeError):
            checked(wrong)
