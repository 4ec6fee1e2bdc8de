"""Fields in files and stores: the bits of the run in memory, whatever the slabs and whatever came between."""

import errno
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
import zarr

from fastgrad import ConstantFunctionWarning, PerformanceWarning, gradient_field, grid
from fastgrad.grid import files, slabs
from tests.grid.stores import SHAPE, X, Y, memmap, rows_of, store, wave

pytestmark = pytest.mark.usefixtures("no_threads_of_zarr")

ENGINES = ["auto", "simd", "jit", "python", "reference"]


# --- the same bits ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rows", [1, 5, 23])
def test_bits_do_not_depend_on_slabs(tmp_path, monkeypatch, engine, rows):
    rows_of(monkeypatch, rows)
    expected = gradient_field(wave, [X, Y], engine=engine, full_output=True)
    for out in (memmap(tmp_path / "c.npy"), memmap(tmp_path / "f.npy", order=True), store((1, 4, 14))):
        result = gradient_field(wave, [X, Y], engine=engine, out=out, full_output=True)
        assert result.value is out
        assert np.asarray(out[:]).tobytes() == expected.value.tobytes()
        assert (result.engine, result.nfev) == (expected.engine, expected.nfev)
        assert all((a == b).all() for a, b in zip(result.h, expected.h, strict=True))
    assert (np.load(tmp_path / "c.npy") == expected.value).all()


@pytest.mark.parametrize(
    "axes", [[X], [Y, X, Y[:3]], [X[:1], Y], [X, Y[:1]]], ids=lambda axes: str(list(map(len, axes)))
)
def test_any_number_of_axes(tmp_path, monkeypatch, axes):
    def f(p):
        return np.sum(p**3)

    rows_of(monkeypatch, 1, plane=1)
    expected = gradient_field(f, axes, engine="simd")
    out, far = memmap(tmp_path / "a.npy", expected.shape), store(expected.shape, expected.shape)
    gradient_field(f, axes, engine="simd", out=out)
    gradient_field(f, axes, engine="simd", out=far)
    assert (out == expected).all()
    assert (far[:] == expected).all()


def test_single_precision(tmp_path, monkeypatch):
    rows_of(monkeypatch, 4)
    axes = [X.astype(np.float32), Y.astype(np.float32)]
    expected = gradient_field(wave, axes)
    out, far = memmap(tmp_path / "a.npy", dtype=np.float32), store((2, 5, 5), dtype="f4")
    gradient_field(wave, axes, out=out)
    gradient_field(wave, axes, out=far)
    assert expected.dtype == out.dtype == far.dtype == np.float32
    assert (out == expected).all()
    assert (far[:] == expected).all()


def test_engine_is_chosen_for_the_whole_grid(tmp_path, monkeypatch):
    rows_of(monkeypatch, 1)  # of 56 calls each: alone a slab would run on python
    result = gradient_field(wave, [X, Y], out=memmap(tmp_path / "a.npy"), full_output=True)
    assert result.engine == gradient_field(wave, [X, Y], full_output=True).engine == "simd"


class Store:
    """The least that a store has; it remembers what was put where."""

    def __init__(self, chunks=None, shards=None):
        self.data, self.spans = np.full(SHAPE, np.nan), []
        self.shape, self.dtype, self.ndim, self.chunks, self.shards = SHAPE, self.data.dtype, 3, chunks, shards

    def __getitem__(self, key):
        return self.data[key]

    def __setitem__(self, key, block):
        self.spans.append((key[1].start, key[1].stop))
        self.data[key] = block


@pytest.mark.parametrize(
    ("options", "spans"),
    [
        ({}, [(0, 8), (8, 16), (16, 23)]),
        ({"chunks": (2, 3, 14)}, [(0, 6), (6, 12), (12, 18), (18, 23)]),
        ({"chunks": (2, 12, 1)}, [(0, 12), (12, 23)]),
        ({"chunks": (2, 3, 14), "shards": (2, 5, 14)}, [(0, 5), (5, 10), (10, 15), (15, 20), (20, 23)]),
        ({"chunks": ((2,), (20, 3), (14,))}, [(0, 8), (8, 16), (16, 23)]),
    ],
    ids=["no chunks", "chunks", "larger chunks", "shards", "another kind of chunks"],
)
def test_slabs_are_whole_chunks(monkeypatch, options, spans):
    rows_of(monkeypatch, 8)
    out = Store(**options)
    assert gradient_field(wave, [X, Y], out=out) is out
    assert out.spans == spans
    assert (out.data == gradient_field(wave, [X, Y])).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rows", [1, 7])
