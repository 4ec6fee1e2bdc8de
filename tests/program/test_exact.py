"""Tables of exact derivatives: random programs in both modes and against differences; zeros, symmetry, f's own bits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad
from fastgrad.formulas import reference, stencils
from fastgrad.program.exact import exact
from fastgrad.program.program import Program, evaluate
from fastgrad.program.trace.recording import trace

SMOOTH = ("neg", "atan", "asinh", "sin", "cos", "tanh", "exp", "log1p", "sqrt", "cbrt", "sinh", "log", "expm1", "exp2")
EDGED = ("abs", "floor", "sign", "rint")
PAIRS = ("+", "-", "*", "/", "atan2", "hypot", "pow", "+", "*", "-", "*")
EDGED_PAIRS = ("min", "max", "copysign", "mod", "fmod", "fmin", "fmax")


@st.composite
def programs(draw, outputs=1, *, edges=True):
    """Straight-line programs of all kinds of operations; each node reads mostly what is new."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    inputs, nodes, masks = draw(st.integers(1, 4)), [], []
    real = [*(("x", i) for i in range(inputs)), *(("c", s) for s in range(3))]
    one, two = (SMOOTH + EDGED, PAIRS + EDGED_PAIRS) if edges else (SMOOTH, PAIRS)

    def pick():
        if rng.random() < 0.1:
            return ("k", float(rng.choice([0.0, 1.0, -1.0, 2.0, 0.5])))
        return real[int(rng.integers(max(0, len(real) - 10), len(real)))]

    for _ in range(draw(st.integers(3, 25))):
        kind = rng.random() if edges else 0.2 + 0.8 * rng.random()
        if kind < 0.08:
            nodes.append((str(rng.choice(["lt", "gt"])), pick(), pick()))
            masks.append(("v", len(nodes) - 1))
            continue
        if kind < 0.16 and masks:
            nodes.append(("select", masks[int(rng.integers(len(masks)))], pick(), pick()))
        else:
            nodes.append((str(rng.choice(one)), pick()) if kind < 0.5 else (str(rng.choice(two)), pick(), pick()))
        real.append(("v", len(nodes) - 1))
    shape = (outputs,) if outputs > 1 else ()
    return Program(inputs, 0, tuple(nodes), tuple(real[-outputs:]), shape, tuple(rng.uniform(0.3, 2.0, 3)))


def derivative(program, operation, x, *v):
    made = exact(program, getattr(stencils, operation)(program.inputs, method="exact")).program
    return np.array(evaluate(made, x, [*v, 1.0] if v else ()))


def agree(a, b, within):
    """Equal to rounding where both are finite and of a size that has not lost all digits."""
    a, b = np.ravel(a), np.ravel(b)
    seen = np.isfinite(a) & np.isfinite(b) & (np.abs(b) < 1e8)
    scale = np.maximum(1.0, np.abs(b[seen]).max(initial=0.0))
    return bool((np.abs(a[seen] - b[seen]) <= within * scale).all())


@settings(max_examples=100, deadline=None)
@given(programs(), st.integers(0, 10**6))
def test_reverse_mode_is_forward_mode(program, seed):
    x = np.random.default_rng(seed).uniform(0.1, 2.0, program.inputs).tolist()
    reverse = derivative(program, "gradient", x)
    forward = [derivative(program, "jvp", x, *axis)[0] for axis in np.eye(program.inputs)]
    assert agree(reverse, forward, 1e-9)
    assert (np.isnan(reverse) <= ~np.isfinite(forward)).all()


@settings(max_examples=60, deadline=None)
@given(programs(edges=False), st.integers(0, 10**6))
def test_derivatives_are_what_differences_tend_to(program, seed):
    rng = np.random.default_rng(seed)
    x, v = rng.uniform(0.4, 1.6, program.inputs), rng.uniform(0.5, 1.0, program.inputs)
    f = lambda x: evaluate(program, x)[0]
    with np.errstate(all="ignore"):
        sizes = [abs(f(x)), *(abs(f(x + k * 1e-3)) for k in (-1, 1))]
        errors = [reference.gradient(f, x, order=order, h=h) for order, h in ((6, 1e-3), (4, 1e-3), (6, 2e-3))]
        spread = max(np.abs(errors[0] - e).max() for e in errors[1:])
    if not (np.isfinite(sizes).all() and np.isfinite(errors).all() and max(sizes) < 1e6 and spread < 1e-4):
        return  # singular near x, or too steep for a difference
    found = derivative(program, "gradient", x.tolist())
    assert np.abs(found - errors[0]).max() <= 10.0 * spread + 1e-9 * max(1.0, *sizes)
    hessian = derivative(program, "hessian", x.tolist()).reshape(x.size, x.size)
    assert agree(derivative(program, "hvp", x.tolist(), *v), hessian @ v, 1e-9)
    slopes = lambda x: derivative(program, "gradient", x.tolist())
    by_slopes = np.array([slopes(x + 1e-5 * e) - slopes(x - 1e-5 * e) for e in np.eye(x.size)]) / 2e-5
    if np.isfinite(by_slopes).all() and np.abs(by_slopes).max() < 1e3:
        assert agree(hessian, by_slopes, 1e-3)


