"""The report of the machine, and the cache."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastgrad
from fastgrad.cli import report


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
