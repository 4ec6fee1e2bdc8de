"""Small arrays in f: what plain NumPy code does with them traces, and gives its values and derivatives."""

import functools
import inspect
import math
import re

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace

A = np.array([[3.0, 1.0, 0.5], [1.0, 4.0, 0.2], [0.5, 0.2, 5.0]])
B = np.array([0.3, 0.7, 1.1])
T = np.linspace(0.0, 1.0, 5)
V = T**2 + 1.0
WIDE = np.random.default_rng(4).normal(size=(6, 6)) + np.diag([0.0, 0.0, 3.0, 3.0, 3.0, 3.0])


def filled_in_a_loop(x):
    a = np.zeros(3)
    for i in range(3):
        a[i] = x[i] ** 2
    return a.sum()


def filled_by_slices(x):
    a = np.empty(3)
    a[0] = 1.0
    a[1:] = x[:2] ** 2
    return np.sum(np.sqrt(a))


def filled_matrix(x):
    a = np.zeros((2, 2))
    a[0, 0] = x[0]
    a[0, 1] = a[1, 0] = x[1]
    a[1, 1] = 2.0
    return np.linalg.det(a)


def masked_ones(x):
    a = np.ones(x.shape)
    a[x > 0.5] = 0.0
    return np.sum(a * x)


def in_place(x):
    a = np.zeros(3)
    a += x
    a *= 2
    return a @ a


def full(x):
    a = np.full(3, 2.0)
    a[1] = x[0]
    return a.prod()


def a_list(x):
    a = [0.0] * 3
    for i in range(3):
        a[i] = x[i] + 1
    return np.sum(a)


def written_constant(x):
    a = np.array([0.0, 1.0, 2.0])
    a[0] = x[0]
    return np.sum(a**2)


def written_by_out(x):
    a = np.empty(3)
    np.multiply(x, 2.0, out=a)
    return a.sum()


def masked_update(x):
    y = x.copy()
    y[y > 0.5] = y[y > 0.5] ** 2
    return y.sum()


def masked_product(x):
    y = x.copy()
    m = y > 0.5
    y[m] *= 2
    return y.sum()


def two_masks(x):
    y = np.zeros_like(x)
    m = x > 0.5
    y[m] = np.log(x[m])
    y[~m] = x[~m] ** 2
    return y.sum()


def diagonal_filled(x):
    a = np.zeros((3, 3))
    np.fill_diagonal(a, x)
    return np.sum(a @ B)


