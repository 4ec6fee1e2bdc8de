"""Keys of partials, lists and dicts; those of other functions are in the tests of what a trace of them is kept by."""

from functools import partial

import numpy as np
import pytest

import fastgrad
from fastgrad.program.keys import unchanging


def of_rows(x, rows, scale=1.0):
    return scale * np.sum((rows @ x) ** 2)


def test_partials_are_told_apart_by_what_they_hold():
    rows = np.ones((4, 2))
    keys = [
        unchanging(f, ())
        for f in (
            partial(of_rows, rows=rows),
            partial(of_rows, rows=2.0 * rows),
            partial(of_rows, rows=rows, scale=2.0),
            partial(of_rows, scale=2.0),
            partial(np.sum, axis=0),
        )
    ]
    assert None not in keys[:4]
    assert len(set(keys[:4])) == 4
    assert keys[4] is None  # no function of the user's
    assert unchanging(partial(of_rows, rows=rows.copy()), ()) == keys[0]
    with_attribute = partial(of_rows, rows=rows)
    with_attribute.more = 1
    assert unchanging(with_attribute, ()) is None
    assert unchanging(partial(of_rows, rows={1.0}), ()) is None


def test_partials_that_change():
    rows, x = np.random.default_rng(0).uniform(size=(20, 3)), np.ones(3)
    f = partial(of_rows, rows=rows, scale=2.0)
    slope = fastgrad.grad(f, method="exact")
    for _ in range(3):
        np.testing.assert_allclose(slope(x), 4.0 * rows.T @ (rows @ x))
    rows[0] += 1.0
    np.testing.assert_allclose(slope(x), 4.0 * rows.T @ (rows @ x))
    f.keywords["scale"] = 3.0
    np.testing.assert_allclose(slope(x), 6.0 * rows.T @ (rows @ x))


PARAMETERS, FACTORS, ARRAYS = {"a": 1.0, "b": [2.0, {"c": 3.0}]}, [1.0, 2.0], [np.ones(2), np.ones(2)]


def of_a_dict(x):
    return PARAMETERS["a"] * x[0] ** 2 + PARAMETERS["b"][0] * x[1] + PARAMETERS["b"][1]["c"] * x[0]


def of_a_list(x):
    first, second = FACTORS
    return first * x[0] + second * x[1] ** 2 + len(FACTORS) * x[0]


def of_arrays(x):
    y = np.zeros(2)
    for k, array in enumerate(ARRAYS):
        y[k] = np.sum(array * x)
    return y[0] * y[1]


def of_a_default(x, p={"a": 1.0}):  # noqa: B006
    return p["a"] * x[0] * x[1]


class Holder:
    def __init__(self):
        self.p = {"a": 1.0, "list": FACTORS}

    def __call__(self, x):
        return self.p["a"] * x[0] * self.p["list"][1] * x[1]


HOLDER = Holder()
CHANGES = [
    (of_a_dict, lambda: PARAMETERS.update(a=PARAMETERS["a"] + 1.0)),
    (of_a_dict, lambda: PARAMETERS["b"][1].update(c=PARAMETERS["b"][1]["c"] + 1.0)),
    (of_a_list, lambda: FACTORS.__setitem__(1, FACTORS[1] + 1.0)),
    (of_a_list, FACTORS.reverse),
    (of_arrays, lambda: ARRAYS[0].__setitem__(0, ARRAYS[0][0] + 1.0)),
    (of_arrays, lambda: ARRAYS.__setitem__(1, ARRAYS[1] + 1.0)),
    (of_a_default, lambda: of_a_default.__defaults__[0].update(a=of_a_default.__defaults__[0]["a"] + 1.0)),
    (HOLDER, lambda: HOLDER.p.update(a=HOLDER.p["a"] + 1.0)),
    (HOLDER, lambda: FACTORS.__setitem__(1, FACTORS[1] + 1.0)),
]


