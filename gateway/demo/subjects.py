"""Who would fill in each form: subjects that belong together, so that a form can be resolved for several people.

A cast is a role → subject mapping: the spouse is the spouse, the vehicle is the enterprise's. For each form the plain
good ones come first, then those at whom life is less simple (`City.cases`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

from forms.definition import Form
from gateway.demo.naming import (
    Payload,
    newborn_subject,
    organisation_subject,
    person_subject,
    project_subject,
    vehicle_subject,
)
from gateway.demo.people import FEMALE, MALE, MARRIED, SINGLE
from gateway.demo.records import City, Enterprise, Person, Trade

Cast = Mapping[str, Payload]
PLAIN = 4
"""How many plain casts a form gets, at most."""


def typical_subjects(city: City, form: Form) -> list[dict[str, Payload]]:
    """Casts for that form, the plain good ones first; at least one for every form the city knows.

    A form it does not know gets whoever fits the kinds of its roles; a cast holds only roles the form has.
    """
    return [*plain_subjects(city, form, most=PLAIN), *odd_subjects(city, form)]


def plain_subjects(city: City, form: Form, *, most: int) -> list[dict[str, Payload]]:
    """Casts about whom there is nothing odd."""
    casts = _CASTS.get(form.id, _by_trade(Trade.transport))
    return _complete(form, islice(casts(city), most))


def odd_subjects(city: City, form: Form) -> list[dict[str, Payload]]:
    """Casts around the edge cases that show in that form; none for most forms."""
    return _complete(form, (case for case in _cases_of(city, form.id) if case is not None))


def permit_holders(city: City, form: Form, id_type: str) -> list[dict[str, Payload]]:
    """Casts whose applicant is known by a document of that type, as far as the form lets such a person apply."""
    holders = (person for person in city.persons.values() if id_type in person.documents)
    casts = (_around(city, person_subject(person, id_type)) for person in holders)
    return _complete(form, (cast for cast in casts if cast is not None))


def _complete(form: Form, casts: Iterable[Cast]) -> list[dict[str, Payload]]:
    """The casts, each as far as the form has roles; those that lack somebody it needs are left out."""
    found = [_fitting(form, cast) for cast in casts]
    return [cast for cast in found if all(role.name in cast for role in form.roles if role.required)]


def _fitting(form: Form, cast: Cast) -> dict[str, Payload]:
    """The part of a cast that the form has roles for."""
    kinds = {role.name: role.kinds for role in form.roles}
    return {name: who for name, who in cast.items() if who["kind"] in kinds.get(name, ())}


# ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _plain(city: City) -> Iterator[Person]:
    """Adults with nothing odd about them: every register holds the same of them."""
    odd = {case.subject.get("id_no") for case in city.cases.values()}
    for person in city.persons.values():
        is_consistent = person.old_phone is None and person.former_name is None and not person.documents
        if is_consistent and person.id_no not in odd and person.age(city.today) >= 18:
            yield person


def _employed(city: City) -> Iterator[Cast]:
    """People with an employer, and the employer."""
    for person in _plain(city):
        if person.employer is not None:
            yield _worker(city, person)


def _worker(city: City, person: Person) -> Cast:
    cast = {"applicant": person_subject(person)}
    if person.employer is not None:
        cast["enterprise"] = organisation_subject(city.enterprises[person.employer])
    return cast


def _newcomers(city: City) -> Iterator[Cast]:
    """People who live here and are registered in another city."""
    return (_worker(city, person) for person in _plain(city) if person.is_resident_elsewhere)


def _elderly(city: City) -> Iterator[Cast]:
    """The oldest first."""
    people = sorted(_plain(city), key=lambda person: person.birth_date)
    for person, helper in zip(people, reversed(people), strict=True):
        yield {"applicant": person_subject(person), "agent": person_subject(helper)}


def _couples_to_be(city: City) -> Iterator[Cast]:
    """Unmarried men and women of similar age."""
    single = [person for person in _plain(city) if person.marital == SINGLE and person.age(city.today) >= 22]
    women = [person for person in single if person.sex == FEMALE]
    for man, woman in zip((person for person in single if person.sex == MALE), women, strict=False):
        yield {"applicant": person_subject(man), "spouse": person_subject(woman)}


def _births(city: City) -> Iterator[Cast]:
    """A mother, a father and their child of a few weeks."""
    for birth in city.births:
        if city.persons[birth.child].is_newborn(city.today) and birth.father is not None:
            yield {
                "applicant": person_subject(city.persons[birth.mother]),
                "father": person_subject(city.persons[birth.father]),
                "child": newborn_subject(birth),
            }


def _pupils(city: City) -> Iterator[Cast]:
    """Children about to begin school, with their parents."""
    pupils = [p for p in city.persons.values() if p.mother and p.father and 5 <= p.age(city.today) <= 12]
    for pupil in sorted(pupils, key=lambda pupil: pupil.birth_date, reverse=True):
        yield {
            "child": person_subject(pupil),
            "guardian": person_subject(city.persons[pupil.mother or ""]),
            "guardian2": person_subject(city.persons[pupil.father or ""]),
        }


def _owners(city: City) -> Iterator[Cast]:
    """Owners of a home and somebody who might buy it."""
    owners = {each.owner for each in city.properties}
    plain = list(_plain(city))
    buyers = [person for person in plain if person.id_no not in owners and person.relation == "02"]
    sellers = [person for person in plain if person.id_no in owners and person.marital == MARRIED]
    for seller, buyer in zip(sellers, buyers, strict=False):
        yield {
            "applicant": person_subject(seller),
            "transferee": person_subject(buyer),
            "agent": person_subject(plain[-1]),
        }


def _veterans(city: City) -> Iterator[Cast]:
    for person in _plain(city):
        if person.id_no in city.veterans:
            cast = {"applicant": person_subject(person)}
            if person.spouse is not None:
                cast["spouse"] = person_subject(city.persons[person.spouse])
            yield cast


# ── enterprises ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _by_trade(*trades: Trade) -> Callable[[City], Iterator[Cast]]:
    """Enterprises of those trades with everybody and everything that belongs to them."""

    def casts(city: City) -> Iterator[Cast]:
        plain = {person.id_no for person in _plain(city)}
        for enterprise in city.enterprises.values():
            if enterprise.trade in trades and enterprise.legal_rep in plain and not enterprise.is_struck_off:
                yield _business(city, enterprise)

    return casts


def _business(city: City, enterprise: Enterprise) -> Cast:
    head = person_subject(city.persons[enterprise.legal_rep])
    second = person_subject(city.persons[enterprise.shareholders[-1].id_no])
    cast = {
        "enterprise": organisation_subject(enterprise),
        "legal_rep": head,
        "applicant": head,
        "agent": second,
    }
    for vehicle in city.vehicles_of(enterprise.uscc)[:1]:
        cast["vehicle"] = vehicle_subject(vehicle)
    for project in city.projects.values():
        if project.owner == enterprise.uscc:
            cast["project"] = project_subject(project)
    return cast


def _projects(city: City) -> Iterator[Cast]:
    return (_business(city, city.enterprises[project.owner]) for project in city.projects.values())


_CASTS: dict[str, Callable[[City], Iterable[Cast]]] = {
    "construction-start": _projects,
    "elderly-allowance": _elderly,
    "emergency-plan-filing": _by_trade(Trade.industry),
    "enterprise-relocation": _by_trade(Trade.industry, Trade.construction),
    "food-operation-licence": _by_trade(Trade.food),
    "marriage-registration": _couples_to_be,
    "medical-insurance": _employed,
    "newborn-registration": _births,
    "real-estate-transfer": _owners,
    "residence-permit": _newcomers,
    "school-entry": _pupils,
    "shop-opening": _owners,
    "social-insurance-enrolment": _employed,
    "vehicle-annual-review": _by_trade(Trade.transport),
    "veterans-return": _veterans,
    "water-intake": _by_trade(Trade.industry),
}

# ── edge cases ──────────────────────────────────────────────────────────────────────────────────────────────────────

_CASES: dict[str, tuple[str, ...]] = {
    "elderly-allowance": ("deceased", "retired_district_code"),
    "enterprise-relocation": ("many_shareholders", "struck_off"),
    "food-operation-licence": ("two_permits",),
    "marriage-registration": ("two_documents", "conflict"),
    "medical-insurance": ("ambiguous", "no_record", "minor", "rare_characters"),
    "residence-permit": ("conflicting_addresses", "two_documents", "permit_of_hong_kong"),
    "shop-opening": ("astral_characters", "name_with_dot", "invalid_value", "empty_value"),
    "social-insurance-enrolment": ("wrong_subject", "stale", "former_name"),
    "vehicle-annual-review": ("uninsured", "plate_spelled_differently"),
    "veterans-return": ("fifteen_digit_id",),
}


def _cases_of(city: City, form_id: str) -> Iterator[Cast | None]:
    """The casts around the edge cases that show in that form."""
    for name in _CASES.get(form_id, ()):
        subject = city.cases[name].subject
        if subject["kind"] == "organisation":
            yield _business(city, city.enterprises[subject["uscc"]])
        elif subject["kind"] == "vehicle":
            owner = city.enterprises[city.vehicles[subject["plate_number"]].owner]
            yield {**_business(city, owner), "vehicle": dict(subject)}
        else:
            yield _around(city, dict(subject))


def _around(city: City, subject: Payload) -> Cast | None:
    """Somebody odd, with an employer and a plain person to marry."""
    person = city.person(subject["id_no"], subject["id_type"])
    if person is None:
        return None
    others = (
        p for p in _plain(city) if p.sex != person.sex and p.marital == SINGLE and p.age(city.today) >= 22
    )
    partner = next(others, None)
    partnered = {} if partner is None else {"spouse": person_subject(partner)}
    return {**_worker(city, person), "applicant": subject, **partnered}
