"""Functions of scipy.special in f: values and derivatives against SciPy and 50 digits, and what lies outside."""

import math

import mpmath
import numpy as np
import pytest

import fastgrad
from fastgrad import gradient, hessian
from fastgrad.formulas import stencils
from fastgrad.program.exact import exact as exact_program
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable
from fastgrad.program.trace.specialfunctions import LIBRARY, SPECIAL

special = pytest.importorskip("scipy.special")
INF, NAN = math.inf, math.nan


def log(x):
    return mpmath.log(x)


def xlogx(a, b):
    return a * log(a / b)


def huber(delta, r):
    return r * r / 2 if abs(r) <= delta else delta * (abs(r) - delta / 2)


REAL = (-2.3, -0.4, 0.3, 1.7, 4.0)
POSITIVE = (0.2, 0.9, 1.7, 6.0, 30.0)
PARTS = (0.01, 0.3, 0.6, 0.99)
# name: what it is for mpmath, and where
ONE = {
    "expit": (lambda x: 1 / (1 + mpmath.exp(-x)), (*REAL, 0.0, -30.0, 30.0)),
    "log_expit": (lambda x: -log(1 + mpmath.exp(-x)), (*REAL, 0.0, -30.0, 30.0)),
    "logit": (lambda x: log(x / (1 - x)), PARTS),
    "gammaln": (lambda x: log(abs(mpmath.gamma(x))), (*POSITIVE, -0.3, -2.7)),
    "loggamma": (mpmath.loggamma, POSITIVE),
    "gamma": (mpmath.gamma, (*POSITIVE, -0.3, -2.7)),
    "psi": (mpmath.digamma, (*POSITIVE, -0.3, -2.7)),
    "erf": (mpmath.erf, REAL),
    "erfc": (mpmath.erfc, REAL),
    "erfcx": (lambda x: mpmath.erfc(x) * mpmath.exp(x * x), REAL),
    "ndtr": (mpmath.ncdf, (*REAL, -8.0)),
    "log_ndtr": (lambda x: log(mpmath.ncdf(x)), (*REAL, -8.0)),
    "entr": (lambda x: -x * log(x), POSITIVE),
    "i0": (lambda x: mpmath.besseli(0, x), REAL),
    "i1": (lambda x: mpmath.besseli(1, x), REAL),
    "i0e": (lambda x: mpmath.besseli(0, x) * mpmath.exp(-abs(x)), REAL),
    "i1e": (lambda x: mpmath.besseli(1, x) * mpmath.exp(-abs(x)), REAL),
    "j0": (lambda x: mpmath.besselj(0, x), REAL),
    "j1": (lambda x: mpmath.besselj(1, x), REAL),
    "expm1": (mpmath.expm1, REAL),
    "log1p": (mpmath.log1p, POSITIVE),
    "cosm1": (lambda x: mpmath.cos(x) - 1, (*REAL, 1e-5)),
    "exprel": (lambda x: mpmath.expm1(x) / x, (*REAL, 1e-5, 0.999, 1.001)),
    "exp2": (lambda x: mpmath.mpf(2) ** x, REAL),
    "exp10": (lambda x: mpmath.mpf(10) ** x, REAL),
    "cbrt": (lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), REAL),
}
PLANE = ((0.4, 1.7), (2.5, 0.3), (6.0, 9.0))
TWO = {
    "beta": (mpmath.beta, PLANE),
    "betaln": (lambda a, b: log(mpmath.beta(a, b)), PLANE),
    "xlogy": (lambda a, b: a * log(b), PLANE),
    "xlog1py": (lambda a, b: a * mpmath.log1p(b), PLANE),
    "rel_entr": (xlogx, PLANE),
    "kl_div": (lambda a, b: xlogx(a, b) - a + b, PLANE),
    "boxcox": (lambda a, b: (a**b - 1) / b, PLANE),
    "huber": (huber, (*PLANE, (1.0, -2.0))),
    "binom": (mpmath.binomial, ((4.3, 1.7), (2.5, 0.3), (9.0, 6.0))),
    "poch": (mpmath.rf, PLANE),
    "pseudo_huber": (lambda d, r: d * d * (mpmath.sqrt(1 + (r / d) ** 2) - 1), (*PLANE, (1.0, -2e-4))),
}
CASES = {name: (f, np.array(places).reshape(-1, 1)) for name, (f, places) in ONE.items()}
CASES |= {name: (f, np.array(places)) for name, (f, places) in TWO.items()}


