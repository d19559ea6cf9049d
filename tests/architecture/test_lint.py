"""Style is settled by tools, not in reviews: what `make lint` says about style, every test run says too."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("arguments", [("check", "--no-cache"), ("format", "--check", "--no-cache")])
def test_ruff_has_nothing_to_say(repository: Path, arguments: tuple[str, ...]) -> None:
    """Every rule chosen in pyproject.toml holds, and the code is formatted."""
    report = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments, "."],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )

    assert report.returncode == 0, report.stdout[-4000:]
