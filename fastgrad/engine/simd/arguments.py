"""A kernel's arguments, in one place: what shapes a kernel, the block of numbers it gets, who writes and who reads it.

Only addresses and strides go to a kernel, in a block of 64-bit numbers; strides count doubles.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...llvm import machine
from ...llvm.vectormath import Vectors
from ...program.program import Program
from ..call import SEGMENT, Call, Grid, batch_rows, segments

Array = NDArray[np.float64]

# Shares of the last cache: of both arrays, and of each. Smaller ones stay there, from one call to the next and for who
# reads the results. Of two that take half the cache in all, four results for each coordinate take 1.3 times the time
# past it, as many results as coordinates, 100 of each, a third of the time. Of few coordinates and results, 2 to 20 of
# each, arrays that take half the cache in all take 1.2 to 2 times the time past it, those that fill it 1.1 to 1.6.
SHARE, OF_EACH = 0.75, 0.2
NARROW, OF_NARROW = 32, 1.25  # numbers of a point, and the share of arrays of such points
UNKNOWN = 32 << 20  # bytes of a last cache that nobody has told about
LARGEST = 8_192  # doubles of a buffer for results on their way past the cache: more have no place in the second cache

SLOTS = (
    "source", "source_row", "source_column", "out", "out_row", "out_column", "values", "constants", "sizes", "size_row",
    "size_column", "batch", "batch_row", "batch_column", "v", "v_row", "v_column", "t", "axes", "starts", "lengths",
    "segment", "stream",
)  # fmt: skip
PLACES = {name: k for k, name in enumerate(SLOTS)}
NUMBERS = tuple(
    name for name in SLOTS if name.endswith(("_row", "_column", "segment", "stream"))
)  # the others are addresses


# --- what shapes a kernel ---------------------------------------------------------------------------------------------


class KernelForm(NamedTuple):
    """Everything that shapes a kernel beside program and table."""

    lanes: int
    rule: str
    sizes: str  # "uniform", "coordinate" or "point"
    source: str  # a kind of `layout`, or "grid"
    out: str
    value: bool
    batch: int  # numbers of batch arguments beside each point
    exact: bool  # whether steps along v are powers of two
    quick: bool = False  # whether LLVM shall save its own time
    rows: bool = False  # whether the lanes are rows of data, of one point


def form_of(call: Call, out: str, long: bool = False) -> KernelForm:
    """The form for a call whose outputs lie in a layout of the kind `out`.

    A long program that runs at one point is not worth LLVM's best.
    """
    if isinstance(call.points, Grid):
        source = "grid"
    else:
        rows = call.points.values
        source = kind_of(rows.shape, None if is_odd(rows) else rows.strides)
    size = call.steps.size
    kind = "uniform" if not size.ndim else "coordinate" if size.ndim == 1 or size.strides[0] == 0 else "point"
    exact = call.t is None or bool((np.frexp(call.t)[0] == 0.5).all())
    batch = sum(rows[0].size if len(rows) else 0 for rows in call.batch)
    quick = long and call.points.count == 1 and not call.often
    return KernelForm(machine.lanes(), call.steps.rule, kind, source, out, call.value, batch, exact, quick)


def form_of_columns(batch: int = 0) -> KernelForm:
    """The form of kernels for f itself at points that lie in columns, as their values do."""
    return KernelForm(machine.lanes(), "default", "uniform", "columns", "columns", False, batch, True)


def kind_of(shape: tuple[int, ...], strides: tuple[int, ...] | None = None) -> str:
    """How the points of an (N, D) array lie: columns, pairs (of contiguous coordinates), rows, or any other way.

    Without strides as in a new array.
    """
    row, column = (shape[1], 1) if strides is None else (strides[0] // 8, strides[1] // 8)
    if shape[0] == 1:
        return "rows" if column == 1 or shape[1] == 1 else "any"
    if row == 1:
        return "columns"
    if column == 1 or shape[1] == 1:
        return "pairs" if row == 2 and shape[1] == 2 else "rows"
    return "any"


def is_odd(array: Array) -> bool:
    """Whether elements do not lie at multiples of eight bytes, as in a field of packed records."""
    row, column = array.strides
    return bool(row % 8 or column % 8) or not array.flags.aligned


def stream_width(form: KernelForm, inputs: int, results: int) -> int:
    """How many results a point has, if a kernel's layouts let them go past the cache; else 0."""
    fits = 0 < results * form.lanes <= LARGEST
    return results if fits and _in_a_row(form.source, inputs) and _in_a_row(form.out, results) else 0


