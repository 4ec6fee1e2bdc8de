"""Fields in files and stores, larger than memory: slab by slab along the grid's first axis."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..chunks.stores import is_store
from ..engine.arguments import check_out
from ..engine.bound import Facts
from ..engine.call import Call, Grid
from ..engine.choose import warn_if_constant
from ..engine.threads import Report, progress_report
from ..results import EngineError, users_level
from . import files
from .identity import describe
from .journal import Journal, Slab

Array = NDArray[Any]
Part = Callable[[Call, Array, str, Any], Facts]  # fills an array with a call's field: on which engine, with progress

NOTHING = Facts("", 0)


# --- what may be written to -------------------------------------------------------------------------------------------


def check_target(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], *axes: Array) -> Any:
    """`out`, an array or a store, or a new array."""
    if not is_store(out):
        return check_out(out, shape, dtype, *axes)
    if tuple(out.shape) != shape or str(np.dtype(dtype)) != str(out.dtype):
        msg = (
            f"out has shape {tuple(out.shape)} and dtype {out.dtype}, the result {shape} and {dtype}; "
            f"make it with shape={shape}, dtype={str(dtype)!r}"
        )
        raise ValueError(msg)
    return out


def is_outside(out: Any) -> bool:
    """Whether `out` is a file or a store, not memory."""
    return files.file_of(out) is not None if isinstance(out, np.ndarray) else True


class _Destination:
    """A file, whose slabs are written in place, or a store, into which blocks are put."""

    def __init__(self, out: Any) -> None:
        self.out, self.rows = out, int(out.shape[1])
        self.file = files.file_of(out) if isinstance(out, np.ndarray) else None

    def block(self, first: int, last: int) -> Array:
        """The array to fill for a slab."""
        if self.file is None:
            return np.empty((self.out.shape[0], last - first, *self.out.shape[2:]), self.out.dtype)
        block = np.asarray(self.out)[:, first:last]
        for component in block:
            self.file.reserve(component)
        return block

    def keep(self, first: int, last: int, block: Array, *, flush: bool) -> None:
        """Put the block where it belongs; with `flush` on the disk, if a store can."""
        if self.file is None:
            self.out[:, first:last] = block
        flushing: Any = self.out if self.file is None else self.file.mapping
        for each in (flushing, getattr(flushing, "file", None)):  # h5py writes what it owes by the file
            flush_it = getattr(each, "flush", None)
            if flush and flush_it is not None:
                flush_it()

    def read(self, first: int, last: int) -> Array:
        """What a slab holds now."""
        return np.asarray(self.out[:, first:last])

    def release(self) -> None:
        """Let a file's pages leave the process."""
        if self.file is not None:
            self.file.release()

    def height(self) -> int:
        """Nodes of the first axis in a slab:
        whole chunks of a store, since a part of one is read again to be written."""
        plane: int = 8 * prod(self.out.shape) // self.rows
        chunks = getattr(self.out, "shards", None) or getattr(self.out, "chunks", None)
        whole = int(chunks[1]) if isinstance(chunks, tuple) and isinstance(chunks[1], int) else 1
        return max(files.SLAB // plane // whole, 1) * whole


# --- the run ----------------------------------------------------------------------------------------------------------


@dataclass
class _SlabRun:
    """Where the numbers go, and what the finished slabs add up to; `finite` where it is wanted."""

    place: _Destination
    journal: Journal | None
    finite: Array | None
    total: int = 0
    slabs: int = 0
    nodes: int = 0
    zero: bool = True
    facts: Facts = NOTHING

    def check(self, engine: str) -> None:
        """Raise EngineError for a slab from another engine than those before."""
        if self.facts.engine not in {"", engine}:
            msg = (
                f"the finished slabs ran on engine={self.facts.engine!r}, this one on {engine!r}, and their last "
                "digits may differ; delete the journal and begin anew with engine= one of them"
            )
            raise EngineError(msg)

    def add(self, block: Array, facts: Facts) -> None:
        """A slab is finished."""
        self.facts = Facts(facts.engine, self.facts.nfev + facts.nfev, max(self.facts.eps, facts.eps))
        self.slabs += 1
        self.nodes += block[0].size
        self.zero = self.zero and not block[..., :1].any() and not block.any()
        if self.finite is not None:
            self.finite &= np.isfinite(block).all(axis=tuple(range(1, block.ndim)))

    @contextmanager
    def room(self) -> Iterator[None]:
        """A full disk as an error that says what is kept and how to go on."""
        try:
            yield
        except OSError as error:
            if not files.is_full(error):
                raise
            way_out = (
                f"Free some space and call again with resume={str(self.journal.path)!r}"
                if self.journal
                else "Free some space and call again; with resume= a call goes on after the finished slabs"
            )
            raise files.no_room(error, f"{self.slabs} of {self.total} slabs are finished and kept", way_out) from error


def fill(
    part: Part, call: Call, out: Any, engine: str, progress: Any, resume: Any, *, finite: bool
) -> tuple[Facts, Array | None]:
    """Fill a file or a store; the facts of all slabs, and where it is wanted whether each component is finite."""
    journal = None if resume is None else Journal(resume, describe(call, engine, np.dtype(out.dtype)))
    run = _SlabRun(_Destination(out), journal, np.ones(out.shape[0], bool) if finite else None)
    try:
        _fill(run, part, call, engine, progress)
    finally:
        if journal:
            journal.close()
    if run.zero:
        warn_if_constant(call, np.zeros(1), users_level(1))
    return run.facts, run.finite


def _fill(run: _SlabRun, part: Part, call: Call, engine: str, progress: Any) -> None:
    journal = run.journal
    with run.room():
        finished = [] if journal is None else _intact(run, journal)
    spans = list(_unfinished(run.place.rows, run.place.height(), finished))
    run.total = len(finished) + len(spans)
    with progress_report(progress, "point") as report:
        for span in spans:
            _compute(run, part, call, span, run.facts.engine if run.slabs > len(finished) else engine, report)
    if journal:
        journal.remove()


def _compute(run: _SlabRun, part: Part, call: Call, span: tuple[int, int], engine: str, report: Report | None) -> None:
    """One slab, from its room on the disk to its line in the journal."""
    assert isinstance(call.points, Grid)
    grid = Grid((call.points.axes[0][slice(*span)], *call.points.axes[1:]))
    some, nodes = replace(call, points=grid, expected=call.evaluations), run.nodes

    def count(done: int, total: int) -> None:  # of a single node these are coordinates
        assert report is not None
        report(nodes + done * grid.count // total, call.points.count)

    with run.room():
        block = run.place.block(*span)
    facts = part(some, block, engine, report and count)
    run.check(facts.engine)
    with run.room():
        run.place.keep(*span, block, flush=run.journal is not None)
        if run.journal:
            run.journal.note(Slab(*span, _checksum(block), facts.engine, facts.nfev, facts.eps))
    run.add(block, facts)
    run.place.release()


def _unfinished(rows: int, height: int, finished: list[Slab]) -> Iterator[tuple[int, int]]:
    """The slabs between those that are finished."""
    at = 0
    for first, last in [*sorted((slab.first, slab.last) for slab in finished), (rows, rows)]:
        while at < first:
            stop = min(at - at % height + height, first)
            yield at, stop
            at = stop
        at = last


def _intact(run: _SlabRun, journal: Journal) -> list[Slab]:
    """The finished slabs that still hold what was written."""
    intact = []
    for slab in journal.finished:
        block = run.place.read(slab.first, slab.last)
        if _checksum(block) == slab.checksum:
            run.add(block, Facts(slab.engine, slab.nfev, slab.eps))
            intact.append(slab)
        del block
        run.place.release()
    lost = len(journal.finished) - len(intact)
    if lost:
        text = (
            f"{lost} of {len(journal.finished)} finished slabs no longer hold what was written, and are computed "
            "again: was out made anew? open a file with mode='r+' to go on"
        )
        warnings.warn(text, RuntimeWarning, stacklevel=users_level())
    journal.begin(intact)
    return intact


def _checksum(block: Array) -> int:
    total = 0
    for component in block:
        total = zlib.crc32(np.ascontiguousarray(component).data, total)
    return total
