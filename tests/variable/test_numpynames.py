"""NumPy's functions on Variables, with NumPy's own arguments."""

import inspect

import numpy as np
import pytest

import fastgrad.variable as F
from fastgrad import Variable
from fastgrad.variable.operators import ARRAY_FUNCTIONS

X = np.random.default_rng(3).uniform(0.2, 0.8, (3, 4))
MASK = X > 0.4
CASES = {
    "sum, axis": lambda x: np.sum(x, 0),
    "sum, by name": lambda x: np.sum(a=x, axis=1, dtype=None, out=None, keepdims=True),
    "sum, in place": lambda x: np.sum(x, 1, None, None, True),
    "sum, its own type": lambda x: np.sum(x, dtype=float),
    "sum, initial": lambda x: np.sum(x, axis=0, initial=2.5),
    "sum, where": lambda x: np.sum(x, axis=1, where=MASK, initial=1.0),
    "sum, a row of where": lambda x: np.sum(x, where=MASK[0], keepdims=True),
    "mean": lambda x: np.mean(x, 1, keepdims=True, out=None),
    "mean, where": lambda x: np.mean(x, axis=0, where=X[0] <= 0.9 * MASK + 0.1 + X),
    "mean, a column of where": lambda x: np.mean(x, keepdims=True, where=MASK[:, :1] | True),
    "max": lambda x: np.max(a=x, axis=-1, keepdims=True, out=None),
    "max, initial": lambda x: np.max(x, axis=0, initial=0.55),
    "max, where": lambda x: np.max(x, axis=1, where=MASK, initial=-1.0),
    "amax": lambda x: np.amax(x, axis=0),
    "min, where": lambda x: np.min(x, axis=1, where=MASK, initial=0.7, keepdims=True),
    "amin": lambda x: np.amin(x, 1, None, True),
    "clip": lambda x: np.clip(x, 0.3, 0.6, None),
    "clip, by name": lambda x: np.clip(a=x, a_min=0.3, a_max=0.6, out=None),
    "clip, below": lambda x: np.clip(x, a_min=None, a_max=0.6),
    "clip, rows": lambda x: np.clip(x, X[0] - 0.02, 0.9),
    "reshape": lambda x: np.reshape(x, shape=(4, 3)) if np.lib.NumpyVersion(np.__version__) >= "2.1.0" else x * 1.0,
    "reshape, one": lambda x: np.reshape(x, -1, "C"),
    "transpose": lambda x: np.transpose(a=x, axes=(1, 0)),
    "squeeze": lambda x: np.squeeze(a=np.reshape(x, (3, 1, 4)), axis=1),
    "broadcast_to": lambda x: np.broadcast_to(array=x, shape=(2, 3, 4), subok=False),
    "concatenate": lambda x: np.concatenate((x, X[:1], x), axis=-2, out=None, dtype=float),
    "concatenate, flat": lambda x: np.concatenate([x, X[0]], axis=None),
    "dot": lambda x: np.dot(a=x, b=X.T, out=None),
    "where": lambda x: np.where(MASK, x, 2.0),
    "swapaxes": lambda x: np.swapaxes(a=x, axis1=0, axis2=-1),
}
if np.lib.NumpyVersion(np.__version__) >= "2.1.0":
    CASES |= {
        "clip, min and max": lambda x: np.clip(x, min=0.3, max=0.6),
        "clip, max": lambda x: np.clip(x, max=0.6),
        "clip, min": lambda x: np.clip(x, min=X[1] + 0.02, out=None),
    }


@pytest.mark.parametrize("name", CASES)
def test_numpys_arguments(name):
    f, v = CASES[name], Variable(X.copy())
    y = f(v)
    np.testing.assert_allclose(y.data, f(X), rtol=1e-15)
    assert y.shape == f(X).shape
    y.grad = above = np.random.default_rng(0).standard_normal(y.shape)
    y.backward()
    d, h = np.random.default_rng(1).uniform(-1, 1, X.shape), 2.0**-18  # far from all kinks
    slope = np.sum(above * (f(X + h * d) - f(X - h * d))) / (2 * h)
    np.testing.assert_allclose(np.sum(v.grad * d), slope, rtol=1e-7, atol=1e-9)


