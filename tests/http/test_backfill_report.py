"""`/v1/reports/backfill…`: what each role is shown, what is withheld, and a percentage opened to its slots."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from field_registry.outcomes import Disposition, OutcomeCode, Tier
from gateway.audit.entries import make_entry
from gateway.records import Caller, EntryKind, GateRequest, GateWrite, Submission, SubmissionWrite
from gateway.reports.folding import fold_waiting
from gateway.reports.recounting import recount
from gateway.slots import Slot, Snapshot
from gateway.submissions.noting import snapshot_facts

D, C = Disposition, OutcomeCode
AT = datetime(2026, 10, 1, 4, tzinfo=UTC)
KEPT = Slot("name", "name", "person.name", "civil", C.filled, Tier.A, D.kept, True, True, False, True, True)
TYPED = Slot("phone", "phone", "person.phone", None, C.no_binding, None, D.typed, obtainable=True)
EDITED = replace(KEPT, disposition=D.edited)
SLOTS = (KEPT, TYPED)
OCTOBER = {"from": "2026-10-01", "to": "2026-11-01"}


class Reports:
    """A service with applications in it, and whoever reads about them."""

    def __init__(self, service: Any) -> None:
        self.service, self.runtime = service, service.runtime

    async def submit(self, slots: Sequence[Slot] = SLOTS, *, times: int = 1, **overrides: Any) -> Snapshot:
        """The last of so many applications, each with its entry, on one day after another."""
        snapshot = None
        for number in range(times):
            at = AT + timedelta(days=number % 28)
            submission_id = self.runtime.new_reference("smn", at)
            base = Snapshot(
                *(submission_id, 1, at, "review", 3, "transport", "政务", "resident", 1, 1, tuple(slots))
            )
            snapshot = replace(base, **overrides)
            made = Submission(
                *(submission_id, self.runtime.new_reference("res", at), "hall", snapshot.department),
                *(snapshot.form, 3, at, "aud_0", "d" * 64, {}, at),
            )
            await self._write(snapshot, made)
        assert snapshot is not None
        return snapshot

    async def _write(self, snapshot: Snapshot, made: Submission) -> None:
        entry = self._entry(EntryKind.submission_received, snapshot)
        write = GateWrite(entry, None, submission=SubmissionWrite(made, snapshot, was_purged=True))
        await self.runtime.store.gates.commit([GateRequest((), lambda _: write)])

    async def correct(self, later: Snapshot) -> None:
        """A later snapshot, with its entry."""
        assert await self.runtime.store.submissions.correct(
            later, self._entry(EntryKind.submission_corrected, later)
        )

    def _entry(self, kind: EntryKind, snapshot: Snapshot) -> Any:
        entry_id = self.runtime.new_reference("aud", snapshot.at)
        facts = snapshot_facts(snapshot)
        return make_entry(entry_id, kind, snapshot.at, caller="hall", request=None, facts=facts)

    async def get(self, path: str = "", *, role: str = "data_admin", **query: Any) -> httpx.Response:
        """The answer to one of that role, of the department 政务; what waits is counted first."""
        await fold_waiting(self.runtime)
        caller = Caller("reader", "政务", frozenset({role}))
        token = self.service.app.state.tokens.issue_to(caller, 300)
        url = f"/v1/reports/backfill{path}"
        headers = {"authorization": f"Bearer {token}"}
        return await self.service.http.get(url, params=query, headers=headers)

    async def report(self, **query: Any) -> dict[str, Any]:
        """The report."""
        answer = await self.get(**query)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document


@pytest.fixture
def reports(service: Any) -> Reports:
    return Reports(service)


def rows(document: dict[str, Any], at: int = 0) -> dict[str, Any]:
    """The lines of a section, by key."""
    return {row["key"]: row for row in document["sections"][at]["rows"]}


async def test_every_rate_comes_with_its_counts(reports: Reports) -> None:
    """Micro and macro of everything, and a table by form; what is not counted yet is said."""
    await reports.submit(times=3)
    await reports.submit([KEPT], form="other")

    found = await reports.report(**OCTOBER)

    assert (found["definition"], found["from"], found["to"]) == ("rates/1", "2026-10-01", "2026-11-01")
    assert found["total"]["rates"]["M4"] == {"rate": 0.571, "numerator": 4, "denominator": 7}
    assert found["total"]["macro"]["M4"] == {"rate": 0.75, "forms": 2}
    assert found["total"]["counts"]["applications"] == 4
    assert rows(found)["review"]["rates"]["M7"] == {"rate": 1.0, "numerator": 3, "denominator": 3}
    assert rows(found)["review"]["macro"] is None
    assert (found["waiting"], found["public"]) == (0, False)


async def test_several_tables_at_once(reports: Reports) -> None:
    """`by` several times or with commas; each table comes to the same slots."""
    await reports.submit(times=2)
    names = ("form", "field", "item", "source", "department", "matter", "segment", "month", "day")

    found = await reports.report(by=["form,field,item,source", "department", "matter,segment,month,day"])

    assert [section["by"] for section in found["sections"]] == list(names)
    for section in found["sections"]:
        assert sum(row["counts"]["eligible"] for row in section["rows"]) == 4
    assert list(rows(found, 7)) == ["2026-10"]
    assert list(rows(found, 8)) == ["2026-10-01", "2026-10-02"]
    assert rows(found, 4)["政务"]["macro"]["M4"] == {"rate": 0.5, "forms": 1}


async def test_tables_are_paged(reports: Reports) -> None:
    """`limit` and `cursor` page through one table; every line is seen once."""
    for form in ("a", "b", "c"):
        await reports.submit(form=form)

    await reports.submit(times=2, segment="taiwan", matter="税")
    tables = (
        ("form", 4),
        ("field", 8),
        ("item", 2),
        ("department", 1),
        ("matter", 2),
        ("segment", 2),
        ("day", 2),
    )
    for by, lines in tables:
        cursor: str | None = ""
        seen: list[Any] = []
        while cursor is not None:
            section = (await reports.report(by=by, limit=1, cursor=cursor))["sections"][0]
            seen += [(row["form"], row["key"]) for row in section["rows"]]
            cursor = section["next_cursor"]
        assert len(seen) == len(set(seen)) == lines
        assert seen == sorted(seen, key=str)


async def test_a_period_and_filters_narrow_it(reports: Reports) -> None:
    """Days at the edges, a form, a department, a segment."""
    await reports.submit(times=5)
    await reports.submit(segment="taiwan", department="税务")

    async def applications(**query: Any) -> int:
        found: int = (await reports.report(**query))["total"]["applications"]
        return found

    assert await applications() == 6
    assert await applications(**{"from": "2026-10-02", "to": "2026-10-04"}) == 2
    assert await applications(segment="taiwan") == 1
    assert await applications(department="政务") == 5
    assert await applications(form="review", segment="foreign") == 0


@pytest.mark.parametrize(
    "query",
    [
        {"by": "item", "form": "review"},
        {"by": "field", "segment": "taiwan", "from": "2026-10-02"},
        {"by": "item", "department": "政务", "to": "2026-10-02"},
        {"by": ["form", "item"], "cursor": "a"},
        {"by": "field", "cursor": "a"},
        {"by": "day", "cursor": "a"},
        {"cursor": "a"},
        {"by": "month", "cursor": "202610"},
        {"segment": "martian"},
        {"by": "nothing"},
        {"public": True, "from": "2026-10-02"},
        {"public": True, "by": "day"},
        {"public": True, "segment": "taiwan"},
        {"public": True, "by": "field"},
        {"public": True, "by": "department", "form": "review"},
        {"from": "October"},
    ],
)
async def test_what_is_not_counted_so_is_refused_with_a_reason(
    reports: Reports, query: dict[str, Any]
) -> None:
    """The refusal says what to ask instead, and never answers something else."""
    answer = await reports.get(**query)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["detail"]


async def test_outside_the_hall_small_cells_are_withheld(reports: Reports) -> None:
    """Fewer than ten applications, and one more cell, so that the total tells nothing of the small one."""
    await reports.submit(times=12)
    await reports.submit(times=30, form="other")
    await reports.submit(times=3, form="small")

    shown, public = await reports.report(), await reports.report(public=True)

    assert {key: row["withheld"] for key, row in rows(shown).items()} == dict.fromkeys(
        ("other", "review", "small"), False
    )
    assert {key: row["withheld"] for key, row in rows(public).items()} == {
        "other": False,
        "review": True,
        "small": True,
    }
    assert rows(public)["small"] == {
        **dict.fromkeys(("form", "name", "applications", "rates", "macro", "counts")),
        "key": "small",
        "withheld": True,
        "partial": False,
    }
    assert public["total"]["applications"] == 45


async def test_a_small_total_is_withheld_too(reports: Reports) -> None:
    """Nine applications in all: nothing is said about them outside the hall."""
    await reports.submit(times=9)

    public = await reports.report(public=True)

    assert public["total"]["withheld"]
    assert public["total"]["rates"] is None


async def test_a_renderer_sees_its_own_department_as_outside(reports: Reports) -> None:
    """Its own numbers, small cells withheld; another department's are refused."""
    await reports.submit(times=11)
    await reports.submit(times=20, department="税务", form="tax")

    own = await reports.report(role="renderer")
    other = await reports.get(role="renderer", department="税务")

    assert (own["department"], own["public"]) == ("政务", True)
    assert list(rows(own)) == ["review"]
    assert own["total"]["applications"] == 11
    assert (other.status_code, other.json()["code"]) == (403, "other_department")


