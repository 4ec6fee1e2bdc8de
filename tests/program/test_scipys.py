"""What is SciPy's own, and what only has its name."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.keys import unchanging
from fastgrad.program.scipys import is_own_function, is_own_ufunc, module

special = pytest.importorskip("scipy.special")


def test_ufuncs_of_its_own_files(monkeypatch):
    assert is_own_ufunc(special.gammaln)
    assert is_own_ufunc(special.psi)
    assert is_own_ufunc(special.digamma)
    assert not is_own_ufunc(np.exp)
    assert not is_own_ufunc(len)
    other = np.frompyfunc(lambda x: x, 1, 1)
    monkeypatch.setattr(special, "erf", other)
    assert not is_own_ufunc(special.erf)


def test_functions_of_its_own_files():
    assert is_own_function(special.logsumexp)
    assert not is_own_function(special.erf)
    assert not is_own_function(lambda x: x)


def test_a_module_that_nobody_imported_is_not_there():
    assert module("scipy.special") is special
    assert module("scipy.nothing") is None


# --- traces that are kept ---------------------------------------------------------------------------------------------


def test_a_function_of_ufuncs_has_a_key():
    import scipy

    gammaln = special.gammaln
    functions = [
        lambda x: special.expit(x[0]),
        lambda x: scipy.special.expit(x[0]) * np.exp(x[0]),
        lambda x: gammaln(x[0]),
    ]
    keys = [unchanging(f, ()) for f in functions]
    assert None not in keys
    assert len(set(keys)) == 3


def test_other_functions_of_scipy_have_none(monkeypatch):
    stats = pytest.importorskip("scipy.stats")
    norm = stats.norm
    functions = [
        lambda x: special.logsumexp(x),  # noqa: PLW0108
        lambda x: norm.logpdf(x[0]),
        lambda x: stats.norm.logpdf(x[0]),
        lambda x: x[0] * special.errstate().__enter__(),
    ]
    assert [unchanging(f, ()) for f in functions] == [None] * 4
    monkeypatch.setattr(special, "expit", np.frompyfunc(lambda x: x, 1, 1))
    assert unchanging(lambda x: special.expit(x[0]), ()) is None


def test_another_function_under_the_name_is_seen(monkeypatch):
    points = np.linspace(0.1, 2.0, 200)[:, None]
    f = lambda x: special.expit(x[0])
    g = fastgrad.grad(f, method="exact")
    before = g(points[0])
    monkeypatch.setattr(special, "expit", special.erf)
    assert g(points[0]) == pytest.approx(2 / np.sqrt(np.pi) * np.exp(-(points[0] ** 2)))
    monkeypatch.setattr(special, "expit", lambda x: 3.0 * x)
    assert g(points[0]) == pytest.approx([3.0])
    monkeypatch.undo()
    assert g(points[0]) == before
