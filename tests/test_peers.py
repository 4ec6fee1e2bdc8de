"""The accuracy cases to which other libraries hold themselves, each at its own tolerance.

The numbers are those of the issue tracker's list of cases. A row says where the contract of this library asks for
something else, such as the dtype of a result.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgrad import derivative, gradient, hessian, jacobian, jvp


@dataclass(frozen=True)
class Case:
    """operate(f, *at, **options) is `exact` within rtol * |exact| + atol."""

    id: str
    operate: Callable[..., Any]
    f: Callable[..., Any]
    at: tuple[Any, ...]
    exact: Any
    rtol: float = 0.0
    atol: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)


# --- functions --------------------------------------------------------------------------------------------------------


def three(x):
    return np.array([x[0] ** 2, np.tan(x[0]), np.exp(x[0])])


def sine_log(x):
    return np.sin(x[0] * x[1]) * np.log(x[0])


def sine_log_gradient(x):
    s, c = np.sin(x[0] * x[1]), np.cos(x[0] * x[1])
    return np.array([x[1] * c * np.log(x[0]) + s / x[0], x[0] * c * np.log(x[0])])


def mixed(x):
    return np.array([x[0] * np.sin(x[1]), x[1] * np.cos(x[0]), x[0] ** 3 * x[1] ** -0.5])


def quiet(f):
    """f where steps that are refined begin outside its domain, and are halved until they are inside."""

    def quietly(x):
        with np.errstate(invalid="ignore"):
            return f(x)

    return quietly


def mixed_jacobian(x):
    a, b = x
    return np.array(
        [
            [np.sin(b), a * np.cos(b)],
            [-b * np.sin(a), np.cos(a)],
            [3 * a**2 * b**-0.5, -0.5 * a**3 * b**-1.5],
        ]
    )


def only_inside(x):
    return x if np.all(np.abs(x) <= 1e-8) else np.nan * x


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def rosenbrock_gradient(x):
    slope = np.zeros_like(x)
    slope[:-1] = -400.0 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2.0 * (1.0 - x[:-1])
    slope[1:] += 200.0 * (x[1:] - x[:-1] ** 2)
    return slope


def rosenbrock_hessian(x):
    out = np.diag(np.r_[1200.0 * x[:-1] ** 2 - 400.0 * x[1:] + 2.0, 0.0] + np.r_[0.0, np.full(len(x) - 1, 200.0)])
    i = np.arange(len(x) - 1)
    out[i, i + 1] = out[i + 1, i] = -400.0 * x[:-1]
    return out


def corner(x):
    return -np.abs(x[0] + 1.0) + np.abs(x[1] + 1.0)


def tridiagonal(x):
    out = 3.0 * x - x * x + 1.0
    out[1:] -= x[:-1]
    out[:-1] -= 2.0 * x[1:]
    return out


def tridiagonal_jacobian(x):
    return np.diag(3.0 - 2.0 * x) + np.diag(-np.ones(len(x) - 1), -1) + np.diag(-2.0 * np.ones(len(x) - 1), 1)


def polar_spheric(x):
    """Radius, inclination and azimuth to Cartesian coordinates."""
    r, t, p = x
    return np.array([r * np.sin(t) * np.cos(p), r * np.sin(t) * np.sin(p), r * np.cos(t)])


def polar_spheric_jacobian(x):
    r, t, p = x
    st_, ct, sp, cp = np.sin(t), np.cos(t), np.sin(p), np.cos(p)
    return np.array(
        [[st_ * cp, r * ct * cp, -r * st_ * sp], [st_ * sp, r * ct * sp, r * st_ * cp], [ct, -r * st_, 0.0]]
    )


def two_of_two(x):
    return np.array([x[0] ** 2 * x[1], 5.0 * x[0] + np.sin(x[1])])


def two_of_two_jacobian(x):
    return np.array([[2.0 * x[0] * x[1], x[0] ** 2], [5.0, np.cos(x[1])]])


def four_of_three(x):
    return np.array([x[0], 5.0 * x[2], 4.0 * x[1] ** 2 - 2.0 * x[2], x[2] * np.sin(x[0])])


def four_of_three_jacobian(x):
    return np.array([[1, 0, 0], [0, 0, 5], [0, 8.0 * x[1], -2], [x[2] * np.cos(x[0]), 0, np.sin(x[0])]], dtype=float)


def three_of_three(x):
    return np.array([5.0 * x[1], 4.0 * x[0] ** 2 - 2.0 * np.sin(x[1] * x[2]), x[1] * x[2]])


def three_of_three_jacobian(x):
    c = np.cos(x[1] * x[2])
    return np.array([[0, 5, 0], [8.0 * x[0], -2.0 * x[2] * c, -2.0 * x[1] * c], [0, x[2], x[1]]], dtype=float)


def product_and_exp(x):
    return x[0] * x[1] * x[2] + np.exp(x[0]) * x[1]


T, Y = np.arange(1.0, 6.0), 1.0 + 2.0 * np.exp(0.75 * np.arange(1.0, 6.0))


def squared_residuals(x):
    return (x[0] + x[1] * np.exp(x[2] * T) - Y) ** 2


def nonlinear_pair(x):
    return np.array([(x[0] + 3.0) * (x[1] ** 3 - 7.0) + 18.0, np.sin(x[1] * np.exp(x[0]) - 1.0)])


def nonlinear_pair_jacobian(x):
    c, e = np.cos(x[1] * np.exp(x[0]) - 1.0), np.exp(x[0])
    return np.array([[x[1] ** 3 - 7.0, 3.0 * x[1] ** 2 * (x[0] + 3.0)], [c * x[1] * e, c * e]])


def four_scales(x):
    return np.sin(x[0]) + (x[1] / 1e9) ** 2 + np.exp(x[2] / 1e-9) + 3.0 * x[3] + x[3] ** 2


def normal_cdf(x):
    from math import erf, sqrt

    return np.reshape([0.5 * (1.0 + erf(v / sqrt(2.0))) for v in np.ravel(x)], np.shape(x))


def normal_pdf(x):
    return np.exp(-0.5 * np.asarray(x) ** 2) / np.sqrt(2.0 * np.pi)


# --- the table --------------------------------------------------------------------------------------------------------

A, B, C = np.array([100.0, -0.5]), np.array([-100.0, 0.2]), np.array([1.0, 2.0])
N = np.random.default_rng(7)
PAIRS, PATTERN, FIFTY = N.uniform(0.0, 1.0, (5, 2)), N.uniform(-10.0, 10.0, 2), N.uniform(-1.0, 1.0, 50)
SPHERIC, TWO, THREE = N.uniform(0.2, 1.5, (2, 3, 3)), N.uniform(0.2, 1.5, (2, 3, 2)), N.uniform(0.2, 1.5, 3)
CDF = np.linspace(-0.05, 1.05, 10)

ROWS = [
    Case("C1 sinh", derivative, np.sinh, (1.0,), np.cosh(1.0), rtol=1e-9),
    Case(
        "C1 sinh, forward", derivative, np.sinh, (1.0,), np.cosh(1.0),
        rtol=1e-6, options={"method": "forward", "order": 1},
    ),
    Case("C1 sinh, adaptive", derivative, np.sinh, (1.0,), np.cosh(1.0), rtol=1e-12, options={"method": "adaptive"}),
    Case("C1 sinh, h", derivative, np.sinh, (1.0,), np.cosh(1.0), rtol=1e-7, options={"h": 1.49e-8}),
    Case(
        "C2 three outputs", jacobian, three, (np.array([0.5]),), [[1.0], [1 / np.cos(0.5) ** 2], [np.exp(0.5)]],
        rtol=1e-9,
    ),
    Case("C3 sin log", gradient, sine_log, (A,), sine_log_gradient(A), rtol=1e-7),
    Case("C3 sin log, order 6", gradient, sine_log, (A,), sine_log_gradient(A), rtol=1e-8, options={"order": 6}),
    Case(
        "C3 sin log, adaptive", gradient, sine_log, (A,), sine_log_gradient(A),
        rtol=1e-12, options={"method": "adaptive"},
    ),
    Case("C4 three of two", jacobian, mixed, (B,), mixed_jacobian(B), rtol=1e-6),
    Case("C4, adaptive", jacobian, mixed, (B,), mixed_jacobian(B), rtol=1e-10, options={"method": "adaptive"}),
    Case("C5 both at a bound", jacobian, mixed, (C,), mixed_jacobian(C), rtol=1e-9, options={"bounds": (1.0, 2.0)}),
    Case(
        "C6 a narrow box", jacobian, mixed, (np.full(2, 10.0),), mixed_jacobian(np.full(2, 10.0)),
        rtol=1e-6, options={"bounds": (10.0 - 3e-9, 10.0 + 2e-9)},
    ),
    Case(
        "C7 defined inside only", jacobian, only_inside, (np.zeros(1),), [[1.0]],
        rtol=1e-9, options={"bounds": (-1e-8, 1e-8)},
    ),
    Case(
        "C7 at the edge", jacobian, only_inside, (np.full(1, 1e-8),), [[1.0]],
        rtol=1e-9, options={"bounds": (-1e-8, 1e-8)},
    ),
    Case("C10 kinks from inside", gradient, corner, (np.full(2, -1.0),), [-1.0, 1.0], options={"bounds": (-1.0, 9.0)}),
    Case(
        "C10 from the other side", gradient, corner, (np.full(2, -1.0),), [1.0, -1.0],
        options={"bounds": (-9.0, -1.0)},
    ),
    Case("C11 n = 50, dense", jacobian, tridiagonal, (FIFTY,), tridiagonal_jacobian(FIFTY), atol=1e-9),
    Case(
        "C11 near its bounds", jacobian, tridiagonal, (FIFTY,), tridiagonal_jacobian(FIFTY),
        atol=1e-6, options={"bounds": (FIFTY - 1e-8, FIFTY + 1.0)},
    ),
    Case(
        "C11 rel_step", jacobian, tridiagonal, (FIFTY,), tridiagonal_jacobian(FIFTY),
        atol=1e-5, options={"rel_step": 1e-8},
    ),
    # the step along v is relative to max|x|, the contract, which is 200 times the smaller coordinate here
    Case(
        "C12 C3 along v", jvp, sine_log, (A, PATTERN), sine_log_gradient(A) @ PATTERN,
        rtol=1e-6, options={"rel_step": 1e-8},
    ),
    Case(
        "C12 C3 along v, adaptive", jvp, sine_log, (A, PATTERN), sine_log_gradient(A) @ PATTERN,
        rtol=1e-10, options={"method": "adaptive"},
    ),
    Case("C12 C4 along v", jvp, mixed, (B, PATTERN), mixed_jacobian(B) @ PATTERN, rtol=1e-5),
    Case(
        "C12 C4 along v, adaptive", jvp, quiet(mixed), (B, PATTERN), mixed_jacobian(B) @ PATTERN,
        rtol=1e-10, options={"method": "adaptive"},
    ),
    Case("C13 normal cdf", derivative, normal_cdf, (0.6,), normal_pdf(0.6), rtol=5.96e-8),
    Case("C13 many", derivative, normal_cdf, (CDF,), normal_pdf(CDF), rtol=5.96e-8),
    # rtol 1e-15 for n = 3 asks for less than round-off of the sum of values; what is there is two of its units
    *[
        Case(
            f"C15 2x**{n}", derivative, lambda x, n=n: 2.0 * x**n, (1.5,), 2.0 * n * 1.5 ** max(n - 1, 0),
            rtol=2e-15, atol=1e-15, options={"method": "adaptive"},
        )
        for n in range(1, 6)
    ],
    Case(
        "C16 an integer", derivative, lambda x: x**99 - 1.0, (7,), 99.0 * 7.0**98,
        rtol=1e-10, options={"method": "adaptive"},
    ),
    Case(
        "C19 spheric", jacobian, polar_spheric, (SPHERIC.reshape(6, 3),),
        [polar_spheric_jacobian(x) for x in SPHERIC.reshape(6, 3)],
        atol=1e-10, options={"batch": True},
    ),
    Case(
        "C19 two of two", jacobian, two_of_two, (TWO.reshape(6, 2),),
        [two_of_two_jacobian(x) for x in TWO.reshape(6, 2)],
        atol=1e-10, options={"batch": True, "order": 4},
    ),
    Case("C19 four of three", jacobian, four_of_three, (THREE,), four_of_three_jacobian(THREE), atol=1e-10),
    Case(
        "C19 three of three", jacobian, three_of_three, (THREE,), three_of_three_jacobian(THREE),
        atol=1e-10, options={"order": 4},
    ),
    # float32 here is the dtype of x and of the result; f gets float64, so that the error is that of rounding the result
    Case(
        "C19 float32", jacobian, three_of_three, (THREE.astype(np.float32),),
        three_of_three_jacobian(THREE.astype(np.float32)),
        rtol=1e-7, atol=1e-7,
    ),
    Case(
        "C19 rosen(5)", gradient, rosenbrock, (np.r_[THREE, 0.4, 1.2],), rosenbrock_gradient(np.r_[THREE, 0.4, 1.2]),
        rtol=1e-10, atol=1e-10, options={"order": 4},
    ),
    Case(
        "C21 rosen", hessian, rosenbrock, (THREE,), rosenbrock_hessian(THREE),
        atol=1e-8, options={"method": "adaptive"},
    ),
    Case(
        "C21 rosen, batch", hessian, rosenbrock, (SPHERIC.reshape(6, 3),),
        [rosenbrock_hessian(x) for x in SPHERIC.reshape(6, 3)],
        rtol=1e-9, atol=1e-8, options={"method": "adaptive", "batch": True},
    ),
    Case("C21 float32", hessian, rosenbrock, (THREE.astype(np.float32),), rosenbrock_hessian(THREE), atol=1e-2),
    Case(
        "C24 along (1, -1)", jvp, lambda x: 105.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2,
        (np.array([2.0, 3.0]), np.array([1.0, -1.0]) / 2**0.5), 743.87633380824832, rtol=1e-7,
    ),
    *[
        Case(
            f"C25 cos, n={n}", derivative, np.cos, (np.pi / 2,), exact,
            atol=1e-4, options={"n": n, "method": "adaptive"},
        )
        for n, exact in ((1, -1.0), (2, 0.0), (3, 1.0), (4, 0.0))
    ],
    Case(
        "C28 gradient", gradient, product_and_exp, (np.array([3.0, 5.0, 7.0]),), [135.42768462, 41.08553692, 15.0],
        rtol=1e-7,
    ),
    Case(
        "C28 Hessian", hessian, product_and_exp, (np.array([3.0, 5.0, 7.0]),),
        [[5 * np.e**3, 7 + np.e**3, 5.0], [7 + np.e**3, 0.0, 3.0], [5.0, 3.0, 0.0]], atol=1e-4,
    ),
    Case(
        "C29 residuals at their zero", jacobian, squared_residuals, (np.array([1.0, 2.0, 0.75]),), np.zeros((5, 3)),
        atol=1e-12, options={"method": "adaptive"},
    ),
    Case(
        "C33 n = 500", jacobian, lambda x: x * x, (np.arange(500.0),), 2.0 * np.diag(np.arange(500.0)),
        rtol=1e-7, atol=1e-12,
    ),
    Case("C36 log near 0", derivative, np.log, (1e-3,), 1e3, rtol=1.5e-8, options={"method": "adaptive"}),
    Case(
        "C36 between bounds", derivative, np.log, (1e-3,), 1e3,
        rtol=1.5e-8, options={"bounds": (1e-4, 1.9e-3), "method": "adaptive"},
    ),
    Case("C37 exp, n=4", derivative, np.exp, (1.0,), np.e, rtol=2e-7, options={"n": 4, "method": "adaptive"}),
    Case(
        "C37 a cubic, n=3", derivative, lambda x: x**3 - 2.0 * x, (1.0,), 6.0,
        rtol=1e-11, options={"n": 3, "method": "adaptive"},
    ),
    Case(
        "C39 sin", derivative, np.sin, (np.linspace(-2 * np.pi, 2 * np.pi, 100),),
        np.cos(np.linspace(-2 * np.pi, 2 * np.pi, 100)),
        atol=1e-8,
    ),
    Case(
        "C40 two of two", jacobian, nonlinear_pair, (PAIRS,), [nonlinear_pair_jacobian(x) for x in PAIRS],
        atol=1e-8, options={"batch": True},
    ),
    Case(
        "C40 along v", jvp, nonlinear_pair, (PAIRS[0], PATTERN), nonlinear_pair_jacobian(PAIRS[0]) @ PATTERN,
        atol=1e-8,
    ),
    Case(
        "C41 sin + cos", hessian, lambda x: np.sin(x[0]) + np.cos(x[1]), (C,), np.diag([-np.sin(1.0), -np.cos(2.0)]),
        atol=1e-7,
    ),
    *[
        Case(
            f"C45 {name}", jacobian, f, (np.array([1.0, 2.0, 3.0]),), exact,
            rtol=1e-7, atol=1e-10, options={"method": "adaptive"},
        )
        for name, f, exact in [
            ("square", lambda x: x**2, np.diag([2.0, 4.0, 6.0])),
            ("reciprocal", lambda x: 1.0 / x, -np.diag([1.0, 1 / 4, 1 / 9])),
            ("root", lambda x: (x + 1.0) ** 0.5, np.diag(0.5 * np.array([2.0, 3.0, 4.0]) ** -0.5)),
            ("exp", np.exp, np.diag(np.exp([1.0, 2.0, 3.0]))),
            ("mean of squares", lambda x: np.mean(x**2), np.array([2.0, 4.0, 6.0]) / 3.0),
        ]
    ],
    Case("C45 abs at 0", derivative, np.abs, (0.0,), 0.0),
    Case("C45 abs at 0, adaptive", derivative, np.abs, (0.0,), 0.0, options={"method": "adaptive"}),
    *[
        Case(
            f"C52 four scales, {'adaptive' if 'method' in options else 'rel_step'}",
            gradient, four_scales, (np.array([1.0, 1e9, 1e-9, 0.0]),),
            [np.cos(1.0), 2e-9, 1e9 * np.e, 3.0], rtol=1e-8, options=options,
        )
        for options in ({"method": "adaptive"}, {"rel_step": 2.0**-8, "order": 6})
    ],
]  # fmt: skip


@pytest.mark.parametrize("case", ROWS, ids=[case.id for case in ROWS])
@pytest.mark.filterwarnings("ignore:every difference is zero:UserWarning")
def test_case(case):
    value = case.operate(case.f, *case.at, **case.options)
    np.testing.assert_allclose(value, case.exact, rtol=case.rtol, atol=case.atol)


# --- cases that are no single number ----------------------------------------------------------------------------------


def test_c8_half_single_and_double_precision():
    """The error of a forward difference is below h/2 max|f''| + 2 eps/h max|f|, eps that of what f returns."""
    for dtype in (np.float16, np.float32, np.float64):
        full = derivative(lambda x, dtype=dtype: dtype(np.sin(x)), 1.0, method="forward", order=1, full_output=True)
        eps = float(np.finfo(dtype).eps)
        assert abs(full.value - np.cos(1.0)) < full.h / 2 + 2 * eps / full.h


@pytest.mark.parametrize("out", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_c9_dtypes(dtype, out):
    """The result has x's dtype, not the one that x's and f's promote to: the contract."""
    x = np.array([2.0, 3.0, 4.0], dtype)
    value = gradient(lambda x: out(rosenbrock(x) / 100.0), x)
    assert value.dtype == dtype
    eps = max(float(np.finfo(d).eps) for d in (dtype, out))
    assert np.abs(value - rosenbrock_gradient(np.array([2.0, 3.0, 4.0])) / 100.0).max() < 60.0 * eps ** (2 / 3) * 10


