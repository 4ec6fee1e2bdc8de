"""Moves: parts, writes, types, products and running sums."""

import numpy as np
import pytest

from fastgrad.arrays.moves import cast, cumulated, get, is_basic, is_of_one, product, put, spread, take
from fastgrad.arrays.nodes import Node, RefusedError, constant, ufunc
from fastgrad.engine.numbers import read_only

A = np.arange(12.0).reshape(3, 4)
X = Node("parameter", value=A)


def test_parts_and_writes():
    assert np.array_equal(get(X, (1, slice(None))).value, A[1])
    picked = take(X, (np.array([-1, 0]), np.array([1, -2])))
    assert np.array_equal(picked.value, A[[-1, 0], [1, -2]])
    assert picked.how[1][0] == "pick"
    assert np.array_equal(take(X, np.array([True, False, True])).value, A[[0, 2]])
    with pytest.raises(IndexError):
        take(X, (np.array([3]), np.array([0])))
    assert np.array_equal(put(X, slice(0, 2), constant(1.0)).value[:2], np.ones((2, 4)))
    assert np.array_equal(spread(X, (2, 3, 4)).value, np.broadcast_to(A, (2, 3, 4)))
    assert spread(X, (3, 4)) is X


def test_types():
    assert cast(X, np.dtype(np.float32)) is X
    assert cast(constant(np.arange(3)), np.dtype(float)).dtype == np.float64
    truths = ufunc(np.greater, X, constant(3.0))
    assert np.array_equal(cast(truths, np.dtype(float)).value, A > 3)
    with pytest.raises(RefusedError, match="it makes int64"):
        cast(X, np.dtype(np.int64))


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_products_and_running_sums(axis):
    np.testing.assert_allclose(cumulated(X, axis).value, np.cumsum(A, axis), rtol=1e-14)
    for keepdims in (False, True):
        assert np.array_equal(product(X, axis, keepdims).value, np.prod(A, axis, keepdims=keepdims))


def test_too_many():
    long = Node("parameter", value=np.ones(3000))
    with pytest.raises(RefusedError, match="factors"):
        product(long, 0, False)
    with pytest.raises(RefusedError, match="numbers"):
        cumulated(long, 0)


def test_kinds_of_indices():
    assert is_basic((0, slice(None), None, ...))
    assert not is_basic((0, True))
    assert not is_basic(np.array([0]))
    assert is_of_one((1, np.int64(2)), 2)
    assert not is_of_one((1, ...), 2)
    assert not is_of_one(1, 2)
    assert not read_only(A).flags.writeable
    assert A.flags.writeable
