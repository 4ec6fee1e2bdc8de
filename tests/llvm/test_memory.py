"""What is kept for the next call, and what goes."""

import threading
import weakref

import pytest

from fastgrad.llvm.machine import Memory


@pytest.mark.parametrize("used", ["a", "b"])
def test_the_least_recently_used_goes(used):
    memory = Memory(2)
    for key in "ab":
        assert memory.keep(key, key.upper()) == key.upper()
    assert memory.get(used) == used.upper()
    memory.keep("c", "C")
    assert list(memory.entries) == [used, "c"]
    assert memory.get("b" if used == "a" else "a") is None
    assert (len(memory), memory.weight) == (2, 2)


def test_as_many_go_as_outweigh_the_limit():
    memory = Memory(10)
    for key, weight in (("a", 3), ("b", 3), ("c", 3), ("d", 6)):
        memory.keep(key, key, weight)
    assert (list(memory.entries), memory.weight) == (["c", "d"], 9)


def test_the_newest_stays_whatever_it_weighs():
    memory = Memory(10)
    memory.keep("a", "a")
    memory.keep("b", "b", 100)
    assert (memory.get("a"), memory.get("b"), memory.weight) == (None, "b", 100)
    memory.keep("c", "c")
    assert (list(memory.entries), memory.weight) == (["c"], 1)


def test_a_key_kept_again_counts_once():
    memory = Memory(10)
    memory.keep("a", "old", 4)
    memory.keep("b", "b", 4)
    memory.keep("a", "new", 5)
    assert (memory.get("a"), memory.weight, list(memory.entries)) == ("new", 9, ["b", "a"])
    memory.clear()
    assert (len(memory), memory.weight, memory.get("a")) == (0, 0, None)


class Value:
    """Something that keeps another value when it goes."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def __del__(self) -> None:
        self.memory.keep("last", "word")


def test_what_goes_may_use_the_memory():
    memory: Memory = Memory(1)
    value = weakref.ref(memory.keep("a", Value(memory)))
    memory.keep("b", "b")
    assert value() is None
    assert (memory.get("last"), len(memory), memory.weight) == ("word", 1, 1)


def test_threads_share_a_memory():
    memory = Memory(5)

    def work(start):
        for k in range(2000):
            key = (start + k) % 13
            assert memory.get(key) in (None, key)
            memory.keep(key, key)

    threads = [threading.Thread(target=work, args=(3 * k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(memory) == memory.weight == 5
