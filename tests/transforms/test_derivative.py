"""Functions that give derivatives, called often: the same numbers as at the first call, of what f reads now."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import fastgrad
from fastgrad import ConstantFunctionWarning
from fastgrad.program.trace.refusals import Untraceable
from fastgrad.transforms import derivative

X = np.array([0.5, 2.0])
POINTS = np.random.default_rng(7).uniform(0.5, 2.0, (20, 2))


def product(x):
    return np.sin(x[0] * x[1])


def several(x):
    return np.array([x[0] * x[1], x[0] ** 2, x[1]])


def is_bound(g, x=X):
    return x.shape in g._bound


TRANSFORMS = {
    "grad": (fastgrad.grad, product, fastgrad.gradient),
    "jac": (fastgrad.jac, several, fastgrad.jacobian),
    "hess": (fastgrad.hess, product, fastgrad.hessian),
}


@pytest.mark.parametrize("options", [{}, {"order": 4}, {"method": "forward"}, {"h": 1e-4}, {"engine": "simd"}])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_each_call_gives_the_bits_of_the_operation(name, options):
    transform, f, operation = TRANSFORMS[name]
    g = transform(f, **options)
    for x in POINTS:
        assert g(x).tolist() == operation(f, x, **{**options, "engine": "simd"}).tolist()
    assert is_bound(g)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_exact_derivatives(name):
    transform, f, operation = TRANSFORMS[name]
    g = transform(f, method="exact")
    for x in POINTS:
        np.testing.assert_allclose(g(x), operation(f, x, method="exact"), rtol=2e-15, atol=1e-15)
    assert is_bound(g)


def test_value_and_grad():
    g = fastgrad.value_and_grad(product)
    for x in POINTS:
        value, slope = g(x)
        assert type(value) is type(fastgrad.value_and_gradient(product, x)[0])
        assert value == pytest.approx(product(x), rel=1e-15)
        assert slope.tolist() == fastgrad.gradient(product, x, engine="simd").tolist()
    assert is_bound(g)


def test_many_points():
    g, both = fastgrad.grad(product, batch=True), fastgrad.value_and_grad(product, batch=True)
    for points in (POINTS, POINTS[:9] + 1.0, POINTS[3:], POINTS):
        wanted = fastgrad.gradient(product, points, batch=True, engine="simd")
        assert g(points).tolist() == wanted.tolist()
        values, slopes = both(points)
        assert slopes.tolist() == wanted.tolist()
        np.testing.assert_allclose(values, [product(x) for x in points], rtol=1e-15)
    assert set(g._bound) == {(20, 2), (9, 2), (17, 2)}


def test_many_points_may_be_one():
    for options in ({}, {"method": "exact"}):
        g = fastgrad.value_and_grad(lambda x: np.sum(x**2) * x[0], batch=True, **options)
        for _ in range(2):
            value, slope = g(np.array([[1.0, 2.0]]))
            assert (value.shape, slope.shape) == ((1,), (1, 2))
            assert value[0] == 5.0


def test_points_of_any_shape():
    square = np.arange(1.0, 5.0).reshape(2, 2)
    g = fastgrad.grad(lambda w: np.sum(w**3))
    for turn in range(3):
        np.testing.assert_allclose(g(square + turn), 3 * (square + turn) ** 2, rtol=1e-8)
    h = fastgrad.hess(lambda w: np.sum(w**3))
    assert h(square).shape == h(square).shape == (2, 2, 2, 2)


DATA = np.random.default_rng(0).normal(size=(600, 8))


def untraced(*_, **__):
    msg = "it takes too many operations on single numbers"
    raise Untraceable(msg)


def of_data(x):
    return np.sum(np.log1p(np.exp(-(DATA @ x))))


@pytest.mark.parametrize("name", ["grad", "hess"])
@pytest.mark.parametrize("method", ["central", "exact"])
def test_what_computes_with_much_data_is_compiled_as_a_loop_over_it(name, method, monkeypatch):
    from fastgrad.engine.simd import repeated, traces

    asked, x, repeat = [], np.linspace(-0.2, 0.3, 8), repeated.repeat
    monkeypatch.setattr(repeated, "repeat", lambda *given: asked.append(given) or repeat(*given))
    monkeypatch.setattr(traces, "_trace", untraced)
    made, _, operation = TRANSFORMS[name]
    g = made(of_data, method=method)
    exact = [operation(of_data, x + k, method="exact") for k in range(4)]
    rounding = {"exact": 1e-12, "central": 1e-4 if name == "hess" else 1e-8}[method]
    for k in range(4):
        np.testing.assert_allclose(g(x + k), exact[k], rtol=rounding, atol=rounding * np.abs(exact[k]).max())
    assert {given[-1].tables for given in asked} == {((600, 8),)}


@pytest.mark.parametrize("name", ["grad", "hess"])
@pytest.mark.parametrize("method", ["central", "exact"])
def test_what_goes_from_row_to_row_of_much_data_is_not_compiled_number_by_number(name, method, monkeypatch):
    from fastgrad.engine.simd import repeated

    def f(x):
        return np.sum(np.diff(np.tanh(DATA @ x)) ** 2)

    asked, x = [], np.linspace(-0.2, 0.3, 8)
    monkeypatch.setattr(repeated, "repeat", lambda *given: asked.append(given))
    made, _, operation = TRANSFORMS[name]
    g = made(f, method=method)
    for k in range(3):
        assert g(x + k).tobytes() == operation(f, x + k, method=method).tobytes()
    assert asked == []


def test_data_that_change_are_seen():
    rows = np.random.default_rng(1).normal(size=(300, 2))

    def f(x):
        return np.sum(np.exp(rows @ x))

    g, x = fastgrad.grad(f, method="exact"), np.array([0.1, -0.2])
    for k in range(6):
        np.testing.assert_allclose(g(x), np.exp(rows @ x) @ rows, rtol=1e-12)
        rows[17 * k] += 0.5
    rows = rows[:270].copy()
    np.testing.assert_allclose(g(x), np.exp(rows @ x) @ rows, rtol=1e-12)


def test_a_derivative_of_which_a_part_is_zero_is_bound():
    g = fastgrad.grad(lambda x: x[0] ** 2)
    np.testing.assert_allclose(g(X), [1.0, 0.0], rtol=1e-8)
    assert is_bound(g)


def test_what_f_reads_stays_fresh():
    scale, row = 2.0, np.array([1.0, 2.0])

    def f(x):
        return scale * (row @ x)

    g = fastgrad.grad(f, method="exact")
    assert g(X).tolist() == [2.0, 4.0]
    assert is_bound(g)
    scale = 3.0
    assert g(X).tolist() == [3.0, 6.0]
    row[0] = 5.0
    assert g(X).tolist() == [15.0, 6.0]
    row = np.array([1.0, 1.0])
    assert g(X).tolist() == [3.0, 3.0]


def test_further_arguments_stay_fresh():
    g, row = fastgrad.grad(lambda x, a, b: a * (b @ x), method="exact"), np.array([1.0, 2.0])
    assert g(X, 2.0, row).tolist() == [2.0, 4.0]
    assert g(X, 3.0, row).tolist() == [3.0, 6.0]
    row[1] = 7.0
    assert g(X, 3.0, row).tolist() == [3.0, 21.0]
    with pytest.raises(TypeError, match="argument"):
        g(X)
    fixed = fastgrad.grad(lambda x, a: a * x[0], args=(2.0,), method="exact")
    assert [fixed(X)[0], fixed(X, 5.0)[0], fixed(X)[0], fixed(X)[0]] == [2.0, 5.0, 2.0, 2.0]


def test_options_that_change_are_seen():
    """Lists of arguments and arrays of steps are the caller's."""
    args, h = [2.0], np.array([1e-3, 1e-3])
    g, steps = (
        fastgrad.grad(lambda x, a: a * x[0], args=args),
        fastgrad.grad(lambda x: np.sum(x**3), method="forward", h=h),
    )
    assert g(X).round(6).tolist() == [2.0, 0.0]
    before = steps(X)
    args[0], h[:] = 5.0, 1e-6
    assert g(X).round(6).tolist() == [5.0, 0.0]
    assert np.abs(steps(X) - 3 * X**2).max() < 0.01 * np.abs(before - 3 * X**2).max()


