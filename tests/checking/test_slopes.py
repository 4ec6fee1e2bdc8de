"""Slopes at kinks, in noise and over too large steps."""

import signal

import numpy as np
import pytest

import fastgrad.variable as F
from fastgrad import Variable, check_gradient
from fastgrad.checking.slopes import Loss
from tests.checking.reports import hints, named

STEP = 2.0**-18  # of one element of size up to 1, in float64


def absolute(x):
    return np.sum(np.abs(x))


@pytest.mark.parametrize("away", [0.0, 0.01, 0.3, 0.8, 1.2, 1.9, 5.0])
@pytest.mark.parametrize("elementwise", [False, True])
def test_kinks_are_no_errors(away, elementwise):
    x = np.array([1.0, away * STEP, -2.0])
    for seed in range(5):
        report = check_gradient(absolute, np.sign, x, rng=seed, elementwise=elementwise)
        if elementwise:
            assert report.verdict == ("kink" if away < 1 else "ok")
            assert all(e.index == (1,) for e in report.worst)
        wrong = check_gradient(absolute, lambda x: -np.sign(x), x, rng=seed, elementwise=elementwise, raises=False)
        assert {("x", (0,)), ("x", (2,))} <= set(named(wrong))


def test_kinks_count_as_errors_on_request():
    x = np.array([1.0, 0.0])
    assert check_gradient(absolute, [1.0, 1.0], x, elementwise=True).verdict == "kink"
    report = check_gradient(absolute, [1.0, 1.0], x, elementwise=True, detect_kinks=False, raises=False)
    assert named(report) == [("x", (1,))]


def test_a_slope_that_no_side_of_a_kink_has_is_wrong():
    report = check_gradient(absolute, [1.0, 1.5], np.array([1.0, 0.0]), elementwise=True, raises=False)
    assert named(report) == [("x", (1,))]


@pytest.mark.parametrize("elementwise", [False, True])
def test_functions_that_vary_over_less_than_the_usual_step(elementwise):
    x = np.array([1e4, 1e-6, 3.0])
    f = lambda x: np.sum(np.sin(x)) + np.exp(200 * x[1])
    g = lambda x: np.cos(x) + np.array([0, 200 * np.exp(200 * x[1]), 0])
    assert check_gradient(f, g, x, elementwise=elementwise).ok
    wrong = check_gradient(f, lambda x: -g(x), x, elementwise=elementwise, raises=False)
    assert wrong.verdict == "wrong"


@pytest.mark.parametrize("elementwise", [False, True])
def test_a_step_of_many_periods_allows_no_verdict(elementwise):
    x = np.array([1e6, 2e6])
    report = check_gradient(lambda x: np.sum(np.sin(x)), np.cos, x, elementwise=elementwise, raises=False)
    assert report.verdict != "wrong"


def noisy(kind):
    rng = np.random.default_rng(10)
    if kind == "random":
        return lambda x: 1e-6 * rng.standard_normal()
    return lambda x: 1e-6 * np.sin(1e9 * np.sum(x))


@pytest.mark.parametrize("kind", ["random", "wavy"])
@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("elementwise", [False, True])
def test_noise_allows_no_verdict(kind, size, elementwise):
    x, noise = np.linspace(1.0, 2.0, size), noisy(kind)
    how = {"sample": min(size, 5)} if elementwise else {}
    for seed in range(5):
        report = check_gradient(lambda x: np.sum(x**2) + noise(x), lambda x: 2 * x, x, rng=seed, raises=False, **how)
        assert report.verdict == "inconclusive"
        assert "noisy" in hints(report)
        assert not report.ok
    with pytest.raises(AssertionError, match="noisy"):
        check_gradient(lambda x: np.sum(x**2) + noise(x), lambda x: 2 * x, x)


@pytest.mark.parametrize("size", [1.0, 1e-6, 1e-12, 1e-100, 1e-300])
@pytest.mark.parametrize("elementwise", [False, True])
def test_noise_hides_a_forgotten_gradient_at_every_size_of_f(size, elementwise):
    x, rng = np.array([1.0, 2.0, 3.0]), np.random.default_rng(0)
    noisy = lambda x: size * (np.sum(x**2) + 0.01 * rng.standard_normal())
    assert check_gradient(noisy, np.zeros(3), x, elementwise=elementwise, raises=False).verdict == "inconclusive"
    for offset in (0.0, 1.0):
        f = lambda x, offset=offset: size * (offset + np.sum((x - 1) ** 2))
        assert check_gradient(f, np.zeros(3), np.ones(3), elementwise=elementwise).verdict == "ok"
        wrong = check_gradient(f, np.zeros(3), x, elementwise=elementwise, raises=False)
        assert wrong.verdict == "wrong"


def test_a_flipped_sign_is_seen_through_noise():
    x, noise = np.linspace(1.0, 2.0, 100), noisy("random")
    assert check_gradient(lambda x: np.sum(x**2) + noise(x), lambda x: -2 * x, x, raises=False).verdict == "wrong"


