"""Every number printed in the notebooks and posts that fastgrad starts from.

They all work through chapter 4 of *Deep Learning from Scratch*. A printed number of 8 digits is compared to one unit of
its last digit, a number printed in full to its last bits, and the drop-ins bit for bit with the book's own loop.
"""

import math
import re
import sys

import numpy as np
import pytest

from fastgrad import (
    ConstantFunctionWarning,
    gradient,
    gradient_descent,
    numerical_diff,
    numerical_gradient,
    numerical_gradient_2d,
    tangent_line,
)
from fastgrad import book as fastgrad_book

LAST_DIGIT = 1.0e-8

X_INPUT = np.array([0.6, 0.9])
T_LABEL = np.array([0, 0, 1])


# --- the sources' own code -----------------------------------------------------------------------


def book_numerical_gradient(f, x):
    h = 1e-4
    grad = np.zeros_like(x)
    for idx in np.ndindex(x.shape):
        tmp_val = x[idx]
        x[idx] = tmp_val + h
        fxh1 = f(x)
        x[idx] = tmp_val - h
        fxh2 = f(x)
        grad[idx] = (fxh1 - fxh2) / (2 * h)
        x[idx] = tmp_val
    return grad


def book_gradient_descent(f, init_x, lr=0.01, step_num=100):
    x = init_x
    for _ in range(step_num):
        x -= lr * book_numerical_gradient(f, x)
    return x


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def cross_entropy_error(y, t):
    """The book's common/functions.py."""
    if y.ndim == 1:
        t = t.reshape(1, t.size)
        y = y.reshape(1, y.size)
    if t.size == y.size:
        t = t.argmax(axis=1)
    batch_size = y.shape[0]
    return -np.sum(np.log(y[np.arange(batch_size), t] + 1e-7)) / batch_size


def cross_entropy_older(y, t):
    return -np.sum(t * np.log(y + 1e-7))


def cross_entropy_without_delta(y, t):
    return -np.log(y[t.argmax()])


def cross_entropy_swapped(y, t):
    """The third notebook's own: it calls (y, t) what the book calls (t, y), and calls it in the book's order."""
    return -np.sum(y * np.log(t + 1e-6))


class SimpleNet:
    """The book's simpleNet, with the weights given."""

    def __init__(self, W, error=cross_entropy_error):
        self.W = np.array(W, dtype=float)
        self.error = error

    def predict(self, x):
        return np.dot(x, self.W)

    def loss(self, x, t):
        return self.error(softmax(self.predict(x)), t)


def function_tmp1(x0):
    return x0 * x0 + 4.0**2.0


def function_tmp2(x1):
    return 3.0**2.0 + x1 * x1


def sum_of_squares(x):
    return np.sum(x**2)


def two_squares(x):
    return x[0] ** 2 + x[1] ** 2


def product(x):
    return x[0] * x[1]


def sin_of_product(x):
    return np.sin(x[0] * x[1])


def start():
    return np.array([-3.0, 4.0])


def grid_points():
    """X and Y of the quiver plot, flat, 324 values each."""
    axis = np.arange(-2, 2.5, 0.25)
    X, Y = np.meshgrid(axis, axis)
    return X.flatten(), Y.flatten()


# --- numerical_diff ------------------------------------------------------------------------------


def test_the_top_level_names_are_those_of_the_book_module():
    for function in (numerical_diff, numerical_gradient, numerical_gradient_2d, gradient_descent, tangent_line):
        assert getattr(fastgrad_book, function.__name__) is function


def test_partial_derivatives_to_the_last_digit():
    assert str(float(numerical_diff(function_tmp1, 3.0))) == "6.00000000000378"
    assert str(float(numerical_diff(function_tmp2, 4.0))) == "7.999999999999119"


def test_numerical_diff_of_a_scalar_is_a_scalar_and_of_an_array_elementwise():
    assert np.ndim(numerical_diff(function_tmp1, 3.0)) == 0
    x = np.array([3.0, -1.0, 0.5])
    expected = [(function_tmp1(v + 1e-4) - function_tmp1(v - 1e-4)) / (2 * 1e-4) for v in x]
    assert numerical_diff(function_tmp1, x).tolist() == expected
    assert x.tolist() == [3.0, -1.0, 0.5]


