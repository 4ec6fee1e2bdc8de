"""Powers of integers: of negative ones NumPy raises, and f itself is asked."""

import numpy as np

from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace


def test_negative_powers_of_integers():
    counts = lambda x: np.power(2, np.argmax(x) - 1) * x[0]
    program = trace(counts, (3,))
    assert evaluate(program, [1.0, 2.0, 3.0]) == [2.0]
    assert np.isnan(evaluate(program, [3.0, 2.0, 1.0])[0])
    floats = trace(lambda x: np.power(2.0, np.argmax(x) - 1) * x[0], (3,))
    assert evaluate(floats, [3.0, 2.0, 1.0]) == [1.5]
