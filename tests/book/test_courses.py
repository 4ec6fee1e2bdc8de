"""The checks in the forms of courses: CS231n's and Chainer's, reached by the names in fastgrad.book."""

import random
import re

import numpy as np
import pytest

import fastgrad.variable as F
from fastgrad import Variable, book
from fastgrad.book.courses import SMALLEST, eval_numerical_gradient_array, rel_error


def cube(x):
    return np.sum(x**3)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 2)])
def test_numerical_gradient_of_a_number(shape):
    x = np.random.default_rng(0).standard_normal(shape)
    x = np.asarray(x)
    before = x.tobytes()
    np.testing.assert_allclose(book.eval_numerical_gradient(cube, x), 3 * x**2, rtol=0, atol=1e-8)
    assert x.tobytes() == before


def test_numerical_gradient_reads_live_arrays_and_any_layout():
    W = np.random.default_rng(0).standard_normal((4, 6))[:, ::2]
    np.testing.assert_allclose(book.eval_numerical_gradient(lambda _: cube(W), W), 3 * W**2, atol=1e-8)


def test_the_digits_are_those_of_the_definition():
    x = np.array([0.3, -1.7])
    above, below = (0.3 + 1e-5) ** 3 + (-1.7) ** 3, (0.3 - 1e-5) ** 3 + (-1.7) ** 3
    f = lambda x: float(x[0]) ** 3 + float(x[1]) ** 3
    assert book.eval_numerical_gradient(f, x)[0] == (above - below) / 2e-5


def test_verbose_prints_every_index(capsys):
    book.eval_numerical_gradient(np.sum, np.zeros((1, 2)), verbose=True, h=0.5)
    assert capsys.readouterr().out == "(0, 0) 1.0\n(0, 1) 1.0\n"


def test_single_precision_takes_a_step_that_can_be_seen():
    x = np.array([3.0, 4.0], dtype=np.float32)
    np.testing.assert_allclose(book.eval_numerical_gradient(cube, x), [27, 48], rtol=1e-3)
    (g,) = book.numerical_grad(lambda: x**2, (x,), (1,), eps=1e-5)
    assert g.dtype == np.float32
    np.testing.assert_allclose(g, [6, 8], rtol=1e-3)


def test_numerical_gradient_of_an_array():
    rng = np.random.default_rng(1)
    A, x, df = rng.standard_normal((3, 4)), rng.standard_normal((4, 2)), rng.standard_normal((3, 2))
    np.testing.assert_allclose(book.eval_numerical_gradient_array(lambda x: A @ x, x, df), A.T @ df, atol=1e-9)


def test_sparse_checks_print_the_lines_of_the_course(capsys):
    x = np.array([1.0, 2.0])
    book.grad_check_sparse(cube, x, 3 * x**2, num_checks=3, seed=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    form = r"numerical: (\d+\.\d{6}) analytic: (\d+\.\d{6}), relative error: (\d\.\d{6}e-\d\d)"
    for line in lines:
        numerical, analytic, error = map(float, re.fullmatch(form, line).groups())
        assert numerical == analytic in (3.0, 12.0)
        assert error < 1e-8


def test_sparse_checks_draw_by_seed_or_from_the_global_state(capsys):
    x, outputs = np.arange(100.0), []
    for seed in (5, 5, 6):
        book.grad_check_sparse(cube, x, 3 * x**2, seed=seed)
        outputs.append(capsys.readouterr().out)
    for _ in range(2):
        random.seed(5)
        book.grad_check_sparse(cube, x, 3 * x**2)
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1] == outputs[3] == outputs[4] != outputs[2]


def test_sparse_checks_of_zeros_do_not_divide_by_zero(capsys):
    book.grad_check_sparse(lambda x: 0.0, np.zeros(2), np.zeros(2), num_checks=1)
    assert "relative error: 0.0" in capsys.readouterr().out


def test_rel_error():
    assert book.rel_error([1.0, 2.0], [1.0, 2.2]) == pytest.approx(0.2 / 4.2)
    assert book.rel_error(0.0, 0.0) == 0.0
    assert book.rel_error(0.0, 1e-9) == pytest.approx(0.1)
    assert np.isnan(book.rel_error([1.0, np.nan], [1.0, 1.0]))


# --- Chainer ---------------------------------------------------------------------------------------------------------


def test_several_inputs_and_outputs():
    a, b = np.array([1.0, 2.0]), np.array([[3.0], [4.0]])
    f = lambda: (a * b, np.sum(b**2), a)
    ga, gb = book.numerical_grad(f, (a, b), (np.ones((2, 2)), 2.0, None))
    np.testing.assert_allclose(ga, [7, 7])
    np.testing.assert_allclose(gb, [[3 + 12], [3 + 16]], rtol=1e-9)


