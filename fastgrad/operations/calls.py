"""Public functions that say what to write where Python would only count the arguments.

A call that does not fit a function's signature fails before anything of it runs: who wants to say more has to stand in
front. What stands there passes all on, for 0.2 us, and has the function's own signature, name and text.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

_ANY_NUMBER = inspect.Parameter.VAR_POSITIONAL

GIVING = {
    "gradient": "grad",
    "value_and_gradient": "value_and_grad",
    "jacobian": "jac",
    "hessian": "hess",
}
"""What gives the function of x, of f."""

OF_OTHERS = {
    "h": ("the step", {"eps", "epsilon", "step", "dx", "delta", "absolute_step", "abs_step", "step_size"}),
    "rel_step": ("the step relative to x", {"relative_step"}),
    "order": ("the order of accuracy", {"accuracy", "acc"}),
    "accuracy": ("the order of accuracy", {"order", "acc"}),
    "axis": ("along what", {"coord", "dim"}),
    "spacing": ("between samples", {"dx", "h", "step", "delta", "spacing"}),
}
"""What options are, and which keywords other libraries have for them; an option counts where a function has it."""

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
    name, parameters = function.__name__, inspect.signature(function).parameters
    places = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    unknown = [option for option in options if option not in parameters or parameters[option].kind is _ANY_NUMBER]
    if unknown:
        return right_option(function, unknown[0], options[unknown[0]])
    whole = f"{name}({', '.join(places)})"
    if len(given) > len(places) and all(p.kind is not _ANY_NUMBER for p in parameters.values()):
        return f"all but {', '.join(places)} goes by name: write {_by_name(name, places, given[len(places)])}"
    missing = [place for place in places[len(given) :] if place not in options]
    if not missing:
        return ""
    if given and not callable(given[0]):
        of_samples = "" if isinstance(given[0], Mapping) else f". {SAMPLES}"
        return f"the function comes first: write {whole}{of_samples}"
    giving = f", or {GIVING[name]}(f) for the function of x that gives it" if name in GIVING and given else ""
    return f"write {whole}{giving}"


def right_option(function: Callable[..., Any], option: str, value: Any) -> str:
    """What this function has for a keyword of another library, or nothing."""
    shown = repr(value) if isinstance(value, (int, float, str)) else "..."
    for meant, parameter in inspect.signature(function).parameters.items():
        what, keywords = OF_OTHERS.get(meant, ("", set()))
        if option in keywords and parameter.kind is _ANY_NUMBER:
            return f"{meant} goes by place: write {function.__name__}(values, {shown})"
        if option in keywords:
            return f"{meant}= is {what}: write {meant}={shown}"
    return ""


def _by_name(name: str, places: list[str], extra: Any) -> str:
    """A call with the first extra argument under the name that it may have."""
    call = f"{name}({', '.join(places)}, "
    if name == "derivative" and isinstance(extra, int):
        return f"{call}n={extra!r})"
    if isinstance(extra, (int, float)) and not isinstance(extra, bool):
        return f"{call}h={extra!r}) for a step, args=({extra!r},) for what f gets after x"
    return f"{call}args=(...,)) for what f gets after x"
