"""A layer and the losses of Variables."""

import numpy as np
import pytest

import fastgrad.variable as F
from fastgrad import Variable
from fastgrad.variable import layers
from tests.variable.cases import LABELS, A, soft

FLOATS = [np.float16, np.float32, np.float64]
floats = pytest.mark.parametrize("dtype", FLOATS, ids=["float16", "float32", "float64"])
RNG = np.random.default_rng(5)


def test_ignored_labels_and_the_reductions_of_the_loss():
    x, t = A - 0.5, Variable(LABELS)
    no = F.softmax_cross_entropy(Variable(x), t, reduce="no")
    rows = -np.log(soft(x, 1))
    np.testing.assert_allclose(no.data, [rows[0, 2], 0, rows[2, 0]], rtol=1e-14)
    assert F.softmax_cross_entropy(Variable(x), t).item() == pytest.approx(no.data.sum() / 2)
    assert F.softmax_cross_entropy(Variable(x), t, normalize=False).item() == pytest.approx(no.data.sum() / 3)
    assert F.softmax_cross_entropy(Variable(x), np.full(3, -1)).item() == 0.0


def test_labels_of_a_picture():
    x, t = RNG.random((2, 3, 4, 5)), RNG.integers(0, 3, (2, 4, 5))
    expected = -np.log(np.take_along_axis(soft(x, 1), t[:, None], axis=1)).mean()
    assert F.softmax_cross_entropy(Variable(x), t).item() == pytest.approx(expected, rel=1e-14)


@floats
def test_half_and_single_precision_through_a_network(dtype):
    w, b = Variable(np.ones((3, 2), dtype)), Variable(np.zeros(3, dtype))
    loss = F.softmax_cross_entropy(F.linear(np.ones((4, 2), dtype), w, b), np.zeros(4, int))
    loss.backward()
    assert (loss.dtype, w.grad.dtype, b.grad.dtype) == (dtype,) * 3
    np.testing.assert_allclose(b.grad, [-2 / 3, 1 / 3, 1 / 3], rtol=2 * float(np.finfo(dtype).eps))


def test_the_layers_of_the_package_are_these():
    assert all(getattr(F, name) is getattr(layers, name) for name in layers.__all__)


def test_weights_of_another_layout():
    x, weights = Variable(np.ones((2, 3))), Variable(np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"do not fit: these are \(outputs, inputs\); write linear\(x, W.T\)"):
        F.linear(x, weights)
    with pytest.raises(ValueError, match=r"shape \(2, 3\) and weights of shape \(4, 5\) do not fit"):
        F.linear(x, np.ones((4, 5)))
