"""`method="adaptive"`: how exact the values are, whether the errors are honest, and at which points f is called.

"Smooth" below means: the function changes on the scale of |x| (powers, logarithms, a wave of length x), or on the scale
1 at points of size up to 1. Other lengths cost more evaluations, and are in tests of their own.
"""

import math
import tracemalloc
import warnings

import numpy as np
import pytest

from fastgrad import (
    ConstantFunctionWarning,
    PerformanceWarning,
    derivative,
    gradient,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_gradient,
    vjp,
)
from fastgrad.engine.call import Call, Rows
from fastgrad.formulas import reference, stencils
from fastgrad.formulas.samples import CURVES, SAMPLES
from fastgrad.formulas.steps import Steps
from fastgrad.operations.adaptive import fill

ENGINES = ["python", "jit", "simd"]
ORDERS = [2, 4, 6, 8]
engines = pytest.mark.parametrize("engine", ENGINES)
X, V = np.array([0.5, 1.25]), np.array([1.0, -2.0])
ROWS = np.array([[0.5, 1.25], [-2.0, 0.125], [3.0, 1.0], [0.0, -0.75], [1e-3, 40.0]])


def recorded(f):
    """f, with the points at which it was called."""

    def recording(x, *args):
        recording.points.append(np.array(x))
        return f(x, *args)

    recording.points = []
    return recording


def smooth(x):
    return np.exp(0.25 * x[0]) * np.sin(x[1]) + x[0] * x[1] ** 2


def smooth_gradient(x):
    e = np.exp(0.25 * x[0])
    return np.array([0.25 * e * np.sin(x[1]) + x[1] ** 2, e * np.cos(x[1]) + 2.0 * x[0] * x[1]])


def smooth_hessian(x):
    e, s, c = np.exp(0.25 * x[0]), np.sin(x[1]), np.cos(x[1])
    return np.array([[e * s / 16, e * c / 4 + 2.0 * x[1]], [e * c / 4 + 2.0 * x[1], -e * s + 2.0 * x[0]]])


def several(x):
    return np.array([np.sin(x[0]) * x[1], x[0] ** 2 * x[1], np.exp(0.25 * x[0]) + x[1] ** 3])


def several_jacobian(x):
    return np.array(
        [
            [np.cos(x[0]) * x[1], np.sin(x[0])],
            [2.0 * x[0] * x[1], x[0] ** 2],
            [0.25 * np.exp(0.25 * x[0]), 3.0 * x[1] ** 2],
        ]
    )


def noise(x):
    """Between -1 and 1, as irregular as the bits of x."""
    bits = np.asarray(x, dtype=np.float64).view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return (bits ^ (bits >> np.uint64(32))).astype(np.float64) / 2.0**63 - 1.0


# --- 1e-13 ------------------------------------------------------------------------------------------------------------

SCALED = {  # f on the scale s, and its derivative
    "cube": (lambda x, s: (x / s) ** 3, lambda x, s: 3.0 * (x / s) ** 2 / s),
    "reciprocal": (lambda x, s: s / x, lambda x, s: -s / x**2),
    "root": (lambda x, s: np.sqrt(x / s), lambda x, s: 0.5 / np.sqrt(x * s)),
    "exp": (lambda x, s: np.exp(x / s), lambda x, s: np.exp(x / s) / s),
    "wave": (lambda x, s: np.sin(x / s), lambda x, s: np.cos(x / s) / s),
    "arctan": (lambda x, s: np.arctan(x / s), lambda x, s: s / (s * s + x * x)),
}


@pytest.mark.parametrize("exponent", [-9, -6, -3, -1, 0, 1, 3, 6, 9])
@pytest.mark.parametrize("name", SCALED)
def test_thirteen_digits_at_points_of_every_size(name, exponent):
    f, exact = SCALED[name]
    s = 10.0**exponent
    x = np.array([0.6, 0.85, 1.2]) * s
    full = derivative(f, x, args=(s,), method="adaptive", full_output=True)
    assert (np.abs(full.value - exact(x, s)) <= 1e-13 * np.abs(exact(x, s))).all()
    assert (np.abs(full.value - exact(x, s)) <= full.error).all()
    assert (full.error <= 1e-11 * np.abs(exact(x, s))).all()
    assert (full.status == 0).all()
    assert full.nfev <= 40


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_thirteen_digits_of_curves(curve, order):
    x = np.linspace(*curve.box, 9)[1:-1]
    x = x[np.abs(curve.derivatives[0](x)) > 1e-2 * np.abs(curve.f(x))]  # elsewhere round-off of f itself is larger
    with np.errstate(all="ignore"):  # steps begin outside the domain and are halved until they are inside
        value = derivative(curve.f, x, method="adaptive", order=order)
    np.testing.assert_allclose(value, curve.derivatives[0](x), rtol=1e-12)


