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
    with pytest.raises(Untraceable, match="the real or the imaginary one"):
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


WRITES = {
    "a column": "a[:, i] += e",
    "a row": "a[i, :] += e",
    "some of a row": "a[i, :1] += e",
    "a row by one place": "a[i] += e",
    "the last axis": "a[..., i] = e",
    "backwards": "a[i, ::-1] = b[0] * e",
    "an element": "a[i, j] *= 1.0 + e",
    "two places and a slice": "t[i, 1:, j] -= e",
    "another row": "a[i] = a[j]",
    "copies": "a[i], a[j] = a[j].copy(), a[i].copy()",
    "of what is computed": "r = a[i] * 2.0; a *= 1.0 + e; s = s + r.sum()",
    "a copy": "r = a[i].copy(); a *= 1.0 + e; s = s + r.sum()",
    "a transposed": "a.T[i] += e",
    "what is gone": "s = s + a[i].sum(); a *= 1.0 + e",
}
SHARED = {
    "in place": "r = a[i]; r += e",
    "an element of it": "r = a[i]; r[0] = e",
    "an element at once": "a[i][1] += e",
    "all of it": "a[i][:] = e",
    "from the end": "r = a[i - 1]; r -= e",
    "by a method": "a[i].fill(e)",
    "by a mask": "a[i][a[i] > 2.0] = e",
    "by out=": "np.add(a[i], e, out=a[i])",
    "the whole after it": "r = a[i]; a *= 1.0 + e; s = s + r.sum()",
    "a column, and the whole": "r = a[:, j]; a[:] = e; s = s + r.sum()",
    "an element of the whole": "r = a[i]; a[0, 0] = e; s = s + r.sum()",
    "put back elsewhere": "r = a[i]; r += e; a[j] = r",
    "without a copy": "a[i], a[j] = a[j], a[i]",
    "by a function": "np.copyto(a[i], e)",
}


def picking(statement):
    """A function of which few points show what it writes."""
    lines = [
        "b = np.array([1.0, 2.0, 3.0])", "a = np.outer([1.0, 2.0, 3.0], b) * x[0]", "t = np.stack([a, a, a])",
        "i, j, s = int(x[0]), np.argmax(x), 0.0", "e = np.exp(-((x[1] - 3.5) ** 2) / 0.001)", *statement.split("; "),
        "return a.sum() + (t * t).sum() + s + x[1]",
    ]  # fmt: skip
    space = {"np": np}
    exec("def f(x):\n    " + "\n    ".join(lines), space)
    return space["f"]


PLACES = np.random.default_rng(0).uniform(0.2, 2.8, (300, 2))
PLACES[150] = 0.3, 3.49


@pytest.mark.parametrize("method", ["central", "exact"])
@pytest.mark.parametrize("statement", WRITES.values(), ids=WRITES)
def test_writes_at_traced_integers(statement, method):
    f = picking(statement)
    values, slopes = fastgrad.value_and_gradient(f, PLACES, batch=True, method=method, engine="simd")
    np.testing.assert_allclose(values, [f(x) for x in PLACES], rtol=1e-12)
    wanted = fastgrad.gradient(f, PLACES, batch=True, engine="python")
    np.testing.assert_allclose(slopes, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("statement", SHARED.values(), ids=SHARED)
def test_what_shares_its_memory_with_what_is_picked_is_refused(statement):
    f = picking(statement)
    with pytest.raises(Untraceable, match="pick"):
        trace(f, (2,))
    found = fastgrad.value_and_gradient(f, PLACES[140:160], batch=True)[0]
    assert (found == [f(x) for x in PLACES[140:160]]).all()