@pytest.mark.parametrize("away", [0.0, 2e-4, -8e-4])
def test_kinks_are_detected(away):
    x = np.array([1.0, away])
    before = x.tobytes()
    with pytest.raises(book.NondifferentiableError, match=r"element \(1,\)"):
        book.numerical_grad(lambda: np.abs(x), (x,), (np.ones(2),), detect_nondifferentiable=True)
    assert x.tobytes() == before
    assert book.numerical_grad(lambda: np.abs(x), (x,), (np.ones(2),))[0][0] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "f",
    [np.sin, np.exp, lambda x: 3.0 + 0 * x, lambda x: 2 * x + 1e6, lambda x: x**2],
    ids=["sin", "exp", "constant", "line", "parabola"],
)
def test_smooth_functions_are_no_kinks(f):
    x = np.array([0.5, -1.0, 0.0])
    book.numerical_grad(lambda: f(x), (x,), (np.ones(3),), detect_nondifferentiable=True)


def test_the_edge_of_the_domain_is_detected():
    x = np.array([2e-4])
    with np.errstate(invalid="ignore"), pytest.raises(book.NondifferentiableError, match="nan"):
        book.numerical_grad(lambda: np.log(x), (x,), (1.0,), detect_nondifferentiable=True)


def test_check_backward_of_right_functions():
    x, W = np.array([[0.5, 1.0]]), np.array([[1.0], [2.0]])
    before = x.tobytes(), W.tobytes()
    book.check_backward(F.matmul, (x, W), np.array([[3.0]]))
    book.check_backward(lambda v: F.sum(F.sin(v)), x, None)
    book.check_backward(lambda v: (v * v, F.exp(v)), x, (np.ones((1, 2)), None))
    book.check_backward(F.sin, x.astype(np.float32), np.ones((1, 2)), dtype=np.float64)
    w = Variable(W)
    book.check_backward(lambda v: F.matmul(v, w), x, np.array([[3.0]]), params=w)
    assert (x.tobytes(), W.tobytes()) == before


def test_check_backward_of_a_function_that_cuts_the_graph():
    cut = lambda v: Variable(v.array * 2) + v
    with pytest.raises(AssertionError, match="backward disagrees"):
        book.check_backward(cut, np.array([1.0]), np.ones(1))


def test_check_backward_leaves_out():
    cut = lambda v, w: v * Variable(w.array)
    x = np.array([1.0, 2.0])
    book.check_backward(cut, (x, x.copy()), np.ones(2), no_grads=[False, True])
    with pytest.raises(AssertionError):
        book.check_backward(cut, (x, x.copy()), np.ones(2))


def test_check_backward_detects_kinks():
    with pytest.raises(book.NondifferentiableError, match="along a random line"):
        book.check_backward(F.relu, np.array([0.0]), np.ones(1), detect_nondifferentiable=True)


# --- restored, refused -----------------------------------------------------------------------------------------------


def failing(after):
    calls = []

    def f(*_):
        calls.append(1)
        if len(calls) > after:
            raise KeyboardInterrupt
        return 1.0

    return f


@pytest.mark.parametrize(
    "call",
    [
        lambda x: book.eval_numerical_gradient(failing(2), x),
        lambda x: book.eval_numerical_gradient_array(failing(3), x, 1.0),
        lambda x: book.grad_check_sparse(failing(1), x, x),
        lambda x: book.numerical_grad(failing(2), (x,), (1.0,)),
        lambda x: book.numerical_grad(failing(2), (x,), (1.0,), detect_nondifferentiable=True),
    ],
    ids=["number", "array", "sparse", "chainer", "detecting"],
)
def test_restored(call):
    x = np.array([0.1, -0.0, 1 / 3])
    before = x.tobytes()
    with pytest.raises(KeyboardInterrupt):
        call(x)
    assert x.tobytes() == before


def by_the_course(f, x, df, h=1e-5):
    """CS231n's own function."""
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        old = x[index]
        x[index] = old + h
        above = f(x).copy()
        x[index] = old - h
        below = f(x).copy()
        x[index] = old
        grad[index] = np.sum((above - below) * df) / (2 * h)
    return grad


BUFFER = np.empty((10, 10))
ARRAYS = {
    "relu": lambda x: np.maximum(x, 0),
    "the same buffer": lambda x: np.multiply(x, x, out=BUFFER),
    "x itself": lambda x: x,
    "a view of x": lambda x: x[::-1],
    "tanh": np.tanh,
    "beyond all numbers": lambda x: np.exp(x * 1e3),
}


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
@pytest.mark.parametrize("name", ARRAYS)
def test_elements_are_subtracted_before_they_are_summed(name):
    rng, f = np.random.default_rng(1), ARRAYS[name]
    x, df = rng.standard_normal((10, 10)), rng.standard_normal((10, 10))
    expected = by_the_course(f, x, df)
    np.testing.assert_array_equal(book.eval_numerical_gradient_array(f, x, df), expected)
    (found,) = book.numerical_grad(lambda: (f(x), f(x)), (x,), (df, None), eps=1e-5)
    if name != "beyond all numbers":  # infinite, times 0
        np.testing.assert_array_equal(found, expected)
    if name == "relu":
        assert rel_error(found, df * (x > 0)) < 3.3e-12


