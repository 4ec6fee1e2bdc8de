"""What a program's operations are on vectors: arithmetic, comparisons, sin, exp, ...

Elementary functions are our own (`math`), for any number of lanes and on every system. They are written out where that
is asked for (`written_out`), and are functions apart elsewhere. The C library is asked, lane by lane, for those that we
do not have, for arguments outside of a function's range, and for all with ``FASTGRAD_VECTOR_MATH=0``; SciPy for its.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache, reduce
from operator import or_

from .calls import Calls
from .math import (
    besselfunctions,
    errorfunctions,
    exponentials,
    gammafunctions,
    inverse,
    logarithms,
    powers,
    ratios,
    trigonometric,
)
from .math.values import Found, Mask, Value

# what the C library has by the same names, and f may use
FUNCTIONS = frozenset({
    "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "cbrt", "hypot", "pow", "fmod",
    "erf", "erfc", "lgamma", "tgamma", "j0", "j1",
})  # fmt: skip
OF_TWO = frozenset({"atan2", "hypot", "pow", "fmod", "softplusc"})
ARGUMENTS = ("%x", "%y")

_ARITHMETIC = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
_INTRINSICS = {"abs": "fabs", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "rint": "rint"}
_COMPARES = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
_LOGIC = {"and": "and", "or": "or", "xor": "xor"}
EXPONENT = 0x7FF0000000000000
INVERSE = 0x7FE0000000000000  # minus the bits of a power of two: the bits of its inverse
PAIRED = ".paired"  # where sine and cosine of a number are wanted
# node name -> what writes it
OWN: dict[str, Callable[..., Found]] = {
    "sin": trigonometric.sine,
    "cos": trigonometric.cosine,
    "sin" + PAIRED: trigonometric.sine_paired,
    "cos" + PAIRED: trigonometric.cosine_paired,
    "tan": trigonometric.tangent,
    "exp": exponentials.exponential,
    "exp2": exponentials.power_of_two,
    "expm1": exponentials.exponential_minus_one,
    "sinh": exponentials.hyperbolic_sine,
    "cosh": exponentials.hyperbolic_cosine,
    "tanh": exponentials.hyperbolic_tangent,
    "erf": exponentials.error_function,
    "erfc": errorfunctions.complementary,
    "erfcx": errorfunctions.scaled_complementary,
    "log_ndtr": errorfunctions.logarithm_of_normal,
    "mills": errorfunctions.inverse_mills,
    "lgamma": gammafunctions.logarithm_of_gamma,
    "digamma": gammafunctions.digamma,
    "trigamma": gammafunctions.trigamma,
    "i0e": besselfunctions.scaled_of_order_zero,
    "i1e": besselfunctions.scaled_of_order_one,
    "log": logarithms.logarithm,
    "log1p": logarithms.logarithm_of_more_than_one,
    "log2": logarithms.logarithm_to_two,
    "log10": logarithms.logarithm_to_ten,
    "pow": powers.power,
    "atan": inverse.arc_tangent,
    "atan2": inverse.arc_tangent_of_two,
    "asin": inverse.arc_sine,
    "acos": inverse.arc_cosine,
    "asinh": inverse.area_sine,
    "acosh": inverse.area_cosine,
    "atanh": inverse.area_tangent,
    "hypot": inverse.hypotenuse,
    "cbrt": inverse.cube_root,
    **ratios.NEARBY,
}
_NO_LIBRARYS = frozenset(OWN) - FUNCTIONS - {"sin" + PAIRED, "cos" + PAIRED}  # for all numbers our own


def enabled() -> bool:
    """Whether functions are our own."""
    return os.environ.get("FASTGRAD_VECTOR_MATH", "1").lower() not in {"0", "off", "no", "false"}


@cache
def length(name: str) -> int:
    """Instructions of one of our own functions; 0 of others."""
    if name in CALLING:
        return sum(map(length, CALLING[name]))
    scratch = Vectors(2)
    if name in OWN:
        OWN[name](*(Value(scratch, o) for o in ARGUMENTS[: 2 if name in OF_TWO else 1]))
    return scratch.count


class Vectors(Calls):
    """Writes the body of a function, operation by operation."""

    def __init__(self, lanes: int, *, fused: bool | None = None) -> None:
        super().__init__(lanes, fused=fused)
        self.outside: list[Mask] | None = None  # where functions that are written out are not fast

    def written_out(self, work: Callable[[], None], again: Callable[[], None]) -> None:
        """Functions in the midst of the code of `work`, without calls; and behind a branch `again` with calls.

        It is taken where an argument of some lane is outside of a function's range; the other lanes get the same bits
        as before. Registers that wait for their use need not be saved, as they are around calls.
        """
        self.outside = []
        work()
        masks, self.outside = self.outside, None
        if masks:
            inside = self._branch(reduce(or_, masks))
            again()
            self.do(f"br label %{inside}")
            self.do(f"{inside}:")

    def _branch(self, outside: Mask) -> str:
        """Code for where a mask is set in some lane follows; the label of what comes after it."""
        self.count += 1
        self.declared["!1"] = '!1 = !{!"branch_weights", i32 1, i32 100000}'
        number, some = self.count, self.any(outside.name)
        self.do(f"br i1 {some}, label %outside{number}, label %inside{number}, !prof !1")
        self.do(f"outside{number}:")
        return f"inside{number}"

    # --- operations --------------------------------------------------------------------------------------------------

    def apply(self, name: str, *operands: str) -> str:
        """The result of a program's node."""
        if name in _ARITHMETIC or name in _LOGIC:
            what = f"{_LOGIC[name]} {self.mask}" if name in _LOGIC else f"{_ARITHMETIC[name]} {self.double}"
            return self.emit(f"{what} {operands[0]}, {operands[1]}")
        if name in _COMPARES:
            return self.compare(_COMPARES[name], *operands)
        if name in _INTRINSICS:
            return self.intrinsic(_INTRINSICS[name], *operands)
        if name in OWN or name in FUNCTIONS or (name in CALLING and self.outside is None):
            return self.function(name, *operands)
        if name in _COMPOSED:
            return _COMPOSED[name](self, *operands)
        return self.by_scipy(name, *operands)

    def function(self, name: str, *operands: str) -> str:
        """An elementary function: our own, what is made of several, or the C library's."""
        if name not in CALLING and (name not in OWN or not (enabled() or name in _NO_LIBRARYS)):
            return self.by_library(name.removesuffix(PAIRED), *operands)
        if self.outside is None:
            return self.call(self.apart(name, len(operands)), *operands)
        found, outside = OWN[name](*(Value(self, o) for o in operands))
        self.outside += [outside] if outside else []
        return found.name

    def alike(self) -> Vectors:
        """What writes the body of another function."""
        return Vectors(self.lanes, fused=self.fused)

    def apart(self, name: str, count: int) -> str:
        """One of our own, or what is made of several, as a function of the module, for all arguments."""
        full = f"fastgrad.{name}.{self.lanes}"
        if full not in self.declared:
            body, names = self.alike(), ARGUMENTS[:count]
            if name in CALLING:
                body.do(f"ret {self.double} {_COMPOSED[name](body, *names)}")
            else:
                body.write_whole(name, names)
            head = f"define internal {self.double} @{full}({', '.join(f'{self.double} {n}' for n in names)})"
            wide = " ".join(f'"{kind}-vector-width"="{64 * self.lanes}"' for kind in ("min-legal", "prefer"))
            attributes = f'noinline nounwind readnone willreturn "stackrealign" {wide}'
            self.declared[full] = "\n".join([f"{head} {attributes} {{\nentry:", *body.lines, "}"])
            self.declared |= body.declared
        return full

    def write_whole(self, name: str, operands: tuple[str, ...]) -> None:
        """One of our own; where it is not fast the C library's, lane by lane."""
        found, outside = OWN[name](*(Value(self, o) for o in operands))
        if outside:
            inside = self._branch(outside)
            if name in ratios.NEARBY:
                slow = ratios.far(name, self.function, *(Value(self, o) for o in operands))
            else:
                slow = Value(self, self.by_library(name.removesuffix(PAIRED), *operands))
            self.do(f"ret {self.double} {outside.choose(slow, found).name}")
            self.do(f"{inside}:")
        self.do(f"ret {self.double} {found.name}")


