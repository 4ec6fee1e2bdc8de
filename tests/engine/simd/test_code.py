"""Traces that could lie: what changes between calls, what keeps state, what shares memory. Never a wrong number."""

import functools
import itertools
import operator
import types

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError, gradient, numerical_gradient
from fastgrad.engine.call import Call, Rows
from fastgrad.engine.simd.code import compile_call
from fastgrad.engine.simd.traces import traced_shape
from fastgrad.formulas import stencils
from fastgrad.formulas.steps import Steps
from fastgrad.program.keys import unchanging

POINTS = np.random.default_rng(0).uniform(0.5, 1.5, (40, 2))


def slope(f, points=POINTS):
    """The first partial derivative, which is k in all functions below, at some point."""
    found = gradient(f, points, batch=True, engine="simd")[:, 0]
    assert np.ptp(found) < 1e-6
    return found[0]


SCALE = 2.0
ARRAY = np.array([2.0, 3.0])
CONFIG = types.ModuleType("config")


def helper(t):
    return SCALE * t


def helped(x):
    return helper(x[0])


def defaults(x, table=ARRAY):
    return table[0] * x[0]


class Holder:
    k = 2.0

    def __init__(self):
        self.own = 2.0

    def method(self, x):
        return self.own * x[0]


def changes(monkeypatch):
    """Pairs of a function and what changes its slope from 2 to 5."""
    here, cell, big, holder = globals(), [2.0], np.full(10_000, 2.0), Holder()
    listed, table, other, small = [2.0], {"k": 2.0}, {"k": 2.0}, np.array([2.0])
    stack = [2.0]
    monkeypatch.setattr(CONFIG, "k", 2.0, raising=False)
    monkeypatch.setattr(Holder, "k", 2.0)

    def keyword(x, *, k=2.0):
        return k * x[0]

    def attributed(x):
        return attributed.k * x[0]

    attributed.k = 2.0
    get = other.get
    yield "a global", lambda x: SCALE * x[0], lambda: monkeypatch.setitem(here, "SCALE", 5.0)
    yield "a helper's global", helped, lambda: monkeypatch.setitem(here, "SCALE", 5.0)
    yield "another helper", helped, lambda: monkeypatch.setitem(here, "helper", lambda t: 5.0 * t)
    yield "a cell", lambda x: cell[0] * x[0], lambda: cell.__setitem__(0, 5.0)
    yield "a list", lambda x: listed[0] * x[0], lambda: listed.__setitem__(0, 5.0)
    yield "a dict", lambda x: table["k"] * x[0], lambda: table.update(k=5.0)
    yield "a method of a dict", lambda x: get("k") * x[0], lambda: other.update(k=5.0)
    yield "a small array", lambda x: small[0] * x[0], lambda: small.fill(5.0)
    yield "a large array", lambda x: big[7] * x[0], lambda: big.fill(5.0)
    yield "a default", defaults, lambda: ARRAY.__setitem__(0, 5.0)
    yield "a keyword's default", keyword, lambda: setattr(keyword, "__kwdefaults__", {"k": 5.0})
    yield "an attribute", lambda x: holder.own * x[0], lambda: setattr(holder, "own", 5.0)
    held = Holder()
    yield "a method's object", held.method, lambda: setattr(held, "own", 5.0)
    yield "a class", lambda x: Holder.k * x[0], lambda: setattr(Holder, "k", 5.0)
    yield "a module", lambda x: CONFIG.k * x[0], lambda: setattr(CONFIG, "k", 5.0)
    yield "a function's attribute", attributed, lambda: setattr(attributed, "k", 5.0)
    yield "a partial", functools.partial(lambda k, x: k[0] * x[0], stack), lambda: stack.__setitem__(0, 5.0)


def test_what_changed_between_calls_is_seen(monkeypatch):
    for name, f, change in changes(monkeypatch):
        ARRAY[0] = 2.0
        with monkeypatch.context():
            before = slope(f)
            again = slope(f)
        assert (before, again) == pytest.approx((2.0, 2.0), rel=1e-8), name
        change()
        assert slope(f) == pytest.approx(5.0, rel=1e-8), name
        monkeypatch.undo()
        monkeypatch.setattr(CONFIG, "k", 2.0, raising=False)
        monkeypatch.setattr(Holder, "k", 2.0)
    ARRAY[0] = 2.0