@pytest.mark.parametrize(("f", "change"), CHANGES, ids=map(str, range(len(CHANGES))))
def test_lists_and_dicts_by_what_lies_in_them(f, change):
    assert unchanging(f, ()) is not None
    assert unchanging(f, ()) == unchanging(f, ())
    g, x = fastgrad.grad(f), np.array([0.7, 1.3])
    points = np.random.default_rng(0).uniform(0.5, 1.5, (1500, 2))
    for _ in range(3):
        wanted = fastgrad.gradient(f, points, batch=True, engine="python")
        for _ in range(3):
            np.testing.assert_allclose(g(x), fastgrad.gradient(f, x, engine="python"), rtol=1e-8)
            np.testing.assert_allclose(fastgrad.gradient(f, points, batch=True), wanted, rtol=1e-7, atol=1e-9)
        before = unchanging(f, ())
        change()
        assert unchanging(f, ()) != before


def test_further_arguments_may_be_lists_and_dicts():
    f = lambda x, p, c: p["a"] * x[0] ** 2 + c[1] * x[1]
    points = np.random.default_rng(0).uniform(0.5, 1.5, (1500, 2))
    p, c = {"a": 1.0}, [1.0, 2.0]
    for _ in range(3):
        found = fastgrad.gradient(f, points, batch=True, args=(p, c))
        np.testing.assert_allclose(found, np.stack([2.0 * p["a"] * points[:, 0], np.full(1500, c[1])], 1), rtol=1e-7)
        p["a"] += 1.0
        c[1] += 1.0


CALLS, SEEN, COUNT = [], {}, [0]


def counting(x):
    CALLS.append(1)
    return x[0] * x[1]


def adding(x):
    calls = CALLS
    calls += [1]
    return x[0] * x[1]


def numbering(x):
    COUNT[0] += 1
    return x[0] * x[1]


def telling(x):
    SEEN["last"] = 1.0
    return x[0] * x[1]


def telling_on_a_side(x):
    if x[0] > 0.0:
        SEEN["last"] = 1.0
    return x[0] * x[1]


@pytest.mark.parametrize("f", [counting, adding, numbering, telling, telling_on_a_side])
def test_what_f_writes_into_them_is_written_at_each_call(f):
    g, x = fastgrad.grad(f), np.array([0.7, 1.3])
    points = np.random.default_rng(0).uniform(0.5, 1.5, (1500, 2))
    for call in (lambda: g(x), lambda: fastgrad.gradient(f, points, batch=True)):
        for _ in range(4):
            SEEN.clear()
            before = len(CALLS) + COUNT[0]
            assert np.isfinite(call()).all()
            assert len(CALLS) + COUNT[0] > before or SEEN == {"last": 1.0}


def test_too_many_elements_have_no_key():
    data = [1.0] * 300
    assert unchanging(lambda x: data[0] * x[0], ()) is None


ROWS = [[2.0], [2.0]]


def through_another_name(x):
    r = ROWS[0]
    old = r[0]
    r[0] = x[0]
    v = ROWS[1][0]
    r[0] = old
    return v * x[1]


def of_arguments(x, a, b):
    old = a[0]
    a[0] = x[0]
    v = b[0]
    a[0] = old
    return v * x[1]


@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
def test_which_lists_are_one_is_part_of_the_key():
    x, points = np.array([3.0, 5.0]), np.tile([3.0, 5.0], (2000, 1))
    g = fastgrad.grad(through_another_name)
    for same in (False, True, False, True):
        ROWS[1] = ROWS[0] if same else [2.0]
        wanted = [5.0, 3.0] if same else [0.0, 2.0]
        np.testing.assert_allclose(g(x), wanted, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(fastgrad.gradient(through_another_name, points, batch=True)[0], wanted, atol=1e-7)
        a, b = [2.0], [2.0]
        found = fastgrad.gradient(of_arguments, points, batch=True, args=(a, a if same else b))
        np.testing.assert_allclose(found[0], wanted, atol=1e-7)
