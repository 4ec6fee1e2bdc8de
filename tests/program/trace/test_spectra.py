"""Eigenvalues and singular values of small matrices, by rotations."""

import math

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable
from fastgrad.program.trace.spectra import LARGEST, LONGEST


@pytest.mark.parametrize("n", [3, 4, LARGEST])
def test_eigenvalues_by_rotations(n):
    """Of matrices of all sizes, with equal eigenvalues and without; the derivatives are projections."""
    program, rng = trace(np.linalg.eigvalsh, (n, n)), np.random.default_rng(0)
    line = rng.normal(size=n)
    given = [
        np.diag([0.0, 1.0, 1.0, 2.0, 2.0, 2.0][:n]),
        np.eye(n),
        np.outer(line, line),
        np.zeros((n, n)),
        np.ones((n, n)),
    ]
    given += [a + a.T for a in rng.normal(size=(50, n, n)) * 10.0 ** rng.uniform(-4, 4, (50, n, n))]
    for a in given:
        np.testing.assert_allclose(evaluate(program, a), np.linalg.eigvalsh(a), rtol=0, atol=1e-14 * np.abs(a).max())
    weights = np.arange(1.0, n + 1)
    for a in given[-5:]:
        vectors = np.linalg.eigh(a)[1]
        whole = (vectors * weights) @ vectors.T
        found = fastgrad.gradient(lambda x: np.linalg.eigvalsh(x) @ weights, a, method="exact")
        np.testing.assert_allclose(found, np.tril(whole) + np.tril(whole, -1), atol=1e-12)


def test_derivatives_of_matrices_with_equal_numbers_on_the_diagonal():
    a = np.array([[2.0, 0.0, 1.0], [0.0, 2.0, 1.0], [1.0, 1.0, 3.0]])
    g = fastgrad.grad(lambda x: np.linalg.eigvalsh((x + x.T) / 2) @ np.array([1.0, 2.0, 4.0]), method="exact")
    g(np.diag([1.0, 2.0, 3.0]) + 0.1)
    values, vectors = np.linalg.eigh(a)
    assert values.round(9).tolist() == [1.0, 2.0, 4.0]
    np.testing.assert_allclose(g(a), (vectors * [1.0, 2.0, 4.0]) @ vectors.T, atol=1e-12)


SHAPES = [(2, 2), (3, 3), (3, 2), (2, 3), (4, 4), (6, 3), (6, 6), (3, 8), (1, 3), (4, 1)]


def singular(a):
    return np.linalg.svd(a, compute_uv=False)


def nearly_equal(shape):
    """Matrices in general position, of whose singular values some are equal to a rounding, to less and to more."""
    rng, count = np.random.default_rng(3), min(shape)
    yield rng.normal(size=shape)  # where f is looked at
    for values in (np.ones(count), np.where(np.arange(count) < 2, 1.0, 3.0), np.arange(1.0, count + 1)):
        for gap in (0.0, 1e-15, 1e-12, 1e-9, 1e-7, 1e-4):
            u, v = (np.linalg.qr(rng.normal(size=(n, n)))[0][:, :count] for n in shape)
            yield (u * values * (1.0 + gap * rng.normal(size=count))) @ v.T


OF_ALL = {
    "their sum": (lambda x: np.linalg.norm(x, "nuc"), lambda s: 1.0 + 0.0 * s),
    "logarithms": (lambda x: np.sum(np.log(singular(x))), lambda s: 1.0 / s),
    "cubes": (lambda x: np.sum(singular(x) ** 3), lambda s: 3.0 * s * s),
}


@pytest.mark.parametrize("shape", [(2, 2), (3, 3), (4, 3), (3, 5)])
@pytest.mark.parametrize("name", OF_ALL)
def test_slopes_of_what_is_smooth_in_all_of_them(name, shape):
    f, slope = OF_ALL[name]
    points = np.array(list(nearly_equal(shape)))
    found = fastgrad.gradient(f, points, batch=True, method="exact")
    for a, own in zip(points, found, strict=True):
        u, s, v = np.linalg.svd(a, full_matrices=False)
        right = (u * slope(s)) @ v
        np.testing.assert_allclose(own, right, atol=1e-9 * np.abs(right).max())


