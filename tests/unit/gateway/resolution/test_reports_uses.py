"""The ledger of one subject as a use case: everything found, named from what is published, and the look-up logged."""

from collections.abc import Awaitable, Callable, Mapping
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
from gateway.errors import StoreUnavailable
from gateway.records import Client, Entry, EntryKind, GateRequest, GateWrite
from gateway.reports.uses import Ledger, ledger_of
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


async def test_an_answer_read_again_is_found_by_its_resolution(
    runtime: Runtime, ann: Subject, ref: str, write: Write, place: Any
) -> None:
    """Its entry names no subject; that of its intent leads to it. Others' readings are not mine."""
    await write("aud_1", EntryKind.intent, **use_of(ref))
    await write("aud_2", EntryKind.reread, form=["gone", 1], department="公安", result="released", ended=[])
    await write(
        "aud_3", EntryKind.reread, "res_2", form=["gone", 1], department="公安", result="released", ended=[]
    )
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
    assert leaf.keys() == {"v", "id", "kind", "at", "caller", "subject", "shown"}
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
