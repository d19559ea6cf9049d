"""What the demonstration city consists of, as frozen values. Everybody and everything here is synthetic.

A register of the city is a *view* of these records: `gateway.demo.departments` spells them as each office would.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere with an address. `county`: GB/T 2260 code, six digits; `text`: the address in full."""

    county: str
    text: str
    town: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """One inhabitant.

    `id_no`: the 18-character number most registers know the person by. `documents`: GA/T 517 code → number, for the
    documents a person has besides. `sex`, `ethnicity`, `marital`, `education`, `political`: GB/T codes.
    `hukou` is where the person is registered, `home` where they live. `old_phone`: what a register that was not told
    of a new number still holds. `recorded_on`: when the population register last changed the record.
    """

    id_no: str
    name: str
    sex: str
    birth_date: date
    ethnicity: str
    marital: str
    education: str
    political: str
    hukou: Place
    home: Place
    phone: str
    household: str
    relation: str
    recorded_on: date
    former_name: str | None = None
    father: str | None = None
    mother: str | None = None
    spouse: str | None = None
    employer: str | None = None
    deceased_on: date | None = None
    old_phone: str | None = None
    documents: Mapping[str, str] = field(default_factory=dict, hash=False)

    def age(self, today: date) -> int:
        """Whole years lived on that day."""
        had_birthday = (today.month, today.day) >= (self.birth_date.month, self.birth_date.day)
        return today.year - self.birth_date.year - (not had_birthday)

    def is_newborn(self, today: date) -> bool:
        """Whether the birth is so recent that only the hospital knows the child yet."""
        return (today - self.birth_date).days < 60

    @property
    def is_resident_elsewhere(self) -> bool:
        """Whether the person lives in another city than the one they are registered in."""
        return self.hukou.county[:4] != self.home.county[:4]

    def __repr__(self) -> str:
        """The sex and year only: synthetic or not, a person is not printed by accident."""
        return f"Person({self.sex}, {self.birth_date.year}, …)"


class Trade(StrEnum):
    """What an enterprise does, as far as the city's offices care."""

    transport = "transport"
    food = "food"
    construction = "construction"
    industry = "industry"


@dataclass(frozen=True, slots=True)
class Shareholder:
    """One owner of an enterprise: `paid_wan` is the subscribed capital in 万元, `ratio` a percentage as text."""

    id_no: str
    name: str
    paid_wan: int
    ratio: str


@dataclass(frozen=True, slots=True)
class Enterprise:
    """One enterprise or 个体工商户. `type` is its code in the list of enterprise types, `capital_wan` in 万元."""

    uscc: str
    name: str
    type: str
    trade: Trade
    industry: str
    legal_rep: str
    seat: Place
    site: Place
    capital_wan: int
    founded_on: date
    phone: str
    shareholders: tuple[Shareholder, ...]
    employees: int
    is_struck_off: bool = False
    recorded_on: date = date(2020, 1, 1)


@dataclass(frozen=True, slots=True)
class Vehicle:
    """One vehicle. `owner`: USCC or ID number; `colour`: plate colour code; masses in kg, length in mm."""

    plate: str
    colour: str
    owner: str
    type: str
    brand: str
    model: str
    vin: str
    engine_no: str
    fuel: str
    mass_kg: int
    load_kg: int
    length_mm: int
    seats: int
    registered_on: date
    reviewed_on: date
    insured_until: date


@dataclass(frozen=True, slots=True)
class Project:
    """One investment project of an enterprise. `cost_wan` in 万元, `floor_area` in square metres."""

    code: str
    name: str
    owner: str
    builder: str
    site: Place
    cost_wan: int
    floor_area: int
    approved_on: date
    starts_on: date
    ends_on: date


@dataclass(frozen=True, slots=True)
class Property:
    """One home: `unit_no` is the 28-character unit number, `area` square metres as text with two decimals."""

    certificate: str
    unit_no: str
    owner: str
    place: Place
    area: str
    registered_on: date


@dataclass(frozen=True, slots=True)
class Marriage:
    """One marriage. `ended_on`: the day of the divorce, None while it lasts."""

    number: str
    husband: str
    wife: str
    registered_on: date
    office: str
    ended_on: date | None = None


@dataclass(frozen=True, slots=True)
class Birth:
    """One birth certificate. The child is a person of the city too."""

    number: str
    child: str
    mother: str
    father: str | None
    hospital: str
    weight_g: int


class Quirk(StrEnum):
    """What one register gets wrong, or cannot say, about one subject."""

    absent = "absent"
    """It has no record."""
    someone_else = "someone_else"
    """It answers with another subject's record."""
    twice = "twice"
    """It holds two records of the same number."""
    blank = "blank"
    """The record is there and what it says most of is empty."""
    invalid = "invalid"
    """A value in the record breaks the rules of its kind: a day that never was, a wrong check digit."""
    outdated = "outdated"
    """Nobody has touched the record for years."""
    legacy = "legacy"
    """The record still carries an identifier or a division code that has been replaced."""


@dataclass(frozen=True, slots=True)
class Case:
    """One of life's edge cases, findable by name.

    `subject`: as it is written in a request. `source`: the register where it shows, "" when it is no register's
    doing. `note`: what is odd about it, one sentence.
    """

    name: str
    subject: Mapping[str, str] = field(hash=False)
    source: str
    note: str


@dataclass(frozen=True, slots=True)
class City:
    """The whole city at one day. Look-ups are by identifier; orders are those of making and never change by seed.

    `quirks`: (source id, identifier) → what that register gets wrong about that subject. `cases`: name → edge case.
    """

    today: date
    persons: Mapping[str, Person] = field(hash=False)
    enterprises: Mapping[str, Enterprise] = field(hash=False)
    vehicles: Mapping[str, Vehicle] = field(hash=False)
    projects: Mapping[str, Project] = field(hash=False)
    properties: tuple[Property, ...]
    marriages: tuple[Marriage, ...]
    births: tuple[Birth, ...]
    veterans: frozenset[str]
    quirks: Mapping[tuple[str, str], Quirk] = field(default_factory=dict, hash=False)
    cases: Mapping[str, Case] = field(default_factory=dict, hash=False)

    def person(self, number: str, id_type: str = "111") -> Person | None:
        """The person with that document, or None."""
        if id_type == "111":
            return self.persons.get(number)
        return next((each for each in self.persons.values() if each.documents.get(id_type) == number), None)

    def children_of(self, parent: str) -> tuple[Person, ...]:
        """The children of that person, eldest first."""
        found = [each for each in self.persons.values() if parent in (each.father, each.mother)]
        return tuple(sorted(found, key=lambda child: child.birth_date))

    def marriage_of(self, number: str) -> Marriage | None:
        """The last marriage of that person, lasting or ended; None when there never was one."""
        found = [each for each in self.marriages if number in (each.husband, each.wife)]
        return max(found, key=lambda marriage: marriage.registered_on, default=None)

    def birth_of(self, child: str) -> Birth | None:
        """The birth certificate of that person, or None."""
        return next((each for each in self.births if each.child == child), None)

    def household_of(self, person: Person) -> tuple[Person, ...]:
        """Everybody registered in that person's household, the person too."""
        return tuple(each for each in self.persons.values() if each.household == person.household)

    def vehicles_of(self, owner: str) -> tuple[Vehicle, ...]:
        """The vehicles of that enterprise or person."""
        return tuple(each for each in self.vehicles.values() if each.owner == owner)

    def quirk(self, source: str, identifier: str) -> Quirk | None:
        """What that register gets wrong about that subject, or None."""
        return self.quirks.get((source, identifier))
