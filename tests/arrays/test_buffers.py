"""Memory that is used again, by nobody at the same time."""

import threading

import numpy as np

from fastgrad.arrays.buffers import KEPT, SMALLEST, empty, reused

SIZE = 2 * SMALLEST


def address(array):
    return array.__array_interface__["data"][0]


def test_what_nothing_refers_to_is_used_again():
    with reused():
        a = empty((2, SMALLEST))
        at = address(a)
        del a
        assert address(empty((SIZE,))) == at


def test_what_is_in_use_is_not():
    with reused():
        held = [empty((SIZE,)) for _ in range(2 * KEPT)]
        view = held.pop()[5:]
        for n, a in enumerate(held):
            a[...] = n
        view[...] = -1
        more = [empty((SIZE,)) for _ in range(4)]
        for a in more:
            a[...] = 99
        assert all((a == n).all() for n, a in enumerate(held))
        assert (view == -1).all()


def test_small_ones_and_those_outside_are_fresh():
    a = empty((SIZE,))
    b = empty((SIZE,))
    assert not np.shares_memory(a, b)
    with reused():
        assert empty((3, 4)).shape == (3, 4)
        assert empty(()).shape == ()
        assert empty((0, SIZE)).size == 0


def test_nested_and_of_each_thread():
    found = []

    def work():
        with reused():
            a = empty((SIZE,))
            a[...] = 1.0
            found.append(address(a))

    with reused():
        with reused():
            a = empty((SIZE,))
            at = address(a)
            del a
        held = empty((SIZE,))
        assert address(held) == at
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert found != [at]
