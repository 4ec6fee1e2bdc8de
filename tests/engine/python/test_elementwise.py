"""f of arrays that is no function of one variable is refused, by every way to its derivative; what is one, is not."""

import numpy as np
import pytest

from fastgrad import derivative
from fastgrad.engine.call import Call, Rows
from fastgrad.engine.python.elementwise import FEW, SAMPLE, Ends, check_arrays, check_ends, check_numbers
from fastgrad.formulas import stencils
from fastgrad.formulas.steps import choose_steps

WAYS = {
    "central": {}, "second": {"n": 2}, "forward": {"method": "forward"}, "eighth order": {"order": 8},
    "adaptive": {"method": "adaptive"}, "reference": {"engine": "reference"}, "far bounds": {"bounds": (-1e9, 1e9)},
    "bounds at the ends": {"bounds": (0.1, 3.0)}, "adaptive between bounds": {"method": "adaptive", "bounds": (0.1, 3)},
}  # fmt: skip
WITHOUT_ARRAYS = {"complex": {"method": "complex"}, "exact": {"method": "exact"}, "simd": {"engine": "simd"}}

WHOLE = {
    "sum": lambda x: x * np.sum(x), "running sum": np.cumsum, "reversed": lambda x: x[::-1] * x,
    "mean": lambda x: x - x.mean(), "softmax": lambda x: np.exp(x) / np.exp(x).sum(), "central": np.gradient,
    "backward": lambda x: np.diff(x, prepend=0.0), "rolled": lambda x: np.roll(x, 1) * x, "running product": np.cumprod,
    "norm": lambda x: x / np.linalg.norm(x), "largest": lambda x: x / np.max(np.abs(x)), "first": lambda x: x * x[0],
    "filtered": lambda x: np.convolve(x, [0.1, 0.2, 0.4, 0.2, 0.1])[2:-2], "hardly": lambda x: x + 1e-5 * np.sum(x),
    "standard": lambda x: (x - x.mean()) / (x.std() + 1.0), "pairs": lambda x: (x[:, None] * x).sum(axis=1),
    "turned": lambda x: np.sort(x)[::-1] + x[0], "Fourier": lambda x: np.fft.fft(x).real, "last": lambda x: x * x[-1],
    "one for all": lambda x: np.full_like(x, x.sum()), "by a sum": lambda x: np.where(x.sum() > 0, x.sum(), x),
}  # fmt: skip
OF_ARRAYS = {
    "all": lambda x: x**3 if np.all(x < 1.5) else x**2,
    "any": lambda x: x**3 if np.any(x < 0.2) else x**2,
    "all not 0": lambda x: 1.0 / x if np.all(np.abs(x) > 0.2) else x,
    "different ones": lambda x: x * len(np.unique(x)),
    "spread": lambda x: x**2 if np.std(x) < 0.1 else x**3,
}
COUNTS = [2, 3, 40, FEW + 1, 3000]
W = np.random.default_rng(1).normal(size=max(COUNTS))
SINGLE = {
    "sin": np.sin,
    "a parameter each": lambda x: W[: len(x)] * x,
    "by place": lambda x: np.where(np.arange(len(x)) < 3, x, x * x),
    "branches": lambda x: np.where(x > 1.0, x, x * x),
    "steep": lambda x: np.exp(50.0 * x),
    "cancels": lambda x: np.sin(x) - x,
    "single precision": lambda x: np.sin(x, dtype=np.float32),
    "rounded": lambda x: np.round(x, 3),
    "integers": lambda x: np.floor(x).astype(int),
    "lost digits": lambda x: np.cos(x) * 1e10 - 1e10,
    "by size": lambda x: x * np.size(x),
    "constant": lambda x: 0 * x + 1,
    "partly NaN": lambda x: np.where(x > 1.0, np.log(x - 1.0), np.nan),
    "poles": lambda x: 1.0 / np.round(x),
}


def points(count):
    yield np.linspace(0.1, 3.0, count)
    yield np.full(count, 1.3)
    yield np.random.default_rng(0).uniform(0.1, 3.0, count)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("way", WAYS)
def test_functions_of_whole_arrays_are_refused(way, count):
    for f in WHOLE.values():
        for x in points(count):
            with (
                pytest.raises(ValueError, match=r"no function of one variable.*jacobian\(f, x\)"),
                np.errstate(all="ignore"),
            ):
                derivative(f, x, **WAYS[way])