async def test_names_are_told_where_they_are_known(reports: Reports) -> None:
    """A key that the registry does not know has no name; it is not left out."""
    await reports.submit()

    found = await reports.report(by="item,source,form")

    assert [row["name"] for section in found["sections"] for row in section["rows"]] == [None] * 5


async def test_segments_matters_and_departments_have_names(reports: Reports) -> None:
    """Segments in both languages; a matter and a department are their own text."""
    await reports.submit(segment="taiwan")

    found = await reports.report(by="segment,matter,department")

    assert [row["name"] for section in found["sections"] for row in section["rows"]] == [
        "台湾居民 Taiwan resident",
        "transport",
        "政务",
    ]


async def test_the_answer_says_what_period_it_is_of(reports: Reports) -> None:
    """Also where no day was given."""
    assert (await reports.report())["period"].endswith("from the beginning until now")
    assert (await reports.report(**OCTOBER))["period"].endswith("from 2026-10-01 before 2026-11-01")


@pytest.mark.parametrize("path", ["", "/slots"])
async def test_what_there_is_not_is_refused_and_what_there_is_named(reports: Reports, path: str) -> None:
    """A period without days, an unknown form, an unknown segment; nothing that was sent is said back."""
    backwards = await reports.get(path, **{"from": "2026-11-01", "to": "2026-10-01"})
    no_day = await reports.get(path, **{"from": "2026-10-01", "to": "2026-10-01"})
    form = await reports.get(path, form="35058219910603996X")
    segment = await reports.get(path, segment="martian")
    cursor = await reports.get(path, cursor="35058219910603996X")

    assert {(each.status_code, each.json()["code"]) for each in (backwards, no_day)} == {
        (400, "period_invalid")
    }
    assert (form.status_code, form.json()["code"]) == (404, "unknown_form")
    assert "Published forms: " in form.json()["detail"]
    assert "35058219910603996X" not in form.text + cursor.text
    assert (segment.status_code, segment.json()["code"]) == (422, "unknown_segment")
    assert "resident, hongkong_macao, taiwan" in segment.json()["detail"]
    assert cursor.status_code == 422
    assert await reports.service.entries("audit.lookup") == []


