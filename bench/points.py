"""Gradients at many points against C, JAX and the book's loop, into docs/benchmarks.md.

    python bench/points.py                the whole page: some four minutes
    python bench/points.py --quick        every case tiny, its agreement check only
    python bench/points.py --engine jit --only Rosenbrock --seconds 1

Only a whole run of the simd engine is written; any other is printed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from baselines import book_gradients
from cases import CASES, Case, H
from contestants import Lineup, Run, prepare, versions
from timing import compiled_modules, machine, race

import fastgrad
from fastgrad.samples import SAMPLES

try:
    from scipy.optimize._numdiff import approx_derivative
except ImportError:
    approx_derivative = None

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
PAUSE = 0.01  # OpenMP's threads were seen to spin for up to 8 ms after their work
DEFAULT_COST = 1.25
MISSING = "not available"


def main() -> None:
    """Measure and write."""
    options = arguments()
    chosen = [case for case in CASES if options.only in case.name]
    if options.quick:
        for case in chosen:
            lineup = prepare(case, options.engine, 41 if case.grid else 257)
            print(f"{case.name}: {', '.join(lineup.rivals)} agree")
        return
    lines = table(chosen, options)
    if not options.only:
        lines += ["", *process_table(options.engine, options.seconds)]
    lines += ["", f"{', '.join([machine(), *versions()])}, {date.today()}. Written by `make figures`."]
    print("\n".join(lines))
    if options.engine == "simd" and not options.only:
        write(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="simd", help="the engine to be measured")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each race")
    parser.add_argument("--quick", action="store_true", help="every case tiny, no timing")
    return parser.parse_args()


def write(lines: list[str]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    start, end = "<!-- points -->", "<!-- end of points -->"
    before, rest = text.split(start)
    PAGE.write_text(before + start + "\n" + "\n".join(lines) + "\n" + end + rest.split(end)[1], encoding="utf-8")


# Many points ----------------------------------------------------------------------------------------------------------


def table(cases: list[Case], options: argparse.Namespace) -> list[str]:
    """One row a case, in milliseconds."""
    head = (
        f"case | fastgrad {options.engine} | default steps | fastgrad jit | C | JAX, exact | the book's loop | figures"
    )
    return [*header(head), *(row(case, options) for case in cases)]


def header(names: str) -> list[str]:
    return [f"| {names} |", "|---" * len(names.split("|")) + "|"]


def row(case: Case, options: argparse.Namespace) -> str:
    """Two races: among the fast ones, and with the jit engine, whose runs would leave the others few turns."""
    print(case.name, file=sys.stderr)
    lineup = prepare(case, options.engine, case.count)
    near = race({k: v for k, v in lineup.rivals.items() if k != "jit"}, options.seconds, PAUSE)
    far = race({k: lineup.rivals[k] for k in ("engine", "jit")}, options.seconds, PAUSE)
    book = book_seconds(lineup)
    times = near | {"jit": far["jit"], "book": book}
    ratios = {k: t / near["engine"] for k, t in times.items()} | {"jit": far["jit"] / far["engine"]}
    cells = [milliseconds(times.get(k)) for k in ("engine", "default", "jit", "C", "JAX", "book")]
    return f"| {case.name} | {' | '.join(cells)} | {'; '.join(verdicts(case, ratios))} |"


def book_seconds(lineup: Lineup) -> float:
    """The book's loop at all points, from a sample."""
    some = lineup.sample[:: lineup.case.dimension]
    best = np.inf
    for _ in range(3):
        start = perf_counter()
        book_gradients(lineup.case.f, some)
        best = min(best, perf_counter() - start)
    return best / len(some) * lineup.count


def milliseconds(seconds: float | None) -> str:
    if seconds is None:
        return MISSING
    return f"{1e3 * seconds:,.0f} ms" if seconds > 0.1 else f"{1e3 * seconds:.3g} ms"


def verdicts(case: Case, ratios: dict[str, float]) -> list[str]:
    """Each figure to reach beside the one measured; JAX's lead where it has one."""
    said = []
    for rival, wanted in case.ratios.items():
        if rival not in ratios:
            said.append(f"{rival} {MISSING}")
        elif rival == "JAX" and wanted < 1:
            taken, allowed = 1 / ratios[rival], 1 / wanted
            said.append(f"{taken:.2f} of JAX's time (at most {allowed:.2g}): {verdict(taken <= allowed)}")
        else:
            name = {"C": "C", "JAX": "JAX", "jit": "the jit engine", "book": "the book's loop"}[rival]
            ratio = f"{ratios[rival]:.2f}" if ratios[rival] < 10 else f"{ratios[rival]:.0f}"
            said.append(f"{ratio} x {name} (at least {wanted:g}): {verdict(ratios[rival] >= wanted)}")
    default = ratios["default"]
    said.append(f"default steps {default:.2f} x the time (at most {DEFAULT_COST}): {verdict(default <= DEFAULT_COST)}")
    if ratios.get("JAX", 1.0) < 1.0:
        said.append(f"**JAX's exact gradient is {1 / ratios['JAX']:.2f} times faster**")
    return said


