"""What f calls otherwise than by its name: it traces as what has a name in f does."""

import dataclasses
import functools
import math
import types

import numba
import numpy as np
import pytest

import fastgrad
from fastgrad import gradient
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable
from tests.program.trace import calledfrommodules

POINTS = np.random.default_rng(0).uniform(0.3, 0.9, (400, 3))


def model(x):
    y = np.zeros(3)
    y[0] = x[0] * x[1]
    y[1] = math.exp(x[2])
    return y.sum()


class Simulation:
    def __init__(self, p):
        self.p = p
        self.y = np.zeros(5)

    def run(self):
        for i in range(4):
            self.y[i + 1] = self.y[i] + self.p[0] * (self.p[1] - self.y[i])
        return self.y


class Polynomial:
    def __init__(self, t):
        self.c = np.linalg.solve(np.array([[t**3, t**4], [3 * t**2, 4 * t**3]]), np.ones(2))


class Base:
    def __init__(self, n):
        self.z = np.zeros(n)

    def filled(self, x):
        y = np.zeros(3)
        y[:] = x
        return np.sum(y**2)


class Child(Base):
    def __init__(self, x):
        super().__init__(3)
        self.x = x

    def go(self):
        self.z[:] = self.x
        return np.sum(self.z**2)

    def filled(self, x):
        return super().filled(x) + 1.0


class Solver:
    def __init__(self, f):
        self.f = f

    def run(self, x):
        return 2.0 * self.f(x)


class Called:
    def __call__(self, x):
        y = np.zeros(2)
        y[0] = x[0] * x[1]
        return y.sum()


class Holding:
    def __init__(self):
        self.inner, self.functions, self.by_name = Called(), [model, np.sin], {"k": model}

    def __call__(self, x):
        return self.inner(x) * self.functions[0](x) + self.by_name["k"](x)


@dataclasses.dataclass
class Pair:
    a: float
    b: float

    def value(self):
        return math.sin(self.a) * self.b

    def __add__(self, other):
        return Pair(self.a + other.a, self.b + other.b)

    @classmethod
    def made(cls, v):
        return cls(v, math.cos(v))


class Slots:
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = a

    def value(self):
        return math.cos(self.a)


MODELS, SEVERAL, SOME, CALLED, HOLDING = {"m": model}, [model, Called()], (model, math.sin), Called(), Holding()


def legendre(n, t):
    if n == 0:
        return 1.0
    if n == 1:
        return math.exp(-t)
    return ((2 * n - 1) * t * legendre(n - 1, t) - (n - 1) * legendre(n - 2, t)) / n


def even(n, t):
    return math.exp(t) if n == 0 else t * odd(n - 1, t)


def odd(n, t):
    return math.sin(t) if n == 0 else t + even(n - 1, t)


def simulated(x):
    return np.sum(Simulation(x).run()) * x[2]


def of_a_polynomial(x):
    return np.sum(Polynomial(x[0]).c) * x[1]


def of_a_dict(x):
    return MODELS["m"](x)


def of_a_list(x):
    return sum(g(x) for g in SEVERAL)


def of_a_tuple(x):
    return SOME[0](x) + SOME[1](x[0])


def of_an_object(x):
    return CALLED(x) + HOLDING(x)


def of_a_child(x):
    return Child(x).go() * x[0] + Child(x).filled(x)


def of_pairs(x):
    return (Pair(x[0], x[1]) + Pair.made(x[2])).value() + Slots(x[1]).value()


def of_a_module(x):
    return calledfrommodules.filled(x) + calledfrommodules.assembled(x)


def counted_in_a_module(x):
    return calledfrommodules.counted(x)


def tried(x):
    try:
        return calledfrommodules.filled(x)
    except ValueError:
        return 0.0


def imported(x):
    from tests.program.trace import calledfrommodules as other

    return other.filled(x)


def recursive(x):
    return legendre(3, x[0]) * x[1] + even(4, x[2])