@pytest.mark.parametrize("way", WITHOUT_ARRAYS)
@pytest.mark.parametrize("name", ["sum", "running sum", "norm", "rolled", "hardly"])
def test_also_where_f_gets_single_numbers_or_complex_ones(way, name):
    for count in COUNTS:
        for x in points(count):
            with pytest.raises((ValueError, TypeError)) as raised:
                derivative(WHOLE[name], x, **WITHOUT_ARRAYS[way])
            assert name == "norm" or "jacobian" in str(raised.value)  # norm has no complex derivative


@pytest.mark.parametrize("count", [3, 40, 3000])
@pytest.mark.parametrize("way", WAYS | {"exact": {"method": "exact"}})
def test_functions_that_look_at_the_array_are_refused(way, count):
    """Those whose value at an element changes with the array, but with no small change of another element."""
    for f in OF_ARRAYS.values():
        with pytest.raises(ValueError, match=r"alone it is .*np\.vectorize\(f\)"):
            derivative(f, np.linspace(0.1, 3.0, count), **WAYS.get(way, {"method": "exact"}))


@pytest.mark.parametrize("options", [{"method": "exact"}, {"engine": "simd"}])
def test_what_numbers_give_must_be_what_arrays_give(options):
    """An f that looks at the size of its array is of arrays, and is not called with numbers instead."""
    for f in (lambda x: x * np.size(x), lambda x: x**2 * (1 + np.ndim(x))):
        with pytest.raises(ValueError, match=r"alone it is .*np\.vectorize\(f\)"):
            derivative(f, np.linspace(0.1, 3.0, 40), **options)


def test_elements_with_bounds_of_their_own_are_not_made_the_same():
    x, seen = np.array([1.0, 2.0, 3.0]), []
    f = lambda t: seen.append(np.array(t)) or t**2
    np.testing.assert_allclose(derivative(f, x, bounds=(x - 0.1, x + 0.1)), 2 * x, rtol=1e-8)
    assert all((np.abs(t - x) <= 0.1).all() for t in seen)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("way", WAYS)
def test_functions_of_one_variable_are_not(way, count):
    for f in SINGLE.values():
        for x in points(count) if count < 3000 or "adaptive" not in way else ():
            assert derivative(f, x, **WAYS[way]).shape == x.shape


def test_the_error_names_an_element_and_what_to_write():
    with pytest.raises(ValueError, match=r"element \(1, 0\) of an array"):
        derivative(lambda x: np.where(np.arange(6).reshape(2, 3) == 3, x * x[1, 2], x), np.ones((2, 3)))
    x = np.array([1.0, 2.0])
    f = np.vectorize(lambda t: t * np.sum(t))
    np.testing.assert_allclose(derivative(f, x), 2.0 * x, rtol=1e-9)


def test_matrices():
    x = np.arange(9.0).reshape(3, 3)
    for f in (lambda x: x.T * 2.0, lambda x: x @ x, lambda x: x - x.mean(axis=0), np.cumsum):
        with pytest.raises(ValueError, match="jacobian"):
            derivative(f, x)
        with pytest.raises(ValueError, match="jacobian"):
            derivative(f, np.random.default_rng(0).normal(size=(60, 60)))
    np.testing.assert_allclose(derivative(lambda x: x.T.T**2, x), 2.0 * x, rtol=1e-8)


def test_what_refuses_arrays_is_asked_one_by_one():
    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(derivative(np.sum, x), np.ones(2), rtol=1e-9)
    np.testing.assert_allclose(derivative(lambda t: float(t) ** 2, x), 2 * x, rtol=1e-9)


def call_of(f, x):
    table = stencils.derivative(1, 2, "central")
    steps = choose_steps(x, table.stencil)
    return Call(f, Rows(x.reshape(-1, 1), ()), table, steps, scalar=True, whole=x.shape)


