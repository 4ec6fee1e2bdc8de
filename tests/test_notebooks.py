"""The notebooks run from top to bottom, as Jupyter would run them, and are kept without what they print.

Their cells run in this process: a kernel for each would take longer than all of them do, and see no warnings as errors.
"""

import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

FOLDER = Path(__file__).parent.parent / "examples" / "notebooks"
NEEDS = {"chapter4": ["matplotlib"], "field": ["matplotlib", "xarray"], "likelihood": ["matplotlib", "scipy", "pandas"]}


def cells(name):
    return json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]


@pytest.fixture(autouse=True)
def _left_as_it_was():
    """Figures, and NumPy's global state, which the book's networks draw their weights from."""
    state = np.random.get_state()  # noqa: NPY002
    yield
    np.random.set_state(state)  # noqa: NPY002
    plt.close("all")


def test_every_notebook_is_run():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(NEEDS)


@pytest.mark.parametrize("name", NEEDS)
def test_notebooks_run(name, tmp_path, monkeypatch):
    for package in NEEDS[name]:
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    for number, cell in enumerate(cells(name)):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{name}.ipynb, cell {number}", "exec"), names)
    assert plt.get_fignums()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NEEDS)
def test_notebooks_are_kept_without_outputs(name):
    code = [cell for cell in cells(name) if cell["cell_type"] == "code"]
    assert code
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []


@pytest.mark.parametrize("name", NEEDS)
def test_links_of_notebooks_lead_somewhere(name):
    words = "".join("".join(cell["source"]) for cell in cells(name) if cell["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^)#:]+)\)", words)
    assert [link for link in links if not (FOLDER / link).exists()] == []
