"""Kernels with loops over data, beside f from Python and beside NumPy."""

import math

import numpy as np
import pytest

import fastgrad
from fastgrad.engine.call import Call, Rows
from fastgrad.engine.simd import emission, families, traces
from fastgrad.engine.simd.arguments import KernelMemory, form_of, kind_of
from fastgrad.engine.simd.dataloops import DataLoops
from fastgrad.engine.simd.families import written_out
from fastgrad.formulas import stencils
from fastgrad.formulas.steps import Steps
from fastgrad.llvm import machine
from fastgrad.llvm.memory import Memory
from fastgrad.program.differences import differences
from fastgrad.program.exact import exact
from fastgrad.program.rowschedule import RowSchedule
from fastgrad.program.sums import summed
from fastgrad.program.trace.recording import trace
from tests import overdata

POINTS = np.random.default_rng(3).uniform(0.4, 1.6, (21, 3))
IDS = [f.__name__ for f in overdata.SCALARS]


@pytest.fixture
def forgetful(monkeypatch):
    """Kernels made anew."""
    for place, memo in ((families, "_families"), (traces, "_traces")):
        monkeypatch.setattr(place, memo, Memory(families.KEPT))


@pytest.mark.parametrize("options", [{}, {"order": 4}, {"method": "forward"}, {"h": 1e-3}], ids=str)
@pytest.mark.parametrize("f", overdata.SCALARS, ids=IDS)
def test_gradients_are_those_of_python(f, options):
    found = fastgrad.gradient(f, POINTS, batch=True, engine="simd", **options)
    wanted = fastgrad.gradient(f, POINTS, batch=True, engine="python", **options)
    rounding = 1e-5 if options.get("method") else 1e-7
    np.testing.assert_allclose(found, wanted, rtol=rounding, atol=rounding * np.abs(wanted).max())


@pytest.mark.parametrize("f", overdata.SCALARS, ids=IDS)
def test_exact_derivatives_are_those_of_numpy(f):
    for operation, rounding in ((fastgrad.gradient, 1e-11), (fastgrad.hessian, 1e-10)):
        found = operation(f, POINTS, batch=True, method="exact")
        wanted = np.array([operation(f, x, method="exact") for x in POINTS])
        np.testing.assert_allclose(found, wanted, rtol=rounding, atol=rounding * np.abs(wanted).max())


@pytest.mark.parametrize("f", overdata.SCALARS, ids=IDS)
def test_second_differences_and_products(f):
    v = np.array([0.5, -1.0, 2.0])
    hessians = fastgrad.hessian(f, POINTS, batch=True, method="exact")
    size = np.abs(hessians).max()
    differences = fastgrad.hessian(f, POINTS, batch=True, engine="simd")
    assert np.median(np.abs(differences - hessians)) < 1e-5 * size
    products = fastgrad.hvp(f, POINTS, v, batch=True, method="exact")
    np.testing.assert_allclose(products, hessians @ v, rtol=1e-9, atol=1e-9 * size)
    slopes = fastgrad.jvp(f, POINTS, v, batch=True, engine="simd")
    wanted = fastgrad.gradient(f, POINTS, batch=True, method="exact") @ v
    np.testing.assert_allclose(slopes, wanted, rtol=1e-5, atol=1e-6 * np.abs(wanted).max())


def test_jacobians_of_several_sums():
    exactly = fastgrad.jacobian(overdata.moments, POINTS, batch=True, method="exact")
    found = fastgrad.jacobian(overdata.moments, POINTS, batch=True, engine="simd")
    np.testing.assert_allclose(found, exactly, rtol=1e-7, atol=1e-7)
    one = [fastgrad.jacobian(overdata.moments, x, method="exact") for x in POINTS]
    np.testing.assert_allclose(exactly, one, rtol=1e-12, atol=1e-12)


def test_values_beside_the_gradients():
    values, _ = fastgrad.value_and_gradient(overdata.normal, POINTS, batch=True, engine="simd")
    np.testing.assert_allclose(values, [overdata.normal(x) for x in POINTS], rtol=1e-13)


