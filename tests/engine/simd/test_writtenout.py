"""Functions in the midst of kernels: no calls but in the branch for arguments that are far out, and the same bits."""

import re
from dataclasses import replace

import llvmlite.binding as llvm
import numpy as np
import pytest

import fastgrad
from fastgrad.engine.simd import emission, families, traces
from fastgrad.engine.simd.arguments import KernelForm
from fastgrad.formulas import stencils
from fastgrad.llvm import lanes, machine
from fastgrad.llvm.memory import Memory
from fastgrad.program.differences import StepSource, differences
from fastgrad.program.trace.recording import trace

FUNCTIONS = {
    "sin": (lambda x: np.sin(x[0] * x[1]), 2),
    "bump": (lambda x: np.exp(-(x[0] ** 2) - x[1] ** 2) * np.cos(3 * x[0]) + np.log(1 + x[1] ** 2), 2),
    "sin and cos": (lambda x: np.sin(x[0]) * np.cos(x[0]) * x[1], 2),
    "power": (lambda x: x[0] ** x[1], 2),
    "tanh": (lambda x: np.tanh(x[0]) * np.arctan2(x[1], x[0]), 2),
    "rare": (lambda x: np.arcsin(np.expm1(x[0])) + np.hypot(x[0], np.log1p(x[1])) + np.cbrt(x[1]), 2),
}


def frame_of(f, d, width=None, source="rows"):
    program = trace(f, (d,))
    written = differences(program, stencils.gradient(d), StepSource("default"))
    written = replace(written, program=emission.paired(written.program, program))
    form = KernelForm(width or machine.lanes(), "default", "uniform", source, "rows", False, 0, True)
    return emission.Straight(written, form)


def blocks_of(assembly, function="kernel"):
    """The basic blocks of a function: lists of instructions."""
    text = re.search(rf"^_?{function}:.*?(?=^\.?L?func_end|^\.?Lfunc_end|\Z)", assembly, re.DOTALL | re.MULTILINE)[0]
    found = re.split(r"^(?:[.\w$\"]+:|\s*[#;/]+ ?%bb\.\d+:).*$", text, flags=re.MULTILINE)
    return [[line for line in block.splitlines() if re.match(r"\t\w", line)] for block in found]


def calls(block):
    return [line for line in block if re.match(r"\t(call\w*|blr?)\t", line)]


def fast(blocks):
    """How many instructions the longest block without calls has: what is done for a vector of points."""
    return max(len(block) for block in blocks if not calls(block))


