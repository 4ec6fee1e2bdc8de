"""Points in memory to vectors and back: one lane per point, one vector per coordinate.

An (N, D) array in row order becomes vectors by transposing squares of rows in registers; in column order the vectors
are there already. Nothing is copied before. So the kinds: columns, pairs (of contiguous coordinates), rows, or any.
"""

from __future__ import annotations

from .vectormath import Vectors


def load(v: Vectors, kind: str, base: str, strides: tuple[str, str], dimension: int) -> list[str]:
    """The D vectors of the points from address `base` on."""
    if kind == "columns":
        return [_load(v, _at(v, base, _times(v, strides[1], i)), v.lanes) for i in range(dimension)]
    if kind == "pairs":
        a, b = (_load(v, _at(v, base, str(k)), v.lanes) for k in (0, v.lanes))
        return [v.shuffle(a, b, list(range(first, 2 * v.lanes, 2))) for first in (0, 1)]
    rows = [_at(v, base, _times(v, strides[0], lane)) for lane in range(v.lanes)]
    if kind == "rows":
        return _load_rows(v, rows, dimension)
    return [_gather(v, [_at(v, row, _times(v, strides[1], i)) for row in rows]) for i in range(dimension)]


def store(v: Vectors, kind: str, base: str, strides: tuple[str, str], vectors: list[str]) -> None:
    """The inverse of `load`."""
    if kind == "columns":
        for i, vector in enumerate(vectors):
            _store(v, vector, _at(v, base, _times(v, strides[1], i)), v.lanes)
        return
    if kind == "pairs":
        first, second = vectors
        zipped = [lane + side * v.lanes for lane in range(v.lanes) for side in (0, 1)]
        for k in (0, v.lanes):
            _store(v, v.shuffle(first, second, zipped[k : k + v.lanes]), _at(v, base, str(k)), v.lanes)
        return
    rows = [_at(v, base, _times(v, strides[0], lane)) for lane in range(v.lanes)]
    if kind == "rows":
        _store_rows(v, rows, vectors)
        return
    for i, vector in enumerate(vectors):
        for lane, row in enumerate(rows):
            one = v.emit(f"extractelement {v.double} {vector}, i32 {lane}")
            v.do(f"store double {one}, ptr {_at(v, row, _times(v, strides[1], i))}, align 8")


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


def _blocks(dimension: int, lanes: int) -> tuple[int, list[int]]:
    """The width of the squares and their first columns; the last one overlaps the one before where it must."""
    width = min(1 << (dimension.bit_length() - 1), lanes)
    starts = list(range(0, dimension - width + 1, width))
    return width, starts if dimension % width == 0 else [*starts, dimension - width]


def _load_rows(v: Vectors, rows: list[str], dimension: int) -> list[str]:
    width, starts = _blocks(dimension, v.lanes)
    columns: dict[int, str] = {}
    for start in starts:
        loaded = [_load(v, _at(v, row, str(start)), width) for row in rows]
        tiles = [_transposed(v, loaded[k : k + width], width) for k in range(0, v.lanes, width)]
        for i in range(width):
            columns.setdefault(start + i, _joined(v, [tile[i] for tile in tiles], width))
    return [columns[i] for i in range(dimension)]


def _store_rows(v: Vectors, rows: list[str], vectors: list[str]) -> None:
    width, starts = _blocks(len(vectors), v.lanes)
    for start in starts:
        for k in range(0, v.lanes, width):
            picks = list(range(k, k + width))
            tile = [v.shuffle(c, "poison", picks) for c in vectors[start : start + width]]
            for row, vector in zip(rows[k : k + width], _transposed(v, tile, width), strict=True):
                _store(v, vector, _at(v, row, str(start)), width)


def _transposed(v: Vectors, rows: list[str], width: int) -> list[str]:
    """A square of vectors transposed in log2(width) rounds of exchanges between pairs."""
    rows, step = list(rows), 1
    while step < width:
        places = range(width)
        low = [p if not p & step else width + p - step for p in places]
        high = [p + step if not p & step else width + p for p in places]
        for i in (i for i in range(width) if not i & step):
            a, b = rows[i], rows[i + step]
            rows[i], rows[i + step] = v.shuffle(a, b, low, width), v.shuffle(a, b, high, width)
        step *= 2
    return rows


def _joined(v: Vectors, parts: list[str], width: int) -> str:
    """Short vectors one after the other in a full one."""
    while len(parts) > 1:
        picks = list(range(2 * width))
        parts = [v.shuffle(a, b, picks, width) for a, b in zip(parts[::2], parts[1::2], strict=True)]
        width *= 2
    return parts[0]
