"""What long functions have to do whatever form they are done in, for the tests of each form: at the size of tests."""

import numpy as np
import pytest

import fastgrad
from fastgrad import explain, gradient
from fastgrad.engine.simd import families, traces
from fastgrad.llvm.memory import Memory

RNG = np.random.default_rng(0)
POINTS = RNG.uniform(0.5, 1.5, (23, 6))
STEPS = [
    {},
    {"order": 4},
    {"method": "forward"},
    {"method": "backward", "order": 3},
    {"h": 1e-4},
    {"h": 1e-4 * np.arange(1, 7)},
    {"rel_step": 1e-6},
    {"rel_step": RNG.uniform(1e-6, 1e-5, POINTS.shape)},
    {"bounds": (0.5, 1.5)},
]


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def branching(x):
    total = 1.0
    for value in x:
        total = total + (value * value if value < 1.0 else 2.0 * value - 1.0) * np.maximum(value, x[0])
    return total


def forced(monkeypatch, **limits):
    """Let short functions be long ones; what was computed before is forgotten."""
    for name, limit in {"WRITTEN": 0, **limits}.items():
        monkeypatch.setattr(families, name, limit)
    for place, memo in ((families, "_families"), (traces, "_traces")):
        monkeypatch.setattr(place, memo, Memory(families.KEPT))


def check_as_kernels(switch, f, options, told):
    """As kernels of the same differences, and as Python; `told` is what an explanation of gradients says."""
    derive = gradient if told else fastgrad.jacobian
    kernel = derive(f, POINTS, batch=True, engine="simd", **options)
    switch()
    if told:
        assert told in explain(f, POINTS, batch=True, engine="simd", **options)
    found = derive(f, POINTS, batch=True, engine="simd", **options)
    np.testing.assert_allclose(found, kernel, rtol=1e-9, atol=1e-9)
    plain = derive(f, POINTS, batch=True, engine="python", **options)
    np.testing.assert_allclose(found, plain, rtol=1e-7, atol=1e-7)


def check_bits_of_rows(f, monkeypatch, form, at_once):
    """Whatever rows are beside one, however they lie, and in blocks of any size."""
    whole = gradient(f, POINTS, batch=True, engine="simd")
    assert np.array_equal(whole[3:4], gradient(f, POINTS[3:4], batch=True, engine="simd"))
    assert np.array_equal(whole[5], gradient(f, POINTS[5], engine="simd"))
    assert np.array_equal(whole, gradient(f, np.asfortranarray(POINTS), batch=True, engine="simd"))
    monkeypatch.setattr(form, "AT_ONCE", at_once)
    assert np.array_equal(whole, gradient(f, POINTS, batch=True, engine="simd"))
    out = np.full((6, 23), np.nan).T
    gradient(f, POINTS, batch=True, engine="simd", out=out)
    assert np.array_equal(whole, out)


def check_on_a_grid(switch, f):
    axes = [np.linspace(0.5, 1.5, n) for n in (3, 2, 5)]
    kernel = fastgrad.gradient_field(f, axes, engine="simd")
    switch()
    np.testing.assert_allclose(fastgrad.gradient_field(f, axes, engine="simd"), kernel, rtol=1e-9)


def check_what_overflows_within():
    """A sigmoid's exp overflows, its difference does not."""
    steep = lambda x: np.sum(1.0 / (1.0 + np.exp(-x)))
    with np.errstate(all="ignore"):
        found = gradient(steep, np.array([-800.0, 800.0, 0.0]), engine="simd")
    np.testing.assert_allclose(found, [0.0, 0.0, 0.25], atol=1e-10)


def check_steps_that_vanish():
    with pytest.raises(ValueError, match="vanishes beside x=1000000000"):
        gradient(rosenbrock, np.array([1.0, 1e9, 1.0]), h=1e-12, engine="simd")
    with pytest.raises(ValueError, match="vanishes beside x=1000000000"):
        gradient(rosenbrock, np.array([1.0, 1e9, 1.0]), h=[1e-12, 1e-12, 1.0], engine="simd")
    assert np.abs(gradient(rosenbrock, np.ones(3), h=1e-12, engine="simd")).max() < 1e-10
