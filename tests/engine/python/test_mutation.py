"""The elements of live arrays, moved one at a time: which values are asked for, and what is left."""

import sys

import numpy as np
import pytest

from fastgrad import check_gradient, numerical_gradient, weight_gradient
from fastgrad.book import eval_numerical_gradient
from fastgrad.engine.python import mutation
from fastgrad.formulas.stencils import stencil

WORKERS = [1, 2] if sys.platform.startswith("linux") else [1]
FIRST = stencil(1, 2, "central")


def test_each_element_above_then_below_and_nothing_else_moves():
    a, b = np.array([1.0, 2.0, 3.0]), np.array([[4.0, 5.0]])
    seen = []

    def value():
        seen.append((a - [1.0, 2.0, 3.0]).tolist() + (b - [[4.0, 5.0]])[0].tolist())
        return 0.0

    sums = mutation.sums(value, [a, b], [np.array([0, 2]), np.array([1])], [0.5, np.array([[0.25, 0.125]])], FIRST)
    assert seen == [
        [0.5, 0.0, 0.0, 0.0, 0.0],
        [-0.5, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.5, 0.0, 0.0],
        [0.0, 0.0, -0.5, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.125],
        [0.0, 0.0, 0.0, 0.0, -0.125],
    ]
    assert [s.tolist() for s in sums] == [[0.0, 0.0], [0.0]]


@pytest.mark.parametrize(("method", "order"), [("central", 8), ("forward", 1), ("forward", 4), ("backward", 3)])
@pytest.mark.parametrize("workers", WORKERS)
def test_sums_of_a_stencil(method, order, workers):
    formula = stencil(1, order, method)
    x = np.array([1.0, 2.0, -3.0])
    (sums,) = mutation.sums(lambda: float(np.sum(x)), [x], [np.arange(3)], [0.5], formula, workers=workers)
    np.testing.assert_allclose(sums / (formula.denominator * 0.5), 1.0, rtol=1e-12)


@pytest.mark.parametrize("workers", WORKERS)
def test_chunks_that_span_several_arrays(workers):
    sizes = [3, 1, 0, 70, 2]
    arrays = [np.linspace(1.0, 2.0, size) for size in sizes]
    before = [a.tobytes() for a in arrays]
    places = [np.arange(size)[::2] for size in sizes]

    def value():
        return float(sum((k + 1.0) * np.sum(a**2) for k, a in enumerate(arrays)))

    sums = mutation.sums(value, arrays, places, [2.0**-10] * 5, FIRST, workers=workers)
    assert [len(s) for s in sums] == [len(p) for p in places]
    for k, (s, a, p) in enumerate(zip(sums, arrays, places, strict=True)):
        np.testing.assert_allclose(s / 2.0**-9, (k + 1.0) * 2.0 * a[p], rtol=1e-9)
    assert [a.tobytes() for a in arrays] == before


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("value", [np.float64(np.inf), np.inf, np.float64(np.nan), np.float32(np.inf)], ids=repr)
def test_values_that_are_not_finite_do_not_warn(value, workers):
    x = np.ones(3)
    assert np.isnan(numerical_gradient(lambda x: value, x, workers=workers)).all()


@pytest.mark.parametrize("workers", WORKERS)
def test_nothing_to_move(workers):
    assert mutation.sums(lambda: 1.0, [], [], [], FIRST, workers=workers) == []
    (sums,) = mutation.sums(lambda: 1.0, [np.ones(3)], [np.arange(0)], [0.5], FIRST, workers=workers)
    assert sums.shape == (0,)


@pytest.mark.parametrize("workers", WORKERS)
def test_a_write_is_noticed_wherever_it_goes(workers):
    for place in range(4):
        x = np.arange(1.0, 5.0)

        def f(x, place=place):
            x[place] = 7.0
            return float(np.sum(x))

        with pytest.raises(ValueError, match="writes into its argument"):
            numerical_gradient(f, x, workers=workers)
        assert x.tolist() == [1.0, 2.0, 3.0, 4.0]


def test_a_write_that_is_undone_is_none():
    x = np.arange(1.0, 5.0)

    def f(x):
        x *= 2.0
        total = float(np.sum(x))
        x *= 0.5
        return total

    np.testing.assert_allclose(numerical_gradient(f, x), 2.0, rtol=1e-9)


