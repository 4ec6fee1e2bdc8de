"""The command ``fastgrad``: a report of the machine, gradient fields into files, checks of gradients, explanations,
benchmarks.

Data goes to stdout, messages and progress to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..checking import check_gradient
from ..engine.arguments import check_scheme, check_workers, read_points, refuse_steps
from ..engine.choose import ENGINES
from ..formulas.stencils import ORDERS, stencil
from ..formulas.steps import Steps, choose_steps
from ..formulas.values import as_number
from ..grid.fields import gradient_field
from ..operations.explanation import explain
from . import output, report
from .operands import Failure, Usage, arrays, function, joined, point, several_nodes, step, told, users_code
from .streams import RED, YELLOW, LostStdout, as_json, is_terminal, percent, say, warnings_as_lines, write

Array = NDArray[Any]

EXAMPLES = """\
examples:
  fastgrad                                            what this machine offers
  fastgrad field model.py:energy --x -2:2:0.25 --y -2:2:0.25 -o field.npz
  fastgrad field sample:bump --x -2:2:0.1 --y -2:2:0.1 -o field.png
  fastgrad check model.py:loss model.py:gradient --at x.npy
  fastgrad explain package.module:loss --at x.npy     which engine would run, and why
  fastgrad bench -k sin_product                       the benchmarks, in a checkout
  fastgrad cache --clear                              remove the compiled kernels

