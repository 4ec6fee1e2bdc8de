"""Sums of terms that are alike become one term and a table of its numbers."""

from dataclasses import replace

import numpy as np
import pytest

from fastgrad.formulas import stencils
from fastgrad.program import sums
from fastgrad.program.differences import StepSource, differences
from fastgrad.program.exact import exact
from fastgrad.program.program import evaluate
from fastgrad.program.rowschedule import RowSchedule
from fastgrad.program.sums import SHORT, summed
from fastgrad.program.trace.recording import trace
from tests import overdata

NAMES = [f.__name__ for f in [*overdata.SCALARS, overdata.moments]]


def traced(f):
    return trace(f, (3,))


def counts(program):
    return sum(node[0] == "sum" for node in program.nodes), len(program.nodes)


@pytest.mark.parametrize("f", [*overdata.SCALARS, overdata.moments], ids=NAMES)
def test_a_program_with_tables_is_short_and_has_the_same_values(f):
    program = traced(f)
    made = summed(program)
    assert made is not None
    sums, nodes = counts(made.program)
    assert 1 <= sums <= 3
    assert nodes < 50 < SHORT <= len(program.nodes)
    rows = RowSchedule(made.program, made)
    for x in (overdata.POINT, np.array([-0.4, 2.0, 3.0])):
        np.testing.assert_allclose(rows.values(x[:, None], program.constants)[:, 0], evaluate(program, x), rtol=1e-13)


def test_other_constants_are_other_data():
    program = traced(overdata.wave)
    made = summed(program)
    other = tuple(2.0 * c for c in program.constants)
    found = RowSchedule(made.program, made).values(overdata.POINT[:, None], other)
    np.testing.assert_allclose(found[:, 0], evaluate(replace(program, constants=other), overdata.POINT), rtol=1e-13)


def test_terms_of_one_table_are_added_in_one_sum():
    """So that what they have in common is computed once, and its derivative too."""
    made = summed(traced(overdata.logistic)).program
    assert counts(made)[0] == 1
    assert sum(node[0] == "exp" for node in made.nodes) == 2
    assert made.tables == ((overdata.COUNT, 5),)  # three coordinates, a label and 1 minus it


def test_rows_of_two_kinds_are_two_tables():
    made = summed(traced(overdata.by_kind)).program
    ones = int(overdata.GROUPS.sum())
    assert sorted(rows for rows, _ in made.tables) == sorted([ones, overdata.COUNT - ones])


def test_what_rows_have_in_common_is_outside():
    made = summed(traced(overdata.normal)).program
    inside = [n for n in made.nodes if any(o[0] == "d" for o in n[1:])]
    assert ("exp", ("x", 1)) in made.nodes
    assert all(node[0] != "exp" for node in inside)


def test_what_is_the_same_in_all_rows_is_a_product():
    program = summed(traced(overdata.with_sizes)).program
    assert ("*", ("x", 0), ("x", 1)) in program.nodes
    slopes = exact(program, stencils.gradient(3, 2, "exact")).program
    assert ("*", ("k", float(overdata.COUNT)), ("x", 1)) in slopes.nodes


def recursion(x):
    """Each row needs the one before."""
    error, total = 0.0, 0.0
    for y in overdata.Y:
        error = y - x[0] * error - x[1]
        total += error**2 * np.exp(x[2])
    return total


