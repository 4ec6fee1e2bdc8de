"""A copy of all that a loss can reach, with recorders in the place of float arrays: nothing of the user's is touched.

Functions get other globals, in which names are looked up as they are needed: `np`, `math`, `float` and functions of
SciPy are others there, modules and classes of the user's are copies. NumPy itself is as it is, for everybody else too.
"""

from __future__ import annotations

import abc
import collections
import contextvars
import copy
import enum
import functools
import io
import random
import sys
import threading
import types
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..engine.numbers import read_only
from ..program.captures import home, is_installed, is_pythons_class, is_table, is_users_module
from ..program.members import own_slots, slots
from . import algebra, groups  # noqa: F401  whose rules are found in FUNCTIONS
from .densities import RecordedDistribution, distributions, frozen
from .factors import RULES, by_rule
from .functions import SCIPYS
from .holdings import holds_users, is_packages_class
from .lent import LentObjects
from .moves import put
from .nodes import Node, constant, counted, move, refuse, reshape
from .recorder import Recorder
from .sparse import Sparse, is_sparse
from .standins import Module, Names, either, is_logger, replaced, silent

LARGE = 1 << 20
"""Bytes: integers and masks up to here are copied, larger ones lent read-only."""

DATA = 16 << 20
"""Bytes of floats that are lent as well: what a loss computes goes into new arrays, and data need not exist twice."""

HOLDS = "it reads a {} that holds things of yours"

ABSENT = object()
"""Stands for an attribute that there is not."""

_PLAIN = (int, float, str, bool, type(None), bytes, complex, Recorder)
_SEQUENCES = (list, collections.deque)
_BASES: tuple[Any, ...] = (list, dict, types.SimpleNamespace)
_NAMESPACES = (
    types.SimpleNamespace,
    collections.UserDict,
    collections.UserList,
    collections.Counter,
    collections.ChainMap,
)
_MAPPINGS = (dict, collections.OrderedDict, collections.defaultdict)
_GIVEN = {"__slots__", "__module__", "__orig_bases__"}
_ANNOTATING = {"__annotate_func__", "__classdictcell__"}  # Python 3.14: they hold all names of the class
_ELSEWHERE = (
    weakref.WeakKeyDictionary, weakref.WeakValueDictionary, weakref.WeakSet, contextvars.ContextVar, threading.local
)  # fmt: skip
_BOUND = (types.BuiltinMethodType, types.MethodWrapperType)


