"""`noise=`: steps that suit the noise of f, and the error to expect."""

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError, PerformanceWarning, explain, grad, gradient, jac, jacobian, value_and_gradient
from fastgrad.operations.noise import LEVELS

X = np.array([0.5, 2.0])
EXACT = np.array([np.cos(0.5) * np.exp(2.0), np.sin(0.5) * np.exp(2.0)])


def smooth(x):
    return np.sin(x[0]) * np.exp(x[1])


def with_noise(f, size, seed=0):
    rng = np.random.default_rng(seed)
    return lambda x: f(x) + size * rng.normal(size=np.shape(f(x)))[()]


def errors(size, repeats=60, **options):
    f = with_noise(smooth, size)
    found = [gradient(f, X, full_output=True, **options) for _ in range(repeats)]
    return np.array([np.abs(r.value - EXACT) for r in found]), np.array([r.error for r in found]), found


@pytest.mark.parametrize("noise", ["given", "estimate"])
@pytest.mark.parametrize("size", [1e-8, 1e-5, 1e-2])
def test_the_error_is_that_of_the_best_step_and_it_is_told(size, noise):
    error, told, found = errors(size, noise=size if noise == "given" else noise)
    best = 1.5 * np.cbrt(size**2 * np.abs(EXACT) / 3.0)  # the third derivatives are of the gradient's size
    assert (np.median(error, axis=0) < 2.0 * best).all()
    assert (np.median(told, axis=0) < 4.0 * best).all()
    assert (error <= told).mean() > 0.75
    assert (error <= 3.0 * told).mean() > 0.98
    assert all(r.status.tolist() == [0, 0] for r in found)


@pytest.mark.parametrize("noise", ["given", "estimate"])
def test_the_default_step_would_be_far_worse(noise):
    plain, _, _ = errors(1e-5, h=None)
    error, _, _ = errors(1e-5, noise=1e-5 if noise == "given" else noise)
    assert (1e3 * np.median(error, axis=0) < np.median(plain, axis=0)).all()


@pytest.mark.parametrize("size", [1e-8, 1e-3])
def test_adaptive_steps_stop_at_the_noise(size):
    error, told, found = errors(size, method="adaptive", noise=size)
    before, _, asked = errors(size, method="adaptive")
    assert (error <= told).mean() > 0.95
    assert np.median(error) < 2.0 * np.median(before)
    assert 2 * np.mean([r.nfev for r in found]) < np.mean([r.nfev for r in asked])


def test_the_noise_that_was_found_is_told():
    found = [gradient(with_noise(smooth, 1e-4, seed), X, noise="estimate", full_output=True).noise for seed in range(9)]
    assert 0.5e-4 < np.median(found) < 2e-4
    assert gradient(smooth, X, noise=1e-4, full_output=True).noise == 1e-4
    assert gradient(smooth, X, full_output=True).noise is None


def test_an_exact_function_has_the_noise_of_round_off():
    found = gradient(smooth, X, noise="estimate", full_output=True)
    assert found.noise < 1e-14
    assert np.abs(found.value - EXACT).max() < 1e-8
    assert (np.abs(found.value - EXACT) <= found.error).all()


def test_each_point_of_many_for_itself():
    points = np.random.default_rng(1).uniform(0.0, 2.0, (5, 2))
    f = lambda x: smooth(x) + 1e-6 * (np.sin(1.3e7 * x[0]) * 4.4e4 % 1.0 - 0.5)
    found = gradient(f, points, batch=True, noise="estimate", full_output=True)
    assert found.noise.shape == (5,)
    assert found.h.shape == found.error.shape == (5, 2)
    for n, x in enumerate(points):
        one = gradient(f, x, noise="estimate", full_output=True)
        assert one.value.tolist() == found.value[n].tolist()
        assert one.noise == found.noise[n]
    exact = np.stack([np.cos(points[:, 0]), np.sin(points[:, 0])], axis=1) * np.exp(points[:, 1:])
    assert np.abs(found.value - exact).max() < 2e-3