@settings(max_examples=60, deadline=None)
@given(programs(), st.integers(0, 10**6))
def test_hessians_are_symmetric_bit_for_bit(program, seed):
    x = np.random.default_rng(seed).uniform(0.1, 2.0, program.inputs).tolist()
    found = derivative(program, "hessian", x).reshape(program.inputs, -1)
    assert np.array_equal(found, found.T, equal_nan=True)


@settings(max_examples=60, deadline=None)
@given(programs(3), st.integers(0, 10**6))
def test_jacobians_are_rows_of_gradients(program, seed):
    x = np.random.default_rng(seed).uniform(0.1, 2.0, program.inputs).tolist()
    found = derivative(program, "jacobian", x).reshape(3, -1)
    for row, output in zip(found, program.outputs, strict=True):
        alone = Program(program.inputs, 0, program.nodes, (output,), (), program.constants)
        assert agree(row, derivative(alone, "gradient", x), 1e-9)


@settings(max_examples=60, deadline=None)
@given(programs(), st.sampled_from(["gradient", "hessian"]), st.integers(0, 10**6))
def test_f_beside_its_derivatives_has_its_own_bits(program, operation, seed):
    x = np.random.default_rng(seed).uniform(0.1, 2.0, program.inputs).tolist()
    table = getattr(stencils, operation)(program.inputs, method="exact")
    made = exact(program, table, value=True, watch=True)
    values = evaluate(made.program, x)
    _, value, watched, steps = made.split(values)
    assert np.array_equal(value, evaluate(program, x), equal_nan=True)
    assert np.array_equal(watched, value, equal_nan=True)
    assert steps == []


# --- what is never computed -------------------------------------------------------------------------------------------


def nodes_of(f, d, operation):
    return exact(trace(f, (d,)), getattr(stencils, operation)(d, method="exact")).program.nodes


def test_zeros_of_a_jacobian_take_no_operations():
    chain = lambda x: np.sin(x[1:]) * x[:-1]
    assert len(nodes_of(chain, 30, "jacobian")) <= 4 * 29


def test_zeros_of_a_hessian_take_no_operations():
    f = lambda x: np.sum(np.exp(x))
    assert len(nodes_of(f, 30, "hessian")) == 30


def test_many_zeros_are_left_out():
    written = exact(trace(lambda x: np.sin(x) * 2.0, (60,)), stencils.jacobian(60, method="exact"))
    assert (written.results, written.places) == (60, tuple(range(0, 3600, 61)))


def test_few_outputs_take_reverse_mode():
    f = lambda x: np.stack([np.sum(np.sin(x)), np.sum(x * x)])
    assert len(nodes_of(f, 30, "jacobian")) <= 4 * 30


@pytest.mark.parametrize("d", [1, 5])
def test_groups_of_coordinates(d):
    f, x = lambda x: x * np.sin(x) + 1.0, np.linspace(0.2, 1.4, d)
    table = stencils.jacobian_in_groups(np.zeros(d, dtype=int), method="exact")
    found = evaluate(exact(trace(f, (d,)), table).program, x)
    assert np.allclose(found, np.sin(x) + x * np.cos(x), rtol=1e-15)


def test_entries_of_a_hessian():
    f, x = lambda x: np.sum(x[1:] ** 2 * x[:-1]), [0.5, 1.5, 2.5]
    table = stencils.entries_of_hessian(np.array([0, 0, 1, 2]), np.array([0, 1, 2, 2]), 2, "exact")
    assert evaluate(exact(trace(f, (3,)), table).program, x) == [0.0, 3.0, 5.0, 3.0]


def test_a_function_that_does_not_read_x():
    assert derivative(trace(lambda x: 3.0, (2,)), "gradient", [1.0, 2.0]).tolist() == [0.0, 0.0]
    assert derivative(trace(lambda x: x[1], (2,)), "gradient", [1.0, 2.0]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("pair", [(1.0, 1.0), (1.0, 1.5), (-0.3, -0.3), (700.0, 700.0), (3.0, -40.0), (0.2, 1.2)])
def test_the_curvature_of_a_sum_of_powers_is_that_where_both_are_equal_too(pair):
    """p (1 - p) of p = e^a / (e^a + e^b); of powers of two log(2) times that."""
    d = abs(pair[1] - pair[0])
    e, two = math.exp(-d) / (1.0 + math.exp(-d)) ** 2, 2.0**-d / (1.0 + 2.0**-d) ** 2
    for ufunc, size in ((np.logaddexp, e), (np.logaddexp2, math.log(2) * two)):
        f = lambda x, of=ufunc: of(x[0], x[1])
        found = fastgrad.hessian(f, np.array(pair), method="exact")
        np.testing.assert_allclose(found, size * np.array([[1, -1], [-1, 1]]), rtol=1e-12, atol=1e-300)
