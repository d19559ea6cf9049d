"""The demonstration city 示范市 as a whole: its people, enterprises and what belongs to them. Pure.

>>> city = make_city(seed=1, today=date(2026, 7, 1))
>>> len(city.persons) >= 300, len(city.enterprises) >= 100
(True, True)
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from gateway.demo.cases import add_cases
from gateway.demo.enterprises import EnterpriseMaker, is_adult
from gateway.demo.facts import Facts, load_facts
from gateway.demo.people import DIVORCED, FEMALE, MALE, PeopleMaker
from gateway.demo.records import Birth, City, Enterprise, Marriage, Person, Project, Property, Trade, Vehicle

PEOPLE, ENTERPRISES = 330, 110
VEHICLES_EACH = 5
NEWBORNS = 6
MINOR_UNTIL = 18


def make_city(seed: int, today: date) -> City:
    """The city that seed makes, as it is on that day. The same two make the same city, on any machine."""
    facts, random = load_facts(), Random(seed)
    people = PeopleMaker(facts, random, today)
    persons = _with_differences([p for house in people.households(PEOPLE) for p in house], people, facts)
    persons += _newborns(persons, people)
    maker = EnterpriseMaker(people, [p for p in persons if is_adult(p, today)])
    enterprises = list(maker.enterprises(ENTERPRISES))
    city = City(
        today=today,
        persons={p.id_no: p for p in _with_employers(persons, enterprises, today)},
        enterprises={e.uscc: e for e in enterprises},
        vehicles={v.plate: v for v in _vehicles(maker, enterprises)},
        projects={p.code: p for p in _projects(maker, enterprises)},
        properties=tuple(_properties(persons, random, today)),
        marriages=tuple(_marriages(persons, random, today)),
        births=tuple(_births(persons, random, today)),
        veterans=frozenset(_veterans(persons, today)),
    )
    return add_cases(city, people)


def _with_differences(persons: Iterable[Person], people: PeopleMaker, facts: Facts) -> list[Person]:
    """The persons, some with an old phone number or a former name still standing somewhere."""
    made = []
    for person in persons:
        is_stale = people.random.random() < facts.share("stale_phone")
        is_renamed = people.random.random() < facts.share("former_name")
        old_phone = people.phone() if is_stale else None
        former_name = person.name[0] + "来福" if is_renamed else None
        made.append(replace(person, old_phone=old_phone, former_name=former_name))
    return made


def _newborns(persons: Sequence[Person], people: PeopleMaker) -> list[Person]:
    """A child of a few weeks for some young couples, whom only the hospital knows yet."""
    by_number = {person.id_no: person for person in persons}
    couples = [
        (by_number[mother.spouse], mother)
        for mother in persons
        if mother.sex == FEMALE and mother.spouse is not None and 23 <= mother.age(people.today) <= 38
    ]
    return [
        people.child(father, mother, people.today - timedelta(days=14 + 5 * index))
        for index, (father, mother) in enumerate(couples[:NEWBORNS])
    ]


def _with_employers(
    persons: Iterable[Person], enterprises: Sequence[Enterprise], today: date
) -> Iterator[Person]:
    """The persons, those of working age with an employer: their own enterprise if they lead one."""
    own = {enterprise.legal_rep: enterprise.uscc for enterprise in enterprises}
    for index, person in enumerate(persons):
        if person.id_no in own:
            yield replace(person, employer=own[person.id_no])
        elif 20 <= person.age(today) < 60 and index % 8:
            yield replace(person, employer=enterprises[index % len(enterprises)].uscc)
        else:
            yield person


def _vehicles(maker: EnterpriseMaker, enterprises: Iterable[Enterprise]) -> Iterator[Vehicle]:
    for enterprise in enterprises:
        if enterprise.trade is Trade.transport:
            for number in range(VEHICLES_EACH):
                yield maker.vehicle(enterprise.uscc, coach=number % 2 == 1)


def _projects(maker: EnterpriseMaker, enterprises: Sequence[Enterprise]) -> Iterator[Project]:
    builders = [each for each in enterprises if each.trade is Trade.construction]
    owners = [each for each in enterprises if each.trade is Trade.industry][:30]
    for index, owner in enumerate(owners):
        yield maker.project(owner, builders[index % len(builders)])


def _properties(persons: Iterable[Person], random: Random, today: date) -> Iterator[Property]:
    """Two heads of household in three own their home."""
    heads = [person for person in persons if person.relation == "02"]
    for serial, head in enumerate(heads, start=1):
        if serial % 3:
            yield Property(
                certificate=f"闽({today.year - serial % 12})示范市不动产权第9{serial:06d}号",
                unit_no=f"{head.home.county}009001GB9{serial:04d}F{serial:04d}0001",
                owner=head.id_no,
                place=head.home,
                area=f"{random.randint(4500, 16000) / 100:.2f}",
                registered_on=today - timedelta(days=random.randint(200, 4000)),
            )


def _marriages(persons: Iterable[Person], random: Random, today: date) -> Iterator[Marriage]:
    """One marriage per couple. Of the divorced, only the divorce is known: the other has moved away."""
    for serial, person in enumerate(persons, start=1):
        coming_of_age = date(person.birth_date.year + 22, 6, 1)
        registered = min(coming_of_age + timedelta(days=random.randint(0, 300)), today - timedelta(days=30))
        office = "示范市民政局婚姻登记处"
        number = f"J350599-{registered.year}-9{serial:05d}"
        if person.spouse is not None and person.sex == MALE:
            yield Marriage(number, person.id_no, person.spouse, registered, office)
        elif person.marital == DIVORCED:
            ended = min(registered + timedelta(days=1500), today - timedelta(days=20))
            pair = (person.id_no, "") if person.sex == MALE else ("", person.id_no)
            yield Marriage(number, *pair, registered, office, ended)


def _births(persons: Iterable[Person], random: Random, today: date) -> Iterator[Birth]:
    for serial, child in enumerate(persons, start=1):
        if child.mother is not None and child.age(today) < MINOR_UNTIL:
            hospital = random.choice(("示范市妇幼保健院", "示范市第一医院", "示范市中医院"))
            yield Birth(
                f"T3599{serial:05d}",
                child.id_no,
                child.mother,
                child.father,
                hospital,
                random.randint(2500, 4200),
            )


def _veterans(persons: Iterable[Person], today: date) -> Iterator[str]:
    """One man in six between 20 and 60 has served."""
    men = [person for person in persons if person.sex == MALE and 22 <= person.age(today) < 60]
    yield from (person.id_no for person in men[::6])
