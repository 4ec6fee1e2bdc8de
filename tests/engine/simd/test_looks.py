"""Where f goes a way of its own, exact derivatives are compared with differences at every call."""

from itertools import count

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError, grad, gradient, hessian
from fastgrad.engine.simd.coverage import AT_ONCE

Y = np.array([0.5, 1.5, 3.0])


def boxcox(p):
    lam = p[0]
    z = np.where(lam == 0, np.log(Y), (Y**lam - 1) / np.where(lam == 0, 1, lam))
    return np.sum(z**2) * p[1]


def branching(p):
    if p[0] == 0:
        return np.sum(np.log(Y) ** 2) * p[1]
    return np.sum(((Y ** p[0] - 1) / p[0]) ** 2) * p[1]


def by_factors(p):
    return np.tanh(p[0]) * p[1] * (p[0] != 0)


def of_two_sides(p):
    return ((p[0] > 0) * (p[0] + p[0] ** 2) + (p[0] < 0) * p[0]) * p[1]


WAYS = [boxcox, branching, by_factors, of_two_sides]
USUAL, OWN = np.array([0.7, 1.3]), np.array([0.0, 1.3])


def again(f):
    """f as a function that has no program yet."""
    scale = float(np.random.default_rng().uniform(1.0, 2.0))
    return lambda p: f(p) * scale


OPERATIONS = [fastgrad.gradient, fastgrad.value_and_gradient, fastgrad.jacobian]


@pytest.mark.parametrize(
    ("f", "operation"), [*[(f, o) for f in WAYS for o in OPERATIONS], *[(f, fastgrad.hessian) for f in WAYS[:3]]]
)
def test_at_the_first_call_and_at_later_ones(f, operation):
    g = again(f)
    for x in (OWN, USUAL, OWN, USUAL, OWN):
        if x is OWN:
            with pytest.raises(EngineError, match="goes a way of its own"):
                operation(g, x, method="exact")
        else:
            operation(g, x, method="exact")


@pytest.mark.parametrize("f", WAYS)
def test_in_the_middle_of_a_batch_and_on_grids(f):
    points = np.tile(USUAL, (AT_ONCE + 3000, 1))
    fastgrad.gradient(again(f), points, batch=True, method="exact")
    points[AT_ONCE + 1234] = OWN
    for _ in range(2):
        with pytest.raises(EngineError, match="goes a way of its own"):
            fastgrad.gradient(f, points, batch=True, method="exact")
    with pytest.raises(EngineError, match="goes a way of its own"):
        fastgrad.gradient_field(f, [np.linspace(-1, 1, 41), np.linspace(0.5, 1, 9)], method="exact")


@pytest.mark.parametrize("f", WAYS)
@pytest.mark.parametrize("number", [0, 2, 30])
def test_of_functions_made_to_be_called_often(f, number):
    g = fastgrad.grad(again(f), method="exact")
    for k in range(number):
        g(USUAL + 0.001 * k)
    for _ in range(2):
        with pytest.raises(EngineError, match="goes a way of its own"):
            g(OWN)
    np.testing.assert_allclose(g(USUAL)[1] / g(USUAL)[1], 1.0)


def test_after_central_differences_of_the_same_points():
    def f(x):
        n = np.sqrt(x[0] ** 2 + x[1] ** 2)
        return 0.0 if n < 1e-12 else np.sin(n) * x[0] / n

    points = np.random.default_rng(0).normal(size=(600, 2))
    points[0] = 0.0
    fastgrad.gradient(f, np.ones(2), method="exact")
    fastgrad.gradient(f, points, batch=True)
    with pytest.raises(EngineError, match="goes a way of its own"):
        fastgrad.gradient(f, np.zeros(2), method="exact")