def test_c13_and_c25_the_error_is_an_upper_bound():
    full = derivative(normal_cdf, CDF, method="adaptive", full_output=True)
    assert (np.abs(full.value - normal_pdf(CDF)) <= full.error).all()


@settings(max_examples=60, deadline=None)
@given(x=st.floats(0.0, 10.0, allow_subnormal=False), n=st.integers(1, 4))
def test_c25_cosine_anywhere(x, n):
    full = derivative(np.cos, x, n=n, method="adaptive", full_output=True)
    exact = np.cos(x + n * np.pi / 2)
    assert abs(full.value - exact) <= 1e-6 * abs(exact) + full.error + 1e-15
    assert full.error < 1e-4


@settings(max_examples=60, deadline=None)
@given(x=st.floats(-1000.0, 1000.0, allow_subnormal=False))
def test_c27_powers_anywhere(x):
    value = jacobian(lambda x: np.array([x[0], x[0] ** 2, x[0] ** 3]), np.array([x]))
    np.testing.assert_allclose(value[:, 0], [1.0, 2.0 * x, 3.0 * x * x], rtol=1e-3, atol=1e-6)


def test_c18_status():
    """0 converged, -1 the error rose again, -3 nothing finite."""
    assert derivative(lambda x: x - 2.5, 1.0, method="adaptive", full_output=True).status == 0
    rng = np.random.default_rng(0)
    noisy = derivative(lambda x: np.exp(x) + 1e-3 * rng.random(), 1.0, method="adaptive", full_output=True)
    assert noisy.status in {-1, -2}
    assert noisy.error > 1e-4
    nothing = derivative(lambda x: x * np.nan, 1.0, method="adaptive", full_output=True)
    assert (nothing.status, np.isnan(nothing.value)) == (-3, True)


