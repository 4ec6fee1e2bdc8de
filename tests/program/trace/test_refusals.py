"""How a trace is given up."""

import itertools

import numpy as np
import pytest

from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import REFUSALS, Untraceable, refuse, refusing
from fastgrad.program.trace.symbols import Symbol, Trace


def test_a_refusal_passes_what_f_catches_and_the_first_reason_stays():
    def catching():
        try:
            refuse("first")
        except Exception:  # noqa: BLE001  what f may do
            return 0.0

    with Trace(10) as recording:
        with pytest.raises(Untraceable, match="first"):
            catching()
        with pytest.raises(Untraceable, match="second"):
            refuse("second")
    assert recording.reason.startswith("first (line ")
    assert 'refuse("first")' in recording.reason


def test_a_refusal_ends_the_innermost_trace():
    with Trace(10) as outer, Trace(10) as inner, pytest.raises(Untraceable):
        refuse("reason")
    assert (outer.reason, inner.reason) == ("", "reason")


def test_after_the_trace_it_is_an_error():
    with pytest.raises(RuntimeError, match="in use after the trace: reason"):
        refuse("reason")


def test_what_is_left_over_can_be_printed_but_not_used():
    with Trace(10) as recording:
        x = Symbol(recording, ("x", 0))
    assert f"{x}" == repr(x) == "<a value from tracing f>"
    with pytest.raises(RuntimeError, match="after the trace"):
        bool(x)


@pytest.mark.parametrize("name", REFUSALS)
def test_every_special_method_refuses_with_its_reason(name):
    with Trace(10) as recording, pytest.raises(Untraceable):
        refusing(REFUSALS[name])(Symbol(recording, ("x", 0)))
    assert recording.reason == REFUSALS[name]


def test_of_what_libraries_make_floats_of_there_is_no_second_try():
    signal = pytest.importorskip("scipy.signal")
    calls = []

    def f(x):
        calls.append(1)
        return np.sum(x[signal.find_peaks(np.sin(x * np.arange(9.0)))[0]])

    with pytest.raises(Untraceable, match="a function of a library that turns a traced value into a float"):
        trace(f, (9,))
    assert not calls  # the one call is taken back

    def counted(x):
        next(tries)
        return f(x)

    tries = itertools.count()
    with pytest.raises(Untraceable):
        trace(counted, (9,))
    assert next(tries) == 1
