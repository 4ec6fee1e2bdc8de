"""A function that gives a derivative of f, made to be called often: after its first call the kernel is all that runs.

At the first call for a shape f is traced and compiled where it traces and all that it reads can be proved unchanged at
each call. Everything else goes the way of the operation itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from ..arrays.points import is_of_data, over_rows
from ..engine.arguments import Array, Function, check_scheme, read_call
from ..engine.call import Call
from ..formulas import stencils
from ..formulas.stencils import EXACT
from ..formulas.values import ComplexError
from ..llvm.interrupts import imported
from ..operations.calls import GIVING
from ..operations.gradients import gradient, value_and_gradient
from ..operations.hessians import hessian
from ..operations.jacobians import jacobian
from ..program.freshness import Watch, shares
from ..program.keys import unchanging
from ..program.trace.retargeted import catches_errors
from ..results import EngineError
from .edges import warn_at_edge
from .limits import Limits
from .trees import derivative_of_tree, is_tree

_REPEATED = f"{__package__.rpartition('.')[0]}.engine.simd.repeated"
_FLOAT = np.dtype(np.float64)

LARGEST = 8_192  # coordinates; of more points threads take a share
ATTEMPTS = 3  # to find out which constants of f are floats that it captures: two that are equal seem to be one
SHAPES = 16  # of x, for each of which a kernel with its arrays is kept

_TABLES: dict[Any, tuple[Callable[[int, int, str], stencils.Table], dict[str, Any]]] = {
    gradient: (stencils.gradient, {}),
    value_and_gradient: (stencils.gradient, {"value": True}),
    jacobian: (stencils.jacobian, {"vector": True}),
    hessian: (stencils.hessian, {}),
}
_OPTIONS = {
    "args",
    "batch",
    "method",
    "order",
    "h",
    "rel_step",
    "bounds",
    "engine",
}  # with others the operation is called
_OF_NUMBERS = {gradient, value_and_gradient, hessian}
# How often an f over rows of data is bound anew because its data have changed, and once more for so many uses: that
# takes 10 ms where a call of the operation takes 0.3, as of data that change at each call.
FREE, USES = 3, 50
_METHODS, _ENGINES = ["central", "forward", "backward", EXACT], ["auto", "simd"]

Bound = Callable[[Array, tuple[Any, ...]], Any]


class Derivative:
    """A function that returns a derivative, an object and no closure: it pickles where f does."""

    def __init__(self, operation: Function, f: Function, options: dict[str, Any], vectors: int) -> None:
        self.operation, self.f, self.options, self.vectors = operation, f, options, vectors
        name = getattr(f, "__name__", "f")
        self.__name__ = f"{operation.__name__}_of_{name}"
        self.__doc__ = f"{operation.__name__}({name}, x, args=args)"
        self._bound: dict[tuple[int, ...], Bound] = {}
        self._refused: dict[tuple[int, ...], Bound] = {}
        self._limits: dict[tuple[int, ...], Limits] = {}
        self._tunable: dict[tuple[int, ...], tuple[Watch, Any, tuple[Any, ...]]] = {}
        self._attempts = ATTEMPTS
        self._looked: set[tuple[int, ...]] = set()
        self._over_rows: set[tuple[int, ...]] = set()
        self._bindings, self._uses = 0, 0  # over rows of data
        self._writes = False  # f into what it reads: it counts its calls, for one

    def __repr__(self) -> str:
        options = [f"{name}={value!r}" for name, value in self.options.items() if name != "args" or value]
        return f"<{self.__doc__}{'; ' * bool(options)}{', '.join(options)}>"

    def __getstate__(self) -> dict[str, Any]:
        sets: dict[str, Any] = {"_looked": set(), "_over_rows": set()}
        return self.__dict__ | {"_bound": {}, "_refused": {}, "_limits": {}, "_tunable": {}} | sets

    def __call__(self, x: Any, *given: Any, **named: Any) -> Any:
        if named:  # of f, as SciPy's least_squares passes them
            return Derivative(self.operation, partial(self.f, **named), self.options, self.vectors)(x, *given)
        if type(x) is np.ndarray and x.dtype is _FLOAT:
            bound = self._bound.get(x.shape)
            if bound is not None:
                found = bound(x, given)
                if found is not None:
                    return found
        return self._anew(x, given)

    def _anew(self, x: Any, given: tuple[Any, ...]) -> Any:
        """By a kernel that is bound now, or else by the operation."""
        along, args = given[: self.vectors], given[self.vectors :]
        how = {**self.options, "args": args or self.options["args"]}
        if type(x) is not np.ndarray and is_tree(x) and self._takes_trees(x):
            return derivative_of_tree(self.operation, self.f, x, how)
        if not self._may_be_bound(x, how) or (run := self._bind(x, given, how)) is None:
            return self._told(x, how, self.operation(self.f, x, *along, **how))
        exact, found = how.get("method") == EXACT, run(x)
        usual = found is not None and bool(np.any(found[1] if type(found) is tuple else found))
        if not usual:
            # Whether f reads its argument at all, and what it does where it is not finite, the operation says.
            self._bound.pop(x.shape, None)
        seen = x.shape in self._looked and self.operation is not hessian
        if usual and (exact or seen):
            return found
        if len(self._looked) >= SHAPES:
            self._looked.clear()
        self._looked.add(x.shape)
        # The same bits, with the warnings that a first call is worth; a second one, of other numbers, is bound anew.
        # Not of single numbers what has been bound as a loop over data: that may take a thousand times as long.
        engine = "auto" if exact or x.shape in self._over_rows else "simd"
        return self._told(x, how, self.operation(self.f, x, *along, **{**how, "engine": engine}))

    def _told(self, x: Any, how: dict[str, Any], found: Any) -> Any:
        """The same, with a warning where an optimizer would take it for an end."""
        if type(x) is np.ndarray and self.operation in _OF_NUMBERS:
            warn_at_edge(GIVING[self.operation.__name__], self.f, x, how["args"], how, found)
        return found

    def _takes_trees(self, x: Any) -> bool:
        """Whether x is for f to get in its form; lists of arrays may be points."""
        return self.operation in _TABLES and (isinstance(x, Mapping) or not self.options.get("batch"))

    def _may_be_bound(self, x: Any, how: dict[str, Any]) -> bool:
        """Whether a kernel for float64 numbers can do what is asked for, if f can be compiled."""
        return (
            type(x) is np.ndarray
            and x.dtype is _FLOAT
            and not self._writes
            and x.ndim > (how.get("batch", False) is True)
            and 0 < x.size <= LARGEST
            and self.operation in _TABLES
            and (_OPTIONS.issuperset(how) or _takes_one_thread(how))
            and how.get("method", "central") in _METHODS
            and how.get("engine", "auto") in _ENGINES
            and type(how["args"]) is tuple  # a list, or an array of steps, might be another one at the next call
            and all(how.get(name) is None or isinstance(how[name], (int, float)) for name in ("h", "rel_step"))
            and (how.get("bounds") is None or self._fits(x, how))
        )

    def _fits(self, x: Array, how: dict[str, Any]) -> bool:
        """Whether the formula fits between the bounds, so that they make no difference; errors are the operation's."""
        limits = self._limits.get(x.shape)
        if limits is None or not limits.are_same():
            try:
                limits = Limits(how["bounds"], x, self._call(x, how))
            except (TypeError, ValueError):
                return False
            if len(self._limits) >= SHAPES:
                self._limits.clear()
            self._limits[x.shape] = limits
        return limits.fit(x)

    def _bind(self, x: Array, given: tuple[Any, ...], how: dict[str, Any]) -> Callable[[Array], Any] | None:
        """A kernel at arrays in x's shape, kept for the next call; None where it cannot be had."""
        refused, watch = self._refused.get(x.shape), Watch()
        if refused is not None and refused(x, given):
            return None
        tuned = self._tuned(x, given)
        if tuned is not None:
            return tuned
        if unchanging(self.f, how["args"], watch) is None or shares(x, watch.arrays) or catches_errors(self.f):
            return None  # what NumPy raises, and f catches, is a matter of each call
        made = self._compiled(x, how)
        run, kept = (_refusal, self._refused) if made is None else (made.run, self._bound)
        if not watch.is_fresh()():
            self._writes = True
            return None
        for memory in (kept, self._tunable):
            if len(memory) >= SHAPES:
                memory.clear()
        kept[x.shape] = _while_fresh(run, given, watch, self._limits.get(x.shape))
        if made is None:
            return None
        if self._attempts and type(self.f) is FunctionType:
            self._tunable[x.shape] = watch, made, given
        return made.run  # type: ignore[no-any-return]

    def _tuned(self, x: Array, given: tuple[Any, ...]) -> Callable[[Array], Any] | None:
        """The kernel that is bound already, where nothing but floats has changed that f captures."""
        known = self._tunable.pop(x.shape, None)
        if known is None:
            return None
        watch, made, before = known
        held = watch.take_floats(self.f) if _are_same(given, before) and not shares(x, watch.arrays) else None
        if held is None:
            return None
        tuned = made.tune(held)
        if not tuned:
            self._attempts -= tuned is None
            return None
        self._tunable[x.shape] = watch, made, given
        self._bound[x.shape] = _while_fresh(made.run, given, watch, self._limits.get(x.shape))
        run: Callable[[Array], Any] = made.run
        return run

    def _call(self, x: Array, how: dict[str, Any]) -> Call:
        """The call without its bounds."""
        batch, (table_of, what) = how.get("batch", False), _TABLES[self.operation]
        scheme: dict[str, Any] = {"method": how.get("method", "central"), "order": how.get("order", 2)}
        check_scheme(**scheme)
        what = {**what, **scheme, "h": how.get("h"), "rel_step": how.get("rel_step")}
        return read_call(self.f, x, table_of, args=how["args"], batch_args=(), batch=batch, **what)[1]

    def _compiled(self, x: Array, how: dict[str, Any]) -> Any:
        batch, call = how.get("batch", False), self._call(x, how)
        of_data = how.get("engine", "auto") == "auto" and is_of_data(call)
        program = over_rows(call) if of_data and self._bindings < FREE + self._uses // USES else None
        if of_data and program is None and call.points.count == 1:
            return None
        if len(self._over_rows) >= SHAPES:
            self._over_rows.clear()
        (self._over_rows.add if program else self._over_rows.discard)(x.shape)
        tail = call.points.shape * (2 if self.operation is hessian else 1)
        try:
            made = imported(_REPEATED).repeat(call, x.shape[:1] if batch else (), tail, program)
            return self._counted(made) if program else made
        except (EngineError, ComplexError):  # which the operation tells, or knows what to do with
            return None

    def _counted(self, made: Any) -> Any:
        """As what is bound over rows, with its uses counted."""
        self._bindings += 1
        run = made.run

        def counted(x: Array) -> Any:
            self._uses += 1
            return run(x)

        return made._replace(run=counted)


def _refusal(x: Array) -> bool:
    """What stands for a kernel where there can be none."""
    return True


def _takes_one_thread(how: dict[str, Any]) -> bool:
    """Whether `workers` is the only further option, which at one point changes nothing."""
    workers = how.get("workers")
    return how.keys() - _OPTIONS == {"workers"} and type(workers) is int and workers > 0 and not how.get("batch", False)


def _while_fresh(
    run: Callable[[Array], Any], given: tuple[Any, ...], watch: Watch, limits: Limits | None = None
) -> Bound:
    """As `run` as long as f reads and gets what it read and got, and bounds make no difference; else None."""
    is_fresh, arrays = watch.is_fresh(), watch.arrays

    def bound(x: Array, others: tuple[Any, ...]) -> Any:
        if (others or given) and not _are_same(others, given):
            return None
        if limits is not None and not limits.fit(x):
            return None
        return run(x) if is_fresh() and not (arrays and shares(x, arrays)) else None

    return bound


def _are_same(some: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))
