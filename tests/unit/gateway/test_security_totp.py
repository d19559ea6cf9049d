"""One-time codes and passwords of operators."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.errors import NotValid
from gateway.security.passwords import hash_password, is_password, new_password, require_acceptable
from gateway.security.totp import accepted_step, code_at, new_secret, provisioning_uri

RFC_SECRET = b"12345678901234567890"
NOW = datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)
STEP = timedelta(seconds=30)
PRESENT = int(NOW.timestamp()) // 30
HASHED = hash_password("correct horse battery")


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_codes_are_those_of_the_rfc(at: int, code: str) -> None:
    """RFC 6238, appendix B, SHA-1; its eight digits end in our six."""
    assert code_at(RFC_SECRET, datetime.fromtimestamp(at, UTC)) == code


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_one_step_to_either_side_is_taken_and_named(shift: int) -> None:
    """A clock that is off by a little does not keep its owner out."""
    assert accepted_step(RFC_SECRET, code_at(RFC_SECRET, NOW + shift * STEP), NOW) == PRESENT + shift


@pytest.mark.parametrize("shift", [-3, -2, 2, 3])
def test_two_steps_away_is_too_far(shift: int) -> None:
    """What was seen a minute ago opens nothing."""
    assert accepted_step(RFC_SECRET, code_at(RFC_SECRET, NOW + shift * STEP), NOW) is None


@pytest.mark.parametrize("code", ["", "000000", "12345", "１２３４５６", "1234567"])
def test_what_is_no_code_is_refused(code: str) -> None:
    """Too short, too long, in other digits: no."""
    assert accepted_step(RFC_SECRET, code, NOW) is None


def test_an_authenticator_is_told_everything_it_needs() -> None:
    """The address names the account and the issuer, and holds the secret."""
    uri = urlsplit(provisioning_uri(new_secret(), account="wang", issuer="OnceGate"))

    assert (uri.scheme, uri.netloc, uri.path) == ("otpauth", "totp", "/OnceGate:wang")
    assert len(parse_qs(uri.query)["secret"][0]) == 32


def test_a_password_is_known_by_its_hash_alone() -> None:
    """Right is right, everything else is not, and nobody without a hash has any."""
    assert is_password("correct horse battery", HASHED)
    assert not is_password("correct horse batterz", HASHED)
    assert not is_password("correct horse battery", None)
    assert not is_password("correct horse battery" + "x" * 100, HASHED)
    assert "correct" not in HASHED


def test_two_hashes_of_one_password_differ() -> None:
    """Each has its own salt."""
    assert hash_password("correct horse battery") != HASHED


def test_one_time_passwords_are_long_and_differ() -> None:
    """Four groups of five letters and digits that nobody misreads."""
    made = {new_password() for _ in range(50)}

    assert len(made) == 50
    assert all(len(each) == 23 and not set(each) & set("0O1lIi") for each in made)


@pytest.mark.parametrize(
    "password",
    ["short", "x" * 65, "the old password", "wang-is-my-login", "aaaaaaaaaaaaaaaa", "汉" * 64 + "漢"],
)
def test_a_bad_password_is_refused_with_a_reason(password: str) -> None:
    """Too short or long, the old one, made of the login or of one letter."""
    with pytest.raises(NotValid, match="password_not_acceptable") as caught:
        require_acceptable(password, before="the old password", login="wang")
    assert password not in caught.value.detail


@pytest.mark.parametrize("password", ["four words make one", "龙腾虎跃马到成功万事如意"])
def test_a_good_password_is_taken(password: str) -> None:
    """Length counts, in any script."""
    require_acceptable(password, before="the old password", login="wang")
