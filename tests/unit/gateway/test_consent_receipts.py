"""Receipts: the same text every time, checkable by anybody for ever, and every fault named in plain words."""

import copy
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from types import SimpleNamespace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import OKPKey

from gateway.audit.entries import make_entry
from gateway.audit.guard import Guard
from gateway.audit.note import Signer, Verifier
from gateway.audit.sequencer import Sequencer
from gateway.consents.receipt_check import check_receipt
from gateway.consents.receipts import receipt_of
from gateway.errors import Conflict
from gateway.records import EntryKind, GateRequest, GateWrite
from gateway.security.keys import KeyRing
from gateway.security.receipt_keys import BadReceipt, ReceiptKeys, read_receipt
from gateway.store import MemoryStore
from gateway.watch import LogWatch

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
LOG = "log.example/1"
SIGNER = Signer.from_seed(LOG, b"\x01" * 32)
OLDER = Signer.from_seed(LOG, b"\x02" * 32)
RING = KeyRing([b"\x07" * 32, b"\x08" * 32])
KEYS = ReceiptKeys(RING)

RECORD = {
    "id": "cns_1",
    "state": "given",
    "subject": {"ref": "sub_1", "kind": "person"},
    "purpose": "residence.permit",
    "purpose_text": "办理居住证申领",
    "form": "residence-permit",
    "case": "350582-2026-000123",
    "items": [{"item": "person.name", "permit": True}, {"item": "person.phone", "permit": False}],
    "recipient_departments": ["公安"],
    "not_before": "2026-11-21T02:00:00.000000Z",
    "expires_at": "2026-11-22T02:00:00.000000Z",
    "max_uses": 1,
    "uses_left": 1,
    "relationship_evidence": {"kind": "birth_certificate", "reference": "P350000001", "checked_at": None},
    "evidence": {
        "method": "signature_pad",
        "device": "pad-0317",
        "witness": "clerk-1",
        "signatures": [{"by": "subject", "reference": "scan-77", "sha256": "0" * 64}],
    },
}
FACTS = {
    "subject": "sub_1",
    "purpose": "residence.permit",
    "form": "residence-permit",
    "permitted": ["person.name"],
    "denied": ["person.phone"],
    "recipients": ["公安"],
    "expires_at": "2026-11-22T02:00:00.000000Z",
}


class World:
    """A log in memory, with other entries before and after the one by which a consent was given."""

    def __init__(self, tmp_path, signers=(SIGNER,)):
        self.store = MemoryStore()
        verifiers = [Verifier.parse(each.verifier_key) for each in signers]
        guard = Guard(tmp_path / "log.guard", verifiers)
        self.sequencer = Sequencer(self.store.log, signers, guard, lambda: NOW, LogWatch())
        self.runtime = SimpleNamespace(
            store=self.store, settings=SimpleNamespace(issuer="urn:test", log_origin=LOG)
        )

    async def log(self, number, kind=EntryKind.intent, request="res_1", **facts):
        entry = make_entry(f"aud_{number}", kind, NOW, caller="hall", request=request, facts=facts)
        await self.store.gates.commit([GateRequest((), lambda _: GateWrite(entry, None))])

    async def given(self):
        """The consent's entry, among four others."""
        await self.log(1)
        await self.log(2)
        await self.log(3, EntryKind.consent_given, "cns_1", **FACTS)
        await self.log(4, EntryKind.consent_paused, "cns_1", **FACTS)
        await self.log(5)

    async def receipt(self, record=RECORD, keys=KEYS, log_keys=(SIGNER.verifier_key,)):
        return await receipt_of(record, self.runtime, keys=keys, log_keys=log_keys)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
async def receipt(world):
    """A whole receipt."""
    await world.given()
    await world.sequencer.run()
    return await world.receipt()


def faults(receipt, **keys):
    return check_receipt(orjson.dumps(receipt), **keys).faults


async def test_a_receipt_holds(receipt):
    """Signed, of the entry that gave the consent, and that entry is in the log."""
    found = check_receipt(orjson.dumps(receipt))

    assert found.faults == ()
    assert (receipt["entry"], found.log_size) == ("aud_3", 5)
    assert (found.claims["jti"], found.claims["sub"], found.claims["entry"]) == ("cns_1", "sub_1", "aud_3")
    assert found.claims["iat"] == int(NOW.timestamp())


async def test_any_jose_library_can_check_the_signature(receipt):
    """Header and key are as RFC 7515 and RFC 8037 say; the key's id is its thumbprint (RFC 7638)."""
    key = OKPKey.import_key(receipt["receipt_key"])

    # It would like the newer name of the same algorithm.
    with pytest.warns(SecurityWarning, match="RFC 9864"):
        read = jws.deserialize_compact(receipt["receipt"], key, algorithms=["EdDSA"])

    assert read.headers() == {"alg": "EdDSA", "typ": "consent-receipt+jwt", "kid": key.thumbprint()}
    assert json.loads(read.payload)["record"]["items"] == RECORD["items"]


