"""Loops that end in Python by an exception, or never: compiled code, which overflows to infinity, would turn for ever.

A loop by `while` counts its turns, and raises beyond some millions, so that f itself is asked: it raises in Python, or
goes on there, where Ctrl-C ends it.
"""

from __future__ import annotations

import ast
import copy
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

from ...program.captures import instructions, with_code
from ...program.trace.rewriting import compiled, source_of
from ...results import EngineError

MOST = 10_000_000
"""Turns of one loop: some ten milliseconds of compiled code."""


def ending(function: FunctionType) -> FunctionType:
    """The function with loops that end.

    Raises
    ------
    EngineError
        It has such a loop, and its source is not known.
    """
    if not _turns(function.__code__):
        return function
    made = _ending(function.__code__, function.__code__.co_filename)
    if made is None:
        msg = (
            f"{function.__name__} has a loop by `while` that may not end in compiled code, and no source to count its "
            "turns in; define it in a file, or compile it by numba.njit"
        )
        raise EngineError(msg)
    return with_code(function, made, {})


def _turns(code: CodeType) -> bool:
    """Whether a function goes back to somewhere else than the head of a loop over something."""
    found = {now.offset: now for now in instructions(code)}
    back = [now for now in found.values() if "JUMP_BACKWARD" in now.opname]
    return any(not found[now.argval].opname.startswith(("FOR_ITER", "SEND")) for now in back if now.argval in found)


@lru_cache(maxsize=256)
def _ending(code: CodeType, _: str) -> CodeType | None:
    """By the file too: code objects of two files are equal where their texts are."""
    node = source_of(code)
    return None if node is None else compiled(_Counting().visit(copy.deepcopy(node)), code)


class _Counting(ast.NodeTransformer):
    """Writes a counter into each loop by `while`."""

    def __init__(self) -> None:
        self.count = 0

    def visit_While(self, node: ast.While) -> Any:
        self.generic_visit(node)
        self.count += 1
        name = f"__fg_turns{self.count}"
        begin, turn = ast.parse(f"{name} = 0\n{name} += 1").body
        check = ast.parse(f"if {name} > {MOST}:\n    raise OverflowError('a loop that does not end')").body
        node.body = [turn, *check, *node.body]
        return [begin, node]
