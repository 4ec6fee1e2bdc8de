"""Kernels of a GPU on this processor: one thread's numbers are those of the simd engine, and what it marks."""

import numpy as np
import pytest

import fastgrad
from fastgrad.engine.cuda.emission import ARRAYS, STRIDES, text_for_device, text_for_host
from fastgrad.engine.simd.emission import NOT_FINITE, VANISHED
from fastgrad.formulas import stencils
from fastgrad.formulas.samples import SAMPLES
from fastgrad.formulas.steps import default_factor
from fastgrad.llvm import machine
from fastgrad.llvm.calls import Unsupported
from fastgrad.llvm.math import ratios
from fastgrad.llvm.vectormath import OF_TWO, OWN, PAIRED
from fastgrad.program.differences import StepSource, differences
from fastgrad.program.exact import exact
from fastgrad.program.program import WRITTEN, Program
from fastgrad.program.trace.recording import trace

RNG = np.random.default_rng(0)
SIZE = default_factor(1, 2)
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, 1e308, -1e308, 0.5, 1e-300, 710.0, -746.0])
ARITHMETIC = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "min": np.minimum, "max": np.maximum,
    "fmin": np.fmin, "fmax": np.fmax, "copysign": np.copysign, "neg": np.negative, "abs": np.abs, "sqrt": np.sqrt,
    "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "rint": np.rint, "sign": np.sign,
}  # fmt: skip


def run(written, points, beside=None, columns=False, size=SIZE):
    """The results, f's values and the marks of a kernel at points, one after the other on this processor."""
    count = len(points)
    x = np.asfortranarray(points) if columns else np.ascontiguousarray(points)
    out = np.empty((count, written.results), order="F" if columns else "C")
    values, marks = np.empty(count), np.full(count, 255, np.uint8)
    beside = np.empty((count, 0)) if beside is None else beside
    constants = np.array(written.program.constants, dtype=float)
    constants[len(constants) - written.sizes :] = size
    arrays = {"x": x, "beside": beside, "out": out, "values": values, "constants": constants, "marks": marks}
    strides = [x.strides[0], x.strides[1], beside.shape[1] * 8, out.strides[0], out.strides[1]]
    arguments = np.array([*(arrays[name].ctypes.data for name in ARRAYS), *(s // 8 for s in strides)], dtype=np.int64)
    assert len(arguments) == len(ARRAYS) + len(STRIDES)
    (kernel,) = machine.functions(text_for_host(written), "kernel")
    assert kernel(0, count, arguments.ctypes.data) == 0
    return out, values, marks


def of_one_operation(name, inputs):
    node = (name, *[("x", i) for i in range(inputs)])
    return differences(Program(inputs, 0, (node,), (("v", 0),), (), ()), stencils.value())


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("name", SAMPLES)
def test_central_and_exact_gradients(name, columns):
    sample = SAMPLES[name]
    points = RNG.uniform(*sample.box, (37, sample.dimension or 5))
    program, d = trace(sample.f, points.shape[1:]), points.shape[1]
    for method, made, table in (
        ("central", differences, stencils.gradient(d)),
        ("exact", exact, stencils.gradient(d, method="exact")),
    ):
        found, values, marks = run(made(program, table, value=True), points, columns=columns)
        expected = fastgrad.gradient(sample.f, points, batch=True, engine="simd", method=method)
        assert not marks.any()
        np.testing.assert_allclose(found, expected, rtol=1e-9 if method == "central" else 1e-13, atol=1e-9)
        np.testing.assert_allclose(values, [sample.f(x) for x in points], rtol=1e-14, atol=1e-12)


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_is_numpys(name):
    inputs = ARITHMETIC[name].nin
    grid = np.stack([v.ravel() for v in np.meshgrid(*[SPECIAL] * inputs)], axis=1)
    found, _, marks = run(of_one_operation(name, inputs), grid)
    with np.errstate(all="ignore"):
        expected = ARITHMETIC[name](*grid.T)
    np.testing.assert_array_equal(found[:, 0], expected)
    zeros = expected == 0.0
    np.testing.assert_array_equal(np.signbit(found[zeros, 0]), np.signbit(expected[zeros]))
    np.testing.assert_array_equal(marks == NOT_FINITE, ~np.isfinite(expected))


@pytest.mark.parametrize("name", sorted(name for name in OWN if not name.endswith(PAIRED)))
def test_functions(name):
    """Outside of a function's range there is no C library to ask: NaN, and the byte says that f is to be asked."""
    inputs = 2 if name in OF_TWO else 1
    usual = np.concatenate([RNG.uniform(0, 3, (50, inputs)), RNG.uniform(0, 1, (50, inputs))])
    if name in ratios.SERIES:  # near 0
        usual *= ratios.NEAR / 3.0
    elif name == "softplusc":
        usual *= [1 / 3, ratios.NEAR / 3.0]
    elif name != "lgamma":  # of negative numbers it is the C library's
        usual[:25] *= -1.0
    points = np.concatenate([usual, np.stack([v.ravel() for v in np.meshgrid(*[SPECIAL] * inputs)], axis=1)])
    if name in set(ratios.NEARBY) - ratios.OF_NUMBERS:
        points = np.abs(points)
    found, _, marks = run(of_one_operation(name, inputs), points)
    with np.errstate(all="ignore"):
        expected = np.asarray(WRITTEN[name](*points.T), dtype=float)
    np.testing.assert_array_equal(marks == NOT_FINITE, ~np.isfinite(found[:, 0]))
    inside = marks == 0
    assert inside[: len(usual)].sum() >= np.isfinite(expected[: len(usual)]).sum()
    np.testing.assert_allclose(found[inside, 0], expected[inside], rtol=2e-14, atol=1e-15)


def test_a_step_that_vanishes_is_marked():
    program = trace(lambda x: x[0] * x[1], (2,))
    written = differences(program, stencils.gradient(2), StepSource("absolute", "uniform"))
    _, _, marks = run(written, np.array([[1.0, 2.0], [1e300, 2.0]]), size=1e-6)
    assert marks.tolist() == [0, VANISHED]


def test_functions_of_the_c_library_are_refused():
    with pytest.raises(Unsupported, match="fmod"):
        text_for_device(of_one_operation("mod", 2))


def test_tables_of_numbers_are_for_processors_only():
    table = np.arange(40.0)
    program = trace(lambda x: table[int(x[0])] * x[1], (2,))
    with pytest.raises(Unsupported, match="tables of numbers"):
        text_for_device(differences(program, stencils.value()))
