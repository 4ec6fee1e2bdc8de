"""Calls whose arguments hold Variables: they are found in lists and options, and replaced there."""

import numpy as np

from fastgrad import Variable
from fastgrad.variable.calls import VariableCall


def test_variables_are_found_wherever_they_are():
    x, y = Variable(np.array([1.0, 2.0])), Variable(np.array([[3.0]]))
    seen = []

    def function(*args, **options):
        seen.append((args, options))
        return 7

    call = VariableCall(function, ([x, 5], "text"), {"axis": 0, "where": (y, None)})
    assert [v is w for v, w in zip(call.variables, (x, y), strict=True)] == [True, True]
    assert call.of(["a", "b"]) == 7
    assert seen == [((["a", 5], "text"), {"axis": 0, "where": ("b", None)})]
    assert call.row().array.tolist() == [1.0, 2.0, 3.0]
    assert [(start, stop) for start, stop, _ in call.parts()] == [(0, 2), (2, 3)]
    call.of_row(np.array([4.0, 5.0, 6.0]))
    (first, _), _ = seen[-1][0]
    assert first.tolist() == [4.0, 5.0]
    assert seen[-1][1]["where"][0].tolist() == [[6.0]]
