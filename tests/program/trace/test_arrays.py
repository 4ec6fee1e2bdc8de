"""Arrays of symbols: how ufuncs and functions find their rules, and what may be written into."""

import numpy as np
import pytest

from fastgrad.program.program import evaluate
from fastgrad.program.trace.arrays import Symbols, elementwise, guarded, is_mask, plain, wrap
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable
from fastgrad.program.trace.symbols import Symbol, Trace


@pytest.fixture
def x():
    with Trace(100) as recording:
        values = np.empty(3, dtype=object)
        values[:] = [Symbol(recording, ("x", i)) for i in range(3)]
        yield values.view(Symbols)


def test_arrays_of_objects_and_no_others_are_symbols(x):
    assert type(wrap(np.array([x[0], 1.0], dtype=object))) is Symbols
    numbers = np.ones(2)
    assert wrap(numbers) is numbers
    assert type(x[1:]) is type(x.copy()) is type(2.0 * x) is Symbols


def test_what_holds_comparisons_is_a_mask(x):
    for mask in (x > 0.5, x[0] > 0.5, np.array([True, False]), np.array([x[0] > 1.0, True], dtype=object)):
        assert is_mask(mask)
    for other in (x, x[0], np.ones(2), np.array([0, 1]), 3):
        assert not is_mask(other)


def test_numpy_does_not_hand_back_what_is_plain(x):
    assert plain(x[0]).shape == ()
    assert plain(x[0])[()] is x[0]
    assert type(plain(x)) is np.ndarray
    plain(x)[1] = 7.0
    assert x[1] == 7.0  # the same memory
    assert plain([1, 2]).tolist() == [1, 2]
    for other, said in ((np.ma.ones(2), "MaskedArray"), (np.array(["a"]), "<U1"), (np.ones(2, "M8[s]"), "datetime64")):
        with pytest.raises(Untraceable, match=f"mixes its argument with an? .*{said}"):
            plain(other)


def test_a_mask_assigns_a_number_and_no_array():
    def clipped(x):
        y = x.copy()
        y[x > 1.0] = 1.0
        return y

    assert evaluate(trace(clipped, (2,)), [0.5, 3.0]) == [0.5, 1.0]

    def shifted(x):
        x[x > 1.0] = np.array([1.0, 2.0])

    with pytest.raises(Untraceable, match=r"np\.where\(mask, new, old\)"):
        trace(shifted, (2,))


def test_numbers_do_not_go_into_masks_but_masks_into_numbers(x):
    mask = x > 0.5
    with pytest.raises(Untraceable, match="numbers into an array of comparisons"):
        np.add(x, 1.0, out=mask)
    found = np.less(x, 1.0, out=x)
    assert found is x
    assert not is_mask(x), "an array of floats, which holds 1.0 and 0.0"
    assert [x[0].trace.nodes[v.key[1]][0] for v in x] == ["tofloat"] * 3


def test_errors_of_a_rule_are_refusals_with_its_name(x):
    def rule(a):
        raise KeyError(a.shape)

    for call, said in (
        (lambda: guarded("np.rule", rule, (x,), {}), r"np\.rule as f uses it cannot be traced: \(3,\)"),
        (lambda: guarded("np.other", None, (x,), {}), r"np\.other, which has no rule"),
        (lambda: elementwise(np.add, x, np.ones(2)), r"np\.add: .*broadcast"),
    ):
        with pytest.raises(Untraceable, match=said):
            call()
