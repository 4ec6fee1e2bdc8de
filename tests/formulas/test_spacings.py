"""The formulas of sampled axes against polynomials and np.gradient's own weights."""

import numpy as np
import pytest

from fastgrad.formulas.spacings import fornberg, numpy_line, uniform_line


@pytest.mark.parametrize("derivative", [1, 2])
def test_fornberg_is_exact_for_polynomials(derivative):
    x = np.sort(np.random.default_rng(3).uniform(0.0, 1.0, (4, 5)), axis=1)
    weights = fornberg(x, derivative)
    assert weights.shape == (4, 4)
    for power in range(5):
        values = x**power
        found = (weights * (values[:, 1:] - values[:, :1])).sum(axis=1)
        exact = np.polyval(np.polyder(np.eye(5)[4 - power], derivative), x[:, 0])
        np.testing.assert_allclose(found, exact, atol=1e-9)


def test_numpys_line_between_its_ends():
    line = numpy_line(6, 0.5, 1, np.dtype(float))
    assert (line.start, line.stop, line.offsets.tolist()) == (1, 5, [1, -1])
    assert line.inner_weights(1, 5).tolist() == [[1.0]]
    assert line.nodes(2, 4).tolist() == [1, 2, 3, 4]
    assert line.edge_taps.tolist() == [[1, 0], [5, 4]]


def test_a_part_of_a_line_reads_its_own_nodes():
    line = uniform_line(20, 0.1, 1, 4, 5, periodic=True, dtype=np.dtype(float))
    nodes = line.nodes(0, 3)
    part = line.part(0, 3, nodes)
    assert nodes.tolist() == [0, 1, 2, 3, 4, 18, 19]
    assert part.n == len(nodes)
    assert sorted(nodes[part.edge_taps[0]]) == [1, 2, 18, 19]


def test_the_negative_of_a_line():
    line = numpy_line(4, np.array([0.0, 1.0, 3.0, 4.0]), 2, np.dtype(float))
    np.testing.assert_array_equal(line.negative().inner_weights(1, 3), -line.inner_weights(1, 3))
