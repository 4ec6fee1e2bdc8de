"""What callers pass: what is read of it, and what is refused; arguments that run with the points."""

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError, explain, gradient, hessian, hvp, jacobian, jvp, value_and_gradient
from fastgrad.engine.arguments import check_out, check_workers, movable_array, read_direction, read_points, read_steps
from fastgrad.engine.limits import check_bounds, read_bounds
from fastgrad.engine.numbers import real_array
from fastgrad.formulas import stencils

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


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "transposed": lambda rows: np.ascontiguousarray(rows.T).T,
    "reversed": lambda rows: rows[::-1].copy()[::-1],
    "strided": lambda rows: np.repeat(np.repeat(rows, 2, 0), 2, 1)[::2, ::2],
    "big-endian": lambda rows: rows.astype(">f8"),
}


@engines
@pytest.mark.parametrize("name", LAYOUTS)
def test_rows_in_every_layout(name, engine):
    x, rows = np.tile(X, (40, 1)), np.tile(ROWS, (40, 1))

    def g(x, row):
        return np.sum(x) * row[0] + row[1] * x[0] ** 2 + row[2] * x[1]

    found = gradient(g, x, batch=True, batch_args=(LAYOUTS[name](rows),), engine=engine)
    expected = rows[:, :1] + np.stack([2 * rows[:, 1] * x[:, 0], rows[:, 2]], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-8)


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
    with pytest.raises(EngineError, match="Numba does not compute with the >f8 of batch_args; pass them as float64"):
        gradient(lambda x, s: x[0] * s, X, engine="jit", batch=True, batch_args=(SCALES.astype(">f8"),))
    many = np.ones((3000, 2))
    assert explain(lambda x, s: x[0] * s, many, batch=True, batch_args=(many[:, 0],)).engine == "simd"


# --- what is read ----------------------------------------------------------------------------------------------------


def test_points_are_rows_and_no_copy_is_made_where_none_is_needed():
    x = np.arange(12.0).reshape(3, 2, 2)
    given, points = read_points(x, batch=True)
    assert given is x
    assert (points.layout, points.shape) == ((3, 4), (2, 2))
    assert np.shares_memory(points.values, x)
    assert read_points(x, batch=False)[1].layout == (1, 12)
    assert read_points(7, batch=False)[1].values.tolist() == [[7.0]]
    assert read_points(np.empty((0, 3)), batch=True)[1].layout == (0, 3)
    assert real_array([True, False]).dtype == np.float64
    assert real_array(np.float32([1])).dtype == np.float32


def test_steps_lie_as_the_points_do():
    x = np.array([[1.0, 8.0], [0.5, -3.0], [0.0, 2.0]])
    given, points = read_points(x, batch=True)
    table = stencils.gradient(2)
    assert read_steps(given, points, table, None, 1e-4).size.ndim == 0
    assert read_steps(given, points, table, [0.25, 0.5], None).size.tolist() == [[0.25, 0.5]] * 3
    each = np.full(x.shape, 0.125)
    assert read_steps(given, points, table, each, None).size.tolist() == each.tolist()


def test_one_direction_or_one_for_each_point():
    given, points = read_points(np.zeros((3, 2)), batch=True)
    for v in ([1, 2], np.tile([1.0, 2.0], (3, 1))):
        assert read_direction(v, given, points)[1].tolist() == [[1.0, 2.0]] * 3
    with pytest.raises(ValueError, match=r"v has shape \(3,\).*\(3, 2\), or \(2,\) for all points"):
        read_direction(np.ones(3), given, points)


def test_bounds_of_all_points_take_no_memory():
    given, points = read_points(np.zeros((1000, 2)), batch=True)
    for bounds in ((-1.0, 1.0), ([-1.0, -1.0], [1.0, 1.0]), (-np.ones((1000, 2)), 1.0)):
        low, high = read_bounds(bounds, given, points)
        assert (low == -1.0).all()
        assert (high == 1.0).all()
        assert low.shape == high.shape == points.layout
        assert high.strides[0] == 0
    assert read_bounds(None, given, points) is None


def test_an_x_of_low_precision_may_lie_on_its_bound():
    x = np.array([0.1], np.float32)  # above 0.1
    low, high = check_bounds((0.0, 0.1), x, (1,))
    assert low[0] == 0.0
    assert high[0] == x[0]
    assert float(high[0]) > 0.1
    with pytest.raises(ValueError, match=r"x\[0\]=0.1\d+ lies outside"):
        check_bounds((0.0, 0.1), x.astype(float), (1,))
    with pytest.raises(ValueError, match=r"lb=1\.0 is above ub=0\.0 \(element 1\); exchange"):
        check_bounds(([0.0, 1.0], [1.0, 0.0]), np.array([0.5, 0.5]), (2,))


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_workers_are_whole_numbers_from_one(workers):
    with pytest.raises(ValueError, match="whole number from 1"):
        check_workers(workers, "auto")


