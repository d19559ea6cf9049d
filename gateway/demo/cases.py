"""The edge cases of life, planted by name: each is one subject at which one register shows something odd.

`add_cases` gives the city its odd inhabitants and notes which register errs about whom (`City.quirks`). A test or a
demonstration finds each as `city.cases[name]`.
"""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from gateway.demo.identifiers import resident_id
from gateway.demo.naming import newborn_subject, organisation_subject, person_subject, vehicle_subject
from gateway.demo.people import DIVORCED, FEMALE, HEAD, MALE, PeopleMaker
from gateway.demo.records import Case, City, Marriage, Person, Place, Quirk, Trade

RETIRED_COUNTY = "350681"


@dataclass
class _Plan:
    """What is being added to a city; becomes part of it at the end."""

    city: City
    people: PeopleMaker
    persons: dict[str, Person] = field(default_factory=dict)
    marriages: list[Marriage] = field(default_factory=list)
    quirks: dict[tuple[str, str], Quirk] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    struck_off: set[str] = field(default_factory=set)
    veterans: set[str] = field(default_factory=set)

    def inhabitant(self, name: str, sex: str = MALE, *, born: date = date(1985, 4, 12)) -> Person:
        """A new adult of the city centre, living alone."""
        home = self.people.place("350582")
        serial = len(self.persons) + 1
        person = self.people.person(
            sex=sex, birth=born, hukou=home, home=home, household=f"3505828{serial:05d}", relation=HEAD
        )
        employer = [*self.city.enterprises][serial % len(self.city.enterprises)]
        return self.keep(replace(person, name=name, employer=employer))

    def keep(self, person: Person) -> Person:
        """That person, now part of the city."""
        self.persons[person.id_no] = person
        return person

    def case(
        self, name: str, person: Person, note: str, source: str = "", quirk: Quirk | None = None
    ) -> None:
        """Note an edge case of a person, and what that register gets wrong."""
        self.cases[name] = Case(name, person_subject(person), source, note)
        if quirk is not None:
            self.quirks[source, person.id_no] = quirk


def add_cases(city: City, people: PeopleMaker) -> City:
    """The city with its edge cases."""
    plan = _Plan(city, people)
    for add in (_names, _registers, _lives, _documents, _enterprises, _neighbours):
        add(plan)
    enterprises = {
        uscc: replace(each, is_struck_off=uscc in plan.struck_off) for uscc, each in city.enterprises.items()
    }
    return replace(
        city,
        persons={**city.persons, **plan.persons},
        enterprises=enterprises,
        marriages=(*city.marriages, *plan.marriages),
        veterans=city.veterans | plan.veterans,
        quirks=plan.quirks,
        cases=plan.cases,
    )


def _names(plan: _Plan) -> None:
    plan.case("rare_characters", plan.inhabitant("陈㛃", FEMALE), "her name has a character of Extension A")
    plan.case(
        "astral_characters", plan.inhabitant("林𬭎堃"), "his name has a character outside the basic plane"
    )
    plan.case(
        "name_with_dot",
        plan.inhabitant("阿依古丽·买买提", FEMALE),
        "her name holds the dot of names from other languages",
    )
    person = plan.keep(replace(plan.inhabitant("黄佳欣", FEMALE), former_name="黄来弟"))
    plan.case("former_name", person, "a register still knows her by her former name")


def _registers(plan: _Plan) -> None:
    """One person per way in which a register can fail one person."""
    q = Quirk
    for name, who, source, quirk, note in (
        ("no_record", "吴远航", "civil", q.absent, "the population register does not know him"),
        (
            "wrong_subject",
            "郑重光",
            "social-insurance",
            q.someone_else,
            "answered with somebody else's record",
        ),
        ("ambiguous", "许双全", "medical", q.twice, "two records under one number"),
        ("empty_value", "蔡无言", "civil", q.blank, "the record is there, phone and education are empty"),
        ("invalid_value", "苏日新", "civil", q.invalid, "the register holds a birthday that never was"),
        ("fifteen_digit_id", "洪旧章", "veterans", q.legacy, "the register still holds the 15-digit number"),
    ):
        person = plan.inhabitant(who, born=date(1978, 3, 9))
        plan.case(name, person, note, source, quirk)
        if source == "veterans":
            plan.veterans.add(person.id_no)
    person = plan.keep(replace(plan.inhabitant("谢新通"), old_phone=plan.people.phone()))
    plan.case(
        "stale", person, "his old phone number, in a record of years ago", "social-insurance", q.outdated
    )


