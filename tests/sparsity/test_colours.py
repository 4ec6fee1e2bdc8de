"""Groups of columns that share no row."""

import numpy as np
from scipy import sparse

from fastgrad import sparsity
from fastgrad.sparsity.colours import colour


def test_groups_share_no_row():
    for seed in range(20):
        structure = sparse.random_array((40, 30), density=0.08, rng=np.random.default_rng(seed))
        pattern = sparsity.Pattern(structure)
        keys = pattern.rows * (pattern.count + 1) + pattern.groups[pattern.columns]
        assert len(np.unique(keys)) == pattern.nnz
        fullest = np.bincount(pattern.rows).max()
        assert fullest <= pattern.count <= fullest + 4
    assert sparsity.Pattern(np.eye(7)).count == 1
    assert sparsity.Pattern(np.zeros((2, 3))).groups.tolist() == [-1, -1, -1]


def test_a_band_takes_as_many_groups_as_it_is_wide():
    rows, columns = np.nonzero(np.eye(9) + np.eye(9, k=1))
    assert colour((9, 9), rows, columns).tolist() == [0, 1] * 4 + [0]