@pytest.mark.parametrize("size", [1e3, 1e5, 1e7])
def test_waves_that_are_short_beside_x_are_found(size):
    x = np.array([1.1, 2.3, 7.7]) * size
    full = derivative(np.sin, x, method="adaptive", full_output=True)
    error = np.abs(full.value - np.cos(x))
    assert (error < 1e-16 * size * 10 + 1e-11).all()
    assert (error <= full.error).all()


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_tiny_and_huge_points(n):
    for x in (5e-324, 1e-300, -1e-200, 1e-100, 0.0):
        full = derivative(lambda x: np.exp(x) + np.sin(x), x, n=n, method="adaptive", full_output=True)
        exact = [2.0, 1.0, 0.0, 1.0][n - 1]
        assert abs(full.value - exact) <= full.error < 1e-6
    for s in (1e60, 1e70):
        full = derivative(lambda x, s=s: np.sin(x / s), s, n=n, method="adaptive", full_output=True)
        exact = np.sin(1.0 + n * np.pi / 2) / s**n
        assert abs(full.value - exact) <= full.error < 1e-6 * abs(exact)


@engines
def test_two_ions_a_micrometre_apart(engine):
    """Coulomb repulsion and a trap: second derivatives of size 1 at coordinates of size 1e-6."""

    def energy(x):
        return 1e-12 * (0.5 * ((x[0] * 1e6) ** 2 + (x[1] * 1e6) ** 2) + 1.0 / (1e6 * (x[1] - x[0])))

    u = 0.25 ** (1 / 3)
    x, distance = np.array([-u, u]) * 1e-6, 2.0 * u
    full = hessian(energy, x, method="adaptive", engine=engine, full_output=True)
    c = 2.0 / distance**3
    exact = np.array([[1.0 + c, -c], [-c, 1.0 + c]])
    assert (np.abs(full.value - exact) <= full.error).all()
    np.testing.assert_allclose(full.value, exact, rtol=1e-9)


# --- honest errors ----------------------------------------------------------------------------------------------------


def judged():
    """Pairs of a true error and an estimated one: curves of samples in all orders, samples on all engines."""
    for name, curve in CURVES.items():
        x = np.linspace(*curve.box, 8)[1:-1]
        for n in (1, 2, 3, 4):
            for order in (2, 4, 8):
                with np.errstate(all="ignore"):
                    full = derivative(curve.f, x, n=n, order=order, method="adaptive", full_output=True)
                yield f"{name} n={n} order={order}", full.value - curve.derivatives[n - 1](x), full.error
    for name, sample in SAMPLES.items():
        x = np.array([sample.point])
        exact = np.array([sample.gradient(x[0])])
        for engine in ("python", "simd"):
            full = gradient(sample.f, x, batch=True, method="adaptive", engine=engine, full_output=True)
            yield f"{name} {engine}", full.value - exact, full.error
    for k in range(1, 6):
        x = np.linspace(0.05, 3.0, 20) * k
        for name, f, exact in (
            ("runge", lambda x, k=k: 1.0 / (1.0 + (k * x) ** 2), -2.0 * k**2 * x / (1.0 + (k * x) ** 2) ** 2),
            ("kink", lambda x: np.abs(x - 1.0) + x, np.sign(x - 1.0) + 1.0),
            ("jump of the 2nd", lambda x: np.maximum(x - 1.0, 0.0) ** 2, 2.0 * np.maximum(x - 1.0, 0.0)),
            (
                "short wave",
                lambda x, k=k: np.sin(x) + 1e-3 * np.sin(50 * k * x),
                np.cos(x) + 0.05 * k * np.cos(50 * k * x),
            ),
            ("large constant", lambda x: 1e6 + np.sin(x), np.cos(x)),
            ("noise", lambda x: np.sin(x) + 1e-6 * noise(x), np.cos(x)),
        ):
            full = derivative(f, x, method="adaptive", full_output=True)
            yield f"{name} {k}", full.value - exact, full.error


def argon(r):
    """Lennard-Jones in joule, of metres."""
    q = (3.4e-10 / r[0]) ** 6
    return 4 * 1.65e-21 * (q * q - q)


FLAT_BEYOND = {
    "argon": (argon, 3.8e-10, lambda r: 4 * 1.65e-21 * 6 * (1 - 2 * (3.4e-10 / r) ** 6) * (3.4e-10 / r) ** 6 / r),
    "argon and a constant": (
        lambda r: argon(r) * 6e23 - 1000.0, 8e-10,
        lambda r: 6e23 * 4 * 1.65e-21 * 6 * (1 - 2 * (3.4e-10 / r) ** 6) * (3.4e-10 / r) ** 6 / r,
    ),
    "a steep step": (
        lambda x: np.tanh(1e5 * x[0]) ** 2, 3e-5, lambda x: 2e5 * np.tanh(1e5 * x) / np.cosh(1e5 * x) ** 2,
    ),
    "a logarithm": (lambda x: np.log(np.abs(x[0])), 1e-9, lambda x: 1.0 / x),
    "a power": (lambda x: (x[0] ** 2 + 1e-20) ** 0.05, 1e-10, lambda x: 0.1 * x * (x**2 + 1e-20) ** -0.95),
}  # fmt: skip


@pytest.mark.parametrize("name", FLAT_BEYOND)
def test_functions_that_are_flat_beyond_a_small_coordinate(name):
    """An even one has a difference of 0 at all large steps, which has no error at all."""
    f, x, slope = FLAT_BEYOND[name]
    result = gradient(f, np.array([x]), method="adaptive", full_output=True)
    assert result.value[0] == pytest.approx(slope(x), rel=1e-9)
    assert abs(result.value[0] - slope(x)) <= 20.0 * result.error[0]
    if f(np.array([x])) > 0:
        assert jvp(f, np.array([x]), np.array([x]), method="adaptive") == pytest.approx(slope(x) * x, rel=1e-9)


