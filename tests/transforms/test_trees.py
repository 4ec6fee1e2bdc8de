"""Parameters as dicts of arrays."""

import itertools
import math
from typing import NamedTuple

import numpy as np
import pytest

from fastgrad import ConstantFunctionWarning, EngineError, grad, hess, hessian, jac, jacobian, value_and_grad
from fastgrad.engine.simd import traces
from fastgrad.transforms.trees import Form, derivative_of_tree, flatten, is_tree, unflatten

SCALE = 2.0
W = np.arange(1.0, 7.0).reshape(2, 3)
PARAMS = {"W": W, "more": {"scale": 2, "b": [1.0, 3.0]}}


def loss(p, a=1.0):
    return a * p["more"]["scale"] * np.sum(np.sin(p["W"])) + np.sum(p["more"]["b"] ** 2)


def check(slope, a=1.0):
    assert list(slope) == ["W", "more"]
    assert list(slope["more"]) == ["scale", "b"]
    np.testing.assert_allclose(slope["W"], 2 * a * np.cos(W), rtol=1e-9)
    np.testing.assert_allclose(slope["more"]["scale"], a * np.sin(W).sum(), rtol=1e-9)
    np.testing.assert_allclose(slope["more"]["b"], [2.0, 6.0], rtol=1e-9)


@pytest.mark.parametrize("engine", ["auto", "python", "simd", "reference"])
def test_gradients_have_the_form_of_the_parameters(engine):
    slope = grad(loss, engine=engine)(PARAMS)
    check(slope)
    assert isinstance(slope["more"]["scale"], np.float64)
    value, slope = value_and_grad(loss, engine=engine)(PARAMS, 2.0)
    assert value == pytest.approx(loss({"W": W, "more": {"scale": 2, "b": np.array([1.0, 3.0])}}, 2.0))
    check(slope, 2.0)


def test_f_gets_arrays_of_its_own():
    params, kept = {"a": np.ones(2), "b": np.ones(3)}, []

    def f(p):
        assert p["a"].base is not params["a"]
        p["a"] *= 2
        p["b"] = p["b"] ** 2
        kept.append(p["a"])
        return np.sum(p["a"] ** 2) + np.sum(p["b"])

    slope = grad(f)(params)
    np.testing.assert_allclose(slope["a"], 8.0)
    np.testing.assert_allclose(slope["b"], 2.0)
    assert np.array_equal(params["a"], np.ones(2))
    assert not any(np.may_share_memory(a, b) for a, b in itertools.pairwise(kept))


def test_dtypes_are_kept():
    slope = grad(lambda p: np.sum(p["a"] ** 2) + p["n"] ** 2)({"a": np.ones(2, np.float32), "n": 3})
    assert slope["a"].dtype == np.float32
    assert slope["n"].dtype == np.float64
    assert slope["n"] == pytest.approx(6.0)


def test_full_output_and_complex_steps():
    full = grad(loss, full_output=True)(PARAMS)
    check(full.value)
    assert (full.error, full.nfev, full.engine) == (None, 18, "python")
    assert full.h["W"].shape == full.status["W"].shape == (2, 3)
    check(grad(loss, method="complex")(PARAMS))
    check(grad(loss, h=1e-5, order=4)(PARAMS))


def test_nothing_to_differentiate():
    assert grad(lambda p: 1.0)({}) == {}
    assert grad(lambda p: 1.0)({"a": {}, "b": np.empty((0, 2))})["b"].shape == (0, 2)


def test_a_function_that_does_not_read_its_dict():
    with pytest.warns(ConstantFunctionWarning) as seen:
        grad(lambda p: 1.0)({"a": np.ones(2)})
    assert seen[0].filename == __file__


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch": True}, "batch does not fit x, a dict"),
        ({"out": np.empty(9)}, "out does not fit x, a dict"),
        ({"batch_args": (W,)}, "batch_args does not fit x, a dict"),
        ({"h": [1e-5, 1e-6]}, r"h has shape \(2,\).*give one number"),
        ({"engine": "jit"}, "Numba compiles no f of a dict"),
    ],
)
def test_options_that_do_not_fit(options, words):
    with pytest.raises(ValueError, match=words) as caught:
        grad(loss, **options)(PARAMS)
    assert isinstance(caught.value, EngineError) == ("engine" in options)


def test_leaves_that_are_no_numbers():
    for x, words in (
        ({"a": {"b": "text"}}, r"x\['a'\]\['b'\] must hold real numbers"),
        ({"a": [1j]}, r"x\['a'\] is complex"),
    ):
        with pytest.raises(TypeError, match=words):
            grad(loss)(x)


