"""Identifiers: every spelling of one gives one subject; a bad one is refused without being repeated."""

from datetime import date

import pytest

from field_registry.errors import BadIdentifier
from field_registry.identifiers import (
    birth_date,
    document_number,
    plate,
    project_code,
    region_warning,
    resident_id,
    same_identifier,
    sex_code,
    subject_from,
    unified_social_credit_code,
)
from field_registry.subjects import Subject, SubjectKind

SOUND = "110102199101010078"  # a published test vector, nobody's


@pytest.mark.parametrize(
    "spelling",
    [
        SOUND,
        "1101 0219 9101 0100 78",
        "１１０１０２１９９１０１０１００７８",
        " 110102199101010078\n",
        "110102910101007",
    ],
)
def test_every_spelling_of_a_resident_id_gives_one(spelling: str) -> None:
    """Spaces, width and the 15-digit form do not matter."""
    assert resident_id(spelling) == SOUND


def test_a_lower_case_x_is_the_check_character() -> None:
    """x and X are the same check character."""
    assert resident_id("44011320141005001x") == "44011320141005001X"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("", "length"),
        ("11010219910101", "length"),
        ("1101021991010100788", "length"),
        ("11010219910101007A", "characters"),
        ("T60426199101010078", "characters"),
        ("010102199101010078", "characters"),
        ("360426199113010079", "birth_date"),
        ("110102179001010078", "birth_date"),
        ("110102199102300078", "birth_date"),
        ("36042619910102009X", "check_digit"),
        ("110102199101010079", "check_digit"),
        ("110102991301007", "birth_date"),
    ],
)
def test_a_malformed_resident_id_is_refused_with_its_code(number: str, code: str) -> None:
    """Each rule has its stable code, and the sentence never repeats the number."""
    with pytest.raises(BadIdentifier) as caught:
        resident_id(number)

    assert caught.value.code == code
    assert not number or number not in str(caught.value)


@pytest.mark.parametrize("number", ["110111198012010078", "990426199112010074"])
def test_a_region_unknown_or_newer_than_its_holder_is_not_refused(number: str) -> None:
    """Counties change; their holders keep their numbers."""
    assert resident_id(number) == number


def test_birth_date_and_sex_stand_in_the_number() -> None:
    """The number says birth date and sex as registers do."""
    assert birth_date(SOUND) == date(1991, 1, 1)
    assert sex_code(SOUND) == "1"
    assert sex_code("44011320141005002X") == "2"


def test_region_is_a_warning_only() -> None:
    """A county that is not listed warns; whether its province is known is part of the sentence."""
    divisions = {"110000": "北京市", "110102": "西城区"}

    assert region_warning(SOUND, divisions) is None
    assert "withdrawn" in (region_warning("110199199101010078", divisions) or "")
    assert "province is unknown" in (region_warning("990102199101010078", divisions) or "")


@pytest.mark.parametrize(
    ("id_type", "spelling", "expected"),
    [
        ("112", "1101 0219910101 0078", SOUND),
        ("414", "e 1234 5678", "E12345678"),
        ("414", "ＥＡ1234567", "EA1234567"),
        ("511", "12345678", "12345678"),
        ("511", "12345678(01)", "1234567801"),
        ("516", "h12345678（01）", "H1234567801"),
        ("516", "M12345678", "M12345678"),
        ("117", "p350000001", "P350000001"),
        ("553", "CHN350100000001", "CHN350100000001"),
        ("114", "军字第1234567号", "军字第1234567号"),
        ("420", "K12345678", "K12345678"),
        ("990", "ABC-123/4", "ABC-123/4"),
    ],
)
def test_documents_of_other_types_have_one_form(id_type: str, spelling: str, expected: str) -> None:
    """Case, width, spaces and the brackets around an issue number do not matter."""
    assert document_number(id_type, spelling) == expected


