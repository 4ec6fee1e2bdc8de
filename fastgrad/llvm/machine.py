"""LLVM IR to machine code: compiled once, kept in the process and in a folder for the next one.

In the process code lives as long as somebody holds a function of it. 32 MB of it are held here for calls to come;
beyond, what was not used for the longest time goes, and is read from the folder when it is needed again.

The folder is ``FASTGRAD_CACHE_DIR`` or ``fastgrad`` in the user's cache folder. A file is named by the digest of the
text it was compiled from, of the processor and of LLVM's version, and begins with the digest of its own content, so
that processes can write at the same time, and a damaged file counts as missing. A folder that cannot be
written is no error.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from ctypes import CFUNCTYPE, c_int64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

from .binding import llvm, llvmlite
from .calls import load_libraries
from .interrupts import deferred_interrupt
from .memory import Memory
from .vectormath import enabled

# Files: above the first number, the oldest go down to the second. Our tests make 4300 of 7 kB; of a folder that holds
# fewer than are made in turn, each is gone when it is asked for again.
LARGEST_NUMBER, OLDEST_NUMBER = 8192, 6144
# Their number is looked at by each process's first file and every so many: 1.2 ms with 3400 of them, for a file 0.5 ms.
LOOKED_AFTER = 32

LIMIT = 32 << 20  # bytes of machine code, and of what is held around it
# Bytes beside the code itself: 41 kB of LLVM's objects, more than half of them a target machine for each engine, and
# two mappings of a page. A process may have 65 530 mappings, and LLVM ends it when it gets no more.
AROUND = 49_000

KERNEL = CFUNCTYPE(c_int64, c_int64, c_int64, c_void_p)
Place = tuple[str, str]  # the digest of a module's text, and a function's name

_written = itertools.count()
lock = threading.RLock()  # only one thread makes code, and a fork waits for it
kept: Memory[dict[str, Any]] = Memory(LIMIT)  # the functions of a module, by the digest of its text


def functions(text: str, *names: str, quick: bool = False, straight: bool = False) -> list[Any]:
    """The functions of a module, callable with (start, stop, address of the arguments); calls release the GIL.

    `quick` code is made in a tenth of the time and keeps nothing in registers from one operation to the next.
    `straight` code is loops with long bodies, out of which nothing can be moved. The code lives as long as one of the
    functions, whose `address` alone does not keep it; `place` is where `kept` has them.
    """
    digest = key(text + "; quick" * quick + "; straight" * straight)
    with lock:
        found = kept.get(digest)
        if found is None:
            with deferred_interrupt():
                code = stored(digest, lambda: _object(text, quick, straight))
                found = kept.keep(digest, _load(digest, code, names), len(code) + AROUND)
    return [found[name] for name in names]


def assembly(text: str, *, straight: bool = False) -> str:
    """The machine code as text: what the tests look at."""
    return str(_machine().emit_assembly(_optimised(text, straight)))


@cache
def lanes() -> int:
    """Doubles in a vector register of this processor."""
    features = llvm.get_host_cpu_features()
    if not _is_x86():
        return 2
    return 8 if _wide(features) else 4 if features.get("avx2") else 2


def _wide(features: Any) -> bool:
    return all(features.get(name) for name in ("avx512f", "avx512dq", "avx512vl"))


def _is_x86() -> bool:
    return triple().startswith(("x86_64", "amd64"))


def triple() -> str:
    """LLVM's name of this process's processor and system."""
    name: str = llvm.get_process_triple()
    return name


@cache
def _machine() -> Any:
    """The target that code is made for."""
    return _new_machine()


def _new_machine(effort: int = 2) -> Any:
    return _target().create_target_machine(cpu=_processor(), features=_features(), opt=effort, jit=True)


@cache
def _target() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    load_libraries()
    return llvm.Target.from_default_triple()


@cache
def _context() -> Any:
    """A context of our own: llvmlite 0.44 makes those for typed pointers, which the text does not use, by default."""
    place, name = llvm.context, "opaque_pointers_enabled"
    typed = getattr(place, name, True) is False
    try:
        if typed:
            setattr(place, name, True)
        return llvm.create_context()
    finally:
        if typed:
            setattr(place, name, False)


@cache  # 0.1 ms, of 0.4 for a machine
def _processor() -> str:
    name: str = llvm.get_host_cpu_name()
    return name


@cache
def _features() -> str:
    return str(llvm.get_host_cpu_features().flatten())


@cache
def surroundings() -> bytes:
    """What machine code depends on beside its text."""
    parts = (triple(), _processor(), _features(), llvmlite.__version__, str(enabled()))
    return "\n".join(parts).encode()


def key(text: str) -> str:
    """The digest of a text and of all else that what is made of it depends on."""
    return hashlib.sha256(surroundings() + text.encode()).hexdigest()


def stored(digest: str, make: Callable[[], bytes]) -> bytes:
    """What `make` makes, from the folder or made now."""
    code = _read(digest)
    if code is None:
        code = make()
        _write(digest, code)
    return code


def _object(text: str, quick: bool, straight: bool) -> bytes:
    """The object file of a module."""
    if quick:
        return bytes(_new_machine(0).emit_object(_module(text)))
    return bytes(_machine().emit_object(_optimised(text, straight)))


def _load(digest: str, code: bytes, names: tuple[str, ...]) -> dict[str, Any]:
    """The functions of an object file. Each holds the engine, which has the code and goes with the last of them."""
    engine = _new_engine()
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    addresses = {name: engine.get_function_address(name) for name in names}
    found: dict[str, Any] = {name: KERNEL(address) for name, address in addresses.items()}
    for name, function in found.items():
        function.engine, function.place, function.address = engine, (digest, name), addresses[name]
    return found


def _new_engine() -> Any:
    """An engine that compiles nothing: with a machine for this processor, or a module, it takes 1 ms and not 0.15."""
    nothing, machine = llvm.parse_assembly("", _context()), _target().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(nothing, machine)  # which it will own
    engine.remove_module(nothing)
    return engine


def parsed(text: str) -> Any:
    """The module of a text, for no machine yet."""
    module = llvm.parse_assembly(text, _context())
    module.verify()
    return module


def _module(text: str) -> Any:
    machine, module = _machine(), parsed(text)
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    return module


def _optimised(text: str, straight: bool = False) -> Any:
    """The module after LLVM's passes; the vectorisers stay out, the vectors are explicit."""
    module = _module(text)
    if not (straight and _shorten(module)):
        simplify(module)
    return module


