"""propagate: covariances to first order."""

from dataclasses import replace

import numpy as np
import pytest

from fastgrad import jacobian, propagate
from fastgrad.formulas import reference
from fastgrad.operations import propagation

X = np.array([0.5, 2.0])
COV = np.array([[0.04, 0.01], [0.01, 0.09]])
ROWS = np.random.default_rng(3).uniform(-2.0, 2.0, (7, 2))


def polar(x):
    return np.array([x[0] * np.cos(x[1]), x[0] * np.sin(x[1]), x[0]])


def exact(x, cov):
    c, s = np.cos(x[1]), np.sin(x[1])
    jac = np.array([[c, -x[0] * s], [s, x[0] * c], [1.0, 0.0]])
    return jac @ cov @ jac.T


@pytest.mark.parametrize("engine", ["python", "reference", "jit", "simd"])
def test_covariance(engine):
    y, cov = propagate(polar, X, COV, engine=engine)
    assert np.array_equal(y, polar(X))
    np.testing.assert_allclose(cov, exact(X, COV), rtol=1e-9, atol=1e-11)
    assert np.array_equal(cov, cov.T)
    np.testing.assert_allclose(cov, reference.propagate(polar, X, COV)[1], rtol=1e-8, atol=1e-11)
    _, cov = propagate(polar, X, COV, method="central", order=8, engine=engine)
    np.testing.assert_allclose(cov, exact(X, COV), rtol=1e-12, atol=1e-13)


def test_variances_are_a_diagonal_matrix():
    variances = np.array([0.04, 0.09])
    cov = propagate(polar, X, variances)[1]
    np.testing.assert_allclose(cov, propagate(polar, X, np.diag(variances))[1], rtol=1e-14, atol=1e-17)
    assert np.array_equal(cov, cov.T)
    assert np.array_equal(cov, propagate(polar, X, [0.04, 0.09])[1])


def test_numbers():
    y, variance = propagate(lambda t: t**2, 3.0, 0.1, order=4)
    assert (y, type(y)) == (9.0, np.float64)
    assert variance == pytest.approx(36 * 0.1, rel=1e-12)
    assert isinstance(variance, np.float64)
    assert propagate(lambda x: x[0] * x[1], X, COV)[1].shape == ()
    y, variance = propagate(lambda t: t**2, np.float32(3.0), 0.1)
    assert y.dtype == variance.dtype == np.float32
    assert propagate(lambda x: x[0] * x[1], [2, 3], [1, 1])[1] == pytest.approx(13.0, rel=1e-9)


def test_shapes_of_points_and_outputs():
    x = np.arange(1.0, 5.0).reshape(2, 2)
    y, cov = propagate(lambda x: x**2, x, np.full((2, 2), 0.1), order=4)
    assert y.shape == (2, 2)
    assert cov.shape == (2, 2, 2, 2)
    np.testing.assert_allclose(cov.reshape(4, 4), np.diag(0.4 * x.ravel() ** 2), rtol=1e-11, atol=1e-12)
    cube = propagate(lambda x: x.sum(), np.ones((2, 2, 2)), np.full((2, 2, 2), 0.1))[1]
    assert cube == pytest.approx(0.8)
    same = propagate(lambda x: x**2, x, (0.1 * np.eye(4)).reshape(2, 2, 2, 2), order=4)[1]
    np.testing.assert_allclose(cov, same, rtol=1e-14, atol=1e-17)


def test_batch():
    covs = np.array([exact([t, t + 1], COV)[:2, :2] for t in range(7)])
    covs = (covs + covs.transpose(0, 2, 1)) / 2
    for spread, each in ((covs, covs), (COV, [COV] * 7), ([0.1, 0.2], [[0.1, 0.2]] * 7)):
        y, cov = propagate(polar, ROWS, spread, batch=True)
        single = [propagate(polar, x, c) for x, c in zip(ROWS, each, strict=True)]
        assert np.array_equal(y, [s[0] for s in single])
        assert np.array_equal(cov, [s[1] for s in single])
    y, cov = propagate(polar, np.empty((0, 2)), COV, batch=True)
    assert (len(y), len(cov)) == (0, 0)


def test_arguments_out_and_full_output():
    out = np.empty((2, 2))
    y, cov = propagate(lambda x, a: a * x, X, COV, args=(2.0,), out=out)
    assert cov is out
    np.testing.assert_allclose(cov, 4 * COV, rtol=1e-10)
    y, cov = propagate(lambda x, a: a * x, ROWS, COV, batch=True, batch_args=(np.arange(7.0),))
    assert np.array_equal(y, ROWS * np.arange(7.0)[:, None])
    np.testing.assert_allclose(cov, np.arange(7.0)[:, None, None] ** 2 * COV, rtol=1e-9, atol=1e-12)
    full = propagate(polar, X, COV, full_output=True)[1]
    assert (full.error, full.nfev, full.engine, full.value.shape, full.status.shape) == (
        None,
        5,
        "python",
        (3, 3),
        (3, 3),
    )
    _, cov = propagate(polar, X, COV, method="complex")
    np.testing.assert_allclose(cov, exact(X, COV), rtol=1e-14, atol=1e-16)


