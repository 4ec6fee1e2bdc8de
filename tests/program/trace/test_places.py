"""Reasons name the line of f: its own, that of a helper, that of an exception."""

import linecache
from itertools import count

import numpy as np
import pytest

from fastgrad.program.trace.places import LONGEST
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable


def helper(v):
    return len(f"{v}")


def by_a_helper(x):
    return x[0] + helper(x[1])


def raising(x):
    y = x.reshape(7, 7)
    return y.sum()


def inside_numpy(x):
    return np.apply_along_axis(lambda r: np.lexsort((r,)), 0, x)


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda x: float(str(x[0])), r"lambda x: float\(str\(x\[0\]\)\)"),
        (by_a_helper, r'return len\(f"{v}"\)'),
        (raising, r"y = x\.reshape\(7, 7\)"),
        (inside_numpy, r"np\.lexsort\(\(r,\)\)"),
    ],
    ids=count(),
)
def test_the_line_is_quoted(f, said):
    with pytest.raises(Untraceable, match=rf"\(line \d+ of test_places\.py: .*{said}") as caught:
        trace(f, (3,))
    assert "\n" not in str(caught.value)


def test_without_a_source_the_number_is_left():
    space = {"np": np}
    exec("def f(x):\n    y = 1\n    return np.lexsort((x,))", space)
    with pytest.raises(Untraceable, match=r"\(line 3 of <string>\)$"):
        trace(space["f"], (3,))


def test_who_traces_is_not_f():
    with pytest.raises(Untraceable) as caught:
        trace(np.lexsort, (3,))
    assert "line" not in str(caught.value)


def test_long_lines_are_cut():
    text = f"def f(x): return np.lexsort({' + '.join(['x'] * 40)})"
    space = {"np": np}
    exec(compile(text, "<long>", "exec"), space)
    linecache.cache["<long>"] = (len(text), None, [text], "<long>")
    with pytest.raises(Untraceable) as caught:
        trace(space["f"], (3,))
    assert str(caught.value).endswith(f"(line 1 of <long>: {text[:LONGEST]}...)")
