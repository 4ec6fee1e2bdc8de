"""Functions inside of f, as programs of their own, and the operands of f that they read."""

import numpy as np

from fastgrad.formulas import stencils
from fastgrad.program.program import evaluate
from fastgrad.program.trace.inside import objects, operands_of, recorded, shaped
from fastgrad.program.trace.symbols import Symbol, Trace


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
        depths.append(z.key)
        return z * z

    def outer(y):
        depths.append(y.key)
        recorded(inner, x[0], ())
        return y

    with Trace(1000) as trace:
        x = symbols(trace, 1)
        recorded(outer, x[0], ())
        recorded(inner, x[0], ())
    assert len(set(depths[:2])) == 2
    assert depths[2] == depths[0]
    assert trace.nodes[depths[1][1]] == ("-", depths[0], ("k", 0.0))


def test_what_is_read():
    with Trace(1000) as trace:
        x = symbols(trace, 2)
        inside = recorded(lambda y: y[0] * 2.0, x, ())
    assert inside.reads({inside.fresh[0]}) is False  # its own end
    assert not inside.reads({inside.fresh[1]})


def test_numbers_and_symbols():
    with Trace(1000) as trace:
        x = symbols(trace, 2)
        assert objects([x[0], 2.0]).dtype == object
        operands = operands_of(trace, objects([x[0], 2.0]))
    assert operands == [("x", 0), ("c", 0)]
    assert trace.constants == [2.0]
    literal, symbol = shaped(trace, [("k", 1.5), ("x", 1)], (2,))
    assert literal == 1.5
    assert type(symbol) is Symbol
