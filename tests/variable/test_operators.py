"""Variables as the book's readers write them, and what is refused."""

import math

import numpy as np
import pytest

import fastgrad.variable as F
from fastgrad import Variable
from fastgrad.variable import InvalidType, grad
from fastgrad.variable.operators import implements, record
from fastgrad.variable.rules import RULES


def variable(*numbers, dtype=np.float64):
    return Variable(np.array(numbers, dtype))


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


EMPTY = np.empty((0, 3))


def test_leaves_can_be_copied_and_results_cannot():
    import copy
    import pickle

    x = Variable(np.array([1.0]), name="x", grad=np.array([2.0]))
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert (other.data.tolist(), other.name, other.grad.tolist()) == ([1.0], "x", [2.0])
    with pytest.raises(TypeError, match="with a graph cannot be copied"):
        copy.copy(x * 2)


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
        lambda: np.spacing(X), TypeError, "np.spacing does not work on Variables, which know NumPy's absolute, add",
    ),
    "unknown function": (
        lambda: np.argpartition(X, 1), TypeError, "np.argpartition does not work on Variables.*`array`",
    ),
    "ufunc method": (lambda: np.nextafter.reduceat(X, [0]), TypeError, "np.nextafter.reduceat does not work"),
    "ufunc option": (lambda: np.sin(X, where=[True, False]), TypeError, "np.sin with where does not work"),
    "reduction option": (lambda: np.sum(X, 0, np.float32), TypeError, "np.sum with dtype does not work"),
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


def test_an_operation_is_recorded_by_its_rule():
    x = Variable(np.array([1.0, 2.0]))
    y = record(RULES["multiply"], x, x)
    assert y.array.tolist() == [1.0, 4.0]
    assert implements()(abs) is abs


def test_a_copy_is_an_operation():
    x = Variable(np.array([1.0, -0.0], dtype=np.float32))
    y = x.copy()
    y.data[0] = 5.0
    assert x.data[0] == 1.0
    assert y.data.dtype == np.float32
    assert np.signbit(y.data[1])
    z = (x.copy() * x.copy()).sum()
    z.backward()
    assert x.grad.tolist() == [2.0, 0.0]
