"""The table of docs/which.md: every call is run, and its result has the shape that the page says."""

import ast
import doctest
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import fastgrad

PAGE = (Path(__file__).parent.parent / "docs" / "which.md").read_text(encoding="utf-8")
HEAD = ["I have", "I want", "the call", "shape"]


class Row(NamedTuple):
    call: str
    shape: tuple[int, ...]


def rows() -> list[Row]:
    lines = [re.split(r" *\| *", line)[1:-1] for line in PAGE.splitlines() if line.startswith("|")]
    found = [cells for cells in lines[2:] if len(cells) == len(HEAD)]
    assert lines[0] == HEAD
    assert len(found) == len(lines) - 2
    return [Row(call.strip("`"), ast.literal_eval(shape.strip("`"))) for _, _, call, shape in found]


@pytest.fixture(scope="module")
def names():
    """The names that the page's examples define."""
    for extra in ("dask", "pandas", "scipy", "xarray"):
        pytest.importorskip(extra)
    names: dict[str, object] = {}
    for example in doctest.DocTestParser().get_examples(PAGE):
        exec(example.source, names)
    return names


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.call)
def test_calls_run_and_give_the_shape(row, names):
    result = eval(row.call, names)
    shape = result.shape if hasattr(result, "shape") else np.shape(result)
    assert shape == row.shape


def test_every_function_of_the_modern_interface_has_a_row_or_a_relative_in_one():
    functions = {name for name in fastgrad.__all__ if name.islower()}
    called = set(re.findall(r"fastgrad\.(\w+)\(", PAGE))
    book = {"gradient_descent", "numerical_diff", "numerical_gradient_2d", "tangent_line"}
    assert functions - called == book | {"hess", "jac", "value_and_grad", "vjp"}
