"""method="complex": exact to rounding, and refused where f is not complex-analytic."""

import math
import re

import numba
import numpy as np
import pytest

import fastgrad
from fastgrad import (
    ConstantFunctionWarning,
    EngineError,
    derivative,
    explain,
    gradient,
    gradient_field,
    hessian,
    hvp,
    jacobian,
    jvp,
    sparsity,
    value_and_gradient,
    vjp,
    weight_gradient,
)
from fastgrad.formulas import reference
from fastgrad.formulas.samples import CURVES, SAMPLES
from fastgrad.operations.complexstep import Analytic, NotAnalyticError

EPS = np.finfo(float).eps
X = np.array([0.5, 2.0])
ROWS = np.random.default_rng(1).uniform(0.2, 1.5, (7, 2))

engines = pytest.mark.parametrize("engine", ["python", "jit", "reference"])


def wave(x):
    return np.exp(-(x[0] ** 2)) * np.cos(3 * x[0]) + np.log(1 + x[1] ** 2)


def wave_slope(x):
    e = np.exp(-(x[0] ** 2))
    return np.array([-e * (2 * x[0] * np.cos(3 * x[0]) + 3 * np.sin(3 * x[0])), 2 * x[1] / (1 + x[1] ** 2)])


def pair(x):
    return np.array([(x[0] + 3) * (x[1] ** 3 - 7) + 18, np.sin(x[1] * np.exp(x[0]) - 1)])


def pair_jacobian(x):
    c = np.cos(x[1] * np.exp(x[0]) - 1)
    return np.array([[x[1] ** 3 - 7, 3 * x[1] ** 2 * (x[0] + 3)], [x[1] * np.exp(x[0]) * c, np.exp(x[0]) * c]])


def sine(t):
    return np.sin(t)


def shifted(x, a, b):
    return np.sum((x - a) ** 3) * b


@engines
def test_exact_to_rounding(engine):
    how = {"method": "complex", "engine": engine}
    np.testing.assert_allclose(gradient(wave, X, **how), wave_slope(X), rtol=8 * EPS)
    np.testing.assert_allclose(
        gradient(wave, ROWS, batch=True, **how), [wave_slope(x) for x in ROWS], rtol=1e-14, atol=EPS
    )
    np.testing.assert_allclose(jacobian(pair, X, **how), pair_jacobian(X), rtol=1e-14)
    np.testing.assert_allclose(jvp(pair, X, X, **how), pair_jacobian(X) @ X, rtol=1e-14)
    np.testing.assert_allclose(vjp(pair, X, X, **how), X @ pair_jacobian(X), rtol=1e-14)
    t = np.linspace(-2 * np.pi, 2 * np.pi, 100)
    np.testing.assert_allclose(derivative(sine, t, **how), np.cos(t), rtol=0, atol=2 * EPS)
    value, slope = value_and_gradient(wave, X, **how)
    assert value == pytest.approx(wave(X), rel=2 * EPS)
    assert np.array_equal(slope, gradient(wave, X, **how))


NOT_ANALYTIC = {"huber", "softplus", "cross_entropy", "log_sum_exp"}  # abs and max: right, but not seen to be


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_samples(sample):
    rng = np.random.default_rng(0)
    for x in (np.array(sample.point), *rng.uniform(*sample.box, (5, len(sample.point)))):
        if sample.name in NOT_ANALYTIC:
            with pytest.raises(TypeError, match="has no complex derivative"):
                gradient(sample.f, x, method="complex")
        else:
            exact = sample.gradient(x)
            atol = 1e-14 * np.abs(exact).max()
            np.testing.assert_allclose(gradient(sample.f, x, method="complex"), exact, rtol=1e-12, atol=atol)


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_curves(curve):
    x = np.random.default_rng(0).uniform(*curve.box, 9)
    np.testing.assert_allclose(derivative(curve.f, x, method="complex"), curve.derivatives[0](x), rtol=1e-12)


def test_bits_of_the_definition():
    how = {"method": "complex"}
    assert np.array_equal(gradient(wave, X, **how), reference.gradient(wave, X, **how))
    assert np.array_equal(jacobian(pair, X, h=1e-30, **how), reference.jacobian(pair, X, h=1e-30, **how))
    assert np.array_equal(jvp(pair, X, [1.0, 0.0], **how), reference.jvp(pair, X, [1.0, 0.0], **how))
    assert np.array_equal(derivative(sine, X, **how), reference.derivative(sine, X, **how))
    assert derivative(wave_of_one, 0.3, **how) == reference.derivative(wave_of_one, 0.3, **how)
    value, slope = value_and_gradient(wave, X, **how)
    assert value == reference.value_and_gradient(wave, X, **how)[0]
    assert np.array_equal(slope, reference.value_and_gradient(wave, X, **how)[1])


