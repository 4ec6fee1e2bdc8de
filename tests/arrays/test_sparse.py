"""Products with sparse matrices that a loss reads: those of dense ones, in each format and place."""

import numpy as np
import pytest

from fastgrad import EngineError, grad, gradient, hessian, jacobian, weight_gradient

sparse = pytest.importorskip("scipy.sparse")
RNG = np.random.default_rng(0)
DENSE = RNG.normal(size=(40, 3)) * (RNG.random((40, 3)) < 0.4)
Y = RNG.normal(size=40)
X = np.array([0.3, -0.2, 0.5])


class Model:
    def __init__(self, rows):
        self.rows, self.kept = rows, {"rows": rows}

    def __call__(self, x):
        return np.sum((self.rows @ x - self.kept["rows"].dot(x**2) - Y) ** 2)


USES = {
    "vector": lambda S: lambda x: np.sum((S @ x - Y) ** 2),
    "matrix": lambda S: lambda x: np.sum(np.tanh(S @ np.outer(x, [1.0, 2.0]))),
    "from the left": lambda S: lambda x: np.sum((np.tanh(DENSE @ x) @ S) ** 2),
    "transposed": lambda S: lambda x: np.sum((S.T @ (S @ x)) ** 2),
    "object": Model,
    "scaled": lambda S: lambda x: np.sum(((2 * S - S / 4) @ x) ** 2),
    "rows": lambda S: lambda x: np.sum((S.tocsr()[5:20] @ x) ** 2),
    "known": lambda S: lambda x: np.sum((np.asarray(S.sum(axis=1)).ravel() * x[0] - Y) ** 2) * S.shape[0],
    "asked": lambda S: lambda x: np.sum((S @ x if sparse.issparse(S) else 2 * S @ x) ** 2),
}


@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize("kind", ["csr_matrix", "csr_array", "csc_array", "coo_matrix", "lil_array", "dia_array"])
def test_products_are_those_of_dense_matrices(name, kind):
    f = USES[name](getattr(sparse, kind)(DENSE))
    np.testing.assert_allclose(gradient(f, X, method="exact"), gradient(f, X, order=6, engine="python"), rtol=1e-8)
    second = jacobian(lambda x: gradient(f, x, order=6, engine="python"), X, order=4, engine="python")
    np.testing.assert_allclose(hessian(f, X, method="exact"), second, rtol=1e-4, atol=1e-4)


def test_the_star_of_a_matrix_is_a_product_and_that_of_an_array_is_not():
    matrix, array = sparse.csr_matrix(DENSE), sparse.csr_array(DENSE)
    f = lambda x: np.sum((matrix * x - Y) ** 2)
    np.testing.assert_allclose(gradient(f, X, method="exact"), 2 * DENSE.T @ (DENSE @ X - Y), rtol=1e-12)
    with pytest.raises(EngineError):
        gradient(lambda x: (array * x).sum(), X, method="exact", engine="arrays")


def test_entries_may_change_between_calls():
    S = sparse.csr_matrix(DENSE)
    g = grad(lambda x: np.sum((S @ x - Y) ** 2), method="exact")
    for k in range(6):
        dense = S.toarray()
        np.testing.assert_allclose(g(X), 2 * dense.T @ (dense @ X - Y), rtol=1e-12)
        S.data[k] += 1.0


def test_weights_of_what_reads_sparse_rows():
    S, W = sparse.csr_array(DENSE), {"W": RNG.normal(size=(3, 4)), "v": RNG.normal(size=4)}
    loss = lambda p: np.sum((np.tanh(S @ p["W"]) @ p["v"] - Y) ** 2)
    found, plain = weight_gradient(loss, W, method="exact"), weight_gradient(loss, W, engine="python")
    for name in W:
        np.testing.assert_allclose(found[name], plain[name], rtol=1e-6, atol=1e-7)
