"""The population: big enough, the same every time, valid in every identifier, whole in every family."""

from datetime import date, timedelta

import pytest
from stdnum.cn import ric, uscc

from field_registry.identifiers import subject_from
from gateway.demo import City, make_city
from gateway.demo.facts import load_facts
from gateway.demo.people import FEMALE, MALE
from gateway.demo.records import Trade

CASES = {
    *("no_record", "stale", "two_documents", "deceased", "minor", "struck_off", "retired_district_code"),
    *("rare_characters", "astral_characters", "name_with_dot", "conflicting_addresses", "fifteen_digit_id"),
    *("former_name", "conflict", "wrong_subject", "ambiguous", "empty_value", "invalid_value", "newborn"),
    *("permit_of_hong_kong", "foreigner", "many_shareholders", "two_permits", "uninsured"),
    "plate_spelled_differently",
}


@pytest.mark.parametrize("seed", [1, 2, 3, 20260701])
def test_there_are_enough_people_and_enterprises(seed: int, today: date) -> None:
    """Any seed makes at least 300 persons, 100 enterprises, and something of everything else."""
    city = make_city(seed, today)

    assert len(city.persons) >= 300
    assert len(city.enterprises) >= 100
    assert all((city.vehicles, city.projects, city.properties, city.marriages, city.births, city.veterans))


def test_the_same_seed_makes_the_same_city(city: City, today: date) -> None:
    """A city is decided by its seed and its day alone."""
    assert make_city(7, today) == city
    assert make_city(8, today).persons.keys() != city.persons.keys()


@pytest.mark.parametrize("day", [date(2024, 2, 29), date(2026, 1, 1), date(2026, 12, 31), date(2030, 3, 1)])
def test_any_day_will_do(day: date) -> None:
    """A city can be made at the ends of a year and on a leap day, and nobody is born in its future."""
    city = make_city(7, day)

    assert all(person.birth_date < day for person in city.persons.values())
    assert set(city.cases) == CASES


def test_numbers_of_persons_are_valid_and_say_sex_and_birthday(city: City) -> None:
    """Every resident number has its check digit and agrees with the person; order codes are the synthetic 9xx."""
    for person in city.persons.values():
        if len(person.id_no) == 18:
            assert ric.calc_check_digit(person.id_no) == person.id_no[-1]
            assert person.id_no[6:14] == f"{person.birth_date:%Y%m%d}"
            assert person.id_no[14] == "9"
            assert int(person.id_no[16]) % 2 == (person.sex == MALE)


def test_codes_of_enterprises_are_valid_and_synthetic(city: City) -> None:
    """Every credit code passes its check and holds an organisation code that begins with X9."""
    assert all(uscc.is_valid(code) and code[8:10] == "X9" for code in city.enterprises)


def test_every_identifier_makes_a_subject(city: City) -> None:
    """The gateway accepts every number, code and plate of the city as it stands."""
    for vehicle in city.vehicles:
        assert subject_from({"kind": "vehicle", "plate_number": vehicle}).id_no == vehicle
    for project in city.projects:
        assert subject_from({"kind": "project", "project_code": project}).id_no == project
    for birth in city.births:
        assert subject_from({"kind": "person", "id_type": "117", "id_no": birth.number}).id_no == birth.number


def test_families_are_whole(city: City) -> None:
    """Spouses name each other, and a child has parents who are old enough and of either sex."""
    for person in city.persons.values():
        if person.spouse is not None:
            assert city.persons[person.spouse].spouse == person.id_no
        if person.mother is not None and person.father is not None:
            mother, father = city.persons[person.mother], city.persons[person.father]
            assert (mother.sex, father.sex) == (FEMALE, MALE)
            assert mother.birth_date.year + 20 <= person.birth_date.year
            assert person in city.children_of(mother.id_no)


def test_couples_have_a_marriage_in_the_register(city: City) -> None:
    """Whoever has a spouse has a marriage with them that lasts."""
    for person in city.persons.values():
        if person.spouse is not None:
            marriage = city.marriage_of(person.id_no)
            assert marriage is not None
            assert {marriage.husband, marriage.wife} == {person.id_no, person.spouse}
            assert marriage.ended_on is None


def test_enterprises_are_led_and_owned_by_inhabitants(city: City) -> None:
    """Legal representatives are adults of the city, shares add up to a hundred, vehicles and projects have owners."""
    for enterprise in city.enterprises.values():
        assert city.persons[enterprise.legal_rep].age(city.today) >= 26
        assert sum(float(each.ratio) for each in enterprise.shareholders) == pytest.approx(100, abs=0.5)
        assert enterprise.founded_on < city.today
    assert all(vehicle.owner in city.enterprises for vehicle in city.vehicles.values())
    assert all(project.owner in city.enterprises for project in city.projects.values())
    assert all(
        city.vehicles_of(each.uscc) for each in city.enterprises.values() if each.trade is Trade.transport
    )


def test_every_edge_case_is_there_by_name(city: City) -> None:
    """Each edge case of life has a subject the gateway accepts, a register or none, and a sentence."""
    assert set(city.cases) == CASES
    for name, case in city.cases.items():
        assert case.name == name
        assert case.note
        assert subject_from(case.subject).id_no


def test_the_odd_are_odd(city: City) -> None:
    """What makes an edge case one is true of its person."""
    person = {
        name: city.person(c.subject["id_no"], c.subject["id_type"])
        for name, c in city.cases.items()
        if "id_no" in c.subject and name != "newborn"
    }
    assert all(person.values())
    by_name = {name: found for name, found in person.items() if found is not None}

    assert by_name["deceased"].deceased_on is not None
    assert by_name["minor"].age(city.today) < 18
    assert by_name["stale"].old_phone not in (None, by_name["stale"].phone)
    assert by_name["former_name"].former_name is not None
    assert by_name["two_documents"].documents == {"511": "99000001"}
    assert by_name["two_documents"] is city.person(by_name["two_documents"].id_no)
    assert by_name["retired_district_code"].hukou.county in load_facts()["retired_divisions"]
    assert by_name["conflicting_addresses"].home != by_name["conflicting_addresses"].hukou
    assert ord(max(by_name["astral_characters"].name)) > 0xFFFF
    assert "·" in by_name["name_with_dot"].name
    assert city.enterprises[city.cases["struck_off"].subject["uscc"]].is_struck_off


def test_nobody_known_by_hospital_alone_is_old(city: City) -> None:
    """A newborn is one of a few weeks, and there are some."""
    newborns = [each for each in city.persons.values() if each.is_newborn(city.today)]

    assert newborns
    assert all(city.today - each.birth_date < timedelta(days=60) for each in newborns)
    assert all(city.birth_of(each.id_no) for each in newborns)


def test_a_person_is_not_printed(city: City) -> None:
    """The repr of a person holds neither name nor number."""
    person = next(iter(city.persons.values()))

    assert person.name not in repr(person)
    assert person.id_no not in repr(person)


def test_the_facts_say_where_they_come_from() -> None:
    """Every table of numbers that was counted by somebody names its source."""
    facts = load_facts()

    assert {"surname_weights_pct", "ethnicity_mix", "city_weights", "divisions"} <= set(facts["sources"])
    assert facts.county_name("350681") == "龙海区"
