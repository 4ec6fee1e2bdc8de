"""What f calls and its names do not tell: functions in containers and attributes, objects, classes, other modules.

Where f's source is rewritten each call is seen, and what is called is swapped as what has a name in f.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from .creation import may_fill
from .effects import act, acts
from .given import Given
from .leftovers import Noted, may_write, writes_outside
from .paths import RestartError
from .refusals import ON_BOTH_SIDES, ManyWaysError, refuse
from .retargeted import Retargeted
from .symbols import Trace


class Callees:
    """The functions that f has and is seen to call, swapped; what is not yet known of them starts the trace anew."""

    def __init__(self, target: Retargeted, recording: Trace, noted: Noted, given: Given, *, merging: bool) -> None:
        self._target, self._recording, self._noted, self._given = target, recording, noted, given
        self._merging, self._known, self._catches = merging, 0, target.catches

    def learn(self, function: Any) -> bool:
        """Note what the codes that are new may do, where a function leads to them; whether they fill arrays."""
        new = [*self._target.codes][self._known :]
        self._known += len(new)
        writes, every = may_write(new), self._given.sample is None
        if writes or every or self._merging:
            self._noted.look(function, self._given.args, writes=writes)
        lasting = self._noted.is_partial and writes_outside(new)
        if every:
            if act(new) or self._noted.acts:
                refuse(_ACTING, ManyWaysError)
            if lasting:
                refuse(_LASTING, ManyWaysError)
        elif self._merging and (lasting or self._noted.acts or act(new)):
            refuse(ON_BOTH_SIDES)
        before = self._recording.fills
        self._recording.fills = before or any(map(may_fill, new))
        return self._recording.fills and not before

    def swap(self, function: Any) -> Callable[..., Any]:
        """What stands for a function, of the user's or of Python's."""
        if self._given.sample is None and acts(function):
            refuse(_ACTING, ManyWaysError)
        if type(function) is not FunctionType:
            return self._target.swapped(function)  # type: ignore[no-any-return]
        if not self._merging and "__fg_call" in function.__globals__:
            return function  # swapped, or made in f, whose variables it has
        found = self._target.helper(function)
        if len(self._target.codes) > self._known:
            self._target.check_globals()
            if self._merging and self._target.catches:
                refuse(f"f calls {function.__name__}, which handles exceptions, otherwise than by its name")
            if self.learn(function) or self._target.catches is not self._catches:  # which is watched from now on
                self._catches = self._target.catches
                raise RestartError
        return found  # type: ignore[no-any-return]


_LASTING = "f branches, and writes into what cannot be put back on some way, perhaps one that no point takes"
_ACTING = "f branches, and writes, asks or waits on some way, perhaps one that no point takes"
