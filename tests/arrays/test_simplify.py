"""Simpler programs: equal nodes are one, what is picked is picked first."""

import numpy as np

from fastgrad.arrays.moves import get, take
from fastgrad.arrays.nodes import Node, constant, ordered, reduce, transpose, ufunc
from fastgrad.arrays.simplify import simplified

X = Node("parameter", value=np.arange(1.0, 7.0).reshape(2, 3))
PICKED = np.array([0, 1]), np.array([2, 0])


def test_equal_nodes_are_one():
    twice = [ufunc(np.exp, ufunc(np.subtract, X, constant(1.0))) for _ in range(2)]
    result = reduce(np.add, ufunc(np.divide, *twice))
    found, parameters = simplified(result, {"x": X})
    assert len(ordered([found])) == len(ordered([result])) - 2
    assert found.value == result.value
    assert parameters == {"x": X}


def test_what_differs_stays():
    pairs = [
        (get(X, 0), get(X, 1)), (ufunc(np.power, X, constant(2)), ufunc(np.power, X, constant(3))),
        (ufunc(np.power, X, constant(2)), ufunc(np.power, X, constant(2.0))),
        (reduce(np.add, X, 0), reduce(np.maximum, X, 0)), (reduce(np.add, X, 0), reduce(np.add, X, 0, True)),
        (transpose(X, (1, 0)), X),
    ]  # fmt: skip
    for a, b in pairs:
        whole = ufunc(np.add, reduce(np.add, a), reduce(np.add, b))
        found, _ = simplified(whole, {"x": X})
        assert found.value == whole.value
        assert len(ordered([found])) == len(ordered([whole]))


def test_elements_are_picked_before_they_are_computed():
    row = Node("parameter", value=np.array([[1.0, 2.0, 3.0]]))
    result = reduce(np.add, take(ufunc(np.log, ufunc(np.add, ufunc(np.multiply, X, row), constant(1.0))), PICKED))
    found, _ = simplified(result, {"x": X, "row": row})
    assert found.value == result.value
    assert all(node.size <= 2 for node in ordered([found]) if node.kind == "ufunc")


def test_long_chains_are_no_recursion():
    node = X
    for _ in range(2000):
        node = ufunc(np.add, node, constant(1.0))
    found, _ = simplified(reduce(np.add, node), {"x": X})
    assert found.value == X.value.sum() + 6 * 2000