def wave_of_one(t):
    return wave([t, 1.0])


@engines
def test_a_batch_has_the_bits_of_its_points(engine):
    how = {"method": "complex", "engine": engine}
    assert np.array_equal(gradient(wave, ROWS, batch=True, **how), [gradient(wave, x, **how) for x in ROWS])
    assert np.array_equal(jacobian(pair, ROWS, batch=True, **how), [jacobian(pair, x, **how) for x in ROWS])
    assert np.array_equal(jvp(pair, ROWS, X, batch=True, **how), [jvp(pair, x, X, **how) for x in ROWS])
    values, slopes = value_and_gradient(wave, ROWS, batch=True, **how)
    assert np.array_equal(slopes, gradient(wave, ROWS, batch=True, **how))
    np.testing.assert_allclose(values, [wave(x) for x in ROWS], rtol=4 * EPS)


@engines
def test_arguments_and_shapes(engine):
    how = {"method": "complex", "engine": engine}
    x = np.arange(1.0, 7.0).reshape(2, 3)
    result = gradient(shifted, x, args=(0.5, 2.0), full_output=True, **how)
    np.testing.assert_allclose(result.value, 6 * (x - 0.5) ** 2, rtol=4 * EPS)
    assert (result.engine, result.error, result.h.shape) == (engine, None, (2, 3))
    assert np.array_equal(gradient(shifted, x[None], batch=True, args=(0.5, 2.0), **how)[0], result.value)
    out = np.empty((2, 3))
    assert gradient(shifted, x, args=(0.5, 2.0), out=out, **how) is out
    rough = gradient(shifted, x.astype(np.float32), args=(0.5, 2.0), **how)
    assert rough.dtype == np.float32
    assert np.array_equal(rough, out.astype(np.float32))
    assert np.array_equal(gradient(shifted, x.astype(int), args=(0.5, 2.0), **how), out)
    assert np.array_equal(jacobian(pair, np.empty((0, 2)), batch=True, **how), np.empty((0, 0, 2)))
    assert jacobian(lambda x: np.ones(2) + 0j, np.empty(0), **how).shape == (2, 0)


def test_batch_args():
    shifts = np.linspace(0.0, 1.0, 7)
    result = gradient(shifted, ROWS, batch=True, batch_args=(shifts, 2 * shifts), method="complex")
    np.testing.assert_allclose(result, 6 * shifts[:, None] * (ROWS - shifts[:, None]) ** 2, rtol=1e-13, atol=EPS)


@engines
def test_nan_stays_at_its_point(engine):
    rows = ROWS.copy()
    rows[[0, 3], 1] = np.nan
    result = gradient(wave, rows, batch=True, method="complex", engine=engine)
    assert np.isnan(result[[0, 3]]).any(axis=1).all()
    kept = np.delete(np.arange(7), [0, 3])
    assert np.array_equal(result[kept], gradient(wave, ROWS, batch=True, method="complex", engine=engine)[kept])


def test_evaluations_are_counted():
    """One per direction, one that looks at the operations, two that confirm the slope."""
    for call, directions in (
        (lambda f: gradient(f, X, method="complex", full_output=True), 2),
        (lambda f: value_and_gradient(f, X, method="complex", full_output=True)[1], 3),
        (lambda f: jvp(f, X, X, method="complex", full_output=True), 1),
        (lambda f: gradient(f, ROWS, batch=True, method="complex", full_output=True), 14 + 4),
    ):
        count = 0

        def f(x):
            nonlocal count
            count += 1
            return wave(x)

        assert call(f).nfev == count == directions + 3
    assert gradient(wave, X, method="complex", engine="jit", full_output=True).nfev == 5
    assert jacobian(pair, ROWS, batch=True, method="complex", engine="jit", full_output=True).nfev == 14 + 7


def test_functions_that_write_into_their_argument():
    def f(x):
        x *= 2
        x[0] = x[1]
        return np.sum(x * x)

    assert np.array_equal(gradient(f, X, method="complex"), [0.0, 32.0])
    assert np.array_equal(gradient(f, ROWS, batch=True, method="complex", engine="jit")[:, 1], 16 * ROWS[:, 1])