def test_errors_are_honest():
    cases = [
        (name, e, t) for name, errors, told in judged() for e, t in zip(np.ravel(errors), np.ravel(told), strict=True)
    ]
    wrong = [(name, e, t) for name, e, t in cases if not abs(e) <= t]
    assert len(cases) >= 500
    honest = 1.0 - len(wrong) / len(cases)
    assert honest >= 0.99, f"{honest:.2%} of {len(cases)} errors are honest; not {wrong[:9]}"


@engines
def test_errors_of_second_derivatives_and_products_are_honest(engine):
    cases = [
        (hessian, (ROWS,), [smooth_hessian(x) for x in ROWS]),
        (hvp, (ROWS, V), [smooth_hessian(x) @ V for x in ROWS]),
        (gradient, (ROWS,), [smooth_gradient(x) for x in ROWS]),
        (jvp, (ROWS, V), [smooth_gradient(x) @ V for x in ROWS]),
    ]
    for operate, at, exact in cases:
        full = operate(smooth, *at, batch=True, method="adaptive", engine=engine, full_output=True)
        assert (np.abs(full.value - exact) <= full.error).all(), operate.__name__
        scale = np.abs(exact).max()
        assert np.abs(full.value - exact).max() < (1e-8 if operate in {hessian, hvp} else 1e-11) * scale
        assert full.error.shape == full.value.shape == full.status.shape


@pytest.mark.parametrize("size", [1e-3, 1e-6, 1e-9])
def test_noise_is_seen(size):
    x = np.linspace(0.3, 3.0, 100)
    full = derivative(lambda x: np.sin(x) + size * noise(x), x, method="adaptive", full_output=True)
    error = np.abs(full.value - np.cos(x))
    assert np.mean(error <= full.error) >= 0.97
    assert np.median(error) < 50 * size  # a difference with h = 1/20 has 20
    assert 5 * size < np.median(full.error) < 1000 * size
    assert (full.status != 0).mean() > 0.9 or size < 1e-8


# --- status, nfev, h --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("operate", "f", "at"),
    [
        (gradient, smooth, (X,)),
        (jacobian, several, (X,)),
        (hessian, smooth, (X,)),
        (jvp, several, (X, V)),
        (hvp, smooth, (X, V)),
    ],
)
def test_nfev_is_the_number_of_calls(operate, f, at, order):
    recording = recorded(f)
    full = operate(recording, *at, order=order, method="adaptive", full_output=True)
    assert full.nfev == len(recording.points)
    many = recorded(f)
    full = operate(
        many, *(np.tile(a, (3, 1)) for a in at), batch=True, order=order, method="adaptive", full_output=True
    )
    assert full.nfev == len(many.points)


def test_nfev_of_values_and_of_vjp():
    f = recorded(smooth)
    value, full = value_and_gradient(f, X, method="adaptive", full_output=True)
    assert (value, full.nfev) == (smooth(X), len(f.points))
    f = recorded(several)
    full = vjp(f, X, np.ones(3), method="adaptive", full_output=True)
    assert full.nfev == len(f.points)
    np.testing.assert_allclose(full.value, several_jacobian(X).sum(axis=0), rtol=1e-12)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("operate", "f"), [(gradient, smooth), (jacobian, several)])
def test_no_point_twice(operate, f, order):
    """Half the step asks for twice the offsets again, growing for all levels below: what is known is not computed."""
    for x, bounds in (
        (X, None),
        (np.array([1e-3, 0.0]), None),
        (np.array([1e2, 2.0]), None),
        (X, (X, 9.0)),
        (X, (-9, X)),
    ):
        recording = recorded(f)
        operate(recording, x, order=order, bounds=bounds, method="adaptive")
        again = len(recording.points) - len({p.tobytes() for p in recording.points})
        assert again <= 2 * (order == 8 and x[1] == 0.0)  # from the largest step once more, where an output is 0


@engines
def test_status_of_each_element(engine):
    def mixed(x):
        return np.array([x[0] * x[1], np.sqrt(x[0] - 1.0) * 0.0 + x[0]])

    with np.errstate(all="ignore"):
        full = jacobian(mixed, X, method="adaptive", engine=engine, full_output=True)
    assert (full.status[0] == 0).all()
    assert full.status[1, 1] == -3
    assert np.isnan(full.value[1, 1])
    assert np.isnan(full.error[1, 1])
    assert full.h.shape == X.shape


def test_given_steps_are_the_first():
    for h in (0.5, 2.0**-4):
        f = recorded(smooth)
        full = gradient(f, X, h=h, method="adaptive", full_output=True)
        moves = {float(abs(d)) for p in f.points for d in p - X if d}
        assert max(moves) == h
        assert (full.h <= h).all()
        np.testing.assert_allclose(full.value, smooth_gradient(X), rtol=1e-11)
    f = recorded(smooth)
    gradient(f, X, h=[0.5, 0.125], method="adaptive")
    assert np.abs(np.array(f.points) - X).max(axis=0).tolist() == [0.5, 0.125]
    f = recorded(smooth)
    gradient(f, X, rel_step=0.5, method="adaptive")
    assert np.abs(np.array(f.points) - X).max(axis=0).tolist() == [0.25, 0.625]


