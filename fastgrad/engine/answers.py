"""What a forked worker tells its parent: the warnings that f gave, and that it is done, or what it raised."""

from __future__ import annotations

import pickle
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

DONE, FAILED, WARNED = b"done", b"fail", b"warn"
_WORD, _LENGTH = 4, 8
MOST_WARNINGS = 1000  # of one worker; more tell nothing new


def answer(task: Callable[[], None]) -> bytes:
    """Run a task in a worker; what to tell of it."""
    given: list[Any] = []

    def keep(message: Warning, category: type, filename: str, lineno: int, *_: Any) -> None:
        if len(given) < MOST_WARNINGS:
            given.append((str(message), _pickled(message), _pickled(category), filename, lineno))

    warnings.showwarning = keep  # type: ignore[assignment]  # of this process, which ends with the task
    try:
        task()
        end = DONE
    except BaseException as error:  # noqa: BLE001  the parent raises it
        end = FAILED + packed(error)
    told = pickle.dumps(given) if given else b""
    return WARNED + len(told).to_bytes(_LENGTH, "little") + told + end if told else end


def is_done(message: bytes) -> bool:
    """Whether a worker has told all: a process that f left behind may hold the pipe open."""
    return _parts(message)[1] == DONE


def failure(message: bytes) -> BaseException | None:
    """The exception that an answer tells; None where it is cut."""
    _, end = _parts(message)
    try:
        return unpacked(end[_WORD:]) if end.startswith(FAILED) else None
    except (EOFError, pickle.UnpicklingError):  # killed while it told
        return None


def warn_again(message: bytes, told: dict[Any, Any]) -> None:
    """Give the warnings of an answer in this process; `told` are those of other workers."""
    for text, own, kind, filename, lineno in _parts(message)[0]:
        category = _loaded(kind) or UserWarning
        shown = _loaded(own) or category(text)
        warnings.warn_explicit(shown, category, filename, lineno, registry=told)


def _parts(message: bytes) -> tuple[list[Any], bytes]:
    """The warnings of an answer, and what follows them."""
    if not message.startswith(WARNED):
        return [], message
    start = _WORD + _LENGTH
    stop = start + int.from_bytes(message[_WORD:start], "little")
    return (pickle.loads(message[start:stop]), message[stop:]) if len(message) > stop else ([], b"")


# --- exceptions -------------------------------------------------------------------------------------------------------


def packed(error: BaseException) -> bytes:
    """An exception: as it is pickled, its class, arguments and attributes, its last line and its traceback."""
    kind = type(error)
    attributes = {name: value for name, value in vars(error).items() if _pickled(value)}
    state = _pickled((error.args, attributes)) or _pickled(((), attributes))
    line = traceback.format_exception_only(error)[-1].strip()
    text = "".join(traceback.format_exception(error))
    return pickle.dumps((_pickled(error), (id(kind), kind.__module__, kind.__qualname__), state, line, text))


def unpacked(message: bytes) -> BaseException:
    """What a worker raised; as a RuntimeError that names it where it cannot be built again in this process."""
    own, kind, state, line, text = pickle.loads(message)
    error = _loaded(own)
    if not isinstance(error, BaseException):
        error = _built_again(kind, state) or RuntimeError(line)
    error.add_note(f"\nIn a forked worker:\n{text}")
    return error


def _built_again(kind: tuple[int, str, str], state: bytes) -> BaseException | None:
    """An exception that pickle does not build, or of a class that it does not find: by its parts."""
    for found in _kinds(BaseException):
        if (id(found), found.__module__, found.__qualname__) == kind:
            try:
                args, attributes = pickle.loads(state)
                error = found.__new__(found, *args)
                error.args = args
                vars(error).update(attributes)
            except Exception:  # noqa: BLE001  a class of the user's may do anything here
                return None
            return error
    return None


def _kinds(base: type[BaseException]) -> Iterator[type[BaseException]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)


def _pickled(value: Any) -> bytes:
    """Nothing of what cannot be pickled."""
    try:
        return pickle.dumps(value)
    except Exception:  # noqa: BLE001  an exception of the user's may do anything here
        return b""


def _loaded(content: bytes) -> Any:
    try:
        return pickle.loads(content) if content else None
    except Exception:  # noqa: BLE001
        return None