def runge_kutta(x):
    y = np.array([x[0], x[1]])

    def g(y):
        return np.array([y[1], -y[0]])

    h = 0.1
    for _ in range(3):
        k1 = g(y)
        k2 = g(y + h / 2 * k1)
        k3 = g(y + h / 2 * k2)
        k4 = g(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return y[0]


def trajectory(x):
    n = 5
    t = np.zeros((n, 2))
    t[0] = x[:2]
    for i in range(1, n):
        t[i] = t[i - 1] + 0.1 * np.array([t[i - 1, 1], -t[i - 1, 0]])
    return np.sum(t**2)


def tridiagonal(x):
    n = 3
    c, d, u = np.zeros(n), np.zeros(n), np.zeros(n)
    c[0], d[0] = 1.0 / 4, x[0] / 4
    for i in range(1, n):
        m = 4 - c[i - 1]
        c[i] = 1.0 / m
        d[i] = (x[i] - d[i - 1]) / m
    u[-1] = d[-1]
    for i in range(n - 2, -1, -1):
        u[i] = d[i] - c[i] * u[i + 1]
    return u.sum()


def appended(x):
    out = []
    for v in x:
        out.append(v**2)
    return np.array(out).mean()


def added_at(x):
    a = np.zeros(2)
    np.add.at(a, [0, 1, 0], x)
    return a @ a


def views(x):
    a = np.zeros((2, 2))
    b = a[0]
    b[:] = x[:2]
    c = a.ravel()
    c[3] = x[2]
    return np.sum(a**2 * np.array([[1.0, 2.0], [3.0, 4.0]]))


def bools(x):
    m = np.zeros(3, bool)
    m[0] = True
    return np.sum(np.where(m, x, 0.0))


def imported(x):
    import numpy as np

    a = np.zeros(3)
    a[:] = x
    return a.sum()


def nested(x):
    def build(v):
        a = np.zeros(2)
        a[0] = v
        return a

    return np.sum(build(x[0]) * build(x[1]))


FORMS = [
    lambda x: np.sum(np.array([x[0], 2.0]) ** 2),
    lambda x: np.sum(np.sqrt(np.array([x[0], 2.0]))),
    lambda x: np.sum(np.exp(np.asarray([x[0], x[1]]))),
    lambda x: np.linalg.norm(np.array([[x[0], 1.0], [0.0, x[1]]])),
    lambda x: np.sum(np.array([x, 2 * x]) ** 2),
    lambda x: np.array([[1.0, x[0]], [x[1], 3.0]]) @ np.array([1.0, 2.0]) @ np.array([3.0, x[2]]),
    lambda x: np.sum(np.array(x, dtype=float) ** 2),
    lambda x: np.sum(np.asarray(x, dtype=np.float64) ** 2),
    lambda x: np.sum(np.atleast_1d(x) ** 2),
    lambda x: np.sum(np.array([x[0], x[1]], dtype=float) * B[:2]),
    lambda x: np.sum(x[0] - [1.0, 2.0]),
    lambda x: np.sum((x - [1.0, 2.0, 3.0]) ** 2),
    lambda x: np.dot([1, 2, 3], x),
    lambda x: np.sum([1.0, 2.0] - x[0]),
    lambda x: np.sum(np.add(x[0], [1.0, 2.0])),
    lambda x: np.sum([v**2 for v in x]),
    lambda x: np.prod([x[0], x[1], 2.0]),
    lambda x: np.max([x[0], x[1], 0.5]),
    lambda x: np.mean([x[0], x[1]]),
    lambda x: float(x[0]) * 2,
    lambda x: float(x[0]) ** 2 + float(x[1]),
    lambda x: sum(float(v) ** 2 for v in x),
    lambda x: np.float64(x[0]) * 2,
    lambda x: int(x[0] > 0.5) * x[1],
    lambda x: float(x[0] > 0.5) * x[1],
    lambda x: x[x > 0.5].sum(),
    lambda x: np.sum(x[x > 0.5] ** 2),
    lambda x: np.mean(x[x > 0.1]),
    lambda x: x[x > 0.1].max(),
    lambda x: np.prod(x[B > 0.5]),
    lambda x: np.sum(np.diag(x) @ A),
    lambda x: np.sum(np.eye(3) * x[0] @ B),
    lambda x: np.sum((np.eye(3) + x[0] * A) @ x),
    lambda x: np.sum(np.block([[A * x[0], np.eye(3)], [np.eye(3), A]])),
    lambda x: np.sum(np.r_[x, 1.0] ** 2),
    lambda x: np.sum(np.r_[1.0, x[0], x[1:]] ** 2),
    lambda x: np.sum(np.c_[x, x**2]),
    lambda x: np.sum(np.r_[x[0], 2.0] ** 2),
    lambda x: np.sum(np.stack([x, B]) ** 2),
    lambda x: np.sum(np.hstack([x[0], 1.0, x[1]]) ** 2),
    lambda x: np.sum(np.vstack([x, B]) ** 2),
    lambda x: np.sum(np.column_stack([x, B]) ** 2),
    lambda x: np.sum(np.concatenate([[x[0]], [1.0]]) ** 2),
    lambda x: np.sum(np.concatenate(([1.0], x, [x[0]])) ** 2),
    lambda x: np.sum(np.append(x, 1.0) ** 2),
    lambda x: np.sum(np.insert(x, 0, 1.0) ** 2),
    lambda x: np.sum(np.full(3, x[0]) * B),
    lambda x: np.sum(np.full((2, 2), x[0])),
    lambda x: np.sum(np.ones(3) * x),
    lambda x: np.sum(np.zeros(3) + x),
    lambda x: np.interp(x[0], T, V),
    lambda x: np.sum(np.interp(x, T, V)),
    lambda x: np.interp(0.3, T[:3], x),
    lambda x: np.sum(np.convolve(x, [1.0, 2.0]) ** 2),
    lambda x: np.sum(np.convolve(x, B, mode="same") ** 2),
    lambda x: np.sum(np.convolve(x, B, "valid") ** 2),
    lambda x: np.polyval([1.0, 2.0, 3.0], x[0]),
    lambda x: np.polyval(x, 0.5),
    lambda x: np.poly1d([1.0, 2.0, 3.0])(x[0]),
    lambda x: np.poly1d(x)(0.5),
    lambda x: np.polynomial.polynomial.polyval(x[0], [1.0, 2.0, 3.0]),
    lambda x: np.polynomial.Polynomial([1.0, 2.0, 3.0])(x[0]),
    lambda x: np.polynomial.chebyshev.chebval(x[0], [1.0, 2.0, 3.0]),
    lambda x: np.sum(np.cross(x, B) ** 2),
    lambda x: np.sum(np.cross(x, [1.0, 0.0, 0.0]) ** 2),
    lambda x: np.sum(np.outer(x, x) * A),
    lambda x: np.trapezoid(x, dx=0.1),
    lambda x: np.trapezoid(x**2, B),
    lambda x: np.trapezoid(B, x),
    lambda x: np.sum(np.diff(x) ** 2),
    lambda x: np.sum(np.cumsum(x) ** 2),
    lambda x: np.sum(np.gradient(x) ** 2),
    lambda x: np.sum(np.gradient(x, 0.1) ** 2),
    lambda x: np.sum(np.gradient(x, B) ** 2),
    np.var,
    lambda x: np.std(x, ddof=1),
    np.median,
    lambda x: np.percentile(x, 30),
    lambda x: np.quantile(x, 0.25),
    lambda x: np.sort(x)[0] * 2 + np.sort(x)[1],
    lambda x: np.sort(x)[::-1][0],
    np.linalg.norm,
    lambda x: np.linalg.norm(np.outer(x, x) + A, 1),
    lambda x: np.linalg.det(A + np.outer(x, x)),
    lambda x: np.linalg.slogdet(A + np.outer(x, x))[1],
    lambda x: np.sum(np.linalg.inv(A + np.outer(x, x))),
    lambda x: np.sum(np.linalg.solve(A + np.outer(x, x), B)),
    lambda x: x @ np.linalg.solve(A, x),
    lambda x: x @ np.linalg.inv(A) @ x,
    lambda x: np.sum(np.linalg.cholesky(A + np.outer(x, x))),
    lambda x: np.linalg.eigvalsh(np.array([[x[0], x[1]], [x[1], x[2]]]))[0],
    lambda x: np.linalg.eigvalsh(np.outer(x[:2], x[:2]) + A[:2, :2])[1],
    lambda x: np.linalg.multi_dot([A, A, x]).sum(),
    lambda x: np.sum(np.linalg.matrix_power(np.outer(x, x), 2)),
    lambda x: np.trace(np.linalg.inv(np.diag(x))),
    lambda x: np.linalg.lstsq(A, x)[0].sum(),
    lambda x: np.einsum("ij,i,j->", A, x, x),
    lambda x: np.einsum("i,i", x, x),
    lambda x: np.sum(np.tensordot(A, x, axes=1)),
    lambda x: np.sum(np.kron(x, x)),
    lambda x: np.trace(np.outer(x, x)),
    lambda x: np.where(x[0] > 0.5, x[0], x[1]),
    lambda x: np.sum(x[np.where(x > 0.5)]),
    lambda x: np.sum(x[np.nonzero(x > 0.5)]),
    lambda x: np.sum(np.select([x < 0.3, x < 0.6], [x, x**2], 0.0)),
    lambda x: np.sum(np.piecewise(x, [x < 0.5, x >= 0.5], [lambda v: v, lambda v: v**2])),
    lambda x: np.sum(np.piecewise(x, [x < 0.5], [0.0, lambda v: v**2])),
    lambda x: np.sum(np.heaviside(x - 0.5, 0.5) * x),
    lambda x: np.sum(np.clip(x, 0.2, 0.7)),
    lambda x: np.sum(np.nan_to_num(x / B)),
    lambda x: np.sum(np.vectorize(lambda v: v * v)(x)),
    lambda x: np.sum(np.vectorize(lambda v: 0.0 * v + math.sin(v))(x)),
    lambda x: np.sum(np.apply_along_axis(lambda r: r.sum() ** 2, 0, np.outer(x, x))),
    lambda x: np.zeros(3, dtype=np.result_type(x, 1.0)).sum() + x[0],
    lambda x: x[0] if np.issubdtype(x.dtype, np.floating) else x[1],
    lambda x: x[0] if x.dtype == np.float64 else x[1],
    lambda x: x[0] * np.finfo(x.dtype).eps,
    lambda x: np.sum(x.astype(float)),
    lambda x: np.sum(x.astype(np.float64) * 2),
    lambda x: np.sum(np.asarray(x).reshape(-1)),
    np.nansum,
    np.nanmean,
    np.nanmax,
    lambda x: np.sum(x, where=B > 0.5),
    lambda x: np.sum(x, initial=3.0),
    lambda x: np.max(x, initial=0.2),
    lambda x: np.sum(np.triu(np.outer(x, x))),
    lambda x: np.sum(np.fliplr(np.outer(x, x))),
    lambda x: np.linalg.norm(x - B, axis=0),
    lambda x: np.linalg.norm(x[:, None] - B[None, :]),
    lambda x: np.sum(np.corrcoef(x, B)),
    lambda x: np.sum(np.cov(x, B)),
    np.cov,
    lambda x: np.sum(np.correlate(x, B)),
    lambda x: np.sum(np.logspace(x[0], x[1], 3)),
    lambda x: np.sum(np.geomspace(x[0], x[1], 3)),
    lambda x: np.sum(np.linspace(0, x[0], 5)),
    lambda x: np.sum(np.arange(3) * x),
    lambda x: np.sum(np.arange(0.0, 3.0) * x),
    lambda x: np.sum(np.vander(x, 3)),
    lambda x: np.sum(np.fmax(x, 0.3)),
    lambda x: np.hypot(*x[:2]),
    lambda x: np.sum(np.digitize(x, T) * x),
    lambda x: np.all(x > 0) * x[0],
    lambda x: np.allclose(x, x) * x[0],
    lambda x: np.isclose(x[0], 0.5) * x[0],
    lambda x: np.sum(np.atleast_2d(x) @ A),
    lambda x: np.sum(np.matmul(A, x)),
    lambda x: np.sum(np.exp2(x)),
    lambda x: np.sum(np.ravel([x[0], x[1]])),
    lambda x: np.count_nonzero(x > 0.5) * x[0],
    lambda x: np.sum(np.ldexp(x, 2)),
    lambda x: np.sum(np.modf(x)[0]),
    lambda x: np.sum(np.sinc(x)),
    lambda x: np.sum(np.float_power(x, 2.5)),
    lambda x: np.sum(np.mgrid[0:3] * x),
    lambda x: np.sum(x[np.newaxis, :] * x[:, np.newaxis]),
    lambda x: np.sum(np.roll(x, 1) * x),
    lambda x: np.sum(np.tril(np.outer(x, x), -1)),
    lambda x: np.sum(np.split(x, 3)[0]),
    lambda x: np.flatnonzero(x > 0.5).size * x[0],
    lambda x: np.extract(x > 0.5, x).sum(),
    lambda x: np.compress(x > 0.5, x).sum(),
    lambda x: np.compress(B > 0.5, x).sum(),
    lambda x: np.choose([0, 1, 0], [x, 2 * x]).sum(),
    lambda x: np.searchsorted(T, x[0]) * x[0],
    lambda x: np.sum(np.lib.stride_tricks.sliding_window_view(x, 2)),
    lambda x: np.sum(x.T @ x),
    lambda x: np.identity(3) @ x @ x,
    lambda x: np.sum(np.tri(3) @ x),
    lambda x: np.sum(np.fromiter((v**2 for v in x), float)),
    lambda x: np.sum(np.array(list(map(np.square, x)))),
    lambda x: np.sum(np.array([v**2 for v in x])),
    lambda x: np.array([x[0], x[1]]).dot(np.array([x[1], x[2]])),
    lambda x: np.array([math.cos(x[0]), math.sin(x[0])]) @ np.array([1.0, 2.0]),
    lambda x: np.array([[np.cos(x[0]), -np.sin(x[0])], [np.sin(x[0]), np.cos(x[0])]]) @ x[1:] @ x[1:],
    lambda x: np.linalg.norm([x[0], x[1]]),
    lambda x: np.abs([x[0], x[1]]).sum(),
    lambda x: np.linalg.norm(np.outer(x[:2], x[1:]) + A[:2, :2], 2) + np.linalg.norm(np.outer(x[:2], x[1:]), -2),
    lambda x: np.linalg.norm(np.outer(x, x) - A, np.inf) + np.linalg.norm(np.outer(x, x) - A, -1),
    lambda x: np.sum(np.linalg.solve(WIDE + np.outer(np.append(x, x), np.append(x, x)), np.append(x, B))),
    lambda x: np.linalg.slogdet(WIDE + np.outer(np.append(x, x), np.append(x, x)))[1],
    lambda x: np.sum(np.linalg.inv(np.diag(np.append(x, 0.5)) + np.ones((4, 4)))),
    lambda x: (
        np.linalg.det(np.diag(np.append(x, 0.5)) + np.ones((4, 4))) + np.linalg.det(x[:1, None]) + np.linalg.det(A)
    ),
    lambda x: np.sum(np.linalg.solve(np.stack([A, A + x[0]]), np.stack([A, A]))),
    lambda x: np.sum(np.linalg.cholesky(A + np.outer(x, x), upper=True)[0]),
    lambda x: np.sum(np.linalg.matrix_power(A + np.outer(x, x), -2)),
    lambda x: np.sum(np.linalg.solve(WIDE, np.append(x, x))),
    lambda x: np.median(np.append(x, [0.3, 0.9, 0.1])) + np.median(np.outer(x, B), axis=1)[1],
    lambda x: np.sum(np.quantile(np.append(x, B), [0.1, 0.5, 0.9]) * B),
    lambda x: np.sum(np.percentile(np.outer(x, B), 40, axis=0, keepdims=True)) + np.quantile(x, 0.3, method="lower"),
    lambda x: np.sum(np.sort(np.outer(x, B - 0.6), axis=0)[0]) + np.sort(np.outer(x, B), axis=None)[3],
    lambda x: np.partition(x, 1)[1],
    lambda x: x[x > 0.05].std() + x[x > 0.05].var() + np.linalg.norm(x[x < 0.6]) + x[x > 0.05].min(),
    lambda x: np.dot(x[x > 0.3], x[x > 0.3]) + (x[x > 0.3] @ x[x > 0.3]) + np.sum(np.sin(x[x > 0.3]) * 2.0 - 1.0),
    lambda x: np.sum(np.outer(x, x)[np.outer(x, x) > 0.2]) + np.sum(np.outer(x, B)[x > 0.4]),
    lambda x: x[x > 0.5].size * x[0] + np.flatnonzero(x > 0.5).size * x[1] + np.any(x[x > 0.2] > 0.9) * x[2],
    lambda x: np.mean(x, where=x > 0.1) + np.sum(x, where=x > 0.4) + np.prod(x, where=[True, False, True]),
    lambda x: np.nanstd(x) + np.nanvar(x, ddof=1) + np.nanmin(x) + np.nansum(np.where(x > 0.3, x, np.nan)),
    lambda x: (
        np.zeros(3, x.dtype).sum()
        + np.isscalar(x[0]) * x[0]
        + isinstance(x[0], float) * x[1]
        + isinstance(x, np.ndarray)
    ),
    lambda x: (
        np.array([x[0], True, 3])[1:].sum() * x[0] + np.array([[x[0]], [2]])[1, 0] / np.array([x[0], 4])[1] * x[1]
    ),
    lambda x: int(x[0] * 10) * x[1] + float(np.array(x[2])) + sum(float(v) for v in x),
    lambda x: np.square([x[0], 2.0]).sum() + np.maximum([x[0], 0.5], 0.4).sum() + np.clip([x[0], 0.5], 0.3, x[1]).sum(),
    lambda x: (
        sum(x[0] > [0.2, 0.5]) * x[1]
        + (2.0 ** np.array([x[0], 2]))[0]
        + (x[0] ** [1.0, 2.0])[1]
        + ([1.0, 2.0] / x[2])[1]
    ),
    lambda x: np.add.at(y := np.zeros(2), [0, 1, 0], x) or y @ y,
    lambda x: np.put(y := np.ones(4), [0, 2], x[:2]) or np.sum(y**2),
    filled_in_a_loop,
    filled_by_slices,
    filled_matrix,
    masked_ones,
    in_place,
    full,
    a_list,
    written_constant,
    written_by_out,
    masked_update,
    masked_product,
    two_masks,
    diagonal_filled,
    runge_kutta,
    trajectory,
    tridiagonal,
    appended,
    added_at,
    views,
    bools,
    imported,
    nested,
]
if hasattr(np, "matvec"):  # NumPy 2.2
    FORMS += [lambda x: np.vecdot(x, B) + np.matvec(A, x).sum() + np.vecmat(x, A).sum()]


def source(f):
    """A form as it is written."""
    text = inspect.getsource(f).strip()
    return re.sub(r"^lambda x: |,$", "", text) if f.__name__ == "<lambda>" else f.__name__


@pytest.mark.parametrize("f", FORMS, ids=source)
def test_a_program_computes_f(f):
    rng = np.random.default_rng(5)
    for _ in range(4):
        x = rng.uniform(0.1, 0.95, 3)
        with np.errstate(all="ignore"):
            want = f(x.copy())
        program = trace(f, (3,))
        assert program.shape == ()
        np.testing.assert_allclose(evaluate(program, x)[0], want, rtol=1e-11, atol=1e-13)


def all_of(*forms_and_x):
    *forms, x = forms_and_x
    return [f(x.copy()) for f in forms]


@pytest.mark.parametrize("start", range(0, len(FORMS), 16))
def test_derivatives_are_those_of_plain_differences(start):
    forms = FORMS[start : start + 16]
    points = np.random.default_rng(6).uniform(0.1, 0.95, (6, 3))

    together = functools.partial(all_of, *forms)
    plain = fastgrad.jacobian(together, points, batch=True, engine="python")
    central = fastgrad.jacobian(together, points, batch=True, engine="simd")
    exact = fastgrad.jacobian(together, points, batch=True, method="exact")
    precise = fastgrad.jacobian(together, points, batch=True, engine="python", method="adaptive")
    sizes = 1e-3 + np.abs(plain).max(axis=(0, 2))
    for j, f in enumerate(forms):
        assert np.abs(central - plain)[:, j].max() <= 2e-7 * sizes[j], source(f)
        assert np.abs(exact - precise)[:, j].max() <= 1e-6 * sizes[j], source(f)


LINEAR_ALGEBRA = {
    "cross": lambda x: np.linalg.cross(x[:3], x[3:6]),
    "diagonal": lambda x: np.linalg.diagonal(x.reshape(3, 4), offset=1) * x[0],
    "trace": lambda x: np.linalg.trace(x.reshape(3, 2, 2)),
    "tensordot": lambda x: np.linalg.tensordot(x.reshape(3, 4), x.reshape(3, 4).T, axes=1),
    "matrix_transpose": lambda x: np.linalg.matrix_transpose(x.reshape(3, 2, 2)) ** 2,
    "matrix_norm": lambda x: np.linalg.matrix_norm(x.reshape(3, 4)),
    "matrix_norm of rows": lambda x: np.linalg.matrix_norm(x.reshape(3, 2, 2), ord=np.inf, keepdims=True),
    "nuclear": lambda x: np.linalg.matrix_norm(x.reshape(3, 4), ord="nuc"),
    "norms of a stack": lambda x: np.linalg.norm(x.reshape(3, 2, 2), axis=(1, 2), ord=2),
    "norms of columns": lambda x: np.linalg.norm(x.reshape(2, 3, 2), axis=(0, -1), ord=1),
    "norms that are kept": lambda x: np.linalg.norm(x.reshape(2, 3, 2), axis=(2, 0), ord=-1, keepdims=True),
    "unwrap": lambda x: np.unwrap(4.0 * x * np.arange(1, 13)),
    "unwrap rows": lambda x: np.unwrap(x.reshape(3, 4) * 3, axis=0, period=2.0),
    "unwrap with a limit": lambda x: np.unwrap(9.0 * x, discont=4.0),
    "isreal": lambda x: np.isreal(x) * x + np.isreal(x + 0j) * x,
    "astype": lambda x: np.astype(x, float) * x,
}  # fmt: skip


@pytest.mark.parametrize("name", LINEAR_ALGEBRA)
def test_names_of_the_array_api(name):
    f = LINEAR_ALGEBRA[name]
    x = np.random.default_rng(1).uniform(0.2, 2.0, 12)
    program, wanted = trace(f, (12,)), f(x)
    assert program.shape == np.shape(wanted)
    np.testing.assert_allclose(evaluate(program, x), np.ravel(wanted), rtol=1e-12, atol=1e-14)
    found = fastgrad.jacobian(f, x, method="exact", engine="simd")
    np.testing.assert_allclose(found, fastgrad.jacobian(f, x, order=6, engine="python"), rtol=1e-7, atol=1e-7)