class Rebuilder:
    """Copies objects, each once.

    Attributes
    ----------
    parameters : list of ndarray
        The arrays that are differentiated; views of them become views of their recorders.
    generators : list
        Of random numbers, which were met, and not used: copies were.
    spaces : dict of Names
        The copies of the names of modules, by the number of the original.
    lent : LentObjects
        What the copies got as it is.
    standins : set of int
        The numbers of functions and classes, such as np.zeros and float, for which others stand.
    copied : dict of Node
        The arrays of floats that were asked for, by their number.
    read : dict of (set of str or None)
        Which attributes of an object were read as they were before the loss, by the number of the object; None for all.
    """

    def __init__(self, parameters: Mapping[int, Recorder], arrays: list[Any], lent: LentObjects | None = None) -> None:
        self.parameters, self.lent = arrays, lent or LentObjects()
        self.generators: list[Any] = []
        self.spaces: dict[int, Names] = {}
        self.copied: dict[int, Node] = {}
        self.read: dict[int, set[str] | None] = {}
        self._memo: dict[int, Any] = dict(parameters)
        self._alive: list[Any] = list(arrays)  # so that no other object takes the number of one in the memo
        self._copies: list[Any] = []
        self._before: dict[int, tuple[int, dict[str, Any]]] = {}
        self._listens: Any = lambda own, name: self._heard(own, name)  # noqa: PLW0108  becomes a method, which that is
        self._memo |= replaced(self)
        special: Any = sys.modules.get("scipy.special")
        self._memo |= {id(f): either(SCIPYS[n], f) for n, f in _named(special, SCIPYS)} if special else {}
        linalg: Any = sys.modules.get("scipy.linalg")
        self._memo |= {id(f): by_rule(n, f) for n, f in _named(linalg, RULES)} if linalg else {}
        self._memo |= distributions()
        self.standins = {number for number, made in self._memo.items() if not isinstance(made, (Module, Recorder))}

    def __call__(self, value: Any) -> Any:
        """The copy of a value; itself where it holds nothing that matters."""
        kind = type(value)
        if kind in _PLAIN:
            return value
        if id(value) not in self._memo:
            self._alive.append(value)
            counted.copies += 1
            made = self._made(value, kind)
            self._memo.setdefault(id(value), made)
        return self._memo[id(value)]

    def copy_of(self, value: Any) -> Any:
        """The copy that was made of an object.

        Raises
        ------
        KeyError
            It was not met.
        """
        return self._memo[id(value)]

    def close(self) -> None:
        """Empty all copies, which refer to each other in circles: to look for those takes Python 50 ms."""
        spaces = [*self.spaces.values(), *(m.__dict__ for m in self._memo.values() if type(m) is Module)]
        for copied in (*spaces, *self._copies):
            copied.clear()
        for made in self._memo.values():
            if type(made) is types.FunctionType and type(made.__globals__) is Names:
                for cell in made.__closure__ or ():
                    cell.cell_contents = None
        for kept in (self._memo, self.spaces, self.copied, self._copies, self._alive, self._before):
            kept.clear()

    def _made(self, value: Any, kind: type) -> Any:
        for kinds, make in _MAKERS:
            if isinstance(value, kinds):
                return make(self, value)
        return self._instance(value, kind)

    def _method(self, value: Any) -> Any:
        owner = self(value.__self__)
        if type(owner) is RecordedDistribution:
            return getattr(owner, value.__name__)
        return types.MethodType(self(value.__func__), owner)

    def _partial(self, value: Any) -> Any:
        options = {name: self(part) for name, part in value.keywords.items()}
        return functools.partial(self(value.func), *map(self, value.args), **options)

    def _tuple(self, value: Any) -> Any:
        return tuple.__new__(self(type(value)), map(self, value))

    # --- arrays

    def _array(self, array: Any) -> Any:
        if type(array) is not np.ndarray:
            return Recorder(None, read=lambda: refuse(f"it reads a {type(array).__name__}"))
        for parameter in self.parameters:
            if np.may_share_memory(array, parameter):
                return self._view(array, parameter)
        if array.dtype.kind in "Oc":
            return Recorder(None, read=lambda: refuse(f"it reads an array of {array.dtype}"))
        if array.dtype.kind not in "fiub":
            return array
        if array.dtype.kind == "f":
            return Recorder(None, read=lambda: self._node(array))
        return array.copy() if array.nbytes <= LARGE else read_only(array)

    def _node(self, array: Any) -> Node:
        lends = array.nbytes > DATA and array.dtype == np.float64
        node = constant(read_only(array) if lends else array.astype(np.float64, order="C"))
        self.copied[id(array)] = node
        return node

    def _view(self, array: Any, parameter: Any) -> Recorder:
        """A view of a parameter, such as one that a layer has kept from an earlier call."""
        if not parameter.flags.c_contiguous or array.dtype != parameter.dtype:
            refuse("it reads a view of an array that is not C-contiguous, or of another dtype")
        owner, item = self._memo[id(parameter)], parameter.itemsize
        start = (array.__array_interface__["data"][0] - parameter.__array_interface__["data"][0]) // item
        lines = [np.arange(n) * (s // item) for n, s in zip(array.shape, array.strides, strict=True)]
        at = np.asarray(sum(np.ix_(*lines), np.array(start)))
        if not (at.size == 0 or (at.min() >= 0 and at.max() < parameter.size)):
            refuse("it reads an array that overlaps one that is differentiated")

        def read(node: Node) -> Node:
            return move(lambda v: v.reshape(-1)[at], node)

        return Recorder(read(owner.node), owner, read, lambda o, new: reshape(put(reshape(o, (-1,)), at, new), o.shape))

    # --- code

    def _function(self, function: types.FunctionType) -> Any:
        if is_installed(function.__code__.co_filename) and not holds_users(function, self.parameters):
            return function
        cells = tuple(map(self._cell, function.__closure__ or ()))
        made = types.FunctionType(
            function.__code__, self._names(function.__globals__), function.__name__, None, cells or None
        )
        self._memo[id(function)] = made
        made.__defaults__, made.__kwdefaults__ = self(function.__defaults__), self(function.__kwdefaults__)
        for cell, old in zip(cells, function.__closure__ or (), strict=True):
            if old != types.CellType() and cell == types.CellType():
                cell.cell_contents = self(old.cell_contents)
        made.__dict__.update({name: self(part) for name, part in function.__dict__.items()})
        made.__qualname__, made.__module__ = function.__qualname__, function.__module__
        return made

    def _cell(self, old: types.CellType) -> types.CellType:
        """One copy of a variable for all functions that share it."""
        if id(old) not in self._memo:
            self._alive.append(old)
            self._memo[id(old)] = types.CellType()
        found: types.CellType = self._memo[id(old)]
        return found

    def _bound(self, method: Any) -> Any:
        """A method in C, such as the append of a list."""
        owner = method.__self__
        new = owner if owner is None or isinstance(owner, (types.ModuleType, type)) else self(owner)
        return method if new is owner else getattr(new, method.__name__)

    def _cached(self, function: Any) -> Any:
        """A function of functools.lru_cache, which gets a cache of its own."""
        return functools.lru_cache(**function.cache_parameters())(self(function.__wrapped__))

    def _reference(self, reference: Any) -> Any:
        target = reference()
        return reference if target is None else weakref.ref(self(target))

    def _random(self, value: Any) -> Any:
        self.generators.append(value)
        return copy.deepcopy(value)

    def _names(self, space: dict[str, Any]) -> Names:
        """One copy of a module's names for all of its functions."""
        if id(space) not in self.spaces:
            self._alive.append(space)
            self.spaces[id(space)] = Names(space, self)
        return self.spaces[id(space)]

    def _module(self, module: types.ModuleType) -> Any:
        if is_users_module(module) or module.__name__ in {"scipy", "scipy.special", "scipy.stats", "scipy.linalg"}:
            return Module(module, self, {})
        return module

    def _class(self, kind: Any) -> Any:
        """A copy of a class of the user's, whose methods are copies; others are as they are."""
        if isinstance(kind, enum.EnumMeta) or is_packages_class(kind):
            return kind
        bases, meta = tuple(map(self, kind.__bases__)), self(type(kind))
        hidden = {"__dict__", "__weakref__", "_abc_impl", *own_slots(kind)}
        body = {name: part for name, part in vars(kind).items() if name not in hidden}
        made: Any = meta(kind.__name__, bases, {n: p for n, p in body.items() if n in _GIVEN})
        self._memo[id(kind)] = made
        for name, part in body.items():
            if name not in _GIVEN and name != "__doc__":
                setattr(made, name, part if name in _ANNOTATING else self._attribute(part))
        if isinstance(kind, abc.ABCMeta):
            made.__abstractmethods__ = kind.__abstractmethods__
        if made.__getattribute__ is object.__getattribute__:
            made.__getattribute__ = self._listens
        return made

    def _heard(self, own: Any, name: str) -> Any:
        """An attribute of a copy; it is noted where it is as it was before the loss."""
        number, before = self._before.get(id(own), (0, {}))
        read = self.read.get(number)
        if read is not None:
            now = object.__getattribute__(own, "__dict__")
            if name == "__dict__":
                self.read[number] = None
            elif now.get(name, ABSENT) is before.get(name, ABSENT):
                read.add(name)
        return object.__getattribute__(own, name)

    def _attribute(self, part: Any) -> Any:
        if isinstance(part, (staticmethod, classmethod)):
            return type(part)(self(part.__func__))
        if isinstance(part, property):
            return property(*[self(f) for f in (part.fget, part.fset, part.fdel)])
        if isinstance(part, functools.cached_property):
            made = functools.cached_property(self(part.func))
            made.attrname = part.attrname
            return made
        return self(part)

    # --- objects

    def _instance(self, value: Any, kind: Any) -> Any:
        if isinstance(value, _SEQUENCES) and type(value) in _SEQUENCES:
            made = self._memo[id(value)] = copy.copy(value)
            made.clear()
            made.extend(map(self, value))
            self._copies.append(made)
            return made
        if type(value) in _MAPPINGS:
            return self._mapping(value)
        if kind in {set, frozenset}:
            return kind(map(self, value))
        if is_logger(value):
            return silent(value.name)
        own = self(kind)
        if own is not kind or kind in _NAMESPACES or _is_of_users(value) or not is_packages_class(kind):
            return self._as_it_is(value) if isinstance(value, enum.Enum) else self._object(value, own)
        return self._lent(value, kind)

    def _lent(self, value: Any, kind: Any) -> Any:
        """A package's object as it is, or what stands for it; a copy where it holds something of the user's."""
        if known := frozen(value, self):
            return known
        if isinstance(value, _ELSEWHERE):
            refuse(f"it reads a {kind.__name__}")
        if hasattr(kind, "__next__") and not isinstance(value, io.IOBase):
            refuse(f"it reads a {kind.__name__}, which can be read once")
        if holds_users(value, self.parameters):
            return self._object(value, kind) if is_pythons_class(kind) else refuse(HOLDS.format(kind.__name__))
        return Sparse(value) if is_sparse(value) else self._as_it_is(value)

    def _as_it_is(self, value: Any) -> Any:
        """Of a table of pandas a copy that shares its columns: what is written into one lies where nobody sees it."""
        if is_table(value):
            return value.copy(deep=False)
        self.lent.note(value)
        return value

    def _mapping(self, value: Any) -> Any:
        made = self._memo[id(value)] = copy.copy(value)
        made.clear()
        for name, part in value.items():
            made[self(name)] = self(part)
        if isinstance(value, collections.defaultdict):
            made.default_factory = self(value.default_factory)
        self._copies.append(made)
        return made

    def _object(self, value: Any, own: Any) -> Any:
        try:
            made = next((base for base in _BASES if isinstance(value, base)), object).__new__(own)
        except Exception:  # noqa: BLE001  locks, files, what asks for arguments
            return refuse(f"it reads a {own.__name__}, which cannot be copied")
        self._memo[id(value)] = made
        if isinstance(value, dict):
            for name, part in dict.items(value):
                dict.__setitem__(made, self(name), self(part))
        elif isinstance(value, list):
            list.__setitem__(made, slice(None), [self(part) for part in list.__iter__(value)])
        attributes = dict(getattr(value, "__dict__", {}))
        attributes |= {name: getattr(value, name) for name in slots(type(value)) if hasattr(value, name)}
        for name, part in attributes.items():
            object.__setattr__(made, name, self(part))
        own_names = getattr(made, "__dict__", None)
        self._copies += [c for c in (made, own_names) if isinstance(c, (dict, list))]
        self.read[id(value)] = None
        if type(own_names) is dict and type(made).__getattribute__ is self._listens:
            self._before[id(made)], self.read[id(value)] = (id(value), dict(own_names)), set()
        return made


def _is_of_users(value: Any) -> bool:
    """Whether an object has attributes that anybody may set, and is of this package's networks or the user's."""
    return home(type(value)).startswith(f"{__package__.partition('.')[0]}.nn")


def _named(module: Any, names: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, getattr(module, name)) for name in names if hasattr(module, name)]


_MAKERS: tuple[tuple[Any, Callable[[Rebuilder, Any], Any]], ...] = (
    (np.ndarray, Rebuilder._array),
    (types.FunctionType, Rebuilder._function),
    (types.MethodType, Rebuilder._method),
    (functools.partial, Rebuilder._partial),
    (types.ModuleType, Rebuilder._module),
    (type, Rebuilder._class),
    (tuple, Rebuilder._tuple),
    (_BOUND, Rebuilder._bound),
    (functools._lru_cache_wrapper, Rebuilder._cached),
    (weakref.ReferenceType, Rebuilder._reference),
    (types.MappingProxyType, lambda own, value: types.MappingProxyType(own(dict(value)))),
    ((np.random.Generator, np.random.RandomState, random.Random), Rebuilder._random),
)
