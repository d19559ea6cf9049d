"""Reminders and escalation by a moved clock: each once, whoever does it, and to the department above."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from gateway.disputes.clockwork import push_disputes
from gateway.disputes.deadlines import Limits, due_at, is_overdue, reminder_due
from gateway.disputes.load import SHIPPED, read_calendar
from gateway.disputes.service import list_disputes, own_disputes
from gateway.errors import Conflict
from gateway.records import Dispute, DisputeState

CALENDAR = read_calendar(SHIPPED)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FRIDAY = datetime(2026, 11, 20, 2, tzinfo=UTC)


def dispute(**changes: Any) -> Dispute:
    base: dict[str, Any] = {
        "id": "dsp_1",
        "subject_ref": "sub_1",
        "item": "person.name",
        "source": "civil",
        "department": "公安",
        "path": "name",
        "submission_id": None,
        "resolution_id": None,
        "state": DisputeState.open,
        "opened_at": FRIDAY,
        "due": date(2026, 11, 27),
        "first_due": date(2026, 11, 27),
        "entry_id": "aud_1",
        "sealed": b"",
    }
    return Dispute(**base | changes)


# ---------------------------------------------------------------- days


def test_a_limit_is_of_the_item_else_of_the_department_else_the_default() -> None:
    """In this order."""
    limits = Limits(5, 2, {"person.name": 1, "公安": 3})

    assert [
        limits.days("person.name", "公安"),
        limits.days("person.sex", "公安"),
        limits.days("x", "税务"),
    ] == [1, 3, 5]


@pytest.mark.parametrize(
    ("opened", "due"),
    [
        (datetime(2026, 11, 20, 2, tzinfo=UTC), date(2026, 11, 27)),
        (datetime(2026, 11, 20, 15, 59, tzinfo=UTC), date(2026, 11, 27)),  # five minutes to midnight in China
        (datetime(2026, 11, 20, 16, 1, tzinfo=UTC), date(2026, 11, 27)),  # Saturday there
        (
            datetime(2026, 2, 12, 2, tzinfo=UTC),
            date(2026, 2, 26),
        ),  # over Spring Festival, with Saturday the 14th
    ],
)
def test_five_working_days(opened: datetime, due: date) -> None:
    """By the day in China, over weekends and holidays."""
    assert due_at("person.name", "公安", opened, Limits(5, 2), CALENDAR) == due


@pytest.mark.parametrize(
    ("days", "reminded", "expected"),
    [
        (0, None, "new"),
        (0.1, 0, None),
        (4, 0, None),  # Tuesday
        (5, 0, "half"),  # Wednesday: two working days are left
        (5.2, 5, None),
        (6, 5, "last_day"),  # Thursday
        (6, 0, "last_day"),  # the one in between was missed: only the last is given
        (7, 6, None),
    ],
)
def test_when_somebody_is_reminded(days: float, reminded: int | None, expected: str | None) -> None:
    """At once, at half the time, a day before; each once."""
    given = None if reminded is None else FRIDAY + reminded * DAY

    assert reminder_due(dispute(reminded_at=given), FRIDAY + days * DAY, CALENDAR) == expected


def test_a_short_limit_has_fewer_reminders() -> None:
    """Of a single day, only the first."""
    short = dispute(due=date(2026, 11, 23))
    found = [reminder_due(short, FRIDAY + days * DAY, CALENDAR) for days in (0, 1, 3)]

    assert found == ["new", "new", "new"]
    assert (
        reminder_due(dispute(due=date(2026, 11, 23), reminded_at=FRIDAY), FRIDAY + 3 * DAY, CALENDAR) is None
    )


@pytest.mark.parametrize(("now", "expected"), [(FRIDAY + 7 * DAY, False), (FRIDAY + 8 * DAY, True)])
def test_a_deadline_ends_with_its_day(now: datetime, expected: bool) -> None:
    """The whole of the due day counts; what is closed is never overdue."""
    assert is_overdue(dispute(), now) is expected
    assert not is_overdue(dispute(closed_at=FRIDAY), now)


# ---------------------------------------------------------------- the job


@pytest.fixture
async def ticket(hall) -> dict[str, Any]:
    return await hall.open(await hall.answer())


async def test_the_whole_way_of_a_ticket_that_nobody_answers(hall, ticket) -> None:
    """New, half, last day; then the department above with two days, and again; each an entry and a message."""
    done = []
    for _ in range(21):
        pushed = await push_disputes(hall.runtime)
        done.append((pushed.reminded, pushed.escalated))
        hall.now += DAY

    reminders = [(leaf["at"][:10], leaf["reason"]) for leaf in await hall.leaves("dispute.reminded")]
    escalations = [
        (leaf["at"][:10], leaf["level"], leaf["due"], leaf["supervisor"])
        for leaf in await hall.leaves("dispute.escalated")
    ]
    assert reminders == [
        ("2026-11-20", "new"),
        ("2026-11-25", "half"),
        ("2026-11-26", "last_day"),
        ("2026-11-30", "last_day"),  # a day before the new deadline
        ("2026-12-03", "last_day"),
        ("2026-12-07", "last_day"),
    ]
    assert escalations == [
        ("2026-11-28", 1, "2026-12-01", "数据局"),
        ("2026-12-02", 2, "2026-12-04", "数据局"),
        ("2026-12-05", 3, "2026-12-08", "数据局"),
    ]
    assert sum(one for one, _ in done) == len(reminders)
    told = await hall.messages(ticket["id"])
    assert ("police", "dispute.reminded") in told
    assert ("bureau", "dispute.escalated") in told
    assert ("civil-affairs", "dispute.escalated") not in told


async def test_many_workers_do_it_once(hall, ticket) -> None:
    """Twenty at the same moment, and again: one reminder, one message."""
    await asyncio.gather(*(push_disputes(hall.runtime) for _ in range(20)))
    await push_disputes(hall.runtime)

    assert len(await hall.leaves("dispute.reminded")) == 1
    assert await hall.messages(ticket["id"]) == [("police", "dispute.reminded")]


async def test_a_worker_that_was_away_gives_the_last_reminder_only(hall, ticket) -> None:
    """And one that was away for long escalates at once, by one level."""
    hall.now += 6 * DAY
    await push_disputes(hall.runtime)
    hall.now += 30 * DAY
    await push_disputes(hall.runtime)

    assert [leaf["reason"] for leaf in await hall.leaves("dispute.reminded")] == ["last_day"]
    assert [leaf["level"] for leaf in await hall.leaves("dispute.escalated")] == [1]


async def test_the_department_above_sees_and_answers_what_was_escalated(hall, ticket) -> None:
    """From then on, and not before."""
    wanted: dict[str, Any] = {"states": (), "due_before": None, "after": "", "limit": 5}
    assert await list_disputes(hall.bureau, hall.runtime, **wanted) == []
    hall.now += 8 * DAY
    await push_disputes(hall.runtime)

    seen = await list_disputes(hall.bureau, hall.runtime, **wanted)
    told = await hall.step(ticket["id"], "uphold", hall.bureau)

    assert [(each["id"], each["level"], each["supervisor"]) for each in seen] == [(ticket["id"], 1, "数据局")]
    assert told["state"] == "upheld"


async def test_a_referral_keeps_the_first_day_in_sight(hall, ticket) -> None:
    """Its new owner is given days of their own; the person still reads when an answer was due, and when at the latest."""
    hall.now += 3 * DAY  # Monday

    referred = await hall.step(ticket["id"], "refer", department="数据局")
    own = (await own_disputes((await hall.ann()).person, hall.runtime, after="", limit=5))[0]

    assert (ticket["due"], ticket["first_due"], ticket["latest_due"]) == (
        "2026-11-27",
        "2026-11-27",
        "2026-12-04",
    )
    assert (referred["due"], referred["first_due"], referred["latest_due"]) == (
        "2026-11-30", "2026-11-27", "2026-12-04",
    )  # fmt: skip
    assert own["first_due"] == "2026-11-27"
    assert [leaf["first_due"] for leaf in await hall.leaves("dispute.referred")] == ["2026-11-27"]


async def test_escalation_counts_from_the_first_day(hall, ticket) -> None:
    """However late it was referred: the first day over, the department above sees to it; the new owner keeps its day."""
    hall.now += 6 * DAY  # Thursday; the first day is Friday
    referred = await hall.step(ticket["id"], "refer", department="数据局")
    hall.now += 4 * DAY  # Monday
    await push_disputes(hall.runtime)

    (told,) = await hall.runtime.store.disputes.listing(
        department=None, states=(), due_before=None, after="", limit=5
    )
    assert (referred["due"], referred["level"]) == ("2026-12-03", 0)
    assert (told.level, told.due.isoformat(), told.first_due.isoformat()) == (1, "2026-12-03", "2026-11-27")


async def test_a_referral_does_not_undo_an_escalation(hall, ticket) -> None:
    """Who it was escalated to goes on seeing to it."""
    hall.now += 8 * DAY
    await push_disputes(hall.runtime)
    referred = await hall.step(ticket["id"], "refer", department="民政")
    hall.now += 3 * DAY
    await push_disputes(hall.runtime)

    assert (referred["level"], referred["supervisor"]) == (1, "数据局")
    assert (await hall.leaves("dispute.reminded"))[-1]["owner"] == "民政"


async def test_no_referral_goes_beyond_the_last_day(hall, ticket) -> None:
    """From one to the next and back: each is given what is left, and nothing once that is over."""
    given = []
    for department, by in (("数据局", hall.police), ("公安", hall.bureau), ("数据局", hall.police)):
        hall.now += 4 * DAY
        given.append((await hall.step(ticket["id"], "refer", by, department=department))["due"])
    hall.now = datetime(2026, 12, 4, 2, tzinfo=UTC)

    assert given == ["2026-12-01", "2026-12-04", "2026-12-04"]
    with pytest.raises(Conflict, match="no_time_to_refer"):
        await hall.step(ticket["id"], "refer", hall.bureau, department="公安")
    assert (await hall.step(ticket["id"], "uphold", hall.bureau))["state"] == "upheld"


async def test_a_day_in_a_year_without_notice_says_so(hall) -> None:
    """Counted Monday to Friday, and marked as such on the ticket, until the notice of that year is known."""
    hall.now = datetime(2026, 12, 30, 2, tzinfo=UTC)
    late = await hall.open(await hall.answer())
    hall.now = datetime(2026, 12, 1, 2, tzinfo=UTC)
    early = await hall.open(await hall.answer(), "phone")

    assert (late["due"], late["due_assumed"]) == ("2027-01-06", True)
    assert (early["due"], early["due_assumed"]) == ("2026-12-03", False)


async def test_what_is_closed_is_left_alone(hall, ticket) -> None:
    """However long ago its day was."""
    await hall.step(ticket["id"], "uphold")
    hall.now += 60 * DAY

    pushed = await push_disputes(hall.runtime)

    assert (pushed.reminded, pushed.escalated) == (0, 0)