def test_the_bad_example_vanishes_in_float32_and_beside_x():
    assert np.float32(1e-50) == 0.0
    assert 3.0 + 1e-50 == 3.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: numerical_diff(function_tmp1, 3.0, h=1e-50),
        lambda: numerical_gradient(two_squares, np.array([3.0, 4.0]), h=1e-50),
        lambda: numerical_gradient_2d(two_squares, np.array([[3.0, 4.0]]), h=1e-50),
    ],
    ids=["diff", "gradient", "gradient_2d"],
)
def test_the_bad_example_raises_and_names_a_step_that_works(call):
    with pytest.raises(ValueError, match="1e-50") as caught:
        call()
    message = str(caught.value)
    numbers = [float(number) for number in re.findall(r"\d+\.?\d*(?:e[-+]?\d+)?", message)]
    assert 3.0 in numbers
    workable = [number for number in numbers if 1e-9 < number < 1e-1]
    assert workable
    for h in workable:
        assert numerical_diff(function_tmp1, 3.0, h=h) == pytest.approx(6.0, abs=1e-6)


# --- the gradient --------------------------------------------------------------------------------

PRINTED_GRADIENTS = [([3.0, 4.0], "[6. 8.]"), ([0.0, 2.0], "[0. 4.]"), ([3.0, 0.0], "[6. 0.]")]


@pytest.mark.parametrize("f", [sum_of_squares, two_squares])
@pytest.mark.parametrize(("point", "printed"), PRINTED_GRADIENTS)
def test_gradients_as_printed(f, point, printed):
    x = np.array(point)
    grad = numerical_gradient(f, x)
    assert str(grad) == printed
    assert grad.dtype == np.float64
    assert grad.tobytes() == book_numerical_gradient(f, np.array(point)).tobytes()
    assert x.tolist() == point


def test_the_gradient_carries_the_digits_of_the_partial_derivatives():
    assert numerical_gradient(sum_of_squares, np.array([3.0, 4.0])).tolist() == [6.00000000000378, 7.999999999999119]


# --- gradient descent ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        ({"lr": 0.1, "step_num": 100}, "[-6.11110793e-10  8.14814391e-10]"),
        ({"lr": 1e-10, "step_num": 100}, "[-2.99999994  3.99999992]"),
        ({}, "[-0.39785867  0.53047822]"),
    ],
    ids=["good", "too small", "default"],
)
def test_descent_as_printed_and_in_place(options, printed):
    init_x = start()
    x = gradient_descent(two_squares, init_x=init_x, **options)
    assert x is init_x
    assert str(init_x) == printed
    assert x.tobytes() == book_gradient_descent(two_squares, start(), **options).tobytes()


def test_descent_with_too_large_a_rate_diverges_with_one_warning():
    init_x = start()
    with pytest.warns(RuntimeWarning, match="diverged") as caught:
        x = gradient_descent(two_squares, init_x=init_x, lr=10.0, step_num=100)
    assert len(caught) == 1
    assert x is init_x
    assert str(init_x) == "[-2.58983747e+13 -1.29524862e+12]"
    assert x.tobytes() == book_gradient_descent(two_squares, start(), lr=10.0).tobytes()


def test_the_same_vanished_step_raises_outside_the_descent():
    x = np.array([-2.58983747e13, -1.29524862e12])
    with pytest.raises(ValueError, match=r"0\.0001|1e-0?4"):
        numerical_gradient(two_squares, x)


def test_history_holds_the_position_before_each_step():
    init_x = start()
    x, history = gradient_descent(two_squares, init_x, lr=0.1, step_num=20, return_history=True)
    assert x is init_x
    assert isinstance(history, np.ndarray)
    assert history.shape == (20, 2)
    for steps in range(20):
        position = book_gradient_descent(two_squares, start(), lr=0.1, step_num=steps)
        assert history[steps].tobytes() == position.tobytes()
    assert x.tobytes() == book_gradient_descent(two_squares, start(), lr=0.1, step_num=20).tobytes()


# --- simpleNet, first notebook -------------------------------------------------------------------

