"""From the JSON of a whole run: docs/benchmarks.md and its figures, and what the front pages say, between markers.

    python bench/report.py build/bench.json

A part of a run is printed and not written, but for a family that is asked for by name.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from cases import CASES, TURNS
from contest import Case

ROOT = Path(__file__).parent.parent
PAGE, README, FRONT = ROOT / "docs" / "benchmarks.md", ROOT / "README.md", ROOT / "docs" / "index.md"
US = "fastgrad"
MISSING = "not installed"
DEFAULT_COST = 1.25
FIRST_CALL = {"fastgrad, cold": 0.6, "fastgrad": 0.15, "fastgrad, from disk": 0.03}

# The points of the curve are in the figure; imports are a list below the first calls.
WITHOUT_TABLE = {"curve", "import", "first_call"}

# Results --------------------------------------------------------------------------------------------------------------


@dataclass
class Measured:
    """A library on a case: the best of each turn, scaled to the whole case, and the largest relative error."""

    turns: dict[int, float] = field(default_factory=dict)
    error: float | None = None
    share: float = 1.0

    @property
    def best(self) -> float:
        return min(self.turns.values())


Results = dict[tuple[str, str, int], dict[str, Measured]]


@dataclass(frozen=True)
class Run:
    """What a JSON file holds."""

    results: Results
    missing: dict[str, str]
    machine: str
    date: str

    def of(self, case: Case) -> dict[str, Measured]:
        return self.results.get((case.family, case.name, case.size), {})

    def unmeasured(self) -> list[str]:
        """What a whole run would have and this one has not."""
        return [
            f"{case.family} {case.name} {case.size} {library}"
            for case in CASES
            for library in case.contestants
            if library not in self.missing and len(self.of(case).get(library, Measured()).turns) < TURNS
        ]


def read(path: Path) -> Run:
    data = json.loads(path.read_text(encoding="utf-8"))
    results: Results = {}
    for row in data["benchmarks"]:
        info = row["extra_info"]
        case = results.setdefault((info["family"], info["case"], info["size"]), {})
        measured = case.setdefault(info["library"], Measured(error=info["error"], share=info["share"]))
        measured.turns[info["turn"]] = info.get("seconds", row["stats"]["min"]) / info["share"]
    return Run(results, data["missing"], data["machine"], data["datetime"][:10])


def ratio(row: dict[str, Measured], library: str) -> float:
    """How many times fastgrad's time a library takes."""
    return row[library].best / row[US].best


def spread(row: dict[str, Measured], library: str) -> tuple[float, float]:
    """The smallest and the largest such ratio within one turn."""
    ours = row[US].turns
    ratios = [t / ours[turn] for turn, t in row[library].turns.items() if turn in ours]
    return min(ratios), max(ratios)


# Words ----------------------------------------------------------------------------------------------------------------


def duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{brief(seconds / size)} {unit}"
    return f"{seconds * 1e9:.2g} ns"


def brief(number: float) -> str:
    return f"{number:,.0f}" if number >= 99.5 else f"{number:.2g}" if number < 0.995 else f"{number:.3g}"


def times(number: float) -> str:
    """A ratio to fastgrad's time, bold where fastgrad loses."""
    return f"**{plain(number)}**" if number < 1 else plain(number)


def plain(number: float) -> str:
    short = float(f"{number:.3g}")
    return f"{number:.1g}" if number < 0.095 else f"{number:.2f}" if number < 9.95 else f"{short:,.0f}"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


# Tables ---------------------------------------------------------------------------------------------------------------


def of_family(family: str) -> list[Case]:
    return [case for case in CASES if case.family == family]


def comparison(run: Run, family: str) -> list[str]:
    """A row a library, a column a case: time, ratio to fastgrad and its spread, error."""
    cases = [case for case in of_family(family) if run.of(case)]
    if not cases:
        return []
    libraries = list(dict.fromkeys(library for case in cases for library in case.contestants))
    rows = [[library, *(cell(run, case, library) for case in cases)] for library in libraries]
    return [*table(["", *(case.title for case in cases)], rows), *promises(run, cases)]


def cell(run: Run, case: Case, library: str) -> str:
    row = run.of(case)
    if library not in row:
        return MISSING if library in run.missing and library in case.contestants else ""
    measured = row[library]
    lines = [duration(measured.best) + ("\\*" if measured.share < 1 else "")]
    if library != US and US in row:
        low, high = spread(row, library)
        number = ratio(row, library)
        lines.append(f"{plain(number) if library.startswith(US) else times(number)} ({plain(low)} to {plain(high)})")
    if measured.error is not None:
        lines.append(f"{measured.error:.0e}")
    return "<br>".join(lines)


def promises(run: Run, cases: list[Case]) -> list[str]:
    """The figures to reach, and whether they were."""
    lines = [f"- {case.title}: {'; '.join(said)}." for case in cases if (said := verdicts(run, case))]
    return ["", "Figures to reach:", "", *lines] if lines else []


def verdicts(run: Run, case: Case) -> list[str]:
    row, said = run.of(case), []
    for library, wanted in case.ratios.items():
        if library in row and US in row:
            got = ratio(row, library)
            said.append(f"{library} {plain(got)} (at least {plain(wanted)}): {verdict(got >= wanted)}")
    default = "fastgrad, default steps"
    if case.ratios and default in row and US in row:
        got = ratio(row, default)
        said.append(f"{default} {plain(got)} (at most {DEFAULT_COST}): {verdict(got <= DEFAULT_COST)}")
    return said


