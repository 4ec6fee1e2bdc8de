"""Sums of sums whose terms cancel: which are left, how many nodes they take, and against 60 digits."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgrad.formulas import stencils
from fastgrad.program.code import Code
from fastgrad.program.combination import Combination, total
from fastgrad.program.differences import StepSource, differences
from fastgrad.program.program import Program, evaluate
from fastgrad.program.trace.recording import trace

X, Y, Z, N, C = ("x", 0), ("x", 1), ("x", 2), ("k", 2.0), ("c", 0)


def code():
    return Code(Program(3, 0, (), (), (), (5.0,)))


def names(code):
    return [node[0] for node in code.nodes]


def at(code, operand, *x):
    program = Program(3, 0, tuple(code.nodes), (operand,), (), (5.0,))
    return evaluate(program, x)[0]


def test_what_sums_have_in_common_cancels():
    c = code()
    sine, both = c.keep("sin", X), c.mul(X, Y)
    one, other = c.add(c.add(sine, both), Z), c.add(sine, Z)
    assert Combination(c).of([(1.0, [(2.0, one)]), (-1.0, [(2.0, other)])]) == c.mul(N, both)
    assert Combination(c).of([(1.0, [(2.0, one)]), (-1.0, [(2.0, one)])]) == ("k", 0.0)


def test_what_is_scaled_at_all_points_alike_is_opened():
    c = code()
    one, other = c.mul(C, c.add(X, c.mul(X, Y))), c.mul(C, c.add(X, Z))
    found = Combination(c).of([(1.0, [(1.0, one)]), (-1.0, [(1.0, other)])])
    assert c.node(found) == ("*", C, c.sub(c.mul(X, Y), Z))
    mean, less = c.div(c.add(X, Y), C), c.div(c.add(X, Z), C)
    found = Combination(c).of([(1.0, [(1.0, mean)]), (-1.0, [(1.0, less)])])
    assert c.node(found) == ("/", c.sub(Y, Z), C)


def test_half_a_change_is_one_term():
    c = code()
    change = c.mul(("k", 0.5), c.sub(c.keep("exp", X), c.keep("exp", Y)))
    other = c.mul(("k", 0.5), c.sub(c.keep("exp", X), c.keep("exp", Z)))
    found = Combination(c).of([(1.0, [(1.0, change)]), (-1.0, [(1.0, other)])])
    assert c.node(found) == ("-", change, other)


def test_sums_that_share_little_are_left_as_they_are():
    c = code()
    terms = [c.keep(name, X) for name in ("sin", "cos", "exp", "tanh")]
    one = total(c, [(1.0, term) for term in terms])
    other = total(c, [(1.0, c.keep("sin", term)) for term in [X, *terms]])
    found = Combination(c).of([(1.0, [(1.0, one)]), (-1.0, [(1.0, other)])])
    assert c.node(found) == ("-", one, other)


def test_a_sum_that_many_sums_read_is_opened_once():
    c = code()
    a, b = X, Y
    for _ in range(300):
        a, b = b, c.add(a, b)
    before = len(c.nodes)
    found = Combination(c).of([(1.0, [(1.0, c.add(b, Z))]), (-1.0, [(1.0, b)])])
    assert found == Z
    assert len(c.nodes) == before + 1


# --- Hessians ---------------------------------------------------------------------------------------------------------


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def values(program, table, x, sizes):
    written = differences(program, table, StepSource("default", "coordinate"))
    whole = Program(**{**written.program.__dict__, "constants": (*program.constants, *sizes)})
    return np.array(written.split(evaluate(whole, x))[0])


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("method", ["central", "forward"])
def test_coordinates_that_share_no_term(order, method):
    d, x = 6, np.random.default_rng(order).uniform(-2.0, 2.0, 6)
    for f in (rosenbrock, lambda x: np.mean(np.exp(x)) + np.mean(x[1:] * x[:-1] ** 2), lambda x: np.sum(np.sin(x))):
        found = values(trace(f, (d,)), stencils.hessian(d, order, method), x, [2.0**-9] * d).reshape(d, d)
        i, j = np.indices((d, d))
        assert (found[abs(i - j) > 1] == 0.0).all()
        assert (found == found.T).all()


@pytest.mark.parametrize("order", [2, 4])
def test_nodes_of_a_sparse_hessian_grow_with_its_entries(order):
    count = lambda d: len(differences(trace(rosenbrock, (d,)), stencils.hessian(d, order)).program.nodes)
    assert count(20) - count(10) <= 1.1 * (count(30) - count(20)) <= 1.21 * (count(20) - count(10))
    assert count(20) < 62 * order * 10


TERMS = {
    "square": lambda a, b: a * a, "product": lambda a, b: a * b, "cubic": lambda a, b: (a - b * b) * a,
    "quotient": lambda a, b: a / (3.0 + b * b), "linear": lambda a, b: 1.7 * a - b,
}  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(TERMS)), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=9)
)
def test_against_60_digits(terms):
    def f(x):
        found = 0.0 * x[0]
        for n, (name, i, j) in enumerate(terms):
            found = found + (0.5 + n) * TERMS[name](x[i], x[j])
        return found

    x, h = np.random.default_rng(len(terms)).uniform(0.5, 1.5, 4), 2.0**-13
    found = values(trace(f, (4,)), stencils.hessian(4), x, [h] * 4).reshape(4, 4)
    with mpmath.workdps(60):
        expected = np.array([[_second(f, x, h, i, j) for j in range(4)] for i in range(4)], dtype=float)
    assert np.abs(found - expected).max() <= 1e-13 * (1.0 + np.abs(expected).max())


def _second(f, x, h, i, j):
    """2 H[i, j] = S[e_i + e_j] - S[e_i] - S[e_j], exactly."""

    def total(*moved):
        points = [
            [mpmath.mpf(a) + (side * mpmath.mpf(h) if k in moved else 0) for k, a in enumerate(x)]
            for side in (-1, 0, 1)
        ]
        below, here, above = (f(point) for point in points)
        return (below - 2 * here + above) / mpmath.mpf(h) ** 2

    return total(i) if i == j else (total(i, j) - total(i) - total(j)) / 2


def test_a_hessian_is_not_finite_where_f_is_not():
    written = differences(trace(lambda x: x[0] + np.exp(x[1]) + np.log(x[2]), (3,)), stencils.hessian(3))
    whole = Program(**{**written.program.__dict__, "constants": (2.0**-13,)})
    for x in ([math.nan, 1.0, 1.0], [1.0, 800.0, 1.0], [1.0, 1.0, 0.0]):
        results, _, watched, _ = written.split(evaluate(whole, x))
        assert not np.isfinite([*results, *watched]).all()
