"""Exact derivatives where a number has overflowed, or an operation ends, against limits; and what stays NaN."""

import mpmath
import numpy as np
import pytest

from fastgrad import derivative, grad, gradient, hessian, hvp, jacobian, jvp
from fastgrad.program.code import Code
from fastgrad.program.saturation import overflowed, signs_of
from fastgrad.program.trace.recording import trace

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # f's own, of overflow

LARGE = [40.0, 300.0, 700.0, 710.0, 745.0, 800.0, 1e5, 1e155, 1e300]
ALL = [0.0, 1e-300, 1e-8, 1.0, 10.0, *LARGE]
ALL = [*ALL, *(-x for x in ALL[1:])]
SMALL = [1e-300, 1e-170, 1e-100, 1e-20, 1e-10, 1e-8, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 10.5]


def logistic_slope(x):
    e = mpmath.exp(-abs(x))
    return e / (1 + e) ** 2


def until(limit, slope):
    """A slope that is less than any float beyond."""
    return lambda x: slope(x) if abs(x) < limit or x < 0 else mpmath.mpf(0)


def sinc_slope(x):
    if abs(x) < 1e-40:
        return -(mpmath.pi**2) * x / 3
    return (mpmath.cos(mpmath.pi * x) - mpmath.sin(mpmath.pi * x) / (mpmath.pi * x)) / x


SLOPES = {
    "logistic": (lambda x: 1 / (1 + np.exp(-x)), logistic_slope, ALL),
    "falling logistic": (lambda x: 1 / (1 + np.exp(x)), lambda x: -logistic_slope(x), ALL),
    "logistic as a power": (lambda x: (1 + np.exp(x)) ** -1, lambda x: -logistic_slope(x), ALL),
    "of two": (lambda x: 1 / (1 + 2**-x), lambda x: mpmath.log(2) * logistic_slope(mpmath.log(2) * x),
           [-2000.0, -300.0, 1.0, 1e5]),
    "silu": (lambda x: x / (1 + np.exp(-x)), lambda x: (1 + x / (1 + mpmath.exp(x))) / (1 + mpmath.exp(-x)), ALL),
    "1 / cosh": (lambda x: 1 / np.cosh(x), lambda x: -mpmath.sech(x) * mpmath.tanh(x), ALL),
    "1 / exp of a square": (lambda x: 1 / np.exp(x**2), lambda x: -2 * x * mpmath.exp(-x * x), ALL),
    "1 / exp": (lambda x: 1 / np.exp(x), lambda x: -mpmath.exp(-x), [x for x in ALL if x > -690]),
    "atan of exp": (lambda x: np.arctan(np.exp(x)), lambda x: mpmath.sech(x) / 2, ALL),
    "atan of sinh": (lambda x: np.arctan(np.sinh(x)), mpmath.sech, ALL),
    "tanh of exp": (lambda x: np.tanh(np.exp(x)),
                    until(9, lambda x: mpmath.exp(x) * mpmath.sech(mpmath.exp(x)) ** 2), ALL),
    "Gompertz": (lambda x: np.exp(-np.exp(x)), until(9, lambda x: -mpmath.exp(x - mpmath.exp(x))), ALL),
    "Gumbel": (lambda x: np.exp(-np.expm1(-x)), lambda x: until(9, lambda y: mpmath.exp(y - mpmath.expm1(y)))(-x), ALL),
    "flat at 0": (lambda x: np.exp(-1 / x), lambda x: mpmath.exp(-1 / x) / x**2, [1e-300, 1e-3, 0.1, 1.0, 1e5]),
    "root of a square": (lambda x: np.sqrt(x * x), mpmath.sign, [0.0, 1.0, -1e-100, 1e100]),
    "power of a square": (lambda x: (x**2) ** 0.5, mpmath.sign, [0.0, 1.0, -1e-100]),
    "arc at its end": (lambda x: np.arcsin(1 - x**4), lambda x: mpmath.mpf(0), [0.0]),
    "sinc": (np.sinc, sinc_slope, [0.0, *SMALL, *(-x for x in SMALL)]),
}  # fmt: skip


@pytest.mark.parametrize("name", SLOPES)
def test_slopes_are_limits(name):
    f, slope, places = SLOPES[name]
    with mpmath.workdps(60):
        expected = [float(slope(mpmath.mpf(x))) for x in places]
    places = np.array(places)
    for x in (places, np.tile(places, 300)):  # by NumPy, and by a kernel
        found = derivative(f, x, method="exact")
        np.testing.assert_allclose(found, np.resize(expected, x.shape), rtol=1e-12, atol=1e-300)


