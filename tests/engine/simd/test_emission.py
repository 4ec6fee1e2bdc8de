"""The simd engine's kernels: every layout, every number of points, both forms, every table; and what their code is."""

import math
import platform
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad
from fastgrad import gradient, gradient_field
from fastgrad.engine.arguments import read_call
from fastgrad.engine.simd import code, emission, families, repairs, traces
from fastgrad.engine.simd.arguments import KernelForm, kind_of
from fastgrad.engine.simd.segments import Segmented
from fastgrad.formulas import reference, stencils
from fastgrad.formulas.samples import SAMPLES
from fastgrad.llvm import machine
from fastgrad.llvm.memory import Memory
from fastgrad.program.differences import StepSource, differences
from fastgrad.program.exact import exact
from fastgrad.program.trace.recording import trace

WIDTH = machine.lanes()
RNG = np.random.default_rng(0)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def loop(x):
    """Only + - * / sqrt and abs."""
    total = x[0] / (2.0 + x[-1] * x[-1])
    for i in range(x.shape[0]):
        total = total + np.sqrt(1.0 + np.abs(x[i] * x[i - 1])) * x[i]
    return total


def near(found, expected, points, f=loop, size=1e-8, h=1.0):
    """Equal but for the round-off of f's values over the step, of which the definition has more."""
    value = 1.0 + np.abs([f(x) for x in points])[:, None]
    return (np.abs(found - expected) <= size * (value + np.abs(expected)) + 1e-15 * value / h).all()


def by_reference(f, points, **options):
    return np.array([reference.gradient(f, x, **options) for x in points]).reshape(np.shape(points))


def layouts(points):
    """The same points, lying in memory in every way."""
    n, d = points.shape
    wide, deep = np.zeros((2 * n, d + 3)), np.zeros((d, n), dtype=float)
    wide[::2, 1 : 1 + d], deep[...] = points, points.T
    yield "rows", points
    yield "columns", deep.T
    yield "strided rows", wide[::2, 1 : 1 + d]
    yield "backwards", points[::-1].copy()[::-1]
    yield "any", np.asfortranarray(wide)[::2, 1 : 1 + d]
    frozen = points.copy()
    frozen.flags.writeable = False
    yield "read-only", frozen


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17])
def test_every_layout_gives_the_same_bits(d):
    points = RNG.standard_normal((2 * WIDTH + 3, d))
    expected = gradient(loop, points, batch=True, engine="simd")
    assert near(expected, by_reference(loop, points), points)
    for name, x in layouts(points):
        out = gradient(loop, x, batch=True, engine="simd")
        assert (out == expected).all(), name
    for out in (
        np.empty((d, len(points))).T,
        np.empty((len(points), 2 * d))[:, ::2],
        np.empty((2 * len(points), d))[::2],
    ):
        assert gradient(loop, points, batch=True, engine="simd", out=out) is out
        assert (out == expected).all()


@pytest.mark.parametrize("n", sorted({1, 2, 3, WIDTH - 1, WIDTH, WIDTH + 1, 2 * WIDTH - 1, 5 * WIDTH + 2}))
def test_every_number_of_points(n):
    points = RNG.standard_normal((n, 3))
    found = gradient(loop, points, batch=True, engine="simd")
    assert near(found, by_reference(loop, points), points)
    assert all((gradient(loop, x, engine="simd") == slope).all() for x, slope in zip(points, found, strict=True))
    value, slope = fastgrad.value_and_gradient(loop, points, batch=True, engine="simd")
    assert (value == [loop(x) for x in points]).all()
    assert (slope == found).all()


@pytest.mark.parametrize("options", [
    {}, {"h": 1e-4}, {"h": [1e-4, 3e-5, 1e-3]}, {"rel_step": 1e-5}, {"rel_step": [1e-5, 1e-6, 1e-4]},
    {"method": "forward"}, {"method": "backward", "order": 1}, {"order": 4}, {"order": 6}, {"order": 8},
    {"order": 4, "h": 0.25},
])  # fmt: skip
def test_steps_orders_and_sides(options):
    points = np.concatenate([RNG.standard_normal((13, 3)), [[0.0, 1e6, -1e-9], [2.0**20, -0.0, 1.0]]])
    found = gradient(loop, points, batch=True, engine="simd", **options)
    expected = by_reference(loop, points, **options)
    relative = options.get("rel_step", 1.0)
    assert near(
        found, expected, points, h=np.where(points == 0.0, relative, relative * np.abs(points)) + (relative == 1.0)
    )


