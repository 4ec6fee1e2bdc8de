"""x, or a direction, is an array that f itself writes into while it is differentiated."""

import numpy as np
import pytest

import fastgrad

START = np.array([0.5, 1.0, 2.0])
GRADIENT, CURVES = 3.0 * START**2, 6.0 * START
V = np.array([1.0, 2.0, 3.0])
SCHEMES = [
    {}, {"method": "forward"}, {"method": "adaptive"}, {"bounds": (0.5, 2.0)}, {"side": [1, 0, -1]}, {"noise": 1e-12},
    {"method": "adaptive", "bounds": (0.5, 2.0)},
]  # fmt: skip


class Model:
    """Stores the weights that it is asked about."""

    def __init__(self):
        self.w = START.copy()

    def loss(self, w):
        self.w[:] = w
        return float(np.sum(self.w**3))

    def outputs(self, w):
        self.w[:] = w
        return self.w**3


@pytest.mark.parametrize("how", SCHEMES, ids=str)
def test_gradients(how):
    model = Model()
    np.testing.assert_allclose(fastgrad.gradient(model.loss, model.w, **how), GRADIENT, rtol=1e-5)
    model = Model()
    value, slope = fastgrad.value_and_gradient(model.loss, model.w, **how)
    assert value == 9.125
    np.testing.assert_allclose(slope, GRADIENT, rtol=1e-5)
    model = Model()
    np.testing.assert_allclose(fastgrad.grad(model.loss, **how)(model.w), GRADIENT, rtol=1e-5)
    model = Model()
    np.testing.assert_allclose(
        fastgrad.jacobian(model.outputs, model.w, **how), np.diag(GRADIENT), rtol=1e-5, atol=1e-9
    )


@pytest.mark.parametrize("method", ["central", "adaptive"])
def test_other_operations(method):
    for ask, wanted in (
        (lambda m: fastgrad.hessian(m.loss, m.w, method=method), np.diag(CURVES)),
        (lambda m: fastgrad.hessian_diagonal(m.loss, m.w, method=method), CURVES),
        (lambda m: fastgrad.hvp(m.loss, m.w, V, method=method), CURVES * V),
        (lambda m: fastgrad.jvp(m.outputs, m.w, V, method=method), GRADIENT * V),
        (lambda m: fastgrad.vjp(m.outputs, m.w, V, method=method), GRADIENT * V),
        (lambda m: fastgrad.derivative(m.outputs, m.w, method=method), GRADIENT),
        (lambda m: fastgrad.derivative(m.outputs, m.w, n=2, method=method), CURVES),
        (lambda m: fastgrad.propagate(m.outputs, m.w, np.eye(3), method=method)[0], START**3),
    ):
        np.testing.assert_allclose(ask(Model()), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", ["central", "forward", "adaptive", "exact"])
def test_a_direction_that_f_fills(method):
    x = START.copy()
    for operation, wanted in ((fastgrad.vjp, GRADIENT * V), (fastgrad.jvp, GRADIENT * V), (fastgrad.hvp, CURVES * V)):
        buffer = V.copy()

        def f(x, buffer=buffer, whole=operation is not fastgrad.hvp):
            buffer[:] = x**3
            return buffer.copy() if whole else np.sum(buffer)

        if (operation, method) != (fastgrad.hvp, "forward"):
            np.testing.assert_allclose(operation(f, x, buffer, method=method), wanted, rtol=1e-4)


def test_exact_derivatives_say_why_not():
    model = Model()
    with pytest.raises(fastgrad.EngineError, match=r"reads its argument also as .*give x\.copy\(\)"):
        fastgrad.gradient(lambda w, own=model.w: np.sum(own**2) + np.sum(w**3), model.w, method="exact")