def _in_a_row(kind: str, width: int) -> bool:
    return kind in {"rows", "pairs"} or (kind == "columns" and width == 1)


def is_streamed(form: KernelForm, x: Array, out: Array) -> bool:
    """Whether the results of a call go past the cache."""
    total, least, cache = x.nbytes + out.nbytes, min(x.nbytes, out.nbytes), last_cache()
    if max(x.shape[1], out.shape[1]) <= NARROW:
        stays = total < OF_NARROW * cache
    else:
        stays = total < SHARE * cache and least < OF_EACH * cache
    if stays:
        return False
    dense = all(a.strides[0] == 8 * a.shape[1] for a in (x, out))
    return dense and stream_width(form, x.shape[1], out.shape[1]) > 0


@cache
def last_cache() -> int:
    """Bytes of the last cache that processors share."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index3/size").read_text(encoding="ascii")
        return int(text.strip().removesuffix("K")) << 10
    except (OSError, ValueError):  # not Linux, or no such cache
        return UNKNOWN


# --- who writes -------------------------------------------------------------------------------------------------------


class KernelMemory:
    """What a kernel gets, and the memory of it: slots, step size, constants, and room for the spot check.

    One piece, because asking NumPy for an address takes a microsecond. A single point is all lanes at once: with
    strides of zero every lane reads the same row and writes the same result.
    """

    def __init__(self, program: Program, width: int, size: float, numbers: Array) -> None:
        self.width, self.outputs = width, len(program.outputs)
        head = len(SLOTS) + 1 + len(numbers)
        self.points = slice(head, head + program.inputs * width)
        self.batch = slice(self.points.stop, self.points.stop + program.rows * width)
        self.found = slice(self.batch.stop, self.batch.stop + self.outputs * width)
        self.values = slice(self.found.stop, self.found.stop + width)
        self.memory = np.empty(self.values.stop)
        self.memory[: len(SLOTS)], self.memory[len(SLOTS)] = 0.0, size
        self.set_numbers(numbers)
        self.slots = self.memory[: len(SLOTS)].view(np.int64)
        self.address = address_of(self.memory)
        self.kept: dict[str, Any] = {}  # the arrays behind addresses live as long as the block

    def set_numbers(self, numbers: Array) -> None:
        """The program's constants, and the rows of its tables."""
        self.memory[len(SLOTS) + 1 : self.points.start] = numbers

    def at(self, place: int | slice) -> int:
        """The address of a number, or of the first of some."""
        return self.address + 8 * (place.start if isinstance(place, slice) else place)

    def write(self, call: Call, form: KernelForm, out: Array, values: Array | None) -> tuple[int, int]:
        """Fill the slots for a call: its items, and in which multiples they are handed out."""
        single, kept = call.points.count == 1, self.kept
        kept |= {"constants": self.at(len(SLOTS) + 1), "sizes": self.at(len(SLOTS))}
        if values is not None:
            kept["values"] = self.at(self.values) if single else values
        if isinstance(call.points, Grid):
            items, grain = self._write_grid(call.points), 1
        else:
            items, grain = max(call.points.count, form.lanes if single else 0), form.lanes
            rows = call.points.values
            kept["stream"] = int(not single and is_streamed(form, rows, out))
            self._write_matrix("source", np.array(rows) if is_odd(rows) else rows, single)
        self._write_matrix("out", out, single)
        if form.sizes != "uniform":
            self._write_matrix("size", np.broadcast_to(call.steps.size, call.points.layout), single, "sizes")
        if call.batch:
            self._write_matrix("batch", batch_rows(call, slice(None)), single)
        if call.v is not None and call.t is not None:
            self._write_matrix("v", np.ascontiguousarray(call.v), single)
            kept["t"] = call.t.repeat(form.lanes) if single else np.ascontiguousarray(call.t)
        numbers = [0] * len(SLOTS)
        for name, slot in kept.items():
            numbers[PLACES[name]] = slot if isinstance(slot, int) else address_of(slot)
        self.slots[:] = numbers
        return items, grain

    def _write_matrix(self, name: str, array: Array, single: bool, pointer: str = "") -> None:
        row, column = array.strides
        self.kept[pointer or name] = array
        self.kept[f"{name}_row"], self.kept[f"{name}_column"] = 0 if single else row // 8, column // 8

    def _write_grid(self, grid: Grid) -> int:
        lengths = np.array([len(a) for a in grid.axes], dtype=np.int64)
        self.kept |= {
            "axes": np.concatenate(grid.axes), "lengths": lengths, "starts": np.cumsum(lengths) - lengths,
            "segment": SEGMENT,
        }  # fmt: skip
        return grid.count // int(lengths[-1]) * segments(grid)

    def evaluate(self, value: Any, points: Array, rows: Array) -> list[list[float]]:
        """f's outputs at some points by the compiled `value`, a kernel on columns: a point to a lane, and repeated."""
        lanes = np.arange(self.width) % len(points)
        self.memory[self.points] = points[lanes].T.ravel()
        self.memory[self.batch] = rows[lanes].ravel()
        numbers = {"source": self.at(self.points), "out": self.at(self.found), "batch": self.at(self.batch)}
        numbers |= {"source_row": 1, "out_row": 1, "source_column": self.width, "out_column": self.width}
        numbers |= {"constants": self.at(len(SLOTS) + 1), "sizes": self.at(len(SLOTS)), "batch_row": rows.shape[1]}
        for name, number in numbers.items():
            self.slots[PLACES[name]] = number
        value(0, self.width, self.address)
        found: list[list[float]] = self.memory[self.found].reshape(-1, self.width).T[: len(points)].tolist()
        return found


