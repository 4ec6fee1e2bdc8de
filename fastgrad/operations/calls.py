"""Public functions that say what to write where Python would only count the arguments.

A call that does not fit a function's signature fails before anything of it runs: who wants to say more has to stand in
front. What stands there passes all on, for 0.2 us, and has the function's own signature, name and text.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

GIVING = {
    "gradient": "grad(f)",
    "value_and_gradient": "value_and_grad(f)",
    "jacobian": "jac(f)",
    "hessian": "hess(f)",
}
"""What gives the function of x."""

SAMPLES = "Of samples on a grid write fastgrad.grid.gradient(samples, spacing)"


def telling(function: Function, module: str) -> Function:
    """The same function of a module that tells what to write for a call with too few or too many arguments."""

    @wraps(function)
    def call(*given: Any, **options: Any) -> Any:
        try:
            return function(*given, **options)
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:  # it has run
                raise
            text = _what_to_write(function, given, options)
            message = f"{error}; {text}" if text else str(error)
        raise TypeError(message)

    call.__module__ = module  # under which it is found by pickle
    return call  # type: ignore[return-value]


def _what_to_write(function: Callable[..., Any], given: tuple[Any, ...], options: dict[str, Any]) -> str:
    """The call that may have been meant, or nothing."""
    name, parameters = function.__name__, inspect.signature(function).parameters.values()
    places = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    whole = f"{name}({', '.join(places)})"
    if len(given) > len(places):
        return f"all but {', '.join(places)} goes by name: write {_by_name(name, places, given[len(places)])}"
    missing = [place for place in places[len(given) :] if place not in options]
    if not missing:
        return ""
    if given and not callable(given[0]):
        return f"the function comes first: write {whole}. {SAMPLES}"
    giving = f", or {GIVING[name]} for the function of x that gives it" if name in GIVING and given else ""
    return f"write {whole}{giving}"


def _by_name(name: str, places: list[str], extra: Any) -> str:
    """A call with the first extra argument under the name that it may have."""
    call = f"{name}({', '.join(places)}, "
    if name == "derivative" and isinstance(extra, int):
        return f"{call}n={extra!r})"
    if isinstance(extra, (int, float)) and not isinstance(extra, bool):
        return f"{call}h={extra!r}) for a step, args=({extra!r},) for what f gets after x"
    return f"{call}args=(...,)) for what f gets after x"
