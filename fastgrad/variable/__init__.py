"""Chainer's `Variable`, exact derivatives by backpropagation, in NumPy alone:
the fifth notebook runs with one import changed.

>>> import numpy as np
>>> import fastgrad.variable as F
>>> x = F.Variable(np.array([0.5, 1.0]))
>>> y = F.sum(x ** F.arctan(x))
>>> y.backward()
>>> x.grad.round(4)
array([0.2703, 0.7854])

The functions have Chainer's names, arguments and defaults, and NumPy's own work as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from . import functions, layers, numpynames, programs  # noqa: F401  whose functions NumPy finds by itself
from .functions import *
from .graph import ancestors, gradients, remembering
from .layers import *
from .operands import InvalidType, refuse
from .operators import Variable

__all__ = ["InvalidType", "Variable", "grad", "no_backprop_mode"]
__all__ += functions.__all__ + layers.__all__


def no_backprop_mode() -> AbstractContextManager[None]:
    """A context in which this thread remembers no operations: results have no graph and cost no memory.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad.variable import Variable, no_backprop_mode
    >>> x = Variable(np.array([5.0]))
    >>> with no_backprop_mode():
    ...     y = x**2
    >>> y.backward()
    >>> print(x.grad)
    None
    """
    return remembering(False)


def grad(
    outputs: Sequence[Variable],
    inputs: Sequence[Variable],
    grad_outputs: Sequence[Variable | None] | None = None,
    *,
    enable_double_backprop: bool = False,
) -> list[Variable | None]:
    """Gradients of outputs with respect to inputs, as Variables, without touching any `grad`.

    Parameters
    ----------
    outputs, inputs : list of Variable
        Several outputs are added up.
    grad_outputs : list of Variable or None, optional
        Where to begin, one for each output; None is ones, the gradient of the sum of the elements.
    enable_double_backprop : bool, optional
        True: the gradients can be differentiated in turn.

    Returns
    -------
    list of Variable
        One per input; None for an input from which no output was computed.

    Raises
    ------
    TypeError, ValueError
        Something that is no list of Variables, or a gradient of another shape or type than its output.
    RuntimeError
        With `enable_double_backprop`, a Variable that got other `data` since.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad.variable import Variable, grad
    >>> x = Variable(np.array(3.0))
    >>> (slope,) = grad([x**3], [x], enable_double_backprop=True)
    >>> (curvature,) = grad([slope], [x])
    >>> slope, curvature
    (variable(27.), variable(18.))
    """
    outputs, inputs = _variables(outputs, "outputs"), _variables(inputs, "inputs")
    seeds = _seeds(outputs, grad_outputs)
    order = ancestors(outputs)
    needed, wanted = set(), {id(x) for x in inputs}
    for v in reversed(order):
        if id(v) in wanted or any(id(u) in needed for u in v._inputs):
            needed.add(id(v))
    with np.errstate(all="ignore"), remembering(enable_double_backprop):
        first = seeds if enable_double_backprop else [g._data for g in seeds]
        found = gradients(outputs, first, order, needed, wanted, enable_double_backprop)
    return [_answer(found.get(id(x)), x.dtype) for x in inputs]


def _answer(g: Any, dtype: np.dtype[Any]) -> Variable | None:
    return g if g is None or isinstance(g, Variable) else Variable(np.array(g, dtype))


def _variables(given: Any, name: str) -> list[Variable]:
    if isinstance(given, (list, tuple)) and all(isinstance(v, Variable) for v in given):
        return list(given)
    msg = f"{name} must be a list of Variables, got {type(given).__name__}; write grad([y], [x])"
    raise TypeError(msg)


def _seeds(outputs: Sequence[Variable], given: Any) -> list[Variable]:
    chosen = [None] * len(outputs) if given is None else given
    if not isinstance(chosen, (list, tuple)) or len(chosen) != len(outputs):
        msg = f"grad_outputs must be a list of {len(outputs)} Variables, one for each output"
        raise ValueError(msg)
    seeds = []
    for y, g in zip(outputs, chosen, strict=True):
        if y.dtype.kind != "f":
            refuse("outputs of floats", str(y.dtype), "begin with Variable(x.astype(float))")
        if g is not None and not isinstance(g, Variable):
            msg = f"grad_outputs must hold Variables or None, got {type(g).__name__}; write Variable(g)"
            raise TypeError(msg)
        if g is not None:
            y._check_grad(g.array)
        seeds.append(Variable(np.ones_like(y._data), requires_grad=False) if g is None else g)
    return seeds
