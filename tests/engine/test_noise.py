"""What `noise=` may be, and beside which other options."""

import numpy as np
import pytest

from fastgrad.engine.noise import check_noise


@pytest.mark.parametrize(("given", "read"), [(None, None), (1, 1.0), (np.float32(0.5), 0.5), ("estimate", "estimate")])
def test_what_it_may_be(given, read):
    found = check_noise(given, "central", 2, None, None, None)
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize("given", [0.0, -1.0, np.nan, np.inf, "guess", [1e-3, 1e-3], np.ones(2), True, 1j, object()])
def test_what_it_may_not_be(given):
    with pytest.raises(ValueError, match=r"must be a positive number.*or 'estimate'"):
        check_noise(given, "central", 2, None, None, None)


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        (("central", 4, None, None, None), "order=4"),
        (("forward", 2, None, None, None), "method='forward'"),
        (("exact", 2, None, None, None), "method='exact'"),
        (("complex", 2, None, None, None), "method='complex'"),
        (("central", 2, 1e-3, None, None), "does not fit h=; use no h"),
        (("central", 2, None, 1e-3, None), "does not fit rel_step=; use no rel_step"),
        (("central", 2, None, None, (0, 1)), "does not fit bounds=; use method='adaptive'"),
    ],
)
def test_what_it_does_not_fit(beside, said):
    with pytest.raises(ValueError, match=r"noise=0\.5") as caught:
        check_noise(0.5, *beside)
    assert said in str(caught.value)


def test_adaptive_steps_take_it_with_all():
    assert check_noise(0.5, "adaptive", 4, 1e-3, None, (0, 1)) == 0.5
