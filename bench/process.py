"""What a process pays before the first result: imports, and the first call of a function."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from contest import Case, Contestant
from functions import FUNCTIONS, Function
from machine import compiled_modules

HERE = Path(__file__).parent


def imported(code: str, _: object) -> Contestant:
    """A whole process."""

    def run() -> float:
        start = perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, env=compiled_modules())
        return perf_counter() - start

    return Contestant(run, None, own_clock=True)


IMPORTS = {
    "nothing": partial(imported, "pass"),
    "numpy": partial(imported, "import numpy"),
    "numba": partial(imported, "import numba"),
    "fastgrad": partial(imported, "import fastgrad"),
    "numba and fastgrad": partial(imported, "import numba, fastgrad"),
}

# In a process of its own: nothing but NumPy and the library is imported when the clock starts.
FASTGRAD = """
import sys
from time import perf_counter
import numpy as np
import fastgrad
from functions import FUNCTIONS, H
name, dimension, warm = sys.argv[1:]
function = FUNCTIONS[name]
points = function.points(1000, int(dimension))
if warm == "warm":
    import numba
    numba.njit(lambda a: a.sum())(points)
start = perf_counter()
got = fastgrad.gradient(function.f, points, batch=True, h=H)
print(perf_counter() - start)
np.testing.assert_allclose(got, function.exact(points.T).T, rtol=1e-5, atol=1e-4)
"""
JAX = """
import sys
from time import perf_counter
import numpy as np
import jax
from functions import FUNCTIONS, written_for
from rivals import jax_in_float64
jax_in_float64()
function = FUNCTIONS[sys.argv[1]]
points = function.points(1000, int(sys.argv[2]))
jax.numpy.zeros(3).block_until_ready()
start = perf_counter()
got = np.asarray(jax.jit(jax.vmap(jax.grad(written_for(function.f, jax.numpy))))(points))
print(perf_counter() - start)
np.testing.assert_allclose(got, function.exact(points.T).T, rtol=1e-5, atol=1e-4)
"""


def in_process(code: str, function: Function, dimension: int, warm: str, folder: str | None = None) -> float:
    """Seconds of the first call in a new process, with a cache folder of its own unless one is given."""
    if folder is None:
        with TemporaryDirectory() as fresh:
            return in_process(code, function, dimension, warm, fresh)
    command = [sys.executable, "-c", code, function.name, str(dimension), warm]
    environment = compiled_modules() | {"FASTGRAD_CACHE_DIR": folder}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=HERE, env=environment)
    return float(done.stdout)


def ours(function: Function, warm: str, dimension: int) -> Contestant:
    return Contestant(lambda: in_process(FASTGRAD, function, dimension, warm), None, own_clock=True)


def from_disk(function: Function, dimension: int) -> Contestant:
    def run() -> float:
        with TemporaryDirectory() as folder:
            in_process(FASTGRAD, function, dimension, "warm", folder)
            return in_process(FASTGRAD, function, dimension, "warm", folder)

    return Contestant(run, None, own_clock=True)


def jax(function: Function, dimension: int) -> Contestant:
    if not find_spec("jax"):
        raise ModuleNotFoundError(name="jax")
    return Contestant(lambda: in_process(JAX, function, dimension, "warm"), None, own_clock=True)


def first_call(function: Function, dimension: int) -> Case:
    line_up: dict[str, Callable[[int], Contestant]] = {
        "fastgrad, cold": partial(ours, function, "cold"),
        "fastgrad": partial(ours, function, "warm"),
        "fastgrad, from disk": partial(from_disk, function),
        "JAX, exact": partial(jax, function),
    }
    title, tiny = f"{function.title}, D = {dimension}", dimension if function.name == "sin_product" else 0
    return Case("first_call", function.name, title, dimension, tiny, int, line_up)


DIMENSIONS = {"sin_product": 2, "bump": 2, "sphere": 10, "rosenbrock": 10, "cross_entropy": 6, "robust": 4}
CASES = (
    Case("import", "imports", "a process that imports", 1, 1, int, IMPORTS),
    *(first_call(FUNCTIONS[name], dimension) for name, dimension in DIMENSIONS.items()),
)
