"""The polynomials of fastgrad's vector math, as it has them in `fastgrad/llvm/math`.

Each goes through its function at the zeros of a Chebyshev polynomial, which is the best there is but for a tenth of a
digit, in 60 digits, and is then rounded. Its comment says where it is taken and by how much it misses, relative to
what is asked for.

    python bench/coefficients.py > fastgrad/llvm/math/coefficients.py
    python bench/coefficients.py special > fastgrad/llvm/math/specialcoefficients.py
"""

import sys
from collections.abc import Callable
from typing import Any

import mpmath as mp

mp.mp.dps = 60
TINY = mp.mpf(10) ** -6
HALF_LN2 = mp.log(2) / 2 * mp.mpf("1.0001")


def interpolated(f: Callable[[Any], Any], a: Any, b: Any, count: int) -> list[Any]:
    """The coefficients, lowest first, of the polynomial through f at the Chebyshev points of [a, b]."""
    nodes = [(a + b) / 2 + (b - a) / 2 * mp.cos(mp.pi * (2 * k + 1) / (2 * count)) for k in range(count)]
    powers, values = mp.matrix(count, count), mp.matrix(count, 1)
    for i, x in enumerate(nodes):
        values[i] = f(x)
        for j in range(count):
            powers[i, j] = x**j
    return list(mp.lu_solve(powers, values))


def missed(f: Callable[[Any], Any], weight: Callable[[Any], Any], a: Any, b: Any, coefficients: list[Any]) -> float:
    """The largest error of the rounded polynomial, as a power of two."""
    points = [a + (b - a) * k / 300 for k in range(301)]
    rounded = [mp.mpf(float(c)) for c in coefficients]
    return float(mp.log(max(abs((mp.polyval(rounded[::-1], x) - f(x)) * weight(x)) for x in points), 2))


def _exp(r: Any) -> Any:
    """(exp(r) - 1 - r - r**2 / 2) / r**3."""
    return mp.polyval([1 / mp.factorial(k + 3) for k in range(40)][::-1], r)


def _exp2(r: Any) -> Any:
    """(2**r - 1 - r log(2)) / r**2."""
    return (mp.mpf(0.5) + r * mp.log(2) * _exp(r * mp.log(2))) * mp.log(2) ** 2


def _of_root(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """(f(t) / t - 1) / t**2 as a function of t**2."""
    return lambda z: (f(mp.sqrt(z)) / mp.sqrt(z) - 1) / z


def _even(f: Callable[[Any], Any], second: Any) -> Callable[[Any], Any]:
    """(f(t) - 1 - second t**2) / t**4 as a function of t**2."""
    return lambda z: (f(mp.sqrt(z)) - 1 - second * z) / z**2


def _log(z: Any) -> Any:
    """(log((1 + s) / (1 - s)) - 2 s) / s**3 as a function of s**2."""
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) / s - 2) / z


def _log_rest(z: Any) -> Any:
    return (_log(z) - mp.mpf(2) / 3) / z


