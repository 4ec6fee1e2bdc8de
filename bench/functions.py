"""The functions that are differentiated: NumPy for one point and for all at once, C, and the exact gradient.

NumPy and the samples only are imported here: the first-call figures load this module in processes without Numba.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

from fastgrad.formulas.samples import SAMPLES

H = 1e-4
Array = np.ndarray


def normal(count: int, dimension: int) -> Array:
    return np.random.default_rng(0).standard_normal((count, dimension))


@dataclass(frozen=True)
class Function:
    """A scalar function of one point.

    Attributes
    ----------
    name, title : str
        For ids, and for tables.
    f : callable
        Plain NumPy of one point; JAX and autograd run the same code with their own NumPy as `np`.
    whole : callable
        The same of all points at once, coordinates first: (D,) -> (), (D, N) -> (N,).
    exact : callable
        The gradient, coordinates first: (D, N) -> (D, N).
    c : str
        Body of the same function in C, over ``const double x[D]``.
    points : callable
        (count, dimension) -> points in rows.
    for_jit : tuple
        f and its `args` for the jit engine where f itself does not compile; () otherwise.
    smooth : bool
        Whether it has no kinks, over which the wide steps of adaptive methods would reach.
    """

    name: str
    title: str
    f: Callable[..., Any]
    whole: Callable[[Array], Any]
    exact: Callable[[Array], Array]
    c: str
    points: Callable[[int, int], Array] = normal
    for_jit: tuple[Any, ...] = ()
    smooth: bool = True


def written_for(f: Callable[..., Any], numpy: Any) -> Callable[..., Any]:
    """f with another library's NumPy as its `np`."""
    return FunctionType(f.__code__, f.__globals__ | {"np": numpy}, closure=f.__closure__)


def whole_sphere(x):
    return np.sum(x**2, axis=0)


def whole_rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2, axis=0)


def rosenbrock_gradient(x: Array) -> Array:
    g, u = np.zeros_like(x), x[1:] - x[:-1] ** 2
    g[:-1] = -400.0 * x[:-1] * u - 2.0 * (1.0 - x[:-1])
    g[1:] += 200.0 * u
    return g


class Chain:
    """Masses on a chain of springs: reads a table, counts its calls, and branches. It does not compile."""

    def __init__(self) -> None:
        self.stiffness, self.calls = {"stretched": 2.0, "pressed": 3.0}, 0

    def _spring(self, x: Array) -> tuple[float, Array]:
        self.calls += 1
        state = "stretched" if x[-1] > x[0] else "pressed"
        return self.stiffness[state], x[1:] - x[:-1]

    def energy(self, x: Array) -> float:
        stiffness, r = self._spring(x)
        return 0.5 * float(x @ x + stiffness * (r @ r))

    def force(self, x: Array) -> Array:
        """The gradient of the energy."""
        stiffness, r = self._spring(x)
        force = x.copy()
        force[1:] += stiffness * r
        force[:-1] -= stiffness * r
        return force

    def hessian(self, x: Array) -> Array:
        stiffness, _ = self._spring(x)
        ends = 2.0 * np.eye(x.size) - np.eye(x.size, k=1) - np.eye(x.size, k=-1)
        ends[0, 0] -= 1.0
        ends[-1, -1] -= 1.0
        return np.eye(x.size) + stiffness * ends


# The sample's input and label.
INPUT, LABEL = np.array([0.6, 0.9]), 2


def linear_cross_entropy(w, x, t):
    z = np.dot(x, w.reshape(2, 3))
    e = np.exp(z - np.max(z))
    y = e / np.sum(e)
    return -np.log(y[t])


def capturing(x: Array, t: int) -> Callable[..., Any]:
    """The same as the book writes it: the loss of the weights alone, input and label captured."""

    def cross_entropy(w):
        z = np.dot(x, w.reshape(2, 3))
        e = np.exp(z - np.max(z))
        y = e / np.sum(e)
        return -np.log(y[t])

    return cross_entropy


def whole_cross_entropy(w):
    z = INPUT[0] * w[:3] + INPUT[1] * w[3:]
    e = np.exp(z - np.max(z, axis=0))
    return -np.log(e[LABEL] / np.sum(e, axis=0))