def test_second_derivatives_of_single_ones():
    a, line = np.random.default_rng(4).normal(size=(4, 3)), np.random.default_rng(5).normal(size=(4, 3))
    f = lambda t: singular(a + t * line) @ np.array([1.0, 2.0, 4.0])
    for n in (1, 2, 4):
        found = fastgrad.derivative(f, 0.1, n=n, method="exact")
        u, h = 0.1, 0.06  # Cauchy's formula on a circle around it, of a smooth function of a complex number
        circle = u + h * np.exp(2j * np.pi * (np.arange(64) + 0.5) / 64)
        values = [
            np.sqrt(np.sort(np.linalg.eigvals((a + t * line).T @ (a + t * line)))[::-1]) @ [1, 2, 4] for t in circle
        ]
        right = math.factorial(n) * np.mean(np.array(values) / (circle - u) ** n).real
        assert found == pytest.approx(right, rel=1e-7), n


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e170, 1e300])
@pytest.mark.parametrize("f", [np.linalg.eigvalsh, singular], ids=["eigenvalues", "singular values"])
def test_of_small_and_large_numbers(f, size):
    """Their squares are no numbers, a power of two is taken out."""
    a = np.array([[3.0, 0.0, 1.0], [1.0, 2.0, 0.0], [0.0, 1.0, 5.0]])
    for given in (a, a[:2, :2], np.eye(3), np.eye(2)):
        np.testing.assert_allclose(evaluate(trace(f, given.shape), given * size), f(given * size), rtol=1e-14)
    slope = fastgrad.grad(lambda x: f(x)[1], method="exact")
    right = slope(a)
    np.testing.assert_allclose(slope(a * size), right, rtol=1e-12, atol=1e-15)


SMOOTH_TOGETHER = {
    "two": (lambda x: np.sum(np.linalg.eigvalsh(np.array([[x[0], x[1]], [x[1], x[2]]])) ** 2), [1.0, 0.0, 1.0]),
    "three": (
        lambda x: np.sum(np.linalg.eigvalsh(np.array([[x[0], x[1], 0.0], [x[1], x[2], 0.0], [0.0, 0.0, x[0]]])) ** 2),
        [1.0, 0.0, 1.0],
    ),
    "singular": (lambda x: np.sum(np.linalg.svd(x.reshape(2, 2), compute_uv=False) ** 3), [1.0, 0.0, 0.0, 1.0]),
}


@pytest.mark.parametrize("name", SMOOTH_TOGETHER)
def test_no_second_derivatives_where_two_are_equal(name):
    f, x = SMOOTH_TOGETHER[name]
    points = np.random.default_rng(5).uniform(1, 2, (20, len(x)))
    points[7] = x
    if name == "three":  # by NumPy: LLVM takes three seconds for it
        points = points[4:12]
        found = np.array([fastgrad.hessian(f, point, method="exact") for point in points])
        assert np.isnan(found[3]).any()
        assert np.isfinite(np.delete(found, 3, axis=0)).all()
        return
    found = fastgrad.hessian(f, points, batch=True, method="exact")
    assert np.isnan(found[7]).any()
    assert np.isfinite(np.delete(found, 7, axis=0)).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_singular_values(shape):
    """Of matrices of all sizes, of low rank too; the derivatives are products of singular vectors."""
    program, rng = trace(singular, shape), np.random.default_rng(0)
    given = [np.outer(rng.normal(size=shape[0]), rng.normal(size=shape[1])), np.ones(shape), np.zeros(shape)]
    given += [*(rng.normal(size=(30, *shape)) * 10.0 ** rng.uniform(-4, 4, (30, *shape)))]
    for a in given:
        exact = singular(a)
        np.testing.assert_allclose(evaluate(program, a), exact, rtol=0, atol=5e-15 * exact[0])
    a = rng.normal(size=shape)
    left, values, right = np.linalg.svd(a, full_matrices=False)
    weights = np.arange(1.0, values.size + 1)
    found = fastgrad.gradient(lambda x: singular(x) @ weights, a, method="exact")
    np.testing.assert_allclose(found, (left * weights) @ right, atol=1e-13)


@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.linalg.norm(a, 2) + np.linalg.norm(a, "nuc") + np.linalg.norm(a, -2),
        np.linalg.cond,
        lambda a: np.linalg.cond(np.stack([a, 2.0 * a @ a]), 2),
        lambda a: np.linalg.svd(np.stack([a, a @ a]), compute_uv=False),
        lambda a: np.linalg.eigvalsh(np.stack([a @ a.T, a + a.T]), UPLO="U"),
        lambda a: np.linalg.eigvalsh(a[:1, :1]) + np.linalg.eigvalsh(a[:2, :2] + a[:2, :2].T),
    ],
    ids=range(6),
)
def test_functions_of_them(f):
    a = np.random.default_rng(5).normal(size=(3, 3))
    np.testing.assert_allclose(evaluate(trace(f, (3, 3)), a), np.ravel(f(a)), rtol=1e-12)


@pytest.mark.parametrize(
    ("f", "shape", "reason"),
    [
        (lambda a: np.linalg.svd(a)[1], (2, 3), "full_matrices=False"),
        (lambda a: np.linalg.cond(a, 1), (2, 2), "p=1"),
        (singular, (LARGEST + 1, LARGEST + 1), "singular values of an array of shape"),
        (singular, (LONGEST + 1, 2), "singular values of an array of shape"),
        (np.linalg.eigvalsh, (LARGEST + 1, LARGEST + 1), "rows"),
        (lambda a: singular(1j * a), (2, 2), "complex"),
    ],
    ids=range(6),
)
def test_what_is_refused(f, shape, reason):
    with pytest.raises(Untraceable, match=reason):
        trace(f, shape)
