"""The command line: values against exact gradients, one row per promised error, streams and exit codes."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import fastgrad
from fastgrad.cli import commands, operands, output, report
from fastgrad.formulas.samples import SAMPLES

MODEL = """
    import sys
    import time
    import warnings
    from dataclasses import dataclass

    import numpy as np

    print("imported")

    @dataclass
    class Net:
        width: int = 1

        @staticmethod
        def loss(p):
            return p[0] * p[0] * p[1]

    class Broken(Exception):
        def __str__(self):
            raise RuntimeError

    value = 3.0

    def energy(p):
        return np.sum(p * p)

    def zero_division(p):
        return 1 / 0

    def late(p):
        return np.linalg.inv(np.zeros((2, 2)))[0, 0]

    def exits(p):
        sys.exit(0)

    def broken(p):
        raise Broken

    def lines(p):
        raise ValueError("first\\nsecond")

    def vector(p):
        return p

    def constant(p):
        return 3.0

    def nan_right(p):
        return np.where(p[0] > 0.5, np.nan, p[0] * p[1])

    def branches(p):
        while p[0] > 1e9:
            p = p / 2
        return float(str(p[0]))

    def slow(p):
        time.sleep(0.01)
        return p[0]
"""
GRID = ["--x", "-1:1:0.5", "--y", "0:3:1"]
XY = [np.linspace(-1, 1, 5), np.arange(4.0)]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current directory with model.py; what it imports is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    Path("model.py").write_text(textwrap.dedent(MODEL), encoding="utf-8")
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if not name.startswith(("fastgrad", "numba", "llvmlite", "matplotlib", "numpy", "scipy")):
            del sys.modules[name]


@pytest.fixture
def run(capsys):
    """A command line in this process: (exit code, stdout, stderr)."""

    def run(*words):
        code = commands.main(words)
        return code, *capsys.readouterr()

    return run


def process(*words, start=(sys.executable, "-m", "fastgrad"), **options):
    return subprocess.run([*start, *words], check=False, capture_output=True, text=True, timeout=60, **options)


# --- ranges ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "nodes"),
    [
        ("-2:2:1", [-2, -1, 0, 1, 2]),
        ("0:1:0.1", [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        ("1:1.3:0.1", [1.0, 1.1, 1.2, 1.3]),  # np.arange(1, 1.3, 0.1) has 1.3 by accident
        ("0:1:0.3", [0, 0.3, 0.6, 0.9]),
        ("2:-2:-2", [2, 0, -2]),
        ("5:5:1", [5]),
        ("5:5:-1", [5]),
        ("0:1:5.", [0]),
        ("0:2e-3:1e-3", [0, 0.001, 0.002]),
        ("-.5:.5:.5", [-0.5, 0, 0.5]),
        ("0:1:0.3333333333333333", [0, 1 / 3, 2 / 3, 1]),
        ("0:1:0.33333333333333337", [0, 1 / 3, 2 / 3, 1]),
        ("1e300:2e300:1e300", [1e300, 2e300]),
        ("0:1e-320:1e-400", None),
    ],
)
def test_axis(word, nodes):
    if nodes is None:
        with pytest.raises(ValueError, match="step must not be 0"):
            operands.axis(word)
        return
    found = operands.axis(word)
    assert found.dtype == np.float64
    if "333" in word:
        np.testing.assert_allclose(found, nodes, rtol=4e-16)
        assert found[-1] == 1.0
    else:
        assert found.tolist() == nodes


def test_axis_has_the_written_decimals():
    assert operands.axis("-3:3:0.01").tolist() == [float(f"{i}e-2") for i in range(-300, 301)]


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("1:2", "no range; write start:stop:step"),
        ("1:2:3:4", "no range"),
        ("", "no range"),
        ("a:2:1", "'a' where a finite number is needed"),
        ("0:inf:1", "'inf'"),
        ("0:nan:1", "'nan'"),
        ("0::1", "''"),
        ("0:1:10j", "'10j'"),
        ("0:1:1e999999999", "'1e999999999'"),
        ("0:1:1/2", "'1/2'"),
        ("0:1:0", "the step must not be 0"),
        ("0:1:-1", "the step must have the other sign"),
        ("1:0:0.5", "the step must have the other sign"),
        ("0:1:1e-10", "more than 1e+08 nodes"),
        ("0:1e308:1e-300", "more than 1e+08 nodes"),
        ("1e16:10000000000000004:0.5", "below the spacing of floats"),
    ],
)
def test_axis_errors(here, run, word, text):
    code, out, err = run("field", "model:energy", "--x", word, "-o", "a.npy")
    assert (code, out) == (2, "")
    assert text in err
    assert err.startswith("error: argument --x: ")


# --- field -----------------------------------------------------------------------------------------------------------


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


def test_field_options_arrive(here, run):
    words = ["--order", "1", "--method", "forward", "--h", "0.5,0.25", "--engine", "reference"]
    code, out, err = run("field", "model:energy", *GRID, "-o", "a.npy", "--json", *words)
    facts = json.loads(out)
    assert code == 0
    assert facts["engine"] == "reference"
    assert facts["shape"] == [2, 5, 4]
    assert facts["file"] == str(here / "a.npy")
    assert facts["not_finite"] == 0
    assert err == "imported\n"
    x, y = np.meshgrid(*XY, indexing="ij")
    assert (np.load("a.npy") == [2 * x + 0.5, 2 * y + 0.25]).all()


@pytest.mark.parametrize("name", ["sin_product", "himmelblau"])
def test_field_of_a_sample(here, run, name):
    assert run("field", f"sample:{name}", *GRID, "-o", "a.npy", "--order", "6", "--no-progress")[0] == 0
    field = np.load("a.npy").reshape(2, -1)
    mesh = np.array(np.meshgrid(*XY, indexing="ij")).reshape(2, -1)
    np.testing.assert_allclose(field.T, [SAMPLES[name].gradient(p) for p in mesh.T], rtol=1e-9, atol=1e-9)


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


def test_progress_is_on_stderr_and_only_where_asked_for(here, run):
    _, out, err = run("field", "model:energy", *GRID, "-o", "a.npy", "--progress")
    assert out == ""
    assert err.split("\n")[1].startswith("\r")
    assert err.split("\n")[1].endswith("100 % of 20 points")
    _, _, err = run("field", "model:energy", *GRID, "-o", "b.npy")
    assert "%" not in err


def test_numbers_that_are_not_finite_are_told(here, run):
    code, _, err = run("field", "model:nan_right", *GRID, "-o", "a.npy")
    assert code == 0
    assert "warning: 12 of 40 numbers are not finite" in err
    assert np.count_nonzero(np.isnan(np.load("a.npy"))) == 12


@pytest.mark.filterwarnings("default")
def test_warnings_are_lines(here, run):
    code, _, err = run("field", "model:constant", *GRID, "-o", "a.npy")
    assert code == 0
    assert "\nwarning: ConstantFunctionWarning: every difference is zero" in err
    assert "commands.py" not in err


FIELD = ["field", "model:energy"]


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["field"], 2, "the following arguments are required: function, -o/--output; see fastgrad field --help"),
        ([*FIELD, *GRID], 2, "-o/--output"),
        (["nonsense"], 2, "invalid choice: 'nonsense'"),
        (["--nonsense"], 2, "--nonsense"),
        ([*FIELD, *GRID, "-o", "a.npy", "--forc"], 2, "--forc"),
        ([*FIELD, "-o", "a.npy"], 2, "no axes; write --x start:stop:step"),
        ([*FIELD, "--y", "0:1:1", "-o", "a.npy"], 2, "an axis is missing before the last one"),
        ([*FIELD, "--x", "0:1:1", "--z", "0:1:1", "-o", "a.npy"], 2, "an axis is missing"),
        ([*FIELD, *GRID, "--axis", "0:1:1", "-o", "a.npy"], 2, "both --axis and"),
        ([*FIELD, *GRID, "--x", "0:1:1", "-o", "a.npy"], 2, "given twice"),
        ([*FIELD, *GRID, "-o", "a.csv"], 2, "ends in '.csv'; write .npz, .npy, .png"),
        ([*FIELD, *GRID, "-o", "a"], 2, "ends in ''"),
        ([*FIELD, *GRID, "-o", "none/a.npy"], 2, "does not exist; create it first"),
        ([*FIELD, *GRID, "-o", "model.py/a.npy"], 2, "does not exist"),
        ([*FIELD, *GRID, "-o", "taken.npy"], 2, "exists; give --force"),
        ([*FIELD, *GRID, "-o", "folder.npy", "--force"], 2, "a folder or a device"),
        ([*FIELD, "--x", "0:1:1", "-o", "a.png"], 2, "a picture shows two dimensions, the field has 1"),
        ([*FIELD, *GRID, "-o", "a.npy", "--order", "3"], 2, "order=3 does not exist"),
        ([*FIELD, *GRID, "-o", "a.npy", "--order", "two"], 2, "argument --order: invalid int value: 'two'"),
        ([*FIELD, *GRID, "-o", "a.npy", "--method", "sideways"], 2, "argument --method: invalid choice"),
        ([*FIELD, *GRID, "-o", "a.npy", "--engine", "steam"], 2, "argument --engine: invalid choice"),
        ([*FIELD, *GRID, "-o", "a.npy", "--h", "-1e-3"], 2, "h=-0.001 must be positive"),
        ([*FIELD, *GRID, "-o", "a.npy", "--h", "x"], 2, "argument --h: 'x' is not a number"),
        ([*FIELD, *GRID, "-o", "a.npy", "--h", "1,2,3"], 2, "does not fit x of shape (2,)"),
        ([*FIELD, *GRID, "-o", "a.npy", "--h", "1e-30"], 2, "vanishes beside x="),
        ([*FIELD, *GRID, "-o", "a.npy", "--workers", "0"], 2, "workers=0 must be"),
        (["field", "energy", *GRID, "-o", "a.npy"], 2, "names no function; write MODULE:FUNCTION"),
        (["field", "model:", *GRID, "-o", "a.npy"], 2, "names no function"),
        (["field", ":energy", *GRID, "-o", "a.npy"], 2, "names no function"),
        (["field", "model:energ", *GRID, "-o", "a.npy"], 2, "has no 'energ'; did you mean model:energy?"),
        (["field", "model:Net.los", *GRID, "-o", "a.npy"], 2, "has no 'Net.los'"),
        (["field", "model:value", *GRID, "-o", "a.npy"], 2, "is no function, it is a float"),
        (["field", "nowhere:f", *GRID, "-o", "a.npy"], 2, "no module called 'nowhere'"),
        (["field", "model.deep:f", *GRID, "-o", "a.npy"], 2, "no module called 'model.deep'"),
        (["field", "no module:f", *GRID, "-o", "a.npy"], 2, "'no module' is no module"),
        (["field", ".model:f", *GRID, "-o", "a.npy"], 2, "'.model' is no module"),
        (["field", "lambda p: p[0]", *GRID, "-o", "a.npy"], 2, "is no module"),
        (["field", "nowhere.py:f", *GRID, "-o", "a.npy"], 2, "'nowhere.py' does not exist"),
        (["field", "./plain.txt:f", *GRID, "-o", "a.npy"], 2, "must end in .py"),
        (["field", "sample:sphre", *GRID, "-o", "a.npy"], 2, "choose from sphere, tmp"),
        (
            ["field", "model:zero_division", *GRID, "-o", "a.npy"],
            1,
            "ZeroDivisionError: division by zero (model.py:29)",
        ),
        (["field", "model.py:zero_division", *GRID, "-o", "a.npy"], 1, "division by zero (model.py:29)"),
        (["field", "model:late", *GRID, "-o", "a.npy"], 1, "LinAlgError: Singular matrix (model.py:32)"),
        (["field", "model:exits", *GRID, "-o", "a.npy"], 1, "SystemExit: 0 (model.py:35)"),
        (["field", "model:broken", *GRID, "-o", "a.npy"], 1, "Broken: <exception str() failed> (model.py:38)"),
        (["field", "model:lines", *GRID, "-o", "a.npy"], 1, "ValueError: first (model.py:41)"),
        (["field", "model:vector", *GRID, "-o", "a.npy"], 1, "f returned an array of shape (2,)"),
        (["field", "model:branches", *GRID, "-o", "a.npy", "--engine", "simd"], 1, "simd"),
        (["field", "model:energy", *["--axis", "0:1e5:1"] * 3, "-o", "a.npy"], 1, "Unable to allocate"),
        (["field", "imports:f", *GRID, "-o", "a.npy"], 1, "No module named 'absent' (imports.py:1)"),
        (["field", "syntax:f", *GRID, "-o", "a.npy"], 1, "(syntax.py:2)"),
        (["field", "leaves:f", *GRID, "-o", "a.npy"], 1, "SystemExit: 0 (leaves.py:1)"),
        (["explain", "model:energy"], 2, "--at"),
        (["explain", "model:energy", "--at", "none.npy"], 2, "No such file"),
        (["explain", "model:energy", "--at", "1,x"], 2, "neither a .npy file nor numbers"),
        (["explain", "model:energy", "--at", ""], 2, "neither a .npy file nor numbers"),
        (["explain", "model:energy", "--at", "pickle.npy"], 2, "allow_pickle=False"),
        (["explain", "model:energy", "--at", "empty.npy"], 2, "cannot be read as an array of numbers"),
        (["explain", "model:energy", "--at", "zip.npy"], 2, "cannot be read as an array of numbers"),
        (["explain", "model:energy", "--at", "complex.npy"], 2, "is complex"),
        (["explain", "model:energy", "--at", "1,2", "--batch"], 2, "batch=True needs points in rows"),
        (["explain", "model:energy", "--at", "1,2", "--h", "1e-30"], 2, "vanishes"),
        (["explain", "model:zero_division", "--at", "1,2", "--engine", "simd"], 1, "error: "),
        (["cache", "--clean"], 2, "--clean"),
    ],
    ids=lambda value: " ".join(value)[:70] if isinstance(value, list) else "",
)
def test_errors(here, run, words, code, text):
    Path("taken.npy").write_bytes(b"precious")
    Path("folder.npy").mkdir()
    Path("plain.txt").touch()
    Path("imports.py").write_text("import absent\n", encoding="utf-8")
    Path("syntax.py").write_text("x = 1\ndef (\n", encoding="utf-8")
    Path("leaves.py").write_text("raise SystemExit(0)\n", encoding="utf-8")
    np.save("pickle.npy", np.array([None]), allow_pickle=True)
    np.save("complex.npy", np.ones(2) * 1j)
    Path("empty.npy").touch()
    with open("zip.npy", "wb") as file:
        np.savez(file, a=np.ones(2))
    before = set(os.listdir())
    found, out, err = run(*words)
    assert (found, out) == (code, "")
    error = err.removeprefix("imported\n")
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert text in error
    assert set(os.listdir()) <= before
    assert Path("taken.npy").read_bytes() == b"precious"


def test_usage_is_seen_before_any_code_runs(here, run):
    for words in (["-o", "a.csv"], ["-o", "none/a.npy"], ["-o", "a.npy", "--order", "3"]):
        assert "imported" not in run(*FIELD, *GRID, *words)[2]


def test_picture_without_matplotlib(here, run, monkeypatch):
    monkeypatch.setattr(output, "find_spec", lambda _: None)
    code, _, err = run(*FIELD, *GRID, "-o", "a.png")
    assert code == 2
    assert "pip install 'fastgrad[plot]'" in err


def test_a_sample_and_a_module_of_that_name(here, run):
    Path("sample.py").write_text("def sphere(p):\n    return 7 * p[0]\n", encoding="utf-8")
    assert run("field", "./sample.py:sphere", "--x", "0:1:1", "-o", "a.npy")[0] == 0
    np.testing.assert_allclose(np.load("a.npy"), [[7.0, 7.0]], rtol=1e-9)


def test_a_file_finds_its_neighbours_and_hides_no_module(here, run):
    Path("sub").mkdir()
    Path("sub/neighbour.py").write_text("factor = 5.0\n", encoding="utf-8")
    Path("sub/json.py").write_text(
        "from neighbour import factor\ndef f(p):\n    return factor * p[0]\n", encoding="utf-8"
    )
    path = list(sys.path)
    assert run("field", "sub/json.py:f", "--x", "0:1:1", "-o", "a.npy", "--json")[0] == 0
    np.testing.assert_allclose(np.load("a.npy"), [[5.0, 5.0]], rtol=1e-9)
    assert sys.modules["json"] is json
    assert sys.path == path


@pytest.mark.skipif(sys.platform == "win32", reason="a directory in use stays")
def test_a_current_directory_that_is_gone(here, run, monkeypatch):
    Path("gone").mkdir()
    monkeypatch.chdir("gone")
    os.rmdir(here / "gone")
    for words in (["-o", "a.npy"], ["-o", str(here / "none" / "a.npy")]):
        code, _, err = run("field", "sample:sphere", "--x", "0:1:1", *words)
        assert code in {1, 2}
        assert err.startswith("error: ")
    code, _, err = run("field", f"{here}/model.py:zero_division", "--x", "0:1:1", "-o", str(here / "a.npy"))
    assert code == 1
    assert f"({here}/model.py:29)" in err
    assert run("field", "sample:sphere", "--x", "0:1:1", "-o", str(here / "a.npy"))[0] == 0


def test_compiled_functions_and_callables(here, run):
    source = """
        import operator

        import numba

        class Call:
            def __call__(self, p):
                return 3 * p[0]

        call = Call()
        item = operator.itemgetter(5)

        @numba.njit
        def positive(p):
            if p[0] < 0:
                raise ValueError("negative")
            return p[0]
    """
    Path("more.py").write_text(textwrap.dedent(source), encoding="utf-8")
    assert run("field", "more:call", "--x", "0:1:1", "-o", "a.npy")[0] == 0
    np.testing.assert_allclose(np.load("a.npy"), [[3.0, 3.0]], rtol=1e-9)
    code, _, err = run("field", "more:item", "--x", "0:1:1", "-o", "b.npy")
    assert (code, err) == (1, "error: IndexError: index 5 is out of bounds for axis 0 with size 1\n")
    code, _, err = run("field", "more:positive", "--x", "-1:1:1", "-o", "b.npy", "--engine", "jit")
    assert code == 1
    assert err.startswith("error: ValueError: negative (more.py:")


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


# --- check -----------------------------------------------------------------------------------------------------------

GRADIENTS = """
    import numpy as np

    def loss(p):
        return np.sum(p**3)

    def right(p):
        return 3 * p**2

    def wrong(p):
        return 3 * p**2 * np.where(np.arange(p.size) == 1, 1.03, 1.0)

    def noisy(p, rng=np.random.default_rng(0)):
        return np.sum(p**3) + 1e-4 * rng.standard_normal()

    def broken(p):
        return np.ones(7)

    def net(p):
        return np.sum(p["W"] ** 2) + np.sum(p["b"])

    def net_gradient(p):
        return {"W": 2 * p["W"], "b": np.ones_like(p["b"])}