def test_steps_for_each_point():
    points = RNG.standard_normal((11, 3))
    h = 2.0 ** RNG.integers(-20, -3, points.shape)
    found = gradient(loop, points, batch=True, engine="simd", h=h)
    expected = [reference.gradient(loop, x, h=s) for x, s in zip(points, h, strict=True)]
    assert near(found, np.array(expected), points)


def test_vanishing_steps_are_an_error():
    points = np.full((20, 2), 1.0)
    points[17, 1] = 1e20
    with pytest.raises(ValueError, match=r"h=0.0001 vanishes beside x=1e\+20"):
        gradient(loop, points, batch=True, engine="simd", h=1e-4)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_samples(sample, order):
    points = np.random.default_rng(1).uniform(*sample.box, (11, len(sample.point)))
    found = gradient(sample.f, points, batch=True, engine="simd", order=order)
    exact = np.array([sample.gradient(x) for x in points])
    size = np.maximum(1.0, np.abs([sample.f(x) for x in points]))[:, None] + np.abs(exact)
    loose = max(1000, (2 * np.pi) ** order) if sample.name in {"ackley", "rastrigin"} else 50  # their waves' truncation
    assert (np.abs(found - exact) <= loose * np.finfo(float).eps ** (order / (order + 1)) * size).all()


def test_the_rolled_form_has_the_bits_of_the_reference(monkeypatch):
    points = RNG.standard_normal((2 * WIDTH + 1, 6))
    written = gradient(loop, points, batch=True, engine="simd")
    monkeypatch.setattr(families, "WRITTEN", 1)
    monkeypatch.setattr(families, "SEPARATE", np.inf)
    monkeypatch.setattr(families, "_families", Memory(families.KEPT))
    monkeypatch.setattr(traces, "_traces", Memory(families.KEPT))
    assert "rolled" in fastgrad.explain(loop, points, batch=True, engine="simd")
    found = gradient(loop, points, batch=True, engine="simd")
    assert (found == by_reference(loop, points)).all()
    assert near(found, written, points)
    fourth = gradient(loop, points, batch=True, engine="simd", order=4)
    assert near(fourth, by_reference(loop, points, order=4), points, size=1e-12)
    value, _ = fastgrad.value_and_gradient(loop, points, batch=True, engine="simd")
    assert (value == [loop(x) for x in points]).all()


@pytest.mark.parametrize("operation", ["gradient", "jacobian", "hessian", "value_and_gradient"])
def test_short_functions_have_the_bits_of_one_long_one(monkeypatch, operation):
    points = RNG.standard_normal((2 * WIDTH + 1, 5))

    def f(x):
        chosen = np.where(x[0] > x[1], np.sin(x[2]), x[3])
        return np.array([loop(x), chosen, 2.0]) if operation == "jacobian" else loop(x) + chosen

    derive, last = getattr(fastgrad, operation), lambda found: found[-1] if isinstance(found, tuple) else found
    ways = [points, np.asfortranarray(points)]
    steps = [{}, {"h": 1e-4 * np.arange(1, 6)}]
    whole = [derive(f, points, batch=True, engine="simd", **options) for options in steps]
    monkeypatch.setattr("fastgrad.engine.simd.segments.LENGTH", 23)
    monkeypatch.setattr(families, "STRAIGHT", 0)
    monkeypatch.setattr(families, "_families", Memory(families.KEPT))
    monkeypatch.setattr(traces, "_traces", Memory(families.KEPT))
    for expected, options in zip(whole, steps, strict=True):
        for x in ways:
            found = derive(f, x, batch=True, engine="simd", **options)
            pairs = zip(expected, found, strict=True) if operation == "value_and_gradient" else [(expected, found)]
            assert all(np.array_equal(a, b) for a, b in pairs)
        assert np.array_equal(last(derive(f, points[3], engine="simd", **options)), last(expected)[3])


