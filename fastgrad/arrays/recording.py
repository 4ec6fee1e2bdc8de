"""A loss seen once: the program of what it does to the arrays that are differentiated."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from threading import RLock
from traceback import walk_tb
from typing import Any

import numpy as np

from ..program.captures import is_own
from ..program.nested import OPERATIONS
from ..program.rubbish import is_gone_after_looking
from .births import alive, begin
from .lent import LentObjects
from .nodes import Array, Node, RefusedError, counted, ordered, reached, reshape
from .randomness import random_numbers_kept, random_states
from .rebuild import Rebuilder
from .recorder import Recorder, stacked
from .sameness import noted, settle
from .simplify import simplified
from .tokens import RecordedFacts

KEPT = "it keeps an array that depends on the parameters outside of itself"
_alone = RLock()


@dataclass(frozen=True)
class Recording:
    """What a loss does.

    Attributes
    ----------
    result : Node
        Its value, of shape ().
    parameters : dict of Node
        Those of the arrays, by name.
    order : list of Node
        All that moves, each after its arguments.
    operations : int
        How many operations on single numbers the loss takes, also for what does not move ...
    time : float
        ... in units of one of NumPy's on whole arrays ...
    calls : int
        ... and how many calls of NumPy.
    generators : tuple
        Of random numbers, which the loss draws from.
    facts : Facts, optional
        What it was made of, where that can be compared.
    draws : bool
        Whether it has drawn random numbers from a generator that is there for all, or has set one.
    """

    result: Node
    parameters: Mapping[str, Node]
    order: list[Node]
    operations: int
    time: float
    calls: int
    generators: tuple[Any, ...] = ()
    facts: RecordedFacts | None = None
    draws: bool = False


def elsewhere(
    recording: Recording, arrays: Mapping[str, Array], constants: Mapping[Node, Array] | None = None
) -> Recording:
    """The same program with other values of the parameters, and of some constants."""
    new = {node: node.again((), arrays[name].astype(np.float64, order="C"))
           for name, node in recording.parameters.items()}  # fmt: skip
    new |= {node: node.again((), value) for node, value in (constants or {}).items()}
    with np.errstate(all="ignore"):
        for node in recording.order:
            if node.args:
                args = tuple([new.get(a, a) for a in node.args])
                new[node] = node.again(args, node.compute(*[a.value for a in args]))
    parameters = {name: new[node] for name, node in recording.parameters.items()}
    return replace(
        recording, result=new[recording.result], parameters=parameters, order=[new[node] for node in recording.order]
    )


def emptied(recording: Recording, constants: Iterable[Node]) -> tuple[Recording, dict[Node, Node]]:
    """The same program without the values that it had, and those of some constants; which nodes these are now."""
    new = {node: node.again((), None) for node in (*recording.parameters.values(), *recording.order, *constants)}
    for node, copied in new.items():
        copied.args = tuple(new.get(a, a) for a in node.args)
    parameters = {name: new[node] for name, node in recording.parameters.items()}
    order = [new[n] for n in recording.order]
    copy = replace(recording, result=new[recording.result], parameters=parameters, order=order, facts=None)
    return copy, {node: new[node] for node in constants}


def record(
    loss: Callable[..., Any], arrays: Mapping[str, Array], argument: Callable[[Mapping[str, Any]], tuple[Any, ...]],
    *, whole: bool = False,
) -> Recording:  # fmt: skip
    """Call a copy of a loss with recorders.

    Parameters
    ----------
    loss : callable
    arrays : dict of ndarray
        What is differentiated, by name: recorders stand for these very objects wherever the loss reaches them.
    argument : callable
        What the loss is called with, of recorders by name.
    whole : bool
        Whether it may return an array, or a list of numbers.

    Raises
    ------
    RefusedError
        With the reason.
    """
    with _alone:
        return _recorded(loss, arrays, argument, whole)


DERIVES = "it takes derivatives itself, of which these programs know nothing; write grad(loss, method='exact')(params)"


def _is_by_a_derivative(error: Exception) -> bool:
    """Whether it was raised in a derivative that the loss takes."""
    codes = (frame.f_code for frame, _ in walk_tb(error.__traceback__))
    return any(code.co_name in OPERATIONS and is_own(code.co_filename) for code in codes)


def _recorded(loss: Any, arrays: Mapping[str, Array], argument: Any, whole: bool) -> Recording:
    counted.begin()
    begin()
    nodes, lent = _nodes(arrays), LentObjects()
    result, reason, generators, facts, draws = None, "", (), None, False
    try:
        with random_numbers_kept():
            before = random_states()
            result, generators, facts = _seen(loss, arrays, nodes, argument, whole, lent)
            draws = random_states() != before
        reason = counted.refused  # also where the loss has caught it
    except RefusedError as error:
        reason = str(error)
    except RecursionError:
        reason = "what it reaches is nested too deep"
    except Exception as error:  # noqa: BLE001  whatever a loss raises because a recorder is no array
        told = " ".join(f"it raised {type(error).__name__} when it was recorded: {error}".split())
        reason = DERIVES if _is_by_a_derivative(error) else told
    except BaseException:  # Ctrl-C: whatever has been stored by now is no number
        lent.take_back()
        for recorder in alive():
            recorder.release()
        raise
    kept = _forgotten(lent)
    if reason or kept:
        raise RefusedError(reason or KEPT)
    work = counted.operations, counted.time, counted.nodes
    return replace(_with_facts(_program(result, nodes, work, generators, whole), facts), draws=draws)


def _nodes(arrays: Mapping[str, Array]) -> dict[str, Node]:
    """The parameters; one that has two names is one."""
    known: dict[int, Node] = {}
    for name, w in arrays.items():
        if any(id(other) != id(w) and np.may_share_memory(w, other) for other in arrays.values()):
            msg = f"the array {name!r} shares memory with another one that is differentiated"
            raise RefusedError(msg)
        known.setdefault(id(w), Node("parameter", value=w.astype(np.float64, order="C")))
    return {name: known[id(w)] for name, w in arrays.items()}


def _seen(
    loss: Any, arrays: Mapping[str, Array], nodes: Mapping[str, Node], argument: Any, whole: bool, lent: LentObjects
) -> tuple[Node | None, tuple[Any, ...], RecordedFacts | None]:
    """What the copy of a loss returns, the generators of random numbers that it reaches, and what it was made of."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        recorders = {name: Recorder(node) for name, node in nodes.items()}
        copy = Rebuilder({id(w): recorders[name] for name, w in arrays.items()}, list(arrays.values()), lent)
        try:
            result = copy(loss)(*map(copy, argument(recorders)))
            if whole and isinstance(result, (list, tuple)):
                result = stacked(result)
            final = result.node if type(result) is Recorder else None
            return final, tuple(copy.generators), _noted(final, loss, arrays, argument, copy)
        finally:
            copy.close()