def test_functions_that_refuse_arrays():
    assert derivative(lambda t: complex(t) ** 2, X, method="complex").tolist() == [1.0, 4.0]


def test_forked_workers_and_progress():
    plain, seen = gradient(wave, ROWS, batch=True, method="complex"), []
    forked = gradient(
        wave, ROWS, batch=True, method="complex", engine="python", workers=2, progress=lambda *now: seen.append(now)
    )
    assert np.array_equal(forked, plain)
    assert seen[-1] == (7, 7)
    x = np.arange(1.0, 6.0)
    one = jacobian(np.cumprod, x, method="complex", engine="python")
    assert np.array_equal(one, jacobian(np.cumprod, x, method="complex", engine="python", workers=2))
    for workers in (1, 2):
        seen.clear()
        jacobian(
            np.cumprod, x, method="complex", engine="python", workers=workers, progress=lambda *at: seen.append(at)
        )
        assert seen[-1] == (5, 5)
        assert seen == sorted(seen)


def test_auto_takes_the_engine_by_the_number_of_evaluations():
    def branches(x):
        return x[0] ** 2 * x[1] if x[0].real > 0.8 else x[0] * x[1]

    rows = np.random.default_rng(2).uniform(0.2, 1.5, (6000, 2))
    result = gradient(branches, rows, batch=True, method="complex", full_output=True)
    assert result.engine == "jit"
    large = rows[:, :1] > 0.8
    exact = np.where(large, np.stack([2 * rows[:, 0] * rows[:, 1], rows[:, 0] ** 2], 1), rows[:, ::-1])
    np.testing.assert_allclose(result.value, exact, rtol=4 * EPS)
    assert explain(branches, rows, batch=True, method="complex").engine == "jit"
    assert "simd knows real numbers only" in explain(branches, rows, batch=True, method="complex").reason
    assert explain(branches, rows[:9], batch=True, method="complex").engine == "python"


def test_compiled_functions():
    np.testing.assert_allclose(gradient(numba.njit(wave), X, method="complex"), wave_slope(X), rtol=8 * EPS)
    compiled = gradient(numba.njit(wave), X, method="complex", engine="jit")
    assert np.array_equal(compiled, gradient(wave, X, method="complex", engine="jit"))
    dropping = numba.njit(lambda x: abs(x[0]) * x[1] + 0j * x[1])
    with pytest.raises(ValueError, match="not complex-analytic at x="):
        gradient(dropping, X, method="complex", engine="jit")
    with pytest.raises(TypeError, match="f returned float64 for a complex argument"):
        gradient(numba.njit(lambda x: abs(x[0] * x[1])), X, method="complex", engine="jit")


def swallowing(x):
    try:
        return abs(x[0])
    except Exception:  # noqa: BLE001
        return x[0]


def behind_asarray(x):
    return np.asarray(x)


REFUSED = {
    "abs": (lambda x: abs(x[0]) * x[1], "np.absolute"),
    "np.abs": (lambda x: np.sum(np.abs(x) * x), "np.absolute"),
    "norm": (np.linalg.norm, "np.linalg.norm"),
    "vdot": (lambda x: np.vdot(x, x), "write np.dot"),
    "conj": (lambda x: x @ x.conj(), "x.conj()"),
    "np.conj": (lambda x: x @ np.conj(x), "np.conjugate"),
    "real": (lambda x: x[1] * x[0].real, "real part alone"),
    "imag": (lambda x: x[1] * x.imag[0], "x.imag"),
    "maximum": (lambda x: np.sum(np.maximum(x, 0)), "np.where(a.real > b.real"),
    "max": (np.max, "compare real parts"),
    "a comparison": (lambda x: x[0] if x[0] > 1 else x[1], "x.real > c"),
    "sort": (lambda x: np.sort(x)[0], "compare real parts"),
    "sign": (lambda x: np.sign(x[0]) * x[1], "np.sign"),
    "hypot": (lambda x: np.hypot(x[0], x[1]), "np.sqrt(np.sum(x**2))"),
    "arctan2": (lambda x: np.arctan2(x[0], x[1]), "np.arctan(y / x)"),
    "cbrt": (lambda x: np.cbrt(x[0]) * x[1], "x ** (1 / 3)"),
    "floor": (lambda x: np.floor(x[0]) * x[1], "np.floor"),
    "var": (np.var, "np.mean((x - np.mean(x)) ** 2)"),
    "math": (lambda x: math.sin(x[0]) * x[1], "math.sin(x[0]) takes real numbers only; write np.sin"),
    "float": (lambda x: float(x[0]) * x[1], "float(x[0]) takes real numbers only"),
    "astype": (lambda x: x.astype(float).sum(), "x.astype(float64)"),
    "an error that f hides": (swallowing, "np.absolute"),
    "a real constant": (lambda x: 3.0, "c + 0 * x[0]"),
    "single precision": (lambda x: np.complex64(x[0]), "complex64"),
}


