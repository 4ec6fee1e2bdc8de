"""Never silently wrong: attacks on what is known of f, and what must happen."""

import ctypes
import functools
import math
import os
import sys
import types
import typing
import warnings

import numpy as np
import pytest

import fastgrad
from fastgrad.program.keys import unchanging
from fastgrad.program.trace.recording import Untraceable, trace

P = np.random.default_rng(7).uniform(0.5, 2.0, (400, 2))  # enough calls to trace, too few for Numba


def same_as_python(f, points=P):
    """The engine that auto took, after its gradients were compared with those of python."""
    found = fastgrad.gradient(f, points, batch=True, full_output=True)
    expected = fastgrad.gradient(f, points, batch=True, engine="python")
    np.testing.assert_allclose(found.value, expected, rtol=1e-6, atol=1e-6)
    return found.engine


# --- memory is not given out -----------------------------------------------------------------------------------------


def written_by_c(x):
    y = x.copy()
    y.ctypes.data_as(ctypes.POINTER(ctypes.c_double))[0] = 3.0
    return y[0] * x[1]


def written_by_c_plainly(x):
    y = np.array(x)  # a plain array, of pointers to symbols when f is traced
    y.ctypes.data_as(ctypes.POINTER(ctypes.c_double))[0] = 3.0
    return y[0] * x[1]


def by_buffer(x):
    y = np.array([x[0], x[1]])
    ctypes.c_double.from_buffer(y).value = 3.0
    return y[0] * x[1]


def by_view(x):
    y = x.copy()
    memoryview(y)[0] = 3.0
    return y[0] * x[1]


def by_frombuffer(x):
    y = np.array(x)
    z = np.frombuffer(y)
    z[0] = 3.0
    return y[0] * x[1]


def by_moving(x):
    y, z = np.array(x), np.ones(2)
    ctypes.memmove(y.ctypes.data, z.ctypes.data, 8)
    return y[0] * x[1]


class Model:
    """Its method is not f's own code."""

    def weight(self, x):
        y = np.array(x)
        y.ctypes.data_as(ctypes.POINTER(ctypes.c_double))[0] = 3.0
        return y[0]

    @property
    def pointer(self):
        return self.taken.ctypes.data_as(ctypes.POINTER(ctypes.c_double))

    def by_property(self, x):
        self.taken = np.array(x)
        self.pointer[0] = 3.0
        return self.taken[0] * x[1]

    def loss(self, x):
        return self.weight(x) * x[1]

    __call__ = loss


MODEL = Model()

MEMORY = {
    "copy": written_by_c, "plain copy": written_by_c_plainly, "from_buffer": by_buffer, "memoryview": by_view,
    "frombuffer": by_frombuffer, "memmove": by_moving, "method": MODEL.loss, "object": MODEL,
    "global object": lambda x: MODEL.weight(x) * x[1], "property": MODEL.by_property,
}  # fmt: skip


@pytest.mark.parametrize("name", MEMORY)
def test_no_memory_is_given_to_others(name):
    with pytest.raises(Untraceable, match="memory"):
        trace(MEMORY[name], (2,))
    assert same_as_python(MEMORY[name]) == "python"


@pytest.mark.parametrize("name", ["ctypes", "data", "__array_interface__", "__array_struct__"])
def test_attributes_that_are_addresses(name):
    with pytest.raises(Untraceable, match="takes the memory"):
        trace(lambda x: getattr(x, name) and x[0], (2,))
    with pytest.raises(Untraceable, match=r"takes the memory|AttributeError"):
        trace(lambda x: getattr(x[0], name) or x[0], (2,))


@pytest.mark.parametrize("name", ["tobytes", "tofile", "dump", "dumps"])
def test_methods_that_write_memory(name):
    for f in (lambda x: getattr(x, name)("a") and x[0], lambda x: getattr(x[0], name)("a") and x[0]):
        with pytest.raises(Untraceable, match="bytes"):
            trace(f, (2,))


# --- functions without a module ---------------------------------------------------------------------------------------