def test_workers_of_the_reference():
    assert check_workers(np.int64(3), "jit") == 3
    assert type(check_workers(np.int64(3), "jit")) is int
    assert check_workers(1, "reference") == 1
    with pytest.raises(ValueError, match="runs f in one thread"):
        check_workers(2, "reference")


def test_out_may_lie_beside_what_is_read_but_not_on_it():
    memory = np.zeros((4, 2))
    x, out = memory[:, 0], memory[:, 1]
    assert check_out(out, (4,), out.dtype, x) is out
    for other, said in (
        (memory[::-1, 0], "shares memory"),
        (np.zeros(3), r"np.empty\(\(4,\)"),
        (np.zeros(4, "f"), "'float64'"),
    ):
        with pytest.raises(ValueError, match=said):
            check_out(other, (4,), np.dtype(float), x)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        check_out(out, (4,), out.dtype)
    assert check_out(None, (2, 3), np.dtype("f")).shape == (2, 3)


@pytest.mark.parametrize("strides", [(0, 8), (8, 8), (16, 8), (-8, 8), (24, 0), (24, 4)], ids=str)
def test_out_whose_elements_share_memory(strides):
    memory = np.zeros(100)
    out = np.lib.stride_tricks.as_strided(memory[50:], (4, 3), strides)
    with pytest.raises(ValueError, match="elements of out share memory"):
        gradient(lambda x: np.sum(x**2), np.ones((4, 3)), batch=True, out=out)
    assert not memory.any()


def test_out_of_every_order():
    memory = np.empty((9, 8, 7))
    for out in (
        memory[::2, ::3, ::-2],
        memory.T[::-1, 1:, :],
        memory[:, :1, ::7],
        memory[:0],
        np.einsum("iij->ij", memory[:7, :7]),
    ):
        assert check_out(out, out.shape, out.dtype) is out


def test_what_is_moved_in_place_is_the_callers_memory():
    x = np.ma.masked_array([[1.0, 2.0]])
    plain = movable_array(x, "x")
    assert type(plain) is np.ndarray
    plain[0, 1] = 5.0
    assert x[0, 1] == 5.0
    for other in ([1.0], np.array([1, 2]), np.array([1j])):
        with pytest.raises(TypeError, match="moved in place"):
            movable_array(other, "x")


MASKED = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])
TAKERS = {
    "gradient": lambda x: fastgrad.gradient(np.sum, x),
    "batch": lambda x: fastgrad.gradient(np.sum, x[None], batch=True),
    "derivative": lambda x: fastgrad.derivative(np.sin, x),
    "jacobian": lambda x: fastgrad.jacobian(np.sin, x),
    "v": lambda x: fastgrad.jvp(np.sin, np.ones(3), x),
    "batch_args": lambda x: fastgrad.gradient(lambda x, y: y * x[0], np.ones((3, 1)), batch=True, batch_args=(x,)),
    "axes": lambda x: fastgrad.gradient_field(np.sum, [x, x]),
    "numerical_diff": lambda x: fastgrad.numerical_diff(np.sin, x),
    "numerical_gradient": lambda x: fastgrad.numerical_gradient(np.sum, x),
    "gradient_descent": lambda x: fastgrad.gradient_descent(np.sum, x),
    "weight_gradient": lambda x: fastgrad.weight_gradient(np.sum, x),
    "check_gradient": lambda x: fastgrad.check_gradient(np.sum, np.ones(3), x),
    "a claimed gradient": lambda x: fastgrad.check_gradient(np.sum, x, np.ones(3)),
    "courses": lambda x: fastgrad.book.eval_numerical_gradient(np.sum, x),
    "beside a Variable": lambda x: fastgrad.Variable(np.ones(3)) * x,
    "f of a number": lambda x: fastgrad.gradient(lambda y: x[1], np.ones(3)),
    "f of an array": lambda x: fastgrad.jacobian(lambda y: x * y, np.ones(3), engine="python"),
    "f of all points": lambda x: fastgrad.derivative(lambda y: x * y, np.ones(3)),
}


@pytest.mark.parametrize("name", TAKERS)
def test_masked_elements_are_no_numbers(name):
    """NumPy would take what lies below the mask."""
    with pytest.raises(TypeError, match="masked elements, which are no numbers"):
        TAKERS[name](MASKED)
    if not name.startswith(("f of", "a claimed")):
        TAKERS[name](np.ma.array([1.0, 2.0, 3.0]))  # nothing is masked


@pytest.mark.parametrize("engine", ["auto", "python", "reference", "simd"])
@pytest.mark.parametrize("derivative", [gradient, jacobian, fastgrad.hessian, fastgrad.value_and_gradient])
def test_rows_that_f_writes_into_are_an_error(derivative, engine):
    """f gets its row again for each displaced point: what it had written would count there, and in the caller's."""
    rows = np.ones((len(X), 2))

    def f(x, r):
        r[0] += 1.0
        return r[0] * x[0] ** 2 + r[1] * x[1]

    with pytest.raises(ValueError, match="read-only"):
        derivative(f, X, batch=True, batch_args=(rows,), engine=engine)
    assert (rows == 1.0).all()
    rows[0] = 2.0  # they are the caller's as before
