"""Derivatives of functions of single numbers: every ufunc that traces, against differences; at kinks the mean."""

import numpy as np
import pytest

from fastgrad.arrays.nodes import Node, RefusedError, constant, ufunc
from fastgrad.arrays.pointwise import partials

X = np.array([0.3, -0.7, 0.9, 1.7])
DOMAINS = {
    "arccosh": X + 2, "arcsin": X / 2, "arccos": X / 2, "arctanh": X / 2, "log": X + 1, "log2": X + 1, "log10": X + 1,
    "log1p": X, "sqrt": X + 1, "cbrt": X + 1,
}  # fmt: skip
UNARY = (
    "sqrt absolute fabs negative positive floor ceil trunc rint sign sin cos tan arcsin arccos arctan sinh cosh "
    "tanh arcsinh arccosh arctanh exp exp2 expm1 log log2 log10 log1p cbrt square reciprocal deg2rad rad2deg "
    "radians degrees "
)
BINARY = (
    "add subtract multiply divide true_divide minimum maximum fmin fmax copysign arctan2 hypot remainder fmod power "
    "float_power floor_divide logaddexp logaddexp2 heaviside "
)


def differences(function, values, k, h=1e-3):
    total = 0.0
    for n, number in ((1, 672), (2, -168), (3, 32), (4, -3)):
        above, below = ([v + s * n * h * (m == k) for m, v in enumerate(values)] for s in (1, -1))
        total = total + number * (function(*above) - function(*below))
    return total / (840 * h)


@pytest.mark.parametrize("name", UNARY.split())
def test_of_one_number(name):
    x = Node("parameter", value=DOMAINS.get(name, X))
    ((argument, found),) = partials(ufunc(getattr(np, name), x))
    assert argument is x
    expected = differences(getattr(np, name), [x.value], 0)
    np.testing.assert_allclose(np.broadcast_to(found, X.shape), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", BINARY.split())
def test_of_two_numbers(name):
    x, y = Node("parameter", value=np.abs(X) + 0.05), Node("parameter", value=X[::-1] + 2.33)
    node = ufunc(getattr(np, name), x, y)
    for k, (argument, found) in enumerate(partials(node)):
        assert argument is (x, y)[k]
        expected = differences(getattr(np, name), [x.value, y.value], k)
        np.testing.assert_allclose(np.broadcast_to(found, X.shape), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("exponent", [2, 3, -1, 0.5, 0, 2.5])
def test_of_a_number_and_a_constant(exponent):
    x = Node("parameter", value=np.abs(X))
    for node, function in [
        (ufunc(np.power, x, constant(exponent)), lambda v: v**exponent),
        (ufunc(np.multiply, constant(np.arange(4.0)), x), lambda v: np.arange(4.0) * v),
    ]:  # fmt: skip
        ((_, found),) = partials(node)
        np.testing.assert_allclose(
            np.broadcast_to(found, X.shape), differences(function, [x.value], 0), rtol=1e-8, atol=1e-8
        )


@pytest.mark.parametrize(
    ("function", "at", "slopes"),
    [
        (np.absolute, [0.0], [0.0]), (np.maximum, [1.0, 1.0], [0.5, 0.5]), (np.minimum, [1.0, 1.0], [0.5, 0.5]),
        (np.hypot, [0.0, 0.0], [0.0, 0.0]), (np.sign, [0.0], [0.0]),
    ],
    ids=["abs", "maximum", "minimum", "hypot", "sign"],
)  # fmt: skip
def test_at_a_kink_the_mean_of_both_sides(function, at, slopes):
    node = ufunc(function, *[Node("parameter", value=np.array([v])) for v in at])
    assert [float(np.ravel(p)[0]) for _, p in partials(node)] == slopes


def test_what_has_no_derivative_is_refused():
    special = pytest.importorskip("scipy.special")
    with pytest.raises(RefusedError, match=r"the derivative of np\.zetac is not known"):
        partials(ufunc(special.zetac, Node("parameter", value=np.array([0.3]))))


def test_truths_have_no_derivative():
    x = Node("parameter", value=X)
    positive = ufunc(np.greater, x, constant(0.0))
    assert [a for a, _ in partials(ufunc(np.multiply, positive, x))] == [x]