@pytest.mark.parametrize(("f", "words"), REFUSED.values(), ids=REFUSED)
def test_operations_that_are_refused(f, words):
    with pytest.raises(TypeError) as caught:
        gradient(f, X, method="complex")
    assert words in str(caught.value)
    assert "method='central'" in str(caught.value)


HIDDEN = {
    "abs": lambda x: np.abs(behind_asarray(x)).sum() + 0j,
    "conj": lambda x: behind_asarray(x) @ behind_asarray(x).conj(),
    "real": lambda x: behind_asarray(x).real.sum() + 0j,
    "kink": lambda x: np.sqrt((x[0] - 0.5) ** 2) + x[1],
    "a branch cut": lambda x: np.sqrt(x[0] - 1 + 0j) * x[1],
    "single precision inside": lambda x: behind_asarray(x).astype(np.complex64).sum() + 0j * x[0],
}


@pytest.mark.parametrize(
    ("engine", "f"),
    [("jit", HIDDEN["kink"]), *((engine, f) for engine in ("python", "reference") for f in HIDDEN.values())],
    ids=["jit, kink", *(f"{engine}, {name}" for engine in ("python", "reference") for name in HIDDEN)],
)
def test_a_slope_that_no_difference_confirms_is_refused(engine, f):
    with pytest.raises(ValueError, match=r"f is not complex-analytic at x=.*method='central'"):
        gradient(f, X, method="complex", engine=engine)


def test_the_middle_and_the_last_point_are_looked_at():
    rows = np.ones((9, 1))
    for n in (0, 4, 8):
        x = rows.copy()
        x[n] = -1.0

        def f(x):
            z = behind_asarray(x)[0]
            return z * z if z.real > 0 else z * np.conj(z)

        with pytest.raises(ValueError, match="f is not complex-analytic at x="):
            gradient(f, x, batch=True, method="complex")
    with pytest.raises(ValueError, match=r"complex step gives -0\.862017, a difference 0\.862017"):
        jacobian(lambda x: np.array([x[0], np.conj(behind_asarray(x)[1])]), X, method="complex")


CONFIRMED = {
    "a comparison of real parts": (lambda x: x[0] ** 2 * x[1] if x[0].real > 0 else x[1], [2.0, 0.25]),
    "where": (lambda x: np.sum(np.where(x.real > 1, x**2, 2 * x)), [2.0, 4.0]),
    "an index": (lambda x: x[int(x.real[1] > 1)] ** 2, [0.0, 4.0]),
    "an argmax": (lambda x: x[np.argmax(x.real)] ** 2, [0.0, 4.0]),
    "a loop": (lambda x: sum(v * v for v in x), [1.0, 4.0]),
    "a product with a matrix": (lambda x: x @ np.array([[1.0, 2.0], [3.0, 4.0]]) @ x, [11.0, 18.5]),
    "solve": (lambda x: np.linalg.solve(np.array([[x[0], 1], [2, x[1]]]), np.ones(2)).sum(), [0.0, -0.75]),
    "mean and prod": (lambda x: x.mean() * np.prod(x), [3.0, 1.125]),
    "a large constant": (lambda x: 1e10 + np.sum(x * x), [1.0, 4.0]),
    "cancellation": (lambda x: np.sum((1e8 + x - 1e8) ** 2), [1.0, 4.0]),
    "rapid": (lambda x: np.sin(1e7 * (x[0] - 0.5)) + x[1], [1e7, 1.0]),
    "tiny lengths": (lambda x: 1e-34 * np.log(x[0] - 0.5 + 1e-34) + x[1], [1.0, 1.0]),
    "flat": (lambda x: (x[0] - 0.5) ** 3 + 0 * x[1], [0.0, 0.0]),
    "noise at a zero": (lambda x: np.sum((x - X) ** 2 * np.exp(x)), [0.0, 0.0]),
}


