"""What methods read of their objects: compared at each call, and what may change otherwise is never kept."""

from __future__ import annotations

import dataclasses
import types

import numpy as np
import pytest

import fastgrad
from fastgrad.program.keys import unchanging
from fastgrad.program.members import is_plain, of_first_argument

X = np.random.default_rng(0).uniform(0.5, 1.5, (1500, 3))


class Inner:
    def __init__(self):
        self.number = 1.5


class Sub:
    w = 1.0

    def __init__(self):
        self.b, self.inner = 2.0, Inner()

    def part(self, x):
        return self.w * x[1] ** 2 * self.b


class Base:
    c = 2.0

    def scale(self):
        return self.c


class Model(Base):
    def __init__(self):
        self.k, self.A, self.sub, self.pair = 3.0, np.ones((3, 3)), Sub(), (1.0, 2.0)
        self.act, self.helper = np.tanh, lambda v: 2.0 * v

    @staticmethod
    def static(v):
        return 3.0 * v

    def energy(self, x):
        inner = lambda v: self.k * v + self.static(v) * self.sub.inner.number
        total = sum(self.k * v for v in x) + self.act(x[2]) + self.helper(x[0])
        return inner(np.sum(self.A @ x)) + x[0] ** 2 * self.scale() + self.sub.part(x) * self.pair[1] + total

    __call__ = energy


class Other(Model):
    def scale(self):
        return 23.0


class Slots:
    __slots__ = ("k",)

    def __init__(self, k=2.0):
        self.k = k

    def energy(self, x):
        return self.k * x[0] * x[1]


@dataclasses.dataclass
class Data:
    k: float = 2.0

    def energy(self, x):
        return sum(self.k * v**2 for v in x)


def _get(self, name):
    return 37.0 if name == "k" else object.__getattribute__(self, name)


CHANGES = {
    "a number": (Model, lambda m, p: setattr(m, "k", 5.0)),
    "an array in place": (Model, lambda m, p: m.A.__setitem__((0, 0), 7.0)),
    "another array": (Model, lambda m, p: setattr(m, "A", np.eye(3))),
    "a tuple": (Model, lambda m, p: setattr(m, "pair", (1.0, 31.0))),
    "a function": (Model, lambda m, p: setattr(m, "act", np.sin)),
    "another function": (Model, lambda m, p: setattr(m, "helper", lambda v: 5.0 * v)),
    "of its class": (Model, lambda m, p: p.setattr(Base, "c", 4.0)),
    "over its class": (Model, lambda m, p: setattr(m, "c", 9.0)),
    "of an attribute": (Model, lambda m, p: setattr(m.sub, "b", 11.0)),
    "of an attribute's class": (Model, lambda m, p: p.setattr(Sub, "w", 11.0)),
    "of an attribute's attribute": (Model, lambda m, p: setattr(m.sub.inner, "number", 11.0)),
    "another object inside": (Model, lambda m, p: setattr(m.sub, "inner", types.SimpleNamespace(number=3.5))),
    "a static method": (Model, lambda m, p: p.setattr(Model, "static", staticmethod(lambda v: 7.0 * v))),
    "a method for a static one": (Model, lambda m, p: p.setattr(Model, "static", lambda self, v: 7.0 * v)),
    "a static method of the object alone": (Model, lambda m, p: setattr(m, "static", lambda v: 7.0 * v)),
    "the code of a static method": (
        Model,
        lambda m, p: p.setattr(Model.static, "__code__", (lambda v: 43.0 * v).__code__),
    ),
    "another object": (
        Model,
        lambda m, p: setattr(m, "sub", types.SimpleNamespace(part=lambda x: 7 * x[2], inner=Inner())),
    ),
    "a method of the object alone": (Model, lambda m, p: setattr(m, "scale", lambda: 13.0)),
    "a method of the class": (Model, lambda m, p: p.setattr(Base, "scale", lambda self: 17.0)),
    "code": (Model, lambda m, p: p.setattr(Base.scale, "__code__", (lambda self: 43.0).__code__)),
    "another dict": (Model, lambda m, p: setattr(m, "__dict__", m.__dict__ | {"k": 21.0})),
    "another class": (Model, lambda m, p: setattr(m, "__class__", Other)),
    "a property": (Model, lambda m, p: p.setattr(Model, "k", property(lambda self: 29.0), raising=False)),
    "__getattribute__": (Model, lambda m, p: p.setattr(Model, "__getattribute__", _get)),
    "a slot": (Slots, lambda m, p: setattr(m, "k", 5.0)),
    "a field": (Data, lambda m, p: setattr(m, "k", 5.0)),
}


def forms_of(model):
    yield model.energy
    yield lambda x: model.energy(x) + x[0]
    if callable(model):
        yield model


