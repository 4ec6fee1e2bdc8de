"""Functions that vary over less than the usual steps: no right gradient is wrong, and wrong ones are found."""

import numpy as np
import pytest

from fastgrad import check_gradient

COUNT = 400


def sines(seed):
    """A sum of sines on mixed scales, its gradient, and a point."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 6))
    k, a = 10.0 ** rng.uniform(-2, 4, d), 10.0 ** rng.uniform(-2, 2, d)
    x = 10.0 ** rng.uniform(-2, 3, d) * rng.choice([-1, 1], d)
    return lambda x: float(np.sum(a * np.sin(k * x))), lambda x: a * k * np.cos(k * x), x


def verdicts(change, count=COUNT, **how):
    every = (sines(seed) for seed in range(count))
    found = [check_gradient(f, lambda x, g=g: change(g(x)), x, raises=False, **how).verdict for f, g, x in every]
    return {verdict: found.count(verdict) for verdict in set(found)}


def largest(change):
    def changed(g):
        g[np.argmax(np.abs(g))] *= change
        return g

    return changed


@pytest.mark.parametrize("elementwise", [False, True])
def test_no_right_gradient_of_sines_on_mixed_scales_is_wrong(elementwise):
    assert verdicts(lambda g: g, elementwise=elementwise) == {"ok": COUNT}


# how many of 100 are found at least, and at most taken for right: those are less than what f's largest term hides
@pytest.mark.parametrize(
    ("change", "least", "most"),
    [
        (lambda g: 1.01 * g, 80, 1),
        (lambda g: -g, 88, 0),
        (largest(0.0), 68, 0),
        (largest(1.1), 80, 1),
        (lambda g: 1.5 * g[::-1], 80, 0),
    ],
)
def test_wrong_gradients_of_sines_on_mixed_scales_are_found(change, least, most):
    found = verdicts(change, 100)
    assert found["wrong"] >= least
    assert found.get("ok", 0) <= most


@pytest.mark.parametrize(
    ("k", "x"), [(100, 1000.0), (1e4, 10.0), (1e5, 1.0), (1e10, 1.0), (1e5, 1000.0), (1e7, 3.0), (1e17, 1.0)]
)
@pytest.mark.parametrize("elementwise", [False, True])
def test_a_sine_of_many_periods_beside_x(k, x, elementwise):
    f, g = lambda x: np.sin(k * x[0]), lambda x: np.array([k * np.cos(k * x[0])])
    x, how = np.array([x]), {"elementwise": elementwise, "raises": False}
    assert check_gradient(f, g, x, **how).verdict == ("ok" if k < 1e17 else "inconclusive")
    assert check_gradient(f, lambda x: -g(x), x, **how).verdict in {"wrong", "inconclusive"}


CANCELLING = {
    "relu": (lambda x: np.maximum(x[0], 0.0) + x[1] - 0.3, lambda x: np.array([0.0, 1.0])),
    "abs": (lambda x: np.abs(x[0]) + x[1] - 0.3, lambda x: np.array([1.0, 1.0])),
    "two terms": (lambda x: np.maximum(x[0], 0.0) + x[1] * x[2] - 0.3 * x[2], lambda x: np.array([0.0, x[2], 0.0])),
}


@pytest.mark.parametrize("elementwise", [False, True])
@pytest.mark.parametrize("name", CANCELLING)
def test_a_kink_where_terms_of_f_cancel(name, elementwise):
    f, g = CANCELLING[name]
    x = np.array([0.0, 0.3, 7.0])[: 3 if name == "two terms" else 2]
    assert check_gradient(f, g, x, elementwise=elementwise).verdict == "kink"
    wrong = check_gradient(f, lambda x: g(x) + np.eye(x.size)[1], x, elementwise=elementwise, raises=False)
    assert wrong.verdict == "wrong"