async def test_it_is_the_same_text_every_time(world, receipt):
    """Whatever became of the consent since: a receipt says what was given."""
    later = await world.receipt({**RECORD, "state": "withdrawn", "uses_left": 0, "events": []})

    assert later["receipt"] == receipt["receipt"]


async def test_it_holds_no_document_numbers_and_no_device(receipt):
    """A receipt that is lost gives away what the person agreed to, and nothing to pass for them with."""
    record = check_receipt(orjson.dumps(receipt)).claims["record"]

    assert "reference" not in record["relationship_evidence"]
    assert record["evidence"]["signatures"] == [{"by": "subject", "sha256": "0" * 64}]
    assert record["evidence"]["witness"] == "clerk-1"
    for secret in ("P350000001", "scan-77", "pad-0317"):
        assert secret not in json.dumps(record)


async def test_while_the_entry_waits_there_is_no_proof_and_it_is_said(world):
    """The receipt is signed already; a second later it has its proof."""
    await world.given()

    waiting = await world.receipt()
    await world.sequencer.run()
    placed = await world.receipt()

    assert waiting["proof"] is None
    assert faults(waiting) == (
        "There is no proof in the file yet: the entry was waiting for its place. Fetch the receipt again.",
    )
    assert waiting["receipt"] == placed["receipt"]
    assert faults(placed) == ()


async def test_what_was_never_given_has_no_receipt(world):
    """A consent that was refused, or only asked for."""
    await world.log(1, EntryKind.consent_withdrawn, "cns_1", **FACTS)

    with pytest.raises(Conflict) as refused:
        await world.receipt()

    assert refused.value.code == "consent_not_given"


async def test_after_a_rotation_the_older_checkpoint_still_proves_it(tmp_path):
    """The key that is handed out is the one under which the proof holds."""
    world = World(tmp_path, signers=(OLDER,))
    await world.given()
    await world.sequencer.run()

    receipt = await world.receipt(log_keys=(SIGNER.verifier_key, OLDER.verifier_key))

    assert receipt["verifier_key"] == OLDER.verifier_key
    assert faults(receipt) == ()


async def test_a_receipt_of_an_older_key_is_checked_with_that_key(world, receipt):
    """All keys of the ring are handed out; the newest signs."""
    older = ReceiptKeys(KeyRing([b"\x08" * 32]))
    before = await world.receipt(keys=older)
    handed_out = KEYS.jwks()["keys"]

    assert [key["kid"] for key in handed_out] == [KEYS.jwk["kid"], older.jwk["kid"]]
    assert faults(before, receipt_key=handed_out[1]) == ()
    assert faults(before, receipt_key=handed_out[0]) == (
        "The receipt's header names another key, algorithm or kind of document.",
    )


# ---------------------------------------------------------------- what may be wrong


def signed(claims):
    """A receipt that the gateway itself signed, whatever it says."""
    return KEYS.sign(claims)


async def test_every_changed_byte_of_the_signed_part_is_found(receipt):
    """One letter of the receipt is another: it is not believed."""
    text = receipt["receipt"]
    for place in range(0, len(text), 7):
        other = "A" if text[place] != "A" else "B"
        changed = {**receipt, "receipt": f"{text[:place]}{other}{text[place + 1 :]}"}

        found = check_receipt(orjson.dumps(changed))

        assert found.faults
        assert found.claims is None


async def test_another_entry_than_the_receipts_is_found(world, receipt):
    """A proof of another entry, however sound, proves nothing about this consent."""
    entries = await world.store.entries.find(request=None, after="", limit=10)
    other = {**receipt, "entry": entries[0].id, "leaf": entries[0].leaf.decode()}

    found = faults(other)

    assert "The log's entry in the file is not the one that the receipt names." in found
    assert "The log's entry in the file does not tell of a consent that was given." in found
    assert "The log's entry in the file is about another consent." in found
    assert "The log's entry in the file is about another person." in found
    assert any("This entry is not entry" in fault for fault in found)


async def test_a_changed_leaf_is_found_by_the_proof(receipt):
    """The leaf is believed for standing under the checkpoint, and for nothing else."""
    changed = {**receipt, "leaf": receipt["leaf"].replace('"caller":"hall"', '"caller":"home"')}

    assert any("This entry is not entry 2 of the log" in fault for fault in faults(changed))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("purpose", "tax.audit"),
        ("form", None),
        ("items", [{"item": "person.name", "permit": True}, {"item": "person.phone", "permit": True}]),
        ("recipient_departments", ["公安", "税务"]),
        ("expires_at", "2027-11-22T02:00:00.000000Z"),
    ],
)
async def test_a_receipt_that_says_more_than_the_log_is_found(name, value, receipt):
    """Even the gateway's own signature does not cover up a record that differs from what was logged."""
    claims = copy.deepcopy(read_receipt(receipt["receipt"], receipt["receipt_key"]))
    claims["record"][name] = value

    found = faults({**receipt, "receipt": signed(claims)})

    assert found
    assert all(fault.startswith("The receipt and the log's entry differ about: ") for fault in found)


