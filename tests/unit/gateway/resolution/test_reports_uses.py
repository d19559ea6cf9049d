"""The ledger of one subject as a use case: everything found, named from what is published, and the look-up logged."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from field_registry import Subject, subject_from
from gateway.audit.entries import make_entry
from gateway.audit.guard import Guard
from gateway.audit.log import AuditLog
from gateway.audit.note import Signer, Verifier
from gateway.audit.sequencer import Sequencer
from gateway.errors import NotValid, StoreUnavailable
from gateway.records import Client, Entry, EntryKind, GateRequest, GateWrite
from gateway.reports.own_uses import own_use_document
from gateway.reports.uses import Ledger, OwnUses, ledger_of, own_uses
from gateway.runtime import Runtime

SIGNER = Signer.from_seed("log.example/1", b"\x01" * 32)
ASKED = ["applicant", "civil", ["person.name"], True, "R-1", "consent:cns_a"]

Write = Callable[..., Awaitable[None]]


@pytest.fixture(autouse=True)
def log(runtime: Runtime) -> None:
    """Look-ups pass the gate of the store itself."""
    runtime.ledger = AuditLog(runtime.store.gates, runtime.telemetry)


@pytest.fixture
def ann(bench: Any) -> Subject:
    """Whose ledger is asked for."""
    return subject_from(bench.ann)


@pytest.fixture
async def ref(runtime: Runtime, ann: Subject) -> str:
    """What Ann is called in the log."""
    return await runtime.subjects.ref_of(runtime.subjects.key_of(ann), ann.kind)


@pytest.fixture
def place(runtime: Runtime, tmp_path: Path) -> Callable[[], Awaitable[int]]:
    """Gives what waits its place."""
    guard = Guard(tmp_path / "log.guard", [Verifier.parse(SIGNER.verifier_key)])
    log = runtime.store.log
    return Sequencer(log, (SIGNER,), guard, runtime.clock, runtime.watch).run


@pytest.fixture
def write(bench: Any, runtime: Runtime) -> Write:
    """Writes one entry of the hall."""

    async def written(entry_id: str, kind: EntryKind, request: str | None = "res_1", **facts: object) -> None:
        entry = make_entry(entry_id, kind, bench.now, caller="hall", request=request, facts=facts)
        await runtime.store.gates.commit([GateRequest((), lambda _: GateWrite(entry, None))])

    return written


def use_of(ref: str) -> Mapping[str, Any]:
    """What an intent about Ann tells."""
    return {
        "form": ["gone", 1],
        "purpose": "test",
        "policy": 7,
        "department": "公安",
        "actor": "clerk",
        "subjects": {"applicant": ref},
        "asks": [ASKED],
    }


async def told(subject: Subject, runtime: Runtime, limit: int = 100) -> Ledger:
    """The ledger in Chinese."""
    return await ledger_of(subject, runtime, caller="auditor", limit=limit, language="zh")


async def lookups(runtime: Runtime) -> list[Entry]:
    """Every look-up that is an entry."""
    entries = await runtime.store.entries.find(request=None, after="", limit=10_000)
    return [entry for entry in entries if entry.kind is EntryKind.audit_lookup]


def reread_of(*refs: str) -> Mapping[str, Any]:
    """What an answer read again tells."""
    return {"form": ["gone", 1], "department": "公安", "result": "released", "ended": [], "subjects": refs}


async def test_an_answer_read_again_is_found_by_its_resolution(
    runtime: Runtime, ann: Subject, ref: str, write: Write, place: Any
) -> None:
    """It names whom it is about; its intent says what was in it. Others' readings are not mine."""
    await write("aud_1", EntryKind.intent, **use_of(ref))
    await write("aud_2", EntryKind.reread, **reread_of(ref))
    await write("aud_3", EntryKind.reread, "res_2", **reread_of("sub_other"))
    await place()

    found = await told(ann, runtime)

    assert [(use.kind, use.entry) for use in found.uses] == [("use", "aud_1"), ("reread", "aud_2")]


async def test_callers_go_by_their_registered_names(
    bench: Any, runtime: Runtime, ann: Subject, ref: str, write: Write, place: Any
) -> None:
    """A form and a policy that are not published any more leave their codes."""
    await runtime.store.clients.put(Client("hall", "一号窗", "公安", frozenset()), bench.now)
    await write("aud_1", EntryKind.intent, **use_of(ref))
    await place()

    (use,) = (await told(ann, runtime)).uses

    assert (use.who, use.department, use.form, use.matter) == ("一号窗", "公安", "gone（第 1 版）", "test")


async def test_looking_is_an_entry_that_names_nobody(
    runtime: Runtime, ann: Subject, ref: str, write: Write, place: Any
) -> None:
    """Who looked, at which reference, how much was shown; nothing else."""
    await write("aud_1", EntryKind.intent, **use_of(ref))
    await place()

    await told(ann, runtime)

    (entry,) = await lookups(runtime)
    leaf = orjson.loads(entry.leaf)
    assert (leaf["caller"], leaf["subject"], leaf["shown"]) == ("auditor", ref, 1)
    assert leaf.keys() == {"v", "id", "kind", "at", "caller", "subject", "what", "shown"}
    assert ann.id_no.encode() not in entry.leaf


