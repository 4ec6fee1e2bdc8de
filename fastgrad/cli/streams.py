"""What the command line writes: data on stdout, messages, warnings and progress on stderr."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

RED, YELLOW = "31", "33"


class LostStdout(Exception):
    """stdout takes no more: the disk is full, or the reader has left."""

    def give_up(self) -> int:
        """The exit code. Without another stdout the interpreter would try again at exit, and complain."""
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        cause = self.__cause__
        if isinstance(cause, BrokenPipeError):
            return 0  # `fastgrad | head -1`: the reader has what it wanted
        say(f"error: stdout: {getattr(cause, 'strerror', None) or cause}", RED)
        return 1


def as_json(facts: dict[str, Any]) -> str:
    """Facts as JSON."""
    return json.dumps(facts, indent=2)


def write(text: str) -> None:
    """A line of data on stdout, in what its encoding can show; an empty one only empties the buffer."""
    if sys.stdout is None:  # closed before the start
        return
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n" * bool(text))
        sys.stdout.flush()
    except OSError as error:
        raise LostStdout from error


def say(text: str, colour: str = "") -> None:
    """A message on stderr, its first word coloured on a terminal; one that nobody can read is dropped."""
    if colour and is_terminal(sys.stderr) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        first, _, rest = text.partition(" ")
        text = f"\x1b[{colour}m{first}\x1b[0m {rest}"
    _mutter(f"{text}\n")


def _mutter(text: str) -> None:
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(text)
        sys.stderr.flush()


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody reads along."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


@contextmanager
def percent() -> Iterator[Callable[[int, int], None]]:
    """Progress on stderr, redrawn at every percent."""
    last = -1

    def draw(done: int, total: int) -> None:
        nonlocal last
        now = 100 * done // max(total, 1)
        if now != last:
            last = now
            _mutter(f"\r{now:3d} % of {total:,} points")

    try:
        yield draw
    finally:
        if last >= 0:
            _mutter("\n")


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Warnings without the line of source that Python adds."""

    def show(message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
        say(f"warning: {category.__name__}: {message}", YELLOW)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
