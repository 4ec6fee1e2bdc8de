"""batch_args on the jit engine: f gets of each array the row of its point, as in Python."""

from __future__ import annotations

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError, explain, gradient, hessian, hvp, jacobian, jvp, value_and_gradient
from fastgrad.engine.jit import functions

RNG = np.random.default_rng(0)
N = 24
X, V = RNG.uniform(0.5, 2.0, (N, 3)), RNG.standard_normal((N, 3))
WIDE, CUBE = RNG.uniform(1.0, 2.0, (2 * N, 4)), RNG.uniform(1.0, 2.0, (N, 2, 3))
LABELS, FLAGS, SINGLES = np.arange(N).astype(np.uint8) % 10, np.arange(N) % 3 == 0, RNG.uniform(1, 2, N).astype("f4")
READ_ONLY = WIDE[:N].copy()
READ_ONLY.flags.writeable = False

NUMBERS = (LABELS, FLAGS, SINGLES, np.arange(N), WIDE[::-2, 1])
ARRAYS = (WIDE[:N], READ_ONLY, WIDE[::2, ::2], np.asfortranarray(WIDE[:N]), CUBE, CUBE[:, 1].astype(np.float32))


def of_numbers(x, label, flag, single, integer, strided):
    total = x[0] * single + strided * x[1] ** 2
    if flag or label > 7:
        total *= x[2]
    return total + integer * np.sin(x[0])


def of_arrays(x, contiguous, read_only, strided, fortran, square, single):
    total = contiguous[0] * x[2] ** 2 + np.sum(read_only) * np.sin(x[0]) * x[1]
    if strided[0] > strided[1]:
        total *= x[1] * fortran[2]
    return total + square[1, 2] * x[0] + x[1] * single[2] * len(square)


def pair_of_numbers(x, label, flag, single, integer, strided):
    out = np.empty(2, x.dtype)
    out[0] = x[0] * x[1] * strided + single
    out[1] = x[2] ** 2 * label if flag else x[1] * integer
    return out


def pair_of_arrays(x, contiguous, read_only, strided, fortran, square, single):
    out = x[:2] * contiguous[:2] + strided * read_only[2:] * x[2]
    out[1] *= fortran[3] * square.sum() * single[0]
    return out


ROWS = pytest.mark.parametrize("rows", [NUMBERS, ARRAYS], ids=["numbers", "arrays"])


def both(operation, f, rows, *given, **options):
    """What python and jit give is the same, but for the rounding of sums and of sines; with another row it is not."""
    want, found = (
        operation(f, X, *given, batch=True, batch_args=rows, engine=engine, **options) for engine in ("python", "jit")
    )
    np.testing.assert_allclose(found, want, rtol=1e-7, atol=1e-6)


@ROWS
@pytest.mark.parametrize(
    "options",
    [{}, {"method": "forward"}, {"method": "backward", "order": 1}, {"method": "adaptive"}, {"bounds": (0.5, 2.0)}],
    ids=lambda options: " ".join(map(str, options.values())),
)
def test_gradients(rows, options):
    both(gradient, of_numbers if rows is NUMBERS else of_arrays, rows, **options)


@ROWS
@pytest.mark.parametrize("operation", [value_and_gradient, hessian])
def test_values_and_hessians(rows, operation):
    f = of_numbers if rows is NUMBERS else of_arrays
    if operation is hessian:
        both(operation, f, rows)
    else:
        both(lambda *given, **options: np.column_stack(operation(*given, **options)), f, rows)


@ROWS
def test_jacobians_and_directions(rows):
    f, pair = (of_numbers, pair_of_numbers) if rows is NUMBERS else (of_arrays, pair_of_arrays)
    both(jacobian, pair, rows)
    both(jvp, pair, rows, V)
    both(hvp, f, rows, V)


@ROWS
@pytest.mark.parametrize("operation", [gradient, jacobian])
def test_complex_steps(rows, operation):
    f, pair = (of_numbers, pair_of_numbers) if rows is NUMBERS else (of_arrays, pair_of_arrays)
    both(operation, f if operation is gradient else pair, rows, method="complex")


def test_points_of_many_coordinates_and_of_one_number():
    many, rows = RNG.uniform(1.0, 2.0, (N, 3, 4)), (LABELS, WIDE[:N])
    want, found = (gradient(weighted, many, batch=True, batch_args=rows, engine=engine) for engine in ("python", "jit"))
    np.testing.assert_allclose(found, want, rtol=0, atol=1e-8)


def weighted(x, label, row):
    total = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            total += x[i, j] ** 2 * row[j] * (1.0 if label > i else 2.0)
    return total


def test_args_come_first_and_defaults_may_be_left_out():
    def f(x, power, table, label, row, scale=2.0):
        return scale * x[0] ** power * table[label] * row[3]

    def star(x, *rest):
        return x[1] * rest[0] * rest[2] * rest[3][0]

    args = (3, np.arange(10.0))
    for function in (f, star):
        both(gradient, function, (LABELS, WIDE[:N]), args=args)


def test_rows_and_arguments_of_the_same_types_are_told_apart():
    def f(x, a, b):
        return x[0] * np.sum(a) + x[1] * np.sum(b)

    square, flat = WIDE[:N], WIDE[:N, 0].copy()
    both(gradient, f, (flat,), args=(square,))
    both(gradient, f, (square, flat))
    both(gradient, f, (square, square))
    both(gradient, f, (), args=(square, flat))


