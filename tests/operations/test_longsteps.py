"""Steps that are far too long for f: warned of where that can be seen, and no false alarm."""

import warnings

import numpy as np
import pytest

import fastgrad
from fastgrad import StepWarning
from fastgrad.formulas.samples import SAMPLES

P = np.array([1e-6, 2.0])


def steep(x):
    return np.exp(1e6 * x[0]) + x[1] ** 2


@pytest.mark.parametrize("engine", ["auto", "python", "simd", "jit", "reference"])
def test_hessians_look_on_every_engine(engine):
    with pytest.warns(
        StepWarning, match=r"step 0\.000122 of x\[0\]=1e-06.*method='adaptive', or rel_step=0\.0001"
    ) as seen:
        found = fastgrad.hessian(steep, P, engine=engine)
    assert seen[0].filename == __file__
    assert found[0, 0] > 1e60
    with pytest.warns(StepWarning, match=r"x\[0\]"):
        fastgrad.hessian(steep, np.array([[-2.0, 1.0], [-1.0, 3.0], P]), batch=True, engine=engine)


def test_what_the_warning_says_to_write_helps():
    for options in ({"method": "adaptive"}, {"rel_step": 1e-4}):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = fastgrad.hessian(steep, P, **options)
        assert found[0, 0] == pytest.approx(1e12 * np.e, rel=1e-5)


@pytest.mark.parametrize("engine", ["python", "simd"])
def test_gradients_look_where_f_is_at_hand(engine):
    def f(x):
        return np.exp(1e7 * x[1]) + x[0]

    x = np.array([2.0, 1e-7])
    with pytest.warns(StepWarning, match=r"x\[1\]"):
        fastgrad.value_and_gradient(f, x, engine=engine)
    with pytest.warns(StepWarning, match=r"x\[1\]"):
        fastgrad.gradient(f, x, method="forward", engine=engine)
    with pytest.warns(StepWarning, match=r"x\[1\]"):
        fastgrad.jacobian(lambda x: np.array([x[0], f(x)]), x, method="forward", engine=engine)


@pytest.mark.parametrize("x", [0.97, 0.99])
def test_a_singularity_within_the_reach_of_a_high_order(x):
    for f in (lambda x: 1 / (x[0] - 1.0) ** 3, lambda x: np.log(np.abs(1.0 - x[0])), lambda x: 1 / (1.0 - x[0])):
        with pytest.warns(StepWarning):
            fastgrad.gradient(f, np.array([x]), method="forward", order=8)


@pytest.mark.parametrize("engine", ["python", "simd", "jit"])
@pytest.mark.parametrize("steps", [{"h": 1e-4}, {"h": [1e-4, 1e-3]}, {"rel_step": [100.0, 1e-3]}, {"rel_step": 100.0}])
def test_steps_of_every_form(engine, steps):
    with pytest.warns(StepWarning, match=r"step 0\.0001 of x\[0\]"):
        fastgrad.hessian(steep, P, engine=engine, **steps)
    with pytest.warns(StepWarning, match=r"step 0\.0001 of x\[0\]"):
        fastgrad.hessian(steep, np.array([[1e-9, 1.0], P]), batch=True, engine=engine, **steps)
    h = np.array([[1e-3, 1e-3], [1e-4, 1e-3]])
    with pytest.warns(StepWarning, match=r"step 0\.0001 of x\[0\]"):
        fastgrad.hessian(steep, np.array([[-2.0, 1.0], P]), batch=True, engine=engine, h=h)


def test_functions_returned_by_hess_look_at_their_first_call():
    with pytest.warns(StepWarning):
        fastgrad.hess(steep)(P)
    with pytest.warns(StepWarning):
        fastgrad.value_and_grad(lambda x: np.exp(1e7 * x[0]))(np.array([1e-7]))


def test_calls_of_f_are_counted():
    calls = []

    def f(x):
        calls.append(x.copy())
        return steep(x)

    with pytest.warns(StepWarning):
        result = fastgrad.hessian(f, P, engine="python", full_output=True)
    assert len(calls) == result.nfev == 7 + 6
    calls.clear()
    result = fastgrad.hessian(f, np.array([1.0, 2.0]) * 1e-9, engine="python", full_output=True, rel_step=1e-3)
    assert len(calls) == result.nfev == 7