def test_a_dict_becomes_a_vector_and_a_dict_again():
    tree = {"a": np.arange(6).reshape(2, 3), 7: {"b": 2.5, "none": np.empty((0, 4))}, "c": np.float32([1, 2])}
    vector, form = flatten(tree)
    assert vector.tolist() == [0, 1, 2, 3, 4, 5, 2.5, 1, 2]
    again = unflatten(form, vector)
    assert list(again) == ["a", 7, "c"]
    assert again["a"].tolist() == tree["a"].tolist()
    assert (again[7]["b"], again[7]["none"].shape) == (2.5, (0, 4))
    again["c"][0] = 9.0
    assert vector[7] == 9.0  # views
    assert flatten({})[0].shape == (0,)
    with pytest.raises(TypeError, match=r"x\['a'\]\['b'\] must hold real numbers"):
        flatten({"a": {"b": "text"}})


def test_f_gets_a_dict_and_the_operation_a_vector():
    seen = {}

    def operation(f, vector, **options):
        seen.update(options, value=f(vector, 3.0), vector=vector.copy())
        return 5.0, 2.0 * vector

    def f(p, a):
        p["w"][0] = 0.0  # its own
        return a * np.sum(p["b"])

    tree = {"w": np.float32([1, 2]), "b": np.array([4, 5])}
    value, slope = derivative_of_tree(operation, f, tree, {"order": 4})
    assert (value, seen["value"], seen["order"]) == (5.0, 27.0, 4)
    assert seen["vector"].tolist() == [1.0, 2.0, 4.0, 5.0]
    assert slope["w"].dtype == np.float32
    assert slope["b"].tolist() == [8, 10]


class Layer(NamedTuple):
    W: np.ndarray
    b: float


def of_list(p):
    (W, b), v = p
    return np.sum(np.sin(W)) * b + np.sum(v**3)


@pytest.mark.parametrize("form", [list, tuple])
def test_lists_and_tuples(form):
    x = form([Layer(W, 2.0), np.array([1.0, 2.0])])
    slope = grad(of_list)(x)
    assert (type(slope), type(slope[0])) == (form, Layer)
    np.testing.assert_allclose(slope[0].W, 2 * np.cos(W), rtol=1e-9)
    np.testing.assert_allclose(slope[0].b, np.sin(W).sum(), rtol=1e-9)
    np.testing.assert_allclose(slope[1], [3.0, 12.0], rtol=1e-9)
    value, slope = value_and_grad(of_list)(x)
    assert value == of_list(x)


def test_lists_of_numbers_are_arrays():
    for x in ([1.0, 2.0], (1.0, 2.0), [[1.0, 2.0], [3.0, 4.0]], [np.float64(1), np.array(2.0)]):
        assert type(grad(lambda x: np.sum(x**2))(x)) is np.ndarray
    points = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
    assert grad(lambda x: np.sum(x**2), batch=True)(points).round(6).tolist() == [[2.0, 4.0], [6.0, 8.0]]


def test_what_is_a_tree():
    assert all(map(is_tree, ({}, {"a": 1.0}, [np.ones(2)], [1.0, (np.ones(2),)], [{"a": 1.0}])))
    assert not any(map(is_tree, (1.0, [], [1.0], [[1.0], [2.0]], np.ones(2), [np.array(1.0)], None, "text")))


def several(p):
    return np.concatenate([p["a"] ** 2 * p["b"][0], p["b"]])


TWO = {"a": np.array([1.0, 2.0]), "b": np.array([[3.0], [4.0], [5.0]])[:, 0]}


def of_vector(x):
    return several({"a": x[:2], "b": x[2:]})


