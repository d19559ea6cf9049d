"""Every package has one face: few names, all of them real, none of them a second door out."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ("field_registry", "connectors", "forms", "policies")
MOST_NAMES = 15


@pytest.mark.parametrize("package", PACKAGES)
def test_the_public_face_is_small_and_sorted(package: str) -> None:
    """At most fifteen names, in order, each of which exists."""
    module = importlib.import_module(package)

    assert 0 < len(module.__all__) <= MOST_NAMES
    assert sorted(module.__all__) == list(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@pytest.mark.parametrize(("package", "door"), [("policies", "decide"), ("connectors", "gather")])
def test_the_face_does_not_show_the_door(package: str, door: str) -> None:
    """Neither deciding nor pulling can be reached from a package's face; only the pipeline uses them."""
    module = importlib.import_module(package)

    assert door not in module.__all__
    assert not callable(getattr(module, door, None))


@pytest.mark.parametrize("package", PACKAGES)
def test_whoever_knows_one_package_knows_all(repository: Path, package: str) -> None:
    """Errors, loader, data, schema and README lie in the same places."""
    missing = [
        name
        for name in ("__init__.py", "errors.py", "load.py", "data", "schema", "README.md")
        if not (repository / package / name).exists()
    ]

    assert missing == []


def test_the_wheel_holds_what_the_packages_need(repository: Path, pyproject: Mapping[str, Any]) -> None:
    """The five packages are listed, and the migrations travel inside the gateway."""
    wheel = pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert sorted(wheel["packages"]) == ["connectors", "field_registry", "forms", "gateway", "policies"]
    assert wheel["force-include"] == {"alembic": "gateway/store/migrations"}
    assert not (repository / "alembic" / "__init__.py").exists(), "it would shadow the library"
