"""Random numbers that a loss would have drawn without being looked at."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np


@contextmanager
def random_numbers_kept(generators: Sequence[Any] = ()) -> Iterator[None]:
    """The random numbers that the loss would have drawn without the checks, from generators of its own too."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    own = [copy.deepcopy(g) for g in generators]
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        for generator, before in zip(generators, own, strict=True):
            _set_back(generator, before)


def random_states() -> Any:
    """Those of the generators that Python and NumPy have for all."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002  those that the user's loss draws from
    return random.getstate(), name, np.asarray(keys).tobytes(), rest


def _set_back(generator: Any, before: Any) -> None:
    """To the state of a copy."""
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = before.bit_generator.state
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(before.get_state())
    else:
        generator.setstate(before.getstate())