def _sine_rest(z: Any) -> Any:
    """(sin(t) / t - 1 + z / 6) / z**2 where z is t**2 and the sixth the nearest double."""
    return ((mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z + mp.mpf(1 / 6)) / z


def _erf(z: Any) -> Any:
    """erf(t) / t - 1 where z is t**2."""
    return mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1


def _erfc(t: Any) -> Any:
    """erfc(x) exp(x**2) where t is (x - 2) / (x + 2)."""
    return mp.erfc(_far(t)) * mp.exp(_far(t) ** 2)


def _far(t: Any) -> Any:
    return 2 * (1 + t) / (1 - t)


# --- error, gamma and Bessel functions --------------------------------------------------------------------------------

BESIDE = mp.mpf(15) / 4
LARGE = 8  # where asymptotic series begin
ROOT = mp.findroot(mp.digamma, 1.46)
HALF, ONE = mp.mpf(0.5), mp.mpf(1)


def _scaled_erfc(t: Any) -> Any:
    """(1 + 2 x) erfc(x) exp(x**2) where t is (x - 15/4) / (x + 15/4)."""
    if t == 1:
        return 2 / mp.sqrt(mp.pi)
    x = BESIDE * (1 + t) / (1 - t)
    if x > 200:
        series = mp.fsum((-1) ** k * mp.fac2(2 * k - 1) / (2 * x * x) ** k for k in range(12))
        return (1 + 2 * x) * series / (x * mp.sqrt(mp.pi))
    return (1 + 2 * x) * mp.erfc(x) * mp.exp(x * x)


def _log_gamma(d: Any) -> Any:
    """log(gamma(2 + d)) / d."""
    return mp.loggamma(2 + d) / d if d else mp.digamma(2)


def _stirling(z: Any) -> Any:
    """What Stirling's formula misses, times x, where z is 1/x**2."""
    x = 1 / mp.sqrt(z)
    return (mp.loggamma(x) - ((x - HALF) * mp.log(x) - x + mp.log(2 * mp.pi) / 2)) * x


def _digamma(d: Any) -> Any:
    """The derivative of log(gamma) at 3/2 + d, without its root."""
    return mp.digamma(HALF + ONE + d) / (HALF + ONE + d - ROOT)


def _digamma_far(z: Any) -> Any:
    x = 1 / mp.sqrt(z)
    return (mp.log(x) - 1 / (2 * x) - mp.digamma(x)) / z


def _trigamma_far(z: Any) -> Any:
    x = 1 / mp.sqrt(z)
    return (mp.psi(1, x) - 1 / x - z / 2) * x / z


def _bessel(order: int) -> Callable[[Any], Any]:
    """I(x) exp(-x) where t is x / 4 - 1; of order 1 over x."""

    def scaled(t: Any) -> Any:
        x = 4 + 4 * t
        if not x:
            return ONE if order == 0 else HALF
        return mp.exp(-x) * mp.besseli(order, x) / x**order

    return scaled


def _bessel_far(order: int) -> Callable[[Any], Any]:
    """I(x) exp(-x) sqrt(x) where t is 16 / x - 1."""

    def scaled(t: Any) -> Any:
        x = 16 / (1 + t)
        if x < 2000:
            return mp.exp(-x) * mp.besseli(order, x) * mp.sqrt(x)
        terms, term = ONE, ONE
        for k in range(1, 15):
            term *= -(4 * order**2 - (2 * k - 1) ** 2) / (8 * k * x)
            terms += term
        return terms / mp.sqrt(2 * mp.pi)

    return scaled


SQUARE = (mp.sqrt(2) - 1) ** 4 * mp.mpf("1.0001")  # of (m - 1) / (m + 1) where m is the square root of 2
# name, function, interval, number of coefficients, and what an error of the polynomial is multiplied by
TABLE: list[tuple[str, Callable[[Any], Any], Any, Any, int, Callable[[Any], Any]]] = [
    ("SINE_WIDE", _sine_rest, TINY, (mp.pi / 2) ** 2 * mp.mpf("1.0001"), 7, lambda z: z**2),
    ("SINE", _of_root(mp.sin), TINY, (mp.pi / 4) ** 2 * mp.mpf("1.0001"), 6, lambda z: z),
    ("COSINE", _even(mp.cos, mp.mpf(-0.5)), TINY, (mp.pi / 4) ** 2 * mp.mpf("1.0001"), 6, lambda z: z**2),
    ("TANGENT", _of_root(mp.tan), TINY, (mp.pi / 4) ** 2 * mp.mpf("1.0001"), 15, lambda z: z),
    ("EXP", _exp, -HALF_LN2, HALF_LN2, 9, lambda r: r**3),
    ("EXPM1", _exp, -HALF_LN2, HALF_LN2, 10, lambda r: r**2),
    ("EXP2", _exp2, mp.mpf(-0.5), mp.mpf(0.5), 10, lambda r: r),
    ("SINH", _of_root(mp.sinh), TINY, HALF_LN2**2, 5, lambda z: z),
    ("COSH", _even(mp.cosh, mp.mpf(0.5)), TINY, HALF_LN2**2, 5, lambda z: z**2),
    ("TANH", _of_root(mp.tanh), TINY, mp.mpf("0.4"), 12, lambda z: z),
    ("LOG", _log, TINY, SQUARE, 7, lambda z: z),
    ("LOG_REST", _log_rest, TINY, SQUARE, 7, lambda z: z**2),
    ("ERF", _erf, TINY, mp.mpf(1), 13, lambda z: 1),
    ("ERFC", _erfc, mp.mpf(-1) / 3, mp.mpf(0.5), 15, lambda t: mp.exp(-(_far(t) ** 2))),
    ("ATAN", _of_root(mp.atan), TINY, mp.mpf(0.25), 12, lambda z: z),
    ("ASIN", _of_root(mp.asin), TINY, mp.mpf(0.25), 13, lambda z: z),
]

FAR = ONE / LARGE**2
SPECIAL: list[tuple[str, Callable[[Any], Any], Any, Any, int, Callable[[Any], Any]]] = [
    ("SCALED_ERFC", _scaled_erfc, -ONE, ONE, 26, lambda t: 1),
    ("LOG_GAMMA", _log_gamma, -HALF, HALF, 20, lambda d: 2),
    ("STIRLING", _stirling, TINY, FAR, 6, lambda z: mp.sqrt(z) / 4),
    ("DIGAMMA", _digamma, -HALF, HALF, 22, lambda d: 1),
    ("DIGAMMA_FAR", _digamma_far, TINY, FAR, 6, lambda z: z / 2),
    ("TRIGAMMA_FAR", _trigamma_far, TINY, FAR, 7, lambda z: z),
    *[(f"BESSEL_{n}", _bessel(n), -ONE, ONE, 30, lambda t: 5 * (1.1 + t)) for n in (0, 1)],
    *[(f"BESSEL_{n}_FAR", _bessel_far(n), -ONE + TINY, ONE, 22, lambda t: 2) for n in (0, 1)],
]


def split(value: Any, *bits: int) -> list[Any]:
    """A number as a sum: parts of so many bits each, and the rest."""
    parts = []
    for width in bits:
        mantissa, exponent = mp.frexp(value)
        parts.append(mp.ldexp(mp.floor(mp.ldexp(mantissa, width)), int(exponent) - width))
        value -= parts[-1]
    return [*parts, value]


# Products of the first short parts with whole numbers below 2**20 are exact.
SUMS = [
    ("PI", split(mp.pi, 53, 53)),
    ("PI_SHORT", split(mp.pi, 33, 33)),
    ("HALF_PI", split(mp.pi / 2, 53)),
    ("LN2", split(mp.log(2), 32)),
    ("LOG2E", split(1 / mp.log(2), 32)),
    ("LOG10E", split(1 / mp.log(10), 32)),
    ("LOG10_2", split(mp.log10(2), 32)),
]
SPECIAL_SUMS = [("DIGAMMAS_ROOT", split(ROOT, 53))]


def main() -> None:
    """Write the module."""
    special = "special" in sys.argv
    print('"""Coefficients of polynomials, lowest first, and constants as sums: written by bench/coefficients.py."""\n')
    for name, f, a, b, count, weight in SPECIAL if special else TABLE:
        coefficients = interpolated(f, a, b, count)
        error = missed(f, weight, a, b, coefficients)
        print(f"# from {float(a):.4g} to {float(b):.4g}; 2**{error:.1f}")
        lines = "\n".join(f"    {float(c)!r}," for c in coefficients)
        print(f"{name} = (\n{lines}\n)")
    print(
        "\n# but for PI the first parts are short: whole numbers below 2**20 times them are exact"
        if not special
        else ""
    )
    for name, parts in SPECIAL_SUMS if special else SUMS:
        print(f"{name} = ({', '.join(repr(float(p)) for p in parts)})")


if __name__ == "__main__":
    main()