def test_a_gradient_below_rounding_allows_no_verdict():
    report = check_gradient(lambda x: 1e12 + x[0], [1.0], np.array([1.0]), raises=False)
    assert report.verdict == "inconclusive"
    assert "rounding" in hints(report)


@pytest.mark.parametrize("fatal", [1, 2, 9, 31, 40])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_arrays_are_restored_when_f_raises(fatal, error):
    params, calls = {"a": np.array([0.1, -0.0, 3.0]), "b": np.ones((2, 2), np.float32)}, []
    before = {name: w.tobytes() for name, w in params.items()}

    def f(p):
        calls.append(1)
        if len(calls) >= fatal:
            raise error
        return np.sum(p["a"] ** 2) + np.sum(p["b"])

    with pytest.raises(error):
        check_gradient(f, {"a": np.zeros(3), "b": np.ones((2, 2))}, params)
    assert {name: w.tobytes() for name, w in params.items()} == before


def test_ctrl_c():
    x = np.array([0.1, 0.2])
    before, calls = x.tobytes(), []

    def f(x):
        calls.append(1)
        if len(calls) == 5:
            signal.raise_signal(signal.SIGINT)
        return np.sum(x)

    with pytest.raises(KeyboardInterrupt):
        check_gradient(f, np.ones(2), x)
    assert x.tobytes() == before


def spoil(x):
    x[0] = 7.0
    return x


def spoiled(variable):
    variable.data[0] = 7.0
    return F.sum(variable)


def broken(x):
    spoil(x)
    raise KeyError


@pytest.mark.parametrize(
    ("f", "grad", "who"),
    [
        (np.sum, spoil, "grad"),
        (lambda x: spoil(x).sum(), np.ones_like, "f"),
        (lambda x: spoil(x).sum(), spoil, "f"),
        (np.sum, spoiled, "grad"),
        (spoiled, Variable, "f"),
    ],
    ids=["grad writes", "f writes", "both write", "a loss in grad's place writes", "a loss of Variables writes"],
)
def test_functions_that_write_into_x(f, grad, who):
    x = np.array([0.1, 0.2])
    with pytest.raises(ValueError, match=f"^{who} writes into its argument"):
        check_gradient(f, grad, x)
    assert x.tolist() == [0.1, 0.2]


@pytest.mark.parametrize(("f", "grad"), [(broken, np.ones_like), (np.sum, broken)], ids=["f", "grad"])
def test_functions_that_write_and_raise(f, grad):
    x = np.array([0.1, 0.2])
    with pytest.raises(KeyError):
        check_gradient(f, grad, x)
    assert x.tolist() == [0.1, 0.2]


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e-160, 1e155, 1e200, 1e305])
@pytest.mark.parametrize("count", [1, 3, 50])
@pytest.mark.parametrize("elementwise", [False, True])
def test_sizes_whose_squares_are_no_numbers(size, count, elementwise):
    x, f = np.linspace(1.0, 2.0, count), lambda x: size * np.sum(x**2)
    for factor, verdict in ((2.0, "ok"), (-2.0, "wrong"), (2.002, "wrong")):
        report = check_gradient(f, factor * size * x, x, elementwise=elementwise, raises=False)
        assert report.verdict == verdict
        assert ("its sign is flipped" in hints(report)) == (factor < 0)


@pytest.mark.parametrize("elementwise", [False, True])
def test_an_exponential_of_900_with_another_sign(elementwise):
    f, x = lambda x: np.exp(x[0] / 2), np.array([900.0])
    assert check_gradient(f, lambda x: np.exp(x / 2) / 2, x, elementwise=elementwise).verdict == "ok"
    wrong = check_gradient(f, lambda x: -np.exp(x / 2) / 2, x, elementwise=elementwise, raises=False)
    assert (wrong.verdict, named(wrong)) == ("wrong", [("x", (0,))])


def test_a_function_beyond_all_numbers_allows_no_verdict():
    report = check_gradient(lambda x: np.exp(x[0]), [np.inf], np.array([709.78]), raises=False)
    assert report.verdict == "wrong"  # an infinite gradient is none
    for g in (1.7e308, -1.7e308, 1.0):
        f = lambda x: 1.7e308 * np.sin(1e9 * x[0])
        assert check_gradient(f, [g], np.array([0.3]), raises=False).verdict in {"wrong", "inconclusive"}


def loss_of(f, *arrays, atol=0.0):
    return Loss(f, {str(k): w for k, w in enumerate(arrays)}, None, atol)


def test_slopes_are_those_of_the_displacement_really_taken():
    x = np.array([1.0, 2.0, 3.0])
    loss = loss_of(lambda: float(x[0] ** 2 + x[2]), x)
    loss.set_gradient(np.array([2.0, 0.0, 1.0]))
    slope = loss.slope(loss.axis(0), 0.25)
    assert slope == (0.25, 2.0, 2.25, 1.75, 2.0)
    assert (slope.gap, slope.difference) == (0.5, 0.0)
    calls = loss.evaluations
    line = loss.axis(2)
    assert loss.slope(line, 0.25) is loss.slope(line, 0.25)  # once
    assert line.slopes[0.25].central == 3.0  # an element of size 3 moves by 3 t
    assert loss.evaluations == calls + 2
    assert x.tolist() == [1.0, 2.0, 3.0]


