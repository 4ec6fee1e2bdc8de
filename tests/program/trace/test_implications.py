"""Conditions that follow from others are not asked again; with NaN few do."""

import itertools
import math

import pytest

from fastgrad.program.program import OPERATIONS
from fastgrad.program.trace.implications import canonical, implied

NUMBERS = [-1.0, -0.0, 0.0, 2.0, math.inf, math.nan]
A, B = ("x", 0), ("x", 1)
RELATIONS = [(name, *pair) for name in ("lt", "le", "gt", "ge", "eq", "ne") for pair in ((A, B), (B, A))]


def holds(node, a, b):
    numbers = {A: a, B: b}
    return bool(OPERATIONS[node[0]](*(numbers[o] for o in node[1:])))


@pytest.mark.parametrize(("first", "second"), [*itertools.product(RELATIONS, repeat=2)])
def test_what_is_implied_is_true_of_all_numbers(first, second):
    nodes = [first, second]
    (have, turned), (asked, negated) = canonical(nodes, ("v", 0)), canonical(nodes, ("v", 1))
    for truth in (True, False):
        answer = implied({have: truth != turned}.get, asked)
        pairs = [pair for pair in itertools.product(NUMBERS, repeat=2) if holds(first, *pair) is truth]
        if answer is not None:
            assert {holds(second, *pair) for pair in pairs} <= {answer != negated}


def test_what_usual_code_asks_twice_is_known():
    def known(first, truth, second):
        nodes = [first, second]
        (have, turned), (asked, negated) = canonical(nodes, ("v", 0)), canonical(nodes, ("v", 1))
        answer = implied({have: truth != turned}.get, asked)
        return None if answer is None else answer != negated

    assert known(("lt", A, B), True, ("gt", B, A)) is True
    assert known(("lt", A, B), True, ("gt", A, B)) is False
    assert known(("lt", A, B), True, ("eq", B, A)) is False
    assert known(("eq", A, B), True, ("le", A, B)) is True
    assert known(("le", A, B), False, ("lt", A, B)) is False
    assert known(("lt", A, B), False, ("ge", A, B)) is None  # of NaN neither holds
    assert known(("eq", A, B), True, ("ne", B, A)) is False


def test_negations_are_looked_through():
    nodes = [("lt", A, B), ("not", ("v", 0)), ("not", ("v", 1))]
    assert canonical(nodes, ("v", 1)) == (("lt", A, B), True)
    assert canonical(nodes, ("v", 2)) == (("lt", A, B), False)
