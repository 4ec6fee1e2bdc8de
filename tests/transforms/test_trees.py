"""Parameters as dicts of arrays."""

import itertools

import numpy as np
import pytest

from fastgrad import ConstantFunctionWarning, EngineError, grad, value_and_grad
from fastgrad.transforms.trees import flatten, gradient_of_dict, unflatten

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
    value, slope = gradient_of_dict(operation, f, tree, {"order": 4})
    assert (value, seen["value"], seen["order"]) == (5.0, 27.0, 4)
    assert seen["vector"].tolist() == [1.0, 2.0, 4.0, 5.0]
    assert slope["w"].dtype == np.float32
    assert slope["b"].tolist() == [8, 10]
