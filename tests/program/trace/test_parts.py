"""Real and imaginary parts of arrays share their memory in NumPy: a trace in which that matters is refused."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.trace.parts import check_is_whole, taken
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable


def written_into_a_part(x):
    z = x + 0j
    z.real[:] = np.abs(x)
    return np.sum(z.real)


def whole_is_written_after(x):
    z = x * (1 + 1j)
    part = z.real
    z[x < 0] = 0
    return np.sum(part)


def by_a_function(x):
    z = x * (1 + 1j)
    part = z.imag
    np.copyto(z, np.abs(x) * (1 + 2j))
    return np.sum(part)


def by_indices(x):
    z = x * (1 + 1j)
    part = z[1:].real
    np.add.at(z, [0, 0], np.maximum(x[0], 0.0))
    return np.sum(part)


def turned(x):
    z = x * (1 + 1j)
    part = z.real
    z *= 2j
    return np.sum(part)


@pytest.mark.parametrize("f", [written_into_a_part, whole_is_written_after, by_a_function, by_indices, turned])
def test_a_part_that_is_held_is_no_copy(f):
    with pytest.raises(Untraceable, match=r"read-only|real or the imaginary part"):
        trace(f, (3,))
    points = np.vstack([np.ones((50, 3)), [[-1.2, 2.0, 0.5]]])
    found = fastgrad.gradient(f, points, batch=True)
    np.testing.assert_array_equal(found, fastgrad.gradient(f, points, batch=True, engine="python"))


def test_a_part_that_is_gone_hinders_nobody():
    def f(x):
        z = x * (1 + 1j)
        for _ in range(3):
            z[1:] = z[1:] * np.sum(z.real**2 + z.imag**2)
        return np.sum(z.real)

    assert trace(f, (3,)).nodes


def test_real_numbers_that_are_conjugated_are_the_array_itself():
    def f(x):
        y = x * 1.0
        z = y.conj()
        z[:] = np.abs(y)
        return np.sum(y)

    points = np.array([[1.0, 2.0], [-1.2, 2.0]])
    assert fastgrad.gradient(f, points, batch=True, engine="simd").round(6).tolist() == [[1.0, 1.0], [-1.0, 1.0]]


def test_parts_of_numbers_alone():
    part = taken(np.array([1 + 2j, 3.0], dtype=object), "imag")
    assert part.tolist() == [2.0, 0.0]
    assert not part.flags.writeable
    check_is_whole(np.ones(2))
