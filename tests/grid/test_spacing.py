"""Axes, spacing and periods, and the order of the formulas between them."""

import numpy as np
import pytest

from fastgrad import grid
from fastgrad.grid import arrays
from fastgrad.grid.spacing import axes_and_spacing, lines_of, read_scheme, required_axes
from tests.grid.samples import coordinates, same, samples

pytestmark = pytest.mark.usefixtures("no_short_cut", "no_copies")

ACCURACIES = (2, 4, 6, 8)
OPERATIONS = {"gradient": grid.gradient, "laplacian": grid.laplacian}


def test_no_axes():
    assert grid.gradient(np.float64(3.0)) == np.gradient(np.float64(3.0)) == ()
    assert grid.gradient(samples((4, 5)), axis=()) == ()


BAD = {
    "too few": lambda g: g(np.ones((1, 5))),
    "too few for edges": lambda g: g(np.ones((2, 5)), edge_order=2),
    "edge_order": lambda g: g(np.ones(5), edge_order=3),
    "spacings": lambda g: g(np.ones((5, 5)), 1, 2, 3),
    "2-D coordinates of text": lambda g: g(np.ones((2, 2)), np.full((2, 2), "a"), np.full((2, 2), "b")),
    "meshes of one direction": lambda g: g(np.ones((2, 2)), np.eye(2), np.eye(2)),
    "lists of rows": lambda g: g(np.ones((2, 2)), [[1.0], [1.0, 2.0]], 1.0),
    "2-D coordinates": lambda g: g(np.ones((5, 5)), np.ones((5, 5)), 1.0),
    "length": lambda g: g(np.ones((5, 6)), np.arange(6), np.arange(6)),
    "axis": lambda g: g(np.ones((5, 6)), axis=2),
    "repeated axis": lambda g: g(np.ones((5, 6)), axis=(0, 0)),
    "bool": lambda g: g(np.ones(5, bool)),
    "text": lambda g: g(np.array(["a", "b"])),
    "text spacing": lambda g: g(np.ones(5), "a"),
    "float axis": lambda g: g(np.ones(5), axis=1.0),
    "edge_order None": lambda g: g(np.ones(5), edge_order=None),
    "keyword": lambda g: g(np.ones(5), spacing=2),
    "zero with edges": lambda g: g(np.ones(5), 0, edge_order=2),
    "ragged": lambda g: g([[1.0, 2.0], [1.0]]),
}


@pytest.mark.parametrize("name", [name for name in BAD if name != "keyword"])
def test_errors_are_those_of_numpy(name):
    with np.errstate(all="ignore"), pytest.raises(Exception) as expected:
        BAD[name](np.gradient)
    with pytest.raises(type(expected.value)) as got:
        BAD[name](grid.gradient)
    assert (type(got.value), str(got.value)) == (type(expected.value), str(expected.value))
    for operation in (grid.laplacian, lambda v, *s, **k: grid.divergence([v] * np.ndim(v), *s, **k)):
        with pytest.raises((TypeError, ValueError, ZeroDivisionError)):
            BAD[name](operation)
    with pytest.raises(TypeError):
        BAD["keyword"](grid.gradient)


def test_duplicate_coordinates_warn_as_in_numpy():
    x, values = np.array([0.0, 1.0, 1.0, 2.0, 4.0]), samples(5)
    with pytest.warns(RuntimeWarning):
        expected = np.gradient(values, x)
    with pytest.warns(RuntimeWarning, match="duplicates"):
        same(grid.gradient(values, x), expected)


def mapped(n, accuracy):
    t = np.arange(n) * (2 * np.pi / n)
    return t + 0.3 * np.sin(t)


@pytest.mark.parametrize("accuracy", ACCURACIES)
@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("name", OPERATIONS)
def test_order_of_convergence(name, graded, periodic, accuracy):
    errors = []
    for n in (64, 128) if graded and name == "gradient" else (32, 64):
        x = mapped(n, accuracy) if graded else np.arange(n) * (2 * np.pi / n)
        options = {"periodic": True, "period": 2 * np.pi} if periodic else {}
        got = OPERATIONS[name](np.sin(x), x if graded else x[1], accuracy=accuracy, edge_order=2, **options)
        exact = np.cos(x) if name == "gradient" else -np.sin(x)
        half = accuracy // 2 + 1
        errors.append([np.abs(got - exact)[s].max() for s in (slice(half, -half), slice(0, half), slice(-half, None))])
    orders = np.log2(np.array(errors[0]) / errors[1])
    assert (orders > accuracy - 1.0).all(), orders
    if not graded and periodic:
        np.testing.assert_allclose(orders[0], accuracy, atol=0.15)