def _negate(v: Vectors, a: str) -> str:
    return v.emit(f"fneg {v.double} {a}")


def _extreme(how: str) -> Callable[[Vectors, str, str], str]:
    """np.minimum, np.maximum: NaN where either is NaN. One machine instruction returns b where a is NaN."""

    def extreme(v: Vectors, a: str, b: str) -> str:
        chosen = v.select(v.compare(how, a, b), a, b)
        return v.select(v.is_nan(a), a, chosen)

    return extreme


def _ignoring_nan(how: str) -> Callable[[Vectors, str, str], str]:
    def extreme(v: Vectors, a: str, b: str) -> str:
        chosen = v.select(v.compare(how, a, b), a, b)
        return v.select(v.is_nan(b), a, chosen)

    return extreme


def _sign(v: Vectors, a: str) -> str:
    """1 with the sign of a; 0 of both zeros, NaN of NaN. A comparison is what takes long."""
    zero = v.splat(0.0)
    return v.select(v.compare("ueq", a, zero), v.apply("+", a, zero), _copysign(v, v.splat(1.0), a))


def _copysign(v: Vectors, a: str, b: str) -> str:
    return v.intrinsic("copysign", a, b)


def _signs_differ(v: Vectors, rest: str, b: str) -> str:
    """Where a remainder is not zero and has another sign than the divisor."""
    zero = v.splat(0.0)
    differ = v.emit(f"xor {v.mask} {v.compare('olt', rest, zero)}, {v.compare('olt', b, zero)}")
    return v.emit(f"and {v.mask} {differ}, {v.compare('une', rest, zero)}")