def test_keys_hold_only_what_cannot_change_unseen():
    k, row = 2.0, np.ones(3)
    assert unchanging(lambda x: k * np.sin(x[0]) + row @ row, ()) is not None
    assert unchanging(lambda x: k * x[0], (1.0, row)) is not None
    assert unchanging(functools.partial(helped), ()) is not None
    for f in (lambda x: CONFIG.k, lambda x: [k][0] + Holder.k, functools.partial(operator.add, 1.0)):
        assert unchanging(f, ()) is None
    assert unchanging(helped, ({"a set"},)) is None
    for count in (3, 2_048, 2_049, 32_768):  # numbers as they are, or their digest
        held = np.ones(count)
        f = lambda x, held=held: held[-1] * x[0]
        before = unchanging(f, ())
        assert before == unchanging(f, ()) is not None
        held[count // 2] = np.nextafter(1.0, 2.0)
        assert before != unchanging(f, ())
    assert unchanging(lambda x: CONFIG.large[0] * x[0], (np.ones(32_769),)) is None
    zero, minus = 0.0, -0.0
    assert unchanging(lambda x: zero * x[0], ()) != unchanging(lambda x: minus * x[0], ())


COUNT = itertools.count(1)
RANDOM = np.random.default_rng(0)


def counts(x):
    return x[0] * next(COUNT)


def draws(x):
    return x[0] * np.random.random()  # noqa: NPY002


def draws_of_its_own(x):
    return x[0] * RANDOM.standard_normal()


def probes_the_type(x):
    return x[0] * (2.0 if x.itemsize * x[:1].nbytes == 64 and type(x) is np.ndarray else 3.0)


def probes_the_element(x):
    return x[0] * (2.0 if type(x[0]) is np.float64 else 3.0)


def probes_the_class(x):
    return x[0] * (2.0 if x[0].__class__ is np.float64 else 3.0)


def asks_for_the_type(x):
    return x[0] * (2.0 if x.dtype == np.float64 else 3.0)


def asks_for_the_elements_type(x):
    return x[0] * (2.0 if isinstance(x[0], float) else 3.0)


TYPES = [asks_for_the_type, asks_for_the_elements_type, probes_the_type, probes_the_element]


@pytest.mark.parametrize("f", TYPES)
def test_types_are_those_of_the_numbers(f):
    found = gradient(f, POINTS, batch=True, engine="simd")
    np.testing.assert_allclose(found[:, 0], 2.0, rtol=1e-9)


CACHE = {}


def remembers(x):
    CACHE.setdefault("x", x)
    return x[0] * CACHE["x"][1]


@pytest.mark.parametrize("f", [counts, draws, draws_of_its_own, probes_the_class, remembers])
def test_functions_that_are_none_are_refused(f):
    CACHE.clear()
    with pytest.raises((EngineError, TypeError)):  # TypeError: its own cache gave it a symbol
        gradient(f, POINTS, batch=True, engine="simd")


@pytest.mark.parametrize("penalty", [Exception, (TypeError, ValueError), BaseException])
def test_a_penalty_for_exceptions_is_not_taken_for_the_function(penalty):
    def f(x):
        try:
            return x[0] ** 2 + 0.0 * len(f"{x[0]}")
        except penalty:
            return 1e10

    with pytest.raises(EngineError):
        gradient(f, POINTS, batch=True, engine="simd")
    np.testing.assert_allclose(gradient(f, POINTS, batch=True)[:, 0], 2 * POINTS[:, 0], rtol=1e-8)


def test_a_loss_that_reads_half_of_its_weights_through_the_closure():
    """Half the gradient would be missing: the closure's half does not see the copy that is moved."""
    weights = np.array([[0.5, -1.0], [2.0, 0.25]])
    t = np.array([1.0, 2.0])

    def loss(w):
        return np.sum((weights @ t) ** 2) + 0.1 * np.sum(w**2)

    with pytest.raises(EngineError, match="reads its argument also as weights"):
        gradient(loss, weights, engine="simd")
    expected = 2 * np.outer(weights @ t, t) + 0.2 * weights
    np.testing.assert_allclose(numerical_gradient(loss, weights), expected, atol=1e-7)


def test_a_trace_that_is_kept_does_not_hide_shared_memory():
    weights = np.array([0.5, -1.0])

    def loss(w):
        return np.sum(weights**2) * np.sum(w**2)

    gradient(loss, np.array([1.0, 2.0]), engine="simd")
    for x in (weights, np.lib.stride_tricks.as_strided(weights, (2,))):
        with pytest.raises(EngineError, match="reads its argument also as weights"):
            gradient(loss, x, engine="simd")


def test_what_f_keeps_are_numbers():
    seen = []

    def f(x):
        seen.append(x)
        return x[0] * x[1]

    with pytest.raises(EngineError, match="keeps what it computes from x, in list"):
        gradient(f, POINTS, batch=True, engine="simd")
    np.testing.assert_allclose(gradient(f, POINTS, batch=True), POINTS[:, ::-1], rtol=1e-8)
    assert all(x.dtype == float for x in seen)


def test_a_dense_quadratic_form_is_rolled():
    d = 50
    q = np.random.default_rng(0).standard_normal((d, d))
    points = np.random.default_rng(1).standard_normal((64, d))

    def f(x):
        return x @ q @ x

    assert "rolled" in fastgrad.explain(f, points, batch=True, engine="simd")
    np.testing.assert_allclose(gradient(f, points, batch=True, engine="simd"), points @ (q + q.T), rtol=0, atol=1e-6)


def test_programs_too_long_are_refused_with_their_length():
    q = np.random.default_rng(0).standard_normal((120, 120))
    with pytest.raises(EngineError, match="operations"):
        gradient(lambda x: x @ q @ x, np.ones(120), engine="simd")


def test_odd_memory():
    packed = np.zeros(20, dtype=[("flag", "i1"), ("x", "f8", 2)])
    packed["x"] = POINTS[:20]
    expected = gradient(lambda x: x[0] * x[1], POINTS[:20], batch=True, engine="simd")
    assert np.allclose(expected, POINTS[:20, ::-1], rtol=1e-15)
    assert (gradient(lambda x: x[0] * x[1], packed["x"], batch=True, engine="simd") == expected).all()
    out = np.zeros(20, dtype=[("flag", "i1"), ("x", "f8", 2)])["x"]
    gradient(lambda x: x[0] * x[1], POINTS[:20], batch=True, engine="simd", out=out)
    assert (out == expected).all()


def test_a_vector_valued_f_stays_refused_after_its_jacobian():
    def twice(x):
        return 2.0 * x

    assert np.array_equal(fastgrad.jacobian(twice, np.ones(3), engine="simd"), 2.0 * np.eye(3))
    for call in (fastgrad.gradient, fastgrad.hessian):
        with pytest.raises(ValueError, match="one number"):
            call(twice, np.ones(3), engine="simd")


def test_outputs_that_do_not_move_are_zero_or_nan():
    def f(x):
        with np.errstate(all="ignore"):
            return np.array([x[0] * x[0], np.log(x[1]), 3.0])

    result = fastgrad.jacobian(f, np.array([[1.0, 2.0], [1.0, -1.0]]), batch=True, engine="simd")
    wanted = fastgrad.jacobian(f, np.array([[1.0, 2.0], [1.0, -1.0]]), batch=True, engine="python")
    np.testing.assert_allclose(result, wanted, rtol=1e-9, equal_nan=True)
    assert np.array_equal(np.isnan(result[1]), [[False, False], [True, True], [False, False]])


BESIDE_POLES = {
    "log": lambda x: np.log(x[0] * x[0]) + x[1],
    "power": lambda x: np.abs(x[0]) ** -1.5 + x[1],
    "floor_divide": lambda x: np.floor_divide(np.exp(x[0]), x[0]) + x[1],
    "masked": lambda x: np.power(np.abs(x[0]), -2.5) * (x[0] > 0) + x[1],
    "sine": lambda x: 1.0 / np.sin(x[0]) + x[1],
    "log of a sine": lambda x: np.log(np.abs(np.sin(x[0]))) + x[1],
    "decided by a pole": lambda x: 1.0 / (x[0] * x[0]) * np.floor(2.0 * ((1.0 / x[0]) > 0)) + x[1],
    "where": lambda x: np.where(x[0] == 0, np.nan, 1.0) + x[1],
}


@pytest.mark.parametrize("name", BESIDE_POLES)
def test_a_pole_at_x_alone_makes_the_other_derivatives_nan(name):
    point = np.array([[0.0, 2.0]])
    with np.errstate(all="ignore"):
        found, expected = (gradient(BESIDE_POLES[name], point, batch=True, engine=e) for e in ("simd", "python"))
    assert np.isnan(expected[0, 1])
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_removed_singularity_stays_removed():
    f = lambda x: np.where(x[0] == 0, 1.0, np.sin(x[0]) / x[0]) * x[1]
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(gradient(f, np.array([0.0, 2.0]), engine="simd"), [0.0, 1.0], atol=1e-9)


def test_quotients_whose_weights_overflow():
    found, expected = (gradient(lambda x: 1e-30 / x[0], np.array([1e-160]), engine=e) for e in ("simd", "python"))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_cut_of_the_arc_tangent_is_where_python_has_it():
    f = lambda x: np.arctan2(0.1 * x[0] + 0.2 * x[0] - 0.3 * x[0], -1.0)
    points = np.linspace(1.0, 2.0, 50)[:, None]
    found, expected = (gradient(f, points, batch=True, engine=e) for e in ("simd", "python"))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-8)


