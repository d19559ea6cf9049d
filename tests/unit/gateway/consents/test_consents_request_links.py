"""The secrets around a request: each is bound to one request and one purpose, and none is made without the key."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_registry import subject_from
from gateway.consents.request_links import (
    form_nonce,
    is_nonce_of,
    link_digest,
    link_secret,
    new_session,
    proof_characters,
    proof_of,
    session_of,
)
from gateway.security import KeyRing, Pseudonyms

NOW = datetime(2026, 11, 21, 2, 3, 4, 567_000, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
OURS, THEIRS = (Pseudonyms(KeyRing.ephemeral()).fingerprint for _ in range(2))


def test_a_link_has_enough_that_cannot_be_guessed() -> None:
    """192 bits in 32 characters that need no escaping; the same request gives the same one under the same key only."""
    secret = link_secret("crq_1", OURS)

    assert len(secret) == 32
    assert secret.replace("-", "").replace("_", "").isalnum()
    assert secret == link_secret("crq_1", OURS)
    assert secret not in (link_secret("crq_2", OURS), link_secret("crq_1", THEIRS))


def test_what_is_stored_of_a_link_is_not_the_link() -> None:
    """A digest under the key: who reads the database opens nothing."""
    secret = link_secret("crq_1", OURS)
    stored = link_digest(secret, OURS)

    assert secret not in stored
    assert len(stored) == 64
    assert stored != link_digest(secret, THEIRS)


@pytest.mark.parametrize(
    ("payload", "characters"),
    [
        ({"kind": "person", "id_type": "111", "id_no": "35058219910603996x"}, "996X"),
        ({"kind": "person", "id_type": "414", "id_no": "e12345678"}, "5678"),
        ({"kind": "vehicle", "plate_number": "闽C12345"}, "2345"),
    ],
)
def test_a_person_confirms_by_the_end_of_their_number(payload: dict[str, str], characters: str) -> None:
    """Of whatever identifies them, as it is normalised."""
    assert proof_characters(subject_from(payload)) == characters


def test_a_proof_is_bound_to_its_request() -> None:
    """The same four characters are another digest for another request: one cannot be tried on many."""
    assert proof_of("crq_1", "996X", OURS) == proof_of("crq_1", " ９９６x", OURS)
    assert (
        len(
            {
                proof_of("crq_1", "996X", OURS),
                proof_of("crq_2", "996X", OURS),
                proof_of("crq_1", "996X", THEIRS),
            }
        )
        == 3
    )


def test_a_session_is_read_back_as_it_began() -> None:
    """By its cookie, to the millisecond."""
    session = new_session("crq_1", NOW, OURS)

    assert session_of("crq_1", session.cookie, NOW, QUARTER, OURS) == session
    assert session.confirmed_at == NOW


def test_two_sessions_differ() -> None:
    """Also of one request at one moment."""
    assert new_session("crq_1", NOW, OURS).cookie != new_session("crq_1", NOW, OURS).cookie


@pytest.mark.parametrize(
    ("request_id", "later", "fingerprint", "is_one"),
    [
        ("crq_1", timedelta(0), OURS, True),
        ("crq_1", QUARTER - timedelta(milliseconds=1), OURS, True),
        ("crq_1", QUARTER, OURS, False),
        ("crq_2", timedelta(0), OURS, False),
        ("crq_1", timedelta(0), THEIRS, False),
    ],
)
def test_a_session_is_good_for_one_request_and_a_while(
    request_id: str, later: timedelta, fingerprint: object, is_one: bool
) -> None:
    """Under the key that made it; its end is exclusive."""
    cookie = new_session("crq_1", NOW, OURS).cookie

    found = session_of(request_id, cookie, NOW + later, QUARTER, fingerprint)  # type: ignore[arg-type]

    assert (found is not None) is is_one


@given(st.text(max_size=200))
def test_no_other_cookie_is_a_session(cookie: str) -> None:
    """Whatever it holds: none, and no error."""
    assert session_of("crq_1", cookie, NOW, QUARTER, OURS) is None


def test_a_changed_cookie_is_none() -> None:
    """Every character counts: none of them can be another."""
    cookie = new_session("crq_1", NOW, OURS).cookie
    changed = [
        cookie[:place] + ("0" if each != "0" else "1") + cookie[place + 1 :]
        for place, each in enumerate(cookie)
    ]

    assert [each for each in changed if session_of("crq_1", each, NOW, QUARTER, OURS)] == []


def test_a_nonce_is_good_for_one_step_of_one_session() -> None:
    """Another step's, another session's or anything else is refused."""
    session, other = (new_session("crq_1", NOW, OURS) for _ in range(2))
    nonce = form_nonce(session, "answer.1", OURS)

    assert is_nonce_of(nonce, session, "answer.1", OURS)
    assert not is_nonce_of(nonce, session, "answer.2", OURS)
    assert not is_nonce_of(nonce, other, "answer.1", OURS)
    assert not is_nonce_of("甲" * 64, session, "answer.1", OURS)
    assert not is_nonce_of("", session, "answer.1", OURS)


def test_every_purpose_gives_another_digest() -> None:
    """What is told to a browser for one purpose is never what is stored for another."""
    session = new_session("crq_1", NOW, OURS)
    digests = {
        link_secret("x", OURS),
        link_digest("x", OURS),
        proof_of("x", "", OURS),
        form_nonce(session, "x", OURS),
        OURS(b"x"),
    }

    assert len(digests) == 5
