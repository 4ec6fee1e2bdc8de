"""Tracing: what is recorded computes what f computes, and everything else is refused with a reason."""

import copy
import functools
import math
import pickle
import random
from math import log as ln
from math import sin as sine

import numpy as np
import pytest

from fastgrad.engine.program import OPERATIONS, Program, evaluate
from fastgrad.engine.symbols import Symbol
from fastgrad.engine.trace import Untraceable, shares_state, trace
from fastgrad.samples import CURVES, SAMPLES

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


UNARY = (
    "sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arctanh exp exp2 expm1 log log2 log10 log1p sqrt cbrt "
    "abs fabs sign floor ceil trunc rint square reciprocal negative positive deg2rad rad2deg degrees radians conjugate "
    "isnan isfinite isinf signbit nan_to_num sinc real fix"
).split()
BINARY = (
    "add subtract multiply divide arctan2 hypot maximum minimum fmax fmin copysign fmod remainder floor_divide power "
    "float_power logaddexp logaddexp2 heaviside less less_equal greater greater_equal equal not_equal"
).split()
MATH = (
    "sin cos tan asin acos atan sinh cosh tanh asinh atanh exp exp2 expm1 log log2 log10 log1p sqrt cbrt fabs floor "
    "ceil trunc degrees radians isnan isinf isfinite"
).split()

