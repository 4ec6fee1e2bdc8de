"""What the front pages say of the speed: the README's table, and one sentence for docs/index.md."""

from __future__ import annotations

from cases import CASES
from report import US, Measured, Run, duration, import_cost, plain, ratio, slowest, table, times

FIRST = ("points", "sin_product2", 10**6)
ROWS = {
    FIRST: "gradients at points: {}",
    ("points", "rosenbrock10", 2 * 10**5): "gradients at points: {}",
    ("hessian", "hessians", 10**5): "Hessians: {}",
    ("field", "sin_product", 4096): "gradient field: {}",
    ("readers", "two", 784): "weights of a network of your own: {}",
    ("readers", "convolution", 28): "weights of a network of your own: {}",
    ("weights", "two_layer_net", 784): "weights of one of `fastgrad.nn`: {}",
    ("single", "sin_product", 2): "one gradient: {}",
}
# The columns: what one would write by hand, what takes all points in one call, and what is called point by point.
TOGETHER = "others, all points in one call"
COLUMNS = {
    "NumPy by hand": ("NumPy by hand",),
    "C": ("C",),
    TOGETHER: ("JAX, exact", "scipy.differentiate", "np.gradient", "backpropagation, exact"),
    "others, one call a point": ("the book's loop", "scipy 2-point", "scipy 3-point", "jacobi", "numdifftools"),
}
SENTENCE = ("NumPy by hand", "C", "the book's loop")
LEGEND = (
    "The times of the others are multiples of fastgrad's; **bold**: the other one is faster. C is `gcc -Ofast` on all",
    "cores. *exact* is another job: exact derivatives of a function written for JAX, or backpropagation by hand. The",
    "last column's libraries take one point a call. The slow ones ran at some of the points; their time is scaled.",
)


def headline(run: Run) -> list[str]:
    rows = [[title, *cells(row)] for title, row in measured(run)]
    rows += [[text, duration(seconds), *blanks().values()] for text, seconds in list(import_cost(run).items())[:1]]
    if worst := slowest(run, US):
        rival, others = slowest(run, "JAX, exact"), blanks()
        others[TOGETHER] = f"JAX, exact: {duration(rival[0])}" if rival else ""
        rows.append(["first call of a function, the slowest of six", duration(worst[0]), *others.values()])
    return [*LEGEND, "", *table(["", US, *COLUMNS], rows)]


def blanks() -> dict[str, str]:
    return dict.fromkeys(COLUMNS, "")


def measured(run: Run) -> list[tuple[str, dict[str, Measured]]]:
    """Words and results of each row that the run has."""
    cases = {(case.family, case.name, case.size): case for case in CASES}
    found = [(words.format(cases[key].title), run.of(cases[key])) for key, words in ROWS.items()]
    return [(title, row) for title, row in found if US in row]


def cells(row: dict[str, Measured]) -> list[str]:
    return [duration(row[US].best), *(column(row, libraries) for libraries in COLUMNS.values())]


def column(row: dict[str, Measured], libraries: tuple[str, ...]) -> str:
    """The ratio alone where the column's head names the library."""
    said = [(library, times(ratio(row, library))) for library in libraries if library in row]
    return "; ".join(number if len(libraries) == 1 else f"{library} {number}" for library, number in said)


def speed(run: Run) -> list[str]:
    """The first row as a sentence."""
    row = run.results.get(FIRST, {})
    if US not in row:
        return []
    others = [f"{name} {plain(ratio(row, name))} times" for name in SENTENCE if name in row]
    return [
        f"**How fast.** The gradients of sin(x0·x1) at {FIRST[2]:,} points take {duration(row[US].best)}. Others take",
        f"a multiple of that: {', '.join(others)}. [All benchmarks](benchmarks.md), those that are lost too;",
        "[the machine](benchmarks.md#the-machine).",
    ]
