"""Symbols, masks and the trace that records them, one by one."""

import copy
import math

import numpy as np
import pytest

from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable
from fastgrad.program.trace.symbols import Flag, Literal, Symbol, Trace, as_number, check_dtype


@pytest.fixture
def recording():
    with Trace(100) as recording:
        yield recording


@pytest.fixture
def x(recording):
    return Symbol(recording, ("x", 0))


def test_equal_nodes_are_one_and_numbers_are_slots(recording, x):
    assert (x + 2.0).key == (x + np.int64(2)).key != (x + np.float32(2)).key
    assert (x + 2.0).key != (2.0 + x).key
    assert recording.constants == [2.0, 2.0]  # one of them in single precision
    assert recording.operand(Literal(2.0)) == ("k", 2.0)
    assert recording.operand("text") is None


def test_constants_are_told_apart_by_their_bits(recording):
    slots = [recording.constant(value) for value in (0.0, -0.0, np.nan, 0.0, np.nan)]
    assert slots == [("c", 0), ("c", 1), ("c", 2), ("c", 0), ("c", 2)]


def test_a_comparison_is_a_mask_and_counts_as_a_number_where_one_is_wanted(recording, x):
    mask = x < 1.0
    assert type(mask) is Flag
    assert type(as_number(mask)) is Symbol
    assert as_number(x) is x
    assert as_number(3) == 3
    assert (mask * x).key == (as_number(mask) * x).key
    assert [name for name, *_ in recording.nodes] == ["lt", "tofloat", "*"]


def test_a_symbol_is_its_own_copy(x):
    assert copy.copy(x) is copy.deepcopy(x) is x.copy() is x.item() is x.real is +x is x


@pytest.mark.usefixtures("recording")
def test_only_float64_is_traced(x):
    for dtype in (None, float, object, np.float64):
        check_dtype(dtype)
    assert x.astype(float) is x
    for dtype in (np.float32, np.int32, bool):
        with pytest.raises(Untraceable, match=f"f asks for {np.dtype(dtype)}"):
            x.astype(dtype)


def test_a_trace_has_a_budget_and_stays_refused():
    with Trace(2) as recording:
        x = Symbol(recording, ("x", 0))
        y = x * x + 1.0
        with pytest.raises(Untraceable, match="more than 2 operations"):
            y * x
        assert (x * x + 1.0).key == y.key  # nothing new
        with pytest.raises(Untraceable, match="integer"):
            int(x)
    assert "more than 2 operations" in recording.reason


def test_values_of_another_trace_are_refused(x):
    with Trace(10) as inner:
        other = Symbol(inner, ("x", 0))
        with pytest.raises(Untraceable, match="kept from an earlier call"):
            other + x
    assert (x + x).key == ("v", 0)  # the outer trace runs on


def test_a_mask_as_an_index_is_one_of_pythons_or_refused():
    for f in (
        lambda x: [x[0], x[1]][any(v > 1.0 for v in x)],
        lambda x: [x[0], x[1]][not x[0] > 1.0],
        lambda x: [x[0], x[1]][float(x[0]) > 1.0],
        lambda x: [x[0], x[1]][int(x[0] > 1.0)],
        lambda x: [x[0], x[1]][math.isfinite(x[0])],
        lambda x: [x[0], x[1]][sum(v > 1.0 for v in x[:1])],
    ):
        program = trace(f, (2,))
        for x in ([0.5, 3.0], [1.5, 0.5]):
            assert evaluate(program, x) == [f(np.array(x))]
    for f in (
        lambda x: [x[0], x[1]][x[0] > 1.0],
        lambda x: (x[0], x[1])[np.any(x > 1.0)],
        lambda x: sum(x[0] for _ in range(x[0] > 1.0)),
        lambda x: [x[0], x[1]][1.0 if x[0] > 1.0 else 0.0],
    ):
        with pytest.raises(TypeError):
            f(np.ones(2))
        with pytest.raises(Untraceable, match="index or a count"):
            trace(f, (2,))


MASKS = {
    "a window": lambda x: np.sum((x > -1.0) * (x < 1.0) * x**2),
    "either": lambda x: np.sum(((x > 1.0) + (x < -1.0)) * x**2),
    "with known ones": lambda x: np.sum((x > 0.0) * np.array([True, False, True]) * x),
    "as matrices": lambda x: np.sum(((np.outer(x, x) > 0.5) @ (x > 0.0)) * x) + ((x > 0.0) @ (x < 1.0)) * x[1],
    "numbers of them": lambda x: (x[0] > 0.0) * (x[1] < 1.0) * x[2] + ((x > 0.0) + (x > 1.0)).sum() * x[0],
}


@pytest.mark.parametrize("name", MASKS)
def test_a_product_of_masks_is_and_a_sum_is_or(name):
    program = trace(MASKS[name], (3,))
    for x in np.random.default_rng(0).uniform(-2.0, 2.0, (40, 3)):
        np.testing.assert_allclose(evaluate(program, x), MASKS[name](x), rtol=1e-14)


EQUAL = {
    "two": lambda x: ((x[0] > 0.0) == (x[1] > 0.0)) * x[2],
    "arrays": lambda x: np.sum(((x > 0.0) != (x[::-1] > 0.5)) * x),
    "a known one": lambda x: x[1] * ((x[0] > 0.0) == True) + x[2] * ((x[1] > 0.0) != False),
    "known ones": lambda x: np.sum(((x > 0.0) == np.array([True, False, True])) * x),
    "one and zero": lambda x: ((x[0] > 0.0) == 1) * x[1] + ((x[0] > 0.0) == 0) * x[2],
    "by name": lambda x: np.equal(x > 0.0, x[::-1] > 0.0) @ x + np.not_equal(x > 0.0, True) @ x,
    "all of them": lambda x: np.array_equal(x > 0.0, [True, True, False]) * x[0] + x[1],
    "of Python": lambda x: ((x[0].item() > 0) == (x[1].item() > 0)) * x[2],
}


@pytest.mark.parametrize("name", EQUAL)
def test_masks_are_equal_or_not(name):
    program = trace(EQUAL[name], (3,))
    for x in np.random.default_rng(0).uniform(-2.0, 2.0, (40, 3)):
        np.testing.assert_allclose(evaluate(program, x), EQUAL[name](x), rtol=1e-14)


def test_of_pythons_bools_they_are_integers():
    for f in (lambda x: (x[0].item() > 0) + (x[1].item() > 0), lambda x: (float(x[0]) > 0) * (x[1] > 0)):
        with pytest.raises(Untraceable, match="two comparisons"):
            trace(f, (2,))
