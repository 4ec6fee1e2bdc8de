"""Things that cannot be put back as they were: f that has them is traced on the ways alone that points take."""

import array
import collections
import contextlib
import contextvars
import functools
import io
import logging
import operator
import queue
import string
import types
import weakref
from functools import cached_property, partial

import numpy as np
import pytest

import fastgrad
from fastgrad.program.trace.leftovers import HARMLESS, Noted
from fastgrad.program.trace.unknowns import acts_when_used, is_fixed, stores_in_modules

POINTS = np.random.default_rng(0).uniform(-2.0, 2.0, (600, 3))


class Box:
    """An operator, a property and `with` that write."""

    def __init__(self):
        self.n, self.notes = 0, []

    def __lshift__(self, other):
        self.notes.append(other)

    @property
    def counted(self):
        self.n += 1
        return 1.0

    def __enter__(self):
        self.n += 1

    def __exit__(self, *_):
        pass

    @cached_property
    def slow(self):
        return 4.0


def extended(notes):
    append = notes.append
    return lambda x: append(1) if x[0] > 100 else None


def of_a_series():
    pandas = pytest.importorskip("pandas")
    series = pandas.Series({"gain": 1.0})

    def change():
        series["gain"] = 2.0

    return change, lambda: float(series["gain"])


def of_a_bound_method():
    notes = []
    report = notes.append
    return lambda: report("hot"), lambda: 1.0 + len(notes)


def of_a_partial():
    notes = []
    report = partial(notes.append, 1)
    return report, lambda: 1.0 + len(notes)


def of_a_method_caller():
    notes, report = [], operator.methodcaller("append", 1)
    return lambda: report(notes), lambda: 1.0 + len(notes)


def of_a_method_called_later():
    notes = []
    return lambda: list(map(notes.append, [1, 2])), lambda: 1.0 + len(notes)


def of_a_tuple():
    notes = []
    does = (notes.append,)
    return lambda: does[0](1), lambda: 1.0 + len(notes)


def of_a_long_dict():
    visits = dict.fromkeys(range(1_500), 0)

    def change():
        visits[0] += 1

    return change, lambda: 1.0 + visits[0]


def of_a_long_list():
    visits = [0] * 1_500

    def change():
        visits[0] += 1

    return change, lambda: 1.0 + visits[0]


def of_a_namespace():
    place = types.SimpleNamespace(notes=[])
    return lambda: place.notes.append(1), lambda: 1.0 + len(place.notes)


def of_a_proxy():
    place = types.MappingProxyType({"notes": []})
    return lambda: place["notes"].append(1), lambda: 1.0 + len(place["notes"])


def of_objects_in_an_array():
    place = np.array([[], None], dtype=object)
    return lambda: place[0].append(1), lambda: 1.0 + len(place[0])


def of_bytes():
    place = bytearray(3)

    def change():
        place[0] = 5

    return change, lambda: 1.0 + place[0]


def of_an_array_of_pythons():
    place = array.array("d", [1.0, 2.0])

    def change():
        place[0] = 5.0

    return change, lambda: place[0]


def of_a_polynomial():
    place = np.poly1d([1.0, 2.0])

    def change():
        place[0] = 7.0

    return change, lambda: float(place(2.0))


def of_a_dict_of_a_library():
    place = collections.UserDict(a=1.0)

    def change():
        place["a"] = 2.0

    return change, lambda: place["a"]


def of_an_order():
    place = collections.OrderedDict(a=1.0, b=2.0)
    return lambda: place.move_to_end("a"), lambda: 1.0 + list(place).index("a")


def of_a_default():
    place = collections.defaultdict(float)
    return lambda: place["a"], lambda: 1.0 + len(place)


def of_an_iterator():
    place = iter([1, 2, 3])
    return lambda: list(place), lambda: 1.0 + place.__length_hint__()


def of_a_bound_next():
    place = iter([1, 2, 3])
    following = place.__next__
    return following, lambda: 1.0 + place.__length_hint__()


def of_a_variable_of_a_context():
    place = contextvars.ContextVar("place", default=0.0)
    return lambda: place.set(1.0), lambda: 1.0 + place.get()


