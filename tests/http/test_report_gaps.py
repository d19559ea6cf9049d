"""`/v1/reports/gaps` and its neighbours over HTTP, on applications that were really resolved and handed in.

The story of the file: the gap list names an item; its source is really connected; the same people apply again; what was
predicted is what is measured.
"""

import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from field_registry import Registry
from forms.definition import Material
from gateway.app import create_app, refresh
from gateway.curation import Publisher
from gateway.demo.identifiers import resident_id
from gateway.http.schemas.report_gaps import AnswerTimesBody, ExemptBody, GapBody, LeagueBody, RepeatBody
from gateway.records import Caller
from gateway.reports.folding import fold_waiting
from gateway.settings import Settings
from gateway.store import MemoryStore
from gateway.store.migrate import migrate
from policies import Policy, Purpose, Rule
from policies.rules import Effect

sys.path.insert(
    0, str(Path(__file__).parents[1] / "unit" / "gateway" / "reports")
)  # that directory is no package

from gap_bench import DUTY, NOON, form, registry

DAY = timedelta(days=1)
NOVEMBER = {"from": "2026-11-01", "to": "2026-12-01"}
TRAFFIC, TAX = "交通", "税务"
PEOPLE = [resident_id("350582", date(1980, 1, 1) + timedelta(days=each), 901) for each in range(24)]
CARD = Material("id-card", "身份证", ("person.name", "person.sex"))
POLICY = Material("policy", "保险单", ("vehicle.policy_no",))
SHAPES = {
    "gaps": GapBody,
    "repeat-collection": RepeatBody,
    "sources": LeagueBody,
    "answer-times": AnswerTimesBody,
    "exempt-materials": ExemptBody,
}


class Clock:
    """A clock that a test moves."""

    now = NOON

    def __call__(self) -> Any:
        """The time a test set."""
        return self.now


