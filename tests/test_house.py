"""The house's order: a module imports only modules listed above it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fastgrad

ORDER = [
    "results",
    "stencils",
    "steps",
    "sides",
    "spacings",
    "reference",
    "samples",
    "variable.rules",
    "variable.graph",
    "variable.operands",
    "variable.operators",
    "variable.functions",
    "engine.threads",
    "engine.forked",
    "engine.live",
    "engine.call",
    "engine.inplace",
    "engine.complexcalls",
    "engine.captured",
    "engine.loops",
    "engine.directions",
    "engine.blackbox",
    "engine.complexloops",
    "engine.inside",
    "engine.vectormath",
    "engine.native",
    "engine.kernels",
    "engine.buffers",
    "engine.network",
    "engine.rows",
    "engine.files",
    "engine.differences",
    "engine.layout",
    "engine.program",
    "engine.refusals",
    "engine.symbols",
    "engine.symbolarrays",
    "engine.elementwise",
    "engine.reductions",
    "engine.arrayrules",
    "engine.mathrules",
    "engine.retarget",
    "engine.trace",
    "engine.dependence",
    "engine.influence",
    "engine.schedule",
    "engine.lanes",
    "engine.rolled",
    "engine.spotcheck",
    "engine.stacked",
    "engine.simd",
    "engine.plan",
    "partials",
    "bounded",
    "adaptive",
    "refined",
    "arguments",
    "analytic",
    "request",
    "scale",
    "derivatives",
    "jacobians",
    "curvature",
    "sparsity.colours",
    "sparsity.patterns",
    "sparsity.terms",
    "sparsity.structures",
    "sparsity.task",
    "sparsity.groups",
    "sparsity.agreement",
    "sparsity.jacobians",
    "sparsity.hessians",
    "compiled",
    "trees",
    "transforms",
    "propagation",
    "journal",
    "slabs",
    "labelled",
    "fields",
    "blocks",
    "grid",
    "weights",
    "losses",
    "nn",
    "checking.verdict",
    "checking.slopes",
    "checking.search",
    "checking.symptoms",
    "checking.claims",
    "checking.survey",
    "checking.check",
    "checking.elements",
    "checking.courses",
    "checking.backward",
    "book",
    "plot",
    "cli.operands",
    "cli.output",
    "cli.report",
    "cli.streams",
    "cli.commands",
    "__main__",
]
GROUND_FLOOR = ORDER[: ORDER.index("variable.functions") + 1]
ROOT = Path(fastgrad.__file__).parent


def modules() -> dict[str, Path]:
    paths = {".".join(p.relative_to(ROOT).with_suffix("").parts): p for p in ROOT.rglob("*.py")}
    return {name: path for name, path in paths.items() if not name.endswith("__init__")}


def imports(name: str, path: Path) -> set[str]:
    """The project's modules that a module imports, also inside functions and for type checking."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = name.split(".")[: -node.level]
            parts = [*base, *(node.module.split(".") if node.module else [])]
            found |= {".".join(parts)} | {".".join([*parts, alias.name]) for alias in node.names}
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert not any(n.split(".")[0] == "fastgrad" for n in names), "imports inside the house are relative"
    return found & set(ORDER)


def test_every_module_has_its_place():
    assert sorted(modules()) == sorted(ORDER)


@pytest.mark.parametrize("name", ORDER)
def test_imports_point_up_only(name):
    above = set(ORDER[: ORDER.index(name)])
    assert imports(name, modules()[name]) <= above


@pytest.mark.parametrize("name", GROUND_FLOOR)
def test_ground_floor_imports_numpy_only(name):
    code = f"import sys, fastgrad.{name}; sys.exit('numba' in sys.modules)"
    # importing the package runs its __init__, which must not load Numba either
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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
