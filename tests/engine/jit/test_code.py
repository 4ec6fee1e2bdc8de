"""The jit engine: the bits of the definition, whatever the threads, chunks and layout; captured values; errors."""

import os
import signal
import subprocess
import sys
import threading
import warnings

import numba
import numpy as np
import pytest

from fastgrad import EngineError, explain, gradient, gradient_field, value_and_gradient
from fastgrad.engine import threads
from fastgrad.engine.call import Call, Rows, Target
from fastgrad.engine.jit import functions
from fastgrad.engine.jit.code import compile_call, items
from fastgrad.formulas import stencils
from fastgrad.formulas.steps import Steps

RNG = np.random.default_rng(0)


@pytest.fixture
def small_chunks(monkeypatch):
    """Use threads and many chunks however short the work."""
    for name in ("SERIAL_SECONDS", "MEASURABLE_SECONDS", "SMALLEST_SECONDS"):
        monkeypatch.setattr(threads, name, 0.0)


# --- programs of + - * / sqrt abs: bit for bit -----------------------------------------------------------------------


def two(x):
    return (x[0] * x[0] - 3.0 * x[1]) / (1.0 + abs(x[0] * x[1])) + np.sqrt(abs(x[1]) + 1.0)


def five(x):
    total = x[0] / (2.0 + x[1] * x[1])
    for i in range(1, 5):
        total += np.sqrt(1.0 + x[i] * x[i]) * x[i - 1] - np.abs(x[i]) / 3.0
    return total


def twelve(x):
    total = 0.1
    for i in range(11):
        rest = x[i + 1] - x[i] * x[i]
        total += 100.0 * rest * rest + (1.0 - x[i]) * (1.0 - x[i])
    return total / np.sqrt(1.0 + x[11] * x[11])


PROGRAMS = {two: 2, five: 5, twelve: 12}
ROWS = {
    f: RNG.uniform(-2.0, 2.0, (40, d)) * np.where(np.arange(40) % 5, 1.0, 1e3)[:, None] for f, d in PROGRAMS.items()
}

# One whose points live in registers, one whose work is cut between coordinates too.
both_loops = pytest.mark.parametrize("f", [two, twelve])


@pytest.mark.parametrize(
    ("f", "options"),
    [
        *[(f, options) for f in PROGRAMS for options in ({}, {"h": 1e-4})],
        *[(two, {"order": 6}), (five, {"order": 8}), (twelve, {"order": 4})],
        *[(two, {"method": "forward", "order": 2}), (twelve, {"method": "backward", "order": 1})],
    ],
)
def test_bits_of_the_definition(f, options):
    rows = ROWS[f]
    definition = gradient(f, rows, batch=True, engine="reference", **options)
    assert (gradient(f, rows, batch=True, engine="jit", **options) == definition).all()


def test_bits_of_relative_steps_and_of_steps_per_coordinate():
    rows = np.vstack([ROWS[two], [0.0, 1.0]])
    for options in ({"rel_step": [1e-5, 3e-6]}, {"h": [1e-4, 3e-5]}):
        definition = gradient(two, rows, batch=True, engine="reference", **options)
        assert (gradient(two, rows, batch=True, engine="jit", **options) == definition).all()


@both_loops
def test_bits_do_not_depend_on_workers_splitting_or_layout(f, small_chunks):
    rows = np.tile(ROWS[f], (5, 1))
    expected = gradient(f, rows, batch=True, engine="jit", workers=1)
    for workers in (2, 3, None):
        assert (gradient(f, rows, batch=True, engine="jit", workers=workers) == expected).all()
    for n in range(0, 40, 3):
        assert (gradient(f, rows[n], engine="jit") == expected[n]).all()
        assert (gradient(f, rows[n : n + 1], batch=True, engine="jit") == expected[n]).all()
        assert (gradient(f, rows[n : n + 2], batch=True, engine="jit", workers=3) == expected[n : n + 2]).all()
    padded = np.zeros((200, 2 * rows.shape[1] + 1))
    padded[:, 1::2] = rows
    for layout in (
        np.asfortranarray(rows),
        np.ascontiguousarray(rows[::-1])[::-1],
        np.ascontiguousarray(rows[:, ::-1])[:, ::-1],
        np.repeat(rows, 2, axis=0)[::2],
        padded[:, 1::2],
        rows.astype(">f8"),
    ):
        for workers in (1, 2):
            assert (gradient(f, layout, batch=True, engine="jit", workers=workers) == expected).all()
    out = np.empty(rows.shape[::-1]).T
    gradient(f, rows, batch=True, engine="jit", workers=3, out=out)
    assert (out == expected).all()
    repeated = gradient(f, np.broadcast_to(rows[3], rows.shape), batch=True, engine="jit")
    assert (repeated == expected[3]).all()


