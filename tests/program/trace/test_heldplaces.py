"""Places that can be written into: what is there is put back, whatever was done to it."""

from collections import deque
from functools import partial

import numpy as np
import pytest

from fastgrad.program.trace import heldplaces
from fastgrad.program.trace.heldplaces import LONG, HeldNumbers, HeldPlace, holds_what_is_traced
from fastgrad.program.trace.symbols import Trace


class Slotted:
    __slots__ = ("a", "b")


def slotted():
    made = Slotted()
    made.a = 1.0
    return made


CASES = {
    "a dict": (
        lambda: {"a": 1, "b": 2}, lambda d: (d.pop("a"), d.update(c=3)), lambda d: partial(dict, d), heldplaces.refill
    ),
    "a list": (
        lambda: [1, 2, 3], lambda v: (v.pop(), v.insert(0, 9)), lambda v: partial(heldplaces.numbered, v),
        heldplaces.refill_list,
    ),
    "a deque": (
        lambda: deque([1, 2], 4), lambda v: v.extendleft([5, 6]), lambda v: partial(heldplaces.numbered, v),
        heldplaces.refill_list,
    ),
    "a set": (
        lambda: {1, 2}, lambda v: (v.add(7), v.discard(1)), lambda v: partial(dict.fromkeys, v), heldplaces.refill_set
    ),
    "a long list": (
        lambda: [0] * (LONG + 5), lambda v: v.extend([1, 2]), lambda v: partial(heldplaces.beyond, v, LONG + 5),
        lambda v, _: heldplaces.shorten(v, LONG + 5),
    ),
    "objects in an array": (
        lambda: np.array([1, "a"], dtype=object), lambda v: v.fill(None),
        lambda v: lambda: heldplaces.numbered(v.ravel()), heldplaces.fill,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_was_there_is_put_back(name):
    make, change, read, write = CASES[name]
    thing = make()
    place = HeldPlace(thing, read(thing), partial(write, thing), name)
    assert not place.changed()
    change(thing)
    assert place.changed()
    assert not place.is_left()
    place.restore()
    assert not place.changed()
    assert list(thing) == list(make())


def test_slots_and_numbers():
    thing, numbers = slotted(), np.arange(3.0)
    place = HeldPlace(
        thing,
        partial(heldplaces.read_slots, thing, ["a", "b"]),
        partial(heldplaces.set_slots, thing, ["a", "b"]),
        "slots",
    )
    held = HeldNumbers(numbers)
    thing.b, thing.a, numbers[1] = 5.0, 2.0, np.nan
    assert place.changed()
    assert held.changed()
    place.restore()
    held.restore()
    assert (thing.a, hasattr(thing, "b"), numbers.tolist()) == (1.0, False, [0.0, 1.0, 2.0])


def test_what_is_of_a_trace_is_seen_in_containers():
    with Trace(9) as recording:
        symbol = recording.node("sin", ("x", 0))
        things = {"a": [(symbol,)]}
        for holder in (symbol, [symbol], {"a": symbol}, np.array([symbol], dtype=object), things):
            assert holds_what_is_traced(holder)
        del things["a"], symbol, holder
    assert not holds_what_is_traced([1.0, {"a": "b"}, np.arange(3.0)])