@pytest.mark.parametrize(("f", "exact"), CONFIRMED.values(), ids=CONFIRMED)
def test_no_false_alarm(f, exact):
    np.testing.assert_allclose(gradient(f, X, method="complex"), exact, rtol=1e-14, atol=1e-14)


def test_outside_the_domain_nothing_is_told():
    slope = gradient(lambda x: np.sqrt(x[0]) + x[1], np.array([1e-9, 1.0]), method="complex")
    np.testing.assert_allclose(slope, [0.5 / np.sqrt(1e-9), 1.0], rtol=1e-14)

    def raising(x):
        if x[0].real > 0.5:
            raise RuntimeError
        return x[0] * x[1]

    assert gradient(raising, X, method="complex").tolist() == [2.0, 0.5]


def test_lengths_of_physics():
    x = np.array([1e-34, 3e-40])
    slope = gradient(lambda x: np.log(x[0]) * x[1] ** 2, x, method="complex")
    np.testing.assert_allclose(slope, [x[1] ** 2 / x[0], 2 * x[1] * np.log(x[0])], rtol=1e-14)


def test_what_there_is_not():
    for call, words in (
        (lambda: gradient(wave, X, method="complex", order=4), "order=4 means nothing"),
        (lambda: gradient(wave, X, method="complex", rel_step=1e-20), "rel_step"),
        (lambda: derivative(sine, 1.0, n=2, method="complex"), "n=2"),
        (lambda: hessian(wave, X, method="complex"), "first derivatives"),
        (lambda: hvp(wave, X, X, method="complex"), "first derivatives"),
        (lambda: gradient_field(wave, [X, X], method="complex"), "method='complex' works on"),
        (lambda: weight_gradient(wave, X.copy(), method="complex"), "method='complex' works on"),
        (lambda: gradient(wave, X, method="complex", h=0.0), "positive"),
        (lambda: gradient(wave, X, method="complex", bounds=(0, 9)), "leave bounds out"),
        (lambda: sparsity.jacobian(pair, X, method="complex"), "method='complex' works on"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(EngineError, match="simd knows real numbers only"):
        gradient(wave, X, method="complex", engine="simd")


def test_given_steps():
    assert fastgrad.gradient(wave, X, method="complex", h=[1e-20, 1e-30], full_output=True).h.tolist() == [1e-20, 1e-30]
    np.testing.assert_allclose(gradient(wave, X, method="complex", h=1e-100), wave_slope(X), rtol=8 * EPS)
    np.testing.assert_allclose(gradient(wave, ROWS, method="complex", h=1e-9, batch=True, engine="jit"),
                               gradient(wave, ROWS, method="complex", batch=True), rtol=1e-13, atol=EPS)  # fmt: skip
    assert jvp(pair, X, X, method="complex", h=1e-40, full_output=True).h == 1e-40


@pytest.mark.parametrize("engine", ["auto", "python", "jit", "reference"])
def test_given_steps_are_reported_in_the_shape_of_x(engine):
    x = np.linspace(0.1, 1.0, 6).reshape(3, 2)
    options = {"method": "complex", "h": 1e-3, "engine": engine, "full_output": True}
    f = lambda x: np.sum(np.sin(x))
    curve = derivative(lambda x: 1.0 * np.sin(x), x, **options)
    for result in (gradient(f, x, **options), gradient(f, x, batch=True, **options), curve):
        np.testing.assert_array_equal(result.h, np.full(x.shape, 1e-3))
        np.testing.assert_allclose(result.value, np.cos(x), rtol=1e-6)


@pytest.mark.parametrize("engine", ["auto", "python", "jit", "reference"])
def test_a_complex_constant_is_zero_with_a_warning(engine):
    with pytest.warns(ConstantFunctionWarning):
        assert not gradient(lambda x: 3.0 + 0.0j, np.ones(2), method="complex", engine=engine).any()


def test_an_array_that_refuses_and_its_elements():
    z = np.array([1.0 + 0j, 2.0]).view(Analytic)
    assert np.sum(np.sin(z) * z[0]) == np.sum(np.sin([1.0 + 0j, 2.0]))
    assert bool(z[1].real > 1.5)
    for attempt, said in (
        (lambda: abs(z[0]), "np.absolute"),
        (lambda: z.real * 2.0, "real part alone"),
        (lambda: [v.imag for v in z], r"x\.imag"),
        (lambda: np.linalg.norm(z + 1.0), r"np\.linalg\.norm"),
        (lambda: z.reshape(2, 1).conj(), r"x\.conj"),
        (lambda: z.astype(float), "drops the imaginary part"),
        (lambda: float(z[0]), "real numbers only"),
    ):
        with pytest.raises(NotAnalyticError):
            attempt()
        assert re.search(said, z.refused[-1])  # known also where f catches the error
    assert len(z.refused) == 7


TINY = np.array([1e-300, 1e-200, 1e-100, 1e-80, 1e-62, 1e-58, 1e-50, 1e-20, 1e-3, 1.0, 1e20, 1e100])


@pytest.mark.parametrize("engine", ["python", "jit"])
@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda x: np.log(x[0]) + x[1], lambda x: 1.0 / x),
        (lambda x: np.sqrt(x[0]) + x[1], lambda x: 0.5 / np.sqrt(x)),
        (lambda x: x[0] ** 0.3 + x[1], lambda x: 0.3 * x**-0.7),
        (lambda x: 1.0 / np.sqrt(x[0]) + x[1], lambda x: -0.5 * x**-1.5),
        (lambda x: 3.0 * x[0] + x[1], lambda x: 3.0 + 0.0 * x),
        (lambda x: x[0] * np.log(x[0]) + x[1], lambda x: np.log(x) + 1.0),
    ],
    ids=["log", "sqrt", "power", "1 / sqrt", "linear", "x log x"],
)
def test_the_step_is_small_beside_tiny_coordinates(engine, f, slope):
    tiny = TINY[1:-1]
    points = np.stack([tiny, np.ones(len(tiny))], axis=1)
    found = gradient(f, points, batch=True, method="complex", engine=engine)
    np.testing.assert_allclose(found, np.stack([slope(tiny), np.ones(len(tiny))], axis=1), rtol=1e-13)
    v = np.tile([1.0, 0.0], (len(tiny), 1))
    np.testing.assert_allclose(jvp(f, points, v, batch=True, method="complex", engine=engine), slope(tiny), rtol=1e-13)
    rows = jacobian(lambda x: np.array([f(x), x[1]]), points, batch=True, method="complex", engine="python")
    np.testing.assert_allclose(rows[:, 0], found, rtol=1e-13)