ORDINARY = {
    **{f"array {n}": lambda x, g=getattr(np, n): g(x) for n in UNARY},
    **{f"scalar {n}": lambda x, g=getattr(np, n): g(x[0]) for n in UNARY},
    **{f"mixed {n}": lambda x, g=getattr(np, n): g(np.append(x, 0.5)) for n in UNARY},
    **{f"arrays {n}": lambda x, g=getattr(np, n): g(x, x[::-1]) for n in BINARY},
    **{f"array, number {n}": lambda x, g=getattr(np, n): g(x, 0.3) for n in BINARY},
    **{f"number, scalar {n}": lambda x, g=getattr(np, n): g(0.3, x[1]) for n in BINARY},
    **{f"captured, scalar {n}": lambda x, g=getattr(np, n): g(B, x[1]) for n in BINARY if "power" not in n},
    **{f"outer {n}": lambda x, g=getattr(np, n): g.outer(x, B) for n in BINARY if "power" not in n},
    **{f"math.{n}": lambda x, g=getattr(math, n): g(x[0]) for n in MATH},
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
    "math by name": lambda x: sine(x[0]) * ln(x[1]) + ln(x[2], 2.0),
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


def penalty(x):
    try:
        return float(x[0]) + 1
    except Exception:
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


CACHE: dict = {}


def dictionary(x):
    return CACHE.setdefault(x[0], x[0] ** 2)


@functools.lru_cache
def cached(v):
    return v * v


def keeps(x):
    CACHE.setdefault("kept", x[0])
    return CACHE["kept"] + x[1]


def unused_keeps(x):
    CACHE.setdefault("kept", x[0])
    return CACHE["kept"]


def endless(x):
    y = x[0]
    for i in range(100_000):
        y = y * x[1] + i
    return y


REFUSED = {
    "if": (lambda x: x[0] if x[0] > 0 else -x[0], "branches"),
    "while": (with_loop, "branches"),
    "and": (lambda x: x[0] > 0 and x[1], "branches"),
    "not": (lambda x: not x[0], "branches"),
    "chained comparison": (lambda x: 0 < x[0] < 1, "branches"),
    "max()": (lambda x: max(x), "branches"),
    "sorted()": (lambda x: sorted(x)[0], "branches"),
    "if np.any": (lambda x: 0.0 if np.any(x < 0) else x[0], "branches"),
    "plain where": (lambda x: np.maximum(np.array(x), 0.0), "branches"),
    "in": (lambda x: 1.0 if 0.5 in x else 0.0, "branches"),
    "float": (lambda x: float(x[0]), "into a float"),
    "int": (lambda x: int(x[0]), "integer"),
    "complex": (lambda x: complex(x[0]), "complex"),
    "times 1j": (lambda x: x[0] * 1j, "complex"),
    "complex array": (lambda x: x * np.array([1j, 0, 1]), "complex"),
    "index": (lambda x: B[x[0]], "index"),
    "range": (lambda x: sum(range(x[0])), "index"),
    "text": (lambda x: len(f"{x[0]:.3f}") + x[0], "text"),
    "str": (lambda x: len(str(x)) + x[0], "text"),
    "repr": (lambda x: len(repr(x[0])) + x[0], "text"),
    "float buffer": (float_buffer, "float array"),
    "out": (lambda x: np.multiply(x, 2.0, out=np.zeros(3)).sum(), "float array"),
    "in place": (lambda x: np.zeros(3).__iadd__(x).sum(), "float array"),
    "np.array float": (lambda x: np.array(x, dtype=float).sum(), "into a float"),
    "np.asarray float": (lambda x: np.asarray(x, float).sum(), "into a float"),
    "fromiter": (lambda x: np.fromiter(x, float).sum(), "into a float"),
    "float32": (lambda x: x.astype(np.float32).sum(), "float32"),
    "sum in float32": (lambda x: np.sum(x, dtype=np.float32), "float32"),
    "longdouble": (lambda x: x[0] * np.longdouble(2), "longdouble"),
    "longdouble array": (lambda x: x * np.ones(3, np.longdouble), "longdouble|float128"),
    "sort": (lambda x: np.sort(x)[0], "np.sort"),
    "x.sort": (lambda x: x.sort() or x[0], "sort"),
    "argmax": (lambda x: x[np.argmax(x)], "argmax"),
    "median": (lambda x: np.median(x), "median"),
    "interp": (lambda x: np.interp(x[0], T, T), "interp"),
    "nansum": (lambda x: np.nansum(x), "nansum"),
    "solve": (lambda x: np.linalg.solve(A, x)[0], "linalg.solve"),
    "det": (lambda x: np.linalg.det(np.outer(x, x)), "linalg.det"),
    "fft": (lambda x: np.fft.fft(x).real.sum(), "fft"),
    "imaginary": (lambda x: x.imag.sum(), "imaginary"),
    "where=": (lambda x: np.sum(x, where=B > 0), "where"),
    "initial=": (lambda x: np.sum(x, initial=3.0), "initial"),
    "np.exp where=": (lambda x: np.exp(x, where=B > 0), "where"),
    "ufunc at": (lambda x: np.add.at(x, 0, 1.0) or x[0], "add.at"),
    "reduceat": (lambda x: np.add.reduceat(x, [0, 1])[0], "reduceat"),
    "np.where of one": (lambda x: np.where(x > 0)[0].sum() + x[0], "indices"),
    "boolean index": (lambda x: x[x > 0].sum(), "np.where"),
    "masked array": (lambda x: (x * np.ma.array(B, mask=[1, 0, 0])).sum(), "MaskedArray"),
    "two masks": (lambda x: (x[0] > 0) + (x[1] > 0), "two comparisons"),
    "mask arrays": (lambda x: ((x > 0) + (x > 1)).sum(), "two comparisons"),
    "mask product": (lambda x: (x > 0) @ (B > 0) + x[0], "two comparisons|comparisons"),
    "sqrt of a mask": (lambda x: np.sqrt(x > 0).sum(), "comparisons"),
    "bits of numbers": (lambda x: x & 1, "compare them"),
    "hash": (lambda x: hash(x[0]), "unhashable"),
    "dictionary": (dictionary, "unhashable"),
    "lru_cache": (lambda x: cached(x[0]), "unhashable"),
    "pickle": (lambda x: len(pickle.dumps(x[0])) + x[0], "pickle"),
    "pickled array": (lambda x: len(pickle.dumps(x)) + x[0], "pickle"),
    "tobytes": (lambda x: len(x.tobytes()) + x[0], "bytes"),
    "penalty": (penalty, "into a float"),
    "bare penalty": (bare_penalty, "np.sort"),
    "penalty for NumPy's error": (numpys_error, "exp"),
    "penalty for an index": (masked_error, "np.where"),
    "own exception": (lambda x: x[7], "IndexError"),
    "empty_like read": (lambda x: np.empty_like(x) + x, "NoneType|None"),
    "None": (lambda _: None, "NoneType"),
    "a string": (lambda _: "a", "str"),
    "ragged": (lambda x: [x[0], [x[1], x[2]]], "ValueError|list"),
    "math.gamma": (lambda x: math.gamma(x[0]), "math.gamma"),
    "math of an array": (lambda x: math.sin(x), "np.sin"),
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
