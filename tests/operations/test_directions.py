"""jvp and hvp along directions whose coordinates need steps of many sizes: v in parts, and the parts added."""

import numpy as np
import pytest

from fastgrad import gradient, hvp, jvp
from fastgrad.engine.call import Call, Rows
from fastgrad.formulas import stencils
from fastgrad.formulas.steps import Steps, default_factor
from fastgrad.operations.directions import fill

engines = pytest.mark.parametrize("engine", ["python", "reference", "jit", "simd"])


def test_facts_of_parts_add_up():
    x, v, table = np.array([[0.3, 1e6]]), np.array([[1e6, 10.0]]), stencils.hvp(2)
    steps, out = Steps("default", np.asarray(default_factor(2, 2))), np.empty((1, 2))
    call = Call(lambda p: p[0] ** 2, Rows(x, (2,)), table, steps, v=v, t=np.ones(1))
    facts = fill(call, out, "python", None, False)
    assert facts.nfev >= 2 * call.evaluations
    np.testing.assert_allclose(out, [[2e6, 0.0]], rtol=1e-6, atol=1.0)


def wave_beside_a_line(p):
    return np.array([np.sin(p[0]), p[1]])


def line_beside_a_wave(p):
    return np.array([p[0], np.sin(p[1])])


@engines
@pytest.mark.parametrize("method", ["central", "forward", "adaptive"])
def test_no_component_of_v_drowns(engine, method):
    x, v = np.array([0.3, 1e6]), np.array([1e6, 10.0])
    options = {"engine": engine, "method": method}
    full = jvp(wave_beside_a_line, x, v, full_output=True, **options)
    np.testing.assert_allclose(full.value, [np.cos(0.3) * 1e6, 10.0], rtol=1e-8)
    if method != "adaptive":
        assert full.h * 1e6 == gradient_step(x, method)[0]
    back = jvp(line_beside_a_wave, x[::-1], -v[::-1], **options)
    np.testing.assert_allclose(back, -full.value[::-1], rtol=1e-8)


def gradient_step(x, method):
    return gradient(lambda p: p[0] + p[1], x, method=method, full_output=True).h


@engines
@pytest.mark.parametrize("method", ["central", "adaptive"])
def test_what_v_does_not_move_has_no_say_in_the_step(engine, method):
    def mixed(p):
        return np.sin(p[1]) + 1e-6 * p[0]

    options = {"engine": engine, "method": method}
    value = jvp(mixed, np.array([1e6, 0.5]), np.array([0.0, 1.0]), **options)
    assert value == pytest.approx(np.cos(0.5), rel=1e-8)
    value = jvp(mixed, np.array([1e6, 0.5]), np.array([1.0, 1.0]), **options)
    assert value == pytest.approx(np.cos(0.5) + 1e-6, rel=1e-8)


@engines
def test_parts_of_directions_in_a_batch(engine):
    x = np.array([[0.3, 1e6], [0.3, 0.5], [1e6, 2.0], [0.1, 0.2]])
    v = np.array([[1e6, 10.0], [1.0, 1.0], [0.0, 0.0], [1e-9, 1.0]])
    full = jvp(wave_beside_a_line, x, v, batch=True, engine=engine, full_output=True)
    single = [jvp(wave_beside_a_line, a, b, engine=engine, full_output=True) for a, b in zip(x, v, strict=True)]
    assert full.value.tolist() == [one.value.tolist() for one in single]
    assert full.h.tolist() == [one.h for one in single]
    assert full.value[2].tolist() == [0.0, 0.0]
    np.testing.assert_allclose(full.value, np.stack([np.cos(x[:, 0]) * v[:, 0], v[:, 1]], axis=1), rtol=1e-8)
    if engine not in {"reference", "simd"}:
        assert full.nfev in {2 * 4 + 2 * 2, 2 * 4 + 2 * 2 + 1}


@engines
def test_products_along_a_direction_of_many_sizes(engine):
    def f(p):
        return np.sin(p[0]) + p[1] * p[2] * 1e-6 + 1e-12 * p[1] ** 2

    x, v = np.array([0.3, 1e6, 0.7]), np.array([1e6, 10.0, 1e-3])
    value = hvp(f, x, v, engine=engine, order=4)
    np.testing.assert_allclose(value[0], -np.sin(0.3) * 1e6, rtol=1e-8)
    untouched = hvp(lambda p: np.sin(p[1]) + 1e-6 * p[0], x[:2][::-1], np.array([0.0, 1.0]), engine=engine)
    np.testing.assert_allclose(untouched, [0.0, -np.sin(0.3)], rtol=0, atol=1e-7)
    rows, vs = np.stack([x, x, x]), np.stack([v, 0.0 * v, np.array([0.0, 1.0, 0.0])])
    whole = hvp(f, rows, vs, batch=True, engine=engine)
    assert whole.tolist() == [hvp(f, x, w, engine=engine).tolist() for w in vs]
    assert whole[1].tolist() == [0.0, 0.0, 0.0]


@engines
def test_the_second_component_of_a_product_does_not_drown(engine):
    """The Hessian is diag(1, 2): p[1] is large, and v moves it little."""
    x, v = np.array([0.3, 1e4]), np.array([1e7, 10.0])
    value = hvp(lambda p: 0.5 * p[0] ** 2 + (p[1] - 1e4) ** 2, x, v, engine=engine)
    np.testing.assert_allclose(value, [1e7, 20.0], rtol=1e-5)


@pytest.mark.parametrize("method", ["central", "adaptive", "exact"])
@pytest.mark.parametrize("length", [1e-250, 1e-160, 1e150, 1e250])
def test_directions_of_extreme_lengths(length, method):
    """The square of a step along them is 0 or infinite: adaptive products with Hessians were 0, or NaN."""
    f, x, v = lambda x: x[0] ** 2 * x[1] + np.sin(x[1]), np.array([[1.3, 0.7], [0.4, 0.2]]), np.array([1.0, 2.0])
    for operate in (jvp, hvp):
        wanted = operate(f, x, np.array([v, v]), batch=True, method=method)
        found = operate(f, x, np.array([v * length, v]), batch=True, method=method)
        np.testing.assert_allclose(found / np.reshape([length, 1.0], (2,) + (1,) * (found.ndim - 1)), wanted, rtol=1e-7)
    if method == "adaptive":
        result = hvp(f, x[0], v * length, method=method, full_output=True)
        assert (result.error < 1e-6 * np.abs(result.value)).all()
        along = jvp(f, x[0], v * length, method=method, full_output=True)
        assert along.h * length == pytest.approx(0.0057, rel=0.5)


def test_directions_with_parts_that_are_subnormal():
    f = lambda x: np.array([x[0] * x[1], np.sin(x[2]), x[0] ** 2])
    for v in ([1.0, 1e-310, 0.5], [1e-300, 1e-308, 1e-300]):
        x = np.array([1.0, 2.0, 3.0])
        found = jvp(f, x, np.array(v), method="adaptive")
        np.testing.assert_allclose(found / v[0], jvp(f, x, np.array(v), method="exact") / v[0], rtol=1e-7)
