"""Functions over rows of data, for tests: what likelihoods and losses look like in users' files."""

import math

import numpy as np

_RNG = np.random.default_rng(5)
COUNT = 60
T = np.linspace(0.1, 3.0, COUNT)
Y = 2.0 * np.exp(-0.7 * T) * np.cos(3.0 * T) + 0.1 * _RNG.standard_normal(COUNT)
ROWS = _RNG.standard_normal((COUNT, 3))
DUMMIES = np.column_stack([_RNG.random((COUNT, 2)) < 0.5, T])
LABELS = (_RNG.random(COUNT) < 0.5).astype(float)
GROUPS = np.arange(COUNT) % 3 == 0


def wave(x):
    """A loop by numbers."""
    total = 0.0
    for i in range(COUNT):
        total += (Y[i] - x[0] * np.exp(-x[1] * T[i]) * np.cos(x[2] * T[i])) ** 2
    return total


def wave_at_once(x):
    """As whole arrays, and a penalty beside the sum."""
    return np.sum((Y - x[0] * np.exp(-x[1] * T) * np.cos(x[2] * T)) ** 2) + 0.1 * np.sum(x**2)


def zipped(x):
    """Python's numbers and math, which raises."""
    return sum((b - x[0] * math.exp(-x[1] * a) - x[2]) ** 2 for a, b in zip(T.tolist(), Y.tolist(), strict=True))


def logistic(x):
    """Two terms a row that have much in common; the mean of all."""
    z = ROWS @ x
    return -np.mean(LABELS * np.log(1.0 / (1.0 + np.exp(-z))) + (1.0 - LABELS) * np.log(1.0 / (1.0 + np.exp(z))))


def of_dummies(x):
    """Rows with zeros and ones: many terms share what they are made of."""
    total = 0.0
    for row, label in zip(DUMMIES, LABELS, strict=True):
        z = np.dot(row, x)
        total = total - label * z + np.log1p(np.exp(z))
    return total


def normal(x):
    """Something is made of the sum, and rows share a scale that is made of x."""
    scale = np.exp(x[1])
    squares = np.sum(((Y - x[0] - x[2] * T) / scale) ** 2)
    return 0.5 * squares + COUNT * np.log(scale) + np.sqrt(squares)


def by_kind(x):
    """Rows of two kinds, as many of each as the data say, with absolute values and a choice."""
    total = 0.0
    for i in range(COUNT):
        z = Y[i] - x[0] * T[i]
        if GROUPS[i]:
            total += np.where(np.abs(z) < x[1], 0.5 * z**2, x[1] * (np.abs(z) - 0.5 * x[1]))
        else:
            total -= np.tanh(z * x[2])
    return total


def spread(x):
    """A sum of terms that need another sum: a loop after a loop."""
    fitted = x[0] * np.exp(-x[1] * T) + x[2] * T
    return np.sum((fitted - np.mean(fitted)) ** 2) / COUNT


def with_sizes(x):
    """A term that is the same in all rows, and one of data alone."""
    total = 0.0
    for i in range(COUNT):
        total += x[0] * x[1] + T[i] - np.sin(x[2] * Y[i])
    return total


def moments(x):
    """Several sums over the same rows."""
    e = Y - x[0] * np.exp(-x[1] * T)
    return np.array([np.sum(e), np.sum(e * T), np.sum(e**2) - x[2] ** 2])


SCALARS = [wave, wave_at_once, zipped, logistic, of_dummies, normal, by_kind, spread, with_sizes]
POINT = np.array([1.3, 0.6, 0.8])
