"""A new kind: what is written runs, passes the first half of the suite, and overwrites nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from connectors import BadConfiguration
from connectors.scaffold import new_kind


def test_a_new_kind_passes_the_first_half(tmp_path: Path) -> None:
    """As written, without touching it, under a plain pytest of its own."""
    written = new_kind("paper_mail", tmp_path / "mine")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True, text=True, cwd=tmp_path, check=False,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip

    assert [path.name for path in written] == [
        "paper_mail.py", "paper_mail_mapping.py", "paper_mail.schema.json", "test_paper_mail.py",
    ]  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "7 passed" in run.stdout


@pytest.mark.parametrize("name", ["", "Upper", "9lives", "a-b", "../x", "class", "http_json"])
def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path, name: str) -> None:
    """No module name, a keyword, or taken: nothing is written."""
    with pytest.raises(BadConfiguration):
        new_kind(name, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A file that is there stays, and no other is written beside it."""
    (tmp_path / "mail.py").write_text("mine")
    with pytest.raises(BadConfiguration, match=r"mail\.py"):
        new_kind("mail", tmp_path)

    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
