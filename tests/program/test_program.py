"""A program and its interpreter; one under construction: sharing, folding, order."""

import math
from dataclasses import replace

import numpy as np
import pytest

from fastgrad.program.program import MINUS_ONE, ONE, ZERO, Code, Program, evaluate
from fastgrad.program.trace.recording import trace

X, Y = ("x", 0), ("x", 1)


def code(f=lambda x: x[0] + x[1], d=2):
    return Code(trace(f, (d,)))


def test_equal_nodes_are_one_and_zeros_are_told_apart():
    c = code()
    assert c.keep("*", X, Y) == c.keep("*", X, Y)
    assert c.keep("*", X, ("k", 0.0)) != c.keep("*", X, ("k", -0.0))


def test_what_follows_from_literals_is_left_out():
    c = code()
    assert c.add(X, ZERO) == c.sub(X, ZERO) == c.mul(X, ONE) == c.div(X, ONE) == X
    assert c.mul(X, ZERO) == c.sub(X, X) == ZERO
    assert c.mul(X, MINUS_ONE) == c.neg(X)
    assert c.apply("exp", ZERO) == ONE
    assert c.select(("v", 0), X, X) == X


def test_signs_and_masks_move_outward():
    c = code()
    assert c.node(c.mul(c.neg(X), Y))[0] == "neg"
    assert c.add(X, c.neg(Y)) == c.sub(X, Y)
    mask = c.keep("lt", X, Y)
    chosen = c.select(mask, X, ZERO)
    assert c.node(c.mul(chosen, Y)) == ("select", mask, c.mul(X, Y), ZERO)
    assert c.node(c.add(chosen, c.select(mask, ZERO, Y))) == ("select", mask, X, Y)


def test_constants_go_together():
    c = code()
    assert c.node(c.mul(("k", 3.0), c.mul(X, ("k", 2.0)))) == ("*", ("k", 6.0), X)


def test_the_nodes_of_f_keep_their_bits():
    f = lambda x: (x[0] + 0.0) * 1.0 - (x[1] - x[1])
    program = trace(f, (2,))
    made = Code(program)
    same = made.finish(map(made.own, program.outputs), program.shape)
    for x in np.random.default_rng(0).standard_normal((20, 2)):
        assert evaluate(same, x) == evaluate(program, x)


def test_depth_first_without_what_nobody_needs():
    c = code()
    c.keep("sin", X)
    first, second = c.keep("exp", Y), c.keep("cos", X)
    made = c.finish([second, first], (2,))
    assert [name for name, *_ in made.nodes] == ["cos", "exp"]
    assert isinstance(made, Program)


# --- what a program computes -----------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (x[0] - x[1]) * 3.0 + np.exp(x[0] * x[1]),
        lambda x: np.where(x[0] > 0.0, x[0], 0.0) + x[1] ** 0.5,  # literals 0
        lambda x: x[0] * np.sum(np.where(x > 0, 2.0, 1.0)),
    ],
    ids=["plain", "zeros", "masks"],
)
def test_the_nodes_of_a_trace_are_taken_as_one_by_one(f):
    program = trace(f, (2,))
    at_once, one_by_one = Code(program), Code(replace(program, nodes=(), outputs=()))
    one_by_one._keep_all(program)
    assert (at_once.nodes, at_once.of, at_once._known, at_once._fixed) == (
        one_by_one.nodes, one_by_one.of, one_by_one._known, one_by_one._fixed
    )  # fmt: skip


def test_equal_nodes_of_a_program_become_one_and_those_of_constants_are_fixed():
    doubled = Program(2, 0, (("*", X, Y), ("*", X, Y), ("+", ("v", 0), ("v", 1))), (("v", 2),), (), ())
    assert Code(doubled).nodes == [("*", X, Y), ("+", ("v", 0), ("v", 0))]
    c = Code(Program(1, 0, (("*", ("c", 0), ("k", 2.0)), ("*", X, ("v", 0))), (("v", 1),), (), (3.0,)))
    assert c.is_fixed(("v", 0))
    assert not c.is_fixed(("v", 1))


def test_the_structure_of_equal_programs_is_equal_whoever_holds_their_texts():
    name = str(b"sin", "ascii")  # which nobody else holds
    programs = [Program(1, 0, ((text, (tag, 0)),), (("v", 0),), (), ()) for text, tag in (("sin", "x"), (name, "x"))]
    assert programs[0].structure == programs[1].structure
    zeros = [Program(1, 0, (("+", X, ("k", zero)),), (("v", 0),), (), ()) for zero in (0.0, -0.0)]
    assert zeros[0].structure != zeros[1].structure
