"""Programs with sums over tables from programs of whole arrays: those of f number by number, whatever arrays it has."""

import numpy as np
import pytest
from scipy import special, stats

from fastgrad.arrays.nodes import RefusedError
from fastgrad.arrays.recording import record
from fastgrad.arrays.tabulated import tabulated
from fastgrad.formulas import stencils
from fastgrad.program.exact import exact
from fastgrad.program.rowschedule import RowSchedule

_RNG = np.random.default_rng(2)
COUNT = 120
ROWS, Y = _RNG.normal(size=(COUNT, 3)), _RNG.normal(size=COUNT)
LABELS = _RNG.random(COUNT) < 0.4
COUNTS = _RNG.integers(0, 5, COUNT)
WIDE = _RNG.normal(size=(2, COUNT))
CUBE = _RNG.normal(size=(COUNT, 2, 3))
X = np.array([0.4, 0.9, 0.3])
PLACE, MASK = np.zeros((3, 6)), np.array([1.0, 0.0, 2.0])
PLACE[[0, 1, 2], [5, 0, 3]] = 2.0, 3.0, -1.0


def _powers(z):
    return np.exp(z - np.max(z, axis=1, keepdims=True))


LOSSES = {
    "residuals": lambda x: np.sum((Y - x[0] * np.exp(-x[1] * Y**2)) ** 2),
    "mean and penalty": lambda x: np.mean((ROWS @ x - Y) ** 2) + 0.1 * x @ x,
    "logistic": lambda x: -np.sum(np.where(LABELS, special.log_expit(ROWS @ x), special.log_expit(-(ROWS @ x)))),
    "counts": lambda x: np.sum(np.exp(ROWS @ x) - COUNTS * (ROWS @ x)),
    "columns": lambda x: np.sum((ROWS * x - Y[:, None]) ** 2),
    "keepdims": lambda x: np.sum(np.log(np.sum(np.exp(ROWS * x), axis=1, keepdims=True))),
    "softmax": lambda x: -np.sum(special.log_softmax(ROWS * x, axis=1)[:, 1]),
    "rows last": lambda x: np.sum(np.tanh(x[:2] @ WIDE) * Y),
    "transposed": lambda x: np.sum((ROWS.T @ np.tanh(ROWS @ x)) ** 2),
    "two sums": lambda x: np.sum((ROWS @ x) ** 2) / (1.0 + np.sum(np.cos(ROWS @ x)) ** 2),
    "centred": lambda x: np.var(np.exp(ROWS @ x * 0.2)),
    "three axes": lambda x: np.sum(np.sum(CUBE * x, axis=2) ** 2),
    "log of sums": lambda x: np.sum(special.logsumexp(ROWS * x, axis=1)),
    "layers": lambda x: np.sum((np.tanh(np.outer(Y, x[:2])) @ np.array([[1.0, 2.0], [0.5, -1.0]]) @ x[1:]) ** 2),
    "stacked": lambda x: np.sum(np.stack([Y * x[0], np.sin(Y * x[1])], axis=1) @ x[1:]),
    "weights of x": lambda x: np.sum(np.abs(Y - x[0]) * np.maximum(x[1], 0.1)) * 2.0,
    "broadcast": lambda x: np.sum(np.ones(COUNT) * x[0] + x[1] ** 2),
    "scipy": lambda x: -np.sum(stats.norm.logpdf(Y, x[0], x[1])),
    "indices": lambda x: np.sum(ROWS[:, [2, 0]] @ x[[0, 2]] + (ROWS * x)[:, ::-1] @ np.array([1.0, 2.0, 3.0])),
    "reshaped": lambda x: np.sum((ROWS * x).reshape(COUNT, 1, 3).transpose(2, 0, 1)[1, :, 0] ** 3),
    "mostly zeros": lambda x: np.sum((ROWS @ (x @ PLACE).reshape(3, 2)) ** 2),
    "masked": lambda x: np.sum((ROWS * (x * MASK) + Y[:, None] * x * MASK[::-1]) ** 2),
    "zeros by rows": lambda x: np.sum((np.tanh(ROWS * x) @ PLACE) ** 2),
    "largest taken off": lambda x: np.sum(np.log(np.sum(_powers(ROWS * x), axis=1)) + np.max(ROWS * x, axis=1)),
    "largest of a row": lambda x: np.sum(np.max(ROWS * x, axis=1)),
}


