"""The registers' records: each says what the population says, in its office's own spelling."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.demo import City
from gateway.demo.departments import DATABASES, DROPS, HTTP_SERVICES, Call, HttpService, Lookup
from gateway.demo.departments import spelling as s
from gateway.demo.departments.base import Database

NOTHING = Call({}, {}, {})
SERVICES = {service.source: service for service in HTTP_SERVICES}


def lookups(city: City) -> Iterator[Lookup]:
    """Everybody and everything of the city, by every identifier."""
    yield from (Lookup("111", number) for number in city.persons)
    yield from (Lookup(t, n) for person in city.persons.values() for t, n in person.documents.items())
    yield from (Lookup("117", birth.number) for birth in city.births)
    yield from (Lookup("uscc", code) for code in city.enterprises)
    yield from (Lookup("plate", plate) for plate in city.vehicles)


def rows_of(city: City, source: str, table: str) -> list[tuple[Any, ...]]:
    """The rows of one table of a database."""
    database = next(each for each in DATABASES if each.source == source)
    return [row for name, row in database.rows(city) if name == table]


@pytest.mark.parametrize("service", HTTP_SERVICES, ids=SERVICES)
def test_every_service_knows_somebody_and_not_everybody(service: HttpService, city: City) -> None:
    """Each HTTP register has records, says nothing of the unknown, and its answers are JSON."""
    records = [record for each in lookups(city) if (record := service.record(city, each)) is not None]

    assert len(records) >= 3
    assert service.record(city, Lookup("111", "000000000000000000")) is None
    assert service.record(city, Lookup("uscc", "nothing")) is None
    for record in records:
        assert json.loads(json.dumps(service.answer(record, NOTHING)))


@pytest.mark.parametrize("database", DATABASES, ids=[each.source for each in DATABASES])
def test_rows_fit_their_tables(database: Database, city: City) -> None:
    """Every row of a database has as many values as its table has columns."""
    width = {table: columns.count(",") + 1 for table, columns in database.tables.items()}

    rows = list(database.rows(city))

    assert {table for table, _ in rows} == set(width)
    assert all(len(row) == width[table] for table, row in rows)


def test_sources_and_places_are_named_once() -> None:
    """No two registers share a source, a place or a key."""
    everything = [*HTTP_SERVICES, *DATABASES, *DROPS]

    assert len({each.source for each in everything}) == len({each.place for each in everything}) == 21
    assert len({each.key_name for each in HTTP_SERVICES}) == len(HTTP_SERVICES)


def test_one_person_is_spelled_differently_by_different_offices(city: City) -> None:
    """Sex, birthday and address of one newcomer as three registers write them."""
    person = next(
        p
        for p in city.persons.values()
        if p.is_resident_elsewhere and p.age(city.today) > 30 and p.id_no in {*city.persons}
    )
    lookup = Lookup("111", person.id_no)

    civil = SERVICES["civil"].record(city, lookup)
    residence = SERVICES["residence"].record(city, lookup)
    licences = SERVICES["licences"].record(city, lookup)

    assert civil["xb"] == person.sex
    assert residence["holder"]["gender"] == licences["faces"]["idCard"]["sex"] == s.SEX[person.sex]
    assert civil["csrq"] == s.compact(person.birth_date)
    assert residence["holder"]["birthday"] == s.dashed(person.birth_date)


def test_the_edge_cases_show_where_they_should(city: City) -> None:
    """An invalid day, an empty phone, a number of 15 digits, a plate with a dot, two permits, an old record."""

    def record(name: str, source: str = "") -> Any:
        case = city.cases[name]
        number = case.subject.get("id_no") or case.subject.get("uscc") or case.subject["plate_number"]
        id_type = case.subject.get("id_type") or {"organisation": "uscc"}.get(case.subject["kind"], "plate")
        return SERVICES[source or case.source].record(city, Lookup(id_type, number))

    assert record("invalid_value")["csrq"] == "19780230"
    assert record("empty_value")["lxdh"] == ""
    assert len(record("fifteen_digit_id")["公民身份号码"]) == 15
    assert "·" in record("plate_spelled_differently")["ztbh"]
    assert len(record("two_permits")) == 2
    assert record("stale")["updated"] == "2023/6/27"
    assert record("deceased")["swbz"] == "1"
    assert record("retired_district_code")["xzqh"] == "350681"
    assert record("struck_off")["base"]["status"] == "吊销"
    assert record("struck_off", "tax") is None
    assert (
        record("conflicting_addresses", "civil")["xzz"]
        != record("conflicting_addresses")["residence"]["address"]
    )
    assert record("newborn")[0]["cs"]["mq"]["zjhm"] in city.persons


def test_marriage_and_population_disagree_about_the_divorced(city: City) -> None:
    """The population register still says married, the marriage register holds the divorce in force."""
    number = city.cases["conflict"].subject["id_no"]

    in_force = [row for row in rows_of(city, "marriage", "hydj") if number in row and row[8] == "1"]

    assert [row[5] for row in in_force] == ["LH"]
    assert SERVICES["civil"].record(city, Lookup("111", number))["hyzk"] == "20"


def test_one_person_is_insured_twice(city: City) -> None:
    """The ambiguous person has two rows in medical insurance, everybody else at most one."""
    numbers = [row[0] for row in rows_of(city, "medical", "cbxx")]

    twice = {number for number in numbers if numbers.count(number) > 1}

    assert twice == {city.cases["ambiguous"].subject["id_no"]}


def test_a_newborn_is_unknown_to_the_population_register(city: City) -> None:
    """The child of a few weeks has no number yet: the parent's list of births shows null for it."""
    birth = next(b for b in city.births if city.persons[b.child].is_newborn(city.today))

    mine = SERVICES["birth"].record(city, Lookup("111", birth.mother))[0]["zn"]

    assert [child["zjhm"] for child in mine if child["cszbh"] == birth.number] == [None]
    assert SERVICES["civil"].record(city, Lookup("111", birth.child)) is None


