"""The main job: the gradient field of sin(x0*x1) on a 2000 x 2000 grid, into field.npz and field.png."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import matplotlib as mpl
import numpy as np
from baselines import book_gradients, sin_product

import fastgrad
from fastgrad import plot

mpl.use("Agg")
from matplotlib import pyplot as plt

STYLE = Path(__file__).parent.parent / "docs" / "figures.mplstyle"
NODES = 2000
SAMPLE = 2000


def draw(x: np.ndarray, y: np.ndarray, field: np.ndarray) -> None:
    """Arrows at some of the nodes, in the style of the documentation."""
    with plt.style.context(STYLE):
        figure, ax = plt.subplots(figsize=(6, 5))
        plot.quiver(field, [x, y], negative=True, ax=ax)
        ax.set(title="$-\\nabla f$ of $f = \\sin(x_0\\,x_1)$", aspect="equal")
        figure.savefig("field.png")


def main() -> None:
    """Compute, compare, write, draw."""
    x = y = np.linspace(-2.0, 2.0, NODES)
    start = perf_counter()
    result = fastgrad.gradient_field(sin_product, [x, y], progress=True, full_output=True)
    first = perf_counter() - start
    start = perf_counter()
    field = fastgrad.gradient_field(sin_product, [x, y], out=result.value)
    seconds = perf_counter() - start

    nodes = np.random.default_rng(0).uniform(-2.0, 2.0, (SAMPLE, 2))
    start = perf_counter()
    book_gradients(sin_product, nodes)
    book = (perf_counter() - start) / SAMPLE

    exact = np.cos(np.multiply.outer(x, y)) * np.array(np.meshgrid(y, x, indexing="xy"))
    rate = NODES**2 / seconds
    print(f"engine            {result.engine}")
    print(f"first call        {first:.2f} s, compilation included")
    print(f"then              {seconds:.3f} s: {rate / 1e6:.1f} million nodes per second")
    print(f"the book's loop   {1 / book / 1e6:.3f} million nodes per second (sample of {SAMPLE}): 1/{book * rate:.0f}")
    print(f"largest error     {np.abs(field - exact).max():.1e}")
    np.savez("field.npz", x0=x, x1=y, gradient=field)
    draw(x, y, field)
    print("written           field.npz (x0, x1, gradient), field.png")


if __name__ == "__main__":
    main()
