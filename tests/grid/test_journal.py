"""Interrupted fields go on after the slabs that their journal names."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastgrad import gradient_field
from tests.grid.stores import SHAPE, X, Y, memmap, rows_of, store, wave

pytestmark = pytest.mark.usefixtures("no_threads_of_zarr")


class Trouble(Exception):
    pass


class Failing:
    """wave, which fails when it has been called so often; the journal sees its code, not its calls."""

    def __init__(self, calls, limit):
        self.calls, self.left = calls, limit

    def __call__(self, p):
        self.calls.append(float(p[0]))
        self.left -= 1
        if self.left < 0:
            raise Trouble
        return wave(p)

    def again(self, p):
        return self(p)


@pytest.mark.parametrize("kind", ["file", "store"])
def test_goes_on_after_an_exception(tmp_path, monkeypatch, kind):
    rows_of(monkeypatch, 5)
    expected = gradient_field(wave, [X, Y], engine="python")
    out = memmap(tmp_path / "a.npy") if kind == "file" else store((2, 5, 7))
    journal, calls = tmp_path / "journal", []
    with pytest.raises(Trouble):
        gradient_field(Failing(calls, 4 * 14 * 12), [X, Y], engine="python", out=out, resume=journal)
    assert len(journal.read_text().splitlines()) == 1 + 2
    calls.clear()
    seen = []
    result = gradient_field(
        Failing(calls, 10**6), [X, Y], engine="python", out=out, resume=str(journal), full_output=True,
        progress=lambda *a: seen.append(a),
    )  # fmt: skip
    assert (np.asarray(out[:]) == expected).all()
    assert min(calls) > X[9] - 0.01, "finished slabs are not computed again"
    assert seen == sorted(seen)
    assert (seen[0][0] > 10 * 14, seen[-1]) == (True, (23 * 14, 23 * 14))
    assert (result.nfev, result.status.tolist()) == (4 * 23 * 14, [0, 0])
    assert not journal.exists()


KILLED = """
import os, signal, sys, numpy as np
from fastgrad import gradient_field
from fastgrad.grid import files
files.SLAB = 8 * 2 * 14 * 3
out = np.load(sys.argv[1], mmap_mode="r+")
calls = []
def f(p):
    return p[0] * p[0] * p[1]
class Killing:
    def __call__(self, p):
        calls.append(1)
        if len(calls) > int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        return f(p)
gradient_field(Killing(), [np.linspace(-2.0, 2.0, 23), np.linspace(0.0, 1.0, 14)],
               engine="python", out=out, resume=sys.argv[2])
