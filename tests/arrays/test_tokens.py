"""Tokens of a walk: noted once, then compared."""

import gc
import weakref

import pytest

from fastgrad.arrays.tokens import ChangedError, RecordedFacts, Tokens


class Thing:
    pass


def test_noted_and_compared():
    facts = RecordedFacts()
    first = Tokens(facts, True)
    first.emit("a", 1)
    first.emit("b")
    second = Tokens(facts, False)
    second.emit("a", 1)
    with pytest.raises(ChangedError):
        second.emit("c")
    third = Tokens(facts, False)
    third.emit("a", 1)
    third.emit("b")
    assert third.at == len(facts.tokens)
    with pytest.raises(IndexError):
        third.emit("more")


def test_identities_hold_nothing_that_can_be_referred_to():
    facts, thing, number = RecordedFacts(), Thing(), 12345678901234567890
    walk = Tokens(facts, True)
    walk.identity(thing)
    walk.identity(number)
    assert facts.held == [number]
    assert [reference() for reference in facts.references] == [thing]
    reference = weakref.ref(thing)
    del thing
    gc.collect()
    assert reference() is None


def test_ways_are_found_once():
    facts = RecordedFacts()
    assert Tokens(facts, True).way(3, lambda: "found") == "found"
    assert Tokens(facts, False).way(3, lambda: "other") == "found"
    with pytest.raises(KeyError):
        Tokens(facts, False).way(4, lambda: "other")
