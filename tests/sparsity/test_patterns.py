"""Patterns in all their forms."""

import sys

import numpy as np
import pytest
from scipy import sparse

from fastgrad import sparsity
from fastgrad.sparsity.patterns import Pattern, read_pattern
from tests.counting import Counting
from tests.sparsity.functions import X, broyden, chain, places, tridiagonal


def test_an_empty_pattern_and_no_coordinates():
    f = Counting(lambda x: x[:3] if x.size else np.zeros(3))
    found = sparsity.jacobian(f, X, pattern=sparse.csr_array((3, 12)), check=False)
    assert (found.shape, found.nnz) == ((3, 12), 0)
    assert sparsity.jacobian(f, np.zeros(0), pattern=np.zeros((3, 0))).shape == (3, 0)
    assert sparsity.hessian(lambda x: 0.0, np.zeros(0)).shape == (0, 0)


def test_patterns_in_every_form():
    exact = np.eye(12) + np.eye(12, k=1) + np.eye(12, k=-1)
    made = sparsity.Pattern(exact)
    forms = [exact, exact.astype(bool), exact.tolist(), made, sparsity.Pattern(made)]
    forms += [getattr(sparse.coo_array(exact), f"to{name}")() for name in ("coo", "csr", "csc", "lil", "dia", "bsr")]
    forms += [sparse.csr_matrix(exact), sparse.csr_array(exact.astype(bool))]
    for form in forms:
        assert np.array_equal(
            sparsity.jacobian(broyden, X, pattern=form).toarray(), sparsity.jacobian(broyden, X).toarray()
        )
    assert made.groups is made.groups
    assert repr(made) == "Pattern of shape (12, 12): 34 entries, 3 groups of columns"
    assert np.array_equal(made.matrix().toarray(), exact)


def test_stored_zeros_are_entries_and_duplicates_one():
    first = sparsity.jacobian(broyden, np.full(12, 0.75))
    assert not first.diagonal().any()
    assert places(sparsity.Pattern(first).matrix()) == places(tridiagonal(12))
    twice = sparse.coo_array(([1.0, -1.0, 1.0], ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    assert sparsity.Pattern(twice).nnz == 2


def test_scipy_is_asked_for_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    for derivative in (sparsity.jacobian, sparsity.hessian):
        with pytest.raises(ImportError, match=r"pip install 'fastgrad\[sparse\]'"):
            derivative(chain, X)
    assert sparsity.pattern(broyden, X).count == 3


def test_entries_that_another_pattern_has_more():
    small, large = Pattern(np.eye(3)), Pattern(np.tri(3))
    missing = small.lacking(large)
    assert (missing.rows.tolist(), missing.columns.tolist()) == ([1, 2, 2], [0, 0, 1])
    assert small.symmetric is small
    with pytest.raises(ValueError, match="4 coordinates"):
        read_pattern(small, 4)
