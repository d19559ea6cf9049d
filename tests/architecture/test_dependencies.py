"""What the packages import is what the project asks for: an installation without the dev group runs."""

import ast
import re
import sys
from collections.abc import Mapping
from importlib.metadata import packages_distributions
from typing import Any

OURS = {"gateway", "field_registry", "connectors", "forms", "policies"}
COMES_WITH = {"starlette": "fastapi", "pydantic_core": "pydantic"}
"""Libraries used directly that another one brings along and keeps in step with itself."""
ONLY_FOR_TESTS = {"connectors/conformance.py": {"pytest"}}
"""A suite that others inherit in their tests; importing it is their choice."""
BY_CHOICE = {
    "gateway/submissions/press.py": {"typst"},
    "gateway/submissions/pdf_reading.py": {"pypdf"},
    "connectors/kinds/sql_mysql.py": {"pymysql"},
}
"""Of an extra, imported when it is needed; without it the service says what to install."""


def imported(tree: ast.Module) -> set[str]:
    """The top-level names of everything a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_import_is_a_declared_dependency(
    modules: Mapping[str, ast.Module], pyproject: Mapping[str, Any]
) -> None:
    """No package imports what only the dev group installs."""
    asked = {normal(re.split(r"[\[<>=!~ ;]", line)[0]) for line in pyproject["project"]["dependencies"]}
    owners = packages_distributions()
    foreign = {
        (path, name)
        for path, tree in modules.items()
        for name in imported(tree) - OURS - set(sys.stdlib_module_names)
        if name not in ONLY_FOR_TESTS.get(path, set()) | BY_CHOICE.get(path, set())
    }
    undeclared = sorted(
        f"{path} imports {name}"
        for path, name in foreign
        if not {normal(owner) for owner in owners.get(COMES_WITH.get(name, name), [name])} & asked
    )

    assert undeclared == []
