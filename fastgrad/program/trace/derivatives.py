"""What f gets for functions of fastgrad: derivatives by method="exact" of what depends on its argument are traced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from ...formulas import stencils
from ...formulas.stencils import EXACT, Table
from ..nested import GIVING, gives_derivatives, name_of_derivative
from ..program import ONE, Operand
from .arrays import holds_symbols, wrap
from .inside import Inside, operands_of, recorded, shaped
from .reductions import objects
from .refusals import refuse

_PASSED = {"method", "engine", "workers", "bounds", "progress"}  # they change no number of an exact derivative
_NUMBERS = {int, float, bool, str, type(None), np.ndarray, np.float64, tuple, list}
_DIFFERENCES = (
    "f takes a derivative by method={!r} of what depends on its argument: differences of differences lose most digits; "
    "write method='exact' inside of f"
)

Function = Callable[..., Any]


def _value_and_gradient(f: Function, x: Any, args: tuple[Any, ...]) -> tuple[Any, Any]:
    inside = recorded(f, x, args)
    if len(inside.outputs) != 1:
        refuse(f"a function that f differentiates returned shape {inside.shape}, not one number; write jacobian")
    slopes, value = inside.derivatives(stencils.gradient(len(inside.given), 2, EXACT))
    return shaped(inside.trace, value, ()), shaped(inside.trace, slopes, np.shape(x))


def _gradient(f: Function, x: Any, args: tuple[Any, ...]) -> Any:
    return _value_and_gradient(f, x, args)[1]


def _jacobian(f: Function, x: Any, args: tuple[Any, ...]) -> Any:
    inside = recorded(f, x, args)
    slopes, _ = inside.derivatives(stencils.jacobian(len(inside.given), 2, EXACT))
    return shaped(inside.trace, slopes, (*inside.shape, *np.shape(x)))


def _hessian(f: Function, x: Any, args: tuple[Any, ...]) -> Any:
    inside = recorded(f, x, args)
    return shaped(inside.trace, _second(inside, stencils.hessian), np.shape(x) * 2)


def _hessian_diagonal(f: Function, x: Any, args: tuple[Any, ...]) -> Any:
    inside = recorded(f, x, args)
    return shaped(inside.trace, _second(inside, stencils.hessian_diagonal), np.shape(x))


def _second(inside: Inside, table: Callable[..., Table]) -> list[Operand]:
    if len(inside.outputs) != 1:
        refuse(f"a function whose Hessian f takes returned shape {inside.shape}, not one number")
    return inside.derivatives(table(len(inside.given), 2, EXACT))[0]


def _along(
    table: Callable[..., Table], f: Function, x: Any, v: Any, args: tuple[Any, ...]
) -> tuple[Inside, list[Operand]]:  # fmt: skip
    inside = recorded(f, x, args)
    direction = operands_of(inside.trace, np.broadcast_to(objects(v), np.shape(x)))
    return inside, inside.derivatives(table(len(inside.given), 2, EXACT), (*direction, ONE))[0]


def _jvp(f: Function, x: Any, v: Any, args: tuple[Any, ...]) -> Any:
    inside, found = _along(stencils.jvp, f, x, v, args)
    return shaped(inside.trace, found, inside.shape)


def _hvp(f: Function, x: Any, v: Any, args: tuple[Any, ...]) -> Any:
    inside, found = _along(stencils.hvp, f, x, v, args)
    return shaped(inside.trace, found, np.shape(x))


def _vjp(f: Function, x: Any, u: Any, args: tuple[Any, ...]) -> Any:
    return _gradient(lambda y: np.sum(wrap(objects(u)) * f(y, *args)), x, ())


def _derivative(f: Function, x: Any, args: tuple[Any, ...], n: int = 1) -> Any:
    """Element by element, each of which depends on itself alone."""
    inside, found = recorded(f, x, args), list[Operand]()
    if len(inside.outputs) != len(inside.given):
        refuse(f"a function of one variable that f differentiates returned shape {inside.shape} for {np.shape(x)}")
    for given, fresh, output in zip(inside.given, inside.fresh, inside.outputs, strict=True):
        one = replace(inside, given=[given], fresh=[fresh], outputs=(output,), shape=())
        if one.reads({*inside.fresh} - {fresh}):
            refuse("a function of one variable that f differentiates mixes the elements of its argument")
        found += one.derivatives(stencils.derivative(n, 2, EXACT))[0]
    return shaped(inside.trace, found, np.shape(x))


_RULES: dict[str, Function] = {
    "derivative": _derivative, "gradient": _gradient, "value_and_gradient": _value_and_gradient, "jacobian": _jacobian,
    "hessian": _hessian, "hessian_diagonal": _hessian_diagonal, "jvp": _jvp, "hvp": _hvp, "vjp": _vjp,
}  # fmt: skip


def derivative_inside(value: Any) -> Any:
    """What stands for a function of fastgrad that takes derivatives; None of anything else."""
    name = name_of_derivative(value)
    if name in GIVING:
        operation, vectors = GIVING[name]
        return lambda f, **options: _giving(value(f, **options), operation, f, options, vectors)
    return partial(_taken, value, name) if name else None


def given_inside(value: Any, swap: Callable[[Any], Any]) -> Any:
    """What stands for a function that gives derivatives; None of anything else."""
    if not gives_derivatives(value):
        return None
    return _giving(value, value.operation.__name__, swap(value.f), value.options, value.vectors)


def _giving(own: Function, operation: str, f: Function, options: dict[str, Any], vectors: int) -> Function:
    def call(x: Any, *given: Any, **named: Any) -> Any:
        if named:
            return _giving(partial(own, **named), operation, partial(f, **named), options, vectors)(x, *given)
        how = {**options, "args": given[vectors:] or options.get("args", ())}
        return _taken(lambda *_, **__: own(x, *given), operation, f, x, *given[:vectors], **how)

    return call


def _taken(function: Function, operation: str, f: Function, x: Any, *along: Any, **options: Any) -> Any:
    """A derivative; where nothing is traced it is the function's own to take."""
    method = options.get("method", "central")
    beside = (*along, *options.get("args", ()), *options.get("batch_args", ()))
    traced = _is_traced(x) or holds_symbols(beside) or _reads_symbols(f)
    if not traced and (method != EXACT or _reads_numbers(f)):
        return function(f, x, *along, **options)
    if method != EXACT:
        refuse(_DIFFERENCES.format(method))
    how = {name: value for name, value in options.items() if name not in _PASSED}
    return _of_dict(operation, f, x, how) if type(x) is dict else _by_rule(_RULES[operation], f, x, along, **how)


