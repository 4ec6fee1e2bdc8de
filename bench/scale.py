"""Fields and samples in chunks, on one process and on a cluster of two; and the model that predicts larger ones.

    python bench/scale.py           measures, and writes the numbers of docs/scale.md between markers
    python bench/scale.py --tiny    every step once, small, agreement only

The model knows three numbers, none of which comes from the runs that it predicts: seconds a node in one process without
a cluster, what two threads of one process make of two cores, and seconds a chunk from chunks with next to no nodes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import dask
import dask.array as da
import numpy as np
import psutil
from distributed import Client, LocalCluster
from functions import FUNCTIONS, Array
from machine import installed, machine
from report import brief, duration, plain, table, verdict, write

from fastgrad import gradient_field, grid

PAGE = Path(__file__).parent.parent / "docs" / "scale.md"
F = FUNCTIONS["sin_product"].f
WANTED = 1.7  # two workers over one

# What is measured ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sizes:
    """Nodes along an axis: of a square of the grid, of a chunk, of a chunk with nothing to do; rows of such; turns."""

    grid: int = 16384
    chunk: int = 4096
    empty: int = 16
    rows: int = 10
    turns: int = 4


TINY = Sizes(grid=64, chunk=32, empty=8, rows=2, turns=1)


def field(rows: int, columns: int, chunk: int, shift: float = 0.0, values: Any = None) -> list[Any]:
    """The gradient of a function at every node; `shift` makes it a new one for dask."""
    axes = [np.linspace(-2.0, 2.0 + shift, n) for n in (rows, columns)]
    return [gradient_field(F, axes, chunks=chunk)]


def samples(rows: int, columns: int, chunk: int, shift: float = 0.0, values: Any = None) -> list[Any]:
    """The gradient of samples."""
    values = noise(rows, columns, chunk) if values is None else values
    return list(grid.gradient(values, 0.25 + shift))


def noise(rows: int, columns: int, chunk: int) -> Any:
    return da.random.default_rng(0).normal(size=(rows, columns), chunks=chunk)


def corners(results: Sequence[Any]) -> list[Any]:
    """One number of each chunk, so that a task frees what it has computed."""
    return [r.map_blocks(_corner, chunks=tuple((1,) * n for n in r.numblocks), dtype=float) for r in results]


def _corner(block: Array) -> Array:
    return block[(slice(0, 1),) * block.ndim].copy()


@dataclass(frozen=True)
class Job:
    """What is computed, into how many parts a chunk's side is cut, the bytes that a node moves at least,
    and those held."""

    title: str
    lazily: Callable[..., list[Any]]
    parts: int
    moved: int
    held: int


FIELD = Job("`gradient_field` of sin(x0·x1)", field, parts=2, moved=16, held=16)
SAMPLES = Job("`grid.gradient` of samples", samples, parts=1, moved=24, held=8 + 8 + 16)
JOBS = (FIELD, SAMPLES)


def best(turns: int, *runs: Callable[[int], object]) -> list[float]:
    """The best time of each; they take turns. A run gets a number of its own."""
    times: list[list[float]] = [[] for _ in runs]
    for turn in range(turns + 1):  # the first compiles
        for k, run in enumerate(runs):
            start = perf_counter()
            run(len(runs) * turn + k)
            times[k].append(perf_counter() - start)
    return [min(seconds[1:]) for seconds in times]


# One process ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Core:
    """Seconds a node of one core: into an array that exists, into a new one, in tasks of dask; two threads over one."""

    into: float
    fresh: float
    tasks: float
    efficiency: float


def one_core(job: Job, sizes: Sizes) -> Core:
    n, rows, columns = sizes.chunk // job.parts, sizes.grid, sizes.grid
    axis, out, values = np.linspace(-2.0, 2.0, n), np.zeros((2, n, n)), np.random.default_rng(0).normal(size=(n, n))
    call = partial(gradient_field, F, [axis, axis]) if job is FIELD else partial(grid.gradient, values, 0.25)
    all_values = None if job is FIELD else dask.persist(noise(rows, columns, n), scheduler="threads")[0]

    def in_tasks(number: int, **how: Any) -> None:
        dask.compute(*corners(job.lazily(rows, columns, n, 1e-9 * number, all_values)), **how)

    into, fresh, one, two = best(
        sizes.turns,
        lambda _: call(out=out, workers=1),
        lambda _: call(workers=1),
        partial(in_tasks, scheduler="synchronous"),
        partial(in_tasks, scheduler="threads", num_workers=2),
    )
    return Core(into / n**2, fresh / n**2, one / rows / columns, one / two / 2)


def copying(sizes: Sizes) -> float:
    """Bytes a second that one core reads and writes when it copies."""
    source = np.ones((2, sizes.chunk, sizes.chunk))
    target = np.zeros_like(source)
    return 2 * source.nbytes / best(sizes.turns, lambda _: np.copyto(target, source))[0]


# A cluster ------------------------------------------------------------------------------------------------------------


@contextmanager
def two_workers() -> Any:
    """Two processes of one thread."""
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        yield client


@dataclass(frozen=True)
class Measured:
    """Seconds of the whole grid on one worker and on two, of twice the grid on two,
    of a call and of a chunk of nothing."""

    nodes: int
    chunks: int
    one: float
    two: float
    twice: float
    call: float
    chunk: float

    @property
    def strong(self) -> float:
        return self.one / self.two

    @property
    def weak(self) -> float:
        return self.one / self.twice


def on_cluster(client: Client, job: Job, sizes: Sizes) -> Measured:
    n, chunk, few, both = sizes.grid, sizes.chunk // job.parts, sizes.empty, sorted(client.scheduler_info()["workers"])
    rows, idle = n, few * sizes.rows
    plans = [(rows, n, chunk, both[:1]), (rows, n, chunk, both), (rows, 2 * n, chunk, both)]
    plans += [(few, few, few, both), (idle, idle, few, both)]
    one, two, twice, call, empty = best(sizes.turns, *(prepared(client, job, *plan) for plan in plans))
    each = max(empty - call, 0.0) / (sizes.rows**2 - 1)
    return Measured(rows * n, -(-rows // chunk) * -(-n // chunk), one, two, twice, call, each)


def prepared(client: Client, job: Job, rows: int, columns: int, chunk: int, workers: list[str]) -> Callable[..., None]:
    """A run on some workers; the samples are there before it starts."""
    values = None
    if job is SAMPLES:
        values = client.persist(noise(rows, columns, chunk), workers=workers)
        client.gather(client.compute(values.map_blocks(_corner, dtype=float).sum(), workers=workers))

    def run(number: int) -> None:
        lazy = corners(job.lazily(rows, columns, chunk, 1e-9 * number, values))
        client.gather(client.compute(lazy, workers=workers))

    return run


def resident() -> int:
    """Bytes of a process."""
    return int(psutil.Process().memory_info().rss)


# The model ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Model:
    """Seconds a node of one core, a call, a chunk of the scheduler,
    and the share of their speed that more cores keep."""

    node: float
    call: float
    chunk: float
    efficiency: float
    held: int
    process: int

    def computing(self, nodes: float, cores: int) -> float:
        return nodes * self.node / (cores * self.efficiency if cores > 1 else 1)

    def scheduling(self, chunks: float) -> float:
        return self.call + chunks * self.chunk

    def memory(self, chunk: float) -> float:
        """Bytes of a worker with one thread."""
        return self.process + self.held * chunk


CLUSTERS = ((1e9, 16, 2**22, "16"), (1e12, 2048, 2**25, "2,048"), (1e15, 65536, 2**28, "65,536"))


def predictions(models: dict[str, Model]) -> list[str]:
    rows = []
    for title, model in models.items():
        for nodes, cores, chunk, words in CLUSTERS:
            chunks = nodes / chunk
            times = duration(model.computing(nodes, cores)), duration(model.scheduling(chunks))
            rows.append([title, power(nodes), words, f"{chunks:,.0f}", *times, size(model.memory(chunk))])
    head = ["", "nodes", "cores", "chunks", "computing", "scheduling", "memory of a worker"]
    return table(head, rows)


def check_of_model(models: dict[str, Model], measured: dict[str, Measured]) -> list[str]:
    """The whole grid on one worker and on two: predicted and measured."""
    rows = []
    for title, model in models.items():
        cells, m = [title], measured[title]
        for cores, seconds in ((1, m.one), (2, m.two)):
            said = model.computing(m.nodes, cores) + model.scheduling(m.chunks)
            cells += [duration(said), f"{duration(seconds)} ({100 * (said / seconds - 1):+.0f} %)"]
        rows.append(cells)
    return table(["", "one worker: predicted", "measured (prediction off by)", "two: predicted", "measured"], rows)


# Words ----------------------------------------------------------------------------------------------------------------


def power(number: float) -> str:
    return f"10^{np.log10(number):.0f}"


def size(count: float) -> str:
    unit, words = next((u, w) for u, w in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")) if count >= u or w == "MB")
    return f"{brief(count / unit)} {words}"


def per_core(cores: dict[Job, Core], copy: float) -> list[str]:
    rows = []
    for job, core in cores.items():
        share = f"{100 * job.moved / core.into / copy:.0f} %"
        speeds = [f"{1e-6 / seconds:.0f}" for seconds in (core.into, core.fresh, core.tasks)]
        rows.append([job.title, *speeds, str(job.moved), share])
    head = [
        "million nodes a second",
        "`out=`",
        "new array",
        "in tasks of dask",
        "bytes a node",
        "of a copy's bandwidth",
    ]
    return [*table(head, rows), "", f"A copy moves {brief(copy / 1e9)} GB a second on one core, reading and writing."]


def scaling(measured: dict[str, Measured]) -> list[str]:
    rows = [
        [
            title,
            f"{m.nodes:,}",
            f"{m.chunks}",
            duration(m.one),
            duration(m.two),
            plain(m.strong),
            duration(m.twice),
            f"{100 * m.weak:.0f} %",
        ]
        for title, m in measured.items()
    ]
    head = [
        "",
        "nodes",
        "chunks",
        "one worker",
        "two workers",
        "times as fast",
        "two, twice the nodes",
        "weak efficiency",
    ]
    reached = [f"{title} {plain(m.strong)}: {verdict(m.strong >= WANTED)}" for title, m in measured.items()]
    return [*table(head, rows), "", f"To reach: two workers {WANTED} times as fast as one. {'; '.join(reached)}."]


def numbers_of(models: dict[str, Model]) -> list[str]:
    rows = [
        [
            title,
            f"{m.node * 1e9:.2f} ns",
            duration(m.call),
            duration(m.chunk),
            f"{m.efficiency:.2f}",
            f"{m.held} bytes",
            size(m.process),
        ]
        for title, m in models.items()
    ]
    return table(["", "a node", "a call", "a chunk", "efficiency", "held for a node", "a process"], rows)


# The run --------------------------------------------------------------------------------------------------------------


def agree() -> None:
    """Chunks have the bits of one call."""
    axes, values = [np.linspace(-2.0, 2.0, n) for n in (70, 50)], np.random.default_rng(0).normal(size=(70, 50))
    pairs = [(gradient_field(F, axes, chunks=20), gradient_field(F, axes))]
    pairs += zip(grid.gradient(da.from_array(values, chunks=20)), grid.gradient(values), strict=True)
    if not all(np.array_equal(lazy.compute(), whole) for lazy, whole in pairs):
        msg = "chunks do not have the bits of one call"
        raise AssertionError(msg)


def sections(sizes: Sizes) -> dict[str, list[str]]:
    """Marker -> lines of the page."""
    cores = {job: one_core(job, sizes) for job in JOBS}
    with two_workers() as client:
        client.gather(client.compute(corners(field(sizes.empty, sizes.empty, sizes.empty // 2))))
        process = max(client.run(resident).values())  # with fastgrad and a compiled f, before there are samples
        measured = {job.title: on_cluster(client, job, sizes) for job in JOBS}
    models = {
        job.title: Model(core.tasks, m.call, m.chunk, core.efficiency, job.held, process)
        for (job, core), m in zip(cores.items(), measured.values(), strict=True)
    }
    made_by = f"{machine()}, {installed('dask')}, {datetime.now(UTC):%Y-%m-%d}. Written by `make bench`."
    return {
        "cores": per_core(cores, copying(sizes)),
        "workers": scaling(measured),
        "model": numbers_of(models),
        "check": check_of_model(models, measured),
        "predictions": predictions(models),
        "machine": [made_by],
    }


def main() -> None:
    """Measure and write, or only look whether everything runs and agrees."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="small, once, nothing is written")
    parser.add_argument(
        "--grid", type=int, default=Sizes.grid, help="nodes along an axis; others than usual are not written"
    )
    given = parser.parse_args()
    agree()
    sizes = TINY if given.tiny else Sizes(grid=given.grid)
    parts = sections(sizes)
    for marker, lines in parts.items():
        if sizes == Sizes():
            write(PAGE, marker, lines)
        if not given.tiny:
            print("\n".join([marker, *lines, ""]))


if __name__ == "__main__":
    main()