def test_places_are_those_of_all_arrays_one_after_the_other():
    a, empty, b = np.zeros((2, 3)), np.empty(0), np.array([10.0, 20.0])
    loss = loss_of(lambda: float(a.sum() + b.sum()), a, empty, b)
    assert [loss.array_of(place) for place in (0, 5, 6, 7)] == [0, 0, 2, 2]
    value, taken = loss.moved(np.array([5, 6]), 0.5, np.array([1.0, 4.0]))
    assert value == 30.0 + 0.5 + 2.0
    assert taken.tolist() == [0.5, 2.0]
    assert loss.scale.tolist() == [1.0] * 6 + [10.0, 20.0]


def test_everything_is_put_back_whatever_happens():
    x = np.array([1.0, -0.0])
    loss = loss_of(lambda: float(x.sum()), x)

    def interrupted():
        with loss.moving():
            x[:] = 7.0
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert x.tobytes() == np.array([1.0, -0.0]).tobytes()
    with pytest.raises(ValueError, match="writes"), loss.moving():
        x[1] = 0.0  # other bits
    assert np.signbit(x[1])


@pytest.mark.parametrize(
    ("f", "gradient", "verdict"),
    [
        (np.sin, np.cos(0.5), "ok"),
        (np.sin, np.cos(0.5) * 1.01, "wrong"),
        (lambda v: abs(v - 0.5), 0.0, "kink"),
        (lambda v: abs(v - 0.5), 1.0, "kink"),
        (lambda v: abs(v - 0.5), 5.0, "wrong"),
    ],
    ids=["right", "off by a percent", "kink", "one side of it", "no side of it"],
)
def test_judgements(f, gradient, verdict):
    x = np.array([0.5])
    loss = loss_of(lambda: float(f(x[0])), x)
    loss.set_gradient(np.array([gradient]))
    line = loss.axis(0)
    for t in (line.step, 2 * line.step):
        loss.slope(line, t)
    loss.measure([line])
    assert loss.judge(line) == verdict


# --- coordinates in small units --------------------------------------------------------------------------------------

RADIUS = 0.7


def beam(p):
    """The intensity of a beam of width p[0] at a fixed part of it."""
    return p[1] * np.exp(-2.0 * RADIUS**2 * beam.width**2 / p[0] ** 2)


def beams_gradient(p, sign=1.0):
    return np.array([beam(p) * 4.0 * RADIUS**2 * beam.width**2 / p[0] ** 3, sign * beam(p) / p[1]])


@pytest.mark.parametrize("elementwise", [False, True])
@pytest.mark.parametrize("width", [1.0, 1e-3, 1e-5, 1e-6, 1e-9])
def test_lengths_in_metres(width, elementwise):
    beam.width, p = width, np.array([width, 2.0])
    assert check_gradient(beam, beams_gradient, p, elementwise=elementwise).verdict == "ok"
    wrong = check_gradient(beam, lambda p: beams_gradient(p, -1.0), p, elementwise=elementwise, raises=False)
    assert wrong.verdict == "wrong"


@pytest.mark.parametrize("farad", [1e-7, 1e-9, 1e-12])
def test_a_filter_in_ohm_and_farad(farad):
    w, p = 1e6, np.array([1.0 / (1e6 * farad), farad])
    f = lambda p: 1.0 / (1.0 + (w * p[0] * p[1]) ** 2)
    gradient = lambda p: -2.0 * w * w * p[0] * p[1] * p[::-1] * f(p) ** 2
    for elementwise in (False, True):
        assert check_gradient(f, gradient, p, elementwise=elementwise).verdict == "ok"
        for wrong in ([1.0, 1.1], [-1.0, 1.0], [0.0, 1.0]):
            claimed = lambda p, wrong=wrong: gradient(p) * wrong
            report = check_gradient(f, claimed, p, elementwise=elementwise, raises=False)
            assert report.verdict == "wrong"


@pytest.mark.parametrize("unit", [1e-3, 1e-7, 1e-10])
def test_a_ripple_on_a_slope(unit):
    x = np.random.default_rng(0).normal(size=10) * unit
    f = lambda z: np.sum(np.sin(z / unit) + z / unit)
    assert check_gradient(f, lambda z: (np.cos(z / unit) + 1.0) / unit, x).verdict == "ok"
    assert check_gradient(f, lambda z: 0.0 * z + 1.0 / unit, x, raises=False).verdict == "wrong"


def test_coordinates_of_all_units_at_once():
    units, parts = np.array([1e-8, 1.0, 1e8]), np.array([1.0, 2.0, 3.0])
    f = lambda z: np.sum(np.sin(z / units) * parts)
    for factor, verdict in ((1.0, "ok"), (1.5, "wrong")):
        claimed = lambda z, factor=factor: np.cos(z / units) / units * parts * [1.0, 1.0, factor]
        assert check_gradient(f, claimed, units.copy(), elementwise=True, raises=False).verdict == verdict