def verdict(reached: bool) -> str:
    return "reached" if reached else "**missed**"


# First calls and one point --------------------------------------------------------------------------------------------


def process_table(engine: str, seconds: float) -> list[str]:
    """What a process pays at the start, and one point."""
    return [*header("what | measured | to reach"), *first_calls(engine), *one_point(engine, seconds)]


# In a process of its own: nothing but NumPy and fastgrad is imported when the clock starts.
FIRST_CALL = """
import sys
from time import perf_counter
import numpy as np
import fastgrad
from cases import CASES, H
name, engine, warm = sys.argv[1:]
case = next(c for c in CASES if c.name == name)
f, args = case.for_jit if case.for_jit and engine == "jit" else (case.f, ())
points = case.points(1000, case.dimension)
if warm == "warm":
    import numba
    numba.njit(lambda a: a.sum())(points)
start = perf_counter()
fastgrad.gradient(f, points, args=args, batch=True, engine=engine, h=H)
print(perf_counter() - start)
"""


def first_calls(engine: str) -> list[str]:
    """The slowest case of D <= 10, best of three processes each; every process but "from disk" has an empty cache."""
    small = [case for case in CASES if case.dimension <= 10 and not case.grid]
    kinds = {"cold": 0.6, "warm": 0.15, "disk": 0.03}
    titles = {
        "cold": "first call in a process, after the import",
        "warm": "the same once Numba has run anything",
        "disk": "the same, kernel from disk",
    }
    rows = []
    for kind, wanted in kinds.items():
        worst, case = max(((first_call(case, engine, kind), case) for case in small), key=lambda pair: pair[0])
        rows.append(
            f"| {titles[kind]}: slowest of {len(small)} cases | {worst:.3f} s ({case.name.split(', N')[0]}) "
            f"| {wanted} s: {verdict(worst <= wanted)} |"
        )
    return rows


def first_call(case: Case, engine: str, kind: str) -> float:
    print(f"first call, {kind}: {case.name}", file=sys.stderr)
    if kind != "disk":
        return min(in_process(case, engine, kind) for _ in range(3))
    with TemporaryDirectory() as folder:
        in_process(case, engine, "warm", folder)
        return min(in_process(case, engine, "warm", folder) for _ in range(3))


def in_process(case: Case, engine: str, warm: str, folder: str | None = None) -> float:
    """Seconds of the first call in a new process, with a cache folder of its own unless one is given."""
    if folder is None:
        with TemporaryDirectory() as fresh:
            return in_process(case, engine, warm, fresh)
    command = [sys.executable, "-c", FIRST_CALL, case.name, engine, warm]
    environment = compiled_modules() | {"FASTGRAD_CACHE_DIR": folder}
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent, env=environment
    )
    return float(done.stdout)


def one_point(engine: str, seconds: float) -> list[str]:
    """One small gradient on the compiled engine, against scipy at each of its accuracies."""
    if approx_derivative is None:
        return [f"| one point, D = 2, against scipy's `approx_derivative` | {MISSING} | |"]
    sample = SAMPLES["sin_product"]
    x = np.array(sample.point)

    def scipys(method: str) -> Run:
        return lambda: approx_derivative(sample.f, x, method=method)

    rivals = {
        "fastgrad": lambda: fastgrad.gradient(sample.f, x, engine=engine, h=H),
        "default": lambda: fastgrad.gradient(sample.f, x, engine=engine),
        "3-point": scipys("3-point"),
        "2-point": scipys("2-point"),
    }
    for name, run in rivals.items():
        # scipy's one-sided differences have half the digits
        np.testing.assert_allclose(run(), sample.gradient(x), rtol=1e-6, err_msg=name)
    best = race({name: repeated(run) for name, run in rivals.items()}, seconds)
    micro = {name: f"{1e6 * b / REPEATS:.0f} µs" for name, b in best.items()}
    return [
        f"| one point, D = 2, engine='{engine}', compiled, against scipy's `approx_derivative`, {method} "
        f"| {micro['fastgrad']} (default steps {micro['default']}), scipy {micro[method]} "
        f"| faster: {verdict(best['fastgrad'] < best[method])} |"
        for method in ("3-point", "2-point")
    ]


REPEATS = 200


def repeated(run: Run) -> Run:
    return lambda: [run() for _ in range(REPEATS)]


if __name__ == "__main__":
    main()
