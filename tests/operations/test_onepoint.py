"""First derivatives at one point by the short way: the bits, the errors and the warnings of the usual one."""

from __future__ import annotations

import numpy as np
import pytest

import fastgrad
from fastgrad import gradient
from fastgrad.operations import onepoint

X = np.array([0.5, -2.0, 300.0])


def smooth(x):
    return np.sin(x[0] * x[1]) + 1e-3 * x[2] ** 2


def usual_way(f, x, **options):
    """By `full_output`, which the short way does not know."""
    return gradient(f, x, full_output=True, **options).value


@pytest.fixture
def ways(monkeypatch):
    """What the short way has given, call by call."""
    seen, short = [], onepoint.gradient
    monkeypatch.setattr(onepoint, "gradient", lambda asked: (seen.append(short(asked)), seen[-1])[1])
    return seen


@pytest.mark.parametrize("h", [None, 1e-4, 1, 3e-7])
@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_the_bits_are_those_of_the_usual_way(order, h, ways):
    for x in (X, X[:1], np.zeros(2), np.linspace(-1e3, 1e3, 16)):
        f = smooth if len(x) == 3 else lambda x: np.sum(np.exp(1e-3 * x) * np.arange(1.0, len(x) + 1.0))
        found = gradient(f, x, order=order, h=h)
        assert ways[-1] is found
        assert (found == usual_way(f, x, order=order, h=h)).all()
        assert found.shape == x.shape


def test_python_numbers_and_further_arguments(ways):
    found = gradient(lambda x, a, b: a * float(x[0]) ** 2 + b, X, args=(2.0, 1))
    assert found.tolist() == [2.0, 0.0, 0.0]
    found = gradient(lambda x: [[x[0] * x[1]]], X)
    assert found.tolist() == [-2.0, 0.5, 0.0]
    assert all(way is not None for way in ways)


