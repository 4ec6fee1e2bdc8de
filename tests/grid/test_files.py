"""Samples in files."""

import subprocess
import sys

import numpy as np
import pytest

from fastgrad import grid
from fastgrad.grid.files import file_of, is_full
from tests.grid.samples import same, samples

pytestmark = pytest.mark.usefixtures("no_short_cut", "no_copies")


def test_files(tmp_path, monkeypatch):
    from fastgrad.grid import boxes, files

    monkeypatch.setattr(files, "SLAB", 1 << 12)
    monkeypatch.setattr(boxes, "BOX", 1 << 9)
    values = samples((64, 32))
    np.save(tmp_path / "values.npy", values)
    for mode in ("r", "c"):
        stored = np.load(tmp_path / "values.npy", mmap_mode=mode)
        if mode == "c":
            stored[3, 3] = values[3, 3] = 5.0  # a change that is in this process alone
        out = np.lib.format.open_memmap(tmp_path / f"out{mode}.npy", "w+", shape=(2, 64, 32))
        assert grid.gradient(stored, out=out) is out
        same(grid.gradient(stored), np.gradient(stored))
        assert (out == np.gradient(values)).all()
        assert (np.load(tmp_path / f"out{mode}.npy") == np.gradient(values)).all()


MEMORY = """
import resource, sys, numpy as np
from fastgrad import grid
values = np.load(sys.argv[1], mmap_mode="r")
out = np.lib.format.open_memmap(sys.argv[2], "w+", shape=(2, *values.shape))
grid.gradient(np.ones((600, 600)), out=np.empty((2, 600, 600)))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
grid.gradient(values, out=out)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, out[0, 100, 7])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss has other units")
def test_files_do_not_stay_in_memory(tmp_path):
    stored = np.lib.format.open_memmap(tmp_path / "values.npy", "w+", shape=(4096, 4096))
    stored[:] = np.arange(4096.0)[:, None]
    stored.flush()
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "values.npy"), str(tmp_path / "out.npy")]
    kilobytes, value = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert int(kilobytes) < 96 * 1024, "of 384 MB"
    assert value == "1.0"


def test_memory_is_no_file_and_a_full_disk_is_known(tmp_path):
    mapped = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", shape=(4, 5))
    assert file_of(np.ones(3)) is None
    assert file_of(mapped[1:, 2:]) is not None
    assert is_full(OSError(28, "no room"))
    assert not is_full(OSError(2, "no file"))
