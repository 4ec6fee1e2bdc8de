"""`bounds=`: each form says the same, to every operation that takes it."""

import numpy as np
import pytest

import fastgrad
from fastgrad import derivative, explain, grad, gradient, hess, hessian, jac, jacobian, value_and_grad
from fastgrad.engine.limits import as_pair

INF = np.inf


class Bounds:
    """What `scipy.optimize.Bounds` has."""

    def __init__(self, lb=-INF, ub=INF):
        self.lb, self.ub = np.atleast_1d(lb), np.atleast_1d(ub)


class Inside:
    """A function that may be called between bounds only."""

    def __init__(self, f, low, high):
        self.f, self.low, self.high = f, np.asarray(low), np.asarray(high)

    def __call__(self, x, *args):
        if not ((self.low <= x) & (x <= self.high)).all():
            msg = f"called at {x}"
            raise AssertionError(msg)
        return self.f(x, *args)


def smooth(x):
    return np.exp(0.5 * x[0]) * np.sin(x[1] + 0.25) + x[0] * x[1] ** 2


X, LOW, HIGH = np.array([0.0, 9.0]), np.array([0.0, 2.0]), np.array([4.0, 9.0])
FORMS = {
    "arrays": (LOW, HIGH),
    "lists": ([0, 2], [4, 9]),
    "list of two lists": [[0, 2], [4, 9]],
    "tuples": ((0, 2), (4, 9)),
    "rows": (LOW[None][0], HIGH),
    "pairs": [(0, 4), (2, 9)],
    "pairs of floats": [(np.float64(0.0), np.float32(4.0)), (2.0, np.int8(9))],
    "scipy": Bounds([0, 2], [4, 9]),
    "scipy, a list": Bounds(LOW.tolist(), HIGH.tolist()),
}
OPERATIONS = {
    "gradient": gradient,
    "value_and_gradient": lambda f, x, **how: fastgrad.value_and_gradient(f, x, **how)[1],
    "jacobian": jacobian,
    "hessian": hessian,
    "grad": lambda f, x, **how: grad(f, **how)(x),
    "value_and_grad": lambda f, x, **how: value_and_grad(f, **how)(x)[1],
    "jac": lambda f, x, **how: jac(f, **how)(x),
    "hess": lambda f, x, **how: hess(f, **how)(x),
}
forms = pytest.mark.parametrize("bounds", FORMS.values(), ids=FORMS)
operations = pytest.mark.parametrize("operate", OPERATIONS.values(), ids=OPERATIONS)


@operations
@forms
@pytest.mark.parametrize("method", ["central", "adaptive"])
def test_every_form_says_the_same(operate, bounds, method):
    f = Inside(smooth, LOW, HIGH)
    wanted = operate(f, X, bounds=(LOW, HIGH), method=method)
    assert np.isfinite(wanted).all()
    assert operate(f, X, bounds=bounds, method=method).tobytes() == wanted.tobytes()
    rows = np.array([X, [1.0, 3.0], [4.0, 2.0]])
    whole = operate(f, rows, bounds=bounds, method=method, batch=True)
    assert whole[0].tobytes() == wanted.tobytes()


@operations
@pytest.mark.parametrize(
    ("bounds", "low", "high"),
    [
        ([(0, None), (None, 9)], [0.0, -INF], [INF, 9.0]),
        ([(None, None), (None, 9.0)], -INF, [INF, 9.0]),
        ([(0.0, np.inf), (-np.inf, 9.0)], [0.0, -INF], [INF, 9.0]),
        (Bounds(0.0), 0.0, INF),
        (Bounds(ub=9.0), -INF, 9.0),
        (Bounds(ub=[INF, 9.0]), -INF, [INF, 9.0]),
        ((0, INF), 0.0, INF),
        ([0, INF], 0.0, INF),
    ],
)
def test_sides_that_are_open(operate, bounds, low, high):
    wanted = operate(smooth, X, bounds=(low, high))
    assert operate(Inside(smooth, low, high), X, bounds=bounds).tobytes() == wanted.tobytes()


def test_scipys_own():
    optimize = pytest.importorskip("scipy.optimize")
    for both in (optimize.Bounds([0, 2], [4, 9]), optimize.Bounds(lb=[0, 2], ub=[4, 9], keep_feasible=True)):
        assert (gradient(Inside(smooth, LOW, HIGH), X, bounds=both) == gradient(smooth, X, bounds=(LOW, HIGH))).all()
    pairs, start = [(0.5, 4.0), (None, 1.0)], np.array([0.5, 1.0])
    f = Inside(lambda x: (x[0] - 0.1) ** 2 + (x[1] - 3.0) ** 2 + x[0] * x[1], [0.5, -INF], [4.0, 1.0])
    found = optimize.minimize(f, start, jac=grad(f, bounds=pairs), bounds=pairs)
    assert found.success
    np.testing.assert_allclose(found.x, [0.5, 1.0])


