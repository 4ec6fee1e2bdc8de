"""What a method reads of its object, and an expression such as `model.weights` of the variable in it."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, FunctionType, MemberDescriptorType, MethodType
from typing import Any

from . import captures
from .captures import attributes, is_pythons_class

Chain = tuple[str, ...]

ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
STORES = frozenset({"STORE_ATTR", "DELETE_ATTR"})
_SKIPPED = frozenset({"EXTENDED_ARG", "PUSH_NULL"})
_LOADS = frozenset({"LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_DEREF"})
_LOADS_TWO = frozenset({"LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"})  # from 3.13 and from 3.14
_PASSES = frozenset({"MAKE_CELL", "COPY_FREE_VARS"})
_VARIABLES = ("FAST", "DEREF", "CLOSURE", "CELL")
LONGEST = 4  # attributes of attributes of attributes of attributes


def is_plain(value: Any) -> bool:
    """Whether attributes of an object are what lies in its `__dict__`, its slots and its class."""
    kind = type(value)
    if kind in {FunctionType, MethodType} or isinstance(value, type) or not is_pythons_class(kind):
        return False
    return in_class(kind, "__getattribute__") is object.__getattribute__ and in_class(kind, "__getattr__") is None


def function_of(value: Any, name: str) -> FunctionType | None:
    """The function of a method, as its class has it."""
    found = in_class(type(value), name)
    return found if type(found) is FunctionType and name not in attributes(value) else None


def static_function_of(value: Any, name: str) -> FunctionType | None:
    """A function that lies in an object's class, as it is."""
    found = in_class(type(value), name)
    function = found.__func__ if type(found) is staticmethod and name not in attributes(value) else None
    return function if type(function) is FunctionType else None


def is_stored(value: Any, name: str) -> bool:
    """Whether an attribute lies in the object, or as it is in its class: no function makes it."""
    found = in_class(type(value), name)
    if found is None or type(found) is MemberDescriptorType:
        return found is not None or name in attributes(value)
    return not hasattr(type(found), "__get__")


def slots(kind: Any) -> list[str]:
    """The attributes of a class's instances that are in no dict."""
    return [name for base in kind.__mro__ for name in own_slots(base)]


def own_slots(kind: Any) -> list[str]:
    """Those that the class itself names; private names are written with that of their class."""
    given = vars(kind).get("__slots__", ())
    return [
        n if not n.startswith("__") or n.endswith("__") else f"_{kind.__name__.lstrip('_')}{n}"
        for n in ([given] if isinstance(given, str) else given)
        if n not in {"__dict__", "__weakref__"}
    ]


def in_class(kind: type, name: str) -> Any:
    """What a class has under a name, without asking for it: a descriptor would run."""
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)


def instructions(code: CodeType) -> list[dis.Instruction]:
    """Those that do something."""
    return [i for i in captures.instructions(code) if i.opname not in _SKIPPED]


def codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function, and those of the functions inside it."""
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from codes(const)


def chain_after(following: list[dis.Instruction]) -> Chain:
    """The attributes that are taken one of the other."""
    found = []
    for now in following[:LONGEST]:
        if now.opname not in ATTRIBUTES:
            break
        found.append(now.argval)
    return tuple(found)


@lru_cache(maxsize=1024)
def of_first_argument(code: CodeType) -> tuple[Chain, ...] | None:
    """The attributes that a method takes of its object; None where it does something else with it."""
    if not code.co_argcount:
        return None
    own, found = code.co_varnames[0], set[Chain]()
    for each in codes(code):
        if each is not code and own in each.co_varnames:  # another variable of that name
            return None
        doing = instructions(each)
        for place, now in enumerate(doing):
            if not _mentions(now, own) or _passes(now, own, each):
                continue
            chain = chain_after(doing[place + 1 :]) if _is_on_top(now, own) else ()
            if not chain:
                return None
            found.add(chain)
    return tuple(sorted(found))


def _passes(now: dis.Instruction, variable: str, code: CodeType) -> bool:
    """Whether an instruction only gives a variable to functions inside this one.

    Python 3.13 loads the cell for it as it loads a variable; one that has a cell is read by LOAD_DEREF.
    """
    shared = variable in code.co_cellvars or variable in code.co_freevars
    return now.opname in _PASSES or (shared and now.opname.startswith(("LOAD_CLOSURE", "LOAD_FAST")))


def _is_on_top(now: dis.Instruction, variable: str) -> bool:
    """Whether an instruction loads a variable, of two the one that the next instruction takes."""
    return now.opname in _LOADS or (now.opname in _LOADS_TWO and now.argval[0] != variable)


def _mentions(now: dis.Instruction, variable: str) -> bool:
    """Whether an instruction is about a variable; some are about two."""
    if not any(part in now.opname for part in _VARIABLES):
        return False
    return variable == now.argval or (isinstance(now.argval, tuple) and variable in now.argval)
