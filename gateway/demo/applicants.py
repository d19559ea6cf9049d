"""Who comes to the hall in a month, for what, and through which door. Pure: the same seed, the same people.

Whom a matter concerns follows from the city (`gateway.demo.subjects`); how often each matter is asked for, and by whom,
from `data/traffic.json`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from forms.definition import Form
from gateway.demo.arrivals import load_traffic
from gateway.demo.enterprises import INDIVIDUAL
from gateway.demo.facts import weighted
from gateway.demo.naming import Payload
from gateway.demo.records import City
from gateway.demo.subjects import Cast, odd_subjects, permit_holders, plain_subjects
from gateway.records import Actor

_TAIWAN_PERMIT = "511"
_DESKS = {"clerk": 14, "terminal": 5, "agent": 9}


@dataclass(frozen=True, slots=True)
class Applicant:
    """Somebody who begins a form. `habits`: where everything they do follows from, once and for all."""

    form: Form
    cast: Cast = field(repr=False)
    actor: Actor
    habits: Random = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class _Crowd:
    """Who may apply by one form: casts with nothing odd, individual traders, odd ones, people from Taiwan."""

    plain: Sequence[Cast]
    traders: Sequence[Cast]
    odd: Sequence[Cast]
    taiwan: Sequence[Cast]


class Townspeople:
    """Everybody who might apply, form by form; `next` is whoever comes next."""

    def __init__(self, city: City, forms: Sequence[Form], random: Random) -> None:
        """`forms`: those that are published; one that the traffic does not name is never asked for."""
        self._random = random
        weights = load_traffic()["forms"]
        self._forms = {form.id: form for form in forms}
        self._crowds = {form.id: _crowd(city, form) for form in forms}
        self._weights: Mapping[str, float] = {
            name: weight
            for name, weight in weights.items()
            if name in self._crowds and self._crowds[name].plain
        }
        self._before: list[tuple[Form, Cast]] = []
        """Who has come so far; some come again, and find what they let us keep."""

    def next(self, *, after_hours: bool) -> Applicant:
        """Somebody, at a counter or, while the counters are closed, on a phone."""
        traffic = load_traffic()
        form, cast = self._matter(traffic["shares"])
        door = weighted(self._random, traffic["after_hours" if after_hours else "at_the_counter"])
        return Applicant(form, cast, self._actor(door, cast), Random(self._random.getrandbits(64)))

    def _matter(self, shares: Mapping[str, float]) -> tuple[Form, Cast]:
        """What the next one comes for, and for whom."""
        if self._before and self._random.random() < shares["returns"]:
            return self._random.choice(self._before)
        form = self._forms[weighted(self._random, self._weights)]
        cast = self._random.choice(self._choose(self._crowds[form.id], shares))
        self._before.append((form, cast))
        return form, cast

    def _choose(self, crowd: _Crowd, shares: Mapping[str, float]) -> Sequence[Cast]:
        """The part of the crowd that the next one comes from."""
        parts = ((crowd.taiwan, "taiwan"), (crowd.odd, "odd_people"), (crowd.traders, "individual_trader"))
        chance = {share: self._random.random() for _, share in parts}
        return next((part for part, share in parts if part and chance[share] < shares[share]), crowd.plain)

    def _actor(self, door: str, cast: Cast) -> Actor:
        if door == "applicant":
            return Actor(door, f"phone-{self._random.randint(1, 100_000):06d}")
        return Actor(door, f"demo-{door}-{self._random.randint(1, _DESKS[door]):02d}")


def _crowd(city: City, form: Form) -> _Crowd:
    traffic = load_traffic()
    plain = plain_subjects(city, form, most=traffic["at_most"].get(form.id, 200))
    return _Crowd(
        plain=plain,
        traders=[cast for cast in plain if _is_trader(city, cast.get("enterprise"))],
        odd=odd_subjects(city, form),
        taiwan=permit_holders(city, form, _TAIWAN_PERMIT) if form.id in traffic["for_permits"] else (),
    )


def _is_trader(city: City, enterprise: Payload | None) -> bool:
    return enterprise is not None and city.enterprises[enterprise["uscc"]].type == INDIVIDUAL
