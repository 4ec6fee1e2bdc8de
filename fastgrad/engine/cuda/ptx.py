"""A module's text as PTX, which the driver of an NVIDIA GPU compiles; LLVM makes it, without a GPU or a toolkit."""

from __future__ import annotations

from typing import Any

from ...llvm import machine
from ...llvm.binding import llvm

TRIPLE = "nvptx64-nvidia-cuda"
# LLVM ends the process where an architecture is not one of its own, or its PTX is too old for it; so these are what
# ptxas has taken, and from which version of LLVM on they are asked for.
ARCHITECTURES = {
    "sm_70": 15, "sm_75": 15, "sm_80": 15, "sm_86": 15, "sm_89": 17, "sm_90": 17, "sm_100": 21, "sm_120": 21,
}  # fmt: skip


def assembled(text: str, architecture: str) -> str:
    """The PTX of a module.

    Raises
    ------
    ValueError
        An architecture that this LLVM is not asked for.
    """
    known = [name for name, version in ARCHITECTURES.items() if llvm.llvm_version_info[0] >= version]
    if architecture not in known:
        msg = f"architecture={architecture!r} is not one of {', '.join(known)}"
        raise ValueError(msg)
    with machine.lock:
        target = _target(architecture)
        module = machine.parsed(text)
        module.triple, module.data_layout = target.triple, str(target.target_data)
        machine.simplify(module, target)
        return str(target.emit_assembly(module))


def _target(architecture: str) -> Any:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(TRIPLE).create_target_machine(cpu=architecture, opt=2)