@pytest.mark.parametrize("method", ["central", "exact"])
@pytest.mark.parametrize("lanes", [2, 4, 8])
def test_any_number_of_lanes(lanes, method):
    f = overdata.logistic
    program, steps = trace(f, (3,)), Steps("default", np.asarray(2.0**-17))
    table = stencils.gradient(3, 2, method)
    call = Call(f, Rows(POINTS, (3,)), table, steps)
    out = np.full(POINTS.shape, np.nan)
    form = form_of(call, kind_of(out.shape, out.strides))._replace(lanes=lanes)
    made = summed(program)
    written = exact(made.program, table) if table.is_exact else differences(made.program, table)
    frame = written_out(made.program, written, form, "kernel")
    assert isinstance(frame, DataLoops)
    (run,) = machine.functions(emission.module(frame), "kernel", straight=True)
    block = KernelMemory(program, lanes, 2.0**-17, made.numbers(program.constants))
    items, _ = block.write(call, form, out, None)
    assert run(0, items, block.address) == 0
    oracle = exact(made.program, stencils.gradient(3, 2, "exact"))
    wanted = RowSchedule(oracle.program, made).values(POINTS.T, program.constants).T
    np.testing.assert_allclose(out, wanted, rtol=1e-8 if method == "central" else 1e-12)


def test_other_data_of_the_same_structure_take_the_same_kernel():
    def of(data):
        return lambda x: np.sum(np.sin(x[0] * data) * np.exp(-x[1] * data))

    rng = np.random.default_rng(0)
    for _ in range(3):
        f = of(rng.uniform(0.5, 1.5, 80))
        found = fastgrad.gradient(f, POINTS[:, :2].copy(), batch=True, engine="simd")
        wanted = [fastgrad.gradient(f, x, method="exact") for x in POINTS[:, :2]]
        np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-7)


def test_bound_functions_take_over_other_data():
    data = np.linspace(0.1, 2.0, 90)

    class Model:
        scale = 1.0

        def loss(self, x):
            return np.sum((np.exp(-x[0] * data) * self.scale - x[1]) ** 2)

    model = Model()
    for method in ("central", "exact"):
        g = fastgrad.grad(model.loss, method=method)
        for scale in (1.0, 2.0, 0.5):
            model.scale = scale
            x = np.array([0.7, 0.2])
            np.testing.assert_allclose(g(x), fastgrad.gradient(model.loss, x, method="adaptive"), rtol=1e-8)
            data[3] += 0.25


def test_arguments_with_each_point():
    def f(x, weight):
        return np.sum(np.exp(-x[0] * overdata.T) * weight + x[1])

    weights = np.linspace(1.0, 2.0, len(POINTS))
    points = POINTS[:, :2].copy()
    for options in ({"engine": "simd"}, {"method": "exact"}):
        found = fastgrad.gradient(f, points, batch=True, batch_args=(weights,), **options)
        wanted = [fastgrad.gradient(f, x, args=(w,), method="exact") for x, w in zip(points, weights, strict=True)]
        np.testing.assert_allclose(found, wanted, rtol=1e-8)


def test_grids():
    axes = [np.linspace(0.5, 1.5, 9), np.linspace(0.2, 0.9, 11), np.linspace(0.1, 1.0, 10)]
    found = fastgrad.gradient_field(overdata.wave, axes, engine="simd")
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    wanted = fastgrad.gradient(overdata.wave, points, batch=True, engine="simd")
    np.testing.assert_allclose(np.reshape(found, (3, -1)).T, wanted, rtol=1e-12, atol=1e-12)


def test_rows_that_are_not_finite_or_raise():
    """One row of one point overflows, or is outside of a function's fast range, or raises in Python."""
    points = np.tile(POINTS[:1], (19, 1))
    points[4, 1], points[9, 2], points[15] = -400.0, 1e9, np.nan
    with np.errstate(all="ignore"):
        found = fastgrad.gradient(overdata.wave, points, batch=True, engine="simd")
        wanted = fastgrad.gradient(overdata.wave, points, batch=True, engine="python")
    rest = [n for n in range(19) if n not in {4, 9, 15}]
    assert (found[rest] == found[0]).all()
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-8)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    assert np.isnan(found[15]).all()

    def raising(x):
        return sum(math.log(x[0] - t) for t in overdata.T.tolist())

    with pytest.raises(ValueError, match="math domain error"):
        fastgrad.gradient(raising, np.array([[4.0], [5.0], [2.0]] * 5), batch=True, engine="simd")


TERMS = {
    "logarithms": lambda x, t: np.log(x[0] * t) ** 2 * x[1],
    "quotients": lambda x, t: x[1] / (x[0] * t) + t / (x[2] + t * x[0]),
    "powers": lambda x, t: t ** x[1] + (x[0] * t) ** -1.5,
    "a scale": lambda x, t: (t - x[0]) ** 2 / x[1] ** 2 + np.log(x[1]),
    "tangents": lambda x, t: np.tan(x[0] * t / 9.0) / x[1],
}
GUARDS = {
    "isfinite": lambda value: value if np.isfinite(value) else -np.inf,
    "isinf": lambda value: -np.inf if np.isinf(value) or np.isnan(value) else value,
    "isnan": lambda value: -1e300 if math.isnan(value) else value,
    "a threshold": lambda value: min(1000000000.0, value),
    "where": lambda value: np.where(np.isfinite(value), value, -1e10),
}


