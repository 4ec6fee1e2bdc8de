"""Functions that move elements: where each goes is found once, and its gradient goes back the same way."""

from itertools import count

import numpy as np
import pytest

import fastgrad
from fastgrad import Variable
from fastgrad.variable import grad

X = np.random.default_rng(1).uniform(0.5, 1.5, (3, 4))
W = np.random.default_rng(2).uniform(0.5, 1.5, 400)
FORMS = [
    lambda x: np.stack([x, 2 * x, X], axis=1),
    lambda x: np.stack([x, 2 * x, X], 1) + np.concat([x, X], 1)[:, None, 4:],
    lambda x: np.stack(arrays=[x, X], axis=2) * np.vstack(tup=[x, X])[:3, :, None],
    lambda x: np.hstack([x, X]) + np.vstack([x, X[:1]])[:3, :1],
    lambda x: np.column_stack([x[:, 0], X[:, 0], x[:, 1]]) + np.dstack([x, x])[:, :3, 0],
    lambda x: np.block([[x, X], [X, x]]),
    lambda x: np.roll(x, 1, axis=0) + np.flip(x, 1) + np.fliplr(x) + np.flipud(x),
    lambda x: np.moveaxis(x, 0, 1) @ np.expand_dims(x, 0)[0] + np.rot90(x)[:, :1],
    lambda x: np.tile(x, (2, 2))[1:4, 2:6] + np.repeat(x, 2, axis=0)[1:4],
    lambda x: np.triu(x) + np.tril(x, -1) ** 2 + np.diag(x)[:, None] + np.diag(x[0])[:3],
    lambda x: np.take(x, [0, 2, 2], axis=0) + np.ravel(x)[4:8] + np.atleast_3d(x)[..., 0],
    lambda x: np.split(x, 2, axis=1)[1] * np.array_split(x, 2, axis=1)[0] + np.meshgrid(x[0, :2], x[:, 0])[1],
    lambda x: np.broadcast_arrays(x, X[:1])[1] * x + np.delete(x, 1, axis=1)[:, :1],
]


@pytest.mark.parametrize("f", FORMS, ids=count())
def test_values_and_gradients(f):
    x = Variable(X.copy())
    y = f(x)
    np.testing.assert_array_equal(y.array, f(X))

    def total(v):
        return np.sum(f(v).reshape(-1) ** 2 * W[: y.size])

    total(x).backward()
    np.testing.assert_allclose(x.grad, fastgrad.gradient(total, X, engine="python"), rtol=1e-7)
    (slope,) = grad([total(x)], [x], enable_double_backprop=True)
    (second,) = grad([np.sum(slope)], [x])
    up, down = (grad([total(v)], [v])[0].array for v in (Variable(X + 1e-5), Variable(X - 1e-5)))
    np.testing.assert_allclose(second.array, (up - down) / 2e-5, rtol=1e-6, atol=1e-7)


def test_integers_stay_integers():
    y = np.stack([Variable(np.array([1, 2])), np.array([3, 4])])
    assert (y.dtype, y.array.tolist()) == (np.int64, [[1, 2], [3, 4]])
    assert np.roll(Variable(np.array([1, 2, 3])), 1).array.tolist() == [3, 1, 2]
