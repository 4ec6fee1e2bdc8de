"""np.pad by ramps, extremes and medians of traced arrays."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

X = np.random.default_rng(0).uniform(0.4, 1.6, 6)
FORMS = {
    "ramp": lambda x: np.pad(x, (2, 3), "linear_ramp", end_values=(5, -4)),
    "ramp, one end": lambda x: np.pad(x, 2, "linear_ramp", end_values=x[0]),
    "ramp, plane": lambda x: np.pad(
        x.reshape(2, 3), ((1, 2), (0, 3)), "linear_ramp", end_values=((1.0, 2.0), (3.0, x[1]))
    ),
    "maximum": lambda x: np.pad(x, (2, 1), "maximum"),
    "minimum, length": lambda x: np.pad(x, 2, "minimum", stat_length=3),
    "maximum, plane": lambda x: np.pad(x.reshape(2, 3), 1, mode="maximum", stat_length=((1, 2), (2, 1))),
    "median": lambda x: np.pad(x.reshape(2, 3), ((1, 0), (1, 2)), "median"),
    "mean": lambda x: np.pad(x, 2, "mean"),
    "reflect": lambda x: np.pad(x, 2, "reflect"),
}


@pytest.mark.parametrize("name", FORMS)
def test_values_and_derivatives(name):
    f = FORMS[name]
    np.testing.assert_allclose(np.reshape(evaluate(trace(f, X.shape), list(X)), f(X).shape), f(X), rtol=1e-14)
    found = fastgrad.jacobian(f, X, method="exact")
    np.testing.assert_allclose(found, fastgrad.jacobian(f, X, engine="python"), rtol=1e-7, atol=1e-8)


def test_options_that_are_refused():
    with pytest.raises(Untraceable, match="options that cannot be traced"):
        trace(lambda x: np.pad(x, 2, "maximum", end_values=3.0), X.shape)
