"""The names that the copy of a loss sees instead of NumPy's, math's, SciPy's and Python's own."""

from __future__ import annotations

import builtins
import functools
import importlib
import math
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .nodes import constant, refuse
from .recorder import Recorder, node_of, recorder_of, stacked

Rebuild = Callable[[Any], Any]


class Names(dict[str, Any]):
    """A module's names: each copied when it is looked up, and found again.

    Attributes
    ----------
    looked_up : dict
        The names that were read as they are in the module, in this order ...
    imported : list of tuple
        ... and what was imported inside of functions: the arguments of `__import__`.
    """

    def __init__(self, space: dict[str, Any], rebuild: Rebuild) -> None:
        super().__init__({"__name__": space.get("__name__")})
        self["__builtins__"] = {**vars(builtins), "__import__": self._imported}
        self._space, self._rebuild = space, rebuild
        self.looked_up: dict[str, None] = {}
        self.imported: list[tuple[Any, ...]] = []

    def _imported(self, name: str, _names: Any = None, _local: Any = None, parts: Any = (), level: int = 0) -> Any:
        """What an import inside of a function brings."""
        self.imported.append((name, parts, level))
        return self._rebuild(builtins.__import__(name, self._space, None, parts, level))

    def __missing__(self, name: str) -> Any:
        self.looked_up[name] = None
        if name in self._space:
            found = self._rebuild(self._space[name])
        elif name in BUILTINS:
            found = BUILTINS[name]
        else:
            raise KeyError(name)
        self[name] = found
        return found


class Module(types.ModuleType):
    """A module with other parts: those given, and copies of the user's."""

    def __init__(self, module: types.ModuleType, rebuild: Rebuild, parts: Mapping[str, Any]) -> None:
        super().__init__(module.__name__)
        self.__dict__.update(parts)
        self.__dict__["_fastgrad"] = (module, rebuild, {})

    def __getattr__(self, name: str) -> Any:
        module, rebuild, looked_up = self.__dict__["_fastgrad"]
        looked_up[name] = None
        found = rebuild(getattr(module, name))
        self.__dict__[name] = found
        return found


def looked_up(module: types.ModuleType) -> tuple[str, ...]:
    """The names that were read of a copy of a module as they are in the module."""
    return tuple(module.__dict__["_fastgrad"][2])


def either(rule: Any, plain: Any) -> Callable[..., Any]:
    """A rule where there is a recorder among the arguments, the function itself where there is none."""

    @functools.wraps(plain)
    def called(*args: Any, **options: Any) -> Any:
        chosen = rule if any(type(v) is Recorder for v in (*args, *options.values())) else plain
        return chosen(*args, **options)

    return called


def _creator(make: Callable[..., Any]) -> Callable[..., Any]:
    """An array that the loss may fill must be a recorder from the start."""

    def made(*args: Any, **options: Any) -> Any:
        if any(type(v) is Recorder for v in (*args, *options.values())):
            args = tuple(v.values() if type(v) is Recorder else v for v in args)
        array = make(*args, **options)
        return Recorder(constant(array)) if array.dtype.kind == "f" else array

    return made


def _array(x: Any, dtype: Any = None, **options: Any) -> Any:
    """np.array, np.asarray and their like."""
    if type(x) is Recorder:
        return x.copy() if dtype is None else x.astype(dtype)
    if isinstance(x, (list, tuple)) and _has_recorders(x):
        made = stacked(x)
        return made if dtype is None else made.astype(dtype)
    array = np.array(x, dtype, **options)
    return Recorder(node_of(array)) if array.dtype.kind == "f" else array


def _as_array(x: Any, dtype: Any = None, **options: Any) -> Any:
    if type(x) is Recorder and (dtype is None or np.dtype(dtype).kind == "f"):
        return x
    return _array(x, dtype, **options)


def _has_recorders(x: Any) -> bool:
    return any(type(v) is Recorder or (isinstance(v, (list, tuple)) and _has_recorders(v)) for v in x)


def _full(shape: Any, value: Any, dtype: Any = None, **_order: Any) -> Any:
    if type(value) is Recorder:
        made = recorder_of(np.zeros(shape))
        made[...] = value
        return made
    return _creator(np.full)(shape, value, dtype)


NUMPYS: dict[str, Any] = {name: _creator(getattr(np, name)) for name in ("zeros", "ones", "eye", "identity")}
NUMPYS |= {"empty": NUMPYS["zeros"], "full": _full, "array": _array, "asarray": _as_array}
NUMPYS |= dict.fromkeys(("ascontiguousarray", "asanyarray", "asfortranarray"), _as_array)

MATHS = {
    name: either(getattr(np, array), getattr(math, name))
    for name, array in {
        "sqrt": "sqrt", "exp": "exp", "log": "log", "log1p": "log1p", "expm1": "expm1", "log2": "log2",
        "log10": "log10", "sin": "sin", "cos": "cos", "tan": "tan", "tanh": "tanh", "sinh": "sinh", "cosh": "cosh",
        "atan": "arctan", "asin": "arcsin", "acos": "arccos", "atan2": "arctan2", "fabs": "fabs", "pow": "power",
        "hypot": "hypot", "isnan": "isnan", "isfinite": "isfinite", "isinf": "isinf",
    }.items()
}  # fmt: skip


class _Floats(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, float)


class Float(float, metaclass=_Floats):
    """Stands for float: `return float(loss)` makes no number of a recorder. np.dtype takes it for float64."""

    dtype = np.dtype(np.float64)

    def __new__(cls, value: Any = 0.0) -> Any:
        if type(value) is Recorder:
            return value if value.size == 1 else float(value)
        return float(value)


def _nothing(*_args: Any, **_options: Any) -> None:
    """Stands for what tells somebody of values: there are none yet."""


def is_logger(value: Any) -> bool:
    logs = sys.modules.get("logging")
    return logs is not None and isinstance(value, logs.Logger)


def silent(name: str | None = None) -> Any:
    """Stands for a logger: what it is told goes nowhere, and is not kept."""
    logger = sys.modules["logging"].Logger(name or "root")
    logger.disabled = True
    return logger


class _NoModules:
    """Stands for sys.modules, in which everybody's modules are."""

    def __getattr__(self, name: str) -> Any:
        return refuse("it looks a module up in sys.modules")

    def __getitem__(self, name: str) -> Any:
        return refuse("it looks a module up in sys.modules")


def replaced(rebuild: Rebuild) -> dict[int, Any]:
    """What stands for NumPy, math, float, and for the modules through which a loss could reach what is no copy."""
    made: dict[int, Any] = {id(getattr(np, name)): standin for name, standin in NUMPYS.items()}
    made |= {id(np): Module(np, rebuild, NUMPYS), id(math): Module(math, rebuild, MATHS), id(float): Float}
    made[id(sys)] = Module(sys, lambda part: part, {"modules": _NoModules()})
    imported = {"import_module": lambda *named: rebuild(importlib.import_module(*named))}
    made |= {
        id(importlib): Module(importlib, rebuild, imported),
        id(importlib.import_module): imported["import_module"],
    }
    logs: Any = sys.modules.get("logging")
    if logs:
        made |= {id(logs): Module(logs, rebuild, LOGGINGS)} | {id(getattr(logs, n)): v for n, v in LOGGINGS.items()}
    return made


LOGGINGS = dict.fromkeys(("debug", "info", "warning", "error", "critical", "exception", "log"), _nothing)
LOGGINGS |= {"getLogger": silent}

BUILTINS: dict[str, Any] = {"float": Float, "print": _nothing}