def test_short_functions_on_a_grid(monkeypatch):
    axes = [np.linspace(-1.0, 1.0, 3), np.linspace(0.5, 1.0, 2), np.linspace(0.3, 2.0, 37)]
    whole = gradient_field(loop, axes, engine="simd")
    monkeypatch.setattr(families, "STRAIGHT", 0)
    monkeypatch.setattr(families, "_families", Memory(families.KEPT))
    monkeypatch.setattr(traces, "_traces", Memory(families.KEPT))
    assert (gradient_field(loop, axes, engine="simd") == whole).all()


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_do_not_depend_on_threads_or_neighbours(workers):
    points = RNG.standard_normal((20_003, 3))
    f = SAMPLES["bump"].f

    def g(x):
        return f(x) * np.tanh(x[2])

    whole = gradient(g, points, batch=True, engine="simd", workers=workers)
    assert (whole == gradient(g, points, batch=True, engine="simd", workers=3)).all()
    for k in (0, 7, 9_999, 20_002):
        assert (gradient(g, points[k], engine="simd") == whole[k]).all()
    assert (gradient(g, points[5:5_000], batch=True, engine="simd") == whole[5:5_000]).all()


@pytest.mark.parametrize(
    "lengths", [(1,), (5,), (1025,), (3, 2), (2, WIDTH), (4, WIDTH + 1), (3, 1030), (2, 3, 19), (3, 4, 2)]
)
@pytest.mark.parametrize("options", [{}, {"h": 1e-4}, {"rel_step": 1e-5, "order": 4}])
def test_fields(lengths, options):
    axes = [np.sort(RNG.standard_normal(n))[::-1] for n in lengths]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    found = gradient_field(loop, axes, engine="simd", **options)
    expected = gradient(loop, nodes, batch=True, engine="simd", **options)
    assert (found == expected.T.reshape(found.shape)).all()
    assert (gradient_field(loop, axes, engine="simd", workers=1, **options) == found).all()


def test_what_is_not_finite_is_pythons_to_say():
    def domain(x):
        return math.sqrt(x[0]) + x[1]

    points = np.array([[1.0, 1.0]] * 30)
    assert gradient(domain, points, batch=True, engine="simd").shape == (30, 2)
    points[20, 0] = -1.0
    with pytest.raises(ValueError, match=r"math domain error|expected a nonnegative"):
        gradient(domain, points, batch=True, engine="simd")


def test_nan_stays_at_its_point():
    points = RNG.standard_normal((3 * WIDTH, 2))
    clean = gradient(loop, points, batch=True, engine="simd")
    for bad in (np.nan, np.inf, -np.inf):
        spoilt = points.copy()
        spoilt[WIDTH + 1, 0] = bad
        with np.errstate(all="ignore"):
            found = gradient(loop, spoilt, batch=True, engine="simd")
        assert not np.isfinite(found[WIDTH + 1]).all()
        assert (np.delete(found, WIDTH + 1, 0) == np.delete(clean, WIDTH + 1, 0)).all()


def test_many_points_that_are_not_finite_cost_a_sample(monkeypatch):
    calls = []

    def f(x):
        calls.append(1)
        with np.errstate(all="ignore"):
            return np.log(x[0]) * x[1]

    points = np.full((50_000, 2), -1.0)
    assert np.isnan(gradient(f, points, batch=True, engine="simd")).any(axis=1).all()
    assert len(calls) < 5 * repairs.REPEATED


def test_many_points_that_are_not_finite_hide_none_where_f_is():
    points = np.full((2 * repairs.REPEATED + 500, 2), np.nan)
    points[repairs.REPEATED + 200 :] = -800.0, 1.0
    f = lambda x: 1.0 / (1.0 + x[0] * x[0] * np.exp(-x[0])) + x[1]
    with np.errstate(all="ignore"):
        found, expected = (gradient(f, points, batch=True, engine=e) for e in ("simd", "python"))
    assert np.isfinite(expected[-1]).all()
    np.testing.assert_allclose(found[-1], expected[-1], atol=1e-6)
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))


