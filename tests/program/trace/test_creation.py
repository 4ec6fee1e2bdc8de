"""Arrays that f makes: they take symbols, are NumPy's in all else, and are its own where f writes nothing."""

from itertools import count

import numpy as np
import pytest

from fastgrad.program.program import evaluate
from fastgrad.program.trace.arrays import Symbols
from fastgrad.program.trace.creation import MAKING, as_symbols, may_fill
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

X = np.array([0.5, 2.0, 3.0])


def value(f):
    """What the program of f gives, which is what f gives."""
    found = np.array(evaluate(trace(f, (3,)), X))
    np.testing.assert_allclose(found, np.ravel(f(X.copy())), rtol=1e-13)
    return found.tolist()


def made(x):
    kinds = []
    for array in (np.zeros(3), np.ones((2, 2)), np.full(2, 0.5), np.eye(2), np.arange(3.0), np.array([1.0, 2.0])):
        kinds.append(array.__class__)  # type says what it is without a trace
        array[0] = x[0]
    for array in (np.zeros(3, int), np.zeros(3, bool), np.array([1, 2]), np.arange(3), np.zeros(2, np.float32)):
        kinds.append(array.__class__)  # type says what it is without a trace
    TYPES.extend(kinds)
    return x[0]


def made_only(x):
    TYPES.append(np.zeros(3).__class__)
    return x[0] + np.zeros(3).sum()


TYPES: list = []


@pytest.mark.parametrize(("f", "expected"), [(made, [Symbols] * 6 + [np.ndarray] * 5), (made_only, [np.ndarray])])
def test_arrays_of_floats_take_symbols_where_f_writes(f, expected):
    TYPES.clear()
    trace(f, (3,))
    assert expected == TYPES


def test_who_writes():
    def by_index(a):
        a[0] = 1

    def in_place(a):
        a += 1

    def by_out(a):
        np.exp(a, out=a)

    def inside(a):
        return [by(a) for by in (lambda b: b.fill(1.0),)]

    for f in (by_index, in_place, by_out, inside):
        assert may_fill(f.__code__)
    for f in (lambda a: a[0] + 1, lambda a: np.zeros(3) + a, lambda a: [v for v in a]):  # noqa: C416
        assert not may_fill(f.__code__)


def aliases(x):
    a = np.zeros((2, 2))
    row, flat, same, copy = a[0], a.ravel(), np.asarray(a), np.array(a)
    row[1] = x[0]
    flat[2] = x[1]
    same[1, 1] = x[2]
    copy[0, 0] = 7.0
    a.T[0, 0] = 5.0
    return a.ravel()


def slices_of_a_slice(x):
    a = np.zeros(6)
    a[::2][1:] = x[:2]
    a[1::2] += 1
    b = a[:3]
    a *= 2.0
    return b + a[3:]


def constants_stay(x):
    weights = np.array([1.0, 2.0, 3.0])
    other = weights
    other[0] = x[0]
    return weights * x


def masks_and_integers_become_floats(x):
    a = np.zeros(4)
    a[0], a[1], a[2:] = x[0] > 1, True, [1, x[1]]
    return a / np.array([2, x[0], 3, 4])


def infinities(x):
    a = np.zeros(2)
    a[1] = x[0]
    return np.array([1.0 / a[0], 1.0 / a[1], (a / 0.0)[1]])


@pytest.mark.parametrize(
    "f",
    [aliases, slices_of_a_slice, constants_stay, masks_and_integers_become_floats, infinities],
    ids=count(),
)
def test_aliases_and_types_are_numpys(f):
    with np.errstate(all="ignore"):
        value(f)


def numbers_only(x):
    a = np.zeros((2, 2))
    a[0, 0], a[1, 1], a[0, 1] = 2.0, 4.0, 1.0
    order = np.argsort(a.ravel())
    counted = int(a[1, 1]) + len(a[a > 1.5]) + a.argmax()
    inverse = np.linalg.inv(a)
    inverse[0, 1] = x[1]
    if a[0, 0] > 1.0 and (a.sum() == 7.0):
        a[0, 0] = x[0]
    chosen = x[np.array([1.0, 0.0, 1.0]).astype(int)]
    return np.concatenate([np.take(a, order), inverse.ravel(), chosen]) * counted