FIRST_W = [[1.38658521, -0.46741805, 0.73926956], [-0.40445981, 0.43479454, -0.43148749]]
FIRST_GRADIENT = [[0.25407667, 0.17777221, -0.43184889], [0.38111501, 0.26665832, -0.64777333]]


@pytest.mark.parametrize("error", [cross_entropy_error, cross_entropy_older])
def test_first_net_prediction_and_loss(error):
    net = SimpleNet(FIRST_W, error)
    p = net.predict(X_INPUT)
    np.testing.assert_allclose(p, [0.46793729, 0.11086425, 0.055223], rtol=0, atol=1.5 * LAST_DIGIT)
    assert np.argmax(p) == 0
    assert net.loss(X_INPUT, T_LABEL) == pytest.approx(1.2720417497968215, abs=LAST_DIGIT)


@pytest.mark.parametrize("error", [cross_entropy_error, cross_entropy_older])
def test_first_net_gradient_belongs_to_a_displaced_weight(error):
    net = SimpleNet(FIRST_W, error)

    def f(W):
        return net.loss(X_INPUT, T_LABEL)

    as_printed = numerical_gradient(f, net.W)
    assert 1e-5 < np.abs(as_printed - FIRST_GRADIENT).max() < 2e-5
    net.W[0, 0] += 1e-4
    before = net.W.tobytes()
    # The notebook computes it twice, with a def and with a lambda.
    for closure in (f, lambda w: net.loss(X_INPUT, T_LABEL)):
        displaced = numerical_gradient(closure, net.W)
        np.testing.assert_allclose(displaced, FIRST_GRADIENT, rtol=0, atol=LAST_DIGIT)
        assert net.W.tobytes() == before
    assert displaced.tobytes() == book_numerical_gradient(f, net.W).tobytes()


# --- simpleNet, third notebook -------------------------------------------------------------------

THIRD_W = [[-1.06577896, 0.3928238, 0.47935903], [0.3361168, 0.07822983, 0.5225732]]
THIRD_GRADIENT = [[0.71393168, 1.35794886, -2.07188054], [1.07089752, 2.03692329, -3.10782082]]


def test_third_net_prediction_and_loss():
    net = SimpleNet(THIRD_W, cross_entropy_swapped)
    p = net.predict(X_INPUT)
    np.testing.assert_allclose(p, [-0.33696226, 0.30610112, 0.75793129], rtol=0, atol=1.5 * LAST_DIGIT)
    assert np.argmax(p) == 2
    assert net.loss(X_INPUT, T_LABEL) == pytest.approx(6.806251848789094, abs=LAST_DIGIT)


def test_third_net_gradient_and_loss_belong_to_a_displaced_weight():
    net = SimpleNet(THIRD_W, cross_entropy_swapped)

    def f(W):
        return net.loss(X_INPUT, T_LABEL)

    assert np.abs(numerical_gradient(f, net.W) - THIRD_GRADIENT).max() > 8e-5
    net.W[0, 0] += 2e-4
    np.testing.assert_allclose(numerical_gradient(f, net.W), THIRD_GRADIENT, rtol=0, atol=LAST_DIGIT)
    assert net.loss(X_INPUT, T_LABEL) == pytest.approx(6.806394629466937, abs=LAST_DIGIT)


def test_third_net_reaches_its_last_loss_after_24_runs_of_the_training_cell():
    net = SimpleNet(THIRD_W, cross_entropy_swapped)
    W = net.W
    W[0, 0] += 2e-4
    losses = []
    for _ in range(25):
        assert gradient_descent(lambda w: net.loss(X_INPUT, T_LABEL), net.W) is W
        losses.append(net.loss(X_INPUT, T_LABEL))
    matches = [run for run, loss in enumerate(losses, start=1) if abs(loss - 0.024158202298158123) < 1e-11]
    assert matches == [24]


# --- the aliasing puzzle, second seed ------------------------------------------------------------

