"""SciPy's rotations that f makes, combines and applies: values, derivatives, at the identity too, against SciPy's."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable

transform = pytest.importorskip("scipy.spatial.transform")
R = transform.Rotation
rng = np.random.default_rng(0)
PLACES, WEIGHTS, ONES = rng.normal(size=(7, 3)), rng.normal(size=(3, 3)), np.array([1.0, 2.0, 3.0])
KNOWN, SEVERAL = R.from_rotvec([0.3, -0.2, 0.5]), R.random(5, rng=1)
POINTS = np.vstack([np.zeros(3), [1e-9, 0, 0], [5e-4, 5e-4, 0], [0, 0, 0.5], rng.normal(size=(60, 3))])
DEGREES = rng.uniform(-180, 180, (60, 3))


def many(x):
    return R.from_rotvec(np.outer([1.0, 2.0, 0.5], x))


def made_in_f(x):
    from scipy.spatial.transform import Rotation

    return np.sum(Rotation.from_rotvec(x).as_matrix() * WEIGHTS)


class Camera:
    def __init__(self):
        self.pose, self.others = KNOWN, [KNOWN, KNOWN.inv()]

    def __call__(self, x):
        seen = (self.pose * R.from_rotvec(x)).apply(PLACES) + self.others[1].apply(x) + [0.0, 0.0, 9.0]
        return np.sum((seen[:, :2] / seen[:, 2:]) ** 2)


MADE = {
    "of a vector": lambda x: np.sum(R.from_rotvec(x).as_matrix() * WEIGHTS),
    "of degrees": lambda x: np.sum(R.from_rotvec(x, degrees=True).as_matrix() * WEIGHTS),
    "of angles": lambda x: np.sum(R.from_euler("xyz", x).as_matrix() * WEIGHTS),
    "of angles that turn along": lambda x: np.sum(R.from_euler("ZXZ", 50.0 * x, degrees=True).as_matrix() * WEIGHTS),
    "of an angle": lambda x: np.sum(R.from_euler("z", x[0]).as_matrix() * WEIGHTS) + x[1] * x[2],
    "of two angles": lambda x: np.sum(R.from_euler("zy", x[:2]).apply(x) * ONES),
    "of angles, each for itself": lambda x: np.sum(R.from_euler("z", x[:, None]).as_matrix() @ ONES * WEIGHTS),
    "of a quaternion": lambda x: np.sum(R.from_quat(np.append(x, 0.7)).as_matrix() * WEIGHTS),
    "of its scalar first": lambda x: np.sum(R.from_quat([0.7, *x], scalar_first=True).as_matrix() * WEIGHTS),
    "by the class": lambda x: np.sum(R(np.append(x, 0.7)).as_matrix() * WEIGHTS),
    "in a module": lambda x: np.sum(transform.Rotation.from_rotvec(x).as_matrix() * WEIGHTS),
    "imported by f": made_in_f,
    "several": lambda x: np.sum((many(x).as_matrix() @ PLACES[0]) * WEIGHTS),
    "of an object": Camera(),
}
USED = {
    "on places": lambda x: np.sum(R.from_rotvec(x).apply(PLACES) ** 3),
    "the other way": lambda x: np.sum(R.from_rotvec(x).apply(PLACES, inverse=True) ** 3),
    "inverse": lambda x: np.sum(R.from_rotvec(x).inv().apply(PLACES[0]) * ONES),
    "after a known one": lambda x: np.sum((R.from_rotvec(x) * KNOWN).as_rotvec() * ONES),
    "before a known one": lambda x: np.sum((KNOWN * R.from_rotvec(x)).as_matrix() * WEIGHTS),
    "a known one": lambda x: np.sum(KNOWN.apply(x) * x),
    "one that f makes": lambda x: np.sum(R.from_euler("x", 30, degrees=True).apply(x) * x * ONES),
    "known ones": lambda x: np.sum(SEVERAL.apply(x) ** 2 * ONES),
    "all known ones": lambda x: np.sum((SEVERAL * R.from_rotvec(x)).as_rotvec() ** 2 * ONES),
    "each known one": lambda x: sum(np.sum(r.apply(x) * x * ONES) for r in SEVERAL),
    "a mean": lambda x: np.sum(SEVERAL.mean().apply(x) * x * ONES),
    "the identity": lambda x: np.sum((R.identity() * R.from_rotvec(x)).as_matrix() * WEIGHTS),
    "one of several": lambda x: np.sum(many(x)[1].apply(PLACES[0]) * ONES),
    "each of several": lambda x: sum(np.sum(r.apply(x) * ONES) for r in many(x)),
    "joined": lambda x: np.sum(R.concatenate([KNOWN, R.from_rotvec(x)]).as_rotvec() * [ONES, x]),
    "root": lambda x: np.sum((R.from_rotvec(x) ** 0.5 * KNOWN).as_rotvec() * ONES),
    "powers": lambda x: np.sum(sum((R.from_rotvec(x) ** n).as_matrix() for n in (-1, 0, 1, 2)) * WEIGHTS),
    "a traced power": lambda x: np.sum((KNOWN ** x[0]).apply(x)),
    "an error": lambda x: np.sum((KNOWN.inv() * R.from_rotvec(x)).as_rotvec() ** 2),
    "an angle": lambda x: (R.from_rotvec(x) * KNOWN).magnitude() ** 2,
    "a quaternion": lambda x: np.sum(R.from_rotvec(x).as_quat() * [1, 2, 3, 4]),
    "that of a positive scalar": lambda x: np.sum(
        R.from_rotvec(3.0 * x).as_quat(canonical=True, scalar_first=True) * [1, 2, 3, 4]
    ),
    "a vector of degrees": lambda x: np.sum(R.from_euler("XYZ", x).as_rotvec(degrees=True) * ONES),
    "asked for its kind": lambda x: R.from_rotvec(x).magnitude() ** 2 if isinstance(R.from_rotvec(x), R) else 0.0,
    "its shape": lambda x: x[0] * x[1] * len(many(x)) * many(x)[0].single * len(SEVERAL) + many(x).shape[0],
}


@pytest.mark.parametrize("f", (MADE | USED).values(), ids=(MADE | USED).keys())
def test_values_and_derivatives(f):
    trace(f, (3,))
    values, slopes = fastgrad.value_and_gradient(f, POINTS, batch=True, method="exact")
    np.testing.assert_allclose(values, [f(x) for x in POINTS], rtol=1e-12, atol=1e-13)
    wanted = fastgrad.gradient(f, POINTS, batch=True, order=4, h=1e-3, engine="python")
    np.testing.assert_allclose(slopes, wanted, rtol=1e-7, atol=1e-9 * np.abs(wanted).max())
    central = fastgrad.gradient(f, POINTS, batch=True, engine="simd")
    np.testing.assert_allclose(central, wanted, rtol=1e-6, atol=1e-7 * np.abs(wanted).max())


@pytest.mark.parametrize("name", ["of a vector", "of an object", "on places", "after a known one", "an error"])
def test_second_derivatives_at_the_identity_too(name):
    f, points = (MADE | USED)[name], POINTS[:8]
    found = fastgrad.hessian(f, points, batch=True, method="exact")
    wanted = fastgrad.hessian(f, points, batch=True, engine="python", h=1e-3, order=4)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7 * np.abs(wanted).max())


@pytest.mark.parametrize("seq", ["xyz", "zyx", "XYZ", "ZYX", "yzx", "zxz", "ZXZ", "xyx", "YXY", "XZY"])
def test_angles(seq):
    f = lambda x: np.sum(R.from_rotvec(x).as_euler(seq, degrees=True) * ONES)
    points = POINTS[4:]
    values, slopes = fastgrad.value_and_gradient(f, points, batch=True, method="exact")
    np.testing.assert_allclose(values, [f(x) for x in points], rtol=1e-12, atol=1e-11)
    wanted = fastgrad.gradient(f, points, batch=True, order=4, h=1e-4, engine="python")
    usual = np.abs(wanted).max(axis=1) < 1e3  # beside angles that are not unique slopes are large
    np.testing.assert_allclose(slopes[usual], wanted[usual], rtol=1e-6, atol=1e-5)
    assert usual.sum() > 40
    back = lambda x: R.from_euler(seq, x, degrees=True).as_euler(seq, degrees=True) @ ONES
    values = fastgrad.value_and_gradient(back, DEGREES, batch=True, engine="simd")[0]
    np.testing.assert_allclose(values, [back(x) for x in DEGREES], rtol=1e-12, atol=1e-10)


def test_where_angles_are_not_unique_f_is_asked():
    f = lambda x: np.sum(R.from_euler("xyz", [x[0], np.pi / 2, x[1]]).as_euler("xyz") * ONES)
    with pytest.warns(UserWarning, match="Gimbal lock"):
        value, _ = fastgrad.value_and_gradient(f, np.full((1100, 2), 0.3), batch=True)
    with pytest.warns(UserWarning, match="Gimbal lock"):
        assert value[0] == f(np.full(2, 0.3))


def test_a_quaternion_of_length_0_raises_as_scipys():
    f = lambda x: np.sum(R.from_quat([x[0], x[1], x[2], 0.0]).as_matrix() * WEIGHTS)
    points = np.ones((1100, 3))
    assert np.isfinite(fastgrad.gradient(f, points, batch=True, engine="simd")).all()
    points[700] = 0.0
    with pytest.raises(ValueError, match="zero norm"):
        fastgrad.value_and_gradient(f, points, batch=True, engine="simd")


REFUSED = {
    "of a matrix": (lambda x: R.from_matrix(np.outer(x, x)).magnitude(), "from_matrix"),
    "parameters": (lambda x: R.from_rotvec(x).as_mrp()[0], "as_mrp"),
    "a mean of traced ones": (lambda x: many(x).mean().magnitude(), "mean"),
    "vectors that fit": (lambda x: R.align_vectors([x], [ONES])[0].magnitude(), "align_vectors"),
    "a vector of four": (lambda x: R.from_rotvec(np.append(x, 1.0)).magnitude(), "rotation vectors of shape"),
    "axes": (lambda x: R.from_euler("xxy", x).magnitude(), "none twice in a row"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_rule_is_named(name):
    f, reason = REFUSED[name]
    with pytest.raises(Untraceable, match=reason):
        trace(f, (3,))


def test_another_known_rotation_is_seen():
    camera = Camera()
    first = fastgrad.gradient(camera, POINTS, batch=True, method="exact")
    camera.pose = SEVERAL[0]
    second = fastgrad.gradient(camera, POINTS, batch=True, method="exact")
    wanted = fastgrad.gradient(camera, POINTS, batch=True, order=4, h=1e-3, engine="python")
    assert not np.allclose(first, second)
    np.testing.assert_allclose(second, wanted, rtol=1e-7, atol=1e-9)
