"""What the command line tells about the machine, and the folder of compiled kernels."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .. import __version__
from ..engine.threads import cores

EXTRAS = {"plot": "matplotlib", "progress": "tqdm", "dask": "dask"}

_KERNEL = re.compile(r"[0-9a-f]{64}\.(o|\w{8}\.tmp)")  # .tmp: of a process that was killed while it wrote


def machine() -> dict[str, Any]:
    """Versions, cores, vectors, vector math, cache and extras, as JSON can hold them."""
    return {
        "fastgrad": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in ("numpy", "numba", "llvmlite")},
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": cores(),
        **_vectors(),
        "threading": f"own threads, up to {cores()} for compiled code (--workers); no OpenMP, no TBB",
        "cache": contents(),
        "extras": {extra: find_spec(module) is not None for extra, module in EXTRAS.items()},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _vectors() -> dict[str, Any]:
    """Width of a vector, and which functions are computed for all lanes at once."""
    from ..llvm.machine import lanes  # noqa: PLC0415  loads LLVM, which --version need not wait for
    from ..llvm.vectormath import FUNCTIONS, OWN, enabled  # noqa: PLC0415

    vectorised = [name for name in sorted(FUNCTIONS) if name in OWN and enabled()]
    rest = [name for name in sorted(FUNCTIONS) if name not in vectorised]
    math = {"enabled": enabled(), "vectorised": vectorised, "lane_by_lane": rest}
    return {"lanes": lanes(), "vector_math": math}


def text(facts: dict[str, Any]) -> str:
    """The facts of `machine` as lines."""
    math, cache = facts["vector_math"], facts["cache"]
    vectorised = " ".join(math["vectorised"]) or "off (FASTGRAD_VECTOR_MATH)"
    extras = [name if there else f"{name} (missing)" for name, there in facts["extras"].items()]
    rows = [
        ("python", facts["python"]),
        *((name, facts[name] or "not installed") for name in ("numpy", "numba", "llvmlite")),
        ("platform", facts["platform"]),
        ("cores", facts["cores"]),
        ("vectors", f"{facts['lanes']} doubles"),
        ("vector math", vectorised),
        ("lane by lane", " ".join(math["lane_by_lane"]) or "none"),
        ("threading", facts["threading"]),
        ("cache", cache_text(cache)),
        ("extras", ", ".join(extras)),
    ]
    return "\n".join([f"fastgrad {facts['fastgrad']}", *(f"  {name:<13}{value}" for name, value in rows)])


# --- the folder of kernels -------------------------------------------------------------------------------------------


def cache_text(facts: dict[str, Any]) -> str:
    """The facts of `contents` in a line."""
    if facts["error"]:
        return f"{facts['folder'] or 'no folder'}: {facts['error']}"
    return f"{facts['folder']}: {facts['files']} files, {facts['bytes']:,} bytes"


def contents() -> dict[str, Any]:
    """Folder, number of files, bytes; error is None, or why the folder cannot be read. A missing folder is empty."""
    from ..llvm.machine import folder  # noqa: PLC0415  loads LLVM

    facts: dict[str, Any] = {"folder": None, "files": 0, "bytes": 0, "error": None}
    try:
        facts["folder"] = str(folder())
        sizes = [size for _, size in _kernels(folder())]
        facts |= {"files": len(sizes), "bytes": sum(sizes)}
    except OSError as error:
        facts["error"] = error.strerror or str(error)
    return facts


def clear() -> dict[str, Any]:
    """Remove the kernels: folder, files and bytes removed, and the first error."""
    facts = contents()
    if facts["error"]:
        return facts
    removed: list[int] = []
    for path, size in _kernels(Path(facts["folder"])):
        try:
            path.unlink()
            removed.append(size)
        except FileNotFoundError:  # another process was faster
            continue
        except OSError as error:
            facts["error"] = error.strerror or str(error)
    return facts | {"files": len(removed), "bytes": sum(removed)}


def _kernels(folder: Path) -> Iterator[tuple[Path, int]]:
    """Files that the engine wrote, with their sizes; anything else that lies in the folder is none of our business."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        try:
            if entry.is_file(follow_symlinks=False) and _KERNEL.fullmatch(entry.name):
                yield Path(entry.path), entry.stat().st_size
        except FileNotFoundError:
            continue
