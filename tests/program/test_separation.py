"""Programs as sums of terms: what they are added up to, and what there is none of."""

import numpy as np
import pytest

from fastgrad.program.program import Program, evaluate
from fastgrad.program.separation import KINDS, WIDEST, separated
from fastgrad.program.trace.recording import trace

X = np.random.default_rng(0).uniform(0.5, 2.0, 40)
WEIGHTS = np.random.default_rng(1).uniform(0.5, 2.0, 40)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def loop(x):
    total = 3.0
    for weight, value in zip(WEIGHTS, x, strict=False):
        total -= weight * value * value
    return total + total


SUMS = {
    "rosenbrock": (rosenbrock, 2),
    "loop": (loop, 1),
    "mean": (lambda x: np.mean(np.sin(x)) / 4.0, 1),
    "weighted": (lambda x: 0.5 * (2.0 - np.sum(WEIGHTS * x**2) / x.size) + x @ x, 2),
    "scaled": (lambda x: -WEIGHTS[3] * np.sum(np.exp(x[2:] * x[:-2] / x[1:-1])) * 2.0, 1),
    "cumulated": (lambda x: np.sum(np.diff(x) ** 2) - np.sum(x[::2]), 2),
    "outputs": (lambda x: np.array([x[0] * x[1], x[1] + x[2], 7.0, -(x[3] * x[0])]), 2),
    "kept apart": (lambda x: np.sum((x[:20] - x[20:]) * x[:20]), 1),
}
NONE = {
    "a product": lambda x: np.sum(x) * np.sum(x**2),
    "a root": lambda x: np.sqrt(np.sum(x**2)),
    "wide": lambda x: np.sum((x - np.mean(x)) ** 2),
    "of many kinds": lambda x: sum(v ** (k + 2) * np.sin(v) for k, v in enumerate(x[: KINDS + 1])),
    "a number": lambda x: 3.0,
}


@pytest.mark.parametrize("name", SUMS)
def test_sums_of_terms(name):
    f, kinds = SUMS[name]
    program = trace(f, (40,))
    found = separated(program)
    assert found is not None
    assert len(found.kinds) == kinds
    total = found.fixed_sums(program.constants, np.empty((1, 0)), len(program.outputs))[0]
    for kind in found.kinds:
        assert kind.coordinates.shape[1] <= WIDEST
        factors = kind.factors(program.constants)
        for g, row in enumerate(kind.coordinates):
            beside = np.array(program.constants)[kind.beside[g]]
            total[kind.outputs[g]] += factors[g] * evaluate(kind.program, X[row], beside.tolist())[0]
    np.testing.assert_allclose(total, np.ravel(f(X)), rtol=1e-13)


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_such_sum(name):
    assert separated(trace(NONE[name], (40,))) is None


def test_zeros_of_both_signs_are_two():
    nodes = (("copysign", ("x", 0), ("k", 0.0)), ("copysign", ("x", 1), ("k", -0.0)), ("+", ("v", 0), ("v", 1)))
    assert len(separated(Program(2, 0, nodes, (("v", 2),), (), ())).kinds) == 2


def test_rows_of_batch_arguments():
    program = trace(lambda x, w: np.sum(w * x**2) * 2.0, (40,), rows=[(40,)], types=[np.dtype(float)], bits=[0])
    (kind,) = separated(program).kinds
    assert (kind.beside.ravel() - len(program.constants)).tolist() == kind.coordinates.ravel().tolist()


def test_what_doubles_is_no_sum_of_few():
    def doubled(x):
        total = x[0] * x[1]
        for _ in range(60):
            total = total + total
        return total

    assert separated(trace(doubled, (2,))) is None
