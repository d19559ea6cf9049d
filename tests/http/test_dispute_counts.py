"""A value is said to be wrong after the form was handed in: corrected, its slot counts as disputed, once, for good."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from field_registry import subject_from
from gateway.app import make_sequencer
from gateway.disputes.clockwork import push_disputes
from gateway.disputes.counting import count_correction
from gateway.errors import StoreUnavailable
from gateway.ports import Store
from gateway.reports.folding import fold_waiting
from gateway.reports.recounting import recount
from gateway.retention import erase_subject
from gateway.store import Database, MemoryStore, SqlStore
from gateway.store.migrate import migrate
from policies.retention import ErasureReason
from tests.http.test_disputes import ANN, Offices


class Dying:
    """One port of a store, of which one method ends a worker as a kill would: before it has written anything."""

    def __init__(self, port: Any, method: str) -> None:
        self._port, self._method, self.is_dead = port, method, True

    def __getattr__(self, name: str) -> Any:
        return self._die if self.is_dead and name == self._method else getattr(self._port, name)

    async def _die(self, *_: Any, **__: Any) -> None:
        raise StoreUnavailable("killed", "The worker was killed.")


class Counted(Offices):
    """Offices whose applications are counted."""

    @property
    def runtime(self) -> Any:
        return self.service.runtime

    async def hand_in(self, resolution: str, **more: Any) -> str:
        """The application of that resolution, with the name as it was offered."""
        body = {"values": {"name": "安妮", "note": "无"}, **more}
        answer = await self.call("POST", f"/v1/resolutions/{resolution}/submission", by="hall", json=body)
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["id"])

    async def dispute(self, resolution: str, by: str = "ann") -> str:
        """A ticket about the name."""
        body = {"resolution": resolution, "path": "name", "reason": "写错了", "own": "安娜"}
        answer = await self.call("POST", "/v1/disputes", by=by, json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def close(self, ticket: str, how: str = "correct") -> None:
        """Its department answers."""
        body = {"reason": "底册为安娜"}
        answer = await self.call("POST", f"/v1/disputes/{ticket}/{how}", by="police", json=body)
        assert answer.status_code == 200, answer.text

    async def disposed(self, submission: str) -> list[tuple[int, str]]:
        """Number of every snapshot, and what it counts the name as."""
        shots = await self.runtime.store.submissions.snapshots(submission)
        return [
            (shot.number, slot.disposition.value)
            for shot in shots
            for slot in shot.slots
            if slot.path == "name"
        ]

    async def counts(self) -> dict[str, int]:
        """What the report counts, equal to what the log alone gives."""
        await fold_waiting(self.runtime)
        await make_sequencer(self.runtime).run()
        done = await recount(self.runtime)
        assert done.differences == []
        answer = await self.call("GET", "/v1/reports/backfill?from=2026-11-01&to=2026-12-01", by="police")
        assert answer.status_code == 200, answer.text
        total = answer.json()["total"]
        m4 = total["rates"]["M4"]
        return {
            "kept": m4["numerator"],
            "answered": m4["denominator"],
            "disputed": total["counts"]["disputed"],
            "applications": total["counts"]["applications"],
        }

    async def corrections(self) -> list[dict[str, Any]]:
        """The leaves of later snapshots."""
        found: list[dict[str, Any]] = await self.service.entries("submission.corrected")
        return found


@pytest.fixture(params=["memory", "sqlite"])
async def hall(request: pytest.FixtureRequest, make_service: Any, tmp_path: Path) -> AsyncIterator[Counted]:
    """The offices over a store of each kind."""
    store: Store = MemoryStore()
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/oncegate.db"
        migrate(url)
        store = SqlStore(Database(url))
    service = make_service(store=store)
    made = Counted(service)
    await made.furnish()
    yield made
    await service.http.aclose()
    await service.runtime.ledger.drain()
    if isinstance(store, SqlStore):
        await store.close()


async def handed_in(hall: Counted) -> tuple[str, str]:
    """An application that kept the name, and its resolution."""
    resolution = (await hall.resolve())["id"]
    return await hall.hand_in(resolution), resolution


async def test_a_later_correction_is_counted(hall: Counted) -> None:
    """Snapshot 2 has that one slot disputed; M4 is down by one kept, and the log alone gives the same."""
    first, resolution = await handed_in(hall)
    other, _ = await handed_in(hall)
    before = await hall.counts()

    ticket = await hall.dispute(resolution)
    await hall.close(ticket)

    after = await hall.counts()
    told = (await hall.call("GET", f"/v1/submissions/{first}", by="hall")).json()
    assert await hall.disposed(first) == [(1, "kept"), (2, "disputed")]
    assert await hall.disposed(other) == [(1, "kept")]  # kept in good faith, and counted so
    assert before == {"kept": 2, "answered": 4, "disputed": 0, "applications": 2}
    assert after == {"kept": 1, "answered": 4, "disputed": 1, "applications": 2}
    assert (told["snapshot"], told["fields"]["name"]["disposition"]) == (2, "disputed")
    (leaf,) = await hall.corrections()
    assert (leaf["submission"], leaf["snapshot"], leaf["reason"]) == (first, 2, "dispute_corrected")
    assert (leaf["dispute"], leaf["request"], leaf["caller"]) == (ticket, ticket, "oncegate")
    assert "安" not in str(leaf)


async def test_the_person_reads_it_in_their_ledger(hall: Counted) -> None:
    """That their form is counted otherwise is about them."""
    _, resolution = await handed_in(hall)
    await hall.close(await hall.dispute(resolution))
    await make_sequencer(hall.runtime).run()

    uses = (await hall.call("GET", "/v1/me/uses", by="ann")).json()["uses"]

    assert "提交后的统计口径被更正" in [each["result"]["text"] for each in uses]


async def test_said_at_the_desk_before_it_was_handed_in(hall: Counted) -> None:
    """The form goes in with the value all the same, and is counted otherwise when that proves wrong."""
    resolution = (await hall.resolve())["id"]
    ticket = await hall.dispute(resolution, by="hall")
    submission = await hall.hand_in(resolution)

    await hall.close(ticket)

    assert await hall.disposed(submission) == [(1, "kept"), (2, "disputed")]


@pytest.mark.parametrize("how", ["uphold", "correct"])
async def test_what_is_not_counted_otherwise(hall: Counted, how: str) -> None:
    """A value that stands; one that was edited; one that was said to be wrong at once; a test."""
    kept = {"test": True} if how == "correct" else {}
    resolution = (await hall.resolve())["id"]
    submission = await hall.hand_in(resolution, **kept)

    await hall.close(await hall.dispute(resolution), how)
    edited = (await hall.resolve())["id"]
    await hall.hand_in(edited, values={"name": "安娜"})
    await hall.close(await hall.dispute(edited), how)
    at_once = (await hall.resolve())["id"]
    said = {"values": {"name": "安娜"}, "disputes": {"name": {"reason": "写错了"}}}
    disputed = await hall.hand_in(at_once, **said)
    (ticket,) = (await hall.call("GET", "/v1/disputes?state=open", by="police")).json()["disputes"]
    await hall.close(ticket["id"], how)
    await push_disputes(hall.runtime)

    assert await hall.disposed(submission) == [(1, "kept")]
    assert await hall.disposed(disputed) == [(1, "disputed")]
    assert await hall.corrections() == []
    assert await hall.runtime.store.disputes.uncounted(after="", limit=5) == []


# ---------------------------------------------------------------- killed between


async def killed(hall: Counted, port: str, method: str) -> tuple[str, str]:
    """An application whose dispute was corrected by a worker that died when it came to that method, and the ticket."""
    submission, resolution = await handed_in(hall)
    ticket = await hall.dispute(resolution)
    store = hall.runtime.store
    dying = Dying(getattr(store, port), method)
    setattr(store, port, dying)
    await hall.close(ticket)
    dying.is_dead = False
    return submission, ticket


async def test_killed_before_the_snapshot(hall: Counted) -> None:
    """It is corrected, and kept still; the job writes the snapshot, the next round does nothing."""
    submission, ticket = await killed(hall, "submissions", "correct")
    left = await hall.disposed(submission)

    rounds = [(await push_disputes(hall.runtime)).counted for _ in range(2)]

    assert (await hall.runtime.store.disputes.read(ticket)).state == "corrected"
    assert (left, rounds) == ([(1, "kept")], [1, 0])
    assert await hall.disposed(submission) == [(1, "kept"), (2, "disputed")]
    assert (await hall.counts())["disputed"] == len(await hall.corrections()) == 1


async def test_killed_after_the_snapshot(hall: Counted) -> None:
    """It is counted, and not settled yet; the job settles it and writes no other."""
    submission, ticket = await killed(hall, "disputes", "settle")
    waiting = [each.id for each in await hall.runtime.store.disputes.uncounted(after="", limit=5)]

    assert (await push_disputes(hall.runtime)).counted == 0

    assert waiting == [ticket]
    assert await hall.runtime.store.disputes.uncounted(after="", limit=5) == []
    assert await hall.disposed(submission) == [(1, "kept"), (2, "disputed")]
    assert (await hall.counts())["disputed"] == len(await hall.corrections()) == 1


async def test_many_workers_write_one_snapshot(hall: Counted) -> None:
    """However many make up for the same correction at once."""
    submission, ticket = await killed(hall, "submissions", "correct")
    dispute = await hall.runtime.store.disputes.read(ticket)

    done = await asyncio.gather(*(count_correction(dispute, hall.runtime) for _ in range(8)))

    assert sorted(done) == [False] * 7 + [True]
    assert [number for number, _ in await hall.disposed(submission)] == [1, 2]
    assert len(await hall.corrections()) == 1


async def test_another_correction_at_the_same_moment(hall: Counted) -> None:
    """Whoever finds the number taken counts on from what stands there then."""
    submission, _ = await killed(hall, "submissions", "correct")
    shot = (await hall.runtime.store.submissions.snapshots(submission))[-1]
    noted = replace(shot, number=2, at=hall.service.clock())
    entry = (await hall.runtime.store.entries.find(request=None, after="", limit=1))[0]
    assert await hall.runtime.store.submissions.correct(noted, structs.replace(entry, id="aud_other"))

    await push_disputes(hall.runtime)

    assert await hall.disposed(submission) == [(1, "kept"), (2, "kept"), (3, "disputed")]


async def test_whoever_was_erased_meanwhile_is_not_written_of(hall: Counted) -> None:
    """No later snapshot, no entry, and nobody looks again."""
    submission, _ = await killed(hall, "submissions", "correct")
    await erase_subject(subject_from(ANN), ErasureReason.court_order, hall.runtime, caller="test")

    assert (await push_disputes(hall.runtime)).counted == 0

    assert await hall.disposed(submission) == [(1, "kept")]
    assert await hall.corrections() == []
    assert await hall.runtime.store.disputes.uncounted(after="", limit=5) == []
