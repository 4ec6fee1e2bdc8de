"""Never silently wrong: attacks on what is known of f, and what must happen."""

import ctypes
import math

import numpy as np
import pytest

import fastgrad
from fastgrad.program.trace.recording import Untraceable, trace

pytestmark = pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")

P = np.random.default_rng(7).uniform(0.5, 2.0, (3_000, 2))


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
