"""Functions inside of f, as programs of their own, and the operands of f that they read."""

import numpy as np

from fastgrad.formulas import stencils
from fastgrad.program.program import evaluate
from fastgrad.program.trace.inside import recorded, shaped
from fastgrad.program.trace.symbols import Trace


def symbols(trace, count):
    return shaped(trace, [("x", i) for i in range(count)], (count,))


def test_a_program_of_the_argument_alone():
    with Trace(1000) as trace:
        x = symbols(trace, 3)
        other = np.exp(x[2])
        inside = recorded(lambda y, a: y[0] * y[1] * other + a, x[:2], (x[2],))
        program, rows = inside.program()
    assert (program.inputs, program.rows, program.shape) == (2, 2, ())
    assert [row[0] for row in rows] == ["v", "x"]
    assert evaluate(program, [2.0, 3.0], [10.0, 0.5]) == [60.5]


def test_derivatives_are_of_the_argument_itself():
    with Trace(1000) as trace:
        x = symbols(trace, 2)
        inside = recorded(lambda y: y[0] * y[0] * x[0], x, ())
        slopes, values = inside.derivatives(stencils.gradient(2, 2, "exact"))
    assert slopes[1] == ("k", 0.0)
    fresh = {operand[1] for operand in inside.fresh}
    for operand in (slopes[0], *values):
        stack, seen = [operand], set()
        while stack:
            tag, j = stack.pop()
            if tag == "v":
                seen.add(j)
                stack += trace.nodes[j][1:]
        assert seen.isdisjoint(fresh)


def test_functions_inside_of_each_other_have_other_arguments():
    depths = []

    def inner(z):
        depths.append(trace.nodes[z.key[1]])
        return z * z

    def outer(y):
        depths.append(trace.nodes[y.key[1]])
        recorded(inner, x[0], ())
        return y

    with Trace(1000) as trace:
        x = symbols(trace, 1)
        recorded(outer, x[0], ())
        recorded(inner, x[0], ())
    outermost, inside, alone = depths
    assert [node[0] for node in depths] == ["select"] * 3
    assert outermost == alone != inside
    assert outermost[2] == inside[2] == ("x", 0)  # the same numbers
