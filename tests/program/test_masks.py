"""What is masked stays masked when it is multiplied, and costs nothing where nothing can go wrong."""

import numpy as np

import fastgrad
from fastgrad.program.code import Code
from fastgrad.program.masks import Products
from fastgrad.program.program import ZERO, Program

X, Y = ("x", 0), ("x", 1)
NODES = (("gt", X, ZERO), ("lt", X, Y), ("sqrt", X), ("select", ("v", 0), X, Y))
PROGRAM = Program(2, 0, NODES, (("v", 3),), (), (2.0,))


def made():
    code = Code(PROGRAM)
    return code, Products(code, PROGRAM), [code.of[0], code.of[1]], code.of[2]


def test_where_a_sum_of_masked_terms_is_not_masked():
    code, products, (a, b), _ = made()
    total = code.add(code.select(a, X, ZERO), code.select(b, Y, ZERO))
    assert code.node(products.active(total)) == ("or", a, b)
    assert products.active(code.neg(total)) == products.active(total)
    assert products.active(code.add(total, X)) is None
    assert products.active(code.select(a, X, Y)) is None
    inner = code.select(b, code.select(a, X, ZERO), ZERO)
    assert code.node(products.active(inner)) == ("and", b, a)


def test_products_are_masked_where_a_partial_derivative_may_be_infinite():
    code, products, (a, b), root = made()
    total = code.add(code.select(a, X, ZERO), code.select(b, Y, ZERO))
    name, mask, _, other = code.node(products.of(total, root))
    assert (name, mask, other) == ("select", products.active(total), ZERO)
    one = code.node(products.of(code.select(a, X, ZERO), root))
    assert one[:2] == ("select", a)
    assert code.node(one[2]) == ("*", X, root)


def test_finite_partial_derivatives_take_a_product_only():
    code, products, (a, b), _ = made()
    total = code.add(code.select(a, X, ZERO), code.select(b, Y, ZERO))
    for partial in (("k", 2.0), ("c", 0), code.select(b, ("k", 0.5), ("c", 0))):
        assert products.of(total, partial) == code.mul(total, partial)
    assert products.of(X, Y) == code.mul(X, Y)


def test_programs_without_masks_need_none():
    assert not Products(Code(PROGRAM), Program(1, 0, (("sin", X),), (("v", 0),), (), ())).needed
    assert made()[1].needed


def test_chains_of_choices_of_any_length():
    """The place of a maximum is a chain of choices; to walk along it by calls ended at some five hundred."""
    grid = np.linspace(0.0, 4.0, 900)
    f = lambda x: np.argmax(np.sin(grid * x[0])) * x[1]
    found = fastgrad.gradient(f, np.array([1.1, 0.5]), method="exact", engine="simd")
    np.testing.assert_allclose(found, [0.0, np.argmax(np.sin(grid * 1.1))])
