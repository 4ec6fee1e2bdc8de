"""Programs of single numbers with sums over tables, made from programs of whole arrays without going through the rows.

Of an array with an element for each row of the data one element is an expression: of the parameters, and of the columns
of a table. So a likelihood of a million rows is as short as its formula.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial, reduce
from typing import Any

import numpy as np

from ..program.code import Code
from ..program.program import Operand, Program
from ..program.trace.arrays import LOOPS
from ..program.trace.exponentialsums import shift
from ..program.trace.given import Given
from ..program.trace.outputs import outputs_of, program_of
from ..program.trace.recording import Untraceable, recorded, trace
from ..program.trace.symbols import RULES, Trace
from .nodes import Array, Node, RefusedError, refuse
from .recording import Recording

LEAST = 64  # rows
MOST = 2_000  # operations of the program; as many as LLVM makes well in a second


def tabulated(recording: Recording) -> Program:
    """The program of a loss of one array, with the numbers of its table.

    Raises
    ------
    RefusedError
        Something goes from row to row, or is no sum over them.
    """
    rows = _TabulatedRows(recording)
    (parameter,) = recording.parameters.values()
    given = Given((parameter.size,), (), [()] * len(rows.columns))

    def record(tracing: Trace) -> Program:
        x, *columns = given.symbols(tracing)
        found = rows.over(x.view(np.ndarray).reshape(parameter.shape), columns)
        return program_of(tracing, *outputs_of(tracing, found))

    try:
        made = recorded(Trace(MOST), record)
    except Untraceable as refused:
        raise RefusedError(str(refused)) from None
    return _with_table(replace(made, inputs=parameter.size), rows)


def _with_table(program: Program, rows: _TabulatedRows) -> Program:
    """What stands for columns is a table's, and what does not differ from row to row is no sum."""
    count, width = rows.count, len(rows.columns)
    code = Code(replace(program, nodes=(), outputs=(), tables=((count, width),)))
    new: list[Operand] = []

    def here(o: Operand) -> Operand:
        return new[int(o[1])] if o[0] == "v" else ("d", int(o[1])) if o[0] == "b" else o

    for name, *operands in program.nodes:
        own = [here(o) for o in operands]
        new.append(code.sum(*own) if name == "sum" else code.keep(name, *own))
    outputs = [here(o) for o in program.outputs]
    data = np.concatenate([*rows.columns.values()]) if width else np.empty(0)
    return code.finish(outputs, program.shape, data=data)


