"""`oncegate profile …` on a small installation: what is kept of somebody, without its values; deleting; what may be kept."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.settings import Settings
from gateway.store import Database, SqlStore
from gateway.store.migrate import migrate
from tests.profile_town import ANN, BOB, Town

MAIL = "ann@example.com"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """An installation in which Ann has kept two values, one of them twice."""
    url = f"sqlite:///{tmp_path}/oncegate.db"
    migrate(url)

    async def live() -> None:
        town = await Town.open(Settings(state_dir=tmp_path, database_url=url), SqlStore(Database(url)))
        town.clock.now = datetime.now(UTC)
        await town.keep(email=MAIL)
        await town.keep(email="new@example.com", phone="13900139000")
        await town.close()

    asyncio.run(live())
    return tmp_path


def run(state: Path, *arguments: Any, about: dict[str, str] = ANN) -> tuple[int, str]:
    """The command: exit code and output. The subject comes on standard input."""
    typed = f"{about['id_type']}:{about['id_no']}\n"
    said = ["profile", *(str(each) for each in arguments), "--state", str(state)]
    result = CliRunner().invoke(app, said, input=typed)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_the_list_tells_items_and_times_and_no_value(state: Path) -> None:
    """An operator sees what is kept, for what and until when; the values are the person's to see."""
    code, said = run(state, "list", "--subject-file", "-", "--json")

    told = json.loads(said)
    assert code == 0
    assert {each["item"]: each["purpose"]["code"] for each in told["values"]} == {
        "person.email": "residence",
        "person.phone": "residence",
    }
    assert {"value", "display"}.isdisjoint(told["values"][0])
    for text in (said, run(state, "list", "--subject-file", "-")[1]):
        assert "example.com" not in text
        assert "13900139000" not in text
        assert ANN["id_no"] not in text


def test_listing_is_an_entry(state: Path) -> None:
    """That an operator looked stands in the log, with how much there was."""
    run(state, "list", "--subject-file", "-")

    result = CliRunner().invoke(
        app, ["audit", "entries", "--kind", "profile.read", "--json", "--state", str(state)]
    )
    assert "profile.read" in result.output


def test_nobody_known_has_nothing(state: Path) -> None:
    """Somebody who was never heard of has an empty list and nothing to delete."""
    code, said = run(state, "list", "--subject-file", "-", "--json", about=BOB)

    assert (code, json.loads(said)) == (0, {"subject": None, "values": []})
    assert run(state, "delete", "person.email", "--subject-file", "-", about=BOB)[0] == 1


def test_deleting_takes_one_item_away(state: Path) -> None:
    """The item is gone, the others stay; a second time there is nothing to delete."""
    code, said = run(state, "delete", "person.email", "--subject-file", "-", "--json")

    assert (code, json.loads(said)["item"]) == (0, "person.email")
    left = json.loads(run(state, "list", "--subject-file", "-", "--json")[1])["values"]
    assert [each["item"] for each in left] == ["person.phone"]
    assert run(state, "delete", "person.email", "--subject-file", "-")[0] == 1


def test_items_tell_how_long_and_how_often(state: Path) -> None:
    """What may be kept, for how many days, and how often it was collected, superseded values too."""
    code, said = run(state, "items", "--json")

    told = {each["item"]: (each["kept_days"], each["collected"]) for each in json.loads(said)["items"]}
    assert code == 0
    assert told == {"person.birth_date": (365, 0), "person.email": (365, 2), "person.phone": (730, 1)}
    assert "person.email" in run(state, "items")[1]


def test_what_is_no_subject_is_wrong_use(state: Path) -> None:
    """A number that cannot be one is refused without being repeated."""
    code, said = run(state, "list", "--subject-file", "-", about={"id_type": "111", "id_no": "12345"})

    assert code == 2
    assert "12345" not in said


def test_purging_counts_kept_values(state: Path) -> None:
    """`oncegate purge` tells how many kept values were over."""
    result = CliRunner().invoke(app, ["purge", "--json", "--state", str(state)])

    assert json.loads(result.output)["profile_values"] == 0