def function(name):
    """Of one or two coordinates; more than the value itself, so that a program reads it."""
    ufunc = getattr(special, name)
    if name in TWO:
        return lambda x: ufunc(x[0], x[1])
    return lambda x: ufunc(x[0])


def differentiated(f, x, h=1e-20):
    """Value, gradient and Hessian of 50 digits."""
    with mpmath.workdps(60):
        point = tuple(map(mpmath.mpf, map(float, x)))
        units = np.eye(len(point), dtype=int)
        first = [float(mpmath.diff(f, point, tuple(map(int, u)), h=mpmath.mpf(h))) for u in units]
        second = [[float(mpmath.diff(f, point, tuple(map(int, u + v)), h=mpmath.mpf(h))) for u in units] for v in units]
        return float(f(*point)), first, second


def test_every_rule_has_its_case():
    assert set(CASES) == set(SPECIAL)


@pytest.mark.parametrize("name", CASES)
def test_values_are_scipys_and_derivatives_those_of_many_digits(name):
    exact, places = CASES[name]
    f = function(name)
    points = np.tile(places, (40, 1))
    for engine, method in (("auto", "exact"), ("simd", "central")):
        values, first = fastgrad.value_and_gradient(f, points, batch=True, method=method, engine=engine)
        np.testing.assert_allclose(values, [f(x) for x in points], rtol=3e-14, atol=1e-15)
        wanted = [differentiated(exact, x)[1] for x in places]
        within = 2e-14 if method == "exact" else 1e-7
        np.testing.assert_allclose(first[: len(places)], wanted, rtol=within, atol=within)
    second = fastgrad.hessian(f, points, batch=True, method="exact")
    wanted = [differentiated(exact, x)[2] for x in places]
    np.testing.assert_allclose(second[: len(places)], wanted, rtol=2e-13, atol=2e-14)
    np.testing.assert_allclose(
        fastgrad.gradient(f, places[1], method="exact"), differentiated(exact, places[1])[1], 1e-12
    )


# Values that f has where a rule has a branch, no number, or nothing to say.
OUTSIDE = {
    **dict.fromkeys(ONE, (0.0, -0.0, INF, -INF, NAN, -1.0, 1.0, -2.5, 800.0, -800.0, 1e-300, 1e300)),
    "exprel": [0.0, -0.0, -INF, NAN, -1.0, 800.0, -800.0],
    "gammaln": [0.0, -0.0, INF, NAN, -1.0, 1.0, -2.5, 800.0, 1e-300, 1e300],
    "loggamma": [0.0, -0.0, INF, NAN, 1.0, -1.0, 1e-300, 1e300],
    "j0": [0.0, -0.0, INF, -INF, NAN, -1.0, 800.0],
    "j1": [0.0, -0.0, INF, -INF, NAN, -1.0, 800.0],
}


@pytest.mark.parametrize("name", ONE)
def test_elsewhere_values_are_scipys(name):
    f, points = function(name), np.array(OUTSIDE[name]).reshape(-1, 1)
    with np.errstate(all="ignore"):
        for method in ("central", "exact"):
            values, _ = fastgrad.value_and_gradient(f, np.tile(points, (60, 1)), batch=True, method=method)
            wanted = getattr(special, name)(points[:, 0])
            np.testing.assert_allclose(values[: len(points)], wanted, rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize("name", TWO)
def test_elsewhere_values_of_two_numbers_are_scipys(name):
    """Exact derivatives have no number where the rule is none of all numbers."""
    places = [0.0, 1.0, -1.0, 2.5, -2.5, INF, NAN]
    points = np.array([(a, b) for a in places for b in places])
    known = name in ("xlogy", "xlog1py", "rel_entr")
    with np.errstate(all="ignore"):
        for method in ("central", "exact"):
            values, _ = fastgrad.value_and_gradient(function(name), np.tile(points, (30, 1)), batch=True, method=method)
            wanted, found = getattr(special, name)(*points.T), values[: len(points)]
            told = slice(None) if known or method == "central" else ~np.isnan(found)
            np.testing.assert_allclose(found[told], wanted[told], rtol=1e-13, atol=1e-15)


PLACES = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, -2.0, 3.3, INF, -INF, NAN)


