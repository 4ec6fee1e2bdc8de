"""Linear algebra, sorting and SciPy's functions in array programs: exact, forward, and both kinds of changes."""

import numpy as np
import pytest
from scipy import special

from fastgrad import EngineError, gradient, jvp, weight_gradient
from fastgrad.arrays import algebra

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 4)) + 3 * np.eye(4)
C, ROWS = RNG.normal(size=(4, 4)), RNG.normal(size=(3, 4, 4)) + 4 * np.eye(4)
V = RNG.normal(size=(4, 4))


def positive(v):
    return v @ v.T + np.eye(4)


FUNCTIONS = {
    "solve": lambda v: np.sum(np.linalg.solve(v, C) ** 2),
    "solve, a vector": lambda v: np.sum(np.linalg.solve(v, v[0]) ** 2),
    "solve, of constants": lambda v: np.sum(np.linalg.solve(C, v) ** 2),
    "solve, one for all": lambda v: np.sum(np.linalg.solve(ROWS, v) ** 2) + np.sum(np.linalg.solve(v, ROWS) * ROWS),
    "inv": lambda v: np.sum(np.linalg.inv(v) * C),
    "inv, batches": lambda v: np.sum(np.linalg.inv(ROWS * v) ** 2),
    "det": lambda v: np.linalg.det(v) + np.sum(np.linalg.det(ROWS * v)),
    "slogdet": lambda v: np.linalg.slogdet(v)[1] ** 2,
    "slogdet, batches": lambda v: np.sum(np.linalg.slogdet(ROWS * v).logabsdet * np.linalg.slogdet(ROWS).sign),
    "cholesky": lambda v: np.sum(np.linalg.cholesky(positive(v)) * C),
    "cholesky, half": lambda v: np.sum(np.linalg.cholesky(v + 9 * np.eye(4)) * C),  # not symmetric
    "cholesky, batches": lambda v: np.sum(np.linalg.cholesky(positive(v) + 9 * ROWS @ ROWS.swapaxes(1, 2)) * C),
    "normal": lambda v: np.sum(np.log(np.diag(np.linalg.cholesky(positive(v))))),
    "matrix_power": lambda v: np.sum(np.linalg.matrix_power(v, 3)),
    "multi_dot": lambda v: np.sum(np.linalg.multi_dot([v, C, v])),
    "norm": lambda v: np.linalg.norm(v) + np.sum(np.linalg.norm(v, axis=1)) + np.linalg.norm(v, "fro"),
    "norm 1": lambda v: np.sum(np.linalg.norm(v, 1, axis=1) ** 2),
    "norm inf": lambda v: np.sum(np.linalg.norm(v, np.inf, axis=1, keepdims=True) ** 2) + np.linalg.norm(v[0], -np.inf),
    "norm 3": lambda v: np.sum(np.linalg.norm(v, 3, axis=0)),
    "sort": lambda v: np.sum(np.sort(v, axis=1) * C) + np.sum(np.sort(v, axis=0) ** 2 * C),
    "sort, all": lambda v: np.sum(np.sort(v, axis=None) * np.arange(16.0)),
    "median": lambda v: np.median(v) + np.sum(np.median(v[:3], axis=0) ** 2) + np.sum(
        np.median(v, axis=1, keepdims=True) * v),
    "percentile": lambda v: np.percentile(v, 30) + np.sum(np.percentile(v, [25, 50, 100], axis=0) ** 2),
    "quantile": lambda v: np.quantile(v, 0.3) ** 2 + np.sum(np.quantile(v, 0.0, axis=1)),
    "cumprod": lambda v: np.sum(np.cumprod(v, axis=1) * C) + np.cumprod(v[:2])[-1],
    "ptp": lambda v: np.ptp(v) + np.sum(np.ptp(v, axis=1) ** 2),
    "append": lambda v: np.sum(np.append(v, C, axis=0) ** 2) + np.sum(np.append(v, 1.0) ** 3),
    "select": lambda v: np.sum(np.select([C > 0.5, C > 0.0], [v, v**2], v**3)),
    "kron": lambda v: np.sum(np.kron(v, C) ** 2),
    "turned": lambda v: np.sum(np.rot90(v) * C) + np.sum(np.fliplr(v) * v) + np.sum(np.flipud(v) * v),
    "without": lambda v: np.sum(np.delete(v, 1, axis=0) ** 3) + np.sum(np.dstack([v, C]) ** 2),
    "erf": lambda v: np.sum(special.erf(v) * C),
    "erfc": lambda v: np.sum(special.erfc(v) * C),
    "gammaln": lambda v: np.sum(special.gammaln(v**2 + 1) * C),
    "gamma": lambda v: np.sum(special.gamma(np.tanh(v) + 2) * C),
    "digamma": lambda v: np.sum(special.digamma(v**2 + 1) * C),
    "ndtr": lambda v: np.sum(special.ndtr(v) * C) + np.sum(special.log_ndtr(v)),
    "ndtri": lambda v: np.sum(special.ndtri(0.5 + 0.3 * np.tanh(v))),
    "logit": lambda v: np.sum(special.logit(0.5 + 0.3 * np.tanh(v))),
    "entr": lambda v: np.sum(special.entr(v**2 + 0.1)),
    "expm1": lambda v: np.sum(special.expm1(v)) + np.sum(special.log1p(v**2)),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_exact_and_forward(name):
    f = FUNCTIONS[name]
    found = gradient(f, X, method="exact", engine="arrays")
    wanted = gradient(f, X, order=6, engine="python")
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9 * np.abs(wanted).max())
    along = jvp(f, X, V, method="exact", engine="arrays")
    assert along == pytest.approx(np.sum(found * V), rel=1e-10, abs=1e-10 * np.abs(found * V).max())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_changes_of_one_element_and_of_many(name):
    f, params = (
        FUNCTIONS[name],
        {"one": X.copy(), "many": np.eye(4)[:, 0] * 0.01, "row": np.array([1.0, 0.9, 1.1, 1.0])},
    )

    def loss(p):
        return f(p["one"] + np.outer(p["many"], p["row"]))

    found, wanted = (weight_gradient(loss, params, engine=engine) for engine in ("arrays", "python"))
    for key, expected in wanted.items():
        np.testing.assert_allclose(found[key], expected, rtol=0, atol=1e-7 * max(np.abs(expected).max(), 1.0))


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda v: np.linalg.norm(v, "nuc"), "linalg.norm of order 'nuc'"),
        (lambda v: np.sum(np.linalg.cholesky(positive(v), upper=True)), "cholesky with upper"),
        (lambda v: np.sum(np.linalg.eigvalsh(positive(v))), "eigvalsh has no rule"),
        (lambda v: np.sum(np.linalg.matrix_power(v, -1)), "matrix_power of -1"),
        (lambda v: np.median(v, axis=(0, 1)), "along several axes"),
        (lambda v: np.quantile(v, 0.3, method="lower"), "quantile with method"),
        (lambda v: np.sum(np.cumprod(np.tile(v, (1, 50)), axis=1)), f"more than {algebra.FACTORS} factors"),
        (lambda v: np.sum(special.elliprd(1 / (v**2 + 2), 1.0, 2.0)), "elliprd is not known"),
        (lambda v: np.sum(v[np.argsort(v[0])]), "argsort has no rule"),
    ],
)
def test_what_is_refused_says_why(f, reason):
    with pytest.raises(EngineError, match=reason):
        gradient(f, X, method="exact", engine="arrays")


