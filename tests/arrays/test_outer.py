"""Changes that are a column times a row: what they become, against the same change in full."""

import numpy as np
import pytest

from fastgrad.arrays import moves
from fastgrad.arrays.changes import Box
from fastgrad.arrays.nodes import Node, constant, matmul, ordered, reduce, ufunc
from fastgrad.arrays.outer import Outer
from fastgrad.arrays.rules import change

RNG = np.random.default_rng(0)
LANES, ROW = 5, RNG.normal(size=4)
LEFT, FACTOR = RNG.normal(size=(3, 2)), RNG.normal(size=(2, 4))


def mean(x):
    return ufunc(np.divide, reduce(np.add, x, 0), constant(3.0))


KEPT = {
    "as it is": lambda x: x, "a row added": lambda x: ufunc(np.add, x, constant(ROW)),
    "from a row": lambda x: ufunc(np.subtract, constant(ROW), x), "half": lambda x: ufunc(np.divide, x, constant(2.0)),
    "three times": lambda x: ufunc(np.multiply, constant(3.0), x), "minus": lambda x: ufunc(np.negative, x),
    "mean": mean,
    "centred": lambda x: ufunc(np.subtract, x, mean(x)), "and back": lambda x: ufunc(np.add, mean(x), x),
    "sums kept": lambda x: reduce(np.add, x, 0, True), "nothing left": lambda x: ufunc(np.subtract, x, x),
}  # fmt: skip
MADE = {
    "sums of rows": lambda x: reduce(np.add, x, 1), "sum": lambda x: reduce(np.add, x),
    "exp": lambda x: ufunc(np.exp, x),
    "times a row": lambda x: ufunc(np.multiply, x, constant(ROW)), "over": lambda x: ufunc(np.divide, constant(1.0), x),
    "square of the centred": lambda x: ufunc(np.square, ufunc(np.subtract, x, mean(x))),
    "some rows": lambda x: moves.get(x, (slice(1, None),)), "transposed": lambda x: moves.transpose(x, (1, 0)),
    "spread": lambda x: ufunc(np.add, x, constant(np.ones((2, 3, 4)))),
    "largest": lambda x: reduce(np.maximum, x, 0), "by another one": lambda x: ufunc(np.multiply, x, mean(x)),
    "of three rows and one": lambda x: ufunc(np.subtract, mean(x), reduce(np.add, ufunc(np.exp, x), 0)),
}  # fmt: skip


def changed(make, rows):
    """The result, its change, and that of the same change in full."""
    left = Node("parameter", value=LEFT)
    product = matmul(left, constant(FACTOR))
    node = make(product)
    start = Box((rows, np.array([1])), RNG.normal(size=(3 if rows is None else len(rows), 1, LANES)))
    outer = change(product, [start, None], LANES)
    assert type(outer) is Outer
    found = []
    for first in (outer, Box(outer.sets, outer.by(product).copy())):
        now = {product: first}
        for step in ordered([node]):
            if step is not product and step is not left:
                now[step] = change(step, [now.get(a) for a in step.args], LANES)
        found.append(now[node])
    return node, *found


@pytest.mark.parametrize("rows", [None, np.array([0, 2])], ids=["all rows", "some rows"])
@pytest.mark.parametrize("name", [*KEPT, *MADE])
def test_it_is_the_change_in_full(name, rows):
    node, outer, full = changed({**KEPT, **MADE}[name], rows)
    everywhere = [c.boxed(node, LANES).widened(node, (None,) * len(node.shape)).by(node) for c in (outer, full)]
    np.testing.assert_allclose(*everywhere, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", KEPT)
def test_it_stays_a_column_times_a_row(name):
    assert type(changed(KEPT[name], None)[1]) is Outer


@pytest.mark.parametrize("name", MADE)
def test_or_is_made(name):
    assert type(changed(MADE[name], None)[1]) is not Outer
