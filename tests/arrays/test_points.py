"""Array programs of a function's argument: at one point, all else is a constant."""

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError, explain, gradient, value_and_gradient
from fastgrad.arrays import points
from fastgrad.formulas import reference

DATA = np.random.default_rng(0).normal(size=(300, 6))
X = np.linspace(-1.0, 1.0, 48).reshape(8, 6)


def likelihood(mu):
    r = DATA[:, None, :] - mu
    q = -0.5 * np.sum(r * r, axis=2)
    top = np.max(q, axis=1, keepdims=True)
    return -np.sum(top[:, 0] + np.log(np.sum(np.exp(q - top), axis=1)))


def chain(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


@pytest.mark.parametrize("options", [{}, {"method": "forward"}, {"order": 4}, {"h": 1e-4}, {"rel_step": 1e-5},
                                     {"method": "backward", "order": 3}], ids=str)  # fmt: skip
@pytest.mark.parametrize(("f", "x"), [(likelihood, X), (chain, X.ravel())], ids=["likelihood", "chain"])
def test_differences_are_those_of_the_definition(f, x, options):
    found = gradient(f, x, engine="arrays", full_output=True, **options)
    expected = reference.gradient(f, x, **options)
    assert found.engine == "arrays"
    np.testing.assert_allclose(found.value, expected, rtol=0, atol=2e-7 * np.abs(expected).max())
    assert np.array_equal(found.h, gradient(f, x, engine="python", full_output=True, **options).h)


@pytest.mark.parametrize(("f", "x"), [(likelihood, X), (chain, X.ravel())], ids=["likelihood", "chain"])
def test_exact_is_exact(f, x):
    value, slope = value_and_gradient(f, x, method="exact", engine="arrays")
    fine = gradient(f, x, order=8)
    assert value == f(x)
    np.testing.assert_allclose(slope, fine, rtol=0, atol=1e-11 * np.abs(fine).max())


def test_an_array_that_f_reads_beside_its_argument_is_a_constant():
    x = X.copy()
    found = gradient(lambda y: np.sum(y * x), x, engine="arrays", method="exact")
    np.testing.assert_array_equal(found, x)


def test_args_and_precision():
    single = X.astype(np.float32)
    found = gradient(lambda x, a, y: np.sum(a * x**2 * y), single, args=(2.0, DATA[:8]), engine="arrays")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 4.0 * single * DATA[:8], rtol=1e-5)


BIG = np.random.default_rng(1).normal(size=(12_000, 48))


def logistic(x):
    return np.mean(np.log1p(np.exp(-(BIG @ x))))


def mixture(mu):
    r = BIG[:300, None, :] - mu
    return -np.sum(np.log(np.sum(np.exp(-0.1 * np.sum(r * r, axis=2)), axis=1)))


