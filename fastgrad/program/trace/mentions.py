"""What a function's code mentions that no trace may go near: memory, random numbers, exceptions made of warnings."""

from __future__ import annotations

import dis
from collections.abc import Mapping
from functools import lru_cache
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from ..captures import home, is_installed, is_users_module, names
from ..members import codes, instructions
from .refusals import refuse_code

RANDOM = (
    "f draws random numbers, so that its values are not a function of x; draw them once, outside, or say with noise= "
    "how far they scatter"
)
# An array that NumPy made of symbols is a plain one of pointers to them: who writes numbers there ends the process.
MEMORY = "f takes the memory of an array ({}), which may be that of traced values"
_MEMORY = {
    "ctypes", "data_as", "__array_interface__", "__array_struct__", "__buffer__", "memoryview", "frombuffer",
    "from_buffer", "as_ctypes", "as_strided", "ndpointer", "addressof", "memmove", "_ctypes",
}  # fmt: skip
RAISING = "f turns floating-point errors or warnings into exceptions, which a trace does not raise"
_SETTERS = {"raise": {"errstate", "seterr"}, "error": {"simplefilter", "filterwarnings", "catch_warnings"}}
CLASSES = "f matches values by their classes, and a traced value has another one; write isinstance"
_FOREIGN = ("ctypes", "_ctypes", "cffi", "_cffi_backend")


@lru_cache(maxsize=1024)
def reason(code: CodeType) -> str:
    """Why a function is not traced, by the names in it; or ""."""
    mentioned = names(code)
    if not {"random", "default_rng"}.isdisjoint(mentioned) and not _is_seeded(code):
        return RANDOM
    if any(word in _constants(code) and not setters.isdisjoint(mentioned) for word, setters in _SETTERS.items()):
        return RAISING
    if any(i.opname == "MATCH_CLASS" for i in instructions(code)):
        return CLASSES
    memory = _MEMORY.intersection(mentioned)
    return MEMORY.format(min(memory)) if memory else ""


def _is_seeded(code: CodeType) -> bool:
    """Whether all random numbers of a function are those of generators that it makes of fixed seeds: the same."""
    for each in codes(code):
        doing = instructions(each)
        for place, now in enumerate(doing):
            following = doing[place + 1 : place + 4]
            if now.argval == "random" and not any(i.argval in _GENERATORS for i in following[:1]):
                return False
            if now.argval in _GENERATORS and not _are_a_call_by_a_number(following):
                return False
    return True


def _are_a_call_by_a_number(following: list[dis.Instruction]) -> bool:
    fixed = any(i.opname in ("LOAD_CONST", "LOAD_SMALL_INT") and type(i.argval) is int for i in following[:1])
    return fixed and any(i.opname == "CALL" and i.arg == 1 for i in following[1:])


def _constants(code: CodeType) -> list[Any]:
    """Those of a function and of the functions inside it."""
    inner = [value for const in code.co_consts if isinstance(const, CodeType) for value in _constants(const)]
    return [*inner, *code.co_consts]


_GENERATORS = {"default_rng", "RandomState"}
_TRUTHS = {"True_", "False_"}


def check_code(code: CodeType) -> None:
    """Refuse what must not be traced."""
    if found := reason(code):
        refuse_code(found)


@lru_cache(maxsize=1024)
def asks_identity(code: CodeType) -> bool:
    """Whether a function, or one in it, compares something with True, False or another number by `is`, or by a case."""
    if any(asks_identity(const) for const in code.co_consts if isinstance(const, CodeType)):
        return True
    own = instructions(code)
    if not _TRUTHS.isdisjoint(code.co_names) and any(now.opname == "IS_OP" for now in own):
        return True
    pairs = ((a, b, c) for a, b, c in zip(own, own[1:], [*own[2:], own[-1]], strict=False))
    return any(_is_number(a) and "IS_OP" in (b.opname, c.opname) for a, b, c in pairs)


def _is_number(now: dis.Instruction) -> bool:
    return now.opname in ("LOAD_CONST", "LOAD_SMALL_INT") and isinstance(now.argval, (bool, int, float))


def check_identity(code: CodeType) -> None:
    """Refuse what is left of that: a traced bool is none by `is`."""
    if asks_identity(code):
        refuse_code("f compares a value with True or False by `is`, or by a case; write `if value:` or ==")


def check_object(value: Any) -> None:
    """Refuse generators of random numbers, and functions of C that take addresses."""
    kind = type(value)
    place = home(kind)
    if place in ("random", "numpy.random._generator", "numpy.random.mtrand"):
        refuse_code(RANDOM)
    if place.partition(".")[0] in _FOREIGN or any(home(base) in _FOREIGN for base in kind.__mro__[1:-1]):
        refuse_code(MEMORY.format("ctypes"))


def check_attributes(code: CodeType, holder: Any, seen: dict[CodeType, None]) -> None:
    """Go through the functions in a module or an object of the user's that a function mentions, and theirs.

    Their code is added to `seen`.
    """
    spaces: list[Mapping[str, Any]]
    if isinstance(holder, ModuleType):
        spaces = [vars(holder)] if is_users_module(holder) else []
    else:
        spaces = [vars(base) for base in type(holder).__mro__[:-1]] if _has_code(holder) else []
    for name in names(code) if spaces else ():
        value = next((space[name] for space in spaces if name in space), None)
        if isinstance(value, property):
            value = value.fget
        elif isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        if isinstance(value, FunctionType) and value.__code__ not in seen:
            _check_function(value.__code__, holder, seen)


def _has_code(holder: Any) -> bool:
    """Whether an object's class may have functions of the user's."""
    return (
        not isinstance(holder, (type, FunctionType, MethodType))
        and hasattr(type(holder), "__dict__")
        and (home(type(holder)).partition(".")[0] not in ("builtins", "numpy", "numba", "scipy"))
    )


def _check_function(code: CodeType, holder: Any, seen: dict[CodeType, None]) -> None:
    if is_installed(code.co_filename):
        return
    seen[code] = None
    check_code(code)
    check_attributes(code, holder, seen)