@both_loops
def test_values_do_not_depend_on_workers(f, small_chunks):
    rows = np.tile(ROWS[f], (3, 1))
    expected = [f(x) for x in rows]
    for workers in (1, 3):
        values, slopes = value_and_gradient(f, rows, batch=True, engine="jit", workers=workers)
        assert (values == expected).all()
        assert (slopes == gradient(f, rows, batch=True, engine="jit")).all()


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_bits_of_a_field_do_not_depend_on_workers(workers, small_chunks):
    axes = [np.linspace(-2, 2, 13), np.linspace(5, -1, 11)]
    field = gradient_field(two, axes, engine="jit", workers=workers)
    assert (field == gradient_field(two, axes, engine="reference")).all()
    wide = [np.array([0.5, -1.0])] * 9 + [np.array([0.25])] * 3
    assert (
        gradient_field(twelve, wide, engine="jit", workers=workers)[:, ::1, 1, 0, 1]
        == gradient(twelve, mesh_rows(wide), batch=True, engine="jit").T.reshape(12, *map(len, wide))[:, ::1, 1, 0, 1]
    ).all()


def mesh_rows(axes):
    return np.array(np.meshgrid(*axes, indexing="ij")).reshape(len(axes), -1).T


def test_calls_from_several_threads_at_once(small_chunks):
    expected = gradient(two, ROWS[two], batch=True, engine="jit")
    wrong = []

    def caller():
        for _ in range(5):
            if not (gradient(two, ROWS[two], batch=True, engine="jit", workers=2) == expected).all():
                wrong.append(True)

    others = [threading.Thread(target=caller) for _ in range(4)]
    for t in others:
        t.start()
    for t in others:
        t.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_runs_kernels(small_chunks):
    expected = gradient(two, ROWS[two], batch=True, engine="jit", workers=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        signal.alarm(30)  # a child that hangs dies
        good = False
        try:
            good = (gradient(two, ROWS[two], batch=True, engine="jit", workers=2) == expected).all()
        finally:
            os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


# --- captured values -------------------------------------------------------------------------------------------------


def scaled_by(c):
    return lambda x: c * x[0] * x[1]


POINTS = np.array([[1.0, 2.0], [3.0, 4.0]])


def test_a_captured_number_is_compiled_once_and_always_fresh():
    before = functions.counts()
    for c in (2.0, 3.0, 2.0, 3.0, 2.0):
        g = gradient(scaled_by(c), POINTS, batch=True, engine="jit")
        np.testing.assert_allclose(g, c * POINTS[:, ::-1], rtol=1e-9)
    assert functions.counts() == (before[0] + 2, before[1] + 2)
    explain(scaled_by(3.0), POINTS, batch=True, engine="jit")
    gradient(scaled_by(2.0), POINTS + 1.0, batch=True, engine="jit", workers=2)
    assert functions.counts() == (before[0] + 2, before[1] + 2)


FACTOR = 2.0


def scaled_by_global(x):
    return FACTOR * x[0] * x[1]


def test_a_global_number_is_always_fresh(monkeypatch):
    for factor in (2.0, -0.5):
        monkeypatch.setitem(globals(), "FACTOR", factor)
        np.testing.assert_allclose(
            gradient(scaled_by_global, POINTS, batch=True, engine="jit"), factor * POINTS[:, ::-1], rtol=1e-9
        )


def test_a_captured_number_that_changed_between_two_shapes():
    def make(c):
        def f(x):
            return c * np.sum(x * x)

        def change(value):
            nonlocal c
            c = value

        return f, change

    f, change = make(2.0)
    gradient(f, POINTS, batch=True, engine="jit")
    change(3.0)
    g, _ = make(2.0)  # the code and the value of f when it was compiled, with points of another shape
    slope = gradient(g, POINTS.reshape(1, 2, 2), batch=True, engine="jit")
    np.testing.assert_allclose(slope, 4.0 * POINTS.reshape(1, 2, 2), rtol=1e-9)


def times(table):
    return lambda x: np.sum(table * x)


def memory_map(path):
    table = np.memmap(path / "table", float, "w+", shape=2)
    table[:] = [2.0, 3.0]
    return table


TABLES = {
    "array": lambda path: np.array([2.0, 3.0]),
    "large": lambda path: np.ones((2**17 + 1, 2)),
    "memmap": memory_map,
    "recarray": lambda path: np.array([2.0, 3.0]).view(np.recarray),
}


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_captured_arrays_are_refused_with_the_rewrite(make, tmp_path):
    with pytest.raises(EngineError) as caught:
        gradient(times(make(tmp_path)), POINTS, batch=True, engine="jit")
    for text in ("engine='jit'", "array 'table'", "def f(x, table)", "args=(table,)"):
        assert text in str(caught.value)


def test_captured_arrays_are_never_stale_on_auto():
    table = np.array([2.0, 3.0])
    many = np.ones((2600, 2))
    f = times(table)
    first = gradient(f, many, batch=True)
    table[0] = 5.0
    assert first[0] == pytest.approx([2.0, 3.0])
    assert gradient(f, many, batch=True)[0] == pytest.approx([5.0, 3.0])


# --- the user's own @njit --------------------------------------------------------------------------------------------


@numba.njit
def inverse(x):
    return 1 / x[0] + x[1]


@numba.njit
def helper(v):
    return v * v


def calls_helper(x):
    return helper(x[0]) * x[1]


@numba.njit(fastmath=True)
def folded(x):
    return (x[0] + 1e16) - 1e16


def test_njit_functions_are_compiled_again_with_our_error_model():
    x = np.array([0.0, 1.0])
    with pytest.raises(ZeroDivisionError):
        inverse(x)
    value, slope = value_and_gradient(inverse, x, engine="jit")
    assert value == np.inf
    np.testing.assert_allclose(slope[1], np.nan)
    assert slope[0] == 1 / 2.0**-18 / 2.0**-18


def test_njit_functions_lose_fastmath():
    assert gradient(folded, np.array([1.0]), engine="jit") == gradient(folded.py_func, np.array([1.0]))


def test_njit_helpers_may_be_called():
    np.testing.assert_allclose(gradient(calls_helper, POINTS, batch=True, engine="jit")[1], [24.0, 9.0], rtol=1e-9)


# --- errors of f -----------------------------------------------------------------------------------------------------


def refuses_large(x):
    if x[0] > 100.0:
        raise ValueError("too large", 101)  # noqa: EM101
    return x[0] * x[1]


@pytest.mark.parametrize("workers", [1, 3])
def test_exceptions_of_compiled_functions_arrive(workers, small_chunks):
    rows = np.ones((300, 2))
    for bad in (0, 150, 299):
        rows[bad, 0] = 101.0
        with pytest.raises(ValueError, match="too large") as caught:
            gradient(refuses_large, rows, batch=True, engine="jit", workers=workers)
        assert caught.value.args == ("too large", 101)
        rows[bad, 0] = 1.0
    np.testing.assert_allclose(gradient(refuses_large, rows, batch=True, engine="jit", workers=workers), 1.0, rtol=1e-9)


def remembers():
    calls = 0

    def f(x):
        nonlocal calls
        calls += 1
        return x[0] * x[1] * calls

    return f


def formats(x):
    return float(f"{x[0]:.9f}") * x[1]


@pytest.mark.parametrize("f", [np.linalg.norm, remembers(), formats])
def test_what_numba_cannot_compile_is_said_in_one_line(f):
    with pytest.raises(EngineError) as caught:
        gradient(f, POINTS, batch=True, engine="jit")
    assert "engine='jit' cannot run this function: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_compiling_brings_no_warnings_of_numbas():
    pytest.importorskip("scipy", reason="Numba compiles np.dot by SciPy's BLAS")

    def strided(x):
        return np.dot(x[::2], x[1::2])  # Numba finds this slow and would say so

    np.testing.assert_allclose(gradient(strided, np.arange(4.0), engine="jit"), [1.0, 0.0, 3.0, 2.0], atol=1e-9)


def raised(x, n=3, scale=2.0):
    total = 0.0
    while total < n:
        total += abs(x[0]) + 0.5 + 0.0 * (int(x[0]) ^ 0)  # no trace takes bits of data
    return scale * x[0] * x[1]


@pytest.mark.parametrize("engine", ["jit", "auto"])
@pytest.mark.parametrize("args", [(), (4,), (4, 2.0)], ids=len)
def test_arguments_that_are_left_at_their_defaults(engine, args):
    points = np.tile(ROWS[two][:5], (2_000, 1))
    result = gradient(raised, points, args=args, batch=True, engine=engine, full_output=True)
    assert result.engine == "jit"
    np.testing.assert_allclose(result.value, 2.0 * points[:, ::-1], rtol=1e-7)


def test_defaults_of_complex_steps_and_further_arguments():
    def power(x, a=2.0, *more):
        return a * x[0] ** 3 * (more[0] if len(more) > 0 else 1.0)

    x = np.array([0.5])
    np.testing.assert_allclose(gradient(power, x, args=(3.0, 4.0), engine="jit"), 36.0 * x**2, rtol=1e-9)
    np.testing.assert_allclose(gradient(power, x, method="complex", engine="jit"), 6.0 * x**2, rtol=1e-15)


def test_a_default_that_changes_is_seen():
    def f(x, a=2.0):
        return a * x[0]

    assert gradient(f, np.ones(1), engine="jit") == 2.0
    f.__defaults__ = (3.0,)
    assert gradient(f, np.ones(1), engine="jit") == 3.0


def test_a_function_that_has_run_often_is_not_compiled_again():
    def often(x):
        return x[0] * x[1] * 1.25

    gradient(often, np.ones((3, 2)), batch=True, engine="jit")
    known = functions.counts()
    for _ in range(50):  # Python replaces the byte code of functions that run often by a faster one
        often(np.ones(2))
    gradient(often, np.ones((3, 2)), batch=True, engine="jit")
    assert functions.counts() == known


def test_numba_switched_off():
    code = """if True:
        import warnings, numpy as np, fastgrad
        def f(x):
            return x[0] * x[1] if (int(x[0]) ^ 0) < 10**9 else x[1]
        points = np.ones((20_000, 2))
        try:
            fastgrad.gradient(f, points, batch=True, engine="jit")
        except fastgrad.EngineError as error:
            print(error)
        with warnings.catch_warnings(record=True) as caught:
            result = fastgrad.gradient(f, points, batch=True, full_output=True)
        print(result.engine, result.value.sum(), "switched off" in str(caught[0].message))
    """
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, env=environment)
    refused, fell = done.stdout.splitlines()
    assert refused.endswith("Numba's compiler is switched off; unset NUMBA_DISABLE_JIT")
    assert fell == "python 40000.0 True"