FUNCTIONS = [
    simulated, of_a_polynomial, of_a_dict, of_a_list, of_a_tuple, of_an_object, of_a_child, of_pairs, of_a_module,
    counted_in_a_module, tried, imported, recursive, Solver(model).run, HOLDING, functools.partial(of_a_dict),
    eval("lambda x: calledfrommodules.filled(x)"),
]  # fmt: skip


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: getattr(f, "__name__", type(f).__name__))
def test_values_and_derivatives(f):
    values, slopes = fastgrad.value_and_gradient(f, POINTS, batch=True, engine="simd")
    np.testing.assert_allclose(values, [f(x) for x in POINTS], rtol=1e-11)
    wanted = fastgrad.gradient(f, POINTS, batch=True, engine="python")
    np.testing.assert_allclose(slopes, wanted, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(fastgrad.gradient(f, POINTS[:5], batch=True, method="exact"), wanted[:5], rtol=1e-6)


def test_a_variable_of_a_module_that_changes_is_seen(monkeypatch):
    g = fastgrad.grad(of_a_module)
    for scale in (2.0, 5.0, 2.0):
        monkeypatch.setattr(calledfrommodules, "SCALE", scale)
        assert g(POINTS[0])[2] == pytest.approx(scale, rel=1e-8)
        assert fastgrad.gradient(of_a_module, POINTS, batch=True)[:, 2] == pytest.approx(np.full(400, scale), rel=1e-8)


class Node:
    count = 0

    def __init__(self, v):
        Node.count += 1
        self.v = v

    def value(self):
        return self.v * Node.count


class Single:
    last = None

    def __new__(cls):
        if cls.last is None:
            cls.last = super().__new__(cls)
            cls.last.n = 0
        return cls.last

    def hit(self, x):
        self.n += 1
        return x[0] * self.n


class Counter:
    def __init__(self):
        self.n = 0

    def __call__(self, x):
        self.n += 1
        return x[0] * self.n


COUNTER, STORE = Counter(), []


def keeps_objects(x):
    STORE.append(Pair(x[0], x[1]))
    return x[0]


class Catching:
    def __init__(self, x):
        try:
            self.v = math.log(x - 0.5)
        except ValueError:
            self.v = 0.0


STATE = {
    "of a class": lambda x: Node(x[0]).value(),
    "of a single object": lambda x: Single().hit(x),
    "of an object": lambda x: COUNTER(x) + 0.0 * x[1],
    "of a module": lambda x: calledfrommodules.counting(x) + 0.0 * x[1],
    "in a list": keeps_objects,
}


@pytest.mark.parametrize("name", STATE)
def test_what_keeps_state_is_refused(name):
    STORE.clear()
    with pytest.raises(Untraceable, match=r"state|keeps|handles exceptions"):
        trace(STATE[name], (3,), twice=True)
    assert not STORE


class Safe:
    def log(self, v):
        try:
            return math.log(v - 0.7)
        except ValueError:
            return 0.0

    def __call__(self, v):
        return self.log(v) * 2.0


HELD = {"log": Safe().log}

CATCHING = {
    "a method of an object made in f": lambda x: Safe().log(x[0]) ** 2,
    "where an object is made": lambda x: Catching(x[0]).v * x[1],
    "an object made in f": lambda x: Safe()(x[0]),
    "in a namespace": lambda x: types.SimpleNamespace(log=Safe().log).log(x[0]) * x[1],
    "in a dict": lambda x: HELD["log"](x[0]) * x[1],
}


@pytest.mark.parametrize("name", CATCHING)
def test_callees_that_handle_exceptions(name):
    """What math raises for numbers is f's own: f itself is asked there."""
    f, points = CATCHING[name], np.random.default_rng(0).uniform(0.75, 2.0, (60, 2))
    np.testing.assert_allclose(gradient(f, points, batch=True, engine="simd"),
                               gradient(f, points, batch=True, engine="python"), atol=1e-8)  # fmt: skip
    points[7, 0] = 0.3
    np.testing.assert_allclose(gradient(f, points, batch=True), gradient(f, points, batch=True, engine="python"),
                               atol=1e-8)  # fmt: skip


class Link:
    def __init__(self, angle):
        self.angle = angle

    def height(self):
        return math.sin(self.angle)


def test_methods_of_objects_made_in_f_beside_what_is_never_done():
    def f(x, show=False):
        height = Link(x[0]).height()
        if show:
            print("shown", file=open("nowhere", "w"))  # noqa: SIM115
        return height * x[1] if x[1] > 1.0 else height

    points = np.random.default_rng(0).uniform(0.3, 2.0, (60, 2))
    found = gradient(f, points, batch=True, engine="simd")
    np.testing.assert_allclose(found, gradient(f, points, batch=True, engine="python"), atol=1e-8)


OF_MODULES = {
    "compiled": lambda x: calledfrommodules.compiled(x[0]) * x[1],
    "of one type": lambda x: calledfrommodules.of_one_type(x[0]) * x[1],
    "of each": lambda x: np.sum(calledfrommodules.of_each(x)),
    "of each number": lambda x: calledfrommodules.of_each(x[0]) * x[1],
    "cached": lambda x: calledfrommodules.cached(x[0]) * x[1],
    "of all": lambda x: np.sum(calledfrommodules.of_all(x)),
}


@pytest.mark.parametrize("name", OF_MODULES)
def test_functions_of_other_kinds_in_a_module(name):
    f, points = OF_MODULES[name], np.random.default_rng(0).uniform(0.3, 2.0, (60, 2))
    found = gradient(f, points, batch=True, engine="simd")
    np.testing.assert_allclose(found, gradient(f, points, batch=True, engine="python"), atol=1e-8)


def test_another_compiled_function_of_a_module_is_seen(monkeypatch):
    f, x = OF_MODULES["compiled"], np.array([0.5, 2.0])
    g = fastgrad.grad(f)
    for _ in range(3):
        np.testing.assert_allclose(g(x), [4.0 * np.cos(0.5), 2.0 * np.sin(0.5)], rtol=1e-8)
    monkeypatch.setattr(calledfrommodules, "compiled", numba.njit(lambda v: v**3))
    np.testing.assert_allclose(g(x), [1.5, 0.125], rtol=1e-8)
