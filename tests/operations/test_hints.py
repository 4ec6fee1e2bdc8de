"""Hints are for calls that cannot have been meant: elsewhere f's own errors come as they are, and nothing is asked."""

import numpy as np
import pytest

from fastgrad import gradient, hessian, jacobian
from fastgrad.operations import hints


def failing(error):
    def f(x):
        raise error

    return f


@pytest.mark.parametrize("error", [ValueError("no"), IndexError("no"), KeyError("no"), RuntimeError("no")], ids=repr)
@pytest.mark.parametrize("batch", [False, True])
def test_other_errors_are_those_of_f(error, batch):
    with pytest.raises(type(error)) as caught:
        gradient(failing(error), np.ones((4, 2)), batch=batch)
    assert caught.value is error


def test_a_subclass_keeps_its_error():
    class Own(IndexError):
        pass

    def f(x):
        if x.ndim == 1:
            raise Own
        return x[:, 0]

    with pytest.raises(Own, match=r"^$"):
        gradient(f, np.ones((4, 2)), batch=True)


def test_error_of_f_is_the_cause_and_keeps_its_notes():
    def f(x):
        try:
            return x[:, 0]
        except IndexError as error:
            error.add_note("beside the point")
            raise

    with pytest.raises(IndexError, match="all points at once") as caught:
        gradient(f, np.ones((4, 2)), batch=True)
    assert caught.value.__notes__ == ["beside the point"]
    assert type(caught.value.__cause__) is IndexError


def test_f_is_asked_three_times_at_most():
    calls = []

    def f(x):
        calls.append(x.shape)
        return x[:, 0]

    with pytest.raises(IndexError, match="all points at once"):
        gradient(f, np.ones((4, 3)), batch=True, engine="python")
    assert calls == [(3,), (4, 3)]
    calls.clear()
    with pytest.raises(ValueError, match="all rows of x"):
        gradient(f, np.ones((4, 3)), engine="python")
    assert calls == [(4, 3), (4, 3), (3,)]


def test_nothing_is_asked_where_all_is_well():
    calls = []

    def f(x):
        calls.append(None)
        return x[0] * x[-1]

    gradient(f, np.ones((2, 20)), batch=True, engine="python")
    assert len(calls) == 2 * 2 * 20


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "x",
    [np.ones((2, 7)), np.ones((3, 8)), np.ones((2, 4, 5))],
    ids=["few coordinates", "nearly as many points", "points of two axes"],
)
def test_unread_coordinates_may_be_meant(x):
    gradient(lambda x: x.ravel()[0] ** 2, x, batch=True)


@pytest.mark.filterwarnings("error")
def test_what_is_zero_by_chance_is_read():
    flat = np.zeros((2, 20)) + np.array([3.0] * 2 + [0.0] * 18)
    gradient(lambda x: np.sum(x[:2]) + np.sum(x[2:] ** 2), flat, batch=True)
    jacobian(lambda x: x[:2] + np.sum(x[2:] ** 2), flat, batch=True)
    hessian(lambda x: np.sum(x[:2] ** 2) + np.sum(x[2:]), flat, batch=True)
    gradient(lambda W: np.sum(W[:2] ** 2), np.ones((20, 2)))  # rows of a table that are looked up


def test_level_of_the_warning():
    with pytest.warns(UserWarning, match="never reads") as seen:
        gradient(lambda x: x[0], np.ones((1, 20)), batch=True)
    assert seen[0].filename == __file__
    assert hints.LONG <= 20