def test_code_knows_the_shape_of_f_and_keeps_its_kernels():
    x, steps = np.array([[0.5, 2.0], [1.5, 3.0]]), Steps("default", np.asarray(1.0))
    call = Call(lambda x: x[:1] * x[1], Rows(x, (2,)), stencils.value(), steps, vector=True)
    code = compile_call(call, None, None)
    assert (code.shape, code.eps) == ((1,), np.finfo(float).eps)
    (kernel,) = code.kernels.values()
    target = Target(lambda shape: np.empty((2, *shape, 1)))
    facts = code.bind(call, target).fill(1)
    assert (facts.engine, facts.nfev) == ("jit", 2)
    assert target.array.ravel().tolist() == [1.0, 4.5]
    assert list(code.kernels.values()) == [kernel]


def test_the_directions_of_a_single_point_are_shared_and_those_of_many_stay_together():
    done = []
    for count, each, grain in ((1, 5, 1), (3, 5, 5)):
        x = np.ones((count, 5))
        call = Call(np.sum, Rows(x, (5,)), stencils.gradient(5), Steps("default", np.asarray(1.0)))
        bound = items(lambda a, b: done.append((a, b)), call, each, 0.0)
        assert (bound.items, bound.grain) == (count * each, grain)
    assert done == []


def turning(x):
    total = 0.0
    for k in range(int(x[1] * 2) ^ 0):
        total += x[2] * k
    return total + abs(np.linalg.eigvals(np.array([[0.0, -x[0]], [x[1], 0.0]]))[0])


