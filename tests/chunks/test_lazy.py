"""dask arrays against the same call on NumPy arrays: the same bits, on threads and on two processes."""

import math
import os
import pickle
import signal
import sys
import threading
import time
import warnings

import dask
import dask.array as da
import dask.threaded
import distributed.utils
import numpy as np
import pytest
from distributed import Client, LocalCluster

import fastgrad
from fastgrad import (
    EngineError,
    PerformanceWarning,
    gradient,
    gradient_field,
    grid,
    hessian,
    jacobian,
    value_and_gradient,
)
from fastgrad.chunks import lazy
from fastgrad.llvm.memory import Memory

RNG = np.random.default_rng(0)
N = 1203
X = RNG.uniform(0.1, 2.0, (N, 3))
CHUNKS = ((500, 1, 0, 699, 3), (2, 1))
VALUES = RNG.normal(size=(37, 29, 19))
AXES = [np.linspace(-2.0, 2.0, 41), RNG.uniform(size=23), np.linspace(1.0, 2.0, 5)]


def smooth(x):
    return np.sin(x[0] * x[1]) + x[2] ** 2


def branching(x):
    return x[0] * x[1] if (int(x[0]) ^ 0) >= 1 else x[2] * x[1] + 1.0


def vector(x):
    return np.array([[x[0] * x[1], x[2]], [np.exp(x[0]), x[1] ** 2], [1.0, x[0]]])


def same(lazy, expected, **how):
    """A lazy array that promises what it is, and the bits of `expected`."""
    assert isinstance(lazy, da.Array)
    assert (lazy.shape, lazy.dtype, type(lazy._meta)) == (expected.shape, expected.dtype, np.ndarray)
    found = lazy.compute(**how)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(found, expected)


@pytest.fixture(scope="module", autouse=True)
def no_threads_of_dask():
    """They would keep the tests after these from forking."""
    yield
    for pools in dask.threaded.pools.values():
        for pool in pools.values():
            pool.shutdown()
    dask.threaded.pools.clear()
    distributed.utils._offload_executor.shutdown()


@pytest.fixture(autouse=True)
def threads():
    with dask.config.set(scheduler="threads", num_workers=2):
        yield


# --- points -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "engine"),
    [*((gradient, e) for e in ("auto", "simd", "jit", "python", "reference")), (hessian, "auto"), (hessian, "python")],
)
def test_rows_have_the_bits_of_one_call(operation, engine):
    x = X if engine != "reference" else X[:40]
    chunks = CHUNKS if engine != "reference" else 11
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PerformanceWarning)
        expected = operation(smooth, x, batch=True, engine=engine)
        lazy = operation(smooth, da.from_array(x, chunks=chunks), batch=True, engine=engine)
    same(lazy, expected)


@pytest.mark.parametrize("engine", ["auto", "jit", "python"])
@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
def test_jacobian_knows_its_shape(engine):
    same(jacobian(vector, da.from_array(X, chunks=CHUNKS), batch=True, engine=engine),
         jacobian(vector, X, batch=True, engine=engine))  # fmt: skip
    assert jacobian(vector, da.ones((0, 3)), batch=True, engine=engine).compute().shape == (0, 3, 2, 3)


def test_value_and_gradient_together_and_alone():
    lazy = value_and_gradient(smooth, da.from_array(X, chunks=CHUNKS), batch=True)
    expected = value_and_gradient(smooth, X, batch=True)
    for found, wanted in zip((*lazy, *dask.compute(*lazy)), (*expected, *expected), strict=True):
        same(da.asarray(found), wanted)


@pytest.mark.parametrize("dtype", ["f4", "f2", "i4", ">f8"])
def test_types_are_those_of_numpy(dtype):
    x = (10 * X).astype(dtype)
    same(gradient(smooth, da.from_array(x, chunks=100), batch=True, order=4), gradient(smooth, x, batch=True, order=4))


@pytest.mark.parametrize("operation", [gradient, hessian, jacobian])
def test_points_of_two_axes(operation):
    x = X.reshape(N, 3, 1)
    f = (lambda x: x[:, 0] ** 2 * x[0, 0]) if operation is jacobian else (lambda x: np.sum(x**3))
    same(operation(f, da.from_array(x, chunks=(400, 2, 1)), batch=True), operation(f, x, batch=True))