def chain(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


@pytest.mark.parametrize("f", [recursion, chain, lambda x: np.sum(np.sin(x[0] * overdata.T[:20]))])
def test_what_has_no_rows_or_few_stays_as_it_is(f):
    assert summed(trace(f, (60,))) is None


def test_most_functions_are_seen_at_once_to_have_no_rows(monkeypatch):
    def looked(program):
        raise AssertionError

    monkeypatch.setattr(sums, "_summed", looked)
    assert summed(trace(chain, (60,))) is None


@pytest.mark.parametrize(
    "added",
    [
        lambda x: sum(x[0] + y for y in np.arange(300.0)),  # constants are terms themselves
        lambda x: sum([x[0] * x[1]] * 300),  # one term, often
        lambda x: sum(np.maximum(y, x[0]) for y in np.arange(300.0)),
        lambda x: sum(np.where(x[0] > 0.5, y, x[1]) for y in np.arange(300.0)),
    ],
    ids=["constants", "one term", "extremes", "choices"],
)
def test_whatever_is_alike_is_found(added):
    program = trace(added, (2,))
    assert len(program.nodes) >= SHORT
    assert counts(summed(program).program)[1] < 20


# --- what is made of such programs ------------------------------------------------------------------------------------


def along(table):
    """Rows beside a point: those of v and t, where the table has them."""
    return [0.5, -1.0, 2.0, 2.0**-10] if 3 in table.units else []


TABLES = {
    "central": stencils.gradient(3, 2, "central"),
    "fourth order": stencils.gradient(3, 4, "central"),
    "forward": stencils.gradient(3, 2, "forward"),
    "hessian": stencils.hessian(3, 2, "central"),
    "along v": stencils.jvp(3, 2, "central"),
    "hessian along v": stencils.hvp(3, 2, "central"),
}
EXACT = {
    "gradient": stencils.gradient(3, 2, "exact"),
    "hessian": stencils.hessian(3, 2, "exact"),
    "along v": stencils.jvp(3, 2, "exact"),
    "hessian along v": stencils.hvp(3, 2, "exact"),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("f", overdata.SCALARS, ids=NAMES[:-1])
def test_differences_over_rows_are_those_of_all_terms(f, table):
    """To the rounding of second differences: a sum of changes has other roundings in another order."""
    program, steps = traced(f), StepSource("absolute")
    made = summed(program)
    expected = differences(program, table, steps)
    found = differences(made.program, table, steps)
    size = 2.0**-10
    columns = np.concatenate([overdata.POINT, along(table)])[:, None]
    whole = replace(found.program, constants=(*made.program.constants, size))
    values = RowSchedule(whole, Sized(made, size)).values(columns, program.constants)[:, 0]
    oracle = replace(expected.program, constants=(*program.constants, size))
    wanted = np.array(evaluate(oracle, overdata.POINT, along(table)))
    np.testing.assert_allclose(values[: found.results], wanted[: expected.results], rtol=1e-9, atol=1e-8)
    assert np.isfinite(values).all()


class Sized:
    """Tables behind the sizes of steps, which written programs have among their constants."""

    def __init__(self, made, size):
        self.made, self.size, self.left = made, size, len(made.program.constants)

    def numbers(self, constants):
        numbers = self.made.numbers(constants)
        return np.concatenate([numbers[: self.left], [self.size], numbers[self.left :]])


@pytest.mark.parametrize("table", EXACT.values(), ids=EXACT)
@pytest.mark.parametrize("f", overdata.SCALARS, ids=NAMES[:-1])
def test_exact_derivatives_over_rows_are_those_of_all_terms(f, table):
    program = traced(f)
    made = summed(program)
    found, expected = exact(made.program, table, watch=True), exact(program, table, watch=True)
    columns = np.concatenate([overdata.POINT, along(table)])[:, None]
    values = RowSchedule(found.program, made).values(columns, program.constants)[:, 0]
    wanted = evaluate(expected.program, overdata.POINT, along(table))
    assert len(found.program.nodes) < len(expected.program.nodes) / 4
    np.testing.assert_allclose(values, wanted, rtol=1e-11, atol=1e-11)


def test_jacobians_of_several_sums():
    program, table = traced(overdata.moments), stencils.jacobian(3, 2, "exact")
    made = summed(program)
    found = exact(made.program, table)
    values = RowSchedule(found.program, made).values(overdata.POINT[:, None], program.constants)[:, 0]
    wanted = evaluate(exact(program, table).program, overdata.POINT)
    np.testing.assert_allclose(values, wanted, rtol=1e-12, atol=1e-12)


def test_signs_of_rows_are_told():
    """The logarithm of a row that is negative is not finite, though all slopes are."""
    shift = np.linspace(-1.0, 1.0, 70)

    def f(x):
        return np.sum(np.log(x[0] + shift) ** 2)

    program = trace(f, (1,))
    made = summed(program)
    written = exact(made.program, stencils.gradient(1, 2, "exact"), watch="signs")
    for x, finite in ((1.5, True), (0.5, False)):
        outputs = RowSchedule(written.program, made).values(np.array([[x]]), program.constants)[:, 0]
        assert np.isfinite(outputs[written.parts[2]]).all() == finite
