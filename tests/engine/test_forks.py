"""Work in forked processes: the numbers of a serial run, whatever happens to the children, and nothing left behind."""

import mmap
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from fastgrad import PerformanceWarning, gradient, numerical_gradient, weight_gradient
from fastgrad.engine import answers, forks
from fastgrad.engine.pool import Job, pool

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked on Linux only"),
    pytest.mark.usefixtures("nothing_hangs"),
]


def children():
    """The main thread's child processes, zombies among them; others' tests may have left some, such as dask's."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()


@pytest.fixture(autouse=True, scope="module")
def lock_of_progress_bars():
    """From Python 3.14 on it starts a process that tracks it, which stays."""
    with suppress(ImportError):
        from tqdm import tqdm

        tqdm.get_lock()


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    """No child, neither running nor as a zombie, and no file descriptor."""
    before = children(), len(os.listdir("/proc/self/fd"))
    yield
    assert (children(), len(os.listdir("/proc/self/fd"))) == before


@pytest.fixture
def told(monkeypatch):
    """As if no reason for a serial run had been told yet."""
    monkeypatch.setattr(forks, "_told", set())


class Net:
    def __init__(self, W):
        self.W, self.calls = W, 0
        self.x = np.linspace(-1.0, 2.5, W.shape[0])

    def loss(self):
        self.calls += 1
        return np.sum(np.tanh(self.x @ self.W) ** 2)


def net():
    return Net(np.random.default_rng(0).normal(size=(7, 5)))


def squares(x):
    return float(np.sum(x**2))


# --- the numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [2, 3, 64])
def test_a_closure_gives_the_bits_of_a_serial_run(workers):
    model = net()
    before = model.W.tobytes()
    expected = numerical_gradient(lambda W: model.loss(), model.W)
    assert expected.all()
    grad = numerical_gradient(lambda W: model.loss(), model.W, workers=workers)
    assert grad.tobytes() == expected.tobytes()
    assert model.W.tobytes() == before
    assert (grad.dtype, grad.shape) == (np.float64, (7, 5))


def test_the_children_do_the_work():
    model = net()
    numerical_gradient(lambda W: model.loss(), model.W, workers=2)
    assert model.calls == 0  # each child counts in its own copy
    processes = forks.shared((40,))

    def f(x):
        processes[np.argmax(x != 1.0)] = os.getpid()
        return 1.0

    numerical_gradient(f, np.ones(40), workers=2)
    assert processes.all()
    assert os.getpid() not in processes


def test_the_parents_arrays_stay_while_children_run():
    model = net()
    before, seen = model.W.tobytes(), []

    def slow(W):
        time.sleep(0.005)
        return model.loss()

    def progress(done, total):
        seen.append((done, total))
        assert model.W.tobytes() == before

    numerical_gradient(slow, model.W, workers=2, progress=progress)
    assert seen == sorted(seen)
    assert seen[-1] == (35, 35)
    assert len({done for done, _ in seen}) > 1
    assert {total for _, total in seen} == {35}


def strided():
    return np.random.default_rng(1).normal(size=(8, 9))[::2, 1::3]


LAYOUTS = {
    "strided": strided,
    "negative": lambda: np.linspace(1.0, 2.0, 9)[::-2],
    "negative rows": lambda: np.linspace(1.0, 2.0, 12).reshape(3, 4)[::-1, ::-1],
    "Fortran": lambda: np.asfortranarray(np.linspace(1.0, 2.0, 12).reshape(3, 4)),
    "0-d": lambda: np.array(3.0),
    "one": lambda: np.array([3.0]),
    "cube": lambda: np.linspace(1.0, 2.0, 24).reshape(2, 3, 4).transpose(2, 0, 1),
    "empty": lambda: np.empty((0, 3)),
    "float32": lambda: np.linspace(1.0, 2.0, 9, dtype=np.float32),
    "float32 strided": lambda: np.linspace(1.0, 2.0, 12, dtype=np.float32).reshape(3, 4).T[::2],
    "float16": lambda: np.linspace(1.0, 2.0, 9, dtype=np.float16),
    "odd bits": lambda: np.array([-0.0, np.nan, 1e-310, np.inf]),
}


@pytest.mark.parametrize("make", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts_and_dtypes(make):
    x = make()
    whole = x if x.base is None else x.base
    before = whole.tobytes()
    weights = np.arange(1.0, x.size + 1.0).reshape(x.shape)

    def f(v):
        assert v is x
        return np.sum(weights * np.asarray(v, np.float64))

    serial = numerical_gradient(f, x)
    grad = numerical_gradient(f, x, workers=2)
    assert grad.tobytes() == serial.tobytes()
    assert (grad.dtype, grad.shape) == (x.dtype, x.shape)
    assert whole.tobytes() == before
    if np.isfinite(x).all():
        np.testing.assert_allclose(grad, weights, rtol=2e-2 if x.itemsize < 8 else 1e-8)


def test_dicts_of_arrays():
    params = {"W": np.random.default_rng(2).normal(size=(3, 4)), "b": np.ones(4, np.float32), "none": np.empty(0)}
    before = {name: w.tobytes() for name, w in params.items()}

    def loss(given):
        assert given is params
        return np.sum(np.tanh(params["W"] + params["b"]))

    expected = weight_gradient(loss, params)
    grads = weight_gradient(loss, params, workers=3)
    assert {name: g.tobytes() for name, g in grads.items()} == {name: g.tobytes() for name, g in expected.items()}
    assert [g.dtype for g in grads.values()] == [np.float64, np.float32, np.float64]
    assert {name: w.tobytes() for name, w in params.items()} == before
    np.testing.assert_allclose(grads["W"], 1.0 / np.cosh(params["W"] + params["b"]) ** 2, atol=1e-8)


def test_integers_are_copied_before_the_fork():
    assert numerical_gradient(squares, np.array([3, 4]), workers=2).tolist() == [6.00000000000378, 7.999999999999119]


def test_f_in_a_child_may_use_threads():
    def f(x):
        points = np.linspace(0.0, 1.0, 40_000).reshape(-1, 2)
        return gradient(lambda p: p[0] * p[1], points, batch=True, workers=2).sum() * x.sum()

    x = np.array([1.0, 2.0])
    assert numerical_gradient(f, x, workers=2).tobytes() == numerical_gradient(f, x).tobytes()


def test_the_parents_threads_work_before_and_after():
    points = np.linspace(0.0, 1.0, 400_000).reshape(-1, 2)

    def heavy():
        return gradient(lambda p: np.sin(p[0] * p[1]), points, batch=True, engine="simd", workers=3)

    expected = heavy()
    for _ in range(3):
        numerical_gradient(squares, np.ones(4), workers=2)
        assert heavy().tobytes() == expected.tobytes()


def test_blas_in_children_after_blas_in_the_parent():
    a = np.random.default_rng(3).normal(size=(300, 300))
    parents = a @ a

    def f(x):
        return float(np.sum((a * x[0]) @ a) + x[1])

    grad = numerical_gradient(f, np.ones(6), workers=2)
    np.testing.assert_allclose(grad, [parents.sum(), 1, 0, 0, 0, 0], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(a @ a, parents, rtol=1e-12)


def test_a_blas_library_that_was_replaced_on_disk(monkeypatch):
    monkeypatch.setattr(forks, "_loaded_libraries", lambda: {"/nowhere/libopenblas.so (deleted)"})
    assert numerical_gradient(squares, np.array([3.0, 4.0]), workers=2).tolist() == [
        6.00000000000378,
        7.999999999999119,
    ]


def test_memory_that_a_fork_does_not_copy_is_worked_on_serially(told, tmp_path):
    """Two children would move the elements of the same array."""

    def f(x):
        time.sleep(1e-3)
        return np.sum(np.sin(x) * x.sum())

    plain = np.linspace(1.0, 2.0, 20)
    mapped = np.memmap(tmp_path / "x", np.float64, "w+", shape=20)
    anonymous = np.frombuffer(mmap.mmap(-1, 160))
    with pytest.warns(PerformanceWarning, match=r"share.*x\.copy\(\)") as caught:  # noqa: PT031
        for x in (mapped, anonymous):
            x[:] = plain
            grad = numerical_gradient(f, x, workers=2)
            assert grad.tobytes() == numerical_gradient(f, plain).tobytes()
            assert x.tobytes() == plain.tobytes()
    assert len(caught) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_f_that_writes_into_an_element_that_is_not_moved(workers):
    w = np.arange(1.0, 9.0)
    before = w.tobytes()

    def loss(w):
        w[0] += 1.0
        return float(np.sum(w * w[0]))

    with pytest.raises(ValueError, match="writes into its argument"):
        weight_gradient(loss, w, mask=np.arange(8) > 3, workers=workers)
    assert w.tobytes() == before


def test_very_many_workers():
    seen = []
    forks.run(lambda start, stop: seen.append(start), 3, 10_000)
    assert not seen
    done = forks.shared((20_000,))

    def work(start, stop):
        done[start:stop] += 1.0

    forks._start, start = lambda task, children: children or start(task, children), forks._start
    try:
        forks.run(work, 20_000, 1100)  # one child for all of the chunks
    finally:
        forks._start = start
    assert (done == 1.0).all()


# --- exceptions ----------------------------------------------------------------------------------


class OddError(Exception):
    """Cannot be built again from its `args`."""

    def __init__(self, *, where):
        super().__init__(f"at {where}")
        self.where = where

    def __reduce__(self):  # also where a library (tblib, loaded with dask) has taught pickle to build exceptions
        return (OddError, self.args)


class BuiltError(Exception):
    def __init__(self, text, code=3):
        super().__init__(text)
        self.code = code


class LyingError(Exception):
    def __reduce__(self):
        return (str, ("no exception",))


class MuteError(Exception):
    def __str__(self):
        raise ValueError("mute")  # noqa: EM101


class Stop(BaseException):
    pass


def holding_a_lock():
    error = ValueError("locked")
    error.lock = threading.Lock()
    return error


def raising_deep_inside(error):
    def a_frame_of_the_users(x):
        raise error

    return a_frame_of_the_users


RAISED = {  # what f raises, what arrives, what it says
    "two arguments": (ValueError("v", 2), ValueError, "('v', 2)"),
    "of its own": (BuiltError("b", code=4), BuiltError, "b"),
    "of the system": (FileNotFoundError(2, "gone", "file"), FileNotFoundError, "gone"),
    "StopIteration": (StopIteration(1), StopIteration, "1"),
    "SystemExit": (SystemExit(3), SystemExit, "3"),
    "KeyboardInterrupt": (KeyboardInterrupt(), KeyboardInterrupt, ""),
    "BaseException": (Stop("s"), Stop, "s"),
    "a megabyte": (ValueError("x" * 1_000_000), ValueError, "x" * 1_000_000),
    "cannot be built again": (OddError(where=3), OddError, "at 3"),
    "cannot be pickled": (holding_a_lock(), ValueError, "locked"),
    "becomes something else": (LyingError("l"), LyingError, "l"),
}


@pytest.mark.parametrize(("error", "kind", "text"), RAISED.values(), ids=RAISED)
def test_an_exception_arrives_with_its_traceback(error, kind, text):
    x = np.array([0.1, -0.0, 1e-310])
    before = x.tobytes()
    with pytest.raises(kind) as caught:
        numerical_gradient(raising_deep_inside(error), x, workers=2)
    assert type(caught.value) is kind
    assert text in str(caught.value)
    assert "a_frame_of_the_users" in "".join(caught.value.__notes__)
    assert x.tobytes() == before
    if type(error) is kind:
        assert vars(caught.value).get("code") == vars(error).get("code")
        assert caught.value.args == error.args


def test_an_exception_of_a_class_that_a_function_made():
    class SolverError(Exception):
        def __init__(self, code, where):
            super().__init__(f"code {code} at {where}")
            self.code, self.where = code, where

    with pytest.raises(SolverError, match="code 3 at a") as caught:
        numerical_gradient(raising_deep_inside(SolverError(3, "a")), np.ones(3), workers=2)
    assert (caught.value.code, caught.value.where) == (3, "a")


class CoarseWarning(UserWarning):
    pass


def test_warnings_of_f_arrive():
    def f(x):
        warnings.warn(f"step of {x.size}", CoarseWarning, stacklevel=1)
        if x[0] < 0.5:
            warnings.warn("small", RuntimeWarning, stacklevel=1)
        return float(x.sum())

    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("default")
        numerical_gradient(f, np.array([0.5, 0.1, 2.0]), workers=3)
    assert {(w.category, str(w.message), w.filename) for w in given} == {
        (CoarseWarning, "step of 3", __file__), (RuntimeWarning, "small", __file__),
    }  # fmt: skip
    assert len(given) == 2  # each place once, whoever came there


def test_an_exception_without_a_text():
    with pytest.raises((MuteError, RuntimeError)) as caught:
        numerical_gradient(raising_deep_inside(MuteError()), np.ones(3), workers=2)
    assert "a_frame_of_the_users" in "".join(caught.value.__notes__)


def test_an_exception_of_a_class_that_only_the_child_knows():
    def f(x):
        kind = type("ChildError", (Exception,), {"__module__": __name__})
        globals()["ChildError"] = kind
        raise kind("hello")  # noqa: EM101

    with pytest.raises(RuntimeError, match="ChildError: hello") as caught:
        numerical_gradient(f, np.ones(3), workers=2)
    assert 'raise kind("hello")' in "".join(caught.value.__notes__)


def test_one_child_raises_and_the_others_are_ended():
    model = net()
    before = model.W.tobytes()
    original = model.W[0, 0]

    def f(W):
        if W[0, 0] != original:
            raise ValueError("the first element")  # noqa: EM101
        time.sleep(30)

    start = time.perf_counter()
    with pytest.raises(ValueError, match="the first element"):
        numerical_gradient(f, model.W, workers=3)
    assert time.perf_counter() - start < 15
    assert model.W.tobytes() == before


def test_a_wrong_result_in_a_child_says_the_same_as_in_a_serial_run():
    with pytest.raises(ValueError, match="rows are points"):
        numerical_gradient(lambda x: np.sum(x**2, axis=1), np.ones((3, 2)), workers=2)


@pytest.mark.parametrize(
    "end",
    [lambda x: os._exit(0), lambda x: os._exit(7), lambda x: os.kill(os.getpid(), signal.SIGKILL)],
    ids=["exit 0", "exit 7", "killed"],
)
def test_a_child_that_dies(end):
    x = np.array([0.1, -0.0, 1e-310])
    before = x.tobytes()
    with pytest.raises(RuntimeError, match=r"ended before its work was done.*leave workers out"):
        numerical_gradient(end, x, workers=2)
    assert x.tobytes() == before


def test_a_child_that_dies_beside_one_that_works():
    x = np.array([0.1, -0.0, 1e-310])

    def f(v):
        if v[0] != 0.1:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(30)

    with pytest.raises(RuntimeError, match="ended before its work was done"):
        numerical_gradient(f, x, workers=3)


def test_a_child_that_dies_while_it_tells(monkeypatch):
    monkeypatch.setattr(answers, "packed", lambda error, whole=answers.packed: whole(error)[:-20])
    with pytest.raises(RuntimeError, match="ended before its work was done"):
        numerical_gradient(raising_deep_inside(ValueError("v")), np.ones(3), workers=2)


def test_a_process_that_f_left_behind_is_not_waited_for():
    parent, (ending, end) = os.getpid(), os.pipe()

    def f(x):
        if os.fork() == 0:
            os.close(end)
            os.read(ending, 1)  # until the test is over
            os._exit(0)
        return float(x.sum())

    try:
        signal.alarm(10)
        np.testing.assert_allclose(numerical_gradient(f, np.ones(2), workers=2), 1.0)
    finally:
        if os.getpid() == parent:
            os.close(ending)
            os.close(end)


def test_progress_that_raises_ends_the_children():
    model = net()
    before = model.W.tobytes()
    error = OddError(where=1)

    def progress(done, total):
        raise error

    def f(W):
        time.sleep(0.01)
        return model.loss()

    with pytest.raises(OddError) as caught:
        numerical_gradient(f, model.W, workers=2, progress=progress)
    assert caught.value is error
    assert model.W.tobytes() == before


def test_a_fork_that_fails(monkeypatch):
    def refused():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refused)
    x = np.ones(3)
    with pytest.raises(BlockingIOError):
        numerical_gradient(squares, x, workers=2)


# --- Ctrl-C --------------------------------------------------------------------------------------


def test_ctrl_c_ends_the_children_and_restores():
    model = net()
    before = model.W.tobytes()
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)

    def f(W):
        time.sleep(30)

    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        start = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            numerical_gradient(f, model.W, workers=2)
        assert time.perf_counter() - start < 15
    finally:
        signal.signal(signal.SIGINT, previous)
    assert model.W.tobytes() == before
    numerical_gradient(lambda W: model.loss(), model.W, workers=2)


SCRIPT = """
import os, signal, sys, time
import numpy as np
from fastgrad import numerical_gradient

