"""What a traced function gets instead of SciPy's functions and distributions that do not take symbols.

Modules are seen through: what is taken of one is looked up in SciPy's own, and swapped where there is a rule. Numbers
go to SciPy as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..captures import home
from ..members import ATTRIBUTES, STORES, instructions, is_plain
from ..members import codes as all_codes
from ..nested import is_package
from ..scipys import (
    WITH_RULES,
    distribution_of,
    is_normals,
    module,
    name_of_distribution,
    name_of_transform,
    place_of,
)
from . import exponentialsums, seriesfunctions
from .arrays import Symbols, guarded, plain, wrap
from .bases import maker
from .derivatives import derivative_inside
from .distributions import DISTRIBUTIONS, Distribution
from .elementwise import traced
from .fourier import transform
from .interpolators import interpolator
from .kernelsums import densities, density
from .linearalgebra import LINEAR_ALGEBRA
from .multivariate import logpdf
from .pythonstatistics import STATISTICS
from .quadrature import quad
from .refusals import refuse
from .rotations import rotation, rotations
from .scipyformulas import MOMENTS, formula, is_discrete, shapes_of
from .signals import DISTANCES, LINEAR, SIGNALS, linear
from .solvers import rosen, solver
from .splines import splev
from .summaries import SUMMARIES
from .surfaces import bisplev, map_coordinates
from .workspace import Workspace

_FUNCTIONS: dict[str, Mapping[str, Callable[..., Any]]] = {
    "scipy.special": exponentialsums.FUNCTIONS | seriesfunctions.FUNCTIONS,
    "scipy.stats": SUMMARIES,
    "scipy.interpolate": {"splev": splev, "bisplev": bisplev},
    "scipy.linalg": LINEAR_ALGEBRA,
    "scipy.signal": SIGNALS,
    "scipy.spatial.distance": DISTANCES,
    "statistics": STATISTICS,
}
WITHOUT_RULES = Distribution((), {})
_CALLING = frozenset({"scipy.integrate", "scipy.optimize"})
LONGEST = 64  # lists in which distributions are looked for: longer ones are data
_SEEN_THROUGH = frozenset({
    "scipy", "scipy.special", "scipy.fft", "scipy.spatial", "scipy.spatial.transform", *WITH_RULES,
})  # fmt: skip
_WRITING = STORES | {"STORE_SUBSCR", "DELETE_SUBSCR"}
_CHANGING = {*dir(list), *dir(dict)}.difference(dir(tuple), ("copy", "keys", "values", "items", "get"))


def replaced(value: Any) -> Any:
    """What stands for something of SciPy's in a trace; itself where that needs nothing."""
    kind = type(value)
    if isinstance(value, type):
        return maker(value) or rotations(value) or densities(value) or value
    if kind is ModuleType or issubclass(kind, ModuleType):
        name = value.__name__
        seen = is_package(value) or (name in _SEEN_THROUGH and module(name) is value)
        return _Module(value) if seen else value
    if kind is FunctionType:
        place = place_of(value)
        rule = _rule_of(place, value) if place else None
        return _calling(value, rule, place) if rule and place else derivative_inside(value) or value
    if home(value).startswith("scipy.fft") and (name := name_of_transform(value)):
        rule = transform(name, value)
        return _calling(value, rule, "scipy.fft") if rule else value
    if kind is MethodType:
        holder = _distribution(value.__self__)
        return value if holder is None else getattr(holder, value.__name__)
    package = ".".join(home(kind).split(".", 2)[:2])
    stand_in = _STAND_INS.get(package)
    found = stand_in(value) if stand_in else None
    return value if found is None else found


def _rule_of(place: str, function: Callable[..., Any]) -> Callable[..., Any] | None:
    name = function.__name__
    if name == "quad":
        return quad(function)
    if name == "rosen":
        return rosen
    if place in _CALLING:
        return solver(function, place)
    if name == "map_coordinates":
        return map_coordinates(function)
    if name in LINEAR.get(place, ()):
        return linear(function, LINEAR[place][name])
    return _FUNCTIONS.get(place, {}).get(name)


