"""Factories of the vocabulary: a valid part, with one override to make it interesting."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from field_registry import Binding, CodeList, Item, Registry, Source, SubjectKind
from field_registry.items import Datatype
from field_registry.load import load_registry

SHIPPED = Path(__file__).parents[3] / "field_registry" / "data"


def make_item(item_id: str = "person.name", **overrides: Any) -> Item:
    parts: dict[str, Any] = {
        "id": item_id,
        "name": "姓名",
        "kind": SubjectKind.person,
        "datatype": Datatype.name,
        "department": "公安",
    }
    return Item(**parts | overrides)


def make_source(source_id: str = "civil", **overrides: Any) -> Source:
    parts: dict[str, Any] = {
        "id": source_id,
        "name": "人口基础库",
        "department": "公安",
        "connector": "http_json",
        "config": {"answer": {"echo": "/id"}},
    }
    return Source(**parts | overrides)


def make_binding(item: str = "person.name", source: str = "civil", **overrides: Any) -> Binding:
    return Binding(**{"item": item, "source": source, "attribute": "/xm"} | overrides)


@pytest.fixture
def item() -> Callable[..., Item]:
    """Makes an item; a name of a person unless told otherwise."""
    return make_item


@pytest.fixture
def source() -> Callable[..., Source]:
    """Makes a source; a civil register with an echo unless told otherwise."""
    return make_source


@pytest.fixture
def binding() -> Callable[..., Binding]:
    """Makes a binding; of the name to the civil register unless told otherwise."""
    return make_binding


@pytest.fixture
def registry() -> Callable[..., Registry]:
    """Makes a registry; one sound item, source and binding unless told otherwise."""

    def make(version: int = 1, **parts: Any) -> Registry:
        sound: dict[str, Any] = {
            "items": [make_item()],
            "sources": [make_source()],
            "bindings": [make_binding()],
        }
        return Registry.of(version, **sound | parts)

    return make


@pytest.fixture(scope="session")
def shipped() -> Registry:
    """The registry that the product ships as its example."""
    return load_registry(SHIPPED).registry


@pytest.fixture(scope="session")
def pairs() -> list[dict[str, str]]:
    """Dirty values as registers write them, with the code each means ("" for none)."""
    path = Path(__file__).parent / "data" / "normalisation_pairs.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def sexes() -> CodeList:
    """A small code list with aliases and a withdrawn code."""
    return CodeList(
        "sex", "性别", {"1": "男性", "2": "女性", "8": "其他"}, {"男": "1", "女": "2", "M": "1"}, {"8": "2"}
    )


@pytest.fixture
def directory(tmp_path: Path) -> Callable[..., Path]:
    """Writes files (name → text) into a new directory and gives it."""

    def write(**files: str) -> Path:
        for name, text in files.items():
            stem, _, suffix = name.rpartition("_")
            path = tmp_path / ("codes" if suffix == "csv" else ".") / f"{stem}.{suffix}"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write
