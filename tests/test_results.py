"""Result objects, and the level of warnings."""

import numpy as np

from fastgrad.results import EngineError, Explanation, Result, status_of, users_level


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
