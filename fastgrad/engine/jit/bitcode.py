"""Loops with holes as LLVM's code: made by Numba once, and kept in the folder of `llvm.machine` for the next process.

Numba takes 0.5 s for the loop of a gradient and 1 s for that of a Hessian. That was half as much again when machine
code was made of them, too, which never runs: a loop runs when its holes are filled, and is compiled as a whole then.
"""

from __future__ import annotations

import hashlib
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numba as nb
import numpy as np
from numba import config, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.errors import NumbaWarning
from numba.core.registry import cpu_target

from ...llvm.machine import key, simplify, stored

OURS = ("_ZN8fastgrad6engine3jit", "_ZN08NumbaEnv8fastgrad6engine3jit")  # Numba's names of what is defined here

_UNIMPORTANT = ("THREAD", "CACHE", "CUDA", "DUMP")  # settings of Numba on which code does not depend


class Loop(NamedTuple):
    """LLVM's code of a loop with holes, and its name there."""

    code: bytes
    name: str


def loop(make: Callable[[], Any], kind: Any, signature: tuple[Any, ...], holes: Iterable[Any]) -> Loop:
    """The loop that `make` makes, of a kind, for these types of its arguments, with holes for functions of these.

    It is looked for in the folder, unless one of the types is the user's own, of which the name does not say all.
    """
    if not all(map(is_plain, (*signature, *(t for hole in holes for t in (*hole.args, hole.return_type))))):
        return _made_loop(make(), signature)

    def written() -> bytes:
        made = _made_loop(make(), signature)
        return made.name.encode() + b"\n" + made.code

    names = [getattr(part, "__name__", part) for part in kind]
    digest = key("\n".join(map(str, (names, signature, holes, _surroundings(), _settings()))))
    name, code = stored(digest, written).split(b"\n", 1)
    return Loop(code, name.decode())


def is_plain(kind: Any) -> bool:
    """Whether the name of a type says all about it, in every process."""
    if type(kind) is types.Array:
        return is_plain(kind.dtype)
    if type(kind) in (types.Tuple, types.UniTuple):
        return all(map(is_plain, kind.types))
    return isinstance(kind, (types.Integer, types.Float, types.Complex, types.Boolean))


@cache
def _surroundings() -> tuple[str, ...]:
    """What a loop is made of and by."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return sys.version, nb.__version__, np.__version__, digest.hexdigest()


def _settings() -> list[tuple[str, Any]]:
    names = [name for name in dir(config) if name.isupper() and not any(part in name for part in _UNIMPORTANT)]
    return [(name, getattr(config, name)) for name in names]


def _made_loop(made: Any, signature: tuple[Any, ...]) -> Loop:
    with global_compiler_lock, _unoptimised(), _without_machine_code():
        made.compile(signature)
    code = made.overloads[signature]
    return Loop(_simplified(code.library, code.fndesc.llvm_func_name), code.fndesc.llvm_func_name)


def _simplified(library: Any, name: str) -> bytes:
    """The code of a loop, with what it calls in it: once, and not at each link, which takes half as long then."""
    _, _, code = library.serialize_using_bitcode()
    module = llvm.parse_bitcode(code)
    for function in module.functions:  # those of Numba's runtime keep their names, by which LLVM prunes pairs of them
        if not function.is_declaration:  # the others call holes: by their names the code of other loops would be found
            function.linkage = "linkonce_odr" if function.name.startswith("NRT_") else "internal"
    module.get_function(name).linkage = "external"
    simplify(module)
    return bytes(module.as_bitcode())


@contextmanager
def _unoptimised() -> Iterator[None]:
    """LLVM optimises what it knows whole, when it is linked.

    Of a loop with holes it would make loops over vectors of unknown length, which are not undone when the dimension is
    2: a small f was a fifth slower. Pairs of counted references are found better then, too.
    """
    before = config.OPT, config.LLVM_REFPRUNE_FLAGS
    config.OPT, config.LLVM_REFPRUNE_FLAGS = 0, ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NumbaWarning)  # no flags are none, it says
            yield
    finally:
        config.OPT, config.LLVM_REFPRUNE_FLAGS = before


class _Code(JITCodeLibrary):  # type: ignore[misc]  # Numba has no types
    """Numba's code of a function, of which machine code is made only if it is not one of ours."""

    def _finalize_final_module(self) -> None:
        if any(function.name.startswith(OURS) for function in self.get_defined_functions()):
            self._finalized = True
        else:
            super()._finalize_final_module()


@contextmanager
def _without_machine_code() -> Iterator[None]:
    """What has no machine code has no global variables either, in which Numba writes where its constants are."""
    codegen = cpu_target.target_context.codegen()
    write = codegen.set_env
    codegen._library_class = _Code
    codegen.set_env = lambda name, values: None if name.startswith(OURS) else write(name, values)
    try:
        yield
    finally:
        del codegen._library_class, codegen.set_env
