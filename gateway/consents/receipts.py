"""The receipt a person keeps: what they agreed to, signed, with the proof that the log holds it.

A receipt says what was given when it was given. How the consent stands today is not in it: that moves, and is asked
for. It is the same text each time it is asked for, until a new key signs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.audit.proofs import BadProof, TlogProof
from gateway.audit.reading import proof_of
from gateway.consents.receipt_check import check_proof
from gateway.errors import Conflict
from gateway.records import Entry, EntryKind
from gateway.runtime import Runtime
from gateway.security.receipt_keys import ReceiptKeys

RECEIPT_VERSION = "consent-receipt/1"
GIVING = frozenset({EntryKind.consent_given, EntryKind.consent_renewed})
"""The entries that a receipt can be about."""
_MOVING = frozenset({"state", "uses_left", "events"})
_AT_ONCE = 100


async def receipt_of(
    record: Mapping[str, Any], runtime: Runtime, *, keys: ReceiptKeys, log_keys: Sequence[str]
) -> dict[str, Any]:
    """The receipt of a consent that the caller may read, with what it takes to check it offline.

    `record`: the consent as it is read. `log_keys`: the log's verifier keys. `proof` is None while the entry waits for
    its place in the log: a second later there is one. Raises `Conflict` for a consent that was never given.
    """
    entry = await _given(record["id"], runtime)
    settings = runtime.settings
    claims = claims_of(record, entry, issuer=settings.issuer, log=settings.log_origin)
    proof = await proof_of(entry.id, runtime.store.log, log_keys)
    return {
        "receipt": keys.sign(claims),
        "receipt_key": dict(keys.jwk),
        "entry": entry.id,
        "leaf": entry.leaf.decode(),
        "proof": None if proof is None else proof.text(),
        "verifier_key": _signer_of(proof, entry, log_keys),
    }


def claims_of(record: Mapping[str, Any], entry: Entry, *, issuer: str, log: str) -> dict[str, Any]:
    """What a receipt states. Pure. `log`: the name under which the log signs its checkpoints."""
    return {
        "iss": issuer,
        "iat": int(entry.at.timestamp()),
        "jti": record["id"],
        "sub": record["subject"]["ref"],
        "ver": RECEIPT_VERSION,
        "log": log,
        "entry": entry.id,
        "record": _without_secrets({name: part for name, part in record.items() if name not in _MOVING}),
    }


def _without_secrets(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record less what a receipt that is lost would give away: documents by number, and the device."""
    relationship, evidence = record.get("relationship_evidence"), record["evidence"]
    signatures = [_less(each, "reference") for each in evidence.get("signatures") or ()]
    return {
        **record,
        "relationship_evidence": relationship and _less(relationship, "reference"),
        "evidence": {**_less(evidence, "device"), "signatures": signatures},
    }


def _less(part: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != name}


async def _given(consent_id: str, runtime: Runtime) -> Entry:
    """The entry by which the consent was given."""
    after = ""
    while found := await runtime.store.entries.find(request=consent_id, after=after, limit=_AT_ONCE):
        for entry in found:
            if entry.kind in GIVING:
                return entry
        after = found[-1].id
    raise Conflict("consent_not_given", "This consent was never given, so there is no receipt of it.")


def _signer_of(proof: TlogProof | None, entry: Entry, log_keys: Sequence[str]) -> str:
    """The key that checks the proof: after a rotation the newest checkpoint may still be an older key's."""
    return next((key for key in log_keys if proof is not None and _proves(proof, entry, key)), log_keys[0])


def _proves(proof: TlogProof, entry: Entry, key: str) -> bool:
    try:
        check_proof(proof, entry.leaf, key)
    except BadProof:
        return False
    return True