@pytest.mark.parametrize("options", [{"method": ["central"]}, {"engine": ["simd"]}, {"method": None}, {"order": "2"}])
def test_options_of_a_wrong_type(options):
    with pytest.raises((TypeError, ValueError)) as wanted:
        fastgrad.gradient(product, X, **options)
    with pytest.raises(type(wanted.value)) as found:
        fastgrad.grad(product, **options)(X)
    assert str(found.value) == str(wanted.value)


def test_x_that_f_reads_also_otherwise():
    row = np.array([1.0, 2.0])
    g = fastgrad.grad(lambda x: x @ row)
    assert g(X).tolist() == g(X).tolist()
    for x in (row, row[::-1], row[:]):  # f sees the elements move by row too, or not: as Python sees it
        np.testing.assert_allclose(g(x), fastgrad.gradient(lambda x: x @ row, x, engine="python"), rtol=1e-9)


def test_f_is_asked_where_the_kernel_does_not_know():
    import math

    g = fastgrad.grad(lambda x: math.log(x[0]))
    for x in (np.array([2.0]), np.array([3.0])):
        np.testing.assert_allclose(g(x), 1 / x, rtol=1e-8)
    with pytest.raises(ValueError, match=r"math domain error|expected a (nonnegative|positive) input"):
        g(np.array([-1.0]))
    g = fastgrad.grad(lambda x: np.log(x[0]), h=1e-9)
    with np.errstate(all="ignore"):
        assert np.isnan(g(np.array([-1.0]))).all()
    with pytest.raises(ValueError, match="vanishes"):
        g(np.array([1e12]))
    np.testing.assert_allclose(g(np.array([2.0])), 0.5, rtol=1e-5)


