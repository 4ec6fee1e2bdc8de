"""Rules of elementwise functions: what they record, and what they compute at the edges."""

import math

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.elementwise import LARGEST_POWER, power, record, select, sinc, traced
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable
from fastgrad.program.trace.symbols import RULES, Symbol, Trace


def names(f, d=2):
    return [name for name, *_ in trace(f, (d,)).nodes]


@pytest.mark.parametrize(("p", "products"), [(1, 0), (2, 1), (3, 2), (8, 3), (15, 6), (LARGEST_POWER, 6)])
def test_integer_powers_are_products_by_squaring(p, products):
    assert names(lambda x: power(x[0], p)) == ["*"] * products
    assert names(lambda x: power(x[0], -p)) == ["*"] * products + ["/"]


def test_exponents_are_no_constants():
    with Trace(9) as recording:
        Symbol(recording, ("x", 0)) ** 2 + Symbol(recording, ("x", 0)) ** 3.0
    assert recording.constants == []


def test_powers_that_are_no_products():
    assert names(lambda x: power(x[0], LARGEST_POWER + 1)) == ["pow"]
    assert names(lambda x: power(x[0], 0.5)) == ["+", "sqrt"]
    assert evaluate(trace(lambda x: power(x[0], 0.5), (1,)), [-0.0]) == [0.0]
    assert math.copysign(1.0, evaluate(trace(lambda x: power(x[0], 0.5), (1,)), [-0.0])[0]) == 1.0  # as pow has it
    assert names(lambda x: [power(x[0], 0)]) == []
    with pytest.raises(Untraceable, match="exponent None"):
        trace(lambda x: power(x[0], None), (1,))


@pytest.mark.parametrize("two", [2, 2.0, np.float64(2.0), np.full(3, 2.0)], ids=["int", "float", "NumPy's", "array"])
def test_squares_of_arrays_are_the_same_products_whatever_they_hold(two):
    alone = trace(lambda x: np.array([power(v, 2) for v in x]), (3,))
    assert trace(lambda x: x**two, (3,)).nodes == alone.nodes
    mixed = trace(lambda x: np.append(x, 3.0) ** np.ravel(two)[0], (3,))
    assert [name for name, *_ in mixed.nodes] == ["*"] * 3
    with pytest.raises(Untraceable, match="power of comparisons"):
        trace(lambda x: np.power(x > 0, 2), (3,))


def test_known_masks_never_reach_the_program():
    assert names(lambda x: np.where(np.logical_or(x[0] > 0, True), x[0], 1.0)) == []
    assert names(lambda x: np.where(np.logical_and(x[0] > 0, True), x[0], 1.0)) == ["gt", "select"]
    assert names(lambda x: np.where(np.logical_xor(True, x[0] > 0), x[0], 1.0)) == ["gt", "not", "select"]


def test_numbers_without_symbols_are_computed_in_pythons_types():
    found = RULES[np.divmod](7.0, 2.0)
    assert found == (3.0, 1.0)
    assert {type(v) for v in found} == {float}
    assert select(True, 1.0, 2.0) == 1.0
    assert not traced(1.0, np.ones(2), "x")


def test_what_is_no_number_is_refused_by_its_type():
    with Trace(10) as recording, pytest.raises(Untraceable, match="combines its argument with a str"):
        record("+", Symbol(recording, ("x", 0)), "text")


@pytest.mark.parametrize("ufunc", [np.logaddexp, np.logaddexp2, np.heaviside])
@pytest.mark.parametrize(
    "x", [(0.0, 0.0), (-0.0, 3.0), (math.inf, math.inf), (-math.inf, -math.inf), (800.0, -800.0), (math.nan, 1.0)]
)
def test_edges_are_numpys(ufunc, x):
    with np.errstate(all="ignore"):
        expected = ufunc(*x)
    assert evaluate(trace(lambda x: ufunc(x[0], x[1]), (2,)), x) == pytest.approx([expected], nan_ok=True, rel=1e-15)


def test_sinc_at_zero_and_at_whole_numbers():
    program = trace(lambda x: sinc(x[0]), (1,))
    assert evaluate(program, [0.0]) == [1.0]
    assert evaluate(program, [0.5]) == pytest.approx([2.0 / math.pi], rel=1e-15)
    assert evaluate(program, [3.0]) == pytest.approx([0.0], abs=1e-16)


def test_parts_of_numbers():
    """What is behind the point has the slope of the number, at 0 and at jumps too; zeros have its sign."""
    points = np.array([0.0, -0.0, 2.0, -2.0, 2.5, -2.5, 1e16, -1e16, 5e-324, np.inf, -np.inf, np.nan])[:, None]
    for part in (0, 1):
        f = lambda x, part=part: np.modf(x[0])[part]
        values, slopes = fastgrad.value_and_gradient(f, points, batch=True, method="exact")
        wanted = np.modf(points[:, 0])[part]
        np.testing.assert_array_equal(values, wanted)
        np.testing.assert_array_equal(np.signbit(values), np.signbit(wanted))
        np.testing.assert_array_equal(slopes[:9], 1.0 - part)
