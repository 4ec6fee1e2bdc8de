"""The order in which a program's nodes are computed."""

import numpy as np
import pytest

from fastgrad.program.order import depth_first

X, Y = ("x", 0), ("x", 1)
NODES = (
    ("sin", X),  # 0
    ("cos", Y),  # 1
    ("*", X, X),  # 2
    ("*", Y, Y),  # 3
    ("+", ("v", 2), ("v", 3)),  # 4
    ("exp", ("v", 4)),  # 5, which nobody needs
)


def test_all_outputs_decide():
    assert depth_first(NODES, [("v", 1), ("v", 0), ("v", 4)], 3) == [1, 0, 2, 3, 4]


def test_what_is_wanted_beside_comes_as_soon_as_it_can():
    assert depth_first(NODES, [("v", 0), ("v", 1), ("v", 4)], 2) == [0, 2, 1, 3, 4]
    assert depth_first(NODES, [X, ("v", 4)], 1) == [2, 3, 4]


@pytest.mark.parametrize("seed", range(20))
def test_every_node_follows_its_operands(seed):
    rng = np.random.default_rng(seed)
    nodes = [("+", X, Y)]
    for j in range(1, 200):
        operands = [("v", int(k)) if k >= 0 else ("x", -int(k)) for k in rng.integers(max(-4, -j), j, 2)]
        nodes.append(("+", *operands))
    outputs = [("v", int(j)) for j in rng.integers(0, 200, 12)]
    reached = set(depth_first(nodes, outputs, 12))
    for results in range(13):
        order = depth_first(nodes, outputs, results)
        assert len(order) == len(set(order))
        assert set(order) == reached
        place = {j: n for n, j in enumerate(order)}
        assert all(place[int(k)] < place[j] for j in order for tag, k in nodes[j][1:] if tag == "v")
