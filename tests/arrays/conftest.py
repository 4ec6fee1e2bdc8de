"""What tests of array programs have in common."""

import pytest

from fastgrad.arrays import shelf


@pytest.fixture(autouse=True)
def _empty_shelf():
    """Programs of losses are kept between calls, not between tests."""
    shelf.clear()
