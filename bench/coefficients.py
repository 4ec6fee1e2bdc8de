"""The polynomials of fastgrad's vector math, as it has them in `fastgrad/llvm/math/coefficients.py`.

Each goes through its function at the zeros of a Chebyshev polynomial, which is the best there is but for a tenth of a
digit, in 60 digits, and is then rounded. Its comment says where it is taken and by how much it misses, relative to
what is asked for.

    python bench/coefficients.py > fastgrad/llvm/math/coefficients.py
"""

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


def main() -> None:
    """Write the module."""
    print('"""Coefficients of polynomials, lowest first, and constants as sums: written by bench/coefficients.py."""\n')
    for name, f, a, b, count, weight in TABLE:
        coefficients = interpolated(f, a, b, count)
        error = missed(f, weight, a, b, coefficients)
        print(f"# from {float(a):.4g} to {float(b):.4g}; 2**{error:.1f}")
        lines = "\n".join(f"    {float(c)!r}," for c in coefficients)
        print(f"{name} = (\n{lines}\n)")
    print("\n# but for PI the first parts are short: whole numbers below 2**20 times them are exact")
    for name, parts in SUMS:
        print(f"{name} = ({', '.join(repr(float(p)) for p in parts)})")


if __name__ == "__main__":
    main()