def test_arrays_that_hold_numbers_only_are_numbers():
    value(numbers_only)


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda x: np.zeros(3, int).__setitem__(0, x[0]), "into an integer.*of floats"),
        (lambda x: np.zeros(3, np.float32).__setitem__(0, x[0]), "into a float"),
        (lambda x: np.array(x, dtype=int), "array of int64 of traced values"),
        (lambda x: np.array([x[0], 1.0], dtype=np.float32), "array of float32 of traced values"),
        (lambda x: np.full(2, x[0], dtype=int), "array of int64"),
        (lambda x: np.array([x[0], [1.0, 2.0]]), "ValueError"),
    ],
    ids=count(),
)
def test_other_types_are_refused(f, reason):
    with pytest.raises(Untraceable, match=reason):
        trace(f, (3,))


def unwritten(x):
    a = np.empty(3)
    a[0] = x[0]
    return a.sum()


def test_what_nobody_wrote_is_not_read():
    with pytest.raises(
        Untraceable, match=r"np\.empty has not been written.*line \d+ of test_creation.py: return a.sum"
    ):
        trace(unwritten, (3,))


def kept(x):
    STORE["buffer"] = np.zeros(2)
    STORE["buffer"][0] = 1.0
    return x[0]


STORE: dict = {}


def test_arrays_that_f_keeps_are_seen():
    STORE.clear()
    with pytest.raises(Untraceable, match="keeps what it computes"):
        trace(kept, (3,))
    assert STORE == {}


def like(x):
    a = np.zeros(2, like=x)
    a[0] = x[0]
    b = np.array([x[1], 2.0], like=x)
    return np.concatenate([a, b, np.ones(2, like=x), np.full(2, 0.5, like=x), np.eye(2, like=x)[0]])


def test_arrays_like_a_traced_one():
    value(like)


def test_without_a_trace_they_are_numpys_own():
    array = MAKING["zeros"](3)
    assert type(array) is type(MAKING["array"]([1.0])) is np.ndarray
    assert type(as_symbols(array)) is Symbols
    assert as_symbols(array).tolist() == [0.0, 0.0, 0.0]


def orders(x):
    a = np.zeros((2, 3))
    same, turned = np.ascontiguousarray(a), np.ascontiguousarray(a.T)
    same[0, 0], turned[1, 1] = x[0], x[1]
    given, none = np.array(a, copy=False), np.array(a, copy=None)
    given[0, 1], none[0, 2] = x[2], x[0] * x[1]
    return np.concatenate([a.ravel(), turned.ravel()])


def as_they_lie_in_memory(x):
    a, outer = np.zeros((2, 3), order="F"), np.array(np.outer(x, x), order="F")
    a[0] = x
    parts = a.ravel(), outer.ravel(), np.zeros_like(np.ones((2, 3)).T).reshape(-1)
    for part in parts:
        part[:] = x[1]
    row, same = np.array(x, ndmin=2, copy=None), np.float64(b := np.zeros(3))
    same[0] = x[2]
    return np.concatenate([a.ravel("K"), outer.ravel(), row.ravel(), b, a.flatten("A")])


def known_masks(x):
    a = np.zeros(3)
    a[1] = 2.0
    mask = (a > 1.0) + (a > 0.0)
    a[~mask] = x[0]
    for v in a:
        a[2] = a[2] + 0.0 * v
    np.place(b := np.zeros(3), np.array([True, False, True]), [5.0])
    b[1] = x[1]
    return np.concatenate([a * mask, b, [np.sum(mask)]])


def coefficients(x):
    a = np.zeros(4)
    a[1:] = x
    return np.array([np.poly1d(a)(0.5), np.poly1d(a).order, *np.trim_zeros(a)])


@pytest.mark.parametrize("f", [orders, as_they_lie_in_memory, known_masks, coefficients])
def test_copies_masks_and_zeros_are_numpys(f):
    value(f)
