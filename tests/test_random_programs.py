"""Random functions, as people write them and as nobody should, on every engine against differences by hand.

`make fuzz` runs this for as long as wanted. The oracle gives f a fresh array at each call and knows nothing of engines.
"""

import math
import os
import textwrap
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import fastgrad
from fastgrad import EngineError

H = 2.0**-13
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))  # 0: those of CI, which are the same in every run
ENGINES = ("auto", "simd", "python")

# --- expressions ------------------------------------------------------------------------------------------------------

UNARY = [
    "np.sin({})", "np.cos({})", "np.tanh({})", "np.exp(-np.abs({}))", "np.sqrt(np.abs({}))", "np.abs({})", "-({})",
    "({}) ** 2", "({}) ** 3", "np.arctan({})", "np.log1p(np.abs({}))", "np.square({})", "np.floor({})", "np.sign({})",
    "np.log({})", "np.sqrt({})", "1.0 / ({})", "np.exp({})", "np.clip({}, -1.0, 1.5)", "np.float64({})", "({}) ** 0.5",
    "np.logaddexp(0.0, {})", "np.cbrt({})", "np.expm1({})", "({}) ** -1",
]  # fmt: skip
OF_MATH = ["math.sin({})", "math.exp({})", "math.log({})", "math.sqrt({})", "math.fabs({})", "math.floor({})"]
BINARY = [
    "({} + {})", "({} - {})", "({} * {})", "({} / {})", "np.maximum({}, {})", "np.minimum({}, {})", "np.hypot({}, {})",
    "np.arctan2({}, {})", "({} % {})", "np.where({} > {}, 1.0, 0.5)", "({} // {})", "np.copysign({}, {})",
]  # fmt: skip
TERNARY = ["np.where({} > 0.0, {}, {})", "np.where(np.isnan({}), {}, {})", "np.clip({}, np.minimum({}, 0.0), {})"]
OF_ARRAYS = [
    "np.sum({}[1:] * {}[:-1])", "np.sum({} * W)", "np.max({}) - np.min({})", "np.dot({}, {})", "np.prod({})",
    "np.mean({} ** 2)", "np.linalg.norm({})", "np.sum(np.cumsum({}))", "np.sum(np.where({} > 0.3, {}, 0.0))",
    "sum(v * v for v in {})", "np.std({})", "np.sum({}.reshape(-1, 1) @ {}.reshape(1, -1))", "{}[-1]", "np.var({}[:2])",
]  # fmt: skip
ARRAYS = ["x", "x.copy()", "x[::-1]", "np.array(x)", "y", "np.sin(x)", "(x * x)", "np.roll(x, 1)", "np.sort(x)"]


@st.composite
def bodies(draw):
    """The lines of a function of x, of three numbers: from `a` on each is of earlier ones."""
    pool = ["x[0]", "x[1]", "x[2]", "K", "0.7", "2"]
    lines = ["y = x * 1.5 + 0.25"]
    for k in range(draw(st.integers(1, 6))):
        name = f"v{k}"
        shapes = draw(st.sampled_from([UNARY, UNARY, BINARY, BINARY, TERNARY, OF_ARRAYS, OF_MATH]))
        text = draw(st.sampled_from(shapes))
        source = ARRAYS if shapes is OF_ARRAYS else pool
        lines.append(f"{name} = " + text.format(*[draw(st.sampled_from(source)) for _ in range(text.count("{}"))]))
        pool.append(name)
    last = draw(st.permutations(pool[6:]))[:2]
    return [*lines, "return " + " + ".join([*last, "0.125 * x[0]"])]


# --- what f does beside ----------------------------------------------------------------------------------------------