def test_points_of_two_axes_with_values():
    x = X.reshape(N, 3, 1)
    lazy = value_and_gradient(lambda x: np.sum(x**3), da.from_array(x, chunks=(400, 2, 1)), batch=True)
    for found, wanted in zip(lazy, value_and_gradient(lambda x: np.sum(x**3), x, batch=True), strict=True):
        same(found, wanted)


@pytest.mark.parametrize("engine", ["auto", "python"])
@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
def test_arguments_for_all_and_for_each_point(engine):
    def f(x, power, factor, row, count):
        return factor * x[0] ** power * x[1] + row[1] * x[2] + row[0] + count * x[0]

    rows, counts = RNG.normal(size=(N, 2)), RNG.integers(0, 3, N)
    shared = {"batch": True, "args": (2, 1.5), "engine": engine}
    lazy = gradient(
        f, da.from_array(X, chunks=CHUNKS), batch_args=(da.from_array(rows, chunks=(77, 1)), counts), **shared
    )
    same(lazy, gradient(f, X, batch_args=(rows, counts), **shared))


STEPS = {
    "h": {"h": 1e-4},
    "rel_step of each coordinate": {"rel_step": [1e-5, 1e-4, 1e-3]},
    "h of each point": {"h": RNG.uniform(1e-5, 1e-4, X.shape)},
    "rel_step of each point": {"rel_step": RNG.uniform(1e-5, 1e-4, (N, 1))},
    "order and method": {"method": "forward", "order": 3},
}


@pytest.mark.parametrize("options", STEPS.values(), ids=STEPS.keys())
def test_steps(options):
    same(
        gradient(smooth, da.from_array(X, chunks=CHUNKS), batch=True, **options),
        gradient(smooth, X, batch=True, **options),
    )


def test_large_arguments_are_in_the_graph_once():
    table = RNG.normal(size=300_000)
    f = lambda x, a, name: x[0] * a[-1] + (x[1] if name == "x" else 0.0)
    lazy = gradient(f, da.from_array(X, chunks=CHUNKS), batch=True, args=(table, "x"), engine="simd")
    same(lazy, gradient(f, X, batch=True, args=(table, "x"), engine="simd"))
    assert len(pickle.dumps(dict(lazy.__dask_graph__()))) < 1.5 * table.nbytes


def test_without_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.array", None)
    with pytest.raises(ImportError, match=r"pip install 'fastgrad\[dask\]'"):
        gradient_field(smooth, AXES, chunks=5)


def test_nothing_is_computed_before_it_is_asked_for():
    computed = []
    x = da.from_array(X, chunks=100).map_blocks(lambda block: computed.append(1) or block, meta=np.empty((0, 0)))
    lazy = gradient(smooth, x, batch=True), hessian(smooth, x, batch=True), jacobian(vector, x, batch=True)
    assert computed == []
    lazy[0].compute()
    assert len(computed) == 13


# --- the engine -------------------------------------------------------------------------------------------------------


def engine_of(result):
    """The name that the tasks got."""
    (layer,) = [layer for name, layer in result.dask.layers.items() if name == result.name]
    return next(value.options["engine"] for value in layer.task.kwargs.values() if isinstance(value, lazy._Work))


@pytest.mark.parametrize(
    ("f", "count", "engine"),
    [(smooth, 10, "python"), (smooth, 400, "simd"), (branching, 400, "python"), (branching, 4000, "jit")],
)
def test_the_engine_is_chosen_for_all_points(f, count, engine):
    x = da.ones((count, 3), chunks=5)
    assert engine_of(gradient(f, x, batch=True)) == engine
    assert fastgrad.explain(f, np.ones((count, 3)), batch=True).engine == engine


def test_chunks_of_some_hundred_points_are_differentiated_by_python():
    points = X[:100]  # NumPy's, were they one array: for chunks nothing is traced before they are asked for
    whole = gradient(smooth, points, batch=True, full_output=True)
    x = da.from_array(points, chunks=5)
    assert engine_of(gradient(smooth, x, batch=True)) == "python"
    assert whole.engine == "simd"
    np.testing.assert_allclose(gradient(smooth, x, batch=True).compute(), whole.value, rtol=1e-8)


def test_the_engine_of_a_field_is_chosen_for_all_nodes():
    same(gradient_field(branching, AXES, chunks=7), gradient_field(branching, AXES))
    assert engine_of(gradient_field(branching, AXES, chunks=7)) == "jit"