@pytest.mark.parametrize("method", ["central", "exact"])
def test_one_result_of_many_that_is_not_finite_is_seen_where_f_is_finite(method):
    points = np.full((10 * WIDTH, 11), 0.5)
    f = lambda x: np.sum(np.sqrt(x))
    clean = gradient(f, points, batch=True, method=method, engine="simd")
    for i in range(11):
        spoilt = points.copy()
        spoilt[WIDTH + 1, i] = 0.0
        how = {"args": (), "batch_args": (), "batch": True, "order": 2, "h": None, "rel_step": None}
        _, call = read_call(f, spoilt, stencils.gradient, method=method, **how)
        kernel, block, (items, _), out, _ = code.compile_call(call).laid_out(call, np.empty_like(points), None)
        assert kernel(0, items, block.address) == emission.NOT_FINITE
        assert np.argwhere(~np.isfinite(out)).tolist() == [[WIDTH + 1, i]]
        assert (out[np.isfinite(out)] == clean[0, 0]).all()


@pytest.mark.parametrize("method", ["central", "exact"])
def test_results_are_finite_though_their_sum_is_not(method):
    points = RNG.standard_normal((10 * WIDTH, 7)) * 1e-3
    found = gradient(lambda x: np.sum(1.5e308 * x), points, batch=True, method=method, engine="simd")
    assert np.allclose(found, 1.5e308, rtol=1e-15, atol=0.0)


# --- a constant is a parameter, structure is not ----------------------------------------------------------------------


def test_swept_constants_share_one_kernel(monkeypatch):
    monkeypatch.setattr(families, "_families", Memory(families.KEPT))
    monkeypatch.setattr(traces, "_traces", Memory(families.KEPT))
    points = RNG.standard_normal((9, 2))
    for scale in (2.5, -3.5, 1e-3):
        found = gradient(lambda x: scale * x[0] * np.sin(x[1]), points, batch=True, engine="simd")  # noqa: B023
        np.testing.assert_allclose(found[:, 0], scale * np.sin(points[:, 1]), rtol=1e-7)
    assert [len(family.places) for family, _ in families._families.entries.values()] == [1]


# --- machine code -----------------------------------------------------------------------------------------------------

CASES = {
    "sin": (lambda x: np.sin(x[0] * x[1]), 2),
    "bump": (lambda x: np.exp(-(x[0] ** 2) - x[1] ** 2) * np.cos(3 * x[0]) + np.log(1 + x[1] ** 2), 2),
    "sphere": (lambda x: np.sum(x**2), 10),
    "rosenbrock": (rosenbrock, 10),
    "branches": (lambda x: np.where(x[0] > x[1], np.maximum(x[0], 0.0) ** 2, x[0] * x[1]), 2),
}


@pytest.mark.parametrize("name", CASES)
def test_kernels_contain_packed_instructions_and_no_scalar_arithmetic(name):
    f, d = CASES[name]
    table = stencils.gradient(d)
    form = KernelForm(WIDTH, "absolute", "uniform", "rows", "rows", False, 0, True)
    written = differences(trace(f, (d,)), table, StepSource("absolute"))
    text = machine.assembly(emission.module(emission.Straight(written, form)), straight=True)
    text = text[: text.find("kernel.again:")]  # what is done again outside of functions' ranges has a head of its own
    loop_code = text[re.search(r"\n\.?LBB\w+:", text).start() :]  # before it stands what is the same for all points
    packed = re.findall(r"\b(?:v?(?:add|sub|mul|div)pd|fadd|fmul)\b", loop_code)
    scalar = re.findall(r"\bv?(?:add|sub|mul|div)sd\b", loop_code)
    assert len(packed) >= d
    assert not scalar


