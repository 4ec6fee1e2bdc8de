"""Which slabs of a field are finished: a file of lines, so that an interrupted call can go on.

The first line says which field it is, the others name a finished slab each. A line is written after the slab's numbers
have reached the file; one that an interruption cut short is not read.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
import tempfile
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..engine.call import Call, Grid
from ..program.captures import captured, names, parts, plain_function

_PATHS = sysconfig.get_paths()
_FOLDERS = (str(Path(__file__).parent), *(_PATHS[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")))
_LIBRARIES = tuple(folder + os.sep for folder in _FOLDERS)


_OF_EVERY_CLASS = {
    "__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__annotations__", "__firstlineno__",
    "__static_attributes__", "__annotate_func__", "__annotations_cache__", "__abstractmethods__", "_abc_impl",
}  # fmt: skip


class Slab(NamedTuple):
    """A finished slab: nodes first, ..., last - 1 of the first axis, and the facts of its run."""

    first: int
    last: int
    checksum: int
    engine: str
    nfev: int
    eps: float


_TYPES: tuple[Any, ...] = (int, int, int, str, int, (int, float))


class Journal:
    """The journal of one field, which no other process has at the same time; `finished` is what it said at first."""

    def __init__(self, path: str | os.PathLike[str], field: dict[str, str]) -> None:
        self.path, self.header = Path(path), {"fastgrad": "gradient_field", **field}
        self._held: int | None = _locked(self.path)
        try:
            self.finished = self._read()
        except BaseException:
            self.close()
            raise

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
        return [self._slab(number, line) for number, line in enumerate(lines[1:-1], 2) if _parsed(line) is not None]

    def _slab(self, number: int, line: bytes) -> Slab:
        entry = _parsed(line)
        whole = isinstance(entry, list) and len(entry) == len(_TYPES)
        if (
            not whole
            or not all(isinstance(e, t) for e, t in zip(entry, _TYPES, strict=True))
            or not 0 <= entry[0] < entry[1]
        ):
            msg = (
                f"resume={str(self.path)!r}: line {number} is {line[:60]!r}, which names no slab; "
                "delete the journal to begin anew"
            )
            raise ValueError(msg)
        return Slab(*entry)

    def begin(self, finished: list[Slab]) -> None:
        """Write the journal anew, in one step, with these slabs."""
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f"{self.path.name}.", suffix=".new")
        try:
            with self._naming():
                _write_all(handle, b"".join(_line(entry) for entry in [self.header, *finished]))
            _lock(handle)
            os.replace(name, self.path)
        except BaseException:
            os.close(handle)
            Path(name).unlink(missing_ok=True)
            if not finished and not self.path.stat().st_size:
                self.path.unlink()
            raise
        self.close()
        self._held = handle

    def note(self, slab: Slab) -> None:
        """Add a slab whose numbers have been written."""
        assert self._held is not None
        with self._naming():
            _write_all(self._held, _line(slab))

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Errors of the system with the journal's name."""
        try:
            yield
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    def remove(self) -> None:
        """The field is complete."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let another process have it."""
        if self._held is not None:
            os.close(self._held)
            self._held = None


def _locked(path: Path) -> int:
    """The file, made where there is none, which stays locked while it is open.

    Raises
    ------
    ValueError
        Another process, or another call, has it.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            _lock(handle)
            with suppress(FileNotFoundError):  # it was complete just now
                if os.path.samestat(os.fstat(handle), os.stat(path)):
                    return handle
        except BlockingIOError:
            os.close(handle)
            msg = f"resume={str(path)!r} is the journal of a call that still runs; wait for it, or name another file"
            raise ValueError(msg) from None
        os.close(handle)


def _lock(handle: int) -> None:
    """Raise BlockingIOError where somebody has the file; nothing where there are no locks."""
    try:
        import fcntl  # noqa: PLC0415  not on Windows
    except ImportError:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a file system without locks
        return


def _write_all(handle: int, content: bytes) -> None:
    os.lseek(handle, 0, os.SEEK_END)
    while content:
        content = content[os.write(handle, content) :]
    os.fsync(handle)


def _line(entry: Any) -> bytes:
    return json.dumps(entry).encode() + b"\n"


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


# --- which field ------------------------------------------------------------------------------------------------------


def describe(call: Call, engine: str, dtype: np.dtype[Any]) -> dict[str, str]:
    """All that the numbers of a field depend on, as short texts; objects that f reads count by their class."""
    assert isinstance(call.points, Grid)
    from ..llvm.machine import surroundings  # noqa: PLC0415  importing LLVM takes as long as all the rest

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
        "version": _versions(),
        "processor": _digest(surroundings()),
    }


def _versions() -> str:
    from .. import __version__  # noqa: PLC0415  which the package sets when it is complete

    return f"fastgrad {__version__}, numpy {np.__version__}"


def _digest(content: Any) -> str:
    return sha256(repr(content).encode()).hexdigest()


def _content(name: str, value: Any, seen: set[int]) -> Hashable:
    """What a value says, the same in every process."""
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, np.generic)):
        return (type(value).__name__, repr(value))
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return (value.shape, value.dtype.str, sha256(np.ravel(value).view(np.uint8).data).hexdigest())
    if isinstance(value, (set, frozenset)):
        return (type(value).__name__, *sorted(repr(_content(name, part, seen)) for part in value))
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
    function = plain_function(value)
    if isinstance(function, FunctionType):
        if id(function) in seen or function.__code__.co_filename.startswith(_LIBRARIES):
            return (function.__module__, function.__qualname__)
        seen.add(id(function))
        modules = [_of_module(module, function, seen) for module in _modules(function)]
        return (captured(function, partial(_content, seen=seen)), *modules)
    names = [getattr(value, name, None) for name in ("__module__", "__qualname__", "__name__")]
    return (*names, _content_of_class(value if isinstance(value, type) else type(value), seen))


def _content_of_class(kind: type, seen: set[int]) -> Hashable:
    """What the class of an object, or one that f reads, says: its methods and numbers, those of its bases too."""
    name = (kind.__module__, kind.__qualname__)
    if id(kind) in seen or _is_librarys(kind):
        return name
    seen.add(id(kind))
    own = [(key, _plain(value)) for key, value in sorted(vars(kind).items()) if key not in _OF_EVERY_CLASS]
    return (*name, *((key, _content(key, value, seen)) for key, value in own),
            *(_content_of_class(base, seen) for base in kind.__bases__))  # fmt: skip


def _is_librarys(kind: type) -> bool:
    module = sys.modules.get(str(kind.__module__))
    file = getattr(module, "__file__", None)
    return file.startswith(_LIBRARIES) if file else module is not None and module.__name__ != "__main__"


def _plain(value: Any) -> Any:
    """The function of a method of any kind."""
    return value.fget if isinstance(value, property) else getattr(value, "__func__", value)


def _modules(function: FunctionType) -> list[ModuleType]:
    """The modules that a function may look into: global ones, and those that it imports itself."""
    mentioned = [function.__globals__.get(name, sys.modules.get(name)) for name in names(function.__code__)]
    found = [m for m in mentioned if isinstance(m, ModuleType) and getattr(m, "__file__", None)]
    return [m for m in found if not str(m.__file__).startswith(_LIBRARIES)]


def _of_module(module: ModuleType, function: FunctionType, seen: set[int]) -> Hashable:
    """What a function may read of a module: all that it mentions by name."""
    held = [(name, vars(module)[name]) for name in names(function.__code__) if name in vars(module)]
    return (module.__name__, *((name, _content(name, value, seen)) for name, value in held))
