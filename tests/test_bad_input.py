"""Bad input: the error says what arrived, what is needed and what to write instead, and nothing is lost.

First the table: one row per promised error. Then what must *not* raise, and what must be left untouched.
"""

import functools
import itertools
import math
import operator
import os
import random
import re
import signal
import sys
import threading
import time
import warnings
from contextlib import contextmanager
from typing import NamedTuple

import dask.array as da
import numba
import numpy as np
import pytest

import fastgrad
from fastgrad import (
    ConstantFunctionWarning,
    EngineError,
    PerformanceWarning,
    check_gradient,
    derivative,
    explain,
    gradient,
    gradient_descent,
    gradient_field,
    grid,
    hessian,
    hvp,
    jacobian,
    jvp,
    numerical_diff,
    numerical_gradient,
    numerical_gradient_2d,
    propagate,
    sparsity,
    tangent_line,
    value_and_grad,
    value_and_gradient,
    vjp,
    weight_gradient,
)

ENGINES = ["python", "jit", "simd", "reference"]
engines = pytest.mark.parametrize("engine", ENGINES)
all_engines = pytest.mark.parametrize("engine", ["auto", *ENGINES])

# Above 10 000 calls at order 2 and D = 2.
MANY = 2_600


# --- functions -----------------------------------------------------------------------------------


def product(x):
    return x[0] * x[1]


def squares(x):
    return np.sum(x**2)


def square(x):
    return x * x


def countdown(v):
    return v if v < 1 else countdown(v - 1)


def calls_countdown(x):
    return countdown(x[0])


GLOBAL_ARRAY = np.array([2.0, 3.0])
GLOBAL_LIST = [0]
GLOBAL_RNG = np.random.default_rng(0)
GLOBAL_COUNT = 0


def reads_global_array(x):
    return np.sum(x * GLOBAL_ARRAY)


def capturing_array():
    table = np.array([2.0, 3.0])
    return lambda x: np.sum(x * table)


def counts_in_list(x):
    GLOBAL_LIST[0] += 1
    return x[0] * x[1]


def counts_in_global(x):
    global GLOBAL_COUNT  # noqa: PLW0603
    GLOBAL_COUNT += 1
    return x[0] * x[1] * GLOBAL_COUNT


def counts_in_attribute(x):
    counts_in_attribute.calls += 1
    return x[0] * x[1]


counts_in_attribute.calls = 0


def counting_in_cell():
    count = 0

    def f(x):
        nonlocal count
        count += 1
        return x[0] * x[1] * count

    return f


class Model:
    weight = 2.0

    def loss(self, x):
        return self.weight * x[0] * x[1] if (int(x[0]) ^ 0) < 10**9 else 0.0

    def __call__(self, x):
        return self.weight * x[0] * x[1] if (int(x[0]) ^ 0) < 10**9 else 0.0


def scaled(weight, x):
    return weight * x[0] * x[1] if (int(x[0]) ^ 0) < 10**9 else 0.0


def raises_beyond_500(x):
    if x[0] > 500.0:
        raise ValueError("x is beyond 500", 501)  # noqa: EM101
    return x[0] * x[1]


njit_raises_beyond_500 = numba.njit(raises_beyond_500)
njit_keyword_only = numba.njit(lambda x, *, a=2.0: a * x[0] * x[1])


class OddError(Exception):
    """Cannot be built again from its `args`: what arrives must be the very object."""

    def __init__(self, *, where):
        super().__init__()
        self.where = where


def raising_at(call, error, f=product):
    """f, but call number `call` raises `error`."""
    count = itertools.count(1)

    def g(x):
        if next(count) == call:
            raise error
        return f(x)

    return g


# --- arrays, fresh at each use -------------------------------------------------------------------


def point():
    return np.array([1.0, 2.0])


def rows():
    return np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def many():
    return np.ascontiguousarray(np.stack([np.linspace(0.5, 1.5, MANY), np.linspace(1.0, 2.0, MANY)], axis=1))


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def gradient_into_its_neighbour(engine):
    base = np.arange(1.0, 4.0)
    return gradient(product, base[:2], out=base[1:], engine=engine)


def into_itself(function, f, x, out=slice(None), **options):
    return function(f, x, out=x[out], **options)


def field_sharing_an_axis():
    out = np.ones((2, 2, 2))
    return gradient_field(product, [out[0, 0], point()], out=out)


def field_into(out, **options):
    return gradient_field(product, [point()] * 2, out=out, **options)


def store(shape, dtype="f8"):
    """What has the look of an array in a file."""
    parts = {"shape": shape, "dtype": np.dtype(dtype), "ndim": len(shape)}
    return type("Store", (), {**parts, "__getitem__": None, "__setitem__": None})()


# --- the table -----------------------------------------------------------------------------------


class Row(NamedTuple):
    id: str
    call: object
    error: type
    # What the message must hold, in any case of letters: what arrived, what is needed, what to write. A tuple: any of.
    fragments: list


def on_engines(name, call, error, fragments):
    return [Row(f"{name}[{e}]", functools.partial(call, e), error, fragments) for e in ["auto", *ENGINES]]


REAL = ("real", "float")
FREE = ("leave", "1e-4", "omit")  # how to get a step that works

NOT_CALLABLE = [
    Row(f"{name}: f is no function", call, TypeError, ["f must be", "int"])
    for name, call in {
        "gradient": lambda: gradient(3, point()),
        "value_and_gradient": lambda: value_and_gradient(3, point()),
        "derivative": lambda: derivative(3, 1.0),
        "gradient_field": lambda: gradient_field(3, [point(), point()]),
        "explain": lambda: explain(3, point()),
        "numerical_diff": lambda: numerical_diff(3, 1.0),
        "numerical_gradient": lambda: numerical_gradient(3, point()),
        "numerical_gradient_2d": lambda: numerical_gradient_2d(3, rows()),
        "gradient_descent": lambda: gradient_descent(3, point()),
        "tangent_line": lambda: tangent_line(3, 1.0),
    }.items()
]

COMPLEX_X = [
    Row(f"{name}: complex x", call, TypeError, ["complex", ".real"])
    for name, call in {
        "gradient": lambda: gradient(product, point() + 1j),
        "gradient, no imaginary part": lambda: gradient(product, point() + 0j),
        "value_and_gradient": lambda: value_and_gradient(product, point() + 1j),
        "derivative": lambda: derivative(np.sin, 1j),
        "gradient_field": lambda: gradient_field(product, [point(), point() + 1j]),
        "explain": lambda: explain(product, point() + 1j),
        "numerical_diff": lambda: numerical_diff(np.sin, 1j),
        "numerical_gradient": lambda: numerical_gradient(product, point() + 1j),
        "numerical_gradient_2d": lambda: numerical_gradient_2d(product, rows() + 1j),
        "numerical_gradient_2d, many": lambda: numerical_gradient_2d(product, many() + 1j),
        "gradient_descent": lambda: gradient_descent(product, point() + 1j),
        "tangent_line": lambda: tangent_line(np.sin, 1j),
    }.items()
]

NO_NUMBERS = [
    Row("x a string", lambda: gradient(product, "ab"), TypeError, ["x", ("str", "<U"), REAL]),
    Row(
        "x an array of strings", lambda: gradient(product, np.array(["1", "2"])), TypeError, ["x", ("str", "<U"), REAL]
    ),
    Row("x None", lambda: gradient(product, None), TypeError, ["x", "None", REAL]),
    Row("x an array of None", lambda: gradient(product, np.array([1.0, None])), TypeError, ["x", "object", REAL]),
    Row("x dates", lambda: gradient(product, np.array(["2020-01-01"], "M8[D]")), TypeError, ["x", "datetime", REAL]),
    Row("x ragged", lambda: gradient(product, [[1.0, 2.0], [3.0]], batch=True), (TypeError, ValueError), ["x"]),
    Row("x and f swapped", lambda: gradient(point(), product), TypeError, ["f must be", "ndarray", "gradient(f, x)"]),
    Row("derivative: x a string", lambda: derivative(np.sin, "a"), TypeError, ["x", ("str", "<U"), REAL]),
    Row("numerical_diff: x a string", lambda: numerical_diff(np.sin, "a"), TypeError, ["x", ("str", "<U"), REAL]),
    Row(
        "numerical_gradient: x strings",
        lambda: numerical_gradient(product, np.array(["1", "2"])),
        TypeError,
        ["x", ("str", "<U"), REAL],
    ),
    Row("numerical_gradient: x None", lambda: numerical_gradient(product, None), TypeError, ["x", "None", REAL]),
    Row("field: an axis of strings", lambda: gradient_field(product, ["a", "b"]), TypeError, [("str", "<U"), REAL]),
]

SHAPES = [
    Row("batch of a 1-D x", lambda: gradient(product, point(), batch=True), ValueError, ["batch", "(N, D)", "(2,)"]),
    Row("batch of a number", lambda: gradient(product, 1.0, batch=True), ValueError, ["batch", "(N, D)", "()"]),
    Row("2d of a cube", lambda: numerical_gradient_2d(product, np.ones((2, 2, 2))), ValueError, ["(2, 2, 2)", "row"]),
    Row("2d of a number", lambda: numerical_gradient_2d(product, 1.0), ValueError, ["()", "row"]),
    Row("field: 2-D axis", lambda: gradient_field(product, [rows(), point()]), ValueError, ["(3, 2)", "1-D"]),
    Row("field: numbers", lambda: gradient_field(product, [1.0, 2.0]), ValueError, ["()", "1-D", "[x, y]"]),
    Row("field: no axes", lambda: gradient_field(product, []), ValueError, ["1-D", "[x, y]"]),
    Row("field: one number", lambda: gradient_field(product, 3.0), (TypeError, ValueError), ["float", "1-D", "[x, y]"]),
    Row("args a number", lambda: gradient(scaled, point(), args=2.0), TypeError, ["args", "float", "tuple", "(a,)"]),
    Row("args an array", lambda: gradient(scaled, point(), args=point()), TypeError, ["args", "ndarray", "(a,)"]),
    Row("args a string", lambda: gradient(scaled, point(), args="a"), TypeError, ["args", "str", "tuple", "(a,)"]),
]


def lazy_rows():
    return da.from_array(rows(), chunks=2)


def of_unknown_size(x):
    return x[x.sum(axis=-1) > 0.0]


DASK = [
    Row("dask: one point", lambda: gradient(product, lazy_rows()), TypeError, ["dask", "batch=True", ".compute()"]),
    Row("dask: another operation", lambda: derivative(np.sin, lazy_rows()), TypeError, ["dask", "x", ".compute()"]),
    Row("dask: 1-D x", lambda: gradient(product, da.ones(3), batch=True), ValueError, ["batch", "(N, D)", "(3,)"]),
    Row("dask: complex x", lambda: gradient(product, lazy_rows() + 1j, batch=True), TypeError, ["complex", ".real"]),
    Row(
        "dask: x of unknown size",
        lambda: gradient(product, of_unknown_size(lazy_rows()), batch=True),
        ValueError,
        ["x", "unknown", "(nan, 2)", "compute_chunk_sizes"],
    ),
    *[
        Row(
            f"dask: {name}",
            lambda option=option: gradient(product, lazy_rows(), batch=True, **option),
            ValueError,
            [name, "leave it out", instead],
        )
        for name, option, instead in [
            ("out", {"out": np.ones((3, 2))}, "to_zarr"),
            ("progress", {"progress": True}, "ProgressBar"),
            ("full_output", {"full_output": True}, "explain"),
            ("workers", {"workers": 2}, "scheduler"),
        ]
    ],
    Row(
        "dask: engine",
        lambda: gradient(product, lazy_rows(), batch=True, engine="fast"),
        ValueError,
        ["engine='fast'", "simd"],
    ),
    Row(
        "dask: args",
        lambda: gradient(scaled, lazy_rows(), batch=True, args=(da.ones(3),)),
        TypeError,
        ["args[0]", "dask", ".compute()", "batch_args"],
    ),
    Row(
        "dask: h",
        lambda: gradient(product, lazy_rows(), batch=True, h=lazy_rows()),
        TypeError,
        ["h", "dask", ".compute()"],
    ),
    Row(
        "dask: batch_args",
        lambda: gradient(product, lazy_rows(), batch=True, batch_args=(da.ones(4),)),
        ValueError,
        ["batch_args[0]", "(4,)", "3 points"],
    ),
    Row(
        "dask: f returns a vector",
        lambda: gradient(square, da.ones((999, 2)), batch=True),
        ValueError,
        ["f returned", "(2,)", "one"],
    ),
    Row(
        "field: a dask axis of unknown size",
        lambda: gradient_field(product, [da.ones(3)[da.ones(3) > 0], point()]),
        ValueError,
        ["axes[0]", "unknown size", "compute_chunk_sizes"],
    ),
    *[
        Row(
            f"field: chunks {chunks}",
            lambda chunks=chunks: gradient_field(product, [point(), point()], chunks=chunks),
            ValueError,
            [f"chunks={chunks!r}", "(2, 2)", "'auto'"],
        )
        for chunks in (0, (1, 1, 1), (3, 3, 3), ((1, 2), (2,)), "some")
    ],
    Row(
        "field: chunks and out",
        lambda: gradient_field(product, [point(), point()], chunks=1, out=np.ones((2, 2, 2))),
        ValueError,
        ["out", "to_zarr"],
    ),
    *[
        Row(f"samples in dask: {name}", call, error, fragments)
        for name, call, error, fragments in [
            ("bool", lambda: grid.gradient(lazy_rows() > 0), TypeError, ["bool", "complex128", "float64", "astype"]),
            ("float16", lambda: grid.laplacian(lazy_rows().astype("f2")), TypeError, ["float16", "astype"]),
            (
                "masked",
                lambda: grid.gradient(da.ma.masked_greater(lazy_rows(), 3)),
                TypeError,
                ["MaskedArray", "plain", "dask.array.ma.filled(values, numpy.nan)"],
            ),
            ("unknown size", lambda: grid.gradient(of_unknown_size(lazy_rows())), ValueError, ["compute_chunk_sizes"]),
            ("dask coordinates", lambda: grid.gradient(lazy_rows(), da.ones(3), 1.0), TypeError, ["x.compute()"]),
            ("number of spacings", lambda: grid.gradient(lazy_rows(), 1, 2, 3), TypeError, ["arguments"]),
            ("too few", lambda: grid.gradient(lazy_rows(), accuracy=4), ValueError, ["axis 0", "3 samples", "5"]),
            ("out", lambda: grid.gradient(lazy_rows(), axis=0, out=rows()), ValueError, ["out", "to_zarr"]),
            ("workers", lambda: grid.curl([lazy_rows()] * 2, workers=2), ValueError, ["workers", "scheduler"]),
            ("shapes", lambda: grid.divergence([lazy_rows(), rows()[1:]]), ValueError, ["(3, 2)", "(2, 2)"]),
        ]
    ],
]

