"""Functions of math swapped for ones that trace; exceptions that f swallows are seen, those of the tracer are not."""

import functools
import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from fastgrad.program.trace import arrays, recording, substitution
from fastgrad.program.trace.recording import Untraceable, trace


def swallowing(x):
    try:
        y = x[0].nonsense
    except AttributeError:
        y = x[0]
    return 2.0 * y


def calling_one_that_swallows(x):
    return swallowing(x) + 1.0


def swallowing_the_tracers(x):
    try:
        return np.sum(x, axis=5)
    except ValueError:
        return 0.0


def catching_nothing(x):
    try:
        return np.sin(x[0])
    except ValueError:
        return 0.0


@pytest.mark.parametrize("f", [swallowing, calling_one_that_swallows])
def test_an_exception_that_f_swallows_is_seen(f):
    with pytest.raises(Untraceable, match="f catches or raises AttributeError"):
        trace(f, (2,))


def test_exceptions_that_the_tracer_catches_are_its_own():
    with pytest.raises(Untraceable, match=r"np\.sum as f uses it cannot be traced"):
        trace(swallowing_the_tracers, (2,))
    assert [name for name, *_ in trace(catching_nothing, (2,)).nodes] == ["sin"]


def named_differently(folder: Path):
    """The module as it would be if its file had another name, in another place."""
    path = folder / "another_name.py"
    path.write_text(Path(substitution.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("fastgrad.program.trace.another_name", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_whose_code_is_whose_whatever_the_file_is_called(tmp_path):
    for module in (substitution, named_differently(tmp_path)):
        for ours in (arrays.guarded, recording.trace, substitution.watched):
            assert not module.is_users(ours.__code__)
        assert not module.is_users(np.roll.__wrapped__.__code__)
        assert not module.is_users(functools.update_wrapper.__code__)
        assert module.is_users(swallowing.__code__)
        assert module.is_users(compile("0", substitution.__file__.replace("fastgrad", "fastgrad_of_mine"), "exec"))


def test_math_is_swapped_wherever_f_reaches_it():
    def inner(v, sine=math.sin):
        return sine(v)

    class Wave:
        def __call__(self, x):
            return inner(x[0])

        def method(self, x):
            return math.sin(x[0])

    for f in (
        lambda x: inner(x[0]),
        Wave(),
        Wave().method,
        functools.partial(lambda g, x: g(x[0]), math.sin),
        functools.partial(lambda x, g: g(x[0]), g=inner),
    ):
        assert [name for name, *_ in trace(f, (2,)).nodes] == ["sin"]


def test_a_function_that_reaches_nothing_of_math_stays_itself():
    assert substitution.Retargeted(swallowing).function is swallowing
    assert substitution.Retargeted(calling_one_that_swallows).catches
