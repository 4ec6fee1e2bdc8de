"""The command line: values against exact gradients, one row per promised error, streams and exit codes."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest

import fastgrad
from fastgrad.cli import commands
from fastgrad.formulas.samples import SAMPLES
from tests.cli.commandlines import FIELD, GRID, XY, process

# --- field -----------------------------------------------------------------------------------------------------------


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


def test_an_exact_field(here, run):
    code, out, _ = run("field", "model:energy", *GRID, "-o", "a.npy", "--json", "--method", "exact")
    assert (code, json.loads(out)["engine"]) == (0, "simd")
    x, y = np.meshgrid(*XY, indexing="ij")
    assert (np.load("a.npy") == [2 * x, 2 * y]).all()
    code, _, err = run("field", "model:energy", *GRID, "-o", "b.npy", "--method", "exact", "--h", "1e-3")
    assert code == 2
    assert "method='exact'" in err


def test_field_of_a_number_of_nodes(here, run):
    code, _, err = run("field", "model:energy", "--x", "-2:2:50", "--y", "0:3:1", "-o", "a.npy", "--no-progress")
    assert code == 0
    assert "'-2:2:50' has one node, -2; the last number is the step: for 50 nodes write -2:2:0.0816327" in err
    assert np.load("a.npy").shape == (2, 1, 4)
    assert "one node" not in run("field", "model:energy", "--x", "2:2:1", "-o", "b.npy", "--no-progress")[2]
    err = run("field", "model:energy", "--x", "0:1:2.5", "-o", "c.npy", "--no-progress")[2]
    assert "the last number is the step\n" in err


def test_field_of_an_axis_that_f_ignores(here, run):
    err = run("field", "model:slow", "--x", "0:1:1", "--y", "0:3:1", "-o", "a.npy", "--no-progress")[2]
    assert "warning: f never changes along axis 1: all derivatives by x[1] are 0" in err
    err = run("field", "model:energy", *GRID, "-o", "b.npy", "--no-progress")[2]
    assert "never changes" not in err


@pytest.mark.parametrize("name", ["sin_product", "himmelblau"])
def test_field_of_a_sample(here, run, name):
    assert run("field", f"sample:{name}", *GRID, "-o", "a.npy", "--order", "6", "--no-progress")[0] == 0
    field = np.load("a.npy").reshape(2, -1)
    mesh = np.array(np.meshgrid(*XY, indexing="ij")).reshape(2, -1)
    np.testing.assert_allclose(field.T, [SAMPLES[name].gradient(p) for p in mesh.T], rtol=1e-9, atol=1e-9)


def test_numbers_that_are_not_finite_are_told(here, run):
    code, _, err = run("field", "model:nan_right", *GRID, "-o", "a.npy")
    assert code == 0
    assert "warning: 12 of 40 numbers are not finite" in err
    assert np.count_nonzero(np.isnan(np.load("a.npy"))) == 12


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

    def pretend(command, cwd, env, check):
        calls.append((command[1:], cwd))
        assert {env[name] for name in commands.ONE_THREAD} == {"1"}
        assert env.items() >= {k: v for k, v in os.environ.items() if k not in commands.ONE_THREAD}.items()
        return subprocess.CompletedProcess(command, given)

    monkeypatch.setattr(commands.subprocess, "run", pretend)
    assert run("bench", "-k", "sin or cos", "--json", "--x", "-1")[0] == code
    command = ["-m", "pytest", "bench/test_speed.py", "--benchmark-only", "-k", "sin or cos", "--json", "--x", "-1"]
    assert calls == [(command, checkout)]


def test_bench_that_times_nothing(checkout, monkeypatch, run):
    calls = []
    monkeypatch.setattr(
        commands.subprocess, "run", lambda words, **_: calls.append(words[3:]) or MagicMock(returncode=0)
    )
    assert run("bench", "-k", "sin", "--tiny")[0] == 0
    assert calls == [["bench/test_speed.py", "-k", "sin", "--tiny"]]


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


def test_explain_calls_f_once(here, run):
    Path("counted.py").write_text("def f(x):\n    print('called')\n    return x[0]\n", encoding="utf-8")
    code, out, err = run("explain", "counted.py:f", "--at", "1,2")
    assert (code, err) == (0, "called\n")
    assert out.startswith("python: 4 calls")
    code, _, err = run("explain", "model:zero_division", "--at", "1,2")
    assert code == 1
    assert "ZeroDivisionError" in err
    code, _, err = run("explain", "model:vector", "--at", "1,2")
    assert code == 1
    assert "must return one number" in err


# --- streams and signals ---------------------------------------------------------------------------------------------


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