@pytest.mark.parametrize("accuracy", ACCURACIES)
@pytest.mark.parametrize("graded", [False, True])
def test_polynomials_are_exact(graded, accuracy):
    x = coordinates(30) - 8.0 if graded else np.arange(30) * 0.5 - 7.0
    for degree in range(accuracy + 1):
        values = np.stack([(x / 8) ** degree] * 3, axis=1)
        slope = degree * (x / 8) ** max(degree - 1, 0) / 8
        bend = degree * (degree - 1) * (x / 8) ** max(degree - 2, 0) / 64
        along = x if graded else 0.5
        got = grid.gradient(values, along, axis=0, accuracy=accuracy, edge_order=2)
        np.testing.assert_allclose(got, np.stack([slope] * 3, axis=1), rtol=0, atol=2e-13)
        got = grid.laplacian(values, along, axis=0, accuracy=accuracy)
        np.testing.assert_allclose(got, np.stack([bend] * 3, axis=1), rtol=0, atol=3e-12)


@pytest.mark.parametrize("accuracy", ACCURACIES[1:])
@pytest.mark.parametrize("along", [0.1, coordinates(20)], ids=["even", "uneven"])
def test_constants_give_zero(along, accuracy):
    for operation in OPERATIONS.values():
        assert not np.any(operation(np.full((20, 20), 1e10 / 3), along, along, accuracy=accuracy))


@pytest.mark.parametrize("accuracy", ACCURACIES)
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("falling", [False, True])
def test_the_seam_is_like_the_interior(falling, name, accuracy):
    """Rolling the samples rolls the result."""
    n, period = 24, 2 * np.pi
    x = mapped(n, accuracy)
    x = x[::-1].copy() if falling else x
    values = np.stack([np.exp(np.sin(x)), np.cos(x)], axis=1)
    plain = OPERATIONS[name](values, x, axis=0, accuracy=accuracy, periodic=True, period=period)
    turned = np.concatenate([x[9:], x[:9] + (-period if falling else period)])
    rolled = OPERATIONS[name](np.roll(values, -9, 0), turned, axis=0, accuracy=accuracy, periodic=True, period=period)
    np.testing.assert_allclose(np.roll(rolled, 9, 0), plain, rtol=0, atol=1e-11)
    even = OPERATIONS[name](values, 0.1, axis=0, accuracy=accuracy, periodic=True)
    turned = OPERATIONS[name](np.roll(values, -9, 0), 0.1, axis=0, accuracy=accuracy, periodic=True)
    assert (np.roll(turned, 9, 0) == even).all()


def test_periodic_axes_one_by_one():
    values = samples((12, 13, 14))
    got = grid.gradient(values, 0.5, periodic=(True, False, True))
    wrapped = np.pad(values, [(1, 1), (0, 0), (1, 1)], mode="wrap")
    expected = [part[1:-1, :, 1:-1] for part in np.gradient(wrapped, 0.5)]
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_period_longer_than_the_number_of_steps_is_an_uneven_seam():
    x = np.arange(10.0)
    got = grid.gradient(x, 1.0, periodic=True, period=12.0)
    np.testing.assert_allclose(got, grid.gradient(x, x + 0.0, periodic=True, period=12.0))


def test_spacing_is_read_as_numpy_reads_it():
    samples, even, uneven = np.zeros((3, 4)), np.arange(4) * 0.5, np.array([0.0, 1.0, 3.0])
    assert axes_and_spacing(samples, (), None, 1) == [(0, 1.0), (1, 1.0)]
    assert axes_and_spacing(samples, (2.0,), None, 1) == [(0, 2.0), (1, 2.0)]
    (first, found), (last, number) = axes_and_spacing(samples, (uneven, even), None, 1)
    assert (first, last, number) == (0, 1, 0.5)
    assert found.tolist() == uneven.tolist()
    assert axes_and_spacing(samples, (np.array([7, 9, 11, 13]),), -1, 2) == [(1, 2.0)]


@pytest.mark.parametrize(
    ("spacing", "axis", "edge_order"),
    [((1.0, 2.0, 3.0), None, 1), ((np.arange(5.0),), 0, 1), ((), 2, 1), ((), None, 3), ((), 0, 2.5), (("a",), 0, 1)],
    ids=["three", "long", "axis", "edge", "no number", "text"],
)
def test_what_numpy_refuses_is_left_to_it(spacing, axis, edge_order):
    samples = np.zeros((3, 4))
    assert axes_and_spacing(samples, spacing, axis, edge_order) is None
    with pytest.raises((TypeError, ValueError)):
        required_axes(samples, spacing, axis, edge_order)