def _lives(plan: _Plan) -> None:
    dead = replace(plan.inhabitant("曾长安", born=date(1941, 2, 8)), deceased_on=date(2025, 5, 1))
    plan.case("deceased", plan.keep(dead), "died; registers keep the record", "civil")
    minor = next(p for p in plan.city.persons.values() if p.mother and 14 <= p.age(plan.city.today) < 17)
    birth = plan.city.birth_of(
        next(p.id_no for p in plan.city.persons.values() if p.is_newborn(plan.city.today))
    )
    assert birth is not None  # every newborn has a certificate
    plan.cases["newborn"] = Case(
        "newborn", newborn_subject(birth), "birth", "only the hospital knows the child yet"
    )
    plan.case("minor", minor, "under age, with two parents", "civil")
    mover = plan.keep(replace(plan.inhabitant("庄迁居"), home=plan.people.place("350583")))
    plan.case("conflicting_addresses", mover, "registered at one address, lives at another", "residence")
    divorced = plan.keep(replace(plan.inhabitant("叶知秋", FEMALE), marital="20"))
    ended = plan.city.today - timedelta(days=40)
    plan.marriages.append(
        Marriage(
            "J350599-2012-980001", "", divorced.id_no, date(2012, 5, 20), "示范市民政局婚姻登记处", ended
        )
    )
    plan.case(
        "conflict",
        divorced,
        "the population register says married, the marriage register divorced",
        "marriage",
    )


def _documents(plan: _Plan) -> None:
    """People the resident identity card does not cover, or covers in two ways."""
    city_centre = plan.people.place("350582")
    for name, who, area, id_type, number, note in (
        ("two_documents", "王俊傑", "830000", "511", "99000001", "a permit and a residence card, one person"),
        (
            "permit_of_hong_kong",
            "陳子軒",
            "810000",
            "516",
            "H99000001",
            "known by a permit of Hong Kong residents",
        ),
        ("foreigner", "DEMO ALEX", "", "414", "X99000001", "known by a passport alone"),
    ):
        born = date(1988, 8, 17)
        made = plan.people.person(
            sex=MALE, birth=born, hukou=Place(area, ""), home=city_centre, household="", relation=HEAD
        )
        id_no = resident_id(area, born, 901) if area else number
        person = plan.keep(
            replace(
                made, id_no=id_no, name=who, documents={id_type: number}, ethnicity="01", former_name=None
            )
        )
        plan.cases[name] = Case(name, person_subject(person, id_type), "exit-entry", note)
    successor = plan.people.place("350604")
    county = replace(successor, county=RETIRED_COUNTY)
    born = date(1969, 11, 2)
    person = plan.people.person(
        sex=FEMALE, birth=born, hukou=county, home=city_centre, household="350604990001", relation=HEAD
    )
    plan.case(
        "retired_district_code",
        plan.keep(replace(person, name="潘龙海", marital=DIVORCED)),
        "registered in 龙海市, whose code was withdrawn in 2021",
        "civil",
        Quirk.legacy,
    )


def _neighbours(plan: _Plan) -> None:
    """More people from Taiwan who live here, each known by a permit: enough of them to be counted as a group."""
    for serial, who in enumerate(("張志明", "李雅婷", "黃建宏", "吳佩珊", "許家豪", "曾淑芬"), start=2):
        born, sex = date(1972 + 4 * serial, 3, 5 + serial), MALE if serial % 2 == 0 else FEMALE
        home = plan.people.place("350582")
        made = plan.people.person(
            sex=sex, birth=born, hukou=Place("830000", ""), home=home, household="", relation=HEAD
        )
        documents = {"511": f"9900000{serial}"}
        id_no = resident_id("830000", born, 901 + serial)
        plan.keep(replace(made, id_no=id_no, name=who, documents=documents, ethnicity="01", former_name=None))


def _enterprises(plan: _Plan) -> None:
    """Enterprises and vehicles at which a register shows something odd."""
    enterprises = list(plan.city.enterprises.values())
    struck_off = next(each for each in reversed(enterprises) if each.trade is Trade.industry)
    plan.struck_off.add(struck_off.uscc)
    many = max(enterprises, key=lambda each: len(each.shareholders))
    two = next(each for each in reversed(enterprises) if each.trade is Trade.food)
    for name, enterprise, source, note in (
        ("struck_off", struck_off, "enterprise", "no longer trades; the register still shows it"),
        ("many_shareholders", many, "enterprise", "its shareholders fill several pages"),
        ("two_permits", two, "food-permits", "two permits in force: nobody can say which is meant"),
    ):
        plan.cases[name] = Case(name, organisation_subject(enterprise), source, note)
    plan.quirks["food-permits", two.uscc] = Quirk.twice
    plates = list(plan.city.vehicles)
    for name, plate, source, quirk, note in (
        ("uninsured", plates[-1], "vehicle-insurance", Quirk.absent, "the insurers have no policy"),
        (
            "plate_spelled_differently",
            plates[-2],
            "transport-vehicles",
            Quirk.legacy,
            "the ledger writes the plate with a dot and small letters",
        ),
    ):
        plan.cases[name] = Case(name, vehicle_subject(plan.city.vehicles[plate]), source, note)
        plan.quirks[source, plate] = quirk
