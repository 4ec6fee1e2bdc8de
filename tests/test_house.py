"""The house's order: a module imports only from folders above its own, and within a folder in no circle; its limits."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from statistics import median

import pytest

import fastgrad

ORDER = [
    "results",
    "formulas",
    "program",
    "llvm",
    "engine",
    "arrays",
    "chunks",
    "operations",
    "transforms",
    "sparsity",
    "grid",
    "nn",
    "variable",
    "checking",
    "book",
    "plot",
    "compiled",
    "cli",
    "__main__",
]
NUMPY_ONLY = ["results", "formulas", "program", "variable"]
ROOT = Path(fastgrad.__file__).parent


def modules() -> dict[str, Path]:
    paths = {".".join(p.relative_to(ROOT).with_suffix("").parts): p for p in ROOT.rglob("*.py")}
    return {name.removesuffix(".__init__"): path for name, path in paths.items() if name != "__init__"}


MODULES = modules()


@cache
def tree(path: Path) -> ast.Module:
    """Read once: it takes a second for all files together."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(name: str, path: Path) -> set[tuple[str, str]]:
    """The modules that a module imports, also inside functions and for type checking, and which names it takes."""
    found = set()
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            module = ".".join([*base, *(node.module.split(".") if node.module else [])])
            for alias in node.names:
                whole = f"{module}.{alias.name}".lstrip(".")
                found.add((whole, "") if whole in MODULES else (module, alias.name))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert not any(n.split(".")[0] == "fastgrad" for n in names), "imports inside the house are relative"
    return {(module, what) for module, what in found if module in MODULES}


@cache
def imports() -> dict[str, set[tuple[str, str]]]:
    return {name: imported(name, path) for name, path in MODULES.items()}


def folder(name: str) -> str:
    return name.partition(".")[0]


def test_every_entry_has_its_place():
    assert {folder(name) for name in MODULES} == set(ORDER)


@pytest.mark.parametrize("name", ORDER)
def test_imports_point_up_only(name):
    above = {*ORDER[: ORDER.index(name)], name}
    taken = {(m, folder(other)) for m in MODULES if folder(m) == name for other, _ in imports()[m]}
    assert {(m, other) for m, other in taken if other not in above} == set()


@pytest.mark.parametrize("name", ORDER)
def test_no_circle_within_a_folder(name):
    inside = {m: {o for o, _ in imports()[m] if folder(o) == name and o != m} for m in MODULES if folder(m) == name}
    TopologicalSorter(inside).prepare()  # raises CycleError


def test_no_private_name_is_imported():
    private = [(m, other, what) for m, taken in imports().items() for other, what in taken if what.startswith("_")]
    assert [row for row in private if row[2] != "__version__"] == []


def test_no_private_name_of_a_module_is_read():
    found = []
    for name, path in MODULES.items():
        modules_here = {other.rpartition(".")[2] for other, what in imports()[name] if not what}
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules_here:
                found += [(name, node.value.id, node.attr)] if node.attr.startswith("_") else []
    assert [row for row in found if row[2] != "__all__"] == []


# What engines, and the graphs of recordings and of Variables, have each of their own; stand-ins that are seen as float.
SHARED = {"Code", "Numbers", "Node", "Float"}


def test_no_two_classes_have_one_name():
    homes: dict[str, list[str]] = {}
    for name, path in MODULES.items():
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(name)
    assert {name: found for name, found in homes.items() if len(found) > 1 and name not in SHARED} == {}


def functions(path: Path) -> list[tuple[str, int]]:
    """The functions of a file with their lines, docstrings left out."""
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node, clean=False)
            lines = node.end_lineno - node.lineno + 1 - (text.count("\n") + 1 if text else 0)
            found.append((f"{path.relative_to(ROOT)}:{node.name}", lines))
    return found


def test_the_limits_of_the_house():
    entries = {path.name for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    lengths = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines()) for p in ROOT.rglob("*.py")}
    sizes = [pair for path in ROOT.rglob("*.py") for pair in functions(path)]
    assert len(entries) <= 20
    assert {name: n for name, n in lengths.items() if n > 400} == {}
    assert median(lengths.values()) < 170
    assert [pair for pair in sizes if pair[1] > 60] == []
    assert len([pair for pair in sizes if pair[1] > 30]) <= 12, sorted(pair for pair in sizes if pair[1] > 30)
    assert len([name for name in dir(fastgrad) if not name.startswith("_")]) <= 60


def test_lowest_folders_import_numpy_only():
    names = sorted(m for m in MODULES if folder(m) in NUMPY_ONLY)
    assert len(names) > 20
    # importing the package runs its __init__, which must not load Numba either
    code = f"""import importlib, sys
for name in {names}:
    importlib.import_module("fastgrad." + name)
    if "numba" in sys.modules:
        sys.exit(name)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_import_is_cheap():
    heavy = ["numba", "matplotlib", "tqdm", "dask", "scipy", "xarray"]
    code = f"import sys, fastgrad; sys.exit(', '.join(m for m in {heavy} if m in sys.modules) or None)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_public_names_are_documented_with_an_example():
    for name in fastgrad.__all__:
        thing = getattr(fastgrad, name)
        assert thing.__doc__, name
        if not isinstance(thing, type):
            assert ">>> " in thing.__doc__, name
