"""After a full run nobody can be recognised in what the gateway keeps in clear: database, log, metrics."""

import pytest

FORMS = (
    "vehicle-annual-review",
    "newborn-registration",
    "school-entry",
    "enterprise-relocation",
    "veterans-return",
)


@pytest.fixture
def people(hall, casts):
    """Whoever was resolved for, as the city knows them."""
    found = []
    for form_id in FORMS:
        form, cast = hall.form(form_id), casts(form_id)[0]
        answers = {"contact_phone": "13800138000"} if form_id == FORMS[0] else {}
        hall.resolve(form, cast, hall.agree_all(form, cast).values(), answers=answers)
        numbers = {subject.get("id_no", "") for subject in cast.values()}
        found += [hall.city.city.persons[number] for number in numbers if number in hall.city.city.persons]
    return found


def secrets_of(person):
    """What would give a person away."""
    return [person.id_no, person.name, person.phone, person.home.text, person.hukou.text]


def test_no_person_stands_in_clear_in_database_log_or_metrics(hall, casts, people):
    """ID numbers, names, phones, addresses, plates: sealed, indexed blindly, or not kept."""
    assert len(people) >= 8
    cast = casts(FORMS[0])[0]
    canaries = [secret for person in people for secret in secrets_of(person)]
    canaries += [cast["vehicle"]["plate_number"], "13800138000", "case-1", "clerk-1"]
    places = {
        "database": hall.gateway.stored(),
        "log": hall.gateway.logged().encode(),
        "metrics": hall.http.get("/metrics").content,
    }

    assert len(places["database"]) > 100_000
    for place, content in places.items():
        seen = [number for number, secret in enumerate(canaries) if secret.encode() in content]
        assert seen == [], place  # by number: a failing test must not print whom it found


def test_the_log_shows_that_it_was_listening(hall, people):
    """The run above did write a log; a silent one would prove nothing."""
    hall.fault("civil", "wrong_subject")
    cast = {"applicant": {"kind": "person", "id_type": "111", "id_no": people[0].id_no}}
    form = hall.form()
    hall.resolve(form, cast, hall.agree_all(form, cast).values())

    assert "wrong_subject" in hall.gateway.logged()