def test_the_first_step_is_an_eighth_to_a_quarter_of_x():
    f = recorded(lambda x: np.sum(np.sin(x)))
    x = np.array([4.0, 1.0, 1e-3, 0.0])
    gradient(f, x, h=None, method="adaptive")
    first = np.abs(np.array(f.points[:8]) - x).max(axis=0)
    assert ((first > [0.5, 0.125, 0.125e-3, 0.125]) & (first <= [1.0, 0.25, 0.25e-3, 0.25])).all()


@pytest.mark.parametrize("engine", ["python", "simd", "reference"])
@pytest.mark.parametrize("period", [1.0, 0.1, 2.0, 3.0, 7.0, 12.0, 24.0, 100.0, 360.0, 365.25, np.pi, 2 * np.pi])
def test_no_period_is_overlooked(period, engine):
    """Steps that were powers of two, multiples of a period 1, saw a constant: 0, with an error of 1e-15."""
    x = np.array([1.3, 4.25, 5.125, 8.2, 40.3, 100.75]) * period
    full = derivative(lambda x: np.cos(2 * np.pi * x / period), x, method="adaptive", engine=engine, full_output=True)
    exact = -2 * np.pi / period * np.sin(2 * np.pi * x / period)
    assert (np.abs(full.value - exact) < (1e-3 if engine == "reference" else 1e-9) / period).all()
    if engine != "reference":
        assert (np.abs(full.value - exact) <= full.error).all()
        full = derivative(
            lambda x: np.cos(2 * np.pi * x / period), x, bounds=(x - 2 * period, x + 2 * period), method="adaptive",
            engine=engine, full_output=True,
        )  # fmt: skip
        assert (np.abs(full.value - exact) <= full.error).all()


def test_no_period_is_overlooked_in_second_derivatives():
    sample = SAMPLES["rastrigin"]
    x = np.random.default_rng(5).uniform(*(np.broadcast_to(b, 2) for b in sample.box), (30, 2))
    exact = np.array([sample.hessian(p) for p in x])
    for operate, rest, wanted in ((hessian, (), exact), (hvp, (V,), exact @ V)):
        value = operate(sample.f, x, *rest, batch=True, method="adaptive")
        assert np.abs(value - wanted).max() < 1e-8 * np.abs(exact).max()


# --- steps that leave the domain of f ---------------------------------------------------------------------------------


def rooted(x):
    return math.sqrt(x[0]) + x[1]


def likelihood(p):
    if p[1] <= 0.0:
        msg = "sigma must be positive"
        raise ValueError(msg)
    return 0.5 * (p[0] - 1.0) ** 2 / p[1] ** 2 + math.log(p[1])


NARROW = np.array([2.0, 0.01])


@pytest.mark.parametrize("engine", ["auto", *ENGINES])
def test_what_f_raises_beyond_the_first_steps_is_no_number(engine):
    options = {"method": "adaptive", "engine": engine}
    np.testing.assert_allclose(gradient(rooted, np.array([0.01, 1.0]), **options), [5.0, 1.0], rtol=1e-10)
    rows = np.array([[0.01, 1.0], [1e-4, 2.0], [1.0, 1.0]])
    exact = np.stack([0.5 / np.sqrt(rows[:, 0]), np.ones(3)], axis=1)
    np.testing.assert_allclose(gradient(rooted, rows, batch=True, **options), exact, rtol=1e-10)
    with pytest.raises(ValueError, match=r"math domain|negative"):
        gradient(rooted, np.array([-1.0, 1.0]), **options)


@pytest.mark.parametrize("engine", ["auto", "python"])
def test_second_derivatives_and_products_beyond_the_domain(engine):
    options = {"method": "adaptive", "engine": engine}
    exact = np.array([[1e4, -2e6], [-2e6, 3e8 - 1e4]])
    np.testing.assert_allclose(gradient(likelihood, NARROW, **options), [1e4, -1e6 + 1e2], rtol=1e-9)
    np.testing.assert_allclose(hessian(likelihood, NARROW, **options), exact, rtol=1e-5)
    along = np.array([0.0, 1.0])
    np.testing.assert_allclose(hvp(likelihood, NARROW, along, **options), exact[1], rtol=1e-5)
    assert jvp(likelihood, NARROW, along, **options) == pytest.approx(-1e6 + 1e2, rel=1e-9)
    rows = np.array([NARROW, [2.0, 3.0]])
    both = hessian(likelihood, rows, batch=True, **options)
    np.testing.assert_allclose(both[0], exact, rtol=1e-5)
    np.testing.assert_allclose(both[1], hessian(likelihood, rows[1], **options), rtol=1e-12)
    root = derivative(math.sqrt, np.array([0.01, 0.04]), **options)
    np.testing.assert_allclose(root, [5.0, 2.5], rtol=1e-10)
    with pytest.raises(ValueError, match="sigma must be positive"):
        hessian(likelihood, np.array([2.0, -1.0]), **options)


