"""The differences of a loss in all elements of its parameters, block by block; threads share the blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..engine import threads
from ..formulas.stencils import Stencil
from . import tails
from .blocks import ArrayFamily, ElementBlock, Places, at_once, blocks_of, boxes_of, final_change
from .buffers import reused
from .changes import Change, One
from .nodes import Array, Node
from .recording import Recording

TAIL = 1024
"""Elements of a block at a time where machine code does most of it ..."""

LARGE = 1 << 20
"""... and numbers of the widest change before it, 8 MiB. With batch norm, 13 elements at a time take 1.4 times as long
as 52, which leave the caches: rules and kernels cost more for each call."""

SHARES = 8
"""Parts of work for all threads, at least."""


def sums(
    recording: Recording, chosen: list[ArrayFamily], places: Places, steps: Mapping[str, Any], formula: Stencil,
    report: Callable[[int, int], object] | None = None,
) -> dict[str, Array]:  # fmt: skip
    """The stencil's sums for the elements at `places` (flat) of each array, moved by `steps`, by name."""
    task = _Sums(recording, places, steps, formula)
    total, done = sum(map(len, places.values())), 0
    with reused():
        for family in chosen:
            done += task.fill(family, report and _told(report, done, total))
    if report and done < total:  # what the loss does not read
        report(total, total)
    return task.out


def _told(report: Callable[[int, int], object], before: int, total: int) -> Callable[[int], object]:
    return lambda elements: report(before + elements, total)


class _Sums:
    """What is to be computed, and where it goes."""

    def __init__(self, recording: Recording, places: Places, steps: Mapping[str, Any], formula: Stencil) -> None:
        self.recording, self.places, self.steps, self.formula = recording, places, steps, formula
        self.moved = [k for k in formula.offsets if k]
        self.out = {name: np.zeros(len(p)) for name, p in places.items()}

    def fill(self, family: ArrayFamily, report: Callable[[int], object] | None) -> int:
        """All elements of a family, and how many that were."""
        size = at_once(family, len(self.moved))
        whole = blocks_of(self.recording, family, self.places)
        blocks = [part for block in whole for part in block.pieces(_share(len(block.which), len(whole), size))]
        code = self._code(family, blocks)
        ends = [0, *np.cumsum([len(block.which) for block in blocks]).tolist()]

        def work(start: int, stop: int) -> None:
            with reused(), np.errstate(all="ignore"):
                for block in blocks[start:stop]:
                    for some, part in self._pieces(block, code, size):
                        self._fill(some, part)

        told = (lambda done, _: report(ends[done])) if report else None
        threads.run(work, len(blocks), workers=threads.cores(), report=told)
        return int(ends[-1])

    def _code(self, family: ArrayFamily, blocks: list[ElementBlock]) -> tails.Tail | None:
        """Machine code for the last part of the program, if it is worth its time."""
        if sum(len(b.which) for b in blocks) * len(self.moved) * family.work <= tails.WORTH:
            return None
        recording = self.recording
        with np.errstate(all="ignore"):
            changed = boxes_of(recording, recording.order, blocks[0], self.places)
            return tails.tail(recording.order, changed, [recording.parameters[name] for name, _ in family.axes])

    def _pieces(
        self, block: ElementBlock, code: tails.Tail | None, size: int
    ) -> Iterator[tuple[ElementBlock, tails.Placed | None]]:  # fmt: skip
        """As many elements at a time as there is room for; and the code, where it stands for this block."""
        order, part = self.recording.order, None
        if code:
            part = code.at(boxes_of(self.recording, order[: order.index(code.entry) + 1], block, self.places))
        if part:
            size = min(max(LARGE // part.widest // len(self.moved), 8), TAIL)
        return ((some, part) for some in block.pieces(size))

    def _fill(self, some: ElementBlock, part: tails.Placed | None) -> None:
        """The sums of some elements."""
        recording, moved, count = self.recording, self.moved, len(some.which)
        starts, mine = dict[Node, Change](), dict[str, Any]()
        for k, name in enumerate(some.names):
            at = np.flatnonzero(some.which == k)
            if len(at):
                mine[name] = at, some.numbers[at]
                starts[recording.parameters[name]] = self._start(name, some.numbers[at], at, count)
        used = count * len(moved)
        lanes = used + (-used % part.tail.code.lanes if part else 0)
        found = final_change(recording.order, starts, lanes, part=part)
        by = np.zeros(lanes) if found is None else found.boxed(recording.result, lanes).by(recording.result)
        by_offset = dict(zip(moved, by[:used].reshape(len(moved), count), strict=True)) | {0: np.zeros(count)}
        values = [by_offset[k] for k in self.formula.offsets]
        total = sum(number * (values[a] - values[b]) for number, a, b in self.formula.terms)
        for name, (at, numbers) in mine.items():
            self.out[name][numbers] = total[at]

    def _start(self, name: str, numbers: Any, at: Any, count: int) -> One:
        """How elements of an array move, each in lanes of its own."""
        node, flat = self.recording.parameters[name], self.places[name][numbers]
        x = np.asarray(node.value).reshape(-1)[flat]
        h = np.broadcast_to(np.reshape(self.steps[name], -1), node.size)[flat]
        by = np.concatenate([(x + k * h) - x for k in self.moved])
        return One(np.concatenate([at + n * count for n in range(len(self.moved))]), np.tile(flat, len(self.moved)), by)


def _share(elements: int, blocks: int, size: int) -> int:
    """How many elements of a block make a part of the work: not fewer than are done at a time."""
    return max(-(-elements // max(SHARES // blocks, 1)), min(size, elements), 1)
