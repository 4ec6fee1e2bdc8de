"""Arrays in mapped files: which pages the process holds, and room for them on the disk."""

from __future__ import annotations

import errno
import mmap
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

Array = NDArray[Any]

SLAB = 1 << 25  # bytes of files in memory at a time

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class File:
    """The mapping of a file that is shared with the system's cache; `offset` of the file lies at `address`."""

    mapping: mmap.mmap
    name: str | None
    address: int
    offset: int

    def release(self) -> None:
        """Let all pages leave the process's memory; what was written stays in the system's cache."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self.mapping.madvise(mmap.MADV_DONTNEED)

    def reserve(self, array: Array) -> None:
        """Make room on the disk for an array of the mapping.

        A write to a hole of the file for which there is no room would end the process by a signal.

        Raises
        ------
        OSError
            The disk is full.
        """
        low, high = (place - self.address + self.offset for place in byte_bounds(array))
        if self.name is None or not hasattr(os, "posix_fallocate"):
            return
        try:
            opened = os.open(self.name, os.O_RDWR)
        except OSError:  # renamed or removed since it was mapped
            return
        try:
            if os.fstat(opened).st_size >= high:
                os.posix_fallocate(opened, low, high - low)
        except OSError as error:
            if is_full(error):
                raise OSError(error.errno, error.strerror, self.name) from None
        finally:
            os.close(opened)


def file_of(array: Array) -> File | None:
    """The file that an array lies in; None for memory, also for mode "c", whose changes stay in the process."""
    owner: Any = array
    while isinstance(owner, np.ndarray) and isinstance(owner.base, np.ndarray):
        owner = owner.base
    mapping: Any = getattr(owner, "base", None)
    if not isinstance(owner, np.memmap) or owner.mode == "c" or not isinstance(mapping, mmap.mmap):
        return None
    name = None if owner.filename is None else os.fspath(owner.filename)
    return File(mapping, name, owner.__array_interface__["data"][0], owner.offset)


def is_full(error: BaseException) -> bool:
    """Whether an error says that there is no more room: a full disk, a quota, a limit on the size of files."""
    text = str(error) if isinstance(error, OSError) and error.errno is None else ""  # HDF5's, which has no number
    return isinstance(error, OSError) and (error.errno in _FULL or os.strerror(errno.ENOSPC) in text)


def no_room(error: OSError, finished: str, way_out: str) -> OSError:
    """The error with what is finished and what to do."""
    reason = error.strerror or os.strerror(errno.ENOSPC)
    text = f"{reason}: there is no room for the rest of the result; {finished}. {way_out}"
    return OSError(error.errno or errno.ENOSPC, text, error.filename)
