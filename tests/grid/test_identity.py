"""Which field a journal is of: functions and objects that are told apart, the same in every process."""

import functools
import os
import subprocess
import sys
import types
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numba
import numpy as np
import pytest

from fastgrad.engine.call import Call, Grid
from fastgrad.formulas import stencils
from fastgrad.formulas.steps import choose_steps
from fastgrad.grid.identity import describe
from tests.grid.stores import X, Y, wave


class Failing:
    def __init__(self, limit):
        self.limit = limit

    def __call__(self, p):
        return wave(p)

    def again(self, p):
        return self(p)


SCALE, TABLE = 2.0, np.arange(3.0)


def scaled(scale, p):
    return scale * p[0]


def functions():
    """What differs only in what it captures, or in its code."""
    factor, table, limits = 3.0, np.array([1.0, 2.0]), {"a": [1.0]}
    helper, inner = (lambda v: 2.0 * v), np.cos
    return [
        lambda p: p[0] * factor, lambda p: p[1] * factor, lambda p: p[0] * SCALE, lambda p: p[0] * table[0],
        lambda p: p[0] * TABLE[1], lambda p: p[0] * limits["a"][0], lambda p: p[0] + (p[1] if "a" in {"b", "c"} else 0),
        wave, lambda p: helper(p[0]), lambda p: inner(p[0]), partial(scaled, 1.0), partial(scaled, 2.0),
        numba.njit(scaled), Failing(1), Failing(1).again, lambda p: functions(),
    ]  # fmt: skip


DESCRIBED = f"""
from {__name__} import descriptions
print(*descriptions())
"""


def descriptions(some=None):
    table, points = stencils.gradient(2, 2, "central"), Grid((X, Y))
    steps = choose_steps(np.zeros(2), table.stencil)
    return [describe(Call(f, points, table, steps), "auto", np.dtype(float))["f"] for f in some or functions()]


def test_functions_are_told_apart_the_same_in_every_process(monkeypatch):
    texts = descriptions()
    assert len(set(texts)) == len(texts)
    for seed in "12":
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", DESCRIBED], env=environment, check=True, capture_output=True, text=True
        )
        assert done.stdout.split() == texts
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    assert [a == b for a, b in zip(texts, descriptions(), strict=True)] == [True, True, False, *[True] * 12, False]


class Model:
    """Its scale is what it is; calls, memo and work are what it does."""

    kind = "linear"
    __slots__ = ("__dict__", "offset")

    def __init__(self, scale, offset=0.0, inner=None):
        self.scale, self.offset, self.inner = scale, offset, inner
        self.calls, self.memo, self.work = 0, {}, np.zeros(2)

    def __call__(self, p):
        self.calls += 1
        self.memo[float(p[0])] = 1.0
        self.work[0] = p[1]
        return self.scale * p[0] * self.work[0] + self.offset

    def energy(self, p):
        return self(p)


class Shifted:
    __slots__ = ("__shift",)

    def __init__(self, shift):
        self.__shift = shift

    def __call__(self, p):
        return p[0] + self.__shift


def with_attribute(value):
    def f(p):
        return f.scale * p[0]

    f.scale = value
    return f


def reading(model):
    return lambda p: model(p) + 1.0


OBJECTS = {
    "an object": Model,
    "a slot": lambda c: Model(1.0, offset=c),
    "a private slot": Shifted,
    "a bound method": lambda c: Model(c).energy,
    "an object in an object": lambda c: Model(1.0, inner=Model(c)),
    "an object that f reads": lambda c: reading(Model(c)),
    "a namespace": lambda c: partial(lambda space, p: space.c * p[0], types.SimpleNamespace(c=c)),
    "an attribute of a function": with_attribute,
    "a fraction": lambda c: partial(lambda q, p: float(q) * p[0], Fraction(c)),
    "a polynomial": lambda c: partial(lambda q, p: q(p[0]), np.poly1d([c, 1.0])),
    "a data class": lambda c: partial(lambda q, p: q.c * p[0], Parameters(c)),
}


