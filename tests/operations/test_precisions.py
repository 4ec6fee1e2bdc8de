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


def single(x):
    """A model in single precision whose loss is made a float."""
    return float(np.float32(np.sin(x[0]) * x[1] + x[2] ** 3 + 100.0)) * 1.0


def singles(x):
    return [single(x), float(np.float32(x[2] * np.exp(x[0])))]


def slopes(x):
    return np.stack([np.cos(x[..., 0]) * x[..., 1], np.sin(x[..., 0]), 3 * x[..., 2] ** 2], -1)


@pytest.mark.parametrize(
    "options", [{}, {"method": "forward"}, {"order": 4}, {"bounds": (0.0, 2.0)}, {"bounds": (0.7, 2.0)}]
)
@pytest.mark.parametrize("engine", ["auto", "python", "jit"])
def test_float32_that_is_returned_as_float64(engine, options):
    x = np.array([0.7, 1.3, 0.7])
    rows = np.tile(x, (400, 1))
    close = {"rtol": 0.0, "atol": 0.03 if options else 4e-3}
    np.testing.assert_allclose(fastgrad.gradient(single, x, engine=engine, **options), slopes(x), **close)
    found = fastgrad.gradient(single, rows, batch=True, engine=engine, **options)
    np.testing.assert_allclose(found, slopes(rows), **close)


def test_float32_that_is_returned_as_float64_by_other_operations():
    x = np.array([0.7, 1.3, 0.7])
    close = {"rtol": 0.0, "atol": 4e-3}
    np.testing.assert_allclose(fastgrad.jacobian(singles, x)[0], slopes(x), **close)
    np.testing.assert_allclose(fastgrad.grad(single)(x), slopes(x), **close)
    of_dict = fastgrad.grad(lambda p: single(np.array([p["a"], p["b"], 0.7])))({"a": 0.7, "b": 1.3})
    np.testing.assert_allclose(list(of_dict.values()), slopes(x)[:2], **close)
    assert fastgrad.check_gradient(single, slopes, x).ok
    np.testing.assert_allclose(fastgrad.jvp(singles, x, [1.0, 0.0, 0.0])[0], slopes(x)[0], **close)
    hessian = [[-np.sin(0.7) * 1.3, np.cos(0.7), 0.0], [np.cos(0.7), 0.0, 0.0], [0.0, 0.0, 4.2]]
    np.testing.assert_allclose(fastgrad.hessian(single, x), hessian, rtol=0.0, atol=0.5)
    rounded = lambda t: np.float32(np.sin(t)).astype(np.float64)
    t = np.linspace(0.1, 2.0, 30)
    np.testing.assert_allclose(fastgrad.derivative(rounded, t), np.cos(t), **close)
    weights = fastgrad.weight_gradient(single, x.copy())
    np.testing.assert_allclose(weights, slopes(x), **close)


@pytest.mark.parametrize("engine", ["python", "jit"])
def test_few_digits_are_not_float32(engine):
    """Of sums, counts and staircases of numbers with few digits, and of float32 that f does not round."""
    for f, x in (
        (lambda x: 40.5 + x[0] - 2.0 * x[1], [1.0, 2.0]),
        (lambda x: 4000001.0 * x[0] + x[1], [1.0, 2.0]),
        (lambda x: x[0] * np.cos(x[1]), np.array([0.7, 0.0], np.float32)),
        (lambda x: x[0] + 3.0 * x[1], np.array([0.7, 1.3], np.float32)),
        (lambda x: np.floor(1e6 * x[0]) + x[1], [1.0, 2.0]),
    ):
        steps = fastgrad.gradient(f, np.asarray(x), engine=engine, full_output=True).h
        assert (steps < 1e-5).all()
