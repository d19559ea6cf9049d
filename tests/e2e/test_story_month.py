"""A month in the city: lived through once, reported by form, counted again from the log, opened down to its slots."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import openpyxl
import pypdf
import pytest
from typer.testing import CliRunner

from gateway.app import make_runtime, utc_now
from gateway.cli import app
from gateway.demo.arrivals import DAYS, month_until
from gateway.demo.city import RunningCity
from gateway.demo.clock import MovedClock
from gateway.demo.house import furnish, publish_city
from gateway.demo.month import Lived, Month
from gateway.demo.report import month_report
from gateway.reports.backfill_slots import Part, SlotsAsked, open_slots
from gateway.reports.periods import begins
from gateway.reports.rates import Rate
from gateway.runtime import Runtime
from gateway.store.migrate import migrate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

APPLICATIONS = {"sqlite": 200, "postgresql": 60}
SEED = 5


@dataclass(frozen=True)
class LivedMonth:
    """A month that was lived, and the state directory it left. `told`: as the demonstration reports it."""

    state: Path
    lived: Lived
    told: dict[str, Any]

    @property
    def first(self) -> date:
        return self.lived.first

    @property
    def until(self) -> date:
        return self.first + timedelta(days=DAYS)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def month(
    request: pytest.FixtureRequest,
    running_city: RunningCity,
    tmp_path_factory: pytest.TempPathFactory,
    own_database: Callable[[], Any],
) -> Iterator[LivedMonth]:
    """One month on each kind of database."""
    directory = tmp_path_factory.mktemp(f"month-{request.param}")
    with contextlib.ExitStack() as stack:
        settings = furnish(directory, running_city, port=0)
        if request.param == "postgresql":
            url = stack.enter_context(own_database())
            migrate(url)
            settings = settings.model_copy(update={"database_url": url})
            with (directory / "settings.toml").open("a", encoding="utf-8") as file:
                file.write(f'database_url = "{url}"\n')
        lived, told = asyncio.run(live(running_city, settings, APPLICATIONS[request.param]))
        yield LivedMonth(directory, lived, told)


async def live(city: RunningCity, settings: Any, applications: int) -> tuple[Lived, dict[str, Any]]:
    """The month, lived in this process by a moved clock."""
    first = month_until(city.city.today)
    clock = MovedClock(begins(first))
    runtime = make_runtime(settings, clock=clock)
    try:
        await publish_city(runtime)
        lived = await Month(city, runtime, clock, first=first, seed=SEED).live(applications)
        return lived, (await month_report(lived, runtime)).document()
    finally:
        await runtime.ledger.drain()
        await runtime.sources.close()
        await runtime.store.close()


def run(*arguments: object) -> tuple[int, str]:
    """A command in this process: exit code and what it printed."""
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    return result.exit_code, result.stdout


def told(*arguments: object) -> Any:
    """What a command that must succeed prints for machines."""
    code, printed = run(*arguments, "--json")
    assert code == 0, printed
    return json.loads(printed)


async def with_runtime(month: LivedMonth, work: Callable[[Runtime], Any]) -> Any:
    """What that work gives, on what the month left."""
    from gateway.cli.common import runtime_of

    async with runtime_of(month.state) as runtime:
        return await work(runtime)


def test_everybody_who_came_is_accounted_for(month: LivedMonth) -> None:
    """Handed in, abandoned, or refused with a code; nobody lost, and hardly anybody refused."""
    lived = month.lived

    assert lived.submitted + lived.abandoned + sum(lived.refused.values()) == lived.applications
    assert lived.refused == {}
    assert min(lived.submitted, lived.abandoned, lived.disputed + lived.kept) > 0


def test_the_report_by_form_adds_up(month: LivedMonth) -> None:
    """Every application that is no test stands under its form, and the total is the sum of the forms."""
    rates = ("M3", "M4", "M4a", "M7")
    forms = month.told["forms"]

    assert sum(form["applications"] for form in forms) == month.lived.submitted - month.lived.tests
    for rate in rates:
        for part in ("numerator", "denominator"):
            assert sum(form[rate][part] for form in forms) == month.told["rates"][rate][part]
    assert 0.4 < month.told["rates"]["M4"]["rate"] < 0.95


def test_counted_again_from_the_log_it_is_equal_to_the_slot(month: LivedMonth) -> None:
    """`report recount` reads entries alone and finds no difference, for the month and without bounds."""
    for period in ([], ["--from", month.first, "--to", month.until]):
        recounted = told("report", "recount", "--state", month.state, *period)

        assert recounted["equal"] is True, recounted["differences"]
        assert recounted["applications"] == month.lived.submitted - month.lived.tests
        assert recounted["slots"] == month.told["rates"]["M3"]["denominator"]


def test_a_percentage_is_opened_down_to_its_slots(month: LivedMonth) -> None:
    """M4 of one form: as many slots as its numerator and its denominator say, each kept ones of tier A, B or C."""
    form = max(month.told["forms"], key=lambda form: form["applications"])

    async def slots(runtime: Runtime, part: Part) -> list[Any]:
        asked = SlotsAsked(form=form["id"], rate="M4", part=part)
        found, cursor = [], ""
        while True:
            page = await open_slots(asked, runtime, caller="test", limit=500, cursor=cursor)
            found += page.slots
            if page.cursor is None:
                return found
            cursor = page.cursor

    kept = asyncio.run(with_runtime(month, lambda runtime: slots(runtime, Part.numerator)))
    answered = asyncio.run(with_runtime(month, lambda runtime: slots(runtime, Part.denominator)))

    assert Rate(len(kept), len(answered)).as_dict() == form["M4"]
    assert {each.slot.disposition.value for each in kept} == {"kept"}
    assert {each.slot.tier.value for each in kept} <= {"A", "B", "C"}
    assert len({each.snapshot.submission_id for each in answered}) == form["applications"]


def test_the_log_is_sound_and_its_times_go_forward(month: LivedMonth, tmp_path: Path) -> None:
    """The whole log verifies offline, and recounting the exported bundle gives the same numbers again."""
    bundle = tmp_path / "log.zip"

    assert run("audit", "export", "--out", bundle, "--state", month.state)[0] == 0
    assert run("audit", "verify", bundle)[0] == 0
    assert told("report", "recount", "--bundle", bundle, "--state", month.state)["equal"] is True
    entries = told("audit", "entries", "--state", month.state, "--limit", "10000")["entries"]
    times = [datetime.fromisoformat(entry["at"]) for entry in entries]
    lived = [at for at in times if at < begins(month.until)]
    assert lived[0] >= begins(month.first)
    # Those who are served together commit in any order; nobody is served an hour before somebody who came earlier.
    assert all(later > earlier - timedelta(minutes=1) for earlier, later in pairwise(lived))


def test_outages_are_seen_in_the_reports(month: LivedMonth) -> None:
    """A register that was down for days is not the most available one, and its fields were typed though obtainable."""
    sources = told("report", "sources", "--state", month.state)["sources"]

    shares = {
        line["source"]: line["available"]["rate"] for line in sources if line["available"]["denominator"]
    }
    assert any(share < 1 for share in shares.values())
    assert month.told["rates"]["M7"]["numerator"] > 0
    assert month.told["repeat"]["m7"] == month.told["rates"]["M7"]


def test_departments_answer_disputes_and_some_are_forgotten(month: LivedMonth) -> None:
    """Tickets opened at the counter are corrected or upheld within days; the briefing tells how many."""
    found = told("dispute", "list", "--state", month.state)["disputes"]

    states = [each["state"] for each in found]
    assert len(found) >= month.lived.disputed > 0
    assert states.count("corrected") + states.count("upheld") == month.lived.answered
    assert set(states) <= {"open", "corrected", "upheld"}


def test_what_to_do_next_is_told_with_its_gain(month: LivedMonth) -> None:
    """Three steps with sentences in both languages; each gain is on top of those before it."""
    steps = month.told["gaps"]

    assert [step["rank"] for step in steps] == [1, 2, 3]
    assert all(step["points"] > 0 and step["sentence"] and step["sentence_en"] for step in steps)
    after = [step["m4_after"] for step in steps]
    assert after == sorted(after)


def test_the_workbook_says_what_the_report_says(month: LivedMonth, tmp_path: Path) -> None:
    """One sheet per table; M4 by form is the report's, as a number with its counts."""
    file = tmp_path / "reports.xlsx"
    told(
        "report", "export", "--out", file, "--from", month.first, "--to", month.until, "--state", month.state
    )
    book = openpyxl.load_workbook(BytesIO(file.read_bytes()))
    page = book["按表单 by form"]
    headings = [str(cell.value).partition("\n")[0] for cell in page[1]]
    at = headings.index("回填率 M4")

    found = {
        row[0].value: {"numerator": row[at + 1].value, "denominator": row[at + 2].value}
        for row in page.iter_rows(min_row=2)
    }
    assert found == {
        form["id"]: {name: form["M4"][name] for name in ("numerator", "denominator")}
        for form in month.told["forms"]
    }
    assert len(book.sheetnames) >= 15