OTHERS = {
    "float32": (X.astype(np.float32), {}), "integers": (np.array([1, 2, 3]), {}), "a list": ([1.0, 2.0, 3.0], {}),
    "a matrix": (X[None], {}), "no coordinates": (np.empty(0), {}), "many": (np.linspace(0.5, 1.5, 17), {}),
    "NaN": (np.array([0.5, np.nan, 1.0]), {}), "infinity": (np.array([0.5, np.inf, 1.0]), {}),
    "forward": (X, {"method": "forward"}), "adaptive": (X, {"method": "adaptive"}), "exact": (X, {"method": "exact"}),
    "steps": (X, {"h": np.full(3, 1e-4)}), "relative": (X, {"rel_step": 1e-5}), "simd": (X, {"engine": "simd"}),
    "bounds": (X, {"bounds": (-1e3, 1e3)}), "side": (X, {"side": 1}), "noise": (X, {"noise": 1e-9}),
    "out": (X, {"out": np.empty(3)}),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_calls_of_other_kinds_go_the_usual_way(name, ways):
    x, options = OTHERS[name]
    f = lambda x: np.sum(x * x) if np.ndim(x) else x
    if not np.size(x):
        f = lambda x: 1.0
    with np.errstate(all="ignore"):
        found = gradient(f, x, **options)
        np.testing.assert_array_equal(found, usual_way(f, x, **{k: v for k, v in options.items() if k != "out"}))
    assert [way for way in ways if way is not None] == []


def rude(x):
    x += 1.0
    return np.sum(x**2)


def late(x, state=[0]):  # noqa: B006  which it is about
    state[0] += 1
    total = np.sum(x**2)
    if state[0] % 5 == 0:
        x[:] = 7.0
    return total


class Keeper:
    def __init__(self):
        self.seen = []

    def __call__(self, x):
        self.seen.append(x)
        return np.sum(x**2)


def test_what_f_does_with_its_argument():
    np.testing.assert_allclose(gradient(rude, X), 2.0 * (X + 1.0), rtol=1e-6)
    for _ in range(4):
        np.testing.assert_allclose(gradient(late, X), 2.0 * X, rtol=1e-6)
    keeper = Keeper()
    np.testing.assert_allclose(gradient(keeper, X), 2.0 * X, rtol=1e-6)
    assert len({x.tobytes() for x in keeper.seen}) == len(keeper.seen) == 6


def test_precision_and_parts_of_what_f_returns():
    coarse = lambda x: np.float32(np.sum(x[:2] ** 2))
    assert (gradient(coarse, X) == usual_way(coarse, X)).all()
    np.testing.assert_allclose(gradient(coarse, X), [1.0, -4.0, 0.0], atol=2e-2)
    waves = lambda x: np.exp(1j * x[0]) * x[1]
    assert (gradient(waves, X) == usual_way(waves, X)).all()
    assert gradient(waves, X).dtype == complex


@pytest.mark.parametrize(
    ("f", "options", "error", "text"),
    [
        (lambda x: x, {}, ValueError, "use jacobian"),
        (lambda x: "text", {}, TypeError, "must return one real number"),
        (lambda x: (1.0, x), {}, ValueError, r"lambda x: f\(x\)\[0\]"),
        (lambda x, y: x[0] * y, {}, TypeError, "f gets x alone"),
        (lambda x: x[:, 0].sum(), {}, IndexError, "too many indices"),
        (lambda x: 1 / 0, {}, ZeroDivisionError, "division by zero"),
        (np.sum, {"h": 0.0}, ValueError, "positive"),
        (np.sum, {"h": 1e-20}, ValueError, "vanishes"),
        (np.sum, {"h": True}, ValueError, "h"),
        (np.sum, {"order": True}, ValueError, "order"),
        (np.sum, {"order": 3}, ValueError, "order"),
        (np.prod, {"args": 1}, TypeError, "args must be a tuple"),
        ("text", {}, TypeError, "must be a function"),
    ],
)
def test_errors_are_those_of_the_usual_way(f, options, error, text):
    with pytest.raises(error, match=text) as short:
        gradient(f, X, **options)
    with pytest.raises(error) as usual:
        gradient(f, X, full_output=True, **options)
    assert str(short.value) == str(usual.value)


def test_warnings_are_those_of_the_usual_way():
    with pytest.warns(fastgrad.ConstantFunctionWarning) as seen:
        assert gradient(lambda x: 1.0, X).tolist() == [0.0, 0.0, 0.0]
    assert seen[0].filename == __file__


def test_calls_of_f():
    calls = []
    f = lambda x: (calls.append(x.tolist()), np.sum(x))[1]
    gradient(f, X)
    assert len(calls) == usual_calls(f) == 6


def usual_calls(f):
    return gradient(f, X, full_output=True).nfev


# --- values, and many outputs ----------------------------------------------------------------------------------------


def outputs(x):
    return np.array([[np.sin(x[0] * x[1]), 1e-3 * x[2] ** 2], [x[0], np.exp(x[1])]])


@pytest.fixture
def given(monkeypatch):
    """What the short ways of `jacobian` and `value_and_gradient` have given, call by call."""
    seen = []
    for name in ("jacobian", "value_and_gradient"):
        short = getattr(onepoint, name)
        monkeypatch.setattr(onepoint, name, lambda asked, short=short: (seen.append(short(asked)), seen[-1])[1])
    return seen


@pytest.mark.parametrize("h", [None, 1e-4, 1, 3e-7])
@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_jacobians_have_the_bits_of_the_usual_way(order, h, given):
    for f in (
        outputs,
        lambda x: list(x[:2] ** 2),
        lambda x: x[:1] * 3.0,
        lambda x: 5.0 * x[0] * x[2],
        lambda x: (x, x),
    ):
        found = fastgrad.jacobian(f, X, order=order, h=h)
        usual = fastgrad.jacobian(f, X, order=order, h=h, full_output=True).value
        assert given[-1] is found
        assert found.tobytes() == usual.tobytes()
        assert (found.shape, found.dtype, found.strides) == (usual.shape, usual.dtype, usual.strides)


@pytest.mark.parametrize("h", [None, 1e-4, 3e-7])
def test_values_and_gradients_have_the_bits_of_the_usual_way(h, given):
    for f in (smooth, lambda x: float(x[0]) ** 2 + 1, lambda x: [[x[0] * x[1]]]):
        value, slope = fastgrad.value_and_gradient(f, X, h=h)
        usual, result = fastgrad.value_and_gradient(f, X, h=h, full_output=True)
        assert given[-1] is not None
        assert value == usual
        assert type(value) is type(usual) is np.float64
        assert (slope == result.value).all()


@pytest.mark.parametrize("name", OTHERS)
def test_jacobians_and_values_of_other_kinds_go_the_usual_way(name, given):
    x, options = OTHERS[name]
    alone = {k: v for k, v in options.items() if k != "out"}
    f = (lambda x: np.sum(x * x)) if np.size(x) else (lambda x: 1.0)
    with np.errstate(all="ignore"):
        both = fastgrad.value_and_gradient(f, x, **options)
        usual = fastgrad.value_and_gradient(f, x, full_output=True, **alone)
        np.testing.assert_array_equal(both[1], usual[1].value)
        assert np.array_equal(both[0], usual[0], equal_nan=True)
        np.testing.assert_array_equal(
            fastgrad.jacobian(f, x, **options), fastgrad.jacobian(f, x, full_output=True, **alone).value
        )
    assert [way for way in given if way is not None] == []


def test_values_whose_steps_may_be_too_long_or_of_a_higher_order(given):
    jump = lambda x: 1e3 * (x[0] > 0.5) + x[1] + x[2]
    with pytest.warns(fastgrad.StepWarning, match="far below the step"):
        assert fastgrad.value_and_gradient(jump, X)[1].tolist() == usual_way(jump, X).tolist()
    assert fastgrad.value_and_gradient(smooth, X, order=4)[0] == smooth(X)
    assert given == [None, None]


@pytest.mark.parametrize("operation", [fastgrad.jacobian, fastgrad.value_and_gradient])
def test_what_f_does_with_its_argument_or_returns(operation):
    def slopes(f):
        found = operation(f, X)
        return np.ravel(found[1] if type(found) is tuple else found)

    np.testing.assert_allclose(slopes(rude), 2.0 * (X + 1.0), rtol=1e-6)
    for _ in range(4):
        np.testing.assert_allclose(slopes(late), 2.0 * X, rtol=1e-6)
    np.testing.assert_allclose(slopes(Keeper()), 2.0 * X, rtol=1e-6)
    np.testing.assert_allclose(slopes(lambda x: float(np.float32(x @ x))), 2.0 * X, rtol=1e-2)
    assert slopes(lambda x: np.exp(1j * x[0]) * x[1]).dtype == complex


@pytest.mark.parametrize(
    ("f", "options", "error"),
    [
        (lambda x: "text", {}, TypeError), (lambda x: x[: 1 + (x[0] > 0.5)], {}, ValueError),
        (lambda x: [[1.0], [1.0, 2.0]], {}, (TypeError, ValueError)), (lambda x, y: x[0] * y, {}, TypeError),
        (lambda x: x[:, 0], {}, IndexError), (lambda x: 1 / 0, {}, ZeroDivisionError),
        (np.cumsum, {"h": 0.0}, ValueError), (np.cumsum, {"h": 1e-20}, ValueError),
        (np.cumsum, {"order": 3}, ValueError), ("text", {}, TypeError),
    ],
    ids=range(10),
)  # fmt: skip
@pytest.mark.parametrize("operation", [fastgrad.jacobian, fastgrad.value_and_gradient])
def test_errors_of_jacobians_and_values_are_those_of_the_usual_way(operation, f, options, error):
    with pytest.raises(error) as short:
        operation(f, X, **options)
    with pytest.raises(error) as usual:
        operation(f, X, full_output=True, **options)
    assert str(short.value) == str(usual.value)


def test_warnings_of_jacobians_and_values_and_their_calls_of_f():
    for operation in (fastgrad.jacobian, fastgrad.value_and_gradient):
        with pytest.warns(fastgrad.ConstantFunctionWarning) as seen:
            operation(lambda x: 1.0, X)
        assert seen[0].filename == __file__
    calls = []
    f = lambda x: (calls.append(1), np.sum(x))[1]
    fastgrad.jacobian(f, X)
    assert len(calls) == 6
    fastgrad.value_and_gradient(f, X)
    assert len(calls) == 13
    assert fastgrad.jacobian(lambda x: x[:0], X).shape == (0, 3)


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def slopes(monkeypatch):
    """What the short way has given for derivatives, call by call."""
    seen, short = [], onepoint.derivative
    monkeypatch.setattr(onepoint, "derivative", lambda *given: (seen.append(short(*given)), seen[-1])[1])
    return seen


def slope(f, x, **options):
    return fastgrad.derivative(f, x, full_output=True, **options).value


@pytest.mark.parametrize("h", [None, 1e-4, 3e-7])
@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_derivatives_have_the_bits_of_the_usual_way(order, h, slopes):
    for x in (0.5, -300.0, 2, np.float64(1e-3), 0.0):
        for f in (np.sin, lambda v: v**3 + np.sin(v), lambda v, a=1 / 3: float(a * v + a)):
            found = fastgrad.derivative(f, x, order=order, h=h)
            assert slopes[-1] is found
            assert found == slope(f, x, order=order, h=h)
            assert type(found) is np.float64


OTHER_NUMBERS = {
    "no axes": (np.array(0.5), {}), "one": (np.array([0.5]), {}), "a list": ([0.5, 1.0], {}),
    "float32": (np.float32(0.5), {}), "second": (0.5, {"n": 2}), "side": (0.5, {"side": 1}),
    "bounds": (0.5, {"bounds": (0, 1)}), "exact": (0.5, {"method": "exact"}), "relative": (0.5, {"rel_step": 1e-5}),
    "NaN": (np.nan, {}), "infinity": (np.inf, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER_NUMBERS)
def test_derivatives_of_other_kinds_go_the_usual_way(name, slopes):
    x, options = OTHER_NUMBERS[name]
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(fastgrad.derivative(np.sin, x, **options), slope(np.sin, x, **options))
    assert [found for found in slopes if found is not None] == []


def test_derivatives_of_coarse_complex_and_constant_functions(slopes):
    coarse = lambda v: np.float32(v * v)
    assert fastgrad.derivative(coarse, 3.0) == slope(coarse, 3.0) == pytest.approx(6.0, rel=1e-3)
    hidden = lambda v: float(np.float32(np.sin(v)))
    assert fastgrad.derivative(hidden, 0.7) == slope(hidden, 0.7) == pytest.approx(np.cos(0.7), rel=1e-3)
    waves = lambda v: np.exp(1j * v)
    assert fastgrad.derivative(waves, 0.5) == slope(waves, 0.5)
    with pytest.warns(fastgrad.ConstantFunctionWarning):
        assert fastgrad.derivative(lambda v: 1.0, 0.5) == 0.0
    assert slopes == [None, None, None, None]


@pytest.mark.parametrize(
    ("f", "options", "error"),
    [
        (lambda v: [v, v], {}, ValueError), (lambda v: "text", {}, TypeError), (lambda v: 1 / 0, {}, ZeroDivisionError),
        (lambda v, a: v, {}, TypeError), (np.sin, {"h": 0.0}, ValueError), (np.sin, {"h": 1e-20}, ValueError),
        (np.sin, {"n": 9}, ValueError), (np.sin, {"n": True, "order": 3}, ValueError), ("text", {}, TypeError),
    ],
    ids=range(9),
)  # fmt: skip
def test_errors_of_derivatives_are_those_of_the_usual_way(f, options, error):
    with pytest.raises(error) as short:
        fastgrad.derivative(f, 0.5, **options)
    with pytest.raises(error) as usual:
        fastgrad.derivative(f, 0.5, full_output=True, **options)
    assert str(short.value) == str(usual.value)


@pytest.mark.parametrize(
    "f", [lambda x: np.sin(x[0]) * x[1], lambda x: np.sum(x**3), np.prod], ids=["two", "all", "product"]
)
def test_a_single_row_is_a_point(f):
    for dimension in (2, 5, 30, 100):
        x = np.random.default_rng(dimension).normal(size=(1, dimension))
        found = gradient(f, x, batch=True)
        assert found.shape == x.shape
        assert (found == gradient(f, x, batch=True, full_output=True).value).all()


def test_a_single_row_that_is_no_usual_one():
    x, out = np.array([[0.5, 2.0]]), np.empty((1, 2))
    assert gradient(np.prod, x, batch=True, out=out) is out
    found = gradient(lambda x, k: k * x[0], x, batch=True, batch_args=([3.0],))
    np.testing.assert_allclose(found, [[3.0, 0.0]], atol=1e-9)
    with pytest.warns(fastgrad.ConstantFunctionWarning):
        assert not gradient(lambda x: 1.0, x, batch=True).any()
    with pytest.raises(ValueError, match="one number"):
        gradient(lambda x: x, x, batch=True)
