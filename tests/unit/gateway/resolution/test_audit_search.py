"""Auditors look through the log: by person, officer, case and whatever leaves tell; every look is an entry first."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from field_registry import Subject, subject_from
from gateway.audit.entries import finding_key, make_entry
from gateway.audit.guard import Guard
from gateway.audit.log import AuditLog
from gateway.audit.looking import LookUp, concerns, note_look
from gateway.audit.note import Signer, Verifier
from gateway.audit.search import FoundEntries, look_up
from gateway.audit.sequencer import Sequencer
from gateway.audit.telling import Told
from gateway.errors import NotValid, StoreUnavailable
from gateway.records import Client, Entry, EntryKind, GateRequest, GateWrite
from gateway.runtime import Runtime

SIGNER = Signer.from_seed("log.example/1", b"\x01" * 32)
RESOLUTIONS = 6
Resolved = Callable[..., Awaitable[str]]


class Unwritable:
    """A ledger that cannot be written."""

    async def pass_gate(self, request: object) -> Any:
        """Raises."""
        raise StoreUnavailable("store_unavailable", "The database cannot be reached.")

    async def drain(self) -> None:
        """Nothing waits."""


@pytest.fixture(autouse=True)
def log(runtime: Runtime) -> None:
    """Look-ups pass the gate of the store itself."""
    runtime.ledger = AuditLog(runtime.store.gates, runtime.telemetry)


@pytest.fixture
def ann(bench: Any) -> Subject:
    """Whom auditors ask about."""
    return subject_from(bench.ann)


@pytest.fixture
async def ref(runtime: Runtime, ann: Subject) -> str:
    """What Ann is called in the log."""
    return await runtime.subjects.ref_of(runtime.subjects.key_of(ann), ann.kind)


@pytest.fixture
def resolved(bench: Any, runtime: Runtime, ref: str, tmp_path: Path) -> Resolved:
    """Logs one resolution, intent and outcome, and gives both their places; the id of the resolution."""
    guard = Guard(tmp_path / "log.guard", [Verifier.parse(SIGNER.verifier_key)])
    sequencer = Sequencer(runtime.store.log, (SIGNER,), guard, runtime.clock, runtime.watch)

    async def resolve(number: int = 1, *, officer: str = "jj-0317", case: str = "", **facts: Any) -> str:
        request = f"res_{number:04d}"
        about = {"subjects": {"applicant": facts.pop("subject", ref)}, "department": "公安"}
        about |= {"form": [facts.pop("form", "marriage"), 1]}
        asks = [["applicant", facts.pop("source", "civil"), [facts.pop("item", "person.name")], True, "R-1"]]
        told = {"intent": {"asks": [[*asks[0], f"consent:{facts.pop('ground', 'cns_1')}"]]}}
        told["outcome"] = {"fields": {facts.pop("outcome", "filled"): ["name"]}, "result": "released"}
        found = {"actor_key": finding_key("actor", officer, runtime.fingerprint)}
        if case:
            found["case_key"] = finding_key("case", case, runtime.fingerprint)
        kinds = [EntryKind.intent, EntryKind.outcome, *([EntryKind.reread] * facts.pop("rereads", 0))]
        at = facts.get("at")
        for step, kind in enumerate(kinds):
            entry = make_entry(
                f"aud_{number:04d}{step}" if at is None else runtime.new_reference("aud", at),
                kind,
                at or bench.now,
                caller=facts.get("caller", "hall"),
                request=request,
                facts=about | told.get(kind.value, {}),
                **(found if kind is EntryKind.intent else {}),
            )
            await runtime.store.gates.commit([GateRequest((), lambda _, e=entry: GateWrite(e, None))])
        await sequencer.run()
        return request

    return resolve


async def search(runtime: Runtime, cursor: str = "", limit: int = 100, **wanted: Any) -> FoundEntries:
    """What an auditor finds."""
    names = ("form", "item", "source", "outcome", "department", "ground")
    told = Told(**{name: wanted.pop(name) for name in names if name in wanted})
    return await look_up(LookUp(told=told, **wanted), runtime, caller="auditor", limit=limit, cursor=cursor)


async def looks(runtime: Runtime) -> list[dict[str, Any]]:
    """Every look-up that is an entry."""
    entries = await runtime.store.entries.find(request=None, after="", limit=10_000)
    return [orjson.loads(each.leaf) for each in entries if each.kind is EntryKind.audit_lookup]


def requests(found: FoundEntries) -> list[str | None]:
    """Which resolutions, in order, each as often as it has entries there."""
    return [entry.request for entry in found.entries]


@pytest.mark.parametrize(
    ("wanted", "differs"),
    [
        ({"officer": "jj-0317"}, {"officer": "jj-0099"}),
        ({"case": "350582-1"}, {"case": "350582-2"}),
        ({"officer": "jj-0317", "outcome": "timeout"}, {"outcome": "filled"}),
        ({"officer": "jj-0317", "item": "person.phone"}, {"item": "person.name"}),
        ({"item": "person.phone", "outcome": "timeout"}, {"outcome": "filled"}),
        ({"item": "person.phone", "outcome": "timeout"}, {"item": "person.name"}),
        ({"source": "telecom", "outcome": "timeout", "form": "move"}, {"form": "marriage"}),
    ],
)
async def test_a_resolution_is_found_as_a_whole(
    runtime: Runtime, resolved: Resolved, wanted: dict[str, str], differs: dict[str, str]
) -> None:
    """What was asked stands in the intent, what came of it in the outcome: either is found with both."""
    match = {"item": "person.phone", "outcome": "timeout", "source": "telecom", "form": "move"}
    match |= {"officer": "jj-0317", "case": "350582-1"}
    await resolved(1, **{**match, **differs})
    await resolved(2, **match)

    assert requests(await search(runtime, **wanted)) == ["res_0002", "res_0002"]


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        ({"item": "person.phone"}, ["intent"]),
        ({"source": "telecom"}, ["intent"]),
        ({"ground": "cns_7"}, ["intent"]),
        ({"outcome": "timeout"}, ["outcome"]),
        ({"form": "move"}, ["intent", "outcome"]),
        ({"form": "move", "kind": EntryKind.outcome}, ["outcome"]),
        ({"department": "公安"}, ["intent", "outcome"]),
        ({"department": "公"}, []),
        ({"item": "person"}, []),
    ],
)
async def test_entries_are_found_by_what_their_leaves_tell(
    runtime: Runtime, resolved: Resolved, wanted: dict[str, Any], kinds: list[str]
) -> None:
    """Whole codes, not parts of them; each entry that tells it itself."""
    await resolved(1, form="move", item="person.phone", source="telecom", ground="cns_7", outcome="timeout")
    await resolved(2, subject="sub_other", department="民政")

    found = [entry for entry in (await search(runtime, **wanted)).entries if entry.request == "res_0001"]

    assert [entry.kind.value for entry in found] == kinds


async def test_a_person_is_reached_with_everything(
    runtime: Runtime, ann: Subject, ref: str, resolved: Resolved
) -> None:
    """Intents, outcomes, readings again, each once; the look at them too, the next time; of others nothing."""
    await resolved(1, rereads=2)
    await resolved(2, subject="sub_other")

    found = await search(runtime, subject=ann)
    assert [entry.kind.value for entry in found.entries] == ["intent", "outcome", *["outcome.reread"] * 2]

    await resolved(3)
    again = await search(runtime, subject=ann, kind=EntryKind.audit_lookup)

    (look,) = [orjson.loads(entry.leaf) for entry in again.entries]
    assert (look["subject"], look["what"], look["shown"], look["caller"]) == (ref, "search", 4, "auditor")


async def test_a_stranger_is_found_nowhere_and_made_nowhere(runtime: Runtime, bench: Any) -> None:
    """The look is logged all the same."""
    bob = subject_from(bench.bob)

    assert await search(runtime, subject=bob) == FoundEntries([], None)
    assert await runtime.store.subjects.find(runtime.subjects.key_of(bob)) is None
    assert [each["subject"] for each in await looks(runtime)] == [None]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("by", ["officer", "subject", "nothing"])
async def test_pages_join_without_gap_or_overlap(
    runtime: Runtime, ann: Subject, resolved: Resolved, limit: int, by: str
) -> None:
    """Also through the middle of a resolution; and all of them are one look-up."""
    for number in range(RESOLUTIONS):
        await resolved(number, rereads=number % 3)
    wanted: dict[str, Any] = {"officer": {"officer": "jj-0317"}, "subject": {"subject": ann}}.get(by, {})
    expected = [each.id for each in await runtime.store.entries.find(request=None, after="", limit=100)]

    found: list[Entry] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await search(runtime, cursor, limit, kind=None, **wanted)
        assert len(page.entries) <= limit
        found += page.entries
        cursor = page.cursor

    assert [each.id for each in found if each.kind is not EntryKind.audit_lookup] == expected
    assert len(await looks(runtime)) == 1


async def test_a_cursor_fits_its_own_search_only(runtime: Runtime, resolved: Resolved) -> None:
    """Another search, another caller, or an altered cursor: refused, and nothing shown."""
    await resolved(1)
    await resolved(2)
    cursor = (await search(runtime, limit=1)).cursor
    assert cursor is not None

    altered = cursor.replace("aud_00010", "aud_00000")
    for wrong, wanted in ((cursor, {"officer": "jj-0317"}), (altered, {}), ("x", {}), ("a.b.c.d.e", {})):
        with pytest.raises(NotValid) as refused:
            await search(runtime, wrong, limit=1, **wanted)
        assert refused.value.code == "cursor_invalid"
    with pytest.raises(NotValid):
        await look_up(LookUp(), runtime, caller="another", limit=1, cursor=cursor)


async def test_the_id_of_an_entry_begins_a_look_up_behind_it(
    runtime: Runtime, ann: Subject, resolved: Resolved
) -> None:
    """One of its own, noted; not in a person's entries, which go by their places."""
    for number in range(3):
        await resolved(number)

    assert requests(await search(runtime, "aud_00001", kind=EntryKind.intent)) == ["res_0001", "res_0002"]
    assert len(await looks(runtime)) == 1
    with pytest.raises(NotValid):
        await search(runtime, "aud_00001", subject=ann)


