"""What the rules look at: the repository, its files, its parsed modules."""

import ast
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ("gateway", "field_registry", "connectors", "forms", "policies")


@pytest.fixture(scope="session")
def repository(request: pytest.FixtureRequest) -> Path:
    """The root of the repository."""
    return request.config.rootpath


@pytest.fixture(scope="session")
def pyproject(repository: Path) -> Mapping[str, Any]:
    """The project file, parsed."""
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def modules(repository: Path) -> Mapping[str, ast.Module]:
    """Path relative to the repository → syntax tree, of every module of the five packages."""
    files = [path for package in PACKAGES for path in sorted((repository / package).rglob("*.py"))]
    return {
        path.relative_to(repository).as_posix(): ast.parse(path.read_bytes(), str(path)) for path in files
    }


@pytest.fixture(scope="session")
def pure_modules(pyproject: Mapping[str, Any], modules: Mapping[str, ast.Module]) -> Mapping[str, ast.Module]:
    """The modules that import contract 5 calls pure; one list for both kinds of check."""
    contracts = pyproject["tool"]["importlinter"]["contracts"]
    pure = next(contract["source_modules"] for contract in contracts if contract["id"] == "pure")
    prefixes = tuple(name.replace(".", "/") for name in pure)
    return {
        path: tree
        for path, tree in modules.items()
        if any(path == f"{prefix}.py" or path.startswith(f"{prefix}/") for prefix in prefixes)
    }


@pytest.fixture(scope="session")
def texts(repository: Path) -> Mapping[str, str]:
    """Path → content of every text file that is, or would be, in the repository."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=repository,
        capture_output=True,
        check=False,
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    names = [name for name in listing.stdout.decode().split("\0") if name]
    return {name: text for name in names if (text := read_text(repository / name)) is not None}


def read_text(path: Path) -> str | None:
    """The content, None for what is not UTF-8 or is gone from the disk."""
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
        return None