def made(text):
    space = {}
    exec(text, space)
    return space["f"]


def test_functions_that_come_of_text_have_no_module():
    helper = made("def f(a):\n    return a * a * 3.0")
    assert helper.__module__ is None or helper.__module__ == "builtins"
    helper.__module__ = None
    assert same_as_python(lambda x: helper(x[0]) + x[1]) == "simd"
    assert same_as_python(made("import math\ndef f(x):\n    return math.sin(x[0]) * x[1]")) == "simd"
    kind = made("class f:\n    def __call__(self, x):\n        return x[0] * x[1]")
    kind.__module__ = None
    product = kind()
    assert same_as_python(product) == "simd"
    assert same_as_python(lambda x: product(x) + x[0]) == "simd"
    assert isinstance(fastgrad.gradient(helper, 2.0), float)
    with pytest.raises(ValueError, match="engine"):
        fastgrad.gradient(helper, np.ones(2), engine="none")


def test_lambdify():
    sympy = pytest.importorskip("sympy")
    a, b = sympy.symbols("a b")
    for module in ("math", "numpy"):
        helper = sympy.lambdify((a, b), sympy.sin(a) * b**2 + sympy.exp(a), module)
        assert same_as_python(lambda x, helper=helper: helper(x[0], x[1])) == "simd"
        assert same_as_python(lambda x, helper=helper: helper(x[0], x[1]) + math.sin(x[0])) == "simd"


# --- kept traces do not go stale --------------------------------------------------------------------------------------

SETTINGS = types.SimpleNamespace(k=2.0)
CONFIG = types.ModuleType("config_of_test")
sys.modules["config_of_test"] = CONFIG


class Number(float):
    """A float that can have attributes."""

    k = 1.0

    def __mul__(self, other):
        return self.k * other


class Pair(typing.NamedTuple):
    """A tuple whose class can change."""

    a: float

    @property
    def k(self):
        return SETTINGS.k * self.a


def helper(a):
    return helper_of_helper.k * a


def helper_of_helper(a):
    return a


@functools.wraps(np.sum)
def wrapped(a):
    return SETTINGS.k * np.sum(a)


def imports(x):
    import config_of_test

    return config_of_test.k * x[0] + x[1]


def imports_from(x):
    from config_of_test import k

    return k * x[0] + x[1]


def in_a_class(x):
    class Inner:
        value = CONFIG.k

    return Inner.value * x[0] + x[1]


def in_a_lambda(x):
    return sum(map(lambda a: __import__("config_of_test").k * a, x))  # noqa: C417


def reads_a_file(x):
    with open(PLACE) as file:
        return float(file.read()) * x[0] + x[1]


def loads(x):
    return np.loadtxt(PLACE) * x[0] + x[1]


def loads_by_another_name(x, numpy=np):
    return numpy.loadtxt(PLACE) * x[0] + x[1]


def loads_by_a_local_name(x):
    library = np
    return library.loadtxt(PLACE) * x[0] + x[1]


PLACE = ""
NUMBER, PAIR = Number(1.0), Pair(1.0)
KERNEL = np.frompyfunc(lambda a: SETTINGS.k * a, 1, 1)
math_of_user = types.ModuleType("math")