@pytest.mark.parametrize(
    ("distances", "periodic", "period", "said"),
    [
        (0.5, False, 3.0, "not periodic"),
        (0.0, True, None, "finite number other than 0"),
        (np.array([0.0, 1.0, 1.0, 2.0, 3.0]), True, 9.0, "rise or fall all the way"),
        (np.array([0.0, 1.0, 2.5, 3.0, 4.0]), True, None, "write period="),
        (np.array([0.0, 1.0, 2.5, 3.0, 4.0]), True, 4.0, "longer than its coordinates"),
        (0.5, [True, False], None, "2 entries for 1 axes"),
    ],
    ids=["period", "zero", "duplicates", "unknown", "short", "too many"],
)
def test_periods_that_do_not_fit(distances, periodic, period, said):
    with pytest.raises(ValueError, match=said):
        lines_of(np.zeros(5), [(0, distances)], periodic, period, 1, read_scheme(1, 2, None))


def test_an_axis_needs_enough_samples():
    for accuracy, periodic, needed in ((4, False, 5), (4, True, 5), (8, True, 9)):
        scheme = read_scheme(1, accuracy, None)
        assert lines_of(np.zeros(needed), [(0, 0.5)], periodic, None, 1, scheme)[0][1].n == needed
        with pytest.raises(ValueError, match=f"{needed - 1} samples, accuracy={accuracy} needs {needed}"):
            lines_of(np.zeros(needed - 1), [(0, 0.5)], periodic, None, 1, scheme)
    for accuracy in (3, True, "2"):
        with pytest.raises(ValueError, match="use 2, 4, 6 or 8"):
            read_scheme(1, accuracy, None)


# --- what is no flag, no period, no spacing ---------------------------------------------------------------------------

FLAGS = ["lon", b"lon", 2, -1, None, np.nan, 1.0, 0.0, [0.0, 1.0], ["lat", "lon"], {"lon": True}, {"lon"}, (1, "lon"),
         [None, True], np.array(["a", "b"]), np.float64(1), object(), range(2), (2, 0),
         np.timedelta64(1, "s")]  # fmt: skip


@pytest.mark.parametrize("number", range(len(FLAGS)))
@pytest.mark.parametrize("operation", [grid.gradient, grid.laplacian, lambda v, **o: grid.divergence([v, v], **o)])
def test_what_is_neither_true_nor_false_closes_no_axis(operation, number):
    with pytest.raises(ValueError, match="must be True or False, or one of them for each axis"):
        operation(samples((9, 9)), periodic=FLAGS[number])


@pytest.mark.parametrize(
    "flags", [(True, False), [1, 0], np.array([True, False]), (np.True_, np.False_), np.array([1, 0])]
)
def test_flags_of_all_kinds(flags):
    values = samples((9, 9))
    expected = grid.gradient(values, periodic=True, axis=0), np.gradient(values, axis=1)
    for got, right in zip(grid.gradient(values, periodic=flags), expected, strict=True):
        np.testing.assert_array_equal(got, right)
    np.testing.assert_array_equal(grid.gradient(values, periodic=np.array(True))[0], expected[0])


@pytest.mark.parametrize("period", ["9", True, 9j, np.timedelta64(9, "s"), [np.timedelta64(9, "s"), None], object()])
def test_periods_that_are_no_numbers(period):
    with pytest.raises(TypeError, match="is no number, as the coordinates are"):
        grid.gradient(samples((9, 9)), periodic=True, period=period)


CLOCKS = {
    "nanoseconds": 1_700_000_000_000_000_000 + np.array([0, 1, 3, 4, 8, 9, 20]) * 100,
    "falling": 1_700_000_000_000_000_000 - np.array([0, 1, 3, 4, 8, 9, 20]),
    "negative": -1_700_000_000_000_000_000 + np.array([0, 1, 3, 4, 8, 9, 20]),
    "unsigned": np.array([0, 1, 3, 4, 8, 9, 20], np.uint64) + np.uint64(2**64 - 100),
    "even": 1_700_000_000_000_000_000 + np.arange(7),
    "other byte order": (1_700_000_000_000_000_000 + np.array([0, 1, 3, 4, 8, 9, 20])).astype(">i8"),
    "both ends": np.array([-(2**63), -1, 2**60, 2**61, 2**62, 2**62 + 2**61, 2**63 - 1]),
}


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("name", CLOCKS)
def test_clocks_keep_their_digits(name, large, monkeypatch):
    monkeypatch.setattr(arrays, "SMALL", 0 if large else 1 << 17)
    clock, values = CLOCKS[name], samples((7, 9))
    whole = [int(t) for t in clock]
    apart = np.array([t - min(whole) for t in whole], float)
    for given in (clock, whole if name != "other byte order" else clock):
        np.testing.assert_array_equal(grid.gradient(values, given, axis=0), np.gradient(values, apart, axis=0))
    np.testing.assert_array_equal(
        grid.gradient(values, clock, axis=0, accuracy=4), grid.gradient(values, apart, axis=0, accuracy=4)
    )
    np.testing.assert_array_equal(grid.laplacian(values, clock, axis=0), grid.laplacian(values, apart, axis=0))