async def test_keys_that_the_checker_kept_win_over_those_in_the_file(receipt):
    """Whoever forges a file brings keys that fit it; the keys that were kept do not."""
    forger = ReceiptKeys(KeyRing([b"\x66" * 32]))
    claims = read_receipt(receipt["receipt"], receipt["receipt_key"])
    forged = {**receipt, "receipt": forger.sign(claims), "receipt_key": dict(forger.jwk)}

    assert faults(forged) == ()
    assert faults(forged, receipt_key=KEYS.jwk)
    assert faults(receipt, log_key=OLDER.verifier_key)
    assert faults(receipt, log_key=SIGNER.verifier_key, receipt_key=KEYS.jwk) == ()


async def test_a_log_of_another_name_is_found(receipt):
    """The receipt names its log."""
    claims = {**read_receipt(receipt["receipt"], receipt["receipt_key"]), "log": "another.example/log"}

    assert faults({**receipt, "receipt": signed(claims)}) == (
        "The proof is of another log than the receipt names.",
    )


async def test_a_long_consent_is_checked_by_what_its_entry_still_tells(world):
    """Where the names of items are sealed beside the entry, they are not compared; the rest is."""
    leaf = {**FACTS, "permitted": [], "denied": [], "omitted": ["denied", "permitted"]}
    await world.log(1, EntryKind.consent_given, "cns_1", **leaf)
    await world.sequencer.run()

    assert faults(await world.receipt()) == ()


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["receipt", "receipt_key", "entry", "leaf", "proof", "verifier_key", "x"]), inner, max_size=6
    ),
    max_leaves=12,
).map(lambda document: json.dumps(document).encode()))  # fmt: skip
def test_whatever_the_file_holds_there_is_an_answer(content):
    """Total: a fault in words, never an exception."""
    assert check_receipt(content).faults


@given(st.dictionaries(
    st.sampled_from(["kind", "id", "request", "subject", "purpose", "form", "permitted", "omitted", "recipients"]),
    st.none() | st.integers() | st.lists(st.integers() | st.text(max_size=3), max_size=3) | st.text(max_size=9),
), st.none() | st.text(max_size=60), st.text(max_size=60))  # fmt: skip
def test_whatever_stands_beside_a_signed_receipt_there_is_an_answer(leaf, proof, log_key):
    """Leaf, proof and key are anybody's: they are read without being believed."""
    claims = {"jti": "cns_1", "sub": "sub_1", "entry": "aud_3", "log": LOG, "record": {"items": "x", "id": 7}}
    file = {
        "receipt": signed(claims),
        "receipt_key": dict(KEYS.jwk),
        "entry": "aud_3",
        "leaf": json.dumps(leaf),
        "proof": proof,
        "verifier_key": log_key,
    }

    assert check_receipt(orjson.dumps(file)).faults


@pytest.mark.parametrize(
    "compact",
    [
        "",
        "a.b",
        "a.b.c",
        f"e30.e30.{'A' * 86}",
        f"bnVsbA.e30.{'A' * 86}",
        f"e30=.e30.{'A' * 86}",
        "x" * 1_000_001,
    ],
)
def test_what_is_no_receipt_is_said_to_be_none(compact):
    """Malformed, empty, oversized."""
    with pytest.raises(BadReceipt):
        read_receipt(compact, KEYS.jwk)


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"kty": "RSA", "n": "x", "e": "AQAB"},
        {"kty": "OKP", "crv": "Ed448", "x": "x"},
        {"kty": "OKP", "crv": "Ed25519", "x": 7},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
        {"kty": "OKP", "crv": "Ed25519", "x": "é"},
    ],
)
def test_a_key_that_is_none_checks_nothing(key):
    """Only an Ed25519 public key does."""
    with pytest.raises(BadReceipt):
        read_receipt(signed({"jti": "cns_1"}), key)


def test_an_access_token_is_no_receipt():
    """Same ring, other purpose: neither key checks what the other signed, and the kind is compared."""
    assert KEYS.jwk["x"] not in str(RING.derive("access-token-signing"))
    token = signed({"jti": "cns_1"}).split(".")
    header = orjson.dumps({"alg": "EdDSA", "typ": "at+jwt", "kid": KEYS.jwk["kid"]})
    other = ".".join([urlsafe_b64encode(header).rstrip(b"=").decode(), *token[1:]])
    with pytest.raises(BadReceipt, match="another key, algorithm or kind"):
        read_receipt(other, KEYS.jwk)