def test_constant_functions_are_told_of():
    for f in (lambda x: 1.0, lambda x: 0.0 * x[0]):
        g = fastgrad.grad(f)
        for _ in range(2):
            with pytest.warns(ConstantFunctionWarning) as seen:
                assert g(X).tolist() == [0.0, 0.0]
            assert seen[0].filename == __file__


class Model:
    def __init__(self):
        self.k, self.calls = 2.0, 0

    def __call__(self, x):
        self.calls += 1
        return self.k * np.sum(x**2)

    def loss(self, x):
        return self.k * np.sum(x**2)


@pytest.mark.parametrize("kind", ["counts", "method", "captured"])
def test_objects(kind):
    """One that counts its calls goes the way of the operation."""
    model = Model()
    f = {"counts": model, "method": model.loss, "captured": lambda x: 1.0 * model.loss(x)}[kind]
    g = fastgrad.grad(f)
    np.testing.assert_allclose(g(X), 4 * X, rtol=1e-8)
    assert is_bound(g) == (kind != "counts")
    model.k = 3.0
    np.testing.assert_allclose(g(X), 6 * X, rtol=1e-8)
    assert is_bound(g) == (kind != "counts")


def test_a_function_that_does_not_trace_is_asked_once_whether_it_does(monkeypatch):
    g = fastgrad.grad(lambda x: x[0] if x[1] > 0 else x[1])
    tried = []
    compiled = derivative.Derivative._compiled
    monkeypatch.setattr(derivative.Derivative, "_compiled", lambda *args: tried.append(args) or compiled(*args))
    for x in POINTS:
        np.testing.assert_allclose(g(x), [1.0, 0.0], rtol=1e-9)
    assert len(tried) == 1


REFUSED = {
    "adaptive": {"method": "adaptive"},
    "full_output": {"full_output": True},
    "python": {"engine": "python"},
}


@pytest.mark.parametrize("name", REFUSED)
def test_options_of_which_a_kernel_knows_nothing(name):
    g = fastgrad.grad(product, **REFUSED[name])
    for _ in range(2):
        found = g(X)
        np.testing.assert_allclose(getattr(found, "value", found), fastgrad.gradient(product, X), rtol=1e-8)
    assert not is_bound(g)


@pytest.mark.parametrize("x", [[0.5, 2.0], (0.5, 2.0), X.astype(np.float32), np.array([1, 2]), X.astype(">f8")])
def test_other_kinds_of_x_after_a_kernel_was_bound(x):
    g = fastgrad.grad(product)
    g(X)
    wanted = fastgrad.gradient(product, x)
    found = g(x)
    assert (type(found), found.dtype) == (type(wanted), wanted.dtype)
    assert np.array_equal(found, wanted)


def test_the_errors_of_the_operation():
    with pytest.raises(ValueError, match="does not exist"):
        fastgrad.grad(product, order=3)(X)
    with pytest.raises(ValueError, match="must be positive"):
        fastgrad.grad(product, h=-1.0)(X)
    with pytest.raises(ValueError, match="points in rows"):
        fastgrad.grad(product, batch=True)(X)
    with pytest.raises(ValueError, match="means nothing to method='exact'"):
        fastgrad.grad(product, method="exact", h=1e-3)(X)
    with pytest.raises(ValueError, match="jacobian"):
        fastgrad.grad(several)(X)


def test_copies_and_pickles_bind_anew():
    g = fastgrad.grad(product)
    wanted = g(X).tolist()
    for again in (copy.copy(g), copy.deepcopy(g), pickle.loads(pickle.dumps(g))):
        assert not is_bound(again)
        assert again(X).tolist() == wanted
        assert is_bound(again)


