"""Whether functions go over numbers one by one, as far as their code tells."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from types import CodeType

from .captures import instructions, loaded, names

_TURNS = ("FOR_ITER", "JUMP_BACKWARD", "POP_JUMP_BACKWARD", "SEND")
_PYTHONS = {"all", "any", "filter", "map", "max", "min", "reduce", "sorted", "sum"}
_CALLING = {"apply_along_axis", "apply_over_axes", "fromfunction", "fromiter", "frompyfunc", "piecewise", "vectorize"}


def repeats(codes: Collection[CodeType]) -> bool:
    """Whether one of some functions has a loop or calls itself."""
    return any(_turns(code) or code.co_name in names(code) for code in codes)


@lru_cache(maxsize=1024)
def _turns(code: CodeType) -> bool:
    """Whether a function, or one inside it, has a loop or leaves one to a function that it looks up."""
    if any(i.opname.startswith(_TURNS) for i in instructions(code)):
        return True
    inner = any(_turns(const) for const in code.co_consts if isinstance(const, CodeType))
    return inner or not _PYTHONS.isdisjoint(loaded(code)) or not _CALLING.isdisjoint(names(code))