@pytest.mark.parametrize("axes", [[X, Y], [X]], ids=["plane", "line"])
def test_progress_counts_the_whole_grid(monkeypatch, engine, rows, axes):
    def f(p):
        return p[0] * p[0]

    seen, total = [], 23 * 14 if len(axes) == 2 else 23
    shape = (len(axes), *map(len, axes))
    rows_of(monkeypatch, rows, plane=2 * total // 23)
    gradient_field(f, axes, engine=engine, out=store(shape, shape=shape), progress=lambda *a: seen.append(a))
    assert seen == sorted(seen)
    assert seen[-1] == (total, total)
    assert {total for _, total in seen} == {total}


def test_status_is_one_number_per_component(tmp_path, monkeypatch):
    rows_of(monkeypatch, 4)
    axes = [X, np.array([1.0, 1.057464])]  # there f overflows when the second coordinate moves
    out = memmap(tmp_path / "a.npy", (2, 23, 2))
    result = gradient_field(lambda p: p[0] + 1.7e308 * float(p[1]), axes, out=out, full_output=True)
    assert np.isfinite(out).all(axis=(1, 2)).tolist() == [True, False]
    assert result.status.tolist() == [0, -3]


def test_a_constant_warns_once(tmp_path, monkeypatch):
    rows_of(monkeypatch, 4)
    with pytest.warns(ConstantFunctionWarning) as caught:
        gradient_field(lambda p: 1.0, [X, Y], out=memmap(tmp_path / "a.npy"))
    assert [w.filename for w in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gradient_field(lambda p: max(p[0], 1.9) + 0 * p[1], [X, Y], engine="python", out=memmap(tmp_path / "b.npy"))


def test_slow_functions_warn_once_of_the_whole(tmp_path, monkeypatch):
    rows_of(monkeypatch, 40, plane=2 * 40)
    axis, seen = np.linspace(0.0, 1.0, 60), []
    with pytest.warns(PerformanceWarning, match=r"called 14,400 times") as caught:
        gradient_field(
            lambda p: seen.append(1) or p[0], [axis, axis], engine="python", out=memmap(tmp_path / "a.npy", (2, 60, 60))
        )
    assert [w.filename for w in caught] == [__file__]


MEMORY = """
import resource, sys, numpy as np
from fastgrad import gradient_field
axis = np.linspace(0.0, 1.0, 4000)
out = np.lib.format.open_memmap(sys.argv[1], "w+", shape=(2, 4000, 4000))
f = lambda p: p[0] * p[1]
gradient_field(f, [axis, axis[:100]])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
gradient_field(f, [axis, axis], out=out)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, (out[1, -1] == out[1, 0] + 1).mean())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss has other units")
def test_a_slab_is_in_memory(tmp_path):
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "a.npy")]
    kilobytes, _ = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert int(kilobytes) < 96 * 1024, "of 256 MB"


# --- full disks -------------------------------------------------------------------------------------------------------


def no_room_after(monkeypatch, calls):
    """The system has no room for a file after so many requests."""
    seen = []

    def refuse(opened, start, length):
        seen.append((start, length))
        if len(seen) > calls:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
    return seen


def test_full_disk_of_a_file(tmp_path, monkeypatch):
    rows_of(monkeypatch, 5)
    out, journal = memmap(tmp_path / "a.npy"), tmp_path / "journal"
    expected = gradient_field(wave, [X, Y])
    seen = no_room_after(monkeypatch, 4)
    with pytest.raises(OSError, match=r"2 of 5 slabs are finished and kept.*resume=.*a\.npy") as caught:
        gradient_field(wave, [X, Y], out=out, resume=journal)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "a.npy"))
    header, row = os.path.getsize(tmp_path / "a.npy") - out.nbytes, 8 * 14
    assert seen[:3] == [(header, 5 * row), (header + 23 * row, 5 * row), (header + 5 * row, 5 * row)]
    assert (out[:, :10] == expected[:, :10]).all()
    assert not out[:, 10:].any()
    monkeypatch.undo()
    gradient_field(wave, [X, Y], out=out, resume=journal)
    assert (out == expected).all()
    no_room_after(monkeypatch, 0)
    with pytest.raises(OSError, match="with resume= a call goes on"):
        gradient_field(wave, [X, Y], out=out)


def test_full_disk_of_samples(tmp_path, monkeypatch):
    from fastgrad.grid import boxes

    monkeypatch.setattr(files, "SLAB", 1 << 12)
    monkeypatch.setattr(boxes, "BOX", 1 << 9)
    values = np.sin(np.arange(64 * 32.0)).reshape(64, 32)
    out = memmap(tmp_path / "a.npy", (2, 64, 32))
    seen = no_room_after(monkeypatch, 4)
    with pytest.raises(OSError, match=r"2 of 4 boxes are finished and kept. Free some space.*a\.npy") as caught:
        grid.gradient(values, 0.5, 0.25, out=out, accuracy=4)
    assert caught.value.errno == errno.ENOSPC
    assert not out[:, 32:].any()
    monkeypatch.undo()
    expected = grid.gradient(values, 0.5, 0.25, accuracy=4)
    assert (out[:, :32] == np.array(expected)[:, :32]).all()
    assert [length for _, length in seen] == [8 * 16 * 32] * 5


def whole(out):
    return out


def apart(out):
    return tuple(out)


def turned(out):
    return tuple(component[::-1, :, ::-1] for component in out)


@pytest.mark.parametrize("order", [False, True], ids=["C", "F"])
@pytest.mark.parametrize("form", [whole, apart, turned])
def test_room_is_asked_for_all_that_is_written(tmp_path, monkeypatch, form, order):
    from fastgrad.grid import boxes

    for name in ("ROW", "ONE_ROW", "PLANE", "BOX", "COPIED_BOX"):
        monkeypatch.setattr(boxes, name, 7)
    monkeypatch.setattr(files, "SLAB", 1 << 9)
    monkeypatch.setattr(boxes, "SHORTEST", 3)
    out = memmap(tmp_path / "a.npy", (3, 9, 8, 7), order=order)
    seen = no_room_after(monkeypatch, 10**6)
    values = np.sin(np.arange(9 * 8 * 7.0)).reshape(9, 8, 7)
    grid.gradient(values, accuracy=4, out=form(out))
    asked = np.zeros(os.path.getsize(tmp_path / "a.npy"), bool)
    for start, length in seen:
        asked[start : start + length] = True
    assert asked[-out.nbytes :].all()
    assert not asked[: -out.nbytes].any()


@pytest.mark.parametrize("error", [errno.EOPNOTSUPP, errno.EINVAL])
def test_file_systems_that_reserve_nothing(tmp_path, monkeypatch, error):
    def refuse(*_):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
    out = memmap(tmp_path / "a.npy")
    gradient_field(wave, [X, Y], out=out)
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    assert (gradient_field(wave, [X, Y], out=memmap(tmp_path / "b.npy")) == out).all()


def test_a_file_that_was_removed_is_still_written(tmp_path):
    out = memmap(tmp_path / "a.npy")
    (tmp_path / "a.npy").unlink()
    assert (gradient_field(wave, [X, Y], out=out) == gradient_field(wave, [X, Y])).all()


LIMITED = """
import resource, sys, numpy as np, zarr
from fastgrad import gradient_field
from fastgrad.grid import files
files.SLAB = 8 * 2 * 40 * 10
out = zarr.create_array(store=sys.argv[1], shape=(2, 40, 40), chunks=(1, 10, 40), dtype="f8",
                        compressors=None, fill_value=0.0)
axis = np.linspace(-2.0, 2.0, 40)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    gradient_field(lambda p: np.maximum(p[0], 0.0) ** 2, [axis, axis], out=out, resume=sys.argv[2])
except OSError as error:
    print(type(error).__name__, error.errno, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
gradient_field(lambda p: np.maximum(p[0], 0.0) ** 2, [axis, axis], out=out, resume=sys.argv[2])
print((out[:] == gradient_field(lambda p: np.maximum(p[0], 0.0) ** 2, [axis, axis])).all())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on files")
def test_full_disk_of_a_store(tmp_path):
    """Chunks of zeros make no files; the first other one is larger than files may be."""
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "a.zarr"), str(tmp_path / "journal"), "2000"]
    first, second = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert first.startswith(f"OSError {errno.EFBIG} ")
    assert "2 of 4 slabs are finished and kept" in first
    assert f"resume='{tmp_path / 'journal'}'" in first
    assert second == "True"


@pytest.mark.parametrize(
    ("finished", "height", "spans"),
    [
        ([], 4, [(0, 4), (4, 8), (8, 10)]),
        ([(4, 8)], 4, [(0, 4), (8, 10)]),
        ([(8, 10), (0, 3)], 4, [(3, 4), (4, 8)]),
        ([(0, 10)], 4, []),
        ([(1, 2), (2, 9)], 100, [(0, 1), (9, 10)]),
    ],
    ids=["none", "middle", "ends", "all", "high"],
)
def test_slabs_between_those_that_are_finished(finished, height, spans):
    done = [slabs.Slab(first, last, 0, "python", 0, 0.0) for first, last in finished]
    assert list(slabs._unfinished(10, height, done)) == spans


def test_a_store_has_to_fit_the_field():
    store = zarr.create_array(zarr.storage.MemoryStore(), shape=(2, 3, 4), dtype="f8", chunks=(2, 3, 4))
    assert slabs.check_target(store, (2, 3, 4), np.dtype("f8")) is store
    for shape, dtype in (((2, 3, 5), "f8"), ((2, 3, 4), "f4")):
        with pytest.raises(ValueError, match=r"out has shape \(2, 3, 4\) and dtype float64.*make it with shape="):
            slabs.check_target(store, shape, np.dtype(dtype))


def test_files_and_stores_lie_outside_memory(tmp_path):
    mapped = np.lib.format.open_memmap(tmp_path / "a.npy", mode="w+", shape=(2, 3))
    assert slabs.is_outside(mapped)
    assert slabs.is_outside(mapped[:, 1:])
    assert slabs.is_outside(zarr.create_array(zarr.storage.MemoryStore(), shape=(2,), dtype="f8"))
    assert not slabs.is_outside(np.zeros(3))
