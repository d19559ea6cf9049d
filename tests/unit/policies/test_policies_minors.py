"""Children under 14: told by the number, as long as one is there to tell it."""

from datetime import UTC, date, datetime

import pytest
from stdnum.cn import ric

from field_registry import Subject, SubjectKind
from policies.minors import born_on, is_child


def number(born: str) -> str:
    """A well-formed number of somebody born that day (YYYYMMDD)."""
    body = f"350582{born}991"
    return body + ric.calc_check_digit(body + "0")


def person(born: str, id_type: str = "111") -> Subject:
    return Subject(SubjectKind.person, id_type, number(born))


@pytest.mark.parametrize(
    ("born", "expected"),
    [
        ("20121120", False),
        ("20121121", True),  # the 14th birthday itself: full years are completed on the day after
        ("20121122", True),
        ("20260101", True),
        ("19910603", False),
    ],
)
def test_the_fourteenth_birthday(born, expected):
    """Under 14 until the day after the birthday."""
    assert is_child(person(born), datetime(2026, 11, 21, 2, tzinfo=UTC)) is expected


def test_the_day_is_chinas():
    """Four in the afternoon UTC is already tomorrow there."""
    of_tomorrow = person("20121121")

    assert is_child(of_tomorrow, datetime(2026, 11, 21, 15, 59, tzinfo=UTC))
    assert not is_child(of_tomorrow, datetime(2026, 11, 21, 16, 0, tzinfo=UTC))


def test_born_on_the_29th_of_february():
    """In a year without one, the day counts as over on the first of March."""
    child = person("20240229")

    assert is_child(child, datetime(2038, 2, 28, 4, tzinfo=UTC))
    assert not is_child(child, datetime(2038, 3, 1, 4, tzinfo=UTC))


@pytest.mark.parametrize("id_type", ["111", "112", "113", "553"])
def test_documents_that_carry_a_resident_number(id_type):
    """A household register tells the age as well as a card does."""
    assert born_on(person("20150807", id_type)) == date(2015, 8, 7)


@pytest.mark.parametrize(
    "subject",
    [
        Subject(SubjectKind.person, "414", "E12345678"),
        Subject(SubjectKind.organisation, "uscc", "91350582M0000XXXXX"),
        Subject(SubjectKind.vehicle, "plate", "闽C12345"),
    ],
)
def test_what_tells_no_age(subject):
    """A passport or a plate: nobody is taken for a child on a guess."""
    assert born_on(subject) is None
    assert not is_child(subject, datetime(2026, 11, 21, tzinfo=UTC))
