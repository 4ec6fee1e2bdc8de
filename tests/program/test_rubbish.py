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


@pytest.mark.parametrize("age", range(3))
def test_what_holds_itself_is_found_at_its_age(looked, age):
    alive = ref(Ring())
    for generation in range(age):
        ring = alive()
        gc.collect(generation)
        del ring
    looked.clear()
    assert is_gone_after_looking(lambda: alive() is None)
    assert looked == [*range(age + 1)]


def test_what_somebody_holds_stays(looked):
    ring = Ring()
    alive = ref(ring)
    assert not is_gone_after_looking(lambda: alive() is None)
    assert looked == [0, 1, 2]
    assert alive() is ring
