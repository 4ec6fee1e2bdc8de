"""Random numbers: those of fixed seeds are numbers like others, no trace goes near the rest."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable


def simulated(x):
    z = np.random.default_rng(0).standard_normal(50)
    return np.mean(np.maximum(x[0] + x[1] * z - 0.5, 0.0))


def of_the_older_ones(x):
    rng = np.random.RandomState(42)
    return np.sum(rng.rand(5) * x[0]) + rng.normal(0.0, 1.0, 2) @ x


@pytest.mark.parametrize("f", [simulated, of_the_older_ones])
def test_random_numbers_of_a_fixed_seed_are_numbers(f):
    points = np.random.default_rng(1).uniform(0.3, 0.9, (50, 2))
    values = fastgrad.value_and_gradient(f, points, batch=True, engine="simd")[0]
    np.testing.assert_allclose(values, [f(x) for x in points], rtol=1e-13)


def by_another_name(x):
    make = np.random.default_rng
    return make().normal() * x[0]


SEED = 3
UNSEEDED = {
    "none": lambda x: np.random.default_rng().normal() * x[0],
    "of the module": lambda x: np.random.normal() * x[0],  # noqa: NPY002
    "a global one": lambda x: np.random.default_rng(SEED).normal() * x[0],
    "one of two": lambda x: np.random.default_rng(0).normal() * x[0] + np.random.default_rng().normal(),
    "by another name": by_another_name,
    "of a module that is handed on": lambda x: (lambda: np.random)().normal() * x[0],  # noqa: PLC3002
    "at a traced place": lambda x: np.random.default_rng(0).normal(x[0], 1.0),
}


@pytest.mark.parametrize("f", UNSEEDED.values(), ids=UNSEEDED)
def test_others_are_not(f):
    with pytest.raises(Untraceable):
        trace(f, (2,))
