"""Extrema that cancel are held, others are not; derivatives are the same, also where two are equal."""

import numpy as np
import pytest
from scipy import special

import fastgrad
from fastgrad import EngineError
from fastgrad.arrays.invariance import holding
from fastgrad.arrays.recording import record

RNG = np.random.default_rng(0)
DATA, LABELS, WEIGHTS = RNG.normal(size=(40, 4)), RNG.integers(0, 4, 40), RNG.uniform(0.5, 2.0, (40, 4))
X = RNG.normal(size=(4, 4))
VALUES = RNG.normal(size=(4, 3))


def softmax(z, axis=1):
    powers = np.exp(z - np.max(z, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def of_the_book(z):
    z = z.T
    z = z - np.max(z, axis=0)
    y = np.exp(z) / np.sum(np.exp(z), axis=0)
    return -np.sum(np.log(y.T[np.arange(40), LABELS] + 1e-7)) / 40


def log_of_sums(z):
    top = np.max(z, axis=1)
    return np.sum(top + np.log(np.sum(WEIGHTS * np.exp(z - top[:, None]), axis=1)))


def log_softmax(z):
    moved = z - z.max(axis=1)[:, None]
    return -np.sum((moved - np.log(np.exp(moved).sum(axis=1, keepdims=True)))[np.arange(40), LABELS])


def with_the_least(z):
    least = np.min(z, axis=1, keepdims=True)
    return np.sum(np.log(np.sum(np.exp(-2.0 * (z - least)), axis=1)) - 2.0 * least[:, 0])


CANCEL = {
    "softmax": lambda z: np.sum(softmax(z) ** 2), "book": of_the_book, "log of sums": log_of_sums,
    "log softmax": log_softmax, "least": with_the_least, "of all": lambda z: np.sum(softmax(z, None)[:, 0]),
    "attention": lambda z: np.sum((softmax(z / 2.0) @ VALUES) ** 2),
    "weights before they are divided": lambda z: np.sum(
        (np.exp(z - z.max(1, keepdims=True)) @ VALUES) / np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True)
    ),
    "difference": lambda z: np.sum(np.tanh((z - z.max(1, keepdims=True)) - (z[:, :1] - z.max(1, keepdims=True)))),
    "joined": lambda z: np.sum(np.stack([softmax(z)[:, 0], softmax(-z)[:, 1]]) ** 2),
}  # fmt: skip
STAY = {
    "largest": lambda z: np.sum(np.max(z, axis=1)), "not added": lambda z: np.sum(np.exp(z - z.max(1, keepdims=True))),
    "added twice": lambda z: np.sum(2 * z.max(1) + np.log(np.sum(np.exp(z - z.max(1)[:, None]), axis=1))),
    "other rows": lambda z: np.sum(z.max(1)[::-1] ** 2 + np.log(np.sum(np.exp(z - z.max(1)[:, None]), axis=1))),
    "along the other axis": lambda z: np.sum(
        np.log(np.sum(np.exp(z - z.max(1, keepdims=True)), axis=0)) * z.max(1)[:4]
    ),
    "sum of a power and a number": lambda z: np.sum(np.log(1.0 + np.exp(z - z.max(1, keepdims=True)))),
    "compared": lambda z: np.sum(np.where(z - z.max(1, keepdims=True) > -1.0, z, 0.0)),
    "squared": lambda z: np.sum((z - z.max(1, keepdims=True)) ** 2),
    "rows turned": lambda z: np.sum(
        z.max(1)[::-1] + np.log(np.sum(np.exp(z - z.max(1)[:, None]), axis=1)) * DATA[:, 0]
    ),
    "other powers": lambda z: np.sum(
        np.exp(2.0 * (z - z.max(1, keepdims=True))) / np.exp(z - z.max(1, keepdims=True))[:, :1]
    ),
}  # fmt: skip


def of(f):
    return lambda x: f(DATA @ x)


def extrema(f):
    recording = record(of(f), {"": X.copy()}, lambda arrays: (arrays[""],))
    return sum(node.kind == "other" and node.how == "shift" for node in recording.order), recording.result


@pytest.mark.parametrize("name", CANCEL)
def test_what_cancels_is_held(name):
    kept, result = extrema(CANCEL[name])
    assert kept
    assert holding(result) is result


@pytest.mark.parametrize("name", STAY)
def test_what_does_not_cancel_moves(name):
    assert extrema(STAY[name])[0] == 0


@pytest.mark.parametrize("name", [*CANCEL, *STAY])
def test_derivatives(name):
    f = of({**CANCEL, **STAY}[name])
    expected = fastgrad.gradient(f, X, engine="python")
    np.testing.assert_allclose(fastgrad.gradient(f, X, engine="arrays"), expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(fastgrad.gradient(f, X, method="exact"), expected, rtol=1e-6, atol=1e-7)


def test_two_that_are_equal():
    def f(x):
        return log_of_sums(DATA @ x)

    x = np.repeat(RNG.normal(size=(4, 1)), 4, axis=1)
    share = WEIGHTS / WEIGHTS.sum(axis=1, keepdims=True)
    for options in ({"engine": "arrays"}, {"method": "exact"}):
        np.testing.assert_allclose(fastgrad.gradient(f, x, **options), DATA.T @ share, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("step", [1e-6, 0.5, 30.0, 200.0, 1e3])
def test_large_steps(step):
    """Differences are those of the loss whatever the step is; where its exponents overflow it is asked itself."""

    def f(x):
        return np.sum(special.logsumexp(DATA @ x, axis=1))

    def by_hand(x):
        z = DATA @ x
        top = z.max(axis=1, keepdims=True)
        return np.sum(top[:, 0] + np.log(np.exp(z - top).sum(axis=1)))

    expected = fastgrad.gradient(by_hand, X, h=step, engine="python")
    for loss in (f, by_hand):
        np.testing.assert_allclose(fastgrad.gradient(loss, X, h=step), expected, rtol=1e-6)
        if step < 1e3:
            np.testing.assert_allclose(fastgrad.gradient(loss, X, h=step, engine="arrays"), expected, rtol=1e-6)
        else:
            with pytest.raises(EngineError, match="the program by nan"):
                fastgrad.gradient(loss, X, h=step, engine="arrays")