@pytest.mark.parametrize("method", ["central", "exact"])
def test_no_operation_is_fused(method):
    f = lambda x: np.sqrt(x[0] * x[0] - x[1] * x[1])
    table, program = stencils.gradient(2, 2, method), trace(f, (2,))
    form = KernelForm(WIDTH, "default", "uniform", "rows", "rows", True, 0, True)
    written = (exact if method == "exact" else differences)(program, table, value=True)
    text = machine.assembly(emission.module(emission.Straight(written, form)), straight=True)
    assert not re.findall(r"\bv?fn?m(?:add|sub|la|ls)\w*", text)
    points = np.repeat(RNG.standard_normal((50 * WIDTH + 1, 1)), 2, axis=1)
    with np.errstate(all="ignore"):
        values, _ = fastgrad.value_and_gradient(f, points, batch=True, method=method, engine="simd")
    assert (values == 0.0).all()


def test_kinds_of_layouts():
    kind = lambda array: kind_of(array.shape, array.strides)
    x = np.zeros((10, 4))
    assert kind(x) == kind_of(x.shape) == "rows"
    assert kind(np.asfortranarray(x)) == "columns"
    assert kind(x[:, ::2]) == "any"
    assert kind(np.zeros((10, 2))) == kind_of((10, 2)) == "pairs"
    assert kind(np.zeros((10, 1))) == kind_of((10, 1)) == "columns"
    assert kind(np.zeros((10, 3))[:, :2]) == "rows"


# --- random expressions -----------------------------------------------------------------------------------------------

LEAVES = st.sampled_from(["x[0]", "x[1]", "x[2]", "1.5", "-0.25", "3.0"])
EXACT = st.recursive(
    LEAVES,
    lambda e: st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*"]), e, e).map(lambda t: f"({t[1]} {t[0]} {t[2]})"),
        st.tuples(e, e).map(lambda t: f"({t[0]} / (1.0 + {t[1]} * {t[1]}))"),
        e.map(lambda a: f"np.abs({a})"),
        e.map(lambda a: f"np.sqrt(1.0 + np.abs({a}))"),
        st.tuples(e, e).map(lambda t: f"np.where({t[0]} > {t[1]}, {t[0]}, {t[1]})"),
    ),
    max_leaves=8,
)
SMOOTH = st.tuples(EXACT, st.sampled_from(["np.sin", "np.tanh", "np.exp", "np.arctan"]), EXACT).map(
    lambda t: f"({t[0]} + {t[1]}(np.tanh({t[2]})) * x[0])"
)


@settings(max_examples=40, deadline=None)
@given(EXACT)
def test_random_expressions(expression):
    f = eval(f"lambda x: {expression} + x[0]", {"np": np})
    points = np.random.default_rng(3).standard_normal((WIDTH + 1, 3))
    assert near(gradient(f, points, batch=True, engine="simd"), by_reference(f, points), points, f)


@settings(max_examples=25, deadline=None)
@given(SMOOTH)
def test_random_expressions_with_functions(expression):
    f = eval(f"lambda x: {expression}", {"np": np})
    points = np.random.default_rng(4).standard_normal((WIDTH + 1, 3))
    found, expected = gradient(f, points, batch=True, engine="simd"), by_reference(f, points)
    size = 1.0 + np.abs([f(x) for x in points])[:, None]
    assert (np.abs(found - expected) <= 1e-8 * size).all()


