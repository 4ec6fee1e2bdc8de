"""Whether what a function reads has changed since its key was made."""

import types

import numpy as np
import pytest

from fastgrad.program.freshness import Watch, overlaps
from fastgrad.program.keys import unchanging

SPACE = {"np": np, "k": 2.0, "row": np.array([1.0, 2.0])}


def in_a_module(text):
    """A function of a module of its own, whose names can be set."""
    space = dict(SPACE)
    exec(text, space)
    return space["f"], space


def fresh(f, args=()):
    watch = Watch()
    assert unchanging(f, args, watch) is not None
    is_fresh = watch.is_fresh()
    assert is_fresh()
    return is_fresh


def closure(value):
    return lambda x: value * np.sum(x)


def another(x):
    return x[0]


CHANGES = {
    "a global number": ("def f(x): return k * x[0]", lambda f, space: space.update(k=3.0)),
    "a global number to an equal one of another kind": (
        "def f(x): return k * x[0]",
        lambda f, space: space.update(k=np.float64(2.0)),
    ),
    "a global that goes": ("def f(x): return k * x[0]", lambda f, space: space.pop("k")),
    "a builtin that is hidden": ("def f(x): return abs(x[0])", lambda f, space: space.update(abs=float)),
    "a helper": ("def g(t): return t\ndef f(x): return g(x[0])", lambda f, space: space.update(g=np.sin)),
    "a helper's code": (
        "def g(t): return t\ndef f(x): return g(x[0])",
        lambda f, space: setattr(space["g"], "__code__", (lambda t: 2 * t).__code__),
    ),
    "what a helper reads": (
        "def g(t): return k * t\ndef f(x): return g(x[0])",
        lambda f, space: space.update(k=5.0),
    ),
    "a default": ("def f(x, a=1.0): return a * x[0]", lambda f, space: setattr(f, "__defaults__", (2.0,))),
    "an option": ("def f(x, *, a=1.0): return a * x[0]", lambda f, space: f.__kwdefaults__.update(a=2.0)),
    "the code": ("def f(x): return x[0]", lambda f, space: setattr(f, "__code__", another.__code__)),
    "an attribute": ("def f(x): return x[0]", lambda f, space: setattr(f, "scale", 1.0)),
    "an element of an array": ("def f(x): return x @ row", lambda f, space: space["row"].__setitem__(0, 5.0)),
    "an array that becomes read-only": (
        "row = np.ones(2)\ndef f(x): return x @ row",
        lambda f, space: space["row"].setflags(write=False),
    ),
    "an array's shape": (
        "row = np.arange(6.0)\ndef f(x): return x[0] * np.sum(row)",
        lambda f, space: setattr(space["row"], "shape", (2, 3)),
    ),
    "an element of a default": (
        "def f(x, row=np.ones(2)): return x @ row",
        lambda f, space: f.__defaults__[0].__setitem__(0, 5.0),
    ),
    "an array inside a tuple": (
        "pair = (np.ones(2), 1.0)\ndef f(x): return x @ pair[0]",
        lambda f, space: space["pair"][0].__setitem__(0, 5.0),
    ),
}


@pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")  # NumPy 2.5
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen(name):
    text, change = CHANGES[name]
    f, space = in_a_module(text)
    is_fresh = fresh(f)
    change(f, space)
    assert not is_fresh()


def test_numpys_own_functions_are_watched(monkeypatch):
    is_fresh = fresh(lambda x: np.linalg.norm(x) + np.sin(x[0]))
    monkeypatch.setattr(np.linalg, "norm", np.sum)
    assert not is_fresh()
    monkeypatch.undo()
    assert is_fresh()


def test_cells_are_watched():
    f = closure(1.0)
    is_fresh = fresh(f)
    f.__closure__[0].cell_contents = 2.0
    assert not is_fresh()
    del f.__closure__[0].cell_contents
    assert not is_fresh()


def test_arrays_among_further_arguments_are_watched():
    row = np.ones(2)
    is_fresh = fresh(lambda x, a: x @ a, (row,))
    row[1] = 3.0
    assert not is_fresh()


def test_what_is_not_read_may_change():
    f, space = in_a_module("def f(x): return k * x[0]")
    is_fresh = fresh(f)
    space["other"], space["row"] = 1.0, None
    assert is_fresh()


def test_an_empty_cell_is_for_f_to_complain_of():
    f = types.FunctionType(closure(1.0).__code__, {"np": np}, "f", None, (types.CellType(),))
    assert fresh(f)()


def test_which_arrays_are_one_or_share_memory():
    a, b, whole = np.zeros(3), np.zeros(3), np.zeros(6)
    assert overlaps([a, b, whole]) == ()
    assert overlaps([a, b, a]) == ((0, 2, True),)
    assert overlaps([whole[:3], a, whole[3:], whole[2:4]]) == ((0, 3, False), (2, 3, False))
    assert overlaps([whole, whole[1:]]) == ((0, 1, False),)
    buffer = bytearray(24)
    assert overlaps([np.frombuffer(buffer), np.frombuffer(buffer)]) == ((0, 1, False),)
