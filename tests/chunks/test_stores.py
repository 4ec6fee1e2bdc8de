"""What counts as a store."""

import numpy as np

from fastgrad.chunks.stores import is_store


class Store:
    shape, dtype, ndim = (2, 3), np.dtype(float), 2

    def __getitem__(self, index):
        return np.zeros(self.shape)[index]

    def __setitem__(self, index, block):
        pass


class Computes(Store):
    __array_ufunc__ = None


def test_what_can_be_written_block_by_block_is_a_store():
    assert is_store(Store())
    assert not any(map(is_store, [np.ones((2, 3)), Computes(), [[1.0]], None]))
