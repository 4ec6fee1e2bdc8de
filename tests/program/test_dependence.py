"""What values depend on, and what mixes: by hand, for programs of a few nodes."""

import numpy as np
import pytest

from fastgrad.program import dependence
from fastgrad.program.dependence import DenseError, live, mixed_pairs, mixing, support_of, supports, terms
from fastgrad.program.trace.recording import trace


def pairs(f, d):
    program = trace(f, (d,))
    rows, columns = mixed_pairs(mixing(program, supports(program)), d)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def test_supports_hold_the_coordinates_that_lead_there():
    program = trace(lambda x: [x[0] * x[2] + np.where(x[1] > 0, x[3], 0.0), 3.0 * x[2], 5.0], (4,))
    found = supports(program)
    assert [sorted(support_of(o, found)) for o in program.outputs] == [[0, 1, 2, 3], [2], []]
    assert support_of(("x", 3), found) == {3}


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x[0] + 2.0 * x[1] - x[2], []),
        (lambda x: x[0] * x[1] + x[2], [(0, 1)]),
        (lambda x: x[0] * x[0], [(0, 0)]),
        (lambda x: x[2] / x[0], [(0, 0), (0, 2)]),
        (lambda x: np.exp(x[0] + x[2]), [(0, 0), (0, 2), (2, 2)]),
        (lambda x: abs(x[1]), [(1, 1)]),
        (lambda x: (x[0] > x[1]) * 1.0, [(0, 0), (0, 1), (1, 1)]),
        (lambda x: 1.0 / x[1], [(1, 1)]),
    ],
    ids=["sum", "product", "square", "quotient", "function", "abs", "mask", "reciprocal"],
)
def test_what_mixes(f, expected):
    assert pairs(f, 3) == expected


def test_terms_are_those_of_a_linear_combination():
    program = trace(lambda x: 3.0 * (np.sin(x[0]) - x[1] * x[2]) / 2.0 - np.sin(x[0]) + 7.0 * x[3], (4,))
    found = {program.nodes[j][0]: factor for j, factor in terms(program).items() if factor}
    assert found["sin"] == 0.5  # twice in the sum
    assert found["*"] == -1.5
    assert len(found) == 2  # a coordinate alone has no second derivative


def test_a_coordinate_alone_has_no_terms():
    assert terms(trace(lambda x: x[1], (2,))) == {}


def test_live_are_the_nodes_that_outputs_need():
    program = trace(lambda x: [np.sin(x[0]), np.exp(np.cos(x[1]))], (2,))
    names = [name for name, *_ in program.nodes]
    assert [names[j] for j in live(program)] == names
    last = type(program)(2, 0, program.nodes, program.outputs[1:], (), ())
    assert [names[j] for j in live(last)] == ["cos", "exp"]


def test_too_much_is_refused(monkeypatch):
    program = trace(lambda x: np.exp(np.sum(x)), (40,))
    found = supports(program)
    monkeypatch.setattr(dependence, "LARGEST", 100)
    with pytest.raises(DenseError, match="more than 100 coordinates"):
        supports(trace(np.cumsum, (40,)))
    with pytest.raises(DenseError, match="more than 100 pairs"):
        mixed_pairs(mixing(program, found), 40)
