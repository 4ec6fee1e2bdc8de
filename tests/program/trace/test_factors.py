"""Orthogonal factors, pseudo-inverses and least squares of traced matrices."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

RNG = np.random.default_rng(0)
SHAPES = [(3, 3), (4, 2), (2, 4), (1, 3), (3, 1), (6, 3), (4, 4)]
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
        (lambda a: np.linalg.pinv(np.tile(a, (3, 3))), "up to 16 x 4"),
        (lambda a: np.linalg.pinv(1j * a), "complex"),
    ],
    ids=range(4),
)
def test_what_is_refused(f, reason):
    with pytest.raises(Untraceable, match=reason):
        trace(f, (3, 3))