def test_a_jacobian_tells_the_noise_of_each_output():
    f = with_noise(lambda x: np.array([[np.sin(x[0])], [100.0 * x[1]]]), np.array([[1e-6], [1e-2]]))
    found = jacobian(f, X, noise="estimate", full_output=True)
    assert found.value.shape == found.error.shape == (2, 1, 2)
    assert found.noise.shape == (2, 1)
    assert 1e3 < found.noise[1, 0] / found.noise[0, 0] < 1e5
    assert abs(found.value[0, 0, 0] - np.cos(0.5)) < 1e-3
    assert abs(found.value[1, 0, 1] - 100.0) < 0.5


def test_a_function_of_a_short_length_and_one_without_a_third_derivative():
    f = with_noise(lambda x: np.sin(1000.0 * x[0]) + x[1] ** 2, 1e-6)
    found = gradient(f, np.array([0.0, 2.0]), noise=1e-6, full_output=True)
    assert np.abs(found.value - [1000.0, 4.0]).max() < 0.5
    assert found.h[0] < 1e-4
    assert found.h[1] >= 0.25


def test_the_edge_of_a_domain_is_not_crossed_by_the_step():
    def log(x):
        if x[0] <= 0.0:
            msg = "outside"
            raise ValueError(msg)
        return np.log(x[0])

    found = gradient(with_noise(log, 1e-5), np.array([0.01]), noise=1e-5, full_output=True)
    assert abs(found.value[0] - 100.0) < 2.0
    assert found.h[0] < 0.01


@pytest.mark.parametrize("noise", [1e-3, "estimate"])
@pytest.mark.parametrize("method", ["central", "adaptive"])
def test_no_coordinates_and_no_points(noise, method):
    options = {"noise": noise, "method": method, "full_output": True}
    assert jacobian(lambda x: np.ones(3), np.empty(0), **options).value.shape == (3, 0)
    assert gradient(np.sum, np.empty(0), **options).value.shape == (0,)
    assert gradient(np.sum, np.empty((0, 2)), batch=True, **options).value.shape == (0, 2)
    assert gradient(np.sum, np.empty((3, 0)), batch=True, **options).value.shape == (3, 0)


def test_a_huge_coordinate_has_a_finite_error():
    found = gradient(lambda x: np.sin(x[0] * 1e-300) + x[1], np.array([1e300, 1.0]), noise=1e-9, full_output=True)
    assert np.isfinite(found.error).all()
    assert found.value[1] == pytest.approx(1.0, abs=1e-6)


def test_no_value_no_derivative():
    found = gradient(lambda x: np.nan * x[0], np.ones(1), noise=1e-3, full_output=True)
    assert np.isnan(found.value).all()
    assert found.status.tolist() == [-3]


def test_value_and_functions_of_functions():
    value, slope = value_and_gradient(smooth, X, noise=1e-9)
    assert value == smooth(X)
    assert np.abs(slope - EXACT).max() < 1e-4
    assert grad(smooth, noise=1e-9)(X).tolist() == slope.tolist()
    assert np.abs(jac(smooth, noise=1e-9)(X) - EXACT).max() < 1e-4
    tree = grad(lambda p: np.sin(p["a"]) * np.exp(p["b"]), noise=1e-9)({"a": 0.5, "b": 2.0})
    assert [tree["a"], tree["b"]] == pytest.approx(EXACT.tolist(), abs=1e-4)


def test_bounds_and_sides_hold_for_adaptive_steps():
    seen = []

    def f(x):
        seen.append(x.copy())
        return np.sqrt(x[0]) * x[0] + x[1]

    found = gradient(
        f, np.array([0.25, 1.0]), bounds=(0.25, 1.0), method="adaptive", noise="estimate", full_output=True
    )
    assert np.abs(found.value - [0.75, 1.0]).max() < 1e-6
    assert np.min(seen) == 0.25
    assert np.max(seen) == 1.0
    found = gradient(smooth, X, side=1, method="adaptive", noise=1e-9)
    assert np.abs(found - EXACT).max() < 1e-4