def test_without_points():
    for operation, shape in ((gradient, (0, 3)), (hessian, (0, 3, 3)), (jacobian, (0, 0, 3))):
        f = pair_of_numbers if operation is jacobian else of_numbers
        rows = tuple(a[:0] for a in NUMBERS)
        assert operation(f, X[:0], batch=True, batch_args=rows, engine="jit").shape == shape


def test_other_rows_need_no_other_code():
    def f(x, row):
        return x[0] * row[0] if x[1] > row[1] else x[1]

    rows = WIDE[:N].copy()
    first = gradient(f, X, batch=True, batch_args=(rows,), engine="jit")
    kept = functions.counts()
    rows[:, 0] *= 2.0
    second = gradient(f, X, batch=True, batch_args=(rows,), engine="jit")
    gradient(f, X[:5], batch=True, batch_args=(rows[:5],), engine="jit")
    assert functions.counts() == kept
    branch = X[:, 1] > rows[:, 1]
    assert branch.any()
    np.testing.assert_allclose(second[branch, 0], 2.0 * first[branch, 0], rtol=1e-9)


# --- what is refused --------------------------------------------------------------------------------------------------


def writes(x, row):
    row[0] += 1.0
    return x[0] * row[0]


def sorts(x, row):
    row.sort()
    return x[0] * row[0]


@pytest.mark.parametrize("f", [writes, sorts])
def test_f_that_writes_into_its_row_is_refused_and_the_array_unchanged(f):
    rows = WIDE[:N].copy()
    with pytest.raises(EngineError, match="readonly"):
        gradient(f, X, batch=True, batch_args=(rows,), engine="jit")
    np.testing.assert_array_equal(rows, WIDE[:N])


@pytest.mark.filterwarnings("ignore:overflow encountered")  # by NumPy itself
@pytest.mark.parametrize(
    ("f", "rows"),
    [
        (lambda x, y: (y - 1) * x[0], LABELS),
        (lambda x, y: y * (9 - y) * 15 * x[0], LABELS),
        (lambda x, y: (y[0] - 1) * x[0], LABELS.reshape(-1, 2).repeat(2, 0)),
        (lambda x, y: (y - 1) * x[0], LABELS.astype(np.uint64)),
        (lambda x, y: (y * y) * x[0], np.where(FLAGS, 300, 3).astype(np.int16)),
        (lambda x, y: (y * 0.1) * x[0], SINGLES),
        (lambda x, y: np.sum(y * 0.1) * x[0], CUBE.astype(np.float32)),
    ],
)
def test_f_that_computes_in_a_type_that_numba_widens(f, rows):
    said = f"f computes with {'float32 and a number' if rows.dtype.kind == 'f' else '.*int'}.*, as Numba does otherwise"
    with pytest.raises(EngineError, match=said):
        gradient(f, X, batch=True, batch_args=(rows,), engine="jit")
    both(gradient, f, (rows.astype(float),))


@pytest.mark.parametrize(
    "rows", [np.array(["a"] * N), SINGLES.astype(np.float16), SINGLES.astype(">f8"), FLAGS.astype(object)]
)
def test_types_that_numba_does_not_have(rows):
    with pytest.raises(EngineError, match="of batch_args; pass them as float64, or use engine='python'"):
        gradient(lambda x, y: x[0], X, batch=True, batch_args=(rows,), engine="jit")


# --- what auto takes --------------------------------------------------------------------------------------------------


def test_auto_takes_jit_where_f_branches_and_there_are_many_calls():
    def f(x, row):
        return x[0] * row[0] if (int(x[1]) ^ 0) > row[1] else x[1] * row[0]

    x, rows = np.tile(X, (100, 1)), np.tile(WIDE[:N], (100, 1))
    assert str(explain(f, x, batch=True, batch_args=(rows,))).startswith("jit: 14,400 calls of f compiled by Numba")
    assert explain(f, X, batch=True, batch_args=(WIDE[:N],)).engine == "python"
    found = gradient(f, x, batch=True, batch_args=(rows,), full_output=True)
    assert (found.engine, found.nfev) == ("jit", 14_400)
    np.testing.assert_array_equal(found.value[:N], gradient(f, X, batch=True, batch_args=(WIDE[:N],), engine="python"))


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_auto_takes_python_where_numba_would_widen():
    def f(x, y):
        return (y * y * 30) * x[0] if x[1] > 1.0 else x[1]

    x, rows = np.tile(X, (100, 1)), np.tile(LABELS, 100)
    with pytest.warns(fastgrad.PerformanceWarning, match="as Numba does otherwise"):
        found = gradient(f, x, batch=True, batch_args=(rows,), full_output=True)
    assert found.engine == "python"


@pytest.mark.parametrize(
    "args",
    [(np.zeros(2, np.float32),), ([np.zeros(2)],), (np.zeros(200_000),)],
    ids=["single precision", "a list", "a large one"],
)
def test_arrays_of_args_that_f_writes_into_are_not_shared_by_threads(args):
    def of_a_list(x, a):
        a[0][:] = x * x
        return a[0].sum() * x[0]

    def of_an_array(x, a):
        a[:2] = x * x
        return a[:2].sum() * x[0]

    g = of_a_list if isinstance(args[0], list) else of_an_array
    points = np.random.default_rng(0).uniform(1.0, 2.0, (3_000, 2))
    with pytest.raises(EngineError, match="writes into an array of args="):
        gradient(g, points, batch=True, args=args, engine="jit")