parent, x = os.getpid(), np.linspace(1.0, 2.0, 8)
before = x.tobytes()
{setting}
try:
    print(numerical_gradient(f, x, workers=2).round(3).tolist())
except BaseException as error:
    print(type(error).__name__)
assert x.tobytes() == before
print("the end, in the", "parent" if os.getpid() == parent else "child")
"""


def output_of(setting, **options):
    script = SCRIPT.format(setting=textwrap.dedent(setting))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr


def test_ctrl_c_goes_to_all_processes_of_a_terminal():
    lines, errors = output_of(
        """
        def f(x):
            if x[0] != 1.0:
                os.killpg(0, signal.SIGINT)  # the whole group, as a terminal does
            time.sleep(20)
        """,
        start_new_session=True,
    )
    assert lines == ["KeyboardInterrupt", "the end, in the parent"]
    assert not errors


@pytest.mark.parametrize("moment", ["before", "after_in_child", "after_in_parent"])
def test_ctrl_c_at_the_fork(moment):
    """No child may go on with the caller's program, whenever the interrupt arrives."""
    lines, errors = output_of(
        f"""
        os.register_at_fork({moment}=lambda: os.kill(os.getpid(), signal.SIGINT))
        f = lambda x: float(x.sum())
        """
    )
    assert lines[-1] == "the end, in the parent"
    assert len(lines) == 2
    if moment != "after_in_child":
        assert lines[0] == "KeyboardInterrupt"
    assert not errors


