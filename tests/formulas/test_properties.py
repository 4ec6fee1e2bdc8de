"""A property that is computed once, without a lock."""

import copy
import threading
from dataclasses import dataclass, replace

import pytest

from fastgrad.formulas.properties import cached_property


@dataclass(frozen=True)
class Square:
    side: float

    @cached_property
    def area(self) -> float:
        """The side twice."""
        CALLS.append(self.side)
        return self.side**2


CALLS: list[float] = []


def test_it_is_computed_once_for_each_object():
    CALLS.clear()
    one, two = Square(2.0), Square(3.0)
    assert [one.area, two.area, one.area, two.area] == [4.0, 9.0, 4.0, 9.0]
    assert CALLS == [2.0, 3.0]
    assert one == Square(2.0)


def test_copies_keep_it_and_changed_ones_do_not():
    one = Square(2.0)
    assert one.area == 4.0
    CALLS.clear()
    assert (copy.copy(one).area, replace(one, side=5.0).area) == (4.0, 25.0)
    assert CALLS == [5.0]


def test_it_says_what_it_is():
    assert Square.area.__doc__ == "The side twice."
    assert isinstance(Square.area, cached_property)


def test_what_raises_is_asked_again():
    class Late:
        ready = False

        @cached_property
        def value(self):
            if not self.ready:
                msg = "not yet"
                raise ValueError(msg)
            return 7

    late = Late()
    with pytest.raises(ValueError, match=r"^not yet$"):
        _ = late.value
    late.ready = True
    assert late.value == 7


def test_no_thread_waits_for_another():
    """A lock that another thread holds is one that a fork leaves locked."""
    inside, done = threading.Event(), threading.Event()

    class Slow:
        def __init__(self, waits):
            self.waits = waits

        @cached_property
        def value(self):
            if self.waits:
                inside.set()
                done.wait(20)
            return 1

    thread = threading.Thread(target=lambda: Slow(True).value)
    thread.start()
    assert inside.wait(20)
    assert Slow(False).value == 1
    done.set()
    thread.join()