def verdict(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def slowest(run: Run, library: str) -> tuple[float, str] | None:
    found = [(run.of(c)[library].best, c.title) for c in of_family("first_call") if library in run.of(c)]
    return max(found, default=None)


def beginnings(run: Run) -> list[str]:
    """The slowest first calls, and the imports."""
    lines = []
    for library, wanted in FIRST_CALL.items():
        if worst := slowest(run, library):
            lines.append(
                f"- {library}: {duration(worst[0])} at most (to reach: {wanted} s): {verdict(worst[0] <= wanted)}."
            )
    for text, seconds in import_cost(run).items():
        lines.append(f"- {text}: {duration(seconds)}.")
    return lines


def import_cost(run: Run) -> dict[str, float]:
    """Differences between whole processes."""
    row = {library: m.best for case in of_family("import") for library, m in run.of(case).items()}
    if len(row) < 5:
        return {}
    return {
        "`import fastgrad` above `import numpy`": row["fastgrad"] - row["numpy"],
        "`import fastgrad` above `import numba`": row["numba and fastgrad"] - row["numba"],
    }


# Break-even -----------------------------------------------------------------------------------------------------------

CURVES = {
    "sin(x0·x1), N points": [("curve", "sin_product2"), ("points", "sin_product2")],
    "Rosenbrock, D = 10, N points": [("curve", "rosenbrock10")],
    "gradient, D variables": [("single", "rosenbrock")],
    "Jacobian, D variables": [("jacobian", "jacobian_at_a_point")],
    "Hessian, D variables": [("hessian", "hessian_at_a_point")],
}


def along(run: Run, title: str) -> list[tuple[int, dict[str, Measured]]]:
    """The sizes of a curve, and the results at them."""
    cases = [case for case in CASES if (case.family, case.name) in CURVES[title] and run.of(case)]
    return sorted(((case.size, run.of(case)) for case in cases), key=lambda pair: pair[0])


def break_even(run: Run) -> list[str]:
    """Where fastgrad starts to win against each library, and where it stops."""
    curves = {title: along(run, title) for title in CURVES}
    names = dict.fromkeys(name for curve in curves.values() for _, row in curve for name in row)
    rivals = [name for name in names if not name.startswith(US)]
    rows = [[name, *(wins(curve, name) for curve in curves.values())] for name in rivals]
    return table(["fastgrad is faster", *curves], rows) if rows else []


def wins(curve: list[tuple[int, dict[str, Measured]]], library: str) -> str:
    both = [(size, ratio(row, library)) for size, row in curve if library in row and US in row]
    if not both:
        return ""
    sizes, ratios = np.array(both).T
    won, last = ratios >= 1, f"{sizes[-1]:,.0f}"
    if won.all() or not won.any():
        return f"{'always' if won.all() else '**never**'}, to {last}"
    turns = [i for i in range(len(won) - 1) if won[i] != won[i + 1]]
    return ", ".join(f"{'from' if won[i + 1] else '**up to**'} {crossing(sizes[i:], ratios[i:])}" for i in turns)


def crossing(sizes: np.ndarray, ratios: np.ndarray) -> str:
    """Where the ratio is 1 between the first two sizes: a straight line in logarithms."""
    (a, b), (r, s) = np.log(sizes[:2]), np.log(ratios[:2])
    where = float(f"{np.exp(a + (b - a) * r / (r - s)):.1e}")
    return f"{where:,.0f}" if where >= 10 else f"{where:g}"


# Writing --------------------------------------------------------------------------------------------------------------


def sections(run: Run) -> dict[str, list[str]]:
    """Marker -> lines of the page."""
    families = dict.fromkeys(case.family for case in CASES if case.family not in WITHOUT_TABLE)
    made_by = f"{run.machine}, {run.date}. Written by `make bench`."
    return {family: comparison(run, family) for family in families} | {
        "break-even": break_even(run),
        "first-call": [*comparison(run, "first_call"), "", *beginnings(run)],
        "machine": [made_by],
    }


def write(path: Path, marker: str, lines: list[str]) -> None:
    text = path.read_text(encoding="utf-8")
    start, end = f"<!-- {marker} -->", f"<!-- end of {marker} -->"
    before, rest = text.split(start)
    path.write_text("\n".join([before + start, "", *lines, "", end + rest.split(end)[1]]), encoding="utf-8")


def main() -> None:
    """Write a whole run, print a part of one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("json", type=Path, help="what pytest --benchmark-json wrote")
    parser.add_argument("--family", help="write the table of one family, measured as a whole, and when it was")
    given = parser.parse_args()
    run = read(given.json)
    parts = sections(run)
    if given.family and not [text for text in run.unmeasured() if text.startswith(f"{given.family} ")]:
        write(PAGE, given.family, [*parts[given.family], "", *parts["machine"]])
        return
    if unmeasured := run.unmeasured():
        print("\n".join(line for lines in parts.values() if lines for line in [*lines, ""]))
        print(f"nothing is written: {len(unmeasured)} were not measured, such as {unmeasured[0]}")
        return
    for marker, lines in parts.items():
        write(PAGE, marker, lines)
    front_pages(run, parts["machine"])
    draw(run)


def front_pages(run: Run, machine: list[str]) -> None:
    from headline import headline, speed

    lines = headline(run)
    write(README, "headline", [*lines, "", *machine])
    write(FRONT, "speed", speed(run))
    print("\n".join(lines))


def draw(run: Run) -> None:
    from charts import draw_all

    draw_all(run)


if __name__ == "__main__":
    main()