def test_what_f_prints_appears_once():
    lines, _ = output_of(
        """
        print("before")
        def f(x):
            sys.stdout.write(f"call {os.getpid() != parent}\\n")
            return float(x[0] * 0.0)
        """
    )
    assert sorted(lines) == sorted(["before", *["call True"] * 16, str([0.0] * 8), "the end, in the parent"])


def test_without_stdout_and_stderr():
    lines, _ = output_of(
        """
        out, sys.stdout, sys.stderr = sys.stdout, None, None
        numerical_gradient(lambda x: float(x.sum()), x, workers=2)
        sys.stdout = open(os.devnull, "w")
        sys.stdout.close()
        numerical_gradient(lambda x: float(x.sum()), x, workers=2)
        sys.stdout = out
        f = lambda x: float(x.sum())
        """
    )
    assert lines == [str([1.0] * 8), "the end, in the parent"]


# --- where a fork is not possible ----------------------------------------------------------------


def only_here(x):
    assert os.getpid() == PARENT
    return float(np.sum(x**2))


PARENT = os.getpid()


def test_other_threads_alive(told):
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="a thread of mine")
    thread.start()
    try:
        with pytest.warns(PerformanceWarning, match=r"workers are not used.*a thread of mine") as caught:  # noqa: PT031
            for _ in range(3):
                grad = numerical_gradient(only_here, np.array([3.0, 4.0]), workers=2)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        weight_gradient(only_here, np.array([3.0, 4.0]), workers=2)
    finally:
        stop.set()
        thread.join()
    assert grad.tolist() == [6.00000000000378, 7.999999999999119]
    with pytest.raises(AssertionError):  # forked again
        numerical_gradient(only_here, np.array([3.0, 4.0]), workers=2)