def address_of(array: NDArray[Any]) -> int:
    """Where an array's first element is."""
    address: int = array.__array_interface__["data"][0]
    return address


# --- who reads --------------------------------------------------------------------------------------------------------


def read(v: Vectors, name: str) -> str:
    """A slot's number or address."""
    at = v.emit(f"getelementptr i64, ptr %arguments, i64 {PLACES[name]}")
    return v.emit(f"load {'i64' if name in NUMBERS else 'ptr'}, ptr {at}, align 8")


class Arguments:
    """A kernel's arguments in its own registers, all of them read before its loop."""

    def __init__(self, v: Vectors, constants: int) -> None:
        self.v = v
        self.slots = {name: read(v, name) for name in (*NUMBERS, *(n for n in SLOTS if n not in NUMBERS))}
        self.constants = [self.constant(k) for k in range(constants)]

    def __getitem__(self, name: str) -> str:
        return self.slots[name]

    def constant(self, k: int) -> str:
        """A constant of f's in all lanes."""
        at = self.v.emit(f"getelementptr double, ptr {self.slots['constants']}, i64 {k}")
        return self.v.broadcast(self.v.emit(f"load double, ptr {at}, align 8"))

    def strides(self, name: str) -> tuple[str, str]:
        """From one point to the next, and from one coordinate to the next."""
        return self.slots[f"{name}_row"], self.slots[f"{name}_column"]

    def element(self, name: str, n: str, stride: str) -> str:
        """The address of a point's first number."""
        index = self.v.emit(f"mul i64 {n}, {self.slots[stride]}")
        return self.v.emit(f"getelementptr double, ptr {self.slots[name]}, i64 {index}")

    def integer(self, name: str, k: int) -> str:
        """The k-th number of a list of whole ones."""
        at = self.v.emit(f"getelementptr i64, ptr {self.slots[name]}, i64 {k}")
        return self.v.emit(f"load i64, ptr {at}, align 8")