def with_replaced_parts(
    value: Any, codes: Iterable[CodeType], methods: Mapping[str, FunctionType], workspace: Workspace | None = None
) -> Any:
    """A copy of an object, list, tuple or dict with stand-ins for what lies in it, and with other methods.

    Itself where there is nothing to replace, or where code may write into such things: it is to reach the user's own.
    Into arrays of a workspace it may.
    """
    found = _with_elements(value)
    if found is value:
        found = _with_attributes(value, methods, workspace)
    return value if found is value or (not workspace and any(map(_writes, codes))) else found


def _with_elements(value: Any) -> Any:
    kind = type(value)
    if kind not in (list, tuple, dict) or len(value) > LONGEST:
        return value
    parts = value.values() if kind is dict else value
    swapped = [replaced(part) for part in parts]
    if all(a is b for a, b in zip(swapped, parts, strict=True)):
        return value
    return dict(zip(value, swapped, strict=True)) if kind is dict else kind(swapped)


def _with_attributes(value: Any, methods: Mapping[str, FunctionType], workspace: Workspace | None) -> Any:
    try:
        own = vars(value) if is_plain(value) else {}
    except Exception:  # noqa: BLE001  it has none, or one that refuses to be looked at
        return value
    swapped = {name: _with_elements(replaced(part)) for name, part in own.items()}
    if workspace:
        swapped = {name: workspace.swapped(part) for name, part in swapped.items()}
        for name, part in own.items():
            workspace.exchanged(part, swapped[name])
    if all(swapped[name] is part for name, part in own.items()) and not methods:
        return value
    copy = object.__new__(type(value))
    copy.__dict__.update(swapped)
    copy.__dict__.update({name: MethodType(function, copy) for name, function in methods.items()})
    if workspace:
        workspace.watch(copy)
    return copy


@lru_cache(maxsize=1024)
def _writes(code: CodeType) -> bool:
    """Whether a function sets attributes or elements, or calls a method that does."""
    doing = [i for each in all_codes(code) for i in instructions(each)]
    return any(i.opname in _WRITING or (i.opname in ATTRIBUTES and i.argval in _CHANGING) for i in doing)


class _Module(ModuleType):
    """A module of SciPy's whose functions trace."""

    def __init__(self, own: ModuleType) -> None:
        super().__init__(own.__name__)
        self._own = own

    def __getattr__(self, name: str) -> Any:
        return replaced(getattr(self._own, name))


def holds_symbols(*values: Any) -> bool:
    """Whether one of the values is traced, or an array, list or tuple of what is."""
    for value in values:
        if isinstance(value, Symbols) or traced(value) or hasattr(type(value), "__traced__"):
            return True
        if isinstance(value, (list, tuple)) and holds_symbols(*value):
            return True
    return False


def _calling(function: Callable[..., Any], rule: Callable[..., Any], place: str) -> Callable[..., Any]:
    """A function by its rule where it is given symbols."""

    def call(*args: Any, **options: Any) -> Any:
        if place == "statistics":  # which takes iterators, too
            args = tuple(list(arg) if isinstance(arg, Iterator) else arg for arg in args)
        if place not in _CALLING and not holds_symbols(*args, *options.values()):  # what they call may capture some
            return function(*args, **options)
        return guarded(f"{place}.{function.__name__}", rule, args, options)

    return call


def _distribution(value: Any) -> Any:
    """One of SciPy's distributions, or one with its parameters fixed, as one that traces."""
    kind = type(value)
    if home(kind) == "scipy.stats._multivariate":
        return _Normals(value) if is_normals(kind) else None
    if home(kind) == "scipy.stats._kde":
        return density(value)
    dist = distribution_of(value)
    if dist is None:
        return None
    known = DISTRIBUTIONS.get(name_of_distribution(dist) or "", WITHOUT_RULES)
    return _Distribution(dist, known) if dist is value else _Frozen(dist, known, value.args, value.kwds, value)


class _Distribution:
    """A distribution of SciPy's whose density traces."""

    def __init__(self, own: Any, known: Distribution) -> None:
        self._own, self._known = own, known

    def __call__(self, *args: Any, **options: Any) -> Any:
        return _Frozen(self._own, self._known, args, options, None)

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._own, name)
        return _method(self._own, self._known, name, function) if callable(function) else function