@pytest.mark.parametrize("workers", WORKERS)
def test_writing_nan(workers):
    x = np.array([1.0, np.nan, 3.0])
    before = x.tobytes()

    def f(x):
        x[0] = np.nan
        return 1.0

    with pytest.raises(ValueError, match="writes into its argument"):
        numerical_gradient(f, x, workers=workers)
    assert x.tobytes() == before


def spoil(x):
    x[:] = 7.0
    raise ZeroDivisionError


@pytest.mark.parametrize("room", [mutation.restored, mutation.unwritten])
def test_arrays_are_restored_bit_for_bit_also_after_an_error(room):
    x = np.array([0.1, -0.0, np.nan])
    before = x.tobytes()
    with pytest.raises(ZeroDivisionError), room([x]):
        spoil(x)
    assert x.tobytes() == before


def test_what_is_written_is_restored_or_told():
    x, y = np.array([0.1, -0.0]), np.ones(2)
    with mutation.restored([x, y]):
        x[0], y[1] = 5.0, 6.0
    assert (x.tolist(), y.tolist()) == ([0.1, -0.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="writes into its argument"), mutation.unwritten([x, y]):
        x[1] = 0.0  # it was -0.0
    assert np.signbit(x[1])


def test_bytes_that_pad_a_longdouble_are_no_change():
    x = np.array([1.0, -0.0, 3.0], dtype=np.longdouble)
    noisy = x.copy()
    noisy.view(np.uint8)[10:16] = 77  # x86 leaves these six bytes as they were
    if np.array_equal(noisy, x):
        mutation.check_unchanged([noisy], [x])
    np.testing.assert_allclose(numerical_gradient(lambda x: float((x**2).sum()), x), 2 * x, atol=1e-6)
    with pytest.raises(ValueError, match="f writes into its argument"):
        mutation.check_unchanged([np.abs(x)], [x])  # -0.0 became 0.0


def _of_another_shape(x):
    x.shape = (x.size,)


def _of_another_size(x):
    x.resize((7,), refcheck=False)


def _of_another_dtype(x):
    x.dtype = np.int64


def _read_only(x):
    x.flags.writeable = False


ASKED = {
    "numerical_gradient": numerical_gradient,
    "weight_gradient": weight_gradient,
    "check_gradient": lambda f, x: check_gradient(f, lambda x: 2 * x, x),
    "eval_numerical_gradient": eval_numerical_gradient,
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("change", [_of_another_shape, _of_another_size, _of_another_dtype, _read_only])
def test_an_array_that_f_gives_another_form_is_restored_and_told(change, ask):
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, -6.0]])

    def f(x):
        value = float(np.sum(x**2))
        change(x)
        return value

    with pytest.raises(ValueError, match=r"changes the shape, the dtype or the flags of its argument"):
        ask(f, x)
    assert x.dtype == np.float64
    assert x.flags.writeable
    np.testing.assert_array_equal(x, [[1.0, 2.0, 3.0], [4.0, 5.0, -6.0]])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_few_numbers_that_f_gives_another_form():
    x = np.array([1.0, 2.0, 3.0, 4.0])

    def f(x):
        value = float(np.sum(x.view(float) ** 2))
        x.dtype = complex
        return value

    with pytest.raises(ValueError, match=r"changes the shape, the dtype"):
        numerical_gradient(f, x)
    np.testing.assert_array_equal(x, [1.0, 2.0, 3.0, 4.0])


def _another(params):
    params["W"] = params["W"] / 2


def _none(params):
    del params["W"]


@pytest.mark.parametrize("change", [_another, _none])
def test_a_dict_keeps_the_arrays_that_are_moved(change):
    W = np.array([1.0, 2.0])
    params = {"W": W}

    def loss(params):
        value = float(np.sum(params["W"] ** 2))
        change(params)
        return value

    with pytest.raises(ValueError, match=r"the loss puts another array in the place of 'W'"):
        weight_gradient(loss, params)
    with pytest.raises(ValueError, match=r"f puts another array in the place of 'W'"):
        check_gradient(loss, lambda params: {"W": 2 * params["W"]}, params)
    assert params == {"W": W}
    assert params["W"] is W
    assert check_gradient(lambda params: loss(dict(params)), lambda params: {"W": 2 * params["W"]}, params).ok