def test_c32_one_column_of_nan_leaves_the_others_as_they_are():
    for options in ({}, {"method": "adaptive"}, {"bounds": (C, 9.0)}, {"method": "forward"}):
        plain = jacobian(mixed, C, **options)
        value = jacobian(lambda x: np.r_[mixed(x)[:2], np.nan, mixed(x)[2]], C, **options)
        assert value[[0, 1, 3]].tobytes() == plain.tobytes()
        assert np.isnan(value[2]).all()


ELEMENTARY = {
    "sin": (np.sin, np.cos(0.5)), "cos": (np.cos, -np.sin(0.5)), "tan": (np.tan, 1 / np.cos(0.5) ** 2),
    "arcsin": (np.arcsin, 0.75**-0.5), "arccos": (np.arccos, -(0.75**-0.5)), "arctan": (np.arctan, 0.8),
    "sinh": (np.sinh, np.cosh(0.5)), "cosh": (np.cosh, np.sinh(0.5)), "tanh": (np.tanh, 1 / np.cosh(0.5) ** 2),
    "arcsinh": (np.arcsinh, 1.25**-0.5), "arctanh": (np.arctanh, 4 / 3), "exp": (np.exp, np.exp(0.5)),
    "exp2": (np.exp2, np.log(2) * 2**0.5), "expm1": (np.expm1, np.exp(0.5)), "log": (np.log, 2.0),
    "log2": (np.log2, 2 / np.log(2)), "log10": (np.log10, 2 / np.log(10)), "log1p": (np.log1p, 2 / 3),
    "sqrt": (np.sqrt, 0.5**0.5), "square": (np.square, 1.0),
}  # fmt: skip