def of_a_weak_reference():
    box = Box()
    place = weakref.ref(box)

    def change():
        place().n = 5

    return change, lambda: 1.0 + box.n


def of_a_queue():
    place = queue.Queue()
    put = place.put
    return lambda: put(1), lambda: 1.0 + place.qsize()


def of_an_operator():
    box = Box()
    return lambda: box << 1, lambda: 1.0 + len(box.notes)


def of_a_property():
    box = Box()
    return lambda: box.counted, lambda: 1.0 + box.n


def of_with():
    box = Box()

    def change():
        with box:
            pass

    return change, lambda: 1.0 + box.n


def of_a_cached_property():
    box = Box()
    return lambda: box.slow, lambda: 1.0 + len(vars(box))


def of_a_module():
    string.of_a_test = 0

    def change():
        string.of_a_test = 1

    return change, lambda: 1.0 + string.of_a_test


def of_a_ufunc():
    place, add = np.zeros(2), np.add.at
    return lambda: add(place, 0, 1.0), lambda: 1.0 + place[0]


def of_text():
    place = io.StringIO()
    write = place.write
    return lambda: write("hi"), lambda: 1.0 + len(place.getvalue())


def of_another_class():
    box = Box()

    class Other:
        n = 5

    def change():
        box.__class__ = Other

    return change, lambda: 1.0 + (type(box) is Other)


def of_a_base_class():
    class Base:
        pass

    class Child(Base):
        pass

    Base.notes = []
    child = Child()
    return lambda: child.notes.append(1), lambda: 1.0 + len(Base.notes)


def of_an_array_by_a_local_name():
    place = np.ones(50_000)

    def change():
        w = place
        w *= 2.0

    return change, lambda: place[0]


def of_a_count_by_a_local_name():
    place = collections.Counter(a=1)

    def change():
        held = place
        held += collections.Counter(a=1)

    return change, lambda: float(place["a"])


def of_an_attribute_of_a_dict():
    class Settings(dict):
        mode = 1.0

    settings = Settings()

    def change():
        settings.mode = 2.0

    return change, lambda: settings.mode


def of_an_attribute_of_a_function():
    def place():
        return 1.0

    def change():
        place.gain = 2.0

    return change, lambda: vars(place).get("gain", 1.0)


def of_with_an_object_made_there():
    notes = []

    class Timer:
        def __enter__(self):
            pass

        def __exit__(self, *_):
            notes.append(1)

    def change():
        with Timer():
            pass

    return change, lambda: 1.0 + len(notes)


def of_a_manager_of_contexts():
    notes = []

    @contextlib.contextmanager
    def place():
        notes.append(1)
        yield

    def change():
        with place():
            pass

    return change, lambda: 1.0 + len(notes)


def of_a_setter():
    notes = []

    class Logged:
        k = property(lambda self: 1.0, lambda self, value: notes.append(value))

    place = Logged()

    def change():
        place.k = 2.0

    return change, lambda: 1.0 + len(notes)


def of_a_property_by_a_helper():
    notes = []

    def note():
        notes.append(1)

    class Noting:
        @property
        def k(self):
            note()
            return 1.0

    place = Noting()
    return lambda: place.k, lambda: 1.0 + len(notes)


def of_a_descriptor():
    notes = []

    class Read:
        def __get__(self, owner, kind=None):
            notes.append(1)
            return 1.0

    class Owner:
        d = Read()

    place = Owner()
    return lambda: place.d, lambda: 1.0 + len(notes)


def of_a_metaclass():
    notes = []

    class Meta(type):
        def __len__(cls):
            notes.append(1)
            return 1

    class Measured(metaclass=Meta):
        pass

    return lambda: len(Measured), lambda: 1.0 + len(notes)


def of_a_missing_key():
    notes = []

    class Made(dict):
        def __missing__(self, key):
            notes.append(key)
            return 1.0

    place = Made()
    return lambda: place["a"], lambda: 1.0 + len(notes)


def of_the_order_of_a_dict():
    place = {"a": 1.0, "b": 2.0}

    def change():
        place["a"] = place.pop("a")

    return change, lambda: 1.0 + list(place).index("a")


def of_a_private_slot():
    class Counted:
        __slots__ = ("__n",)

        def __init__(self):
            self.__n = 1.0

        def hit(self):
            self.__n += 1.0

        def read(self):
            return self.__n

    place = Counted()
    return place.hit, place.read


