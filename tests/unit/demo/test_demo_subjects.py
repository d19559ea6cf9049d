"""Who would fill in each form: people and things that belong together."""

from pathlib import Path

import pytest

import forms
from field_registry import SubjectKind
from field_registry.identifiers import subject_from
from forms.definition import Form, Role
from forms.load import load_forms
from gateway.demo import City
from gateway.demo.subjects import typical_subjects

SHIPPED = load_forms(Path(forms.__file__).parent / "data").forms
IDS = [form.id for form in SHIPPED]


def form_named(form_id: str) -> Form:
    """The shipped form of that id."""
    return next(form for form in SHIPPED if form.id == form_id)


@pytest.mark.parametrize("form", SHIPPED, ids=IDS)
def test_every_shipped_form_has_several_casts(form: Form, city: City) -> None:
    """At least two sets of subjects, each with every role the form requires and none it has not."""
    casts = typical_subjects(city, form)

    roles = {role.name: role for role in form.roles}
    assert len(casts) >= 2
    for cast in casts:
        assert {role.name for role in form.roles if role.required} <= cast.keys() <= roles.keys()
        assert all(subject_from(who).kind in roles[name].kinds for name, who in cast.items())


@pytest.mark.parametrize("form", SHIPPED, ids=IDS)
def test_the_first_cast_is_of_plain_people(form: Form, city: City) -> None:
    """Whom a form is shown with first, no register is wrong about, and the first cast fills every role it can."""
    first = typical_subjects(city, form)[0]
    numbers = {value for who in first.values() for value in who.values()}

    assert not any(identifier in numbers for _, identifier in city.quirks)


def test_the_spouse_to_be_is_unmarried_and_another(city: City) -> None:
    """A marriage is of two single people of different sex."""
    cast = typical_subjects(city, form_named("marriage-registration"))[0]
    one, other = (city.persons[cast[role]["id_no"]] for role in ("applicant", "spouse"))

    assert {one.marital, other.marital} == {"10"}
    assert one.sex != other.sex


def test_a_newborn_comes_with_its_parents(city: City) -> None:
    """The certificate is of the child of the two people named."""
    for cast in typical_subjects(city, form_named("newborn-registration")):
        birth = next(each for each in city.births if each.number == cast["child"]["id_no"])

        assert (birth.mother, birth.father) == (cast["applicant"]["id_no"], cast["father"]["id_no"])


def test_a_vehicle_comes_with_its_owner(city: City) -> None:
    """The plate is of the enterprise named, and the enterprise is led by the applicant."""
    for cast in typical_subjects(city, form_named("vehicle-annual-review")):
        enterprise = city.enterprises[cast["enterprise"]["uscc"]]

        assert city.vehicles[cast["vehicle"]["plate_number"]].owner == enterprise.uscc
        assert cast["applicant"]["id_no"] == enterprise.legal_rep


def test_a_project_comes_with_its_owner(city: City) -> None:
    """The project is of the enterprise named."""
    for cast in typical_subjects(city, form_named("construction-start")):
        assert city.projects[cast["project"]["project_code"]].owner == cast["enterprise"]["uscc"]


def test_edge_cases_follow_the_plain(city: City) -> None:
    """The residence permit is also shown with two documents of one person and two addresses."""
    casts = typical_subjects(city, form_named("residence-permit"))

    applicants = [cast["applicant"] for cast in casts]
    assert dict(city.cases["two_documents"].subject) in applicants[1:]
    assert dict(city.cases["conflicting_addresses"].subject) in applicants[1:]


def test_an_unknown_form_gets_whoever_fits(city: City) -> None:
    """A form the city has never seen is still shown with subjects of the right kinds."""
    roles = (
        Role("enterprise", "企业", frozenset({SubjectKind.organisation})),
        Role("applicant", "申请人", frozenset({SubjectKind.person})),
    )
    form = Form("new", 1, "新表", "m", "p", "d", fields=(), roles=roles)

    assert typical_subjects(city, form)
    assert all(cast.keys() == {"enterprise", "applicant"} for cast in typical_subjects(city, form))