def overturned(x):
    total = 0.0
    for k in range(int(x[1] * 2) ^ 0):
        total += x[2] * k
    return total + min(x[0] ** -1, 5.0) * x[1]


@pytest.mark.parametrize(("f", "first"), [(turning, 0.5), (overturned, 0.0)])
@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("at_first", [True, False])
def test_errors_of_numbas_own_are_none_of_f(f, first, at_first):
    """Numba has no complex eigenvalues of real matrices before NumPy 2.5, and NumPy's 0.0 ** -1 is infinite."""
    points = np.random.default_rng(0).uniform(0.6, 0.9, (2000, 3))
    points[0 if at_first else 1234, 0] = first
    expected = gradient(f, points, batch=True, engine="python")
    np.testing.assert_allclose(gradient(f, points, batch=True), expected, rtol=1e-7, atol=1e-7)
    if f is turning and np.lib.NumpyVersion(np.__version__) >= "2.5.0":
        np.testing.assert_allclose(gradient(f, points, batch=True, engine="jit"), expected, rtol=1e-7, atol=1e-7)
    elif at_first or f is turning:
        with pytest.raises(EngineError, match="compiled by Numba, f raises"):
            gradient(f, points, batch=True, engine="jit")


SCALE = 2.0


@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
def test_what_numba_froze_when_it_compiled_f_counts(monkeypatch):
    """The engine compiles f again, and would take what its globals are today."""
    scaled = numba.njit(lambda x: SCALE * np.sum(x**2))
    points = np.tile([1.0, 2.0], (3000, 1))
    assert scaled(points[0]) == 10.0
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    np.testing.assert_allclose(gradient(scaled, points, batch=True)[0], [4.0, 8.0], rtol=1e-8)
    with pytest.raises(EngineError, match="where it gives 10"):
        gradient(scaled, points, batch=True, engine="jit")
