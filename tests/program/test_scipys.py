"""What is SciPy's own, and what only has its name."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.keys import unchanging
from fastgrad.program.scipys import is_own_function, is_own_ufunc, module

special, stats = pytest.importorskip("scipy.special"), pytest.importorskip("scipy.stats")


def test_ufuncs_of_its_own_files(monkeypatch):
    assert is_own_ufunc(special.gammaln)
    assert is_own_ufunc(special.psi)
    assert is_own_ufunc(special.digamma)
    assert not is_own_ufunc(np.exp)
    assert not is_own_ufunc(len)
    other = np.frompyfunc(lambda x: x, 1, 1)
    monkeypatch.setattr(special, "erf", other)
    assert not is_own_ufunc(special.erf)


def test_functions_of_its_own_files():
    assert is_own_function(special.logsumexp)
    assert not is_own_function(special.erf)
    assert not is_own_function(lambda x: x)


def test_a_module_that_nobody_imported_is_not_there():
    assert module("scipy.special") is special
    assert module("scipy.nothing") is None


# --- traces that are kept ---------------------------------------------------------------------------------------------


def test_a_function_of_ufuncs_has_a_key():
    import scipy

    gammaln = special.gammaln
    functions = [
        lambda x: special.expit(x[0]),
        lambda x: scipy.special.expit(x[0]) * np.exp(x[0]),
        lambda x: gammaln(x[0]),
    ]
    keys = [unchanging(f, ()) for f in functions]
    assert None not in keys
    assert len(set(keys)) == 3


def test_a_function_of_densities_has_a_key():
    norm, prior, logsumexp = stats.norm, stats.gamma(a=2.0, scale=[3.0]), special.logsumexp
    normals = stats.multivariate_normal([1.0, 2.0], np.array([[2.0, 0.5], [0.5, 1.0]]))
    functions = [
        lambda x: logsumexp(x),  # noqa: PLW0108
        lambda x: special.softmax(x)[0],
        lambda x: norm.logpdf(x[0]),
        lambda x: stats.norm.logpdf(x[0]),
        lambda x: stats.norm(x[0], 2.0).logpdf(0.3),
        lambda x: -np.sum(stats.norm(1.0, 2.0).logpdf(x)),
        lambda x: stats.multivariate_normal.logpdf(x, [1.0, 2.0]),
        lambda x: normals.logpdf(x),  # noqa: PLW0108
    ]
    keys = [unchanging(f, ()) for f in functions]
    assert None not in keys
    assert len(set(keys)) == 8
    assert unchanging(lambda x: prior.logpdf(x[0]), ()) is not None
    assert unchanging(prior.logpdf, ()) is not None


def test_other_functions_of_scipy_have_none(monkeypatch):
    class Mine(type(stats.norm)):
        pass

    mine, uniform, rows = Mine(name="norm"), stats.norm.__class__(a=0.0, name="norm"), stats.matrix_normal
    functions = [
        lambda x: x[0] * special.errstate().__enter__(),
        lambda x: mine.logpdf(x[0]),
        lambda x: uniform.logpdf(x[0]),
        lambda x: 2.0 * rows.logpdf(x),
        lambda x: stats.rankdata(x)[0],
    ]
    assert [unchanging(f, ()) for f in functions] == [None] * 5
    monkeypatch.setattr(stats.norm, "logpdf", lambda x: x, raising=False)
    assert unchanging(lambda x: stats.norm.logpdf(x[0]), ()) is None
    assert fastgrad.gradient(lambda x: stats.norm.logpdf(x[0]), np.array([2.0])) == pytest.approx([1.0])
    monkeypatch.setattr(special, "expit", np.frompyfunc(lambda x: x, 1, 1))
    assert unchanging(lambda x: special.expit(x[0]), ()) is None


def test_another_function_under_the_name_is_seen(monkeypatch):
    points = np.linspace(0.1, 2.0, 200)[:, None]
    f = lambda x: special.expit(x[0])
    g = fastgrad.grad(f, method="exact")
    before = g(points[0])
    monkeypatch.setattr(special, "expit", special.erf)
    assert g(points[0]) == pytest.approx(2 / np.sqrt(np.pi) * np.exp(-(points[0] ** 2)))
    monkeypatch.setattr(special, "expit", lambda x: 3.0 * x)
    assert g(points[0]) == pytest.approx([3.0])
    monkeypatch.undo()
    assert g(points[0]) == before


def normal(mean=0.0, scale=1.0):
    return stats.norm(mean, scale=scale)


class Model:
    def __init__(self):
        self.prior = normal()

    def loss(self, x):
        return -self.prior.logpdf(x[0])


def test_other_parameters_are_seen():
    model, x = Model(), np.array([3.0])
    g = fastgrad.grad(model.loss, method="exact")
    assert g(x) == pytest.approx([3.0])
    model.prior = normal(1.0)
    assert g(x) == pytest.approx([2.0])
    model.prior.args = (2.0,)
    assert g(x) == pytest.approx([1.0])
    model.prior.kwds["scale"] = 0.5
    assert g(x) == pytest.approx([4.0])
    scale = model.prior.kwds["scale"] = np.array([0.5])
    assert g(x) == pytest.approx([4.0])
    scale[:] = 1.0
    assert g(x) == pytest.approx([1.0])
    assert g(x) == fastgrad.gradient(model.loss, x, method="exact")


def test_other_normals_are_seen():
    covariance, x = np.diag([2.0, 4.0]), np.array([3.0, 5.0])
    normals = stats.multivariate_normal([1.0, 1.0], covariance)
    g = fastgrad.grad(lambda x: normals.logpdf(x), method="exact")  # noqa: PLW0108
    np.testing.assert_allclose(g(x), [-1.0, -1.0])
    covariance[0, 0] = 1.0  # SciPy's object knows the matrix as it was
    np.testing.assert_allclose(g(x), [-1.0, -1.0])
    normals.mean[0] = 2.0
    np.testing.assert_allclose(g(x), [-0.5, -1.0])
    normals.mean = np.array([3.0, 1.0])
    np.testing.assert_allclose(g(x), [0.0, -1.0])
    normals = stats.multivariate_normal([1.0, 1.0], np.diag([1.0, 1.0]))
    np.testing.assert_allclose(g(x), [-2.0, -4.0])


def test_another_distribution_is_seen(monkeypatch):
    x = np.array([3.0])
    g = fastgrad.grad(lambda x: stats.norm.logpdf(x[0]), method="exact")
    assert g(x) == pytest.approx([-3.0])
    monkeypatch.setattr(stats, "norm", stats.expon)
    assert g(x) == pytest.approx([-1.0])
    monkeypatch.undo()
    assert g(x) == pytest.approx([-3.0])
    monkeypatch.setattr(stats.norm, "logpdf", lambda x: 5.0 * x, raising=False)
    assert g(x) == pytest.approx([5.0])
    monkeypatch.undo()
    assert g(x) == pytest.approx([-3.0])
