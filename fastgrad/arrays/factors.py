"""Linear algebra by scipy.linalg on recorders, as Gaussian processes use it: SciPy is there if the loss has it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .nodes import refuse
from .recorder import FUNCTIONS, Recorder, recorder_of

_OTHERS = frozenset({"overwrite_a", "overwrite_b", "check_finite"})
"""Options that change no number."""
_SYMMETRIC = (None, "gen", "sym", "her", "pos", "symmetric", "positive definite", "general")


def _cholesky(a: Any, lower: bool = False) -> Any:
    a = recorder_of(a)
    if a.ndim != 2:
        refuse("scipy.linalg.cholesky of a stack of matrices has no rule for whole arrays")
    found = FUNCTIONS[np.linalg.cholesky](a if lower else a.T)  # each reads the triangle that SciPy reads
    return found if lower else found.T


def _triangle(a: Any, lower: bool) -> Any:
    a = recorder_of(a)
    mask = np.tri(a.shape[0], dtype=bool)
    return np.where(mask if lower else mask.T, a, 0.0)


def _solve_triangular(a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False) -> Any:
    if unit_diagonal or trans not in (0, 1, "N", "T"):
        refuse("scipy.linalg.solve_triangular with unit_diagonal or trans='C' has no rule for whole arrays")
    half = _triangle(a, lower)
    return _solve(half.T if trans in (1, "T") else half, b)


def _cho_solve(factor: tuple[Any, bool], b: Any) -> Any:
    half = _triangle(*factor)
    first, second = (half, half.T) if factor[1] else (half.T, half)
    return _solve(second, _solve(first, b))


def _solve(a: Any, b: Any, lower: bool = False, assume_a: Any = None, transposed: bool = False) -> Any:
    if assume_a not in _SYMMETRIC or transposed:
        refuse(f"scipy.linalg.solve with assume_a={assume_a!r} or transposed has no rule for whole arrays")
    return FUNCTIONS[np.linalg.solve](a, b)


RULES: Mapping[str, Callable[..., Any]] = {
    "cholesky": _cholesky,
    "cho_factor": lambda a, lower=False: (_cholesky(a, lower), lower),
    "cho_solve": _cho_solve,
    "solve_triangular": _solve_triangular,
    "solve": _solve,
    "inv": lambda a: FUNCTIONS[np.linalg.inv](a),  # noqa: PLW0108  which is there later
    "det": lambda a: FUNCTIONS[np.linalg.det](a),  # noqa: PLW0108
}


def by_rule(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    """What stands for a function of scipy.linalg: its rule where there is a recorder among what it is given."""

    @functools.wraps(plain)
    def called(*args: Any, **options: Any) -> Any:
        given = [part for v in (*args, *options.values()) for part in (v if type(v) is tuple else (v,))]
        if not any(type(v) is Recorder for v in given):
            return plain(*args, **options)
        return RULES[name](*args, **{key: value for key, value in options.items() if key not in _OTHERS})

    return called
