"""Where the numbers come from."""

from __future__ import annotations

import os
import platform
import tempfile
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import ckernels

from fastgrad.engine.threads import cores

LIBRARIES = "numpy numba scipy jax autograd numdifftools jacobi statsmodels findiff pytest-benchmark"  # in this order


@cache
def compiled_modules() -> dict[str, str]:
    """An environment in which Python keeps compiled modules, as it does for installed packages."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": tempfile.mkdtemp()}


def processor() -> str:
    """The model where the system tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def machine() -> str:
    """One line: system, processor, and the version of every library."""
    here = (
        f"{platform.system()} {platform.machine()}, {processor()}, {cores()} cores, Python {platform.python_version()}"
    )
    return ", ".join([here, *filter(None, [*map(installed, LIBRARIES.split()), ckernels.version()])])


def installed(name: str) -> str | None:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return None
