"""Every operation on vectors against NumPy, special values included, at every width this processor has."""

import numpy as np
import pytest

from fastgrad.engine.simd import emission
from fastgrad.engine.simd.arguments import SLOTS, KernelForm
from fastgrad.formulas import stencils
from fastgrad.llvm import machine
from fastgrad.llvm.calls import Unsupported
from fastgrad.llvm.vectormath import Vectors
from fastgrad.program import specials
from fastgrad.program.differences import differences
from fastgrad.program.program import Program

WIDTHS = [width for width in (2, 4, 8) if width <= machine.lanes()]
SPECIAL = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1e-310, -1e-310, 1e-300,
    1e300, -1e300, 1e22, -1e22, 1e5, -1e5, 709.5, 710.5, -745.5, -746.5, -708.0, 1e-8, -1e-8, 1 + 1e-10, 0.999999, 1.5,
    3.0, -3.0, 0.1, 1e9, 1e16, np.pi, np.pi / 2, 100.7,
]  # fmt: skip
RNG = np.random.default_rng(0)
VALUES = np.concatenate(
    [SPECIAL, RNG.standard_normal(200), 100 * RNG.standard_normal(200), np.exp(RNG.uniform(-700, 700, 200))]
)
ONE = {
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10,
    "log1p": np.log1p, "cbrt": np.cbrt, "sqrt": np.sqrt, "abs": np.abs, "floor": np.floor, "ceil": np.ceil,
    "trunc": np.trunc, "rint": np.rint, "sign": np.sign, "neg": np.negative,
}  # fmt: skip
TWO = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "pow": np.power, "atan2": np.arctan2,
    "hypot": np.hypot, "mod": np.mod, "fmod": np.fmod, "floordiv": np.floor_divide, "min": np.minimum,
    "max": np.maximum, "fmin": np.fmin, "fmax": np.fmax, "copysign": np.copysign,
}  # fmt: skip
LOGIC = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip
EXACT = {"sqrt", "abs", "floor", "ceil", "trunc", "rint", "sign", "neg", "+", "-", "*", "/", "mod", "fmod", "floordiv",
         "min", "max", "fmin", "fmax", "copysign"}  # fmt: skip


def run(nodes, columns, width):
    """The last node of a program at points given by their coordinates, through the compiled `value`."""
    program = Program(len(columns), 0, tuple(nodes), (("v", len(nodes) - 1),), (), (), "d")
    form = KernelForm(width, "default", "uniform", "columns", "columns", False, 0, True)
    text = emission.module(emission.Straight(differences(program, stencils.value()), form, "value"))
    (value,) = machine.functions(text, "value", straight=True)
    pad, out = -len(columns[0]) % width, []
    columns = [np.concatenate([c, np.ones(pad)]) for c in columns]
    for start in range(0, len(columns[0]), width):
        source, found, nothing = (
            np.concatenate([c[start : start + width] for c in columns]),
            np.empty(width),
            np.zeros(1),
        )
        block = np.zeros(len(SLOTS), dtype=np.int64)
        for name, array in (("source", source), ("out", found), ("constants", nothing), ("sizes", nothing)):
            block[SLOTS.index(name)] = array.ctypes.data
        for name in ("source", "out"):
            block[SLOTS.index(f"{name}_row")], block[SLOTS.index(f"{name}_column")] = 1, width
        value(0, width, block.ctypes.data)
        out.append(found)
    return np.concatenate(out)[: len(out) * width - pad]


def check(found, expected, ulps):
    assert (np.isnan(found) == np.isnan(expected)).all()
    number = ~np.isnan(expected)
    found, expected = found[number], expected[number]
    assert (np.signbit(found) == np.signbit(expected)).all()
    with np.errstate(invalid="ignore"):
        distance = np.where(np.isfinite(expected), np.abs(found - expected), 0.0)
    assert (distance <= ulps * np.spacing(np.abs(np.where(np.isfinite(expected), expected, 1.0)))).all()
    assert (found[np.isinf(expected)] == expected[np.isinf(expected)]).all()