@pytest.mark.parametrize("name", ELEMENTARY)
def test_c34_elementary_functions(name):
    f, exact = ELEMENTARY[name]
    assert derivative(f, 0.5) == pytest.approx(exact, rel=1e-9)
    assert derivative(f, 0.5, order=8) == pytest.approx(exact, rel=1e-12)
    assert derivative(f, 0.5, method="adaptive") == pytest.approx(exact, rel=1e-12)


def test_c38_noise_of_1e_6():
    """Deterministic noise, irregular on every scale: a step of its own size is what helps, and what the error tells."""

    def noisy(x):
        return np.sin(x) + 1e-6 * np.modf(1e4 * np.abs(np.sin(12345.678 * x * 1e4)))[0]

    assert derivative(noisy, 1.0, h=1e-2) == pytest.approx(np.cos(1.0), abs=3e-4)


def test_c44_x_is_read_only_and_stays_as_it_is():
    x = np.array([1.0, 2.0])
    x.flags.writeable = False
    for options in ({}, {"method": "adaptive"}, {"bounds": (1.0, 2.0)}):
        np.testing.assert_allclose(jacobian(mixed, x, **options), mixed_jacobian(x), rtol=1e-8)

    def fails(x):
        x[0] = 9.0
        raise KeyError

    y = np.array([1.0, 2.0])
    for options in ({}, {"method": "adaptive"}, {"bounds": (1.0, 2.0)}):
        with pytest.raises(KeyError):
            jacobian(fails, y, **options)
        assert y.tolist() == [1.0, 2.0]