def call_of(f, **options):
    x = np.array([[0.5, 2.0], [1.5, 3.0]])
    return Call(f, Rows(x, (2,)), stencils.gradient(2), Steps("default", np.asarray(2.0**-17)), **options)


def test_shapes_are_known_from_the_trace():
    assert traced_shape(call_of(lambda x: x[0])) == ()
    assert traced_shape(call_of(lambda x: np.outer(x, x[:1]))) == (2, 1)
    assert traced_shape(call_of(lambda x, b: b * x[0], batch=(np.ones((2, 3)),))) == (3,)
    with pytest.raises(EngineError, match=r"for \^"):
        traced_shape(call_of(lambda x: x[0] * (int(x[0]) ^ 0)))


def test_code_is_made_once_for_a_function_and_a_table():
    f = lambda x: x[0] * x[1]
    assert compile_call(call_of(f)) is compile_call(call_of(f))
    other = call_of(f)
    other.table = stencils.gradient(2, 4)
    assert compile_call(other) is not compile_call(call_of(f))
    state = [0.0]

    def counted(x):
        state[0] += 1.0
        return x[0] * state[0]

    with pytest.raises(EngineError, match="keeps state"):
        compile_call(call_of(counted))


# --- types -----------------------------------------------------------------------------------------------------------


