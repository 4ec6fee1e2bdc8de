"""Programs of the ways that a call's points take: traced at each call, compared with f once."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest

from fastgrad import gradient
from fastgrad.engine.simd import code, traces

POINTS = np.random.default_rng(0).uniform(0.5, 2.0, (12_000, 2))


def root(tolerance):
    def f(x):
        a = x[0] * x[0] + 1.0
        y = a
        while abs(y * y - a) > tolerance * a:
            y = y - (y * y - a) / (2.0 * y)
        return y * x[1]

    return f


@pytest.fixture
def comparisons(monkeypatch):
    """How often f was compared with its code, a list that grows."""
    seen, compare = [], code.compare
    monkeypatch.setattr(code, "compare", lambda *given: (seen.append(given), compare(*given))[1])
    traces._traces.clear()
    return seen


def exact(x):
    r = np.sqrt(x[:, 0] ** 2 + 1.0)
    return np.stack([x[:, 0] / r * x[:, 1], r], axis=1)


def test_the_same_ways_are_compared_once(comparisons):
    f = root(1e-12)
    first = gradient(f, POINTS, batch=True, engine="simd")
    assert len(comparisons) == 1
    for x in (POINTS, POINTS[::-1].copy()):
        found = gradient(f, x, batch=True, engine="simd")
        np.testing.assert_allclose(found, exact(x), rtol=1e-7)
    assert len(comparisons) == 1
    assert (gradient(f, POINTS, batch=True, engine="simd") == first).all()


def test_other_ways_and_other_numbers_are_compared_anew(comparisons):
    f = root(1e-12)
    gradient(f, POINTS, batch=True, engine="simd")
    far = 300.0 * POINTS  # of more turns
    np.testing.assert_allclose(gradient(f, far, batch=True, engine="simd"), exact(far), rtol=1e-6)
    assert len(comparisons) == 2
    rough = root(1e-3)
    found = gradient(rough, POINTS, batch=True, engine="simd")
    assert len(comparisons) == 3
    assert not np.allclose(found, exact(POINTS), rtol=1e-9)
    np.testing.assert_allclose(found[:20], gradient(rough, POINTS[:20], batch=True, engine="python"), rtol=1e-7)


def test_f_is_not_traced_again_for_points_that_go_the_same_ways(monkeypatch):
    count, sampled, f = [0], traces.sampled, root(1e-12)

    def counted(call):
        count[0] += 1
        return sampled(call)

    monkeypatch.setattr(traces, "sampled", counted)
    traces._traces.clear()
    far = 300.0 * POINTS
    for x, traced in ((POINTS, 1), (POINTS[::-1].copy(), 1), (far, 2), (far, 2), (POINTS, 3)):
        np.testing.assert_allclose(gradient(f, x, batch=True, engine="simd"), exact(x), rtol=1e-6)
        assert count[0] == traced


def test_what_may_change_unseen_is_compared_at_each_call(comparisons):
    settings = OrderedDict(tolerance=1e-12)

    def f(x):
        a = x[0] * x[0] + 1.0
        y = a
        while abs(y * y - a) > settings["tolerance"] * a:
            y = y - (y * y - a) / (2.0 * y)
        return y * x[1]

    for _ in range(2):
        gradient(f, POINTS, batch=True, engine="simd")
    assert len(comparisons) == 2


def test_programs_are_kept_within_a_budget_of_nodes(monkeypatch):
    monkeypatch.setattr(traces._traces, "limit", 30_000)
    traces._traces.clear()
    for k in range(4):
        data = np.arange(3_000.0) + k  # 9 000 nodes
        gradient(lambda x, data=data: np.sum((data - x[0]) ** 2), np.array([1.0]), method="exact", engine="simd")
        assert traces._traces.weight <= 30_000
    assert len(traces._traces) == 3
