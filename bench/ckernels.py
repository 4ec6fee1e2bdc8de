"""The same central differences in C, compiled on the spot: the function is inlined, points go to OpenMP's threads."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from functions import Function, H

from fastgrad.engine.threads import cores

COMPILE = ["-Ofast", "-march=native", "-fopenmp", "-fPIC", "-c"]
LINK = ["-shared", "-fopenmp"]

# gcc vectorises the loop over points once the one over coordinates is unrolled, which it does not do by itself at
# D = 10: without the pragma np.sum(x**2) took six times longer. With `parallel for simd` it stopped vectorising.
POINTS = """
void gradient(const double *restrict points, double *restrict out, long count, int threads)
{
    #pragma omp parallel for num_threads(threads) schedule(static)
    for (long n = 0; n < count; n++) {
        double x[D];
        for (int i = 0; i < D; i++) x[i] = points[n * D + i];
        #pragma GCC unroll 16
        for (int i = 0; i < D; i++) {
            const double center = x[i];
            x[i] = center + H;
            const double above = f(x);
            x[i] = center - H;
            const double below = f(x);
            x[i] = center;
            out[n * D + i] = (above - below) / (2 * H);
        }
    }
}
"""
FIELD = """
void gradient(const double *restrict axis, double *restrict out, long count, int threads)
{
    #pragma omp parallel for num_threads(threads) schedule(static)
    for (long n = 0; n < count; n++)
        for (long m = 0; m < count; m++) {
            const double a = axis[n], b = axis[m];
            const double right[] = {a + H, b}, left[] = {a - H, b}, above[] = {a, b + H}, below[] = {a, b - H};
            out[n * count + m] = (f(right) - f(left)) / (2 * H);
            out[(count + n) * count + m] = (f(above) - f(below)) / (2 * H);
        }
}
"""


@cache
def version() -> str | None:
    """The compiler's version, None where there is no gcc that knows these options."""
    if not shutil.which("gcc"):
        return None
    probe = ["gcc", *COMPILE, "-x", "c", "-", "-o", os.devnull]
    if subprocess.run(probe, input=b"int probe;", check=False, capture_output=True).returncode:
        return None
    done = subprocess.run(["gcc", "-dumpfullversion"], check=True, capture_output=True, text=True)
    return f"gcc {done.stdout.strip()}"


def compiled(function: Function, dimension: int, *, grid: bool = False) -> Callable[[np.ndarray, np.ndarray], None]:
    """``run(points, out)`` for a function; for a grid `points` is the axis that both coordinates share.

    Raises
    ------
    ImportError
        There is no gcc: to the tables it is a library that is not installed.
    """
    if not version():
        msg = "no gcc that knows -Ofast -march=native -fopenmp"
        raise ImportError(msg)
    head = f"#include <math.h>\n#define D {dimension}\n#define H {H}\n"
    body = f"static inline double f(const double *x)\n{{\n{function.c}\n}}\n"
    with TemporaryDirectory() as folder:
        source, unlinked, linked = (str(Path(folder) / name) for name in ("kernel.c", "kernel.o", "kernel.so"))
        Path(source).write_text(head + body + (FIELD if grid else POINTS), encoding="ascii")
        _gcc(*COMPILE, source, "-o", unlinked)
        # Not with -Ofast: gcc before 13 then links code that switches denormals off in the whole process.
        _gcc(*LINK, unlinked, "-lm", "-o", linked)
        kernel = ctypes.CDLL(linked).gradient
    kernel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_int]
    kernel.restype = None

    def run(points: np.ndarray, out: np.ndarray) -> None:
        kernel(points.ctypes.data, out.ctypes.data, len(points), cores())

    return run


def _gcc(*options: str) -> None:
    done = subprocess.run(["gcc", *options], check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