class Town:
    """A service with two registers, one form, and people who apply."""

    def __init__(self, app: Any, clock: Clock) -> None:
        self.app, self.clock, self.runtime = app, clock, app.state.runtime
        transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    def bearer(self, *roles: str, department: str = TRAFFIC) -> dict[str, str]:
        """The header of a caller with those roles."""
        caller = Caller("hall", department, frozenset(roles or ("renderer",)))
        return {"authorization": f"Bearer {self.app.state.tokens.issue_to(caller, 300)}"}

    async def publish(self, *bound: str, silent: tuple[str, ...] = (), forms: tuple[Any, ...] = ()) -> None:
        """The next registry, with these items bound too, and registers that know everybody but `silent`."""
        base = registry(*bound)
        records = {
            who: {
                "xm": f"某{each}",
                "xb": "男",
                "x": f"POL{each}",
                **({"fault": "error"} if who in silent else {}),
            }
            for each, who in enumerate(PEOPLE)
        }
        sources = [
            replace(each, config={"personas": records}, failures_to_open=1_000)
            for each in base.sources.values()
        ]
        made = Registry.of(0, items=base.items.values(), sources=sources, bindings=base.bindings)
        publisher = Publisher(self.runtime.store, "test", self.clock(), self.runtime.new_reference)
        await publisher.registry(made)
        await publisher.policy(
            Policy.of(0, [Purpose("review", "审验")], [Rule("R-1", Effect.permit, "duty", ground=DUTY)])
        )
        for each in forms or (form(materials=(CARD, POLICY)),):
            await publisher.form(each)
        await refresh(self.runtime)

    async def apply(
        self, who: str, *, department: str = TRAFFIC, edits: tuple[str, ...] = (), **more: Any
    ) -> None:
        """One application: what is offered is kept unless edited, policy and phone are typed where they are not."""
        headers = self.bearer(department=department)
        subject = {"kind": "person", "id_type": "111", "id_no": who}
        body = {"form": {"id": "review"}, "case": "c", "subjects": {"applicant": subject}, "consent": None}
        body |= {"actor": {"kind": "clerk", "id": "jj-1"}}
        answer = await self.http.post("/v1/resolutions", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        offered = {path: field["value"] for path, field in answer.json()["fields"].items() if field["value"]}
        typed = {"name": "某某", "sex": "男", "policy": "POL1", "phone": "13800138000"}
        values = typed | offered | dict.fromkeys(edits, "改")
        url = f"/v1/resolutions/{answer.json()['id']}/submission"
        told = await self.http.post(url, json={"values": values, **more}, headers=headers)
        assert told.status_code == 200, told.text

    async def everybody(self, **more: Any) -> None:
        """All people apply, and what they handed in is counted."""
        for who in PEOPLE:
            await self.apply(who, **more)
        await self.counted()

    async def counted(self) -> None:
        """What the jobs of a worker do every few seconds."""
        await fold_waiting(self.runtime)
        await self.app.state.health.flush()

    async def report(
        self, name: str, *, by: tuple[str, ...] = ("data_admin",), **query: Any
    ) -> dict[str, Any]:
        """A report of that day (or of `from`, `to`), which has its published shape."""
        await self.counted()
        today = (self.clock() + timedelta(hours=8)).date()
        days = {"from": today.isoformat(), "to": (today + DAY).isoformat()}
        answer = await self.http.get(f"/v1/reports/{name}", params=days | query, headers=self.bearer(*by))
        assert answer.status_code == 200, answer.text
        SHAPES[name].model_validate_json(answer.content)
        told: dict[str, Any] = answer.json()
        return told


@pytest.fixture(params=["memory", "sqlite"])
async def town(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Town]:
    """The town with name and sex connected, over each kind of store."""
    clock = Clock()
    settings = Settings(state_dir=tmp_path)
    if request.param == "sqlite":
        migrate(settings.database_url)
    app = create_app(settings, store=MemoryStore() if request.param == "memory" else None, clock=clock)
    made = Town(app, clock)
    await made.publish()
    yield made
    await made.http.aclose()
    await made.runtime.sources.close()
    await made.runtime.store.close()


# ---------------------------------------------------------------- the story


async def test_what_was_predicted_is_what_is_measured(town: Town) -> None:
    """The list names the policy number; its source is connected; the same people apply again: equal to the slot."""
    await town.everybody()
    before = await town.report("gaps")
    step = before["steps"][0]
    assert [(fix["kind"], fix["item"], fix["department"]) for fix in step["fixes"]] == [
        ("connect", "vehicle.policy_no", "金融监管")
    ]

    town.clock.now += DAY
    await town.publish(step["fixes"][0]["item"])
    await town.everybody()
    after = await town.report("gaps")

    assert before["m4"] == {"rate": 0.5, "numerator": 48, "denominator": 96}
    assert (step["points"], step["m4_after"]) == (25.0, 0.75)
    assert after["m4"] == {"rate": 0.75, "numerator": 72, "denominator": 96}
    assert [fix["item"] for step in after["steps"] for fix in step["fixes"]] == [
        "person.phone",
        "person.phone",
    ]


async def test_it_holds_where_people_edit(town: Town) -> None:
    """A quarter of all values is changed, before and after: the prediction is right within one point."""
    for each, who in enumerate(PEOPLE):
        await town.apply(who, edits=("sex",) if each % 2 else ())
    step = (await town.report("gaps"))["steps"][0]

    town.clock.now += DAY
    await town.publish("vehicle.policy_no")
    for each, who in enumerate(PEOPLE):
        await town.apply(
            who, edits=(*(("sex",) if each % 2 else ()), *(("policy",) if each % 4 == 1 else ()))
        )
    measured = (await town.report("gaps"))["m4"]

    assert abs(step["m4_after"] - measured["numerator"] / measured["denominator"]) < 0.01
    assert step["kept_of_answered"] == {"rate": 0.75, "numerator": 36, "denominator": 48}


async def test_a_source_that_is_mended_gains_what_was_predicted(town: Town) -> None:
    """A third of the people met a broken register; once it answers they are filled like the others."""
    town.clock.now += DAY
    await town.publish(silent=tuple(PEOPLE[:8]))
    await town.everybody()
    steps = (await town.report("gaps"))["steps"]
    step = next(each for each in steps if each["fixes"][0]["kind"] == "reliable")

    town.clock.now += DAY
    await town.publish()
    await town.everybody()
    after = await town.report("gaps")

    assert step["fixes"][0]["source"] == "civil"
    assert (step["slots"], step["applications"]) == (16, 8)
    assert after["m4"] == {"rate": 0.5, "numerator": 48, "denominator": 96}
    assert round(step["points_alone"], 1) == round(100 * (48 - 32) / 96, 1)


async def test_the_sentence_says_what_to_do_and_what_it_brings(town: Town) -> None:
    """In Chinese, with English beside; people are counted per month."""
    await town.everybody()
    step = (await town.report("gaps"))["steps"][0]

    assert step["sentence"] == (
        "接入 vehicle.policy_no（保险单号）：回填率 +25.0 个百分点，涉及 1 张表单、每月 720 件；由金融监管办理。"
    )
    assert step["sentence_en"] == (
        "connect vehicle.policy_no (保险单号): +25.0 points on 1 form, 720 applications a month; for 金融监管."
    )


async def test_what_was_connected_since_is_told_as_done(town: Town) -> None:
    """The old month is not a to-do list of the new registry."""
    await town.everybody()
    await town.publish("vehicle.policy_no")
    report = await town.report("gaps")

    assert [each["done"] for each in report["causes"]] == [False, True]
    assert all(fix["item"] != "vehicle.policy_no" for step in report["steps"] for fix in step["fixes"])


async def test_steps_come_in_pages(town: Town) -> None:
    """The second page goes on where the first ended, on top of it."""
    await town.everybody()
    whole = await town.report("gaps")
    first = await town.report("gaps", limit=1)
    second = await town.report("gaps", limit=1, cursor=first["next_cursor"])

    assert first["steps"] + second["steps"] == whole["steps"]
    assert [each["rank"] for each in second["steps"]] == [2]
    assert second["next_cursor"] is None


async def test_tests_count_nowhere(town: Town) -> None:
    """An application that only tried the system is in no report."""
    await town.apply(PEOPLE[0], test=True)
    await town.counted()

    assert (await town.report("gaps"))["applications"] == {"counted": 0, "waiting": 0}
    assert (await town.report("repeat-collection"))["rows"] == []


# ---------------------------------------------------------------- the neighbours


async def test_who_was_asked_again_is_listed_for_the_office(town: Town) -> None:
    """The phone is held and connected, and the form does not name it: typed by everybody, every time."""
    await town.publish("person.phone")
    await town.everybody()
    report = await town.report("repeat-collection")

    (row,) = report["rows"]
    assert (row["department"], row["field"], row["item"], row["owner"]) == (
        TRAFFIC,
        "phone",
        "person.phone",
        "人社",
    )
    assert row["sources"] == [{"id": "insurance", "name": "保险库"}]
    assert (row["times"], row["applications"], row["last_seen"]) == (24, 24, "2026-11-21")
    assert row["advice"] == "bind"
    assert report["m7"] == {"rate": 0.5, "numerator": 24, "denominator": 48}


async def test_a_source_that_failed_is_pressed(town: Town) -> None:
    """What was typed because a register broke down could have been had."""
    town.clock.now += DAY
    await town.publish(silent=tuple(PEOPLE))
    await town.everybody()
    rows = (await town.report("repeat-collection"))["rows"]

    assert {(row["field"], row["outcome"], row["advice"]) for row in rows} == {
        ("name", "source_error", "press_source"),
        ("sex", "source_error", "press_source"),
    }


async def test_sources_are_judged_by_their_answers(town: Town) -> None:
    """One call each; those that broke are not available, and the values that came are none that was found wrong."""
    town.clock.now += DAY
    await town.publish(silent=tuple(PEOPLE[:6]))
    await town.everybody()
    report = await town.report("sources")

    civil, unused = report["sources"]
    assert (civil["source"], civil["available"]) == (
        "civil",
        {"rate": 0.75, "numerator": 18, "denominator": 24},
    )
    assert civil["calls"] == {"filled": 18, "source_error": 6}
    assert civil["confirmed_wrong"] == {"rate": 0.0, "numerator": 0, "denominator": 36}
    assert civil["stale"]["denominator"] == 36
    assert civil["ms"]["p50"] is not None
    assert (unused["source"], unused["available"]["denominator"]) == ("insurance", 0)
    assert report["lost_at_most_seconds"] == 10


async def test_answer_times_are_told_by_form(town: Town) -> None:
    """As many as were resolved."""
    await town.everybody()
    (row,) = (await town.report("answer-times"))["forms"]

    assert (row["form"], row["answers"]) == ("review", 24)
    assert row["ms"]["p95"] > 0


async def test_papers_that_need_not_be_handed_in(town: Town) -> None:
    """The card's content was filled each time; the policy waits for its source, and is exempt once it has one."""
    await town.everybody()
    before = await town.report("exempt-materials")
    await town.publish("vehicle.policy_no")
    after = await town.report("exempt-materials")

    assert before["exempt"] == {"rate": 0.5, "numerator": 1, "denominator": 2}
    assert before["exempt_in_practice"] == {"rate": 0.5, "numerator": 24, "denominator": 48}
    card, policy = before["materials"]
    assert (card["exempt"], card["filled"]["numerator"]) == (True, 24)
    assert [(each["what"], each["why"]) for each in policy["missing"]] == [
        ("vehicle.policy_no", "not_connected")
    ]
    assert after["exempt"] == {"rate": 1.0, "numerator": 2, "denominator": 2}


# ---------------------------------------------------------------- who may see what


async def test_a_renderer_sees_its_own_department(town: Town) -> None:
    """Its own numbers of a month that is over, and a refusal for another's."""
    await town.everybody()
    for who in PEOPLE[:12]:
        await town.apply(who, department=TAX)
    hall = await town.report("gaps")
    assert hall["applications"]["counted"] == 36
    assert (await town.report("gaps", department=TAX))["applications"]["counted"] == 12

    town.clock.now += 10 * DAY
    own = await town.report("gaps", by=("renderer",), **NOVEMBER)
    asked = await town.http.get(
        "/v1/reports/gaps", params={"department": TAX}, headers=town.bearer("renderer")
    )

    assert (own["applications"]["counted"], own["segments"]) == (24, [])
    assert own["m4"] == {"rate": 0.5, "numerator": 48, "denominator": 96}
    assert own["steps"][0]["fixes"] == hall["steps"][0]["fixes"]
    assert (asked.status_code, asked.json()["code"]) == (403, "other_department")


async def test_few_applications_are_not_told_outside_the_hall(town: Town) -> None:
    """Fewer than ten could be somebody; those who run the hall see them."""
    for who in PEOPLE[:9]:
        await town.apply(who)
    assert len((await town.report("gaps"))["steps"]) == 2

    town.clock.now += 10 * DAY
    for name, rows in (("gaps", "steps"), ("repeat-collection", "rows")):
        assert (await town.report(name, by=("renderer",), **NOVEMBER))[rows] == []
    assert (await town.report("gaps", by=("renderer",), **NOVEMBER))["m4"] is None


async def test_outside_the_hall_causes_of_few_are_told_by_nobody(town: Town) -> None:
    """Three people met a broken register: their slots are in the totals, and in no cause, step or row."""
    town.clock.now -= DAY
    await town.publish("person.phone", silent=tuple(PEOPLE[:3]))
    await town.everybody()
    town.clock.now += 15 * DAY
    outside = await town.report("gaps", by=("renderer",), **NOVEMBER)
    inside = await town.report("gaps", **NOVEMBER)
    again = await town.report("repeat-collection", by=("renderer",), **NOVEMBER)

    assert "source_error" in {each["outcome"] for each in inside["causes"]}
    assert "source_error" not in {each["outcome"] for each in outside["causes"]}
    assert outside["m4"] == inside["m4"]
    assert [(row["field"], row["last_seen"]) for row in again["rows"]] in ([("phone", None)], [])
    assert again["m7"]["denominator"] > 0


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-11-01", "to": "2026-12-01"},  # under way
        {"from": "2026-10-02", "to": "2026-11-01"},
        {"from": "2026-10-01", "to": "2026-10-31"},
        {"segment": "taiwan"},
    ],
)
async def test_outside_the_hall_reports_are_of_months_that_are_over(
    town: Town, query: dict[str, str]
) -> None:
    """Anything else could be subtracted from what is told anyway; the refusal says what to ask for."""
    answer = await town.http.get("/v1/reports/gaps", params=query, headers=town.bearer("renderer"))

    assert (answer.status_code, answer.json()["code"]) == (422, "not_counted_so")
    usual = await town.http.get("/v1/reports/gaps", headers=town.bearer("renderer"))
    assert (usual.json()["from"], usual.json()["to"]) == ("2026-10-01", "2026-11-01")


