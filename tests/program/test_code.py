"""Programs under construction: sharing, folding, order."""

from dataclasses import replace

import numpy as np
import pytest

from fastgrad.program.code import Code
from fastgrad.program.program import MINUS_ONE, ONE, ZERO, Program, evaluate
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


def test_a_choice_within_a_choice_by_the_same_mask_is_none():
    c = code()
    mask = c.keep("gt", X, Y)
    inner, other = c.select(mask, X, Y), c.select(c.keep("not", mask), X, Y)
    assert c.select(mask, inner, ZERO) == c.select(mask, X, ZERO)
    assert c.select(mask, ZERO, inner) == c.select(mask, ZERO, Y)
    assert c.select(mask, other, inner) == Y
    assert c.select(c.keep("not", mask), inner, X) == c.select(c.keep("not", mask), Y, X)
    assert c.select(c.keep("gt", Y, X), inner, ZERO) == ("v", len(c.nodes) - 1)


def test_signs_move_out_of_choices_beside_0():
    c = code()
    mask = c.keep("gt", X, Y)
    assert c.select(mask, c.neg(X), ZERO) == c.neg(c.select(mask, X, ZERO))
    assert c.select(mask, ZERO, c.neg(Y)) == c.neg(c.select(mask, ZERO, Y))
    assert c.node(c.select(mask, c.neg(X), Y))[0] == "select"


def test_products_with_masks_that_are_nested_deep_do_not_move_through_all():
    code = Code(Program(2, 0, (("lt", ("x", 0), ("x", 1)),), (("x", 0),), (), ()))
    deep, mask = ("x", 0), ("v", 0)
    for _ in range(5_000):
        deep = code.keep("select", mask, code.keep("+", deep, ("x", 1)), ZERO)
        deep, mask = code.keep("select", code.keep("not", mask), deep, ZERO), code.keep("not", mask)
    before = len(code.nodes)
    for a in (code.mul(deep, ("x", 1)), code.div(deep, ("x", 1)), code.add(deep, code.neg(deep))):
        assert a[0] in "vk"
    assert len(code.nodes) - before < 200


def test_products_move_into_few_masks():
    code = Code(Program(2, 0, (("lt", ("x", 0), ("x", 1)),), (("x", 0),), (), ()))
    masked = code.select(("v", 0), ("x", 0), ZERO)
    assert code.node(code.mul(masked, ("x", 1)))[0] == "select"
    assert code.node(code.div(masked, ("x", 1)))[0] == "select"
