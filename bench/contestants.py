"""The contestants of a case: fastgrad's engines, C, JAX. Nobody runs against time before all agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType

import ckernels
import numpy as np
from cases import Case, H

import fastgrad

try:
    import jax
except ImportError:
    jax = None
else:
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)

SAMPLE = 2000  # points at which the exact gradient is known
BLOCK = 10**6
TOLERANCE = 1e-6

Run = Callable[[], object]


def versions() -> list[str]:
    """Of the rivals that are there."""
    return [*filter(None, [ckernels.version(), f"JAX {jax.__version__}" if jax else None])]


@dataclass(frozen=True)
class Lineup:
    """A case ready to run: the contestants that are there, agreeing with each other and with the exact gradient.

    All but JAX write into the same array.
    """

    case: Case
    rivals: dict[str, Run]
    sample: np.ndarray
    count: int


def prepare(case: Case, engine: str, count: int) -> Lineup:
    """The contestants of a case at `count` points or count x count nodes.

    Raises
    ------
    AssertionError
        They disagree.
    """
    points = case.points(count, case.dimension)
    out = np.empty((2, count, count) if case.grid else points.shape)
    rivals = {"engine": ours(case, points, out, engine, h=H), "default": ours(case, points, out, engine)}
    rivals["jit"] = ours(case, points, out, "jit", h=H)
    if ckernels.version():
        kernel = ckernels.compiled(case)
        rivals["C"] = lambda: kernel(points, out)
    get_exact = None
    if jax:
        rivals["JAX"], get_exact = backpropagated(case, points)
    total = count**2 if case.grid else count
    some = np.linspace(0, total - 1, min(SAMPLE, total)).astype(int)
    sample = np.stack([points[some // count], points[some % count]], axis=1) if case.grid else points[some]
    check(case, rivals, out, get_exact, some, sample)
    return Lineup(case, rivals, sample, total)


def ours(case: Case, points: np.ndarray, out: np.ndarray, engine: str, **step: float) -> Run:
    """fastgrad on one engine."""
    f, args = case.for_jit if case.for_jit and engine == "jit" else (case.f, ())
    if case.grid:
        axes = [points, points]
        return lambda: fastgrad.gradient_field(f, axes, args=args, engine=engine, out=out, **step)
    return lambda: fastgrad.gradient(f, points, args=args, batch=True, engine=engine, out=out, **step)


def backpropagated(case: Case, points: np.ndarray) -> tuple[Run, Callable[[], np.ndarray]]:
    """JAX's exact gradient, into a buffer that is donated again and again; and what gives the last result."""
    f = FunctionType(case.f.__code__, case.f.__globals__ | {"np": jax.numpy}, closure=case.f.__closure__)
    slope = jax.grad(f)
    if case.grid:
        column = jax.vmap(lambda a, b: slope(jax.numpy.stack([a, b])), (None, 0), out_axes=1)
        plane = jax.vmap(column, (0, None), out_axes=1)
        everywhere = jax.jit(lambda x, _: plane(x, x), donate_argnums=1, keep_unused=True)
    else:
        everywhere = jax.jit(lambda x, _: jax.vmap(slope)(x), donate_argnums=1, keep_unused=True)
    given = jax.numpy.asarray(points)
    shape = (2, len(points), len(points)) if case.grid else points.shape
    last = [jax.numpy.zeros(shape)]

    def run() -> None:
        last[0] = everywhere(given, last[0]).block_until_ready()

    return run, lambda: np.asarray(last[0])


def check(
    case: Case,
    rivals: dict[str, Run],
    out: np.ndarray,
    get_exact: Callable[[], np.ndarray] | None,
    some: np.ndarray,
    sample: np.ndarray,
) -> None:
    """Everybody agrees with the exact gradient at the sample, and with the first contestant everywhere."""
    exact = np.array([case.exact(x) for x in sample])
    scale = float(np.sqrt(np.mean(exact**2)))
    first = None
    for name, run in rivals.items():
        out.fill(np.nan)
        run()
        got = get_exact() if name == "JAX" and get_exact else out
        who = f"{case.name}: {name}"
        rows = got.reshape(2, -1).T if case.grid else got
        assert_close(rows[some], exact, scale, f"{who} against the exact gradient")
        first = got.copy() if first is None else first
        for start in range(0, got.size, BLOCK):
            block = slice(start, start + BLOCK)
            assert_close(got.reshape(-1)[block], first.reshape(-1)[block], scale, f"{who} against fastgrad")


def assert_close(got: np.ndarray, wanted: np.ndarray, scale: float, who: str) -> None:
    np.testing.assert_allclose(got, wanted, rtol=TOLERANCE, atol=TOLERANCE * scale, err_msg=who)
