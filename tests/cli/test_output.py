"""Files that the command line writes."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fastgrad.cli import operands, output
from tests.cli.commandlines import FIELD, GRID, XY, process


@pytest.mark.parametrize("axes", [GRID, ["--x=-1:1:0.5", "--y=0:3:1"], ["--axis", "-1:1:0.5", "--axis", "0:3:1"]])
def test_field_npz(here, run, axes):
    code, out, err = run("field", "model:Net.loss", *axes, "-o", "a.npz")
    assert (code, out) == (0, "")
    assert err.startswith("imported\n")
    x, y = np.meshgrid(*XY, indexing="ij")
    with np.load("a.npz", allow_pickle=False) as file:
        assert set(file) == {"gradient", "x0", "x1"}
        assert file["x0"].tolist() == XY[0].tolist()
        assert file["x1"].tolist() == XY[1].tolist()
        np.testing.assert_allclose(file["gradient"], [2 * x * y, x * x], rtol=0, atol=1e-9)
    assert sorted(os.listdir()) == ["a.npz", "model.py"]


@pytest.mark.parametrize("dimension", [1, 3, 4])
def test_field_npy_of_any_dimension(here, run, dimension):
    axes = ["-1:1:1", "0:1.5:0.5", "2:2:1", "-0.5:1:0.75"][:dimension]
    names = ["--x", "--y", "--z"] if dimension < 4 else ["--axis"] * 4
    words = [w for pair in zip(names, axes, strict=False) for w in pair]
    assert run("field", "./model.py:energy", *words, "-o", "A.NPY")[0] == 0
    mesh = np.meshgrid(*map(operands.axis, axes), indexing="ij")
    np.testing.assert_allclose(np.load("A.NPY"), 2 * np.array(mesh), rtol=0, atol=1e-9)


def test_field_png(here, run):
    pytest.importorskip("matplotlib")
    assert run("field", "sample:bump", *GRID, "-o", "a.png")[0] == 0
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")
    assert Path("a.png").read_bytes().rstrip(b"\0").endswith(b"IEND\xaeB`\x82")


def test_field_in_another_folder_through_a_link(here, run):
    Path("data").mkdir()
    Path("data/real.npy").touch()
    os.chmod("data/real.npy", 0o640)
    os.symlink("data/real.npy", "link.npy")
    assert run("field", "model:energy", "--x", "0:1:1", "-o", "link.npy")[0] == 2
    assert run("field", "model:energy", "--x", "0:1:1", "-o", "link.npy", "--force")[0] == 0
    assert os.path.islink("link.npy")
    assert np.load("data/real.npy").shape == (1, 2)
    assert os.stat("data/real.npy").st_mode & 0o777 == 0o640
    assert os.listdir("data") == ["real.npy"]


def test_a_new_file_has_the_usual_permissions(here, run):
    Path("other").touch()
    assert run("field", "model:energy", "--x", "0:1:1", "-o", "a.npy")[0] == 0
    assert os.stat("a.npy").st_mode == os.stat("other").st_mode


def test_picture_without_matplotlib(here, run, monkeypatch):
    monkeypatch.setattr(output, "find_spec", lambda _: None)
    code, _, err = run(*FIELD, *GRID, "-o", "a.png")
    assert code == 2
    assert "pip install 'fastgrad[plot]'" in err


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process")
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_full_disk_leaves_nothing(here, suffix):
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000));"
        "from fastgrad.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    words = ["field", "sample:sphere", "--x", "0:1:0.001", "-o", f"a{suffix}"]
    done = process(*words, start=(sys.executable, "-c", code))
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert os.listdir() == ["model.py"]


def test_a_file_that_comes_up_meanwhile_stays(here, run):
    source = "from pathlib import Path\ndef f(p):\n    Path('a.npy').write_text('new')\n    return p[0]\n"
    Path("writer.py").write_text(source, encoding="utf-8")
    code, _, err = run("field", "writer:f", "--x", "0:1:1", "-o", "a.npy", "--engine", "python")
    assert code == 2
    assert "exists" in err
    assert Path("a.npy").read_text(encoding="utf-8") == "new"
    assert not [name for name in os.listdir() if name.endswith(".tmp")]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_interrupt_leaves_nothing(here):
    words = ["field", "model:slow", "--x", "0:1:0.0005", "-o", "a.npy", "--progress", "--engine", "python"]
    with subprocess.Popen([sys.executable, "-m", "fastgrad", *words], stderr=subprocess.PIPE, text=True) as running:
        seen = ""
        while "%" not in seen:
            seen += running.stderr.read(1)
        time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        rest = running.communicate(timeout=30)[1]
    assert running.returncode == 130
    assert rest.endswith("\ninterrupted\n")
    assert not re.search("Traceback|Exception", rest)
    assert os.listdir() == ["model.py"]


def test_interrupt_while_writing_leaves_nothing(here, run, monkeypatch):
    def interrupted(file, field, axes):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setitem(output._WRITERS, ".npy", interrupted)
    code, _, err = run("field", "sample:sphere", "--x", "0:1:1", "-o", "a.npy")
    assert (code, err) == (130, "interrupted\n")
    assert os.listdir() == ["model.py"]
