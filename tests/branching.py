"""Functions that branch on their data: name, function, dimension, and where an order of coordinates matters."""

import math

import numpy as np

RNG = np.random.default_rng(11)
ROWS, SIGNS = RNG.normal(size=(6, 3)), np.sign(RNG.normal(size=6))


def huber(x):
    total = 0.0
    for r in x:
        if abs(r) < 1.0:
            total += 0.5 * r * r
        else:
            total += abs(r) - 0.5
    return total


def hinge(x):
    total = 0.0
    for row, sign in zip(ROWS, SIGNS, strict=True):
        total += max(0.0, 1.0 - sign * (row[0] * x[0] + row[1] * x[1] + row[2] * x[2]))
    return total + 0.1 * np.sum(x**2)


def clamped(x):
    a = x[0]
    a = min(a, 1.0)
    a = max(a, -1.0)
    b = min(max(x[1], -0.5), 1.5)
    return a * b + b * x[2] + a * x[2] ** 2


def lennard_jones(x):
    energy = 0.0
    for i in range(len(x) // 2):
        for j in range(i):
            square = (x[2 * i] - x[2 * j]) ** 2 + (x[2 * i + 1] - x[2 * j + 1]) ** 2
            if square < 4.0:
                s = 1.0 / (square + 0.1) ** 3
                energy += 4.0 * (s * s - s)
    return energy


def skipping(x):
    energy = 0.0
    for i in range(len(x)):
        if x[i] >= 1.0:
            continue
        square = x[i] * x[i]
        energy += square * x[0] - square**2
    return energy


def piece(t):
    if t < -1.0:
        return t * t + 2.0 * t
    if t < 0.0:
        return -math.sqrt(-t)
    if t < 1.0:
        return 2.0 * t**3
    return t + math.log(t)


def pieces(x):
    return piece(x[0]) + piece(x[1]) * x[2] + piece(x[0] * x[2])


def quadratic(x):
    a, b, c = x
    if a == 0.0:
        return -c / b if b != 0.0 else c
    d = b * b - 4.0 * a * c
    if d < 0.0:
        return -b / (2.0 * a)
    q = -0.5 * (b + math.sqrt(d)) if b > 0 else -0.5 * (b - math.sqrt(d))
    return 0.0 if q == 0.0 else min(q / a, c / q)


def newton(x):
    a = x[0] * x[0] + 1.0
    y = a
    while abs(y * y - a) > 1e-12 * a:
        y -= (y * y - a) / (2.0 * y)
    return y * x[1]


def newton_by_turns(x):
    a = x[0] * x[0] + 1.0
    y = a
    for _ in range(30):
        d = (y * y - a) / (2.0 * y)
        y -= d
        if abs(d) < 1e-12:
            break
    return y * x[1]


def logical(x):
    if (x[0] > x[1] and not x[1] > 1.0) or x[0] < -1.0:
        return x[0] * x[1]
    return x[0] + x[1] ** 2 if -0.5 < x[0] < x[1] < 2.0 else x[1]


def ordered(x):
    low, *_, high = sorted(x)
    return low * x[0] + 2.0 * high**2 - min(x) * max(x[0], x[1])


def bubbles(x):
    v = np.zeros_like(x)
    v[:] = x
    for i in range(len(v)):
        for j in range(len(v) - 1 - i):
            if v[j] > v[j + 1]:
                v[j], v[j + 1] = v[j + 1], v[j]
    return v[0] + 2.0 * v[1] * v[2]


def elements(x):
    parts = [0.0, 0.0]
    for i in range(2):
        if x[i] > 0.5:
            parts[i] += x[i] ** 2
        else:
            parts[1 - i] -= x[i]
    return parts[0] * parts[1] + x[0]


def many(x):
    return x[0] * x[1] if any(v > 1.5 for v in x) else (x[1] ** 2 if all(v < 1.0 for v in x) else x[0])


def indexed(x):
    return (2.0, 3.0)[int(x[0] > 0)] * x[1] + (x[0] > x[1]) * x[1] + sum(v > 0.5 for v in x) * x[0]


def recursive(v, n):
    if n == 0:
        return v
    if v > 1.0:
        return recursive(0.5 * v, n - 1)
    return 1.1 * recursive(v + 0.3, n - 1)


def by_recursion(x):
    return recursive(x[0], 5) * x[1]


def by_generator(x):
    return sum(v * v if v > 1.0 else math.sin(v) for v in x)


def lists(x):
    kept = []
    for v in x:
        if v > 0.5:
            kept.append(v * v)
    return sum(kept) + len(kept) * x[0]


def unset(x):
    if x[0] > 1.0:
        y = x[1]
    z = 1.0
    if x[0] > 1.0:
        z = y * y
    return z * x[0]


def nothing(x):
    y = None
    if x[0] > 1.0:
        y = x[1]
    return x[0] if y is None else y * y


def words(x):
    kind = "far" if x[0] > 1.0 else "near"
    return x[0] ** 2 if kind == "far" else x[1] * x[0]


def aliases(x):
    a, b = np.zeros_like(x), x * 1.0
    if x[0] > 1.0:
        a = b
    b[0] = 5.0 * x[1]
    return a[0] + a[1] * x[1]


def writing(values, v):
    if v > 1.0:
        values[0] = v * v
    return 0.0


def by_writing(x):
    values = np.zeros_like(x)
    rest = writing(values, x[0])
    return values[0] + x[1] * x[0] + rest


def by_inner(x):
    level = x[0] * 2.0

    def raised(v):
        nonlocal level
        if v > 1.0:
            level = level + v
        return level

    return raised(x[0]) + raised(x[1]) + level


def caught(x):
    try:
        if x[0] < 0.5:
            raise KeyError
        root = x[0] ** 1.5
    except KeyError:
        root = x[1]
    return root * x[1]


def typed(x):
    return x[0] * 2.0 if isinstance(x[0], float) and x[0] > 1.0 else x[1]


class Layered:
    def __init__(self):
        self.limit = 1.0

    def layer(self, v):
        if v > self.limit:
            return v * v
        return math.exp(v)

    def __call__(self, x):
        return self.layer(x[0]) * self.layer(x[1])


FUNCTIONS = {
    "Huber": (huber, 4), "hinge": (hinge, 3), "clamped": (clamped, 3), "Lennard-Jones": (lennard_jones, 8),
    "continue": (skipping, 3), "pieces": (pieces, 3), "quadratic": (quadratic, 3), "while": (newton, 2),
    "break": (newton_by_turns, 2), "logical": (logical, 2), "sorted": (ordered, 4), "bubbles": (bubbles, 3),
    "elements": (elements, 2), "any and all": (many, 3), "indexed": (indexed, 2), "recursion": (by_recursion, 2),
    "generator": (by_generator, 3), "lists": (lists, 3), "unset": (unset, 2), "None": (nothing, 2), "words": (words, 2),
    "aliases": (aliases, 2), "writing": (by_writing, 2), "inner": (by_inner, 2), "caught": (caught, 2),
    "isinstance": (typed, 2), "object": (Layered(), 2), "method": (Layered().__call__, 2),
}  # fmt: skip


def points(dimension, count=300):
    """At random, on the boundaries of the functions, at h/2, h and 3h beside them, and with equal coordinates."""
    made = np.random.default_rng(3).uniform(-2.2, 2.2, (count, dimension))
    places = np.array([-1.0, -0.5, 0.5, 1.0, 1.5])
    made[:100] = made[:100].round(1)
    h = 6e-6
    for k, beside in enumerate((0.0, h / 2, -h / 2, h, -h, 3 * h, -3 * h)):
        rows = slice(100 + 10 * k, 110 + 10 * k)
        made[rows, : min(2, dimension)] = np.tile(places, 2)[:, None] * (1.0 + beside)
    made[180:190] = made[180:190, :1]
    return made