@pytest.mark.parametrize("guard", GUARDS)
@pytest.mark.parametrize("term", TERMS)
def test_sums_of_which_it_is_asked_whether_they_are_finite(term, guard):
    """A likelihood with a guard. What is watched of a term with a pole is watched in all rows."""
    data = np.linspace(1.0, 3.0, 90)
    f = lambda x: GUARDS[guard](np.sum(TERMS[term](x, data)))
    points = POINTS.copy()
    points[7, 0] = np.nan
    for order in (2, 4):
        found = fastgrad.gradient(f, points, batch=True, engine="simd", order=order)
        wanted = fastgrad.gradient(f, points, batch=True, engine="python", order=order)
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


def test_functions_outside_of_their_range_have_the_bits_of_calls(forgetful, monkeypatch):
    points = np.array([[1.0, 0.5, 1e8 * k] for k in range(16)])
    points[3:8, 2] = 0.7
    wanted = fastgrad.gradient(overdata.wave, points, batch=True, engine="simd")
    monkeypatch.setattr(emission, "WRITTEN_OUT", 0)
    for place, memo in ((families, "_families"), (traces, "_traces")):
        monkeypatch.setattr(place, memo, Memory(families.KEPT))
    np.testing.assert_array_equal(fastgrad.gradient(overdata.wave, points, batch=True, engine="simd"), wanted)


def test_the_code_of_a_thousand_rows_is_that_of_a_hundred():
    def of(count):
        data = np.linspace(0.0, 1.0, count)
        program = trace(lambda x: np.sum(np.exp(x[0] * data)), (2,))
        table = stencils.gradient(2, 2, "central")
        family = families.Family(program, table)
        call = Call(None, Rows(POINTS[:, :2].copy(), (2,)), table, Steps("default", np.asarray(1.0)))
        return emission.module(family._frame(family.summed.program, table, form_of(call, "rows")))

    assert len(of(1000).splitlines()) == len(of(100).splitlines()) == len(of(2000).splitlines())


def test_explained():
    text = str(fastgrad.explain(overdata.wave, POINTS, batch=True, engine="simd"))
    assert f"in loops over {overdata.COUNT} rows of data" in text


def test_many_second_differences_are_those_of_displaced_points():
    """Of 30 variables a kernel of all entries would be 18 000 nodes."""
    rows = np.random.default_rng(0).normal(size=(40, 30))
    f = lambda x: np.sum(np.tanh(rows @ x) ** 2)
    points = 0.1 * np.random.default_rng(1).normal(size=(9, 30))
    program = summed(trace(f, (30,))).program
    table = stencils.hessian(30)
    assert families.Family(program, table).how == "stacked"
    assert families.Family(program, stencils.gradient(30)).how == "written"
    found = fastgrad.hessian(f, points, batch=True, engine="simd")
    exactly = fastgrad.hessian(f, points, batch=True, method="exact")
    np.testing.assert_allclose(found, exactly, rtol=0, atol=1e-5 * np.abs(exactly).max())


@pytest.mark.parametrize("count", [64, 65, 71, 72, 80])
def test_lanes_may_be_rows(count):
    """Whatever the number of rows is; of one point with a kernel's values beside."""
    data = np.random.default_rng(count).normal(size=(count, 2))
    f = lambda x: np.sum(np.exp(data @ x) * np.cos(data[:, 0] * x[1])) + x[0]
    x = np.array([0.3, -0.7])
    for method, rtol in (("central", 1e-8), ("exact", 1e-12)):
        value, slope = fastgrad.value_and_grad(f, method=method)(x)
        assert value == pytest.approx(f(x), rel=1e-14)
        np.testing.assert_allclose(
            slope, fastgrad.gradient(f, np.array([x] * 9), batch=True, method="exact")[0], rtol=rtol
        )


def test_sums_that_cancel_are_those_of_f_in_another_order():
    """Their roundings are those of the terms: f is 0 but for them, and no reason to say that it keeps state."""
    data = np.random.default_rng(4).normal(size=300)
    data -= data.mean()

    def f(x):
        return np.array([np.sum(data * x[0]), np.sum(data * np.sin(x[1])) + x[0]])

    points = np.random.default_rng(5).uniform(1.0, 100.0, (16, 2))
    found = fastgrad.jacobian(f, points, batch=True, engine="simd")
    np.testing.assert_allclose(found[:, 0], 0.0, atol=1e-10)
    np.testing.assert_allclose(found[:, 1, 0], 1.0, rtol=1e-9)