def test_one_coordinate_and_points_of_any_shape():
    assert gradient(np.sum, np.array([2.0]), bounds=[(0, 2)]) == 1.0
    assert derivative(np.exp, 0.0, bounds=[(0, None)]) == pytest.approx(1.0)
    np.testing.assert_allclose(derivative(np.exp, np.array([0.0, 1.0]), bounds=[(0, 1), (0, 1)]), np.exp([0.0, 1.0]))
    x, low, high = np.array([[0.0, 1.0], [2.0, 3.0]]), np.zeros((2, 2)), np.array([[1.0, 1.0], [2.0, 9.0]])
    f = Inside(lambda x: np.sum(x**3), low, high)
    wanted = gradient(f, x, bounds=(low, high))
    for bounds in ([(0, 1), (0, 1), (0, 2), (0, 9)], Bounds([0, 0, 0, 0], [1, 1, 2, 9])):
        assert gradient(f, x, bounds=bounds).tobytes() == wanted.tobytes()
        assert hessian(f, x, bounds=bounds).shape == (2, 2, 2, 2)


def test_dicts_have_one_pair_for_each_number():
    slope = grad(lambda p: np.sqrt(p["a"]) * np.sum(np.sqrt(1.0 - p["b"])), bounds=[(0, None), (None, 1), (None, 1)])
    found = slope({"a": 1e-9, "b": np.array([0.5, 1.0 - 1e-9])})
    assert np.isfinite(found["a"])
    assert np.isfinite(found["b"]).all()


def test_explain_takes_them_too():
    assert explain(smooth, X, bounds=[(0, 4), (2, 9)]).engine == "python"


def test_the_two_that_look_alike():
    """A list of tuples is pairs, all else is (lb, ub)."""
    assert [np.ravel(b).tolist() for b in as_pair([(0, 4), (2, 9)], (2,))] == [[0, 2], [4, 9]]
    assert as_pair(((0, 2), (4, 9)), (2,)) == ((0, 2), (4, 9))
    assert as_pair([[0, 2], [4, 9]], (2,)) == ([0, 2], [4, 9])
    assert as_pair([(0, 2), [4, 9]], (2,)) == ((0, 2), [4, 9])


@pytest.mark.parametrize(
    ("bounds", "fragment"),
    [
        ([(0, 4)], "each of the 2 coordinates"),
        ([(0, 4), (2, 9), (0, 1)], "each of the 2 coordinates"),
        ([(0, 4, 1), (2, 9, 1)], r"write a tuple \(lb, ub\)"),
        ([], "each of the 2 coordinates"),
        (((0, None), (2, None)), r"write a list of tuples, \[\(0, None\), \(2, None\)\]"),
        (((0, 1), (0, 1), (0, 1)), "or a list of tuples"),
        (np.array([[0.0, 4.0], [2.0, 9.0], [0.0, 1.0]]), r"bounds must be a pair \(lb, ub\)"),
        ([(0, np.nan), (2, 9)], "ub holds NaN"),
        ([(4, 0), (2, 9)], "exchange them"),
        ([(1, 4), (2, 9)], r"write np.clip\(x, lb, ub\)"),
        ((1.0, 9.0), r"write np.clip\(x, \*bounds\)"),
        (Bounds([0, 0, 0], 9.0), "does not fit points of shape"),
    ],
)
@operations
def test_what_is_no_bounds(operate, bounds, fragment):
    with pytest.raises(ValueError, match=fragment):
        operate(smooth, X, bounds=bounds)


def test_an_array_is_a_pair():
    f, x = lambda x: x[0] * x[1], np.array([1.0, 2.0])
    wanted = fastgrad.gradient(f, x, bounds=([0.0, 0.0], [1.0, 2.0]))
    assert (fastgrad.gradient(f, x, bounds=np.array([[0.0, 0.0], [1.0, 2.0]])) == wanted).all()
    with pytest.raises(ValueError, match=r"must be a pair \(lb, ub\), got ndarray"):
        fastgrad.gradient(f, x, bounds=np.ones((3, 2)))


def test_none_is_a_bound_in_pairs_only():
    f, x = lambda x: x[0] * x[1], np.ones(2)
    for bounds in ((0.0, None), (None, [1.0, 2.0]), ((0, 1), (None, 2))):
        with pytest.raises(TypeError, match=r"holds None, where .* write -np\.inf or np\.inf"):
            fastgrad.gradient(f, x, bounds=bounds)
    with pytest.raises(ValueError, match=r"write a list of tuples, \[\(0, None\), \(None, 3\)\]"):
        fastgrad.gradient(f, x, bounds=[[0, None], [None, 3]])


def test_exact_derivatives_have_none():
    f, x = lambda x: x[0] ** 2, np.array([1.5])
    for bounds in ((5.0, 6.0), [(None, 1.0)], ([1.5], [1.5])):
        assert fastgrad.gradient(f, x, bounds=bounds, method="exact") == [3.0]
        assert fastgrad.grad(f, bounds=bounds, method="exact")(x) == [3.0]
        assert fastgrad.hessian(f, x, bounds=bounds, method="exact") == [[2.0]]
    with pytest.raises(ValueError, match="must be a pair"):
        fastgrad.gradient(f, x, bounds=7.0, method="exact")