@pytest.mark.parametrize(
    ("id_type", "number", "code"),
    [
        ("414", "E12", "characters"),
        ("414", "护照12345", "characters"),
        ("511", "123456789", "characters"),
        ("516", "A12345678", "characters"),
        ("117", "350000001", "characters"),
        ("553", "912345198001010010", "check_digit"),
        ("000", "E12345678", "unknown_id_type"),
        ("", "E12345678", "unknown_id_type"),
    ],
)
def test_a_document_of_the_wrong_shape_is_refused(id_type: str, number: str, code: str) -> None:
    """The shape of each type is checked, an unknown type has its own code."""
    with pytest.raises(BadIdentifier) as caught:
        document_number(id_type, number)

    assert caught.value.code == code
    assert number not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "121200004013590816",
        "1212 0000 4013 5908 16",
        "12120000-401359081-6",
        "１２１２００００４０１３５９０８１６",
    ],
)
def test_a_credit_code_is_read_from_any_spelling(text: str) -> None:
    """Spaces, hyphens and width do not matter."""
    assert unified_social_credit_code(text) == "121200004013590816"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("12345", "length"),
        ("12120000401359081O", "characters"),
        ("A21200004013590816X", "length"),
        ("121200004013590817", "check_digit"),
    ],
)
def test_a_bad_credit_code_is_refused(text: str, code: str) -> None:
    """Length, alphabet and check character each have their code."""
    with pytest.raises(BadIdentifier) as caught:
        unified_social_credit_code(text)

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("闽C12345", "闽C12345"),
        ("闽c·12345", "闽C12345"),
        ("闽C•12345", "闽C12345"),
        (" 闽 C - 12345 ", "闽C12345"),
        ("闽ＣＤ１２３４５", "闽CD12345"),
        ("闽C12345D", "闽C12345D"),
        ("闽CF1234挂", None),
        ("闽C1234挂", "闽C1234挂"),
        ("闽C1234学", "闽C1234学"),
        ("闽C1234警", "闽C1234警"),
        ("粤ZA123港", "粤ZA123港"),
        ("粤Z1234港", "粤Z1234港"),
        ("粤Z1234澳", "粤Z1234澳"),
        ("使014578", "使014578"),
        ("闽C1234应急", "闽C1234应急"),
        ("WJ闽1234X", "WJ闽1234X"),
        ("闽CI2345", None),
        ("闽C1234", None),
        ("福C12345", None),
        ("闽C123456", None),
        ("", None),
    ],
)
def test_plates(text: str, expected: str | None) -> None:
    """Civil, new-energy and special plates are read without dot and spaces; anything else is refused."""
    if expected is None:
        with pytest.raises(BadIdentifier, match="plate"):
            plate(text)
    else:
        assert plate(text) == expected


def test_project_codes_stand_in_their_groups() -> None:
    """A national code gets its hyphens, a local one stays, nonsense is refused."""
    assert project_code("20193505034803012345") == "2019-350503-48-03-012345"
    assert project_code("2019-350503-48-03-012345") == "2019-350503-48-03-012345"
    assert project_code("qz2026 001") == "QZ2026001"
    with pytest.raises(BadIdentifier):
        project_code("a/b")


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"kind": "person", "id_no": "110102910101007"}, Subject(SubjectKind.person, "111", SOUND)),
        ({"kind": "person", "id_type": None, "id_no": SOUND}, Subject(SubjectKind.person, "111", SOUND)),
        (
            {"kind": "person", "id_type": "414", "id_no": "e12345678"},
            Subject(SubjectKind.person, "414", "E12345678"),
        ),
        (
            {"kind": "organisation", "uscc": "121200004013590816"},
            Subject(SubjectKind.organisation, "uscc", "121200004013590816"),
        ),
        ({"kind": "vehicle", "plate_number": "闽C·12345"}, Subject(SubjectKind.vehicle, "plate", "闽C12345")),
        (
            {"kind": "project", "project_code": "QZ2026001"},
            Subject(SubjectKind.project, "project_code", "QZ2026001"),
        ),
    ],
)
def test_wire_forms_make_subjects(payload: dict[str, object], expected: Subject) -> None:
    """Each kind is named by its own key, normalised on the way in."""
    assert subject_from(payload) == expected


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({}, "missing"),
        ({"kind": "ghost"}, "unknown_subject_kind"),
        ({"kind": 3}, "not_text"),
        ({"kind": "person"}, "missing"),
        ({"kind": "person", "id_no": ""}, "missing"),
        ({"kind": "person", "id_no": 110102199101010078}, "not_text"),
        ({"kind": "person", "id_type": ["111"], "id_no": SOUND}, "not_text"),
        ({"kind": "person", "id_type": "999", "id_no": SOUND}, "unknown_id_type"),
        ({"kind": "person", "id_no": "110102199101010079"}, "check_digit"),
        ({"kind": "organisation", "id_no": SOUND}, "missing"),
        ({"kind": "vehicle", "plate_number": "x"}, "characters"),
    ],
)
def test_a_bad_wire_form_is_refused_with_its_code(payload: dict[str, object], code: str) -> None:
    """Machines get a stable code, people a sentence without the identifier."""
    with pytest.raises(BadIdentifier) as caught:
        subject_from(payload)

    assert caught.value.code == code
    assert "110102" not in str(caught.value)


