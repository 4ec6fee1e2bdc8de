"""Every figure of the documentation is drawn, those of the gallery by their code; the demo's looks like them."""

import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
MEASURED = {"bench-dimension.svg", "bench-fields.svg", "bench-points.svg"}  # drawn by bench/charts.py
TRAINED = {"training.png"}  # drawn by examples/train_digits.py


@pytest.fixture(scope="module")
def drawings():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        import drawings

        yield drawings


@pytest.fixture(scope="module")
def drawn(drawings, tmp_path_factory):
    """The files of a run into an empty folder, by name."""
    pytest.importorskip("scipy")
    pytest.importorskip("xarray")
    folder = tmp_path_factory.mktemp("figures")
    with mpl.rc_context():
        drawings.save(folder)
    return {path.name: path for path in folder.iterdir()}


def test_every_figure_of_the_documentation_is_drawn(drawn):
    assert {path.name for path in (DOCS / "figures").iterdir()} == drawn.keys() | MEASURED | TRAINED


def test_figures_are_vectors_or_fine_pixels(drawn):
    from matplotlib.image import imread

    for name, path in drawn.items():
        if name.endswith(".svg"):
            assert path.read_text(encoding="utf-8").count("<path") > 10, name
        else:
            pixels = imread(path)
            assert pixels.shape[1] >= 1000, name
            assert np.ptp(pixels[..., :3]) > 0.5, name


def test_every_picture_of_the_gallery_has_its_code_above_it(drawings):
    page = drawings.GALLERY.read_text(encoding="utf-8")
    pictures = re.findall(r"\(figures/([^)]+)\)", page)
    assert pictures == [picture for _, picture in drawings.BLOCK.findall(page) if picture]
    assert len(pictures) == len(set(pictures)) > 8


def test_the_demo_draws_in_the_same_style(drawings, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    monkeypatch.chdir(tmp_path)
    import demo

    axis = np.linspace(-1.0, 1.0, 90)
    demo.draw(axis, axis, np.ones((2, 90, 90)))
    assert demo.STYLE == drawings.STYLE
    assert (tmp_path / "field.png").read_bytes().startswith(b"\x89PNG")