def test_small_integers_have_numpys_bits():
    values, x = samples((7, 9)), np.array([5, 7, 8, 11, 12, 20, 30])
    same(grid.gradient(values, x, axis=0), np.gradient(values, x, axis=0))


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("options", [{}, {"accuracy": 4}, {"edge_order": 2}, {"periodic": True}], ids=str)
@pytest.mark.parametrize("operation", [grid.gradient, grid.laplacian])
def test_coordinates_of_one_node_are_too_few(operation, options, n):
    with pytest.raises(ValueError, match=r"too small|samples"):
        operation(np.ones((n, 5)), np.arange(float(n)), axis=0, **options)


class Length:
    """A quantity with a unit, as libraries of units have it."""

    def __init__(self, numbers, unit):
        self.numbers, self.unit = np.asarray(numbers), unit
        self.shape, self.ndim, self.dtype = self.numbers.shape, self.numbers.ndim, self.numbers.dtype

    def __array__(self, dtype=None, copy=None):
        return self.numbers

    def __array_function__(self, function, types, args, options):
        numbers = [a.numbers if isinstance(a, Length) else a for a in args]
        found = function(*numbers, **options)
        return Length(found, "made by its library") if function is np.gradient else found


@pytest.mark.parametrize("side", [9, 600])
def test_quantities_are_left_to_their_library_at_every_size(side):
    values = samples((side, side))
    for given in (
        (values, Length(0.5, "m")),
        (values, Length(coordinates(side), "m")),
        (Length(values, "K"), 0.5),
        (Length(values, "K"), Length(0.5, "m")),
    ):
        assert grid.gradient(*given, axis=0).unit == "made by its library"
        with pytest.raises(TypeError, match=r"got Length of float64; pass bare numbers"):
            grid.gradient(*given, axis=0, accuracy=4)
        with pytest.raises(TypeError, match="out= has no room for"):
            grid.gradient(*given, axis=0, out=np.empty_like(values))
        with pytest.raises(TypeError, match=r"bare numbers|real numbers or 1-D arrays"):
            grid.laplacian(*given, axis=0)


ASKED = {
    "gradient": lambda values, x: grid.gradient(values, x, accuracy=4),
    "at accuracy 2": lambda values, x: grid.gradient(values, x, periodic=True, period=40.0),
    "divergence": lambda values, x: grid.divergence([values], x),
    "laplacian": grid.laplacian,
    "matrix": lambda values, x: grid.matrix(len(values), x) @ values,
}
NODES = np.array([0.0, 1.0, 3.0, 6.0, 10.0, 15.0, 21.0, 28.0])


@pytest.mark.parametrize("operation", ASKED.values(), ids=ASKED)
def test_coordinates_in_a_file_are_read(operation, tmp_path):
    np.save(tmp_path / "x.npy", NODES)
    stored = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(operation(NODES**2, stored), operation(NODES**2, NODES))
    if operation is not ASKED["matrix"]:
        many = np.tile(NODES, 2000) + np.repeat(30.0 * np.arange(2000), 8)
        np.save(tmp_path / "many.npy", many)
        ours, numpys = (f(many**2, np.load(tmp_path / "many.npy", "r")) for f in (grid.gradient, np.gradient))
        np.testing.assert_array_equal(ours, numpys)


DATES = np.datetime64("2030-01-01", "ms") + NODES.astype("m8[h]")


@pytest.mark.parametrize("operation", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize(
    "x",
    [DATES, DATES - DATES[0], np.timedelta64(2, "s"), DATES.astype(object)],
    ids=["dates", "durations", "one", "objects"],
)
def test_times_as_spacing_are_told(x, operation):
    with pytest.raises(TypeError, match=r"for derivatives per second write"):
        operation(NODES**2, x)


def test_what_is_said_to_write_for_times():
    truth = grid.gradient(NODES**2, NODES * 3600, accuracy=4)
    t = DATES
    np.testing.assert_allclose(grid.gradient(NODES**2, (t - t[0]) / np.timedelta64(1, "s"), accuracy=4), truth)
    t = DATES.astype(object)
    seconds = np.array(t - t[0], "m8[us]") / np.timedelta64(1, "s")
    np.testing.assert_allclose(grid.gradient(NODES**2, seconds, accuracy=4), truth)


@pytest.mark.parametrize("x", [NODES.astype(np.longdouble), NODES.astype(object), np.ma.masked_array(NODES)])
def test_the_spacing_that_is_not_read_is_named(x):
    for operation in ASKED.values():
        with pytest.raises(TypeError, match=rf"the spacing is {type(x).__name__} of {x.dtype}; write np.asarray"):
            operation(NODES**2, x)
