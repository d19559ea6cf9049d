"""Roll-ups and baselines: one suite for memory, SQLite and PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest

from field_registry.outcomes import Disposition, OutcomeCode, Tier
from gateway.errors import Conflict, GatewayError
from gateway.ports import Store
from gateway.records import (
    Baseline,
    CauseFilter,
    CauseKey,
    CausePlace,
    CellFilter,
    Countable,
    Counted,
    EntryKind,
    GateRequest,
    GateWrite,
    Stretch,
    Submission,
    SubmissionWrite,
)
from gateway.reports.measures import Measures, application
from gateway.reports.periods import stretches
from gateway.reports.rollup import count
from gateway.slots import Slot, Snapshot, to_facts
from gateway.store import Database, SqlStore

D, C = Disposition, OutcomeCode
AT = datetime(2026, 10, 31, 15, 59, tzinfo=UTC)
"""A minute before November begins in China."""
MINUTE = timedelta(minutes=1)
KEPT = Slot("name", "name", "person.name", "civil", C.filled, Tier.A, D.kept, True, True, False, True, True)
TYPED = Slot("phone", "phone", None, None, C.no_binding, None, D.typed)
EDITED = replace(KEPT, disposition=D.edited)
SLOTS = (KEPT, TYPED)
Submit = Callable[..., Awaitable[Snapshot]]


@pytest.fixture
def submit(store: Store, make: Any) -> Submit:
    """Submits an application, so that its snapshot waits to be counted."""

    async def submitted(slots: Sequence[Slot] = SLOTS, *, at: datetime = AT, **overrides: Any) -> Snapshot:
        submission_id = make.id("smn")
        base = Snapshot(
            submission_id, 1, at, "review", 3, "transport", "政务", "resident", 1, 1, tuple(slots)
        )
        snapshot = replace(base, **overrides)
        made = Submission(
            *(submission_id, make.id("res"), "hall", snapshot.department, snapshot.form, 3, at),
            *(make.id("aud"), "d" * 64, {}, at + timedelta(days=1)),
        )
        write = GateWrite(make.entry(), None, submission=SubmissionWrite(made, snapshot, was_purged=True))
        assert await store.gates.commit([GateRequest((), lambda _: write)]) == [None]
        return snapshot

    return submitted


async def fold(store: Store, most: int = 100, now: datetime = AT) -> int:
    """Count what waits."""
    return await store.rollups.fold(most, count, now)


async def cells(store: Store, dimension: str = "form", *by: str, **wanted: Any) -> dict[Any, Measures]:
    """What the roll-ups say, by group."""
    period = wanted.pop("stretches", tuple(stretches(None, None)))
    groups = by or {"form": ("form",), "field": ("form", "key")}.get(dimension, ("key",))
    asked = CellFilter(dimension, groups, period, **wanted)
    found = await store.rollups.cells(asked, after=(), limit=1000)
    return {group: Measures(*counts) for group, counts in found}


async def test_what_waits_is_counted_once(store: Store, submit: Submit) -> None:
    """Folding takes it from the queue; folding again adds nothing."""
    await submit(baseline=20)
    assert await store.rollups.waiting() == 1

    assert [await fold(store), await fold(store)] == [1, 0]

    assert await store.rollups.waiting() == 0
    assert await cells(store) == {("review",): application(SLOTS, 20)}
    assert await cells(store, "field") == {
        ("review", "name"): application([KEPT]),
        ("review", "phone"): application([TYPED]),
    }
    assert await cells(store, "item") == {("",): application([TYPED]), ("person.name",): application([KEPT])}
    assert await cells(store, "source") == {("",): application([TYPED]), ("civil",): application([KEPT])}


async def test_a_test_application_is_never_counted(store: Store, submit: Submit) -> None:
    """It waits for nothing, and a whole count leaves it out too."""
    await submit(is_test=True)

    await fold(store)

    assert await cells(store) == {}
    page, _ = await store.rollups.rebuild_page(after=("", 0), limit=10)
    assert count(page) == Counted([], [])


async def test_a_later_snapshot_takes_the_place_of_the_earlier(
    store: Store, submit: Submit, make: Any
) -> None:
    """What the earlier counted is taken back, on the day the application was handed in."""
    first = await submit()
    await fold(store)
    later = replace(first, number=2, at=AT + timedelta(days=40), slots=(EDITED, TYPED))

    assert await store.submissions.correct(later, make.entry())
    await fold(store)

    assert await cells(store) == {("review",): application([EDITED, TYPED])}
    november = (Stretch("m", 20261100, 20261200),)
    assert await cells(store, stretches=november) == {}


@pytest.mark.parametrize("most", [1, 2, 100])
async def test_the_size_of_portions_changes_nothing(
    store: Store, submit: Submit, make: Any, most: int
) -> None:
    """A correction folded apart from what it corrects, or with it, comes to the same."""
    first = await submit()
    await store.submissions.correct(replace(first, number=2, slots=(EDITED,)), make.entry())
    await submit(form="other")
    await store.submissions.correct(replace(first, number=3, slots=(EDITED, TYPED)), make.entry())

    while await fold(store, most):
        pass

    assert await cells(store) == {
        ("other",): application(SLOTS),
        ("review",): application([EDITED, TYPED]),
    }


async def test_a_count_that_fails_leaves_everything_waiting(store: Store, submit: Submit) -> None:
    """Nothing is taken from the queue unless it is counted in the same transaction."""
    await submit()

    def fails(_: Sequence[Countable]) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.rollups.fold(10, fails, AT)

    assert await store.rollups.waiting() == 1
    assert await cells(store) == {}


async def test_days_and_months_are_those_of_china(store: Store, submit: Submit) -> None:
    """One minute before and at midnight in China are two days and two months."""
    await submit(at=AT)
    await submit(at=AT + MINUTE)
    await fold(store)

    both = await cells(store, "form", "month")
    days = await cells(store, "form", "day", stretches=(Stretch("d", 0, 10**8),))
    november = await cells(store, stretches=tuple(stretches(date(2026, 11, 1), None)))

    assert {month: each.applications for month, each in both.items()} == {("202610",): 1, ("202611",): 1}
    assert list(days) == [("20261031",), ("20261101",)]
    assert november[("review",)].applications == 1


async def test_months_in_the_middle_and_days_at_the_edges_are_the_days(store: Store, submit: Submit) -> None:
    """A period from one middle of a month to another comes to what its days come to."""
    for day in range(0, 120, 7):
        await submit(at=AT + timedelta(days=day))
    await fold(store)
    since, until = date(2026, 11, 9), date(2027, 2, 3)
    apart = (Stretch("d", 20261109, 20270203),)

    for dimension in ("form", "field", "item", "source"):
        whole = await cells(store, dimension, stretches=tuple(stretches(since, until)))
        assert whole == await cells(store, dimension, stretches=apart)
    assert (await cells(store, stretches=apart))[("review",)].applications == 12


async def test_cells_are_told_apart_by_segment_department_and_form(store: Store, submit: Submit) -> None:
    """A filter gives what was submitted so, and nothing else; of fields, items and sources month by month."""
    await submit(segment="taiwan")
    await submit(department="税务")
    await submit(form="other", segment="taiwan")
    await fold(store)

    assert list(await cells(store, segment="taiwan")) == [("other",), ("review",)]
    assert list(await cells(store, "form", "department", form="review")) == [("政务",), ("税务",)]
    assert (await cells(store, "item", segment="taiwan"))[("person.name",)].applications == 2
    assert (await cells(store, "item", department="税务"))[("person.name",)].applications == 1
    assert list(await cells(store, "field", form="other", segment="taiwan")) == [
        ("other", "name"),
        ("other", "phone"),
    ]


async def test_groups_come_in_pages_and_none_is_cut(store: Store, submit: Submit) -> None:
    """Page by page, across months and days, are the groups of one page, with the same sums."""
    for number in range(7):
        await submit(form=f"form-{number}", at=AT + timedelta(days=20 * number))
        await submit(form="甲" if number % 2 else "review", at=AT + timedelta(days=20 * number))
    await fold(store)
    wanted = CellFilter("form", ("form",), tuple(stretches(date(2026, 10, 20), date(2027, 2, 20))))

    whole = await store.rollups.cells(wanted, after=(), limit=100)
    pages: list[Any] = []
    while page := await store.rollups.cells(wanted, after=pages[-1][0] if pages else (), limit=2):
        pages += page

    assert pages == list(whole)
    assert len(whole) == 8


async def test_a_rebuilding_counts_the_same(store: Store, submit: Submit, make: Any) -> None:
    """What folding kept and what a whole count gives are equal, corrections included."""
    first = await submit()
    await submit(form="other", segment="taiwan")
    await store.submissions.correct(replace(first, number=2, slots=(EDITED,)), make.entry())
    await fold(store)
    dimensions = ("form", "field", "item", "source")
    before = [await cells(store, each) for each in dimensions]

    assert await store.rollups.begin_rebuild("rbd_1", AT)
    page, after = await store.rollups.rebuild_page(after=("", 0), limit=2)
    rest, end = await store.rollups.rebuild_page(after=after or ("", 0), limit=2)
    assert await store.rollups.add_rebuilt("rbd_1", count(page), AT)
    assert await store.rollups.add_rebuilt("rbd_1", count(rest), AT)
    assert [await cells(store, each) for each in dimensions] == before
    assert await store.rollups.end_rebuild("rbd_1")

    assert [await cells(store, each) for each in dimensions] == before
    assert end is None
    assert await store.rollups.snapshots() == 3


async def test_what_comes_during_a_rebuilding_waits(store: Store, submit: Submit, make: Any) -> None:
    """It is in no count until the new one is shown, and then in that one, once."""
    first = await submit()
    await fold(store)
    await store.rollups.begin_rebuild("rbd_1", AT)
    await submit()
    await store.submissions.correct(replace(first, number=2, slots=(EDITED,)), make.entry())

    assert await fold(store) == 0
    page, _ = await store.rollups.rebuild_page(after=("", 0), limit=10)
    await store.rollups.add_rebuilt("rbd_1", count(page), AT)
    await store.rollups.end_rebuild("rbd_1")
    assert await cells(store) == {("review",): application(SLOTS)}
    await fold(store)

    assert await cells(store) == {("review",): application(SLOTS) + application([EDITED])}


async def test_only_one_rebuilds_and_a_dead_one_loses_its_right(store: Store, submit: Submit) -> None:
    """A second is refused; one that was not heard of for a minute is succeeded, and can neither add nor end."""
    await submit()
    rollups, late = store.rollups, AT + timedelta(seconds=61)
    assert await rollups.begin_rebuild("rbd_1", AT)
    page, _ = await rollups.rebuild_page(after=("", 0), limit=10)
    await rollups.add_rebuilt("rbd_1", count(page), AT)

    assert not await rollups.begin_rebuild("rbd_2", AT + MINUTE - timedelta(seconds=1))
    assert await fold(store, now=late) == 1
    assert not await rollups.add_rebuilt("rbd_1", count(page), late)
    assert not await rollups.end_rebuild("rbd_1")
    assert await rollups.begin_rebuild("rbd_2", late)
    assert await rollups.end_rebuild("rbd_2")

    assert (
        await cells(store) == {}
    )  # the second found nothing to count before it ended; nothing of the first is left


async def test_two_at_once_count_nothing_twice(database_url: str, make: Any) -> None:
    """Several workers fold the same queue: every snapshot is counted once, and none waits for ever."""
    stores = [SqlStore(Database(database_url)) for _ in range(3)]
    put = stores[0]
    for number in range(60):
        at = AT + timedelta(hours=number)
        submission_id = make.id("smn")
        snapshot = Snapshot(
            *(submission_id, 1, at, f"form-{number % 4}", 3, "transport", "政务", "resident", 1, 1, SLOTS)
        )
        made = Submission(
            *(submission_id, make.id("res"), "hall", "政务", snapshot.form, 3, at),
            *(make.id("aud"), "d" * 64, {}, at),
        )
        write = GateWrite(make.entry(), None, submission=SubmissionWrite(made, snapshot, was_purged=True))
        await put.gates.commit([GateRequest((), lambda _, write=write: write)])

    async def work(store: SqlStore) -> int:
        total = 0
        while await store.rollups.waiting():
            total += await fold(store, 7)
        return total

    done = await asyncio.gather(*map(work, stores))
    found = await cells(put)
    for store in stores:
        await store.close()

    assert sum(done) == 60
    assert {form: each.applications for form, each in found.items()} == {
        (f"form-{number}",): 15 for number in range(4)
    }


# ---------------------------------------------------------------- causes


async def causes(store: Store, *, page: int = 50, **wanted: Any) -> dict[Any, tuple[Any, int]]:
    """What the roll-ups say of causes: place and cause → counts and the newest start."""
    period = wanted.pop("stretches", tuple(stretches(None, None)))
    found: dict[Any, tuple[Any, int]] = {}
    after: str | None = ""
    while after is not None:
        got = await store.rollups.causes(CauseFilter(period, **wanted), after=after, limit=page)
        for each in got.sums:
            assert (each.place, each.key) not in found
            found[each.place, each.key] = each.counts, each.newest
        after = got.after
    return found


UNBOUND = CauseKey("slot", "phone", "", "", "no_binding", "typed", "")
SEEN = CauseKey("seen", "", "person.name", "", "", "", "kept")
HERE = CausePlace("review", "transport", "政务", "resident")


async def test_causes_are_counted_with_the_rates(store: Store, submit: Submit) -> None:
    """The same fold counts both; twice the same application is twice the same cause."""
    await submit()
    await submit()
    await fold(store)

    assert await causes(store) == {
        (HERE, UNBOUND): ((2, 2, 2, 0), 20261000),
        (HERE, SEEN): ((2, 0, 0, 0), 20261000),
    }


async def test_causes_of_days_and_months_are_told_apart(store: Store, submit: Submit) -> None:
    """The newest day is known by days; by days, what was seen is of all kinds of applicants."""
    await submit()
    await submit(at=AT - timedelta(days=3), segment="taiwan")
    await fold(store)

    by_day = await causes(store, stretches=tuple(stretches(date(2026, 10, 2), date(2026, 11, 1))))
    assert by_day[HERE, UNBOUND] == ((1, 1, 1, 0), 20261031)
    assert by_day[HERE._replace(segment=""), SEEN] == ((2, 0, 0, 0), 20261031)
    assert by_day[HERE._replace(segment="taiwan"), UNBOUND] == ((1, 1, 1, 0), 20261028)
    months = await causes(store, segment="taiwan")
    assert {place.segment for place, _ in months} == {"taiwan"}


async def test_causes_come_in_pages_of_places(store: Store, submit: Submit) -> None:
    """Page by page it is the same as at once, under any filter."""
    for number in range(7):
        await submit(form=f"form-{number}", department=f"部门{number % 2}")
    await fold(store)

    whole = await causes(store)
    assert len(whole) == 14
    assert await causes(store, page=2) == whole
    assert await causes(store, page=1, form="form-3") == {
        key: each for key, each in whole.items() if key[0].form == "form-3"
    }
    assert len(await causes(store, page=3, department="部门0")) == 8
    assert await causes(store, form="none") == {}


async def test_a_correction_takes_its_causes_back(store: Store, submit: Submit, make: Any) -> None:
    """What the earlier snapshot counted is no more; a cause of nothing is not told."""
    first = await submit()
    await fold(store)
    later = replace(first, number=2, at=AT + timedelta(days=40), slots=(EDITED,))
    assert await store.submissions.correct(later, make.entry())
    await fold(store)

    assert await causes(store) == {(HERE, SEEN._replace(marks="filled")): ((1, 0, 0, 0), 20261000)}


async def test_a_rebuilding_counts_causes_anew(store: Store, submit: Submit) -> None:
    """Beside what is shown; the old ones are forgotten, and their names go on standing for the same."""
    await submit()
    await submit(form="other")
    await fold(store)
    before = await causes(store)
    page, _ = await store.rollups.rebuild_page(after=("", 0), limit=10)

    for token in ("rbd_1", "rbd_2"):
        assert await store.rollups.begin_rebuild(token, AT)
        assert await store.rollups.add_rebuilt(token, count(page), AT)
        assert await causes(store) == before
        assert await store.rollups.end_rebuild(token)
        assert await causes(store) == before


async def test_a_name_that_was_rolled_back_is_given_again(database_url: str, make: Any) -> None:
    """A fold that fails after it wrote the names leaves none behind, and none that is taken for known."""
    store = SqlStore(Database(database_url))
    page = [
        Countable(
            *(1, date(2026, 10, 31), *HERE[:3], HERE.segment, "rates/1", None, False),
            orjson.dumps(to_facts(SLOTS)),
        )
    ]
    assert await store.rollups.begin_rebuild("rbd_1", AT)
    counted = count(page)
    (cell, _), *_ = counted.causes
    broken: Any = (cell._replace(start=1), (None, 0, 0, 0))

    with pytest.raises(GatewayError):
        await store.rollups.add_rebuilt("rbd_1", Counted(causes=[*counted.causes, broken]), AT)
    assert await store.rollups.add_rebuilt("rbd_1", counted, AT)
    assert await store.rollups.end_rebuild("rbd_1")
    found = await causes(store)
    await store.close()

    assert found[HERE, UNBOUND] == ((1, 1, 1, 0), 20261000)


# ---------------------------------------------------------------- baselines


def baseline(make: Any, name: str = "paper-2025", **overrides: Any) -> Baseline:
    """Twenty slots of the paper form."""
    base = Baseline("review", name, date(2025, 12, 31), 20, AT, "oncegate", make.id("aud"))
    return replace(base, **overrides)


async def test_the_baseline_frozen_last_counts(store: Store, make: Any) -> None:
    """Whatever day the form it was counted from is of."""
    first, other = baseline(make), baseline(make, "paper", form="other")
    newer = baseline(make, "online-2024", dated=date(2024, 1, 1), slots=18, frozen_at=AT + MINUTE)
    for each in (first, other, newer):
        entry = make.entry(id=each.entry_id, kind=EntryKind.baseline_frozen)
        await store.rollups.add_baseline(each, entry)

    assert await store.rollups.baseline_of("review") == newer
    assert await store.rollups.baseline_of("none") is None
    assert list(await store.rollups.baselines(after=("", ""), limit=5)) == [other, newer, first]
    assert list(await store.rollups.baselines(after=("review", "online-2024"), limit=5)) == [first]


async def test_a_baseline_is_never_changed(store: Store, make: Any) -> None:
    """A name that the form has already is a conflict; nothing is written, no entry either."""
    frozen = baseline(make)
    await store.rollups.add_baseline(frozen, make.entry())

    with pytest.raises(Conflict):
        await store.rollups.add_baseline(baseline(make, slots=1), make.entry(request="second"))

    assert await store.rollups.baseline_of("review") == frozen
    assert await store.entries.find(request="second", after="", limit=1) == []
