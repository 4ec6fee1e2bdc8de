"""Arrays of classes of their own as arguments of f."""

import numpy as np
import pandas as pd
import pytest

import fastgrad

POINT = np.array([[1.0, 2.0], [3.0, 4.0]])


class Tripled(np.ndarray):
    """Another product than that of arrays."""

    def __mul__(self, other):
        return 3.0 * np.multiply(np.asarray(self), np.asarray(other))


class Named(np.ndarray):
    """Arrays with a name, and the operators of arrays."""

    name = "pressure"


def f(x):
    return float(np.sum(x * x))


ASKED = {
    "gradient": fastgrad.gradient,
    "exact": lambda f, x: fastgrad.gradient(f, x, method="exact"),
    "in rows": lambda f, x: fastgrad.gradient(f, x, batch=True),
    "value_and_gradient": lambda f, x: fastgrad.value_and_gradient(f, x)[1],
    "derivative": lambda f, x: fastgrad.derivative(lambda t: t * t, x),
    "jacobian": lambda f, x: fastgrad.jacobian(lambda x: np.array([f(x)]), x)[0],
    "vjp": lambda f, x: fastgrad.vjp(lambda x: np.array([f(x)]), x, np.ones(1)),
    "grad": lambda f, x: fastgrad.grad(f)(x),
    "grad of a dict": lambda f, x: fastgrad.grad(lambda p: f(p["x"]))({"x": x})["x"],
    "numerical_gradient": lambda f, x: fastgrad.numerical_gradient(f, x.copy()),
    "numerical_gradient_2d": lambda f, x: fastgrad.numerical_gradient_2d(f, x.copy()),
    "numerical_diff": lambda f, x: fastgrad.numerical_diff(lambda t: t * t, x),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_operators_of_a_class_of_its_own_are_not_lost(ask):
    with pytest.raises(TypeError, match=r"is a Tripled, whose operators are not those of arrays"):
        ask(f, POINT.view(Tripled))
    with pytest.raises(TypeError, match=r"\[0\] is a Tripled"):
        ask(f, [POINT.view(Tripled), POINT])
    for x in (POINT.view(Named), np.ma.masked_array(POINT), POINT):
        np.testing.assert_allclose(ask(f, x), 2 * POINT, rtol=1e-6)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_matrix_and_what_is_said_to_write_for_it():
    x, truth = np.matrix(POINT), np.array([[7.0, 11.0], [9.0, 13.0]])  # of the sum of the elements of x @ x
    for ask in (fastgrad.gradient, fastgrad.numerical_gradient):
        with pytest.raises(TypeError, match=r"x\.view\(np\.ndarray\), and lambda x: f\(x\.view\(matrix\)\)"):
            ask(f, x)
        np.testing.assert_allclose(ask(lambda x: f(x.view(np.matrix)), x.view(np.ndarray)), truth, rtol=1e-6)
    np.testing.assert_allclose(fastgrad.weight_gradient(f, x), truth, rtol=1e-6)


def test_rows_of_batch_args_keep_their_operators_or_are_refused():
    ask = lambda rows: fastgrad.gradient(lambda x, row: np.sum(x * row), POINT, batch=True, batch_args=(rows,))
    with pytest.raises(TypeError, match=r"batch_args\[0\] is a Tripled, whose operators"):
        ask(POINT.view(Tripled))
    with pytest.raises(TypeError, match=r"batch_args\[0\] is a DataFrame, .* give np\.asarray\(batch_args\[0\]\)"):
        ask(pd.DataFrame(POINT, columns=["u", "v"]))
    np.testing.assert_allclose(ask(np.asarray(pd.DataFrame(POINT))), POINT)
    np.testing.assert_allclose(ask(pd.Series([2.0, 3.0])), [[2.0, 2.0], [3.0, 3.0]])


class Quantity:
    """Numbers with a unit, as those of pint, which NumPy's functions leave to it."""

    unit = "km"

    def __array__(self, dtype=None, copy=None):
        return np.array(POINT, dtype)

    def __array_function__(self, *_):
        return NotImplemented


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_units_are_not_lost(ask):
    with pytest.raises(TypeError, match=r"is a Quantity, and f would be asked with plain numbers"):
        ask(f, type("Quantity", (Quantity,), {"copy": lambda self: self})())


def test_variables_and_traced_numbers_have_their_own_errors():
    with pytest.raises(TypeError, match="use the `array` attribute instead"):
        fastgrad.gradient(f, fastgrad.Variable(POINT))
    inner = lambda x: float(np.sum(fastgrad.gradient(lambda y: np.sum(y**3), x)))
    np.testing.assert_allclose(fastgrad.gradient(inner, POINT), 6 * POINT, rtol=1e-5)
    with pytest.raises(fastgrad.EngineError, match="trace of f"):
        fastgrad.gradient(inner, POINT, method="exact")


@pytest.mark.parametrize("call", [fastgrad.numerical_gradient, lambda f, x: fastgrad.propagate(f, x, np.ones(2))[1]])
def test_what_is_no_derivative_by_its_name_is_refused_inside_of_f(call):
    inner = lambda x: np.sum(x**3)
    with pytest.raises(fastgrad.EngineError, match=r"inside of f only gradient, jacobian, .* by method='exact'"):
        fastgrad.gradient(lambda x: np.sum(call(inner, x)), np.ones(2), method="exact")
    central = fastgrad.gradient(lambda x: np.sum(call(inner, np.array(x))), np.ones(2))
    assert np.isfinite(central).all()