STALE = {
    "import": imports, "from import": imports_from, "class": in_a_class, "lambda": in_a_lambda, "file": reads_a_file,
    "np.loadtxt": loads, "default module": loads_by_another_name, "local module": loads_by_a_local_name,
    "attribute of a helper": lambda x: helper(x[0]) + x[1], "wraps": lambda x: wrapped(x) + x[1],
    "frompyfunc": lambda x: KERNEL(x[0]) + x[1], "number": lambda x: NUMBER * x[0] + x[1],
    "named tuple": lambda x: PAIR.k * x[0] + x[1], "eval": lambda x: eval("SETTINGS.k") * x[0] + x[1],
    "globals": lambda x: globals()["SETTINGS"].k * x[0] + x[1], "getattr": lambda x: getattr(SETTINGS, "k") * x[0],  # noqa: B009
    "through a function": lambda x: helper.__globals__["SETTINGS"].k * x[0] + x[1],
    "through a module": lambda x: np.sum.__module__ and SETTINGS.k * x[0] + x[1],
    "of a name": lambda x: math_of_user.k * x[0] + x[1], "errors": lambda x: x[0] * ERRORS[np.geterr()["under"]] + x[1],
    "vars": lambda x: vars(SETTINGS)["k"] * x[0] + x[1], "partial": lambda x: PART() * x[0] + x[1],
    "environment": lambda x: float(os.environ["FASTGRAD_K"]) * x[0] + x[1], "memo": lambda x: cached() * x[0] + x[1],
    "documentation": lambda x: float(helper_of_helper.__doc__) * x[0] + x[1],
}  # fmt: skip
PART = functools.partial(getattr, SETTINGS, "k")
ERRORS = {"ignore": 2.0, "warn": 5.0}


@functools.lru_cache
def cached():
    return SETTINGS.k


def set_everything(k, path):
    """Every place from which one of the functions has its factor."""
    global PLACE  # noqa: PLW0603
    PLACE = path
    path.write_text(str(k))
    SETTINGS.k = CONFIG.k = helper_of_helper.k = Number.k = math_of_user.k = k
    helper_of_helper.__doc__ = os.environ["FASTGRAD_K"] = str(k)
    cached.cache_clear()
    np.seterr(under="ignore" if k == 2.0 else "warn")


@pytest.mark.parametrize("name", STALE)
def test_a_trace_that_can_go_stale_is_not_kept(name, tmp_path):
    f = STALE[name]
    with np.errstate():
        for k in (2.0, 5.0, 2.0):
            set_everything(k, tmp_path / "k")
            assert unchanging(f, ()) is None
            same_as_python(f)
            found = fastgrad.gradient(f, P, batch=True)[:, 0]
            np.testing.assert_allclose(found, k, rtol=1e-8)


def test_kernels_of_another_life():
    for k in range(20):
        kernel = np.frompyfunc(lambda a, k=k: k * a, 1, 1)
        found = fastgrad.gradient(lambda x, kernel=kernel: kernel(x[0]) + x[1], P, batch=True)
        np.testing.assert_allclose(found[:, 0], float(k), atol=1e-9)


def test_what_is_replaced_in_numpy_is_seen(monkeypatch):
    def f(x):
        return np.sin(x[0]) * math.tau + np.linalg.norm(x)

    before = unchanging(f, ())
    assert before is not None
    assert before == unchanging(f, ())
    monkeypatch.setattr(math, "tau", 3.0)
    assert unchanging(f, ()) not in (None, before)
    monkeypatch.setattr(np, "sin", lambda a: a)
    assert unchanging(f, ()) != before


def test_what_cannot_change_is_kept():
    factor, small, single = 2.0, np.ones(2), np.float32(1.0)

    def double(a, k=2.0):
        return k * a

    def counts(x):
        nonlocal factor
        factor += 1.0
        return factor * x[0]

    for f in (
        lambda x: np.sin(x[0]) + math.exp(x[1]) + np.linalg.norm(x) + abs(x[0]) + np.pi,
        lambda x: double(x[0]) * factor + sum(small * x) + single,
        lambda x: x.sum() + x.shape[0] + np.array([a * a for a in x]).sum(),
    ):
        assert unchanging(f, ()) is not None
        assert unchanging(f, (1.0, small)) is not None
        assert unchanging(f, (Number(1.0),)) is unchanging(f, (np,)) is unchanging(f, ({1.0},)) is None
    assert unchanging(counts, ()) is None


# --- f itself is asked at several points ------------------------------------------------------------------------------


def by_type(x):
    return x[0] * 2 if isinstance(x[1], float) and x[1] > 0 else x[0]


def by_dtype(x):
    return x[0] * 2 if x.dtype == np.float64 and x[1] > 0 else x[0]


def by_scalar(x):
    return x[0] * 2 if np.isscalar(x[1]) and x[1] > 0 else x[0]