RETURNED = [
    *on_engines(
        "f returns a vector",
        lambda e: gradient(lambda x: x * 2.0, point(), engine=e),
        ValueError,
        ["f returned", "(2,)", "one"],
    ),
    *on_engines(
        "f returns a vector, batch",
        lambda e: gradient(lambda x: x * 2.0, rows(), batch=True, engine=e),
        ValueError,
        ["f returned", "(2,)", "one"],
    ),
    *on_engines(
        "f returns a tuple",
        lambda e: gradient(lambda x: (x[0], x[1]), point(), engine=e),
        (ValueError, TypeError),
        ["f returned", ("(2,)", "tuple"), "one"],
    ),
    *on_engines(
        "f returns a string",
        lambda e: gradient(lambda x: "a", point(), engine=e),
        TypeError,
        ["f returned", "str", "number"],
    ),
    *on_engines(
        "f returns None",
        lambda e: gradient(lambda x: None, point(), engine=e),
        TypeError,
        ["f returned", "None", "number"],
    ),
    *on_engines(
        "f returns a complex",
        lambda e: hessian(lambda x: x[0] * 1j, point(), engine=e),
        TypeError,
        ["f returned", "complex", ("abs", ".real")],
    ),
    *on_engines(
        "f returns a complex without imaginary part",
        lambda e: hessian(lambda x: complex(x[0] * x[1]), point(), engine=e),
        TypeError,
        ["f returned", "complex", ("abs", ".real")],
    ),
    Row(
        "f returns nothing at all", lambda: gradient(lambda x: np.empty(0), point()), ValueError, ["f returned", "(0,)"]
    ),
    Row("f returns a dict", lambda: gradient(lambda x: {}, point()), TypeError, ["f returned", "dict", "number"]),
    Row(
        "f returns objects", lambda: gradient(lambda x: np.array([None]), point()), TypeError, ["f returned", "object"]
    ),
    Row(
        "one value per row without batch",
        lambda: gradient(lambda x: np.sum(x**2, axis=1), rows()),
        ValueError,
        ["f returned", "(3,)", "one"],
    ),
    Row("value_and_gradient: vector", lambda: value_and_gradient(square, point()), ValueError, ["f returned", "(2,)"]),
    Row(
        "value_and_gradient: None",
        lambda: value_and_gradient(lambda x: None, point()),
        TypeError,
        ["f returned", "None"],
    ),
    Row("field: vector", lambda: gradient_field(square, [point(), point()]), ValueError, ["f returned", "(2,)"]),
    Row("field: string", lambda: gradient_field(lambda x: "a", [point(), point()]), TypeError, ["f returned", "str"]),
    Row(
        "derivative: vector", lambda: derivative(lambda x: np.ones(3) * np.sum(x), point()), ValueError, ["(3,)", "one"]
    ),
    Row("derivative: pair", lambda: derivative(lambda x: np.array([x, x]), 1.0), ValueError, ["f returned", "(2,)"]),
    Row("derivative: string", lambda: derivative(lambda x: "a", point()), TypeError, ["f returned", "str", "number"]),
    Row("derivative: None", lambda: derivative(lambda x: None, 1.0), TypeError, ["f returned", "None", "number"]),
    Row("jvp: complex", lambda: jvp(lambda x: x * 1j, point(), point()), TypeError, ["f returned", "complex"]),
    Row("vjp: complex", lambda: vjp(lambda x: x * 1j, point(), point()), TypeError, ["f returned", "complex"]),
    Row("hvp: complex", lambda: hvp(lambda x: x[0] * 1j, point(), point()), TypeError, ["f returned", "complex"]),
    Row("propagate: complex", lambda: propagate(lambda x: x * 1j, point(), point()), TypeError, ["complex", ".real"]),
    Row("field: complex", lambda: gradient_field(lambda x: x[0] * 1j, [point()] * 2), TypeError, ["complex", ".real"]),
    Row(
        "exact derivative: complex",
        lambda: derivative(lambda x: x * 1j, 1.0, method="exact"),
        TypeError,
        ["f returned", "complex"],
    ),
    Row(
        "complex f, real out",
        lambda: gradient(lambda x: x[0] * 1j, point(), out=np.empty(2)),
        ValueError,
        ["float64", "the result (2,) and complex128"],
    ),
    Row(
        "complex f on arrays",
        lambda: gradient(lambda x: x[0] * 1j, point(), engine="arrays"),
        EngineError,
        ["engine='arrays'", "complex"],
    ),
    Row("numerical_diff: string", lambda: numerical_diff(lambda x: "a", 1.0), TypeError, ["f returned", "str"]),
    Row("numerical_diff: None", lambda: numerical_diff(lambda x: None, 1.0), TypeError, ["f returned", "None"]),
    Row("numerical_diff: complex", lambda: numerical_diff(lambda x: x * 1j, 1.0), TypeError, ["f returned", "complex"]),
    Row("numerical_gradient: vector", lambda: numerical_gradient(square, point()), ValueError, ["f returned", "(2,)"]),
    Row(
        "numerical_gradient: one value per row",
        lambda: numerical_gradient(lambda x: np.sum(x**2, axis=1), rows()),
        ValueError,
        ["rows are points?", "numerical_gradient_2d", "batch=True"],
    ),
    Row(
        "numerical_gradient: string",
        lambda: numerical_gradient(lambda x: "a", point()),
        TypeError,
        ["f returned", "str"],
    ),
    Row(
        "numerical_gradient: None",
        lambda: numerical_gradient(lambda x: None, point()),
        TypeError,
        ["f returned", "None"],
    ),
    Row(
        "numerical_gradient: complex",
        lambda: numerical_gradient(lambda x: x[0] * 1j, point()),
        TypeError,
        ["f returned", "complex"],
    ),
    Row(
        "numerical_gradient_2d: vector",
        lambda: numerical_gradient_2d(square, rows()),
        ValueError,
        ["f returned", "(2,)"],
    ),
    Row(
        "numerical_gradient_2d: vector, many",
        lambda: numerical_gradient_2d(square, many()),
        ValueError,
        ["(2,)", "one"],
    ),
    Row("gradient_descent: vector", lambda: gradient_descent(square, point()), ValueError, ["f returned", "(2,)"]),
    Row("tangent_line: matrix", lambda: tangent_line(lambda x: np.ones((3, 2)), point()), ValueError, ["(3, 2)"]),
]

STEPS = [
    *on_engines("h 0", lambda e: gradient(product, point(), h=0, engine=e), ValueError, ["h=0", "positive", FREE]),
    *on_engines("h -1", lambda e: gradient(product, point(), h=-1.0, engine=e), ValueError, ["h=-1", "positive", FREE]),
    *on_engines("h NaN", lambda e: gradient(product, point(), h=np.nan, engine=e), ValueError, ["h=nan", FREE]),
    *on_engines(
        "h vanishes",
        lambda e: gradient(product, point(), h=1e-50, engine=e),
        ValueError,
        ["h=1e-50", "x=1.0", "vanishes", re.compile(r"h=\d(\.\d+)?e-0?[4-7]")],
    ),
    *on_engines(
        "h vanishes in one row",
        lambda e: gradient(product, np.array([[1.0, 2.0], [1.0, 1e20]]), batch=True, h=1e-4, engine=e),
        ValueError,
        ["h=0.0001", "1e+20", "vanishes"],
    ),
    Row("h inf", lambda: gradient(product, point(), h=np.inf), ValueError, ["h=inf", "finite", FREE]),
    Row("h a string", lambda: gradient(product, point(), h="small"), ValueError, ["h='small'", "number"]),
    Row("h a string of digits", lambda: gradient(product, point(), h="1e-4"), ValueError, ["h='1e-4'", "number"]),
    Row("h complex", lambda: gradient(product, point(), h=1e-4j), ValueError, ["h=0.0001j"]),
    Row(
        "h of wrong length", lambda: gradient(product, point(), h=[1e-4] * 3), ValueError, ["h=", "(2,)", "coordinate"]
    ),
    Row("h empty", lambda: gradient(product, point(), h=[]), ValueError, ["h=[]", "(2,)"]),
    Row("one h negative", lambda: gradient(product, point(), h=[1e-4, -1e-4]), ValueError, ["-0.0001", "positive"]),
    Row("one h NaN", lambda: gradient(product, point(), h=[1e-4, np.nan]), ValueError, ["nan", "positive"]),
    Row(
        "one h vanishes", lambda: gradient(product, point(), h=[1e-4, 1e-30]), ValueError, ["1e-30", "2.0", "vanishes"]
    ),
    Row("rel_step 0", lambda: gradient(product, point(), rel_step=0), ValueError, ["rel_step=0", "positive", FREE]),
    Row("rel_step -1", lambda: gradient(product, point(), rel_step=-1), ValueError, ["rel_step=-1", "positive", FREE]),
    Row("rel_step NaN", lambda: gradient(product, point(), rel_step=np.nan), ValueError, ["rel_step=nan", FREE]),
    Row(
        "rel_step vanishes",
        lambda: gradient(product, point(), rel_step=1e-30),
        ValueError,
        ["rel_step=1e-30", "vanish"],
    ),
    Row("rel_step a string", lambda: gradient(product, point(), rel_step="a"), ValueError, ["rel_step='a'"]),
    Row(
        "h and rel_step",
        lambda: gradient(product, point(), h=1e-4, rel_step=1e-4),
        ValueError,
        ["h=", "rel_step=", "one"],
    ),
    Row("value_and_gradient: h 0", lambda: value_and_gradient(product, point(), h=0), ValueError, ["h=0", FREE]),
    Row("derivative: h 0", lambda: derivative(np.sin, 1.0, h=0), ValueError, ["h=0", FREE]),
    Row(
        "derivative: h vanishes", lambda: derivative(np.sin, 1.0, h=1e-50), ValueError, ["h=1e-50", "x=1.0", "vanishes"]
    ),
    Row(
        "field: h vanishes",
        lambda: gradient_field(product, [point()] * 2, h=1e-50),
        ValueError,
        ["h=1e-50", "vanishes"],
    ),
    Row("field: h of wrong length", lambda: gradient_field(product, [point()] * 2, h=[1e-4] * 3), ValueError, ["h="]),
    *[
        Row(f"{name}: h={h}", functools.partial(call, h), ValueError, [f"h={h!r}", ("positive", "vanishes")])
        for name, call in {
            "numerical_diff": lambda h: numerical_diff(np.sin, 1.0, h=h),
            "numerical_gradient": lambda h: numerical_gradient(product, point(), h=h),
            "numerical_gradient_2d": lambda h: numerical_gradient_2d(product, rows(), h=h),
            "numerical_gradient_2d, many": lambda h: numerical_gradient_2d(product, many(), h=h),
        }.items()
        for h in (0, -0.5, math.nan, 1e-50)
    ],
    Row("numerical_diff: h a string", lambda: numerical_diff(np.sin, 1.0, h="a"), ValueError, ["h='a'", "number"]),
    Row(
        "numerical_gradient: h a list", lambda: numerical_gradient(product, point(), h=[1e-4] * 2), ValueError, ["h=["]
    ),
    Row(
        "numerical_gradient: h vanishes beside one element",
        lambda: numerical_gradient(product, np.array([1.0, 1e20])),
        ValueError,
        ["h=0.0001", "x=1e+20", "vanishes"],
    ),
]

