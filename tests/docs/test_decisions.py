"""Decision records: numbered, one screen each, each with the check that holds it; and what two of them promise."""

import importlib.metadata
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

SECTIONS = ["Context", "Decision", "Consequences", "Check"]
ONE_SCREEN = 40
DEPENDENCIES = "0009"
"""The one record that is a list, and may be longer than a screen."""

RECORDS = sorted(Path(__file__).parents[2].glob("gateway/decisions/*.md"))
ROW = re.compile(r"^\| (?P<name>[A-Za-z0-9-]+) \| (?P<licence>[^|]+) \| (?P<why>[^|]+) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def listed() -> Mapping[str, tuple[str, str]]:
    """Package → (licence, reason), as the record says."""
    (record,) = (path for path in RECORDS if path.name.startswith(DEPENDENCIES))
    rows = ROW.finditer(record.read_text(encoding="utf-8"))
    return {
        row["name"]: (row["licence"], row["why"]) for row in rows if row["name"] not in {"package", "---"}
    }


def name_of(requirement: str) -> str:
    """`uvicorn` of `uvicorn[standard]>=0.54`."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None, requirement
    return found[0]


def test_they_are_numbered_without_gaps() -> None:
    """0001, 0002, and so on; a number is never given twice."""
    assert [path.name[:4] for path in RECORDS] == [f"{number:04}" for number in range(1, len(RECORDS) + 1)]


@pytest.mark.parametrize("path", RECORDS, ids=[path.stem for path in RECORDS])
def test_each_has_its_parts_on_one_screen(document: Callable[[str], Any], path: Path) -> None:
    """Context, decision, consequences and the check that holds it, short enough to be read."""
    record = document(f"gateway/decisions/{path.name}")

    (title, *sections) = record.headings
    assert title[1].startswith(f"{path.name[:4]} ")
    assert [name for _, name in sections] == SECTIONS
    assert len(record.text.splitlines()) <= ONE_SCREEN or path.name.startswith(DEPENDENCIES)


def test_the_tests_they_name_exist(repository: Path) -> None:
    """A record that leans on a test leans on one that is there."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in RECORDS}
    named = {(name, test) for name, text in texts.items() for test in re.findall(r"tests/[a-z_/]+\.py", text)}

    assert named
    assert {pair for pair in named if not (repository / pair[1]).exists()} == set()


def test_every_dependency_has_its_line(repository: Path, listed: Mapping[str, tuple[str, str]]) -> None:
    """What pyproject.toml asks for and what the record justifies are the same packages."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    groups = [
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    ]
    asked = {name_of(each) for group in groups for each in group if isinstance(each, str)}

    assert asked - {"oncegate"} == set(listed)


def test_licences_are_what_the_packages_declare(listed: Mapping[str, tuple[str, str]]) -> None:
    """Where an installed package states its licence as an expression, the record says the same."""
    declared = {name: importlib.metadata.metadata(name) for name in listed if is_installed(name)}
    differing = {
        name: (said, listed[name][0])
        for name, metadata in declared.items()
        if (said := metadata.get("License-Expression")) and said != listed[name][0]
    }

    assert len(declared) > len(listed) / 2
    assert differing == {}


def is_installed(name: str) -> bool:
    """Whether the package is there to be asked; extras need not be."""
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def test_one_module_knows_the_http_client(repository: Path) -> None:
    """Record 0021: what reads the answers of sources is known to one module."""
    packages = ("gateway", "field_registry", "connectors", "forms", "policies")
    importing = [
        path.relative_to(repository).as_posix()
        for package in packages
        for path in (repository / package).rglob("*.py")
        if re.search(r"^\s*(from|import) httptools", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]

    assert importing == ["connectors/http_line.py"]
