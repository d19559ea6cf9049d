"""From a value typed once to the next form, and to the day a register says otherwise; on each kind of database."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.app import refresh
from gateway.ports import Profiles
from gateway.records import Cell, ProfileValue
from gateway.settings import Settings
from gateway.store import Database, SqlStore
from gateway.store.migrate import migrate
from tests.profile_town import ANN, BOB, FIELDS, Town, form, later, registry

MAIL = "ann.typed.this@example.com"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def town(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Town]:
    """A town over a database of its own."""
    url = f"sqlite:///{tmp_path}/oncegate.db"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_server").new_database())
    migrate(url)
    made = await Town.open(Settings(state_dir=tmp_path, database_url=url), SqlStore(Database(url)))
    yield made
    await made.close()


async def test_typed_once_offered_next_outranked_by_a_register(town: Town) -> None:
    """A value typed and saved is offered as tier C next time, then outranked by a register, and told to differ from it."""
    first = await town.resolve("residence")
    assert first["fields"]["email"]["outcome"] == "not_found"
    told = await town.hand_in(first, {"email": MAIL, "phone": "13900139000"}, keep=["email"])
    assert told["fields"]["email"]["disposition"] == "typed"

    town.clock.now = later(days=1)
    second = await town.resolve("school")
    assert shown(second, "email") == (MAIL, "C", False)
    assert second["fields"]["phone"]["outcome"] == "empty_at_source"
    confirmed = await town.hand_in(second, {"phone": "13900139000"})
    assert confirmed["fields"]["email"]["disposition"] == "kept"

    town.clock.now = later(days=2)
    await town.publish(registry("person.email"))
    third = await town.resolve("school")
    assert shown(third, "email") == ("register@example.com", "A", True)

    [kept] = await town.profile()
    assert (kept["value"], kept["differs_from"]["source"]["id"]) == (MAIL, "civil")
    assert kept["differs_from"]["retrieved_at"] == "2026-11-23T02:03:04.000000Z"

    await town.http.put(
        "/v1/me/profile/person.email",
        json={"value": "register@example.com"},
        headers=await town.person(),
    )
    await town.resolve("school")
    assert [each["differs_from"] for each in await town.profile()] == [None]
    assert await town.runtime.store.profiles.collected(later(days=-1), later(days=9)) == {"person.email": 2}


def shown(answer: dict[str, Any], path: str) -> tuple[Any, ...]:
    """How a field is offered."""
    field = answer["fields"][path]
    return field["value"], field["tier"], field["locked"]


async def test_nothing_of_it_stands_anywhere_in_clear(town: Town) -> None:
    """Neither the log nor the table of kept values shows what was typed; only the person's key opens it."""
    await town.keep(email=MAIL)
    await town.resolve("school")
    await town.profile()
    cells: list[bytes] = []

    def look(cell: Cell) -> None:
        cells.append(cell.sealed)

    await town.runtime.store.cells.renew("profile_value.sealed", look, after="", limit=9)

    assert [cell[:1] for cell in cells] == [b"\x02"]
    assert MAIL.encode() not in b"".join(cells)
    assert MAIL not in json.dumps(await town.entries())


class Counting:
    """The record, and how many times it was read for whom."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles, self.reads = profiles, []

    async def held(self, keys: Sequence[str], now: datetime) -> Mapping[str, Sequence[ProfileValue]]:
        """What is held, counted."""
        self.reads.append(len(keys))
        return await self._profiles.held(keys, now)


async def test_the_record_is_read_once_for_many_fields_and_many_people(town: Town) -> None:
    """However many fields of a form the record may fill, it is one read; requests at the same time share theirs."""
    await town.keep(email=MAIL, phone="13900139000", born="1991-06-03")
    counting = Counting(town.runtime.store.profiles)
    town.runtime.store.profiles = counting  # type: ignore[assignment]
    await town.resolve("school")
    assert counting.reads == [1]

    await asyncio.gather(*(town.resolve("school", person) for person in (ANN, BOB) * 5))
    assert len(counting.reads) < 1 + 10


async def test_a_form_that_the_record_cannot_fill_reads_none(town: Town) -> None:
    """Where nothing could be offered from it, the record costs nothing."""
    await town.publisher.form(form("names", FIELDS[0]))
    await refresh(town.runtime)
    counting = Counting(town.runtime.store.profiles)
    town.runtime.store.profiles = counting  # type: ignore[assignment]

    assert (await town.resolve("names"))["fields"]["name"]["outcome"] == "filled"
    assert counting.reads == []