OUT = [
    *on_engines(
        "out of wrong shape",
        lambda e: gradient(product, point(), out=np.empty(3), engine=e),
        ValueError,
        ["out", "(3,)", "(2,)", "np.empty"],
    ),
    *on_engines(
        "out of wrong dtype",
        lambda e: gradient(product, point(), out=np.empty(2, np.float32), engine=e),
        ValueError,
        ["out", "float32", "float64", "np.empty"],
    ),
    *on_engines(
        "out read-only",
        lambda e: gradient(product, point(), out=read_only(point()), engine=e),
        ValueError,
        ["out", "read-only"],
    ),
    *on_engines(
        "out overlaps x",
        gradient_into_its_neighbour,
        ValueError,
        ["out", "shares memory", "x", "np.empty"],
    ),
    Row("out is x", lambda: into_itself(gradient, product, point()), ValueError, ["out", "shares memory", "x"]),
    Row(
        "out is x, reversed",
        lambda: into_itself(gradient, product, rows(), slice(None, None, -1), batch=True),
        ValueError,
        ["out", "shares memory"],
    ),
    Row(
        "out of integers",
        lambda: gradient(product, point(), out=np.empty(2, int)),
        ValueError,
        ["out", "int64", "float64"],
    ),
    Row(
        "out for one point of many",
        lambda: gradient(product, rows(), batch=True, out=np.empty(2)),
        ValueError,
        ["(3, 2)"],
    ),
    Row(
        "out of float64 for float32",
        lambda: gradient(product, np.ones(2, "f4"), out=np.empty(2)),
        ValueError,
        ["float32"],
    ),
    Row(
        "out a list",
        lambda: gradient(product, point(), out=[0.0, 0.0]),
        (TypeError, ValueError),
        ["out", "list", "array"],
    ),
    Row("derivative: out", lambda: derivative(np.sin, point(), out=np.empty(3)), ValueError, ["out", "(3,)", "(2,)"]),
    Row(
        "derivative: out is x",
        lambda: into_itself(derivative, np.sin, point()),
        ValueError,
        ["out", "shares memory", "x"],
    ),
    Row(
        "value_and_gradient: out is x",
        lambda: into_itself(value_and_gradient, product, point()),
        ValueError,
        ["out", "shares memory", "x"],
    ),
    Row("field: out", lambda: gradient_field(product, [point()] * 2, out=np.empty((2, 2))), ValueError, ["(2, 2, 2)"]),
    Row("field: out shares an axis", field_sharing_an_axis, ValueError, ["out", "shares memory"]),
    Row("field: out a list", lambda: field_into([[0.0] * 2] * 2), TypeError, ["out", "NumPy array", "list"]),
    Row("field: store", lambda: field_into(store((2, 2))), ValueError, ["(2, 2)", "shape=(2, 2, 2)", "'float64'"]),
    Row("field: store of float32", lambda: field_into(store((2, 2, 2), "f4")), ValueError, ["float32", "'float64'"]),
    Row(
        "field: nothing to resume", lambda: field_into(None, resume="notes"), ValueError, ["'notes'", "out=", "memmap"]
    ),
    Row("field: resume in memory", lambda: field_into(np.empty((2, 2, 2)), resume="notes"), ValueError, ["'notes'"]),
    Row("field: resume", lambda: field_into(store((2, 2, 2)), resume=True), TypeError, ["bool", "path"]),
    Row("field: resume in no folder", lambda: field_into(store((2, 2, 2)), resume="no/notes"), OSError, ["no/notes"]),
]

NAMES = [
    Row(
        "engine unknown", lambda: gradient(product, point(), engine="jitt"), ValueError, ["'jitt'", "'jit'", "'python'"]
    ),
    Row("engine None", lambda: gradient(product, point(), engine=None), ValueError, ["engine=None", "'auto'"]),
    Row("engine a list", lambda: gradient(product, point(), engine=["jit"]), ValueError, ["engine=['jit']", "'jit'"]),
    Row(
        "explain: engine", lambda: explain(product, point(), engine="jitt"), ValueError, ["'jitt'", "'jit'", "'python'"]
    ),
    Row("derivative: engine", lambda: derivative(np.sin, 1.0, engine="jitt"), ValueError, ["'jitt'", "'jit'"]),
    Row(
        "field: engine", lambda: gradient_field(product, [point()] * 2, engine="jitt"), ValueError, ["'jitt'", "'jit'"]
    ),
    Row("method unknown", lambda: gradient(product, point(), method="centre"), ValueError, ["'centre'", "'central'"]),
    Row("method None", lambda: gradient(product, point(), method=None), ValueError, ["method=None", "'central'"]),
    Row("method a list", lambda: gradient(product, point(), method=["central"]), ValueError, ["method=[", "'central'"]),
    Row("derivative: method", lambda: derivative(np.sin, 1.0, method="centre"), ValueError, ["'centre'", "'central'"]),
    Row("order odd", lambda: gradient(product, point(), order=3), ValueError, ["order=3", "'central'", "2, 4, 6, 8"]),
    Row("order 0", lambda: gradient(product, point(), order=0), ValueError, ["order=0", "2, 4, 6, 8"]),
    Row("order 10", lambda: gradient(product, point(), order=10), ValueError, ["order=10", "2, 4, 6, 8"]),
    Row(
        "order 9, forward", lambda: gradient(product, point(), order=9, method="forward"), ValueError, ["order=9", "8"]
    ),
    Row("order a string", lambda: gradient(product, point(), order="2"), ValueError, ["order='2'", "2, 4, 6, 8"]),
    Row("order None", lambda: gradient(product, point(), order=None), ValueError, ["order=None", "2, 4, 6, 8"]),
    *[
        Row(
            f"n={n!r}", functools.partial(lambda n: derivative(np.sin, 1.0, n=n), n), ValueError, [f"n={n!r}", "1", "4"]
        )
        for n in (0, 9, -1, 1.5, "1", None)
    ],
    *[
        Row(
            f"workers={w!r}",
            functools.partial(lambda w: gradient(product, point(), workers=w), w),
            ValueError,
            [f"workers={w!r}", ("whole", "integer"), "None"],
        )
        for w in (0, -1, 1.5, True, "2")
    ],
    Row(
        "numerical_gradient: workers=0",
        lambda: numerical_gradient(product, point(), workers=0),
        ValueError,
        ["workers=0"],
    ),
]

READ_ONLY = [
    Row(f"{name}: read-only", call, ValueError, ["read-only", ".copy()"])
    for name, call in {
        "numerical_gradient": lambda: numerical_gradient(product, read_only(point())),
        "numerical_gradient, broadcast": lambda: numerical_gradient(squares, np.broadcast_to(1.0, (2, 2))),
        "numerical_gradient_2d": lambda: numerical_gradient_2d(product, read_only(rows())),
        "numerical_gradient_2d, many": lambda: numerical_gradient_2d(product, read_only(many())),
        "gradient_descent": lambda: gradient_descent(product, read_only(point())),
    }.items()
]


def writing_into_row(x, row):
    row[0] = 0.0
    return x[0]


CANNOT_COMPILE = [
    Row(
        f"jit: {name}",
        functools.partial(lambda f: gradient(f, point(), engine="jit"), f),
        EngineError,
        ["jit", *fragments],
    )
    for name, f, fragments in [
        ("captures an array", capturing_array(), ["'table'", "args=(table,)", "def f(x, table)"]),
        ("reads a global array", reads_global_array, ["'GLOBAL_ARRAY'", "args=(GLOBAL_ARRAY,)"]),
        ("bound method", Model().loss, ["bound method", "function"]),
        ("callable object", Model(), ["Model", "function"]),
        ("partial", functools.partial(scaled, 2.0), ["partial", "function"]),
        ("NumPy's own", np.sum, ["function"]),
        ("calls what calls itself", calls_countdown, ["'countdown'", "loop"]),
        ("counts in a list", counts_in_list, ["GLOBAL_LIST"]),
        ("counts in a global", counts_in_global, [("state", "GLOBAL_COUNT", "global")]),
        ("counts in a cell", counting_in_cell(), [("state", "count")]),
        ("counts in an attribute", counts_in_attribute, ["counts_in_attribute"]),
        ("NumPy's random numbers", lambda x: x[0] * x[1] * np.random.random(), ["random"]),  # noqa: NPY002
        ("Python's random numbers", lambda x: x[0] * x[1] * random.random(), ["random"]),
        ("a Generator", lambda x: x[0] * x[1] * GLOBAL_RNG.random(), ["GLOBAL_RNG"]),
        ("a dict", lambda x, d={"a": 2.0}: x[0] * d["a"], ["'d'", "dict"]),
        ("an array as a default", lambda x, a=GLOBAL_ARRAY: x[0] * a[0], ["array 'a'", "args=(a,)", "def f(x, a)"]),
        ("a keyword-only argument", lambda x, *, a=2.0: x[0] * a, ["'a'", "keyword-only", "def f(x, a=...)"]),
    ]
] + [
    Row(
        "jit, explain",
        lambda: explain(capturing_array(), point(), engine="jit"),
        EngineError,
        ["'table'", "args=(table,)"],
    ),
    Row(
        "jit, derivative",
        lambda: derivative(functools.partial(operator.mul, 2.0), 1.0, engine="jit"),
        EngineError,
        ["jit", "partial"],
    ),
    Row(
        "jit, field",
        lambda: gradient_field(capturing_array(), [point(), point()], engine="jit"),
        EngineError,
        ["jit", "'table'", "args=(table,)"],
    ),
    Row(
        "jit, batch_args that f writes into",
        lambda: gradient(writing_into_row, rows(), batch=True, batch_args=(rows(),), engine="jit"),
        EngineError,
        ["jit", "readonly"],
    ),
    Row(
        "jit, batch_args of strings",
        lambda: gradient(lambda x, s: x[0], rows(), batch=True, batch_args=(["a"] * len(rows()),), engine="jit"),
        EngineError,
        ["jit", "<U1", "batch_args", "engine='python'"],
    ),
    Row(
        "jit, args it cannot hold",
        lambda: gradient(lambda x, d: x[0] * d["a"], point(), args=({"a": 2.0},), engine="jit"),
        EngineError,
        ["jit"],
    ),
]

WEIGHTS = [
    Row(f"weight_gradient: {name}", call, error, fragments)
    for name, call, error, fragments in [
        ("loss is no function", lambda: weight_gradient(3, point()), TypeError, ["loss must be", "int"]),
        (
            "integers",
            lambda: weight_gradient(squares, np.array([3, 4])),
            TypeError,
            ["params must be", "int64 array", "in place", "write np.array(params"],
        ),
        ("a list", lambda: weight_gradient(squares, [3.0, 4.0]), TypeError, ["params must be", "list", "np.array("]),
        ("a number", lambda: weight_gradient(squares, 3.0), TypeError, ["params must be", "float", "np.array("]),
        ("None", lambda: weight_gradient(squares, None), TypeError, ["params must be", "NoneType"]),
        ("complex", lambda: weight_gradient(squares, point() + 1j), TypeError, ["params must be", "complex128"]),
        (
            "of other machines",
            lambda: weight_gradient(squares, np.ones(2, ">f8")),
            TypeError,
            ["params must be", ">f8"],
        ),
        (
            "integers in a dict",
            lambda: weight_gradient(lambda p: 1.0, {"W": point(), "b": np.array([1])}),
            TypeError,
            ["params['b'] must be", "int64 array", "write np.array(params"],
        ),
        (
            "a dict in a dict",
            lambda: weight_gradient(lambda p: 1.0, {"W": {"a": point()}}),
            TypeError,
            ["params['W'] must be", "dict"],
        ),
        (
            "read-only",
            lambda: weight_gradient(squares, read_only(point())),
            ValueError,
            ["params is read-only", "copy", "pass a copy that the function reads"],
        ),
        (
            "read-only in a dict",
            lambda: weight_gradient(lambda p: 1.0, {"W": read_only(point())}),
            ValueError,
            ["params['W'] is read-only", "copy"],
        ),
        (
            "a vector",
            lambda: weight_gradient(square, point()),
            ValueError,
            ["returned an array of shape (2,)", "one number"],
        ),
        ("a loss of None", lambda: weight_gradient(lambda w: None, point()), TypeError, ["returned", "None", "number"]),
        ("a complex loss", lambda: weight_gradient(lambda w: w[0] * 1j, point()), TypeError, ["complex", ".real"]),
        (
            "@njit with a dict",
            lambda: weight_gradient(njit_raises_beyond_500, {"W": point(), "b": point()}),
            TypeError,
            ["@njit", "dict", "lambda params: loss(params['W'], params['b'])"],
        ),
        (
            "@njit with a dict and a mask",
            lambda: weight_gradient(njit_raises_beyond_500, {"W": point()}, mask={"W": point() > 1}),
            TypeError,
            ["@njit", "dict", "lambda params: loss(params['W'], params['b'])"],
        ),
        (
            "mask of wrong shape",
            lambda: weight_gradient(squares, point(), mask=[True, False, True]),
            ValueError,
            ["mask has shape (3,)", "shape (2,)"],
        ),
        (
            "mask to be broadcast",
            lambda: weight_gradient(squares, rows(), mask=np.array([True, False])),
            ValueError,
            ["mask has shape (2,)", "shape (3, 2)"],
        ),
        (
            "mask of numbers",
            lambda: weight_gradient(squares, point(), mask=[1, 0]),
            ValueError,
            ["mask", "int64", "must be bool"],
        ),
        (
            "mask of wrong shape in a dict",
            lambda: weight_gradient(lambda p: 1.0, {"W": point()}, mask={"W": [True]}),
            ValueError,
            ["mask['W'] has shape (1,)", "shape (2,)"],
        ),
        (
            "mask for arrays that do not exist",
            lambda: weight_gradient(lambda p: 1.0, {"W": point()}, mask={"b": [True], 1: [True]}),
            ValueError,
            ["mask has ['b', 1]", "params has ['W']"],
        ),
        (
            "an array as mask of a dict",
            lambda: weight_gradient(lambda p: 1.0, {"W": point()}, mask=point() > 1),
            TypeError,
            ["mask", "form of params", "dict", "ndarray"],
        ),
        (
            "a dict as mask of an array",
            lambda: weight_gradient(squares, point(), mask={"W": point() > 1}),
            TypeError,
            ["mask", "form of params", "ndarray", "dict"],
        ),
        (
            "sample of a mask without elements",
            lambda: weight_gradient(squares, point(), mask=point() > 9, sample=1),
            ValueError,
            ["sample=1", "0 elements"],
        ),
        ("method", lambda: weight_gradient(squares, point(), method="centre"), ValueError, ["'centre'", "'central'"]),
        (
            "method a list",
            lambda: weight_gradient(squares, point(), method=["a"]),
            ValueError,
            ["method=", "'central'"],
        ),
        ("order", lambda: weight_gradient(squares, point(), order=3), ValueError, ["order=3", "2, 4, 6, 8"]),
        ("order a string", lambda: weight_gradient(squares, point(), order="2"), ValueError, ["order='2'", "2, 4"]),
        ("h 0", lambda: weight_gradient(squares, point(), h=0), ValueError, ["h=0", "positive", FREE]),
        ("h of wrong length", lambda: weight_gradient(squares, point(), h=[1e-4] * 3), ValueError, ["h=", "(2,)"]),
        ("h vanishes", lambda: weight_gradient(squares, point(), h=1e-50), ValueError, ["vanishes", "1.0", FREE]),
        (
            "h vanishes in float32",
            lambda: weight_gradient(lambda p: 1.0, {"W": np.ones(2, "f4")}, h=1e-9),
            ValueError,
            ["vanishes", "params['W']=1.0", "float32", FREE],
        ),
        ("rel_step -1", lambda: weight_gradient(squares, point(), rel_step=-1), ValueError, ["rel_step=-1", FREE]),
        (
            "h and rel_step",
            lambda: weight_gradient(squares, point(), h=1e-4, rel_step=1e-4),
            ValueError,
            ["h=", "rel_step=", "one"],
        ),
        *[
            (
                f"sample={sample!r}",
                functools.partial(lambda sample: weight_gradient(squares, point(), sample=sample), sample),
                ValueError,
                [f"sample={sample!r}", "whole number", "1 to the 2"],
            )
            for sample in (0, -1, 3, 1.0, True, "1")
        ],
        *[
            (
                f"workers={workers!r}",
                functools.partial(lambda workers: weight_gradient(squares, point(), workers=workers), workers),
                ValueError,
                [f"workers={workers!r}", "whole number"],
            )
            for workers in (0, -1, 1.5, True, "2")
        ],
    ]
]