def _shorten(module: Any) -> bool:
    """A few of the passes: 1 ms instead of 14, and code as fast where nothing can be moved out of a loop.

    A first call takes two thirds of the time for it, and kernels 0.87 to 1.04 times that of all passes; but over a
    grid, whose outer coordinates stay the same along a row, 1.3 to 2 times. What a block of instructions computes twice
    is found later, when they are selected. False if llvmlite does not have the passes (0.44).
    """
    passes = llvm.create_new_module_pass_manager()
    try:
        for name in ("sroa", "simplify_cfg", "loop_rotate", "sccp", "dead_code_elimination"):
            getattr(passes, f"add_{name}_pass")()
    except AttributeError:
        return False
    builder = llvm.create_pass_builder(_machine(), llvm.create_pipeline_tuning_options(speed_level=1))
    passes.run(module, builder)
    _free(passes)
    return True


def simplify(module: Any, machine: Any = None) -> None:
    """LLVM's passes but for those that make other loops of loops; for another machine than this one if one is given."""
    machine = machine or _machine()
    tuning = llvm.create_pipeline_tuning_options(speed_level=1)
    tuning.loop_vectorization = tuning.slp_vectorization = tuning.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, tuning)
    passes = builder.getModulePassManager()
    passes.run(module, builder)
    _free(passes)


def _free(passes: Any) -> None:
    with suppress(AttributeError):  # llvmlite, up to 0.50 at least, never frees them: 63 kB for each module
        llvm.ffi.lib.LLVMPY_DisposeNewModulePassManger(passes)
        passes.detach()


# --- the folder ------------------------------------------------------------------------------------------------------


def folder() -> Path:
    """Where machine code is kept; OSError where there is no home directory."""
    given = os.environ.get("FASTGRAD_CACHE_DIR")
    if given:
        return Path(os.path.expanduser(given))
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "~/AppData/Local")
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME", "")
        base = base if os.path.isabs(base) else "~/.cache"  # a relative one is to be ignored, the standard says
    try:
        path = Path(base).expanduser() if os.environ.get("HOME") != "" else _of_the_user(base)
    except RuntimeError as error:
        raise OSError(str(error)) from error
    if not path.is_absolute():
        msg = f"there is no home directory for the cache {base!r}; set FASTGRAD_CACHE_DIR"
        raise OSError(msg)
    return path / "fastgrad"


def _of_the_user(base: str) -> Path:
    """`~` by the list of users, where HOME is set and empty."""
    import pwd  # noqa: PLC0415  not on Windows

    with suppress(KeyError):
        return Path(base.replace("~", pwd.getpwuid(os.getuid()).pw_dir, 1))
    return Path(base)


def _is_ours(path: Path) -> bool:
    """Whether nobody but this user, and root, can have written what is there: it is going to be executed."""
    if not hasattr(os, "getuid"):
        return True
    found = path.stat()
    return found.st_uid in {os.getuid(), 0} and not found.st_mode & 0o022


def _read(digest: str) -> bytes | None:
    try:
        path = folder() / f"{digest}.o"
        if not _is_ours(path.parent) or not _is_ours(path):
            return None
        content = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content[32:]).digest() != content[:32]:
        return None
    with suppress(OSError):
        os.utime(path)  # the least recently used go first
    return content[32:]


def _write(digest: str, code: bytes) -> None:
    """Write to a file of another name and rename it: readers see the whole file or none."""
    with suppress(OSError):
        folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(folder()):
            return
        handle, name = tempfile.mkstemp(dir=folder(), prefix=f"{digest}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(code).digest() + code)
            os.replace(name, folder() / f"{digest}.o")
        except OSError:
            os.unlink(name)
            raise
        if not next(_written) % LOOKED_AFTER:
            _prune()


def _prune() -> None:
    place = folder()
    names = [name for name in os.listdir(place) if name.endswith(".o")]  # a third of the time of glob
    if len(names) > LARGEST_NUMBER:
        for path in sorted(map(place.joinpath, names), key=lambda p: p.stat().st_mtime)[:-OLDEST_NUMBER]:
            path.unlink(missing_ok=True)
