"""The step that `explain` names: it is better, and the error is about what was said."""

from __future__ import annotations

import re

import numpy as np
import pytest

import fastgrad
from fastgrad.formulas.samples import SAMPLES

SAID = re.compile(r"an error of about (\S+) at coordinate (\d+), h=(\S+) there one of (\S+)$")
P = np.random.default_rng(3).uniform(0.5, 2.0, (2000, 3))
WAVES = {
    "sin": lambda x: np.sin(3000.0 * x[0]) + x[1] * x[2],
    "product": lambda x: x[2] * np.cos(500.0 * x[1] * x[0]),
    "growth": lambda x: x[1] * np.exp(300.0 * x[2] - 600.0),
}


@pytest.mark.parametrize("f", WAVES.values(), ids=WAVES)
@pytest.mark.parametrize("h", [None, 1e-4])
def test_the_error_is_as_said_and_the_other_step_is_better(f, h):
    some = P[np.linspace(0, len(P) - 1, 4).astype(int)]
    left, i, step, least = SAID.search(fastgrad.explain(f, some, batch=True, h=h, engine="simd")).groups()
    exact = fastgrad.gradient(f, some, batch=True, method="exact")[:, int(i)]

    def error(h):
        return np.abs(fastgrad.gradient(f, some, batch=True, h=h)[:, int(i)] - exact).max()

    assert error(float(step)) < 3.0 * float(least)
    assert error(float(step)) < 0.1 * error(h)
    if h is None:  # a longer one is beyond the first term of the series
        assert 0.5 < error(h) / float(left) < 2.0


def test_many_points_are_looked_at_in_four_places():
    text = fastgrad.explain(WAVES["sin"], P, batch=True)
    assert SAID.search(text).group(2) == "0"
    some = P[np.linspace(0, len(P) - 1, 4).astype(int)]
    assert fastgrad.explain(WAVES["sin"], some, batch=True, engine="simd").endswith(text[text.index("the step") :])


def test_batch_args_and_single_points():
    def f(x, w):
        return np.sin(w * x[0])

    assert SAID.search(fastgrad.explain(f, P, batch=True, batch_args=(np.full(len(P), 3000.0),)))
    assert not SAID.search(fastgrad.explain(f, P, batch=True, batch_args=(np.full(len(P), 3.0),)))
    assert SAID.search(fastgrad.explain(WAVES["sin"], P[0], engine="simd"))


@pytest.mark.parametrize(
    "options",
    [{"order": 4}, {"method": "forward"}, {"method": "exact"}, {"method": "adaptive"}, {"bounds": (0, 3)}, {"h": 1e-8}],
    ids=str,
)
def test_nothing_is_said_of_other_formulas_and_where_nothing_is_gained(options):
    assert "leaves" not in fastgrad.explain(WAVES["sin"], P, batch=True, **options)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_nothing_is_said_of_functions_for_which_the_default_is_made(sample):
    points = np.tile(sample.point, (5, 1))
    assert "leaves" not in fastgrad.explain(sample.f, points, batch=True, engine="simd")


def test_of_long_functions_nothing_is_said():
    """Third derivatives of these twenty layers would be 100 000 operations."""

    def layers(x):
        y = x
        for k in range(20):
            y = np.tanh((k + 1.0) * y[::-1] + y)
        return np.sum(np.sin(3000.0 * y))

    assert "leaves" not in fastgrad.explain(layers, P, batch=True)
