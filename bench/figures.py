"""Measure the figures of the README and write them there, between markers."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path
from time import perf_counter

import numpy as np
from baselines import book_gradients, hand_written, sin_product
from scipy.optimize._numdiff import approx_derivative
from timing import compiled_modules, machine, race

import fastgrad
from fastgrad.engine import threads

README = Path(__file__).parent.parent / "README.md"
N, SAMPLE = 10**6, 2000


def many_points() -> list[tuple[str, str, str]]:
    """sin(x0*x1) at a million points, h = 1e-4 and a reused output for everybody."""
    points = np.random.default_rng(0).standard_normal((N, 2))
    out, by_hand = np.empty_like(points), np.empty_like(points)

    def hand() -> None:
        threads.run(lambda a, b: hand_written(points, 1e-4, by_hand, a, b), N, workers=threads.cores())

    def jit() -> None:
        fastgrad.gradient(sin_product, points, batch=True, engine="jit", h=1e-4, out=out)

    def jit_default() -> None:
        fastgrad.gradient(sin_product, points, batch=True, engine="jit", out=out)

    best = race({"jit": jit, "hand": hand})
    np.testing.assert_allclose(out, by_hand, atol=1e-9)
    default = race({"jit": jit, "default": jit_default})
    sample = points[:SAMPLE].copy()
    start = perf_counter()
    book = book_gradients(sin_product, sample)
    loop = (perf_counter() - start) / SAMPLE * N
    np.testing.assert_allclose(book, by_hand[:SAMPLE], atol=1e-9)
    return [
        ("sin(x0·x1), 10^6 points, against the book's loop", f"{1e3 * best['jit']:.1f} ms", f"{loop / best['jit']:.0f} times faster"),
        ("... against a Numba kernel written by hand", f"{1e3 * best['hand']:.1f} ms by hand", f"{best['jit'] / best['hand']:.2f} of its time"),
        ("... default steps instead of h=1e-4", f"{1e3 * default['default']:.1f} ms", f"{default['default'] / default['jit']:.2f} of the time"),
    ]  # fmt: skip


def one_point() -> list[tuple[str, str, str]]:
    """One small gradient, against scipy at each of its accuracies."""
    x = np.array([0.5, 2.0])

    def repeat(call):
        return lambda: [call() for _ in range(200)]

    best = race(
        {
            "fastgrad": repeat(lambda: fastgrad.gradient(sin_product, x)),
            "3-point": repeat(lambda: approx_derivative(sin_product, x, method="3-point")),
            "2-point": repeat(lambda: approx_derivative(sin_product, x, method="2-point")),
        },
        seconds=3.0,
    )
    ours = best.pop("fastgrad")
    return [
        (f"one gradient, D = 2, against scipy's `approx_derivative`, {name}", f"{ours / 200 * 1e6:.0f} µs", f"{b / ours:.2f} times faster")
        for name, b in best.items()
    ]  # fmt: skip


def import_time() -> list[tuple[str, str, str]]:
    """`import fastgrad` beside `import numba`, each in fresh processes."""

    def fresh(code: str):
        return lambda: subprocess.run([sys.executable, "-c", code], check=True, env=compiled_modules())

    best = race(
        {"numba": fresh("import numba"), "both": fresh("import numba, fastgrad"), "alone": fresh("import fastgrad")}
    )
    nothing = race({"python": fresh("pass"), "numpy": fresh("import numpy")}, 2.0)
    extra = best["both"] - best["numba"]
    alone = best["alone"] - nothing["numpy"]
    return [("`import fastgrad` above `import numba`", f"{extra:.3f} s", f"{alone:.3f} s above `import numpy`")]


def main() -> None:
    """Measure and write."""
    rows = [*many_points(), *one_point(), *import_time()]
    lines = ["| what | fastgrad | ratio |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
    lines.append(f"\n{machine()}, {date.today()}. Written by `make figures`.")
    text = README.read_text(encoding="utf-8")
    start, end = "<!-- figures -->", "<!-- end of figures -->"
    before, rest = text.split(start)
    README.write_text(before + start + "\n" + "\n".join(lines) + "\n" + end + rest.split(end)[1], encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