def _noted(
    final: Node | None, loss: Any, arrays: Mapping[str, Array], argument: Any, copy: Rebuilder
) -> RecordedFacts | None:
    """What a recording was made of."""
    used = reached([*([final] if final else []), *counted.looked_at])
    return noted((loss, *argument(arrays)), list(arrays.values()), copy, used)


def _with_facts(recording: Recording, facts: RecordedFacts | None) -> Recording:
    """Constants that others were made of, or that decided something, are told from such as are read as they are."""
    constants = {a for node in recording.order for a in node.args if not a.moves}
    others = reached([*counted.looked_at, *[origin for node in constants for origin in node.origins]])
    found = settle(facts, constants, others)
    for node in (*constants, *others):
        node.origins = ()
    counted.looked_at = []
    return replace(recording, facts=found)


def _forgotten(lent: LentObjects) -> bool:
    """Whether something of a recording has stayed with somebody: it is taken from there, if it can, and emptied."""
    if is_gone_after_looking(lambda: not alive()):
        return False
    lent.take_back()
    for recorder in alive():
        recorder.release()
    return True


def _program(
    result: Node | None,
    nodes: Mapping[str, Node],
    work: tuple[int, float, int],
    generators: tuple[Any, ...],
    whole: bool,
) -> Recording:
    if result is None or not result.moves or not (result.size == 1 or whole) or not result.is_float:
        msg = f"what it returns is no {'array' if whole else 'single number'} that comes from the arrays"
        raise RefusedError(msg)
    final, parameters = simplified(result if whole else reshape(result, ()), nodes)
    return Recording(final, parameters, ordered([final]), *work, generators)
