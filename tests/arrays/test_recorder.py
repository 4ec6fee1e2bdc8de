"""Recorders: views, writes, numbers and what they refuse to be."""

import copy
import pickle

import numpy as np
import pytest

from fastgrad.arrays.nodes import Node, RefusedError, constant
from fastgrad.arrays.recorder import Recorder, joined, node_of, recorder_of, stacked

A = np.arange(12.0).reshape(3, 4)


def recorder():
    return Recorder(Node("parameter", value=A.copy()))


def test_it_looks_like_an_array():
    x = recorder()
    assert isinstance(x, np.ndarray)
    assert (x.shape, x.ndim, x.size, x.dtype, x.nbytes, len(x)) == ((3, 4), 2, 12, np.float64, 96, 3)
    assert x.real is x
    assert not hasattr(x, "detach")
    assert [row.shape for row in x] == [(4,)] * 3


def write_row(x):
    x[1] = 5.0


def write_view(x):
    x[1:][:, ::2] += 1.0


def write_turned(x):
    y = x.T
    y[0] = y[1] * 2.0


def write_masked(x):
    x[x > 6] = 0.0


def write_flat(x):
    x.reshape(-1)[::5] = -1.0
    x.ravel()[1] = 7.0
    x.flat[2] = 8.0


def write_by_numbers(x):
    x[[0, 0, 2]] += 1.0
    x[[1, 2], [3, 3]] = 9.0


def write_by_out(x):
    np.multiply(x, 2.0, out=x)
    np.add(x, 1.0, out=x, where=x > 4)
    x **= 2


def write_a_number(x):
    y = x[1, 1]
    y += 100.0


def write_to_a_copy(x):
    for y in (x.copy(), x[[0, 1]], x * 1.0, x.flatten(), copy.deepcopy(x)):
        y[...] = 1.0


def write_swapped(x):
    x[0], x[1] = x[1].copy(), x[0].copy()
    x.fill(3.0) if x.size == 0 else x[2].fill(3.0)


def write_through_two_views(x):
    a, b = x[:2], x[1:]
    a *= 2.0
    b += a.sum()
    a[0] = b[1]


WRITES = [write_row, write_view, write_turned, write_masked, write_flat, write_by_numbers, write_by_out, write_a_number,
          write_to_a_copy, write_swapped, write_through_two_views]  # fmt: skip


@pytest.mark.parametrize("write", WRITES)
def test_writes_are_numpys(write):
    x, plain = recorder(), A.copy()
    write(x)
    write(plain)
    assert np.array_equal(x.node.value, plain)


INDICES = [
    0, -1, (1, 2), slice(None, None, -1), (slice(1, None), slice(None, None, 2)), ..., (..., 0), None,
    (slice(None), None, 1), np.array([2, 0, 0]), [1, -1], (np.array([0, 2]), np.array([1, -1])), A[:, 0] > 2, A > 5,
    (slice(None), [0, 0, 3]), np.ix_([0, 2], [1, 3]), (np.array([[0], [1]]), np.array([[2, 3]])),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=range(len(INDICES)))
def test_parts_are_numpys(index):
    assert np.array_equal(recorder()[index].node.value, A[index])


USES = {
    "bool": bool, "float": float, "int": int, "complex": complex, "repr": repr, "str": str, "format": "{}".format,
    "digits": "{:.3f}".format, "in": lambda x: x in [x + 1], "pickle": pickle.dumps, "plain": np.asarray,
    "range": range, "index": lambda x: A[x.astype(int)], "branch": lambda x: 3 if x > 2 else 4,
    "max": lambda x: max(x, 3.0), "single": np.float32,
}  # fmt: skip


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_values_are_refused(use):
    with pytest.raises(RefusedError):
        use(recorder()[1, 1])


def test_constants_have_values():
    x = Recorder(constant(np.array(3.0)))
    assert (bool(x), float(x), int(x), f"{x:.1f}") == (True, 3.0, 3, "3.0")
    assert 3.0 in Recorder(constant(A))


def test_a_write_into_an_array_of_others_is_refused():
    with pytest.raises(RefusedError, match="an array that was not made of them"):
        np.add(recorder(), 1.0, out=A.copy())
    with pytest.raises(RefusedError, match="undefined"):
        np.add(recorder(), 1.0, where=A > 3)
    with pytest.raises(ValueError, match="more dimensions"):
        recorder().__iadd__(np.zeros((2, 3, 4)))


def test_after_the_recording_there_is_no_number():
    x = recorder()
    x.release()
    with pytest.raises(RefusedError, match="earlier recording"):
        node_of(x)


def test_operands():
    x = recorder()
    assert recorder_of(x) is x
    assert node_of(np.float32(2.5)).value == 2.5
    assert np.array_equal(stacked([x, A]).node.value, np.stack([A, A]))
    assert np.array_equal(joined([x, A], 1).node.value, np.hstack([A, A]))
    with pytest.raises(RefusedError, match="complex128"):
        node_of(np.array([1j]))


METHODS = [
    ("mean", (0,)), ("var", (1,)), ("std", ((0, 1),)), ("clip", (2, 7)), ("max", ()), ("dot", (A.T,)),
    ("swapaxes", (0, 1)), ("repeat", (2,)), ("argmin", (1,)), ("round", ()), ("squeeze", ()), ("cumsum", (1,)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given"), METHODS, ids=[name for name, _ in METHODS])
def test_methods_are_numpys(name, given):
    np.testing.assert_allclose(getattr(recorder(), name)(*given).node.value, getattr(A, name)(*given), rtol=1e-14)