def by_method(x):
    return x[0] * 2 if hasattr(x[1], "is_integer") and x[1] > 0 else x[0]


@pytest.mark.parametrize("f", [by_type, by_dtype, by_scalar, by_method])
def test_what_looks_at_types_is_refused_at_whichever_point_it_shows(f):
    ones = np.tile([1.0, 1.0], (400, 1))
    first, last, most = ones.copy(), ones.copy(), -ones
    first[0, 1], last[-1, 1] = -1.0, -1.0
    most[150:, 1] = 1.0
    for points in (np.tile([1.0, -1.0], (400, 1)), first, last, most, ones):
        same_as_python(f, points)
    assert unchanging(f, ()) is None


def test_f_that_raises_where_its_trace_gives_a_number():
    def f(x):
        if x[0].__class__ is np.float64 and x[0] < 0:
            raise ArithmeticError(x)
        return x[0] * x[1]

    points = np.ones((400, 2))
    points[-1] = -1.0
    with pytest.raises(ArithmeticError):
        fastgrad.gradient(f, points, batch=True)
    with pytest.raises(fastgrad.EngineError, match=r"raises ArithmeticError where traced it gives 0\.99"):
        fastgrad.gradient(f, points, batch=True, engine="simd")


# --- functions of math raise ------------------------------------------------------------------------------------------

SWALLOWED = {
    "where": lambda x: np.where(x[0] > 0, math.log(x[0]), 0.0),
    "comparison": lambda x: (math.log(x[0]) > 0) * x[1],
    "square root": lambda x: np.where(x[0] > 0, math.sqrt(x[0]), x[1]),
    "power": lambda x: math.sqrt(x[0]) ** 0 * x[1],
    "base": lambda x: x[1] / math.log(2.0, x[0]),
    "arcsine": lambda x: np.fmax(math.asin(x[0] / 3.0 - 0.7), x[1]),
    "by a helper": lambda x: np.where(x[0] > 0, logarithm(x[0]), 0.0),
    "pow": lambda x: np.fmin(math.pow(x[0], 0.5), x[1]),
    "one of two": lambda x: np.where(x[0] > 0, math.log(x[0]), 0.0) + math.sqrt(x[1]),
}


def logarithm(a):
    return math.log(a)


@pytest.mark.parametrize("name", SWALLOWED)
@pytest.mark.parametrize("bad", [slice(200, 201), slice(0, 1), slice(399, 400)])
def test_what_raises_in_python_raises(name, bad):
    f, points = SWALLOWED[name], P.copy()
    points[:, 0] += 0.05
    same_as_python(f, points)
    assert fastgrad.gradient(f, points, batch=True, full_output=True, engine="simd").engine == "simd"
    points[bad, 0] = -1.0
    for engine in ("python", "simd", "auto"):
        with pytest.raises((ValueError, TypeError)):
            fastgrad.gradient(f, points, batch=True, engine=engine)


def test_an_overflow_is_no_number():
    def sigmoid(x):
        return x[1] / (1.0 + math.exp(-x[0]))

    same_as_python(sigmoid)
    points = P.copy()
    points[200, 0] = -800.0
    with pytest.raises(OverflowError):
        fastgrad.gradient(sigmoid, points, batch=True)


def test_behind_a_thousand_points_without_a_number():
    points = np.tile([1.0, 2.0], (2_000, 1))
    points[:1_500] = np.nan
    points[1_999, 0] = -1.0
    with pytest.raises(ValueError, match=r"domain|positive"):
        fastgrad.gradient(lambda x: math.log(x[0]) * x[1], points, batch=True, engine="simd")


def caught(x):
    try:
        r = math.log(x[0])
    except ValueError:
        return -x[1]
    return (r > 0) * x[1]


def caught_in_a_helper(x):
    def r(a):
        try:
            return math.sqrt(a)
        except ValueError:
            return 0.0

    return np.where(x[0] > 0, 1.0, r(x[0])) + x[1]