def test_the_briefing_tells_its_month(month: LivedMonth, tmp_path: Path) -> None:
    """Two pages of the month that most of it lies in, with the headline rate and its counts; as pictures too."""
    first = (month.first + timedelta(days=14)).replace(day=1)
    after = (first + timedelta(days=31)).replace(day=1)
    file = tmp_path / "briefing.pdf"
    asked = ("report", "briefing", "--month", f"{first:%Y-%m}", "--out", file, "--state", month.state)
    told(*asked)
    told(*asked, "--png")
    report = told(*("report", "backfill", "--from", first, "--to", after, "--state", month.state))

    pages = pypdf.PdfReader(file).pages
    pictures = sorted(tmp_path.glob("*.png"))
    assert [each.name for each in pictures] == ["briefing-1.png", "briefing-2.png"]
    assert all(each.read_bytes().startswith(b"\x89PNG") for each in pictures)
    rate = report["total"]["rates"]["M4"]
    assert len(pages) == 2
    assert f"{rate['numerator']:,} / {rate['denominator']:,}" in pages[0].extract_text()


def test_open_statistics_withhold_what_is_small(month: LivedMonth, tmp_path: Path) -> None:
    """No published cell has fewer than ten applications, and none can be had by subtracting."""
    made = told("report", "open", "--out", tmp_path, "--state", month.state)["files"]
    file = next(
        Path(each["file"]) for each in made if Path(each["file"]).stem == Path(each["file"]).parent.name
    )
    document = json.loads(file.read_text(encoding="utf-8"))

    for rows in document["tables"].values():
        assert all(row["applications"] >= 10 for row in rows if not row["withheld"])
        assert sum(row["withheld"] for row in rows) != 1 or len(rows) == 1


def test_the_month_is_over(month: LivedMonth) -> None:
    """It ended yesterday, so that whoever opens a report of the last days finds all of it."""
    recent = told("report", "gaps", "--state", month.state)

    assert begins(month.until) <= utc_now()
    assert recent["applications"]["counted"] == month.lived.submitted - month.lived.tests