def only_large(x):
    if float(str(x[0])) < 5.0:  # which does not trace
        msg = "x is small"
        raise ValueError(msg)
    return x[0] * x[1]


def test_where_f_cannot_be_called_its_trace_must_do():
    domain = lambda x: math.log(x[0] - 4.0) * x[1]
    large = X + 5.0
    assert engine_of(gradient(domain, da.from_array(large, chunks=400), batch=True)) == "simd"
    x = da.from_array(large, chunks=400)
    with pytest.raises(ValueError, match=r"x is small.*at ones.*engine='python'"):
        gradient(only_large, x, batch=True)
    with pytest.raises(ValueError, match=r"x is small.*shape of its output is unknown.*NaN"):
        jacobian(only_large, x, batch=True)
    x = da.from_array(np.concatenate([large] * 3), chunks=400)
    with pytest.warns(PerformanceWarning, match="asked for"):
        lazy = gradient(only_large, x, batch=True, engine="python")
    np.testing.assert_allclose(lazy[:2].compute(), [[r[1], r[0], 0.0] for r in large[:2]], atol=1e-8)


def test_python_is_announced_once_when_it_is_planned():
    x = da.from_array(np.concatenate([X] * 12), chunks=4 * N)
    table = [1.0]
    f = lambda x: table[0] * x[0] * x[1] if (int(x[0]) ^ 0) < 10**9 else 0.0
    with pytest.warns(PerformanceWarning, match="86,616 times") as caught:
        lazy = gradient(f, x, batch=True)
    assert [warning.filename for warning in caught] == [__file__]
    np.testing.assert_allclose(lazy[:3].compute(), [[r[1], r[0], 0.0] for r in X[:3]], atol=1e-8)


def test_an_engine_by_name_is_refused_at_once():
    with pytest.raises(EngineError, match=r"for \^"):
        gradient(branching, da.from_array(X, chunks=100), batch=True, engine="simd")


def test_a_function_arrives_once_in_a_process():
    offset = 2.0
    carried = lazy.Carried(lambda x: x[0] + offset)
    content = pickle.dumps(carried)
    assert pickle.loads(content) is pickle.loads(content)
    assert pickle.loads(content).f([1.0]) == 3.0


def test_functions_that_arrived_are_kept_within_a_budget(monkeypatch):
    monkeypatch.setattr(lazy, "_ARRIVED", Memory(1 << 20))
    for k in range(8):
        data = np.full(1 << 15, float(k))  # 262 kB
        content = pickle.dumps(lazy.Carried(lambda x, data=data: x[0] + data[0]))
        assert pickle.loads(content).f([1.0]) == 1.0 + k
    assert lazy._ARRIVED.weight <= 1 << 20
    assert len(lazy._ARRIVED) == 3


def test_a_function_that_cannot_travel_is_named():
    lock = threading.Lock()

    def guarded(x):
        with lock:
            return x[0]

    with pytest.raises(TypeError, match=r"f=.*guarded cannot be sent to dask's workers because of 'lock', a lock"):
        pickle.dumps(lazy.Carried(guarded))


def test_an_output_that_changes_its_shape_is_an_error():
    f = lambda x: np.ones(2) * x[0] if float(x[0]) < 1.5 else np.ones(3) * x[0]
    lazy = jacobian(f, da.from_array(np.sort(X, axis=0), chunks=10), batch=True, engine="python")
    with pytest.raises(ValueError, match=r"f returned an array of shape \(3,\) after one of shape \(2,\)"):
        lazy[-1].compute()


# --- fields -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunks", ["auto", 7, -1, (10, 23, 2), ((1, 40), (22, 1), (5,))], ids=str)
def test_fields_have_the_bits_of_one_call(chunks):
    same(gradient_field(smooth, AXES, chunks=chunks), gradient_field(smooth, AXES))


@pytest.mark.filterwarnings("ignore:invalid value")
def test_fields_where_one_component_is_not_finite():
    """Above a thousand such nodes the engine believes itself, whatever the chunks."""
    axes = [np.array([0.0, 1.0]), np.linspace(0.0, 3.0, 3001)]
    f = lambda x: np.sqrt(x[0]) + np.sin(x[1]) * np.exp(x[1])
    expected = gradient_field(f, axes)
    assert np.isnan(expected[0, 0]).all()
    same(gradient_field(f, axes, chunks=(2, 700)), expected)


