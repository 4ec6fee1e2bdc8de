"""All that traces works with Variables: values are NumPy's, gradients those of differences, first and second ones."""

from itertools import count

import numpy as np
import pytest

import fastgrad
from fastgrad import Variable
from fastgrad.program.specials import BY_LIBRARY
from fastgrad.program.trace.arrays import FUNCTIONS
from fastgrad.program.trace.specialfunctions import SPECIAL
from fastgrad.program.trace.symbols import RULES
from fastgrad.variable import grad
from fastgrad.variable.operators import ARRAY_FUNCTIONS, TRACED, UFUNCS
from fastgrad.variable.specials import special_rule

special = pytest.importorskip("scipy.special")

A = np.array([[3.0, 1.0, 0.5], [1.0, 4.0, 0.2], [0.5, 0.2, 5.0]])
B = np.array([0.3, 0.7, 1.1])
T = np.linspace(0.0, 1.0, 5)
X = np.array([0.41, 0.83, 0.64])
FORMS = [
    lambda x: np.sum(np.log1p(x) + np.expm1(x) * np.arctan2(x, B) + np.hypot(x, x[::-1])),
    lambda x: np.sum(np.cbrt(x) + np.exp2(x) + np.arcsinh(x) + np.arctanh(x) + np.arccosh(x + 1.5)),
    lambda x: np.sum(np.logaddexp(x, B) + np.fmax(x, 0.5) + np.fmin(x, B) + np.heaviside(x - 0.5, 0.5) * x),
    lambda x: np.sum(np.floor(10 * x) * x + np.sign(x - 0.5) * x + np.rint(3 * x) * x + np.ceil(x)),
    lambda x: np.sum(np.fabs(x - 0.5) + np.reciprocal(x) + np.degrees(x) + np.copysign(x, -1.0) + np.fmod(x, 0.3)),
    lambda x: np.sum(np.sinc(x) + np.nan_to_num(x) + np.remainder(x, 0.3) + np.float_power(x, 2.5)),
    lambda x: np.sum(np.multiply.outer(x, B) ** 2) + np.maximum.reduce(x) + np.sum(np.add.accumulate(x) ** 2),
    lambda x: np.prod(x) + np.sum(np.cumprod(x)) + np.ptp(x) + np.average(x, weights=B) + np.trapezoid(x**2, B),
    lambda x: np.median(x) + np.percentile(x, 30) + np.sum(np.sort(x) * B) + np.nanmean(x) + np.nanmax(x),
    lambda x: np.sum(np.interp(x, T, T**2)) + np.sum(np.gradient(x) ** 2) + np.polyval(x, 0.5) + np.polyval(B, x[0]),
    lambda x: np.sum(np.convolve(x, B) ** 2) + np.sum(np.cross(x, B) ** 2) + np.sum(np.kron(x, x) ** 2),
    lambda x: np.linalg.norm(x) + np.linalg.norm(x, 1) + np.trace(np.outer(x, x)) + np.linalg.norm(np.outer(x, B), 1),
    lambda x: np.sum(np.linalg.cholesky(A + np.outer(x, x))) + np.sum(np.linalg.matrix_power(np.outer(x, x), 3)),
    lambda x: np.sum(np.pad(x, 2, mode="edge") ** 2) + np.sum(np.pad(x, 1, constant_values=5.0) ** 2),
    lambda x: np.sum(np.insert(x, 1, 5.0) ** 2) + np.sum(np.append(x, 2.0) ** 2) + np.sum(np.ediff1d(x) ** 2),
    lambda x: np.sum(np.cov(x, x**2)) + np.sum(np.select([B > 0.5], [x], 0.0) ** 2) + np.sum(np.linspace(0, x[0], 5)),
    lambda x: np.sum(np.modf(3 * x)[0] ** 2) + np.sum(np.ldexp(x, 2) ** 2) + np.sum(np.rot90(np.outer(x, x))),
]


