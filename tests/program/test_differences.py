"""Tables written out as programs: against the definition, 60 digits, and what a subtraction would have noticed."""

import dataclasses
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgrad.formulas import reference, stencils
from fastgrad.formulas import steps as formulas_steps
from fastgrad.formulas.samples import SAMPLES
from fastgrad.program import differences as module
from fastgrad.program.differences import StepSource, differences
from fastgrad.program.program import Program, evaluate
from fastgrad.program.schedule import schedule
from fastgrad.program.trace.recording import trace

EPS = np.finfo(float).eps
EVERY_STENCIL = [("central", order) for order in (2, 4, 6, 8)] + [
    (method, order) for method in ("forward", "backward") for order in (1, 2, 3, 5)
]


def size_of(table):
    return formulas_steps.default_factor(table.stencil.derivative, table.stencil.order)


def written_values(program, table, x, *, steps=StepSource(), sizes=None, rows=(), value=False):  # noqa: B008
    """The results, values, watched values and steps of a written table at a point."""
    written = differences(program, table, steps, value=value)
    sizes = [size_of(table)] * written.sizes if sizes is None else sizes
    whole = dataclasses.replace(written.program, constants=(*program.constants, *sizes))
    return tuple(map(np.array, written.split(evaluate(whole, x, rows))))


def rounding(table, values, h):
    """How far two ways to compute a table's results may be apart."""
    weight = sum(abs(number) for number, *_ in table.stencil.terms)
    largest = max((abs(v) for v in np.ravel(values)), default=0.0)
    return 200.0 * EPS * weight * (largest + 1.0) / h**table.stencil.derivative


def of_f(x):
    """Every identity, functions without one, a sum that all read, a branch."""
    total = np.sum(x * x) / (2.0 + x[0] * x[1])
    return (
        np.where(x[0] > x[1], np.sin(x[0] * x[2]), x[2]) * np.sqrt(total) - np.exp(x[1] / 3.0) + np.maximum(x[0], x[2])
    )


@pytest.mark.parametrize(("method", "order"), EVERY_STENCIL)
@pytest.mark.parametrize("operation", ["gradient", "hessian"])
def test_every_stencil_gives_what_the_definition_gives(operation, method, order):
    program, table = trace(of_f, (3,)), getattr(stencils, operation)(3, order, method)
    for x in np.random.default_rng(order).uniform(0.4, 1.7, (5, 3)):
        found, *_ = written_values(program, table, x)
        expected = np.ravel(getattr(reference, operation)(of_f, x, order=order, method=method))
        assert np.abs(found - expected).max() <= rounding(table, of_f(x), size_of(table))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("method", ["central", "forward", "backward"])
def test_derivatives_of_any_number(n, method):
    f = lambda x: np.exp(x) * x / (1.0 + x * x)
    program, table = trace(f, (), scalar=True), stencils.derivative(n, 4, method)
    for x in (-0.7, 0.3, 1.9):
        found, *_ = written_values(program, table, [x])
        expected = reference.derivative(f, x, n=n, order=4, method=method)
        assert abs(found[0] - expected) <= rounding(table, f(x), size_of(table))


@pytest.mark.parametrize("operation", ["jvp", "hvp"])
@pytest.mark.parametrize("order", [2, 4])
def test_along_a_direction(operation, order):
    program, table = trace(of_f, (3,)), getattr(stencils, operation)(3, order)
    x, v = np.array([0.7, 1.3, 0.9]), np.array([0.5, 0.0, -2.0])
    t = float(formulas_steps.direction_step(x, v, table.stencil))
    found, *_ = written_values(program, table, x, rows=[*v, t])
    expected = (
        reference.gradient(of_f, x, order=8) @ v if operation == "jvp" else reference.hessian(of_f, x, order=8) @ v
    )
    assert np.allclose(found, expected, rtol=1e-4 if operation == "hvp" else 1e-8)


def test_outputs_of_a_jacobian():
    f = lambda x: np.array([x[0] * x[1], np.exp(x[1]), 3.0, x[0] - x[1]])
    x = np.array([0.3, -1.2])
    found, *_ = written_values(trace(f, (2,)), stencils.jacobian(2), x)
    assert np.allclose(found.reshape(4, 2), reference.jacobian(f, x), atol=1e-9)
    assert found.reshape(4, 2)[2].tolist() == [0.0, 0.0]


