"""What f may do with its argument and may return: noticed by one look; what the functions beside it tell."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

from fastgrad.formulas.values import as_number
from fastgrad.program import look
from fastgrad.program.look import CoarserError, Look, agree, first_answer, is_elementwise, quiet, reacts, references
from fastgrad.results import EPS

X = np.array([1.0, 2.0, 3.0])


def lend(seen, buffer):
    """A call as an engine makes it: the value, and the buffer for the next one."""
    held = references(buffer)
    value = seen.read(seen.call(buffer))
    return value, buffer if references(buffer) == held else seen.leave(buffer)


# --- what is known after the first call ------------------------------------------------------------------------------


def test_f_that_does_nothing_special_is_called_as_it_is():
    def f(x, *args):
        return x[0] * x[1]

    plain, more = Look(f), Look(f, (1.0, 2.0))
    buffer = X.copy()
    for seen in (plain, more):
        assert lend(seen, buffer) == (2.0, buffer)
        assert lend(seen, buffer) == (2.0, buffer)
    assert plain.call is f
    assert (plain.eps, plain.shape) == (EPS, ())


def test_the_first_call_gets_an_array_of_its_own():
    given = []
    Look(lambda x: given.append(x) or 1.0).call(X)
    assert given[0] is not X
    assert not np.may_share_memory(given[0], X)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_lower_precision_is_said_once(dtype):
    seen = Look(lambda x: dtype(x[0] / 3.0))
    with pytest.raises(CoarserError) as coarser:
        seen.call(X)
    assert coarser.value.eps == seen.eps == np.finfo(dtype).eps
    assert seen.count == 1  # what the raised call cost; others are counted by the loop that makes them
    assert seen.call(X) == pytest.approx(1.0 / 3.0, rel=1e-3)


def test_the_shape_of_arrays_is_noticed_and_kept_to():
    reserved = []
    seen = Look(lambda x: x[: int(x[0])] * 2.0, shape=None, reserve=reserved.append)
    assert seen.shape is None
    assert seen.read(seen.call(np.array([2.0, 5.0, 6.0]))).tolist() == [4.0, 10.0]
    assert seen.shape == (2,)
    seen.read(seen.call(np.array([3.0, 5.0, 6.0])))
    assert reserved == [(2,), (3,)]  # it is for the engine to refuse another one


def test_f_must_return_one_number_or_numbers():
    with pytest.raises(ValueError, match="one number"):
        Look(lambda x: x).call(X)
    with pytest.raises(TypeError, match="str"):
        Look(lambda x: "no").call(X)


# --- writes ----------------------------------------------------------------------------------------------------------


def test_f_that_writes_at_its_first_call_gets_copies():
    def f(x):
        x += 1.0
        return x[0]

    seen, buffer = Look(f), X.copy()
    assert [lend(seen, buffer)[0] for _ in range(3)] == [2.0, 2.0, 2.0]
    assert (buffer == X).all()


@pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")  # NumPy 2.5
def test_f_that_gives_its_argument_another_shape_gets_copies():
    def f(x):
        x.shape = (3, 1)
        return x[0, 0]

    seen, buffer = Look(f), X.copy()
    assert [lend(seen, buffer)[0] for _ in range(3)] == [1.0, 1.0, 1.0]
    assert buffer.shape == (3,)


def test_f_that_wrote_later_gets_copies_when_the_engine_says_so():
    calls = []

    def f(x):
        calls.append(0)
        if len(calls) == 2:
            x[:] = 0.0
        return 1.0

    seen, buffer = Look(f), X.copy()
    lend(seen, buffer)
    lend(seen, buffer)
    assert not buffer.any()
    seen.give_copies()
    given = []
    seen.f = lambda x: given.append(x) or 1.0
    seen.call(buffer)
    assert not np.may_share_memory(given[0], buffer)


# --- keeps -----------------------------------------------------------------------------------------------------------

ATTIC: list = []


def in_a_cycle(x):
    box = []
    box.append((box, x))


KEEPS = {
    "itself": ATTIC.append,
    "a view": lambda x: ATTIC.append(x[1:]),
    "a view of a view": lambda x: ATTIC.append(x[None][:, ::2].T),
    "a matrix": lambda x: ATTIC.append(x.view(np.matrix)),
    "a memoryview": lambda x: ATTIC.append(memoryview(x)),
    "a closure": lambda x: ATTIC.append(lambda: x),
    "an iterator": lambda x: ATTIC.append(iter(x)),
    "in a cycle": in_a_cycle,
}


@pytest.mark.parametrize("keep", KEEPS.values(), ids=KEEPS)
@pytest.mark.parametrize("when", [1, 2, 4])
def test_what_f_keeps_is_left_to_it(keep, when):
    calls = []

    def f(x):
        calls.append(x.tobytes())
        if len(calls) >= when:
            keep(x)
        return x[0]

    ATTIC.clear()
    seen, buffer, lent = Look(f), X.copy(), []
    for k in range(6):
        buffer[0] = k
        lent.append(id(buffer))
        value, buffer = lend(seen, buffer)
        assert value == k
    assert len(set(lent)) == (1 if when == 1 else 2)  # copies from then on
    firsts = [a for a in ATTIC if type(a) is np.ndarray and a.size == 3]
    assert [a[0] for a in firsts] == list(range(when - 1, 6))[: len(firsts)]


def test_what_f_returns_or_looks_at_is_not_kept():
    for f in (np.sum, lambda x: x[1:].sum(), lambda x: x[0], lambda x: x[:1], lambda x: float(np.dot(x, x))):
        seen, buffer = Look(f), X.copy()
        for _ in range(3):
            assert lend(seen, buffer)[1] is buffer


def test_reference_counts_tell_on_this_interpreter():
    assert look.COUNTS_TELL


def test_without_reference_counts_every_call_gets_a_copy():
    code = """
