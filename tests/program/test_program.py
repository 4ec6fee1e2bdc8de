"""A program under construction: sharing, folding, order."""

import numpy as np

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
