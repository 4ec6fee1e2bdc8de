"""The pages: complete, linked, free of dead links, and written so that their examples are tested."""

import re
from itertools import chain
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import fastgrad

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
NAMES = [page.name for page in PAGES]

TREE = re.compile(r"^```\{toctree\}\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
# Two folders from the root on: of a web address the slash follows a letter or another slash.
MACHINE_PATH = re.compile(r"(?<![\w/:.~)])/[\w.]+/\w")


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """The page without its code, in which brackets and hashes mean something else."""
    return re.sub(r"`[^`\n]*`", "`code`", FENCE.sub("", text(page)))


def links(page: Path) -> list[str]:
    found: list[str] = LINK.findall(prose(page))
    return [link for link in found if not urlsplit(link).scheme]


def anchors(page: Path) -> set[str]:
    """The names that headings get, on the site and in the repository alike."""
    headings = HEADING.findall(FENCE.sub("", text(page)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def entries(page: Path) -> list[str]:
    lines = chain.from_iterable(tree.splitlines() for tree in TREE.findall(text(page)))
    return [line for line in lines if line and not line.startswith(":")]


@pytest.mark.parametrize("name", fastgrad.__all__)
def test_every_public_name_is_in_the_reference(name):
    reference = "".join(text(page) for page in DOCS.glob("api*.md"))
    assert re.search(rf"^\.\. auto\w+:: {name}$", reference, re.MULTILINE)


def test_the_reference_names_nothing_that_does_not_exist():
    named = re.findall(r"^\.\. auto(?:function|exception|class):: (\w+)$", text(DOCS / "api.md"), re.MULTILINE)
    known = {*fastgrad.__all__, "Sample", "Curve"}
    assert [name for name in named if name not in known or named.count(name) > 1] == []


def test_every_page_is_in_the_table_of_contents_once():
    listed = [entry for page in DOCS.glob("*.md") for entry in entries(page)]
    assert sorted([*listed, "index"]) == sorted(page.stem for page in DOCS.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page):
    dead = []
    for link in links(page):
        path, anchor = unquote(urlsplit(link).path), urlsplit(link).fragment
        target = (page.parent / path).resolve() if path else page
        if not target.is_file() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


def test_links_of_the_site_stay_in_its_folder():
    """A link to a file above docs/ works in the repository and is dead on the site."""
    assert [(page.name, link) for page in DOCS.glob("*.md") for link in links(page) if link.startswith("..")] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_no_page_names_a_folder_of_somebodys_machine(page):
    assert MACHINE_PATH.findall(text(page)) == []


def test_machine_paths_are_recognised():
    assert all(MACHINE_PATH.search(s) for s in ("in /somewhere/else", "`/a/b.py`", '"/x/y"', "(/srv/data/z)"))
    assert not any(
        MACHINE_PATH.search(s) for s in ("https://example.org/a/b", "docs/a/b.md", "and/or", "1/2/3", "~/.c/d")
    )


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_examples_end_with_an_empty_line(page):
    """Without it a doctest takes the closing fence for output."""
    blocks = [body for kind, body in FENCE.findall(text(page)) if ">>> " in body]
    assert [body for body in blocks if not body.endswith("\n\n")] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_examples_are_marked_as_python(page):
    wrong = [kind for kind, body in FENCE.findall(text(page)) if ">>> " in body and kind != "python"]
    assert wrong == []


@pytest.mark.parametrize("name", ["README.md", "docs/index.md", "docs/start.md"])
def test_code_of_the_first_pages_fits_into_its_column(name):
    """90 characters; on other pages longer lines are wrapped (docs/static/code.css)."""
    lines = chain.from_iterable(body.splitlines() for kind, body in FENCE.findall(text(ROOT / name)) if kind[:1] != "{")
    assert [line for line in lines if len(line) > 90] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_pages_have_one_title(page):
    assert len(re.findall(r"^# ", FENCE.sub("", text(page)), re.MULTILINE)) == 1


def test_pictures_have_a_text_for_those_who_cannot_see_them():
    """In one line: Sphinx joins lines without a space."""
    texts = [alt for page in PAGES for alt in re.findall(r"!\[([^\]]*)\]", prose(page))]
    assert [alt for alt in texts if len(alt) < 20 or "\n" in alt] == []


def test_every_figure_is_shown():
    shown = {Path(link).name for page in PAGES for link in links(page)}
    assert sorted({figure.name for figure in (DOCS / "figures").iterdir()} - shown) == []