def test_c45_outer_product_constant_and_one_nan():
    x = np.array([1.0, 2.0, 3.0])
    value = jacobian(lambda x: np.outer(x, x), x, method="adaptive")
    eye = np.eye(3)
    np.testing.assert_allclose(value, np.einsum("ik,j->ijk", eye, x) + np.einsum("i,jk->ijk", x, eye), atol=1e-10)
    local = jacobian(lambda x: x * np.array([1.0, np.nan, 1.0]), x, method="adaptive")
    np.testing.assert_array_equal(np.isnan(local).all(axis=1), [False, True, False])
    np.testing.assert_allclose(local[[0, 2]], eye[[0, 2]], atol=1e-12)


def test_c50_the_step_really_used():
    """A function of slopes 1/2 and 0 shows how far away it is asked."""

    def ramp(x):
        return np.clip(x, 0.0, 1.0) / 2.0

    assert [derivative(ramp, 0.5, h=h) for h in (0.5, 1.0, 2.0)] == [0.5, 0.25, 0.125]


def test_c51_the_error_falls_as_the_order_rises():
    for f, x, exact in ((np.exp, 1.0, np.e), (np.sin, 1.0, np.cos(1.0)), (np.arctan, 0.5, 0.8)):
        errors = [abs(derivative(f, x, order=p) - exact) for p in (2, 4, 6, 8)]
        assert errors[1] < errors[0] / 10
        assert max(errors[2:]) < max(errors[1], 2e-14)