def quiet(call):
    with warnings.catch_warnings():
        warnings.simplefilter("error", StepWarning)
        with np.errstate(all="ignore"):
            return call()


@pytest.mark.parametrize("engine", ["python", "simd"])
@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_no_false_alarm_over_the_samples(name, engine):
    sample = SAMPLES[name]
    rng = np.random.default_rng(1)
    dimension = getattr(sample, "dimension", None) or 3
    for x in (
        rng.uniform(0.2, 2.0, dimension),
        rng.uniform(-2.0, 2.0, dimension),
        np.zeros(dimension),
        np.ones(dimension),
    ):
        quiet(lambda x=x: fastgrad.hessian(sample.f, x, engine=engine))
        quiet(lambda x=x: fastgrad.value_and_gradient(sample.f, x, engine=engine))
        for method in ("forward", "backward"):
            for order in (2, 4, 8):
                quiet(lambda x=x, m=method, p=order: fastgrad.gradient(sample.f, x, method=m, order=p, engine=engine))


CALM = {
    "a square at its minimum": (lambda x: np.sum(x**2), [0.0, 0.0]),
    "a fourth power at its minimum": (lambda x: np.sum((x - 1.0) ** 4), [1.0, 1.0]),
    "a cube": (lambda x: x[0] ** 3 + x[1] ** 3, [0.0, 1e-5]),
    "relu at 0": (lambda x: np.maximum(x[0], 0.0) + x[1], [0.0, 1.0]),
    "abs at 0": (lambda x: np.abs(x[0]) + x[1], [0.0, 1.0]),
    "a leaky relu": (lambda x: np.where(x[0] > 0, x[0], 1e-5 * x[0]), [0.0, 1.0]),
    "a squared hinge": (lambda x: np.minimum(x[0], 0.0) ** 2 + x[1], [0.0, 1.0]),
    "a cubed hinge": (lambda x: np.maximum(x[0], 0.0) ** 3 + x[1], [0.0, 1.0]),
    "a penalty": (lambda x: 10 * np.maximum(x[0] - 1, 0.0) ** 2 + x[1], [1.0, 0.0]),
    "a sixth power at its minimum": (lambda x: np.sum((x - 1) ** 6), [1.0, 1.0]),
    "a zero residual": (lambda x: (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2, [3.0, 2.0]),
    "Rosenbrock's minimum": (lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2, [1.0, 1.0]),
    "beside a minimum": (lambda x: np.sum((x - 6e-5) ** 2), [0.0, 0.0]),
    "large and flat": (lambda x: 1e12 + np.sum(x), [1.0, 2.0]),
    "NaN on one side": (lambda x: np.sqrt(x[0]) + x[1], [0.0, 1.0]),
    "infinite on one side": (lambda x: 1.0 / np.maximum(x[0], 0.0) + x[1], [1e-9, 1.0]),
}


@pytest.mark.parametrize("engine", ["python", "simd"])
@pytest.mark.parametrize("name", CALM)
def test_no_false_alarm(name, engine):
    f, x = CALM[name][0], np.array(CALM[name][1])
    quiet(lambda: fastgrad.hessian(f, x, engine=engine))
    quiet(lambda: fastgrad.value_and_gradient(f, x, engine=engine))
    quiet(lambda: fastgrad.gradient(f, x, method="forward", order=4, engine=engine))


def test_bounds_are_kept_to():
    def f(x):
        assert x.min() >= 0.0
        return np.exp(1e6 * x[0]) + x[1]

    quiet(lambda: fastgrad.hessian(f, P, bounds=(0.0, np.inf)))


def test_f_that_raises_beside_its_points_raises_nothing_more():
    asked = []

    def f(x):
        asked.append(x)
        if len(asked) > 7:
            raise RuntimeError
        return steep(x)

    quiet(lambda: fastgrad.hessian(f, P, engine="python"))
    assert len(asked) == 8


@pytest.mark.parametrize("method", ["central", "forward", "backward"])
def test_no_outputs_are_looked_at(method):
    x = np.array([0.5, 2.0])
    assert fastgrad.jacobian(lambda x: x[:0], x, method=method).shape == (0, 2)
    assert fastgrad.jac(lambda x: x[:0], method=method)(x).shape == (0, 2)