def cached(c):
    @functools.cache
    def rate(i):
        return c * i

    return lambda p: rate(1.0) * p[0]


def vectorized(c):
    rate = np.vectorize(lambda v: c * v)
    return lambda p: float(rate(p[0]))


def holding(value):
    return lambda p: p[0] * bool(value)


def in_circles(c):
    table = {"c": c}
    table["itself"] = [table]
    return holding(table)


def structured(c):
    records = np.zeros(2, [("name", "O"), ("value", float)])
    records["name"][1] = c
    return holding(records)


WRAPPED = {
    "a cache": cached,
    "a cache in a partial": lambda c: partial(functools.cache(lambda p: c * p), 1.0),
    "np.vectorize": vectorized,
    "a view of a dict": lambda c: holding(types.MappingProxyType({"c": c})),
    "a mask": lambda c: holding(np.ma.array([1.0, 2.0], mask=[c > 2.0, False])),
    "a mask of bytes": lambda c: holding(np.ma.array(np.arange(3, dtype=np.uint8), mask=[c > 2.0, False, True])),
    "in circles": in_circles,
    "objects in records": structured,
    "functions in an array": lambda c: holding(np.array([lambda v: c * v, None], dtype=object)),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_what_is_wrapped_counts(name):
    first, other, again = descriptions([WRAPPED[name](2.0), WRAPPED[name](3.0), WRAPPED[name](2.0)])
    assert first == again != other


def test_what_cannot_be_seen_is_said():
    hidden = np.frompyfunc(lambda v: 2.0 * v, 1, 1)
    with pytest.warns(UserWarning, match="np.frompyfunc made: what it does is not seen"):
        descriptions([lambda p: float(hidden(p[0]))])


def test_lists_of_any_depth():
    deep = [1.0]
    for _ in range(3000):
        deep = [deep]
    assert len(descriptions([holding(deep)])) == 1


@dataclass
class Parameters:
    c: float


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_that_hold_other_numbers(name):
    made = OBJECTS[name]
    first, same, other = descriptions([made(1.0), made(1.0), made(2.0)])
    assert first == same
    assert first != other


def test_what_an_object_does_is_no_part_of_it():
    fresh, used = Model(2.0), Model(2.0)
    used([1.0, 2.0])
    first, second = descriptions([fresh, used])
    assert first == second
    assert used.calls == 1


CLASSES = """
class Base:
    def predict(self, x):
        return x[0] * {}

class Model(Base):
    slope = {}

    @property
    def offset(self):
        return {}

class Config:
    k = {}

model = Model()

def f(x):
    return model.predict(x) * model.slope + model.offset + Config.k
"""


def test_classes_count_by_their_methods_and_numbers():
    def seen(*numbers):
        space = {"__name__": "no_module"}
        exec(CLASSES.format(*numbers), space)
        return descriptions([space["f"]])[0]

    assert seen(1, 2, 3, 4) == seen(1, 2, 3, 4)
    assert len({seen(1, 2, 3, 4), seen(5, 2, 3, 4), seen(1, 5, 3, 4), seen(1, 2, 5, 4), seen(1, 2, 3, 5)}) == 5


class Fitted:
    def fit(self, a):
        self.coef_ = np.array([a])
        self.count = 0
        return self

    def __call__(self, p):
        self.count += 1
        return self.coef_[0] * wave(p)


class Refitting(Fitted):
    def __call__(self, p):
        return self.fit(2.0).coef_[0] * wave(p)


def test_what_a_method_prepares_is_part_of_an_object():
    of = lambda f: descriptions([f])[0]
    assert of(Fitted().fit(1.0)) == of(Fitted().fit(1.0))
    assert of(Fitted().fit(1.0)) != of(Fitted().fit(5.0))
    counted = Fitted().fit(1.0)
    counted(np.ones(2))
    assert of(counted) == of(Fitted().fit(1.0))
    assert of(Refitting().fit(1.0)) == of(Refitting().fit(5.0))  # each call sets it
