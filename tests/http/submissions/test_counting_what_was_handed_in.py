"""From forms handed in to the report: what the counter did is what the rates say, and what the log says again."""

from typing import Any

import orjson
import pytest

from field_registry import OutcomeCode
from field_registry.outcomes import Disposition
from gateway.audit.entries import make_entry
from gateway.records import Caller, EntryKind, GateRequest, GateWrite, Submission, SubmissionWrite
from gateway.reports.backfill import Asked, backfill_report
from gateway.reports.backfill_slots import Part, SlotsAsked, open_slots
from gateway.reports.baselines import freeze_baseline
from gateway.reports.folding import fold_waiting
from gateway.reports.rates import Rate, rates_of
from gateway.reports.recount import Recount
from gateway.reports.recounting import recount
from gateway.slots import Slot, Snapshot
from gateway.submissions.noting import snapshot_facts

HALL = "政务服务"


async def test_what_is_handed_in_is_what_is_counted(hall_on_disk: Any) -> None:
    """Kept, edited and test applications through the API; report, recount and opened slots agree, to the slot."""
    hall, runtime = hall_on_disk, hall_on_disk.runtime
    await freeze_baseline("family", "paper-2025", hall.clock().date(), 40, runtime, caller="oncegate")
    kept = await hall.handed_in()
    edited = await hall.handed_in({"address": "福建省晋江市罗山街道2号"})
    await hall.handed_in(test=True)

    await fold_waiting(runtime)
    report = await backfill_report(Asked(), runtime)
    counted = report.total.measures
    again = await recount(runtime)
    opened = await open_slots(
        SlotsAsked(rate="M4", part=Part.denominator), runtime, caller="auditor", limit=500
    )

    answers = [slot for each in (kept, edited) for slot in each["fields"].values()]
    assert counted is not None
    assert (counted.applications, counted.baseline_slots) == (2, 80)
    assert counted.eligible == len(answers)
    assert counted.edited == sum(slot["disposition"] == "edited" for slot in answers) == 1
    assert rates_of(counted)["M4"].denominator == len(opened.slots)
    assert rates_of(counted)["M11"] == Rate(counted.releases, counted.releases)
    assert (again.applications, again.slots, again.differences) == (2, counted.eligible, [])


async def test_the_counter_sees_its_own_numbers_through_the_api(hall: Any) -> None:
    """Two applications are too few for outside the hall: the renderer is told that, and no rate."""
    await hall.handed_in()
    await hall.handed_in()
    await fold_waiting(hall.runtime)

    own = (await hall.call("GET", "/v1/reports/backfill")).json()
    admin = Caller("admin", "数据局", frozenset({"data_admin"}))
    headers = {"authorization": f"Bearer {hall.app.state.tokens.issue_to(admin, 300)}"}
    whole = (await hall.call("GET", "/v1/reports/backfill", headers=headers)).json()

    assert own["total"]["withheld"]
    assert whole["total"]["rates"]["M4"]["denominator"] > 0
    assert whole["sections"][0]["rows"][0]["name"]


@pytest.mark.parametrize(
    ("count", "path", "alone"),
    [(10_000, "row.{}.", (1, 10_000, 0)), (900, "field_{}_", (0, 0, 1))],
    ids=["rows", "fields"],
)
async def test_many_slots_are_counted_all_the_same(hall: Any, count: int, path: str, alone: Any) -> None:
    """Rows fit into the leaf, however many: whoever has the log alone counts them.

    What fits into none all the same stands sealed in the entry: the server opens it, and the log tells that it lacks.
    """
    runtime, now = hall.runtime, hall.clock()
    resolved = (await hall.resolve())["id"]
    slots = tuple(
        Slot(
            path.format(n) + "x" * 60,
            (path.format(n) + "x" * 60).replace(f"row.{n}.", "row."),
            None,
            None,
            OutcomeCode.no_binding,
            None,
            Disposition.typed,
        )
        for n in range(count)
    )
    shot = Snapshot("smn_big", 1, now, "family", 1, "MZ-001", HALL, "resident", 1, 1, slots)
    entry = make_entry(
        runtime.new_reference("aud", now),
        EntryKind.submission_received,
        now,
        caller="hall",
        request=resolved,
        facts=snapshot_facts(shot),
        sealer=runtime.sealer,
    )
    made = Submission("smn_big", resolved, "hall", HALL, "family", 1, now, entry.id, "0" * 64, {}, now)
    write = GateWrite(entry, None, submission=SubmissionWrite(made, shot))
    await runtime.ledger.pass_gate(GateRequest((), lambda _: write))
    without_server = Recount()
    without_server.receive(orjson.loads(entry.leaf))

    again = await recount(runtime)

    assert (again.applications, again.slots, again.sealed, again.differences) == (1, count, 0, [])
    assert (without_server.applications, without_server.slots, without_server.sealed) == alone
