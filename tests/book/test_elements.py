"""Elements that are moved in place and put back."""

import numpy as np
import pytest

from fastgrad.book.elements import as_tuple, quotient, weighted


def test_several_things_or_one():
    assert as_tuple([1, 2]) == (1, 2)
    assert as_tuple("ab") == ("ab",)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_the_quotient_of_a_parabola_is_exact(dtype):
    x = np.array([[3.0, 4.0]], dtype)
    found = quotient(lambda: float(x[0, 0] ** 2 + x[0, 1]), x, (0, 0), 0.25)
    assert (found, x.tolist()) == (6.0, [[3.0, 4.0]])


def test_steps_that_vanish_or_are_none():
    x = np.array([1e20])
    for h, text in ((1.0, "vanishes"), (0.0, "positive"), (np.inf, "positive")):
        with pytest.raises(ValueError, match=text):
            quotient(lambda: 0.0, x, (0,), h)


def test_outputs_are_weighted():
    assert weighted((np.array([1.0, 2.0]), 3.0), [np.array([10.0, 1.0]), np.array(2.0)]) == 18.0
