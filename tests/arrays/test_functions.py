"""NumPy's functions of whole arrays: of recorders they have NumPy's values."""

import numpy as np
import pytest
from scipy import special

from fastgrad.arrays import algebra  # noqa: F401  whose rules are found in FUNCTIONS
from fastgrad.arrays.functions import SCIPYS
from fastgrad.arrays.nodes import Node, RefusedError, constant
from fastgrad.arrays.recorder import FUNCTIONS, Recorder

A = np.random.default_rng(0).normal(size=(3, 4))
B = np.random.default_rng(1).normal(size=(2, 3, 4))


def recorder(value):
    return Recorder(Node("parameter", value=value))


ONE = {
    "sum": lambda x: np.sum(x, axis=0), "max": lambda x: np.max(x, axis=-1, keepdims=True), "mean": np.mean,
    "amin": lambda x: np.min(x, 0), "var": lambda x: np.var(x, axis=1, ddof=1),
    "std": lambda x: np.std(x, 0, keepdims=True), "prod": lambda x: np.prod(x, axis=0), "prod of all": np.prod,
    "cumsum": lambda x: np.cumsum(x, axis=-1), "flat cumsum": np.cumsum, "argmax": lambda x: np.argmax(x, axis=1),
    "any": lambda x: np.any(x > 0, axis=0), "all": lambda x: np.all(x > 9), "reshape": lambda x: np.reshape(x, (4, -1)),
    "ravel": np.ravel, "transpose": np.transpose, "squeeze": lambda x: np.squeeze(x[:1]),
    "swapaxes": lambda x: np.swapaxes(x, 0, 1), "clip": lambda x: np.clip(x, -0.5, 0.5),
    "clip by name": lambda x: np.clip(x, a_min=None, a_max=0), "round": np.round,
    "repeat": lambda x: np.repeat(x, 2, axis=1), "take": lambda x: np.take(x, [2, 0], axis=0), "diagonal": np.diagonal,
    "trace": np.trace, "shape": np.shape, "ndim": np.ndim, "size": lambda x: np.size(x, 1),
    "concatenate": lambda x: np.concatenate([x, A], axis=1), "vstack": lambda x: np.vstack([x, x[0]]),
    "stack": lambda x: np.stack([x, A], axis=-1), "hstack": lambda x: np.hstack([x[0], x[1]]),
    "column_stack": lambda x: np.column_stack([x[0], x[1]]), "atleast_1d": lambda x: np.atleast_1d(x[0, 0]),
    "atleast_2d": lambda x: np.atleast_2d(x[0]), "where": lambda x: np.where(x > 0, x, 0),
    "expand_dims": lambda x: np.expand_dims(x, (0, 2)), "moveaxis": lambda x: np.moveaxis(x, 0, -1),
    "rollaxis": lambda x: np.rollaxis(x, 1), "broadcast_to": lambda x: np.broadcast_to(x, (2, 3, 4)),
    "tile": lambda x: np.tile(x, (2, 1)), "flip": np.flip, "flip of an axis": lambda x: np.flip(x, 1),
    "roll": lambda x: np.roll(x, 1, axis=0), "array_split": lambda x: np.array_split(x, 2)[0],
    "split": lambda x: np.split(x, [1, 3], axis=1)[1], "hsplit": lambda x: np.hsplit(x, 2)[1],
    "vsplit": lambda x: np.vsplit(x, 3)[2],
    "take_along_axis": lambda x: np.take_along_axis(x, np.array([[1], [0], [3]]), 1), "diff": lambda x: np.diff(x, n=2),
    "tril": np.tril, "triu": lambda x: np.triu(x, 1), "tril of a vector": lambda x: np.tril(x[0]),
    "diag": lambda x: np.diag(x[0], 1), "diag of a matrix": np.diag,
    "pad": lambda x: np.pad(x, ((1, 0), (0, 2)), constant_values=2.0),
    "pad the edge": lambda x: np.pad(x, 1, mode="edge"), "norm": np.linalg.norm,
    "norm of rows": lambda x: np.linalg.norm(x, axis=1),
    "average": lambda x: np.average(x, axis=1, weights=np.arange(4.0)), "average of all": np.average,
    "outer": lambda x: np.outer(x, A[0]), "vdot": lambda x: np.vdot(x, A), "inner": lambda x: np.inner(x, A),
    "inner of stacks": lambda x: np.inner(x, B), "dot": lambda x: np.dot(x, A.T),
    "dot with a stack": lambda x: np.dot(x, B.swapaxes(1, 2)),
    "tensordot": lambda x: np.tensordot(x, B, ([0, 1], [1, 2])),
    "tensordot of one": lambda x: np.tensordot(x[0], x[0], 1), "zeros_like": np.zeros_like, "ones_like": np.ones_like,
    "full_like": lambda x: np.full_like(x, 2), "einsum": lambda x: np.einsum("ij,kij->ki", x, B),
    "einsum of one letter": lambda x: np.einsum("i,i", x[0], x[0]), "einsum, implicit": lambda x: np.einsum("ji", x),
    "einsum of one": lambda x: np.einsum("ij->j", x),
    "einsum of length 1": lambda x: np.einsum("ij,kj->ik", x[:, :1], A),
    "einsum of three": lambda x: np.einsum("ij,kij,il->kl", x, B, x),
    "einsum of a form": lambda x: np.einsum("ni,ij,nj->n", x, x.T @ x, x),
    "einsum of four": lambda x: np.einsum("i,ij,jk,k", x[:, 0], x, x.T, x[:, 1], optimize=True),
    "einsum, batch": lambda x: np.einsum("ij,kij->kij", x, B),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_values_are_numpys(name):
    found, expected = ONE[name](recorder(A)), ONE[name](A)
    value = found.node.value if type(found) is Recorder else found
    assert np.shape(value) == np.shape(expected)
    np.testing.assert_allclose(value, expected, rtol=1e-13, atol=1e-14)


def test_scipys_are_scipys():
    for name, rule in SCIPYS.items():
        given = (recorder(A), recorder(np.abs(A))) if name == "xlogy" else (recorder(A),)
        options = {"axis": 1} if "soft" in name or "sum" in name else {}
        expected = getattr(special, name)(*[g.node.value for g in given], **options)
        np.testing.assert_allclose(rule(*given, **options).node.value, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda x: np.partition(x, 1), "np.partition has no rule"),
        (np.argsort, "np.argsort has no rule"),
        (lambda x: np.linalg.norm(x, "nuc"), "order 'nuc'"),
        (lambda x: np.einsum("ii->i", x), "einsum"),
        (lambda x: np.einsum("ij->i", x, out=np.zeros(3)), "out="),
        (np.linalg.eigvalsh, "eigvalsh"),
        (lambda x: np.pad(x, 1, mode="median"), "median"),
        (np.where, "a mask alone"),
        (lambda x: np.copyto(np.zeros((3, 4)), x), "copyto"),
        (lambda x: np.add.at(np.zeros(3), [0], x[0, 0]), "not made of them"),
        (np.multiply.reduce, "multiply with reduce"),
        (lambda x: np.prod(np.tile(x, 9)), "factors"),
        (lambda x: x.tobytes(), "tobytes"),
        (lambda x: np.max(x, initial=0.0), "initial"),
    ],
    ids=range(14),
)
def test_what_has_no_rule_is_refused(call, reason):
    with pytest.raises((RefusedError, TypeError), match=reason):
        call(recorder(A))


def test_what_has_no_rule_is_done_to_constants():
    fixed = Recorder(constant(A))
    assert np.median(fixed) == np.median(A)
    assert np.array_equal(np.sort(fixed, axis=0).node.value, np.sort(A, axis=0))
    assert np.array_equal(fixed.argsort(), A.argsort())
    assert np.array_equal(np.logaddexp.reduce(fixed).node.value, np.logaddexp.reduce(A))
    values, vectors = np.linalg.eigh(np.dot(fixed, fixed.T))
    assert type(values) is type(vectors) is Recorder
    with pytest.raises(ValueError, match="read-only"):
        np.fill_diagonal(fixed, 0.0)


def test_every_rule_has_a_function():
    assert all(callable(rule) for rule in FUNCTIONS.values())