def test_fields_of_single_precision_with_steps_and_arguments():
    axes = [a.astype(np.float32) for a in AXES]
    options = {"h": [1e-3, 2e-3, 4e-3], "args": (2.0,), "order": 4}
    f = lambda x, a: a * x[0] * np.exp(x[1]) + x[2]
    same(gradient_field(f, axes, chunks=9, **options), gradient_field(f, axes, **options))


def test_chunks_of_a_field_are_those_of_the_grid():
    lazy = gradient_field(smooth, AXES, chunks=(20, 10, 5))
    assert lazy.chunks == ((3,), (20, 20, 1), (10, 10, 3), (5,))
    large = gradient_field(smooth, [np.arange(1e5), np.arange(1e5), np.arange(50.0)], chunks="auto")
    assert max(map(np.prod, zip(*[c[:1] for c in large.chunks], strict=True))) * 8 <= 128 * 2**20
    assert gradient_field(smooth, [[1.0], [], [2.0]], chunks=2).compute().shape == (3, 1, 0, 1)


def test_axes_may_be_dask_arrays_and_say_the_chunks():
    x, y = np.linspace(0.0, 1.0, 7), np.linspace(1.0, 2.0, 5)
    product = lambda x: np.sin(x[0]) * x[1]
    wanted = gradient_field(product, [x, y])
    found = gradient_field(product, [da.from_array(x, chunks=3), y])
    assert found.chunks == ((2,), (3, 3, 1), (5,))
    assert np.array_equal(found.compute(), wanted)
    found = gradient_field(product, (da.from_array(x, chunks=3), da.from_array(y, chunks=2)), chunks=4)
    assert found.chunks == ((2,), (4, 3), (4, 1))
    assert np.array_equal(found.compute(), wanted)


# --- two processes ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Its processes are copies of one that has imported dask; each of three would take 2 s for that."""
    options = {"temporary-directory": str(tmp_path_factory.mktemp("workers"))}
    options["distributed.worker.multiprocessing-method"] = "forkserver"
    with (
        dask.config.set(options),
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def gathered(client, *lazy):
    return client.gather(client.compute(list(lazy)), errors="raise")


def memory():
    """How much a process has traced and compiled."""
    from fastgrad.engine.jit import functions
    from fastgrad.engine.simd import families, traces

    return len(traces._traces), len(families._families), *functions.counts()


def test_two_processes_give_the_bits_of_one_and_compile_once(client):
    weight, x = 1.5, da.from_array(np.concatenate([X] * 4), chunks=300)
    smooth_here = lambda x: np.sin(weight * x[0] * x[1]) + x[2]
    branching_here = lambda x: weight * x[0] if (int(x[0]) ^ 0) >= 1 else x[2]
    calls = [
        (gradient, smooth_here, {"batch": True}),
        (gradient, branching_here, {"batch": True, "engine": "jit"}),
    ]
    for operation, f, options in calls:
        before = client.run(memory)
        (found,) = gathered(client, operation(f, x, **options))
        np.testing.assert_array_equal(found, operation(f, np.concatenate([X] * 4), **options))
        after = client.run(memory)
        grown = [[b - a for a, b in zip(before[w], after[w], strict=True)] for w in before]
        assert all(max(g) <= 1 for g in grown)
        assert any(max(g) == 1 for g in grown)


def test_fields_and_samples_on_two_processes(client):
    field, slopes, values = gathered(
        client, gradient_field(smooth, AXES, chunks=9),
        grid.laplacian(da.from_array(VALUES, chunks=10), accuracy=4, periodic=True),
        value_and_gradient(smooth, da.from_array(X, chunks=CHUNKS), batch=True)[0],
    )  # fmt: skip
    np.testing.assert_array_equal(field, gradient_field(smooth, AXES))
    np.testing.assert_array_equal(slopes, grid.laplacian(VALUES, accuracy=4, periodic=True))
    np.testing.assert_array_equal(values, value_and_gradient(smooth, X, batch=True)[0])


def test_a_killed_worker_loses_nothing(client):
    def slow(x):
        time.sleep(0.002)
        return x[0] * x[1] + x[2]

    x = X[:120]
    future = client.compute(gradient(slow, da.from_array(x, chunks=4), batch=True, engine="python"))
    time.sleep(0.5)
    assert not future.done()
    os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
    np.testing.assert_array_equal(future.result(timeout=60), gradient(lambda x: x[0] * x[1] + x[2], x, batch=True))
