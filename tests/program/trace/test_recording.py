"""Tracing: what is recorded computes what f computes, and everything else is refused with a reason.

Functions of math are swapped for ones that trace; exceptions that f swallows are seen, those of the tracer are not.
"""

import copy
import functools
import importlib.util
import math
import pickle
import random
from math import log as ln
from math import sin as sine
from pathlib import Path

import numpy as np
import pytest

from fastgrad.formulas.samples import CURVES, SAMPLES
from fastgrad.program import captures
from fastgrad.program.captures import shares_state
from fastgrad.program.dependence import support_of, supports
from fastgrad.program.program import OPERATIONS, Program, evaluate
from fastgrad.program.trace import arrays, recording, retargeted
from fastgrad.program.trace.recording import Untraceable, trace

RNG = np.random.default_rng(7)
A = RNG.normal(size=(3, 3))
B = RNG.normal(size=3)
T = np.linspace(0.0, 1.0, 4)
BUFFER = np.zeros(3)
SCALE = 1.5


def names(program: Program) -> list[str]:
    return [node[0] for node in program.nodes]


def helper(v):
    return math.sin(v) + SCALE


def loop_rosenbrock(x):
    total = 0.0
    for i in range(x.shape[0] - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2
    return total


def softmax_loss(x):
    z = A @ x + B
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return -np.log((e / e.sum())[1])


def item_assignment(x):
    y = np.zeros_like(x)
    y[0] = x[1]
    y[1:] = x[:-1] * 2
    y += 1
    y[2] -= x[0]
    return np.sum(y**2)


def masked_assignment(x):
    y = x.copy()
    y[y < 0.7] = 0.25
    return np.prod(y)


def object_array(x):
    v = np.array([x[0], 2.0, x[1] * x[2]])
    return v.sum() + np.asarray(x).dot(B)


def buffer_of_the_same_type(x):
    y = np.zeros(4, dtype=x.dtype)
    y[1:] = x
    return np.linalg.norm(y)


def euler(x):
    position, speed = x[0], x[1]
    for _ in range(5):
        position, speed = position + 0.1 * speed, speed - 0.1 * np.sin(position)
    return position


def writes_to_x(x):
    x[0] = x[0] ** 2
    x *= 2
    return x.sum()


def horner(x):
    return functools.reduce(lambda acc, c: acc * x[0] + c, [1.0, -2.0, 3.0])


def try_without_need(x):
    try:
        return math.log(x[0])
    except ValueError:
        return -np.inf


def penalty(x):
    try:
        return float(x[0]) + 1
    except Exception:  # noqa: BLE001
        return 1e10


def bare_penalty(x):
    try:
        return np.sort(x)[0]
    except:  # noqa: E722
        return 1e10


def numpys_error(x):
    try:
        return np.exp(np.array([x[0], 1.0]))[0]
    except TypeError:
        return 1e10


def masked_error(x):
    try:
        return x[x > 0].sum()
    except IndexError:
        return 1e10


def float_buffer(x):
    out = np.zeros(3)
    for i in range(3):
        out[i] = x[i] ** 2
    return out.sum()


UNARY = """
    sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arctanh exp exp2 expm1 log log2 log10 log1p sqrt cbrt
    abs fabs sign floor ceil trunc rint square reciprocal negative positive deg2rad rad2deg degrees radians conjugate
    isnan isfinite isinf signbit nan_to_num sinc real
"""
BINARY = """
    add subtract multiply divide arctan2 hypot maximum minimum fmax fmin copysign fmod remainder floor_divide
    logaddexp logaddexp2 heaviside less less_equal greater greater_equal equal not_equal
"""
POWERS = "power float_power"
MATH = """
    sin cos tan asin acos atan sinh cosh tanh asinh atanh exp exp2 expm1 log log2 log10 log1p sqrt cbrt fabs floor
    ceil trunc degrees radians isnan isinf isfinite
"""


def family(label, call, listed, module=np):
    """Functions that call one function each."""
    return {f"{label} {name}": functools.partial(call, getattr(module, name)) for name in listed.split()}


ORDINARY = {
    **family("array", lambda g, x: g(x), UNARY),
    **family("scalar", lambda g, x: g(x[0]), UNARY),
    **family("mixed", lambda g, x: g(np.append(x, 0.5)), UNARY),
    **family("arrays", lambda g, x: g(x, x[::-1]), BINARY + POWERS),
    **family("array, number", lambda g, x: g(x, 0.3), BINARY + POWERS),
    **family("number, scalar", lambda g, x: g(0.3, x[1]), BINARY + POWERS),
    **family("captured, scalar", lambda g, x: g(B, x[1]), BINARY),
    **family("outer", lambda g, x: g.outer(x, B), BINARY),
    **family("math", lambda g, x: g(x[0]), MATH, math),
    **{f"sample {s.name}": s.f for s in SAMPLES.values()},
    **{f"curve {c.name}": c.f for c in CURVES.values()},
    **{
        f"power {p}": lambda x, p=p: x**p + x[0] ** p for p in (0, 1, 2, 3, 7, -1, -2, 2.0, 0.5, 1.5, -0.5, 64, 65, 2.5)
    },
    "symbol power": lambda x: x[0] ** x[1] + 2**x + x ** x[::-1] + x ** np.arange(3),
    "operators": lambda x: (x[0] - 2) * 3 / (4 + x[1]) - (5 - x[2]) / x[0] + 1 / x[1] - -x[2] + +x[0],
    "numpy scalars": lambda x: np.float64(2.0) * x[0] - np.float32(0.5) / x[1] + np.int64(3) ** x[2],
    "modulo": lambda x: x % 0.3 + (2.0 % x[0]) + x[0] // 0.2 + 3 // x[1] + sum(divmod(x[0], 0.3)),
    "np.divmod": lambda x: np.divmod(x, 0.3)[1],
    "abs, round": lambda x: abs(x[0] - 1) + abs(x - 1).sum() + np.round(x, 1) + round(x[0], 2) + x.round(),
    "sum": lambda x: np.sum(x * B) + x.sum() + sum(x) + np.add.reduce(x) + np.sum(np.outer(x, x), axis=0),
    "sum of nothing": lambda x: np.sum(x[:0]) + x[0] + np.prod(x[3:]),
    "keepdims": lambda x: np.outer(x, x) / np.sum(np.outer(x, B), axis=1, keepdims=True),
    "two axes": lambda x: np.sum(np.multiply.outer(np.outer(x, x), B), axis=(0, 2)),
    "mean": lambda x: np.mean(x) + x.mean() + np.mean(np.outer(x, B), axis=-1),
    "prod": lambda x: np.prod(x) * x.prod() + np.multiply.reduce(x),
    "var, std": lambda x: np.var(x) + np.std(x, ddof=1) + x.var(ddof=1) + x.std() + np.var(np.outer(x, B), axis=0),
    "average": lambda x: np.average(x) + np.average(x, weights=B**2),
    "cumsum": lambda x: np.cumsum(x**2) + x.cumsum()[::-1] + np.cumprod(x) + np.add.accumulate(x),
    "cumsum along an axis": lambda x: np.cumsum(np.outer(x, B), axis=1),
    "norm": lambda x: np.linalg.norm(x) + np.linalg.norm(x, 1) + np.linalg.norm(x, np.inf) + np.linalg.norm(x, 3),
    "norm of rows": lambda x: np.linalg.norm(np.outer(x, B), axis=1),
    "matrix norm": lambda x: np.linalg.norm(np.outer(x, x)) + np.linalg.norm(A * x, "fro"),
    "norm of a plain array": lambda x: np.linalg.norm(np.asarray(x)),
    "dot": lambda x: np.dot(x, B) + x.dot(x) + np.dot(A, x) + x @ A + B @ x + np.inner(x, B) + np.vdot(x, B),
    "matrices": lambda x: A @ np.outer(x, x) @ A.T + np.dot(np.outer(x, B), A),
    "batched product": lambda x: np.stack([A, A]) @ x + np.stack([A, A]) @ np.outer(x, x) @ x,
    "einsum": lambda x: np.einsum("i,ij,j", x, A, x),
    "tensordot, kron": lambda x: np.tensordot(np.outer(x, x), A) + np.kron(x, B)[:3],
    "outer, trace": lambda x: np.trace(np.outer(x, B)) + np.outer(x, x).trace(),
    "cross": lambda x: np.cross(x, B),
    "diff": lambda x: np.sum(np.diff(x) ** 2) + np.diff(x, n=2)[0] + np.ediff1d(x)[0] + np.gradient(x)[1],
    "trapezoid": lambda x: np.trapezoid(x**2, dx=0.1),
    "roll": lambda x: np.roll(x, 1) * x + np.flip(x) + x[::-1],
    "stack": lambda x: np.stack([x, 2 * x]).sum(axis=0) + np.concatenate([x[:1], x[1:]]) + np.hstack([x[0], x[1:]]),
    "stack of scalars": lambda x: np.stack([x[0], x[1]]) ** 2 + np.vstack([x, x])[0, :2],
    "concatenate with numbers": lambda x: np.sin(np.concatenate([[0.5], x, [1.0]])),
    "reshape": lambda x: np.outer(x, x).reshape(-1)[::2].sum() + x[:, None].T.ravel() + np.outer(x, B).T.flatten()[:3],
    "tile, repeat": lambda x: np.tile(x, 2)[2:5] + np.repeat(x, 2)[:3],
    "triu": lambda x: np.triu(np.outer(x, x)).sum() + np.diag(x).sum() + np.diag(np.outer(x, x)),
    "broadcasting": lambda x: np.sum((x[:, None] - x[None, :]) ** 2 + T[:, None, None]),
    "loop": loop_rosenbrock,
    "comprehension": lambda x: sum([xi**2 for xi in x]) + sum(a * b for a, b in zip(x, B, strict=True)),
    "fancy index": lambda x: x[[0, 2, 0]] + x[np.array([True, True, True])] + np.take(x, [1, 1, 0]),
    "where": lambda x: np.where(x > 0.7, x**2, -x) + np.where(x[0] < x[1], 1.0, x[2]) + np.where(B > 0, x, 0),
    "select": lambda x: np.select([x < 0.3, x < 0.8], [x, x**2], 7.0),
    "logic": lambda x: np.where((x > 0.2) & (x < 0.9) | ~(x > 0.5), x, 0.0) + ((x > 0.1) ^ (x > 0.6)) * x,
    "np.logical": lambda x: np.where(np.logical_and(x > 0.2, np.logical_not(x > 0.8)) | np.logical_or(x, False), x, 1),
    "mask times number": lambda x: (x > 0.5) * x + (x[0] > 0.5) * 2.0 + 1.5 * (x <= 0.4),
    "sum of masks": lambda x: np.sum(x > 0.5) + np.mean(x > 0.5) + np.count_nonzero(x) + (x > 0.4).sum(),
    "mask of bools": lambda x: np.where((x > 0.5) & np.array([True, False, True]), x, 0) + (True & (x[0] > 0.1)) * 1.0,
    "all, any": lambda x: np.where(np.all(x > 0.3), x, 1.0) + np.where((x > 0.9).any(), 1.0, x),
    "chained where": lambda x: np.where(x > 0, np.where(x > 0.5, 1.0, x), -1.0),
    "where of masks": lambda x: np.where(np.where(x > 0.5, x < 0.8, x > 0.2), x, 0.0),
    "clip": lambda x: np.clip(x, 0.3, 0.6) + x.clip(0.2) + np.clip(x, None, 0.5) + np.clip(x, B, B + 1),
    "max, min": lambda x: np.max(x) - x.min() + np.maximum.reduce(x) + np.ptp(x) + np.max(np.outer(x, B), axis=0),
    "softmax": softmax_loss,
    "item assignment": item_assignment,
    "masked assignment": masked_assignment,
    "writes to x": writes_to_x,
    "object array": object_array,
    "buffer of x's type": buffer_of_the_same_type,
    "likes": lambda x: np.ones_like(x) * x + np.full_like(x, 2.5) + np.zeros_like(x[0]),
    "empty": lambda x: np.copyto(y := np.empty_like(x), x) or y * 2,
    "linspace": lambda x: np.linspace(x[0], x[1], 5),
    "polyval": lambda x: np.polyval([1.0, 2.0, 3.0], x) + np.polyval(x, 0.5),
    "convolve": lambda x: np.convolve(x, B),
    "meshgrid": lambda x: np.meshgrid(x, x)[1].sum(axis=1),
    "Euler": euler,
    "Horner": horner,
    "math helper": lambda x: helper(x[0]) + helper(0.5),
    "math by name": lambda x: sine(x[0]) * ln(x[1]) + ln(x[2], 3.0),
    "math more": lambda x: math.pow(x[0], 2.5) + math.hypot(*x) + math.fsum(x) + math.atan2(x[0], x[1]) + math.pi,
    "math products": lambda x: math.prod(x) + math.dist(x, B) + math.fmod(x[0], 0.3) + math.copysign(x[1], -1.0),
    "math of numbers": lambda x: math.gamma(2.5) * x[0] + math.gcd(4, 6),
    "map": lambda x: sum(map(math.exp, x)),
    "vectorize": lambda x: np.vectorize(lambda v: v * v + 1, otypes=[object])(x).sum(),
    "isinstance": lambda x: x.sum() if isinstance(x, np.ndarray) else 0.0,
    "shape": lambda x: x.sum() / x.size + len(x) * x[0] + x.ndim * np.shape(x)[0],
    "bits of astype": lambda x: x.astype(float) ** 2 + x[0].astype(np.float64),
    "deepcopy": lambda x: copy.deepcopy(x) + copy.deepcopy(x[0]) + copy.copy(x),
    "real": lambda x: x.real + np.real(x[0]).conjugate() + x.conj(),
    "list": lambda x: [x[0], x[1] * x[2], 3.0],
    "tuple": lambda x: (x[0] ** 2, x[1]),
    "constant": lambda _: 4.0,
    "constant array": lambda _: np.array([[1.0, 2.0]]),
    "matrix": lambda x: np.outer(x, B),
    "mask": lambda x: x > 0.5,
    "negative zero": lambda x: np.arctan2(0.0, -x) - np.arctan2(-0.0, -x),
    "error state": lambda x: np.log(x * np.log(np.array([0.5, 0.0, 2.0])) ** 2),
    "try without need": try_without_need,
    "float": lambda x: float(x[0]),
    "int": lambda x: int(x[0]),
    "float buffer": float_buffer,
    "out": lambda x: np.multiply(x, 2.0, out=np.zeros(3)).sum(),
    "np.array float": lambda x: np.array(x, dtype=float).sum(),
    "np.asarray float": lambda x: np.asarray(x, float).sum(),
    "fromiter": lambda x: np.fromiter(x, float).sum(),
    "sort": lambda x: np.sort(x)[0],
    "x.sort": lambda x: x.sort() or x[0],
    "median": np.median,
    "interp": lambda x: np.interp(x[0], T, T),
    "nansum": np.nansum,
    "solve": lambda x: np.linalg.solve(A, x)[0],
    "argmax": lambda x: x[np.argmax(x)],
    "det": lambda x: np.linalg.det(np.outer(x, x) + A),
    "where=": lambda x: np.sum(x, where=B > 0),
    "initial=": lambda x: np.sum(x, initial=3.0),
    "ufunc at": lambda x: np.add.at(x, 0, 1.0) or x[0],
    "boolean index": lambda x: x[x > 0].sum(),
    "penalty": penalty,
    "penalty for NumPy's error": numpys_error,
    "penalty for an index": masked_error,
    "bare penalty": bare_penalty,
}


def compare(f, x, **options):
    program = trace(f, np.shape(x), **options)
    want = np.asarray(f(np.array(x), *options.get("args", ())), dtype=float)
    assert program.shape == want.shape
    got = np.array(evaluate(program, x)).reshape(want.shape)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=0)
    return program