LABELLED = {
    "minus one": lambda x, y: (y - 1) * x[0] * x[1],
    "squared": lambda x, y: y**2 * x[0],
    "negative": lambda x, y: -y * x[0],
    "exp": lambda x, y: np.exp(y) * x[0],
    "halves": lambda x, y: y / 3 * x[0],
    "of itself": lambda x, y: (y + y) * x[0],
    "chosen": lambda x, y: (np.where(x[1] > 1.0, y, 0) - 1) * x[0],
    "counted": lambda x, y: ((x[1] > 1.0) * y - 1) * x[0],
    "times": lambda x, y: y * x[0] * x[1],
    "minus x": lambda x, y: (x[0] - y) ** 2,
    "equal": lambda x, y: np.where(y == 1, x[0], x[1] ** 2),
}


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:divide:RuntimeWarning")
@pytest.mark.parametrize("kind", ["uint8", "int8", "int16", "int32", "uint32", "uint64", "int64", "float32", "bool"])
@pytest.mark.parametrize("name", LABELLED)
def test_batch_arguments_keep_their_types(name, kind):
    f, labels = LABELLED[name], (np.arange(40) % 5 * 50).astype(kind)
    options = {"batch": True, "batch_args": (labels,)}
    try:
        wanted = gradient(f, POINTS, engine="python", **options)
    except TypeError:
        with pytest.raises((TypeError, EngineError)):
            gradient(f, POINTS, engine="simd", **options)
        return
    try:
        found = gradient(f, POINTS, engine="simd", **options)
    except EngineError as error:
        assert f"computes with a {kind} of batch_args" in str(error)  # noqa: PT017
        found = gradient(f, POINTS, **options)
        assert name not in {"times", "minus x"}
        assert kind != "int64"
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-5)


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_a_trace_is_kept_for_its_types():
    f = LABELLED["minus one"]
    labels = np.arange(40) % 5
    gradient(f, POINTS, batch=True, batch_args=(labels.astype(float),), engine="simd")
    with pytest.raises(EngineError, match=r"labels\.astype\(float\)"):
        gradient(f, POINTS, batch=True, batch_args=(labels.astype(np.uint8),), engine="simd")


NOT_OF_A_BOOL_AND_NO_AXES = [
    lambda x: np.where(~(x[0].item() > 1.0), x[0], x[1]) * 1.0,
    lambda x: np.where(~(x.tolist()[0] > 1.0), x[0], x[1]) * 1.0,
    lambda x: np.where(~(x.item(0) > 1.0), x[0], x[1]) * 1.0,
    lambda x: np.sum(np.where(~np.array([x[0] > 1.0, True]), x, x * x)),
    lambda x: np.where(~(x[0] > 1.0), x[0], x[1]) * 1.0,
    lambda x: np.sum(x * x, axis=())[1],
    lambda x: np.max(x, axis=())[1] * x[0] + np.mean(x, axis=(), keepdims=True)[0],
    lambda x: np.sum(x.reshape(1, 2), axis=())[0, 1] * x[0],
]


@pytest.mark.filterwarnings("ignore:Bitwise inversion:DeprecationWarning")  # Python 3.12
@pytest.mark.parametrize("k", range(len(NOT_OF_A_BOOL_AND_NO_AXES)))
def test_not_of_a_bool_and_no_axes(k):
    f = NOT_OF_A_BOOL_AND_NO_AXES[k]
    wanted = gradient(f, POINTS, batch=True, engine="python")
    try:
        found = gradient(f, POINTS, batch=True, engine="simd")
    except EngineError as error:
        assert "f applies ~ to" in str(error)  # noqa: PT017
        found = wanted
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-8)