class _Frozen:
    """One with its parameters given."""

    def __init__(self, own: Any, known: Distribution, args: Any, options: Any, frozen: Any) -> None:
        self._own, self._known, self.args, self.kwds, self._as_scipys = own, known, args, options, frozen

    def __getattr__(self, name: str) -> Any:
        rule = _method(self._own, self._known, name, getattr(self._own, name))
        if holds_symbols(*self.args, *self.kwds.values()):
            return lambda *values: rule(*values, *self.args, **self.kwds)
        frozen = self._as_scipys or self._own(*self.args, **self.kwds)
        function = getattr(frozen, name)

        def call(*values: Any, **options: Any) -> Any:
            if not holds_symbols(*values, *options.values()):
                return function(*values, **options)
            return rule(*values, *self.args, **(self.kwds | options))

        return call if callable(function) else function


def _method(own: Any, known: Distribution, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A method by its rule where it is given symbols."""
    rule, said = known.rules.get(name), f"scipy.stats.{own.name}.{name}"
    by_formula = formula(own, name) if rule is None and name_of_distribution(own) else None

    def single(*values: Any) -> Any:
        return rule(*values) if traced(*values) else float(function(*values))  # type: ignore[misc]

    def call(*args: Any, **options: Any) -> Any:
        if not holds_symbols(*args, *options.values()):
            return function(*args, **options)
        if rule is None and by_formula is None:
            refuse(f"f uses {said}, which has no rule for tracing")
        word = "q" if name in ("ppf", "isf") else "k" if is_discrete(own) else "x"
        if not args and word in options:
            args, options = (options[word],), {key: value for key, value in options.items() if key != word}
        values = _arguments(own, name in MOMENTS, *args, **options)
        if rule is None:
            return guarded(said, by_formula, tuple(values), {})
        return guarded(said, lambda: wrap(np.frompyfunc(single, len(values), 1)(*map(plain, values))), (), {})

    return call


def _arguments(own: Any, alone: bool, *args: Any, **options: Any) -> list[Any]:
    """x, if it is no moment's, and all parameters in their order."""
    if not alone and not args:
        refuse("f gives a distribution no x")
    shapes, given_x = shapes_of(own), () if alone else args[:1]
    names = (*shapes, "loc", *(() if is_discrete(own) else ("scale",)))
    args = args[len(given_x) :]
    given = dict(zip(names, args, strict=False)) | options
    if len(args) > len(names) or set(given) - set(names) or set(shapes) - set(given):
        refuse(f"f gives a distribution other parameters than {', '.join(names)}")
    return [*given_x, *(given.get(name, 1.0 if name == "scale" else 0.0) for name in names)]


class _Normals:
    """SciPy's normal distribution of several numbers, or one with its parameters fixed, by f to symbols too."""

    def __init__(self, own: Any, args: tuple[Any, ...] = (), given: Mapping[str, Any] | None = None) -> None:
        self._own, self._args, self._given = own, args, given or {}

    def __call__(self, *args: Any, **options: Any) -> Any:
        if holds_symbols(*args, *options.values()):
            return _Normals(self._own, args, options)
        return _Normals(self._own(*args, **options))

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._own, name)
        if not callable(function):
            return function

        def call(x: Any, *args: Any, **options: Any) -> Any:
            args, options = (*self._args, *args), {**self._given, **options}
            if not holds_symbols(x, *args, *options.values()):
                return function(x, *args, **options)
            if name not in ("logpdf", "pdf"):
                refuse(f"f uses scipy.stats.multivariate_normal.{name}, which has no rule for tracing")
            found = guarded("scipy.stats.multivariate_normal.logpdf", logpdf, (self._own, x, *args), options)
            return np.exp(found) if name == "pdf" else found

        return call


_STAND_INS: dict[str, Callable[[Any], Any]] = {
    "scipy.stats": _distribution,
    "scipy.interpolate": interpolator,
    "scipy.spatial": rotation,
}
"""What stands for objects of SciPy's, by where their classes are."""
