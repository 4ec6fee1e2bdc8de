"""What tests of pictures have in common."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure


@pytest.fixture(autouse=True)
def _figures(monkeypatch):
    """No picture is shown, and each test has its own."""

    def shown(*_, **__):
        pytest.fail("the figure was shown")

    monkeypatch.setattr(plt, "show", shown)
    monkeypatch.setattr(Figure, "show", shown)
    plt.close("all")
    yield
    plt.close("all")