import sys
del sys.getrefcount
import numpy as np
from fastgrad import gradient
from fastgrad.program import look
assert not look.COUNTS_TELL
given = []
assert gradient(lambda x: given.append(x) or x[0] * x[1], np.array([2.0, 3.0])).round(6).tolist() == [3.0, 2.0]
assert len({x.tobytes() for x in given}) == 4
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# --- by definition ---------------------------------------------------------------------------------------------------


def test_asking_counts_and_finds_the_lowest_precision():
    seen = Look(lambda x, kind: kind(x))
    assert (seen.ask(1.5, float), seen.count, seen.eps) == (1.5, 1, EPS)
    assert (seen.ask(1.5, np.float16), seen.ask(1.5, np.float32)) == (1.5, 1.5)
    assert (seen.count, seen.eps) == (3, np.finfo(np.float16).eps)


# --- what one call does not show -------------------------------------------------------------------------------------


def test_elementwise():
    values = np.linspace(0.1, 2.0, 5)
    assert is_elementwise(np.sin, values)
    assert is_elementwise(lambda t, a: a * t, values, (2.0,))
    assert not is_elementwise(np.cumsum, values)
    assert not is_elementwise(np.sum, values)
    assert not is_elementwise(lambda t: t - np.mean(t), values)

    def writing(t):
        t *= 2.0
        return t

    assert is_elementwise(writing, values)
    assert (values == np.linspace(0.1, 2.0, 5)).all()


def test_reacts():
    assert reacts(np.sum, X.copy(), X + 1.0)
    assert reacts(lambda x, k: k * x, X.copy(), X + 1.0, (2.0,))
    assert not reacts(lambda x: 3.0, X.copy(), X + 1.0)
    assert not reacts(lambda x: 1j * x, X.copy(), X + 1.0, part=np.real)
    assert reacts(lambda x: 1.0 / 0.0, X.copy(), X + 1.0)  # it raises
    assert reacts(lambda x: np.nan, X.copy(), X + 1.0)
    assert not reacts(lambda x: [[2.0]], X.copy(), X + 1.0, part=as_number)
    assert reacts(lambda x: np.log(x - 2.0), X.copy(), X + 1.0)  # and warns, which nobody hears


def test_quiet():
    with quiet():
        assert np.isnan(np.sqrt(np.float64(-1.0)))
        warnings.warn("nobody hears this", stacklevel=1)


def test_first_answer():
    def f(x, a):
        if x < 2:
            msg = f"{x} is too small"
            raise ValueError(msg)
        return a * x

    assert first_answer(f, [(1, 5.0), (3, 5.0), (4, 5.0)]) == (1, 15.0)
    number, error = first_answer(f, [(0, 1.0), (1, 1.0)])
    assert number is None
    assert str(error) == "0 is too small"


NAN, INF = np.nan, np.inf


WRAPS = {"float": float, "row": lambda v: np.array([1.0, v]), "matrix": lambda v: np.array([[v]])}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_agreement(wrap):
    for a, b in [(1.0, 1.0 + 5e-9), (0.0, 1e-15), (NAN, NAN), (INF, INF), (-INF, -INF), (1e300, 1e300), (0.0, -0.0)]:
        assert agree(wrap(a), wrap(b))
        assert agree(wrap(b), wrap(a))
    for a, b in [(1.0, 1.0 + 5e-8), (0.0, 1e-13), (NAN, 1.0), (INF, 1.0), (INF, -INF), (1.0, -1.0)]:
        assert not agree(wrap(a), wrap(b))
        assert not agree(wrap(b), wrap(a))


def test_agreement_by_the_largest_number():
    a, b = np.array([1.0, 1e-12, INF, NAN]), np.array([1.0, 0.0, INF, NAN])
    assert not agree(a, b)
    assert agree(a, b, by_largest=True)
    assert not agree(np.array([1.0, 1e-7]), np.array([1.0, 0.0]), by_largest=True)
    assert not agree(np.array([1.0, 1.0]), np.array([1.0, INF]), by_largest=True)
    assert not agree(np.ones(2), np.ones(3))
    assert not agree(1.0, np.ones(1))
