"""Which slabs of a field are finished: a file of lines, so that an interrupted call can go on.

The first line says which field it is, the others name a finished slab each. A line is written after the slab's numbers
have reached the file; one that an interruption cut short is not read.
"""

from __future__ import annotations

import json
import os
import sysconfig
from collections.abc import Hashable, Iterable
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any, NamedTuple

import numpy as np

from ..engine.call import Call, Grid
from ..program.captures import captured, parts

_PATHS = sysconfig.get_paths()
_FOLDERS = (str(Path(__file__).parent), *(_PATHS[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")))
_LIBRARIES = tuple(folder + os.sep for folder in _FOLDERS)


class Slab(NamedTuple):
    """A finished slab: nodes first, ..., last - 1 of the first axis, and the facts of its run."""

    first: int
    last: int
    checksum: int
    engine: str
    nfev: int
    eps: float


class Journal:
    """The journal of one field; `finished` is what it said when it was opened."""

    def __init__(self, path: str | os.PathLike[str], field: dict[str, str]) -> None:
        self.path, self.header = Path(path), {"fastgrad": "gradient_field", **field}
        self.finished = self._read()

    def _read(self) -> list[Slab]:
        lines = self.path.read_bytes().split(b"\n") if self.path.exists() else [b""]
        if lines == [b""]:
            return []
        header = _parsed(lines[0])
        if not isinstance(header, dict) or header.get("fastgrad") != self.header["fastgrad"]:
            msg = f"resume={str(self.path)!r} is not a journal of gradient_field; name a file that does not exist yet"
            raise ValueError(msg)
        other = [name for name, text in self.header.items() if header.get(name) != text]
        if other:
            msg = (
                f"resume={str(self.path)!r} is the journal of another field, with another {', '.join(other)}; "
                "delete it to begin anew, or name another file"
            )
            raise ValueError(msg)
        slabs = [_parsed(line) for line in lines[1:-1]]
        return [Slab(*slab) for slab in slabs if isinstance(slab, list) and len(slab) == len(Slab._fields)]

    def begin(self, finished: list[Slab]) -> None:
        """Write the journal anew, in one step, with these slabs."""
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.write_bytes(b"".join(_line(entry) for entry in [self.header, *finished]))
        os.replace(fresh, self.path)

    def note(self, slab: Slab) -> None:
        """Add a slab whose numbers have been written."""
        with self.path.open("ab", buffering=0) as file:
            file.write(_line(slab))
            os.fsync(file.fileno())

    def remove(self) -> None:
        """The field is complete."""
        self.path.unlink(missing_ok=True)


def _line(entry: Any) -> bytes:
    return json.dumps(entry).encode() + b"\n"


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


# --- which field ------------------------------------------------------------------------------------------------------


def describe(call: Call, engine: str, dtype: np.dtype[Any]) -> dict[str, str]:
    """All that the numbers of a field depend on, as short texts; objects that f reads count by their type alone."""
    assert isinstance(call.points, Grid)
    formula, steps = call.table.stencil, call.steps
    seen: set[int] = set()
    return {
        "f": _digest(_content("f", call.f, seen)),
        "args": _digest([_content("args", a, seen) for a in call.args]),
        "axes": _digest([_content("axes", a, seen) for a in call.points.axes]),
        "dtype": dtype.str,
        "method": formula.method,
        "order": str(formula.order),
        "step": f"{steps.rule} {steps.size.tolist()}",
        "engine": engine,
    }


def _digest(content: Any) -> str:
    return sha256(repr(content).encode()).hexdigest()


def _content(name: str, value: Any, seen: set[int]) -> Hashable:
    """What a value says, the same in every process."""
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, np.generic)):
        return (type(value).__name__, repr(value))
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return (value.shape, value.dtype.str, sha256(np.ravel(value).view(np.uint8).data).hexdigest())
    inner = _inner(value)
    if inner is None:
        return _content_of_code(value, seen)
    return (type(value).__name__, *(_content(name, part, seen) for part in inner))


def _inner(value: Any) -> Iterable[Any] | None:
    """What a value consists of, where that is all there is to it."""
    if isinstance(value, (tuple, list)):
        return value
    if isinstance(value, dict):
        return value.items()
    return parts(value) if isinstance(value, (partial, MethodType)) else None


def _content_of_code(value: Any, seen: set[int]) -> Hashable:
    """A function's code and what it captures, also where Numba compiled it; libraries and objects by their name."""
    function = getattr(value, "py_func", value)
    if isinstance(function, FunctionType):
        if id(function) in seen or function.__code__.co_filename.startswith(_LIBRARIES):
            return (function.__module__, function.__qualname__)
        seen.add(id(function))
        return captured(function, partial(_content, seen=seen))
    call = type(value).__call__ if callable(value) else None
    names = [getattr(value, name, None) for name in ("__module__", "__qualname__", "__name__")]
    called = _content_of_code(call, seen) if isinstance(call, FunctionType) else ""
    return (type(value).__module__, type(value).__qualname__, *names, called)
