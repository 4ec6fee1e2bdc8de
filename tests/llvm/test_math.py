"""Our own vector math against mpmath: at random, at the edges, with and without fused operations, at every width."""

import mpmath
import numpy as np
import pytest

from fastgrad.llvm import machine
from fastgrad.llvm.vectormath import OWN, PAIRED, Vectors

TEXT = """{declared}
define i64 @over(i64 %start, i64 %stop, ptr %data) {{
entry:
  br label %loop
loop:
  %n = phi i64 [%start, %entry], [%next, %last]
  %a = getelementptr double, ptr %data, i64 %n
  %beside = add i64 %n, %stop
  %b = getelementptr double, ptr %data, i64 %beside
{body}
  br label %last
last:
  %next = add i64 %n, {lanes}
  %more = icmp slt i64 %next, %stop
  br i1 %more, label %loop, label %end
end:
  ret i64 0
}}
attributes #1 = {{ nounwind readnone willreturn }}
"""
RNG = np.random.default_rng(0)
COUNT = 160
PI = np.pi
TURNS = np.array([1, 2, 3, 355, 51819, 88657, 103993, 245850, 87981, 318309]) * (PI / 2)


def spread(low, high, count=COUNT):
    """Numbers of all sizes."""
    return np.exp(RNG.uniform(np.log(low), np.log(high), count))


def both(x):
    return np.concatenate([x, -x])


def near(*places):
    """Numbers on both sides of some."""
    return np.concatenate([np.nextafter(places, -np.inf), places, np.nextafter(places, np.inf)])


def uniform(low, high):
    return RNG.uniform(low, high, COUNT)


ANGLES = np.concatenate([both(spread(1e-20, 1e6)), uniform(-4, 4), uniform(-1e6, 1e6), near(*TURNS), near(1e6, PI / 4)])
POWERS = np.concatenate([both(spread(1e-20, 700)), uniform(-1, 1), near(-708, -0.3465735, 0.3465735, 708)])
ROOTS = near(np.sqrt(0.5), np.sqrt(2), 1.0)
SIZES = np.concatenate(
    [spread(1e-307, 1e307), uniform(0.5, 2), 1 + both(spread(1e-15, 0.1)), ROOTS, near(2.0, 10.0, 1e3)]
)
ABOVE = np.concatenate(
    [spread(1e-20, 1e300), -spread(1e-20, 0.9999), uniform(-0.9, 3), near(np.sqrt(0.5) - 1, 0.4142135)]
)
SINES = np.concatenate([both(spread(1e-20, 1)), uniform(-1, 1), both(1 - spread(1e-15, 0.5)), near(-0.5, 0.5)])
BASES = np.concatenate([spread(1e-300, 1e300), uniform(0.5, 2), 1 + both(spread(1e-15, 0.1)), -uniform(0.1, 10)])
EXPONENTS = np.concatenate([uniform(-1, 1), uniform(-900, 900), 6e3 * uniform(-1, 1), 6e3 * uniform(-1, 1)])
EXPONENTS = np.concatenate([EXPONENTS, np.rint(uniform(-99, 99))])
PLANE = tuple(np.concatenate([both(spread(1e-100, 1e100)), uniform(-1, 1), both(uniform(1, 1.1))]) for _ in range(2))
GAMMAS = np.concatenate(
    [
        spread(1e-150, 1e150),
        uniform(0, 10),
        1 + both(spread(1e-14, 0.4)),
        2 + both(spread(1e-14, 0.4)),
        near(0.5, 1.5, 2.5, 8.0, 1.4616321449683622),
    ]
)
BESSELS = np.concatenate([both(spread(1e-20, 600)), uniform(-10, 10), near(8.0, -8.0)])
ERFCS = near(0.5, -0.5, 26.4)


def _erfcx(x):
    if x > 1e6:
        return (1 - 1 / (2 * x * x)) / (x * mpmath.sqrt(mpmath.pi))
    return mpmath.erfc(x) * mpmath.exp(x * x)


def _log_ndtr(x):
    return mpmath.log(_erfcx(-x / mpmath.sqrt(2)) / 2) - x * x / 2


def _mills(x):
    return mpmath.sqrt(2 / mpmath.pi) / _erfcx(-x / mpmath.sqrt(2))


def _over(function, number):
    """A function over its argument; 1 at 0."""
    return function(number) / number if number else mpmath.mpf(1)


def _of_root(function):
    return lambda q: _over(function, mpmath.sqrt(q))


