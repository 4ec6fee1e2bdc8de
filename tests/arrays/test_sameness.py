"""What a recording was made from is compared: each kind of thing that a loss may hold."""

import collections
import functools
import types
import weakref

import numpy as np
import pytest

from fastgrad.arrays.facts import TOKENS
from fastgrad.arrays.recording import record
from fastgrad.arrays.sameness import SMALL, hold
from fastgrad.arrays.tokens import RecordedFacts

W = np.array([1.0, 2.0, 3.0])


class Thing:
    def __init__(self, value):
        self.value = value


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


Pair = collections.namedtuple("Pair", "value other")


def plus(a, b):
    return a + b


def facts_of(loss):
    return record(loss, {"": W}, lambda arrays: (arrays[""],)).facts


def holds(facts, loss):
    return hold(facts, (loss, W), [W]) is not None


def of(held, read):
    return lambda w: np.sum(w**2) * read(held)


A, B = np.array([2.0, 3.0]), np.array([2.0, 5.0])
KINDS = {
    "float": (2.0, 3.0, lambda v: v),
    "zero": (0.0, -0.0, lambda v: 1.0 + v),
    "int and bool": (1, True, lambda v: v),
    "int and float": (1, 1.0, lambda v: v),
    "complex": (1 + 0j, 2 + 0j, lambda v: v.real),
    "text": ("aa", "ab", len),
    "bytes": (b"aa", b"ab", len),
    "None": (None, 2.0, lambda v: v or 1.0),
    "scalar": (np.float64(2.0), np.float64(3.0), lambda v: v),
    "precision": (np.float64(2.0), np.float32(2.0), lambda v: v),
    "list": ([1.0, 2.0], [1.0, 3.0], lambda v: v[1]),
    "length": ([1.0, 2.0], [1.0, 2.0, 3.0], lambda v: v[1]),
    "tuple": ((1.0, 2.0), (1.0, 3.0), lambda v: v[1]),
    "tuple and list": ((1.0, 2.0), [1.0, 2.0], lambda v: v[1]),
    "named": (Pair(1.0, 2.0), Pair(1.0, 3.0), lambda v: v.other),
    "dict": ({"a": 1.0}, {"a": 2.0}, lambda v: v["a"]),
    "key": ({"a": 1.0}, {"b": 1.0}, lambda v: next(iter(v.values()))),
    "order": ({"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0}, lambda v: next(iter(v.values()))),
    "deque": (collections.deque([1.0], 2), collections.deque([1.0], 3), lambda v: v[0]),
    "set": ({1, 2}, {1, 3}, sum),
    "range": (range(3), range(4), len),
    "slice": (slice(0, 2), slice(0, 3), lambda v: v.stop),
    "attribute": (Thing(1.0), Thing(2.0), lambda v: v.value),
    "slot": (Slotted(1.0), Slotted(2.0), lambda v: v.value),
    "namespace": (types.SimpleNamespace(value=1.0), types.SimpleNamespace(value=2.0), lambda v: v.value),
    "class": (Thing(1.0), Slotted(1.0), lambda v: v.value),
    "type": (Thing, Slotted, lambda v: v(1.0).value),
    "partial": (functools.partial(plus, 1.0), functools.partial(plus, 2.0), lambda v: v(1.0)),
    "array": (A, B, lambda v: v[1] * 1.0),
    "sum": (A, B, np.sum),
    "integers": (np.array([1, 2]), np.array([1, 3]), np.sum),
    "truths": (np.array([True, False]), np.array([True, True]), np.sum),
    "dtype of an array": (A, A.astype(np.float32), np.sum),
    "shape of an array": (A, A[None], np.sum),
    "the array itself": (W.copy(), W, lambda v: np.sum(v) * 1.0),
    "cell": (lambda: A[0], lambda: B[1], lambda v: v()),
    "ufunc": (np.sin, np.cos, lambda v: v(1.0)),
    "NumPy's": (np.sum, np.max, lambda v: v(A)),
}


@pytest.mark.parametrize("name", KINDS)
def test_another_value_of_each_kind(name):
    one, other, read = KINDS[name]
    facts = facts_of(of(one, read))
    assert facts is not None
    assert holds(facts, of(one, read))
    assert not holds(facts, of(other, read))


def test_what_is_shared_counts():
    inner, twin = [1.0], [1.0]

    def read(pair):
        pair[0][0] = 2.0
        return pair[1][0]

    facts = facts_of(of((inner, inner), read))
    assert holds(facts, of((twin, twin), read))
    assert not holds(facts, of((inner, twin), read))
    facts = facts_of(of((inner, twin), read))
    assert not holds(facts, of((inner, inner), read))


def test_attributes_that_are_not_read_do_not_count():
    one, other = Thing(1.0), Thing(1.0)
    one.unread, other.unread = object(), np.ones(3)
    facts = facts_of(of(one, lambda v: v.value))
    assert holds(facts, of(other, lambda v: v.value)) is False  # another lambda: its code is another
    read = lambda v: v.value
    facts = facts_of(of(one, read))
    assert holds(facts, of(other, read))
    other.value = 2.0
    assert not holds(facts, of(other, read))


def test_an_attribute_that_there_was_not_counts():
    one = Thing(1.0)

    def read(v):
        return getattr(v, "extra", 1.0) * (2.0 if hasattr(v, "more") else 1.0)

    facts = facts_of(of(one, read))
    assert holds(facts, of(one, read))
    one.more = 1
    assert not holds(facts, of(one, read))


def test_all_attributes_that_are_listed_count():
    one = Thing(1.0)
    one.other = 2.0

    def read(v):
        return sum(vars(v).values())

    facts = facts_of(of(one, read))
    one.other = 3.0
    assert not holds(facts, of(one, read))


def test_references():
    one, other = Thing(1.0), Thing(2.0)

    def read(v):
        return v().value

    facts = facts_of(of(weakref.ref(one), read))
    assert holds(facts, of(weakref.ref(one), read))
    assert not holds(facts, of(weakref.ref(other), read))


def test_defaults_of_a_function():
    def loss(w, factor=2.0, *, power=2):
        return np.sum(w**power) * factor

    facts = facts_of(loss)
    loss.__kwdefaults__ = {"power": 3}
    assert not holds(facts, loss)
    loss.__kwdefaults__ = {"power": 2}
    assert holds(facts, loss)
    loss.__defaults__ = (3.0,)
    assert not holds(facts, loss)


def test_too_much_is_unknown():
    many = [float(k) for k in range(TOKENS)]
    assert facts_of(of(many, lambda v: v[3])) is None


def test_what_is_not_known_is_unknown():
    assert facts_of(of(np.poly1d([1.0, 2.0]), lambda v: float(v.coeffs[0]))) is None
    assert isinstance(facts_of(of(2.0, float)), RecordedFacts)


def test_more_or_less_than_there_was():
    facts = facts_of(of([1.0], len))
    assert hold(facts, (of([1.0], len), W, 1.0), [W]) is None
    assert hold(facts, (of([1.0], len),), [W]) is None


LARGE = np.linspace(1.0, 2.0, SMALL)


@pytest.mark.parametrize(
    ("read", "anew"),
    [
        (lambda w, a: np.sum(w[0] * a), True),
        (lambda w, a: np.sum(w[0] * a) + np.sum((w[1] + a[::2]) ** 2), False),  # a part is a constant of its own
        (lambda w, a: np.sum(w[0] * a) * a.mean(), False),
        (lambda w, a: np.sum(w[0] * a) * (2.0 if a[0] > 0 else 1.0), False),
        (lambda w, a: np.sum(w[0] * a) * float(np.max(a)), False),
        (lambda w, a: np.sum(w[0] * np.sort(a)), False),
        (lambda w, a: np.sum((w[0] + a)[a > 1.5]), False),
        (lambda w, a: np.sum(np.where(a > 1.5, w[0], a)), False),
        (lambda w, a: np.sum(w[0] * a.reshape(2, -1)), False),
    ],
    ids=["itself", "a part", "a sum", "a decision", "a number", "sorted", "places", "a mask", "turned"],
)
def test_arrays_that_are_read_anew(read, anew):
    a = LARGE.copy()

    def loss(w):
        return read(w, a)

    facts = facts_of(loss)
    a[3] = 1.7
    found = hold(facts, (loss, W), [W])
    assert (found is not None) == anew
    if found is not None:
        assert [value is a for value in found.values()] == [True]
        a = LARGE[::-1]
        (value,) = hold(facts, (loss, W), [W]).values()
        assert value.flags.c_contiguous
        assert np.array_equal(value, a)
        a = LARGE.astype(np.float32)
        assert hold(facts, (loss, W), [W]) is None