@pytest.mark.parametrize(("count", "sizes"), [(1, []), (5, [5] * 3), (FEW + 1, [SAMPLE] * 6), (9999, [SAMPLE] * 6)])
def test_a_call_for_each_digit_where_a_few_elements_tell(count, sizes):
    x, calls = np.linspace(0.1, 3.0, count), []
    call = call_of(lambda t: calls.append(t.size) or t**2, x)
    assert check_ends(
        call, x.shape, lambda picks: Ends(x[picks], x[picks] + 1, x[picks] ** 2, (x[picks] + 1) ** 2)
    ) == len(calls)
    alone = [min(count, SAMPLE)] * 2  # the smallest, which is next to 0, and the largest
    assert calls[len(sizes) :] == (alone if sizes else [])
    assert all(n - 8 <= m <= n for m, n in zip(calls, sizes, strict=False))  # a few may coincide


def test_a_few_where_arrays_are_only_asked_of():
    calls, x = [], np.linspace(0.1, 3.0, 5000)
    f = lambda t: calls.append(t.size) or t**2
    assert check_numbers(call_of(f, x)) == check_arrays(call_of(f, x)) == 10
    assert max(calls) == SAMPLE
    calls.clear()
    assert (
        check_arrays(call_of(lambda t: calls.append(t.size) or W[: t.size, None][:, 0] * x[: t.size] * t, x[:3000]))
        == 10
    )
    with pytest.raises(ValueError, match="jacobian"):
        check_numbers(call_of(np.cumsum, x))


@pytest.mark.parametrize("way", WAYS)
def test_an_f_that_returns_the_same_array_at_every_call(way):
    x = np.linspace(0.1, 3.0, 20)
    buffers = {n: np.empty(n) for n in range(1, 21)}
    found = derivative(lambda t: np.square(t, out=buffers[t.size]), x, **WAYS[way])
    np.testing.assert_allclose(found, 2.0 * x if way != "second" else 2.0, rtol=1e-5)


PAIRS = np.random.default_rng(0).normal(size=(5, 2))
COUPLED = {
    "softmax of rows": lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
    "a norm of rows": lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True),
    "rows backwards": lambda x: x[:, ::-1] * 1.0,
    "a sum of rows": lambda x: x * np.sum(x**2, axis=1, keepdims=True),
    "columns": lambda x: x * x.mean(0),
    "one element": lambda x: np.where(np.arange(x.size).reshape(x.shape) == 1, x * x[0, 0], x**2),
}


@pytest.mark.parametrize("shape", [(1, 2), (2, 2), (3, 2), (4, 2), (5, 2), (6, 2), (2, 4), (3, 4), (16, 16)])
@pytest.mark.parametrize("name", COUPLED)
def test_any_two_of_a_few_elements_are_told_apart(name, shape):
    if name == "columns" and shape[0] == 1:
        return
    x = np.random.default_rng(2).normal(size=shape)
    for options in ({}, {"method": "adaptive"}):
        with pytest.raises(ValueError, match="no function of one variable"):
            derivative(COUPLED[name], x, **options)


@pytest.mark.parametrize("count", [257, 1_000, 5_000])
@pytest.mark.parametrize("engine", ["auto", "python"])
def test_one_element_of_many_that_reads_another(count, engine):
    parameters = np.linspace(1.0, 2.0, count)  # f refuses fewer elements
    pairs = np.random.default_rng(7).integers(count, size=(24, 2))
    for reads, read in [*pairs[pairs[:, 0] != pairs[:, 1]].tolist(), (0, count - 1), (0, 2), (count - 1, count - 3)]:

        def f(x, reads=reads, read=read):
            y = parameters * x**2
            y[reads] += x[read]
            return y

        with pytest.raises(ValueError, match=rf"its value at element {reads} of an array changes"):
            derivative(f, np.linspace(0.0, 1.0, count), engine=engine)


def test_calls_for_many_elements():
    """Those of all, where f takes no fewer: 2 for the derivative, and one for each digit of an element's number."""
    parameters, sizes = np.linspace(1.0, 2.0, 1_000), []

    def f(x):
        sizes.append(np.size(x))
        return parameters * x**2

    found = derivative(f, np.linspace(0.0, 1.0, 1_000), full_output=True)
    assert np.allclose(found.value, 2 * parameters * np.linspace(0.0, 1.0, 1_000))
    assert sizes.count(1_000) == 2 + 10 + 2  # and where all are the smallest one, or the largest
    assert found.nfev == len(sizes)
    few = derivative(lambda x: x**2, np.linspace(0.0, 1.0, 1_000), full_output=True)
    assert few.nfev == 2 + 6 + 2
