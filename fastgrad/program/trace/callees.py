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
from .leftovers import Noted, may_write
from .paths import RestartError
from .refusals import ManyWaysError, refuse
from .retargeted import Retargeted
from .symbols import Trace

_ACTING = "f calls what writes, asks or waits on some way, perhaps one that no point takes"


class Callees:
    """Functions that f is seen to call, swapped; what is not yet known of them starts the trace anew."""

    def __init__(self, target: Retargeted, recording: Trace, noted: Noted, given: Given, *, merging: bool) -> None:
        self._target, self._recording, self._noted, self._given = target, recording, noted, given
        self._merging, self._known = merging, len(target.codes)

    def swap(self, function: Any) -> Callable[..., Any]:
        """What stands for a function, of the user's or of Python's."""
        if self._given.sample is None and acts(function):
            refuse(_ACTING, ManyWaysError)
        if type(function) is not FunctionType:
            return self._target.swapped(function)  # type: ignore[no-any-return]
        found = self._target.helper(function)
        if len(self._target.codes) > self._known:
            new = [*self._target.codes][self._known :]
            self._known = len(self._target.codes)
            self._note(function, new)
        return found  # type: ignore[no-any-return]

    def _note(self, function: FunctionType, new: list[Any]) -> None:
        self._target.check_globals()
        if self._merging and self._target.catches:
            refuse(f"f calls {function.__name__}, which handles exceptions, otherwise than by its name")
        if self._given.sample is None and act(new):
            refuse(_ACTING, ManyWaysError)
        if may_write(new):
            self._noted.look(function, self._given.args)
        if not self._recording.fills and any(map(may_fill, new)):
            self._recording.fills = True
            raise RestartError