def _by_rule(
    rule: Function, f: Function, x: Any, along: tuple[Any, ...], *, args: tuple[Any, ...] = (),
    batch: bool = False, batch_args: tuple[Any, ...] = (), **other: Any,
) -> Any:  # fmt: skip
    if unknown := set(other) - ({"n"} if rule is _derivative else set()):
        refuse(f"f takes a derivative with {', '.join(sorted(unknown))}, which is not traced")
    if not batch:
        return rule(f, x, *along, args=args, **other)
    points = objects(x)
    vectors = [objects(v) if np.ndim(v) == points.ndim else [v] * len(points) for v in along]
    rows = zip(points, *vectors, *map(objects, batch_args), strict=True)
    found = [rule(f, wrap(p), *row[: len(along)], args=(*args, *row[len(along) :])) for p, *row in rows]
    if rule is _value_and_gradient:
        return tuple(map(_stacked, zip(*found, strict=True)))
    return _stacked(found)


def _stacked(parts: Sequence[Any]) -> Any:
    return wrap(np.array([*map(objects, parts)], dtype=object))


def _of_dict(operation: str, f: Function, x: dict[str, Any], how: dict[str, Any]) -> Any:
    """The gradient by a dict of arrays, or of such dicts, as one."""
    if operation not in {"gradient", "value_and_gradient"}:
        refuse(f"f takes the {operation} of a function of a dict, which is not traced; write it of arrays")
    leaves = _leaves(x)
    places = np.cumsum([np.size(part) for part in leaves])[:-1]

    def like_x(vector: Any) -> dict[str, Any]:
        parts = zip(np.split(objects(vector), places), leaves, strict=True)
        return _filled(x, (wrap(p.reshape(np.shape(own))) if np.shape(own) else p[0] for p, own in parts))

    whole = wrap(np.concatenate([objects(part).ravel() for part in leaves]))
    value, slopes = _by_rule(_value_and_gradient, lambda vector, *args: f(like_x(vector), *args), whole, (), **how)
    return like_x(slopes) if operation == "gradient" else (value, like_x(slopes))


def _leaves(tree: dict[str, Any]) -> list[Any]:
    return [leaf for part in tree.values() for leaf in (_leaves(part) if type(part) is dict else [part])]


def _filled(tree: dict[str, Any], leaves: Iterator[Any]) -> dict[str, Any]:
    return {name: _filled(part, leaves) if type(part) is dict else next(leaves) for name, part in tree.items()}


def _is_traced(x: Any) -> bool:
    return holds_symbols(_leaves(x) if type(x) is dict else x)


def _held(f: FunctionType) -> list[Any]:
    """What a function has captured, as far as one sees."""
    held = [cell.cell_contents for cell in f.__closure__ or ()]
    return [*held, *(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()]


def _reads_symbols(f: Any) -> bool:
    """Whether a function is seen to have captured something traced."""
    if type(f) is partial:
        return any(map(_is_traced, (*f.args, *f.keywords.values()))) or _reads_symbols(f.func)
    return type(f) is FunctionType and any(_is_traced(value) or _reads_symbols(value) for value in _held(f))


def _reads_numbers(f: Any) -> bool:
    """Whether all that a function has captured is seen to be numbers."""
    if type(f) is not FunctionType:
        return False
    return all(type(value) in _NUMBERS or _reads_numbers(value) for value in _held(f))
