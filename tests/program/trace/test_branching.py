"""Functions that branch on their data, traced: everywhere what Python gives, on all operations."""

import math

import numpy as np
import pytest

import fastgrad
from fastgrad.engine.simd import comparison
from fastgrad.program.trace.recording import Untraceable, trace
from tests.branching import FUNCTIONS, huber, points


def same(found, expected, *, rtol=1e-7):
    """Also at kinks, where a displaced point takes another side."""
    scale = np.nanmax(np.abs(expected[np.isfinite(expected)]), initial=1.0)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-9 * scale)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_are_those_of_python(name):
    f, dimension = FUNCTIONS[name]
    X = points(dimension)
    with np.errstate(all="ignore"):
        expected = fastgrad.value_and_gradient(f, X, batch=True, engine="reference")
        found = fastgrad.value_and_gradient(f, X, batch=True, engine="simd")
    same(found[0], expected[0], rtol=1e-12)
    same(found[1], expected[1], rtol=1e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_exact_gradients_are_what_differences_tend_to(name):
    f, dimension = FUNCTIONS[name]
    X = points(dimension)[200:]
    with np.errstate(all="ignore"):
        expected = fastgrad.gradient(f, X, batch=True, engine="python")
        halved = fastgrad.gradient(f, X, batch=True, engine="python", h=1e-6)
        found = fastgrad.gradient(f, X, batch=True, method="exact")
    smooth = np.isclose(expected, halved, rtol=1e-5, atol=1e-5).all(axis=1)
    assert smooth.sum() > 80
    np.testing.assert_allclose(found[smooth], expected[smooth], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["Huber", "pieces", "Lennard-Jones", "sorted"])
def test_other_operations_are_those_of_python(name):
    f, dimension = FUNCTIONS[name]
    X = points(dimension)
    v = np.linspace(0.5, 1.0, dimension)
    for operation, args in (
        (fastgrad.hessian, ()),
        (fastgrad.jvp, (v,)),
        (fastgrad.hvp, (v,)),
        (fastgrad.jacobian, ()),
    ):
        with np.errstate(all="ignore"):
            found = operation(f, X[::7], *args, batch=True, engine="simd", h=1e-3)
            expected = operation(f, X[::7], *args, batch=True, engine="python", h=1e-3)
        same(found, expected, rtol=1e-5)


def test_vector_functions_branch_too():
    def f(x):
        return [x[0] if x[0] > x[1] else x[1] ** 2, max(x[2], 0.0) * x[0]]

    X = points(3)
    same(
        fastgrad.jacobian(f, X, batch=True, engine="simd"),
        fastgrad.jacobian(f, X, batch=True, engine="python"),
        rtol=1e-6,
    )
    with pytest.raises(Untraceable, match="another shape"):
        trace(lambda x: [x[0], x[1]] if x[0] > 0 else x[1], (2,))


def test_branches_on_batch_arguments_and_captured_numbers():
    limit = 0.5

    def f(x, y, k):
        r = x[0] * y - x[1]
        return 0.5 * r * r if abs(r) < limit else limit * abs(r) * k

    X, y, k = points(2), np.linspace(-2, 2, 300), np.arange(300)
    for limit in (0.5, 1.5):  # noqa: B007  captured by f
        found, expected = (
            fastgrad.gradient(f, X, batch=True, batch_args=(y, k), engine=engine) for engine in ("simd", "python")
        )
        same(found, expected, rtol=1e-6)


def test_grids():
    axes = np.linspace(-2, 2, 41), np.linspace(-1, 3, 30)
    f, _ = FUNCTIONS["logical"]
    found, expected = (fastgrad.gradient_field(f, axes, engine=engine) for engine in ("simd", "python"))
    same(np.array(found), np.array(expected), rtol=1e-6)


def test_a_way_that_raises_raises():
    def strict(t):
        if t < 0:
            msg = f"{t} is negative"
            raise ValueError(msg)
        return math.sqrt(t)

    def f(x):
        return max(0.0, strict(x[0])) * x[1]

    X = np.abs(points(2)) + 0.1
    same(*(fastgrad.gradient(f, X, batch=True, engine=e) for e in ("simd", "python")), rtol=1e-6)
    X[77, 0] = -1.0
    for options in ({"engine": "simd"}, {"method": "exact"}):
        with pytest.raises(ValueError, match="is negative"):
            fastgrad.gradient(f, X, batch=True, **options)


def test_a_way_that_math_refuses_raises_only_where_it_is_taken():
    def f(x):
        return max(math.log(x[0]) if x[0] > 0.5 else x[1], -3.0) * x[1]

    X = points(2)
    same(*(fastgrad.gradient(f, X, batch=True, engine=e) for e in ("simd", "python")), rtol=1e-6)
    program = trace(lambda x: math.log(x[0]) if x[0] > -1.0 else x[1], (2,))
    assert program.raises
    with pytest.raises(ValueError, match=r"math domain|expected a positive"):
        fastgrad.gradient(lambda x: max(math.log(x[0]) if x[0] > -1.0 else x[1], -3.0), X, batch=True, engine="simd")


def test_python_divides_by_zero_on_one_side():
    def f(x):
        scale = 0.0 if x[0] > 2.5 else 2.0
        return min(x[1] / scale, 1.0) if x[0] < 3.0 else x[0]

    X = points(2)
    same(*(fastgrad.gradient(f, X, batch=True, engine=e) for e in ("simd", "python")), rtol=1e-6)


def test_a_rare_way_that_no_sample_sees_is_f_itself():
    f, _ = FUNCTIONS["while"]
    X = np.random.default_rng(0).uniform(0.9, 1.1, (4000, 2))
    X[2001] = 1e6, 1.0  # more turns than anywhere else
    assert trace(f, (2,), sample=X[::4]).sampled
    found = fastgrad.gradient(f, X, batch=True, engine="simd")
    same(found[2000:2003], fastgrad.gradient(f, X[2000:2003], batch=True, engine="python"), rtol=1e-6)
    exact = fastgrad.gradient(f, X, batch=True, method="exact")
    np.testing.assert_allclose(exact[2001], [1e6 / math.hypot(1e6, 1.0), math.hypot(1e6, 1.0)], rtol=1e-9)


def test_one_point_takes_one_way():
    f, _ = FUNCTIONS["while"]
    found = fastgrad.gradient(f, np.array([2.0, 3.0]), method="exact")
    np.testing.assert_allclose(found, [3 * 2.0 / math.sqrt(5.0), math.sqrt(5.0)], rtol=1e-10)


def test_a_program_is_as_long_as_the_sum_of_its_sides():
    lengths = [len(trace(huber, (n,)).nodes) for n in (4, 8, 16)]
    assert lengths[2] - lengths[1] == 2 * (lengths[1] - lengths[0])
    assert trace(huber, (4,)).branches == 8
    assert trace(lambda x: x[0] ** 2, (4,)).branches == 0


def test_f_that_keeps_state_is_refused():
    calls = [0]

    def f(x):
        calls[0] += 1
        if x[calls[0] % 2] > 0:
            return x[0]
        return x[1]

    with pytest.raises(Untraceable, match="keeps state"):
        trace(f, (2,))


def test_too_many_ways_are_refused_with_what_to_write():
    def f(x):
        found = []
        for v in x:
            if v > 0:
                found.append(v)
        return sum(found)

    with pytest.raises(Untraceable, match=r"more than 256 ways through it.*np\.where"):
        trace(f, (9,))


def test_a_kept_trace_knows_all_ways():
    def f(x):
        if x[0] > 1.0:
            return x[0] ** 2 * x[1]
        return x[1] ** 3

    low, high = np.full((3000, 2), 0.5), np.full((3000, 2), 1.5)
    np.testing.assert_allclose(fastgrad.gradient(f, low, batch=True, engine="simd")[0], [0.0, 0.75], rtol=1e-8)
    np.testing.assert_allclose(fastgrad.gradient(f, high, batch=True, engine="simd")[0], [4.5, 2.25], rtol=1e-8)


def test_exact_shares_ties_of_max_and_min():
    ties = np.full((20, 2), 0.7)
    for f in (lambda x: max(x[0], x[1]), min, lambda x: max(x[1], x[0])):
        np.testing.assert_array_equal(fastgrad.gradient(f, ties, batch=True, method="exact")[0], [0.5, 0.5])
    np.testing.assert_array_equal(
        fastgrad.gradient(lambda x: max(0.0, x[0]), np.zeros((20, 1)), batch=True, method="exact")[0], [0.5]
    )


def test_a_later_call_that_takes_another_side_is_compared_too(monkeypatch):
    def f(x):
        if x[0] > 1.0:
            return x[0] ** 2 * x[1] * 7.0
        return x[1] ** 3

    low, high = np.full((3000, 2), 0.5), np.full((3000, 2), 1.5)
    fastgrad.gradient(f, low, batch=True, engine="simd")
    seen = []
    monkeypatch.setattr(comparison, "_check_elsewhere", lambda call, n, point, found: seen.append(point[0] > 1.0))
    fastgrad.gradient(f, low, batch=True, engine="simd")
    assert not any(seen)
    fastgrad.gradient(f, high, batch=True, engine="simd")
    assert any(seen)
    seen.clear()
    fastgrad.gradient(f, high, batch=True, engine="simd")
    assert not seen