@pytest.mark.parametrize(
    ("f", "slopes"),
    [
        (lambda x: np.where(x[0] == 0, 1.0, np.sin(x[0]) / np.where(x[0] == 0, 1.0, x[0])) * x[1], [0.0, 1.0]),
        (lambda x: np.sum(np.where(x == np.max(x), x**2, x)), [1.0, 2.6]),
        (lambda x: np.sum((np.maximum(x, 0.0) == 0.0) * x), [1.0, 0.0]),
        (lambda x: np.where(np.round(x[0]) == 0, x[1], 0.0) + x[0] ** 2, [0.0, 1.0]),
        (lambda x: np.sum(np.isnan(x) * 1.0) + x[1] ** 2, [0.0, 2.6]),
    ],
)
def test_what_is_right_there_is_believed(f, slopes):
    """Equal numbers all around a point are no way of its own."""
    x = np.array([0.0, 1.3])
    for _ in range(3):
        np.testing.assert_allclose(fastgrad.gradient(f, x, method="exact"), slopes)
    np.testing.assert_allclose(fastgrad.grad(f, method="exact")(x), slopes)


def test_what_is_small_beside_other_slopes():
    """And of an f whose second derivatives are asked."""
    f = lambda x: 10.0 * np.sum(np.sin(x)) + np.where(x[3] == 0, 0.0, 1e-2 * np.tanh(x[3]))
    x = np.arange(8.0)
    x[3] = 0.0
    for operation in (fastgrad.gradient, fastgrad.jacobian):
        with pytest.raises(EngineError, match="goes a way of its own"):
            operation(f, x, method="exact")
    with pytest.raises(EngineError, match="goes a way of its own"):
        fastgrad.jvp(f, x, np.eye(8)[3], method="exact")
    square = lambda x: np.sum(np.sin(x)) + np.where(x[3] == 0, 0.0, x[3] ** 2)
    with pytest.raises(EngineError, match="goes a way of its own"):
        fastgrad.hessian(square, x, method="exact")


RADIAL = [
    lambda x: np.where(np.hypot(x[0], x[1]) > 0, np.tanh(x[0]) + x[1], 0.0),
    lambda x: (x @ x > 0) * (np.tanh(x[0]) + x[1]),
    lambda x: (np.tanh(x[0]) + x[1]) if np.sqrt(x[0] ** 2 + x[1] ** 2) > 0 else 0.0,
    lambda x: np.where(np.floor(x[0]) == x[0], 0.0, np.tanh(x[0])) + x[1],
    lambda x: np.where((x[0] >= 0) & (x[0] <= 0), 0.0, np.tanh(x[0])) + x[1],
    lambda x: np.sign(x[0]) * np.log1p(np.abs(x[0])) + x[1],
    lambda x: np.where((x[0] == 0) & (x[1] == 0), 0.0, np.tanh(x[0]) + x[1]),
]


@pytest.mark.parametrize("f", RADIAL, ids=count())
def test_one_of_many_points(f):
    """Where others are equal in another way, too."""
    axis = np.linspace(-1.0, 1.0, 65)
    for _ in range(2):
        with pytest.raises(EngineError, match="goes a way of its own"):
            fastgrad.gradient_field(f, [axis, axis], method="exact")
    points = np.random.default_rng(0).normal(size=(3000, 2))
    points[1500] = 0.0
    with pytest.raises(EngineError, match="goes a way of its own"):
        fastgrad.gradient(f, points, batch=True, method="exact")
    found = fastgrad.gradient(f, np.delete(points, 1500, axis=0), batch=True, method="exact")
    np.testing.assert_allclose(found[:, 1], 1.0)


DATA = np.abs(np.random.default_rng(0).normal(size=(3000, 3)))


