"""Points in memory to vectors of one coordinate each, and back.

Points in rows are read and written in tiles of some columns. The parts of rows that a tile has are put side by side in
a vector as they are read; what is left of the transposition are exchanges between neighbours. Where four lanes read two
columns at a time and write four, that are as many instructions as for squares, and none of them reads a column twice.
"""

from __future__ import annotations

from .vectormath import Vectors


class Columns:
    """The coordinates of the points from address `base` on, each read with its tile when it is first wanted.

    So few of a hundred coordinates wait for their turn, in registers instead of on the stack.
    """

    def __init__(self, v: Vectors, kind: str, base: str, strides: tuple[str, str], dimension: int) -> None:
        self.v, self.kind, self.base, self.strides = v, kind, base, strides
        self.rows = _rows(v, kind, base, strides)
        self.tiles = _tiles(kind, dimension, max(2, v.lanes // 2))
        self.found: dict[int, str] = {}

    def __getitem__(self, i: int) -> str:
        if i not in self.found:
            first, width = self.tiles[i]
            self.found.update(enumerate(self._tile(first, width), first))
        return self.found[i]

    def _tile(self, first: int, width: int) -> list[str]:
        v = self.v
        if self.kind == "columns":
            return [_load(v, _at(v, self.base, _times(v, self.strides[1], first)), v.lanes)]
        if self.kind == "pairs":
            a, b = (_load(v, _at(v, self.base, str(k)), v.lanes) for k in (0, v.lanes))
            return [v.shuffle(a, b, list(range(side, 2 * v.lanes, 2))) for side in (0, 1)]
        place = _times(v, self.strides[1], first) if self.kind == "any" else str(first)
        rows = [_at(v, row, place) for row in self.rows]
        if width == 1:
            return [_gather(v, rows)]
        joined = [_joined(v, [_load(v, row, width) for row in rows[i::width]], width) for i in range(width)]
        return _transposed(v, joined)


class Results:
    """Where vectors of results go; a tile is written when the last one of its columns is there."""

    def __init__(self, v: Vectors, kind: str, base: str, strides: tuple[str, str], count: int) -> None:
        self.v, self.kind, self.base, self.strides = v, kind, base, strides
        self.rows = _rows(v, kind, base, strides)
        self.tiles = _tiles(kind, count, v.lanes)
        self.waiting: dict[int, str] = {}

    def __setitem__(self, i: int, vector: str) -> None:
        self.waiting[i] = vector
        first, width = self.tiles[i]
        columns = range(first, first + width)
        if all(k in self.waiting for k in columns):
            self._write(first, [self.waiting.pop(k) for k in columns])

    def _write(self, first: int, vectors: list[str]) -> None:
        v, lanes, width = self.v, self.v.lanes, len(vectors)
        if self.kind == "columns":
            _store(v, vectors[0], _at(v, self.base, _times(v, self.strides[1], first)), lanes)
            return
        if self.kind == "pairs":
            zipped = [lane + side * lanes for lane in range(lanes) for side in (0, 1)]
            for k in (0, lanes):
                _store(v, v.shuffle(vectors[0], vectors[1], zipped[k : k + lanes]), _at(v, self.base, str(k)), lanes)
            return
        place = _times(v, self.strides[1], first) if self.kind == "any" else str(first)
        rows = [_at(v, row, place) for row in self.rows]
        for i, joined in enumerate(_transposed(v, vectors)):
            for k, row in enumerate(rows[i::width]):
                picks = list(range(k * width, (k + 1) * width))
                _store(v, v.shuffle(joined, "poison", picks), row, width)


def load(v: Vectors, kind: str, base: str, strides: tuple[str, str], dimension: int) -> list[str]:
    """All coordinates of the points from address `base` on."""
    columns = Columns(v, kind, base, strides, dimension)
    return [columns[i] for i in range(dimension)]


def store(v: Vectors, kind: str, base: str, strides: tuple[str, str], vectors: list[str]) -> None:
    """The inverse of `load`."""
    results = Results(v, kind, base, strides, len(vectors))
    for i, vector in enumerate(vectors):
        results[i] = vector


def _rows(v: Vectors, kind: str, base: str, strides: tuple[str, str]) -> list[str]:
    """The addresses of the points of all lanes, where they are wanted."""
    return [_at(v, base, _times(v, strides[0], lane)) for lane in range(v.lanes)] if kind in {"rows", "any"} else []


def _tiles(kind: str, dimension: int, widest: int) -> list[tuple[int, int]]:
    """For each column the first one and the number of those that are read and written with it."""
    largest = {"rows": widest, "pairs": 2}.get(kind, 1)
    tiles: list[tuple[int, int]] = []
    while len(tiles) < dimension:
        width = min(largest, 1 << ((dimension - len(tiles)).bit_length() - 1))
        tiles += [(len(tiles), width)] * width
    return tiles


def _at(v: Vectors, base: str, index: str) -> str:
    return base if index == "0" else v.emit(f"getelementptr double, ptr {base}, i64 {index}")


def _times(v: Vectors, stride: str, k: int) -> str:
    return "0" if k == 0 else stride if k == 1 else v.emit(f"mul i64 {stride}, {k}")


def _load(v: Vectors, address: str, width: int) -> str:
    return v.emit(f"load <{width} x double>, ptr {address}, align 8")


def _store(v: Vectors, vector: str, address: str, width: int) -> None:
    v.do(f"store <{width} x double> {vector}, ptr {address}, align 8")


def _gather(v: Vectors, addresses: list[str]) -> str:
    vector = "poison"
    for lane, address in enumerate(addresses):
        one = v.emit(f"load double, ptr {address}, align 8")
        vector = v.emit(f"insertelement {v.double} {vector}, double {one}, i32 {lane}")
    return vector


def _transposed(v: Vectors, vectors: list[str]) -> list[str]:
    """Squares beside each other, transposed in rounds of exchanges between pairs of vectors."""
    vectors, step, lanes = list(vectors), 1, range(v.lanes)
    while step < len(vectors):
        lower = [p if not p & step else v.lanes + p - step for p in lanes]
        upper = [p + step if not p & step else v.lanes + p for p in lanes]
        for i in (i for i in range(len(vectors)) if not i & step):
            low, high = vectors[i], vectors[i + step]
            vectors[i], vectors[i + step] = v.shuffle(low, high, lower), v.shuffle(low, high, upper)
        step *= 2
    return vectors


def _joined(v: Vectors, parts: list[str], width: int) -> str:
    """Short vectors one after the other in a full one."""
    while len(parts) > 1:
        picks = list(range(2 * width))
        parts = [v.shuffle(a, b, picks, width) for a, b in zip(parts[::2], parts[1::2], strict=True)]
        width *= 2
    return parts[0]