def test_groups_of_coordinates():
    f, x, groups = lambda x: x[1:] * x[:-1] + np.sin(x[1:]), np.linspace(0.2, 1.4, 7), np.arange(7) % 2
    table = stencils.jacobian_in_groups(groups)
    found, *_ = written_values(trace(f, (7,)), table, x)
    sums, h = found.reshape(6, 2), formulas_steps.Steps("default", np.asarray(size_of(table))).at(x)
    for row, i in ((k, i) for k in range(6) for i in (k, k + 1)):
        assert abs(sums[row, groups[i]] / (2.0 * h[i]) - reference.jacobian(f, x)[row, i]) < 1e-9


def test_many_results_that_are_zero_are_left_out():
    written = differences(trace(lambda x: np.sin(x) * 2.0, (60,)), stencils.jacobian(60))
    assert (written.results, written.places) == (60, tuple(range(0, 3600, 61)))


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_samples(name):
    sample = SAMPLES[name]
    x = np.array(sample.point)
    table = stencils.gradient(x.size)
    found, *_ = written_values(trace(sample.f, x.shape), table, x)
    expected = reference.gradient(sample.f, x)
    scale = [sample.f(x), *expected, *(sample.gradient(x) * x)]
    assert np.abs(found - expected).max() <= rounding(table, scale, size_of(table))
    assert np.allclose(found, sample.gradient(x), rtol=1e-7, atol=1e-7)


# --- against 60 digits ------------------------------------------------------------------------------------------------

EXACT = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "neg": lambda a: -a, "sqrt": mpmath.sqrt, "sin": mpmath.sin, "exp": mpmath.exp, "log": mpmath.log,
    "tanh": mpmath.tanh,
}  # fmt: skip


def exactly(program, x):
    """f in 60 digits."""
    values = []
    load = {"x": lambda k: x[k], "v": lambda k: values[k], "k": mpmath.mpf, "c": lambda k: program.constants[k]}
    for name, *operands in program.nodes:
        values.append(EXACT[name](*(load[tag](k) for tag, k in operands)))
    tag, k = program.outputs[0]
    return load[tag](k)


def by_exact_arithmetic(program, table, x, steps):
    formula = table.stencil
    result = []
    for i, h in enumerate(steps):
        moved = lambda k, i=i, h=h: [mpmath.mpf(a) + (k * mpmath.mpf(h) if j == i else 0) for j, a in enumerate(x)]
        values = [exactly(program, moved(k)) for k in formula.offsets]
        total = sum(number * (values[a] - values[b]) for number, a, b in formula.terms)
        result.append(total / (formula.denominator * mpmath.mpf(h) ** formula.derivative))
    return result


@st.composite
def programs(draw):
    """Sums of what straight-line programs leave unread; what is divided by, or under a root, is positive."""
    inputs = draw(st.integers(1, 4))
    nodes, known = [], [("x", i) for i in range(inputs)]
    for _ in range(draw(st.integers(4, 24))):
        name = draw(st.sampled_from(["+", "*", "/", "sqrt", "sin", "exp", "tanh", "-"]))
        pick = lambda: draw(st.sampled_from(known))
        if name in {"exp", "sin", "tanh", "sqrt"}:
            operands = (pick(),)
            if name == "exp":  # of something small
                nodes.append(("tanh", *operands))
                operands = (("v", len(nodes) - 1),)
        elif name == "-":
            nodes.append(("+", pick(), ("k", 3.0)))
            operands = (("v", len(nodes) - 1), ("k", 0.5))
        else:
            operands = (pick(), pick() if draw(st.booleans()) else ("k", draw(st.sampled_from([0.5, 2.0, 1.7]))))
        nodes.append((name, *operands))
        if name != "sin":
            known.append(("v", len(nodes) - 1))
    read = {operand for _, *operands in nodes for operand in operands}
    total, *terms = [("v", j) for j in range(len(nodes)) if ("v", j) not in read]
    for term in terms:
        nodes.append(("+", total, term))
        total = ("v", len(nodes) - 1)
    return Program(inputs, 0, tuple(nodes), (total,), (), ())


RATIOS = []


