"""Products and matrix functions of any size: NumPy's values, gradients of first and second order."""

from itertools import count

import numpy as np
import pytest

import fastgrad
from fastgrad import Variable
from fastgrad.variable import grad

RNG = np.random.default_rng(5)
A = RNG.normal(size=(3, 3)) + 3.0 * np.eye(3)
B = RNG.normal(size=(3, 3))
C = RNG.normal(size=(3, 3, 2))
FORMS = [
    lambda a: np.linalg.inv(a) @ B,
    np.linalg.det,
    lambda a: np.linalg.slogdet(a)[1],
    lambda a: np.linalg.solve(a, B) + np.linalg.solve(B, a),
    lambda a: np.linalg.solve(a, B[0]) * np.linalg.solve(B, a[0]),
    lambda a: np.linalg.det(np.stack([a, B])) + np.linalg.slogdet(np.stack([a, a @ B]))[1],
    lambda a: np.outer(a, B[0])[:3] + np.inner(a, B) + np.vdot(a, B) + np.inner(a[0], 2.0),
    lambda a: np.tensordot(a, C, 1)[..., :1] + np.tensordot(C, a, ([1], [0]))[:, :1].transpose(0, 2, 1),
    lambda a: np.tensordot(a, a) + np.tensordot(a, C, ([0, 1], [1, 0]))[0],
    lambda a: np.einsum("ij,jk,ki->", a, B, a) + np.einsum("ij,jkl->il", a, C)[0, 1],
    lambda a: np.einsum("ij->i", a) * np.einsum("i,j", a[0], a[1])[0] + np.einsum("ij->ji", a),
    lambda a: np.var(a) + np.var(a, axis=0, ddof=1, keepdims=True) + np.std(a, axis=1),
    lambda a: np.diff(a)[:, :1] ** 2 + np.diff(a, n=2, axis=0) + np.cumsum(a, axis=1) ** 2 + np.cumsum(a)[3],
]


@pytest.mark.parametrize("f", FORMS, ids=count())
def test_values_and_gradients(f):
    x = Variable(A.copy())
    np.testing.assert_allclose(f(x).array, f(A), rtol=1e-12, atol=1e-14)
    weights = RNG.normal(size=f(A).shape)

    def total(v):
        return np.sum(f(v) * weights)

    total(x).backward()
    np.testing.assert_allclose(x.grad, fastgrad.gradient(total, A, engine="python"), rtol=1e-6, atol=1e-7)
    (slope,) = grad([total(x)], [x], enable_double_backprop=True)
    (second,) = grad([np.sum(slope * B)], [x])
    h = 1e-5
    up, down = (grad([total(v)], [v])[0].array for v in (Variable(A + h * B), Variable(A - h * B)))
    found = np.zeros_like(A) if second is None else second.array
    np.testing.assert_allclose(found, (up - down) / (2 * h), rtol=1e-5, atol=1e-6)


def test_both_operands():
    a, b = Variable(A.copy()), Variable(B.copy())
    np.sum(np.einsum("ij,jk->ik", a, b) * np.linalg.solve(a, b)).backward()
    f = lambda z: np.sum(np.einsum("ij,jk->ik", z[0], z[1]) * np.linalg.solve(z[0], z[1]))
    expected = fastgrad.gradient(f, np.stack([A, B]), engine="python")
    np.testing.assert_allclose(np.stack([a.grad, b.grad]), expected, rtol=1e-6, atol=1e-7)


def test_what_is_refused():
    v = Variable(A)
    for call, said in (
        (lambda: np.einsum("ii->i", v), "no letter twice"),
        (lambda: np.einsum(v, [0, 1]), "operands before subscripts"),
        (lambda: np.outer(v, v, out=np.empty((9, 9))), "np.outer with out"),
        (lambda: np.var(v, dtype="f4"), "np.var with dtype"),
        (lambda: np.diff(v, prepend=0.0), "np.diff with prepend"),
        (lambda: np.cumsum(v, dtype="f4"), "np.cumsum with dtype"),
    ):
        with pytest.raises(TypeError, match=said):
            call()
