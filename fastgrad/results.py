"""What functions return: f itself, and this package beside plain arrays; warnings and errors."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from textwrap import indent
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


EPS = float(np.finfo(np.float64).eps)


class ConstantFunctionWarning(UserWarning):
    """Every difference was zero and f does not react to its argument at all.

    The usual cause is a loss that reads its weights through a closure, as in ``lambda W: net.loss(x, t)``: it never
    looks at the array it is called with. `fastgrad.numerical_gradient` perturbs the caller's own array in place and
    is right for such functions when it is given the array that the closure reads.
    """


class StepWarning(UserWarning):
    """f changes on a length far below the step, so that a difference says nothing of its derivative.

    The text names the coordinate, its step and what to write: ``method="adaptive"``, or steps relative to x.
    """


class PerformanceWarning(UserWarning):
    """f is about to be called from Python many times; the text says why it was not compiled."""


class EngineError(ValueError):
    """The engine that was asked for cannot run this function; the text says why and what to change."""


class Explanation(str):
    """One line of text that says which engine runs a call and why no faster one does.

    Attributes
    ----------
    engine : str
        The engine's name.
    reason : str
        Why no faster engine was taken; empty where there is none.
    """

    engine: str
    reason: str

    def __new__(cls, engine: str, text: str, reason: str = "") -> Self:
        self = super().__new__(cls, f"{engine}: {text}" + (f"; {reason}" if reason else ""))
        self.engine, self.reason = engine, reason
        return self

    def __getnewargs__(self) -> tuple[str, str, str]:  # type: ignore[override]
        return self.engine, self._text(), self.reason

    def _text(self) -> str:
        return self.removeprefix(f"{self.engine}: ").removesuffix(f"; {self.reason}" if self.reason else "")

    def _repr_html_(self) -> str:
        reason = f"<br><i>{escape(self.reason)}</i>" if self.reason else ""
        return f"<p><b>{escape(self.engine)}</b>: {escape(self._text())}{reason}</p>"


@dataclass(frozen=True, repr=False)
class Result:
    """A derivative with the facts about how it was obtained (``full_output=True``).

    Attributes
    ----------
    value : ndarray or float
        The derivative, as returned without ``full_output``.
    error : ndarray or None
        Estimated absolute error of ``method="adaptive"``, and with `noise`; None where the method gives none.
    status : ndarray of int or int
        Per element of `value`: 0 for a finite number, -3 for NaN or inf. Of adaptive steps 0 where the error fell to
        round-off, -1 where it stopped falling before (noise, a kink),
        -2 where it was still falling at the smallest step.
    h : ndarray or float
        The steps really taken, in the shape of x; of adaptive ones the smallest that counts.
    nfev : int
        Number of evaluations of f that the derivative took. Where f takes whole arrays one call evaluates all.
    engine : str
        The engine that ran.
    noise : ndarray, float or None
        The noise of f's values, given or found, where `noise` was asked for: one for each value of f.
    evaluations : ndarray of int, int or None
        How many evaluations moved each coordinate, in the shape of `h`: all of `nfev` but those that coordinates share,
        as f at the points. Outputs of a Jacobian share those of a coordinate. Of Hessians by adaptive steps those
        that found the first steps; None where all is shared, as in other Hessians, or nothing is moved.
    """

    value: Any
    error: Any
    status: Any
    h: Any
    nfev: int
    engine: str
    noise: Any = None
    evaluations: Any = None

    def __repr__(self) -> str:
        """The facts in a line, and below it what there is for each element."""
        parts = [f"  {name:6}  {indent(repr(part), ' ' * 10).lstrip()}" for name, part in self._parts()]
        return "\n".join([f"Result: {self._facts()}", *parts])

    def _repr_html_(self) -> str:
        return html_table(f"Result: {self._facts()}", self._parts())

    def _facts(self) -> str:
        return f"engine {self.engine}, {self.nfev:,} evaluation{'s' * (self.nfev != 1)} of f"

    def _parts(self) -> list[tuple[str, Any]]:
        """What is known, status only where an element is none of the good."""
        named = [("value", self.value), ("error", self.error), ("h", self.h), ("noise", self.noise)]
        if not isinstance(self.status, dict) and np.any(self.status):
            named.append(("status", self.status))
        return [(name, part) for name, part in named if part is not None]


def html_table(title: str, rows: Sequence[Sequence[Any]], header: Sequence[str] = ()) -> str:
    """A table for notebooks: what has a form of its own there is shown in it, all else as its repr."""

    def cell(value: Any) -> str:
        if isinstance(value, str):
            return f"<td>{escape(value)}</td>"
        own = getattr(value, "_repr_html_", None)
        return f"<td>{own()}</td>" if callable(own) else f"<td><pre>{escape(repr(value))}</pre></td>"

    head = f"<tr>{''.join(f'<th>{escape(name)}</th>' for name in header)}</tr>" * bool(header)
    body = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    return f"<table><caption>{escape(title)}</caption>{head}{body}</table>"


def users_level(callees: int = 0) -> int:
    """The stack level of the package's caller, for a warning of the calling function, or so many callees below it."""
    frame, level = sys._getframe(1), 1 + callees
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("fastgrad."):
        frame, level = frame.f_back, level + 1
    return level


def status_of(value: Any) -> Any:
    """0 where a derivative is finite, -3 where it is not."""
    return np.where(np.isfinite(value), 0, -3)[()]
