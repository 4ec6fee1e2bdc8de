"""A folder with a model in it, and the command line in this process."""

import sys
import textwrap
from pathlib import Path

import pytest

from fastgrad.cli import commands

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
