"""`oncegate dispute …` on a small installation of its own: finding tickets, answering them, doing the rounds once."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from field_registry import Item, Registry, Source, SubjectKind
from field_registry.items import Datatype
from gateway.app import make_runtime
from gateway.audit.entries import make_entry
from gateway.cli import app
from gateway.curation.publish import Publisher
from gateway.disputes.opening import make_dispute
from gateway.records import Client, EntryKind, NewSubject
from gateway.settings import Settings
from gateway.store.migrate import migrate

NAME = Item("person.name", "姓名", SubjectKind.person, Datatype.name, "公安")
REGISTRY = Registry.of(
    0,
    items=[NAME, Item("person.income", "收入", SubjectKind.person, Datatype.text, "税务")],
    sources=[Source("civil", "人口库", "公安", "sandbox", config={"personas": {}})],
    bindings=[],
)


def run(*arguments: object) -> tuple[int, str, str]:
    """The command in this process: exit code, standard output, standard error."""
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


async def _furnish(config: Settings) -> str:
    """The id of a dispute about somebody's name, opened now."""
    runtime = make_runtime(config)
    try:
        now = datetime.now(UTC)
        await Publisher(runtime.store, "test", now, runtime.new_reference).registry(REGISTRY)
        await runtime.store.subjects.refs({"key": NewSubject("person", "sub_1", now, runtime.keys.new)})
        police = Client("police", "police", "公安", frozenset({"data_admin"}), "scrypt$")
        await runtime.store.clients.put(police, now)
        entry_id = runtime.new_reference("aud", now)
        opened = make_dispute(
            now=now,
            new_reference=runtime.new_reference,
            runtime=runtime,
            subject_ref="sub_1",
            key=await runtime.subjects.key_for("sub_1"),
            item=NAME,
            source="civil",
            path="name",
            resolution_id=None,
            submission_id=None,
            entry_id=entry_id,
            shown="安妮",
            own="安娜",
            reason="写错了",
            evidence=["户口簿"],
        )
        facts = {"subject": "sub_1"}
        entry = make_entry(
            entry_id, EntryKind.dispute_opened, now, caller="hall", request=opened.id, facts=facts
        )
        await runtime.store.disputes.add(opened, entry)
        return opened.id
    finally:
        await runtime.ledger.drain()
        await runtime.store.close()


async def _kinds(config: Settings) -> list[str]:
    """The kinds of all entries about disputes, oldest first."""
    runtime = make_runtime(config)
    try:
        found = await runtime.store.entries.find(request=None, after="", limit=100)
        return [each.kind.value for each in found if each.kind.value.startswith("dispute.")]
    finally:
        await runtime.store.close()


@pytest.fixture
def installed(tmp_path: Path) -> tuple[Path, str]:
    """A state directory and the dispute in it."""
    config = Settings(state_dir=tmp_path)
    migrate(config.database_url)
    return tmp_path, asyncio.run(_furnish(config))


def told(*arguments: object) -> dict[str, Any]:
    code, printed, errors = run(*arguments, "--json")
    assert code == 0, errors
    found: dict[str, Any] = json.loads(printed)
    return found


def test_a_list_names_no_value(installed: tuple[Path, str]) -> None:
    """By department and state; a table for people, JSON for machines."""
    state, dispute = installed

    mine = told("dispute", "list", "--state", state, "--department", "公安", "--in-state", "open")
    others = told("dispute", "list", "--state", state, "--department", "税务")
    code, table, _ = run("dispute", "list", "--state", state)

    assert [each["id"] for each in mine["disputes"]] == [dispute]
    assert others == {"disputes": [], "next_cursor": None}
    assert (code, "person.name" in table) == (0, True)
    assert not any(word in table + str(mine) for word in ("安妮", "安娜", "写错了"))


def test_values_are_shown_only_when_asked_for(installed: tuple[Path, str]) -> None:
    """And that is an entry."""
    state, dispute = installed

    plain = told("dispute", "show", dispute, "--state", state)
    whole = told("dispute", "show", dispute, "--values", "--state", state)
    entries = asyncio.run(_kinds(Settings(state_dir=state)))

    assert "shown" not in plain
    assert (whole["shown"], whole["own"], whole["evidence"]) == ("安妮", "安娜", ["户口簿"])
    assert entries == ["dispute.opened", "dispute.read"]


def test_a_dispute_is_closed_with_a_reason(installed: tuple[Path, str]) -> None:
    """Once; afterwards, and without a reason or an id that exists, the command says what is wrong."""
    state, dispute = installed

    silent = run("dispute", "close", dispute, "uphold", "--reason", " ", "--state", state)
    closed = told("dispute", "close", dispute, "uphold", "--reason", "无误", "--state", state)
    again = run("dispute", "close", dispute, "correct", "--reason", "有误", "--state", state)
    unknown = run("dispute", "show", "dsp_none", "--state", state)

    assert (silent[0], closed["state"], again[0], unknown[0]) == (1, "upheld", 1, 1)
    assert "upheld already" in again[2]
    assert "oncegate dispute list" in unknown[2]


def test_a_dispute_is_referred(installed: tuple[Path, str]) -> None:
    """To a department of the registry, with a new deadline."""
    state, dispute = installed

    nowhere = run(
        "dispute", "close", dispute, "refer", "--reason", "转", "--department", "海关", "--state", state
    )
    referred = told(
        "dispute", "close", dispute, "refer", "--reason", "转", "--department", "税务", "--state", state
    )

    assert nowhere[0] == 1
    assert (referred["state"], referred["department"]) == ("referred", "税务")


def test_one_round_reminds_once(installed: tuple[Path, str]) -> None:
    """The second finds nothing to do."""
    state, _ = installed

    rounds = [told("dispute", "run", "--state", state) for _ in range(2)]

    nothing = {"reminded": 0, "escalated": 0, "counted": 0, "delivered": 0, "failed": 0, "lost": 0}
    assert rounds == [nothing | {"reminded": 1}, nothing]


def test_affected_is_empty_where_nothing_was_handed_in(installed: tuple[Path, str]) -> None:
    """Tables without rows, and a document without members."""
    state, dispute = installed

    found = told("dispute", "affected", dispute, "--state", state)
    code, table, _ = run("dispute", "affected", dispute, "--state", state)

    assert found == {
        "dispute": dispute,
        "submissions": [],
        "resolutions": [],
        "told": [],
        "next_cursor": None,
    }
    assert (code, "applications" in table) == (0, True)


def test_a_client_is_given_a_webhook(installed: tuple[Path, str]) -> None:
    """And loses it; what is no address is refused."""
    state, _ = installed

    given = told("client", "webhook", "police", "https://police.example/oncegate", "--state", state)
    wrong = run("client", "webhook", "police", "ftp://police.example/x", "--state", state)
    taken = told("client", "webhook", "police", "--state", state)

    assert given["webhook"] == "https://police.example/oncegate"
    assert wrong[0] == 1
    assert taken["webhook"] is None