exit codes: 0 done, 1 failed (check: wrong, or no verdict), 2 wrong usage, 130 Ctrl-C
"""

ONE_THREAD = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")  # as make bench has it

FUNCTION_HELP = "MODULE:FUNCTION, path/to/file.py:FUNCTION (dots in FUNCTION reach into a class) or sample:NAME"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``fastgrad``; those of this process by default.

    Returns
    -------
    int
        0 done, 1 failed, 2 wrong usage, 130 interrupted.

    Examples
    --------
    >>> from fastgrad.cli import main
    >>> main(["explain", "sample:sphere", "--at", "1,2,3"])
    python: 6 calls of f from Python; 6 calls of f take less time than compiling it
    0
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        with _import_from_here(), warnings_as_lines():
            code = _run(words)
        write("")
    except Failure as error:
        say(f"error: {error}", RED)
        code = error.code
    except KeyboardInterrupt:
        say("interrupted")
        code = 130
    except LostStdout as lost:
        code = lost.give_up()
    except OSError as error:  # such as a current directory that has been removed
        say(f"error: {error}", RED)
        code = 1
    return code


@contextmanager
def _import_from_here() -> Iterator[None]:
    """The current directory first among the places to import from, as with ``python -m``."""
    before = list(sys.path)
    with suppress(OSError):  # it has been removed
        sys.path.insert(0, os.getcwd())
    try:
        yield
    finally:
        sys.path[:] = before


def _run(words: list[str]) -> int:
    if words[:1] == ["bench"] and not {"-h", "--help"} & set(words):
        return _bench(words[1:])  # its options are pytest's
    try:
        options = _parser().parse_args(joined(words))
    except SystemExit as ended:  # --help, --version
        return int(ended.code or 0)
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


# --- the words -------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        msg = f"{message}; see {self.prog} --help"
        raise Usage(msg)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="fastgrad",
        description="Numerical gradients by central differences, as fast as the machine allows.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fastgrad {__version__}")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_report)
    commands = parser.add_subparsers(metavar="COMMAND", title="commands (none: a report of this machine)")
    for name, add, run, text in _COMMANDS:
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        # without a default, which would undo a --json before the command
        command.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
        command.set_defaults(run=run)
        add(command)
    return parser


def _add_field(command: argparse.ArgumentParser) -> None:
    command.add_argument("function", help=FUNCTION_HELP)
    nodes: dict[str, Any] = {"action": "append", "type": told(several_nodes), "metavar": "RANGE"}
    for name in "xyz":
        command.add_argument(f"--{name}", help="start:stop:step", **nodes)
    command.add_argument("--axis", help="start:stop:step, once per coordinate, in place of --x, --y, --z", **nodes)
    command.epilog = "stop is a node where it falls on the lattice: -2:2:0.25 has 17 nodes, 0:1:0.3 ends at 0.9"
    files = ".npz (gradient, x0, x1, ...), .npy (D, n0, n1, ...) or, of two axes, .png"
    command.add_argument("-o", "--output", required=True, metavar="FILE", help=files)
    command.add_argument("--force", action="store_true", help="overwrite FILE")
    progress = "on stderr; by default where that is a terminal"
    command.add_argument("--progress", action=argparse.BooleanOptionalAction, default=None, help=progress)
    _add_scheme(command)


def _add_check(command: argparse.ArgumentParser) -> None:
    command.add_argument("function", help=FUNCTION_HELP)
    command.add_argument("gradient", help="the gradient to check, named in the same way")
    where = "a .npy file, an .npz file for a dict of arrays, or numbers with commas between them"
    command.add_argument("--at", required=True, type=arrays, metavar="X", help=where)
    command.add_argument("--elementwise", action="store_true", help="check every element, by two evaluations each")
    command.add_argument("--sample", type=int, metavar="N", help="check N elements, drawn at random")
    command.add_argument("--rtol", type=float, help="relative tolerance (1e-5; of single precision 1.5e-4)")
    command.add_argument("--atol", type=float, default=0.0, help="absolute tolerance (0)")


def _add_explain(command: argparse.ArgumentParser) -> None:
    command.add_argument("function", help=FUNCTION_HELP)
    where = "a .npy file, or numbers with commas between them"
    command.add_argument("--at", required=True, type=point, metavar="X", help=where)
    command.add_argument("--batch", action="store_true", help="X holds one point per row")
    _add_scheme(command)


def _add_scheme(command: argparse.ArgumentParser) -> None:
    command.add_argument("--order", type=int, default=2, help="order of accuracy (2)")
    command.add_argument("--h", type=told(step), help="step, or one per coordinate: 1e-3,1e-4")
    command.add_argument("--method", default="central", choices=[*ORDERS, "exact"], help="(central)")
    command.add_argument("--engine", default="auto", choices=list(ENGINES), help="(auto)")
    command.add_argument("--workers", type=int, metavar="N", help="threads of a compiled engine (all cores)")


def _add_cache(command: argparse.ArgumentParser) -> None:
    command.add_argument("--clear", action="store_true", help="remove the compiled kernels, and nothing else")


def _add_bench(command: argparse.ArgumentParser) -> None:
    command.usage = "fastgrad bench [options of pytest]"


def _scheme(options: argparse.Namespace, *coordinates: Array) -> dict[str, Any]:
    """The options that `gradient_field` and `explain` share; checked here, where an error is one of usage.

    `coordinates` holds an array per coordinate of a point.
    """
    shared = {name: getattr(options, name) for name in ("order", "h", "method", "engine", "workers")}
    try:
        check_scheme(options.method, options.order)
        check_workers(options.workers, options.engine)
        if options.method == "exact":
            refuse_steps(options.h, None)
            return shared
        formula = stencil(1, options.order, options.method)
        whole = choose_steps(np.zeros(len(coordinates)), formula, options.h)
        if options.h is not None:
            sizes = np.broadcast_to(whole.size, len(coordinates))
            for nodes, size in zip(coordinates, sizes, strict=True):
                Steps(whole.rule, size).check(nodes)
    except ValueError as error:
        raise Usage(str(error)) from None
    return shared


# --- the commands ----------------------------------------------------------------------------------------------------


def _report(options: argparse.Namespace) -> int:
    facts = report.machine()
    write(as_json(facts) if options.json else report.text(facts))
    return 0


def _field(options: argparse.Namespace) -> int:
    axes = _axes(options)
    path = output.checked(options.output, len(axes), options.force)
    scheme = _scheme(options, *axes)
    f = function(options.function)
    shown = is_terminal(sys.stderr) if options.progress is None else options.progress
    with users_code(f), percent() if shown else nullcontext(False) as progress:
        result = gradient_field(f, axes, progress=progress, full_output=True, **scheme)
    with users_code():
        output.save(path, result.value, axes, options.force)
    _warn_of_unread_axes(result.value)
    lost = int(np.count_nonzero(result.status))
    if lost:
        say(f"warning: {lost:,} of {result.value.size:,} numbers are not finite", YELLOW)
    facts = {"file": str(path), "shape": result.value.shape, "engine": result.engine, "nfev": result.nfev}
    if options.json:
        write(as_json({**facts, "not_finite": lost}))
    else:
        say(f"{path}: {result.value.shape}, {result.nfev:,} calls of f, engine {result.engine}")
    return 0


def _warn_of_unread_axes(field: Array) -> None:
    """f of x and y that reads x alone is mostly a slip; of a field of zeros there has been a warning."""
    read = [bool(component.any()) for component in field]
    if any(read):
        for d in (d for d, reads in enumerate(read) if not reads):
            say(f"warning: f never changes along axis {d}: all derivatives by x[{d}] are 0", YELLOW)


def _axes(options: argparse.Namespace) -> list[Array]:
    named = [options.x, options.y, options.z]
    given = [n for n in named if n]
    if options.axis and given:
        msg = "both --axis and --x, --y, --z were given; write --axis once per coordinate, or none"
    elif any(len(n) > 1 for n in given):
        msg = "--x, --y or --z was given twice; write --axis once per coordinate for more than three"
    elif named[: len(given)] != given:
        msg = "an axis is missing before the last one; write --x, then --y, then --z"
    elif not options.axis and not given:
        msg = "no axes; write --x start:stop:step --y start:stop:step, or --axis once per coordinate"
    else:
        return options.axis or [n[0] for n in given]
    raise Usage(msg)


def _explain(options: argparse.Namespace) -> int:
    try:
        _, points = read_points(options.at, options.batch)
    except ValueError as error:
        msg = f"--at has the shape {options.at.shape}: {error}" if options.batch else str(error)
        raise Usage(msg) from None
    rows = options.at.reshape(points.count, points.dimension)
    scheme = _scheme(options, *rows.T)
    f = function(options.function)
    with users_code(f):
        if points.count:  # once, so that an f that raises or returns no number is not explained
            as_number(f(points.row(0).reshape(points.shape).copy()))
        found = explain(f, options.at, batch=options.batch, **scheme)
    write(as_json({"engine": found.engine, "reason": found.reason, "text": found}) if options.json else found)
    return 0


def _check(options: argparse.Namespace) -> int:
    size = sum(w.size for w in options.at.values()) if isinstance(options.at, dict) else options.at.size
    if options.sample is not None and not 0 < options.sample <= size:
        msg = f"--sample {options.sample} must be a whole number from 1 to the {size} elements there are"
        raise Usage(msg)
    for name in ("rtol", "atol"):
        given = getattr(options, name)
        if given is not None and not 0.0 <= given < np.inf:
            msg = f"--{name} {given} must be a number from 0"
            raise Usage(msg)
    shared = {name: getattr(options, name) for name in ("elementwise", "sample", "rtol", "atol")}
    f, gradient = function(options.function), function(options.gradient)
    with users_code(f):
        report = check_gradient(f, gradient, options.at, raises=False, **shared)
    write(as_json(report.to_dict()) if options.json else str(report))
    return 0 if report.ok else 1


def _bench(words: list[str]) -> int:
    root = Path(__file__).resolve().parents[2]
    if not (root / "bench" / "test_speed.py").is_file():
        msg = "the benchmarks live in the repository, not in the installed package; run this in a checkout of it"
        raise Usage(msg)
    missing = [name for name in ("pytest", "pytest_benchmark") if find_spec(name) is None]
    if missing:
        msg = f"the benchmarks need {' and '.join(missing)}; write: pip install --group dev --group bench"
        raise Usage(msg)
    if not words:
        say(
            "all benchmarks: some ten minutes; a part: fastgrad bench -k rosenbrock, the checks alone: "
            "fastgrad bench --tiny"
        )
    only = [] if "--tiny" in words else ["--benchmark-only"]  # where nothing is timed
    command = [sys.executable, "-m", "pytest", "bench/test_speed.py", *only, *words]
    alone = {**os.environ, **dict.fromkeys(ONE_THREAD, "1")}  # read by libraries when NumPy is imported
    return int(subprocess.run(command, cwd=root, env=alone, check=False).returncode != 0)


def _cache(options: argparse.Namespace) -> int:
    facts = report.clear() if options.clear else report.contents()
    if options.json:
        write(as_json({**facts, "cleared": options.clear}))
    elif facts["error"] is None or facts["files"]:
        write(f"{report.cache_text({**facts, 'error': None})}{' freed' if options.clear else ''}")
    if facts["error"]:
        msg = f"the cache {facts['folder']}: {facts['error']}; FASTGRAD_CACHE_DIR names another folder"
        raise Failure(msg)
    return 0


_COMMANDS = (
    ("field", _add_field, _field, "write the gradient at every node of a grid into a file"),
    ("check", _add_check, _check, "check a gradient that was derived by hand"),
    ("explain", _add_explain, _explain, "say which engine would run, and why not a faster one"),
    ("bench", _add_bench, lambda _: _bench([]), "run the benchmarks of a checkout; further words go to pytest"),
    ("cache", _add_cache, _cache, "folder, files and bytes of the compiled kernels"),
)
