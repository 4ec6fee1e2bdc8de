"""The optimizers' landscapes at their known minima."""

from __future__ import annotations

import numpy as np
import pytest

from fastgrad.formulas import landscapes
from fastgrad.formulas.samples import SAMPLES


@pytest.mark.parametrize(
    ("name", "point", "value"),
    [
        ("rosenbrock", (1.0, 1.0, 1.0), 0.0),
        ("himmelblau", (3.0, 2.0), 0.0),
        ("beale", (3.0, 0.5), 0.0),
        ("booth", (1.0, 3.0), 0.0),
        ("matyas", (0.0, 0.0), 0.0),
        ("mccormick", (0.5 - np.pi / 3, -0.5 - np.pi / 3), -1.9132229549810367),
        ("branin", (np.pi, 2.275), 0.39788735772973816),
        ("rastrigin", (0.0, 0.0, 0.0), 0.0),
        ("griewank", (0.0, 0.0, 0.0), 0.0),
        ("styblinski", (-2.903534027771178,), -39.16616570377142),
        ("powell", (0.0, 0.0, 0.0, 0.0), 0.0),
    ],
)
def test_known_minimum(name, point, value):
    sample = SAMPLES[name]
    x = np.array(point)
    assert sample.f(x) == pytest.approx(value, abs=1e-12)
    assert np.max(np.abs(sample.gradient(x))) < 1e-12


def test_every_landscape_is_a_sample():
    named = [name for name in vars(landscapes) if f"{name}_grad" in vars(landscapes)]
    assert len(named) == 11
    assert all(SAMPLES[name].f is getattr(landscapes, name) for name in named)
