"""f that returns numbers of a lower precision, at points without coordinates, or a lower one at every other call."""

import numpy as np
import pytest

import fastgrad

TYPES = (np.float64, np.float32, np.float16)
pytestmark = pytest.mark.filterwarnings("ignore::fastgrad.StepWarning")  # of values that are rounded coarsely
OPERATIONS = (fastgrad.gradient, fastgrad.jacobian, fastgrad.hessian, fastgrad.value_and_gradient)


@pytest.mark.parametrize(("shape", "batch"), [((0,), False), ((2, 0), False), ((4, 0), True), ((4, 2, 0), True)])
@pytest.mark.parametrize("engine", ["auto", "python", "simd", "jit", "reference"])
@pytest.mark.parametrize("options", [{}, {"method": "forward"}, {"method": "adaptive"}, {"bounds": (0, 1)}])
def test_points_without_coordinates(shape, batch, engine, options):
    x, how = np.zeros(shape), {"batch": batch, "engine": engine, **options}
    lead = shape[:1] if batch else ()
    found = fastgrad.jacobian(lambda x: np.float32(np.sum(x**2)), x, **how)
    assert found.shape == shape
    found = fastgrad.jacobian(lambda x: np.array([np.sum(x), 1.0], np.float32), x, full_output=True, **how)
    assert found.value.shape == (*lead, 2, *shape[batch:])
    assert fastgrad.gradient(lambda x: np.float32(np.sum(x**2)), x, **how).shape == shape


def test_points_without_coordinates_have_rows():
    def f(x, y):
        return np.float32(y) * np.ones(3)

    assert fastgrad.jacobian(f, np.zeros((4, 0)), batch=True, batch_args=(np.ones(4),)).shape == (4, 3, 0)
    analytic = lambda z, y: y * np.ones(3) * (1 + np.sum(z))
    options = {"batch": True, "batch_args": (np.ones(4),), "method": "complex"}
    assert fastgrad.jacobian(analytic, np.zeros((4, 0)), **options).shape == (4, 3, 0)


def falling(start, every):
    """A sum whose precision falls from call to call."""
    calls = []

    def f(x):
        calls.append(1)
        kind = TYPES[min(start + (len(calls) - 1) // every, 2)]
        return kind(1) * np.sum(x).astype(kind)

    return f


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("options", [{}, {"method": "forward"}, {"bounds": (0, 1)}, {"bounds": (0.5, 1)}])
@pytest.mark.parametrize("x", [np.array([0.5, 0.7]), np.array([0.5]), np.zeros(0)])
@pytest.mark.parametrize(("start", "every"), [(1, 1), (0, 1), (0, 2), (0, 3)])
def test_precision_that_falls_from_call_to_call(operation, options, x, start, every):
    found = operation(falling(start, every), x, **options)
    found = found[1] if operation is fastgrad.value_and_gradient else found
    if (start, operation) == (1, fastgrad.gradient):  # at the last the steps are those of the lowest
        np.testing.assert_allclose(found, np.ones(len(x)), atol=0.1)


@pytest.mark.parametrize("options", [{}, {"method": "adaptive"}, {"bounds": (0.5, 1)}])
@pytest.mark.parametrize("x", [np.linspace(0.5, 0.8, 5), 0.5])
def test_arrays_whose_precision_falls(options, x):
    calls = []

    def f(x):
        calls.append(1)
        return np.asarray(x, TYPES[min(len(calls), 2)])[()]

    assert np.shape(fastgrad.derivative(f, x, **options)) == np.shape(x)
