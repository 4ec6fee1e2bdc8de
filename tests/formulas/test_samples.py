"""The exact derivatives of the samples against differences of eighth order."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from fastgrad.formulas.samples import CURVES, SAMPLES
from tests.formulas.differences import OFFSETS, STEP, WEIGHTS, assert_near

samples = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES.keys())


def difference(f, x):
    """Derivatives of `f` along each coordinate, stacked in the first axis, and a size for the tolerance."""
    out, size = [], 1.0
    for i in range(x.size):
        values = []
        for k in OFFSETS:
            moved = x.copy()
            moved[i] += k * STEP
            values.append(f(moved))
        values = np.array(values)
        size = max(size, np.max(np.abs(values)))
        out.append(np.tensordot(WEIGHTS, values, 1) / STEP)
    return np.array(out), size


def points(sample):
    """The sample's own point and 20 random points of its box, of several dimensions where any will do."""
    rng = np.random.default_rng(zlib.crc32(sample.name.encode()))
    dimensions = [2, 3, 5, 10] if sample.dimension is None else [sample.dimension]
    # Keeps the whole stencil inside the box.
    low, high = sample.box[0] + 4 * STEP, sample.box[1] - 4 * STEP
    yield np.array(sample.point)
    for k in range(20):
        yield rng.uniform(low, high, dimensions[k % len(dimensions)])


@samples
def test_gradient(sample):
    for x in points(sample):
        gradient = sample.gradient(x)
        assert gradient.shape == x.shape
        assert gradient.dtype == np.float64
        assert_near(gradient, *difference(sample.f, x))


@pytest.mark.parametrize("name", [name for name, sample in SAMPLES.items() if sample.hessian])
def test_hessian(name):
    sample = SAMPLES[name]
    for x in points(sample):
        hessian = sample.hessian(x)
        assert hessian.shape == (x.size, x.size)
        np.testing.assert_array_equal(hessian, hessian.T)
        assert_near(hessian, *difference(sample.gradient, x))


@samples
def test_f_returns_a_scalar_and_leaves_its_argument(sample):
    for x in points(sample):
        before = x.copy()
        x.flags.writeable = False
        assert np.ndim(sample.f(x)) == 0
        assert np.isfinite(sample.f(x))
        derivatives = [sample.gradient(x)] + ([sample.hessian(x)] if sample.hessian else [])
        np.testing.assert_array_equal(x, before)
        # A result that shares memory with the point would change with it.
        assert not any(np.shares_memory(d, x) for d in derivatives)


@samples
def test_point_is_generic(sample):
    x = np.array(sample.point)
    assert sample.dimension in (None, x.size)
    assert np.all((sample.box[0] <= x) & (x <= sample.box[1]))
    assert np.max(np.abs(sample.gradient(x))) > 0.1


def test_huber_takes_both_branches_away_from_the_kink():
    from fastgrad.formulas.samples import _LINE_T, _LINE_Y

    low, high = SAMPLES["huber"].box
    corners = [(a, b) for a in (low, high) for b in (low, high)]
    # The residuals are linear in the coefficients: their extremes over the box are at its corners.
    residuals = np.array([a + b * _LINE_T - _LINE_Y for a, b in corners])
    inside = np.all(np.abs(residuals) < 0.95, axis=0)
    outside = np.all(residuals > 1.05, axis=0) | np.all(residuals < -1.05, axis=0)
    assert np.all(inside | outside)
    assert inside.any()
    assert outside.any()


def test_names():
    assert all(name == sample.name for name, sample in SAMPLES.items())
    assert all(name == curve.name for name, curve in CURVES.items())


def test_names_are_unique():
    from fastgrad.formulas.curves import _CURVES
    from fastgrad.formulas.samples import _SAMPLES

    assert len(SAMPLES) == len(_SAMPLES)
    assert len(CURVES) == len(_CURVES)


def test_values_of_the_book():
    assert SAMPLES["sphere"].gradient(np.array([3.0, 4.0])).tolist() == [6.0, 8.0]
    assert SAMPLES["tmp"].gradient(np.array([3.0])).tolist() == [6.0]
    assert SAMPLES["tmp"].f(np.array([3.0])) == 25.0
    assert SAMPLES["parabola"].f(np.array([5.0])) == 16.0
    assert SAMPLES["parabola"].gradient(np.array([5.0])).tolist() == [8.0]