PLAIN = "def f(x):\n{body}"
STATES = {
    "nothing": PLAIN,
    "a counter": "calls = [0]\ndef f(x):\n    calls[0] += 1\n{body}",
    "a log": "log = []\ndef f(x):\n    log.append(x)\n{body}",
    "the last one": """
        class Last:
            x = None
            def __call__(self, x):
                if self.x is None or not np.array_equal(x, self.x):
                    self.value, self.x = inner(x), x  # as it was where inner raises
                return self.value
        def inner(x):
        {body}
        f = Last()
        """,
    "a memo": """
        memo = {{}}
        def inner(x):
        {body}
        def f(x):
            key = tuple(np.asarray(x).tolist())
            if key not in memo:
                memo[key] = inner(x)
            return memo[key]
        """,
    "an attribute": """
        class Model:
            scratch = None
            def loss(self, x):
                if self.scratch is None:
                    self.scratch = np.zeros_like(x)
                self.scratch[...] = x
                x = self.scratch * 1.0
        {deeper}
        f = Model().loss
        """,
    "writes": "def f(x):\n    x[0] = x[0] * 1.0 + 0.0\n    x *= 1.0\n{body}",
    "a branch": "def f(x):\n    if x[0] > 0.9:\n        return x[1] * 2.0\n{body}",
    "a type": "def f(x):\n    if not isinstance(x[0], float):\n        return x[1] * 2.0\n{body}",
    "a raise": "def f(x):\n    if x[0] > 1.9:\n        raise KeyError('too large')\n{body}",
    "a catch": "def f(x):\n    try:\n        math.log(x[0] - 0.9)\n    except ValueError:\n        return x[1]\n{body}",
    "a helper": "def g(x):\n{body}\ndef f(x):\n    return g(x) + g(x[::-1])",
    "float32": "def f(x):\n    x = np.asarray(x, dtype=np.float32)\n{body}",
}  # fmt: skip


def made(state, body, k):
    """The function and its globals, of which K may change."""
    text = textwrap.dedent(STATES[state])
    lines = {"body": textwrap.indent("\n".join(body), " " * 4), "deeper": textwrap.indent("\n".join(body), " " * 8)}
    space = {"np": np, "math": math, "K": k, "W": np.array([0.5, -1.0, 2.0])}
    exec(compile(text.format(**lines), "<random>", "exec"), space)
    return space


def by_hand(f, points):
    """Central differences, one call after the other; and how large f is beside them."""
    found, sizes = np.empty(points.shape, dtype=complex), np.empty(points.shape)
    for n, x in enumerate(points):
        for i in range(x.size):
            values = []
            for h in (H, -H):
                moved = x.copy()
                moved[i] += h
                values.append(number(f(moved)))
            found[n, i], sizes[n, i] = (values[0] - values[1]) / (2.0 * H), np.abs(values).max()
    return found, sizes


def number(value):
    return np.asarray(
        value, dtype=complex if np.iscomplexobj(value) else float
    ).item()  # ValueError for several, as ours


def outcome(call):
    """What a call gives, or the exception."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return call(), None
    except Exception as error:  # noqa: BLE001
        return None, error


def check(state, body, points, engine):
    space, oracle = made(state, body, 1.5), made(state, body, 1.5)
    single = state == "float32"
    options = {} if single else {"h": H}
    for k in (1.5, -0.75):  # what f reads changes between two calls
        space["K"] = oracle["K"] = k
        expected, error = outcome(lambda: by_hand(oracle["f"], points))
        found, raised = outcome(lambda: fastgrad.gradient(space["f"], points, batch=True, engine=engine, **options))
        if isinstance(raised, EngineError) and engine != "auto":
            assert engine != "python"
            continue
        if single and raised is not None:  # its steps are longer, and may leave f's domain where H does not
            _, error = outcome(lambda: fastgrad.gradient(oracle["f"], points, batch=True, engine="python"))
        if error is not None or raised is not None:
            assert type(raised) is type(error), (raised, error)
            continue
        compare(found, *expected, coarse=single)


def compare(found, expected, sizes, coarse):
    if coarse:  # a difference of float32 is no oracle for steps that suit
        return
    with np.errstate(all="ignore"):
        same = np.isfinite(found) == np.isfinite(expected)
        near = np.abs(found - expected) <= 1e-7 * np.abs(expected) + 2e-11 * sizes / H + 1e-9
    rough = ~np.isfinite(sizes) | (sizes > 1e140)  # beyond, a square of it overflows
    assert (near | rough | (same & ~np.isfinite(expected))).all(), (found, expected)


SOME = settings(
    max_examples=EXAMPLES or 60,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
    **({"derandomize": False, "database": None} if EXAMPLES else {}),
)


@pytest.mark.parametrize("engine", ENGINES)
@SOME
@given(data=st.data())
def test_random_programs(engine, data):
    state = data.draw(st.sampled_from(sorted(STATES)), label="state")
    body = data.draw(bodies(), label="body")
    seed = data.draw(st.integers(0, 3), label="points")
    count = data.draw(st.sampled_from([1, 3, 11, 260]), label="count") if EXAMPLES else (11, 260)[seed % 2]
    points = np.random.default_rng(seed).uniform(0.1, 2.0, (count, 3)) - 0.6 * (seed == 3)
    check(state, body, points, engine)
