"""Copies of all that a loss reaches: nothing of a recording gets into the user's objects, whatever they are."""

import abc
import argparse
import collections
import contextlib
import dataclasses
import enum
import functools
import gc
import itertools
import logging
import tracemalloc
import types
import typing
import weakref

import numpy as np
import pytest

from fastgrad import weight_gradient
from fastgrad.arrays.nodes import Node, RefusedError
from fastgrad.arrays.rebuild import Rebuilder
from fastgrad.arrays.recorder import Recorder
from fastgrad.arrays.recording import record

X = np.random.default_rng(0).normal(size=(6, 5))
LAST = None


def weights():
    return np.random.default_rng(1).normal(size=(5, 3))


class Layer:
    kept: typing.ClassVar[list] = []

    def __init__(self, W):
        self.W, self.x, self.y = W, None, None

    def forward(self, x):
        global LAST  # noqa: PLW0603
        self.x = x
        self.y = LAST = x @ self.W
        type(self).latest = self.y
        Layer.kept.append(self.y)
        return self.y

    def loss(self):
        return np.sum(self.forward(X) ** 2)


class Abstract(abc.ABC):
    @abc.abstractmethod
    def forward(self, x): ...

    def loss(self):
        return np.sum(self.forward(X) ** 2)


class Concrete(Layer, Abstract):
    pass


class Protocol(typing.Protocol):
    def forward(self, x): ...


class Follows(Layer, Protocol):
    pass


T = typing.TypeVar("T")


class Generic(Layer, typing.Generic[T]):
    pass


class Meta(type):
    made: typing.ClassVar[list] = []

    def __new__(cls, name, bases, body):
        new = super().__new__(cls, name, bases, body)
        cls.made.append(new)
        return new


class WithMeta(Layer, metaclass=Meta):
    pass


class Registered(Layer):
    registry: typing.ClassVar[dict] = {}

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        Registered.registry[cls.__name__] = cls


class Child(Registered):
    pass


class Slots:
    __slots__ = ("W", "__weakref__", "_x", "y")
    forward, loss = Layer.forward, Layer.loss
    x = property(lambda self: self._x, lambda self, value: object.__setattr__(self, "_x", value))

    def __init__(self, W):
        self.W = W


class Torchlike(Layer):
    def __init__(self, W):
        self.__dict__["_parts"] = {}
        super().__init__(W)

    def __setattr__(self, name, value):
        self._parts[name] = value

    def __getattr__(self, name):
        if name.startswith("__") or name not in self._parts:
            raise AttributeError(name)
        return self._parts[name]

    def __call__(self):
        return self.loss()


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    W: np.ndarray
    scale: float = 1.0

    def loss(self):
        return np.sum((X @ dataclasses.replace(self, scale=1.0).W) ** 2) * self.scale


class Named(typing.NamedTuple):
    W: np.ndarray
    scale: float = 1.0

    def loss(self):
        return np.sum((X @ self.W) ** 2) * self.scale


class Cached:
    def __init__(self, W):
        self.W = W

    @functools.cached_property
    def y(self):
        return X @ self.W

    @functools.lru_cache  # noqa: B019
    def half(self, n):
        return n / 2

    def loss(self):
        return np.sum(Cached(self.W).y ** 2) * self.half(2)


class Act(enum.Enum):
    SQUARE = "square"

    def __call__(self, x):
        return x * x


class Dict(dict):
    def __getitem__(self, name):
        self.reads = getattr(self, "reads", 0) + 1
        return super().__getitem__(name)


@contextlib.contextmanager
def doubled(x):
    global LAST  # noqa: PLW0603
    LAST = x
    yield x * 2


@functools.lru_cache
def square(x):
    return x * x


CLASSES = [Layer, Concrete, Follows, Generic, WithMeta, Child, Slots, Torchlike, Frozen, Named, Cached]


def by_class(kind):
    def make(W):
        made = kind(W)
        return lambda _: made.loss()

    return make


def in_a_set(W):
    layers = {Layer(W)}
    return lambda _: sum(layer.loss() for layer in layers)