class _TabulatedRows:
    """The arrays of a program, element by element but for the axis of the rows, which has one.

    Attributes
    ----------
    count : int
        How many rows there are.
    columns : dict of ndarray
        The columns of the table, by their bytes.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording, self.columns = recording, dict[bytes, Array]()
        constants = dict.fromkeys(a for node in recording.order for a in node.args if not a.moves)
        self.count = max((size for a in constants for size in a.shape), default=0)
        if self.count < LEAST or any(self.count in p.shape for p in recording.parameters.values()):
            refuse("it has no rows of data that are told from its parameters")
        self.fixed = {a: self._columns(a) for a in constants}
        written = (node for node in recording.order if _is_written(node))
        self.functions = {node.how: _program_of(node.how, len(node.args)) for node in written}

    def axis(self, shape: tuple[int, ...]) -> int | None:
        """The axis of the rows; None without one."""
        found = [k for k, size in enumerate(shape) if size == self.count]
        if len(found) > 1:
            refuse("it has an array with an element for each pair of rows")
        return found[0] if found else None

    def _columns(self, node: Node) -> Any:
        """Of a constant its numbers, or where it has rows the names of its columns."""
        values = np.asarray(node.value)
        if values.dtype.kind not in "fiub":
            refuse(f"it computes with {values.dtype}")
        axis = self.axis(values.shape)
        if values.size > MOST * (1 if axis is None else self.count):
            refuse("it reads too many numbers beside its rows, or in each")
        if axis is None:
            return np.array(values.tolist(), dtype=object).reshape(values.shape)
        each = np.moveaxis(values, axis, -1)
        named = np.empty(each.shape[:-1], dtype=object)
        for place in np.ndindex(named.shape):
            column = np.ascontiguousarray(each[place], dtype=np.float64)
            self.columns.setdefault(column.tobytes(), column)
            named[place] = _Column(column.tobytes(), values.dtype.kind == "b")
        return np.expand_dims(named, axis)

    def over(self, x: Any, columns: list[Any]) -> Any:
        """The result, of symbols."""
        self.symbols, self.dropped = dict(zip(self.columns, columns, strict=True)), dict[Operand, tuple[Any, bool]]()
        values = dict.fromkeys(self.recording.parameters.values(), x)
        values |= {a: _each(self._symbol, named) for a, named in self.fixed.items()}
        for node in self.recording.order:
            if node.args:
                if node.kind not in _KINDS or node.dtype not in {np.dtype(np.float64), np.dtype(np.bool_)}:
                    refuse(f"it has an operation of the kind {node.kind!r} in {node.dtype}")
                values[node] = _KINDS[node.kind](self, node, [values[a] for a in node.args])
        return self._watched(values[self.recording.result][()])

    def _watched(self, total: Any) -> Any:
        """The result, not finite where something is not that has been multiplied by 0."""
        for rows in (False, True):
            terms = [symbol for symbol, has_rows in self.dropped.values() if has_rows is rows]
            if terms:
                found = reduce(RULES[np.add], terms)
                total = total + (_sum(found) if rows else found) * 0.0
        return total

    def _symbol(self, value: Any) -> Any:
        if type(value) is not _Column:
            return value
        symbol = self.symbols[value.key]
        return RULES[np.not_equal](symbol, 0.0) if value.is_mask else symbol

    # --- the kinds of nodes ------------------------------------------------------------------------------------------

    def ufunc(self, node: Node, values: list[Any]) -> Any:
        if node.how in self.functions:
            return _each(partial(_written, self.functions[node.how]), *values)
        if node.how is np.multiply:
            return self._products(node.args, *values)
        return np.asarray(LOOPS[node.how](*values), dtype=object)

    def _products(self, nodes: Sequence[Node], a: Any, b: Any) -> Any:
        """Of two arrays; a matrix that says what goes where is mostly zeros."""
        rows = [self.axis(node.shape) is not None for node in nodes]

        def product(p: Any, q: Any) -> Any:
            for zero, other, has_rows in ((p, q, rows[1]), (q, p, rows[0])):
                if type(zero) is float and zero == 0.0 and hasattr(other, "trace"):
                    self.dropped[other.trace.operand(other)] = other, has_rows
                    return zero
            return RULES[np.multiply](p, q)

        return _each(product, a, b)

    def move(self, node: Node, values: list[Any]) -> Any:
        """Elements of one row go to elements of one row, and the others likewise."""
        function, _ = node.how
        shapes, starts = [a.shape for a in node.args], [1]
        for a in node.args:
            starts.append(starts[-1] + a.size)
        places = [np.arange(a.size).reshape(a.shape) + start for a, start in zip(node.args, starts, strict=False)]
        moved, axis = np.asarray(function(*places)), self.axis(node.shape)
        if not moved.all():
            refuse("it fills an array with numbers")
        first = moved if axis is None else np.take(moved, [0], axis)
        steps = [0 if (k := self.axis(s)) is None else int(np.prod(s[k + 1 :], dtype=int)) for s in shapes]
        whose = np.searchsorted(starts, first, side="right") - 1
        if axis is None:
            if any(steps[k] for k in set(whose.ravel().tolist())):
                refuse("it takes some of its rows")
        else:
            turns = np.arange(self.count).reshape([-1 if k == axis else 1 for k in range(moved.ndim)])
            if (moved != first + turns * np.array(steps)[whose]).any():
                refuse("it moves rows")
        own = [_flat_places(s, self.axis(s)) for s in shapes]
        flat = [v.reshape(-1) for v in values]
        return _each(lambda place, k: flat[k][own[k][place - starts[k]]], first, whose)

    def reduce(self, node: Node, values: list[Any]) -> Any:
        function, axes, keepdims = node.how
        (a,), axis = values, self.axis(node.args[0].shape)
        over = [k for k in axes if k != axis]
        found = np.moveaxis(a, over, range(-len(over), 0)) if over else a
        kept = [k for k in range(a.ndim) if k not in over]
        found = found.reshape([a.shape[k] for k in kept] + [-1]) if over else found[..., None]
        whole = np.empty(found.shape[:-1], dtype=object)
        for place in np.ndindex(whole.shape):
            whole[place] = reduce(RULES[function], found[place])
        if axis in axes:
            if function is not np.add:
                refuse(f"it takes np.{function.__name__} over its rows")
            whole = _each(_sum, whole)
        return whole.reshape([1 if k in axes or k == axis else size for k, size in enumerate(a.shape)]
                             if keepdims else [a.shape[k] for k in range(a.ndim) if k not in axes])  # fmt: skip

    def matmul(self, node: Node, values: list[Any]) -> Any:
        a, b = values
        inner = self.axis(node.args[0].shape) == len(node.args[0].shape) - 1
        if inner != (self.axis(node.args[1].shape) == len(node.args[1].shape) - 2):
            refuse("it multiplies rows with what has none")
        products = self._products(node.args, a[..., :, :, None], b[..., None, :, :])
        found = np.empty(products.shape[:-2] + products.shape[-1:], dtype=object)
        for place in np.ndindex(found.shape):
            found[place] = _total(products[(*place[:-1], slice(None), place[-1])])
        return _each(_sum, found) if inner else found

    def other(self, node: Node, values: list[Any]) -> Any:
        """What is subtracted from exponents and added again."""
        if node.how != "shift" or node.shape != node.args[0].shape:
            refuse(f"it has np.{node.how}")
        return _each(shift, *values)


_KINDS: dict[str, Callable[..., Any]] = {
    "other": _TabulatedRows.other, "ufunc": _TabulatedRows.ufunc, "move": _TabulatedRows.move,
    "reduce": _TabulatedRows.reduce, "matmul": _TabulatedRows.matmul,
}  # fmt: skip


class _Column:
    """Stands for a column of the table until there are symbols."""

    def __init__(self, key: bytes, is_mask: bool) -> None:
        self.key, self.is_mask = key, is_mask


def _each(function: Callable[..., Any], *values: Any) -> Any:
    """A function of single values, element by element."""
    return np.asarray(np.frompyfunc(function, len(values), 1)(*values), dtype=object)


def _total(values: Iterable[Any]) -> Any:
    """Of products, without those that are 0."""
    return reduce(RULES[np.add], [value for value in values if type(value) is not float or value != 0.0] or [0.0])


def _sum(value: Any) -> Any:
    """Over the rows."""
    if not hasattr(value, "trace"):
        refuse("it adds up a fixed number over its rows")
    return value.trace.node("sum", ("k", 0.0), value.trace.operand(value))


def _flat_places(shape: tuple[int, ...], axis: int | None) -> Array:
    """Of each place in an array with rows the place in one with a single row; of the first row."""
    small = tuple(1 if k == axis else size for k, size in enumerate(shape))
    return np.broadcast_to(np.arange(int(np.prod(small, dtype=int))).reshape(small), shape).reshape(-1)


def _is_written(node: Node) -> bool:
    """Whether a node is a function of numbers that is no ufunc with a rule."""
    return node.kind == "ufunc" and not (isinstance(node.how, np.ufunc) and node.how in LOOPS)


def _program_of(function: Callable[..., Any], count: int) -> Program:
    try:
        return trace(lambda x: function(*x), (count,))
    except Untraceable as refused:
        return refuse(f"it has a function of numbers that cannot be traced: {refused}")  # type: ignore[no-any-return]


def _written(program: Program, *values: Any) -> Any:
    """A program written once more, of other symbols."""
    tracing: Trace = next(v.trace for v in values if hasattr(v, "trace"))
    own, new = [tracing.operand(v) for v in values], list[Any]()

    def here(o: Operand) -> Any:
        tag, place = o
        if tag == "c":
            return tracing.constant(program.constants[int(place)])
        return own[int(place)] if tag == "x" else new[int(place)].key if tag == "v" else o

    for name, *operands in program.nodes:
        new.append(tracing.node(name, *map(here, operands)))
    tag, place = program.outputs[0]
    return new[int(place)] if tag == "v" else refuse("it has a function of nothing that it is called with")
