"""A walk over all that the copy of a loss was made of, along the ways on which the loss read it.

It gives a list of tokens, and the arrays whose values the program has in it. A second walk, over what is there now,
must give the same for the same program.
"""

from __future__ import annotations

import builtins
import collections
import enum
import functools
import random
import types
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..program.members import slots
from .nodes import Array, Node
from .purity import are_pure, is_fixed, is_pure
from .rebuild import Rebuilder
from .standins import Module, is_logger, looked_up
from .tokens import RecordedFacts, Tokens, UnknownError

TOKENS = 5_000
"""At most: a walk over more takes longer than a recording."""

_PLAIN = (int, str, bool, type(None), bytes)
STANDIN = "a stand-in"

_AS_THEY_ARE = (range, np.dtype, type(Ellipsis), type(NotImplemented))
_HIDDEN = frozenset({
    "__dict__", "__weakref__", "__doc__", "__annotations__", "__module__", "__dataclass_fields__",
    "__dataclass_params__", "_abc_impl", "__parameters__", "__orig_bases__", "__abstractmethods__", "__slots__",
    "__annotations_cache__", "__annotate_func__", "__static_attributes__", "__firstlineno__",
})  # fmt: skip


class FactsWalk(Tokens):
    """Over the same objects as the copies were made of, in the same order; with copies it notes what it meets."""

    def __init__(
        self, arrays: list[Array], facts: RecordedFacts, copies: Rebuilder | None = None, used: set[Node] | None = None
    ) -> None:
        super().__init__(facts, copies is not None)
        self.arrays, self.copies, self.used = arrays, copies, used or set()
        self.numbers: dict[int, int] = {}
        self.alive: list[Any] = []
        self.compared: list[tuple[int, Array]] = []
        self.parameters = {id(w): k for k, w in reversed(list(enumerate(arrays)))}

    def over(self, value: Any) -> None:
        kind = type(value)
        if kind in _PLAIN:
            self.emit(kind, value)
        elif kind is float:
            self.emit(kind, value.hex())
        elif kind is complex:
            self.emit(kind, repr(value))
        elif id(value) in self.numbers:
            self.emit("again", self.numbers[id(value)])
        else:
            self._into(value, kind)

    def _into(self, value: Any, kind: Any) -> None:
        number = self.numbers[id(value)] = len(self.numbers)
        self.alive.append(value)
        if self.copies is not None:
            if len(self.facts.tokens) > TOKENS:
                raise UnknownError
            if id(value) in self.copies.standins:
                self.facts.ways[number] = STANDIN
        if self.facts.ways.get(number) is STANDIN:
            return self.identity(value)
        walk = _KINDS.get(kind) or next(
            (walk for kinds, walk in _MORE if isinstance(value, kinds)), FactsWalk._instance
        )
        return walk(self, value, number)

    # --- arrays

    def _array(self, array: Any, number: int) -> None:
        if id(array) in self.parameters:
            w = self.parameters[id(array)]
            return self.emit("parameter", w, array.shape, array.dtype.str)
        for k, other in enumerate(self.arrays):
            if np.may_share_memory(array, other):
                return self._view(k, other, array)
        kind = array.dtype.kind
        place = self.way(number, lambda: self._place(array))
        if place == "unread":
            return self.emit("array", kind)
        self.emit("array", array.dtype.str, array.shape)
        if place is not None and self.copies is None:
            self.compared.append((place, array))
        return None

    def _view(self, k: int, w: Any, array: Any) -> None:
        start = array.__array_interface__["data"][0] - w.__array_interface__["data"][0]
        self.emit("view", k, start, array.shape, array.strides, array.dtype.str, w.flags.c_contiguous)

    def _place(self, array: Any) -> Any:
        """Where the values of an array are kept: nowhere if nobody asked for them, or nothing came of it."""
        assert self.copies is not None
        if array.dtype.kind == "f":
            node = self.copies.copied.get(id(array))
            if node is None:
                return "unread"
            if node not in self.used:
                return None
            self.facts.nodes[len(self.facts.values)] = node
            values = node.value
        else:
            values = array.copy()
        self.facts.values.append(values)
        return len(self.facts.values) - 1

    # --- code

    def _function(self, function: Any, number: int) -> None:
        copied = self.way(number, lambda: self._copy(function) is not function)
        if not copied:
            return self._of_a_package(function)
        code = function.__code__
        self.emit("code", id(code))
        if self.copies is not None:
            self.facts.held.append(code)
        self._names(function.__globals__)
        self.over(function.__defaults__)
        self.over(function.__kwdefaults__)
        for cell in function.__closure__ or ():
            self._cell(cell)
        return self._items(function.__dict__)

    def _copy(self, value: Any) -> Any:
        assert self.copies is not None
        return self.copies.copy_of(value)

    def _of_a_package(self, value: Any) -> None:
        if self.notes and not is_pure(value):
            raise UnknownError
        self.identity(value)

    def _cell(self, cell: Any) -> None:
        if id(cell) in self.numbers:
            return self.emit("again", self.numbers[id(cell)])
        self.numbers[id(cell)] = len(self.numbers)
        self.alive.append(cell)
        try:
            content = cell.cell_contents
        except ValueError:
            return self.emit("empty")
        return self.over(content)

    def _names(self, space: dict[str, Any]) -> None:
        """A module's names that the loss has looked up, and what it imported there."""
        if id(space) in self.numbers:
            return self.emit("again", self.numbers[id(space)])
        number = self.numbers[id(space)] = len(self.numbers)
        names, imports = self.way(number, lambda: self._looked_up(space))
        for name in names:
            if name in space:
                self.over(space[name])
            elif hasattr(builtins, name):
                self.identity(getattr(builtins, name))
            else:
                self.emit("no name", name)
        for name, parts, level in imports:
            self.over(builtins.__import__(name, space, None, parts, level))
        return None

    def _looked_up(self, space: dict[str, Any]) -> Any:
        assert self.copies is not None
        copied = self.copies.spaces.get(id(space))
        if copied is None:
            return (), ()
        names = tuple(copied.looked_up)
        if not are_pure(n for n in names if n not in space):
            raise UnknownError
        return names, tuple(copied.imported)

    def _module(self, module: Any, number: int) -> None:
        self.identity(module)
        names = self.way(number, lambda: self._read_of(module))
        for name in names:
            self.emit(name)
            self.over(getattr(module, name))

    def _read_of(self, module: Any) -> tuple[str, ...]:
        copied = self._copy(module)
        if isinstance(copied, Module) and module.__name__ not in {"importlib"}:
            names = looked_up(copied)
            if module is not np or are_pure(names):
                return names
        elif is_pure(module):
            return ()
        raise UnknownError

    def _method(self, method: Any, _number: int) -> None:
        self.emit("method")
        self.over(method.__func__)
        self.over(method.__self__)

    def _partial(self, value: Any, _number: int) -> None:
        self.emit("partial", len(value.args))
        for part in (value.func, *value.args):
            self.over(part)
        self._items(value.keywords)

    def _bound(self, method: Any, _number: int) -> None:
        owner = method.__self__
        if owner is None or isinstance(owner, (types.ModuleType, type)):
            return self._of_a_package(method)
        self.emit("bound", method.__name__)
        return self.over(owner)

    def _cached(self, function: Any, _number: int) -> None:
        self.emit("cached", *function.cache_parameters().items())
        self.over(function.__wrapped__)

    def _class(self, kind: Any, number: int) -> None:
        copied = self.way(number, lambda: self._copy(kind) is not kind)
        if not copied:
            return self.identity(kind) if isinstance(kind, enum.EnumMeta) else self._of_a_package(kind)
        self.identity(kind)
        for base in (type(kind), *kind.__bases__):
            self.over(base)
        for name, part in vars(kind).items():
            if name not in _HIDDEN and not isinstance(part, _OF_C):
                self.emit(name)
                self._attribute(part)
        return None

    def _attribute(self, part: Any) -> None:
        if isinstance(part, (staticmethod, classmethod)):
            self.emit(type(part).__name__)
            self.over(part.__func__)
        elif isinstance(part, property):
            for function in (part.fget, part.fset, part.fdel):
                self.over(function)
        elif isinstance(part, functools.cached_property):
            self.emit(part.attrname)
            self.over(part.func)
        else:
            self.over(part)

    # --- objects

    def _items(self, value: Mapping[Any, Any], *_number: int) -> None:
        self.emit(type(value).__name__, len(value))
        for key, part in value.items():
            self.over(key)
            self.over(part)
        if isinstance(value, collections.defaultdict):
            self.over(value.default_factory)

    def _tuple(self, value: Any, _number: int) -> None:
        if type(value) is not tuple:
            self.over(type(value))
        self._parts(value)

    def _parts(self, value: Any, *_number: int) -> None:
        self.emit(type(value).__name__, len(value), getattr(value, "maxlen", None))
        for part in value:
            self.over(part)

    def _set(self, value: Any, _number: int) -> None:
        if not all(type(part) in _PLAIN for part in value):
            raise UnknownError
        self.emit(type(value), frozenset((type(part), part) for part in value))

    def _reference(self, reference: Any, _number: int) -> None:
        self.emit("reference")
        self.over(reference())

    def _instance(self, value: Any, number: int) -> None:
        names = self.way(number, lambda: self._attributes_of(value))
        if names == "as it is":
            return self._as_it_is(value)
        self.emit("object")
        self.over(type(value))
        if isinstance(value, (dict, list)):
            self._items(value) if isinstance(value, dict) else self._parts(value)
        for name in slots(type(value)):
            self.emit(name, hasattr(value, name))
            self.over(getattr(value, name, None))
        own = getattr(value, "__dict__", {})
        if names is None:
            return self._items(own)
        for name in names:
            self.emit(name, name in own)
            if name in own:
                self.over(own[name])
        return None

    def _attributes_of(self, value: Any) -> Any:
        """Which attributes of an object were read; None for all."""
        assert self.copies is not None
        if id(value) not in self.copies.read:
            return "as it is"
        read = self.copies.read[id(value)]
        return None if read is None else tuple(sorted(read))

    def _as_it_is(self, value: Any) -> None:
        """What was not copied and cannot change."""
        kind = type(value)
        if isinstance(value, np.generic):
            self.emit("number", value.dtype.str, value.tobytes())
        elif isinstance(value, _AS_THEY_ARE):
            self.emit(kind.__name__, repr(value))
        elif isinstance(value, slice):
            for part in (value.start, value.stop, value.step):
                self.over(part)
        elif is_logger(value):
            self.emit("logger")
        else:
            self._fixed(value)

    def _fixed(self, value: Any) -> None:
        if self.notes and not is_fixed(value):
            raise UnknownError
        self.identity(value)

    def _unknown(self, _value: Any, _number: int) -> None:
        raise UnknownError