def test_masked_elements_and_ties_do_not_share():
    v = Variable(np.array([3.0, 5.0, 3.0]))
    y = np.max(v, initial=3.0, where=np.array([True, False, False]))
    y.backward()
    assert (y.item(), v.grad.tolist()) == (3.0, [1.0, 0.0, 0.0])
    whole = np.min(Variable(np.array([3, 1])), initial=9, where=np.array([True, False]))
    assert (whole.item(), whole.dtype) == (3, np.int64)


V, OUT = Variable(X), np.empty(4)
REFUSED = {
    "dtype": (lambda: np.sum(V, dtype=np.float32), "np.sum with dtype does not work"),
    "mean, dtype": (lambda: np.mean(V, dtype="f2"), "np.mean with dtype"),
    "out": (lambda: np.sum(V, 0, out=OUT), "np.sum with out"),
    "max, out": (lambda: np.max(V, 0, OUT), "np.max with out"),
    "min, where alone": (lambda: np.min(V, where=MASK), "np.min with where without initial"),
    "clip, out": (lambda: np.clip(V, 0, 1, OUT), "np.clip with out"),
    "clip, ufunc's options": (lambda: np.clip(V, 0, 1, where=MASK), "np.clip with where"),
    "a Variable as where": (lambda: np.sum(V, where=V), "array of bools"),
    "a Variable as limit": (lambda: np.clip(V, a_min=V), "numbers or arrays"),
    "order": (lambda: np.reshape(V, (4, 3), order="F"), "np.reshape with order"),
    "concatenate, dtype": (lambda: np.concatenate([V, V], dtype="f4"), "np.concatenate with dtype"),
    "concatenate, casting": (lambda: np.concatenate([V, V], casting="unsafe"), "np.concatenate with casting"),
    "subok": (lambda: np.broadcast_to(V, (2, 3, 4), subok=True), "np.broadcast_to with subok"),
    "dot, out": (lambda: np.dot(V, X.T, out=np.empty((3, 3))), "np.dot with out"),
    "a transform": (lambda: np.fft.rfft(V), "np.rfft gives complex numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused(name):
    call, said = REFUSED[name]
    with pytest.raises(TypeError, match=said):
        call()


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="min and max are newer")
def test_limits_by_two_names():
    with pytest.raises(ValueError, match="not some of both"):
        np.clip(V, a_min=0.1, max=0.5)


@pytest.mark.parametrize("function", ARRAY_FUNCTIONS, ids=lambda f: f.__name__)
def test_every_argument_of_numpys_is_known(function):
    try:
        theirs = inspect.signature(function).parameters
    except ValueError:
        pytest.skip("no signature")
    ours = inspect.signature(ARRAY_FUNCTIONS[function]).parameters
    anything = any(p.kind is p.VAR_KEYWORD for p in ours.values())
    unknown = [n for n, p in theirs.items() if n not in ours and p.kind not in (p.POSITIONAL_ONLY, p.VAR_KEYWORD)]
    assert anything or unknown == []


@pytest.mark.parametrize("flip", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("other", ["f2", "f4", "f8", "i8"])
def test_arrays_of_other_types_beside_a_variable_in_products(flip, other):
    a, b = (np.arange(4.0).reshape(2, 2) + k for k in (1, 2))
    expected = (a.T if flip[0] else a) @ (b.T if flip[1] else b)
    for left, right in ((Variable(a.astype("f4")), b.astype(other)), (a.astype(other), Variable(b.astype("f4")))):
        y = F.matmul(left, right, *flip)
        y.grad = np.ones_like(y.data)
        y.backward()
        v = left if isinstance(left, Variable) else right
        assert (y.dtype, v.grad.dtype, y.data.tolist()) == (np.float32, np.float32, expected.tolist())


def test_arrays_of_other_types_in_a_layer():
    x = np.arange(12.0).reshape(2, 3, 2)
    W = Variable(np.ones((5, 6), np.float32))
    for given in (x, x.reshape(2, 6), Variable(x.astype("f4"))):
        assert F.linear(given, W, np.ones(5)).data.tolist() == [[16.0] * 5, [52.0] * 5]
    assert F.linear(Variable(x.astype("f4")), np.ones((5, 6))).dtype == np.float32
    assert F.matmul(x[0], x[1], transb=True).data.tolist() == (x[0] @ x[1].T).tolist()
