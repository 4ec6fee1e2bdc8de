"""What is SciPy's own, and what only has its name."""

import numpy as np
import pytest

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
