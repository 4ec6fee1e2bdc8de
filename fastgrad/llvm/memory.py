"""What is kept for calls to come, within a budget: what was not used for the longest time goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")

lock = threading.RLock()  # of all memories: a fork waits for it


class Memory(Generic[Value]):
    """Values by key. When they weigh more than `limit` together, those go that were not used for the longest time.

    The newest stays, whatever it weighs. What goes lives on where somebody holds it. Threads may share a memory: to
    look something up takes no lock.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.weight = limit, 0
        self.entries: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self.entries)

    def get(self, key: Hashable) -> Value | None:
        """The value, which is now the last used one."""
        entry = self.entries.get(key)
        if entry is None:
            return None
        try:  # noqa: SIM105  `suppress` takes longer than all else here, at every call
            self.entries.move_to_end(key)
        except KeyError:  # another thread has just let it go
            pass
        return entry[0]

    def keep(self, key: Hashable, value: Value, weight: int = 1) -> Value:
        """The value, kept."""
        gone = []  # destructors run when the lock is free
        with lock:
            gone.append(self.entries.pop(key, (None, 0)))
            self.entries[key] = value, weight
            self.weight += weight - gone[0][1]
            while self.weight > self.limit and len(self.entries) > 1:
                gone.append(self.entries.popitem(last=False)[1])
                self.weight -= gone[-1][1]
        return value

    def drop(self, key: Hashable) -> None:
        """Let one go, if it is there."""
        with lock:
            gone = self.entries.pop(key, (None, 0))
            self.weight -= gone[1]
        del gone

    def clear(self) -> None:
        """Let everything go."""
        with lock:
            gone, self.entries, self.weight = self.entries, OrderedDict(), 0
        gone.clear()
