"""Entries: canonical, self-describing, and with everything personal sealed."""

import weakref
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from gateway.audit.entries import (
    canonical,
    finding_key,
    make_entry,
    open_private,
    rfc3339,
    subjects_in,
    subjects_of,
)
from gateway.errors import CannotOpen
from gateway.records import EntryKind
from gateway.security import Envelope, KeyRing, Pseudonyms

NOW = datetime(2026, 11, 21, 2, 3, 4, 5, tzinfo=UTC)
ENVELOPE = Envelope(KeyRing([b"k" * 32]))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda children: (
        st.lists(children) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), children)
    ),
    max_leaves=20,
)


def entry(private: Mapping[str, Any] | None = None, **facts: Any) -> Any:
    """An intent of the hall about res_1."""
    return make_entry(
        "aud_1",
        EntryKind.intent,
        NOW,
        caller="hall",
        request="res_1",
        facts=facts,
        private=private,
        sealer=ENVELOPE,
    )


def test_an_entry_says_what_it_is() -> None:
    """The leaf alone names format, id, kind, time, caller and request, beside its facts."""
    made = entry(form=["marriage", 3])

    assert orjson.loads(made.leaf) == {
        "v": 1,
        "id": "aud_1",
        "kind": "intent",
        "at": "2026-11-21T02:03:04.000005Z",
        "caller": "hall",
        "request": "res_1",
        "form": ["marriage", 3],
    }
    assert (made.id, made.kind, made.at, made.request, made.caller) == (
        "aud_1",
        EntryKind.intent,
        NOW,
        "res_1",
        "hall",
    )


def test_an_entry_about_no_request_names_none() -> None:
    """A publication belongs to no resolution."""
    made = make_entry("aud_1", EntryKind.form_published, NOW, caller="admin", request=None, facts={})

    assert made.request is None
    assert "request" not in orjson.loads(made.leaf)
    assert made.sealed is None


def test_the_private_part_is_sealed_under_its_own_entry() -> None:
    """Who worked and on which case opens in its place, and stands nowhere in clear."""
    made = entry(private={"actor": "jj-0317", "case": "350582-2026-000123"})

    assert open_private(made, ENVELOPE) == {"actor": "jj-0317", "case": "350582-2026-000123"}
    assert b"jj-0317" not in made.leaf + made.sealed


def test_the_leaf_commits_to_the_private_part_without_telling_it() -> None:
    """Equal secrets give different commitments, and another private part is noticed when it is opened."""
    private = {"actor": "jj-0317"}
    one, other = entry(private=private), entry(private=private)
    assert orjson.loads(one.leaf)["commit"] != orjson.loads(other.leaf)["commit"]

    with pytest.raises(CannotOpen):
        open_private(structs.replace(one, sealed=other.sealed), ENVELOPE)
    assert open_private(structs.replace(one, sealed=None), ENVELOPE) == {}


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), JSON))
def test_canonical_bytes_do_not_depend_on_the_order_of_keys(document: dict[str, Any]) -> None:
    """Equal facts give equal bytes, and the bytes give the facts back."""
    backwards = dict(reversed(document.items()))

    assert canonical(document) == canonical(backwards)
    assert orjson.loads(canonical(document)) == document
    assert canonical(orjson.loads(canonical(document))) == canonical(document)


@pytest.mark.parametrize("fields", [10, 4_000, 30_000])
def test_a_leaf_always_fits_its_bundle(fields: int) -> None:
    """What is too long for a bundle of entries is sealed beside it instead, and the leaf says what."""
    facts = {
        "fields": {"filled": [f"children.{number}.name" for number in range(fields)]},
        "asks": [["a", 1]],
    }
    made = make_entry(
        "aud_1",
        EntryKind.outcome,
        NOW,
        caller="hall",
        request="res_1",
        facts=facts,
        private={},
        sealer=ENVELOPE,
    )
    told, private = orjson.loads(made.leaf), open_private(made, ENVELOPE)

    assert len(made.leaf) < 65_536
    assert {**told, **private.get("omitted", {})}["fields"] == facts["fields"]
    assert told["asks"] == facts["asks"]
    assert told.get("omitted", []) == sorted(private.get("omitted", {}))
    assert set(told["fields"]) == {"filled"}
    assert ("omitted" in told) is (fields > 10)


def test_on_what_ground_somebody_was_asked_is_never_omitted() -> None:
    """Of an intent too long for a leaf the items go, not the sources, decisions and grounds."""
    items = [f"person.item{number:05d}" for number in range(8_000)]
    facts = {"asks": [["applicant", "civil", items, True, "R-1", "consent:cns_1"]]}
    made = make_entry(
        "aud_1",
        EntryKind.intent,
        NOW,
        caller="hall",
        request="res_1",
        facts=facts,
        private={},
        sealer=ENVELOPE,
    )

    assert orjson.loads(made.leaf)["asks"] == [["applicant", "civil", [], True, "R-1", "consent:cns_1"]]
    assert open_private(made, ENVELOPE)["omitted"] == facts


def test_canonical_is_compact_and_utf8() -> None:
    """No white space, no escapes that are not needed: as RFC 8785 has it."""
    assert canonical({"b": ["姓名", 1], "a": None}) == '{"a":null,"b":["姓名",1]}'.encode()


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_are_written_to_the_microsecond(moment: datetime) -> None:
    """Always the same length, ending in Z, and read back as the same instant."""
    written = rfc3339(moment)

    assert len(written) == len("2026-11-21T02:03:04.000005Z")
    assert datetime.fromisoformat(written) == moment


@pytest.mark.parametrize("hours", [-11, 0, 8])
def test_a_time_is_told_in_utc_whatever_zone_it_came_in(hours: int) -> None:
    """+08:00 is what China writes; the proof must not say eight hours later."""
    zone = timezone(timedelta(hours=hours))
    moment = datetime(2026, 11, 21, 12, tzinfo=UTC).astimezone(zone)

    assert rfc3339(moment) == "2026-11-21T12:00:00.000000Z"


def test_nobody_is_remembered_by_what_finds_them() -> None:
    """Officer and case are sealed beside the leaf: neither they nor the key stay in memory when the digest is made."""
    pseudonyms = Pseudonyms(KeyRing([b"k" * 32]))
    seen = weakref.ref(pseudonyms)
    digest = finding_key("case", " 2026-17 ", pseudonyms.fingerprint)

    assert digest == finding_key("case", "2026-17", pseudonyms.fingerprint)
    assert digest != finding_key("actor", "2026-17", pseudonyms.fingerprint)
    del pseudonyms
    assert seen() is None


@pytest.mark.parametrize(
    ("said", "refs"),
    [
        ({}, set()),
        ({"subject": "sub_1"}, {"sub_1"}),
        ({"subject": None, "subjects": None, "under": None}, set()),
        ({"subjects": ["sub_1", "sub_2"]}, {"sub_1", "sub_2"}),
        ({"subjects": {"applicant": "sub_1", "spouse": "sub_2"}}, {"sub_1", "sub_2"}),
        ({"subjects": {"a": "sub_1"}, "under": {"a": ["sub_3", "sub_4"]}}, {"sub_1", "sub_3", "sub_4"}),
        ({"asks": [["applicant", {"subject": "sub_9"}]], "subject": "sub_1"}, {"sub_1"}),
    ],
)
def test_whom_a_leaf_is_about_is_the_same_in_its_bytes(said: dict[str, Any], refs: set[str]) -> None:
    """However subjects are named, and wherever else the word stands."""
    leaf = {"v": 1, "kind": "intent", "fields": {"filled": ["名字", '"subject"']}, "count": 7, **said}

    assert subjects_of(leaf) == subjects_in(canonical(leaf)) == refs
