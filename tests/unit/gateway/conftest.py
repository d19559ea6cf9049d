"""What tests of several commands share."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.settings import Settings
from gateway.store.migrate import migrate


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """A command on an empty state directory: exit code, what it printed, what it said on stderr."""
    migrate(Settings(state_dir=tmp_path).database_url)

    def invoke(*arguments: object, machine: bool = True) -> tuple[int, Any, str]:
        more = ["--state", str(tmp_path), *(["--json"] if machine else [])]
        result = CliRunner().invoke(app, [*map(str, arguments), *more])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        printed = json.loads(result.stdout) if machine and result.stdout else result.stdout
        return result.exit_code, printed, result.stderr

    return invoke