def _softplusc(p, q):
    """Half the change of log(1 + exp(a)) between a - d and a + d, over d."""
    d = mpmath.sqrt(q)
    return mpmath.log1p(2 * p * mpmath.sinh(d) / (1 - p + p * mpmath.exp(-d))) / (2 * d) if q else p


def squares(limit):
    """Numbers up to a limit, on both sides of that up to which few terms are enough."""
    return np.concatenate([[0.0], np.geomspace(1e-300, limit, COUNT), np.linspace(0, limit, COUNT), near(2.0**-14)])


SQUARES, FEW = squares(1.0), squares(1 / 16)
SHARES = np.concatenate([uniform(0, 1), uniform(0, 1), spread(1e-290, 1), 1 - spread(1e-15, 1), [0.0, 1.0, 0.5]])
SHARED = np.resize(RNG.permutation(SQUARES), len(SHARES))


# name, in mpmath, arguments, units in the last place
CASES = [
    ("sin", mpmath.sin, (ANGLES,), 2),
    ("cos", mpmath.cos, (ANGLES,), 2),
    ("sin" + PAIRED, mpmath.sin, (ANGLES,), 2),
    ("cos" + PAIRED, mpmath.cos, (ANGLES,), 2),
    ("tan", mpmath.tan, (ANGLES,), 2),
    ("exp", mpmath.exp, (POWERS,), 2),
    ("exp2", lambda x: mpmath.mpf(2) ** x, (np.concatenate([POWERS, near(-1022, 1022)]),), 2),
    ("expm1", mpmath.expm1, (POWERS,), 2),
    ("sinh", mpmath.sinh, (POWERS,), 2),
    ("cosh", mpmath.cosh, (POWERS,), 2),
    ("tanh", mpmath.tanh, (np.concatenate([POWERS, near(0.63, 22.0)]),), 2),
    ("erf", mpmath.erf, (np.concatenate([POWERS, uniform(-6, 6), near(1.0, -1.0, 6.0)]),), 2),
    ("erfc", mpmath.erfc, (np.concatenate([uniform(-6, 6), uniform(6, 26.4), both(spread(1e-20, 1)), ERFCS]),), 4),
    ("erfcx", _erfcx, (np.concatenate([uniform(-26.6, 9), spread(1e-20, 1e300), -spread(1e-20, 5), near(0.5)]),), 5),
    ("log_ndtr", _log_ndtr, (np.concatenate([uniform(-37, 8), -spread(1e-20, 1e100), near(0.0, -1.0)]),), 6),
    ("mills", _mills, (np.concatenate([uniform(-37, 8), uniform(8, 37.5), -spread(1e-20, 1e100), near(0.0)]),), 6),
    ("lgamma", mpmath.loggamma, (GAMMAS,), 5),
    ("digamma", mpmath.digamma, (GAMMAS,), 6),
    ("trigamma", lambda x: mpmath.psi(1, x), (np.concatenate([GAMMAS, -uniform(0.001, 30)]),), 6),
    ("i0e", lambda x: mpmath.besseli(0, x) * mpmath.exp(-abs(x)), (BESSELS,), 4),
    ("i1e", lambda x: mpmath.besseli(1, x) * mpmath.exp(-abs(x)), (BESSELS,), 4),
    ("log", mpmath.log, (SIZES,), 2),
    ("log1p", mpmath.log1p, (ABOVE,), 2),
    ("log2", lambda x: mpmath.log(x, 2), (SIZES,), 2),
    ("log10", mpmath.log10, (SIZES,), 2),
    ("pow", mpmath.power, (BASES, EXPONENTS), 2),
    (
        "atan",
        mpmath.atan,
        (np.concatenate([both(spread(1e-20, 1e300)), uniform(-3, 3), near(0.5, 2.0, -0.5, -2.0)]),),
        2,
    ),
    ("atan2", mpmath.atan2, PLANE, 2),
    ("asin", mpmath.asin, (SINES,), 2),
    ("acos", mpmath.acos, (SINES,), 2),
    ("asinh", mpmath.asinh, (both(spread(1e-20, 1e200)),), 2),
    ("acosh", mpmath.acosh, (np.concatenate([1 + spread(1e-15, 1e10), spread(2, 1e200)]),), 2),
    ("atanh", mpmath.atanh, (SINES[np.abs(SINES) < 1],), 2),
    ("hypot", mpmath.hypot, PLANE, 2),
    ("cbrt", lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), (both(SIZES),), 2),
    ("sinhc", _of_root(mpmath.sinh), (SQUARES,), 4),
    ("sinc", _of_root(mpmath.sin), (SQUARES,), 4),
    ("coshc", lambda q: _of_root(mpmath.sinh)(q / 4) ** 2, (SQUARES,), 5),
    ("cosc", lambda q: _of_root(mpmath.sin)(q / 4) ** 2, (SQUARES,), 5),
    ("tanc", _of_root(mpmath.tan), (SQUARES,), 4),
    ("tanhc", _of_root(mpmath.tanh), (SQUARES,), 4),
    ("atanhc", _of_root(mpmath.atanh), (FEW,), 4),
    ("expc", lambda g: _over(mpmath.expm1, g), (both(SQUARES),), 3),
    ("logc", lambda t: _over(mpmath.log1p, t), (both(squares(1 / 8)),), 3),
    ("softplusc", _softplusc, (SHARES, SHARED), 4),
    ("geometric", lambda t: 1 / (1 - t), (both(squares(0.9)),), 3),
]
NAMES = {name: case for name, *case in CASES}
SPECIAL = [
    0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1e-310, -1e-310, 2.2250738585072014e-308, 1.0, -1.0, 0.5, -0.5,
    1e300, -1e300, 1.7e308, 1e22, 1e9, -1e9, 700.0, 709.5, 710.5, -745.5, -750.0, 1030.0, -1080.0, 1e-200, 2.0, -2.0,
    3.0,
]  # fmt: skip
WIDTHS = (1, 2, 4, 8)