def _mod(v: Vectors, a: str, b: str) -> str:
    """np.mod: fmod, moved to the sign of the divisor; a zero has the divisor's sign."""
    rest = v.function("fmod", a, b)
    moved = v.select(_signs_differ(v, rest, b), v.apply("+", rest, b), rest)
    return v.select(v.compare("oeq", rest, v.splat(0.0)), _copysign(v, v.splat(0.0), b), moved)


def _floordiv(v: Vectors, a: str, b: str) -> str:
    """np.floor_divide: the quotient after the remainder is taken off, rounded."""
    zero, rest, ratio = v.splat(0.0), v.function("fmod", a, b), v.apply("/", a, b)
    exact = v.apply("/", v.apply("-", a, rest), b)
    exact = v.select(_signs_differ(v, rest, b), v.apply("-", exact, v.splat(1.0)), exact)
    floor = v.intrinsic("floor", exact)
    up = v.compare("ogt", v.apply("-", exact, floor), v.splat(0.5))
    floor = v.select(up, v.apply("+", floor, v.splat(1.0)), floor)
    floor = v.select(v.compare("oeq", exact, zero), _copysign(v, zero, ratio), floor)
    return v.select(v.compare("oeq", b, zero), ratio, floor)


def _is_inf(v: Vectors, a: str) -> str:
    return v.compare("oeq", v.intrinsic("fabs", a), v.splat(float("inf")))


def _is_finite(v: Vectors, a: str) -> str:
    return v.compare("olt", v.intrinsic("fabs", a), v.splat(float("inf")))


def _not(v: Vectors, a: str) -> str:
    return v.emit(f"xor {v.mask} {a}, <{', '.join(['i1 true'] * v.lanes)}>")


def _power(v: Vectors, a: str) -> str:
    """The power of two below a number without its sign: its exponent alone."""
    bits = v.emit(f"bitcast {v.double} {a} to {v.ints}")
    return v.emit(f"bitcast {v.ints} {v.emit(f'and {v.ints} {bits}, {v.whole(EXPONENT)}')} to {v.double}")


def _inverse(v: Vectors, a: str) -> str:
    """1/a of a power of two: a subtraction of exponents."""
    bits = v.emit(f"bitcast {v.double} {a} to {v.ints}")
    return v.emit(f"bitcast {v.ints} {v.emit(f'sub {v.ints} {v.whole(INVERSE)}, {bits}')} to {v.double}")


def _to_float(v: Vectors, a: str) -> str:
    return v.emit(f"uitofp {v.mask} {a} to {v.double}")


