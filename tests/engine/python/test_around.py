"""f around one point of few coordinates: differences against their definition, and what f does meanwhile."""

from __future__ import annotations

import numpy as np
import pytest

from fastgrad.engine.python.around import Around, quotients
from fastgrad.formulas import reference, stencils
from fastgrad.program.look import CoarserError, Look, WroteError

X, HS = np.array([0.5, -2.0, 3.0]), [2.0**-17, 2.0**-17, 2.0**-16]


def of(f, order=2, shape=(), given=False):
    reserve = None if shape == () else lambda _: None
    return Around(Look(f, (), shape, reserve), X, stencils.stencil(1, order), HS, given=given)


def f(x):
    return np.sin(x[0] * x[1]) + x[2] ** 3


def many(x):
    return np.array([[x[0] * x[1], x[2]], [np.exp(x[0]), x[1] ** 2]])


@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_slopes_are_those_of_the_definition(order):
    slopes, values = of(f, order).slopes()
    np.testing.assert_allclose(slopes, reference.gradient(f, X, order=order, h=HS), rtol=1e-13)
    assert len(values) == 3 * order
    assert of(f, order).value_and_slopes() == (f(X), slopes, values)


@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_slopes_of_many_numbers(order):
    found = of(many, order, None).of_many()
    assert found.shape == (4, 3)
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found.reshape(2, 2, 3), reference.jacobian(many, X, order=order, h=HS), rtol=1e-13)
    assert of(lambda x: np.empty((0, 2)), order, None).of_many().shape == (0, 3)


def test_an_array_that_f_uses_again():
    kept = np.empty(2)

    def again(x):
        kept[:] = x[0] ** 2, x[1]
        return kept

    np.testing.assert_allclose(of(again, shape=None).of_many(), [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], atol=1e-9)


def test_what_the_usual_way_has_to_deal_with():
    with pytest.raises(CoarserError):
        of(lambda x: np.float32(f(x))).slopes()
    with pytest.raises(CoarserError):
        of(lambda x: many(x).astype(np.float32).astype(float), shape=None).of_many()
    assert of(lambda x: float(np.float32(f(x))), given=True).slopes()

    def writes_later(x, calls=[]):  # noqa: B006  which it is about
        calls.append(1)
        if len(calls) > 2:
            x[2] = 7.0
        return f(x)

    with pytest.raises(WroteError):
        of(writes_later).value_and_slopes()


def test_quotients():
    formula = stencils.stencil(1, 2)
    assert quotients(formula, [3.0, 1.0, 8.0, 0.0], 0.0, [0.5, 2.0]) == [2.0, 2.0]