@pytest.mark.parametrize(
    ("f", "own"),
    [
        (lambda p: np.sum(np.where(DATA @ p == 0, 0.0, np.tanh(DATA @ p))), [0.0, 0.0, 0.0]),
        (lambda p: np.sum((DATA @ p > 0) * np.sinh(DATA @ p) + (DATA @ p < 0) * np.tanh(DATA @ p)), [0.0, 0.0, 0.0]),
        (
            lambda p: np.sum(np.where(DATA[:, 0] == p[0], 0.0, np.tanh(DATA[:, 0] - p[0]))) + p[1],
            [DATA[17, 0], 0.5, 0.5],
        ),
    ],
    ids=count(),
)
def test_of_data_in_many_rows(f, own):
    g = fastgrad.grad(f, method="exact")
    for k in range(1, 12):
        g(np.array([0.1, 0.2, 0.3]) * k)
    for call in (g, lambda p: fastgrad.gradient(f, p, method="exact")):
        with pytest.raises(EngineError, match="goes a way of its own"):
            call(np.array(own))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_derivatives_of_one_variable(n):
    f = lambda x: np.where(x == 0, 1.0, np.expm1(x) / np.where(x == 0, 1.0, x))
    with pytest.raises(EngineError, match="goes a way of its own"):
        fastgrad.derivative(f, np.array([0.5, 0.0, 1.0]), n=n, method="exact")
    assert np.isfinite(fastgrad.derivative(f, np.array([0.5, 1.0]), n=n, method="exact")).all()


def test_quotients_where_something_is_not_0():
    f = lambda p: np.divide(np.sin(p), p, out=np.ones_like(p), where=p != 0).sum()
    assert fastgrad.explain(f, np.ones(2), method="exact").engine == "simd"
    np.testing.assert_allclose(fastgrad.gradient(f, np.array([0.0, 1.0]), method="exact"), [0.0, np.cos(1) - np.sin(1)])
    for operation in (fastgrad.hessian, fastgrad.hessian_diagonal):
        with pytest.raises(EngineError, match="goes a way of its own"):
            operation(f, np.array([0.0, 1.0]), method="exact")


def test_derivatives_inside_of_f():
    inner = lambda q: np.sum(np.where(q == 0, 0.0, np.tanh(q)))
    f = lambda p: np.sum(fastgrad.gradient(inner, p, method="exact") * np.array([1.0, 2.0]))
    points = np.random.default_rng(0).uniform(0.5, 1.0, (2000, 2))
    wanted = -2.0 * np.tanh(points) / np.cosh(points) ** 2 * np.array([1.0, 2.0])
    np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True), wanted, rtol=1e-6)
    points[1000, 0] = 0.0
    with pytest.raises(EngineError, match="goes a way of its own"):
        fastgrad.value_and_gradient(f, points, batch=True)


def test_a_captured_float_that_is_no_structure():
    """It is taken over by the kernel that is there."""
    place = 0.0

    def f(x):
        return np.tanh(x[0] - place) * (x[0] != place) * x[1]

    g = fastgrad.grad(f, method="exact")
    for k in range(30):
        place = 0.01 * k
        g(np.array([0.5, 1.0]))
        with pytest.raises(EngineError, match="goes a way of its own"):
            g(np.array([place, 1.0]))


def test_places_that_only_a_task_knows():
    """dask asks for the engine at points that are made up."""
    da = pytest.importorskip("dask.array")
    f = lambda x: np.where(x[0] == 1, 0.0, np.tanh(x[0] - 1)) + np.where(x[1] == 0, 0.0, np.sin(x[1]))
    x = np.random.default_rng(0).uniform(2.0, 3.0, (40, 2))
    found = fastgrad.gradient(f, da.from_array(x, chunks=(10, 2)), batch=True, method="exact").compute()
    np.testing.assert_allclose(found, np.stack([1 / np.cosh(x[:, 0] - 1) ** 2, np.cos(x[:, 1])], axis=1), rtol=1e-13)


def test_captured_numbers_that_change():
    place = 0.0
    f = lambda x: np.where(x[0] == place, 0.0, np.tanh(x[0] - place)) * x[1]
    g = fastgrad.grad(f, method="exact")
    for _ in range(12):
        g(np.array([0.5, 1.0]))
    place = 0.5
    with pytest.raises(EngineError, match="goes a way of its own"):
        g(np.array([0.5, 1.0]))
    assert g(np.array([0.0, 1.0])) == pytest.approx([1.0 - np.tanh(-0.5) ** 2, np.tanh(-0.5)])


