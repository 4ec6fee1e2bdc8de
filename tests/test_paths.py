"""The public import paths: whatever room a thing lives in, it is found where it always was."""

import importlib
import pickle

import numpy as np
import pytest

import fastgrad

PATHS = {
    "fastgrad": [*fastgrad.__all__, "__version__"],
    "fastgrad.book": [
        "NondifferentiableError", "check_backward", "eval_numerical_gradient", "eval_numerical_gradient_array",
        "grad_check_sparse", "gradient_descent", "numerical_diff", "numerical_grad", "numerical_gradient",
        "numerical_gradient_2d", "rel_error", "tangent_line",
    ],
    "fastgrad.checking": ["GradientCheck", "check_gradient"],
    "fastgrad.compiled": ["grad", "jacobian"],
    "fastgrad.grid": ["curl", "divergence", "gradient", "laplacian", "matrix"],
    "fastgrad.nn": [
        "ACTIVATIONS", "LOSSES", "MLP", "SimpleNet", "TwoLayerNet", "cross_entropy_error", "mean_squared_error", "relu",
        "sigmoid", "softmax",
    ],
    "fastgrad.plot": ["BLUE", "ORANGE", "convergence", "descent", "quiver", "streamplot"],
    "fastgrad.results": [
        "EPS", "ConstantFunctionWarning", "EngineError", "Explanation", "PerformanceWarning", "Result",
    ],
    "fastgrad.sparsity": ["Pattern", "hessian", "hessian_pattern", "jacobian", "pattern"],
    "fastgrad.transforms": ["for_minimize", "grad", "hess", "hessp", "jac", "value_and_grad", "vjp"],
    "fastgrad.variable": [
        "InvalidType", "Variable", "absolute", "arccos", "arcsin", "arctan", "as_variable", "broadcast_to", "clip",
        "concat", "cos", "cosh", "exp", "grad", "leaky_relu", "linear", "log", "log10", "log2", "log_softmax",
        "logsumexp", "matmul", "max", "maximum", "mean", "mean_squared_error", "min", "minimum", "no_backprop_mode",
        "relu", "reshape", "sigmoid", "sin", "sinh", "softmax", "softmax_cross_entropy", "softplus", "sqrt", "square",
        "squeeze", "sum", "tan", "tanh", "transpose",
    ],
}  # fmt: skip


@pytest.mark.parametrize("module", PATHS)
def test_public_paths(module):
    found = importlib.import_module(module)
    assert [name for name in PATHS[module] if not hasattr(found, name)] == []


@pytest.mark.parametrize("module", [name for name in PATHS if name != "fastgrad"])
def test_submodules_are_attributes_of_the_package(module):
    assert getattr(fastgrad, module.partition(".")[2]) is importlib.import_module(module)


def test_star_imports_of_variable():
    names = {}
    exec("from fastgrad.variable import *", names)
    assert set(PATHS["fastgrad.variable"]) <= names.keys()


def test_dir_shows_what_is_public():
    shown = dir(fastgrad)
    submodules = {module.partition(".")[2] for module in PATHS} - {""}
    assert set(shown) == {*fastgrad.__all__, "__version__", *submodules}
    assert all(hasattr(fastgrad, name) for name in shown)
    assert len(shown) <= 60


@pytest.mark.parametrize(
    ("module", "name"),
    [("fastgrad.nn", "MLP"), ("fastgrad", "Variable"), ("fastgrad.sparsity", "Pattern"), ("fastgrad", "Result")],
)
def test_old_pickles_name_public_paths(module, name):
    # protocol 0 writes a class as its module and its name
    assert pickle.loads(f"c{module}\n{name}\n.".encode()) is getattr(importlib.import_module(module), name)


def test_objects_of_public_classes_are_pickled():
    x = fastgrad.Variable(np.array([1.0, 2.0]), name="x")
    network = fastgrad.nn.MLP((3, 2), rng=np.random.default_rng(0))
    pattern = fastgrad.sparsity.Pattern(np.eye(3))
    result = fastgrad.gradient(lambda x: np.sum(x**2), np.ones(2), full_output=True)
    again = pickle.loads(pickle.dumps((x, network, pattern, result)))
    assert (again[0].array.tolist(), again[0].name) == ([1.0, 2.0], "x")
    assert all(np.array_equal(a, b) for a, b in zip(again[1].params.values(), network.params.values(), strict=True))
    assert again[2].groups.tolist() == pattern.groups.tolist()
    assert again[3].value.tolist() == result.value.tolist()