def recorded(f):
    x = X.copy()
    return record(f, {"": x}, lambda arrays: (arrays[""],))


def values(program, points):
    return RowSchedule(program).values(np.asarray(points).T, program.numbers.tolist())


@pytest.mark.parametrize("name", LOSSES)
def test_values_and_derivatives(name):
    f = LOSSES[name]
    program = tabulated(recorded(f))
    assert len(program.nodes) < 60
    assert program.tables[0][0] == COUNT
    points = X + np.array([[0.0, 0.0, 0.0], [0.2, -0.1, 0.3], [-0.1, 0.4, -0.2]])
    np.testing.assert_allclose(values(program, points)[0], [f(x) for x in points], rtol=1e-12)
    slopes = exact(program, stencils.gradient(3, 2, "exact")).program
    found = RowSchedule(slopes).values(points.T, program.numbers.tolist())
    h = 1e-6
    wanted = [[(f(x + h * e) - f(x - h * e)) / (2 * h) for x in points] for e in np.eye(3)]
    np.testing.assert_allclose(found, wanted, rtol=2e-7, atol=2e-7 * np.abs(wanted).max())


def test_products_with_zero_are_left_out():
    program = tabulated(recorded(LOSSES["zeros by rows"]))
    names = [node[0] for node in program.nodes]
    assert (names.count("tanh"), names.count("sum")) == (3, 2)
    assert len(names) < 25


@pytest.mark.parametrize("name", ["mostly zeros", "masked", "zeros by rows"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("place", range(3))
def test_what_zeros_hide(name, value, place):
    """As by f, whose products of 0 and infinity are NaN."""
    x = X.copy()
    x[place] = value
    with np.errstate(all="ignore"):
        expected = LOSSES[name](x)
    found = values(tabulated(recorded(LOSSES[name])), [x])[0, 0]
    assert np.isfinite(found) == np.isfinite(expected)


REFUSED = {
    "differences of rows": (lambda x: np.sum(np.diff(ROWS @ x) ** 2), "takes some of its rows"),
    "some of the rows": (lambda x: np.sum((ROWS @ x)[10:] ** 2), "takes some of its rows"),
    "one row": (lambda x: (ROWS @ x)[3] * np.sum(ROWS @ x), "takes some of its rows"),
    "turned rows": (lambda x: np.sum((ROWS @ x)[::-1] * Y), "moves rows"),
    "largest of all": (lambda x: np.max(ROWS @ x), "maximum over its rows"),
    "pairs": (lambda x: np.sum(np.exp(-(((ROWS @ x)[:, None] - Y) ** 2))), "each pair of rows"),
    "cumulated": (lambda x: np.sum(np.cumsum(ROWS @ x) ** 2), "each pair of rows"),
    "few": (lambda x: np.sum(np.exp(Y[:20] * x[0])), "no rows of data"),
    "padded": (lambda x: np.sum(np.pad(ROWS @ x, 1) ** 2), "moves rows"),
    "merged with another axis": (lambda x: np.sum(np.einsum("nij,j->ni", CUBE, x) ** 2), "takes some of its rows"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_sum_over_rows(name):
    f, reason = REFUSED[name]
    with pytest.raises(RefusedError, match=reason):
        tabulated(recorded(f))


def test_as_many_parameters_as_rows_are_not_told_apart():
    x = np.ones(COUNT)
    recording = record(lambda w: np.sum((w - Y) ** 2), {"": x}, lambda arrays: (arrays[""],))
    with pytest.raises(RefusedError, match="told from its parameters"):
        tabulated(recording)


def test_a_million_rows_are_as_short():
    data = np.linspace(0.0, 1.0, 1_000_000)
    program = tabulated(recorded(lambda x: np.sum(np.exp(x[0] * data))))
    assert [node[0] for node in program.nodes] == ["*", "exp", "sum"]
    assert program.data.size == len(data)
