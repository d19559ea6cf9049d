"""Drafts: the answer as it was given, to whom it was given, while it may be shown."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from msgspec import structs

from gateway.audit.entries import make_entry
from gateway.audit.log import AuditLog
from gateway.errors import CannotOpen, Gone, NotFound
from gateway.records import Caller, ConsentEvent, Draft, EntryKind, GateRequest, GateWrite
from gateway.resolution.drafts import purge_drafts, read_answer, seal_answer
from gateway.runtime import Runtime
from policies import ConsentState

HALL = Caller("hall", "政务服务", frozenset({"renderer"}))
MINUTES = timedelta(minutes=30)


@pytest.fixture(autouse=True)
def log(runtime: Runtime) -> None:
    """Readings pass the gate of the store itself."""
    runtime.ledger = AuditLog(runtime.store.gates, runtime.telemetry)


@pytest.fixture
def keep(bench: Any, runtime: Runtime) -> Any:
    """Keeps an answer as the second gate does."""

    async def kept(draft_id: str = "res_1", **changes: Any) -> None:
        sealed = seal_answer(b'{"answer":1}', draft_id, runtime.sealer)
        draft = Draft(draft_id, "hall", "test-form", 2, bench.now, bench.now + MINUTES, (), sealed)
        entry = make_entry(
            f"aud_{draft_id}", EntryKind.outcome, bench.now, caller="hall", request=draft_id, facts={}
        )
        write = GateWrite(entry, None, draft=structs.replace(draft, **changes))
        await runtime.store.gates.commit([GateRequest((), lambda _: write)])

    return kept


@pytest.fixture
def move(bench: Any, runtime: Runtime) -> Any:
    """Brings Ann's consent into a state, without touching the drafts."""

    async def moved(state: ConsentState) -> None:
        entry = make_entry(
            f"aud_{state}", EntryKind.consent_paused, bench.now, caller="hall", request="cns_a", facts={}
        )
        event = ConsentEvent(f"cev_{state}", "cns_a", bench.now, state, "applicant", "", entry.id)
        await runtime.store.consents.move(
            event, entry, allowed_from=frozenset(ConsentState), purge_drafts=False
        )

    return moved


async def test_an_answer_is_read_as_it_was_given(runtime: Runtime, keep: Any) -> None:
    """Byte for byte, as often as it is asked for."""
    await keep()

    assert [await read_answer("res_1", HALL, runtime) for _ in range(2)] == [b'{"answer":1}'] * 2


async def test_every_reading_is_an_entry(runtime: Runtime, keep: Any, record: Any, move: Any) -> None:
    """Each time an answer is given again, or withheld, the log has it before it leaves; no use is taken."""
    await record()
    await keep(consents=("cns_a",))
    await read_answer("res_1", HALL, runtime)
    await move(ConsentState.paused)
    with pytest.raises(Gone):
        await read_answer("res_1", HALL, runtime)

    entries = await runtime.store.entries.find(request="res_1", after="", limit=9)
    readings = [orjson.loads(entry.leaf) for entry in entries if entry.kind is EntryKind.reread]
    assert [(leaf["result"], leaf["ended"]) for leaf in readings] == [
        ("released", []),
        ("withheld", ["cns_a"]),
    ]


@pytest.mark.parametrize("resolution", ["res_1", "res_9", "", "\x00"])
async def test_nobody_elses_answer_exists(runtime: Runtime, keep: Any, resolution: str) -> None:
    """Another caller's answer and one that never was are the same 404."""
    await keep(caller="other-hall")

    with pytest.raises(NotFound, match="unknown_resolution"):
        await read_answer(resolution, HALL, runtime)


@pytest.mark.parametrize("changes", [{"sealed": None}, {"valid_until": None}])
async def test_an_answer_ends(bench: Any, runtime: Runtime, keep: Any, changes: dict[str, Any]) -> None:
    """Purged or at the end of its time, it is gone; the end itself is not included."""
    await keep(
        **{key: value or (bench.now if key == "valid_until" else None) for key, value in changes.items()}
    )

    with pytest.raises(Gone, match="resolution_gone"):
        await read_answer("res_1", HALL, runtime)


@pytest.mark.parametrize("state", [ConsentState.withdrawn, ConsentState.paused, ConsentState.terminated])
async def test_an_answer_ends_with_its_consent(
    runtime: Runtime, keep: Any, record: Any, move: Any, state: ConsentState
) -> None:
    """What rests on a consent is shown while that stands, and again when it stands again."""
    await record()
    await keep(consents=("cns_a",))
    assert await read_answer("res_1", HALL, runtime)

    await move(state)
    with pytest.raises(Gone, match="consent_ended"):
        await read_answer("res_1", HALL, runtime)

    await move(ConsentState.given)
    assert await read_answer("res_1", HALL, runtime)


async def test_an_answer_outlives_the_last_use(bench: Any, runtime: Runtime, keep: Any, record: Any) -> None:
    """Reading again what was given is no use of the consent."""
    await record(standing=bench.standing(uses_left=0))
    await keep(consents=("cns_a",))

    assert await read_answer("res_1", HALL, runtime)


async def test_an_answer_under_another_name_does_not_open(runtime: Runtime, keep: Any) -> None:
    """An answer moved to another resolution's row is not shown to anybody."""
    stranger = seal_answer(b"not yours", "res_2", runtime.sealer)
    await keep(sealed=stranger)

    with pytest.raises(CannotOpen):
        await read_answer("res_1", HALL, runtime)


async def test_what_expired_is_purged_with_an_entry(bench: Any, runtime: Runtime, keep: Any) -> None:
    """One entry counts what was emptied; what is still valid stays; a purge of nothing is no entry."""
    await keep("res_1", valid_until=bench.now)
    await keep("res_2", valid_until=bench.now - MINUTES)
    await keep("res_3")

    assert [await purge_drafts(runtime) for _ in range(2)] == [2, 0]

    entries = await runtime.store.entries.find(request=None, after="", limit=10)
    purges = [orjson.loads(each.leaf)["drafts"] for each in entries if each.kind is EntryKind.drafts_purged]
    assert purges == [2]
    assert await read_answer("res_3", HALL, runtime)
    with pytest.raises(Gone):
        await read_answer("res_1", HALL, runtime)
