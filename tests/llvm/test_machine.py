"""Machine code in the process and in the folder:
many processes, a folder that cannot be used, old and damaged files."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from fastgrad.llvm import machine

TEXT = "define i64 @twice(i64 %a, i64 %b, ptr %c) {{\n  %r = add i64 %a, {number}\n  ret i64 %r\n}}\n"


def add(number):
    """The function a + number, compiled or loaded."""
    return machine.functions(TEXT.format(number=number), "twice")[0]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTGRAD_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(machine, "_compiled", {})
    return tmp_path / "cache"


def test_compiled_once_in_a_process(folder):
    assert add(3)(4, 0, 0) == 7
    known = machine._compiled.copy()
    assert add(3)(5, 0, 0) == 8
    assert machine._compiled.keys() == known.keys()


def test_the_next_process_reads_the_file(folder, monkeypatch):
    add(11)
    (file,) = folder.glob("*.o")
    machine._compiled.clear()

    def never(text):
        pytest.fail("compiled again")

    monkeypatch.setattr(machine, "_optimised", never)
    assert add(11)(1, 0, 0) == 12
    assert list(folder.glob("*")) == [file]


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[: len(b) // 2], lambda b: b[:40] + b"?" + b[41:], lambda b: b""],
    ids=["half", "a byte", "empty"],
)
def test_a_damaged_file_is_compiled_again(folder, damage):
    add(12)
    (file,) = folder.glob("*.o")
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    machine._compiled.clear()
    assert add(12)(1, 0, 0) == 13
    assert file.read_bytes() == whole


def test_no_home_directory(monkeypatch):
    def nobody(path):
        raise RuntimeError(path)

    monkeypatch.delenv("FASTGRAD_CACHE_DIR", raising=False)
    monkeypatch.setattr("pathlib.Path.expanduser", nobody)
    with pytest.raises(OSError, match=r"\.cache|Caches|AppData|/"):
        machine.folder()
    assert machine._read("0" * 64) is None
    machine._write("0" * 64, b"code")


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("a file where the folder should be")
    monkeypatch.setenv("FASTGRAD_CACHE_DIR", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(machine, "_compiled", {})
    assert add(13)(1, 0, 0) == 14


def test_a_full_disk(folder, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert add(14)(1, 0, 0) == 15
    assert list(folder.glob("*")) == []


def test_the_least_recently_used_files_go(folder, monkeypatch):
    monkeypatch.setattr(machine, "LARGEST_NUMBER", 4)
    monkeypatch.setattr(machine, "OLDEST_NUMBER", 2)
    for number in range(4):
        add(20 + number)
        for file in folder.glob("*.o"):
            os.utime(file, (time.time() - 1000 + number, time.time() - 1000 + number))
    add(30)
    assert len(list(folder.glob("*.o"))) == 2
    machine._compiled.clear()
    monkeypatch.setattr(machine, "_optimised", lambda text: pytest.fail("the newest file is gone"))
    assert add(30)(1, 0, 0) == 31


def test_the_digest_covers_what_code_depends_on(monkeypatch):
    plain = machine._digest("text")
    assert machine._digest("other text") != plain
    monkeypatch.setenv("FASTGRAD_VECTOR_MATH", "0")
    machine._surroundings.cache_clear()
    assert machine._digest("text") != plain
    machine._surroundings.cache_clear()


WORKER = """
import sys, numpy as np, fastgrad
seed = int(sys.argv[1])
x = np.random.default_rng(seed).uniform(0.5, 1.5, (64, 2))
cases = {
    "sin": (lambda x: np.sin(x[0]) * x[1], lambda a, b: (np.cos(a) * b, np.sin(a))),
    "cos": (lambda x: np.cos(x[0]) * x[1], lambda a, b: (-np.sin(a) * b, np.cos(a))),
    "exp": (lambda x: np.exp(x[0]) * x[1], lambda a, b: (np.exp(a) * b, np.exp(a))),
    "log": (lambda x: np.log(x[0]) * x[1], lambda a, b: (b / a, np.log(a))),
}
for name in np.random.default_rng(seed).permutation(list(cases)):
    f, exact = cases[name]
    found = fastgrad.gradient(f, x, batch=True, engine="simd")
    assert np.abs(found - np.stack(exact(*x.T), 1)).max() < 1e-8, name
"""


def test_many_processes_one_folder(folder):
    environment = {**os.environ, "FASTGRAD_CACHE_DIR": str(folder)}
    processes = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(k)], env=environment, stderr=subprocess.PIPE, text=True)
        for k in range(6)
    ]
    errors = [(p.communicate()[1], p.returncode) for p in processes]
    assert errors == [("", 0)] * len(processes)
    assert len(list(folder.glob("*.o"))) == 4
    assert not list(folder.glob("*.tmp"))


def test_a_child_made_by_fork_uses_what_was_compiled(folder):
    run = add(40)
    child = os.fork() if hasattr(os, "fork") else None
    if child == 0:
        os._exit(0 if run(2, 0, 0) == 42 and add(41)(1, 0, 0) == 42 else 1)
    if child:
        assert os.waitpid(child, 0)[1] == 0


def test_the_folder_follows_the_platforms_habits(monkeypatch, tmp_path):
    monkeypatch.delenv("FASTGRAD_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert machine.folder() == tmp_path / "fastgrad"
    assert np.isfinite(machine.lanes())