def test_from_another_thread(told):
    seen = []

    def target():
        with pytest.warns(PerformanceWarning, match="from the main thread only") as caught:  # noqa: PT031
            seen.append(weight_gradient(only_here, np.array([3.0, 4.0]), workers=2))
            seen.append(numerical_gradient(only_here, np.array([3.0, 4.0]), workers=2))
        seen.append(len(caught))

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    np.testing.assert_allclose(seen[:2], [[6.0, 8.0]] * 2, rtol=1e-8)
    assert seen[2] == 1


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_platforms(told, monkeypatch, platform):
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.warns(PerformanceWarning, match=f"on Linux only, not on {platform}") as caught:  # noqa: PT031
        for _ in range(3):
            numerical_gradient(only_here, np.array([3.0, 4.0]), workers=2)
            grads = weight_gradient(lambda p: only_here(p["W"]), {"W": np.array([3.0, 4.0])}, workers=2)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    np.testing.assert_allclose(grads["W"], [6.0, 8.0], rtol=1e-8)


def test_our_own_idle_threads_are_no_obstacle():
    points = np.linspace(0.0, 1.0, 400_000).reshape(-1, 2)
    gradient(lambda p: np.sin(p[0] * p[1]), points, batch=True, engine="simd", workers=3)
    pool.give(Job(int))
    assert any(thread.name.startswith("fastgrad") for thread in threading.enumerate())
    assert not forks.obstacle()
    numerical_gradient(lambda x: float(x.sum()), np.ones(4), workers=2)
    assert not any(thread.name.startswith("fastgrad") for thread in threading.enumerate())