def test_engines():
    says = explain(smooth, np.ones((1000, 2)), batch=True, noise=1e-3)
    assert says.engine == "python"
    assert "noise=" in says.reason
    points = np.array([[0.5, 2.0], [0.1, 0.2]])
    called, compiled = (gradient(smooth, points, batch=True, noise=1e-6, engine=e) for e in ("python", "simd"))
    assert np.abs(called - compiled).max() < 1e-8
    for engine in ("reference", "arrays"):
        with pytest.raises(EngineError, match=engine):
            gradient(smooth, X, noise=1e-6, engine=engine)


def test_nothing_changes_without_it():
    assert gradient(smooth, X, noise=None).tolist() == gradient(smooth, X).tolist()


def test_single_precision():
    found = gradient(smooth, X.astype(np.float32), noise=1e-5, full_output=True)
    assert found.value.dtype == found.error.dtype == np.float32
    rows = np.tile(X, (1100, 1)).astype(np.float32)
    with pytest.warns(PerformanceWarning, match="noise="):
        many = gradient(lambda x: np.sin(x[0]) * np.exp(x[1]), rows, batch=True, noise=1e-5)
    assert many.dtype == np.float32
    assert np.abs(many - EXACT).max() < 1e-1


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"noise": 0.0}, "positive number"),
        ({"noise": 1e-3, "h": 1e-2}, "does not fit h="),
        ({"noise": 1e-3, "bounds": (0.0, 3.0)}, "method='adaptive'"),
        ({"noise": 1e-3, "side": 1}, "method='adaptive'"),
        ({"noise": 1e-3, "method": "exact"}, "method='exact'"),
    ],
)
def test_errors_say_what_to_write(options, text):
    with pytest.raises(ValueError, match="noise") as caught:
        fastgrad.gradient(smooth, X, **options)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    "f", [smooth, np.sum, lambda x: np.sin(1e6 * x[0]) + 1e-9 * x[1]], ids=["smooth", "plane", "wave"]
)
@pytest.mark.parametrize("size", [1e-12, 1e-3])
def test_the_search_ends(f, size):
    found = gradient(f, X, noise=size, full_output=True)
    assert found.evaluations.max() <= 4 + 2 * LEVELS + 2


def test_dask_rows():
    da = pytest.importorskip("dask.array")
    points = np.random.default_rng(0).uniform(0.1, 1.0, (6, 2))
    lazy = gradient(smooth, da.from_array(points, chunks=(2, 2)), batch=True, noise=1e-6)
    assert lazy.compute().tolist() == gradient(smooth, points, batch=True, noise=1e-6).tolist()


def test_pandas():
    pandas = pytest.importorskip("pandas")
    found = gradient(lambda s: np.sin(s["a"]) * np.exp(s["b"]), pandas.Series({"a": 0.5, "b": 2.0}), noise=1e-8)
    assert list(found.index) == ["a", "b"]
    assert np.abs(found.to_numpy() - EXACT).max() < 1e-4


@pytest.mark.parametrize("digits", [4, 6, 8])
def test_the_noise_of_values_that_are_rounded_is_seen_by_their_digits(digits):
    f = lambda x: float(f"{np.exp(x[0]) + x[1] ** 2:.{digits}g}")
    wrong = 0
    for seed in range(20):
        x = np.random.default_rng(seed).uniform(0.3, 1.5, 2)
        found = gradient(f, x, noise="estimate", full_output=True)
        wrong += bool((np.abs(found.value - [np.exp(x[0]), 2.0 * x[1]]) > 10.0 * found.error).any())
        assert found.noise > 1e-2 * 10.0**-digits
    assert wrong <= 1
