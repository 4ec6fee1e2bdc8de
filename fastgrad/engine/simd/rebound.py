"""A kernel that is bound to points and results, for others that lie as they do."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..bound import Bound
from ..call import Call, without_points
from ..kernels import Kernel
from .arguments import PLACES, address_of

Array = NDArray[np.float64]

_SOURCE, _OUT = PLACES["source"], PLACES["out"]


class Rebound:
    """The arguments of a call, in which the addresses of points and results are exchanged: nothing holds its arrays."""

    def __init__(self, code: Any, call: Call, out: Array) -> None:
        self._kernel, self._block, (self._items, self._grain), stored, self._places = code.laid_out(call, out, None)
        order: Literal["C", "F"] = "C" if stored.flags.c_contiguous else "F"
        self._stored = stored.shape, order
        self._block.kept.clear()
        self._call, self._pace, self._count = without_points(call), code.family.pace, call.points.count
        self._free = [(self._block.slots, self._block.address)]  # lists let threads take and give back without a lock

    def fill(self, x: Array, out: Array) -> bool:
        """Fill `out` by the derivatives at x; False where f itself has to be asked, and `out` is to be filled anew."""
        if self._places is None:
            return self._run(x, out)
        stored = np.empty(self._stored[0], order=self._stored[1])
        if not self._run(x, stored):
            return False
        out.fill(0.0)
        out.reshape(self._count, -1)[:, self._places] = stored
        return True

    def _run(self, x: Array, out: Array) -> bool:
        try:
            slots, address = self._free.pop()
        except IndexError:
            slots = self._block.slots.copy()  # constants are read where they are
            address = address_of(slots)
        slots[_SOURCE], slots[_OUT] = address_of(x), address_of(out)
        marks: list[int] = []
        kernel = Kernel(self._kernel, address, lambda mark, *_: marks.append(mark))
        Bound(
            "simd", self._call, kernel.work, self._items, self._grain, self._count, pace=self._pace, kernel=kernel
        ).run()
        self._free.append((slots, address))
        return not marks