async def test_nothing_is_shown_that_could_not_be_logged(
    runtime: Runtime, ann: Subject, ref: str, write: Write, place: Any
) -> None:
    """Where the entry of the look-up cannot be made durable there is no answer."""

    class Unwritable:
        async def pass_gate(self, request: object) -> Any:
            raise StoreUnavailable("store_unavailable", "The database cannot be reached.")

        async def drain(self) -> None:
            pass

    await write("aud_1", EntryKind.intent, **use_of(ref))
    await place()
    runtime.ledger = Unwritable()

    with pytest.raises(StoreUnavailable):
        await told(ann, runtime)


async def test_a_stranger_stays_one(runtime: Runtime, bench: Any) -> None:
    """Nothing found, a look-up at nobody, and no reference made by looking."""
    bob = subject_from(bench.bob)

    found = await told(bob, runtime)

    assert (list(found.uses), found.earlier) == ([], 0)
    assert [orjson.loads(each.leaf)["subject"] for each in await lookups(runtime)] == [None]
    assert await runtime.store.subjects.find(runtime.subjects.key_of(bob)) is None


async def test_a_long_ledger_is_read_to_its_end(
    runtime: Runtime, ann: Subject, ref: str, write: Write, place: Any
) -> None:
    """Beyond one page of the index; the newest are shown and the others counted."""
    for number in range(1_003):
        await write(f"aud_{number:04}", EntryKind.audit_lookup, None, subject=ref, shown=0)
    await place()

    found = await told(ann, runtime, limit=2)

    assert [use.entry for use in found.uses] == ["aud_1001", "aud_1002"]
    assert found.earlier == 1_001


# ---------------------------------------------------------------- one's own


async def own(ref: str, runtime: Runtime, cursor: str = "", limit: int = 50) -> OwnUses:
    """One page of the person's own uses."""
    return await own_uses(ref, runtime, cursor=cursor, limit=limit, language="zh")


async def test_a_person_reads_their_own_uses_newest_first(
    runtime: Runtime, ref: str, write: Write, place: Any
) -> None:
    """Uses with what came of them, readings again and look-ups by others, each once, page by page, counted in all."""
    for number in range(5):
        await write(f"aud_{number}a", EntryKind.intent, f"res_{number}", **use_of(ref))
        done = {**use_of(ref), "result": "unknown", "fields": {}, "refusals": []}
        await write(f"aud_{number}b", EntryKind.outcome, f"res_{number}", **done)
    await write("aud_6", EntryKind.reread, "res_1", **reread_of(ref, "sub_other"))
    await write("aud_7", EntryKind.audit_lookup, None, subject=ref, what="search", shown=3)
    await place()

    read: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await own(ref, runtime, cursor, limit=2)
        read += [use.entry for use in page.uses]
        assert page.total == 7
        cursor = page.cursor

    assert read == ["aud_7", "aud_6", "aud_4a", "aud_3a", "aud_2a", "aud_1a", "aud_0a"]
    assert {use.result.code for use in (await own(ref, runtime)).uses} == {"looked_up", "reread", "unknown"}


async def test_looking_at_ones_own_is_one_entry_an_hour(
    bench: Any, runtime: Runtime, ref: str, place: Any
) -> None:
    """However often they look, and whoever serves them; the next hour has one of its own, the next person too."""
    for _ in range(3):
        await own(ref, runtime)
    await place()
    await own(ref, runtime)
    assert [orjson.loads(each.leaf)["caller"] for each in await lookups(runtime)] == ["person"]

    await own("sub_other", runtime)
    runtime.clock = lambda: bench.now + timedelta(hours=1)
    await own(ref, runtime)

    assert len(await lookups(runtime)) == 3
    assert len({each.id for each in await lookups(runtime)}) == 3


async def test_nothing_of_ones_own_is_shown_that_could_not_be_logged(runtime: Runtime, ref: str) -> None:
    """No entry, no answer."""

    class Unwritable:
        async def pass_gate(self, request: object) -> Any:
            raise StoreUnavailable("store_unavailable", "The database cannot be reached.")

        async def drain(self) -> None:
            pass

    runtime.ledger = Unwritable()

    with pytest.raises(StoreUnavailable):
        await own(ref, runtime)


@pytest.mark.parametrize("cursor", ["-1", "x", "1.5", "9" * 30, "١"])
async def test_what_is_no_cursor_is_refused(runtime: Runtime, ref: str, cursor: str) -> None:
    """With a sentence, and no statement that breaks."""
    with pytest.raises(NotValid) as refused:
        await own(ref, runtime, cursor)

    assert refused.value.code == "cursor_invalid"


async def test_a_use_is_told_in_words_and_names_no_officer(
    runtime: Runtime, ref: str, write: Write, place: Any
) -> None:
    """Grounds and refusals in words beside their codes, where the proof is, and a paragraph; the kind of officer only."""
    refused = ["applicant", "civil", ["person.phone"], False, "R-000", "no_consent"]
    await write("aud_1", EntryKind.intent, **{**use_of(ref), "asks": [ASKED, refused]})
    await place()

    (use,) = (await own(ref, runtime)).uses
    told = own_use_document(use, "zh")

    assert told["refused"][0]["reason_text"] == "未取得授权"
    assert told["ground"][0]["text"] == "授权 cns_a（规则 R-1）"
    assert told["proof"] == {"available": True, "path": "/v1/audit/proofs/aud_1"}
    assert (told["actor"], told["department"]) == ("窗口工作人员", "公安")
    assert any("未取得授权" in line for line in told["lines"])