@settings(max_examples=60, deadline=None)
@given(programs(), st.sampled_from(EVERY_STENCIL), st.integers(0, 10**6))
def test_round_off_is_that_of_the_definition_or_less(program, scheme, seed):
    method, order = scheme
    x = np.random.default_rng(seed).uniform(0.5, 1.5, program.inputs).tolist()
    table, h = stencils.gradient(program.inputs, order, method), 2.0**-26
    f = lambda p: evaluate(program, p)[0]
    with mpmath.workdps(60):
        expected = by_exact_arithmetic(program, table, x, [h] * program.inputs)
        found, *_ = written_values(
            program, table, x, steps=StepSource("default", "coordinate"), sizes=[h] * program.inputs
        )
        definition = np.ravel(reference.gradient(f, np.array(x), order=order, method=method, h=h))
        ours = max(abs(float(a - b)) for a, b in zip(expected, found, strict=True))
        theirs = max(abs(float(a - b)) for a, b in zip(expected, definition, strict=True))
        largest = max(abs(float(a)) for a in expected)
    if not (math.isfinite(theirs) and math.isfinite(largest)):
        return
    unit = EPS * max(abs(f(x)), 1e-3) * sum(abs(number) for number, *_ in table.stencil.terms) / h
    assert ours <= 1.5 * theirs + 4.0 * unit + 1e-13 * largest
    RATIOS.append(ours / max(theirs, 1e-300))


def test_round_off_is_mostly_much_less():
    test_round_off_is_that_of_the_definition_or_less()
    assert len(RATIOS) >= 30
    assert np.median(RATIOS) < 0.2


def test_a_sum_is_not_subtracted():
    f = lambda x: np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
    d, h = 100, 2.0**-26
    x = np.random.default_rng(1).uniform(-2.0, 2.0, d)
    found, *_ = written_values(trace(f, (d,)), stencils.gradient(d), x, sizes=[h])
    exact = np.zeros(d)
    exact[:-1] = -400.0 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2.0 * (1.0 - x[:-1])
    exact[1:] += 200.0 * (x[1:] - x[:-1] ** 2)
    exact[:-1] += 400.0 * x[:-1] * h**2  # the truncation of a fourth power, exactly
    assert np.abs(found - exact).max() <= 1e-13 * np.sqrt(np.mean(exact**2))


@pytest.mark.parametrize("sizes", ["uniform", "coordinate", "point"])
def test_default_steps_are_those_of_the_formula(sizes):
    size = size_of(stencils.gradient(1))
    written = differences(trace(np.arctan, (), scalar=True), stencils.gradient(1), StepSource("default", sizes))
    (step,) = {node[1] for node in written.program.nodes if node[0] == "inverse"}
    program = dataclasses.replace(written.program, outputs=(step,), constants=(size,) * written.sizes)
    edges = [0.0, 1.0, 2.0, 2.0**17, 1e-300, 1e300, 1.0 / size, 0.7 / size, 5e-324]
    edges += [np.nextafter(x, 0.0) for x in edges[1:]] + [np.nextafter(x, math.inf) for x in edges]
    for x in [*edges, *np.random.default_rng(0).lognormal(0.0, 20.0, 200)]:
        for signed in (x, -x):
            rows = [size] * (sizes == "point")
            expected = formulas_steps.Steps("default", np.asarray(size)).at(np.array(signed))
            assert evaluate(program, [signed], rows) == [expected]


def test_a_derivative_that_is_zero_has_no_sign():
    program = trace(lambda x: np.sum((1.0 - x) ** 2), (2,))
    results, *_ = written_values(program, stencils.gradient(2), [1.0, 2.0])
    assert np.array_equal(np.signbit(results), [False, False])
    assert np.allclose(results, [0.0, 2.0])


def test_a_difference_of_f_is_not_written_again_with_another_sign():
    program = trace(lambda x: (1.0 - x[0]) ** 2 + x[0] * x[1], (2,))
    nodes = differences(program, stencils.gradient(2)).program.nodes
    assert [node for node in nodes if ("x", 0) in node and ("c", 0) in node] == [("-", ("c", 0), ("x", 0))]


# --- what a subtraction would have noticed ----------------------------------------------------------------------------

NOT_FINITE = {
    "a term that does not move": (lambda x: x[0] + x[1], [math.nan, 1.0]),
    "infinite": (lambda x: x[0] - x[1], [math.inf, 1.0]),
    "a product that overflows": (lambda x: x[0] * x[0] + x[1], [1e200, 1.0]),
    "a quotient": (lambda x: x[0] / x[1] + x[0], [1.0, 0.0]),
    "a function that is not seen from one side": (lambda x: np.exp(x[0]) + x[1], [800.0, 1.0]),
    "a root": (lambda x: np.sqrt(x[0]) + x[1], [math.inf, 1.0]),
    "of a constant": (lambda x: x[0] + np.log(0.0 * x[1]), [1.0, 1.0]),
}


