"""What the words of a command line stand for: functions, axes, points; whose fault an error is."""

from __future__ import annotations

import argparse
import difflib
import importlib
import importlib.util
import math
import os
import re
import sys
import sysconfig
import traceback
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.numbers import real_array
from ..formulas.samples import SAMPLES
from ..program.captures import plain_function
from ..results import EngineError
from .streams import YELLOW, say

Array = NDArray[Any]

LONGEST_AXIS = 10**8
_ROUNDING = 4 * Fraction(sys.float_info.epsilon)  # of start, stop and step, each a double near what was meant
_LARGEST_EXACT = 2**53  # whole numbers up to here are exact in a double

# Options whose value may begin with a minus, which argparse would take for another option.
_SIGNED = {"--x", "--y", "--z", "--axis", "--at", "--h"}


class Failure(Exception):
    """The command was right and did not succeed: exit code 1."""

    code = 1


class Usage(Failure):
    """The command cannot be carried out as it stands: exit code 2."""

    code = 2


# --- functions -------------------------------------------------------------------------------------------------------


def function(word: str) -> Callable[..., Any]:
    """The function that MODULE:FUNCTION, FILE.py:FUNCTION or sample:NAME stands for."""
    place, _, name = word.rpartition(":")
    if not place or not name:
        msg = f"{word!r} names no function; write MODULE:FUNCTION, path/to/file.py:FUNCTION or sample:NAME"
        raise Usage(msg)
    if place == "sample":
        return _sample(name)
    with users_code():
        module = _from_file(Path(place)) if _is_path(place) else _from_name(place)
        found = _attribute(module, name, place)
    if not callable(found):
        msg = f"{word!r} is no function, it is a {type(found).__name__}"
        raise Usage(msg)
    result: Callable[..., Any] = found
    return result


def _sample(name: str) -> Callable[..., Any]:
    if name not in SAMPLES:
        msg = f"no sample is called {name!r}; choose from {', '.join(SAMPLES)} (a file of yours: ./sample.py:{name})"
        raise Usage(msg)
    return SAMPLES[name].f


def _is_path(place: str) -> bool:
    return place.endswith(".py") or os.sep in place or "/" in place