@pytest.mark.parametrize(
    ("f", "x", "options", "engine"),
    [
        (logistic, X.ravel(), {"method": "exact"}, "arrays"),
        (logistic, X.ravel(), {}, "python"),  # each displacement changes all that comes after the first product
        (mixture, BIG[:8] / 4, {}, "arrays"),
        (mixture, BIG[:8] / 4, {"method": "exact"}, "arrays"),
        (chain, X.ravel(), {"method": "exact"}, "simd"),
    ],
)
def test_auto_takes_them_where_f_reads_much_data_and_it_pays(f, x, options, engine):
    found = gradient(f, x, full_output=True, **options)
    assert found.engine == engine == explain(f, x, **options).engine
    expected = gradient(f, x, engine="python")
    np.testing.assert_allclose(found.value, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


ROWS = BIG[:600, :8]


def rows(x):
    return np.sum(np.log1p(np.exp(-(ROWS @ x))))


def rows_in_a_loop(x):
    total = 0.0
    for row in ROWS[:300]:
        total = total + np.log1p(np.exp(-(row @ x)))
    return total


@pytest.mark.parametrize(
    ("f", "options", "engine"),
    [
        (rows, {"method": "exact"}, "arrays"), (rows, {}, "python"), (rows_in_a_loop, {"method": "exact"}, "simd"),
        (rows, {"method": "exact", "engine": "simd"}, "simd"),
        (rows, {"method": "exact", "bounds": (-1, 1)}, "arrays"),
    ],
    ids=range(5),
)  # fmt: skip
def test_few_coordinates_and_much_data(f, options, engine):
    x = np.linspace(-0.2, 0.3, 8)
    seen = [gradient(f, x, **options) for _ in range(4)]  # the third call and later ones may take a short way
    assert len({found.tobytes() for found in seen}) == 1
    assert gradient(f, x, full_output=True, **options).engine == engine == explain(f, x, **options).engine
    np.testing.assert_allclose(seen[0], gradient(f, x, order=8), rtol=0, atol=1e-7)


def drawn(x):
    return np.sum((ROWS @ x) ** 2) + 0.0 * np.random.normal()  # noqa: NPY002


def in_memory(x):
    return np.sum(np.frombuffer(ROWS.tobytes()).reshape(ROWS.shape) @ x)


def test_much_data_of_what_no_trace_of_single_numbers_may_go_near():
    x = np.linspace(-0.2, 0.3, 8)
    for call in (gradient, lambda f, x, method: fastgrad.grad(f, method=method)(x)):
        with pytest.raises(EngineError, match="draws random numbers"):
            call(drawn, x, method="exact")
        np.testing.assert_allclose(call(in_memory, x, method="exact"), ROWS.sum(axis=0), rtol=1e-12)


def test_data_may_change_between_calls(monkeypatch):
    x = np.linspace(-0.2, 0.3, 8)
    before = [gradient(rows, x, method="exact") for _ in range(3)][-1]
    monkeypatch.setitem(globals(), "ROWS", -ROWS)
    np.testing.assert_allclose(gradient(rows, x, method="exact"), gradient(rows, x, order=8), rtol=0, atol=1e-9)
    assert not np.allclose(before, gradient(rows, x, method="exact"))


def test_long_programs_of_few_variables_are_exact_by_them():
    data = np.random.default_rng(1).normal(size=(50_000,))
    found = gradient(
        lambda x: np.sum(np.tanh(x[0] * data + x[1])), np.array([0.3, 0.2]), method="exact", full_output=True
    )
    assert found.engine == "arrays"
    inner = 1.0 - np.tanh(0.3 * data + 0.2) ** 2
    np.testing.assert_allclose(found.value, [np.sum(inner * data), np.sum(inner)], rtol=1e-12)


LONG = np.random.default_rng(2).normal(size=(7_000, 8))
FEW = np.random.default_rng(3).uniform(-0.3, 0.3, (3, 8))


def long(x, scale=1.0):
    return scale * np.sum(np.log1p(np.exp(LONG @ x)))


def by_hand(x, scale=1.0):
    return scale * (LONG.T / (1.0 + np.exp(-(LONG @ x.T)).T[..., None, :])).sum(axis=-1)


TIMES, SEEN = np.sort(np.random.default_rng(4).random(40)), np.random.default_rng(5).normal(size=40)


def gaussian_process(p):
    near = np.exp(-0.5 * ((TIMES[:, None] - TIMES) / p[1]) ** 2)
    root = np.linalg.cholesky(p[0] * near + p[2] * np.eye(40))
    z = np.linalg.solve(root, SEEN)
    return 0.5 * z @ z + np.sum(np.log(np.diag(root)))


@pytest.mark.parametrize("batch", [False, True])
def test_what_no_program_of_single_numbers_has(batch):
    x = np.array([[1.0, 0.3, 0.1], [0.8, 0.2, 0.3]]) if batch else np.array([1.0, 0.3, 0.1])
    found = gradient(gaussian_process, x, batch=batch, method="exact", full_output=True)
    assert found.engine == explain(gaussian_process, x, batch=batch, method="exact").engine == "arrays"
    np.testing.assert_allclose(found.value, gradient(gaussian_process, x, batch=batch, order=8), rtol=1e-8)
    with pytest.raises(EngineError, match="cholesky of a matrix of 40 rows"):
        gradient(gaussian_process, x, batch=batch, method="exact", engine="simd")


def test_long_programs_at_several_points_go_one_by_one():
    seen, expected = [], by_hand(FEW)
    value, slope = value_and_gradient(long, FEW, batch=True, method="exact", progress=lambda *at: seen.append(at))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert value.tolist() == [long(x) for x in FEW]
    np.testing.assert_allclose(slope, expected, rtol=1e-12)
    for n, x in enumerate(FEW):
        assert (slope[n] == gradient(long, x, method="exact")).all()
    scales = np.array([1.0, -2.0, 0.5])
    scaled = gradient(long, FEW, batch=True, batch_args=(scales,), method="exact", full_output=True)
    assert scaled.engine == explain(long, FEW, batch=True, method="exact").engine == "arrays"
    np.testing.assert_allclose(scaled.value, expected * scales[:, None], rtol=1e-12)
    assert gradient(long, FEW.astype(np.float32), batch=True, method="exact").dtype == np.float32


def test_other_derivatives_of_long_programs_at_several_points():
    both = lambda x: np.stack([long(x), x @ x])
    slope = by_hand(FEW)
    found = fastgrad.jacobian(both, FEW, batch=True, method="exact")
    np.testing.assert_allclose(found, np.stack([slope, 2.0 * FEW], axis=1), rtol=1e-12)
    along = fastgrad.jvp(long, FEW, np.ones(8), batch=True, method="exact")
    np.testing.assert_allclose(along, slope.sum(axis=1), rtol=1e-11)
    product = fastgrad.hvp(long, FEW, np.ones(8), batch=True, method="exact")
    np.testing.assert_allclose(fastgrad.hessian(long, FEW, batch=True, method="exact").sum(axis=2), product, rtol=1e-11)


def test_long_programs_that_cannot_be_had_say_so():
    ordered = lambda x: np.sum((LONG @ x)[np.argsort(LONG @ x)] ** 2)
    for options in ({}, {"batch": True}):
        with pytest.raises(EngineError, match="needs a trace of f"):
            gradient(ordered, FEW if options else FEW[0], method="exact", **options)
        with pytest.raises(EngineError, match="needs a trace of f"):
            explain(ordered, FEW if options else FEW[0], method="exact", **options)


@pytest.mark.parametrize(
    "options",
    [{"bounds": (-2, 2)}, {"method": "adaptive"}, {"batch": True}, {"method": "complex"}],
    ids=["bounds", "adaptive", "batch", "complex"],
)
def test_what_they_do_not_run(options):
    with pytest.raises((EngineError, ValueError), match="arrays"):
        gradient(np.sum, X, engine="arrays", **options)


def test_explain_says_how_and_why_not():
    assert "operations on whole arrays, only what" not in explain(likelihood, X)
    assert "operations on whole arrays, and back" in explain(likelihood, X, engine="arrays", method="exact")
    with pytest.raises(EngineError, match=r"cannot run this function: np\.argsort has no rule"):
        explain(lambda x: np.sum(x[np.argsort(x[:, 0])]), X, engine="arrays")
    with pytest.raises(EngineError, match="at one point"):
        explain(np.sum, X, engine="arrays", batch=True)


def memo(x, seen=[]):  # noqa: B006
    seen.append(x)
    return np.sum(seen[0] * x) if len(seen) > 3 else np.sum(x**2)


def writes(x):
    x *= 2.0
    return np.sum(x)


@pytest.mark.parametrize("f", [lambda x: int(x[0, 0] > 0) * np.sum(x), lambda x: np.sum(x[np.argsort(x[:, 0])]),
                               lambda x: np.sum(x) if np.sum(x) > 1e-9 else np.sum(x**2), memo],
                         ids=["number", "sort", "branch", "memo"])  # fmt: skip
def test_what_cannot_be_recorded_is_refused(f):
    with pytest.raises(EngineError, match="engine='arrays' cannot run this function"):
        gradient(f, X, engine="arrays")


def test_f_may_write_into_its_argument():
    x = X.copy()
    np.testing.assert_allclose(gradient(writes, x, engine="arrays"), 2.0, rtol=1e-9)
    assert np.array_equal(x, X)


def test_kinks_take_the_mean_of_both_sides():
    x = np.array([0.0, 1.0, -1.0, 1.0])
    found = gradient(lambda x: np.sum(np.maximum(x, 0.0)) + np.sum(np.abs(x)), x, method="exact", engine="arrays")
    np.testing.assert_array_equal(found, [0.5, 2.0, -1.0, 2.0])
    tied = gradient(np.max, x, method="exact", engine="arrays")
    np.testing.assert_array_equal(tied, [0.0, 0.5, 0.0, 0.5])
    masked = gradient(lambda x: np.sum(np.where(x > 0, np.sqrt(np.abs(x)), 0.0)), x, method="exact", engine="arrays")
    np.testing.assert_array_equal(masked, [0.0, 0.5, 0.0, 0.5])


@pytest.mark.parametrize(
    "options", [{"method": "exact"}, {"engine": "arrays"}, {"engine": "arrays", "method": "exact"}], ids=repr
)
def test_explain_refuses_what_the_call_refuses(options):
    def random(x):
        return np.sum(x) + 0.0 * np.random.default_rng().normal() + 1e-3 * np.random.rand()  # noqa: NPY002

    for ask in (gradient, explain):
        with pytest.raises(EngineError):
            ask(random, X[0], **options)


def test_progress_of_differences():
    told = []
    x = np.linspace(0.1, 1.0, 40)
    f = lambda x: np.sum(np.tanh(x[:36].reshape(6, 6)) ** 2) + x[39]
    fastgrad.gradient(f, x, engine="arrays", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (40, 40)


def test_what_f_keeps_does_not_make_each_point_slower(monkeypatch):
    """All that f reaches is copied where it is recorded: 3 000 points with a history took a quarter of an hour."""
    history = []

    def f(x):
        history.append((x.copy(), np.sum(x**2) * x[0]))
        return history[-1][1]

    few = np.random.default_rng(0).uniform(1.0, 2.0, (5, 3))
    found = fastgrad.gradient(f, few, batch=True, method="exact")
    np.testing.assert_allclose(found[:, 1], 2.0 * few[:, 0] * few[:, 1], rtol=1e-14)
    monkeypatch.setattr(points, "KEPT", 100)
    with pytest.raises(fastgrad.EngineError, match="f keeps what it computes: it reaches"):
        fastgrad.gradient(f, np.tile(few, (80, 1)), batch=True, method="exact")
    assert len(history) < 1000


def test_a_large_memo_is_not_copied_for_many_points(monkeypatch):
    memo = {(float(k),): 1.0 for k in range(2000)}

    def f(x):
        key = tuple(np.asarray(x))
        if key not in memo:
            memo[key] = np.sum(x**2)
        return memo[key]

    monkeypatch.setattr(points, "COPIED", 20_000)
    with pytest.raises(fastgrad.EngineError, match=r"f reaches [\d,]+ objects, all of which are copied at each of 500"):
        fastgrad.gradient(f, np.random.default_rng(0).uniform(1.0, 2.0, (500, 3)), batch=True, method="exact")