# Where a process cannot be forked the same errors come from this one.
FORKED = [
    Row("forked: a vector", lambda: numerical_gradient(square, point(), workers=2), ValueError, ["returned", "(2,)"]),
    Row(
        "forked: one value per row",
        lambda: numerical_gradient(lambda x: np.sum(x**2, axis=1), rows(), workers=2),
        ValueError,
        ["rows are points?", "numerical_gradient_2d"],
    ),
    Row(
        "forked: read-only", lambda: numerical_gradient(product, read_only(point()), workers=2), ValueError, [".copy()"]
    ),
    Row("forked: workers=1.5", lambda: numerical_gradient(product, point(), workers=1.5), ValueError, ["workers=1.5"]),
]
if sys.platform.startswith("linux"):
    FORKED += [
        Row(
            f"forked: {name}",
            functools.partial(lambda end: numerical_gradient(end, point(), workers=2), end),
            RuntimeError,
            ["forked worker", "ended before its work was done", "memory", "leave workers out"],
        )
        for name, end in {
            "a child is killed": lambda x: os.kill(os.getpid(), signal.SIGKILL),
            "f ends the process": lambda x: os._exit(0),
        }.items()
    ]

SPARSE = [
    Row(
        "a pattern of the wrong shape",
        lambda: sparsity.jacobian(square, point(), pattern=np.ones((2, 3))),
        ValueError,
        ["pattern", "(2, 3)", "2 coordinates", "column for each"],
    ),
    *on_engines(
        "a pattern without a row per output",
        lambda e: sparsity.jacobian(square, point(), pattern=np.ones((3, 2)), engine=e),
        ValueError,
        ["pattern", "(3, 2)", "returns 2 numbers", "row for each"],
    ),
    Row(
        "a pattern that is no matrix",
        lambda: sparsity.jacobian(square, point(), pattern=np.ones(2)),
        ValueError,
        ["pattern", "(2,)", "matrix"],
    ),
    Row("a pattern of strings", lambda: sparsity.Pattern("tridiagonal"), TypeError, ["pattern", "str", REAL]),
    Row("a ragged pattern", lambda: sparsity.Pattern([[1], [1, 0]]), TypeError, ["pattern", "ragged"]),
    Row(
        "a pattern without an entry",
        lambda: sparsity.jacobian(square, point(), pattern=[[1, 0], [0, 0]]),
        ValueError,
        ["no entry in row 1 and column 1", "depends on coordinate 1", "leave pattern out"],
    ),
    Row(
        "a Hessian's pattern that is not square",
        lambda: sparsity.hessian(product, point(), pattern=np.ones((1, 2))),
        ValueError,
        ["pattern", "(1, 2)", "(2, 2)"],
    ),
    Row(
        "a Hessian's pattern without an entry",
        lambda: sparsity.hessian(product, point(), pattern=np.eye(2)),
        ValueError,
        ["pattern", "lack an entry", "check=False"],
    ),
    *[
        Row(f"{find.__name__} of what cannot be traced", functools.partial(find, np.roots, point()), ValueError, parts)
        for find in (sparsity.pattern, sparsity.jacobian, sparsity.hessian_pattern, sparsity.hessian)
        for parts in (["pattern", "np.roots", "pattern=", "scipy.sparse"],)
    ],
    Row("sparse Hessian of an array", lambda: sparsity.hessian(square, point()), ValueError, ["f returned", "(2,)"]),
    *[
        row
        for derivative, rows_of in ((sparsity.jacobian, 1), (sparsity.hessian, 2))
        for row in [
            Row(
                f"sparse {derivative.__name__}: no f", functools.partial(derivative, 3, point()), TypeError, ["f must"]
            ),
            *on_engines(
                f"sparse {derivative.__name__}: h vanishes",
                lambda e, d=derivative, m=rows_of: d(product, point(), pattern=np.ones((m, 2)), h=1e-50, engine=e),
                ValueError,
                ["h=1e-50", "vanishes"],
            ),
        ]
    ],
]

# --- bounds and refined steps ----------------------------------------------------------------------


def several(x):
    return np.array([x[0], x[1]])


class Growing:
    """A function whose output has another shape from its fourth call on."""

    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return np.full(2 if self.calls < 4 else 3, x[0])


def bounded(bounds):
    return functools.partial(gradient, product, point(), bounds=bounds)


BOUNDED = {
    "gradient": gradient,
    "value_and_gradient": value_and_gradient,
    "value_and_grad": lambda f, x, **options: value_and_grad(f, **options)(x),
    "jacobian": jacobian,
    "explain": explain,
}
BOUNDED_SPARSE = {"sparsity.jacobian": sparsity.jacobian, "sparsity.hessian": sparsity.hessian}
UNBOUNDED = {
    "jvp": lambda **bounds: jvp(several, point(), point(), **bounds),
    "vjp": lambda **bounds: vjp(several, point(), point(), **bounds),
    "hvp": lambda **bounds: hvp(product, point(), point(), **bounds),
    "gradient_field": lambda **bounds: gradient_field(product, [point(), point()], **bounds),
    "weight_gradient": lambda **bounds: weight_gradient(np.sum, point(), **bounds),
    "check_gradient": lambda **bounds: check_gradient(np.sum, np.ones_like, point(), **bounds),
    "propagate": lambda **bounds: propagate(product, point(), np.eye(2), **bounds),
}
PAIR = ["bounds must be a pair (lb, ub)", "np.inf"]

BOUNDS = [
    *[
        Row(
            f"{name}: x outside its bounds",
            functools.partial(function, product, point(), bounds=(0.0, [9.0, 1.5])),
            ValueError,
            ["x[1]=2.0", "outside", "(0.0, 1.5)", "np.clip"],
        )
        for name, function in (BOUNDED | BOUNDED_SPARSE).items()
    ],
    Row(
        "derivative: x outside its bounds",
        lambda: derivative(np.sin, 1.0, bounds=(2.0, 3.0)),
        ValueError,
        ["x=1.0", "outside", "(2.0, 3.0)", "np.clip"],
    ),
    Row(
        "adaptive: x outside its bounds",
        lambda: gradient(product, point(), bounds=(3.0, 4.0), method="adaptive"),
        ValueError,
        ["x[0]=1.0", "outside"],
    ),
    Row(
        "x outside its bounds in a batch",
        lambda: gradient(product, rows(), batch=True, bounds=(0.0, 5.0)),
        ValueError,
        ["x[2, 1]=6.0", "(0.0, 5.0)"],
    ),
    Row("lb above ub", bounded((2.0, 1.0)), ValueError, ["lb=2.0", "above", "ub=1.0", "exchange"]),
    Row("lb above ub at one", bounded(([0.0, 3.0], [2.0, 2.5])), ValueError, ["lb=3.0", "ub=2.5", "element 1"]),
    Row("derivative: lb above ub", lambda: derivative(np.sin, 1.0, bounds=(2.0, 1.0)), ValueError, ["above"]),
    Row("jacobian: lb above ub", lambda: jacobian(several, point(), bounds=(9.0, 0.0)), ValueError, ["lb=9.0"]),
    Row("bounds of a wrong length", bounded(([0.0] * 3, 9.0)), ValueError, ["bounds", "(3,)", "(2,)", "one per"]),
    Row(
        "bounds of other points",
        lambda: gradient(product, rows(), batch=True, bounds=(np.zeros((2, 2)), 9.0)),
        ValueError,
        ["bounds", "(2, 2)", "(2,)"],
    ),
    *[
        Row(
            f"{name}: bounds of a complex step",
            functools.partial(call, product, point(), method="complex", bounds=(0.0, 9.0)),
            ValueError,
            ["method='complex'", "bounds", "leave bounds out"],
        )
        for name, call in BOUNDED.items()
    ],
    *[
        Row(
            f"{name}: refined steps between bounds by the reference",
            functools.partial(call, product, point(), method="adaptive", bounds=(0.0, 9.0), engine="reference"),
            EngineError,
            ["engine='reference'", "without bounds"],
        )
        for name, call in BOUNDED.items()
    ],
    Row("bounds: a number", bounded(3.0), ValueError, [*PAIR, "float 3.0"]),
    Row("bounds: three", bounded((0.0, 1.0, 2.0)), ValueError, PAIR),
    Row("bounds: a string", bounded("ab"), ValueError, PAIR),
    Row("bounds: a dict", bounded({"lb": 0.0, "ub": 1.0}), ValueError, [*PAIR, "dict"]),
    Row("bounds: an array", bounded(np.zeros((3, 2))), ValueError, PAIR),
    Row("bounds: NaN", bounded((np.nan, 9.0)), ValueError, ["lb holds NaN", "-np.inf"]),
    Row("bounds: one NaN", bounded((0.0, [9.0, np.nan])), ValueError, ["ub holds NaN", "np.inf"]),
    Row(
        "bounds: None", bounded((None, 9.0)), TypeError, ["bounds=(None, 9.0) holds None", "-np.inf", "list of tuples"]
    ),
    Row("bounds: strings", bounded((0.0, "9")), TypeError, ["ub must hold real numbers", "str"]),
    Row("bounds: complex", bounded((0j, 9.0)), TypeError, ["lb is complex", ".real"]),
    Row("bounds: ragged", bounded(([[0.0], [1.0, 2.0]], 9.0)), TypeError, ["lb is ragged"]),
    *[
        Row(
            f"{name}: bounds",
            functools.partial(call, bounds=(0.0, 9.0)),
            ValueError,
            [name.replace("grad", "gradient") if name == "value_and_grad" else name, "no bounds", "leave bounds out"],
        )
        for name, call in UNBOUNDED.items()
    ],
    *[
        Row(
            f"order {order}: {method}",
            functools.partial(gradient, product, point(), method=method, order=order),
            ValueError,
            [f"order={order}", f"'{method}'", orders],
        )
        for method, order, orders in [
            ("adaptive", 1, "2, 4, 6, 8"),
            ("adaptive", 3, "2, 4, 6, 8"),
            ("adaptive", 10, "2, 4, 6, 8"),
            ("backward", 0, "1, 2, 3"),
            ("backward", 9, "1, 2, 3"),
        ]
    ],
    Row(
        "method misspelt", lambda: hessian(product, point(), method="adaptiv"), ValueError, ["'adaptiv'", "'adaptive'"]
    ),
    *[
        Row(f"another shape: {name}", call, ValueError, ["(3,)", "(2,)", "one shape"])
        for name, call in {
            "jacobian": lambda: jacobian(Growing(), point()),
            "jacobian on a bound": lambda: jacobian(Growing(), point(), bounds=(point(), 9.0)),
            "jacobian, adaptive": lambda: jacobian(Growing(), point(), method="adaptive"),
            "jvp, adaptive": lambda: jvp(Growing(), point(), point(), method="adaptive"),
            "vjp, adaptive": lambda: vjp(Growing(), point(), point(), method="adaptive"),
        }.items()
    ],
    *[
        Row(f"an array for a number: {name}", call, ValueError, ["shape (2,)", "one number"])
        for name, call in {
            "gradient on a bound": lambda: gradient(several, point(), bounds=(point(), 9.0)),
            "gradient, adaptive": lambda: gradient(several, point(), method="adaptive"),
            "hessian, adaptive": lambda: hessian(several, point(), method="adaptive"),
            "hvp, adaptive": lambda: hvp(several, point(), point(), method="adaptive"),
        }.items()
    ],
    *[
        Row(f"h vanishes: {name}", call, ValueError, ["h=1e-30", "vanishes", FREE])
        for name, call in {
            "on a bound": lambda: gradient(product, point(), bounds=(point(), 9.0), h=1e-30),
            "adaptive": lambda: gradient(product, point(), method="adaptive", h=1e-30),
            "adaptive Hessian": lambda: hessian(product, point(), method="adaptive", h=1e-30),
        }.items()
    ],
    *[
        Row(
            f"adaptive reference with {', '.join(options)}",
            functools.partial(gradient, product, point(), method="adaptive", engine="reference", **options),
            EngineError,
            ["'reference'", "without bounds, h and rel_step", "leave"],
        )
        for options in ({"bounds": (0.0, 9.0)}, {"h": 0.1}, {"rel_step": 0.1})
    ],
]


def complex_gradient(f, **options):
    return gradient(f, point(), method="complex", **options)


