"""What f returned, as numbers."""

import numpy as np
import pytest

from fastgrad import gradient, hessian, jacobian
from fastgrad.formulas.values import as_number, as_numbers, imaginary_part, precision, precision_by_digits
from fastgrad.results import EPS


@pytest.mark.parametrize("value", [2.5, np.float64(2.5), np.float32(2.5), [2.5], np.full((1, 1), 2.5)], ids=repr)
def test_one_element_is_a_number(value):
    assert type(as_number(value)) is float
    assert as_number(value) == 2.5


@pytest.mark.parametrize("value", [[1.0, 2.0], [], np.ones((2, 1))])
def test_more_or_fewer_are_none(value):
    with pytest.raises(ValueError, match="number"):
        as_number(value)


def test_numbers_are_a_copy_of_double_precision():
    given = np.array([1.0, 2.0])
    found = as_numbers(given)
    assert not np.shares_memory(found, given)
    assert as_numbers(np.array([1, 2], "f4")).dtype == np.float64
    with pytest.raises(TypeError, match="ragged"):
        as_numbers([[1.0], [1.0, 2.0]])


def test_imaginary_part_needs_complex_numbers_of_double_precision():
    assert imaginary_part(1 + 2j) == 2.0
    assert imaginary_part(np.array([1 + 2j, 3j])).tolist() == [2.0, 3.0]
    for lost in (1.0, np.complex64(1j)):
        with pytest.raises(TypeError, match="imaginary part"):
            imaginary_part(lost)


def test_precision_is_that_of_what_came():
    assert precision(np.float32(1)) == np.finfo(np.float32).eps
    assert precision(1.0) == precision(3) == precision(np.ones(2)) == np.finfo(np.float64).eps


def test_errors_say_what_to_write():
    for pair in ((2.0, np.ones(3)), [np.float64(2.0), np.ones((2, 2))], (np.ones(()), [1.0])):
        with pytest.raises(ValueError, match=r"its value and its gradient.*write lambda x: f\(x\)\[0\]"):
            as_number(pair)
    with pytest.raises(ValueError, match=r"shape \(2,\); it must return one number, or use jacobian\(f, x\)"):
        as_number(np.ones(2))


class Tensor:
    """A number of another library, whose dtype is none of NumPy's."""

    dtype = type("dtype", (), {})()

    def __init__(self, value):
        self.value = value

    def __array__(self, dtype=None, copy=None):
        return np.array(self.value, dtype)


def test_numbers_of_other_libraries():
    assert precision(Tensor(1.0)) == precision(1.0)
    x = np.array([1.0, 2.0])
    for method in ("central", "adaptive", "forward"):
        np.testing.assert_allclose(gradient(lambda x: Tensor(np.sum(x**2)), x, method=method), 2 * x, rtol=1e-6)
        np.testing.assert_allclose(jacobian(lambda x: Tensor(x**2), x, method=method), np.diag(2 * x), atol=1e-6)
    np.testing.assert_allclose(hessian(lambda x: Tensor(np.sum(x**2)), x), 2 * np.eye(2), atol=1e-6)


@pytest.mark.parametrize("written", [1e10, 1e9, -3e9, 123456.0, 0.5], ids=str)
def test_a_number_that_somebody_has_written_says_nothing(written):
    assert precision_by_digits(written) == EPS
    assert precision_by_digits(np.array([written, 0.25, written])) == EPS
    single = float(np.float32(np.sin(0.7)))
    assert precision_by_digits(np.array([written, single])) == np.finfo(np.float32).eps


def test_a_guard_of_a_large_number_has_the_usual_step():
    f = lambda p: 1e10 if p[0] < 0.501 else p[0] ** 2
    points = np.array([[0.5], [0.9]])
    assert gradient(f, points[0]) == gradient(f, points, batch=True)[0] == 0.0