PUZZLE_GRADIENT = [[0.06281915, 0.46086202, -0.52368118], [0.09422873, 0.69129304, -0.78552177]]
PUZZLE_LOSS = 2.0620146712373737
PUZZLE_LOSSES = [  # fxh1, fxh2 of each of the six weights, as the post prints them
    [2.062020953321506, 2.0620083894906935],
    [2.062060757760379, 2.061968585355599],
    [2.061962303319411, 2.062067039554999],
    [2.062024094490122, 2.062005248743893],
    [2.062083801262337, 2.0619455426551796],
    [2.061936119510309, 2.06209322386368],
]


def puzzle_net():
    """A net with the second seed's losses.

    The post prints no weights, but its numbers depend on the three probabilities only: the loss gives the third, the
    losses around W[0, 0] the first (the one number fitted here), and any W with these scores will do.
    """
    y2 = math.exp(-PUZZLE_LOSS) - 1e-7
    y0 = 0.10469867236851488
    scores = np.log([y0, 1.0 - y0 - y2, y2])
    return SimpleNet(np.outer(X_INPUT, scores) / (X_INPUT @ X_INPUT))


def unrelated_array():
    return np.array([[0.2, 0.1, -0.3], [0.12, -0.17, 0.088]])


def test_f_ignores_its_argument():
    net = puzzle_net()

    def f(W):
        return net.loss(X_INPUT, T_LABEL)

    assert f(3) == f(net.W) == f(unrelated_array())
    assert f(3) == pytest.approx(PUZZLE_LOSS, abs=1e-14)


def test_f_is_called_with_each_weight_moved_up_then_down():
    net = puzzle_net()
    losses = []

    def f(W):
        assert W is net.W
        losses.append(net.loss(X_INPUT, T_LABEL))
        return losses[-1]

    before = net.W.tobytes()
    grad = numerical_gradient(f, net.W)
    np.testing.assert_allclose(np.reshape(losses, (6, 2)), PUZZLE_LOSSES, rtol=0, atol=1e-14)
    np.testing.assert_allclose(grad, PUZZLE_GRADIENT, rtol=0, atol=LAST_DIGIT)
    assert net.W.tobytes() == before


def test_the_printed_losses_give_the_printed_gradient():
    """Whatever the net: the arithmetic alone, from the numbers of the post to the numbers of the post."""
    x = np.zeros((2, 3))

    def f(W):
        [moved] = np.flatnonzero(W)
        return PUZZLE_LOSSES[moved][0 if W.flat[moved] > 0 else 1]

    np.testing.assert_allclose(numerical_gradient(f, x), PUZZLE_GRADIENT, rtol=0, atol=LAST_DIGIT)


