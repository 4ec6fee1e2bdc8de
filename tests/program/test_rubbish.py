"""What holds only itself is ended, and of what a program holds no more is looked through than is needed."""

import gc
from weakref import ref

import pytest

from fastgrad.program.rubbish import is_gone_after_looking


class Ring:
    def __init__(self):
        self.itself = self


@pytest.fixture
def looked(monkeypatch):
    """The generations that are looked through."""
    collect, seen = gc.collect, []
    monkeypatch.setattr(gc, "collect", lambda generation=2: (seen.append(generation), collect(generation))[1])
    return seen


def test_what_is_gone_costs_nothing(looked):
    assert is_gone_after_looking(lambda: True)
    assert looked == []


def test_what_was_just_made_is_among_the_youngest(looked):
    alive = ref(Ring())
    assert is_gone_after_looking(lambda: alive() is None)
    assert looked == [0]


@pytest.mark.parametrize("age", [1, 2])
def test_what_is_older_is_found_later(looked, age):
    ring = Ring()
    for generation in range(age):
        gc.collect(generation)
    alive = ref(ring)
    del ring
    looked.clear()
    assert is_gone_after_looking(lambda: alive() is None)
    assert looked == [0, 1, 2][: len(looked)]


def test_what_somebody_holds_stays(looked):
    ring = Ring()
    alive = ref(ring)
    assert not is_gone_after_looking(lambda: alive() is None)
    assert looked == [0, 1, 2]
    assert alive() is ring
