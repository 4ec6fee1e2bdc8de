"""Real and imaginary parts of arrays, which NumPy has share their memory and a trace has not.

As long as a part is held nothing may be written into the array: what f reads of the part then would be old.
"""

from __future__ import annotations

from typing import Any
from weakref import ref

import numpy as np

from .refusals import active, refuse

_PARTS = {name: np.frompyfunc(lambda v, name=name: getattr(v, name), 1, 1) for name in ("real", "imag")}


def taken(array: np.ndarray[Any, Any], name: str) -> np.ndarray[Any, Any]:
    """The part of an array of complex numbers, which cannot be written into."""
    found = np.asarray(_PARTS[name](array.view(np.ndarray)), dtype=object)
    found.flags.writeable = False
    trace, owner = getattr(active, "trace", None), array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    if trace is not None:  # which no array of its symbols may keep alive
        trace.parts.append((ref(owner), ref(found)))
    return found


def check_is_whole(array: Any) -> None:
    """Refuse to write into an array while f holds a part of it."""
    trace = getattr(active, "trace", None)
    for owner, part in trace.parts if trace is not None else ():
        whole = owner()
        if part() is not None and whole is not None and np.may_share_memory(whole, array.view(np.ndarray)):
            refuse("f writes into an array of which it has taken the real or the imaginary part; write z = z.copy()")