def _from_file(path: Path) -> ModuleType:
    """A module from a file, under a name that hides no other module; its folder comes first, as in `python FILE`."""
    spec = importlib.util.spec_from_file_location(f"_fastgrad_{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        why = "is no Python file, its name must end in .py" if path.is_file() else "does not exist"
        msg = f"the file {str(path)!r} {why}"
        raise Usage(msg)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _from_name(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        msg = f"{name!r} is no module; write a dotted name such as package.module, or path/to/file.py"
        raise Usage(msg)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # a module that the user's module imports
        msg = (
            f"no module called {error.name!r} here or among the installed ones; "
            "of a file write path/to/file.py:FUNCTION"
        )
        raise Usage(msg) from None


def _attribute(module: ModuleType, name: str, place: str) -> Any:
    found: Any = module
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            names = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
            close = difflib.get_close_matches(name, names, 1) or names[:8]
            there = f"; did you mean {', '.join(f'{place}:{n}' for n in close)}?" if close else ""
            msg = f"{place!r} has no {name!r}{there}"
            raise Usage(msg) from None
    return found


# --- errors ----------------------------------------------------------------------------------------------------------


@contextmanager
def users_code(f: Any = None) -> Iterator[None]:
    """Run code of the user: what it raises becomes a line with the place in the user's file.

    What it prints goes to stderr; stdout is for the command's own data. Code that calls sys.exit() does not end the
    command as if it had succeeded.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except Failure:
        raise
    except (Exception, SystemExit) as error:
        raise Failure(_one_line(error, f)) from error


def _one_line(error: BaseException, f: Any) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__}: {error.msg} ({_place(error.filename, error.lineno)})"
    own = _own_frame(error, f)
    if own is None and isinstance(error, (EngineError, ValueError, TypeError, ImportError)) and str(error):
        return str(error)
    lines = "".join(traceback.format_exception_only(error)).strip().splitlines()
    text = f"MemoryError: {error}" if isinstance(error, MemoryError) else lines[0]
    return f"{text} ({_place(*own)})" if own else text


def _own_frame(error: BaseException, f: Any) -> tuple[str, int] | None:
    """File and line of the innermost frame that is neither ours nor a library's; all of f's own file counts."""
    code = getattr(plain_function(f), "__code__", None)
    home = getattr(code, "co_filename", None)
    libraries = (str(Path(__file__).parents[1]), *(sysconfig.get_path(n) for n in ("stdlib", "platlib", "purelib")))
    found = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if file == home or not (file.startswith("<") or any(_is_below(file, lib) for lib in libraries)):
            found = (file, line)
    return found


def _is_below(file: str, folder: str) -> bool:
    return os.path.abspath(file).startswith(os.path.join(os.path.abspath(folder), ""))


def _place(file: str, line: int | None) -> str:
    """file:line, relative where the file is below the current directory."""
    with suppress(OSError):  # it has been removed
        file = file.removeprefix(os.path.join(os.getcwd(), ""))
    return f"{file}:{line}"


# --- axes and points -------------------------------------------------------------------------------------------------


def axis(word: str) -> Array:
    """The nodes start, start + step, ... of start:stop:step; stop is one of them where it falls on the lattice.

    The nodes are the doubles nearest to the decimal numbers written: 0:1:0.1 has 0.3, not 0.1 + 0.1 + 0.1.
    """
    parts = word.split(":")
    if len(parts) != 3:
        msg = f"{word!r} is no range; write start:stop:step, such as -2:2:0.25"
        raise ValueError(msg)
    start, stop, step = (_number(part, word) for part in parts)
    if step == 0 or (stop - start) / step < 0:
        msg = (
            f"{word!r} never gets from start to stop; "
            f"the step must {'not be 0' if step == 0 else 'have the other sign'}"
        )
        raise ValueError(msg)
    ratio = (stop - start) / step
    steps = round(ratio)
    on_lattice = abs(ratio - steps) <= _ROUNDING * max(Fraction(1), ratio)
    count = 1 + (steps if on_lattice else math.floor(ratio))
    if count > LONGEST_AXIS:
        msg = f"{word!r} has more than {LONGEST_AXIS:.0e} nodes; take a longer step"
        raise ValueError(msg)
    nodes = _lattice(start, step, count)
    if on_lattice:
        nodes[-1] = float(stop)
    if (np.diff(nodes) == 0).any():
        msg = f"{word!r} has a step below the spacing of floats there; take a longer step"
        raise ValueError(msg)
    return nodes


def several_nodes(word: str) -> Array:
    """As `axis`; a warning where a number of nodes stands in the place of the step, so that there is one node."""
    nodes = axis(word)
    start, stop, step = (float(part) for part in word.split(":"))
    if len(nodes) == 1 and start != stop:
        text = f"{word!r} has one node, {start:g}; the last number is the step"
        if step.is_integer() and abs(step) > 1:
            text += f": for {abs(step):g} nodes write {start:g}:{stop:g}:{(stop - start) / (abs(step) - 1):.6g}"
        say(f"warning: {text}", YELLOW)
    return nodes


def _number(text: str, word: str) -> Fraction:
    """A decimal number, exactly."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        msg = f"{word!r} holds {text!r} where a finite number is needed; write start:stop:step, such as -2:2:0.25"
        raise ValueError(msg)
    # below the smallest double the exact number could have a billion digits
    return Fraction(text.strip()) if value else Fraction(0)


def _lattice(start: Fraction, step: Fraction, count: int) -> Array:
    """start + i*step, rounded once where whole numbers allow it."""
    whole = math.lcm(start.denominator, step.denominator)
    first, stride = int(start * whole), int(step * whole)
    if max(whole, abs(first), abs(first + stride * count)) < _LARGEST_EXACT:
        return (first + stride * np.arange(count)) / whole
    return np.asarray(float(start) + float(step) * np.arange(count))


def numbers(word: str) -> Array:
    """Numbers with commas between them."""
    try:
        return np.array([float(part) for part in word.split(",")])
    except ValueError:
        msg = f"{word!r} is not a number or numbers with commas between them, such as 1e-3 or 0.1,0.2"
        raise ValueError(msg) from None


def point(word: str) -> Array:
    """x from numbers with commas between them, or from a .npy file."""
    try:
        return numbers(word)
    except ValueError:
        pass
    if not word.endswith(".npy"):
        msg = f"--at {word!r} is neither a .npy file nor numbers with commas between them, such as --at 1,2.5,-3"
        raise Usage(msg)
    try:
        with open(word, "rb") as file:
            return real_array(np.lib.format.read_array(file, allow_pickle=False), word)
    except (OSError, EOFError, ValueError, TypeError, MemoryError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        msg = f"--at {word!r} cannot be read as an array of numbers: {why}"
        raise Usage(msg) from None


def arrays(word: str) -> Any:
    """x as `point` reads it, or a dict of arrays from an .npz file."""
    if not word.endswith(".npz"):
        return point(word)
    try:
        with np.load(word, allow_pickle=False) as file:
            return {name: real_array(file[name], name) for name in file.files}
    except (OSError, EOFError, ValueError, TypeError, MemoryError, zipfile.BadZipFile) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        msg = f"--at {word!r} cannot be read as arrays of numbers: {why}"
        raise Usage(msg) from None


# --- for argparse ----------------------------------------------------------------------------------------------------


def told(reader: Callable[[str], Any]) -> Callable[[str], Any]:
    """A reader whose errors argparse tells with the option's name."""

    def read(word: str) -> Any:
        try:
            return reader(word)
        except (ValueError, MemoryError) as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def step(word: str) -> Any:
    """h: a number, or one per coordinate."""
    given = numbers(word)
    return float(given[0]) if given.size == 1 else given


def joined(words: list[str]) -> list[str]:
    """``--x -2:2:1`` as ``--x=-2:2:1``."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in _SIGNED and re.match(r"-[\d.]|-(inf|nan)", word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined
