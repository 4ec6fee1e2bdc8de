"""gradient_field against exact gradients on a mesh."""

import numpy as np
import pytest

from fastgrad import StepWarning, gradient
from fastgrad.grid.fields import gradient_field

ENGINES = ["python", "reference", "jit", "simd"]
engines = pytest.mark.parametrize("engine", ENGINES)

AXES = [
    np.array([0.5, -1.0, 0.25, 2.0]),  # uneven, neither rising nor falling
    np.linspace(2.0, -2.0, 5),
    np.array([-0.5, 1.5]),
    *[np.array([0.5, 1.0])] * 6,
]


def bowl(p):
    return p[0] * np.sum(p * p)


def product(p):
    return p[0] * p[1]


def exact_bowl(axes):
    mesh = np.array(np.meshgrid(*axes, indexing="ij"))
    g = 2 * mesh * mesh[0]
    g[0] += np.sum(mesh * mesh, axis=0)
    return g


@pytest.mark.parametrize(
    ("engine", "dimension"), [(e, d) for e in ENGINES for d in (1, 2, 3, 9) if (e, d) != ("jit", 2)]
)
def test_field_of_a_mesh(engine, dimension):
    axes = AXES[:dimension] if dimension < 9 else [a[:2] for a in AXES]
    field = gradient_field(bowl, axes, engine=engine)
    assert field.dtype == np.float64
    assert field.shape == (dimension, *map(len, axes))
    np.testing.assert_allclose(field, exact_bowl(axes), rtol=0, atol=2e-8 if dimension == 9 else 2e-9)


@engines
def test_field_has_the_bits_of_gradient(engine):
    mesh = np.array(np.meshgrid(*AXES[:2], indexing="ij"))
    rows = gradient(product, mesh.reshape(2, -1).T, batch=True, engine=engine)
    for workers in (1, None):
        field = gradient_field(product, AXES[:2], engine=engine, workers=workers)
        assert (field == rows.T.reshape(field.shape)).all()


@engines
@pytest.mark.parametrize("order", ["C", "F"])
def test_out(engine, order):
    expected = gradient_field(product, AXES[:2], engine=engine)
    out = np.empty(expected.shape, order=order)
    assert gradient_field(product, AXES[:2], engine=engine, out=out) is out
    assert (out == expected).all()


@engines
def test_strided_out_leaves_the_rest_alone(engine):
    expected = gradient_field(product, AXES[:2], engine=engine)
    board = np.full((4, 8, 6), 7.0)
    out = board[1::2, ::-2, 1:]
    assert gradient_field(product, AXES[:2], engine=engine, out=out) is out
    assert (out == expected).all()
    assert (board[::2] == 7.0).all()
    assert (board[:, ::2] == 7.0).all()
    assert (board[:, :, 0] == 7.0).all()


@engines
def test_axes_of_single_precision(engine):
    axes = [a.astype(np.float32) for a in AXES[:2]]
    expected = gradient_field(product, AXES[:2], engine=engine)
    field = gradient_field(product, axes, engine=engine)
    assert field.dtype == np.float32
    assert (field == expected.astype(np.float32)).all()
    mixed = gradient_field(product, [axes[0], AXES[1]], engine=engine)
    assert mixed.dtype == np.float64
    assert (mixed == expected).all()
    out = np.empty((5, 4, 2), np.float32).T
    assert (gradient_field(product, axes, engine=engine, out=out) == field).all()


@pytest.mark.parametrize(
    "axes", [[[0, 1, 2], (3, 1)], (range(3), np.array([3, 9, 1])[::2]), (np.arange(3.0)[::-1][::-1], np.array([3, 1]))]
)
def test_axes_of_integers_lists_and_strides(axes):
    field = gradient_field(product, axes)
    assert field.dtype == np.float64
    assert (field == gradient_field(product, [np.array([0.0, 1.0, 2.0]), np.array([3.0, 1.0])])).all()


def test_overflow_in_the_dtype_of_the_axes_is_inf_without_a_warning():
    assert np.isinf(gradient_field(lambda p: 1e6 * product(p), [np.ones(2, np.float16)] * 2)).all()


@engines
@pytest.mark.parametrize("lengths", [(0, 3), (3, 0), (0, 0)], ids=str)
def test_empty_axis(engine, lengths):
    result = gradient_field(product, [np.ones(n) for n in lengths], engine=engine, full_output=True)
    assert result.value.shape == (2, *lengths)
    assert result.nfev == 0
    assert [h.shape for h in result.h] == [(n,) for n in lengths]


