"""Registration numbers of organisations, and whose passports are: checked as the rules say, refused with a sentence."""

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import field_registry
from field_registry.countries import COUNTRIES, ISSUERS
from field_registry.errors import BadIdentifier
from field_registry.identifiers import (
    ISSUED_BY_COUNTRIES,
    issuing_country,
    registration_number,
    same_identifier,
    subject_from,
)
from field_registry.subjects import Subject, SubjectKind

SHIPPED = Path(field_registry.__file__).parent / "data" / "codes" / "country.csv"
MADE_UP = "110108000000016"  # the example of GS 15—2006 gives the same check digit


def check_digit(first: str) -> str:
    """By the words of ISO 7064, MOD 11,10, step by step: independently of the library that is used."""
    rest = 10
    for digit in first:
        added = (rest + int(digit)) % 10 or 10
        rest = added * 2 % 11
    return str((11 - rest) % 10)


@pytest.mark.parametrize(
    "spelling",
    [MADE_UP, "1101 0800 0000 016", "１１０１０８０００００００１６", "110108-000000016", f" {MADE_UP}\n"],
)
def test_every_spelling_of_a_registration_number_gives_one(spelling: str) -> None:
    """Spaces, width and hyphens do not matter."""
    assert registration_number(spelling) == MADE_UP


@given(st.text("0123456789", min_size=14, max_size=14))
def test_the_check_digit_is_that_of_the_standard(first: str) -> None:
    """Of ten possible ones exactly one is taken."""
    right = check_digit(first)

    assert registration_number(first + right) == first + right
    for wrong in set("0123456789") - {right}:
        with pytest.raises(BadIdentifier) as refused:
            registration_number(first + wrong)
        assert refused.value.code == "check_digit"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("", "length"),
        (MADE_UP[:-1], "length"),
        (f"{MADE_UP}1", "length"),
        ("91350582M000000000", "length"),
        ("11010800000001X", "characters"),
        ("110108000000019", "check_digit"),
        ("110180000000016", "check_digit"),
    ],
)
def test_a_bad_registration_number_is_refused_without_being_repeated(number: str, code: str) -> None:
    """With a code and what to do; never with the number."""
    with pytest.raises(BadIdentifier) as refused:
        registration_number(number)

    assert refused.value.code == code
    assert not number or number not in str(refused.value)


def test_an_organisation_is_named_by_either_number() -> None:
    """Each makes a subject of its own; both at once say nothing of which is meant."""
    by_number = subject_from({"kind": "organisation", "reg_no": "1101 0800 0000 016"})

    assert by_number == Subject(SubjectKind.organisation, "reg_no", MADE_UP)
    with pytest.raises(BadIdentifier) as refused:
        subject_from({"kind": "organisation", "reg_no": MADE_UP, "uscc": "91350100M000100Y43"})
    assert refused.value.code == "two_identifiers"
    with pytest.raises(BadIdentifier):
        subject_from({"kind": "person", "reg_no": MADE_UP})


def test_a_register_may_write_the_number_as_it_likes() -> None:
    """Its echo is compared without spaces and hyphens, and another number is another organisation."""
    assert same_identifier("reg_no", MADE_UP, "110108-0000 00016")
    assert not same_identifier("reg_no", MADE_UP, "110108000000024")


# ---------------------------------------------------------------- passports


def passport(**more: Any) -> Subject:
    """A passport of that number."""
    return subject_from({"kind": "person", "id_type": "414", "id_no": "e12345678", **more})


def test_one_number_of_two_countries_is_two_people() -> None:
    """And without a country it is neither's: nothing is assumed."""
    french, chinese, unknown = passport(issuer="FRA"), passport(issuer="chn"), passport()

    assert len({french, chinese, unknown}) == 3
    assert (french.issuer, chinese.issuer, unknown.issuer) == ("FRA", "CHN", "")
    assert passport(issuer=" ＦＲＡ ") == french
    assert passport(issuer=None) == unknown
    assert "E12345678" not in repr(french)


@pytest.mark.parametrize("issuer", ["", "FR", "FRANCE", "法国", "QQQ", "F1A"])
def test_a_country_that_is_none_is_refused(issuer: str) -> None:
    """A mistyped country would be a new person."""
    with pytest.raises(BadIdentifier) as refused:
        passport(issuer=issuer)

    assert refused.value.code in ("unknown_issuer", "missing")


@pytest.mark.parametrize("id_type", ["111", "511", "516", "553", "990"])
def test_a_document_of_one_office_names_no_country(id_type: str) -> None:
    """What only one country issues has no other number of another."""
    with pytest.raises(BadIdentifier) as refused:
        issuing_country(id_type, "CHN")

    assert refused.value.code == "issuer_not_taken"
    assert id_type not in ISSUED_BY_COUNTRIES


def test_the_countries_are_those_of_the_code_list() -> None:
    """Every country that the shipped list knows, and issuers that are none."""
    rows = csv.DictReader(SHIPPED.read_text("utf-8").splitlines())

    assert {row["code"] for row in rows if not row["retired_to"]} == COUNTRIES
    assert {"UNO", "XXA"} <= ISSUERS
    assert "QQQ" not in ISSUERS
