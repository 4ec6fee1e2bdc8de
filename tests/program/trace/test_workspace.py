"""Arrays that f captures and works in: traced where it reads only what it has written in the same call."""

from types import SimpleNamespace

import numpy as np
import pytest

import fastgrad
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable
from fastgrad.program.trace.workspace import LONGEST, STATE

RATES, THREE, TOTAL, MATRIX = np.zeros(2), np.zeros(3), np.ones(2), np.array([[1.0, 2.0], [3.0, 4.0]])
WHOLE = np.zeros(4)
TURNED, STRIDED = np.ones((2, 2)).T, np.ones(4)[::2]
PART, SINGLE, LONG = WHOLE[:2], np.zeros(2, np.float32), np.zeros(LONGEST + 1)


def of_a_closure():
    work = np.empty(2)

    def f(x):
        work[:] = np.sin(x)
        return work[0] * work[1]

    return f


def element_by_element(x):
    THREE[0] = x[0] * 2.0
    THREE[1] = x[1]
    THREE[2] = x[0] * x[1]
    return np.sum(THREE**2)


def a_default(x, work=RATES):
    work[:] = x * x
    return work.sum()


def an_equation(x):
    y = np.array([1.0, 0.0])
    for _ in range(20):
        RATES[0], RATES[1] = y[1], -x[0] * y[0] - x[1] * y[1]
        y = y + 0.05 * RATES
    return y[0]


def a_view(x):
    part = THREE[:2]
    part[:] = x
    return THREE[0] * THREE[1]


def by_out(x):
    np.dot(MATRIX, x, out=RATES)
    np.multiply(RATES, x, out=RATES)
    return np.sum(RATES)


def on_both_sides(x):
    if x[0] > 1.0:
        RATES[0] = x[0]
    else:
        RATES[0] = x[1] ** 2
    return RATES[0] * x[1]


def what_nobody_writes(x):
    TOTAL[1] = x[0]
    return TOTAL[0] * x[0] + TOTAL[1] ** 2


class Model:
    def __init__(self):
        self.work, self.scale, self.matrix = np.empty(2), 2.0, np.eye(2) * 3.0

    def __call__(self, x):
        np.multiply(x, self.scale, out=self.work)
        return self.work @ self.matrix @ self.work

    def doubled(self):
        self.work *= 2.0

    def in_two_steps(self, x):
        self.work[:] = x
        self.doubled()
        return self.work[0] * self.work[1]


WORKING = [
    of_a_closure(), element_by_element, a_default, an_equation, a_view, by_out, on_both_sides, what_nobody_writes,
    Model(), Model().in_two_steps,
]  # fmt: skip


@pytest.mark.parametrize("f", WORKING, ids=lambda f: getattr(f, "__name__", "object"))
def test_derivatives(f):
    points = np.random.default_rng(0).uniform(0.6, 1.9, (40, 2))
    wanted = fastgrad.gradient(f, points, batch=True, engine="python")
    for method in ("central", "exact"):
        found = fastgrad.gradient(f, points, batch=True, engine="simd", method=method)
        np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-7)
    many = np.tile(points, (20, 1))
    np.testing.assert_allclose(fastgrad.gradient(f, many, batch=True), np.tile(wanted, (20, 1)), rtol=1e-7, atol=1e-7)


def test_an_array_that_f_returns():
    def f(x):
        THREE[:2] = x
        THREE[2] = x[0] * x[1]
        return THREE

    points = np.random.default_rng(0).uniform(0.6, 1.9, (40, 2))
    found = fastgrad.jacobian(f, points, batch=True, engine="simd", method="exact")
    assert (found[:, :2] == np.eye(2)).all()
    assert (found[:, 2] == points[:, ::-1]).all()


def accumulating(x):
    TOTAL[:] += x
    return TOTAL[0] * TOTAL[1]


def reading_first(x):
    before = TOTAL[0]
    TOTAL[0] = x[0]
    return before * x[1]


def on_one_side(x):
    if x[0] > 1.0:
        TOTAL[0] = x[0]
    return TOTAL[0] * x[1]


def read_by_a_decision(x):
    y = x[0] if TOTAL[1] > 0.5 else x[1]
    TOTAL[1] = x[0]
    return y * y


@pytest.mark.parametrize("f", [accumulating, reading_first, on_one_side, read_by_a_decision])
def test_what_an_earlier_call_has_left_is_state(f):
    with pytest.raises(Untraceable, match=STATE.partition(";")[0]):
        trace(f, (2,))


def sharing(x):
    PART[:] = x
    return WHOLE[0] * WHOLE[1]


def of_single_precision(x):
    SINGLE[:] = x
    return SINGLE[0] * SINGLE[1]


def too_long(x):
    LONG[:2] = x
    return LONG[0] * LONG[1]


def in_another_order(x):
    TURNED[0] = x
    flat = TURNED.ravel()
    flat[:] = x[0]
    return TURNED[0, 1] * x[0]


