"""Variable: an array with a gradient, its operators and methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .graph import MODE, ancestors, gradients, write
from .numbers import Numbers
from .operands import InvalidType, checked, common_dtype, constant, fixed
from .rules import RULES, UFUNCS, Axis, Rule
from .specials import special_rule

Array = NDArray[Any]

ARRAY_FUNCTIONS: dict[Any, Callable[..., Any]] = {}
"""What NumPy's functions that are no ufuncs do with a Variable; see `implements`."""
TRACED: dict[Any, Callable[..., Any]] = {}
"""What the others do that can be traced, by programs; of ufuncs a function of what `__array_ufunc__` is given."""


class Variable(Numbers):
    """An array with a gradient: `backward` of a result writes the `grad` of all that it was computed from.

    Operators, indexing and NumPy's functions work as on arrays and return Variables. Numbers and arrays beside a
    Variable are constants, cast to its data type; two Variables must have the same.

    Parameters
    ----------
    data : ndarray
        The numbers; used without a copy.
    name : str, optional
        Shown by `repr`.
    grad : ndarray, optional
        A first value of `grad`.
    requires_grad : bool, optional
        False: a constant.

    Attributes
    ----------
    data, array : ndarray
        The numbers. What was computed before a new array is put here keeps the old numbers; what is written into the
        array changes what `backward` sees.
    grad : ndarray or None
        The gradient, of the shape and data type of `data`. On a result it is where `backward` begins.

    Raises
    ------
    TypeError
        Anything but an array of numbers. `InvalidType`, a TypeError, where data types do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgrad import Variable
    >>> x = Variable(np.array([5.0]))
    >>> y = x**2 - 2 * x + 1
    >>> y
    variable([16.])
    >>> y.backward()
    >>> x.grad
    array([8.])
    """

    __slots__ = ("__weakref__",)
    __array_priority__ = 200.0
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self, data: Array, *, name: str | None = None, grad: Array | None = None, requires_grad: bool = True
    ) -> None:
        self._start(checked(data), requires_grad)
        self.name, self.grad = name, grad

    # --- the walk back ---

    def backward(self, retain_grad: bool = False) -> None:
        """Write the gradient of this Variable into the `grad` of all that it was computed from.

        It begins with this Variable's `grad`, or with 1 where it has one element and no `grad`. What was not computed
        from anything, the leaves, *adds* to its `grad`; call `cleargrad` in between.
        Results on the way end without one.

        Parameters
        ----------
        retain_grad : bool, optional
            True: results on the way keep theirs.

        Raises
        ------
        ValueError
            More than one element, or none, and no `grad`.
        InvalidType
            Integers have no gradient.

        Examples
        --------
        >>> import numpy as np
        >>> from fastgrad import Variable
        >>> x = Variable(np.array([1.0, 2.0]))
        >>> y = x**3
        >>> y.grad = np.ones_like(y.data)
        >>> y.backward()
        >>> x.grad
        array([ 3., 12.])
        """
        self._grad = seed = self._first_gradient()
        order = ancestors([self])
        keep = {id(v) for v in order if v._rule is None or retain_grad}
        with np.errstate(all="ignore"):
            found = gradients([self], [seed], order, {id(v) for v in order}, keep, graph=False)
            write([v for v in order if v is not self], found, [seed])

    def _first_gradient(self) -> Array:
        if self.dtype.kind != "f":
            msg = (
                f"backward() needs floats. Actual: {self.dtype}, which has no gradient; "
                "begin with Variable(x.astype(float))"
            )
            raise InvalidType(msg)
        if self._grad is not None:
            return self._grad
        if self.size != 1:
            msg = (
                f"backward() of an array of shape {self.shape} needs y.grad, the gradient to begin with; "
                "write y.grad = np.ones_like(y.data) for the sum of the elements, or differentiate a number"
            )
            raise ValueError(msg)
        return np.ones_like(self._data)

    # --- operators ---

    def __add__(self, other: Any) -> Variable:
        return _binary(_ADD, self, other, other)

    def __radd__(self, other: Any) -> Variable:
        return _binary(_ADD, other, self, other)

    def __sub__(self, other: Any) -> Variable:
        return _binary(_SUBTRACT, self, other, other)

    def __rsub__(self, other: Any) -> Variable:
        return _binary(_SUBTRACT, other, self, other)

    def __mul__(self, other: Any) -> Variable:
        return _binary(_MULTIPLY, self, other, other)

    def __rmul__(self, other: Any) -> Variable:
        return _binary(_MULTIPLY, other, self, other)

    def __truediv__(self, other: Any) -> Variable:
        return _binary(_DIVIDE, self, other, other)

    def __rtruediv__(self, other: Any) -> Variable:
        return _binary(_DIVIDE, other, self, other)

    def __matmul__(self, other: Any) -> Variable:
        return _binary(_MATMUL, self, other, other)

    def __rmatmul__(self, other: Any) -> Variable:
        return _binary(_MATMUL, other, self, other)

    def __pow__(self, other: Any) -> Variable:
        if isinstance(other, (int, float, np.floating, np.integer)):
            # A Python number: NumPy squares and takes roots without calling pow.
            exponent = other if isinstance(other, (int, float)) else other.item()
            return record(RULES["constant power"], self, exponent=exponent)
        return _binary(RULES["power"], self, other, other)

    def __rpow__(self, other: Any) -> Variable:
        return _binary(RULES["power"], other, self, other)

    def __floordiv__(self, other: Any) -> Variable:
        return _floor_divided(self, other, other)

    def __rfloordiv__(self, other: Any) -> Variable:
        return _floor_divided(other, self, other)

    def __pos__(self) -> Variable:
        return self

    def __neg__(self) -> Variable:
        return record(RULES["negative"], self)

    def __abs__(self) -> Variable:
        return record(RULES["absolute"], self)

    def __iter__(self) -> Iterator[Variable]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Variable:
        return record(RULES["indexing"], self, index=fixed(index))

    def scatter(self, shape: tuple[int, ...], index: Any) -> Variable:
        """Zeros of a shape to which the elements of this Variable are added at an index."""
        return record(RULES["scatter"], self, shape=tuple(shape), index=fixed(index))

    def __reduce__(self) -> Any:
        if self._rule:
            msg = (
                "a Variable with a graph cannot be copied or pickled; "
                "write Variable(y.array.copy()) for its numbers alone"
            )
            raise TypeError(msg)
        return _leaf, (self._data, self.name, self._grad, self.requires_grad)

    def __lt__(self, other: Any) -> bool:
        _no_comparison("<")

    def __le__(self, other: Any) -> bool:
        _no_comparison("<=")

    def __eq__(self, other: object) -> bool:
        _no_comparison("==")

    def __ne__(self, other: object) -> bool:
        _no_comparison("!=")

    def __gt__(self, other: Any) -> bool:
        _no_comparison(">")

    def __ge__(self, other: Any) -> bool:
        _no_comparison(">=")

    def __bool__(self) -> bool:
        msg = "Variables cannot be evaluated as a bool; use the `array` attribute instead, such as bool(y.array > 0)"
        raise TypeError(msg)

    def __float__(self) -> float:
        msg = (
            "Variables cannot be converted to a Python number, which has no gradient; write float(y.array) or y.item()"
        )
        raise TypeError(msg)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        msg = "Variables cannot be converted to an array, which has no gradient; use the `array` attribute instead"
        raise TypeError(msg)

    # --- shapes and reductions ---

    @property
    def T(self) -> Variable:
        """The transpose."""
        return self.transpose()

    def transpose(self, *axes: Any) -> Variable:
        """The array with its axes in another order, the reverse one if none is given."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return record(RULES["transpose"], self, axes=None if order is None else tuple(order))

    def reshape(self, *shape: Any) -> Variable:
        """The elements in another shape."""
        new = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return record(RULES["reshape"], self, shape=tuple(new))

    def copy(self) -> Variable:
        """The same array, of which this one is an operand: who changes the data of one of them leaves the other."""
        return self * 1.0

    def squeeze(self, axis: Axis = None) -> Variable:
        """The array without its axes of length 1."""
        return record(RULES["squeeze"], self, axis=axis)

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Variable:
        """The sum along an axis or several, or of everything."""
        return record(RULES["sum"], self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Variable:
        """The mean along an axis or several, or of everything."""
        return record(RULES["mean"], self, axis=axis, keepdims=keepdims)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Variable:
        """The largest element along an axis or several, or of all; those that are it share the gradient equally."""
        return record(RULES["max"], self, axis=axis, keepdims=keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Variable:
        """The smallest element along an axis or several, or of all; those that are it share the gradient equally."""
        return record(RULES["min"], self, axis=axis, keepdims=keepdims)

    # --- NumPy's functions ---

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if ufunc in _COMPARISONS:
            _no_comparison(_COMPARISONS[ufunc])
        if options.get("out"):
            msg = (
                f"np.{ufunc.__name__} cannot write a Variable into an array, which has no gradient; "
                "write y = x + v instead of x += v"
            )
            raise TypeError(msg)
        if ufunc is np.power and method == "__call__" and not options and isinstance(inputs[0], Variable):
            return inputs[0] ** inputs[1]
        rule = (UFUNCS.get(ufunc) or special_rule(ufunc)) if method == "__call__" else None
        if rule is None and ufunc in TRACED and (method != "__call__" or not options):
            return TRACED[ufunc](ufunc, method, inputs, options)
        if rule is None or options:
            refuse_name(f"{ufunc.__name__}{'' if method == '__call__' else '.' + method}", options)
        return record(rule, *inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        implementation = ARRAY_FUNCTIONS.get(function) or TRACED.get(function)
        return implementation(*args, **options) if implementation else refuse_name(function.__name__, {})


def implements(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: what these functions of NumPy do with a Variable."""

    def enter(implementation: Callable[..., Any]) -> Callable[..., Any]:
        ARRAY_FUNCTIONS.update(dict.fromkeys(functions, implementation))
        return implementation

    return enter


