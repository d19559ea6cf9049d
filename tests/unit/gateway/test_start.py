"""What keeps the service from starting, whichever way it is started; and what it leaves on disk when it does."""

from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from gateway.app import create_app
from gateway.cli import app as commands
from gateway.errors import UnsafeSettings
from gateway.settings import Settings
from gateway.store.database import Database
from gateway.store.memory import MemoryStore
from gateway.store.migrate import migrate


def test_an_application_is_not_made_of_unsafe_settings(tmp_path: Path) -> None:
    """A server of one's own around the application meets the same refusal, before a key is read or written."""
    with pytest.raises(UnsafeSettings, match="would be generated"):
        create_app(Settings(environment="production", state_dir=tmp_path), store=MemoryStore())

    assert list(tmp_path.iterdir()) == []


def test_serving_refuses_a_variable_that_sets_nothing(tmp_path: Path) -> None:
    """A misspelt safety setting must not keep its default in silence; the value is not repeated."""
    environment = {"ONCEGATE_STATE_DIR": str(tmp_path), "ONCEGATE_ALLOWED_NETWROKS": "hunter2"}
    ended = CliRunner().invoke(commands, ["serve"], env=environment)

    assert ended.exit_code == 1
    assert (
        "ONCEGATE_ALLOWED_NETWROKS is not a setting. Did you mean ONCEGATE_ALLOWED_NETWORKS?" in ended.stderr
    )
    assert "hunter2" not in ended.output
    assert list(tmp_path.iterdir()) == []


def test_other_commands_only_warn_of_it(tmp_path: Path) -> None:
    """Looking and migrating go on: nothing is served under the wrong setting."""
    environment = {"ONCEGATE_STATE_DIR": str(tmp_path), "ONCEGATE_PROT": "1"}
    ended = CliRunner().invoke(commands, ["migrate"], env=environment)

    assert ended.exit_code == 0
    assert "ONCEGATE_PROT is not a setting." in ended.stderr


async def test_the_database_file_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    """The file and those that SQLite puts beside it, whatever the umask."""
    url = f"sqlite:///{tmp_path}/oncegate.db"
    migrate(url)
    database = Database(url)
    await database.write(lambda connection: connection.execute(text("CREATE TABLE t (x)")).close())
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    await database.close()

    assert modes == {"oncegate.db": 0o600, "oncegate.db-wal": 0o600, "oncegate.db-shm": 0o600}
