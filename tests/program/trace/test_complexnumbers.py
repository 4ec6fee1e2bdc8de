"""Complex numbers inside f: written out as two real ones, differentiated as these."""

import mpmath
import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.complexnumbers import Complex, as_complex, both, made, parts
from fastgrad.program.trace.operators import COMPLEX, COMPLEXES, any_complex
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable
from tests.agreement import assert_as_pythons

X = np.array([0.7, -1.3])
POINTS = np.random.default_rng(0).uniform(-2.0, 2.0, (40, 2))
W = np.array([1 + 2j, 3 - 1j])

ANALYTIC = {
    "exp": (np.exp, mpmath.exp),
    "log": (np.log, mpmath.log),
    "log2": (np.log2, lambda z: mpmath.log(z) / mpmath.log(2)),
    "log10": (np.log10, mpmath.log10),
    "sqrt": (np.sqrt, mpmath.sqrt),
    "sin": (np.sin, mpmath.sin),
    "cos": (np.cos, mpmath.cos),
    "tan": (np.tan, mpmath.tan),
    "sinh": (np.sinh, mpmath.sinh),
    "cosh": (np.cosh, mpmath.cosh),
    "tanh": (np.tanh, mpmath.tanh),
    "arcsin": (np.arcsin, mpmath.asin),
    "arccos": (np.arccos, mpmath.acos),
    "arctan": (np.arctan, mpmath.atan),
    "arcsinh": (np.arcsinh, mpmath.asinh),
    "arccosh": (np.arccosh, mpmath.acosh),
    "arctanh": (np.arctanh, mpmath.atanh),
    "expm1": (np.expm1, mpmath.expm1),
    "log1p": (np.log1p, lambda z: mpmath.log(1 + z)),
    "exp2": (np.exp2, lambda z: mpmath.mpf(2) ** z),
    "square": (np.square, lambda z: z * z),
    "reciprocal": (np.reciprocal, lambda z: 1 / z),
    "z ** 3": (lambda z: z**3, lambda z: z**3),
    "z ** -2": (lambda z: z**-2, lambda z: z**-2),
    "z ** 0.5": (lambda z: z**0.5, mpmath.sqrt),
    "z ** (1 + 2j)": (lambda z: z ** (1 + 2j), lambda z: z ** mpmath.mpc(1, 2)),
    "(1 + 2j) ** z": (lambda z: (1 + 2j) ** z, lambda z: mpmath.mpc(1, 2) ** z),
    "2 / (z - 3)": (lambda z: 2 / (z - 3), lambda z: 2 / (z - 3)),
    "(z + 2j) / (z - 3)": (lambda z: (z + 2j) / (z - 3), lambda z: (z + mpmath.mpc(0, 2)) / (z - 3)),
    "z / (1 + 2j)": (lambda z: z / (1 + 2j), lambda z: z / mpmath.mpc(1, 2)),
    "1j - (-z)": (lambda z: 1j - (-z), lambda z: z + mpmath.mpc(0, 1)),
}


def slope(g, point):
    with mpmath.workdps(50):
        return complex(mpmath.diff(g, mpmath.mpc(*point.tolist())))


@pytest.mark.parametrize("name", ANALYTIC)
def test_derivatives_of_analytic_functions_are_their_slopes(name):
    """Of g(x + iy) the real part has the gradient (Re g', -Im g'), the imaginary one (Im g', Re g')."""
    f, g = ANALYTIC[name]
    re = fastgrad.gradient(lambda x: f(x[0] + 1j * x[1]).real, POINTS, batch=True, method="exact")
    im = fastgrad.gradient(lambda x: f(x[0] + 1j * x[1]).imag, POINTS, batch=True, method="exact")
    for point, dre, dim in zip(POINTS, re, im, strict=True):
        exact = slope(g, point)
        allowed = 2e-14 * max(1.0, abs(exact), abs(f(complex(*point))))
        assert abs(complex(dre[0], -dre[1]) - exact) < allowed
        assert abs(complex(dim[1], dim[0]) - exact) < allowed


def impedance(x):
    s = 1j * 2 * np.pi * x[0]
    return np.abs(1.0 / (2.0 + x[1] ** 2 + s * 0.1 + 1.0 / (s * 0.5 + 1.0)))


def written(x):
    z = np.zeros(3, dtype=complex)
    z[0], z[1] = x[0], 1j * x[1]
    z[2] = z[0] * z[1]
    return np.abs(z).sum() + z[0].imag + z.real.sum() - 2 * z.imag.prod()


def solved(x):
    a = np.array([[1 + 1j * x[0], 2.0], [x[1], 3 - 1j * x[0]]])
    return np.abs(np.linalg.solve(a, np.array([1.0, 2.0]))[0])