@pytest.mark.parametrize("name", CASES)
def test_where_it_is_no_number_it_has_no_slope(name):
    ufunc = getattr(special, name)
    functions = [lambda x: ufunc(x[0]) + 3 * x[0]]
    if name in TWO:
        functions = [lambda x: ufunc(1.5, x[0]), lambda x: ufunc(x[0], 1.5), lambda x: ufunc(x[0], x[0])]
    points = np.tile(PLACES, 30)[:, None]
    for f in functions:
        with np.errstate(all="ignore"):
            values, slopes = fastgrad.value_and_gradient(f, points, batch=True, method="exact")
        assert np.isnan(slopes[np.isnan(values)]).all()


def test_slopes_at_zero_are_those_of_both_sides():
    for f, first, second in (
        (lambda x: special.log_expit(x[0]), 0.5, -0.25),
        (lambda x: special.expit(x[0]), 0.25, 0.0),
        (lambda x: special.i0(x[0]), 0.0, 0.5),
        (lambda x: special.j1(x[0]), 0.5, 0.0),
        (lambda x: special.exprel(x[0]), 0.5, 1 / 3),
        (lambda x: special.huber(1.5, x[0]), 0.0, 1.0),
        (lambda x: np.modf(x[0])[0], 1.0, 0.0),
    ):
        assert fastgrad.gradient(f, np.zeros(1), method="exact") == pytest.approx([first])
        assert fastgrad.hessian(f, np.zeros(1), method="exact") == pytest.approx(np.array([[second]]))
    assert fastgrad.gradient(lambda x: special.entr(x[0]), np.zeros(1), method="exact") == [INF]


# --- how they are called ----------------------------------------------------------------------------------------------