@pytest.mark.parametrize("name", ORDINARY)
def test_program_computes_f(name):
    sample = SAMPLES.get(name.removeprefix("sample "))
    with np.errstate(all="ignore"):
        for _ in range(3):
            x = RNG.uniform(0.05, 0.95, 3) if sample is None else RNG.uniform(*sample.box, len(sample.point))
            program = compare(ORDINARY[name], x)
            assert set(names(program)) <= OPERATIONS.keys()


def with_loop(x):
    while abs(x[0]) > 1e-3:
        x = x / 2
    return x[0]


CACHE: dict = {}


def dictionary(x):
    return CACHE.setdefault(x[0], x[0] ** 2)


def hiding_place():
    """What is sent here nobody sees."""
    kept = yield
    while True:
        yield kept


def keeping(place):
    return lambda x: place.send(x[0]) + x[1]


def endless(x):
    y = x[0]
    for i in range(100_000):
        y = y * x[1] + i
    return y


REFUSED = {
    "while": (with_loop, "branches"),
    "complex": (lambda x: complex(x[0]), "complex"),
    "times 1j": (lambda x: x[0] * 1j, "complex"),
    "complex array": (lambda x: x * np.array([1j, 0, 1]), "complex"),
    "index": (lambda x: B[x[0]], "index"),
    "range": (lambda x: sum(range(x[0])), "index"),
    "text": (lambda x: len(f"{x[0]:.3f}") + x[0], "text"),
    "str": (lambda x: len(str(x)) + x[0], "text"),
    "repr": (lambda x: len(repr(x[0])) + x[0], "text"),
    "in place": (lambda x: np.zeros(3).__iadd__(x).sum(), "float array"),
    "float32": (lambda x: x.astype(np.float32).sum(), "float32"),
    "sum in float32": (lambda x: np.sum(x, dtype=np.float32), "float32"),
    "longdouble": (lambda x: x[0] * np.longdouble(2), "longdouble"),
    "longdouble array": (lambda x: x * np.ones(3, np.longdouble), "longdouble|float128"),
    "argpartition": (lambda x: x[np.argpartition(x, 1)], "argpartition"),
    "lexsort": (lambda x: x[np.lexsort((x,))].sum(), "lexsort"),
    "np.exp where=": (lambda x: np.exp(x, where=B > 0), "where"),
    "reduceat": (lambda x: np.add.reduceat(x, np.array([0, x[0]], dtype=object))[0], "reduceat|index"),
    "np.where of one": (lambda x: np.where(x > 0)[0].sum() + x[0], "places where a condition holds"),
    "other array": (lambda x: (x * B.view(np.recarray)).sum(), "recarray"),
    "two masks": (lambda x: (x[0].item() > 0) + (x[1].item() > 0), "two comparisons"),
    "mask arrays": (lambda x: ((x > 0) - (x > 1)).sum(), "two comparisons"),
    "sqrt of a mask": (lambda x: np.sqrt(x > 0).sum(), "comparisons"),
    "bits of numbers": (lambda x: x & 1, "compare them"),
    "hash": (lambda x: hash(x[0]), "unhashable"),
    "dictionary": (dictionary, "unhashable"),
    "pickle": (lambda x: len(pickle.dumps(x[0])) + x[0], "pickle"),
    "pickled array": (lambda x: len(pickle.dumps(x)) + x[0], "pickle"),
    "tobytes": (lambda x: len(x.tobytes()) + x[0], "bytes"),
    "own exception": (lambda x: x[7], "IndexError"),
    "empty_like read": (lambda x: np.empty_like(x) + x, "NoneType|None"),
    "None": (lambda _: None, "NoneType"),
    "a string": (lambda _: "a", "str"),
    "ragged": (lambda x: [x[0], [x[1], x[2]]], "ValueError|list"),
    "math.ulp": (lambda x: math.ulp(x[0]), "math.ulp"),
    "math of an array": (math.sin, "np.sin"),
    "budget": (endless, "20000 operations"),
    "unknown ufunc": (lambda x: np.spacing(x).sum(), "spacing"),
    "nextafter": (lambda x: np.nextafter(x[0], 1.0), "nextafter"),
    "random": (lambda x: x[0] + np.random.default_rng().normal(), "random"),
    "random module": (lambda x: x[0] + random.random(), "random"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_their_reason(name):
    f, reason = REFUSED[name]
    CACHE.clear()
    with pytest.raises(Untraceable, match=reason) as caught:
        trace(f, (3,))
    assert "\n" not in caught.value.args[0]


def bits(program):
    return [np.float64(c).tobytes() for c in program.constants]


def test_equal_nodes_are_shared():
    program = trace(lambda x: np.exp(x[0] * x[1]) + np.exp(x[0] * x[1]), (2,))
    assert program.nodes == (("*", ("x", 0), ("x", 1)), ("exp", ("v", 0)), ("+", ("v", 1), ("v", 1)))
    assert program.outputs == (("v", 2),)
    assert (program.inputs, program.rows, program.shape, program.constants, program.dtype) == (2, 0, (), (), "d")


def test_constants_are_parameters_and_exponents_are_structure():
    def family(a, p):
        return trace(lambda x: a * x[0] ** p + 3.5 * x[1], (2,))

    assert family(1.25, 2.5).structure == family(7.0, 2.5).structure
    assert family(1.25, 2.5).constants == (1.25, 3.5)
    assert family(1.25, 2.5).structure != family(1.25, 1.5).structure
    assert family(1.25, 2).structure != family(1.25, 3).structure
    assert family(3.5, 2).structure != family(1.0, 2).structure, "equal values share one slot"
    assert family(3.5, 2).constants == (3.5,)
    assert "pow" not in names(family(1.0, 3))
    assert names(trace(lambda x: x[0] ** 2, (1,))) == ["*"]


def test_parameters_of_args_and_captured_values_are_fresh():
    scale = 2.0
    first = trace(lambda x, a: scale * x[0] + a, (1,), args=(4.0,))
    scale = 3.0
    second = trace(lambda x, a: scale * x[0] + a, (1,), args=(np.float64(5.0),))
    assert first.structure == second.structure
    assert (first.constants, second.constants) == ((2.0, 4.0), (3.0, 5.0))


def test_zeros_of_both_signs_are_two_constants():
    program = trace(lambda x: (x + np.array([0.0, -0.0])) * 0.0 + (x - 0), (2,))
    assert bits(program) == [np.float64(0.0).tobytes(), np.float64(-0.0).tobytes()]
    assert len(program.nodes) == 2 + 2 + 2 + 2, "nothing is folded"
    assert evaluate(trace(lambda x: np.copysign(1.0, -x[0]), (1,)), [0.0]) == [-1.0]
    assert evaluate(trace(lambda x: np.arctan2(x[0], -0.0), (1,)), [-0.0]) == [-math.pi]


def test_structure_is_text_that_tells_programs_apart():
    functions = [np.sin, np.cos, lambda x: x, lambda x: x[::-1], lambda x: x[0], lambda x: x**2.5, lambda x: x**3.5]
    texts = [trace(f, (2,)).structure for f in functions]
    assert len({*texts, trace(np.sin, (3,)).structure}) == len(functions) + 1
    assert texts == [trace(f, (2,)).structure for f in functions]


def depth(program):
    depths: list[int] = []
    for _, *operands in program.nodes:
        depths.append(1 + max((depths[i] for tag, i in operands if tag == "v"), default=0))
    return max(depths, default=0)


REDUCTIONS = [np.sum, np.prod, np.max, np.min, np.mean, lambda x: x.sum(), lambda x: np.ones(x.size) @ x]


@pytest.mark.parametrize("count", [2, 3, 64, 100, 127])
@pytest.mark.parametrize("f", REDUCTIONS, ids=["sum", "prod", "max", "min", "mean", "method", "product"])
def test_reductions_are_balanced(f, count):
    assert depth(trace(f, (count,))) <= math.ceil(math.log2(count)) + 1
    assert len(trace(f, (count,)).nodes) <= 2 * count


def test_dependencies():
    program = trace(lambda x: np.array([x[0] * x[1], np.sin(x[2]), np.sum(x**2)]), (4,))
    needed = supports(program)
    assert [support_of(output, needed) for output in program.outputs] == [{0, 1}, {2}, {0, 1, 2, 3}]
    assert {node[0]: support for node, support in zip(program.nodes, needed, strict=True)}["sin"] == {2}


def test_unused_nodes_and_constants_are_dropped():
    program = trace(lambda x: (x * 5.0, np.exp(x) + 7.0)[1][1], (3,))
    assert program.nodes == (("exp", ("x", 1)), ("+", ("v", 0), ("c", 0)))
    assert program.constants == (7.0,)


def test_batch_arguments_and_scalars():
    program = trace(lambda x, t, w: np.sum(x * w) + t, (3,), rows=[(), (3,)])
    assert (program.inputs, program.rows) == (3, 4)
    assert evaluate(program, [1.0, 2.0, 3.0], [10.0, 1.0, 2.0, 3.0]) == [24.0]
    program = trace(lambda x, a, w: a * x @ w, (2,), args=(2.0,), rows=[(2, 2)])
    assert evaluate(program, [1.0, 2.0], [1.0, 2.0, 3.0, 4.0]) == [14.0, 20.0]
    program = trace(lambda v: v * np.sin(v), (5, 2), scalar=True)
    assert (program.inputs, program.shape) == (1, ())
    assert evaluate(program, 0.5) == [0.5 * np.sin(0.5)]
    assert evaluate(trace(lambda x: x.sum(axis=0), (2, 2)), [[1, 2], [3, 4]]) == [4.0, 6.0]


def test_nan_and_infinities():
    points = [np.nan, np.inf, -np.inf, 0.0, -0.0]
    functions = [
        np.nan_to_num,
        np.sign,
        lambda x: np.maximum(x, 0.0),
        lambda x: np.fmax(x, 0.0),
        lambda x: np.clip(x, -1, 1),
        lambda x: np.where(x > 0, x, -1.0),
        lambda x: np.where(np.isnan(x), 5.0, x),
        lambda x: np.logaddexp(x, 1.0),
        lambda x: np.logaddexp(x, x),
        lambda x: np.heaviside(x, 0.25),
        np.reciprocal,
        np.sinc,
        lambda x: x**0,
        np.signbit,
        lambda x: np.sum(x > 0) + x,
        lambda x: x**3,
    ]
    with np.errstate(all="ignore"):
        for f in functions:
            for point in points:
                compare(f, np.array([point, 1.0]))


def test_infinite_logaddexp_and_halves():
    for a in (-0.0, 0.0, 4.0):
        assert math.copysign(1, evaluate(trace(lambda x: x[0] ** 0.5, (1,)), [a])[0]) == 1


class Model:
    def __init__(self, w):
        self.w, self.bias = w, [w]

    def loss(self, x):
        return np.sum(self.w * math.exp(0.5)) + x[0]

    def __call__(self, x):
        return math.sin(x[0]) + np.sum(self.w)


def test_methods_callables_and_partials_use_math_too():
    model = Model(np.ones(2))
    for f in (model, model.loss, functools.partial(pow, exp=2), functools.partial(helper_of_two, b=2.0)):
        compare(f, np.float64(0.7)) if isinstance(f, functools.partial) else compare(f, np.array([0.7, 0.2]))
    compare(math.sin, np.float64(0.7))


def helper_of_two(a, b):
    return math.atan2(a, b)


def test_globals_of_the_user_stay():
    before = dict(globals())
    trace(ORDINARY["math helper"], (3,))
    assert globals() == before
    assert globals()["math"] is math
    assert helper.__globals__ is globals()


def test_a_counter_is_where_it_was():
    count = 0

    def f(x):
        nonlocal count
        count += 1
        return count * x[0]

    with pytest.raises(Untraceable, match="keeps state"):
        trace(f, (1,))
    assert count == 0


def test_values_kept_from_an_earlier_trace():
    place = hiding_place()
    next(place)
    with pytest.raises(Untraceable, match="keeps what it computes from x, in an object"):
        trace(keeping(place), (2,))
    for f in (keeping(place), lambda x: place.send(x[0])):
        with pytest.raises(Untraceable, match="earlier call"):
            trace(f, (2,))
    with pytest.raises(RuntimeError, match="after the trace"):
        float(place.send(None))
    assert repr(place.send(None)) == "<a value from tracing f>"


def test_exceptions_that_are_not_errors_pass():
    def interrupted(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trace(interrupted, (1,))


def test_numbers_without_symbols_stay_numbers():
    program = trace(lambda x: x[0] + np.sum(np.sin(np.zeros_like(x) + 0.5)) + np.linalg.norm(np.ones_like(x)), (4,))
    assert len(program.nodes) == 2


def test_shared_state():
    x = np.arange(6.0)
    model, other = Model(x[2:]), Model(np.ones(3))
    holder, nothing = {"weights": x}, np.ones(3)
    assert "model.w" in shares_state(lambda v: model.w @ v, [x])
    assert "self.w" in shares_state(model.loss, [x])
    assert "self.w" in shares_state(model, [x])
    assert "holder" in shares_state(lambda v: holder["weights"] @ v, [x])
    assert "x" in shares_state(lambda v: x @ v, [nothing, x])
    assert "default" in shares_state(lambda v, w=x[:1]: v + w, [x])
    assert "default" in shares_state(lambda v, *, w=x[:1]: v + w, [x])
    assert "partial" in shares_state(functools.partial(helper_of_two, b=x), [x])
    assert "BUFFER" in shares_state(lambda v: BUFFER + v, [BUFFER[1:]])

    def inner(v):
        return x * v

    assert "x" in shares_state(lambda v: inner(v) + 1, [x])
    for f in (lambda v: nothing @ v, other.loss, other, np.sum, math.sin, lambda v: B @ v + np.sum(A), len):
        assert not shares_state(f, [x])


# --- math swapped, exceptions seen -----------------------------------------------------------------------------------


def swallowing(x):
    try:
        y = x[0].nonsense
    except AttributeError:
        y = x[0]
    return 2.0 * y


def calling_one_that_swallows(x):
    return swallowing(x) + 1.0


def swallowing_the_tracers(x):
    try:
        return np.sum(x, axis=5)
    except ValueError:
        return 0.0


def catching_nothing(x):
    try:
        return np.sin(x[0])
    except ValueError:
        return 0.0


@pytest.mark.parametrize("f", [swallowing, calling_one_that_swallows])
def test_an_exception_that_f_swallows_is_seen(f):
    with pytest.raises(Untraceable, match="f catches or raises AttributeError"):
        trace(f, (2,))


def test_exceptions_that_the_tracer_catches_are_its_own():
    with pytest.raises(Untraceable, match=r"np\.sum as f uses it cannot be traced"):
        trace(swallowing_the_tracers, (2,))
    assert [name for name, *_ in trace(catching_nothing, (2,)).nodes] == ["sin"]


def named_differently(folder: Path):
    """`captures` as it would be if its file had another name, in another place."""
    path = folder / "another_name.py"
    path.write_text(Path(captures.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("fastgrad.program.another_name", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_whose_code_is_whose_whatever_the_file_is_called(tmp_path):
    for module in (captures, named_differently(tmp_path)):
        for ours in (arrays.guarded, recording.trace, recording.watched):
            assert module.is_installed(ours.__code__.co_filename)
        assert module.is_installed(np.roll.__wrapped__.__code__.co_filename)
        assert module.is_installed(functools.update_wrapper.__code__.co_filename)
        assert not module.is_installed(swallowing.__code__.co_filename)
        assert not module.is_installed(recording.__file__.replace("fastgrad", "fastgrad_of_mine"))


def test_math_is_swapped_wherever_f_reaches_it():
    def inner(v, sine=math.sin):
        return sine(v)

    class Wave:
        def __call__(self, x):
            return inner(x[0])

        def method(self, x):
            return math.sin(x[0])

    for f in (
        lambda x: inner(x[0]),
        Wave(),
        Wave().method,
        functools.partial(lambda g, x: g(x[0]), math.sin),
        functools.partial(lambda x, g: g(x[0]), g=inner),
    ):
        assert [name for name, *_ in trace(f, (2,)).nodes] == ["sin"]


def test_a_function_that_reaches_nothing_of_math_stays_itself():
    assert retargeted.Retargeted(swallowing).function is swallowing
    assert retargeted.Retargeted(calling_one_that_swallows).catches
