"""Is f complex-analytic? Where it can be told, method="complex" refuses what is not.

Two looks at each call. f runs once on an array that refuses operations which drop the imaginary part, mirror it or
compare by it; and at up to three points the slope along one irregular direction is compared with differences.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.call import Call
from ..formulas.reference import along
from ..formulas.stencils import Stencil, stencil
from ..formulas.steps import direction_step, irregular
from ..formulas.values import as_numbers
from ..program.captures import is_compiled
from ..program.look import quiet
from ..results import EPS

Array = NDArray[Any]

_REMEDIES = {
    "compare real parts, as in x.real > c": (
        "greater greater_equal less less_equal sort argsort max min amax amin argmax argmin nanmax nanmin ptp median "
        "nanmedian percentile quantile partition unique"
    ),
    "write np.where(a.real > b.real, a, b)": "maximum minimum fmax fmin clip",
    "write np.where(x.real < 0, -x, x) for abs(x)": "absolute fabs sign",
    "write np.sqrt(np.sum(x**2))": "norm vector_norm matrix_norm hypot",
    "write np.dot": "vdot vecdot",
    "write np.mean((x - np.mean(x)) ** 2)": "var std nanvar nanstd cov corrcoef",
    "leave it out (comparisons may read x.real)": "real imag angle conjugate real_if_close",
    "write x * (np.pi / 180)": "degrees radians deg2rad rad2deg",
    "write np.arctan(y / x)": "arctan2",
    "write x ** (1 / 3)": "cbrt",
    "round x.real": "floor ceil trunc rint round around fix floor_divide remainder fmod",
    "": "eigh eigvalsh svd svdvals cholesky qr lstsq pinv cond matrix_rank",
}
_REFUSED = {name: remedy for remedy, names in _REMEDIES.items() for name in names.split()}
# What decides without leaking a slope: constant between its jumps.
_DECIDING = (
    "greater greater_equal less less_equal equal not_equal sign signbit floor ceil trunc rint isfinite isnan isinf "
    "argmax argmin argsort searchsorted digitize"
)


class NotAnalyticError(TypeError):
    """f uses an operation through which no complex step can look."""


class Analytic(np.ndarray):
    """A complex array that refuses what is not analytic. Elements are such arrays too, without axes."""

    refused: list[str]

    def __array_finalize__(self, parent: Any) -> None:
        self.refused = getattr(parent, "refused", [])

    def _refuse(self, what: str, remedy: str) -> Any:
        instead = f"{remedy}, or use" if remedy else "use"
        self.refused.append(f"f is not complex-analytic: {what}; {instead} method='central'")
        raise NotAnalyticError(self.refused[0])

    def _allow(self, name: str, module: str = "np") -> None:
        if name in _REFUSED:
            self._refuse(f"{module}.{name} has no complex derivative", _REFUSED[name])

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        self._allow(ufunc.__name__)
        if not any("D" in types.partition("->")[0] for types in ufunc.types or ["D->D"]):
            self._refuse(f"{ufunc.__name__} takes real numbers only", "")
        if out:
            options["out"] = tuple(map(_as_array, out))
        result = getattr(ufunc, method)(*map(_as_array, inputs), **options)
        return out[0] if out else self._watched(result)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        self._allow(function.__name__, "np.linalg" if function.__module__ == "numpy.linalg" else "np")
        return self._watched(super().__array_function__(function, types, args, kwargs))

    def _watched(self, result: Any) -> Any:
        if isinstance(result, (np.ndarray, np.generic)) and result.dtype.kind == "c":
            result = np.asarray(result).view(Analytic)
            result.refused = self.refused
        return result

    def __getitem__(self, index: Any) -> Any:
        return self._watched(_as_array(self)[index])

    def __iter__(self) -> Iterator[Any]:
        return map(self._watched, _as_array(self))

    @property  # type: ignore[misc]
    def real(self) -> Any:
        part = _as_array(self).real.view(_RealPart)
        part.refused = self.refused
        return part

    @property  # type: ignore[misc]
    def imag(self) -> Any:
        return self._refuse("it reads x.imag, which carries the derivative", "leave it out")

    def conj(self) -> Any:
        return self._refuse("x.conj() has no complex derivative", _REFUSED["conjugate"])

    conjugate = conj

    def astype(self, dtype: Any, *args: Any, **options: Any) -> Any:
        if np.dtype(dtype).kind != "c":
            self._refuse(f"x.astype({np.dtype(dtype)}) drops the imaginary part", "leave the type as it is")
        return super().astype(dtype, *args, **options)

    def __float__(self) -> float:
        said = _said(sys._getframe(1))
        function = said.partition("(")[0].removeprefix("math.")
        remedy = (
            f"write np.{function}" if said.startswith("math.") and hasattr(np, function) else "write functions of np"
        )
        real: float = self._refuse(f"{said or 'float() or a function of math'} takes real numbers only", remedy)
        return real

    __int__ = __index__ = __float__  # type: ignore[assignment]


class _RealPart(Analytic):
    """A real part: good for comparisons."""

    def _allow(self, name: str, module: str = "np") -> None:
        if name not in _DECIDING.split():
            self._refuse(f"{module}.{name} computes with the real part alone", _REFUSED["real"])


def _as_array(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, Analytic) else value


def _said(frame: Any) -> str:
    """The source of the expression that a frame evaluates, if it can be read."""
    line, last, start, stop = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    text = linecache.getline(frame.f_code.co_filename, line or 0) if line == last else ""
    return text.encode()[start:stop].decode()


def check_operations(call: Call) -> int:
    """Run f once on an array that refuses; how often f was called.

    Code that Numba has compiled is not looked into, and whatever else goes wrong the next call of f says better.

    Raises
    ------
    NotAnalyticError
    """
    if is_compiled(call.f):
        return 0
    n = call.finite()
    z = np.asarray(call.argument(call.points.row(n)) + 0j).view(Analytic)
    z.refused = []
    with quiet(), suppress(Exception):
        call.f(z, *call.args_at(n))
    if z.refused:
        raise NotAnalyticError(z.refused[0])
    return 1


STEEP = 2.0**100  # times x: a slope that is more likely the imaginary part of a value, pi of log(-1), over the step
LOOKED_AT = 100  # of such slopes


def check_slopes(call: Call, out: Array) -> int:
    """Compare derivatives with differences, at the first, the middle and the last point; how often f was called.

    Where slopes are steep f is asked at the point itself. If it is NaN there, as log(-1) is, so are they; else they are
    compared too.

    Raises
    ------
    ValueError
        They differ by more than 1e-5, and by more than 1e-4 over longer and shorter steps.
    """
    count, steep = call.points.count, _steep(call, out)
    undefined = [n for n in steep if _is_undefined(call, n)]
    if undefined:
        out[undefined] = np.nan
    steep_too = sorted(set(steep).difference(undefined))[:LOOKED_AT]
    chosen = sorted({call.finite(), count // 2, count - 1, *steep_too})
    return len(steep) + sum(_Slope(call, out, n).check() for n in chosen)


def _steep(call: Call, out: Array) -> list[int]:
    """The points with steep slopes; inf is no slope that anybody takes for right."""
    x = np.abs(call.points.row(slice(None)))
    with np.errstate(all="ignore"):
        size = np.where(x == 0.0, 1.0, x).max(axis=1, initial=0.0)
        slopes = np.abs(np.where(np.isfinite(out), out, 0.0)).reshape(len(out), -1).max(axis=1, initial=0.0)
        steep: list[int] = np.flatnonzero(slopes * np.maximum(size, 1.0) > STEEP).tolist()
    return steep


def _is_undefined(call: Call, n: int) -> bool:
    with quiet(), suppress(Exception):
        value = call.value_at(n)
        return bool(np.isnan(as_numbers(np.real(value))).any())
    return False


class _Slope:
    """The slope at a point along a direction in which every coordinate moves."""

    def __init__(self, call: Call, out: Array, n: int) -> None:
        self.call, self.n, self.row, self.nfev = call, n, call.points.row(n), 0
        with np.errstate(all="ignore"):
            if call.v is None:
                self.direction = irregular(self.row.size) * np.maximum(1.0, np.abs(self.row))
                parts = out[n] * self.direction
            else:
                self.direction, parts = call.v[n], out[n]
            self.slope, self.size = parts.sum(axis=-1).ravel(), np.abs(parts).sum(axis=-1).ravel()

    def check(self) -> int:
        """Raise ValueError unless differences confirm the slope; how often they called f.

        If those of a usual step do not, it may have been too short for a noisy f or too long for a rapid one.
        """
        if not self.direction.any() or not np.isfinite(self.slope).any():
            return 0
        first, noise = self._difference(0, stencil(1, 2))
        tolerance = 1e-5 * self.size + noise
        if self._confirmed(first, noise, tolerance).all():
            return self.nfev
        for exponent in (10, 5, *range(-5, self._shortest(), -5)):
            if self._confirmed(*self._difference(exponent, stencil(1, 4)), 10.0 * tolerance).all():
                return self.nfev
        self._complain(first, int(np.argmin(self._confirmed(first, noise, tolerance))))
        return self.nfev

    def _shortest(self) -> int:
        """The exponent of the last step to try, far below the smallest coordinate."""
        sizes = np.abs(self.row[self.row != 0.0])
        return -201 + min(0, int(np.frexp(sizes.min(initial=1.0))[1]))

    def _confirmed(self, difference: Array, noise: Array, tolerance: Array) -> Array:
        """Which outputs have this slope. Where f is NaN nothing is told, and of steps lost in rounding no good."""
        with np.errstate(all="ignore"):
            apart = (np.abs(difference - self.slope) > tolerance) | (noise > tolerance)
        return np.asarray(~apart | np.isnan(difference))

    def _difference(self, exponent: int, formula: Stencil) -> tuple[Array, Array]:
        """The slope by differences, NaN where f cannot be evaluated, and the rounding errors in it."""
        t = direction_step(self.row, self.direction, stencil(1, 2)) * 2.0**exponent
        values: list[Array] = []

        def moved(k: float) -> Any:
            self.nfev += 1
            value = self.call.f(self.call.argument(self.row + k * t * self.direction), *self.call.args_at(self.n))
            values.append(as_numbers(np.real(value)).ravel())  # whatever f adds 0j to is complex for real x too
            return values[-1]

        with suppress(Exception), quiet():
            slope = along(moved, formula) / t
            if slope.shape == self.slope.shape:
                return slope, 4.0 * EPS * np.max(np.abs(values), axis=0) / t
        return np.full(self.slope.shape, np.nan), np.zeros(self.slope.shape)

    def _complain(self, difference: Array, m: int) -> None:
        where = f"x={self.row.tolist()}" if self.row.size < 5 else f"point {self.n}"
        msg = (
            f"f is not complex-analytic at {where}: along one direction the complex step gives "
            f"{float(self.slope[m]):.6g}, a difference {float(difference[m]):.6g}; f drops or mirrors the imaginary "
            "part (abs, .real, conj), or has a kink or a jump there. Use method='central'"
        )
        raise ValueError(msg)