COMPLEX_STEP = [
    Row(
        "complex: abs", lambda: complex_gradient(lambda x: abs(x[0])), TypeError, ["np.absolute", "np.where", "central"]
    ),
    Row("complex: norm", lambda: complex_gradient(np.linalg.norm), TypeError, ["np.linalg.norm", "np.sqrt", "central"]),
    Row(
        "complex: a comparison",
        lambda: complex_gradient(lambda x: x[0] if x[0] > 0 else x[1]),
        TypeError,
        ["np.greater", "x.real"],
    ),
    Row(
        "complex: math",
        lambda: complex_gradient(lambda x: math.sin(x[0])),
        TypeError,
        ["math.sin(x[0])", "real numbers", "np.sin"],
    ),
    Row(
        "complex: a real constant",
        lambda: complex_gradient(lambda x: 3.0),
        TypeError,
        ["f returned float64", "c + 0 * x[0]", "central"],
    ),
    Row(
        "complex: single precision",
        lambda: complex_gradient(lambda x: np.complex64(x[0])),
        TypeError,
        ["complex64", "precision"],
    ),
    Row(
        "complex: f returns None", lambda: complex_gradient(lambda x: None), TypeError, ["f returned", "None", "number"]
    ),
    Row(
        "complex: f returns a vector",
        lambda: complex_gradient(lambda x: 2 * x),
        ValueError,
        ["f returned", "(2,)", "one"],
    ),
    Row(
        "complex: a kink",
        lambda: complex_gradient(lambda x: np.sqrt((x[0] - 1) ** 2) * x[1]),
        ValueError,
        ["not complex-analytic", "[1.0, 2.0]", "kink", "central"],
    ),
    Row(
        "complex: order",
        lambda: complex_gradient(product, order=4),
        ValueError,
        ["order=4", "complex", "leave order out"],
    ),
    Row(
        "complex: rel_step",
        lambda: complex_gradient(product, rel_step=1e-9),
        ValueError,
        ["rel_step=1e-09", "leave it out", "h"],
    ),
    Row(
        "complex: simd",
        lambda: complex_gradient(product, engine="simd"),
        EngineError,
        ["simd", "real numbers", "jit", "python"],
    ),
    Row(
        "complex: second derivative",
        lambda: derivative(np.sin, 1.0, n=2, method="complex"),
        ValueError,
        ["n=2", "first", "central"],
    ),
    Row(
        "complex: hessian",
        lambda: fastgrad.hessian(product, point(), method="complex"),
        ValueError,
        ["first", "central"],
    ),
    Row(
        "complex: hvp",
        lambda: fastgrad.hvp(product, point(), point(), method="complex"),
        ValueError,
        ["first", "central"],
    ),
    Row(
        "complex: field",
        lambda: gradient_field(product, [point(), point()], method="complex"),
        ValueError,
        ["gradient", "central"],
    ),
    Row(
        "complex: weights",
        lambda: weight_gradient(product, point(), method="complex"),
        ValueError,
        ["gradient", "central"],
    ),
]

INTEROP = [
    Row(
        "propagate: shape of cov",
        lambda: fastgrad.propagate(square, point(), np.ones(3)),
        ValueError,
        ["(3,)", "2 coordinates", "(2, 2)"],
    ),
    Row(
        "propagate: batch, shape of cov",
        lambda: fastgrad.propagate(square, rows(), np.ones((3, 2)), batch=True),
        ValueError,
        ["(3, 2)", "(3, 2, 2)"],
    ),
    Row(
        "propagate: not symmetric",
        lambda: fastgrad.propagate(square, point(), [[1, 2], [3, 4]]),
        ValueError,
        ["cov[0, 1]", "symmetric", "cov.T"],
    ),
    Row(
        "propagate: negative variance",
        lambda: fastgrad.propagate(square, point(), [-1, 2]),
        ValueError,
        ["negative", "-1.0", "squares"],
    ),
    Row("propagate: cov no numbers", lambda: fastgrad.propagate(square, point(), "ab"), TypeError, ["cov", REAL]),
    Row(
        "propagate: f is no function", lambda: fastgrad.propagate(3, point(), point()), TypeError, ["f must be", "int"]
    ),
    Row(
        "grad of a dict: a leaf of strings",
        lambda: fastgrad.grad(len)({"a": {"b": "c"}}),
        TypeError,
        ["x['a']['b']", REAL],
    ),
    Row(
        "grad of a dict: batch",
        lambda: fastgrad.grad(len, batch=True)({"a": point()}),
        ValueError,
        ["batch", "dict", "leave"],
    ),
    Row(
        "grad of a dict: one step each",
        lambda: fastgrad.grad(len, h=[1, 2])({"a": point()}),
        ValueError,
        ["(2,)", "dict", "one number"],
    ),
    Row(
        "grad of a dict: jit",
        lambda: fastgrad.grad(len, engine="jit")({"a": point()}),
        EngineError,
        ["jit", "dict", "python"],
    ),
    Row(
        "compiled: a plain function",
        lambda: fastgrad.compiled.grad(product),
        TypeError,
        ["function", "compiled", "@numba.njit"],
    ),
    Row(
        "compiled: a keyword-only argument",
        lambda: fastgrad.compiled.grad(njit_keyword_only),
        TypeError,
        ["'a'", "keyword-only", "without the *"],
    ),
    Row(
        "compiled: a step for each",
        lambda: fastgrad.compiled.jacobian(njit_raises_beyond_500, h=[1, 2]),
        ValueError,
        ["(2,)", "one number"],
    ),
    Row(
        "compiled: an order",
        lambda: fastgrad.compiled.grad(njit_raises_beyond_500, order=3),
        ValueError,
        ["order=3", "2, 4, 6, 8"],
    ),
    Row(
        "compiled: adaptive",
        lambda: fastgrad.compiled.grad(njit_raises_beyond_500, method="adaptive"),
        ValueError,
        ["compiled.grad has no method='adaptive'", "gradient(f, x"],
    ),
    Row(
        "compiled: complex",
        lambda: fastgrad.compiled.grad(njit_raises_beyond_500, method="complex"),
        ValueError,
        ["complex", "central"],
    ),
    Row(
        "transforms.jac: an option", lambda: fastgrad.transforms.jac(square, step=1), TypeError, ["unexpected", "step"]
    ),
]

TABLE = [
    *COMPLEX_STEP,
    *INTEROP,
    *WEIGHTS,
    *DASK,
    *FORKED,
    *NOT_CALLABLE,
    *COMPLEX_X,
    *NO_NUMBERS,
    *SHAPES,
    *RETURNED,
    *STEPS,
    *OUT,
    *NAMES,
    *READ_ONLY,
    *CANNOT_COMPILE,
    *SPARSE,
    *BOUNDS,
]


def has(message, fragment):
    if isinstance(fragment, re.Pattern):
        return fragment.search(message) is not None
    if isinstance(fragment, tuple):
        return any(has(message, part) for part in fragment)
    return fragment.lower() in message.lower()


@pytest.mark.parametrize("row", TABLE, ids=[row.id for row in TABLE])
def test_error(row):
    with pytest.raises(row.error) as caught:
        row.call()
    message = str(caught.value)
    missing = [fragment for fragment in row.fragments if not has(message, fragment)]
    assert not missing, f"{message!r} lacks {missing}"
    if row.error is ValueError:
        assert not isinstance(caught.value, UnicodeError)


def test_engine_error_is_a_value_error():
    assert issubclass(EngineError, ValueError)


# --- f raises ------------------------------------------------------------------------------------

# A negative zero and a NaN with a payload: equal is not enough.
ODD_BITS = np.array([0x8000000000000000, 0x7FF8000000ABCDEF, 0x3FF0000000000001, 0x0000000000000001], "u8")


def odd_point():
    return ODD_BITS.view("f8").copy()


class Stop(BaseException):
    pass


ERRORS = [
    ValueError("v"),
    TypeError("t"),
    OddError(where=3),
    StopIteration(1),
    KeyboardInterrupt(),
    SystemExit(2),
    Stop(),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("call", range(1, 9))
def test_drop_in_restores_x_bit_for_bit_when_f_raises(error, call):
    x = odd_point()
    with pytest.raises(type(error)) as caught:
        numerical_gradient(raising_at(call, error, squares), x)
    assert caught.value is error
    assert np.array_equal(x.view("u8"), ODD_BITS)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "call",
    [
        gradient,
        functools.partial(gradient, engine="reference"),
        lambda f, x: gradient(f, x[None, :], batch=True, engine="python"),
        value_and_gradient,
        lambda f, x: gradient_field(f, [x, x]),
        lambda f, x: numerical_gradient_2d(f, x[None, :]),
        gradient_descent,
        tangent_line,
    ],
    ids=["gradient", "reference", "batch", "value", "field", "2d", "descent", "tangent"],
)
def test_the_very_exception_arrives(call, error):
    x = np.array([0.25, -0.0])
    before = x.tobytes()
    with pytest.raises(type(error)) as caught:
        call(raising_at(2, error), x)
    assert caught.value is error
    assert not getattr(error, "__notes__", None)
    assert error.__cause__ is None
    assert x.tobytes() == before


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("f", [derivative, numerical_diff, tangent_line])
def test_the_very_exception_arrives_from_functions_of_one_variable(f, error):
    def always(x):
        raise error

    with pytest.raises(type(error)) as caught:
        f(always, np.array([1.0, 2.0]))
    assert caught.value is error


def test_descent_keeps_the_last_whole_step_when_f_raises():
    x, expected = point(), point()
    gradient_descent(squares, expected, lr=0.1, step_num=1)
    error = ValueError("v")
    with pytest.raises(ValueError, match="v") as caught:  # 4 calls per step: in the second step
        gradient_descent(raising_at(7, error, squares), x, lr=0.1, step_num=5)
    assert caught.value is error
    assert x.tobytes() == expected.tobytes()


def test_drop_in_restores_a_view_and_leaves_its_neighbours_alone():
    base = np.arange(12.0).reshape(3, 4)
    before = base.tobytes()
    for view in (base[::2, 1::2], base.T, base[::-1], base[:, 1]):
        with pytest.raises(ValueError, match="v"):
            numerical_gradient(raising_at(3, ValueError("v"), np.sum), view)
        assert base.tobytes() == before


@pytest.mark.parametrize("f", [raises_beyond_500, njit_raises_beyond_500], ids=["plain", "njit"])
@pytest.mark.parametrize("workers", [1, 2])
def test_compiled_exception_arrives_unchanged_from_any_thread(f, workers):
    x = np.stack([np.linspace(1.0, 600.0, 40_000), np.ones(40_000)], axis=1)
    before = x.tobytes()
    for _ in range(3):
        with pytest.raises(ValueError) as caught:
            gradient(f, x, batch=True, engine="jit", workers=workers)
        assert type(caught.value) is ValueError
        assert caught.value.args == ("x is beyond 500", 501)
    assert x.tobytes() == before
    good = gradient(f, x[:1000], batch=True, engine="jit", workers=workers)  # usable afterwards
    np.testing.assert_allclose(good, x[:1000, ::-1], rtol=1e-8)


def test_drop_in_with_a_compiled_f_that_raises():
    for workers in (1, 2):
        x = np.array([1.0, 501.0, -0.0])[::-1]
        x[0], x[-1] = 501.0, 1.0
        before = x.tobytes()
        with pytest.raises(ValueError) as caught:
            numerical_gradient(njit_raises_beyond_500, x, workers=workers)
        assert caught.value.args == ("x is beyond 500", 501)
        assert x.tobytes() == before