def solved_by_elimination(x):
    a = np.diag(np.array([1 + 1j * x[0], 2.0, x[1] * 1j, 3.0, 1j])) + 0.1 * np.ones((5, 5))
    return np.linalg.solve(a, np.arange(5.0)).imag.sum() + np.abs(np.linalg.det(a[:2, :2]))


def branching(x):
    z = complex(x[0], x[1])
    return abs(z * z - 1) if z != 0 and abs(z) > 1.0 else (z * 1j).imag


FUNCTIONS = {
    "an impedance": impedance,
    "a wave": lambda x: np.abs(np.exp(1j * x[0]) + x[1]),
    "a sum of squares": lambda x: np.sum(np.abs(np.exp(1j * x) * x) ** 2),
    "written": written,
    "two by two": solved,
    "elimination": solved_by_elimination,
    "branches": branching,
    "vdot": lambda x: np.abs(np.vdot(W * x, W)),
    "norm": lambda x: np.linalg.norm(W * x),
    "norm 1": lambda x: np.linalg.norm(W * x, 1) + np.linalg.norm(np.outer(W, x), np.inf),
    "angle": lambda x: np.angle(W @ x) + np.angle(1j * x[0] + 3, deg=True),
    "var and std": lambda x: np.var(W * x) + np.std(np.array([x[0] + 0j, 1j * x[1]])),
    "astype": lambda x: (x.astype(complex) * 1j).imag.sum() + x[0].astype(complex).real,
    "conj": lambda x: np.sum(np.conj(W * x) * W * x * (1 + 2j)).imag + (W * x).conj().imag[1],
    "matrices": lambda x: np.abs(np.array([[1, 1j], [2, x[0] * x[1]]]) @ np.array([x[0], 1j])).sum(),
    "where": lambda x: np.where(x[0] > 0.5, 1j * x[0], x[1]).imag + np.where(x > 0, W * x, x).real.sum(),
    "real and imag": lambda x: np.real(np.exp(1j * x)).sum() + np.imag(W * x).sum() + x.imag.sum() + x[0].real,
    "reductions": lambda x: np.prod(W * x).real + np.mean(W * x).imag + np.cumsum(W * x)[1].real,
    "polyval": lambda x: np.abs(np.polyval(W, 1j * x[0])) + np.abs(np.einsum("i,i->", W, x)),
    "roots": lambda x: np.abs(np.sqrt(x - 1 + 0j)).sum(),
    "numbers of NumPy's": lambda x: (x[0] * np.complex128(2 + 1j)).imag + np.abs(np.complex128(2 + 1j) * x[1]),
    "an integer power": lambda x: ((x[0] + 1j * x[1]) ** 5).real + ((1j * x[0] + 2) ** 0 * x[1]).real,
    "a half": lambda x: np.abs(x[0] + 1j * x[1]) ** 0.5,
    "signs": lambda x: np.sign(W * x).imag.sum() + np.sign(1j * x[0]).imag * x[1],
    "isfinite": lambda x: x[0] if np.isfinite(1j * x[1]) and not np.isnan(x[0] * 1j) and (1j * x[0]) != 2 else 0.0,
    "isinstance": lambda x: x[0] if isinstance(x[0] * 1j, complex) and np.iscomplexobj(W * x) else 0.0,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_with_complex_numbers_are_what_python_has(name):
    f = FUNCTIONS[name]
    assert fastgrad.explain(f, np.tile(POINTS, (100, 1)), batch=True).engine == "simd"
    assert_as_pythons(f, POINTS, rtol=1e-6, atol=1e-7)


REFUSED = {
    "an order": (lambda x: abs(x[0] * 1j) if x[0] * 1j < 1j else 1.0, "lt"),
    "maximum": (lambda x: np.maximum(1j * x[0], 1.0).real, "max"),
    "floor": (lambda x: np.floor(1j * x[0]).imag, "floor"),
    "a real number of it": (lambda x: (1j * x).astype(float).sum(), r"z\.real"),
    "a float": (lambda x: float(1j * x[0]), "complex"),
    "eigenvalues": (lambda x: np.linalg.eigvalsh(1j * np.outer(x, x))[0], "complex matrix"),
    "cholesky": (lambda x: np.linalg.cholesky(np.eye(2) + 1j * x[0])[0, 0].real, "complex matrix"),
    "singular values": (lambda x: np.linalg.norm(1j * np.outer(x, x), 2), "complex matrix"),
    "a complex result": (lambda x: x[0] * 1j, "complex"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_rule_is_refused(name):
    f, reason = REFUSED[name]
    with pytest.raises(Untraceable, match=reason):
        trace(f, (2,))


def test_far_numbers_neither_overflow_nor_vanish():
    for size in (1e-200, 1e200):
        f = lambda x: abs(size * (1.0 + 0j) / complex(size * x[0], size * x[1]))  # noqa: B023
        found = fastgrad.gradient(f, np.array([0.6, 0.8]), method="exact")
        np.testing.assert_allclose(found, [-0.6, -0.8], rtol=1e-14)


def test_a_division_by_zero_of_pythons_raises():
    f = lambda x: abs(1.0 / complex(float(x[0]), float(x[1])))
    points = np.vstack([np.ones((3000, 2)), np.zeros((1, 2))])
    with pytest.raises(ZeroDivisionError):
        fastgrad.gradient(f, points, batch=True, method="exact")


def test_known_parts_cost_nothing():
    """Of exp(ix) a cosine and a sine are left, and no exponential of 0 x."""
    program = trace(lambda x: [np.exp(1j * x[0]).real, np.exp(1j * x[0]).imag], (1,))
    assert sorted(name for name, *_ in program.nodes) == ["cos", "sin"]


def test_parts():
    seen = []

    def f(x):
        z = made(x[0], 2.0)
        seen.append((z.__class__, parts(x[0])[1], both(x[0])[1], both(2), parts(1 + 2j), as_complex(x[0]).__class__))
        assert any_complex([1.0, z])
        assert not any_complex([1.0, x[0]])
        return COMPLEX["abs"](z)

    assert evaluate(trace(f, (1,)), [1.5]) == [2.5]
    assert seen == [(Complex, None, 0.0, (2, 0.0), (1.0, 2.0), Complex)]
    assert made(1.0, 2.0) == 1 + 2j
    assert Complex in COMPLEXES


def caught(x):
    try:
        return abs(1 / complex(x[0], 0))
    except ZeroDivisionError:
        return x[1] * 7


def overflowed(x):
    try:
        return abs(complex(x[0], 1) ** 200)
    except OverflowError:
        return x[1] * 7


def of_one_side(x):
    z = x[1]
    if x[0] > 0.5:
        z = 1j * x[0]
    return x[2] if np.iscomplexobj(z) else x[1]


def into_real_numbers(x):
    y = np.zeros(3)
    y[:] = np.sqrt(x + 0j)
    return np.sum(np.abs(y))


SPECIAL = np.array([[-1.2, 2.0, 0.5], [0.0, 1.0, 2.0], [-0.7, 0.0, 1.0], [2.0, 0.0, 1.0], [800.0, 1.0, 1.0]])
ZEROS = np.array([[-0.0, 1.0, 2.0], [1.0, -0.0, 0.5], [0.0, -1.0, 1.0], [-0.0, 0.0, 1.0]])
AT_SPECIAL_POINTS = {
    "above a cut, below a cut": lambda x: np.sqrt(1 - (x[1] + 0j) ** 2 / 3.5).imag * x[2],
    "a square of a known sign": lambda x: np.sqrt(-((x[0] + 0j) ** 2)).imag * x[1],
    "less than real": lambda x: np.sqrt(x[0] - 1j * x[1]).imag,
    "angles of real numbers": lambda x: np.angle(x + 0j) @ x[::-1],
    "a logarithm of a product": lambda x: np.log(x[0] * x[1] + 0j).imag + x[0],
    "one 0 in both parts": lambda x: np.angle(x[0] + 1j * x[0]) * x[1],
    "an angle": lambda x: np.angle(1 - (x[0] + 1j * x[1])),
    "the other 0": lambda x: np.sqrt(complex(x[0], -0.0)).imag + x[1],
    "no other 0": lambda x: np.sqrt(x[0] - 0j).imag + x[1],
    "a power": lambda x: np.angle((x[0] + 1j * x[1]) ** -2) if x[1] or x[0] else 0.0,
    "a cosine of a real number": lambda x: np.sqrt(np.cos(3.0 * x[0] + 0j)).imag,
    "a tangent": lambda x: np.angle(np.tanh(x[0] + 1j * x[1])),
    "a far tangent": lambda x: np.tanh(x[0] + 1j * x[1]).real,
    "0 to a power": lambda x: np.nan_to_num(np.abs(np.power(x[0], x[2] + 1j)), nan=3.0),
    "a division by 0": caught,
    "an overflow": overflowed,
    "complex on one side": of_one_side,
    "a covariance": lambda x: abs(np.cov(np.array([np.sqrt(x + 0j), x]))[0, 0]),
    "a correlation": lambda x: abs(np.sum(np.correlate(np.sqrt(x + 0j), np.sqrt(x + 0j), "full") * np.arange(5))),
    "a root of Python's": lambda x: (x.tolist()[0] ** 0.5).imag + (x.item(0) ** 1.5).imag + x[1],
    "no sign of integers": lambda x: np.copysign(1.0, round(x[0] * 0.3)) + np.arctan2(int(x[0] * 0.5), -x[1]),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", AT_SPECIAL_POINTS)
def test_points_that_no_check_sees(name):
    """On cuts, at zeros of both signs, where Python raises: between other points, as a check looks at both ends."""
    f = AT_SPECIAL_POINTS[name]
    usual = np.random.default_rng(0).uniform(0.3, 1.8, (40, 3))
    points = np.vstack([usual[:7], SPECIAL, ZEROS, usual[7:]])
    with np.errstate(all="ignore"):
        values, found = fastgrad.value_and_gradient(f, points, batch=True, engine="auto", h=1e-5)
        plain, expected = fastgrad.value_and_gradient(f, points, batch=True, engine="python", h=1e-5)
        again = [fastgrad.gradient(f, np.tile(points, (60, 1)), batch=True, h=1e-5)[: len(points)]]
    np.testing.assert_allclose(values, plain, rtol=1e-9, atol=1e-12)
    for some in (found, *again):
        np.testing.assert_allclose(some, expected, rtol=1e-4, atol=1e-6)


def made_empty(x):
    z = np.empty((2, 2), complex)
    z[0, 0] = x[0]
    z[0, 1] = x[1] + 1j * x[2]
    z[1] = x[0]
    return np.abs(z).sum() + np.angle(z[0, 1])


def made_of_zeros(x):
    z, w = np.zeros(3, complex), np.ones(2, np.complex128)
    z[0], z[2] = x[0] * 1j, x[1]
    w[1:] *= np.exp(1j * x[2])
    return np.abs(z + x).sum() + w.sum().imag


@pytest.mark.parametrize("f", [made_empty, made_of_zeros])
def test_complex_numbers_are_written_into_arrays_made_in_f(f):
    x = np.array([1.1, 0.7, 2.0])
    np.testing.assert_allclose(evaluate(trace(f, (3,)), x), [f(x)], rtol=1e-15)


def test_a_complex_number_is_not_written_into_an_array_of_real_ones():
    with pytest.raises(Untraceable, match="into an array of real ones"):
        trace(into_real_numbers, (3,))


EXACT_AT = {
    "a root on the real axis": (lambda x: np.sqrt(x[0] + 1j * x[1]).imag, [1.0, 0.0], [0.0, 0.5]),
    "and on the other": (lambda x: np.sqrt(x[0] + 1j * x[1]).real, [0.0, 1.0], [8**-0.5, 8**-0.5]),
    "of a sum": (lambda x: np.sqrt((x[0] + 1j * x[1]) ** 2 + 9).real, [0.0, 1.0], [0.0, -(8**-0.5)]),
    "a far tangent": (lambda x: np.tanh(x[0] + 1j * x[1]).real, [800.0, 1.0], [0.0, 0.0]),
}


@pytest.mark.parametrize("name", EXACT_AT)
def test_exact_derivatives_on_the_axes(name):
    f, at, exact = EXACT_AT[name]
    g = fastgrad.grad(f, method="exact")
    g(np.array([0.7, 0.2]))
    np.testing.assert_allclose(g(np.array(at)), exact, atol=1e-15)


SQUARES = {
    "a spectrum": (lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2), np.ones(4), 8 * np.eye(4)),
    "a norm": (lambda x: np.linalg.norm(x * (1 + 1j)) ** 2, np.array([1.0, 0.0, 0.0]), 4 * np.eye(3)),
    "of a ratio": (lambda x: abs((x[0] + 1j * x[1] - 1) / (x[0] + 1j * x[1] + 1)) ** 2, [1.0, 0.0], 0.5 * np.eye(2)),
    "a variance": (lambda x: np.var(x * (1 + 1j)), np.ones(3), (4 / 3) * (np.eye(3) - 1 / 3)),
    "of real numbers": (lambda x: np.hypot(x[0], x[1]) ** 2 + np.linalg.norm(x) ** 2, np.zeros(2), 4 * np.eye(2)),
}


@pytest.mark.parametrize("name", SQUARES)
def test_squares_of_lengths_are_smooth_where_these_are_0(name):
    f, at, exact = SQUARES[name]
    h = fastgrad.hess(f, method="exact")
    h(np.linspace(0.3, 0.9, len(at)))
    np.testing.assert_allclose(h(np.asarray(at)), exact, atol=1e-12)
    np.testing.assert_allclose(
        fastgrad.hvp(f, np.asarray(at), np.ones(len(at)), method="exact"), exact.sum(axis=1), atol=1e-12
    )
