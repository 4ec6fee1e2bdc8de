"""Losses that cannot be called with the weights as they are given: what to write instead."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..program.captures import attributes, home, parts

Loss = Callable[..., Any]

_NAMED = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}


def check_loss(loss: Loss, params: Any, further: tuple[Any, ...]) -> None:
    """Raise TypeError for a loss that cannot be called as ``loss(params, *args)``, such as ``lambda: net.loss(x, t)``.

    And for params that are a network, which has arrays.
    """
    if hasattr(params, "params") and not isinstance(params, (Mapping, np.ndarray)):
        kind = type(params).__name__
        msg = f"params must be an array or a dict of arrays, got {kind}; write weight_gradient(loss, net.params)"
        raise TypeError(msg)
    try:
        signature = inspect.signature(loss)
    except (TypeError, ValueError):  # of built-in functions some have none
        return
    try:
        signature.bind(params, *further)
    except TypeError as error:
        msg = f"loss(params{', *args' * bool(further)}) cannot be called: {error}; {_instead(loss, signature)}"
        raise TypeError(msg) from None


def raise_with_network(loss: Loss, params: Any, error: BaseException) -> None:
    """Raise the error again, of the same type, where the loss is a method of what holds the weights.

    Its first argument is hardly the weights, which it has.
    """
    owner, plain = getattr(loss, "__self__", None), {TypeError, ValueError, IndexError, AttributeError, KeyError}
    if type(error) not in plain or not any(held is params for held in attributes(owner).values()):
        return
    msg = f"{error}; {_instead(loss, inspect.signature(loss))}"
    raise type(error)(msg) from error


def of_own_network(loss: Loss) -> str:
    """What a loss that reads a network of this package has instead of an exact derivative of its code."""
    held = [getattr(value, "__self__", value) for *_, value in (*parts(loss), ("", "", loss))]
    owned = any(home(base).startswith(f"{__package__}.") for value in held for base in type(value).__mro__)
    return "; its network has net.gradient(x, t), which is exact" if owned else ""


def _instead(loss: Loss, signature: inspect.Signature) -> str:
    """The call that was meant, with a function around the loss that gets the weights and need not read them."""
    parameters = signature.parameters.values()
    needed = [p.name for p in parameters if p.kind in _NAMED and p.default is inspect.Parameter.empty]
    name = f"net.{loss.__name__}" if inspect.ismethod(loss) else "loss"
    return (
        "loss gets the weights first, and may read them in another way: "
        f"write weight_gradient(lambda params: {name}({', '.join(needed)}), params)"
    )