COUNTS = np.array([0.0, 3.0, 1.0])
CALLS = {
    "of an array": lambda x: np.sum(special.gammaln(x)),
    "of an array and a number": lambda x: np.sum(special.xlogy(x, 2.0)),
    "of data and a number": lambda x: np.sum(special.xlogy(COUNTS, x[0]) - special.gammaln(COUNTS + 1) - x[0]),
    "of a matrix": lambda x: np.sum(special.expit(x[:, None] * COUNTS)),
    "of numbers alone": lambda x: x[0] * special.gammaln(3.5),
    "into an array": lambda x: np.sum(special.expit(x, out=np.zeros_like(x))),
    "by its other name": lambda x: special.digamma(x[0]),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls(name):
    f, x = CALLS[name], np.array([0.7, 1.9, 3.2])
    assert evaluate(trace(f, (3,)), x) == pytest.approx([float(f(x))], rel=1e-14)


def test_what_has_no_rule_or_only_the_name_is_refused(monkeypatch):
    with pytest.raises(Untraceable, match="uses the ufunc elliprd, which has no rule"):
        trace(lambda x: special.elliprd(x[0], 1.0, 1.0), (1,))
    with pytest.raises(Untraceable, match=r"scipy\.special\.expit of comparisons; write np\.where"):
        trace(lambda x: special.expit(x[0] > 0), (1,))
    with pytest.raises(Untraceable, match="keyword 'where'"):
        trace(lambda x: special.expit(x, where=np.array([True])), (1,))


@pytest.mark.parametrize(
    ("x", "exponent"),
    [(1e-100, 0.3), (1e-17, 1), (1e-10, 1), (1e-8, 2), (1e-3, 5), (1e8, -2), (2.0, 0.5), (3.0, 1e-9), (1e-5, 1e-3)],
)
def test_slopes_of_boxcox_are_powers(x, exponent):
    """Of what is small too: 1 + expm1 of its logarithm would have no digit of it."""
    fixed, both = lambda p: special.boxcox(p[0], exponent), lambda p: special.boxcox(p[0], p[1])
    first, second = x ** (exponent - 1), (exponent - 1) * x ** (exponent - 2)
    a, b = np.array([x]), np.array([x, exponent])
    assert gradient(fixed, a, method="exact")[0] == pytest.approx(first, rel=2e-14)
    assert gradient(both, b, method="exact")[0] == pytest.approx(first, rel=2e-14)
    tiny = 1e-14 * first / x  # what rounding leaves of an exponent of 0
    assert hessian(fixed, a, method="exact")[0, 0] == pytest.approx(second, rel=1e-13, abs=tiny)
    assert hessian(both, b, method="exact")[0, 0] == pytest.approx(second, rel=1e-13, abs=tiny)
    wanted = mpmath.diff(lambda e: (mpmath.mpf(x) ** e - 1) / e, mpmath.mpf(exponent))
    assert gradient(both, b, method="exact")[1] == pytest.approx(float(wanted), rel=1e-12)


def _student(x):
    constant = mpmath.gamma(1.75) / mpmath.sqrt(mpmath.pi * 2.5) / mpmath.gamma(1.25)
    return mpmath.mpf(1) / 2 + x * mpmath.hyp2f1(0.5, 1.75, 1.5, -x * x / 2.5) * constant


def _root(of, name, *before):
    """The inverse of a function, from SciPy's to all digits."""

    def inverse(x):
        start = float(getattr(special, name)(*(before or (2.5,)), float(x)))
        return mpmath.re(mpmath.findroot(lambda y: of(y) - x, mpmath.mpf(start)))

    return inverse


BY_SCIPY = {
    "erfinv": (mpmath.erfinv, [-0.9, -0.1, 0.3, 0.95]),
    "erfcinv": (lambda x: mpmath.erfinv(1 - x), [0.05, 0.7, 1.5, 1.9]),
    "ndtri": (lambda x: mpmath.sqrt(2) * mpmath.erfinv(2 * x - 1), [0.01, 0.3, 0.5, 0.9]),
    "k0": (lambda x: mpmath.besselk(0, x), [0.1, 1.0, 3.0, 20.0]),
    "k1": (lambda x: mpmath.besselk(1, x), [0.1, 1.0, 3.0, 20.0]),
    "y0": (lambda x: mpmath.bessely(0, x), [0.1, 1.0, 3.0, 20.0]),
    "y1": (lambda x: mpmath.bessely(1, x), [0.1, 1.0, 3.0, 20.0]),
    "ellipk": (mpmath.ellipk, [-3.0, -0.1, 1e-9, 0.05, 0.1249, 0.1251, 0.7, 0.99]),
    "ellipe": (mpmath.ellipe, [-3.0, -0.1, 1e-9, 0.05, 0.1249, 0.1251, 0.7, 0.99]),
    "expi": (mpmath.ei, [0.1, 0.5, 2.0, 9.0]),
    "exp1": (mpmath.e1, [0.1, 0.5, 2.0, 9.0]),
    "dawsn": (lambda x: mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(-x * x) * mpmath.erfi(x), [-2.0, 0.0, 0.5, 3.0]),
    "jv": (lambda x: mpmath.besselj(2.5, x), [0.5, 2.0, 7.0, 20.0]),
    "yv": (lambda x: mpmath.bessely(2.5, x), [0.5, 2.0, 7.0, 20.0]),
    "iv": (lambda x: mpmath.besseli(2.5, x), [0.5, 2.0, 7.0, 20.0]),
    "kv": (lambda x: mpmath.besselk(2.5, x), [0.5, 2.0, 7.0, 20.0]),
    "gammainc": (lambda x: mpmath.gammainc(2.5, 0, x, regularized=True), [0.1, 1.0, 3.0, 12.0]),
    "gammaincc": (lambda x: mpmath.gammainc(2.5, x, regularized=True), [0.1, 1.0, 3.0, 12.0]),
    "stdtr": (_student, [-4.0, -0.5, 0.0, 2.0]),
    "betainc": (lambda x: mpmath.betainc(2.5, 1.25, 0, x, regularized=True), [0.01, 0.3, 0.6, 0.99]),
    "betaincc": (lambda x: mpmath.betainc(2.5, 1.25, x, 1, regularized=True), [0.01, 0.3, 0.6, 0.99]),
    "k0e": (lambda x: mpmath.exp(x) * mpmath.besselk(0, x), [0.1, 3.0, 29.9, 30.1, 1e4]),
    "k1e": (lambda x: mpmath.exp(x) * mpmath.besselk(1, x), [0.1, 3.0, 29.9, 30.1, 1e4]),
    "ive": (lambda x: mpmath.exp(-x) * mpmath.besseli(2.5, x), [0.5, 2.0, 7.0, 20.0]),
    "kve": (lambda x: mpmath.exp(x) * mpmath.besselk(2.5, x), [0.5, 2.0, 7.0, 20.0]),
    "erfi": (mpmath.erfi, [-2.0, 0.0, 0.5, 3.0]),
    "spence": (lambda x: mpmath.polylog(2, 1 - x), [0.1, 0.699, 0.701, 1.0, 1.01, 1.299, 1.301, 5.0]),
    "gammaincinv": (_root(lambda y: mpmath.gammainc(2.5, 0, y, regularized=True), "gammaincinv"), [0.01, 0.5, 0.97]),
    "gammainccinv": (_root(lambda y: mpmath.gammainc(2.5, y, regularized=True), "gammainccinv"), [0.01, 0.5, 0.97]),
    "betaincinv": (
        _root(lambda y: mpmath.betainc(2.5, 1.25, 0, y, regularized=True), "betaincinv", 2.5, 1.25), [0.01, 0.5, 0.9]
    ),
    "stdtrit": (_root(_student, "stdtrit"), [0.01, 0.4, 0.97]),
    "hyp1f1": (lambda x: mpmath.hyp1f1(2.5, 1.25, x), [-3.0, 0.0, 0.7, 4.0]),
    "hyp2f1": (lambda x: mpmath.hyp2f1(2.5, 1.25, 3.5, x), [-3.0, -0.2, 0.0, 0.7]),
    "eval_legendre": (lambda x: mpmath.legendre(5, x), [-0.9, 0.0, 0.3, 1.5]),
    "eval_chebyt": (lambda x: mpmath.chebyt(5, x), [-0.9, 0.0, 0.3, 1.5]),
    "eval_chebyu": (lambda x: mpmath.chebyu(5, x), [-0.9, 0.0, 0.3, 1.5]),
    "eval_hermite": (lambda x: mpmath.hermite(5, x), [-0.9, 0.0, 0.3, 1.5]),
    "eval_hermitenorm": (lambda x: mpmath.hermite(5, x / mpmath.sqrt(2)) / mpmath.sqrt(2) ** 5, [-0.9, 0.0, 0.3, 1.5]),
    "eval_laguerre": (lambda x: mpmath.laguerre(5, 0, x), [-0.9, 0.0, 0.3, 1.5]),
}  # fmt: skip
BESIDE = {
    **dict.fromkeys(("betainc", "betaincc", "betaincinv", "hyp1f1"), (2.5, 1.25)),
    "hyp2f1": (2.5, 1.25, 3.5),
    **dict.fromkeys(LIBRARY.keys() & {n for n in BY_SCIPY if n.startswith("eval_")}, (5,)),
}


def test_every_function_that_is_called_has_its_case():
    assert set(BY_SCIPY) == set(LIBRARY)


@pytest.mark.parametrize("name", BY_SCIPY)
def test_functions_that_compiled_code_calls(name):
    exact, places = BY_SCIPY[name]
    ufunc = getattr(special, name)
    before = BESIDE.get(name, (2.5,) * (ufunc.nin - 1))
    f = lambda x: ufunc(*before, x[0])
    points = np.array(places)[:, None]
    with mpmath.workdps(50):  # a difference of 20 digits and a second one of 25, in a third of the time of mpmath's own
        h = mpmath.mpf(10) ** -12
        values = [[exact(mpmath.mpf(x) + k * h) for k in (-1, 0, 1)] for x in places]
        wanted = np.array([[float((c - a) / (2 * h)), float((a - 2 * b + c) / h**2)] for a, b, c in values])
    many = np.tile(points, (40, 1))
    np.testing.assert_allclose([f(x) for x in points], [float(b) for _, b, _ in values], rtol=1e-12, atol=1e-14)
    for method, within in (("exact", 1e-12), ("central", 1e-6)):
        found = gradient(f, many, batch=True, method=method, engine="simd")[: len(places), 0]
        np.testing.assert_allclose(found, wanted[:, 0], rtol=within, atol=within)
    np.testing.assert_allclose(
        [gradient(f, x, method="exact")[0] for x in points], wanted[:, 0], rtol=1e-12, atol=1e-13
    )
    second = hessian(f, many, batch=True, method="exact")[: len(places), 0, 0]
    np.testing.assert_allclose(second, wanted[:, 1], rtol=1e-9, atol=1e-10)


def test_counts_that_are_known_make_products():
    """Below 0, where gammas would have to be asked for their signs, too."""
    for f, exact in (
        (lambda x: special.binom(x[0], 3), lambda x: mpmath.binomial(x, 3)),
        (lambda x: special.binom(x[0], 0) * x[0], lambda x: x),
        (lambda x: special.poch(x[0], 4), lambda x: mpmath.rf(x, 4)),
    ):
        for place in (-2.5, 0.0, 0.7, 9.0):
            wanted = float(mpmath.diff(exact, mpmath.mpf(place), h=mpmath.mpf(10) ** -12))
            assert gradient(f, np.array([place]), method="exact")[0] == pytest.approx(wanted, rel=1e-13, abs=1e-13)
            assert evaluate(trace(f, (1,)), [place]) == pytest.approx([f(np.array([place]))], rel=1e-13, abs=1e-15)


def test_binomials_of_negative_whole_numbers_are_none():
    assert np.isnan(evaluate(trace(lambda x: special.binom(x[0], 3), (1,)), [-2.0])[0])


def test_degrees_and_orders_are_known():
    for f, reason in (
        (lambda x: special.eval_legendre(x[0], 0.5), "a polynomial of a degree that is traced"),
        (lambda x: special.eval_chebyt(65, x[0]), "none of 0 to 64"),
        (lambda x: special.stdtr(np.inf, x[0]), "stdtr of an order or a shape that is infinite"),
        (lambda x: special.jv(x[0], 0.5), "scipy.special.jv of another argument than its last one"),
    ):
        with pytest.raises(Untraceable, match=reason):
            trace(f, (1,))
    assert evaluate(trace(lambda x: special.eval_hermite(0, x), (2,)), [0.3, 0.4]) == [1.0, 1.0]
    assert evaluate(trace(lambda x: special.eval_hermite([1, 2], x), (2,)), [0.3, 0.4]) == pytest.approx([0.6, -1.36])


@pytest.mark.parametrize("n", [20.0, 31.0, 1e4, 1e8, 1e14])
@pytest.mark.parametrize(
    ("name", "exact"),
    [
        ("beta", lambda a: mpmath.beta(a, 0.5)),
        ("betaln", lambda a: mpmath.log(mpmath.beta(a, 0.5))),
        ("poch", lambda a: mpmath.rf(a, 0.5)),
        ("binom", lambda a: mpmath.binomial(a, 0.5)),
    ],
)
def test_quotients_of_large_gammas(name, exact, n):
    """Whose logarithms are nearly equal."""
    f = lambda x: getattr(special, name)(x[0], 0.5)
    with mpmath.workdps(60):
        value, first = float(exact(mpmath.mpf(n))), float(mpmath.diff(exact, mpmath.mpf(n), h=mpmath.mpf(n) / 10**20))
    assert evaluate(trace(f, (1,)), [n]) == pytest.approx([value], rel=2e-13)
    assert evaluate(exact_of(trace(f, (1,))), [n])[0] == pytest.approx(first, rel=2e-13)


def exact_of(program):
    return exact_program(program, stencils.gradient(1, method="exact")).program


@pytest.mark.parametrize("m", [-1, -2, -5])
def test_falling_products(m):
    for place in (1e-12, 1e-8, 0.3, 7.5, -2.5):
        wanted = float(mpmath.diff(lambda t: mpmath.rf(t, m), mpmath.mpf(place), h=mpmath.mpf(10) ** -20))
        found = gradient(lambda x: special.poch(x[0], m), np.array([place]), method="exact")[0]
        assert found == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("x", [-171.2, -2.2, -2.0, -1e-9, 0.0, 1e-15, 1e-9, 0.3, 171.0, 300.0])
def test_quotients_of_gammas_of_any_sign_and_size(x):
    """Gammas beyond 170 are infinite, and at the poles of one that divides f is smooth."""
    with mpmath.workdps(60):
        h = mpmath.mpf(10) ** -14
        for f, exact in (
            (lambda t: special.poch(t, 2.5), lambda t: mpmath.rf(t, 2.5)),
            (lambda t: special.binom(5.5, t), lambda t: mpmath.binomial(5.5, t)),
            (lambda t: special.binom(t + 0.25, 2.5), lambda t: mpmath.binomial(t + 0.25, 2.5)),
        ):
            a, b, c, d, e = (exact(mpmath.mpf(x) + k * h) for k in (-2, -1, 0, 1, 2))
            wanted = [(d - b) / (2 * h), (d - 2 * c + b) / h**2, (e - 2 * d + 2 * b - a) / (2 * h**3)]
            for n, slope in enumerate(wanted, 1):
                found = fastgrad.derivative(f, x, n=n, method="exact")
                assert found == pytest.approx(float(slope), rel=1e-9, abs=1e-30), (n, float(c))


def test_betas_of_equal_numbers_have_all_slopes():
    assert fastgrad.derivative(lambda x: special.binom(2.0, x), 1.0, n=4, method="exact") == pytest.approx(
        8.0068012, rel=1e-7
    )
    one, both = float(mpmath.polygamma(1, 2) - mpmath.polygamma(1, 4)), -float(mpmath.polygamma(1, 4))
    found = hessian(lambda x: special.betaln(x[0], x[1]), np.array([2.0, 2.0]), method="exact")
    np.testing.assert_allclose(found, [[one, both], [both, one]], rtol=1e-13)
