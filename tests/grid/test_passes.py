"""One pass over memory: boxes, threads, files, stores past the cache."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

from fastgrad import grid
from fastgrad.formulas.spacings import numpy_line
from fastgrad.grid import arrays
from fastgrad.grid.boxes import BoxTerm
from fastgrad.grid.passes import compute
from tests.grid.samples import coordinates, same, samples

pytestmark = pytest.mark.usefixtures("no_short_cut", "no_copies")


@pytest.fixture(autouse=True)
def no_rows(monkeypatch):
    """Small arrays are the business of rows without boxes otherwise."""
    monkeypatch.setattr(arrays, "FLAT", -1)


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4"])
@pytest.mark.parametrize("accuracy", [2, 8])
def test_bits_do_not_depend_on_boxes_and_threads(monkeypatch, accuracy, dtype):
    from fastgrad.grid import boxes

    values, x = samples((22, 18, 19), dtype), [coordinates(22), 0.3, coordinates(19)]
    closed = {"periodic": (True, True, False), "period": (100.0, None, None), "accuracy": accuracy}
    calls = [
        lambda **k: grid.gradient(values, *x, accuracy=accuracy, **k),
        lambda **k: grid.gradient(values, *x, **closed, **k),
        lambda **k: [grid.laplacian(values, *x, **closed, **k)],
        lambda **k: grid.curl([values, values[::-1], values[:, ::-1]], *x, **closed, **k),
    ]
    expected = [call(workers=1) for call in calls]
    for name in ("ROW", "ONE_ROW", "PLANE", "BOX", "COPIED_BOX"):
        monkeypatch.setattr(boxes, name, 7)
    monkeypatch.setattr(boxes, "SHORTEST", 3)
    monkeypatch.setattr(boxes, "LONG", 20)
    for call, wanted in zip(calls, expected, strict=True):
        for a, b in zip(call(workers=3), wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def test_long_uneven_axes():
    """Their weights are made box by box."""
    n = (1 << 17) + 1001
    values, x = samples(n), coordinates(n)
    same(grid.gradient(values, x, edge_order=2), np.gradient(values, x, edge_order=2))


def test_stores_past_the_cache(monkeypatch):
    from fastgrad.grid import boxes

    monkeypatch.setattr(boxes, "STREAMED", 0)
    for shape, dtype in itertools.product([(70, 301), (5,), (6, 3)], ["f8", "f4"]):
        values = samples(shape, dtype)
        out = np.empty((len(shape), *shape), dtype)
        grid.gradient(values, np.float64(0.3), out=out[0] if len(shape) == 1 else out)
        np.testing.assert_array_equal(out if len(shape) > 1 else out[0], np.gradient(values, np.float64(0.3)))


def test_progress_counts_boxes():
    seen = []
    grid.gradient(samples((300, 300)), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] > 0


PEAK = """
import resource, sys
import subprocess
import sys

import numpy as np
from fastgrad import grid
side = 3000
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
values = np.random.default_rng(0).standard_normal((side, side))
coordinates = np.cumsum(1.0 + np.random.default_rng(1).random(side))
spacing = {"even": (0.5,), "uneven": (coordinates, coordinates)}[sys.argv[1]]
small = tuple(s[:400] if np.ndim(s) else s for s in spacing)
grid.gradient(values[:400, :400], *small, accuracy=4)
before = peak()
result = grid.gradient(values, *spacing, accuracy=4)
print((peak() - before - sum(r.nbytes for r in result)) / 2**20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts kilobytes on Linux only")
@pytest.mark.parametrize("spacing", ["even", "uneven"])
def test_peak_memory_is_that_of_the_output_and_little_more(spacing):
    done = subprocess.run([sys.executable, "-c", PEAK, spacing], check=True, capture_output=True, text=True)
    assert float(done.stdout) < 64


@pytest.mark.parametrize(
    "view",
    [lambda a: a, lambda a: a.T, lambda a: a[::-1, ::2], lambda a: a[1:2], lambda a: a.astype(">f8")],
    ids=["rows", "turned", "gaps", "one node", "other bytes"],
)
def test_sums_of_terms_into_outputs_of_any_layout(view):
    rng = np.random.default_rng(0)
    u, v = (view(rng.standard_normal((14, 14))) for _ in range(2))
    lines = [numpy_line(n, 0.5, 1, np.dtype(float)) if n > 1 else None for n in u.shape]
    outputs = [np.full(u.shape, np.nan), np.full(u.shape[::-1], np.nan).T]
    terms = [BoxTerm(0, u, 1, lines[1]), BoxTerm(1, v, 1, lines[1])]
    expected = [np.gradient(u, 0.5, axis=1), np.gradient(v, 0.5, axis=1)]
    if lines[0]:
        terms.append(BoxTerm(1, u, 0, lines[0]))
        expected[1] = expected[1] + np.gradient(u, 0.5, axis=0)
    compute(outputs, terms, 1, None, fresh=True)
    np.testing.assert_allclose(outputs, expected, rtol=1e-13, atol=1e-13)
