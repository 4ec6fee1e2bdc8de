"""A gradient field in a file: checked before the work, written whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .operands import Failure, Usage

Array = NDArray[Any]


def checked(word: str, dimension: int, force: bool) -> Path:
    """The file to write, links followed; Usage where that can be seen not to work."""
    path = Path(os.path.realpath(word))
    if path.suffix.lower() not in _WRITERS:
        msg = f"-o {word!r} ends in {path.suffix!r}; write {', '.join(_WRITERS)}"
        raise Usage(msg)
    if path.suffix.lower() == ".png":
        _check_picture(word, dimension)
    if not os.path.isdir(path.parent):
        msg = f"-o {word!r}: the folder {str(path.parent)!r} does not exist; create it first"
        raise Usage(msg)
    if os.path.exists(path) and not os.path.isfile(path):
        msg = f"-o {word!r} is a folder or a device, not a file; take another name"
        raise Usage(msg)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        msg = f"-o {word!r}: the folder {str(path.parent)!r} cannot be written to"
        raise Usage(msg)
    _check_free(path, force)
    return path


def _check_picture(word: str, dimension: int) -> None:
    if dimension != 2:
        msg = f"-o {word!r}: a picture shows two dimensions, the field has {dimension}; write .npz or .npy"
        raise Usage(msg)
    if find_spec("matplotlib") is None:
        msg = f"-o {word!r}: pictures need matplotlib; pip install 'fastgrad[plot]', or write .npz or .npy"
        raise Usage(msg)


def _check_free(path: Path, force: bool) -> None:
    if os.path.exists(path) and not force:
        msg = f"{str(path)!r} exists; give --force to overwrite it, or another name"
        raise Usage(msg)


def save(path: Path, field: Array, axes: Sequence[Array], force: bool) -> None:
    """Write beside the file and rename: a full disk or Ctrl-C leaves the folder as it was."""
    beside = path.with_name(f".fastgrad-{secrets.token_hex(4)}.tmp")
    try:
        with open(beside, "xb") as file:
            _WRITERS[path.suffix.lower()](file, field, axes)
            file.flush()
            os.fsync(file.fileno())
        _check_free(path, force)  # it may have come up meanwhile
        if os.path.exists(path):
            shutil.copymode(path, beside)
        os.replace(beside, path)
    except OSError as error:
        msg = f"{str(path)!r} could not be written: {error.strerror or error}"
        raise Failure(msg) from error
    finally:
        beside.unlink(missing_ok=True)


def _npz(file: IO[bytes], field: Array, axes: Sequence[Array]) -> None:
    named: dict[str, Any] = {f"x{i}": axis for i, axis in enumerate(axes)}
    np.savez(file, gradient=field, **named)


def _npy(file: IO[bytes], field: Array, _: Sequence[Array]) -> None:
    """Not by np.save, which hands the file to C's stdio and did not notice a full disk: the file was cut, no error."""
    whole = np.ascontiguousarray(field)
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(whole))
    file.write(whole.data)


def _png(file: IO[bytes], field: Array, axes: Sequence[Array]) -> None:
    """Drawn without pyplot, which could look for a display."""
    from matplotlib.figure import Figure  # noqa: PLC0415  an extra, needed only here

    from ..plot.fields import quiver  # noqa: PLC0415

    figure = Figure()
    quiver(field, axes, ax=figure.subplots())
    figure.savefig(file, format="png")


_WRITERS = {".npz": _npz, ".npy": _npy, ".png": _png}
