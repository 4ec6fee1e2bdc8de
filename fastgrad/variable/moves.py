"""NumPy's functions that only move elements, on Variables: done once with the places of the elements, then by index."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import numpy as np

from .calls import VariableCall
from .operators import ARRAY_FUNCTIONS, Variable, record
from .rules import RULES

_OF_ONE = """
    ravel flip fliplr flipud roll rot90 moveaxis rollaxis expand_dims tile repeat diag diagonal diagflat tril triu take
    atleast_1d atleast_2d atleast_3d split array_split hsplit vsplit dsplit matrix_transpose permute_dims unstack resize
    delete take_along_axis compress
"""
"""Functions of one array; what they are given besides says where its elements go."""
_OF_SEVERAL = "stack hstack vstack dstack column_stack block concat meshgrid broadcast_arrays"
"""Functions of several arrays, of which some may be constants."""


_OF_ALL = ("meshgrid", "broadcast_arrays")
"""Those that get them one by one; the others get an axis after them."""
_ARRAYS = ("arrays", "tup")  # what their first argument is called


def _places_only(argument: Any) -> Any:
    """An argument whose constant arrays and numbers are nowhere: place 0."""
    if type(argument) in (list, tuple):
        return type(argument)(map(_places_only, argument))
    return argument if isinstance(argument, Variable) else np.zeros(np.shape(argument), int)


def _moving(function: Any, several: bool) -> Callable[..., Any]:
    def on_variables(*args: Any, **options: Any) -> Any:
        call = VariableCall(function, args, options)
        arrays = len(args) if function.__name__ in _OF_ALL else 1
        nowhere = (*map(_places_only, args[:arrays]), *args[arrays:])
        named = {key: _places_only(value) if key in _ARRAYS else value for key, value in options.items()}
        marked = VariableCall(function, nowhere, named) if several else call
        places = [np.arange(a + 1, b + 1).reshape(v.shape) for a, b, v in call.parts()]
        found = marked.of(places)
        if not isinstance(found, (list, tuple)):
            return _picked(call, found, lambda result: result)
        parts = [_picked(call, part, itemgetter(k)) for k, part in enumerate(found)]
        return type(found)(parts)

    return on_variables


def _picked(call: VariableCall, places: Any, pick: Callable[[Any], Any]) -> Variable:
    """The elements at these places of all in a row, and constants at place 0."""
    moved = call.row()[np.maximum(places, 1) - 1]
    if np.all(places):
        return moved
    fixed = pick(call.of([v.array for v in call.variables]))
    return record(RULES["where"], moved, fixed, condition=np.asarray(places) > 0)


for _names, _several in ((_OF_ONE, False), (_OF_SEVERAL, True)):
    for _name in _names.split():
        if hasattr(np, _name):
            ARRAY_FUNCTIONS.setdefault(getattr(np, _name), _moving(getattr(np, _name), _several))
