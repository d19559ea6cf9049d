"""Households of the city: couples with children, elderly people, people alone. Pure: the same seed, the same city."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from random import Random

from gateway.demo.facts import Facts, weighted
from gateway.demo.identifiers import resident_id
from gateway.demo.records import Person, Place

MALE, FEMALE = "1", "2"
SINGLE, MARRIED, WIDOWED, DIVORCED = "10", "20", "30", "40"
HEAD, SPOUSE, SON, DAUGHTER, PARENT = "02", "10", "20", "30", "50"
"""GB/T 4761 relations to the head of a household."""


class PeopleMaker:
    """Makes one household after another; numbers, phones and addresses are never given twice."""

    def __init__(self, facts: Facts, random: Random, today: date) -> None:
        """Nothing is made yet; `today` decides everybody's age."""
        self.facts, self.random, self.today = facts, random, today
        self._orders: dict[tuple[str, date, str], Iterator[int]] = {}
        self._phones = count(10_000)
        self._households = count(1)

    def households(self, people: int) -> Iterator[tuple[Person, ...]]:
        """Households until they hold at least that many people."""
        made = 0
        while made < people:
            household = self.household()
            made += len(household)
            yield household

    def household(self) -> tuple[Person, ...]:
        """One household: its head first, then the spouse, the children, an elderly parent."""
        head = self._head()
        members = [head]
        if head.marital == MARRIED:
            spouse = self._spouse_of(head)
            head = replace(head, spouse=spouse.id_no)
            members = [head, spouse, *self._children_of(head, spouse)]
        parent = self._parent_of(head)
        if parent is not None:
            father, mother = (parent.id_no, None) if parent.sex == MALE else (None, parent.id_no)
            members[0] = replace(head, father=father, mother=mother)
            members.append(parent)
        return tuple(members)

    def place(self, county: str) -> Place:
        """A new address in that county."""
        known = self.facts["counties"][county]
        town, street = self.random.choice(known["towns"]), self.random.choice(self.facts["streets"])
        door = self.random.randint(1, 399)
        return Place(county, f"{self.facts.division_name(county)}{town}{street}{door}号", town)

    def phone(self) -> str:
        """A mobile number nobody else of the city has; the subscriber part begins with 999."""
        return f"{self.random.choice(self.facts['mobile_prefix'])}999{next(self._phones)}"

    def number(self, county: str, birth: date, sex: str) -> str:
        """The next resident number of that county, day and sex."""
        orders = self._orders.setdefault((county, birth, sex), count(901 if sex == MALE else 900, 2))
        return resident_id(county, birth, next(orders))

    def person(
        self, *, sex: str, birth: date, hukou: Place, home: Place, household: str, relation: str
    ) -> Person:
        """A new inhabitant, with everything that follows from chance alone."""
        age = self.today.year - birth.year
        return Person(
            id_no=self.number(hukou.county, birth, sex),
            name=weighted(self.random, self.facts["surname_weights_pct"]) + self._given(sex),
            sex=sex,
            birth_date=birth,
            ethnicity=weighted(self.random, self.facts["ethnicity_mix"]),
            marital=SINGLE,
            education=self._education(age),
            political="13" if age < 28 else weighted(self.random, {"01": 0.1, "13": 0.9}),
            hukou=hukou,
            home=home,
            phone=self.phone(),
            household=household,
            relation=relation,
            recorded_on=self.today - timedelta(days=self.random.randint(5, 300)),
        )

    def child(self, father: Person, mother: Person, born: date) -> Person:
        """A child of that couple, in their household."""
        sex = self.random.choice((MALE, FEMALE))
        child = self.person(
            sex=sex,
            birth=born,
            hukou=father.hukou,
            home=father.home,
            household=father.household,
            relation=SON if sex == MALE else DAUGHTER,
        )
        # the child carries the father's name; the surname of a compound one is two characters
        name = father.name[: 2 if father.name.startswith("欧阳") else 1] + self._given(sex)
        return replace(child, name=name, father=father.id_no, mother=mother.id_no, ethnicity=father.ethnicity)

    def _head(self) -> Person:
        county = self.random.choice(self.facts.counties_of(self.facts["home_city"]))
        home = self.place(county)
        hukou = home if self.random.random() < 0.75 else self.place(self._elsewhere())
        age = self.random.choice([*range(24, 64)] * 3 + [*range(64, 84)])
        head = self.person(
            sex=self.random.choice((MALE, MALE, FEMALE)),
            birth=self._birthday(self.today.year - age),
            hukou=hukou,
            home=home,
            household=f"{county}9{next(self._households):05d}",
            relation=HEAD,
        )
        return replace(head, marital=weighted(self.random, self.facts["marital_by_age"][_band(age)]))

    def _spouse_of(self, head: Person) -> Person:
        spouse = self.person(
            sex=FEMALE if head.sex == MALE else MALE,
            birth=self._birthday(
                min(head.birth_date.year + self.random.randint(-3, 3), self.today.year - 24)
            ),
            hukou=head.hukou,
            home=head.home,
            household=head.household,
            relation=SPOUSE,
        )
        return replace(spouse, marital=MARRIED, spouse=head.id_no)

    def _children_of(self, head: Person, spouse: Person) -> Iterator[Person]:
        father, mother = (head, spouse) if head.sex == MALE else (spouse, head)
        latest = min(self.today.year + 1, mother.birth_date.year + 40)
        years = range(max(mother.birth_date.year + 23, self.today.year - 22), latest)
        for year in sorted(
            self.random.sample(years, min(len(years), weighted(self.random, {1: 4, 2: 5, 3: 1})))
        ):
            yield self.child(father, mother, self._birthday(year))

    def _parent_of(self, head: Person) -> Person | None:
        if self.today.year - head.birth_date.year > 55 or self.random.random() > 0.2:
            return None
        parent = self.person(
            sex=self.random.choice((MALE, FEMALE)),
            birth=self._birthday(head.birth_date.year - self.random.randint(22, 32)),
            hukou=head.hukou,
            home=head.home,
            household=head.household,
            relation=PARENT,
        )
        return replace(parent, marital=WIDOWED)

    def _elsewhere(self) -> str:
        others = {
            c: w for c, w in self.facts["city_weights_resident_10k"].items() if c != self.facts["home_city"]
        }
        return self.random.choice(self.facts.counties_of(weighted(self.random, others)))

    def _birthday(self, year: int) -> date:
        born = date(year, 1, 1) + timedelta(days=self.random.randint(0, 364))
        return min(born, self.today - timedelta(days=10))

    def _given(self, sex: str) -> str:
        return str(self.random.choice(self.facts["given_chars"][sex]))

    def _education(self, age: int) -> str:
        if age < 16:
            return "80" if age < 13 else "70"
        return weighted(self.random, {"10": 4, "20": 22, "30": 20, "40": 8, "60": 20, "70": 22, "80": 4})


def _band(age: int) -> str:
    """The row of `marital_by_age` for that age."""
    if age < 22:
        return "<22"
    return "22-30" if age <= 30 else "31-60" if age <= 60 else "60+"