def test_an_unrelated_float_array_gives_zeros_without_a_warning():
    net = puzzle_net()
    a = unrelated_array()
    grad = numerical_gradient(lambda W: net.loss(X_INPUT, T_LABEL), a)
    assert grad.tolist() == [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    assert a.tolist() == unrelated_array().tolist()


def test_the_modern_gradient_of_the_same_f_is_zero_and_points_to_the_drop_in():
    net = puzzle_net()
    with pytest.warns(ConstantFunctionWarning, match="numerical_gradient") as caught:
        grad = gradient(lambda W: net.loss(X_INPUT, T_LABEL), net.W)
    assert len(caught) == 1
    assert grad.tolist() == [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


def test_the_book_page_that_the_post_quotes():
    """Pages 110 and 111: weights, prediction, loss and gradient. This loss has no 1e-7 in its logarithm."""
    W = [[0.47355232, 0.9977393, 0.84668094], [0.85557411, 0.03563661, 0.69422093]]
    net = SimpleNet(W, cross_entropy_without_delta)
    p = net.predict(X_INPUT)
    np.testing.assert_allclose(p, [1.05414809, 0.63071653, 1.1328074], rtol=0, atol=LAST_DIGIT)
    assert net.loss(X_INPUT, T_LABEL) == pytest.approx(0.92806853663411326, abs=LAST_DIGIT)
    printed = [[0.21924763, 0.14356247, -0.36281009], [0.32887144, 0.2153437, -0.54421514]]
    grad = numerical_gradient(lambda W: net.loss(X_INPUT, T_LABEL), net.W)
    np.testing.assert_allclose(grad, printed, rtol=0, atol=LAST_DIGIT)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked on Linux only")
def test_forked_workers_print_the_same_digits():
    net = puzzle_net()
    before = net.W.tobytes()
    grad = numerical_gradient(lambda W: net.loss(X_INPUT, T_LABEL), net.W, workers=2)
    np.testing.assert_allclose(grad, PUZZLE_GRADIENT, rtol=0, atol=LAST_DIGIT)
    assert grad.tobytes() == numerical_gradient(lambda W: net.loss(X_INPUT, T_LABEL), net.W).tobytes()
    assert net.W.tobytes() == before


# --- points in rows, the post about x0 * x1 ------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "exact", "tolerance"),
    [
        (sum_of_squares, lambda x0, x1: (2 * x0, 2 * x1), 1e-10),
        (product, lambda x0, x1: (x1, x0), 1e-10),
        (sin_of_product, lambda x0, x1: (x1 * np.cos(x0 * x1), x0 * np.cos(x0 * x1)), 3e-8),
    ],
)
def test_points_in_rows_against_exact_gradients(f, exact, tolerance):
    X, Y = grid_points()
    points = np.array([X, Y]).T
    assert points.shape == (324, 2)
    before = points.tobytes()
    grad = numerical_gradient_2d(f, points)
    assert grad.shape == (324, 2)
    np.testing.assert_allclose(grad.T, exact(X, Y), rtol=0, atol=tolerance)
    assert points.tobytes() == before
    rows = np.array([book_numerical_gradient(f, point.copy()) for point in points])
    assert grad.tobytes() == rows.tobytes()


def test_f_is_called_with_one_row():
    def f(x):
        assert x.shape == (2,)
        return x[0] * x[1]

    X, Y = grid_points()
    numerical_gradient_2d(f, np.array([X, Y]).T)


def test_one_point_may_be_given_without_rows():
    assert str(numerical_gradient_2d(sum_of_squares, np.array([3.0, 4.0]))) == "[6. 8.]"


@pytest.mark.parametrize("f", [product, sin_of_product])
def test_points_in_columns_keep_the_books_numbers_and_warn(f):
    columns = np.array(grid_points())
    assert columns.shape == (2, 324)
    with pytest.warns(UserWarning, match=re.escape("did you mean X.T?")) as caught:
        grad = numerical_gradient_2d(f, columns)
    assert len(caught) == 1
    expected = np.array([book_numerical_gradient(f, row.copy()) for row in columns])
    assert grad.tobytes() == expected.tobytes()
    assert np.count_nonzero(grad) == 4
    assert columns.tobytes() == np.array(grid_points()).tobytes()


def test_points_in_columns_happen_to_work_for_a_sum_over_all_of_them():
    columns = np.array(grid_points())
    grad = numerical_gradient_2d(sum_of_squares, columns)
    np.testing.assert_allclose(grad, 2 * columns, rtol=0, atol=1e-9)


def test_a_function_of_rows_is_sent_to_numerical_gradient_2d():
    points = np.array(grid_points()).T
    before = points.tobytes()
    with pytest.raises((TypeError, ValueError), match="numerical_gradient_2d"):
        numerical_gradient(lambda x: x[:, 0] * x[:, 1], points)
    assert points.tobytes() == before


# --- tangent_line --------------------------------------------------------------------------------


def function_1(x):
    return 0.01 * x**2 + 0.1 * x


def test_tangent_line_of_the_books_parabola(capsys):
    tangent = tangent_line(function_1, 5)
    slope = numerical_diff(function_1, 5)
    assert str(float(slope)) == "0.1999999999990898"
    t = np.arange(0.0, 20.0, 0.1)
    np.testing.assert_allclose(tangent(t), slope * t + (function_1(5) - slope * 5), rtol=0, atol=1e-13)
    assert tangent(5.0) == pytest.approx(function_1(5), abs=1e-15)
    assert tangent(0.0) == pytest.approx(-0.25, abs=1e-10)
    assert capsys.readouterr().out == ""


def test_tangent_plane_at_a_point():
    x = np.array([3.0, 4.0])
    tangent = tangent_line(sum_of_squares, x)
    assert x.tolist() == [3.0, 4.0]
    assert tangent(np.array([3.0, 4.0])) == pytest.approx(25.0, abs=1e-12)
    assert tangent(np.array([4.0, 4.0])) == pytest.approx(31.0, abs=1e-9)
    assert tangent(np.array([3.0, 3.5])) == pytest.approx(21.0, abs=1e-9)
    assert np.ndim(tangent(np.array([0.0, 0.0]))) == 0


def test_tangent_plane_does_not_follow_the_array():
    x = np.array([3.0, 4.0])
    tangent = tangent_line(sum_of_squares, x)
    x[:] = 0.0
    assert tangent(np.array([4.0, 4.0])) == pytest.approx(31.0, abs=1e-9)


# --- the caller's array, and where the book is silently wrong ------------------------------------


@pytest.mark.parametrize("differentiate", [numerical_gradient, numerical_gradient_2d])
def test_the_array_keeps_its_bits(differentiate):
    # 0.1 + h - h is not 0.1; -0.0 and a denormal number do not survive arithmetic either.
    x = np.array([0.1, -0.0, 1e-310, 1.0 / 3.0, -12345.678])
    before = x.tobytes()
    differentiate(sum_of_squares, x)
    assert x.tobytes() == before


@pytest.mark.parametrize("exception", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("differentiate", [numerical_gradient, numerical_gradient_2d])
def test_the_array_keeps_its_bits_when_f_raises(differentiate, exception):
    """What displaced W[0, 0] in the notebooks."""
    for failing_call in range(1, 7):
        x = np.array([0.1, -0.0, 1.0 / 3.0])
        before = x.tobytes()
        calls = []

        def f(x, calls=calls, failing_call=failing_call):
            calls.append(1)
            if len(calls) == failing_call:
                raise exception
            return np.sum(x**2)

        with pytest.raises(exception):
            differentiate(f, x)
        assert x.tobytes() == before


@pytest.mark.parametrize("x", [np.array([3, 4]), [3, 4], [3.0, 4.0]], ids=["integers", "list", "list of floats"])
def test_integers_and_lists_are_differentiated_as_floats(x):
    before = list(x)
    grad = numerical_gradient(sum_of_squares, x)
    assert grad.dtype == np.float64
    assert grad.tolist() == [6.00000000000378, 7.999999999999119]
    assert list(x) == before


def test_a_closure_over_an_integer_array_warns():
    W = np.array([[1, 2, 3], [4, 5, 6]])
    with pytest.warns(ConstantFunctionWarning, match="closure") as caught:
        grad = numerical_gradient(lambda _: np.sum(W**2), W)
    assert len(caught) == 1
    assert not grad.any()
    assert W.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-3), (np.float16, 0.1)])
