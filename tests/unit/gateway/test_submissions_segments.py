"""Segments: told by the document alone."""

import pytest

from field_registry import Subject, SubjectKind
from gateway.store.submission_tables import snapshot
from gateway.submissions.segments import Segment, segment_of, segment_of_application

PERSON, ORG, CAR = SubjectKind.person, SubjectKind.organisation, SubjectKind.vehicle


@pytest.mark.parametrize(
    ("subject", "segment"),
    [
        (Subject(PERSON, "111", "35058219910603996X"), "resident"),
        (Subject(PERSON, "117", "A123456789"), "resident"),
        (Subject(PERSON, "111", "810000199408230021"), "hongkong_macao"),
        (Subject(PERSON, "111", "830000199201300022"), "taiwan"),
        (Subject(PERSON, "511", "01234567"), "taiwan"),
        (Subject(PERSON, "516", "H12345678"), "hongkong_macao"),
        (Subject(PERSON, "414", "E12345678"), "foreign"),
        (Subject(PERSON, "553", "911124198108030024"), "foreign"),
        (Subject(PERSON, "114", "军字第123456号"), "other_person"),
        (Subject(ORG, "uscc", "91350582M0000XXXXX"), "enterprise"),
        (Subject(ORG, "uscc", "92350582M0000XXXXX"), "individual_trader"),
        (Subject(ORG, "uscc", "12350582M0000XXXXX"), "other_organisation"),
        (Subject(CAR, "plate", "闽C12345"), "none"),
        (None, "none"),
    ],
)
def test_a_document_tells_the_segment(subject, segment):
    """By its kind, and for cards and credit codes by how their number begins."""
    assert segment_of(subject).value == segment


def test_an_application_is_its_enterprises():
    """Who brings a firm's form to the window is not whom it is for."""
    ann, firm = Subject(PERSON, "111", "35058219910603996X"), Subject(ORG, "uscc", "92350582M0000XXXXX")

    assert segment_of_application({"applicant": ann, "enterprise": firm}) is Segment.individual_trader
    assert segment_of_application({"guardian": ann}) is Segment.resident
    assert segment_of_application({}) is Segment.none


def test_every_segment_finds_room_in_its_column():
    """The closed list fits what the store keeps."""
    assert max(len(each.value) for each in Segment) <= snapshot.c.segment.type.length
