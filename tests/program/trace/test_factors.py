"""Orthogonal factors, pseudo-inverses and least squares of traced matrices."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

RNG = np.random.default_rng(0)
SHAPES = [(3, 3), (6, 6), (4, 2), (2, 4), (1, 3), (3, 1), (6, 3), (4, 4)]
A = RNG.normal(size=(6, 3))


def matrices(shape):
    yield from RNG.normal(size=(10, *shape))
    yield np.triu(RNG.normal(size=shape))
    yield -np.abs(RNG.normal(size=shape))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", ["reduced", "complete"])
def test_factors_have_lapacks_signs(shape, mode):
    f = lambda a: np.concatenate([np.linalg.qr(a, mode).Q.ravel(), np.linalg.qr(a, mode)[1].ravel()])
    program, triangle = trace(f, shape), trace(lambda a: np.linalg.qr(a, "r"), shape)
    for a in matrices(shape):
        np.testing.assert_allclose(evaluate(program, a), f(a), atol=1e-13)
        np.testing.assert_allclose(evaluate(triangle, a), np.linalg.qr(a, "r").ravel(), atol=1e-13)


TRIANGLES = {
    "determinant": (
        (3, 3),
        lambda x: np.log(np.abs(np.diag(np.linalg.qr(x)[1]))).sum(),
        lambda x: np.linalg.slogdet(x)[1],
    ),
    "projector": (
        (4, 2),
        lambda x: np.sum(np.linalg.qr(x)[0] @ np.linalg.qr(x)[0].T * np.arange(16.0).reshape(4, 4)),
        lambda x: np.sum(x @ np.linalg.inv(x.T @ x) @ x.T * np.arange(16.0).reshape(4, 4)),
    ),
    "lengths": (
        (2, 3),
        lambda x: np.sum(np.linalg.qr(x)[1][0] ** 2),
        lambda x: np.sum((x[:, 0] @ x) ** 2) / np.sum(x[:, 0] ** 2),
    ),
}


@pytest.mark.parametrize("name", TRIANGLES)
def test_derivatives_where_a_column_is_0_below_the_diagonal(name):
    """Of what does not depend on the signs, which jump there."""
    shape, f, same = TRIANGLES[name]
    points = np.array([*RNG.normal(size=(6, *shape)), *np.triu(1.0 + np.abs(RNG.normal(size=(3, *shape))))])
    points[-1] = 2.0 * np.eye(*shape) + (np.arange(shape[1]) > 1)
    found = fastgrad.gradient(f, points, batch=True, method="exact")
    right = fastgrad.gradient(same, points, batch=True, engine="python", order=6)
    np.testing.assert_allclose(found, right, rtol=1e-8, atol=1e-8)
    second = fastgrad.hessian(f, points, batch=True, method="exact")
    np.testing.assert_allclose(second, fastgrad.hessian(same, points, batch=True, order=6), rtol=1e-5, atol=1e-5)


def test_what_is_left_of_a_column_by_rounding_is_fs_own():
    f, points = lambda a: np.sum(np.linalg.qr(a)[0] * np.arange(6.0).reshape(3, 2)), RNG.normal(size=(12, 3, 2))
    points[6] = 1.0
    values, slopes = fastgrad.value_and_gradient(f, points, batch=True, engine="simd")
    plain = fastgrad.value_and_gradient(f, points, batch=True, engine="python")
    np.testing.assert_allclose(values, plain[0], rtol=1e-12)
    np.testing.assert_allclose(slopes[6], plain[1][6], rtol=1e-12)
    with pytest.raises(fastgrad.EngineError, match="a value of its own"):
        fastgrad.gradient(f, points, batch=True, method="exact")


@pytest.mark.parametrize("shape", SHAPES)
def test_pseudo_inverses(shape):
    program = trace(np.linalg.pinv, shape)
    low = np.outer(np.arange(1.0, shape[0] + 1), np.arange(2.0, shape[1] + 2))
    for a in (*RNG.normal(size=(10, *shape)), low, np.zeros(shape)):
        expected = np.linalg.pinv(a)
        np.testing.assert_allclose(
            evaluate(program, a), expected.ravel(), atol=1e-12 * max(1.0, np.abs(expected).max())
        )


FUNCTIONS = {
    "lstsq": lambda x: np.sum(np.linalg.lstsq(A * x, np.concatenate([x, x**2]), rcond=None)[0] ** 2),
    "its rest": lambda x: np.linalg.lstsq(A + x[0], np.arange(6.0) * x[1], rcond=None)[1][0],
    "its other results": lambda x: np.sum(np.linalg.lstsq(A * x, np.ones(6), rcond=1e-9)[3]) * np.linalg.matrix_rank(A),
    "a wide one": lambda x: np.linalg.lstsq(A.T * x[:, None], x, rcond=None)[0].sum(),
    "pinv of stacks": lambda x: np.linalg.pinv(np.stack([A * x, 2.0 * A * x]), rcond=1e-10).sum(),
    "qr": lambda x: (
        np.abs(np.linalg.qr(A * x)[0][0] * x).sum() + np.linalg.qr(A + np.outer(np.arange(6.0), x))[1][0, 1]
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_them(name):
    f = FUNCTIONS[name]
    points = np.random.default_rng(1).uniform(0.5, 2.0, (20, 3))
    exact = fastgrad.gradient(f, points, batch=True, method="exact")
    plain = fastgrad.gradient(f, points, batch=True, order=4, engine="python")
    np.testing.assert_allclose(exact, plain, rtol=1e-7, atol=1e-8)


def equally_long(shape):
    """Orthogonal columns of one length, to rounding, nearly and small ones; and such that two of them have one."""
    q = np.linalg.qr(np.random.default_rng(2).normal(size=(4, 4)))[0]
    near = q + 1e-9 * np.arange(16.0).reshape(4, 4)
    for a in (np.eye(4), q, near, 0.25 * q, np.diag([1.0, 1.0, 2.0, 2.0])):
        yield (
            a[: shape[0], : shape[1]] if shape != (2, 2) else np.kron(np.eye(2), a[:1, :1]) + a[1, 0] * np.eye(2)[::-1]
        )


def slope_of_inverse(weights, a):
    """(G. Golub, V. Pereyra, "The differentiation of pseudo-inverses", 1973.)"""
    x = np.linalg.pinv(a)
    beside, below = np.eye(len(a)) - a @ x, np.eye(a.shape[1]) - x @ a
    return -(x.T @ weights @ x.T) + beside @ weights.T @ x @ x.T + x.T @ x @ weights.T @ below


@pytest.mark.parametrize("shape", [(2, 2), (3, 4), (4, 2), (2, 4), (4, 4)])
@pytest.mark.parametrize("how", [{"method": "exact"}, {"engine": "simd"}], ids=["exact", "central"])
def test_slopes_of_pseudo_inverses_of_columns_of_one_length(shape, how):
    weights = np.cos(np.arange(np.prod(shape))).reshape(shape[::-1])
    points = np.array([*np.random.default_rng(3).normal(size=(5, *shape)), *equally_long(shape)])
    found = fastgrad.gradient(lambda a: np.sum(weights * np.linalg.pinv(a)), points, batch=True, **how)
    for a, slope in zip(points, found, strict=True):
        right = slope_of_inverse(weights, a)
        np.testing.assert_allclose(slope, right, atol=1e-6 * np.abs(right).max())


def test_second_derivatives_of_pseudo_inverses_of_columns_of_one_length():
    weights = np.cos(np.arange(12.0)).reshape(3, 4)
    points = np.array(list(equally_long((4, 3))))
    found = fastgrad.hessian(lambda a: np.sum(weights * np.linalg.pinv(a)), points, batch=True, method="exact")
    for a, second in zip(points, found.reshape(-1, 12, 12), strict=True):
        right = fastgrad.jacobian(
            lambda x: slope_of_inverse(weights, x.reshape(4, 3)).ravel(), a.ravel(), engine="python"
        )
        np.testing.assert_allclose(second, right, atol=1e-5 * np.abs(right).max())


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e170, 1e300])
def test_pseudo_inverses_of_small_and_large_numbers(size):
    a = np.array([[3.0, 0.0], [1.0, 2.0], [0.5, 0.5]])
    found = evaluate(trace(np.linalg.pinv, (3, 2)), a * size)
    np.testing.assert_allclose(np.array(found) * size, np.linalg.pinv(a).ravel(), rtol=1e-13)


def test_of_a_rank_that_is_not_full_f_itself_is_asked():
    f = lambda x: np.linalg.lstsq(np.outer(x, np.array([1.0, x[0]])), x, rcond=None)[0].sum()
    points = np.tile([[0.5, 1.0, 2.0]], (3, 1))
    with pytest.raises(fastgrad.EngineError):
        fastgrad.gradient(f, points, batch=True, method="exact")
    central = fastgrad.gradient(f, points, batch=True)
    np.testing.assert_array_equal(central, fastgrad.gradient(f, points, batch=True, engine="python"))


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda a: np.linalg.qr(np.stack([a, a]))[1], "a stack"),
        (lambda a: np.linalg.qr(a, "raw")[0], "mode='raw'"),
        (lambda a: np.linalg.pinv(np.tile(a, (4, 4))), "up to 16 x 6"),
        (lambda a: np.linalg.pinv(1j * a), "complex"),
    ],
    ids=range(4),
)
def test_what_is_refused(f, reason):
    with pytest.raises(Untraceable, match=reason):
        trace(f, (3, 3))
