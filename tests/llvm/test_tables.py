import numpy as np
import pytest

import fastgrad
from fastgrad.llvm.lanes import Lanes
from fastgrad.llvm.tables import entry

TABLE = np.arange(64.0) ** 2


def test_equal_tables_are_one_constant():
    v = Lanes(4)
    for table in (TABLE, TABLE.copy(), TABLE + 1.0):
        entry(v, table.tobytes(), v.splat(1.0))
    assert len([name for name in v.declared if name.startswith("table.")]) == 2
    assert sum(text.count("internal constant [512 x i8]") for text in v.declared.values()) == 2


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8, 64])
def test_tables_of_any_length_and_points_of_any_number(count):
    table = np.random.default_rng(count).normal(size=17 + count)
    points = np.random.default_rng(0).uniform(0.0, len(table) - 0.01, (count, 2))
    found = fastgrad.gradient(lambda x: table[int(x[0])] * x[1] ** 2, points, batch=True, engine="simd", method="exact")
    wanted = np.stack([np.zeros(count), 2.0 * table[points[:, 0].astype(int)] * points[:, 1]], axis=1)
    np.testing.assert_allclose(found, wanted, rtol=1e-14)