@pytest.mark.parametrize("f", FORMS, ids=count())
def test_gradients_are_those_of_differences(f):
    x = Variable(X.copy())
    y = f(x)
    np.testing.assert_allclose(y.array, f(X), rtol=1e-14)
    y.backward()
    np.testing.assert_allclose(x.grad, fastgrad.gradient(f, X, engine="python"), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("f", FORMS, ids=count())
def test_second_derivatives_are_those_of_differences(f):
    x = Variable(X.copy())
    (slope,) = grad([f(x)], [x], enable_double_backprop=True)
    (second,) = grad([np.sum(slope * B)], [x])
    h = 1e-5
    for i in range(3):
        moved = [Variable(X + s * h * np.eye(3)[i]) for s in (1, -1)]
        (up,), (down,) = (grad([f(v)], [v]) for v in moved)
        expected = np.sum((up.array - down.array) * B) / (2 * h)
        found = 0.0 if second is None else second.array[i]
        assert abs(found - expected) <= 1e-6 * (1.0 + abs(expected))


def test_one_table_of_names():
    for function in FUNCTIONS:
        assert function in ARRAY_FUNCTIONS or function in TRACED
    # Those of SciPy's that other tests have met, but for polynomials of an integer degree.
    loaded = {ufunc for ufunc in RULES if not ufunc.__name__.startswith("eval_")}
    for ufunc in loaded | {getattr(special, name) for name in (*SPECIAL, *BY_LIBRARY)}:
        assert ufunc in UFUNCS or ufunc in TRACED or special_rule(ufunc), ufunc


def test_types_and_shapes():
    x = Variable(X.astype(np.float32))
    y = np.log1p(np.sort(np.outer(x, x), axis=0))
    assert (y.dtype, y.shape) == (np.float32, (3, 3))
    np.sum(y).backward()
    assert (x.grad.dtype, x.grad.shape) == (np.float32, (3,))
    first, second = np.gradient(Variable(A))
    assert first.shape == second.shape == (3, 3)
    assert np.isnan(x).tolist() == [False] * 3
    assert np.argsort(x).tolist() == [0, 2, 1]
    assert np.sort(Variable(np.array([3, 1]))).tolist() == [1, 3]
    assert np.log1p(Variable(np.array([0]))).tolist() == [0.0]


def test_large_arrays():
    """Elementwise functions at any size; others where their elements are not too many."""
    x = Variable(np.linspace(0.1, 0.9, 100_000))
    np.sum(np.log1p(x) * np.arctan2(x, 2.0)).backward()
    for k, at in ((0, 0.1), (-1, 0.9)):
        expected = np.arctan2(at, 2.0) / (1 + at) + np.log1p(at) * 2.0 / (4.0 + at * at)
        assert abs(x.grad[k] - expected) < 1e-15
    with pytest.raises(TypeError, match=r"np\.kron does not work on these Variables: f takes more than 20000"):
        np.kron(x[:300], x[:300])


def test_options_of_ufuncs_are_refused():
    x = Variable(X)
    with pytest.raises(TypeError, match=r"np\.log1p with where does not work"):
        np.log1p(x, where=B > 0)
    with pytest.raises(TypeError, match=r"np\.spacing does not work on Variables, which know NumPy's absolute, add"):
        np.spacing(x)


@pytest.mark.parametrize(
    ("f", "second"),
    [
        (np.sinc, -(np.pi**2) / 3),
        (lambda v: np.logaddexp(v, 0.0), 0.25),
        (lambda v: np.polyval([3.0, 0.0, 0.0], v), 6.0),
    ],
    ids=["sinc", "logaddexp", "polyval"],
)
def test_second_derivatives_at_0(f, second):
    v = Variable(np.array([0.0]))
    (slope,) = grad([f(v)], [v], enable_double_backprop=True)
    assert grad([slope], [v])[0].array == pytest.approx(second)