def cross_entropy_gradient(w: Array) -> Array:
    z = INPUT[0] * w[:3] + INPUT[1] * w[3:]
    e = np.exp(z - np.max(z, axis=0))
    y = e / np.sum(e, axis=0)
    y[LABEL] -= 1.0
    return np.concatenate([INPUT[0] * y, INPUT[1] * y])


def robust(x):
    loss = np.where(np.abs(x) <= 1.0, 0.5 * x**2, np.abs(x) - 0.5)
    return np.sum(loss) + np.maximum(1.0 - x[0] * x[1], 0.0)


def whole_robust(x):
    loss = np.where(np.abs(x) <= 1.0, 0.5 * x**2, np.abs(x) - 0.5)
    return np.sum(loss, axis=0) + np.maximum(1.0 - x[0] * x[1], 0.0)


def robust_gradient(x: Array) -> Array:
    g = np.clip(x, -1.0, 1.0)
    g[:2] -= np.where(x[0] * x[1] < 1.0, x[1::-1], 0.0)
    return g


def smooth_for_robust(count: int, dimension: int) -> Array:
    """Points at which no step of 1e-4 crosses a kink, where differences and the exact gradient disagree."""
    points = normal(2 * count + 100, dimension)
    margin = np.abs(1.0 - points[:, 0] * points[:, 1])
    kept = (np.abs(np.abs(points) - 1.0).min(axis=1) > 1e-3) & (margin > 0.01)
    return np.ascontiguousarray(points[kept][:count])


SPHERE_C = """
    double sum = 0;
    for (int i = 0; i < D; i++) sum += x[i] * x[i];
    return sum;
"""
ROSENBROCK_C = """
    double sum = 0;
    for (int i = 0; i < D - 1; i++) {
        const double u = x[i + 1] - x[i] * x[i], v = 1 - x[i];
        sum += 100 * u * u + v * v;
    }
    return sum;
"""
CROSS_ENTROPY_C = """
    double z[3], e[3];
    for (int j = 0; j < 3; j++) z[j] = 0.6 * x[j] + 0.9 * x[3 + j];
    const double top = fmax(z[0], fmax(z[1], z[2]));
    for (int j = 0; j < 3; j++) e[j] = exp(z[j] - top);
    return -log(e[2] / (e[0] + e[1] + e[2]));
"""
ROBUST_C = """
    double sum = 0;
    for (int i = 0; i < D; i++) {
        const double a = fabs(x[i]);
        sum += a <= 1 ? 0.5 * x[i] * x[i] : a - 0.5;
    }
    return sum + fmax(1 - x[0] * x[1], 0.0);
"""


def of_sample(name: str, title: str, c: str) -> Function:
    """A sample whose code takes one point and many."""
    sample = SAMPLES[name]
    return Function(name, title, sample.f, sample.f, sample.gradient, c)


SIN_PRODUCT = of_sample("sin_product", "sin(x0·x1)", "return sin(x[0] * x[1]);")
BUMP = of_sample(
    "bump",
    "exp(-x0²-x1²)·cos(3·x0)+log(1+x1²)",
    "return exp(-x[0] * x[0] - x[1] * x[1]) * cos(3 * x[0]) + log(1 + x[1] * x[1]);",
)
SPHERE = Function("sphere", "np.sum(x**2)", SAMPLES["sphere"].f, whole_sphere, SAMPLES["sphere"].gradient, SPHERE_C)
ROSENBROCK = Function(
    "rosenbrock", "Rosenbrock", SAMPLES["rosenbrock"].f, whole_rosenbrock, rosenbrock_gradient, ROSENBROCK_C
)
CROSS_ENTROPY = Function(
    "cross_entropy",
    "softmax cross-entropy of a linear model",
    capturing(INPUT, LABEL),
    whole_cross_entropy,
    cross_entropy_gradient,
    CROSS_ENTROPY_C,
    # the jit engine refuses captured arrays: there input and label arrive by args=
    for_jit=(linear_cross_entropy, (INPUT, LABEL)),
)
ROBUST = Function(
    "robust", "Huber loss and hinge", robust, whole_robust, robust_gradient, ROBUST_C, smooth_for_robust, smooth=False
)
CHAIN = Chain()
OPAQUE = Function("opaque", "energy of an object, opaque", CHAIN.energy, CHAIN.energy, CHAIN.force, c="")
FUNCTIONS = {f.name: f for f in (SIN_PRODUCT, BUMP, SPHERE, ROSENBROCK, CROSS_ENTROPY, ROBUST)}
