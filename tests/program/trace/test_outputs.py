"""What a traced function returned."""

import math

import numpy as np
import pytest

from fastgrad.program.program import evaluate
from fastgrad.program.trace.failures import NoNumberError
from fastgrad.program.trace.outputs import outputs_of, program_of
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.symbols import Symbol, Trace


def test_operands_and_shapes():
    recording = Trace(10)
    with recording:
        x = Symbol(recording, ("x", 0))
        assert outputs_of(recording, x) == ((("x", 0),), ())
        assert outputs_of(recording, [[x, 2.0]])[1] == (1, 2)
        assert outputs_of(recording, x > 1)[0] == (("v", 1),)  # the mask as a number
        assert outputs_of(recording, np.zeros((2, 0)))[1] == (2, 0)
        with pytest.raises(NoNumberError, match="returns a str"):
            outputs_of(recording, "a")


def test_what_no_output_needs_is_left_out():
    recording = Trace(10)
    with recording:
        x = Symbol(recording, ("x", 0))
        _, wanted = x * 3.0, x * 2.0
        program = program_of(recording, (wanted.key,), ())
    assert program.nodes == (("*", ("x", 0), ("c", 0)),)
    assert program.constants == (2.0,)
    assert not program.raises
    recording.guards.append(wanted.key)
    assert program_of(recording, (wanted.key,), ()).raises
    assert math.isfinite(program.constants[0])


def test_arrays_without_axes_in_a_list():
    assert evaluate(trace(lambda x: [x[0], np.where(np.True_, 3.0, 4.0)], (1,)), [2.0]) == [2.0, 3.0]