def test_f_keeps_its_arguments_to_itself():
    x, kept = X.copy(), []

    def f(x):
        x *= 2
        kept.append(x)
        return x

    assert np.array_equal(propagate(f, x, COV)[0], 2 * X)
    assert np.array_equal(x, X)


def test_the_error_of_a_jacobian_is_propagated(monkeypatch):
    """With J + E in place of J the covariance moves by no more than the error says, and for some E by most of it."""
    error = np.full((3, 2), 1e-3)

    def estimating(*given, **options):
        return replace(jacobian(*given, **options), error=error)

    monkeypatch.setattr(propagation, "jacobian", estimating)
    full, jac = propagate(polar, X, COV, full_output=True)[1], jacobian(polar, X)
    worst = np.zeros((3, 3))
    for signs in np.random.default_rng(0).choice([-1.0, 1.0], (64, 3, 2)):
        moved = (jac + signs * error) @ COV @ (jac + signs * error).T
        worst = np.maximum(worst, np.abs(moved - full.value))
    assert (worst <= full.error * (1 + 1e-9)).all()
    assert (worst >= 0.3 * full.error).all()
    single = propagate(polar, X, [0.04, 0.09], full_output=True)[1]
    assert (single.error > 0).all()


def test_nan_stays_where_it_is():
    cov = propagate(lambda x: np.array([np.nan * x[0], x[1]]), X, COV)[1]
    assert np.isnan(cov[0]).all()
    assert cov[1, 1] == pytest.approx(0.09)
    assert np.isnan(propagate(polar, X, [np.nan, 1.0])[1]).all()


@pytest.mark.parametrize("unknown", [np.nan, np.inf])
def test_an_unknown_variance_stays_with_what_depends_on_it(unknown):
    def apart(x):
        return np.array([np.sin(x[0]), x[1] ** 2, x[0] + x[1], 3.0])

    for spread in ([unknown, 0.01], [[unknown, 0.0], [0.0, 0.01]], [[unknown, unknown], [unknown, 0.01]]):
        cov = propagate(apart, X, spread, order=4)[1]
        assert not np.isfinite(cov[[0, 0, 2, 2], [0, 2, 0, 2]]).any()
        assert cov[1, 1] == pytest.approx(0.16, rel=1e-9)
        assert (cov[3] == 0.0).all()
        assert (cov[:, 3] == 0.0).all()
    rows = np.array([[[unknown, 0.0], [0.0, 0.01]], COV])
    many = propagate(apart, np.array([X, X]), rows, batch=True)[1]
    assert many[1].tolist() == propagate(apart, X, COV)[1].tolist()
    assert propagate(lambda x: x[1], X, [unknown, 0.04])[1] == pytest.approx(0.04, rel=1e-9)


def test_covariances_without_a_negative_variance_anywhere():
    for wrong in (np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([[1e-300, 2e-300], [2e-300, 1e-300]])):
        with pytest.raises(ValueError, match="negative eigenvalue, -1"):
            propagate(polar, X, wrong)
    with pytest.raises(ValueError, match="off-diagonal elements are too large"):
        propagate(polar, ROWS, np.array([COV] * 6 + [[[1.0, -3.0], [-3.0, 1.0]]]), batch=True)
    q = np.random.default_rng(0).normal(size=(5, 2))
    propagate(np.sum, np.ones(5), q @ q.T)  # singular: eigenvalues are 0 up to rounding
    propagate(np.sum, np.ones(2), np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("cov", "words"),
    [
        ([1.0, 2.0, 3.0], r"cov has shape \(3,\), but x has 2 coordinates"),
        (1.0, r"give variances \(2,\) or a matrix \(2, 2\)"),
        ([[1.0, 2.0], [3.0, 4.0]], r"not symmetric: cov\[0, 1\] and cov\[1, 0\] differ by 1.0"),
        ([-1.0, 2.0], "negative variance, -1.0"),
        ([[1.0, 0.0], [0.0, -4.0]], "negative variance, -4.0"),
    ],
)
def test_covariances_that_are_none(cov, words):
    with pytest.raises(ValueError, match=words):
        propagate(polar, X, cov)


def test_covariances_that_do_not_fit_a_batch():
    with pytest.raises(ValueError, match=r"or \(7, 2, 2\)"):
        propagate(polar, ROWS, np.ones((7, 2)), batch=True)
    with pytest.raises(ValueError, match=r"cov has shape \(7, 2, 2\)"):
        propagate(polar, X, np.ones((7, 2, 2)))
    with pytest.raises(TypeError, match="cov is complex"):
        propagate(polar, X, COV * 1j)
    with pytest.raises(ValueError, match="out has shape"):
        propagate(polar, X, COV, out=np.empty((2, 2)))


@pytest.mark.parametrize("cov", [np.zeros((0, 0)), np.zeros(0)])
def test_no_coordinates(cov):
    y, covariance = propagate(lambda x: np.append(x, 2.0), np.zeros(0), cov)
    assert y == [2.0]
    np.testing.assert_array_equal(covariance, [[0.0]])
