"""A kernel that is bound once, at other arrays."""

from __future__ import annotations

import numpy as np
import pytest

from fastgrad.engine.call import Call, Rows
from fastgrad.engine.choose import choose
from fastgrad.formulas import stencils
from fastgrad.formulas.steps import Steps

X = np.random.default_rng(0).uniform(0.5, 1.5, (2_000, 2))


def rebound(call, engine, out):
    code = choose(call, engine, out).code
    return code.again(call, out) if hasattr(code, "again") else None


def call_of(f, x=X):
    return Call(f, Rows(x, (2,)), stencils.gradient(2), Steps("absolute", np.asarray(1e-4)))


def test_other_arrays_are_read_and_written():
    made = rebound(call_of(lambda x: x[0] ** 2 * x[1]), "simd", np.empty(X.shape))
    for x in (X, X + 1.0, X[::-1].copy()):
        out = np.full(X.shape, np.nan)
        assert made(x, out)
        np.testing.assert_allclose(out, np.stack([2.0 * x[:, 0] * x[:, 1], x[:, 0] ** 2], axis=1), rtol=1e-7)


def test_what_f_is_to_be_asked_about_is_told_and_forgotten():
    made = rebound(call_of(lambda x: np.log(x[0]) * x[1]), "simd", np.empty(X.shape))
    bad = X.copy()
    bad[1_500] = np.nan
    out = np.empty(X.shape)
    assert [made(x, out) for x in (X, bad, X)] == [True, False, True]


@pytest.mark.parametrize(
    "f",
    [lambda x: x[0] if x[0] > 9.0 else x[1] ** 2, lambda x: float(str(x[0])) * x[1]],
    ids=["a side that no point takes", "no trace"],
)
def test_functions_of_other_kinds_are_not_bound(f):
    assert rebound(call_of(f), "auto", np.empty(X.shape)) is None


def test_few_points_need_copies():
    few = X[:3]
    assert rebound(call_of(lambda x: x[0] * x[1], few), "simd", np.empty(few.shape)) is None
