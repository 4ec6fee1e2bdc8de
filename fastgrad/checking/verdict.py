"""What `check_gradient` found: elements, arrays, the whole report as text and as a dict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..results import html_table

__all__ = ["ArrayCheck", "ElementCheck", "GradientCheck"]

VERDICTS = ("ok", "kink", "inconclusive", "wrong")  # from good to bad
SHOWN = 10


@dataclass(frozen=True)
class ElementCheck:
    """One element of the gradient.

    Attributes
    ----------
    name : str
        The array's key in the dict; "x" for a single array.
    index : tuple of int
    analytic, numerical : float
        The element of the gradient that was checked, and the central difference.
    error : float
        ``|analytic - numerical| / max(|analytic|, |numerical|)``.
    step : float
        How far the element was moved for `numerical`.
    verdict : {"ok", "kink", "inconclusive", "wrong"}
    """

    name: str
    index: tuple[int, ...]
    analytic: float
    numerical: float
    error: float
    step: float
    verdict: str

    def __str__(self) -> str:
        place = f"{self.name}[{', '.join(map(str, self.index))}]" if self.index else self.name
        return (
            f"{place}: analytic {self.analytic:.6g}, numerical {self.numerical:.6g}, "
            f"relative error {self.error:.2g}, step {self.step:.2g}: {self.verdict}"
        )


@dataclass(frozen=True)
class ArrayCheck:
    """One array of the gradient.

    Attributes
    ----------
    name : str
    shape : tuple of int
    verdict : {"ok", "kink", "inconclusive", "wrong"}
    error : float
        The worst relative error: of an element, or, in the fast mode, along a line,
        relative to the length of the gradient.
    resolution : float
        An error of this size in one element would have been seen.
    hints : tuple of str
        What the error looks like, or why there is no verdict.
    """

    name: str
    shape: tuple[int, ...]
    verdict: str
    error: float
    resolution: float
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class GradientCheck:
    """The report of `fastgrad.check_gradient`; ``str`` makes it readable, and it is true where `ok` is.

    Attributes
    ----------
    arrays : tuple of ArrayCheck
    worst : tuple of ElementCheck
        The elements that are not right, the worst first: in the fast mode those that the search has found.
    mode : {"fast", "elementwise", "sample", "exact"}
    checked : int
        How many random lines, or how many elements, were checked.
    evaluations : int
        Evaluations of f.
    noise : float
        How far a value of f is off, by rounding or otherwise, as measured.
    """

    arrays: tuple[ArrayCheck, ...]
    worst: tuple[ElementCheck, ...]
    mode: str
    checked: int
    evaluations: int
    noise: float

    @property
    def verdict(self) -> str:
        """The worst verdict of all arrays."""
        return worst_of([a.verdict for a in self.arrays])

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong and nothing inconclusive; kinks are no errors."""
        return self.verdict in {"ok", "kink"}

    def __bool__(self) -> bool:
        return self.ok  # `assert check_gradient(..., raises=False)` means that

    def to_dict(self) -> dict[str, Any]:
        """The report in dicts, lists, numbers and strings, as JSON has them:
        numbers that are not finite become None."""
        plain: dict[str, Any] = _as_json({"ok": self.ok, "verdict": self.verdict, **asdict(self)})
        return plain

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        header, *rows = _rows(self.arrays)
        elements = [(f"{e.name}{list(e.index)}", "", f"{e.error:.1e}", e.verdict) for e in self.worst[:SHOWN]]
        hints = [(a.name, "", hint, "") for a in self.arrays for hint in a.hints]
        return html_table(self._title(), [*rows, *hints, *elements], header)

    def _title(self) -> str:
        unit = "random lines" if self.mode == "fast" else "elements"
        return f"gradient: {self.verdict} ({self.checked} {unit}, {self.evaluations} evaluations of f)"

    def __str__(self) -> str:
        lines = [self._title()]
        lines += [f"  {row}" for row in _table(self.arrays)]
        lines += [f"  {a.name}: {hint}" for a in self.arrays for hint in a.hints]
        lines += [f"  {element}" for element in self.worst[:SHOWN]]
        hidden = len(self.worst) - SHOWN
        return "\n".join(lines + [f"  and {hidden} more"] * (hidden > 0))


def worst_of(verdicts: Sequence[str]) -> str:
    """The worst of several verdicts."""
    return max(verdicts, key=VERDICTS.index, default="ok")


def _rows(arrays: Sequence[ArrayCheck]) -> list[tuple[str, str, str, str]]:
    """The header, and a row per array."""
    rows = [("name", "shape", "worst relative error", "verdict")]
    return rows + [(a.name, str(a.shape), f"{a.error:.1e}", a.verdict) for a in arrays]


def _table(arrays: Sequence[ArrayCheck]) -> list[str]:
    """A row per array, columns aligned."""
    rows = _rows(arrays)
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    return ["  ".join([*(row[k].ljust(widths[k]) for k in range(3)), row[3]]) for row in rows]


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_json(part) for name, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [_as_json(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
