"""f at rows of displaced points, and the quotients of chosen coordinates."""

import numpy as np
import pytest

from fastgrad.engine.call import Call, Rows
from fastgrad.formulas import stencils
from fastgrad.formulas.stencils import stencil
from fastgrad.formulas.steps import Steps
from fastgrad.operations import partials
from fastgrad.operations.partials import DifferenceQuotients, Sampler

X = np.random.default_rng(0).uniform(0.5, 1.5, (5, 2))
STEPS = Steps("default", np.asarray(2.0**-17))


class Counted:
    """A function that remembers where it was called."""

    def __init__(self, f):
        self.f, self.places = f, []

    def __call__(self, x, *args):
        self.places.append(tuple(np.ravel(x).tolist()))
        return self.f(x, *args)


def sampler(f, x=X, table=None, engine="python", **options):
    call = Call(f, Rows(x, x.shape[1:]), table or stencils.gradient(x.shape[1]), STEPS, **options)
    return Sampler(call, engine, None, 100)


def test_points_themselves_are_asked_once():
    f = Counted(lambda x: x[0] - x[1])
    some = sampler(f)
    for owners in ([0, 3], [3, 3, 1], [0]):
        found = some.at_points(np.array(owners))
        assert found[:, 0].tolist() == [x[0] - x[1] for x in X[owners]]
    assert sorted(f.places) == sorted(map(tuple, X[[0, 1, 3]].tolist()))
    assert some.nfev == 3


@pytest.mark.parametrize("block", [1, 7, partials.BLOCK])
def test_quotients_of_chosen_coordinates(monkeypatch, block):
    monkeypatch.setattr(partials, "BLOCK", block)
    owners, units, steps = np.array([0, 2, 2, 4]), np.array([1, 0, 1, 1]), np.array([0.5, -0.25, 0.125, 1.0])
    f = lambda x, b: np.array([x[0] * x[1], b * x[1] ** 2])
    b = np.arange(5.0)
    some = DifferenceQuotients(sampler(f, table=stencils.jacobian(2), batch=(b,), vector=True))
    found, noise = some.quotients(owners, units, steps, stencil(1, 2))
    exact = [[X[n, 1 - i], 2.0 * b[n] * X[n, 1] * i] for n, i in zip(owners, units, strict=True)]
    np.testing.assert_allclose(found, exact, atol=1e-14)
    assert (np.abs(found - exact) <= noise).all()


def test_half_the_step_knows_the_values_of_the_whole_one():
    f = Counted(lambda x: np.exp(x[0]) * x[1])
    some, owners, units = DifferenceQuotients(sampler(f)), np.arange(5), np.zeros(5, int)
    steps, formula = np.full(5, 0.5), stencil(1, 4)
    some.quotients(owners, units, steps, formula)
    assert len(f.places) == 20
    again, _ = some.quotients(owners[1:4], units[:3], steps[:3] / 2, formula)
    assert len(f.places) == 26  # two of four are known
    assert len(set(f.places)) == 26
    fresh, _ = DifferenceQuotients(sampler(f.f)).quotients(owners[1:4], units[:3], steps[:3] / 2, formula)
    assert (again == fresh).all()


def test_along_a_direction_coordinates_that_do_not_move_keep_their_bits():
    x, v = np.array([[-0.0, 2.0]]), np.array([[0.0, 4.0]])
    f = Counted(lambda x: x[1] ** 2)
    found, _ = DifferenceQuotients(sampler(f, x), v).quotients(
        np.array([0]), np.array([0]), np.array([0.125]), stencil(1, 2)
    )
    assert found[0, 0] == 16.0
    assert all(np.signbit(place[0]) for place in f.places)


def test_numbers_on_an_array_while_f_takes_arrays():
    x = np.linspace(0.5, 2.0, 6)[:, None]
    shapes = []

    def f(x):
        shapes.append(np.shape(x))
        return x**2

    some = sampler(f, x, stencils.derivative(), scalar=True, whole=(2, 3))
    rows = x[[1, 4], None, :] + np.array([0.0, 1.0, 2.0])[None, :, None]
    found = some.at(rows, np.array([1, 4]))
    np.testing.assert_array_equal(found, rows**2)
    some.at(rows, np.array([1, 4]))
    assert shapes == [(2, 3)] * 13  # seven of them to see, once, that each element is by itself
    assert some.nfev == 13


def test_f_keeps_to_one_shape():
    some = sampler(lambda x: np.ones(2 if x[0] < 100 else 3), table=stencils.jacobian(2), vector=True)
    some.at_points(np.array([0]))
    assert some.shape == (2,)
    with pytest.raises(ValueError, match=r"\(3,\) after one of shape \(2,\)"):
        some.at(np.full((1, 1, 2), 200.0), np.array([0]))
