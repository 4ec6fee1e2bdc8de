"""The text of GPU kernels as PTX: NVIDIA's assembler takes it, and it does what f does, operation by operation."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest

from fastgrad.engine.cuda.emission import text_for_device
from fastgrad.engine.cuda.ptx import ARCHITECTURES, assembled
from fastgrad.formulas import stencils
from fastgrad.formulas.samples import SAMPLES
from fastgrad.llvm.vectormath import CALLING, OWN
from fastgrad.program.differences import differences
from fastgrad.program.exact import exact
from fastgrad.program.trace.recording import trace

KNOWN = [name for name, version in ARCHITECTURES.items() if llvm.llvm_version_info[0] >= version]


def assembler():
    """ptxas of the development group, or of a toolkit."""
    spec = importlib.util.find_spec("nvidia.cuda_nvcc") if importlib.util.find_spec("nvidia") else None
    places = [Path(place, "bin", "ptxas") for place in spec.submodule_search_locations] if spec else []
    return next((str(path) for path in places if path.exists()), shutil.which("ptxas"))


def written(f, d, method):
    program = trace(f, (d,))
    if method == "exact":
        return exact(program, stencils.gradient(d, method="exact"), value=True)
    return differences(program, stencils.gradient(d), value=True)


def all_operations(x):
    """Whatever a program may have that needs no C library."""
    y = np.sin(x) + np.cos(x) * np.tan(x) + np.exp(x) * np.exp2(x) + np.expm1(x) + np.sinh(x) + np.cosh(x) + np.tanh(x)
    y = y + np.log(x) + np.log1p(x) * np.log2(x) + np.log10(x) + np.arctan(x) + np.arcsin(x) + np.arccos(x) + np.cbrt(x)
    y = y + np.arcsinh(x) + np.arccosh(1 + x) + np.arctanh(x) + np.hypot(x, 2.0) + np.arctan2(x, 3.0) + x**1.7
    y = (
        y
        + np.floor(x)
        + np.ceil(x)
        + np.trunc(x)
        + np.rint(x)
        + np.sign(x)
        + np.abs(x) / np.sqrt(x)
        + np.copysign(x, -x)
    )
    y = (
        y
        + np.where((x > 0.5) & ~np.isnan(x) | np.isinf(x), np.minimum(x, 0.3), np.maximum(x, 0.7))
        + np.logaddexp(x, 1)
    )
    compared = (x == 0.5) | (x != 0.6) & (x <= 0.5) | (x >= 0.7) ^ (x < 2.0)
    return np.sum(y + np.fmin(x, 0.1) + np.fmax(x, 0.2) + np.where(compared, x, 2.0 * x))


@pytest.mark.parametrize(("method", "architecture"), [("central", KNOWN[0]), *(("exact", name) for name in KNOWN)])
def test_it_assembles(method, architecture, tmp_path):
    code = assembled(text_for_device(written(all_operations, 2, method)), architecture)
    assert f".target {architecture}\n" in code
    assert code.count(".visible .entry kernel") == 1
    assert ".extern" not in code
    tool = assembler()
    if tool is None:
        pytest.skip("ptxas is not there: the development group has it for Linux on x86_64")
    (tmp_path / "kernel.ptx").write_text(code)
    command = [tool, f"-arch={architecture}", "-o", str(tmp_path / "kernel.cubin"), str(tmp_path / "kernel.ptx")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("method", ["central", "exact"])
@pytest.mark.parametrize("name", SAMPLES)
def test_of_the_samples(name, method):
    sample = SAMPLES[name]
    code = assembled(text_for_device(written(sample.f, sample.dimension or 10, method)), KNOWN[0])
    assert code.count(".visible .entry kernel") == 1


def test_operations_of_f_are_not_fused():
    def f(x):
        return x[0] * x[0] - x[1] * x[1]

    code = assembled(text_for_device(differences(trace(f, (2,)), stencils.value())), KNOWN[0])
    assert len(re.findall(r"mul\.rn\.f64", code)) >= 2
    assert not re.search(r"fma\.", code)


def test_neighbouring_threads_read_neighbouring_numbers():
    """Strides are the kernel's arguments, and every array is read and written in the device's own memory."""
    made = written(SAMPLES["rosenbrock"].f, 10, "central")
    code = assembled(text_for_device(made), KNOWN[0])
    moves = re.findall(r"\b(?:ld|st)\.(\w+)", code)
    assert {"global"} <= set(moves) <= {"global", "param"}
    assert moves.count("global") == 10 + len(made.program.constants) + 10 + 2  # f and its mark come last


def test_an_architecture_that_llvm_does_not_know():
    with pytest.raises(ValueError, match="'sm_35' is not one of sm_70, sm_75"):
        assembled(text_for_device(written(SAMPLES["rosenbrock"].f, 2, "exact")), "sm_35")


def test_functions_are_our_own():
    code = assembled(text_for_device(written(all_operations, 1, "central")), KNOWN[0])
    assert "__nv_" not in code
    assert OWN.keys() | CALLING.keys() >= {"sin", "exp", "log", "softplus"}
