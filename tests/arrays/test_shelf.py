"""Programs that are kept: used again where nothing has changed, never where something has."""

import gc
import types
import weakref
from fractions import Fraction

import numpy as np
import pytest

from fastgrad import EngineError, gradient, numerical_gradient, weight_gradient
from fastgrad.arrays import live, rebuild, shelf

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4))
SCALE, FLAGS = 2.0, {"deep": True}


@pytest.fixture(autouse=True)
def empty_shelf():
    shelf.clear()
    yield
    shelf.clear()


@pytest.fixture
def recorded(monkeypatch):
    """How often losses were recorded."""
    count, record = [], live.record

    def counting(*given):
        count.append(1)
        return record(*given)

    monkeypatch.setattr(live, "record", counting)
    return count


def exact(loss, params):
    return weight_gradient(loss, params, method="exact")


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)
    return np.array_equal(a, b)


def helper(x):
    return np.tanh(x)


class Layer:
    gain = 1.0

    def __init__(self, W):
        self.W, self.out, self.mask = W, None, None

    def forward(self, x):
        self.out = np.dot(x, self.W) * self.gain
        self.mask = np.abs(self.out) > 0.05
        return self.out * self.mask


class Net:
    def __init__(self):
        rng = np.random.default_rng(3)
        self.params = {"W": rng.normal(size=(4, 4)), "V": rng.normal(size=(4, 4))}
        self.layers = [Layer(self.params["W"]), Layer(self.params["V"])]
        self.x, self.t, self.y = rng.normal(size=(6, 4)), np.array([0, 1, 1, 0, 1, 0]), rng.normal(size=(6, 4))
        self.decay, self.training, self.config, self.name = 1e-9, True, {"power": 2}, "net"
        self.factors, self.shift, self.last = [0.5, 1.5], np.float64(0.25), 0.0

    def predict(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def penalty(self):
        return self.decay * sum(np.sum(W**2) for W in self.params.values())

    def loss(self, _=None):
        out = self.predict(self.x)
        if self.training:
            out = helper(out)
        picked = out[np.arange(6), self.t]
        total = np.sum((out - self.y) ** self.config["power"]) + SCALE * np.sum(picked) + self.penalty()
        for k, factor in enumerate(self.factors):
            total = total + factor * np.sum(out[:, k] ** 3) * self.shift
        if FLAGS["deep"]:
            total = total + np.sum(np.abs(out))
        if self.x[0, 0] > 3.0:
            total = total * 2.0
        self.last = total
        return total


def other_helper(x):
    return np.sin(x)


def other_penalty(self):
    return 2e-9 * sum(np.sum(W**2) for W in self.params.values())


class Doubled(Layer):
    def forward(self, x):
        return 2.0 * super().forward(x)


CHANGES = {
    "a flag": lambda net, _: setattr(net, "training", False),
    "a tiny factor": lambda net, _: setattr(net, "decay", 1e-8),
    "the type of a number": lambda net, _: setattr(net, "decay", np.float32(1e-9)),
    "an array in place": lambda net, _: net.x.__setitem__((2, 1), 0.3),
    "the last bit of an array": lambda net, _: net.y.__setitem__((0, 0), np.nextafter(net.y[0, 0], 9.0)),
    "a decision": lambda net, _: net.x.__setitem__((0, 0), 3.5),
    "labels in place": lambda net, _: net.t.__setitem__(0, 1),
    "labels": lambda net, _: setattr(net, "t", 1 - net.t),
    "an array": lambda net, _: setattr(net, "x", net.x[::-1].copy()),
    "a view": lambda net, _: setattr(net, "x", net.x[::-1]),
    "a shape": lambda net, _: setattr(net, "y", net.y[:1]),
    "a precision": lambda net, _: setattr(net, "y", net.y.astype(np.float32)),
    "an entry": lambda net, _: net.config.__setitem__("power", 4),
    "another dict": lambda net, _: setattr(net, "config", {"power": 4}),
    "an element": lambda net, _: net.factors.__setitem__(0, 0.75),
    "one element more": lambda net, _: net.factors.append(0.0) or net.factors.pop(0),
    "a scalar of NumPy's": lambda net, _: setattr(net, "shift", np.float64(0.5)),
    "layers in another order": lambda net, _: net.layers.reverse(),
    "one layer twice": lambda net, _: net.layers.__setitem__(0, net.layers[1]),
    "a layer's attribute": lambda net, _: setattr(net.layers[1], "gain", 3.0),
    "a class's attribute": lambda net, patch: patch.setattr(Layer, "gain", 0.5),
    "a class's method": lambda net, patch: patch.setattr(Net, "penalty", other_penalty),
    "an instance's method": lambda net, _: setattr(net, "penalty", types.MethodType(other_penalty, net)),
    "a global number": lambda net, patch: patch.setitem(globals(), "SCALE", 2.5),
    "a global function": lambda net, patch: patch.setitem(globals(), "helper", other_helper),
    "a global function's code": lambda net, patch: patch.setattr(helper, "__code__", other_helper.__code__),
    "a global dict": lambda net, patch: patch.setitem(FLAGS, "deep", False),
    "a class": lambda net, _: setattr(net.layers[0], "__class__", Doubled),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_is_seen(name, recorded, monkeypatch):
    net = Net()
    first = exact(net.loss, net.params)
    assert same(exact(net.loss, net.params), first)
    assert len(recorded) == 1
    CHANGES[name](net, monkeypatch)
    again = exact(net.loss, net.params)
    assert len(recorded) == 2
    shelf.clear()
    assert same(again, exact(net.loss, net.params))
    assert not same(again, first) or name in {"the type of a number", "the last bit of an array"}


@pytest.mark.parametrize("name", ["a tiny factor", "labels", "an array in place", "a flag"])
def test_what_is_changed_back_is_found_again(name, recorded):
    net = Net()
    first = exact(net.loss, net.params)
    before = net.decay, net.t, net.x.copy(), net.training
    CHANGES[name](net, None)
    exact(net.loss, net.params)
    net.decay, net.t, net.training = before[0], before[1], before[3]
    net.x[...] = before[2]
    assert same(exact(net.loss, net.params), first)
    assert len(recorded) == 2


def test_weights_are_read_anew(recorded):
    net = Net()
    for _ in range(4):
        g = exact(net.loss, net.params)
        for k, weights in net.params.items():
            weights[...] = weights - 0.01 * g[k]
    assert len(recorded) == 1
    kept = exact(net.loss, net.params)
    shelf.clear()
    assert same(kept, exact(net.loss, net.params))


def test_weights_that_are_other_arrays(recorded):
    net = Net()
    exact(net.loss, net.params)
    net.params["W"] = net.params["W"] * 2.0  # the layers have the old one
    found = exact(net.loss, net.params)
    assert len(recorded) == 2
    shelf.clear()
    assert same(found, exact(net.loss, net.params))


def test_another_net_of_the_same_form_shares_the_program(recorded):
    nets = [Net(), Net()]
    for weights in nets[1].params.values():
        weights[...] = weights * (0.9)
    found = [exact(net.loss, net.params) for net in nets]
    assert len(recorded) == 1
    shelf.clear()
    assert same(found[1], exact(nets[1].loss, nets[1].params))


def test_lambdas_made_anew_share_a_program_if_they_capture_the_same(recorded):
    w = np.array([1.0, 2.0, -0.5])

    def of(a):
        return lambda v: np.sum(np.sin(v) * a)

    a = np.array([1.0, 2.0, 3.0])
    first = exact(of(a), w)
    assert same(exact(of(a.copy()), w), first)
    assert len(recorded) == 1
    assert not same(exact(of(a + 1.0), w), first)
    assert len(recorded) == 2


def test_what_layers_keep_of_a_call_makes_no_difference(recorded):
    net = Net()
    for _ in range(3):
        exact(net.loss, net.params)
        net.layers[0].out, net.layers[1].mask = np.ones(3), None
        net.last = "nothing"
    assert len(recorded) == 1


def test_what_is_read_before_it_is_written_makes_one(recorded):
    class Counts:
        def __init__(self):
            self.params, self.calls = {"W": np.array([1.0, 2.0])}, 0.0

        def loss(self, _):
            self.calls = 1.0 if self.calls == 0.0 else 2.0
            return np.sum(self.params["W"] ** 2) * (1.0 + 0.0 * self.calls)

    net = Counts()
    for _ in range(4):
        assert same(exact(net.loss, net.params)["W"], 2 * net.params["W"])
    assert len(recorded) == 2


def test_running_means_do_not_count(recorded):
    class Norm:
        def __init__(self):
            self.params, self.mean = {"g": np.array([1.0, 2.0, 0.5, 1.5])}, np.zeros(4)

        def loss(self, _):
            mean = X.mean(axis=0)
            self.mean = 0.9 * self.mean + 0.1 * mean
            return np.sum((self.params["g"] * (X - mean)) ** 2)

    net = Norm()
    for _ in range(3):
        exact(net.loss, net.params)
    assert len(recorded) == 1
    assert net.mean.any()


def test_running_means_that_do_count(recorded):
    class Norm:
        def __init__(self):
            self.params, self.mean = {"g": np.array([1.0, 2.0, 0.5, 1.5])}, np.ones(4)

        def loss(self, _):
            return np.sum((self.params["g"] * (X - self.mean)) ** 2)

    net = Norm()
    exact(net.loss, net.params)
    net.mean *= 0.5
    found = exact(net.loss, net.params)["g"]
    assert np.allclose(found, np.sum(2 * net.params["g"] * (X - net.mean) ** 2, axis=0), rtol=1e-13)
    assert len(recorded) == 2


def test_random_numbers_are_never_kept(recorded):
    generator = np.random.default_rng(5)
    w = np.array([1.0, 2.0])

    def seeded(v):
        return np.sum(v**2 * np.random.default_rng(7).random(2))

    def drawn(v):
        return np.sum(v**2) + 0.0 * generator.random()

    for _ in range(2):
        for loss in (seeded, drawn):
            assert exact(loss, w).any()
    assert len(recorded) == 4
    assert not shelf.count()


def test_what_reads_files_and_clocks_is_never_kept(recorded, tmp_path):
    import os

    path = tmp_path / "scale"
    path.write_text("2.0")
    w = np.array([1.0, 2.0])

    def by_file(v):
        with open(path) as file:
            return float(file.read()) * np.sum(v**2)

    def by_environment(v):
        return float(os.environ.get("FASTGRAD_TEST", "1.0")) * np.sum(v**2)

    def by_evaluation(v):
        return eval("SCALE") * np.sum(v**2)

    for _ in range(2):
        for loss in (by_environment, by_evaluation, by_file):
            try:
                exact(loss, w)
            except EngineError:
                continue
    assert not shelf.count()


def test_objects_of_packages(recorded):
    half, w = Fraction(1, 2), np.array([1.0, 2.0])
    box = [half]

    def loss(v):
        return np.sum(v**2) * float(box[0])

    exact(loss, w)
    box[0] = Fraction(1, 4)
    assert same(exact(loss, w), 0.5 * w)


def test_a_user_s_ufunc_is_not_kept():
    double = np.frompyfunc(lambda a: 2.0 * a, 1, 1)
    w = np.array([1.0, 2.0])
    for _ in range(2):
        try:
            exact(lambda v: np.sum(v**2) + float(double(1.0)), w)
        except EngineError:
            break
    assert not shelf.count()


def test_a_stale_program_is_not_believed(recorded, monkeypatch):
    """Whatever the comparison has overlooked, the loss itself is asked."""
    net = Net()
    exact(net.loss, net.params)
    monkeypatch.setattr(shelf, "hold", lambda *_: {})
    for change in ("an entry", "labels", "a flag"):
        CHANGES[change](net, None)
        found = exact(net.loss, net.params)
        kept = shelf.find
        monkeypatch.setattr(shelf, "find", lambda _: None)
        assert same(found, exact(net.loss, net.params))
        monkeypatch.setattr(shelf, "find", kept)


def test_a_gradient_that_is_wrong_beside_a_right_value(recorded, monkeypatch):
    factor = [1.0]
    w = np.array([1.0, -1.0, 2.0])

    def loss(v):
        return np.sum(v**2) + factor[0] * (np.sum(v) - 2.0)

    exact(loss, w)
    monkeypatch.setattr(shelf, "hold", lambda *_: {})
    factor[0] = 3.0  # beside which the value is the same
    assert np.allclose(exact(loss, w), 2 * w + 3.0, rtol=1e-14)
    assert len(recorded) == 2


def test_few_are_kept(recorded):
    w = np.array([1.0, 2.0])
    for k in range(3 * shelf.PROGRAMS):
        exact(lambda v, k=1.0 + k: np.sum(v**2) * k, w)
        assert shelf.count() <= shelf.PROGRAMS
    assert shelf.count() == shelf.PROGRAMS


def test_what_was_used_last_stays(recorded):
    w = np.array([1.0, 2.0])

    def of(k):
        return lambda v: np.sum(v**2) * k

    for k in range(2 * shelf.PROGRAMS):
        exact(of(1.0 + k), w)
        exact(of(0.5), w)
    assert len(recorded) == 2 * shelf.PROGRAMS + 1


def test_much_is_not_kept(recorded, monkeypatch):
    monkeypatch.setattr(shelf, "BYTES", 20_000)
    w, a = np.array([1.0, 2.0]), np.ones(10_000)
    for _ in range(2):
        exact(lambda v: np.sum(v**2) + v[0] * np.sum(np.exp(a) * v[1]), w)
    assert not shelf.count()
    for k in range(20):
        exact(lambda v, k=1.0 + k: np.sum(v**2) * k, w)
    assert 0 < shelf.count() < shelf.PROGRAMS


def test_nothing_of_the_user_s_is_kept_alive():
    class Own(Net):
        pass

    net = Own()
    parts = [weakref.ref(part) for part in (net, Own, net.x, net.params["W"], net.layers[0], net.t)]
    exact(net.loss, net.params)
    assert shelf.count() == 1
    del net, Own
    gc.collect()
    assert [part() for part in parts] == [None] * len(parts)


def test_a_class_that_is_gone():
    def made():
        class Own(Net):
            pass

        return Own()

    net = made()
    exact(net.loss, net.params)
    del net
    gc.collect()
    again = made()
    found = exact(again.loss, again.params)
    shelf.clear()
    assert same(found, exact(again.loss, again.params))


def test_kinks_and_errors_are_as_in_a_first_call(recorded):
    w = np.array([1.0, 2.0, 0.5])

    def loss(v):
        return np.sum(np.maximum(v, 0.0)) + np.sum(v**2)

    exact(loss, w)
    w[0] = 0.0
    assert same(exact(loss, w), np.array([0.5, 5.0, 2.0]))
    w[1] = np.nan
    with pytest.raises(EngineError, match="its value is nan"):
        exact(loss, w)
    w[:] = [1.0, 2.0, 3.0]
    assert same(exact(loss, w), 1 + 2 * w)


def test_a_loss_that_begins_to_write_into_its_arrays():
    w = np.array([0.5, 0.25])

    def loss(v):
        np.clip(v, -1.0, 1.0, out=v)
        return np.sum(v**2)

    assert same(exact(loss, w), 2 * w)
    w[0] = 2.0
    with pytest.raises(EngineError, match="writes into its argument"):
        exact(loss, w)
    assert w.tolist() == [2.0, 0.25]


def test_ctrl_c_puts_the_arrays_back(monkeypatch):
    w, stop = np.array([1.0, 2.0]), [False]

    def loss(v):
        if stop[0] and v[0] != 1.0:
            raise KeyboardInterrupt
        return np.sum(np.exp(v))

    exact(loss, w)
    monkeypatch.setattr(shelf, "hold", lambda *_: {})
    stop[0] = True
    with pytest.raises(KeyboardInterrupt):
        exact(loss, w)
    assert w.tolist() == [1.0, 2.0]


def test_central_differences_use_them_too(recorded):
    rng = np.random.default_rng(8)
    x, params = rng.normal(size=(200, 60)), {"W": rng.normal(size=(60, 20))}

    def loss(p):
        return np.mean(np.tanh(x @ p["W"]) ** 2)

    first = weight_gradient(loss, params, engine="arrays")
    assert same(weight_gradient(loss, params, engine="arrays"), first)
    assert len(recorded) == 1
    exact(loss, params)
    assert len(recorded) == 1
    x[0] *= 3.0
    again = weight_gradient(loss, params, engine="arrays")
    shelf.clear()
    assert same(weight_gradient(loss, params, engine="arrays"), again)
    assert not same(first, again)


def test_numerical_gradient_and_gradient(recorded):
    rng = np.random.default_rng(9)
    x, w = rng.normal(size=(300, 40)), rng.normal(size=40)

    def loss(v):
        return np.sum(np.log1p(np.exp(x @ v)))

    for call in (numerical_gradient, gradient):
        first = call(loss, w, engine="arrays")
        count = len(recorded)
        assert same(call(loss, w, engine="arrays"), first)
        assert len(recorded) == count
    for _ in range(2):
        found = gradient(loss, w, method="exact", engine="arrays")
        assert np.allclose(found, x.T @ (1 / (1 + np.exp(-x @ w))), rtol=1e-12)
    assert gradient(lambda v, a: np.sum(v**2) * a, w, args=(2.0,), method="exact", engine="arrays")[0] == 4 * w[0]
    assert gradient(lambda v, a: np.sum(v**2) * a, w, args=(3.0,), method="exact", engine="arrays")[0] == 6 * w[0]


def test_data_are_read_anew(recorded, monkeypatch):
    """Another batch of the same form needs no recording, and data too large for a copy no memory."""
    monkeypatch.setattr(rebuild, "DATA", 100_000)
    rng = np.random.default_rng(11)
    batches = [(rng.normal(size=(400, 50)), rng.normal(size=(400, 3))) for _ in range(4)]
    params = {"W": rng.normal(size=(50, 3))}

    def of(x, y):
        return lambda p: np.mean((np.tanh(x @ p["W"]) - y) ** 2)

    for x, y in batches:
        out = np.tanh(x @ params["W"])
        wanted = x.T @ (2 * (out - y) * (1 - out**2)) / out.size
        for _ in range(2):
            np.testing.assert_allclose(exact(of(x, y), params)["W"], wanted, rtol=1e-10, atol=1e-14)
        x[...] = x * 0.5  # in place
        again = exact(of(x, y), params)
        kept = shelf.find
        monkeypatch.setattr(shelf, "find", lambda _: None)
        assert same(again, exact(of(x, y), params))
        monkeypatch.setattr(shelf, "find", kept)
    assert len(recorded) == 1 + len(batches)


def test_data_that_are_lent_and_changed(recorded, monkeypatch):
    monkeypatch.setattr(rebuild, "DATA", 1000)
    x, w = np.linspace(-1.0, 1.0, 600).reshape(-1, 2), np.array([1.0, 2.0])

    def loss(v):
        return np.sum(((x - x.mean(axis=0)) @ v) ** 2)

    for _ in range(2):
        centred = x - x.mean(axis=0)
        np.testing.assert_allclose(exact(loss, w), 2 * centred.T @ (centred @ w), rtol=1e-11)
        x[0, 0] = 5.0
    assert len(recorded) == 2


def test_weights_that_begin_to_share_memory(recorded):
    params = {"a": np.ones(3), "b": np.ones(3)}

    def loss(p):
        return np.sum(p["a"] ** 2) + np.sum(p["b"] ** 3)

    exact(loss, params)
    params["b"] = params["a"][:]
    with pytest.raises(EngineError, match="shares memory"):
        exact(loss, params)


def test_two_threads_with_one_loss(at_once):
    nets = [Net() for _ in range(4)]
    for k, net in enumerate(nets):
        for weights in net.params.values():
            weights[...] = weights * (1.0 + 0.1 * k)
    wanted = [exact(net.loss, net.params) for net in nets]
    wrong = []

    def work(k):
        for _ in range(20):
            if not same(exact(nets[k].loss, nets[k].params), wanted[k]):
                wrong.append(k)

    at_once(work, range(4))
    assert wrong == []


def test_two_threads_with_the_same_weights(at_once):
    net = Net()
    before, wanted, wrong = [w.tobytes() for w in net.params.values()], exact(net.loss, net.params), []

    def work():
        for _ in range(20):
            if not same(exact(net.loss, net.params), wanted):
                wrong.append(1)

    at_once(lambda _: work(), range(3))
    assert wrong == []
    assert [w.tobytes() for w in net.params.values()] == before


def test_warnings_of_the_loss_come_again():
    w = np.array([0.0, 1.0])

    def loss(v):
        return np.sum(np.where(v > 0.5, np.log(v), v**2))

    for _ in range(3):
        with pytest.warns(RuntimeWarning, match="divide by zero"):
            exact(loss, w)


def test_the_loss_is_called_once_and_now_and_then_three_times(recorded):
    calls = []

    def loss(params):
        calls.append(1)
        return np.sum(helper(np.dot(X, params["W"])) ** 2)

    params, seen = {"W": RNG.normal(size=(4, 3))}, []
    exact(loss, params)
    for _ in range(32):
        calls.clear()
        exact(loss, params)
        seen.append(len(calls))
    assert len(recorded) == 1
    looked_at = [*range(shelf.LOOKS), shelf.EVERY - 1, 2 * shelf.EVERY - 1]
    assert seen == [3 if k in looked_at else 1 for k in range(32)]