def _softplus(v: Vectors, a: str) -> str:
    """log(1 + exp(a)), by the exponential of what is not positive."""
    rest = v.function("log1p", v.function("exp", _negate(v, v.intrinsic("fabs", a))))
    return v.apply("+", v.select(v.compare("olt", a, v.splat(0.0)), v.splat(0.0), a), rest)


def _logit(v: Vectors, a: str) -> str:
    """log(a / (1 - a)); near a half that is the logarithm of nearly 1."""
    rest = v.apply("-", v.splat(1.0), a)
    twice = v.apply("-", v.apply("+", a, a), v.splat(1.0))
    near = v.compare("olt", v.intrinsic("fabs", twice), v.splat(0.5))
    above = v.select(near, v.apply("/", twice, rest), v.splat(0.0))
    return v.select(near, v.function("log1p", above), v.function("log", v.apply("/", a, rest)))


def _times_logarithm(name: str) -> Callable[[Vectors, str, str], str]:
    """0 where the factor is 0, unless the other number is NaN."""

    def product(v: Vectors, a: str, b: str) -> str:
        zero = v.emit(f"and {v.mask} {v.compare('oeq', a, v.splat(0.0))}, {v.compare('ord', b, b)}")
        return v.select(zero, v.splat(0.0), v.apply("*", a, v.function(name, b)))

    return product


def _entropy(v: Vectors, a: str) -> str:
    """-a log(a), 0 at 0, minus infinity below."""
    found = _negate(v, _COMPOSED["xlogy"](v, a, a))
    return v.select(v.compare("olt", a, v.splat(0.0)), v.splat(float("-inf")), found)


def _relative_entropy(v: Vectors, a: str, b: str) -> str:
    """a log(a / b); 0 where a is 0 and b not negative, infinite where one is."""
    zero = v.splat(0.0)
    inside = v.emit(f"and {v.mask} {v.compare('ogt', a, zero)}, {v.compare('ogt', b, zero)}")
    ends = v.emit(f"and {v.mask} {v.compare('oeq', a, zero)}, {v.compare('oge', b, zero)}")
    nan = v.emit(f"or {v.mask} {v.is_nan(a)}, {v.is_nan(b)}")
    found = v.apply("*", a, v.function("log", v.apply("/", a, b)))
    outside = v.select(nan, v.splat(float("nan")), v.splat(float("inf")))
    return v.select(inside, found, v.select(ends, zero, outside))


def _within(v: Vectors, a: str) -> str:
    """0 of what is not negative, minus infinity of the rest."""
    found = v.select(v.compare("olt", a, v.splat(0.0)), v.splat(float("-inf")), v.splat(0.0))
    return v.select(v.is_nan(a), a, found)


CALLING = {
    "softplus": ("exp", "log1p"), "logit": ("log", "log1p"), "xlogy": ("log",), "xlog1py": ("log1p",), "entr": ("log",),
    "rel_entr": ("log",), "logabs": ("log",), "xlogabs": ("log",),
}  # fmt: skip
"""Operations that are made of functions, and of which."""
_COMPOSED: dict[str, Callable[..., str]] = {
    "neg": _negate,
    "min": _extreme("olt"),
    "max": _extreme("ogt"),
    "fmin": _ignoring_nan("olt"),
    "fmax": _ignoring_nan("ogt"),
    "sign": _sign,
    "copysign": _copysign,
    "mod": _mod,
    "floordiv": _floordiv,
    "isnan": Vectors.is_nan,
    "isinf": _is_inf,
    "isfinite": _is_finite,
    "not": _not,
    "select": Vectors.select,
    "tofloat": _to_float,
    "power": _power,
    "inverse": _inverse,
    "softplus": _softplus,
    "logit": _logit,
    "xlogy": _times_logarithm("log"),
    "within": _within,
    "logabs": lambda v, a: v.function("log", v.intrinsic("fabs", a)),
    "xlogabs": lambda v, a, b: _times_logarithm("log")(v, a, v.intrinsic("fabs", b)),
    "entr": _entropy,
    "rel_entr": _relative_entropy,
    "xlog1py": _times_logarithm("log1p"),
}