def test_calls_that_raise_count_once():
    """Of many points those that fail are not asked again, nor are the others."""
    rows = np.array([[0.01, 1.0], [3.0, 1e-3], [1e-4, 1e-9], [1.0, 1.0]])
    for f, points in ((rooted, rows), (likelihood, np.array([NARROW, [2.0, 3.0]]))):
        for operate in (gradient, hessian, jacobian):
            recording = recorded(f)
            full = operate(recording, points, batch=True, method="adaptive", engine="python", full_output=True)
            assert np.isfinite(full.value).all()
            assert full.nfev == len(recording.points)
            recording.points.clear()
            single = [operate(recording, p, method="adaptive", full_output=True) for p in points]
            assert sum(each.nfev for each in single) == len(recording.points)
            np.testing.assert_array_equal(full.value, [each.value for each in single])


# --- at most 60 evaluations -------------------------------------------------------------------------------------------

EVERYWHERE = [0.0, 1e-300, 1e-100, 1e-16, 1e-9, 1e-6, 1e-4, 0.01, 0.3, 1.0, 7.0, 123.456, 1e3, 1e6, 1e9, 1e16, 1e300]
ANYTHING = {
    "sin": np.sin,
    "exp": lambda x: np.exp(min(x, 700.0)),
    "cos": np.cos,
    "cube": lambda x: min(x, 1e100) ** 3,
    "bump": lambda x: 1.0 / (1.0 + min(x, 1e100) ** 2),
    "root": lambda x: np.sqrt(abs(x)),
    "cube root": np.cbrt,
    "kink": lambda x: max(x, 0.0),
    "steps": lambda x: np.floor(x * 1e3) / 1e3,
    "rounded": lambda x: np.round(np.sin(x), 6),
    "noisy": lambda x: np.sin(x) + 1e-6 * noise(x),
    "noise": noise,
    "wave": lambda x: x + np.sin(1e5 * x) / 1e5,
    "short": lambda x: np.exp(min(1e9 * x, 700.0)),
    "logarithm": lambda x: np.log(abs(x)),
    "peak": lambda x: 1.0 / (1e-12 + (min(x, 1e100) - 1e-6) ** 2),
    "constant": lambda x: x * 0.0 + 3.0,
}


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("f", ANYTHING.values(), ids=ANYTHING)
def test_at_most_sixty_evaluations_anywhere(f, order):
    for x in EVERYWHERE:
        recording = recorded(lambda p: f(p[0]))
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConstantFunctionWarning)
            full = gradient(recording, np.array([x]), method="adaptive", order=order, full_output=True, engine="python")
        assert full.nfev <= (60 if order == 2 else 80), x


@pytest.mark.parametrize("x", [1e-300, -1e-100, 1e-30, 1e-16, 1e-12, 1e-9, 1e-6, 1e-4])
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-6])
def test_beside_a_tiny_coordinate_every_scale_is_found(x, scale):
    for f, exact in (
        (lambda p: np.exp(min(p[0] / scale, 700.0)), np.exp(x / scale) / scale),
        (lambda p: np.sin(p[0] / scale + 1.0), np.cos(x / scale + 1.0) / scale),
        (lambda p: p[0] / scale + 1.0, 1.0 / scale),
    ):
        full = gradient(f, np.array([x]), method="adaptive", full_output=True)
        assert abs(full.value[0] - exact) <= 1e-12 * abs(exact)
        assert abs(full.value[0] - exact) <= full.error[0] + 4e-16 * abs(exact)
        assert full.nfev <= 60


@pytest.mark.parametrize("x", [0.3, 1.1, 7.0, 123.456, 500.0, -5.5, 1e3])
@pytest.mark.parametrize(("size", "frequency"), [(1e-5, 1e5), (1e-4, 3e4), (1e-6, 1e5), (1e-6, 7e5)])
def test_short_waves_on_long_slopes(x, size, frequency):
    """Over all steps of the first look they are noise."""

    def f(p):
        return p[0] + size * np.sin(frequency * p[0])

    full = gradient(f, np.array([x]), method="adaptive", full_output=True)
    exact = 1.0 + size * frequency * np.cos(frequency * x)
    assert abs(full.value[0] - exact) <= full.error[0]
    assert full.error[0] < 1e-2
    assert full.nfev <= 60


# --- one-sided --------------------------------------------------------------------------------------------------------


@engines
def test_nan_at_one_side_turns_that_coordinate_alone(engine):
    def edge(x):
        return x[0] * np.sqrt(x[0]) + np.sin(x[1])  # NaN below 0

    x = np.array([0.0, 1.0])
    with np.errstate(all="ignore"):
        full = gradient(edge, x, method="adaptive", engine=engine, full_output=True)
        plain = gradient(edge, np.array([1.0, 1.0]), method="adaptive", engine=engine)
    assert full.value[1] == pytest.approx(np.cos(1.0), rel=1e-13)
    assert full.value[1] == pytest.approx(plain[1], rel=1e-14)
    assert abs(full.value[0]) < 1e-4  # x**1.5 is no power series at 0: no extrapolation, and the error is only near
    assert 0.1 * abs(full.value[0]) < full.error[0] < 1e-3


