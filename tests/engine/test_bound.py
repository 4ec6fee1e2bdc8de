"""Code that is compiled once and bound to arrays again and again: by whom, and to which."""

import numpy as np
import pytest

from fastgrad import gradient, hessian
from fastgrad.engine import bound, choose
from fastgrad.engine.call import Call, Rows
from fastgrad.formulas import stencils
from fastgrad.formulas.steps import choose_steps
from fastgrad.operations import adaptive, partials

RNG = np.random.default_rng(0)
WEIGHTS = {"a": 1.5}


def unkept(x):
    """Reads a container, so that it is traced at every call."""
    return WEIGHTS["a"] * np.sin(x[0] * x[1]) + x[0]


def branching(x):
    return x[0] * x[1] if x[0] > 0.0 else x[1]


def call_of(f, points):
    table = stencils.gradient(points.shape[1])
    return Call(f, Rows(points, points.shape[1:]), table, choose_steps(points, table.stencil))


@pytest.mark.parametrize(("f", "engine"), [(unkept, "simd"), (branching, "jit"), (unkept, "python")])
def test_one_choice_is_bound_to_any_points_and_arrays(f, engine):
    chosen = choose.choose(call_of(f, RNG.uniform(1, 2, (40, 2))), engine)
    assert chosen.engine == engine
    for count in (1, 3, 64):
        rows, columns = RNG.uniform(1, 2, (count, 2)), RNG.uniform(1, 2, (2, count)).T
        for points, out in ((rows, np.empty((count, 2))), (columns, np.empty((2, count)).T)):
            facts = chosen.bind(call_of(f, points), out).fill(2)
            assert (out == gradient(f, points, batch=True, engine=engine)).all()
            assert (facts.engine, facts.nfev) == (engine, 4 * count)


def test_to_choose_takes_no_array_and_explains():
    call = call_of(unkept, RNG.uniform(1, 2, (400, 2)))
    code = choose.choose(call, "auto").code
    assert code.description.startswith("as 4 operations")
    assert code.eps == bound.EPS


def count_choices(monkeypatch):
    """The tables that engines are chosen for, in a list that grows."""
    tables = []

    def counted(call, *rest):
        tables.append(call.table.name)
        return choose.choose(call, *rest)

    for module in (partials, adaptive):
        monkeypatch.setattr(module, "choose", counted)
    return tables


@pytest.mark.parametrize("engine", ["simd", "python"])
def test_the_levels_of_refined_steps_choose_once(monkeypatch, engine):
    tables, x = count_choices(monkeypatch), np.array([1.0, 2.0])
    exact = 1.5 * np.cos(2.0) * np.array([2.0, 1.0]) + [1.0, 0.0]
    found = gradient(unkept, x, method="adaptive", bounds=(1.0, 3.0), engine=engine)
    np.testing.assert_allclose(found, exact, rtol=1e-10)
    assert tables == ["value"]
    hessian(unkept, x, method="adaptive", engine=engine)
    assert tables == ["value", "value", "hessian"]


def test_a_function_is_traced_once_for_all_levels():
    traced = []

    def f(x):
        traced.append(x[0].__class__.__name__)
        return WEIGHTS["a"] * x[0] ** 2 * x[1]

    gradient(f, np.array([1.0, 2.0]), method="adaptive", engine="simd")
    assert traced.count("Symbol") == 1
    assert len(traced) <= 5  # and to compare, at four points at most