"""


@pytest.fixture
def checked(here):
    Path("check.py").write_text(textwrap.dedent(GRADIENTS), encoding="utf-8")
    np.save("x.npy", np.array([1.0, 2.0, 3.0]))
    np.savez("net.npz", W=np.ones((2, 2)), b=np.arange(2))
    Path("text.npz").write_text("no archive", encoding="utf-8")


@pytest.mark.parametrize("options", [[], ["--elementwise"], ["--sample", "2"], ["--rtol", "0.01"]], ids=" ".join)
@pytest.mark.parametrize("at", ["x.npy", "1,2,3", "-1,2,3"])
def test_check_of_a_right_gradient(checked, run, options, at):
    code, out, err = run("check", "check.py:loss", "check:right", "--at", at, *options)
    assert (code, err) == (0, "")
    assert out.startswith("gradient: ok (")


def test_check_of_a_wrong_gradient(checked, run):
    code, out, err = run("check", "check.py:loss", "check.py:wrong", "--at", "x.npy")
    assert (code, err) == (1, "")
    assert "x[1]: analytic 12.36, numerical 12, relative error 0.029" in out


def test_check_as_json(checked, run):
    code, out, _ = run("check", "check.py:loss", "check.py:wrong", "--at", "x.npy", "--json")
    facts = json.loads(out)
    assert (code, facts["ok"], facts["verdict"]) == (1, False, "wrong")
    assert [e["index"] for e in facts["worst"]] == [[1]]


def test_check_without_a_verdict_fails(checked, run):
    code, out, _ = run("check", "check.py:noisy", "check.py:right", "--at", "x.npy")
    assert code == 1
    assert out.startswith("gradient: inconclusive")


def test_check_of_a_dict_of_arrays(checked, run):
    code, out, _ = run("check", "check.py:net", "check.py:net_gradient", "--at", "net.npz")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[2:]] == ["W", "b"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["check", "check.py:loss", "--at", "1"], 2, "gradient"),
        (["check", "check.py:loss", "check.py:right"], 2, "--at"),
        (["check", "check.py:loss", "check.py:nothing", "--at", "1"], 2, "has no 'nothing'"),
        (["check", "check.py:loss", "check.py:right", "--at", "none.npz"], 2, "No such file"),
        (["check", "check.py:loss", "check.py:right", "--at", "text.npz"], 2, "cannot be read as arrays of numbers"),
        (["check", "check.py:loss", "check.py:right", "--at", "1,2", "--sample", "3"], 2, "--sample 3"),
        (["check", "check.py:loss", "check.py:right", "--at", "1,2", "--rtol", "-1"], 2, "--rtol"),
        (["check", "check.py:loss", "check.py:right", "--at", "nan,2"], 1, "x is nan"),
        (["check", "check.py:loss", "check.py:broken", "--at", "1,2"], 1, "shape (7,)"),
        (["check", "model:late", "check.py:right", "--at", "1,2"], 1, "LinAlgError"),
    ],
    ids=["one", "where", "name", "no file", "no archive", "sample", "rtol", "nan", "shape", "raises"],
)
def test_check_errors(checked, run, words, code, message):
    got, out, err = run(*words)
    assert (got, out) == (code, "")
    assert message in err


# --- explain ---------------------------------------------------------------------------------------------------------


def test_explain(here, run):
    x = np.array([-1.0, 2.0])
    np.save("x.npy", x)
    expected = fastgrad.explain(SAMPLES["sphere"].f, x)
    for at in (["--at", "-1,2"], ["--at=-1,2"], ["--at", "x.npy"]):
        assert run("explain", "sample:sphere", *at) == (0, f"{expected}\n", "")
    code, out, _ = run("explain", "sample:sphere", "--at", "-1,2", "--json")
    assert code == 0
    assert json.loads(out) == {"engine": expected.engine, "reason": expected.reason, "text": str(expected)}


def test_explain_batch_and_options(here, run):
    np.save("x.npy", np.ones((5, 3)))
    code, out, err = run("explain", "model:energy", "--at", "x.npy", "--batch", "--order", "4", "--engine", "python")
    assert (code, out, err) == (
        0,
        f"{fastgrad.explain(sum, np.ones((5, 3)), batch=True, order=4, engine='python')}\n",
        "imported\n",
    )
    assert out.startswith("python: 60 calls of f")


# --- report and cache ------------------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache folder with two kernels, a whole one not yet renamed, and files that are not ours."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("FASTGRAD_CACHE_DIR", str(folder))
    (folder / f"{'0af1' * 16}.o").write_bytes(bytes(100))
    (folder / f"{'be29' * 16}.o").write_bytes(b"damaged")
    (folder / f"{'be29' * 16}.abcd_123.tmp").write_bytes(bytes(36))
    (folder / "tmpefgh_123.tmp").write_bytes(b"of another program")
    (folder / "thesis.o").write_bytes(bytes(10))
    (folder / f"{'0af1' * 16}.o.bak").write_bytes(bytes(10))
    (folder / f"{'c' * 64}.o").mkdir()
    (folder / f"{'d' * 64}.o").symlink_to("thesis.o")
    return folder


def test_cache(cache, run):
    assert run("cache") == (0, f"{cache}: 3 files, 143 bytes\n", "")
    facts = {"folder": str(cache), "files": 3, "bytes": 143, "error": None, "cleared": False}
    for words in (["cache", "--json"], ["--json", "cache"]):
        code, out, _ = run(*words)
        assert (code, json.loads(out)) == (0, facts)


def test_cache_clear_removes_our_files_only(cache, run):
    assert run("cache", "--clear") == (0, f"{cache}: 3 files, 143 bytes freed\n", "")
    left = {"tmpefgh_123.tmp", "thesis.o", f"{'0af1' * 16}.o.bak", f"{'c' * 64}.o", f"{'d' * 64}.o"}
    assert {path.name for path in cache.iterdir()} == left
    code, out, _ = run("cache", "--clear", "--json")
    assert code == 0
    assert json.loads(out) == {"folder": str(cache), "files": 0, "bytes": 0, "error": None, "cleared": True}


def test_cache_counts_what_the_engine_writes(tmp_path, monkeypatch, run):
    monkeypatch.setenv("FASTGRAD_CACHE_DIR", str(tmp_path / "new"))
    code = "import fastgrad; fastgrad.gradient(lambda x: x[0] * x[1], [1.0, 2.0], engine='simd')"
    assert subprocess.run([sys.executable, "-c", code], check=True).returncode == 0
    size = sum(path.stat().st_size for path in (tmp_path / "new").iterdir())
    assert size > 0
    assert json.loads(run("cache", "--json")[1])["bytes"] == size
    assert run("cache", "--clear")[0] == 0
    assert list((tmp_path / "new").iterdir()) == []


def test_cache_without_a_folder(tmp_path, monkeypatch, run):
    monkeypatch.setenv("FASTGRAD_CACHE_DIR", str(tmp_path / "none"))
    for words in (["cache"], ["cache", "--clear"]):
        code, out, err = run(*words)
        assert (code, err) == (0, "")
        assert "0 files, 0 bytes" in out


def test_cache_that_cannot_be_read(tmp_path, monkeypatch, run):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FASTGRAD_CACHE_DIR", str(tmp_path / "file"))
    for words in (["cache"], ["cache", "--clear"]):
        code, out, err = run(*words)
        assert (code, out) == (1, "")
        assert "Not a directory; FASTGRAD_CACHE_DIR names another folder" in err
    code, out, _ = run()
    assert code == 0
    assert f"{tmp_path / 'file'}: Not a directory" in out


def test_cache_with_a_file_that_cannot_be_removed(cache, run, monkeypatch):
    def refuse(path, missing_ok=False):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    code, out, err = run("cache", "--clear")
    assert (code, out) == (1, "")
    assert "Permission denied" in err


def test_report(cache, run):
    code, out, err = run("--json")
    facts = json.loads(out)
    assert (code, err) == (0, "")
    assert facts["fastgrad"] == fastgrad.__version__
    assert facts["numpy"] == np.__version__
    assert facts["cores"] >= 1
    assert facts["lanes"] in {2, 4, 8}
    functions = [*facts["vector_math"]["vectorised"], *facts["vector_math"]["lane_by_lane"]]
    assert len(set(functions)) == len(functions) > 20
    assert facts["cache"]["files"] == 3
    code, out, _ = run()
    assert code == 0
    assert out.startswith(f"fastgrad {fastgrad.__version__}\n")
    for text in (np.__version__, f"{facts['lanes']} doubles", f"{cache}: 3 files", "threading", *functions):
        assert text in out


def test_report_without_vector_math(monkeypatch, run):
    monkeypatch.setenv("FASTGRAD_VECTOR_MATH", "0")
    assert "off (FASTGRAD_VECTOR_MATH)" in run()[1]
    facts = json.loads(run("--json")[1])["vector_math"]
    assert facts["enabled"] is False
    assert facts["vectorised"] == []
    assert "sin" in facts["lane_by_lane"]


def test_report_without_a_home(monkeypatch, run):
    def nobody():
        msg = "Could not determine home directory."
        raise OSError(msg)

    monkeypatch.setattr("fastgrad.llvm.machine.folder", nobody)
    assert report.contents()["error"] == "Could not determine home directory."
    assert run()[0] == 0
    assert run("cache")[0] == 1


@pytest.mark.parametrize("words", [["--help"], ["field", "-h"], ["bench", "--help"], ["cache", "--help"]])
def test_help(run, words):
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    assert out.startswith("usage: fastgrad")
    assert ("examples:" in out) == (words == ["--help"])


def test_version(run):
    assert run("--version") == (0, f"fastgrad {fastgrad.__version__}\n", "")


# --- bench -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with one benchmark file, the package's own place moved into it."""
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "test_speed.py").touch()
    monkeypatch.setattr(commands, "__file__", str(tmp_path / "fastgrad" / "cli" / "commands.py"))
    monkeypatch.setattr(commands, "find_spec", lambda _: True)
    return tmp_path