def test_second_derivatives_are_refused():
    from fastgrad import hvp

    integrals = lambda v: np.sum(special.elliprd(0.5 + 0.1 * np.tanh(v), 1.0, 2.0))
    for f, name in ((FUNCTIONS["inv"], "linalg.inv"), (integrals, "elliprd")):
        with pytest.raises(EngineError, match=name):
            hvp(f, X, V, method="exact", engine="arrays")


def test_an_error_of_the_loss_is_a_reason():
    with pytest.raises(EngineError, match="Singular matrix"):
        gradient(lambda v: np.sum(np.linalg.inv(v)), np.zeros((4, 4)), method="exact", engine="arrays")


def test_equal_numbers_share_as_in_an_extremum():
    x = np.array([[1.0, 3.0, 3.0, 2.0], [0.0, 0.0, 0.0, 5.0]])
    for f, extreme in (
        (lambda v: np.sum(np.sort(v, axis=1)[:, -1]), np.max),
        (lambda v: np.sum(np.sort(v)[:, 0]), np.min),
    ):
        found = gradient(f, x, method="exact", engine="arrays")
        wanted = gradient(lambda v, extreme=extreme: np.sum(extreme(v, axis=1)), x, method="exact", engine="arrays")
        np.testing.assert_array_equal(found, wanted)
    found = gradient(
        lambda v: np.sum(np.sort(v, axis=0)[0]), np.array([[1.0, 2.0], [1.0, 0.0]]), method="exact", engine="arrays"
    )
    np.testing.assert_array_equal(found, [[0.5, 0.0], [0.5, 1.0]])
    assert jvp(lambda v: np.sort(v)[:, -1], x, np.ones_like(x), method="exact", engine="arrays").tolist() == [1.0, 1.0]
