"""f's calls by a function like map: the places, the bits and the errors of the loop."""

import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastgrad
from fastgrad import explain, gradient, numerical_gradient, sparsity, weight_gradient
from fastgrad.engine.python import mapped

ROWS = np.random.default_rng(0).normal(size=(7, 3))
X = ROWS[0]
NEAR = (X - 1e-9, np.inf)


def wave(x, a=1.0):
    return float(a * np.sum(np.sin(x) * np.arange(1, 1 + x.size)))


def several(x):
    return np.array([x[0] * x[1], x[0] ** 3, x[-1]])


def single(x):
    return np.float32(np.sum(x**2))


def guarded(x):
    if x[0] > 10.0:
        raise ValueError
    return wave(x)


CASES = {
    "gradient": (fastgrad.gradient, wave, (X,), {}),
    "arguments": (fastgrad.gradient, wave, (ROWS,), {"batch": True, "batch_args": (np.arange(7.0),)}),
    "values": (fastgrad.value_and_gradient, wave, (ROWS,), {"batch": True}),
    "jacobian": (fastgrad.jacobian, several, (X,), {}),
    "jacobians": (fastgrad.jacobian, several, (ROWS,), {"batch": True, "order": 4}),
    "hessian": (fastgrad.hessian, wave, (ROWS,), {"batch": True}),
    "jvp": (fastgrad.jvp, several, (X, ROWS[1]), {}),
    "hvp": (fastgrad.hvp, wave, (X, ROWS[1]), {}),
    "vjp": (fastgrad.vjp, several, (X, ROWS[1]), {}),
    "one-sided": (fastgrad.gradient, wave, (X,), {"method": "forward"}),
    "single precision": (fastgrad.gradient, single, (ROWS,), {"batch": True}),
    "adaptive": (fastgrad.gradient, guarded, (X,), {"method": "adaptive"}),
    "adaptive jacobians": (fastgrad.jacobian, several, (ROWS,), {"batch": True, "method": "adaptive"}),
    "bounds": (fastgrad.gradient, wave, (X,), {"bounds": NEAR}),
    "bounded hessian": (fastgrad.hessian, wave, (X,), {"bounds": NEAR}),
    "complex": (fastgrad.gradient, np.sum, (X,), {"method": "complex"}),
    "complex values": (fastgrad.value_and_gradient, np.sum, (ROWS,), {"method": "complex", "batch": True}),
    "number": (fastgrad.derivative, np.sin, (0.5,), {"n": 2}),
    "propagate": (fastgrad.propagate, several, (X, np.eye(3)), {}),
    "field": (fastgrad.gradient_field, wave, ([X, X, X],), {}),
}


def parts(result):
    return [p for one in result for p in parts(one)] if isinstance(result, tuple) else [result]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_bits_of_the_loop(case, monkeypatch):
    operation, f, given, options = case
    how = {**options, "engine": "python", "full_output": True}
    for numbers in (mapped.NUMBERS, 40):  # in one block, and in several
        monkeypatch.setattr(mapped, "NUMBERS", numbers)
        plain, found = (parts(operation(f, *given, **how, **more)) for more in ({}, {"workers": map}))
        assert len(plain) == len(found)
        for a, b in zip(plain, found, strict=True):
            np.testing.assert_array_equal(getattr(a, "value", a), getattr(b, "value", b))
            assert getattr(a, "nfev", 0) <= getattr(b, "nfev", 0) <= 1.2 * getattr(a, "nfev", 0) + 3


def test_every_evaluation_is_counted():
    calls = []

    def counted(f, places):
        calls.extend(places)
        return map(f, places)

    found = gradient(wave, X, workers=counted, full_output=True)
    assert found.nfev == len(calls) == 7


def test_pools():
    expected = gradient(np.linalg.norm, X)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        np.testing.assert_array_equal(gradient(np.linalg.norm, X, workers=pool.map), expected)
    with ThreadPoolExecutor(2) as pool:
        np.testing.assert_array_equal(
            gradient(wave, ROWS, batch=True, workers=pool.map), gradient(wave, ROWS, batch=True)
        )


def test_what_is_sent_can_be_pickled():
    called = pickle.loads(pickle.dumps(mapped.Called(np.sum)))
    assert called((np.ones(2), ())) == 2.0


def test_compiled_code_needs_no_map():
    def never(f, places):
        raise AssertionError

    found = gradient(lambda x: np.sum(x**2), np.ones((1000, 3)), batch=True, workers=never, full_output=True)
    assert found.engine == "simd"
    assert explain(lambda x: np.sum(x**2), np.ones((1000, 3)), batch=True, workers=never).engine == "simd"


def test_progress():
    seen = []
    gradient(wave, ROWS, batch=True, workers=map, engine="python", progress=lambda *told: seen.append(told))
    assert seen[-1] == (7, 7)


def test_sparse():
    found = sparsity.jacobian(lambda x: x**2 if x.size else x, X, pattern=np.eye(3), engine="python", workers=map)
    np.testing.assert_allclose(found.toarray(), np.diag(2 * X), rtol=1e-8)


def test_errors():
    with pytest.raises(ValueError, match=r"gave 0 values for 1 points.*workers=pool\.map"):
        gradient(wave, X, workers=lambda f, places: [])
    with pytest.raises(ValueError, match="does not fit engine='reference'"):
        gradient(wave, X, workers=map, engine="reference")
    with pytest.raises(ZeroDivisionError):
        gradient(lambda x: 1 / 0, X, workers=map)
    for live in (numerical_gradient, weight_gradient):
        with pytest.raises(ValueError, match="must be a whole number"):
            live(wave, X.copy(), workers=map)
