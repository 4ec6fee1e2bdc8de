"""The symbols with which f is called."""

import numpy as np

from fastgrad.program.trace.arrays import Symbols
from fastgrad.program.trace.given import Given
from fastgrad.program.trace.symbols import Symbol, Trace


def test_symbols_of_a_point_and_of_batch_arguments():
    recording, captured = Trace(10), object()
    x, beside, matrix, number = Given((2, 2), (captured,), [(2, 3), ()]).symbols(recording)
    assert beside is captured
    assert type(x) is type(matrix) is Symbols
    assert [v.key for v in x.flat] == [("x", i) for i in range(4)]
    assert [v.key for v in matrix.flat] == [("b", i) for i in range(6)]
    assert (type(number), number.key) == (Symbol, ("b", 6))


def test_they_are_made_anew():
    given, recording = Given((2,)), Trace(10)
    (first,), (second,) = given.symbols(recording), given.symbols(recording)
    first[0] = 1.0
    assert second[0].key == ("x", 0)


def test_types_are_noted():
    recording = Trace(10)
    types = [np.dtype(np.uint8), np.dtype(np.float64), np.dtype(np.int64)]
    Given((1,), (), [(2,), (), ()], types, [8, 0, 5]).note_types(recording)
    assert recording.narrow == {("b", 0): np.uint8, ("b", 1): np.uint8}
    assert recording.whole == {("b", 0): 256, ("b", 1): 256, ("b", 3): 32}