@pytest.mark.parametrize("f", [caught, caught_in_a_helper])
def test_what_math_raises_may_be_caught(f):
    points = np.random.default_rng(3).uniform(-1.0, 1.0, (2_400, 2))
    same_as_python(f, points)
    points[[0, 799, 800, 1600, -1]] = 0.5  # where f is asked after the trace nothing is raised
    assert same_as_python(f, points) == "simd"


# --- what raises in Python, and would be hidden -----------------------------------------------------------------------


RAISING = {
    "division of floats of math": (lambda x: np.minimum(1.0 / math.floor(x[0]), 5.0) * x[1], ZeroDivisionError),
    "of an item": (lambda x: np.minimum(1.0 / (x.tolist()[0] - x[:1].tolist()[0]), 5.0) * x[1], ZeroDivisionError),
    "modulo": (lambda x: np.minimum(2.0 % math.floor(x[0]), 5.0) * x[1], ZeroDivisionError),
    "floor division": (lambda x: np.minimum(2.0 // math.floor(x[0]), 5.0) * x[1], ZeroDivisionError),
    "power": (lambda x: np.minimum(math.fabs(-1e200 * x[1]) ** 2.5, 5.0) * x[1], OverflowError),
    "a quotient of sums": (
        lambda x: np.exp(-abs(1.0 / (math.sin(x[0]) - math.sin(x[0]) + 0.0 * math.exp(x[0])))) + x[1], ZeroDivisionError
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RAISING)
def test_python_s_own_arithmetic_raises(name):
    f, error = RAISING[name]
    with pytest.raises(error):
        fastgrad.gradient(f, P - 0.01, batch=True, engine="python")
    for engine in ("auto", "simd"):
        with pytest.raises((error, fastgrad.EngineError)):
            fastgrad.gradient(f, P - 0.01, batch=True, engine=engine)


def test_numpy_s_own_arithmetic_does_not_raise():
    def f(x):
        return np.minimum(1.0 / np.floor(x[0]), 5.0) * x[1]

    with np.errstate(divide="ignore"):
        assert same_as_python(f, np.stack([np.linspace(0.3, 1.7, 2000), np.ones(2000)], axis=1)) == "simd"


def over(x):
    with np.errstate(over="raise"):
        y = np.exp(1000.0 * x[0])
    return np.minimum(y, 5.0) * x[1]


def set_globally(x):
    old = np.seterr(all="raise")
    y = np.minimum(np.exp(1000.0 * x[0]), 5.0) * x[1]
    np.seterr(**old)
    return y


def warned(x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = np.exp(1000.0 * x[0])
    return np.minimum(y, 5.0) * x[1]


@pytest.mark.parametrize("f", [over, set_globally, warned], ids=lambda f: f.__name__)
@pytest.mark.parametrize("engine", ["auto", "simd"])
def test_errors_of_floats_are_raised(f, engine):
    with pytest.raises(Untraceable, match="into exceptions"):
        trace(f, (2,))
    with np.errstate(), pytest.raises((FloatingPointError, RuntimeWarning)):
        fastgrad.gradient(f, P, batch=True, engine=engine)


def test_errors_that_are_ignored_are_traced():
    def f(x):
        with np.errstate(all="ignore"):
            return np.where(x[0] > 1.0, np.log(x[0] - 1.0), 0.0) * x[1]

    assert same_as_python(f, P) == "simd"


class Remembering:
    """An object that is called by another function, and remembers its last argument."""

    x = None

    def __call__(self, x):
        if self.x is None or not np.array_equal(x, self.x):
            self.value, self.x = np.sin(x[0]) + 0.125 * x[0], x
        return self.value


@pytest.mark.parametrize("scale", [2.0, 2j])
def test_an_object_that_another_function_calls_keeps_no_symbols(scale):
    f, points = Remembering(), np.random.default_rng(0).uniform(0.5, 2.0, (260, 3))
    found = fastgrad.gradient(lambda x: f(x) * scale, points, batch=True)
    assert type(f.value) is np.float64
    np.testing.assert_allclose(found[:, 0], scale * (np.cos(points[:, 0]) + 0.125), rtol=1e-7)
