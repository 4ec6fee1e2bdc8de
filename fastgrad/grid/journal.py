"""Which slabs of a field are finished: a file of lines, so that an interrupted call can go on.

The first line says which field it is, the others name a finished slab each. A line is written after the slab's numbers
have reached the file; one that an interruption cut short is not read.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple


class Slab(NamedTuple):
    """A finished slab: nodes first, ..., last - 1 of the first axis, and the facts of its run."""

    first: int
    last: int
    checksum: int
    engine: str
    nfev: int
    eps: float


_TYPES: tuple[Any, ...] = (int, int, int, str, int, (int, float))


def _file(path: Any) -> Path:
    """The place of a journal.

    Raises
    ------
    TypeError, ValueError
        It is no path, or that of a folder.
    """
    if not isinstance(path, (str, os.PathLike)):
        msg = f"resume={path!r} is no path, but {type(path).__name__}; name a file, as resume='field.journal'"
        raise TypeError(msg)
    file = Path(path)
    if file.is_dir():
        msg = f"resume={os.fspath(path)!r} is a folder; name a file, as resume='field.journal'"
        raise ValueError(msg)
    return file


class Journal:
    """The journal of one field, which no other process has at the same time; `finished` is what it said at first."""

    def __init__(self, path: str | os.PathLike[str], field: dict[str, str]) -> None:
        self.path, self.header = _file(path), {"fastgrad": "gradient_field", **field}
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
