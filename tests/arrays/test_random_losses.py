"""Random losses of a few arrays: differences by structure against the loop, exact gradients against fine ones."""

import numpy as np
import pytest

from fastgrad import weight_gradient

LARGEST = 48
UNEVEN = np.cos(np.arange(LARGEST))


def smooth(rng):
    return rng.choice([
        np.tanh, np.sin, np.cos, np.square, lambda x: np.exp(-x * x), lambda x: np.log1p(x**2), lambda x: x**3 / 3,
        lambda x: np.sqrt(1.0 + x * x), lambda x: 1 / (1 + np.exp(-x)), lambda x: np.arctan2(x, 1.5), lambda x: -x,
        lambda x: 2.0 ** (x / 2), lambda x: np.logaddexp(x, 0.0), lambda x: np.hypot(x, 0.7), lambda x: 1 / (2 + x**2),
        lambda x: x.copy() - 1, lambda x: 3 - x, np.positive, lambda x: x / 3,
    ])  # fmt: skip


def with_kinks(rng):
    return rng.choice([
        np.abs, lambda x: np.maximum(x, 0), lambda x: np.where(x > 0.1, x, 0.3 * x), lambda x: np.clip(x, -0.4, 0.4),
        lambda x: (x > 0) * x, lambda x: np.minimum(x, 0.2) + 1, lambda x: np.where(np.isfinite(x), x, 0),
        lambda x: np.sign(x) * x**2, lambda x: np.maximum(x, x[::-1]), lambda x: x * (x < 0.5).astype(float),
    ])  # fmt: skip


def parts(rng):
    rows = rng.integers(-2, 2, size=3)
    return rng.choice([
        lambda x: x[::-1], lambda x: x[..., 1:], lambda x: x[rows % len(x)], lambda x: x.T, lambda x: x.reshape(-1),
        lambda x: x[None], lambda x: np.concatenate([x, x[:1] * 2]), lambda x: np.stack([x, x * x]), np.flip,
        lambda x: np.tile(x, 2), lambda x: np.repeat(x, 2, axis=0), lambda x: np.roll(x, 1), lambda x: x[:, 0],
        lambda x: np.pad(x, 1), lambda x: np.swapaxes(x, 0, -1), lambda x: x[..., -1:], lambda x: x.ravel()[1::2],
        lambda x: np.split(x, [1])[1], lambda x: x[np.arange(len(x)), rows[0]], lambda x: np.expand_dims(x, 1),
        lambda x: np.array([x[0], x[-1] + 1]), lambda x: x[..., np.array([0, 0])], np.squeeze, np.atleast_2d,
        lambda x: np.diff(x, axis=0), np.tril, lambda x: np.outer(x, x), lambda x: np.moveaxis(x, 0, -1),
        np.diag, lambda x: np.broadcast_to(x, (2, *x.shape)), lambda x: np.vstack([x, x]),
    ])  # fmt: skip


def sums(rng):
    axis, keepdims = int(rng.integers(-2, 2)), bool(rng.integers(2))
    return rng.choice([
        lambda x: x.sum(axis, keepdims=keepdims), lambda x: np.mean(x, axis=axis), lambda x: np.max(x, axis=axis),
        lambda x: x.min(axis, keepdims=keepdims), lambda x: x - x.mean(axis, keepdims=True),
        lambda x: np.cumsum(x, axis),
        lambda x: (x - x.mean(0)) / np.sqrt(x.var(0) + 0.3), lambda x: np.std(np.concatenate([x.ravel(), [0.0, 9.0]])),
        lambda x: np.linalg.norm(x + 2, axis=axis), lambda x: np.prod(x[:3], axis=0), lambda x: np.sum(x, axis=(0, -1)),
        softmax, lambda x: x / (1.0 + np.abs(x).sum(axis, keepdims=True)), lambda x: np.trace(x @ x.T) * x,
        lambda x: np.average(x, axis=0, weights=np.arange(1.0, 1 + len(x))), lambda x: x - np.max(x),
    ])  # fmt: skip


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def written(rng):
    return rng.choice([shifted, masked, doubled, filled, turned, in_place, emptied])


def shifted(x):
    y = x.copy()
    y[1:] += x[:-1]
    return y


def masked(x):
    y = np.array(x)
    y[x < 0] = 0.25
    return y


def doubled(x):
    y = x * 1.0
    y[np.array([0, -1, 0])] *= 2
    y[-1] = y[0] * y[-1]
    return y


