"""Loops with holes: kept in a folder, of which no process makes again what another has made."""

import itertools
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
from numba import config, types

from fastgrad import gradient
from fastgrad.engine.jit import bitcode, functions, linking
from fastgrad.engine.jit.bitcode import Loop, loop

X = np.array([[0.5, -1.0], [2.0, 0.25]])
F = types.float64(types.float64[::1])


class Pair(NamedTuple):
    """A type of the user's."""

    a: float
    b: float


PAIR = types.NamedUniTuple(types.float64, 2, Pair)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty one, for a process that has no loop and no function yet."""
    monkeypatch.setenv("FASTGRAD_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(linking, "_loops", {})
    monkeypatch.setattr(functions, "_versions", {})
    return tmp_path


@pytest.fixture
def numbered(folder, monkeypatch):
    """Loops that are numbered instead of compiled."""
    count = itertools.count()
    monkeypatch.setattr(bitcode, "_made_loop", lambda made, signature: Loop(b"code\n%d" % next(count), f"{made}.f"))
    return folder


def number(kind=("axes", True), signature=(types.float64, types.int64), f=F):
    """The how manieth loop it is that is found for these."""
    found = loop(lambda: "made", kind, signature, [f])
    assert found.name == "made.f"
    return int(found.code.removeprefix(b"code\n"))


def test_made_once(numbered):
    assert [number(), number()] == [0, 0]
    assert len(list(numbered.glob("*"))) == 1


def test_each_kind_and_type_has_its_own(numbered):
    kinds = [("axes", True), ("axes", False), ("axes", True, np.sin), ("axes", True, np.cos)]
    signatures = [(types.float64, types.int64), (types.float64,), (types.float64[::1], types.int64)]
    holes = [F, types.float64(types.complex128[::1]), types.int64(types.float64[::1])]
    places = list(itertools.product(kinds, signatures, holes))
    assert [number(*place) for place in places * 2] == list(range(len(places))) * 2


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b[:40] + b"?" + b[41:], lambda b: b""], ids=["short", "a byte", "empty"]
)
def test_a_damaged_file_counts_as_missing(numbered, damage):
    assert number() == 0
    (file,) = numbered.glob("*")
    file.write_bytes(damage(file.read_bytes()))
    assert [number(), number()] == [1, 1]


def test_loops_for_types_of_the_user_are_not_kept(numbered):
    assert [number(signature=(types.float64, types.Tuple([PAIR]))) for _ in range(2)] == [0, 1]
    assert [number(f=PAIR(types.float64[::1])) for _ in range(2)] == [2, 3]
    assert not list(numbered.glob("*"))


@pytest.mark.parametrize(
    ("kind", "plain"),
    [
        (types.float64, True),
        (types.Array(types.float32, 2, "A", readonly=True), True),
        (types.UniTuple(types.int64, 2), True),
        (types.Tuple([types.float64, types.complex128[::1], types.boolean]), True),
        (PAIR, False),
        (types.Tuple([PAIR, types.float64]), False),
        (types.Array(types.Record.make_c_struct([("a", types.float64)]), 1, "C"), False),
        (types.unicode_type, False),
    ],
    ids=str,
)
def test_types_whose_names_say_all(kind, plain):
    assert bitcode.is_plain(kind) == plain


def test_settings_sources_and_versions_are_told_apart(numbered, monkeypatch):
    assert number() == 0
    monkeypatch.setattr(config, "BOUNDSCHECK", 1)
    assert number() == 1
    monkeypatch.setattr(bitcode, "_surroundings", lambda: ("another version",))
    assert number() == 2


def test_sources_and_versions():
    python, numba, numpy, digest = bitcode._surroundings()
    assert (python, numpy) == (sys.version, np.__version__)
    assert numba.startswith("0.")
    assert len(digest) == 64


PROCESS = """
import numpy as np
from fastgrad import gradient
from fastgrad.engine.jit import bitcode, linking
bitcode._made_loop, make, made = None, linking.kernel, []
linking.kernel = lambda launch: made.append(make(launch)) or made[-1]
found = gradient(lambda x: x[0] / x[1], np.array({}), batch=True, engine="jit").tobytes().hex()
print(found, *[sum(launcher.stats.cache_hits.values()) for launcher in made])
"""


def test_another_process_gets_the_same_bits(folder, monkeypatch):
    libraries, simplified = [], bitcode._simplified
    monkeypatch.setattr(bitcode, "_simplified", lambda *given: libraries.append(given[0]) or simplified(*given))
    own = gradient(lambda x: x[0] / x[1], X, batch=True, engine="jit")
    np.testing.assert_array_equal(own, gradient(lambda x: x[0] / x[1], X, batch=True, engine="reference"))
    (library,) = libraries
    with pytest.raises(RuntimeError, match="no compiled object"):  # no machine code was made of the loop
        library._get_compiled_object()
    given = [sys.executable, "-c", PROCESS.format(X.tolist())]
    done = subprocess.run(given, capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout.strip()) == ("", own.tobytes().hex() + " 1")  # nor what calls it compiled again


@pytest.mark.parametrize(("kind", "kept"), [(types.float64, 1), (types.Tuple([PAIR]), 0)])
def test_what_calls_loops_is_kept_unless_there_is_a_type_of_the_user(kind, kept, monkeypatch):
    on_disk = []
    monkeypatch.setattr(linking, "kernel", lambda launch: on_disk.append(launch) or linking.njit(launch))
    launcher = linking._launcher(lambda address, value: address, (kind,))
    assert launcher(7, 1.0 if kept else (Pair(1.0, 2.0),)) == 7
    assert len(on_disk) == kept


def test_a_disk_without_room_is_no_error(monkeypatch):
    from numba.core.caching import IndexDataCacheFile

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "_save_index", full)
    launcher = linking._launcher(lambda address, value: address, (types.float64,))
    assert launcher(7, 1.0) == 7


def test_what_a_loop_calls_can_be_called_by_f():
    """np.empty, which Numba has compiled for a loop before."""

    def f(x):
        whole = np.empty(x.size)
        whole[0], whole[1] = x[1], x[0]
        return whole[0] * whole[1]

    gradient(lambda x: x[0] + x[1], X, batch=True, engine="jit")
    np.testing.assert_allclose(gradient(f, X, batch=True, engine="jit"), X[:, ::-1], rtol=1e-9)
