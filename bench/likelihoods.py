"""Losses over rows of data, by a few or some hundred parameters, at one point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import rivals
from contest import TOLERANCE, Case, Contestant
from functions import Array, written_for

import fastgrad

COMPONENTS, COORDINATES = 5, 10
PAIRS = np.tril_indices(COORDINATES, -1)
BELOW = np.zeros((len(PAIRS[0]), COORDINATES, COORDINATES))
BELOW[range(len(PAIRS[0])), PAIRS[0], PAIRS[1]] = 1.0
BELOW = BELOW.reshape(len(PAIRS[0]), -1)


def logistic(x, rows, labels):
    """Minus the log likelihood of a logistic regression, with a ridge."""
    u = np.dot(rows, x)
    return np.sum(np.log1p(np.exp(u)) - labels * u) + 0.01 * np.sum(x**2)


def decay(x, times, seen):
    """The squared residuals of a wave that decays."""
    return 0.5 * np.sum((seen - x[0] * np.exp(-x[1] * times) * np.cos(x[2] * times + x[3])) ** 2)


def in_a_loop(x, times, seen):
    """The same, one time after the other."""
    total = 0.0
    for i in range(len(times)):
        total += (seen[i] - x[0] * np.exp(-x[1] * times[i]) * np.cos(x[2] * times[i] + x[3])) ** 2
    return 0.5 * total


def mixture(x, rows):
    """Minus the log likelihood of normal distributions: logarithms of their weights, means, roots of their precisions.

    The roots are triangular: of each the logarithms of its diagonal, and what stands below it.
    """
    count, d = COMPONENTS, COORDINATES
    weights, means = x[:count], x[count : count * (d + 1)].reshape(count, d)
    diagonals, below = x[count * (d + 1) : count * (2 * d + 1)].reshape(count, d), x[count * (2 * d + 1) :]
    roots = np.dot(below.reshape(count, -1), BELOW).reshape(count, d, d) + np.exp(diagonals)[:, :, None] * np.eye(d)
    z = np.einsum("kij,nkj->nki", roots, rows[:, None, :] - means)
    q = weights + np.sum(diagonals, axis=1) - 0.5 * np.sum(z * z, axis=2)
    top = np.max(q, axis=1)
    each = top + np.log(np.sum(np.exp(q - top[:, None]), axis=1))
    return len(rows) * np.log(np.sum(np.exp(weights))) - np.sum(each)


@dataclass(frozen=True)
class Problem:
    """A loss, its parameters and data, and the exact gradient."""

    loss: Callable[..., Any]
    x: Array
    data: tuple[Array, ...]
    exact: Array

    def of(self, loss: Callable[..., Any]) -> Callable[[Any], Any]:
        data = self.data
        return lambda x: loss(x, *data)


def of_logistic(count: int) -> Problem:
    rng = np.random.default_rng(0)
    rows, x = rng.normal(size=(count, 8)), rng.uniform(-0.5, 0.5, 8)
    labels = (rng.random(count) < 0.5).astype(float)
    exact = rows.T @ (1.0 / (1.0 + np.exp(-(rows @ x))) - labels) + 0.02 * x
    return Problem(logistic, x, (rows, labels), exact)


def of_decay(count: int, loss: Callable[..., Any] = decay) -> Problem:
    rng = np.random.default_rng(1)
    times, x = rng.uniform(0.0, 3.0, count), np.array([1.5, 0.4, 5.0, 0.3])
    size, wave, turned = np.exp(-x[1] * times), np.cos(x[2] * times + x[3]), np.sin(x[2] * times + x[3])
    seen = rng.normal(1.0, 0.3, count)
    off = x[0] * size * wave - seen
    slopes = [size * wave, -times * x[0] * size * wave, -times * x[0] * size * turned, -x[0] * size * turned]
    return Problem(loss, x, (times, seen), np.array([np.sum(off * slope) for slope in slopes]))


def of_mixture(count: int) -> Problem:
    rng, shape = np.random.default_rng(2), (COMPONENTS, COORDINATES)
    weights, means, diagonals = rng.normal(size=COMPONENTS), rng.normal(size=shape), rng.normal(0.0, 0.2, shape)
    below = rng.normal(0.0, 0.1, (COMPONENTS, len(PAIRS[0])))
    rows = means[rng.integers(0, COMPONENTS, count)] + rng.normal(size=(count, COORDINATES))
    roots = (below @ BELOW).reshape(*shape, COORDINATES) + np.exp(diagonals)[:, :, None] * np.eye(COORDINATES)
    apart = rows[:, None, :] - means
    z = np.einsum("kij,nkj->nki", roots, apart)
    q = weights + diagonals.sum(axis=1) - 0.5 * (z**2).sum(axis=2)
    share = np.exp(q - q.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    by_weights = count * np.exp(weights) / np.exp(weights).sum() - share.sum(axis=0)
    by_means = -np.einsum("nk,nki,kij->kj", share, z, roots)
    by_roots = np.einsum("nk,nki,nkj->kij", share, z, apart)
    by_diagonals = np.einsum("kii,ki->ki", by_roots, np.exp(diagonals)) - share.sum(axis=0)[:, None]
    parts = (weights, means, diagonals, below), (by_weights, by_means, by_diagonals, by_roots[:, PAIRS[0], PAIRS[1]])
    x, exact = (np.concatenate([part.reshape(-1) for part in some]) for some in parts)
    return Problem(mixture, x, (rows,), exact)


def ours(p: Problem, **options: Any) -> Contestant:
    f = p.of(p.loss)
    return Contestant(lambda: fastgrad.gradient(f, p.x, **options), p.exact)


def bound(p: Problem, **options: Any) -> Contestant:
    """What `grad` returns, made to be called often."""
    slope = fastgrad.grad(p.of(p.loss), **options)
    return Contestant(lambda: slope(p.x), p.exact)


def called(gradient: Callable[..., Any], p: Problem, tolerance: float = TOLERANCE) -> Contestant:
    slope = gradient(p.of(p.loss))
    return Contestant(lambda: slope(p.x), p.exact, tolerance)


def exactly(p: Problem, library: str) -> Contestant:
    module = rivals.jax_in_float64() if library == "JAX" else __import__("autograd")
    slope = module.grad(p.of(written_for(p.loss, module.numpy)))
    run = rivals.jax_at_one_point(slope) if library == "JAX" else slope
    return Contestant(lambda: run(p.x), p.exact)


LIKELIHOODS: dict[str, Callable[[Problem], Contestant]] = {
    "fastgrad": ours,
    "fastgrad exact": partial(ours, method="exact"),
    "fastgrad bound": bound,
    "fastgrad bound, exact": partial(bound, method="exact"),
    "fastgrad python": partial(ours, engine="python"),
    "scipy 3-point": partial(called, rivals.scipy_3_point),
    "autograd, exact": partial(exactly, library="autograd"),
    "JAX, exact": partial(exactly, library="JAX"),
}


# JAX writes a loop of 1 000 turns out, of which its compiler has made nothing after 100 s.
LOOPS = {name: contestant for name, contestant in LIKELIHOODS.items() if name != "JAX, exact"}


def case(
    name: str, title: str, count: int, problem: Callable[[int], Problem], wanted: dict[str, float],
    contestants: dict[str, Callable[[Problem], Contestant]] = LIKELIHOODS,
) -> Case:  # fmt: skip
    return Case("likelihoods", name, title, count, 300, problem, contestants, wanted)


CASES = (
    case("logistic", "logistic regression, 2,000 rows of 8", 2000, of_logistic, {}),
    case("decay", "a wave that decays, 2,000 times, 4 parameters", 2000, of_decay, {}),
    case(
        "loop",
        "the same in a Python loop, 1,000 times",
        1000,
        partial(of_decay, loss=in_a_loop),
        {},
        LOOPS,
    ),
    case(
        "mixture",
        "mixture of 5 normal distributions, 1,000 rows of 10, 330 parameters",
        1000,
        of_mixture,
        {"fastgrad python": 10.0},
    ),
)
