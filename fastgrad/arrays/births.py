"""Which recorders there are since a recording began: whoever keeps one after it has kept no number."""

from __future__ import annotations

import weakref
from threading import local
from typing import Any


class _Born(local):
    """The recorders of a thread."""

    def __init__(self) -> None:
        self.refs: list[weakref.ref[Any]] = []  # without callbacks, in which a Ctrl-C would be lost


_born = _Born()


def begin() -> None:
    """From here on recorders are noted."""
    _born.refs = []


def note(recorder: Any) -> None:
    _born.refs.append(weakref.ref(recorder))


def alive() -> list[Any]:
    """Those since then that somebody still has."""
    return [r for r in (ref() for ref in _born.refs) if r is not None]
