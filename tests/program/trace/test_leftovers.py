"""What f keeps of a trace: the user's objects are as they were, and f's own numbers come out."""

import collections
import functools
import gc
import types

import numpy as np
import pytest

import fastgrad
from fastgrad import EngineError
from fastgrad.program.trace.leftovers import Noted, may_write
from fastgrad.program.trace.recording import Untraceable, trace


@pytest.fixture(scope="module", autouse=True)
def _older_objects():
    """What f keeps is looked for among all objects: in half a second if those of other tests were among them."""
    gc.collect()
    gc.freeze()


POINTS = np.random.default_rng(0).uniform(0.5, 2.0, (600, 3))
BEST = None
CONFIG = types.ModuleType("config")


class Model:
    """Everything that a model may write into."""

    shared = None

    def __init__(self):
        self.mean, self.history, self.memo, self.seen = None, [], {}, set()
        self.state = types.SimpleNamespace(last=None)
        self.recent = collections.deque(maxlen=3)


class Slotted:
    __slots__ = ("last", "unset")

    def __init__(self):
        self.last = None


def attribute(model, x):
    model.mean = x


def like(model, x):
    if model.mean is None:
        model.mean = np.zeros_like(x)


def a_copy(model, x):
    model.mean = x.copy()


def a_number(model, x):
    model.mean = x[0] * 2.0


def appended(model, x):
    model.history.append(x)


def nested(model, x):
    model.history.append((1, {"x": [x[0]]}))


def put(model, x):
    model.memo["x"] = x


def remembered(model, x):
    model.recent.append(x)


def deep(model, x):
    model.state.last = x


def on_the_class(model, x):
    type(model).shared = x


def a_new_object(model, x):
    model.state = types.SimpleNamespace(inner=types.SimpleNamespace(value=[[x[1]]]))


def a_generator(model, x):
    model.state.gen = (v for v in [x[0]] if True)
    next(model.state.gen)


KEEPS = [
    attribute, like, a_copy, a_number, appended, nested, put, remembered, deep, on_the_class, a_new_object, a_generator,
]  # fmt: skip


def as_it_is(model):
    return (
        dict(vars(model)), list(model.history), dict(model.memo), dict(vars(model.state)), list(model.recent),
        dict(vars(Model)),
    )  # fmt: skip


@pytest.mark.parametrize("keep", KEEPS, ids=lambda keep: keep.__name__)
@pytest.mark.parametrize("how", ["closure", "method", "partial", "object", "default"])
def test_objects_are_as_they_were_and_f_is_called(keep, how):
    model = Model()
    before = as_it_is(model)

    def loss(model, x):
        keep(model, x)
        return np.sum(x**2)

    class Callable:
        def __call__(self, x):
            return loss(model, x)

    f = {
        "closure": lambda x: loss(model, x),
        "method": types.MethodType(loss, model),
        "partial": functools.partial(loss, model),
        "object": Callable(),
        "default": lambda x, m=model: loss(m, x),
    }[how]
    with pytest.raises(Untraceable):
        trace(f, (3,))
    assert as_it_is(model) == before
    with pytest.raises(EngineError, match="keeps what it computes"):
        fastgrad.gradient(f, POINTS, batch=True, engine="simd")
    found = fastgrad.gradient(f, POINTS, batch=True)
    np.testing.assert_allclose(found, 2.0 * POINTS, rtol=1e-8)
    assert not isinstance(model.mean, np.ndarray) or model.mean.dtype == float
    Model.shared = None


def globally(x):
    global BEST  # noqa: PLW0603
    BEST = x
    return np.sum(x**2)


def in_a_module(x):
    CONFIG.last = x
    return np.sum(x**2)


def on_itself(x):
    on_itself.last = x
    return np.sum(x**2)


@pytest.mark.parametrize("f", [globally, in_a_module, on_itself], ids=lambda f: f.__name__)
def test_global_variables_modules_and_functions(f):
    on_itself.calls = 0
    with pytest.raises(Untraceable, match="keeps what it computes"):
        trace(f, (3,))
    assert BEST is None
    assert not hasattr(CONFIG, "last")
    assert vars(on_itself) == {"calls": 0}


def test_cells_and_slots():
    last, slotted, calls = None, Slotted(), 0

    def f(x):
        nonlocal last, calls
        calls += 1
        last = slotted.last = slotted.unset = x
        return np.sum(x)

    with pytest.raises(Untraceable, match="keeps what it computes"):
        trace(f, (3,))
    assert (last, slotted.last, calls, hasattr(slotted, "unset")) == (None, None, 0, False)


def test_a_long_list_is_shortened():
    history = list(range(5000))

    def f(x):
        history.append(x)
        return x[0]

    with pytest.raises(Untraceable):
        trace(f, (1,))
    assert history == list(range(5000))


def test_what_a_refused_trace_wrote_is_taken_back():
    log = []

    def f(x):
        log.append(1)
        return complex(x[0])

    with pytest.raises(Untraceable, match="complex"):
        trace(f, (1,))
    assert log == []


def test_numbers_that_f_keeps_are_its_own_affair():
    seen = {"calls": 0}

    def f(x):
        seen["calls"] += 1
        return np.sum(x**2)

    assert len(trace(f, (2,)).nodes) == 3
    assert seen == {"calls": 1}


def test_an_object_that_refuses_to_be_looked_at():
    class Shy:
        @property
        def __dict__(self):
            raise RuntimeError

    shy = Shy()
    assert trace(lambda x: x[0] if shy else x[1], (2,)).outputs == (("x", 0),)


def test_what_is_noted():
    model = Model()
    noted = Noted()
    noted.look(lambda x: model.mean, ())
    assert not noted.is_left()
    model.mean = 3.0
    assert not noted.is_left()
    noted.take_back()
    assert model.mean is None


def test_who_may_write():
    model = Model()

    def reads(x):
        return np.sum(x.copy() ** 2) * model.memo.get("k", 1.0)

    def asks(x):
        return model.loss(x)

    codes = [reads.__code__, asks.__code__]
    assert not may_write(codes[:1])
    assert may_write(codes)  # nobody has seen what loss is
    assert not may_write([*codes, (lambda x: x).__code__.replace(co_name="loss")])
    assert all(may_write([keep.__code__]) for keep in KEEPS)
