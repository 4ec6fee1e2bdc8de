"""Objects of packages, which a copy of a loss gets as they are: whatever it stores in them is taken from there."""

import argparse
import contextlib
import enum
import types
from collections import deque

import numpy as np
import pytest
from scipy.optimize import OptimizeResult
from sklearn.linear_model import LinearRegression

import fastgrad
from fastgrad.arrays.lent import LentObjects

RNG = np.random.default_rng(0)
DATA = RNG.normal(size=(4000, 60))
TARGETS, POINT = DATA[:, 0], np.ones(60)
SCALE = np.abs(POINT) + 1.0
WANTED = -2.0 * DATA.T @ (TARGETS - DATA @ (POINT / SCALE)) / len(DATA) / SCALE


class Mode(enum.Enum):
    FAST = 1


def member():
    Mode.FAST.scale = None
    return Mode.FAST


def within_a_namespace():
    return argparse.Namespace(inner=types.SimpleNamespace(scale=None))


def named(owner):
    owner.scale = None
    return owner


HOLDERS = {
    "a namespace of argparse": lambda: argparse.Namespace(scale=None),
    "a model of a package": lambda: named(LinearRegression()),
    "a member of an enumeration": member,
    "a result of SciPy": lambda: OptimizeResult(scale=None),
    "an exception": lambda: named(ValueError("of no number")),
}


def loss_of(read, write):
    """A loss that makes its scale once, and keeps it."""

    def loss(x):
        if read() is None:
            write(np.abs(x) + 1.0)
        return float(((TARGETS - DATA @ (x / read())) ** 2).mean())

    return loss


CALLS = {
    "gradient": lambda f: fastgrad.gradient(f, POINT, engine="arrays"),
    "exact": lambda f: fastgrad.gradient(f, POINT, method="exact"),
    "value": lambda f: fastgrad.value_and_gradient(f, POINT),
    "in place": lambda f: fastgrad.numerical_gradient(f, POINT.copy(), engine="arrays"),
    "explained": lambda f: fastgrad.explain(f, POINT),
}


@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", HOLDERS)
def test_what_a_loss_makes_once(name, call):
    holder = HOLDERS[name]()
    loss = loss_of(lambda: holder.scale, lambda made: setattr(holder, "scale", made))
    try:
        found = CALLS[call](loss)
    except fastgrad.EngineError:
        found = None
    if isinstance(found, np.ndarray):
        np.testing.assert_allclose(found, WANTED, atol=1e-6)
    assert holder.scale is None or type(holder.scale) is np.ndarray
    assert loss(POINT) > 0.0


@pytest.mark.parametrize("call", CALLS)
def test_what_lies_below_an_object(call):
    holder, rows = within_a_namespace(), argparse.Namespace(rows=[])
    for loss in (
        loss_of(lambda: holder.inner.scale, lambda made: setattr(holder.inner, "scale", made)),
        loss_of(lambda: rows.rows[0] if rows.rows else None, rows.rows.append),
    ):
        with contextlib.suppress(fastgrad.EngineError):
            CALLS[call](loss)
        assert loss(POINT) > 0.0
        assert {type(v) for v in (holder.inner.scale, *rows.rows)} <= {type(None), np.ndarray}


@pytest.mark.parametrize("call", ["exact", "explained"])
def test_tables_of_pandas(call):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [0.0, 0.0, 0.0], "b": [1.0, 2.0, 3.0]})

    def loss(x):
        table["a"] = x[:3]
        return float((table["a"].to_numpy() ** 2).sum())

    with contextlib.suppress(fastgrad.EngineError):
        CALLS[call](loss)
    assert table["a"].dtype == np.float64
    assert [*table.columns] == ["a", "b"]
    assert loss(POINT) == 3.0


def test_datasets_of_xarray():
    xarray = pytest.importorskip("xarray")
    held = xarray.Dataset({"y": ("t", TARGETS)})

    def loss(x):
        held["r"] = ("t", TARGETS - DATA @ x)
        return float((held["r"] ** 2).mean())

    before = loss(POINT)
    found = fastgrad.gradient(loss, POINT)
    np.testing.assert_allclose(found, 2.0 * DATA.T @ (DATA @ POINT - TARGETS) / len(DATA), atol=1e-6)
    assert loss(POINT) == before


def test_places_are_put_back_where_they_have_changed():
    class Slots:
        __slots__ = ("a", "b")

    slotted, inner = Slots(), deque([1.0])
    slotted.a = 1
    holder = argparse.Namespace(table={"k": 1}, rows=[1, 2], some={1}, slotted=slotted, inner=inner)
    lent = LentObjects()
    lent.note(holder)
    lent.take_back()
    holder.table["new"], slotted.b, holder.extra = 2, 3, 4
    holder.rows.append(3)
    holder.some.add(2)
    inner.appendleft(0.0)
    lent.take_back()
    assert (holder.table, holder.rows, holder.some, [*inner]) == ({"k": 1}, [1, 2], {1}, [1.0])
    assert (hasattr(slotted, "b"), hasattr(holder, "extra"), slotted.a) == (False, False, 1)