def test_exceptions_stay_with_the_calling_thread():
    """Two threads run at once: one gets its exception, the other its numbers."""
    x = np.stack([np.linspace(1.0, 600.0, 20_000), np.ones(20_000)], axis=1)
    seen = {}

    def bad():
        try:
            gradient(raises_beyond_500, x, batch=True, engine="jit", workers=2)
        except ValueError as error:
            seen["bad"] = error.args

    def good():
        seen["good"] = gradient(product, x, batch=True, engine="jit", workers=2)

    def python():
        error = OddError(where=5)
        try:
            numerical_gradient(raising_at(3, error), point())
        except OddError as caught:
            seen["python"] = caught is error

    threads = [threading.Thread(target=target) for target in (bad, good, python)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert seen["bad"] == ("x is beyond 500", 501)
    assert seen["python"]
    assert np.array_equal(seen["good"], gradient(product, x, batch=True, engine="jit", workers=1))


@engines
def test_progress_that_raises(engine):
    error = OddError(where=1)

    def progress(done, total):
        raise error

    x = rows()
    with pytest.raises(OddError) as caught:
        gradient(product, x, batch=True, engine=engine, progress=progress)
    assert caught.value is error
    assert np.array_equal(x, rows())


def test_progress_that_raises_in_the_drop_in():
    error = OddError(where=1)

    def progress(done, total):
        raise error

    x = odd_point()
    with pytest.raises(OddError) as caught:
        numerical_gradient(squares, x, progress=progress)
    assert caught.value is error
    assert np.array_equal(x.view("u8"), ODD_BITS)


@pytest.mark.parametrize("engine", ["python", "jit", "simd"])
def test_progress_counts_up_to_the_total(engine):
    seen = []
    gradient(product, many()[:1000], batch=True, engine=engine, progress=lambda done, total: seen.append((done, total)))
    done = [d for d, _ in seen]
    assert len({total for _, total in seen}) == 1
    assert done == sorted(done)
    assert seen[-1][0] == seen[-1][1]


# --- Ctrl-C --------------------------------------------------------------------------------------


@contextmanager
def ctrl_c(after):
    """A real SIGINT after so many seconds; yields the list that gets the time of sending."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    sent = []

    def send():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(after, send)
    timer.daemon = True
    timer.start()
    try:
        yield sent
    finally:
        timer.cancel()
        timer.join()
        signal.signal(signal.SIGINT, previous)


def assert_prompt(run):
    with ctrl_c(0.2) as sent:
        with pytest.raises(KeyboardInterrupt):
            run()
        stopped = time.perf_counter()
    assert stopped - sent[0] < 2.0


def slow(x):
    """About a twentieth of a millisecond compiled, a hundred times that in Python; nothing that LLVM can shorten."""
    s = 0.0
    for _ in range(20_000):
        s = s * 0.999 + x[0]
    return s + x[1]


def nap_squares(x):
    time.sleep(0.002)
    return np.sum(x**2)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: numerical_gradient(nap_squares, x),
        lambda x: gradient(nap_squares, x, engine="python"),
        lambda x: gradient(nap_squares, x, engine="reference"),
        lambda x: gradient_descent(nap_squares, x, lr=0.0),
        lambda x: numerical_gradient_2d(nap_squares, x.reshape(-1, 2)),
    ],
    ids=["drop-in", "python", "reference", "descent", "2d"],
)
def test_ctrl_c_in_a_long_python_run(call):
    x = np.linspace(-1.0, 1.0, 1000)
    before = x.tobytes()
    assert_prompt(lambda: call(x))
    assert x.tobytes() == before
    assert gradient(product, point()) == pytest.approx([2.0, 1.0])


@pytest.fixture(scope="module")
def slow_expected():
    return gradient(slow, np.ones((3, 2)), batch=True, engine="jit")  # compiled before anything is timed


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_in_a_long_compiled_run(workers, slow_expected):
    x = np.ones((60_000, 2))
    out = np.full((60_000, 2), 7.0)
    assert_prompt(lambda: gradient(slow, x, batch=True, engine="jit", workers=workers, out=out))
    assert np.all(x == 1.0)
    # No chunk writes after the exception has arrived.
    at_once = out.copy()
    time.sleep(0.2)
    assert np.array_equal(out, at_once)
    again = gradient(slow, np.ones((3, 2)), batch=True, engine="jit", workers=workers)
    assert np.array_equal(again, slow_expected)


def test_ctrl_c_in_a_long_compiled_field(slow_expected):
    axis = np.linspace(1.0, 2.0, 250)
    gradient_field(slow, [axis[:2], axis[:2]], engine="jit")
    assert_prompt(lambda: gradient_field(slow, [axis, axis], engine="jit", workers=2))


def test_ctrl_c_at_one_large_compiled_point():
    """One point cannot be cut into rows: its coordinates must be."""
    x = np.ones(60_000)
    gradient(slow, x[:2000], engine="jit", workers=2)
    assert_prompt(lambda: gradient(slow, x, engine="jit", workers=2))
    assert np.all(x == 1.0)


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_in_the_drop_in_with_a_compiled_f(workers):
    f = numba.njit(slow)
    x = np.ones(100_000)
    numerical_gradient(f, np.ones(500), workers=workers)
    assert_prompt(lambda: numerical_gradient(f, x, workers=workers))
    assert np.all(x == 1.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda f: gradient(f, rows(), batch=True, engine="jit"),
        lambda f: gradient(f, many(), batch=True),
        lambda f: numerical_gradient(numba.njit(f), point()),
    ],
    ids=["jit", "auto", "drop-in"],
)
def test_ctrl_c_while_f_is_compiled_is_not_lost(call, monkeypatch):
    """LLVM calls back into Python, where an exception has nowhere to go: ctypes drops it and the run goes on."""
    from numba.core.registry import cpu_target

    engine = cpu_target.target_context.codegen()._engine._ee
    original, sent = engine._object_cache_notify, []

    def notify(*args):
        if not sent:
            sent.append(True)
            os.kill(os.getpid(), signal.SIGINT)
        return original(*args)

    scope = {}
    value = f"x[0] * x[1] * {random.random()}"
    exec(f"def f(x):\n    return {value} if (int(x[0]) ^ 0) < 10**9 else 0.0", scope)
    monkeypatch.setattr(engine, "_object_cache_notify", notify)
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            call(scope["f"])
    finally:
        signal.signal(signal.SIGINT, previous)
    assert sent


def test_drop_in_restores_everything_at_whatever_moment_the_signal_arrives():
    """f costs nothing: the signal lands in the loop itself, also between saving an element and restoring it.

    NumPy's error state must survive too: a `with np.errstate` around each element loses it in every eighth run.
    """

    def interrupt(signum, frame):
        raise KeyboardInterrupt

    rng = random.Random(0)
    original = np.arange(1.0, 200.0)
    previous = signal.signal(signal.SIGALRM, interrupt)
    damaged = interrupted = silenced = 0
    state = np.geterr()
    try:
        for _ in range(500):
            x = original.copy()
            try:
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(2e-5, 8e-4))
                numerical_gradient(operator.itemgetter(0), x)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                interrupted += 1
            damaged += x.tobytes() != original.tobytes()
            silenced += np.geterr() != state
            np.seterr(**state)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert interrupted > 50
    assert damaged == 0
    # Python itself has a gap of some nanoseconds at the two ends of a `with`: 1 in 100, on a busy machine 2
    assert silenced <= interrupted // 40


# --- f writes into its argument, reuses its output, returns its argument --------------------------


def writes_always(x):
    value = x[0] * x[1]
    x[1] = 100.0
    return value


def writes_before(x):
    x[0] = x[0] * x[0]
    return x[0] * x[1]


def writes_at_some_points(x):
    """At none of the calls for the first point of `rows`."""
    value = x[0] * x[1]
    if x[0] > 2.0:
        x[1] = 100.0
    return value


def writes_when_moved(x):
    """Not at (1, 2) itself, only at one of the displaced points."""
    value = x[0] * x[1]
    if x[0] < 1.0:
        x[1] = 100.0
    return value


def writing_at_call(call, where=slice(None)):
    count = itertools.count(1)

    def f(x):
        value = x[0] * x[1]
        if next(count) == call:
            x[where] = 100.0
        return value

    return f


@pytest.mark.parametrize("engine", ["auto", "python", "jit", "reference"])
@pytest.mark.parametrize("f", [writes_always, writes_at_some_points, writes_when_moved])
def test_f_that_writes_into_its_argument(f, engine):
    x = rows()
    np.testing.assert_allclose(gradient(f, x, batch=True, engine=engine), x[:, ::-1], rtol=1e-8)
    assert np.array_equal(x, rows())
    np.testing.assert_allclose(gradient(f, x[0], engine=engine), x[0, ::-1], rtol=1e-8)
    if engine == "jit" and f is not writes_always:
        return  # a kernel more, compiled for nothing new
    value, slope = value_and_gradient(f, x, batch=True, engine=engine)
    np.testing.assert_array_equal(value, x[:, 0] * x[:, 1])
    np.testing.assert_allclose(slope, x[:, ::-1], rtol=1e-8)
    assert np.array_equal(x, rows())


@all_engines
def test_f_that_writes_before_it_computes(engine):
    x = rows()
    exact = np.stack([2 * x[:, 0] * x[:, 1], x[:, 0] ** 2], axis=1)
    np.testing.assert_allclose(gradient(writes_before, x, batch=True, engine=engine), exact, rtol=1e-8)
    assert np.array_equal(x, rows())


@pytest.mark.parametrize("engine", ["auto", "python", "reference"])
@pytest.mark.parametrize("call", range(1, 14))
@pytest.mark.parametrize("where", [slice(None), 0, 1], ids=str)
def test_f_that_writes_at_one_call_only(call, where, engine):
    x = rows()
    f = writing_at_call(call, where)
    np.testing.assert_allclose(gradient(f, x, batch=True, engine=engine), x[:, ::-1], rtol=1e-8)
    assert np.array_equal(x, rows())


@pytest.mark.parametrize("engine", ["auto", "python", "reference", "jit"])
def test_field_of_an_f_that_writes(engine):
    x, y = np.array([1.0, 3.0]), np.array([2.0, 4.0])
    for f in [writes_at_some_points] if engine == "jit" else [writes_always, writes_at_some_points]:
        field = gradient_field(f, [x, y], engine=engine)
        np.testing.assert_allclose(field[0], np.tile(y, (2, 1)), rtol=1e-8)
        np.testing.assert_allclose(field[1], np.tile(x, (2, 1)).T, rtol=1e-8)
    assert np.array_equal(x, [1.0, 3.0])
    assert np.array_equal(y, [2.0, 4.0])


def square_in_place(x):
    x *= x
    return x


@all_engines
def test_derivative_of_an_f_that_works_in_place(engine):
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(derivative(square_in_place, x, engine=engine), 2 * x, rtol=1e-8)
    assert np.array_equal(x, [1.0, 2.0, 3.0])


def test_numerical_diff_of_an_f_that_works_in_place():
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(numerical_diff(square_in_place, x), 2 * x, rtol=1e-8)
    assert np.array_equal(x, [1.0, 2.0, 3.0])


@pytest.mark.parametrize("f", [writes_always, writing_at_call(1), writing_at_call(3)], ids=["always", "first", "third"])
def test_drop_in_with_an_f_that_writes_is_right_or_says_so_and_restores_x(f):
    """The book is silently wrong here."""
    x = np.array([3.0, 6.0])
    try:
        result = numerical_gradient(f, x)
    except ValueError as error:
        assert "argument" in str(error) or "writes" in str(error)  # noqa: PT017
    else:
        np.testing.assert_allclose(result, [6.0, 3.0], rtol=1e-8)
    assert np.array_equal(x, [3.0, 6.0])


def buffered_product(size=None):
    out = np.empty(() if size is None else size)

    def f(x):
        out[...] = x[0] * x[1]
        return out

    return f


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
@pytest.mark.parametrize("engine", ["auto", "python", "reference"])
def test_f_that_returns_the_same_buffer_each_time(shape, engine):
    f = buffered_product(shape)
    np.testing.assert_allclose(gradient(f, point(), engine=engine), [2.0, 1.0], rtol=1e-8)
    np.testing.assert_allclose(gradient(f, rows(), batch=True, engine=engine, order=4), rows()[:, ::-1], rtol=1e-8)
    value, slope = value_and_gradient(f, point(), engine=engine)
    assert value == 2.0
    np.testing.assert_allclose(slope, [2.0, 1.0], rtol=1e-8)
    values, _ = value_and_gradient(f, rows(), batch=True, engine=engine)
    np.testing.assert_array_equal(values, [2.0, 12.0, 30.0])


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("engine", ["auto", "python", "reference"])
def test_derivative_of_an_f_that_returns_the_same_buffer(engine, n):
    x, out = np.array([1.0, 2.0, 3.0]), np.empty(3)
    result = derivative(lambda t: np.multiply(t, t, out=out), x, n=n, engine=engine)
    np.testing.assert_allclose(result, 2 * x if n == 1 else np.full(3, 2.0), rtol=1e-6)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_drop_ins_of_an_f_that_returns_the_same_buffer(shape):
    np.testing.assert_allclose(numerical_gradient(buffered_product(shape), point()), [2.0, 1.0], rtol=1e-8)
    np.testing.assert_allclose(numerical_gradient_2d(buffered_product(shape), rows()), rows()[:, ::-1], rtol=1e-8)


def test_numerical_diff_and_tangent_of_an_f_that_returns_the_same_buffer():
    x, out = np.array([1.0, 2.0, 3.0]), np.empty(3)

    def f(t):
        return np.multiply(t, t, out=out)

    np.testing.assert_allclose(numerical_diff(f, x), 2 * x, rtol=1e-8)
    np.testing.assert_allclose(tangent_line(f, x)(x + 1.0), x * x + 2 * x, rtol=1e-8)


@all_engines
def test_f_that_returns_its_argument_or_a_view(engine):
    np.testing.assert_array_equal(derivative(lambda x: x, np.array([1.0, 2.0]), engine=engine), [1.0, 1.0])
    np.testing.assert_array_equal(gradient(lambda x: x[0], rows(), batch=True, engine=engine), [[1.0, 0.0]] * 3)
    value, slope = value_and_gradient(lambda x: x[:1], point(), engine=engine)
    assert value == 1.0
    np.testing.assert_array_equal(slope, [1.0, 0.0])
    values, _ = value_and_gradient(lambda x: x[:1], rows(), batch=True, engine=engine)
    np.testing.assert_array_equal(values, [1.0, 3.0, 5.0])


def test_drop_ins_with_an_f_that_returns_its_argument_or_a_view():
    np.testing.assert_allclose(numerical_gradient(lambda x: x[:1], point()), [1.0, 0.0], rtol=1e-8)
    np.testing.assert_allclose(numerical_diff(lambda x: x, point()), [1.0, 1.0], rtol=1e-8)
    x = np.array(3.0)
    np.testing.assert_allclose(numerical_gradient(lambda x: x, x), 1.0, rtol=1e-8)
    assert x == 3.0


@all_engines
def test_index_out_of_range_at_a_later_point_is_no_number(engine):
    """Compiled code that does not look reads whatever lies behind the buffer."""
    x = np.array([[0.5, 1.0], [1.5, 1.0], [7.5, 1.0]])
    with pytest.raises((IndexError, EngineError)):
        gradient(lambda x: x[int(x[0])] * 2.0, x, batch=True, engine=engine)


@pytest.mark.parametrize("engine", ["auto", "jit", "simd"])
@pytest.mark.filterwarnings("ignore:f is called:fastgrad.PerformanceWarning")
def test_captured_numbers_are_read_afresh(engine):
    scale = 2.0

    def f(x):
        return scale * x[0] * x[1]

    x = many()
    np.testing.assert_allclose(gradient(f, x, batch=True, engine=engine), 2.0 * x[:, ::-1], rtol=1e-8)
    scale = 5.0
    np.testing.assert_allclose(gradient(f, x, batch=True, engine=engine), 5.0 * x[:, ::-1], rtol=1e-8)


# --- NaN and inf ---------------------------------------------------------------------------------

BAD_NUMBERS = [math.nan, math.inf, -math.inf]


@engines
@pytest.mark.parametrize("bad", BAD_NUMBERS)
@pytest.mark.parametrize("options", [{}, {"order": 8}, {"h": 1e-4}])
def test_a_bad_row_stays_alone(engine, bad, options):
    rng = np.random.default_rng(0)
    good = rng.normal(size=(9, 2))
    x = good.copy()
    x[4, 0] = bad
    result = gradient(product, x, batch=True, engine=engine, **options)
    alone = gradient(product, good, batch=True, engine=engine, **options)
    others = np.arange(9) != 4
    assert result[others].tobytes() == alone[others].tobytes()
    assert not np.isfinite(result[4, 0])


@engines
def test_values_beside_a_bad_row(engine):
    x = rows()
    x[1, 0] = math.inf
    values, slopes = value_and_gradient(product, x, batch=True, engine=engine)
    np.testing.assert_array_equal(values, [2.0, math.inf, 30.0])
    np.testing.assert_allclose(slopes[[0, 2]], [[2.0, 1.0], [6.0, 5.0]], rtol=1e-8)
    assert not np.isfinite(slopes[1, 0])


@engines
@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_a_bad_number_stays_alone_in_derivatives_and_fields(engine, bad):
    x = np.array([1.0, 2.0, 3.0, 4.0])
    y = np.array([1.0, bad, 3.0, 4.0])
    others = np.arange(4) != 1
    result, alone = (derivative(square, t, engine=engine) for t in (y, x))
    assert result[others].tobytes() == alone[others].tobytes()
    assert not np.isfinite(result[1])
    field, alone = (gradient_field(product, [t, x], engine=engine) for t in (y, x))
    assert field[:, others].tobytes() == alone[:, others].tobytes()
    assert not np.isfinite(field[0, 1]).any()


@engines
def test_status_marks_the_bad_row(engine):
    x = np.array([[1.0, 2.0], [math.nan, 2.0]])
    result = gradient(product, x, batch=True, engine=engine, full_output=True)
    np.testing.assert_array_equal(result.status, [[0, 0], [-3, -3]])
    assert result.engine == engine


@engines
@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_float32_with_a_bad_row(engine, bad):
    x = np.array([[1.0, 2.0], [bad, 2.0], [3.0, 4.0]], np.float32)
    result = gradient(product, x, batch=True, engine=engine)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result[[0, 2]], [[2.0, 1.0], [4.0, 3.0]], rtol=1e-3)


def halves(x):
    return 0.5 * x[0]


def jumps(x):
    return np.where(x[0] > 0.0, 1e308, -1e308)


@engines
@pytest.mark.parametrize(
    ("f", "x"),
    [(halves, [np.finfo(float).max]), (halves, [-np.finfo(float).max]), (jumps, [0.0]), (halves, [5e-324])],
    ids=["max", "-max", "difference overflows", "tiny"],
)
def test_overflow_in_our_own_arithmetic_is_silent(engine, f, x):
    gradient(f, np.array(x), engine=engine)


@engines
def test_our_own_arithmetic_obeys_no_errstate(engine):
    x = np.array([[math.inf, 1.0], [1.0, 2.0]])
    with np.errstate(all="raise"):
        result = gradient(product, x, batch=True, engine=engine)
    np.testing.assert_allclose(result[1], [2.0, 1.0], rtol=1e-8)


def test_warnings_and_errstate_of_f_are_its_own():
    with pytest.warns(RuntimeWarning, match="log"):
        assert np.isnan(gradient(lambda x: np.log(x[0]), [-1.0], engine="python")[0])
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError, match="log"):
        gradient(lambda x: np.log(x[0]), [-1.0], engine="python")


@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_drop_ins_give_nan_without_a_warning(bad):
    x = np.array([1.0, bad])
    before = x.tobytes()
    result = numerical_gradient(squares, x)
    assert result[0] == pytest.approx(2.0, rel=1e-8) or not np.isfinite(result[0])
    assert not np.isfinite(result[1])
    assert x.tobytes() == before
    assert not np.isfinite(numerical_diff(square, bad))


# --- all the forms an array takes ----------------------------------------------------------------

VALUES = np.array([[3.0, 4.0], [1.0, 2.0], [0.0, 5.0]])


def strided():
    base = np.full((6, 4), np.nan)
    base[::2, ::2] = VALUES
    return base[::2, ::2]


def unaligned():
    raw = np.zeros(VALUES.nbytes + 1, "u1")
    x = raw[1:].view("f8").reshape(VALUES.shape)
    x[:] = VALUES
    return x


FORMS = {
    "C": VALUES.copy,
    "Fortran": lambda: np.asfortranarray(VALUES),
    "transposed": lambda: VALUES.T.copy().T,
    "strided": strided,
    "reversed": lambda: VALUES[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": lambda: read_only(VALUES),
    "unaligned": unaligned,
    "big-endian": lambda: VALUES.astype(">f8"),
    "big-endian float32": lambda: VALUES.astype(">f4"),
    "float32": lambda: VALUES.astype("f4"),
    "float16": lambda: VALUES.astype("f2"),
    "int64": lambda: VALUES.astype("i8"),
    "int8": lambda: VALUES.astype("i1"),
    "uint8": lambda: VALUES.astype("u1"),
    "big-endian int": lambda: VALUES.astype(">i4"),
    "list": VALUES.tolist,
    "tuple": lambda: tuple(map(tuple, VALUES.astype(int).tolist())),
    "list of arrays": lambda: list(VALUES),
    "memoryview": lambda: memoryview(VALUES.copy()),
}
forms = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())


def expected_dtype(x):
    x = np.asarray(x)
    return x.dtype if x.dtype.kind == "f" else np.dtype(float)


def tolerance(dtype):
    return {2: 0.1, 4: 1e-3}.get(dtype.itemsize, 1e-8)


@all_engines
@forms
def test_every_form_of_points(form, engine):
    x = form()
    before = np.array(x)
    result = gradient(squares, x, batch=True, engine=engine)
    dtype = expected_dtype(x)
    assert result.dtype.newbyteorder("=") == dtype.newbyteorder("=")
    np.testing.assert_allclose(np.asarray(result, float), 2 * VALUES, rtol=tolerance(dtype), atol=tolerance(dtype))
    assert np.array_equal(np.asarray(x), before)


@engines
@forms
def test_every_form_of_one_point_and_of_elements(form, engine):
    x = form()
    dtype = expected_dtype(x)
    tol = tolerance(dtype)
    result = gradient(squares, x, engine=engine)
    assert result.shape == VALUES.shape
    np.testing.assert_allclose(np.asarray(result, float), 2 * VALUES, rtol=tol, atol=tol)
    result = derivative(square, x, engine=engine)
    assert result.dtype.newbyteorder("=") == dtype.newbyteorder("=")
    np.testing.assert_allclose(np.asarray(result, float), 2 * VALUES, rtol=tol, atol=tol)


@engines
@forms
def test_every_form_of_axis(form, engine):
    x = np.asarray(form())[:, 0]
    x = x if isinstance(form(), np.ndarray) else x.tolist()
    field = gradient_field(product, [x, VALUES[:, 1]], engine=engine)
    tol = max(tolerance(expected_dtype(x)), 1e-8)
    np.testing.assert_allclose(np.asarray(field[0], float), np.tile(VALUES[:, 1], (3, 1)), rtol=tol, atol=tol)
    np.testing.assert_allclose(np.asarray(field[1], float), np.tile(VALUES[:, 0], (3, 1)).T, rtol=tol, atol=tol)


@engines
def test_every_form_of_args(engine):
    def f(x, a):
        return np.sum(x * a)

    wanted = np.array([[2.0, 3.0]] * 3)
    base = np.array([2.0, np.nan, 3.0])
    for a in (np.array([2, 3]), read_only(base)[::2]):
        np.testing.assert_allclose(gradient(f, VALUES, batch=True, args=(a,), engine=engine), wanted, rtol=1e-8)


@pytest.mark.parametrize("engine", ["auto", "python", "jit", "simd", "reference"])
def test_bool_and_broadcast(engine):
    result = gradient(squares, np.array([True, False]), engine=engine)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, [2.0, 0.0], atol=1e-8)
    np.testing.assert_allclose(
        gradient(squares, np.broadcast_to(3.0, (2, 2)), engine=engine), np.full((2, 2), 6.0), rtol=1e-8
    )


@pytest.mark.parametrize("name", [n for n in FORMS if n not in {"read-only"}])
def test_drop_in_works_on_every_form_and_leaves_it_as_it_was(name):
    x = FORMS[name]()
    before = np.array(x)
    result = numerical_gradient(squares, x)
    tol = tolerance(expected_dtype(x))
    np.testing.assert_allclose(np.asarray(result, float), 2 * VALUES, rtol=tol, atol=tol)
    assert np.asarray(x).tobytes() == before.tobytes()
    result = numerical_gradient_2d(squares, x)
    np.testing.assert_allclose(np.asarray(result, float), 2 * VALUES, rtol=tol, atol=tol)
    assert np.asarray(x).tobytes() == before.tobytes()


@pytest.mark.parametrize(
    "name", ["C", "Fortran", "transposed", "strided", "reversed", "unaligned", "big-endian", "float32", "float16"]
)
def test_drop_in_moves_the_callers_own_array_whatever_its_form(name):
    x = FORMS[name]()
    result = numerical_gradient(lambda _: np.sum(np.asarray(x, float) ** 2), x)
    tol = tolerance(x.dtype)
    np.testing.assert_allclose(np.asarray(result, float), 2 * VALUES, rtol=tol, atol=tol)


def five_plus_sum(x):
    return 5.0 + np.sum(x)


@all_engines
@pytest.mark.parametrize("shape", [(0, 2), (3, 0), (0, 0)])
def test_empty_points(engine, shape):
    result = gradient(squares, np.empty(shape), batch=True, engine=engine)
    assert result.shape == shape
    assert result.dtype == np.float64
    values, slopes = value_and_gradient(five_plus_sum, np.empty(shape), batch=True, engine=engine)
    assert slopes.shape == shape
    np.testing.assert_array_equal(values, np.full(shape[0], 5.0))


@all_engines
def test_value_at_a_point_without_coordinates(engine):
    value, slope = value_and_gradient(five_plus_sum, np.empty(0), engine=engine)
    assert value == 5.0
    assert slope.shape == (0,)


@all_engines
def test_other_empty_inputs(engine):
    assert gradient(squares, np.empty(0), engine=engine).shape == (0,)
    assert gradient(squares, [], engine=engine).shape == (0,)
    assert gradient(squares, np.empty((0, 3)), engine=engine).shape == (0, 3)
    assert derivative(square, np.empty(0), engine=engine).shape == (0,)
    assert derivative(square, np.empty((2, 0), "f4"), engine=engine).dtype == np.float32
    assert gradient_field(product, [np.empty(0), point()], engine=engine).shape == (2, 0, 2)


@all_engines
@pytest.mark.parametrize("method", ["central", "adaptive"])
def test_jacobians_at_points_without_coordinates(engine, method):
    for x, batch in [(np.empty((3, 0)), True), (np.empty(0), False)]:
        result = jacobian(lambda x: np.ones(2), x, batch=batch, engine=engine, method=method)
        assert result.shape == (*x.shape[:-1], 2, 0)
    result = jvp(lambda x: np.ones(2), np.empty(0), np.empty(0), engine=engine, method=method)
    np.testing.assert_array_equal(result, [0.0, 0.0])


def test_empty_drop_ins():
    assert numerical_gradient(squares, np.empty(0)).shape == (0,)
    assert numerical_gradient_2d(squares, np.empty((0, 2))).shape == (0, 2)
    assert numerical_diff(square, np.empty(0)).shape == (0,)
    x = np.empty(0)
    assert gradient_descent(squares, x) is x


@all_engines
@pytest.mark.parametrize("x", [3, 3.0, np.float32(3), np.array(3.0), np.array(3)], ids=repr)
def test_a_number_is_a_point_of_no_axes(engine, x):
    result = gradient(square, x, engine=engine)
    assert np.shape(result) == ()
    assert float(result) == pytest.approx(6.0, rel=1e-3 if getattr(x, "dtype", None) == np.float32 else 1e-8)
    value, slope = value_and_gradient(square, x, engine=engine)
    assert float(value) == 9.0
    assert np.shape(slope) == ()
    assert float(derivative(square, x, engine=engine)) == pytest.approx(6.0, rel=1e-3)


def test_drop_in_moves_an_array_of_no_axes_in_place():
    x = np.array(3.0)
    assert float(numerical_gradient(lambda _: x * x, x)) == pytest.approx(6.0)
    assert x == 3.0


# --- steps, out ----------------------------------------------------------------------------------


@engines
def test_h_per_coordinate(engine):
    """A forward difference of first order shows its step: 2 x_i + h_i."""
    h = np.array([0.5, 0.125])
    for batch, x in ((False, point()), (True, rows()), (True, np.array([[1.0, 2.0], [3.0, 4.0]]))):
        result = gradient(squares, x, batch=batch, method="forward", order=1, h=h, engine=engine, full_output=True)
        np.testing.assert_allclose(result.value, 2 * x + h, rtol=1e-12)
        np.testing.assert_array_equal(np.broadcast_to(result.h, x.shape), np.broadcast_to(h, x.shape))
        result = gradient(squares, x, batch=batch, method="backward", order=1, h=h.tolist(), engine=engine)
        np.testing.assert_array_equal(result, 2 * x - h)
    field = gradient_field(squares, [point(), point()], method="forward", order=1, h=h, engine=engine)
    np.testing.assert_allclose(field[0], np.tile(2 * point() + 0.5, (2, 1)).T)
    np.testing.assert_allclose(field[1], np.tile(2 * point() + 0.125, (2, 1)))


@pytest.mark.parametrize("engine", ["python", "reference"])
def test_h_of_the_points_shape_for_points_that_are_matrices(engine):
    x = rows()
    h = np.array([[0.5, 0.25], [0.125, 1.0], [2.0, 4.0]])
    result = gradient(squares, x, method="forward", order=1, h=h, engine=engine)
    np.testing.assert_allclose(result, 2 * x + h, rtol=1e-12)


def awkward_out(kind):
    if kind == "strided":
        return np.full((6, 4), 7.0)[::2, ::2]
    if kind == "Fortran":
        return np.full((3, 2), 7.0, order="F")
    if kind == "unaligned":
        return np.zeros(49, "u1")[1:].view("f8").reshape(3, 2)
    return np.full((3, 2), 7.0)[::-1, ::-1]


@all_engines
@pytest.mark.parametrize("kind", ["strided", "Fortran", "reversed", "unaligned"])
def test_out_that_is_not_contiguous_works(engine, kind):
    out = awkward_out(kind)
    gradient(product, rows(), batch=True, out=out, engine=engine)
    np.testing.assert_allclose(out, rows()[:, ::-1], rtol=1e-8)
    if kind == "strided":
        assert np.all(out.base[1::2] == 7.0)
        assert np.all(out.base[:, 1::2] == 7.0)
    out = awkward_out(kind)
    derivative(square, rows(), out=out, engine=engine)
    np.testing.assert_allclose(out, 2 * rows(), rtol=1e-8)
    out = awkward_out(kind)
    gradient(squares, rows(), out=out, engine=engine, full_output=True)
    np.testing.assert_allclose(out, 2 * rows(), rtol=1e-8)


@all_engines
@pytest.mark.parametrize("full", [False, True])
def test_out_itself_is_returned(engine, full):
    def same(result, out):
        return (result.value if full else result) is out

    options = {"engine": engine, "full_output": full}
    for out in (np.empty((3, 2)), awkward_out("strided"), awkward_out("Fortran")):
        assert same(gradient(product, rows(), batch=True, out=out, **options), out)
        assert same(gradient(squares, rows(), out=out, **options), out)
        assert same(derivative(square, rows(), out=out, **options), out)
        assert same(value_and_gradient(product, rows(), batch=True, out=out, **options)[1], out)
    out = np.empty((0, 2))
    assert same(gradient(product, np.empty((0, 2)), batch=True, out=out, **options), out)
    out = np.empty((2, 2, 2))
    assert same(gradient_field(product, [point(), point()], out=out, **options), out)
    out = np.empty(())
    assert same(gradient(square, 3.0, out=out, **options), out)
    assert out == pytest.approx(6.0)


@all_engines
def test_out_of_a_field_that_is_not_contiguous_works(engine):
    out = np.full((2, 2, 2, 2), 7.0)[..., 0]
    gradient_field(product, [point(), point()], out=out, engine=engine)
    np.testing.assert_allclose(out[0], [[1.0, 2.0], [1.0, 2.0]], rtol=1e-8)
    assert np.all(out.base[..., 1] == 7.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda a: gradient(lambda x, b: b * np.sum(x), a * 2, args=(a,), out=a),
        lambda a: gradient(lambda x, b: b[0] * np.sum(x), rows(), batch=True, batch_args=(a[::-1],), out=a),
        lambda a: gradient(squares, rows(), bounds=(a - 9.0, a), out=a),
        lambda a: gradient_field(lambda x, b: np.sum(x * b[0]), point()[None], args=(a,), out=a[:1]),
        lambda a: value_and_gradient(lambda x, b: np.sum(x * b), a * 2, args=(a,), out=a),
    ],
    ids=["args", "batch_args", "bounds", "field", "value"],
)
def test_out_that_shares_memory_with_what_is_still_read(call):
    a = rows() + 9.0
    with pytest.raises(ValueError, match="shares memory with x or another argument"):
        call(a)
    np.testing.assert_array_equal(a, rows() + 9.0)


@all_engines
def test_out_interleaved_with_x_shares_no_memory(engine):
    base = np.array([1.0, 7.0, 2.0, 7.0])
    x, out = base[::2], base[1::2]
    gradient(product, x, out=out, engine=engine)
    np.testing.assert_allclose(base, [1.0, 2.0, 2.0, 1.0], rtol=1e-8)


@all_engines
def test_refused_out_is_left_alone(engine):
    x = rows()
    with pytest.raises(ValueError, match="out"):
        gradient(product, x, batch=True, out=x, engine=engine)
    assert np.array_equal(x, rows())
    out = np.full(3, 7.0)
    with pytest.raises(ValueError, match="out"):
        gradient(product, point(), out=out, engine=engine)
    assert np.all(out == 7.0)


@pytest.mark.parametrize("engine", ["auto", "python", "jit", "simd", "reference"])
def test_out_of_foreign_byte_order_is_right_or_refused(engine):
    out = np.zeros(2, ">f8")
    try:
        gradient(product, point(), out=out, engine=engine)
    except ValueError as error:
        assert "out" in str(error)  # noqa: PT017
    else:
        np.testing.assert_allclose(out.astype(float), [2.0, 1.0], rtol=1e-8)


# --- callables that are no plain functions --------------------------------------------------------

CALLABLES = {
    "bound method": Model().loss,
    "callable object": Model(),
    "partial": functools.partial(scaled, 2.0),
    "class": type("Loss", (float,), {"__new__": lambda cls, x: float.__new__(cls, 2.0 * x[0] * x[1])}),
    "captures an array": lambda x, a=GLOBAL_ARRAY: a[0] * x[0] * x[1],
}


@pytest.mark.parametrize("f", CALLABLES.values(), ids=CALLABLES.keys())
@pytest.mark.parametrize("engine", ["auto", "python", "reference"])
def test_any_callable_is_a_function(f, engine):
    np.testing.assert_allclose(gradient(f, rows(), batch=True, engine=engine), 2 * rows()[:, ::-1], rtol=1e-8)
    np.testing.assert_allclose(gradient_field(f, [point(), point()], engine=engine)[1], [[2, 2], [4, 4]], rtol=1e-8)
    np.testing.assert_allclose(numerical_gradient(f, point()), [4.0, 2.0], rtol=1e-8)


@pytest.mark.parametrize("f", [np.sum, max, functools.partial(np.linalg.norm, ord=1)], ids=["np.sum", "max", "norm"])
def test_builtins_are_functions(f):
    np.testing.assert_allclose(gradient(f, [1.0, 2.0]), [0.0, 1.0] if f is max else [1.0, 1.0], rtol=1e-8)


@pytest.mark.parametrize(
    "f", [math.sin, np.sin, lambda x: math.sin(x) if x > 0 else -math.sin(-x)], ids=["math", "np", "if"]
)
@pytest.mark.parametrize("engine", ["auto", "python", "reference"])
def test_derivative_of_functions_that_refuse_arrays(f, engine):
    x = np.array([[0.5, 1.0], [1.5, -2.0]])
    np.testing.assert_allclose(derivative(f, x, engine=engine), np.cos(x), rtol=1e-8)


def test_random_and_counting_functions_run_uncompiled_by_auto():
    calls = itertools.count()

    def f(x):
        next(calls)
        return x[0] * x[1]

    def g(x):
        return x[0] * x[1] * next(calls)

    x = many()
    np.testing.assert_allclose(gradient(f, x, batch=True), x[:, ::-1], rtol=1e-8)
    before = next(calls)
    with pytest.warns(PerformanceWarning, match="keeps state"):
        gradient(g, x, batch=True)
    assert next(calls) >= before + 4 * MANY


# --- warnings ------------------------------------------------------------------------------------


@all_engines
@pytest.mark.parametrize("batch", [False, True])
def test_f_that_ignores_its_argument_warns(engine, batch):
    x = rows()
    with pytest.warns(ConstantFunctionWarning, match="numerical_gradient") as caught:
        result = gradient(lambda x: 3.0, x, batch=batch, engine=engine)
    assert len(caught) == 1
    np.testing.assert_array_equal(result, np.zeros((3, 2)))


@pytest.mark.parametrize("engine", ["auto", "python", "reference"])
def test_other_functions_that_ignore_their_argument_warn(engine):
    w = rows()
    with pytest.warns(ConstantFunctionWarning, match="closure"):
        assert not gradient(lambda _: np.sum(w**2), w, engine=engine).any()
    assert np.array_equal(w, rows())
    with pytest.warns(ConstantFunctionWarning):
        assert derivative(lambda x: 2.0, 1.0, engine=engine) == 0.0
    with pytest.warns(ConstantFunctionWarning):
        value, slope = value_and_gradient(lambda x: 2.0, point(), engine=engine)
    assert value == 2.0
    assert not slope.any()
    with pytest.warns(ConstantFunctionWarning):
        assert not gradient_field(lambda x: 2.0, [point(), point()], engine=engine).any()


def test_a_copied_argument_that_f_never_reads_warns():
    w = [3, 4]
    with pytest.warns(ConstantFunctionWarning, match="closure"):
        assert not numerical_gradient(lambda _: w[0] * w[1], w).any()


FLAT = {
    "squares": (squares, [0.0, 0.0, 0.0]),
    "product": (product, [0.0, 0.0]),
    "cosine": (lambda x: np.cos(x[0]), [0.0]),
    "distance": (lambda x: (x[0] - 3.0) ** 2 + (x[1] + 1e6) ** 2, [3.0, -1e6]),
}


@all_engines
@pytest.mark.parametrize(("f", "x"), FLAT.values(), ids=FLAT.keys())
def test_no_warning_where_the_gradient_is_zero(engine, f, x):
    np.testing.assert_array_equal(gradient(f, x, engine=engine), np.zeros(len(x)))


@all_engines
def test_no_warning_where_a_batch_or_a_derivative_is_zero(engine):
    np.testing.assert_array_equal(gradient(squares, np.zeros((3, 2)), batch=True, engine=engine), np.zeros((3, 2)))
    np.testing.assert_array_equal(derivative(square, np.zeros(3), engine=engine), np.zeros(3))


@pytest.mark.parametrize(
    ("engine", "f"),
    [
        ("python", lambda x: math.sqrt(1.0 - x[0] ** 2)),
        ("python", lambda x: np.sqrt(1.0 - x[0] ** 2)),
        ("reference", lambda x: math.sqrt(1.0 - x[0] ** 2)),
        ("jit", lambda x: math.sqrt(1.0 - x[0] ** 2)),
    ],
    ids=["python, math", "python, NumPy", "reference", "jit"],
)
def test_looking_whether_f_reacts_disturbs_nobody(engine, f):
    """At 0 every difference is 0, and the point of the further evaluation lies where f does not exist."""
    assert gradient(f, np.zeros(1), engine=engine)[0] == 0.0


NUMBERS = itertools.count()


def not_compilable():
    """A function of its own at each call, with a branch and an array; equal code objects would count as one."""
    scope = {"table": np.ones(1)}
    value = f"table[0] * x[0] * x[1] + {next(NUMBERS)}e-300"
    exec(f"def f(x):\n    return {value} if (int(x[0]) ^ 0) < 10**9 else 0.0", scope)
    return scope["f"]


@contextmanager
def silence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_performance_warning_once_per_function_with_the_reason():
    f, x = not_compilable(), many()
    with pytest.warns(PerformanceWarning, match="table") as caught:
        first = gradient(f, x, batch=True)
    assert len(caught) == 1
    with silence():
        second = gradient(f, x, batch=True)
    assert first.tobytes() == second.tobytes()
    np.testing.assert_allclose(first, x[:, ::-1], rtol=1e-8)
    with pytest.warns(PerformanceWarning, match="table"):  # another function, another warning
        gradient(not_compilable(), x, batch=True)


@pytest.mark.parametrize(
    "call",
    [
        lambda: gradient(lambda x: 3.0, point()),
        lambda: value_and_gradient(lambda x: 3.0, point()),
        lambda: derivative(lambda x: 3.0, 1.0),
        lambda: gradient_field(lambda x: 3.0, [point(), point()]),
        lambda: gradient(not_compilable(), many(), batch=True),
        lambda: numerical_gradient(lambda x: 3.0, [1.0, 2.0]),
    ],
    ids=["gradient", "value_and_gradient", "derivative", "gradient_field", "performance", "drop-in"],
)
def test_warnings_point_at_the_callers_line(call):
    with pytest.warns((ConstantFunctionWarning, PerformanceWarning)) as caught:
        call()
    assert [warning.filename for warning in caught] == [__file__]


def test_performance_warning_once_for_closures_of_one_code_object():
    def make(table):
        return lambda x: table[0] * x[0] * x[1] if (int(x[0]) ^ 0) < 10**9 else 0.0

    x = many()
    with pytest.warns(PerformanceWarning, match="table"):
        gradient(make(np.ones(1)), x, batch=True)
    with silence():
        np.testing.assert_allclose(gradient(make(np.full(1, 2.0)), x, batch=True), 2 * x[:, ::-1], rtol=1e-8)


def test_no_performance_warning_up_to_ten_thousand_calls():
    with silence():
        gradient(not_compilable(), many()[:2500], batch=True)


@pytest.mark.parametrize(
    ("f", "reason"),
    [(Model().loss, "method"), (Model(), "Model"), (functools.partial(scaled, 2.0), "partial")],
    ids=["bound method", "callable object", "partial"],
)
def test_performance_warning_for_other_callables(f, reason):
    x = many()
    with pytest.warns(PerformanceWarning, match=reason):
        result = gradient(f, x, batch=True)
    np.testing.assert_allclose(result, 2 * x[:, ::-1], rtol=1e-8)
    assert explain(f, x, batch=True).engine == "python"
    assert reason in explain(f, x, batch=True).reason


def test_bad_values_after_a_good_start_are_still_refused():
    """f is checked at every call, not only at the first."""
    for bad, error in ((None, TypeError), ("a", TypeError), (1j, TypeError), (np.ones(2), ValueError)):
        for call in (2, 4, 9):
            for engine in ("python", "reference"):
                count = itertools.count(1)

                def f(x, bad=bad, call=call, count=count):
                    return bad if next(count) == call else x[0] * x[1]

                with pytest.raises(error, match="f returned"):
                    gradient(f, rows(), batch=True, engine=engine)


def test_bad_values_after_a_good_start_are_refused_by_the_drop_in_and_x_restored():
    for bad, error in ((None, TypeError), ("a", TypeError), (1j, TypeError), (np.ones(2), ValueError)):
        for call in range(1, 5):
            count = itertools.count(1)

            def f(x, bad=bad, call=call, count=count):
                return bad if next(count) == call else x[0] * x[1]

            x = point()
            with pytest.raises(error, match="f returned"):
                numerical_gradient(f, x)
            assert np.array_equal(x, point())


def test_every_promised_name_is_there():
    for name in ("ConstantFunctionWarning", "PerformanceWarning", "EngineError"):
        assert name in fastgrad.__all__