def paraboloid(p):
    return p[0] * p[0] + p[1] * p[1]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("options", "h"),
    [
        ({"h": 2.0**-6}, ([2.0**-6] * 3, [2.0**-6] * 2)),
        ({"h": [2.0**-6, 2.0**-3]}, ([2.0**-6] * 3, [2.0**-3] * 2)),
        ({"rel_step": [2.0**-6, 2.0**-3]}, ([2.0**-6, 2.0**-5, 2.0**-6], [2.0**-2, 2.0**-5])),
    ],
    ids=["h", "h per axis", "rel_step per axis"],
)
def test_steps(engine, options, h):
    axes = [np.array([1.0, 2.0, 0.0]), np.array([-2.0, 0.25])]
    result = gradient_field(paraboloid, axes, method="forward", order=1, engine=engine, full_output=True, **options)
    assert [list(taken) for taken in result.h] == [list(e) for e in h]
    assert (result.value[0] == (2 * axes[0] + h[0])[:, None]).all()
    assert (result.value[1] == (2 * axes[1] + h[1])[None, :]).all()
    assert result.engine == engine
    assert result.nfev == (30 if engine == "reference" else 6 * 3)  # the reference looks at f(x) first
    assert (result.status == 0).all()


@engines
def test_default_steps_follow_each_axis(engine):
    axes = [np.array([1.0, 1e6]), np.array([0.0, -1e3, 3.0])]
    result = gradient_field(product, axes, engine=engine, full_output=True)
    for taken, axis in zip(result.h, axes, strict=True):
        ideal = np.finfo(float).eps ** (1 / 3) * np.maximum(1.0, np.abs(axis))
        assert ((taken <= ideal) & (ideal < 2 * taken)).all()
    assert result.nfev == (30 if engine == "reference" else 4 * 6)


@engines
def test_args_and_nan(engine):
    def scaled(p, a):
        return a[0] * p[0] * p[1] + a[1]

    axes = [np.array([1.0, np.nan, 2.0]), np.array([3.0, 4.0])]
    field = gradient_field(scaled, axes, args=(np.array([2.0, 1.0]),), engine=engine)
    np.testing.assert_allclose(field[0][[0, 2]], [[6.0, 8.0]] * 2, rtol=1e-8)
    np.testing.assert_allclose(field[1][[0, 2]], [[2.0, 2.0], [4.0, 4.0]], rtol=1e-8)
    assert np.isnan(field[:, 1]).all()


@engines
@pytest.mark.parametrize("count", [1, 40])
def test_progress_reaches_the_total(engine, count):
    seen = []
    axes = [np.linspace(0, 1, count), np.ones(2)]
    gradient_field(product, axes, engine=engine, progress=lambda *a: seen.append(a))
    assert seen
    assert seen[-1] == (2 * count, 2 * count)
    assert seen == sorted(seen)


FIELDS_THAT_END = {
    "branches": (lambda x: np.where(x[1] > 0, np.sin(x[0]) * x[1], np.sqrt(x[1]) + x[0] ** 3), (2, 500)),
    "poles": (lambda x: 1 / ((x[0] + 0.5) ** 2 + (x[1] - 1.0) ** 2), (65, 97)),
    "half": (lambda x: np.log(x[0]) * x[1], (40, 50)),
    "line": (lambda x: np.sqrt(x[0]), (2500,)),
    "three": (lambda x: np.sqrt(x[0]) * x[1] + x[2] / x[1], (12, 13, 14)),
}


@pytest.mark.parametrize(("f", "lengths"), FIELDS_THAT_END.values(), ids=FIELDS_THAT_END)
@pytest.mark.parametrize("method", ["central", "exact"])
@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_nodes_that_are_not_finite_are_those_of_points(f, lengths, method):
    axes = [np.linspace(-0.5, 1.0, n) if n > 2 else np.array([1.0, 2.0]) for n in lengths]
    field = gradient_field(f, axes, method=method, engine="simd")
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    expected = gradient(f, points, batch=True, method=method, engine="simd")
    assert method == "central" or not np.isfinite(expected).all()
    np.testing.assert_array_equal(field.reshape(len(axes), -1).T, expected)


@pytest.mark.parametrize("options", [{}, {"order": 4}, {"method": "forward"}])
def test_a_step_that_is_long_beside_an_axis(options):
    axes = np.linspace(1e-6, 4e-6, 20), np.linspace(0.0, 1.0, 10)

    def f(p):
        return np.exp(-p[0] / 2e-6) * p[1]

    with pytest.warns(StepWarning, match="beside axis 0, all of which spans 3e-06; give rel_step=1e-5"):
        gradient_field(f, axes, **options)
    found = gradient_field(f, axes, rel_step=1e-5)
    exact = gradient_field(f, axes, method="exact")
    np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-6)
    gradient_field(f, (np.array([1e-6]), axes[1]))
    gradient_field(f, (np.linspace(0.0, 0.01, 20), axes[1]))


def test_out_that_f_reads_is_refused():
    out, x = np.ones((2, 30, 20)), np.linspace(0.0, 1.0, 30)
    f = lambda p: float(out[0, 0, 0] * p[0] * p[1])
    for options in ({}, {"engine": "python"}, {"workers": 2}):
        with pytest.raises(ValueError, match="out shares memory with an array that f reads"):
            gradient_field(f, [x, x[:20]], out=out, **options)
    assert (out == 1.0).all()


def test_one_array_for_a_list_of_axes():
    with pytest.raises(ValueError, match=r"got shapes \[\(\), \(\), \(\), \(\), \.\.\.\]; write grad"):
        gradient_field(lambda p: p[0], np.linspace(0.0, 1.0, 1000))