def sinc(x):
    """0 / 0 at 0, which functions guard in many ways; the slope of what it tends to is -1/2 there."""
    with np.errstate(all="ignore"):
        return (1.0 - np.exp(-x)) / x


def filled(x):
    values = sinc(x)
    values[np.isnan(values)] = 1.0
    return values.sum()


def put(x):
    values = sinc(x)
    np.putmask(values, np.isnan(values), 1.0)
    return values.sum()


def infinite(x):
    with np.errstate(all="ignore"):
        return np.sum(np.where(np.isinf(1.0 / x), 0.0, 1.0 / x) * x**2)


UNDEFINED = {
    "nan_to_num": lambda x: np.nan_to_num(sinc(x), nan=1.0).sum(),
    "where": lambda x: np.where(np.isnan(sinc(x)), 1.0, sinc(x)).sum(),
    "unequal": lambda x: np.where(sinc(x) != sinc(x), 1.0, sinc(x)).sum(),
    "finite": lambda x: np.where(np.isfinite(sinc(x)), sinc(x), 1.0).sum(),
    "picked": lambda x: sinc(x)[np.isfinite(sinc(x))].sum(),
    "if": lambda x: 1.0 + x[1] if np.any(np.isnan(sinc(x))) else sinc(x).sum(),
    "select": lambda x: np.select([~np.isnan(sinc(x))], [sinc(x)], 1.0).sum(),
    "as a factor": lambda x: np.sum(np.isnan(sinc(x)) * 1.0) + np.nansum(sinc(x)),
    "nansum": lambda x: np.nansum(sinc(x)),
    "nanmean": lambda x: np.nanmean(np.append(sinc(x), 1.0)),
    "nanmax": lambda x: np.nanmax(np.append(sinc(x), 0.1)),
    "fmax": lambda x: np.fmax(sinc(x), -5.0).sum(),
    "masked": lambda x: np.ma.masked_invalid(sinc(x)).filled(1.0).sum(),
    "filled": filled,
    "put": put,
    "infinite": infinite,
}


@pytest.mark.parametrize("name", UNDEFINED)
def test_a_way_where_something_is_no_number(name):
    """Whatever was asked before, and in the midst of a batch."""
    f, x, there = UNDEFINED[name], np.array([0.5, 0.3]), np.array([0.0, 0.3])
    slope = grad(f, method="exact")
    np.testing.assert_allclose(slope(x), gradient(f, x), rtol=1e-7)
    for k in range(10):
        slope(x + 0.01 * k)
    derivatives = [slope, lambda x: gradient(f, x, method="exact")]
    if name != "infinite":  # x, whose second derivative is 0
        derivatives.append(lambda x: hessian(f, x, method="exact"))
    for derive in derivatives:
        with pytest.raises(EngineError, match="goes a way of its own"):
            derive(there)
    with pytest.raises(EngineError, match="goes a way of its own"):
        gradient(f, np.array([x, there, 2 * x]), batch=True, method="exact")


def test_no_number_all_around_is_no_way_of_its_own():
    with np.errstate(all="ignore"):
        f = lambda x: np.nansum(np.log(x)) + np.sum(np.nan_to_num(x**2))
        assert gradient(f, np.array([-1.0, 2.0]), method="exact").tolist() == [-2.0, 4.5]
        soft = lambda x: np.sum(np.where(np.isfinite(np.exp(x)), np.log1p(np.exp(x)), x))
        assert gradient(soft, np.array([800.0, 0.0]), method="exact").tolist() == [1.0, 0.5]
        mixed = lambda x: np.nan_to_num((x @ x) * np.log(x @ x))
        hessian(mixed, np.array([0.5, 0.3]), method="exact")
        with pytest.raises(EngineError, match="goes a way of its own"):
            hessian(mixed, np.zeros(2), method="exact")
