"""Losses that can be called are left alone; of the others the error says how to call them."""

from functools import partial

import numpy as np
import pytest

from fastgrad import EngineError, nn, weight_gradient
from fastgrad.nn import hints


class Net:
    def __init__(self):
        self.params = {"W": np.ones((2, 2))}

    def penalty(self, params):
        return float(np.sum(params["W"] ** 2))

    def loss(self, x):
        return float(np.sum((x @ self.params["W"]) ** 2))


def test_a_method_of_the_weights():
    net = Net()
    np.testing.assert_allclose(weight_gradient(net.penalty, net.params)["W"], 2.0, rtol=1e-8)


def test_weights_are_as_they_were():
    net = Net()
    with pytest.raises(ValueError, match=r"lambda params: net\.loss\(x\)"):
        weight_gradient(net.loss, net.params)
    assert (net.params["W"] == 1.0).all()


def test_another_networks_weights():
    with pytest.raises(ValueError, match="matmul") as caught:
        weight_gradient(Net().loss, Net().params)
    assert "lambda params" not in str(caught.value)


@pytest.mark.parametrize("loss", [np.sum, print, len, lambda *args: 1.0], ids=["np.sum", "print", "len", "all"])
def test_what_can_be_called(loss):
    hints.check_loss(loss, np.ones(2), ())


def test_defaults_count():
    hints.check_loss(lambda params, scale=1.0: scale, {}, ())
    with pytest.raises(TypeError, match=r"lambda params: loss\(params, scale\)"):
        hints.check_loss(lambda params, scale: scale, {}, ())


def test_an_exact_gradient_of_a_network_of_this_package():
    net, x, t = nn.TwoLayerNet(4, 3, 2), np.ones((2, 4)), np.array([0, 1])
    for loss in (lambda params: net.loss(x, t), partial(lambda net, params: net.loss(x, t), net)):
        with pytest.raises(EngineError, match=r"its network has net\.gradient\(x, t\), which is exact"):
            weight_gradient(loss, net.params, method="exact")
    with pytest.raises(EngineError) as refused:
        weight_gradient(lambda params: np.asarray(params["W1"]).item(0), net.params, method="exact")
    assert "net.gradient" not in str(refused.value)
