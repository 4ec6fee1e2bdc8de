"""Functions whose derivatives are sparse, and the matrices that these are."""

import numpy as np
import pytest
from scipy import sparse

from fastgrad.formulas.stencils import ORDERS

X = np.random.default_rng(0).normal(size=12)

schemes = pytest.mark.parametrize(
    ("method", "order"), [(method, order) for method in ORDERS for order in ORDERS[method][:4]]
)


def broyden(x):
    y = (3 - 2 * x) * x + 1
    y[1:] -= x[:-1]
    y[:-1] -= 2 * x[1:]
    return y


def exact_broyden(x):
    n = len(x)
    return sparse.diags_array([3 - 4 * x, -np.ones(n - 1), -2 * np.ones(n - 1)], offsets=[0, -1, 1]).tocsr()


def chain(x):
    return np.sum((x[1:] - x[:-1] ** 2) ** 2 + np.sin(x[:-1]))


def exact_chain(x):
    second = np.zeros(len(x))
    second[:-1] += 12 * x[:-1] ** 2 - 4 * x[1:] - np.sin(x[:-1])
    second[1:] += 2
    mixed = -4 * x[:-1]
    return sparse.diags_array([second, mixed, mixed], offsets=[0, 1, -1]).tocsr()


def tridiagonal(n):
    return sparse.diags_array([np.ones(n), np.ones(n - 1), np.ones(n - 1)], offsets=[0, -1, 1])


def untraceable(f):
    """The same function, which only Python can call."""

    held = {"f": f}  # which neither a trace nor Numba reads

    def opaque(x):
        return held["f"](np.array([float(str(v)) for v in x.ravel()]).reshape(x.shape))

    return opaque


def places(matrix):
    return {(int(i), int(j)) for i, j in zip(*sparse.coo_array(matrix).coords, strict=True)}


def at_entries(pattern, dense):
    return dense[pattern.rows, pattern.columns]
