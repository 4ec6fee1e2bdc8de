"""The tables of docs/migration.md: every row is run, and where the old library is installed the results agree."""

import doctest
import json
import re
import subprocess
import sys
import warnings
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "migration.md").read_text(encoding="utf-8")
HEAD = ["old", "new", "what gets better"]

# Section -> the largest relative difference of both sides: that of the less exact one.
LIBRARIES = {
    "scipy": 1e-6,
    "numdifftools": 1e-8,
    "jacobi": 1e-8,
    "statsmodels": 1e-4,
    "findiff": 1e-10,
    "np.gradient": 1e-6,
    "JAX": 1e-13,
    "autograd": 1e-13,
}
THREADED = {"JAX"}
MODULES = {"np.gradient": "numpy", "JAX": "jax"}  # whose names are others than those of their sections
OTHERS = {
    "scipy.misc",
    "optimagic",
    "FiniteDiff.jl",
    "FiniteDifferences.jl",
    "CasADi",
    "heyoka",
}  # only our side can be run
INSTALLED = {name for name in LIBRARIES if find_spec(MODULES.get(name, name))}

FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Row(NamedTuple):
    section: str
    old: str
    new: str
    better: str


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def sections() -> dict[str, str]:
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows() -> list[Row]:
    """All lines of all tables; what is no code fails in `test_rows`."""
    found = []
    for section, text in sections().items():
        lines = [cells(line) for line in text.splitlines() if line.startswith("|")]
        found += [Row(section, *line) for line in lines if line != HEAD and set("".join(line)) != {"-"}]
    return found


def code(cell: str) -> str:
    assert re.fullmatch(r"`[^`]+`", cell), f"{cell} must be one piece of code"
    return cell[1:-1]


def ours() -> dict[str, object]:
    """The names that the page's examples define."""
    names: dict[str, object] = {}
    for example in doctest.DocTestParser().get_examples(PAGE):
        exec(example.source, names)
    return names


def theirs(section: str) -> dict[str, object]:
    """The names that the imports of a section define."""
    names: dict[str, object] = {}
    for block in FENCE.findall(sections()[section]):
        if ">>> " not in block:
            exec(block, names)
    return names


def exact() -> dict[str, object]:
    """How a call begins -> its exact result, by hand."""
    x, t, v, u = np.array([0.5, 1.5, 2.0]), np.array([0.5, 1.0, 2.0]), np.array([1.0, 2.0, 2.0]), np.array([1.0, 3.0])
    gradient = np.array([2 * x[0] * x[1], x[0] ** 2, np.cos(x[2])])
    jacobian = np.array([[x[1], x[0], 0.0], [0.0, 0.0, np.cos(x[2])]])
    slope, bend = -2 * t * np.exp(-t * t), (4 * t * t - 2) * np.exp(-t * t)
    return {
        "fastgrad.gradient(f,": gradient,
        "fastgrad.gradient(f, X,": [gradient, [2 * 1.0 * 2.0, 1.0, np.cos(2.5)]],
        "fastgrad.gradient(fa,": 3.0 * gradient,
        "fastgrad.grad(lambda p: f(": gradient,
        "fastgrad.jacobian(F,": jacobian,
        "sparsity.jacobian(F,": jacobian,
        "fastgrad.jvp(F, x, v": jacobian @ v,
        "fastgrad.vjp(F, x, u": u @ jacobian,
        "fastgrad.hessian(f,": [[2 * x[1], 2 * x[0], 0.0], [2 * x[0], 0.0, 0.0], [0.0, 0.0, -np.sin(x[2])]],
        "fastgrad.derivative(g, t)": slope,
        "fastgrad.derivative(g, t,": slope,
        "fastgrad.derivative(g, t, n=2": bend,
        "fastgrad.derivative(g, t[0]": slope[0],
        "fastgrad.derivative(g, t[0], n=2": bend[0],
    }


def wanted(call: str) -> object:
    """The exact result of one of our calls; no row is without."""
    known = exact()
    value = known[max((begin for begin in known if call.startswith(begin)), key=len)]
    return np.zeros(np.shape(value)) if call.endswith(".error") else value


def agree(new: object, old: object, tolerance: float) -> None:
    pairs = zip(new, old, strict=True) if isinstance(new, tuple) else [(new, old)]
    for a, b in pairs:
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def print_values(section: str) -> None:
    """What all calls of a library give, as lists."""
    names = ours() | theirs(section)
    values = {row.old: eval(code(row.old), names) for row in ROWS if row.section == section}
    plain = {old: [np.asarray(v).tolist() for v in (y if isinstance(y, tuple) else (y,))] for old, y in values.items()}
    sys.stdout.write(json.dumps(plain))


@cache
def in_a_process(section: str) -> dict[str, object]:
    """The same, of a library whose threads would keep later tests from forking."""
    program = f"import test_migration; test_migration.print_values({section!r})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parent, check=True, capture_output=True, text=True
    )
    values = json.loads(done.stdout)
    return {old: tuple(parts) if len(parts) > 1 else parts[0] for old, parts in values.items()}


@pytest.fixture(scope="module")
def names():
    return ours()


ROWS = rows()


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.section}: {row.old[1:-1]}" for row in ROWS])
def test_rows(row, names):
    new = eval(code(row.new), dict(names))
    if row.section not in INSTALLED:
        known = set(LIBRARIES) - INSTALLED
        assert row.section in OTHERS | known
        if row.section in OTHERS:
            agree(new, wanted(code(row.new)), 1e-6)
        return
    if row.section in THREADED:
        old = in_a_process(row.section)[row.old]
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they warn about their own code, and about steps that they try and drop
            old = eval(code(row.old), names | theirs(row.section))
    agree(new, old, LIBRARIES[row.section])


def test_every_section_has_a_table_and_says_what_is_missing():
    assert set(sections()) == set(LIBRARIES) | OTHERS
    for section, text in sections().items():
        assert sum(row.section == section for row in ROWS) >= 2
        assert "No counterpart: " in text or section in {"scipy.misc", "np.gradient"}


def test_no_row_is_there_twice():
    calls = [(row.section, row.old) for row in ROWS]
    assert len(set(calls)) == len(calls)


def test_an_empty_or_wrong_row_would_be_found():
    assert cells(r"| `a(x)` | `b(x)` | \|x\| |") == ["`a(x)`", "`b(x)`", r"\|x\|"]
    with pytest.raises(AssertionError, match="one piece of code"):
        code("a(x)")
    with pytest.raises(AssertionError):
        agree(np.ones(2), np.ones(2) + 1e-3, 1e-4)
    with pytest.raises(ValueError):
        wanted("fastgrad.unknown(f, x)")