def as_keys(W):
    layers = {Layer(W): 2.0}
    return lambda _: sum(layer.loss() * factor for layer, factor in layers.items()) / 2


def by_type(W):
    layer, scales = Layer(W), {Layer: 3.0}
    return lambda _: layer.loss() * scales[type(layer)] / 3


def weakly(W):
    layer = Layer(W)
    layer.me = weakref.ref(layer)
    return lambda _: layer.me().loss()


def in_a_proxy(W):
    layers = types.MappingProxyType({"a": Layer(W)})
    return lambda _: layers["a"].loss()


def in_a_namespace(W):
    options = argparse.Namespace(layer=Layer(W))
    return lambda _: options.layer.loss()


def in_a_chain(W):
    chain = collections.ChainMap({}, {"layer": Layer(W)})
    return lambda _: chain["layer"].loss()


def in_a_default_dict(W):
    made = collections.defaultdict(lambda: Layer(W))
    return lambda _: made["new"].loss()


def in_a_dict_of_its_own(W):
    params = Dict(W=W)
    return lambda _: np.sum((X @ params["W"]) ** 2)


def appended(W):
    history = []
    append = history.append

    def loss(_):
        append(X @ W)
        return np.sum(history[-1] ** 2)

    return loss


def bound(W):
    dot = W.T.dot
    return lambda _: np.sum(dot(X.T) ** 2)


def decorated(W):
    def loss(_):
        with doubled(X @ W) as y:
            return np.sum(y**2) / 4

    return loss


def memoised(W):
    return lambda W: sum(square(v) for v in (X @ W).reshape(-1))


def shared_variable(W):
    y = None

    def forward():
        nonlocal y
        y = X @ W

    def loss(_):
        forward()
        return np.sum(y**2)

    return loss


def by_attribute_of_the_function(W):
    def loss(W, memo={}):  # noqa: B006
        loss.y = memo["y"] = X @ W
        return np.sum(loss.y * memo["y"])

    return loss


def logged(W):
    handler = logging.Handler()
    handler.records = []
    handler.emit = handler.records.append
    logger = logging.Logger("losses")  # noqa: LOG001
    logger.addHandler(handler)

    def loss(W):
        total = np.sum((X @ W) ** 2)
        logger.warning("the loss is %s", total)
        print(total, end="\r")  # noqa: T201
        return total

    return loss


def by_enum(W):
    return lambda W: np.sum(Act.SQUARE(X @ W))


def imported_inside(W):
    def loss(W):
        import numpy as other

        filled = other.zeros((6, 3))
        filled[:] = X @ W
        return other.sum(filled**2)

    return loss


def by_globals(W):
    def loss(W):
        globals()["LAST"] = X @ W
        return np.sum(globals()["LAST"] ** 2)

    return loss


MAKERS = [
    in_a_set, as_keys, by_type, weakly, in_a_proxy, in_a_namespace, in_a_chain, in_a_default_dict, in_a_dict_of_its_own,
    appended, bound, decorated, memoised, shared_variable, by_attribute_of_the_function, logged, by_enum,
    imported_inside, by_globals,
]  # fmt: skip
MADE = {kind.__name__: by_class(kind) for kind in CLASSES} | {make.__name__: make for make in MAKERS}


def recorders():
    """How many there are; those that are left of other tests too."""
    gc.collect()
    return sum(type(thing) is Recorder for thing in gc.get_objects())


@pytest.mark.parametrize("name", MADE)
def test_gradients_by_structure_leave_nothing_behind(name):
    W = weights()
    kept, registry, made = W.copy(), dict(Registered.registry), list(Meta.made)
    loss, before = MADE[name](W), recorders()
    for options in ({"engine": "arrays", "h": 1e-4}, {"method": "exact"}):
        found = weight_gradient(loss, W, **options)
        np.testing.assert_allclose(found, 2 * X.T @ (X @ W), rtol=1e-8)
    assert recorders() == before
    assert W.tobytes() == kept.tobytes()
    assert (Registered.registry, Meta.made) == (registry, made)