def test_shapes_are_forgotten_when_there_are_many():
    g = fastgrad.grad(lambda x: np.sum(x**2))
    for n in range(1, 2 * derivative.SHAPES):
        np.testing.assert_allclose(g(np.ones(n)), 2.0, rtol=1e-8)
    assert len(g._bound) <= derivative.SHAPES


def test_threads_share_a_function(at_once):
    scale = 1.0
    g, wrong = fastgrad.grad(lambda x: scale * np.sin(x[0] * x[1])), []
    wanted = [fastgrad.gradient(product, x, engine="simd").tolist() for x in POINTS]

    def work():
        for n in [*range(len(POINTS))] * 20:
            if g(POINTS[n]).tolist() != wanted[n]:
                wrong.append(n)

    at_once(lambda _: work(), range(4))
    assert wrong == []


def test_data_that_change_at_each_call_are_not_bound_at_each(monkeypatch):
    from fastgrad.transforms import derivative

    rows, asked, over_rows = np.random.default_rng(1).normal(size=(300, 2)), [], derivative.over_rows
    monkeypatch.setattr(derivative, "over_rows", lambda call: asked.append(call) or over_rows(call))
    f = lambda x: np.sum(np.exp(rows @ x))
    g, x = fastgrad.grad(f, method="exact"), np.array([0.1, -0.2])
    for k in range(8):
        rows[k] += 0.5
        np.testing.assert_allclose(g(x), np.exp(rows @ x) @ rows, rtol=1e-12)
    assert len(asked) == derivative.FREE
    g._uses += derivative.USES
    rows[9] += 0.5
    for _ in range(3):
        np.testing.assert_allclose(g(x), np.exp(rows @ x) @ rows, rtol=1e-12)
    assert len(asked) == derivative.FREE + 1


@pytest.mark.parametrize("name", ["grad", "hess"])
def test_tables_too_long_beside_loops_over_data_are_left_to_the_operation(name):
    """Central differences by 150 coordinates of rows of 150 numbers would be 60 000 nodes."""
    rows = np.random.default_rng(2).normal(size=(160, 150))
    f, x = (lambda w: np.sum(np.tanh(rows @ w) ** 2)), np.linspace(-0.1, 0.1, 150)
    made, _, operation = TRANSFORMS[name]
    g, wanted = made(f), operation(f, x, method="exact")
    for _ in range(2):
        np.testing.assert_allclose(g(x), wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


def test_arguments_of_f_by_their_names():
    f = lambda x, a, b=1.0: a * b * np.sum(x**2)
    slope, x = fastgrad.grad(f), np.array([1.0, 2.0])
    np.testing.assert_allclose(slope(x, 2.0, b=3.0), 12.0 * x, rtol=1e-9)
    np.testing.assert_allclose(slope(x, a=2.0), 4.0 * x, rtol=1e-9)
    product = fastgrad.transforms.hessp(f)
    np.testing.assert_allclose(product(x, np.array([0.0, 1.0]), a=2.0), [0.0, 4.0], rtol=1e-6, atol=1e-6)
    with pytest.raises(TypeError, match="unexpected keyword argument 'c'"):
        slope(x, 2.0, c=3.0)


def test_least_squares_with_named_arguments():
    optimize = pytest.importorskip("scipy.optimize")
    times = np.linspace(0.0, 1.0, 20)
    residuals = lambda p, t, y: p[0] * np.exp(-p[1] * t) - y
    named = {"t": times, "y": 2.0 * np.exp(-3.0 * times)}
    found = optimize.least_squares(residuals, [1.0, 1.0], jac=fastgrad.jac(residuals), kwargs=named)
    np.testing.assert_allclose(found.x, [2.0, 3.0], rtol=1e-8)


@pytest.mark.parametrize("method", ["central", "exact"])
def test_an_infinite_side_of_a_branch_counts_where_it_is_taken(method):
    """A prior without mass beyond its bounds."""
    data = np.linspace(0.0, 1.0, 30)

    def log_prior(t):
        if not (-5.0 < t[0] < 0.5 and 0.0 < t[1] < 10.0):
            return -np.inf
        return -0.5 * np.sum((data - t[0] * data - t[1]) ** 2)

    g, inside, outside = fastgrad.grad(log_prior, method=method), np.array([0.2, 1.0]), np.array([2.0, 1.0])
    wanted = [np.sum(data * (data - 0.2 * data - 1.0)), np.sum(data - 0.2 * data - 1.0)]
    for _ in range(3):
        np.testing.assert_allclose(g(inside), wanted, rtol=1e-7)
    assert is_bound(g)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not np.isfinite(g(outside)).all() or not g(outside).any()
    np.testing.assert_allclose(g(inside), wanted, rtol=1e-7)
