"""Arrays that f captures: traced integers and masks pick their elements, and nothing else is changed by that."""

import copy

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable
from fastgrad.program.trace.tables import NumberTable, as_table, indexes

TABLE = np.array([1.0, 2.5, -3.0, 0.5])
ROWS = np.arange(12.0).reshape(4, 3)
WHOLE = np.array([3, 1, 2, 0])


def looked_up(x):
    k = int(4 * x[0])
    return TABLE[k] * x[1] + ROWS[k] @ x


def by_masks(x):
    return TABLE[:3][x > 0.5].sum() + np.sum(ROWS[1][x > 0.3] * x[x > 0.3]) + ROWS.T[x < 0.7].sum()


def copied(x):
    a, b, c = TABLE.copy(), copy.copy(ROWS), copy.deepcopy(TABLE)
    a[1:] = x
    b[0] *= x
    c[WHOLE[1]] += x[2]
    return a.sum() + b[0].sum() * c[1] + TABLE[1] + ROWS[0, 0]


def ordinary(x, weights=TABLE):
    small = TABLE[:3]
    total = small.sum() + np.dot(small, x) + (small * 2.0)[0] + float(TABLE[1]) + TABLE[WHOLE][0]
    total += len(TABLE[TABLE > 0])
    return total * (2.0 if isinstance(TABLE.sum(), float) and isinstance(small, np.ndarray) else 3.0) + weights[2]


@pytest.mark.parametrize("f", [looked_up, by_masks, copied, ordinary])
def test_values(f):
    program = trace(f, (3,))
    for x in np.random.default_rng(4).uniform(0.0, 0.99, (8, 3)):
        np.testing.assert_allclose(evaluate(program, x), f(x.copy()), rtol=1e-13)
    assert TABLE.tolist() == [1.0, 2.5, -3.0, 0.5]


def test_arguments_are_tables_too():
    f = lambda x, table, t: table[t] * x[0] + table[int(3 * x[1])]
    points = np.random.default_rng(5).uniform(0.1, 0.9, (40, 2))
    labels = np.arange(40) % 4
    options = {"args": (TABLE,), "batch_args": (labels,), "batch": True}
    found = fastgrad.gradient(f, points, engine="simd", **options)
    np.testing.assert_allclose(found, np.stack([TABLE[labels], np.zeros(40)], axis=1), atol=1e-9)


def test_a_table_is_the_array_itself():
    table = as_table(TABLE)
    assert type(table) is NumberTable
    assert np.shares_memory(table, TABLE)
    assert type(table * 2.0) is type(table.copy()) is np.ndarray
    assert type(table.sum()) is np.float64
    for other in (np.array(1.0), np.array(["a"]), 3.0, [1.0]):
        assert as_table(other) is other
    assert indexes(looked_up.__code__)
    assert not indexes((lambda x: x + 1).__code__)


def keeps_a_part(x):
    STORE["part"] = ROWS[0]
    return x[0]


def writes(x):
    TABLE[0] = x[0]
    return x[0]


STORE: dict = {}


def test_what_f_keeps_is_the_users():
    with pytest.raises(Untraceable, match="keeps"):
        trace(keeps_a_part, (3,))
    assert STORE == {}
    before = TABLE.copy()
    trace(writes, (3,))
    assert (before == TABLE).all()


MATRIX = np.random.default_rng(3).normal(size=(5, 3))
SQUARE = MATRIX[:3]
ORDERED = np.sort(TABLE)


class Layer:
    def __init__(self):
        self.weights = MATRIX

    def __call__(self, x):
        return np.maximum(0.0, self.weights.T.dot(self.weights.dot(x))).sum()


BY_METHODS = {
    "a product": lambda x: np.maximum(0.0, MATRIX.dot(x)).sum(),
    "of an attribute": Layer(),
    "a maximum": lambda x: np.log(np.exp(MATRIX.dot(x) - MATRIX.dot(x).max()).sum()),
    "a clipped one": lambda x: np.clip(1.0 / (1.0 + np.exp(-MATRIX.dot(x))), 0.1, 0.8).sum(),
    "some rows": lambda x: np.where(MATRIX[:2].dot(x) > 0.0, 2.0, 1.0).sum() * x[0],
    "what is computed": lambda x: np.maximum(0.0, (2.0 * SQUARE).dot(x)).sum(),
    "what f makes": lambda x: np.maximum(0.0, np.array([[1.0, 2.0, 3.0], [4.0, 5.0, -6.0]]).dot(x)).sum(),
    "an inverse": lambda x: np.maximum(0.0, np.linalg.inv(SQUARE).dot(x)).sum(),
    "a form": lambda x: x.dot(SQUARE).dot(x) + np.sort(SQUARE.dot(SQUARE).dot(x))[0],
    "a place": lambda x: ORDERED.searchsorted(3.0 * x[0]) * x[1],
    "limits": lambda x: TABLE.clip(x[0], x[1] + 1.0).sum(),
    "a limit by name": lambda x: TABLE.clip(min=x[0]).sum(),
}


@pytest.mark.parametrize("f", BY_METHODS.values(), ids=BY_METHODS)
def test_methods_that_take_symbols(f):
    points = np.random.default_rng(0).uniform(-1.0, 1.0, (60, 3))
    values, slopes = fastgrad.value_and_gradient(f, points, batch=True, engine="simd")
    np.testing.assert_allclose(values, [f(x) for x in points], rtol=1e-12, atol=1e-14)
    wanted = fastgrad.gradient(f, points, batch=True, engine="python")
    np.testing.assert_allclose(slopes, wanted, rtol=1e-6, atol=1e-8)
