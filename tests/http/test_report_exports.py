"""Reports to file, to print and for everybody, over HTTP: who gets them, and what they are."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any

import httpx
import openpyxl
import pypdf
import pytest

from field_registry.outcomes import Disposition, OutcomeCode, Tier
from gateway.audit.entries import make_entry
from gateway.http.schemas.report_exports import OpenMonthBody
from gateway.records import Caller, EntryKind, GateRequest, GateWrite, Submission, SubmissionWrite
from gateway.reports.folding import fold_waiting
from gateway.slots import Slot, Snapshot
from gateway.submissions.noting import snapshot_facts

OCTOBER = datetime(2026, 10, 14, 2, tzinfo=UTC)
KEPT = Slot(
    "name", "name", "person.name", "civil", OutcomeCode.filled, Tier.A, Disposition.kept, True, True, False
)
TYPED = Slot("phone", "phone", "person.phone", None, OutcomeCode.no_binding, None, Disposition.typed)
HALL = ("data_admin", "operator", "auditor")
WORKBOOK, BRIEFING = (
    "/v1/reports/export.xlsx?from=2026-10-01&to=2026-11-01",
    "/v1/reports/briefing.pdf?month=2026-10",
)
OPEN = "/v1/reports/open?month=2026-10"


@dataclass
class Office:
    """A service with applications in it."""

    service: Any

    async def hand_in(self, times: int = 1, *, at: datetime = OCTOBER, **overrides: Any) -> None:
        """So many applications of one kept and one typed slot, counted."""
        runtime = self.service.runtime
        for _ in range(times):
            submission_id = runtime.new_reference("smn", at)
            base = Snapshot(
                submission_id, 1, at, "=review", 3, "JT-001", "政务", "resident", 1, 1, (KEPT, TYPED)
            )
            snapshot = replace(base, **overrides)
            made = Submission(
                *(submission_id, runtime.new_reference("res", at), "hall", snapshot.department),
                *(snapshot.form, 3, at, "aud_0", "d" * 64, {}, at),
            )
            entry = make_entry(
                runtime.new_reference("aud", at),
                EntryKind.submission_received,
                at,
                caller="hall",
                request=None,
                facts=snapshot_facts(snapshot),
            )
            write = GateWrite(entry, None, submission=SubmissionWrite(made, snapshot, was_purged=True))
            await runtime.store.gates.commit([GateRequest((), lambda _, write=write: write)])
        await fold_waiting(runtime)

    async def get(self, url: str, role: str | None = "data_admin") -> httpx.Response:
        """The answer to somebody of that role; None: to nobody known."""
        headers = {}
        if role is not None:
            caller = Caller("reader", "政务", frozenset({role}))
            headers = {"authorization": f"Bearer {self.service.app.state.tokens.issue_to(caller, 300)}"}
        return await self.service.http.get(url, headers=headers)


@pytest.fixture
async def office(make_service: Callable[..., Any]) -> AsyncIterator[Office]:
    made = make_service(open_statistics=True, hall_name="示范市政务服务中心")
    yield Office(made)
    await made.http.aclose()


@pytest.mark.parametrize("role", HALL)
async def test_the_hall_gets_the_workbook(office: Office, role: str) -> None:
    """A file to keep, whose first sheet says what it is of; a form named like a formula is text."""
    await office.hand_in(3)

    answer = await office.get(WORKBOOK, role)

    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    book = openpyxl.load_workbook(BytesIO(answer.content))
    about = {row[1].value: row[2].value for row in book.worksheets[0].iter_rows(min_row=4)}
    assert about["definition of the rates"] == "rates/1"
    assert about["from, inclusive"].date() == date(2026, 10, 1)
    assert about["applications"] == 3
    cell = book["按表单 by form"]["A2"]
    assert (cell.value, cell.data_type) == ("=review", "s")


async def test_no_sheet_holds_a_formula(office: Office) -> None:
    """Whatever stands in a name, a department or a segment."""
    await office.hand_in(1, department="+1", segment="@x", matter="-1")
    book = openpyxl.load_workbook(BytesIO((await office.get(WORKBOOK)).content))

    kinds = {cell.data_type for page in book for row in page.iter_rows() for cell in row}
    assert "f" not in kinds
    assert book["按部门 by department"]["A2"].value == "+1"


@pytest.mark.parametrize("url", [WORKBOOK, BRIEFING])
@pytest.mark.parametrize("role", ["renderer", "security", "portal", "consent_desk"])
async def test_nobody_else_gets_what_is_not_withheld(office: Office, url: str, role: str) -> None:
    """Workbook and briefing show every cell, so they are for the hall alone."""
    await office.hand_in(1)

    assert (await office.get(url, role)).status_code == 403
    assert (await office.get(url, None)).status_code == 401


async def test_the_briefing_is_two_pages_of_its_month(office: Office) -> None:
    """With the headline rate and its counts, issued by the hall."""
    await office.hand_in(4)
    await office.hand_in(2, at=OCTOBER - timedelta(days=30))

    answer = await office.get(BRIEFING)

    assert answer.headers["content-type"] == "application/pdf"
    reader = pypdf.PdfReader(BytesIO(answer.content))
    assert len(reader.pages) == 2
    assert "4 / 8" in reader.pages[0].extract_text()
    assert reader.metadata is not None
    assert reader.metadata.author == "示范市政务服务中心"


async def test_a_month_without_applications_has_no_briefing(office: Office) -> None:
    """It says so instead of printing two empty pages."""
    answer = await office.get("/v1/reports/briefing.pdf?month=2027-03")

    assert (answer.status_code, answer.json()["code"]) == (404, "nothing_handed_in")


@pytest.mark.parametrize(
    "url",
    [
        "/v1/reports/briefing.pdf?month=2026-13",
        "/v1/reports/briefing.pdf?month=10",
        "/v1/reports/briefing.pdf",
        "/v1/reports/open?month=2026-1",
        "/v1/reports/export.xlsx?from=yesterday",
    ],
)
async def test_what_is_no_month_is_refused(office: Office, url: str) -> None:
    """With the place that is wrong, before anything is read."""
    assert (await office.get(url)).status_code == 422


@pytest.mark.parametrize("period", ["from=2026-10-02&to=2026-10-01", "from=2020-01-01&to=2026-01-01"])
async def test_a_period_is_one(office: Office, period: str) -> None:
    """Neither backwards nor longer than a year."""
    answer = await office.get(f"/v1/reports/export.xlsx?{period}")

    assert (answer.status_code, answer.json()["code"]) == (400, "period_invalid")


async def test_open_statistics_are_for_everybody(office: Office) -> None:
    """Without a token, of the published shape, with small cells withheld and what would give them away."""
    await office.hand_in(30, form="large")
    await office.hand_in(12, form="middling")
    await office.hand_in(3, form="small")

    answer = await office.get(OPEN, None)

    assert answer.status_code == 200
    told = OpenMonthBody.model_validate_json(answer.content)
    assert {row.code: row.applications for row in told.tables["by-form"]} == {
        "large": 30,
        "middling": None,
        "small": None,
    }
    assert told.metadata.publisher == "示范市政务服务中心"
    assert told.metadata.made_at.minute == 0
    assert "max-age" in answer.headers["cache-control"]


async def test_open_statistics_name_the_kinds_of_applicants(office: Office) -> None:
    """In both languages; the period is `from` and `to`, as in every other report."""
    await office.hand_in(30)
    await office.hand_in(20, segment="individual_trader")

    told = (await office.get(OPEN, None)).json()

    assert {row["code"]: row["name"] for row in told["tables"]["by-segment"]} == {
        "resident": "内地居民 mainland resident",
        "individual_trader": "个体工商户 individual trader",
    }
    assert (told["metadata"]["period"]["from"], told["metadata"]["period"]["to"]) == (
        "2026-10-01",
        "2026-11-01",
    )


async def test_open_statistics_wait_until_the_month_is_over(office: Office) -> None:
    """Seven days after its end; a month under way, or not begun, has none."""
    await office.hand_in(20, at=office.service.clock() - timedelta(days=1))

    for month in ("2026-11", "2027-01"):
        answer = await office.get(f"/v1/reports/open?month={month}", None)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_published_yet")


async def test_open_statistics_are_made_once_an_hour(office: Office) -> None:
    """What is asked again within the hour is the same to the byte, whatever was counted meanwhile."""
    await office.hand_in(20)
    first = (await office.get(OPEN, None)).content
    await office.hand_in(20)
    again = (await office.get(OPEN, None)).content
    office.service.clock.tick(timedelta(hours=1))
    later = (await office.get(OPEN, None)).content

    assert first == again
    assert b'"applications":40' in later


async def test_a_hall_that_has_not_opened_them_publishes_none(make_service: Callable[..., Any]) -> None:
    """Off unless the setting says otherwise."""
    made = make_service()
    answer = await made.http.get(OPEN)
    await made.http.aclose()

    assert (answer.status_code, answer.json()["code"]) == (404, "not_open")
