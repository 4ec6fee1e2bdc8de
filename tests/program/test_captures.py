"""What a function reaches: one walk, and what the key of a trace, shared memory and the tracer's copy take from it."""

import functools
import math

import numba as nb
import numpy as np
import pytest

from fastgrad import EngineError, grad, gradient, numerical_gradient, weight_gradient
from fastgrad.program.captures import (
    NotFrozenError,
    attributes,
    captured,
    is_compiled,
    loaded,
    names,
    parts,
    plain_function,
    rebuilt,
    shares_state,
)
from fastgrad.program.keys import unchanging

FACTOR = 2.0
TABLE = np.zeros(3)


def of_globals(x):
    return FACTOR * math.sin(x[0]) + next(TABLE for _ in range(1))[0]


def of_defaults(x, a=1.0, b="two", *, c=(3.0, 4.0)):
    return a * x[0]


def of_cells(value):
    later = None

    def f(x):
        return value * x[0] + (later or 0.0)

    return f


class Model:
    def __init__(self, w):
        self.w = w

    def loss(self, x):
        return np.sum(self.w * x)

    def __call__(self, x):
        return self.loss(x) * FACTOR


def kinds(value):
    return {(kind, name): part for kind, name, part in parts(value)}


def test_the_parts_of_callables():
    found = kinds(of_globals)
    assert found["global", "FACTOR"] == FACTOR
    assert found["global", "math"] is math
    assert found["global", "TABLE"] is TABLE
    assert kinds(of_cells(5.0)) == {("cell", "value"): 5.0, ("cell", "later"): None}
    assert kinds(of_defaults) == {("default", "a"): 1.0, ("default", "b"): "two", ("option", "c"): (3.0, 4.0)}
    model = Model(1.0)
    assert kinds(model.loss) == {("self", "self"): model, ("function", "function"): Model.loss}
    assert kinds(model) == {("self", "self"): model, ("function", "function"): Model.__call__}
    both = functools.partial(of_defaults, 1.0, b="three")
    assert kinds(both) == {("argument", "0"): 1.0, ("keyword", "b"): "three", ("function", "function"): of_defaults}
    assert [*parts(np.sin), *parts(len), *parts(float)] == []


def test_a_cell_that_is_still_empty_holds_nothing():
    def f(x):
        return later * x[0]

    assert list(parts(f)) == []
    later = 2.0
    assert kinds(f) == {("cell", "later"): 2.0}


def test_names_that_are_looked_up_and_names_that_are_mentioned():
    def f(x):
        return x.TABLE + sum(FACTOR * y for y in x)

    assert loaded(f.__code__) == ("FACTOR", "sum")
    assert names(f.__code__) == ("FACTOR", "TABLE", "sum")


def test_rebuilt_with_other_parts_and_the_rest_is_shared():
    f = of_cells(3.0)
    g = rebuilt(f, {("cell", "value"): 5.0})
    assert (f([2.0]), g([2.0])) == (6.0, 10.0)
    assert g.__closure__[0] is f.__closure__[0]  # `later`: what f writes there, its copy sees
    h = rebuilt(of_globals, {("global", "FACTOR"): 0.0})
    assert (h([1.0]), of_globals([0.5])) == (0.0, 2.0 * math.sin(0.5))
    k = rebuilt(of_defaults, {("default", "a"): 7.0, ("option", "c"): ()})
    assert (k([2.0]), k.__defaults__, k.__kwdefaults__, of_defaults([2.0])) == (14.0, (7.0, "two"), {"c": ()}, 2.0)
    bound = rebuilt(Model(2.0).loss, {("function", "function"): lambda self, x: self.w})
    assert bound(None) == 2.0
    part = rebuilt(functools.partial(of_defaults, b="q"), {("function", "function"): lambda x, b: b})
    assert part(1.0) == "q"


# --- keys ------------------------------------------------------------------------------------------------------------


def test_a_key_changes_with_what_is_captured():
    assert captured(of_cells(1.0)) == captured(of_cells(1.0)) != captured(of_cells(2.0))
    assert captured(of_cells(1.0)) != captured(of_cells(1))  # of another type
    assert captured(of_cells(np.sin)) == captured(of_cells(np.sin)) != captured(of_cells(np.cos))
    assert captured(lambda x, a=1.0: a) != captured(lambda x, a=2.0: a)
    assert captured(lambda x, *, a=1.0: a) != captured(lambda x, *, a=2.0: a)
    assert captured(lambda x: x + 1.0) != captured(lambda x: x + 2.0)


def test_a_key_holds_objects_and_not_their_numbers():
    def held(key):
        return [v for part in key for v in held(part)] if isinstance(key, tuple) else [key]

    assert np.sin in held(captured(of_cells(np.sin)))
    assert id(np.sin) not in held(captured(of_cells(np.sin)))


