"""What the project says in several places is the same in all of them."""

import re
import tomllib
from pathlib import Path

import pytest

import fastgrad

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def text(name):
    path = ROOT / name
    if not path.exists():
        pytest.skip(f"{name} stays in the repository")
    return path.read_text(encoding="utf-8")


def classified():
    """The Python versions of the classifiers, as (3, 11)."""
    found = re.findall(r"Python :: (\d+)\.(\d+)", "\n".join(PROJECT["project"]["classifiers"]))
    return [(int(major), int(minor)) for major, minor in found]


def numbers(version):
    return tuple(map(int, re.findall(r"\d+", version)))


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("fastgrad/__init__.py", r'^__version__ = "(.+)"$'),
        ("CITATION.cff", r"^version: (.+)$"),
        ("CHANGELOG.md", r"^## \[([^]]+)\] - (?:unreleased|\d{4}-\d\d-\d\d)$"),
    ],
)
def test_version(name, pattern):
    assert re.search(pattern, text(name), re.MULTILINE)[1] == PROJECT["project"]["version"]


def test_version_of_the_installed_package():
    assert fastgrad.__version__ == PROJECT["project"]["version"]


def test_classifiers_begin_where_requires_python_does():
    versions = classified()
    assert PROJECT["project"]["requires-python"] == ">={}.{}".format(*versions[0])
    assert versions == [(3, minor) for minor in range(versions[0][1], versions[-1][1] + 1)]


def test_workflow_tests_every_python_of_the_classifiers():
    listed = re.search(r"^ +python: \[(.+)\]$", text(".github/workflows/ci.yml"), re.MULTILINE)[1]
    assert [numbers(version) for version in listed.split(",")] == classified()


@pytest.mark.parametrize("package", ["numpy", "numba"])
def test_workflow_tests_the_oldest_dependencies(package):
    (wanted,) = [d for d in PROJECT["project"]["dependencies"] if d.startswith(package)]
    tested = re.search(rf'"{package}==([\d.]+)\.\*"', text(".github/workflows/ci.yml"))[1]
    assert numbers(wanted) == numbers(tested)


def test_workflow_runs_files_that_exist():
    named = set(re.findall(r"tests/[\w/]+\.py", text(".github/workflows/ci.yml")))
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(("package", "repository"), [("ruff", "ruff-pre-commit"), ("mypy", "mirrors-mypy")])
def test_hooks_are_new_enough_for_the_dev_group(package, repository):
    (wanted,) = [d for d in PROJECT["dependency-groups"]["dev"] if d.startswith(package)]
    hook = re.search(rf'{repository}\n +rev: "v(.+)"', text(".pre-commit-config.yaml"))[1]
    assert numbers(hook) >= numbers(wanted)


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/maintainers.md"])
def test_pages_for_contributors_name_files_and_functions_that_exist(page):
    quoted = set(re.findall(r"`(\w[\w./]*\.(?:py|md|toml|yml|yaml|cff)(?:::\w+)?)`", text(page)))
    assert quoted
    for name in quoted:
        path, _, function = name.partition("::")
        assert (ROOT / path).exists(), name
        assert not function or f"def {function}(" in text(path), name


def test_the_page_for_maintainers_names_tables_that_exist():
    named = re.findall(r"`([A-Z]+)` in `([\w./]+)`", text("docs/maintainers.md"))
    assert len(named) >= 4
    assert [(table, path) for table, path in named if not re.search(rf"^{table}\b.*=", text(path), re.MULTILINE)] == []


@pytest.mark.parametrize("name", ["README.md", "docs/start.md", "docs/index.md"])
def test_installation_is_from_the_source_until_there_is_a_release(name):
    assert f"pip install git+{PROJECT['project']['urls']['Source']}" in text(name)
    assert "pip install fastgrad" not in text(name)
