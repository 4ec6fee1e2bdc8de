"""The book's loop over few numbers: the digits of the loop over many, and nothing left behind."""

from __future__ import annotations

import numpy as np
import pytest

from fastgrad import numerical_gradient
from fastgrad.book import loop


def book(f, x, h=1e-4):
    """As the book has it."""
    grad = np.zeros_like(x)
    for i in range(x.size):
        saved = x[i]
        x[i] = saved + h
        above = f(x)
        x[i] = saved - h
        grad[i] = (above - f(x)) / (2 * h)
        x[i] = saved
    return grad


@pytest.fixture
def short(monkeypatch):
    """What was done for few elements, call by call; None where it was left to arrays."""
    seen, of_few = [], loop._of_few
    monkeypatch.setattr(loop, "_of_few", lambda *given: (seen.append(of_few(*given)), seen[-1])[1])
    return seen


@pytest.mark.parametrize("count", [1, 2, 5, 16])
@pytest.mark.parametrize("h", [1e-4, 1e-2])
def test_the_digits_are_the_books(count, h, short):
    x = np.random.default_rng(count).standard_normal(count)
    before = x.copy()
    for f in (lambda x: np.sum(np.sin(x) * x), lambda x: float(x[0]) ** 2, np.max, np.prod):
        found = numerical_gradient(f, x, h)
        assert short[-1] is found
        assert found.tolist() == book(f, x, h).tolist()
        assert x.tobytes() == before.tobytes()


def test_it_moves_the_array_itself(short):
    w = np.array([1.0, -2.0, 3.0])
    found = numerical_gradient(lambda _: np.sum(w**3), w)
    assert short[-1] is found
    np.testing.assert_allclose(found, [3.0, 12.0, 27.0], rtol=1e-7)


def test_matrices_are_moved_as_well(short):
    w = np.arange(6.0).reshape(2, 3)
    found = numerical_gradient(lambda _: np.sum(w**2 * np.array([[1.0], [2.0]])), w)
    assert short[-1] is found
    np.testing.assert_allclose(found, 2 * w * np.array([[1.0], [2.0]]), atol=1e-9)
    assert np.array_equal(
        found, numerical_gradient(lambda _: np.sum(w**2 * np.array([[1.0], [2.0]])), w, progress=True)
    )
    np.testing.assert_array_equal(w, np.arange(6.0).reshape(2, 3))


ELSEWHERE = [np.ones(17), np.ones((2, 2), order="F"), np.ones((4, 4))[:, ::2], np.ones(3, np.float32), np.ones(0)]


@pytest.mark.parametrize("x", ELSEWHERE, ids=["many", "Fortran", "strided", "float32", "none"])
def test_other_arrays_are_left_to_the_loop_over_many(x, short):
    numerical_gradient(lambda x: np.sum(np.asarray(x) ** 2) + 1.0, x)
    assert short == []


@pytest.mark.parametrize("bad", [0.0, -1e-4, np.inf, np.nan, "a", None])
def test_steps_that_are_none(bad):
    with pytest.raises(ValueError, match="h="):
        numerical_gradient(np.sum, np.ones(2), bad)
    with pytest.raises(ValueError, match="vanishes"):
        numerical_gradient(np.sum, np.array([1.0, 1e20]))


@pytest.mark.parametrize("when", [1, 2, 3, 4])
def test_numbers_are_put_back_whatever_happens(when):
    x, calls = np.array([0.1, 0.2]), []

    def f(x):
        calls.append(1)
        if len(calls) == when:
            raise KeyboardInterrupt
        return x[0] * x[1]

    with pytest.raises(KeyboardInterrupt):
        numerical_gradient(f, x)
    assert x.tolist() == [0.1, 0.2]


def moved_element(x):
    x[0] = 5.0
    return x[0]


def other_element(x):
    x[-1] += 1.0
    return x[0]


def next_element_once(x):
    if x[0] > 0.5:
        x[1] = 5.0
    return x[0]


@pytest.mark.parametrize("f", [moved_element, other_element, next_element_once])
def test_f_that_writes_is_told(f):
    x = np.array([0.5, -0.0, 1.0])
    before = x.tobytes()
    with pytest.raises(ValueError, match="f writes into its argument"):
        numerical_gradient(f, x)
    assert x.tobytes() == before


def test_not_finite_numbers_go_through():
    f = lambda x: x[0] * x[1]
    with np.errstate(all="ignore"):
        found = numerical_gradient(f, np.array([np.nan, 2.0]))
    assert np.isnan(found[0])
    assert np.isnan(found[1])
    with np.errstate(all="ignore"):
        assert np.isnan(numerical_gradient(lambda x: np.inf * x[0], np.array([1.0]))).all()