print(len(calls))
"""


def test_goes_on_after_a_kill(tmp_path):
    memmap(tmp_path / "a.npy").flush()
    command = [sys.executable, "-c", KILLED, str(tmp_path / "a.npy"), str(tmp_path / "journal")]
    for _ in range(3):  # each dies in its third slab
        assert subprocess.run([*command, str(4 * 14 * 7)], check=False).returncode == -signal.SIGKILL
    done = subprocess.run([*command, "1000000"], check=True, capture_output=True, text=True)
    assert int(done.stdout) == 4 * 14 * (23 - 18)
    expected = gradient_field(lambda p: p[0] * p[0] * p[1], [X, Y], engine="python")
    assert (np.load(tmp_path / "a.npy") == expected).all()
    assert not (tmp_path / "journal").exists()


def interrupted(tmp_path, monkeypatch, slabs=2):
    """A file with some finished slabs of five rows each, and its journal."""
    rows_of(monkeypatch, 5)
    out, journal = memmap(tmp_path / "a.npy"), tmp_path / "journal"
    with pytest.raises(Trouble):
        gradient_field(Failing([], 4 * 14 * (5 * slabs + 2)), [X, Y], engine="python", out=out, resume=journal)
    return out, journal


def again(out, journal, calls=None, **options):
    options = {"engine": "python", "resume": journal, **options}
    return gradient_field(Failing([] if calls is None else calls, 10**6), [X, Y], out=out, **options)


def test_a_line_that_was_cut_short_is_not_read(tmp_path, monkeypatch):
    out, journal = interrupted(tmp_path, monkeypatch)
    text = journal.read_bytes()
    journal.write_bytes(text[:-9])
    calls = []
    again(out, journal, calls)
    assert (out == gradient_field(wave, [X, Y], engine="python")).all()
    assert len(calls) == 4 * 14 * (23 - 5)


def test_slabs_that_were_lost_are_computed_again(tmp_path, monkeypatch):
    out, journal = interrupted(tmp_path, monkeypatch)
    out[1, 7, 3] += 1e-9
    with pytest.warns(RuntimeWarning, match="1 of 2 finished slabs no longer hold") as caught:
        again(out, journal)
    assert [w.filename for w in caught] == [__file__]
    assert (out == gradient_field(wave, [X, Y], engine="python")).all()


def test_a_file_that_was_made_anew_is_noticed(tmp_path, monkeypatch):
    _, journal = interrupted(tmp_path, monkeypatch)
    out = memmap(tmp_path / "a.npy")
    with pytest.warns(RuntimeWarning, match="2 of 2 finished slabs"):
        again(out, journal)
    assert (out == gradient_field(wave, [X, Y], engine="python")).all()


def test_a_kill_after_the_last_slab_leaves_nothing_to_do(tmp_path, monkeypatch):
    out, journal = interrupted(tmp_path, monkeypatch)
    monkeypatch.setattr(type(journal), "unlink", lambda *a, **k: None)
    again(out, journal)
    monkeypatch.undo()
    calls = []
    result = again(out, journal, calls, full_output=True)
    assert (calls, result.nfev, result.engine) == ([], 4 * 23 * 14, "python")
    assert not journal.exists()


def test_other_slabs_than_before(tmp_path, monkeypatch):
    out, journal = interrupted(tmp_path, monkeypatch)
    rows_of(monkeypatch, 4)
    again(out, journal)
    assert (out == gradient_field(wave, [X, Y], engine="python")).all()


OTHERS = {
    "order": {"order": 4},
    "method": {"method": "forward"},
    "step": {"h": 1e-4},
    "engine": {"engine": "reference"},
    "args": {"args": (1.0,)},
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_journal_of_another_call(tmp_path, monkeypatch, name):
    out, journal = interrupted(tmp_path, monkeypatch)
    before = out.copy(), journal.read_bytes()
    with pytest.raises(ValueError, match=f"another field, with another (f, |order, )?{name}[,;]"):
        again(out, journal, **OTHERS[name])
    assert ((out == before[0]).all(), journal.read_bytes()) == (True, before[1])


class Scaled:
    def __init__(self, scale):
        self.scale = scale

    def __call__(self, p):
        return self.scale * p[0] * p[1]


def test_another_object_is_another_field(tmp_path, monkeypatch):
    rows_of(monkeypatch, 3)
    out, journal, stop = memmap(tmp_path / "field.npy"), tmp_path / "journal", []

    def progress(done, total):
        stop.append(done)
        if len(stop) == 2:
            raise Trouble

    with pytest.raises(Trouble):
        gradient_field(Scaled(1.0), [X, Y], out=out, resume=journal, engine="python", progress=progress)
    with pytest.raises(ValueError, match="journal of another field, with another f"):
        gradient_field(Scaled(2.0), [X, Y], out=out, resume=journal, engine="python")
    gradient_field(Scaled(1.0), [X, Y], out=out, resume=journal, engine="python")
    assert (out == gradient_field(Scaled(1.0), [X, Y], engine="python")).all()


def test_another_file_is_no_journal(tmp_path):
    out = memmap(tmp_path / "a.npy")
    for text in (b"notes\n", b'{"a": 1}\n', b"\x93NUMPY\x00"):
        (tmp_path / "b").write_bytes(text)
        with pytest.raises(ValueError, match="is not a journal"):
            gradient_field(wave, [X, Y], out=out, resume=tmp_path / "b")
        assert (tmp_path / "b").read_bytes() == text
    (tmp_path / "b").write_bytes(b"")
    gradient_field(wave, [X, Y], out=out, resume=tmp_path / "b")


def test_another_engine_than_before(tmp_path, monkeypatch):
    out, journal = interrupted(tmp_path, monkeypatch)
    header, *slabs = journal.read_text().splitlines()
    slabs = [json.dumps(["jit" if entry == "python" else entry for entry in json.loads(line)]) for line in slabs]
    journal.write_text("\n".join([header, *slabs, ""]))
    with pytest.raises(ValueError, match=r"ran on engine='jit', this one on 'python'"):
        again(out, journal)


# --- faults -----------------------------------------------------------------------------------------------------------


def stopped(tmp_path):
    """A field of which some slabs are finished, its file and its journal."""
    out, journal = memmap(tmp_path / "field.npy"), tmp_path / "journal"
    with pytest.raises(Trouble):
        gradient_field(Failing([], 500), [X, Y], out=out, resume=journal, engine="python")
    return out, journal


@pytest.mark.parametrize(
    "line", ['["a", 2, 3, "python", 4, 5]', "[0, 2, 3, 4, 5, 6]", '[5, 2, 3, "python", 4, 5]', "{}", "[1]", "7"]
)
def test_a_line_of_wrong_types_is_an_error_that_says_so(tmp_path, monkeypatch, line):
    rows_of(monkeypatch, 3)
    out, journal = stopped(tmp_path)
    journal.write_text(journal.read_text() + line + "\n")
    with pytest.raises(ValueError, match="which names no slab; delete the journal"):
        gradient_field(Failing([], 10**9), [X, Y], out=out, resume=journal, engine="python")


def test_two_calls_do_not_share_a_journal(tmp_path, monkeypatch):
    rows_of(monkeypatch, 3)
    out, journal = memmap(tmp_path / "field.npy"), tmp_path / "journal"

    def nested(p):
        gradient_field(wave, [X, Y], out=memmap(tmp_path / "other.npy"), resume=journal)
        return wave(p)

    with pytest.raises(ValueError, match="journal of a call that still runs"):
        gradient_field(nested, [X, Y], out=out, resume=journal, engine="python")
    journal.unlink()
    gradient_field(wave, [X, Y], out=out, resume=journal)
    assert not journal.exists()


def test_the_new_journal_follows_no_link(tmp_path, monkeypatch):
    rows_of(monkeypatch, 3)
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "journal.new").symlink_to(victim)
    stopped(tmp_path)
    assert victim.read_text() == "untouched"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["field.npy", "journal", "journal.new", "victim"]


def test_a_full_disk_names_the_journal_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    out, journal = memmap(tmp_path / "field.npy"), tmp_path / "journal"
    with pytest.raises(OSError, match="no room for the rest") as caught:
        gradient_field(wave, [X, Y], out=out, resume=journal)
    assert caught.value.filename == str(journal)
    assert [p.name for p in tmp_path.iterdir()] == ["field.npy"]


def test_a_full_disk_below_h5py_says_what_is_kept(tmp_path, monkeypatch):
    rows_of(monkeypatch, 3)

    class Full:
        shape, dtype, ndim, chunks = SHAPE, np.dtype(float), 3, None

        def __init__(self):
            self.file, self.puts, self.flushes = self, 0, 0

        def flush(self):
            self.flushes += 1

        def __getitem__(self, place):
            return np.zeros(SHAPE)[place]

        def __setitem__(self, place, block):
            self.puts += 1
            if self.puts == 3:
                msg = "Can't write data (file write failed: errno = 28, error message = 'No space left on device')"
                raise OSError(msg)

    out = Full()
    with pytest.raises(OSError, match="2 of 8 slabs are finished and kept"):
        gradient_field(wave, [X, Y], out=out, resume=tmp_path / "journal")
    assert out.flushes >= 2


HELPED = """
import sys, numpy as np
sys.path.insert(0, sys.argv[1])
import fastgrad
from fastgrad.grid.identity import describe
from fastgrad.engine.call import Call, Grid
from fastgrad.formulas import stencils
from fastgrad.formulas.steps import Steps
import helpers
ALLOWED = frozenset(sys.argv[2].split(","))
def outer(x):
    return helpers.g(x)