def test_shareholders_come_in_pages(city: City) -> None:
    """The pages of the enterprise with the most shareholders are disjoint and add up."""
    service, code = SERVICES["enterprise"], city.cases["many_shareholders"].subject["uscc"]
    record = service.record(city, Lookup("uscc", code))

    pages = [
        service.answer(record, Call({}, {}, {"page": n, "size": 5}))["result"]["shareholders"]
        for n in range(1, 30)
    ]

    total = pages[0]["total"]
    assert total > 10
    assert all(len(page["list"]) <= 5 for page in pages)
    assert len({row["certNo"] for page in pages for row in page["list"]}) == total


def test_file_drops_hold_a_line_per_person(city: City, tmp_path: Path) -> None:
    """The school's file begins with a byte order mark and its headings; the disability file has its sheet."""
    school, disability = (tmp_path / "school.csv", tmp_path / "disability.xlsx")
    for drop, path in zip(DROPS, (school, disability), strict=True):
        drop.write(city, path)

    assert school.read_bytes().startswith(b"\xef\xbb\xbf" + "身份证号,姓名".encode())
    assert len(school.read_text("utf-8-sig").splitlines()) > 20
    assert disability.read_bytes().startswith(b"PK")


@pytest.mark.parametrize("difference", ["address_variant", "stale_phone", "null"])
def test_differences_occur_about_as_often_as_the_facts_say(difference: str) -> None:
    """A difference of 1 to 3 per cent occurs in that order of magnitude, the same in every run."""
    hits = sum(s.sometimes(difference, number) for number in range(10_000))

    assert 50 <= hits <= 500
    assert hits == sum(s.sometimes(difference, number) for number in range(10_000))


def test_days_are_spelled_in_every_way() -> None:
    """One day in the spellings of seven offices."""
    from datetime import date

    day = date(2026, 3, 1)

    assert s.compact(day) == "20260301"
    assert s.dashed(day) == "2026-03-01"
    assert s.dotted(day) == "2026.03.01"
    assert s.slashed(day) == "2026/3/1"
    assert s.british(day) == "01/03/2026"
    assert s.chinese(day) == "2026年3月1日"
    assert s.epoch_ms(day) == 1772294400000
    assert s.compact(None) is None
