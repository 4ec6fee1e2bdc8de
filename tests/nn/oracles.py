"""What networks are compared with: drawn data, the book's loop, a forward pass written out again."""

import numpy as np


def rng(seed=0):
    return np.random.default_rng(seed)


def data(samples=6, inputs=3, outputs=4, seed=0):
    r = rng(seed)
    return r.standard_normal((samples, inputs)), r.integers(0, outputs, samples)


def book(loss, params, h=1e-4):
    """The book's loop over every element of every array, moved in place."""
    grads = {}
    for name, w in params.items():
        grads[name] = np.zeros_like(w)
        for place in np.ndindex(*w.shape):
            saved = w[place]
            w[place] = float(saved) + h
            above = loss()
            w[place] = saved - h
            below = loss()
            grads[name][place] = (above - below) / (2 * h)
            w[place] = saved
    return grads


def plain_predict(net, activation, x, scores=False):
    """A forward pass, written out again."""
    step = {
        "identity": lambda z: z,
        "relu": lambda z: z * (z > 0),
        "sigmoid": lambda z: 0.5 * (1 + np.tanh(z / 2)),
        "tanh": lambda z: 2 / (1 + np.exp(-2 * z)) - 1,
    }[activation]
    layers = [name for name in net.params if name.startswith("W")]
    for name in layers:
        x = x @ net.params[name] + net.params.get(name.replace("W", "b"), 0.0)
        if name != layers[-1]:
            x = step(x)
    if scores:
        return x
    e = np.exp(x)
    return e / e.sum(axis=-1, keepdims=True)


def assert_same(got, expected, atol, rtol=0.0):
    assert list(got) == list(expected)
    for name in got:
        np.testing.assert_allclose(got[name], expected[name], rtol=rtol, atol=atol, err_msg=name, strict=True)


def bits(arrays):
    return {name: (a.shape, a.dtype, a.tobytes()) for name, a in arrays.items()}