async def test_a_form_that_was_withdrawn_is_still_reported(reports: Reports) -> None:
    """It is published no more, but people handed it in."""
    await reports.submit(form="old")

    assert (await reports.report(form="old"))["total"]["applications"] == 1
    assert len((await reports.get("/slots", form="old")).json()["slots"]) == 2


# ---------------------------------------------------------------- opening a percentage


@pytest.mark.parametrize(
    ("rate", "code", "why"),
    [
        ("M5", "rate_not_of_slots", "baseline"),
        ("M9", "rate_not_of_slots", "applications, not of slots"),
        ("M99", "unknown_rate", "no such rate"),
    ],
)
async def test_a_rate_that_cannot_be_opened_says_why(
    reports: Reports, rate: str, code: str, why: str
) -> None:
    """And which ones can."""
    answer = await reports.get("/slots", rate=rate)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert why in answer.json()["detail"]
    assert "M1, M2, M3, M4" in answer.json()["detail"]


async def test_times_of_slots_end_in_z(reports: Reports) -> None:
    """RFC 3339 in UTC, as everywhere."""
    await reports.submit()

    (slot, _) = (await reports.get("/slots")).json()["slots"]
    assert slot["at"] == "2026-10-01T04:00:00Z"


async def test_a_percentage_is_opened_to_its_slots(reports: Reports) -> None:
    """As many as its counts say, each with application, path and codes; the look is an entry, once."""
    await reports.submit(times=4)
    await reports.submit([EDITED], form="other")
    rate = (await reports.report())["total"]["rates"]["M7"]

    opened = (await reports.get("/slots", rate="M7", part="denominator")).json()
    typed = (await reports.get("/slots", rate="M7")).json()

    assert (len(typed["slots"]), len(opened["slots"])) == (rate["numerator"], rate["denominator"]) == (4, 5)
    assert {slot["path"] for slot in typed["slots"]} == {"phone"}
    assert opened["is_complete"]
    looks = await reports.service.entries("audit.lookup")
    assert [(look["what"], look["shown"], look["filters"]["part"]) for look in looks] == [
        ("slots", 5, "denominator"),
        ("slots", 4, "numerator"),
    ]


