"""What the words of a command line name: ranges, functions, files."""

import json
import os
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from fastgrad.cli import operands


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
