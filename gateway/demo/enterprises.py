"""Enterprises of the city and what belongs to them: vehicles, projects. Pure; legal representatives are inhabitants."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import count

from gateway.demo.facts import weighted
from gateway.demo.identifiers import credit_code, project_code, vehicle_identification
from gateway.demo.people import PeopleMaker
from gateway.demo.records import Enterprise, Person, Place, Project, Shareholder, Trade, Vehicle

INDIVIDUAL, COOPERATIVE = "9500", "9100"
_PREFIXES = {INDIVIDUAL: "92", COOPERATIVE: "93"}
_INDUSTRY = {Trade.transport: "运输", Trade.food: "餐饮管理", Trade.construction: "建筑工程"}
_TRUCKS = (("东风", "DFH1180", 18000, 9925, 9000, 3), ("福田", "BJ1186", 18000, 9900, 9000, 3))
_COACHES = (("金龙", "XMQ6802", 10800, 0, 8045, 34), ("金旅", "XML6907", 13500, 0, 8999, 38))


class EnterpriseMaker:
    """Makes enterprises, and vehicles and projects for them; serial numbers are never given twice."""

    def __init__(self, people: PeopleMaker, founders: Sequence[Person]) -> None:
        """`founders`: the adults among whom legal representatives and shareholders are found, in turn."""
        self.people, self.facts, self.random, self.today = people, people.facts, people.random, people.today
        self._founders = founders
        self._serials, self._plates, self._projects = count(1), count(1), count(1)

    def enterprises(self, number: int) -> Iterator[Enterprise]:
        """Enterprises of every trade: the first of each are companies, the rest of the mix the city has."""
        trades = [Trade.transport] * 8 + [Trade.construction] * 10 + [Trade.industry] * 12 + [Trade.food] * 6
        for index in range(number):
            if index < len(trades):
                yield self.enterprise(trades[index], weighted(self.random, {"1130": 6, "1151": 3, "1220": 1}))
            else:
                kind = weighted(self.random, self.facts["enterprise_type_mix"])
                yield self.enterprise(weighted(self.random, {Trade.food: 2, Trade.industry: 3}), kind)

    def enterprise(self, trade: Trade, kind: str) -> Enterprise:
        """One enterprise of that trade and type, with its legal representative and shareholders."""
        serial = next(self._serials)
        representative = self._founders[serial * 7 % len(self._founders)]
        age = representative.age(self.today)
        seat = self.people.place(representative.home.county)
        site = seat if self.random.random() < 0.7 else self.people.place(seat.county)
        industry = _INDUSTRY.get(trade) or self.random.choice(self.facts["industries"])
        capital = self.random.randint(*self.facts["reg_capital_wan"][kind])
        return Enterprise(
            uscc=credit_code(_PREFIXES.get(kind, "91"), seat.county, serial),
            name=self._name(seat, industry, kind),
            type=kind,
            trade=trade,
            industry=industry,
            legal_rep=representative.id_no,
            seat=seat,
            site=site,
            capital_wan=capital,
            founded_on=self.today - timedelta(days=self.random.randint(400, (age - 20) * 365)),
            phone=self._landline(seat),
            shareholders=self._shareholders(representative, serial, kind, capital),
            employees=self.random.randint(1, 6) if kind == INDIVIDUAL else self.random.randint(8, 260),
            recorded_on=self.today - timedelta(days=self.random.randint(5, 300)),
        )

    def vehicle(self, owner: str, *, coach: bool) -> Vehicle:
        """One vehicle for commercial use, reviewed within the year."""
        serial = next(self._plates)
        brand, model, mass, load, length, seats = self.random.choice(_COACHES if coach else _TRUCKS)
        registered = self.today - timedelta(days=self.random.randint(200, 3000))
        return Vehicle(
            plate=f"闽C9{serial:04d}",
            colour="2",
            owner=owner,
            type="K21" if coach else "H11",
            brand=brand,
            model=model,
            vin=vehicle_identification(serial),
            engine_no=f"X9{serial:06d}",
            fuel="B",
            mass_kg=mass,
            load_kg=load,
            length_mm=length,
            seats=seats,
            registered_on=registered,
            reviewed_on=self.today - timedelta(days=self.random.randint(60, 350)),
            insured_until=self.today + timedelta(days=self.random.randint(10, 350)),
        )

    def project(self, owner: Enterprise, builder: Enterprise) -> Project:
        """One investment project of `owner`, built by `builder`."""
        serial = next(self._projects)
        approved = self.today - timedelta(days=self.random.randint(60, 500))
        starts = approved + timedelta(days=self.random.randint(90, 240))
        what = self.random.choice(("厂房", "仓储中心", "综合楼", "污水处理站"))
        return Project(
            code=project_code(owner.seat.county, approved, serial),
            name=f"{owner.name}{what}建设项目",
            owner=owner.uscc,
            builder=builder.uscc,
            site=self.people.place(owner.seat.county),
            cost_wan=self.random.randint(300, 30000),
            floor_area=self.random.randint(1200, 60000),
            approved_on=approved,
            starts_on=starts,
            ends_on=starts + timedelta(days=self.random.randint(240, 720)),
        )

    def _name(self, seat: Place, industry: str, kind: str) -> str:
        """行政区划 + 字号 + 行业 + 组织形式."""
        firm = "".join(self.random.sample(self.facts["zihao_chars"], 2))
        division = (
            self.facts.county_name(seat.county) if kind == INDIVIDUAL else self.facts.city_name(seat.county)
        )
        return f"{division}{firm}{industry}{self.facts['enterprise_forms'][kind]}"

    def _landline(self, seat: Place) -> str:
        return f"{self.facts['landline_area'][seat.county[:4]]}-999{self.random.randint(10000, 99999)}"

    def _shareholders(
        self, representative: Person, serial: int, kind: str, capital: int
    ) -> tuple[Shareholder, ...]:
        """One owner, or between two and five; only a few companies have more than a page of them."""
        if kind not in ("1130", "1220"):
            return (Shareholder(representative.id_no, representative.name, capital, "100"),)
        others = 70 if serial == 3 else self.random.randint(1, 4)
        step = len(self._founders)
        persons = [representative] + [
            self._founders[(serial * 7 + 11 * (n + 1)) % step] for n in range(others)
        ]
        unique = list({person.id_no: person for person in persons}.values())
        each = capital // len(unique)
        ratio = f"{100 / len(unique):.2f}"
        return tuple(Shareholder(person.id_no, person.name, each, ratio) for person in unique)


def is_adult(person: Person, today: date) -> bool:
    """Whether somebody may found an enterprise."""
    return 26 <= person.age(today) <= 70 and person.deceased_on is None