async def test_by_segment_causes_are_counted_month_by_month(town: Town) -> None:
    """Part of a month is refused; without days it is this month and the last."""
    await town.everybody()
    part = await town.http.get(
        "/v1/reports/gaps",
        params={"segment": "resident", "from": "2026-11-02", "to": "2026-12-01"},
        headers=town.bearer("operator"),
    )
    usual = await town.http.get(
        "/v1/reports/gaps", params={"segment": "resident"}, headers=town.bearer("operator")
    )

    assert (part.status_code, part.json()["code"]) == (422, "not_counted_so")
    assert (usual.json()["from"], usual.json()["to"]) == ("2026-10-01", "2026-12-01")
    assert usual.json()["m4"] == (await town.report("gaps"))["m4"]
    assert usual.json()["steps"][0]["kept_of_answered"]["denominator"] == 48


async def test_a_report_says_what_is_not_counted_yet(town: Town) -> None:
    """Snapshots that wait are told; none is read past the roll-ups."""
    await town.apply(PEOPLE[0])
    answer = await town.http.get("/v1/reports/gaps", headers=town.bearer("operator"))

    assert answer.json()["applications"] == {"counted": 0, "waiting": 1}


async def test_a_whole_month_still_knows_the_day_it_was_asked_last(town: Town) -> None:
    """Months are kept as months; the day is looked up where it is shown."""
    await town.publish("person.phone")
    await town.everybody()
    (row,) = (await town.report("repeat-collection", **NOVEMBER))["rows"]

    assert (row["times"], row["last_seen"]) == (24, "2026-11-21")


@pytest.mark.parametrize(
    "days", [("2026-11-21", "2026-11-21"), ("2026-11-22", "2026-11-21"), ("2024-01-01", "2026-01-01")]
)
async def test_a_period_is_of_some_days_and_at_most_a_year(town: Town, days: tuple[str, str]) -> None:
    """None, or too many, is a clear refusal."""
    params = dict(zip(("from", "to"), days, strict=True))
    answer = await town.http.get("/v1/reports/gaps", params=params, headers=town.bearer("auditor"))

    assert (answer.status_code, answer.json()["code"]) == (400, "period_invalid")


async def test_without_days_it_is_the_last_month(town: Town) -> None:
    """Up to and with today, in China."""
    answer = await town.http.get("/v1/reports/sources", headers=town.bearer("operator"))

    assert (answer.json()["from"], answer.json()["to"]) == ("2026-10-23", "2026-11-22")