async def test_after_an_hour_the_same_search_is_noted_anew(
    runtime: Runtime, bench: Any, resolved: Resolved
) -> None:
    """One entry does not cover a day of reading."""
    for number in range(3):
        await resolved(number)
    first = await search(runtime, limit=1)
    runtime.clock = lambda: bench.now + timedelta(minutes=59)
    second = await search(runtime, first.cursor or "", limit=1)
    assert len(await looks(runtime)) == 1

    runtime.clock = lambda: bench.now + timedelta(minutes=61)
    await search(runtime, second.cursor or "", limit=1)

    assert len(await looks(runtime)) == 2


async def test_nothing_is_shown_that_could_not_be_logged(runtime: Runtime, resolved: Resolved) -> None:
    """No entry, no answer."""
    await resolved(1)
    runtime.ledger = Unwritable()

    with pytest.raises(StoreUnavailable):
        await search(runtime)


async def test_a_look_tells_codes_and_digests_never_numbers(runtime: Runtime, bench: Any, ref: str) -> None:
    """What the registry or the register of callers knows stands as it is; what was typed beside it as a keyed digest."""
    await runtime.store.clients.put(Client("hall", "一号窗", "公安", frozenset()), bench.now)
    number = bench.ann["id_no"]
    consent = "cns_01JD5Q5J9Z0000000000000000"

    await search(
        runtime, officer="jj-0317", case="350582-2026", caller="hall", ground=consent, outcome="filled"
    )
    await search(runtime, caller=number, item=number, form=number, source=number, department=number)
    await search(runtime, request=number, ground=number)

    known, typed, ids = (each["filters"] for each in await looks(runtime))
    assert (known["caller"], known["ground"], known["outcome"]) == ("hall", consent, "filled")
    assert known["officer"] == finding_key("actor", "jj-0317", runtime.fingerprint)
    assert all(value.startswith("keyed:") for value in (*typed.values(), *ids.values()))
    everything = orjson.dumps([known, typed, ids]).decode()
    assert not any(each in everything for each in (number, "jj-0317", "350582-2026"))
    assert "jj-0317" not in repr(LookUp(officer="jj-0317", case="350582-2026"))


