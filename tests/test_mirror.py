"""The tests mirror the package: what is in a room is tested in the room of its name."""

import ast
from pathlib import Path

import fastgrad

ROOT = Path(fastgrad.__file__).parent


def is_tested(name: str) -> bool:
    """Whether a module has a test file of its name, in the folder of its name, that imports it or a name of it."""
    *folders, last = name.split(".")
    path, whole = Path(__file__).parent.joinpath(*folders, f"test_{last}.py"), f"fastgrad.{name}"
    if not path.exists():
        return False
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import) and any(alias.name == whole for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and whole in {
            node.module,
            *(f"{node.module}.{a.name}" for a in node.names),
        }:
            return True
    return False


def test_three_modules_of_four_have_tests_of_their_name():
    paths = [path for path in ROOT.rglob("*.py") if path.name not in {"__init__.py", "__main__.py"}]
    rooms = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    without = sorted(name for name in rooms if not is_tested(name))
    assert 1 - len(without) / len(rooms) >= 0.75, without
