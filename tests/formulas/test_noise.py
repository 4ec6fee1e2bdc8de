"""Noise by differences of values, and third derivatives that stand out of it."""

import numpy as np
import pytest

from fastgrad.formulas.noise import STANDS, VALUES, Third, first_distance, noise_of, with_round_off

LINE = np.arange(VALUES) * 1e-7


@pytest.mark.parametrize("size", [1e-10, 1e-5, 1.0, 1e6])
def test_noise_on_a_smooth_line_is_found_within_a_factor(size):
    values = np.exp(LINE)[:, None] + size * np.random.default_rng(0).normal(size=(VALUES, 500))
    found, repeat = noise_of(values)
    assert not repeat.any()
    assert np.isfinite(found).mean() > 0.99
    assert 0.8 < np.nanmedian(found / size) < 1.1
    assert ((found > size / 4) & (found < 3 * size)).mean() > 0.95


def test_a_polynomial_has_no_noise():
    found, repeat = noise_of((np.arange(VALUES) ** 3.0)[:, None])
    assert np.isnan(found).all()
    assert not repeat.any()


def test_values_that_repeat_tell_nothing():
    values = np.zeros((VALUES, 1))
    values[-1] = 1.0
    found, repeat = noise_of(values)
    assert np.isnan(found).all()
    assert repeat.all()


def test_noise_is_at_least_round_off():
    assert with_round_off(np.array([np.nan, 1e-20, 1e-3]), np.array([-4.0, 4.0, 4.0])).tolist() == [
        2.0**-51,
        2.0**-51,
        1e-3,
    ]


def test_the_first_distance_is_a_power_of_two_that_grows_with_noise_and_x():
    x, noise = np.array([1.0, 1.0, 4096.0]), np.array([[1e-12], [1e-9], [1e-9]])
    d = first_distance(x, noise, np.ones((3, 1)))
    assert (np.log2(d) % 1 == 0).all()
    assert d[0] < d[1] < d[2] == 4096 * d[1]


def test_the_step_is_that_of_the_least_sum_of_errors():
    d, third, noise = np.array([0.01]), 5.0, 1e-6
    found = Third(d, np.array([[10 * d[0] ** 3 * third]]), np.array([[noise]]))
    assert found.stands.all()
    assert found.size[0, 0] == pytest.approx(third)
    h = found.step()[0]
    assert 2**-0.5 <= h / np.cbrt(3 * noise / third) <= 2**0.5
    assert found.error(np.array([h]))[0, 0] == pytest.approx(noise / h + h**2 * third / 6)


def test_a_third_derivative_that_drowns_is_bounded_by_the_noise():
    d, noise = np.array([0.5]), np.array([[1e-3]])
    found = Third(d, np.array([[1e-4]]), noise)
    assert not found.stands.any()
    assert found.size[0, 0] == pytest.approx(STANDS * 3 * 1e-3 / (10 * 0.125))


def test_the_output_that_asks_for_the_shortest_step_decides():
    d = np.array([0.1])
    one, other = (Third(d, np.array([[t]]), np.array([[1e-6]])) for t in (0.01, 0.0001))
    both = Third(d, np.array([[0.01, 0.0001]]), np.array([[1e-6, 1e-6]]))
    assert both.step() == one.step() < other.step()
