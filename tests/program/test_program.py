"""A program and its interpreter."""

import math
from dataclasses import replace

import numpy as np
import pytest

from fastgrad.program.program import Program, evaluate

X, Y = ("x", 0), ("x", 1)


def test_every_space_of_operands_is_read():
    program = Program(2, 1, (("*", X, ("c", 0)), ("+", ("v", 0), ("b", 0))), (("v", 1), Y, ("k", 0.5)), (3,), (4.0,))
    assert evaluate(program, [3.0, 5.0], [7.0]) == [19.0, 5.0, 0.5]
    assert evaluate(replace(program, constants=(-1.0,)), np.array([[3.0], [5.0]]), np.array([7.0])) == [4.0, 5.0, 0.5]


@pytest.mark.parametrize(
    ("node", "x", "expected"),
    [
        (("/", X, Y), (1.0, 0.0), math.inf),
        (("/", X, Y), (0.0, 0.0), math.nan),
        (("log", X), (-1.0, 0.0), math.nan),
        (("exp", X), (1000.0, 0.0), math.inf),
        (("mod", X, Y), (-3.0, 2.0), 1.0),
        (("fmod", X, Y), (-3.0, 2.0), -1.0),
        (("floordiv", X, Y), (-3.0, 2.0), -2.0),
        (("max", X, Y), (math.nan, 2.0), math.nan),
        (("fmax", X, Y), (math.nan, 2.0), 2.0),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("error")
def test_operations_are_numpys_and_silent(node, x, expected):
    assert evaluate(Program(2, 0, (node,), (("v", 0),), (), ()), x) == pytest.approx([expected], nan_ok=True)


def test_the_branch_that_is_not_taken_leaves_nothing():
    nodes = (("lt", X, Y), ("log", X), ("select", ("v", 0), Y, ("v", 1)), ("tofloat", ("v", 0)))
    program = Program(2, 0, nodes, (("v", 2), ("v", 3)), (2,), ())
    assert evaluate(program, [-1.0, 2.0]) == [2.0, 1.0]
    assert evaluate(program, [1.0, 0.5]) == [0.0, 0.0]


@pytest.mark.parametrize("x", [1.0, 1.9999999, 2.0, 0.3, 1e-300, 1e300])
def test_the_power_of_two_below(x):
    (found,) = evaluate(Program(1, 0, (("power", X),), (("v", 0),), (), ()), [x])
    assert found <= x < 2.0 * found
    assert math.frexp(found)[0] == 0.5


@pytest.mark.parametrize("x", [0.0, -0.0, -0.3, 3.0, math.inf, -math.inf, math.nan])
def test_the_power_of_two_has_no_sign_and_is_infinite_where_a_number_is_not_finite(x):
    (found,) = evaluate(Program(1, 0, (("power", X),), (("v", 0),), (), ()), [x])
    assert found == (2.0 ** math.floor(math.log2(abs(x))) if x and math.isfinite(x) else 0.0 if x == 0.0 else math.inf)


def test_the_structure_holds_literals_and_not_the_values_of_constants():
    program = Program(1, 0, (("*", X, ("c", 0)), ("+", ("v", 0), ("k", 0.1))), (("v", 1),), (), (2.0,))
    others = [
        replace(program, nodes=(program.nodes[0], ("+", ("v", 0), ("k", 0.1 + 2.0**-56)))),
        replace(program, shape=(1,)),
        replace(program, outputs=(("v", 0),)),
        replace(program, constants=(2.0, 3.0)),
        replace(program, rows=1),
    ]
    assert replace(program, constants=(3.0,)).structure == program.structure
    assert len({program.structure, *(other.structure for other in others)}) == 6


def test_the_structure_of_equal_programs_is_equal_whoever_holds_their_texts():
    name = str(b"sin", "ascii")  # which nobody else holds
    programs = [Program(1, 0, ((text, (tag, 0)),), (("v", 0),), (), ()) for text, tag in (("sin", "x"), (name, "x"))]
    assert programs[0].structure == programs[1].structure
    zeros = [Program(1, 0, (("+", X, ("k", zero)),), (("v", 0),), (), ()) for zero in (0.0, -0.0)]
    assert zeros[0].structure != zeros[1].structure
