"""The main job: the gradient field of sin(x0*x1) on a 2000 x 2000 grid, into field.npz and field.png."""

from __future__ import annotations

from time import perf_counter

import matplotlib as mpl
import numpy as np
from baselines import book_gradients, sin_product

import fastgrad

mpl.use("Agg")
from matplotlib import pyplot as plt

NODES = 2000
SAMPLE = 2000


def draw(x: np.ndarray, y: np.ndarray, field: np.ndarray) -> None:
    """Arrows at every hundredth node over the field's magnitude, which the arrows' scale would hide."""
    figure, ax = plt.subplots(figsize=(7, 6), layout="constrained")
    image = ax.imshow(np.hypot(*field).T, origin="lower", extent=(x[0], x[-1], y[0], y[-1]), cmap="viridis")
    some = slice(50, None, 100)
    ax.quiver(x[some], y[some], *(-field[:, some, some]).transpose(0, 2, 1), angles="xy", color="white", width=0.003)
    ax.set(xlabel="x0", ylabel="x1", title="-grad sin(x0 x1)")
    figure.colorbar(image, label="|grad|")
    figure.savefig("field.png", dpi=120)


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