def test_from_one_side_and_from_the_other():
    def inside(x):
        return np.where((x >= 0.0) & (x <= 1.0), np.exp(x), np.nan)

    full = derivative(inside, np.array([0.0, 0.5, 1.0]), method="adaptive", full_output=True)
    np.testing.assert_allclose(full.value, np.exp([0.0, 0.5, 1.0]), rtol=1e-10)
    assert (np.abs(full.value - np.exp([0.0, 0.5, 1.0])) <= full.error).all()
    middle = derivative(inside, np.array([0.5]), method="adaptive")
    assert middle[0] == full.value[1]


def test_a_nan_output_leaves_the_others_as_they_are():
    plain = jacobian(several, X, method="adaptive", full_output=True)
    full = jacobian(lambda x: np.r_[several(x), np.nan], X, method="adaptive", full_output=True)
    assert full.value[:3].tobytes() == plain.value.tobytes()
    assert (full.error[:3] == plain.error).all()
    assert np.isnan(full.value[3]).all()
    assert (full.status[3] == -3).all()


@pytest.mark.parametrize("order", ORDERS)
def test_bounds(order):
    low, high = np.array([0.5, -9.0]), np.array([9.0, 1.25])
    for bounds in ((low, high), (X - 1e-3, X + 1e-3), (X, X + 1e-6), (0.0, 1.25)):
        f = recorded(smooth)
        full = gradient(f, X, bounds=bounds, order=order, method="adaptive", full_output=True)
        assert all(((bounds[0] <= p) & (p <= bounds[1])).all() for p in f.points)
        assert (np.abs(full.value - smooth_gradient(X)) <= full.error).all()
        assert full.nfev == len(f.points)
    np.testing.assert_allclose(
        gradient(smooth, X, bounds=(low, high), method="adaptive"), smooth_gradient(X), rtol=1e-9
    )


def test_bounds_that_leave_no_room():
    full = gradient(smooth, X, bounds=([0.5, 0.0], [0.5, 2.0]), method="adaptive", full_output=True)
    assert np.isnan(full.value[0])
    assert (full.status == [-3, 0]).all()
    full = gradient(smooth, X, bounds=(X, np.nextafter(X, 9.0)), method="adaptive", full_output=True)
    assert (full.error == np.inf).all()
    assert (full.status == -1).all()


# --- engines and batches ----------------------------------------------------------------------------------------------