@pytest.mark.parametrize(("given", "code"), [(0, 0), (1, 1), (5, 1), (-9, 1)])
def test_bench_passes_words_on(checkout, monkeypatch, run, given, code):
    calls = []

    def pretend(command, cwd, check):
        calls.append((command[1:], cwd))
        return subprocess.CompletedProcess(command, given)

    monkeypatch.setattr(commands.subprocess, "run", pretend)
    assert run("bench", "-k", "sin or cos", "--json", "--x", "-1")[0] == code
    command = ["-m", "pytest", "bench/test_speed.py", "--benchmark-only", "-k", "sin or cos", "--json", "--x", "-1"]
    assert calls == [(command, checkout)]


def test_bench_outside_a_checkout(checkout, run):
    (checkout / "bench" / "test_speed.py").unlink()
    code, _, err = run("bench")
    assert code == 2
    assert "live in the repository" in err


def test_bench_without_pytest(checkout, monkeypatch, run):
    monkeypatch.setattr(commands, "find_spec", lambda name: None if name == "pytest_benchmark" else True)
    code, _, err = run("bench")
    assert code == 2
    assert "need pytest_benchmark; write: pip install --group dev --group bench" in err


# --- streams and signals ---------------------------------------------------------------------------------------------


def test_colour_only_on_a_terminal_and_not_against_no_color(run, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert run("field")[2].startswith("error: ")
    monkeypatch.setattr("fastgrad.cli.streams.is_terminal", lambda _: True)
    assert run("field")[2].startswith("\x1b[31merror:\x1b[0m ")
    monkeypatch.setenv("NO_COLOR", "1")
    assert run("field")[2].startswith("error: ")


def test_both_ways_to_start(here):
    script = Path(sys.executable).parent / "fastgrad"
    starts = [(sys.executable, "-m", "fastgrad"), *([(str(script),)] if script.exists() else [])]
    for number, start in enumerate(starts):
        done = process("field", "model:energy", "--x", "-1:1:1", "-o", f"{number}.npy", start=start)
        assert (done.returncode, done.stdout) == (0, "")
        np.testing.assert_allclose(np.load(f"{number}.npy"), [[-2, 0, 2]], atol=1e-9)
        done = process("field", start=start)
        assert done.returncode == 2
        assert done.stderr.startswith("error: the following arguments are required")


def test_a_small_field_needs_no_numba(here):
    code = (
        "import sys; from fastgrad.cli import main; main(sys.argv[1:]);"
        "sys.exit(', '.join({'numba', 'llvmlite', 'matplotlib'} & set(sys.modules)) or None)"
    )
    words = ["field", "model:energy", "--x", "0:1:1", "-o", "a.npy"]
    assert process(*words, start=(sys.executable, "-c", code)).returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
@pytest.mark.parametrize("words", [[], ["--help"], ["cache"], ["--version"]], ids=str)
def test_broken_pipe_is_silent(words):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "fastgrad", *words], check=False, stdout=gone, stderr=subprocess.PIPE, timeout=60
        )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_stdout_on_a_full_disk():
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "fastgrad"], check=False, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert (done.returncode, done.stderr) == (1, "error: stdout: No space left on device\n")


@pytest.mark.skipif(sys.platform == "win32", reason="shell")
def test_closed_streams(here):
    command = f"{sys.executable} -m fastgrad field model:energy --x 0:1:1 -o a.npy --progress --json >&- 2>&-"
    assert subprocess.run(command, shell=True, check=False, timeout=60).returncode == 0
    assert np.load("a.npy").shape == (1, 2)


def test_a_path_that_the_encoding_cannot_show(tmp_path):
    environment = {**os.environ, "FASTGRAD_CACHE_DIR": str(tmp_path / "käse"), "PYTHONIOENCODING": "ascii"}
    done = process("cache", env=environment)
    assert done.returncode == 0
    assert "k\\xe4se" in done.stdout


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