@pytest.mark.parametrize(("kind", "change"), CHANGES.values(), ids=CHANGES)
def test_what_changes_is_seen(kind, change, monkeypatch):
    x = X[0]
    for number in range(3 if kind is Model else 2):
        model = kind()
        f = [*forms_of(model)][number]
        assert unchanging(f, ()) is not None
        one, many = fastgrad.grad(f, method="exact"), fastgrad.grad(f, batch=True)
        calls = [lambda: fastgrad.gradient(f, x, method="exact"), lambda: one(x)]  # noqa: B023
        calls += [lambda: fastgrad.gradient(f, X, batch=True)[0], lambda: many(X)[0]]  # noqa: B023
        before = fastgrad.gradient(f, x, engine="python")
        for call in calls * 2:
            np.testing.assert_allclose(call(), before, rtol=1e-7)
        with monkeypatch.context() as patch:
            change(model, patch)
            after = fastgrad.gradient(f, x, engine="python")
            assert not np.allclose(before, after)
            for call in calls * 2:
                np.testing.assert_allclose(call(), after, rtol=1e-7)


class Unsure:
    c = 2.0

    def __init__(self):
        self.k, self.count, self.table, self.large, self.last = 2.0, 0, {"a": 2.0, "set": set()}, np.ones(40_000), None

    @property
    def made(self):
        return self.k

    @classmethod
    def of_class(cls, v):
        return cls.c * v

    def counts(self, x):
        self.count += 1
        return x[0]

    def of_property(self, x):
        return self.made * x[0]

    def of_dict(self, x):
        return self.table["a"] * x[0]

    def of_large(self, x):
        return self.large[0] * x[0]

    def alias(self, x):
        me = self
        return me.k * x[0]

    def rebound(self, x):
        k, self = self.k, x  # noqa: PLW0642
        return k * self[0]

    def passed_on(self, x):
        return getattr(self, "k") * x[0]  # noqa: B009

    def of_classmethod(self, x):
        return self.of_class(x[0])

    def missing(self, x):
        return self.nothing * x[0]

    def shadowed(self, x):
        return sum(map(lambda self: self * 2.0, x)) + self.k  # noqa: C417

    def same_object(self, x):
        return x[0] * 2.0 if self.k is UNSURE else x[0]

    def shares(self, x):
        return x[0] * np.shares_memory(self.k, self.c)


UNSURE = 2.0
NAMES = [name for name, value in vars(Unsure).items() if isinstance(value, types.FunctionType) and name[0] != "_"]


@pytest.mark.parametrize("name", NAMES)
def test_what_may_change_unseen_has_no_key(name):
    assert unchanging(getattr(Unsure(), name), ()) is None


def test_objects_of_other_kinds_have_no_key():
    class Getting(Slots):
        def __getattr__(self, name):
            return 2.0

    class Numbers(np.ndarray):
        pass

    empty = Slots.__new__(Slots)
    held = np.ones(3).view(Numbers)
    for f in (Getting().energy, empty.energy, lambda x: held.T @ x, lambda x: held.sum() * x[0], len, np.sum, Model):
        assert unchanging(f, ()) is None
    assert not is_plain(Model)
    assert not is_plain(test_objects_of_other_kinds_have_no_key)


def test_equal_objects_share_a_trace():
    assert unchanging(Slots(2.0).energy, ()) == unchanging(Slots(2.0).energy, ()) != unchanging(Slots(3.0).energy, ())
    assert unchanging(Slots(2.0).energy, ()) != unchanging(Slots(2).energy, ())


def test_what_a_method_takes_of_its_object():
    assert of_first_argument(Model.energy.__code__) == (
        ("A",), ("act",), ("helper",), ("k",), ("pair",), ("scale",), ("static",), ("sub", "inner", "number"),
        ("sub", "part"),
    )  # fmt: skip
    assert of_first_argument(Unsure.alias.__code__) is None
    assert of_first_argument((lambda: 0).__code__) is None


class Ordered:
    def __init__(self):
        self.w, self.sign = np.arange(9.0).reshape(3, 3), None

    def energy(self, x):
        return np.sum(self.w.ravel("K")[:3] * x**2) if self.sign is None else x[0]


def test_the_order_of_an_array_in_memory_is_seen():
    model = Ordered()
    one = fastgrad.grad(model.energy)
    assert unchanging(model.energy, ()) is not None
    np.testing.assert_allclose(one(X[0]), 2 * np.array([0.0, 1.0, 2.0]) * X[0], rtol=1e-8)
    model.w = np.asfortranarray(model.w)
    for call in (one, lambda x: fastgrad.gradient(model.energy, x, method="exact")):
        np.testing.assert_allclose(call(X[0]), 2 * np.array([0.0, 3.0, 6.0]) * X[0], rtol=1e-8)
