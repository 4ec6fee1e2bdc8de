"""How many numbers a loss reads, at a glance."""

import functools
import types

import numpy as np

from fastgrad.arrays.reach import OBJECTS, numbers

GLOBAL = np.ones((3, 7))


class Net:
    def __init__(self):
        self.params, self.layers = {"W": np.ones((4, 5))}, [types.SimpleNamespace(b=np.ones(6))]
        self.me = self

    def loss(self, x):
        return np.sum(x @ self.params["W"])


def test_attributes_lists_and_dicts():
    assert numbers(Net().loss) == 26
    assert numbers(Net()) == 26


def test_closures_globals_defaults_and_arguments():
    inner = np.ones(11)

    def helper(x=np.ones(2)):  # noqa: B008
        return np.sum(x) + np.sum(inner)

    assert numbers(lambda w: helper() + np.sum(GLOBAL)) == 11 + 2 + 21
    assert numbers(functools.partial(lambda a, b: a, np.ones(4)), np.ones(5)) == 9


def test_an_array_counts_once_and_whole_numbers_do_not():
    w = np.ones(8)
    assert numbers(lambda: (w, w), w, np.arange(100), np.array([True])) == 8


def test_it_stops_looking():
    many = [np.ones(1) for _ in range(10 * OBJECTS)]
    assert numbers(lambda: many) < OBJECTS
