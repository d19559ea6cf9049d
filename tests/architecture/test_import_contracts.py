"""The arrows of the house hold, and the check that holds them would notice.

A contract that is never seen to fail may have stopped looking: a renamed module, an import moved out of its reach.
So each of the eight is given a violation in a copy of the tree and must name it.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("gateway", "field_registry", "connectors", "forms", "policies")
UNKNOWN_MODULE = "gateway/somewhere.py"


def lint_imports(tree: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    """Run the checker on a tree; with `contracts`, on those alone."""
    chosen = [part for contract in contracts for part in ("--contract", contract)]
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--no-logo", *chosen],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def tree(repository: Path, tmp_path: Path) -> Path:
    """A copy of the packages that a test may spoil."""
    shutil.copy(repository / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        shutil.copytree(
            repository / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "data")
        )
    return tmp_path


def test_the_contracts_are_kept(repository: Path) -> None:
    """All eight contracts hold in the tree as it is."""
    report = lint_imports(repository)

    assert report.returncode == 0, report.stdout + report.stderr


@pytest.mark.parametrize(
    ("contract", "module", "forbidden"),
    [
        ("packages", "field_registry/values.py", "import gateway.errors"),
        ("packages", "forms/definition.py", "import policies.consent"),
        ("gateway", "gateway/audit/__init__.py", "import gateway.resolution"),
        ("gateway", "gateway/errors.py", "import gateway.ports"),
        ("gateway", UNKNOWN_MODULE, "'''A module the layers do not know.'''"),
        ("connectors", "connectors/gather.py", "import connectors.registry"),
        ("connectors", "connectors/errors.py", "import connectors.protocol"),
        ("kinds", "connectors/kinds/sql.py", "import connectors.kinds.file"),
        ("pure", "forms/definition.py", "import asyncio"),
        ("pure", "gateway/resolution/combine.py", "import sqlalchemy.engine"),
        ("one-door", "gateway/http/__init__.py", "from policies.decide import decide"),
        ("one-door", "connectors/__init__.py", "from connectors.gather import gather"),
        ("databases", "gateway/resolution/pipeline.py", "import sqlalchemy"),
        ("databases", "connectors/kinds/file.py", "import sqlite3"),
        ("framework", "gateway/consents/__init__.py", "import fastapi"),
    ],
)
def test_a_planted_violation_is_caught(tree: Path, contract: str, module: str, forbidden: str) -> None:
    """The contract that forbids an import breaks when the import is there."""
    assert (tree / module).exists() or module == UNKNOWN_MODULE, "the plant has moved: choose another module"
    with (tree / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{forbidden}\n")
    report = lint_imports(tree, contract)

    assert report.returncode == 1, report.stdout + report.stderr
    assert "BROKEN" in report.stdout or "not listed" in report.stdout, report.stdout
