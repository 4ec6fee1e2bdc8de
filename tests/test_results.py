"""Result objects, and the level of warnings."""

import copy
import pickle

import numpy as np
import pytest

from fastgrad import check_gradient, grad, gradient, sparsity
from fastgrad.results import EngineError, Explanation, Result, html_table, status_of, users_level


def square(x):
    return np.sum(x**2)


def test_status_is_minus_three_where_a_derivative_is_not_finite():
    assert status_of(np.array([1.0, np.nan, np.inf])).tolist() == [0, -3, -3]
    assert status_of(np.float64(2.0)) == 0


def test_an_explanation_is_a_line_with_attributes():
    said = Explanation("simd", "on vectors", "")
    assert (said.engine, str(said)[:4]) == ("simd", "simd")


def test_an_engine_error_is_a_value_error():
    assert issubclass(EngineError, ValueError)


def test_a_result_keeps_what_it_is_given():
    result = Result(np.ones(2), None, np.zeros(2, int), np.full(2, 0.5), 4, "python")
    assert (result.value.tolist(), result.error, result.nfev, result.engine) == ([1.0, 1.0], None, 4, "python")


def test_a_warning_outside_the_package_points_at_its_caller():
    assert users_level() == 1
    assert users_level(2) == 3


def test_results_are_readable():
    found = gradient(lambda x: np.sum(x**2), np.array([1.0, 2.0]), h=0.5, full_output=True)
    assert repr(found) == (
        "Result: engine python, 4 evaluations of f\n  value   array([2., 4.])\n  h       array([0.5, 0.5])"
    )
    lost = Result(np.array([[1.0], [np.nan]]), None, np.array([[0], [-3]]), None, 1, "python")
    assert repr(lost).splitlines() == [
        "Result: engine python, 1 evaluation of f",
        "  value   array([[ 1.],",
        "                 [nan]])",
        "  status  array([[ 0],",
        "                 [-3]])",
    ]


def test_notebooks_show_tables():
    found = gradient(lambda x: np.sum(x**2), np.array([1.0, 2.0]), h=0.5, full_output=True)
    shown = found._repr_html_()
    assert shown.startswith("<table><caption>Result: engine python, 4 evaluations of f</caption>")
    assert "<tr><td>value</td><td><pre>array([2., 4.])</pre></td></tr>" in shown
    assert "<td><p>Pattern" in html_table("a < b", [("x", sparsity.Pattern(np.eye(2)))])
    said = Explanation("simd", "on <vectors>", "a & b")._repr_html_()
    assert said == "<p><b>simd</b>: on &lt;vectors&gt;<br><i>a &amp; b</i></p>"
    assert html_table("a < b", [("<i>", 1)], ("&",)) == (
        "<table><caption>a &lt; b</caption><tr><th>&amp;</th></tr>"
        "<tr><td>&lt;i&gt;</td><td><pre>1</pre></td></tr></table>"
    )


def test_what_else_is_readable():
    assert repr(grad(square, order=4)) == "<gradient(square, x, args=args); order=4>"
    report = check_gradient(np.sum, np.ones_like, np.ones(3))
    assert repr(report) == str(report)
    shown = report._repr_html_()
    assert "<td>x</td><td>(3,)</td>" in shown
    assert "gradient: ok" in shown
    pattern = sparsity.Pattern(np.eye(3))
    shown = pattern._repr_html_()
    assert shown.startswith("<p>Pattern of shape (3, 3): 3 entries, 1 groups of columns</p><svg")
    assert shown.count("<rect") == 4
    assert sparsity.Pattern(np.ones((300, 200)))._repr_html_().count("<rect") == 1 + 64 * 43
    assert sparsity.Pattern(np.zeros((0, 0)))._repr_html_().count("<rect") == 1


@pytest.mark.parametrize("reason", ["", "f branches; write np.where"])
def test_explanations_pickle(reason):
    said = Explanation("simd", "on vectors; of 8 lanes", reason)
    for again in (pickle.loads(pickle.dumps(said)), copy.deepcopy(said)):
        assert (again, again.engine, again.reason) == (said, "simd", reason)