def test_jacobians():
    found, plain = jac(several)(TWO), jacobian(of_vector, np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    np.testing.assert_allclose(np.concatenate([found["a"], found["b"]], axis=1), plain, rtol=1e-9, atol=1e-9)
    block = jac(lambda p: np.outer(p["W"][0], p["W"][1]))({"W": W})["W"]
    assert block.shape == (3, 3, 2, 3)


def test_hessians():
    def f(p):
        return np.sum(several(p) ** 2)

    found, plain = hess(f)(TWO), hessian(lambda x: np.sum(of_vector(x) ** 2), np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    rows = [np.concatenate([found[a][b] for b in "ab"], axis=1) for a in "ab"]
    np.testing.assert_allclose(np.concatenate(rows), plain, rtol=1e-6, atol=1e-5)
    mixed = hess(lambda p: p["s"] * np.sum(p["W"] ** 2), method="exact")({"s": 2.0, "W": W})
    assert mixed["s"]["s"] == 0.0
    np.testing.assert_array_equal(mixed["s"]["W"], 2 * W)
    np.testing.assert_array_equal(mixed["W"]["s"], 2 * W)
    assert mixed["W"]["W"].shape == (2, 3, 2, 3)


def test_steps_and_bounds_in_the_form_of_x():
    steps = {"W": 1e-3, "more": {"b": [1e-4, 1e-5], "scale": 1e-2}}
    taken = grad(loss, h=steps, full_output=True)(PARAMS).h
    assert taken["W"].round(6).tolist() == [[1e-3] * 3] * 2
    assert taken["more"]["b"].round(7).tolist() == [1e-4, 1e-5]
    assert taken["more"]["scale"].round(5) == 1e-2
    lowest = []

    def guarded(p):
        lowest.append(min(p["more"]["b"]))
        return loss(p)

    check(grad(guarded, order=4, bounds={"more": {"b": (1.0, None)}, "W": None}, engine="python")(PARAMS))
    assert min(lowest) == 1.0
    check(grad(loss, order=4, bounds={"more": {"b": (np.array([1.0, 2.0]), 3.0)}})(PARAMS))
    check(grad(loss, bounds=(-10.0, 10.0))(PARAMS))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"h": {"W": 1e-3}}, r"h has \['W'\], x has \['W', 'more'\].*the form of x"),
        ({"bounds": {"V": (0, 1)}}, r"bounds has \['V'\], x has \['W', 'more'\]"),
        ({"bounds": {"W": 3.0}}, r"must be a pair \(lowest, highest\), got 3.0"),
        ({"rel_step": {"W": [1e-3] * 5, "more": {"b": 1.0, "scale": 1.0}}}, r"rel_step\['W'\] has shape \(5,\)"),
        ({"bounds": {"W": (100.0, None)}}, "lies outside its bounds"),
    ],
)
def test_steps_and_bounds_of_another_form(options, words):
    with pytest.raises(ValueError, match=words):
        grad(loss, **options)(PARAMS)


def test_functions_of_trees_are_traced_as_others_are():
    """Behind a function of fastgrad's own f would not be found: its branches, and arrays that it fills."""

    def branching(p):
        return max(p["a"], p["b"][0]) if p["a"] > 0.5 else p["a"] ** 2

    def filling(p):
        made = np.zeros(3)
        made[0] = p["a"]
        made[1:] = p["b"] ** 2
        return np.sum(made**2) * math.sqrt(p["a"])

    for f in (branching, filling):
        for a in (0.25, 0.75, 3.0):
            x = {"a": a, "b": np.array([1.0, 2.0])}
            exact, plain = grad(f, method="exact")(x), grad(f, order=8, engine="python")(x)
            for name in x:
                np.testing.assert_allclose(exact[name], plain[name], rtol=1e-8, atol=1e-10)


def scaled(p):
    return SCALE * (np.sum(p["a"] ** 2) + p["b"])


def test_traces_of_functions_of_trees_are_kept(monkeypatch):
    x = {"a": np.array([1.0, 2.0]), "b": 3.0}
    slope = grad(scaled, method="exact")
    before, asked = slope(x), []
    trace = traces.trace
    monkeypatch.setattr(traces, "trace", lambda *args, **options: asked.append(args) or trace(*args, **options))
    again = slope({"a": x["a"] + 1.0, "b": 3.0})
    assert asked == []
    np.testing.assert_allclose(again["a"], 2.0 * SCALE * (x["a"] + 1.0))
    monkeypatch.setitem(globals(), "SCALE", 7.0)
    np.testing.assert_allclose(slope(x)["a"], before["a"] * 3.5)
    other = slope({"b": 3.0, "a": np.ones(3)})
    assert list(other) == ["b", "a"]
    np.testing.assert_allclose(other["a"], 14.0 * np.ones(3))


class Pair(NamedTuple):
    a: float
    b: np.ndarray


def test_what_tells_forms_apart():
    one, two = 1.0, np.ones(2)
    trees = [{"a": one, "b": two}, {"b": one, "a": two}, [one, two], (one, two), Pair(one, two)]
    contents = [Form(flatten(tree)[1]).content for tree in trees]
    assert len(set(contents)) == len(trees)
    assert Form(flatten(trees[0])[1]).content == contents[0]