def writes_the_moved(x):
    x *= 2.0
    return np.sum(x)


def writes_another(x):
    x[-1] += 1.0
    return np.sum(x)


@pytest.mark.parametrize("f", [writes_the_moved, writes_another])
def test_f_that_writes_into_its_argument_is_told(f):
    x = np.array([1.0, -0.0, 3.0])
    before, grad, v = x.tobytes(), np.ones(3), book.numerical_grad
    calls = [
        lambda: book.eval_numerical_gradient(f, x),
        lambda: book.eval_numerical_gradient_array(f, x, 1.0),
        lambda: book.grad_check_sparse(f, x, grad, num_checks=1, seed=0),
        lambda: v(lambda: f(x), (x,), (1.0,)),
        lambda: v(lambda: f(x), (x,), (1.0,), detect_nondifferentiable=True),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="f writes into its argument"):
            call()
        assert x.tobytes() == before


def test_what_a_checked_function_writes_into_its_arrays_is_told():
    x, calls = np.array([1.0, -2.0, 3.0]), []

    def f(v):
        calls.append(v)
        if len(calls) > 1:
            x[0] += 1.0
        return (v * v).sum()

    with pytest.raises(ValueError, match="f writes into its argument"):
        book.check_backward(f, x, None)
    assert x.tolist() == [1.0, -2.0, 3.0]


FIXED = np.ones(2)
FIXED.flags.writeable = False
X = np.ones(2)


def shrinking():
    """A function whose outputs become shorter from call to call."""
    sizes = iter(range(2, 0, -1))
    return lambda x: x[: next(sizes)]


BAD = {
    "integers": (TypeError, lambda: book.eval_numerical_gradient(cube, np.array([3, 4])), "int64 array"),
    "list": (TypeError, lambda: book.numerical_grad(lambda: 1.0, ([1.0],), (1.0,)), "got list"),
    "read-only": (ValueError, lambda: book.eval_numerical_gradient_array(cube, FIXED, 1.0), "read-only"),
    "h": (ValueError, lambda: book.eval_numerical_gradient(cube, X, h=0.0), "positive"),
    "vanishing": (ValueError, lambda: book.eval_numerical_gradient(cube, X * 1e15), "vanishes"),
    "vector": (ValueError, lambda: book.eval_numerical_gradient(lambda x: x, X), "one number"),
    "df": (ValueError, lambda: book.eval_numerical_gradient_array(lambda x: x, X, np.ones(3)), r"shape \(3,\)"),
    "complex df": (TypeError, lambda: book.eval_numerical_gradient_array(lambda x: x, X, X * 1j), "df is complex"),
    "complex f": (
        TypeError,
        lambda: book.eval_numerical_gradient_array(lambda x: x * 1j, X, X),
        "f returned is complex",
    ),
    "shapes": (ValueError, lambda: book.eval_numerical_gradient_array(shrinking(), X, X), r"\(2,\).*keep to one shape"),
    "complex from above": (
        TypeError,
        lambda: book.numerical_grad(lambda: X, (X,), (X * 1j,)),
        "grad_outputs is complex",
    ),
    "gradient": (ValueError, lambda: book.grad_check_sparse(cube, X, np.ones(3)), "each element"),
    "outputs": (ValueError, lambda: book.numerical_grad(lambda: (X, X), (X,), (1.0,)), "2 outputs"),
    "y_grad": (ValueError, lambda: book.check_backward(F.sin, X, None), "y_grad is None"),
    "y_grads": (ValueError, lambda: book.check_backward(F.sin, X, (X, X)), "2 gradients"),
    "nothing": (ValueError, lambda: book.check_backward(F.sin, X, X, no_grads=[True]), "nothing"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    error, call, message = BAD[case]
    with pytest.raises(error, match=message):
        call()


def test_relative_errors_of_nothing_and_of_numbers_that_are_both_tiny():
    assert rel_error([], []) == 0.0
    assert rel_error(0.0, SMALLEST / 2.0) == 0.5
    assert rel_error([1.0, -1.0], [1.0, 1.0]) == 1.0
    assert rel_error(np.float32([1]), [3]) == 0.5


def test_what_comes_from_above_weighs_the_outputs():
    x, above = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([2.0, -3.0])
    found = eval_numerical_gradient_array(lambda x: np.sum(x**2, axis=1), x, above)
    np.testing.assert_allclose(found, 2.0 * x * above[:, None], rtol=1e-9)
    np.testing.assert_allclose(eval_numerical_gradient_array(np.sum, x, 5), np.full((2, 2), 5.0), rtol=1e-9)