def computed(name, columns, lanes=4, fused=True, out=True):
    """The function at many points; written out in a loop or as a function apart."""
    v = Vectors(lanes, fused=fused)
    operands = [v.emit(f"load {v.double}, ptr {p}, align 8") for p in ("%a", "%b")[: len(columns)]]

    def work():
        v.do(f"store {v.double} {v.function(name, *operands)}, ptr %a, align 8")

    if out:
        v.written_out(work, work)
    else:
        work()
    text = TEXT.format(declared="\n".join(v.declared.values()), body="\n".join(v.lines), lanes=lanes)
    count = len(columns[0])
    data = np.concatenate([np.pad(c, (0, -count % 8), constant_values=1.0) for c in columns])
    machine.functions(text, "over", straight=True)[0](0, count + -count % 8, data.ctypes.data)
    return data[:count]


def bits(values):
    return np.where(np.isnan(values), np.nan, values).view(np.int64)


def test_all_functions_have_their_case():
    assert NAMES.keys() == OWN.keys()


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_accuracy(name, fused):
    if fused and not Vectors(2).fused:
        pytest.skip("there it would be a call of the C library")
    exact, columns, ulps = NAMES[name]
    found = computed(name, columns, fused=fused)
    with mpmath.workprec(200):
        wanted = [exact(*map(mpmath.mpf, map(float, row))) for row in zip(*columns, strict=True)]
        spacing = np.spacing(np.abs(np.array([float(w) for w in wanted])))
        errors = [float(abs(mpmath.mpf(float(y)) - w) / s) for y, w, s in zip(found, wanted, spacing, strict=True)]
    assert max(errors) <= ulps


@pytest.mark.parametrize("name", NAMES)
def test_bits_depend_on_nothing_but_the_arguments(name):
    """Not on the width, nor on the lane, nor on what other lanes have, nor on where the function stands."""
    columns = [np.concatenate([c[:200], SPECIAL, c[200:400]]) for c in NAMES[name][1]]
    columns = [c[: min(map(len, columns))] for c in columns]
    wanted = bits(computed(name, columns, 1))
    for lanes in WIDTHS[1:]:
        for out in (True, False):
            np.testing.assert_array_equal(bits(computed(name, columns, lanes, out=out)), wanted)
    order = RNG.permutation(len(wanted))
    np.testing.assert_array_equal(bits(computed(name, [c[order] for c in columns])), wanted[order])


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_special_values_are_the_c_librarys(name, fused, monkeypatch):
    if fused and not Vectors(2).fused:
        pytest.skip("there it would be a call of the C library")
    columns = [np.array(SPECIAL)]
    if len(NAMES[name][1]) == 2:
        columns = [g.ravel() for g in np.meshgrid(SPECIAL, SPECIAL)]
    found = computed(name, columns, fused=fused)
    monkeypatch.setenv("FASTGRAD_VECTOR_MATH", "0")
    wanted = computed(name, columns, fused=fused)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    np.testing.assert_array_equal(np.signbit(found[~np.isnan(found)]), np.signbit(wanted[~np.isnan(found)]))
    np.testing.assert_array_almost_equal_nulp(found[np.isfinite(wanted)], wanted[np.isfinite(wanted)], 4)
    np.testing.assert_array_equal(found[np.isinf(wanted)], wanted[np.isinf(wanted)])