@pytest.mark.parametrize("source", ["rows", "grid"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_calls_on_the_fast_path(name, source):
    frame = frame_of(*FUNCTIONS[name], source=source)
    text = emission.module(frame)
    assert frame.written_out
    blocks = blocks_of(machine.assembly(text, straight=source == "rows"))
    assert fast(blocks) > 25
    assert len([block for block in blocks if calls(block)]) == 1


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("triple", "processor", "width", "magic"),
    [
        ("aarch64-unknown-linux-gnu", "generic", 2, b"\x7fELF"),
        ("arm64-apple-darwin", "apple-m1", 2, b"\xcf\xfa\xed\xfe"),
        ("x86_64-pc-windows-msvc", "x86-64-v3", 4, b"\x64\x86"),
        ("x86_64-unknown-linux-gnu", "x86-64-v4", 8, b"\x7fELF"),
        ("x86_64-unknown-linux-gnu", "x86-64", 2, b"\x7fELF"),
    ],
)
def test_kernels_for_other_systems(name, triple, processor, width, magic, monkeypatch):
    monkeypatch.setattr(lanes, "is_fused", lambda: processor != "x86-64")
    text = emission.module(frame_of(*FUNCTIONS[name], width))
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(triple).create_target_machine(cpu=processor, opt=2)
    for kind in (target.emit_object, target.emit_assembly):
        module = llvm.parse_assembly(text, machine._context())
        module.triple, module.data_layout = triple, str(target.target_data)
        made = kind(module)
        if isinstance(made, bytes):
            assert made.startswith(magic)
        else:
            assert fast(blocks_of(made)) > 25


POINTS = np.random.default_rng(0).uniform(0.2, 0.6, (203, 2))
FAR = np.array([[1e9, 0.5], [0.5, 1e9], [np.inf, 1.0], [np.nan, 0.3], [5e-324, 0.4], [0.4, -800.0], [0.0, -0.0]])


@pytest.mark.parametrize("method", ["central", "exact"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_rows_have_their_bits_whatever_is_beside_them(name, method):
    f, points = FUNCTIONS[name][0], POINTS.copy()
    wanted = fastgrad.gradient(f, points, batch=True, engine="simd", method=method)
    with np.errstate(all="ignore"):
        alone = fastgrad.gradient(f, np.tile(FAR, (29, 1)), batch=True, engine="simd", method=method)
        places = np.arange(3, 200, 7)
        points[places] = FAR[np.arange(len(places)) % len(FAR)]
        found = fastgrad.gradient(f, points, batch=True, engine="simd", method=method)
    rest = np.setdiff1d(np.arange(len(points)), places)
    assert (found[rest].view(np.int64) == wanted[rest].view(np.int64)).all()
    np.testing.assert_array_equal(found[places], alone[: len(places)])


def test_bits_are_those_of_functions_apart(monkeypatch):
    f = FUNCTIONS["bump"][0]
    wanted = fastgrad.gradient(f, POINTS, batch=True, engine="simd")
    monkeypatch.setattr(emission, "WRITTEN_OUT", 0)
    for place, memo in ((families, "_families"), (traces, "_traces")):
        monkeypatch.setattr(place, memo, Memory(families.KEPT))
    assert (fastgrad.gradient(f, POINTS, batch=True, engine="simd") == wanted).all()


def test_what_is_done_again_is_a_function_apart_but_over_grids():
    for source, apart in (("rows", True), ("grid", False)):
        text = emission.module(frame_of(*FUNCTIONS["bump"], source=source))
        assert ("@kernel.again" in text) == apart
        assert len(re.findall("call i64 @kernel.again", text)) == apart


def test_many_functions_are_called():
    d = 40
    frame = frame_of(lambda x: np.sum(np.sin(x)), d)
    assert not frame.written_out
    assert len(calls(max(blocks_of(machine.assembly(emission.module(frame), straight=True)), key=len))) == 2 * d
    assert frame_of(lambda x: np.sum(np.sin(x)), 10).written_out
    assert not frame_of(lambda x: np.sum(x**2), 10).written_out


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_have_the_same_bits_in_all_kernels(name):
    """A sine does not depend on whether a derivative needs its cosine."""
    f = FUNCTIONS[name][0]
    values = fastgrad.value_and_gradient(f, POINTS, batch=True, engine="simd")
    for method in ("central", "exact"):
        found = fastgrad.value_and_gradient(f, POINTS, batch=True, engine="simd", method=method)
        assert (found[0] == values[0]).all()
        assert (found[1] == fastgrad.gradient(f, POINTS, batch=True, engine="simd", method=method)).all()


def test_sine_and_cosine_share_what_they_have_in_common():
    f = FUNCTIONS["sin and cos"][0]
    text = emission.module(frame_of(f, 2))
    both = max(blocks_of(machine.assembly(text, straight=True)), key=len)
    alone = emission.module(frame_of(lambda x: np.sin(x[0]) * np.cos(x[0] + 1.0) * x[1], 2))
    assert len(both) < len(max(blocks_of(machine.assembly(alone, straight=True)), key=len))


ARITHMETIC = {
    "product": lambda x: x[0] * x[1],
    "Rosenbrock": lambda x: np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2),
    "quotients": lambda x: np.sum(x[:-1] / (1.0 + x[1:] ** 2)),
    "norm": lambda x: np.sqrt(np.sum(x * x)),
    "choice": lambda x: np.where(x[0] > x[1], x[0] * x[1], x[0]) * np.maximum(x[1], 0.5),
}


@pytest.mark.parametrize("d", [2, 6])
@pytest.mark.parametrize("name", ARITHMETIC)
def test_all_passes_make_no_shorter_loop_of_points_in_rows(name, d):
    frame = frame_of(ARITHMETIC[name], d)
    text = emission.module(frame)
    few, every = (max(map(len, blocks_of(machine.assembly(text, straight=straight)))) for straight in (True, False))
    assert few <= 1.05 * every
