"""Checking a receipt offline, years later, on any machine: every fault in plain words. Pure.

Three things are looked at in turn: that the gateway signed the receipt; that the log's entry beside it is the one the
receipt names and tells of the same consent; that this entry is under a checkpoint which the log signed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.audit.note import BadKey, BadNote, Checkpoint, Verifier
from gateway.audit.proofs import BadProof, TlogProof
from gateway.audit.shards import in_shard, shard_of
from gateway.audit.tree import leaf_hash
from gateway.security.receipt_keys import BadReceipt, read_receipt

_GIVING = {"consent.given", "consent.renewed"}
_PARTS = ("receipt", "receipt_key", "entry", "leaf", "proof", "verifier_key")


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found. `faults`: one sentence each, none when the receipt holds.

    `claims`: what the receipt states; None when its signature does not hold. `log_size`: entries under the checkpoint.
    """

    faults: tuple[str, ...]
    claims: Mapping[str, Any] | None = None
    log_size: int | None = None


def check_receipt(
    content: bytes, *, log_key: str | None = None, receipt_key: Mapping[str, Any] | None = None
) -> Checked:
    """What is wrong with a receipt file. Total: whatever the bytes are, there is an answer.

    `log_key`, `receipt_key`: keys the checker has kept. Without them those in the file are used, and then the check
    shows only that the file agrees with itself.
    """
    try:
        file = _file(content)
        claims = read_receipt(file["receipt"], receipt_key or file["receipt_key"])
    except BadReceipt as bad:
        return Checked((str(bad),))
    leaf, faults = _leaf(file["leaf"])
    faults += tuple(_disagreements(claims, leaf, file["entry"])) if leaf is not None else ()
    if file["proof"] is None:
        waiting = (
            "There is no proof in the file yet: the entry was waiting for its place. Fetch the receipt again."
        )
        return Checked((*faults, waiting), claims)
    fault, size = _proof(file, claims, log_key or file["verifier_key"])
    return Checked((*faults, *fault), claims, size)


def _file(content: bytes) -> dict[str, Any]:
    try:
        file = orjson.loads(content)
    except orjson.JSONDecodeError:
        file = None
    if not isinstance(file, dict) or not all(name in file for name in _PARTS):
        raise BadReceipt(f"This is not a receipt file: it is a JSON object with {', '.join(_PARTS)}.")
    texts = all(isinstance(file[name], str) for name in ("receipt", "entry", "leaf", "verifier_key"))
    proof_is_text = file["proof"] is None or isinstance(file["proof"], str)
    if not texts or not proof_is_text or not isinstance(file["receipt_key"], dict):
        raise BadReceipt("This is not a receipt file: a part of it is of the wrong kind.")
    return file


def _leaf(text: str) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    try:
        leaf = orjson.loads(text)
    except orjson.JSONDecodeError:
        leaf = None
    if not isinstance(leaf, dict):
        return None, ("The log's entry in the file is not readable; a part of it is missing.",)
    return leaf, ()


def _disagreements(claims: Mapping[str, Any], leaf: Mapping[str, Any], entry: str) -> Iterator[str]:
    """Where the signed receipt and the log's entry tell different stories."""
    record = claims.get("record")
    record = record if isinstance(record, Mapping) else {}
    if not claims.get("entry") == entry == leaf.get("id"):
        yield "The log's entry in the file is not the one that the receipt names."
    if str(leaf.get("kind")) not in _GIVING:
        yield "The log's entry in the file does not tell of a consent that was given."
    if not claims.get("jti") == record.get("id") == leaf.get("request"):
        yield "The log's entry in the file is about another consent."
    if claims.get("sub") != leaf.get("subject"):
        yield "The log's entry in the file is about another person."
    omitted = leaf.get("omitted")  # of a very long consent the entry keeps the names of items sealed
    for name, told in _told(record):
        if leaf.get(name) != told and not (isinstance(omitted, list) and name in omitted):
            yield f"The receipt and the log's entry differ about: {name}."


def _told(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What the entry must say, going by the record."""
    items = [each for each in record.get("items") or () if isinstance(each, Mapping)]
    yield "purpose", record.get("purpose")
    yield "form", record.get("form")
    yield "permitted", sorted(str(each.get("item")) for each in items if each.get("permit"))
    yield "denied", sorted(str(each.get("item")) for each in items if not each.get("permit"))
    yield "recipients", sorted(str(each) for each in record.get("recipient_departments") or ())
    yield "expires_at", record.get("expires_at")


def _proof(
    file: Mapping[str, Any], claims: Mapping[str, Any], log_key: str
) -> tuple[tuple[str, ...], int | None]:
    try:
        checkpoint = check_proof(TlogProof.parse(file["proof"]), file["leaf"].encode(), log_key)
    except (BadKey, BadProof) as bad:
        return (str(bad),), None
    if Verifier.parse(log_key).name != claims.get("log"):
        return ("The proof is of another log than the receipt names.",), None
    return (), checkpoint.size


def check_proof(proof: TlogProof, leaf: bytes, log_key: str) -> Checkpoint:
    """The checkpoint under which that log holds this leaf, in whichever of its trees. Raises `BadProof`, `BadKey`.

    `log_key`: as the log's first tree names it; the same key signs them all.
    """
    verifier = Verifier.parse(log_key)
    try:
        shard = shard_of(verifier.name, proof.checkpoint.partition("\n")[0])
    except BadNote as bad:
        raise BadProof(f"The checkpoint in this proof cannot be relied on. {bad}") from bad
    return proof.check(leaf_hash(leaf), [in_shard(verifier, shard)])
