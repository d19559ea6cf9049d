"""A month of traffic: who comes when, for what, and what they do; always the same for the same seed."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from field_registry.load import load_registry
from field_registry.normalise import normaliser_for
from forms.load import load_forms
from gateway.curation import SHIPPED
from gateway.demo import City
from gateway.demo.applicants import Applicant, Townspeople
from gateway.demo.arrivals import (
    CHINA,
    DAYS,
    Moment,
    arrivals,
    is_after_hours,
    load_traffic,
    month_until,
    outages,
)
from gateway.demo.clock import MovedClock
from gateway.demo.departments import DATABASES, HTTP_SERVICES
from gateway.demo.faults import FaultKind
from gateway.demo.habits import Habits, Plan
from gateway.demo.truth import Typist, misspelt

OCTOBER = date(2026, 10, 1)
REGISTRY = load_registry(SHIPPED["field_registry"]).registry
FORMS = {form.id: form for form in load_forms(SHIPPED["forms"]).forms}
REVIEW = FORMS["vehicle-annual-review"]


def people(city: City, seed: int = 3, number: int = 300, *, after_hours: bool = False) -> list[Applicant]:
    crowd = Townspeople(city, list(FORMS.values()), Random(seed))
    return [crowd.next(after_hours=after_hours) for _ in range(number)]


def described(comers: list[Applicant]) -> list[tuple[Any, ...]]:
    return [(each.form.id, each.cast, each.actor, each.habits.getstate()) for each in comers]


# ── when ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("applications", [1, 7, 100, 5000])
def test_exactly_so_many_people_come(applications: int) -> None:
    """In order of time, all within the month by the hall's clock, at hours far enough apart to be served."""
    moments = arrivals(OCTOBER, applications, Random(1))

    assert sum(moment.people for moment in moments) == applications
    assert min(moment.people for moment in moments) >= 1
    assert {moment.local.date() for moment in moments} <= {
        OCTOBER + timedelta(days=each) for each in range(DAYS)
    }
    gaps = [later.at - earlier.at for earlier, later in pairwise(moments)]
    assert all(gap > timedelta(minutes=30) for gap in gaps)


def test_the_hall_is_busy_on_weekday_mornings_and_quiet_on_sundays() -> None:
    """The pattern of an office, seen in a large month."""
    by_day, by_hour = Counter[int](), Counter[int]()
    for moment in arrivals(OCTOBER, 5000, Random(2)):
        by_day[moment.local.weekday()] += moment.people
        by_hour[moment.local.hour] += moment.people

    assert by_day[0] > 4 * by_day[6]
    assert by_hour[10] > 2 * by_hour[17] > 0
    assert not by_hour[3]


def test_outages_name_registers_and_faults_there_are() -> None:
    """Each within its month; a mistyped source would fail nobody."""
    sources = {service.source for service in (*HTTP_SERVICES, *DATABASES)}

    for outage in outages(OCTOBER):
        assert outage.source in sources
        assert FaultKind(outage.fault) is not FaultKind.none
        assert OCTOBER <= outage.begins.date() <= outage.ends.date() < OCTOBER + timedelta(days=DAYS)
        assert outage.covers(Moment(outage.begins.astimezone(UTC), 1))
        assert not outage.covers(Moment(outage.ends.astimezone(UTC), 1))


@pytest.mark.parametrize(
    ("day", "hour", "closed"), [(5, 10, False), (5, 12, True), (5, 20, True), (4, 10, True)]
)
def test_counters_close(day: int, hour: int, closed: bool) -> None:
    """At noon, in the evening, on Sundays (4 October 2026 is one)."""
    assert is_after_hours(Moment(datetime(2026, 10, day, hour, tzinfo=CHINA), 1)) is closed


def test_the_month_ends_yesterday() -> None:
    """So that whoever opens a report of the last days finds it."""
    today = date(2026, 11, 22)

    moments = arrivals(month_until(today), 3000, Random(4))

    assert moments[-1].local.date() == today - timedelta(days=1)


# ── who ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_seed_brings_the_same_people(city: City) -> None:
    """For the same things, through the same doors, with the same habits; another seed brings others."""
    assert described(people(city, 3)) == described(people(city, 3))
    assert described(people(city, 3)) != described(people(city, 4))


def test_every_form_is_asked_for(city: City) -> None:
    """By people the form has roles for; each form that ships stands in the traffic."""
    comers = people(city, number=600)

    assert {each.form.id for each in comers} == set(FORMS) == set(load_traffic()["forms"])
    for each in comers:
        assert all(role.name in each.cast for role in each.form.roles if role.required)


def test_people_from_taiwan_and_individual_traders_come(city: City) -> None:
    """Often enough to be counted as groups of their own."""
    comers = people(city, number=600)

    documents = Counter(who.get("id_type", "") for each in comers for who in each.cast.values())
    traders = [each for each in comers if each.cast.get("enterprise", {}).get("uscc", "").startswith("92")]
    assert documents["511"] >= 10
    assert len(traders) >= 30


def test_nobody_stands_at_a_closed_counter(city: City) -> None:
    """After hours people use their phones and terminals."""
    assert {each.actor.kind for each in people(city, after_hours=True)} == {"applicant", "terminal"}
    assert {each.actor.kind for each in people(city)} == {"clerk", "terminal", "applicant", "agent"}


# ── what they do ────────────────────────────────────────────────────────────────────────────────────────────────────


