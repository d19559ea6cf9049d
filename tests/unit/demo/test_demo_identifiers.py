"""Identifiers of the city: made, valid, told apart from real ones."""

from datetime import date

import pytest

from field_registry.identifiers import resident_id as checked
from gateway.demo import identifiers


def test_a_fifteen_digit_number_is_the_same_person() -> None:
    """The old form of a number is normalised back to the number itself."""
    number = identifiers.resident_id("350582", date(1978, 3, 9), 911)

    assert checked(identifiers.fifteen_digits(number)) == number


@pytest.mark.parametrize("serial", [1, 2, 3, 5, 8, 13, 99, 123456])
def test_organisation_codes_have_their_check_character(serial: int) -> None:
    """The nine characters sum to a multiple of eleven under the weights of GB 11714."""
    code = identifiers.organisation_code(serial)
    weights = (3, 7, 9, 10, 5, 8, 4, 2, 1)
    values = [10 if char == "X" and at == 8 else int(char, 36) for at, char in enumerate(code)]

    assert sum(v * w for v, w in zip(values, weights, strict=True)) % 11 == 0


def test_vehicle_identification_numbers_have_their_check_digit() -> None:
    """The worked example of the standard's arithmetic: seventeen characters, no I, O or Q, unlike per serial."""
    numbers = {identifiers.vehicle_identification(serial) for serial in range(1, 50)}

    assert len(numbers) == 49
    assert all(len(number) == 17 and not set("IOQ") & set(number) for number in numbers)
    assert {number[8] for number in numbers} <= set("0123456789X")


def test_project_codes_have_the_national_shape() -> None:
    """Year and month, division, industry, kind, serial number."""
    assert identifiers.project_code("350582", date(2026, 3, 1), 7) == "2603-350582-04-01-900007"