def filled(x):
    out = np.zeros((len(x) + 1, *x.shape[1:]))
    for k, row in enumerate(x):
        out[k] = row * (k + 1)
    out[-1] -= 1.0
    return out


def turned(x):
    out = np.empty(x.shape[::-1])
    out.T[...] = x
    out[..., 0] *= 0.5
    return out


def in_place(x):
    y = x + 0.0
    y *= x
    np.add(y, 1.0, out=y)
    y /= 3
    return y


def emptied(x):
    y = np.zeros_like(x)
    y[..., 1:] = x[..., 1:] ** 2
    return y


def products(rng):
    return rng.choice([
        lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, lambda x, y: x / (1 + y * y), lambda x, y: x @ y,
        lambda x, y: x @ y.T, np.dot, lambda x, y: np.tensordot(x, y, 1), lambda x, y: x.sum() * y,
        np.maximum, lambda x, y: np.where(x > y, x, y * y), lambda x, y: np.einsum("ij,ij->i", x, y),
        lambda x, y: np.einsum("ij,kj->ik", x, y), np.inner, lambda x, y: (1 + x * x) ** y,
        lambda x, y: np.concatenate([x.ravel(), y.ravel()]), lambda x, y: x[0] * 2.0 + y.mean(),
        lambda x, y: x[:, None] * y, lambda x, y: np.einsum("ij,jk", x, y), lambda x, y: np.outer(x, y[0]),
    ])  # fmt: skip


KINDS = (smooth, smooth, with_kinks, parts, parts, sums, written, products, products, products)


def random_loss(seed):
    """A loss of two to four arrays, its parameters, and what it does: steps on a list that grows."""
    rng = np.random.default_rng(seed)
    shapes = [tuple(rng.integers(1, 5, size=rng.integers(1, 4)).tolist()) for _ in range(rng.integers(2, 5))]
    params = {f"p{k}": rng.normal(size=shape) for k, shape in enumerate(shapes)}
    pool, steps = list(params.values()), []
    while len(steps) < 7:
        kind = KINDS[rng.integers(len(KINDS))]
        function, count = kind(rng), 2 if kind is products else 1
        places = [int(len(pool) * rng.random() ** 0.6) for _ in range(count)]
        try:
            with np.errstate(all="raise"):
                new = np.asarray(function(*[pool[k] for k in places]))
        except (ValueError, IndexError, FloatingPointError, TypeError):
            continue
        if 0 < new.size <= LARGEST and new.dtype == float and np.abs(new).max() < 20:
            steps.append((function, places))
            pool.append(new)

    def loss(p):
        values = list(p.values())
        for function, places in steps:
            values.append(function(*[values[k] for k in places]))
        return sum(np.dot(v.ravel(), UNEVEN[: v.size]) for v in values[len(p) :])

    return loss, params


def fine_differences(loss, params, h, rng):
    """Of order 8, in place, of some elements of each array; NaN for the others."""
    found = {name: np.full(w.shape, np.nan) for name, w in params.items()}
    for name, w in params.items():
        for number in rng.permutation(w.size)[:5]:
            place, total = np.unravel_index(number, w.shape), 0.0
            saved = w[place]
            for k, factor in ((1, 672), (2, -168), (3, 32), (4, -3)):
                for sign in (1, -1):
                    w[place] = saved + sign * k * h
                    total += sign * factor * loss(params)
            w[place] = saved
            found[name][place] = total / (840 * h)
    return found


@pytest.mark.filterwarnings("ignore::fastgrad.ConstantFunctionWarning")  # of arrays that are not drawn
@pytest.mark.parametrize("seed", range(60))
def test_random_losses(seed):
    loss, params = random_loss(seed)
    kept = {name: w.copy() for name, w in params.items()}
    loop = weight_gradient(loss, params, engine="python", h=1e-4)
    by_structure = weight_gradient(loss, params, engine="arrays", h=1e-4)
    exact = weight_gradient(loss, params, method="exact")
    fine = fine_differences(loss, params, 1e-3, np.random.default_rng(seed))
    largest = max(1.0, *(np.abs(g).max() for g in loop.values()))
    for name in params:
        np.testing.assert_allclose(by_structure[name], loop[name], rtol=0, atol=1e-8 * largest)
        chosen = np.abs(fine[name] - loop[name]) < 1e-6 * largest  # away from kinks
        np.testing.assert_allclose(exact[name][chosen], fine[name][chosen], rtol=0, atol=1e-7 * largest)
        assert params[name].tobytes() == kept[name].tobytes()