def offered(path: str, value: Any, *, tier: str = "A", locked: bool = True) -> dict[str, Any]:
    return {"outcome": "filled", "value": value, "tier": tier, "locked": locked}


EMPTY = {"outcome": "timeout", "value": None}
HIDDEN = {"outcome": "skipped_hidden", "value": None}


def handed(city: City, fields: dict[str, Any], times: int = 400, form: Any = REVIEW) -> list[Any]:
    habits = Habits(city, REGISTRY)
    plan = Plan({"has_modification": False}, frozenset(), False, False, False, False)
    one = next(each for each in people(city) if each.form.id == form.id)
    comers = [Applicant(form, one.cast, one.actor, Random(seed)) for seed in range(times)]
    return [habits.hand_in(comer, plan, fields) for comer in comers]


def test_what_is_locked_is_kept_or_disputed_never_edited(city: City) -> None:
    """Whoever finds a register wrong says so; a dispute carries a reason and another value."""
    for each in handed(city, {"plate_number": offered("plate_number", "闽C90001")}):
        value = str(each.values["plate_number"])
        is_same = value.translate({ord("０") + n: str(n) for n in range(10)}).strip() == "闽C90001"
        assert is_same != ("plate_number" in each.disputes)
        assert all(dispute["reason"] for dispute in each.disputes.values())


def test_some_dispute_some_edit_some_clear(city: City) -> None:
    """In a large crowd everything that a report tells of happens, and keeping is what most do."""
    fields = {
        "plate_number": offered("plate_number", "闽C90001"),
        "review_station": offered("x", "青阳审验点", locked=False),
    }
    crowd = handed(city, fields, times=1500)

    stations = Counter(str(each.values.get("review_station")).strip() for each in crowd)
    assert sum(bool(each.disputes) for each in crowd) > 0
    assert stations["青阳审验点"] > 1200
    assert stations["None"] > 0
    assert len(stations) > 2


def test_what_is_empty_is_typed_and_perhaps_kept_for_next_time(city: City) -> None:
    """A required field always; kept only where the registry has a place for it in the record."""
    form = FORMS["social-insurance-enrolment"]
    crowd = handed(city, {"phone": EMPTY, "name": EMPTY, "job": EMPTY}, form=form)

    assert all(each.values["phone"] and each.values["name"] and each.values["job"] for each in crowd)
    assert 0 < sum("phone" in each.keep for each in crowd) < len(crowd)
    assert not any({"name", "job"} & each.keep.keys() for each in crowd)


def test_what_is_hidden_is_left_alone(city: City) -> None:
    """Nobody types into a field that is not there."""
    assert all("modification_item" not in each.values for each in handed(city, {"modification_item": HIDDEN}))


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_everything_that_is_typed_fits_its_field(city: City, form: Any) -> None:
    """An item's value is normal by its own rules; a choice is one of the choices."""
    typist, random = Typist(city, REGISTRY), Random(5)
    cast = next(each for each in people(city, number=600) if each.form.id == form.id).cast
    for field in form.fields:
        item = REGISTRY.items.get(field.item or "")
        value = typist.typed(field, field.item, cast.get(field.role), random)
        assert value not in (None, "")
        if item is not None and item.datatype.value != "rows":
            codes = REGISTRY.code_lists.get(item.code_list) if item.code_list else None
            assert normaliser_for(item, codes)(value) is not None
        elif "enum" in field.schema:
            assert value in field.schema["enum"]


@pytest.mark.parametrize("value", ["1991-06-03", "闽C90001", "林小明", True, 7])
def test_a_hurried_hand_writes_the_same_value(value: Any) -> None:
    """Dates with dots, full-width digits, spaces; anything but text as it is."""
    for seed in range(20):
        written = misspelt(value, Random(seed))
        digits = "".join(str(int(each)) for each in str(written) if each.isdigit())
        assert isinstance(written, type(value))
        assert digits.replace("0", "") == "".join(each for each in str(value) if each in "123456789")


def test_the_first_answers_open_the_questions_behind_them(city: City) -> None:
    """Whoever begins has said what other fields depend on, and nothing else."""
    habits = Habits(city, REGISTRY)
    for comer in people(city, number=200):
        named = set(habits.plan(comer, ["person.name"]).answers)
        assert named <= {field.path for field in comer.form.fields if field.item is None}
        if comer.form.id == REVIEW.id:
            assert named == {"has_modification"}


# ── the clock ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_clock_runs_on_from_where_it_is_put() -> None:
    """Forward only: what is past already changes nothing."""
    seconds = [0.0]
    clock = MovedClock(datetime(2026, 10, 1, tzinfo=UTC), steady=lambda: seconds[0])
    seconds[0] = 5.0
    first = clock()
    clock.move(datetime(2026, 10, 2, tzinfo=UTC))
    clock.move(datetime(2026, 10, 1, tzinfo=UTC))

    assert first == datetime(2026, 10, 1, 0, 0, 5, tzinfo=UTC)
    assert clock() == datetime(2026, 10, 2, tzinfo=UTC)


def test_the_clock_is_released_into_the_present_only() -> None:
    """A clock ahead of the wall cannot be, for entries would go back in time."""
    ahead = MovedClock(datetime(2126, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="ahead"):
        ahead.release()

    behind = MovedClock(datetime(2026, 1, 1, tzinfo=UTC))
    behind.release()
    assert behind() > datetime(2026, 1, 2, tzinfo=UTC)
