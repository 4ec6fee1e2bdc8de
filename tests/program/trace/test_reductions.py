"""Reductions: shapes and axes as NumPy's, trees in which each element has a short way to the top."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.reductions import numbers, only, sum_, tree
from fastgrad.program.trace.refusals import Untraceable
from fastgrad.program.trace.symbols import Trace

A = np.random.default_rng(3).uniform(0.5, 1.5, (2, 3, 5))


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (2, 0), (), (0, 1, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "mean", "var"])
def test_any_axes(name, axis, keepdims):
    program = trace(lambda x: getattr(np, name)(x, axis=axis, keepdims=keepdims), A.shape)
    expected = getattr(np, name)(A, axis=axis, keepdims=keepdims)
    assert program.shape == expected.shape
    np.testing.assert_allclose(evaluate(program, A), expected.ravel(), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 1000])
def test_the_way_of_each_element_is_short(count):
    program = trace(lambda x: tree(np.add, x, None, False), (count,))
    depth = [0] * len(program.nodes)
    for j, (_, *operands) in enumerate(program.nodes):
        depth[j] = 1 + max((depth[k] for tag, k in operands if tag == "v"), default=0)
    assert len(program.nodes) == count - 1
    assert max(depth, default=0) == int(np.ceil(np.log2(count)))


def test_nothing_sums_to_zero_and_has_no_maximum():
    assert evaluate(trace(lambda x: [np.sum(x[:0]), np.prod(x[:0]), np.mean(x[:1])], (2,)), [3.0, 4.0]) == [0, 1, 3]
    assert trace(lambda x: np.sum(x.reshape(2, 1)[:0], axis=0), (2,)).shape == (1,)
    for f in (np.max, np.min):
        with pytest.raises(Untraceable, match="empty"):
            trace(lambda x, f=f: f(x[:0]), (2,))


def test_masks_are_counted():
    assert evaluate(trace(lambda x: sum_(x > 1.0), (3,)), [0.5, 1.5, 2.5]) == [2.0]
    assert numbers([True, 2, 3.5]).tolist() == [1.0, 2, 3.5]


def test_running_results_along_an_axis():
    f = lambda x: np.cumsum(x, axis=1) * np.multiply.accumulate(x, axis=2)
    np.testing.assert_allclose(evaluate(trace(f, A.shape), A), f(A).ravel(), rtol=1e-14)
    assert trace(np.cumprod, A.shape).shape == (A.size,)


def test_options_without_a_rule_are_named():
    only("out", None)
    only("returned", False, False)
    with Trace(1), pytest.raises(Untraceable, match="with returned="):
        only("returned", True, False)
    with pytest.raises(Untraceable, match="weights of another shape"):
        trace(lambda x: np.average(x, axis=0, weights=np.ones(3)), (2, 3))


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.minimum], ids=lambda u: u.__name__)
def test_parts_along_an_axis(ufunc):
    starts = [0, 2, 1, 1, 4]  # the second ends before it starts, the third where it does: one element each
    points = np.random.default_rng(0).normal(size=(40, 30))
    f = lambda x: ufunc.reduceat(x.reshape(5, 6), starts, axis=1) ** 2
    found = fastgrad.jacobian(f, points, batch=True, method="exact", engine="simd")
    plain = fastgrad.jacobian(f, points[:1], batch=True, engine="python", order=4)
    np.testing.assert_allclose(found[0], plain[0], rtol=1e-9, atol=1e-9)


def test_sums_by_groups():
    points = np.random.default_rng(0).normal(size=(40, 5))
    f = lambda x: np.bincount([1, 3, 1, 0, 3], weights=x**2, minlength=6)
    found = fastgrad.jacobian(f, points, batch=True, method="exact", engine="simd")
    assert found.shape == (40, 6, 5)
    for group, members in enumerate(([0, 0, 0, 1, 0], [1, 0, 1, 0, 0], [0] * 5, [0, 1, 0, 0, 1], [0] * 5, [0] * 5)):
        np.testing.assert_allclose(found[:, group], 2.0 * points * members, rtol=1e-15)


STATISTICS = {
    "the mean is known": lambda x: np.var(x.reshape(2, 3), axis=0, mean=x.reshape(2, 3).mean(0, keepdims=True)),
    "a correction": lambda x: np.std(x.reshape(2, 3), correction=1) + np.var(x, correction=2),
    "some of them": lambda x: (
        np.var(x, where=[True, False, True, True, False, True]) + np.std(x, ddof=1, where=x > 0.4)
    ),
    "some along an axis": lambda x: np.var(x.reshape(2, 3), axis=0, where=x.reshape(2, 3) > 0.1, keepdims=True),
    "weights of rows": lambda x: np.average(x.reshape(2, 3), axis=0, weights=[1.0, 2.0]),
    "weights of columns": lambda x: np.average(x.reshape(2, 3), axis=-1, weights=[1.0, 2.0, 4.0]),
    "weights of two axes": lambda x: np.average(x.reshape(1, 2, 3), axis=(2, 1), weights=np.arange(6.0).reshape(3, 2)),
    "sums of weights": lambda x: np.average(x.reshape(2, 3), axis=1, weights=x.reshape(2, 3) ** 2, returned=True)[1],
    "a mean with its weights": lambda x: np.append(*np.average(x.reshape(2, 3), axis=0, returned=True)),
    "running masks": lambda x: np.logical_and.accumulate(x > 0.5) * x + np.logical_or.accumulate(x > 1.0) * 2.0,
    "a type": lambda x: np.exp(x, dtype=np.float64) + np.add(x, 1, dtype=float, casting="same_kind"),
    "an axis": lambda x: np.vecdot(x.reshape(2, 3), x.reshape(2, 3) ** 2, axis=0),
}


@pytest.mark.parametrize("name", STATISTICS)
def test_options(name):
    f, x = STATISTICS[name], np.random.default_rng(1).uniform(0.2, 2.0, 6)
    program, wanted = trace(f, (6,)), f(x)
    assert program.shape == np.shape(wanted)
    np.testing.assert_allclose(evaluate(program, x), np.ravel(wanted), rtol=1e-13)


FOLDS = {
    "logaddexp": lambda x: 2.0 * np.logaddexp.reduce(x),
    "hypot": lambda x: 2.0 * np.hypot.reduce(x),
    "subtract": lambda x: 2.0 * np.subtract.reduce(x),
    "divide": lambda x: 2.0 * np.divide.reduce(x),
    "from a number on": lambda x: np.add.reduce(x, initial=3.0) + np.maximum.reduce(x, initial=1.5) * x[1],
    "where": lambda x: np.add.reduce(x, where=x > 1) * np.multiply.reduce(x, where=[True, False] * 3, initial=2.0),
    "masks": lambda x: np.logical_or.reduce(x > 1.5, initial=False) * x[0] + np.all(x > 1, where=x > 0.9) * x[1],
    "an axis": lambda x: np.logaddexp.reduce(x.reshape(2, 3), axis=1),
    "an axis that is kept": lambda x: np.subtract.reduce(x.reshape(2, 3), axis=-1, keepdims=True) * x.reshape(2, 3),
    "accumulate": lambda x: 2.0 * np.logaddexp.accumulate(x),
    "reduceat": lambda x: np.logaddexp.reduceat(x, [0, 2, 1]),
}


@pytest.mark.parametrize("name", FOLDS)
def test_any_function_of_two_numbers_folds_an_array(name):
    x = np.random.default_rng(1).uniform(0.2, 2.0, 6)
    np.testing.assert_allclose(evaluate(trace(FOLDS[name], (6,)), x), np.ravel(FOLDS[name](x)), rtol=1e-14)


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda x: np.subtract.reduce(x.reshape(2, 3), axis=None), "several axes"),
        (lambda x: np.hypot.reduce(x[:0]), "of nothing"),
        (lambda x: 2.0 * np.nextafter.reduce(x), "no rule"),
    ],
    ids=["axes", "nothing", "no rule"],
)
def test_folds_that_are_refused(f, reason):
    with pytest.raises(Untraceable, match=reason):
        trace(f, (6,))
