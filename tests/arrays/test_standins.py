"""What a copy of a loss sees instead of NumPy's, math's and Python's own names."""

import importlib
import logging
import math
import sys

import numpy as np
import pytest

from fastgrad.arrays.nodes import Node, RefusedError
from fastgrad.arrays.recorder import Recorder
from fastgrad.arrays.standins import (
    BUILTINS,
    LOGGINGS,
    MATHS,
    NUMPYS,
    Float,
    Module,
    Names,
    either,
    is_logger,
    replaced,
    silent,
)

A = np.arange(6.0).reshape(2, 3)


def recorder(value=A):
    return Recorder(Node("parameter", value=value))


def test_names_are_copied_when_they_are_looked_up():
    space, copied = {"__name__": "m", "a": 1, "b": 2}, []
    names = Names(space, lambda part: copied.append(part) or part * 10)
    code = compile("c = a + a\nfloat(3)", "m.py", "exec")
    exec(code, names)
    assert (names["c"], copied, space) == (20, [1], {"__name__": "m", "a": 1, "b": 2})
    assert names["float"] is Float
    with pytest.raises(KeyError):
        names["nothing"]


def test_modules_have_other_parts():
    module = Module(math, lambda part: ("copy", part), {"pi": 3})
    assert (module.pi, module.e) == (3, ("copy", math.e))
    module.e = 2
    assert math.e != 2


def test_either():
    chosen = either(lambda x: "rule", lambda x: "plain")
    assert (chosen(recorder()), chosen(2.0), chosen(x=recorder())) == ("rule", "plain", "rule")


def test_float():
    x = recorder(np.array([2.0]))
    assert Float(x) is x
    assert Float("2.5") == 2.5
    assert isinstance(2.0, Float)
    assert not isinstance(2, Float)
    assert np.zeros(2, Float).dtype == np.float64
    with pytest.raises(RefusedError):
        Float(recorder())


@pytest.mark.parametrize("name", ["zeros", "ones", "empty"])
def test_arrays_that_may_be_filled_are_recorders(name):
    made = NUMPYS[name]((2, 3))
    assert type(made) is Recorder
    made[...] = recorder()
    assert made.node.moves
    assert type(NUMPYS[name](3, dtype=int)) is np.ndarray


def test_arrays_of_lists():
    x = recorder()
    assert np.array_equal(NUMPYS["array"]([[x[0, 0], 1.0], [2.0, x[1, 1]]]).node.value, [[0.0, 1.0], [2.0, 4.0]])
    assert NUMPYS["asarray"](x) is x
    copy = NUMPYS["array"](x)
    copy[...] = 0.0
    assert x.node.value.any()
    assert np.array_equal(NUMPYS["full"]((2,), x[0, 1]).node.value, [1.0, 1.0])
    assert NUMPYS["array"]([1, 2]).dtype == np.array([1]).dtype


@pytest.mark.parametrize("name", sorted(MATHS))
def test_math(name):
    function = getattr(math, name)
    given = (0.5, 2.0) if name in {"atan2", "pow", "hypot"} else (0.5,)
    found = MATHS[name](*map(recorder, map(np.array, given)))
    np.testing.assert_allclose(found.node.value, function(*given), rtol=1e-14)
    assert MATHS[name](*given) == function(*given)


def test_nobody_is_told(capsys):
    BUILTINS["print"]("a number")
    logger = silent("losses")
    logger.error("a number")
    for tell in LOGGINGS.values():
        tell("a number")
    assert is_logger(logger)
    assert not is_logger(3)
    assert capsys.readouterr() == ("", "")
    assert logging.getLogger("losses") is not logger


def test_modules_by_name():
    made = replaced(lambda part: ("copy", part))
    assert made[id(importlib)].import_module("math") == ("copy", math)
    assert made[id(importlib.import_module)]("math") == ("copy", math)
    with pytest.raises(RefusedError, match=r"sys\.modules"):
        made[id(sys)].modules["math"]
    assert made[id(sys)].maxsize == sys.maxsize