SCALE = 3.0
ROLLED = {
    "rows": lambda f, x: gradient(f, x, batch=True, engine="simd"),
    "columns": lambda f, x: gradient(
        f, np.asfortranarray(x), batch=True, engine="simd", out=np.empty(x.shape, order="F")
    ),
    "gaps": lambda f, x: gradient(f, np.repeat(x, 2, axis=1)[:, ::2], batch=True, engine="simd"),
    "one point": lambda f, x: gradient(f, x[0], engine="simd"),
    "fewer than lanes": lambda f, x: gradient(f, x[:3], batch=True, engine="simd"),
    "forward": lambda f, x: gradient(f, x, batch=True, engine="simd", method="forward", order=3),
    "order 8": lambda f, x: gradient(f, x, batch=True, engine="simd", order=8),
    "step": lambda f, x: gradient(f, x, batch=True, engine="simd", h=1e-3),
    "steps": lambda f, x: gradient(f, x, batch=True, engine="simd", h=1e-3 + 1e-4 * np.arange(x.shape[1])),
    "steps of points": lambda f, x: gradient(f, x, batch=True, engine="simd", h=1e-3 * (1.0 + np.abs(x))),
    "relative": lambda f, x: gradient(f, x, batch=True, engine="simd", rel_step=1e-5),
    "jacobian": lambda f, x: fastgrad.jacobian(lambda y: np.array([f(y), y[0] * y[3]]), x, batch=True, engine="simd"),
    "plain outputs": lambda f, x: fastgrad.jacobian(
        lambda y, *a: np.array([f(y), y[2], SCALE, 0.5, *a]), x, batch=True, batch_args=(x[:, 0],), engine="simd"
    ),
    "rows beside": lambda f, x: gradient(
        lambda y, a, b: f(y) * a + b[1], x, batch=True, batch_args=(x[:, 1], x[:, :2]), engine="simd"
    ),
    "value": lambda f, x: fastgrad.value_and_gradient(f, x, batch=True, engine="simd")[0],
    "field": lambda f, x: fastgrad.gradient_field(lambda y: f(y) + y[1], list(x[:9].T), engine="simd"),
}  # fmt: skip


@pytest.mark.parametrize("dimension", [5, 11])
@pytest.mark.parametrize("name", ROLLED)
def test_the_rolled_form_is_the_same_mathematics(monkeypatch, name, dimension):
    points = RNG.standard_normal((50, 4 if name == "field" else dimension))

    def f(x):
        return np.sum(x * np.sin(x)) + x[0] * x[1] / (2.0 + np.cos(x[2]))

    written = ROLLED[name](f, points)
    monkeypatch.setattr(families, "WRITTEN", 1)
    monkeypatch.setattr(families, "SEPARATE", np.inf)
    for place, memo in ((families, "_families"), (traces, "_traces")):
        monkeypatch.setattr(place, memo, Memory(families.KEPT))
    assert "rolled" in fastgrad.explain(f, points, batch=True, engine="simd")
    rolled = ROLLED[name](f, points)
    bits = name == "value"
    assert (
        np.array_equal(rolled, written)
        if bits
        else np.allclose(rolled, written, rtol=1e-8, atol=1e-6 if name == "relative" else 1e-8)
    )


def test_the_rolled_form_sees_what_is_not_finite_and_steps_that_vanish(monkeypatch):
    monkeypatch.setattr(families, "WRITTEN", 1)
    monkeypatch.setattr(families, "SEPARATE", np.inf)
    for place, memo in ((families, "_families"), (traces, "_traces")):
        monkeypatch.setattr(place, memo, Memory(families.KEPT))
    points = np.full((20, 6), 2.0)
    points[7, 3] = -1.0

    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        gradient(lambda x: sum(math.sqrt(v) for v in x), points, batch=True, engine="simd")
    with pytest.raises(ValueError, match=r"vanishes beside x=1e9|vanishes beside x=1000000000"):
        gradient(lambda x: np.sum(x**2), np.array([1.0, 1e9, 1.0, 2.0, 3.0]), h=1e-12, engine="simd")


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="the stack pointer of x86-64")
def test_kernels_that_spill_align_their_stack():
    """Otherwise each spilled register straddles two cache lines in every other process."""
    d = 8
    f = lambda x: sum((x[i] * x[j] + 1.0) / (2.0 + x[j]) for i in range(d) for j in range(i))
    for frame in (emission.Straight, Segmented):
        written = differences(trace(f, (d,)), stencils.gradient(d))
        form = KernelForm(WIDTH, "default", "uniform", "rows", "rows", False, 0, True)
        text = machine.assembly(emission.module(frame(written, form)), straight=True)
        functions = re.split(r"\n(?=\w+:\n)", text)
        spilling = [part for part in functions if re.search(r"%[xyz]mm\d+, -?\d*\(%rsp\)", part)]
        assert spilling
        assert all(re.search(r"andq\s+\$-\d+, %rsp", part) for part in spilling)