def test_a_progress_bar_twice_in_a_row(told, capsys):
    pytest.importorskip("tqdm")
    from tqdm import tqdm

    for _ in range(2):  # its monitor, a thread, stays
        with pytest.raises(AssertionError):
            numerical_gradient(only_here, np.ones(4), workers=2, progress=True)
        numerical_gradient(squares, np.ones(40), workers=2, progress=True)
    drawn = capsys.readouterr().err
    assert "40.0/40.0" in drawn
    if tqdm.monitor is not None:
        tqdm.monitor.exit()
        tqdm.monitor = None


# --- resources -----------------------------------------------------------------------------------


def test_many_runs_leave_nothing_open():
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(8):
        forks.run(lambda start, stop: None, 4, 2)
        with pytest.raises(ValueError, match="v"):
            numerical_gradient(raising_deep_inside(ValueError("v")), np.ones(3), workers=2)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_handler_of_the_users_that_reaps_children():
    previous = signal.signal(signal.SIGCHLD, lambda *_: reap())

    def reap():
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            pass

    try:
        assert numerical_gradient(squares, np.array([3.0, 4.0]), workers=2).tolist() == [
            6.00000000000378,
            7.999999999999119,
        ]
    finally:
        signal.signal(signal.SIGCHLD, previous)


def test_every_item_once():
    for total, workers in [(1, 1), (1, 3), (2, 3), (50, 2), (97, 3)]:
        count, reports = forks.shared((total,)), []

        def work(start, stop, count=count):
            count[start:stop] += 1.0

        forks.run(work, total, workers, lambda *report, reports=reports: reports.append(report))
        assert (count == 1.0).all()
        assert reports[-1] == (total, total)


LEAVING = """
import os, sys, time
import numpy as np, fastgrad
def f(x):
    with open(sys.argv[1], "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(0.2)
    return x[0]
fastgrad.gradient(f, np.ones((100, 2)), batch=True, engine="python", workers=2)
"""


def is_running(process):
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_children_go_with_their_parent(number, tmp_path):
    seen = tmp_path / "seen"
    seen.touch()
    parent = subprocess.Popen([sys.executable, "-c", LEAVING, str(seen)])
    while len(set(seen.read_text().split())) < 3:
        time.sleep(0.05)
    parent.send_signal(number)
    assert parent.wait() == -number
    end = time.monotonic() + 5.0
    while any(map(is_running, set(seen.read_text().split()))) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(map(is_running, set(seen.read_text().split())))