def test_low_precision_keeps_its_dtype_and_gets_a_larger_step(dtype, tolerance):
    x = np.array([3.0, 4.0], dtype=dtype)
    seen = []

    def f(x):
        seen.append(x.dtype)
        return np.sum(x**2)

    grad = numerical_gradient(f, x)
    assert grad.dtype == dtype
    assert set(seen) == {np.dtype(dtype)}
    np.testing.assert_allclose(grad, [6.0, 8.0], rtol=tolerance)
    assert x.tolist() == [3.0, 4.0]


def test_a_float32_net_is_differentiated_in_place():
    net = SimpleNet(FIRST_W)
    net.W = net.W.astype(np.float32)
    exact = np.outer(X_INPUT, softmax(net.predict(X_INPUT)) - T_LABEL)
    grad = numerical_gradient(lambda W: net.loss(X_INPUT, T_LABEL), net.W)
    assert grad.dtype == np.float32
    np.testing.assert_allclose(grad, exact, rtol=0, atol=1e-4)


def test_a_read_only_array_raises():
    x = np.array([3.0, 4.0])
    x.flags.writeable = False
    with pytest.raises(ValueError, match=r"copy|writ"):
        numerical_gradient(sum_of_squares, x)


@pytest.mark.parametrize("shape", [(1,), (1, 1)])
def test_a_loss_of_size_one_is_a_scalar(shape):
    grad = numerical_gradient(lambda x: np.reshape(np.sum(x**2), shape), np.array([3.0, 4.0]))
    assert grad.tolist() == [6.00000000000378, 7.999999999999119]