ROWS = {
    "norm": (np.linalg.norm, [0.0, 0.0], [0.0, 0.0]),
    "root of a sum": (lambda x: np.sqrt(x[0] ** 2 + x[1] ** 4), [0.0, 0.0], [0.0, 0.0]),
    "deviation": (np.std, [1.0, 1.0], [0.0, 0.0]),
    "root beside a slope": (lambda x: np.sqrt(x[0] ** 2) + x[1], [0.0, 1.0], [0.0, 1.0]),
    "both kinds": (lambda x: 1 / (1 + np.exp(-x[0])) + np.sqrt(x[1] ** 2), [-800.0, 0.0], [0.0, 0.0]),
    "logaddexp of none": (lambda x: np.logaddexp(x[0], x[1]), [-np.inf, 1.0], [0.0, 1.0]),
    "largest, beside NaN": (lambda x: np.maximum(x[0], x[1]), [np.nan, 1.0], [np.nan, np.nan]),
    "smallest, beside NaN": (lambda x: np.minimum(x[0], x[1]), [1.0, np.nan], [np.nan, np.nan]),
    "largest of all": (np.max, [np.nan, 1.0], [np.nan, np.nan]),
    "clipped": (lambda x: np.clip(x[0], 0.0, 1.0) + x[1], [np.nan, 1.0], [np.nan, np.nan]),
    "steps": (lambda x: np.floor(x[0]) + x[1], [np.nan, 1.0], [np.nan, np.nan]),
    "logarithm below 0": (lambda x: np.log(x[0]) + x[1], [-1.0, 1.0], [np.nan, np.nan]),
    "log2 below 0": (lambda x: np.log2(x[0]) * x[1], [-1.0, 1.0], [np.nan, np.nan]),
    "log1p below -1": (lambda x: np.log1p(x[0]) + x[1], [-2.0, 1.0], [np.nan, np.nan]),
    "atanh beyond 1": (lambda x: np.arctanh(x[0]) + x[1], [2.0, 1.0], [np.nan, np.nan]),
    "atanh below -1": (lambda x: np.arctanh(x[0]) + x[1], [-2.0, 1.0], [np.nan, np.nan]),
    "sum": (lambda x: 3.0 * x[0] + np.sin(x[1]), [np.nan, 1.0], [np.nan, np.nan]),
    "negative": (lambda x: -(x[0] / 2.0 - x[1] ** 2), [np.nan, 1.0], [np.nan, np.nan]),
    "branch": (lambda x: np.where(x[1] > 0, x[0], x[1] ** 2), [np.nan, 1.0], [np.nan, np.nan]),
    "remainder": (lambda x: x[0] % x[1], [1.0, 0.0], [np.nan, np.nan]),
    "logarithm of overflow": (lambda x: np.log(1.0 + x[0] * x[0]) + x[1], [1e200, 1.0], [np.nan, np.nan]),
    "length of overflow": (lambda x: np.hypot(x[0] * x[0], x[1]), [1e200, 1.0], [np.nan, np.nan]),
    "fmax": (lambda x: np.fmax(x[0], x[1]), [np.nan, 1.0], [0.0, 1.0]),
    "fmax of none": (lambda x: np.fmax(x[0], x[1]), [np.nan, np.nan], [np.nan, np.nan]),
    "not taken": (lambda x: np.where(np.isnan(x[0]), 0.0, x[0]) + x[1] ** 2, [np.nan, 1.0], [0.0, 2.0]),
    "overflow inside": (lambda x: np.sqrt(1.0 + x[0] * x[0]) + x[1], [1e200, 1.0], [np.nan, np.nan]),
    "overflow at the end": (lambda x: x[0] * x[1], [1e200, 1e150], [1e150, 1e200]),
    "infinite x": (lambda x: np.sum(x**2), [np.inf, 1.0], [np.inf, 2.0]),
    "pole": (lambda x: 1.0 / x[0] + x[1], [0.0, 1.0], [-np.inf, 1.0]),
    "0 times infinity that is 1": (lambda x: np.exp(np.log(x[0])) + x[1], [0.0, 1.0], [np.nan, 1.0]),
    "root squared": (lambda x: np.sqrt(x[0]) ** 2 + x[1], [0.0, 1.0], [np.nan, 1.0]),
    "cubic root of a cube": (lambda x: np.cbrt(x[0] ** 3) + x[1], [0.0, 1.0], [np.nan, 1.0]),
    "power of a cube": (lambda x: (x[0] ** 3) ** (1 / 3) + x[1] ** 2, [0.0, 1.0], [np.nan, 2.0]),
    "root of a product": (lambda x: np.sqrt(x[0] * x[1]), [0.0, 0.0], [0.0, 0.0]),
    "beyond a pole": (lambda x: np.exp(-(1.0 / x[0] ** 3)) + x[1], [0.0, 1.0], [np.nan, 1.0]),
    "power of a power": (lambda x: x[0] ** x[1], [-2.0, 3.0], [12.0, np.nan]),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_gradients(name):
    f, point, expected = ROWS[name]
    many = np.random.default_rng(0).uniform(0.3, 0.9, (2000, 2))
    many[77] = point
    np.testing.assert_allclose(gradient(f, np.array(point), method="exact"), expected, rtol=1e-12)
    found = gradient(f, many, batch=True, method="exact")
    np.testing.assert_allclose(found[77], expected, rtol=1e-12)
    assert np.isfinite(np.delete(found, 77, axis=0)).all()
    if np.isfinite(point).all():
        for d, v in enumerate(np.eye(2)):
            np.testing.assert_allclose(jvp(f, np.array(point), v, method="exact"), expected[d], rtol=1e-12)
            np.testing.assert_allclose(jvp(f, many, np.tile(v, (2000, 1)), batch=True, method="exact")[77], expected[d])


def test_outputs_are_judged_one_by_one():
    f = lambda x: np.array([np.sqrt(1.0 + x[0] * x[0]), x[1], 1.0 / (1.0 + np.exp(x[0])), np.maximum(x[0], np.nan)])
    found = jacobian(f, np.array([1e200, 1.0]), method="exact")
    np.testing.assert_array_equal(found, [[np.nan] * 2, [0.0, 1.0], [0.0, 0.0], [np.nan] * 2])


ENDS = {
    "root of a cube": (lambda x: np.sqrt((x[0] - 1.0) ** 3) + x[1], [1.0, 1.0]),
    "root of a square below 0": (lambda x: np.sqrt(-x[0] * x[0]) + x[1], [0.0, 1.0]),
    "root of a cube beside a slope": (lambda x: np.sqrt(x[0] ** 3) + 2.0 * x[0] + x[1], [0.0, 1.0]),
    "arc of a cube": (lambda x: np.arcsin(1.0 + x[0] ** 3) + x[1], [0.0, 1.0]),
    "arc of a square": (lambda x: np.arccos(1.0 + x[0] ** 2) + x[1], [0.0, 1.0]),
    "power by a variable": (lambda x: (x[0] ** 5) ** (x[1] / 5.0 + 0.1) + 0.9 * x[1], [0.0, 0.5]),
}


@pytest.mark.parametrize("name", ENDS)
def test_where_f_ends_it_is_not_mirrored(name):
    f, point = ENDS[name]
    gradients = (
        gradient(f, np.array(point), method="exact"),
        gradient(f, np.tile(point, (2000, 1)), batch=True, method="exact")[7],
    )
    for found in gradients:
        assert np.isnan(found[0])
        assert found[1] == pytest.approx(1.0, abs=0.11)
    assert np.isnan(jvp(f, np.array(point), np.array([1.0, 0.0]), method="exact"))


def test_outputs_that_end_are_judged_one_by_one():
    f = lambda x: np.array([np.sqrt(x[0] * x[0]), np.sqrt(x[0] ** 3) + x[1], np.sqrt(x[1] ** 4)])
    found = jacobian(f, np.zeros(2), method="exact")
    np.testing.assert_array_equal(found, [[0.0, 0.0], [np.nan, 1.0], [0.0, 0.0]])


def test_second_derivatives():
    np.testing.assert_array_equal(derivative(lambda x: 1 / (1 + np.exp(-x)), [-800.0, 800.0], n=2, method="exact"), 0.0)
    f = lambda x: 1 / (1 + np.exp(-x[0])) * x[1]
    np.testing.assert_array_equal(hessian(f, np.array([-800.0, 1.0]), method="exact"), 0.0)


def test_second_derivatives_where_a_first_one_is_0_here_only():
    """Beside an overflow, which makes them careful, a square of what is 0 is no constant."""
    logistic, x = lambda t: 1 / (1 + np.exp(-t)), np.array([-800.0, 3.0])
    for f, wanted in (
        (lambda x: (3.0 * (x[0] + 800.0)) ** 2 + logistic(x[0]), 18.0),
        (lambda x: ((x[0] + 800.0) * x[1]) ** 2 + logistic(x[0]), 18.0),
        (lambda x: np.logaddexp(x[0] + 800.0, -x[0] - 800.0) + logistic(x[0]), 1.0),
        (lambda x: np.sinc((x[0] + 800.0) / np.pi) + np.exp(-np.exp(-x[0])), -1 / 3),
    ):
        assert hessian(f, x, method="exact")[0, 0] == pytest.approx(wanted)
        assert hvp(f, x, np.array([1.0, 0.0]), method="exact")[0] == pytest.approx(wanted)
        assert hessian(f, np.tile(x, (40, 1)), batch=True, method="exact")[7, 0, 0] == pytest.approx(wanted)


def test_overflow_is_no_pole_and_no_infinite_operand():
    program = trace(lambda x: np.sqrt(x[0] * x[0] / x[1]), (2,))
    x = np.array([[1e200, 1.0, np.inf, 1.0], [1.0, 0.0, 1.0, 1.0]])
    square = x[0] * x[0]
    with np.errstate(all="ignore"):
        values = np.array([square, square / x[1], np.sqrt(square / x[1])])
    assert overflowed(program, x, values).tolist() == [True, False, False, False]


OVERFLOWS = {
    "a square, added": (lambda x: x[0] * x[0] + x[1], [2e200, 1.0]),
    "squares": (lambda x: np.sum(x**2), [2e200, 2.0]),
    "a mean of squares": (lambda x: np.mean(3.0 * x**2) - x[1] / 4.0, [3e200, 2.75]),
    "one of two": (lambda x: np.where(x[0] > x[1], x[0] * x[0], x[1]) + x[1], [2e200, 1.0]),
    "an exponential": (lambda x: np.exp(x[0] / 1e197) - x[1], [np.inf, -1.0]),
    "under a root": (lambda x: np.sqrt(1.0 + x[0] * x[0]) + x[1], [np.nan, np.nan]),
    "added and under a root": (lambda x: x[0] * x[0] + np.sqrt(1.0 + x[0] * x[0]) + x[1], [np.nan, np.nan]),
    "compared": (lambda x: np.where(x[0] * x[0] > 2.0, x[0] * x[0], x[1]) + x[1], [2e200, 1.0]),
    "below": (lambda x: 1.0 / (x[0] * x[0]) + x[1], [0.0, 1.0]),
}


@pytest.mark.parametrize("name", OVERFLOWS)
def test_what_overflows_and_is_only_added_has_slopes(name):
    f, wanted = OVERFLOWS[name]
    point = np.array([1e200, 1.0])
    for count in (1, 3, 12, 3000):
        np.testing.assert_allclose(
            gradient(f, np.tile(point, (count, 1)), batch=True, method="exact"), [wanted] * count
        )
    np.testing.assert_allclose(gradient(f, point, method="exact"), wanted)
    np.testing.assert_allclose(grad(f, method="exact")(point), wanted)


def test_where_further_arguments_are_nan():
    x, b = np.random.default_rng(0).uniform(0.3, 0.9, (2000, 2)), np.zeros(2000)
    b[5] = np.nan
    found = gradient(lambda x, b: x[0] + x[1] + b, x, batch_args=(b,), batch=True, method="exact")
    assert np.isnan(found[5]).all()
    assert (np.delete(found, 5, axis=0) == 1.0).all()


def test_polynomials_have_no_signs_but_their_linear_terms():
    def signs(f):
        program = trace(f, (3,))
        return signs_of(Code(program), program)

    assert signs(lambda x: x[0] ** 2 * x[1] + np.sin(x[2]) * x[0]) == []
    assert signs(lambda x: 2.0 * x[0] - x[1] ** 2 - x[2] / 3.0) == [("x", 2), ("x", 0)]
    assert len(signs(lambda x: np.log(x[0]) * x[1])) == 2


@pytest.mark.parametrize(
    "f",
    [lambda x: 1 / (3 * (1 / x) + 1), lambda x: 1 / (1 / x * 2 + 1)],
    ids=["times", "before"],
)
def test_what_was_divided_by_0_has_not_overflowed(f):
    """Slopes of 1/3 and 1/2: what is not known is no 0."""
    assert np.isnan(derivative(f, 0.0, method="exact"))
    assert np.isnan(gradient(lambda x: f(x[0]) + x[1], np.zeros(2), method="exact")[0])
