"""Elements at traced integers: from either end, beyond them, along several axes."""

import numpy as np
import pytest

from fastgrad.program.program import evaluate
from fastgrad.program.trace.lookups import LONGEST
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

CUBE = np.random.default_rng(0).normal(size=(3, 4, 5))
LONG = np.arange(LONGEST + 1.0)


@pytest.mark.parametrize(
    "pick",
    [
        lambda i, j: CUBE[i, j],
        lambda i, j: CUBE[i, :, j],
        lambda i, j: CUBE[:, i, 1:3],
        lambda i, j: CUBE[..., j],
        lambda i, j: CUBE[i, ..., j],
        lambda i, j: CUBE[None, i, 2],
        lambda i, j: CUBE[-1 - i, j, 1],
        lambda i, j: CUBE[np.stack([i, j]), 2],
        lambda i, j: CUBE[np.stack([i, j]), np.stack([j, i]), 3],
        lambda i, j: CUBE[np.stack([[i, j], [j, i]])],
        lambda i, j: CUBE[1, i, j],
    ],
    ids=range(11),
)
def test_as_numpy_has_it(pick):
    f = lambda x: pick(x[0].astype(int), x[1].astype(int)) * x[2]
    program = trace(f, (3,))
    for x in ([0.5, 0.2, 1.0], [1.7, 2.9, 2.0], [2.0, 1.0, -1.0], [-1.2, -2.0, 1.0]):
        wanted = f(np.array(x))
        assert program.shape == wanted.shape
        np.testing.assert_allclose(evaluate(program, x), wanted.ravel(), rtol=1e-15)


def test_beyond_both_ends_f_itself_is_asked():
    program = trace(lambda x: CUBE[int(x[0]), 0, 0] * 1.0, (1,))
    assert np.isnan([evaluate(program, [v])[0] for v in (3.0, -4.0, 1e9)]).all()
    assert evaluate(program, [-3.0]) == [CUBE[0, 0, 0]]


def test_what_is_refused():
    for f, reason in (
        (lambda x: LONG[x[0].astype(int)] * x[1], f"one of {LONGEST + 1} elements"),
        (lambda x: CUBE[np.stack([x[0], x[1]]).astype(int), :2][0], "together with slices"),
        (lambda x: CUBE[x[0]], "a traced float as an index"),
    ):
        with pytest.raises(Untraceable, match=reason):
            trace(f, (2,))
