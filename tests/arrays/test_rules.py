"""Each kind of node with each kind of change: what evaluating twice gives."""

import numpy as np
import pytest

from fastgrad.arrays import moves, nodes
from fastgrad.arrays.changes import Box, One
from fastgrad.arrays.nodes import Node, constant, matmul, move, reduce, ufunc
from fastgrad.arrays.rules import change

RNG = np.random.default_rng(0)
LANES = 5


def parameter(*shape):
    return Node("parameter", value=RNG.normal(size=shape))


def one(node):
    return One(np.arange(LANES), RNG.integers(node.size, size=LANES), RNG.normal(size=LANES))


def some_sets(node):
    return [None if n == 1 or k % 2 else np.sort(RNG.choice(n, n - 1, replace=False)) for k, n in enumerate(node.shape)]


def inside(node, sets):
    return np.ix_(*[np.arange(n) if s is None else s for s, n in zip(sets, node.shape, strict=True)])


def by_difference(node):
    sets = some_sets(node)
    return Box(sets, RNG.normal(size=(*np.asarray(node.value)[inside(node, sets)].shape, LANES)))


def by_values(node):
    sets = some_sets(node)
    return Box(sets, new=RNG.normal(size=(*np.asarray(node.value)[inside(node, sets)].shape, LANES)))


CHANGES = {"one": one, "difference": by_difference, "values": by_values}


def displaced(node, changed):
    """The values of a node in all lanes."""
    out = np.repeat(np.asarray(node.value)[..., None], LANES, axis=-1)
    if changed is not None:
        box = changed.boxed(node, LANES)
        out[(*inside(node, box.sets), slice(None)) if node.shape else ...] = box.new(node)
    return out


def shifted(v):
    return np.concatenate([v[1:], v[:1] * 1])