async def test_slots_are_paged_as_one_look(reports: Reports) -> None:
    """One after another across applications; paging on is the same look, another search's cursor is refused."""
    await reports.submit(times=3)
    cursor: str | None = ""
    seen: list[tuple[str, str]] = []
    while cursor is not None:
        page = (await reports.get("/slots", limit=1, cursor=cursor)).json()
        seen += [(slot["submission"], slot["path"]) for slot in page["slots"]]
        cursor, last = page["next_cursor"], cursor

    assert len(seen) == len(set(seen)) == 6
    assert len(await reports.service.entries("audit.lookup")) == 1
    foreign = await reports.get("/slots", limit=1, cursor=last, form="review")
    assert (foreign.status_code, foreign.json()["code"]) == (422, "cursor_invalid")


@pytest.mark.parametrize(
    ("query", "slots"),
    [
        ({"form": "other"}, 1),
        ({"field": "phone"}, 2),
        ({"item": "person.phone"}, 2),
        ({"source": "civil"}, 3),
        ({"source": ""}, 2),
        ({"disposition": "edited"}, 1),
        ({"outcome": "no_binding"}, 2),
        ({"segment": "taiwan"}, 0),
        ({"department": "政务", "matter": "transport"}, 5),
        ({"from": "2026-10-02"}, 2),
        ({"to": "2026-10-02"}, 3),
        ({"rate": "M11", "part": "denominator"}, 3),
    ],
)
async def test_slots_are_found_by_everything_a_table_is_by(
    reports: Reports, query: dict[str, Any], slots: int
) -> None:
    """Whoever sees a cell can open it."""
    await reports.submit(times=2)
    await reports.submit([EDITED], form="other")
    await reports.submit(is_test=True)

    found = (await reports.get("/slots", **query)).json()

    assert len(found["slots"]) == slots


async def test_what_is_no_code_of_ours_is_not_repeated_in_the_log(reports: Reports) -> None:
    """Somebody puts a person's number where a matter belongs: the entry says only that something was given."""
    await reports.get("/slots", matter="35058219910603996X", field="13800138000")

    (look,) = await reports.service.entries("audit.lookup")
    assert look["filters"] == {"matter": "given", "field": "given"}


async def test_a_correction_moves_no_application_to_another_month(reports: Reports) -> None:
    """It counts as it stands now, when it was handed in; so do the slots that are opened."""
    first = await reports.submit()
    await reports.correct(replace(first, number=2, at=AT + timedelta(days=60), slots=(EDITED,)))

    october = await reports.report(**OCTOBER)
    opened = (await reports.get("/slots", **OCTOBER)).json()["slots"]

    assert october["total"]["counts"]["edited"] == 1
    assert october["total"]["counts"]["eligible"] == 1
    assert [(slot["snapshot"], slot["disposition"]) for slot in opened] == [(2, "edited")]


# ---------------------------------------------------------------- counted again


async def test_the_log_alone_gives_the_same_numbers(reports: Reports) -> None:
    """Recounted from entries, corrections and tests among them: equal, to the slot."""
    first = await reports.submit(times=6)
    await reports.submit(form="other", segment="taiwan", baseline=20)
    await reports.submit(is_test=True)
    await reports.correct(replace(first, number=2, slots=(EDITED,)))

    done = await recount(reports.runtime)

    assert (done.applications, done.slots, done.differences) == (7, 13, [])
    assert done.cells > 8
    looks = await reports.service.entries("audit.lookup")
    assert [look["what"] for look in looks] == ["recount"]


async def test_a_recount_of_a_period_is_that_periods(reports: Reports) -> None:
    """From one day to another, months and days alike."""
    await reports.submit(times=20)

    done = await recount(
        reports.runtime, since=(AT + timedelta(days=3)).date(), until=(AT + timedelta(days=9)).date()
    )

    assert (done.applications, done.differences) == (6, [])


async def test_a_cell_that_was_altered_is_named(reports: Reports) -> None:
    """A count that somebody changed behind our back differs from the log, and is told with its cell."""
    await reports.submit()
    await fold_waiting(reports.runtime)
    forged = replace(await reports.submit(), number=2, slots=(KEPT,))
    forged_entry = reports._entry(EntryKind.keys_rotated, forged)  # a correction without its entry
    await reports.runtime.store.submissions.correct(forged, forged_entry)

    done = await recount(reports.runtime)

    assert done.differences
    assert str(done.differences[0]) == "department 政务 / review: eligible is 4 in the log, 3 in the roll-ups"
