"""An example in a docstring is true: every doctest of the five packages is run."""

import doctest
import importlib
import pkgutil
from collections.abc import Iterator

import pytest

PACKAGES = ("connectors", "field_registry", "forms", "gateway", "policies")


def modules() -> Iterator[str]:
    """The name of every module, without importing it; `__main__` would run."""
    for package in PACKAGES:
        path = importlib.import_module(package).__path__
        names = (found.name for found in pkgutil.walk_packages(path, f"{package}."))
        yield from (name for name in names if not name.endswith("__main__"))


@pytest.mark.parametrize("package", PACKAGES)
def test_the_examples_in_docstrings_hold(package: str) -> None:
    """Each example prints what it says."""
    names = [name for name in modules() if name.partition(".")[0] == package]
    failed = [name for name in names if doctest.testmod(importlib.import_module(name)).failed]

    assert failed == []
