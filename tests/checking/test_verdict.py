"""The report of a check."""

import json

import numpy as np
import pytest

from fastgrad import check_gradient
from fastgrad.checking.verdict import worst_of
from tests.checking.reports import hints, named


def test_the_same_call_gives_the_same_report(many):
    f, g, x = many
    assert check_gradient(f, g, x, rng=1) == check_gradient(f, g, x, rng=1)


def test_the_report():
    x = np.array([[0.5, 1.0], [1.5, 2.0]])
    grad = np.cos(x)
    grad[1, 0] += 0.5
    with pytest.raises(AssertionError) as raised:
        check_gradient(lambda x: np.sum(np.sin(x)), grad, x)
    report = check_gradient(lambda x: np.sum(np.sin(x)), grad, x, raises=False)
    assert str(raised.value) == str(report)
    assert "x[1, 0]: analytic 0.570737, numerical 0.0707372, relative error 0.88, step" in str(report)
    facts = json.loads(json.dumps(report.to_dict()))
    assert (facts["ok"], facts["verdict"], facts["worst"][0]["index"]) == (False, "wrong", [1, 0])


def test_a_report_is_true_where_the_gradient_is_right():
    x = np.array([1.0, 2.0])
    assert check_gradient(lambda x: np.sum(x**2), 2 * x, x, raises=False)
    assert not check_gradient(lambda x: np.sum(x**2), 3 * x, x, raises=False)
    assert not check_gradient(lambda x: np.sum(x**2), [2.0, np.nan], x, raises=False)


def test_not_finite():
    x = np.array([1.0, 2.0])
    report = check_gradient(np.sum, [1.0, np.nan], x, raises=False)
    assert named(report) == [("x", (1,))]
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["worst"][0]["analytic"] is None
    for value in (np.nan, np.inf):
        report = check_gradient(lambda x, value=value: value, [1.0, 1.0], x, raises=False)
        assert (report.verdict, f"f(x) is {value}" in hints(report)) == ("inconclusive", True)
    beside = check_gradient(lambda x: np.log(x[0]) if x[0] == 1.0 else np.nan, [1.0, 0.0], x, raises=False)
    assert beside.verdict == "inconclusive"


def test_the_worst_verdict_counts():
    assert worst_of(["ok", "wrong", "ok"]) == "wrong"
    assert worst_of([]) == "ok"