def with_gaps(x):
    STRIDED[:] = x
    flat = STRIDED.ravel()
    flat[0] = 7.0
    return STRIDED[0] * x[1]


class Counting:
    def __init__(self):
        self.work, self.calls = np.zeros(2), 0

    def __call__(self, x):
        self.calls += 1
        self.work[:] = x
        return self.work[0] * self.calls


@pytest.mark.parametrize("f", [sharing, of_single_precision, too_long, in_another_order, with_gaps, Counting()])
def test_other_arrays_are_refused_as_before(f):
    with pytest.raises(Untraceable, match="a write into a float array that is not made in f"):
        trace(f, (2,))


def test_the_users_own_array_is_left_alone():
    work = np.array([7.0, 8.0])

    def f(x):
        work[:] = x
        return work[0] * work[1]

    trace(f, (2,))
    assert work.tolist() == [7.0, 8.0]


# --- arrays that f is given by args= ----------------------------------------------------------------------------------

RETURNS = np.random.default_rng(5).normal(size=40)


def garch(p, returns, variances):
    """As it is written in courses: the variances' array is an argument, of which the first element is data."""
    for t in range(1, len(returns)):
        variances[t] = p[0] + p[1] * returns[t - 1] ** 2 + p[2] * variances[t - 1]
    return 0.5 * np.sum(np.log(variances[1:]) + returns[1:] ** 2 / variances[1:])


def set_at_once(p, work, also):
    work[:] = p
    np.multiply(work, 2.0, out=also)
    return np.sum(work * also) if p[0] > 0.0 else also[1]


def nested_in_a_list(p, held):
    held[0][:] = p
    return np.sum(held[0] ** 2)


@pytest.mark.parametrize(
    ("f", "args"),
    [(garch, (RETURNS, np.full(40, RETURNS.var()))), (set_at_once, (np.zeros(3), np.ones(3)))],
    ids=["garch", "at once"],
)
def test_arguments_to_work_in(f, args):
    points = np.random.default_rng(0).uniform(0.1, 0.4, (50, 3))
    own = [a.copy() for a in args]
    wanted = fastgrad.gradient(f, points, batch=True, args=tuple(a.copy() for a in args), engine="python", order=4)
    found = fastgrad.gradient(f, points, batch=True, args=args, engine="simd", order=4)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        fastgrad.gradient(f, points, batch=True, args=args, method="exact"), wanted, rtol=1e-8, atol=1e-8
    )
    before = [a.copy() for a in own]
    trace(f, (3,), args=tuple(own))
    assert all((a == b).all() for a, b in zip(own, before, strict=True))  # the user's own are left alone


def test_what_an_earlier_call_has_left_in_an_argument_is_state():
    def adding(p, total):
        total += p
        return np.sum(total**2)

    with pytest.raises(Untraceable, match="has left in an array"):
        trace(adding, (3,), args=(np.zeros(3),))


def test_arguments_that_share_memory_are_refused():
    both = np.zeros(6)

    def f(p, a, b):
        a[:] = p
        return np.sum(b**2)

    with pytest.raises(Untraceable, match=r"another way|float array"):
        trace(f, (3,), args=(both[:3], both))
    with pytest.raises(Untraceable, match="float array"):
        trace(nested_in_a_list, (3,), args=([both[:3].copy()],))


HELD = SimpleNamespace(w=np.ones(2))


def of_two(x, a, b):
    a[:] = x * x
    return np.sum(b * x)


def of_an_attribute(x, a):
    a[:] = x * x
    return np.sum(HELD.w * x)


def of_a_tuple(x, a, b):
    a[:] = x * x
    return np.sum(b[0] * x)


def of_a_default(x, a, b=HELD.w):
    a[:] = x * x
    return np.sum(b * x)


@pytest.mark.parametrize("options", [{}, {"engine": "simd"}, {"method": "exact"}], ids=str)
@pytest.mark.parametrize("same_first", [True, False])
@pytest.mark.parametrize("f", [of_two, of_an_attribute, of_a_tuple, of_a_default], ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
def test_which_arrays_are_one_is_no_matter_of_earlier_calls(f, same_first, options):
    few = options.get("method") == "exact"  # differences are compiled for many points only, and tapes read each
    x = np.random.default_rng(0).uniform(-3.0, 3.0, (100 if few else 1_500, 2))
    for same in (same_first, not same_first, same_first):
        HELD.w[:] = 1.0
        one, other = (HELD.w, HELD.w) if same else (np.ones(2), np.ones(2))
        args = {of_two: (one, other), of_a_tuple: (one, (other,))}.get(f, (one,))
        wanted = 3.0 * x**2 if same else np.ones_like(x)
        try:
            found = fastgrad.gradient(f, x, batch=True, args=args, **options)
        except fastgrad.EngineError:
            assert options  # an engine by name may refuse what is seen by another way
            assert f in (of_a_tuple, of_an_attribute)
            continue
        np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-8)
