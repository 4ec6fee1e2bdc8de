"""Products with matrices that place elements are moves, with the same values, differences and gradients."""

import numpy as np
import pytest

import fastgrad
from fastgrad.arrays.nodes import Node, constant, matmul, ordered
from fastgrad.arrays.placements import placed

X = Node("parameter", value=np.random.default_rng(0).normal(size=(3, 4)))
CORNER = np.zeros((4, 6))
CORNER[[0, 2, 3], [5, 1, 2]] = 1.0
PLACING = {
    "unit": np.eye(4), "permutation": np.eye(4)[[2, 0, 3, 1]], "corner": CORNER, "nothing": np.zeros((4, 2)),
    "booleans": np.eye(4, dtype=bool), "one column": np.eye(4)[:, 2:3],
}  # fmt: skip
OTHERS = {
    "scaled": 2.0 * np.eye(4), "signs": -np.eye(4), "twice": np.ones((4, 1)), "copies": np.ones((1, 5)),
    "triangle": np.tri(4), "nan": np.where(np.eye(4) > 0, np.nan, 0.0), "sum of two": np.array([[1.0], [1], [0], [0]]),
    "last twice": np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACING)
def test_it_is_a_move(name):
    matrix = PLACING[name]
    for node in (matmul(X, constant(matrix)), matmul(constant(matrix.T), Node("parameter", value=X.value.T))):
        found = placed(node)
        assert found.kind == "move"
        np.testing.assert_array_equal(found.value, node.value)


@pytest.mark.parametrize("name", OTHERS)
def test_it_stays(name):
    matrix = OTHERS[name]
    x = X if len(matrix) == 4 else Node("parameter", value=X.value[:, :1])
    node = matmul(x, constant(matrix))
    assert placed(node) is node


def test_what_moves_on_both_sides_stays():
    node = matmul(X, Node("parameter", value=np.eye(4)))
    assert placed(node) is node
    assert all(placed(other) is other for other in ordered([node]) if other is not node)


def test_a_triangular_matrix_of_its_numbers():
    rows, columns = np.tril_indices(6)
    place = np.zeros((21, 36))
    place[np.arange(21), rows * 6 + columns] = 1.0
    data = np.random.default_rng(1).normal(size=(300, 6))

    def f(x):
        root = (x @ place).reshape(6, 6)
        return np.sum(np.log(1.0 + np.sum((data @ root) ** 2, axis=1)))

    x = np.random.default_rng(2).normal(size=21)
    exact = fastgrad.gradient(f, x, method="exact")
    for engine in ("arrays", "python"):
        np.testing.assert_allclose(fastgrad.gradient(f, x, engine=engine), exact, rtol=0, atol=1e-7)


def test_a_matrix_that_is_another_one_at_the_next_call():
    place = np.eye(5)
    data = np.random.default_rng(1).normal(size=(400, 5))

    def f(x):
        return np.sum((data * (x @ place)) ** 2) + np.sum(data[:, 0]) * x[4]

    x = np.linspace(1.0, 2.0, 5)
    before = fastgrad.gradient(f, x, method="exact")
    for changed in (np.eye(5)[::-1], 2.0 * np.eye(5), np.tri(5)):
        place[...] = changed
        found = fastgrad.gradient(f, x, method="exact")
        np.testing.assert_allclose(found, fastgrad.gradient(f, x, engine="python"), rtol=1e-6)
    place[...] = np.eye(5)
    np.testing.assert_allclose(fastgrad.gradient(f, x, method="exact"), before, rtol=1e-14)