@pytest.fixture(params=["vectors", "lane by lane"])
def mode(request, monkeypatch):
    if request.param != "vectors":
        monkeypatch.setenv("FASTGRAD_VECTOR_MATH", "0")
        machine.surroundings.cache_clear()
    yield request.param
    machine.surroundings.cache_clear()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ONE)
def test_functions_of_one_number(name, width, mode):
    with np.errstate(all="ignore"):
        expected = ONE[name](VALUES)
    check(run([(name, ("x", 0))], [VALUES], width), expected, 0 if name in EXACT else 4)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", TWO)
def test_functions_of_two_numbers(name, width, mode):
    a, b = (g.ravel() for g in np.meshgrid(SPECIAL, SPECIAL))
    a, b = np.concatenate([a, VALUES]), np.concatenate([b, RNG.permutation(VALUES)])
    with np.errstate(all="ignore"):
        expected = TWO[name](a, b)
    check(run([(name, ("x", 0), ("x", 1))], [a, b], width), expected, 0 if name in EXACT else 4)


@pytest.mark.parametrize("name", LOGIC)
def test_comparisons_and_selection(name):
    a, b = (g.ravel() for g in np.meshgrid(SPECIAL, SPECIAL))
    nodes = [(name, ("x", 0), ("x", 1)), ("select", ("v", 0), ("x", 0), ("x", 1))]
    expected = np.where(LOGIC[name](a, b), a, b)
    np.testing.assert_array_equal(run(nodes, [a, b], WIDTHS[-1]), expected)


@pytest.mark.parametrize("name", ["isnan", "isinf", "isfinite"])
def test_kinds_of_numbers(name):
    expected = getattr(np, name)(VALUES).astype(float)
    for nodes, want in (
        ([(name, ("x", 0)), ("tofloat", ("v", 0))], expected),
        ([(name, ("x", 0)), ("not", ("v", 0)), ("tofloat", ("v", 1))], 1.0 - expected),
    ):
        assert (run(nodes, [VALUES], WIDTHS[-1]) == want).all()


def test_logic_of_masks():
    a, b = np.array([1.0, 1.0, -1.0, -1.0]), np.array([1.0, -1.0, 1.0, -1.0])
    masks = [("gt", ("x", 0), ("k", 0.0)), ("gt", ("x", 1), ("k", 0.0))]
    for name, want in (("and", [1, 0, 0, 0]), ("or", [1, 1, 1, 0]), ("xor", [0, 1, 1, 0])):
        nodes = [*masks, (name, ("v", 0), ("v", 1)), ("tofloat", ("v", 2))]
        assert run(nodes, [a, b], WIDTHS[0]).tolist() == want


SPECIALS = [name for name in specials.OPERATIONS if name not in ("j0", "j1", "mills", *specials.BY_LIBRARY)]  # rougher


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", SPECIALS)
def test_special_functions(name, width, mode):
    """Where they are large or small SciPy itself is some units off."""
    pytest.importorskip("scipy.special")
    count = 2 if name in ("xlogy", "xlog1py", "xlogabs", "rel_entr") else 1
    columns = [VALUES, np.roll(VALUES, 7)][:count]
    with np.errstate(all="ignore"):
        if name == "rel_entr":  # where the quotient overflows SciPy takes two logarithms
            columns = [c[np.abs(np.log10(np.abs(VALUES / columns[1]))) < 300] for c in columns]
        expected = specials.OPERATIONS[name](*columns)
    found = run([(name, *(("x", i) for i in range(count)))], columns, width)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_array_equal(found[np.isinf(expected)], expected[np.isinf(expected)])
    np.testing.assert_allclose(
        found, expected, rtol=2e-13, atol=1e-300 + 2e-14 * (name in ("digamma", "trigamma", "lgamma"))
    )


def test_unknown_operations_are_refused():
    with pytest.raises(Unsupported, match="'frobnicate'"):
        Vectors(2).apply("frobnicate", "%a")
    with pytest.raises(Unsupported, match="'no_such_function'"):
        Vectors(2).function("no_such_function", "%a")


def test_a_variable_turns_vector_math_off(mode):
    vectors = Vectors(WIDTHS[-1])
    vectors.function("sin", "%a")
    assert ("fastgrad.sin" in " ".join(vectors.declared)) == (mode == "vectors")