@engines
def test_engines_agree_with_the_definition(engine):
    for operate, f, at in (
        (gradient, smooth, (X,)), (jacobian, smooth, (X,)), (hessian, smooth, (X,)), (jvp, smooth, (X, V)),
        (hvp, smooth, (X, V)),
    ):  # fmt: skip
        exact = getattr(reference, operate.__name__)(f, *at, method="adaptive")
        tolerance = 1e-7 if operate in {hessian, hvp} else 1e-12
        value = operate(f, *at, method="adaptive", engine=engine)
        np.testing.assert_allclose(value, exact, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(operate(f, *at, method="adaptive", engine="reference"), exact, rtol=1e-15)


@engines
@pytest.mark.parametrize("order", [2, 6])
def test_a_batch_is_its_points(engine, order):
    options = {"method": "adaptive", "engine": engine, "order": order}
    for operate, f, rest in ((gradient, smooth, ()), (hessian, smooth, ()), (jvp, smooth, (V,)), (hvp, smooth, (V,))):
        whole = operate(f, ROWS, *rest, batch=True, **options)
        single = np.array([operate(f, x, *rest, **options) for x in ROWS])
        assert whole.tobytes() == single.tobytes(), operate.__name__
    if engine != "jit":
        whole = jacobian(several, ROWS, batch=True, **options)
        assert whole.tobytes() == np.array([jacobian(several, x, **options) for x in ROWS]).tobytes()


def test_batch_arguments_follow_their_points():
    scale = np.arange(1.0, 6.0)
    value = gradient(
        lambda x, k, s: k * s * smooth(x), ROWS, batch=True, args=(2.0,), batch_args=(scale,), method="adaptive"
    )
    np.testing.assert_allclose(
        value, [2.0 * s * smooth_gradient(x) for x, s in zip(ROWS, scale, strict=True)], rtol=1e-10
    )


@pytest.mark.parametrize("options", [{"method": "adaptive"}, {"bounds": (-1.0, 1.0)}, {"bounds": (0.5, 1.0)}])
def test_slow_calls_are_said_once_and_at_the_line_of_the_call(options):
    def text(x):
        return float(str(x[0])) * float(str(x[1]))  # neither traces nor compiles

    text.__code__ = text.__code__.replace(co_name=str(options))  # "once" is once for each code
    with pytest.warns(PerformanceWarning, match="times from Python: f turns a traced value into text") as caught:
        gradient(text, np.full((3000, 2), 0.5), batch=True, **options)
    assert [w.filename for w in caught] == [__file__]


# --- simple functions -------------------------------------------------------------------------------------------------


def test_polynomials_stop_early():
    for k in range(1, 6):
        full = derivative(lambda x, k=k: x**k, 1.5, method="adaptive", full_output=True)
        assert full.value == pytest.approx(k * 1.5 ** (k - 1), rel=1e-14)
        assert full.nfev <= 10
        assert full.status == 0


@pytest.mark.parametrize("operate", [gradient, jacobian, hessian])
def test_a_constant_is_zero_with_a_warning(operate):
    with pytest.warns(ConstantFunctionWarning):
        full = operate(lambda x: 3.0, X, method="adaptive", full_output=True)
    assert not full.value.any()
    assert (full.error < 1e-8).all()


@engines
def test_no_direction(engine):
    for operate in (jvp, hvp):
        full = operate(smooth, X, np.zeros(2), method="adaptive", engine=engine, full_output=True)
        assert not np.any(full.value)
        assert not np.any(full.error)
        assert not np.any(full.status)
    vs = np.array([V, 0 * V, V, V, 0 * V])
    whole = jvp(smooth, ROWS, vs, batch=True, method="adaptive", engine=engine)
    assert (whole[[1, 4]] == 0.0).all()
    assert whole[0] == jvp(smooth, X, V, method="adaptive", engine=engine)


def test_the_length_of_a_direction():
    for length in (1e-200, 1e-9, 1e9, 1e150):
        value = jvp(smooth, X, V * length, method="adaptive")
        assert value / length == pytest.approx(smooth_gradient(X) @ V, rel=1e-12)


def test_a_coordinate_that_f_does_not_read():
    full = gradient(lambda x: np.sin(x[0]), X, method="adaptive", full_output=True)
    assert full.value[1] == 0.0
    assert full.error[1] < 1e-10
    full = hessian(lambda x: np.sin(x[0]), X, method="adaptive", full_output=True)
    assert np.abs(full.value - np.diag([-np.sin(0.5), 0.0])).max() < 1e-9


def test_kinks():
    full = derivative(np.abs, np.array([-1.0, -1e-3, 0.0, 1e-3, 1.0]), method="adaptive", full_output=True)
    np.testing.assert_allclose(full.value, [-1.0, -1.0, 0.0, 1.0, 1.0], rtol=1e-13)
    near = derivative(lambda x: np.abs(x - 1.0), np.array([0.99, 1.0 + 1e-3]), method="adaptive", full_output=True)
    np.testing.assert_allclose(near.value, [-1.0, 1.0], rtol=1e-11)
    assert (np.abs(near.value - [-1.0, 1.0]) <= near.error).all()


# --- precision and memory ---------------------------------------------------------------------------------------------


@engines
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_dtype_of_x(dtype, engine):
    x = X.astype(dtype)
    full = gradient(smooth, x, method="adaptive", engine=engine, full_output=True)
    assert full.value.dtype == full.error.dtype == dtype
    np.testing.assert_allclose(full.value, smooth_gradient(X), rtol=2 * float(np.finfo(dtype).eps))


def test_f_in_single_precision():
    full = gradient(lambda x: np.float32(smooth(x)), X, method="adaptive", full_output=True)
    error = np.abs(full.value - smooth_gradient(X))
    assert (error <= full.error).all()
    assert (error < 1e-4).all()
    assert (full.error < 1e-2).all()


def test_integers_and_x_that_stays_as_it_is():
    assert gradient(smooth, [1, 2], method="adaptive").dtype == np.float64
    x = X.copy()
    x.flags.writeable = False
    for operate, rest in ((gradient, ()), (hessian, ()), (jvp, (V,)), (hvp, (V,))):
        operate(smooth, x, *rest, method="adaptive")
    assert (x == X).all()


def test_f_that_writes_into_its_argument():
    def greedy(x):
        value = smooth(x)
        x[:] = 1e9
        return value

    for operate in (gradient, hessian):
        assert operate(greedy, X, method="adaptive").tobytes() == operate(smooth, X, method="adaptive").tobytes()


def test_memory_does_not_grow_with_the_square_of_d():
    x, size = np.linspace(0.5, 1.5, 3000), 3000 * 3000 * 8

    def f(x):
        return np.sum(x * x * x)

    gradient(f, x, method="adaptive")  # compiling is slow while memory is traced
    tracemalloc.start()
    value = gradient(f, x, method="adaptive")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(value, 3 * x * x, rtol=1e-8)
    assert peak < size / 2


@pytest.mark.parametrize(
    "operate",
    [
        lambda **options: gradient(np.sum, np.empty((0, 2)), batch=True, **options),
        lambda **options: jacobian(np.sin, np.empty((0, 2)), batch=True, **options),
        lambda **options: hessian(np.sum, np.empty(0), **options),
        lambda **options: hvp(np.sum, np.empty((3, 0)), np.empty(0), batch=True, **options),
        lambda **options: jvp(np.sum, np.empty((0, 2)), np.ones(2), batch=True, **options),
    ],
    ids=["gradient", "jacobian", "hessian", "hvp", "jvp"],
)
def test_nothing_has_as_many_errors(operate):
    result = operate(method="adaptive", full_output=True)
    assert result.error.shape == result.status.shape == result.value.shape


@pytest.mark.parametrize("order", [2, 4])
@engines
def test_second_derivatives_at_a_zero_of_f(engine, order):
    """The round-off is that of f's values at displaced points: here that at x is 0."""
    a = np.array([[0.5, -1.25, 0.75], [1.5, 0.25, -0.5], [-0.75, 1.0, 0.25], [0.25, 0.5, 2.0]])
    x = np.array([0.5, -0.25, 1.5])
    b = np.sin(a @ x)
    f = lambda x, a, b: np.sum((np.sin(a @ x) - b) ** 2)
    slopes = a * np.cos(a @ x)[:, None]
    exact = 2.0 * slopes.T @ slopes
    options = {"args": (a, b), "method": "adaptive", "order": order, "engine": engine, "full_output": True}
    result = hessian(f, x, **options)
    assert f(x, a, b) == 0.0
    np.testing.assert_allclose(result.value, exact, rtol=1e-11, atol=1e-11)
    assert (np.abs(result.value - exact) <= result.error).all()
    assert not result.status.any()
    v = np.array([1.0, -2.0, 0.5])
    result = hvp(f, x, v, **options)
    np.testing.assert_allclose(result.value, exact @ v, rtol=1e-10, atol=1e-10)
    assert (np.abs(result.value - exact @ v) <= result.error).all()


def test_an_entry_that_drowns_in_round_off_says_so():
    result = hessian(lambda x: 1e8 * x[0] ** 2 + 1e-9 * x[0] * x[1], np.zeros(2), method="adaptive", full_output=True)
    assert (np.abs(result.value - [[2e8, 1e-9], [1e-9, 0.0]]) <= result.error).all()


def test_fill_reports_errors_steps_and_values():
    x, done = np.array([[0.5, 1.5], [1.0, 3.0]]), []
    call = Call(
        lambda x: np.exp(x[0]) * x[1],
        Rows(x, (2,)),
        stencils.gradient(2),
        Steps("default", np.asarray(1.0)),
        value=True,
        adaptive=True,
    )
    out, values = np.empty((2, 2)), np.empty(2)
    facts = fill(call, out, values, "python", None, lambda *count: done.append(count))
    exact = np.stack([np.exp(x[:, 0]) * x[:, 1], np.exp(x[:, 0])], axis=1)
    np.testing.assert_allclose(out, exact, rtol=1e-13)
    assert (np.abs(out - exact) <= facts.error).all()
    assert (facts.status == 0).all()
    assert facts.steps.shape == (2, 2)
    assert (facts.steps > 0).all()
    assert values.tolist() == [np.exp(a) * b for a, b in x]
    assert done[-1] == (4, 4)


@pytest.mark.parametrize("operate", [gradient, jacobian, hessian])
def test_f_is_called_under_the_users_errors(operate):
    """What NumPy raises may decide which way f goes."""
    seen = set()

    def f(x):
        seen.add(np.geterr()["under"])
        try:
            return np.sum(x * np.exp(-1e4 * x**2) + x**2)
        except FloatingPointError:
            return np.sum(np.abs(x) ** 3)

    x = np.array([1.3, 0.7])
    with np.errstate(all="raise"):
        found, plain = operate(f, x, method="adaptive"), operate(f, x)
    np.testing.assert_allclose(found, plain, rtol=1e-6, atol=1e-7)
    assert seen == {"raise"}


HIDDEN = {  # f, its first and its second derivative
    "1 - cos": (lambda x: 1.0 - np.cos(x), np.sin, np.cos),
    "sqrt - 1": (
        lambda x: np.sqrt(1.0 + x * x) - 1.0,
        lambda x: x / np.sqrt(1.0 + x * x),
        lambda x: (1.0 + x * x) ** -1.5,
    ),
}


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("n", [1, 2])
def test_what_rounding_hides_beside_a_tiny_coordinate(name, n):
    """f does not differ at all there; larger steps see it, second derivatives to a digit or two."""
    f, exact = HIDDEN[name][0], HIDDEN[name][n]
    for x in 10.0 ** np.random.default_rng(0).uniform(-9.0, -8.0, 40):
        found = derivative(f, x, n=n, method="adaptive", full_output=True)
        assert abs(found.value - exact(x)) <= (1e-2 * exact(x) if n == 1 else 10.0 * found.error), x
        assert found.nfev <= 62
    g = lambda x: np.sum(f(x))
    x = np.array([1e-8, 2e-8])
    np.testing.assert_allclose(gradient(g, x, method="adaptive"), HIDDEN[name][1](x), rtol=1e-2)
    found = np.diag(hessian(g, x, method="adaptive"))
    np.testing.assert_allclose(found, np.ones(2), rtol=0.2)


@pytest.mark.filterwarnings("ignore::fastgrad.ConstantFunctionWarning")
def test_what_is_flat_beside_something_steep_stays_flat():
    for f in (
        lambda x: max(abs(x) - 0.01, 0.0) ** 2,
        lambda x: np.exp(-(((x - 0.2) / 1e-3) ** 2)),
        lambda x: np.tanh((x - 0.2) / 5e-3),
    ):
        for x in (1e-3, 5e-3, -2e-4):
            found = derivative(f, x, method="adaptive", full_output=True)
            assert (found.value, found.status) == (0.0, 0), x


@pytest.mark.parametrize("digits", [4, 6])
def test_values_that_are_rounded_to_digits(digits):
    f = lambda x: np.round(np.exp(x), digits)
    for x in np.random.default_rng(0).uniform(0.3, 2.0, 40):
        found = derivative(f, x, method="adaptive", full_output=True)
        assert abs(found.value - np.exp(x)) <= 10.0 * found.error