def inner(x):
    import helpers
    return helpers.g(x)
def constant(x):
    return helpers.K * x[0]
def chosen(x):
    return x[0] if "a" in ALLOWED else x[1]
for f in (outer, inner, constant, chosen):
    call = Call(f, Grid((np.ones(2), np.ones(3))), stencils.gradient(2), Steps("default", np.asarray(1.0)))
    print(describe(call, "auto", np.dtype(float))["f"])
"""


def test_what_helpers_say_counts(tmp_path):
    """Functions and constants of a module of one's own, also one that f imports itself, and sets."""

    def digests(text, chosen):
        (tmp_path / "helpers.py").write_text(text)
        words = [sys.executable, "-B", "-c", HELPED, str(tmp_path), chosen]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()

    first = digests("K = 2.0\ndef g(x):\n    return K * x[0]\n", "a,b,c")
    assert digests("K = 2.0\ndef g(x):\n    return K * x[0]\n", "c,a,b") == first
    other = digests("K = 3.0\ndef g(x):\n    return K * x[0]\n", "a,b")
    assert all(a != b for a, b in zip(first, other, strict=True))
    changed = digests("K = 2.0\ndef g(x):\n    return K * x[1]\n", "a,b,c")
    assert [a != b for a, b in zip(first, changed, strict=True)] == [True, True, False, False]


@pytest.mark.parametrize("name", ["version", "processor"])
def test_the_header_holds_version_and_processor(tmp_path, monkeypatch, name):
    rows_of(monkeypatch, 3)
    out, journal = stopped(tmp_path)
    first, *rest = journal.read_text().split("\n")
    journal.write_text("\n".join([json.dumps({**json.loads(first), name: "another"}), *rest]))
    with pytest.raises(ValueError, match=f"another field, with another {name}"):
        gradient_field(Failing([], 10**9), [X, Y], out=out, resume=journal, engine="python")


@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [
        (3, TypeError, "resume=3 is no path, but int; name a file"),
        ("", ValueError, "resume='' is a folder; name a file"),
        (Path(), ValueError, "is a folder; name a file"),
    ],
)
def test_what_is_no_file(tmp_path, path, kind, text):
    with pytest.raises(kind, match=text):
        gradient_field(wave, [X, Y], out=memmap(tmp_path / "field.npy"), resume=path)