def of_many_objects():
    place = np.ones(2_000, dtype=object)

    def change():
        place[0] = 3.0

    return change, lambda: place[0]


def of_a_list_by_its_class():
    notes, append = [], list.append
    return lambda: append(notes, 1), lambda: 1.0 + len(notes)


def of_an_operator_of_pythons():
    notes, extend = [], operator.iadd
    return lambda: extend(notes, [1]), lambda: 1.0 + len(notes)


def of_a_copy_by_another_name():
    place, put = np.ones(2), np.copyto
    return lambda: put(place, 3.0), lambda: place[0]


def of_a_cache():
    notes = []

    @functools.lru_cache
    def place(n):
        notes.append(n)
        return n

    return lambda: place(3), lambda: 1.0 + len(notes)


KINDS = [
    of_a_series, of_a_bound_method, of_a_partial, of_a_method_caller, of_a_method_called_later, of_a_tuple,
    of_a_long_dict, of_a_long_list, of_a_namespace, of_a_proxy, of_objects_in_an_array, of_bytes,
    of_an_array_of_pythons, of_a_polynomial, of_a_dict_of_a_library, of_an_order, of_a_default, of_an_iterator,
    of_a_bound_next, of_a_variable_of_a_context, of_a_weak_reference, of_a_queue, of_an_operator, of_a_property,
    of_with, of_a_cached_property, of_a_module, of_a_ufunc, of_text, of_another_class, of_a_base_class,
    of_an_array_by_a_local_name, of_a_count_by_a_local_name, of_an_attribute_of_a_dict,
    of_an_attribute_of_a_function,
    of_with_an_object_made_there, of_a_manager_of_contexts, of_a_setter, of_a_property_by_a_helper, of_a_descriptor,
    of_a_metaclass, of_a_missing_key, of_the_order_of_a_dict, of_a_private_slot, of_many_objects,
    of_a_list_by_its_class, of_an_operator_of_pythons, of_a_copy_by_another_name, of_a_cache,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::fastgrad.PerformanceWarning")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("options", [{}, {"method": "exact"}], ids=["auto", "exact"])
def test_nothing_is_changed_where_no_point_goes(kind, options):
    change, read = kind()

    def f(x):
        if x[0] > 100.0:
            change()
        return x[1] ** 2 * read()

    before = read()
    try:
        found = fastgrad.gradient(f, POINTS, batch=True, **options)
        np.testing.assert_allclose(found[:, 1], 2.0 * POINTS[:, 1] * before, rtol=1e-6, atol=1e-9)
    except fastgrad.EngineError:
        assert options
    assert read() == before


def test_what_changes_by_being_used():
    for value in (iter([1]), [].append, {}.update, operator.methodcaller("a"), collections.defaultdict(int)):
        assert acts_when_used(value, HARMLESS)
    for value in (np.add.at, Box.slow, np.random.default_rng(0).normal):
        assert acts_when_used(value, HARMLESS)
    for value in (
        [1],
        {}.get,
        np.ones(2).dot,
        "a".join,
        len,
        np.add.reduce,
        operator.itemgetter(1),
        Box(),
        Box.slow.func,
    ):
        assert not acts_when_used(value, HARMLESS)


def test_what_stays_as_it_is():
    for value in (
        1.0,
        "a",
        np.float64(1.0),
        np.sin,
        len,
        frozenset({1}),
        logging.getLogger("a"),
        np.random.default_rng(0),
    ):
        assert is_fixed(value)
    for value in ([], {}, np.zeros(2), bytearray(2), np.zeros(1, "f8,i8")[0], Box()):
        assert not is_fixed(value)


def test_attributes_of_modules():
    def sets():
        string.of_a_test = 1

    assert stores_in_modules(sets)
    assert not stores_in_modules(of_a_queue)


def test_few_things_are_traced_on_all_ways():
    """What f has and nothing writes into does not matter."""
    pandas = pytest.importorskip("pandas")
    series = pandas.Series([1.0, 2.0])
    noted = Noted()
    noted.look(lambda x: series, (), writes=False)
    assert noted.is_partial
    assert not noted.acts
