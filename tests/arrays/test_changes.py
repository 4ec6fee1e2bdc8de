"""Changes: an element, boxes by difference and by new values, within their places."""

import numpy as np
import pytest

from fastgrad.arrays.changes import Box, One, Squared, places_of, same, taken, whole
from fastgrad.arrays.nodes import Node

X = Node("parameter", value=np.arange(12.0).reshape(3, 4))


def test_an_element_per_lane_becomes_a_box_of_its_places():
    box = One(np.array([0, 1, 2]), np.array([1, 6, 1]), np.array([0.5, 0.25, 2.0])).boxed(X, 3)
    assert [s.tolist() for s in box.sets] == [[0, 1], [1, 2]]
    assert box.by(X)[:, :, 0].tolist() == [[0.5, 0], [0, 0]]
    assert box.by(X)[:, :, 1].tolist() == [[0, 0], [0, 0.25]]
    assert box.new(X)[:, :, 2].tolist() == [[3.0, 2.0], [5.0, 6.0]]
    assert box.size == 4
    assert box.is_difference


def test_of_a_number():
    node = Node("parameter", value=np.array(2.0))
    box = One(np.arange(2), np.zeros(2, int), np.array([0.5, -0.5])).boxed(node, 2)
    assert box.sets == ()
    assert box.new(node).tolist() == [2.5, 1.5]


def test_a_wider_box_has_no_change_around():
    box = Box((np.array([1]), np.array([0, 3])), np.ones((1, 2, 2)))
    wide = box.widened(X, (np.array([1, 2]), None))
    assert wide.by(X)[..., 0].tolist() == [[1, 0, 0, 1], [0, 0, 0, 0]]
    assert box.widened(X, box.sets) is box


def test_a_wider_box_of_truths_has_the_values_around():
    node = Node("parameter", value=np.array([True, False, True]))
    wide = Box((np.array([1]),), new=np.array([[True, False]])).widened(node, (None,))
    assert wide.new(node).T.tolist() == [[True, True, True], [True, False, True]]


def test_new_values_and_differences_are_made_of_each_other():
    by, new = Box((None, None), np.ones((3, 4, 1))), Box((None, None), new=X.value[..., None] + 1)
    assert np.array_equal(by.new(X), new.new(X))
    assert np.array_equal(by.by(X), new.by(X))
    assert new.mapped((None, None), lambda v: v.transpose(1, 0, 2)).new(X).shape == (4, 3, 1)


@pytest.mark.parametrize(
    ("a", "b", "equal"), [(None, None, True), (None, [0], False), ([1, 2], [1, 2], True), ([1], [2], False)]
)
def test_the_same_places(a, b, equal):
    assert same(a if a is None else np.array(a), b if b is None else np.array(b)) == equal


def test_places():
    assert whole(np.arange(3), 3) is None
    assert whole(np.arange(2), 3).tolist() == [0, 1]
    assert [p.tolist() for p in places_of(np.array([5, 11]), (3, 4))] == [[1, 2], [1, 3]]
    assert places_of(np.array([0]), ()) == ()
    assert np.array_equal(taken(X, (np.array([0, 2]), np.array([1, 2]))), X.value[[0, 2]][:, 1:3])
    assert np.shares_memory(taken(X, (np.array([1, 2]), None)), X.value)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_squares_are_made_when_they_are_asked_for(axes, keepdims):
    values, by = np.arange(12.0).reshape(3, 4), np.random.default_rng(0).normal(size=(3, 4, 5))
    base = Node("parameter", value=values)
    node = Node("ufunc", (base,), np.square, np.square)
    expected = (values[..., None] + by) ** 2
    box = Squared(Box((None, None), by), base)
    assert (box.size, box.is_difference) == (12, False)
    np.testing.assert_allclose(box.summed(axes, keepdims), expected.sum(axis=axes, keepdims=keepdims), rtol=1e-14)
    np.testing.assert_array_equal(box.new(node), expected)
    np.testing.assert_allclose(Squared(Box((None, None), by), base).by(node), expected - values[..., None] ** 2)
    turned = Squared(Box((None, None), by), base).mapped((None, None), lambda v: v.transpose(1, 0, 2))
    np.testing.assert_array_equal(turned.new(node), expected.transpose(1, 0, 2))
    some = np.array([0, 2])
    wider = Squared(Box((some, None), by[some]), base).widened(node, (None, None))
    np.testing.assert_allclose(wider.by(node)[some], (expected - values[..., None] ** 2)[some])
    assert not wider.by(node)[1].any()
