"""Tables too large to compile: displaced points as rows of f itself."""

import math

import numpy as np
import pytest

import fastgrad
from fastgrad.engine.call import Call, Rows
from fastgrad.engine.simd import code, families, traces
from fastgrad.engine.simd.stacked import StackedCode
from fastgrad.formulas import reference, stencils
from fastgrad.formulas.steps import Steps, default_factor
from fastgrad.llvm import machine
from fastgrad.llvm.memory import Memory


@pytest.fixture(autouse=True)
def nothing_is_written_out(monkeypatch):
    """Tables of the size of tests would be."""
    monkeypatch.setattr(families, "WRITTEN", 0)
    monkeypatch.setattr(families, "PROPAGATED", 0)
    monkeypatch.setattr(families, "SEPARATE", np.inf)
    for place, memo in ((families, "_families"), (traces, "_traces")):
        monkeypatch.setattr(place, memo, Memory(families.KEPT))


def broyden(x):
    zero = 0 * x[:1]
    return (3 - 2 * x) * x + 1 - np.concatenate((zero, x[:-1])) - 2 * np.concatenate((x[1:], zero))


def chained(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def points(*shape):
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("method", ["central", "forward"])
def test_a_large_jacobian_has_the_bits_of_python(order, method):
    x, options = points(120), {"order": order, "method": method}
    result = fastgrad.jacobian(broyden, x, engine="simd", full_output=True, **options)
    assert result.engine == "simd"
    assert result.nfev == 120 * order + (method == "forward")
    assert np.array_equal(result.value, fastgrad.jacobian(broyden, x, engine="python", **options))


def test_auto_takes_it():
    result = fastgrad.jacobian(lambda x: x * x, np.ones(600), full_output=True)
    assert result.engine == "simd"
    assert np.array_equal(result.value, 2.0 * np.eye(600))


def test_many_points():
    x = points(30, 60)
    result = fastgrad.jacobian(broyden, x, batch=True, engine="simd")
    assert np.array_equal(result, fastgrad.jacobian(broyden, x, batch=True, engine="python"))
    one_by_one = [fastgrad.jacobian(broyden, row, engine="simd") for row in x[:3]]
    assert np.array_equal(result[:3], one_by_one)
    serial = fastgrad.jacobian(broyden, x, batch=True, engine="simd", workers=1)
    assert np.array_equal(result, serial)


def test_hessians_and_their_products():
    x, v = points(40), points(40)
    v[::3] = 0.0
    result = fastgrad.hessian(chained, x, engine="simd", order=4)
    np.testing.assert_allclose(result, reference.hessian(chained, x, order=4), atol=1e-5 * np.abs(result).max())
    assert np.array_equal(result, result.T)
    product = fastgrad.hvp(chained, points(5, 40), v, batch=True, engine="simd", order=4)
    wanted = [reference.hvp(chained, row, v, order=4) for row in points(5, 40)]
    np.testing.assert_allclose(product, wanted, atol=1e-5 * np.abs(product).max())


def test_given_steps_and_arguments_of_each_point():
    x, scale = points(4, 60), points(4)
    h = 1e-3 * (1.0 + np.arange(60) % 3)
    options = {"batch": True, "batch_args": (scale,), "h": h}
    result = fastgrad.jacobian(lambda x, a: a * broyden(x), x, engine="simd", **options)
    wanted = fastgrad.jacobian(lambda x, a: a * broyden(x), x, engine="python", **options)
    np.testing.assert_allclose(result, wanted, rtol=1e-9, atol=1e-9)
    with pytest.raises(ValueError, match="vanishes"):
        fastgrad.jacobian(broyden, 1e9 * np.ones(60), h=1e-12, engine="simd")


def test_what_is_not_finite_is_f_s_own():
    def roots(x):
        with np.errstate(all="ignore"):
            return np.sqrt(x) + np.concatenate((x[1:], x[:1]))

    x = np.full((9, 60), 2.0)
    x[4, 7], x[5, 3] = -1.0, np.nan
    result = fastgrad.jacobian(roots, x, batch=True, engine="simd")
    wanted = fastgrad.jacobian(roots, x, batch=True, engine="python")
    np.testing.assert_allclose(result, wanted, rtol=1e-9, equal_nan=True)

    def strict(x):
        return x * np.sum(x) + math.sqrt(x[0])

    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        fastgrad.jacobian(strict, np.concatenate([[-1.0], np.ones(59)]), engine="simd")


def test_quick_code_has_the_same_bits():
    text = """define i64 @kernel(i64 %start, i64 %stop, ptr %data) {
      %a = load <2 x double>, ptr %data, align 8
      %b = fmul <2 x double> %a, %a
      %c = fadd <2 x double> %b, %a
      store <2 x double> %c, ptr %data, align 8
      ret i64 0
    }"""
    results = []
    for quick in (False, True):
        data = np.array([0.1, 1.0 / 3.0])
        machine.functions(text, "kernel", quick=quick)[0](0, 0, data.ctypes.data)
        results.append(data)
    assert np.array_equal(*results)
    assert np.array_equal(results[0], np.array([0.1, 1.0 / 3.0]) ** 2 + np.array([0.1, 1.0 / 3.0]))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("operation", ["jacobian", "hessian"])
def test_any_table_has_the_bits_of_the_definition(count, operation):
    f = (lambda x: np.array([x[0] * x[1], x[1] / x[2]])) if operation == "jacobian" else lambda x: x[0] * x[1] / x[2]
    x, table = np.random.default_rng(count).uniform(0.5, 1.5, (count, 3)), getattr(stencils, operation)(3)
    size = default_factor(table.stencil.derivative, table.stencil.order)
    call = Call(f, Rows(x, (3,)), table, Steps("default", np.asarray(size)))
    own = Call(f, Rows(x, (3,)), stencils.value(), call.steps)
    value = code.compile_call(Call(f, own.points, own.table, own.steps, vector=True))
    stacked = StackedCode(value, value.program, value.values_at)
    out = np.empty((count, len(value.program.outputs), len(table.scale)))
    stacked.bind(call, out).fill(1)
    expected = np.array([getattr(reference, operation)(f, row) for row in x])
    assert out.ravel().tolist() == expected.ravel().tolist()