@pytest.mark.parametrize("name", sorted(NOT_FINITE))
def test_f_that_is_not_finite_is_seen(name):
    f, x = NOT_FINITE[name]
    results, _, watched, _ = written_values(trace(f, (2,)), stencils.gradient(2), x)
    assert not np.isfinite([*results, *watched]).all()
    results, _, watched, _ = written_values(trace(f, (2,)), stencils.gradient(2), [0.7, 0.4])
    if name != "of a constant":
        assert np.isfinite([*results, *watched]).all()


def test_a_root_of_what_displaced_points_say_together_is_no_false_alarm():
    """Of rotated columns one point has the first where another has the second: 10 % of such points were alarms."""
    program, table = trace(lambda a: np.linalg.svd(a, compute_uv=False)[0], (3, 3)), stencils.gradient(9)
    written = differences(program, table, StepSource())
    whole = dataclasses.replace(written.program, constants=(*program.constants, *[size_of(table)] * written.sizes))
    found = schedule(whole).values(np.random.default_rng(0).normal(size=(9, 40)))
    results, _, watched, _ = (found[part] for part in written.parts)
    assert len(results) == 9
    assert len(watched)
    assert np.isfinite(results).all()
    assert np.isfinite(watched).all()


@pytest.mark.parametrize("below", [-1.0, math.nan])
def test_a_root_of_no_number_is_seen(below):
    f = lambda x: np.sqrt(np.copysign(np.exp(x[0]), x[1]) + x[1])
    results, _, watched, _ = written_values(trace(f, (2,)), stencils.gradient(2), [1.0, below])
    assert not np.isfinite([*results, *watched]).all()


def test_what_is_computed_at_displaced_points_is_not_computed_again_to_be_watched(monkeypatch):
    monkeypatch.setattr(module, "FUNCTIONS", {})
    written = differences(trace(lambda x: np.exp(x[0]) + np.log(x[1]) * x[0], (2,)), stencils.gradient(2))
    names = [name for name, *_ in written.program.nodes]
    assert (names.count("exp"), names.count("log")) == (2, 3)  # x[0]'s slope has log(x[1]) itself


def test_a_step_that_vanishes_is_zero():
    program, steps = trace(lambda x: x[0] + x[1], (2,)), StepSource("absolute", "coordinate")
    *_, taken = written_values(program, stencils.gradient(2), [1.0, 1e9], steps=steps, sizes=[1e-9, 1e-9])
    assert (taken == 0.0).tolist() == [False, True]


@pytest.mark.parametrize("x", [[1.0, 1e9], [-1e9, 1.0], [1e9, np.nan], [np.nan, 1e9], [np.inf, 1e9], [1.0, -np.inf]])
def test_one_step_that_vanishes_somewhere_is_zero(x):
    program, steps = trace(lambda x: x[0] + x[1], (2,)), StepSource("absolute")
    for size in (1e-9, 2.0**-24):  # a half of the spacing at 1e9: that is added or not, by the last bit of x
        *_, taken = written_values(program, stencils.gradient(2), x, steps=steps, sizes=[size])
        assert (taken == 0.0).tolist() == [True]
    for near in ([1.0, 2.0], [np.nan, 1.0], [0.0, -0.0]):
        *_, taken = written_values(program, stencils.gradient(2), near, steps=steps, sizes=[1e-9])
        assert (taken > 0.0).tolist() == [True]


def test_what_decides_has_the_bits_of_f():
    """x*x - y*y is 0 at x = y whatever was added to both: a comparison sees f's own operations at displaced points."""
    f = lambda x: np.where(x[0] * x[0] - x[1] * x[1] >= 0.0, x[0] * x[2], 7.0 * x[2])
    program, table = trace(f, (3,)), stencils.gradient(3)
    for x in np.random.default_rng(0).uniform(0.1, 3.0, (200, 1)) * [1.0, 1.0, 1.0]:
        found, *_ = written_values(program, table, x)
        expected = reference.gradient(f, x)
        assert np.abs(found - expected).max() <= 1e-9 * np.abs(expected).max()


def test_equal_nodes_are_one():
    f = lambda x: np.sum(np.arctan(x) * np.arctan(x))
    names = [name for name, *_ in differences(trace(f, (6,)), stencils.gradient(6)).program.nodes]
    assert names.count("atan") == 12


def test_a_long_chain():
    def f(x):
        total = x[0]
        for _ in range(3000):
            total = total * 1.0001 + x[1]
        return total

    found, *_ = written_values(trace(f, (2,)), stencils.gradient(2), [0.5, 0.25])
    assert np.allclose(found, reference.gradient(f, np.array([0.5, 0.25])), rtol=1e-6)
