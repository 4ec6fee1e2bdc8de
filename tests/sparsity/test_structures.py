"""What a trace says of a function's structure."""

import numpy as np
import pytest

from fastgrad import sparsity
from fastgrad.engine.call import Rows
from fastgrad.program import dependence
from fastgrad.program.trace.recording import Untraceable
from fastgrad.sparsity.structures import Structure, a_point, structure_of
from tests.sparsity.functions import X, places


def test_a_running_sum_is_not_sparse(monkeypatch):
    monkeypatch.setattr(dependence, "LARGEST", 1000)
    for derivative in (sparsity.jacobian, sparsity.pattern):
        with pytest.raises(ValueError, match=r"1,000 coordinates.*fastgrad\.jacobian.*pattern="):
            derivative(np.cumsum, np.ones(60))
    lower = sparsity.jacobian(np.cumsum, np.ones(60), pattern=np.tri(60))
    assert np.allclose(lower.toarray(), np.tri(60), atol=1e-8)
    assert sparsity.hessian(lambda x: np.sum(np.cumsum(x)) ** 2, np.ones(40), pattern=np.ones((40, 40))).nnz == 1600


def test_the_pattern_of_a_trace_is_structural():
    def f(x):
        return np.array([x[0] * 0.0, np.where(x[1] > 0, x[2], 1.0), 3.0, np.sum(x)])

    assert places(sparsity.pattern(f, np.zeros(3)).matrix()) == {
        (0, 0), (1, 1), (1, 2), (3, 0), (3, 1), (3, 2),
    }  # fmt: skip


def test_captured_values_are_fresh():
    weights = np.ones(3)

    def f(x):
        return np.roll(x, int(weights[0])) * weights

    assert places(sparsity.jacobian(f, np.ones(3))) == {(0, 2), (1, 0), (2, 1)}
    weights[:] = 2.0
    found = sparsity.jacobian(f, np.ones(3))
    assert places(found) == {(0, 1), (1, 2), (2, 0)}
    assert np.allclose(found.data, 2.0)


def test_a_function_that_reads_x_by_another_way_is_not_traced():
    x = X.copy()
    with pytest.raises(ValueError, match=r"reads its argument also as x.*Pass pattern="):
        sparsity.jacobian(lambda y: y * x, x)


def test_the_point_to_trace_at_is_finite_and_has_its_shape():
    values = np.array([[np.nan, 1.0], [2.0, np.inf], [3.0, 4.0], [5.0, 6.0]])
    assert a_point(Rows(values, (2, 1))).tolist() == [[3.0], [4.0]]
    assert a_point(Rows(values[:2], (2,))).tolist() == [0.0, 0.0]
    assert a_point(Rows(np.empty((0, 3)), (3,))).tolist() == [0.0, 0.0, 0.0]


def test_a_function_that_captures_nothing_is_traced_once_for_a_shape():
    calls = []

    def quiet(x):
        return x[1:] * x[:-1]

    def noted(x):
        calls.append(len(x))
        return x[1:] * x[:-1]

    first = structure_of(quiet, np.ones(4), ())
    assert structure_of(quiet, np.zeros(4), ()) is first
    assert structure_of(quiet, np.ones(5), ()) is not first
    assert structure_of(noted, np.ones(4), ()) is not structure_of(noted, np.ones(4), ())
    assert isinstance(first, Structure)
    assert places(first.jacobian.matrix(np.ones(6))) == {(i, j) for i in range(3) for j in (i, i + 1)}


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda x: x * 2.0 if x.__class__ is np.ndarray else x, "other values than in Python"),
        (lambda x: np.float32(2.0) * x.astype(x.dtype) if x.dtype == object else np.float32(x), "float32"),
    ],
    ids=["looks at classes", "rounds"],
)
def test_a_trace_that_does_not_tell_the_truth_is_refused(f, said):
    with pytest.raises(Untraceable, match=said):
        structure_of(f, np.ones(3), ())


def test_terms_are_a_sum_with_factors():
    some = structure_of(lambda x: 3.0 * np.sin(x[0] * x[1]) - x[2] ** 2 / 2.0 + x[0], np.ones(3), ())
    x = np.array([0.5, 0.25, 2.0])
    values = some.terms.factors * some.terms.schedule.values(x[:, None])[:, 0]
    assert sorted(values.tolist()) == pytest.approx(sorted([3.0 * np.sin(0.125), -2.0]), rel=1e-15)
    assert places(some.hessian.matrix(np.ones(some.hessian.nnz))) == {(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)}
