"""Weights in one vector: as the matrices that a loss makes of it, with the derivatives of the vector."""

import numpy as np
import pytest

import fastgrad
from fastgrad.arrays.nodes import ordered
from fastgrad.arrays.recording import record
from fastgrad.arrays.sections import sectioned

RNG = np.random.default_rng(0)
DATA, LABELS = RNG.normal(size=(30, 6)), RNG.integers(0, 3, 30)


def network(x):
    w1, b1, w2, b2 = x[:24].reshape(6, 4), x[24:28], x[28:40].reshape(4, 3), x[40:43]
    z = np.tanh(DATA @ w1 + b1) @ w2 + b2
    return np.sum(np.log(np.sum(np.exp(z), axis=1)) - z[np.arange(30), LABELS]) / 30


def decayed(x):
    return network(x) + 0.1 * np.sum(x**2)


def by_split(x):
    parts = np.split(x, [24, 28, 40])
    return network(np.concatenate([part * (k + 1.0) for k, part in enumerate(parts)]))


def turned(x):
    return np.sum(np.tanh(DATA @ x[:24].reshape(4, 6).T @ x[24:36].reshape(4, 3)) ** 2)


def in_fortran_order(x):
    return np.sum(np.tanh(DATA @ x[:24].reshape((6, 4), order="F")) * np.sum(x[24:]))


def overlapping(x):
    return np.sum(np.tanh(DATA @ x[:24].reshape(6, 4))) + np.sum(np.sin(DATA @ x[12:36].reshape(6, 4)))


def by_places(x):
    w = np.zeros((6, 6))
    w[np.tril_indices(6)] = x[:21]
    return np.sum(np.cos(DATA @ w)) + np.sum(x[21:33].reshape(6, 2) ** 2)


def of_every_other(x):
    return np.sum(np.tanh(DATA @ x[::2][:18].reshape(6, 3))) + x[1] ** 2


def as_a_whole(x):
    return np.sum(np.tanh(DATA[:, :1] * x) ** 2)


def one_number_apart(x):
    return np.sum(np.tanh(DATA @ x[1:19].reshape(6, 3))) * np.exp(x[0])


LOSSES = {
    "network": (network, 43), "decayed": (decayed, 43), "by split": (by_split, 43), "turned": (turned, 36),
    "Fortran": (in_fortran_order, 30), "overlapping": (overlapping, 40), "by places": (by_places, 33),
    "every other": (of_every_other, 40), "as a whole": (as_a_whole, 20), "one number apart": (one_number_apart, 19),
    "more than is read": (network, 50),
}  # fmt: skip


def parts_of(f, size):
    x = RNG.normal(size=size)
    return sectioned(record(f, {"": x}, lambda arrays: (arrays[""],)))


@pytest.mark.parametrize("name", LOSSES)
def test_derivatives(name):
    f, size = LOSSES[name]
    x = RNG.normal(size=size)
    expected = fastgrad.gradient(f, x, engine="python", h=1e-4)
    np.testing.assert_allclose(fastgrad.gradient(f, x, engine="arrays", h=1e-4), expected, rtol=1e-7, atol=1e-9)
    steps = np.linspace(1e-4, 2e-4, size)
    expected = fastgrad.gradient(f, x, engine="python", h=steps)
    np.testing.assert_allclose(fastgrad.gradient(f, x, engine="arrays", h=steps), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_every_element_is_in_one_part(name):
    found = parts_of(*LOSSES[name])
    positions = np.concatenate([part.positions for part in found.parts.values()])
    assert sorted(positions.tolist()) == list(range(LOSSES[name][1]))
    assert set(found.parts) == set(found.recording.parameters)


def test_matrices_and_vectors():
    found = parts_of(network, 43)
    shapes = sorted(node.shape for node in found.recording.parameters.values())
    assert shapes == [(3,), (4,), (4, 3), (6, 4)]
    assert not any(node.kind == "move" and node.how[1] == ("reshape", (6, 4)) for node in found.recording.order)


def test_a_vector_that_stays_whole():
    found = parts_of(as_a_whole, 20)
    assert list(found.parts) == [""]
    assert found.recording.order == ordered([found.recording.result])


def test_some_places_of_them():
    found = parts_of(network, 43)
    places = {"": np.array([42, 0, 7, 25, 30])}
    inside = found.places(places)
    assert sum(map(len, inside.values())) == 5
    numbers = {name: found.parts[name].positions[at].astype(float) for name, at in inside.items()}
    np.testing.assert_array_equal(found.joined(numbers, places)[""], places[""])


def test_in_weights_of_a_live_loss():
    params = {"all": RNG.normal(size=43), "scale": np.array([0.5])}

    def loss(p):
        return network(p["all"]) * np.exp(p["scale"][0])

    found = fastgrad.weight_gradient(loss, params, engine="arrays")
    exact = fastgrad.weight_gradient(loss, params, method="exact")
    for name in params:
        np.testing.assert_allclose(found[name], exact[name], rtol=1e-7, atol=1e-9)


class Net:
    """Gets its weights from a vector, as an optimizer has them."""

    def set_weights(self, x):
        self.w1, self.b1, self.w2 = x[:24].reshape(6, 4), x[24:28], x[28:40].reshape(4, 3)

    def loss(self, x):
        self.set_weights(x)
        return np.mean((np.tanh(DATA @ self.w1 + self.b1) @ self.w2) ** 2)


def test_stored_in_an_object():
    net, x = Net(), RNG.normal(size=40)
    expected = fastgrad.gradient(net.loss, x, engine="python", h=1e-4)
    np.testing.assert_allclose(fastgrad.gradient(net.loss, x, engine="arrays", h=1e-4), expected, rtol=1e-7, atol=1e-9)
    assert type(net.w1) is np.ndarray
    assert net.loss(x) == Net().loss(x)


def test_two_names_of_one_vector():
    x = RNG.normal(size=24)
    params = {"a": x, "b": x}

    def loss(p):
        return np.sum(np.tanh(DATA @ p["a"].reshape(6, 4))) + np.sum(p["b"].reshape(6, 4) ** 2)

    found = fastgrad.weight_gradient(loss, params, engine="arrays")
    exact = fastgrad.weight_gradient(loss, params, method="exact")
    for name in params:
        np.testing.assert_allclose(found[name], exact[name], rtol=1e-7, atol=1e-8)


def test_progress_counts_all_elements():
    told = []
    x = RNG.normal(size=50)
    fastgrad.weight_gradient(
        network_of, {"x": x}, engine="arrays", progress=lambda done, total: told.append((done, total))
    )
    assert told[-1] == (50, 50)
    assert {total for _, total in told} == {50}


def network_of(params):
    return network(params["x"])
