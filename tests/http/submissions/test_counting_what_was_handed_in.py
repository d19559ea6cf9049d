"""From forms handed in to the report: what the counter did is what the rates say, and what the log says again."""

from typing import Any

from gateway.records import Caller
from gateway.reports.backfill import Asked, backfill_report
from gateway.reports.backfill_slots import Part, SlotsAsked, open_slots
from gateway.reports.baselines import freeze_baseline
from gateway.reports.folding import fold_waiting
from gateway.reports.rates import Rate, rates_of
from gateway.reports.recounting import recount


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
