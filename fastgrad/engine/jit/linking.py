"""Loops are compiled once, with holes for f and for the numbers of a stencil, and linked with those of each call.

Numba takes half a second for the loop of a gradient and a second for that of a Hessian, and LLVM a tenth of that to
put an f into its hole. f is inlined there as if both had been compiled together: the code is as fast, and of the same
bits.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

import llvmlite.binding as llvm
from numba import types
from numba.core import cgutils
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from .bitcode import Loop, is_plain, loop
from .kernels import kernel, njit
from .numbers import Numbers, define
from .rows import seen, unpacked

KEPT = 1024  # loops, before all are forgotten: 20 kB each


class Shape(NamedTuple):
    """A kind of loop.

    Attributes
    ----------
    key : tuple
        Which one, of those with the same signature and types of f.
    signature : tuple
        The types of its arguments. The last is the tuple of those of f's further arguments ...
    make : callable
        Makes the loop from what it calls in place of f.
    launch : function, optional
        Calls the loop from Python: of its address, and its arguments.
    batch : int
        ... of which so many, the last ones, are arrays of which f gets the rows of its point.
    """

    key: tuple[Hashable, ...]
    signature: tuple[Any, ...]
    make: Callable[[Any], Any]
    launch: Any
    batch: int = 0

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The types of f's further arguments."""
        return seen(tuple(self.signature[-1]), self.batch)


_loops: dict[Hashable, Loop] = {}
_numbers = itertools.count()


def count() -> int:
    """How many loops are kept."""
    return len(_loops)


def _hole_name(given: Any) -> str:
    return f"fastgrad.hole.{given}"


def hole(signatures: Iterable[Any], batch: int = 0) -> Any:
    """What a loop calls in place of f, with what is varied, the tuple of further arguments and the point's number.

    There is a signature for each type that f is called with. Holes have an address: should Numba make machine code of
    a loop all the same, LLVM would end the process without one.
    """
    by_given = {signature.args[0]: signature for signature in signatures}
    for given in by_given:
        llvm.add_symbol(_hole_name(given), 1)

    @intrinsic
    def call(_context: Any, x: Any, args: Any, n: Any) -> Any:
        inner = by_given[x]

        def codegen(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
            kind = context.call_conv.get_function_type(inner.return_type, inner.args)
            callee = cgutils.get_or_insert_function(builder.module, kind, _hole_name(x))
            given = [values[0], *unpacked(context, builder, args, values[1], values[2], batch)]
            return _called(context, builder, callee, inner, given)

        return inner.return_type(x, args, n), codegen

    return call


def _called(context: Any, builder: Any, callee: Any, signature: Any, values: Any) -> Any:
    """What compiled code returns; what it raises, the caller raises."""
    status, result = context.call_conv.call_function(builder, callee, signature.return_type, signature.args, values)
    with cgutils.if_unlikely(builder, status.is_error):
        context.call_conv.return_status_propagate(builder, status)
    return result


@intrinsic
def call_at(_context: Any, address: Any, arguments: Any) -> Any:
    """Call the loop at an address.

    It is part of the launchers on disk, which Numba knows by the files that define them: whoever changes it touches
    `loops`, `directions` and `complexcode` too.
    """
    inner = types.int64(*arguments)

    def codegen(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        kind = context.call_conv.get_function_type(inner.return_type, inner.args)
        callee = builder.inttoptr(values[0], kind.as_pointer())
        return _called(context, builder, callee, inner, cgutils.unpack_tuple(builder, values[1]))

    return types.int64(address, arguments), codegen


def linked(shape: Shape, numbers: Numbers, functions: Mapping[Any, Any]) -> Any:
    """A loop with compiled functions and numbers in its holes; it is called with the loop's arguments.

    The functions are those for each type of what is varied.
    """
    loop = _loop(shape, [f.signature.return_type(x, *shape.arguments) for x, f in functions.items()])
    library, name = _library(loop, numbers, functions)
    address, start = library.get_pointer_to_function(name), _launcher(shape.launch, shape.signature)

    def run(*arguments: Any, code: Any = library) -> Any:  # which lives as long as this function
        return start(address, *arguments)

    return run


def _loop(shape: Shape, f: list[Any]) -> Loop:
    """A loop for functions of these signatures, from the memo or compiled now."""
    place = (shape.key, shape.signature, shape.batch, *f)
    if place not in _loops:
        if len(_loops) >= KEPT:
            _loops.clear()
        _loops[place] = loop(lambda: shape.make(hole(f, shape.batch)), shape.key, shape.signature, f)
    return _loops[place]


@cache
def _launcher(launch: Any, signature: tuple[Any, ...]) -> Any:
    """What Python calls: for one signature, to which other arrays are converted instead of compiling again.

    It is compiled in 0.2 s and read from disk in a tenth of that. Numba reads its list of all signatures at once, which
    would fail where a type of the user's is not at hand.
    """
    compiled = (kernel if all(map(is_plain, signature)) else njit)(launch)
    try:
        compiled.compile((types.int64, *signature))
    except OSError:  # a full disk
        compiled = njit(launch)
        compiled.compile((types.int64, *signature))
    compiled.disable_compile()
    return compiled


def _library(loop: Loop, numbers: Numbers, functions: Mapping[Any, Any]) -> tuple[Any, str]:
    """A loop and its functions, linked and optimised, and the name of the loop there, which no other has."""
    name = f"{loop.name}.{next(_numbers)}"
    library = cpu_target.target_context.codegen().create_library(name)
    _fill(library, loop, numbers, functions, name)
    with global_compiler_lock:
        library.finalize()
    return library, name


def _fill(library: Any, loop: Loop, numbers: Numbers, functions: Mapping[Any, Any], name: str) -> None:
    """Put a loop of a name and its functions into a library."""
    module = llvm.parse_bitcode(loop.code)
    define(module, numbers)
    module.get_function(loop.name).name = name
    for given, function in functions.items():
        module.get_function(_hole_name(given)).name = function.fndesc.llvm_func_name
        library.add_linking_library(function.library)
    library._final_module.link_in(module)  # Numba would optimise each of its functions first, and all together again


class _Part(JITCodeLibrary):  # type: ignore[misc]  # Numba has no types
    """Code that is optimised with the code that it is linked with, and of which no machine code is made before."""

    def finalize(self) -> None:
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalized = True


def call_linked(context: Any, builder: Any, signature: Any, values: Any, shape: Shape, numbers: Numbers, f: Any) -> Any:
    """Call, from code that Numba is making, a loop with a compiled function and numbers in its holes.

    The loop has the digest of all that it is for a name: Numba keeps the code around it on disk, if its user says so,
    and where two functions of one name meet in a process, one of them is called for both.
    """
    given = f.signature.args[0]
    loop = _loop(shape, [f.signature.return_type(given, *shape.arguments)])
    library = _Part(context.codegen(), loop.name)
    _fill(library, loop, numbers, {given: f}, loop.name)
    library.finalize()
    name = f"{loop.name}.{hashlib.sha256(library._final_module.as_bitcode()).hexdigest()}"
    library._final_module.get_function(loop.name).name = name
    context.active_code_library.add_linking_library(library)
    kind = context.call_conv.get_function_type(signature.return_type, signature.args)
    return _called(context, builder, cgutils.get_or_insert_function(builder.module, kind, name), signature, values)