def test_what_may_change_unseen_has_no_key():
    small, large = np.ones(3), np.ones(40_000)
    assert unchanging(of_cells(small), ()) is not None
    key = unchanging(of_cells(small), ())
    small[0] = 2.0
    assert unchanging(of_cells(small), ()) not in (None, key)
    for held in (large, [large], {"a": {1.0}}, Model(1.0), functools.partial(min, 1.0)):
        assert unchanging(of_cells(held), ()) is None
    model = Model(1.0)
    before = unchanging(of_cells(model.loss), ())
    assert before is not None
    model.w = 2.0
    assert unchanging(of_cells(model.loss), ()) != before
    part = functools.partial(of_defaults, b="p")
    before = unchanging(part, ())
    assert before is not None
    part.keywords["b"] = "q"
    assert unchanging(part, ()) != before
    with pytest.raises(NotFrozenError, match="captures the array 'value'"):
        captured(of_cells(small))
    with pytest.raises(NotFrozenError, match="captures 'value', a Model"):
        captured(of_cells(Model(1.0)))
    x = small
    with pytest.raises(NotFrozenError, match=r"def f\(z, x\): \.\.\. with args=\(x,\)"):
        captured(lambda z: z * x)


def test_functions_that_call_themselves_have_no_key():
    def f(x):
        return f(x - 1) if x > 0 else 0.0

    assert unchanging(f, ()) is None


# --- shared memory ---------------------------------------------------------------------------------------------------


def test_shared_memory_is_found_wherever_f_holds_it():
    x = np.arange(6.0)
    for f, where in (
        (of_cells(x[2:]), "value"),
        (of_cells([x]), "an element of value"),
        (of_cells({"w": x}), "value['w']"),
        (of_cells(Model(x)), "value.w"),
        (of_cells(Model(x).loss), "self.w"),
        (of_cells(of_cells(x)), "value"),
        (of_cells(functools.partial(of_defaults, x)), "an argument of functools.partial"),
        (functools.partial(of_cells(x)), "value"),
        (functools.partial(of_defaults, b=x), "an argument of functools.partial"),
        (Model(x), "self.w"),
        (lambda v, w=x[:1]: v, "a default argument"),
        (lambda v, *, w=x: v, "a default argument"),
    ):
        assert f" as {where}, " in shares_state(f, [np.ones(2), x]), where
        assert shares_state(f, [x.copy()]) == ""
    assert "TABLE" in shares_state(of_globals, [TABLE[1:]])
    assert shares_state(np.sum, [x]) == shares_state(len, [x]) == ""


def test_functions_that_reach_each_other_end():
    def f(x):
        return g(x)

    def g(x):
        return f(x) + TABLE

    assert "TABLE" in shares_state(f, [TABLE])
    assert shares_state(f, [np.ones(1)]) == ""


class Everything:
    """It answers to every name, as proxies do, also to that by which Numba's functions are known."""

    def __init__(self, value):
        self.value = value

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self.value

    def __call__(self, x):
        return x[0] ** 2 * x[1]


@pytest.mark.parametrize("value", [3.0, lambda *a: 7.0 * a[0][0]], ids=["number", "function"])
def test_what_has_every_attribute_is_not_compiled_by_numba(value):
    f, x = Everything(value), np.array([0.5, 2.0])
    assert not is_compiled(f)
    for found in (
        gradient(f, x),
        gradient(f, np.tile(x, (1500, 1)), batch=True)[0],
        numerical_gradient(f, x.copy()),
        weight_gradient(f, x.copy()),
    ):
        np.testing.assert_allclose(found, [2.0, 0.25], rtol=1e-6)
    for function in (f, lambda x: f.scale * x[0]):
        with pytest.raises(EngineError, match="Numba cannot compile f"):
            gradient(function, np.tile(x, (1500, 1)), batch=True, engine="jit")
    plain = lambda x: x[0]
    assert plain_function(nb.njit(plain)) is plain
    assert plain_function(plain) is plain


class Attributes(dict):
    """As they are in many a notebook: what is not there is a KeyError, and no AttributeError."""

    __getattr__ = dict.__getitem__


@pytest.mark.parametrize("size", [3, 600])
def test_what_has_no_attribute_may_raise_any_error(size):
    data, x = Attributes(rows=np.linspace(-1.0, 1.0, 3 * size).reshape(size, 3), k=2.0), np.array([0.5, 2.0, 1.0])
    f = lambda x: np.sum((data.rows @ x) ** 2) * data.k
    expected = 2.0 * data.k * data.rows.T @ (data.rows @ x)
    for found in (
        gradient(f, x, method="exact"),
        grad(f)(x),
        gradient(f, np.tile(x, (20, 1)), batch=True, engine="simd")[0],
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-7)


x = np.array([0.5, 0.6])


class Vector:
    def __init__(self, v):
        self.x, self.y = v


def of_an_attribute_of_its_name(v):
    return Vector(v).x ** 2 * Vector(v).y


def of_the_variable(v):
    return v[0] * x[1]


def test_an_attribute_is_no_global_variable_of_its_name():
    assert shares_state(of_an_attribute_of_its_name, [x]) == ""
    np.testing.assert_allclose(gradient(of_an_attribute_of_its_name, x, method="exact"), [0.6, 0.25])
    assert "reads its argument also as x" in shares_state(of_the_variable, [x])


class Odd:
    """Says the same whatever it is asked for."""

    def __getattribute__(self, name):
        return 2.0


class Closed:
    def __getattribute__(self, name):
        raise RuntimeError


def test_attributes_of_objects_that_do_not_say():
    assert attributes(Odd()) == attributes(Closed()) == attributes(1.0) == {}
    assert attributes(test_attributes_of_objects_that_do_not_say) == {}
    odd = Odd()
    points = np.full((2_000, 2), 1.5)
    assert (gradient(lambda x: odd.k * x[0] ** 2, points, batch=True).round(6) == [6.0, 0.0]).all()
