"""Variable: an array that remembers how it was computed, and the walk back through what it remembers.

A result holds its inputs, never the other way round: there are no cycles, and a graph is freed with its last Variable.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rules import RULES, UFUNCS, Axis, Rule, unbroadcast

Array = NDArray[Any]

ARRAY_FUNCTIONS: dict[Any, Callable[..., Any]] = {}
"""What NumPy's functions that are no ufuncs do with a Variable; see `implements`."""


class InvalidType(TypeError):
    """The data types of an operation's inputs do not fit."""


class _Mode(threading.local):
    """Whether operations are remembered, in each thread."""

    remembers = True


_MODE = _Mode()


@contextmanager
def _remembering(remembers: bool) -> Iterator[None]:
    before, _MODE.remembers = _MODE.remembers, remembers
    try:
        yield
    finally:
        _MODE.remembers = before


def no_backprop_mode() -> Any:
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
    return _remembering(False)


class Variable:
    """An array with a gradient: `backward` of a result writes the `grad` of all that it was computed from.

    Operators, indexing and NumPy's functions work as on arrays and return Variables. Numbers and arrays beside a Variable
    are constants, cast to its data type; two Variables must have the same.

    Parameters
    ----------
    data : ndarray
        The numbers; used without a copy.
    name : str, optional
        For the reader only.
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

    __slots__ = (
        "__weakref__", "_data", "_grad", "_inputs", "_options", "_rank", "_rule", "_values", "name", "requires_grad",
    )  # fmt: skip
    __array_priority__ = 200.0

    _data: Array
    _grad: Array | None
    _rule: Rule | None
    _inputs: tuple[Any, ...]
    _values: tuple[Any, ...]
    _options: dict[str, Any]
    _rank: int

    def __init__(
        self, data: Array, *, name: str | None = None, grad: Array | None = None, requires_grad: bool = True
    ) -> None:
        self._start(_checked(data), requires_grad)
        self.name, self.grad = name, grad

    def _start(self, data: Array, requires_grad: bool) -> None:
        self._data = data
        self._grad = self._rule = self.name = None
        self._inputs = self._values = ()
        self._rank = 0
        self.requires_grad = requires_grad

    # --- the numbers ---

    @property
    def data(self) -> Array:
        return self._data

    @data.setter
    def data(self, data: Array) -> None:
        new = _checked(data)
        if (new.shape, new.dtype) != (self._data.shape, self._data.dtype):
            self._grad = None
        self._data = new

    array = data

    @property
    def grad(self) -> Array | None:
        return self._grad

    @grad.setter
    def grad(self, g: Array | None) -> None:
        if g is not None:
            self._check_grad(g)
        self._grad = g

    def _check_grad(self, g: Any) -> None:
        if not isinstance(g, np.ndarray):
            msg = f"grad must be {np.ndarray} or None. Actual: {type(g)}; write y.grad = np.ones_like(y.data)"
            raise TypeError(msg)
        if g.dtype != self.dtype:
            msg = f"Dtype of data and grad mismatch\ngrad: {g.dtype} != data: {self.dtype}\nwrite grad.astype({str(self.dtype)!r})"
            raise TypeError(msg)
        if g.shape != self.shape:
            msg = f"Shape of data and grad mismatch\ngrad: {g.shape} != data: {self.shape}\nthe gradient has one number for each of data"
            raise ValueError(msg)

    def cleargrad(self) -> None:
        """Forget the gradient, to which the next `backward` would add."""
        self._grad = None

    def item(self) -> Any:
        """The only element, as a Python number."""
        return self._data.item()

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def size(self) -> int:
        return self._data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._data.dtype

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Variable]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"variable({np.array2string(self._data, separator=', ', prefix='variable(', suffix=')')})"

    # --- the walk back ---

    def backward(self, retain_grad: bool = False) -> None:
        """Write the gradient of this Variable into the `grad` of all that it was computed from.

        It begins with this Variable's `grad`, or with 1 where it has one element and no `grad`. What was not computed
        from anything, the leaves, *adds* to its `grad`; call `cleargrad` in between. Results on the way end without one.

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
        order = _ancestors([self])
        keep = {id(v) for v in order if v._rule is None or retain_grad}
        with np.errstate(all="ignore"):
            found = _gradients([self], [seed], order, {id(v) for v in order}, keep, graph=False)
            _write([v for v in order if v is not self], found, [seed])

    def _first_gradient(self) -> Array:
        if self.dtype.kind != "f":
            msg = f"backward() needs floats. Actual: {self.dtype}, which has no gradient; begin with Variable(x.astype(float))"
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

    def __neg__(self) -> Variable:
        return record(RULES["negative"], self)

    def __abs__(self) -> Variable:
        return record(RULES["absolute"], self)

    def __getitem__(self, index: Any) -> Variable:
        return record(RULES["indexing"], self, index=_fixed(index))

    def scatter(self, shape: tuple[int, ...], index: Any) -> Variable:
        """Zeros of a shape to which the elements of this Variable are added at an index."""
        return record(RULES["scatter"], self, shape=tuple(shape), index=_fixed(index))

    def __lt__(self, other: Any) -> bool:
        raise _no_comparison("<")

    def __le__(self, other: Any) -> bool:
        raise _no_comparison("<=")

    def __eq__(self, other: object) -> bool:
        raise _no_comparison("==")

    def __ne__(self, other: object) -> bool:
        raise _no_comparison("!=")

    def __gt__(self, other: Any) -> bool:
        raise _no_comparison(">")

    def __ge__(self, other: Any) -> bool:
        raise _no_comparison(">=")

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
        """The largest element along an axis or several, or of all; each one that equals it gets the whole gradient."""
        return record(RULES["max"], self, axis=axis, keepdims=keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Variable:
        """The smallest element along an axis or several, or of all; each one that equals it gets the whole gradient."""
        return record(RULES["min"], self, axis=axis, keepdims=keepdims)

    # --- NumPy's functions ---

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if options.get("out"):
            msg = f"np.{ufunc.__name__} cannot write a Variable into an array, which has no gradient; write y = x + v instead of x += v"
            raise TypeError(msg)
        if ufunc is np.power and method == "__call__" and not options and isinstance(inputs[0], Variable):
            return inputs[0] ** inputs[1]
        if ufunc not in UFUNCS or method != "__call__" or options:
            raise _unknown(f"{ufunc.__name__}{'' if method == '__call__' else '.' + method}", options)
        return record(UFUNCS[ufunc], *inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if function not in ARRAY_FUNCTIONS:
            raise _unknown(function.__name__, {})
        return ARRAY_FUNCTIONS[function](*args, **options)


def implements(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: what these functions of NumPy do with a Variable."""

    def enter(implementation: Callable[..., Any]) -> Callable[..., Any]:
        ARRAY_FUNCTIONS.update(dict.fromkeys(functions, implementation))
        return implementation

    return enter


# --- what may come in ----------------------------------------------------------------------------


def _checked(data: Any) -> Array:
    """data, if it is an array of numbers."""
    if type(data) is np.ndarray or isinstance(data, np.memmap):
        if data.dtype.kind in "fiubc":
            return data
        msg = f"a Variable holds numbers. Actual: an array of {data.dtype}; write data.astype(float)"
        raise TypeError(msg)
    advice = "data.array" if isinstance(data, Variable) else "np.array(5.0)"
    msg = f"{np.ndarray} are expected. Actual: {type(data)}; write Variable({advice})"
    raise TypeError(msg)


def _constant(x: Any, dtype: np.dtype[Any]) -> Any:
    """A number or array beside a Variable, in the Variable's type."""
    if type(x) in (int, float) and dtype.kind == "f":
        return dtype.type(x)
    array = np.asarray(x)
    if array.dtype == dtype:
        return array
    if array.dtype.kind not in "fiubc":
        msg = f"a constant beside a Variable must be a number or an array of numbers, got {type(x).__name__}"
        raise TypeError(msg)
    if dtype.kind == "f" and array.dtype.kind != "c":
        return array.astype(dtype)
    if dtype.kind == "c" or (array.dtype.kind in "fiub" and np.all(array == np.trunc(array))):
        return array.astype(dtype)
    raise _invalid("constant.dtype == variable.dtype", f"{array.dtype} != {dtype}", "write x.astype(...) beforehand")


def _invalid(expected: str, actual: str, advice: str) -> InvalidType:
    return InvalidType(f"Expect: {expected}\nActual: {actual}\n{advice}")


def _fixed(index: Any) -> Any:
    """An index that nobody can change any more; a Variable has no place in it."""
    if isinstance(index, tuple):
        return tuple(_fixed(part) for part in index)
    if isinstance(index, (list, np.ndarray)):
        array = np.array(index)
        return array if array.size else array.astype(int)
    return index


def _no_comparison(operator: str) -> TypeError:
    return TypeError(f"Variables do not support {operator} operator. You could use `array` attribute instead.")


def _unknown(name: str, options: Any) -> TypeError:
    known = sorted({f.__name__ for f in (*UFUNCS, *ARRAY_FUNCTIONS)})
    extra = f" with {', '.join(options)}" if options else ""
    return TypeError(
        f"np.{name}{extra} does not work on Variables, which know NumPy's {', '.join(known)}; "
        f"for numbers without a gradient give it the `array` attribute"
    )


# --- the graph -----------------------------------------------------------------------------------


def record(rule: Rule, *inputs: Any, **options: Any) -> Variable:
    """The result of an operation on Variables and constants; it remembers both."""
    dtype = _common_dtype(rule, inputs)
    values = [u._data if isinstance(u, Variable) else _constant(u, dtype) for u in inputs]
    data = np.asarray(rule.forward(*values, **options))
    if data.dtype != dtype and dtype.kind == "f":
        data = data.astype(dtype)
    out = Variable.__new__(Variable)
    out._start(data, True)
    if _MODE.remembers:
        _remember(out, rule, inputs, values, options)
    return out


def _remember(out: Variable, rule: Rule, inputs: Sequence[Any], values: list[Any], options: dict[str, Any]) -> None:
    ranks = [u._rank for u in inputs if isinstance(u, Variable) and u.requires_grad]
    out.requires_grad = bool(ranks)
    if ranks:
        out._rank = max(ranks) + 1
        out._rule, out._options, out._values = rule, options, (out._data, *values)
        out._inputs = tuple([u if isinstance(u, Variable) else v for u, v in zip(inputs, values, strict=True)])


def _common_dtype(rule: Rule, inputs: Sequence[Any]) -> np.dtype[Any]:
    dtype: np.dtype[Any] | None = None
    for u in inputs:
        if isinstance(u, Variable):
            if dtype is not None and u._data.dtype != dtype:
                advice = "two Variables need one type: begin with Variable(x.astype(...))"
                raise _invalid(f"{rule.name} of equal types, lhs.dtype == rhs.dtype", f"{dtype} != {u.dtype}", advice)
            dtype = u._data.dtype
    assert dtype is not None
    if dtype.kind != "f" and not rule.exact:
        raise _invalid(f"{rule.name} of floats, x.dtype.kind == 'f'", str(dtype), "write Variable(x.astype(float))")
    return dtype


_ADD, _SUBTRACT, _MULTIPLY = RULES["add"], RULES["subtract"], RULES["multiply"]
_DIVIDE, _MATMUL = RULES["divide"], RULES["matmul"]
_OPERANDS = (Variable, np.ndarray, np.generic, int, float, complex)


def _binary(rule: Rule, a: Any, b: Any, other: Any) -> Variable:
    return record(rule, a, b) if isinstance(other, _OPERANDS) else NotImplemented


def _floor_divided(a: Any, b: Any, other: Any) -> Variable:
    """A step function: its derivative is 0 wherever it has one."""
    if not isinstance(other, _OPERANDS):
        return NotImplemented
    dtype = _common_dtype(_SUBTRACT, (a, b))
    left, right = (u._data if isinstance(u, Variable) else _constant(u, dtype) for u in (a, b))
    return Variable(np.asarray(left // right), requires_grad=False)


def _ancestors(outputs: Sequence[Variable]) -> list[Variable]:
    """All that these were computed from, themselves included, each before its inputs."""
    found = {id(v): v for v in outputs}
    stack = list(found.values())
    while stack:
        for u in stack.pop()._inputs:
            if isinstance(u, Variable) and u.requires_grad and id(u) not in found:
                found[id(u)] = u
                stack.append(u)
    return sorted(found.values(), key=attrgetter("_rank"), reverse=True)


def _gradients(
    outputs: Sequence[Variable], seeds: Sequence[Any], order: list[Variable], needed: set[int], keep: set[int],
    graph: bool,
) -> dict[int, Any]:  # fmt: skip
    """The gradients of the kept Variables by id: arrays, or with `graph` Variables."""
    found: dict[int, Any] = {}
    for y, g in zip(outputs, seeds, strict=True):
        found[id(y)] = found[id(y)] + g if id(y) in found else g
    for y in order:
        if y._rule is None or id(y) not in found:
            continue
        g = found[id(y)] if id(y) in keep else found.pop(id(y))
        arguments = _live(y) if graph else y._values
        for i, u in enumerate(y._inputs):
            if id(u) in needed:
                part = y._rule.products[i](g, *arguments, **y._options)
                if part.shape != y._values[i + 1].shape:
                    part = unbroadcast(part, y._values[i + 1].shape)
                found[id(u)] = found[id(u)] + part if id(u) in found else part
    return found


def _live(y: Variable) -> tuple[Any, ...]:
    """y and its inputs as Variables, if they still hold what y was computed from."""
    live = (y, *y._inputs)
    for u, v in zip(live, y._values, strict=True):
        if isinstance(u, Variable) and u._data is not v:
            msg = (
                "x.data was replaced after y was computed from x, so y cannot be differentiated twice; compute y again"
            )
            raise RuntimeError(msg)
    return live


def _write(order: list[Variable], found: dict[int, Any], taken: list[Array]) -> None:
    """Gradients into their Variables: leaves add them. No two share an array, as they may be changed in place."""
    used = {id(array) for array in taken}
    new = []
    for v in order:
        g = None if id(v) not in found else np.asarray(found[id(v)], v.dtype)
        if g is not None and g.shape != v.shape:
            msg = f"x.data got another shape, {v.shape}, after y was computed from {g.shape}; compute y again"
            raise ValueError(msg)
        if g is not None and (g.base is not None or id(g) in used):
            g = g.copy()
        used.add(id(g))
        new.append(g if v._rule or v._grad is None or g is None else np.asarray(v._grad + g))
    for v, g in zip(order, new, strict=True):
        v._grad = g


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
    order = _ancestors(outputs)
    needed, wanted = set(), {id(x) for x in inputs}
    for v in reversed(order):
        if id(v) in wanted or any(id(u) in needed for u in v._inputs):
            needed.add(id(v))
    with np.errstate(all="ignore"), _remembering(enable_double_backprop):
        first = seeds if enable_double_backprop else [g._data for g in seeds]
        found = _gradients(outputs, first, order, needed, wanted, enable_double_backprop)
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
            raise _invalid("outputs of floats", str(y.dtype), "begin with Variable(x.astype(float))")
        if g is not None and not isinstance(g, Variable):
            msg = f"grad_outputs must hold Variables or None, got {type(g).__name__}; write Variable(g)"
            raise TypeError(msg)
        if g is not None:
            y._check_grad(g.array)
        seeds.append(Variable(np.ones_like(y._data), requires_grad=False) if g is None else g)
    return seeds