def in_values(W):
    layers = {"a": Layer(W)}.values()
    return lambda _: sum(layer.loss() for layer in layers)


def dispatched(W):
    @functools.singledispatch
    def forward(x):
        return x @ W

    return lambda _: np.sum(forward(X) ** 2)


def counted(W):
    count = itertools.count()
    return lambda W: np.sum((X @ W) ** 2) + 0 * next(count)


def in_weak_keys(W):
    layer, cache = Layer(W), weakref.WeakKeyDictionary()
    return lambda _: np.sum(cache.setdefault(layer, 1.0) * layer.forward(X) ** 2)


def by_objects(W):
    data = np.array([X, None], dtype=object)
    return lambda W: np.sum((data[0] @ W) ** 2)


REFUSED = {"dict_values": in_values, "WeakKeyDictionary": dispatched, "count, which can be read once": counted,
           "a WeakKeyDictionary": in_weak_keys, "an array of object": by_objects}  # fmt: skip


@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_copied_is_refused(reason):
    W = weights()
    loss, before = REFUSED[reason](W), recorders()
    with pytest.raises(RefusedError, match=reason):
        record(loss, {"": W}, lambda arrays: (arrays[""],))
    assert recorders() == before


@pytest.mark.parametrize(
    "beside",
    [np.ones(3) * 1j, np.ma.ones(3), np.array([1, None]), [np.ma.ones(2)]],
    ids=["complex", "masked", "objects", "inside"],
)
def test_what_lies_beside_the_arrays_that_are_read_does_not_matter(beside):
    held = types.SimpleNamespace(rows=X, beside=beside)
    recording = record(
        lambda W: np.sum((held.rows @ W) ** 2) * (held.beside is not None),
        {"": weights()},
        lambda arrays: (arrays[""],),
    )
    assert recording.result.value == np.sum((X @ weights()) ** 2)
    with pytest.raises(RefusedError, match="it reads a"):
        record(lambda W: np.sum(X @ W) + np.sum(held.beside[0]), {"": weights()}, lambda arrays: (arrays[""],))


def test_copies_are_made_once_and_emptied():
    layer = Layer(weights())
    layer.me = layer
    recorder = Recorder(Node("parameter", value=layer.W))
    copy = Rebuilder({id(layer.W): recorder}, [layer.W])
    new = copy(layer)
    assert new is not layer
    assert new.me is new
    assert new.W is recorder
    assert type(new) is not Layer
    assert copy(Layer) is type(new)
    copy.close()
    assert not vars(new)
    assert layer.me is layer


def test_views_of_a_parameter_follow_it():
    W = weights()
    recorder = Recorder(Node("parameter", value=W))
    copy = Rebuilder({id(W): recorder}, [W])
    for view in (W.T, W[1], W[::-1, ::2], W.reshape(-1)[3:], W[:0]):
        assert np.array_equal(copy(view).node.value, view)
    copy(W[1])[...] = 7.0
    assert np.array_equal(recorder.node.value[1], [7.0, 7.0, 7.0])
    with pytest.raises(RefusedError, match="not C-contiguous"):
        Rebuilder({id(W.T): recorder}, [W.T])(W)


def test_integers_are_copied_and_large_ones_lent():
    small, large = np.arange(4), np.zeros(1 << 18, dtype=np.int64)
    copy = Rebuilder({}, [])
    copy(small)[0] = 9
    assert small[0] == 0
    assert np.shares_memory(copy(large), large)
    assert not copy(large).flags.writeable
    assert large.flags.writeable


def test_large_data_does_not_exist_twice():
    data = np.random.default_rng(0).normal(size=(1_500_000, 2))
    w = np.array([0.5, 0.25])
    tracemalloc.start()
    found = record(lambda w: np.sum(data[:5] @ w), {"": w}, lambda arrays: (arrays[""],))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < data.nbytes / 4
    assert found.result.value == pytest.approx(np.sum(data[:5] @ w))
    assert data.flags.writeable