def test_a_subject_never_shows_its_identifier() -> None:
    """A traceback that prints a subject prints no number."""
    assert SOUND not in repr(subject_from({"kind": "person", "id_no": SOUND}))


@pytest.mark.parametrize(
    ("id_type", "asked", "echoed", "same"),
    [
        ("111", SOUND, SOUND, True),
        ("111", SOUND, "110102910101007", True),
        ("111", SOUND, "１１０１０２ 19910101 0078", True),
        ("111", "44011320141005001X", "44011320141005001x", True),
        ("111", SOUND, "110102199101010079", False),
        ("111", SOUND, "", False),
        ("111", SOUND, "   ", False),
        ("111", SOUND, "110102********0078", True),
        ("111", SOUND, "110102●●●●●●●●0078", True),
        ("112", SOUND, "110102********0078", True),
        ("111", SOUND, "110102********0079", False),
        ("111", SOUND, "110103********0078", False),
        ("111", SOUND, "11010*********0078", False),
        ("111", SOUND, "1101**********0078", False),
        ("111", SOUND, "110102*********078", False),
        ("111", SOUND, "11010219910101*078", False),
        ("111", SOUND, "110102*****0078", False),
        ("111", SOUND, "110102199101010***", False),
        ("111", SOUND, "******************", False),
        ("111", SOUND, "1****************8", False),
        ("111", SOUND, "1101*********0078", False),
        ("414", "E12345678", "e1234 5678", True),
        ("414", "E12345678", "E1***5678", True),
        ("414", "E12345678", "E12***678", False),
        ("414", "E12345678", "E***45678", False),
        ("414", "E1234", "E1*34", False),
        ("414", "E12345678", "E*******8", False),
        ("516", "H1234567801", "H12345678(01)", True),
        ("uscc", "121200004013590816", "12120000-401359081-6", True),
        ("plate", "闽C12345", "闽C·12345", True),
        ("plate", "闽C12345", "闽C•12345", True),
        ("uscc", "121200004013590816", "1212*********90816", True),
        ("uscc", "121200004013590816", "12************0816", False),
        ("plate", "闽C12345", "闽C12346", False),
        ("plate", "闽C12345", "闽C***45", True),
        ("plate", "闽CD12345", "闽C····45", False),
        ("plate", "闽CD12345", "闽C****45", True),
        ("plate", "闽C12345", "闽C****5", False),
        ("plate", "闽C12345", "闽****45", False),
        ("project_code", "2019-350503-48-03-012345", "20193505034803012345", True),
    ],
)
def test_an_echo_names_the_asked_subject_or_not(id_type: str, asked: str, echoed: str, same: bool) -> None:
    """Spelling does not matter; a masked echo counts only when what it shows is enough to tell neighbours apart."""
    assert same_identifier(id_type, asked, echoed) is same
