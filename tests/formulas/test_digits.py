"""The precision of numbers by their digits."""

import numpy as np
import pytest

from fastgrad.formulas.digits import may_be_rounded, precision_of


@pytest.mark.parametrize(
    ("values", "precision"),
    [
        ([0.1234, 0.1259, 0.1301], 1e-4 / 0.1301),
        ([123.4, 125.9, 130.1], 0.1 / 130.1),
        ([1.5, 1.1234567890123457], 2.0**-52),
        ([np.float32(0.1) + 0.0, float(np.float32(0.3)), float(np.float32(0.7))], 2.0**-23),
        ([2.0, 2.0, 2.0], 2.0**-52),  # a constant
        ([0.0, 0.0], 2.0**-52),
        ([], 2.0**-52),
    ],
)
def test_precision_by_digits(values, precision):
    assert precision_of([float(v) for v in values]) == pytest.approx(precision, rel=1e-6)


def test_which_single_numbers_may_be_rounded():
    assert all(map(may_be_rounded, (0.5, 3.0, 0.1234, 1e-8, 123456.0, float(np.float32(0.1)))))
    assert not any(map(may_be_rounded, (0.1 + 0.2, np.pi, float("nan"), float("inf"), 1.0 / 3.0)))