_OF_C = (
    types.MemberDescriptorType, types.GetSetDescriptorType, types.WrapperDescriptorType, types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
)  # fmt: skip
_KINDS: dict[Any, Callable[[FactsWalk, Any, int], None]] = {
    np.ndarray: FactsWalk._array,
    types.FunctionType: FactsWalk._function,
    types.MethodType: FactsWalk._method,
    types.ModuleType: FactsWalk._module,
    type: FactsWalk._class,
    tuple: FactsWalk._tuple,
    dict: FactsWalk._items,
    collections.OrderedDict: FactsWalk._items,
    collections.defaultdict: FactsWalk._items,
    list: FactsWalk._parts,
    collections.deque: FactsWalk._parts,
    set: FactsWalk._set,
    frozenset: FactsWalk._set,
}
_MORE: tuple[tuple[Any, Callable[[FactsWalk, Any, int], None]], ...] = (
    (functools.partial, FactsWalk._partial),
    (types.ModuleType, FactsWalk._module),
    (type, FactsWalk._class),
    (tuple, FactsWalk._tuple),
    ((types.BuiltinMethodType, types.MethodWrapperType), FactsWalk._bound),
    (functools._lru_cache_wrapper, FactsWalk._cached),
    (weakref.ReferenceType, FactsWalk._reference),
    (types.MappingProxyType, FactsWalk._items),
    ((np.ndarray, np.random.Generator, np.random.RandomState, random.Random), FactsWalk._unknown),
)
