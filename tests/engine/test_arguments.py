"""Arguments that run with the points."""

import numpy as np
import pytest

from fastgrad import EngineError, explain, gradient, hessian, hvp, jacobian, jvp, value_and_gradient

RNG = np.random.default_rng(0)
N = 21
X, SCALES, ROWS = RNG.standard_normal((N, 2)), RNG.standard_normal(N), RNG.standard_normal((N, 3))
engines = pytest.mark.parametrize("engine", ["auto", "python", "reference", "simd"])


def f(x, power, scale, row):
    return scale * x[0] ** power * x[1] + np.sum(row * np.sin(x[1]))


def options(n=None):
    rows = (SCALES, ROWS) if n is None else (SCALES[n], ROWS[n])
    return {"batch": True, "args": (3,), "batch_args": rows} if n is None else {"args": (3, *rows)}


@engines
@pytest.mark.parametrize("operation", [gradient, hessian])
def test_each_point_gets_its_rows(operation, engine):
    found = operation(f, X, engine=engine, **options())
    expected = [operation(f, x, engine="reference", **options(n)) for n, x in enumerate(X)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@engines
def test_exact_gradient_and_value(engine):
    value, slope = value_and_gradient(f, X, engine=engine, **options())
    exact = np.stack([3 * SCALES * X[:, 0] ** 2 * X[:, 1], SCALES * X[:, 0] ** 3 + ROWS.sum(1) * np.cos(X[:, 1])], 1)
    np.testing.assert_allclose(slope, exact, atol=1e-8)
    np.testing.assert_allclose(value, [f(x, 3, s, r) for x, s, r in zip(X, SCALES, ROWS, strict=True)], rtol=1e-14)


@engines
def test_directions(engine):
    v = np.array([1.0, -2.0])
    full = gradient(f, X, engine=engine, **options())
    np.testing.assert_allclose(jvp(f, X, v, engine=engine, **options()), full @ v, atol=1e-7)
    second = hessian(f, X, engine=engine, **options())
    np.testing.assert_allclose(hvp(f, X, v, engine=engine, **options()), second @ v, atol=1e-6)
    jac = jacobian(lambda x, s: np.stack([s * x[0], x[1] * x[0]]), X, batch=True, batch_args=(SCALES,), engine=engine)
    np.testing.assert_allclose(jac[:, 0, 0], SCALES, rtol=1e-8)


@pytest.mark.parametrize("n", [1, 3])
def test_few_points(n):
    found = gradient(f, X[:n], batch=True, args=(3,), batch_args=(SCALES[:n], ROWS[:n]), engine="simd")
    np.testing.assert_allclose(found, gradient(f, X, engine="python", **options())[:n], atol=1e-8)


def test_fresh_at_every_call():
    rows = SCALES.copy()

    def g(x, s):
        return s * x[0]

    first = gradient(g, X, batch=True, batch_args=(rows,), engine="simd")
    rows *= 2.0
    assert (gradient(g, X, batch=True, batch_args=(rows,), engine="simd") == 2.0 * first).all()


def test_errors():
    with pytest.raises(ValueError, match="batch=True"):
        gradient(f, X[0], batch_args=(SCALES,))
    with pytest.raises(ValueError, match=r"batch_args\[1\] has shape \(3,\).*21 points"):
        gradient(f, X, batch=True, args=(3,), batch_args=(SCALES, np.ones(3)))
    with pytest.raises(EngineError, match="batch_args run on simd and python"):
        gradient(f, X, engine="jit", **options())
    many = np.ones((3000, 2))
    assert explain(lambda x, s: x[0] * s, many, batch=True, batch_args=(many[:, 0],)).engine == "simd"