def test_derivatives_at_tiny_numbers():
    for f, slope in ((np.log, lambda x: 1 / x), (np.sqrt, lambda x: 0.5 / np.sqrt(x))):
        np.testing.assert_allclose(derivative(f, TINY, method="complex"), slope(TINY), rtol=1e-12)
        for x in TINY:
            assert derivative(f, x, method="complex") == pytest.approx(slope(x), rel=1e-12)
    assert derivative(np.sin, 0.0, method="complex") == 1.0


UNDEFINED = {
    "log": lambda x: np.log(x[0]) + x[1],
    "sqrt": lambda x: np.sqrt(x[0]) * x[1],
    "power": lambda x: x[0] ** 1.5 + x[1],
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("engine", ["python", "jit"])
@pytest.mark.parametrize("f", UNDEFINED.values(), ids=UNDEFINED)
def test_where_f_is_undefined_for_real_numbers_so_is_its_derivative(f, engine):
    """The complex logarithm of -1 is pi times i, which is no derivative."""
    points = np.random.default_rng(0).uniform(0.5, 2.0, (50, 2))
    points[[7, 30], 0] = -1.0, -1e-3
    found = gradient(f, points, batch=True, method="complex", engine=engine)
    assert np.isnan(found[[7, 30]]).all()
    assert (np.abs(np.delete(found, [7, 30], axis=0)) < 10.0).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_undefined_numbers_among_others():
    np.testing.assert_allclose(
        derivative(np.log, np.array([1.0, 2.0, -1.0, 4.0, -2.0, 8.0, 1.0]), method="complex"),
        [1.0, 0.5, np.nan, 0.25, np.nan, 0.125, 1.0],
    )
    assert np.isnan(derivative(np.sqrt, -1.0, method="complex"))
    np.testing.assert_allclose(gradient(lambda x: 1e40 * x[0] + x[1], np.ones(2), method="complex"), [1e40, 1.0])