# --- operations ----------------------------------------------------------------------------------


_COMPARISONS = {
    np.less: "<", np.less_equal: "<=", np.equal: "==", np.not_equal: "!=", np.greater: ">", np.greater_equal: ">=",
}  # fmt: skip


def _leaf(data: Array, name: str | None, grad: Array | None, requires_grad: bool) -> Variable:
    return Variable(data, name=name, grad=grad, requires_grad=requires_grad)


def _no_comparison(operator: str) -> NoReturn:
    msg = f"Variables do not support {operator} operator. You could use `array` attribute instead."
    raise TypeError(msg)


def refuse_name(name: str, options: Any) -> NoReturn:
    """Raise TypeError for a function of NumPy's, or for options of one that works without them."""
    known = sorted({f.__name__ for f in (*UFUNCS, *ARRAY_FUNCTIONS)})
    extra = f" with {', '.join(options)}" if options else ""
    msg = (
        f"np.{name}{extra} does not work on Variables, which know NumPy's {', '.join(known)} and what traces; "
        f"for numbers without a gradient give it the `array` attribute"
    )
    raise TypeError(msg)


def record(rule: Rule, *inputs: Any, **options: Any) -> Variable:
    """The result of an operation on Variables and constants; it remembers both."""
    dtype = common_dtype(rule, inputs)
    values = [u._data if isinstance(u, Variable) else constant(u, dtype) for u in inputs]
    data = np.asarray(rule.forward(*values, **options))
    if data.dtype != dtype and dtype.kind == "f":
        data = data.astype(dtype)
    out = Variable.__new__(Variable)
    out._start(data, True)
    out.name = None
    if MODE.remembers:
        out._remember(rule, inputs, values, options)
    return out


_ADD, _SUBTRACT, _MULTIPLY = RULES["add"], RULES["subtract"], RULES["multiply"]
_DIVIDE, _MATMUL = RULES["divide"], RULES["matmul"]
_OPERANDS = (Variable, np.ndarray, np.generic, int, float, complex)


def _binary(rule: Rule, a: Any, b: Any, other: Any) -> Variable:
    if not isinstance(other, _OPERANDS):
        return NotImplemented  # type: ignore[no-any-return]
    return record(rule, a, b)


def _floor_divided(a: Any, b: Any, other: Any) -> Variable:
    """A step function: its derivative is 0 wherever it has one."""
    if not isinstance(other, _OPERANDS):
        return NotImplemented  # type: ignore[no-any-return]
    dtype = common_dtype(_SUBTRACT, (a, b))
    left, right = (u._data if isinstance(u, Variable) else constant(u, dtype) for u in (a, b))
    return Variable(np.asarray(left // right), requires_grad=False)
