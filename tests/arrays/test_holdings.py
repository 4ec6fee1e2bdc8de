"""What things of packages hold of the user's."""

import argparse
import collections
import functools
import weakref
from unittest import mock

import numpy as np
import pytest

from fastgrad.arrays.holdings import holds_users, is_packages_class

W = np.ones((3, 3))


class Mine:
    pass


def mine():
    return Mine()


HOLD = {
    "partial": functools.partial(mine), "values": {"a": Mine()}.values(), "namespace": argparse.Namespace(a=[Mine()]),
    "kind": argparse.Namespace(a=Mine), "wrapped": functools.lru_cache(mine), "iterator": iter([mine]),
    "wraps": functools.wraps(mine)(lambda: None), "view": argparse.Namespace(w=W[1:]), "mock": mock.Mock(wraps=mine),
    "chain": collections.ChainMap({"a": Mine()}),
}  # fmt: skip
HOLD_NOT = {
    "namespace": argparse.Namespace(a=[1, "b"]), "function": np.sum, "ufunc": np.exp, "type": np.dtype(float),
    "array": np.ones(3), "other": argparse.Namespace(w=np.ones(3)), "number": 3, "generator": np.random.default_rng(0),
}  # fmt: skip


@pytest.mark.parametrize("name", HOLD)
def test_things_of_the_users_are_found(name):
    assert holds_users(HOLD[name], [W])


@pytest.mark.parametrize("name", HOLD_NOT)
def test_packages_own_things_hold_none(name):
    assert not holds_users(HOLD_NOT[name], [W])


def test_weak_references_count():
    thing = Mine()
    assert holds_users([weakref.ref(thing)])


def test_classes():
    assert not is_packages_class(Mine)
    assert is_packages_class(argparse.Namespace)
    assert is_packages_class(collections.OrderedDict)
    assert is_packages_class(np.ndarray)
    made = type("Made", (), {"f": mine, "__module__": "nowhere"})
    assert not is_packages_class(made)
