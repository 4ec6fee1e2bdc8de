"""`Result.evaluations`: how many evaluations of f each coordinate took; the rest of nfev is shared."""

import numpy as np
import pytest

from fastgrad import derivative, grad, gradient, hessian, hessian_diagonal, jacobian, jvp, value_and_gradient

X = np.array([0.3, 1.5, -2.0])
POINTS = np.stack([X, 2 * X])


def f(x):
    return np.sin(x[0]) * np.exp(x[1]) + x[2] ** 2


def several(x):
    return np.array([np.sin(x[0]) * x[1], np.exp(x[2]) + x[0]])


class Noted:
    """A function that notes which coordinates were moved alone at each call."""

    def __init__(self, f, x):
        self.f, self.x, self.seen = f, x, []

    def __call__(self, x):
        moved = np.flatnonzero((x != self.x).ravel())
        self.seen.append(int(moved[0]) if len(moved) == 1 else -1)
        return self.f(x)

    def counts(self):
        return [self.seen.count(i) for i in range(self.x.size)]

    @property
    def shared(self):
        return len(self.seen) - sum(self.counts())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"order": 4},
        {"method": "forward"},
        {"method": "adaptive"},
        {"method": "adaptive", "side": 1},
        {"method": "adaptive", "noise": 1e-6},
        {"noise": 1e-6},
        {"bounds": ([0.3, -9.0, -9.0], 9.0)},
        {"bounds": (-9.0, 9.0)},
        {"bounds": ([0.3, -9.0, -9.0], 9.0), "method": "adaptive"},
        {"method": "complex"},
    ],
)
@pytest.mark.parametrize(("operation", "function"), [(gradient, f), (jacobian, several)])
def test_each_coordinate_and_what_is_shared(operation, function, options):
    noted = Noted(function, X)
    found = operation(noted, X, full_output=True, **options)
    assert found.evaluations.dtype.kind == "i"
    if options.get("method") != "complex":
        assert found.evaluations.tolist() == noted.counts()
        assert found.nfev == len(noted.seen)
    assert 0 <= found.nfev - found.evaluations.sum() < 10


def test_points_and_shapes():
    many = gradient(f, POINTS, batch=True, method="adaptive", full_output=True)
    assert many.evaluations.shape == (2, 3)
    for x, counts in zip(POINTS, many.evaluations, strict=True):
        assert counts.tolist() == gradient(f, x, method="adaptive", full_output=True).evaluations.tolist()
    assert many.nfev == many.evaluations.sum()
    deep = gradient(lambda x: f(x.ravel()), X.reshape(3, 1), method="adaptive", full_output=True)
    assert deep.evaluations.shape == (3, 1)
    half = gradient(f, POINTS, batch=True, bounds=([0.3, -9.0, -9.0], 9.0), full_output=True)
    assert half.evaluations.tolist() == [[2, 2, 2], [2, 2, 2]]
    _, full = value_and_gradient(f, X, method="adaptive", full_output=True)
    assert full.nfev == full.evaluations.sum() + 1


@pytest.mark.parametrize("engine", ["python", "simd", "jit"])
def test_compiled_engines_count_alike(engine):
    found = gradient(f, POINTS, batch=True, method="adaptive", engine=engine, full_output=True)
    assert found.nfev == found.evaluations.sum()


def test_numbers():
    found = derivative(np.sin, 0.5, method="adaptive", full_output=True)
    assert found.nfev == found.evaluations
    arrays = derivative(np.sin, X, method="adaptive", full_output=True)
    assert arrays.evaluations.shape == (3,)
    assert arrays.evaluations.max() <= arrays.nfev < arrays.evaluations.sum()
    assert derivative(np.sin, X, full_output=True).evaluations.tolist() == [2, 2, 2]


def test_directions_and_second_derivatives():
    along = jvp(f, X, X, method="adaptive", full_output=True)
    assert along.evaluations == along.nfev
    split = jvp(f, X, [1.0, 1e-9, 1.0], method="adaptive", full_output=True)
    assert split.evaluations == split.nfev
    bent = hessian(f, X, method="adaptive", full_output=True)
    assert bent.evaluations.shape == (3,)
    assert 0 < bent.evaluations.sum() < bent.nfev
    assert hessian(f, X, full_output=True).evaluations is None
    assert hessian_diagonal(f, X, full_output=True).evaluations.tolist() == [2, 2, 2]


def test_nothing_is_moved():
    assert gradient(f, X, method="exact", full_output=True).evaluations is None


def test_forms_of_x():
    tree = grad(lambda p: f(np.append(p["a"], p["b"])), method="adaptive", full_output=True)({"a": X[:1], "b": X[1:]})
    assert tree.nfev - sum(part.sum() for part in tree.evaluations.values()) < 4
    pandas = pytest.importorskip("pandas")
    series = gradient(lambda s: s["a"] * s["b"], pandas.Series({"a": 1.0, "b": 2.0}), full_output=True)
    assert series.evaluations.to_dict() == {"a": 2, "b": 2}
    waves = gradient(lambda x: np.exp(1j * x[0]) * x[1], X[:2], full_output=True)
    assert waves.evaluations.tolist() == [2, 2]