UNARY = {
    "exp": lambda x: ufunc(np.exp, x), "negative": lambda x: ufunc(np.negative, x), "abs": lambda x: ufunc(np.abs, x),
    "times 3": lambda x: ufunc(np.multiply, x, constant(3.0)), "over": lambda x: ufunc(np.divide, constant(2.0), x),
    "less": lambda x: ufunc(np.less, x, constant(0.1)),
    "spread": lambda x: ufunc(np.add, x, constant(np.ones((2, 3, 4)))),
    "row added": lambda x: ufunc(np.subtract, constant(np.arange(4.0)), x),
    "power": lambda x: ufunc(np.power, x, constant(2)), "square": lambda x: ufunc(np.square, x),
    "by itself": lambda x: ufunc(np.multiply, x, x), "sum of squares": lambda x: reduce(np.add, ufunc(np.square, x), 0),
    "squares picked": lambda x: moves.get(ufunc(np.square, x), (slice(1, None),)),
    "where": lambda x: ufunc(np.where, constant(np.tri(3, 4, dtype=bool)), x, constant(0.0)),
    "reshape": lambda x: nodes.reshape(x, (2, 6)), "transpose": lambda x: nodes.transpose(x, (1, 0)),
    "get": lambda x: moves.get(x, (slice(1, None), slice(None, None, 2))), "number": lambda x: moves.get(x, (1, 2)),
    "take": lambda x: moves.take(x, np.array([2, 0, 0])),
    "pick": lambda x: moves.take(x, (np.array([0, 2, 2]), np.array([1, 3, 3]))),
    "put": lambda x: moves.put(constant(np.ones((4, 4))), slice(1, None), x), "move": lambda x: move(shifted, x),
    "put into": lambda x: moves.put(x, (slice(None), 1), constant(np.array([5.0, 6.0, 7.0]))),
    "repeat": lambda x: move(lambda v: np.repeat(v, 2, axis=1), x), "spread to": lambda x: moves.spread(x, (2, 3, 4)),
    "sum": lambda x: reduce(np.add, x), "sum 0": lambda x: reduce(np.add, x, 0),
    "sum 1": lambda x: reduce(np.add, x, -1, True), "max": lambda x: reduce(np.maximum, x),
    "max 0": lambda x: reduce(np.maximum, x, 0, True), "min 1": lambda x: reduce(np.minimum, x, 1),
    "cumsum": lambda x: moves.cumulated(x, 1), "prod": lambda x: moves.product(x, 0, False),
    "left": lambda x: matmul(x, constant(np.arange(8.0).reshape(4, 2))),
    "@ vector": lambda x: matmul(x, constant(np.arange(4.0))),
    "right": lambda x: matmul(constant(np.arange(6.0).reshape(2, 3)), x),
    "vector @": lambda x: matmul(constant(np.arange(3.0)), x),
    "stack of matrices": lambda x: matmul(constant(np.arange(12.0).reshape(2, 2, 3)), x),
    "left of each": lambda x: matmul(nodes.reshape(x, (3, 2, 2)), constant(np.arange(30.0).reshape(3, 2, 5))),
    "right of each": lambda x: matmul(constant(np.arange(18.0).reshape(3, 3, 2)), nodes.reshape(x, (3, 2, 2))),
    "left of one": lambda x: matmul(nodes.reshape(x, (3, 2, 2)), constant(np.arange(10.0).reshape(1, 2, 5))),
    "one of many": lambda x: matmul(nodes.reshape(x, (1, 3, 4)), constant(np.arange(16.0).reshape(2, 4, 2))),
    "all by all": lambda x: matmul(nodes.reshape(x, (3, 1, 2, 2)), constant(np.arange(20.0).reshape(2, 2, 5))),
    "rows by columns": lambda x: matmul(nodes.reshape(x, (3, 4, 1)), constant(np.arange(6.0).reshape(3, 1, 2))),
    "argmax": lambda x: Node("other", (x,), "argmax", lambda v: np.argmax(v, 0)),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("name", UNARY)
def test_one_argument_changes(name, kind):
    x = parameter(3, 4)
    node = UNARY[name](x)
    given = CHANGES[kind](x)
    values, results = displaced(x, given), {}
    results[x] = given
    for step in nodes.ordered([node])[1:]:
        results[step] = change(step, [results.get(a) for a in step.args], LANES)
    found = displaced(node, results[node])
    for lane in range(LANES):
        expected = nodes.evaluated(nodes.ordered([node]), {x: values[..., lane]})[node]
        np.testing.assert_allclose(found[..., lane], expected, rtol=1e-12, atol=1e-12)


BINARY = {
    "add": lambda x, y: ufunc(np.add, x, y), "times": lambda x, y: ufunc(np.multiply, x, y),
    "maximum": lambda x, y: ufunc(np.maximum, x, y), "divide": lambda x, y: ufunc(np.divide, x, y),
    "row": lambda x, y: ufunc(np.multiply, x, moves.get(y, (0,))),
    "column": lambda x, y: ufunc(np.add, moves.get(x, (slice(None), slice(2, 3))), y),
    "where": lambda x, y: ufunc(np.where, ufunc(np.less, x, y), x, y),
    "product": lambda x, y: matmul(x, nodes.transpose(y, (1, 0))),
    "inner": lambda x, y: matmul(nodes.transpose(x, (1, 0)), y),
    "products": lambda x, y: matmul(nodes.reshape(x, (3, 2, 2)), nodes.reshape(y, (3, 2, 2))),
    "one by many": lambda x, y: matmul(nodes.reshape(x, (1, 6, 2)), nodes.reshape(y, (3, 2, 2))),
    "all by all": lambda x, y: matmul(nodes.reshape(x, (3, 1, 2, 2)), nodes.reshape(y, (3, 2, 2))),
    "together": lambda x, y: move(lambda a, b: np.concatenate([a, b], axis=1), x, y),
    "put": lambda x, y: moves.put(x, (slice(None), slice(0, 2)), moves.get(y, (slice(None), slice(1, 3)))),
}  # fmt: skip


@pytest.mark.parametrize("left", [*CHANGES, None])
@pytest.mark.parametrize("right", [*CHANGES, None])
@pytest.mark.parametrize("name", BINARY)
def test_two_arguments_change(name, left, right):
    if left is None and right is None:
        return
    x, y = parameter(3, 4), parameter(3, 4)
    node, given = BINARY[name](x, y), {x: CHANGES[left](x) if left else None, y: CHANGES[right](y) if right else None}
    results = dict(given)
    for step in nodes.ordered([node]):
        if step.args:
            results[step] = change(step, [results.get(a) for a in step.args], LANES)
    found = displaced(node, results[node])
    for lane in range(LANES):
        start = {p: displaced(p, c)[..., lane] for p, c in given.items()}
        expected = nodes.evaluated(nodes.ordered([node]), start)[node]
        np.testing.assert_allclose(found[..., lane], expected, rtol=1e-11, atol=1e-11)


def test_a_change_of_nothing_is_none():
    x = parameter(3, 4)
    assert change(ufunc(np.exp, x), [None], LANES) is None
    part = moves.get(x, (0,))
    assert change(part, [One(np.arange(2), np.array([7, 11]), np.ones(2))], 2) is None


def test_a_sum_of_a_difference_is_the_exact_sum_of_what_changed():
    x = Node("parameter", value=np.full((1000,), 1e8))
    total = reduce(np.add, x)
    found = change(total, [One(np.arange(1), np.array([3]), np.array([1e-9]))], 1)
    assert found.boxed(total, 1).by(total).item() == 1e-9


def overflowing(x):
    e = ufunc(np.exp, x)
    return [ufunc(np.divide, constant(1.0), ufunc(np.add, e, constant(1.0))), ufunc(np.greater, e, constant(2.0)),
            ufunc(np.where, ufunc(np.greater, e, constant(1.0)), x, constant(0.0))]  # fmt: skip


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("number", range(3))
def test_what_is_infinite_stays_so(number, kind):
    x = Node("parameter", value=np.array([[800.0, -1.0, 900.0, 1.0]] * 3))
    given = CHANGES[kind](x)
    with np.errstate(all="ignore"):
        node = overflowing(x)[number]
        results = {x: given}
        for step in nodes.ordered([node])[1:]:
            results[step] = change(step, [results.get(a) for a in step.args], LANES)
        found, values = displaced(node, results[node]), displaced(x, given)
        for lane in range(LANES):
            expected = nodes.evaluated(nodes.ordered([node]), {x: values[..., lane]})[node]
            np.testing.assert_allclose(found[..., lane], expected, rtol=1e-12, atol=1e-12)