async def test_a_period_narrows_what_is_shown(runtime: Runtime, bench: Any, resolved: Resolved) -> None:
    """By when entries were written, from the first to the last moment of it."""
    await resolved(1, at=bench.now - timedelta(days=9))
    await resolved(2, at=bench.now)
    await resolved(3, at=bench.now + timedelta(days=9))
    within = {"since": bench.now - timedelta(hours=1), "until": bench.now + timedelta(hours=1)}

    assert requests(await search(runtime, officer="jj-0317", **within)) == ["res_0002"] * 2


async def test_a_look_stops_after_so_much_and_says_where_to_go_on(runtime: Runtime, bench: Any) -> None:
    """Twenty thousand entries at most are looked at in one call; nothing is lost between two."""
    many = [
        make_entry(
            f"aud_{number:06d}", EntryKind.drafts_purged, bench.now, caller="x", request=None, facts={}
        )
        for number in range(20_100)
    ]
    wanted = make_entry("aud_1", EntryKind.keys_rotated, bench.now, caller="x", request=None, facts={})
    for entry in (*many, wanted):
        await runtime.store.gates.commit([GateRequest((), lambda _, e=entry: GateWrite(e, None))])

    first = await search(runtime, kind=EntryKind.keys_rotated)
    assert (first.entries, first.cursor is None) == ([], False)
    found, cursor = [], first.cursor
    while cursor is not None:
        page = await search(runtime, cursor, kind=EntryKind.keys_rotated)
        found, cursor = [*found, *page.entries], page.cursor

    assert [entry.id for entry in found] == ["aud_1"]


async def test_a_person_is_concerned_by_what_names_them(
    runtime: Runtime, ref: str, resolved: Resolved
) -> None:
    """Intents and outcomes of theirs; nobody else's, and nothing that does not exist."""
    await resolved(1)
    await resolved(2, subject="sub_other")

    assert [await concerns(each, ref, runtime) for each in ("aud_00010", "aud_00011")] == [True, True]
    assert [await concerns(each, ref, runtime) for each in ("aud_00020", "aud_x")] == [False, False]


async def test_other_looks_are_entries_too(runtime: Runtime) -> None:
    """A proof taken, a form followed back: what, by whom, about whom."""
    await note_look("proof", runtime, caller="auditor", shown=1, subjects={"sub_b", "sub_a"}, entry="aud_9")

    (look,) = await looks(runtime)
    assert (look["what"], look["entry"], look["subjects"]) == ("proof", "aud_9", ["sub_a", "sub_b"])
